"""A result as tables of pandas, and saved and read again."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import sim
from sim.errors import InputError, OutputError
from sim.studies.output import sealed, write_table


@pytest.fixture(scope="module")
def result() -> sim.Result:
    """Four phones an hour apart, an activation after 2 h: the last two of each group are lost, twice."""
    group = {"devices": 4, "sync": {"every": "4h", "phase": "even"}}
    scenario = sim.Scenario.from_document(
        {
            "name": "n",
            "start": "2026-03-01",
            "duration": "1d",
            "server": {"automatic_reissue": "off"},
            "fleet": [{"name": "a", **group}, {"name": "b", "platform": "ios", **group}],
            "strategy": [{"at": "start", "reissue": {"activate": "after 2h"}}],
            "guarantees": [
                {"measure": "lost_devices", "at_most": 4},
                {"measure": "lost_share", "at_most": 0},
            ],
            "replications": 2,
        }
    )
    return sim.run(scenario)


@pytest.mark.parametrize(
    ("by", "rows", "lost"),
    [
        ("group", ["a", "b"], [2, 2]),
        ("platform", ["android", "ios"], [2, 2]),
        ("replication", [0, 1], [4, 4]),
    ],
)
def test_measures_are_rows_by_what_one_asks_for(
    result: sim.Result, by: str, rows: list[object], lost: list[int]
) -> None:
    frame = result.to_frame(by)  # type: ignore[arg-type]
    assert frame.index.name == by
    assert list(frame.index) == rows
    assert list(frame["lost_devices"]) == lost


def test_statistics_and_guarantees_are_rows_too(result: sim.Result) -> None:
    spread = result.to_frame("measure")
    assert spread.loc["lost_devices", "mean"] == 4
    assert spread.loc["lost_devices", "sd"] == 0
    promised = result.to_frame("guarantee")
    assert list(promised.index) == ["lost devices at most 4", "lost share at most 0 %"]
    assert list(promised["verdict"]) == ["proved", "fails"]
    with pytest.raises(InputError, match="group, platform, replication, measure, guarantee"):
        result.to_frame("device")  # type: ignore[arg-type]


def test_what_is_saved_is_read_again(result: sim.Result, tmp_path: Path) -> None:
    result.save(tmp_path / "out")
    saved = sim.read(tmp_path / "out")
    assert saved.measures["lost_devices"] == 4
    assert saved.scenario == result.scenario
    assert sim.run(saved.scenario).fingerprint == saved.document["fingerprint"] == result.fingerprint
    pd.testing.assert_frame_equal(saved.devices.astype(str), result.devices.astype(str))
    assert len(saved.events) == len(result.events)
    assert len(saved.timeline) == len(result.timeline)
    assert list(saved.to_frame()["lost_devices"]) == [2, 2]
    with pytest.raises(OutputError, match="not empty"):
        result.save(tmp_path / "out")
    result.save(tmp_path / "out", overwrite=True)
    with pytest.raises(AttributeError, match="its tables are devices, timeline and events"):
        saved.lists.head()


def test_no_result_and_a_changed_one_are_told(result: sim.Result, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: name a folder"):
        sim.read(tmp_path)
    result.save(tmp_path / "out")
    path = tmp_path / "out" / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text())))
    with pytest.raises(InputError, match="was changed"):
        sim.read(tmp_path / "out")


@pytest.mark.parametrize(
    "change",
    [
        {"measures": "many"},
        {"measures": {"lost_devices": "4"}},
        {"groups": {"a": {"devices": 10**400}}},
        {"fingerprint": 3},
    ],
)
def test_a_document_that_was_sealed_anew_is_checked_like_any_input(
    result: sim.Result, tmp_path: Path, change: dict[str, object]
) -> None:
    result.save(tmp_path / "out")
    path = tmp_path / "out" / "run.json"
    path.write_bytes(sealed({**json.loads(path.read_text()), **change}, path.parent))
    with pytest.raises(InputError, match=f"is no result, because of {next(iter(change))}"):
        sim.read(tmp_path / "out")


def test_a_table_that_was_changed_is_not_read(result: sim.Result, tmp_path: Path) -> None:
    result.save(tmp_path / "out")
    saved = sim.read(tmp_path / "out")
    assert len(saved.devices)
    saved.devices.assign(times_lost=0).iloc[:1].to_parquet(tmp_path / "out/devices.parquet")
    with pytest.raises(InputError, match=r"devices\.parquet was changed"):
        _ = saved.devices


def test_no_cell_of_a_csv_is_a_formula(tmp_path: Path) -> None:
    table = pd.DataFrame({"=name": ["=1+1", "@x", "-a", "-1", "plain"], "n": [1, -2, 3, 4, 5]})
    write_table(table, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "'=name,n\n'=1+1,1\n'@x,-2\n'-a,3\n-1,4\nplain,5\n"
