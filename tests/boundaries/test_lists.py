"""Devices of a list: those that never connected, on both engines and on the reference (model 11.2)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import reference
from test_boundaries import after, phones

from sim.fleet.engine import simulate as fleet_engine
from sim.processes.engine import simulate as process_engine
from sim.results.measures import Selected
from sim.results.tally import Tally
from sim.world.certificates import Certificate
from sim.world.distributions import Distribution
from sim.world.fleet import Fleet
from sim.world.outcome import Outcome
from sim.world.plan import Plan, Recovery

seconds = Distribution.constant


def with_first_never_connected(fleet: Fleet) -> Fleet:
    flags = np.zeros(len(fleet), dtype=np.bool_)
    flags[0] = True
    return replace(fleet, roster=replace(fleet.roster, never_connected=flags))


@pytest.mark.parametrize("simulate", [process_engine, fleet_engine])
@pytest.mark.parametrize("holds_reserve", [False, True])
def test_who_never_connected_is_neither_lost_nor_saved(simulate: object, holds_reserve: bool) -> None:
    """Two phones at 10 and 11; the other one is saved at 11 or held it from the start. Lost at 60: nobody."""
    fleet = with_first_never_connected(phones([10, 11], holds_reserve=holds_reserve))
    plan = Plan(
        100,
        Certificate(0, "ksc", 0, 1000, "old"),
        actions=(after(5, 55),),
        recovery=Recovery(1, 1, seconds(1), seconds(1)),
        sample_s=50,
    )
    outcome: Outcome = simulate(plan, fleet)  # type: ignore[operator]
    expected = reference.simulate(plan, fleet)
    for name, column in outcome.devices.columns():
        assert column.tolist() == expected.columns[name], name
    assert outcome.devices.lost_at_s.tolist() == [-1, -1]
    assert outcome.devices.syncs.tolist() == [0, 1]
    assert outcome.devices.reserve_received_at_s.tolist() == [-1, 0 if holds_reserve else 11]
    assert outcome.devices.critical_delay_s.tolist() == [-1, 0 if holds_reserve else 7]
    assert outcome.coverage_held.tolist() == [[1]]
    assert outcome.series["holding_reserve"].tolist() == [-1, 1]
    assert outcome.series["lost"].tolist() == [0, 0]


@pytest.mark.parametrize("simulate", [process_engine, fleet_engine])
def test_who_never_connected_is_not_lost_with_everybody(simulate: object) -> None:
    plan = Plan(100, Certificate(0, "ksc", 0, 50, "old"), sample_s=60)
    outcome: Outcome = simulate(plan, with_first_never_connected(phones([10, 11])))  # type: ignore[operator]
    assert outcome.devices.lost_at_s.tolist() == [-1, 50]
    assert outcome.is_lost.tolist() == [False, True]
    assert outcome.series["lost"].tolist() == [0, 1]


def test_who_never_connected_is_in_no_coverage() -> None:
    """Of two phones one was never connected, the other receives the reserve at 11."""
    plan = Plan(100, Certificate(0, "ksc", 0, 1000, "old"), actions=(after(5, 55),), sample_s=50)
    outcome = process_engine(plan, with_first_never_connected(phones([10, 11])))
    assert Selected(Tally.of(outcome)).measure("reserve_coverage") == 1.0
    assert Selected(Tally.of(outcome)).measure("lost_share") == 0.0
