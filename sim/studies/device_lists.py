"""What a list of devices tells, without a scenario: `inventory` and `forecast`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from sim.errors import InputError, UnreadableError
from sim.files import read_bytes
from sim.lists.devices import COLUMNS, DeviceList, ListOptions, Order
from sim.lists.forecast import Forecast, exported_text, forecast_of, points, weeks_of
from sim.lists.history import backtest, read_history
from sim.lists.inventory import Inventory
from sim.lists.reading import ListError, read_list
from sim.lists.table import MOST_BYTES
from sim.scenario.instants import parse_moment
from sim.scenario.values import kind_of, parse_duration, read_target, written
from sim.text import quoted
from sim.world.order import SECONDS_PER_DAY

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from sim.figures.style import Ax, Size


class Reading(TypedDict, total=False):
    """How a list is to be read, as `columns` and `list` of a scenario say it.

    `columns`: from names of the language to headers; `exported`: when it was made; `timezone`: of dates
    without one; `only`: rows to take, by header; `gone_after`: silent for longer, not connected any more.
    """

    columns: Mapping[str, str]
    exported: str | datetime
    timezone: str
    dates: Order
    encoding: str
    only: Mapping[str, Sequence[str]]
    gone_after: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ListForecast(Forecast):
    """A forecast that can be drawn."""

    def plot(self, *, ax: Ax = None, figsize: Size = None) -> Figure:
        """Devices that each delay does not reach, and the ages of the last contacts."""
        from sim.figures import delays

        name, reaches = f"list of {exported_text(self.devices)}", points(self, self.delay_s)
        place, weeks = (ax, figsize), weeks_of(self).tolist()
        return delays.forecast(name, reaches, weeks, confidence=self.confidence, place=place)


def inventory(source: str | os.PathLike[str] | pd.DataFrame, **reading: Unpack[Reading]) -> Inventory:
    """What can be understood of a list: its columns, dates and rows, and the ages of its devices.

    Args:
        source: a file that a console has exported, or a table.
        reading: how to read it, where that is not found out.

    Raises:
        InputError: the list cannot be read; the text says what would mend it.
    """
    options = _options(reading)
    file, devices = _read(source, options)
    return Inventory.of(devices, file=file, options=options)


def forecast(
    source: str | os.PathLike[str] | pd.DataFrame,
    *,
    delay: str | timedelta | None = None,
    activates: str | datetime | None = None,
    history: str | os.PathLike[str] | None = None,
    lost_at_most: float | str | None = None,
    confidence: float = 0.95,
    **reading: Unpack[Reading],
) -> ListForecast:
    """Who will not have the reserve in time, from the ages of last contacts alone (model 11.3, 11.4).

    Args:
        source: a file that a console has exported, or a table. Devices that hold the reserve are safe, so the
            list of any later day tells whether a running reissue is on track.
        delay: from the list to the activation, such as `30d`; default: the usual ones.
        activates: instead of `delay`, the instant of the activation.
        history: a folder of earlier lists, which tell what such forecasts were worth.
        lost_at_most: the promise: a number of devices from 1 on, or a share below.
        confidence: of the bands.
        reading: how to read the lists, where that is not found out.

    Raises:
        InputError: a list cannot be read, or an argument is wrong; the text says what would mend it.
    """
    options = _options(reading)
    _, devices = _read(source, options)
    if not 0 < confidence < 1:
        raise InputError(f"a confidence of {confidence} is not between 0 and 1: write one such as 0.95")
    if delay is not None and activates is not None:
        raise InputError("delay and activates say the same: give one of them")
    try:
        delay_s: int | None = None if delay is None else parse_duration(written(delay))
        most = None if lost_at_most is None else read_target(lost_at_most, of=len(devices.ids))
        if activates is not None:
            delay_s = _moment_s(activates) - (devices.exported_s or 0)
    except ValueError as error:
        raise InputError(str(error)) from None
    if delay_s is not None and delay_s < 1:
        raise InputError(
            "the activation is not later than the list: write a later instant, or a delay of 1s or more"
        )
    past = None
    if history is not None:
        lists = read_history(Path(history), options, duration_s=parse_duration)
        past = backtest(lists, delay_s=30 * SECONDS_PER_DAY if delay_s is None else delay_s)
    found = forecast_of(devices, delay_s=delay_s, most=most, history=past, confidence=confidence)
    return ListForecast(**{each.name: getattr(found, each.name) for each in fields(found)})


def _options(reading: Reading) -> ListOptions:
    given: dict[str, Any] = {name: value for name, value in reading.items() if value is not None}
    for name in given.get("columns", ()):
        if name not in COLUMNS:
            raise InputError(f"columns: there is no {quoted(name)}: the names are {', '.join(COLUMNS)}")
    try:
        for name, read_s in (("exported", _moment_s), ("gone_after", parse_duration)):
            if name in given:
                given[f"{name}_s"] = read_s(given.pop(name))
        return ListOptions(**given, suggests=True)
    except (ValueError, TypeError) as error:
        raise InputError(str(error)) from None


def _moment_s(written: str | datetime) -> int:
    """Seconds since 1970 of an instant; without an offset it is in UTC."""
    moment = parse_moment(written) if isinstance(written, str) else written
    return int((moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp())


def _read(source: str | os.PathLike[str] | pd.DataFrame, options: ListOptions) -> tuple[str, DeviceList]:
    if isinstance(source, str | os.PathLike):
        file = os.fspath(source)
        try:
            content = read_bytes(Path(file), most_bytes=MOST_BYTES)
        except UnreadableError as error:
            raise InputError(f"{file} {error}") from None
    elif hasattr(source, "to_csv"):
        file, content = "devices.csv", source.to_csv(index=False).encode()
    else:
        raise InputError(f"a list is a file or a DataFrame, not {kind_of(source)}")
    devices = read_list(content, options, duration_s=parse_duration)
    if devices.problems:
        raise ListError(file, devices.problems)
    return file, devices
