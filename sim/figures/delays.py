"""Lost devices against the activation delay, differences between strategies, measures against a setting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure

from sim.figures import style
from sim.figures.style import BLUE, GREEN, GREY, INK, PALE, PAPER, SKY, VERMILION, Floats, Ints, Place
from sim.lists.forecast import Reach
from sim.text import evenly, number
from sim.world.order import SECONDS_PER_DAY, SECONDS_PER_HOUR

_FEW_POINTS: Final = 40
_BAND: Final[dict[str, Any]] = {"facecolor": SKY, "edgecolor": BLUE, "alpha": 0.45}
Bounds = tuple[float, float, float]
"""A mean, and the ends of its 95 % interval."""
Difference = tuple[str, str, float, float | None, float | None]
"""Two strategies, the mean of the first minus the second, and the ends of its 95 % interval, if any."""


def curve(
    name: str,
    delays_s: Ints,
    lost: Floats,
    *,
    band: tuple[Floats, Floats] | None = None,
    expected: Floats | None = None,
    own_s: int | None = None,
    needed_s: int | None = None,
    middle: str = "mean",
    of: str = "",
    is_sample: bool = False,
    place: Place = style.NEW,
) -> Figure:
    """Lost devices by delay, as steps: a loss is avoided from one second on, not gradually.

    Args:
        name: a line below the title; anybody's text.
        delays_s: ascending; shape (k,).
        lost: devices, or the `middle` of several runs or fleets; shape (k,).
        band: from 5 to 95 % of them; None where one run is drawn.
        expected: how many are lost on average, computed; a line under them.
        own_s, needed_s: the scenario's own delay, and the recommended one, to be marked.
        middle, of: what the middle is, and of which runs or fleets; empty for one run.
        is_sample: days lie between the delays, whose losses are between theirs: lines instead of steps.
        place: where it is drawn.
    """
    (axes,) = style.stacked("Lost devices by activation delay", name, place)
    in_days = bool(len(delays_s)) and int(delays_s[-1]) >= 3 * SECONDS_PER_DAY
    unit_s, unit = (SECONDS_PER_DAY, "days") if in_days else (SECONDS_PER_HOUR, "hours")
    at, high = delays_s / unit_s, lost if band is None else band[1]
    marker = "o" if len(at) <= _FEW_POINTS else ""
    draw = "default" if is_sample else "steps-post"
    axes.plot(at, lost, color=BLUE, linewidth=2, marker=marker, markersize=3.5, drawstyle=draw)
    if expected is not None:
        axes.plot(at, expected, color=GREY, linewidth=1.2, zorder=1)
        middle_point = len(at) // 4
        style.label(
            axes, float(at[middle_point]), float(expected[middle_point]), "computed, on average", GREY
        )
    axes.set_xlabel(f"activation delay ({unit})", fontsize=9)
    axes.set_ylabel(f"lost devices ({middle})" if of else "lost devices", fontsize=9)
    style.count_axis(axes, float(max(lost.max(initial=0), high.max(initial=0))))
    axes.set_xlim(0, max(float(at[-1]) if len(at) else 1.0, (own_s or 0) / unit_s) * 1.04)
    for delay_s, word, colour, dashes, height in (
        (needed_s, "recommended", GREEN, "-.", 0.85),
        (own_s, "this scenario", VERMILION, "--", 0.7),
    ):
        if delay_s is None:
            continue
        x = delay_s / unit_s
        axes.axvline(x, color=colour, linewidth=1.8, linestyle=dashes)
        words = f"{word}, {x:,.4g} {unit if x != 1 else unit[:-1]}"
        for found in lost[delays_s == delay_s].tolist():
            words += f": {found:,.4g} lost"
            axes.plot([x], [found], "D", color=colour, markersize=7, zorder=5)
        style.label(axes, x, height * axes.get_ylim()[1], words, colour)
    if band is not None and len(at):
        axes.fill_between(at, *band, step=None if is_sample else "post", **_BAND)
        third = len(at) // 3
        style.label(axes, float(at[third]), float(high[third]), f"5 to 95 % of {of}", GREY)
    ends = " and ".join(f"{number(lost[end])} at {at[end]:,.4g} {unit}" for end in (0, -1) if len(at))
    return style.settle([axes], f"Devices lost by activation delay: {ends}; those between under the slider.")


def forecast(
    name: str,
    reaches: Sequence[Reach],
    weeks: Sequence[int],
    *,
    confidence: float = 0.95,
    place: Place = style.NEW,
) -> Figure:
    """Above: devices that a delay does not reach, in a band; the last of `reaches` is marked. Below: devices
    by whole weeks since their last contact.
    """
    *curve, own = reaches
    above, below = style.stacked("Forecast from the list", name, place, height_in=4.6, ratios=(3, 2))
    days, x = np.array([each.delay_s for each in curve]) / SECONDS_PER_DAY, own.delay_s / SECONDS_PER_DAY
    high = np.array([each.high for each in curve])
    above.fill_between(days, [each.low for each in curve], high, **_BAND)
    above.plot(days, [each.not_reached for each in curve], color=BLUE, linewidth=2)
    style.count_axis(above, float(high.max()))
    above.set_ylabel("devices not reached", fontsize=9)
    above.axvline(x, color=VERMILION, linewidth=1.8, linestyle="--")
    above.plot([x], [own.not_reached], "D", color=VERMILION, markersize=7, zorder=5)
    numbers = f"{own.not_reached:,.4g} ({own.low:,.0f} to {own.high:,.0f})"
    style.label(above, x, own.not_reached, f"{x:,.4g} days: {numbers}", VERMILION)
    third = len(days) // 3
    style.label(above, float(days[third]), float(high[third]), f"{100 * confidence:g} % band", GREY)
    shown = list(weeks)[: int(days[-1] // 7) + 1]
    below.bar(7 * np.arange(len(shown)), shown, 7, align="edge", color=SKY, edgecolor=BLUE)
    below.set_yscale("symlog", linthresh=1)
    below.set_ylim(0, 2 * max([1, *shown]))
    below.set_ylabel("devices a week", fontsize=9)
    below.set_xlabel("days since the last contact; above, days of delay", fontsize=9)
    below.set_xlim(0, float(days[-1]))
    words = (
        f"{numbers} devices are not reached by the activation, if they live as before; below, devices by "
        "weeks since their last contact."
    )
    return style.settle([above, below], words)


def differences(pairs: Sequence[Difference], *, unit: str, place: Place = style.NEW) -> Figure:
    """A row for each two strategies: the difference with its 95 % interval; at zero there is none."""
    name = "each the first minus the second, with its 95 % interval"
    (axes,) = style.stacked(f"Differences in {unit}", name, place, height_in=1.7 + 0.5 * max(len(pairs), 2))
    for row, (_, _, mean, low, high) in enumerate(pairs):
        colour, face, doubt = GREY, PAPER, " (no interval from one run)"
        if low is not None and high is not None:
            doubt = " (no difference shown)"
            if low > 0 or high < 0:
                colour, doubt = VERMILION if mean > 0 else BLUE, ""
                face = colour
            axes.plot([low, high], [row, row], color=colour, linewidth=2.5, solid_capstyle="butt")
        axes.plot([mean], [row], "o", color=colour, zorder=5, ms=8, mfc=face, mew=2)
        words = f"{mean:+,.4g}".replace("-", "\N{MINUS SIGN}") + doubt
        style.label(axes, mean, row, words, colour)
    axes.axvline(0, color=INK, linewidth=1.2)
    names = [
        f"{style.plain(first, 34)}\n\N{MINUS SIGN} {style.plain(second, 34)}" for first, second, *_ in pairs
    ]
    axes.set_yticks(range(len(pairs)), names)
    axes.set_ylim(len(pairs) - 0.4, -0.75)
    axes.grid(axis="x", color=PALE, linewidth=0.8)
    axes.margins(x=0.12)
    axes.set_xlabel(f"difference in {unit}", fontsize=9)
    return style.settle([axes])


def against(
    name: str,
    key: str,
    values: Sequence[str],
    lines: Mapping[str, Sequence[Bounds]],
    *,
    measure: str,
    place: Place = style.NEW,
) -> Figure:
    """A measure at each value of a key, with 95 % intervals; a line for each setting of the others, NaN where
    there is none; each of the shape (values, 3).
    """
    (axes,) = style.stacked(f"{measure.capitalize()} by {key}", name, place)
    at, label = np.arange(len(values)), measure
    for (words, rows), (colour, dashes) in zip(lines.items(), cycle(style.LINES), strict=False):
        mean, low, high = np.array(rows, dtype=np.float64).T
        axes.plot(at, mean, dashes, color=colour, marker="o", lw=2, label=style.plain(words, 60))
        axes.vlines(at, low, high, color=colour, linewidth=1.2)
        if not np.isnan(low).all():
            label = f"{measure} (mean, 95 % interval)"
    shown = evenly(list(enumerate(values)), 12)
    axes.set_xticks([place for place, _ in shown], [style.plain(word, 14) for _, word in shown])
    axes.set_xlabel(key, fontsize=9)
    axes.set_ylabel(label, fontsize=9)
    axes.set_ylim(bottom=0)
    if any(lines):
        style.legend(axes, axes.get_legend_handles_labels()[0])
    return style.settle([axes])
