"""What remains of a spell that is met in equilibrium."""

from __future__ import annotations

import math

import numpy as np

from sim.probabilities.stretches import Floats
from sim.world.distributions import Distribution


def residual_survival(law: Distribution, at_s: Floats) -> Floats:
    """P(what remains of a spell met in equilibrium > t), at every t of `at_s` in seconds; the same shape.

    It is the integral of the survival function from t on, divided by the mean.
    """
    match law.kind:
        case "constant":
            return np.clip(1.0 - at_s / max(law.a, 1.0), 0.0, 1.0)
        case "exponential":
            return np.exp(-at_s / law.a)
        case "uniform":
            low, high = law.a, law.b
            below = np.clip(low - at_s, 0.0, None)
            if low == high:
                return below / law.mean_s
            within = np.clip(high - np.maximum(at_s, low), 0.0, None) ** 2 / (2.0 * (high - low))
            return (below + within) / law.mean_s
        case "lognormal":
            z = _standardized(law, at_s)
            if law.b == 0.0:
                return np.clip(1.0 - at_s / law.a, 0.0, 1.0)
            return np.clip(_normal_above(z - law.b) - at_s / law.mean_s * _normal_above(z), 0.0, 1.0)
        case "weibull":
            from scipy.special import gammaincc

            remaining: Floats = gammaincc(1.0 / law.b, (at_s / law.a) ** law.b)
            return remaining
        case "empirical":
            values = np.sort(np.maximum(np.array(law.values, dtype=np.float64), 1.0))
            above = np.concatenate([np.cumsum(values[::-1])[::-1], [0.0]])
            first = np.searchsorted(values, at_s, side="right")
            left: Floats = (above[first] - at_s * (len(values) - first)) / values.sum()
            return left
        case "still_away":
            instants, shares = law.points
            t, share = np.array([0.0, *instants]), np.array([1.0, *shares])
            pieces = np.diff(t) * (share[:-1] + share[1:]) / 2
            after = np.concatenate([np.cumsum(pieces[::-1])[::-1], [0.0]])
            piece = np.clip(np.searchsorted(t, at_s, side="right") - 1, 0, len(pieces) - 1)
            here = np.interp(at_s, t, share)
            ends = np.minimum(at_s, t[-1])
            over: Floats = (t[piece + 1] - ends) * (here + share[piece + 1]) / 2 + after[piece + 1]
            return over / law.mean_s
    raise ValueError(f"no survival function of {law.kind} is known here")


def _standardized(law: Distribution, at_s: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        deviations: Floats = np.log(at_s) - math.log(law.a)
        return deviations / law.b if law.b else np.where(deviations < 0, -np.inf, np.inf)


def _normal_above(z: Floats) -> Floats:
    from scipy.special import ndtr

    above: Floats = ndtr(-z)
    return above
