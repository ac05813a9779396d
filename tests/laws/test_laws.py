"""The laws of model 9.1-9.3, device by device and under common draws, and the closed forms of 9.4.

Random fleets of a few phones on a small grid of seconds for the laws; fleets of thousands, seeded, for the
closed forms, by the array engine, which is the other's equal (`tests/equivalence`) and much faster; judged by
an exact binomial test that a right engine fails once in a million runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import special, stats

from sim.fleet.engine import simulate as simulate_as_arrays
from sim.processes.engine import simulate
from sim.world.certificates import Certificate
from sim.world.distributions import Distribution
from sim.world.draws import Draws, Purpose, identity_of_group
from sim.world.fleet import PER_DEVICE, PHASE_IS_DRAWN, Fleet, Presence, Profile, Roster, Spells
from sim.world.outcome import CAUSES, Outcome
from sim.world.plan import Action, CancelReserve, Outage, Plan, Recovery, Reissue, RestorePrevious

few = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
NOBODY: frozenset[str] = frozenset()


def fleet_of(
    profiles: Sequence[Profile],
    kinds: Sequence[int],
    *,
    identities: Sequence[int] | None = None,
    seed: int = 0,
    silent: Sequence[bool] | None = None,
) -> Fleet:
    """Device i is of kind `kinds[i]`; phases are drawn."""
    n = len(kinds)
    base = identity_of_group("law")
    roster = Roster(
        profiles=tuple(profiles),
        groups=("law",),
        profile=np.array(kinds, dtype=np.int32),
        group=np.zeros(n, dtype=np.int32),
        identity=np.array([(base + i) % 2**64 for i in identities or range(n)], dtype=np.uint64),
        phase_s=np.full(n, PHASE_IS_DRAWN, dtype=np.int64),
        silent=np.array(silent or [False] * n, dtype=np.bool_),
        seen=np.zeros(n, dtype=np.bool_),
        holds_reserve=np.zeros(n, dtype=np.bool_),
        numbered=(n,),
        ids=((),),
    )
    return Fleet.start(roster, Draws.of(seed, 0))


def with_profiles(fleet: Fleet, change: Callable[[Profile], Profile]) -> Fleet:
    """The same devices at the same start, of other kinds."""
    roster = replace(fleet.roster, profiles=tuple(change(profile) for profile in fleet.roster.profiles))
    return replace(fleet, roster=roster)


def part(fleet: Fleet, members: Sequence[int]) -> Fleet:
    """Some devices of a fleet, in the order given."""
    at = np.array(members, dtype=np.int64)
    roster = fleet.roster
    return Fleet(
        replace(roster, **{name: getattr(roster, name)[at] for name in PER_DEVICE}),
        fleet.draws,
        fleet.phase_s[at],
        fleet.starts_on[at],
        fleet.first_spell_s[at],
    )


def columns(outcome: Outcome) -> dict[str, list[Any]]:
    return {name: column.tolist() for name, column in outcome.devices.columns()} | {
        "is_lost": outcome.is_lost.tolist()
    }


def ever_lost(outcome: Outcome) -> set[int]:
    return set(np.flatnonzero(outcome.devices.lost_at_s >= 0).tolist())


# ---- random worlds -----------------------------------------------------------------------------------

spells = st.one_of(
    st.sampled_from((1, 5, 10, 30, 100)).map(Distribution.constant),
    st.sampled_from((5, 20, 60)).map(Distribution.exponential),
    st.just(Distribution.uniform(5, 40)),
    st.just(Distribution.lognormal(15, 1.0)),
)
presences: st.SearchStrategy[Presence] = st.one_of(
    st.just("always"), st.builds(Spells, on=spells, off=spells)
)


@st.composite
def profiles(draw: Any) -> Profile:
    every_s = draw(st.sampled_from((5, 10, 20, 60)))
    return Profile(
        group="law",
        platform=draw(st.sampled_from(("android", "ios"))),
        every_s=every_s,
        jitter_s=draw(st.sampled_from((0, 1, every_s - 1))),
        success=draw(st.sampled_from((1.0, 0.7, 0.3, 0.0))),
        catch_up=draw(st.booleans()),
        presence=draw(presences),
    )


@st.composite
def fleets(draw: Any) -> Fleet:
    kinds = draw(st.lists(profiles(), min_size=1, max_size=3))
    of = [kind for kind in range(len(kinds)) for _ in range(draw(st.integers(1, 4)))]
    silent = [isinstance(kinds[kind].presence, Spells) and draw(st.integers(0, 4)) == 4 for kind in of]
    return fleet_of(kinds, of, seed=draw(st.integers(0, 10_000)), silent=silent)


@st.composite
def outages(draw: Any, until_s: int = 300) -> tuple[Outage, ...]:
    begins = draw(st.lists(st.integers(0, until_s), max_size=3))
    return tuple(Outage(at, at + draw(st.sampled_from((1, 10, 60)))) for at in sorted(begins))


@st.composite
def one_reissue(draw: Any) -> Plan:
    """One reissue after a delay, `earliest`, no recovery, nothing automatic: the plan of law 9.2."""
    at_s = draw(st.integers(0, 60))
    reissue = Reissue(
        at_s,
        "after",
        draw(st.integers(0, 200)),
        issuer="custom",
        valid_for_s=draw(st.sampled_from((None, 100, 300, 1000))),
        refused_by=draw(st.sampled_from((NOBODY, NOBODY, frozenset({"ios"})))),
    )
    first = Certificate(0, "custom", 0, draw(st.sampled_from((100, 150, 10_000))), "a")
    return Plan(
        draw(st.sampled_from((200, 400))),
        first,
        actions=(reissue,),
        outages=draw(outages()),
    )


@st.composite
def any_plan(draw: Any, *, from_s: int = 0) -> Plan:
    """Several reissues, a restoration, a cancelled reserve; no recovery."""
    actions: list[Action] = []
    for at_s in sorted(draw(st.lists(st.integers(from_s, 300), max_size=5))):
        kind = draw(st.integers(0, 5))
        if kind == 4:
            actions.append(CancelReserve(at_s))
        elif kind == 5:
            actions.append(RestorePrevious(at_s))
        else:
            activate = ("after", "after", "at expiry", "immediately")[kind]
            delay = draw(st.integers(0, 100)) if activate == "after" else None
            life = draw(st.sampled_from((None, 60, 200)))
            actions.append(Reissue(at_s, activate, delay, valid_for_s=life))  # type: ignore[arg-type]
    lead = draw(st.sampled_from((None, 30)))
    return Plan(
        400,
        Certificate(0, "ksc", 0, draw(st.sampled_from((100, 200, 10_000))), "a"),
        automatic_lead_s=lead,
        activation=draw(st.sampled_from(("earliest", "date"))),
        actions=tuple(actions),
        outages=tuple(outage for outage in draw(outages()) if outage.from_s >= from_s),
        previous_certificate=draw(st.sampled_from(("kept", "default"))),
    )


def delayed(plan: Plan, delay_s: int) -> Plan:
    (action,) = plan.actions
    assert isinstance(action, Reissue)
    return replace(plan, actions=(replace(action, after_s=delay_s),))


# ---- 9.2 ---------------------------------------------------------------------------------------------


@few
@given(one_reissue(), fleets(), st.integers(0, 200))
def test_a_longer_delay_never_loses_an_extra_device(plan: Plan, fleet: Fleet, longer: int) -> None:
    (action,) = plan.actions
    assert isinstance(action, Reissue)
    assert action.after_s is not None
    shorter = simulate(plan, fleet)
    assert ever_lost(simulate(delayed(plan, action.after_s + longer), fleet)) <= ever_lost(shorter)


@few
@given(one_reissue(), fleets(), st.sampled_from((0.1, 0.5, 1.0)))
def test_a_higher_success_probability_never_loses_an_extra_device(
    plan: Plan, fleet: Fleet, more: float
) -> None:
    better = with_profiles(fleet, lambda profile: replace(profile, success=min(1.0, profile.success + more)))
    assert ever_lost(simulate(plan, better)) <= ever_lost(simulate(plan, fleet))


@few
@given(one_reissue(), fleets())
def test_catching_up_never_loses_an_extra_device(plan: Plan, fleet: Fleet) -> None:
    without = with_profiles(fleet, lambda profile: replace(profile, catch_up=False))
    with_it = with_profiles(fleet, lambda profile: replace(profile, catch_up=True))
    assert ever_lost(simulate(plan, with_it)) <= ever_lost(simulate(plan, without))


@few
@given(one_reissue(), fleets(), outages())
def test_an_outage_less_never_loses_an_extra_device(
    plan: Plan, fleet: Fleet, more: tuple[Outage, ...]
) -> None:
    every = tuple(sorted((*plan.outages, *more), key=lambda outage: outage.from_s))
    assert ever_lost(simulate(plan, fleet)) <= ever_lost(simulate(replace(plan, outages=every), fleet))


@few
@given(one_reissue(), fleets())
def test_attempts_of_an_always_on_phone_are_a_superset(plan: Plan, fleet: Fleet) -> None:
    on = with_profiles(fleet, lambda profile: replace(profile, presence="always"))
    on = replace(
        on, starts_on=np.ones(len(fleet), dtype=np.bool_), first_spell_s=np.zeros(len(fleet), np.int64)
    )
    fleet = with_profiles(fleet, lambda profile: replace(profile, catch_up=False))
    assert ever_lost(simulate(plan, on)) <= ever_lost(simulate(plan, fleet))


@few
@given(any_plan(), fleets(), st.randoms(use_true_random=False))
def test_renumbering_permutes(plan: Plan, fleet: Fleet, random: Any) -> None:
    order = list(range(len(fleet)))
    random.shuffle(order)
    plain, permuted = simulate(plan, fleet), simulate(plan, part(fleet, order))
    assert columns(permuted) == {name: [column[i] for i in order] for name, column in columns(plain).items()}
    assert permuted.coverage_held.tolist() == plain.coverage_held.tolist()
    assert permuted.events == plain.events


@few
@given(any_plan(), fleets(), st.randoms(use_true_random=False))
def test_renumbering_permutes_with_a_technician_for_everybody(plan: Plan, fleet: Fleet, random: Any) -> None:
    desk = Recovery(len(fleet), 5, Distribution.exponential(10), Distribution.uniform(1, 20))
    plan = replace(plan, recovery=desk)
    order = list(range(len(fleet)))
    random.shuffle(order)
    plain, permuted = simulate(plan, fleet), simulate(plan, part(fleet, order))
    assert columns(permuted) == {name: [column[i] for i in order] for name, column in columns(plain).items()}


@few
@given(any_plan(), fleets(), st.data())
def test_fleets_add_up(plan: Plan, fleet: Fleet, data: Any) -> None:
    cut = data.draw(st.integers(0, len(fleet)))
    pieces = [piece for piece in (range(cut), range(cut, len(fleet))) if len(piece)]
    whole = simulate(plan, fleet)
    parts = [simulate(plan, part(fleet, piece)) for piece in pieces]
    assert columns(whole) == {
        name: [value for outcome in parts for value in columns(outcome)[name]] for name in columns(whole)
    }
    assert whole.coverage_held.tolist() == sum(outcome.coverage_held for outcome in parts).tolist()  # type: ignore[union-attr]
    for name in ("connected", "lost", "queue", "syncs"):
        assert whole.series[name].tolist() == sum(outcome.series[name] for outcome in parts).tolist()  # type: ignore[union-attr]


def shifted(action: Action, by_s: int) -> Action:
    return replace(action, at_s=action.at_s + by_s)


@few
@given(any_plan(), fleets(), st.integers(1, 1000), st.booleans())
def test_a_time_shift_shifts(plan: Plan, fleet: Fleet, by_s: int, recovers: bool) -> None:
    """Everything `by_s` later, attempts included: their grid begins within the first spell."""
    if recovers:
        plan = replace(
            plan, recovery=Recovery(1, 5, Distribution.exponential(10), Distribution.uniform(1, 20))
        )
    later = replace(
        plan,
        horizon_s=plan.horizon_s + by_s,
        first=replace(
            plan.first,
            not_before_s=plan.first.not_before_s + by_s,
            not_after_s=plan.first.not_after_s + by_s,
        ),
        actions=tuple(shifted(action, by_s) for action in plan.actions),
        outages=tuple(Outage(outage.from_s + by_s, outage.to_s + by_s) for outage in plan.outages),
    )
    spelled = np.array([isinstance(fleet.roster.profiles[k].presence, Spells) for k in fleet.roster.profile])
    moved = replace(
        fleet,
        phase_s=fleet.phase_s + by_s,
        first_spell_s=np.where(spelled, fleet.first_spell_s + by_s, 0),
    )
    plain, after = columns(simulate(plan, fleet)), columns(simulate(later, moved))
    for name, column in plain.items():
        if name.endswith("_at_s"):
            column[:] = [instant if instant == -1 else instant + by_s for instant in column]
    assert after == plain


@few
@given(any_plan(), fleets(), st.integers(1, 500), st.booleans())
def test_an_observer_changes_nothing(plan: Plan, fleet: Fleet, sample_s: int, recovers: bool) -> None:
    if recovers:
        plan = replace(
            plan, recovery=Recovery(1, 5, Distribution.exponential(10), Distribution.uniform(1, 20))
        )
    often, seldom = simulate(replace(plan, sample_s=sample_s), fleet), simulate(plan, fleet)
    assert columns(often) == columns(seldom)
    assert often.coverage_held.tolist() == seldom.coverage_held.tolist()
    assert often.events == seldom.events


@few
@given(fleets(), outages(), st.integers(0, 200))
def test_immediately_loses_everybody(fleet: Fleet, out: tuple[Outage, ...], at_s: int) -> None:
    plan = Plan(
        400, Certificate(0, "custom", 0, 10_000, "a"), actions=(Reissue(at_s, "immediately"),), outages=out
    )
    outcome = simulate(plan, fleet)
    n = len(fleet)
    assert outcome.devices.lost_at_s.tolist() == [at_s] * n
    assert outcome.devices.lost_cause.tolist() == [CAUSES.index("immediate")] * n
    assert outcome.is_lost.all()
    assert outcome.devices.lost_for_s.tolist() == [400 - at_s] * n


# ---- 9.1 ---------------------------------------------------------------------------------------------


@few
@given(one_reissue(), fleets(), st.integers(0, 200))
def test_the_whole_curve_from_one_run(plan: Plan, fleet: Fleet, delay_s: int) -> None:
    """A run to 200 s tells, for every delay up to it, who would have been lost at the activation."""
    (action,) = plan.actions
    assert isinstance(action, Reissue)
    plan = replace(plan, horizon_s=400, first=replace(plan.first, not_after_s=10_000))
    plan = replace(plan, actions=(replace(action, valid_for_s=None, refused_by=NOBODY),))
    critical = simulate(delayed(plan, 200), fleet).devices.critical_delay_s
    lost = {i for i, least in enumerate(critical.tolist()) if least == -1 or least > delay_s}
    assert ever_lost(simulate(delayed(plan, delay_s), fleet)) == lost


# ---- 9.3 ---------------------------------------------------------------------------------------------


@few
@given(
    st.integers(2, 60).flatmap(lambda every: st.tuples(st.just(every), st.integers(0, every - 1))),
    st.integers(0, 150),
    st.integers(0, 10_000),
)
def test_the_bound_for_phones_that_are_always_on(schedule: tuple[int, int], at_s: int, seed: int) -> None:
    every_s, jitter_s = schedule
    profile = Profile("law", "android", every_s, jitter_s, 1.0, True, "always")
    plan = Plan(
        400,
        Certificate(0, "custom", 0, 10_000, "a"),
        actions=(Reissue(at_s, "after", every_s + jitter_s),),
    )
    assert not ever_lost(simulate(plan, fleet_of([profile], [0] * 20, seed=seed)))


@few
@given(
    st.integers(2, 30).flatmap(lambda every: st.tuples(st.just(every), st.integers(0, every - 1))),
    st.integers(1, 60),
    spells,
    st.integers(0, 150),
    st.integers(0, 10_000),
)
def test_the_bound_with_absences_and_catching_up(
    schedule: tuple[int, int], longest_s: int, on: Distribution, at_s: int, seed: int
) -> None:
    every_s, jitter_s = schedule
    off = Distribution.uniform(1, longest_s) if longest_s > 1 else Distribution.constant(1)
    profile = Profile("law", "android", every_s, jitter_s, 1.0, True, Spells(on, off))
    plan = Plan(
        400,
        Certificate(0, "custom", 0, 10_000, "a"),
        actions=(Reissue(at_s, "after", longest_s + every_s + jitter_s),),
    )
    assert not ever_lost(simulate(plan, fleet_of([profile], [0] * 20, seed=seed)))


@pytest.mark.parametrize(("delay", "lost"), [(9, True), (10, False)])
def test_one_second_less_than_every_can_lose(delay: int, lost: bool) -> None:
    """Attempts at 0, 10, 20, …; specified at 1: the sync at 10 is in time for a switch at 11, not at 10."""
    fleet = fleet_of([Profile("law", "android", 10, 0, 1.0, True, "always")], [0])
    fleet.phase_s[:] = 0
    plan = Plan(100, Certificate(0, "custom", 0, 10_000, "a"), actions=(Reissue(1, "after", delay),))
    assert bool(ever_lost(simulate(plan, fleet))) == lost


@pytest.mark.parametrize(("less", "lost"), [(1, True), (0, False)])
def test_one_second_less_than_every_and_jitter_can_lose(less: int, lost: bool) -> None:
    """The gap from an attempt with no jitter to one with all of it: one just missed, the next too late."""
    every_s, jitter_s = 10, 2
    fleet = fleet_of([Profile("law", "android", every_s, jitter_s, 1.0, True, "always")], [0])
    fleet.phase_s[:] = 0
    drawn = fleet.draws.singles(int(fleet.roster.identity[0]), Purpose.JITTER, 0, 200)
    jitter = np.floor(drawn * (jitter_s + 1)).astype(int).tolist()
    k = next(k for k in range(len(jitter) - 1) if jitter[k] == 0 and jitter[k + 1] == jitter_s)
    plan = Plan(
        10_000,
        Certificate(0, "custom", 0, 20_000, "a"),
        actions=(Reissue(k * every_s + 1, "after", every_s + jitter_s - less),),
    )
    assert bool(ever_lost(simulate(plan, fleet))) == lost


def test_an_outage_of_one_second_can_cost_a_whole_period() -> None:
    """Attempts at 0, 10, 20, …; specified at 1; an outage in second 10 alone: received at 20, 20 s needed.

    So `longest absence + every + jitter + longest outage` (9.3) is 11 s here and does lose the phone.
    """
    fleet = fleet_of([Profile("law", "android", 10, 0, 1.0, True, "always")], [0])
    fleet.phase_s[:] = 0
    plan = Plan(
        100,
        Certificate(0, "custom", 0, 10_000, "a"),
        actions=(Reissue(1, "after", 11),),
        outages=(Outage(10, 11),),
    )
    assert ever_lost(simulate(plan, fleet)) == {0}
    assert ever_lost(simulate(delayed(plan, 19), fleet)) == {0}
    assert ever_lost(simulate(delayed(plan, 20), fleet)) == set()
    assert simulate(delayed(plan, 20), fleet).devices.critical_delay_s.tolist() == [20]


@few
@given(
    st.integers(2, 30).flatmap(lambda every: st.tuples(st.just(every), st.integers(0, every - 1))),
    st.integers(1, 40),
    spells,
    st.integers(0, 60),
    st.integers(0, 150),
    st.integers(1, 60),
    st.integers(0, 10_000),
)
def test_a_bound_with_one_outage(
    schedule: tuple[int, int],
    longest_s: int,
    on: Distribution,
    at_s: int,
    out_s: int,
    lasts_s: int,
    seed: int,
) -> None:
    """Whoever would sync in the outage may meet a second absence, period and jitter after it."""
    every_s, jitter_s = schedule
    off = Distribution.uniform(1, longest_s) if longest_s > 1 else Distribution.constant(1)
    profile = Profile("law", "android", every_s, jitter_s, 1.0, True, Spells(on, off))
    plan = Plan(
        600,
        Certificate(0, "custom", 0, 10_000, "a"),
        actions=(Reissue(at_s, "after", 2 * (longest_s + every_s + jitter_s) + lasts_s),),
        outages=(Outage(out_s, out_s + lasts_s),),
    )
    assert not ever_lost(simulate(plan, fleet_of([profile], [0] * 20, seed=seed)))


# ---- 9.4 ---------------------------------------------------------------------------------------------

FALSE_ALARM = 1e-6
"""Of each judgement: a right engine would fail it for one seed in a million."""


def lost_of(profile: Profile, delay_s: int, *, at_s: int, n: int, seed: int) -> int:
    """How many of `n` phones one reissue loses."""
    plan = Plan(
        at_s + delay_s + 1,
        Certificate(0, "custom", 0, 1 << 40, "a"),
        actions=(Reissue(at_s, "after", delay_s),),
        sample_s=1 << 40,
    )
    return len(ever_lost(simulate_as_arrays(plan, fleet_of([profile], [0] * n, seed=seed))))


def is_credible(lost: int, n: int, probability: float) -> bool:
    if probability in (0.0, 1.0):
        return lost == n * probability
    return float(stats.binomtest(lost, n, probability).pvalue) >= FALSE_ALARM


def kind(
    every_s: int, success: float = 1.0, presence: Presence = "always", *, catch_up: bool = True
) -> Profile:
    return Profile("law", "android", every_s, 0, success, catch_up, presence)


@pytest.mark.parametrize("at_s", [0, 777])
@pytest.mark.parametrize("delay_s", [1, 250, 500, 999, 1000, 1700])
def test_always_on(delay_s: int, at_s: int) -> None:
    """P(lost) = max(0, 1 - W/T); exact in whole seconds, since the phase is uniform on 0 … T - 1."""
    n, every_s = 2000, 1000
    lost = lost_of(kind(every_s), delay_s, at_s=at_s, n=n, seed=11)
    assert is_credible(lost, n, max(0.0, 1 - delay_s / every_s))


@pytest.mark.parametrize("success", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("delay_s", [500, 1000, 2300, 2900])
def test_independent_success(delay_s: int, success: float) -> None:
    """P(lost) = (1 - p)^n (1 - f p): exact; and the test would see a missing (1 - f p)."""
    n, every_s = 2000, 1000
    whole, fraction = divmod(delay_s, every_s)
    p_lost = (1 - success) ** whole * (1 - fraction / every_s * success)
    lost = lost_of(kind(every_s, success), delay_s, at_s=300, n=n, seed=12)
    assert is_credible(lost, n, p_lost)
    if fraction and whole < 2:
        assert not is_credible(lost, n, (1 - success) ** whole)


@pytest.mark.parametrize(("mean_on", "mean_off"), [(20_000, 20_000), (5_000, 40_000), (60_000, 3_000)])
@pytest.mark.parametrize("delay_s", [4_000, 10_000, 27_000])
def test_exponential_spells_without_catching_up(delay_s: int, mean_on: int, mean_off: int) -> None:
    """P(lost) = (1 - f) S(n) + f S(n + 1); spells of whole seconds move it by less than 1e-4."""
    n, every_s = 1500, 10_000
    on_share = mean_on / (mean_on + mean_off)
    stays_off = 1 - on_share * (1 - math.exp(-(1 / mean_on + 1 / mean_off) * every_s))

    def missed(attempts: int) -> float:
        return 1.0 if attempts == 0 else (1 - on_share) * stays_off ** (attempts - 1)

    whole, rest = divmod(delay_s, every_s)
    p_lost = (1 - rest / every_s) * missed(whole) + rest / every_s * missed(whole + 1)
    presence = Spells(Distribution.exponential(mean_on), Distribution.exponential(mean_off))
    # Specified well within the run: the equilibrium holds at every instant.
    lost = lost_of(kind(every_s, presence=presence, catch_up=False), delay_s, at_s=25_000, n=n, seed=13)
    assert is_credible(lost, n, p_lost)


OFF = {
    "exponential": Distribution.exponential(20_000),
    "Weibull, heavy": Distribution.weibull(10_000, 0.6),
    "Weibull, light": Distribution.weibull(20_000, 2.0),
    "lognormal": Distribution.lognormal(10_000, 1.2),
}


def residual_survival(off: Distribution, delay_s: int) -> float:
    """P(residual off spell > W), as in 9.4."""
    if off.kind == "exponential":
        return math.exp(-delay_s / off.a)
    if off.kind == "weibull":
        return float(special.gammaincc(1 / off.b, (delay_s / off.a) ** off.b))
    mean, m, s = math.exp(math.log(off.a) + off.b**2 / 2), math.log(off.a), off.b
    log_w = math.log(delay_s)
    return float(stats.norm.cdf((m + s**2 - log_w) / s) - delay_s / mean * stats.norm.cdf((m - log_w) / s))


@pytest.mark.parametrize("name", OFF)
@pytest.mark.parametrize(
    ("delay_s", "n", "every_s"),
    [
        (3_000, 1000, 200),
        (15_000, 1000, 200),
        (40_000, 1000, 400),
        pytest.param(15_000, 20_000, 50, marks=pytest.mark.slow),
    ],
)
def test_catching_up_with_a_period_short_against_the_spells(
    name: str, delay_s: int, n: int, every_s: int
) -> None:
    """P(lost) = (1 - A) P(residual > W). The period is short against on spells of 30 000 s."""
    mean_on, off = 30_000, OFF[name]
    on_share = mean_on / (mean_on + off.mean_s)
    presence = Spells(Distribution.exponential(mean_on), off)
    lost = lost_of(kind(every_s, presence=presence), delay_s, at_s=1_000, n=n, seed=14)
    assert is_credible(lost, n, (1 - on_share) * residual_survival(off, delay_s))


@pytest.mark.parametrize("name", ["exponential", "Weibull, heavy", "Weibull, light", "lognormal"])
def test_the_closed_form_of_the_residual_is_the_integral(name: str) -> None:
    """The integral of P(off > u) from W on, over E[off], by the trapezium rule."""
    off = OFF[name]
    u = np.concatenate([np.linspace(15_000, 200_000, 200_001), np.geomspace(200_000, 1e9, 200_001)[1:]])
    if off.kind == "exponential":
        survival = np.exp(-u / off.a)
    elif off.kind == "weibull":
        survival = np.exp(-((u / off.a) ** off.b))
    else:
        survival = stats.norm.sf((np.log(u) - math.log(off.a)) / off.b)
    integral = float(np.trapezoid(survival, u)) / off.mean_s
    assert residual_survival(off, 15_000) == pytest.approx(integral, rel=1e-5)
