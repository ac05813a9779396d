"""The law of the number of lost devices, without simulation (model 13)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError
from sim.probabilities.grid import Habit, Start, Stretch, Stretches
from sim.probabilities.law import Law
from sim.probabilities.punctual import by_phase, joined
from sim.probabilities.renewal import Chance, chances
from sim.world.fleet import PHASE_IS_DRAWN, Profile, Roster, Spells
from sim.world.plan import Holiday, Plan, Push
from sim.world.timeline import Timeline

Floats = NDArray[np.float64]

MOST_SWITCHES: Final = 4
"""Changes of the main certificate: 15 sets of them are solved."""
MOST_HOLIDAYS: Final = 4
"""Holidays of shares of the devices: each doubles what is solved."""
MOST_DOUBT: Final = 0.02
"""Error of a probability that at most half of the devices may have: of a list, those whose schedule is due
next to a change of the certificate."""
MOST_PERIODS_BEFORE: Final = 3
"""Periods before the reserve that matter: an attempt of the last but one may have been missed."""


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


def losses(plan: Plan, timeline: Timeline, roster: Roster) -> Losses:
    """The probability of every device to be lost in the run.

    Args:
        plan: what the server and the operator do.
        timeline: the server's life under that plan.
        roster: the devices.

    Raises:
        NotExactError: something in the plan couples devices, or is not solved yet.
    """
    return Solver(plan, roster).losses(timeline)


class Solver:
    """Solves one fleet under plans that differ in when the reserve is specified and activated.

    Time counts from the switch backwards. So one pass answers for every delay of devices of which nothing is
    known at the start; those of a list with silent devices, or with hours or holidays, take a pass for each
    instant of the reserve.

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
        if plan.disturbances:
            raise NotExactError(
                "a disturbance takes many devices at once, at instants that are drawn: simulate"
            )
        if any(isinstance(action, Push) for action in plan.actions):
            raise NotExactError("a push is not solved yet: simulate")
        self._plan = plan
        self._rows, self._row_of, numbers = _kinds(roster)
        self.kinds: Counter[Kind] = Counter()
        for kind, n in zip(self._rows, numbers, strict=True):
            self.kinds[kind] += n
        self._fine = fine
        self._solved: dict[_Question, Chance] = {}
        self._lives: dict[Kind, None] = {}
        for kind in self.kinds:
            if kind.state in ("unknown", "seen", "silent") and isinstance(kind.profile.presence, Spells):
                self._lives[replace(kind, phase_s=PHASE_IS_DRAWN)] = None

    @property
    def is_one_pass(self) -> bool:
        """Whether one pass answers for every delay."""
        is_masked = bool(self._plan.holidays) or any(kind.profile.hours is not None for kind in self._lives)
        return not is_masked and all(kind.state == "unknown" for kind in self._lives)

    def losses(self, timeline: Timeline) -> Losses:
        """The probability of every kind of device to be lost in the run.

        Raises:
            NotExactError: as for `losses`.
        """
        self.look_ahead([timeline])
        punctual: dict[tuple[Profile, _Wait, Stretches], Floats] = {}
        rows = []
        for kind, n in self.kinds.items():
            chance = error = 0.0
            for weight, wait, masks in self._parts(kind, timeline):
                if wait is None:
                    chance = weight
                elif isinstance(kind.profile.presence, Spells):
                    value, doubt = _of_phase(self._solved[_question(kind, wait, masks)], kind, wait, masks)
                    if masks and doubt > MOST_ERROR:
                        raise NotExactError("hours or holidays are too fine for any grid: simulate")
                    chance, error = chance + weight * value, error + abs(weight) * doubt
                else:
                    key = kind.profile, wait, masks
                    if key not in punctual:
                        punctual[key] = _punctual(*key)
                    of = punctual[key]
                    is_drawn = kind.phase_s == PHASE_IS_DRAWN
                    chance += weight * float(of.mean() if is_drawn else of[kind.phase_s])
            rows.append((kind, n, min(max(chance, 0.0), 1.0), error))
        in_doubt = sum(n for _, n, _, error in rows if error > MOST_DOUBT)
        if in_doubt > len(self._row_of) / 2:
            raise NotExactError("attempts are due close to a change of the certificate: simulate")
        return Losses(tuple(rows))

    def _parts(self, kind: Kind, timeline: Timeline) -> Iterator[tuple[float, _Wait | None, Stretches]]:
        """What a probability is the sum of: a weight, what is waited for in vain, and what covers the device.

        Without anything that is waited for, the weight is the probability itself.
        """
        waits = _waits(kind, timeline)
        if waits is None or kind.state == "unlisted":
            yield float(waits is None and kind.state != "unlisted"), None, ()
            return
        if len(waits) > MOST_SWITCHES:
            raise NotExactError(f"the main certificate changes more than {MOST_SWITCHES} times: simulate")
        if isinstance(kind.profile.presence, Spells):
            _check_spells(kind, waits)
        for several in range(1, len(waits) + 1):  # lost at one of them: inclusion and exclusion
            for some in combinations(waits, several):
                usable = tuple(stretch for wait in some for stretch in wait.usable)
                wait = _Wait(some[-1].switch_s, some[0].specified_s, usable)
                for weight, masks in self._masks(kind, wait):
                    if isinstance(kind.profile.presence, Spells):
                        _check_openings(kind, wait, masks)
                    yield (weight if several % 2 else -weight), wait, masks

    def _masks(self, kind: Kind, wait: _Wait) -> Iterator[tuple[float, Stretches]]:
        """What covers a device of a kind up to a switch, and how likely that is (model 12)."""
        profile, certain, uncertain = kind.profile, list[Stretch](), list[Holiday]()
        if profile.hours is not None:
            edges = (0, *(edge_s for window in profile.hours for edge_s in window), self._plan.horizon_s)
            certain.extend(zip(edges[::2], edges[1::2], strict=True))
        since_s = wait.specified_s - (MOST_PERIODS_BEFORE + 1) * profile.every_s
        for holiday in self._plan.holidays:
            is_over = kind.state == "unknown" and holiday.to_s < since_s
            if is_over or (holiday.groups is not None and profile.group not in holiday.groups):
                continue
            if holiday.share >= 1.0:
                certain.append((max(holiday.from_s, 0), holiday.to_s))
            elif holiday.share > 0.0 and holiday.from_s < wait.switch_s:
                uncertain.append(holiday)
        if len(uncertain) > MOST_HOLIDAYS:
            raise NotExactError(f"more than {MOST_HOLIDAYS} holidays of shares of the devices: simulate")
        for taken in product((False, True), repeat=len(uncertain)):
            chosen = [
                (max(h.from_s, 0), h.to_s) for h, is_taken in zip(uncertain, taken, strict=True) if is_taken
            ]
            shares = (
                h.share if is_taken else 1.0 - h.share for h, is_taken in zip(uncertain, taken, strict=True)
            )
            yield math.prod(shares), joined((*certain, *chosen), wait.switch_s)

    def of_each(self, found: Losses) -> Floats:
        """The probability of each device to be lost; shape (devices,)."""
        chances = {kind: chance for kind, _, chance, _ in found.kinds}
        return np.array([chances[kind] for kind in self._rows])[self._row_of]

    def look_ahead(self, timelines: Sequence[Timeline]) -> None:
        """Solve what several plans ask for, in as few passes as possible.

        Raises:
            NotExactError: as for `losses`.
        """
        asked: dict[tuple[Habit, Stretches, Stretches, bool], dict[Start, Stretches]] = {}
        for timeline in sorted(timelines, key=_waiting_s, reverse=True):
            for kind in self._lives:
                for _, wait, masks in self._parts(kind, timeline):
                    if wait is None or (question := _question(kind, wait, masks)) in self._solved:
                        continue
                    habit, start, before, masked = question
                    group, is_met = before, start.state == "equilibrium" and not masks
                    if is_met:  # what lies before the reserve is nothing to it
                        met = (b for h, b, m, is_met in asked if (h, m) == (habit, masked) and is_met)
                        group = next((b for b in met if _clipped(b, start.remaining_s) == before), before)
                    asked.setdefault((habit, group, masked, is_met), {})[start] = before
        together: dict[tuple[Any, ...], list[Habit]] = {}
        for (habit, group, masked, is_met), starts in asked.items():
            key = habit.every_s, habit.jitter_s, group, masked, is_met, tuple(starts.items())
            together.setdefault(key, []).append(habit)
        for (every_s, _, (longest, *rest), masked, is_met, starts), habits in together.items():
            stretches = [(longest[0] + is_met * every_s, longest[1]), *rest]
            try:
                solved = chances(habits, [start for start, _ in starts], stretches, masked, fine=self._fine)
            except ValueError as error:
                raise NotExactError(f"{error}: simulate") from None
            for habit, found in zip(habits, solved, strict=True):
                for (start, before), chance in zip(starts, found, strict=True):
                    self._solved[habit, start, before, masked] = chance


