"""Probabilities without simulation against closed forms (model 9.4), hand counts, and simulated fleets.

The closed forms are derived without any code of `sim.exact`. Comparisons with simulated fleets have a
false-alarm rate of 1e-6 each.
"""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

from sim.fleet.engine import simulate
from sim.probabilities.grid import Habit, Start, residual_survival
from sim.probabilities.law import Law
from sim.probabilities.losses import Losses, NotExactError, Solver, losses
from sim.probabilities.renewal import chances
from sim.world.certificates import Certificate
from sim.world.distributions import Distribution
from sim.world.draws import Draws, identity_of_group
from sim.world.fleet import PHASE_IS_DRAWN, Away, Fleet, Presence, Profile, Roster, Spells
from sim.world.plan import Disturbance, Gate, Holiday, Outage, Plan, Push, Recovery, Reissue, RestorePrevious
from sim.world.timeline import play

HOUR, DAY = 3600, 86_400
EXPONENTIAL = Distribution.exponential
CERTIFICATE = Certificate(0, "custom", 0, 400 * DAY, "a")


def roster_of(profile: Profile, n: int, *, phase_s: int = PHASE_IS_DRAWN, **columns: Any) -> Roster:
    """n devices of a kind, with some columns by name."""
    no = np.zeros(n, dtype=np.bool_)
    given = {"silent": no, "seen": no, "holds_reserve": no, **columns}
    return Roster(
        profiles=(profile,),
        groups=("exact",),
        profile=np.zeros(n, dtype=np.int32),
        group=np.zeros(n, dtype=np.int32),
        identity=np.arange(n, dtype=np.uint64) + np.uint64(identity_of_group("exact")),
        phase_s=np.full(n, phase_s, dtype=np.int64),
        numbered=(n,),
        ids=((),),
        **given,
    )


def phones(
    presence: Presence = "always",
    *,
    every_s: int = 6 * HOUR,
    jitter_s: int = 0,
    success: float = 1.0,
    catch_up: bool = True,
) -> Profile:
    return Profile("exact", "android", every_s, jitter_s, success, catch_up, presence)


def delayed(delay_s: int, *, at_s: int = 10 * DAY, outages: tuple[Outage, ...] = ()) -> Plan:
    reissue = Reissue(at_s, "after", delay_s, issuer="custom")
    return Plan(at_s + delay_s + DAY, CERTIFICATE, actions=(reissue,), outages=outages, sample_s=DAY)


def probability(profile: Profile, plan: Plan, **columns: Any) -> float:
    return losses(plan, play(plan), roster_of(profile, 1, **columns)).law().mean


# --- closed forms ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [1, 3, 5, 6, 7])
def test_always_on_is_lost_with_one_minus_delay_over_period(hours: int) -> None:
    assert probability(phones(), delayed(hours * HOUR)) == pytest.approx(max(0.0, 1 - hours / 6), abs=1e-12)


@pytest.mark.parametrize("hours", [3, 6, 20, 100])
@pytest.mark.parametrize("success", [0.3, 0.9])
def test_independent_failures(hours: int, success: float) -> None:
    n, f = divmod(hours / 6, 1)
    expected = (1 - success) ** n * (1 - f * success)
    assert probability(phones(success=success), delayed(hours * HOUR)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("hours", [6, 15, 24, 48, 120])
def test_exponential_spells_without_catch_up(hours: int) -> None:
    a, b, every = 16 * HOUR, 8 * HOUR, 6 * HOUR
    on = a / (a + b)
    r = 1 - on * (1 - math.exp(-(1 / a + 1 / b) * every))
    n, f = divmod(hours * HOUR / every, 1)

    def still(k: float) -> float:
        return 1.0 if k == 0 else (1 - on) * r ** (k - 1)

    expected = (1 - f) * still(n) + f * still(n + 1)
    found = probability(phones(Spells(EXPONENTIAL(a), EXPONENTIAL(b)), catch_up=False), delayed(hours * HOUR))
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)


def lognormal_residual(w: float) -> float:
    z = (math.log(w) - math.log(8 * HOUR)) / 1.1
    mean = 8 * HOUR * math.exp(1.21 / 2)
    return float(stats.norm.cdf(1.1 - z) - w / mean * stats.norm.cdf(-z))


RESIDUALS = {
    "exponential": (EXPONENTIAL(8 * HOUR), lambda w: math.exp(-w / (8 * HOUR))),
    "weibull": (
        Distribution.weibull(8 * HOUR, 0.7),
        lambda w: float(special.gammaincc(1 / 0.7, (w / (8 * HOUR)) ** 0.7)),
    ),
    "lognormal": (Distribution.lognormal(8 * HOUR, 1.1), lognormal_residual),
}


