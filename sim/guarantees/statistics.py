"""What independent replications say about the probability that a guarantee is kept (docs/guarantees.md).

A number of replications that was settled before is judged once, by the exact bounds of Clopper and Pearson.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

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