class _Wait(NamedTuple):
    """A change of the main certificate, or several up to the last, and when what they need is brought."""

    switch_s: int
    specified_s: int
    usable: Stretches


_Question = tuple[Habit, Start, Stretches, Stretches]


def _waits(kind: Kind, timeline: Timeline) -> list[_Wait] | None:
    """What devices of a kind wait for, at each change of the main certificate; None: they are surely lost.

    Raises:
        NotExactError: devices cannot authenticate at the start, or a certificate comes back.
    """
    if timeline.server.certificates[0].refused_by or not timeline.states[0].is_valid:
        raise NotExactError("some devices refuse the main certificate from the start")
    waits = []
    for _, after in timeline.switches:
        if after.change == "restored":
            raise NotExactError("a certificate is restored, and some devices hold it still: simulate")
        if after.change == "valid":
            continue
        refused_by = timeline.server.certificates[after.main].refused_by
        if after.change != "activated" or not after.is_valid or kind.profile.judged_as in refused_by:
            return None
        if kind.holds and timeline.first_reserve == after.main:
            continue
        usable = tuple(timeline.handed_out(after.main))
        if kind.state == "gone" or not usable:
            return None
        specified_s = timeline.server.specified_at_s.get(after.main, after.from_s)
        waits.append(_Wait(after.from_s, specified_s, usable))
    return waits


