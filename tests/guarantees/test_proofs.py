"""What is proved, by the scenario built for it and by its near miss; and that no draw breaks it.

A near miss is one second less: it is not proved, and some phase and jitters lose the device on the engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from random import Random
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, event, given, settings
from hypothesis import strategies as st

import sim
from sim.guarantees.delivery import deliveries_of, merged, phases_at_risk, reach_s
from sim.guarantees.proofs import Proof, Proofs
from sim.processes.engine import simulate
from sim.results.measures import Bound
from sim.results.tally import Tally
from sim.scenario.schema import Guarantee
from sim.world.certificates import Certificate
from sim.world.distributions import Distribution
from sim.world.draws import Draws, Purpose, identity_of_group
from sim.world.fleet import PHASE_IS_DRAWN, Away, Fleet, Presence, Profile, Roster, Spells
from sim.world.plan import Action, AddressChange, Outage, Plan, Reissue
from sim.world.timeline import play

NONE_LOST = Guarantee(measure="lost_devices", at_most=0)
H, D = 3600, 86_400


# --- devices whose draws are written -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scripted:
    """Draws that give each attempt a written jitter, and spells written places in their range."""

    jitters: tuple[float, ...] = ()
    offs: tuple[float, ...] = ()
    ons: tuple[float, ...] = ()

    def singles(self, identity: int, purpose: Purpose, first: int, count: int) -> np.ndarray[Any, Any]:
        script = {
            Purpose.JITTER: self.jitters,
            Purpose.OFF_SPELL: tuple(u for each in self.offs for u in (each, each)),
            Purpose.ON_SPELL: tuple(u for each in self.ons for u in (each, each)),
        }[purpose]
        return np.resize(np.roll(script or (0.0,), -first), count)


@dataclass(frozen=True, slots=True)
class Lives:
    """Draws of several devices: device i has identity i."""

    of: Sequence[Scripted]

    def singles(self, identity: int, purpose: Purpose, first: int, count: int) -> np.ndarray[Any, Any]:
        return self.of[identity].singles(identity, purpose, first, count)


def device(
    profile: Profile,
    *,
    phase_s: int,
    draws: Scripted | None = None,
    starts_on: bool = True,
    first_spell_s: int = 0,
) -> Fleet:
    """One device whose draws are written."""
    if isinstance(profile.presence, Away):
        starts_on, first_spell_s = profile.presence.starts_on, profile.presence.first_spell_s
    drawn = cast(Draws, draws or Scripted())
    roster = roster_of(profile, phase_s=phase_s)
    return Fleet(roster, drawn, roster.phase_s, np.array([starts_on]), np.array([first_spell_s], np.int64))


def roster_of(profile: Profile, *, phase_s: int = PHASE_IS_DRAWN, n: int = 1) -> Roster:
    return Roster(
        profiles=(profile,),
        groups=(profile.group,),
        profile=np.zeros(n, np.int32),
        group=np.zeros(n, np.int32),
        identity=np.arange(n, dtype=np.uint64) + np.uint64(identity_of_group("proof")),
        phase_s=np.full(n, phase_s, np.int64),
        silent=np.zeros(n, np.bool_),
        seen=np.zeros(n, np.bool_),
        holds_reserve=np.zeros(n, np.bool_),
        numbered=(n,),
        ids=((),),
    )


def is_lost(plan: Plan, fleet: Fleet) -> bool:
    return bool((simulate(plan, fleet).devices.times_lost > 0).any())


def proof_of(plan: Plan, profile: Profile, *, phase_s: int = PHASE_IS_DRAWN) -> Proof | None:
    """What is proved about losing no device, when the phase is drawn."""
    roster = roster_of(profile, phase_s=phase_s)
    tally = Tally.of(simulate(plan, Fleet.start(roster, Draws.of(1, 0))))
    return Proofs(play(plan), [roster]).settle(NONE_LOST.bound, tally)


def is_proved(plan: Plan, profile: Profile) -> bool:
    proof = proof_of(plan, profile)
    return proof is not None and proof.keeps


def kind(every_s: int, jitter_s: int = 0, presence: Presence = "always", *, catch_up: bool = True) -> Profile:
    return Profile("proof", "android", every_s, jitter_s, 1.0, catch_up, presence)


def plan_of(*actions: Action, outages: Sequence[tuple[int, int]] = (), horizon_s: int = 400) -> Plan:
    first = Certificate(0, "custom", 0, 1 << 40, "a")
    return Plan(horizon_s, first, actions=tuple(actions), outages=tuple(Outage(*each) for each in outages))


def losing_draws(plan: Plan, profile: Profile) -> Iterator[Fleet]:
    """Every phase with the jitters, found by trying all of each attempt, that keep it out of the windows.

    Independent of `delivery`: whether attempt k at an instant would deliver is asked of a device with that
    attempt alone, on the engine.
    """
    every_s, jitter_s = profile.every_s, profile.jitter_s
    attempts = plan.horizon_s // every_s + 1
    for phase_s in range(every_s):
        useless = []
        for k in range(attempts):
            places = (phase_s + k * every_s + j for j in range(jitter_s + 1))
            useless.append([j for j, at_s in enumerate(places) if not delivers(plan, profile, at_s)])
        if all(useless):
            jitters = tuple((each[0] + 0.5) / (jitter_s + 1) for each in useless)
            yield device(profile, phase_s=phase_s, draws=Scripted(jitters=jitters))


def delivers(plan: Plan, profile: Profile, due_s: int) -> bool:
    """Whether a device survives with one attempt, due then, in a plan with one switch."""
    if due_s >= plan.horizon_s:
        return False
    alone = replace(profile, every_s=2 * plan.horizon_s, jitter_s=0)
    return not is_lost(plan, device(alone, phase_s=due_s))


# --- the near miss, to the second ----------------------------------------------------------------------


@pytest.mark.parametrize("outage", [None, (25, 26), (25, 40), (31, 33), (0, 21)])
@pytest.mark.parametrize(("every_s", "jitter_s"), [(6, 0), (6, 2), (6, 5), (1, 0), (10, 3)])
def test_the_least_proved_delay_is_the_least_at_which_no_draw_loses(
    every_s: int, jitter_s: int, outage: tuple[int, int] | None
) -> None:
    profile, outages = kind(every_s, jitter_s), () if outage is None else (outage,)

    def plan(delay_s: int) -> Plan:
        return plan_of(Reissue(20, "after", delay_s), outages=outages, horizon_s=70)

    least = next(delay for delay in range(1, 50) if is_proved(plan(delay), profile))
    if outage is None:
        assert least == every_s + jitter_s  # 9.3
    if outage == (25, 40) and every_s == 10:
        assert least == 20 + every_s + jitter_s  # before the outage 5 s do not do; 13 s after it
    witnesses = list(losing_draws(plan(least - 1), profile))
    assert witnesses
    assert all(is_lost(plan(least - 1), witness) for witness in witnesses)
    assert not list(losing_draws(plan(least), profile))
    assert all(is_proved(plan(delay), profile) for delay in range(least, 50))


def test_the_bound_that_only_adds_the_outage_is_not_used() -> None:
    """Every 10 s, out for one second: 11 s would do if adding it were right (model 9.3)."""
    plan = plan_of(Reissue(1, "after", 11), outages=[(10, 11)])
    assert not is_proved(plan, kind(10))
    assert is_lost(plan, device(kind(10), phase_s=0))


@pytest.mark.parametrize(("delay_s", "proved"), [(19, False), (20, True)])
def test_two_windows_can_do_together_what_neither_does(delay_s: int, proved: bool) -> None:
    """Every 10 s: seconds 20 … 25 save the phases 0 … 5, and after the outage 36 … 39 save 6 … 9."""
    plan = plan_of(Reissue(20, "after", delay_s), outages=[(26, 36)])
    assert is_proved(plan, kind(10)) is proved
    assert is_lost(plan, device(kind(10), phase_s=9)) is not proved


def test_written_phases_need_only_their_own_windows() -> None:
    """At 3, 13, 23, …: specified at 20, 23 is in time for a switch at 24, not for one at 23."""
    drawn_late = kind(10, 2)
    early, late = plan_of(Reissue(20, "after", 5)), plan_of(Reissue(20, "after", 6))
    # With a jitter of 2 the attempt comes at 23, 24 or 25: a switch at 26 finds it done, one at 25 may not.
    told = proof_of(late, drawn_late, phase_s=3)
    assert told is not None
    assert told.keeps
    assert proof_of(early, drawn_late, phase_s=3) is None
    assert is_lost(early, device(drawn_late, phase_s=3, draws=Scripted(jitters=(0.99,))))


@pytest.mark.parametrize(("delay_s", "proved"), [(30, False), (31, True)])
def test_absences_that_are_caught_up(delay_s: int, proved: bool) -> None:
    """Every 10 s, jitter to 3 s, away for 8 to 18 s: 31 s; and with one second less some life is lost."""
    presence = Spells(Distribution.constant(11), Distribution.uniform(8, 18))
    plan = plan_of(Reissue(50, "after", delay_s), horizon_s=100)
    assert is_proved(plan, kind(10, 3, presence)) is proved
    without = kind(10, 3, presence, catch_up=False)
    assert not is_proved(plan, without)


def test_absences_without_a_bound_are_not_proved() -> None:
    plan = plan_of(Reissue(50, "after", 340))
    for off in (Distribution.exponential(5), Distribution.lognormal(5, 0.1), Distribution.weibull(5, 2)):
        assert not is_proved(plan, kind(10, 0, Spells(Distribution.constant(50), off)))


@pytest.mark.parametrize(
    ("spell", "catch_up", "proved"),
    [
        ((20, 29), False, False),  # 29 alone is left
        ((20, 29), True, True),  # and at 29 it catches up
        ((20, 30), True, False),  # back at the switch itself: too late
        ((15, 29), True, True),
        ((31, 35), False, True),
    ],
)
def test_written_absences(spell: tuple[int, int], catch_up: bool, proved: bool) -> None:
    """Every 10 s, the reserve waits from 20 to 29."""
    plan, profile = plan_of(Reissue(20, "after", 10)), kind(10, 0, Away((spell,)), catch_up=catch_up)
    assert is_proved(plan, profile) is proved
    assert any(is_lost(plan, device(profile, phase_s=phase_s)) for phase_s in range(10)) is not proved


def test_each_of_several_reserves_must_be_received() -> None:
    good, short = Reissue(20, "after", 13), Reissue(60, "after", 12)
    assert is_proved(plan_of(good, replace(short, after_s=13)), kind(10, 3))
    assert not is_proved(plan_of(good, short), kind(10, 3))
    assert not is_proved(plan_of(good, replace(short, at_s=30)), kind(10, 3))  # replaces it


@pytest.mark.parametrize(("delay_s", "proved"), [(12, False), (13, True)])
def test_a_first_certificate_that_becomes_valid_loses_nobody_and_excuses_no_reserve(
    delay_s: int, proved: bool
) -> None:
    """An attempt in any 13 s; the first certificate is valid from 15 on, the reserve waits from 20."""
    plan = plan_of(Reissue(20, "after", delay_s), horizon_s=50)
    plan = replace(plan, first=replace(plan.first, not_before_s=15))
    assert is_proved(plan, kind(10, 3)) is proved
    assert any(is_lost(plan, lives) for lives in losing_draws(plan, kind(10, 3))) is not proved


@pytest.mark.parametrize("activate", ["immediately", "restored", "expired", "refused"])
def test_what_synchronizing_does_not_help_against_is_not_proved(activate: str) -> None:
    plan = plan_of(Reissue(20, "after", 100))
    if activate == "immediately":
        plan = plan_of(Reissue(20, "after", 100), Reissue(200, "immediately"))
    elif activate == "expired":
        plan = replace(plan, first=replace(plan.first, not_after_s=15))
    elif activate == "refused":
        plan = plan_of(Reissue(20, "after", 100, refused_by=frozenset({"android"})))
    else:
        from sim.world.plan import RestorePrevious

        plan = plan_of(Reissue(20, "after", 100), RestorePrevious(200))
    assert not is_proved(plan, kind(10))
    assert is_lost(plan, device(kind(10), phase_s=0))


# --- through scenarios ---------------------------------------------------------------------------------

DOCUMENT: dict[str, Any] = {
    "name": "proofs",
    "start": "2026-03-01",
    "duration": "40d",
    "server": {"certificate": {"expires": "day 100"}, "automatic_reissue": "off"},
    "fleet": [{"name": "phones", "devices": 7, "sync": {"every": "6h", "jitter": "30m"}}],
    "strategy": [{"at": "day 2", "reissue": {"activate": "after 30d"}}],
}


def told_of(guarantee: dict[str, Any], **changes: Any) -> Any:
    document = {**DOCUMENT, **changes, "guarantees": [guarantee]}
    (verdict,) = sim.run(sim.Scenario.from_document(document)).guarantees
    return verdict


@pytest.mark.parametrize(
    ("measure", "bound"),
    [
        ("lost_devices", {"at_most": 0}),
        ("lost_share", {"at_most": "0%"}),
        ("still_lost_devices", {"at_most": 0}),
        ("times_lost", {"at_most": 0}),
        ("device_days_lost", {"at_most": 0}),
        ("reinstalls", {"at_most": 0}),
        ("helpdesk_hours", {"at_most": 0}),
        ("reserve_coverage", {"at_least": "100%"}),
        ("devices", {"at_least": 7}),
    ],
)
def test_what_follows_from_losing_nobody(measure: str, bound: dict[str, Any]) -> None:
    for changes in ({}, {"recovery": {"technicians": 1}}):
        told = told_of({"measure": measure, **bound}, **changes)
        assert (told.verdict, told.passes) == ("proved", True)
    assert told.proof


# Turns at 7.5, 22.5, 37.5 and 52.5 days: two while the reserve waits, from day 2 to day 32.
SELDOM = {"name": "tablets", "devices": 4, "sync": {"every": "60d", "phase": "even"}}
# As before, but where jitter is drawn: two of five are at risk, those with turns at 42 and 54 days.
LATE = {"name": "tablets", "devices": 5, "sync": {"every": "60d", "phase": "even", "jitter": "1h"}}
OFTEN = {"name": "tablets", "devices": 4, "sync": {"every": "6h", "phase": "even"}}


@pytest.mark.parametrize(
    ("tablets", "recovery", "least"),
    [
        (SELDOM, None, (7 + 2) / 11),
        # Who is lost is reinstalled some time, which decides what it holds at a later change.
        (SELDOM, {"technicians": 1}, 7 / 11),
        (OFTEN, {"technicians": 1}, 1.0),
        (LATE, None, (7 + 3) / 12),
    ],
)
def test_the_least_coverage_counts_who_is_surely_handed_the_reserve(
    tablets: dict[str, Any], recovery: dict[str, Any] | None, least: float
) -> None:
    for share, proved in ((least, True), (least + 1e-6, False)):
        guarantee = {"measure": "reserve_coverage", "at_least": min(share, 1.0)}
        told = told_of(
            guarantee, fleet=[*DOCUMENT["fleet"], tablets], **({"recovery": recovery} if recovery else {})
        )
        assert (told.verdict == "proved") is (proved or least == 1.0), share


@pytest.mark.parametrize(("at_most", "verdict"), [(15.4, "fails"), (15.5, "proved")])
def test_the_days_that_few_can_lose_are_bounded_to_the_second(at_most: float, verdict: str) -> None:
    """Two are at risk, from day 32.25 to day 40."""
    late = [{"at": "day 2", "reissue": {"activate": "after 30d6h"}}]
    guarantee = {"measure": "device_days_lost", "at_most": at_most}
    assert told_of(guarantee, fleet=[LATE], strategy=late).verdict == verdict


def test_a_group_without_devices_leaves_nothing_to_chance() -> None:
    nobody = {**DOCUMENT["fleet"][0], "devices": 0}
    told = told_of({"measure": "lost_devices", "at_most": 2}, fleet=[nobody, SELDOM])
    assert (told.verdict, told.observed) == ("proved", 2)
    assert told.proof == "nothing here depends on chance: every run is this run"


def test_the_proof_is_told_as_a_planner_would() -> None:
    told = told_of({"measure": "lost_devices", "at_most": 0})
    assert told.proof == "every device synchronizes at least once in any 6h30m; the reserve waits 30d"


def test_without_jitter_the_gap_is_the_period() -> None:
    phones = {"name": "phones", "devices": 7, "sync": {"every": "6h"}}
    told = told_of({"measure": "lost_devices", "at_most": 0}, fleet=[phones])
    assert told.proof == "every device synchronizes at least once in any 6h; the reserve waits 30d"


def test_a_window_that_an_outage_shortens_is_told_by_its_length() -> None:
    server = {**DOCUMENT["server"], "outages": [{"from": "day 2", "for": "1d"}]}
    told = told_of({"measure": "lost_devices", "at_most": 0}, server=server)
    assert told.proof == (
        "every device synchronizes at least once in any 6h30m; the reserve is handed out for 29d on end"
    )


def test_that_some_are_surely_lost_does_not_show_that_enough_are() -> None:
    told = told_of({"measure": "lost_devices", "at_least": 3}, fleet=[*DOCUMENT["fleet"], SELDOM])
    assert (told.verdict, told.observed, told.proof) == ("fails", 2, None)


def test_nothing_is_sure_of_a_platform_that_refuses_the_first_certificate() -> None:
    plan = plan_of(Reissue(20, "after", 100))
    plan = replace(plan, first=replace(plan.first, refused_by=frozenset({"android"})))
    assert deliveries_of(play(plan), "android") is None
    assert deliveries_of(play(plan), "ios") is not None


def test_a_second_less_is_not_proved_in_a_scenario_either() -> None:
    for delay, verdict in (("6h30m", "proved"), ("6h29m59s", "holds")):
        strategy = [{"at": "day 2", "reissue": {"activate": f"after {delay}"}}]
        assert told_of({"measure": "lost_devices", "at_most": 0}, strategy=strategy).verdict == verdict


def test_a_group_of_few_bounds_what_can_be_lost() -> None:
    drawers = {
        "name": "drawers",
        "devices": 3,
        "presence": {"on": {"exponential": "1d"}, "off": {"exponential": "1h"}},
    }
    changes = {"fleet": [*DOCUMENT["fleet"], drawers]}
    told = told_of({"measure": "lost_devices", "at_most": 3}, **changes)
    expected = "whatever is drawn, no more than 3 of 10 devices (drawers) can be lost"
    assert (told.verdict, told.proof) == ("proved", expected)
    assert told_of({"measure": "lost_devices", "at_most": 2}, **changes).verdict == "holds"
    # Three devices, one switch, on day 32 of 40.
    for measure, most, less in (
        ("times_lost", 3, 2),
        ("still_lost_devices", 3, 2),
        ("device_days_lost", 24, 23),
    ):
        assert told_of({"measure": measure, "at_most": most}, **changes).verdict == "proved"
        assert told_of({"measure": measure, "at_most": less}, **changes).verdict == "holds"
    assert told_of({"measure": "reserve_coverage", "at_least": "70%"}, **changes).verdict == "proved"
    assert told_of({"measure": "reserve_coverage", "at_least": "70.1%"}, **changes).verdict == "holds"
    assert (
        told_of({"measure": "lost_devices", "at_most": 0, "group": "phones"}, **changes).verdict == "proved"
    )


def test_a_certificate_that_nobody_was_handed_loses_everybody_for_certain() -> None:
    strategy = [{"at": "day 2", "reissue": {"activate": "immediately"}}]
    told = told_of({"measure": "lost_devices", "at_least": 7}, strategy=strategy)
    assert told.verdict == "proved"
    broken = told_of({"measure": "lost_devices", "at_most": 6, "probability": "1%"}, strategy=strategy)
    assert (broken.verdict, broken.witness) == ("fails", "phones/0")  # after one replication
    assert told_of({"measure": "lost_devices", "at_most": 7}, strategy=strategy).verdict == "proved"


def test_one_run_is_no_proof_where_a_help_desk_serves_devices_left_to_chance() -> None:
    """The first group is lost for certain; how soon it is helped depends on who else waits."""
    sync = {"every": "6h", "phase": "0s"}
    fixed = {"name": "fixed", "devices": 1, "sync": {**sync, "success": "0%"}}
    random = {"name": "random", "devices": 1, "sync": {**sync, "success": "50%"}}
    desk = {"technicians": 1, "begins": "1h", "owner_responds": "1h", "takes": "1h"}
    still = {"measure": "helpdesk_hours", "at_most": 100, "group": "fixed"}
    assert told_of(still, fleet=[fixed], recovery=desk).verdict == "proved"
    assert told_of(still, fleet=[fixed, random], recovery=desk).verdict == "holds"
    lost = {"measure": "lost_devices", "at_least": 1, "group": "fixed"}
    assert told_of(lost, fleet=[fixed, random], recovery=desk).verdict == "proved"
    drawn = {**desk, "owner_responds": {"exponential": "1h"}}
    assert told_of(still, fleet=[fixed], recovery=drawn).verdict == "holds"


def test_nothing_is_proved_where_nothing_is_exercised() -> None:
    assert told_of({"measure": "lost_devices", "at_most": 0}, strategy=[]).verdict == "vacuous"


# --- the attack ----------------------------------------------------------------------------------------


@st.composite
def provable(draw: Any) -> tuple[Plan, Profile]:
    """Plans with windows as tight as they can be, and one second to either side."""
    every_s = draw(st.integers(1, 12))
    jitter_s = draw(st.integers(0, every_s - 1))
    presence: Presence = "always"
    what = draw(st.sampled_from(("always", "always", "spells", "away")))
    longest_s = 0
    if what == "spells":
        longest_s = draw(st.integers(2, 15))
        low_s = draw(st.integers(1, longest_s))
        off = draw(
            st.sampled_from(
                (
                    Distribution.constant(longest_s),
                    Distribution.uniform(low_s, longest_s),
                    Distribution.empirical((low_s, longest_s)),
                )
            )
        )
        presence = Spells(Distribution.uniform(1, draw(st.integers(2, 30))), off)
    elif what == "away":
        turns = sorted(draw(st.lists(st.integers(0, 150), min_size=2, max_size=6, unique=True)))
        presence = Away(tuple(zip(turns[::2], turns[1::2], strict=False)))
    profile = kind(every_s, jitter_s, presence, catch_up=what != "away" or draw(st.booleans()))
    gap_s = every_s + jitter_s + longest_s
    actions, outages, at_s = [], [], draw(st.integers(0, 20))
    for _ in range(draw(st.integers(1, 3))):
        delay_s = gap_s + draw(st.sampled_from((-1, 0, 0, 1, 2)))
        if draw(st.booleans()):
            lasts_s = draw(st.integers(1, 5))
            begins_s = at_s + draw(st.integers(0, gap_s))
            outages.append((begins_s, begins_s + lasts_s))
            delay_s += draw(st.sampled_from((0, begins_s + lasts_s - at_s, lasts_s)))
        address = None
        if draw(st.integers(0, 3)) == 0:
            address = AddressChange(draw(st.sampled_from("abc")), draw(st.sampled_from((None, 0))), 0)
        delay_s = max(delay_s, 0)
        actions.append(Reissue(at_s, "after", delay_s, address=address))
        at_s += delay_s + draw(st.integers(0, 5))
    plan = plan_of(*actions, outages=sorted(outages), horizon_s=at_s + 10)
    return replace(plan, sample_s=1 << 40), profile


def attack_on(profile: Profile, random: Random, *, tries: int) -> Fleet:
    """A device for every phase and try, with jitters and spells at the ends of their ranges or anywhere."""
    at_ends = (0.0, 0.999_999)
    lives, phases_s, start_on, first_s = [], [], [], []
    for number, phase_s in product(range(tries), range(profile.every_s)):
        if number < 4:
            patterns = [(0.0,), (0.999_999,), at_ends, at_ends[::-1]]
            jitters, offs, ons = patterns[number], patterns[1], patterns[number]
        else:
            jitters, offs, ons = (
                tuple(random.choice((*at_ends, random.random())) for _ in range(16)) for _ in range(3)
            )
        on, spell_s = True, 0
        if isinstance(profile.presence, Away):
            on, spell_s = profile.presence.starts_on, profile.presence.first_spell_s
        elif isinstance(profile.presence, Spells):
            on = random.random() < 0.5
            law = profile.presence.on if on else profile.presence.off
            spell_s = random.choice((1, int(law.longest_s), random.randint(1, int(law.longest_s))))
        lives.append(Scripted(jitters, offs, ons))
        phases_s.append(phase_s)
        start_on.append(on)
        first_s.append(spell_s)
    n = len(lives)
    roster = replace(roster_of(profile, n=n), identity=np.arange(n, dtype=np.uint64))
    return Fleet(
        roster,
        cast(Draws, Lives(lives)),
        np.array(phases_s, np.int64),
        np.array(start_on, np.bool_),
        np.array(first_s, np.int64),
    )


def falls(plan: Plan, profile: Profile, seed: int, *, tries: int) -> bool:
    return is_lost(plan, attack_on(profile, Random(seed), tries=tries))


seeds = st.integers(0, 2**32)


def settings_for(examples: int) -> Any:
    return settings(
        max_examples=examples, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )


@settings_for(200)
@given(provable(), seeds)
def test_no_proved_guarantee_falls(world: tuple[Plan, Profile], seed: int) -> None:
    attacked(world, seed, tries=4)


@pytest.mark.slow
@settings_for(6000)
@given(provable(), seeds)
def test_no_proved_guarantee_falls_among_thousands(world: tuple[Plan, Profile], seed: int) -> None:
    attacked(world, seed, tries=12)


def attacked(world: tuple[Plan, Profile], seed: int, *, tries: int) -> None:
    plan, profile = world
    proved = is_proved(plan, profile)
    event(f"proved: {proved}")
    assume(proved)
    assert not falls(plan, profile, seed, tries=tries)


def wrong_bounds(plan: Plan, profile: Profile) -> dict[str, bool]:
    """What false bounds would call proved; each for a plan with one reissue."""
    (action,) = plan.actions
    assert isinstance(action, Reissue)
    assert action.after_s is not None
    reach = reach_s(profile)
    assert reach is not None
    outage_s = max((outage.to_s - outage.from_s for outage in plan.outages), default=0)
    return {
        "a second short": action.after_s >= profile.every_s + reach - 1 and not plan.outages,
        "the longest outage added": action.after_s >= profile.every_s + reach + outage_s,
        "the jitter forgotten": action.after_s >= profile.every_s and not plan.outages,
    }


@pytest.mark.parametrize("bound", ["a second short", "the longest outage added", "the jitter forgotten"])
def test_the_attack_finds_what_a_false_bound_lets_through(bound: str) -> None:
    """The null control: the same worlds and draws, with a false bound instead of the proof."""

    @settings(settings_for(400), phases=[Phase.generate])
    @given(provable(), seeds)
    def attack(world: tuple[Plan, Profile], seed: int) -> None:
        plan, profile = world
        assume(len(plan.actions) == 1 and profile.presence == "always")
        assume(wrong_bounds(plan, profile)[bound])
        assert not falls(plan, profile, seed, tries=6)

    with pytest.raises(AssertionError):
        attack()


# --- its parts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("longest_s", "reach"), [((1 << 26) - 1, (1 << 26) - 1), (1 << 26, 1 << 26), ((1 << 26) + 1, None)]
)
def test_absences_above_two_years_have_no_bound(longest_s: int, reach: int | None) -> None:
    """There a first spell is drawn with squares of seconds that a double does not hold."""
    away = Spells(Distribution.constant(10), Distribution.constant(longest_s))
    assert reach_s(kind(10, presence=away)) == reach


def test_a_device_is_at_risk_once_however_many_reserves_it_may_miss() -> None:
    """Any attempt may miss both reserves, which wait 12 s where 13 are needed; there is one device."""
    plan = plan_of(Reissue(20, "after", 12), Reissue(60, "after", 12))
    roster = roster_of(kind(10, 3))
    tally = Tally.of(simulate(plan, Fleet.start(roster, Draws.of(1, 0))))
    settled = Proofs(play(plan), [roster]).settle(Bound(measure="lost_devices", at_most=1), tally)
    assert settled == Proof(True, "there are no more than 1 devices to lose")


def test_a_span_within_another_adds_nothing_and_touching_ones_are_one() -> None:
    assert merged([(6, 8), (0, 1), (5, 20)]) == ((0, 1), (5, 20))
    assert merged([(0, 1), (1, 2), (3, 3), (4, 5)]) == ((0, 2), (4, 5))


@settings_for(300)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=4),
    st.integers(1, 12),
    st.integers(0, 20),
)
def test_the_phases_at_risk_are_those_found_by_trying_each(
    spans: list[tuple[int, int]], every_s: int, reach: int
) -> None:
    windows = merged(spans)
    seconds = {s for from_s, to_s in spans for s in range(from_s, to_s)}
    assert {s for from_s, to_s in windows for s in range(from_s, to_s)} == seconds
    found = {
        p
        for from_s, to_s in phases_at_risk(windows, every_s=every_s, reach_s=reach)
        for p in range(from_s, to_s)
    }
    expected = {
        p
        for p in range(every_s)
        if not any(all(x + r in seconds for r in range(reach + 1)) for x in range(p, 41, every_s))
    }
    assert found == expected


def test_a_delivery_tells_when_the_reserve_is_handed_out() -> None:
    change = AddressChange("b", 300, 0)
    plan = plan_of(Reissue(20, "after", 50, address=change), Reissue(90, "after", 250), outages=[(30, 40)])
    first, second = deliveries_of(play(plan), "android") or ()
    assert (first.specified_s, first.at_s, first.windows) == (20, 70, ((20, 30), (40, 70)))
    # The new address opens at 300 only.
    assert (second.specified_s, second.at_s, second.windows) == (90, 340, ((300, 340),))
