"""One second, one draw or one value out of place: `verify` names the device, the column and both values.

Ten phones synchronize once a day: number i at second floor((i + 1/2) · 8640) of the day, later by up to an
hour. A reserve is specified at the start of day 2, so attempt 2 (counted from 0) is the one that receives it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import sim
from sim import cli
from sim.processes import device as process_device
from sim.processes.engine import simulate
from sim.scenario.prepare import prepare
from sim.studies.verify import Difference, first_difference
from sim.world.draws import Draws, Purpose, stream
from sim.world.fleet import Fleet
from sim.world.outcome import COLUMNS, SERIES, Outcome

DAY_S, HOUR_S = 86_400, 3600
PHONE = 3
TURN_S = 30_240  # floor(3.5 · 8640)

DOCUMENT = {
    "name": "ten phones",
    "start": "2026-03-01",
    "duration": "20d",
    "server": {"certificate": {"expires": "day 30"}, "automatic_reissue": "off"},
    "fleet": [
        {
            "name": "phones",
            "devices": 10,
            "sync": {"every": "1d", "phase": "even", "jitter": "1h", "success": 0.5},
        }
    ],
    "strategy": [{"at": "day 2", "reissue": {"activate": "after 3d"}}],
    "recovery": {"technicians": 1},
}


def ten_phones(*, success: float) -> sim.Scenario:
    return sim.Scenario.from_document(DOCUMENT).changed({"fleet.0.sync.success": success})


def draws_of(scenario: sim.Scenario, purpose: Purpose, device: int) -> list[float]:
    draws = Draws.of(scenario.seed, 0)
    identity = int(prepare(scenario).roster().identity[device])
    return [draws.pair(identity, purpose, number // 2)[number % 2] for number in range(20)]


def test_ten_phones_are_told_the_same_by_both() -> None:
    assert sim.verify(ten_phones(success=0.5)).equal


# ---- a defect of one engine --------------------------------------------------------------------------


@pytest.fixture
def one_second_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every attempt of one phone in the process engine."""
    schedule = process_device.Device._schedule

    def late(self: process_device.Device) -> Iterator[int]:
        return (due_s + (self.index == PHONE) for due_s in schedule(self))

    monkeypatch.setattr(process_device.Device, "_schedule", late)


def another_draw(
    monkeypatch: pytest.MonkeyPatch, scenario: sim.Scenario, purpose: Purpose, number: int, instead: float
) -> None:
    """Draw `number` of one phone and purpose is `instead` in the process engine."""
    phone = int(prepare(scenario).roster().identity[PHONE])

    def altered(draws: Draws, identity: int, what: Purpose) -> Iterator[float]:
        for at, u in enumerate(stream(draws, identity, what)):
            yield instead if (identity, what, at) == (phone, purpose, number) else u

    monkeypatch.setattr(process_device, "stream", altered)


@pytest.mark.usefixtures("one_second_late")
def test_one_second_is_found() -> None:
    scenario = ten_phones(success=1.0)
    late_by_s = int(draws_of(scenario, Purpose.JITTER, PHONE)[2] * (HOUR_S + 1))
    due_s = 2 * DAY_S + TURN_S + late_by_s
    assert sim.verify(scenario).difference == Difference(
        "reserve_received_at_s", f"phones/{PHONE}", due_s, due_s + 1, due_s
    )


def test_one_draw_of_another_index_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = ten_phones(success=1.0)
    u = draws_of(scenario, Purpose.JITTER, PHONE)
    another_draw(monkeypatch, scenario, Purpose.JITTER, 2, instead=u[3])
    right_s, wrong_s = (2 * DAY_S + TURN_S + int(draw * (HOUR_S + 1)) for draw in (u[2], u[3]))
    assert sim.verify(scenario).difference == Difference(
        "reserve_received_at_s", f"phones/{PHONE}", min(right_s, wrong_s), wrong_s, right_s
    )


