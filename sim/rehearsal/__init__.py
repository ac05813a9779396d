"""The plan played with real TLS, and the model beside it; imported only when asked for: OpenSSL loads slowly."""
