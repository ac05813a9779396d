"""The result of a run as a planner reads it in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from sim.scenario.durations import format_duration
from sim.studies.words import answer, groups_and_all, number, observed, promise, share

if TYPE_CHECKING:
    from sim.studies.result import Result

_MARKS = {"proved": "green", "holds": "green", "fails": "red", "undecided": "yellow", "vacuous": "yellow"}
_MOST_EVENTS = 30


def print_result(result: Result) -> None:
    """The answer in a sentence, then groups, what the server did, and the guarantees."""
    for line in _lines(result):
        click.echo(line)


def _lines(result: Result) -> Iterator[str]:
    scenario = result.scenario
    yield click.style(scenario.name, bold=True)
    runs = "" if result.replications == 1 else f", {result.replications:,} replications; counts are means"
    yield (
        f"{result.at(0):%Y-%m-%d} to {result.at(scenario.duration):%Y-%m-%d} "
        f"({format_duration(scenario.duration)}), seed {scenario.seed}, {result.engine} engine{runs}"
    )
    yield ""
    yield f"  {click.style(answer(result), bold=True)}"
    yield ""
    yield from aligned(list(_groups(result)))
    yield from _events(result)
    yield from _guarantees(result)


def _groups(result: Result) -> Iterator[tuple[str, ...]]:
    yield (
        "",
        "devices",
        "lost",
        "share",
        "reconnected",
        "still lost",
        "held it in time",
        "days lost",
        "reinstalls",
    )
    for name, m in groups_and_all(result):
        yield (
            name,
            number(m["devices"]),
            number(m["lost_devices"]),
            share(m["lost_share"]),
            number(m["reconnected_devices"]),
            number(m["still_lost_devices"]),
            share(m["reserve_coverage"]),
            f"{m['device_days_lost'] or 0:,.1f}",
            number(m["reinstalls"]),
        )


def aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """The rows in columns: the first to the left, the others to the right; then an empty line."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
        yield "  " + "  ".join(cells).rstrip()
    yield ""


def _events(result: Result) -> Iterator[str]:
    events = result.tallies[0].events
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
        seen = observed(verdict, first_replication=result.scenario.first_replication)
        yield f"  {mark}  {promise(verdict)}: {seen}"
