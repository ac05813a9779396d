"""A plan is edited by the steps of the strategy, and keeps the order in which the operator acts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.world.certificates import Certificate
from sim.world.plan import CancelReserve, Plan, Reissue, RestorePrevious
from sim.world.timeline import play

FIRST = Certificate(0, "ksc", 0, 1000, "mdm.example.com:13292")
PLAN = Plan(
    horizon_s=2000,
    first=FIRST,
    actions=(
        CancelReserve(10, step=2),
        Reissue(20, "after", 100, step=0),
        RestorePrevious(20, step=1),
    ),
)


def steps(plan: Plan) -> list[int | None]:
    return [action.step for action in plan.actions]


def test_another_action_takes_the_step_of_the_one_before_and_its_place_by_instant() -> None:
    moved = PLAN.with_action(0, Reissue(5, "at expiry"))
    assert steps(moved) == [0, 2, 1]
    assert moved.reissue(0) == Reissue(5, "at expiry")


def test_actions_of_one_instant_are_done_in_the_order_of_the_strategy() -> None:
    assert steps(PLAN.with_action(2, CancelReserve(20))) == [0, 1, 2]
    assert steps(PLAN.with_action(1, RestorePrevious(10))) == [1, 2, 0]


def test_an_action_more_has_no_step_and_comes_last_in_its_instant() -> None:
    assert steps(PLAN.with_action(None, CancelReserve(20))) == [2, 0, 1, None]


def test_a_step_can_be_left_out_and_others_keep_their_numbers() -> None:
    assert steps(PLAN.without_action(0)) == [2, 1]


def test_a_delay_makes_a_delayed_activation_of_any_reissue() -> None:
    plan = PLAN.with_action(0, Reissue(20, "immediately"))
    assert plan.with_delay(0, 7).reissue(0) == Reissue(20, "after", 7)


@pytest.mark.parametrize("step", [3, -1])
def test_a_step_that_is_not_there_is_an_error(step: int) -> None:
    for edit in (PLAN.action, PLAN.without_action, lambda at: PLAN.with_delay(at, 5)):
        with pytest.raises(LookupError, match=str(step)):
            edit(step)
    with pytest.raises(LookupError, match="not a reissue"):
        PLAN.with_delay(1, 5)


def test_where_an_action_comes_from_is_no_part_of_equality() -> None:
    assert replace(PLAN, actions=tuple(replace(each, step=None) for each in PLAN.actions)) == PLAN


def test_a_timeline_tells_which_reissue_made_a_certificate() -> None:
    actions = (
        Reissue(10, "after", 500, step=1),
        Reissue(20, "after", 400, step=0, unfit="no"),
        Reissue(30, "immediately", step=2),
        Reissue(5000, "immediately", step=3),
    )
    plan = replace(PLAN, actions=actions, automatic_lead_s=10)
    makers = play(plan).makers
    assert {generation: maker.step for generation, maker in makers.items()} == {1: 1, 2: 2}
