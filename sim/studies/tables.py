"""Outcomes as pandas tables: devices, timeline, events (language 3); and the devices at risk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, tzinfo
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sim.studies.experiment import MOST_REPLICATIONS, Replications
from sim.text import no_formula
from sim.world.order import SECONDS_PER_HOUR
from sim.world.outcome import CAUSES, MEANS, Outcome

Ints = NDArray[np.int64]
See = Callable[[int, Outcome, pd.DataFrame], None]

_EVENTS: Final = ("at", "event", "certificate", "not_after", "by", "detail", "reason")
COLUMNS: Final = (
    "device",
    "group",
    "platform",
    "replication",
    "reserve_received_at",
    "critical_delay_s",
    "lost_at",
    "lost_cause",
    "reconnected_at",
    "reconnected_by",
    "times_lost",
    "lost_for_s",
    "last_sync_at",
    "reinstalls",
    "lost_at_end",
)
"""The columns of the table of devices that are looked at."""
MOST_LISTED: Final = 20_000
MOST_NARROW: Final = 20
_LOST_HISTORIES: Final = 3


def devices_tables(result: Replications, *, see: See | None = None) -> Iterator[pd.DataFrame]:
    """One row a device and replication, in pieces that fit into memory, each of which `see` is shown.

    Device, group, platform, replication, and the columns of the outcome: instants (`…_at`) are UTC
    timestamps, NaT where it never happened; durations are seconds, missing where there is none.
    """
    for replication in range(result.replications):
        for outcome in result.outcomes(replication):
            rows = devices_part(result, replication, outcome)
            if see is not None:
                see(replication, outcome, rows)
            yield rows


def in_groups(tables: Iterator[pd.DataFrame], *, least: int = 100_000) -> Iterator[pd.DataFrame]:
    """Tables put together to at least so many rows each; only the last may have fewer."""
    waiting, rows = list[pd.DataFrame](), 0
    for table in tables:
        waiting.append(table)
        rows += len(table)
        if rows >= least:
            yield in_one(waiting)
            waiting, rows = [], 0
    if waiting:
        yield in_one(waiting)


def in_one(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Tables put together."""
    return pd.concat(list(tables), ignore_index=True)


def devices_part(result: Replications, replication: int, outcome: Outcome) -> pd.DataFrame:
    """The rows of a part of a replication, counted from 0."""
    roster = outcome.roster
    groups = _words(roster.group, roster.groups)
    platforms = pd.Categorical(roster.platform[roster.profile], categories=["android", "ios"])
    columns: dict[str, object] = {
        "device": roster.names(),
        "group": groups,
        "platform": platforms,
        "replication": np.full(len(roster), result.number_of(replication), dtype=np.int32),
    }
    for name, values in outcome.devices.columns():
        if name.endswith("_at_s"):
            columns[name.removesuffix("_s")] = _dates(result, values)
        elif name == "critical_delay_s":
            seconds = pd.Series(values).astype("Int64")
            columns[name] = seconds.mask(seconds < 0)
        elif words := {"lost_cause": CAUSES, "reconnected_by": MEANS}.get(name):
            columns[name] = _words(values.astype(np.int64) - 1, words[1:])
        else:
            columns[name] = values
    columns["lost_at_end"] = outcome.is_lost
    return pd.DataFrame(columns)


def for_spreadsheets(devices: pd.DataFrame, zone: tzinfo) -> pd.DataFrame:
    """The table of devices with dates by the clocks of a zone, and no text that is taken for a formula."""
    shown = devices.copy()
    for name in shown.columns:
        if isinstance(shown[name].dtype, pd.DatetimeTZDtype):
            shown[name] = shown[name].dt.tz_convert(zone).dt.tz_localize(None)
    groups = shown["group"].cat.rename_categories(no_formula)
    return shown.assign(device=shown["device"].map(no_formula), group=groups)


