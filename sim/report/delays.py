"""Lost devices against the activation delay, and differences between strategies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.figure import Figure

from sim.report.scenes import DelayCurve
from sim.report.style import BLUE, GREEN, GREY, INK, PALE, SKY, VERMILION, blank, counting, plain, say
from sim.world.order import SECONDS_PER_DAY, SECONDS_PER_HOUR

_ZERO_HEIGHT: Final = 0.55


def curve(told: DelayCurve) -> Figure:
    """Lost devices by delay; with several replications the band in which nine of ten lie."""
    figure, axes = blank("Lost devices by activation delay", told.name)
    in_days = bool(len(told.delays_s)) and int(told.delays_s[-1]) >= 3 * SECONDS_PER_DAY
    unit_s, unit = (SECONDS_PER_DAY, "days") if in_days else (SECONDS_PER_HOUR, "hours")
    at = told.delays_s / unit_s
    if told.low is not None and told.high is not None:
        axes.fill_between(at, told.low, told.high, facecolor=SKY, edgecolor=BLUE, alpha=0.45, hatch="...")
    marker = "o" if len(at) <= 40 else ""
    axes.plot(at, told.lost, color=BLUE, linewidth=2, marker=marker, markersize=3.5)
    axes.set_xlabel(f"activation delay ({unit})", fontsize=9)
    axes.set_ylabel("lost devices" if told.low is None else "lost devices (mean)", fontsize=9)
    most = float(max(told.lost.max(initial=0), 0 if told.high is None else told.high.max(initial=0)))
    counting(axes, most)
    longest = max(float(at[-1]) if len(at) else 1.0, (told.own_s or 0) / unit_s)
    axes.set_xlim(0, longest * 1.04)
    if told.high is not None and len(at):
        middle = len(at) // 3
        say(axes, float(at[middle]), float(told.high[middle]), "nine of ten runs", GREY, at=(6, 10))
    for delay_s, word, colour, style, high in (
        (told.advised_s, "needed", GREEN, "-.", 0.9),
        (told.own_s, "this scenario", VERMILION, "--", 0.72),
    ):
        if delay_s is None:
            continue
        x = delay_s / unit_s
        axes.axvline(x, color=colour, linewidth=1.8, linestyle=style)
        number = f"{x:,.4g} {unit}"
        lost = _lost_at(told, delay_s)
        if lost is not None:
            number += f": {lost:,.4g} lost"
            axes.plot([x], [lost], "D", color=colour, markersize=7, zorder=5)
        words = f"{word}, {number}"
        is_left = x < 0.55 * longest
        say(axes, x, high * axes.get_ylim()[1], words, colour, at=(6, 0) if is_left else (-6, 0))
    return figure


def _lost_at(told: DelayCurve, delay_s: int) -> float | None:
    """The losses under a delay of the curve; None where the curve does not have it."""
    place = int(np.searchsorted(told.delays_s, delay_s))
    if place < len(told.delays_s) and int(told.delays_s[place]) == delay_s:
        return float(told.lost[place])
    return None


# --- strategies side by side ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Paired:
    """A difference in lost devices between two strategies, the first minus the second.

    Attributes:
        words: which two.
        difference: mean over the replications.
        low, high: its 95 % interval; None where there is none.
    """

    words: str
    difference: float
    low: float | None
    high: float | None


def differences(pairs: tuple[Paired, ...], *, unit: str) -> Figure:
    """A row for each two strategies: the difference with its 95 % interval; at zero there is none."""
    figure, axes = blank(
        f"Differences in {unit}",
        "each the first minus the second, with its 95 % interval",
        height_in=1.7 + 0.5 * max(len(pairs), 2),
    )
    for row, pair in enumerate(pairs):
        is_shown = False
        doubt = " (no interval from one run)"
        if pair.low is not None and pair.high is not None:
            is_shown = pair.low > 0 or pair.high < 0
            doubt = "" if is_shown else " (no difference shown)"
        colour = GREY if not is_shown else (VERMILION if pair.difference > 0 else BLUE)
        if pair.low is not None and pair.high is not None:
            axes.plot([pair.low, pair.high], [row, row], color=colour, linewidth=2.5, solid_capstyle="butt")
        axes.plot(
            [pair.difference],
            [row],
            "o",
            color=colour,
            markersize=8,
            markerfacecolor=colour if is_shown else "white",
            markeredgewidth=2,
            zorder=5,
        )
        axes.annotate(
            f"{pair.difference:+,.4g}".replace("-", "\N{MINUS SIGN}") + doubt,
            (pair.difference, row),
            xytext=(0, 9),
            textcoords="offset points",
            ha="center",
            fontsize=9,
            color=colour,
            fontweight="bold",
        )
    axes.axvline(0, color=INK, linewidth=1.2)
    axes.set_yticks(range(len(pairs)), [pair.words for pair in pairs])
    axes.set_ylim(len(pairs) - 0.4, -0.75)
    axes.grid(axis="x", color=PALE, linewidth=0.8)
    axes.margins(x=0.12)
    axes.set_xlabel(f"difference in {unit}", fontsize=9)
    return figure


def paired_words(a: str, b: str) -> str:
    """The name of a row."""
    return f"{plain(a, 34)}\n\N{MINUS SIGN} {plain(b, 34)}"
