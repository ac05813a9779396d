"""The page of a run: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from sim.report.chase import MOST_CHASED
from sim.report.decision import decide, unit_of
from sim.report.drawings import Drawing, drawings_of, inline_svg
from sim.report.record import MOST_REPLICATIONS, Record
from sim.scenario.durations import format_duration
from sim.text import number, percent
from sim.world.order import SECONDS_PER_DAY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jinja2 import Environment

_MOST_EVENTS: Final = 200


def page_of(record: Record) -> bytes:
    """The page of a record, UTF-8; the same record gives the same bytes.

    Every text of the planner's is escaped where it stands: as HTML, in figures, in data. A content security
    policy in the page forbids requests, and scripts other than its own.
    """
    script = _text("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    page = (
        _environment()
        .get_template("page.html.jinja")
        .render(
            record=record,
            decision=decide(record),
            figures={drawing.name: _shown(drawing) for drawing in drawings_of(record)},
            delays=_slider(record),
            counts=_verdicts(record),
            events=record.events[:_MOST_EVENTS],
            most_chased=MOST_CHASED,
            most_replications=MOST_REPLICATIONS,
            style=_text("page.css"),
            script=script,
            digest=digest,
        )
    )
    return page.encode("utf-8")


def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(_text),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=number, share=percent, duration=format_duration, date=_date)
    return environment


def _text(name: str) -> str:
    return (files("sim.report") / name).read_text(encoding="utf-8")


def _date(instant_s: int | None, record: Record) -> str:
    if instant_s is None:
        return ""
    return f"{record.start + timedelta(seconds=instant_s):%Y-%m-%d %H:%M:%S}"


def _shown(drawing: Drawing) -> dict[str, str]:
    return {
        "name": drawing.name,
        "title": drawing.title,
        "words": drawing.words,
        "svg": inline_svg(drawing),
    }


def _verdicts(record: Record) -> dict[str, int]:
    """How many guarantees have each verdict."""
    verdicts = [promise.verdict for promise in record.promises]
    return {_plural(verdict, n): n for verdict in dict.fromkeys(verdicts) if (n := verdicts.count(verdict))}


def _plural(verdict: str, n: int) -> str:
    return verdict.removesuffix("s") if n > 1 and verdict in ("holds", "fails") else verdict


def _slider(record: Record) -> dict[str, Any] | None:
    """What the slider shows at each delay."""
    told = record.delays
    if told is None or not told.delays_s:
        return None
    in_days = unit_of(told) == SECONDS_PER_DAY
    bands: Iterable[tuple[float | None, float | None]] = (
        zip(told.low, told.high, strict=True) if told.low else [(None, None)] * len(told.delays_s)
    )
    rows = [
        {
            "delay": f"{delay_s // unit_of(told)} {'day' if in_days else 'hour'}"
            + ("" if delay_s == unit_of(told) else "s"),
            "lost": number(lost),
            "share": percent(lost / max(record.devices, 1)),
            "band": "" if low is None or high is None else f"{number(low)} to {number(high)}",
            "by": _date(told.expires_s - delay_s, record)[:16],
            "kept": [need.needed_s is not None and need.needed_s <= delay_s for need in told.needs],
        }
        for delay_s, lost, (low, high) in zip(told.delays_s, told.lost, bands, strict=True)
    ]
    return {"rows": rows, "own": len(rows) - 1, "needs": [need.promise for need in told.needs]}
