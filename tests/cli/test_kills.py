"""Killed at any moment, a command leaves the old or the new there; the next call leaves no litter."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

import pytest

PLAN = """\
name: Plan
start: 2026-03-01
duration: 6d
server: {certificate: {expires: day 61}, automatic_reissue: off}
fleet:
  - {name: phones, devices: 3, sync: {every: 1d, phase: even, success: 60%}}
strategy:
  - {at: day 1, reissue: {activate: immediately}}
"""
PARTIAL = ".partial"
EVENTS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.chmod", "shutil.rmtree"}
RUN = ["run", "plan.yaml", "--engine", "process", "--out", "result", "--no-figures"]
SWEEP = ["sweep", "plan.yaml", "--vary", "fleet.0.devices=1,2,3", "--store", "store", "--out", "table.csv"]
COMMANDS: dict[str, tuple[list[list[str]], list[str]]] = {
    "run": ([], [*RUN, "--overwrite"]),
    "overwrite": ([[*RUN, "--seed", "7"]], [*RUN, "--overwrite"]),
    "report": ([RUN[:-1]], ["report", "result", "--page", "page.html", "--overwrite"]),
    "sweep": ([], [*SWEEP, "--overwrite"]),
}
"""What is there before, and what is killed."""

MODULES = (
    *("pyarrow.csv", "pyarrow.parquet", "cryptography.x509", "sim.cli.commands", "sim.processes.engine"),
    *("sim.pki.issue", "sim.report.page", "sim.studies.run", "sim.studies.sweep", "sim.studies.tables"),
)
"""What the commands use; each of hundreds of processes would import it."""

Kill = Callable[[int], None]


def at_event(last: int) -> None:
    """End this process as SIGKILL does before its file event number `last`."""
    here, seen = Path.cwd().resolve(), 0

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen
        if event not in EVENTS or not arguments or not isinstance(arguments[0], str | bytes | os.PathLike):
            return
        if event == "open" and (arguments[1] is None or "r" in str(arguments[1])):
            return
        if Path(os.fsdecode(arguments[0])).absolute().is_relative_to(here):
            seen += 1
            if seen > last:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def attempt(
    command: Sequence[str], *, before: Kill | None = None, number: int = 0, after_s: float = 0
) -> int:
    """Run a command in a copy of this process; its exit code, negative for a signal."""
    from sim.cli.commands import cli

    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(1, 2)
            if before is not None:
                before(number)
            code = cli.main(list(command), standalone_mode=False) or 0
        except BaseException:
            code = 98
        finally:
            os._exit(code)
    if after_s:
        time.sleep(after_s)
        os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def intact(folder: Path, *, but: str = "run.json") -> bool:
    """Whether every file of a result is as it was written, and no other is there but those with some name."""
    from sim.studies.output import digest_of, is_sealed

    content = (folder / "run.json").read_bytes()
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    others = {name: digest_of(path) for name, path in files.items() if name != "run.json" and but not in name}
    return is_sealed(content) and others == json.loads(content)["files"]


def listed() -> list[str]:
    return sorted(path.as_posix() for path in Path().rglob("*") if not path.is_dir())


def killed(name: str, number: int, *, after_s: float = 0) -> tuple[bool, list[str]]:
    """Kill a command once, look, and do it again; whether it was killed, and what is wrong.

    Args:
        name: of `COMMANDS`.
        number: of the file event before which it is killed.
        after_s: seconds after which it is, instead.
    """
    from tempfile import TemporaryDirectory

    wrong, here = [], Path.cwd()
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("plan.yaml").write_text(PLAN, encoding="utf-8")
        before, command = COMMANDS[name]
        for each in before:
            attempt(each)
        was_killed = (
            attempt(command, before=None if after_s else at_event, number=number, after_s=after_s) < 0
        )
        if (
            Path("result").exists()
            and any(Path("result").iterdir())
            and not intact(Path("result"), but=PARTIAL)
        ):
            wrong.append("a mixture under the name")
        elif name in ("overwrite", "report") and not Path("result/run.json").exists():
            wrong.append("the old result is gone")
        if attempt(command) != 0:
            wrong.append("the next call does not work")
        left = listed()
        if Path("result").exists() and not intact(Path("result")):
            wrong.append("the next call leaves a mixture")
        if any(PARTIAL in path for path in left):
            wrong.append(f"litter: {left}")
        if name == "sweep":
            again = Path("table.csv").read_bytes()
            attempt([*SWEEP[:-3], "--no-store", "--out", "whole.csv"])
            if Path("whole.csv").read_bytes() != again:
                wrong.append("another table")
        os.chdir(here)
    return was_killed, [f"{name} {number} {after_s:.3f}: {each}" for each in wrong]


def main(command: str, first: str, step: str, most: str) -> None:
    """Kill a command at every so many-th event; with a negative first event, at random so many times."""
    for module in MODULES:
        import_module(module)

    chance, wrong, kills = random.Random(command), list[str](), 0
    if int(first) < 0:
        began = time.monotonic()
        killed(command, 1_000_000)
        whole_s = (time.monotonic() - began) / 2
        for number in range(int(most)):
            was_killed, more = killed(command, number, after_s=chance.uniform(0.001, whole_s))
            kills, wrong = kills + was_killed, wrong + more
    else:
        for number in range(int(first), int(first) + int(step) * int(most), int(step)):
            was_killed, more = killed(command, number)
            kills, wrong = kills + was_killed, wrong + more
            if not was_killed:  # it has no more events
                break
    print(json.dumps([kills, wrong]))


def kills(command: str, *, first: int, step: int, most: int, folder: Path) -> int:
    ran = subprocess.run(
        [sys.executable, __file__, command, str(first), str(step), str(most)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    count, wrong = json.loads(ran.stdout)
    assert wrong == []
    return int(count)


needs_fork = pytest.mark.skipif(not hasattr(os, "fork") or sys.platform == "darwin", reason="forks")


@needs_fork
@pytest.mark.slow
def test_a_killed_run_leaves_the_old_result_or_the_new(tmp_path: Path) -> None:
    assert kills("overwrite", first=10, step=1, most=1, folder=tmp_path) == 1


@needs_fork
@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_killed_at_every_file_event(command: str, tmp_path: Path) -> None:
    assert kills(command, first=0, step=1, most=1_000, folder=tmp_path) >= 3


@needs_fork
@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_killed_at_random(command: str, tmp_path: Path) -> None:
    assert kills(command, first=-1, step=1, most=40, folder=tmp_path) >= 10


if __name__ == "__main__":
    main(*sys.argv[1:])
