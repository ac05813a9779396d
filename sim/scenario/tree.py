"""YAML as a tree that remembers where each key and value is written: YAML 1.2 scalars, bounded while read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import yaml
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from sim.scenario.problems import Place, Problem, ScenarioError, quoted
from sim.scenario.scalars import Scalar, resolve_scalar
from sim.scenario.syntax import syntax_problem

DEEPEST: Final = 32
"""Sections and lists within one another, the outermost counted."""
MOST_NODES: Final = 100_000
MOST_PROBLEMS: Final = 200

_LOADER: Final[type[yaml.SafeLoader]] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAGS: Final = {
    "tag:yaml.org,2002:str": ScalarEvent,
    "tag:yaml.org,2002:map": MappingStartEvent,
    "tag:yaml.org,2002:seq": CollectionStartEvent,
}


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

    def nearest(self, path: tuple[str | int, ...]) -> tuple[Node, int]:
        """The deepest node on the way along `path`, and how many steps of it exist."""
        node, taken = self, 0
        for step in path:
            below = node.child(step)
            if below is None:
                break
            node, taken = below, taken + 1
        return node, taken

    def place_of(self, path: tuple[str | int, ...], *, key: bool = False) -> Place:
        """Where the value at `path` is written, or its key; where it is absent, what should hold it."""
        node, taken = self.nearest(path)
        if taken and taken == len(path):
            holder, _ = self.nearest(path[:-1])
            if key or node.value is None:
                return holder.key_places.get(str(path[-1]), node.place)
        return node.place


def read_tree(text: str, *, file: str) -> tuple[Node, list[Problem]]:
    """The tree of one YAML document, and what is wrong with it that does not stop the reading.

    Raises:
        ScenarioError: the text is not YAML, is too deep or too large, or holds no document or several.
    """
    return _Builder(file).read(text)


@dataclass(slots=True)
class _Built:
    node: Node
    size: int
    height: int


class _Builder:
    """Builds the tree from PyYAML's events, stopping as soon as a bound is passed."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.anchors: dict[str, _Built] = {}
        self.nodes = 0
        self.steps: list[str | int] = []

    def read(self, text: str) -> tuple[Node, list[Problem]]:
        try:
            events = iter(yaml.parse(text, Loader=_LOADER))
            root = self._document(events)
        except yaml.YAMLError as error:
            raise ScenarioError([*self.problems, syntax_problem(error, text=text, file=self.file)]) from None
        except (ValueError, OverflowError) as error:  # PyYAML's own scanner hands \UFFFFFFFF to chr()
            message = f"this is not YAML ({error}): quote texts that hold special characters"
            raise ScenarioError([*self.problems, Problem(self.file, 1, 1, "", message)]) from None
        return root, self.problems

    def _document(self, events: Iterator[Event]) -> Node:
        next(events)  # the start of the stream
        first = next(events)
        if isinstance(first, StreamEndEvent):
            message = "the file is empty: `reissue new` prints a scenario to start from"
            raise self._stop(Place(self.file, 1, 1), message)
        root = self._build(next(events), events).node
        next(events)  # the end of the document
        after = next(events)
        if isinstance(after, DocumentStartEvent):
            message = "a second document starts here: keep one scenario per file"
            raise self._stop(self._place(after), message)
        return root

    def _build(self, event: Event, events: Iterator[Event]) -> _Built:
        place = self._place(event)
        if isinstance(event, AliasEvent):
            return self._alias(event, place)
        self._count(1, place)
        if isinstance(event, ScalarEvent):
            built = self._scalar(event, place)
        elif len(self.steps) >= DEEPEST:
            raise self._stop(place, f"nested more than {DEEPEST} deep: no part of a scenario is")
        elif isinstance(event, MappingStartEvent):
            built = self._mapping(event, events)
        else:
            built = self._sequence(event, events)
        if isinstance(event, NodeEvent) and event.anchor is not None:
            self.anchors[event.anchor] = built
        return built

    def _alias(self, event: AliasEvent, place: Place) -> _Built:
        built = self.anchors.get(event.anchor or "")
        if built is None:
            name = quoted(f"*{event.anchor}")
            mend = f"write &{name[2:-1]} before the value meant"
            self._report(place, f"{name} refers to nothing above it: {mend}")
            return _Built(Node(None, place, is_wrong=True), 1, 0)
        self._count(built.size, place)
        if len(self.steps) + built.height > DEEPEST:
            raise self._stop(place, f"nested more than {DEEPEST} deep: no part of a scenario is")
        return built

    def _scalar(self, event: ScalarEvent, place: Place) -> _Built:
        wrong = self._refuses_tag(event, place)
        value: Scalar = event.value
        if _is_cut(event.value):
            self._report(place, "half of a surrogate pair is no character: write the character itself")
            wrong = True
        elif event.implicit[0] and event.tag is None and not event.style:
            try:
                value = resolve_scalar(event.value)
            except ValueError as error:
                self._report(place, str(error))
                wrong = True
        return _Built(Node(None if wrong else value, place, is_wrong=wrong), 1, 0)

    def _sequence(self, event: Event, events: Iterator[Event]) -> _Built:
        place = self._place(event)
        wrong = self._refuses_tag(event, place)
        items: list[_Built] = []
        while not isinstance(inner := next(events), SequenceEndEvent):
            items.append(self._below(len(items), inner, events))
        return _Built(Node(tuple(item.node for item in items), place, is_wrong=wrong), *_extent(items))

    def _mapping(self, event: Event, events: Iterator[Event]) -> _Built:
        place = self._place(event)
        wrong = self._refuses_tag(event, place)
        items: dict[str, _Built] = {}
        key_places: dict[str, Place] = {}
        while not isinstance(inner := next(events), MappingEndEvent):
            name = self._key(inner, events)
            key_place = self._place(inner)
            value = self._below(name or "?", next(events), events)
            if name is None:
                wrong = True
            elif name in items:
                first = key_places[name]
                where = f"line {first.line}, column {first.column}"
                message = f"{quoted(name)} is already given at {where}: keep one of the two"
                self._report(key_place, message, name)
            else:
                items[name], key_places[name] = value, key_place
        node = Node({name: item.node for name, item in items.items()}, place, key_places, is_wrong=wrong)
        return _Built(node, *_extent(list(items.values())))

    def _key(self, event: Event, events: Iterator[Event]) -> str | None:
        """The text of a key, or None where it cannot be one (which is reported)."""
        place = self._place(event)
        if not isinstance(event, ScalarEvent):
            if not isinstance(event, AliasEvent):
                self._below("?", event, events)
            self._report(place, "a key must be a plain word: write key: value")
            return None
        self._count(1, place)
        if event.tag is not None or event.anchor is not None:
            self._report(place, f"the key {quoted(event.value)} has a tag or an anchor: write the key alone")
            return None
        if event.value == "<<" and not event.style:
            message = "merge keys (<<) are not read: write the keys out, or use an alias for a whole value"
            self._report(place, message)
            return None
        if _is_cut(event.value):
            self._report(place, "half of a surrogate pair is no character: write the key as a plain word")
            return None
        return event.value

    def _refuses_tag(self, event: Event, place: Place) -> bool:
        tag = event.tag if isinstance(event, ScalarEvent | CollectionStartEvent) else None
        if tag is None or tag == "!" or isinstance(event, _TAGS.get(tag, ())):
            return False
        shown = quoted(tag.replace("tag:yaml.org,2002:", "!!"))
        self._report(place, f"the tag {shown} is not read: leave it out and write the plain value")
        return True

    def _count(self, nodes: int, place: Place) -> None:
        self.nodes += nodes
        if self.nodes > MOST_NODES:
            mend = "list devices in an inventory"
            raise self._stop(place, f"more than {MOST_NODES:,} values, counting aliases written out: {mend}")

    def _place(self, event: Event) -> Place:
        mark = event.start_mark
        assert mark is not None
        return Place(self.file, mark.line + 1, mark.column + 1)

    def _below(self, step: str | int, event: Event, events: Iterator[Event]) -> _Built:
        self.steps.append(step)
        built = self._build(event, events)
        self.steps.pop()
        return built

    def _report(self, place: Place, message: str, *below: str) -> None:
        self.problems.append(Problem.at(place, key=self._key_of_here(*below), message=message))
        if len(self.problems) >= MOST_PROBLEMS:
            raise self._stop(place, f"reading stops here, after {MOST_PROBLEMS} mistakes: mend those first")

    def _stop(self, place: Place, message: str) -> ScenarioError:
        return ScenarioError([*self.problems, Problem.at(place, key=self._key_of_here(), message=message)])

    def _key_of_here(self, *below: str) -> str:
        shown = [step if isinstance(step, int) else quoted(step)[1:-1] for step in (*self.steps, *below)]
        return ".".join(str(step) for step in shown)


def _is_cut(text: str) -> bool:
    """Whether an escape has left half of a surrogate pair in a text."""
    return not text.isascii() and re.search("[\ud800-\udfff]", text) is not None


def _extent(items: list[_Built]) -> tuple[int, int]:
    """Values in a collection with these items, and how deep they go below it."""
    return 1 + sum(item.size for item in items), 1 + max((item.height for item in items), default=0)
