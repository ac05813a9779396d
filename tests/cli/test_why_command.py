"""`reissue why` and `reissue check --worst-case` as typed: what is printed, written, and returned."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.cli import main

SCENARIO = """\
name: A phone in the drawer
start: 2026-03-01
duration: 60d
server: {certificate: {expires: day 45}, automatic_reissue: off}
fleet:
  - name: phones
    devices: 3
    sync: {every: 6h, phase: even}
    presence: {away: [{from: day 8, for: 20d}]}
strategy:
  - at: day 10
    reissue: {activate: after 14d}
guarantees:
  - {measure: lost_devices, at_most: 0}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "plan.yaml").write_text(SCENARIO)
    monkeypatch.chdir(tmp_path)
    return "plan.yaml"


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[Any, str, str]:
    monkeypatch.setattr(sys, "argv", ["reissue", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    return ended.value.code, out, err


def test_why_tells_the_story_and_exits_0(
    file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(monkeypatch, capsys, "why", file, "phones/0")
    assert (code, err) == (0, "")
    assert "\n  phones/0 is an Android device of 'phones'" in out
    assert "  - An activation delay of at least 18 d 1 s.\n" in out


def test_why_as_json_is_one_document(
    file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(monkeypatch, capsys, "why", file, "phones/0", "--json", "--replication", "5")
    told = json.loads(out)
    assert (code, err, told["replication"], told["device"]) == (0, "", 5, "phones/0")
    assert told["outcome"]["lost_at"] == "2026-03-25T00:00:00Z"
    assert told["outcome"]["lost_cause"] == "not_delivered"
    assert told["outcome"]["reserve_received_at"] is None
    assert told["claims"][0] == {
        "kind": "delay",
        "text": "An activation delay of at least 18 d 1 s.",
        "delay_s": 18 * 86_400 + 1,
    }
    assert {
        "at": "2026-03-25T00:00:00Z",
        "what": "server",
        "text": "The reserve became the main certificate.",
    } in (told["story"])


def test_an_unknown_device_is_a_wrong_input(
    file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(monkeypatch, capsys, "why", file, "phone/1")
    assert (code, out) == (2, "")
    assert err.startswith('A phone in the drawer has no device "phone/1": ')
    assert err.endswith("such as phones/0\n")


def test_a_name_with_blanks_needs_no_quotes(
    file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--set", "fleet.0.name=our phones")
    _, quoted, _ = run(monkeypatch, capsys, "why", file, "our phones/0", *words)
    code, out, err = run(monkeypatch, capsys, "why", file, "our", "phones/0", *words)
    assert (code, err) == (0, "")
    assert out == quoted


def test_the_worst_case_does_not_change_the_exit_code_of_check(
    file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(monkeypatch, capsys, "check", file, "--worst-case")
    assert (code, err) == (0, "")
    assert "worst case: One device of 'phones' that is away for 13 d 18 h 1 s" in out
    assert run(monkeypatch, capsys, "check", file, "--worst-case", "--strict")[0] == 1


def test_the_worst_case_as_json(
    file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(monkeypatch, capsys, "check", file, "--worst-case", "--json")
    told = json.loads(out)
    assert (code, err, set(told)) == (0, "", {"findings", "worst_cases"})
    assert [(case["kind"], case["found"], case["length_s"]) for case in told["worst_cases"]] == [
        ("absence", True, 14 * 86_400 - 6 * 3600 + 1),
        ("outage", True, 14 * 86_400 - 6 * 3600 + 1),
    ]
    for case in told["worst_cases"]:
        shown = sim.run(sim.Scenario.from_document(case["scenario"]))
        assert [verdict.verdict for verdict in shown.guarantees] == ["fails"]


def test_no_guarantee_is_no_worst_case(
    file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = run(monkeypatch, capsys, "check", file, "--worst-case", "--set", "guarantees=[]")
    assert out.endswith("plan.yaml: there are no guarantees to break\n")
