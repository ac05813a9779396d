"""One device of a scenario by itself: the same draws and the same server, as often as one likes.

Devices are independent given what the server does (model 7.1), so what becomes of one can be told without the
others. Only the help desk couples them: its reinstallations come from a run of the whole fleet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from sim.processes.engine import simulate
from sim.processes.recording import Happening, RecordedDevice, Recorder
from sim.scenario.roster import roster_of
from sim.scenario.scenario import Scenario
from sim.studies.experiment import Experiment, Progress
from sim.world.draws import Draws, Purpose
from sim.world.fleet import Fleet, Profile, Roster
from sim.world.outcome import NEVER, Outcome
from sim.world.plan import Plan


@dataclass(frozen=True, eq=False)
class Life:
    """What became of the device in one run.

    Attributes:
        plan: under which.
        happenings: in order.
        outcome: of this one device.
    """

    plan: Plan
    happenings: tuple[Happening, ...]
    outcome: Outcome

    @property
    def lost_at_s(self) -> int | None:
        """Its first loss; None: it was never lost."""
        at_s = int(self.outcome.devices.lost_at_s[0])
        return None if at_s == NEVER else at_s

    def instants_s(self, what: str) -> list[int]:
        """When something of a kind happened."""
        return [each.at_s for each in self.happenings if each.what == what]

    def received_s(self, generation: int) -> int | None:
        """When it first was handed a certificate; None: never."""
        return next(
            (h.at_s for h in self.happenings if h.what == "received" and h.generation == generation), None
        )


@dataclass(frozen=True, eq=False)
class Alone:
    """A device that can live its life under one plan after the other.

    Attributes:
        plan: of the scenario, without the help desk.
        roster: this one device.
        draws: of the replication.
    """

    plan: Plan
    roster: Roster
    draws: Draws

    @classmethod
    def of(cls, scenario: Scenario, plan: Plan, index: int, replication: int) -> Alone:
        """A device of the fleet by its place in device order; `replication` is its number."""
        roster = roster_of(scenario, within=range(index, index + 1))
        unsampled = replace(plan, recovery=None, sample_s=plan.horizon_s)
        return cls(unsampled, roster, Draws.of(scenario.seed, replication))

    @property
    def name(self) -> str:
        """As in results."""
        return self.roster.name(0)

    @property
    def profile(self) -> Profile:
        """What it shares with others."""
        return self.roster.profiles[int(self.roster.profile[0])]

    @cached_property
    def start(self) -> Fleet:
        """Where it stands at the start."""
        return Fleet.start(self.roster, self.draws)

    def live(
        self,
        plan: Plan | None = None,
        *,
        profile: Profile | None = None,
        attempts_s: Sequence[int] = (),
        reinstalls_s: Sequence[int] = (),
    ) -> Life:
        """Its life, with whatever is changed.

        Args:
            plan: instead of the scenario's.
            profile: instead of its own.
            attempts_s: attempts beside its own.
            reinstalls_s: when reinstallations end.
        """
        plan, roster = plan or self.plan, self.roster
        if profile is not None:
            profiles = [profile if each is self.profile else each for each in roster.profiles]
            roster = replace(roster, profiles=tuple(profiles))
        happenings: list[Happening] = []
        recorder = Recorder(happenings.append, attempts_s, reinstalls_s)
        outcome = simulate(plan, Fleet.start(roster, self.draws), kind=partial(RecordedDevice, recorder))
        return Life(plan, tuple(happenings), outcome)


def reinstalls_of(
    experiment: Experiment, outcome: Outcome, index: int, replication: int, progress: Progress | None = None
) -> tuple[int, ...]:
    """When each reinstallation of a device ended, from runs that end sooner and sooner.

    What happens before an instant does not depend on how long the run is; so a reinstallation ended in the
    last second of the shortest run that counts it. Only devices that are ever lost meet the help desk: the
    others are left out.

    Args:
        experiment: with a help desk.
        outcome: of the whole fleet in this replication.
        index: the device.
        replication: its number.
        progress: called with the share that is done.
    """
    total = int(outcome.devices.reinstalls[index])
    if total == 0:
        return ()
    chosen = np.flatnonzero(outcome.devices.times_lost > 0)
    place = int(np.searchsorted(chosen, index))
    roster = outcome.roster.only(chosen)
    fleet = Fleet.start(roster, Draws.of(experiment.scenario.seed, replication))
    plan = replace(experiment.plan, sample_s=experiment.plan.horizon_s)
    run = _simulator(experiment)
    ends_s: list[int] = []
    back_s = int(outcome.devices.reconnected_at_s[index])
    guesses_s = [back_s + 1, back_s]  # most often the first one reconnects
    for number in range(total):
        low_s = ends_s[-1] if ends_s else int(outcome.devices.lost_at_s[index])
        high_s = plan.horizon_s
        while high_s - low_s > 1:  # at `low_s` not yet, at `high_s` it has ended
            middle_s = (low_s + high_s) // 2
            if guesses_s and low_s < guesses_s[-1] < high_s:
                middle_s = guesses_s.pop()
            shorter = run(replace(plan, horizon_s=middle_s), fleet)
            if int(shorter.devices.reinstalls[place]) > number:
                high_s = middle_s
            else:
                low_s = middle_s
        ends_s.append(high_s - 1)
        if progress is not None:
            progress((number + 1) / total)
    return tuple(ends_s)


def _simulator(experiment: Experiment) -> Callable[[Plan, Fleet], Outcome]:
    if experiment.engine == "fleet":
        from sim.fleet.engine import simulate as fleet

        return fleet
    return simulate


def work_s(experiment: Experiment, alone: Alone, number: int) -> int:
    """How long the reinstallation of this number (from 0) takes (model 6.1)."""
    assert experiment.plan.recovery is not None
    u, v = alone.draws.pair(int(alone.roster.identity[0]), Purpose.REINSTALL_TAKES, number)
    return experiment.plan.recovery.takes.draw(u, v)


def response_s(experiment: Experiment, alone: Alone, number: int) -> int:
    """How long after its call of this number (from 0) the owner is ready (model 6.1)."""
    assert experiment.plan.recovery is not None
    u, v = alone.draws.pair(int(alone.roster.identity[0]), Purpose.OWNER_RESPONDS, number)
    return experiment.plan.recovery.owner_responds.draw(u, v)
