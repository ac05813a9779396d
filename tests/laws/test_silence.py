"""Silence so far (model 5.3): closed forms of P(lost | silent for a), on both engines.

A device silent for a misses its reserve, specified in second 0 and main at W, if it comes on at W or later:
P(remaining >= W) = S(a + W - 1) / S(a). Exact in whole seconds, since a device that comes on catches up.
Judged by an exact binomial test that a right engine fails once in a million runs.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from sim.fleet.engine import simulate as fleet_engine
from sim.processes.engine import simulate as process_engine
from sim.world.certificates import Certificate
from sim.world.distributions import LONGEST_S, Distribution
from sim.world.draws import Draws, Purpose, identity_of_group
from sim.world.fleet import Fleet, Profile, Roster, Spells
from sim.world.plan import Plan, Reissue

DAY_S = 86_400
FALSE_ALARM = 1e-6
N = 1000
STILL_AWAY = ((10, 0.5), (35, 0.1), (120, 0.05), (400, 0.0))

LAWS = {
    "exponential": (Distribution.exponential(20 * DAY_S), stats.expon(scale=20 * DAY_S).sf),
    "Weibull, heavy": (Distribution.weibull(10 * DAY_S, 0.6), stats.weibull_min(0.6, scale=10 * DAY_S).sf),
    "Weibull, light": (Distribution.weibull(60 * DAY_S, 2.0), stats.weibull_min(2.0, scale=60 * DAY_S).sf),
    "lognormal": (Distribution.lognormal(3 * DAY_S, 1.4), stats.lognorm(1.4, scale=3 * DAY_S).sf),
    "constant": (Distribution.constant(100 * DAY_S), lambda t: float(t < 100 * DAY_S)),
    "still away": (
        Distribution.still_away((day * DAY_S, share) for day, share in STILL_AWAY),
        lambda t: float(np.interp(t / DAY_S, [0, 10, 35, 120, 400], [1, 0.5, 0.1, 0.05, 0])),
    ),
}


def silent_fleet(off: Distribution, silent_s: int, n: int, *, seed: int = 5) -> Fleet:
    profile = Profile(
        "listed", "android", DAY_S, 0, 1.0, True, Spells(Distribution.exponential(50 * DAY_S), off)
    )
    zeros = np.zeros(n, dtype=np.int32)
    roster = Roster(
        profiles=(profile,),
        groups=("listed",),
        profile=zeros,
        group=zeros,
        identity=np.uint64(identity_of_group("listed") % 2**63) + np.arange(n, dtype=np.uint64),
        phase_s=np.full(n, 100, dtype=np.int64),
        silent=np.ones(n, dtype=np.bool_),
        seen=np.zeros(n, dtype=np.bool_),
        holds_reserve=np.zeros(n, dtype=np.bool_),
        numbered=(n,),
        ids=((),),
        silent_for_s=np.full(n, silent_s, dtype=np.int64),
    )
    return Fleet.start(roster, Draws.of(seed, 0))


@pytest.mark.parametrize("engine", ["process", "fleet"])
@pytest.mark.parametrize("silent_days", [1, 10, 40, 99, 100, 300])
@pytest.mark.parametrize("name", LAWS)
def test_lost_given_the_silence(name: str, silent_days: int, engine: str) -> None:
    off, sf = LAWS[name]
    delay_s, silent_s = 14 * DAY_S, silent_days * DAY_S
    plan = Plan(
        delay_s + 1,
        Certificate(0, "custom", 0, 1000 * DAY_S, "a"),
        actions=(Reissue(0, "after", delay_s),),
        sample_s=1 << 40,
    )
    simulate = process_engine if engine == "process" else fleet_engine
    lost = int((simulate(plan, silent_fleet(off, silent_s, N)).devices.lost_at_s >= 0).sum())
    p_lost = sf(silent_s + delay_s - 1) / sf(silent_s) if sf(silent_s) > 0 else 1.0
    if p_lost in (0.0, 1.0):
        assert lost == N * p_lost
    else:
        assert stats.binomtest(lost, N, p_lost).pvalue >= FALSE_ALARM


def test_the_silence_matters() -> None:
    """Drawn as of any absence, 40 days of silence would not differ from two; the test above would see it."""
    off, sf = LAWS["lognormal"]
    of_two, of_forty = (sf((a + 14) * DAY_S) / sf(a * DAY_S) for a in (2, 40))
    assert stats.binomtest(round(N * of_two), N, of_forty).pvalue < FALSE_ALARM
    assert off.mean_s > 0


@pytest.mark.parametrize("name", [name for name in LAWS if name != "constant"])
def test_a_fleet_in_equilibrium_is_unchanged_by_its_list(name: str) -> None:
    """Ages drawn from the law, then what remains given the age: the residual in equilibrium again."""
    off, _ = LAWS[name]
    draws, who = Draws.of(3, 0), np.arange(20_000, dtype=np.uint64)
    u, v = draws.pairs(who, Purpose.ON_SPELL)
    w, x = draws.pairs(who, Purpose.OFF_SPELL)
    y, z = draws.pairs(who, Purpose.START_PLACE)
    ages = off.residuals(u, v, w)
    left, plain = off.remaining(ages, x), off.residuals(y, z, draws.pairs(who, Purpose.START)[0])
    assert stats.ks_2samp(left, plain).pvalue > FALSE_ALARM


@pytest.mark.parametrize(
    ("off", "silent_s", "first"),
    [
        (Distribution.constant(100), 99, 1),
        (Distribution.constant(100), 100, LONGEST_S),  # the list contradicts the law
        (Distribution.constant(100), 101, LONGEST_S),
        (Distribution.uniform(50, 100), 99, 1),
        (Distribution.uniform(50, 100), 100, LONGEST_S),
        (Distribution.empirical((10, 100)), 99, 1),
        (Distribution.empirical((10, 100)), 100, LONGEST_S),
        (Distribution.still_away(((10, 0.5), (100, 0.0))), 99, 1),
        (Distribution.still_away(((10, 0.5), (100, 0.0))), 100, LONGEST_S),
        (Distribution.lognormal(100, 0.0), 99, 1),
        (Distribution.lognormal(100, 0.0), 100, LONGEST_S),
    ],
    ids=str,
)
def test_what_the_law_cannot_explain_stays_off(off: Distribution, silent_s: int, first: int) -> None:
    fleet = silent_fleet(off, silent_s, 20)
    assert not fleet.starts_on.any()
    assert fleet.first_spell_s.tolist() == [first] * 20


@pytest.mark.parametrize(
    ("off", "silent_s", "u", "remains"),
    [
        # far in the tail the difference of two large numbers would say nothing
        (Distribution.weibull(1.0, 2.0), 10**9, 0.5, math.log(2) / 2e9),
        (Distribution.weibull(3600.0, 0.5), 10**12, 0.5, math.log(2) * 2 * math.sqrt(3600.0 * 1e12)),
        (Distribution.exponential(1e4), 10**12, 0.5, 1e4 * math.log(2)),
        (Distribution.lognormal(60.0, 0.1), 10**6, 1 - math.exp(-1), None),
    ],
)
def test_far_in_the_tail(off: Distribution, silent_s: int, u: float, remains: float | None) -> None:
    left = int(off.remaining(np.array([silent_s]), np.array([u]))[0])
    if remains is None:  # Mills: the logarithm of the survival falls by 1
        z = math.log(silent_s / off.a) / off.b
        remains = silent_s * off.b * (1 / z)
    assert left == pytest.approx(max(1.0, remains), rel=1e-2, abs=1.0)
