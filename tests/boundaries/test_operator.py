"""Gates, pushes and visits, one second before, at and after; counted by hand, on both engines and reference.

Unless a test says otherwise phones are always on, never fail, and make one attempt at their `phase` and every
100 s after it; the certificate is valid until second 1000 (model 10).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
from agreement import outcome_of
from test_boundaries import after, of, phones, seconds

from sim.world.certificates import Certificate
from sim.world.draws import Draws, Purpose
from sim.world.fleet import Away, Fleet, Windows
from sim.world.outcome import Outcome
from sim.world.plan import Action, CancelReserve, Chase, Gate, Holiday, Outage, Plan, Push, Recovery, Reissue

DAY_S = 86_400


def run(fleet: Fleet, *actions: Action, horizon_s: int = 200, expires_s: int = 1000, **rest: Any) -> Outcome:
    first = Certificate(0, "ksc", 0, expires_s, "old")
    return outcome_of(Plan(horizon_s, first, actions=actions, **rest), fleet)


def gated(at_s: int, coverage: float, every_s: int, **rest: Any) -> Reissue:
    return Reissue(at_s, "when covered", gate=Gate(coverage, every_s, **rest))


def away(spells: Windows, *, phase: int, catch_up: bool = True) -> Fleet:
    fleet = phones([phase], presence=Away(spells), catch_up=catch_up)
    return Fleet.start(fleet.roster, fleet.draws)


def told(outcome: Outcome, *names: str) -> list[tuple[int, str]]:
    return [(event.at_s, event.name) for event in outcome.events if event.name in names]


# ---- the gate (10.1) -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("coverage", "opens", "lost"),
    [
        # Specified at 5; attempts at 10, 20, 30, 40; checks every 10 s from 15 on: 1, 2, 3, 4 hold it.
        (0.25, 15, [False, True, True, True]),
        (0.26, 25, [False, False, True, True]),
        (0.5, 25, [False, False, True, True]),
        (0.75, 35, [False, False, False, True]),
        (1.0, 45, [False] * 4),
        (0.0, 15, [False, True, True, True]),
    ],
)
def test_a_gate_opens_at_the_first_check_with_coverage(coverage: float, opens: int, lost: list[bool]) -> None:
    outcome = run(phones([10, 20, 30, 40]), gated(5, coverage, 10))
    assert told(outcome, "gate opened", "reserve activated") == [
        (opens, "gate opened"),
        (opens, "reserve activated"),
    ]
    assert outcome.is_lost.tolist() == lost
    assert set(of(outcome, "lost_cause")) <= {"", "not_delivered"}
    assert told(outcome, "gate closed") == [(check, "gate closed") for check in range(15, opens, 10)]


@pytest.mark.parametrize(("phase", "opens"), [(14, 15), (15, 25), (16, 25)])
def test_a_reception_in_the_second_of_a_check_counts_at_the_next(phase: int, opens: int) -> None:
    """The operator comes before the syncs of his second."""
    assert told(run(phones([phase]), gated(5, 1.0, 10)), "gate opened") == [(opens, "gate opened")]


@pytest.mark.parametrize(
    ("rest", "checks"),
    [
        ({"not_before_s": 19, "not_after_s": 40}, [25, 35, 45]),
        ({"not_before_s": 20, "not_after_s": 40}, [25, 35, 45]),
        ({"not_before_s": 21, "not_after_s": 40}, [35, 45]),
        ({"not_after_s": 30}, [15, 25, 35]),
        ({"not_after_s": 29}, [15, 25, 34]),  # the last one whatever the period
        ({"not_after_s": 31}, [15, 25, 35, 36]),
        ({"not_before_s": 50, "not_after_s": 9}, [14]),
    ],
)
@pytest.mark.parametrize("otherwise", ["activate", "cancel"])
def test_a_gate_that_never_opens(
    rest: dict[str, int], checks: list[int], otherwise: Literal["activate", "cancel"]
) -> None:
    outcome = run(phones([110]), gated(5, 1.0, 10, **rest, otherwise=otherwise))
    assert [instant for instant, _ in told(outcome, "gate closed")] == checks
    end = "reserve activated" if otherwise == "activate" else "reserve cancelled"
    assert told(outcome, "reserve activated", "reserve cancelled") == [(checks[-1], end)]
    assert of(outcome, "lost_at_s") == [checks[-1] if otherwise == "activate" else -1]


@pytest.mark.parametrize(("expires", "opened"), [(34, False), (35, False), (36, True)])
def test_an_expiry_before_the_gate(expires: int, opened: bool) -> None:
    """It would open at 35; in the second of the expiry the certificate comes first."""
    outcome = run(phones([30]), gated(5, 1.0, 10, not_before_s=30), expires_s=expires)
    assert told(outcome, "reserve activated") == [(35 if opened else expires, "reserve activated")]
    assert bool(told(outcome, "gate opened")) == opened


def test_a_gate_without_an_end_waits_for_the_expiry() -> None:
    outcome = run(phones([110]), gated(5, 1.0, 10), expires_s=60)
    assert told(outcome, "reserve activated") == [(60, "reserve activated")]


def test_a_reserve_that_is_replaced_or_cancelled_has_no_gate() -> None:
    outcome = run(phones([10]), gated(5, 1.0, 10), after(6, 50))
    assert told(outcome, "gate opened", "gate closed") == []
    outcome = run(phones([10]), gated(5, 1.0, 10), CancelReserve(15))
    assert told(outcome, "gate opened") == [(15, "gate opened")]  # written first
    outcome = run(phones([10]), gated(5, 1.0, 10), CancelReserve(14))
    assert told(outcome, "gate opened", "reserve activated") == []


def test_a_gate_asks_its_groups_and_nobody_who_never_connected() -> None:
    fleet = phones([10, 110, 110])
    one = fleet.roster.profiles[0]
    roster = replace(
        fleet.roster,
        profiles=(one, replace(one, group="others")),
        groups=("others", "phones"),
        profile=np.array([0, 1, 0], np.int32),
        group=np.array([1, 0, 1], np.int32),
        numbered=(1, 2),
        never_connected=np.array([False, False, True]),
    )
    fleet = replace(fleet, roster=roster)
    outcome = run(fleet, gated(5, 1.0, 10, groups=frozenset({"phones"})))
    assert told(outcome, "gate opened") == [(15, "gate opened")]
    assert [event.detail for event in outcome.events if event.name == "gate opened"] == [
        "held by 1 of 1 devices"
    ]
    assert told(run(fleet, gated(5, 1.0, 10)), "gate opened") == [(115, "gate opened")]


@pytest.mark.parametrize(
    ("coverage", "devices", "needed"),
    [
        (0.07, 100, 7),
        (0.29, 100, 29),
        (0.999, 1000, 999),
        (0.99, 101, 100),
        (1.0, 3, 3),
        (0.0, 3, 0),
        (0.5, 0, 0),
    ],
)
def test_how_many_are_needed(coverage: float, devices: int, needed: int) -> None:
    """0.07 · 100 is 7, whatever a computer's fractions make of it."""
    assert Gate(coverage, 1).needed(devices) == needed


