"""What the requirements ask about: one certificate with its surroundings, each question answered once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

from sim.pki.chain import is_self_signed
from sim.pki.reading import Material

_E = TypeVar("_E", bound=x509.ExtensionType)


@dataclass(frozen=True)
class Subject:
    """A certificate under examination.

    Attributes:
        material: the certificate with its chain and key.
        host: that devices dial, without port; None: not known.
        at: the instant in question, aware; None: dates are not judged.
    """

    material: Material
    host: str | None
    at: datetime | None

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate itself."""
        return self.material.certificate

    @property
    def not_before(self) -> datetime:
        """The first second at which it is valid."""
        return self.certificate.not_valid_before_utc

    @property
    def not_after(self) -> datetime:
        """The first second at which OpenSSL refuses it; RFC 5280 still counts it as valid (model 1.4)."""
        return self.certificate.not_valid_after_utc

    @property
    def life_s(self) -> int:
        """How long it is valid: notAfter less notBefore, in seconds."""
        return int((self.not_after - self.not_before).total_seconds())

    @cached_property
    def names(self) -> list[x509.GeneralName]:
        """The subject alternative names; none where the extension is missing."""
        return list(extension(self.certificate, x509.SubjectAlternativeName) or ())

    @cached_property
    def extended_usages(self) -> list[x509.ObjectIdentifier] | None:
        """The extended key usages; None where the extension is missing."""
        usages = extension(self.certificate, x509.ExtendedKeyUsage)
        return None if usages is None else list(usages)


def extension(certificate: x509.Certificate, kind: type[_E]) -> _E | None:
    """The value of an extension, or None where the certificate has none of that kind."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def key_words(certificate: x509.Certificate) -> str:
    """The kind and size of its key, such as `RSA of 2048 bits`."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA of {key.key_size} bits"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"elliptic curve {key.curve.name} of {key.curve.key_size} bits"
    if isinstance(key, dsa.DSAPublicKey):
        return f"DSA of {key.key_size} bits"
    return type(key).__name__.lstrip("_").removesuffix("PublicKey")


def rsa_bits(certificate: x509.Certificate) -> int | None:
    """The size of its RSA key in bits; None for other kinds of keys."""
    key = certificate.public_key()
    return key.key_size if isinstance(key, rsa.RSAPublicKey) else None


def signature_hash(certificate: x509.Certificate) -> str:
    """The hash within its signature algorithm, such as `sha256`; empty where it names none that is known."""
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return ""
    return "" if algorithm is None else algorithm.name


def signed_by_others(certificate: x509.Certificate) -> bool:
    """Whether its signature is one that a verifier looks at: not a root's own."""
    return not is_self_signed(certificate)
