"""One second before, at and after every deadline of the model; every expected number is counted by hand.

Unless a test says otherwise there is one android phone, always on, that never fails and makes one attempt
at second `phase` and every 100 s after it. Its certificate (generation 0) is valid until second 1000.
Every case is put to both engines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest

from sim.fleet.engine import simulate as fleet_engine
from sim.processes.engine import simulate as process_engine
from sim.world.certificates import Certificate
from sim.world.distributions import Distribution
from sim.world.draws import Draws, identity_of_group
from sim.world.fleet import Fleet, Presence, Profile, Roster, Spells
from sim.world.outcome import CAUSES, MEANS, Outcome
from sim.world.plan import (
    Action,
    AddressChange,
    CancelReserve,
    Outage,
    Plan,
    Recovery,
    Reissue,
    RestorePrevious,
)

seconds = Distribution.constant
ENGINES = {"process": process_engine, "fleet": fleet_engine}
simulate = process_engine


@pytest.fixture(autouse=True, params=list(ENGINES))
def on_either_engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "simulate", ENGINES[request.param])


def phones(
    phases: Sequence[int],
    *,
    every_s: int = 100,
    presence: Presence = "always",
    catch_up: bool = True,
    starts_on: bool = True,
    first_spell_s: int = 0,
    silent: bool = False,
    holds_reserve: bool = False,
    platform: Literal["android", "ios"] = "android",
) -> Fleet:
    """One device per phase, all of one kind."""
    n = len(phases)
    profile = Profile("phones", platform, every_s, 0, 1.0, catch_up, presence)
    roster = Roster(
        profiles=(profile,),
        groups=("phones",),
        profile=np.zeros(n, np.int32),
        group=np.zeros(n, np.int32),
        identity=np.array([identity_of_group("phones") + i for i in range(n)], np.uint64),
        phase_s=np.array(phases, np.int64),
        silent=np.full(n, silent),
        seen=np.zeros(n, dtype=np.bool_),
        holds_reserve=np.full(n, holds_reserve),
        numbered=(n,),
        ids=((),),
    )
    on = np.full(n, starts_on and presence != "never")
    return Fleet(roster, Draws.of(1, 0), roster.phase_s.copy(), on, np.full(n, first_spell_s, np.int64))


def run(fleet: Fleet, *actions: Action, horizon_s: int = 200, expires_s: int = 1000, **rest: Any) -> Outcome:
    first = rest.pop("first", Certificate(0, "ksc", 0, expires_s, "old"))
    rest = {"previous_certificate": "kept", **rest}
    return simulate(Plan(horizon_s, first, actions=actions, **rest), fleet)


def of(outcome: Outcome, name: str) -> list[Any]:
    """A column, in words where it is coded."""
    column = getattr(outcome.devices, name).tolist()
    if name == "lost_cause":
        return [CAUSES[code] for code in column]
    if name == "reconnected_by":
        return [MEANS[code] for code in column]
    return column  # type: ignore[no-any-return]


def told(outcome: Outcome, prefix: str = "") -> list[tuple[int, str]]:
    return [(event.at_s, event.name) for event in outcome.events if event.name.startswith(prefix)]


def after(at_s: int, delay_s: int, **rest: Any) -> Reissue:
    return Reissue(at_s, "after", delay_s, **rest)


# ---- a sync against the specification and the activation (2, 3.5, 4.2, 9.1) --------------------------


@pytest.mark.parametrize(
    ("phase", "received", "critical", "lost_at", "noticed", "syncs"),
    [
        # Specified at 5, main at 20; the run ends at 200, so there is a second attempt at phase + 100.
        (4, -1, -1, 20, 104, 1),  # one second before the specification: nothing to hand over
        (5, 5, 1, -1, -1, 2),  # in its second: the operator comes before the syncs
        (6, 6, 2, -1, -1, 2),
        (19, 19, 15, -1, -1, 2),  # the last second in which it helps: a delay of exactly 15 s saves it
        (20, -1, -1, 20, 20, 0),  # the second of the switch: the sync meets the new certificate
        (21, -1, -1, 20, 21, 0),
    ],
)
def test_sync_against_specification_and_activation(
    phase: int, received: int, critical: int, lost_at: int, noticed: int, syncs: int
) -> None:
    outcome = run(phones([phase]), after(5, 15))
    assert of(outcome, "reserve_received_at_s") == [received]
    assert of(outcome, "critical_delay_s") == [critical]
    assert of(outcome, "lost_at_s") == [lost_at]
    assert of(outcome, "lost_cause") == ["not_delivered" if lost_at == 20 else ""]
    assert of(outcome, "noticed_at_s") == [noticed]
    assert of(outcome, "syncs") == [syncs]
    assert outcome.is_lost.tolist() == [lost_at == 20]
    assert outcome.coverage_held.tolist() == [[int(received != -1)]]


@pytest.mark.parametrize(("delay", "lost_at"), [(0, 5), (1, -1), (2, -1)])
def test_shortest_delays(delay: int, lost_at: int) -> None:
    """The phone syncs in the second of the specification: a delay of 1 s is enough, 0 s is not."""
    assert of(run(phones([5]), after(5, delay)), "lost_at_s") == [lost_at]


@pytest.mark.parametrize(("delay", "lost"), [(94, True), (95, True), (96, False)])
def test_critical_delay_is_the_least_that_saves(delay: int, lost: bool) -> None:
    """Attempts at 4 and 104, specified at 9: received at 104 with a critical delay of 104 - 9 + 1 = 96."""
    outcome = run(phones([4]), after(9, delay))
    assert outcome.is_lost.tolist() == [lost]
    if not lost:
        assert of(outcome, "critical_delay_s") == [96]


@pytest.mark.parametrize(("phase", "cause"), [(4, "immediate"), (5, "immediate"), (6, "immediate")])
def test_immediately_loses_whoever_syncs_when(phase: int, cause: str) -> None:
    outcome = run(phones([phase]), Reissue(5, "immediately"))
    assert of(outcome, "lost_at_s") == [5]
    assert of(outcome, "lost_cause") == [cause]
    assert of(outcome, "noticed_at_s") == [phase if phase >= 5 else 104]
    assert outcome.coverage_held.tolist() == [[0]]


# ---- the end of the main certificate (1.4, 2, 3.5, 3.8) -----------------------------------------------


@pytest.mark.parametrize(
    ("phase", "noticed", "syncs"),
    [(49, -1, 1), (50, 50, 0), (51, 51, 0)],  # valid until 50: 49 is the last good second
)
def test_sync_against_expiry(phase: int, noticed: int, syncs: int) -> None:
    outcome = run(phones([phase]), expires_s=50, horizon_s=100)
    assert of(outcome, "lost_at_s") == [50]
    assert of(outcome, "lost_cause") == ["expired"]
    assert of(outcome, "noticed_at_s") == [noticed]
    assert of(outcome, "syncs") == [syncs]
    assert outcome.coverage_held.tolist() == []


@pytest.mark.parametrize(
    ("begins", "syncs"),
    [(48, 1), (49, 1), (50, 0)],  # not_before is the first good second
)
def test_sync_against_not_before(begins: int, syncs: int) -> None:
    outcome = run(phones([49]), first=Certificate(0, "ksc", begins, 1000, "old"), horizon_s=100)
    assert of(outcome, "syncs") == [syncs]
    assert of(outcome, "times_lost") == [0]  # it never was able, so it never stopped being able


@pytest.mark.parametrize(("activate", "delay"), [("after", 100), ("at expiry", None)])
@pytest.mark.parametrize(
    ("specified", "lost_at", "cause", "activated"),
    [
        (48, -1, "", 50),
        (49, -1, "", 50),  # the sync at 49 is in the second of the specification
        (50, 50, "expired", 50),  # the certificate expires first: too late, and main at once
        (51, 50, "expired", 51),
    ],
)
def test_specification_against_expiry(
    activate: Literal["after", "at expiry"],
    delay: int | None,
    specified: int,
    lost_at: int,
    cause: str,
    activated: int,
) -> None:
    """Attempts at 9, 19, …, 49, 59: whoever holds the reserve before 50 goes on."""
    outcome = run(phones([9], every_s=10), Reissue(specified, activate, delay, valid_for_s=500), expires_s=50)
    assert of(outcome, "lost_at_s") == [lost_at]
    assert of(outcome, "lost_cause") == [cause]
    assert told(outcome, "reserve activated") == [(activated, "reserve activated")]
    assert of(outcome, "times_lost") == [int(lost_at == 50)]


@pytest.mark.parametrize(
    ("activation", "delay", "lost_at", "activated", "reconnected"),
    [
        # Specified at 20, received at 29, main expires at 50. Attempts at 9, 19, 29, …
        ("earliest", 29, -1, 49, -1),
        ("earliest", 30, -1, 50, -1),
        ("earliest", 31, -1, 50, -1),  # the expiry wins
        ("date", 29, -1, 49, -1),
        ("date", 30, -1, 50, -1),  # both in one second: the phone never meets the expired one
        ("date", 31, 50, 51, 59),  # expired for one second: lost, able again at 51, back at its next attempt
        ("date", 39, 50, 59, 59),  # the switch comes before the sync of its second
        ("date", 40, 50, 60, 69),  # at 59 the server still presents the expired one
    ],
)
def test_date_against_expiry(
    activation: Literal["earliest", "date"], delay: int, lost_at: int, activated: int, reconnected: int
) -> None:
    outcome = run(
        phones([9], every_s=10),
        after(20, delay, valid_for_s=500),
        expires_s=50,
        activation=activation,
    )
    assert of(outcome, "lost_at_s") == [lost_at]
    assert told(outcome, "reserve activated") == [(activated, "reserve activated")]
    assert of(outcome, "reconnected_at_s") == [reconnected]
    assert of(outcome, "reconnected_by") == ["sync" if lost_at == 50 else ""]
    assert of(outcome, "lost_for_s") == [reconnected - 50 if lost_at == 50 else 0]
    assert of(outcome, "lost_cause") == ["expired" if lost_at == 50 else ""]
    assert outcome.is_lost.tolist() == [False]


def test_under_date_the_reserve_specified_after_the_expiry_waits_for_its_date() -> None:
    """Expired at 50, specified at 52 for 62: attempts at 55 (refused) and 65 (does not hold it: refused)."""
    outcome = run(phones([5], every_s=10), after(52, 10), expires_s=50, activation="date", horizon_s=70)
    assert told(outcome, "reserve activated") == [(62, "reserve activated")]
    assert of(outcome, "lost_at_s") == [50]
    assert of(outcome, "noticed_at_s") == [55]
    assert of(outcome, "lost_for_s") == [20]
    assert of(outcome, "times_lost") == [1]


def test_a_reserve_that_expired_while_waiting_loses_those_who_hold_it() -> None:
    """Valid on [10, 30), main at 40: it is expired when it becomes main."""
    outcome = run(phones([5], every_s=10), after(10, 30, valid_for_s=20), horizon_s=60)
    assert of(outcome, "lost_at_s") == [40]
    assert of(outcome, "lost_cause") == ["expired"]
    assert of(outcome, "noticed_at_s") == [45]
    assert outcome.coverage_held.tolist() == [[1]]


@pytest.mark.parametrize(("valid_for", "lost_at"), [(29, 40), (30, 40), (31, 41)])
def test_a_reserve_that_is_valid_for_one_second_as_main(valid_for: int, lost_at: int) -> None:
    """Issued at 10, main at 40: a life of 31 s leaves second 40 alone."""
    outcome = run(phones([5], every_s=10), after(10, 30, valid_for_s=valid_for), horizon_s=60)
    assert of(outcome, "lost_at_s") == [lost_at]


# ---- outages (1.4, 5.4a) -----------------------------------------------------------------------------


@pytest.mark.parametrize(("phase", "syncs"), [(19, 1), (20, 0), (21, 0), (29, 0), (30, 1)])
@pytest.mark.parametrize(
    "outages", [[(20, 30)], [(20, 25), (25, 30)], [(20, 28), (22, 30)], [(20, 30), (22, 24)]]
)
def test_sync_against_outage(phase: int, syncs: int, outages: list[tuple[int, int]]) -> None:
    outcome = run(phones([phase]), outages=tuple(Outage(*ends) for ends in outages), horizon_s=100)
    assert of(outcome, "syncs") == [syncs]
    assert of(outcome, "times_lost") == [0]


def test_an_outage_hides_a_loss_but_does_not_make_or_prevent_one() -> None:
    """Lost at 20 within an outage until 30: not noticed at 25, noticed at 35."""
    outcome = run(
        phones([5], every_s=10), Reissue(20, "immediately"), outages=(Outage(15, 30),), horizon_s=40
    )
    assert of(outcome, "lost_at_s") == [20]
    assert of(outcome, "noticed_at_s") == [35]


# ---- addresses (4.3) ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stays", "phase", "noticed"),
    [
        (0, 19, -1),  # the attempt before the switch; the reserve is received, nothing is lost
        (0, 20, -1),  # closes at activation: unreachable, so not noticed
        (1, 20, 20),  # open for second 20 alone
        (1, 21, -1),
        (10, 29, 29),
        (10, 30, -1),
        (10, 31, -1),
    ],
)
def test_the_old_address_closes(stays: int, phase: int, noticed: int) -> None:
    """Specified at 5, main at 20; whoever lacks the reserve dials the old address."""
    move = AddressChange("new", None, stays)
    outcome = run(phones([phase]), after(5, 15, address=move), horizon_s=100)
    assert of(outcome, "lost_at_s") == [-1 if phase == 19 else 20]
    assert of(outcome, "noticed_at_s") == [noticed]


@pytest.mark.parametrize(
    ("opens", "every", "syncs"),
    [
        # Received at 5; activation at 20; the next attempt at 5 + every meets the new address.
        (None, 14, 2),  # 19: still the old one
        (None, 15, 2),  # 20: opens at activation, before the syncs
        (25, 14, 2),  # 19: still the old one
        (25, 15, 1),  # 20: the old one is closed, the new one not yet open
        (25, 19, 1),  # 24
        (25, 20, 2),  # 25: opens before the syncs of its second
        (25, 21, 2),  # 26
        (10, 15, 2),
    ],
)
def test_the_new_address_opens(opens: int | None, every: int, syncs: int) -> None:
    move = AddressChange("new", opens, 0)
    outcome = run(phones([5], every_s=every), after(5, 15, address=move), horizon_s=5 + every + 1)
    assert of(outcome, "syncs") == [syncs]
    assert of(outcome, "times_lost") == [0]  # unreachable is not lost


def test_an_address_that_stays_does_not_close_once_it_is_the_mains_again() -> None:
    """Old to new at 20 (old stays until 40), restored at 30: the sync at 45 dials the old address."""
    move = AddressChange("new", None, 20)
    outcome = run(phones([5], every_s=40), after(15, 5, address=move), RestorePrevious(30), horizon_s=60)
    assert told(outcome, "address") == [(20, "address opened"), (30, "address closed")]
    assert of(outcome, "syncs") == [2]  # at 5 and 45


def test_an_address_that_closed_meanwhile_opens_again_at_activation() -> None:
    """The old address is to be left at 5 (stays until 15) and taken up again at 30 (open since 0 by plan).

    Received at 6 on the new address, where the phone was reinstalled; 26 dials the new, 46 the old one.
    """
    outcome = run(
        phones([6], every_s=20),
        Reissue(5, "immediately", address=AddressChange("new", None, 10)),
        after(5, 25, address=AddressChange("old", 0, 0)),
        recovery=desk(0, 0, 0),
        horizon_s=60,
    )
    assert of(outcome, "reserve_received_at_s") == [5]
    assert of(outcome, "syncs") == [4]  # the reinstallation at 5; 6, 26 and 46


@pytest.mark.parametrize("opens", [None, 5, 10, 15])
def test_an_address_restored_twice_opens_again(opens: int | None) -> None:
    """Moved at 10, taken back at 20, moved again at 30; the phone is reinstalled each time.

    Its own attempts at 15, 25 and 35 all reach the server, whenever the new address was first to open.
    """
    outcome = run(
        phones([15], every_s=10),
        Reissue(10, "immediately", address=AddressChange("new", opens, 0)),
        RestorePrevious(20),
        RestorePrevious(30),
        recovery=desk(0, 0, 0),
        horizon_s=40,
    )
    assert of(outcome, "times_lost") == [3]
    assert of(outcome, "reinstalls") == [3]
    # The reinstallation at 10 syncs at once unless the new address opens at 15 only.
    assert of(outcome, "syncs") == [5 if opens == 15 else 6]
    assert of(outcome, "last_sync_at_s") == [35]


def test_a_closing_planned_before_the_address_came_back_is_forgotten() -> None:
    """Left at 10 (to close at 40), back at 20, left again at 30 (to close at 130): open at 45."""
    outcome = run(
        phones([45]),
        Reissue(10, "immediately", address=AddressChange("new", None, 30)),
        RestorePrevious(20),
        Reissue(30, "immediately", address=AddressChange("new", None, 100)),
        horizon_s=60,
    )
    assert of(outcome, "noticed_at_s") == [45]


# ---- presence (2, 5.3) -------------------------------------------------------------------------------

TEN_AND_TEN = Spells(seconds(10), seconds(10))


@pytest.mark.parametrize("catch_up", [False, True])
@pytest.mark.parametrize(
    ("phase", "without", "with_it"),
    [
        # On in [0, 10), off in [10, 20), on in [20, 30); the run ends at 30.
        (9, [9], [9]),
        (10, [], [20]),  # goes off before the syncs of its second
        (15, [], [20]),
        (19, [], [20]),
        (20, [20], [20]),  # comes on before the syncs of its second
        (21, [21], [21]),
        (29, [29], [29]),
    ],
)
def test_attempt_against_spells(phase: int, without: list[int], with_it: list[int], catch_up: bool) -> None:
    fleet = phones([phase], presence=TEN_AND_TEN, first_spell_s=10, catch_up=catch_up)
    outcome = run(fleet, horizon_s=30)
    expected = with_it if catch_up else without
    assert of(outcome, "syncs") == [len(expected)]
    assert of(outcome, "last_sync_at_s") == [expected[-1] if expected else -1]


@pytest.mark.parametrize(
    ("every", "phase", "syncs", "last"),
    [
        (10, 0, 2, 20),  # 0, (10 missed), 20: due in the second of coming on, so there is one attempt
        (11, 9, 2, 20),  # 9, 20: nothing was missed
        (7, 5, 2, 20),  # 5, (12 and 19 missed), one catch-up for both at 20; the next at 26 is beyond the end
        (12, 9, 2, 21),  # 9, 21: nothing was missed, so nothing is made at 20
    ],
)
def test_at_most_one_attempt_in_the_second_of_coming_on(
    every: int, phase: int, syncs: int, last: int
) -> None:
    fleet = phones([phase], every_s=every, presence=TEN_AND_TEN, first_spell_s=10)
    outcome = run(fleet, horizon_s=22)
    assert of(outcome, "syncs") == [syncs]
    assert of(outcome, "last_sync_at_s") == [last]


@pytest.mark.parametrize(
    ("silent", "catch_up", "syncs"), [(True, True, 1), (True, False, 0), (False, True, 0)]
)
def test_a_silent_phone_has_already_missed_an_attempt(silent: bool, catch_up: bool, syncs: int) -> None:
    """Off until 10; its first attempt is due at 50, beyond the end."""
    fleet = phones(
        [50], presence=TEN_AND_TEN, starts_on=False, first_spell_s=10, silent=silent, catch_up=catch_up
    )
    outcome = run(fleet, horizon_s=19)
    assert of(outcome, "syncs") == [syncs]


@pytest.mark.parametrize(("first_spell", "lost"), [(19, False), (20, True), (21, True)])
def test_coming_on_against_activation(first_spell: int, lost: bool) -> None:
    """Off until `first_spell`, with an attempt missed at 5; the reserve of second 5 is main at 20."""
    fleet = phones([5], presence=TEN_AND_TEN, starts_on=False, first_spell_s=first_spell)
    outcome = run(fleet, after(5, 15), horizon_s=30)
    assert outcome.is_lost.tolist() == [lost]
    assert of(outcome, "noticed_at_s") == [first_spell if lost else -1]


def test_a_phone_that_is_never_on_is_lost_and_never_notices() -> None:
    outcome = run(
        phones([5], presence="never"), after(5, 15), recovery=Recovery(1, 0, seconds(0), seconds(0))
    )
    assert of(outcome, "lost_at_s") == [20]
    assert of(outcome, "noticed_at_s") == [-1]
    assert of(outcome, "syncs") == [0]
    assert of(outcome, "reinstalls") == [0]
    assert of(outcome, "lost_for_s") == [180]


# ---- the help desk (2, 6) ----------------------------------------------------------------------------

LOSS = Reissue(20, "immediately")


def desk(begins: int, responds: int, takes: int, technicians: int = 1) -> Recovery:
    return Recovery(technicians, begins, seconds(responds), seconds(takes))


@pytest.mark.parametrize(
    ("recovery", "n", "reconnected", "work"),
    [
        (desk(5, 3, 4), 1, [32], 4),  # lost 20, calls 25, ready 28, done 32
        (desk(0, 0, 0), 1, [20], 0),  # all within the second of the loss
        (desk(0, 0, 0), 3, [20, 20, 20], 0),  # one technician, three reinstallations of no length
        (desk(0, 0, 1), 3, [21, 22, 23], 1),
        (desk(5, 3, 4), 2, [32, 36], 4),  # the second one starts in the second the first one ends
        (desk(5, 3, 4, technicians=2), 3, [32, 32, 36], 4),
    ],
)
def test_reinstallations(recovery: Recovery, n: int, reconnected: list[int], work: int) -> None:
    outcome = run(phones([50 + i for i in range(n)]), LOSS, recovery=recovery, horizon_s=50)
    assert of(outcome, "lost_at_s") == [20] * n
    assert of(outcome, "reconnected_at_s") == reconnected
    assert of(outcome, "reconnected_by") == ["reinstall"] * n
    assert of(outcome, "lost_for_s") == [instant - 20 for instant in reconnected]
    assert of(outcome, "reinstalls") == [1] * n
    assert of(outcome, "helpdesk_s") == [work] * n
    assert of(outcome, "last_sync_at_s") == reconnected


@pytest.mark.parametrize(
    ("horizon", "reconnected", "work", "lost_for"),
    [(28, -1, 0, 8), (29, -1, 1, 9), (31, -1, 3, 11), (32, -1, 4, 12), (33, 32, 4, 12)],
)
def test_reinstallation_against_the_end_of_the_run(
    horizon: int, reconnected: int, work: int, lost_for: int
) -> None:
    """Started at 28, done at 32."""
    outcome = run(phones([99]), LOSS, recovery=desk(5, 3, 4), horizon_s=horizon)
    assert of(outcome, "reconnected_at_s") == [reconnected]
    assert of(outcome, "helpdesk_s") == [work]
    assert of(outcome, "lost_for_s") == [lost_for]
    assert of(outcome, "reinstalls") == [int(horizon > 32)]


@pytest.mark.parametrize(
    ("second_loss", "takes", "reconnected"),
    [
        # Phone 0 has no reserve and is lost at 20; phone 1 has it and is lost at `second_loss`.
        (29, 10, [30, 40]),  # ready at 29: waits a second
        (30, 10, [30, 40]),  # ready in the second in which the technician is free
        (31, 10, [30, 41]),
    ],
)
def test_ready_against_a_free_technician(second_loss: int, takes: int, reconnected: list[int]) -> None:
    outcome = run(
        phones([95, 10]),
        after(10, 10),
        Reissue(second_loss, "immediately"),
        recovery=desk(0, 0, takes),
        horizon_s=31 if second_loss > 30 else 45,
    )
    if second_loss > 30:  # phone 0 is back at 30, and would be lost again at 31
        assert of(outcome, "reconnected_at_s") == [30, -1]
        return
    assert of(outcome, "lost_at_s") == [20, second_loss]
    assert of(outcome, "reconnected_at_s") == reconnected


def test_first_come_first_served_then_by_device() -> None:
    """Ready together: by device. One technician of 5 s each, from 20 on."""
    outcome = run(phones([90, 80, 70]), LOSS, recovery=desk(0, 0, 5), horizon_s=60)
    assert of(outcome, "reconnected_at_s") == [25, 30, 35]


def test_who_was_ready_earlier_goes_first_whatever_its_number() -> None:
    """Phone 1 lacks the reserve of second 10 and is ready at 20, phone 0 is lost and ready at 22.

    Phone 2 lacks it too, is ready at 20 and after phone 1: 20–25 phone 1, 25–30 phone 2, 30–35 phone 0.
    At 22 the certificate changes under phone 1's reinstallation, which writes what the server has at 25.
    """
    outcome = run(
        phones([10, 90, 80]), after(10, 10), Reissue(22, "immediately"), recovery=desk(0, 0, 5), horizon_s=60
    )
    assert of(outcome, "lost_at_s") == [22, 20, 20]
    assert of(outcome, "reconnected_at_s") == [35, 25, 30]
    assert of(outcome, "times_lost") == [1, 1, 1]


@pytest.mark.parametrize(
    ("outage", "reconnected", "syncs"),
    [
        ((31, 32), 32, 2),  # over in the second of the end: 32 and 47
        ((32, 33), 47, 1),  # unreachable at the end: at its next attempt
        ((33, 34), 32, 2),
        ((32, 47), 47, 1),
        ((32, 48), -1, 0),
    ],
)
def test_end_of_a_reinstallation_against_an_outage(
    outage: tuple[int, int], reconnected: int, syncs: int
) -> None:
    """Done at 32; the phone's own attempt comes at 47."""
    outcome = run(phones([47]), LOSS, recovery=desk(5, 3, 4), outages=(Outage(*outage),), horizon_s=50)
    assert of(outcome, "reconnected_at_s") == [reconnected]
    assert of(outcome, "syncs") == [syncs]
    assert of(outcome, "reconnected_by") == ["reinstall" if reconnected != -1 else ""]
    assert of(outcome, "reinstalls") == [1]