def test_a_help_desk_s_reinstallation_counts_as_a_reception() -> None:
    """Lost at 10, ready at 20, done at 30 with the reserve of 25; the gate opens at 35."""
    outcome = run(
        phones([100]),
        Reissue(10, "immediately"),
        gated(25, 1.0, 10),
        recovery=Recovery(1, 10, seconds(0), seconds(10)),
    )
    assert told(outcome, "gate opened") == [(35, "gate opened")]


# ---- pushes (10.2) -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pushed", "received"),
    [(4, -1), (5, 5), (6, 6), (24, 24), (25, -1)],
)
def test_a_push_to_a_phone_that_is_on(pushed: int, received: int) -> None:
    """Specified at 5, main at 25; the phone's own attempt comes at 110."""
    actions = sorted([after(5, 20), Push(pushed, 0)], key=lambda action: action.at_s)
    outcome = run(phones([110]), *actions, horizon_s=110)
    assert of(outcome, "reserve_received_at_s") == [received]
    assert of(outcome, "lost_at_s") == [25 if received == -1 else -1]
    assert of(outcome, "noticed_at_s") == [25 if pushed == 25 else -1]


@pytest.mark.parametrize(
    ("back", "lifetime", "synced"),
    [
        # Pushed at 20 while off in [10, back).
        (20, 0, 20),  # comes on in the very second
        (21, 0, -1),
        (21, 1, 21),
        (50, 29, -1),
        (50, 30, 50),
        (50, 31, 50),
    ],
)
def test_a_push_to_a_phone_that_is_off(back: int, lifetime: int, synced: int) -> None:
    outcome = run(away(((10, back),), phase=99, catch_up=False), Push(20, lifetime), horizon_s=99)
    assert of(outcome, "last_sync_at_s") == [synced]


