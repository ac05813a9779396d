"""Replications of experiments, computed here or handed to an executor, part by part where a fleet is large.

A task is one replication, or one part of it, of a world that is sent along. Its key is a hash of all that can
change its numbers, and of nothing else: the plan in seconds, devices, draws and the version of the semantics.
The scenario's name, description and guarantees are not in it; nor is the engine, since both give the same.
"""

from __future__ import annotations

import json
import pickle
import zlib
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, reduce
from itertools import islice
from operator import add
from typing import Any, Final, Literal, Protocol, TypeVar, cast

import numpy as np

from sim.executor import Resources
from sim.executor.task import Arrays, Form, Task, key_of, plain, program
from sim.results.tally import COLUMNS, Tally
from sim.scenario.prepare import Prepared
from sim.scenario.scenario import Scenario
from sim.studies.experiment import MOST_REPLICATIONS, PART, Experiment, Progress, share_of
from sim.world import SEMANTICS
from sim.world.certificates import Certificate
from sim.world.outcome import BLOCK, SERIES
from sim.world.plan import Plan
from sim.world.server import Event

KEPT: Final = 4_194_304
"""Devices, over the first replications, of which a result keeps the rows; the others it simulates again."""
_SERIES_KEPT: Final = 3_000_000
"""Samples, over the first replications, that it keeps; the same."""
_REPLICATION: Final = 4_096
"""Devices whose rows take as much memory as all else of a replication."""
MOST_PARTS: Final = 64
"""Parts of a fleet that is split: enough for as many workers, and few enough to add up at once."""

T = TypeVar("T")


class Quantity(Protocol[T]):
    """What is wanted of each part of a replication: a frozen dataclass; those of parts add up."""

    def value(
        self, experiment: Experiment, replication: int, within: range, progress: Progress | None = None
    ) -> T:
        """That of some devices in a replication, counted from 0."""

    def form(self, experiment: Experiment) -> Form:
        """Of its arrays."""

    def pack(self, value: T) -> Arrays:
        """A value as arrays."""

    def unpack(self, arrays: Arrays, experiment: Experiment) -> T:
        """The value again."""


