"""Guarantees with a probability, computed where that can be done (model 13); else the replications decide."""

from __future__ import annotations

from typing import Any

import pytest
from scipy import stats

import sim

DEVICES, SYNC, DELAY = 40, 24, 18
"""Always on, every 24 hours, with a delay of 18: a quarter of the phases is never due (model 9.4)."""


def scenario(**guarantee: Any) -> sim.Scenario:
    return sim.Scenario.from_document(
        {
            "name": "exact",
            "start": "2026-03-02",
            "duration": "20d",
            "server": {"certificate": {"expires": "day 15"}, "automatic_reissue": "off"},
            "fleet": [{"name": "phones", "devices": DEVICES, "sync": {"every": f"{SYNC}h"}}],
            "strategy": [{"at": "day 5", "reissue": {"activate": f"after {DELAY}h"}}],
            "guarantees": [{"measure": "lost_devices", **guarantee}],
        }
    )


LAW = stats.binom(DEVICES, 1 - DELAY / SYNC)


@pytest.mark.parametrize("most", [5, 10, 15])
@pytest.mark.parametrize("side", ["at_most", "at_least"])
def test_the_verdict_is_that_of_the_binomial_law_whatever_was_drawn(most: int, side: str) -> None:
    kept = float(LAW.cdf(most) if side == "at_most" else LAW.sf(most - 1))
    for probability, verdict in ((kept - 1e-4, "exact"), (kept + 1e-4, "fails")):
        for seed in (1, 2):
            promised = scenario(**{side: most}, probability=probability).changed(seed=seed)
            (found,) = sim.run(promised).guarantees
            assert (found.verdict, found.passes) == (verdict, verdict == "exact")
            assert "replication" not in (found.reason or "")


def test_a_share_of_a_group_is_computed_as_well() -> None:
    promised = scenario(at_most=10, probability=0.5)
    share = {"measure": "lost_share", "group": "phones", "at_most": "25%", "probability": 0.5}
    desk = {"technicians": 1}
    found = sim.run(promised.changed({"guarantees": [share], "recovery": desk})).guarantees[0]
    assert found.verdict == "exact"


def test_what_takes_a_simulation_or_counts_something_else_is_left_to_the_replications() -> None:
    dark = {"disturbances": [{"name": "dark", "share": "10%", "every": "50d", "lasts": "1d"}]}
    promised = scenario(at_most=25, probability="90%")
    assert sim.run(promised.changed({"calendar": dark})).guarantees[0].verdict == "undecided"
    back = {"measure": "reconnected_devices", "at_most": 25, "probability": "90%"}
    assert sim.run(promised.changed({"guarantees": [back]})).guarantees[0].verdict in ("undecided", "proved")
