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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, reduce
from operator import add
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeVar, cast

import numpy as np

from sim.errors import InputError
from sim.executor import Resources
from sim.executor.task import Arrays, Form, Task, key_of, plain, program
from sim.results.measures import MEASURES, NUMBERS, Selected, Selection
from sim.results.summary import Row as Measured
from sim.results.tally import COLUMNS, Tally
from sim.scenario.fleet import Away
from sim.scenario.inventory import Inventory
from sim.scenario.prepare import Prepared
from sim.scenario.scenario import Scenario
from sim.studies.experiment import PART, Experiment, Progress, share_of
from sim.world import SEMANTICS
from sim.world.certificates import Certificate
from sim.world.outcome import BLOCK, SERIES
from sim.world.plan import Plan
from sim.world.server import Event

MOST_PARTS: Final = 64
"""Parts of a fleet that is split: enough for as many workers, and few enough to add up at once."""

T = TypeVar("T")


class NotSplitError(InputError):
    """One replication cannot be computed by several workers."""


class Quantity(Protocol[T]):
    """What is wanted of each part of a replication; a frozen dataclass that its fields describe.

    Quantities of the parts of a fleet add up to that of the fleet.
    """

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
    """What a replication amounts to; profiles are not packed, since the fleet tells them.

    Attributes:
        columns, series: names of what is counted, in the order of the arrays.
    """

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
        server = json.dumps([plain(value.events), plain(value.certificates)]).encode()
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


@dataclass(frozen=True, slots=True)
class Run:
    """One replication at one point.

    Attributes:
        fingerprint: of its outcome.
        measures: of the fleet, by the names of `NUMBERS`.
        groups: the same of each group.
    """

    fingerprint: str
    measures: Measured
    groups: Mapping[str, Measured]


@dataclass(frozen=True, slots=True)
class Measures:
    """The quantity of a sweep's tasks: measures of a whole replication, which do not add up from parts.

    Attributes:
        groups: names that devices are counted under.
        names: of the measures, in the order of the columns.
    """

    groups: tuple[str, ...]
    names: tuple[str, ...] = NUMBERS

    def value(
        self, experiment: Experiment, replication: int, within: range, progress: Progress | None = None
    ) -> Run:
        """See `Quantity`."""
        tally = experiment.tally(replication, progress=progress)
        groups = {name: Selected(tally, Selection(group=name)).measures() for name in self.groups}
        return Run(tally.fingerprint, Selected(tally).measures(), groups)

    def form(self, experiment: Experiment) -> Form:
        """See `Quantity`."""
        shape = (1 + len(self.groups), len(self.names))
        return {"fingerprint": ("|u1", (32,)), "measures": ("<f8", shape)}

    def pack(self, value: Run) -> Arrays:
        """See `Quantity`; what is None is not a number."""
        rows = [[row[name] for name in self.names] for row in (value.measures, *value.groups.values())]
        fingerprint = np.frombuffer(bytes.fromhex(value.fingerprint), dtype=np.uint8)
        return {"fingerprint": fingerprint, "measures": np.array(rows, dtype=np.float64)}

    def unpack(self, arrays: Arrays, experiment: Experiment | None = None) -> Run:
        """See `Quantity`."""
        rows = (
            {name: _as_counted(name, value) for name, value in zip(self.names, row, strict=True)}
            for row in arrays["measures"].tolist()
        )
        fleet, *others = rows
        return Run(arrays["fingerprint"].tobytes().hex(), fleet, dict(zip(self.groups, others, strict=True)))


def _as_counted(name: str, value: float) -> float | int | None:
    if np.isnan(value):
        return None
    return int(value) if MEASURES[name].unit in ("devices", "times") else value


def groups_of(scenario: Scenario) -> tuple[str, ...]:
    """The names of the groups that devices are counted under, in order."""
    listed = {name for each in scenario.inventories.values() for name in each.devices.groups if name}
    return tuple(sorted({group.name for group in scenario.fleet} | listed))


