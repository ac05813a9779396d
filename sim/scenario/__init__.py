"""What a planner writes: scenarios and inventories, read and checked, every mistake at once (language 1)."""

from __future__ import annotations

from sim.scenario.inventory import Inventory, Row
from sim.scenario.problems import Place, Problem, ScenarioError
from sim.scenario.reading import load
from sim.scenario.schema import (
    Activate,
    AddressChange,
    AutomaticReissue,
    Certificate,
    Empty,
    Group,
    Guarantee,
    Outage,
    Recovery,
    Reissue,
    Scenario,
    Server,
    Source,
    Spells,
    Step,
    Sync,
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
