"""What every figure has in common: colours, axes over dates, labels that do not collide, SVG.

The colours are Okabe and Ito's, which colour-blind readers can distinguish. Each also has a line style or a
hatch of its own, so that a figure is complete in black and white.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from textwrap import fill
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.ticker import FuncFormatter, MaxNLocator
from matplotlib.transforms import Bbox, ScaledTranslation
from numpy.typing import ArrayLike, NDArray

from sim.errors import visible
from sim.figures import FigureError
from sim.world.order import SECONDS_PER_DAY

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BLUE: Final = "#0072b2"
VERMILION: Final = "#d55e00"
GREEN: Final = "#009e73"
SKY: Final = "#56b4e9"
INK: Final = "#1a1a1a"
GREY: Final = "#595959"
PALE: Final = "#e3e3e3"
PAPER: Final = "#ffffff"
_NAMES: Final = ("blue", "vermilion", "green", "sky", "ink", "grey", "pale", "paper")
_COLOURS: Final = (BLUE, VERMILION, GREEN, SKY, INK, GREY, PALE, PAPER)
LINES: Final = ((BLUE, "-"), (VERMILION, "--"), (GREEN, "-."), (GREY, ":"), (SKY, "-"))
"""Colour and dashes of the first, second, … of several lines."""

WIDE_IN: Final = 8.0
NARROW_IN: Final = 4.3
"""Inches across for a desk, and for a telephone; text has the same size in both."""
_NARROW_AXES_IN: Final = 4.5

Ax = Axes | Sequence[Axes] | None
"""Axes to draw on, two for a figure of two; None: a figure of its own."""
Size = tuple[float, float | None] | None
"""Width and height of a figure in inches; None: as it suits what is drawn."""
Place = tuple[Ax, Size]
NEW: Final[Place] = (None, None)

CHANGES: Final = {
    "reserve specified": "reserve specified",
    "reserve activated": "becomes main",
    "certificate expired": "expires",
    "certificate replaced immediately": "replaced at once",
    "previous restored": "restored",
}
_MOST_CHANGES: Final = 8


@dataclass(frozen=True, slots=True)
class Timespan:
    """The horizontal axis of figures over dates.

    Attributes:
        name: stands below the title; anybody's text.
        start: the date of second 0, in the time zone of the axis.
        end_s: its length in seconds.
        changes: the instants, in seconds from the start, at which certificates change, each with its event.
    """

    name: str
    start: datetime
    end_s: int
    changes: tuple[tuple[int, str], ...] = ()

    def dates(self, instants_s: ArrayLike) -> Floats:
        """Instants as matplotlib's dates, in days."""
        return float(date2num(self.start)) + np.asarray(instants_s, dtype=np.float64) / SECONDS_PER_DAY

    def date(self, instant_s: float) -> float:
        """One instant as matplotlib's date."""
        return float(self.dates(instant_s))

    def shown(self, instant_s: int) -> str:
        """One instant for reading, by the clocks of the axis."""
        moment = self.start.astimezone(UTC) + timedelta(seconds=instant_s)
        return f"{moment.astimezone(self.start.tzinfo):%a %Y-%m-%d %H:%M}"


class Drawing(Figure):
    """A figure that shows itself in Jupyter, whether or not pyplot was imported.

    Attributes:
        words: what it shows, for readers who do not see it.
    """

    words = ""

    def _repr_png_(self) -> bytes:
        stream = io.BytesIO()
        self.savefig(stream, format="png")
        return stream.getvalue()


def plain(text: str, longest: int, *, tail: int = 0) -> str:
    """Anybody's text as matplotlib shows it letter by letter: no mathematics, no control characters.

    Of a longer one the beginning, and so many characters of its end.
    """
    shown = visible(text)
    if len(shown) > longest:
        shown = f"{shown[: longest - 1 - tail]}…{shown[len(shown) - tail :]}"
    return shown.replace("$", r"\$")


def over_time(
    timespan: Timespan, title: str, place: Place, *, height_in: float = 3.4, ratios: tuple[int, ...] = (1,)
) -> list[Axes]:
    """Pairs of axes over dates, above each other, of these relative heights."""
    pairs = stacked(title, timespan.name, place, height_in=height_in, ratios=ratios)
    zone = timespan.start.tzinfo
    for axes in pairs:
        locator = AutoDateLocator(tz=zone, minticks=3, maxticks=7 if is_narrow(axes) else 9)
        formatter = ConciseDateFormatter(locator, tz=zone)
        if (timespan.start + timedelta(seconds=timespan.end_s)).month != timespan.start.month:
            formatter.offset_formats[2] = "%Y"  # ticks name the months; the last one beside the axis misleads
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(formatter)
        axes.set_xlim(timespan.date(0), timespan.date(timespan.end_s))
    pairs[-1].set_xlabel(f"date ({zone})", fontsize=9)
    return pairs


