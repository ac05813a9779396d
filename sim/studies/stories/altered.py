"""A plan with one action exchanged or left out, and which action made which certificate."""

from __future__ import annotations

from dataclasses import replace

from sim.world.plan import Action, Plan, Reissue
from sim.world.timeline import Timeline, play


def maker_of(plan: Plan, timeline: Timeline) -> dict[int, int]:
    """The action that made each certificate, by generation; those of the server itself are left out."""
    fit = iter(
        number
        for number, action in enumerate(plan.actions)
        if isinstance(action, Reissue) and action.unfit is None
    )
    makes = ("reserve specified", "certificate replaced immediately")
    return {
        event.generation: next(fit)
        for event in timeline.events
        if event.name in makes and event.by == "operator" and event.generation is not None
    }


def made_by(plan: Plan, number: int) -> int | None:
    """The certificate that an action makes under a plan."""
    made = maker_of(plan, play(plan))
    return next((generation for generation, action in made.items() if action == number), None)


def with_action(plan: Plan, number: int, action: Action) -> Plan:
    """The plan with one action exchanged."""
    return replace(plan, actions=in_order([*plan.actions[:number], action, *plan.actions[number + 1 :]]))


def without_action(plan: Plan, number: int) -> Plan:
    """The plan without one action."""
    return replace(plan, actions=(*plan.actions[:number], *plan.actions[number + 1 :]))


def in_order(actions: list[Action]) -> tuple[Action, ...]:
    """By instant, and then as they are."""
    return tuple(sorted(actions, key=lambda action: action.at_s))
