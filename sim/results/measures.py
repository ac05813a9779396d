"""The measures of model 8: ONE table that says of each what it is and how it is counted, bounded and judged.

To add a measure, add an entry to `MEASURES`, and a column to `Tally` where it counts something new; see
docs/extend.md. Nothing else in the program asks for a measure by its name to decide how to treat it.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

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
        tally: of the replication.
        selection: which devices count.
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
        self._profiles = selection.profiles(tally.profiles)
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
        return int(self._tally.column(column)[self._profiles].sum())

    def reconnected(self) -> int:
        """Devices whose first loss ended within the time asked for."""
        back = self._back()
        return int(back[back[:, 1] <= self._within_s, 2].sum())

    def time_to_reconnect_s(self) -> float | None:
        """Seconds in which the share `quantile` of the lost devices ended their first loss.

        Infinity where fewer did within the run; None where none was lost.
        """
        lost = self.sum("lost")
        if lost == 0:
            return None
        back = self._back()
        back = back[np.argsort(back[:, 1], kind="stable")]
        place = np.searchsorted(np.cumsum(back[:, 2]), max(1, math.ceil(self._quantile * lost)))
        return float(back[place, 1]) if place < len(back) else math.inf

    def coverage(self) -> float | None:
        """The least share that held the coming certificate at a change; None without a change or devices."""
        devices = self.sum("devices")
        held = self._tally.coverage_held[:, self._profiles].sum(axis=1)
        return float(held.min()) / devices if len(held) and devices else None

    def _back(self) -> Ints:
        """The rows of `Tally.back` of the selected devices."""
        back = self._tally.back
        return back[self._profiles[back[:, 0]]]


# --- which devices count, one row a device --------------------------------------------------------------


def _lost(outcome: Outcome, within_s: int | None = None) -> Bools:
    return np.asarray(outcome.devices.lost_at_s >= 0, dtype=np.bool_)


def _still_lost(outcome: Outcome, within_s: int | None) -> Bools:
    return outcome.is_lost


def _held(outcome: Outcome, within_s: int | None) -> Bools:
    return ~_lost(outcome)


def _helped(outcome: Outcome, within_s: int | None) -> Bools:
    return np.asarray(outcome.devices.helpdesk_s > 0, dtype=np.bool_)


def _reconnected(outcome: Outcome, within_s: int | None) -> Bools:
    return np.asarray(_taken_s(outcome) <= (np.inf if within_s is None else within_s), dtype=np.bool_) & (
        outcome.devices.reconnected_at_s >= 0
    )


def _taken_s(outcome: Outcome) -> Floats:
    """Seconds from the first loss to its end; infinity where it did not end, -1 without a loss."""
    devices = outcome.devices
    taken_s = (devices.reconnected_at_s - devices.lost_at_s).astype(np.float64)
    taken_s[devices.reconnected_at_s < 0] = np.inf
    taken_s[devices.lost_at_s < 0] = -1.0
    return taken_s


def _held_nothing(outcome: Outcome) -> Floats:
    """1 where a device alone in its profile ever lacked the coming certificate at a change, else 0."""
    held, profile = outcome.coverage_held, outcome.roster.profile
    if len(held) == 0:
        return np.zeros(len(profile))
    return np.asarray((held.min(axis=0) == 0)[profile], dtype=np.float64)


# --- what so many devices amount to ---------------------------------------------------------------------


def _number(devices: int, size: int) -> float:
    return devices


def _share(devices: int, size: int) -> float:
    return devices / size


def _rest(devices: int, size: int) -> float:
    return (size - devices) / size


@dataclass(frozen=True, slots=True)
class Extent:
    """What no run goes beyond.

    Attributes:
        devices: how many there are.
        lost: how many of them can ever be lost.
        changes: how often the main certificate changes.
        days: from its first change to the end of the run.
        is_helped: whether there is a help desk.
    """

    devices: int
    lost: int
    changes: int
    days: float
    is_helped: bool


def _all_lost(extent: Extent) -> float:
    return extent.lost


def _none_helped(extent: Extent) -> float | None:
    return None if extent.lost and extent.is_helped else 0.0


# --- the table ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One measure: everything that the program knows of it.

    Any measure takes a bound on either side, `at_most` or `at_least`.

    Attributes:
        text: what it is, for a planner.
        unit: what its bound is written in.
        count: its value in one replication; None where there is nothing to measure.
        keys: further keys of a guarantee that go with it.
        as_share: the measure that counts the same as a share of the devices.
        worse: which direction is bad for a planner; None: neither.
        decided_by: `scenario`: before the run begins; `losses`: by which devices are ever lost, so that the
            help desk does not change it, and strategies are compared device by device; `reception`: by which
            devices hold a certificate when it becomes main; `everything`: by all that happens.
        nothing: why there may be nothing to measure; None: there always is something.
        counted: which devices make it greater, shape (devices,), from an outcome and `within`; None: no
            single device shows it.
        among: which devices could; default: all.
        alone: what each device would amount to alone, float64, shape (devices,); default: 1 where it counts.
        of_devices: its value where so many devices, of so many, count to its bad side; None where their
            number does not say.
        most: what no run exceeds; None where that is not known.
        least: what no run goes below if so many devices, of so many, are surely lost.
    """

    text: str
    unit: Unit
    count: Callable[[Selected], float | int | None]
    keys: tuple[Key, ...] = ()
    as_share: str | None = None
    worse: Literal["more", "less"] | None = "more"
    decided_by: Literal["scenario", "losses", "reception", "everything"] = "everything"
    nothing: str | None = None
    counted: Callable[[Outcome, int | None], Bools] | None = _lost
    among: Callable[[Outcome], Bools] | None = None
    alone: Callable[[Outcome], Floats] | None = None
    of_devices: Callable[[int, int], float] | None = None
    most: Callable[[Extent], float | None] = field(default=lambda extent: None)
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


