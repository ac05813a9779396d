"""Figures of a result (matplotlib): black, grey and two colours that colour-blind readers tell apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter, StrMethodFormatter

if TYPE_CHECKING:
    from sim.studies.result import Result

BLUE: Final = "#0072b2"
ORANGE: Final = "#d55e00"
GREY: Final = "#555555"
_SWITCHES: Final = {
    "reserve activated": "becomes main",
    "certificate expired": "expires",
    "certificate replaced immediately": "replaced",
    "previous restored": "restored",
}


class Plots:
    """The figures of a result: each method returns a `matplotlib.figure.Figure` of the first replication."""

    def __init__(self, result: Result) -> None:
        self._result = result
        first = result.timeline["replication"] == result.number_of(0)
        self._timeline = result.timeline[first]
        self._dates = date2num(self._timeline["at"].dt.tz_localize(None).to_numpy())

    def delivery(self) -> Figure:
        """How the reserve reaches the fleet, against the instants at which certificates change."""
        figure, axes = self._axes("Devices that hold the reserve")
        axes.plot(
            self._dates,
            self._timeline["coverage"],
            color=BLUE,
            drawstyle="steps-post",
            label="hold the reserve",
        )
        axes.set_ylim(0, 1.02)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set_ylabel("share of devices")
        self._mark_switches(axes)
        return figure

    def devices(self) -> Figure:
        """How many devices are connected (synchronized within two periods) and lost."""
        figure, axes = self._axes("Connected and lost devices")
        axes.plot(self._dates, self._timeline["connected"], color=BLUE, label="connected")
        axes.plot(self._dates, self._timeline["lost"], color=ORANGE, linestyle="--", label="lost")
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.set_ylabel("devices")
        self._mark_switches(axes)
        axes.legend(frameon=False, loc="center left")
        return figure

    def _axes(self, title: str) -> tuple[Figure, Axes]:
        figure = Figure(figsize=(8, 3.6), layout="constrained")
        axes = figure.add_subplot()
        axes.set_title(f"{title} - {self._result.scenario.name}".replace("$", r"\$"), loc="left", fontsize=11)
        locator = AutoDateLocator()
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
        axes.set_xlabel("date (UTC)")
        axes.spines[["top", "right"]].set_visible(False)
        return figure, axes

    def _mark_switches(self, axes: Axes) -> None:
        for event in self._result.tallies[0].events:
            if event.name in _SWITCHES:
                at = date2num(self._result.at(event.at_s).replace(tzinfo=None))
                axes.axvline(at, color=GREY, linewidth=1, linestyle=":")
                axes.annotate(
                    _SWITCHES[event.name],
                    (at, 1),
                    xycoords=("data", "axes fraction"),
                    xytext=(3, -3),
                    textcoords="offset points",
                    rotation=90,
                    va="top",
                    fontsize=8,
                    color=GREY,
                )
