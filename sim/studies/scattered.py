"""Replications, and parts of one large fleet, computed by a crew; with the fingerprint of a run here."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from sim.errors import InputError
from sim.results.tally import Tally, total
from sim.scenario.roster import roster_of
from sim.studies.archive import Archive
from sim.studies.crew import Crew, collect
from sim.studies.experiment import PART, Experiment, Progress
from sim.studies.packing import unpacked
from sim.studies.unit import Source, Unit, Value
from sim.world.outcome import BLOCK
from sim.world.timeline import play

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


def check_splits(experiment: Experiment) -> None:
    """Refuse what only one worker can compute.

    Raises:
        NotSplitError: a single replication with a help desk.
    """
    if experiment.plan.recovery is not None and experiment.scenario.replications == 1:
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
    timeline = play(experiment.plan)
    profiles = roster_of(experiment.scenario, within=range(0)).profiles
    values: dict[str, Value] = {}
    units = [unit for parts in wanted for unit in parts]
    for unit, value in collect(units, crew, archive=archive, progress=progress):
        values[unit.key] = value
        while wanted and all(part.key in values for part in wanted[0]):
            parts = (values.pop(part.key) for part in wanted.popleft())
            yield total(unpacked(part, profiles=profiles, timeline=timeline) for part in parts)
    assert not wanted, "a part is missing"
