"""What the array engine does around its kernels: progress, stopping, and whether the compiler is needed."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sim.fleet import engine
from sim.fleet.desk import work
from sim.fleet.kernels import run_devices
from sim.processes.engine import simulate
from sim.studies.verify import first_difference
from sim.world.certificates import Certificate
from sim.world.distributions import Distribution
from sim.world.draws import Draws
from sim.world.fleet import Fleet, Profile, Roster
from sim.world.plan import Plan, Recovery

PLAN = Plan(100, Certificate(0, "custom", 0, 1 << 40, "a"))
HELPED = Plan(
    100,
    Certificate(0, "custom", 0, 1 << 40, "a"),
    recovery=Recovery(1, 0, Distribution.constant(0), Distribution.constant(1)),
)


def phones(n: int, *, every_s: int = 10) -> Fleet:
    """Phones with phases 0, 1, 2, …"""
    profile = Profile("phones", "android", every_s, 0, 1.0, True, "always")
    roster = Roster(
        profiles=(profile,),
        groups=("phones",),
        profile=np.zeros(n, np.int32),
        group=np.zeros(n, np.int32),
        identity=np.arange(n, dtype=np.uint64),
        phase_s=np.arange(n, dtype=np.int64),
        silent=np.zeros(n, np.bool_),
        seen=np.zeros(n, np.bool_),
        holds_reserve=np.zeros(n, np.bool_),
        numbered=(n,),
        ids=((),),
    )
    return Fleet.start(roster, Draws.of(1, 0))


@pytest.mark.parametrize(
    ("plan", "compiled", "needed"),
    [
        (PLAN, {run_devices, work}, False),
        (PLAN, {run_devices}, False),  # nobody calls for help
        (PLAN, {work}, True),
        (HELPED, {run_devices, work}, False),
        (HELPED, {run_devices}, True),
        (HELPED, {work}, True),
        (HELPED, set(), True),
    ],
)
def test_the_compiler_is_needed_for_what_the_plan_needs(
    plan: Plan, compiled: set[Any], needed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "is_compiled", lambda function: function in compiled)
    assert engine.needs_compilation(plan) is needed


@pytest.mark.parametrize("every_s", [5, 7, 10, 15, 20])
def test_each_synchronization_counts_in_the_next_sample(every_s: int) -> None:
    """Samples at 0, 5, 10, …; a period of 1, 2, 3 or 4 of them, or none, and runs that end in any second."""
    fleet = phones(every_s, every_s=every_s)
    for horizon_s in range(40, 52):
        outcome = engine.simulate(replace(PLAN, horizon_s=horizon_s, sample_s=5), fleet, threads=1)
        # One phone for each phase: a synchronization in each second.
        seconds = [second for second in range(horizon_s) if -(-second // 5) * 5 < horizon_s]
        expected = np.bincount([-(-second // 5) for second in seconds], minlength=-(-horizon_s // 5))
        assert outcome.series["syncs"].tolist() == expected.tolist()


def test_a_period_of_one_second_with_failures_is_that_of_the_process_engine() -> None:
    """Whether a phone counts as connected ends two seconds after its last synchronization."""
    fleet = phones(20, every_s=1)
    profile = replace(fleet.roster.profiles[0], success=0.4)
    fleet = replace(fleet, roster=replace(fleet.roster, profiles=(profile,)))
    plan = replace(PLAN, sample_s=1)
    assert first_difference(simulate(plan, fleet), engine.simulate(plan, fleet)) is None


def test_progress_counts_the_chunks() -> None:
    told: list[float] = []
    engine.simulate(PLAN, phones(7), progress=told.append, threads=1, chunk=2)
    assert told == [1 / 4, 2 / 4, 3 / 4, 1.0]


def test_who_stops_a_run_need_not_wait_for_the_devices_that_have_not_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun = 0

    def slowly(*arguments: Any) -> int:
        nonlocal begun
        begun += 1
        time.sleep(0.005)
        return int(run_devices(*arguments))

    def stop(share: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "run_devices", slowly)
    with pytest.raises(KeyboardInterrupt):
        engine.simulate(PLAN, phones(100), progress=stop, threads=1, chunk=1)
    assert begun < 50
