"""How long devices stay silent, from the ages of their last contacts alone (model 11.3, 11.4, 11.6)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.lists.dates import to_local
from sim.lists.devices import KNOWN, DeviceList

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

DAY_S: Final = 86_400
DEFAULT_PERIOD_S: Final = 21_600
"""Of a device whose list names none (language 1)."""
_RATIO: Final = 1.3
"""Of the bounds of neighbouring classes of ages."""
_NEARLY_ALL: Final = 0.95
_FEWEST_HOURS: Final = 3


@dataclass(frozen=True, slots=True, eq=False)
class Ages:
    """The ages of a fleet, and the law of silence that they show.

    Attributes:
        ages_s: sorted.
        period_s: a device that is never away is silent for no longer.
        nodes_s, density: ages above `period_s`, and the falling density of ages there, per second, linear
            between them.
        first: the density below `period_s`; the integral over all ages is 1.
    """

    ages_s: Ints = field(repr=False)
    period_s: int
    nodes_s: Floats = field(repr=False)
    density: Floats = field(repr=False)
    first: float

    @classmethod
    def of(cls, devices: DeviceList, *, every_s: int = DEFAULT_PERIOD_S) -> Ages:
        """The ages of all devices with a date; the period is that of most rows, else `every_s`, but no less
        than the dates can tell."""
        written = devices.sync_every_s[devices.sync_every_s > 0]
        period_s = int(np.median(written)) if written.size else every_s
        least_s = 0 if devices.has_times else DAY_S
        return cls.from_ages(devices.ages_s[devices.contact == KNOWN], period_s=max(period_s, least_s))

    @classmethod
    def from_ages(cls, ages_s: Ints, *, period_s: int) -> Ages:
        """Estimate the density of ages: falling (isotonic), in classes that grow by a constant factor."""
        from scipy.optimize import isotonic_regression

        ages_s = np.sort(ages_s)
        oldest_s = max(int(ages_s[-1]) if ages_s.size else 0, math.ceil(1.01 * period_s))
        classes = max(1, math.ceil(math.log(oldest_s / period_s) / math.log(_RATIO)))
        bounds = np.concatenate([[0.0], np.geomspace(period_s, oldest_s, classes + 1)])
        bounds[-1] = oldest_s
        counts = np.diff(np.searchsorted(ages_s, bounds[:-1], side="left"), append=ages_s.size)
        widths = np.diff(bounds)
        raw = np.append(counts, 0)[: widths.size] / widths / max(ages_s.size, 1)
        density = isotonic_regression(raw, weights=widths, increasing=False).x
        middle = (bounds[1:] + bounds[:-1]) / 2
        return cls(ages_s, period_s, middle[1:], density[1:], float(density[0]))

    @property
    def oldest_s(self) -> int:
        """The longest silence that the list knows; 0 without a device."""
        return int(self.ages_s[-1]) if self.ages_s.size else 0

    def longer_than(self, silence_s: float) -> int:
        """N(W): how many devices are silent for longer (model 11.3)."""
        return int(self.ages_s.size - np.searchsorted(self.ages_s, silence_s, side="right"))

    def density_at(self, ages_s: Ints | Floats) -> Floats:
        """The density of ages; beyond the oldest it stays: nobody returns (model 11.4)."""
        return np.where(ages_s < self.period_s, self.first, np.interp(ages_s, self.nodes_s, self.density))

    def chances(self, ages_s: Ints, more_s: int) -> Floats:
        """The probability that devices of these ages stay silent for so much longer (model 11.4).

        It is f(a + w) / f(a); where that is below 1, it is then multiplied by one factor, so that the sum
        over all devices of the list is N(w).
        """
        everyone = self._ratios(self.ages_s, more_s)
        total = self.longer_than(more_s)
        is_certain = everyone >= 1.0
        stays = np.count_nonzero(is_certain) <= total
        if stays:
            factor = _factor(everyone[~is_certain], total - int(np.count_nonzero(is_certain)))
        else:
            factor = _factor(everyone, total)
        ratios = self._ratios(ages_s, more_s)
        return np.where((ratios >= 1.0) & stays, 1.0, np.minimum(1.0, factor * ratios))

    def _ratios(self, ages_s: Ints, more_s: int) -> Floats:
        now, later = self.density_at(ages_s), self.density_at(ages_s + more_s)
        return np.minimum(1.0, np.divide(later, now, out=np.zeros(now.shape), where=now > 0))


def _factor(ratios: Floats, total: float) -> float:
    """The factor c for which the sum of min(1, c · ratio) is the total."""
    from scipy.optimize import brentq

    positive = ratios[ratios > 0]
    if positive.size <= total:
        return math.inf if positive.size else 1.0
    most = 1.0 / positive.min()
    return float(brentq(lambda c: np.minimum(1.0, c * positive).sum() - total, 0.0, most))


class ListPresence(NamedTuple):
    """Spells by the law of a list: points (seconds, share still away), and the mean of spells on."""

    off: tuple[tuple[int, float], ...]
    on_mean_s: float


def presence_of(ages: Ages) -> ListPresence | None:
    """Spells with the survival f(t) / f(every) (model 11.6); None if no device is away, or all are.

    Between its points the share falls in straight lines; spells on keep the share of devices that are on.
    Beyond the oldest age the share goes on falling at the rate of the older half of the ages: a law in which
    some never return would have no mean, and no share of devices would be on.
    """
    away = ages.longer_than(ages.period_s - 1)
    if not 0 < away < ages.ages_s.size:
        return None
    shares = ages.density / ages.density[0]
    points = [
        (ages.period_s, 1.0),
        *zip(np.rint(ages.nodes_s).astype(int).tolist(), shares.tolist(), strict=True),
    ]
    last_s, share = points[-1]
    half = float(np.interp(last_s / 2, ages.nodes_s, shares))
    rate = max(math.log(half / share), 0.5) / (last_s / 2)
    points += [(last_s + round(x / rate), share * math.exp(-x)) for x in np.linspace(0.25, 6, 24)]
    points += [(points[-1][0] + round(1 / rate), 0.0)]
    off = tuple(dict(points).items())
    t, share_at = np.array([(0.0, 1.0), *off]).T
    off_mean_s = float(np.sum(np.diff(t) * (share_at[1:] + share_at[:-1]) / 2))
    return ListPresence(off, off_mean_s * (ages.ages_s.size - away) / away)


class ContactHours(NamedTuple):
    """The hours that hold nearly all last contacts of silent devices, in the zone of the list.

    `share` of `contacts` lie on `days` from the hour `first` to before the hour `end`.
    """

    days: str
    first: int
    end: int
    share: float
    contacts: int
    zone: str


def contact_hours(devices: DeviceList) -> ContactHours | None:
    """The fewest hours of a day, 3 to 12, that hold 95 % of the contacts; None if there are no such.

    Contacts of fewer hours are those of a job that writes dates. Devices in contact on the last day do not
    count: their contacts lie shortly before the list was made.
    """
    old = devices.last_sync_s[(devices.contact == KNOWN) & (devices.ages_s > DAY_S)]
    if old.size < 50 or not devices.has_times:
        return None
    hours = to_local(old, devices.zone) // 3600
    is_weekday = (hours // 24 + 3) % 7 < 5  # 1 January 1970 was a Thursday
    days = "mon-fri" if is_weekday.mean() >= _NEARLY_ALL else "mon-sun"
    of_hour = np.bincount(hours[is_weekday | (days == "mon-sun")] % 24, minlength=24)
    before = np.append(0, np.cumsum(of_hour)) / old.size
    for width in range(1, 13):
        share = before[width:] - before[:-width]
        first = int(share.argmax())
        if share[first] >= _NEARLY_ALL:
            if width < _FEWEST_HOURS:
                return None
            return ContactHours(days, first, first + width, float(share[first]), old.size, devices.zone)
    return None
