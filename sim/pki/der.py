"""The little DER that must be read before a library may: is the file whole, and what does opening it cost.

Nothing here raises on any bytes: what cannot be read is left to the library, which says so.
"""

from __future__ import annotations

from typing import Final

SEQUENCE: Final = 0x30
INTEGER: Final = 0x02
OCTET_STRING: Final = 0x04

_DERIVATIONS: Final = tuple(
    bytes.fromhex(prefix)
    for prefix in (
        "2a864886f70d01050c",  # PBKDF2 (RFC 8018 A.2)
        "2a864886f70d010c01",  # PKCS #12 password based encryption, one more byte says which (RFC 7292 C)
        "2a864886f70d0105",  # PBES1, likewise (RFC 8018 A.3)
    )
)
_MOST_OCTETS: Final = 16
"""A longer integer is too large a count, whatever it is."""
_SCRYPT: Final = bytes.fromhex("2b06010401da47040b")  # RFC 7914 7
_ROUNDS_A_BLOCK: Final = 4
"""A block of scrypt counts as so many rounds of PBKDF2, as they take about as long."""


def stated_length(content: bytes) -> int | None:
    """How many bytes the outermost element says it has, header included; None where it does not say."""
    element = _element(content, 0)
    return None if element is None or element[0] != SEQUENCE else element[2]


def is_pkcs12(content: bytes) -> bool:
    """Whether it begins as a PKCS #12 file does: a sequence whose first element is version 3 (RFC 7292 4)."""
    outer = _element(content, 0)
    version = None if outer is None or outer[0] != SEQUENCE else _element(content, outer[1])
    return version is not None and version[0] == INTEGER and content[version[1] : version[2]] == b"\x03"


def is_indefinite(content: bytes) -> bool:
    """Whether it begins as a sequence of indefinite length, which is BER and not DER (X.690 8.1.3.6)."""
    return content[:2] == b"\x30\x80"


def most_iterations(content: bytes) -> int:
    """The most rounds for turning a password into a key, as far as they stand in the open; 0 for none."""
    counts = [_mac_iterations(content)] if is_pkcs12(content) else [0]
    for derivation in _DERIVATIONS:
        at = content.find(derivation)
        while at >= 0:
            counts.append(_iterations_after(content, at + len(derivation)))
            at = content.find(derivation, at + 1)
    at = content.find(_SCRYPT)
    while at >= 0:
        counts.append(_ROUNDS_A_BLOCK * _scrypt_blocks_after(content, at + len(_SCRYPT)))
        at = content.find(_SCRYPT, at + 1)
    return max(counts)


def _iterations_after(content: bytes, at: int) -> int:
    """The count in `SEQUENCE {salt OCTET STRING, iterations INTEGER, ...}` at `at`, or one byte later."""
    for begin in (at, at + 1):
        parameters = _element(content, begin)
        if parameters is not None and parameters[0] == SEQUENCE:
            return _salted(content, parameters[1], integers=1)
    return 0


def _scrypt_blocks_after(content: bytes, at: int) -> int:
    """The product of N, r and p in `SEQUENCE {salt OCTET STRING, N, r, p INTEGER, ...}` at `at`."""
    parameters = _element(content, at)
    if parameters is None or parameters[0] != SEQUENCE:
        return 0
    return _salted(content, parameters[1], integers=3)


def _mac_iterations(content: bytes) -> int:
    """The count of `MacData {mac SEQUENCE, salt OCTET STRING, iterations INTEGER}` (RFC 7292 4)."""
    at = 0
    outer = _element(content, 0)
    elements: list[tuple[int, int, int]] = []
    if outer is not None:
        at = outer[1]
        while len(elements) < 3 and (element := _element(content, at)) is not None:
            elements.append(element)
            at = element[2]
    if len(elements) < 3 or elements[2][0] != SEQUENCE:
        return 0
    digest = _element(content, elements[2][1])
    return 0 if digest is None else _salted(content, digest[2], integers=1)


def _salted(content: bytes, at: int, *, integers: int) -> int:
    """The product of the integers that follow a salt; 0 where there is no such thing."""
    element = _element(content, at)
    if element is None or element[0] != OCTET_STRING:
        return 0
    product = 1
    for _ in range(integers):
        element = _element(content, element[2])
        if element is None or element[0] != INTEGER:
            return 0
        if element[2] - element[1] > _MOST_OCTETS:
            return 1 << 8 * _MOST_OCTETS
        product *= int.from_bytes(content[element[1] : element[2]], "big", signed=True)
    return product


def _element(content: bytes, at: int) -> tuple[int, int, int] | None:
    """Tag, and where the value begins and ends, of the element at `at`; None where there is none."""
    if at + 2 > len(content):
        return None
    tag, length = content[at], content[at + 1]
    if length < 0x80:
        return tag, at + 2, at + 2 + length
    octets = length - 0x80
    if not 1 <= octets <= 4 or at + 2 + octets > len(content):
        return None
    begin = at + 2 + octets
    return tag, begin, begin + int.from_bytes(content[at + 2 : begin], "big")
