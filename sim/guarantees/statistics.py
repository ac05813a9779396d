"""Exact confidence bounds for a probability seen in independent replications."""

from __future__ import annotations


def lower_bound(successes: int, trials: int, confidence: float) -> float:
    """The one-sided lower Clopper-Pearson bound (Biometrika 26, 1934): at least this with `confidence`."""
    if successes == 0:
        return 0.0
    from scipy.special import betaincinv

    return float(betaincinv(successes, trials - successes + 1, 1 - confidence))


def upper_bound(successes: int, trials: int, confidence: float) -> float:
    """The one-sided upper Clopper-Pearson bound: at most this with `confidence`."""
    return 1.0 - lower_bound(trials - successes, trials, confidence)
