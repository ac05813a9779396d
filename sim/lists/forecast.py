"""Who will not have the reserve in time, from a list alone (model 11.3, 11.4)."""

from __future__ import annotations

import csv
import io
import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.lists.ages import DAY_S, Ages, contact_hours
from sim.lists.dates import moment_of
from sim.lists.devices import GONE, KNOWN, NEVER, UNKNOWN, DeviceList
from sim.lists.history import History
from sim.summary import Column, Summary, Table, Tone, notes
from sim.summary.answer import Answer
from sim.text import ALMOST, date, evenly, iso, no_formula, plural, rounded

DELAYS_DAYS: Final = (7, 14, 30, 60, 90)
_LONGEST_DELAY_DAYS: Final = 397
_SHOWN: Final = 20
_LEAST_PHI: Final = 1.2
"""Below it, the errors of forecasts are about those of independent devices."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How many devices without the reserve stay silent for a whole delay: N(W), or an expectation.

    Attributes:
        low, high: within which the true number lies with the confidence asked for.
        sd: standard deviation of the true number about `not_reached`.
    """

    delay_s: int
    not_reached: float
    low: float
    high: float
    sd: float

    def keeps(self, most: float) -> float:
        """The probability that at most so many are not reached."""
        if self.sd == 0:
            return float(self.not_reached <= most)
        return NormalDist(self.not_reached, self.sd).cdf(math.floor(most) + 0.5)

    def to_json(self) -> dict[str, float]:
        """As `forecast --json` has it."""
        numbers = {"not_reached": self.not_reached, "low": self.low, "high": self.high}
        return {"delay_days": _plain(self.delay_s / DAY_S)} | {key: _plain(x) for key, x in numbers.items()}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Forecast(Answer):
    """What a list says of delays from the instant at which it was made.

    Attributes:
        at: numbers of the devices without the reserve and with a date, worst first.
        chances: the probability that each of them stays silent for all of `delay_s`.
        confidence: of the bands.
        history: what earlier forecasts were worth; None: bands are those of independent devices.
        most: how many may not be reached; None: nothing was promised.
    """

    devices: DeviceList = field(repr=False)
    ages: Ages = field(repr=False)
    reaches: tuple[Reach, ...]
    delay_s: int
    at: NDArray[np.int64] = field(repr=False)
    chances: NDArray[np.float64] = field(repr=False)
    confidence: float
    history: History | None
    most: float | None

    @property
    def phi(self) -> float:
        """How much wider than for independent devices the bands are (model 11.5)."""
        return 1.0 if self.history is None else self.history.phi

    @property
    def disturbance(self) -> str | None:
        """A `calendar:` block with which a run errs as forecasts did; None where devices seem independent."""
        if self.history is None or self.phi < _LEAST_PHI:
            return None
        reach = self.reach(self.delay_s)
        excess = reach.sd**2 * (1 - 1 / self.phi**2)
        return self.history.disturbance(excess, self.at.size - reach.not_reached, self.delay_s)

    def reach(self, delay_s: int) -> Reach:
        """What a delay will not reach: N(W) ± z·phi·sqrt(2 (N(W) - N(2W))) (model 11.3)."""
        if self.devices.holds_reserve.any():
            silent = self.devices.ages_s[self.at]
            count, twice = (float(self.ages.chances(silent, w).sum()) for w in (delay_s, 2 * delay_s))
        else:
            count, twice = (float(self.ages.longer_than(w)) for w in (delay_s, 2 * delay_s))
        sd = self.phi * math.sqrt(2 * max(0.0, count - twice))
        margin = NormalDist().inv_cdf((1 + self.confidence) / 2) * sd
        return Reach(delay_s, count, max(0.0, count - margin), min(float(self.at.size), count + margin), sd)

    @property
    def kept(self) -> float | None:
        """The probability that the promise holds; None without one."""
        return None if self.most is None else self.reach(self.delay_s).keeps(self.most)

    def delay_for(self, most: float, *, probability: float) -> int | None:
        """The least delay in whole days that keeps the promise with that probability; None beyond 397."""
        days = range(_LONGEST_DELAY_DAYS + 1)
        least = bisect_left(days, probability, key=lambda day: self.reach(day * DAY_S).keeps(most))
        return least if least in days else None

    def rows(self) -> Iterator[tuple[int, float, float]]:
        """Each device that is not safe, worst first: its number, days of silence, chance to be missed."""
        days = self.devices.ages_s[self.at] / DAY_S
        yield from zip(self.at.tolist(), days.round(4).tolist(), self.chances.round(6).tolist(), strict=True)

    def to_json(self) -> dict[str, Any]:
        """The document of `forecast --json`."""
        return {
            "exported": exported_text(self.devices),
            "devices": len(self.devices.ids),
            "forecast": [reach.to_json() for reach in self.reaches],
            "chances": [
                {"device": self.devices.ids[i], "silent_days": days, "chance": chance}
                for i, days, chance in self.rows()
            ],
            **counts(self.devices),
            "phi": _plain(self.phi),
            **({} if self.history is None else {"history": self.history.to_json()}),
            **({} if self.disturbance is None else {"calendar": self.disturbance}),
            **({} if self.kept is None else {"at_most": self.most, "probability": _plain(self.kept)}),
        }

    def to_csv(self) -> str:
        """`devices.csv`: the devices that are not safe, worst first; no cell is a formula."""
        devices = self.devices
        rows = (
            (
                *(devices.ids[i], devices.platforms[i] or "", devices.groups[i] or ""),
                *(iso(moment_of(int(devices.last_sync_s[i]), "UTC")), f"{days:.2f}", f"{chance:.4f}"),
            )
            for i, days, chance in self.rows()
        )
        return for_spreadsheets(("id", "platform", "group", "last_sync", "silent_days", "chance"), rows)

    def summary(self) -> Summary:
        """In words."""
        asked = self.reach(self.delay_s)
        delay = rounded(self.delay_s)
        low, high = math.floor(asked.low), math.ceil(asked.high)
        answer = (
            f"{_about(asked.not_reached)} of {plural(len(self.devices.ids), 'device')} will not have the "
            f"reserve after {delay} (between {low:,} and {high:,} with {self.confidence:.0%})."
        )
        if self.ages.ages_s.size == 0:
            answer = "The list has no last contact, so there is nothing to forecast from."
        reaches = Table(
            (Column("delay"), *(Column(title, "tenths") for title in ("not reached", "from", "to"))),
            tuple((rounded(each.delay_s), each.not_reached, each.low, each.high) for each in self.reaches),
        )
        contacts = [moment_of(int(self.devices.last_sync_s[i]), self.devices.zone) for i in self.at[:_SHOWN]]
        worst = Table(
            (Column("device"), Column("last contact"), Column("days", "tenths"), Column("chance", "share")),
            tuple(
                (self.devices.ids[i], date(contact), days, min(chance, ALMOST))
                for contact, (i, days, chance) in zip(contacts, self.rows(), strict=False)
            ),
            title=f"Most likely to be missed by {delay}",
            hidden=max(0, self.at.size - _SHOWN),
        )
        past = [] if self.history is None else self.history.parts()
        if self.disturbance is not None:
            title = "A disturbance that explains such errors, to paste"
            past.append(notes(*self.disturbance.splitlines(), title=title))
        known = [part for part in (reaches, worst) if part.rows]
        said = notes(*self._promise(), *self._limits(), title="To know", is_list=True)
        tone: Tone = "plain" if self.kept is None else "good" if self.kept >= 0.5 else "bad"
        title = f"Forecast from the list of {exported_text(self.devices) or 'an unknown day'}"
        return Summary(title, answer, (*known, *past, said), tone=tone)

    def _promise(self) -> Iterator[str]:
        """Whether the promise stands, and what would keep it."""
        if self.most is None or self.kept is None:
            return
        yield f"At most {self.most:,.0f} not reached: the probability is {self.kept:.0%}."
        if self.kept < self.confidence:
            days = self.delay_for(self.most, probability=self.confidence)
            fetch = max(1, math.ceil(self.reach(self.delay_s).high) - math.floor(self.most))
            later = "no delay is enough"
            if days is not None:
                day = moment_of((self.devices.exported_s or 0) + days * DAY_S, self.devices.zone)
                later = f"activate {day:%a %Y-%m-%d} ({plural(days, 'day')} after the list) or later"
            fetched = f"fetch {plural(fetch, 'device')} before, worst first"
            yield f"For {self.confidence:.0%}: {later}, or {fetched}."

    def _limits(self) -> Iterator[str]:
        """What the list cannot tell."""
        counted = counts(self.devices)
        for key, words in (
            ("holds_reserve", "with the reserve: safe"),
            ("unknown", "without a date: not counted"),
            ("never_connected", "never connected: neither lost nor saved"),
            ("gone", "silent for longer than gone_after: neither lost nor saved"),
        ):
            if counted[key]:
                yield f"{plural(counted[key], 'device')} {words}."
        yield from limits(self.devices, self.ages)
        if self.delay_s % (7 * DAY_S):
            yield "A delay of whole weeks is forecast best: the list then shows the same day of the week."
        if self.history is None:
            yield "Without earlier lists the bands are those of independent devices, which is optimistic."


