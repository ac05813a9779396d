"""A scenario as plain values that know where they are written; made from Python values, and edited."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from sim.scenario.problems import KeyPath, Mistake, Place, Problem, ScenarioError, key_of, steps_of
from sim.scenario.values import kind_of, plain, written
from sim.text import closest, quoted, shortened

DEEPEST: Final = 32
"""Sections and lists within one another, the outermost counted."""
MOST_VALUES: Final = 100_000
MOST_PROBLEMS: Final = 200
_WORDS: Final = {True: "on", False: "off"}
"""What YAML 1.1 reads as true and false."""
_LARGEST: Final = 10**100
"""A whole number that is certainly none of a scenario's."""


@dataclass(frozen=True, slots=True)
class Document:
    """What is written, and where.

    Attributes:
        value: dictionaries, lists and scalars.
        places: of values, by their paths, the whole at (); the others stand where what is around them does.
        keys: of keys, by the paths of their values.
    """

    value: Any
    places: Mapping[KeyPath, Place]
    keys: Mapping[KeyPath, Place] = field(default_factory=dict)

    def at(self, path: KeyPath) -> Any:
        """The value at a path, or None."""
        value = self.value
        for step in path:
            if isinstance(value, dict):
                value = value.get(str(step))
            else:
                is_there = isinstance(value, list) and isinstance(step, int) and step < len(value)
                value = value[step] if is_there else None
        return value

    def place_of(self, path: KeyPath, *, key: bool = False) -> Place:
        """Where the value at `path` is written, or its key; where it is absent, what should hold it."""
        if path in self.keys and (key or self.at(path) is None):
            return self.keys[path]
        while path not in self.places:
            path = path[:-1]
        return self.places[path]

    def placed(self, mistakes: Iterable[Mistake]) -> list[Problem]:
        """The mistakes with their places, at most `MOST_PROBLEMS` of them."""
        found = list(mistakes)
        problems = [
            Problem.at(self.place_of(each.path, key=each.at_key), key=key_of(each.path), message=each.message)
            for each in found[:MOST_PROBLEMS]
        ]
        if len(found) > MOST_PROBLEMS:
            message = f"and {len(found) - MOST_PROBLEMS:,} more mistakes: correct these first"
            problems.append(Problem(self.places[()].file, None, None, "", message))
        return problems

    def with_value(self, key: str, value: Any, *, place: Place) -> Document:
        """The same with a value at a dotted key, written at a place; sections on the way are made.

        Raises:
            ScenarioError: the key leads nowhere.
        """
        try:
            whole, path, first_made = _exchanged(self.value, key, value)
        except LookupError as error:
            raise ScenarioError([Problem.at(place, key=key, message=str(error.args[0]))]) from None
        new = {path[:length]: place for length in range(first_made, len(path) + 1)}
        kept = [
            {at: there for at, there in places.items() if at[: len(path)] != path}
            for places in (self.places, self.keys)
        ]
        return Document(whole, kept[0] | new, kept[1] | new)


def _exchanged(whole: Any, key: str, value: Any) -> tuple[Any, KeyPath, int]:
    """A copy with a value at a dotted key; the path to it, and of how many steps the first new one is."""
    steps = list(steps_of(key))
    if not steps or not all(key.split(".")):
        raise LookupError(f"{quoted(key)} is no key: write keys joined by dots, such as fleet.0.devices")
    whole = holder = plain(whole)
    first_made = len(steps)
    for number, step in enumerate(steps):
        here = shortened(".".join(map(str, steps[:number])))
        if isinstance(holder, list):
            steps[number] = step = _index(holder, step, here)
        elif not isinstance(holder, dict):
            holds = f"{here} is {kind_of(holder)} and holds no {shortened(str(step))}"
            raise LookupError(f"{holds}: set the whole of {here} instead")
        elif isinstance(step, int) and not holder:
            raise LookupError(f"there is no list {here}: set the whole of it, such as {here}=[...]")
        else:
            steps[number] = step = str(step)
        if number == len(steps) - 1:
            holder[step] = value
        elif (holder.get(step) if isinstance(holder, dict) else holder[step]) is None:
            holder[step] = {}
            first_made = min(first_made, number + 1)
        holder = holder[step]
    return whole, tuple(steps), first_made