def test_a_push_waits_for_one_coming_on_only() -> None:
    """Off in [10, 30) and [40, 50): at 30 it is answered, and at 50 nothing is left of it."""
    fleet = away(((10, 30), (40, 50)), phase=99, catch_up=False)
    assert of(run(fleet, Push(20, 1000), horizon_s=99), "syncs") == [1]
    assert of(run(fleet, Push(20, 1000), Push(21, 5), horizon_s=99), "syncs") == [
        1
    ]  # two messages, one attempt
    assert of(run(fleet, Push(20, 1000), Push(45, 1000), horizon_s=99), "syncs") == [2]


@pytest.mark.parametrize(("phase", "syncs"), [(19, 2), (20, 1), (21, 2)])
def test_never_two_attempts_in_a_second(phase: int, syncs: int) -> None:
    assert of(run(phones([phase]), Push(20, 5), horizon_s=99), "syncs") == [syncs]


@pytest.mark.parametrize(("phase", "syncs"), [(9, 2), (15, 1), (30, 1), (31, 2)])
def test_a_push_beside_a_catch_up_and_an_attempt(phase: int, syncs: int) -> None:
    """Off in [10, 30), pushed at 20: at 30 the attempt of 15 is caught up, that of 30 is due."""
    assert of(run(away(((10, 30),), phase=phase), Push(20, 100), horizon_s=99), "syncs") == [syncs]


def test_a_push_waits_under_a_mask() -> None:
    outcome = run(phones([99]), Push(20, 10), horizon_s=99, holidays=(Holiday("h", 10, 30, 1.0),))
    assert of(outcome, "last_sync_at_s") == [30]


def test_a_push_into_an_outage_is_unreachable() -> None:
    outcome = run(phones([90]), Push(20, 10), horizon_s=99, outages=(Outage(20, 21),))
    assert of(outcome, "unreachable_for_s") == [70]


def test_whom_a_push_reaches_and_whose_attempt_succeeds_are_draws() -> None:
    fleet = phones([199] * 40)
    profile = replace(fleet.roster.profiles[0], success=0.6)
    fleet = replace(fleet, roster=replace(fleet.roster, profiles=(profile,)))
    draws = Draws.of(1, 0)
    outcome = run(fleet, Push(20, 10, success=0.5), horizon_s=99)
    expected = [
        int(
            draws.pair(int(i), Purpose.PUSH, 20)[0] < 0.5
            and draws.pair(int(i), Purpose.PUSH_SUCCESS, 20)[0] < 0.6
        )
        for i in fleet.roster.identity
    ]
    assert of(outcome, "syncs") == expected
    assert 0 < sum(expected) < 40


@pytest.mark.parametrize(
    ("group", "platform", "syncs"),
    [(None, None, 1), ("phones", "android", 1), ("others", None, 0), (None, "ios", 0)],
)
def test_whom_a_push_is_sent_to(group: str | None, platform: str | None, syncs: int) -> None:
    assert of(run(phones([99]), Push(20, 0, group=group, platform=platform), horizon_s=99), "syncs") == [
        syncs
    ]


# ---- chases (10.3) -------------------------------------------------------------------------------------

A_SECOND_EACH = DAY_S


@pytest.mark.parametrize(("silent_for", "visited"), [(19, True), (20, True), (21, False)])
def test_who_is_on_the_list(silent_for: int, visited: bool) -> None:
    """Synchronized at 10, the list is made at 30; the visit comes at 31."""
    outcome = run(phones([10]), after(15, 100), Chase(30, silent_for, A_SECOND_EACH), horizon_s=99)
    assert of(outcome, "visits") == [int(visited)]
    assert of(outcome, "visits_helped") == [int(visited)]
    assert of(outcome, "reserve_received_at_s") == [31 if visited else -1]


@pytest.mark.parametrize(("phase", "visited"), [(29, False), (30, True), (31, True)])
def test_the_list_is_made_before_the_syncs_of_its_second(phase: int, visited: bool) -> None:
    """The attempt of 30 comes after the list; the one of 31 is the visit."""
    outcome = run(phones([phase]), after(15, 100), Chase(30, 0, A_SECOND_EACH), horizon_s=99)
    assert of(outcome, "visits") == [int(visited)]
    assert of(outcome, "visits_helped") == [int(phase == 31)]
    assert of(outcome, "syncs") == [2 if phase == 30 else 1]


