"""Hands tasks out, here, to processes or to a cluster, and keeps their results by content."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sim.errors import InputError, visible
from sim.executor.cache import Cache
from sim.executor.local import Here, Processes
from sim.executor.task import Arrays, DamagedError, Results, Task, WorkersError, unpack

Progress = Callable[[float], None]


class Executor(Protocol):
    """Whoever computes tasks."""

    @property
    def slots(self) -> int:
        """How many it computes at a time."""

    def results(self, tasks: Sequence[Task]) -> Results:
        """Every task with its packed result, in any order, as they are done."""


@dataclass(frozen=True, eq=False, slots=True)
class Resources:
    """What a study computes with.

    Attributes:
        executor: computes.
        cache: of results; None: none are kept.
    """

    executor: Executor
    cache: Cache | None = None

    def results(
        self, tasks: Sequence[Task], *, progress: Progress | None = None
    ) -> Iterator[tuple[Task, Arrays]]:
        """Every task with its result: first those that are kept, then the others, kept as they are done.

        Args:
            tasks: what is wanted; equal ones are computed once.
            progress: called with the share that is done of those computed now.

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


@contextmanager
def resources(
    *,
    workers: int | None,
    cluster: str | None,
    store: str | os.PathLike[str] | None,
    keep: bool,
    is_short: bool = False,
    default: Executor | None = None,
    notice: Callable[[str], None] | None = None,
) -> Iterator[Resources | None]:
    """What a study computes with; None where nothing is asked for: it computes by itself, and keeps nothing.

    Args:
        workers: processes on this machine.
        cluster: address of a dask.distributed scheduler, whose workers compute instead.
        store: folder of the result cache; default: in the user's cache.
        keep: whether results are kept, and taken from there.
        is_short: it takes no longer than to start processes, so none are started.
        default: computes where none of these says who does.
        notice: called with a sentence before a wait that needs a reason.

    Raises:
        InputError: `workers` and `cluster` are both given.
        ClusterError: the cluster cannot be used.
    """
    if workers is not None and cluster is not None:
        raise InputError("workers are of this machine, a cluster is others: give one of them")
    cache = Cache(None if store is None else Path(store)) if keep else None
    if cluster is not None:
        from sim.executor.cluster import Cluster

        with Cluster(cluster) as executor:
            if notice is not None:
                notice(f"connected to {visible(cluster)}: {executor.slots:,} runs at a time")
            yield Resources(executor, cache)
    elif workers is not None:
        yield Resources(Here() if workers == 1 or is_short else Processes(workers), cache)
    elif store is not None or default is not None:
        yield Resources(default or Here(), cache)
    else:
        yield None
