"""The law of the number of lost devices, without simulation (model 13)."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError
from sim.probabilities.grid import Habit, Start
from sim.probabilities.law import Law
from sim.probabilities.punctual import by_phase
from sim.probabilities.renewal import Chance, chances
from sim.probabilities.stretches import Floats, Stretch, Stretches, joined
from sim.world.fleet import PHASE_IS_DRAWN, Profile, Roster, Spells
from sim.world.plan import Holiday, Plan, Push
from sim.world.timeline import Timeline

MOST_SWITCHES: Final = 4
"""Changes of the main certificate: 15 sets of them are solved."""
MOST_HOLIDAYS: Final = 4
"""Holidays of shares of the devices: each doubles what is solved."""
MOST_PHASES: Final = 8
"""Written phases of one kind of life that are each solved; of more, one is interpolated among all."""
MOST_DOUBT: Final = 0.02
"""Error of a probability that at most half of the devices may have."""
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
    """Devices lost in the run.

    Attributes:
        kinds: with the number of devices of each, its probability of being lost, and the error of that.
        by_switch: of each change of the main certificate, by its second, how many are lost in it, on average.
    """

    kinds: tuple[tuple[Kind, int, float, float], ...]
    by_switch: dict[int, float]

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
        alike: dict[Kind, list[Kind]] = {}
        for kind in self.kinds:
            if kind.state in ("unknown", "seen", "silent") and isinstance(kind.profile.presence, Spells):
                alike.setdefault(replace(kind, phase_s=PHASE_IS_DRAWN), []).append(kind)
        self._lives: dict[Kind, Kind] = {}
        """Of each kind with spells, what is solved: of too many phases, one that is drawn."""
        for drawn, kinds in alike.items():
            self._lives |= {kind: kind if len(kinds) <= MOST_PHASES else drawn for kind in kinds}

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
        rows, by_switch = [], defaultdict[int, float](float)
        for kind, n in self.kinds.items():
            chance = error = 0.0
            for at_s, weight, wait, masks in self._parts(kind, timeline):
                value, doubt = 1.0, 0.0
                if wait is not None and kind in self._lives:
                    life = self._lives[kind]
                    solved = self._solved[_question(life, wait, masks)]
                    value, doubt = solved.mean, solved.error
                    if life != kind:
                        value, doubt = _of_phase(solved, kind, wait, masks)
                elif wait is not None:
                    key = kind.profile, wait, masks
                    if key not in punctual:
                        punctual[key] = _punctual(*key)
                    of = punctual[key]
                    value = float(of.mean() if kind.phase_s == PHASE_IS_DRAWN else of[kind.phase_s])
                chance, error = chance + weight * value, error + abs(weight) * doubt
                by_switch[at_s] += n * weight * value
            rows.append((kind, n, min(max(chance, 0.0), 1.0), error))
        in_doubt = sum(n for _, n, _, error in rows if error > MOST_DOUBT)
        if in_doubt > len(self._row_of) / 2:
            raise NotExactError("no grid is fine enough for most of the devices: simulate")
        return Losses(tuple(rows), dict(sorted(by_switch.items())))

    def _parts(self, kind: Kind, timeline: Timeline) -> Iterator[tuple[int, float, _Wait | None, Stretches]]:
        """What a probability sums: when, the weight, what is waited for in vain, what covers the device.

        Lost at one of several changes: by inclusion and exclusion, and so at each, but at none before.
        """
        waits = _waits(kind, timeline)
        if sum(bool(wait.usable) for wait in waits) > MOST_SWITCHES:
            raise NotExactError(f"the main certificate changes more than {MOST_SWITCHES} times: simulate")
        for several in range(1, len(waits) + 1):
            for some in combinations(waits, several):
                at_s, sign = some[-1].switch_s, 1.0 if several % 2 else -1.0
                needed = [wait for wait in some if wait.usable]
                if not needed:
                    yield at_s, sign, None, ()
                    continue
                wait = _Wait(needed[-1].switch_s, tuple(each for wait in needed for each in wait.usable))
                for weight, masks in self._masks(kind, wait):
                    yield at_s, sign * weight, wait, masks

    def _masks(self, kind: Kind, wait: _Wait) -> Iterator[tuple[float, Stretches]]:
        """What covers a device of a kind up to a switch, and how likely that is (model 12)."""
        profile, certain, uncertain = kind.profile, list[Stretch](), list[Holiday]()
        if profile.hours is not None:
            edges = (0, *(edge_s for window in profile.hours for edge_s in window), self._plan.horizon_s)
            certain.extend(zip(edges[::2], edges[1::2], strict=True))
        since_s = wait.usable[0][0] - (MOST_PERIODS_BEFORE + 1) * profile.every_s
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
        asked: dict[tuple[Habit, Stretches, Stretches, int | None, bool], dict[Start, Stretches]] = {}
        for timeline in sorted(timelines, key=_waiting_s, reverse=True):
            for kind in dict.fromkeys(self._lives.values()):
                for _, _, wait, masks in self._parts(kind, timeline):
                    if wait is None or (question := _question(kind, wait, masks)) in self._solved:
                        continue
                    habit, start, usable, masked, phase_s = question
                    is_met = start.state == "equilibrium" and not masks
                    group = usable
                    if is_met:  # what lies before the reserve is nothing to it
                        alike = (b for h, b, *rest in asked if (h, *rest) == (habit, masked, phase_s, True))
                        group = next((b for b in alike if _ends_with(b, usable, habit.every_s)), usable)
                    asked.setdefault((habit, group, masked, phase_s, is_met), {})[start] = usable
        together: dict[tuple[Any, ...], list[Habit]] = {}
        for (habit, group, masked, phase_s, is_met), starts in asked.items():
            key = habit.every_s, habit.jitter_s, group, masked, phase_s, is_met, tuple(starts.items())
            together.setdefault(key, []).append(habit)
        for (every_s, _, (longest, *rest), masked, phase_s, is_met, starts), habits in together.items():
            stretches = [(longest[0] + is_met * every_s, longest[1]), *rest]
            each = [start for start, _ in starts]
            try:
                solved = chances(habits, each, stretches, masked, phase_s, fine=self._fine)
            except ValueError as error:
                raise NotExactError(f"{error}: simulate") from None
            for habit, found in zip(habits, solved, strict=True):
                for (start, usable), chance in zip(starts, found, strict=True):
                    self._solved[_Question(habit, start, usable, masked, phase_s)] = chance


class _Wait(NamedTuple):
    """A change of the main certificate, or several up to the last, and when what they need is brought.

    Nothing brings it to devices that are surely lost.
    """

    switch_s: int
    usable: Stretches


class _Question(NamedTuple):
    """What is solved; see `chances`. What is usable and masked is in seconds before the switch."""

    habit: Habit
    start: Start
    usable: Stretches
    masks: Stretches
    phase_s: int | None


def _waits(kind: Kind, timeline: Timeline) -> list[_Wait]:
    """What devices of a kind wait for, at each change of the main certificate up to a sure loss.

    Raises:
        NotExactError: devices cannot authenticate at the start, or a certificate comes back.
    """
    if timeline.server.certificates[0].refused_by or not timeline.states[0].is_valid:
        raise NotExactError("some devices refuse the main certificate from the start")
    waits: list[_Wait] = []
    for _, after in timeline.switches:
        if after.change == "restored":
            raise NotExactError("a certificate is restored, and some devices hold it still: simulate")
        if after.change == "valid" or kind.state == "unlisted":
            continue
        refused_by = timeline.server.certificates[after.main].refused_by
        usable: Stretches = ()
        if after.change == "activated" and after.is_valid and kind.profile.judged_as not in refused_by:
            if kind.holds and timeline.first_reserve == after.main:
                continue
            usable = () if kind.state == "gone" else tuple(timeline.handed_out(after.main))
        waits.append(_Wait(after.from_s, usable))
        if not usable:
            break
    return waits


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
    """What must be solved: how a kind lives, where it starts, what counts, and what covers it.

    Attempts in an outage count as little as those before the reserve: it is as if specified when that ends.
    """
    switch_s, profile = wait.switch_s, kind.profile
    assert isinstance(profile.presence, Spells)
    usable, masked = (tuple((switch_s - a, switch_s - b) for a, b in each) for each in (wait.usable, masks))
    if kind.state == "silent":
        start = Start(switch_s, "silent", kind.silent_for_s if kind.silent_for_s >= 0 else None)
    elif kind.state == "seen":
        start = Start(switch_s, "on")
    else:
        since_s = min(wait.usable[0][0], MOST_PERIODS_BEFORE * profile.every_s)
        start = Start(usable[0][0], since_s=since_s)
        if masks:  # they live through what is before, from when they may be on
            start_s = wait.usable[0][0] - since_s
            start = Start(switch_s - next((a for a, b in masks if a <= start_s < b), start_s))
    habit = Habit(profile.every_s, profile.jitter_s, profile.success, profile.catch_up, profile.presence)
    is_drawn = kind.phase_s == PHASE_IS_DRAWN
    phase_s = None if is_drawn else (switch_s - kind.phase_s) % profile.every_s
    return _Question(habit, start, usable, masked, phase_s)


def _ends_with(stretches: Stretches, usable: Stretches, every_s: int) -> bool:
    """Whether what is usable is the end of these stretches, and what begins it, from a period before on."""
    begin_s = usable[0][0]
    last = tuple((min(begin, begin_s), end) for begin, end in stretches if end < begin_s)
    return last == usable and not any(begin_s <= begin <= begin_s + every_s for begin, _ in stretches[1:])


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
    """The probability of a phase among many, and its error: it may jump from one phase to the next."""
    every_s = kind.profile.every_s
    place = (wait.switch_s - kind.phase_s) % every_s / every_s
    half = 0.5 / len(chance.by_phase)
    jumps = (0.0, (wait.switch_s - wait.usable[0][0]) % every_s / every_s)
    is_near = any(min((place - each) % 1, (each - place) % 1) <= 2 * half for each in jumps)
    jump = abs(chance.at(place + 2 * half) - chance.at(place - 2 * half)) if masks or is_near else 0.0
    return chance.at(place), chance.error + jump
