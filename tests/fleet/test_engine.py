"""What the array engine does around its kernels: progress, stopping, and whether the compiler is needed."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.fleet import compiled, engine
from sim.fleet.kernels import run_devices
from sim.processes.engine import simulate
from sim.studies.verify import first_difference
from sim.world.certificates import Certificate
from sim.world.draws import Draws
from sim.world.fleet import Fleet, Profile, Roster
from sim.world.plan import Plan, Reissue

PLAN = Plan(100, Certificate(0, "custom", 0, 1 << 40, "a"))


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
    ("has_desk", "kept", "needed"),
    [
        (False, {"run_devices", "work"}, False),
        (False, {"run_devices"}, False),  # nobody calls for help
        (False, {"work"}, True),
        (True, {"run_devices", "work"}, False),
        (True, {"run_devices"}, True),
        (True, {"work"}, True),
        (True, set(), True),
    ],
)
def test_the_compiler_is_needed_for_what_the_plan_needs(
    has_desk: bool, kept: set[str], needed: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(compiled, "cache_directory", lambda: tmp_path)
    for name in kept:
        (tmp_path / f"module.{name}-12.py311.nbi").touch()
    assert compiled.needs_compilation(has_desk=has_desk) is needed


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


@pytest.mark.parametrize("jitter_s", [0, 3, 9])
@pytest.mark.parametrize("success", [0.2, 0.6, 0.97])
@pytest.mark.parametrize("every_s", [10, 11])
def test_words_of_attempts_are_those_attempts_one_by_one(every_s: int, success: float, jitter_s: int) -> None:
    """200 attempts, of which an activation takes some apart; failures in a row cross the words."""
    fleet = phones(40, every_s=every_s)
    profile = replace(fleet.roster.profiles[0], success=success, jitter_s=jitter_s)
    fleet = replace(fleet, roster=replace(fleet.roster, profiles=(profile,)))
    reissue = Reissue(at_s=113, activate="after", after_s=300)
    plan = replace(PLAN, horizon_s=2003, sample_s=5, actions=(reissue,))
    assert first_difference(simulate(plan, fleet), engine.simulate(plan, fleet, threads=1)) is None
