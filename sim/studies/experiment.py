"""A prepared scenario and an engine, which simulates it replication by replication."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cached_property, partial, wraps
from importlib.util import find_spec
from numbers import Integral, Real
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final, Literal, ParamSpec, Protocol, TypeVar

import numpy as np

from sim.errors import InputError
from sim.guarantees.proofs import Proofs
from sim.results.tally import Tally, total
from sim.scenario.prepare import Prepared
from sim.scenario.scenario import Scenario, expect_scenario
from sim.scenario.values import kind_of
from sim.text import spaced
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

MANY_DEVICES: Final = 250_000
"""From here on the process engine says what it will take."""
DEVICE_BYTES: Final = {"process": 4_000, "fleet": 170}
"""About what each engine takes for a device."""

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
    """

    prepared: Prepared
    engine: Literal["process", "fleet"]
    part: int
    threads: int | None = None
    policy: Policy | None = None
    policies: dict[int, Policy] = field(default_factory=dict)

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
        """Choose an engine.

        Args:
            prepared: what to run.
            engine: `auto` takes the one that is done first.
            part: devices at a time, where nothing couples them; a multiple of `BLOCK`.
            runs: how many will be asked for, by which `auto` goes; default: the replications.
            policy: is asked during the runs, which the process engine alone can do.

        Raises:
            ValueError: an argument is impossible.
            PolicyError: the policy is none, or the array engine is asked for with it.
        """
        if policy is not None:
            from sim.processes.policy import PolicyError, check

            if engine == "fleet":
                raise PolicyError("a policy is asked by the process engine: leave engine out")
            return cls(prepared, "process", max(prepared.size, 1), policy=check(policy))
        if part < 1 or part % BLOCK:
            raise ValueError(f"a part has a multiple of {BLOCK} devices, not {part}")
        runs = prepared.scenario.replications if runs is None else runs
        has_desk = prepared.plan.recovery is not None
        chosen = chosen_engine(engine, lambda: runs * attempts_of(prepared), has_desk=has_desk)
        return cls(prepared, chosen, max(prepared.size, 1) if prepared.plan.couples_devices else part)

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
        return replace(self, prepared=self.prepared.with_plan(plan))

    @property
    def parts(self) -> tuple[range, ...]:
        """The devices of each part; at least one part."""
        ends = range(self.part, max(self.size, 1) + self.part, self.part)
        return tuple(range(end - self.part, min(end, self.size)) for end in ends)

    @property
    def timeline(self) -> Timeline:
        """The server's life, which no device changes.

        Raises:
            PolicyError: a policy decides on it during the run.
        """
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
        """The outcome of each part of a replication, in device order; counted from 0; it draws with
        (seed, first + replication)."""
        for number, within in enumerate(self.parts):
            tell = share_of(progress, number, len(self.parts))
            yield self.outcome_within(replication, within, progress=tell)

    def outcome_within(self, replication: int, within: range, *, progress: Progress | None = None) -> Outcome:
        """That of some of the devices in a replication; with a help desk, of all."""
        fleet = self.fleet(replication, within)
        if self.policy is None:
            return self.simulate(self.plan, fleet, progress=progress)
        from sim.processes.engine import simulate

        policy = self.policies[replication] = deepcopy(self.policy)
        return simulate(self.plan, fleet, progress=progress, policy=policy)

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

    def fleet(self, replication: int, within: range) -> Fleet:
        """Some of the devices where they stand at second 0 of a replication."""
        return Fleet.start(self.roster(within), self.draws(replication))

    def draws(self, replication: int) -> Draws:
        """The random numbers of a replication, counted from 0."""
        return Draws.of(self.scenario.seed, self.scenario.first_replication + replication)

    def roster(self, within: range) -> Roster:
        """Some of the devices; with a help desk, all."""
        return self.prepared.roster(within)

    @cached_property
    def simulate(self) -> Simulator:
        """The engine."""
        if self.engine == "process":
            from sim.processes.engine import simulate as process

            return process
        from sim.fleet.engine import simulate as fleet

        return fleet if self.threads is None else partial(fleet, threads=self.threads)

    def notify(self, notice: Notice | None) -> None:
        """A sentence for each wait that needs a reason.

        Raises:
            InputError: the devices that are simulated at a time do not fit into memory.
        """
        at_a_time = min(self.size, self.part)
        needed_gb = at_a_time * DEVICE_BYTES[self.engine] / 1e9
        if needed_gb > memory_gb():
            why = "at a time" if at_a_time < self.size else "together"
            raise InputError(
                f"{at_a_time:,} devices {why} need about {needed_gb:,.0f} GB of memory, and there are "
                f"{memory_gb():,.0f}: choose the fleet engine, run the groups apart, or leave out what "
                "couples the devices (a help desk, a gate, a chase)"
            )
        if notice is None:
            return
        if self.engine == "process" and self.size >= MANY_DEVICES:
            notice(f"{self.size:,} devices: the process engine takes about {needed_gb:,.0f} GB")
        if self.engine == "fleet":
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


