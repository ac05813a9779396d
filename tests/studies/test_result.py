"""What a run answers in words: which devices, when they are back, how much work, what is due next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

import sim
from sim.studies.output import write
from sim.summary import Notes
from sim.summary.terminal import to_text

DOCUMENT: dict[str, Any] = {
    "name": "ten phones",
    "start": "2026-03-01",
    "duration": "20d",
    "server": {"certificate": {"expires": "day 100"}, "automatic_reissue": "off"},
    "fleet": [{"name": "=phones", "devices": 10, "sync": {"every": "10h", "phase": "even"}}],
    "strategy": [{"at": "day 1", "reissue": {"activate": "immediately", "valid_for": "90d"}}],
}
DESK = {"technicians": 1, "begins": "1d", "owner_responds": "0s", "takes": "1h"}
"""All ten are lost on day 1. The first is back after 25 hours, the fifth after 29, the last after 34."""


def told(scenario: sim.Scenario, **options: Any) -> dict[str, str]:
    parts = sim.run(scenario, **options).summary().parts
    return {note.mark: note.text for part in parts if isinstance(part, Notes) for note in part.notes}


def test_when_the_lost_are_back_and_how_much_work_that_is() -> None:
    answers = told(sim.Scenario.from_document({**DOCUMENT, "recovery": DESK}))
    assert answers["which"] == "every device"
    assert answers["work"] == "10 reinstallations, 10 hours"
    assert "half after 29 hours" in answers["back"]
    assert "the last after 34 hours" in answers["back"]


def test_a_restore_takes_the_server_from_those_reinstalled_before_it() -> None:
    """Five of ten are reinstalled 29 hours after the mistake; 30 minutes later it is taken back."""
    document = {**DOCUMENT, "recovery": DESK}
    document["server"] = {**DOCUMENT["server"], "previous_certificate": "kept"}
    document["strategy"] = [*DOCUMENT["strategy"], {"at": "day 2 05:30", "restore_previous": {}}]
    answers = told(sim.Scenario.from_document(document))
    assert "from 5 devices" in answers["again"]
    document["server"] = DOCUMENT["server"]  # the restore fails: nobody is lost again
    assert "again" not in told(sim.Scenario.from_document(document))


def test_without_a_help_desk_nobody_is_back_and_guarantees_that_do_not_see_it_are_named() -> None:
    kept = {"guarantees": [{"measure": "reserve_coverage", "at_least": "0%"}]}
    answers = told(sim.Scenario.from_document({**DOCUMENT, **kept}))
    assert answers["back"] == "nobody within the run"
    assert "10 devices are without" in answers["but"]
    seen = {"guarantees": [{"measure": "still_lost_devices", "at_least": 10}]}
    assert "but" not in told(sim.Scenario.from_document({**DOCUMENT, **seen}))


def test_over_several_runs_the_answer_has_a_range_and_names_who_is_lost_most_often() -> None:
    """Half are away for ever; without reissue all lose the server, so that both bounds are 10."""
    result = sim.run(sim.Scenario.from_document(DOCUMENT), replications=3)
    assert "5 to 95 % of the runs: 10 to 10" in result.answer


def test_the_expiry_of_each_certificate_and_the_day_its_successor_is_due() -> None:
    """Issued on March 2 for 90 days: it expires on May 31, and the next reserve is due on May 1."""
    result = sim.run(sim.Scenario.from_document(DOCUMENT))
    document = result.to_json()
    assert document["events"][0]["not_after"] == "2026-05-31T00:00:00Z"
    assert (document["expires"], document["next_reserve_by"]) == (
        "2026-05-31T00:00:00Z",
        "2026-05-01T00:00:00Z",
    )
    assert result.events["not_after"][0] == pd.Timestamp("2026-05-31", tz="UTC")
    text = to_text(result.summary())
    assert "expires 2026-05-31" in text
    assert "due by 2026-05-01" in text


def test_a_total_stands_last_below_a_line() -> None:
    two = [{"name": "a", "devices": 1}, {"name": "b", "devices": 2}]
    result = sim.run(sim.Scenario.from_document({**DOCUMENT, "fleet": two}))
    lines = to_text(result.summary()).splitlines()
    total = next(place for place, line in enumerate(lines) if line.strip().startswith("all "))
    assert set(lines[total - 1].strip()) == {"-"}


def test_the_list_for_spreadsheets_has_local_dates_and_no_formula(tmp_path: Path) -> None:
    scenario = sim.Scenario.from_document({**DOCUMENT, "timezone": "Europe/Berlin"})
    write(sim.run(scenario), tmp_path / "out")
    devices = pd.read_csv(tmp_path / "out" / "devices.csv")
    assert set(devices["group"]) == {"'=phones"}
    assert devices["device"][0] == "'=phones/0"
    assert set(devices["lost_at"]) == {"2026-03-02 00:00:00"}