@pytest.mark.parametrize(
    ("phase", "reconnected", "by", "reinstalls", "work", "syncs"),
    [
        # Lost at 20, restored at 25; ready at 28, done at 32.
        (24, 32, "reinstall", 1, 4, 1),  # refused at 24
        (25, 25, "sync", 0, 0, 1),  # the operator comes before the syncs
        (27, 27, "sync", 0, 0, 1),
        (28, 28, "sync", 0, 0, 1),  # the sync comes before the help desk: it never joins the queue
        (29, 29, "sync", 1, 4, 2),  # work under way is finished, and syncs once more
        (32, 32, "sync", 1, 4, 2),  # its own sync comes first
        (33, 32, "reinstall", 1, 4, 2),
    ],
)
def test_a_phone_that_comes_back_by_itself(
    phase: int, reconnected: int, by: str, reinstalls: int, work: int, syncs: int
) -> None:
    outcome = run(phones([phase]), LOSS, RestorePrevious(25), recovery=desk(5, 3, 4), horizon_s=60)
    assert of(outcome, "reconnected_at_s") == [reconnected]
    assert of(outcome, "reconnected_by") == [by]
    assert of(outcome, "reinstalls") == [reinstalls]
    assert of(outcome, "helpdesk_s") == [work]
    assert of(outcome, "syncs") == [syncs]


