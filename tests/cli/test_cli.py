"""The command line as a planner meets it: exit codes, what goes where, and never a traceback."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sim import cli
from sim.cli import commands
from sim.scenario.authoring import TEMPLATES

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-c", "from sim.cli import program; program()"]
ANSI = "\x1b["

PLAN = """\
name: Plan
start: 2026-03-01
duration: 40d
server: {certificate: {expires: day 61}, automatic_reissue: off}
fleet:
  - name: phones
    devices: 10
    sync: {every: 1d, phase: even}
strategy:
  - at: day 2
    reissue: {activate: after 30d}
guarantees:
  - {measure: lost_devices, at_most: 0}
"""
HOLDS, FAILS, WRONG, UNDECIDED, INTERRUPTED = 0, 1, 2, 3, 130


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def reissue(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls the command line in this process."""

    def run(*arguments: object) -> Ran:
        words = [*map(str, arguments)]
        words += ["--no-figures"] if "--out" in words else []  # tests/report has them; they take a second
        monkeypatch.setattr(sys, "argv", ["reissue", *words])
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return Ran(int(left.value.code or 0), out, err)

    return run


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN)
    return path


def entries(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# --- exit codes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("guarantee", "code"),
    [
        ("{measure: lost_devices, at_most: 0}", HOLDS),
        ("{measure: lost_devices, at_least: 1}", FAILS),
        ("{measure: times_lost, at_most: 0, probability: 99%}", UNDECIDED),  # one replication cannot tell
        ("{measure: reconnected_share, at_least: 50%}", UNDECIDED),  # vacuous: nobody was lost
        ("{measure: reconnected_share, at_least: 50%, allow_vacuous: yes}", HOLDS),
    ],
)
def test_the_exit_code_tells_the_verdict(reissue: Run, plan: Path, guarantee: str, code: int) -> None:
    random = "fleet.0.sync.success=99%"  # so that nothing is proved
    assert reissue("run", plan, "--set", random, "--set", f"guarantees=[{guarantee}]").code == code


def test_a_failure_outweighs_an_open_question(reissue: Run, plan: Path) -> None:
    vacuous, fails = "{measure: reinstalls, at_most: 0, group: none}", "{measure: lost_devices, at_least: 1}"
    fleet = "[{name: phones, devices: 10, sync: {every: 1d}}, {name: none, devices: 0}]"
    ran = reissue("run", plan, "--set", f"fleet={fleet}", "--set", f"guarantees=[{vacuous}, {fails}]")
    assert ran.code == FAILS
    assert (
        reissue("run", plan, "--set", f"fleet={fleet}", "--set", f"guarantees=[{vacuous}]").code == UNDECIDED
    )


