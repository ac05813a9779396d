"""A single device of a scenario: the same draws and the same server as in the fleet, as often as one likes.

Devices are independent given what the server does (model 7.1), so one can be run without the others. Only the
help desk couples them: its reinstallations come from a run of the whole fleet.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from itertools import zip_longest

import numpy as np

from sim.errors import InputError, visible
from sim.processes.engine import simulate
from sim.processes.recording import Happening, RecordedDevice, Recorder
from sim.scenario.prepare import Prepared
from sim.studies.experiment import Experiment, Progress
from sim.text import quoted
from sim.world.distributions import Distribution
from sim.world.draws import Draws, Purpose
from sim.world.fleet import Fleet, Profile, Roster
from sim.world.outcome import MEANS, Outcome
from sim.world.plan import Plan


class UnknownDeviceError(InputError):
    """The scenario has no device of that name; the message says which there are."""


@dataclass(frozen=True, eq=False)
class Trace:
    """What became of a single device in one run."""

    plan: Plan
    happenings: tuple[Happening, ...]  # in order
    outcome: Outcome  # of this one device

    @property
    def lost_at_s(self) -> int | None:
        """Its first loss; None: it was never lost."""
        return next(iter(self.instants_s("lost")), None)

    def instants_s(self, what: str) -> list[int]:
        """When something of a kind happened."""
        return [each.at_s for each in self.happenings if each.what == what]

    def received_s(self, generation: int) -> int | None:
        """When it first was handed a certificate; None: never."""
        received = (h.at_s for h in self.happenings if h.what == "received" and h.generation == generation)
        return next(received, None)


@dataclass(frozen=True, eq=False)
class SingleDevice:
    """A device that can be run under one plan after the other."""

    plan: Plan  # the scenario's, without the help desk
    roster: Roster  # this one device
    draws: Draws

    @classmethod
    def of(cls, prepared: Prepared, index: int, replication: int) -> SingleDevice:
        """A device by its index in device order, in the replication of this number."""
        plan = replace(prepared.plan, recovery=None, sample_s=prepared.plan.horizon_s)
        roster = prepared.roster(range(index, index + 1))
        return cls(plan, roster, Draws.of(prepared.scenario.seed, replication))

    @property
    def name(self) -> str:
        """Its name in results."""
        return self.roster.name(0)

    @property
    def profile(self) -> Profile:
        """What it has in common with others."""
        return self.roster.profiles[int(self.roster.profile[0])]

    @cached_property
    def start(self) -> Fleet:
        """Where it stands at the start."""
        return Fleet.start(self.roster, self.draws)

    def run(
        self,
        plan: Plan | None = None,
        *,
        profile: Profile | None = None,
        attempts_s: Sequence[int] = (),
        reinstalls_s: Sequence[int] = (),
    ) -> Trace:
        """Run it under another plan, with another profile, more attempts, or where reinstallations end."""
        plan, roster = plan or self.plan, self.roster
        if profile is not None:
            roster = replace(roster, profiles=(profile,) * len(roster.profiles))
        happenings: list[Happening] = []
        recorder = Recorder(happenings.append, attempts_s, reinstalls_s)
        outcome = simulate(plan, Fleet.start(roster, self.draws), kind=partial(RecordedDevice, recorder))
        return Trace(plan, tuple(happenings), outcome)

    def absences_s(self, trace: Trace) -> list[tuple[int, int]]:
        """From when to when it is off in a run, the last one to its end."""
        begin_s = [*([] if self.start.starts_on[0] else [0]), *trace.instants_s("went off")]
        return list(zip_longest(begin_s, trace.instants_s("came on"), fillvalue=trace.plan.horizon_s))

    def drawn_s(self, duration: Distribution, purpose: Purpose, number: int) -> int:
        """The duration that it draws for a purpose the time of this number, from 0."""
        return duration.draw(*self.draws.pair(int(self.roster.identity[0]), purpose, number))


def row_of(outcome: Outcome, index: int) -> dict[str, int]:
    """A device's row of an outcome, by column; instants in seconds, -1 for never."""
    return {name: int(np.asarray(column)[index]) for name, column in outcome.devices.columns()}


def reinstalls_of(
    experiment: Experiment, outcome: Outcome, index: int, replication: int, progress: Progress | None = None
) -> tuple[int, ...]:
    """When each reinstallation of a device ended, from runs that end sooner and sooner.

    What happens before an instant does not depend on how long the run is; so a reinstallation ended in the
    last second of the shortest run that counts it. Only devices that are ever lost meet the help desk: the
    others are left out. `outcome` is that of the whole fleet.
    """
    total = int(outcome.devices.reinstalls[index])
    if total == 0:
        return ()
    if total == 1 and MEANS[outcome.devices.reconnected_by[index]] == "reinstall":
        return (int(outcome.devices.reconnected_at_s[index]),)
    chosen = np.flatnonzero(outcome.devices.times_lost > 0)
    place = int(np.searchsorted(chosen, index))
    fleet = Fleet.start(outcome.roster.only(chosen), Draws.of(experiment.scenario.seed, replication))
    plan = replace(experiment.plan, sample_s=experiment.plan.horizon_s)

    @cache
    def reinstalls(horizon_s: int) -> int:
        shorter = experiment.simulate(replace(plan, horizon_s=horizon_s), fleet)
        return int(shorter.devices.reinstalls[place])

    ends_s: list[int] = []
    for number in range(total):
        after_s = ends_s[-1] if ends_s else int(outcome.devices.lost_at_s[index])
        enough_s = bisect_right(range(plan.horizon_s), number, lo=after_s + 1, key=reinstalls)
        ends_s.append(enough_s - 1)
        if progress is not None:
            progress((number + 1) / total)
    return tuple(ends_s)


def find(prepared: Prepared, device: str) -> int:
    """The index of a device in device order.

    Raises:
        UnknownDeviceError: there is none of that name.
    """
    roster, name = prepared.roster(), prepared.scenario.name
    index = roster.index(device)
    if index is not None:
        return index
    known = f"names are those in results, such as {visible(roster.name(0))}" if len(roster) else "it has none"
    sizes = dict(zip(roster.groups, roster.numbered, strict=True))
    group = device.rpartition("/")[0] or device
    if sizes.get(group):
        first, shown = roster.position_of(roster.groups.index(group)), visible(group)
        known = f"the devices of {shown} are {shown}/{first} to {shown}/{first + sizes[group] - 1}"
    raise UnknownDeviceError(f"{name} has no device {quoted(device)}: {known}")
