"""A run tells of other delays what other runs tell; a guarantee needs the least delay that keeps it."""

from __future__ import annotations

import pytest

import sim
from sim.studies.delays import CurveError
from sim.studies.margins import Margins, margins_of

PLAN = {
    "name": "Two groups",
    "start": "2026-03-01",
    "duration": "20d",
    "server": {"automatic_reissue": "off", "certificate": {"expires": "day 15"}},
    "fleet": [
        {
            "name": "phones",
            "devices": 40,
            "presence": {"on": {"exponential": "1d"}, "off": {"exponential": "3d"}},
        },
        {"name": "tablets", "devices": 20, "platform": "ios", "sync": {"every": "2d", "success": "70%"}},
    ],
    "strategy": [{"at": "day 3", "reissue": {"activate": "after 6d"}}],
    "recovery": {"technicians": 1, "begins": "1h", "owner_responds": "1h", "takes": "1h"},
    "guarantees": [
        {"measure": "lost_devices", "at_most": 8, "group": "phones"},
        {"measure": "reserve_coverage", "at_least": "55%", "platform": "ios"},
        {"measure": "lost_share", "at_most": "99%"},
        {"measure": "reinstalls", "at_most": 5},
    ],
    "replications": 3,
}


@pytest.fixture(scope="module")
def margins() -> Margins:
    return margins_of(sim.run(sim.Scenario.from_document(PLAN)))


def test_one_run_with_its_help_desk_has_the_numbers_of_the_curve(margins: Margins) -> None:
    curve = sim.curve(sim.Scenario.from_document(PLAN))
    assert margins.delays_s.tolist() == curve.delays_s.tolist()
    assert margins.lost.tolist() == curve.lost.tolist()
    band = margins.band
    assert band is not None
    assert band[0].tolist() == curve.table["low"].tolist()


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_promise_is_kept_from_the_second_that_it_needs_and_not_one_sooner(
    margins: Margins, number: int
) -> None:
    needed_s = margins.needs[number].needed_s
    scenario = sim.Scenario.from_document(PLAN)
    if needed_s is None:
        needed_s = margins.longest_s + 1
    else:
        kept = sim.run(scenario.changed({"strategy.0.reissue.activate": f"after {needed_s}s"}))
        assert kept.guarantees[number].verdict != "fails"
    broken = sim.run(scenario.changed({"strategy.0.reissue.activate": f"after {needed_s - 1}s"}))
    assert broken.guarantees[number].verdict == "fails"


def test_only_promises_about_losses_are_about_delays(margins: Margins) -> None:
    assert len(margins.needs) == 3


def test_a_promise_in_a_share_of_cases_needs_less_than_one_in_all() -> None:
    in_all, in_some = (
        margins_of(
            sim.run(sim.Scenario.from_document({**PLAN, "guarantees": [{**PLAN["guarantees"][0], **more}]}))  # type: ignore[dict-item,index]
        ).needs[0]
        for more in ({}, {"probability": "34%"})
    )
    assert in_some.needed_s is not None
    assert in_all.needed_s is None or in_some.needed_s <= in_all.needed_s
    assert in_some.lost <= in_all.lost


def test_where_more_happens_than_one_activation_there_are_no_margins() -> None:
    twice = [*PLAN["strategy"], {"at": "day 10", "reissue": {"activate": "immediately"}}]  # type: ignore[misc]
    with pytest.raises(CurveError, match="more happens"):
        margins_of(sim.run(sim.Scenario.from_document({**PLAN, "strategy": twice})))
