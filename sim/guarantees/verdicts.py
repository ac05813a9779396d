"""A guarantee held against what happened: proved, exact, holds, fails, undecided or vacuous."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Literal

import numpy as np

from sim.guarantees.proofs import Proofs
from sim.results.measures import Bound, Selected
from sim.results.tally import Tally
from sim.scenario.schema import Guarantee
from sim.world.outcome import Outcome

Answer = Literal["proved", "exact", "holds", "fails", "undecided", "vacuous"]
Chance = Callable[[Bound], tuple[float, float] | None]
"""The probability that a bound is kept, and what that errs by; None where it is not computed."""
Judge = Callable[[int, int], Answer]
"""An answer from (replications that kept it, replications)."""

MANY: Final = 1_000_000
"""Replications beyond which nobody goes (language, `replications`)."""

CONFIDENCE: Final = 0.95
"""Where the guarantee names none."""

ENOUGH: Final = 100
"""Replications that are named as an example to whoever made one."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one guarantee."""

    guarantee: Guarantee  # as written
    # `proved`: no draw can break it; `exact`: kept with the stated probability, as is computed (model
    # 13); `holds`: the replications say so; `fails`; `undecided`: too few replications for the stated
    # confidence; `vacuous`: nothing exercised it
    verdict: Answer
    # the measure; over several replications the one furthest from what is guaranteed. None where there
    # was nothing to measure
    observed: float | None
    reason: str | None = None  # why, where the number alone does not say it
    witness: str | None = None  # a device that shows the failure
    replication: int | None = None  # in which it shows
    proof: str | None = None  # why no draw can break it, in a sentence; or why every run breaks it
    replications: int = 1  # how many runs it was held against
    broken: int = 0  # how many of them broke it

    @property
    def passes(self) -> bool:
        """Whether a test that rests on it may pass."""
        allowed = self.verdict == "vacuous" and self.guarantee.allow_vacuous
        return allowed or self.verdict in ("proved", "exact", "holds")


def judge(
    guarantee: Guarantee,
    tallies: Sequence[Tally],
    outcomes: Callable[[int], Iterable[Outcome]],
    *,
    proofs: Proofs | None = None,
    chance: Chance | None = None,
) -> Verdict:
    """Hold a guarantee against every replication, and against every draw where that can be done.

    Without `probability` it must be kept in each replication; with it, in at least that share of all possible
    ones, which the exact bounds of Clopper and Pearson decide.

    Args:
        guarantee: as written.
        tallies: one a replication.
        outcomes: gives the outcomes of a replication's parts, to find a witness in.
        proofs: what is certain about the scenario; None: only the replications count.
        chance: computes probabilities, for guarantees that name one; None: only the replications count.
    """
    bound = guarantee.bound
    values = [bound.value(tally) for tally in tallies]
    kept = [bound.is_kept(value) for value in values]
    measured = [value for value in values if value is not None]
    empty = why_vacuous(bound, tallies[0], measured=bool(measured))
    if empty is not None and all(kept):
        return Verdict(guarantee, "vacuous", measured[0] if measured else None, empty, replications=len(kept))
    worst = max(measured) if bound.at_most is not None else min(measured)
    verdict = Verdict(guarantee, "holds", worst, replications=len(kept), broken=kept.count(False))
    proof = None if proofs is None else proofs.settle(bound, tallies[0])
    if proof is not None:
        assert all(each == proof.keeps for each in kept), f"a run contradicts the proof: {proof.sentence}"
        answer: Answer = "proved" if proof.keeps else "fails"
        verdict = replace(verdict, verdict=answer, proof=proof.sentence)
    elif guarantee.probability is None:
        verdict = _in_every_one(verdict)
    else:
        computed = None if chance is None else chance(bound)
        verdict = _in_a_share(verdict, guarantee.probability, computed)
    if verdict.verdict != "fails" or all(kept):
        return verdict
    first = kept.index(False)
    return replace(verdict, replication=first, witness=witness_of(bound, outcomes(first)))


def why_vacuous(bound: Bound, tally: Tally, *, measured: bool) -> str | None:
    """Why nothing exercised a bound; None where something did."""
    if Selected(tally, bound.selection).measure("devices") == 0:
        return "it is about no device"
    changed = len(tally.coverage_held) > 0
    expired = any(event.name == "certificate expired" for event in tally.events)
    if bound.entry.decided_by != "scenario" and not (changed or expired):
        return "the main certificate neither changed nor expired within the run"
    return None if measured else bound.entry.nothing


def witness_of(bound: Bound, parts: Iterable[Outcome]) -> str | None:
    """The device that shows how a bound was broken; None where no single one does.

    It is the first in device order that counts where it should not, or does not where it should; of a measure
    with a quantile, the one with the greatest value, or the least where it should be greater.
    """
    if "quantile" in bound.entry.keys:
        return _extreme(bound, parts)
    for outcome in parts:
        where = np.flatnonzero(bound.counting(outcome))
        if len(where):
            return outcome.roster.name(int(where[0]))
    return None


def _extreme(bound: Bound, parts: Iterable[Outcome]) -> str | None:
    """Of a measure with a quantile, the lost device with the greatest value, or the least if it should be."""
    alone, sign = bound.entry.alone, 1.0 if bound.at_most is not None else -1.0
    assert alone is not None
    best: tuple[float, str] | None = None
    for outcome in parts:
        members = bound.selection.devices(outcome.roster)
        where = np.flatnonzero(members & (outcome.devices.lost_at_s >= 0))
        values = sign * alone(outcome)[where]
        if len(where) and (best is None or values.max() > best[0]):
            best = float(values.max()), outcome.roster.name(int(where[values.argmax()]))
    return None if best is None else best[1]


