"""Comparisons, curves and recommendations in words, and as they show themselves in Jupyter."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, TypeVar

from sim.scenario.durations import format_duration
from sim.studies.words import number, share

if TYPE_CHECKING:
    from sim.studies.compare import Comparison, Difference
    from sim.studies.curve import Curve
    from sim.studies.recommendation import Recommendation

Row = TypeVar("Row")


def thinned(rows: Sequence[Row], most: int) -> list[Row]:
    """At most so many of the rows: every how-manieth, the first and the last."""
    if len(rows) <= most:
        return list(rows)
    return [rows[round(i * (len(rows) - 1) / (most - 1))] for i in range(most)]


def difference_words(difference: Difference) -> str:
    """How many devices one strategy loses more or fewer than another."""
    d = difference
    interval = ""
    if d.low is not None and d.high is not None:
        interval = f" (95 %: {number(round(d.low, 2))} to {number(round(d.high, 2))})"
    if not d.is_shown and d.difference != 0:
        return f"{d.a} against {d.b}: {number(d.difference)} lost devices{interval}: no difference shown"
    if d.difference == 0:
        return f"{d.a} against {d.b}: no difference shown{interval}"
    word = "more" if d.difference > 0 else "fewer"
    return f"{d.a} loses {number(abs(d.difference))} devices {word} than {d.b}{interval}"


def recommendation_words(found: Recommendation) -> list[str]:
    """When and how to reissue, in sentences: the answer first."""
    most = f"at most {found.most_lost:,} of {found.devices:,} devices" if found.most_lost else "no device"
    promise = (
        f"{most} lost, with {100 * found.confidence:.4g} % confidence "
        f"({found.replications:,} fleets simulated)"
    )
    lost = f"{100 * found.lost_share:.3g} %"
    if found.delay_days is None or found.specify_by is None or found.activated is None:
        return [
            f"No plan keeps this promise: {promise}.",
            "Even a reserve that is specified at the start and activated when the main certificate expires "
            f"({found.expires:%Y-%m-%d %H:%M} UTC) loses {lost} of the devices on average.",
            f"What binds: {found.binding}.",
        ]
    return [
        f"Specify the reserve by {found.specify_by:%Y-%m-%d %H:%M} UTC, to be activated after "
        f"{found.delay_days} days ({found.activated:%Y-%m-%d %H:%M}, when the main certificate expires).",
        f"The promise: {promise}; on average {lost}.",
        f"What binds: {found.binding}. The target alone needs {format_duration(found.needed_s or 0)}.",
    ]


def curve_html(curve: Curve) -> str:
    """A few rows of a curve."""
    rows = thinned(curve.table.to_dict(orient="records"), 16)
    body = "".join(
        f"<tr><td>{row['delay_days']:g}</td><td>{number(row['lost_devices'])}</td>"
        f"<td>{share(row['lost_share'])}</td></tr>"
        for row in rows
    )
    return (
        f"<h4>{escape(curve.scenario.name)}: lost devices by activation delay</h4>"
        f"<table><tr><th>delay (days)</th><th>lost</th><th>share</th></tr>{body}</table>"
    )


def comparison_html(comparison: Comparison) -> str:
    """The strategies, the fewest losses first, and how they differ."""
    body = "".join(
        f"<tr><th>{escape(name)}</th><td>{number(result.measures['lost_devices'])}</td>"
        f"<td>{share(result.measures['lost_share'])}</td>"
        f"<td>{number(result.measures['still_lost_devices'])}</td></tr>"
        for name, result in zip(comparison.names, comparison.results, strict=True)
    )
    differences = "".join(
        f"<li>{escape(difference_words(each))}</li>"
        for each in comparison.differences
        if each.measure == "lost_devices"
    )
    return (
        "<table><tr><th>strategy</th><th>lost</th><th>share</th><th>still lost</th></tr>"
        f"{body}</table><ul>{differences}</ul>"
    )


def recommendation_html(found: Recommendation) -> str:
    """The answer, and how it moves."""
    told = "".join(f"<p>{escape(sentence)}</p>" for sentence in recommendation_words(found))
    body = "".join(
        f"<tr><td>{escape(each.assumption)}</td><td>{number(each.delay_days)}</td></tr>"
        for each in found.variants
    )
    return f"{told}<table><tr><th>if</th><th>days needed</th></tr>{body}</table>"
