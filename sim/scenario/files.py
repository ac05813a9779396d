"""Files a scenario is made of: regular, bounded, UTF-8, and inside the scenario's folder."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Final

from sim.scenario.problems import quoted
from sim.scenario.values import closest

MOST_SCENARIO_BYTES: Final = 2_000_000
MOST_INVENTORY_BYTES: Final = 256_000_000
MOST_CERTIFICATE_BYTES: Final = 1_000_000
_UNPRINTABLE: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class UnreadableError(ValueError):
    """A file cannot be read as what it should be; line and column are given where its text is the cause."""

    def __init__(self, message: str, *, line: int | None = None, column: int | None = None) -> None:
        self.line = line
        self.column = column
        super().__init__(message)


def read_bytes(path: Path, *, most_bytes: int) -> bytes:
    """The content of a regular file, never waiting for a pipe or a device.

    Raises:
        UnreadableError: it is missing, not a regular file, not readable, or larger than `most_bytes`.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise UnreadableError(_missing(path)) from None
    except (OSError, ValueError) as error:
        raise UnreadableError(_refused(path, error)) from None
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise UnreadableError("is a folder: name a file in it")
        if not stat.S_ISREG(mode):
            raise UnreadableError(
                "is not a regular file (a pipe, socket or device): save the content to a file"
            )
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            content = stream.read(most_bytes + 1)
    except OSError as error:
        raise UnreadableError(_refused(path, error)) from None
    finally:
        os.close(descriptor)
    if len(content) > most_bytes:
        raise UnreadableError(
            f"is larger than {most_bytes // 1_000_000} MB, the most that is read: make it smaller"
        )
    return content


def decode(content: bytes, *, printable: bool = True) -> str:
    """UTF-8 text, with or without byte order mark.

    Raises:
        UnreadableError: a byte is not UTF-8, or, with `printable`, a character is a control character.
    """
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise UnreadableError("is UTF-16 (often called Unicode): save it as UTF-8", line=1, column=1)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig", errors="replace")
        line, column = position(before, len(before))
        message = f"holds byte 0x{content[error.start]:02x}, which is not UTF-8: save it as UTF-8"
        raise UnreadableError(message, line=line, column=column) from None
    if printable and (match := _UNPRINTABLE.search(text)):
        line, column = position(text, match.start())
        message = f"holds the control character U+{ord(match[0]):04X}: delete it"
        raise UnreadableError(message, line=line, column=column)
    return text


def position(text: str, index: int) -> tuple[int, int]:
    """Line and column, from 1, of the character at `index`."""
    before = lines_of(text[:index])
    return len(before), len(before[-1]) + 1


def lines_of(text: str) -> list[str]:
    """The lines as YAML 1.1, whose parsers count them, ends them."""
    return re.split("\r\n|[\r\n\x85\u2028\u2029]", text)


def inside(folder: Path, written: str) -> Path:
    """The file that a scenario in `folder` means by the relative path `written`, links followed.

    Raises:
        UnreadableError: the path is absolute, or leads out of the folder.
    """
    if not written or any(character in written for character in "\x00\r\n"):
        raise UnreadableError("is not a path: write one relative to the scenario, such as data/devices.csv")
    if Path(written).is_absolute() or re.match(r"[A-Za-z]:[\\/]|[\\/~]", written):
        raise UnreadableError(
            "is not relative: write a path inside the scenario's folder, such as data/devices.csv"
        )
    try:
        root = folder.resolve()
        path = (root / written).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise UnreadableError(_refused(Path(written), error)) from None
    if not path.is_relative_to(root) or path == root:
        raise UnreadableError("leads out of the scenario's folder: put the file in that folder or below it")
    return path


def _missing(path: Path) -> str:
    try:
        neighbours = [each.name for each in path.parent.iterdir()][:10_000]
    except (OSError, ValueError):
        return "does not exist, nor does its folder: check the path"
    meant = closest(path.name, neighbours, likeness=0.8)
    if meant is None:
        return "does not exist: check the path"
    return f"does not exist: did you mean {quoted(meant)[1:-1]}?"


def _refused(path: Path, error: Exception) -> str:
    if isinstance(error, PermissionError):
        return "may not be read: give yourself permission to read it"
    if isinstance(error, NotADirectoryError):
        return "lies below something that is not a folder: check the path"
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"cannot be read ({reason.lower()}): check the path"
