"""Where a scenario comes from: its tree, its file, its folder and its inventories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sim.scenario.inventory import Inventory
from sim.scenario.problems import Place
from sim.scenario.tree import Node


@dataclass(frozen=True, slots=True)
class Source:
    """The file a scenario was read from, as it was then, and what was set over it."""

    path: Path
    text: bytes
    overrides: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Origin:
    """What a scenario was made of, so that it can be shown, changed and written again."""

    node: Node
    folder: Path
    source: Source | None = None
    inventories: Mapping[int, Inventory] = field(default_factory=dict)
    validity_s: tuple[int, int] | None = None
    """Not-before and not-after of the first certificate's file, in seconds from the start, once known."""

    def place_of(self, key: str) -> Place | None:
        """Where the value at a dotted key is written, or the nearest section around it."""
        place = self.node.place_of(steps_of(key))
        return place if place.line is not None else None


def steps_of(key: str) -> tuple[str | int, ...]:
    """The steps of a dotted key: `fleet.0.sync` is ("fleet", 0, "sync")."""
    return tuple(int(step) if step.isascii() and step.isdigit() else step for step in key.split(".") if step)


def key_of(path: tuple[str | int, ...]) -> str:
    """The dotted key of some steps."""
    return ".".join(str(step) for step in path)
