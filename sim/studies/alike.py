"""Scenarios to compare: that they have the same devices and days, and what each is called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from sim.errors import InputError, visible
from sim.scenario.scenario import Scenario
from sim.text import iso, span

_MOST_SETTINGS: Final = 3


class CompareError(InputError):
    """The scenarios cannot be compared; the message says why."""


def check_alike(first: Scenario, other: Scenario, names: tuple[str, str]) -> None:
    """Raise CompareError unless both have the same devices, start and duration."""
    left, right = _same(first), _same(other)
    for what in {**left, **right}:
        one, two = left.get(what, "none"), right.get(what, "none")
        if one != two:
            raise CompareError(
                f"{visible(names[0])} and {visible(names[1])} differ in {visible(what)} "
                f"({visible(one)}; {visible(two)}): a comparison needs the same devices living the same days"
            )


def _same(scenario: Scenario) -> dict[str, str]:
    """What must be the same: the days, and what names the devices of each group."""
    found = {"start": iso(scenario.start), "duration": span(scenario.duration)}
    for number, group in enumerate(scenario.fleet):
        found[f"the group {group.name!r}"] = (
            f"{group.devices or 0:,} devices"
            if group.inventory is None
            else f"inventory {scenario.inventories[number].sha256[:12]}"
        )
    return found


def told_apart(scenarios: Sequence[Scenario]) -> list[str]:
    """The names; where several have one name, with the settings in which these differ."""
    names = []
    for scenario in scenarios:
        alike = [dict(_settings(other.document)) for other in scenarios if other.name == scenario.name]
        own = dict(_settings(scenario.document))
        keys = [key for key in dict.fromkeys(chain(*alike)) if len({other.get(key) for other in alike}) > 1]
        settings = [f"{key.rpartition('.')[2]} {own[key]}" if key in own else f"no {key}" for key in keys]
        if len(settings) > _MOST_SETTINGS:
            settings[_MOST_SETTINGS:] = ["…"]
        names.append(f"{scenario.name} ({', '.join(settings)})" if settings else scenario.name)
    return names


def _settings(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every value in a document by its dotted key, but what a comparison makes the same."""
    if isinstance(value, Mapping | list):
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for name, inner in items:
            yield from _settings(inner, f"{key}.{name}" if key else str(name))
    elif key not in ("seed", "replications", "description"):
        yield key, str(value)


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """The names, with a number where one occurs again."""
    taken: list[str] = []
    for name in names:
        candidate, number = name, 2
        while candidate in taken:
            candidate, number = f"{name} ({number})", number + 1
        taken.append(candidate)
    return tuple(taken)
