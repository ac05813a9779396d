"""Why a certificate cannot be read: which part of it is wrong, and what is wrong with it.

The library says that it refuses, and not reliably where. So each part is exchanged for that of a certificate
that can be read: the one without which the rest is readable is wrong.
"""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID

from sim.pki.der import BOOLEAN, INTEGER, SEQUENCE, elements, encoded, value_of
from sim.pki.errors import attempt
from sim.pki.issue import authority

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
_EXTENSIONS: Final = 0xA3
_BREAKS: Final = "breaks the rules of its form (RFC 5280)"
_ECDSA: Final = "1.2.840.10045.4."
_ELLIPTIC_CURVE: Final = "1.2.840.10045.2.1"
_KEYS: Final = {
    "1.2.156.10197.1.301": "SM2",
    "1.2.643.2.2.19": "GOST R 34.10-2001",
    "1.2.643.7.1.1.1.1": "GOST R 34.10-2012",
    "1.2.643.7.1.1.1.2": "GOST R 34.10-2012",
}
_EXTENSION_NAMES: Final = {
    oid.dotted_string: name.lower().replace("_", " ")
    for name, oid in vars(ExtensionOID).items()
    if isinstance(oid, x509.ObjectIdentifier)
}


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
            name = "names" if len(wrong) > 1 else wrong[0]
            return _described(name, parts, outer)
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


def _described(name: str, parts: dict[str, bytes], outer: list[bytes]) -> str:
    """The part that is wrong, and what is wrong with it."""
    if name in _PARTS and name not in parts:
        return f"{name} is missing"
    if name == "signature algorithm":
        oid, *parameters = [*elements(value_of(parts[name])), b""]
        if _dotted(oid).startswith(_ECDSA) and any(parameters):
            return f"{name} has parameters that ECDSA does not have, as Java 11 writes them"
    if name == "public key":
        oids = [_dotted(each) for each in elements(value_of(value_of(parts[name])))[:2]]
        kind = f"elliptic curve {oids[-1]}" if oids[:1] == [_ELLIPTIC_CURVE] else "".join(oids[:1])
        return f"{name} is of a kind that is not read here ({_KEYS.get(kind, kind)}), or damaged"
    if name == "extensions":
        return _described_extension(parts, outer)
    return f"{name} {_BREAKS}"


def _described_extension(parts: dict[str, bytes], outer: list[bytes]) -> str:
    """The first extension that is wrong by itself."""
    for each in elements(value_of(value_of(parts["extensions"]))):
        alone = parts | {"extensions": encoded(_EXTENSIONS, encoded(SEQUENCE, each))}
        if _is_readable(alone, outer[1], outer[2]):
            continue
        oid, *others = [*elements(value_of(each)), b""]
        name = _EXTENSION_NAMES.get(_dotted(oid), _dotted(oid))
        content = value_of(others[-2]) if len(others) > 1 else b""
        if _has_odd_boolean(content) or any(map(_has_odd_boolean, others[:-2])):
            return f"extension '{name}' has a boolean that is not DER (X.690 11.1)"
        values = elements(value_of(content))
        if name == "basic constraints" and [each[0] for each in values] in ([INTEGER], [BOOLEAN, INTEGER]):
            return f"extension '{name}' has a path length although CA is false"
        return f"extension '{name}' {_BREAKS}"
    return "extensions have one twice"


def _has_odd_boolean(content: bytes) -> bool:
    """Whether one of the elements, or of those within, is a boolean that is neither 00 nor FF."""
    return any(
        value_of(each) not in (b"\x00", b"\xff") if each[0] == BOOLEAN else _has_odd_boolean(value_of(each))
        for each in elements(content)
        if each[0] == BOOLEAN or each[0] & 0x20
    )


def _dotted(element: bytes) -> str:
    """An object identifier as numbers; empty where it is none."""
    numbers, number = [], 0
    for octet in value_of(element):
        number = number << 7 | octet & 0x7F
        if octet < 0x80:
            numbers.append(number)
            number = 0
    if not numbers:
        return ""
    root = min(numbers[0] // 40, 2)
    return ".".join(map(str, (root, numbers[0] - 40 * root, *numbers[1:])))
