"""Distributions of durations, drawn by inversion from two uniforms, in whole seconds (model 1.2, 5.3)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

KINDS: Final = ("constant", "exponential", "uniform", "lognormal", "weibull", "empirical", "still_away")
LONGEST_S: Final = 1 << 52
"""No drawn duration is longer (140 million years): sums of instants stay far from the end of int64."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """A distribution of durations; every parameter that is a duration is in seconds.

    `a` and `b` are, by kind: constant (value, -), exponential (mean, -), uniform (low, high),
    lognormal (median, sigma), weibull (scale, shape), empirical (-, -) with `values`, still_away (-, -)
    with `values`: the instants of its points, then the share that is still away at each.

    Raises:
        ValueError: a parameter is impossible (negative, zero mean, low above high, no values).
    """

    kind: str
    a: float
    b: float = 0.0
    values: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Refuse impossible parameters, naming what would be right."""
        if self.kind not in KINDS:
            raise ValueError(f"the kind of a distribution is one of {', '.join(KINDS)}")
        if not (math.isfinite(self.a) and math.isfinite(self.b)):
            raise ValueError("the parameters of a distribution are finite numbers")
        if self.kind == "constant" and self.a < 0:
            raise ValueError("a constant duration is not negative")
        if self.kind == "exponential" and self.a <= 0:
            raise ValueError("the mean of an exponential is longer than 0s")
        if self.kind == "uniform" and not 0 <= self.a <= self.b:
            raise ValueError("uniform takes [LOW, HIGH] with 0s <= LOW <= HIGH")
        if self.kind == "uniform" and self.b == 0:
            raise ValueError("the high end of a uniform is longer than 0s")
        if self.kind == "lognormal" and (self.a <= 0 or self.b < 0):
            raise ValueError("lognormal takes a median longer than 0s and a sigma of at least 0")
        if self.kind == "weibull" and (self.a <= 0 or self.b <= 0):
            raise ValueError("weibull takes a scale longer than 0s and a shape above 0")
        if self.kind == "empirical" and (not self.values or min(self.values) < 0):
            raise ValueError("empirical takes at least one duration, none negative")
        if self.kind == "still_away":
            instants, shares = self.points
            if not instants or not all(a < b for a, b in pairwise((0.0, *instants))):
                raise ValueError("still_away takes points after 0s, in order")
            if not all(a >= b >= 0.0 for a, b in pairwise((1.0, *shares))) or shares[-1] != 0.0:
                raise ValueError("the shares of still_away fall from 100 % to 0 %")
        if not self.mean_s < LONGEST_S:
            raise ValueError("the mean of the distribution is longer than any run")

    @classmethod
    def constant(cls, value_s: int) -> Distribution:
        """Always `value_s`; 0 is allowed here, and refused where 0 makes no sense."""
        return cls("constant", float(value_s))

    @classmethod
    def exponential(cls, mean_s: float) -> Distribution:
        """Exponential with mean `mean_s`."""
        return cls("exponential", float(mean_s))

    @classmethod
    def uniform(cls, low_s: float, high_s: float) -> Distribution:
        """Uniform between `low_s` and `high_s`."""
        return cls("uniform", float(low_s), float(high_s))

    @classmethod
    def lognormal(cls, median_s: float, sigma: float) -> Distribution:
        """Lognormal: the logarithm is normal with mean ln(median) and standard deviation `sigma`."""
        return cls("lognormal", float(median_s), float(sigma))

    @classmethod
    def weibull(cls, scale_s: float, shape: float) -> Distribution:
        """Weibull with survival exp(-(t/scale)^shape)."""
        return cls("weibull", float(scale_s), float(shape))

    @classmethod
    def empirical(cls, values_s: tuple[int, ...]) -> Distribution:
        """One of `values_s`, each as likely as the others."""
        return cls("empirical", 0.0, 0.0, tuple(values_s))

    @classmethod
    def still_away(cls, points: Iterable[tuple[float, float]]) -> Distribution:
        """After so many seconds this share is still away; in between it falls in a straight line.

        Args:
            points: (seconds, share), from the first after 0 s to the one at which the share is 0.
        """
        instants, shares = zip(*points, strict=True)
        return cls("still_away", 0.0, 0.0, (*map(float, instants), *map(float, shares)))

    @property
    def points(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Of `still_away`: the instants in seconds, and the shares."""
        half = len(self.values) // 2
        return self.values[:half], self.values[half:]

    @property
    def mean_s(self) -> float:
        """Expectation in seconds, before rounding to whole seconds."""
        match self.kind:
            case "uniform":
                return (self.a + self.b) / 2
            case "lognormal":
                return finite_exp(math.log(self.a) + self.b * self.b / 2)
            case "weibull":
                return finite_exp(math.log(self.a) + math.lgamma(1 + 1 / self.b))
            case "empirical":
                return sum(self.values) / len(self.values)
            case "still_away":
                begins, ends, high, low = self._pieces()
                return float(np.sum((ends - begins) * (high + low) / 2))
            case _:
                return self.a

    @property
    def is_random(self) -> bool:
        """Whether two draws can differ."""
        match self.kind:
            case "constant":
                return False
            case "uniform":
                return self.a != self.b
            case "lognormal":
                return self.b > 0
            case "empirical":
                return len(set(self.values)) > 1
            case _:
                return True

    @property
    def longest_s(self) -> float:
        """The longest possible draw in seconds; infinity where there is none (model 9.3)."""
        match self.kind:
            case "constant":
                return max(1.0, self.a)
            case "uniform":
                return max(1.0, float(math.floor(self.b + 0.5)))
            case "empirical":
                return max(1.0, float(max(self.values)))
            case "still_away":
                instants, shares = self.points
                return max(1.0, float(math.floor(instants[shares.index(0.0)] + 0.5)))
            case _:
                return math.inf if self.is_random else max(1.0, float(math.floor(self.a + 0.5)))

    @property
    def code(self) -> int:
        """The kind as a number: its index in `KINDS`."""
        return KINDS.index(self.kind)

    def draw(self, u: float, v: float) -> int:
        """A duration in whole seconds from two independent uniforms on [0, 1) (model 1.2).

        A constant is itself, 0 included; anything drawn is at least 1.
        """
        return duration(self.code, self.a, self.b, self.values, u, v)

    def residuals(
        self, u: NDArray[np.float64], v: NDArray[np.float64], w: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        """What remains of a spell met at a random instant, in whole seconds, at least 1 (model 5.3).

        The spell met has the length-biased distribution (density x f(x) / mean) and the instant is
        uniform within it (the inspection paradox; Cox, Renewal Theory, 1962, section 5.2), so the
        residual has density (1 - F(x)) / mean. Of the uniforms on [0, 1), u and v make the length, and w
        places the instant in it.
        """
        length = self._length_biased(u, v)
        remaining = np.minimum(np.ceil((1.0 - w) * length), LONGEST_S)
        return np.maximum(remaining, 1.0).astype(np.int64)

    def remaining(self, silent_s: NDArray[np.int64], u: NDArray[np.float64]) -> NDArray[np.int64]:
        """What remains of a spell that has lasted `silent_s` already, in whole seconds (model 5.3).

        By inversion: it is longer than w with probability S(a + w) / S(a), S the survival function, at
        every whole second. Where a difference of large numbers would lose the answer, far in the tail, it
        is written without one. `LONGEST_S` where S(a) is 0, which the law cannot explain.
        """
        lasted = silent_s.astype(np.float64)
        with np.errstate(divide="ignore", over="ignore"):
            left = np.ceil(self._left_of(lasted, u))
        remains = np.maximum(np.minimum(left, LONGEST_S), 1.0)
        return np.where(self.survival(lasted) > 0.0, remains, LONGEST_S).astype(np.int64)

    def lasts_s(self, share: float) -> float:
        """The seconds after which this share still lasts, by bisection."""
        low, high = 0.0, 1.0
        while high < 1e12 and float(self.survival(np.array([high]))[0]) > share:
            high *= 2
        for _ in range(60):
            middle = (low + high) / 2
            is_longer = float(self.survival(np.array([middle]))[0]) > share
            low, high = (middle, high) if is_longer else (low, middle)
        return high

    def survival(self, instant_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probability of a draw longer than the instant, before rounding; 0 or more, but never rounded
        to 0 where it is not."""
        ends_s = math.inf
        tail: NDArray[np.float64]
        match self.kind:
            case "uniform":
                ends_s = self.b
                tail = (self.b - instant_s) / max(self.b - self.a, 1e-9)
            case "empirical":
                values = np.sort(np.maximum(np.array(self.values, dtype=np.float64), 1.0))
                ends_s = float(values[-1])
                tail = 1.0 - np.searchsorted(values, instant_s, side="right") / len(values)
            case "still_away":
                instants, shares = self.points
                ends_s = instants[shares.index(0.0)]
                tail = np.interp(instant_s, (0.0, *instants), (1.0, *shares))
            case "exponential":
                tail = np.exp(-instant_s / self.a)
            case "weibull":
                tail = np.exp(-((instant_s / self.a) ** self.b))
            case "lognormal" if self.b > 0:
                from scipy.special import ndtr

                with np.errstate(divide="ignore"):
                    tail = ndtr((math.log(self.a) - np.log(instant_s)) / self.b)
            case _:
                ends_s = self.a
                tail = np.ones_like(instant_s)
        return np.where(instant_s < ends_s, np.clip(tail, np.finfo(np.float64).tiny, 1.0), 0.0)

    def _left_of(self, lasted: NDArray[np.float64], u: NDArray[np.float64]) -> NDArray[np.float64]:
        """The w at which S(lasted + w) = (1 - u) S(lasted)."""
        match self.kind:
            case "exponential":
                return -self.a * np.log1p(-u)
            case "uniform":
                low = np.maximum(self.a, lasted)
                return low - lasted + u * (self.b - low)
            case "weibull":
                hazard = (lasted / self.a) ** self.b
                more = -np.log1p(-u)
                far = lasted * np.expm1(np.log1p(more / np.where(hazard > 0, hazard, 1.0)) / self.b)
                return np.where(hazard > 0, far, self.a * np.exp(np.log(more) / self.b))
            case "lognormal" if self.b > 0:
                from scipy.special import log_ndtr, ndtri_exp

                z = (np.log(np.maximum(lasted, 1e-300)) - math.log(self.a)) / self.b
                later: NDArray[np.float64] = -ndtri_exp(np.log1p(-u) + log_ndtr(-z))
                far = np.maximum(lasted, 1e-300) * np.expm1(np.minimum(self.b * (later - z), 700.0))
                fresh = np.exp(np.minimum(math.log(self.a) + self.b * later, 700.0))
                return np.where(lasted > 0, far, fresh)
            case "empirical":
                values = np.sort(np.maximum(np.array(self.values, dtype=np.float64), 1.0))
                gone = np.searchsorted(values, lasted, side="right")
                at = gone + (u * (len(values) - gone)).astype(np.int64)
                return values[np.minimum(at, len(values) - 1)] - lasted
            case "still_away":
                begins, ends, high, low = self._pieces()
                share = (1.0 - u) * self.survival(lasted)
                piece = np.searchsorted(-low, -share, side="right")  # the first that ends below the share
                piece = np.minimum(piece, len(low) - 1)
                fall = np.where(high > low, high - low, 1.0)[piece]
                reached = begins[piece] + (high[piece] - share) / fall * (ends - begins)[piece]
                return reached - lasted
            case _:
                return self.a - lasted

    def _pieces(self) -> tuple[NDArray[np.float64], ...]:
        """Of `still_away`: begin, end, share at the begin and share at the end of each piece."""
        instants, shares = self.points
        t, s = np.array([0.0, *instants]), np.array([1.0, *shares])
        return t[:-1], t[1:], s[:-1], s[1:]

    def _length_biased(self, u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
        match self.kind:
            case "constant":
                return np.full(u.shape, self.a)
            case "exponential":  # Gamma(2): the sum of two exponentials
                return -self.a * (np.log(1.0 - u) + np.log(1.0 - v))
            case "uniform":
                low2, high2 = self.a * self.a, self.b * self.b
                return np.sqrt(low2 + u * (high2 - low2))
            case "lognormal":
                z = np.sqrt(-2.0 * np.log(1.0 - u)) * np.cos(2.0 * math.pi * v)
                log_length = np.minimum(math.log(self.a) + self.b * self.b + self.b * z, math.log(LONGEST_S))
                return np.exp(log_length)
            case "weibull":
                from scipy.special import gammaincinv

                hazard: NDArray[np.float64] = gammaincinv(1.0 + 1.0 / self.b, u)
                with np.errstate(divide="ignore"):
                    log_length = math.log(self.a) + np.log(hazard) / self.b
                return np.exp(np.minimum(log_length, math.log(LONGEST_S)))
            case "still_away":  # one piece, then a length within it, each weighed by its length
                begins, ends, high, low = self._pieces()
                weights = (high - low) * (begins + ends) / 2
                upper = np.cumsum(weights) / weights.sum()
                piece = np.searchsorted(upper, u, side="right")
                piece = np.minimum(piece, int(np.flatnonzero(weights)[-1]))
                within = (u - (upper - weights / weights.sum())[piece]) / (weights / weights.sum())[piece]
                begins2, ends2 = begins[piece] ** 2, ends[piece] ** 2
                length: NDArray[np.float64] = np.sqrt(begins2 + np.clip(within, 0.0, 1.0) * (ends2 - begins2))
                return length
            case _:
                values = np.sort(np.maximum(np.array(self.values, dtype=np.float64), 1.0))
                upper = np.cumsum(values) / values.sum()
                at = np.minimum(np.searchsorted(upper, u, side="right"), len(values) - 1)
                return values[at]


def duration(kind: int, a: float, b: float, values: Sequence[float], u: float, v: float) -> int:
    """A duration in whole seconds from two uniforms on [0, 1); see `Distribution` for the parameters.

    Plain scalar arithmetic, so that the same lines compile: both engines draw with them.
    """
    if kind == 0:
        return int(a)
    if kind == 1:
        return whole_seconds(-a * math.log(1.0 - u))
    if kind == 2:
        return whole_seconds(a + u * (b - a))
    if kind == 3:
        return whole_seconds(a * finite_exp(b * standard_normal(u, v)))
    if kind == 4:
        hazard = -math.log(1.0 - u)
        return 1 if hazard == 0.0 else whole_seconds(a * finite_exp(math.log(hazard) / b))
    if kind == 5:
        return whole_seconds(float(values[int(u * len(values))]))
    half, share = len(values) // 2, 1.0 - u
    begins, high, i = 0.0, 1.0, 0
    while values[half + i] >= share:  # the last share is 0, and `share` is not
        begins, high = values[i], values[half + i]
        i += 1
    return whole_seconds(begins + (high - share) / (high - values[half + i]) * (values[i] - begins))


def whole_seconds(duration_s: float) -> int:
    """Round to the nearest whole second, halves up, at least 1, at most `LONGEST_S` (model 1.2)."""
    if duration_s >= LONGEST_S:
        return LONGEST_S
    return max(1, math.floor(duration_s + 0.5))


def standard_normal(u: float, v: float) -> float:
    """A standard normal from two uniforms on [0, 1) (Box and Muller, 1958)."""
    return math.sqrt(-2.0 * math.log(1.0 - u)) * math.cos(2.0 * math.pi * v)


def finite_exp(exponent: float) -> float:
    """The exponential function, infinite where it would overflow."""
    return math.exp(exponent) if exponent < 700.0 else math.inf
