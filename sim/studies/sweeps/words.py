"""A sweep as texts in rows, for the terminal and for Jupyter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from sim.errors import visible
from sim.studies.words import number, share

if TYPE_CHECKING:
    from sim.studies.sweeps.sweep import Sweep

_DEVICES: Final = "devices"
_LONGEST: Final = 40
"""Characters of a value that are shown."""


def cells(sweep: Sweep) -> Iterator[list[str]]:
    """The titles, then a row for each point: varied keys, and the measures that a planner asks for first."""
    keys = list(sweep.design.values)
    is_repeated = any(len(values) > 1 for values in sweep.runs)
    interval = ["95 %"] if is_repeated else []
    yield [*titles(keys), _DEVICES, "lost", *interval, "share", "still lost", "held it in time", "days lost"]
    for row in sweep.rows:
        yield [
            *(_shortened(written(row[key])) for key in keys),
            number(row["devices"]),
            number(row["lost_devices"]),
            *([_interval(row)] if is_repeated else []),
            share(row["lost_share"]),
            number(row["still_lost_devices"]),
            share(row["reserve_coverage"]),
            f"{row['device_days_lost']:,.1f}",
        ]


def written(value: object) -> str:
    """A value of the language on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {written(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)


def titles(keys: list[str]) -> list[str]:
    """Short names of dotted keys: the last step, and as many before it as tell them apart."""
    return [_title(key, keys) for key in keys]


def _title(key: str, keys: list[str]) -> str:
    steps = key.split(".")
    for taken in range(1, len(steps)):
        short = ".".join(steps[-taken:])
        is_shared = any(f".{other}".endswith(f".{short}") for other in keys if other != key)
        if not (short.isdigit() or short == _DEVICES or is_shared):
            return visible(short)
    return visible(key)


def _interval(row: dict[str, Any]) -> str:
    low, high = row["lost_devices_low"], row["lost_devices_high"]
    return "-" if low is None else f"{number(round(max(low, 0), 1))} to {number(round(high, 1))}"


def _shortened(text: str) -> str:
    return visible(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")