@pytest.mark.parametrize(
    ("phase", "reconnected", "by", "last"),
    [
        (31, 31, "sync", 42),  # left the queue: phone 2 is served at 32
        (32, 32, "sync", 42),  # in the second in which the technician is free, the sync comes first
        (33, 33, "sync", 52),  # too late to leave: its reinstallation takes 32-42
    ],
)
def test_who_waits_in_the_queue_and_comes_back_by_itself_leaves_it(
    phase: int, reconnected: int, by: str, last: int
) -> None:
    """All lost at 20 and ready at 22, 10 s each: phone 0 is served 22-32. Restored at 25."""
    outcome = run(phones([90, phase, 91]), LOSS, RestorePrevious(25), recovery=desk(1, 1, 10), horizon_s=60)
    assert of(outcome, "reconnected_at_s") == [32, reconnected, last]
    assert of(outcome, "reconnected_by") == ["reinstall", by, "reinstall"]
    assert of(outcome, "reinstalls") == [1, int(phase == 33), 1]


def test_a_phone_that_cannot_be_helped_keeps_its_place_and_stops_nobody() -> None:
    """Both ready at 22. iOS refuses what is main from 20 to 50; its phone is first in the queue."""
    fleet = phones([90, 91])
    (android,) = fleet.roster.profiles
    profiles = (replace(android, platform="ios"), android)
    roster = replace(fleet.roster, profiles=profiles, profile=np.array([0, 1], np.int32))
    refused = Reissue(20, "immediately", refused_by=frozenset({"ios"}))
    outcome = run(
        replace(fleet, roster=roster),
        refused,
        Reissue(50, "immediately"),
        recovery=desk(1, 1, 10),
        horizon_s=75,
    )
    assert of(outcome, "reconnected_at_s") == [60, 32]
    assert of(outcome, "times_lost") == [1, 2]  # at 50 the second one is lost again, and done at 70
    assert of(outcome, "reinstalls") == [1, 2]
    assert of(outcome, "lost_for_s") == [40, 12 + 20]