@dataclass(frozen=True, slots=True)
class Tallies:
    """What a replication amounts to: these columns and time series; the fleet tells the profiles."""

    columns: tuple[str, ...] = tuple(COLUMNS)
    series: tuple[str, ...] = SERIES

    def value(
        self, experiment: Experiment, replication: int, within: range, progress: Progress | None = None
    ) -> Tally:
        """See `Quantity`."""
        return Tally.of(experiment.outcome_within(replication, within, progress=progress))

    def form(self, experiment: Experiment) -> Form:
        """See `Quantity`."""
        plan, kinds = experiment.plan, len(experiment.profiles)
        return {
            "counts": ("<i8", (len(self.columns), kinds)),
            "back": ("<i8", (None, 3)),
            "coverage_held": ("<i8", (None, kinds)),
            "series": ("<i8", (len(self.series), -(-plan.horizon_s // plan.sample_s))),
            "blocks": ("|u1", (None, 32)),
            "server": ("|u1", (None,)),
        }

    def pack(self, value: Tally) -> Arrays:
        """See `Quantity`."""
        server = json.dumps([value.events, value.certificates], default=plain).encode()
        return {
            "server": np.frombuffer(server, dtype=np.uint8),
            "counts": value.counts,
            "back": value.back,
            "coverage_held": value.coverage_held,
            "series": np.stack([value.series[name] for name in self.series]),
            "blocks": np.frombuffer(b"".join(value.blocks), dtype=np.uint8).reshape(-1, 32),
        }

    def unpack(self, arrays: Arrays, experiment: Experiment) -> Tally:
        """See `Quantity`."""
        events, certificates = json.loads(arrays["server"].tobytes())
        return Tally(
            profiles=experiment.profiles,
            counts=arrays["counts"],
            back=arrays["back"],
            coverage_held=arrays["coverage_held"],
            series=dict(zip(self.series, arrays["series"], strict=True)),
            events=tuple(Event(**_fields(event)) for event in events),
            certificates=tuple(
                Certificate(**_fields(each) | {"refused_by": frozenset(each["refused_by"])})
                for each in certificates
            ),
            blocks=tuple(block.tobytes() for block in arrays["blocks"]),
        )


def _fields(written: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in written.items() if name != "is"}


def values(
    jobs: Sequence[tuple[Experiment, Sequence[int]]],
    quantity: Quantity[T],
    resources: Resources | None,
    *,
    progress: Progress | None = None,
) -> Iterator[T]:
    """The quantity in each replication, counted from 0, in the order asked for; the same whoever computes.

    Without `resources` this process does, and keeps nothing. Only what is computed now counts as progress.
    """
    wanted = [(experiment, replication) for experiment, numbers in jobs for replication in numbers]
    if resources is None:
        for number, (experiment, replication) in enumerate(wanted):
            tell, parts = share_of(progress, number, len(wanted)), experiment.parts
            yield reduce(
                add,
                (
                    quantity.value(experiment, replication, within, share_of(tell, part, len(parts)))
                    for part, within in enumerate(parts)
                ),
            )
        return
    worlds = {id(each): (split(each), World.of(each)) for each, _ in jobs}
    waiting: deque[tuple[Experiment, list[Task]]] = deque()
    for experiment, replication in wanted:
        apart, world = worlds[id(experiment)]
        form, number = quantity.form(apart), apart.scenario.first_replication + replication
        waiting.append((apart, [world.task(quantity, number, within, form) for within in apart.parts]))
    tasks = [task for _, pieces in waiting for task in pieces]
    uses = Counter(task.key for task in tasks)
    found: dict[str, Arrays] = {}
    for done, arrays in resources.results(tasks, progress=progress):
        found[done.key] = arrays
        while waiting and all(task.key in found for task in waiting[0][1]):
            apart, pieces = waiting.popleft()
            yield reduce(add, (quantity.unpack(found[task.key], apart) for task in pieces))
            uses.subtract(task.key for task in pieces)
            for task in pieces:
                if not uses[task.key]:
                    found.pop(task.key, None)
    assert not waiting, "a part is missing"


def replicated(
    experiments: Sequence[Experiment], resources: Resources | None, *, progress: Progress | None = None
) -> list[tuple[Experiment, tuple[Tally, ...]]]:
    """Experiments of as many replications each, with their tallies.

    Without `resources` this process computes, and an experiment keeps its outcomes where they are few.
    """
    if resources is None:
        experiments = [each.keeping(KEPT // (each.size + _REPLICATION)) for each in experiments]
    n = experiments[0].scenario.replications
    found = values([(each, range(n)) for each in experiments], Tallies(), resources, progress=progress)
    return [(each, tuple(_thinned(islice(found, n), each))) for each in experiments]


def _thinned(tallies: Iterable[Tally], experiment: Experiment) -> Iterator[Tally]:
    """Tallies of which only the first ones, as many as fit, have time series, which take the most memory."""
    fit = max(MOST_REPLICATIONS, _SERIES_KEPT // (experiment.plan.horizon_s // experiment.plan.sample_s + 1))
    first: Tally | None = None
    for number, tally in enumerate(tallies):
        first = tally if first is None else first
        yield tally if number < fit else tally.thin(beside=first)


def split(experiment: Experiment) -> Experiment:
    """The same in smaller parts, the same ones for any number of workers: so an interrupted run goes on."""
    if experiment.plan.couples_devices:
        return experiment
    blocks = -(-experiment.size // BLOCK)
    return replace(experiment, part=min(PART, BLOCK * max(1, -(-blocks // MOST_PARTS))))


# --- a world that can be sent ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class World:
    """What the tasks of an experiment have in common; no private key and no password is in it.

    `content`: plan, scenario and lists of devices, compressed; `digest`: of all that can change a number.
    """

    content: bytes
    digest: str
    engine: Literal["process", "fleet"]

    @classmethod
    def of(cls, experiment: Experiment) -> World:
        """The world of an experiment."""
        scenario, plan, prepared = experiment.scenario, experiment.plan, experiment.prepared
        devices = _devices(prepared)
        return cls(
            content=zlib.compress(pickle.dumps((plan, prepared.size, scenario)), 1),
            digest=key_of({"semantics": SEMANTICS, "seed": scenario.seed, "plan": plan, "devices": devices}),
            engine=experiment.engine,
        )

    def task(self, quantity: Quantity[Any], replication: int, within: range, form: Form) -> Task:
        """What computes a quantity of some devices in the replication that has a number."""
        ends = (within.start, within.stop)
        key = key_of({"world": self.digest, "of": quantity, "replication": replication, "within": ends})
        return Task(key, compute_part, (self, quantity, replication, ends), form, program())


def compute_part(
    world: World, quantity: Quantity[Any], replication: int, ends: tuple[int, int], *, threads: int | None
) -> Arrays:
    """What a task computes; see `World.task`."""
    experiment = _experiment(world, threads)
    counted = replication - experiment.scenario.first_replication
    return quantity.pack(quantity.value(experiment, counted, range(*ends)))


@lru_cache(maxsize=4)
def _experiment(world: World, threads: int | None) -> Experiment:
    """What a world describes, kept for the next task."""
    content = pickle.loads(zlib.decompress(world.content))  # noqa: S301 - of the process that asks, never of a file
    plan, size, scenario = cast(tuple[Plan, int, Scenario], content)
    part = max(size, 1) if plan.couples_devices else PART
    return Experiment(Prepared(scenario, {}, plan, size), world.engine, part, threads)


def _devices(prepared: Prepared) -> list[dict[str, Any]]:
    """All of the devices that can change a number; groups in the order of devices, by name."""
    scenario, groups = prepared.scenario, list[dict[str, Any]]()
    for number, group in enumerate(scenario.fleet):
        known: dict[str, Any] = {
            "profile": prepared.profile_of(number),
            "phase": group.sync.phase,
            "devices": group.devices,
            "first": group.first,
        }
        listed = scenario.inventories.get(number)
        if listed is not None:
            written = group.model_dump(mode="json", exclude={"inventory"})
            known |= {"inventory": listed.sha256, "options": repr(listed.options), "written": written}
            known["start"] = scenario.start.isoformat()
        groups.append(known)
    return sorted(groups, key=lambda known: str(known["profile"].group))
