"""Device stories as strips: one row a device, what happened to it along the dates."""

from __future__ import annotations

from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from sim.report.scenes import Scene, Spans, Strip
from sim.report.style import BLUE, GREEN, GREY, INK, PALE, VERMILION, mark_switches, over_time, plain

MOST_ROWS: Final = 12
_MOST_TICKS: Final = 1_000
_FEW_MARKS: Final = 12


def stories(scene: Scene, strips: tuple[Strip, ...]) -> Figure:
    """A band for each device: pale while it is on, empty while it is off, hatched red while it is lost; ticks
    for synchronizations, marks where it received a reserve, reconnected or was reinstalled.
    """
    shown = strips[:MOST_ROWS]
    figure, axes = over_time(
        scene, "What happened to some devices", height_in=1.9 + 0.62 * max(len(shown), 1)
    )
    for row, strip in enumerate(shown):
        _strip(scene, axes, row, strip)
    axes.set_yticks(range(len(shown)), [plain(strip.device, 26) for strip in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    mark_switches(scene, axes)
    keys = [
        Patch(facecolor=PALE, edgecolor=PALE, label="on"),
        Patch(facecolor="white", edgecolor=GREY, label="off"),
        Line2D([], [], color=INK, linestyle="", marker="|", markersize=8, label="synchronized"),
        Line2D([], [], color=BLUE, linestyle="", marker="v", markersize=8, label="received the reserve"),
        Patch(facecolor="white", edgecolor=VERMILION, hatch="////", label="lost"),
        Line2D([], [], color=GREEN, linestyle="", marker="o", markersize=7, label="back"),
        Line2D([], [], color=GREEN, linestyle="", marker="P", markersize=8, label="back by reinstallation"),
    ]
    figure.legend(handles=keys, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return figure


def _strip(scene: Scene, axes: Axes, row: int, strip: Strip) -> None:
    end_s = scene.end_s
    _bar(scene, axes, row, ((0, end_s),), PALE, PALE, None)
    _bar(scene, axes, row, strip.off, "white", GREY, None)
    _bar(scene, axes, row, strip.lost, "none", VERMILION, "////")
    ticks = scene.dates(_thinned(strip.synced, end_s))
    axes.vlines(ticks, row - 0.16, row + 0.16, color=INK, linewidth=0.6)
    helped = set(strip.reinstalled)
    for instants, marker, colour, size in (
        (strip.received, "v", BLUE, 9),
        (tuple(t for t in strip.reconnected if t not in helped), "o", GREEN, 8),
        (strip.reinstalled, "P", GREEN, 10),
    ):
        axes.plot(
            scene.dates(instants),
            np.full(len(instants), row - 0.02),
            linestyle="",
            marker=marker,
            color=colour,
            markersize=size if len(instants) <= _FEW_MARKS else 4,
            markeredgecolor="white",
            zorder=6,
        )


def _bar(scene: Scene, axes: Axes, row: int, spans: Spans, fill: str, edge: str, hatch: str | None) -> None:
    bars = [(scene.date(a), scene.date(b) - scene.date(a)) for a, b in spans if b > a]
    if bars:
        axes.broken_barh(bars, (row - 0.3, 0.6), facecolor=fill, edgecolor=edge, hatch=hatch, linewidth=0.8)


def _thinned(instants_s: tuple[int, ...], end_s: int) -> list[int]:
    """No two in the same thousandth of the run: more cannot be told apart."""
    width_s = max(1, end_s // _MOST_TICKS)
    return list({at_s // width_s: at_s for at_s in instants_s}.values())
