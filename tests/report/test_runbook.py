"""The steps of a recommendation, with its dates and the scenario's own words."""

from __future__ import annotations

import pytest

import sim
from sim.report.schedule import runbook_of
from sim.summary import Notes

DOCUMENT = {
    "name": "Phones",
    "timezone": "Europe/Berlin",
    "start": "2026-03-01",
    "duration": "120d",
    "server": {"certificate": {"expires": "2026-05-20"}, "automatic_reissue": "off"},
    "fleet": [{"name": "phones", "devices": 10, "sync": {"every": "6h"}}],
    "strategy": [{"at": "day 1", "reissue": {"activate": "after 30d"}}],
}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({}, "Connection address: keep it. Certificate: issued by Kaspersky"),
        ({"address": {"change_to": "new.example.com:13292"}}, "change it to new.example.com:13292"),
        ({"issuer": "custom"}, "Certificate: custom"),
    ],
)
def test_the_steps_have_the_dates_of_the_plan_and_the_words_of_the_dialog(
    change: dict[str, object], says: str
) -> None:
    """The advised 30 days before May 20, by the clocks of Berlin; 397 days and 30 before: April 22, 2027."""
    steps = [{"at": "day 1", "reissue": {"activate": "after 30d", **change}}]
    scenario = sim.Scenario.from_document({**DOCUMENT, "strategy": steps})
    (notes,) = runbook_of(scenario, sim.plan(scenario, vary=False)).parts
    assert isinstance(notes, Notes)
    dates = [note.mark for note in notes.notes]
    assert dates[0] == "Mon 2026-04-13 00:00 CEST"
    assert dates[1] == "by Mon 2026-04-20 00:00 CEST"
    assert "Wed 2026-05-20 00:00 CEST" in dates
    assert dates[-1] == "by Thu 2027-04-22 00:00 CEST"
    assert says in notes.notes[1].text
