"""The outcome as pandas tables: devices, timeline, events (language 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import tzinfo
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sim.studies.experiment import Replications
from sim.text import no_formula
from sim.world.order import SECONDS_PER_HOUR
from sim.world.outcome import CAUSES, MEANS, Outcome

EVENT_COLUMNS: Final = ("at", "event", "certificate", "not_after", "by", "detail", "reason")
See = Callable[[int, Outcome, pd.DataFrame], None]


def devices_table(result: Replications) -> pd.DataFrame:
    """One row a device and replication: device, group, platform, replication, and the columns of the outcome.

    Instants (`…_at`) are UTC timestamps, NaT where it never happened; `critical_delay_s` and the other
    durations are seconds, missing where there is none.
    """
    return pd.concat(list(devices_tables(result)), ignore_index=True)


def devices_tables(result: Replications, *, see: See | None = None) -> Iterator[pd.DataFrame]:
    """The same in pieces that fit into memory: replication by replication, part by part.

    Args:
        result: of a run.
        see: called with each replication, counted from 0, part and table.
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
            yield pd.concat(waiting, ignore_index=True)
            waiting, rows = [], 0
    if waiting:
        yield pd.concat(waiting, ignore_index=True)


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
        elif name in ("lost_cause", "reconnected_by"):
            words = CAUSES if name == "lost_cause" else MEANS
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


def timeline_table(result: Replications) -> pd.DataFrame:
    """One row a sample and replication.

    `coverage`: share of devices that hold the waiting reserve, missing while none waits; `connected`:
    synchronized within the last 2 x every; `lost`; `queue`: ready devices that wait for a technician;
    `syncs_per_hour`.
    """
    return pd.concat(list(timeline_tables(result)), ignore_index=True)


def timeline_tables(result: Replications) -> Iterator[pd.DataFrame]:
    """The same, replication by replication."""
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
    rows = pd.DataFrame(list(result.happenings()), columns=EVENT_COLUMNS)
    dates = {name: pd.to_datetime(rows[name], utc=True).dt.as_unit("s") for name in ("at", "not_after")}
    return rows.assign(**dates)
