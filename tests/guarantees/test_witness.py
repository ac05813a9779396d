"""Who shows a failure, in hand-made outcomes of a fleet in two parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from sim.guarantees.verdicts import witness_of
from sim.processes.engine import simulate
from sim.scenario.schema import Guarantee
from sim.world.certificates import Certificate
from sim.world.draws import Draws
from sim.world.fleet import Fleet, Profile, Roster
from sim.world.outcome import Outcome
from sim.world.plan import Plan

PROFILES = (
    Profile("phones", "android", 100, 0, 1.0, True, "always"),
    Profile("tablets", "ios", 100, 0, 1.0, True, "always"),
)


def part(
    *lives: tuple[int, int], first: int = 0, profile: int = 0, helpdesk_s: Sequence[int] | None = None
) -> Outcome:
    """Devices of one profile, numbered from `first`, each with the seconds of its loss and of its return."""
    n = len(lives)
    roster = Roster(
        profiles=PROFILES,
        groups=("phones", "tablets"),
        profile=np.full(n, profile, np.int32),
        group=np.full(n, profile, np.int32),
        identity=np.arange(n, dtype=np.uint64),
        phase_s=np.zeros(n, np.int64),
        silent=np.zeros(n, np.bool_),
        seen=np.zeros(n, np.bool_),
        holds_reserve=np.zeros(n, np.bool_),
        numbered=(n, 0) if profile == 0 else (0, n),
        ids=((), ()),
    )
    plan = Plan(50, Certificate(0, "custom", 0, 1 << 40, "a"))
    outcome = simulate(plan, Fleet.start(roster, Draws.of(1, 0)))
    lost_at_s, back_at_s = np.array(lives, np.int64).reshape(n, 2).T
    devices = replace(
        outcome.devices,
        lost_at_s=lost_at_s,
        reconnected_at_s=back_at_s,
        helpdesk_s=np.array(helpdesk_s or [0] * n, np.int64),
    )
    return replace(outcome, devices=devices, is_lost=(lost_at_s >= 0) & (back_at_s < 0))


NOBODY = (-1, -1)


@pytest.mark.parametrize(
    ("lives", "slowest", "fastest"),
    [
        ([(0, 5), (10, 15)], 0, 0),  # of equals the first
        ([(0, 5), (10, 16)], 1, 0),
        ([(0, 6), (10, 15)], 0, 1),
        ([NOBODY, (10, 15)], 1, 1),  # a part in which nobody is lost
        ([(10, 15), NOBODY], 0, 0),
        ([(10, 40), (20, -1)], 1, 0),  # never is the longest
        ([(10, -1), (20, -1)], 0, 0),
        ([(0, 0), (10, 15)], 1, 0),
        ([(10, 10), (20, 21)], 1, 0),  # back in the second of its loss
    ],
)
def test_the_slowest_or_the_fastest_to_come_back(
    lives: list[tuple[int, int]], slowest: int, fastest: int
) -> None:
    """The same in one part and in two, where the second is of another platform and starts its own numbers."""
    names = ("phones/0", "tablets/0")
    parts = [part(lives[0]), part(lives[1], profile=1)]
    at_most = Guarantee(measure="time_to_reconnect", at_most="0s")
    at_least = Guarantee(measure="time_to_reconnect", at_least="1000s")
    assert witness_of(at_most.bound, parts) == names[slowest]
    assert witness_of(at_least.bound, parts) == names[fastest]
    assert witness_of(at_most.bound, [part(*lives)]) == f"phones/{slowest}"
    assert witness_of(at_least.bound, [part(*lives)]) == f"phones/{fastest}"


def test_only_devices_of_the_group_and_the_platform_are_named() -> None:
    parts = [part((0, 9)), part(NOBODY, (0, 5), profile=1)]
    for chosen in ({"group": "tablets"}, {"platform": "ios"}):
        slowest = Guarantee(measure="time_to_reconnect", at_most="0s", **chosen)
        assert witness_of(slowest.bound, parts) == "tablets/1"
        assert witness_of(Guarantee(measure="lost_devices", at_most=0, **chosen).bound, parts) == "tablets/1"
        assert witness_of(Guarantee(measure="lost_devices", at_least=9, **chosen).bound, parts) == "tablets/0"
    for nobody in (
        Guarantee(measure="lost_devices", at_most=0, group="phones", platform="ios"),
        Guarantee(measure="time_to_reconnect", at_most="0s", group="phones", platform="ios"),
    ):
        assert witness_of(nobody.bound, parts) is None


@pytest.mark.parametrize(
    ("guarantee", "witness"),
    [
        (Guarantee(measure="lost_devices", at_most=0), 1),  # a loss at second 0 is one
        (Guarantee(measure="lost_devices", at_least=9), 0),
        (Guarantee(measure="reconnected_devices", at_most=0), 1),
        (Guarantee(measure="reconnected_share", at_least=1), 3),
        (Guarantee(measure="reconnected_share", at_least=1, within="7s"), 2),  # 8 s; 7 s would be within
        (Guarantee(measure="reconnected_share", at_least=1, within="8s"), 3),
        (Guarantee(measure="reconnected_share", at_least=1, within="6s"), 1),
        (Guarantee(measure="still_lost_devices", at_most=0), 3),
        (Guarantee(measure="still_lost_devices", at_least=9), 0),
        (Guarantee(measure="helpdesk_hours", at_most=0), 2),  # work of one second is some
        (Guarantee(measure="helpdesk_hours", at_least=9), 0),
    ],
)
def test_the_first_device_that_counts_where_it_should_not(guarantee: Guarantee, witness: int) -> None:
    outcome = part(NOBODY, (0, 7), (10, 18), (20, -1), helpdesk_s=[0, 0, 1, 600])
    assert witness_of(guarantee.bound, [outcome]) == f"phones/{witness}"
