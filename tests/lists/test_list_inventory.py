"""`reissue inventory` and `reissue forecast`: what is understood, and a group that reads it the same."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from click.testing import CliRunner, Result

import sim
from sim.cli.commands import cli
from sim.errors import InputError
from sim.lists.devices import ListOptions
from sim.lists.reading import read_list
from sim.scenario.values import parse_duration
from sim.summary.answer import to_html
from sim.summary.terminal import to_text

NOW_S = int(datetime(2026, 11, 27, 9, tzinfo=UTC).timestamp())
CONTENT = (
    "Device name;Last check-in;OS;Owner\n"
    "d1;27.11.2026 10:00;Android 14;Sales\n"
    "d2;20.11.2026 09:59;iPadOS 17;Sales\n"
    "d3;18.10.2026 10:00;Android;IT\n"
    "d4;27.11.2026 09:00;Android;Stock\n"
    "d5;Never;Android;Sales\n"
    "d6;;Android;Sales\n"
    "pc;27.11.2026 09:00;Windows 11;Sales\n"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "our list.csv").write_text(CONTENT)
    return tmp_path / "our list.csv"


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words], standalone_mode=False)


def test_what_was_understood(path: Path) -> None:
    document = sim.inventory(path, timezone="Europe/Berlin").to_json()
    assert document["exported"] == "2026-11-27T09:00:00Z"
    assert document["columns"] == {"id": "Device name", "last_sync": "Last check-in", "platform": "OS"}
    assert (document["devices"], document["never_connected"], document["unknown"]) == (6, 1, 1)
    assert document["dates"] == [{"form": "day.month.year", "rows": 4}]
    assert document["left_out"] == [{"reason": "another system", "rows": 1, "examples": ["Windows 11"]}]
    assert {each["days"]: each["devices"] for each in document["silent"]} == {
        7: 2,
        14: 1,
        30: 1,
        60: 0,
        90: 0,
    }
    by_class = {each["from_days"]: each["devices"] for each in document["ages"]}
    assert (by_class[0], by_class[7], by_class[30], sum(by_class.values())) == (2, 1, 1, 4)


def test_the_block_to_paste_reads_the_list_as_it_was_read(path: Path) -> None:
    reading: dict[str, Any] = {
        "timezone": "Europe/Berlin",
        "dates": "day first",
        "encoding": "utf-8",
        "gone_after": "20d",
        "only": {"Owner": ["Sales", "IT"]},
    }
    understood = sim.inventory(path, **reading)
    (group,) = yaml.safe_load(understood.to_yaml())["fleet"]
    written = group["list"]
    assert written == {"exported": "2026-11-27T09:00:00Z", **reading}
    again = read_list(
        path.read_bytes(),
        ListOptions(
            columns=group["columns"],
            exported_s=int(datetime.fromisoformat(written["exported"]).timestamp()),
            timezone=written["timezone"],
            dates=written["dates"],
            encoding=written["encoding"],
            only=written["only"],
            gone_after_s=parse_duration(written["gone_after"]),
        ),
        duration_s=parse_duration,
    )
    assert again.problems == ()
    assert again.ids == understood.devices.ids == ("d1", "d2", "d3", "d5", "d6")
    assert again.ages_s.tolist() == understood.devices.ages_s.tolist()


@pytest.mark.parametrize(
    "header", ["yes", "a: b", "#x", "27.11.2026", "naïve [1]", "{", "- x", "'", " 'quoted' "]
)
def test_a_block_to_paste_quotes_what_yaml_would_misread(header: str, tmp_path: Path) -> None:
    name = header.strip()
    (tmp_path / "d.csv").write_text(f'"{name}",last_sync\n1,2026-11-27\n')
    block = sim.inventory(tmp_path / "d.csv", columns={"id": name}).to_yaml()
    assert yaml.safe_load(block)["fleet"][0]["columns"] == {"id": name}


def test_a_table_is_a_list_too() -> None:
    frame = pd.DataFrame(
        {"id": ["a", "b"], "last_sync": pd.to_datetime(["2026-11-27 09:00", "2026-10-27 09:00"])}
    )
    assert [each["device"] for each in sim.forecast(frame, delay="28d").to_json()["chances"]] == ["b", "a"]


def test_the_activation_counts_from_the_list(path: Path) -> None:
    found = sim.forecast(path, activates="2026-12-27T09:00:00Z", timezone="Europe/Berlin")
    assert found.delay_s == 30 * 86_400
    assert [reach.not_reached for reach in found.reaches] == [1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"delay": "0s"}, "later"),
        ({"delay": "30"}, "30 has no unit"),
        ({"activates": "2026-11-27T08:00:00Z"}, "not later than the list"),
        ({"delay": "30d", "activates": "2026-12-27"}, "one of them"),
        ({"exported": "yesterday"}, "is not a date"),
        ({"gone_after": "a while"}, "is not a duration"),
        ({"columns": {"id": "Serial"}}, "no column"),
        ({"confidence": 1.5}, "not between 0 and 1"),
        ({"history": "nowhere"}, "cannot be listed"),
    ],
)
def test_a_wrong_argument_is_a_wrong_input(path: Path, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        sim.forecast(path, **arguments)


def test_a_file_that_is_not_there_is_a_wrong_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        sim.inventory(tmp_path / "none.csv")


def test_both_commands_print_words_or_json(path: Path) -> None:
    for command in ("inventory", "forecast"):
        printed = run(command, path)
        assert printed.return_value == 0
        assert "6 devices" in printed.output
        json.loads(run(command, path, "--json").output)


def test_a_promise_that_became_unlikely_is_exit_code_1(path: Path) -> None:
    assert run("forecast", path, "--delay", "7d", "--lost-at-most", "1").return_value == 1
    assert run("forecast", path, "--delay", "7d", "--lost-at-most", "3").return_value == 0


def test_the_options_of_reading_reach_the_reader(path: Path) -> None:
    printed = run(
        "inventory", path, "--only", "Owner=Sales", "--only", "Owner=IT", "--gone-after", "20d", "--json"
    )
    document = json.loads(printed.output)
    assert (document["devices"], document["gone"]) == (5, 1)
    with pytest.raises(InputError, match="Owner name"):
        raise run("inventory", path, "--columns", "id=Owner name").exception or AssertionError


def test_the_devices_are_written_worst_first_and_never_over_a_file(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run("forecast", path, "--delay", "7d", "--out", out).return_value == 0
    rows = (out / "devices.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["id", "d3", "d2", "d4", "d1"]
    assert b"<svg" in (out / "forecast.svg").read_bytes()
    assert isinstance(run("forecast", path, "--delay", "7d", "--out", out).exception, InputError)


def test_a_list_in_words_for_the_terminal_and_for_jupyter(path: Path) -> None:
    for answer in (sim.inventory(path), sim.forecast(path, lost_at_most=1)):
        assert to_text(answer.summary())
        assert to_html(answer.summary()) == answer._repr_html_()


def test_hours_that_the_contacts_show_are_proposed_as_a_comment(tmp_path: Path) -> None:
    moments = pd.date_range("2026-11-02 08:00", "2026-11-20 16:00", freq="h", tz="Europe/Berlin")
    at_work = moments[(moments.hour >= 8) & (moments.hour < 17) & (moments.day_of_week < 5)]
    rows = "".join(f"d{i},{each.isoformat()}\n" for i, each in enumerate([*at_work, moments.max()]))
    (tmp_path / "d.csv").write_text(f"id,last_sync\n{rows}")
    block = sim.inventory(tmp_path / "d.csv", exported="2026-11-27 08:00", timezone="Europe/Berlin").to_yaml()
    assert "hours" not in yaml.safe_load(block)["fleet"][0]
    assert "hours: {days: mon-fri, from: 08:00, to: 17:00}" in block
    assert "100 % of 136 old contacts" in block
