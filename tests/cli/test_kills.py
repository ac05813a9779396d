"""Killed at any moment, a command leaves the old or the new there; the next call leaves no litter."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

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


def call(command: Sequence[str]) -> int:
    """Run a command in this process."""
    from sim.cli.commands import cli

    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        return int(cli.main(list(command), standalone_mode=False) or 0)


def attempt(command: Sequence[str], *, event: int | None = None, after_s: float | None = None) -> int:
    """Run a command in a copy of this process, which has imported all; its code, negative for a signal.

    Args:
        command: what is typed.
        event: the number of the file event before which it is killed.
        after_s: seconds after which it is killed.
    """
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            if event is not None:
                at_event(event)
            code = call(command)
        finally:
            os._exit(code)
    if after_s is not None:
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


def contents() -> dict[str, bytes]:
    """Every file here but those that say how long something took."""
    files = (path for path in Path().rglob("*") if path.is_file() and path.name != "run.json")
    return {path.as_posix(): path.read_bytes() for path in files if path.parts[0] != "store"}


@contextmanager
def folder_like(before: Path | None) -> Iterator[None]:
    """A copy of a folder to work in for a while, or a new one with the plan."""
    here = Path.cwd()
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            if before is None:
                Path("plan.yaml").write_text(PLAN, encoding="utf-8")
            else:
                shutil.copytree(before, folder, dirs_exist_ok=True)
            yield
        finally:
            os.chdir(here)


@dataclass(frozen=True)
class Case:
    """A command that is killed again and again.

    Attributes:
        name: of `COMMANDS`.
        before: a folder in which it can be called.
        whole: what is there when it is done.
        takes_s: how long it takes.
    """

    name: str
    before: Path
    whole: dict[str, bytes]
    takes_s: float

    @classmethod
    def of(cls, name: str, folder: Path) -> Case:
        """The command called once in this process, which so imports what it needs, and once in a copy."""
        earlier, command = COMMANDS[name]
        with folder_like(None):
            for each in earlier:
                assert call(each) in (0, 1, 3)
            shutil.copytree(".", folder)
            call(command)
        with folder_like(folder):
            began = time.monotonic()
            assert attempt(command) == 0
            return cls(name, folder, contents(), time.monotonic() - began)

    def killed(self, **when: float) -> tuple[bool, list[str]]:
        """Kill the command once, look, and call it again; whether it was killed, and what is wrong."""
        command, wrong, result = COMMANDS[self.name][1], [], Path("result")
        with folder_like(self.before):
            was_killed = attempt(command, **when) < 0  # type: ignore[arg-type]
            if result.exists() and any(result.iterdir()) and not intact(result, but=PARTIAL):
                wrong.append("a mixture under the name")
            elif (self.before / "result").exists() and not (result / "run.json").exists():
                wrong.append("the old result is gone")
            if attempt(command) != 0:
                wrong.append("the next call does not work")
            if result.exists() and not intact(result):
                wrong.append("the next call leaves a mixture")
            if contents() != self.whole:
                there = sorted(contents())
                wrong.append(f"litter: {there}" if there != sorted(self.whole) else "other bytes")
            if left := [path.as_posix() for path in Path().rglob(f"*{PARTIAL}*")]:
                wrong.append(f"litter: {left}")
        return was_killed, [f"{self.name} {when}: {each}" for each in wrong]


def main(commands: str, events: str, times: str) -> None:
    """Kill commands: before these events, or every one up to the last; and so many times at random.

    Prints the number of kills of each, and what was wrong.
    """
    kills, wrong = dict.fromkeys(commands.split(","), 0), list[str]()

    def kill(case: Case, **when: float) -> bool:
        was_killed, more = case.killed(**when)
        kills[case.name] += was_killed
        wrong.extend(more)
        return was_killed

    with TemporaryDirectory() as folder:
        for name in kills:
            case = Case.of(name, Path(folder, name))
            for event in range(1_000) if events == "all" else map(int, filter(None, events.split(","))):
                if not kill(case, event=event):  # it has no more events
                    break
            before, chance, most_s = kills[name], random.Random(name), case.takes_s
            for _ in range(10 * int(times)):
                if kills[name] - before < int(times):  # half of them too late, on a busy machine too
                    was_killed = kill(case, after_s=chance.uniform(0, most_s))
                    most_s *= 1.2 if was_killed else 1 / 1.2
    print(json.dumps([kills, wrong]))


def kills_of(commands: str, folder: Path, *, events: str = "", times: int = 0) -> dict[str, int]:
    ran = subprocess.run(
        [sys.executable, __file__, commands, events, str(times)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    kills, wrong = json.loads(ran.stdout)
    assert wrong == []
    return dict(kills)


needs_fork: Callable[..., object] = pytest.mark.skipif(
    not hasattr(os, "fork") or sys.platform == "darwin", reason="forks"
)


@needs_fork
def test_a_killed_command_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    assert kills_of("overwrite,sweep", tmp_path, events="4,12") == {"overwrite": 2, "sweep": 2}


@needs_fork
@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_killed_at_every_file_event(command: str, tmp_path: Path) -> None:
    assert kills_of(command, tmp_path, events="all")[command] >= 3


@needs_fork
@pytest.mark.slow
def test_killed_200_times_at_random(tmp_path: Path) -> None:
    assert kills_of(",".join(COMMANDS), tmp_path, times=50) == dict.fromkeys(COMMANDS, 50)


if __name__ == "__main__":
    main(*sys.argv[1:])
