"""`rehearse`: which devices of a fleet meet the real server, when, and what the model says of it.

The process engine runs, and its devices record how their attempts end. Equal attempts are represented by
the first and the last. Beside them there are probes: at every control instant, and a second before and after,
one device of every kind is asked whether it would be accepted.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Hashable
from datetime import timedelta
from functools import partial
from itertools import chain, count
from operator import attrgetter, itemgetter
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sim.errors import InputError
from sim.processes.engine import simulate
from sim.processes.recording import Happening, RecordedDevice, Recorder
from sim.rehearsal.phone import COUNTS_NOT_AFTER_IN, Phone, Verdict
from sim.rehearsal.result import Encounter, Kind, Played, Rehearsal
from sim.rehearsal.server import LOOPBACK, LoopbackServer, credentials_of
from sim.scenario.prepare import prepare
from sim.scenario.scenario import Scenario
from sim.studies.experiment import Experiment, Progress
from sim.studies.options import checked, shown
from sim.text import evenly
from sim.world.fleet import Fleet
from sim.world.outcome import NEVER, Outcome
from sim.world.plan import Plan
from sim.world.timeline import Timeline

DEVICES: Final = 20
"""How many devices take part, unless told otherwise."""
MOST_PROBED: Final = 50
"""Of more switches than this, and of more control instants, evenly spread ones are probed."""

_VERDICTS: Final[dict[str, Verdict]] = {
    "synced": "accepted",
    "refused": "refused",
    "unreachable": "unreachable",
}


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
        devices: how many devices take part at most; each connection takes 3 to 10 ms.
        seed: instead of the scenario's.
        progress: called now and then with the share that is done; True: a line shows it.
        notice: called with a sentence before a wait that needs a reason.

    Raises:
        ScenarioError: the scenario cannot be run, or a certificate that it would present has no key.
        InputError: an argument is impossible, or this machine does not let a server listen on 127.0.0.1.
    """
    if devices < 1:
        raise InputError("at least one device takes part in a rehearsal")
    if seed is not None:
        scenario = scenario.changed({"seed": seed})
    prepared = prepare(scenario)
    prepared.refuse_levers_that_couple("a rehearsal")
    experiment = Experiment.of(prepared)
    experiment.notify(notice)
    timeline, credentials = prepared.timeline, credentials_of(prepared)
    whole = next(experiment.outcomes(0))  # of a fleet that takes several parts, the first
    chosen = sample_of(whole, devices=devices)
    fleet = Fleet.start(whole.roster.only(chosen), experiment.draws(0))
    profiles = [fleet.roster.profiles[number] for number in fleet.roster.profile]
    main, reserve = credentials[timeline.states[0].main], credentials[timeline.first_reserve]
    phones = [
        Phone(main, reserve if holds_reserve else None, platform=profile.platform)
        for holds_reserve, profile in zip(fleet.roster.holds_reserve, profiles, strict=True)
    ]
    encounters, attempts = script_of(prepared.plan, fleet, timeline)
    show, played = shown(progress), list[Played]()
    try:
        with LoopbackServer(credentials) as server:
            for encounter in encounters:
                played.append(_play(server, phones[encounter.device], encounter, timeline, scenario))
                if show is not None:
                    show(len(played) / len(encounters))
    except OSError as error:
        message = f"{LOOPBACK} cannot be listened to or dialled here: {error.strerror or error}"
        raise InputError(message) from None
    return Rehearsal(
        scenario=scenario,
        devices=tuple(whole.roster.name(device) for device in chosen.tolist()),
        profiles=tuple(profiles),
        fleet_devices=experiment.size,
        played=tuple(played),
        attempts=attempts.total(),
        failed=attempts["failed"],
        events=timeline.events,
    )


def _play(
    server: LoopbackServer, phone: Phone, encounter: Encounter, timeline: Timeline, scenario: Scenario
) -> Played:
    """One encounter over TLS, after the server has done what it does up to this instant (model 2)."""
    number = bisect_right(timeline.states, encounter.at_s, key=attrgetter("from_s")) - 1
    server.become(timeline.states[number])
    if encounter.kind == "reinstall":  # both slots hold what the server has (model 6.2)
        phone.main, phone.reserve = server.main, server.reserve
    at, presented = scenario.start + timedelta(seconds=encounter.at_s), server.main.fingerprint
    activated = (generation for generation, first in timeline.activated.items() if first <= number)
    address = phone.dials(
        presented=presented,
        ever_presented={server.credentials[generation].fingerprint for generation in activated},
    )
    meeting = None
    is_end = server.main.certificate.not_valid_after_utc == at
    if not (is_end and COUNTS_NOT_AFTER_IN and server.is_open(address)):
        meeting = phone.meet(server, address, at=at, synchronizes=encounter.kind != "probe")
    main, reserve = encounter.after
    expected = Phone(server.credentials[main], server.credentials.get(reserve))
    return Played(encounter, presented, meeting, slots=phone.slots, expected_slots=expected.slots)