def _words(codes: NDArray[np.integer], words: Sequence[str]) -> pd.Categorical[str]:
    """A column of words by index; -1 is missing."""
    return pd.Categorical.from_codes(codes, list(words))  # type: ignore[call-overload,no-any-return]


def _dates(result: Replications, instants_s: NDArray[np.generic]) -> pd.Series[pd.Timestamp]:
    seconds = pd.Series(instants_s.astype(np.int64))
    start = pd.Timestamp(result.scenario.start).tz_convert("UTC").as_unit("s")
    return (start + pd.to_timedelta(seconds, unit="s").astype("timedelta64[s]")).where(seconds >= 0)


def timeline_tables(result: Replications) -> Iterator[pd.DataFrame]:
    """One row a sample, replication by replication.

    `coverage`: share of devices that hold the waiting reserve, missing while none waits; `connected`:
    synchronized within the last 2 x every; `queue`: ready devices that wait for a technician.
    """
    for replication, tally in enumerate(result.tallies):
        series = result.series(replication)
        devices = max(tally.ever_connected, 1)
        holding = series["holding_reserve"].astype(np.float64)
        yield pd.DataFrame(
            {
                "at": _dates(result, series["at_s"]),
                "replication": np.full(len(holding), result.number_of(replication), dtype=np.int32),
                "coverage": np.where(holding < 0, np.nan, holding / devices),
                "connected": series["connected"],
                "lost": series["lost"],
                "queue": series["queue"],
                "syncs_per_hour": series["syncs"] * SECONDS_PER_HOUR / result.plan.sample_s,
            }
        )


def events_table(result: Replications) -> pd.DataFrame:
    """One row an event of the server or the operator; the same in every replication."""
    rows = pd.DataFrame(list(result.happenings()), columns=_EVENTS)
    dates = {name: pd.to_datetime(rows[name], utc=True).dt.as_unit("s") for name in ("at", "not_after")}
    return rows.assign(**dates)


# --- at risk ------------------------------------------------------------------------------------------