MOST_JITTER: Final = 0.9
"""Share of a period up to which an attempt of devices with spells may be late."""
SHORTEST: Final = 1 / 16
"""Share of a period that spells last on average at least, where nothing is caught up."""
UNBOUNDED: Final = ("exponential", "lognormal", "weibull")
RAREST: Final = 1e-200
"""Probability of a silence below which what remains of it cannot be computed, though the law bears it."""
NEAR: Final = 0.125
"""Share of a period within which a change of the certificate and an opening are not told apart by a grid."""
MOST_ERROR: Final = 1e-3
"""Error of a probability of devices with masks beyond which it is none."""


def _check_spells(kind: Kind, waits: Sequence[_Wait]) -> None:
    """Refuse what a grid blurs of devices with spells.

    Raises:
        NotExactError: it takes a simulation; the message says why.
    """
    profile = kind.profile
    assert isinstance(profile.presence, Spells)
    if any(wait.usable[0][0] > wait.specified_s for wait in waits):
        raise NotExactError("an outage lasts while the reserve is specified: simulate")
    if profile.jitter_s > MOST_JITTER * profile.every_s:
        raise NotExactError("attempts are late by nearly a whole period: simulate")
    laws = profile.presence.on, profile.presence.off
    if not profile.catch_up and any(
        law.kind in ("constant", "empirical") or law.mean_s < SHORTEST * profile.every_s for law in laws
    ):
        raise NotExactError("spells of exact lengths, or far below the period, without catching up: simulate")
    if kind.state == "silent" and kind.silent_for_s >= 0:
        ages_s = np.array([float(kind.silent_for_s)])
        if profile.presence.off.kind in UNBOUNDED and profile.presence.off.survival(ages_s)[0] < RAREST:
            raise NotExactError("a device of a list is silent for far longer than its law explains: simulate")
    if kind.state == "silent" and profile.presence.off.kind in ("constant", "empirical"):
        raise NotExactError("devices of a list come back after exact times: simulate")


