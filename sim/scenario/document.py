"""A scenario as a tree of values that know where they are written; made from Python values, and edited."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final

from sim.scenario.problems import Mistake, Path, Place, Problem, ScenarioError, key_of, steps_of
from sim.scenario.values import kind_of, written
from sim.text import closest, quoted, shortened

Scalar = bool | int | float | str | None

DEEPEST: Final = 32
"""Sections and lists within one another, the outermost counted."""
MOST_NODES: Final = 100_000
MOST_PROBLEMS: Final = 200
_WORDS: Final = {True: "on", False: "off"}
"""What YAML 1.1 reads as true and false."""
LARGEST: Final = 10**100
"""A whole number that is certainly none of a scenario's."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it is written; of a section also where its keys are."""

    value: Scalar | tuple[Node, ...] | dict[str, Node]
    place: Place
    key_places: Mapping[str, Place] = field(default_factory=dict)
    is_wrong: bool = False
    """Whether a problem of it was already reported, so that nobody complains twice."""

    def child(self, step: str | int) -> Node | None:
        """The value under a key or at an index, or None."""
        if isinstance(self.value, dict):
            return self.value.get(str(step))
        if isinstance(self.value, tuple) and isinstance(step, int) and 0 <= step < len(self.value):
            return self.value[step]
        return None

    def plain(self) -> object:
        """The value as plain dictionaries, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, tuple):
            return [node.plain() for node in self.value]
        return self.value

    def nearest(self, path: Path) -> tuple[Node, int]:
        """The deepest node on the way along `path`, and how many steps of it exist."""
        node, taken = self, 0
        for step in path:
            below = node.child(step)
            if below is None:
                break
            node, taken = below, taken + 1
        return node, taken

    def has(self, *path: str | int) -> bool:
        """Whether a value is written at a path."""
        node, taken = self.nearest(path)
        return taken == len(path) and node.value is not None

    def place_of(self, path: Path, *, key: bool = False) -> Place:
        """Where the value at `path` is written, or its key; where it is absent, what should hold it."""
        node, taken = self.nearest(path)
        if taken and taken == len(path):
            holder, _ = self.nearest(path[:-1])
            if key or node.value is None:
                return holder.key_places.get(str(path[-1]), node.place)
        return node.place

    def placed(self, mistakes: Iterable[Mistake]) -> list[Problem]:
        """The mistakes with their places, at most `MOST_PROBLEMS` of them."""
        found = list(mistakes)
        problems = [
            Problem.at(self.place_of(each.path, key=each.at_key), key=key_of(each.path), message=each.message)
            for each in found[:MOST_PROBLEMS]
        ]
        if len(found) > MOST_PROBLEMS:
            message = f"and {len(found) - MOST_PROBLEMS:,} more mistakes: correct these first"
            problems.append(Problem(self.place.file, None, None, "", message))
        return problems

    def moved_to(self, place: Place) -> Node:
        """The tree as if all of it were written at one place."""
        if isinstance(self.value, dict):
            value = {key: inner.moved_to(place) for key, inner in self.value.items()}
            return replace(self, value=value, place=place, key_places=dict.fromkeys(value, place))
        if isinstance(self.value, tuple):
            return replace(self, value=tuple(inner.moved_to(place) for inner in self.value), place=place)
        return replace(self, place=place)


# --- from Python values --------------------------------------------------------------------------------


def node_of(
    value: object, *, place: Place, tables: dict[str, bytes], key: str = ""
) -> tuple[Node, list[Problem]]:
    """The tree of a Python value in the form of the language, or as a scenario holds it.

    Args:
        value: dictionaries, lists and scalars, and what `values.written` takes.
        place: of every node.
        tables: takes the files that tables (pandas) stand for, by the names they get.
        key: of the value, dotted.

    Raises:
        ScenarioError: it is too deep or too large to be a scenario.
    """
    builder = _Builder(place, tables)
    return builder.build(value, key, 0), builder.problems


class _Builder:
    def __init__(self, place: Place, tables: dict[str, bytes]) -> None:
        self.place, self.tables = place, tables
        self.problems: list[Problem] = []
        self.nodes = 0

    def build(self, value: object, key: str, depth: int) -> Node:
        self.nodes += 1
        if depth > DEEPEST or self.nodes > MOST_NODES:
            self._report(key, f"more than {DEEPEST} deep or {MOST_NODES:,} values: no scenario is")
            raise ScenarioError(self.problems)
        value = written(value)
        if isinstance(value, Mapping):
            items: dict[str, Node] = {}
            for name, inner in value.items():
                if isinstance(name, bool):
                    name = _WORDS[name]
                if isinstance(name, str) and _is_text(name):
                    items[name] = self.build(inner, _below(key, name), depth + 1)
                else:
                    shown = repr(name) if isinstance(name, str | float) else kind_of(name)
                    self._report(key, f"{quoted(shown)} is no key: write a text")
            return Node(items, self.place, dict.fromkeys(items, self.place))
        if isinstance(value, list | tuple):
            inner = (self.build(each, _below(key, number), depth + 1) for number, each in enumerate(value))
            return Node(tuple(inner), self.place)
        return self._scalar(value, key)

    def _scalar(self, value: object, key: str) -> Node:
        if callable(to_csv := getattr(value, "to_csv", None)):
            content: bytes = to_csv(index=False, lineterminator="\n").encode("utf-8")
            value = f"table-{sha256(content).hexdigest()[:12]}.csv"
            self.tables[value] = content
        name = key.rpartition(".")[2]
        if isinstance(value, bool) and name in ("automatic_reissue", "server"):
            value = _WORDS[value]
        elif type(value) is int and key.endswith(("hours.from", "hours.to")):  # YAML 1.1: 18:00, 18:00:00
            hour, minute = divmod(value if value <= 24 * 60 else value // 60, 60)
            value = f"{hour:02}:{minute:02}"
        if isinstance(value, str) and not _is_text(value):
            self._report(key, "half of a surrogate pair is no character: write the character itself")
        elif isinstance(value, int) and abs(value) > LARGEST:
            self._report(key, f"{kind_of(value)} has no place in a scenario: write a smaller one")
        elif value is None or isinstance(value, bool | int | float | str):
            return Node(value, self.place)
        else:
            instead = "write a text, a number, a list or a dict"
            self._report(key, f"a {type(value).__name__} has no place in a scenario: {instead}")
        return Node(None, self.place, is_wrong=True)

    def _report(self, key: str, message: str) -> None:
        self.problems.append(Problem.at(self.place, key=key, message=message))


def _below(key: str, step: str | int) -> str:
    return f"{key}.{step}" if key else str(step)


def _is_text(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


# --- edited --------------------------------------------------------------------------------------------


def with_value(node: Node, key: str, new: Node, *, place: Place) -> tuple[Node, list[Problem]]:
    """The tree with `new` at a dotted key; sections on the way that are absent are made.

    Returns:
        the tree, unchanged where the key leads nowhere, and what is wrong with the key.
    """
    steps = steps_of(key)
    if not steps or any(not step for step in key.split(".")):
        advice = "write the keys on the way joined by dots, such as fleet.0.devices"
        return node, [Problem.at(place, key=key, message=f"{quoted(key)} is no key: {advice}")]
    try:
        return _exchanged(node, steps, new, place=place, done=""), []
    except LookupError as error:
        return node, [Problem.at(place, key=key, message=str(error.args[0]))]


def _exchanged(node: Node | None, steps: Path, new: Node, *, place: Place, done: str) -> Node:
    if not steps:
        return new
    step, rest = steps[0], steps[1:]
    below = _below(done, step)
    if node is None or node.value is None:
        node = Node({}, place)
    if isinstance(node.value, tuple):
        step = _names(node.value).get(step, step)
        if not isinstance(step, int) or step >= len(node.value):
            raise LookupError(_wrong_index(node.value, step, done))
        items = list(node.value)
        items[step] = _exchanged(items[step], rest, new, place=place, done=below)
        return replace(node, value=tuple(items))
    if not isinstance(node.value, dict):
        holds = f"{shortened(done)} is {kind_of(node.value)} and holds no {shortened(str(step))}"
        raise LookupError(f"{holds}: set the whole of {shortened(done)} instead")
    if isinstance(step, int) and not node.value:
        raise LookupError(f"there is no list {done}: set the whole of it, such as {done}=[...]")
    child = _exchanged(node.value.get(str(step)), rest, new, place=place, done=below)
    places = dict(node.key_places)
    if not rest or str(step) not in places:
        places[str(step)] = place
    return replace(node, value={**node.value, str(step): child}, key_places=places)


def _names(items: tuple[Node, ...]) -> dict[str | int, int]:
    """The items that have a name, by it."""
    named = ((each.child("name"), number) for number, each in enumerate(items))
    return {str(name.value): number for name, number in named if name is not None}


def _wrong_index(items: tuple[Node, ...], step: str | int, done: str) -> str:
    names = [str(name) for name in _names(items)]
    if not items:
        return f"{done} is an empty list: set the whole of it"
    if isinstance(step, str) and names:
        meant = closest(step, names)
        advice = f"did you mean {meant}?" if meant else f"its items are {', '.join(names)}"
        return f"{done} has no item {quoted(step)}: {shortened(advice, 200)}"
    last = f"0 to {len(items) - 1}" if len(items) > 1 else "0"
    return f"{done} has no item {shortened(str(step))}: its items are counted {last}"