def forecast_of(
    devices: DeviceList,
    *,
    delay_s: int | None = None,
    most: float | None = None,
    history: History | None = None,
    confidence: float = 0.95,
) -> Forecast:
    """What a list without problems says of one delay, or of the usual ones and of 30 days in particular.

    Args:
        devices: the list.
        delay_s: from the list to the activation.
        most: how many may not be reached: a number from 1 on, or a share below.
        history: earlier lists of the same fleet.
        confidence: of the bands.
    """
    ages = Ages.of(devices)
    at = np.flatnonzero((devices.contact == KNOWN) & ~devices.holds_reserve)
    chosen_s = 30 * DAY_S if delay_s is None else delay_s
    chances = ages.chances(devices.ages_s[at], chosen_s)
    order = np.lexsort((at, -devices.ages_s[at], -chances))
    if most is not None and 0 < most < 1:
        most = most * len(devices.ids)
    forecast = Forecast(devices, ages, (), chosen_s, at[order], chances[order], confidence, history, most)
    delays_s = [days * DAY_S for days in DELAYS_DAYS] if delay_s is None else [delay_s]
    return replace(forecast, reaches=tuple(map(forecast.reach, delays_s)))


def counts(devices: DeviceList) -> dict[str, int]:
    """How many devices are not in the forecast, and why."""
    return {
        "holds_reserve": int(np.count_nonzero(devices.holds_reserve)),
        "unknown": devices.count(UNKNOWN),
        "never_connected": devices.count(NEVER),
        "gone": devices.count(GONE),
    }


