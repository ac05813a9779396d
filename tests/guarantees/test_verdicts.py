"""Guarantees: holds, fails, undecided, vacuous, at the threshold and one step to either side."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from scipy import stats

import sim
from sim.errors import InputError
from sim.guarantees.verdicts import (
    Answer,
    Verdict,
    lower_bound,
    observed,
    percent,
    upper_bound,
    what_it_would_take,
    why_vacuous,
)
from sim.scenario.findings import findings_of
from sim.scenario.schema import Guarantee
from sim.world.server import Event

# Four phones with their turns at 03:00, 09:00, 15:00 and 21:00. The reserve waits from midnight to noon of
# day 2, so the last two are lost; both are ready at 14:00, and one technician is done at 14:30 and at 15:00.
WORLD: dict[str, Any] = {
    "name": "small world",
    "start": "2026-03-01",
    "duration": "4d",
    "server": {"certificate": {"expires": "day 100"}, "automatic_reissue": "off"},
    "fleet": [
        {"name": "phones", "devices": 4, "sync": {"every": "1d", "phase": "even"}},
        {"name": "nothing", "devices": 0},
    ],
    "strategy": [{"at": "day 2", "reissue": {"activate": "after 12h"}}],
    "recovery": {"technicians": 1, "begins": "1h", "owner_responds": "1h", "takes": "30m"},
}
LOSING = {"strategy": [{"at": "day 2", "reissue": {"activate": "immediately"}}]}
QUIET = {"strategy": []}
UNHELPED = {"recovery": None}


def verdict_of(guarantee: dict[str, Any], **changes: Any) -> Verdict:
    document = {**WORLD, **changes, "guarantees": [guarantee]}
    (verdict,) = sim.run(sim.Scenario.from_document(document)).guarantees
    return verdict


# --- one run -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measure", "value", "step"),
    [
        ("devices", 4, 1),
        ("lost_devices", 2, 1),
        ("lost_share", 0.5, 0.001),
        ("times_lost", 2, 1),
        ("reconnected_devices", 2, 1),
        ("reserve_coverage", 0.5, 0.001),
        ("device_days_lost", 5.5 / 24, 0.001),
        ("reinstalls", 2, 1),
        ("helpdesk_hours", 1, 0.001),
    ],
)
def test_a_value_on_the_threshold_is_right(measure: str, value: float, step: float) -> None:
    def at(key: str, threshold: float) -> str:
        return verdict_of({"measure": measure, key: threshold}).verdict

    assert [at("at_most", value + d) for d in (-step, 0, step)] == ["fails", "proved", "proved"]
    assert [at("at_least", value + d) for d in (-step, 0, step)] == ["proved", "proved", "fails"]
    assert verdict_of({"measure": measure, "at_most": value}).observed == value


@pytest.mark.parametrize(
    ("guarantee", "observed", "verdict"),
    [
        ({"measure": "reconnected_share", "within": "2h29m59s", "at_least": "50%"}, 0, "fails"),
        ({"measure": "reconnected_share", "within": "2h30m", "at_least": "50%"}, 0.5, "proved"),
        ({"measure": "reconnected_devices", "within": "2h59m59s", "at_least": 2}, 1, "fails"),
        ({"measure": "reconnected_devices", "within": "3h", "at_least": 2}, 2, "proved"),
        ({"measure": "time_to_reconnect", "at_most": "3h"}, 10_800, "proved"),
        ({"measure": "time_to_reconnect", "at_most": "2h59m59s"}, 10_800, "fails"),
        ({"measure": "time_to_reconnect", "quantile": "50%", "at_most": "2h30m"}, 9000, "proved"),
        ({"measure": "time_to_reconnect", "quantile": "50%", "at_most": "2h29m59s"}, 9000, "fails"),
        ({"measure": "time_to_reconnect", "quantile": "51%", "at_most": "2h30m"}, 10_800, "fails"),
        ({"measure": "still_lost_devices", "at_most": 0}, 0, "proved"),
        ({"measure": "lost_devices", "at_most": 0, "platform": "android"}, 2, "fails"),
        ({"measure": "lost_devices", "at_most": 1, "group": "phones"}, 2, "fails"),
    ],
)
def test_what_is_observed_decides(guarantee: dict[str, Any], observed: float, verdict: str) -> None:
    told = verdict_of(guarantee)
    assert (told.observed, told.verdict) == (observed, verdict)


def test_devices_that_never_come_back_take_forever() -> None:
    told = verdict_of({"measure": "time_to_reconnect", "at_most": "1000d"}, **UNHELPED)
    assert (told.observed, told.verdict) == (math.inf, "fails")


@pytest.mark.parametrize(
    ("guarantee", "witness"),
    [
        ({"measure": "lost_devices", "at_most": 1}, "phones/2"),
        ({"measure": "lost_devices", "at_least": 3}, "phones/0"),
        ({"measure": "lost_share", "at_most": "1%"}, "phones/2"),
        ({"measure": "reserve_coverage", "at_least": "99%"}, "phones/2"),
        ({"measure": "reserve_coverage", "at_most": "1%"}, "phones/0"),
        ({"measure": "reconnected_share", "within": "2h30m", "at_least": "99%"}, "phones/3"),
        ({"measure": "reconnected_devices", "at_most": 0}, "phones/2"),
        ({"measure": "time_to_reconnect", "at_most": "1h"}, "phones/3"),
        ({"measure": "time_to_reconnect", "at_least": "1d"}, "phones/2"),
        ({"measure": "reinstalls", "at_most": 0}, "phones/2"),
        ({"measure": "still_lost_devices", "at_least": 1}, "phones/0"),
        ({"measure": "devices", "at_most": 1}, None),
    ],
)
def test_a_failure_names_the_first_device_that_shows_it(
    guarantee: dict[str, Any], witness: str | None
) -> None:
    told = verdict_of(guarantee)
    assert (told.verdict, told.witness) == ("fails", witness)
    assert (told.reason, told.replication, told.broken) == (None, 0, 1)  # the number says it all


def test_what_holds_names_nobody() -> None:
    assert verdict_of({"measure": "lost_devices", "at_most": 2}).witness is None


# --- nothing exercised it ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("guarantee", "changes", "reason"),
    [
        ({"measure": "lost_devices", "at_most": 0}, QUIET, "neither changed nor expired"),
        ({"measure": "reserve_coverage", "at_least": "99%"}, QUIET, "neither changed nor expired"),
        ({"measure": "lost_devices", "at_most": 0, "group": "nothing"}, {}, "no device"),
        ({"measure": "lost_devices", "at_most": 0, "platform": "ios"}, {}, "no device"),
        ({"measure": "devices", "at_most": 0, "group": "nothing"}, {}, "no device"),
        (
            {"measure": "reconnected_share", "at_least": "99%"},
            {"strategy": [{"at": "day 1", "reissue": {"activate": "after 1d"}}]},
            "no device was lost",
        ),
        (
            {"measure": "time_to_reconnect", "at_most": "1d"},
            {"strategy": [{"at": "day 1", "reissue": {"activate": "after 1d"}}]},
            "no device was lost",
        ),
        (
            {"measure": "reserve_coverage", "at_least": "99%"},
            {**QUIET, "server": {"certificate": {"expires": "day 3"}, "automatic_reissue": "off"}},
            "no certificate was activated",
        ),
    ],
)
def test_what_nothing_exercised_is_vacuous(
    guarantee: dict[str, Any], changes: dict[str, Any], reason: str
) -> None:
    told = verdict_of(guarantee, **changes)
    assert told.verdict == "vacuous"
    assert told.reason is not None
    assert reason in told.reason
    assert not told.passes
    allowed = verdict_of({**guarantee, "allow_vacuous": True}, **changes)
    assert allowed.verdict == "vacuous"
    assert allowed.passes


def test_a_quiet_run_does_not_keep_what_needs_a_loss() -> None:
    assert verdict_of({"measure": "lost_devices", "at_least": 1}, **QUIET).verdict == "fails"


def test_nothing_is_broken_where_nothing_happens() -> None:
    told = verdict_of({"measure": "lost_devices", "at_most": 0}, **QUIET)
    assert (told.verdict, told.replications, told.broken) == ("vacuous", 1, 0)


def test_the_number_of_devices_needs_no_event() -> None:
    assert verdict_of({"measure": "devices", "at_most": 4}, **QUIET).verdict == "proved"


@pytest.mark.parametrize(
    ("event", "exercises"),
    [("address opened", False), ("certificate expired", True), ("outage ended", False)],
)
def test_of_events_only_an_expiry_exercises_a_guarantee(event: str, exercises: bool) -> None:
    """In a run without a change of the main certificate."""
    (tally,) = sim.run(sim.Scenario.from_document({**WORLD, **QUIET})).tallies
    assert len(tally.coverage_held) == 0
    guarantee = Guarantee(measure="lost_devices", at_most=0)
    said = why_vacuous(guarantee.bound, replace(tally, events=(Event(5, event, 0, "server"),)), measured=True)
    assert (said is None) is exercises


def test_an_expiry_exercises_a_guarantee() -> None:
    server = {"certificate": {"expires": "day 3"}, "automatic_reissue": "off"}
    told = verdict_of({"measure": "lost_devices", "at_most": 0}, **QUIET, server=server)
    assert (told.verdict, told.observed, told.witness) == ("fails", 4, "phones/0")


# --- several runs --------------------------------------------------------------------------------------

# One phone with a turn a day at a random time, and 12 of 24 hours: lost in every second replication.
COIN = {"fleet": [{"name": "phones", "devices": 1, "sync": {"every": "1d"}}], "duration": "3d", **UNHELPED}


def test_without_a_probability_it_must_hold_in_every_replication() -> None:
    told = verdict_of({"measure": "lost_devices", "at_most": 0}, **COIN, replications=40)
    assert told.verdict == "fails"
    assert told.observed == 1  # the worst
    assert told.reason is not None
    lost = told.broken
    assert told.reason == f"broken in {lost} of 40"
    # Binomial(40, 1/2), false-alarm rate 1e-6.
    assert stats.binom.ppf(5e-7, 40, 0.5) <= lost <= stats.binom.isf(5e-7, 40, 0.5)
    assert told.witness == "phones/0"
    document = {**WORLD, **COIN, "replications": 40}
    runs = sim.run(sim.Scenario.from_document(document)).runs
    assert told.replication == [row["lost_devices"] for row in runs].index(1)


def once_each_hour(success: str) -> dict[str, Any]:
    """One phone with twelve attempts before the switch; nothing about it is proved."""
    phones = {"name": "phones", "devices": 1, "sync": {"every": "1h", "success": success}}
    return {"fleet": [phones], "duration": "3d", **UNHELPED}


LUCKY = once_each_hour("99.9999%")  # lost with a probability of 1e-72
LUCKLESS = once_each_hour("0.0001%")  # saved with one of 1.2e-5


def test_what_is_kept_in_every_replication_holds_and_says_how_sure_that_is() -> None:
    guarantee = {"measure": "lost_devices", "at_most": 0}
    told = verdict_of(guarantee, **LUCKY, replications=59)
    assert told.verdict == "holds"
    # 1 - 0.05^(1/59) = 0.0495; about 3/59.
    expected = "kept in all 59 replications: at most 4.95 % of replications could break it (95 % confidence)"
    assert told.reason == expected
    once = verdict_of(guarantee, **LUCKY)
    assert once.reason is not None
    assert "--replications" in once.reason


@pytest.mark.parametrize(("replications", "verdict"), [(1, "undecided"), (58, "undecided"), (59, "holds")])
def test_95_percent_at_95_percent_confidence_takes_59_replications(replications: int, verdict: str) -> None:
    # Kept in all of n: with confidence 1 - a the probability is at least a^(1/n); 0.05^(1/59) = 0.9505, and
    # 0.05^(1/58) = 0.9497.
    guarantee = {"measure": "times_lost", "at_most": 0, "probability": "95%"}
    told = verdict_of(guarantee, **LUCKY, replications=replications)
    assert told.verdict == verdict
    if verdict == "undecided":
        assert told.reason is not None
        assert told.reason.endswith(": too few to decide; 59 in all would decide it if each keeps it")


@pytest.mark.parametrize(("replications", "verdict"), [(1, "undecided"), (2, "fails")])
def test_what_never_holds_fails_as_soon_as_that_is_sure(replications: int, verdict: str) -> None:
    # Kept in none of n: at most 1 - 0.05^(1/n), which is 0.95 after one and 0.776 after two.
    guarantee = {"measure": "times_lost", "at_most": 0, "probability": "95%"}
    told = verdict_of(guarantee, **LUCKLESS, replications=replications)
    assert told.verdict == verdict
    if verdict == "undecided":
        assert told.reason is not None
        assert told.reason.endswith(": too few to decide; 2 in all would decide it if none keeps it")


def test_of_a_single_failure_the_number_says_all() -> None:
    told = verdict_of({"measure": "lost_devices", "at_most": 0}, **LUCKLESS)
    assert (told.verdict, told.observed, told.reason, told.proof) == ("fails", 1, None, None)
    assert (told.replications, told.broken) == (1, 1)


def test_what_holds_in_a_share_says_at_least_in_how_many_cases() -> None:
    """All of 59: at least 0.05^(1/59) = 95.05 %, which is read as 95 %."""
    guarantee = {"measure": "times_lost", "at_most": 0, "probability": "95%"}
    told = verdict_of(guarantee, **LUCKY, replications=59)
    assert told.verdict == "holds"
    assert told.reason == (
        "kept in 59 of 59 replications: with 95 % confidence that is at least 95 % of all cases"
    )


def test_confidence_decides_how_many_replications_it_takes() -> None:
    # 0.01^(1/59) = 0.925: not enough at 99 % confidence, which takes ln 0.01 / ln 0.95 = 89.8.
    guarantee = {"measure": "times_lost", "at_most": 0, "probability": "95%", "confidence": "99%"}
    assert verdict_of(guarantee, **LUCKY, replications=89).verdict == "undecided"
    assert verdict_of(guarantee, **LUCKY, replications=90).verdict == "holds"


def test_a_probability_near_the_truth_stays_open() -> None:
    guarantee = {"measure": "times_lost", "at_most": 0, "probability": "50%"}
    told = verdict_of(guarantee, **COIN, replications=40)
    assert told.verdict == "undecided"
    assert told.reason is not None
    assert "in all would probably decide it" in told.reason
    assert verdict_of({**guarantee, "probability": "10%"}, **COIN, replications=40).verdict == "holds"
    assert verdict_of({**guarantee, "probability": "90%"}, **COIN, replications=40).verdict == "fails"


# --- the bounds ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("trials", [1, 3, 10, 59, 1000])
@pytest.mark.parametrize("confidence", [0.4, 0.9, 0.95, 0.99])
def test_no_success_and_no_failure_have_bounds_in_closed_form(trials: int, confidence: float) -> None:
    assert upper_bound(0, trials, confidence) == pytest.approx(1 - (1 - confidence) ** (1 / trials))
    assert lower_bound(0, trials, confidence) == 0
    assert lower_bound(trials, trials, confidence) == pytest.approx((1 - confidence) ** (1 / trials))
    assert upper_bound(trials, trials, confidence) == 1


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [  # two-sided 95 % intervals of Clopper and Pearson, as tables print them
        (0, 10, 0.0, 0.3085),
        (1, 20, 0.0013, 0.2487),
        (5, 10, 0.1871, 0.8129),
        (8, 10, 0.4439, 0.9748),
        (10, 10, 0.6915, 1.0),
        (50, 100, 0.3983, 0.6017),
    ],
)
def test_the_bounds_are_those_of_the_tables(successes: int, trials: int, low: float, high: float) -> None:
    assert lower_bound(successes, trials, 0.975) == pytest.approx(low, abs=5e-5)
    assert upper_bound(successes, trials, 0.975) == pytest.approx(high, abs=5e-5)


@pytest.mark.parametrize(("successes", "trials"), [(1, 7), (3, 40), (39, 40), (250, 1000)])
def test_at_its_bound_what_was_seen_is_as_unlikely_as_the_confidence_says(
    successes: int, trials: int
) -> None:
    low, high = lower_bound(successes, trials, 0.95), upper_bound(successes, trials, 0.95)
    assert stats.binom.sf(successes - 1, trials, low) == pytest.approx(0.05)
    assert stats.binom.cdf(successes, trials, high) == pytest.approx(0.05)


# --- what is told --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("bound", "found"), [(1, True), (1.0, True), ("100%", True), ("99.9%", False)])
def test_a_share_of_one_is_pointed_out(bound: Any, found: bool) -> None:
    guarantees = [{"measure": "lost_share", "at_most": bound}, {"measure": "lost_devices", "at_most": 1}]
    findings = findings_of(sim.Scenario.from_document({**WORLD, "guarantees": guarantees}))
    told = [finding for finding in findings if finding.rule == "share-of-one"]
    assert [finding.key for finding in told] == (["guarantees.0.at_most"] if found else [])


def test_a_verdict_reads_as_a_sentence() -> None:
    told = verdict_of({"measure": "lost_devices", "at_most": 0}, **LUCKLESS, replications=3)
    assert told.guarantee.promise == "lost devices at most 0"
    expected = "1 in the worst of 3 replications; broken in 3 of 3; for example phones/0 in replication 7"
    assert observed(told, first_replication=7) == expected
    assert observed(verdict_of({"measure": "lost_devices", "at_most": 1})) == (
        "2; nothing here depends on chance: every run is this run; for example phones/2"
    )


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.5, "50 %"),
        (0.0495, "4.95 %"),
        (0.95, "95 %"),
        (0.9999, "99.99 %"),
        (1.0, "100 %"),
        (0.99949, "99.949 %"),
    ],
)
def test_what_is_missing_to_a_hundred_percent_is_not_rounded_away(share: float, text: str) -> None:
    assert percent(share) == text


def test_the_document_tells_the_proof() -> None:
    document = {**WORLD, "guarantees": [{"measure": "lost_devices", "at_most": 2}]}
    (told,) = sim.run(sim.Scenario.from_document(document)).to_json()["guarantees"]
    assert told == {
        "measure": "lost_devices",
        "at_most": 2,
        "observed": 2,
        "verdict": "proved",
        "proof": "nothing here depends on chance: every run is this run",
    }


@pytest.mark.parametrize("call", ["run", "compare", "curve", "verify", "why", "plan", "sweep"])
def test_a_path_instead_of_a_scenario_is_told(call: str) -> None:
    arguments: dict[str, Any] = {
        "why": {"device": "phones/0"},
        "plan": {"lost_at_most": 0.1},
        "sweep": {"vary": {}},
    }
    said = r"a scenario is expected here, not \"plan.yaml\": write sim\.load\('plan\.yaml'\)"
    with pytest.raises(InputError, match=said):
        getattr(sim, call)("plan.yaml", **arguments.get(call, {}))


def decided_at(low_end: int, high_end: int) -> Callable[[int, int], Answer]:
    """A made-up rule: at up to 42 % (from 58 % on) so many replications decide, further out 30."""

    def judge(good: int, n: int) -> Answer:
        share = good / n
        if share <= 0.42:
            return "fails" if n >= (30 if share <= 0.36 else low_end) else "undecided"
        if share >= 0.58:
            return "holds" if n >= (30 if share >= 0.64 else high_end) else "undecided"
        return "undecided"

    return judge


@pytest.mark.parametrize(
    ("good", "ends", "says"),
    [
        (20, (80, 60), "30 in all would decide it if each keeps it"),
        (0, (80, 60), "30 in all would decide it if none keeps it"),
        (5, (80, 60), "about 30 in all would probably decide it"),
        # half of 20, promised in half of the cases: a standard error is two of them, so 8 or 12
        (10, (80, 60), "the share is 50 % so far, and about 80 in all would probably decide it"),
        (10, (60, 80), "the share is 50 % so far, and about 80 in all would probably decide it"),
    ],
)
def test_what_would_decide_is_told_in_all(good: int, ends: tuple[int, int], says: str) -> None:
    assert what_it_would_take(good, 20, 0.5, decided_at(*ends)) == says
