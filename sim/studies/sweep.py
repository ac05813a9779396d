"""A scenario at many values of some of its keys: a table of runs, each kept by its content."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from sim.errors import visible
from sim.executor import Resources, resources
from sim.executor.local import Here, Processes, cores
from sim.executor.task import Form, Task
from sim.results.measures import NUMBERS
from sim.results.summary import mean_of, summary_of
from sim.scenario.prepare import prepare
from sim.scenario.problems import Problem, ScenarioError
from sim.scenario.scenario import Scenario
from sim.scenario.yaml_text import to_line
from sim.studies.experiment import (
    ATTEMPT_S,
    Engine,
    Experiment,
    Notice,
    Progress,
    attempts_of,
    checked,
    chosen_engine,
    shown,
    with_options,
)
from sim.studies.result import fingerprint_of
from sim.studies.tasks import Measures, Run, World, groups_of
from sim.studies.vary import Point, VaryError, points_of, title_of
from sim.summary import Column, Summary, Table
from sim.summary.answer import Answer
from sim.text import number, shortened

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from sim.figures.style import Ax, Size

Row = dict[str, Any]

_QUICK_S: Final = 1.0
"""Processor time up to which no process is started: starting takes as long."""
_MOST_MISTAKES: Final = 50
_SPREAD: Final = ("sd", "low", "high")
_LONGEST: Final = 40
"""Characters of a varied value that are shown."""
_COLUMNS: Final = {
    "lost_share": Column("share", "share"),
    "still_lost_devices": Column("still lost", "count"),
    "reserve_coverage": Column("held it in time", "share"),
    "device_days_lost": Column("days lost", "tenths"),
}


# --- the points ------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, slots=True)
class Ready:
    """A point that can be run.

    Attributes:
        world: what its tasks have in common.
        form: of their results.
        quantity: what they compute.
        numbers: of its replications.
        size: how many devices there are.
        attempts: about how many synchronizations one of them has.
    """

    world: World
    form: Form
    quantity: Measures
    numbers: range
    size: int
    attempts: float

    def tasks(self) -> Iterator[Task]:
        """One for each replication, always the same ones."""
        whole = range(self.size)
        return (self.world.task(self.quantity, number, whole, self.form) for number in self.numbers)


@dataclass(frozen=True, eq=False)
class PreparedSweep:
    """A sweep that may begin: every point was validated.

    Attributes:
        scenario: whose keys are varied.
        points: their values, in the order of the grid.
        ready: one for each point.
    """

    scenario: Scenario
    points: tuple[Point, ...]
    ready: tuple[Ready, ...]

    @cached_property
    def tasks(self) -> tuple[Task, ...]:
        """Every replication of every point, in order."""
        return tuple(task for each in self.ready for task in each.tasks())

    @property
    def attempts(self) -> float:
        """About how many synchronizations there are in all."""
        return sum(each.attempts * len(each.numbers) for each in self.ready)

    @property
    def is_short(self) -> bool:
        """Whether it is over before another process would have started."""
        engines = {each.world.engine for each in self.ready}
        takes_s = self.attempts * max(map(ATTEMPT_S.__getitem__, engines), default=0.0)
        return takes_s < _QUICK_S or len(self.tasks) == 1

    def run(self, means: Resources, *, progress: Progress | None = None) -> Sweep:
        """Compute what is not kept yet."""
        found = {task.key: arrays for task, arrays in means.results(self.tasks, progress=progress)}
        tasks = iter(self.tasks)
        runs = (
            tuple(each.quantity.unpack(found[next(tasks).key]) for _ in each.numbers) for each in self.ready
        )
        return Sweep(self.scenario, self.points, tuple(runs))


@dataclass(frozen=True, eq=False, repr=False)
class Sweep(Answer):
    """What became of a scenario at each point.

    Attributes:
        scenario: whose keys were varied.
        points: the values of the varied keys.
        runs: for each point, each replication.
    """

    scenario: Scenario
    points: tuple[Point, ...]
    runs: tuple[tuple[Run, ...], ...]

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """A flat row for each point: varied keys, measures (means over replications), the fingerprint.

        Where a point has several replications, each measure also has its standard deviation `_sd` and the
        95 % Student interval of its mean, `_low` and `_high`.
        """
        is_repeated = any(len(runs) > 1 for runs in self.runs)
        return tuple(
            {
                **point,
                **_measured([run.measures for run in runs], is_repeated=is_repeated),
                "fingerprint": fingerprint_of([run.fingerprint for run in runs]),
            }
            for point, runs in zip(self.points, self.runs, strict=True)
        )

    @cached_property
    def table(self) -> pd.DataFrame:
        """`rows` as a table; a section or list that was varied is written as YAML."""
        return _frame(self.rows, keys=self.points[0])

    @cached_property
    def groups(self) -> pd.DataFrame:
        """One row for each point and group: varied keys, `group`, and the measures as in `rows`."""
        is_repeated = any(len(runs) > 1 for runs in self.runs)
        rows = [
            {
                **point,
                "group": name,
                **_measured([run.groups[name] for run in runs], is_repeated=is_repeated),
            }
            for point, runs in zip(self.points, self.runs, strict=True)
            for name in runs[0].groups
        ]
        return _frame(rows, keys=self.points[0])

    def plot(self, measure: str = "lost_devices", *, ax: Ax = None, figsize: Size = None) -> Figure:
        """A measure against the first varied key; a line for each setting of the others.

        Raises:
            FigureError: there is no such measure.
        """
        from sim.figures import FigureError, delays

        if measure not in NUMBERS:
            raise FigureError(f"there is no measure {measure!r}: take a column of the table")
        key, *others = self.points[0]
        values = list(dict.fromkeys(to_line(point[key]) for point in self.points))
        lines: dict[str, dict[str, delays.Bounds]] = {}
        for point, row in zip(self.points, self.rows, strict=True):
            found = (row.get(f"{measure}{end}") for end in ("", "_low", "_high"))
            mean, low, high = (math.nan if each is None else float(each) for each in found)
            words = ", ".join(f"{other}={to_line(point[other])}" for other in others)
            lines.setdefault(words, {})[to_line(point[key])] = (mean, low, high)
        nothing = (math.nan,) * 3
        drawn = {words: [row.get(value, nothing) for value in values] for words, row in lines.items()}
        name, words, place = self.scenario.name, measure.replace("_", " "), (ax, figsize)
        return delays.against(name, key, values, drawn, measure=words, place=place)

    def to_json(self) -> dict[str, Any]:
        """The document that `reissue sweep --json` prints."""
        return {"runs": list(self.rows)}

    @property
    def answer(self) -> str:
        """How many points there are and between which numbers their losses lie, in a sentence."""
        lost = sorted(row["lost_devices"] for row in self.rows)
        return f"{len(self.rows):,} points, which lose from {number(lost[0])} to {number(lost[-1])} devices."

    def summary(self) -> Summary:
        """A row for each point: the varied keys, and the measures that a planner asks for first."""
        is_repeated = any(len(runs) > 1 for runs in self.runs)
        columns = (
            *_titles(self.points),
            Column("devices", "count"),
            Column("lost", "count"),
            *([Column("95 %", "range")] if is_repeated else []),
            *_COLUMNS.values(),
        )
        rows = tuple(
            (
                *_shown(point),
                row["devices"],
                row["lost_devices"],
                *([_interval(row)] if is_repeated else []),
                *(row[measure] for measure in _COLUMNS),
            )
            for point, row in zip(self.points, self.rows, strict=True)
        )
        return Summary(self.scenario.name, self.answer, (Table(columns, rows),))


@checked
def sweep(
    scenario: Scenario,
    vary: Mapping[str, object],
    *,
    engine: Engine = "auto",
    seed: int | None = None,
    replications: int | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    store: str | os.PathLike[str] | None = None,
    keep: bool = True,
    progress: Progress | bool | None = None,
    notice: Notice | None = None,
) -> Sweep:
    """Run a scenario at every point of a grid; every point is validated before the first one runs.

    Args:
        scenario: what to run.
        vary: values by dotted key: a sequence, each item one value, or a text as after `--vary KEY=`.
        engine: `auto`, `process` or `fleet`; results do not depend on it.
        seed, replications: instead of the scenario's.
        workers: processes on this machine; default: one a core, none where the sweep is short.
        cluster: address of a dask.distributed scheduler, whose workers compute instead.
        store: folder in which results are kept, by content; default: the user's cache.
        keep: whether results are kept, and taken from there.
        progress: called with the share that is done; True: a line shows it.
        notice: called with a sentence before a wait that needs a reason.

    Raises:
        VaryError: the values make no sense, or do not fit the scenario; all mistakes, with their point.
        WorkersError: those who compute cannot be reached, or die.
        CacheError: results cannot be kept.
    """
    prepared = prepare_sweep(scenario, vary, engine=engine, seed=seed, replications=replications)
    is_short = prepared.is_short
    with resources(
        workers=workers,
        cluster=cluster,
        store=store,
        keep=keep,
        is_short=is_short,
        default=Here() if is_short or cores() == 1 else Processes(),
        notice=notice,
    ) as means:
        assert means is not None
        return prepared.run(means, progress=shown(progress))


def prepare_sweep(
    scenario: Scenario,
    vary: Mapping[str, object],
    *,
    engine: Engine = "auto",
    seed: int | None = None,
    replications: int | None = None,
) -> PreparedSweep:
    """Validate every point of a sweep, and run none; arguments and errors as those of `sweep`."""
    scenario = with_options(scenario, seed=seed, replications=replications)
    points = points_of(vary)
    prepared = PreparedSweep(scenario, points, _made_ready(scenario, points))
    has_desk = scenario.recovery is not None
    chosen = chosen_engine(engine, lambda: prepared.attempts, has_desk=has_desk)
    ready = (replace(each, world=replace(each.world, engine=chosen)) for each in prepared.ready)
    return replace(prepared, ready=tuple(ready))


def _made_ready(scenario: Scenario, points: Sequence[Point]) -> tuple[Ready, ...]:
    """Each point as it is run.

    Raises:
        VaryError: some are no scenarios; every mistake once, with the first point at which it shows.
    """
    made: list[Ready] = []
    mistakes: dict[str, list[int]] = {}
    inventories: dict[object, bytes] = {}
    for place, point in enumerate(points):
        try:
            experiment = Experiment.of(prepare(scenario.changed(point)), engine="process")
        except ScenarioError as error:
            for problem in error.problems:
                mistakes.setdefault(_told(problem, point), []).append(place)
            continue
        at, quantity = experiment.scenario, Measures(groups_of(experiment.scenario))
        made.append(
            Ready(
                world=World.of(experiment, shared=inventories),
                form=quantity.form(experiment),
                quantity=quantity,
                numbers=range(at.first_replication, at.first_replication + at.replications),
                size=experiment.size,
                attempts=attempts_of(experiment.prepared),
            )
        )
    if mistakes:
        raise VaryError("\n".join(_lines(mistakes, points)))
    return tuple(made)


def _lines(mistakes: dict[str, list[int]], points: Sequence[Point]) -> Iterator[str]:
    for told, where in list(mistakes.items())[:_MOST_MISTAKES]:
        more = len(where) - 1
        others = f" (and at {more:,} more point{'s' if more > 1 else ''})" if more else ""
        pairs = (f"{visible(key)}={shortened(str(value))}" for key, value in points[where[0]].items())
        yield f"{', '.join(pairs)}: {told}{others}"
    if len(mistakes) > _MOST_MISTAKES:
        yield f"and {len(mistakes) - _MOST_MISTAKES:,} more mistakes: correct these first"


def _told(problem: Problem, point: Point) -> str:
    """A mistake without the place, where that is only the value of the point."""
    is_varied = any(problem.file == f"changed({key})" for key in point)
    told = (visible(problem.key), problem.message) if is_varied else (str(problem),)
    return ": ".join(each for each in told if each)


def _titles(points: Sequence[Point]) -> Iterator[Column]:
    """Of the columns of the varied keys."""
    return (Column(title_of(key, points[0])) for key in points[0])


def _shown(point: Point) -> Iterator[str]:
    """The values of a point, each on one line."""
    return (shortened(to_line(value), _LONGEST) for value in point.values())


def _interval(row: Row) -> tuple[float, float] | None:
    """The 95 % interval of the mean of lost devices; None where it has none."""
    low, high = row["lost_devices_low"], row["lost_devices_high"]
    return None if low is None else (round(max(low, 0), 1), round(high, 1))


def _measured(rows: list[dict[str, Any]], *, is_repeated: bool) -> Row:
    means = mean_of(rows)
    measured: Row = {name: means[name] for name in NUMBERS}
    if is_repeated:
        summary = summary_of(rows)
        for name in NUMBERS:
            measured.update({f"{name}_{each}": summary[name][each] for each in _SPREAD})
    return measured


def _frame(rows: Any, *, keys: Iterable[str]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(list(rows))
    for key in keys:
        column = [row[key] for row in rows]
        if len({type(value) for value in column}) > 1 or isinstance(column[0], dict | list):
            frame[key] = [to_line(value) for value in column]
    return frame
