"""The plan played for real: a TLS server on loopback, devices that connect, and the model beside them.

`sim.rehearsal.study` puts the parts together; nothing is imported here, since OpenSSL takes time to load.
"""
