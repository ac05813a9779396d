"""A prepared scenario and an engine, and what became of it, replication by replication."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError
from sim.guarantees.proofs import Proofs
from sim.results.tally import Tally, total
from sim.scenario.findings import ADVISED_S
from sim.scenario.prepare import Prepared
from sim.scenario.scenario import Scenario
from sim.world.certificates import Certificate
from sim.world.draws import Draws
from sim.world.fleet import Fleet, Profile, Roster
from sim.world.outcome import BLOCK, Outcome
from sim.world.plan import Plan
from sim.world.timeline import Timeline

if TYPE_CHECKING:
    from sim.processes.policy import Policy

Engine = Literal["auto", "process", "fleet"]
Progress = Callable[[float], None]
Notice = Callable[[str], None]

ATTEMPT_S: Final = {"process": 2.5e-6, "fleet": 2e-8}
"""About what each engine takes for an attempt to synchronize, in processor time."""

DEVICE_BYTES: Final = {"process": 4_000, "fleet": 170}
"""About what each engine takes for a device."""

MOST_REPLICATIONS: Final = 100
"""Replications that figures and the page look at."""

PART: Final = 64 * BLOCK
"""Devices of a part: larger fleets without a help desk are run part by part, in about 0.7 GB."""


class Simulator(Protocol):
    """What both engines are."""

    def __call__(self, plan: Plan, fleet: Fleet, *, progress: Progress | None = None) -> Outcome:
        """Run a plan on a fleet."""


@dataclass(frozen=True, eq=False)
class Experiment:
    """Everything that the replications of a scenario share.

    Attributes:
        prepared: the scenario, with seed and replications, its plan and its devices.
        engine: which engine runs it.
        part: devices that are simulated at a time; a whole number of blocks, or all.
        threads: of the array engine; None: one a core.
        policy: is asked during each run, a copy of it in each.
        policies: the copies as the runs left them, by replication.
        keeps: how many of the first replications are kept as they are simulated.
        kept: the outcomes of those, by replication.
    """

    prepared: Prepared
    engine: Literal["process", "fleet"]
    part: int
    threads: int | None = None
    policy: Policy | None = None
    policies: dict[int, Policy] = field(default_factory=dict)
    keeps: int = 0
    kept: dict[int, Outcome] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        prepared: Prepared,
        *,
        engine: Engine = "auto",
        part: int = PART,
        runs: int | None = None,
        policy: Policy | None = None,
    ) -> Experiment:
        """One of an engine, `auto` being the one that is done first with so many runs.

        Args:
            prepared: what to run.
            engine: which engine.
            part: devices at a time, where nothing couples them; a multiple of `BLOCK`.
            runs: how many will be asked for; default: the replications.
            policy: is asked during the runs, which the process engine alone can do.

        Raises:
            ValueError: there is no such part.
            InputError: there is no such engine, or the policy is none.
        """
        if policy is not None:
            from sim.processes.policy import PolicyError, check

            if engine == "fleet":
                raise PolicyError("a policy is asked by the process engine: leave engine out")
            return cls(prepared, "process", max(prepared.size, 1), policy=check(policy))
        if part < 1 or part % BLOCK:
            raise ValueError(f"a part has a multiple of {BLOCK} devices, not {part}")
        if engine not in get_args(Engine):
            raise InputError(f"there is no engine {engine!r}: choose auto, process or fleet")
        if engine == "auto":
            engine = _soonest_done(prepared, prepared.scenario.replications if runs is None else runs)
        return cls(prepared, engine, max(prepared.size, 1) if prepared.plan.couples_devices else part)

    @property
    def scenario(self) -> Scenario:
        """As it is run, seed and replications included."""
        return self.prepared.scenario

    @property
    def plan(self) -> Plan:
        """What the server and the operator will do."""
        return self.prepared.plan

    @property
    def size(self) -> int:
        """How many devices there are."""
        return self.prepared.size

    def with_plan(self, plan: Plan) -> Experiment:
        """The same devices, draws and engine under another plan."""
        return replace(self, prepared=self.prepared.with_plan(plan), kept={})

    def keeping(self, replications: int) -> Experiment:
        """The same, which keeps the outcomes of its first replications, unless it is run in parts."""
        return replace(self, keeps=replications if len(self.parts) == 1 else 0, kept={})

    @property
    def parts(self) -> tuple[range, ...]:
        """The devices of each part; at least one part."""
        ends = range(self.part, max(self.size, 1) + self.part, self.part)
        return tuple(range(end - self.part, min(end, self.size)) for end in ends)

    @property
    def timeline(self) -> Timeline:
        """The server's life, which no device changes; a PolicyError where a policy decides on it."""
        if self.policy is not None:
            from sim.processes.policy import PolicyError

            raise PolicyError(
                "a policy decides during the run what the server does: see the events of each replication"
            )
        return self.prepared.timeline

    def proofs(self) -> Proofs | None:
        """What is certain about the scenario; None with a policy, which may do anything."""
        return None if self.policy else Proofs(self.timeline, self.rosters())

    @cached_property
    def profiles(self) -> tuple[Profile, ...]:
        """The kinds of devices."""
        return self.prepared.roster(range(0)).profiles

    def outcomes(self, replication: int, *, progress: Progress | None = None) -> Iterator[Outcome]:
        """The outcome of each part of a replication, counted from 0, in device order: kept, or simulated."""
        if replication in self.kept:
            yield self.kept[replication]
            return
        for number, within in enumerate(self.parts):
            tell = share_of(progress, number, len(self.parts))
            yield self.outcome_within(replication, within, progress=tell)

    def outcome_within(self, replication: int, within: range, *, progress: Progress | None = None) -> Outcome:
        """That of some of the devices in a replication; with a help desk, of all."""
        fleet = self.fleet(replication, within)
        if self.policy is None:
            outcome = self.simulate(self.plan, fleet, progress=progress)
        else:
            from sim.processes.engine import simulate

            policy = self.policies[replication] = deepcopy(self.policy)
            outcome = simulate(self.plan, fleet, progress=progress, policy=policy)
        if replication < self.keeps:
            self.kept[replication] = outcome
        return outcome

    def outcome(self, replication: int) -> Outcome:
        """That of a replication, in the memory that all its devices take."""
        (outcome,) = replace(self, part=max(self.size, 1)).outcomes(replication)
        return outcome

    def tally(self, replication: int, *, progress: Progress | None = None) -> Tally:
        """What a replication amounts to, in the memory of one part."""
        return total(Tally.of(outcome) for outcome in self.outcomes(replication, progress=progress))

    def rosters(self) -> Iterator[Roster]:
        """The devices of each part, in device order."""
        return map(self.prepared.roster, self.parts)

    def fleet(self, replication: int, within: range) -> Fleet:
        """Some of the devices where they stand at second 0 of a replication."""
        return Fleet.start(self.prepared.roster(within), self.draws(replication))

    def draws(self, replication: int) -> Draws:
        """The random numbers of a replication, counted from 0."""
        return Draws.of(self.scenario.seed, self.scenario.first_replication + replication)

    @cached_property
    def simulate(self) -> Simulator:
        """The engine."""
        if self.engine == "process":
            from sim.processes.engine import simulate as process

            return process
        from sim.fleet.engine import simulate as fleet

        return fleet if self.threads is None else partial(fleet, threads=self.threads)

    def notify(self, notice: Notice | None) -> None:
        """A sentence for a wait that has a reason; an InputError where the devices do not fit into memory."""
        at_a_time = min(self.size, self.part)
        needed_gb = at_a_time * DEVICE_BYTES[self.engine] / 1e9
        if needed_gb > memory_gb():
            why = "at a time" if at_a_time < self.size else "together"
            raise InputError(
                f"{at_a_time:,} devices {why} need about {needed_gb:,.0f} GB of memory, and there are "
                f"{memory_gb():,.0f}: choose the fleet engine, run the groups apart, or leave out what "
                "couples the devices (a help desk, a gate, a chase)"
            )
        if notice is not None and self.engine == "fleet":
            from sim.fleet.compiled import needs_compilation

            if needs_compilation(has_desk=self.plan.recovery is not None):
                notice("compiling the array engine: this happens once, and takes about a quarter of a minute")


