"""From a scenario to its devices."""

from __future__ import annotations

from sim.scenario.prepare import prepare
from sim.scenario.scenario import Scenario
from sim.world.fleet import Roster


def devices_of(scenario: Scenario) -> int:
    """How many devices the scenario has."""
    return prepare(scenario).size


def roster_of(scenario: Scenario, *, within: range | None = None) -> Roster:
    """The devices of the scenario in device order; see `Prepared.roster`."""
    return prepare(scenario).roster(within)
