"""Guarantees in words: what is promised, what was observed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.results.measures import MEASURES
from sim.text import number, span

if TYPE_CHECKING:
    from sim.guarantees.verdicts import Verdict
    from sim.scenario.guarantees import Guarantee


def promise(verdict: Verdict) -> str:
    """The guarantee in words."""
    return promise_of(verdict.guarantee)


def promise_of(g: Guarantee) -> str:
    """A guarantee in words."""
    words = [g.measure.replace("_", " ")]
    if g.quantile is not None:
        words.append(f"({100 * g.quantile:g} % of devices)")
    if g.within is not None:
        words.append(f"within {span(g.within)}")
    side, threshold = ("at most", g.at_most) if g.at_most is not None else ("at least", g.at_least)
    words.append(f"{side} {_value(g.measure, threshold)}")
    if g.probability is not None:
        words.append(f"in {100 * g.probability:g} % of cases")
    of = [part for part in (g.group, g.platform) if part]
    return " ".join(words) + (f", {', '.join(of)}" if of else "")


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
    seen = _value(verdict.guarantee.measure, value)
    if n == 1:
        return seen
    return f"{seen} in the worst of {n:,} replications"


def _value(measure: str, value: float | None) -> str:
    if value is None:
        return "nothing to measure"
    match MEASURES[measure].unit:
        case "duration":
            return "not within the run" if value == float("inf") else span(int(value))
        case "share":
            return f"{100 * value:.6g} %"
        case "days":
            return f"{number(value)} {'day' if value == 1 else 'days'}"
        case "hours":
            return f"{number(value)} h"
    return number(value)
