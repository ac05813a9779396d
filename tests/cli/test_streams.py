"""Where nobody can be told anything, the exit code still says what happened: 1 is a broken promise only."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PLAN = """\
name: Plan
start: 2026-03-01
duration: 4d
fleet: [{name: phones, devices: 1}]
"""

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")


@pytest.mark.parametrize(
    ("redirected", "arguments", "code"),
    [
        (">&-", ["check", "plan.yaml"], 0),
        ("2>&-", ["run", "plan.yaml"], 0),
        ("2>/dev/full", ["check", "missing.yaml"], 2),
        (">/dev/full", ["check", "plan.yaml"], 2),
    ],
)
def test_a_closed_or_full_stream_is_no_broken_promise(
    redirected: str, arguments: list[str], code: int, tmp_path: Path
) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN, encoding="utf-8")
    program = [sys.executable, "-c", "from sim.cli import program; program()", *arguments]
    ran = subprocess.run(
        ["sh", "-c", f'"$@" {redirected}', "sh", *program], cwd=tmp_path, capture_output=True, check=False
    )
    assert ran.returncode == code
    assert b"Traceback" not in ran.stderr


def test_a_file_whose_name_is_not_utf_8_is_run(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"plan\xff.yaml")
    path.write_text(PLAN, encoding="utf-8")
    program = [sys.executable, "-c", "from sim.cli import program; program()"]
    ran = subprocess.run(
        [*program, "run", path, "--out", "result", "--no-figures"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert (ran.returncode, b"Traceback" in ran.stderr) == (0, False)
    assert r"plan\\udcff.yaml" in (tmp_path / "result/run.json").read_text(encoding="utf-8")
