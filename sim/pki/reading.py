"""Reading a planner's certificate: PKCS #12, or X.509 as PEM or DER, with its chain and its private key.

A file is untrusted: its size, the number of certificates and the work to open it are bounded. Neither the
password nor anything of the key is part of a message, and an error raised here has no other behind it.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes as PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
    pkcs12,
)

from sim.errors import InputError, UnreadableError, visible
from sim.files import read_bytes
from sim.pki import encoding
from sim.pki.certificate import chain_of, fingerprint_of, leaves_of
from sim.pki.encoding import Pem

_T = TypeVar("_T")

LIMIT_BYTES: Final = 2**20
MOST_CERTIFICATES: Final = 50
MOST_KEY_BITS: Final = 16_384
MOST_ITERATIONS: Final = 10_000_000

NOT_DER: Final = (
    "is damaged, or written in BER and not in DER: export it again, or convert it with openssl pkcs12 to PEM"
)
"""BER is not read, since the work that it asks for could be hidden there in many ways."""
_PARTS: Final = {
    "signature_alg": "signature algorithm",
    "issuer": "issuer",
    "validity": "dates",
    "subject": "subject",
    "spki": "public key",
    "raw_extensions": "extensions",
}
"""By the library's names; what cannot be read before the first of them is rather no certificate."""


# --- errors --------------------------------------------------------------------------------------------


class CertificateError(InputError):
    """A certificate file cannot be read as one; `message` says what would be right, without the path."""

    def __init__(self, path: Path, message: str) -> None:
        self.path = path
        self.message = message
        super().__init__(f"{visible(str(path))}: {message}")


class PasswordNeededError(CertificateError):
    """The file is protected, and no password was given."""


def attempt(load: Callable[[], _T], reasons: list[str] | None = None) -> _T | None:
    """What `load` returns, or None where the library refuses, in whatever way it does.

    Raising is left to the caller, outside the handler, so that no exception of the library's, which may
    show what it was given, hangs on ours.

    Args:
        load: calls the library.
        reasons: the exception's class and text are added here; for telling cases apart, never for showing.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.filterwarnings("error", message=".*could not be parsed as DER", category=UserWarning)
            return load()
    except BaseException as error:
        is_panic = type(error).__name__ == "PanicException"  # of compiled Rust; it is no Exception
        if not isinstance(error, Exception) and not is_panic:
            raise
        if reasons is not None:
            reasons.append(f"{type(error).__name__}: {error}")
        return None


# --- a file --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Material:
    """What a certificate file holds.

    Attributes:
        certificate: the server's own, the leaf.
        chain: its issuer, that one's issuer and so on upwards, as far as they are in the file.
        key: the private key that belongs to it; a PKCS #12 file should have it within.
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


def read(path: Path | str, *, key_path: Path | str | None = None, password: bytes | None = None) -> Material:
    """The certificate in a file, its chain, and the private key that is with it or in `key_path`.

    Args:
        path: PKCS #12, or X.509 as PEM (with its chain and its key, if they are there) or DER.
        key_path: X.509 only: the private key in a file of its own.
        password: of the key or of the PKCS #12 file; text as UTF-8. Not looked at where nothing is encrypted.

    Raises:
        PasswordNeededError: it takes a password, and there is none.
        CertificateError: anything else that keeps it from being one certificate with, perhaps, its key.
    """
    path = Path(path)
    blocks = _blocks(path)
    if _is_pkcs12(blocks):
        if key_path is not None:
            raise CertificateError(path, "is PKCS #12, which has its private key within: leave the key out")
        return _material(path, *_open_pkcs12(path, blocks[0].der, password), is_pkcs12=True)
    certificates = [each.der for each in blocks if not each.label or each.label.endswith("CERTIFICATE")]
    keys = [each for each in blocks if each.label.endswith("PRIVATE KEY")]
    if not certificates:
        held = "a private key" if keys else f"{blocks[0].label.lower()}"
        raise CertificateError(path, f"holds {held} and no certificate: name a file with the certificate")
    if key_path is not None:
        key_file = Path(key_path)
        blocks = _blocks(key_file)
        if _is_pkcs12(blocks):
            raise CertificateError(key_file, "is PKCS #12: name it as the certificate's file, without a key")
        keys = [each for each in blocks if not each.label or each.label.endswith("PRIVATE KEY")]
        if not keys:
            raise CertificateError(key_file, "holds no private key: name the file with the certificate's key")
        return _material(path, certificates, _open_key(key_file, keys, password))
    return _material(path, certificates, _open_key(path, keys, password) if keys else None)


