"""The plan played with real TLS, and the model beside it; nothing is imported here: OpenSSL loads slowly."""
