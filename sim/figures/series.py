"""Time series: delivery of the reserve, devices, the help desk's queue, the server's load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from typing import Any, Final, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from sim.figures import style
from sim.figures.style import WIDE_IN, Floats, Ints, Timespan
from sim.text import number
from sim.world.order import SECONDS_PER_DAY

BAND: Final = (0.05, 0.95)
"""Quantiles over replications that every band lies between."""
BAND_WORDS: Final = "5 to 95 % of runs"
MOST_POINTS: Final = 2_000
"""Instants that a line has room for."""
_MOST_BAND_POINTS: Final = 400
_MOST_SWITCHES: Final = 3
_LAGGING: Final = (style.VERMILION, style.GREEN, style.GREY)
"""Colours of the groups that lag most; others have no line of their own."""
_FEW_DAYS: Final = 14


@dataclass(frozen=True, eq=False)
class TimeSeries:
    """The samples of one or several replications.

    Attributes:
        at_s: instants in seconds from the start; shape (samples,).
        coverage: the share of devices that hold the waiting reserve, NaN while none waits; this and the
            following have the shape (replications, samples).
        connected: devices that synchronized within the last two periods.
        lost: devices lost now.
        reconnected: devices whose first loss has ended.
        queue: devices that wait for a technician.
        syncs_per_hour: synchronizations since the sample before.
        devices: how many there are.
        warm_up_s: seconds from the start until two periods have passed, before which `connected` is too low.
        groups: by group, those that lag most first, the share that the last reserve had reached, over all
            replications; shape (samples,).
    """

    at_s: Ints
    coverage: Floats
    connected: Floats
    lost: Floats
    reconnected: Floats
    queue: Floats
    syncs_per_hour: Floats
    devices: int
    warm_up_s: int = 0
    groups: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def replications(self) -> int:
        """How many runs they are of."""
        return len(self.lost)


def delivery(
    timespan: Timespan,
    series: TimeSeries,
    switches: tuple[tuple[int, tuple[int, ...]], ...],
    *,
    width_in: float = WIDE_IN,
) -> Figure:
    """The share of devices that hold the waiting reserve, as far as one waits; with one reserve also of the
    groups that lag.

    Beside each instant of `switches` at which it becomes main stands how many held it just before, in each
    replication.
    """
    figure, (axes,) = style.over_time(timespan, "How the reserve reaches the devices", width_in=width_in)
    waits = np.asarray(~np.isnan(series.coverage).all(axis=0), dtype=np.bool_)
    lagging = _lagging(series, waits) if len(switches) == 1 and waits.any() else {}
    _line(axes, timespan, series.at_s, series.coverage, style.BLUE, "-")
    axes.set_ylim(0, 1.08)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %", decimals=0))
    axes.set_ylabel("devices that hold it", fontsize=9)
    axes.grid(axis="y", color=style.PALE, linewidth=0.8)
    style.mark_changes(timespan, axes)
    if np.isnan(series.coverage).all():
        style.note(axes, "no reserve waits at any full hour of this run")
    if len(switches) > _MOST_SWITCHES:  # of many the one that fewest held
        switches = (min(switches, key=lambda switch: min(switch[1])),)
    for at_s, held in switches:
        at, share = timespan.date(at_s), float(np.median(held)) / max(series.devices, 1)
        missing = [series.devices - each for each in held]
        axes.plot([at], [share], "o", color=style.BLUE, markersize=5, zorder=5)
        words = f"{'all: ' if lagging else ''}{100 * share:.3g} % hold it, {counts_in_words(missing)} do not"
        style.label(axes, at, share, words if max(missing) else "all hold it", style.BLUE)
    dates = timespan.dates(series.at_s[waits])
    for (name, reached), colour, dashes in zip(lagging.items(), _LAGGING, ("--", ":", "-."), strict=False):
        axes.plot(dates, reached, color=colour, linewidth=1.6, linestyle=dashes, drawstyle="steps-post")
        words = f"{style.plain(name, 24)}: {100 * reached[-1]:.3g} %"
        style.label(axes, float(dates[-1]), float(reached[-1]), words, colour)
    return style.settle(figure)


def _lagging(series: TimeSeries, waits: NDArray[np.bool_]) -> dict[str, Floats]:
    """The groups of which a smaller share holds the reserve in the end than of the fleet, while it waits."""
    fleet = float(np.nanmean(series.coverage[:, waits][:, -1]))
    shares = {name: share[waits] for name, share in series.groups.items()}
    return {name: share for name, share in shares.items() if share[-1] < fleet}


def devices(timespan: Timespan, series: TimeSeries, *, width_in: float = WIDE_IN) -> Figure:
    """Connected devices above; below, on a scale of their own, those lost now and those that are back."""
    title = "Connected, lost and reconnected devices"
    figure, (above, below) = style.over_time(timespan, title, width_in=width_in, height_in=4.8, ratios=(2, 3))
    is_warm = series.at_s >= series.warm_up_s
    _line(above, timespan, series.at_s, np.where(is_warm, series.connected, np.nan), style.BLUE, "-")
    above.set_ylabel("connected", fontsize=9)
    style.count_axis(above, max(_most(series.connected), series.devices))
    least = float(series.connected[:, is_warm].min(initial=series.devices))
    if least > series.devices / 2:  # what changes can be seen
        above.set_ylim(least - 0.25 * max(series.devices - least, 1), above.get_ylim()[1])
        above.set_ylim(top=series.devices + 0.15 * max(series.devices - least, 1))
    style.mark_changes(timespan, above)
    lost = _line(below, timespan, series.at_s, series.lost, style.VERMILION, "--")
    back = _line(below, timespan, series.at_s, series.reconnected, style.GREY, ":")
    below.set_ylabel("devices", fontsize=9)
    most = max(_most(series.lost), _most(series.reconnected))
    style.count_axis(below, most)
    style.mark_changes(timespan, below, with_words=False)
    if most == 0:
        style.note(below, "no device loses the server")
    else:
        top = int(lost.argmax())
        style.label(below, timespan.date(series.at_s[top]), lost[top], "lost now", style.VERMILION)
        if back[-1]:
            half = int(np.searchsorted(back, back[-1] / 2))
            style.label(below, timespan.date(series.at_s[half]), back[half], "back again", style.GREY)
    return style.settle(figure)


def queue(timespan: Timespan, series: TimeSeries, technicians: int, *, width_in: float = WIDE_IN) -> Figure:
    """Devices that are ready and wait for a technician; a line at the number of technicians."""
    figure, (axes,) = style.over_time(timespan, "The help desk's queue", width_in=width_in)
    middle = _line(axes, timespan, series.at_s, series.queue, style.BLUE, "-")
    if series.replications == 1:
        shade: dict[str, Any] = {"facecolor": style.SKY, "edgecolor": style.BLUE, "hatch": "///"}
        axes.fill_between(timespan.dates(series.at_s), middle, step="post", alpha=0.6, **shade)
    axes.set_ylabel("devices waiting", fontsize=9)
    most = _most(series.queue)
    style.count_axis(axes, max(most, technicians))
    axes.axhline(technicians, color=style.VERMILION, linewidth=1.4, linestyle="-.")
    words = f"{technicians:,} technician{'s' if technicians > 1 else ''}"
    style.label(axes, timespan.date(0), technicians, words, style.VERMILION)
    if most:
        _name_peak(axes, timespan, series.at_s, series.queue)
    else:
        style.note(axes, "nobody waits at any full hour")
    style.mark_changes(timespan, axes)
    return style.settle(figure)


def syncs(
    timespan: Timespan,
    series: TimeSeries,
    outages_s: tuple[tuple[int, int], ...] = (),
    *,
    width_in: float = WIDE_IN,
) -> Figure:
    """Successful synchronizations per hour, over weeks by day; outages of the server are hatched."""
    figure, (axes,) = style.over_time(timespan, "Synchronizations: the server's load", width_in=width_in)
    at_s, load = series.at_s[1:], series.syncs_per_hour[:, 1:]
    axes.set_ylabel("per hour", fontsize=9)
    style.count_axis(axes, _most(load))
    for from_s, to_s in outages_s:
        shade: dict[str, Any] = {"facecolor": style.PALE, "edgecolor": style.GREY, "hatch": "xxx", "lw": 0}
        axes.axvspan(timespan.date(from_s), timespan.date(to_s), **shade)
    if timespan.end_s > _FEW_DAYS * SECONDS_PER_DAY and len(at_s):
        _by_day(timespan, axes, at_s, load)
    else:
        _line(axes, timespan, at_s, load, style.BLUE, "-", step=None)
    if len(at_s):
        _name_peak(axes, timespan, at_s, load, with_hour=True)
    if outages_s:
        style.label(axes, timespan.date(outages_s[0][1]), 0.5 * _most(load), "outage", style.GREY)
    style.mark_changes(timespan, axes)
    return style.settle(figure)


def _by_day(timespan: Timespan, axes: Axes, at_s: Ints, load: Floats) -> None:
    """Each day's mean as a line, in the band between its quietest and its busiest hour, of all runs."""
    days, first = np.unique((at_s - 1) // SECONDS_PER_DAY, return_index=True)
    low = np.minimum.reduceat(load.min(axis=0), first)
    high = np.maximum.reduceat(load.max(axis=0), first)
    mean = np.add.reduceat(load.mean(axis=0), first) / np.diff(np.append(first, len(at_s)))
    dates = timespan.dates(days * SECONDS_PER_DAY + SECONDS_PER_DAY // 2)
    axes.fill_between(dates, low, high, facecolor=style.SKY, edgecolor="none", alpha=0.45)
    axes.plot(dates, mean, color=style.BLUE, linewidth=2)
    middle = len(days) // 3
    style.label(axes, float(dates[middle]), float(mean[middle]), "mean of each day", style.BLUE)
    runs = ", all runs" if len(load) > 1 else ""
    style.label(axes, float(dates[middle]), float(low[middle]), f"quietest to busiest hour{runs}", style.GREY)


def _line(
    axes: Axes,
    timespan: Timespan,
    at_s: Ints,
    values: Floats,
    colour: str,
    dashes: str,
    *,
    step: Literal["post"] | None = "post",
) -> Floats:
    """A line at the median over the replications, in a named band where there are several; the median."""
    values = np.asarray(values, dtype=np.float64)
    is_there = ~np.isnan(values).all(axis=0)
    low, middle, high = np.full((3, len(at_s)), np.nan)
    if is_there.any():
        quantiles = (BAND[0], 0.5, BAND[1])
        found = np.nanquantile(values[:, is_there], quantiles, axis=0, method="inverted_cdf")
        low[is_there], middle[is_there], high[is_there] = found
    dates = timespan.dates(at_s)
    draw = "default" if step is None else "steps-post"
    axes.plot(dates, middle, color=colour, linewidth=2, linestyle=dashes, drawstyle=draw)
    if len(values) > 1:
        bins = np.arange(0, len(at_s), max(1, -(-len(at_s) // _MOST_BAND_POINTS)))
        low, high, dates = np.fmin.reduceat(low, bins), np.fmax.reduceat(high, bins), dates[bins]
        axes.fill_between(dates, low, high, step=step, facecolor=colour, edgecolor="none", alpha=0.25)
        widest = int(np.argmax(np.nan_to_num(high - low)))
        if not any(text.get_text() == BAND_WORDS for text in axes.texts) and high[widest] > low[widest]:
            style.label(axes, float(dates[widest]), float(high[widest]), BAND_WORDS, style.GREY)
    return middle


def _name_peak(
    axes: Axes, timespan: Timespan, at_s: Ints, values: Floats, *, with_hour: bool = False
) -> None:
    """The greatest value, beside the point where it is reached, and on which day at what time that is."""
    highest = values.max(axis=0)
    top = int(highest.argmax())
    when = (timespan.start.astimezone(UTC) + timedelta(seconds=int(at_s[top]))).astimezone(
        timespan.start.tzinfo
    )
    words = f"at most {highest[top]:,.0f}{f', {when:%a %H:%M}' if with_hour else ''}"
    style.label(axes, timespan.date(at_s[top]), float(highest[top]), words, style.BLUE)


def _most(values: Floats) -> float:
    return float(np.nan_to_num(values).max(initial=0))


def counts_in_words(counts: Sequence[int]) -> str:
    """One count, or the median of several and, in brackets, the band."""
    if len(counts) == 1:
        return f"{counts[0]:,}"
    low, middle, high = np.quantile(counts, (BAND[0], 0.5, BAND[1]), method="inverted_cdf")
    return f"{number(middle)} ({number(low)} to {number(high)})"
