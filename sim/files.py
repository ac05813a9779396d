"""Files: read only if they are regular and small enough, written whole or not at all."""

from __future__ import annotations

import codecs
import ctypes
import os
import re
import shutil
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Final

try:
    import fcntl
except ImportError:  # Windows: nobody knows whether the owner of a leftover still works
    fcntl = None  # type: ignore[assignment]

from sim.errors import OutputError, UnreadableError

_UNPRINTABLE: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


# --- reading -------------------------------------------------------------------------------------------


def read_bytes(path: Path, *, most_bytes: int) -> bytes:
    """The content of a regular file of at most `most_bytes`; a pipe or a device is never waited for.

    Raises:
        UnreadableError: it is missing, not a regular file, not readable, or larger.
    """
    try:
        with open(path, "rb", opener=_without_waiting) as stream:
            is_regular = stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
            content = stream.read(most_bytes + 1) if is_regular else b""
    except (OSError, ValueError) as error:
        raise UnreadableError(_refused(error)) from None
    if not is_regular:
        raise UnreadableError("is not a regular file (a pipe, socket or device): save the content to a file")
    if len(content) > most_bytes:
        raise UnreadableError(f"is larger than {most_bytes:,} bytes, the most that is read: make it smaller")
    return content


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def decode(content: bytes, *, printable: bool = True) -> str:
    """UTF-8 text, with or without byte order mark.

    Raises:
        UnreadableError: a byte is not UTF-8, or, with `printable`, a character is a control character.
    """
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise UnreadableError("is UTF-16 (often called Unicode): save it as UTF-8", line=1, column=1)
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", errors="replace")
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
    if not written or re.search(r"[\x00\r\n]|^[A-Za-z]:[\\/]|^[\\/~]", written):
        raise UnreadableError(
            "is not relative to the scenario's folder: write a path such as data/devices.csv"
        )
    try:
        root = folder.resolve()
        path = (root / written).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise UnreadableError(_refused(error)) from None
    if not path.is_relative_to(root) or path == root:
        raise UnreadableError("leads out of the scenario's folder: put the file in that folder or below it")
    return path


def _refused(error: Exception) -> str:
    for kind, message in (
        (FileNotFoundError, "does not exist: check the path"),
        (PermissionError, "may not be read: give yourself permission to read it"),
        (IsADirectoryError, "is a folder: name a file in it"),
    ):
        if isinstance(error, kind):
            return message
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"cannot be read ({reason.lower()}): check the path"


# --- writing -------------------------------------------------------------------------------------------

_PARTIAL: Final = re.compile(r"\.reissue-[0-9a-f]{16}\.partial")
"""The name of what is being written; it is locked as long as its owner works."""


def expect_folder_of(path: Path) -> None:
    """Refuse a path where nothing can be written, before there is anything to write.

    Raises:
        OutputError: its folder is missing, or may not be written to.
    """
    if not path.absolute().parent.is_dir():
        raise OutputError(f"{path} cannot be written: the folder {path.parent} does not exist")
    folder = Path(os.path.realpath(path)).parent
    if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{path} cannot be written: give yourself permission to write to {folder}")


