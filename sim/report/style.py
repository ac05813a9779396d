"""The visual language of every figure: ink, lines, dates, and text that is never markup.

Colours are of Okabe and Ito's palette, which colour-blind readers tell apart; each also has a line style or a
hatch of its own, so that a figure is whole in black and white.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from sim.errors import visible
from sim.report.scenes import Scene
from sim.world.order import SECONDS_PER_DAY

BLUE: Final = "#0072b2"
VERMILION: Final = "#d55e00"
GREEN: Final = "#009e73"
SKY: Final = "#56b4e9"
INK: Final = "#1a1a1a"
GREY: Final = "#595959"
PALE: Final = "#e3e3e3"
WIDTH_IN: Final = 8.0
_LONGEST: Final = 60

_SWITCHES: Final = {
    "reserve specified": "reserve specified",
    "reserve activated": "becomes main",
    "certificate expired": "expires",
    "certificate replaced immediately": "replaced at once",
    "previous restored": "restored",
}
_MOST_MARKS: Final = 8


def plain(text: str, longest: int = _LONGEST) -> str:
    """Anybody's text as matplotlib shows it letter by letter: no mathematics, no control characters."""
    shown = visible(text)
    shown = shown if len(shown) <= longest else f"{shown[: longest - 1]}…"
    return shown.replace("$", r"\$")


def blank(title: str, name: str, *, height_in: float = 3.4) -> tuple[Figure, Axes]:
    """A figure with one pair of axes, its title, and the scenario's name below it in grey."""
    figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
    axes = figure.add_subplot()
    _head(axes, title, name)
    _bare(axes)
    return figure, axes


def over_time(scene: Scene, title: str, *, height_in: float = 3.4) -> tuple[Figure, Axes]:
    """The same over the dates of a run."""
    figure, axes = blank(title, scene.name, height_in=height_in)
    _dated(scene, axes)
    return figure, axes


def two_over_time(
    scene: Scene, title: str, *, height_in: float = 4.8, ratios: tuple[float, float] = (2, 3)
) -> tuple[Figure, Axes, Axes]:
    """Two pairs of axes above each other, over the same dates."""
    figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=ratios)
    _head(above, title, scene.name)
    for axes in (above, below):
        _bare(axes)
    _dated(scene, below)
    return figure, above, below


def _head(axes: Axes, title: str, name: str) -> None:
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold", color=INK, pad=33)
    axes.annotate(
        plain(name),
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, 18),
        textcoords="offset points",
        fontsize=9,
        color=GREY,
        va="bottom",
    )


def _bare(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(colors=INK, labelsize=9)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    axes.set_axisbelow(True)


def _dated(scene: Scene, axes: Axes) -> None:
    locator = AutoDateLocator(minticks=4, maxticks=9)
    axes.xaxis.set_major_locator(locator)
    formatter = ConciseDateFormatter(locator)
    if (scene.start + timedelta(seconds=scene.end_s)).month != scene.start.month:
        formatter.offset_formats[2] = "%Y"  # ticks name the months; the last one beside the axis misleads
    axes.xaxis.set_major_formatter(formatter)
    axes.set_xlim(scene.date(0), scene.date(scene.end_s))
    axes.set_xlabel("date (UTC)", fontsize=9)


def counting(axes: Axes, most: float) -> None:
    """The vertical axis as counts from 0, with room above the greatest."""
    axes.set_ylim(0, max(1.0, most) * 1.12)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.grid(axis="y", color=PALE, linewidth=0.8)


def mark_switches(scene: Scene, axes: Axes, *, words: bool = True) -> None:
    """A line at each instant at which certificates change and, above, what happens then.

    Where there are many, as in years of short certificates, the lines are pale and the words go.
    """
    at: dict[int, list[str]] = {}
    for mark in scene.marks:
        if mark.event in _SWITCHES:
            at.setdefault(mark.at_s, []).append(_SWITCHES[mark.event])
    is_crowded = len(at) > _MOST_MARKS
    for at_s in at:
        colour, style = (PALE, "-") if is_crowded else (GREY, (0, (2, 2)))
        axes.axvline(scene.date(at_s), color=colour, linewidth=1, linestyle=style, zorder=1)
    if not words or is_crowded:
        return
    taken: list[tuple[float, float]] = []
    for at_s, told in sorted(at.items(), key=lambda each: (each[1] == ["reserve specified"], each[0])):
        text = " and ".join(dict.fromkeys(told))
        half_s = 0.0075 * len(text) * scene.end_s
        middle_s = min(max(float(at_s), half_s), scene.end_s - half_s)
        if any(middle_s - half_s < to_s and from_s < middle_s + half_s for from_s, to_s in taken):
            continue
        taken.append((middle_s - half_s, middle_s + half_s))
        axes.annotate(
            text,
            (scene.date(0) + middle_s / SECONDS_PER_DAY, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=8,
            color=GREY,
            annotation_clip=False,
        )


def say(axes: Axes, x: float, y: float, text: str, colour: str, *, at: tuple[float, float] = (4, 0)) -> None:
    """A word beside what it names, which no legend has to explain."""
    axes.annotate(
        text,
        (x, y),
        xytext=at,
        textcoords="offset points",
        color=colour,
        fontsize=9,
        fontweight="bold",
        va="center",
        ha="right" if at[0] < 0 else "left",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.85},
    )


# --- files ------------------------------------------------------------------------------------------------


def svg_bytes(figure: Figure, *, name: str, transparent: bool = False) -> bytes:
    """The figure as SVG with its text as text; the same figure gives the same bytes.

    Args:
        figure: to be written.
        name: begins every id in it, so that several can stand in one page.
        transparent: without a background.
    """
    stream = io.BytesIO()
    with _settled():
        figure.savefig(
            stream, format="svg", metadata={"Date": None, "Creator": None}, transparent=transparent
        )
    text = stream.getvalue().decode("utf-8")
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'(xlink:href="#|url\(#)', rf"\1{name}-", text)
    return text.encode("utf-8")


def png_bytes(figure: Figure, *, dpi: int = 150) -> bytes:
    """The figure as PNG; the same figure gives the same bytes."""
    stream = io.BytesIO()
    with _settled():
        figure.savefig(stream, format="png", dpi=dpi, metadata={"Software": None})
    return stream.getvalue()


@contextmanager
def _settled() -> Iterator[None]:
    with mpl.rc_context({"svg.hashsalt": "reissue", "svg.fonttype": "none"}):
        yield
