"""Processes on this machine: killed, interrupted, left by their caller, or told to do what cannot be done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from threading import enumerate as living_threads

import psutil
import pytest
import sweeps

from sim.errors import EngineUnavailableError
from sim.executor import Resources
from sim.executor.local import Here, Processes
from sim.executor.task import Arrays, Results, Task, VersionError, WorkersError, compute, program


def test_a_killed_worker_costs_nothing_but_time() -> None:
    tasks = sweeps.tasks(replications=2)
    expected = {task.key: compute(task) for task in tasks}
    found: dict[str, bytes] = {}
    killed = 0
    for task, content in Processes(2).results(tasks):
        assert task.key not in found
        found[task.key] = content
        if len(found) == 2:
            for child in psutil.Process().children():
                child.kill()
                killed += 1
    assert killed >= 2
    assert found == expected
    assert not psutil.Process().children()


def test_whoever_kills_one_worker_leaves_the_others_at_their_work() -> None:
    """The survivor computes on: its process is the same before and after, and no task is done twice."""
    tasks = sweeps.tasks(replications=4)
    results = Processes(2).results(tasks)
    next(results)
    one, other = psutil.Process().children()
    one.kill()
    assert len([*results]) == len(tasks) - 1
    assert not other.is_running()
    assert not psutil.Process().children()


def test_a_task_that_kills_every_process_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.executor.local._PROGRAM", "raise SystemExit")
    with pytest.raises(WorkersError, match="for want of memory"):
        list(Processes(2).results(sweeps.tasks()))
    assert not psutil.Process().children()


def test_nothing_is_left_of_workers_that_are_no_longer_wanted() -> None:
    """Closed after the first result, with the rest at work: no process and no thread stays."""
    threads = set(living_threads())
    results = Processes(2).results(sweeps.tasks(replications=4))
    next(results)
    results.close()
    assert not psutil.Process().children()
    assert set(living_threads()) == threads


def test_what_a_worker_cannot_do_is_raised_here() -> None:
    task = sweeps.tasks()[0]
    old = replace(task, program="reissue 0.0, semantics 0")
    with pytest.raises(VersionError, match=r"reissue 0\.0"):
        list(Here().results([old]))
    with pytest.raises(RuntimeError, match="VersionError"):
        list(Processes(1).results([old]))
    fleet = replace(task, function=unavailable)
    with pytest.raises(EngineUnavailableError, match="numba"):
        list(Here().results([fleet]))


def unavailable(*arguments: object, threads: int | None) -> Arrays:
    raise EngineUnavailableError("numba is not installed")


class Liar:
    """Sends something else."""

    slots = 1

    def results(self, tasks: object) -> Results:
        for task in tasks:  # type: ignore[attr-defined]
            yield task, b"something else"


def test_what_comes_back_is_checked() -> None:
    with pytest.raises(WorkersError, match="no result"):
        list(Resources(Liar()).results(sweeps.tasks()))


ORPHANS = """
import sys, time
sys.path[:0] = {path!r}
import sweeps
from sim.executor.local import Processes
results = Processes(2).results(sweeps.tasks(replications=200))
for _ in results:
    print("one", flush=True)
"""


def test_workers_end_with_whoever_started_them() -> None:
    program_text = ORPHANS.format(path=sys.path)
    caller = subprocess.Popen([sys.executable, "-c", program_text], stdout=subprocess.PIPE)
    assert caller.stdout is not None
    assert caller.stdout.readline() == b"one\n"
    workers = psutil.Process(caller.pid).children()
    assert len(workers) == 2
    os.kill(caller.pid, signal.SIGKILL)
    caller.communicate()
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert not alive


def test_the_same_task_of_two_points_is_computed_once() -> None:
    task: Task = sweeps.tasks()[0]
    assert task.program == program()
    assert len(list(Resources(Here()).results([task, task]))) == 1