def stacked(
    title: str, name: str, place: Place, *, height_in: float = 3.4, ratios: tuple[int, ...] = (1,)
) -> list[Axes]:
    """Pairs of axes above each other, of these relative heights: a title, and a name below it in grey.

    Raises:
        FigureError: the axes to draw on are too few or too many.
    """
    pairs: list[Axes]
    ax, figsize = place
    if ax is None:
        across, high = figsize or (WIDE_IN, None)
        figure = Drawing(figsize=(across, high or height_in), layout="constrained")
        grid = figure.subplots(len(ratios), 1, sharex=True, height_ratios=ratios, squeeze=False)
        pairs = list(grid[:, 0])
    else:
        pairs = [ax] if isinstance(ax, Axes) else list(ax)
        if len(pairs) != len(ratios):
            raise FigureError(f"ax: this figure is drawn on {len(ratios)} axes, not on {len(pairs)}")
    size = 10.5 if is_narrow(pairs[0]) else 12
    pairs[0].set_title(title, loc="left", fontsize=size, fontweight="bold", color=INK, pad=33)
    pairs[0].annotate(
        plain(name, round(9.7 * width_in(pairs[0]))),
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, 18),
        textcoords="offset points",
        fontsize=9,
        color=GREY,
        va="bottom",
    )
    for axes in pairs:
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(GREY)
        axes.tick_params(colors=INK, labelsize=9)
        axes.xaxis.label.set_color(INK)
        axes.yaxis.label.set_color(INK)
        axes.set_axisbelow(True)
    return pairs


def width_in(axes: Axes) -> float:
    """Inches across, before labels and ticks take theirs."""
    figure = axes.get_figure(root=True)
    return 0.0 if figure is None else axes.get_position(original=True).width * figure.get_figwidth()


def is_narrow(axes: Axes) -> bool:
    """Whether there is room for a telephone's figure only."""
    return width_in(axes) < _NARROW_AXES_IN


def count_axis(axes: Axes, most: float) -> None:
    """Make the vertical axis one of counts from 0, with room above the greatest."""
    axes.set_ylim(0, max(1.0, most) * 1.15)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.grid(axis="y", color=PALE, linewidth=0.8)


def legend(axes: Axes, keys: Sequence[Any]) -> None:
    """A legend below the axes, in as many columns as there is room for."""
    scale = axes.get_figure(root=True).dpi_scale_trans  # type: ignore[union-attr]
    axes.legend(
        handles=list(keys),
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        bbox_transform=axes.transAxes + ScaledTranslation(0, -38 / 72, scale),
        ncols=min(len(keys), 2 if is_narrow(axes) else 4),
        frameon=False,
        fontsize=9,
        labelcolor=INK,
    )


def mark_changes(timespan: Timespan, axes: Axes, *, with_words: bool = True) -> None:
    """A line at each instant at which certificates change and, above, what happens then.

    Where there are many, as in years of short certificates, the lines are pale and have no words.
    """
    at: dict[int, list[str]] = {}
    for at_s, event in timespan.changes:
        at.setdefault(at_s, []).append(CHANGES[event])
    is_crowded = len(at) > _MOST_CHANGES
    for at_s, events in sorted(at.items(), key=lambda each: (each[1] == ["reserve specified"], each[0])):
        colour, style = (PALE, "-") if is_crowded else (GREY, (0, (2, 2)))
        axes.axvline(timespan.date(at_s), color=colour, linewidth=1, linestyle=style, zorder=1)
        if with_words and not is_crowded:
            axes.annotate(
                " and ".join(dict.fromkeys(events)),
                (timespan.date(at_s), 1),
                xycoords=("data", "axes fraction"),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize=8,
                color=GREY,
                annotation_clip=False,
                label="change",
                in_layout=False,
            )


def label(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    """A word beside what it names; `settle` puts it where it hides nothing."""
    axes.annotate(
        fill(text, 26) if is_narrow(axes) else text,
        (x, y),
        xytext=(6, 6),
        textcoords="offset points",
        color=colour,
        fontsize=9,
        fontweight="bold",
        bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1.0, "alpha": 0.85},
        label="label",
        in_layout=False,
    )


def note(axes: Axes, text: str) -> None:
    """A sentence in the middle of axes that have nothing to show."""
    box = {"facecolor": PAPER, "edgecolor": "none"}
    place = axes.transAxes
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=place, fontsize=10, color=GREY, bbox=box)


