"""The page of a result: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
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
from sim.studies.output import library_versions
from sim.studies.plots import curve_of, timespan_of
from sim.studies.replications import MOST_REPLICATIONS
from sim.summary import Column, Notes, Table
from sim.text import number, percent, plural
from sim.world import SEMANTICS
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
    result, extra, samples = contents.result, contents.extra, contents.series
    timespan, n = timespan_of(result, result.scenario.name), samples.replications
    runs = f" Lines are medians of {n:,} runs, bands hold {series.BAND_WORDS}." if n > 1 else ""
    if extra.decision is not None and extra.decision.curve:
        first, *_, last = (
            f"{plural(point.days, 'day')} loses {number(point.lost[1])}"
            for point in (extra.decision.curve[0], extra.decision.curve[-1])
        )
        words = f"A delay of {first} devices, one of {last}; the numbers between are under the slider."
        yield Drawing("curve", words, partial(curve_of, timespan.name, extra.decision))
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
            run=contents.result,
            scenario=contents.result.scenario,
            semantics=SEMANTICS,
            versions=library_versions(),
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
            looked_at=min(contents.result.replications, MOST_REPLICATIONS),
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
    decision = contents.extra.decision
    if decision is None or not decision.curve:
        return None
    days = decision.delay_days or decision.curve[-1].days
    rows = [
        {
            "delay": plural(point.days, "day"),
            "lost": number(median),
            "share": percent(median / max(contents.series.devices, 1)),
            "band": f"{number(low)} to {number(high)}",
            "by": decision.shown(decision.expires - timedelta(days=point.days)),
            "kept": point.keeps,
        }
        for point in decision.curve
        for low, median, high in [point.lost]
    ]
    own = max((n for n, point in enumerate(decision.curve) if point.days <= days), default=0)
    return {"rows": rows, "own": own, "needs": decision.promises}


def _at_risk(contents: Contents) -> Table:
    """The devices at risk, the most urgent first."""
    zone = f" ({contents.result.scenario.timezone})"
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
                f"{there[name].tz_convert(contents.result.scenario.zone):%Y-%m-%d %H:%M:%S}"
                if name in there
                else ""
                for name in ("lost_at", "reconnected_at")
            ),
            there.get("reconnected_by", ""),
            f"{there['lost_for_s'] / SECONDS_PER_HOUR:.1f}",
            "" if needed_s is None else f"{needed_s / SECONDS_PER_DAY:.2f}",
            f"{there['last_sync_at'].tz_convert(contents.result.scenario.zone):%Y-%m-%d %H:%M:%S}"
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