# --- the replications ----------------------------------------------------------------------------------


def _in_every_one(verdict: Verdict) -> Verdict:
    n = verdict.replications
    if verdict.broken:
        reason = None if n == 1 else f"broken in {verdict.broken:,} of {n:,}"
        return replace(verdict, verdict="fails", reason=reason)
    could, sure = percent(_breaks_at_most(n)), f"({percent(CONFIDENCE)} confidence)"
    seen = f"kept in all {n:,} replications: at most {could} of replications could break it {sure}"
    if n == 1:
        seen = f"kept in the one run made, which proves little: try --replications {ENOUGH}"
    return replace(verdict, reason=seen)


def _breaks_at_most(n: int) -> float:
    """The share of replications that can break what was kept in each of n."""
    return 1 - lower_bound(n, n, CONFIDENCE)


def _in_a_share(verdict: Verdict, probability: float, computed: tuple[float, float] | None) -> Verdict:
    if computed is not None and abs(computed[0] - probability) > computed[1]:
        answer: Answer = "exact" if computed[0] >= probability else "fails"
        return replace(verdict, verdict=answer, reason=f"computed: kept in {percent(computed[0])} of cases")
    n, confidence = verdict.replications, verdict.guarantee.confidence or CONFIDENCE
    good = n - verdict.broken
    later = partial(judged_once, probability=probability, confidence=confidence)
    answer = later(good, n)
    low, high = lower_bound(good, n, confidence), upper_bound(good, n, confidence)
    side = f"at least {percent(low)}" if answer == "holds" else f"at most {percent(high)}"
    why = f"with {percent(confidence)} confidence that is {side} of all cases"
    if answer == "undecided":
        would = what_it_would_take(good, n, probability, later)
        why = would if probability >= 1.0 else f"too few to decide; {would}"
    return replace(verdict, verdict=answer, reason=f"kept in {good:,} of {n:,} replications: {why}")


def what_it_would_take(good: int, n: int, probability: float, judge_later: Judge) -> str:
    """How many replications in all would decide what is open, in words."""
    if probability >= 1.0:
        return "no number of replications shows that something is kept in 100 % of cases"
    more = more_replications(good, n, judge_later)
    if more is not None:
        if 0 < good < n:
            return f"about {n + more:,} in all would probably decide it"
        return f"{n + more:,} in all would decide it if {'each' if good else 'none'} keeps it"
    # The share seen is the promised one, as if by accident; the true one is likely some way off.
    off = max(1, round(math.sqrt(n * probability * (1 - probability))))
    shares = (max(0, good - off), min(n, good + off))
    near = [more_replications(each, n, judge_later) for each in shares]
    so_far = f"the share is {percent(probability)} so far"
    if None in near:
        return f"{so_far}, and {MANY:,} may not decide it either"
    return f"{so_far}, and about {n + max(each or 0 for each in near):,} in all would probably decide it"


# --- what replications say -----------------------------------------------------------------------------


def lower_bound(successes: int, trials: int, confidence: float) -> float:
    """The one-sided lower Clopper-Pearson bound (Biometrika 26, 1934): at least this with `confidence`."""
    if successes == 0:
        return 0.0
    from scipy.special import betaincinv

    return float(betaincinv(successes, trials - successes + 1, 1 - confidence))


def upper_bound(successes: int, trials: int, confidence: float) -> float:
    """The one-sided upper Clopper-Pearson bound: at most this with `confidence`."""
    return 1.0 - lower_bound(trials - successes, trials, confidence)


def judged_once(good: int, n: int, *, probability: float, confidence: float) -> Answer:
    """What n replications say, of which `good` kept it; n was settled before the first of them was seen."""
    if lower_bound(good, n, confidence) >= probability:
        return "holds"
    return "fails" if upper_bound(good, n, confidence) < probability else "undecided"


def more_replications(good: int, n: int, judge: Judge) -> int | None:
    """How many more replications would decide if the share seen stays; None where a million would not.

    Exact where all that were seen kept it, or none did: the answer is monotone then. Else about so many, as
    the share of whole replications is rounded against the answer that comes.
    """
    if good in (0, n):

        def decides(m: int) -> bool:
            return judge(m if good else 0, m) != "undecided"

    else:

        def decides(m: int) -> bool:
            return judge(good * m // n, m) == "holds" or judge(-(-good * m // n), m) == "fails"

    step = 1
    while n + step <= MANY and not decides(n + step):
        step *= 2
    low, high = n + step // 2, min(n + step, MANY)
    if not decides(high):
        return None
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    return high - n


# --- in words ------------------------------------------------------------------------------------------


def observed(verdict: Verdict, *, first_replication: int = 0) -> str:
    """What was measured, why that is the verdict, and a device that shows it."""
    parts = [verdict.guarantee.bound.entry.in_words(verdict.observed), verdict.proof or verdict.reason]
    if verdict.observed is not None and verdict.replications > 1:
        parts[0] = f"{parts[0]} in the worst of {verdict.replications:,} replications"
    if verdict.witness:
        several = verdict.replications > 1 and verdict.replication is not None
        where = f" in replication {first_replication + (verdict.replication or 0)}" if several else ""
        parts.append(f"for example {verdict.witness}{where}")
    return "; ".join(part for part in parts if part)


def percent(share: float) -> str:
    """A share for reading: three digits, or two of what is missing to 100 %, so that 99.99 % stays that."""
    if share <= 0.9:
        return f"{100 * share:.3g} %"
    missing = float(f"{100 * (1 - share):.2g}")
    return f"{100 - missing:.10g} %"