# --- labels -----------------------------------------------------------------------------------------------

_SIDES: Final = [
    (x * far, y * far, side, height)
    for far in (1, 3, 6)
    for x, side in ((6, "left"), (-6, "right"), (0, "center"))
    for y, height in ((6, "bottom"), (-6, "top"))
]
"""Where a label may stand: points right of and above what it names, and which of its own corners is there."""


def settle(pairs: Sequence[Axes], words: str = "") -> Figure:
    """The figure of some axes, with every label inside its axes, beside the lines and the other labels.

    A word above the axes is moved inside the figure, and left out where another one stands. `words`: what the
    figure shows, for readers who do not see it.
    """
    figure = pairs[0].get_figure(root=True)
    assert figure is not None
    if isinstance(figure, Drawing):
        figure.words = words
    figure.draw_without_rendering()
    for axes in pairs:
        inside = axes.get_window_extent()
        taken: list[Bbox] = []
        texts = [text for text in axes.texts if isinstance(text, Annotation)]
        for text in (each for each in texts if each.get_label() == "change"):
            box = text.get_window_extent()
            move = max(inside.x0 - box.x0, 0) + min(inside.x1 - box.x1, 0)
            box = box.translated(move, 0)
            if any(box.padded(2).overlaps(other) for other in taken):
                text.remove()
                continue
            text.set_position((move * 72 / figure.dpi, 3))
            taken.append(box)
        for text in (each for each in texts if each.get_label() == "label"):
            taken.append(_place(text, axes, inside, taken))
    return figure


def _place(text: Annotation, axes: Axes, inside: Bbox, taken: list[Bbox]) -> Bbox:
    """Put a label on its best side; returns the box it takes."""
    lines = [line.get_path().transformed(line.get_transform()) for line in axes.lines]
    best: tuple[float, int] = (np.inf, 0)
    for number, side in enumerate(_SIDES):
        box = _moved(text, side)
        outside = box.width * box.height - _area(box, inside)
        hidden = sum(_area(box, other) for other in taken)
        crossed = sum(path.intersects_bbox(box, filled=False) for path in lines)
        best = min(best, (10 * hidden + 10 * outside + 200 * crossed + number, number))
    return _moved(text, _SIDES[best[1]])


def _moved(text: Annotation, side: tuple[int, int, str, str]) -> Bbox:
    x, y, left, top = side
    text.set(position=(x, y), ha=left, va=top)
    return text.get_window_extent().padded(2)


def _area(one: Bbox, other: Bbox) -> float:
    """The area, in square pixels, that two boxes share."""
    shared = Bbox.intersection(one, other)
    return 0.0 if shared is None else float(shared.width * shared.height)


# --- files ------------------------------------------------------------------------------------------------


@contextmanager
def as_it_comes() -> Iterator[None]:
    """The settings of matplotlib as it comes, whatever a user's own matplotlibrc says."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams["timezone"] = "UTC"  # which stays as it is otherwise
        yield


def svg_bytes(figure: Figure, *, name: str, is_transparent: bool = False) -> bytes:
    """The figure as SVG with its text as text; the same figure gives the same bytes.

    Every id in it begins with `name`, so that several can stand in one page.
    """
    stream = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "reissue", "svg.fonttype": "none"}):
        metadata = {"Date": None, "Creator": None}
        figure.savefig(stream, format="svg", metadata=metadata, transparent=is_transparent)
    text = stream.getvalue().decode("utf-8")
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'(xlink:href="#|url\(#)', rf"\1{name}-", text)
    return text.encode("utf-8")


def svg_element(figure: Figure, *, name: str) -> str:
    """The figure as an element of an HTML page: no background, no size, and its colours as variables of CSS.

    The variables are `--d-blue`, `--d-ink` and so on; see `page.css`.
    """
    text = svg_bytes(figure, name=name, is_transparent=True).decode("utf-8")
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<defs>\s*<style[^>]*>.*?</style>\s*</defs>", "", text, count=1, flags=re.DOTALL)
    text = re.sub(r' (?:width|height)="[\d.]+pt"', "", text, count=2)
    text = re.sub(r'(?<= d=")[^"]*', lambda path: re.sub(r"(\.\d\d)\d+", r"\1", path[0]), text)
    for variable, colour in zip(_NAMES, _COLOURS, strict=True):
        text = text.replace(f'fill="{colour}"', f'style="fill: {colour}"')
        text = text.replace(f": {colour}", f": var(--d-{variable})")
    return re.sub(r"\n\s*", "\n", text)
