"""Bars over dates: the life of each certificate, and the histories of devices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from sim.figures import style
from sim.figures.style import WIDE_IN, Timespan

Spans = tuple[tuple[int, int], ...]
"""From and to, in seconds from the start; half-open."""

MOST_CERTIFICATES: Final = 24
"""Certificates that a figure shows; years of short ones have more."""
MOST_HISTORIES: Final = 12
_FEW_ROWS: Final = 8
_MOST_TICKS: Final = 1_000
_FEW_MARKS: Final = 12
_EXPIRED: Final[dict[str, Any]] = {"facecolor": style.PAPER, "hatch": "xxxx", "edgecolor": style.VERMILION}


@dataclass(frozen=True, slots=True)
class CertificateLife:
    """What becomes of a certificate within a run; instants in seconds from the start.

    Attributes:
        generation: its number.
        not_before_s, not_after_s: its validity, half-open; it may begin before the run and end after it.
        as_reserve: when it waits as reserve.
        as_main: when the server presents it.
    """

    generation: int
    not_before_s: int
    not_after_s: int
    as_reserve: Spans
    as_main: Spans


@dataclass(frozen=True, slots=True)
class DeviceHistory:
    """What happens to one device; instants in seconds from the start.

    Attributes:
        device: its name; anybody's text.
        off: when it was off.
        lost: when it was lost; the last one may end with the run.
        synced, received, reconnected, reinstalled: when that happened.
    """

    device: str
    off: Spans
    lost: Spans
    synced: tuple[int, ...]
    received: tuple[int, ...]
    reconnected: tuple[int, ...]
    reinstalled: tuple[int, ...]


def certificates(
    timespan: Timespan, lives: tuple[CertificateLife, ...], *, width_in: float = WIDE_IN
) -> Figure:
    """A row for each certificate: a pale bar while it is valid, on it a hatched one while it waits as reserve
    and a dark one while it is main; red and crossed where the server presents it after its expiry.
    """
    shown = lives[:MOST_CERTIFICATES]
    height_in = 1.9 + (0.42 if len(shown) <= _FEW_ROWS else 0.22) * max(len(shown), 2)
    title = "The life of the certificates"
    if len(shown) < len(lives):
        title = f"{title} (the first {len(shown)} of {len(lives):,})"
    figure, (axes,) = style.over_time(timespan, title, width_in=width_in, height_in=height_in)
    for row, life in enumerate(shown):
        end_s = life.not_after_s
        good = tuple((a, min(b, end_s)) for a, b in life.as_main)
        expired = tuple((max(a, end_s), b) for a, b in life.as_main)
        _bars(timespan, axes, row, ((life.not_before_s, end_s),), facecolor=style.PALE, edgecolor=style.GREY)
        _bars(timespan, axes, row, life.as_reserve, facecolor=style.SKY, hatch="////", edgecolor=style.BLUE)
        _bars(timespan, axes, row, good, facecolor=style.BLUE, edgecolor=style.BLUE)
        _bars(timespan, axes, row, expired, **_EXPIRED)
        if 0 <= end_s <= timespan.end_s:
            at = timespan.date(end_s)
            axes.plot([at, at], [row - 0.4, row + 0.4], color=style.INK, linewidth=2.5, solid_capstyle="butt")
    axes.set_yticks(range(len(shown)), [f"no. {life.generation + 1}" for life in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_ylabel("certificate", fontsize=9)
    if len(shown) < len(lives):
        last_s = max(b for life in shown for _, b in (*life.as_main, (0, 1)))
        axes.set_xlim(timespan.date(0), timespan.date(last_s))
    if len(shown) <= _FEW_ROWS:
        style.mark_changes(timespan, axes)
    keys: list[Patch | Line2D] = [
        Patch(facecolor=style.PALE, edgecolor=style.GREY, label="valid"),
        Patch(facecolor=style.SKY, edgecolor=style.BLUE, hatch="////", label="waits as reserve"),
        Patch(facecolor=style.BLUE, edgecolor=style.BLUE, label="is main"),
        Line2D([], [], color=style.INK, linestyle="", marker="|", markersize=10, mew=2.5, label="expires"),
    ]
    if any(b > life.not_after_s for life in shown for _, b in life.as_main):
        keys.append(Patch(label="main, but expired", **_EXPIRED))
    style.legend(figure, keys, width_in=width_in)
    return style.settle(figure)


def histories(timespan: Timespan, devices: tuple[DeviceHistory, ...], *, width_in: float = WIDE_IN) -> Figure:
    """A row for each device: pale while it is on, empty while it is off, hatched red while it is lost; ticks
    for synchronizations, marks where it received a reserve, reconnected or was reinstalled.
    """
    shown = devices[:MOST_HISTORIES]
    height_in = 1.9 + 0.62 * max(len(shown), 1)
    figure, (axes,) = style.over_time(
        timespan, "What happened to some devices", width_in=width_in, height_in=height_in
    )
    for row, device in enumerate(shown):
        _history(timespan, axes, row, device)
    axes.set_yticks(
        range(len(shown)), [style.plain(device.device, round(3.5 * width_in), tail=8) for device in shown]
    )
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    style.mark_changes(timespan, axes)
    point: dict[str, Any] = {"linestyle": "", "markersize": 8}
    keys = [
        Patch(facecolor=style.PALE, edgecolor=style.PALE, label="on"),
        Patch(facecolor=style.PAPER, edgecolor=style.GREY, label="off"),
        Line2D([], [], color=style.INK, marker="|", label="synchronized", **point),
        Line2D([], [], color=style.BLUE, marker="v", label="received the reserve", **point),
        Patch(facecolor=style.PAPER, edgecolor=style.VERMILION, hatch="////", label="lost"),
        Line2D([], [], color=style.GREEN, marker="o", label="back", **point),
        Line2D([], [], color=style.GREEN, marker="P", label="back by reinstallation", **point),
    ]
    style.legend(figure, keys, width_in=width_in)
    return style.settle(figure)


def _history(timespan: Timespan, axes: Axes, row: int, device: DeviceHistory) -> None:
    end_s = timespan.end_s
    _bars(timespan, axes, row, ((0, end_s),), facecolor=style.PALE, edgecolor=style.PALE)
    _bars(timespan, axes, row, device.off, facecolor=style.PAPER, edgecolor=style.GREY)
    _bars(timespan, axes, row, device.lost, facecolor="none", edgecolor=style.VERMILION, hatch="////")
    width_s = max(1, end_s // _MOST_TICKS)  # nearer ones cannot be told apart
    ticks = list({at_s // width_s: at_s for at_s in device.synced}.values())
    axes.vlines(timespan.dates(ticks), row - 0.16, row + 0.16, color=style.INK, linewidth=0.6)
    helped = set(device.reinstalled)
    for instants_s, marker, colour, size in (
        (device.received, "v", style.BLUE, 9),
        (tuple(at_s for at_s in device.reconnected if at_s not in helped), "o", style.GREEN, 8),
        (device.reinstalled, "P", style.GREEN, 10),
    ):
        axes.plot(
            timespan.dates(instants_s),
            np.full(len(instants_s), row - 0.02),
            linestyle="",
            marker=marker,
            color=colour,
            markersize=size if len(instants_s) <= _FEW_MARKS else 4,
            markeredgecolor=style.PAPER,
            zorder=6,
        )


def _bars(timespan: Timespan, axes: Axes, row: int, spans: Spans, **shape: Any) -> None:
    """The parts of spans that lie within the run, as bars in a row."""
    inside = [(max(a, 0), min(b, timespan.end_s)) for a, b in spans]
    bars = [(timespan.date(a), timespan.date(b) - timespan.date(a)) for a, b in inside if b > a]
    if bars:
        axes.broken_barh(bars, (row - 0.31, 0.62), linewidth=0.8, **shape)