@pytest.mark.parametrize(("renewed", "reconnected"), [(53, 58), (54, 58), (55, 59), (60, 64)])
def test_no_reinstallation_starts_while_the_main_certificate_is_expired(
    renewed: int, reconnected: int
) -> None:
    """Expired at 50, ready at 54, takes 4 s."""
    outcome = run(
        phones([99]),
        Reissue(renewed, "immediately", valid_for_s=500),
        expires_s=50,
        recovery=desk(1, 3, 4),
        horizon_s=70,
    )
    assert of(outcome, "reconnected_at_s") == [reconnected]
    assert of(outcome, "times_lost") == [1]


def test_a_certificate_that_expires_under_a_reinstallation() -> None:
    """Lost at 20 (valid until 30), work 28–32; not able at 32, ready again; renewed at 40, done at 44."""
    outcome = run(
        phones([99]),
        Reissue(20, "immediately", valid_for_s=10),
        Reissue(40, "immediately", valid_for_s=500),
        recovery=desk(5, 3, 4),
        horizon_s=60,
    )
    assert of(outcome, "reconnected_at_s") == [44]
    assert of(outcome, "reinstalls") == [2]
    assert of(outcome, "helpdesk_s") == [8]
    assert of(outcome, "times_lost") == [1]  # at 30 it was not able anyway


