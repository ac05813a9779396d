"""The page of a result: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from importlib.resources import files
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from jinja2 import Environment, FunctionLoader, StrictUndefined
from matplotlib.figure import Figure

from sim.errors import visible
from sim.figures import bars, series, silence
from sim.figures.style import NARROW_IN, WIDE_IN, as_it_comes, svg_element
from sim.report.contents import Contents
from sim.studies.at_risk import MOST_LISTED
from sim.studies.plots import curve_of
from sim.studies.replications import MOST_REPLICATIONS
from sim.summary import Column, Notes, Table
from sim.text import number, percent, rounded
from sim.world.order import SECONDS_PER_DAY, SECONDS_PER_HOUR

MOST_SHOWN: Final = 1_000
"""Devices at risk in the table; those after them are saved with it."""


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


class DrawnFigure(NamedTuple):
    """A figure for a desk, its title and words, and its SVG for wide and for narrow screens."""

    drawn: Figure
    title: str
    words: str
    wide: str
    narrow: str


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
        days = None if extra.decision is None else extra.decision.delay_days
        needed_s = None if days is None else days * SECONDS_PER_DAY
        yield Drawing("curve", words, partial(curve_of, timespan.name, margins, needed_s=needed_s))
    if extra.lists is not None:
        own = extra.lists.reaches[-1]
        words = (
            f"{number(own.not_reached)} devices ({own.low:,.0f} to {own.high:,.0f}) are not reached by the "
            "activation, if they live as before; below, devices by weeks since their last contact."
        )
        draw = partial(silence.forecast, timespan.name, extra.lists.reaches, extra.lists.weeks)
        yield Drawing("forecast", words, draw)
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
        words = f"Devices that wait for {extra.technicians:,} technicians: at most {most} at a time.{runs}"
        yield Drawing("queue", words, partial(series.queue, timespan, samples, extra.technicians))
    busiest = samples.syncs_per_hour.max(axis=0)
    peak = contents.date(int(samples.at_s[busiest.argmax()]), "%A %Y-%m-%d %H:%M")
    words = f"Synchronizations per hour over the dates, at most {busiest.max():,.0f}, in the hour to {peak}."
    yield Drawing("syncs", words, partial(series.syncs, timespan, samples, extra.outages_s))
    if extra.histories:
        names = ", ".join(history.device for history in extra.histories)
        words = f"A row for each of {names}: on and off, synchronizations, the reserve, lost and back."
        yield Drawing("histories", words, partial(bars.histories, timespan, extra.histories))


def page_of(contents: Contents, figures: Mapping[str, DrawnFigure] | None = None) -> bytes:
    """The page, UTF-8; the same contents give the same bytes.

    Every text of the planner's is escaped where it stands: as HTML, in figures, in data. A content security
    policy in the page forbids requests, and scripts other than its own.
    """
    script, at_risk = _text("page.js"), _at_risk(contents)
    parts = contents.extra.summary.parts
    lists = [part for part in parts if isinstance(part, Notes)]
    promises = [note for part in lists if part.title == "Guarantees" for note in part.notes]
    page = (
        _environment()
        .get_template("page.html.jinja")
        .render(
            contents=contents,
            run=contents.run,
            extra=contents.extra,
            decision=contents.extra.decision,
            figures=figures_of(contents) if figures is None else figures,
            delays=_slider(contents),
            promises=promises,
            answers=[note for part in lists if not part.title for note in part.notes],
            verdicts=[_counted(*each) for each in Counter(note.mark for note in promises).items()],
            tables=[part for part in parts if isinstance(part, Table)],
            at_risk=replace(at_risk, rows=at_risk.rows[:MOST_SHOWN]),
            more=at_risk.rows[MOST_SHOWN:],
            looked_at=min(contents.run.replications, MOST_REPLICATIONS),
            style=_text("page.css"),
            script=script,
            digest=base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii"),
        )
    )
    return _MOVES.sub(lambda character: visible(character[0]), page).encode("utf-8")


_MOVES: Final = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Control characters and direction marks, which a reader must see."""


