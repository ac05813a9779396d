"""A scenario at many values of some of its keys: a table of runs, each kept by its content."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from sim.errors import visible
from sim.results.measures import NUMBERS
from sim.results.summary import mean_of, summary_of
from sim.scenario.scenario import Scenario, expect_scenario
from sim.scenario.writing import to_line
from sim.studies.crews.archive import Archive, archive_at
from sim.studies.crews.crew import Alone, Crew, Local, collect, cores
from sim.studies.crews.unit import Unit, Value
from sim.studies.experiment import MANY_SYNCS, Engine, Progress
from sim.studies.sweeps.design import Design, Point
from sim.studies.sweeps.points import Ready, make_ready
from sim.studies.sweeps.sampling import Sampling
from sim.summary import Column, Summary, Table
from sim.summary.card import to_html
from sim.text import number, shortened

if TYPE_CHECKING:
    import pandas as pd

    from sim.studies.sweeps.sensitivity import Sensitivity

Row = dict[str, Any]

_QUICK: Final = 150_000
"""Attempts in all up to which no process is started: starting takes as long."""
_SPREAD: Final = ("sd", "low", "high")
_LONGEST: Final = 40
"""Characters of a varied value that are shown."""
_COLUMNS: Final = {
    "lost_share": Column("share", "share"),
    "still_lost_devices": Column("still lost", "count"),
    "reserve_coverage": Column("held it in time", "share"),
    "device_days_lost": Column("days lost", "tenths"),
}


@dataclass(frozen=True, eq=False)
class Prepared:
    """A sweep that may begin: every point was validated.

    Attributes:
        scenario: whose keys are varied.
        design: where it looks.
        ready: one for each point.
    """

    scenario: Scenario
    design: Design
    ready: tuple[Ready, ...]

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """Every replication of every point, in order."""
        return tuple(unit for each in self.ready for unit in each.units())

    def stored(self, archive: Archive) -> int:
        """How many different units are kept already."""
        return sum(archive.get(unit) is not None for unit in {unit.key: unit for unit in self.units}.values())

    def run(self, crew: Crew, *, archive: Archive | None = None, progress: Progress | None = None) -> Sweep:
        """Compute what is not kept yet."""
        values: dict[str, Value] = {}
        for unit, value in collect(self.units, crew, archive=archive, progress=progress):
            values[unit.key] = value
        runs = tuple(tuple(values[unit.key] for unit in each.units()) for each in self.ready)
        return Sweep(self.scenario, self.design, runs)

    def crew(self, processes: int | None = None) -> Crew:
        """Who computes it best on this machine."""
        processes = processes or cores()
        attempts = sum(each.attempts * each.replications for each in self.ready)
        is_short = attempts < _QUICK or len(self.units) == 1
        return Alone() if is_short or processes == 1 else Local(processes)

    def summary(self, stored: int) -> Summary:
        """The points, of whose runs so many are kept already."""
        points, units = len(self.design.points), len(self.units)
        runs = "" if units == points else f", {units:,} runs"
        rows = tuple(tuple(_shown(point)) for point in self.design.points)
        return Summary(
            self.scenario.name,
            f"{points:,} points{runs}; {stored:,} are kept already.",
            (Table(tuple(map(Column, self.design.titles)), rows),),
        )


@dataclass(frozen=True, eq=False)
class Sweep:
    """What became of a scenario at each point.

    Attributes:
        scenario: whose keys were varied.
        design: the points.
        runs: for each point, the value of each replication: `measures`, `groups`, `platforms`, `fingerprint`.
    """

    scenario: Scenario
    design: Design
    runs: tuple[tuple[Value, ...], ...]

    @property
    def points(self) -> tuple[Point, ...]:
        """The values of the varied keys at each point."""
        return self.design.points

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """A flat row for each point: varied keys, measures (means over replications), the fingerprint.

        Where a point has several replications, each measure also has its standard deviation `_sd` and the
        95 % Student interval of its mean, `_low` and `_high`.
        """
        is_repeated = any(len(values) > 1 for values in self.runs)
        return tuple(
            {
                **point,
                **_measured([value["measures"] for value in values], is_repeated=is_repeated),
                "fingerprint": _fingerprint(values),
            }
            for point, values in zip(self.points, self.runs, strict=True)
        )

    @cached_property
    def table(self) -> pd.DataFrame:
        """`rows` as a table; a section or list that was varied is written as YAML."""
        return _frame(self.rows, keys=list(self.design.values))

    @cached_property
    def groups(self) -> pd.DataFrame:
        """One row for each point and group: varied keys, `group`, and the measures as in `rows`."""
        is_repeated = any(len(values) > 1 for values in self.runs)
        rows = [
            {
                **point,
                "group": name,
                **_measured([value["groups"][name] for value in values], is_repeated=is_repeated),
            }
            for point, values in zip(self.points, self.runs, strict=True)
            for name in values[0]["groups"]
        ]
        return _frame(rows, keys=list(self.design.values))

    def sensitivity(self, measure: str = "lost_devices") -> Sensitivity:
        """Sobol indices of the drawn keys, of a sweep with `sampling="sobol"`.

        Raises:
            SamplingError: the sweep was sampled otherwise, or there is no such measure.
        """
        from sim.studies.sweeps.sensitivity import sensitivity_of

        return sensitivity_of(self, measure)

    def to_json(self) -> dict[str, Any]:
        """The document that `reissue sweep --json` prints."""
        return {"runs": list(self.rows)}

    @property
    def answer(self) -> str:
        """How many points there are and between which numbers their losses lie, in a sentence."""
        if not self.rows:
            return "No points."
        lost = sorted(row["lost_devices"] for row in self.rows)
        return f"{len(self.rows):,} points, which lose from {number(lost[0])} to {number(lost[-1])} devices."

    def __repr__(self) -> str:
        return f"<Sweep {visible(self.scenario.name)}: {self.answer}>"

    def summary(self) -> Summary:
        """A row for each point: the varied keys, and the measures that a planner asks for first."""
        is_repeated = any(len(values) > 1 for values in self.runs)
        columns = (
            *map(Column, self.design.titles),
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

    def _repr_html_(self) -> str:
        return to_html(self.summary())


def sweep(
    scenario: Scenario,
    vary: Mapping[str, object],
    *,
    samples: int | None = None,
    sampling: Sampling = "random",
    sample_seed: int | None = None,
    engine: Engine = "auto",
    seed: int | None = None,
    replications: int | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    store: str | os.PathLike[str] | None = None,
    keep: bool = True,
    progress: Progress | None = None,
    notice: Callable[[str], None] | None = None,
) -> Sweep:
    """Run a scenario at every point of a grid; every point is validated before the first one runs.

    Args:
        scenario: what to run.
        vary: values by dotted key: a sequence, each item one value, or a text as after `--vary KEY=`.
        samples: how often keys with random values are drawn.
        sampling: `random`, `latin-hypercube`, or `sobol`: (keys + 2) x samples points, for indices.
        sample_seed: of that drawing; default: the scenario's seed.
        engine: `auto`, `process` or `fleet`; results do not depend on it.
        seed, replications: instead of the scenario's.
        workers: processes on this machine; default: one a core, none where the sweep is short.
        cluster: address of a dask.distributed scheduler, which is used instead.
        store: folder in which results are kept, by content; default: the user's cache.
        keep: whether results are kept, and taken from there.
        progress: called with the share that is done.
        notice: called with a sentence before a wait that needs a reason.

    Raises:
        VaryError: the values make no sense, or do not fit the scenario; all mistakes, with their point.
        WorkersError: those who compute cannot be reached, or die.
        ArchiveError: results cannot be kept.
    """
    expect_scenario(scenario)
    prepared = prepare(
        scenario,
        vary,
        samples=samples,
        sampling=sampling,
        sample_seed=sample_seed,
        engine=engine,
        seed=seed,
        replications=replications,
    )
    archive = archive_at(store, keep=keep)
    with crew_of(prepared, workers=workers, cluster=cluster, notice=notice) as crew:
        return prepared.run(crew, archive=archive, progress=progress)


def prepare(
    scenario: Scenario,
    vary: Mapping[str, object],
    *,
    samples: int | None = None,
    sampling: Sampling = "random",
    sample_seed: int | None = None,
    engine: Engine = "auto",
    seed: int | None = None,
    replications: int | None = None,
) -> Prepared:
    """Validate every point of a sweep, and run none; arguments and errors as those of `sweep`."""
    given = {"seed": seed, "replications": replications}
    changes = {name: value for name, value in given.items() if value is not None}
    if changes:
        scenario = scenario.changed(changes)
    design = Design.of(
        vary,
        samples=samples,
        sampling=sampling,
        seed=scenario.seed if sample_seed is None else sample_seed,
    )
    ready = tuple(make_ready(scenario, design.points))
    if engine == "auto":
        attempts = sum(each.attempts * each.replications for each in ready)
        engine = "fleet" if attempts >= MANY_SYNCS and find_spec("numba") is not None else "process"
    if engine not in ("process", "fleet"):
        raise ValueError(f"there is no engine {engine!r}: choose auto, process or fleet")
    return Prepared(scenario, design, tuple(each.by(engine) for each in ready))


@contextmanager
def crew_of(
    prepared: Prepared,
    *,
    workers: int | None = None,
    cluster: str | None = None,
    notice: Callable[[str], None] | None = None,
) -> Iterator[Crew]:
    """Who computes: the cluster at an address, or whoever is best on this machine.

    Raises:
        ClusterError: the cluster cannot be used.
    """
    if cluster is None:
        yield prepared.crew(workers)
        return
    from sim.studies.crews.cluster import connected

    with connected(cluster, notice=notice) as crew:
        yield crew


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


def _fingerprint(values: tuple[Value, ...]) -> str:
    """That of a run with so many replications."""
    fingerprints = [value["fingerprint"] for value in values]
    return fingerprints[0] if len(values) == 1 else hashlib.sha256("".join(fingerprints).encode()).hexdigest()


def _frame(rows: Any, *, keys: list[str]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(list(rows))
    for key in keys:
        column = [row[key] for row in rows]
        if len({type(value) for value in column}) > 1 or isinstance(column[0], dict | list):
            frame[key] = [to_line(value) for value in column]
    return frame
