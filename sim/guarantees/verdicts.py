"""A guarantee held against what happened: proved, holds, fails, undecided or vacuous."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Literal, TypedDict

from sim.guarantees.measured import why_vacuous
from sim.guarantees.proofs import Proofs
from sim.guarantees.statistics import (
    MANY,
    Judge,
    judged_in_turn,
    judged_once,
    judged_so_far,
    lower_bound,
    more_replications,
    upper_bound,
)
from sim.guarantees.witness import witness_of
from sim.results.tally import Tally
from sim.scenario.guarantees import Guarantee
from sim.world.outcome import Outcome

Answer = Literal["proved", "holds", "fails", "undecided", "vacuous"]

CONFIDENCE: Final = 0.95
"""Where the guarantee names none."""

ENOUGH: Final = 100
"""Replications that are named as an example to whoever made one."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one guarantee.

    Attributes:
        guarantee: as written.
        verdict: `proved`: no draw can break it; `holds`: the replications say so; `fails`; `undecided`: too
            few replications for the stated confidence; `vacuous`: nothing exercised it.
        observed: the measure; over several replications the one furthest from what is guaranteed.
            None where there was nothing to measure.
        reason: why, where the number alone does not say it.
        witness: a device that shows the failure.
        replication: in which it shows.
        proof: why no draw can break it, in a sentence; or why every run breaks it.
        replications: how many runs it was held against.
        broken: how many of them broke it.
    """

    guarantee: Guarantee
    verdict: Answer
    observed: float | None
    reason: str | None = None
    witness: str | None = None
    replication: int | None = None
    proof: str | None = None
    replications: int = 1
    broken: int = 0

    @property
    def passes(self) -> bool:
        """Whether a test that rests on it may pass."""
        return self.verdict in ("proved", "holds") or (
            self.verdict == "vacuous" and self.guarantee.allow_vacuous
        )


def judge(
    guarantee: Guarantee,
    tallies: Sequence[Tally],
    outcomes: Callable[[int], Iterable[Outcome]],
    *,
    proofs: Proofs | None = None,
    limit: int | None = None,
) -> Verdict:
    """Hold a guarantee against every replication, and against every draw where that can be done.

    Without `probability` it must be kept in each replication; with it, in at least that share of all possible
    ones, which `statistics` decides.

    Args:
        guarantee: as written.
        tallies: one a replication.
        outcomes: gives the outcomes of a replication's parts, to find a witness in.
        proofs: what is certain about the scenario; None: only the replications count.
        limit: up to which replications were added until the guarantees were decided, with a look after each;
            None: their number was settled before.
    """
    bound = guarantee.bound
    values = [bound.value(tally) for tally in tallies]
    kept = [bound.is_kept(value) for value in values]
    measured = [value for value in values if value is not None]
    empty = why_vacuous(guarantee, tallies[0], measured=bool(measured))
    if empty is not None and all(kept):
        return Verdict(guarantee, "vacuous", measured[0] if measured else None, empty, replications=len(kept))
    worst = max(measured) if guarantee.at_most is not None else min(measured)
    said = Verdict(guarantee, "holds", worst, replications=len(kept), broken=kept.count(False))
    proof = None if proofs is None else proofs.settle(guarantee, tallies[0])
    if proof is not None:
        assert all(one == proof.keeps for one in kept), f"a run contradicts the proof: {proof.sentence}"
        answer: Answer = "proved" if proof.keeps else "fails"
        said = replace(said, verdict=answer, proof=proof.sentence)
    elif guarantee.probability is None:
        said = _in_every_one(said)
    else:
        said = _in_a_share(said, kept, limit=limit)
    if said.verdict != "fails":
        return said
    replication = next((number for number, is_good in enumerate(kept) if not is_good), None)
    witness = None if replication is None else witness_of(guarantee, outcomes(replication))
    return replace(said, witness=witness, replication=replication)


class _Stated(TypedDict):
    probability: float
    confidence: float


def _in_every_one(said: Verdict) -> Verdict:
    n = said.replications
    if said.broken:
        return replace(
            said, verdict="fails", reason=None if n == 1 else f"broken in {said.broken:,} of {n:,}"
        )
    breaks = percent(_breaks_at_most(n))
    if n == 1:
        seen = (
            f"kept in 1 replication, which says little: up to {breaks} of replications could break it "
            f"({percent(CONFIDENCE)} confidence); if {ENOUGH:,} keep it, at most "
            f"{percent(_breaks_at_most(ENOUGH))} could"
        )
    else:
        seen = (
            f"kept in all {n:,} replications: at most {breaks} of replications could break it "
            f"({percent(CONFIDENCE)} confidence)"
        )
    return replace(said, reason=seen)


def _breaks_at_most(n: int) -> float:
    """The share of replications that can break what was kept in each of n."""
    return 1 - lower_bound(n, n, CONFIDENCE)


def _in_a_share(said: Verdict, kept: Sequence[bool], *, limit: int | None) -> Verdict:
    guarantee, n = said.guarantee, said.replications
    assert guarantee.probability is not None
    confidence = confidence_of(guarantee)
    stated = _Stated(probability=guarantee.probability, confidence=confidence)
    good = n - said.broken
    if limit is not None:
        answer, after = judged_in_turn(kept, **stated)
        good_then = sum(kept[:after])
        seen = f"kept in {good_then:,} of {after:,} replications"
        sure = f"that is clear with {percent(confidence)} confidence, looking after each of them"
        judge_later = partial(judged_so_far, **stated)
    else:
        answer = judged_once(good, n, **stated)
        seen = f"kept in {good:,} of {n:,} replications"
        low, high = lower_bound(good, n, confidence), upper_bound(good, n, confidence)
        side = f"at least {percent(low)}" if answer == "holds" else f"at most {percent(high)}"
        sure = f"with {percent(confidence)} confidence that is {side} of all cases"
        judge_later = partial(judged_once, **stated)
    if answer == "undecided":
        would = what_it_would_take(good, n, guarantee.probability, judge_later)
        is_open = (
            "too few to decide" if limit is None else f"not decided at the limit of {limit:,} replications"
        )
        sure = would if guarantee.probability >= 1.0 else f"{is_open}; {would}"
    return replace(said, verdict=answer, reason=f"{seen}: {sure}")


def what_it_would_take(good: int, n: int, probability: float, judge_later: Judge) -> str:
    """How many replications in all would decide what is open, in words.

    Args:
        good, n: how many of how many kept it.
        probability: the promised share.
        judge_later: what a number of good ones among more replications would be called.
    """
    if probability >= 1.0:
        return "no number of replications shows that something is kept in 100 % of cases"
    more = more_replications(good, n, judge_later)
    if more is not None:
        if good == n:
            return f"{n + more:,} in all would decide it if each keeps it"
        if good == 0:
            return f"{n + more:,} in all would decide it if none keeps it"
        return f"about {n + more:,} in all would probably decide it"
    # The share seen is the promised one, as if by accident; the true one is likely some way off.
    off = max(1, round(math.sqrt(n * probability * (1 - probability))))
    near = [more_replications(each, n, judge_later) for each in (max(0, good - off), min(n, good + off))]
    so_far = f"the share is {percent(probability)} so far"
    if None in near:
        return f"{so_far}, and {MANY:,} may not decide it either"
    return f"{so_far}, and about {n + max(each or 0 for each in near):,} in all would probably decide it"


class Look:
    """Follows a guarantee with a probability while replications are added.

    Args:
        guarantee: which.
        tallies: of the replications that there are; at least one.
        proofs: what is certain about the scenario.
    """

    def __init__(self, guarantee: Guarantee, tallies: Sequence[Tally], proofs: Proofs) -> None:
        assert guarantee.probability is not None
        self._bound = guarantee.bound
        self._stated = _Stated(probability=guarantee.probability, confidence=confidence_of(guarantee))
        self._good = self._n = 0
        first = tallies[0]
        is_empty = why_vacuous(guarantee, first, measured=True) is not None
        self.is_decided = is_empty or proofs.settle(guarantee, first) is not None
        for tally in tallies:
            self.add(tally)

    def add(self, tally: Tally) -> None:
        """One more replication; `is_decided` stays once it is true."""
        self._n += 1
        self._good += self._bound.is_kept(self._bound.value(tally))
        self.is_decided |= judged_so_far(self._good, self._n, **self._stated) != "undecided"


def confidence_of(guarantee: Guarantee) -> float:
    """How sure its verdict must be."""
    return CONFIDENCE if guarantee.confidence is None else guarantee.confidence


def percent(share: float) -> str:
    """A share for reading: three digits, or two of what is missing to 100 %, so that 99.99 % stays that."""
    if share <= 0.9:
        return f"{100 * share:.3g} %"
    missing = float(f"{100 * (1 - share):.2g}")
    return f"{100 - missing:.10g} %"
