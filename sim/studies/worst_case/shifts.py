"""A plan with one reserve specified later, or activated sooner."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeVar

from sim.world.plan import Plan, Reissue
from sim.world.timeline import play

_GRID: Final = 32
"""Even steps among which the first shift that breaks something is looked for."""

T = TypeVar("T")


@dataclass(frozen=True)
class Shift:
    """A reserve of a plan that can be moved.

    Attributes:
        plan: the plan as it is.
        kind: `later`: specified later, activated when planned; `sooner`: activated sooner.
        step: the step of the strategy that specifies it; None: automatic reissue.
    """

    plan: Plan
    kind: Literal["later", "sooner"]
    step: int | None

    @classmethod
    def all_of(cls, plan: Plan, kind: Literal["later", "sooner"]) -> Iterator[Shift]:
        """One for each reserve of a plan that can be moved so."""
        movable = ("after", "at expiry") if kind == "later" else ("after",)
        for action in plan.actions:
            if not isinstance(action, Reissue) or action.unfit or action.at_s >= plan.horizon_s:
                continue
            if action.activate in movable:
                yield cls(plan, kind, action.step)
        if kind == "later" and any(event.by == "automatic" for event in play(plan).events):
            yield cls(plan, kind, None)

    @property
    def _lead_s(self) -> int:
        """The lead of automatic reissue, at most the first certificate's remaining life."""
        assert self.plan.automatic_lead_s is not None
        return min(self.plan.automatic_lead_s, self.plan.first.not_after_s)

    @property
    def furthest_s(self) -> int:
        """The largest shift that makes sense."""
        if self.step is None:
            return self._lead_s
        reissue = self.plan.reissue(self.step)
        within_s = self.plan.horizon_s - 1 - reissue.at_s
        if reissue.after_s is None:
            return within_s
        return min(reissue.after_s, within_s) if self.kind == "later" else reissue.after_s

    def by(self, shift_s: int) -> Plan:
        """The plan with the reserve moved by so many seconds."""
        if self.step is None:
            return replace(self.plan, automatic_lead_s=self._lead_s - shift_s)
        moved = self.plan.reissue(self.step)
        if moved.after_s is not None:
            moved = replace(moved, after_s=moved.after_s - shift_s)
        if self.kind == "later":
            moved = replace(moved, at_s=moved.at_s + shift_s)
        return self.plan.with_action(self.step, moved)

    def moves_to(self, shift_s: int) -> int:
        """When the reserve is then specified or, if activated sooner, becomes main; in seconds."""
        if self.step is None:
            return self.plan.first.not_after_s - self._lead_s + shift_s
        reissue = self.plan.reissue(self.step)
        if self.kind == "later":
            return reissue.at_s + shift_s
        return reissue.at_s + (reissue.after_s or 0) - shift_s

    def least(self, broken: Callable[[Plan], T | None]) -> tuple[int, T] | None:
        """The least shift that breaks something, by halving between one that does not and one that does.

        Args:
            broken: what breaks under a plan; None: nothing.

        Returns:
            the shift in seconds, and what breaks under it; None where no shift is enough.
        """
        low_s, high_s, best = -1, self.furthest_s, None
        for shift_s in sorted({high_s * step // _GRID for step in range(_GRID + 1)}):
            best = broken(self.by(shift_s))
            if best is not None:
                high_s = shift_s
                break
            low_s = shift_s
        while best is not None and high_s - low_s > 1:
            middle_s = (low_s + high_s) // 2
            nearer = broken(self.by(middle_s))
            if nearer is None:
                low_s = middle_s
            else:
                best, high_s = nearer, middle_s
        return None if best is None else (high_s, best)
