"""Hours, holidays and disturbances, one second before, at and after; counted by hand (model 12).

A phone is always on, but for what is masked, and never fails. Every case is put to both engines and to the
reference.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from agreement import outcome_of
from test_boundaries import after, of, phones

from sim.world.calendar import occurrences
from sim.world.certificates import Certificate
from sim.world.distributions import Distribution
from sim.world.draws import Draws, Purpose, identity_of_holiday
from sim.world.fleet import Away, Fleet, Presence, Spells, Windows
from sim.world.outcome import Outcome
from sim.world.plan import Action, Disturbance, Holiday, Plan, Recovery, Reissue

seconds = Distribution.constant


def with_hours(fleet: Fleet, hours: Windows | None) -> Fleet:
    (profile,) = fleet.roster.profiles
    return replace(fleet, roster=replace(fleet.roster, profiles=(replace(profile, hours=hours),)))


def run(fleet: Fleet, *actions: Action, horizon_s: int = 100, **rest: Any) -> Outcome:
    return outcome_of(Plan(horizon_s, Certificate(0, "ksc", 0, 1000, "old"), actions=actions, **rest), fleet)


def synced(outcome: Outcome) -> tuple[int, int]:
    return int(outcome.devices.syncs[0]), int(outcome.devices.last_sync_at_s[0])


# ---- hours (12.1) --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phase", "without", "with_it"),
    [
        # Hours [20, 40) and [60, 80); one attempt.
        (19, (0, -1), (1, 20)),  # missed in the last second before the hours, caught up in their first
        (20, (1, 20), (1, 20)),
        (39, (1, 39), (1, 39)),  # the last second
        (40, (0, -1), (1, 60)),
        (59, (0, -1), (1, 60)),
        (60, (1, 60), (1, 60)),
        (80, (0, -1), (0, -1)),
    ],
)
@pytest.mark.parametrize("catch_up", [False, True])
def test_an_attempt_against_the_hours(
    phase: int, without: tuple[int, int], with_it: tuple[int, int], catch_up: bool
) -> None:
    fleet = with_hours(phones([phase], catch_up=catch_up), ((20, 40), (60, 80)))
    assert synced(run(fleet)) == (with_it if catch_up else without)


@pytest.mark.parametrize(
    ("hours", "every", "expected"),
    [
        (None, 10, (10, 95)),
        ((), 10, (0, -1)),  # always off
        (((0, 100),), 10, (10, 95)),
        (((0, 50), (50, 100)), 10, (10, 95)),  # hours that touch leave nothing out
        (((0, 50), (51, 100)), 10, (10, 95)),  # a second in between in which nothing is due
        (((0, 55), (56, 100)), 10, (10, 95)),  # the one at 55 is caught up at 56
        (((10, 11), (95, 96)), 10, (2, 95)),  # 5 is caught up at 10; 95 is due as it comes on
    ],
)
def test_hours_and_a_schedule(hours: Windows | None, every: int, expected: tuple[int, int]) -> None:
    assert synced(run(with_hours(phones([5], every_s=every), hours))) == expected


def test_a_switch_in_the_night() -> None:
    """Specified at 30, main at 50, off in [40, 60): a turn at 35 saves, one at 45 does not."""
    fleet = with_hours(phones([35, 45]), ((0, 40), (60, 100)))
    outcome = run(fleet, after(30, 20))
    assert of(outcome, "lost_at_s") == [-1, 50]
    assert of(outcome, "noticed_at_s") == [-1, 60]


@pytest.mark.parametrize(
    ("spells", "expected"),
    [
        # Attempts at 5, 15, …, 95; hours [20, 60); own absences:
        ((), (5, 55)),  # 5 and 15 are caught up at 20, and 25, 35, 45, 55
        (((10, 20),), (5, 55)),
        (((10, 30),), (4, 55)),  # comes on by itself at 30, 15 and 25 missed: caught up; 35, 45, 55
        (((55, 60),), (4, 45)),  # goes off at 55
        (((19, 21),), (5, 55)),
        (((30, 40), (60, 70)), (5, 55)),
    ],
)
def test_own_absences_and_hours(spells: Windows, expected: tuple[int, int]) -> None:
    fleet = with_hours(
        Fleet.start(phones([5], every_s=10, presence=Away(spells)).roster, Draws.of(1, 0)), ((20, 60),)
    )
    assert synced(run(fleet)) == expected


@pytest.mark.parametrize("presence", ["never", "always"])
def test_nobody_is_on_under_masks_who_is_not_without(presence: Presence) -> None:
    fleet = with_hours(phones([5], every_s=10, presence=presence, starts_on=False), ((20, 60),))
    assert synced(run(fleet)) == (0, -1)


def test_a_masked_device_is_reinstalled_like_any_other() -> None:
    fleet = with_hours(phones([5]), ())
    desk = Recovery(1, 10, seconds(0), seconds(10))
    assert of(run(fleet, Reissue(20, "immediately"), recovery=desk), "reconnected_at_s") == [40]


# ---- holidays (12.2) -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phase", "lost_at", "received"),
    [
        # Specified at 10, main at 50; away in [20, 50), or [20, 49).
        (19, -1, 19),
        (20, 50, -1),
        (49, 50, -1),
    ],
)
def test_a_holiday_up_to_the_switch(phase: int, lost_at: int, received: int) -> None:
    for to_s in (50, 49):
        outcome = run(phones([phase]), after(10, 40), holidays=(Holiday("h", 20, to_s, 1.0),))
        back = to_s == 49 and phase >= 20  # caught up in the last second before the switch
        assert of(outcome, "lost_at_s") == [-1 if back else lost_at]
        assert of(outcome, "reserve_received_at_s") == [49 if back else received]


def test_a_holiday_takes_whom_its_draw_takes() -> None:
    fleet = phones([30] * 50)
    draws, key = Draws.of(1, 0), identity_of_holiday("Christmas")
    u = [draws.pair(int(i) ^ key, Purpose.HOLIDAY, 0)[0] for i in fleet.roster.identity]
    outcome = run(fleet, holidays=(Holiday("Christmas", 0, 100, 0.4),))
    assert of(outcome, "syncs") == [int(draw >= 0.4) for draw in u]
    assert 0 < sum(of(outcome, "syncs")) < 50


@pytest.mark.parametrize(
    ("groups", "syncs"), [(None, 0), (frozenset({"phones"}), 0), (frozenset({"others"}), 1)]
)
def test_a_holiday_of_some_groups(groups: frozenset[str] | None, syncs: int) -> None:
    assert of(run(phones([30]), holidays=(Holiday("h", 0, 100, 1.0, groups),)), "syncs") == [syncs]


# ---- disturbances (12.3) -------------------------------------------------------------------------------


def test_a_disturbance_with_fixed_gaps_and_lengths() -> None:
    """Every 20 s for 10 s, from the start: [20, 30), [50, 60), [80, 90). Attempts at 5, 15, …, 95."""
    outcome = run(phones([5], every_s=10), disturbances=(Disturbance("d", 1.0, seconds(20), seconds(10)),))
    # 25 at 30, 55 at 60, 85 at 90 are caught up: ten in all
    assert synced(outcome) == (10, 95)
    outcome = run(
        phones([5], every_s=10, catch_up=False),
        disturbances=(Disturbance("d", 1.0, seconds(20), seconds(10)),),
    )
    assert synced(outcome) == (7, 95)


def test_occurrences_are_the_replication_s_and_not_the_devices() -> None:
    dark = Disturbance("dark", 0.5, Distribution.exponential(30), Distribution.lognormal(5, 1.0))
    windows = [occurrences(dark, Draws.of(1, replication), 1000) for replication in (0, 0, 1)]
    assert windows[0] == windows[1] != windows[2]
    assert all(a < b for window in windows[0] for a, b in [window])
    assert windows[0] == occurrences(dark, Draws.of(1, 0), 2000)[: len(windows[0])]


def test_masks_shift_nobody_s_draws() -> None:
    """A mask in which nothing is due changes nothing, whatever is drawn before and after it."""
    law = Spells(Distribution.exponential(20), Distribution.exponential(20))
    fleet = phones([5] * 20, every_s=10, presence=law, first_spell_s=3)
    fleet = replace(
        fleet,
        roster=replace(fleet.roster, profiles=(replace(fleet.roster.profiles[0], success=0.5, jitter_s=0),)),
    )
    plain = run(fleet, after(20, 40), horizon_s=400)
    masked = run(
        fleet,
        after(20, 40),
        horizon_s=400,
        holidays=(Holiday("one", 0, 5, 0.5), Holiday("two", 396, 400, 1.0)),
    )
    both = run(
        fleet,
        after(20, 40),
        horizon_s=400,
        holidays=(Holiday("two", 396, 400, 1.0), Holiday("one", 0, 5, 0.5)),
    )
    assert masked.fingerprint == both.fingerprint
    assert np.array_equal(plain.devices.syncs, masked.devices.syncs)