def values(
    jobs: Sequence[tuple[Experiment, Sequence[int]]],
    quantity: Quantity[T],
    resources: Resources | None,
    *,
    progress: Progress | None = None,
) -> Iterator[T]:
    """The quantity in each replication, in the order asked for; the same ones whoever computes.

    Args:
        jobs: experiments and their replications, counted from 0.
        quantity: what is wanted.
        resources: who computes, and where results are kept; None: this process, and nowhere.
        progress: called with the share of what is computed now.
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
    shared: dict[object, bytes] = {}
    worlds = {id(each): (split(each), World.of(each, shared=shared)) for each, _ in jobs}
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


def split(experiment: Experiment) -> Experiment:
    """The same in smaller parts, the same ones for any number of workers: so an interrupted run goes on."""
    if experiment.plan.couples_devices:
        return experiment
    blocks = -(-experiment.size // BLOCK)
    return replace(experiment, part=min(PART, BLOCK * max(1, -(-blocks // MOST_PARTS))))


def check_splits(experiment: Experiment) -> None:
    """Refuse what only one worker can compute.

    Raises:
        NotSplitError: a single replication with a help desk, a gate or a chase.
    """
    plan = experiment.plan
    if plan.couples_devices and experiment.scenario.replications == 1:
        why = (
            "a help desk cannot be split over workers, since all devices share its queue"
            if plan.recovery is not None
            else "a gate or a chase cannot be split over workers, since it asks about all devices"
        )
        less = ", or leave recovery out (--set recovery=none)" if plan.recovery is not None else ""
        raise NotSplitError(
            f"one run with {why}: leave --cluster out, or ask for several --replications{less}"
        )


# --- a world that can be sent ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class World:
    """What the tasks of an experiment have in common; no private key and no password is in it.

    Attributes:
        content: plan and devices, compressed.
        inventories: those of the fleet, compressed.
        digest: of all that can change a number.
        engine: which one computes; the numbers do not depend on it.
    """

    content: bytes
    inventories: bytes
    digest: str
    engine: Literal["process", "fleet"]

    @classmethod
    def of(cls, experiment: Experiment, *, shared: dict[object, bytes] | None = None) -> World:
        """The world of an experiment.

        Args:
            experiment: what is run.
            shared: where inventories that several scenarios have are kept once.
        """
        scenario, plan, prepared = experiment.scenario, experiment.plan, experiment.prepared
        devices = _devices(prepared)
        return cls(
            content=zlib.compress(pickle.dumps((plan, prepared.size, _document(scenario))), 1),
            inventories=_inventories(scenario, {} if shared is None else shared),
            digest=key_of({"semantics": SEMANTICS, "seed": scenario.seed, "plan": plan, "devices": devices}),
            engine=experiment.engine,
        )

    def task(self, quantity: Quantity[Any], replication: int, within: range, form: Form) -> Task:
        """What computes a quantity of some devices in the replication that has a number."""
        ends = (within.start, within.stop)
        key = key_of({"world": self.digest, "of": quantity, "replication": replication, "within": ends})
        arguments = (self.content, self.inventories, self.engine, quantity, replication, ends)
        return Task(key, compute_part, arguments, form, program())


def compute_part(
    content: bytes,
    inventories: bytes,
    engine: Literal["process", "fleet"],
    quantity: Quantity[Any],
    replication: int,
    ends: tuple[int, int],
    *,
    threads: int | None,
) -> Arrays:
    """What a task computes; see `World.task`.

    Raises:
        EngineUnavailableError: the array engine is asked for, and numba is not installed.
    """
    experiment = _experiment(content, inventories, engine, threads)
    counted = replication - experiment.scenario.first_replication
    return quantity.pack(quantity.value(experiment, counted, range(*ends)))


@lru_cache(maxsize=4)
def _experiment(
    content: bytes, inventories: bytes, engine: Literal["process", "fleet"], threads: int | None
) -> Experiment:
    """What a world describes, kept for the next task."""
    plan, size, document = cast(tuple[Plan, int, dict[str, Any]], _unpickled(content))
    listed = cast(Mapping[int, Inventory], _unpickled(inventories))
    scenario = Scenario.from_document(document, folder=Path(), inventories=listed)
    part = max(size, 1) if plan.couples_devices else PART
    return Experiment(Prepared(scenario, {}, plan, size), engine, part, threads)


def _unpickled(content: bytes) -> object:
    """What the process that asks has sent; never what a file holds."""
    return pickle.loads(zlib.decompress(content))  # noqa: S301


def _inventories(scenario: Scenario, shared: dict[object, bytes]) -> bytes:
    listed = dict(scenario.inventories)
    name = tuple((number, each.sha256, repr(each.options)) for number, each in listed.items())
    if name not in shared:
        shared[name] = zlib.compress(pickle.dumps(listed), 1)
    return shared[name]


def _document(scenario: Scenario) -> dict[str, Any]:
    """The scenario but for what the plan says, so that it needs no certificate file."""
    kept = {key: value for key, value in scenario.document.items() if key not in _IN_PLAN}
    for group, written in zip(scenario.fleet, kept["fleet"], strict=True):
        if isinstance(group.presence, Away):
            for absence, spell in zip(group.presence.away, written["presence"]["away"], strict=True):
                instant_s = scenario.instant(absence.from_)
                spell["from"] = f"start {'-' if instant_s < 0 else '+'} {abs(instant_s)}s"
    return kept


_IN_PLAN: Final = ("server", "strategy", "calendar", "recovery", "guarantees")


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
