"""`rehearse`: from a scenario to a rehearsal of its plan with real TLS (model 4, 5)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from sim.errors import InputError
from sim.rehearsal.phone import Held, Phone, counts_not_after_in
from sim.rehearsal.result import Played, Rehearsal
from sim.rehearsal.script import Encounter, sample_of, script_of
from sim.rehearsal.server import Credential, LoopbackServer, credentials_of
from sim.scenario.prepare import prepare
from sim.scenario.scenario import Scenario
from sim.studies.experiment import Experiment, Progress, checked, shown
from sim.world.fleet import Fleet, Roster
from sim.world.plan import Plan
from sim.world.timeline import Timeline

DEVICES: Final = 20
"""How many devices take part, unless told otherwise."""
MOST_ENCOUNTERS: Final = 2_500
"""With more connections than this fewer devices take part: a connection takes 3 to 10 ms."""
MOST_ATTEMPTS: Final = 1_000_000
"""The process engine lives through this many attempts, and writes them down, in some seconds."""


@checked
def rehearse(
    scenario: Scenario,
    *,
    devices: int = DEVICES,
    seed: int | None = None,
    progress: Progress | bool | None = None,
    notice: Callable[[str], None] | None = None,
) -> Rehearsal:
    """Play a scenario's plan with a TLS server on 127.0.0.1 and real certificates, and compare.

    The whole fleet is simulated first, to find devices of every fate. These then live alone: the process
    engine tells what becomes of each of their attempts, and real devices make them, on a clock that jumps
    from one attempt to the next. Only the first replication is played.

    Args:
        scenario: its plan is played.
        devices: how many devices take part at most; fewer, if there would be too many connections.
        seed: instead of the scenario's.
        progress: called now and then with the share that is done; True: a line shows it.
        notice: called with a sentence before a wait that needs a reason.

    Raises:
        ScenarioError: the scenario cannot be run, or a certificate that it would present has no key.
        LoopbackError: this machine does not let a server listen on 127.0.0.1.
        InputError: an argument is impossible.
    """
    if devices < 1:
        raise InputError("at least one device takes part in a rehearsal")
    if seed is not None:
        scenario = scenario.changed({"seed": seed})
    prepared = prepare(scenario)
    prepared.refuse_levers_that_couple("a rehearsal")
    experiment = Experiment.of(prepared)
    experiment.notify(notice)
    plan, timeline = experiment.plan, experiment.prepared.timeline
    credentials = credentials_of(experiment.prepared)
    whole = next(experiment.outcomes(0))  # of a fleet that takes several parts, the first
    roster = whole.roster
    draws = experiment.draws(0)
    chosen = sample_of(whole, devices=min(devices, _affordable(plan, roster)))
    while True:
        fleet = Fleet.start(roster.only(chosen), draws)
        script = script_of(plan, fleet, timeline)
        if len(script.encounters) <= MOST_ENCOUNTERS or len(chosen) <= 1:
            break
        chosen = sample_of(whole, devices=len(chosen) // 2)
    names = [roster.name(device) for device in chosen.tolist()]
    with LoopbackServer(credentials) as server:
        phones = list(_phones(fleet, names, timeline, credentials))
        played = []
        for number, encounter in enumerate(script.encounters):
            played.append(_play(server, phones[encounter.device], encounter, timeline, scenario.start))
            if (show := shown(progress)) is not None:
                show((number + 1) / len(script.encounters))
    profiles = [roster.profiles[number] for number in roster.profile[chosen].tolist()]
    return Rehearsal(
        scenario=scenario,
        devices=tuple(names),
        groups=tuple(profile.group for profile in profiles),
        platforms=tuple(profile.platform for profile in profiles),
        fleet_devices=experiment.size,
        played=tuple(played),
        attempts=script.attempts,
        failed=script.failed,
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
        yield Phone(name, Held.of(main), None if reserve is None else Held.of(reserve), platform=platform)


def _play(
    server: LoopbackServer, phone: Phone, encounter: Encounter, timeline: Timeline, start: datetime
) -> Played:
    """One encounter over TLS, after the server has done what it does up to this instant (model 2)."""
    number = bisect_right(timeline.states, encounter.at_s, key=lambda state: state.from_s) - 1
    state = timeline.states[number]
    if server.state is not state:
        server.become(state)
    if encounter.kind == "reinstall":
        phone.reinstall(Held.of(server.main), None if server.reserve is None else Held.of(server.reserve))
    at, presented = start + timedelta(seconds=encounter.at_s), server.main.fingerprint
    activated = (generation for generation, first in timeline.activated.items() if first <= number)
    ever_presented = {server.credentials[generation].fingerprint for generation in activated}
    address = phone.dials(presented=presented, ever_presented=ever_presented)
    meeting = None
    if not (server.is_open(address) and server.main.not_after == at and counts_not_after_in()):
        meeting = phone.meet(server, address, at=at, synchronizes=encounter.kind != "probe")
    main, reserve = (server.credentials.get(generation) for generation in encounter.after)
    return Played(
        encounter=encounter,
        fingerprint=presented,
        meeting=meeting,
        slots=phone.slots,
        expected_slots=(
            None if main is None else main.fingerprint,
            None if reserve is None else reserve.fingerprint,
        ),
    )