def needs_password(path: Path | str, *, key_path: Path | str | None = None) -> bool:
    """Whether reading takes a password; what else may be wrong with the files, `read` tells."""
    try:
        read(path, key_path=key_path)
    except CertificateError as error:
        return isinstance(error, PasswordNeededError)
    return False


def _blocks(path: Path) -> list[Pem]:
    """The PEM blocks of a file; one without label where it is DER, or base64 without its first and last line.

    Raises:
        CertificateError: it is none of these, or asks for minutes of work to turn a password into keys.
    """
    content, reason = b"", ""
    try:
        content = read_bytes(path, most_bytes=LIMIT_BYTES)
    except UnreadableError as error:
        reason = str(error)
    blocks = encoding.pem_blocks(content)
    if not reason and not content.strip():
        reason = "is empty: name a file with a certificate"
    elif content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        reason = "is UTF-16 text: save it as plain text (ASCII or UTF-8)"
    elif content[:2] == b"\x30\x80":  # of indefinite length (X.690 8.1.3.6)
        reason = NOT_DER
    elif isinstance(blocks, str):
        reason = blocks
    elif len(blocks) > MOST_CERTIFICATES:
        reason = f"holds more than {MOST_CERTIFICATES} parts: keep one chain"
    if reason or isinstance(blocks, str):  # raised here and not above, so that nothing hangs on it
        raise CertificateError(path, reason)
    blocks = blocks or [Pem("", _exact(path, encoding.bare_base64(content) or content))]
    iterations = max(encoding.iterations_of(each) for each in (content, *(each.der for each in blocks)))
    if iterations > MOST_ITERATIONS:
        rounds = f"{iterations:,} rounds to turn the password into keys, more than {MOST_ITERATIONS:,}"
        raise CertificateError(path, f"asks for {rounds}: export it again with fewer")
    return blocks


def _is_pkcs12(blocks: Sequence[Pem]) -> bool:
    return not blocks[0].label and encoding.is_pkcs12(blocks[0].der)


def _exact(path: Path, content: bytes) -> bytes:
    """DER without the bytes behind its end, such as the zeros that Windows writes."""
    stated = encoding.stated_length(content)
    if stated is not None and stated > len(content):
        raise CertificateError(path, f"ends after {len(content):,} of {stated:,} bytes: copy the whole file")
    return content[:stated]


# --- what a password opens -----------------------------------------------------------------------------


def _open_pkcs12(path: Path, content: bytes, password: bytes | None) -> tuple[list[bytes], PrivateKey | None]:
    """All certificates of a PKCS #12 file (RFC 7292) in DER, and the private key, if there is one."""
    keys = sum(content.count(bag) for bag in encoding.KEY_BAGS)
    if keys > 1:
        raise CertificateError(path, f"holds {keys} private keys: export the server's certificate alone")
    reasons: list[str] = []
    for candidate in (password or None, None, b""):  # no password is written in two ways
        opened = attempt(partial(pkcs12.load_pkcs12, content, candidate), reasons)
        if opened is not None:
            held = [each for each in (opened.cert, *opened.additional_certs) if each is not None]
            return [each.certificate.public_bytes(Encoding.DER) for each in held], opened.key
    if any(reason.startswith("UserWarning") for reason in reasons):
        raise CertificateError(path, NOT_DER)
    if not all("password" in reason.lower() for reason in reasons):
        message = "has a key or a certificate of a kind that is not read here: export it again as PEM"
        raise CertificateError(path, message)
    if not password:
        raise PasswordNeededError(path, "is protected by a password, and none was given (or it is damaged)")
    raise CertificateError(path, "is not opened by the password that was given, or is damaged")


def _open_key(path: Path, keys: Sequence[Pem], password: bytes | None) -> PrivateKey:
    """The only private key, opened without the password where that does."""
    if len(keys) > 1:
        raise CertificateError(path, f"holds {len(keys)} private keys: keep the certificate's own")
    reasons: list[str] = []
    key = attempt(partial(_load, keys[0], None), reasons)
    is_encrypted = any(reason.startswith("TypeError") for reason in reasons)  # how the library asks for it
    if is_encrypted and not password:
        raise PasswordNeededError(path, "has a private key protected by a password, and none was given")
    if is_encrypted:
        key = attempt(partial(_load, keys[0], password), reasons)
    if key is not None:
        return key
    if any(map(re.compile("UnsupportedAlgorithm|Unknown key encryption|unknown cipher").search, reasons)):
        raise CertificateError(
            path,
            "has a private key encrypted in a way that is not read here, whatever the password: encrypt it "
            "with AES, as openssl pkcs8 -topk8 does",
        )
    if is_encrypted:
        message = "has a private key that is not opened by the password that was given, or is damaged"
        raise CertificateError(path, message)
    message = "holds no private key that can be read (PEM or DER; PKCS #8, PKCS #1 or SEC 1): export it again"
    raise CertificateError(path, message)


