"""A sweep: equal to runs one by one, resumed from what is kept, byte for byte; on this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from sweeps import DELAYS, document, world

import sim
from sim.cli.commands import cli
from sim.results.measures import NUMBERS
from sim.scenario import Scenario
from sim.scenario.yaml_text import to_yaml
from sim.studies.sweep import Sweep, VaryError, sweep


def swept(scenario: Scenario, **options: object) -> Sweep:
    return sweep(scenario, DELAYS, keep=False, **options)  # type: ignore[arg-type]


def test_every_row_is_the_run_at_its_point() -> None:
    scenario = world()
    found = sweep(scenario, {**DELAYS, "fleet.1.devices": [4, 7]}, keep=False)
    assert [tuple(row.values())[:2] for row in found.rows] == [
        (f"after {days}d", devices) for days in (5, 10, 15, 20) for devices in (4, 7)
    ]
    for row, point in zip(found.rows, found.points, strict=True):
        run = sim.run(scenario.changed(point))
        assert {name: row[name] for name in NUMBERS} == {name: run.measures[name] for name in NUMBERS}
        assert row["fingerprint"] == run.fingerprint


def test_replications_give_means_and_intervals() -> None:
    found = swept(world(), replications=3)
    run = sim.run(world().changed({"strategy.0.reissue.activate": "after 5d"}), replications=3)
    summary = run.statistics["lost_devices"]
    row = found.rows[0]
    assert row["lost_devices"] == summary["mean"]
    assert [row[f"lost_devices_{name}"] for name in ("sd", "low", "high")] == [
        summary["sd"], summary["low"], summary["high"],
    ]  # fmt: skip
    assert row["fingerprint"] == run.fingerprint
    assert "lost_devices_sd" not in swept(world()).rows[0]


def test_engines_processes_and_the_caller_give_equal_rows() -> None:
    here = swept(world(), replications=2, workers=1).to_json()
    assert swept(world(), replications=2, workers=2).to_json() == here
    assert swept(world(), replications=2, engine="fleet").to_json() == here


def test_the_table_is_tidy() -> None:
    presences = ["always", {"on": {"exponential": "3d"}, "off": "20d"}]
    found = sweep(world(), {"fleet.0.presence": presences, "fleet.1.devices": "1,2"}, keep=False)
    assert list(found.table.columns[:3]) == ["fleet.0.presence", "fleet.1.devices", "devices"]
    assert found.table["fleet.0.presence"].tolist()[1:3] == ["always", "{on: {exponential: 3d}, off: 20d}"]
    assert found.table["fleet.1.devices"].tolist() == [1, 2, 1, 2]
    assert found.to_json()["runs"][2]["fleet.0.presence"] == presences[1]
    assert found.groups["group"].tolist() == ["drawers", "office"] * 4
    assert found.groups["devices"].tolist()[:4] == [40, 1, 40, 2]
    assert "<table>" in found._repr_html_()


def test_a_name_is_escaped_in_a_notebook() -> None:
    assert "<script>" not in sweep(world(name="<script>"), DELAYS, keep=False)._repr_html_()


def test_every_wrong_point_is_told_before_any_runs(tmp_path: Path) -> None:
    vary = {"strategy.0.reissue.activate": "after 5d,after 3", "fleet.1.devices": "1,-2", "fleet.0.nam": "x"}
    with pytest.raises(VaryError) as caught:
        sweep(world(), vary, store=tmp_path / "kept")
    told = str(caught.value)
    assert "strategy.0.reissue.activate=after 3, fleet.1.devices=1" in told
    assert "3 has no unit: write 3d" in told
    assert "-2 is too small" in told
    assert len(told.splitlines()) == 3
    assert not (tmp_path / "kept").exists()


def test_a_mistake_across_keys_names_its_point() -> None:
    with pytest.raises(VaryError, match=r"fleet\.0\.sync\.every=1h: .*jitter"):
        sweep(world(), {"fleet.0.sync.jitter": ["2h"], "fleet.0.sync.every": "6h,1h"}, keep=False)


# --- what is kept -----------------------------------------------------------------------------------------


def test_a_repeated_sweep_computes_nothing_and_a_longer_one_the_rest(tmp_path: Path) -> None:
    first = sweep(world(), DELAYS, store=tmp_path)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.result")}
    assert len(kept) == 4
    assert sweep(world(), DELAYS, store=tmp_path).to_json() == first.to_json()
    longer = dict.fromkeys(DELAYS, "after 5d..25d step 5d")
    assert sweep(world(), longer, store=tmp_path).rows[:4] == first.rows
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert len(list(tmp_path.rglob("*.result"))) == 5


def test_a_store_that_cannot_be_written_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    ran = CliRunner().invoke(cli, [*command(tmp_path), "--store", str(tmp_path / "file")])
    assert "--no-store" in str(ran.exception)


# --- the command ------------------------------------------------------------------------------------------


LONG = ["--replications", "4", "--engine", "process", "--set", "fleet.0.sync.every=6h"]
"""Options with which the command takes a second or two."""


def command(folder: Path, *options: str) -> list[str]:
    (folder / "plan.yaml").write_text(to_yaml(document()), encoding="utf-8")
    vary = [f"{key}={values}" for key, values in DELAYS.items()]
    return ["sweep", str(folder / "plan.yaml"), "--vary", *vary, *options]


def test_the_command_prints_a_row_for_each_point_in_order(tmp_path: Path) -> None:
    ran = CliRunner().invoke(cli, command(tmp_path, "--json", "--no-store"), standalone_mode=False)
    assert ran.return_value == 0, ran.output
    document = json.loads(ran.stdout)
    assert [row["strategy.0.reissue.activate"] for row in document["runs"]] == [
        f"after {n}d" for n in (5, 10, 15, 20)
    ]
    lost = [row["lost_devices"] for row in document["runs"]]
    assert lost == sorted(lost, reverse=True)
    ran = CliRunner().invoke(cli, command(tmp_path, "--no-store"), standalone_mode=False)
    assert [line.split()[:2] for line in ran.stdout.splitlines() if "after" in line] == [
        ["after", f"{n}d"] for n in (5, 10, 15, 20)
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--vary", "fleet"], "is not key=value"),
        (["--vary", "strategy.0.reissue.activate=after 1d"], "is varied twice"),
        (["--workers", "2", "--cluster", "x:1"], "give one of them"),
        (["--out", "table.xlsx"], "ends in .parquet or .csv"),
        (["--out", "missing/table.csv"], "does not exist"),
    ],
)
def test_wrong_options_are_told(tmp_path: Path, options: list[str], message: str) -> None:
    ran = CliRunner().invoke(cli, command(tmp_path, *options), standalone_mode=False)
    assert message in str(ran.exception)


def test_a_table_is_written_whole_and_the_same_each_time(tmp_path: Path) -> None:
    for name in ("table.parquet", "table.csv"):
        contents = []
        for number in range(2):
            out = tmp_path / f"{number}-{name}"
            CliRunner().invoke(cli, command(tmp_path, "--no-store", "--out", str(out)), standalone_mode=False)
            contents.append(out.read_bytes())
        assert contents[0] == contents[1]
    table = pd.read_parquet(tmp_path / "0-table.parquet")
    pd.testing.assert_frame_equal(table, sweep(world(), DELAYS, keep=False).table, check_dtype=False)
    assert len(pd.read_csv(tmp_path / "0-table.csv")) == 4
    refused = CliRunner().invoke(cli, command(tmp_path, "--out", str(tmp_path / "0-table.csv")))
    assert "add --overwrite" in str(refused.exception)
    assert not list(tmp_path.glob("*.partial"))


def test_a_killed_and_restarted_sweep_gives_the_bytes_of_one_that_was_not(tmp_path: Path) -> None:
    def arguments(store: Path, out: Path) -> list[str]:
        return command(tmp_path, *LONG, "--json", "--store", str(store), "--out", str(out))

    alone = [*arguments(tmp_path / "a", tmp_path / "a.parquet"), "--workers", "1"]
    whole = CliRunner().invoke(cli, alone, standalone_mode=False)
    store = tmp_path / "b"
    program = [sys.executable, "-c", "from sim.cli import main; main()"]
    restarted = [*program, *arguments(store, tmp_path / "b.parquet")]
    killed = subprocess.Popen(restarted, stdout=subprocess.PIPE)
    while len(list(store.rglob("*.result"))) < 2 and killed.poll() is None:
        time.sleep(0.002)
    killed.kill()
    assert killed.communicate()[0] == b""
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "b.parquet").exists()
    kept = {path: path.stat().st_mtime_ns for path in store.rglob("*.result")}
    assert 2 <= len(kept) < 16
    again = subprocess.run(restarted, capture_output=True, check=True)
    assert again.stdout.decode() == whole.stdout
    assert (tmp_path / "b.parquet").read_bytes() == (tmp_path / "a.parquet").read_bytes()
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert len(list(store.rglob("*.result"))) == 16


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_leaves_what_is_done(tmp_path: Path) -> None:
    store = tmp_path / "kept"
    more = [*LONG, "--workers", "2", "--store", str(store)]
    program = [sys.executable, "-c", "from sim.cli import main; main()"]
    process = subprocess.Popen(
        [*program, *command(tmp_path, *more)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    while len(list(store.rglob("*.result"))) < 3 and process.poll() is None:
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate()
    assert (process.returncode, out) == (130, b""), err
    assert b"Traceback" not in err
    assert 3 <= len(list(store.rglob("*.result"))) < 16
    assert not list(store.rglob("*.partial"))