def limits(devices: DeviceList, ages: Ages) -> Iterator[str]:
    """What any list does not tell, and what this one shows of it."""
    if ages.oldest_s:
        yield (
            f"The oldest last contact is {ages.oldest_s / DAY_S:.0f} days old: of longer silences, and of "
            "devices that the console has removed, the list knows nothing."
        )
    if (hours := contact_hours(devices)) is not None:
        yield (
            f"{hours.share:.0%} of {hours.contacts:,} old last contacts lie on {hours.days} from "
            f"{hours.first:02}:00 to {hours.end:02}:00 ({hours.zone}): prefer a list made on the weekday and "
            "at the hour of the reissue."
        )
    if devices.is_zone_assumed:
        yield f"The dates name no time zone: {devices.zone} is taken (list: timezone)."
    yield "The next weeks are taken to be like the last: the list knows of no holiday or outage to come."


def for_spreadsheets(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows as CSV, in which no cell is a formula."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([header, *(map(no_formula, row) for row in rows)])
    return out.getvalue()


def exported_text(devices: DeviceList) -> str | None:
    """When the list was made, in UTC; None if it has no date."""
    return None if devices.exported_s is None else iso(moment_of(devices.exported_s, "UTC"))


def _about(count: float) -> str:
    return f"{count:,.0f}" if count == round(count) else f"About {count:,.1f}"


def _plain(value: float) -> float:
    """A number for JSON: whole where it is whole."""
    value = round(value, 6)
    return int(value) if value.is_integer() else value


# --- what figures draw ---------------------------------------------------------------------------------

_MOST_WEEKS: Final = 58
_POINTS: Final = 60


def points(forecast: Forecast, own_s: int) -> list[Reach]:
    """What delays of whole days miss, from 1 to twice the own one or 90 days; the own one comes last."""
    days = np.arange(1, min(max(90, 2 * own_s // DAY_S), _LONGEST_DELAY_DAYS) + 1)
    return [forecast.reach(int(day) * DAY_S) for day in evenly(days.tolist(), _POINTS)] + [
        forecast.reach(own_s)
    ]


def weeks_of(forecast: Forecast) -> NDArray[np.int64]:
    """Devices by whole weeks of silence; the last number is of all longer ones."""
    weeks = np.minimum(forecast.ages.ages_s // (7 * DAY_S), _MOST_WEEKS - 1)
    return np.bincount(weeks, minlength=_MOST_WEEKS)