@pytest.mark.parametrize("law", RESIDUALS)
@pytest.mark.parametrize("days", [1, 3])
def test_catching_up_with_a_short_period(law: str, days: int) -> None:
    """The closed form is the limit of short periods; halving the period twice tells the limit."""
    off, expected = RESIDUALS[law]
    spells = Spells(EXPONENTIAL(16 * HOUR), off)
    long, half, quarter = (
        probability(phones(spells, every_s=every_s), delayed(days * DAY)) for every_s in (3600, 1800, 900)
    )
    limit = (4 * (2 * quarter - half) - (2 * half - long)) / 3
    share = off.mean_s / (16 * HOUR + off.mean_s)
    assert limit == pytest.approx(share * expected(days * DAY), abs=1e-6)


ABSENCES = [
    EXPONENTIAL(5 * DAY),
    Distribution.weibull(5 * DAY, 0.6),
    Distribution.lognormal(3 * DAY, 1.2),
    Distribution.uniform(0, 90 * DAY),
    Distribution.still_away([(10 * DAY, 0.5), (35 * DAY, 0.1), (120 * DAY, 0.0)]),
]


@pytest.mark.parametrize("off", ABSENCES, ids=lambda law: law.kind)
@pytest.mark.parametrize("age_days", [1, 20, 60])
def test_silence_so_far(off: Distribution, age_days: int) -> None:
    """P(lost | silent a) = S(a + W) / S(a) where every return synchronizes (model 5.3)."""
    silent = {"silent": np.ones(1, dtype=np.bool_), "silent_for_s": np.array([age_days * DAY])}
    now, later = off.survival(np.array([age_days * DAY, (age_days + 14) * DAY], dtype=np.float64))
    found = probability(phones(Spells(EXPONENTIAL(DAY), off)), delayed(14 * DAY, at_s=0), **silent)
    assert found == pytest.approx(later / now, abs=1e-9)


def test_an_absence_that_the_law_cannot_explain_lasts() -> None:
    silent = {"silent": np.ones(1, dtype=np.bool_), "silent_for_s": np.array([40 * DAY])}
    spells = Spells(EXPONENTIAL(DAY), Distribution.uniform(DAY, 30 * DAY))
    assert probability(phones(spells), delayed(30 * DAY, at_s=0), **silent) == 1.0


def test_jitter_at_both_ends_of_the_delay() -> None:
    """Three periods, jitter half a period, success 70 %: by hand, over where the ends fall in the jitter.

    With probability 1/2 no jitter meets an end: 0.3 cubed. Else two attempts lie inside, and one at each end
    with shares x and 1 - x: 0.3 squared times the mean of (1 - 0.7 x)(1 - 0.7 (1 - x)) = 0.3 + 0.49 / 6.
    """
    expected = 0.5 * 0.3**3 + 0.5 * 0.3**2 * (0.3 + 0.49 / 6)
    always = probability(phones(jitter_s=3 * HOUR, success=0.7), delayed(18 * HOUR))
    assert always == pytest.approx(expected, abs=1e-5)
    for_ever = Spells(Distribution.constant(10**9), Distribution.constant(1))
    habit = Habit(6 * HOUR, 3 * HOUR, 0.7, True, for_ever)
    ((spelled,),) = chances([habit], [Start(30 * HOUR, "on")], [(18 * HOUR, 0)])
    assert spelled.mean == pytest.approx(expected, abs=1e-6)


def test_a_fixed_phase_is_counted_by_hand() -> None:
    """Attempts at 1:00, 7:00, …; a delay of one hour brings nothing, one hour and a second brings all."""
    for delay_s, expected in ((HOUR, 1.0), (HOUR + 1, 0.0)):
        assert probability(phones(), delayed(delay_s), phase_s=HOUR) == expected


def test_written_absences_are_counted_by_hand() -> None:
    """Away from day 10 to 13, the reserve from day 10: a return one second before the switch is in time."""
    away = Away(((10 * DAY, 13 * DAY),))
    assert probability(phones(away), delayed(3 * DAY), phase_s=HOUR) == 1.0
    assert probability(phones(away), delayed(3 * DAY + 1), phase_s=HOUR) == 0.0
    late = phones(away, catch_up=False)
    assert probability(late, delayed(3 * DAY + HOUR), phase_s=HOUR) == 1.0
    assert probability(late, delayed(3 * DAY + HOUR + 1), phase_s=HOUR) == 0.0


