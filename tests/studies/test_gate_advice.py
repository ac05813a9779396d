"""The gate that keeps a promise: its coverage is counted, its day computed, and the engine does so."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import sim
from sim.scenario.prepare import prepare
from sim.studies.alternatives import _coverage
from sim.studies.decision import decide

DAY = 86_400


def scenario(devices: int = 200, **group: Any) -> sim.Scenario:
    """Phones that are off for long; the certificate expires on day 60."""
    return sim.Scenario.from_document(
        {
            "name": "gate",
            "start": "2026-03-02",
            "duration": "61d",
            "server": {"certificate": {"expires": "day 60"}, "automatic_reissue": "off"},
            "fleet": [
                {
                    "name": "phones",
                    "devices": devices,
                    "sync": {"every": "6h"},
                    "presence": {"on": {"exponential": "3d"}, "off": {"exponential": "6d"}},
                    **group,
                }
            ],
            "strategy": [{"at": "day 10", "reissue": {"activate": "after 10d"}}],
        }
    )


@pytest.mark.parametrize(
    ("needed", "devices"), [(1, 1), (1, 3), (2, 3), (1140, 1160), (999_999, 1_000_000), (10, 10)]
)
def test_the_coverage_asks_for_exactly_so_many(needed: int, devices: int) -> None:
    written = sim.Scenario.from_document(
        scenario(devices=1).document
        | {
            "strategy": [
                {"at": "day 1", "reissue": {"activate": {"when_coverage": _coverage(needed, devices)}}}
            ]
        }
    )
    gate = prepare(written).plan.reissue(0).gate
    assert gate is not None
    assert gate.needed(devices) == needed


def test_it_opens_as_often_and_as_late_as_the_engine_lets_it() -> None:
    """100 fleets: a share has a standard error of at most 0.05; four of them are allowed."""
    found = sim.plan(scenario(), lost_at_most=4, gate=True, vary=False)
    assert found.by == "exact"
    gate = found.gate
    assert gate is not None
    assert (gate.coverage, gate.group, gate.most_lost) == ("98%", None, 4)
    activate = {"when_coverage": gate.coverage, "check_every": "1d"}
    run = scenario().changed(
        {
            "strategy": [{"at": "start", "reissue": {"activate": activate}}],
            "replications": 100,
            "duration": "61d",
        }
    )
    result = sim.run(run, engine="fleet")
    opened, lost = [], []
    for tally in result.tallies:
        (at_s,) = [event.at_s for event in tally.events if event.name == "reserve activated"]
        by_gate = any(event.name == "gate opened" for event in tally.events)
        opened.append(at_s / DAY if by_gate else math.inf)
        if by_gate:
            lost.append(int(tally.column("lost").sum()))
    assert max(lost) <= 4
    assert np.mean(np.array(opened) < 60) == pytest.approx(gate.opens.chance, abs=0.2)
    for share, day in zip((0.05, 0.5, 0.95), gate.opens.days, strict=True):
        assert day is not None
        assert np.mean(np.array(opened) <= day) >= share - 0.2
        assert np.mean(np.array(opened) < day) <= share + 0.2


def test_simulated_fleets_say_about_the_same() -> None:
    computed = sim.plan(scenario(60), lost_at_most=2, gate=True, vary=False).gate
    found = decide(prepare(scenario(60)), lost_at_most=2, gate=True, by="simulation")
    assert found.by == "simulation"
    assert found.gate is not None
    assert computed is not None
    for one, other in zip(found.gate.opens.days, computed.opens.days, strict=True):
        assert abs((one or 60) - (other or 60)) <= 6


def test_no_gate_is_named_that_could_not_keep_the_promise() -> None:
    found = sim.plan(scenario(), lost_at_most=200, gate=True, vary=False)
    assert found.gate is None  # nothing is asked for
    never = sim.plan(scenario(presence="never"), lost_at_most=4, gate=True, vary=False).gate
    assert never is not None
    assert (never.opens.chance, never.opens.days) == (0.0, (None, None, None))