def chosen_engine(
    engine: Engine, attempts: Callable[[], float], *, has_desk: bool
) -> Literal["process", "fleet"]:
    """The engine that is asked for; `auto`: the one that is done first with so many attempts.

    Raises:
        InputError: there is no such engine.
    """
    if engine == "auto":
        if find_spec("numba") is None:
            return "process"
        from sim.fleet.compiled import start_s

        saved_s = attempts() * (ATTEMPT_S["process"] - ATTEMPT_S["fleet"])
        return "fleet" if saved_s > start_s(has_desk=has_desk) else "process"
    if engine not in ("process", "fleet"):
        raise InputError(f"there is no engine {engine!r}: choose auto, process or fleet")
    return engine


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


_KINDS: Final[Mapping[str, tuple[type | tuple[type, ...], str]]] = {
    **dict.fromkeys(("workers", "reissue", "replication"), (Integral, "a whole number")),
    **dict.fromkeys(("devices", "up_to_days"), (Integral, "a whole number")),
    "confidence": (Real, "a number such as 0.95"),
    "cluster": (str, "the address of a scheduler"),
    "vary": ((Mapping, bool), "a dictionary of keys and values"),
}
_Args = ParamSpec("_Args")
_Found = TypeVar("_Found")


def checked(study: Callable[_Args, _Found]) -> Callable[_Args, _Found]:
    """A study that tells each wrong argument in one sentence.

    Raises:
        InputError: there is no such argument, one is missing, or of another kind.
    """
    signature = inspect.signature(study)

    @wraps(study)
    def call(*args: _Args.args, **options: _Args.kwargs) -> _Found:
        try:
            given = signature.bind(*args, **options).arguments
        except TypeError as error:
            names = ", ".join(signature.parameters)
            raise InputError(f"{study.__name__}: {error}: it takes {names}") from None
        for name, value in given.items():
            kind, words = _KINDS.get(name, (object, ""))
            if name == "scenario":
                expect_scenario(value)
            elif value is not None and not isinstance(value, kind):
                raise InputError(f"{name} is {words}, not {kind_of(value)}")
        return study(*args, **options)

    return call


class Line:
    """A line on standard error: the share that is done, and the time left; from `patience_s` on."""

    def __init__(self, title: str = "", *, patience_s: float = 0.0) -> None:
        self._title, self._patience_s = f"{title}  " if title else "", patience_s
        self._began_s, self._text = monotonic(), ""

    def __call__(self, share: float) -> None:
        """Show a share of [0, 1]."""
        gone_s, text = monotonic() - self._began_s, f"{self._title}{100 * share:3.0f} %"
        if 0.0 < share < 0.995:
            text += f", {spaced(int(gone_s))} gone, {spaced(int(gone_s * (1 - share) / share))} left"
        if gone_s >= self._patience_s and text != self._text:
            end = "" if self._title or share < 0.995 else "\n"
            print(f"\r{text.ljust(len(self._text))}", end=end, file=sys.stderr, flush=True)
            self._text = text

    def close(self) -> None:
        """Take the line away."""
        if self._text:
            print(f"\r{' ' * len(self._text)}\r", end="", file=sys.stderr, flush=True)
            self._text = ""


def shown(progress: Progress | bool | None) -> Progress | None:
    """What is called with the share that is done; True: a line on standard error shows it."""
    return Line() if progress is True else progress or None


def with_options(scenario: Scenario, *, seed: int | None, replications: int | None) -> Scenario:
    """The scenario with what was given instead of its own."""
    given = {"seed": seed, "replications": replications}
    changes = {name: value for name, value in given.items() if value is not None}
    return scenario.changed(changes) if changes else scenario


def share_of(progress: Progress | None, done: int, of: int) -> Progress | None:
    """The progress of one of several equal pieces of work."""
    if progress is None:
        return None
    return lambda share: progress((done + share) / of)
