"""Files: read only if they are regular and small enough, written whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Final

from platformdirs import user_cache_path

from sim.errors import OutputError, UnreadableError
from sim.text import closest, shortened

_UNPRINTABLE: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


# --- reading -------------------------------------------------------------------------------------------


def read_bytes(path: Path, *, most_bytes: int) -> bytes:
    """The content of a regular file of at most `most_bytes`; a pipe or a device is never waited for.

    Raises:
        UnreadableError: it is missing, not a regular file, not readable, or larger.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise UnreadableError(_missing(path)) from None
    except (OSError, ValueError) as error:
        raise UnreadableError(_refused(error)) from None
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
        raise UnreadableError(_refused(error)) from None
    finally:
        os.close(descriptor)
    if len(content) > most_bytes:
        most = f"{most_bytes // 1_000_000:,} MB" if most_bytes % 1_000_000 == 0 else f"{most_bytes:,} bytes"
        raise UnreadableError(f"is larger than {most}, the most that is read: make it smaller")
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
    """The file that a relative path means in a folder, links followed.

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
        raise UnreadableError(_refused(error)) from None
    if not path.is_relative_to(root) or path == root:
        raise UnreadableError("leads out of the scenario's folder: put the file in that folder or below it")
    return path


def _missing(path: Path) -> str:
    try:
        neighbours = [each.name for each in path.parent.iterdir()][:10_000]
    except (OSError, ValueError):
        return "does not exist, nor does its folder: check the path"
    meant = closest(path.name, neighbours, likeness=0.8)
    return f"does not exist: {'check the path' if meant is None else f'did you mean {shortened(meant)}?'}"


def _refused(error: Exception) -> str:
    if isinstance(error, PermissionError):
        return "may not be read: give yourself permission to read it"
    if isinstance(error, NotADirectoryError):
        return "lies below something that is not a folder: check the path"
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"cannot be read ({reason.lower()}): check the path"


# --- writing -------------------------------------------------------------------------------------------


def write_file(path: Path, content: bytes) -> None:
    """Write a file, or put it in the place of another; whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    with _told(path):
        _write(path, content)


def write_new_files(contents: Mapping[Path, bytes]) -> None:
    """Write files where there are none, all of them or none.

    Raises:
        OutputError: one exists, or cannot be written.
    """
    for path in contents:
        if path.exists() or path.is_symlink():
            raise OutputError(f"{path} exists: choose another name")
    written: list[Path] = []
    try:
        for path, content in contents.items():
            write_file(path, content)
            written.append(path)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise


def _write(path: Path, content: bytes) -> None:
    """Fill a file beside, which then takes the name."""
    partial = _beside(path)
    try:
        with partial.open("xb") as stream:
            stream.write(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder to fill, which takes its name only when it is full; what has the name then goes.

    Raises:
        OutputError: it cannot be written.
    """
    partial, old = _beside(folder), _beside(folder).with_suffix(".old")
    with _told(folder):
        try:
            partial.mkdir(0o700 if folder.exists() else 0o777)
            yield partial
            if folder.exists():  # who may look is its owner's to say
                partial.chmod(stat.S_IMODE(folder.stat().st_mode))
                folder.rename(old)
            try:
                partial.rename(folder)
            except BaseException:
                if old.exists():
                    old.rename(folder)
                raise
            if old.exists():
                shutil.rmtree(old)
        finally:
            if partial.exists():
                shutil.rmtree(partial)


def _beside(path: Path) -> Path:
    """A name in the same folder that nobody has."""
    return path.absolute().with_name(f".{path.name}.{token_hex(4)}.partial")


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What the system refuses, as an `OutputError`."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error


def cache_folder(name: str) -> Path:
    """A folder of the user's cache, which may not be there yet: `XDG_CACHE_HOME`, or what the system has."""
    return user_cache_path("reissue", appauthor=False) / name
