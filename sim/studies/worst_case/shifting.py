"""A plan with one reserve specified later, or activated sooner."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final, Literal, TypeVar

from sim.world.plan import Plan, Reissue
from sim.world.timeline import play

_GRID: Final = 32
"""Even steps among which the first shift that breaks something is looked for."""

T = TypeVar("T")

Kind = Literal["absence", "outage", "later", "sooner"]
"""What an adversary may do; the last two shift the plan."""


def shifted(plan: Plan, kind: Kind, action: int, shift_s: int) -> Plan:
    """The plan with a reserve specified later, its activation kept, or activated sooner."""
    if action < 0:
        assert plan.automatic_lead_s is not None
        return replace(plan, automatic_lead_s=lead_s(plan) - shift_s)
    moved = plan.actions[action]
    assert isinstance(moved, Reissue)
    if moved.after_s is not None:
        moved = replace(moved, after_s=moved.after_s - shift_s)
    if kind == "later":
        moved = replace(moved, at_s=moved.at_s + shift_s)
    actions = [*plan.actions[:action], moved, *plan.actions[action + 1 :]]
    return replace(plan, actions=tuple(sorted(actions, key=lambda each: each.at_s)))


def lead_s(plan: Plan) -> int:
    """The lead of automatic reissue, no longer than the first certificate's remaining life."""
    assert plan.automatic_lead_s is not None
    return min(plan.automatic_lead_s, plan.first.not_after_s)


def furthest(plan: Plan, kind: Kind, action: int) -> int:
    """The largest shift that makes sense."""
    if action < 0:
        return lead_s(plan)
    moved = plan.actions[action]
    assert isinstance(moved, Reissue)
    within_s = plan.horizon_s - 1 - moved.at_s
    if moved.after_s is not None:
        return min(moved.after_s, within_s) if kind == "later" else moved.after_s
    return within_s


def shifted_to(plan: Plan, kind: Kind, action: int, shift_s: int) -> int:
    """When the reserve is now specified, or becomes main; `plan` is as it was."""
    if action < 0:
        return plan.first.not_after_s - lead_s(plan) + shift_s
    moved = plan.actions[action]
    assert isinstance(moved, Reissue)
    return moved.at_s + shift_s if kind == "later" else moved.at_s + (moved.after_s or 0) - shift_s


def shiftable(plan: Plan, kind: Kind) -> Iterator[int]:
    """The actions of a plan that can be shifted so; -1: automatic reissue."""
    for number, action in enumerate(plan.actions):
        if not isinstance(action, Reissue) or action.unfit or action.at_s >= plan.horizon_s:
            continue
        if action.activate == "after" or (action.activate == "at expiry" and kind == "later"):
            yield number
    if kind == "later" and any(event.by == "automatic" for event in play(plan).events):
        yield -1


def least_shift(
    plan: Plan, kind: Kind, action: int, tried: Callable[[Plan], T | None]
) -> tuple[int, T] | None:
    """By halving between a shift that breaks nothing and one that does; see docs/why.md.

    Args:
        plan: as it is.
        kind: `later` or `sooner`.
        action: which is shifted.
        tried: what breaks under a plan; None: nothing.

    Returns:
        the shift in seconds, and what breaks under it; None where no shift is enough.
    """
    best = tried(plan)
    if best is not None:
        return 0, best
    low_s, high_s = 0, furthest(plan, kind, action)
    for shift_s in sorted({high_s * step // _GRID for step in range(1, _GRID + 1)}):
        best = tried(shifted(plan, kind, action, shift_s))
        if best is not None:
            high_s = shift_s
            break
        low_s = shift_s
    if best is None:
        return None
    while high_s - low_s > 1:
        middle_s = (low_s + high_s) // 2
        nearer = tried(shifted(plan, kind, action, middle_s))
        if nearer is None:
            low_s = middle_s
        else:
            best, high_s = nearer, middle_s
    return high_s, best