def _counted(verdict: str, n: int) -> str:
    """`1 holds`, `2 hold`, `2 proved`."""
    return f"{n} {verdict.removesuffix('s') if n > 1 and verdict in ('holds', 'fails') else verdict}"


def _environment() -> Environment:
    return Environment(
        loader=FunctionLoader(_text),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _text(name: str) -> str:
    return (files("sim.report") / name).read_text(encoding="utf-8")


def figures_of(contents: Contents) -> dict[str, DrawnFigure]:
    """The figures that apply, by name, in the order in which a page shows them."""
    figures = {}
    with as_it_comes():
        for drawing in drawings_of(contents):
            wide, narrow = drawing.draw(width_in=WIDE_IN), drawing.draw(width_in=NARROW_IN)
            figures[drawing.name] = DrawnFigure(
                drawn=wide,
                title=wide.axes[0].get_title(loc="left"),
                words=drawing.words,
                wide=svg_element(wide, name=drawing.name),
                narrow=svg_element(narrow, name=f"{drawing.name}-narrow"),
            )
    return figures


def _slider(contents: Contents) -> dict[str, Any] | None:
    """What the slider shows at each delay."""
    margins = contents.extra.margins
    if margins is None or not len(margins.delays_s):
        return None
    unit_s, expires_s = margins.unit_s, contents.extra.lives[0].not_after_s
    unit = "day" if unit_s == SECONDS_PER_DAY else "hour"
    low, high = margins.band or ([None] * len(margins.delays_s),) * 2
    rows = [
        {
            "delay": f"{delay_s // unit_s} {unit}{'' if delay_s == unit_s else 's'}",
            "lost": number(lost),
            "share": percent(lost / max(contents.run.devices, 1)),
            "band": "" if least is None or most is None else f"{number(least)} to {number(most)}",
            "by": contents.date(expires_s - delay_s, "%Y-%m-%d %H:%M %Z"),
            "kept": [need.needed_s is not None and need.needed_s <= delay_s for need in margins.needs],
        }
        for delay_s, lost, least, most in zip(
            margins.delays_s.tolist(), margins.mean.tolist(), low, high, strict=True
        )
    ]
    return {"rows": rows, "own": len(rows) - 1, "needs": [need.promise for need in margins.needs]}


def _at_risk(contents: Contents) -> Table:
    """The devices at risk, the most urgent first."""
    zone = f" ({contents.run.timezone})"
    columns = (
        *map(Column, ("Device", "Group", "Platform", "Status", "Cause")),
        *map(Column, (f"Lost at{zone}", f"Back at{zone}", "Back by")),
        *(Column(title, "number") for title in ("Lost for (h)", "Needed delay (d)")),
        Column(f"Last sync{zone}"),
    )
    rows = []
    for row in contents.at_risk.rows.to_dict("records"):
        there = {str(name): value for name, value in row.items() if not pd.isna(value)}
        needed_s = there.get("critical_delay_s")
        cells = [
            *(there.get(name, "") for name in ("device", "group", "platform", "status")),
            there.get("lost_cause", "").replace("_", " "),
            *(
                f"{there[name].tz_convert(contents.zone):%Y-%m-%d %H:%M:%S}" if name in there else ""
                for name in ("lost_at", "reconnected_at")
            ),
            there.get("reconnected_by", ""),
            f"{there['lost_for_s'] / SECONDS_PER_HOUR:.1f}",
            "" if needed_s is None else f"{needed_s / SECONDS_PER_DAY:.2f}",
            f"{there['last_sync_at'].tz_convert(contents.zone):%Y-%m-%d %H:%M:%S}"
            if "last_sync_at" in there
            else "",
        ]
        rows.append(tuple(cells))
    told = [place for place in range(len(columns)) if any(row[place] for row in rows)]
    return Table(
        tuple(columns[place] for place in told),
        tuple(tuple(row[place] for place in told) for row in rows),
        hidden=max(0, contents.at_risk.lost - MOST_LISTED),
    )
