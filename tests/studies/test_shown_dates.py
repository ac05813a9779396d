"""Dates and times are shown by the clocks of the scenario's time zone; JSON has UTC."""

from __future__ import annotations

from typing import Any

import sim
from sim.report.page import Page
from sim.scenario.findings import findings_of

ACROSS = {
    "name": "spring",
    "timezone": "Europe/Berlin",
    "start": "2026-03-01",
    "duration": "60d",
    "server": {"certificate": {"expires": "2026-04-10"}, "automatic_reissue": "off"},
    "fleet": [{"name": "phones", "devices": 2, "sync": {"every": "6h", "phase": "even"}}],
    "strategy": [{"at": "2026-03-27 08:00", "reissue": {"activate": "after 7d"}}],
}
"""Seven days from Friday, March 27, 8:00, over the change to summer time, end at 9:00 by the clocks."""


def test_the_terminal_and_the_page_show_local_time_and_json_shows_utc() -> None:
    result = sim.run(sim.Scenario.from_document(ACROSS))
    assert [(event["event"], event["at"]) for event in result.to_json()["events"]][:2] == [
        ("reserve specified", "2026-03-27T07:00:00Z"),
        ("reserve activated", "2026-04-03T07:00:00Z"),
    ]
    shown: Any = result.summary().parts[2]
    assert [row[0] for row in shown.rows[:2]] == ["2026-03-27 08:00:00", "2026-04-03 09:00:00"]
    assert "times of Europe/Berlin" in result.summary().about
    page = Page(result).html.decode("utf-8")
    for words in ("2026-04-03 09:00", "date (Europe/Berlin)", "Last sync (Europe/Berlin)"):
        assert words in page
    assert "2026-04-03 07:00" not in page


def test_the_story_of_a_device_is_told_in_local_time() -> None:
    story = sim.why(sim.Scenario.from_document(ACROSS), "phones/0")
    assert "2026-04-03 09:00" in str(story)
    assert "2026-04-03 07:00" not in str(story)


def test_findings_name_local_times() -> None:
    (finding,) = (
        each
        for each in findings_of(sim.Scenario.from_document({**ACROSS, "strategy": []}))
        if each.rule == "expiry-without-reserve"
    )
    assert "2026-04-10 00:00" in finding.message