@pytest.mark.parametrize(("phase", "reconnected", "reinstalls", "work"), [(40, 40, 1, 8), (41, 41, 2, 16)])
def test_who_was_reinstalled_in_vain_may_come_back_by_itself(
    phase: int, reconnected: int, reinstalls: int, work: int
) -> None:
    """Work 24-32; what is main from 30 on is valid from 40 on, when its sync comes before the technician."""
    outcome = run(
        phones([phase]),
        Reissue(20, "immediately"),
        Reissue(30, "immediately", not_before_s=40),
        recovery=desk(1, 3, 8),
        horizon_s=60,
    )
    assert of(outcome, "reconnected_at_s") == [reconnected]
    assert of(outcome, "reinstalls") == [reinstalls]
    assert of(outcome, "helpdesk_s") == [work]
    assert of(outcome, "times_lost") == [1]


def test_both_slots_hold_what_the_server_has_after_a_reinstallation() -> None:
    """Done at 32 while a reserve waits (specified at 30, main at 40): not lost again."""
    outcome = run(phones([99]), LOSS, after(30, 10), recovery=desk(5, 3, 4), horizon_s=60)
    assert of(outcome, "reconnected_at_s") == [32]
    assert of(outcome, "times_lost") == [1]
    assert of(outcome, "reserve_received_at_s") == [32]
    assert of(outcome, "critical_delay_s") == [3]
    assert outcome.coverage_held.tolist() == [[0], [1]]


