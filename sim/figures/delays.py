"""Lost devices against the activation delay, and differences between strategies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from sim.figures import style
from sim.figures.style import WIDE_IN, Floats, Ints
from sim.text import evenly
from sim.world.order import SECONDS_PER_DAY, SECONDS_PER_HOUR

_FEW_POINTS: Final = 40
Bounds = tuple[float, float, float]


def curve(
    name: str,
    delays_s: Ints,
    lost: Floats,
    *,
    low: Floats | None = None,
    high: Floats | None = None,
    own_s: int | None = None,
    needed_s: int | None = None,
    middle: str = "mean",
    is_sample: bool = False,
    width_in: float = WIDE_IN,
) -> Figure:
    """Lost devices by delay, as steps: a loss is avoided from one second on, not gradually.

    Args:
        name: a line below the title; anybody's text.
        delays_s: ascending; shape (k,).
        lost: devices, or the middle of several; shape (k,).
        low, high: the band from 5 to 95 %; None where one run is drawn.
        own_s: the scenario's own delay, to be marked.
        needed_s: the recommended delay, to be marked.
        middle: what the middle of several is.
        is_sample: days lie between the delays, whose losses are between theirs: lines instead of steps.
        width_in: inches across.
    """
    figure, axes = style.blank("Lost devices by activation delay", name, width_in=width_in)
    in_days = bool(len(delays_s)) and int(delays_s[-1]) >= 3 * SECONDS_PER_DAY
    unit_s, unit = (SECONDS_PER_DAY, "days") if in_days else (SECONDS_PER_HOUR, "hours")
    at = delays_s / unit_s
    marker = "o" if len(at) <= _FEW_POINTS else ""
    draw = "default" if is_sample else "steps-post"
    axes.plot(at, lost, color=style.BLUE, linewidth=2, marker=marker, markersize=3.5, drawstyle=draw)
    if low is not None and high is not None:
        shade: dict[str, Any] = {"facecolor": style.SKY, "edgecolor": style.BLUE, "alpha": 0.45}
        axes.fill_between(at, low, high, step=None if is_sample else "post", **shade)
    axes.set_xlabel(f"activation delay ({unit})", fontsize=9)
    axes.set_ylabel("lost devices" if low is None else f"lost devices ({middle})", fontsize=9)
    style.count_axis(axes, float(max(lost.max(initial=0), 0 if high is None else high.max(initial=0))))
    longest = max(float(at[-1]) if len(at) else 1.0, (own_s or 0) / unit_s)
    axes.set_xlim(0, longest * 1.04)
    for delay_s, word, colour, dashes, height in (
        (needed_s, "recommended", style.GREEN, "-.", 0.85),
        (own_s, "this scenario", style.VERMILION, "--", 0.7),
    ):
        if delay_s is None:
            continue
        x = delay_s / unit_s
        axes.axvline(x, color=colour, linewidth=1.8, linestyle=dashes)
        words = f"{word}, {x:,.4g} {unit}"
        place = int(np.searchsorted(delays_s, delay_s))
        if place < len(delays_s) and int(delays_s[place]) == delay_s:
            words += f": {lost[place]:,.4g} lost"
            axes.plot([x], [lost[place]], "D", color=colour, markersize=7, zorder=5)
        style.label(axes, x, height * axes.get_ylim()[1], words, colour)
    if high is not None and len(at):
        third = len(at) // 3
        style.label(axes, float(at[third]), float(high[third]), "5 to 95 %", style.GREY)
    return style.settle(figure)


class Difference(NamedTuple):
    """A difference between two strategies, the first minus the second.

    Attributes:
        first, second: their names; anybody's text.
        mean: over the replications.
        low, high: its 95 % interval; None where there is none.
    """

    first: str
    second: str
    mean: float
    low: float | None
    high: float | None


def differences(pairs: tuple[Difference, ...], *, unit: str, width_in: float = WIDE_IN) -> Figure:
    """A row for each two strategies: the difference with its 95 % interval; at zero there is none."""
    figure, axes = style.blank(
        f"Differences in {unit}",
        "each the first minus the second, with its 95 % interval",
        width_in=width_in,
        height_in=1.7 + 0.5 * max(len(pairs), 2),
    )
    for row, (_, _, mean, low, high) in enumerate(pairs):
        colour, face, doubt = style.GREY, style.PAPER, " (no interval from one run)"
        if low is not None and high is not None:
            doubt = " (no difference shown)"
            if low > 0 or high < 0:
                colour, doubt = style.VERMILION if mean > 0 else style.BLUE, ""
                face = colour
            axes.plot([low, high], [row, row], color=colour, linewidth=2.5, solid_capstyle="butt")
        marker: dict[str, Any] = {"markersize": 8, "markerfacecolor": face, "markeredgewidth": 2}
        axes.plot([mean], [row], "o", color=colour, zorder=5, **marker)
        axes.annotate(
            f"{mean:+,.4g}".replace("-", "\N{MINUS SIGN}") + doubt,
            (mean, row),
            xytext=(0, 9),
            textcoords="offset points",
            ha="center",
            fontsize=9,
            color=colour,
            fontweight="bold",
        )
    axes.axvline(0, color=style.INK, linewidth=1.2)
    names = [
        f"{style.plain(pair.first, 34)}\n\N{MINUS SIGN} {style.plain(pair.second, 34)}" for pair in pairs
    ]
    axes.set_yticks(range(len(pairs)), names)
    axes.set_ylim(len(pairs) - 0.4, -0.75)
    axes.grid(axis="x", color=style.PALE, linewidth=0.8)
    axes.margins(x=0.12)
    axes.set_xlabel(f"difference in {unit}", fontsize=9)
    return figure


def against(
    name: str, key: str, values: Sequence[str], lines: Mapping[str, Sequence[Bounds]], *, measure: str
) -> Figure:
    """A measure at each value of a key; a line for each setting of the others, with 95 % intervals.

    Args:
        name: a line below the title; anybody's text.
        key: what was varied.
        values: of the key, in order; shape (k,).
        lines: by setting: mean, low and high at each value, NaN where there is none; shape (k, 3).
        measure: what was measured.
    """
    figure, axes = style.blank(f"{measure.capitalize()} by {key}", name, width_in=WIDE_IN)
    for number, (words, rows) in enumerate(lines.items()):
        at, (mean, low, high) = np.arange(len(values)), np.array(rows, dtype=np.float64).T
        colour = (style.BLUE, style.VERMILION, style.GREEN, style.GREY, style.SKY)[number % 5]
        dashes = ("-", "--", "-.", ":")[number % 4]
        axes.plot(
            at, mean, color=colour, marker="o", linewidth=2, linestyle=dashes, label=style.plain(words, 60)
        )
        axes.vlines(at, low, high, color=colour, linewidth=1.2)
    shown = evenly(list(enumerate(values)), 12)
    axes.set_xticks([place for place, _ in shown], [style.plain(word, 14) for _, word in shown])
    axes.set_xlabel(key, fontsize=9)
    axes.set_ylabel(measure, fontsize=9)
    axes.set_ylim(bottom=0)
    if any(lines):
        style.legend(figure, list(axes.get_legend_handles_labels()[0]), width_in=WIDE_IN)
    return figure
