"""A trial runs the changed code: a planted change is noticed, the code as it is passes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

TRIED = """\
from sim.results.summary import CONFIDENCE, mean_of

def test_the_mean() -> None:
    assert mean_of([{"a": 1.0}, {"a": 4.0}]) == {"a": 2.5}

def test_the_confidence() -> None:
    assert CONFIDENCE == 0.95
"""
TRIAL = """\
import json, sys
from mutation.trial import Passing, ROOT, in_fork, try_import, with_tests

path = ROOT / "sim/results/summary.py"
text = path.read_text()
changes = (text, text.replace("/ len(values)", "* len(values)"), text.replace("Final = 0.95", "Final = 0.9"))
tests = [Passing(f"test_small.py::test_the_{name}", 0.1) for name in ("mean", "confidence")]
verdicts = [try_import(tests, module="sim.results.summary", path=path, source=source) for source in changes]

def in_place(tell):
    def work(ready):
        for source in (None, *changes[:2]):
            verdict = ready.try_out(tests, path=path, source=source)
            tell([verdict.how, verdict.by])
    with_tests(["test_small.py"], work)

told, _ = in_fork(in_place, wall_s=60)
print(json.dumps([[[one.how, one.by] for one in verdicts], told]))
"""


def test_a_planted_change_is_noticed_and_the_code_as_it_is_passes(tmp_path: Path) -> None:
    """At import and in place. What a function divides by is changed either way, a constant at import."""
    (tmp_path / "test_small.py").write_text(TRIED, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", TRIAL],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    imported, in_place = json.loads(done.stdout.splitlines()[-1])
    survived, mean = ["survived", ""], ["failed", "test_small.py::test_the_mean"]
    assert imported == [survived, mean, ["failed", "test_small.py::test_the_confidence"]]
    assert in_place == [survived, survived, mean]
