"""Bytes of a certificate file: regular, bounded, and cut into PEM blocks where it is text."""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sim.errors import UnreadableError
from sim.files import read_bytes

_BEGIN: Final = re.compile(rb"-----BEGIN ([A-Z0-9 #]{1,60})-----\s*")


@dataclass(frozen=True, slots=True)
class Pem:
    """One block of a PEM file (RFC 7468): its label, its lines as written, and what they encode."""

    label: str
    text: bytes = field(repr=False)
    der: bytes = field(repr=False)


def read_bounded(path: Path, *, limit_bytes: int) -> bytes | str:
    """The content of a regular file of at most `limit_bytes`; else a sentence that says why not.

    A pipe or a device is never waited for.
    """
    try:
        return read_bytes(path, most_bytes=limit_bytes)
    except UnreadableError as error:
        return str(error)


def pem_blocks(content: bytes) -> list[Pem] | str:
    """The PEM blocks of a file, none where it has none; or a sentence about the first that is broken.

    Text between blocks, as `openssl` writes it, is passed over.
    """
    blocks: list[Pem] = []
    label: bytes | None = None
    lines: list[bytes] = []
    for line in content.removeprefix(b"\xef\xbb\xbf").splitlines():
        if label is None:
            match = _BEGIN.fullmatch(line.strip())
            if match is not None:
                label, lines = match[1], [line.strip()]
            continue
        lines.append(line.strip())
        if line.strip() == b"-----END " + label + b"-----":
            name = label.decode("ascii")
            encoded = _decoded(lines[1:-1])
            if encoded is None:
                return f"has a part ({name.lower()}) whose lines are not base64: copy the file again"
            blocks.append(Pem(name, b"\n".join(lines) + b"\n", encoded))
            label = None
    if label is not None:
        return f"ends within a part ({label.decode('ascii').lower()}): copy the whole file"
    return blocks


def _decoded(lines: list[bytes]) -> bytes | None:
    """What the lines of a block encode, without the headers of the traditional encrypted form (RFC 1421)."""
    if any(b":" in line for line in lines):
        lines = lines[lines.index(b"") + 1 :] if b"" in lines else []
    try:
        return binascii.a2b_base64(b"".join(lines), strict_mode=True)
    except binascii.Error:
        return None
