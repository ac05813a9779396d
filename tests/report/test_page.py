"""The page says what the run says, shows anybody's text as text, and needs nothing but itself."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import matplotlib as mpl
import pytest

import sim
from sim.cli.commands import cli
from sim.errors import InputError, OutputError
from sim.report.page import Page, page_in, visits_of
from sim.studies import tables as at_risk
from sim.studies.output import write

ROOT = Path(__file__).parents[2]
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> \"'&{{ 7 * 7 }} $x^2$"
PLAN = {
    "name": HOSTILE,
    "description": HOSTILE + "\x1b[31m\u202ered\x07",
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

ISSUED = {"at": "day 5", "reissue": {"activate": "after 14d"}}


class Parsed(HTMLParser):
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
def made(result: sim.Result) -> Page:
    return Page(result)


@pytest.fixture(scope="module")
def content(made: Page) -> bytes:
    return made.html


@pytest.fixture(scope="module")
def page(content: bytes) -> Parsed:
    return Parsed(content)


# --- what it says -----------------------------------------------------------------------------------------


def test_the_answer_comes_first(page: Parsed, result: sim.Result) -> None:
    assert page.texts["h2"][0] == "The answer"
    assert result.answer in page.texts["p"]
    assert result.answer.startswith("5 of 10 devices lose the server")
    before = [text for text in page.texts["p"][: page.texts["p"].index(result.answer)] if text]
    assert len(before) <= 3  # kind, description, dates


def test_what_to_do_is_what_plan_says_and_not_what_one_run_shows(
    made: Page, page: Parsed, result: sim.Result
) -> None:
    said = made.decision
    assert not isinstance(said, str)
    assert said == result.decision
    assert said == sim.plan(result.scenario)
    assert (said.delay_days, said.binding, said.by) == (30, "30-day advice", "exact")
    assert f"{said.specify_by:%Y-%m-%d %H:%M}" == "2027-03-03 00:00"  # 397 d after the start, and 30 d back
    assert said.answer in page.texts["p"]
    assert [said.choices[0].lost, said.choices[-1].lost] == [(5, 5, 5), (0, 0, 0)]


def test_where_nothing_can_be_planned_the_page_says_why(result: sim.Result) -> None:
    steps = [{"at": "day 1", "reissue": {"activate": "immediately"}}, *result.scenario.document["strategy"]]
    told = Page(sim.run(result.scenario.changed({"strategy": steps})))
    assert isinstance(told.decision, str)
    assert "strategy of one reissue" in told.decision
    assert told.decision[1:] in told.html.decode()


def test_how_long_devices_stay_away_is_told_in_words() -> None:
    """Lognormal of median 10 days and sigma 1: a tenth lasts 10 exp(1.2816) = 36.02 days or longer."""
    presence = {"on": {"exponential": "7d"}, "off": {"lognormal": {"median": "10d", "sigma": 1}}}
    fleet = [{"name": "ipads", "devices": 3, "presence": presence}, {"name": "others", "devices": 1}]
    scenario = sim.Scenario.from_document(
        {"name": "n", "start": "2026-03-01", "duration": "9d", "fleet": fleet}
    )
    told = Page(sim.run(scenario)).html.decode()
    assert (
        "<li>ipads: when away, half are back in 10 days, one in ten is away for 36 days or longer</li>"
        in told
    )
    assert told.count("when away") == 1


def test_the_page_says_who_is_visited_when() -> None:
    """Last seen on days 3, 1 and 2; the list of day 10 is visited from day 11 on, the longest silent first.
    That of day 12 at noon has the one device that is not visited yet, a day later.
    """
    fleet = [
        {"name": f"{name}, day {day}", "devices": 1, "sync": {"every": "30d", "phase": f"{day}d"}}
        for name, day in (("a", 3), ("b", 1), ("c", 2))
    ]
    chases = [
        {"at": at, "chase": {"silent_for": "5d", "per_day": 1}} for at in ("day 10", "2026-03-13 12:00")
    ]
    scenario = sim.Scenario.from_document(
        {**PLAN, "duration": "20d", "fleet": fleet, "strategy": [ISSUED, *chases], "guarantees": []}
    )
    first, second = visits_of(sim.run(scenario))
    assert [row[:2] for row in first.rows] == [
        ("Thu 2026-03-12 00:00", "b, day 1/0"),
        ("Fri 2026-03-13 00:00", "c, day 2/0"),
        ("Sat 2026-03-14 00:00", "a, day 3/0"),
    ]
    assert [row[3] for row in first.rows] == ["9 days", "8 days", "7 days"]
    assert [row[:2] for row in second.rows] == [("Sat 2026-03-14 12:00", "a, day 3/0")]
    shown = Parsed(Page(sim.run(scenario)).html)
    assert ["Thu 2026-03-12 00:00", "b, day 1/0", "b, day 1", "9 days"] in shown.rows


def test_dates_are_not_broken_at_their_hyphens(page: Parsed, content: bytes) -> None:
    dates = [at for tag, at in page.elements if tag == "span" and at.get("class") == "date"]
    assert len(dates) > 20
    assert b'Specify the reserve by Wed <span class="date">2027-03-03</span> 00:00 UTC' in content


def test_the_slider_has_the_numbers_of_the_decision(page: Parsed, result: sim.Result) -> None:
    """Up to the expiry after 397 days; a day is enough for a period of ten hours."""
    shown = json.loads(page.scripts[0])
    assert len(shown["rows"]) == len(result.decision.curve) == 120
    first, last = shown["rows"][0], shown["rows"][-1]
    assert (first["delay"], last["delay"], last["lost"], last["band"]) == ("1 day", "396 days", "0", "0 to 0")
    assert (last["by"], last["kept"]) == ("Mon 2026-03-02 00:00 UTC", [True, True])
    assert shown["needs"] == list(result.decision.promises)
    (slider,) = [at for tag, at in page.elements if tag == "input" and at.get("type") == "range"]
    assert (slider["min"], slider["max"]) == ("0", "119")
    assert shown["rows"][int(slider["value"] or 0)]["delay"] in ("27 days", "30 days", "28 days", "29 days")


def test_the_table_has_the_lost_devices_and_those_nearly_lost(page: Parsed, result: sim.Result) -> None:
    rows = [row for row in page.rows if row[3:4] in (["still lost"], ["just in time"])]
    head = next(row for row in page.rows if row[0] == "Device")
    assert "Back by" not in head  # nobody is back: the column would be empty
    lost = result.devices.loc[result.devices["times_lost"] > 0, "device"].tolist()
    assert (
        [row[0] for row in rows if row[3] == "still lost"]
        == lost
        == [f"<b>=phones/{n}" for n in range(5, 10)]
    )
    narrow = [row for row in rows if row[3] == "just in time"]
    assert narrow[0][0] == "<b>=phones/4"  # had it at 4.5 h
    assert narrow[0][head.index("Needed delay (d)")] == "0.19"


def test_only_the_most_urgent_are_listed_and_all_are_counted(
    result: sim.Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(at_risk, "MOST_LISTED", 3)
    told = Page(result).plots
    assert (len(told.at_risk.rows), told.at_risk.lost) == (3, 5)
    monkeypatch.setattr(at_risk, "MOST_LISTED", 100)
    monkeypatch.setattr(at_risk, "MOST_NARROW", 1)
    told = Page(result).plots
    assert told.at_risk.rows["device"].iloc[-1].endswith("/4")  # of the kept ones it had the reserve last


# --- what it may not do -----------------------------------------------------------------------------------


def test_hostile_text_is_text(page: Parsed) -> None:
    assert page.texts["h1"] == [HOSTILE]
    tags = [tag for tag, _ in page.elements]
    assert tags.count("script") == 2  # the data and the page's own
    assert not {"img", "iframe", "object", "embed", "b", "form", "base"} & set(tags)
    assert not [name for _, attrs in page.elements for name in attrs if name.startswith("on")]
    assert json.loads(page.scripts[0])  # not ended early


def test_what_moves_a_cursor_or_turns_a_line_is_shown(content: bytes) -> None:
    text = content.decode("utf-8")
    assert r"\x1b[31m\u202ered\x07" in text
    assert not {"\x1b", "\x07", "\u202e"} & set(text)


def test_settings_of_a_users_own_change_no_figure(result: sim.Result, content: bytes) -> None:
    with mpl.rc_context({"font.size": 30, "axes.edgecolor": "red", "timezone": "Asia/Tokyo"}):
        assert Page(result).html == content


def test_nothing_is_asked_of_a_network(content: bytes, page: Parsed) -> None:
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


def test_figures_are_told_in_words_and_ids_are_unique(page: Parsed) -> None:
    drawings = [at for _, at in page.elements if (at.get("class") or "").startswith("drawing ")]
    assert len(drawings) == 2 * 6  # for wide and for narrow screens; there is no help desk, and so no queue
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
    words = ["run", "plan.yaml", "--seed", "3", "--out", "result", "--report", "run.html"]
    assert cli.main(words, standalone_mode=False) == 0
    assert cli.main(["report", "result", "--page", "copy.html"], standalone_mode=False) == 0
    page = Path("result/page.html").read_bytes()
    assert page == Path("run.html").read_bytes() == Path("copy.html").read_bytes()
    assert b"reissue run plan.yaml --set seed=3<" in page
    again = sim.run(sim.load("plan.yaml"), seed=3)
    assert again.fingerprint.encode() in page
    figures = {path.stem for path in Path("result/figures").iterdir()}
    assert figures == {"curve", "delivery", "devices", "certificates", "syncs", "histories"}
    with pytest.raises(OutputError, match="exists"):
        cli.main(["report", "result", "--page", "run.html"], standalone_mode=False)
    with pytest.raises(OutputError, match="other than a page"):
        cli.main(["report", "result", "--page", "plan.yaml", "--overwrite"], standalone_mode=False)
    write(again, Path("result"), overwrite=True)  # as a whole
    assert not Path("result/figures").exists()
    assert not Path("result/page.html").exists()


@pytest.fixture(scope="module")
def written(result: sim.Result, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("run") / "result"
    write(result, directory, beside=Page(result))
    return directory


def test_what_is_no_result_or_has_no_page_is_told_as_such(result: sim.Result, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        page_in(tmp_path)
    write(result, tmp_path / "result", beside=Page(result, with_figures=False))
    with pytest.raises(InputError, match="has no page"):
        page_in(tmp_path / "result")


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("run.json", '"lost_devices": 5', '"lost_devices": 4'),
        ("run.json", '"sha256": "', '"sha256": "0'),
        ("page.html", "5 of 10 devices", "4 of 10 devices"),
    ],
)
def test_an_edited_answer_is_noticed(written: Path, tmp_path: Path, name: str, old: str, new: str) -> None:
    page_in(written)
    directory = tmp_path / "edited"
    shutil.copytree(written, directory)
    path = directory / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=f"{name} was changed"):
        page_in(directory)


def test_a_list_named_as_a_file_of_the_result_replaces_none(tmp_path: Path) -> None:
    (tmp_path / "devices.csv").write_text("id\nmine\n")
    (tmp_path / "plan.yaml").write_text(
        "name: n\nstart: 2026-03-01\nduration: 3d\nfleet: [{name: g, inventory: devices.csv}]\n"
    )
    again = sim.run(sim.load(tmp_path / "plan.yaml"))
    for _ in range(2):
        write(again, tmp_path / "result", overwrite=True)
    assert "lost" in (tmp_path / "result/devices.csv").read_text(encoding="utf-8-sig")
    assert (tmp_path / "result/lists/devices.csv").read_text() == "id\nmine\n"
    assert sim.run(sim.load(tmp_path / "result/scenario.yaml")).fingerprint == again.fingerprint


def test_the_command_names_no_folder_and_what_was_changed(tmp_path: Path) -> None:
    path = tmp_path / "a b.yaml"
    path.write_text(sim.Scenario.from_document(PLAN).to_yaml(), encoding="utf-8")
    text = Page(sim.run(sim.load(path), seed=2, replications=3)).html.decode()
    assert "<code>reissue run &#39;a b.yaml&#39; --set seed=2 --set replications=3</code>" in text
    assert str(tmp_path) not in text
