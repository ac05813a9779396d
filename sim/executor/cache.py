"""Results on disk, by the keys of their tasks: what was computed once is not computed again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Final

from sim.errors import InputError, OutputError, UnreadableError
from sim.executor.task import Arrays, DamagedError, Task, unpack
from sim.files import cache_folder, read_bytes, write_file

FORMAT: Final = "reissue result 2"
_MOST_BYTES: Final = 512_000_000


class CacheError(InputError):
    """Results cannot be kept where they should be; the message says what would help."""


class Cache:
    """A folder of results, one small file each, written whole or not at all and checked when read.

    A file is one line of JSON (format, key, SHA-256 of what follows), then the bytes of an .npz file.

    Args:
        folder: where; made when the first result is kept; default: in the user's cache.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = cache_folder("results") if folder is None else folder

    def path(self, task: Task) -> Path:
        """Where the result of a task is."""
        return self.folder / task.key[:2] / f"{task.key}.result"

    def get(self, task: Task) -> Arrays | None:
        """The result of a task; None where there is none, or the file is torn or is not ours."""
        path = self.path(task)
        if not path.exists():
            return None
        try:
            head, _, content = read_bytes(path, most_bytes=_MOST_BYTES).partition(b"\n")
            if json.loads(head) != _head(task, content):
                return None
            return unpack(content, task.form)
        except (UnreadableError, DamagedError, ValueError, RecursionError):
            return None

    def put(self, task: Task, content: bytes) -> None:
        """Keep the packed result of a task.

        Raises:
            CacheError: it cannot be written.
        """
        path = self.path(task)
        head = json.dumps(_head(task, content), separators=(",", ":")).encode("ascii")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, head + b"\n" + content)
        except (OSError, OutputError) as error:
            raise CacheError(
                f"results cannot be kept in {self.folder} ({error}): "
                "name another folder with --store DIR, or keep none with --no-store"
            ) from error


def _head(task: Task, content: bytes) -> dict[str, str]:
    return {"format": FORMAT, "key": task.key, "sha256": hashlib.sha256(content).hexdigest()}
