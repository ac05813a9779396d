"""The measures of model 8: one table that says of each what it is, and how it is counted, bounded and judged.

To add one, see docs/extend.md. Nothing else in the program asks a measure for its name to decide about it.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.results.tally import Tally
from sim.text import number, span
from sim.world.fleet import Profile, Roster
from sim.world.order import SECONDS_PER_DAY, SECONDS_PER_HOUR
from sim.world.outcome import Outcome

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Unit = Literal["devices", "times", "share", "days", "hours", "duration"]
Key = Literal["within", "quantile"]

QUANTILES: Final = (0.5, 0.9, 0.99, 1.0)


# --- which devices -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Selection:
    """The devices of a group, of a platform, of both; or all: the only filter of devices there is."""

    group: str | None = None
    platform: str | None = None

    def takes(self, profile: Profile) -> bool:
        """Whether devices of a profile are among them."""
        return self.group in (None, profile.group) and self.platform in (None, profile.platform)

    def profiles(self, profiles: Sequence[Profile]) -> Bools:
        """Which profiles are among them; shape (profiles,)."""
        return np.array([self.takes(profile) for profile in profiles], dtype=np.bool_)

    def devices(self, roster: Roster) -> Bools:
        """Which devices are among them; shape (devices,)."""
        return np.asarray(self.profiles(roster.profiles)[roster.profile], dtype=np.bool_)


ALL: Final = Selection()


class Selected:
    """The numbers of one replication, summed over selected devices.

    Args:
        within_s: seconds after its first loss within which a device counts as reconnected; None: any.
        quantile: of the time to reconnect, in (0, 1].
    """

    def __init__(
        self,
        tally: Tally,
        selection: Selection = ALL,
        *,
        within_s: int | None = None,
        quantile: float | None = None,
    ) -> None:
        self._tally = tally
        places = range(len(tally.profiles)) if selection.group is None else tally.of_group[selection.group]
        self._places = np.array([i for i in places if selection.takes(tally.profiles[i])], dtype=np.int64)
        self._within_s = math.inf if within_s is None else within_s
        self._quantile = 1.0 if quantile is None else quantile

    def measures(self) -> dict[str, float | int | None]:
        """Every measure of `NUMBERS`."""
        return {name: self.measure(name) for name in NUMBERS}

    def measure(self, name: str) -> float | int | None:
        """One measure by name; None where there is nothing to measure (`Measure.nothing`).

        Raises:
            KeyError: there is no such measure.
        """
        return MEASURES[name].count(self)

    def sum(self, column: str) -> int:
        """The sum of a column of the tally (`tally.COLUMNS`)."""
        return int(self._tally.column(column)[self._places].sum())

    def lost_share(self) -> float:
        """The share of the devices that were ever lost; 0 of none."""
        devices = self.sum("devices")
        return self.sum("lost") / devices if devices else 0.0

    def reconnected(self) -> int:
        """Devices whose first loss ended within the time asked for."""
        back = self._back()
        return int(back[back[:, 1] <= self._within_s, 2].sum())

    def reconnected_share(self) -> float | None:
        """Their share of the lost devices; None of none."""
        lost = self.sum("lost")
        return self.reconnected() / lost if lost else None

    def time_to_reconnect_s(self) -> float | None:
        """Seconds in which the share `quantile` of the lost devices ended their first loss.

        Infinity where fewer did within the run; None where none was lost.
        """
        lost, back = self.sum("lost"), self._back()
        if lost == 0:
            return None
        back = back[np.argsort(back[:, 1], kind="stable")]
        place = np.searchsorted(np.cumsum(back[:, 2]), max(1, math.ceil(self._quantile * lost)))
        return float(back[place, 1]) if place < len(back) else math.inf

    def coverage(self) -> float | None:
        """The least share that held the coming certificate at a change; None without a change or devices.

        Devices that were never connected are in no coverage (model 11.2).
        """
        devices = self.sum("ever_connected")
        held = self._tally.coverage_held[:, self._places].sum(axis=1)
        return float(held.min()) / devices if len(held) and devices else None

    def _back(self) -> Ints:
        """The rows of `Tally.back` of the selected devices."""
        back, selected = self._tally.back, np.zeros(len(self._tally.profiles), dtype=np.bool_)
        selected[self._places] = True
        return back[selected[back[:, 0]]]


# --- the table ------------------------------------------------------------------------------------------


class Extent(NamedTuple):
    """What no run goes beyond, of some devices."""

    devices: int
    lost: int  # of them, at most
    changes: int  # of the main certificate
    days: float  # from its first change to the end of the run
    is_helped: bool  # whether there is a help desk


def _lost(outcome: Outcome, within_s: int | None = None) -> Bools:
    return np.asarray(outcome.devices.lost_at_s >= 0, dtype=np.bool_)


def _helped(outcome: Outcome, within_s: int | None) -> Bools:
    return np.asarray(outcome.devices.helpdesk_s > 0, dtype=np.bool_)


def _reconnected(outcome: Outcome, within_s: int | None) -> Bools:
    within = _taken_s(outcome) <= (math.inf if within_s is None else within_s)
    return np.asarray(within & (outcome.devices.reconnected_at_s >= 0), dtype=np.bool_)


def _taken_s(outcome: Outcome) -> Floats:
    """Seconds from the first loss to its end; infinity where it did not end, -1 without a loss."""
    devices = outcome.devices
    taken_s = (devices.reconnected_at_s - devices.lost_at_s).astype(np.float64)
    taken_s[devices.reconnected_at_s < 0] = np.inf
    taken_s[devices.lost_at_s < 0] = -1.0
    return taken_s


def _lacked(outcome: Outcome) -> Floats:
    """1 where a device alone in its profile ever lacked the coming certificate at a change, else 0."""
    ever = (outcome.coverage_held == 0).any(axis=0)
    lacked = ever[outcome.roster.profile] & ~outcome.roster.never_connected
    return np.asarray(lacked, dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One measure: everything that the program knows of it. Any takes a bound on either side."""

    text: str  # what it is, for a planner
    unit: Unit  # what its bound is written in
    # its value in one replication; None where there is nothing to measure
    count: Callable[[Selected], float | int | None]
    keys: tuple[Key, ...] = ()  # further keys of a guarantee that go with it
    as_share: str | None = None  # the measure that counts the same as a share of the devices
    worse: Literal["more", "less"] | None = "more"  # which direction is bad for a planner; None: neither
    # `scenario`: before the run begins; `losses`: by which devices are ever lost, so that the help desk
    # does not change it, and strategies are compared device by device; `reception`: by which devices hold
    # a certificate when it becomes main; `everything`: by all that happens
    decided_by: Literal["scenario", "losses", "reception", "everything"] = "everything"
    nothing: str | None = None  # why there may be nothing to measure; None: there always is something
    # which devices make it greater, shape (devices,), by outcome and `within`; None: none does
    counted: Callable[[Outcome, int | None], Bools] | None = _lost
    among: Callable[[Outcome], Bools] | None = None  # which devices could; default: all
    # what each device amounts to alone, shape (devices,); default: 1 where it counts, else 0
    alone: Callable[[Outcome], Floats] | None = None
    # its value where so many devices, of so many, count to its bad side; default: their number does not
    # say
    of_devices: Callable[[int, int], float] | None = None
    # what no run exceeds; None where that is not known
    most: Callable[[Extent], float | None] = field(default=lambda extent: None)
    # what no run goes below if so many devices, of so many, are surely lost; default: not known
    least: Callable[[int, int], float] | None = None

    def in_words(self, value: float | None) -> str:
        """A value with its unit: `98.79 %`, `3 days`, `1d4h`."""
        if value is None:
            return "nothing to measure"
        match self.unit:
            case "duration":
                return "not within the run" if value == math.inf else span(int(value))
            case "share":
                return f"{100 * value:.6g} %"
            case "days":
                return f"{number(value)} {'day' if value == 1 else 'days'}"
            case "hours":
                return f"{number(value)} h"
        return number(value)


