"""The page in a real browser: it asks nothing of anybody, moves, sorts, exports, and everybody can use it."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.report import page

pytestmark = pytest.mark.browser

RIGHT, TAB, ENTER = "\ue014", "\ue004", "\ue007"  # of the WebDriver specification


def by_id(opened: Any, name: str) -> Any:
    return opened.driver.find_element("id", name)


def shown_rows(opened: Any) -> list[list[str]]:
    script = """return Array.from(document.querySelectorAll('#devices tbody tr:not([hidden])'),
        row => Array.from(row.cells, cell => cell.textContent))"""
    return opened.driver.execute_script(script)


def head_button(opened: Any, title: str) -> Any:
    path = f"//table[@id='devices']//th/button[normalize-space()='{title}']"
    return opened.driver.find_element("xpath", path)


def test_no_error_in_the_console_and_no_request_leaves(opened: Any) -> None:
    by_id(opened, "filter").send_keys("tablets")
    time.sleep(0.3)
    assert [entry for entry in opened.driver.get_log("browser") if entry["level"] != "INFO"] == []
    messages = [json.loads(entry["message"])["message"] for entry in opened.driver.get_log("performance")]
    asked = {m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"}
    assert asked == {opened.path.as_uri()}


def test_the_policy_stops_what_is_not_the_pages_own(opened: Any) -> None:
    opened.driver.execute_script(
        """const s = document.createElement('script'); s.textContent = "document.title = 'stolen'";
        document.body.append(s); const i = document.createElement('img'); i.src = 'http://127.0.0.1:9/x';
        document.body.append(i);"""
    )
    time.sleep(0.3)
    assert opened.driver.title != "stolen"
    told = [entry["message"] for entry in opened.driver.get_log("browser")]
    assert sum("Content Security Policy" in message for message in told) == 2


def test_a_hostile_name_is_shown_as_text(opened: Any) -> None:
    name = opened.result.scenario.name
    assert opened.driver.find_element("tag name", "h1").text == " ".join(name.split())
    assert opened.driver.title == f"{name} – reissue"
    assert opened.driver.find_elements("tag name", "img") == []
    assert any("=phones <b>" in row[1] for row in shown_rows(opened))
    drawn = opened.driver.execute_script("return document.querySelector('#figure-delivery svg').textContent")
    assert "</script><script>" in drawn


def test_the_slider_shows_the_number_of_the_decision_at_every_delay(opened: Any) -> None:
    decision = opened.result.decision
    slider = by_id(opened, "delay-input")
    for place, point in enumerate(decision.curve):
        opened.driver.execute_script(
            "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))", slider, place
        )
        assert by_id(opened, "delay-lost").text == f"{point.lost[1]:,}"
        assert by_id(opened, "delay-text").text == f"{point.days} day{'' if point.days == 1 else 's'}"
    assert len({point.lost for point in decision.curve}) > 3  # it moves


def test_the_slider_moves_by_keyboard_and_is_told(opened: Any) -> None:
    slider = by_id(opened, "delay-input")
    opened.driver.execute_script("arguments[0].value = 0", slider)
    slider.send_keys(RIGHT)
    assert by_id(opened, "delay-text").text == "2 days"
    assert slider.get_attribute("aria-valuetext") == f"2 days: {by_id(opened, 'delay-lost').text} lost"
    assert by_id(opened, "delay-output").get_attribute("aria-live") == "polite"


def test_the_table_sorts_both_ways_and_says_so(opened: Any) -> None:
    button = head_button(opened, "Needed delay (d)")
    head = button.find_element("xpath", "..")
    for said, is_falling in (("ascending", False), ("descending", True)):
        button.send_keys(ENTER)
        assert head.get_attribute("aria-sort") == said
        column = [row[9] for row in shown_rows(opened)]
        numbers = [float(value) for value in column if value]
        assert len(set(numbers)) > 2
        assert numbers == sorted(numbers, reverse=is_falling)
        assert "" not in column[: len(numbers)]  # what is missing comes last


def test_the_export_is_what_the_filter_shows_and_agrees_with_the_devices(opened: Any) -> None:
    by_id(opened, "filter").send_keys("not delivered")
    rows = shown_rows(opened)
    by_id(opened, "export").send_keys(ENTER)
    path = opened.downloads / "devices-at-risk.csv"
    for _ in range(100):
        if path.exists() and path.stat().st_size:
            break
        time.sleep(0.05)
    with Path(path).open(encoding="utf-8-sig", newline="") as stream:
        head, *saved = list(csv.reader(stream))
    assert head[:2] == ["Device", "Group"]
    devices = opened.result.devices
    lost = devices[devices["times_lost"] > 0].set_index("device")
    assert len(saved) == len(rows) == len(lost) > 3
    for row in saved:
        assert row[0].startswith("'=")  # no formula for a spreadsheet
        told = lost.loc[row[0][1:]]
        assert row[5] == f"{told['lost_at']:%Y-%m-%d %H:%M:%S}"
        assert float(row[8]) == pytest.approx(told["lost_for_s"] / 3600, abs=0.051)
    assert by_id(opened, "shown").text.startswith(f"{len(lost)} of ")


def test_devices_without_a_row_are_saved_with_those_that_have_one(
    driver: Any, made: tuple[sim.Result, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "MOST_SHOWN", 2)
    path = tmp_path / "page.html"
    path.write_bytes(page.Page(made[0]).html)
    driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)}
    )
    driver.get(path.as_uri())
    driver.find_element("id", "export").send_keys(ENTER)
    saved = tmp_path / "devices-at-risk.csv"
    for _ in range(100):
        if saved.exists() and saved.stat().st_size:
            break
        time.sleep(0.05)
    with saved.open(encoding="utf-8-sig", newline="") as stream:
        names = {row[0].removeprefix("'") for row in csv.reader(stream)}
    devices = made[0].devices
    assert set(devices.loc[devices["times_lost"] > 0, "device"]) <= names
    assert len(driver.find_elements("css selector", "#devices tbody tr")) == 2


def test_everything_that_acts_is_reached_by_tab(opened: Any) -> None:
    wanted = {"delay-input", "filter", "export"}
    body = opened.driver.find_element("tag name", "body")
    seen: list[str] = []
    for _ in range(80):
        opened.driver.switch_to.active_element.send_keys(TAB) if seen else body.send_keys(TAB)
        active = opened.driver.switch_to.active_element
        seen.append(active.get_attribute("id") or active.text or active.tag_name)
    assert seen[0] == "Skip to the answer"
    assert wanted <= set(seen)
    assert {"Device", "Lost at (UTC)"} <= {each.strip(" ↕↑↓") for each in seen}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(opened: Any, scheme: str) -> None:
    from axe_core_python.selenium import Axe

    features = [{"name": "prefers-color-scheme", "value": scheme}]
    opened.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    found = Axe().run(opened.driver)
    told = [
        (each["id"], each["impact"], [n["html"][:120] for n in each["nodes"]]) for each in found["violations"]
    ]
    assert [each for each in told if each[1] in ("serious", "critical")] == []
    assert len(found["passes"]) > 20


@pytest.mark.parametrize("width", [390, 768, 1440])
def test_no_width_scrolls_the_page_sideways(opened: Any, width: int) -> None:
    opened.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    opened.driver.get(opened.path.as_uri())
    inner, content, outside, scrolled, cut = opened.driver.execute_script(
        """const inner = document.documentElement.clientWidth;
        const found = (what, where) => Array.from(document.querySelectorAll(what)).filter(where)
            .map(e => e.outerHTML.slice(0, 80));
        return [inner, document.documentElement.scrollWidth,
            found('body *:not(.skip)', e => !e.closest('g') && e.getBoundingClientRect().right > inner + 1),
            found('.scroll, .drawing', e => e.scrollWidth > e.clientWidth),
            found('.drawing svg text', e => { const box = e.getBoundingClientRect(),
                drawing = e.closest('svg').getBoundingClientRect();
                return box.width && (box.left < drawing.left - 1 || box.right > drawing.right + 1); })]"""
    )
    assert content <= inner <= width
    assert outside == []
    assert cut == []  # no word of a drawing leaves it
    assert scrolled == []  # no table and no drawing is wider than its box
