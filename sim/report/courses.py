"""What changes over a run: delivery of the reserve, devices, the help desk's queue, the server's load."""

from __future__ import annotations

from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from sim.report.scenes import Course, Ints, Scene
from sim.report.style import (
    BLUE,
    GREY,
    PALE,
    SKY,
    VERMILION,
    counting,
    mark_switches,
    over_time,
    say,
    two_over_time,
)
from sim.world.order import SECONDS_PER_DAY

_MOST_TOLD: Final = 3
_FEW_DAYS: Final = 14


def delivery(scene: Scene, course: Course) -> Figure:
    """The share of devices that hold the reserve while it waits, against the instant it becomes main.

    The share is drawn as far as a reserve waits; beside each switch stands how many held it just before.
    """
    figure, axes = over_time(scene, "How the reserve reaches the devices")
    share = np.where(course.holding < 0, np.nan, course.holding / max(scene.devices, 1))
    axes.plot(scene.dates(course.at_s), share, color=BLUE, linewidth=2, drawstyle="steps-post")
    axes.set_ylim(0, 1.04)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %", decimals=0))
    axes.set_ylabel("devices that hold it", fontsize=9)
    axes.grid(axis="y", color=PALE, linewidth=0.8)
    mark_switches(scene, axes)
    if not (course.holding >= 0).any():
        _note(axes, "no reserve waits at any full hour of this run")
    told = course.switches
    if len(told) > _MOST_TOLD:  # of many the one that fewest held
        told = (min(told, key=lambda switch: switch[1]),)
    for at_s, held in told:
        at, share_then = scene.date(at_s), held / max(scene.devices, 1)
        missing = scene.devices - held
        axes.plot([at], [share_then], "o", color=BLUE, markersize=5, zorder=5)
        words = f"{100 * share_then:.3g} % hold it, {missing:,} do not" if missing else "all hold it"
        side, below = 8 if at_s < 0.4 * scene.end_s else -8, -14 if share_then > 0.15 else 12
        say(axes, at, share_then, words, BLUE, at=(side, below))
    return figure


def devices(scene: Scene, course: Course) -> Figure:
    """Connected devices above; below, on a scale of their own, those lost now and those that are back."""
    figure, above, below = two_over_time(scene, "Connected, lost and reconnected devices")
    dates = scene.dates(course.at_s)
    above.plot(dates, course.connected, color=BLUE, linewidth=1.6)
    above.set_ylabel("connected", fontsize=9)
    counting(above, max(_most(course.connected), scene.devices))
    mark_switches(scene, above)
    below.plot(dates, course.lost, color=VERMILION, linewidth=2, linestyle="--", drawstyle="steps-post")
    below.plot(dates, course.reconnected, color=GREY, linewidth=2, linestyle=":", drawstyle="steps-post")
    below.set_ylabel("devices", fontsize=9)
    most = max(_most(course.lost), _most(course.reconnected))
    counting(below, most)
    mark_switches(scene, below, words=False)
    if most == 0:
        _note(below, "no device loses the server")
        return figure
    top = int(course.lost.argmax())
    late = course.at_s[top] > 0.75 * scene.end_s
    say(below, float(dates[top]), float(course.lost[top]), "lost now", VERMILION, at=(-8 if late else 8, 6))
    back = int(course.reconnected[-1])
    if back:
        say(below, float(dates[-1]), back, "back again", GREY, at=(-4, -10 if back > 0.2 * most else 10))
    return figure


def queue(scene: Scene, course: Course, technicians: int) -> Figure:
    """Devices that are ready and wait for a technician; a line at the number of technicians."""
    figure, axes = over_time(scene, "The help desk's queue")
    dates = scene.dates(course.at_s)
    axes.fill_between(
        dates, course.queue, step="post", facecolor=SKY, edgecolor=BLUE, linewidth=1.2, hatch="///", alpha=0.6
    )
    axes.plot(dates, course.queue, color=BLUE, linewidth=1.4, drawstyle="steps-post")
    axes.set_ylabel("devices waiting", fontsize=9)
    most = _most(course.queue)
    counting(axes, max(most, technicians))
    axes.axhline(technicians, color=VERMILION, linewidth=1.4, linestyle="-.")
    words = f"{technicians:,} technician{'s' if technicians > 1 else ''}"
    say(axes, scene.date(0), technicians, words, VERMILION, at=(4, 9 if technicians < 0.8 * most else -9))
    if most:
        top = int(course.queue.argmax())
        late = course.at_s[top] > 0.75 * scene.end_s
        say(axes, float(dates[top]), most, f"at most {most:,}", BLUE, at=(-8 if late else 8, 6))
    else:
        _note(axes, "nobody waits at any full hour")
    mark_switches(scene, axes)
    return figure


def syncs(scene: Scene, course: Course, outages_s: tuple[tuple[int, int], ...] = ()) -> Figure:
    """Successful synchronizations per hour, over weeks by day; outages of the server are hatched."""
    figure, axes = over_time(scene, "Synchronizations: the server's load")
    at_s, load = course.at_s[1:], course.syncs_per_hour[1:]
    dates = scene.dates(at_s)
    if scene.end_s > _FEW_DAYS * SECONDS_PER_DAY:
        _by_day(scene, axes, at_s, load)
    else:
        axes.plot(dates, load, color=BLUE, linewidth=1.4)
    axes.set_ylabel("per hour", fontsize=9)
    most = float(load.max(initial=0))
    counting(axes, most)
    for from_s, to_s in outages_s:
        axes.axvspan(scene.date(from_s), scene.date(to_s), facecolor=PALE, edgecolor=GREY, hatch="xxx", lw=0)
    if outages_s:
        from_s, to_s = outages_s[0]
        late = from_s > 0.6 * scene.end_s
        say(axes, scene.date(from_s if late else to_s), 0.5 * most, "outage", GREY, at=(-4 if late else 4, 0))
    if len(load):
        top = int(load.argmax())
        late = at_s[top] > 0.75 * scene.end_s
        say(axes, float(dates[top]), most, f"at most {most:,.0f}", BLUE, at=(-6 if late else 6, 6))
    mark_switches(scene, axes)
    return figure


def _by_day(scene: Scene, axes: Axes, at_s: Ints, load: NDArray[np.float64]) -> None:
    """Each day's mean as a line, in the band between its quietest and its busiest hour."""
    days, first = np.unique((at_s - 1) // SECONDS_PER_DAY, return_index=True)
    if not len(days):
        return
    low, high = np.minimum.reduceat(load, first), np.maximum.reduceat(load, first)
    mean = np.add.reduceat(load, first) / np.diff(np.append(first, len(load)))
    dates = scene.dates(days * SECONDS_PER_DAY + SECONDS_PER_DAY // 2)
    axes.fill_between(dates, low, high, facecolor=SKY, edgecolor="none", alpha=0.45)
    axes.plot(dates, mean, color=BLUE, linewidth=2)
    middle = len(days) // 3
    say(axes, float(dates[middle]), float(mean[middle]), "mean of each day", BLUE, at=(0, -12))
    say(axes, float(dates[middle]), float(low[middle]), "quietest to busiest hour", GREY, at=(0, -10))


def _most(values: Ints) -> int:
    return int(values.max(initial=0))


def _note(axes: Axes, text: str) -> None:
    axes.text(
        0.5,
        0.5,
        text,
        transform=axes.transAxes,
        ha="center",
        va="center",
        fontsize=10,
        color=GREY,
        bbox={"facecolor": "white", "edgecolor": "none"},
    )
