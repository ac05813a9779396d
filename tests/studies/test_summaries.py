"""Every study says its result once: card and text have the same words, and a planner's text is escaped."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

import sim
from sim.errors import visible
from sim.studies.verify import Difference
from sim.summary import Summary, Table
from sim.summary.terminal import to_text

HOSTILE = "<script>alert(1)</script>&\"'"


@pytest.fixture(scope="module")
def scenario() -> sim.Scenario:
    # Ten phones, evenly over 10 h, an activation 5 h after the reserve: the last five are lost.
    return sim.Scenario.from_document(
        {
            "name": HOSTILE,
            "description": HOSTILE,
            "start": "2026-03-01",
            "duration": "2d",
            "server": {"automatic_reissue": "off"},
            "fleet": [
                {"name": HOSTILE, "devices": 10, "sync": {"every": "10h", "phase": "even"}},
                {"name": "none", "devices": 0},
            ],
            "strategy": [{"at": "start", "reissue": {"activate": "after 5h"}}],
            "guarantees": [{"measure": "lost_devices", "at_most": 0, "group": HOSTILE}],
        }
    )


@pytest.fixture(scope="module")
def objects(scenario: sim.Scenario) -> dict[str, object]:
    longer = scenario.changed({"strategy.0.reissue.activate": "after 1d"})
    vary = {"strategy.0.reissue.activate": ["after 5h", "after 10h"]}
    return {
        "scenario": scenario,
        "result": sim.run(scenario),
        "comparison": sim.compare(scenario, longer, names=[HOSTILE, "longer"]),
        "curve": sim.curve(longer),
        "decision": sim.plan(
            longer.changed({"server.certificate": {"expires": "day 40"}}),
            lost_at_most=0.1,
            confidence=0.5,
            replications=1,
        ),
        "sweep": sim.sweep(scenario, vary, keep=False),
        "story": sim.why(scenario, f"{HOSTILE}/9"),
        "rehearsal": sim.rehearse(scenario, devices=2),
        "verification": sim.verify(scenario),
        "probabilities": sim.exact(scenario),
    }


class Balanced(HTMLParser):
    """Fails where a tag is not closed, and gathers tags and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.text = ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data if self.open[-1:] != ["style"] else ""


ANSWERS = (
    *("result", "comparison", "curve", "decision", "sweep"),
    *("story", "rehearsal", "verification", "probabilities"),
)
NAMES = ("scenario", *ANSWERS)


@pytest.mark.parametrize("name", NAMES)
def test_everything_shows_itself_as_a_card_with_hostile_names_as_text(
    objects: dict[str, object], name: str
) -> None:
    shown = Balanced(objects[name]._repr_html_())  # type: ignore[attr-defined]
    assert shown.tags <= {"style", "div", "table", "tr", "th", "td", "ul", "li"}
    assert HOSTILE in shown.text


@pytest.mark.parametrize("name", ANSWERS)
def test_every_answer_is_a_table_of_pandas_too(objects: dict[str, object], name: str) -> None:
    answer: Any = objects[name]
    frame = answer.to_frame()
    assert len(frame) > 0
    assert answer.to_html() == answer._repr_html_()


def words_of(summary: Summary) -> list[str]:
    """Every text of a summary that is no number."""
    words = [summary.title, summary.answer, summary.about]
    for part in summary.parts:
        words.append(part.title)
        if isinstance(part, Table):
            words += [*part.head, *(cell for row in part.rows for cell in row if isinstance(cell, str))]
        else:
            words += [word for note in part.notes for word in (note.mark, note.text)]
    return [visible(word) for word in words if word]


@pytest.mark.parametrize("name", NAMES)
def test_the_text_and_the_card_have_every_word(objects: dict[str, object], name: str) -> None:
    answer: Any = objects[name]
    summary = answer.summary()
    text, card = to_text(summary), Balanced(answer._repr_html_()).text
    assert text.splitlines()[0] == visible(summary.title)
    for word in words_of(summary):
        assert word in text
        assert word in card


def test_both_engines_are_compared_in_a_sentence(scenario: sim.Scenario) -> None:
    verification = sim.verify(scenario)
    assert verification.summary().answer == f"equal: {verification.fingerprint}"
    different = replace(
        verification, difference=Difference("lost_at_s", "phones/1", None, 10, 11, replication=3)
    )
    assert different.summary().answer == (
        "different: lost_at_s of phones/1 is 10 in the process engine and 11 in the array engine "
        "(replication 3)"
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_repr_is_one_short_line(objects: dict[str, object], name: str) -> None:
    told = repr(objects[name])
    assert len(told) < 300
    assert "\n" not in told
    assert told.lower().startswith(f"<{name} ") or name == "comparison"


def test_the_answer_is_counted_by_hand(objects: dict[str, object], scenario: sim.Scenario) -> None:
    assert "5 of 10 devices lose the server (50 %)" in repr(objects["result"])
    assert "5 of 10 devices lose the server (50 %)" in objects["result"]._repr_html_()  # type: ignore[attr-defined]
    assert "10 devices, 2 groups, 2026-03-01 to 2026-03-03, 1 action, 1 guarantee" in repr(scenario)
    assert "longer (0)" in repr(objects["comparison"])
    assert "from 0 to 5 devices" in repr(objects["sweep"])
    assert "is an Android" in repr(objects["story"])


def test_characters_that_cannot_be_seen_are_escaped(scenario: sim.Scenario) -> None:
    odd = scenario.changed({"name": "a\u202eb"})
    assert "\u202e" not in f"{odd!r}{odd}{odd._repr_html_()}{sim.run(odd)!r}"


def test_no_colour_is_set_for_text_or_ground_so_that_dark_themes_stay_readable(
    objects: dict[str, object],
) -> None:
    style = re.findall(r"<style>(.*?)</style>", objects["result"]._repr_html_())  # type: ignore[attr-defined]
    assert re.findall(r"(?<![-\w])color:(\w+)", style[0]) == ["inherit"]
    assert re.findall(r"background[-\w]*:(\w+)", style[0]) == ["transparent"]