# ---- the end of the run (1.3) ------------------------------------------------------------------------


@pytest.mark.parametrize(("horizon", "happens"), [(19, False), (20, False), (21, True)])
def test_an_event_at_the_horizon_does_not_happen(horizon: int, happens: bool) -> None:
    assert of(run(phones([20]), horizon_s=horizon), "syncs") == [int(happens)]
    assert of(run(phones([99]), after(5, 15), horizon_s=horizon), "times_lost") == [int(happens)]
    assert of(run(phones([99]), Reissue(20, "immediately"), horizon_s=horizon), "times_lost") == [
        int(happens)
    ]
    assert of(run(phones([99]), expires_s=20, horizon_s=horizon), "times_lost") == [int(happens)]
    off = phones([5], presence=TEN_AND_TEN, starts_on=False, first_spell_s=20)
    assert of(run(off, horizon_s=horizon), "syncs") == [int(happens)]


def test_lost_for_counts_to_the_end() -> None:
    assert of(run(phones([99]), Reissue(20, "immediately"), horizon_s=21), "lost_for_s") == [1]
    assert of(run(phones([99]), Reissue(20, "immediately"), horizon_s=100), "lost_for_s") == [80]


# ---- restoring (3.9) ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("restored", "works", "times_lost"),
    [(48, True, 2), (49, True, 2), (50, False, 1), (51, False, 1)],
)
def test_restoring_against_the_end_of_the_previous_certificate(
    restored: int, works: bool, times_lost: int
) -> None:
    """The first one is valid until 50; lost at 20, attempts at 9, 19, …, 49, 59."""
    outcome = run(
        phones([9], every_s=10),
        Reissue(20, "immediately", valid_for_s=500),
        RestorePrevious(restored),
        expires_s=50,
        horizon_s=70,
    )
    assert of(outcome, "times_lost") == [times_lost]
    assert of(outcome, "reconnected_at_s") == [49 if works else -1]
    assert of(outcome, "noticed_at_s") == [29]
    assert told(outcome, "restore failed") == ([] if works else [(restored, "restore failed")])
    assert outcome.coverage_held.tolist() == ([[0], [1]] if works else [[0]])


@pytest.mark.parametrize(
    ("every", "syncs", "cause"),
    [
        # Received at 5, main at 20, restored at 30; the second attempt is at 5 + every.
        (14, 4, ""),  # 5, 19, 33, 47: never met the new one
        (15, 2, "restored"),  # 5, 20, (35, 50 refused): gave up the old one at 20
        (24, 2, "restored"),  # 5, 29, (53 refused)
        (25, 3, ""),  # 5, 30, 55: the operator was faster
    ],
)
def test_restoring_loses_those_who_moved_on(every: int, syncs: int, cause: str) -> None:
    outcome = run(phones([5], every_s=every), after(5, 15), RestorePrevious(30), horizon_s=60)
    assert of(outcome, "lost_cause") == [cause]
    assert of(outcome, "lost_at_s") == [30 if cause else -1]
    assert of(outcome, "syncs") == [syncs]
    assert of(outcome, "noticed_at_s") == [{15: 35, 24: 53}.get(every, -1)]


# ---- a reserve held from the start, cancelled and replaced ones (3.3, 3.9, 5.1) -----------------------