def test_longest_silent_first_then_in_device_order() -> None:
    """Synchronized at 12, 10, 11, 10 and never: the last one first, then 1, 3, 2, 0, ten seconds each."""
    outcome = run(phones([12, 10, 11, 10, 150]), after(15, 100), Chase(30, 5, DAY_S // 10), horizon_s=99)
    assert of(outcome, "reserve_received_at_s") == [80, 50, 70, 60, 40]


def test_the_silence_of_a_list_comes_before_the_start() -> None:
    fleet = phones([150, 150, 150])
    roster = replace(fleet.roster, silent_for_s=np.array([-1, 100, 200]))
    outcome = run(replace(fleet, roster=roster), after(15, 100), Chase(30, 5, DAY_S // 10), horizon_s=99)
    assert of(outcome, "reserve_received_at_s") == [60, 50, 40]


@pytest.mark.parametrize(
    ("per_day", "visits"),
    [
        (DAY_S // 10, [40, 50, 60]),
        (DAY_S // 7, [37, 44, 51]),
        (50_000, [31, 33, 35]),
    ],  # 86400 / 50000 = 1.728
)
def test_when_visits_are_made(per_day: int, visits: list[int]) -> None:
    outcome = run(phones([150] * 3), after(15, 100), Chase(30, 5, per_day), horizon_s=99)
    assert of(outcome, "reserve_received_at_s") == visits


@pytest.mark.parametrize(("delay", "lost"), [(24, True), (25, True), (26, False)])
def test_a_visit_in_the_second_of_activation_is_too_late(delay: int, lost: bool) -> None:
    """The visit comes at 40, the switch at 15 + delay."""
    outcome = run(phones([150]), after(15, delay), Chase(30, 5, DAY_S // 10), horizon_s=99)
    assert outcome.is_lost.tolist() == [lost]
    assert of(outcome, "noticed_at_s") == [40 if lost else -1]
    assert of(outcome, "visits") == [1]
    assert of(outcome, "visits_helped") == [int(not lost)]


def test_a_visit_to_who_has_it_by_then_is_spent_all_the_same() -> None:
    """Listed at 30; its own attempt comes at 35, the visit at 40."""
    outcome = run(phones([35]), after(15, 100), Chase(30, 5, DAY_S // 10), horizon_s=99)
    assert of(outcome, "reserve_received_at_s") == [35]
    assert (of(outcome, "visits"), of(outcome, "visits_helped"), of(outcome, "syncs")) == ([1], [0], [2])


@pytest.mark.parametrize(
    ("spells", "syncs"),
    [
        (((0, 50),), 2),  # visited at 40 while off; the attempt of 35 is caught up at 50
        (((0, 40),), 1),  # comes on in the second of the visit, which takes the place of the catch-up
        (((36, 60),), 2),  # 35 by itself, and 40
    ],
)
def test_a_visit_finds_who_is_off_and_its_spells_go_on(spells: Windows, syncs: int) -> None:
    outcome = run(away(spells, phase=35), after(15, 100), Chase(30, 5, DAY_S // 10), horizon_s=99)
    assert of(outcome, "syncs") == [syncs]


def test_a_visit_takes_the_place_of_an_attempt_that_would_fail() -> None:
    fleet = phones([40])
    profile = replace(fleet.roster.profiles[0], success=0.0)
    fleet = replace(fleet, roster=replace(fleet.roster, profiles=(profile,)))
    outcome = run(fleet, after(15, 100), Chase(30, 5, DAY_S // 10), horizon_s=99)
    assert of(outcome, "reserve_received_at_s") == [40]


def test_who_is_never_on_is_not_found() -> None:
    outcome = run(phones([35], presence="never"), after(15, 100), Chase(30, 5, DAY_S // 10), horizon_s=99)
    assert (of(outcome, "visits"), of(outcome, "syncs")) == ([1], [0])


def test_without_a_reserve_there_is_nothing_to_bring() -> None:
    outcome = run(phones([35]), Chase(30, 0, DAY_S), horizon_s=99)
    assert told(outcome, "chase failed") == [(30, "chase failed")]
    assert of(outcome, "visits") == [0]


def test_visits_beyond_the_run_are_not_made() -> None:
    outcome = run(phones([150] * 3), after(15, 100), Chase(30, 5, DAY_S // 30), horizon_s=91)
    assert of(outcome, "visits") == [1, 1, 0]  # at 60 and 90; the next would be at 120


def test_a_chase_helps_a_gate_to_open() -> None:
    """Visited at 40, 50 and 60; checks at 25, 35, …: all hold it at 65."""
    outcome = run(phones([150] * 3), gated(15, 1.0, 10), Chase(30, 5, DAY_S // 10), horizon_s=99)
    assert told(outcome, "gate opened") == [(65, "gate opened")]
    assert not outcome.is_lost.any()
