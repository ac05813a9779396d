"""How far a run has come, as the process engine tells it."""

from __future__ import annotations

import numpy as np

from sim.processes.engine import simulate
from sim.world.certificates import Certificate
from sim.world.draws import Draws
from sim.world.fleet import Fleet, Profile, Roster
from sim.world.plan import Plan


def test_progress_is_the_share_of_the_run_at_each_sample() -> None:
    roster = Roster(
        profiles=(Profile("phones", "android", 10, 0, 1.0, True, "always"),),
        groups=("phones",),
        profile=np.zeros(1, np.int32),
        group=np.zeros(1, np.int32),
        identity=np.zeros(1, np.uint64),
        phase_s=np.zeros(1, np.int64),
        silent=np.zeros(1, np.bool_),
        seen=np.zeros(1, np.bool_),
        holds_reserve=np.zeros(1, np.bool_),
        numbered=(1,),
        ids=((),),
    )
    told: list[float] = []
    plan = Plan(100, Certificate(0, "custom", 0, 1 << 40, "a"), sample_s=25)
    simulate(plan, Fleet.start(roster, Draws.of(1, 0)), progress=told.append)
    assert told == [0.0, 0.25, 0.5, 0.75]