def _load(block: Pem, password: bytes | None) -> PrivateKey:
    # The full check of a large RSA key takes minutes; that key and certificate match is compared anyway.
    if block.label:
        return load_pem_private_key(block.text, password, unsafe_skip_rsa_key_validation=True)
    return load_der_private_key(block.der, password, unsafe_skip_rsa_key_validation=True)


# --- the certificates ----------------------------------------------------------------------------------


def _material(
    path: Path, encoded: Sequence[bytes], key: PrivateKey | None, *, is_pkcs12: bool = False
) -> Material:
    """Choose the leaf: the certificate of the key, else the only one that issued none of the others."""
    if not encoded:
        raise CertificateError(path, "holds no certificate: export the certificate, not the key alone")
    if len(encoded) > MOST_CERTIFICATES:
        raise CertificateError(path, f"holds more than {MOST_CERTIFICATES} certificates: keep one chain")
    of = len(encoded)
    places = [f" ({n} of {of} in the file)" if of > 1 else "" for n in range(1, of + 1)]
    certificates = list(dict.fromkeys(map(partial(_certificate, path), encoded, places)))
    leaves = leaves_of(certificates) if key is None else [c for c in certificates if _belongs(key, c)]
    if key is not None and not leaves:
        message = "the private key does not belong to the certificate: name the key that was made for it"
        raise CertificateError(path, message)
    if len(leaves) != 1:
        held = f"holds {len(leaves) or len(certificates)} certificates"
        why = "that could be the server's, and no private key tells which"
        raise CertificateError(path, f"{held} {why if key is None else 'for the same private key'}: keep one")
    (leaf,) = leaves
    others = [each for each in certificates if each is not leaf]
    chain = chain_of(leaf, others)
    return Material(leaf, chain, key, path, is_pkcs12, tuple(each for each in others if each not in chain))


def _certificate(path: Path, content: bytes, which: str) -> x509.Certificate:
    """One of the certificates of a file from DER, with every part that is looked at later readable."""
    content = _exact(path, content)
    reasons: list[str] = []
    certificate = attempt(lambda: x509.load_der_x509_certificate(content), reasons)
    defect = None if certificate is None else _defect_of(certificate)
    if certificate is None:  # the library says in which element of the structure
        names = re.findall(r"Certificate::(\w+)", reasons[0])
        defect = next((_breaks(_PARTS[name]) for name in names if name in _PARTS), None)
    if certificate is not None and defect is None:
        return certificate
    if defect is None:
        message = "is neither PKCS #12 nor X.509 (PEM or DER), or is damaged: export the certificate again"
        raise CertificateError(path, message)
    raise CertificateError(path, f"holds a certificate{which} whose {defect}: have it issued again")


def _defect_of(certificate: x509.Certificate) -> str | None:
    """What is wrong with a part that the library leaves unread until it is asked for, after "whose"."""
    asked: dict[str, Callable[[], object]] = {
        "dates": lambda: (certificate.not_valid_before_utc, certificate.not_valid_after_utc),
        "issuer": lambda: certificate.issuer.rfc4514_string(),
        "subject": lambda: certificate.subject.rfc4514_string(),
        "extensions": lambda: list(certificate.extensions),
        "signature algorithm": lambda: certificate.signature_algorithm_oid,
        "public key": certificate.public_key,
    }
    for part, ask in asked.items():
        if attempt(ask) is None:
            return _breaks(part)
    key = certificate.public_key()
    if isinstance(key, RSAPublicKey) and key.key_size > MOST_KEY_BITS:
        return f"key has more than {MOST_KEY_BITS:,} bits"
    reasons: list[str] = []
    attempt(lambda: certificate.verify_directly_issued_by(certificate), reasons)
    if any("Inner and outer" in reason for reason in reasons):
        return "signature algorithm inside is not the one outside (RFC 5280 4.1.1.2)"
    return None


def _breaks(part: str) -> str:
    if part == "public key":
        return "public key is of a kind that is not read here, such as GOST or SM2, or damaged"
    return f"{part} {'break' if part.endswith('s') else 'breaks'} the rules (RFC 5280)"


def _belongs(key: PrivateKey, certificate: x509.Certificate) -> bool:
    """Whether the public keys of both are the same bytes."""
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    same = attempt(
        lambda: key.public_key().public_bytes(*form) == certificate.public_key().public_bytes(*form)
    )
    return same is True
