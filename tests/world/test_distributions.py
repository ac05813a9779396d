"""Distributions: their laws against SciPy's, rounding, and the equilibrium start (model 1.2, 5.3)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, stats

from sim.world.distributions import LONGEST_S, Distribution, whole_seconds
from sim.world.draws import Draws, Purpose

HOUR = 3600
FALSE_ALARM = 1e-6
N = 40_000

# kind, ours, the same law in SciPy
LAWS = [
    (Distribution.exponential(16 * HOUR), stats.expon(scale=16 * HOUR)),
    (Distribution.uniform(2 * HOUR, 9 * HOUR), stats.uniform(2 * HOUR, 7 * HOUR)),
    (Distribution.lognormal(8 * HOUR, 1.1), stats.lognorm(1.1, scale=8 * HOUR)),
    (Distribution.weibull(10 * HOUR, 0.6), stats.weibull_min(0.6, scale=10 * HOUR)),
    (Distribution.weibull(10 * HOUR, 2.5), stats.weibull_min(2.5, scale=10 * HOUR)),
]


class _StillAway(stats.rv_continuous):
    """Half are still away after 3 h, a fifth after 9 h, nobody after 30 h."""

    def _cdf(self, x: np.ndarray) -> np.ndarray:
        return 1 - np.interp(x, [0, 3 * HOUR, 9 * HOUR, 30 * HOUR], [1, 0.5, 0.2, 0])

    def _stats(self) -> tuple[float, None, None, None]:
        return HOUR * (3 * 0.75 + 6 * 0.35 + 21 * 0.1), None, None, None


STILL_AWAY = Distribution.still_away(((3 * HOUR, 0.5), (9 * HOUR, 0.2), (30 * HOUR, 0.0)))
LAWS.append((STILL_AWAY, _StillAway(a=0, b=30 * HOUR)()))
IDS = [ours.kind + f"-{ours.b:g}" for ours, _ in LAWS]


def uniforms(purpose: Purpose) -> tuple[np.ndarray, np.ndarray]:
    return Draws.of(1, 0).pairs(np.arange(N, dtype=np.uint64), purpose)


@pytest.mark.parametrize(("ours", "theirs"), LAWS, ids=IDS)
def test_draws_follow_the_law(ours: Distribution, theirs: stats.rv_frozen) -> None:
    u, v = uniforms(Purpose.ON_SPELL)
    drawn = np.array([ours.draw(*pair) for pair in zip(u, v, strict=True)])
    # A draw is rounded to whole seconds, half a second in hours: far below what the test resolves.
    assert stats.kstest(drawn, theirs.cdf).pvalue > FALSE_ALARM


@pytest.mark.parametrize(("ours", "theirs"), LAWS, ids=IDS)
def test_the_mean_is_the_laws(ours: Distribution, theirs: stats.rv_frozen) -> None:
    assert ours.mean_s == pytest.approx(theirs.mean(), rel=1e-12)


@pytest.mark.parametrize(("ours", "theirs"), LAWS, ids=IDS)
def test_residuals_follow_the_equilibrium_law(ours: Distribution, theirs: stats.rv_frozen) -> None:
    """The residual's distribution function is 1/mean times the integral of the survival function."""
    u, v = uniforms(Purpose.START_PLACE)
    w, _ = uniforms(Purpose.START)
    residuals = np.sort(ours.residuals(u, v, w))
    grid = np.quantile(residuals, np.linspace(0, 1, 400))
    steps = [integrate.quad(theirs.sf, a, b)[0] for a, b in zip(np.r_[0, grid[:-1]], grid, strict=True)]
    law = np.cumsum(steps) / theirs.mean()
    seen = np.searchsorted(residuals, grid, side="right") / N
    # Dvoretzky-Kiefer-Wolfowitz: sup |F_n - F| exceeds this with probability below FALSE_ALARM.
    assert np.abs(seen - law).max() < math.sqrt(math.log(2 / FALSE_ALARM) / (2 * N)) + 1e-4


def test_the_residual_of_a_constant_is_uniform_over_its_seconds() -> None:
    """A spell of 10 s met at a random second: 1 to 10 s remain, each as likely."""
    u, v = uniforms(Purpose.START_PLACE)
    w, _ = uniforms(Purpose.START)
    counts = np.bincount(Distribution.constant(10).residuals(u, v, w), minlength=11)
    assert counts[0] == 0
    assert len(counts) == 11
    assert stats.chisquare(counts[1:]).pvalue > FALSE_ALARM


