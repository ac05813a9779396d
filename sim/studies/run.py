"""Runs a scenario, replication by replication."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from sim.executor import Resources, resources
from sim.results.tally import Tally
from sim.scenario.prepare import prepare
from sim.scenario.scenario import Scenario
from sim.studies.experiment import (
    Engine,
    Experiment,
    Notice,
    Progress,
    checked,
    share_of,
    shown,
    with_options,
)
from sim.studies.replications import MOST_REPLICATIONS
from sim.studies.result import Result
from sim.studies.tasks import Tallies, check_splits, values
from sim.world.outcome import Outcome

if TYPE_CHECKING:
    from sim.processes.policy import Policy

KEPT: Final = 4_194_304
"""Devices, over the first replications, of which a result keeps the rows; the others it simulates again."""
_SERIES_KEPT: Final = 3_000_000
"""Samples, over the first replications, that it keeps; the same."""
_REPLICATION: Final = 4_096
"""Devices whose rows take as much memory as all else of a replication."""


@checked
def run(
    scenario: Scenario,
    *,
    policy: Policy | None = None,
    engine: Engine = "auto",
    seed: int | None = None,
    replications: int | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    store: str | os.PathLike[str] | None = None,
    keep: bool = True,
    progress: Progress | bool | None = None,
    notice: Notice | None = None,
) -> Result:
    """Simulate a scenario.

    Args:
        scenario: what to run.
        policy: is asked during each run, and answers with actions (docs/extend.md); with it there are no
            proofs, no array engine and no workers.
        engine: `process`: one SimPy process a device; `fleet`: devices as arrays, with equal results and
            much faster; `auto`: whichever is done first.
        seed: instead of the scenario's.
        replications: instead of the scenario's; replication r draws with (seed, r).
        workers: processes on this machine that run the replications, and parts of a large fleet without a
            help desk; default: this process. The result is the same; rows of devices are simulated again here
            when they are asked for.
        cluster: address of a dask.distributed scheduler, whose workers do so instead.
        store: folder in which what was computed is kept, by content, and from which it is taken; default,
            with workers or a cluster: the user's cache.
        keep: whether that is kept, and taken from there.
        progress: called now and then with the share that is done; True: a line shows it.
        notice: called with a sentence before a wait that needs a reason.

    Where the scenario has holidays or disturbances, it is simulated without them as well, from the same
    draws.

    Raises:
        ScenarioError: the scenario cannot be run.
        InputError: an argument is impossible.
        EngineUnavailableError: the array engine is asked for, and numba is not installed.
        WorkersError: those who compute cannot be reached, or die.
        PolicyError: the policy is none, answers what cannot be done, or is asked for with the array engine or
            workers.
        NotSplitError: only one worker of a cluster could be used.
        CacheError: results cannot be kept.
    """
    scenario = with_options(scenario, seed=seed, replications=replications)
    experiment = Experiment.of(prepare(scenario), engine=engine, policy=policy)
    if policy is not None and (workers, cluster, store) != (None, None, None):
        from sim.processes.policy import PolicyError

        raise PolicyError("a policy is asked in this process: leave workers, cluster and store out")
    if cluster is not None:
        check_splits(experiment)
    with resources(workers=workers, cluster=cluster, store=store, keep=keep, notice=notice) as means:
        if cluster is None:
            experiment.notify(notice)
        experiments = [experiment]
        if experiment.plan.common_causes and policy is None:
            plan = replace(experiment.plan, holidays=(), disturbances=())
            experiments.append(experiment.with_plan(plan))
        first, *without = simulate(experiments, means, progress=shown(progress))
    return replace(first, without_common_causes=without[0] if without else None)


def simulate(
    experiments: Sequence[Experiment],
    means: Resources | None,
    *,
    progress: Progress | None = None,
) -> list[Result]:
    """The result of each experiment.

    Args:
        experiments: with as many replications each.
        means: who computes; None: this process, which keeps the outcomes where they are few.
        progress: called with the share that is done.
    """
    began = time.perf_counter()
    kept: list[dict[int, Outcome]] = [{} for _ in experiments]
    n = experiments[0].scenario.replications
    if means is None:
        tallies = [
            list(_thinned(_here(experiment, rows, share_of(progress, number, len(experiments))), experiment))
            for number, (experiment, rows) in enumerate(zip(experiments, kept, strict=True))
        ]
    else:
        jobs = [(experiment, range(n)) for experiment in experiments]
        found = values(jobs, Tallies(), means, progress=progress)
        tallies = [list(_thinned(islice(found, n), each)) for each in experiments]
    took_s = time.perf_counter() - began
    return [
        Result(experiment, tuple(some), rows, took_s)
        for experiment, some, rows in zip(experiments, tallies, kept, strict=True)
    ]


def _here(experiment: Experiment, kept: dict[int, Outcome], progress: Progress | None) -> Iterator[Tally]:
    """The scenario's replications; the outcomes of the first ones are kept, as many as fit."""
    n = experiment.scenario.replications
    fit = KEPT // (experiment.size + _REPLICATION) if len(experiment.parts) == 1 else 0
    for number in range(n):
        tell = share_of(progress, number, n)
        if number < fit:
            (kept[number],) = experiment.outcomes(number, progress=tell)
            yield Tally.of(kept[number])
        else:
            yield experiment.tally(number, progress=tell)


def _thinned(tallies: Iterable[Tally], experiment: Experiment) -> Iterator[Tally]:
    """Tallies of which only the first ones, as many as fit, have time series, which take the most memory."""
    fit = max(MOST_REPLICATIONS, _SERIES_KEPT // (experiment.plan.horizon_s // experiment.plan.sample_s + 1))
    first: Tally | None = None
    for number, tally in enumerate(tallies):
        first = tally if first is None else first
        yield tally if number < fit else tally.thin(beside=first)