@pytest.mark.parametrize("law", [EXPONENTIAL(9), Distribution.uniform(3, 8), Distribution.lognormal(5, 1.0)])
@pytest.mark.parametrize("at_s", [0.0, 2.0, 5.0, 20.0])
def test_what_remains_in_equilibrium_is_the_integral_of_the_survival(law: Distribution, at_s: float) -> None:
    grid = np.linspace(at_s, 2000.0, 2_000_001)
    tail = np.trapezoid(law.survival(grid), grid) / law.mean_s
    assert residual_survival(law, np.array([at_s]))[0] == pytest.approx(tail, abs=1e-6)


# --- several changes, hours, holidays: by hand ----------------------------------------------------------


@pytest.mark.parametrize(
    ("second_s", "expected"), [(20 * DAY, 1 / 2), (20 * DAY + HOUR, 2 / 3), (20 * DAY + 3 * HOUR, 1)]
)
def test_lost_at_either_of_two_changes(second_s: int, expected: float) -> None:
    """Each delay of half a period misses half of the phases: the same, or others."""
    again = Reissue(second_s, "after", 3 * HOUR, issuer="custom")
    plan = delayed(3 * HOUR)
    twice = replace(plan, horizon_s=21 * DAY, actions=(*plan.actions, again))
    for_ever = Spells(Distribution.constant(10**9), Distribution.constant(1))
    for presence in ("always", for_ever):
        assert probability(phones(presence), twice) == pytest.approx(expected, abs=1e-6)


def test_nobody_is_spared_by_a_later_change_that_is_immediate() -> None:
    plan = delayed(DAY)
    again = Reissue(11 * DAY + HOUR, "immediately", issuer="custom")
    assert probability(phones(), replace(plan, horizon_s=20 * DAY, actions=(*plan.actions, again))) == 1.0


OFFICE = tuple((day * DAY + 8 * HOUR, day * DAY + 16 * HOUR) for day in range(13))
FOR_EVER = Spells(Distribution.exponential(10**13), Distribution.exponential(DAY))


@pytest.mark.parametrize("presence", ["always", FOR_EVER], ids=["always", "spells"])
@pytest.mark.parametrize("jitter_s", [0, HOUR])
def test_hours_are_counted_by_hand(presence: Presence, jitter_s: int) -> None:
    """On from 8 to 16, the reserve from midnight to noon: who missed an attempt in the night comes at 8.

    A daily attempt between 8 and noon is in time. One between noon and 16 is not, nor was the last missed.
    """
    office = {"every_s": DAY, "jitter_s": jitter_s}
    missed = probability(replace(phones(presence, **office), hours=OFFICE), delayed(12 * HOUR))
    assert missed == pytest.approx(1 / 6, abs=2e-5 if jitter_s else 1e-6)
    no_catch_up = replace(phones(presence, catch_up=False, **office), hours=OFFICE)
    assert probability(no_catch_up, delayed(12 * HOUR)) == pytest.approx(5 / 6, abs=2e-5)
    half = probability(replace(phones(presence, success=0.5, every_s=DAY), hours=OFFICE), delayed(12 * HOUR))
    assert half == pytest.approx((20 / 24) * 0.5 + 4 / 24, abs=1e-6)


@pytest.mark.parametrize("presence", ["always", FOR_EVER], ids=["always", "spells"])
def test_holidays_are_a_mixture_of_who_is_away(presence: Presence) -> None:
    """Away for all of the delay, or at its first half only, or for one of another group."""
    away = (
        Holiday("all", 9 * DAY, 12 * DAY, 0.25),
        Holiday("first", 9 * DAY, 10 * DAY + 3 * HOUR, 0.5),
        Holiday("others", 9 * DAY, 12 * DAY, 1.0, frozenset({"others"})),
    )
    plan = replace(delayed(6 * HOUR), holidays=away)
    for catch_up, expected in ((True, 0.25), (False, 0.25 + 0.75 * 0.5 * 0.5)):
        found = probability(phones(presence, catch_up=catch_up), plan)
        assert found == pytest.approx(expected, abs=1e-6)


# --- sums -----------------------------------------------------------------------------------------------


def test_one_kind_of_device_is_binomial() -> None:
    law = Law()
    law.add(1000, 0.02)
    first, probabilities = law.distribution
    k = np.arange(first, first + len(probabilities))
    assert probabilities == pytest.approx(stats.binom.pmf(k, 1000, 0.02), abs=1e-15)
    assert (law.mean, law.sd) == (pytest.approx(20), pytest.approx(math.sqrt(19.6)))
    quantiles = [law.quantile(q) for q in (0.05, 0.5, 0.95)]
    assert quantiles == stats.binom.ppf([0.05, 0.5, 0.95], 1000, 0.02).tolist()


