"""A scenario made ready to be run: its plan, its devices, and an engine; replication by replication."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from importlib.util import find_spec
from typing import Final, Literal, Protocol

import numpy as np

from sim.results.tally import Tally, total
from sim.scenario.prepare import Prepared, prepare
from sim.scenario.scenario import Scenario
from sim.world.draws import Draws
from sim.world.fleet import Fleet, Roster
from sim.world.outcome import BLOCK, Outcome
from sim.world.plan import Plan

Engine = Literal["auto", "process", "fleet"]

MANY_SYNCS: Final = 500_000
"""From about this many attempts on, `auto` takes the array engine: the process engine needs some seconds."""

MANY_DEVICES: Final = 250_000
"""From here on the process engine says what it will take: about 4 kB a device."""

PART: Final = 64 * BLOCK
"""Devices of a part: larger fleets without a help desk are run part by part, in about 0.7 GB."""

Progress = Callable[[float], None]


class Simulator(Protocol):
    """What both engines are."""

    def __call__(self, plan: Plan, fleet: Fleet, *, progress: Progress | None = None) -> Outcome:
        """Run a plan on a fleet."""


@dataclass(frozen=True, eq=False)
class Experiment:
    """Everything that the replications of a scenario share.

    Attributes:
        prepared: the scenario, its plan and its devices; seed and replications are the scenario's.
        engine: which engine runs it.
        part: devices that are simulated at a time; a whole number of blocks, or all.
        threads: of the array engine; None: one a core.
    """

    prepared: Prepared
    engine: Literal["process", "fleet"]
    part: int
    threads: int | None = None

    @classmethod
    def of(
        cls, scenario: Scenario, *, engine: Engine = "auto", part: int = PART, runs: int | None = None
    ) -> Experiment:
        """Make a scenario ready.

        Args:
            scenario: what to run.
            engine: `auto` takes the one that suits the number of attempts.
            part: devices at a time, where no help desk couples them; a multiple of `BLOCK`.
            runs: how many will be asked for, by which `auto` goes; default: the replications.

        Raises:
            ScenarioError: the scenario cannot be run.
            ValueError: an argument is impossible.
        """
        if engine not in ("auto", "process", "fleet"):
            raise ValueError(f"there is no engine {engine!r}: choose auto, process or fleet")
        if part < 1 or part % BLOCK:
            raise ValueError(f"a part has a multiple of {BLOCK} devices, not {part}")
        prepared = prepare(scenario)
        if prepared.plan.recovery is not None:
            part = max(prepared.size, 1)
        runs = scenario.replications if runs is None else runs
        chosen = choose(prepared, min(prepared.size, part), runs) if engine == "auto" else engine
        return cls(prepared, chosen, part)

    @property
    def scenario(self) -> Scenario:
        """What is run; it knows the validity of its first certificate."""
        return self.prepared.scenario

    @property
    def plan(self) -> Plan:
        """What the server and the operator will do."""
        return self.prepared.plan

    @property
    def size(self) -> int:
        """The number of devices."""
        return self.prepared.size

    def with_plan(self, plan: Plan) -> Experiment:
        """The same devices, draws and engine under another plan."""
        return replace(self, prepared=self.prepared.with_plan(plan))

    @property
    def parts(self) -> tuple[range, ...]:
        """The devices of each part; at least one part."""
        ends = range(self.part, max(self.size, 1) + self.part, self.part)
        return tuple(range(end - self.part, min(end, self.size)) for end in ends)

    def outcomes(self, replication: int, *, progress: Progress | None = None) -> Iterator[Outcome]:
        """The outcome of each part of a replication, in device order; counted from 0; it draws with
        (seed, first + replication)."""
        for number, within in enumerate(self.parts):
            tell = share_of(progress, number, len(self.parts))
            yield self.outcome_within(replication, within, progress=tell)

    def outcome_within(self, replication: int, within: range, *, progress: Progress | None = None) -> Outcome:
        """That of some of the devices in a replication; with a help desk, of all."""
        fleet = Fleet.start(self.roster(within), self.draws(replication))
        return self.simulate(self.plan, fleet, progress=progress)

    def outcome_of(self, roster: Roster, replication: int, *, until_s: int) -> Outcome:
        """That of devices of its own choice up to an instant; without a help desk, whose queue all share."""
        assert self.plan.recovery is None
        fleet = Fleet.start(roster, self.draws(replication))
        return self.simulate(replace(self.plan, horizon_s=until_s), fleet)

    def outcome(self, replication: int) -> Outcome:
        """That of a replication, in the memory that all its devices take."""
        (outcome,) = replace(self, part=max(self.size, 1)).outcomes(replication)
        return outcome

    def tally(self, replication: int, *, progress: Progress | None = None) -> Tally:
        """What a replication amounts to, in the memory of one part."""
        return total(Tally.of(outcome) for outcome in self.outcomes(replication, progress=progress))

    def rosters(self) -> Iterator[Roster]:
        """The devices of each part, in device order."""
        return (self.roster(within) for within in self.parts)

    def draws(self, replication: int) -> Draws:
        """The random numbers of a replication, counted from 0."""
        return Draws.of(self.scenario.seed, self.scenario.first_replication + replication)

    def roster(self, within: range) -> Roster:
        """Some of the devices; with a help desk, all."""
        return self._whole if len(within) == self.size else self.prepared.roster(within)

    @cached_property
    def _whole(self) -> Roster:
        return self.prepared.roster()

    @cached_property
    def simulate(self) -> Simulator:
        """The engine."""
        if self.engine == "process":
            from sim.processes.engine import simulate as process

            return process
        from sim.fleet.engine import simulate as fleet

        return fleet if self.threads is None else partial(fleet, threads=self.threads)

    def notices(self) -> Iterator[str]:
        """A sentence for each wait that needs a reason."""
        if self.engine == "process" and self.size >= MANY_DEVICES:
            yield f"{self.size:,} devices: the process engine takes about {self.size * 4e-6:,.0f} GB"
        if self.engine == "fleet":
            from sim.fleet.engine import needs_compilation

            if needs_compilation(self.plan):
                yield "compiling the array engine: this happens once, and takes about a quarter of a minute"


def choose(prepared: Prepared, devices: int, runs: int) -> Literal["process", "fleet"]:
    """The engine for so many runs of so many of the devices: by their attempts, and only where numba is."""
    roster, plan = prepared.roster(range(devices)), prepared.plan
    of_profile = np.bincount(roster.profile, minlength=len(roster.profiles)).tolist()
    of_a_run = sum(plan.horizon_s / p.every_s * n for p, n in zip(roster.profiles, of_profile, strict=True))
    return "fleet" if runs * of_a_run >= MANY_SYNCS and find_spec("numba") is not None else "process"


def share_of(progress: Progress | None, done: int, of: int) -> Progress | None:
    """The progress of one of several equal pieces of work."""
    if progress is None:
        return None
    return lambda share: progress((done + share) / of)
