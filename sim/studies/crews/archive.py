"""Values of units on disk, by their keys: what was computed once is not computed again."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Final

from sim.errors import InputError, OutputError, UnreadableError
from sim.files import cache_folder, read_bytes, write_file
from sim.studies.crews.unit import Unit, Value, canonical, is_value

FORMAT: Final = "reissue result 1"
_MOST_BYTES: Final = 512_000_000


class ArchiveError(InputError):
    """Results cannot be kept where they should be; the message says what would help."""


class Archive:
    """A folder of values, one small file each, written whole or not at all and checked when read.

    Args:
        folder: where; made when the first value is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, unit: Unit) -> Path:
        """Where a unit's value is."""
        return self.folder / unit.key[:2] / f"{unit.key}.json"

    def get(self, unit: Unit) -> Value | None:
        """The value of a unit; None where there is none, or the file is torn or is not ours."""
        path = self.path(unit)
        if not path.exists():
            return None
        try:
            document = json.loads(read_bytes(path, most_bytes=_MOST_BYTES))
            value = document["value"]
            is_ours = document["format"] == FORMAT and document["key"] == unit.key
            is_whole = document["sha256"] == hashlib.sha256(canonical(value)).hexdigest()
        except (UnreadableError, ValueError, KeyError, TypeError, RecursionError):
            return None
        if not (is_ours and is_whole and is_value(value, of_part=unit.within is not None)):
            return None
        checked: Value = value
        return checked

    def put(self, unit: Unit, content: bytes) -> None:
        """Keep the value of a unit, given as canonical JSON.

        Raises:
            ArchiveError: it cannot be written.
        """
        path = self.path(unit)
        digest = hashlib.sha256(content).hexdigest()
        head = f'{{"format":"{FORMAT}","key":"{unit.key}","sha256":"{digest}","value":'
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, head.encode("ascii") + content + b"}\n")
        except (OSError, OutputError) as error:
            raise ArchiveError(
                f"results cannot be kept in {self.folder} ({error}): "
                "name another folder with --store DIR, or keep none with --no-store"
            ) from error


def archive_at(store: str | os.PathLike[str] | None, *, keep: bool) -> Archive | None:
    """The archive in a folder, by default in the user's cache; None where nothing is to be kept."""
    if not keep:
        return None
    return Archive(cache_folder("results") if store is None else Path(store))