def test_several_kinds_are_poisson_binomial() -> None:
    law = Law()
    law.add(3, 0.1)
    law.add(2, 0.5)
    law.add(1, 1.0)
    first, probabilities = law.distribution
    whole = np.zeros(7)
    whole[first : first + len(probabilities)] = probabilities
    expected = np.polynomial.polynomial.polypow([0.9, 0.1], 3)
    for factor in ([0.5, 0.5], [0.5, 0.5], [0.0, 1.0]):
        expected = np.polynomial.polynomial.polymul(expected, factor)
    assert whole == pytest.approx(expected, abs=1e-14)
    assert law.at_most(0) == 0.0
    assert law.at_most(6) == pytest.approx(1.0, abs=1e-15)


# --- simulated fleets -----------------------------------------------------------------------------------


def is_explained(found: Losses, lost: int) -> bool:
    """Whether so many lost devices have a probability above 1e-6, counted on both sides."""
    law = found.law()
    return law.at_most(lost) > 5e-7 and 1.0 - law.at_most(lost - 1) > 5e-7


def generated(seed: int) -> tuple[Profile, Plan]:
    """A kind of device and a plan at random: laws, jitter, failures, outages, hours, holidays, changes."""
    random = Random(seed)

    def law() -> Distribution:
        mean = random.choice([3, 8, 20, 60]) * HOUR
        laws = (
            EXPONENTIAL(mean),
            Distribution.uniform(mean // 2, mean * 2),
            Distribution.lognormal(mean, random.choice([0.5, 1.1])),
            Distribution.weibull(mean, random.choice([0.6, 1.5])),
        )
        return random.choice(laws)

    every_s = random.choice([1, 6, 24]) * HOUR
    profile = phones(
        Spells(law(), law()),
        every_s=every_s,
        jitter_s=random.choice([0, 0, every_s // 4, every_s // 2]),
        success=random.choice([1.0, 0.95, 0.6]),
        catch_up=random.random() < 0.7,
    )
    delay_s = random.choice([1, 2, 5]) * DAY
    at_s = random.choice([0, 5, 48]) * HOUR
    begin = at_s + random.randrange(delay_s)
    outages = (Outage(begin, begin + random.choice([1, 9]) * HOUR),) if random.random() < 0.5 else ()
    plan = delayed(delay_s, at_s=at_s, outages=outages)
    if random.random() < 0.4:
        first, last = random.choice([(7, 18), (9, 12)])
        hours = tuple((day * DAY + first * HOUR, day * DAY + last * HOUR) for day in range(9) if day % 7 != 5)
        profile = replace(profile, hours=hours)
    if random.random() < 0.3:
        leave = Holiday("leave", begin - 5 * HOUR, begin + random.choice([4, 40]) * HOUR, random.random())
        plan = replace(plan, holidays=(leave,))
    if random.random() < 0.2:
        away = Away(((at_s + HOUR, at_s + 7 * HOUR), (at_s + 20 * HOUR, at_s + 33 * HOUR)))
        profile = replace(profile, presence=random.choice([away, "always"]))
    if random.random() < 0.3:
        again = Reissue(at_s + delay_s + DAY, "after", 30 * HOUR, issuer="custom")
        plan = replace(plan, horizon_s=plan.horizon_s + 3 * DAY, actions=(*plan.actions, again))
    return profile, plan


def compare(seed: int, devices: int) -> None:
    profile, plan = generated(seed)
    roster = roster_of(profile, devices)
    try:
        found = losses(plan, play(plan), roster)
    except NotExactError as refusal:
        print(f"seed {seed}: refused, {refusal}")
        return
    outcome = simulate(plan, Fleet.start(roster, Draws.of(seed, 0)))
    lost = int(np.count_nonzero(outcome.devices.lost_at_s >= 0))
    law = found.law()
    z = (lost - law.mean) / (law.sd or 1.0)
    print(f"seed {seed}: {lost:,} of {devices:,} lost, {law.mean:,.1f} expected, z {z:.2f}")
    assert is_explained(found, lost), (profile, plan.actions, plan.outages, law.mean, law.sd, lost)


@pytest.mark.parametrize("seed", range(12))
def test_simulated_fleets_lose_what_the_probability_says(seed: int) -> None:
    compare(seed, 40_000)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(200))
def test_large_simulated_fleets_lose_what_the_probability_says(seed: int) -> None:
    compare(1000 + seed, 2_000_000)


# --- what cannot be said --------------------------------------------------------------------------------


def test_a_help_desk_acts_after_the_loss() -> None:
    plan = delayed(HOUR)
    desk = Recovery(1, 5, EXPONENTIAL(10), EXPONENTIAL(10))
    assert probability(phones(), replace(plan, recovery=desk)) == pytest.approx(5 / 6, abs=1e-12)


def test_a_certificate_that_is_restored_is_refused() -> None:
    plan = delayed(DAY)
    twice = replace(plan, horizon_s=20 * DAY, actions=(*plan.actions, RestorePrevious(12 * DAY)))
    with pytest.raises(NotExactError, match="restored"):
        probability(phones(), twice)


def test_disturbances_and_pushes_are_refused() -> None:
    disturbance = Disturbance("storm", 0.5, EXPONENTIAL(DAY), EXPONENTIAL(DAY))
    with pytest.raises(NotExactError, match="disturbance"):
        probability(phones(), replace(delayed(DAY), disturbances=(disturbance,)))
    plan = delayed(DAY)
    with pytest.raises(NotExactError, match="push"):
        probability(phones(), replace(plan, actions=(*plan.actions, Push(10 * DAY, DAY))))


def test_a_gate_is_refused() -> None:
    reissue = Reissue(10 * DAY, "when covered", issuer="custom", gate=Gate(0.5, HOUR))
    with pytest.raises(NotExactError, match="gate"):
        probability(phones(), replace(delayed(DAY), actions=(reissue,)))


def test_too_many_periods_are_refused() -> None:
    spells = Spells(EXPONENTIAL(DAY), EXPONENTIAL(DAY))
    with pytest.raises(NotExactError, match="too many"):
        probability(phones(spells, every_s=30), delayed(35 * DAY))


@pytest.mark.parametrize("jitter_s", [0, 4 * HOUR])
@pytest.mark.parametrize("since_s", [3 * HOUR, 30 * HOUR, 48 * HOUR])
def test_devices_that_made_attempts_before_are_met_as_they_are_after_living_through_them(
    since_s: int, jitter_s: int
) -> None:
    """Whether an attempt was missed before, by the age of the absence or by living through it."""
    spells = Spells(EXPONENTIAL(20 * HOUR), Distribution.lognormal(9 * HOUR, 1.2))
    habit = Habit(24 * HOUR, jitter_s, 0.9, True, spells)
    for wait_s in (30 * HOUR, 81 * HOUR):
        ((lived,),) = chances([habit], [Start(wait_s + since_s)], [(wait_s, 0)])
        ((met,),) = chances([habit], [Start(wait_s, since_s=since_s)], [(wait_s + 24 * HOUR, 0)])
        assert met.mean == pytest.approx(lived.mean, abs=lived.error + met.error)


def test_kinds_that_are_solved_together_are_solved_as_alone() -> None:
    habits = [
        Habit(6 * HOUR, 0, success, True, Spells(EXPONENTIAL(20 * HOUR), law))
        for success, law in (
            (1.0, Distribution.lognormal(9 * HOUR, 1.2)),
            (0.3, Distribution.weibull(DAY, 0.7)),
        )
    ]
    question = [Start(20 * DAY, since_s=DAY)], [(21 * DAY, 3 * DAY), (2 * DAY, HOUR)], [(15 * DAY, 14 * DAY)]
    together = chances(habits, *question)
    for habit, ((found,),) in zip(habits, [chances([habit], *question) for habit in habits], strict=True):
        assert found.mean == pytest.approx(together[habits.index(habit)][0].mean, rel=1e-12)


def test_one_pass_for_many_delays_gives_what_each_gives_alone() -> None:
    spells = Spells(EXPONENTIAL(3 * DAY), EXPONENTIAL(2 * DAY))
    roster = roster_of(phones(spells, success=0.8), 3)
    outage = (Outage(12 * DAY, 13 * DAY),)
    plans = [delayed(delay_s, outages=outage) for delay_s in (DAY, 5 * DAY + 1000, 9 * DAY)]
    solver = Solver(plans[0], roster)
    assert solver.is_one_pass
    solver.look_ahead([play(plan) for plan in plans])
    for plan in plans:
        alone = losses(plan, play(plan), roster)
        together = solver.losses(play(plan))
        assert together.law().mean == pytest.approx(alone.law().mean, rel=1e-4)
