"""PEM blocks (RFC 7468), also where line breaks were lost or the encapsulation lines are gone."""

from __future__ import annotations

import binascii
import re
from base64 import encodebytes
from dataclasses import dataclass, field
from typing import Final

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
