"""Whom of a list to fetch before the activation, and what the list alone forecasts (model 11.3, 11.4)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np

from sim.lists.forecast import Forecast, Reach, for_spreadsheets, forecast_of, points, weeks_of
from sim.studies.experiment import Replications
from sim.summary import Column, Notes, Table, notes
from sim.text import ALMOST, date, iso, number
from sim.world.outcome import Outcome

FEWEST_RUNS: Final = 20
"""Replications from which on the losses say something of a device; fewer say more of the draws."""
_LEAST: Final = 0.01
_MOST_ROWS: Final = 200


@dataclass(frozen=True, slots=True)
class FromList:
    """What the lists of a scenario tell of its first activation.

    Attributes:
        reaches: what each delay from the start misses; the last is that up to the activation.
        weeks: devices by whole weeks of silence.
        chase: the devices to fetch, worst first.
        doubt: which to trust, where the runs lose clearly more or fewer; else empty.
    """

    reaches: tuple[Reach, ...]
    weeks: tuple[int, ...]
    chase: Table
    doubt: str


class Chased(NamedTuple):
    """A device of a list: its last contact, and the chances that it stays silent, and is lost.

    `lost` is the share of the replications; None where they are fewer than `FEWEST_RUNS`.
    """

    device: str
    group: str
    platform: str
    last_contact: datetime
    days: float
    silent: float
    lost: float | None

    @property
    def worse(self) -> float:
        """The forecast, or its mean with the share of replications."""
        return self.silent if self.lost is None else (self.silent + self.lost) / 2


class Chase:
    """Counts in how many replications each device is lost, from outcomes that pass by."""

    def __init__(self, result: Replications) -> None:
        self._result = result
        self._lost: Counter[str] = Counter()
        self._seen: set[int] = set()

    @classmethod
    def of(cls, result: Replications) -> Chase:
        """From the outcomes that were kept."""
        chase = cls(result)
        if chase.delay_s is not None:
            for number, outcome in result.kept.items():
                chase.add(number, outcome)
        return chase

    def add(self, replication: int, outcome: Outcome) -> None:
        """Look at a part of a replication."""
        self._seen.add(replication)
        lost = np.flatnonzero(outcome.devices.times_lost > 0).tolist()
        self._lost.update(map(outcome.roster.name, lost))

    @cached_property
    def delay_s(self) -> int | None:
        """From the start to the first activation; None without one, or without a list."""
        events = self._result.tallies[0].events if self._result.scenario.inventories else ()
        return next((each.at_s for each in events if each.name == "reserve activated" and each.at_s), None)

    @cached_property
    def _forecasts(self) -> dict[int, Forecast]:
        """By index of the group."""
        lists = self._result.scenario.inventories.items()
        return {number: forecast_of(each.devices, delay_s=self.delay_s) for number, each in lists}

    def rows(self, *, least: float = 0.0) -> list[Chased]:
        """The devices of the lists, worst first: by the mean of the forecast and the share of lost.

        Args:
            least: leave out those with smaller chances.
        """
        scenario, runs, found = self._result.scenario, len(self._seen), []
        for place, forecast in self._forecasts.items() if self.delay_s is not None else ():
            devices, group = forecast.devices, scenario.fleet[place]
            for i, days, silent in forecast.rows():
                lost = self._lost[devices.ids[i]] / runs if runs >= FEWEST_RUNS else None
                if max(silent, lost or 0.0) >= least:
                    last = datetime.fromtimestamp(int(devices.last_sync_s[i]), scenario.zone)
                    words = devices.groups[i] or group.name, devices.platforms[i] or group.platform
                    found.append(Chased(devices.ids[i], *words, last, days, silent, lost))
        return sorted(found, key=lambda each: (-each.worse, -each.days))

    @property
    def doubt(self) -> str:
        """Which to trust, where the runs lose clearly more or fewer than the lists forecast; else empty."""
        events = self._result.tallies[0].events
        if self.delay_s is None or [e.name for e in events].count("reserve activated") > 1 or not self._seen:
            return ""
        forecasts, scenario = self._forecasts.values(), self._result.scenario
        reach = _together(tuple(forecast.reach(self.delay_s) for forecast in forecasts))
        ids = (forecast.devices.ids[i] for forecast in forecasts for i in forecast.at.tolist())
        lost = sum(self._lost[device] for device in ids) / len(self._seen)
        if reach.low - 0.5 <= lost <= reach.high + 0.5:
            return ""
        if next(each.at_s for each in events if each.name == "reserve specified") > 0:
            why = "trust the runs: the list also counts contacts before the reserve is specified"
        elif all(scenario.document["fleet"][n].get("presence") == "from list" for n in self._forecasts):
            why = "trust the runs, which live by the list, and know the outages and holidays to come"
        else:
            why = (
                "trust the list, which shows how long these devices stay silent; the runs live as is assumed"
            )
        return (
            f"The list alone forecasts {number(reach.not_reached)} missed devices ({reach.low:,.0f} to "
            f"{reach.high:,.0f}), the runs lose {number(lost)} of them: {why}."
        )

    def table(self, most: int = _MOST_ROWS) -> Table:
        """The first rows, without those that are hardly ever missed."""
        rows = self.rows(least=_LEAST)
        columns = [Column("device"), Column("group"), Column("last contact"), Column("days", "tenths")]
        columns += [Column("stays silent", "share"), Column("lost in runs", "share")]
        shown = tuple(
            (*row[:2], date(row.last_contact), row.days, min(row.silent, ALMOST), row.lost)
            for row in rows[:most]
        )
        kept = len(columns) if len(self._seen) >= FEWEST_RUNS else len(columns) - 1
        cut = tuple(row[:kept] for row in shown)
        title = "To fetch before the activation, worst first"
        return Table(tuple(columns[:kept]), cut, title, hidden=len(rows) - len(shown))

    def in_words(self, most: int) -> Iterator[Notes]:
        """The first rows as sentences."""
        table = self.table(most)
        told = []
        for name, _, *cells in table.texts():
            known = zip(table.head[2:], cells, strict=True)
            told.append(f"{name}: {', '.join(f'{title} {cell}' for title, cell in known)}")
        if table.hidden:
            told.append(f"and {table.hidden:,} more: chase.csv of --out has all")
        if told:
            yield notes(*told, title=table.title, is_list=True)
        if self.doubt:
            yield notes(self.doubt)

    def to_csv(self) -> bytes:
        """All devices of the lists, worst first, for spreadsheets; no cell is a formula."""
        rows = (
            (*row[:3], iso(row.last_contact), f"{row.days:.2f}", f"{row.silent:.4f}", _share(row.lost))
            for row in self.rows()
        )
        header = ("id", "group", "platform", "last_sync", "silent_days", "chance", "lost_share")
        return for_spreadsheets(header, rows).encode()

    def from_list(self) -> FromList | None:
        """For a page; None without an activation or a list."""
        if self.delay_s is None:
            return None
        forecasts = list(self._forecasts.values())
        weeks = np.sum([weeks_of(each) for each in forecasts], axis=0).tolist()
        each_delay = zip(*(points(each, self.delay_s) for each in forecasts), strict=True)
        return FromList(tuple(map(_together, each_delay)), tuple(weeks), self.table(), self.doubt)


def _together(reaches: tuple[Reach, ...]) -> Reach:
    """What a delay misses in several independent lists."""
    count, sd = sum(each.not_reached for each in reaches), math.hypot(*(each.sd for each in reaches))
    low, high = (
        math.hypot(*(getattr(each, side) - each.not_reached for each in reaches)) for side in ("low", "high")
    )
    return Reach(reaches[0].delay_s, count, max(0.0, count - low), count + high, sd)


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.4f}"
