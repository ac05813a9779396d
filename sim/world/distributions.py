"""Distributions of durations, drawn by inversion from two uniforms, in whole seconds (model 1.2, 5.3)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

KINDS: Final = ("constant", "exponential", "uniform", "lognormal", "weibull", "empirical")
LONGEST_S: Final = 1 << 52
"""No drawn duration is longer (140 million years): sums of instants stay far from the end of int64."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """A distribution of durations; every parameter that is a duration is in seconds.

    `a` and `b` are, by kind: constant (value, -), exponential (mean, -), uniform (low, high),
    lognormal (median, sigma), weibull (scale, shape), empirical (-, -) with `values`.

    Raises:
        ValueError: a parameter is impossible (negative, zero mean, low above high, no values).
    """

    kind: str
    a: float
    b: float = 0.0
    values: tuple[int, ...] = ()

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
        residual has density (1 - F(x)) / mean.

        Args:
            u: uniforms on [0, 1), shape (n,), of which the spell's length is made.
            v: a second uniform for the length.
            w: uniforms that place the instant within the spell.

        Returns:
            shape (n,), int64.
        """
        length = self._length_biased(u, v)
        remaining = np.minimum(np.ceil((1.0 - w) * length), LONGEST_S)
        return np.maximum(remaining, 1.0).astype(np.int64)

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
            case _:
                values = np.sort(np.maximum(np.array(self.values, dtype=np.float64), 1.0))
                upper = np.cumsum(values) / values.sum()
                at = np.minimum(np.searchsorted(upper, u, side="right"), len(values) - 1)
                return values[at]


def duration(kind: int, a: float, b: float, values: Sequence[int], u: float, v: float) -> int:
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
    return whole_seconds(float(values[int(u * len(values))]))


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
