"""The process engine and the array engine return the same outcome: every column, event and sample."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import random_scenarios
import worlds
from hypothesis import HealthCheck, given, settings

import sim
from sim.fleet.engine import simulate as fleet_engine
from sim.processes.engine import simulate as process_engine
from sim.scenario.prepare import prepare
from sim.studies.verify import first_difference
from sim.world.draws import Draws
from sim.world.fleet import Fleet
from sim.world.outcome import CAUSES, MEANS
from sim.world.plan import Plan

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "scenarios").glob("*.yaml"))
REISSUE = [sys.executable, "-W", "error", "-c", "from sim.cli import main; main()"]
MOST_OF_A_GROUP = 60
EVENTFUL = (1, 13, 14, 21, 25, 31, 94)


def assert_equal(plan: Plan, fleet: Fleet) -> None:
    """Compared column by column first, which says more than two fingerprints."""
    process, array = process_engine(plan, fleet), fleet_engine(plan, fleet)
    assert first_difference(process, array) is None
    assert process.fingerprint == array.fingerprint


def random_scenario(seed: int, folder: Path) -> sim.Scenario:
    return sim.Scenario.from_document(random_scenarios.document(seed, folder), folder=folder)


# ---- random worlds -----------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(worlds.any_plan, worlds.fleets())
def test_engines_agree_on_small_worlds_full_of_coincidences(plan: Plan, fleet: Fleet) -> None:
    assert_equal(plan, fleet)


@pytest.mark.slow
@pytest.mark.timeout(7200)  # thousands of worlds, on a busy machine
@settings(
    max_examples=int(os.environ.get("ENGINE_EXAMPLES", "20000")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(worlds.any_plan, worlds.fleets())
def test_engines_agree_on_thousands_of_small_worlds(plan: Plan, fleet: Fleet) -> None:
    assert_equal(plan, fleet)


@pytest.mark.parametrize("seed", EVENTFUL)
def test_engines_agree_on_hundreds_of_devices(seed: int, tmp_path: Path) -> None:
    assert sim.verify(random_scenario(seed, tmp_path)).difference is None


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(200))
def test_engines_agree_on_hundreds_of_devices_in_many_scenarios(seed: int, tmp_path: Path) -> None:
    assert sim.verify(random_scenario(seed, tmp_path)).difference is None


def test_the_eventful_scenarios_are_eventful(tmp_path: Path) -> None:
    """Every cause of a loss but the platform, which needs a certificate file; both ways back; all actions."""
    causes: set[str] = set()
    means: set[str] = set()
    events: set[str] = set()
    for seed in EVENTFUL:
        outcome = sim.run(random_scenario(seed, tmp_path), engine="fleet").outcome()
        causes.update(CAUSES[code] for code in outcome.devices.lost_cause)
        means.update(MEANS[code] for code in outcome.devices.reconnected_by)
        events.update(event.name for event in outcome.events)
    assert causes == set(CAUSES) - {"platform"}
    assert means == set(MEANS)
    assert {"reserve cancelled", "previous restored", "outage ended", "address closed"} < events


def test_engines_agree_on_nobody() -> None:
    nobody = sim.load(ROOT / "scenarios" / "helpdesk_after_total_loss.yaml").changed({"fleet.0.devices": 0})
    assert sim.verify(nobody).difference is None


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_engines_agree_on_the_shipped_scenarios(path: Path) -> None:
    """Groups cut to 60 devices, runs to two; only the queue of the help desk couples devices here."""
    scenario = sim.load(path)
    cut: dict[str, object] = {"replications": min(scenario.replications, 2)}
    cut |= {
        f"fleet.{number}.devices": MOST_OF_A_GROUP
        for number, group in enumerate(scenario.fleet)
        if group.devices is not None and group.devices > MOST_OF_A_GROUP
    }
    assert sim.verify(scenario.changed(cut)).difference is None


@pytest.mark.slow
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_engines_agree_on_the_shipped_scenarios_uncut(path: Path) -> None:
    assert sim.verify(sim.load(path)).difference is None


# ---- what must not matter ----------------------------------------------------------------------------


def test_neither_threads_nor_chunks_change_the_outcome(tmp_path: Path) -> None:
    scenario = random_scenario(14, tmp_path)
    assert scenario.recovery is not None  # so that devices of all chunks meet in one queue
    plan, fleet = prepare(scenario).plan, Fleet.start(prepare(scenario).roster(), Draws.of(scenario.seed, 0))
    expected = fleet_engine(plan, fleet).fingerprint
    for threads, chunk in product((1, 2), (1, 2, 7, 1000)):
        assert fleet_engine(plan, fleet, threads=threads, chunk=chunk).fingerprint == expected, (
            threads,
            chunk,
        )


@pytest.mark.parametrize(
    "otherwise",
    [
        {"NUMBA_DISABLE_JIT": "1"},
        pytest.param({"NUMBA_CPU_NAME": "generic"}, marks=pytest.mark.slow, id="any processor"),
    ],
    ids=str,
)
def test_compiled_code_says_what_the_interpreter_says(otherwise: dict[str, str], tmp_path: Path) -> None:
    """The same lines, uncompiled or for processors that compute few numbers at once, in another process."""
    expected, files = [], []
    for seed in range(3):
        folder = tmp_path / str(seed)
        folder.mkdir()
        small = random_scenarios.document(seed, folder)
        small["duration"] = "12d"
        for group in small["fleet"]:
            if "devices" in group:
                group["devices"] = min(group["devices"], 10)
        scenario = sim.Scenario.from_document(small, folder=folder)
        files.append(folder / "scenario.yaml")
        files[-1].write_text(scenario.to_yaml(), encoding="utf-8")
        expected.append(sim.run(scenario, engine="fleet").fingerprint)
    interpreted = subprocess.run(
        [*REISSUE, "run", *files, "--engine", "fleet", "--json"],
        env={**os.environ, **otherwise},
        capture_output=True,
        text=True,
        check=True,
    )
    runs: list[dict[str, Any]] = json.loads(interpreted.stdout)["runs"]
    assert [run["fingerprint"] for run in runs] == expected
