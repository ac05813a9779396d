"""Validity of new certificates, restoring, Aurora, the unreachable, hours of the desk, a server that is off.

One second before, at and after; expected numbers are counted by hand, and told alike by both engines and the
reference. Unless a test says otherwise a phone is always on and makes one attempt at `phase` and every 100 s
after it; its certificate is valid until second 1000.
"""

from __future__ import annotations

from typing import Any, Literal

import pytest
from agreement import outcome_of
from test_boundaries import after, of, phones, seconds, told

from sim.world.certificates import Certificate
from sim.world.fleet import Fleet, Platform
from sim.world.outcome import Outcome
from sim.world.plan import (
    UNLIMITED,
    Action,
    AddressChange,
    Outage,
    Plan,
    Recovery,
    Reissue,
    RestorePrevious,
)


def run(fleet: Fleet, *actions: Action, horizon_s: int = 200, expires_s: int = 1000, **rest: Any) -> Outcome:
    first = rest.pop("first", Certificate(0, "ksc", 0, expires_s, "old"))
    return outcome_of(Plan(horizon_s, first, actions=actions, **rest), fleet)


# ---- valid from issue, or from activation (3.6) ------------------------------------------------------


@pytest.mark.parametrize(
    ("valid_from", "life", "lost_at"),
    [
        # Specified at 5, received at 7, main at 25.
        ("issue", 20, 25),  # [5, 25): expired when it becomes main
        ("issue", 21, 26),
        ("activation", 20, 45),  # [25, 45)
        ("activation", 1, 26),
        ("activation", None, 1025),  # the life of its predecessor: 1000 s, beyond this run
    ],
)
def test_a_new_certificate_is_valid_from(
    valid_from: Literal["issue", "activation"], life: int | None, lost_at: int
) -> None:
    outcome = run(phones([7]), after(5, 20, valid_for_s=life), valid_from=valid_from)
    assert of(outcome, "lost_at_s") == [lost_at if lost_at < 200 else -1]
    new = outcome.certificates[1]
    issued = 5 if valid_from == "issue" else 25
    assert (new.not_before_s, new.not_after_s) == (issued, issued + (life or 1000))


@pytest.mark.parametrize("valid_from", ["issue", "activation"])
def test_a_certificate_from_a_file_is_valid_as_the_file_says(
    valid_from: Literal["issue", "activation"],
) -> None:
    outcome = run(phones([7]), after(5, 20, not_before_s=3, valid_for_s=40), valid_from=valid_from)
    assert of(outcome, "lost_at_s") == [43]


def test_a_reserve_made_at_installation_dies_with_the_main_certificate_only_from_issue() -> None:
    """Automatic, made at 0 for 60 s like the first one, main at 60."""
    common: dict[str, Any] = {"expires_s": 60, "automatic_lead_s": 60, "horizon_s": 130}
    outcome = run(phones([7], every_s=20), valid_from="issue", **common)
    assert of(outcome, "lost_at_s") == [60]
    outcome = run(
        phones([7], every_s=20), valid_from="activation", **common
    )  # the next reserve is made at 60
    assert of(outcome, "lost_at_s") == [-1]
    assert [instant for instant, _ in told(outcome, "reserve activated")] == [60, 120]


# ---- restoring (3.9) ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("switch", "issuer", "works"),
    [
        ("default", "ksc", False),
        ("default", "custom", True),
        ("kept", "ksc", True),
        ("kept", "custom", True),
        ("invalid", "ksc", False),
        ("invalid", "custom", False),
    ],
)
def test_the_previous_certificate(
    switch: Literal["default", "kept", "invalid"], issuer: Literal["ksc", "custom"], works: bool
) -> None:
    """Replaced at once at 20, put back at 30; the phone meets it at 35."""
    first = Certificate(0, issuer, 0, 1000, "old")
    outcome = run(
        phones([35]),
        Reissue(20, "immediately"),
        RestorePrevious(30),
        first=first,
        previous_certificate=switch,
    )
    assert of(outcome, "reconnected_at_s") == [35 if works else -1]
    failed = [event for event in outcome.events if event.name == "restore failed"]
    assert [event.at_s for event in failed] == ([] if works else [30])
    assert all(event.reason is not None and "no longer valid" in event.reason for event in failed)


# ---- Aurora (5.6) ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("platform", "lost"), [("android", False), ("aurora", False), ("ios", True)])
@pytest.mark.parametrize("refused_by", [frozenset({"ios"})])
def test_aurora_judges_as_android(platform: Platform, refused_by: frozenset[str], lost: bool) -> None:
    outcome = run(phones([7], platform=platform), after(5, 20, refused_by=refused_by))
    assert outcome.is_lost.tolist() == [lost]


def test_what_android_refuses_aurora_does() -> None:
    outcome = run(phones([7], platform="aurora"), after(5, 20, refused_by=frozenset({"android"})))
    assert of(outcome, "lost_cause") == ["platform"]


# ---- unreachable (5.4, 8) ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outage", "lasts"),
    [
        # One attempt, at 30; the run ends at 100.
        ((29, 30), 0),
        ((30, 31), 70),
        ((29, 31), 70),
        ((31, 32), 0),
    ],
)
def test_an_attempt_against_an_outage(outage: tuple[int, int], lasts: int) -> None:
    outcome = run(phones([30]), horizon_s=100, outages=(Outage(*outage),))
    assert of(outcome, "unreachable") == [lasts > 0]
    assert of(outcome, "unreachable_for_s") == [lasts]


