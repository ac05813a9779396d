"""A result as it shows itself in Jupyter."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from sim.studies.words import (
    answer,
    difference_words,
    groups_and_all,
    number,
    observed,
    promise,
    share,
    thinned,
)

if TYPE_CHECKING:
    from sim.studies.compare import Comparison
    from sim.studies.curve import Curve
    from sim.studies.planning import Recommendation
    from sim.studies.result import Result


def result_html(result: Result) -> str:
    """The answer, the groups and the guarantees; every text of the planner's is escaped."""
    body = "".join(
        f"<tr><th>{escape(name)}</th><td>{number(m['devices'])}</td><td>{number(m['lost_devices'])}</td>"
        f"<td>{share(m['lost_share'])}</td><td>{number(m['reconnected_devices'])}</td>"
        f"<td>{number(m['still_lost_devices'])}</td><td>{share(m['reserve_coverage'])}</td></tr>"
        for name, m in groups_and_all(result)
    )
    guarantees = "".join(
        f"<li><b>{verdict.verdict}</b> {escape(promise(verdict))}: {escape(observed(verdict, first_replication=result.scenario.first_replication))}</li>"
        for verdict in result.guarantees
    )
    return (
        f"<h4>{escape(result.scenario.name)}</h4><p>{escape(answer(result))}</p>"
        "<table><tr><th></th><th>devices</th><th>lost</th><th>share</th><th>reconnected</th>"
        f"<th>still lost</th><th>held it in time</th></tr>{body}</table><ul>{guarantees}</ul>"
    )


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
        f"<td>{share(result.measures['lost_share'])}</td><td>{number(result.measures['still_lost_devices'])}</td></tr>"
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
        f"<tr><td>{escape(each.assumption)}</td><td>{'-' if each.delay_days is None else each.delay_days}</td></tr>"
        for each in found.variants
    )
    return f"{told}<table><tr><th>if</th><th>days needed</th></tr>{body}</table>"
