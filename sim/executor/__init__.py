"""Hands tasks out, here, to processes or to a cluster, and keeps their results by content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from sim.errors import InputError, OutputError, UnreadableError
from sim.executor.task import Arrays, DamagedError, Results, Task, WorkersError, unpack
from sim.files import cache_folder, read_bytes, write_file

FORMAT: Final = "reissue result 2"
_MOST_BYTES: Final = 512_000_000


class CacheError(InputError):
    """Results cannot be kept where they should be; the message says what would help."""


class Executor(Protocol):
    """Whoever computes tasks."""

    def results(self, tasks: Sequence[Task]) -> Results:
        """Every task with its packed result, in any order, as they are done."""


class Cache:
    """A folder of results, by default in the user's cache, made when the first is kept.

    Each is a small file, written whole or not at all and checked when read: one line of JSON (format, key,
    SHA-256 of what follows), then the bytes of an .npz file.
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
            return unpack(content, task.form) if json.loads(head) == _head(task, content) else None
        except (UnreadableError, DamagedError, ValueError, RecursionError):
            return None

    def put(self, task: Task, content: bytes) -> None:
        """Keep the packed result of a task.

        Raises:
            CacheError: it cannot be written.
        """
        path, head = self.path(task), json.dumps(_head(task, content), separators=(",", ":"))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, head.encode("ascii") + b"\n" + content)
        except (OSError, OutputError) as error:
            raise CacheError(
                f"results cannot be kept in {self.folder} ({error}): "
                "name another folder with --store DIR, or keep none with --no-store"
            ) from error


def _head(task: Task, content: bytes) -> dict[str, str]:
    return {"format": FORMAT, "key": task.key, "sha256": hashlib.sha256(content).hexdigest()}


@dataclass(frozen=True, eq=False, slots=True)
class Resources:
    """What a study computes with; without a cache nothing is kept."""

    executor: Executor
    cache: Cache | None = None

    def results(
        self, tasks: Sequence[Task], *, progress: Callable[[float], None] | None = None
    ) -> Iterator[tuple[Task, Arrays]]:
        """Every task, equal ones once, with its result: first what is kept, then others as they are done.

        Raises:
            WorkersError: those who compute cannot be reached, die, or send something else.
            CacheError: results cannot be kept.
        """
        missing: list[Task] = []
        for task in {task.key: task for task in tasks}.values():
            kept = None if self.cache is None else self.cache.get(task)
            if kept is None:
                missing.append(task)
            else:
                yield task, kept
        if not missing:
            return
        with closing(self.executor.results(missing)) as results:
            for done, (task, content) in enumerate(results, start=1):
                try:
                    arrays = unpack(content, task.form)
                except DamagedError as error:
                    raise WorkersError(f"a worker sent something that is no result ({error})") from None
                if self.cache is not None:
                    self.cache.put(task, content)
                if progress is not None:
                    progress(done / len(missing))
                yield task, arrays