def _share_back(selected: Selected) -> float | None:
    lost = selected.sum("lost")
    return selected.reconnected() / lost if lost else None


def _share_lost(selected: Selected) -> float:
    devices = selected.sum("devices")
    return selected.sum("lost") / devices if devices else 0.0


MEASURES: Final[Mapping[str, Measure]] = MappingProxyType(
    {
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
            of_devices=_number,
            most=_all_lost,
            least=_number,
        ),
        "lost_share": Measure(
            text="the share of the devices that are ever lost",
            unit="share",
            count=_share_lost,
            decided_by="losses",
            of_devices=_share,
            most=lambda extent: extent.lost / extent.devices,
            least=_share,
        ),
        "reconnected_devices": Measure(
            text="lost devices whose first loss ends, by itself or by a reinstallation",
            unit="devices",
            count=Selected.reconnected,
            keys=("within",),
            as_share="reconnected_share",
            worse=None,
            counted=_reconnected,
            among=_lost,
            most=_all_lost,
        ),
        "reconnected_share": Measure(
            text="the share of the lost devices whose first loss ends",
            unit="share",
            count=_share_back,
            keys=("within",),
            worse="less",
            nothing="no device was lost",
            counted=_reconnected,
            among=_lost,
        ),
        "still_lost_devices": Measure(
            text="devices that are lost at the end",
            unit="devices",
            count=lambda selected: selected.sum("still_lost"),
            counted=_still_lost,
            of_devices=_number,
            most=_all_lost,
        ),
        "reserve_coverage": Measure(
            text="the share of the devices that hold a certificate just before it becomes main; the least",
            unit="share",
            count=Selected.coverage,
            worse="less",
            decided_by="reception",
            nothing="no certificate was activated",
            counted=_held,
            alone=_held_nothing,
            of_devices=_rest,
        ),
        "device_days_lost": Measure(
            text="days that devices are lost, over all of them",
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
            most=_none_helped,
        ),
        "helpdesk_hours": Measure(
            text="hours that technicians work",
            unit="hours",
            count=lambda selected: selected.sum("helpdesk_s") / SECONDS_PER_HOUR,
            counted=_helped,
            alone=lambda outcome: outcome.devices.helpdesk_s / SECONDS_PER_HOUR,
            most=_none_helped,
        ),
        "time_to_reconnect": Measure(
            text="the time in which the lost devices end their first loss, by default the slowest of them",
            unit="duration",
            count=Selected.time_to_reconnect_s,
            keys=("quantile",),
            nothing="no device was lost",
            alone=_taken_s,
        ),
        "times_lost": Measure(
            text="losses, over all devices",
            unit="times",
            count=lambda selected: selected.sum("times_lost"),
            alone=lambda outcome: outcome.devices.times_lost.astype(np.float64),
            most=lambda extent: extent.lost * extent.changes,
            least=_number,
        ),
    }
)

NUMBERS: Final = tuple(name for name, measure in MEASURES.items() if "quantile" not in measure.keys)
"""Every measure that is one number a replication; the others have a value for each quantile."""


def measures_with(key: Key) -> tuple[str, ...]:
    """The measures that a further key of a guarantee goes with."""
    return tuple(name for name, measure in MEASURES.items() if key in measure.keys)


# --- bounds ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What a measure of some devices must keep to.

    Attributes:
        measure: its name in `MEASURES`.
        at_most: the largest value that keeps it, in the unit of the measure, durations in seconds.
        at_least: the smallest; one of the two is None.
        selection: the devices that count.
        within: seconds after its first loss within which a device counts as reconnected.
        quantile: of the time to reconnect.
    """

    measure: str
    at_most: float | None = None
    at_least: float | None = None
    selection: Selection = ALL
    within: int | None = None
    quantile: float | None = None

    @property
    def asks(self) -> Measure:
        """The measure."""
        return MEASURES[self.measure]

    @property
    def forbids_losses(self) -> bool:
        """Whether it is a promise that losing devices can break."""
        return self.asks.worse == ("more" if self.at_most is not None else "less")

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
        of_devices = self.asks.of_devices
        if of_devices is None or not self.forbids_losses:
            return None
        numbers = range(1, size + 1)
        return bisect_right(numbers, False, key=lambda lost: not self.is_kept(of_devices(lost, size)))

    def counting(self, outcome: Outcome) -> Bools:
        """Devices that count where they should not, or do not where they should; shape (devices,).

        All False where no single device shows it.
        """
        measure, members = self.asks, self.selection.devices(outcome.roster)
        if measure.counted is None:
            return np.zeros_like(members)
        counts = measure.counted(outcome, self.within)
        if self.at_most is not None:
            return members & counts
        return members & ~counts if measure.among is None else members & measure.among(outcome) & ~counts

    def breaking(self, outcome: Outcome) -> Bools:
        """Devices that count against a bound that forbids losses, each judged as if it were alone.

        Args:
            outcome: of devices none of which shares its profile.
        """
        measure = self.asks
        if measure.alone is None:
            return self.counting(outcome)
        limit = 0.0 if measure.of_devices is not None or self.at_most is None else self.at_most
        return np.asarray(measure.alone(outcome) > limit, dtype=np.bool_)