def test_one_failure_instead_of_a_success_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempt 0 happens before anything does, so it changes the number of synchronizations and no more."""
    scenario = ten_phones(success=0.9999)
    assert max(draws_of(scenario, Purpose.SUCCESS, PHONE)) < 0.9999
    another_draw(monkeypatch, scenario, Purpose.SUCCESS, 0, instead=0.99995)
    assert sim.verify(scenario).difference == Difference("syncs", f"phones/{PHONE}", None, 19, 20)


@pytest.mark.usefixtures("one_second_late")
def test_the_command_tells_the_difference_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    scenario = ten_phones(success=1.0)
    file = tmp_path / "ten.yaml"
    file.write_text(scenario.to_yaml(), encoding="utf-8")
    right_s = 2 * DAY_S + TURN_S + int(draws_of(scenario, Purpose.JITTER, PHONE)[2] * (HOUR_S + 1))

    def verify(*options: str) -> str:
        monkeypatch.setattr(sys, "argv", ["reissue", "verify", str(file), *options])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        assert exit_.value.code == 1
        return capsys.readouterr().out

    told = verify()
    for part in ("different", "reserve_received_at_s", f"phones/{PHONE}", str(right_s), str(right_s + 1)):
        assert part in told
    document = json.loads(verify("--json"))
    assert document["equal"] is False
    assert document["difference"] == {
        "device": f"phones/{PHONE}",
        "at_s": right_s,
        "column": "reserve_received_at_s",
        "process": right_s + 1,
        "fleet": right_s,
        "replication": 0,
    }


# ---- one value of an outcome -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    scenario = ten_phones(success=0.5)
    return simulate(
        prepare(scenario).plan, Fleet.start(prepare(scenario).roster(), Draws.of(scenario.seed, 0))
    )


@pytest.mark.parametrize("column", [column for column in COLUMNS if column != "critical_delay_s"])
@pytest.mark.parametrize("device", [0, 4, 9])
def test_a_value_of_a_device_is_found(outcome: Outcome, column: str, device: int) -> None:
    altered = getattr(outcome.devices, column).copy()
    altered[device] += 1
    other = replace(outcome, devices=replace(outcome.devices, **{column: altered}))
    assert other.fingerprint != outcome.fingerprint
    difference = first_difference(outcome, other)
    assert difference is not None
    assert (difference.column, difference.device) == (column, f"phones/{device}")
    assert difference.fleet == altered[device] == difference.process + 1  # type: ignore[operator]


@pytest.mark.parametrize("name", SERIES)
def test_a_sample_is_found(outcome: Outcome, name: str) -> None:
    altered = outcome.series[name].copy()
    altered[100] += 1
    other = replace(outcome, series={**outcome.series, name: altered})
    assert other.fingerprint != outcome.fingerprint
    assert first_difference(outcome, other) == Difference(
        name, None, 100 * HOUR_S, int(altered[100]) - 1, int(altered[100])
    )


def test_who_is_lost_at_the_end_the_coverage_the_events_and_the_certificates_are_compared(
    outcome: Outcome,
) -> None:
    event = outcome.events[0]
    others = {
        "is_lost": replace(outcome, is_lost=~outcome.is_lost),
        "coverage_held": replace(outcome, coverage_held=outcome.coverage_held + 1),
        "event": replace(outcome, events=(replace(event, at_s=event.at_s + 1), *outcome.events[1:])),
        "certificates": replace(outcome, certificates=outcome.certificates[:-1]),
    }
    shorter = first_difference(outcome, replace(outcome, events=outcome.events[:-1]))
    assert shorter is not None
    assert (shorter.column, shorter.fleet) == ("event", "None")
    for column, other in others.items():
        difference = first_difference(outcome, other)
        assert difference is not None, column
        assert difference.column == column


def test_the_first_device_is_told_where_several_differ(outcome: Outcome) -> None:
    syncs, lost = outcome.devices.syncs.copy(), outcome.devices.times_lost.copy()
    syncs[np.array([2, 5])] += 1
    lost[4] += 1
    difference = first_difference(
        outcome, replace(outcome, devices=replace(outcome.devices, syncs=syncs, times_lost=lost))
    )
    assert difference is not None
    assert (difference.column, difference.device) == ("syncs", "phones/2")
