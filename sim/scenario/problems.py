"""What is wrong with an input, where, and what would be right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sim.errors import InputError
from sim.text import LONGEST_ECHO, shortened, visible

KeyPath = tuple[str | int, ...]
"""The way to a value of a scenario: keys, and indices of lists."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is written; line and column count from 1 and are absent outside a file."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        numbers = (str(number) for number in (self.line, self.column) if number is not None)
        return ":".join((visible(self.file), *numbers))


@dataclass(frozen=True, slots=True)
class Mistake:
    """Something wrong at a path of a scenario; `at_key` where the key and not the value is."""

    path: KeyPath
    message: str
    at_key: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """A mistake with its place: `key` is the dotted path, `message` says what would be right."""

    file: str
    line: int | None
    column: int | None
    key: str
    message: str

    @classmethod
    def at(cls, place: Place, *, key: str, message: str) -> Problem:
        """A problem at a place."""
        return cls(place.file, place.line, place.column, key, message)

    @property
    def place(self) -> Place:
        """Where it is."""
        return Place(self.file, self.line, self.column)

    def __str__(self) -> str:
        return ": ".join(
            part for part in (str(self.place), shortened(self.key, 2 * LONGEST_ECHO), self.message) if part
        )


class ScenarioError(InputError):
    """The input cannot be run; `problems` holds everything that is wrong with it, in order of position.

    Files come in the order in which they were first met; within one, problems without a position come last.
    """

    problems: tuple[Problem, ...]

    def __init__(self, problems: Iterable[Problem]) -> None:
        found = tuple(dict.fromkeys(problems))
        rank = {file: number for number, file in enumerate(dict.fromkeys(each.file for each in found))}
        self.problems = tuple(
            sorted(
                found, key=lambda each: (rank[each.file], each.line is None, each.line or 0, each.column or 0)
            )
        )
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


def steps_of(key: str) -> KeyPath:
    """The path of a dotted key: `fleet.0.sync` is ("fleet", 0, "sync")."""
    return tuple(int(step) if step.isascii() and step.isdigit() else step for step in key.split(".") if step)


def key_of(path: KeyPath) -> str:
    """The dotted key of a path, printable."""
    return visible(".".join(str(step) for step in path))
