"""What replications say of a promised share, and how often that is wrong."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import pytest
from scipy import stats

import sim
from sim.guarantees.verdicts import (
    judged_once,
    more_replications,
)

AT_95 = {"probability": 0.95, "confidence": 0.95}


def test_without_a_failure_fifty_nine_are_enough() -> None:
    """0.95^59 < 0.05 < 0.95^58."""
    assert judged_once(59, 59, **AT_95) == "holds"
    assert judged_once(58, 58, **AT_95) == "undecided"


def test_a_hundred_percent_is_never_shown() -> None:
    stated = {"probability": 1.0, "confidence": 0.95}
    assert judged_once(9, 10, **stated) == "fails"
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


def test_a_share_that_is_the_promised_one_so_far_still_names_a_number() -> None:
    """Half of them, promised in half of the cases: a standard error to either side would decide it."""
    made = coin(12, 3, "50%")
    kept = [run["lost_devices"] == 0 for run in sim.run(made, replications=40).runs]
    n = next(n for n in range(2, 41, 2) if 2 * sum(kept[:n]) == n)
    (told,) = sim.run(made, replications=n).guarantees
    assert (told.verdict, told.broken) == ("undecided", n // 2)
    assert told.reason is not None
    assert "the share is 50 % so far, and about " in told.reason
    assert told.reason.endswith(" in all would probably decide it")


@pytest.mark.slow
def test_real_runs_are_wrong_no_more_often_than_stated() -> None:
    """2,000 scenarios that keep it with a probability of exactly 1/2 (model 9.4, W/T), at 90 % confidence."""
    kept = {"measure": "lost_devices", "at_most": 0, "confidence": "90%"}
    promised = [{**kept, "probability": "50%"}, {**kept, "probability": "51%"}]
    fails = holds = 0
    for seed in range(2000):
        true, false = sim.run(
            coin(12, seed, "50%", guarantees=promised),
            replications=40,
            engine="process",
        ).guarantees
        fails += true.verdict == "fails"
        holds += false.verdict == "holds"
    for wrong, count in (("50% fails", fails), ("51% holds", holds)):
        print(f"{wrong} in {count / 20:.2f} % of 2,000")
        assert count / 2000 <= 0.1 + 4 * math.sqrt(0.1 * 0.9 / 2000)
