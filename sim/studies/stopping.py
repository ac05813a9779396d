"""Replications that are added until one knows enough; of those only counts are kept."""

from __future__ import annotations

from collections.abc import Iterable

from sim.guarantees.proofs import Proofs
from sim.guarantees.verdicts import Look
from sim.results.tally import Tally
from sim.studies.experiment import Experiment, Progress


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
