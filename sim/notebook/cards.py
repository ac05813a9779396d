"""A scenario as a card."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sim.scenario.writing import to_line
from sim.studies.words import promise_of
from sim.summary import Column, Summary, Table, notes
from sim.summary.card import to_html
from sim.text import shortened, span

if TYPE_CHECKING:
    from sim.scenario.scenario import Scenario


def scenario_card(scenario: Scenario) -> str:
    """Who there is, what will be done, what is promised."""
    document = scenario.document
    rows = tuple(
        (
            group.name,
            len(scenario.inventories[number].rows) if group.inventory else group.devices or 0,
            group.platform,
            f"every {span(group.sync.every)}, {100 * group.sync.success:.6g} % succeed",
            shortened(to_line(document["fleet"][number].get("presence", "always")), 90),
        )
        for number, group in enumerate(scenario.fleet)
    )
    kinds = (Column("group"), Column("devices", "count"), *map(Column, ("platform", "synchronizes", "is on")))
    steps = [_step(step) for step in document.get("strategy", ())]
    promises = [f"promise: {promise_of(guarantee)}" for guarantee in scenario.guarantees]
    end = scenario.start + timedelta(seconds=scenario.duration)
    return to_html(
        Summary(
            scenario.name,
            f"{scenario.start:%Y-%m-%d} to {end:%Y-%m-%d} ({span(scenario.duration)})",
            (Table(kinds, rows), notes(*steps, *promises, is_list=True)),
            about=shortened(scenario.description or "", 400),
        )
    )


def _step(step: dict[str, Any]) -> str:
    doing = ", ".join(
        f"{key.replace('_', ' ')} {shortened(to_line(value), 90)}" if value else key.replace("_", " ")
        for key, value in step.items()
        if key != "at"
    )
    return f"at {step['at']}: {doing}"
