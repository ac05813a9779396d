"""What is wrong with a certificate file: the errors, and which part of a certificate cannot be read.

The library says that it refuses, and not reliably where. So each part is exchanged for that of a certificate
that can be read: the one without which the rest is readable is wrong.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from sim.errors import InputError, visible
from sim.pki.encoding import SEQUENCE, elements, encoded, value_of
from sim.pki.issue import authority

_T = TypeVar("_T")


class CertificateError(InputError):
    """A certificate file cannot be read as one; the message says what would be right.

    Attributes:
        path: of the file.
        message: without the path.
    """

    def __init__(self, path: Path, message: str) -> None:
        self.path = path
        self.message = message
        super().__init__(f"{visible(str(path))}: {message}")


class PasswordNeededError(CertificateError):
    """The file is protected, and no password was given."""


class PasswordWrongError(CertificateError):
    """The password that was given does not open the file."""


def attempt(load: Callable[[], _T], *, reasons: list[str] | None = None) -> _T | None:
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
            return load()
    except BaseException as error:
        is_panic = type(error).__name__ == "PanicException"  # of compiled Rust; it is no Exception
        if not isinstance(error, Exception) and not is_panic:
            raise
        if reasons is not None:
            reasons.append(f"{type(error).__name__}: {error}")
        return None


_PARTS: Final = (
    "version",
    "serial number",
    "signature algorithm",
    "issuer",
    "dates",
    "subject",
    "public key",
    "extensions",
)
"""The elements of what is signed (RFC 5280 4.1), without the rare unique identifiers."""

_VERSION: Final = 0xA0


def look_at(certificate: x509.Certificate) -> int:
    """Read what the library leaves unread until asked; the bits of an RSA key, 0 for others."""
    _ = (certificate.not_valid_before_utc, certificate.not_valid_after_utc, certificate.serial_number)
    _ = (certificate.subject.rfc4514_string(), certificate.issuer.rfc4514_string(), *certificate.extensions)
    _ = certificate.signature_algorithm_oid
    key = certificate.public_key()
    return key.key_size if isinstance(key, RSAPublicKey) else 0


def signs_otherwise(content: bytes) -> bool:
    """Whether a certificate names one signature algorithm inside and another outside (RFC 5280 4.1.1.2)."""
    outer = elements(value_of(content))
    inside = _by_name(outer).get("signature algorithm", b"")
    null = encoded(0x05)
    return value_of(inside).removesuffix(null) != value_of(outer[1]).removesuffix(null)


def defect_of(content: bytes) -> str | None:
    """What is wrong with a certificate that cannot be read, after "whose"; None: it is no certificate."""
    outer = elements(value_of(content))
    parts = _by_name(outer)
    if len(parts) < len(_PARTS) - 2:  # the version and extensions may be missing
        return None
    if _is_readable(parts, outer[1], outer[2]):
        return "form has more parts than that of a certificate (RFC 5280)"
    good = elements(value_of(authority().public_bytes(Encoding.DER)))
    for wrong in (*([part] for part in _PARTS), ["issuer", "subject"]):
        replaced = parts | {part: _by_name(good)[part] for part in wrong}
        algorithm = good[1] if wrong == ["signature algorithm"] else outer[1]
        if _is_readable(replaced, algorithm, outer[2]):
            return _described("names" if len(wrong) > 1 else wrong[0], parts)
    return "form breaks the rules (RFC 5280) in several parts"


def _by_name(outer: list[bytes]) -> dict[str, bytes]:
    """The elements of what is signed, from the three elements of a certificate; none where it is not one."""
    found = elements(value_of(outer[0])) if len(outer) == 3 and outer[0][0] == SEQUENCE else []
    first = 0 if found and found[0][0] == _VERSION else 1
    parts = dict(zip(_PARTS[first:7], found, strict=False))
    return parts | ({"extensions": found[-1]} if len(found) > 7 - first else {})


def _is_readable(parts: dict[str, bytes], algorithm: bytes, signature: bytes) -> bool:
    signed = encoded(SEQUENCE, *(parts[name] for name in _PARTS if name in parts))
    content = encoded(SEQUENCE, signed, algorithm, signature)
    return attempt(lambda: look_at(x509.load_der_x509_certificate(content))) is not None


def _described(name: str, parts: dict[str, bytes]) -> str:
    """The part that is wrong, and what is wrong with it."""
    if name in _PARTS and name not in parts:
        return f"{name} is missing"
    if name == "public key":
        return "public key is of a kind that is not read here, such as GOST or SM2, or damaged"
    return f"{name} {'break' if name.endswith('s') else 'breaks'} the rules (RFC 5280)"
