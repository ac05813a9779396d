"""Guarantees in words: what is promised, what was observed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.results.measures import MEASURES

if TYPE_CHECKING:
    from sim.guarantees.verdicts import Verdict


def promise(verdict: Verdict) -> str:
    """The guarantee in words."""
    return verdict.guarantee.promise


def observed(verdict: Verdict, *, first_replication: int = 0) -> str:
    """What was measured, why that is the verdict, and a device that shows it.

    Args:
        verdict: of a guarantee.
        first_replication: the number under which the first one is told.
    """
    parts = [_seen(verdict), *(why for why in (verdict.proof or verdict.reason,) if why)]
    if verdict.witness:
        several = verdict.replications > 1 and verdict.replication is not None
        where = f" in replication {first_replication + (verdict.replication or 0)}" if several else ""
        parts.append(f"for example {verdict.witness}{where}")
    return "; ".join(parts)


def _seen(verdict: Verdict) -> str:
    """The measure; of several replications the one furthest from what was promised."""
    value, n = verdict.observed, verdict.replications
    if value is None:
        return "nothing to measure"
    seen = MEASURES[verdict.guarantee.measure].in_words(value)
    if n == 1:
        return seen
    return f"{seen} in the worst of {n:,} replications"
