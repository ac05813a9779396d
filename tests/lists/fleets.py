"""Synthetic fleets in equilibrium: the age of the last contact, and the silence still to come, exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

DAY_S = 86_400.0
PERIOD_S = 21_600
ON_MEAN_S = 20 * DAY_S
_QUANTILES = (np.arange(200_000) + 0.5) / 200_000
LAWS = {
    "exponential": -10 * DAY_S * np.log(1 - _QUANTILES),
    "weibull": 4 * DAY_S * (-np.log(1 - _QUANTILES)) ** (1 / 0.6),
    "lognormal": 3 * DAY_S * np.exp(1.3 * norm.ppf(_QUANTILES)),
    "still away": DAY_S * np.interp(_QUANTILES, [0, 0.5, 0.9, 1], [0, 10, 35, 120]),
}
"""Absences by law, in seconds: the middles of 200,000 classes of equal probability, sorted."""


@dataclass(frozen=True)
class Fleet:
    ages_s: NDArray[np.int64]
    silence_s: NDArray[np.float64]


def fleet(law: str, n: int, rng: np.random.Generator) -> Fleet:
    """Devices with exponential spells on, absences by the law, a fixed grid of attempts, and catching up.

    A device that is off was met in an absence drawn by length, at a uniform point of it (renewal theory); its
    last contact lies at the last attempt of the spell before, or at its beginning.
    """
    absences = LAWS[law]
    is_on = rng.random(n) < ON_MEAN_S / (ON_MEAN_S + absences.mean())
    since_attempt = rng.random(n) * PERIOD_S
    on_before, on_after = rng.exponential(ON_MEAN_S, (2, n))
    to_attempt = PERIOD_S - since_attempt
    fresh = rng.choice(absences, n)
    met = absences[np.searchsorted(np.cumsum(absences) / absences.sum(), rng.random(n))]
    part = rng.random(n)
    age = np.minimum(since_attempt, on_before) + np.where(is_on, 0, part * met)
    left = np.where(on_after > to_attempt, to_attempt, on_after + fresh)
    return Fleet(age.astype(np.int64), np.where(is_on, left, (1 - part) * met))
