"""The same scenario under other assumptions about its devices."""

from __future__ import annotations

from typing import Any

from sim.scenario.durations import parse_duration
from sim.scenario.scenario import Scenario


def with_absences(scenario: Scenario, factor: float) -> Scenario | None:
    """The scenario with the absences of every group so many times as long; None where no group has any."""
    document = scenario.document
    changes = {
        f"fleet.{number}.presence.off": scaled(group["presence"]["off"], factor)
        for number, group in enumerate(document["fleet"])
        if isinstance(group.get("presence"), dict) and "off" in group["presence"]
    }
    return scenario.changed(changes) if changes else None


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
        case _:
            return {kind: [_times(each, factor) for each in value]}


def _times(written: str, factor: float) -> str:
    return f"{max(1, round(parse_duration(written) * factor))}s"