def test_of_several_files_the_worst_verdict_is_the_exit_code(
    reissue: Run, plan: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(PLAN.replace("at_most: 0", "at_least: 1"))
    ran = reissue("run", plan, bad, plan, "--json")
    assert ran.code == FAILS
    runs = json.loads(ran.out)["runs"]
    assert [run["guarantees"][0]["verdict"] for run in runs] == ["proved", "fails", "proved"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "missing.yaml"], "missing.yaml"),
        (["check", "missing.yaml"], "missing.yaml"),
        (["run"], "FILE"),
        (["run", "{plan}", "--set", "fleet.0.device=1"], "did you mean devices?"),
        (["run", "{plan}", "--set", "fleet.7.devices=1"], "fleet.7"),
        (["run", "{plan}", "--set", "duration=40"], "40d"),
        (["run", "{plan}", "--set", "duration"], "key=value"),
        (["run", "{plan}", "--engine", "swift"], "process"),
        (["run", "{plan}", "--replications", "0"], "1"),
        (["run", "{plan}", "--seed", "-1"], "0"),
        (["run", "{plan}", "--sed", "1"], "--seed"),
        (["runn", "{plan}"], "runn"),
        (["new", "delay"], "did you mean delayed?"),
        (["new", "minimal", "--sample"], "inventory"),
        (["schema", "extra"], "extra"),
    ],
)
def test_wrong_input_is_said_on_stderr_and_exits_2(
    reissue: Run, plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = reissue(*(str(plan) if argument == "{plan}" else argument for argument in arguments))
    assert ran.code == WRONG
    assert ran.out == ""
    assert says in ran.err


def test_every_mistake_of_every_file_is_told_before_anything_runs(
    reissue: Run, plan: Path, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text("name: x\nstart: 2026-02-30\nduration: 5\nfleet: []\n")
    ran = reissue("run", plan, tmp_path / "one.yaml", tmp_path / "two.yaml")
    assert ran.code == WRONG
    assert ran.out == ""
    for name in ("one", "two"):
        assert re.search(rf"{name}\.yaml:2:8: start: ", ran.err)
        assert re.search(rf"{name}\.yaml:3:11: duration: ", ran.err)


# --- what is printed -----------------------------------------------------------------------------------


def test_json_is_one_document_and_nothing_else(reissue: Run, plan: Path, tmp_path: Path) -> None:
    ran = reissue("run", plan, "--json", "--out", tmp_path / "result")
    assert ran.err == ""
    document = json.loads(ran.out)
    assert document["measures"]["lost_devices"] == 0
    assert {key: document[key] for key in ("scenario", "seed", "replications", "start", "end")} == {
        "scenario": "Plan",
        "seed": 1,
        "replications": 1,
        "start": "2026-03-01T00:00:00Z",
        "end": "2026-04-10T00:00:00Z",
    }
    assert document["guarantees"] == [
        {
            "measure": "lost_devices",
            "at_most": 0,
            "observed": 0,
            "verdict": "proved",
            "proof": "nothing here depends on chance: every run is this run",
        }
    ]
    assert [event["event"] for event in document["events"]] == ["reserve specified", "reserve activated"]
    assert all(event["certificate"].startswith("sha256:") for event in document["events"])
    assert json.loads((tmp_path / "result" / "run.json").read_text()).items() >= document.items()


def test_json_of_wrong_input_is_a_document_too_when_checking(reissue: Run, plan: Path) -> None:
    ran = reissue("check", plan, "--json", "--set", "duration=40")
    assert ran.code == WRONG
    (problem,) = json.loads(ran.out)["problems"]
    assert problem["key"] == "duration"
    assert ran.err == ""


def test_replications_and_seed_take_the_place_of_the_scenarios(reissue: Run, plan: Path) -> None:
    document = json.loads(reissue("run", plan, "--json", "--seed", 7, "--replications", 3).out)
    assert (document["seed"], document["replications"], len(document["runs"])) == (7, 3, 3)
    assert document["summary"]["lost_devices"]["mean"] == 0


def test_the_table_says_the_answer_in_a_sentence(reissue: Run, plan: Path) -> None:
    assert "None of 10 devices loses the server." in reissue("run", plan).out
    shorter = reissue("run", plan, "--set", "strategy.0.reissue.activate=after 12h").out
    assert "5 of 10 devices lose the server (50 %)" in shorter  # half of the evenly spread turns
    assert "fails" in shorter
    assert "for example phones/5" in shorter


def test_nothing_is_coloured_off_a_terminal(plan: Path) -> None:
    for extra in ({}, {"NO_COLOR": "1"}, {"TERM": "xterm-256color"}):
        ran = subprocess.run(
            [*PROGRAM, "run", plan], capture_output=True, text=True, env={**os.environ, **extra}, check=True
        )
        assert ANSI not in ran.stdout + ran.stderr
        assert ran.stderr == ""


def test_a_terminal_gets_colour_unless_no_color_says_otherwise(plan: Path) -> None:
    assert ANSI in on_a_terminal(["run", plan]).text
    assert ANSI not in on_a_terminal(["run", plan], NO_COLOR="1").text


def test_output_that_cannot_be_encoded_is_no_reason_to_stop(plan: Path) -> None:
    ran = subprocess.run(
        [*PROGRAM, "run", plan, "--set", "name=Запасной сертификат"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    )
    assert ran.returncode == HOLDS
    assert b"Traceback" not in ran.stderr


def test_a_reader_that_leaves_early_causes_no_traceback(plan: Path) -> None:
    command = f"{sys.executable} -c 'from sim.cli import main; main()' run {plan} --json | head -c 10"
    ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert len(ran.stdout) == 10
    assert "Traceback" not in ran.stderr


# --- the output directory ------------------------------------------------------------------------------

TABLES = {
    "devices.parquet",
    "devices.csv",
    "timeline.parquet",
    "events.parquet",
    "run.json",
    "scenario.yaml",
}


def test_out_writes_tables_and_provenance(reissue: Run, plan: Path, tmp_path: Path) -> None:
    ran = reissue("run", plan, "--out", tmp_path / "result")
    assert ran.code == HOLDS
    assert "result" in ran.err
    assert entries(tmp_path / "result") == TABLES
    assert (tmp_path / "result" / "scenario.yaml").read_text() == PLAN
    devices = pd.read_parquet(tmp_path / "result" / "devices.parquet")
    assert len(devices) == 10
    assert str(devices["reserve_received_at"].dt.tz) == "UTC"
    listed = pd.read_csv(tmp_path / "result" / "devices.csv", parse_dates=["reserve_received_at"])
    assert listed["device"].tolist() == devices["device"].tolist()
    assert (listed["reserve_received_at"].dt.tz_localize("UTC") == devices["reserve_received_at"]).all()
    provenance = json.loads((tmp_path / "result" / "run.json").read_text())["provenance"]
    typed = ["reissue", "run", str(plan), "--out", str(tmp_path / "result"), "--no-figures"]
    assert provenance["command"] == typed
    assert provenance["versions"]["simpy"]
    assert entries(tmp_path) == {"plan.yaml", "result"}


def test_out_of_a_failed_guarantee_is_written_all_the_same(reissue: Run, plan: Path, tmp_path: Path) -> None:
    ran = reissue("run", plan, "--out", tmp_path / "result", "--set", "guarantees.0.at_most=0", "--set",
                  "strategy.0.reissue.activate=immediately")  # fmt: skip
    assert ran.code == FAILS
    assert entries(tmp_path / "result") == TABLES
    assert reissue("run", tmp_path / "result" / "scenario.yaml").code == FAILS


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ("file", "is a file"),
        ("full", "--overwrite"),
        ("missing/result", "does not exist"),
        ("file/result", "file"),
    ],
)
def test_out_refuses_what_it_must_not_touch(
    reissue: Run, plan: Path, tmp_path: Path, made: str, says: str
) -> None:
    (tmp_path / "file").write_text("kept")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("kept")
    ran = reissue("run", plan, "--out", tmp_path / made)
    assert ran.code == WRONG
    assert ran.out == ""
    assert says in ran.err
    assert (tmp_path / "file").read_text() == (tmp_path / "full" / "letter.txt").read_text() == "kept"
    assert entries(tmp_path) == {"plan.yaml", "file", "full"}


def test_out_takes_an_empty_directory(reissue: Run, plan: Path, tmp_path: Path) -> None:
    (tmp_path / "result").mkdir(mode=0o700)
    assert reissue("run", plan, "--out", tmp_path / "result").code == HOLDS
    assert entries(tmp_path / "result") == TABLES
    assert (tmp_path / "result").stat().st_mode & 0o777 == 0o700  # who may look stays as it was


def test_overwrite_replaces_a_result_and_nothing_else(reissue: Run, plan: Path, tmp_path: Path) -> None:
    out = tmp_path / "result"
    assert reissue("run", plan, "--out", out).code == HOLDS
    first = json.loads((out / "run.json").read_text())
    refused = reissue("run", plan, "--seed", 2, "--out", out)
    assert refused.code == WRONG
    assert json.loads((out / "run.json").read_text()) == first
    assert reissue("run", plan, "--seed", 2, "--out", out, "--overwrite").code == HOLDS
    assert json.loads((out / "run.json").read_text())["seed"] == 2
    (out / "notes.txt").write_text("mine")
    mixed = reissue("run", plan, "--out", out, "--overwrite")
    assert mixed.code == WRONG
    assert "notes.txt" in mixed.err
    assert (out / "notes.txt").read_text() == "mine"
    (out / "notes.txt").unlink()
    (out / "run.json").unlink()
    other = reissue("run", plan, "--out", out, "--overwrite")
    assert other.code == WRONG
    assert "other than a result" in other.err
    assert entries(tmp_path) == {"plan.yaml", "result"}


def test_out_of_several_files_has_a_directory_for_each(reissue: Run, plan: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(PLAN.replace("name: Plan", "name: Other"))
    assert reissue("run", plan, other, "--out", tmp_path / "results").code == HOLDS
    assert entries(tmp_path / "results") == {"plan", "other"}
    for name in ("plan", "other"):
        assert entries(tmp_path / "results" / name) == TABLES
    assert reissue("run", plan, other, "--out", tmp_path / "results").code == WRONG
    assert reissue("run", plan, other, "--out", tmp_path / "results", "--overwrite").code == HOLDS
    assert reissue("run", plan, other, "--out", tmp_path / "no" / "results").code == WRONG
    assert reissue("run", plan, plan, "--out", tmp_path / "twice").code == WRONG
    assert entries(tmp_path) == {"plan.yaml", "other.yaml", "results"}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_a_result_that_cannot_be_finished_leaves_the_earlier_one(
    reissue: Run, plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    out = tmp_path / "result"
    reissue("run", plan, "--out", out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    whole = pd.DataFrame.to_parquet

    def stop(frame: pd.DataFrame, path: Path, **options: Any) -> None:
        if path.name == "events.parquet":
            raise error
        whole(frame, path, **options)

    monkeypatch.setattr(pd.DataFrame, "to_parquet", stop)
    ran = reissue("run", plan, "--seed", 2, "--out", out, "--overwrite")
    assert ran.code == (INTERRUPTED if isinstance(error, KeyboardInterrupt) else WRONG)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert entries(tmp_path) == {"plan.yaml", "result"}


# --- long runs: progress and interruption ----------------------------------------------------------------

LONG = [
    "--engine",
    "process",
    "--set",
    "fleet.0.devices=10000",
    "--set",
    "fleet.0.sync.every=1h",
    "--set",
    "duration=59d",
]
"""14 million synchronizations: half a minute, in which a busy machine still finds the time to interrupt."""


@dataclass(frozen=True)
class Shown:
    code: int
    text: str


def on_a_terminal(arguments: list[Any], *, until: str | None = None, **environment: str) -> Shown:
    """Run with standard output and error on a terminal; once `until` has been shown, interrupt."""
    ours, theirs = pty.openpty()
    variables = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "CI")}
    process = subprocess.Popen(
        [*PROGRAM, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={**variables, "TERM": "xterm-256color", "COLUMNS": "100", **environment},
    )
    os.close(theirs)
    text, interrupted, latest = "", False, time.monotonic() + 120
    while time.monotonic() < latest:
        if not select.select([ours], [], [], 0.2)[0]:
            continue
        try:
            read = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not read:
            break
        text += read.decode(errors="replace")
        if until is not None and not interrupted and until in text:
            process.send_signal(signal.SIGINT)
            interrupted = True
    os.close(ours)
    return Shown(process.wait(60), text)


@pytest.mark.usefixtures("interruptible")
def test_a_long_run_shows_progress_on_a_terminal_and_can_be_interrupted(plan: Path, tmp_path: Path) -> None:
    shown = on_a_terminal(["run", plan, *LONG, "--out", tmp_path / "result"], until=" %")
    assert "Plan" in shown.text
    assert "left" in shown.text  # time left
    assert shown.code == INTERRUPTED
    assert "interrupted" in shown.text
    assert "Traceback" not in shown.text
    assert entries(tmp_path) == {"plan.yaml"}


def test_a_short_run_shows_no_progress_on_a_terminal(plan: Path) -> None:
    shown = on_a_terminal(["run", plan])
    assert shown.code == HOLDS
    assert "left" not in shown.text


def wait_until_it_began(process: subprocess.Popen[str]) -> None:
    """Until the program, and not only Python, runs: then it handles SIGTERM."""
    status, latest = Path(f"/proc/{process.pid}/status"), time.monotonic() + 60
    while status.exists() and time.monotonic() < latest:
        (caught,) = re.findall(r"SigCgt:\s*(\w+)", status.read_text())
        if int(caught, 16) >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.05)


@pytest.mark.usefixtures("interruptible")
def test_a_long_run_shows_no_progress_off_a_terminal_and_can_be_interrupted(
    plan: Path, tmp_path: Path
) -> None:
    with subprocess.Popen(
        [*PROGRAM, "run", str(plan), *LONG, "--json", "--out", str(tmp_path / "result")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        wait_until_it_began(process)
        time.sleep(3.0)  # longer than the patience of the progress bar
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED
    assert out == ""
    assert err.strip().startswith("interrupted")
    assert len(err.strip().splitlines()) == 1
    assert entries(tmp_path) == {"plan.yaml"}


# --- the other commands ----------------------------------------------------------------------------------


def test_check_tells_findings_with_their_line_and_source(reissue: Run, plan: Path) -> None:
    arguments = ("check", plan, "--set", "strategy.0.reissue.activate=after 12h")
    ran = reissue(*arguments)
    assert ran.code == HOLDS
    assert "activation-within-sync-period" in ran.out
    assert "Kaspersky SMM 6.0" in ran.out
    assert reissue(*arguments, "--strict").code == FAILS
    assert reissue("check", plan, "--strict").code == HOLDS
    findings = json.loads(reissue(*arguments, "--json").out)["findings"]
    rules = {each["rule"]: each for each in findings}
    assert set(rules) == {"activation-within-sync-period", "activation-not-whole-days"}
    finding = rules["activation-within-sync-period"]
    assert finding.keys() >= {"rule", "line", "message", "source"}
    assert finding["line"] == 11


def test_check_names_the_file_and_line_of_a_finding(reissue: Run, plan: Path) -> None:
    plan.write_text(PLAN.replace("after 30d", "after 12h"))
    assert f"{plan}:11: activation-within-sync-period: " in reissue("check", plan).out


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_a_new_scenario_can_be_checked_and_run_at_once(reissue: Run, tmp_path: Path, template: str) -> None:
    file = tmp_path / "mine.yaml"
    new = reissue("new", template)
    assert new.code == HOLDS
    file.write_text(new.out)
    if template == "inventory":
        missing = reissue("check", file)
        assert missing.code == WRONG
        assert "devices.csv" in missing.err
        assert "--sample > devices.csv" in new.err
        (tmp_path / "devices.csv").write_text(reissue("new", template, "--sample").out)
    else:
        assert new.err == ""
    assert reissue("check", file).code == HOLDS
    small = []
    if template == "delayed":  # its 10,000 devices take half a minute; without them the drawer weighs more
        for change in ("fleet.0.devices=200", "fleet.1.devices=20", "guarantees.1.at_most=20%"):
            small += ["--set", change]
    assert reissue("run", file, *small).code == HOLDS


def test_new_lists_its_templates_and_starts_with_a_delayed_activation(reissue: Run) -> None:
    listed = reissue("new", "--list").out
    assert [line.split()[0] for line in listed.splitlines()] == list(TEMPLATES)
    assert reissue("new").out == reissue("new", "delayed").out


@pytest.mark.parametrize("command", [[], ["run"], ["check"], ["new"], ["schema"]])
def test_help_is_told_briefly_asked(reissue: Run, command: list[str]) -> None:
    ran = reissue(*command, "--help")
    assert ran.code == HOLDS
    assert reissue(*command, "-h").out == ran.out


def test_the_first_commands_of_a_planner_are_there() -> None:
    assert set(commands.cli.commands) >= {"run", "check", "new", "schema"}


def test_the_version_is_told(reissue: Run) -> None:
    assert re.fullmatch(r"reissue \d+\.\d+\.\d+\S*\n", reissue("--version").out)


def test_without_a_command_the_commands_are_shown(reissue: Run) -> None:
    ran = reissue()
    assert ran.code in (HOLDS, WRONG)
    assert "check" in ran.out + ran.err
