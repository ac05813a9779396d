"""A sweep as it shows itself in Jupyter."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from sim.studies.sweep_words import cells

if TYPE_CHECKING:
    from sim.studies.sweep import Sweep

_MOST_ROWS = 40


def sweep_html(sweep: Sweep) -> str:
    """Its first points; every text of the planner's is escaped."""
    titles, *rows = cells(sweep)
    head = "".join(f"<th>{escape(title)}</th>" for title in titles)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows[:_MOST_ROWS]
    )
    more = len(rows) - _MOST_ROWS
    rest = f"<p>and {more:,} more points, all of them in .table</p>" if more > 0 else ""
    return f"<h4>{escape(sweep.scenario.name)}</h4><table><tr>{head}</tr>{body}</table>{rest}"
