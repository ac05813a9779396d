"""The fleet at the start: who there is, and where each device stands in its schedule and its spells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from sim.world.distributions import LONGEST_S, Distribution
from sim.world.draws import Draws, Purpose

Platform = Literal["android", "ios", "aurora"]

JUDGED_AS: Final[dict[Platform, Platform]] = {"android": "android", "ios": "ios", "aurora": "android"}
"""The platform whose rules decide whether a certificate is accepted (model 5.6)."""


Windows = tuple[tuple[int, int], ...]
"""Intervals [from, to) in seconds from the start, in order; none overlaps the next."""


def are_in_order(windows: Windows) -> bool:
    """Whether none is empty and each begins at or after the end of the one before."""
    instants = [instant for window in windows for instant in window]
    return all(a <= b for a, b in pairwise(instants)) and all(a < b for a, b in windows)


@dataclass(frozen=True, slots=True)
class Spells:
    """On and off in turn, from two distributions of seconds (model 5.3)."""

    on: Distribution
    off: Distribution

    @property
    def on_share(self) -> float:
        """The equilibrium probability of being on: E[on] / (E[on] + E[off])."""
        return self.on.mean_s / (self.on.mean_s + self.off.mean_s)


@dataclass(frozen=True, slots=True)
class Away:
    """On, except in written spells (model 5.3)."""

    # each [from, to) in seconds from the start, sorted; none touches the next
    spells: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        """Between two spells lies at least a second."""
        turns = [instant for spell in self.spells for instant in spell]
        assert all(instant >= 0 for instant in turns)
        assert all(earlier < later for earlier, later in pairwise(turns))

    @property
    def starts_on(self) -> bool:
        """Whether no spell begins with the run."""
        return not self.spells or self.spells[0][0] > 0

    @property
    def first_spell_s(self) -> int:
        """When it first comes or goes."""
        if not self.spells:
            return LONGEST_S
        return self.spells[0][0] or self.spells[0][1]

    @property
    def on_s(self) -> tuple[int, ...]:
        """Lengths of the spells on after each absence; the last outlasts any run."""
        gaps = (later[0] - earlier[1] for earlier, later in pairwise(self.spells))
        return (*gaps, LONGEST_S)

    @property
    def off_s(self) -> tuple[int, ...]:
        """Lengths of the spells off, but for one with which the run begins."""
        lengths = tuple(to_s - from_s for from_s, to_s in self.spells)
        return lengths if self.starts_on else lengths[1:]


Presence = Literal["always", "never"] | Spells | Away


@dataclass(frozen=True, slots=True)
class Profile:
    """What devices of one kind share; all durations in whole seconds."""

    group: str  # the name they are counted under
    platform: Platform  # `android`, `ios` or `aurora`
    every_s: int  # period of the schedule
    jitter_s: int  # largest delay of an attempt, below `every_s`
    success: float  # probability that an attempt that reaches the server succeeds
    catch_up: bool  # whether a device that missed an attempt while off makes one when it comes on
    presence: Presence  # `always`, `never`, drawn spells, or written ones
    hours: Windows | None = None  # outside of them it is off (model 12.1); None: none are set

    def __post_init__(self) -> None:
        """The schedule is strictly increasing, and the hours are in order."""
        assert self.hours is None or are_in_order(self.hours)
        assert 0 <= self.jitter_s < self.every_s
        assert 0.0 <= self.success <= 1.0

    @property
    def judged_as(self) -> Platform:
        """The platform whose rules decide what it accepts (model 5.6)."""
        return JUDGED_AS[self.platform]

    @property
    def ever_on(self) -> bool:
        """Whether its owner ever holds it in the hand."""
        return self.presence != "never"


PHASE_IS_DRAWN: Final = -1

_AT_A_TIME: Final = 65_536
"""Devices whose start is drawn together: what the drawing needs on the way stays small."""


PER_DEVICE: Final = (
    *("profile", "group", "identity", "phase_s", "silent", "seen", "holds_reserve"),
    *("silent_for_s", "never_connected"),
)
"""Columns of a `Roster` with one row a device."""


@dataclass(frozen=True, eq=False)
class Roster:
    """The devices, in device order (model 2): by group name, then position, then inventory id.

    Every array has one row a device.
    """

    profiles: tuple[Profile, ...]  # the kinds of devices
    groups: tuple[str, ...]  # names that devices are counted under, sorted
    profile: NDArray[np.int32]  # index into `profiles`
    group: NDArray[np.int32]  # index into `groups`
    identity: NDArray[np.uint64]  # model 7.2
    phase_s: NDArray[np.int64]  # phase of the schedule; -1 where it is drawn
    silent: NDArray[np.bool_]  # off at the start, and an attempt already missed (language 1.2)
    seen: NDArray[np.bool_]  # known to have synchronized within its last period, so on at the start
    holds_reserve: NDArray[np.bool_]  # the reserve slot is filled at the start (model 5.1)
    numbered: tuple[int, ...]  # per group, how many numbered devices the whole fleet has
    ids: tuple[tuple[str, ...], ...]  # per group, the inventory ids that follow these in the whole fleet
    first: int = 0  # the device of the whole fleet with which this part of it begins
    positions: tuple[int, ...] = ()  # per group, the number of its first numbered device; empty: 0 for all
    # seconds since its last synchronization, at the start, as a list tells (model 5.3, 11.1); -1 where
    # nothing does, and for all where it is left out
    silent_for_s: NDArray[np.int64] = None  # type: ignore[assignment]
    # listed, but never on: neither lost nor saved (model 11.2); where it is left out: none
    never_connected: NDArray[np.bool_] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        """Fill in what is left out."""
        n = len(self.profile)
        if self.silent_for_s is None:
            object.__setattr__(self, "silent_for_s", np.full(n, -1, dtype=np.int64))
        if self.never_connected is None:
            object.__setattr__(self, "never_connected", np.zeros(n, dtype=np.bool_))

    def __len__(self) -> int:
        """How many devices there are."""
        return len(self.profile)

    def only(self, chosen: NDArray[np.int64]) -> Roster:
        """Some of the devices, ascending; their draws stay theirs (model 7.2), and names are counted anew."""
        group = self.group[chosen]
        return replace(
            self,
            **{name: getattr(self, name)[chosen] for name in PER_DEVICE},
            numbered=tuple(np.bincount(group, minlength=len(self.groups)).tolist()),
            ids=((),) * len(self.groups),
            first=0,
            positions=(),
        )

    def position_of(self, group: int) -> int:
        """The number of a group's first numbered device."""
        return self.positions[group] if self.positions else 0

    @cached_property
    def first_of_group(self) -> list[int]:
        """Each group's first device in the whole fleet; after the last, the number of devices in it."""
        sizes = (n + len(ids) for n, ids in zip(self.numbered, self.ids, strict=True))
        return [0, *accumulate(sizes)]

    @cached_property
    def platform(self) -> NDArray[np.str_]:
        """The platform of each profile, shape (profiles,)."""
        return np.array([profile.platform for profile in self.profiles], dtype=np.str_)

    def name(self, device: int) -> str:
        """`group/position`, or the inventory's id, of a device of this part."""
        return next(self._names(self.first + device, self.first + device + 1))

    def names(self) -> Sequence[str]:
        """The name of every device, in device order."""
        return list(self._names(self.first, self.first + len(self)))

    def _names(self, begin: int, end: int) -> Iterator[str]:
        """Names of devices `begin` to `end` of the whole fleet."""
        bounds = pairwise(self.first_of_group)
        for number, (first, last) in enumerate(bounds):
            name, numbered, from_ = self.groups[number], self.numbered[number], self.position_of(number)
            for place in range(max(begin, first) - first, min(end, last) - first):
                yield f"{name}/{from_ + place}" if place < numbered else self.ids[number][place - numbered]

    def index(self, name: str) -> int | None:
        """The device of this part with a name; None where it has none."""
        group, _, position = name.rpartition("/")
        found = None
        if position.isascii() and position.isdigit() and group in self.groups:
            number = self.groups.index(group)
            place = int(position[:20]) - self.position_of(number)
            if str(int(position[:20])) == position and 0 <= place < self.numbered[number]:
                found = self.first_of_group[number] + place
        for number, ids in enumerate(self.ids):
            if name in ids:
                found = self.first_of_group[number] + self.numbered[number] + ids.index(name)
        if found is None or not self.first <= found < self.first + len(self):
            return None
        return found - self.first


