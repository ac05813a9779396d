"""A replication in numbers that add up: over the parts of a fleet, and without a row for each device."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.world.certificates import Certificate
from sim.world.fleet import Profile
from sim.world.outcome import Outcome, fingerprint
from sim.world.server import Event

Ints = NDArray[np.int64]

COLUMNS: Final[Mapping[str, Callable[[Outcome], NDArray[np.generic]]]] = {
    "devices": lambda outcome: np.ones(len(outcome.roster), dtype=np.int64),
    "ever_connected": lambda outcome: ~outcome.roster.never_connected,
    "lost": lambda outcome: outcome.devices.times_lost > 0,
    "still_lost": lambda outcome: outcome.is_lost,
    "times_lost": lambda outcome: outcome.devices.times_lost,
    "lost_for_s": lambda outcome: outcome.devices.lost_for_s,
    "reinstalls": lambda outcome: outcome.devices.reinstalls,
    "helpdesk_s": lambda outcome: outcome.devices.helpdesk_s,
    "unreachable": lambda outcome: outcome.devices.unreachable,
    "unreachable_for_s": lambda outcome: outcome.devices.unreachable_for_s,
    "visits": lambda outcome: outcome.devices.visits,
}
"""What is counted of each device, shape (devices,), whole numbers or truth values; a tally has the sums."""

_PLACE: Final = {name: place for place, name in enumerate(COLUMNS)}


@dataclass(frozen=True, eq=False)
class Tally:
    """What became of the devices of each profile; all counts are int64."""

    profiles: tuple[Profile, ...]  # the kinds of devices
    counts: Ints  # (columns, profiles), the sums of `COLUMNS` over the devices of each profile
    back: Ints  # (k, 3), profile, seconds from the first loss to its end, and how many devices took them
    coverage_held: Ints  # (changes, profiles), see `Outcome`
    series: dict[str, Ints]  # time series, see `Outcome`
    events: tuple[Event, ...]  # of the server; the same for every part
    certificates: tuple[Certificate, ...]
    blocks: tuple[bytes, ...]  # hashes of the devices, see `Outcome.blocks`

    @classmethod
    def of(cls, outcome: Outcome) -> Tally:
        """That of an outcome."""
        devices = outcome.devices
        profile, n = outcome.roster.profile, len(outcome.roster.profiles)
        has_ended = np.flatnonzero(devices.reconnected_at_s >= 0)
        took_s = devices.reconnected_at_s[has_ended] - devices.lost_at_s[has_ended]
        return cls(
            profiles=outcome.roster.profiles,
            counts=np.array([_sum_by(profile, column(outcome), n) for column in COLUMNS.values()]),
            back=_together(np.column_stack([profile[has_ended], took_s, np.ones_like(took_s)])),
            coverage_held=outcome.coverage_held,
            series=outcome.series,
            events=outcome.events,
            certificates=outcome.certificates,
            blocks=outcome.blocks,
        )

    def column(self, name: str) -> Ints:
        """A column of `COLUMNS`, summed by profile; shape (profiles,)."""
        counts: Ints = self.counts[_PLACE[name]]
        return counts

    def __add__(self, other: Tally) -> Tally:
        """The tally of two parts of one fleet, the first before the second in device order."""
        assert (self.profiles, self.events) == (other.profiles, other.events)
        series = {name: self.series[name] + other.series[name] for name in self.series}
        series["at_s"] = self.series["at_s"]
        none_waits = self.series["holding_reserve"] < 0
        series["holding_reserve"] = np.where(none_waits, -1, series["holding_reserve"])
        return replace(
            self,
            counts=self.counts + other.counts,
            back=_together(np.vstack([self.back, other.back])),
            coverage_held=self.coverage_held + other.coverage_held,
            series=series,
            blocks=self.blocks + other.blocks,
        )

    @cached_property
    def of_group(self) -> Mapping[str, list[int]]:
        """The places of each group's profiles; of a group without a device, none."""
        places = defaultdict[str, list[int]](list)
        for place, profile in enumerate(self.profiles):
            places[profile.group].append(place)
        return places

    @cached_property
    def fingerprint(self) -> str:
        """That of the whole outcome."""
        return fingerprint(self.blocks, self.coverage_held, self.events, self.series)

    def thin(self, *, beside: Tally) -> Tally:
        """The same without time series and hashes; what another replication has, too, is shared with it."""
        alike = {name: getattr(beside, name) for name in ("profiles", "events", "certificates")}
        alike = {name: each for name, each in alike.items() if each == getattr(self, name)}
        bare = replace(self, series={}, blocks=(), **alike)
        vars(bare)["fingerprint"] = self.fingerprint
        return bare

    @property
    def size(self) -> int:
        """How many devices there are."""
        return int(self.column("devices").sum())

    @property
    def ever_connected(self) -> int:
        """How many of them were connected at some time (model 11.2)."""
        return int(self.column("ever_connected").sum())

    def equals(self, other: Tally) -> bool:
        """Whether every number is equal."""
        return all(_equal(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))


def total(parts: Iterable[Tally]) -> Tally:
    """The tally of a fleet from those of its parts, in device order; at least one."""
    first, *others = parts
    for other in others:
        first += other
    return first


def _sum_by(profile: NDArray[np.int32], column: NDArray[np.generic], n: int) -> Ints:
    """Sums of a column over the devices of each profile, in whole numbers."""
    if n == 1:
        return np.array([column.sum(dtype=np.int64)])
    sums = np.zeros(n, dtype=np.int64)
    where = np.flatnonzero(column)
    np.add.at(sums, profile[where], column[where].astype(np.int64))
    return sums


def _together(rows: Ints) -> Ints:
    """Rows of the same profile and seconds as one; in order of profile, then seconds."""
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))].astype(np.int64)
    if len(rows) == 0:
        return rows
    is_first = np.concatenate([[True], np.any(rows[1:, :2] != rows[:-1, :2], axis=1)])
    firsts = np.flatnonzero(is_first)
    counts = np.add.reduceat(rows[:, 2], firsts)
    return np.column_stack([rows[firsts, :2], counts])


def _equal(one: object, other: object) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and np.array_equal(one, other)
    return one == other
