"""Runs a scenario, replication by replication."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final, Protocol

from sim.guarantees.statistics import MANY
from sim.results.tally import Tally
from sim.scenario.scenario import Scenario, expect_scenario
from sim.studies import stopping
from sim.studies.crews.archive import archive_at
from sim.studies.experiment import Engine, Experiment, Progress, share_of
from sim.studies.result import Result
from sim.world.outcome import Outcome

KEPT: Final = 4_194_304
"""Devices, over all replications, up to which a result keeps their rows; beyond, it simulates again."""

_LIKELY_MANY: Final = 50
"""Replications by which `auto` goes where nobody knows how many it will take."""


def run(
    scenario: Scenario,
    *,
    engine: Engine = "auto",
    seed: int | None = None,
    replications: int | None = None,
    until_decided: int | None = None,
    cluster: str | None = None,
    store: str | os.PathLike[str] | None = None,
    keep: bool = True,
    progress: Progress | None = None,
    notice: Callable[[str], None] | None = None,
) -> Result:
    """Simulate a scenario.

    Args:
        scenario: what to run.
        engine: `process`: one SimPy process a device; `fleet`: devices as arrays, with equal results and
            much faster; `auto`: the one that suits the size of the fleet.
        seed: instead of the scenario's.
        replications: instead of the scenario's; replication r draws with (seed, r).
        until_decided: add replications to those until every guarantee with a `probability` is decided, up to
            so many in all. Their test allows a look after each (docs/guarantees.md).
        cluster: address of a dask.distributed scheduler: its workers run the replications, and parts of a
            large fleet without a help desk. The result is the same; rows of devices are simulated again here
            when they are asked for.
        store: folder in which what a cluster has computed is kept, by content; default: the user's cache.
        keep: whether that is kept, and taken from there.
        progress: called now and then with the share that is done.
        notice: called with a sentence before a wait that needs a reason.

    Raises:
        ScenarioError: the scenario cannot be run.
        ValueError: an argument is impossible.
        EngineUnavailableError: the array engine is asked for, and numba is not installed.
        WorkersError: the cluster cannot be used, or only one of its workers could be.
        ArchiveError: results cannot be kept.
    """
    expect_scenario(scenario)
    changes = {
        name: value for name, value in (("seed", seed), ("replications", replications)) if value is not None
    }
    if changes:
        scenario = scenario.changed(changes)
    if until_decided is not None and not 1 <= until_decided <= MANY:
        raise ValueError(f"until_decided is a number of replications from 1 to {MANY:,}, not {until_decided}")

    began = time.perf_counter()
    goes_on = until_decided is not None
    runs = max(scenario.replications, _LIKELY_MANY) if goes_on else None
    experiment = Experiment.of(scenario, engine=engine, runs=runs)
    kept: dict[int, Outcome] = {}
    with ExitStack() as opened:
        if cluster is None:
            source: Tallies = _Here(experiment, kept)
        else:
            from sim.studies.crews.scattered import there

            archive = archive_at(store, keep=keep)
            source = opened.enter_context(
                there(experiment, cluster, archive=archive, notice=notice, goes_on=goes_on)
            )
        if notice is not None and cluster is None:
            for sentence in experiment.notices():
                notice(sentence)
        tallies = list(source.some(range(scenario.replications), progress=progress))
        if until_decided is not None:
            further = source.further(len(tallies), until_decided)
            stopping.until_decided(experiment, tallies, further, limit=until_decided, progress=progress)
    return Result(
        experiment=experiment,
        tallies=tuple(tallies),
        kept=kept,
        took_s=time.perf_counter() - began,
        until_decided=until_decided,
    )


class Tallies(Protocol):
    """Where the tallies of replications come from, which are counted from 0."""

    def some(self, replications: range, *, progress: Progress | None) -> Iterator[Tally]:
        """Those of some replications, in order."""

    def further(self, first: int, limit: int) -> Iterator[Tally]:
        """Those from one on, up to a limit, as many as are asked for."""


@dataclass(frozen=True, eq=False, slots=True)
class _Here:
    """Simulated by this process; outcomes are kept where they are few."""

    experiment: Experiment
    kept: dict[int, Outcome]

    def some(self, replications: range, *, progress: Progress | None) -> Iterator[Tally]:
        """See `Tallies`."""
        keeps = self.experiment.size * len(replications) <= KEPT
        for number in replications:
            tell = share_of(progress, number, len(replications))
            if keeps:
                (self.kept[number],) = self.experiment.outcomes(number, progress=tell)
                yield Tally.of(self.kept[number])
            else:
                yield self.experiment.tally(number, progress=tell)

    def further(self, first: int, limit: int) -> Iterator[Tally]:
        """See `Tallies`."""
        return (self.experiment.tally(number) for number in range(first, limit))
