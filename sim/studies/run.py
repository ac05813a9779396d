"""Runs a scenario, replication by replication."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from sim.guarantees.proofs import Proofs
from sim.guarantees.statistics import MANY
from sim.guarantees.verdicts import Look
from sim.results.measures import Selection
from sim.results.tally import Tally
from sim.scenario.scenario import Scenario, expect_scenario
from sim.studies.experiment import Engine, Experiment, Progress
from sim.studies.precision import MOST, Precision
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
    until: str | None = None,
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
        until: add replications until the 95 % interval of a mean is so narrow: `lost_share +- 0.05%`.
        progress: called now and then with the share that is done.
        notice: called with a sentence before a wait that needs a reason.

    Raises:
        ScenarioError: the scenario cannot be run.
        PrecisionError: `until` is not a precision.
        ValueError: an argument is impossible.
        EngineUnavailableError: the array engine is asked for, and numba is not installed.
    """
    expect_scenario(scenario)
    changes = {
        name: value for name, value in (("seed", seed), ("replications", replications)) if value is not None
    }
    if changes:
        scenario = scenario.changed(changes)
    if until_decided is not None and not 1 <= until_decided <= MANY:
        raise ValueError(f"until_decided is a number of replications from 1 to {MANY:,}, not {until_decided}")

    if until_decided is not None and until is not None:
        raise ValueError("until_decided and until are two reasons to stop: choose one")
    precision = None if until is None else Precision.parse(until)

    began = time.perf_counter()
    goes_on = until is not None or until_decided is not None
    runs = max(scenario.replications, _LIKELY_MANY) if goes_on else None
    experiment = Experiment.of(scenario, engine=engine, runs=runs)
    if notice is not None:
        for sentence in experiment.notices():
            notice(sentence)
    keeps = experiment.size * scenario.replications <= KEPT
    tallies: list[Tally] = []
    kept: dict[int, Outcome] = {}
    for replication in range(scenario.replications):

        def tell(share: float, done: int = replication) -> None:
            if progress is not None:
                progress((done + share) / scenario.replications)

        if keeps:
            (kept[replication],) = experiment.outcomes(replication, progress=tell)
            tallies.append(Tally.of(kept[replication]))
        else:
            tallies.append(experiment.tally(replication, progress=tell))
    if until_decided is not None:
        _go_on(experiment, tallies, until_decided, progress)
    if precision is not None:
        _until_precise(experiment, tallies, precision, notice)
    return Result(
        experiment=experiment,
        tallies=tuple(tallies),
        kept=kept,
        took_s=time.perf_counter() - began,
        until_decided=until_decided,
    )


def _go_on(experiment: Experiment, tallies: list[Tally], limit: int, progress: Progress | None) -> None:
    """Add replications until every guarantee with a probability is decided, or there are `limit`.

    Of those added only counts are kept: no rows of devices, no time series, and the server's life once.
    """
    proofs = Proofs(experiment.plan, experiment.rosters())
    guarantees = [g for g in experiment.scenario.guarantees if g.probability is not None]
    open_ones = [look for g in guarantees if not (look := Look(g, tallies, proofs)).is_decided]
    first = tallies[0]
    while open_ones and len(tallies) < limit:
        tally = experiment.tally(len(tallies)).thin(beside=first)
        tallies.append(tally)
        for look in open_ones:
            look.add(tally)
        open_ones = [look for look in open_ones if not look.is_decided]
        if progress is not None:
            progress(len(tallies) / limit)


def _until_precise(
    experiment: Experiment, tallies: list[Tally], precision: Precision, notice: Callable[[str], None] | None
) -> None:
    """Add replications until the precision is reached; of those added only counts are kept."""
    first = tallies[0]
    for tally in tallies:
        precision.add(Selection(tally).measure(precision.measure))
    while not precision.is_reached and len(tallies) < MOST:
        tally = experiment.tally(len(tallies)).thin(beside=first)
        tallies.append(tally)
        precision.add(Selection(tally).measure(precision.measure))
    if notice is not None and not precision.is_reached:
        notice(f"the precision is not reached after {len(tallies):,} replications")
