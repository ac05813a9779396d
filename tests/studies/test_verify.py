"""`verify`: both engines, and probabilities that take no draw beside them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import sim
from sim.probabilities import losses
from sim.studies.verify import Verification, witnesses_of

PHONES: dict[str, Any] = {
    "name": "spells",
    "start": "2026-03-01",
    "duration": "30h",
    "server": {"certificate": {"expires": "day 100"}, "automatic_reissue": "off"},
    "fleet": [
        {
            "name": "phones",
            "devices": 12_000,
            "sync": {"every": "6h", "success": 0.9},
            "presence": {"on": {"exponential": "16h"}, "off": {"lognormal": {"median": "8h", "sigma": 1.1}}},
        },
        {"name": "punctual", "devices": 100, "sync": {"every": "1d", "phase": "even"}},
    ],
    "strategy": [{"at": "day 1", "reissue": {"activate": "after 1h"}}],
}


@pytest.fixture(scope="module")
def scenario() -> sim.Scenario:
    return sim.Scenario.from_document(PHONES)


def test_engines_and_probabilities_agree(scenario: sim.Scenario) -> None:
    found = sim.verify(scenario.changed({"fleet.0.devices": 1000}))
    assert found.equal
    assert [witness.group for witness in found.witnesses] == ["phones", "punctual"]
    assert found.is_explained
    punctual = found.witnesses[1]  # due every 864 s from 432 s on: four of them in the hour
    assert (punctual.lost, punctual.mean, punctual.z) == (96, 96.0, 0.0)


@pytest.mark.parametrize("defect", ["no catch-up", "one cell", "no hours"])
def test_a_planted_mistake_is_noticed(
    scenario: sim.Scenario, defect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = losses.chances

    def wrong(habits: Any, starts: Any, *rest: Any, **more: Any) -> Any:
        if defect == "no catch-up":
            return right([replace(habit, catch_up=False) for habit in habits], starts, *rest, **more)
        if defect == "no hours":
            return right(habits, starts, rest[0], **more)
        cell_s = 6 * 3600 // 32
        return right(
            habits, [replace(each, remaining_s=each.remaining_s - cell_s) for each in starts], *rest, **more
        )

    if defect == "no hours":
        scenario = scenario.changed({"fleet.0.hours": {"days": "mon-sun", "from": "06:00", "to": "20:00"}})
    simulated = sim.run(scenario, engine="fleet")
    assert all(witness.is_explained for witness in witnesses_of(simulated))
    monkeypatch.setattr(losses, "chances", wrong)
    witnesses = tuple(witnesses_of(simulated))
    assert not all(witness.is_explained for witness in witnesses)
    assert Verification("", None, witnesses).to_json()["exact"]["agrees"] is False


def test_what_takes_a_simulation_has_no_witness(scenario: sim.Scenario) -> None:
    gate = {"at": "day 1", "reissue": {"activate": {"when_coverage": "50%", "check_every": "1h"}}}
    found = sim.verify(scenario.changed({"strategy": [gate], "fleet.0.devices": 100}))
    assert found.equal
    assert found.witnesses == ()
    assert "gate" in found.to_json()["exact"]["refused"]
