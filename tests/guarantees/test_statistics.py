"""The two designs: evidence against numbers from elsewhere, and how often each of them is wrong."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

import sim
from sim.guarantees.statistics import (
    judged_in_turn,
    judged_once,
    judged_so_far,
    log_evidence,
    more_replications,
)

AT_95 = {"probability": 0.95, "confidence": 0.95}


@pytest.mark.parametrize(("good", "n"), [(0, 1), (1, 1), (9, 10), (20, 40), (57, 60), (100, 100)])
@pytest.mark.parametrize("probability", [0.3, 0.9, 0.95])
def test_the_evidence_is_the_integral(good: int, n: int, probability: float) -> None:
    def ratio(q: float) -> float:
        return float((q / probability) ** good * ((1 - q) / (1 - probability)) ** (n - good))

    above, below = log_evidence(good, n, probability=probability)
    over, _ = integrate.quad(ratio, probability, 1)
    under, _ = integrate.quad(ratio, 0, probability)
    assert math.exp(above) == pytest.approx(over / (1 - probability), rel=1e-9)
    assert math.exp(below) == pytest.approx(under / probability, rel=1e-9)


@pytest.mark.parametrize("probability", [0.5, 0.95, 0.999])
def test_one_more_replication_changes_the_evidence_by_nothing_on_average(probability: float) -> None:
    """At the stated share itself both ratios are martingales; at a worse one they sink on average."""
    for good, n in ((0, 0), (3, 7), (50, 50), (949, 1000)):
        now, kept, broken = (
            np.exp(log_evidence(*seen, probability=probability))
            for seen in ((good, n), (good + 1, n + 1), (good, n + 1))
        )
        np.testing.assert_allclose(probability * kept + (1 - probability) * broken, now, rtol=1e-9)
        worse = probability - 0.1
        assert worse * kept[0] + (1 - worse) * broken[0] < now[0]


def test_the_evidence_is_stable_for_a_million_replications() -> None:
    for good in (0, 1, 500_000, 949_000, 950_000, 951_000, 999_999, 1_000_000):
        above, below = log_evidence(good, 1_000_000, probability=0.95)
        assert not np.isnan(above)
        assert not np.isnan(below)
        # Far to one side the whole integral lies there: log beta(S+1, F+1) less the likelihood at p.
    assert log_evidence(1_000_000, 1_000_000, probability=0.95)[0] > 50_000
    assert log_evidence(0, 1_000_000, probability=0.95)[1] > 2_000_000


def test_without_a_failure_looking_each_time_takes_a_third_more() -> None:
    """(1 - p^(n+1)) / ((n+1) p^n (1-p)) reaches 20 at n = 88 for p = 95 %; one look needs 59."""

    def evidence(n: int) -> float:
        return float((1 - 0.95 ** (n + 1)) / ((n + 1) * 0.95**n * 0.05))

    n = next(n for n in range(1, 200) if evidence(n) >= 20)
    assert judged_so_far(n - 1, n - 1, **AT_95) == "undecided"
    assert judged_so_far(n, n, **AT_95) == "holds"
    assert judged_in_turn([True] * 200, **AT_95) == ("holds", n)
    assert 59 < n < 100
    assert judged_once(59, 59, **AT_95) == "holds"
    assert judged_once(58, 58, **AT_95) == "undecided"


def test_the_first_clear_answer_stays() -> None:
    kept = [True] * 100 + [False] * 400
    assert judged_in_turn(kept, **AT_95)[0] == "holds"
    assert judged_in_turn(kept[::-1], **AT_95)[0] == "fails"


def test_a_hundred_percent_fails_at_the_first_failure_and_is_never_shown() -> None:
    stated = {"probability": 1.0, "confidence": 0.95}
    assert judged_in_turn([True] * 50, **stated) == ("undecided", 50)
    assert judged_in_turn([True, True, False, True], **stated) == ("fails", 3)
    assert judged_so_far(10, 10, **stated) == "undecided"
    assert judged_once(10, 10, **stated) == "undecided"
    assert more_replications(10, 10, partial(judged_once, **stated)) is None


@pytest.mark.parametrize(
    ("confidence", "probability"), [(0.95, 0.95), (0.99, 0.95), (0.95, 0.99), (0.9, 0.5)]
)
def test_without_a_failure_it_is_told_exactly_how_many_more(confidence: float, probability: float) -> None:
    judge = partial(judged_once, confidence=confidence, probability=probability)
    needed = math.ceil(math.log(1 - confidence) / math.log(probability))
    for n in range(1, needed):
        assert more_replications(n, n, judge) == needed - n


@pytest.mark.parametrize(("good", "n"), [(48, 50), (93, 100), (47, 50), (2, 3)])
def test_so_many_more_decide_if_the_share_stays(good: int, n: int) -> None:
    judge = partial(judged_once, **AT_95)
    if judge(good, n) != "undecided":
        pytest.fail("decided already")
    more = more_replications(good, n, judge)
    assert more is not None
    share = good / n
    whole = math.floor if share > 0.95 else math.ceil
    assert judge(whole(share * (n + more) + (1e-9 if share > 0.95 else -1e-9)), n + more) != "undecided"


def test_one_of_two_is_decided_with_two_of_four() -> None:
    """The upper bound u of two of four solves 1 - 4u³(1 - u) - u⁴ = 0.05: 0.902. Of two of three: 0.983."""
    assert more_replications(1, 2, partial(judged_once, **AT_95)) == 2


def test_a_share_on_the_bound_is_too_close_to_tell() -> None:
    assert more_replications(95, 100, partial(judged_once, **AT_95)) is None


# --- how often they are wrong --------------------------------------------------------------------------


@pytest.mark.parametrize("n", [20, 59, 300])
@pytest.mark.parametrize("probability", [0.5, 0.95])
def test_one_look_is_wrong_no_more_often_than_stated(probability: float, n: int) -> None:
    """Exactly, by summing over all results: at the share itself `fails` is wrong, below it `holds`."""
    answers = [judged_once(good, n, probability=probability, confidence=0.95) for good in range(n + 1)]
    weights = stats.binom.pmf(np.arange(n + 1), n, probability)
    for wrong in ("fails", "holds"):
        assert sum(w for w, answer in zip(weights, answers, strict=True) if answer == wrong) <= 0.05


def wrong_share(p: float, wrong: str, *, repetitions: int, limit: int, seed: int) -> float:
    """How often looking after each of `limit` replications of probability p ends in a wrong answer."""
    random = np.random.default_rng(seed)
    count = 0
    for _ in range(repetitions):
        answer, _ = judged_in_turn(random.random(limit) < p, probability=0.95, confidence=0.95)
        count += answer == wrong
    return count / repetitions


ALLOWED = 0.05
"""One less the confidence. Above it by more than four standard errors is a failure: once in 30,000 runs."""


@pytest.mark.parametrize(("p", "wrong"), [(0.95, "fails"), (0.9499999, "holds"), (0.94, "holds")])
def test_looking_after_each_is_wrong_no_more_often_than_stated(p: float, wrong: str) -> None:
    seen = wrong_share(p, wrong, repetitions=500, limit=300, seed=5)
    assert seen <= ALLOWED + 4 * math.sqrt(ALLOWED * 0.95 / 500)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("p", "wrong"), [(0.95, "fails"), (0.9499999, "holds"), (0.96, "fails"), (0.94, "holds")]
)
def test_looking_ten_thousand_times_is_wrong_no_more_often_than_stated(p: float, wrong: str) -> None:
    seen = wrong_share(p, wrong, repetitions=2000, limit=10_000, seed=6)
    print(f"p = {p}: {wrong} in {100 * seen:.2f} % of 2,000")
    assert seen <= ALLOWED + 4 * math.sqrt(ALLOWED * 0.95 / 2000)


def test_looking_after_each_with_the_bounds_for_one_look_would_be_wrong_too_often() -> None:
    """The null control: Clopper and Pearson, looked at after each of 400, at the share itself."""
    random = np.random.default_rng(7)
    n = np.arange(1, 401)
    good = np.cumsum(random.random((500, 400)) < 0.95, axis=1)
    # `fails` where the result is among the 5 % least likely on its side.
    wrong = (stats.binom.cdf(good, n, 0.95) < 0.05).any(axis=1)
    assert wrong.mean() > 0.1


# --- the real run, where the probability is known ------------------------------------------------------


def coin(minutes: int, seed: int, probability: str, **changes: Any) -> sim.Scenario:
    """One phone, every 24 min; the reserve waits so many minutes: lost in 1 - minutes/24 of cases."""
    return sim.Scenario.from_document(
        {
            "name": "coin",
            "start": "2026-03-01",
            "duration": "1h",
            "seed": seed,
            "server": {"certificate": {"expires": "day 100"}, "automatic_reissue": "off"},
            "fleet": [{"name": "phone", "devices": 1, "sync": {"every": "24m"}}],
            "strategy": [{"at": "start + 24m", "reissue": {"activate": f"after {minutes}m"}}],
            "guarantees": [
                {"measure": "lost_devices", "at_most": 0, "probability": probability, "confidence": "90%"}
            ],
            **changes,
        }
    )


@pytest.mark.parametrize(("probability", "verdict"), [("25%", "holds"), ("75%", "fails")])
def test_replications_are_added_until_it_is_decided(probability: str, verdict: str) -> None:
    result = sim.run(coin(12, 3, probability), until_decided=500)
    (told,) = result.guarantees
    assert told.verdict == verdict
    n = result.replications
    assert 1 < n < 500
    assert told.replications == n
    fewer = sim.run(coin(12, 3, probability), until_decided=n - 1)
    assert (fewer.guarantees[0].verdict, fewer.replications) == ("undecided", n - 1)
    assert fewer.guarantees[0].reason is not None
    assert f"not decided at the limit of {n - 1} replications; " in fewer.guarantees[0].reason
    assert fewer.guarantees[0].reason.endswith(" in all would probably decide it")


def test_what_is_left_open_at_the_limit_says_how_many_would_decide_it() -> None:
    """Without a failure, 95 % at 95 % is decided by the 88th (1 - 0.95^89 >= 20 · 89 · 0.95^88 · 0.05)."""
    ratio = [(1 - 0.95 ** (n + 1)) / ((n + 1) * 0.95**n * 0.05) for n in (87, 88)]
    assert ratio[0] < 20 <= ratio[1]
    sync = {"every": "1m", "success": "99.9999%"}
    fleet = [{"name": "phone", "devices": 1, "sync": sync}]
    made = coin(12, 3, "95%", fleet=fleet).changed({"guarantees.0.confidence": "95%"})
    (told,) = sim.run(made, until_decided=20).guarantees
    assert (told.verdict, told.reason) == (
        "undecided",
        "kept in 20 of 20 replications: not decided at the limit of 20 replications; "
        "88 in all would decide it if each keeps it",
    )
    assert sim.run(made, until_decided=87).guarantees[0].verdict == "undecided"
    assert sim.run(made, until_decided=88).guarantees[0].verdict == "holds"


def test_added_replications_are_those_of_a_run_of_so_many() -> None:
    added = sim.run(coin(12, 3, "75%"), until_decided=500)
    asked = sim.run(coin(12, 3, "75%"), replications=added.replications)
    assert added.fingerprint == asked.fingerprint
    assert added.runs == asked.runs
    assert added.devices.equals(asked.devices)
    assert added.timeline.equals(asked.timeline)
    document, other = added.to_json(), asked.to_json()
    assert document.pop("until_decided") == 500
    del document["guarantees"], other["guarantees"]  # one says it was looked at after each
    assert document == other


def test_nothing_is_added_where_nothing_is_open() -> None:
    assert sim.run(coin(24, 3, "75%"), until_decided=500).replications == 1  # proved
    assert sim.run(coin(12, 3, "75%", strategy=[]), until_decided=500).replications == 1  # vacuous
    assert sim.run(coin(12, 3, "75%", guarantees=[]), until_decided=500, replications=3).replications == 3


def test_a_share_that_is_the_promised_one_so_far_still_names_a_number() -> None:
    """Half of them, promised in half of the cases: a standard error to either side would decide it."""
    made = coin(12, 3, "50%")
    kept = [run["lost_devices"] == 0 for run in sim.run(made, replications=40).runs]
    n = next(n for n in range(2, 41, 2) if 2 * sum(kept[:n]) == n)
    (told,) = sim.run(made, until_decided=n).guarantees
    assert (told.verdict, told.broken) == ("undecided", n // 2)
    assert told.reason is not None
    assert "the share is 50 % so far, and about " in told.reason
    assert told.reason.endswith(" in all would probably decide it")


@pytest.mark.parametrize("limit", [0, -1, 1_000_001])
def test_an_impossible_limit_is_refused(limit: int) -> None:
    with pytest.raises(ValueError, match="from 1 to 1,000,000"):
        sim.run(coin(12, 3, "75%"), until_decided=limit)


@pytest.mark.slow
@pytest.mark.parametrize("until_decided", [None, 200])
def test_real_runs_are_wrong_no_more_often_than_stated(until_decided: int | None) -> None:
    """2,000 scenarios that keep it with a probability of exactly 1/2 (model 9.4, W/T), at 90 % confidence."""
    kept = {"measure": "lost_devices", "at_most": 0, "confidence": "90%"}
    promised = [{**kept, "probability": "50%"}, {**kept, "probability": "51%"}]
    fails = holds = 0
    for seed in range(2000):
        true, false = sim.run(
            coin(12, seed, "50%", guarantees=promised),
            replications=40 if until_decided is None else 1,
            until_decided=until_decided,
            engine="process",
        ).guarantees
        fails += true.verdict == "fails"
        holds += false.verdict == "holds"
    for wrong, count in (("50% fails", fails), ("51% holds", holds)):
        print(f"until_decided {until_decided}: {wrong} in {count / 20:.2f} % of 2,000")
        assert count / 2000 <= 0.1 + 4 * math.sqrt(0.1 * 0.9 / 2000)
