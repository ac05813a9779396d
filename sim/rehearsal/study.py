"""`rehearse`: from a scenario to a rehearsal of its plan with real TLS (model 4, 5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from importlib.util import find_spec
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.rehearsal.credentials import Credential, credentials_of
from sim.rehearsal.phone import Held, Phone
from sim.rehearsal.platforms import rule_of
from sim.rehearsal.play import Played, Stage
from sim.rehearsal.sample import sample_of
from sim.rehearsal.script import script_of
from sim.rehearsal.server import LoopbackServer
from sim.scenario.scenario import Scenario
from sim.studies.experiment import Experiment
from sim.studies.verify import Difference, first_difference
from sim.world.draws import Draws
from sim.world.fleet import Fleet, Roster
from sim.world.outcome import COLUMNS, Outcome
from sim.world.plan import Plan
from sim.world.server import Event
from sim.world.timeline import Timeline, play

DEVICES: Final = 20
"""How many devices take part, unless told otherwise."""
MOST_ENCOUNTERS: Final = 2_500
"""With more connections than this fewer devices take part: a connection takes 3 to 10 ms."""
MOST_ATTEMPTS: Final = 1_000_000
"""The process engine lives through this many attempts, and writes them down, in some seconds."""


@dataclass(frozen=True)
class Rehearsal:
    """What came of playing a plan with real TLS.

    Attributes:
        scenario: as it was played.
        devices: names of those that took part.
        groups: the group of each.
        platforms: the platform of each.
        fleet_devices: how many the scenario has.
        played: every connection, in order.
        attempts: of these devices in the simulation, of which the script is an extract.
        failed: how many of these failed on the way (model 5.4 b): no TLS in them.
        difference: the first between simulations: of these devices on the other engine, or among the whole
            fleet; None where there is none.
        events: what the server and the operator did.
        certificates: fingerprints by generation.
    """

    scenario: Scenario
    devices: tuple[str, ...]
    groups: tuple[str, ...]
    platforms: tuple[str, ...]
    fleet_devices: int
    played: tuple[Played, ...]
    attempts: int
    failed: int
    difference: Difference | None
    events: tuple[Event, ...]
    certificates: dict[int, str]

    @property
    def disagreements(self) -> tuple[Played, ...]:
        """Connections that went otherwise than the model says."""
        return tuple(each for each in self.played if not each.agrees)

    @property
    def agrees(self) -> bool:
        """Whether every connection went as the model says, and the engines agree."""
        return not self.disagreements and self.difference is None

    @property
    def is_vacuous(self) -> bool:
        """Whether no connection was made at all."""
        return not any(each.is_judged for each in self.played)

    @property
    def not_judged(self) -> int:
        """Connections in the second of notAfter that no library here leaves out as the model does."""
        return sum(not each.is_judged for each in self.played)

    def at(self, instant_s: int) -> datetime:
        """The date of an instant."""
        return self.scenario.start + timedelta(seconds=instant_s)


def rehearse(
    scenario: Scenario,
    *,
    devices: int = DEVICES,
    seed: int | None = None,
    progress: Callable[[float], None] | None = None,
    notice: Callable[[str], None] | None = None,
) -> Rehearsal:
    """Play a scenario's plan with a TLS server on 127.0.0.1 and real certificates, and compare.

    The whole fleet is simulated first, to find devices of every fate. These then live alone: the process
    engine tells what becomes of each of their attempts, and real devices make them, on a clock that jumps
    from one attempt to the next. Only the first replication is played.

    Args:
        scenario: whose plan to play.
        devices: how many devices take part at most; fewer, if there would be too many connections.
        seed: instead of the scenario's.
        progress: called now and then with the share that is done.
        notice: called with a sentence before a wait that needs a reason.

    Raises:
        ScenarioError: the scenario cannot be run, or a certificate that it would present has no key.
        LoopbackError: this machine does not let a server listen on 127.0.0.1.
        ValueError: `devices` is below 1.
    """
    if devices < 1:
        raise ValueError("at least one device takes part in a rehearsal")
    if seed is not None:
        scenario = scenario.changed({"seed": seed})
    experiment = Experiment.of(scenario)
    if notice is not None:
        for sentence in experiment.notices():
            notice(sentence)
    plan = experiment.plan
    timeline = play(plan)
    credentials = credentials_of(scenario, timeline.server)
    whole = next(experiment.outcomes(0))  # of a fleet that takes several parts, the first
    roster = whole.roster
    draws = Draws.of(scenario.seed, 0)
    chosen = sample_of(whole, devices=min(devices, _affordable(plan, roster)))
    while True:
        fleet = Fleet.start(roster.only(chosen), draws)
        trace, outcome = script_of(plan, fleet, timeline)
        if len(trace.encounters) <= MOST_ENCOUNTERS or len(chosen) <= 1:
            break
        chosen = sample_of(whole, devices=len(chosen) // 2)
    names = [roster.name(device) for device in chosen.tolist()]
    difference = _difference_from_the_fleet(plan, whole, chosen, outcome, names)
    if difference is None and find_spec("numba") is not None:
        difference = _difference_from_the_array_engine(plan, fleet, outcome, names, notice)
    with LoopbackServer(credentials) as server:
        phones = list(_phones(fleet, names, timeline, credentials))
        stage = Stage(server, phones, timeline.states, start=scenario.start)
        played = tuple(stage.play(trace.encounters, progress=progress))
    profiles = [roster.profiles[number] for number in roster.profile[chosen].tolist()]
    return Rehearsal(
        scenario=scenario,
        devices=tuple(names),
        groups=tuple(profile.group for profile in profiles),
        platforms=tuple(profile.platform for profile in profiles),
        fleet_devices=experiment.size,
        played=played,
        attempts=trace.attempts,
        failed=trace.failed,
        difference=difference,
        events=timeline.events,
        certificates={each.generation: each.fingerprint for each in credentials.values()},
    )


def _affordable(plan: Plan, roster: Roster) -> int:
    """How many devices the process engine lives through in some seconds; at least one."""
    every_s = min((profile.every_s for profile in roster.profiles), default=1)
    return max(1, MOST_ATTEMPTS * every_s // plan.horizon_s)


def _phones(
    fleet: Fleet, names: Sequence[str], timeline: Timeline, credentials: Mapping[int, Credential]
) -> Iterator[Phone]:
    """The devices as they are at the start (model 5.1)."""
    roster = fleet.roster
    main = credentials[timeline.states[0].main]
    for index, name in enumerate(names):
        reserve = credentials[timeline.first_reserve] if roster.holds_reserve[index] else None
        platform = roster.profiles[roster.profile[index]].platform
        yield Phone(
            name, Held.of(main), None if reserve is None else Held.of(reserve), refuses=rule_of(platform)
        )


def _difference_from_the_array_engine(
    plan: Plan, fleet: Fleet, outcome: Outcome, names: Sequence[str], notice: Callable[[str], None] | None
) -> Difference | None:
    """The first place where the array engine tells another life of these devices."""
    from sim.fleet.engine import needs_compilation, simulate

    if notice is not None and needs_compilation(plan):
        notice("compiling the array engine: this happens once, and takes up to half a minute")
    difference = first_difference(outcome, simulate(plan, fleet))
    if difference is None or difference.device is None:
        return difference
    return replace(difference, device=names[outcome.roster.names().index(difference.device)])


def _difference_from_the_fleet(
    plan: Plan, whole: Outcome, chosen: NDArray[np.int64], outcome: Outcome, names: Sequence[str]
) -> Difference | None:
    """The first place where these devices fare otherwise alone than among the others.

    With a help desk they wait for fewer others, so only their loss must be the same.
    """
    columns = COLUMNS if plan.recovery is None else ("lost_at_s", "lost_cause")
    for name in columns:
        alone, among = getattr(outcome.devices, name), getattr(whole.devices, name)[chosen]
        where = np.flatnonzero(alone != among)
        if where.size:
            at = int(where[0])
            return Difference(name, names[at], None, alone[at].item(), among[at].item())
    return None
