"""A result as it shows itself in Jupyter."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from sim.studies.words import answer, groups_and_all, number, observed, promise, share

if TYPE_CHECKING:
    from sim.studies.result import Result


def result_html(result: Result) -> str:
    """The answer, the groups and the guarantees; every text of the planner's is escaped."""
    body = "".join(
        f"<tr><th>{escape(name)}</th><td>{number(m['devices'])}</td><td>{number(m['lost_devices'])}</td>"
        f"<td>{share(m['lost_share'])}</td><td>{number(m['reconnected_devices'])}</td>"
        f"<td>{number(m['still_lost_devices'])}</td><td>{share(m['reserve_coverage'])}</td></tr>"
        for name, m in groups_and_all(result)
    )
    first = result.scenario.first_replication
    guarantees = "".join(
        f"<li><b>{verdict.verdict}</b> {escape(promise(verdict))}: "
        f"{escape(observed(verdict, first_replication=first))}</li>"
        for verdict in result.guarantees
    )
    return (
        f"<h4>{escape(result.scenario.name)}</h4><p>{escape(answer(result))}</p>"
        "<table><tr><th></th><th>devices</th><th>lost</th><th>share</th><th>reconnected</th>"
        f"<th>still lost</th><th>held it in time</th></tr>{body}</table><ul>{guarantees}</ul>"
    )