def test_a_reserve_held_from_the_start() -> None:
    outcome = run(phones([99], holds_reserve=True), after(5, 0))
    assert of(outcome, "times_lost") == [0]
    assert of(outcome, "reserve_received_at_s") == [0]
    assert of(outcome, "critical_delay_s") == [0]
    assert outcome.coverage_held.tolist() == [[1]]


def test_a_reserve_wiped_by_a_reinstallation_is_no_longer_held() -> None:
    """Lost and reinstalled at 5, when the server has no reserve; the reserve of 10 is new to it at 15."""
    outcome = run(
        phones([15], holds_reserve=True),
        Reissue(5, "immediately"),
        after(10, 20),
        recovery=desk(0, 0, 0),
        horizon_s=60,
    )
    assert of(outcome, "reserve_received_at_s") == [15]
    assert of(outcome, "critical_delay_s") == [6]
    assert of(outcome, "times_lost") == [1]


def test_a_replaced_reserve_held_from_the_start_is_not_the_latest_one() -> None:
    """Two are specified at 0; it held the first, and receives the second in that second."""
    outcome = run(phones([0], holds_reserve=True), after(0, 20), after(0, 20), horizon_s=60)
    assert of(outcome, "reserve_received_at_s") == [0]
    assert of(outcome, "critical_delay_s") == [1]
    assert of(outcome, "times_lost") == [0]


def test_a_reserve_that_was_cancelled_was_received_all_the_same() -> None:
    """Specified at 10, received at 15, cancelled at 16; the next synchronization, at 115, changes nothing."""
    outcome = run(phones([15]), after(10, 150), CancelReserve(16))
    assert of(outcome, "reserve_received_at_s") == [15]
    assert of(outcome, "critical_delay_s") == [6]
    assert of(outcome, "syncs") == [2]


@pytest.mark.parametrize("cancelled", [(), (CancelReserve(28),)])
def test_whoever_comes_back_has_the_reserve_since_it_received_it(cancelled: tuple[Action, ...]) -> None:
    """It syncs every 5 s. Main at 11 is what it received at 5; the next reserve it receives at 25. The one
    before is put back at 31, which loses it, and that again at 41: it syncs at 45, with the same reserve."""
    actions = (after(1, 10), after(21, 500), *cancelled, RestorePrevious(31), RestorePrevious(41))
    outcome = run(phones([0], every_s=5), *actions, horizon_s=60)
    assert of(outcome, "reserve_received_at_s") == [25]
    assert (of(outcome, "lost_at_s"), of(outcome, "reconnected_at_s")) == ([31], [45])
    assert of(outcome, "times_lost") == [1]


@pytest.mark.parametrize("replaced", [0, 1, 2])
def test_the_help_desk_works_from_the_first_second_on(replaced: int) -> None:
    """Both are lost, call and are ready at once; the one technician takes a second for each."""
    outcome = run(phones([90, 91]), Reissue(replaced, "immediately"), recovery=desk(0, 0, 1), horizon_s=60)
    assert of(outcome, "lost_at_s") == [replaced] * 2
    assert of(outcome, "reconnected_at_s") == [replaced + 1, replaced + 2]


@pytest.mark.parametrize(
    ("cancelled", "received", "lost_at"),
    [(14, -1, -1), (15, -1, -1), (16, 15, -1), (24, 15, -1), (25, 15, -1)],
)
def test_cancelling(cancelled: int, received: int, lost_at: int) -> None:
    """Specified at 10 for 25; the phone syncs at 15. At 25 the reserve is main before it can be cancelled."""
    outcome = run(phones([15]), after(10, 15), CancelReserve(cancelled), horizon_s=60)
    assert of(outcome, "reserve_received_at_s") == [received]
    assert of(outcome, "lost_at_s") == [lost_at]
    changed = cancelled == 25
    assert told(outcome, "cancel failed") == ([(25, "cancel failed")] if changed else [])
    assert len(outcome.coverage_held) == int(changed)


@pytest.mark.parametrize(
    ("phase", "cause", "received", "critical"),
    [
        (9, "not_delivered", -1, -1),
        (10, "replaced_reserve", -1, -1),
        (14, "replaced_reserve", -1, -1),
        (15, "", 15, 1),  # replaced before the sync of its second
        (29, "", 29, 15),
        (30, "not_delivered", -1, -1),
    ],
)
def test_replacing_a_reserve(phase: int, cause: str, received: int, critical: int) -> None:
    """Specified at 10 for 40, replaced at 15 by another one for 30."""
    outcome = run(phones([phase]), after(10, 30), after(15, 15), horizon_s=60)
    assert of(outcome, "lost_cause") == [cause]
    assert of(outcome, "lost_at_s") == [30 if cause else -1]
    assert of(outcome, "reserve_received_at_s") == [received]
    assert of(outcome, "critical_delay_s") == [critical]
    assert told(outcome, "reserve activated") == [(30, "reserve activated")]


def test_the_order_in_which_actions_of_one_second_are_written() -> None:
    """Immediately and then a reserve: two changes. A reserve and then immediately: it is discarded."""
    waits = run(phones([99]), Reissue(5, "immediately"), after(5, 10), horizon_s=60)
    discarded = run(phones([99]), after(5, 10), Reissue(5, "immediately"), horizon_s=60)
    assert len(waits.coverage_held) == 2
    assert len(discarded.coverage_held) == 1
    assert of(waits, "times_lost") == of(discarded, "times_lost") == [1]


# ---- automatic reissue (3.7) -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phase", "received", "critical", "lost"),
    [(69, -1, -1, True), (70, 70, 1, False), (71, 71, 2, False), (99, 99, 30, False), (100, -1, -1, True)],
)
def test_automatic_reserve_comes_lead_before_the_expiry(
    phase: int, received: int, critical: int, lost: bool
) -> None:
    """The first one expires at 100, the reserve is made at 70; the next, at 170 - 30, is out of the run."""
    outcome = run(phones([phase], every_s=110), expires_s=100, automatic_lead_s=30, horizon_s=130)
    assert told(outcome) == [
        (70, "reserve specified"),
        (100, "certificate expired"),
        (100, "reserve activated"),
    ]
    assert of(outcome, "reserve_received_at_s") == [received]
    assert of(outcome, "critical_delay_s") == [critical]
    assert outcome.is_lost.tolist() == [lost]
    assert of(outcome, "lost_cause") == ["not_delivered" if lost else ""]