@pytest.mark.parametrize(
    ("outages", "lasts"),
    [
        (((29, 30),), 0),  # between 10 and 30
        (((30, 31),), 20),  # 30, reached at 50
        (((30, 51),), 40),  # a row of two: 30 and 50, reached at 70
        (((30, 31), (50, 51)), 40),  # unbroken, whatever the outages are
        (((30, 31), (70, 71)), 40),  # two rows
        (((90, 1000),), 10),  # to the end of the run
        (((11, 29),), 0),
    ],
)
def test_rows_of_unreachable_attempts(outages: tuple[tuple[int, int], ...], lasts: int) -> None:
    """Attempts at 10, 30, 50, 70, 90; the run ends at 100."""
    outcome = run(phones([10], every_s=20), horizon_s=100, outages=tuple(Outage(*o) for o in outages))
    assert of(outcome, "unreachable_for_s") == [lasts]
    assert of(outcome, "unreachable") == [lasts > 0]
    assert outcome.is_lost.tolist() == [False]


@pytest.mark.parametrize(("opens", "lasts"), [(None, 0), (44, 0), (45, 0), (46, 20), (65, 20), (66, 40)])
def test_a_gap_between_two_addresses(opens: int | None, lasts: int) -> None:
    """Attempts at 5, 25, 45, 65, 85; the new address is dialled from 30 on, and opens at `opens`."""
    move = AddressChange("new", opens, 0)
    outcome = run(phones([5], every_s=20), after(5, 25, address=move), horizon_s=100)
    assert of(outcome, "unreachable_for_s") == [lasts]
    assert outcome.is_lost.tolist() == [False]


def test_a_refusal_ends_the_row() -> None:
    """Lost at 20; unreachable at 30, refused at 50 and after: 20 s, and not to the end."""
    outcome = run(
        phones([10], every_s=20),
        Reissue(20, "immediately"),
        horizon_s=100,
        outages=(Outage(25, 40),),
    )
    assert of(outcome, "unreachable_for_s") == [20]
    assert of(outcome, "noticed_at_s") == [50]


def test_a_reinstallation_reaches_the_server() -> None:
    """Unreachable at 30 (outage until 35), lost at 20, reinstalled at 40: 10 s."""
    outcome = run(
        phones([30]),
        Reissue(20, "immediately"),
        horizon_s=100,
        outages=(Outage(25, 35),),
        recovery=Recovery(1, 10, seconds(0), seconds(10)),
    )
    assert of(outcome, "reconnected_at_s") == [40]
    assert of(outcome, "unreachable_for_s") == [10]


# ---- hours of the desk, self-service (6.3a) ------------------------------------------------------------


@pytest.mark.parametrize(
    ("ready", "hours", "back"),
    [
        # Lost at 20, ready at `ready`; a reinstallation takes 10 s.
        (29, ((30, 40),), 40),  # waits for the hours
        (30, ((30, 40),), 40),
        (39, ((30, 40),), 49),  # starts in the last second, and runs to its end
        (40, ((30, 40),), -1),
        (40, ((30, 40), (60, 70)), 70),
        (40, ((30, 40), (40, 41)), 50),
        (41, ((30, 40), (40, 41), (90, 91)), 100),
        (25, ((0, 20),), -1),
        (25, None, 35),
    ],
)
def test_a_reinstallation_starts_within_the_hours(
    ready: int, hours: tuple[tuple[int, int], ...] | None, back: int
) -> None:
    desk = Recovery(1, ready - 20, seconds(0), seconds(10), hours)
    outcome = run(phones([199]), Reissue(20, "immediately"), recovery=desk, horizon_s=190)
    assert of(outcome, "reconnected_at_s") == [back]
    assert of(outcome, "helpdesk_s") == [10 if back != -1 else 0]


def test_one_technician_and_a_night() -> None:
    """Three ready at 20, 10 s each, hours [0, 35) and [100, 200): 20-30, 30-40, 100-110."""
    desk = Recovery(1, 0, seconds(0), seconds(10), ((0, 35), (100, 200)))
    outcome = run(phones([199, 199, 199]), Reissue(20, "immediately"), recovery=desk, horizon_s=190)
    assert of(outcome, "reconnected_at_s") == [30, 40, 110]


def test_nobody_waits_for_self_service() -> None:
    desk = Recovery(UNLIMITED, 5, seconds(0), seconds(10))
    outcome = run(phones([199] * 7), Reissue(20, "immediately"), recovery=desk, horizon_s=100)
    assert of(outcome, "reconnected_at_s") == [35] * 7
    assert outcome.series["queue"].tolist() == [0]


# ---- a server that is off (3.7) -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outage", "off", "made"),
    [
        # Expires at 100, lead 40: looks at 60.
        ((60, 80), False, 60),  # an outage is a matter of the network
        ((60, 80), True, 80),  # made in the second in which it is on again
        ((59, 60), True, 60),
        ((61, 80), True, 60),
        ((40, 61), True, 61),
        ((60, 300), True, None),  # beyond the run
    ],
)
def test_a_server_that_is_off_makes_no_reserve(outage: tuple[int, int], off: bool, made: int | None) -> None:
    outcome = run(
        phones([9], every_s=10), expires_s=100, automatic_lead_s=40, outages=(Outage(*outage, off),)
    )
    specified = told(outcome, "reserve specified")[:1]
    assert specified == ([] if made is None else [(made, "reserve specified")])
    assert of(outcome, "lost_at_s") == [100 if made is None else -1]


def test_a_server_that_is_off_over_two_outages() -> None:
    outages = (Outage(60, 80, True), Outage(80, 90, True))
    outcome = run(phones([9], every_s=10), expires_s=100, automatic_lead_s=40, outages=outages)
    assert told(outcome, "reserve specified")[0] == (90, "reserve specified")
