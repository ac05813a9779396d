"""The simulator's own certificate authority (model 3.1).

The same arguments give the same bytes in every run on every machine: both keys are published test
keys (RFC 9500 section 2.1), a PKCS #1 v1.5 signature has no randomness (RFC 8017 section 8.2), and a
serial number is a hash of what the certificate says. The keys are known to everyone: what they sign
identifies certificates in a simulation and secures nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import Final, get_args

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sim.pki.names import certified_name
from sim.world.certificates import Issuer

EARLIEST: Final = datetime(1950, 1, 1, tzinfo=UTC)
"""No earlier instant can be written: UTCTime begins here (RFC 5280 4.1.2.5.1)."""
LATEST: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""No later instant can be written: GeneralizedTime has four digits for the year (RFC 5280 4.1.2.5.2)."""


@dataclass(frozen=True)
class IssuedCertificate:
    """A certificate of the server; `fingerprint` is its identity (model 3.1).

    It is valid on [not_before, not_after), whole seconds in UTC (model 1.4). `der` carries `not_after` as
    its notAfter field, unchanged: the simulator refuses the certificate from that second on, as OpenSSL
    up to 3.x does, where RFC 5280 4.1.2.5 still counts that one second in.
    """

    generation: int
    not_before: datetime
    not_after: datetime
    der: bytes = field(repr=False)
    fingerprint: str
    """`sha256:` and the hash of `der`, in hexadecimal."""

    @property
    def x509(self) -> x509.Certificate:
        """The certificate, parsed from `der` (each time: a parsed one cannot be pickled)."""
        return x509.load_der_x509_certificate(self.der)

    @property
    def pem(self) -> str:
        """The certificate as PEM (RFC 7468)."""
        return self.x509.public_bytes(Encoding.PEM).decode("ascii")


@cache
def authority() -> x509.Certificate:
    """The simulator's self-signed authority, valid for as long as a certificate can say."""
    name = _subject("reissue simulation authority")
    key = _key("rfc9500_rsa4096.pem")
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(_serial_number("authority", EARLIEST, LATEST))
        .not_valid_before(EARLIEST)
        .not_valid_after(LATEST)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_key_usage(server=False), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )


def issue(
    *, generation: int, host: str, not_before: datetime, not_after: datetime, issuer: Issuer
) -> IssuedCertificate:
    """Issue the server's certificate number `generation`, by the simulator's `authority`.

    It meets the Kaspersky requirements for the types M and MR, and Apple's for trusted certificates, but
    for its length, which is the scenario's to judge (model 3.2): RSA of 2048 bits and SHA-256; basic
    constraints CA true without path length; key usage digital signature, key encipherment, certificate and
    CRL signing; extended key usage server authentication; the host as subject alternative name.

    `issuer` says whose certificate it plays: the server's own, or one that the administrator brought.
    Certificates of different arguments differ in their serial number, thus in their fingerprint.

    `host` is the connection address without its port: a DNS name (an international one in either form), or
    an IPv4 or IPv6 literal. Dates are whole seconds with a time zone, from 1950 to 9999.

    Raises:
        ValueError: an argument is none of these, or `not_after` is not after `not_before`.
    """
    if generation < 0:
        raise ValueError(f"a generation is 0 or more, not {generation}")
    if issuer not in get_args(Issuer):
        raise ValueError(f"the issuer is one of {', '.join(get_args(Issuer))}, not {issuer!r}")
    begin, end = _instant("not_before", not_before), _instant("not_after", not_after)
    if end <= begin:
        raise ValueError(f"not_after ({end.isoformat()}) is later than not_before ({begin.isoformat()})")
    return _signed(generation, _alternative_name(host), begin, end, issuer)


@cache
def server_key() -> RSAPrivateKey:
    """The private key of every certificate issued here: testRSA2048 of RFC 9500, known to everyone."""
    return _key("rfc9500_rsa2048.pem")


@lru_cache(maxsize=1024)
def _signed(
    generation: int,
    name: x509.DNSName | x509.IPAddress,
    not_before: datetime,
    not_after: datetime,
    issuer: Issuer,
) -> IssuedCertificate:
    # A signature takes 6 ms, and the replications of a study ask for the same certificates again.
    public_key = server_key().public_key()
    issued_by = authority()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_subject(f"Mobile Administration Server {generation} ({issuer})"))
        .issuer_name(issued_by.subject)
        .public_key(public_key)
        .serial_number(_serial_number(generation, name.value, not_before, not_after, issuer))
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_key_usage(server=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
                issued_by.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
            ),
            critical=False,
        )
        .sign(_key("rfc9500_rsa4096.pem"), SHA256())
    )
    der = certificate.public_bytes(Encoding.DER)
    return IssuedCertificate(generation, not_before, not_after, der, f"sha256:{sha256(der).hexdigest()}")


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


def _instant(argument: str, instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError(f"{argument} needs a time zone, and {instant.isoformat()} has none")
    if instant.microsecond:
        raise ValueError(f"{argument} is a whole second (model 1.1), not {instant.isoformat()}")
    try:
        in_utc = instant.astimezone(UTC)
    except OverflowError:
        in_utc = None
    if in_utc is None or not EARLIEST <= in_utc <= LATEST:
        raise ValueError(
            f"{argument} is between {EARLIEST.isoformat()} and {LATEST.isoformat()},"
            f" as a certificate can write no other instant; {instant.isoformat()} is not"
        )
    return in_utc


def _alternative_name(host: str) -> x509.DNSName | x509.IPAddress:
    name = certified_name(host)
    return x509.DNSName(name) if isinstance(name, str) else x509.IPAddress(name)
