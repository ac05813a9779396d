"""A dask.distributed scheduler and workers on loopback, each a process of its own that ends with the test."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOOPBACK = "127.0.0.1"


class Nodes:
    """A scheduler at a port of the system's choice, and its workers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        self.address = ""

    def start_scheduler(self) -> None:
        told = self.folder / "scheduler.json"
        self._start("dask_scheduler", "--host", LOOPBACK, "--port", "0", "--scheduler-file", told)
        for _ in range(600):
            if told.exists() and (text := told.read_text(encoding="utf-8")).rstrip().endswith("}"):
                (self.address,) = [part for part in text.split('"') if part.startswith("tcp://")][:1]
                return
            time.sleep(0.05)
        raise AssertionError("the scheduler did not start")

    def start_worker(self, name: str = "worker", **environment: str) -> subprocess.Popen[bytes]:
        options = ("--nthreads", "1", "--no-nanny", "--host", LOOPBACK, "--name", name)
        folder = ("--local-directory", self.folder)
        return self._start("dask_worker", self.address, *options, *folder, **environment)

    def workers(self) -> list[subprocess.Popen[bytes]]:
        """Those that live."""
        return [process for process in self.processes[1:] if process.poll() is None]

    def end(self) -> None:
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()

    def _start(self, what: str, *options: object, **environment: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.{what}", "--no-dashboard", *map(str, options)]
        log = (self.folder / f"{what}.log").open("ab")
        with log:
            process = subprocess.Popen(
                command, stdout=log, stderr=log, env={**os.environ, **environment}, cwd=self.folder
            )
        self.processes.append(process)
        return process


@contextmanager
def nodes(folder: Path, *, workers: int) -> Iterator[Nodes]:
    """A scheduler with so many workers."""
    started = Nodes(folder)
    try:
        started.start_scheduler()
        for number in range(workers):
            started.start_worker(f"worker-{number}")
        yield started
    finally:
        started.end()
