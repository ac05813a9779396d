"""The law of the number of lost devices, without simulation (model 13)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError
from sim.probabilities.renewal import Chance, Habit, Start, chances
from sim.world.fleet import PHASE_IS_DRAWN, Away, Profile, Roster, Spells
from sim.world.plan import Plan, Push
from sim.world.timeline import Timeline

Floats = NDArray[np.float64]
Stretch = tuple[int, int]

QUANTILES: Final = (0.05, 0.5, 0.95)
MOST_DEVIATIONS: Final = 12.0
"""Standard deviations beyond which a number of lost devices is not followed: below 1e-30."""


class NotExactError(InputError):
    """The probability of this scenario takes a simulation; the message says why."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What devices with one probability have in common.

    Attributes:
        profile: group, platform, schedule and presence.
        phase_s: of the schedule; -1 where it is drawn.
        state: `unknown`, `seen` within its period, `silent`, or `gone`: never on.
        silent_for_s: seconds since its last synchronization, at the start; -1 where nothing tells.
        holds: whether it holds the new certificate from the start.
    """

    profile: Profile
    phase_s: int
    state: str
    silent_for_s: int
    holds: bool


@dataclass(frozen=True, eq=False)
class Losses:
    """Devices lost at the switch.

    Attributes:
        kinds: with the number of devices of each, its probability of being lost, and the error of that.
    """

    kinds: tuple[tuple[Kind, int, float, float], ...]

    @property
    def error(self) -> float:
        """The estimated numerical error of a probability: what two grids differ by, at most."""
        return max((error for _, _, _, error in self.kinds), default=0.0)

    def law(self, *, group: str | None = None, platform: str | None = None, replications: int = 1) -> Law:
        """The law of the number of lost devices of the fleet, a group or a platform, over replications."""
        chosen = Law()
        for kind, devices, probability, _ in self.kinds:
            if group in (None, kind.profile.group) and platform in (None, kind.profile.platform):
                chosen.add(devices * replications, probability)
        return chosen


@dataclass
class Law:
    """A Poisson-binomial law: independent devices, each lost with its own probability.

    Attributes:
        devices: how many have each probability.
    """

    devices: Counter[float] = field(default_factory=Counter)

    def add(self, devices: int, probability: float) -> None:
        """Add independent devices with a probability."""
        self.devices[probability] += devices

    @property
    def size(self) -> int:
        """How many devices there are."""
        return self.devices.total()

    @property
    def mean(self) -> float:
        """Expected number of lost devices."""
        return float(sum(n * p for p, n in self.devices.items()))

    @property
    def sd(self) -> float:
        """Standard deviation of the number of lost devices."""
        return float(np.sqrt(sum(n * p * (1 - p) for p, n in self.devices.items())))

    def distribution(self) -> tuple[int, Floats]:
        """The least number that is followed, and the probability of it and each one above.

        What is left out on both sides has a probability below 1e-20.
        """
        from scipy.signal import fftconvolve
        from scipy.stats import binom

        first, total = 0, np.ones(1)
        for probability, n in sorted(self.devices.items()):
            spread = MOST_DEVIATIONS * np.sqrt(n * probability * (1 - probability)) + 3 * MOST_DEVIATIONS
            low = max(0, int(n * probability - spread))
            high = min(n, int(n * probability + spread) + 1)
            own = binom.pmf(np.arange(low, high + 1), n, probability)
            total = fftconvolve(total, own) if min(len(own), len(total)) > 256 else np.convolve(total, own)
            first += low
            kept = np.flatnonzero(total > 1e-300)
            first, total = first + int(kept[0]), np.clip(total[kept[0] : kept[-1] + 1], 0.0, None)
        return first, total / total.sum()

    def quantile(self, share: float) -> int:
        """The least number that is not exceeded with probability `share`."""
        first, probabilities = self.distribution()
        place = int(np.searchsorted(np.cumsum(probabilities), share - 1e-12))
        return first + min(place, len(probabilities) - 1)

    def at_most(self, number: float) -> float:
        """The probability of losing at most so many."""
        first, probabilities = self.distribution()
        return float(min(1.0, probabilities[: max(0, int(number) - first + 1)].sum()))


def losses(plan: Plan, timeline: Timeline, roster: Roster) -> Losses:
    """The probability of every device to be lost in the run.

    Args:
        plan: what the server and the operator do: at most one change of the main certificate.
        timeline: the server's life under that plan.
        roster: the devices.

    Raises:
        NotExactError: something in the plan couples devices or needs more than one change of the certificate.
    """
    switches = list(timeline.switches)
    if len(switches) > 1:
        raise NotExactError(
            f"the main certificate changes {len(switches)} times in the run: only one change can be solved"
        )
    if plan.levers_that_couple:  # a help desk acts after the only loss
        raise NotExactError("a gate or a chase couples devices: simulate")
    if plan.holidays or plan.disturbances or any(profile.hours is not None for profile in roster.profiles):
        raise NotExactError("hours, holidays and disturbances are not solved yet: simulate")
    if any(isinstance(action, Push) for action in plan.actions):
        raise NotExactError("a push is not solved yet: simulate")
    if timeline.server.certificates[0].refused_by or not timeline.states[0].is_valid:
        raise NotExactError("some devices refuse the main certificate from the start")
    kinds = _kinds(roster, timeline)
    if not switches or switches[0][1].change == "valid":
        return Losses(tuple((kind, n, 0.0, 0.0) for kind, n in kinds.items()))
    _, after = switches[0]
    refused_by = timeline.server.certificates[after.main].refused_by
    usable = list(timeline.handed_out(after.main)) if after.change == "activated" else []
    specified_s = timeline.server.specified_at_s.get(after.main, after.from_s)
    found: dict[Kind, tuple[float, float]] = {}
    waiting: dict[Habit, list[Kind]] = {}
    punctual: dict[Profile, Floats] = {}
    for kind in kinds:
        if kind.state == "unlisted":
            found[kind] = (0.0, 0.0)
        elif after.change != "activated" or kind.profile.judged_as in refused_by:
            found[kind] = (1.0, 0.0)
        elif kind.holds:
            found[kind] = (0.0, 0.0)
        elif kind.state == "gone" or not usable:
            found[kind] = (1.0, 0.0)
        elif isinstance(kind.profile.presence, Spells):
            p = kind.profile
            habit = Habit(p.every_s, p.jitter_s, p.success, p.catch_up, kind.profile.presence)
            waiting.setdefault(habit, []).append(kind)
        else:
            if kind.profile not in punctual:
                punctual[kind.profile] = _by_phase(kind.profile, after.from_s, usable)
            by_phase = punctual[kind.profile]
            is_drawn = kind.phase_s == PHASE_IS_DRAWN
            found[kind] = (float(by_phase.mean() if is_drawn else by_phase[kind.phase_s]), 0.0)
    for habit, alike in waiting.items():
        starts = [_start(kind, specified_s, after.from_s) for kind in alike]
        distinct = list(dict.fromkeys(starts))
        before = [(after.from_s - from_s, after.from_s - to_s) for from_s, to_s in usable]
        try:
            solved = dict(zip(distinct, chances(habit, distinct, before), strict=True))
        except ValueError as error:
            raise NotExactError(f"{error}: simulate") from None
        for kind, start in zip(alike, starts, strict=True):
            found[kind] = (_of_phase(solved[start], kind, after.from_s), solved[start].error)
    return Losses(tuple((kind, n, *found[kind]) for kind, n in kinds.items()))


def _kinds(roster: Roster, timeline: Timeline) -> Counter[Kind]:
    """Every kind of device, and how many there are."""
    columns = (
        roster.profile,
        roster.phase_s,
        roster.silent,
        roster.seen,
        roster.silent_for_s,
        roster.holds_reserve,
        roster.never_connected,
    )
    rows, numbers = np.unique(np.column_stack(columns), axis=0, return_counts=True)
    kinds: Counter[Kind] = Counter()
    switch = next((after.main for _, after in timeline.switches), None)
    for row, n in zip(rows.tolist(), numbers.tolist(), strict=True):
        profile, phase_s, silent, seen, silent_for_s, holds, unlisted = row
        presence = roster.profiles[profile].presence
        state = "silent" if silent else "seen" if seen else "unknown"
        if unlisted:
            state = "unlisted"
        elif presence == "never" or (silent and presence == "always"):
            state = "gone"
        holds_it = bool(holds) and timeline.first_reserve == switch
        kinds[Kind(roster.profiles[profile], phase_s, state, silent_for_s, holds_it)] += n
    return kinds


def _start(kind: Kind, specified_s: int, switch_s: int) -> Start:
    """What is known of a device, and from when on it matters."""
    if kind.state == "silent":
        return Start(switch_s, "silent", kind.silent_for_s if kind.silent_for_s >= 0 else None)
    if kind.state == "seen":
        return Start(switch_s, "on")
    # Two periods before the reserve every device that is off has missed an attempt or will.
    return Start(min(switch_s, switch_s - specified_s + 2 * kind.profile.every_s))


def _of_phase(chance: Chance, kind: Kind, switch_s: int) -> float:
    if kind.phase_s == PHASE_IS_DRAWN:
        return chance.mean
    return chance.at((switch_s - kind.phase_s) % kind.profile.every_s / kind.profile.every_s)


def _by_phase(profile: Profile, switch_s: int, usable: Sequence[Stretch]) -> Floats:
    """The probability that no attempt of a device with written absences, or none, brings the certificate.

    Returns:
        shape (every_s,), by the second of the phase.
    """
    away = profile.presence.spells if isinstance(profile.presence, Away) else ()
    if away and profile.jitter_s and profile.catch_up:
        raise NotExactError("written absences with jitter and catch_up: set jitter to 0s, or simulate")
    every_s, jitter_s = profile.every_s, profile.jitter_s
    phases = np.arange(every_s, dtype=np.int64)
    good = list(_without(usable, away))
    fails = np.ones(len(phases))
    for begins_s in range(0, switch_s, every_s):
        due = phases + begins_s
        fails *= 1.0 - profile.success * _share_within(due, due + jitter_s + 1, good)
    if profile.catch_up:
        for from_s, to_s in away:
            brings = any(begin <= to_s < end for begin, end in usable)
            if brings and to_s < switch_s:
                missed = (
                    np.maximum(from_s, phases) - phases + every_s - 1
                ) // every_s * every_s + phases < to_s
                is_due = (to_s >= phases) & ((to_s - phases) % every_s == 0)
                fails = np.where(missed & ~is_due, fails * (1.0 - profile.success), fails)
    return fails


def _without(stretches: Sequence[Stretch], away: Sequence[Stretch]) -> Iterator[Stretch]:
    """The stretches without the absences; both sorted."""
    for begin, end in stretches:
        at = begin
        for from_s, to_s in away:
            if to_s > at and from_s < end:
                if from_s > at:
                    yield at, from_s
                at = max(at, to_s)
        if at < end:
            yield at, end


def _share_within(begins: NDArray[np.int64], ends: NDArray[np.int64], stretches: Sequence[Stretch]) -> Floats:
    """The share of the seconds [begin, end) that lies in the stretches."""
    covered = np.zeros(len(begins))
    for from_s, to_s in stretches:
        covered += np.clip(np.minimum(ends, to_s) - np.maximum(begins, from_s), 0, None)
    return covered / (ends - begins)
