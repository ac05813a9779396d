"""The figures of a page, with what each shows in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from sim.figures import bars, series
from sim.report.contents import Contents
from sim.studies.plots import curve_of
from sim.text import number, rounded


class Drawing(NamedTuple):
    """A figure.

    Attributes:
        name: of its file and of its method in `result.plot`.
        words: what it shows, for readers who do not see it.
        draw: makes it, `width_in` inches across.
    """

    name: str
    words: str
    draw: Callable[..., Figure]


def drawings_of(contents: Contents) -> Iterator[Drawing]:
    """The figures that apply, in the order in which a page shows them."""
    timespan, extra, samples = contents.timespan, contents.extra, contents.series
    n, margins = samples.replications, extra.margins
    runs = f" Lines are medians of {n:,} runs, bands hold {series.BAND_WORDS}." if n > 1 else ""
    if margins is not None and len(margins.delays_s):
        (first, *_, last) = (
            f"{rounded(int(delay_s))} loses {number(lost)}"
            for delay_s, lost in zip(margins.delays_s[[0, -1]], margins.mean[[0, -1]], strict=True)
        )
        words = f"A delay of {first} devices, one of {last}; the numbers between are under the slider."
        yield Drawing("curve", words, partial(curve_of, timespan.name, margins))
    if extra.switches or not np.isnan(samples.coverage).all():
        words = "; ".join(
            f"{series.counts_in_words(held)} of {samples.devices:,} devices hold it when it becomes main, "
            f"{contents.date(at_s)}"
            for at_s, held in extra.switches[:3]
        )
        words = f"Share of devices that hold the waiting reserve. {words or 'It does not become main'}.{runs}"
        yield Drawing("delivery", words, partial(series.delivery, timespan, samples, extra.switches))
    words = (
        f"At most {number(samples.lost.max())} devices are lost at a time; "
        f"{number(float(np.median(samples.reconnected[:, -1])))} have come back by the end.{runs}"
    )
    yield Drawing("devices", words, partial(series.devices, timespan, samples))
    changes = "; ".join(f"{event} {contents.date(at_s)}" for at_s, event in timespan.changes[:6])
    words = f"A bar for each of {len(extra.lives)} certificates: waiting as reserve, then main. {changes}."
    yield Drawing("certificates", words, partial(bars.certificates, timespan, extra.lives))
    if extra.technicians is not None and samples.queue.any():
        most = number(samples.queue.max())
        words = (
            f"Devices that wait for one of {extra.technicians:,} technicians: at most {most} at a time.{runs}"
        )
        yield Drawing("queue", words, partial(series.queue, timespan, samples, extra.technicians))
    words = f"Synchronizations per hour over the dates, at most {samples.syncs_per_hour.max():,.0f}."
    yield Drawing("syncs", words, partial(series.syncs, timespan, samples, extra.outages_s))
    if extra.histories:
        names = ", ".join(history.device for history in extra.histories)
        words = f"A row for each of {names}: on and off, synchronizations, the reserve, lost and back."
        yield Drawing("histories", words, partial(bars.histories, timespan, extra.histories))
