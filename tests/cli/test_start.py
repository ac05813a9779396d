"""A command loads what it needs and no more, so that help and checks answer at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOR_RUNS = frozenset(
    {"cryptography", "distributed", "jinja2", "matplotlib", "numba", "OpenSSL"}
    | {"pandas", "pyarrow", "scipy", "simpy"}
)
FOR_SCENARIOS = frozenset({"numpy", "pydantic", "yaml"})

LOADED = """\
import sys
from sim.cli import program
try:
    program()
finally:
    print(*{name.split(".")[0] for name in sys.modules}, file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("arguments", "unneeded"),
    [
        (["--help"], FOR_RUNS | FOR_SCENARIOS),
        (["run", "--help"], FOR_RUNS | FOR_SCENARIOS),
        (["check", "scenarios/delayed_30d.yaml"], FOR_RUNS),
        (["new"], FOR_RUNS),
        (
            ["run", "scenarios/delay_below_sync_period.yaml"],
            frozenset({"jinja2", "matplotlib", "pandas", "pyarrow"}),
        ),
    ],
)
def test_nothing_is_loaded_that_is_not_needed(arguments: list[str], unneeded: frozenset[str]) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LOADED, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    loaded = set(ran.stderr.split())
    assert "click" in loaded
    assert not unneeded & loaded
