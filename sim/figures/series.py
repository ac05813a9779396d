"""Time series: delivery of the reserve, devices, the help desk's queue, the server's load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Final, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from sim.figures import style
from sim.figures.style import BLUE, GREY, PALE, SKY, VERMILION, Floats, Ints, Place, Timespan
from sim.text import number, plural
from sim.world.order import SECONDS_PER_DAY

_QUANTILES: Final = (0.05, 0.5, 0.95)
"""Over replications: a band lies between the first and the last, the line is the middle."""
MOST_POINTS: Final = 2_000
"""Instants that a line has room for."""
_MOST_BAND_POINTS: Final = 400
_MOST_SWITCHES: Final = 3
_FEW_DAYS: Final = 14

Switches = tuple[tuple[int, tuple[int, ...]], ...]
"""Each activation of a reserve: its instant, and how many devices held it just before, by replication."""
Quantity = Literal["coverage", "lost", "queue", "syncs_per_hour"]
_QUANTITIES: Final[Mapping[Quantity, tuple[str, str]]] = {
    "coverage": ("How the reserve reaches the devices", "devices that hold it"),
    "lost": ("Devices that have lost the server", "lost now"),
    "queue": ("The help desk's queue", "devices waiting"),
    "syncs_per_hour": ("Synchronizations: the server's load", "per hour"),
}
"""The title and the vertical axis of a figure of each."""


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
    def runs(self) -> str:
        """What lines and bands are of, in words; empty for one replication."""
        n = len(self.lost)
        return f" Lines are medians of {n:,} runs, bands hold 5 to 95 % of them." if n > 1 else ""


def delivery(
    timespan: Timespan, series: TimeSeries, switches: Switches, *, place: Place = style.NEW
) -> Figure:
    """The share of devices that hold the waiting reserve, as far as one waits; with one reserve also of the
    groups that lag.

    Beside each instant of `switches` at which it becomes main stands how many held it just before.
    """
    axes = _axes(timespan, "coverage", place)
    waits = ~np.isnan(series.coverage).all(axis=0)
    lagging: dict[str, Floats] = {}
    if len(switches) == 1 and waits.any():
        fleet = float(np.nanmean(series.coverage[:, waits][:, -1]))
        reached = {name: share[waits] for name, share in series.groups.items()}
        lagging = {name: share for name, share in reached.items() if share[-1] < fleet}
    _line(axes, timespan, series.at_s, series.coverage, BLUE, "-")
    style.mark_changes(timespan, axes)
    if not waits.any():
        style.note(axes, "no reserve waits at any full hour of this run")
    held_by = "; ".join(
        f"{counts_in_words(held)} of {series.devices:,} devices hold it when it becomes main, "
        f"{timespan.shown(at_s)}"
        for at_s, held in switches[:_MOST_SWITCHES]
    )
    if len(switches) > _MOST_SWITCHES:  # of many the one that fewest held
        switches = (min(switches, key=lambda switch: min(switch[1])),)
    for at_s, held in switches:
        at, middle = timespan.date(at_s), float(np.median(held)) / max(series.devices, 1)
        missing = [series.devices - each for each in held]
        axes.plot([at], [middle], "o", color=BLUE, markersize=5, zorder=5)
        words = f"{'all: ' if lagging else ''}{100 * middle:.3g} % hold it, {counts_in_words(missing)} do not"
        style.label(axes, at, middle, words if max(missing) else "all hold it", BLUE)
    dates = timespan.dates(series.at_s[waits])
    for (name, share), (colour, dashes) in zip(lagging.items(), style.LINES[1:4], strict=False):
        axes.plot(dates, share, dashes, color=colour, linewidth=1.6, drawstyle="steps-post")
        words = f"{style.plain(name, 24)}: {100 * share[-1]:.3g} %"
        style.label(axes, float(dates[-1]), float(share[-1]), words, colour)
    held_by = held_by or "It does not become main"
    words = f"Share of devices that hold the waiting reserve. {held_by}.{series.runs}"
    return style.settle([axes], words if switches or waits.any() else "")


def devices(timespan: Timespan, series: TimeSeries, *, place: Place = style.NEW) -> Figure:
    """Connected devices above; below, on a scale of their own, those lost now and those that are back."""
    title = "Connected, lost and reconnected devices"
    above, below = style.over_time(timespan, title, place, height_in=4.8, ratios=(2, 3))
    is_warm, size = series.at_s >= series.warm_up_s, series.devices
    _line(above, timespan, series.at_s, np.where(is_warm, series.connected, np.nan), BLUE, "-")
    above.set_ylabel("connected", fontsize=9)
    style.count_axis(above, max(_most(series.connected), size))
    least = float(series.connected[:, is_warm].min(initial=size))
    if least > size / 2:  # what changes can be seen
        above.set_ylim(least - max(0.25 * (size - least), 1), size + 0.15 * max(size - least, 1))
    if not is_warm.any():
        style.note(above, "not every device had two periods yet")
    style.mark_changes(timespan, above)
    lost = _line(below, timespan, series.at_s, series.lost, VERMILION, "--")
    back = _line(below, timespan, series.at_s, series.reconnected, GREY, ":")
    below.set_ylabel("devices", fontsize=9)
    most = max(_most(series.lost), _most(series.reconnected))
    style.count_axis(below, most)
    style.mark_changes(timespan, below, with_words=False)
    if most == 0:
        style.note(below, "no device loses the server")
    else:
        top = int(lost.argmax())
        style.label(below, timespan.date(series.at_s[top]), lost[top], "lost now", VERMILION)
        if back[-1]:
            half = int(np.searchsorted(back, back[-1] / 2))
            style.label(below, timespan.date(series.at_s[half]), back[half], "back again", GREY)
    words = (
        f"Devices lost at a time: at most {number(series.lost.max())}; come back by the end: "
        f"{number(float(np.median(series.reconnected[:, -1])))}.{series.runs}"
    )
    return style.settle([above, below], words)


def queue(timespan: Timespan, series: TimeSeries, technicians: int, *, place: Place = style.NEW) -> Figure:
    """Devices that are ready and wait for a technician; a line at the number of technicians."""
    axes = _axes(timespan, "queue", place)
    middle = _line(axes, timespan, series.at_s, series.queue, BLUE, "-")
    if len(series.queue) == 1:
        dates = timespan.dates(series.at_s)
        axes.fill_between(dates, middle, step="post", alpha=0.6, hatch="///", fc=SKY, ec=BLUE)
    most = _most(series.queue)
    style.count_axis(axes, max(most, technicians))
    axes.axhline(technicians, color=VERMILION, linewidth=1.4, linestyle="-.")
    style.label(axes, timespan.date(0), technicians, plural(technicians, "technician"), VERMILION)
    if most:
        _name_peak(axes, timespan, series.at_s, series.queue)
    else:
        style.note(axes, "nobody waits at any full hour")
    style.mark_changes(timespan, axes)
    words = f"Devices that wait for {plural(technicians, 'technician')}: at most {number(most)} at a time."
    return style.settle([axes], words + series.runs if most else "")


def syncs(
    timespan: Timespan,
    series: TimeSeries,
    outages_s: tuple[tuple[int, int], ...] = (),
    *,
    place: Place = style.NEW,
) -> Figure:
    """Successful synchronizations per hour, over weeks by day; outages of the server are hatched."""
    axes = _axes(timespan, "syncs_per_hour", place)
    at_s, load = series.at_s[1:], series.syncs_per_hour[:, 1:]
    style.count_axis(axes, _most(load))
    for from_s, to_s in outages_s:
        axes.axvspan(timespan.date(from_s), timespan.date(to_s), lw=0, fc=PALE, ec=GREY, hatch="xxx")
    if timespan.end_s > _FEW_DAYS * SECONDS_PER_DAY and len(at_s):
        _by_day(timespan, axes, at_s, load)
    else:
        _line(axes, timespan, at_s, load, BLUE, "-", step=None)
    peak = _name_peak(axes, timespan, at_s, load) if len(at_s) else ""
    if outages_s:
        style.label(axes, timespan.date(outages_s[0][1]), 0.5 * _most(load), "outage", GREY)
    style.mark_changes(timespan, axes)
    return style.settle([axes], f"Synchronizations per hour over the dates, {peak}.{series.runs}")


def _by_day(timespan: Timespan, axes: Axes, at_s: Ints, load: Floats) -> None:
    """Each day's mean as a line, in the band between its quietest and its busiest hour, of all runs."""
    days, first = np.unique((at_s - 1) // SECONDS_PER_DAY, return_index=True)
    low = np.minimum.reduceat(load.min(axis=0), first)
    high = np.maximum.reduceat(load.max(axis=0), first)
    mean = np.add.reduceat(load.mean(axis=0), first) / np.diff(np.append(first, len(at_s)))
    dates = timespan.dates(days * SECONDS_PER_DAY + SECONDS_PER_DAY // 2)
    axes.fill_between(dates, low, high, facecolor=SKY, edgecolor="none", alpha=0.45)
    axes.plot(dates, mean, color=BLUE, linewidth=2)
    middle = len(days) // 3
    style.label(axes, float(dates[middle]), float(mean[middle]), "mean of each day", BLUE)
    runs = f" of {len(load)} runs" if len(load) > 1 else ""
    style.label(axes, float(dates[middle]), float(low[middle]), f"quietest to busiest hour{runs}", GREY)


def together(
    timespan: Timespan, quantity: Quantity, results: Mapping[str, TimeSeries], *, place: Place = style.NEW
) -> Figure:
    """One quantity of several results, by their names: a line for each, of several runs in a band."""
    axes = _axes(timespan, quantity, place)
    if quantity != "coverage":
        style.count_axis(axes, max(_most(getattr(series, quantity)) for series in results.values()))
    for (name, series), (colour, dashes) in zip(results.items(), cycle(style.LINES), strict=False):
        _line(axes, timespan, series.at_s, getattr(series, quantity), colour, dashes)
        axes.lines[-1].set_label(style.plain(name, 60))
    style.legend(axes, [line for line in axes.lines if not str(line.get_label()).startswith("_")])
    return style.settle([axes])


def _axes(timespan: Timespan, quantity: Quantity, place: Place) -> Axes:
    title, label = _QUANTITIES[quantity]
    (axes,) = style.over_time(timespan, title, place)
    axes.set_ylabel(label, fontsize=9)
    if quantity == "coverage":
        axes.set_ylim(0, 1.08)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %", decimals=0))
        axes.grid(axis="y", color=PALE, linewidth=0.8)
    return axes


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
    is_there, dates = ~np.isnan(values).all(axis=0), timespan.dates(at_s)
    low, middle, high = np.full((3, len(at_s)), np.nan)
    if is_there.any():
        found = np.nanquantile(values[:, is_there], _QUANTILES, axis=0, method="inverted_cdf")
        low[is_there], middle[is_there], high[is_there] = found
    draw = "default" if step is None else "steps-post"
    if len(values) > 1 and is_there.any():
        bins = np.arange(0, len(at_s), max(1, -(-len(at_s) // _MOST_BAND_POINTS)))
        low, high, ends = np.fmin.reduceat(low, bins), np.fmax.reduceat(high, bins), dates[bins]
        axes.fill_between(ends, low, high, step=step, facecolor=colour, edgecolor="none", alpha=0.25)
        widest = int(np.argmax(np.nan_to_num(high - low)))
        words = "5 to 95 % of" if high[widest] > low[widest] else "the same in"
        if not any(text.get_text().endswith("runs") for text in axes.texts):
            place = float(ends[widest]), float(high[widest])
            style.label(axes, *place, f"{words} {len(values):,} runs", GREY)
    axes.plot(dates, middle, color=colour, linewidth=2, linestyle=dashes, drawstyle=draw)
    return middle


def _name_peak(axes: Axes, timespan: Timespan, at_s: Ints, values: Floats) -> str:
    """The greatest value, beside the point where it is reached; and in words, with the date."""
    highest = values.max(axis=0)
    top = int(highest.argmax())
    when, words = timespan.shown(int(at_s[top])), f"at most {number(round(highest[top]))}"
    day, _, hour = when.split()
    style.label(axes, timespan.date(at_s[top]), float(highest[top]), f"{words}, {day} {hour}", BLUE)
    return f"{words}, on {when}"


def _most(values: Floats) -> float:
    return float(np.nan_to_num(values).max(initial=0))


def counts_in_words(counts: Sequence[int]) -> str:
    """The count, or the median of several and, in brackets, the band."""
    if len(set(counts)) == 1:
        return f"{counts[0]:,}"
    low, middle, high = np.quantile(counts, _QUANTILES, method="inverted_cdf")
    return f"{number(middle)} ({number(low)} to {number(high)})"