def _index(items: list[Any], step: str | int, here: str) -> int:
    """The number of the item that a step names, by number or by name."""
    names = {str(each["name"]): number for number, each in enumerate(items) if _has_name(each)}
    found = names.get(str(step), step)
    if isinstance(found, int) and found < len(items):
        return found
    if not items:
        raise LookupError(f"{here} is an empty list: set the whole of it")
    if isinstance(step, str) and names:
        meant = closest(step, names)
        advice = f"did you mean {meant}?" if meant else f"its items are {', '.join(names)}"
        raise LookupError(f"{here} has no item {quoted(step)}: {shortened(advice, 200)}")
    raise LookupError(f"{here} has no item {shortened(str(step))}: its items are 0 to {len(items) - 1}")


def _has_name(item: Any) -> bool:
    return isinstance(item, dict) and "name" in item


# --- from Python values --------------------------------------------------------------------------------


def from_python(value: object, *, place: Place, tables: dict[str, bytes], key: str = "") -> Any:
    """A Python value in the form of the language, or as a scenario holds it, as dictionaries, lists, scalars.

    Args:
        value: dictionaries, lists and scalars, and what `values.written` takes.
        place: for what is wrong with it.
        tables: takes the files that tables (pandas) stand for, by the names they get.
        key: of the value, dotted.

    Raises:
        ScenarioError: it is none; every mistake with its key.
    """
    reader = _PythonReader(place, tables, len(steps_of(key)))
    read = reader.read(value, steps_of(key))
    if reader.problems:
        raise ScenarioError(reader.problems)
    return read


class _PythonReader:
    def __init__(self, place: Place, tables: dict[str, bytes], depth: int) -> None:
        self.place, self.tables, self.depth = place, tables, depth
        self.problems: list[Problem] = []
        self.values = 0

    def read(self, value: object, path: KeyPath) -> Any:
        self.values += 1
        if len(path) > DEEPEST + self.depth or self.values > MOST_VALUES:
            self._report(path, f"more than {DEEPEST} deep or {MOST_VALUES:,} values: no scenario is")
            raise ScenarioError(self.problems)
        value = written(value)
        if isinstance(value, Mapping):
            return self._section(value, path)
        if isinstance(value, list | tuple):
            return [self.read(each, (*path, number)) for number, each in enumerate(value)]
        return self._scalar(value, path)

    def _section(self, section: Mapping[Any, object], path: KeyPath) -> dict[str, Any]:
        read: dict[str, Any] = {}
        for name, value in section.items():
            key = _WORDS[name] if isinstance(name, bool) else name
            if isinstance(key, str) and _is_text(key):
                read[key] = self.read(value, (*path, key))
            else:
                shown = repr(key) if isinstance(key, str | float) else kind_of(key)
                self._report(path, f"{quoted(shown)} is no key: write a text")
        return read

    def _scalar(self, value: object, path: KeyPath) -> Any:
        if callable(to_csv := getattr(value, "to_csv", None)):
            content: bytes = to_csv(index=False, lineterminator="\n").encode("utf-8")
            value = f"table-{sha256(content).hexdigest()[:12]}.csv"
            self.tables[value] = content
        elif isinstance(value, bool) and path[-1:] in [("automatic_reissue",), ("server",)]:
            return _WORDS[value]
        elif type(value) is int and path[-2:] in [("hours", "from"), ("hours", "to")]:  # 18:00, 18:00:00
            hour, minute = divmod(value if value <= 24 * 60 else value // 60, 60)
            return f"{hour:02}:{minute:02}"
        if isinstance(value, str) and not _is_text(value):
            self._report(path, "half of a surrogate pair is no character: write the character itself")
        elif isinstance(value, int) and abs(value) > _LARGEST:
            self._report(path, f"{kind_of(value)} has no place in a scenario: write a smaller one")
        elif value is not None and not isinstance(value, bool | int | float | str):
            instead = "write a text, a number, a list or a dict"
            self._report(path, f"a {type(value).__name__} has no place in a scenario: {instead}")
        return value

    def _report(self, path: KeyPath, message: str) -> None:
        self.problems.append(Problem.at(self.place, key=key_of(path), message=message))


def _is_text(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