def _check_openings(kind: Kind, wait: _Wait, masks: Stretches) -> None:
    """Refuse hours that begin, or a holiday that ends, close to a change; late attempts of before the run.

    Raises:
        NotExactError: it takes a simulation.
    """
    if not masks and kind.profile.jitter_s and wait.specified_s < kind.profile.every_s:
        raise NotExactError("attempts are late, and the reserve comes within the first period: simulate")
    near_s = NEAR * kind.profile.every_s
    instants_s = wait.specified_s, wait.switch_s
    if any(abs(to_s - at_s) <= near_s for _, to_s in masks for at_s in instants_s):
        raise NotExactError("hours begin or a holiday ends close to a change of the certificate: simulate")


def _punctual(profile: Profile, wait: _Wait, masks: Stretches) -> Floats:
    try:
        return by_phase(profile, wait.switch_s, wait.usable, masks)
    except ValueError as error:
        raise NotExactError(f"{error}: simulate") from None


def _waiting_s(timeline: Timeline) -> int:
    """How long all certificates that are activated are handed out before, in all."""
    changes = (
        timeline.handed_out(after.main) for _, after in timeline.switches if after.change == "activated"
    )
    return sum(to_s - from_s for usable in changes for from_s, to_s in usable)


def _question(kind: Kind, wait: _Wait, masks: Stretches) -> _Question:
    """What must be solved: how a kind lives, where it starts, what counts, and what covers it."""
    switch_s = wait.switch_s
    before, masked = (tuple((switch_s - a, switch_s - b) for a, b in each) for each in (wait.usable, masks))
    if kind.state == "silent":
        start = Start(switch_s, "silent", kind.silent_for_s if kind.silent_for_s >= 0 else None)
    elif kind.state == "seen":
        start = Start(switch_s, "on")
    else:
        since_s = min(wait.specified_s, MOST_PERIODS_BEFORE * kind.profile.every_s)
        start = Start(switch_s - wait.specified_s, since_s=since_s)
        if masks:  # they live through what is before, from when they may be on
            start_s = wait.specified_s - since_s
            start = Start(switch_s - next((a for a, b in masks if a <= start_s < b), start_s))
    return _habit(kind.profile), start, before, masked


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


def _of_phase(chance: Chance, kind: Kind, wait: _Wait, masks: Stretches) -> tuple[float, float]:
    """The probability of a phase, and its error; where masks are, it may jump from one phase to the next."""
    if kind.phase_s == PHASE_IS_DRAWN:
        return chance.mean, chance.error
    every_s = kind.profile.every_s
    place = (wait.switch_s - kind.phase_s) % every_s / every_s
    half = 0.5 / len(chance.by_phase)
    edges_s = (wait.specified_s, *(edge_s for stretch in wait.usable for edge_s in stretch))
    jumps = [(wait.switch_s - edge_s) % every_s / every_s for edge_s in edges_s]
    is_near = any(min((place - each) % 1, (each - place) % 1) <= 2 * half for each in jumps)
    jump = abs(chance.at(place + 2 * half) - chance.at(place - 2 * half)) if masks or is_near else 0.0
    return chance.at(place), chance.error + jump
