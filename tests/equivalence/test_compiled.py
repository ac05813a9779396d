"""Compiled code is that of these very sources; without a compiler the process engine does the work."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sim
from sim.fleet import compiled
from sim.fleet.compiled import SOURCES
from sim.scenario.prepare import prepare
from sim.studies.experiment import Experiment

ROOT = Path(__file__).parents[2]
FLEET = ROOT / "sim" / "fleet"

PLAN = """\
name: Plan
start: 2026-03-01
duration: 10d
server: {certificate: {expires: day 61}, automatic_reissue: off}
fleet:
  - name: phones
    devices: 20
    sync: {every: 10m}
    presence: {on: {exponential: 20m}, off: {exponential: 20m}}
strategy:
  - at: day 2
    reissue: {activate: after 10m}
"""
MAIN = "from sim.cli import main; main()"
WITHOUT_NUMBA = """\
import sys
from importlib.machinery import PathFinder

class Blind(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] == "numba" else super().find_spec(name, path, target)

sys.meta_path = [Blind if finder is PathFinder else finder for finder in sys.meta_path]
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN, encoding="utf-8")
    return path


def python(code: str, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-W", "error", "-c", code, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


# ---- the cache ---------------------------------------------------------------------------------------


def imports(source: Path) -> set[Path]:
    """Modules of this project that the source takes names from when it runs."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    modules = set()
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.startswith("sim"):
            folder = ROOT / node.module.replace(".", "/")
            modules.add(folder.with_suffix(".py"))
            modules.update(folder / f"{alias.name}.py" for alias in node.names)
    return {module for module in modules if module.is_file()}


def test_every_source_of_compiled_code_is_in_the_name_of_the_cache() -> None:
    """Constants are compiled in, so what a source of compiled code imports is a source too."""
    compiles = [source for source in FLEET.glob("*.py") if FLEET / "compiled.py" in imports(source)]
    assert {FLEET / "kernels.py", FLEET / "desk.py"} <= set(compiles)
    assert {*compiles, *(used for source in compiles for used in imports(source))} <= set(SOURCES)


@pytest.mark.slow
def test_a_changed_rule_is_never_run_from_an_old_cache(plan: Path, tmp_path: Path) -> None:
    """Rounding at a quarter instead of a half, in a file that the kernels only call."""
    shutil.copytree(ROOT / "sim", tmp_path / "sim", ignore=shutil.ignore_patterns("__pycache__"))
    where = {"PYTHONPATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}

    def fingerprint(engine: str) -> str:
        ran = python(MAIN, "run", plan, "--engine", engine, "--json", **where)
        assert ran.returncode == 0, ran.stderr
        return str(json.loads(ran.stdout)["fingerprint"])

    before = fingerprint("fleet")
    assert before == fingerprint("process")
    assert before == fingerprint("fleet")  # from the cache
    rule = tmp_path / "sim" / "world" / "distributions.py"
    text = rule.read_text(encoding="utf-8")
    changed = text.replace("math.floor(duration_s + 0.5)", "math.floor(duration_s + 0.25)")
    assert changed != text
    rule.write_text(changed, encoding="utf-8")
    after = fingerprint("fleet")
    assert after == fingerprint("process")
    assert after != before


def test_a_cache_that_cannot_be_written_is_done_without(plan: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = str(tmp_path / "file" / "cache")
    code = "from sim.fleet.compiled import compiled; print(compiled(lambda x: x + 1, is_entry=True)(1))"
    ran = python(code, XDG_CACHE_HOME=cache)
    assert (ran.returncode, ran.stdout) == (0, "2\n"), ran.stderr


@pytest.mark.parametrize("damage", ["nbi", "nbc"])
def test_a_cache_that_cannot_be_read_is_made_anew(damage: str, tmp_path: Path) -> None:
    module = "def more(x): return x + 1\nmore = compiled(more, is_entry=True)\n"
    module = f"from sim.fleet.compiled import compiled\n{module}"
    (tmp_path / "plain.py").write_text(module, encoding="utf-8")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import plain; print(plain.more(1))"
    cache = str(tmp_path / "cache")
    for _ in range(2):
        ran = python(code, XDG_CACHE_HOME=cache)
        assert (ran.returncode, ran.stdout) == (0, "2\n"), ran.stderr
        (kept,) = Path(cache).rglob(f"*.{damage}")
        size = kept.stat().st_size
        kept.write_bytes(kept.read_bytes()[:100])
    assert size > 100


# ---- no compiler -------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["run", "--engine", "fleet"], ["verify"]])
def test_without_numba_the_array_engine_says_what_it_needs(command: list[str], plan: Path) -> None:
    ran = python(WITHOUT_NUMBA + MAIN, *command, plan)
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert "needs numba" in ran.stderr
    assert "process engine" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_without_numba_auto_takes_the_process_engine_whatever_the_size(plan: Path) -> None:
    """The process engine is said to take a second an attempt, so that the run is short."""
    large = "from sim.studies import experiment; experiment.ATTEMPT_S['process'] = 1.0\n"
    engines = []
    for code in (WITHOUT_NUMBA + large + MAIN, large + MAIN):
        ran = python(code, "run", plan, "--engine", "auto", "--json")
        assert ran.returncode == 0, ran.stderr
        document = json.loads(ran.stdout)
        engines.append((document["engine"], document["fingerprint"]))
    assert [engine for engine, _ in engines] == ["process", "fleet"]
    assert engines[0][1] == engines[1][1]


# ---- auto --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("devices", "start_s", "engine"),
    [
        (100, 6.0, "process"),  # 4,000 attempts, 10 ms
        (10_000, 6.0, "process"),  # a second, for which nobody waits for a compiler
        (1_000_000, 6.0, "fleet"),
        (100, 0.5, "process"),  # compiled, and still to be loaded
        (10_000, 0.5, "fleet"),
        (1, 0.0, "fleet"),  # at hand
    ],
)
def test_auto_takes_the_engine_that_is_done_first(
    devices: int, start_s: float, engine: str, plan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "start_s", lambda *, has_desk: start_s)
    scenario = sim.load(plan).changed({"fleet.0.devices": devices, "fleet.0.sync.every": "6h"})
    assert Experiment.of(prepare(scenario)).engine == engine
    assert Experiment.of(prepare(scenario), engine="process").engine == "process"


def test_the_array_engine_is_at_hand_once_it_has_run(plan: Path) -> None:
    said = "from sim.fleet.compiled import start_s; print(start_s(has_desk=False))\n"
    ran = python(f"{said}import sim, sys; sim.run(sim.load(sys.argv[1]), engine='fleet')\n{said}", plan)
    before_s, after_s = map(float, ran.stdout.split())
    assert before_s > 0.0 == after_s


def test_a_large_fleet_is_run_by_the_array_engine(plan: Path) -> None:
    """50,000 phones at 48 attempts: 2.4 million."""
    scenario = sim.load(plan).changed(
        {"fleet.0.devices": 50_000, "fleet.0.sync.every": "5h", "fleet.0.presence": "always"}
    )
    result = sim.run(scenario)
    assert result.engine == "fleet"
    assert result.measures["devices"] == 50_000


# ---- bounds ------------------------------------------------------------------------------------------

BEYOND = """\
import numba
import numpy as np
print(numba.njit(lambda a, i: a[i])(np.zeros(3), 3))
"""


@pytest.mark.slow
def test_no_kernel_reads_or_writes_beyond_an_array(tmp_path: Path) -> None:
    """With numba's bounds checks, which it compiles in where it is told to, and with a cache of their own."""
    checks = {"NUMBA_BOUNDSCHECK": "1", "XDG_CACHE_HOME": str(tmp_path)}
    assert "IndexError" in python(BEYOND, **checks).stderr  # so the checks are there
    tests = [str(ROOT / "tests" / name) for name in ("boundaries", "equivalence", "oracles")]
    run_tests = "import sys, pytest; sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', *sys.argv[1:]]))"
    ran = python(run_tests, *tests, **checks)
    assert ran.returncode == 0, ran.stdout
