"""Trees from Python values, and trees with one value exchanged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import PurePath

from sim.scenario.durations import format_duration
from sim.scenario.origin import steps_of
from sim.scenario.problems import Place, Problem, ScenarioError, quoted, visible
from sim.scenario.scalars import Scalar
from sim.scenario.tree import DEEPEST, MOST_NODES, Node
from sim.scenario.values import closest, kind_of


def node_of(value: object, *, place: Place, key: str = "") -> tuple[Node, list[Problem]]:
    """The tree of a Python value in the form of the language, every node at `place`.

    Raises:
        ScenarioError: it is too deep or too large to be a scenario.
    """
    builder = _Builder(place)
    return builder.build(value, key, 0), builder.problems


class _Builder:
    def __init__(self, place: Place) -> None:
        self.place = place
        self.problems: list[Problem] = []
        self.nodes = 0

    def build(self, value: object, key: str, depth: int) -> Node:
        self.nodes += 1
        if depth > DEEPEST or self.nodes > MOST_NODES:
            message = f"more than {DEEPEST} deep or {MOST_NODES:,} values: no scenario is"
            raise ScenarioError([*self.problems, Problem.at(self.place, key=key, message=message)])
        if isinstance(value, Mapping):
            items: dict[str, Node] = {}
            for name, inner in value.items():
                below = f"{key}.{name}" if key else str(name)
                if isinstance(name, str) and _is_text(name):
                    items[name] = self.build(inner, below, depth + 1)
                else:
                    self._report(key, f"{quoted(repr(name))} is no key: write a text")
            return Node(items, self.place, dict.fromkeys(items, self.place))
        if isinstance(value, list | tuple):
            return Node(
                tuple(
                    self.build(inner, f"{key}.{i}" if key else str(i), depth + 1)
                    for i, inner in enumerate(value)
                ),
                self.place,
            )
        return self._scalar(value, key)

    def _scalar(self, value: object, key: str) -> Node:
        if not isinstance(value, bool | int | float | str) and value is not None:
            value = _written(value)
        if isinstance(value, str) and not _is_text(value):
            self._report(key, "half of a surrogate pair is no character: write the character itself")
            return Node(None, self.place, is_wrong=True)
        if value is None or isinstance(value, bool | int | float | str):
            scalar: Scalar = value
            return Node(scalar, self.place)
        self._report(
            key,
            f"a {type(value).__name__} has no place in a scenario: write a text, a number, a list or a dict",
        )
        return Node(None, self.place, is_wrong=True)

    def _report(self, key: str, message: str) -> None:
        self.problems.append(Problem.at(self.place, key=key, message=message))


def _written(value: object) -> object:
    """How the language writes a date, a timedelta, a path or a numpy scalar; else the value itself."""
    if isinstance(value, timedelta) and value >= timedelta(0) and not value.microseconds:
        return format_duration(value // timedelta(seconds=1))
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, PurePath):
        return value.as_posix()
    item = getattr(value, "item", None)
    return item() if callable(item) and getattr(value, "shape", None) == () else value


def _is_text(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def with_value(node: Node, key: str, new: Node, *, place: Place) -> tuple[Node, list[Problem]]:
    """The tree with `new` at a dotted key; sections on the way that are absent are made.

    Returns:
        the tree, unchanged where the key leads nowhere, and what is wrong with the key.
    """
    steps = steps_of(key)
    if not steps or any(not step for step in key.split(".")):
        mend = "write the keys on the way joined by dots, such as fleet.0.devices"
        return node, [Problem.at(place, key=key, message=f"{quoted(key)} is no key: {mend}")]
    try:
        return _exchanged(node, steps, new, place=place, done=""), []
    except LookupError as error:
        return node, [Problem.at(place, key=key, message=str(error.args[0]))]


def _exchanged(
    node: Node | None, steps: tuple[str | int, ...], new: Node, *, place: Place, done: str
) -> Node:
    if not steps:
        return new
    step, rest = steps[0], steps[1:]
    below = f"{done}.{step}" if done else str(step)
    if node is None or node.value is None:
        node = Node({}, place)
    if isinstance(node.value, tuple):
        if not isinstance(step, int) or step >= len(node.value):
            raise LookupError(_wrong_index(node.value, step, done))
        items = list(node.value)
        items[step] = _exchanged(items[step], rest, new, place=place, done=below)
        return replace(node, value=tuple(items))
    if not isinstance(node.value, dict):
        raise LookupError(
            f"{done} is {kind_of(node.value)} and holds no {step}: set the whole of {done} instead"
        )
    if isinstance(step, int) and not node.value:
        raise LookupError(f"there is no list {done}: set the whole of it, such as {done}=[...]")
    child = _exchanged(node.value.get(str(step)), rest, new, place=place, done=below)
    places = dict(node.key_places)
    if not rest or str(step) not in places:
        places[str(step)] = place
    return replace(node, value={**node.value, str(step): child}, key_places=places)


def _wrong_index(items: tuple[Node, ...], step: str | int, done: str) -> str:
    names = [str(name.value) for item in items if (name := item.child("name")) is not None]
    if not items:
        return f"{done} is an empty list: set the whole of it"
    if isinstance(step, str) and (meant := closest(step, names)) is not None:
        mend = f"write {done}.{names.index(meant)} for {visible(meant)}"
        return f"{done} is a list, and its items are counted from 0: {mend}"
    last = f"0 to {len(items) - 1}" if len(items) > 1 else "0"
    return f"{done} has no item {quoted(str(step))[1:-1]}: its items are counted {last}"
