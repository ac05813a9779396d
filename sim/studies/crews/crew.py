"""Who computes units: this process, others beside it, or a cluster; and how their values are collected."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Final, Protocol

from sim.studies.crews.archive import Archive
from sim.studies.crews.hand import Hand, HandDiedError, WorkersError
from sim.studies.crews.unit import Unit, Value, compute
from sim.studies.experiment import Progress

Answers = Generator[tuple[Unit, bytes], None, None]

_TRIES: Final = 3
"""Processes that may die over one unit before it is given up."""
_PATIENCE_S: Final = 0.2
"""How soon an interrupt is noticed on systems where waiting cannot be interrupted."""


class Crew(Protocol):
    """Whoever computes units."""

    def results(self, units: Sequence[Unit]) -> Answers:
        """Every unit with its value as canonical JSON, in any order, as they are done."""


class Alone:
    """This process; for what is over sooner than others would have started."""

    def results(self, units: Sequence[Unit]) -> Answers:
        """See `Crew`; the array engine has all cores."""
        for unit in units:
            yield unit, compute(unit, threads=None)


class Local:
    """Processes on this machine, each with one thread; they end with this one.

    Args:
        processes: how many; default: one a core.
    """

    def __init__(self, processes: int | None = None) -> None:
        self.processes = processes or cores()

    def results(self, units: Sequence[Unit]) -> Answers:
        """See `Crew`; a unit whose process was killed is done again by another.

        Raises:
            WorkersError: process after process dies over the same unit.
        """
        shift = _Shift(units)
        threads = [Thread(target=shift.serve, daemon=True) for _ in range(min(self.processes, len(units)))]
        try:
            for thread in threads:
                thread.start()
            for _ in units:
                answer = shift.next_answer()
                if isinstance(answer, Exception):
                    raise answer
                yield answer
        finally:
            shift.stop()
            for thread in threads:
                thread.join()


class _Shift:
    """Some units, and the processes that are at work on them, each led by a thread."""

    def __init__(self, units: Sequence[Unit]) -> None:
        self.waiting = deque(units)
        self.answers: SimpleQueue[tuple[Unit, bytes] | Exception] = SimpleQueue()
        self.hands: set[Hand] = set()
        self.stopped = Event()

    def next_answer(self) -> tuple[Unit, bytes] | Exception:
        """The next unit that is done, or what went wrong."""
        while True:
            with suppress(Empty):
                return self.answers.get(timeout=_PATIENCE_S)

    def serve(self) -> None:
        """Lead one process through units until none waits."""
        hand = Hand()
        try:
            self.hands.add(hand)
            while not self.stopped.is_set():
                unit = self.waiting.popleft()
                for _ in range(_TRIES):
                    try:
                        self.answers.put((unit, hand.ask(unit)))
                        break
                    except HandDiedError:
                        if self.stopped.is_set():
                            return
                else:
                    raise WorkersError(
                        f"{_TRIES} worker processes died over the same run, most often for want of memory: "
                        "allow fewer at a time with --workers; what is done is kept"
                    )
        except IndexError:
            return
        except Exception as error:  # raised again by the thread that waits
            self.answers.put(error)
        finally:
            hand.close()

    def stop(self) -> None:
        """End every process, at work or not."""
        self.stopped.set()
        self.waiting.clear()
        for hand in tuple(self.hands):
            hand.close()


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def collect(
    units: Sequence[Unit], crew: Crew, *, archive: Archive | None = None, progress: Progress | None = None
) -> Iterator[tuple[Unit, Value]]:
    """The value of every unit: those that are kept first, then the others as they are done, kept at once.

    Args:
        units: what is wanted; equal ones are computed once.
        crew: who computes.
        archive: where values are kept; None: nowhere.
        progress: called with the share of those computed here that is done.
    """
    missing: list[Unit] = []
    for unit in {unit.key: unit for unit in units}.values():
        value = None if archive is None else archive.get(unit)
        if value is None:
            missing.append(unit)
        else:
            yield unit, value
    if not missing:
        return
    with closing(crew.results(missing)) as results:
        for done, (unit, content) in enumerate(results, start=1):
            if archive is not None:
                archive.put(unit, content)
            if progress is not None:
                progress(done / len(missing))
            yield unit, json.loads(content)