MEASURES: Final[Mapping[str, Measure]] = {
    "devices": Measure(
        text="devices there are",
        unit="devices",
        count=lambda selected: selected.sum("devices"),
        worse=None,
        decided_by="scenario",
        counted=None,
    ),
    "lost_devices": Measure(
        text="devices that are ever lost",
        unit="devices",
        count=lambda selected: selected.sum("lost"),
        as_share="lost_share",
        decided_by="losses",
        of_devices=lambda lost, size: lost,
        most=lambda extent: extent.lost,
        least=lambda lost, size: lost,
    ),
    "lost_share": Measure(
        text="their share of the devices",
        unit="share",
        count=lambda selected: selected.lost_share(),
        decided_by="losses",
        of_devices=lambda lost, size: lost / size,
        most=lambda extent: extent.lost / extent.devices,
        least=lambda lost, size: lost / size,
    ),
    "reconnected_devices": Measure(
        text="lost devices whose first loss ends, by itself or by a reinstallation",
        unit="devices",
        count=lambda selected: selected.reconnected(),
        keys=("within",),
        as_share="reconnected_share",
        worse=None,
        counted=_reconnected,
        among=_lost,
        most=lambda extent: extent.lost,
    ),
    "reconnected_share": Measure(
        text="their share of the lost devices",
        unit="share",
        count=lambda selected: selected.reconnected_share(),
        keys=("within",),
        worse="less",
        nothing="no device was lost",
        counted=_reconnected,
        among=_lost,
    ),
    "still_lost_devices": Measure(
        text="devices that are lost at the end of the run",
        unit="devices",
        count=lambda selected: selected.sum("still_lost"),
        counted=lambda outcome, within_s: outcome.is_lost,
        of_devices=lambda lost, size: lost,
        most=lambda extent: extent.lost,
    ),
    "reserve_coverage": Measure(
        text="share of the devices that hold a certificate just before it becomes main; the least of the run",
        unit="share",
        count=lambda selected: selected.coverage(),
        worse="less",
        decided_by="reception",
        nothing="no certificate was activated",
        counted=lambda outcome, within_s: ~_lost(outcome),
        alone=_lacked,
        of_devices=lambda lacking, size: (size - lacking) / size,
    ),
    "device_days_lost": Measure(
        text="days for which devices are lost, over all devices",
        unit="days",
        count=lambda selected: selected.sum("lost_for_s") / SECONDS_PER_DAY,
        alone=lambda outcome: outcome.devices.lost_for_s / SECONDS_PER_DAY,
        most=lambda extent: extent.lost * extent.days,
    ),
    "reinstalls": Measure(
        text="reinstallations that are finished",
        unit="times",
        count=lambda selected: selected.sum("reinstalls"),
        counted=_helped,
        alone=lambda outcome: outcome.devices.reinstalls.astype(np.float64),
        most=lambda extent: None if extent.lost and extent.is_helped else 0,
    ),
    "helpdesk_hours": Measure(
        text="hours that technicians work",
        unit="hours",
        count=lambda selected: selected.sum("helpdesk_s") / SECONDS_PER_HOUR,
        counted=_helped,
        alone=lambda outcome: outcome.devices.helpdesk_s / SECONDS_PER_HOUR,
        most=lambda extent: None if extent.lost and extent.is_helped else 0,
    ),
    "time_to_reconnect": Measure(
        text="time in which the first losses end, of the given share of the lost devices",
        unit="duration",
        count=lambda selected: selected.time_to_reconnect_s(),
        keys=("quantile",),
        nothing="no device was lost",
        alone=_taken_s,
    ),
    "unreachable_devices": Measure(
        text="devices with an attempt that met a closed address or an outage",
        unit="devices",
        count=lambda selected: selected.sum("unreachable"),
        counted=lambda outcome, within_s: outcome.devices.unreachable,
    ),
    "unreachable_device_days": Measure(
        text="days from such an attempt to the next one that reaches the server, over all devices",
        unit="days",
        count=lambda selected: selected.sum("unreachable_for_s") / SECONDS_PER_DAY,
        counted=lambda outcome, within_s: outcome.devices.unreachable,
        alone=lambda outcome: outcome.devices.unreachable_for_s / SECONDS_PER_DAY,
    ),
    "visits": Measure(
        text="visits to devices that lag",
        unit="times",
        count=lambda selected: selected.sum("visits"),
        counted=lambda outcome, within_s: outcome.devices.visits > 0,
        alone=lambda outcome: outcome.devices.visits.astype(np.float64),
    ),
    "times_lost": Measure(
        text="losses, over all devices",
        unit="times",
        count=lambda selected: selected.sum("times_lost"),
        alone=lambda outcome: outcome.devices.times_lost.astype(np.float64),
        most=lambda extent: extent.lost * extent.changes,
        least=lambda lost, size: lost,
    ),
}

