"""The process engine against the naive reference: random worlds on a coarse grid of seconds."""

from __future__ import annotations

import os

import pytest
import worlds
from agreement import differences
from hypothesis import HealthCheck, given, settings

from sim.world.fleet import Fleet
from sim.world.plan import Plan


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(worlds.any_plan, worlds.fleets())
def test_engine_and_reference_agree(plan: Plan, fleet: Fleet) -> None:
    assert differences(plan, fleet) == {}


@pytest.mark.slow
@pytest.mark.timeout(7200)  # thousands of worlds, on a busy machine
@settings(
    max_examples=int(os.environ.get("REFERENCE_EXAMPLES", "5000")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(worlds.any_plan, worlds.fleets())
def test_engine_and_reference_agree_on_thousands(plan: Plan, fleet: Fleet) -> None:
    assert differences(plan, fleet) == {}