@pytest.mark.parametrize(("lead", "made"), [(99, 1), (100, 0), (101, 0), (500, 0)])
def test_where_less_than_lead_is_left_it_is_made_at_once(lead: int, made: int) -> None:
    outcome = run(phones([0]), expires_s=100, automatic_lead_s=lead, horizon_s=50)
    assert told(outcome) == [(made, "reserve specified")]
    assert of(outcome, "reserve_received_at_s") == [0 if made == 0 else -1]


def test_automatic_reissue_without_lead_comes_too_late() -> None:
    outcome = run(phones([9], every_s=10), expires_s=100, automatic_lead_s=0, horizon_s=150)
    assert told(outcome) == [
        (100, "certificate expired"),
        (100, "reserve specified"),
        (100, "reserve activated"),
    ]
    assert of(outcome, "lost_at_s") == [100]
    assert of(outcome, "lost_cause") == ["expired"]


def test_automatic_reissue_repeats() -> None:
    """Lives of 100 s and a lead of 30 s: made at 70, 140, 210, 280; main at 100, 170, 240."""
    outcome = run(phones([9], every_s=10), expires_s=100, automatic_lead_s=30, horizon_s=290)
    assert [at for at, _ in told(outcome, "reserve specified")] == [70, 140, 210, 280]
    assert [at for at, _ in told(outcome, "reserve activated")] == [100, 170, 240]
    assert of(outcome, "times_lost") == [0]
    assert of(outcome, "syncs") == [29]
    assert outcome.coverage_held.tolist() == [[1], [1], [1]]


def test_automatic_reissue_never_for_a_custom_certificate() -> None:
    custom = Certificate(0, "custom", 0, 100, "old")
    outcome = run(phones([9], every_s=10), first=custom, automatic_lead_s=30, horizon_s=150)
    assert told(outcome) == [(100, "certificate expired")]
    assert of(outcome, "lost_at_s") == [100]


@pytest.mark.parametrize(
    ("specified", "expected"),
    [
        (69, ["reserve specified"]),  # there is one: nothing is made at 70
        (70, ["reserve specified", "reserve replaced", "reserve specified"]),  # the automatic one comes first
        (71, ["reserve specified", "reserve replaced", "reserve specified"]),
    ],
)
def test_automatic_reissue_against_the_operator(specified: int, expected: list[str]) -> None:
    outcome = run(
        phones([99]), after(specified, 20), expires_s=100, automatic_lead_s=30, horizon_s=specified + 20
    )
    assert [name for _, name in told(outcome)] == expected


@pytest.mark.parametrize(("cancelled", "lost_at"), [(69, -1), (70, 100), (71, 100)])
def test_a_cancelled_automatic_reserve_is_not_made_again(cancelled: int, lost_at: int) -> None:
    """At 69 there is nothing to cancel; the phone receives at 79 what is there."""
    outcome = run(
        phones([9], every_s=10), CancelReserve(cancelled), expires_s=100, automatic_lead_s=30, horizon_s=120
    )
    assert of(outcome, "lost_at_s") == [lost_at]


# ---- platforms and certificates that are not yet valid (5.4c, 5.5, 5.6) --------------------------------


@pytest.mark.parametrize(("platform", "lost_at"), [("android", -1), ("ios", 20)])
def test_a_certificate_that_ios_refuses(platform: Literal["android", "ios"], lost_at: int) -> None:
    fleet = phones([5], every_s=10, platform=platform)
    outcome = run(fleet, after(5, 15, refused_by=frozenset({"ios"})), recovery=desk(0, 0, 1), horizon_s=50)
    assert of(outcome, "lost_at_s") == [lost_at]
    assert of(outcome, "lost_cause") == ["platform" if lost_at == 20 else ""]
    assert of(outcome, "noticed_at_s") == [25 if lost_at == 20 else -1]
    assert of(outcome, "reinstalls") == [0]
    assert outcome.coverage_held.tolist() == [[1]]


@pytest.mark.parametrize(("phase", "syncs"), [(29, 0), (30, 1), (31, 1)])
def test_a_certificate_that_is_not_yet_valid(phase: int, syncs: int) -> None:
    """Held from 5 on, main at 20, valid from 30: lost at 20, back at the first attempt from 30 on."""
    outcome = run(phones([phase], holds_reserve=True), after(5, 15, not_before_s=30), horizon_s=60)
    assert of(outcome, "lost_at_s") == [20]
    assert of(outcome, "lost_cause") == ["expired"]
    assert of(outcome, "syncs") == [syncs]
    assert of(outcome, "noticed_at_s") == [29 if phase == 29 else -1]
    assert of(outcome, "reconnected_at_s") == [phase if syncs else -1]
    assert of(outcome, "times_lost") == [1]


@pytest.mark.parametrize("at", [0, 5])
def test_a_certificate_that_ends_in_the_second_of_its_issue_does_not_expire_again(at: int) -> None:
    """Valid on [at - 5, at): the expiries of that second were before the operator (model 2)."""
    ended = Reissue(at, "immediately", valid_for_s=5, not_before_s=at - 5)
    outcome = run(phones([7]), ended, horizon_s=30)
    assert told(outcome) == [(at, "certificate replaced immediately")]
    assert of(outcome, "lost_at_s") == [at]
    assert of(outcome, "lost_cause") == ["immediate"]
    assert of(outcome, "noticed_at_s") == [7]
    assert of(outcome, "syncs") == [0]


def test_an_unfit_certificate_never_becomes_a_reserve() -> None:
    outcome = run(phones([5]), after(5, 15, unfit="a key of 1024 bits"), horizon_s=60)
    assert told(outcome) == [(5, "reissue failed")]
    assert of(outcome, "reserve_received_at_s") == [-1]
    assert of(outcome, "times_lost") == [0]
