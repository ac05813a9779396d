"""The little DER that must be read before a library may: is the file whole, and what does opening it cost.

Nothing here raises on any bytes: what cannot be read is left to the library, which says so.
"""

from __future__ import annotations

from math import prod
from typing import Final, NamedTuple

INTEGER: Final = 0x02
OCTET_STRING: Final = 0x04
SEQUENCE: Final = 0x30

KEY_BAGS: Final = tuple(bytes.fromhex(f"060b2a864886f70d010c0a01{kind}") for kind in ("01", "02"))
"""How the bag of a private key begins in a PKCS #12 file, plain and encrypted (RFC 7292 4.2.1, 4.2.2)."""

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


class Element(NamedTuple):
    """The tag of an element, where it begins, and where its value begins and ends."""

    tag: int
    at: int
    begin: int
    end: int


def element_at(content: bytes, at: int) -> Element | None:
    """The element at a place; None where there is none. Its end may lie behind the content's."""
    if at + 2 > len(content):
        return None
    tag, length = content[at], content[at + 1]
    if length < 0x80:
        return Element(tag, at, at + 2, at + 2 + length)
    octets = length - 0x80
    if not 1 <= octets <= 4 or at + 2 + octets > len(content):
        return None
    begin = at + 2 + octets
    return Element(tag, at, begin, begin + int.from_bytes(content[at + 2 : begin], "big"))


def elements(content: bytes) -> list[bytes]:
    """The elements that stand one behind the other, whole with their headers, as far as they can be read."""
    found: list[bytes] = []
    at = 0
    while (each := element_at(content, at)) is not None and each.end <= len(content):
        found.append(content[at : each.end])
        at = each.end
    return found


def value_of(element: bytes) -> bytes:
    """The value of an element; empty where it cannot be read."""
    header = element_at(element, 0)
    return b"" if header is None else element[header.begin : header.end]


def encoded(tag: int, *values: bytes) -> bytes:
    """An element with a value of several parts."""
    value = b"".join(values)
    length = len(value).to_bytes(4, "big").lstrip(b"\0") or b"\0"
    header = length if len(value) < 0x80 else bytes([0x80 + len(length)]) + length
    return bytes([tag]) + header + value


def stated_length(content: bytes) -> int | None:
    """How many bytes the outermost element says it has, header included; None where it does not say."""
    outer = element_at(content, 0)
    return None if outer is None or outer.tag != SEQUENCE else outer.end


def is_pkcs12(content: bytes) -> bool:
    """Whether it begins as a PKCS #12 file does: a sequence whose first element is version 3 (RFC 7292 4)."""
    outer = element_at(content, 0)
    return outer is not None and outer.tag == SEQUENCE and content[outer.begin :][:3] == b"\x02\x01\x03"


def is_indefinite(content: bytes) -> bool:
    """Whether it begins as a sequence of indefinite length, which is BER and not DER (X.690 8.1.3.6)."""
    return content[:2] == b"\x30\x80"


def iterations_of(content: bytes) -> int:
    """The rounds for turning a password into keys, as far as they stand in the open, all together."""
    counts = {0: _mac_iterations(content) if is_pkcs12(content) else 0}
    for derivation in _DERIVATIONS:  # of which one may begin another
        for at in _places(content, derivation):
            counts |= {begin: _salted(content, begin, integers=1) for begin in (at, at + 1)}
    counts |= {at: _ROUNDS_A_BLOCK * _salted(content, at, integers=3) for at in _places(content, _SCRYPT)}
    return sum(max(count, 0) for count in counts.values())


def _places(content: bytes, part: bytes) -> list[int]:
    """Where each occurrence of a part ends."""
    places, at = [], content.find(part)
    while at >= 0:
        places.append(at + len(part))
        at = content.find(part, at + 1)
    return places


def _mac_iterations(content: bytes) -> int:
    """The count of `MacData {mac SEQUENCE, salt OCTET STRING, iterations INTEGER}` (RFC 7292 4)."""
    outer = element_at(content, 0)
    assert outer is not None
    at = outer.begin
    for _ in range(2):  # the version and the content
        each = element_at(content, at)
        if each is None:
            return 0
        at = each.end
    mac = element_at(content, at)
    digest = None if mac is None or mac.tag != SEQUENCE else element_at(content, mac.begin)
    return 0 if digest is None else _product(content, digest.end, integers=1)


def _salted(content: bytes, at: int, *, integers: int) -> int:
    """The product of the integers in `SEQUENCE {salt OCTET STRING, INTEGER, ...}`; 0: no such thing."""
    parameters = element_at(content, at)
    if parameters is None or parameters.tag != SEQUENCE:
        return 0
    return _product(content, parameters.begin, integers=integers)


def _product(content: bytes, at: int, *, integers: int) -> int:
    """The product of the integers that follow a salt; 0 where there is no such thing."""
    salt = element_at(content, at)
    if salt is None or salt.tag != OCTET_STRING:
        return 0
    factors, end = [], salt.end
    for _ in range(integers):
        each = element_at(content, end)
        if each is None or each.tag != INTEGER:
            return 0
        if each.end - each.begin > _MOST_OCTETS:
            return 1 << 8 * _MOST_OCTETS
        factors.append(int.from_bytes(content[each.begin : each.end], "big", signed=True))
        end = each.end
    return prod(factors)
