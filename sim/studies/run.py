"""Runs a scenario: plan, fleet and draws into an engine, replication by replication."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

from sim.scenario.building import plan_of, roster_of
from sim.scenario.scenario import Scenario
from sim.studies.result import Result
from sim.world.draws import Draws
from sim.world.fleet import Fleet

Engine = Literal["auto", "process"]


def run(
    scenario: Scenario,
    *,
    engine: Engine = "auto",
    seed: int | None = None,
    replications: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Result:
    """Simulate a scenario.

    Args:
        scenario: what to run.
        engine: `process`: one SimPy process a device; `auto`: the one that suits the fleet.
        seed: instead of the scenario's.
        replications: instead of the scenario's; replication r draws with (seed, r).
        progress: called now and then with the share that is done.

    Raises:
        ScenarioError: the scenario cannot be run.
        ValueError: an argument is impossible.
    """
    if engine not in ("auto", "process"):
        raise ValueError(f"there is no engine {engine!r}: choose auto or process")
    changes = {
        name: value for name, value in (("seed", seed), ("replications", replications)) if value is not None
    }
    if changes:
        scenario = scenario.changed(changes)

    from sim.processes.engine import simulate

    began = time.perf_counter()
    plan, roster = plan_of(scenario), roster_of(scenario)
    outcomes = []
    for replication in range(scenario.replications):

        def tell(share: float, done: int = replication) -> None:
            if progress is not None:
                progress((done + share) / scenario.replications)

        fleet = Fleet.start(roster, Draws.of(scenario.seed, replication))
        outcomes.append(simulate(plan, fleet, progress=tell))
    return Result(
        scenario=scenario,
        engine="process",
        plan=plan,
        outcomes=tuple(outcomes),
        took_s=time.perf_counter() - began,
    )
