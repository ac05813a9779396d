"""The figures of a page, each for wide and for narrow screens, with what it shows in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from sim.figures import bars, series
from sim.figures.style import NARROW_IN, WIDE_IN
from sim.report.contents import Contents
from sim.studies.plots import curve_of
from sim.text import number, rounded

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Drawing:
    """A figure.

    Attributes:
        name: of its file and of its method in `result.plot`.
        title: above it.
        words: what it shows, for readers who do not see it.
        draw: makes it, `width_in` inches across.
    """

    name: str
    title: str
    words: str
    draw: Callable[..., Figure]

    @property
    def wide(self) -> Figure:
        """The figure for a desk."""
        return self.draw(width_in=WIDE_IN)

    @property
    def narrow(self) -> Figure:
        """The figure for a telephone."""
        return self.draw(width_in=NARROW_IN)


def drawings_of(contents: Contents) -> Iterator[Drawing]:
    """The figures that apply, in the order in which a page shows them."""
    timespan, extra, samples = contents.timespan, contents.extra, contents.series
    of = "" if samples.replications == 1 else f" Lines are medians of {samples.replications:,} runs{_BANDS}."
    if extra.margins is not None and len(extra.margins.delays_s):
        delays_s, lost = extra.margins.delays_s, extra.margins.mean
        yield Drawing(
            "curve",
            "Lost devices by activation delay",
            f"A delay of {rounded(int(delays_s[0]))} loses {number(lost[0])} devices, one of "
            f"{rounded(int(delays_s[-1]))} {number(lost[-1])}; the numbers between are under the slider.",
            partial(curve_of, timespan.name, extra.margins),
        )
    if extra.switches or not np.isnan(samples.coverage).all():
        words = "; ".join(
            f"{series.counts_in_words(held)} of {samples.devices:,} devices hold it when it becomes main, "
            f"{contents.date(at_s)}"
            for at_s, held in extra.switches[:3]
        )
        yield Drawing(
            "delivery",
            "How the reserve reaches the devices",
            "Share of devices that hold the waiting reserve, over the dates. "
            f"{words or 'It does not become main'}.{of}",
            partial(series.delivery, timespan, samples, extra.switches),
        )
    yield Drawing(
        "devices",
        "Connected, lost and reconnected devices",
        f"Devices over the dates. At most {number(samples.lost.max(initial=0))} are lost at a time; "
        f"{number(float(np.median(samples.reconnected[:, -1])))} have come back by the end.{of}",
        partial(series.devices, timespan, samples),
    )
    changes = "; ".join(f"{event} {contents.date(at_s)}" for at_s, event in timespan.changes[:6])
    yield Drawing(
        "certificates",
        "The life of the certificates",
        f"A bar for each of {len(extra.lives)} certificates: waiting as reserve, then main. {changes}.",
        partial(bars.certificates, timespan, extra.lives),
    )
    if extra.technicians is not None and samples.queue.any():
        yield Drawing(
            "queue",
            "The help desk's queue",
            f"Devices that wait for one of {extra.technicians:,} technicians: at most "
            f"{number(samples.queue.max())} at a time.{of}",
            partial(series.queue, timespan, samples, extra.technicians),
        )
    yield Drawing(
        "syncs",
        "Synchronizations: the server's load",
        f"Synchronizations per hour over the dates, at most {samples.syncs_per_hour.max():,.0f}.",
        partial(series.syncs, timespan, samples, extra.outages_s),
    )
    if extra.histories:
        names = ", ".join(history.device for history in extra.histories)
        yield Drawing(
            "histories",
            "What happened to some devices",
            f"A row for each of {names}: on and off, synchronizations, the reserve, lost and back.",
            partial(bars.histories, timespan, extra.histories),
        )


_BANDS = f", bands reach from {series.BAND_WORDS.replace(' of runs', ' of them')}"
