"""The page says what the run says, shows anybody's text as text, and needs nothing but itself."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import sim
from sim.cli.commands import cli
from sim.report import chase
from sim.report.decision import decide
from sim.report.page import page_of
from sim.report.publish import Publisher, read_record, reproducing
from sim.report.record import Record, RecordError, record_of
from sim.studies.files import OutputError
from sim.studies.margins import margins_of
from sim.studies.store import write
from sim.text import rounded

ROOT = Path(__file__).parents[2]
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> \"'&{{ 7 * 7 }} $x^2$"
PLAN = {
    "name": HOSTILE,
    "description": HOSTILE,
    "start": "2026-03-01",
    "duration": "2d",
    "server": {"automatic_reissue": "off"},
    "fleet": [{"name": "<b>=phones", "devices": 10, "sync": {"every": "10h", "phase": "even"}}],
    "strategy": [{"at": "start", "reissue": {"activate": "after 5h"}}],
    "guarantees": [
        {"measure": "lost_devices", "at_most": 7},
        {"measure": "reserve_coverage", "at_least": "40%"},
        {"measure": "reinstalls", "at_most": 0},
    ],
}
"""Ten phones, one synchronization every hour at the half hour; the first five have the reserve after 5 h."""


class Page(HTMLParser):
    """Elements, attributes and text of a page."""

    def __init__(self, page: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.rows: list[list[str]] = []
        self._open: list[str] = []
        self.feed(page.decode("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open.append(tag)
        if tag == "script":
            self.scripts.append("")
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        elif tag in ("h1", "h2", "p"):
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not self._open:
            return
        if self._open[-1] == "script":
            self.scripts[-1] += data
        for tag in ("h1", "h2", "p"):
            if tag in self._open:
                self.texts[tag][-1] += data
        if "td" in self._open or "th" in self._open:
            self.rows[-1][-1] += data


@pytest.fixture(scope="module")
def result() -> sim.Result:
    return sim.run(sim.Scenario.from_document(PLAN))


@pytest.fixture(scope="module")
def record(result: sim.Result) -> Record:
    return record_of(result, command="reissue run plan.yaml", versions={"reissue": "1", "python": "3"})


@pytest.fixture(scope="module")
def content(record: Record) -> bytes:
    return page_of(record)


@pytest.fixture(scope="module")
def page(content: bytes) -> Page:
    return Page(content)


# --- what it says -----------------------------------------------------------------------------------------


def test_the_answer_comes_first(page: Page, result: sim.Result) -> None:
    assert page.texts["h2"][0] == "The answer"
    assert result.answer in page.texts["p"]
    assert result.answer.startswith("5 of 10 devices lose the server")
    before = [text for text in page.texts["p"][: page.texts["p"].index(result.answer)] if text]
    assert len(before) <= 3  # kind, description, dates


def test_each_promise_needs_the_delay_that_can_be_counted_by_hand(result: sim.Result) -> None:
    at_most_seven, coverage = margins_of(result).needs
    # Three kept: the third phone has it at 2.5 h, and a sync in the second of activation is too late.
    assert (at_most_seven.allowed, at_most_seven.needed_s) == (7, 9001)
    assert (coverage.allowed, coverage.needed_s) == (6, 3 * 3600 + 1800 + 1)
    assert coverage.lost == 5


def test_the_decision_names_delay_date_what_binds_and_what_flips_it(record: Record) -> None:
    said = decide(record)
    assert said.delay == "30 days"  # advised; the guarantees need 4 h
    assert said.date == "2027-03-03 00:00 UTC"  # 397 d after the start, and 30 d back
    assert "Kaspersky's advice" in said.binds
    assert "“reserve coverage at least 40 %” needs 4 hours" in said.binds
    assert said.left == "5 devices would be lost under 5 hours, and no more under a longer delay."
    later, dormant = said.flips
    assert "more than 89.9 minutes later" in later  # 5 h less 3.5 h and a second
    assert "bears 1 more" in dormant  # six may be lost, and five are


def test_a_promise_that_no_delay_of_the_run_keeps_is_told_as_such(result: sim.Result) -> None:
    strict = sim.run(result.scenario.changed({"guarantees": [{"measure": "lost_devices", "at_most": 4}]}))
    said = decide(record_of(strict, command="", versions={"reissue": "1"}))
    assert said.delay == "No delay up to 5 hours is enough"
    assert "5 devices, and 4 devices may be lost" in said.binds


def test_devices_that_refuse_the_certificate_are_told_as_lost_by_any_delay() -> None:
    told = record_of(
        sim.run(sim.load(ROOT / "scenarios" / "custom_certificate_strands_ios.yaml")),
        command="",
        versions={"reissue": "1"},
    )
    assert decide(told).left == (
        "80 devices would be lost under the recommended delay all the same. "
        "No delay saves 80 devices, whose platform refuses the certificate."
    )


def test_a_span_of_time_is_never_rounded_to_nothing() -> None:
    told = [rounded(s) for s in (1, 59, 120, 3600, 5399, 86_400, 172_800, 2_094_362)]
    assert told == [
        "1 second",
        "59 seconds",
        "2 minutes",
        "1 hour",
        "89.9 minutes",
        "24 hours",
        "2 days",
        "24.2 days",
    ]


def test_without_a_curve_the_page_says_why(result: sim.Result) -> None:
    now = result.scenario.changed({"strategy": [{"at": "day 1", "reissue": {"activate": "immediately"}}]})
    told = record_of(sim.run(now), command="", versions={"reissue": "1"})
    assert told.delays is None
    assert "no reissue with delayed activation" in decide(told).binds


def test_the_slider_has_the_numbers_of_the_curve(page: Page) -> None:
    curve = json.loads(page.scripts[0])
    assert [row["lost"] for row in curve["rows"]] == ["9", "8", "7", "6", "5"]  # each hour saves one
    assert [row["kept"] for row in curve["rows"]] == [
        [False] * 2,
        [False] * 2,
        [True, False],
        *[[True] * 2] * 2,
    ]
    assert curve["rows"][0]["delay"] == "1 hour"
    (slider,) = [at for tag, at in page.elements if tag == "input" and at.get("type") == "range"]
    assert (slider["min"], slider["max"], slider["value"]) == ("0", "4", "4")


def test_the_table_has_the_lost_devices_and_those_nearly_lost(page: Page, result: sim.Result) -> None:
    rows = [row for row in page.rows if len(row) == 11][1:]
    lost = result.devices.loc[result.devices["times_lost"] > 0, "device"].tolist()
    assert (
        [row[0] for row in rows if row[3] == "still lost"]
        == lost
        == [f"<b>=phones/{n}" for n in range(5, 10)]
    )
    narrow = [row for row in rows if row[3] == "just in time"]
    assert narrow[0][0] == "<b>=phones/4"  # had it at 4.5 h
    assert narrow[0][9] == "0.19"  # days


def test_only_the_most_urgent_are_listed_and_all_are_counted(
    result: sim.Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chase, "MOST_CHASED", 3)
    told = record_of(result, command="", versions={"reissue": "1"})
    assert (len(told.chased), told.chased_in_all) == (3, 5)
    monkeypatch.setattr(chase, "MOST_CHASED", 100)
    monkeypatch.setattr(chase, "MOST_NARROW", 1)
    told = record_of(result, command="", versions={"reissue": "1"})
    assert told.chased[-1].device.endswith("/4")  # of the kept ones it had the reserve last


# --- what it may not do -----------------------------------------------------------------------------------


def test_hostile_text_is_text(page: Page) -> None:
    assert page.texts["h1"] == [HOSTILE]
    tags = [tag for tag, _ in page.elements]
    assert tags.count("script") == 2  # the data and the page's own
    assert not {"img", "iframe", "object", "embed", "b", "form", "base"} & set(tags)
    assert not [name for _, attrs in page.elements for name in attrs if name.startswith("on")]
    assert json.loads(page.scripts[0])  # not ended early


def test_nothing_is_asked_of_a_network(content: bytes, page: Page) -> None:
    for tag, attrs in page.elements:
        for name in ("src", "href", "xlink:href", "action", "data"):
            target = attrs.get(name)
            assert target is None or target.startswith(("#", "data:,")), (tag, target)
    assert b"url(" not in re.sub(rb"url\(#", b"", content)
    (policy,) = [at["content"] for tag, at in page.elements if at.get("http-equiv")]
    digest = base64.b64encode(hashlib.sha256(page.scripts[1].encode()).digest()).decode()
    assert policy is not None
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy


def test_figures_are_told_in_words_and_ids_are_unique(page: Page) -> None:
    drawings = [at for _, at in page.elements if at.get("class") == "drawing"]
    assert len(drawings) == 6  # nobody mends, so there is no queue
    assert all(at.get("role") == "img" and len(at.get("aria-label") or "") > 40 for at in drawings)
    ids = [at["id"] for _, at in page.elements if at.get("id")]
    assert len(ids) == len(set(ids))
    assert {tag for tag, _ in page.elements} >= {"header", "main", "footer", "nav", "caption", "output"}


# --- files ------------------------------------------------------------------------------------------------


def test_the_page_of_a_directory_is_that_of_the_run_and_its_command_gives_the_same_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("plan.yaml").write_text(sim.Scenario.from_document(PLAN).to_yaml(), encoding="utf-8")
    words = ["run", "plan.yaml", "--seed", "3", "--out", "result", "--report", "run.html", "--no-figures"]
    assert cli.main(words, standalone_mode=False) == 0
    assert cli.main(["report", "result"], standalone_mode=False) == 0
    assert Path("result/page.html").read_bytes() == Path("run.html").read_bytes()
    record = read_record(Path("result"))
    assert record.command == "reissue run plan.yaml --seed 3"
    again = sim.run(sim.load("plan.yaml"), seed=3)
    assert record.fingerprint == again.fingerprint
    # A result with its page is replaced as a whole, a page only by a page.
    write(again, Path("result"), overwrite=True, beside=Publisher(again, command=""))
    assert not Path("result/page.html").exists()
    figures = {path.stem for path in Path("result/figures").iterdir()}
    assert figures == {"curve", "delivery", "devices", "certificates", "syncs", "stories"}
    with pytest.raises(OutputError, match="exists"):
        cli.main(["report", "result", "--page", "run.html"], standalone_mode=False)
    with pytest.raises(OutputError, match="other than a page"):
        cli.main(["report", "result", "--page", "plan.yaml", "--overwrite"], standalone_mode=False)
    write(again, Path("result"), overwrite=True)
    assert not Path("result/figures").exists()


def test_what_is_no_record_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="is not a directory"):
        read_record(tmp_path / "nothing")
    with pytest.raises(RecordError, match="with --out"):
        read_record(tmp_path)
    (tmp_path / "report.json").write_text('{"format": "<script>"}', encoding="utf-8")
    with pytest.raises(RecordError, match="is no record"):
        read_record(tmp_path)


def test_the_command_names_no_folder() -> None:
    told = reproducing("/home/someone/plans/a b.yaml", overrides=[("seed", "2")], replications=3)
    assert told == "reissue run 'a b.yaml' --set seed=2 --replications 3"
