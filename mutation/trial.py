"""Tests tried on a changed module, each trial in a fork of a process that has them ready.

A change inside a function is made *in place*: the tests are imported and collected once, a fork gives the
function its changed code, and runs them. A change of what runs at import needs a process that has not
imported the program yet (`hook`); that takes a second or two more.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import pytest

from mutation.hook import compiled, replace

ROOT = Path(__file__).parents[1]
MEMORY_BYTES = 6 << 30

Tell = Callable[[Any], None]
"""Writes a JSON value for the process that forked this one."""


@dataclass(frozen=True)
class Passing:
    """A test that passes without a change.

    Attributes:
        node: pytest's name for it.
        seconds: processor time it took.
        lines: per file, the lines that it ran.
    """

    node: str
    seconds: float
    lines: dict[str, list[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """How a trial ended.

    Attributes:
        how: survived; failed: a test; timeout: ten times the time it takes without the change, and two
            seconds; import: module or tests cannot be imported; died: the process did.
        by: the test, where one is known.
        tests: how many were to be run.
    """

    how: str
    by: str
    tests: int


# ---- processes ---------------------------------------------------------------------------------------


def in_fork(work: Callable[[Tell], None], *, wall_s: float | None = None) -> tuple[list[Any], int]:
    """What the work told, and how its process ended: its exit code, or -signal."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            os.setpgrp()
            if wall_s is not None:
                _confine(wall_s)
            work(lambda value: _write(writing, value))
        except BaseException:
            os._exit(70)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as told:
        values = [json.loads(line) for line in told]
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # what it left behind
    return values, os.waitstatus_to_exitcode(status)


def _confine(wall_s: float) -> None:
    silent = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(silent, descriptor)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(int(wall_s) + 1)


def _write(descriptor: int, value: Any) -> None:
    os.write(descriptor, (json.dumps(value) + "\n").encode())


# ---- pytest ------------------------------------------------------------------------------------------


class _Ready:
    """A plugin of pytest: once the tests are collected, do something else than to run them all."""

    def __init__(self, work: Callable[[Ready], None]) -> None:
        self._work = work
        self.failed = False

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:  # some could not be collected
            raise session.Interrupted("tests cannot be imported")
        self._work(Ready(session, self))
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.failed = self.failed or report.failed


class Ready:
    """Collected tests, to be run in forks of this process."""

    def __init__(self, session: pytest.Session, reports: _Ready) -> None:
        self._reports = reports
        self._items = {item.nodeid: item for item in session.items}
        gc.collect()
        self._functions = [one for one in gc.get_objects() if isinstance(one, FunctionType)]
        gc.freeze()  # what is here is not looked at, and so not copied, in the forks

    @property
    def nodes(self) -> list[str]:
        """The names of the tests."""
        return list(self._items)

    def run(self, node: str, *, limit_s: float) -> bool:
        """Whether the test passes; beyond so much processor time, this process ends by SIGPROF."""
        item = self._items[node]
        signal.setitimer(signal.ITIMER_PROF, limit_s)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        signal.setitimer(signal.ITIMER_PROF, 0)
        return not self._reports.failed

    def run_all(self, tests: Sequence[Passing], tell: Tell) -> None:
        """Run tests until one fails."""
        for test in tests:
            tell(["test", test.node])
            if not self.run(test.node, limit_s=2 + 10 * test.seconds):
                tell(["end", "failed"])
                return
        tell(["end", "survived"])

    def try_out(self, tests: Sequence[Passing], *, path: Path, source: str | None) -> Verdict:
        """Run tests until one fails, after the functions of a file got the code they have in `source`."""

        def work(tell: Tell) -> None:
            if source is not None:
                _exchange(self._functions, path, source)
            self.run_all(tests, tell)

        return _verdict(tests, *in_fork(work, wall_s=_wall_s(tests)))


def with_tests(files: Sequence[str], work: Callable[[Ready], None]) -> int:
    """Collect the tests of some files, and do the work with them; pytest's exit code."""
    from hypothesis import HealthCheck, Phase, settings

    settings.register_profile(
        "mutation",
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],  # a failure need not be made small
        suppress_health_check=list(HealthCheck),
    )
    settings.load_profile("mutation")
    options = [
        "-s",
        "-q",
        "--no-header",
        "--no-summary",
        "--tb=no",
        "-p",
        "no:cacheprovider",
        "-p",
        "_hypothesis_pytestplugin",
    ]
    return int(
        pytest.main([*options, "-o", "tmp_path_retention_policy=none", *files], plugins=[_Ready(work)])
    )


