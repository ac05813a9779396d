"""Hypothesis strategies of small worlds on a coarse grid of seconds, where many things coincide."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from hypothesis import strategies as st

from sim.world.certificates import Certificate
from sim.world.distributions import Distribution
from sim.world.draws import Draws, identity_of_group
from sim.world.fleet import PHASE_IS_DRAWN, Away, Fleet, Profile, Roster, Spells
from sim.world.plan import (
    UNLIMITED,
    Action,
    AddressChange,
    CancelReserve,
    Chase,
    Disturbance,
    Gate,
    Holiday,
    Outage,
    Plan,
    Push,
    Recovery,
    Reissue,
    RestorePrevious,
    Windows,
)

IOS = frozenset({"ios"})
NOBODY: frozenset[str] = frozenset()

# Lengths from a coarse grid, so that many things fall due in the same second; the odd ones miss it by one.
GRID = (0, 1, 5, 10, 11, 15, 20, 30, 40, 41, 60, 100, 300)
LENGTHS = (1, 5, 10, 15, 20, 30, 40, 60, 100)
length_s = st.sampled_from(LENGTHS)
delay_s = st.sampled_from((0, 1, 5, 10, 20, 30, 40, 60, 61, 100, 150))


some_groups = st.one_of(st.none(), st.frozensets(st.sampled_from(("group 0", "group 1"))))


def distributions(*, zero: bool) -> st.SearchStrategy[Distribution]:
    constants = st.sampled_from((0, *LENGTHS) if zero else LENGTHS).map(Distribution.constant)
    return st.one_of(
        constants,
        st.sampled_from((3, 10, 25)).map(Distribution.exponential),
        st.sampled_from(((1, 5), (5, 30))).map(lambda ends: Distribution.uniform(*ends)),
        st.just(Distribution.empirical((5, 10, 20))),
        st.just(Distribution.weibull(15, 0.7)),
        st.just(Distribution.lognormal(10, 1.0)),
        st.just(Distribution.still_away(((5, 0.6), (10, 0.6), (30, 0.0)))),
    )


@st.composite
def address_changes(draw: Any, at_s: int) -> AddressChange | None:
    if draw(st.integers(0, 2)) > 0:
        return None
    opens = draw(st.one_of(st.none(), delay_s.map(lambda delay: at_s + delay - 20)))
    return AddressChange(
        draw(st.sampled_from("ABC")),
        None if opens is None else max(0, opens),
        draw(st.sampled_from((0, 1, 10, 50))),
    )


@st.composite
def gates(draw: Any) -> Gate:
    ends = draw(st.sampled_from((None, 1, 10, 30, 60)))
    return Gate(
        coverage=draw(st.sampled_from((0.0, 0.3, 0.5, 2 / 3, 1.0))),
        check_every_s=draw(st.sampled_from((1, 5, 10, 20))),
        not_before_s=draw(st.sampled_from((0, 1, 10, 20))),
        not_after_s=ends,
        otherwise=draw(st.sampled_from(("activate", "cancel"))),
        groups=draw(some_groups),
    )


@st.composite
def reissues(draw: Any, at_s: int) -> Reissue:
    activate = draw(st.sampled_from(("after", "after", "at expiry", "immediately", "when covered")))
    return Reissue(
        at_s=at_s,
        activate=activate,
        after_s=draw(delay_s) if activate == "after" else None,
        issuer=draw(st.sampled_from(("ksc", "ksc", "custom"))),
        valid_for_s=draw(st.one_of(st.none(), length_s)),
        not_before_s=draw(
            st.one_of(st.none(), st.none(), st.sampled_from((-20, -5, 0, 5, 20)).map(lambda d: at_s + d))
        ),
        address=draw(address_changes(at_s)),
        gate=draw(gates()) if activate == "when covered" else None,
        unfit="a key of 1024 bits" if draw(st.integers(0, 9)) == 9 else None,
        refused_by=IOS if draw(st.integers(0, 3)) == 3 else NOBODY,
    )


@st.composite
def levers(draw: Any, at_s: int) -> Action:
    group = draw(st.sampled_from((None, None, "group 0")))
    platform = draw(st.sampled_from((None, None, "android", "aurora")))
    success = draw(st.sampled_from((1.0, 1.0, 0.5)))
    if draw(st.booleans()):
        return Push(at_s, draw(st.sampled_from((0, 1, 5, 10, 30, 100))), success, group, platform)
    per_day = draw(st.sampled_from((86_400 * 2, 86_400, 17_280, 8640, 5000, 1440)))
    return Chase(at_s, draw(st.sampled_from((0, 5, 10, 20, 60))), per_day, success, group, platform)


@st.composite
def actions(draw: Any, horizon_s: int) -> Action:
    at_s = draw(st.integers(0, horizon_s // 5)) * 5
    kind = draw(st.integers(0, 8))
    if kind == 4:
        return CancelReserve(at_s)
    if kind == 5:
        return RestorePrevious(at_s)
    if kind > 5:
        return draw(levers(at_s))  # type: ignore[no-any-return]
    return draw(reissues(at_s))  # type: ignore[no-any-return]


@st.composite
def windows(draw: Any) -> Windows:
    """Some intervals, some of which touch."""
    instants = sorted(draw(st.lists(st.sampled_from(GRID), min_size=2, unique=True)))
    turns = instants[: len(instants) // 2 * 2]
    apart = tuple(zip(turns[::2], turns[1::2], strict=True))
    return apart if draw(st.booleans()) else tuple(itertools.pairwise(instants))


shares = st.sampled_from((0.0, 0.3, 0.7, 1.0))


@st.composite
def calendars(draw: Any) -> dict[str, Any]:
    """Holidays and disturbances, half of the time none."""
    if draw(st.booleans()):
        return {}
    begins = draw(st.lists(st.sampled_from((-20, 0, 5, 10, 30, 60, 61)), max_size=2))
    return {
        "holidays": tuple(
            Holiday(f"holiday {n}", at, at + draw(length_s), draw(shares), draw(some_groups))
            for n, at in enumerate(begins)
        ),
        "disturbances": tuple(
            Disturbance(
                f"disturbance {n}",
                draw(shares),
                draw(distributions(zero=True)),
                draw(distributions(zero=True)),
                draw(some_groups),
            )
            for n in range(draw(st.integers(0, 2)))
        ),
    }


@st.composite
def plans(draw: Any) -> Plan:
    horizon_s = draw(st.sampled_from((30, 60, 61, 100, 150, 200, 400)))
    did = sorted(draw(st.lists(actions(horizon_s), max_size=5)), key=lambda action: action.at_s)
    begins = draw(st.sampled_from((-30, -5, 0)))
    ends = draw(st.sampled_from((1, 20, 40, 60, 100, 1000)))
    outages = draw(
        st.lists(st.tuples(st.integers(0, horizon_s // 5).map(lambda n: 5 * n), length_s), max_size=3)
    )
    recovery = st.builds(
        Recovery,
        technicians=st.sampled_from((1, 2, UNLIMITED)),
        begins_s=st.sampled_from((0, 0, 1, 5, 10)),
        owner_responds=distributions(zero=True),
        takes=distributions(zero=True),
        hours=st.one_of(st.none(), windows()),
    )
    return Plan(
        horizon_s=horizon_s,
        first=Certificate(
            0,
            draw(st.sampled_from(("ksc", "ksc", "custom"))),
            begins,
            ends,
            "A",
            draw(st.sampled_from((NOBODY, NOBODY, NOBODY, IOS))),
        ),
        automatic_lead_s=draw(st.one_of(st.none(), st.sampled_from((0, 1, 10, 20, 60, 100)))),
        activation=draw(st.sampled_from(("earliest", "date"))),
        actions=tuple(did),
        outages=tuple(Outage(at, at + lasts, draw(st.booleans())) for at, lasts in sorted(outages)),
        recovery=draw(st.one_of(st.none(), recovery)),
        sample_s=draw(st.sampled_from((7, 50))),
        valid_from=draw(st.sampled_from(("issue", "issue", "activation"))),
        previous_certificate=draw(st.sampled_from(("kept", "default", "invalid"))),
        **draw(calendars()),
    )


@st.composite
def mistakes(draw: Any) -> Plan:
    """Long lives, rash reissues, restorations and moves to and fro, with a help desk that is too small."""
    instants = sorted(draw(st.lists(st.integers(1, 24).map(lambda n: 5 * n), min_size=2, max_size=7)))
    did: list[Action] = []
    for at_s in instants:
        kind = draw(st.integers(0, 5))
        if kind < 2:
            did.append(RestorePrevious(at_s))
        elif kind == 2:
            did.append(CancelReserve(at_s))
        elif kind == 3:
            did.append(draw(levers(at_s)))
        else:
            delay = draw(st.sampled_from((None, 0, 5, 10, 20)))
            did.append(
                Reissue(
                    at_s,
                    "immediately" if delay is None else "after",
                    delay,
                    address=draw(address_changes(at_s)),
                )
            )
    return Plan(
        horizon_s=draw(st.sampled_from((100, 200))),
        first=Certificate(0, "ksc", 0, 1000, "A"),
        actions=tuple(did),
        outages=draw(st.sampled_from(((), (Outage(50, 60),)))),
        recovery=Recovery(
            1,
            draw(st.sampled_from((0, 5, 10))),
            draw(distributions(zero=True)),
            Distribution.constant(draw(st.sampled_from((5, 10, 40)))),
        ),
        sample_s=5,
        previous_certificate="kept",
        **draw(calendars()),
    )


@st.composite
def campaigns(draw: Any) -> Plan:
    """A reserve that waits for its gate or its date, while pushes and visits bring it to those who lag."""
    at_s = draw(st.sampled_from((0, 5, 20)))
    gate = draw(st.one_of(st.none(), gates()))
    reissue = Reissue(
        at_s,
        "after" if gate is None else "when covered",
        draw(st.sampled_from((30, 60, 100))) if gate is None else None,
        gate=gate,
    )
    instants = sorted(draw(st.lists(st.sampled_from((5, 10, 20, 21, 30, 40, 60)), min_size=1, max_size=4)))
    later = [draw(levers(max(instant, at_s))) for instant in instants]
    rest: list[Action] = [CancelReserve(70)] if draw(st.integers(0, 5)) == 5 else []
    recovery = Recovery(1, 5, Distribution.constant(3), Distribution.constant(10), draw(windows()))
    return Plan(
        horizon_s=draw(st.sampled_from((100, 200))),
        first=Certificate(0, "ksc", 0, draw(st.sampled_from((50, 1000))), "A"),
        actions=(reissue, *later, *rest),
        outages=draw(st.sampled_from(((), (Outage(30, 45),)))),
        recovery=draw(st.sampled_from((None, None, recovery))),
        sample_s=10,
        **draw(calendars()),
    )


any_plan = st.one_of(plans(), plans(), mistakes(), campaigns(), campaigns())


@st.composite
def absences(draw: Any) -> Away:
    """Written spells of absence, some from the start, some a second apart."""
    instants = draw(st.lists(st.sampled_from(GRID), unique=True))
    turns = sorted(instants)[: len(instants) // 2 * 2]
    return Away(tuple(zip(turns[::2], turns[1::2], strict=True)))


@st.composite
def profiles(draw: Any, group: str) -> Profile:
    every_s = draw(st.sampled_from((3, 5, 10, 15, 20)))
    return Profile(
        group=group,
        platform=draw(st.sampled_from(("android", "ios", "aurora"))),
        every_s=every_s,
        jitter_s=draw(st.sampled_from((0, 0, 1, 2, every_s - 1))),
        success=draw(st.sampled_from((1.0, 1.0, 0.5, 0.9, 0.0))),
        catch_up=draw(st.booleans()),
        presence=draw(
            st.one_of(
                st.just("always"),
                st.builds(Spells, on=distributions(zero=False), off=distributions(zero=False)),
                absences(),
                st.just("never"),
            )
        ),
        hours=draw(st.one_of(st.none(), st.none(), windows())),
    )


def _may_be_silent(profile: Profile) -> bool:
    return isinstance(profile.presence, Spells) or (
        isinstance(profile.presence, Away) and not profile.presence.starts_on
    )


@st.composite
def fleets(draw: Any) -> Fleet:
    groups = draw(st.integers(1, 3))
    kinds = tuple(draw(profiles(f"group {number}")) for number in range(groups))
    of = [number for number in range(groups) for _ in range(draw(st.integers(1, 2)))]
    silent = [_may_be_silent(kinds[kind]) and draw(st.booleans()) for kind in of]
    roster = Roster(
        profiles=kinds,
        groups=tuple(kind.group for kind in kinds),
        profile=np.array(of, dtype=np.int32),
        group=np.array(of, dtype=np.int32),
        identity=np.array(
            [identity_of_group(kinds[k].group) + i & 0xFFFFFFFFFFFFFFFF for i, k in enumerate(of)], np.uint64
        ),
        phase_s=np.array(
            [
                draw(st.one_of(st.just(PHASE_IS_DRAWN), st.just(0), st.integers(0, kinds[k].every_s - 1)))
                for k in of
            ],
            dtype=np.int64,
        ),
        silent=np.array(silent, dtype=np.bool_),
        seen=np.zeros(len(of), dtype=np.bool_),
        holds_reserve=np.array([draw(st.integers(0, 4)) == 4 for _ in of], dtype=np.bool_),
        numbered=tuple(of.count(number) for number in range(groups)),
        ids=((),) * groups,
        silent_for_s=np.array([draw(st.sampled_from((-1, 3, 20, 60, 100))) for _ in of], dtype=np.int64),
        never_connected=np.array([draw(st.integers(0, 9)) == 9 for _ in of], dtype=np.bool_),
    )
    fleet = Fleet.start(roster, Draws.of(draw(st.integers(0, 1000)), 0))
    for i, kind in enumerate(of):  # exact starts now and then: every coincidence is worth meeting
        if isinstance(kinds[kind].presence, Spells) and draw(st.booleans()):
            fleet.first_spell_s[i] = draw(length_s)
    return fleet