def test_the_residual_of_observed_durations_weighs_the_long_ones() -> None:
    """Of 1 s and 9 s, a random second meets the 9 s nine times in ten: 2 to 9 s remain 8 times in 10."""
    u, v = uniforms(Purpose.START_PLACE)
    w, _ = uniforms(Purpose.START)
    residuals = Distribution.empirical((1, 9)).residuals(u, v, w)
    long = int((residuals >= 2).sum())
    assert stats.binomtest(long, N, 0.8).pvalue > FALSE_ALARM
    assert residuals.min() >= 1
    assert residuals.max() == 9


@pytest.mark.parametrize(
    ("drawn", "whole"),
    [
        (0.0, 1),
        (0.4, 1),
        (0.5, 1),
        (1.49, 1),
        (1.5, 2),
        (2.5, 3),
        (3.4999, 3),
        (1e30, LONGEST_S),
        (math.inf, LONGEST_S),
    ],
)
def test_a_drawn_duration_is_a_whole_second_and_at_least_one(drawn: float, whole: int) -> None:
    assert whole_seconds(drawn) == whole


def test_a_constant_may_be_zero() -> None:
    assert Distribution.constant(0).draw(0.7, 0.2) == 0


@pytest.mark.parametrize("u", [0.0, 1 - 2**-53])
@pytest.mark.parametrize("v", [0.0, 0.5, 1 - 2**-53])
@pytest.mark.parametrize("law", [ours for ours, _ in LAWS] + [Distribution.empirical((3, 4))], ids=str)
def test_the_extreme_uniforms_give_a_duration(law: Distribution, u: float, v: float) -> None:
    assert 1 <= law.draw(u, v) <= LONGEST_S
    residual = law.residuals(np.array([u]), np.array([v]), np.array([v]))
    assert 1 <= residual[0] <= LONGEST_S


def test_an_observed_duration_is_drawn_as_often_as_any_other() -> None:
    u, v = uniforms(Purpose.OFF_SPELL)
    law = Distribution.empirical((5, 7, 7, 11))
    drawn = np.array([law.draw(*pair) for pair in zip(u, v, strict=True)])
    counts = [int((drawn == value).sum()) for value in (5, 7, 11)]
    assert sum(counts) == N
    assert stats.chisquare(counts, [N / 4, N / 2, N / 4]).pvalue > FALSE_ALARM


@pytest.mark.parametrize(
    ("law", "longest_s"),
    [
        (Distribution.constant(30), 30),
        (Distribution.constant(0), 1),
        (Distribution.uniform(5, 9.6), 10),
        (Distribution.empirical((3, 8)), 8),
        (Distribution.exponential(5), math.inf),
        (Distribution.lognormal(60, 0.0), 60),
        (STILL_AWAY, 30 * HOUR),
    ],
)
def test_the_longest_draw_is_known_where_there_is_one(law: Distribution, longest_s: float) -> None:
    assert law.longest_s == longest_s


@pytest.mark.parametrize(
    "make",
    [
        lambda: Distribution.constant(-1),
        lambda: Distribution.exponential(0),
        lambda: Distribution.exponential(math.nan),
        lambda: Distribution.exponential(math.inf),
        lambda: Distribution.uniform(5, 4),
        lambda: Distribution.uniform(-1, 4),
        lambda: Distribution.uniform(0, 0),
        lambda: Distribution.lognormal(0, 1),
        lambda: Distribution.lognormal(1, -1),
        lambda: Distribution.lognormal(3600, 40),
        lambda: Distribution.weibull(0, 1),
        lambda: Distribution.weibull(1, 0),
        lambda: Distribution.empirical(()),
        lambda: Distribution.empirical((1, -1)),
        lambda: Distribution("gamma", 1.0),
        lambda: Distribution.still_away(((10, 0.5),)),
        lambda: Distribution.still_away(((10, 0.5), (20, 0.6), (30, 0.0))),
        lambda: Distribution.still_away(((10, 0.5), (10, 0.0))),
        lambda: Distribution.still_away(((0, 0.5), (10, 0.0))),
        lambda: Distribution.still_away(((10, 1.5), (20, 0.0))),
    ],
)
def test_impossible_parameters_are_refused(make: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        make()  # type: ignore[operator]
