"""The law of the number of lost devices, without simulation (model 13)."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError
from sim.probabilities.grid import Habit, Start, Stretch
from sim.probabilities.renewal import Chance, chances
from sim.world.fleet import PHASE_IS_DRAWN, Away, Profile, Roster, Spells
from sim.world.plan import Plan, Push
from sim.world.timeline import State, Timeline

Floats = NDArray[np.float64]

QUANTILES: Final = (0.05, 0.5, 0.95)
MOST_DEVIATIONS: Final = 12.0
"""Standard deviations beyond which a number of lost devices is not followed: below 1e-30."""

MOST_PERIODS_BEFORE: Final = 3
"""Periods before the reserve that matter: an attempt of the last but one may have been missed."""
NEGLIGIBLE: Final = 1e-30
"""A probability below which attempts are not followed any more."""


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
        holds: whether it holds the run's first reserve from the start.
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
        self.__dict__.pop("distribution", None)

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

    @cached_property
    def distribution(self) -> tuple[int, Floats]:
        """The least number that is followed, and the probability of it and each one above.

        What is left out on both sides has a probability below 1e-20.
        """
        parts = deque(_followed(n, p) for p, n in sorted(self.devices.items()))
        while len(parts) > 1:  # two neighbours at a time, so that both are about as long
            (first, some), (more, others) = parts.popleft(), parts.popleft()
            parts.append(_kept(first + more, _sum_of(some, others)))
        first, total = parts[0] if parts else (0, np.ones(1))
        return first, total / total.sum()

    def quantile(self, share: float) -> int:
        """The least number that is not exceeded with probability `share`."""
        first, probabilities = self.distribution
        place = int(np.searchsorted(np.cumsum(probabilities), share - 1e-12))
        return first + min(place, len(probabilities) - 1)

    def surely(self, share: float) -> int:
        """The same: nothing is drawn that it could err by."""
        return self.quantile(share)

    @property
    def doubt(self) -> float:
        """What the mean errs by at most; less than a hundredth of a device is nothing."""
        return 1e-6 * self.mean + 0.01

    def at_most(self, number: float) -> float:
        """The probability of losing at most so many."""
        first, probabilities = self.distribution
        return float(min(1.0, probabilities[: max(0, int(number) - first + 1)].sum()))


def _followed(n: int, probability: float) -> tuple[int, Floats]:
    """The binomial law of some devices, where it is followed: from the likeliest number outwards."""
    if probability in (0.0, 1.0):
        return int(n * probability), np.ones(1)
    spread = MOST_DEVIATIONS * np.sqrt(n * probability * (1 - probability)) + 3 * MOST_DEVIATIONS
    middle, odds = min(n, int((n + 1) * probability)), probability / (1 - probability)
    low, high = max(0, int(middle - spread)), min(n, int(middle + spread) + 1)
    up, down = np.arange(middle, high), np.arange(middle, low, -1)
    above, below = np.cumprod(odds * (n - up) / (up + 1)), np.cumprod(down / (n - down + 1) / odds)
    law = np.concatenate([below[::-1], [1.0], above])
    return _kept(low, law / law.sum())


def _sum_of(some: Floats, others: Floats) -> Floats:
    if min(len(some), len(others)) <= 256:
        return np.convolve(some, others)
    size = len(some) + len(others) - 1
    together: Floats = np.fft.irfft(np.fft.rfft(some, size) * np.fft.rfft(others, size), size)
    return together


def _kept(first: int, probabilities: Floats) -> tuple[int, Floats]:
    """Without what is nothing at both ends."""
    kept = np.flatnonzero(probabilities > 1e-300)
    return first + int(kept[0]), np.clip(probabilities[kept[0] : kept[-1] + 1], 0.0, None)


def losses(plan: Plan, timeline: Timeline, roster: Roster) -> Losses:
    """The probability of every device to be lost in the run.

    Args:
        plan: what the server and the operator do: at most one change of the main certificate.
        timeline: the server's life under that plan.
        roster: the devices.

    Raises:
        NotExactError: something in the plan couples devices or needs more than one change of the certificate.
    """
    return Solver(plan, roster).losses(timeline)


class Solver:
    """Solves one fleet under plans that differ in when the reserve is specified and activated.

    Time counts from the switch backwards. So one pass answers for every delay of devices of which nothing is
    known at the start; those of a list with silent devices take a pass for each instant of the reserve.

    Args:
        plan: any of the plans.
        roster: the devices.
        fine: see `chances`.

    Raises:
        NotExactError: something couples devices, or is not solved yet.
    """

    def __init__(self, plan: Plan, roster: Roster, *, fine: bool = True) -> None:
        if plan.levers_that_couple:  # a help desk acts after the only loss
            raise NotExactError("a gate or a chase couples devices: simulate")
        if (
            plan.holidays
            or plan.disturbances
            or any(profile.hours is not None for profile in roster.profiles)
        ):
            raise NotExactError("hours, holidays and disturbances are not solved yet: simulate")
        if any(isinstance(action, Push) for action in plan.actions):
            raise NotExactError("a push is not solved yet: simulate")
        self._rows, self._row_of, numbers = _kinds(roster)
        self.kinds: Counter[Kind] = Counter()
        for kind, n in zip(self._rows, numbers, strict=True):
            self.kinds[kind] += n
        self._fine = fine
        self._solved: dict[tuple[Habit, Start, tuple[Stretch, ...]], Chance] = {}
        self._lives: dict[Habit, dict[Kind, None]] = {}
        for kind in self.kinds:
            if kind.state in ("unknown", "seen", "silent") and isinstance(kind.profile.presence, Spells):
                known = replace(kind, phase_s=PHASE_IS_DRAWN, holds=False)
                self._lives.setdefault(_habit(kind.profile), {})[known] = None

    @property
    def is_one_pass(self) -> bool:
        """Whether one pass answers for every delay."""
        return all(kind.state == "unknown" for alike in self._lives.values() for kind in alike)

    def losses(self, timeline: Timeline) -> Losses:
        """The probability of every kind of device to be lost in the run.

        Raises:
            NotExactError: as for `losses`.
        """
        self.look_ahead([timeline])
        after, usable = _switch(timeline)
        if after is None:
            return Losses(tuple((kind, n, 0.0, 0.0) for kind, n in self.kinds.items()))
        refused_by = timeline.server.certificates[after.main].refused_by
        has_it = timeline.first_reserve == after.main
        punctual: dict[Profile, Floats] = {}
        rows = []
        for kind, n in self.kinds.items():
            error = 0.0
            profile = kind.profile
            if kind.state == "unlisted":
                chance = 0.0
            elif after.change != "activated" or not after.is_valid or profile.judged_as in refused_by:
                chance = 1.0
            elif kind.holds and has_it:
                chance = 0.0
            elif kind.state == "gone" or not usable:
                chance = 1.0
            elif isinstance(profile.presence, Spells):
                solved = self._solved[_question(kind, timeline, after, usable)]
                chance, error = _of_phase(solved, kind, after.from_s), solved.error
            else:
                if profile not in punctual:
                    punctual[profile] = _by_phase(profile, after.from_s, usable)
                by_phase = punctual[profile]
                chance = float(by_phase.mean() if kind.phase_s == PHASE_IS_DRAWN else by_phase[kind.phase_s])
            rows.append((kind, n, chance, error))
        return Losses(tuple(rows))

    def of_each(self, found: Losses) -> Floats:
        """The probability of each device to be lost; shape (devices,)."""
        chances = {kind: chance for kind, _, chance, _ in found.kinds}
        return np.array([chances[kind] for kind in self._rows])[self._row_of]

    def look_ahead(self, timelines: Sequence[Timeline]) -> None:
        """Solve what several plans ask for, in as few passes as possible.

        Raises:
            NotExactError: as for `losses`.
        """
        asked: dict[tuple[Habit, tuple[Stretch, ...], bool], dict[Start, tuple[Stretch, ...]]] = {}
        for timeline in sorted(timelines, key=_wait_s, reverse=True):
            after, usable = _switch(timeline)
            if after is None or after.change != "activated" or not usable:
                continue
            for alike in self._lives.values():
                for kind in alike:
                    question = habit, start, before = _question(kind, timeline, after, usable)
                    if question in self._solved:
                        continue
                    group, is_met = before, start.state == "equilibrium"
                    if is_met:  # what lies before the reserve is nothing to it
                        met = (b for h, b, is_met in asked if h == habit and is_met)
                        group = next((b for b in met if _clipped(b, start.remaining_s) == before), before)
                    asked.setdefault((habit, group, is_met), {})[start] = before
        together: dict[tuple[Any, ...], list[Habit]] = {}
        for (habit, group, is_met), starts in asked.items():
            key = habit.every_s, habit.jitter_s, group, is_met, tuple(starts.items())
            together.setdefault(key, []).append(habit)
        for (every_s, _, (longest, *rest), is_met, starts), habits in together.items():
            stretches = [(longest[0] + is_met * every_s, longest[1]), *rest]
            try:
                solved = chances(habits, [start for start, _ in starts], stretches, fine=self._fine)
            except ValueError as error:
                raise NotExactError(f"{error}: simulate") from None
            for habit, found in zip(habits, solved, strict=True):
                for (start, before), chance in zip(starts, found, strict=True):
                    self._solved[habit, start, before] = chance


def _switch(timeline: Timeline) -> tuple[State | None, tuple[Stretch, ...]]:
    """The change of the main certificate, and when a synchronization brings the new one; None without one.

    Raises:
        NotExactError: there are several, or devices cannot authenticate before.
    """
    switches = list(timeline.switches)
    if len(switches) > 1:
        raise NotExactError(
            f"the main certificate changes {len(switches)} times in the run: only one change can be solved"
        )
    if timeline.server.certificates[0].refused_by or not timeline.states[0].is_valid:
        raise NotExactError("some devices refuse the main certificate from the start")
    if not switches or switches[0][1].change == "valid":
        return None, ()
    _, after = switches[0]
    return after, tuple(timeline.handed_out(after.main)) if after.change == "activated" else ()


def _wait_s(timeline: Timeline) -> int:
    """How long the certificate that is activated was handed out before, in all."""
    _, usable = _switch(timeline)
    return usable[-1][1] - usable[0][0] if usable else 0


def _question(
    kind: Kind, timeline: Timeline, after: State, usable: tuple[Stretch, ...]
) -> tuple[Habit, Start, tuple[Stretch, ...]]:
    """What must be solved of a kind: how it lives, where it starts, and what counts before the switch."""
    switch_s = after.from_s
    before = tuple((switch_s - from_s, switch_s - to_s) for from_s, to_s in usable)
    if kind.state == "silent":
        start = Start(switch_s, "silent", kind.silent_for_s if kind.silent_for_s >= 0 else None)
    elif kind.state == "seen":
        start = Start(switch_s, "on")
    else:
        specified_s = timeline.server.specified_at_s.get(after.main, switch_s)
        since_s = min(specified_s, MOST_PERIODS_BEFORE * kind.profile.every_s)
        start = Start(switch_s - specified_s, since_s=since_s)
    return _habit(kind.profile), start, before


def _habit(profile: Profile) -> Habit:
    assert isinstance(profile.presence, Spells)
    return Habit(profile.every_s, profile.jitter_s, profile.success, profile.catch_up, profile.presence)


def _clipped(before: tuple[Stretch, ...], from_s: int) -> tuple[Stretch, ...]:
    """What lies within so many seconds before the switch."""
    return tuple((min(begin_s, from_s), end_s) for begin_s, end_s in before if end_s < from_s)


def _kinds(roster: Roster) -> tuple[list[Kind], NDArray[np.int64], list[int]]:
    """The kinds of devices, of which some may be equal; the place of each device's; how many are of each."""
    columns = (
        roster.profile,
        roster.phase_s,
        roster.silent,
        roster.seen,
        roster.silent_for_s,
        roster.holds_reserve,
        roster.never_connected,
    )
    keys = np.zeros(len(roster.profile), dtype=np.int64)
    for column in columns:  # one key for each row: far cheaper than to compare rows
        values, place = np.unique(column, return_inverse=True)
        _, keys = np.unique(keys * len(values) + place, return_inverse=True)
    _, first, kind_of, numbers = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    kinds = []
    rows = zip(*(column[first].tolist() for column in columns), strict=True)
    for profile, phase_s, silent, seen, silent_for_s, holds, unlisted in rows:
        presence = roster.profiles[profile].presence
        state = "silent" if silent else "seen" if seen else "unknown"
        if unlisted:
            state = "unlisted"
        elif presence == "never" or (silent and presence == "always"):
            state = "gone"
        kinds.append(Kind(roster.profiles[profile], phase_s, state, silent_for_s, bool(holds)))
    return kinds, kind_of, numbers.tolist()


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
    from_s = max(0, usable[0][0] - jitter_s - every_s) // every_s * every_s
    for begins_s in range(from_s, switch_s, every_s):
        due = phases + begins_s
        fails *= 1.0 - profile.success * _share_within(due, due + jitter_s + 1, good)
        if fails.max() < NEGLIGIBLE:
            break
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
