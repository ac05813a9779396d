"""What is wrong with an input, where, and what would be right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sim.errors import InputError
from sim.text import LONGEST_ECHO as LONGEST_ECHO
from sim.text import quoted as quoted
from sim.text import visible as visible


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is written; line and column count from 1 and are absent outside a file."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        parts = [
            visible(self.file),
            *(str(number) for number in (self.line, self.column) if number is not None),
        ]
        return ":".join(parts)


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: `key` is the dotted path in the scenario, `message` says what would be right."""

    file: str
    line: int | None
    column: int | None
    key: str
    message: str

    @classmethod
    def at(cls, place: Place, *, key: str, message: str) -> Problem:
        """A problem at `place`."""
        return cls(place.file, place.line, place.column, key, message)

    @property
    def place(self) -> Place:
        """Where it is."""
        return Place(self.file, self.line, self.column)

    def __str__(self) -> str:
        return ": ".join(part for part in (str(self.place), visible(self.key), self.message) if part)


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