NUMBERS: Final = tuple(name for name, measure in MEASURES.items() if "quantile" not in measure.keys)
"""Every measure that is one number a replication; the others have a value for each quantile."""


def measures_with(key: Key) -> tuple[str, ...]:
    """The measures that a further key of a guarantee goes with."""
    return tuple(name for name, measure in MEASURES.items() if key in measure.keys)


# --- bounds ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What a measure of some devices must keep to."""

    measure: str  # its name in `MEASURES`
    # the largest value that keeps it, in the unit of the measure, durations in seconds
    at_most: float | None = None
    at_least: float | None = None  # the smallest; one of the two is None
    selection: Selection = ALL  # the devices that count
    within: int | None = None  # seconds after its first loss within which a device counts as reconnected
    quantile: float | None = None  # of the time to reconnect

    @property
    def entry(self) -> Measure:
        """What the table says of the measure."""
        return MEASURES[self.measure]

    @property
    def forbids_losses(self) -> bool:
        """Whether it is a promise that losing devices can break."""
        return self.entry.worse == ("more" if self.at_most is not None else "less")

    def value(self, tally: Tally) -> float | None:
        """The measure in one replication; None where there is nothing to measure."""
        selected = Selected(tally, self.selection, within_s=self.within, quantile=self.quantile)
        return selected.measure(self.measure)

    def is_kept(self, value: float | None) -> bool:
        """Whether a value lies on the right side of the threshold; on it is right, and so is nothing."""
        if value is None:
            return True
        if self.at_most is not None:
            return value <= self.at_most
        assert self.at_least is not None
        return value >= self.at_least

    def most_lost(self, size: int) -> int | None:
        """How many of `size` devices may be lost, exactly as `is_kept` judges: with one more it is broken.

        All of them where no number breaks it; None where the number of devices does not decide.
        """
        of_devices = self.entry.of_devices
        if of_devices is None or not self.forbids_losses:
            return None
        numbers = range(1, size + 1)
        return bisect_right(numbers, False, key=lambda lost: not self.is_kept(of_devices(lost, size)))

    def counting(self, outcome: Outcome) -> Bools:
        """Devices that count where they should not, or do not where they should; shape (devices,).

        All False where no single device shows it.
        """
        measure, members = self.entry, self.selection.devices(outcome.roster)
        if measure.counted is None:
            return np.zeros_like(members)
        counts = measure.counted(outcome, self.within)
        if self.at_most is not None:
            return members & counts
        return members & ~counts if measure.among is None else members & measure.among(outcome) & ~counts

    def breaking(self, outcome: Outcome) -> Bools:
        """Devices that count against a bound that forbids losses, each alone in its profile and judged so."""
        measure = self.entry
        if measure.alone is None:
            return self.counting(outcome)
        limit = 0.0 if measure.of_devices is not None or self.at_most is None else self.at_most
        return np.asarray(measure.alone(outcome) > limit, dtype=np.bool_)