def try_import(tests: Sequence[Passing], *, module: str, path: Path, source: str) -> Verdict:
    """As `Ready.try_out`, of a module that this process has not imported yet."""

    def work(tell: Tell) -> None:
        replace(module, path, source)
        files = list(dict.fromkeys(test.node.split("::")[0] for test in tests))
        if with_tests(files, lambda ready: ready.run_all(tests, tell)) not in (0, 1):
            tell(["end", "import"])

    return _verdict(tests, *in_fork(work, wall_s=_wall_s(tests)))


def _wall_s(tests: Sequence[Passing]) -> float:
    return 300 + 30 * sum(test.seconds for test in tests)


def _verdict(tests: Sequence[Passing], told: list[Any], status: int) -> Verdict:
    last = next((value for kind, value in reversed(told) if kind == "test"), "")
    how = next((value for kind, value in told if kind == "end"), None)
    if status == 70 and not last:
        raise RuntimeError("a trial could not begin")
    if how is None:
        how = "timeout" if status in (-signal.SIGPROF, -signal.SIGALRM) else "died"
    return Verdict(how, last if how in ("failed", "timeout", "died") else "", len(tests))


def _exchange(functions: Sequence[FunctionType], path: Path, source: str) -> None:
    """Give every function of a file the code it has in the source; both have the same lines."""
    changed = {(code.co_qualname, code.co_firstlineno): code for code in _codes(compiled(path, source))}
    exchanged = 0
    for function in functions:
        code = function.__code__
        if code.co_filename == str(path) and (code.co_qualname, code.co_firstlineno) in changed:
            function.__code__ = changed[code.co_qualname, code.co_firstlineno]
            exchanged += 1
    assert exchanged > 0


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


# ---- without a change --------------------------------------------------------------------------------


def watched(
    ready: Ready, targets: Sequence[str], *, limit_s: float, leave_out: Sequence[str]
) -> list[Passing]:
    """The tests that run a line of `targets`: how long they take, and which lines they run.

    Those that take longer than `limit_s` of processor time are left out.

    Raises:
        RuntimeError: one fails without a change.
    """
    files = {str(ROOT / target): target for target in targets}
    found = []
    for node in ready.nodes:
        if any(part in node for part in leave_out):
            continue

        def time_it(tell: Tell, node: str = node) -> None:
            begun = time.process_time()
            passes = ready.run(node, limit_s=limit_s)
            tell([passes, time.process_time() - begun])

        def trace_it(tell: Tell, node: str = node) -> None:
            lines: dict[str, set[int]] = {}
            with _traced(files, lines):
                ready.run(node, limit_s=100 * limit_s)
            tell({file: sorted(some) for file, some in lines.items()})

        told, status = in_fork(time_it, wall_s=3600)
        if status == -signal.SIGPROF:
            continue
        if status != 0 or not told[0][0]:
            raise RuntimeError(f"without a change, a test fails: {node}")
        traced, _ = in_fork(trace_it, wall_s=3600)
        if traced and traced[0]:
            found.append(Passing(node, told[0][1], traced[0]))
    return found


@contextlib.contextmanager
def _traced(files: dict[str, str], found: dict[str, set[int]]) -> Iterator[None]:
    """Note each line of the files that is run."""
    lines_of: dict[CodeType, frozenset[int]] = {}

    def called(frame: FrameType, event: str, argument: object) -> Any:
        code = frame.f_code
        file = files.get(code.co_filename)
        if file is None:
            return None
        lines = found.setdefault(file, set())
        lines.add(frame.f_lineno)
        if code not in lines_of:
            lines_of[code] = frozenset(line for _, _, line in code.co_lines() if line is not None)
        if lines_of[code] <= lines:
            return None

        def run(frame: FrameType, event: str, argument: object) -> Any:
            lines.add(frame.f_lineno)
            return run

        return run

    threading.settrace(called)
    sys.settrace(called)
    try:
        yield
    finally:
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]