# --- what the model says -------------------------------------------------------------------------------


def script_of(plan: Plan, fleet: Fleet, timeline: Timeline) -> tuple[list[Encounter], Counter[str]]:
    """What the process engine says of a fleet: encounters in its order of events, and how attempts ended.

    Of the attempts some `failed` on the way, so that no certificate was looked at (model 5.4 b).
    """
    control_s, probes_s = _instants(timeline, plan.horizon_s)
    attempts: Counter[str] = Counter()
    sequence = count()
    stretches: dict[Hashable, list[tuple[int, Encounter]]] = {}

    def keep(happening: Happening) -> None:
        """Keep the first and the last of attempts that are alike; of probes that are alike, the first."""
        at_s, device, what = happening.at_s, happening.device, happening.what
        kind: Kind
        match what:
            case "synced" | "refused" | "unreachable" if happening.detail != "reinstall":
                attempts[what] += 1
                kind, alike = "attempt", (device, bisect_right(control_s, at_s), happening.before)
            case "failed":
                attempts[what] += 1
                return
            case "reinstalled":
                kind, alike = "reinstall", (device, at_s, happening.after)
            case "probed":
                platform = fleet.roster.profiles[fleet.roster.profile[device]].platform
                kind, alike = "probe", (platform, at_s, happening.after)
            case _:
                return
        verdict = _VERDICTS[what if kind == "attempt" else happening.detail]
        encounter = Encounter(at_s, device, kind, verdict, happening.after)
        stretch = stretches.setdefault((kind, alike), [])
        if not (stretch and kind == "probe"):
            stretch[1:] = [(next(sequence), encounter)]

    simulate(plan, fleet, kind=partial(RecordedDevice, Recorder(keep, probes_s=probes_s)))
    in_order = sorted(chain.from_iterable(stretches.values()), key=itemgetter(0))
    return [encounter for _, encounter in in_order], attempts


def _instants(timeline: Timeline, horizon_s: int) -> tuple[list[int], list[int]]:
    """When the server changes, or the validity of one of its certificates; and seconds around some of these.

    Both ascend and are within the run. Switches of the certificate come before other changes.
    """
    instants = {state.from_s for state in timeline.states}
    for certificate in timeline.server.certificates:
        instants |= {certificate.not_before_s, certificate.not_after_s}
    control_s = sorted(instant for instant in instants if 0 <= instant < horizon_s)
    switches_s = sorted({after.from_s for _, after in timeline.switches})
    chosen = evenly(switches_s, MOST_PROBED) + evenly(control_s, MOST_PROBED)
    around = {instant + step for instant in chosen for step in (-1, 0, 1)}
    return control_s, sorted(instant for instant in around if 0 <= instant < horizon_s)


def sample_of(outcome: Outcome, *, devices: int) -> NDArray[np.int64]:
    """Indices of at most `devices` devices, in device order: some of every group, and of every fate in it.

    Turn by turn every group gives one device of its next fate, rare ones first; of one fate those come first
    that received the reserve last.
    """
    told = outcome.devices
    frame = pd.DataFrame(
        {
            "group": outcome.roster.group,
            "profile": outcome.roster.profile,
            "cause": told.lost_cause,
            "way_back": told.reconnected_by,
            "times_lost": np.minimum(told.times_lost, 2),
            "is_lost": outcome.is_lost,
            "has_received": told.reserve_received_at_s != NEVER,
        }
    )
    latest_first = frame.iloc[np.argsort(-told.reserve_received_at_s, kind="stable")]
    fates = latest_first.groupby(list(frame.columns))
    in_turn = latest_first.assign(turn=fates.cumcount(), like_it=fates["group"].transform("size"))
    in_turn = in_turn.sort_values(["turn", "like_it"], kind="stable")
    turn_of_group = in_turn.groupby("group").cumcount().sort_values(kind="stable")
    return np.sort(turn_of_group.index.to_numpy()[:devices])
