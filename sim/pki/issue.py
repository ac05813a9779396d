"""The simulator's own certificate authority (model 3.1).

The same arguments give the same bytes in every run on every machine: both keys are published test
keys (RFC 9500 section 2.1), a PKCS #1 v1.5 signature has no randomness (RFC 8017 section 8.2), and a
serial number is a hash of what the certificate says. The keys are known to everyone: what they sign
identifies certificates in a simulation and secures nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache, lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sim.pki.names import certified_name
from sim.world.certificates import Issuer

EARLIEST: Final = datetime(1950, 1, 1, tzinfo=UTC)
"""No earlier instant can be written: UTCTime begins here (RFC 5280 4.1.2.5.1)."""
LATEST: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""No later instant can be written: GeneralizedTime has four digits for the year (RFC 5280 4.1.2.5.2)."""
_AUTHORITY_KEY: Final = "rfc9500_rsa4096.pem"


@cache
def authority() -> x509.Certificate:
    """The simulator's self-signed authority, valid for as long as a certificate can say."""
    name = "reissue simulation authority"
    serial = _serial_number("authority", EARLIEST, LATEST)
    return _signed(name, _key(_AUTHORITY_KEY), serial, EARLIEST, LATEST, _key_usage(server=False))


@lru_cache(maxsize=1024)
def issue(
    *, generation: int, host: str, not_before: datetime, not_after: datetime, issuer: Issuer
) -> x509.Certificate:
    """Issue the server's certificate number `generation`, by the simulator's `authority`.

    It meets the Kaspersky requirements for the types M and MR, and Apple's for trusted certificates, but
    for its length, which is the scenario's to judge (model 3.2): RSA of 2048 bits and SHA-256; basic
    constraints CA true without path length; key usage digital signature, key encipherment, certificate and
    CRL signing; extended key usage server authentication; the host as subject alternative name.

    It is valid on [not_before, not_after) (model 1.4): the simulator refuses it from the second of notAfter
    on, as OpenSSL up to 3.x does, where RFC 5280 4.1.2.5 still counts that one second in. Certificates of
    different arguments differ in their serial number, thus in their fingerprint.

    Args:
        host: the connection address without its port: a DNS name (an international one in either form), or
            an IPv4 or IPv6 literal.
        not_before, not_after: whole seconds, aware, from 1950 to 9999.
        issuer: whose certificate it plays: the server's own, or one that the administrator brought.

    Raises:
        ValueError: no certificate can name the host, or have these dates.
    """
    # A signature takes 6 ms, and the replications of a study ask for the same certificates again.
    name = certified_name(host)
    begin, end = not_before.astimezone(UTC), not_after.astimezone(UTC)
    identifier = authority().extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return _signed(
        f"Mobile Administration Server {generation} ({issuer})",
        server_key(),
        _serial_number(generation, name, begin, end, issuer),
        begin,
        end,
        _key_usage(server=True),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
        x509.SubjectAlternativeName([x509.DNSName(name) if isinstance(name, str) else x509.IPAddress(name)]),
        x509.SubjectKeyIdentifier.from_public_key(server_key().public_key()),
        x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
    )


@cache
def server_key() -> RSAPrivateKey:
    """The private key of every certificate issued here: testRSA2048 of RFC 9500, known to everyone."""
    return _key("rfc9500_rsa2048.pem")


def _signed(
    common_name: str,
    key: RSAPrivateKey,
    serial_number: int,
    not_before: datetime,
    not_after: datetime,
    usage: x509.KeyUsage,
    *others: x509.ExtensionType,
) -> x509.Certificate:
    """A certificate of a key, signed by the authority's; its own where there are no other extensions."""
    subject = _subject(common_name)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority().subject if others else subject)
        .public_key(key.public_key())
        .serial_number(serial_number)
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
    )
    for extension in others or (x509.SubjectKeyIdentifier.from_public_key(key.public_key()),):
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(_key(_AUTHORITY_KEY), SHA256())


@cache
def _key(file_name: str) -> RSAPrivateKey:
    # The consistency check of a fixed key takes half a second; the tests make it once.
    text = files("sim.pki").joinpath(file_name).read_bytes()
    key = load_pem_private_key(text, password=None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, RSAPrivateKey)
    return key


def _subject(common_name: str) -> x509.Name:
    organization = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Simulation, secures nothing")
    return x509.Name([organization, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _key_usage(*, server: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=server,
        content_commitment=False,
        key_encipherment=server,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def _serial_number(*content: object) -> int:
    """159 bits of a hash: positive, and at most 20 octets (RFC 5280 4.1.2.2)."""
    digest = sha256("\n".join(map(str, content)).encode()).digest()
    return int.from_bytes(digest[:20]) >> 1
