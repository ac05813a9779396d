"""What levers can never do, under common draws; closed forms of holidays and disturbances (model 10, 12)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats
from test_laws import columns, delayed, ever_lost, fleet_of, fleets, kind, one_reissue

from sim.fleet.engine import simulate as fleet_engine
from sim.processes.engine import simulate
from sim.world.certificates import Certificate
from sim.world.distributions import Distribution
from sim.world.draws import Draws
from sim.world.fleet import Fleet
from sim.world.outcome import Outcome
from sim.world.plan import Action, Chase, Disturbance, Gate, Holiday, Plan, Push, Reissue

few = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
FALSE_ALARM = 1e-6


def with_levers(plan: Plan, *levers: Action) -> Plan:
    actions = sorted((*plan.actions, *levers), key=lambda action: action.at_s)
    return replace(plan, actions=tuple(actions))


@st.composite
def levers(draw: Any) -> Action:
    at_s, success = draw(st.integers(0, 150)), draw(st.sampled_from((0.5, 1.0)))
    if draw(st.booleans()):
        return Push(at_s, draw(st.sampled_from((0, 20, 200))), success)
    return Chase(at_s, draw(st.sampled_from((0, 20))), draw(st.sampled_from((8640, 86_400))), success)


@few
@given(one_reissue(), fleets(), levers())
def test_a_push_or_a_chase_never_loses_an_extra_device(plan: Plan, fleet: Fleet, lever: Action) -> None:
    assert ever_lost(simulate(with_levers(plan, lever), fleet)) <= ever_lost(simulate(plan, fleet))


@few
@given(one_reissue(), fleets(), st.integers(0, 150))
def test_a_lever_that_reaches_nobody_changes_nothing(plan: Plan, fleet: Fleet, at_s: int) -> None:
    idle = with_levers(
        plan, Push(at_s, 50, 0.0), Push(at_s, 50, 1.0, "others"), Chase(at_s, 0, 1, 0.0, "others")
    )
    assert columns(simulate(idle, fleet)) == columns(simulate(plan, fleet))


def activated_s(outcome: Outcome) -> int:
    return min((e.at_s for e in outcome.events if e.name == "reserve activated"), default=1 << 40)


@few
@given(
    one_reissue(), fleets(), st.sampled_from((0.1, 0.5, 0.9)), st.sampled_from((0.1, 0.5)), st.integers(1, 30)
)
def test_a_higher_threshold_never_activates_earlier(
    plan: Plan, fleet: Fleet, coverage: float, more: float, every_s: int
) -> None:
    (action,) = plan.actions
    assert isinstance(action, Reissue)

    def gated(share: float) -> Plan:
        gate = Gate(share, every_s, not_after_s=200)
        return replace(plan, actions=(replace(action, activate="when covered", after_s=None, gate=gate),))

    low, high = (simulate(gated(share), fleet) for share in (coverage, min(1.0, coverage + more)))
    assert activated_s(low) <= activated_s(high)
    assert ever_lost(high) <= ever_lost(low)


@few
@given(one_reissue(), fleets(), st.sampled_from((0.3, 0.8)))
def test_a_gate_is_the_delay_that_it_chooses(plan: Plan, fleet: Fleet, coverage: float) -> None:
    """The same devices are lost as with the date that the gate has found."""
    (action,) = plan.actions
    assert isinstance(action, Reissue)
    gate = Gate(coverage, 7, not_after_s=100)
    outcome = simulate(
        replace(plan, actions=(replace(action, activate="when covered", after_s=None, gate=gate),)), fleet
    )
    opened = activated_s(outcome)
    if opened < min(plan.horizon_s, plan.first.not_after_s):
        assert ever_lost(outcome) == ever_lost(simulate(delayed(plan, opened - action.at_s), fleet))


masked = st.sampled_from((0.3, 1.0)).map(
    lambda share: {
        "holidays": (Holiday("leave", 30, 90, share),),
        "disturbances": (
            Disturbance("dark", share, Distribution.exponential(40), Distribution.uniform(5, 30)),
        ),
    }
)


@few
@given(one_reissue(), fleets(), masked, st.integers(0, 200))
def test_given_the_calendar_a_longer_delay_never_loses_an_extra_device(
    plan: Plan, fleet: Fleet, calendar: dict[str, Any], longer: int
) -> None:
    plan = replace(plan, **calendar)
    (action,) = plan.actions
    assert isinstance(action, Reissue)
    assert action.after_s is not None
    assert ever_lost(simulate(delayed(plan, action.after_s + longer), fleet)) <= ever_lost(
        simulate(plan, fleet)
    )


@few
@given(one_reissue(), fleets(), masked)
def test_a_mask_more_changes_nobody_whom_it_does_not_cover(
    plan: Plan, fleet: Fleet, calendar: dict[str, Any]
) -> None:
    """One that begins with the last second but is not in it, and others' holidays."""
    more = (
        *calendar["holidays"],
        Holiday("others", 0, 500, 1.0, frozenset({"others"})),
        Holiday("past", -9, 0, 1.0),
    )
    with_it = replace(plan, **{**calendar, "holidays": more})
    assert columns(simulate(with_it, fleet)) == columns(simulate(replace(plan, **calendar), fleet))


# ---- closed forms --------------------------------------------------------------------------------------

DELIVERY = Plan(
    2001, Certificate(0, "custom", 0, 1 << 40, "a"), actions=(Reissue(500, "after", 1500),), sample_s=1 << 40
)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_holiday_over_the_delivery_loses_its_share(share: float) -> None:
    """Attempts every 500 s: without the holiday nobody is lost; Binomial(n, share) are."""
    n = 4000
    plan = replace(DELIVERY, holidays=(Holiday("leave", 500, 2000, share),))
    lost = len(ever_lost(fleet_engine(plan, fleet_of([kind(500)], [0] * n))))
    assert float(stats.binomtest(lost, n, share).pvalue) >= FALSE_ALARM


def test_a_disturbance_that_covers_the_delivery_gives_a_mixture() -> None:
    """It begins by second 500 with probability q = 1 - exp(-500 / 700), and then lasts through the delivery;
    whoever is on at 500 has the reserve. Given it, Binomial(40, share): mean and variance over 400 runs.
    """
    n, share, runs = 40, 0.5, 400
    dark = Disturbance("dark", share, Distribution.exponential(700), Distribution.constant(5000))
    plan = replace(DELIVERY, disturbances=(dark,))
    roster = fleet_of(
        [kind(1)], [0] * n
    ).roster  # attempts every second: whoever is on at 500 has the reserve
    lost = np.array(
        [len(ever_lost(fleet_engine(plan, Fleet.start(roster, Draws.of(8, run))))) for run in range(runs)]
    )
    q = 1 - np.exp(-499.5 / 700)  # an occurrence in second 500 comes before the syncs of that second
    assert stats.binomtest(int((lost > 0).sum()), runs, q).pvalue >= FALSE_ALARM
    mean = q * n * share
    variance = q * n * share * (1 - share) + q * (1 - q) * (n * share) ** 2
    assert abs(lost.mean() - mean) < 5 * np.sqrt(variance / runs)
    assert lost.var() == pytest.approx(variance, rel=0.35)
    assert lost.var() > 5 * mean * (1 - mean / n)  # far more than independent devices would give
