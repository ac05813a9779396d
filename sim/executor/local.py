"""Tasks on this machine: in this process, or in others beside it.

A worker is a program of its own, which is spoken to over its pipes, not a copy of the caller's. So a script
needs no guard around its main module, and a notebook can call. One that is killed takes no other with it, and
all end with this process, however that ends, since their standard input does. (loky and `concurrent.futures`
end every worker with one, and leave them behind when the caller is killed.)
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Final

from sim.errors import EngineUnavailableError
from sim.executor.task import Results, Task, WorkersError, compute

_PROGRAM: Final = "from sim.executor.local import main; main()"
_TRIES: Final = 3
"""Processes that may die over one task before it is given up."""
_PATIENCE_S: Final = 0.2
"""How soon an interrupt is noticed on systems where waiting cannot be interrupted."""


class Here:
    """This process; for what is over sooner than others would have started."""

    def results(self, tasks: Sequence[Task]) -> Results:
        """See `Executor`; the array engine has all cores."""
        for task in tasks:
            yield task, compute(task, threads=None)


class Processes:
    """Processes on this machine, by default one a core; each has one thread, and ends with this one."""

    def __init__(self, slots: int | None = None) -> None:
        self.slots = slots or cores()

    def results(self, tasks: Sequence[Task]) -> Results:
        """See `Executor`; a task whose process was killed is done again by another.

        Raises:
            WorkersError: process after process dies over the same task.
            EngineUnavailableError: the engine is not installed.
            RuntimeError: a defect of ours, with the traceback over there.
        """
        waiting, done = SimpleQueue[Task](), SimpleQueue[tuple[Task, bytes | Exception]]()
        for task in tasks:
            waiting.put(task)
        workers = [_Worker(waiting, done) for _ in range(min(self.slots, len(tasks)))]
        try:
            for worker in workers:
                worker.start()
            missing = len(tasks)
            while missing:
                with suppress(Empty):
                    task, answer = done.get(timeout=_PATIENCE_S)
                    if isinstance(answer, Exception):
                        raise answer
                    missing -= 1
                    yield task, answer
        finally:
            for worker in workers:
                worker.end()


class _Worker(Thread):
    """A thread with a process of its own, which computes one task after the other."""

    def __init__(self, waiting: SimpleQueue[Task], done: SimpleQueue[tuple[Task, bytes | Exception]]) -> None:
        super().__init__(daemon=True)
        self._waiting, self._done = waiting, done
        self._process: subprocess.Popen[bytes] | None = None
        self._is_over = Event()

    def run(self) -> None:
        """Take tasks until there are none, or it is over."""
        try:
            with suppress(Empty):
                while not self._is_over.is_set():
                    task = self._waiting.get_nowait()
                    self._done.put((task, self._answer(task)))
        finally:
            self._kill()

    def end(self) -> None:
        """Kill the process, at work or not, until the thread has seen it and ended."""
        self._is_over.set()
        while self.is_alive():
            if self._process is not None:
                self._process.kill()
            self.join(_PATIENCE_S)

    def _answer(self, task: Task) -> bytes | Exception:
        """The result of a task, or what it raises."""
        for _ in range(_TRIES):
            try:
                self._process = process = self._process or _started()
                assert process.stdin is not None
                assert process.stdout is not None
                pickle.dump(task, process.stdin)
                process.stdin.flush()
                answer: bytes | Exception = pickle.load(process.stdout)  # noqa: S301 - our own process
            except (OSError, EOFError, ValueError, pickle.UnpicklingError):
                self._kill()
                if self._is_over.is_set():
                    break
            except Exception as error:
                return error
            else:
                return answer
        return WorkersError(
            f"{_TRIES} worker processes died over the same run, most often for want of memory: "
            "allow fewer at a time with --workers; what is done is kept"
        )

    def _kill(self) -> None:
        """End the process, and see that it is gone."""
        if self._process is not None:
            self._process.kill()
            with suppress(OSError, ValueError):  # what was buffered can no longer be written
                self._process.communicate()
            self._process = None


def _started() -> subprocess.Popen[bytes]:
    here = str(Path(__file__).parents[2])
    path = os.pathsep.join(part for part in (here, os.environ.get("PYTHONPATH")) if part)
    return subprocess.Popen(  # noqa: S603 - this very Python
        [sys.executable, "-P", "-c", _PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )


def main() -> None:
    """Answer questions on standard input until it ends; the life of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who asks decides what an interrupt means
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever else prints goes to stderr
    with suppress(EOFError, OSError):  # nobody asks, or listens, any more
        while True:
            answers.write(pickle.dumps(_answer(pickle.load(sys.stdin.buffer))))  # noqa: S301 - our caller
            answers.flush()


def _answer(task: Task) -> bytes | Exception:
    try:
        return compute(task)
    except EngineUnavailableError as error:
        return error
    except Exception:  # told to the one who asks
        return RuntimeError(traceback.format_exc())


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
