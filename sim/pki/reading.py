"""Reading a planner's certificate: PKCS #12, or X.509 as PEM or DER, with its chain and its private key.

A file is untrusted: its size, the number of certificates and the work to open it are bounded. Neither the
password nor anything of the key is part of a message, and an error raised here has no other behind it.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes as PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
    pkcs12,
)

from sim.errors import UnreadableError
from sim.files import read_bytes
from sim.pki import encoding
from sim.pki.certificate import chain_of, distinct, fingerprint_of, leaves_of
from sim.pki.encoding import Pem, bare_base64, pem_blocks
from sim.pki.errors import (
    CertificateError,
    PasswordNeededError,
    PasswordWrongError,
    attempt,
    defect_of,
    look_at,
    signs_otherwise,
)

KEY_LABELS: Final = (
    "PRIVATE KEY",
    "ENCRYPTED PRIVATE KEY",
    "RSA PRIVATE KEY",
    "EC PRIVATE KEY",
    "DSA PRIVATE KEY",
)
"""PEM labels of private keys (RFC 7468 10, 11, and the traditional ones)."""

MOST_ITERATIONS: Final = 10_000_000

NOT_DER: Final = (
    "is damaged, or written in BER and not in DER: export it again, or convert it with openssl pkcs12 to PEM"
)
"""BER is not read, since the work that it asks for could be hidden there in many ways."""

_NO_CIPHER: Final = re.compile("UnsupportedAlgorithm|Unknown key encryption|unknown cipher")
"""How the library refuses a cipher that it does not know, whatever the password is."""


# --- what a password opens -----------------------------------------------------------------------------


def check_cost(path: Path, content: bytes) -> None:
    """Refuse what would take minutes to turn the password into a key.

    Raises:
        CertificateError: it asks for more than `MOST_ITERATIONS` rounds.
    """
    iterations = encoding.iterations_of(content)
    if iterations > MOST_ITERATIONS:
        raise CertificateError(
            path,
            f"asks for {iterations:,} rounds to turn the password into keys, more than {MOST_ITERATIONS:,}: "
            "export it again with fewer",
        )


def open_pkcs12(
    path: Path, content: bytes, *, password: bytes | None
) -> tuple[PrivateKey | None, list[x509.Certificate]]:
    """The private key, if there is one, and all certificates of a PKCS #12 file (RFC 7292).

    Raises:
        PasswordNeededError, PasswordWrongError: it is protected.
        CertificateError: it is not DER, has several private keys, or something in it is not read here.
    """
    keys = sum(content.count(bag) for bag in encoding.KEY_BAGS)
    if keys > 1:
        raise CertificateError(path, f"holds {keys} private keys: export the server's certificate alone")

    def load(candidate: bytes | None) -> pkcs12.PKCS12KeyAndCertificates:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message=".*could not be parsed as DER", category=UserWarning)
            return pkcs12.load_pkcs12(content, candidate)

    reasons: list[str] = []
    for candidate in (password or None, None, b""):  # no password is written in two ways
        opened = attempt(partial(load, candidate), reasons=reasons)
        if opened is not None:
            first = [opened.cert] if opened.cert else []
            return opened.key, [held.certificate for held in (*first, *opened.additional_certs)]
    if any(reason.startswith("UserWarning") for reason in reasons):
        raise CertificateError(path, NOT_DER)
    if not all("password" in reason.lower() for reason in reasons):
        message = "has a key or a certificate of a kind that is not read here: export it again as PEM"
        raise CertificateError(path, message)
    if not password:
        raise PasswordNeededError(path, "is protected by a password, and none was given (or it is damaged)")
    raise PasswordWrongError(path, "is not opened by the password that was given, or is damaged")


def open_key(path: Path, content: bytes | Pem, *, password: bytes | None) -> PrivateKey:
    """The private key in DER or in a PEM block, opened without the password where that does.

    Raises:
        PasswordNeededError, PasswordWrongError: it is encrypted.
        CertificateError: it is no private key, or its cipher is not read here.
    """
    reasons: list[str] = []
    key = attempt(partial(_load, content, None), reasons=reasons)
    if key is not None:
        return key
    is_encrypted = any(reason.startswith("TypeError") for reason in reasons)  # how the library asks for it
    if is_encrypted and not password:
        raise PasswordNeededError(path, "has a private key protected by a password, and none was given")
    key = attempt(partial(_load, content, password), reasons=reasons) if is_encrypted else None
    if key is not None:
        return key
    if any(map(_NO_CIPHER.search, reasons)):
        raise CertificateError(
            path,
            "has a private key encrypted in a way that is not read here, whatever the password: encrypt it "
            "with AES, as openssl pkcs8 -topk8 does",
        )
    if is_encrypted:
        message = "has a private key that is not opened by the password that was given, or is damaged"
        raise PasswordWrongError(path, message)
    message = "holds no private key that can be read (PEM or DER; PKCS #8, PKCS #1 or SEC 1): export it again"
    raise CertificateError(path, message)


def _load(content: bytes | Pem, password: bytes | None) -> PrivateKey:
    # The full check of a large RSA key takes minutes; that key and certificate match is compared anyway.
    if isinstance(content, Pem):
        return load_pem_private_key(content.text, password, unsafe_skip_rsa_key_validation=True)
    return load_der_private_key(content, password, unsafe_skip_rsa_key_validation=True)


# --- a file --------------------------------------------------------------------------------------------

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
    if not blocks:
        content = _exact(path, bare_base64(content) or content)
    if not blocks and encoding.is_pkcs12(content):
        if key_path is not None:
            raise CertificateError(path, "is PKCS #12, which has its private key within: leave the key out")
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
    content, reason = b"", ""
    try:
        content = read_bytes(path, most_bytes=limit_bytes)
    except UnreadableError as error:
        reason = str(error)
    if not reason and not content.strip():
        reason = "is empty: name a file with a certificate"
    elif content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        reason = "is UTF-16 text: save it as plain text (ASCII or UTF-8)"
    elif encoding.is_indefinite(content):
        reason = NOT_DER
    if reason:  # raised here and not above, so that nothing hangs on it
        raise CertificateError(path, reason)
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


def _exact(path: Path, content: bytes) -> bytes:
    """DER without the bytes behind its end, such as the zeros that Windows writes."""
    stated = encoding.stated_length(content)
    if stated is not None and stated > len(content):
        raise CertificateError(path, f"ends after {len(content):,} of {stated:,} bytes: copy the whole file")
    return content[:stated]


def _key_in(path: Path, content: bytes, password: bytes | None) -> PrivateKey:
    """The private key in a file of its own."""
    blocks = _blocks(path, content)
    keys = [block for block in blocks if block.label in KEY_LABELS]
    if keys:
        return _only_key(path, keys, password)
    if blocks:
        raise CertificateError(path, "holds no private key: name the file with the certificate's key")
    if encoding.is_pkcs12(content):
        raise CertificateError(path, "is PKCS #12: name it as the certificate's file, without a key")
    return open_key(path, _exact(path, bare_base64(content) or content), password=password)


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
    numbered = enumerate(encoded, start=1)
    certificates = distinct(_certificate(path, each, number, len(encoded)) for number, each in numbered)
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


def _certificate(path: Path, content: bytes, number: int, of: int) -> x509.Certificate:
    """One of the certificates of a file from DER, with every part that is looked at later readable."""
    content = _exact(path, content)
    which = "" if of == 1 else f" ({number} of {of} in the file)"
    certificate = attempt(lambda: x509.load_der_x509_certificate(content))
    bits = None if certificate is None else attempt(lambda: look_at(certificate))
    defect = None
    if certificate is None or bits is None:
        defect = defect_of(content)
        if defect is None:
            message = (
                "is neither PKCS #12 nor X.509 (PEM or DER), or is damaged: export the certificate again"
            )
            raise CertificateError(path, message)
    elif signs_otherwise(content):
        defect = "signature algorithm inside is not the one outside (RFC 5280 4.1.1.2)"
    elif bits > MOST_KEY_BITS:
        defect = f"key has more than {MOST_KEY_BITS:,} bits"
    if certificate is None or defect is not None:
        raise CertificateError(path, f"holds a certificate{which} whose {defect}: have it issued again")
    return certificate


def _belongs(key: PrivateKey, certificate: x509.Certificate) -> bool:
    """Whether the public keys of both are the same bytes."""
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    same = attempt(
        lambda: key.public_key().public_bytes(*form) == certificate.public_key().public_bytes(*form)
    )
    return same is True
