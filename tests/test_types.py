"""A project that uses `sim` passes `mypy --strict`, and its mistakes are found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

USE = """\
import pandas as pd
import sim
from sim.testing import assert_guarantee, assert_guarantees

plan: sim.Scenario = sim.load("plan.yaml").changed({"fleet.phones.devices": 10}, seed=3)
every: int = plan.fleet[0].sync.every
result: sim.Result = sim.run(plan, replications=2, progress=True)
lost: float | None = result.measures["lost_devices"]
frames: list[pd.DataFrame] = [result.devices, result.to_frame(by="group"), sim.verify(plan).to_frame()]
result.plot.delivery().savefig("delivery.png")
result.save("out")
saved: sim.Saved = sim.read("out")
answers: list[sim.Curve | sim.Sweep] = [sim.curve(plan), sim.sweep(plan, {"fleet.0.sync.every": ["6h"]})]
found: sim.Decision = sim.plan(plan, lost_at_most="2%")
story: sim.Story = sim.why(plan, "phones/1")
version: str = sim.__version__
assert_guarantee(result, measure="lost_devices", at_most=0)
assert_guarantees("plan.yaml")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        (USE, []),
        ("import sim\nsim.run(3)\nsim.run(sim.load('a'), engine='gpu')\n", ["plan.py:2", "plan.py:3"]),
    ],
)
def test_a_project_is_checked_strictly(text: str, mistakes: list[str], tmp_path: Path) -> None:
    (tmp_path / "plan.py").write_text(text)
    command = [sys.executable, "-m", "mypy", "--strict", "plan.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    found = [line.partition(": error")[0] for line in done.stdout.splitlines() if ": error" in line]
    assert found == mistakes, done.stdout
