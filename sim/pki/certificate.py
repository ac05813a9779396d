"""What a certificate says, and which certificate issued which (RFC 5280 6.1)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding

from sim.errors import visible

_E = TypeVar("_E", bound=x509.ExtensionType)


def fingerprint_of(certificate: x509.Certificate) -> str:
    """`sha256:` and the hash of the certificate in hexadecimal: its identity (model 3.1)."""
    return f"sha256:{sha256(certificate.public_bytes(Encoding.DER)).hexdigest()}"


def extension(certificate: x509.Certificate, kind: type[_E]) -> _E | None:
    """The value of an extension, or None where the certificate has none of that kind."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def serial_number(certificate: x509.Certificate) -> int:
    """Its serial number, also one that is not positive, of which the library warns (RFC 5280 4.1.2.2)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return certificate.serial_number


def rsa_bits(certificate: x509.Certificate) -> int | None:
    """The size of its RSA key in bits; None for other kinds of keys."""
    key = certificate.public_key()
    return key.key_size if isinstance(key, rsa.RSAPublicKey) else None


def signature_hash(certificate: x509.Certificate) -> str:
    """The hash within its signature algorithm, such as `sha256`; empty where it names none that is known."""
    try:
        algorithm = certificate.signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        return ""
    return "" if algorithm is None else algorithm.name


# --- words ---------------------------------------------------------------------------------------------


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


def utc(moment: datetime) -> str:
    """A date and time in UTC to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def name_words(name: x509.Name) -> str:
    """A distinguished name (RFC 4514), shortened and safe for a terminal."""
    return short(name.rfc4514_string() or "without a name")


def names_words(names: list[x509.GeneralName]) -> str:
    """Hosts and addresses of a subject alternative name, shortened and safe for a terminal."""
    hosts = [str(name.value) for name in names if isinstance(name, x509.DNSName | x509.IPAddress)]
    more = f" and {len(hosts) - 5:,} more" if len(hosts) > 5 else ""
    return ", ".join(short(host) for host in hosts[:5]) + more


def short(text: str, longest: int = 300) -> str:
    """At most `longest` characters, none of which a terminal would act on."""
    return visible(text if len(text) <= longest else text[: longest - 1] + "…")


# --- who issued it -------------------------------------------------------------------------------------


def issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Whether `issuer` issued it: the names agree and the signature is by the issuer's key."""
    if issuer.subject != certificate.issuer:
        return False
    try:
        _verify(issuer.public_key(), certificate)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _verify(key: CertificatePublicKeyTypes, certificate: x509.Certificate) -> None:
    """Raise unless the signature is by the key, with any hash, also one that the library does not trust."""
    signature, signed = certificate.signature, certificate.tbs_certificate_bytes
    parameters, digest = certificate.signature_algorithm_parameters, certificate.signature_hash_algorithm
    if isinstance(key, rsa.RSAPublicKey) and isinstance(parameters, PKCS1v15 | PSS) and digest is not None:
        key.verify(signature, signed, parameters, digest)
    elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(parameters, ec.ECDSA):
        key.verify(signature, signed, parameters)
    elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        key.verify(signature, signed)
    elif isinstance(key, dsa.DSAPublicKey) and digest is not None:
        key.verify(signature, signed, digest)
    else:
        raise InvalidSignature


def is_self_signed(certificate: x509.Certificate) -> bool:
    """Whether a certificate is its own issuer, as a root is."""
    return issued(certificate, certificate)


def leaves_of(certificates: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Those that issued none of the others."""
    return [a for a in certificates if not any(issued(a, b) for b in certificates if b is not a)]


def chain_of(leaf: x509.Certificate, others: Sequence[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """The leaf's issuer, that one's issuer and so on, as far as they are among the others."""
    chain = [leaf]
    while not is_self_signed(chain[-1]):
        above = (each for each in others if each not in chain and issued(each, chain[-1]))
        if (issuer := next(above, None)) is None:
            break
        chain.append(issuer)
    return tuple(chain[1:])


def is_complete(leaf: x509.Certificate, chain: Sequence[x509.Certificate]) -> bool:
    """Whether the way up ends at a root."""
    return is_self_signed((leaf, *chain)[-1])
