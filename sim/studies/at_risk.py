"""The devices at risk: those that were lost, and those that were nearly lost."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sim.studies.experiment import MOST_REPLICATIONS

Ints = NDArray[np.int64]

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


class DevicesAtRisk:
    """The devices at risk of the first replication, and how many came back in each, from rows that pass by.

    Still lost come before those that are back, longer before shorter; then a few that had the least time to
    spare. Rows pass in the order of the table: replication by replication, each in device order. Only the
    devices that are listed stay in memory.

    Args:
        start: the date of second 0.
        samples_s: instants of the time series; shape (samples,).

    Attributes:
        lost: how many devices the first replication lost.
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
        numbers = rows["replication"].to_numpy()
        ends = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(rows)]
        for begin, end in pairwise(ends):
            if begin < end:
                self._add(int(numbers[begin]), rows.iloc[begin:end])

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
        is_lost = rows["times_lost"].to_numpy() > 0
        if len(self._reconnected) == 1:
            self.lost += int(np.count_nonzero(is_lost))
            self._list(rows, is_lost)
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
