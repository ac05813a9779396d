"""Runs a scenario: plan, fleet and draws into an engine, replication by replication."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Final, Literal, Protocol

import numpy as np

from sim.scenario.building import plan_of, roster_of
from sim.scenario.scenario import Scenario
from sim.studies.result import Result
from sim.world.draws import Draws
from sim.world.fleet import Fleet, Roster
from sim.world.outcome import Outcome
from sim.world.plan import Plan

Engine = Literal["auto", "process", "fleet"]

MANY_SYNCS: Final = 500_000
"""From about this many attempts on, `auto` takes the array engine: the process engine needs some seconds."""

MANY_DEVICES: Final = 250_000
"""From here on the process engine says what it will take: about 4 kB a device."""


def run(
    scenario: Scenario,
    *,
    engine: Engine = "auto",
    seed: int | None = None,
    replications: int | None = None,
    progress: Callable[[float], None] | None = None,
    notice: Callable[[str], None] | None = None,
) -> Result:
    """Simulate a scenario.

    Args:
        scenario: what to run.
        engine: `process`: one SimPy process a device; `fleet`: devices as arrays, with equal results and
            much faster; `auto`: the one that suits the size of the fleet.
        seed: instead of the scenario's.
        replications: instead of the scenario's; replication r draws with (seed, r).
        progress: called now and then with the share that is done.
        notice: called with a sentence before a wait that needs a reason.

    Raises:
        ScenarioError: the scenario cannot be run.
        ValueError: an argument is impossible.
        EngineUnavailableError: the array engine is asked for, and numba is not installed.
    """
    if engine not in ("auto", "process", "fleet"):
        raise ValueError(f"there is no engine {engine!r}: choose auto, process or fleet")
    changes = {
        name: value for name, value in (("seed", seed), ("replications", replications)) if value is not None
    }
    if changes:
        scenario = scenario.changed(changes)

    began = time.perf_counter()
    plan, roster = plan_of(scenario), roster_of(scenario)
    chosen = choose(engine, plan, roster)
    if notice is not None and chosen == "process" and len(roster) >= MANY_DEVICES:
        notice(f"{len(roster):,} devices: the process engine takes about {len(roster) * 4e-6:,.0f} GB")
    simulate = _simulator(chosen, plan, notice)
    outcomes = []
    for replication in range(scenario.replications):

        def tell(share: float, done: int = replication) -> None:
            if progress is not None:
                progress((done + share) / scenario.replications)

        fleet = Fleet.start(roster, Draws.of(scenario.seed, replication))
        outcomes.append(simulate(plan, fleet, progress=tell))
    return Result(
        scenario=scenario,
        engine=chosen,
        plan=plan,
        outcomes=tuple(outcomes),
        took_s=time.perf_counter() - began,
    )


class Simulator(Protocol):
    """What both engines are."""

    def __call__(
        self, plan: Plan, fleet: Fleet, *, progress: Callable[[float], None] | None = None
    ) -> Outcome:
        """Run a plan on a fleet."""


def choose(engine: Engine, plan: Plan, roster: Roster) -> Literal["process", "fleet"]:
    """The engine that `auto` stands for: by the number of attempts, and only where numba is installed."""
    if engine != "auto":
        return engine
    every_s = [profile.every_s for profile in roster.profiles]
    devices = np.bincount(roster.profile, minlength=len(every_s))
    attempts = sum(plan.horizon_s / every * n for every, n in zip(every_s, devices.tolist(), strict=True))
    return "fleet" if attempts >= MANY_SYNCS and find_spec("numba") is not None else "process"


def _simulator(
    engine: Literal["process", "fleet"], plan: Plan, notice: Callable[[str], None] | None
) -> Simulator:
    if engine == "process":
        from sim.processes.engine import simulate as process

        return process
    from sim.fleet.engine import needs_compilation
    from sim.fleet.engine import simulate as fleet

    if notice is not None and needs_compilation(plan):
        notice("compiling the array engine: this happens once, and takes about a quarter of a minute")
    return fleet
