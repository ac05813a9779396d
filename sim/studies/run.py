"""Runs a scenario, replication by replication."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from sim.guarantees.proofs import Proofs
from sim.guarantees.statistics import MANY
from sim.guarantees.verdicts import Look
from sim.results.tally import Tally
from sim.scenario.scenario import Scenario
from sim.studies.experiment import Engine, Experiment, Progress
from sim.studies.result import Result
from sim.world.outcome import Outcome

KEPT: Final = 4_194_304
"""Devices, over all replications, up to which a result keeps their rows; beyond, it simulates again."""


def run(
    scenario: Scenario,
    *,
    engine: Engine = "auto",
    seed: int | None = None,
    replications: int | None = None,
    until_decided: int | None = None,
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
            so many in all. Their verdicts come from a test that may be looked at after each (docs/guarantees.md).
        progress: called now and then with the share that is done.
        notice: called with a sentence before a wait that needs a reason.

    Raises:
        ScenarioError: the scenario cannot be run.
        ValueError: an argument is impossible.
        EngineUnavailableError: the array engine is asked for, and numba is not installed.
    """
    changes = {
        name: value for name, value in (("seed", seed), ("replications", replications)) if value is not None
    }
    if changes:
        scenario = scenario.changed(changes)
    if until_decided is not None and not 1 <= until_decided <= MANY:
        raise ValueError(f"until_decided is a number of replications from 1 to {MANY:,}, not {until_decided:,}")

    began = time.perf_counter()
    experiment = Experiment.of(scenario, engine=engine)
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
        tally = experiment.tally(len(tallies)).without_series()
        tally = replace(
            tally, profiles=first.profiles, events=first.events, certificates=first.certificates
        )
        tallies.append(tally)
        for look in open_ones:
            look.add(tally)
        open_ones = [look for look in open_ones if not look.is_decided]
        if progress is not None:
            progress(len(tallies) / limit)
