"""What a password opens: private keys (PKCS #8, PKCS #1, SEC 1; PEM or DER) and PKCS #12 files."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes as PrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key, pkcs12

from sim.pki import der
from sim.pki.errors import CertificateError, PasswordNeededError, PasswordWrongError, attempt
from sim.pki.files import Pem

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


def check_cost(path: Path, content: bytes) -> None:
    """Refuse what would take minutes to turn the password into a key.

    Raises:
        CertificateError: it asks for more than `MOST_ITERATIONS` rounds.
    """
    iterations = der.most_iterations(content)
    if iterations > MOST_ITERATIONS:
        raise CertificateError(
            path,
            f"asks for {iterations:,} rounds to turn the password into a key, more than {MOST_ITERATIONS:,}: "
            "export it again with fewer",
        )


def open_pkcs12(
    path: Path, content: bytes, *, password: bytes | None
) -> tuple[PrivateKey | None, list[x509.Certificate]]:
    """The private key, if there is one, and all certificates of a PKCS #12 file (RFC 7292).

    Raises:
        PasswordNeededError, PasswordWrongError: it is protected.
        CertificateError: it is not DER.
    """
    is_der = True

    def load(candidate: bytes | None) -> pkcs12.PKCS12KeyAndCertificates:
        nonlocal is_der
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message=".*could not be parsed as DER", category=UserWarning)
            try:
                return pkcs12.load_pkcs12(content, candidate)
            except UserWarning:
                is_der = False
                raise

    for candidate in _candidates(password):
        opened = attempt(partial(load, candidate))
        if opened is not None:
            first = [opened.cert] if opened.cert else []
            return opened.key, [held.certificate for held in (*first, *opened.additional_certs)]
    if not is_der:
        raise CertificateError(path, NOT_DER)
    if not password:
        raise PasswordNeededError(path, "is protected by a password, and none was given (or it is damaged)")
    raise PasswordWrongError(path, "is not opened by the password that was given, or is damaged")


def _candidates(password: bytes | None) -> Iterator[bytes | None]:
    """What to open PKCS #12 with: the password, then none at all, which programs write in two ways."""
    if password:
        yield password
    yield None
    yield b""


def open_key(path: Path, content: bytes | Pem, *, password: bytes | None) -> PrivateKey:
    """The private key in DER or in a PEM block, opened without the password where that does.

    Raises:
        PasswordNeededError, PasswordWrongError: it is encrypted.
        CertificateError: it is no private key.
    """
    key, is_encrypted = _plain(content)
    if key is not None:
        return key
    if is_encrypted and not password:
        raise PasswordNeededError(path, "has a private key protected by a password, and none was given")
    key = attempt(lambda: _load(content, password)) if is_encrypted else None
    if key is not None:
        return key
    if is_encrypted:
        message = "has a private key that is not opened by the password that was given, or is damaged"
        raise PasswordWrongError(path, message)
    message = "holds no private key that can be read (PEM or DER; PKCS #8, PKCS #1 or SEC 1): export it again"
    raise CertificateError(path, message)


def _plain(content: bytes | Pem) -> tuple[PrivateKey | None, bool]:
    """The key where no password is needed; and whether one is."""
    is_encrypted = False

    def load() -> PrivateKey | None:
        nonlocal is_encrypted
        try:
            return _load(content, None)
        except TypeError:  # the library's way to ask for a password
            is_encrypted = True
            return None

    return attempt(load), is_encrypted


def _load(content: bytes | Pem, password: bytes | None) -> PrivateKey:
    load: Callable[..., PrivateKey] = load_der_private_key
    if isinstance(content, Pem):
        load, content = load_pem_private_key, content.text
    # The full check of a large RSA key takes minutes; that key and certificate match is compared anyway.
    return load(content, password, unsafe_skip_rsa_key_validation=True)