class DevicesAtRisk:
    """The devices at risk of the first replication, and how many came back in each, from rows that pass by.

    Still lost come before those that are back, longer before shorter; then a few that had the least time to
    spare. Rows pass in the order of the table: replication by replication, each in device order. Only the
    devices that are listed stay in memory.

    Args:
        start: the date of second 0.
        samples_s: instants of the time series; shape (samples,).
    """

    def __init__(self, start: datetime, samples_s: Ints) -> None:
        self._start, self._samples_s = pd.Timestamp(start), samples_s
        self._reconnected: dict[int, Ints] = {}
        self._received: dict[str, Ints] = {}
        self._sizes: dict[str, int] = {}
        self._rows = pd.DataFrame()
        self._place = 0
        self.lost = 0

    def add(self, rows: pd.DataFrame) -> None:
        """Look at rows of one or several replications, with the columns of `COLUMNS`."""
        for replication, its in rows.groupby("replication", sort=False):
            self._add(int(str(replication)), its)

    def _add(self, replication: int, rows: pd.DataFrame) -> None:
        if replication not in self._reconnected:
            if len(self._reconnected) == MOST_REPLICATIONS:
                return
            self._reconnected[replication] = np.zeros(len(self._samples_s), dtype=np.int64)
            self._place = 0
        back = (rows["reconnected_at"] - self._start).dropna() // pd.Timedelta("1s")
        ended_s = np.sort(back.to_numpy(dtype=np.int64))
        self._reconnected[replication] += np.searchsorted(ended_s, self._samples_s, side="right")
        self._count_received(rows)
        if len(self._reconnected) == 1:
            self._list(rows, rows["times_lost"].to_numpy() > 0)
        self._place += len(rows)

    def _count_received(self, rows: pd.DataFrame) -> None:
        """Add up, by group, the devices whose last reserve arrives in each stretch between samples."""
        codes, names = pd.factorize(rows["group"].astype(str))
        arrived = (rows["reserve_received_at"] - self._start) // pd.Timedelta("1s")
        places = np.searchsorted(self._samples_s, arrived.fillna(-1).to_numpy(dtype=np.int64), side="left")
        width, has_it = len(self._samples_s) + 1, arrived.notna().to_numpy()
        counts = np.bincount(codes[has_it] * width + places[has_it], minlength=len(names) * width)
        for number, name in enumerate(map(str, names)):
            its = counts[number * width : (number + 1) * width]
            self._received[name] = self._received.get(name, 0) + its
            self._sizes[name] = self._sizes.get(name, 0) + int(np.count_nonzero(codes == number))

    @property
    def received(self) -> dict[str, NDArray[np.float64]]:
        """By group, the share whose last reserve had arrived at each sample, over all replications.

        The groups that lag most come first; each has the shape (samples,).
        """
        shares = {name: np.cumsum(each)[:-1] / self._sizes[name] for name, each in self._received.items()}
        return dict(sorted(shares.items(), key=lambda each: float(each[1].sum())))

    def _list(self, rows: pd.DataFrame, is_lost: NDArray[np.bool_]) -> None:
        self.lost += int(np.count_nonzero(is_lost))
        critical_s = rows["critical_delay_s"].fillna(0).to_numpy(dtype=np.int64)
        narrow = np.flatnonzero(~is_lost & (critical_s > 0))
        narrow = narrow[np.argsort(-critical_s[narrow], kind="stable")[:MOST_NARROW]]
        lost = np.flatnonzero(is_lost)
        is_back, lost_for_s = rows["lost_at_end"].to_numpy() == 0, rows["lost_for_s"].to_numpy()
        lost = lost[np.lexsort((-lost_for_s[lost], is_back[lost]))[:MOST_LISTED]]
        chosen = np.concatenate([lost, narrow])
        more = rows[list(COLUMNS)].iloc[chosen].astype(object).assign(place=self._place + chosen)
        found = pd.concat([self._rows, more])
        found = found.assign(is_kept=found["times_lost"] == 0, is_back=~found["lost_at_end"].astype(bool))
        kept = found[found["is_kept"]].sort_values("critical_delay_s", ascending=False, kind="stable")
        lost_rows = found[~found["is_kept"]].sort_values("lost_for_s", ascending=False, kind="stable")
        lost_rows = lost_rows.sort_values("is_back", kind="stable")
        self._rows = pd.concat([lost_rows.head(MOST_LISTED), kept.head(MOST_NARROW)])

    @property
    def rows(self) -> pd.DataFrame:
        """At most `MOST_LISTED` devices, the most urgent first.

        Beside the columns of `COLUMNS`: `place`, its position in device order; `status`, what became of it.
        """
        rows = self._rows.head(MOST_LISTED)
        if rows.empty:
            return pd.DataFrame(columns=[*COLUMNS, "place", "status"])
        status = np.select([rows["is_kept"], rows["is_back"]], ["just in time", "back"], "still lost")
        return rows.assign(status=status)

    @property
    def reconnected(self) -> Ints:
        """Devices whose first loss has ended at each sample; shape (replications, samples)."""
        return np.array(list(self._reconnected.values()), dtype=np.int64).reshape(-1, len(self._samples_s))

    def most_telling(self) -> pd.DataFrame:
        """A few rows to draw: lost devices of different groups, and one that was kept.

        Only devices that were lost and reinstalled at most once, which can be played by themselves.
        """
        rows = self.rows
        is_kept = rows["status"] == "just in time"
        by_desk = (rows["reinstalls"] == 0) | (rows["reconnected_by"] == "reinstall")
        lost = rows[~is_kept & (rows["times_lost"] == 1) & (rows["reinstalls"] <= 1) & by_desk]
        lost = lost.groupby(["group", "status"], sort=False).head(2).head(_LOST_HISTORIES)
        return pd.concat([lost, rows[is_kept].head(1 if len(lost) else _LOST_HISTORIES)])
