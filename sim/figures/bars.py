"""Bars over dates: the life of each certificate, and the histories of devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from sim.figures import style
from sim.figures.style import BLUE, GREEN, GREY, INK, PALE, PAPER, SKY, VERMILION, Place, Timespan
from sim.text import evenly

Spans = Sequence[tuple[int, int]]
"""From and to, in seconds from the start; half-open."""

MOST_ROWS: Final = 24
"""Rows that a figure has room for; years of short certificates have more."""
_FEW_ROWS: Final = 8
_MOST_MARKS: Final = 1_000
_FEW_MARKS: Final = 12
_BARS: Final[Mapping[str, dict[str, Any]]] = {
    "valid": {"facecolor": PALE, "edgecolor": GREY},
    "waits as reserve": {"facecolor": SKY, "edgecolor": BLUE, "hatch": "////"},
    "is main": {"facecolor": BLUE, "edgecolor": BLUE},
    "main, but expired": {"facecolor": PAPER, "edgecolor": VERMILION, "hatch": "xxxx"},
    "on": {"facecolor": PALE, "edgecolor": PALE},
    "off": {"facecolor": PAPER, "edgecolor": GREY},
    "lost": {"facecolor": "none", "edgecolor": VERMILION, "hatch": "////"},
}
_MARKS: Final[Mapping[str, dict[str, Any]]] = {
    "expires": {"marker": "|", "markersize": 16, "color": INK, "markeredgewidth": 2.5},
    "synchronized": {"marker": "|", "markersize": 10, "color": INK, "markeredgewidth": 0.6},
    "received the reserve": {"marker": "v", "markersize": 9, "color": BLUE, "markeredgecolor": PAPER},
    "back": {"marker": "o", "markersize": 8, "color": GREEN, "markeredgecolor": PAPER},
    "back by reinstallation": {"marker": "P", "markersize": 10, "color": GREEN, "markeredgecolor": PAPER},
}


@dataclass(frozen=True, slots=True)
class Row:
    """What becomes of a certificate or a device.

    Attributes:
        name: anybody's text.
        bars: when it is what, by a word of `_BARS`; later ones cover earlier ones. They may begin before the
            run and end after it.
        marks: instants in seconds from the start, by a word of `_MARKS`.
    """

    name: str
    bars: Mapping[str, Spans]
    marks: Mapping[str, Sequence[int]] = field(default_factory=dict)


def draw(
    timespan: Timespan, title: str, rows: Sequence[Row], words: str, *, place: Place = style.NEW
) -> Figure:
    """A row of bars and marks for each certificate or device, and what they mean below."""
    shown = rows[:MOST_ROWS]
    height_in = 2.0 + (0.45 if len(shown) <= _FEW_ROWS else 0.3) * max(len(shown), 2)
    if len(shown) < len(rows):
        title = f"{title} (the first {len(shown)} of {len(rows):,})"
    (axes,) = style.over_time(timespan, title, place, height_in=height_in)
    for number, row in enumerate(shown):
        for word, spans in row.bars.items():
            inside = [(max(a, 0), min(b, timespan.end_s)) for a, b in spans]
            bars = [(timespan.date(a), timespan.date(b) - timespan.date(a)) for a, b in inside if b > a]
            if bars:
                axes.broken_barh(bars, (number - 0.31, 0.62), linewidth=0.8, **_BARS[word])
        for word, instants_s in row.marks.items():
            drawn = evenly([at_s for at_s in instants_s if 0 <= at_s <= timespan.end_s], _MOST_MARKS)
            mark = dict(_MARKS[word])
            if len(drawn) > _FEW_MARKS and mark["marker"] != "|":
                mark["markersize"] = 4
            axes.plot(timespan.dates(drawn), [number] * len(drawn), linestyle="", zorder=6, **mark)
    longest = round(4.5 * style.width_in(axes))
    axes.set_yticks(range(len(shown)), [style.plain(row.name, longest, tail=8) for row in shown])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    if len(shown) < len(rows):
        last_s = max(b for row in shown for spans in row.bars.values() for _, b in spans)
        axes.set_xlim(timespan.date(0), timespan.date(min(last_s, timespan.end_s)))
    style.mark_changes(timespan, axes)
    used = {word for row in shown for its in (row.bars, row.marks) for word, there in its.items() if there}
    keys = [Patch(label=word, **bar) for word, bar in _BARS.items() if word in used]
    points = [
        Line2D([], [], linestyle="", label=word, **mark) for word, mark in _MARKS.items() if word in used
    ]
    style.legend(axes, [*keys, *points])
    return style.settle([axes], words)
