"""Devices tried against a guarantee, each as if it were alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.scenario.guarantees import Guarantee
from sim.studies.experiment import Simulator
from sim.studies.worst_case.breaking import breaks
from sim.world.draws import Draws, identity_of_group
from sim.world.fleet import Fleet, Profile, Roster
from sim.world.plan import Plan

MANY: Final = 2_000
"""From here on the array engine runs the devices, if it can."""

_AT_A_TIME: Final = 16_384


@dataclass(frozen=True)
class Bench:
    """Where devices are tried.

    Attributes:
        guarantee: which they shall break.
        draws: of the help desk's durations; nothing else is drawn.
    """

    guarantee: Guarantee
    draws: Draws

    def broken(self, plan: Plan, profiles: Sequence[Profile], phases_s: Sequence[int]) -> NDArray[np.bool_]:
        """Which devices break the guarantee under a plan; all of one group, shape (devices,)."""
        parts = [
            self._broken(plan, profiles[first : first + _AT_A_TIME], phases_s[first : first + _AT_A_TIME])
            for first in range(0, len(phases_s), _AT_A_TIME)
        ]
        return np.concatenate([np.zeros(0, np.bool_), *parts])

    def _broken(self, plan: Plan, profiles: Sequence[Profile], phases_s: Sequence[int]) -> NDArray[np.bool_]:
        n, group = len(phases_s), profiles[0].group
        roster = Roster(
            profiles=tuple(profiles),  # coverage is counted by profile, so each device has its own
            groups=(group,),
            profile=np.arange(n, dtype=np.int32),
            group=np.zeros(n, dtype=np.int32),
            identity=np.full(n, np.uint64(identity_of_group(group)), dtype=np.uint64),
            phase_s=np.array(phases_s, dtype=np.int64),
            silent=np.zeros(n, dtype=np.bool_),
            seen=np.zeros(n, dtype=np.bool_),
            holds_reserve=np.zeros(n, dtype=np.bool_),
            numbered=(n,),
            ids=((),),
        )
        if plan.recovery is not None:  # nobody waits for the others
            technicians = max(n, plan.recovery.technicians)
            plan = replace(plan, recovery=replace(plan.recovery, technicians=technicians))
        return breaks(self.guarantee, _simulator(n)(plan, Fleet.start(roster, self.draws)))


def _simulator(devices: int) -> Simulator:
    if devices >= MANY and find_spec("numba") is not None:
        from sim.fleet.engine import simulate as fleet

        return fleet
    from sim.processes.engine import simulate as process

    return process
