"""What several folders of tests share."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from openssl_command import Openssl

pytest_plugins = ["pytester"]

LONGEST_WAIT_S = 300
"""How long a test waits for a process, unless it says otherwise; a busy machine is ten times slower."""


class Bounded(subprocess.Popen[bytes]):
    """A process that nobody waits for without a limit."""

    def wait(self, timeout: float | None = None) -> int:
        """See `subprocess.Popen`."""
        return super().wait(LONGEST_WAIT_S if timeout is None else timeout)

    def communicate(self, input: bytes | None = None, timeout: float | None = None) -> tuple[bytes, bytes]:  # noqa: A002
        """See `subprocess.Popen`."""
        return super().communicate(input, LONGEST_WAIT_S if timeout is None else timeout)


@pytest.fixture(autouse=True, scope="session")
def nothing_hangs_and_nothing_outlives_the_suite() -> Iterator[None]:
    """Every wait for a process has a limit, and every process that a test started has ended with the tests.

    Processes are known by a mark in the environment that they inherit.
    """
    mark = f"REISSUE_TESTS={uuid4().hex}"
    name, _, value = mark.partition("=")
    os.environ[name] = value
    unbounded, subprocess.Popen = subprocess.Popen, Bounded  # type: ignore[misc]
    yield
    subprocess.Popen = unbounded  # type: ignore[misc]
    del os.environ[name]
    left = list(processes_with(mark))
    for number, _ in left:
        os.kill(number, signal.SIGKILL)
    assert not left, f"processes that outlived the tests: {left}"


def processes_with(mark: str) -> Iterator[tuple[int, str]]:
    """The number and command of every process in whose environment a mark is, where the system tells it.

    The trackers of `multiprocessing` and loky are left out: they end when this process does.
    """
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if mark.encode() in environment and "resource_tracker" not in command and command:
            yield int(folder.name), command


@pytest.fixture(scope="session")
def openssl(tmp_path_factory: pytest.TempPathFactory) -> Openssl:
    """The `openssl` command, in a folder of its own."""
    return Openssl(tmp_path_factory.mktemp("openssl"))


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Programs started by the test can be interrupted, even where the suite itself ignores interrupts.

    A shell starts what it runs in the background with SIGINT ignored, and children inherit that; a handler
    they do not.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
