"""Reading a planner's certificate: PKCS #12, or X.509 as PEM or DER, with its chain and its private key.

A file is untrusted: its size, the number of certificates and the work to open it are bounded. Neither the
password nor anything of the key is part of a message, and an error raised here has no other behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes as PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sim.pki import der
from sim.pki.chain import chain_of, distinct, leaves_of
from sim.pki.errors import CertificateError, PasswordNeededError, PasswordWrongError, attempt
from sim.pki.files import Pem, pem_blocks, read_bounded
from sim.pki.opening import KEY_LABELS, NOT_DER, check_cost, open_key, open_pkcs12

__all__ = [
    "CertificateError",
    "Material",
    "PasswordNeededError",
    "PasswordWrongError",
    "fingerprint_of",
    "needs_password",
    "read",
]

LIMIT_BYTES: Final = 2**20
MOST_CERTIFICATES: Final = 50
MOST_KEY_BITS: Final = 16_384

_CERTIFICATE_LABELS: Final = ("CERTIFICATE", "X509 CERTIFICATE")
_NOT_READ: Final = {
    "PKCS7": "PKCS #7, which has no private key",
    "CMS": "CMS, which has no private key",
    "TRUSTED CERTIFICATE": "OpenSSL's own form of a trusted certificate",
    "CERTIFICATE REQUEST": "a request for a certificate",
    "NEW CERTIFICATE REQUEST": "a request for a certificate",
    "OPENSSH PRIVATE KEY": "a key in OpenSSH's own form",
    "PUBLIC KEY": "a public key alone",
}


@dataclass(frozen=True)
class Material:
    """What a certificate file holds.

    Attributes:
        certificate: the server's own, the leaf.
        chain: its issuer, that one's issuer and so on upwards, as far as they are in the file.
        key: the private key that belongs to it, or None.
        path: of the file.
        is_pkcs12: whether the file is PKCS #12, which should have the key within.
        unrelated: certificates in the file that are no part of the chain.
    """

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    key: PrivateKey | None = field(repr=False, compare=False)
    path: Path
    is_pkcs12: bool = False
    unrelated: tuple[x509.Certificate, ...] = ()

    @property
    def fingerprint(self) -> str:
        """`sha256:` and the hash of the certificate in hexadecimal: its identity (model 3.1)."""
        return fingerprint_of(self.certificate)


def fingerprint_of(certificate: x509.Certificate) -> str:
    """`sha256:` and the hash of the certificate in hexadecimal (model 3.1)."""
    return f"sha256:{sha256(certificate.public_bytes(Encoding.DER)).hexdigest()}"


def read(
    path: Path | str,
    *,
    key_path: Path | str | None = None,
    password: bytes | None = None,
    limit_bytes: int = LIMIT_BYTES,
) -> Material:
    """The certificate in a file, its chain, and the private key that is with it or in `key_path`.

    Args:
        path: PKCS #12, or X.509 as PEM (with its chain and its key, if they are there) or DER.
        key_path: X.509 only: the private key in a file of its own.
        password: of the key or of the PKCS #12 file; text as UTF-8. Not looked at where nothing is encrypted.
        limit_bytes: the largest file that is read.

    Raises:
        PasswordNeededError: it takes a password, and there is none.
        PasswordWrongError: the password does not open it.
        CertificateError: anything else that keeps it from being one certificate with, perhaps, its key.
    """
    path = Path(path)
    content = _content(path, limit_bytes)
    blocks = _blocks(path, content)
    if not blocks and der.is_pkcs12(content):
        if key_path is not None:
            raise CertificateError(path, "is PKCS #12, which has its private key within: leave the key out")
        _check_whole(path, content)
        key, held = open_pkcs12(path, content, password=password)
        encoded = [each.public_bytes(Encoding.DER) for each in held]
        return _material(path, encoded, key, is_pkcs12=True)
    encoded = [block.der for block in blocks if block.label in _CERTIFICATE_LABELS] if blocks else [content]
    keys = [block for block in blocks if block.label in KEY_LABELS]
    if key_path is not None:
        key_file = Path(key_path)
        return _material(path, encoded, _key_in(key_file, _content(key_file, limit_bytes), password))
    if not encoded and keys:
        raise CertificateError(path, "holds a private key and no certificate: name the certificate's file")
    return _material(path, encoded, _only_key(path, keys, password) if keys else None)


def needs_password(path: Path | str, *, key_path: Path | str | None = None) -> bool:
    """Whether reading takes a password; what else may be wrong with the files, `read` tells."""
    try:
        read(path, key_path=key_path)
    except PasswordNeededError:
        return True
    except CertificateError:
        return False
    return False


# --- the content ---------------------------------------------------------------------------------------


def _content(path: Path, limit_bytes: int) -> bytes:
    content = read_bounded(path, limit_bytes=limit_bytes)
    if isinstance(content, str):
        raise CertificateError(path, content)
    if not content.strip():
        raise CertificateError(path, "is empty: name a file with a certificate")
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise CertificateError(path, "is UTF-16 text: save it as plain text (ASCII or UTF-8)")
    if der.is_indefinite(content):
        raise CertificateError(path, NOT_DER)
    check_cost(path, content)
    return content


def _blocks(path: Path, content: bytes) -> list[Pem]:
    """The PEM blocks of certificates and keys; none where the file is not PEM."""
    blocks = pem_blocks(content)
    if isinstance(blocks, str):
        raise CertificateError(path, blocks)
    if len(blocks) > MOST_CERTIFICATES:
        raise CertificateError(path, f"holds more than {MOST_CERTIFICATES} parts: keep one chain")
    for block in blocks:
        check_cost(path, block.der)
    known = [block for block in blocks if block.label in (*_CERTIFICATE_LABELS, *KEY_LABELS)]
    if blocks and not known:
        what = next((_NOT_READ[each.label] for each in blocks if each.label in _NOT_READ), "no certificate")
        raise CertificateError(path, f"holds {what}: export it as PKCS #12 or as X.509 (PEM or DER)")
    return known


def _check_whole(path: Path, content: bytes) -> None:
    stated = der.stated_length(content)
    if stated is not None and stated > len(content):
        raise CertificateError(path, f"ends after {len(content):,} of {stated:,} bytes: copy the whole file")


def _key_in(path: Path, content: bytes, password: bytes | None) -> PrivateKey:
    """The private key in a file of its own."""
    blocks = _blocks(path, content)
    keys = [block for block in blocks if block.label in KEY_LABELS]
    if keys:
        return _only_key(path, keys, password)
    if blocks:
        raise CertificateError(path, "holds no private key: name the file with the certificate's key")
    if der.is_pkcs12(content):
        raise CertificateError(path, "is PKCS #12: name it as the certificate's file, without a key")
    _check_whole(path, content)
    return open_key(path, content, password=password)


def _only_key(path: Path, keys: Sequence[Pem], password: bytes | None) -> PrivateKey:
    if len(keys) > 1:
        raise CertificateError(path, f"holds {len(keys)} private keys: keep the certificate's own")
    return open_key(path, keys[0], password=password)


# --- the certificates ----------------------------------------------------------------------------------


def _material(
    path: Path, encoded: Sequence[bytes], key: PrivateKey | None, *, is_pkcs12: bool = False
) -> Material:
    """Choose the leaf: the certificate of the key, else the only one that issued none of the others."""
    if not encoded:
        raise CertificateError(path, "holds no certificate: export the certificate, not the key alone")
    if len(encoded) > MOST_CERTIFICATES:
        raise CertificateError(path, f"holds more than {MOST_CERTIFICATES} certificates: keep one chain")
    certificates = distinct(_certificate(path, each) for each in encoded)
    leaves = leaves_of(certificates) if key is None else [c for c in certificates if _belongs(key, c)]
    if len(leaves) != 1:
        raise CertificateError(path, _no_leaf(len(certificates), len(leaves), has_key=key is not None))
    (leaf,) = leaves
    others = [each for each in certificates if each is not leaf]
    chain = chain_of(leaf, others)
    unrelated = tuple(each for each in others if each not in chain)
    return Material(leaf, chain, key, path, is_pkcs12, unrelated)


def _no_leaf(certificates: int, leaves: int, *, has_key: bool) -> str:
    if has_key and not leaves:
        whose = "the certificate" if certificates == 1 else f"any of the {certificates} certificates"
        return f"the private key does not belong to {whose}: name the key that was made for it"
    if has_key:
        return f"holds {leaves} certificates for the same private key: keep one of them"
    count = leaves or certificates
    return f"holds {count} certificates that could be the server's, and no private key tells which: keep one"


def _certificate(path: Path, content: bytes) -> x509.Certificate:
    """One certificate from DER, with every part that is looked at later readable."""
    _check_whole(path, content)
    certificate = attempt(lambda: x509.load_der_x509_certificate(content))
    if certificate is None:
        message = "is neither PKCS #12 nor X.509 (PEM or DER), or is damaged: export the certificate again"
        raise CertificateError(path, message)
    bits = attempt(lambda: _look_at(certificate))
    if bits is None:
        raise CertificateError(
            path,
            "holds a certificate that breaks the rules of its form (RFC 5280), or has a kind of key that is "
            "not known here: have it issued again",
        )
    if bits > MOST_KEY_BITS:
        raise CertificateError(path, f"has a key of more than {MOST_KEY_BITS:,} bits: use a smaller one")
    return certificate


def _look_at(certificate: x509.Certificate) -> int:
    """Read what the library leaves unread until asked; the bits of an RSA key, 0 for others."""
    _ = (certificate.not_valid_before_utc, certificate.not_valid_after_utc, certificate.serial_number)
    _ = (certificate.subject.rfc4514_string(), certificate.issuer.rfc4514_string(), *certificate.extensions)
    _ = certificate.signature_algorithm_oid
    key = certificate.public_key()
    return key.key_size if isinstance(key, RSAPublicKey) else 0


def _belongs(key: PrivateKey, certificate: x509.Certificate) -> bool:
    """Whether the public keys of both are the same bytes."""
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    same = attempt(
        lambda: key.public_key().public_bytes(*form) == certificate.public_key().public_bytes(*form)
    )
    return same is True
