"""How long the devices of a list are silent, and what the list forecasts for each delay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sim.figures import style
from sim.figures.style import WIDE_IN
from sim.lists.forecast import Reach
from sim.world.order import SECONDS_PER_DAY


def forecast(
    name: str,
    reaches: Sequence[Reach],
    weeks: Sequence[int],
    *,
    confidence: float = 0.95,
    width_in: float = WIDE_IN,
) -> Figure:
    """Above: devices that a delay does not reach, with the band. Below: devices by weeks of silence.

    Args:
        name: a line below the title; anybody's text.
        reaches: by delay; the last one is marked.
        weeks: devices by whole weeks since their last contact.
        confidence: of the band.
        width_in: inches across.
    """
    *curve, own = reaches
    figure, (axes, below) = style.stacked("Forecast from the list", name, width_in, 4.6, (3, 2))
    days = np.array([each.delay_s for each in curve]) / SECONDS_PER_DAY
    shade: dict[str, Any] = {"facecolor": style.SKY, "edgecolor": style.BLUE, "alpha": 0.45}
    high = np.array([each.high for each in curve])
    axes.fill_between(days, [each.low for each in curve], high, **shade)
    axes.plot(days, [each.not_reached for each in curve], color=style.BLUE, linewidth=2)
    style.count_axis(axes, float(high.max()))
    axes.set_ylabel("devices not reached", fontsize=9)
    x = own.delay_s / SECONDS_PER_DAY
    axes.axvline(x, color=style.VERMILION, linewidth=1.8, linestyle="--")
    axes.plot([x], [own.not_reached], "D", color=style.VERMILION, markersize=7, zorder=5)
    words = f"{x:,.4g} days: {own.not_reached:,.4g} ({own.low:,.0f} to {own.high:,.0f})"
    style.label(axes, x, own.not_reached, words, style.VERMILION)
    style.label(
        axes,
        float(days[len(days) // 3]),
        float(high[len(days) // 3]),
        f"{100 * confidence:g} % band",
        style.GREY,
    )
    longest = float(days[-1])
    shown = list(weeks)[: int(longest // 7) + 1]
    below.bar(7 * np.arange(len(shown)), shown, 7, align="edge", color=style.SKY, edgecolor=style.BLUE)
    below.set_yscale("symlog", linthresh=1)
    below.set_ylim(0, 2 * max([1, *shown]))
    below.set_ylabel("devices a week", fontsize=9)
    below.set_xlabel("days since the last contact; above, days of delay", fontsize=9)
    below.set_xlim(0, longest)
    return style.settle(figure)
