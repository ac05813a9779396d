"""The scenario at every point of a sweep, validated before the first one runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sim.errors import visible
from sim.scenario.problems import LONGEST_ECHO, Problem, ScenarioError
from sim.scenario.scenario import Scenario
from sim.studies.crews.unit import Engine, Source, Unit
from sim.studies.sweeps.grid import VaryError

_MOST_MISTAKES: Final = 50

Point = dict[str, Any]


@dataclass(frozen=True, eq=False, slots=True)
class Ready:
    """A point that can be run.

    Attributes:
        source: of its units.
        first_replication, replications: which are run.
        attempts: about how many synchronizations one of them has.
    """

    source: Source
    first_replication: int
    replications: int
    attempts: float

    def units(self) -> Iterator[Unit]:
        """One for each replication, always the same ones."""
        return (self.source.unit(self.first_replication + number) for number in range(self.replications))

    def by(self, engine: Engine) -> Ready:
        """The same, computed by an engine."""
        return replace(self, source=replace(self.source, engine=engine))


def make_ready(scenario: Scenario, points: Sequence[Point]) -> Iterator[Ready]:
    """Each point as it is run.

    Raises:
        VaryError: some are no scenarios; every mistake once, with the first point at which it shows.
    """
    made: list[Ready] = []
    mistakes: dict[str, list[int]] = {}
    inventories: dict[object, bytes] = {}
    for number, point in enumerate(points):
        try:
            at = scenario.changed(point)
            source = Source.of(at, shared=inventories)
        except ScenarioError as error:
            for problem in error.problems:
                mistakes.setdefault(_told(problem, point), []).append(number)
            continue
        made.append(Ready(source, at.first_replication, at.replications, _attempts(at)))
    if mistakes:
        raise VaryError("\n".join(_lines(mistakes, points)))
    return iter(made)


def _lines(mistakes: dict[str, list[int]], points: Sequence[Point]) -> Iterator[str]:
    for told, where in list(mistakes.items())[:_MOST_MISTAKES]:
        more = len(where) - 1
        others = f" (and at {more:,} more point{'s' if more > 1 else ''})" if more else ""
        yield f"{_shown(points[where[0]])}: {told}{others}"
    if len(mistakes) > _MOST_MISTAKES:
        yield f"and {len(mistakes) - _MOST_MISTAKES:,} more mistakes: mend these first"


def _told(problem: Problem, point: Point) -> str:
    """A mistake without the place, where that is only the value of the point."""
    is_varied = any(problem.file == f"changed({key})" for key in point)
    told = (visible(problem.key), problem.message) if is_varied else (str(problem),)
    return ": ".join(each for each in told if each)


def _shown(point: Point) -> str:
    pairs = (f"{visible(key)}={_short(value)}" for key, value in point.items())
    return ", ".join(pairs)


def _short(value: object) -> str:
    text = visible(str(value))
    return text if len(text) <= LONGEST_ECHO else f"{text[: LONGEST_ECHO - 1]}…"


def _attempts(scenario: Scenario) -> float:
    listed = {number: len(each.rows) for number, each in scenario.inventories.items()}
    counts = (listed.get(number, group.devices or 0) for number, group in enumerate(scenario.fleet))
    return sum(
        n * scenario.duration / group.sync.every for n, group in zip(counts, scenario.fleet, strict=True)
    )