@dataclass(frozen=True, eq=False)
class Fleet:
    """A roster with the start of one replication drawn."""

    roster: Roster  # who there is
    draws: Draws  # the replication's random numbers
    phase_s: NDArray[np.int64]  # shape (n,), int64, 0 <= phase < every
    starts_on: NDArray[np.bool_]  # shape (n,), bool
    # shape (n,), int64: end of the spell in which the run starts; 0 without spells
    first_spell_s: NDArray[np.int64]

    def __len__(self) -> int:
        """How many devices there are."""
        return len(self.roster)

    @classmethod
    def start(cls, roster: Roster, draws: Draws) -> Fleet:
        """Draw where each device stands at instant 0: phase, and spells in equilibrium (model 5.2, 5.3)."""
        n = len(roster)
        phase_s = roster.phase_s.copy()
        starts_on = np.zeros(n, dtype=np.bool_)
        first_spell_s = np.zeros(n, dtype=np.int64)
        for first in range(0, n, _AT_A_TIME):
            here = slice(first, min(first + _AT_A_TIME, n))
            for number in np.flatnonzero(np.bincount(roster.profile[here])).tolist():
                members = first + np.flatnonzero(roster.profile[here] == number)
                profile = roster.profiles[number]
                identity = roster.identity[members]
                u, _ = draws.pairs(identity, Purpose.PHASE)
                drawn = np.minimum((u * profile.every_s).astype(np.int64), profile.every_s - 1)
                phase_s[members] = np.where(phase_s[members] == PHASE_IS_DRAWN, drawn, phase_s[members])
                silent, seen = roster.silent[members], roster.seen[members]
                if isinstance(profile.presence, Away):
                    starts_on[members] = profile.presence.starts_on
                    first_spell_s[members] = profile.presence.first_spell_s
                    continue
                if not isinstance(profile.presence, Spells):
                    starts_on[members] = (profile.presence == "always") & ~silent
                    continue
                which, where = draws.pairs(identity, Purpose.START)
                u, v = draws.pairs(identity, Purpose.START_PLACE)
                on = ((which < profile.presence.on_share) | seen) & ~silent
                aged = np.flatnonzero(silent & (roster.silent_for_s[members] >= 0))
                starts_on[members] = on
                remains_on_s = profile.presence.on.residuals(u, v, where)
                remains_off_s = profile.presence.off.residuals(u, v, where)
                remains_off_s[aged] = profile.presence.off.remaining(
                    roster.silent_for_s[members[aged]], u[aged]
                )
                first_spell_s[members] = np.where(on, remains_on_s, remains_off_s)
        starts_on &= ~roster.never_connected
        return cls(roster, draws, phase_s, starts_on, first_spell_s)
