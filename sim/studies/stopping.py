"""Replications that are added until one knows enough; of those only counts are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sim.guarantees.proofs import Proofs
from sim.guarantees.verdicts import Look
from sim.results.measures import Selected
from sim.results.tally import Tally
from sim.studies.experiment import Experiment, Progress
from sim.studies.precision import MOST, Precision


def until_decided(
    experiment: Experiment,
    tallies: list[Tally],
    further: Iterable[Tally],
    *,
    limit: int,
    progress: Progress | None = None,
) -> None:
    """Add replications until every guarantee with a probability is decided, or there are `limit`.

    Of those added no rows of devices and no time series are kept, and the server's life once.

    Args:
        experiment: whose.
        tallies: of the replications so far, at least one; it grows.
        further: the tallies of the next ones, in order.
        limit: replications at which one stops all the same.
        progress: called with the share of the limit.
    """
    proofs = Proofs(experiment.plan, experiment.rosters())
    guarantees = [g for g in experiment.scenario.guarantees if g.probability is not None]
    open_ones = [look for g in guarantees if not (look := Look(g, tallies, proofs)).is_decided]
    if not open_ones or len(tallies) >= limit:
        return
    for tally in further:
        tallies.append(tally.thin(beside=tallies[0]))
        for look in open_ones:
            look.add(tallies[-1])
        open_ones = [look for look in open_ones if not look.is_decided]
        if progress is not None:
            progress(len(tallies) / limit)
        if not open_ones or len(tallies) >= limit:
            return


def until_precise(
    tallies: list[Tally],
    further: Iterable[Tally],
    precision: Precision,
    *,
    progress: Progress | None = None,
    notice: Callable[[str], None] | None = None,
) -> None:
    """Add replications until the precision is reached; of those added only counts are kept.

    Args:
        tallies: of the replications so far, at least one; it grows.
        further: the tallies of the next ones, in order.
        precision: what is wanted.
        progress: called with the share of the replications that it will take, as far as one can tell.
        notice: called with a sentence where the precision is not reached.
    """
    for tally in tallies:
        precision.add(Selected(tally).measure(precision.measure))
    if precision.is_reached:
        return
    for tally in further:
        tallies.append(tally.thin(beside=tallies[0]))
        precision.add(Selected(tallies[-1]).measure(precision.measure))
        if progress is not None:
            progress(max(precision.share, len(tallies) / MOST))
        if precision.is_reached:
            return
        if len(tallies) >= MOST:
            break
    if notice is not None:
        notice(f"the precision is not reached after {len(tallies):,} replications")
