"""What independent replications say about the probability that a guarantee is kept (docs/guarantees.md).

Two designs, each with its own test. A fixed number of replications is judged once, by the exact bounds of
Clopper and Pearson. Replications that are added until the answer is clear are judged after each one, which
those bounds do not allow: there a likelihood ratio decides that keeps its error over any number of looks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Answer = Literal["holds", "fails", "undecided"]
Judge = Callable[[int, int], Answer]
"""An answer from (replications that kept it, replications)."""

MANY: Final = 1_000_000
"""Replications beyond which nobody goes (language, `replications`)."""


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


def log_evidence(good: ArrayLike, n: ArrayLike, *, probability: float) -> tuple[NDArray[np.float64], ...]:
    """How much better a share above, and one below, explains what was seen than `probability` itself does.

    The likelihood ratio of a uniform mixture of the shares q in (p, 1) against p, and the same of (0, p):

        ∫ (q/p)^S ((1-q)/(1-p))^F dq / (1-p)  over (p, 1),  and over (0, p), divided by p,

    with S replications that kept it and F that broke it. Where the true share is p or less, the first is a
    supermartingale that begins at 1, so it ever reaches c with a probability of at most 1/c (Ville, 1939;
    Robbins, Ann. Math. Statist. 41, 1970); where it is p or more, the second.

    Args:
        good: how many replications kept it, scalar or array.
        n: of how many, same shape.
        probability: p, strictly between 0 and 1.

    Returns:
        natural logarithms, float64, of the shape of the arguments; stable up to a million replications.
    """
    from scipy.special import betainc, betaincc, betaln

    s = np.asarray(good, dtype=np.float64)
    f = np.asarray(n, dtype=np.float64) - s
    log_p, log_q = math.log(probability), math.log1p(-probability)
    whole = betaln(s + 1, f + 1) - s * log_p - f * log_q
    with np.errstate(divide="ignore"):
        above = whole + np.log(betaincc(s + 1, f + 1, probability)) - log_q
        below = whole + np.log(betainc(s + 1, f + 1, probability)) - log_p
    return above, below


def judged_so_far(good: int, n: int, *, probability: float, confidence: float) -> Answer:
    """What n replications say where one looks after each of them, and may stop or go on as one likes.

    A wrong `holds`, or a wrong `fails`, ever comes with a probability of at most 1 - confidence.
    """
    if probability >= 1.0:
        return "fails" if good < n else "undecided"
    above, below = log_evidence(good, n, probability=probability)
    needed = -math.log1p(-confidence)
    if above >= needed:
        return "holds"
    return "fails" if below >= needed else "undecided"


def judged_in_turn(kept: ArrayLike, *, probability: float, confidence: float) -> tuple[Answer, int]:
    """The first answer of `judged_so_far`, and after how many replications; `undecided` after all.

    Args:
        kept: whether each replication kept it, in order, bool.
        probability, confidence: as written.
    """
    kept = np.asarray(kept, dtype=np.bool_)
    n = np.arange(1, len(kept) + 1)
    good = np.cumsum(kept)
    if probability >= 1.0:
        clear = good < n
    else:
        above, below = log_evidence(good, n, probability=probability)
        clear = np.maximum(above, below) >= -math.log1p(-confidence)
    if not clear.any():
        return "undecided", len(kept)
    first = int(clear.argmax())
    told = judged_so_far(int(good[first]), first + 1, probability=probability, confidence=confidence)
    return told, first + 1


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
