"""Tasks on this machine: in this process, or in others beside it.

A worker is a program of its own, which is spoken to over its pipes, not a copy of the caller's. So a script
needs no guard around its main module, and a notebook can call. One that is killed takes no other with it, and
all end with this process, however that ends, since their standard input does. (loky and `concurrent.futures`
end every worker with one, and leave them behind when the caller is killed; docs/design.md.)
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import traceback
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Any, Final

from sim.errors import EngineUnavailableError
from sim.executor.task import Results, Task, WorkersError, compute

_PROGRAM: Final = "from sim.executor.local import main; main()"
_TRIES: Final = 3
"""Processes that may die over one task before it is given up."""
_PATIENCE_S: Final = 0.2
"""How soon an interrupt is noticed on systems where waiting cannot be interrupted."""
_END_S: Final = 30.0
"""How long a process that was killed may take to be gone."""


class WorkerDiedError(Exception):
    """The process ended before it answered."""


class Here:
    """This process; for what is over sooner than others would have started."""

    slots = 1

    def results(self, tasks: Sequence[Task]) -> Results:
        """See `Executor`; the array engine has all cores."""
        for task in tasks:
            yield task, compute(task, threads=None)


class Processes:
    """Processes on this machine, each with one thread; they end with this one.

    Args:
        slots: how many; default: one a core.
    """

    def __init__(self, slots: int | None = None) -> None:
        self.slots = slots or cores()

    def results(self, tasks: Sequence[Task]) -> Results:
        """See `Executor`; a task whose process was killed is done again by another.

        Raises:
            WorkersError: process after process dies over the same task.
        """
        workers = [Worker() for _ in range(min(self.slots, len(tasks)))]
        free, done = SimpleQueue[Worker](), SimpleQueue[Future[bytes]]()
        for worker in workers:
            free.put(worker)

        def compute_by_one(task: Task) -> bytes:
            worker = free.get()
            try:
                return worker.compute(task)
            finally:
                free.put(worker)

        with ThreadPoolExecutor(max(len(workers), 1)) as threads:
            try:
                asked = {threads.submit(compute_by_one, task): task for task in tasks}
                for future in asked:
                    future.add_done_callback(done.put)
                while asked:
                    try:
                        future = done.get(timeout=_PATIENCE_S)
                    except Empty:
                        continue
                    yield asked.pop(future), future.result()
            finally:
                threads.shutdown(wait=False, cancel_futures=True)
                for worker in workers:
                    worker.close()


class Worker:
    """A process that computes one task after the other; started when it is needed, again after it died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = Lock()
        self._is_closed = False

    def compute(self, task: Task) -> bytes:
        """The result of a task.

        Raises:
            WorkersError: process after process dies over it.
            EngineUnavailableError: the engine is not installed.
            RuntimeError: a defect of ours, with the traceback over there.
        """
        for _ in range(_TRIES):
            try:
                kind, content = self._ask(self._started(), task)
            except WorkerDiedError:
                continue
            if kind == EngineUnavailableError.__name__:
                raise EngineUnavailableError(content)
            if kind is not None:
                raise RuntimeError(content)
            result: bytes = content
            return result
        raise WorkersError(
            f"{_TRIES} worker processes died over the same run, most often for want of memory: "
            "allow fewer at a time with --workers; what is done is kept"
        )

    def close(self) -> None:
        """End the process, at work or not; it is not started again."""
        with self._lock:
            self._is_closed = True
            if self._process is not None:
                _end(self._process)

    def _started(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._is_closed:
                raise WorkerDiedError
            if self._process is None or self._process.poll() is not None:
                self._process = _start()
            return self._process

    def _ask(self, process: subprocess.Popen[bytes], task: Task) -> tuple[str | None, Any]:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            pickle.dump(task, process.stdin)
            process.stdin.flush()
            answer: tuple[str | None, Any] = pickle.load(process.stdout)  # noqa: S301 - our own process
        except (OSError, EOFError, ValueError, pickle.UnpicklingError):
            _end(process)
            raise WorkerDiedError from None
        return answer


def _start() -> subprocess.Popen[bytes]:
    here = str(Path(__file__).parents[2])
    path = os.pathsep.join(part for part in (here, os.environ.get("PYTHONPATH")) if part)
    return subprocess.Popen(  # noqa: S603 - this very Python
        [sys.executable, "-P", "-c", _PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill it, and see that it is gone."""
    process.kill()
    process.wait(timeout=_END_S)
    for stream in (process.stdin, process.stdout):
        assert stream is not None
        with suppress(OSError, ValueError):  # what was buffered can no longer be written
            stream.close()


def main() -> None:
    """Answer questions on standard input until it ends; the life of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who asks decides what an interrupt means
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever else prints goes to stderr
    while True:
        try:
            task = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started this one
        except EOFError:
            return
        answer: tuple[str | None, bytes | str]
        try:
            answer = None, compute(task)
        except EngineUnavailableError as error:
            answer = EngineUnavailableError.__name__, str(error)
        except Exception:  # told to the one who asks
            answer = "", traceback.format_exc()
        try:
            pickle.dump(answer, answers)
            answers.flush()
        except OSError:  # nobody listens any more
            return


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
