"""Replications until a mean is known well enough."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import sim
from sim.studies.precision import FEWEST, Precision, PrecisionError


@pytest.mark.parametrize(
    ("written", "measure", "half_width"),
    [
        ("lost_share +- 0.05%", "lost_share", 0.0005),
        ("lost_share+/-0.001", "lost_share", 0.001),
        (" reserve_coverage  ±  1 % ", "reserve_coverage", 0.01),
        ("lost_devices +- 3", "lost_devices", 3),
        ("device_days_lost +- 12h", "device_days_lost", 0.5),
        ("helpdesk_hours +- 30m", "helpdesk_hours", 0.5),
        ("helpdesk_hours +- 2", "helpdesk_hours", 2),
    ],
)
def test_a_precision_is_a_measure_and_a_width(written: str, measure: str, half_width: float) -> None:
    precision = Precision.parse(written)
    assert (precision.measure, precision.half_width) == (measure, pytest.approx(half_width))


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("lost_share", "not a measure and a width: write for example"),
        ("lost_shares +- 1%", "did you mean lost_share"),
        ("xyz +- 1%", "there are devices, lost_devices"),
        ("lost_devices +- 1%", "'1%' is not a width of lost_devices"),
        ("lost_devices +- 1d", "'1d' is not a width"),
        ("lost_share +- 0%", "is not a width"),
        ("lost_share +- -1%", "is not a width"),
        ("lost_share +- inf", "is not a width"),
        ("lost_share +- nan", "is not a width"),
    ],
)
def test_what_is_no_precision_says_what_would_be(written: str, message: str) -> None:
    with pytest.raises(PrecisionError, match=message):
        Precision.parse(written)


def test_one_stops_at_the_first_interval_that_is_narrow_enough() -> None:
    """Values 0 and 2 in turn: after an even n, sd² = n/(n-1), half-width t(0.975; n-1) / sqrt(n-1).

    t(0.975; 17) = 2.110 and t(0.975; 19) = 2.093: 0.512 after 18 and 0.480 after 20 of them.
    """
    precision = Precision("lost_devices", 0.49)
    for number in range(19):
        precision.add(2.0 * (number % 2))
        assert not precision.is_reached
    precision.add(2.0)
    assert precision.is_reached


def test_nothing_is_reached_before_the_tenth() -> None:
    precision = Precision("lost_devices", 1.0)
    for _ in range(FEWEST - 1):
        precision.add(5.0)
        precision.add(None)  # nothing to measure in this one
        assert not precision.is_reached
    precision.add(5.0)
    assert precision.is_reached


def scenario() -> sim.Scenario:
    document: dict[str, Any] = {
        "name": "half of the period",
        "start": "2026-03-01",
        "duration": "5d",
        "server": {"certificate": {"expires": "day 100"}, "automatic_reissue": "off"},
        "fleet": [{"name": "phones", "devices": 100, "sync": {"every": "2d"}}],
        "strategy": [{"at": "day 2", "reissue": {"activate": "after 1d"}}],
    }
    return sim.Scenario.from_document(document)


def test_a_run_goes_on_until_the_share_is_known() -> None:
    """Half of 100 phones are lost, sd 5 %: a width of 1 % takes about (1.96 * 5)² = 96 fleets."""
    result = sim.run(scenario(), until="lost_share +- 1%")
    assert 60 < result.replications < 140
    summary = result.summary["lost_share"]
    assert summary["high"] - summary["low"] <= 0.02 + 1e-12
    assert abs(summary["mean"] - 0.5) < 0.02  # four standard errors
    again = sim.run(scenario(), replications=result.replications)
    assert again.fingerprint == result.fingerprint


def test_two_reasons_to_stop_are_one_too_many() -> None:
    with pytest.raises(ValueError, match="choose one"):
        sim.run(scenario(), until="lost_share +- 1%", until_decided=100)


@pytest.mark.slow
@pytest.mark.parametrize(("target", "least"), [(12, 0.94), (30, 0.93), (100, 0.92)])
def test_the_width_covers_the_true_mean_about_as_often_as_it_says(target: int, least: float) -> None:
    """3,000 normal samples each; the bounds lie four standard errors below what was measured."""
    random = np.random.default_rng(1)
    covered = 0
    for _ in range(3000):
        precision = Precision("lost_devices", 1.96 / math.sqrt(target))
        values: list[float] = []
        while not precision.is_reached:
            values.append(random.normal())
            precision.add(values[-1])
        covered += abs(float(np.mean(values))) <= precision.half_width
    assert covered / 3000 >= least
