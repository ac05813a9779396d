"""What a planner writes: scenarios and inventories, read and checked, every mistake at once (language 1)."""

from __future__ import annotations

from sim.scenario.fields import Activate
from sim.scenario.fleet import Group, Spells, Sync
from sim.scenario.inventory import Inventory, Row
from sim.scenario.problems import Place, Problem, ScenarioError
from sim.scenario.scenario import Scenario, Source, load
from sim.scenario.schema import (
    AddressChange,
    AutomaticReissue,
    Certificate,
    Empty,
    Guarantee,
    Outage,
    Recovery,
    Reissue,
    Server,
    Step,
)

__all__ = [
    "Activate",
    "AddressChange",
    "AutomaticReissue",
    "Certificate",
    "Empty",
    "Group",
    "Guarantee",
    "Inventory",
    "Outage",
    "Place",
    "Problem",
    "Recovery",
    "Reissue",
    "Row",
    "Scenario",
    "ScenarioError",
    "Server",
    "Source",
    "Spells",
    "Step",
    "Sync",
    "load",
]
