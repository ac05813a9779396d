"""Interrupted or terminated at any time, the program says so in one line and leaves nothing half-written."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

LIMIT_S = 120

PLAN = """\
name: Plan
start: 2026-03-01
duration: 40d
server: {certificate: {expires: day 61}, automatic_reissue: off}
fleet:
  - {name: phones, devices: 10, sync: {every: 1d, phase: even}}
strategy:
  - {at: day 2, reissue: {activate: after 30d}}
"""

HOOKED = """\
import os, signal, sys

class Hook:
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            {action}

sys.meta_path.insert(0, Hook())
from sim.cli import program
program()
"""
"""The program, to which something happens while it imports a module."""

STOPS = [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
pytestmark = pytest.mark.usefixtures("interruptible")


def run(code: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (folder / "plan.yaml").write_text(PLAN, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def is_one_line(text: str, word: str) -> bool:
    return text.strip() == f"{word}: no result is left half-written"


@pytest.mark.parametrize(("number", "code", "word"), STOPS)
@pytest.mark.parametrize("module", ["click", "sim.cli.commands", "numpy", "simpy"])
def test_it_can_be_stopped_while_it_imports(
    module: str, number: int, code: int, word: str, tmp_path: Path
) -> None:
    hooked = HOOKED.format(module=module, action=f"os.kill(os.getpid(), {int(number)})")
    ran = run(hooked, "run", "plan.yaml", folder=tmp_path)
    assert (ran.returncode, ran.stdout) == (code, "")
    assert is_one_line(ran.stderr, word)


@pytest.mark.parametrize(("number", "code", "word"), STOPS)
def test_it_leaves_nothing_behind_where_it_is_stopped_while_it_writes(
    number: int, code: int, word: str, tmp_path: Path
) -> None:
    hooked = HOOKED.format(module="pyarrow.parquet", action=f"os.kill(os.getpid(), {int(number)})")
    ran = run(hooked, "run", "plan.yaml", "--out", "result", "--no-figures", folder=tmp_path)
    assert ran.returncode == code
    assert is_one_line(ran.stderr, word)
    assert [path.name for path in tmp_path.iterdir()] == ["plan.yaml"]


def test_an_import_that_makes_something_else_of_an_interrupt_is_an_interrupt(tmp_path: Path) -> None:
    action = """
            try:
                os.kill(os.getpid(), signal.SIGINT)
            except KeyboardInterrupt:
                raise ImportError(name)
"""
    ran = run(HOOKED.format(module="simpy", action=action), "run", "plan.yaml", folder=tmp_path)
    assert ran.returncode == 130
    assert is_one_line(ran.stderr, "interrupted")


@pytest.mark.parametrize(("number", "code"), [(stop[0], stop[1]) for stop in STOPS])
def test_it_can_be_stopped_while_python_ends(number: int, code: int, tmp_path: Path) -> None:
    late = (
        f"import atexit, os; atexit.register(os.kill, os.getpid(), {int(number)}); "
        "from sim.cli import program; program()"
    )
    ran = run(late, "check", "plan.yaml", folder=tmp_path)
    assert (ran.returncode, ran.stderr) == (code, "")
    assert "1 scenario read" in ran.stdout


def test_what_is_not_to_be_interrupted_is_not(tmp_path: Path) -> None:
    hooked = HOOKED.format(module="yaml", action="os.kill(os.getpid(), signal.SIGINT)")
    ignoring = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n" + hooked
    assert run(ignoring, "check", "plan.yaml", folder=tmp_path).returncode == 0


def test_an_interrupt_that_python_must_ignore_comes_again(tmp_path: Path) -> None:
    hooked = (
        "import os, signal, sys, time, weakref\nimport sim.cli\n"
        "class Each: pass\n"
        "def run():\n"
        "    each = Each()\n"
        "    kept = weakref.ref(each, lambda _: os.kill(os.getpid(), signal.SIGINT))\n"
        "    del each\n"
        "    time.sleep(60)\n"
        "sim.cli._run = run\n"
        "sim.cli.program()\n"
    )
    ran = run(hooked, folder=tmp_path)
    assert ran.returncode == 130
    assert is_one_line(ran.stderr, "interrupted")
