"""What forecasts from earlier lists of the same fleet were worth (model 11.5)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from statistics import NormalDist
from typing import Any, Final

import numpy as np

from sim.errors import InputError, UnreadableError
from sim.files import read_bytes
from sim.lists.ages import DAY_S, Ages
from sim.lists.dates import moment_of
from sim.lists.devices import KNOWN, DeviceList, ListOptions
from sim.lists.reading import ListError, read_list
from sim.lists.table import MOST_BYTES
from sim.summary import Cell, Column, Notes, Table, notes
from sim.text import iso, plural, rounded

MOST_LISTS: Final = 1000
_ENDINGS: Final = (".csv", ".tsv", ".txt")
_NAMED: Final = re.compile(
    r"(20[0-9]{2})[-_.]?([01][0-9])[-_.]?([0-3][0-9])"
    r"(?:[T _-]?([0-2][0-9])[-:_h]?([0-5][0-9]))?"
)


@dataclass(frozen=True, slots=True)
class Past:
    """The forecast of one earlier list, and what became of its devices until the later one.

    Attributes:
        forecast: N(W); `sd` is that of the true number about it, if devices were independent.
        not_reached: how many stayed silent until the later list.
        devices: of the list, with a date.
    """

    exported_s: int
    delay_s: int
    forecast: int
    sd: float
    not_reached: int
    devices: int


@dataclass(frozen=True, slots=True)
class History:
    """A forecast for every pair of lists that lie about `delay_s` apart, in the order of their start days."""

    past: tuple[Past, ...]
    delay_s: int
    lists: int

    @property
    def phi(self) -> float:
        """Root mean square of the errors over what independence gives, at least 1 (model 11.5)."""
        errors = [(each.not_reached - each.forecast) / max(each.sd, 1.0) for each in self.past]
        return max(1.0, math.sqrt(sum(x * x for x in errors) / len(errors))) if errors else 1.0

    def disturbance(self, excess: float, reached: float, delay_s: int) -> str | None:
        """A `calendar:` block: one occurrence over the whole delivery, in as many replications as start days
        missed more than independence allows, and of such a share that the losses vary as much as needed.

        Args:
            excess: variance of the losses that independent devices do not have.
            reached: devices that are not lost anyhow.
            delay_s: from the start to the activation.
        """
        worse = [each.not_reached - each.forecast > 2 * max(each.sd, 1.0) for each in self.past]
        one_in = max(2, min(10, round(len(worse) / max(sum(worse), 1))))
        share = math.sqrt(excess / (1 / one_in * (1 - 1 / one_in))) / max(reached, 1.0)
        if not 0 < share <= 1:
            return None
        gaps = ", ".join(["1s", *["400d"] * (one_in - 1)])  # now, or not within the run
        return (
            "calendar:\n  disturbances:\n"
            f"    - {{name: as before, share: {100 * share:.3g}%, every: {{empirical: [{gaps}]}}, "
            f"lasts: {delay_s // DAY_S + 1}d}}\n"
        )

    def to_json(self) -> list[dict[str, Any]]:
        """One object for each start day."""
        return [
            {
                "exported": iso(moment_of(each.exported_s, "UTC")),
                "delay_days": round(each.delay_s / DAY_S, 4),
                "forecast": each.forecast,
                "not_reached": each.not_reached,
                "devices": each.devices,
            }
            for each in self.past
        ]

    def parts(self) -> list[Table | Notes]:
        """The table of start days, and phi."""
        if not self.past:
            apart = f"No two of {self.lists} lists lie {rounded(self.delay_s)} apart"
            return [notes(f"{apart}: the error is not known.")]
        z = NormalDist().inv_cdf(0.975)
        columns = (
            Column("start day"),
            Column("forecast", "count"),
            Column("if independent", "range"),
            Column("not reached", "count"),
            Column("share", "share"),
        )
        rows: list[tuple[Cell, ...]] = []
        for each in self.past:
            day = f"{moment_of(each.exported_s, 'UTC'):%a %Y-%m-%d}"
            low, high = (float(round(each.forecast + side * z * each.sd)) for side in (-1, 1))
            share = each.not_reached / max(each.devices, 1)
            rows.append((day, each.forecast, (max(0.0, low), high), each.not_reached, share))
        title = f"What a start on earlier days, with a delay of {rounded(self.delay_s)}, would have missed"
        known = f"over {plural(len(self.past), 'forecast')}"
        says = f"Errors {known} were {self.phi:.2f} times what independent devices give (at least 1)."
        return [Table(columns, tuple(rows), title=title), notes(says)]


def backtest(lists: Sequence[DeviceList], *, delay_s: int) -> History:
    """Forecast from each list, and compare with the list that was made nearest to `delay_s` later.

    A device that is missing later counts as not reached only if it was in the forecast: consoles remove what
    was silent for long, and companies what they replace.
    """
    dated = [(each.exported_s, each) for each in lists if each.exported_s is not None]
    dated.sort(key=lambda each: each[0])
    times = np.array([each for each, _ in dated], dtype=np.int64)
    tolerance_s = max(DAY_S // 2, delay_s // 20)
    past = []
    for exported_s, devices in dated:
        after = np.flatnonzero((np.abs(times - exported_s - delay_s) <= tolerance_s) & (times > exported_s))
        if after.size:
            later = dated[after[np.argmin(np.abs(times[after] - exported_s - delay_s))]]
            past.append(_compared(devices, exported_s, *later))
    return History(tuple(past), delay_s, len(dated))


def _compared(devices: DeviceList, exported_s: int, later_s: int, later: DeviceList) -> Past:
    known = devices.contact == KNOWN
    delay_s = later_s - exported_s
    ages = Ages.of(devices)
    count = ages.longer_than(delay_s)
    seen = dict(zip(later.ids, np.where(later.contact == KNOWN, later.last_sync_s, -1).tolist(), strict=True))
    last = np.array([seen.get(id_, -1) for id_ in devices.ids], dtype=np.int64)
    silent = np.where(last < 0, devices.ages_s > delay_s, last <= exported_s)
    sd = math.sqrt(2 * (count - ages.longer_than(2 * delay_s)))
    return Past(exported_s, delay_s, count, sd, int(np.count_nonzero(silent & known)), int(known.sum()))


def read_history(folder: Path, options: ListOptions, *, duration_s: Callable[[str], int]) -> list[DeviceList]:
    """The lists in a folder; each was made on the date in its name, else at its newest contact.

    Raises:
        ListError: one of them cannot be read; InputError: there is no list, or there are too many.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in _ENDINGS)
    except OSError as error:
        message = f"{folder} cannot be listed ({error.strerror}): name a folder of earlier lists"
        raise InputError(message) from None
    if not 0 < len(paths) <= MOST_LISTS:
        endings = f"({', '.join(_ENDINGS)}): put 1 to {MOST_LISTS:,} into it"
        raise InputError(f"{folder} has {len(paths):,} lists {endings}")
    lists = []
    for path in paths:
        try:
            content = read_bytes(path, most_bytes=MOST_BYTES)
        except UnreadableError as error:
            raise InputError(f"{path} {error}") from None
        devices = read_list(content, replace(options, exported_s=None), duration_s=duration_s)
        named_s = _date_in(path.stem, devices)
        if named_s is not None:
            devices = read_list(content, replace(options, exported_s=named_s), duration_s=duration_s)
        if devices.problems:
            raise ListError(str(path), devices.problems)
        lists.append(devices)
    return lists


def _date_in(name: str, devices: DeviceList) -> int | None:
    """When a list was made by its name; a date without a time leaves the newest contact of that day."""
    match = _NAMED.search(name)
    if match is None:
        return None
    year, month, day, hour, minute = (part or "00" for part in match.groups())
    try:
        named = datetime.fromisoformat(f"{year}-{month}-{day}T{hour}:{minute}Z")
    except ValueError:
        return None
    named_s = int(named.timestamp())
    is_of_day = devices.exported_s is not None and named_s <= devices.exported_s < named_s + DAY_S
    return None if is_of_day and match[4] is None else named_s
