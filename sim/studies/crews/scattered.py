"""Replications, and parts of one large fleet, computed by a crew; with the fingerprint of a run here."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from sim.errors import InputError
from sim.results.tally import Tally, total
from sim.studies.crews.archive import Archive
from sim.studies.crews.cluster import Cluster, connected
from sim.studies.crews.crew import Crew, collect
from sim.studies.crews.packing import unpacked
from sim.studies.crews.unit import Source, Unit, Value
from sim.studies.experiment import PART, Experiment, Progress
from sim.world.outcome import BLOCK

_AHEAD: Final = 2
"""Replications for each thread that are computed at a time where nobody knows how many it will take."""

MOST_PARTS: Final = 64
"""Parts of a fleet that is split: enough for as many workers, and few enough to add up at once."""


class NotSplitError(InputError):
    """One replication cannot be computed by several workers."""


def split(experiment: Experiment) -> Experiment:
    """The same in smaller parts, the same ones for any number of workers: so an interrupted run goes on."""
    if experiment.plan.recovery is not None:
        return experiment
    blocks = -(-experiment.size // BLOCK)
    return replace(experiment, part=min(PART, BLOCK * max(1, -(-blocks // MOST_PARTS))))


def check_splits(experiment: Experiment, *, goes_on: bool = False) -> None:
    """Refuse what only one worker can compute.

    Args:
        experiment: what is to be run.
        goes_on: whether more replications will be added.

    Raises:
        NotSplitError: a single replication with a help desk.
    """
    if experiment.plan.recovery is not None and experiment.scenario.replications == 1 and not goes_on:
        raise NotSplitError(
            "one run with a help desk cannot be split over workers, since all devices share its queue: leave "
            "--cluster out, ask for several --replications, or leave recovery out (--set recovery=none)"
        )


def tallies(
    experiment: Experiment,
    replications: Sequence[int],
    crew: Crew,
    *,
    archive: Archive | None = None,
    progress: Progress | None = None,
) -> Iterator[Tally]:
    """The tally of each replication, in the order asked for, equal to `Experiment.tally`.

    Args:
        experiment: whose; in parts (`split`), unless it has a help desk.
        replications: counted from 0, as everywhere in an experiment; no number twice.
        crew: who computes.
        archive: where parts are kept as they are done; None: nowhere.
        progress: called with the share of what is computed now.
    """
    source = Source.of(experiment.scenario, engine=experiment.engine)
    first = experiment.scenario.first_replication
    wanted: deque[list[Unit]] = deque(
        [source.unit(first + replication, within) for within in experiment.parts]
        for replication in replications
    )
    timeline = experiment.prepared.timeline
    profiles = experiment.roster(range(0)).profiles
    values: dict[str, Value] = {}
    units = [unit for parts in wanted for unit in parts]
    for unit, value in collect(units, crew, archive=archive, progress=progress):
        values[unit.key] = value
        while wanted and all(part.key in values for part in wanted[0]):
            parts = (values.pop(part.key) for part in wanted.popleft())
            yield total(unpacked(part, profiles=profiles, timeline=timeline) for part in parts)
    assert not wanted, "a part is missing"


@dataclass(frozen=True, eq=False, slots=True)
class There:
    """Tallies that a cluster computes, as `run` asks for them.

    Attributes:
        experiment: whose; see `split`.
        crew: the cluster.
        archive: where parts are kept; None: nowhere.
    """

    experiment: Experiment
    crew: Cluster
    archive: Archive | None

    def some(self, replications: range, *, progress: Progress | None) -> Iterator[Tally]:
        """Those of some replications, counted from 0, in order."""
        return tallies(self.experiment, replications, self.crew, archive=self.archive, progress=progress)

    def further(self, first: int, limit: int) -> Iterator[Tally]:
        """Those from one on, up to a limit; a few more may be computed than are asked for."""
        while first < limit:
            last = min(limit, first + _AHEAD * max(1, self.crew.threads))
            yield from self.some(range(first, last), progress=None)
            first = last


@contextmanager
def there(
    experiment: Experiment,
    address: str,
    *,
    archive: Archive | None = None,
    notice: Callable[[str], None] | None = None,
    goes_on: bool = False,
) -> Iterator[There]:
    """The cluster at an address, at work on an experiment.

    Raises:
        NotSplitError: only one worker could compute it.
        ClusterError: the cluster cannot be used.
    """
    check_splits(experiment, goes_on=goes_on)
    with connected(address, notice=notice) as crew:
        yield There(split(experiment), crew, archive)
