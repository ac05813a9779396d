"""The law of a number of lost devices: independent, each with a probability of its own."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_DEVIATIONS: Final = 12.0
"""Standard deviations beyond which a number of lost devices is not followed: below 1e-30."""


@dataclass
class Law:
    """A Poisson-binomial law: independent devices, each lost with its own probability.

    Attributes:
        devices: how many have each probability.
    """

    devices: Counter[float] = field(default_factory=Counter)

    def add(self, devices: int, probability: float) -> None:
        """Add independent devices with a probability."""
        self.devices[probability] += devices
        self.__dict__.pop("distribution", None)

    @property
    def size(self) -> int:
        """How many devices there are."""
        return self.devices.total()

    @property
    def mean(self) -> float:
        """Expected number of lost devices."""
        return float(sum(n * p for p, n in self.devices.items()))

    @property
    def sd(self) -> float:
        """Standard deviation of the number of lost devices."""
        return float(np.sqrt(sum(n * p * (1 - p) for p, n in self.devices.items())))

    @cached_property
    def distribution(self) -> tuple[int, Floats]:
        """The least number that is followed, and the probability of it and each one above.

        What is left out on both sides has a probability below 1e-20.
        """
        parts = deque(_followed(n, p) for p, n in sorted(self.devices.items()))
        while len(parts) > 1:  # two neighbours at a time, so that both are about as long
            (first, some), (more, others) = parts.popleft(), parts.popleft()
            parts.append(_kept(first + more, _sum_of(some, others)))
        first, total = parts[0] if parts else (0, np.ones(1))
        return first, total / total.sum()

    def quantile(self, share: float) -> int:
        """The least number that is not exceeded with probability `share`."""
        first, probabilities = self.distribution
        place = int(np.searchsorted(np.cumsum(probabilities), share - 1e-12))
        return first + min(place, len(probabilities) - 1)

    def surely(self, share: float) -> int:
        """The same: nothing is drawn that it could err by."""
        return self.quantile(share)

    @property
    def doubt(self) -> float:
        """What the mean errs by at most; less than a hundredth of a device is nothing."""
        return 1e-6 * self.mean + 0.01

    def at_most(self, number: float) -> float:
        """The probability of losing at most so many."""
        first, probabilities = self.distribution
        return float(min(1.0, probabilities[: max(0, int(number) - first + 1)].sum()))


def _followed(n: int, probability: float) -> tuple[int, Floats]:
    """The binomial law of some devices, where it is followed: from the likeliest number outwards."""
    if probability in (0.0, 1.0):
        return int(n * probability), np.ones(1)
    spread = MOST_DEVIATIONS * np.sqrt(n * probability * (1 - probability)) + 3 * MOST_DEVIATIONS
    middle, odds = min(n, int((n + 1) * probability)), probability / (1 - probability)
    low, high = max(0, int(middle - spread)), min(n, int(middle + spread) + 1)
    up, down = np.arange(middle, high), np.arange(middle, low, -1)
    above, below = np.cumprod(odds * (n - up) / (up + 1)), np.cumprod(down / (n - down + 1) / odds)
    law = np.concatenate([below[::-1], [1.0], above])
    return _kept(low, law / law.sum())


def _sum_of(some: Floats, others: Floats) -> Floats:
    if min(len(some), len(others)) <= 256:
        return np.convolve(some, others)
    size = len(some) + len(others) - 1
    together: Floats = np.fft.irfft(np.fft.rfft(some, size) * np.fft.rfft(others, size), size)
    return together


def _kept(first: int, probabilities: Floats) -> tuple[int, Floats]:
    """Without what is nothing at both ends."""
    kept = np.flatnonzero(probabilities > 1e-300)
    return first + int(kept[0]), np.clip(probabilities[kept[0] : kept[-1] + 1], 0.0, None)
