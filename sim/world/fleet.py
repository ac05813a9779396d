"""The fleet at the start: who there is, and where each device stands in its schedule and its spells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from sim.world.distributions import Distribution
from sim.world.draws import Draws, Purpose

Platform = Literal["android", "ios"]


@dataclass(frozen=True, slots=True)
class Spells:
    """On and off in turn, from two distributions of seconds (model 5.3)."""

    on: Distribution
    off: Distribution

    @property
    def on_share(self) -> float:
        """The equilibrium probability of being on: E[on] / (E[on] + E[off])."""
        return self.on.mean_s / (self.on.mean_s + self.off.mean_s)


Presence = Literal["always", "never"] | Spells


@dataclass(frozen=True, slots=True)
class Profile:
    """What devices of one kind share; all durations in whole seconds.

    Attributes:
        group: the name they are counted under.
        platform: `android` or `ios`.
        every_s: period of the schedule.
        jitter_s: largest delay of an attempt, below `every_s`.
        success: probability that an attempt that reaches the server succeeds.
        catch_up: whether a device that missed an attempt while off makes one when it comes on.
        presence: `always`, `never`, or spells.
    """

    group: str
    platform: Platform
    every_s: int
    jitter_s: int
    success: float
    catch_up: bool
    presence: Presence

    def __post_init__(self) -> None:
        """The schedule is strictly increasing."""
        assert 0 <= self.jitter_s < self.every_s
        assert 0.0 <= self.success <= 1.0

    @property
    def ever_on(self) -> bool:
        """Whether its owner ever holds it in the hand."""
        return self.presence != "never"


PHASE_IS_DRAWN: Final = -1

_AT_A_TIME: Final = 65_536
"""Devices whose start is drawn together: what the drawing needs on the way stays small."""


@dataclass(frozen=True, eq=False)
class Roster:
    """The devices, in device order (model 2): by group name, then position, then inventory id.

    Attributes:
        profiles: the kinds of devices.
        groups: names that devices are counted under, sorted.
        profile: shape (n,), int32, index into `profiles`.
        group: shape (n,), int32, index into `groups`.
        identity: shape (n,), uint64 (model 7.2).
        phase_s: shape (n,), int64, phase of the schedule; -1 where it is drawn.
        silent: shape (n,), bool: off at the start, and an attempt already missed (language 1.2).
        seen: shape (n,), bool: known to have synchronized within its last period, so on at the start.
        holds_reserve: shape (n,), bool: the reserve slot is filled at the start (model 5.1).
        ids: per group, the inventory ids that follow its numbered devices.
    """

    profiles: tuple[Profile, ...]
    groups: tuple[str, ...]
    profile: NDArray[np.int32]
    group: NDArray[np.int32]
    identity: NDArray[np.uint64]
    phase_s: NDArray[np.int64]
    silent: NDArray[np.bool_]
    seen: NDArray[np.bool_]
    holds_reserve: NDArray[np.bool_]
    ids: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        """How many devices there are."""
        return len(self.profile)

    @cached_property
    def first_of_group(self) -> NDArray[np.int64]:
        """Index of each group's first device, shape (groups,)."""
        return np.searchsorted(self.group, np.arange(len(self.groups)))

    @cached_property
    def devices_of_group(self) -> NDArray[np.int64]:
        """How many devices each group has, shape (groups,)."""
        return np.bincount(self.group, minlength=len(self.groups)).astype(np.int64)

    @cached_property
    def platform(self) -> NDArray[np.str_]:
        """The platform of each profile, shape (profiles,)."""
        return np.array([profile.platform for profile in self.profiles], dtype=np.str_)

    def name(self, device: int) -> str:
        """`group/position`, or the inventory's id."""
        group = int(self.group[device])
        position = device - int(self.first_of_group[group])
        numbered = int(self.devices_of_group[group]) - len(self.ids[group])
        if position < numbered:
            return f"{self.groups[group]}/{position}"
        return self.ids[group][position - numbered]

    def names(self) -> Sequence[str]:
        """The name of every device, in device order."""
        return [
            name
            for group, numbered in enumerate(self.devices_of_group - [len(ids) for ids in self.ids])
            for name in (*(f"{self.groups[group]}/{i}" for i in range(numbered)), *self.ids[group])
        ]


@dataclass(frozen=True, eq=False)
class Fleet:
    """A roster with the start of one replication drawn.

    Attributes:
        roster: who there is.
        draws: the replication's random numbers.
        phase_s: shape (n,), int64, 0 <= phase < every.
        starts_on: shape (n,), bool.
        first_spell_s: shape (n,), int64: end of the spell in which the run starts; 0 without spells.
    """

    roster: Roster
    draws: Draws
    phase_s: NDArray[np.int64]
    starts_on: NDArray[np.bool_]
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
            for number in np.unique(roster.profile[here]).tolist():
                members = first + np.flatnonzero(roster.profile[here] == number)
                profile = roster.profiles[number]
                identity = roster.identity[members]
                u, _ = draws.pairs(identity, Purpose.PHASE)
                drawn = np.minimum((u * profile.every_s).astype(np.int64), profile.every_s - 1)
                phase_s[members] = np.where(phase_s[members] == PHASE_IS_DRAWN, drawn, phase_s[members])
                silent, seen = roster.silent[members], roster.seen[members]
                if not isinstance(profile.presence, Spells):
                    starts_on[members] = (profile.presence == "always") & ~silent
                    continue
                which, where = draws.pairs(identity, Purpose.START)
                u, v = draws.pairs(identity, Purpose.START_PLACE)
                on = ((which < profile.presence.on_share) | seen) & ~silent
                starts_on[members] = on
                remains_on_s = profile.presence.on.residuals(u, v, where)
                remains_off_s = profile.presence.off.residuals(u, v, where)
                first_spell_s[members] = np.where(on, remains_on_s, remains_off_s)
        return cls(roster, draws, phase_s, starts_on, first_spell_s)
