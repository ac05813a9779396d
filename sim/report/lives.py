"""The life of the server's certificates: a band for each, waiting as reserve and serving as main."""

from __future__ import annotations

from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from sim.report.scenes import CertificateLife, Scene, Spans
from sim.report.style import BLUE, GREY, INK, PALE, SKY, VERMILION, mark_switches, over_time

_FEW_ROWS: Final = 8

MOST_ROWS: Final = 24
"""Certificates that a figure shows; years of short ones have more."""


def certificates(scene: Scene, lives: tuple[CertificateLife, ...]) -> Figure:
    """A row for each certificate: a pale band while it is valid, on it a hatched one while it waits as
    reserve and a dark one while it is main; red and crossed where the server presents it after its expiry.
    """
    shown = lives[:MOST_ROWS]
    height_in = 1.9 + (0.42 if len(shown) <= _FEW_ROWS else 0.22) * max(len(shown), 2)
    title = "The life of the certificates"
    if len(shown) < len(lives):
        title = f"{title} (the first {len(shown)} of {len(lives):,})"
    figure, axes = over_time(scene, title, height_in=height_in)
    for row, life in enumerate(shown):
        _band(scene, axes, row, ((life.not_before_s, life.not_after_s),), 0.62, PALE, None, GREY)
        _band(scene, axes, row, life.as_reserve, 0.62, SKY, "////", BLUE)
        good = tuple((a, min(b, life.not_after_s)) for a, b in life.as_main if a < life.not_after_s)
        expired = tuple((max(a, life.not_after_s), b) for a, b in life.as_main if b > life.not_after_s)
        _band(scene, axes, row, good, 0.62, BLUE, None, BLUE)
        _band(scene, axes, row, expired, 0.62, "white", "xxxx", VERMILION)
        if 0 <= life.not_after_s <= scene.end_s:
            end = scene.date(life.not_after_s)
            axes.plot([end, end], [row - 0.4, row + 0.4], color=INK, linewidth=2.5, solid_capstyle="butt")
    axes.set_yticks(range(len(shown)), [f"no. {life.generation + 1}" for life in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_ylabel("certificate", fontsize=9)
    if len(shown) < len(lives):
        last_s = max(b for life in shown for _, b in (*life.as_main, (0, 1)))
        axes.set_xlim(scene.date(0), scene.date(last_s))
    if len(shown) <= _FEW_ROWS:
        mark_switches(scene, axes)
    keys: list[Patch | Line2D] = [
        Patch(facecolor=PALE, edgecolor=GREY, label="valid"),
        Patch(facecolor=SKY, edgecolor=BLUE, hatch="////", label="waits as reserve"),
        Patch(facecolor=BLUE, edgecolor=BLUE, label="is main"),
    ]
    if any(b > life.not_after_s for life in shown for _, b in life.as_main):
        keys.append(Patch(facecolor="white", edgecolor=VERMILION, hatch="xxxx", label="main, but expired"))
    keys.append(Line2D([], [], color=INK, linestyle="", marker="|", markersize=10, mew=2.5, label="expires"))
    figure.legend(handles=keys, loc="outside lower center", ncols=len(keys), frameon=False, fontsize=9)
    return figure


def _band(
    scene: Scene, axes: Axes, row: int, spans: Spans, high: float, fill: str, hatch: str | None, edge: str
) -> None:
    inside = [(max(a, 0), min(b, scene.end_s)) for a, b in spans]
    bars = [(scene.date(a), scene.date(b) - scene.date(a)) for a, b in inside if b > a]
    if bars:
        axes.broken_barh(
            bars, (row - high / 2, high), facecolor=fill, edgecolor=edge, hatch=hatch, linewidth=0.8
        )
