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

_DERIVATIONS: Final = (
    # PBKDF2 and PBES1 (RFC 8018 A.2, A.3), password based encryption of PKCS #12 (RFC 7292 C): {salt, rounds}
    (re.compile(rb"\x2a\x86\x48\x86\xf7\x0d\x01(?:\x05|\x0c\x01).", re.DOTALL), 1, 1),
    # scrypt (RFC 7914 7): {salt, blocks, ...}; a block takes about as long as four rounds
    (re.compile(rb"\x2b\x06\x01\x04\x01\xda\x47\x04\x0b"), 3, 4),
)
"""How a derivation of keys begins, how many integers follow its salt, and the weight of their product."""
_MOST_OCTETS: Final = 16
"""A longer integer is too large a count, whatever it is."""


class Element(NamedTuple):
    """The tag of an element, and where its value begins and ends, which may be behind the content's end."""

    tag: int
    begin: int
    end: int


def element_at(content: bytes, at: int = 0) -> Element | None:
    """The element at a place; None where there is none."""
    if at + 2 > len(content):
        return None
    tag, length = content[at], content[at + 1]
    if length < 0x80:
        return Element(tag, at + 2, at + 2 + length)
    begin = at + 2 + length - 0x80
    if not at + 3 <= begin <= min(at + 6, len(content)):
        return None
    return Element(tag, begin, begin + int.from_bytes(content[at + 2 : begin], "big"))


def stated_length(content: bytes) -> int | None:
    """How many bytes the outermost element says it has, header included; None where it does not say."""
    outer = element_at(content)
    return None if outer is None or outer.tag != SEQUENCE else outer.end


def is_pkcs12(content: bytes) -> bool:
    """Whether it begins as a PKCS #12 file does: a sequence whose first element is version 3 (RFC 7292 4)."""
    outer = element_at(content)
    return outer is not None and outer.tag == SEQUENCE and content[outer.begin :][:3] == b"\x02\x01\x03"


def iterations_of(content: bytes) -> int:
    """The rounds for turning a password into keys, as far as they stand in the open, all together."""
    parts = _inside(content, 0, (INTEGER, SEQUENCE, SEQUENCE)) if is_pkcs12(content) else []
    rounds = _rounds(content, parts[1].end, (SEQUENCE, OCTET_STRING, INTEGER)) if parts else 0  # of the MAC
    for derivation, integers, weight in _DERIVATIONS:
        for match in derivation.finditer(content):
            rounds += weight * _rounds(content, match.end(), (OCTET_STRING, *[INTEGER] * integers))
    return rounds


def _rounds(content: bytes, at: int, tags: tuple[int, ...]) -> int:
    """The product of the integers among the first elements of a sequence; 0: there are no such elements."""
    integers = [each for each in _inside(content, at, tags) if each.tag == INTEGER]
    if any(each.end - each.begin > _MOST_OCTETS for each in integers):
        return 1 << 8 * _MOST_OCTETS
    values = (int.from_bytes(content[each.begin : each.end], "big", signed=True) for each in integers)
    return max(0, prod(values)) if integers else 0


def _inside(content: bytes, at: int, tags: tuple[int, ...]) -> list[Element]:
    """The first elements of the sequence at a place, if these are their tags."""
    outer = element_at(content, at)
    at = 0 if outer is None else outer.begin
    found: list[Element] = []
    for tag in tags:
        each = element_at(content, at)
        if outer is None or outer.tag != SEQUENCE or each is None or each.tag != tag:
            return []
        found.append(each)
        at = each.end
    return found


_BEGIN: Final = re.compile(rb"-----BEGIN ([A-Z0-9 #]{1,60})-----")
_BLANKS: Final = re.compile(rb"\\r|\\n|\xc2\xa0|\xa0")
"""What is written in the place of line breaks and blanks: escapes, and the blank that does not break."""


@dataclass(frozen=True, slots=True)
class Pem:
    """One block: what it says it is, what its lines encode, and headers of the traditional encrypted form."""

    label: str
    der: bytes = field(repr=False)
    headers: bytes = field(repr=False, default=b"")

    @property
    def text(self) -> bytes:
        """The block with its lines laid out as usual."""
        label = self.label.encode("ascii")
        head = self.headers + b"\n\n" if self.headers else b""
        return b"-----BEGIN %b-----\n%b%b-----END %b-----\n" % (label, head, encodebytes(self.der), label)


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
        body = _BLANKS.sub(b"\n", content[begin.end() : stop]).strip()
        lines = [line.strip() for line in body.splitlines()]
        at_lines = lines.index(b"") + 1 if b"" in lines and b":" in lines[0] else 0
        der = _decoded(b"".join(lines[at_lines:]))
        if der is None:
            wrong = "has lines that are not base64, or has lost its line breaks"
            return f"has a part ({label.lower()}) that {wrong}: copy the file again"
        blocks.append(Pem(label, der, b"\n".join(lines[: max(at_lines - 1, 0)])))
    return blocks


def bare_base64(content: bytes) -> bytes | None:
    """What a file encodes that is nothing but the lines of a block; None where it is another file."""
    der = _decoded(_BLANKS.sub(b"\n", content))
    return der if der is not None and der[:1] == b"\x30" else None


def _decoded(body: bytes) -> bytes | None:
    try:
        return binascii.a2b_base64(b"".join(body.split()), strict_mode=True)
    except binascii.Error:
        return None
