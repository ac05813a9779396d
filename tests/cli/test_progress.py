"""Progress with time left: on a terminal, for what takes long; and nothing elsewhere."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

FAST = "import sim.cli.options as p; p.PATIENCE_S = 0.05; from sim.cli import main; main()"

PLAN = """\
name: "[red]phones[/red]"
start: 2026-03-01
duration: 60d
server: {certificate: {expires: day 50}, automatic_reissue: off}
fleet:
  - name: phones
    devices: 100
    sync: {every: 6h}
    presence: {on: {exponential: 16h}, off: {exponential: 20d}}
strategy:
  - {at: day 10, reissue: {activate: after 30d}}
guarantees:
  - {measure: lost_devices, at_most: 90, probability: 95%}
"""

DARK = "calendar.disturbances=[{name: dark, share: 10%, every: 50d, lasts: 1d}]"
"""With it fleets are simulated; without it the answer is computed."""

COMMANDS = {
    "run": ["run", "plan.yaml", "--replications", "60"],
    "compare": ["compare", "plan.yaml", "plan.yaml", "--replications", "4"],
    "curve": ["curve", "plan.yaml", "--replications", "6"],
    "plan": ["plan", "plan.yaml", "--lost-at-most", "50%", "--replications", "60", "--set", DARK],
    "sweep": ["sweep", "plan.yaml", "--vary", "fleet.0.devices=150,250", "--workers", "1", "--no-store"],
    "verify": ["verify", "plan.yaml"],
    "worst case": ["check", "plan.yaml", "--worst-case"],
}


def on_terminal(arguments: list[str], folder: Path) -> bytes:
    """What a command shows on a terminal on its standard error."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    program = [sys.executable, "-c", FAST, *arguments]
    with subprocess.Popen(
        program, cwd=folder, stdout=subprocess.DEVNULL, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 65_536):
                shown += part
        except OSError:  # the other end is closed
            pass
        finally:
            os.close(ours)
        process.wait()
    return shown


@pytest.mark.parametrize("command", ["run", pytest.param("all", marks=pytest.mark.slow)])
def test_every_long_command_shows_progress_with_time_left(command: str, tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN, encoding="utf-8")
    for name in COMMANDS if command == "all" else [command]:
        shown = on_terminal(COMMANDS[name], tmp_path)
        assert b"left" in shown, name
        assert b"%" in shown, name
        assert (b"[red]phones[/red]" in shown) != (name == "compare"), name  # no markup of a name is obeyed


@pytest.mark.parametrize("command", ["run", pytest.param("all", marks=pytest.mark.slow)])
def test_off_a_terminal_there_is_none(command: str, tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN, encoding="utf-8")
    for name in COMMANDS if command == "all" else [command]:
        program = [sys.executable, "-c", FAST, *COMMANDS[name]]
        ran = subprocess.run(program, cwd=tmp_path, capture_output=True, check=False)
        assert ran.returncode in (0, 1, 3), ran.stderr
        assert b"left" not in ran.stderr, name
        assert b"\x1b" not in ran.stdout + ran.stderr, name