def write_file(path: Path, content: bytes) -> None:
    """Write a file, or put it in the place of another; whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    with _refusals(path), _partial(path.absolute().parent, Path.touch) as partial:
        partial.write_bytes(content)
        partial.replace(path)


def write_new_files(contents: Mapping[Path, bytes]) -> None:
    """Write files where there are none, all of them or none.

    Raises:
        OutputError: one exists, or cannot be written.
    """
    written: list[Path] = []
    try:
        for path, content in contents.items():
            with _refusals(path), _partial(path.absolute().parent, Path.touch) as partial:
                partial.write_bytes(content)
                _rename_to_new(partial, path)
            written.append(path)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise


@contextmanager
def new_folder(folder: Path, *, replaces: Callable[[Path], bool] = lambda _: False) -> Iterator[Path]:
    """A folder to fill, which takes its name only when it is full; a link is followed.

    Nobody who looks at the name ever sees half of a folder. Where the system can exchange two names in one
    step, nobody ever misses it either.

    Args:
        folder: the name. What bears it now must be missing, an empty folder, or one that may be replaced.
        replaces: whether a folder that is not empty may go; asked again when it has lost its name.

    Raises:
        OutputError: it cannot be written, or something that may not be replaced got the name meanwhile.
    """
    folder = Path(os.path.realpath(folder))
    mode = 0o700 if folder.exists() else 0o777
    with _refusals(folder), _partial(folder.parent, lambda path: path.mkdir(mode)) as partial:
        yield partial
        if folder.is_dir():  # who may look is for its owner to say
            partial.chmod(stat.S_IMODE(folder.stat().st_mode))
        if not (folder.is_dir() and any(folder.iterdir()) and replaces(folder)):
            _take_free_name(partial, folder)
            return
        with _lock(folder):
            _take_name_of_another(partial, folder, replaces)


def remove_leftovers(folder: Path) -> None:
    """Remove what killed writers have left in a folder; what a living one writes is locked, and stays."""
    with suppress(OSError):
        for path in [each for each in folder.iterdir() if fcntl is not None and is_partial(each)]:
            with suppress(OSError), _lock(path):
                _remove(path)


def is_partial(path: Path) -> bool:
    """Whether a name is one of what is being written, or was when its writer was killed."""
    return _PARTIAL.fullmatch(path.name) is not None


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _take_free_name(partial: Path, folder: Path) -> None:
    """Rename a folder to a name that is free or that of an empty folder; the system refuses any other."""
    try:
        if sys.platform == "win32" and folder.is_dir():
            folder.rmdir()
        partial.rename(folder)
    except OSError:
        if folder.exists():
            raise OutputError(_appeared(folder)) from None
        raise


def _take_name_of_another(partial: Path, folder: Path, replaces: Callable[[Path], bool]) -> None:
    """Put a folder in the place of another, which goes; unless somebody has put something else there."""
    if _exchange(partial, folder):
        if not replaces(partial):
            _exchange(partial, folder)
            raise OutputError(_appeared(folder))
        return
    old = _unused(folder.parent)
    folder.rename(old)
    try:
        _take_free_name(partial, folder)
    except BaseException:
        old.rename(folder)
        raise
    _remove(old)


def _appeared(folder: Path) -> str:
    return f"{folder} was made by somebody else in the meantime: it is left as it is; choose another name"


@contextmanager
def _partial(parent: Path, make: Callable[[Path], object]) -> Iterator[Path]:
    """A new file or folder, locked until it has a name of its own or is gone."""
    remove_leftovers(parent)
    with ExitStack() as held:
        while True:
            partial = _unused(parent)
            make(partial)
            held.callback(_remove, partial)
            with suppress(BlockingIOError, FileNotFoundError):  # taken for a leftover before it is locked
                held.enter_context(_lock(partial))
                break
        yield partial


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """A file or folder that nobody else holds.

    Raises:
        BlockingIOError: somebody does.
    """
    if fcntl is None:
        yield
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _unused(parent: Path) -> Path:
    return parent / f".reissue-{token_hex(8)}.partial"


def _rename_to_new(partial: Path, path: Path) -> None:
    """Rename a file, but never over another.

    Raises:
        OutputError: there is one.
    """
    with suppress(OSError):
        if sys.platform != "win32":
            os.link(partial, path)
            return
    if os.path.lexists(path):  # without links, as on a memory stick, the moment in between stays
        raise OutputError(f"{path} exists: choose another name")
    partial.rename(path)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step; False where the system cannot."""
    with suppress(AttributeError, OSError):
        library, names = ctypes.CDLL(None, use_errno=True), (os.fsencode(one), os.fsencode(other))
        if sys.platform == "linux":
            return int(library.renameat2(-100, names[0], -100, names[1], 2)) == 0  # AT_FDCWD, RENAME_EXCHANGE
        if sys.platform == "darwin":
            return int(library.renamex_np(*names, 2)) == 0  # RENAME_SWAP
    return False


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    """What the system refuses, as an `OutputError`; a lock is another's who writes to the same name."""
    try:
        yield
    except BlockingIOError:
        raise OutputError(_appeared(path)) from None
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error


def cache_folder(name: str) -> Path:
    """A folder of the user's cache, which may not be there yet: `XDG_CACHE_HOME`, or what the system has."""
    from platformdirs import user_cache_path

    return user_cache_path("reissue", appauthor=False) / name
