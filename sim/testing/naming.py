"""The names of guarantees as tests: `lost_devices at_most 0`, unique within a scenario."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sim.errors import visible

_LATER: Final = ("within", "quantile", "group", "platform", "probability", "confidence")
"""Keys that follow measure and bound, with their value as written."""


def names_of(guarantees: Iterable[Mapping[str, Any]]) -> list[str]:
    """A name for each guarantee as written, in order; equal ones are numbered from the second on."""
    names: list[str] = []
    for written in guarantees:
        name = plain = name_of(written)
        number = 1
        while name in names:
            number += 1
            name = f"{plain} ({number})"
        names.append(name)
    return names


def name_of(written: Mapping[str, Any]) -> str:
    """Measure, bound, and what else narrows it: `reconnected_share at_least 95% within 14d`.

    A double colon, which separates the parts of a node id, becomes a single one.
    """
    words = [str(written["measure"])]
    for key in ("at_most", "at_least", *_LATER):
        if written.get(key) is not None:
            words += [key, _shown(written[key])]
    name = visible(" ".join(words))
    while "::" in name:
        name = name.replace("::", ":")
    return name


def _shown(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    return str(value)