def memory_gb() -> float:
    """The memory of this machine, or what a container or `ulimit -v` leaves of it; infinite where unknown."""
    limits = [float("inf")]
    with suppress(ImportError, ValueError, OSError, AttributeError):  # not on Windows
        import resource

        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
        limits += [
            each for each in resource.getrlimit(resource.RLIMIT_AS)[:1] if each != resource.RLIM_INFINITY
        ]
        limits.append(int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return min(limits) / 1e9


def _soonest_done(prepared: Prepared, runs: int) -> Literal["process", "fleet"]:
    """The engine that is done first with so many runs."""
    if find_spec("numba") is None:
        return "process"
    from sim.fleet.compiled import start_s

    saved_s = runs * attempts_of(prepared) * (ATTEMPT_S["process"] - ATTEMPT_S["fleet"])
    return "fleet" if saved_s > start_s(has_desk=prepared.plan.recovery is not None) else "process"


def attempts_of(prepared: Prepared) -> float:
    """About how many synchronizations are attempted in one replication: a device tries once a period."""
    scenario = prepared.scenario
    tries = 0.0
    for number, group in enumerate(scenario.fleet):
        if group.inventory is None:
            tries += (group.devices or 0) / group.sync.every
        else:
            every_s = scenario.inventories[number].devices.sync_every_s
            tries += float(np.sum(1 / np.where(every_s > 0, every_s, group.sync.every)))
    return prepared.plan.horizon_s * tries


def share_of(progress: Progress | None, done: int, of: int) -> Progress | None:
    """The progress of one of several equal pieces of work."""
    if progress is None:
        return None
    return lambda share: progress((done + share) / of)


@dataclass(frozen=True, eq=False, repr=False)
class Replications:
    """What became of an experiment, with a tally for each replication, and the wall-clock time it took."""

    experiment: Experiment
    tallies: tuple[Tally, ...]
    took_s: float

    @property
    def scenario(self) -> Scenario:
        """As it was run, seed and replications included."""
        return self.experiment.scenario

    @property
    def engine(self) -> str:
        """Which engine ran it."""
        return self.experiment.engine

    @property
    def plan(self) -> Plan:
        """What the server and the operator were to do."""
        return self.experiment.plan

    @property
    def replications(self) -> int:
        """How many runs there were."""
        return len(self.tallies)

    def to_json(self) -> dict[str, Any]:
        """The result as a document."""
        raise NotImplementedError

    def number_of(self, replication: int) -> int:
        """The number that a replication, counted from 0, has in results: the scenario's first and so on."""
        return self.scenario.first_replication + replication

    def at(self, instant_s: int) -> datetime:
        """The date of an instant."""
        return self.scenario.at(instant_s)

    @property
    def kept(self) -> Mapping[int, Outcome]:
        """Outcomes that need not be simulated again, by replication."""
        return self.experiment.kept

    def outcome(self, replication: int = 0) -> Outcome:
        """What became of each device of a replication; simulated again where it was not kept."""
        return self.experiment.outcome(replication)

    def outcomes(self, replication: int = 0) -> Iterator[Outcome]:
        """The same in parts that fit into memory."""
        return self.experiment.outcomes(replication)

    def series(self, replication: int = 0) -> dict[str, NDArray[np.int64]]:
        """The time series of a replication (`Tally.series`)."""
        return self.tallies[replication].series or self.experiment.tally(replication).series

    @cached_property
    def certificates(self) -> Mapping[int, str]:
        """The SHA-256 fingerprint of each certificate, by generation (model 3.1)."""
        return {each.generation: each.identity or self._issued(each) for each in self.tallies[0].certificates}

    @cached_property
    def expires_s(self) -> Mapping[int, int]:
        """When each certificate expires, by generation; the documentation calls it *Expires*."""
        return {each.generation: each.not_after_s for each in self.tallies[0].certificates}

    def happenings(self) -> Iterator[dict[str, Any]]:
        """What the server and the operator did, by the columns of `events`; None where there is nothing."""
        for event in self.tallies[0].events:
            its = event.generation
            yield {
                "at": self.at(event.at_s),
                "event": event.name,
                "certificate": None if its is None else self.certificates[its],
                "not_after": None if its is None else self.at(self.expires_s[its]),
                "by": event.by,
                "detail": event.detail,
                "reason": event.reason,
            }

    @property
    def next_reserve_s(self) -> tuple[int, int]:
        """When the last certificate expires, and 30 days before, when the next reserve is due."""
        last = self.experiment.timeline.states[-1]
        expires_s = self.expires_s[last.reserve if last.reserve >= 0 else last.main]
        return expires_s, expires_s - ADVISED_S

    def _issued(self, certificate: Certificate) -> str:
        """The fingerprint of a certificate without a file: one is issued for its dates and its address."""
        from sim.pki.certificate import fingerprint_of
        from sim.pki.issue import issue
        from sim.pki.names import host_of

        issued = issue(
            generation=certificate.generation,
            host=host_of(certificate.address),
            not_before=self.at(certificate.not_before_s),
            not_after=self.at(certificate.not_after_s),
            issuer=certificate.issuer,
        )
        return fingerprint_of(issued)
