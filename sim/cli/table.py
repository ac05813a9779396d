"""The result of a run as a planner reads it in a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from sim.scenario.durations import format_duration

if TYPE_CHECKING:
    from sim.guarantees.verdicts import Verdict
    from sim.studies.result import Result

_MARKS = {"holds": "green", "fails": "red", "undecided": "yellow", "vacuous": "yellow"}
_MOST_EVENTS = 30


def print_result(result: Result) -> None:
    """The answer in a sentence, then groups, what the server did, and the guarantees."""
    for line in _lines(result):
        click.echo(line)


def _lines(result: Result) -> Iterator[str]:
    scenario = result.scenario
    yield click.style(scenario.name, bold=True)
    runs = "" if result.replications == 1 else f", {result.replications:,} replications (means)"
    yield (
        f"{result.at(0):%Y-%m-%d} to {result.at(scenario.duration):%Y-%m-%d} "
        f"({format_duration(scenario.duration)}), seed {scenario.seed}, {result.engine} engine{runs}"
    )
    yield ""
    yield f"  {click.style(answer(result), bold=True)}"
    yield ""
    yield from _table(list(_groups(result)))
    yield from _events(result)
    yield from _guarantees(result)


def answer(result: Result) -> str:
    """How many devices lose the server, in a sentence."""
    m = result.measures
    devices, lost, still = m["devices"] or 0, m["lost_devices"] or 0, m["still_lost_devices"] or 0
    if devices == 0:
        return "The fleet has no devices."
    if lost == 0:
        return f"None of {devices:,.0f} devices loses the server."
    end = "all of them are still without it at the end" if still == lost else (
        f"{number(still)} still without it at the end" if still else "all are connected again at the end"
    )
    share = f"{100 * (m['lost_share'] or 0):.3g} %"
    return f"{number(lost)} of {devices:,.0f} devices lose the server ({share}); {end}."


def number(value: float | None) -> str:
    """A count, or a mean of counts, for reading."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def _groups(result: Result) -> Iterator[tuple[str, ...]]:
    yield ("", "devices", "lost", "share", "reconnected", "still lost", "held it in time", "days lost", "reinstalls")
    rows = dict(result.groups)
    if len(rows) != 1:
        rows["all"] = result.measures
    for name, m in rows.items():
        coverage = m["reserve_coverage"]
        yield (
            name,
            number(m["devices"]),
            number(m["lost_devices"]),
            f"{100 * (m['lost_share'] or 0):.2f} %",
            number(m["reconnected_devices"]),
            number(m["still_lost_devices"]),
            "-" if coverage is None else f"{100 * coverage:.2f} %",
            f"{m['device_days_lost'] or 0:,.1f}",
            number(m["reinstalls"]),
        )


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
        yield "  " + "  ".join(cells).rstrip()
    yield ""


def _events(result: Result) -> Iterator[str]:
    events = result.outcomes[0].events
    if events:
        yield "What the server and the operator did"
    for event in events[:_MOST_EVENTS]:
        words = [f"  {result.at(event.at_s):%Y-%m-%d %H:%M:%S}", event.name]
        if event.by != "server":
            words.append(f"by {'the operator' if event.by == 'operator' else 'automatic reissue'}")
        if event.detail:
            words.append(event.detail)
        if event.generation is not None:
            words.append(f"[{result.certificates[event.generation][:19]}]")
        if event.reason:
            words.append(f"- {event.reason}")
        yield "  ".join(words)
    if len(events) > _MOST_EVENTS:
        yield f"  and {len(events) - _MOST_EVENTS:,} more (all of them with --json or --out)"
    if events:
        yield ""


def _guarantees(result: Result) -> Iterator[str]:
    if result.guarantees:
        yield "Guarantees"
    for verdict in result.guarantees:
        mark = click.style(f"{verdict.verdict:9}", fg=_MARKS[verdict.verdict])
        yield f"  {mark}  {promise(verdict)}: {_observed(verdict)}"


def promise(verdict: Verdict) -> str:
    """The guarantee in words."""
    g = verdict.guarantee
    words = [g.measure.replace("_", " ")]
    if g.quantile is not None:
        words.append(f"({100 * g.quantile:g} % of devices)")
    if g.within is not None:
        words.append(f"within {format_duration(g.within)}")
    side, threshold = ("at most", g.at_most) if g.at_most is not None else ("at least", g.at_least)
    words.append(f"{side} {_value(g.measure, threshold)}")
    if g.probability is not None:
        words.append(f"in {100 * g.probability:g} % of cases")
    of = [part for part in (g.group, g.platform) if part]
    return " ".join(words) + (f", {', '.join(of)}" if of else "")


def _observed(verdict: Verdict) -> str:
    parts = [_value(verdict.guarantee.measure, verdict.observed)]
    if verdict.reason:
        parts.append(verdict.reason)
    if verdict.witness:
        where = "" if not verdict.replication else f" in replication {verdict.replication}"
        parts.append(f"for example {verdict.witness}{where}")
    return "; ".join(parts)


def _value(measure: str, value: float | None) -> str:
    if value is None:
        return "nothing to measure"
    if measure == "time_to_reconnect":
        return "not within the run" if value == float("inf") else format_duration(int(value))
    if measure.endswith("_share") or measure == "reserve_coverage":
        return f"{100 * value:.6g} %"
    return number(value)
