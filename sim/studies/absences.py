"""Other assumptions about how long devices are away."""

from __future__ import annotations

from typing import Any

from sim.scenario.scenario import Scenario
from sim.scenario.values import parse_duration


def with_absences(scenario: Scenario, factor: float) -> Scenario | None:
    """The scenario with the absences of every group so many times as long; None where no group has any."""
    spells = {number: written_spells(scenario, number) for number in range(len(scenario.fleet))}
    changes = {
        f"fleet.{number}.presence": {**written, "off": scaled(written["off"], factor)}
        for number, written in spells.items()
        if written is not None
    }
    return scenario.changed(changes) if changes else None


def written_spells(scenario: Scenario, number: int) -> dict[str, Any] | None:
    """`on` and `off` of a group, where it says `from list` those that its list shows; None without any."""
    written = scenario.document["fleet"][number].get("presence")
    if written == "from list":
        return scenario.inventories[number].written_presence(scenario.fleet[number].sync.every)
    return written if isinstance(written, dict) and "off" in written else None


def scaled(written: Any, factor: float) -> Any:
    """A distribution of the language (1.1) whose durations are so many times as long."""
    if isinstance(written, str):
        return _times(written, factor)
    ((kind, value),) = written.items()
    match kind:
        case "exponential":
            return {kind: _times(value, factor)}
        case "lognormal":
            return {kind: {**value, "median": _times(value["median"], factor)}}
        case "weibull":
            return {kind: {**value, "scale": _times(value["scale"], factor)}}
        case "still_away":
            return {kind: {_times(after, factor): share for after, share in value.items()}}
        case _:
            return {kind: [_times(each, factor) for each in value]}


def _times(written: str, factor: float) -> str:
    return f"{max(1, round(parse_duration(written) * factor))}s"
