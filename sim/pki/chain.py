"""Which certificate issued which: the leaf, and the way up to a root (RFC 5280 6.1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes


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
    """Raise unless the signature is by the key, with any hash: who issued is asked, not who is trusted."""
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


def distinct(certificates: Iterable[x509.Certificate]) -> list[x509.Certificate]:
    """The certificates without repetitions, in their order."""
    kept: list[x509.Certificate] = []
    for each in certificates:
        if each not in kept:
            kept.append(each)
    return kept


def leaves_of(certificates: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Those that issued none of the others."""
    return [
        each
        for each in certificates
        if not any(issued(each, other) for other in certificates if other is not each)
    ]


def chain_of(leaf: x509.Certificate, others: Sequence[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """The leaf's issuer, that one's issuer and so on, as far as they are among the others."""
    chain: list[x509.Certificate] = []
    left = list(others)
    below = leaf
    while not is_self_signed(below):
        above = next((each for each in left if issued(each, below)), None)
        if above is None:
            break
        chain.append(above)
        left.remove(above)
        below = above
    return tuple(chain)


def is_complete(leaf: x509.Certificate, chain: Sequence[x509.Certificate]) -> bool:
    """Whether the way up ends at a root."""
    return is_self_signed((leaf, *chain)[-1])
