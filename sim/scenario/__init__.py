"""What a planner writes: scenarios and inventories, read and checked, every mistake at once (language 1)."""

from __future__ import annotations

from sim.scenario.inventory import Inventory
from sim.scenario.problems import Place, Problem, ScenarioError
from sim.scenario.scenario import Scenario, load

__all__ = ["Inventory", "Place", "Problem", "Scenario", "ScenarioError", "load"]
