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
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock, local
from typing import Final

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
        workers, done = _Workers(), SimpleQueue[Future[bytes]]()
        with ThreadPoolExecutor(min(self.slots, max(len(tasks), 1))) as threads:
            try:
                asked = {threads.submit(workers.compute, task): task for task in tasks}
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
                workers.close()


class _Workers:
    """One process for each thread that asks."""

    def __init__(self) -> None:
        self._own = local()
        self._all: list[Worker] = []
        self._lock = Lock()
        self._is_closed = False

    def compute(self, task: Task) -> bytes:
        """The result of a task, by the process of this thread, or by its successor if that dies."""
        for _ in range(_TRIES):
            try:
                return self._of_this_thread().ask(task)
            except WorkerDiedError:
                if self._is_closed:
                    raise
        raise WorkersError(
            f"{_TRIES} worker processes died over the same run, most often for want of memory: "
            "allow fewer at a time with --workers; what is done is kept"
        )

    def _of_this_thread(self) -> Worker:
        worker: Worker | None = getattr(self._own, "worker", None)
        if worker is None or not worker.is_alive:
            with self._lock:
                if self._is_closed:
                    raise WorkerDiedError
                self._own.worker = worker = Worker()
                self._all.append(worker)
        return worker

    def close(self) -> None:
        """End every process, at work or not."""
        with self._lock:
            self._is_closed = True
        for worker in self._all:
            worker.end()


class Worker:
    """A process that computes tasks, one after the other."""

    def __init__(self) -> None:
        here = str(Path(__file__).parents[2])
        path = os.pathsep.join(part for part in (here, os.environ.get("PYTHONPATH")) if part)
        self._process = subprocess.Popen(  # noqa: S603 - this very Python
            [sys.executable, "-P", "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def ask(self, task: Task) -> bytes:
        """The result of a task.

        Raises:
            WorkerDiedError: it was killed, or could not start.
            EngineUnavailableError: the engine is not installed.
            RuntimeError: a defect of ours, with the traceback over there.
        """
        questions, answers = self._process.stdin, self._process.stdout
        assert questions is not None
        assert answers is not None
        try:
            pickle.dump(task, questions)
            questions.flush()
            kind, content = pickle.load(answers)  # noqa: S301 - from the process that was started here
        except (OSError, EOFError, ValueError, pickle.UnpicklingError):
            self.end()
            raise WorkerDiedError from None
        if kind == EngineUnavailableError.__name__:
            raise EngineUnavailableError(content)
        if kind is not None:
            raise RuntimeError(content)
        result: bytes = content
        return result

    def end(self) -> None:
        """Kill it, and see that it is gone."""
        self._process.kill()
        self._process.wait(timeout=_END_S)
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            try:
                stream.close()
            except (OSError, ValueError):  # what was buffered can no longer be written
                continue


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
