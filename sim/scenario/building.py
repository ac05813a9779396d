"""From a scenario to its plan."""

from __future__ import annotations

from sim.scenario.prepare import prepare
from sim.scenario.scenario import Scenario
from sim.world.plan import Plan


def plan_of(scenario: Scenario) -> Plan:
    """The plan that the scenario describes; see `prepare`."""
    return prepare(scenario).plan
