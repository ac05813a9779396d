"""How certificates are encoded: the little DER that must be read before a library may, and PEM (RFC 7468).

DER: is the file whole, and what does opening it cost? Nothing raises on any bytes: what cannot be read is
left to the library. PEM is read also where line breaks were lost.
"""

from __future__ import annotations

import binascii
import re
from base64 import encodebytes
from dataclasses import dataclass, field
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


_BEGIN: Final = re.compile(rb"-----BEGIN ([A-Z0-9 #]{1,60})-----")
_BLANKS: Final = re.compile(rb"\\r|\\n|\xc2\xa0|\xa0")
"""What is written in the place of line breaks and blanks: escapes, and the blank that does not break."""


@dataclass(frozen=True, slots=True)
class Pem:
    """One block.

    Attributes:
        label: what it says it is, such as `CERTIFICATE`.
        der: what its lines encode.
        headers: the lines of the traditional encrypted form (RFC 1421) before them; empty: none.
    """

    label: str
    der: bytes = field(repr=False)
    headers: bytes = field(repr=False, default=b"")

    @property
    def text(self) -> bytes:
        """The block with its lines laid out as usual."""
        label = self.label.encode("ascii")
        head = self.headers + b"\n\n" if self.headers else b""
        lines = encodebytes(self.der)
        return b"-----BEGIN %b-----\n%b%b-----END %b-----\n" % (label, head, lines, label)


def pem_blocks(content: bytes) -> list[Pem] | str:
    """The PEM blocks of a file, none where it has none; or a sentence about the first that is broken.

    Text between blocks, as `openssl` writes it, is passed over.
    """
    blocks: list[Pem] = []
    at = 0
    while (begin := _BEGIN.search(content, at)) is not None:
        label = begin[1].decode("ascii")
        end = b"-----END %b-----" % begin[1]
        stop = content.find(end, begin.end())
        if stop < 0 or b"-----BEGIN" in content[begin.end() : stop]:
            return f"ends within a part ({label.lower()}): copy the whole file"
        at = stop + len(end)
        headers, body = _split(_BLANKS.sub(b"\n", content[begin.end() : stop]))
        der = _decoded(body)
        if der is None:
            lost = b":" in body
            reason = "has lost its line breaks" if lost else "has lines that are not base64"
            return f"has a part ({label.lower()}) that {reason}: copy the file again"
        blocks.append(Pem(label, der, headers))
    return blocks


def bare_base64(content: bytes) -> bytes | None:
    """What a file encodes that is nothing but the lines of a block; None where it is another file."""
    der = _decoded(_BLANKS.sub(b"\n", content))
    return der if der is not None and der[:1] == b"\x30" else None


def _split(body: bytes) -> tuple[bytes, bytes]:
    """The headers of a block, and its lines; headers end with an empty line."""
    lines = [line.strip() for line in body.strip().splitlines()]
    if b"" not in lines or b":" not in lines[0]:
        return b"", body
    at = lines.index(b"")
    return b"\n".join(lines[:at]), b"\n".join(lines[at:])


def _decoded(body: bytes) -> bytes | None:
    try:
        return binascii.a2b_base64(b"".join(body.split()), strict_mode=True)
    except binascii.Error:
        return None
