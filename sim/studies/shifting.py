"""A plan with one reserve specified later, or activated sooner."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from sim.world.plan import Plan, Reissue

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
