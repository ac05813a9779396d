"""Critical delays of hand-made fleets in two parts (model 9.1)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from sim.processes.engine import simulate
from sim.results.critical import CriticalDelays
from sim.world.certificates import Certificate
from sim.world.draws import Draws
from sim.world.fleet import Fleet, Profile, Roster
from sim.world.plan import Plan, Reissue

PROFILES = (
    Profile("phones", "android", 100, 0, 1.0, True, "always"),
    Profile("tablets", "ios", 100, 0, 1.0, True, "always"),
)


def part(phases_s: list[int], profiles: list[int]) -> tuple[Roster, NDArray[np.int64]]:
    """Devices with an attempt at their phase; the reserve is specified at 20, and the run ends at 90."""
    n = len(phases_s)
    phones = profiles.count(0)
    roster = Roster(
        profiles=PROFILES,
        groups=("phones", "tablets"),
        profile=np.array(profiles, np.int32),
        group=np.array(profiles, np.int32),
        identity=np.arange(n, dtype=np.uint64),
        phase_s=np.array(phases_s, np.int64),
        silent=np.zeros(n, np.bool_),
        seen=np.zeros(n, np.bool_),
        holds_reserve=np.zeros(n, np.bool_),
        numbered=(phones, n - phones),
        ids=((), ()),
    )
    plan = Plan(90, Certificate(0, "custom", 0, 1 << 40, "a"), actions=(Reissue(20, "after", 60),))
    outcome = simulate(plan, Fleet.start(roster, Draws.of(1, 0)))
    return roster, outcome.devices.critical_delay_s


# Received at 20, 25, 25 and 30 by phones, at 25 and 30 by tablets: a second more than the wait is needed.
PARTS = ([20, 25, 10, 25], [0, 0, 0, 1]), ([30, 25, 30], [0, 0, 1])


@pytest.mark.parametrize(
    ("refused_by", "devices", "never", "refused"),
    [
        (frozenset[str](), [1, 3, 2], 1, 0),
        (frozenset({"ios"}), [1, 2, 1], 1, 2),
        (frozenset({"android"}), [0, 1, 1], 0, 5),
    ],
)
def test_how_many_need_which_delay(
    refused_by: frozenset[str], devices: list[int], never: int, refused: int
) -> None:
    critical = CriticalDelays.of_delays([part(*each) for each in PARTS], refused_by=refused_by)
    found = dict(zip(critical.delays_s.tolist(), critical.devices.tolist(), strict=True))
    assert found == {delay: n for delay, n in zip((1, 6, 11), devices, strict=True) if n}
    assert (critical.never, critical.refused, critical.size) == (never, refused, 7)
    late = [sum(devices[k:]) + never + refused for k in range(4)]
    asked = np.array([0, 1, 5, 6, 10, 11, 1000])
    assert critical.lost(asked).tolist() == [late[k] for k in (0, 1, 1, 2, 2, 3, 3)]


def test_the_least_delay_that_loses_at_most_so_many() -> None:
    """Seven devices: one never, one at 1 s, three at 6 s, two at 11 s."""
    critical = CriticalDelays.of_delays([part(*each) for each in PARTS])
    expected = {0: None, 1: 11, 2: 11, 3: 6, 5: 6, 6: 1, 7: 0, 8: 0}
    assert {most: critical.least_delay_s(most) for most in expected} == expected


def test_no_delay_saves_who_never_received_it_and_who_refuses_it() -> None:
    """One never, one refuses it, one is saved by 6 s."""
    critical = CriticalDelays(np.array([6]), np.array([1]), never=1, refused=1)
    assert [critical.least_delay_s(most) for most in (0, 1, 2, 3)] == [None, None, 6, 0]


def test_the_same_from_one_part() -> None:
    whole = CriticalDelays.of_delays([part([20, 25, 10, 25, 30, 25, 30], [0, 0, 0, 1, 0, 0, 1])])
    assert (whole.delays_s.tolist(), whole.devices.tolist(), whole.never) == ([1, 6, 11], [1, 3, 2], 1)


def test_two_parts_add_up() -> None:
    one = CriticalDelays(np.array([5, 9]), np.array([1, 2]), never=2, refused=3)
    other = CriticalDelays(np.array([7, 9]), np.array([4, 8]), never=5, refused=7)
    both = one + other
    assert (both.delays_s.tolist(), both.devices.tolist()) == ([5, 7, 9], [1, 4, 10])
    assert (both.never, both.refused, both.size) == (7, 10, 32)


@pytest.mark.parametrize("refused_by", [frozenset[str](), frozenset({"android"})])
def test_no_delay_loses_a_device_that_never_connected(refused_by: frozenset[str]) -> None:
    """Two phones at 30, one of which never connected: the other one needs 11, or is lost as one refused."""
    roster, delays_s = part([30, 30], [0, 0])
    roster = replace(roster, never_connected=np.array([True, False]))
    delays_s = np.where(roster.never_connected, -1, delays_s)
    critical = CriticalDelays.of_delays([(roster, delays_s)], refused_by=refused_by)
    assert critical.lost(np.array([1, 10, 11])).tolist() == ([1, 1, 1] if refused_by else [1, 1, 0])
    assert (critical.size, critical.least_delay_s(1), critical.never) == (2, 0, 0)
