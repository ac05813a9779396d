"""What a password opens: private keys (PKCS #8, PKCS #1, SEC 1; PEM or DER) and PKCS #12 files."""

from __future__ import annotations

import re
import warnings
from functools import partial
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes as PrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key, pkcs12

from sim.pki import encoding
from sim.pki.encoding import Pem
from sim.pki.errors import CertificateError, PasswordNeededError, PasswordWrongError, attempt

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
