"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from sim.errors import InputError


class OutputError(InputError):
    """The directory cannot be written; the message says why and what would help."""


def write_files(contents: Mapping[Path, bytes]) -> None:
    """Write new files, all of them or none.

    Raises:
        OutputError: one exists, or cannot be written.
    """
    for path in contents:
        if path.exists() or path.is_symlink():
            raise OutputError(f"{path} exists: choose another name")
    written: list[Path] = []
    try:
        for path, content in contents.items():
            _write_whole(path, content)
            written.append(path)
    except BaseException as error:
        for path in written:
            path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error
        raise


def _write_whole(path: Path, content: bytes) -> None:
    """A file that takes its name only when it is full."""
    descriptor, partial = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        umask = os.umask(0)
        os.umask(umask)
        Path(partial).chmod(0o666 & ~umask)
        Path(partial).replace(path)
    finally:
        Path(partial).unlink(missing_ok=True)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file, or put it in the place of another; whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        _write_whole(path, content)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error
