"""Scenario files as tests: what is collected, how it is run, what a report holds."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from planner import BROKEN, KEPT, Project, small

import sim
from sim.testing import assertions
from sim.testing.plugin import is_scenario, looks_like_scenario, names_of

ROOT = Path(__file__).parents[2]
COMPOSE = "services:\n  web:\n    image: nginx\n    deploy: {replicas: 2}\n"


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the scenarios that were simulated."""
    names: list[str] = []

    def run(scenario: sim.Scenario, **options: Any) -> sim.Result:
        names.append(scenario.name)
        return sim.run(scenario, **options)

    monkeypatch.setattr(assertions, "run", run)
    return names


# --- what is collected ---------------------------------------------------------------------------------


def test_each_guarantee_is_a_test(project: Project) -> None:
    project.scenario("scenarios/a.yaml", KEPT, {"measure": "reserve_coverage", "at_least": "50%"})
    assert project.names("scenarios") == [
        "scenarios/a.yaml::lost_devices at_most 2",
        "scenarios/a.yaml::reserve_coverage at_least 50%",
    ]
    result = project.run("scenarios")
    result.assert_outcomes(passed=2)
    assert result.ret == 0


def test_a_name_says_all_that_narrows_the_guarantee() -> None:
    guarantees = [
        {"measure": "reconnected_share", "within": "14d", "at_least": "95%"},
        {"measure": "lost_devices", "at_most": 0.0, "platform": "ios", "group": "office phones"},
        {"measure": "time_to_reconnect", "quantile": "50%", "at_most": "2d"},
        {"measure": "lost_share", "at_most": 0.001, "probability": "95%", "confidence": "99%"},
    ]
    assert names_of(guarantees) == [
        "reconnected_share at_least 95% within 14d",
        "lost_devices at_most 0 group office phones platform ios",
        "time_to_reconnect at_most 2d quantile 50%",
        "lost_share at_most 0.001 probability 95% confidence 99%",
    ]


def test_equal_guarantees_have_names_of_their_own() -> None:
    zero = {"measure": "lost_devices", "at_most": 0}
    names = names_of([zero, zero, {**zero, "group": "x"}, {**zero, "group": "x (2)"}, {**zero, "group": "x"}])
    assert len(set(names)) == 5
    assert names[:2] == ["lost_devices at_most 0", "lost_devices at_most 0 (2)"]
    assert names[4] == "lost_devices at_most 0 group x (3)"


@pytest.mark.parametrize("group", ["a::b", "a[1]", "a/b.py", "Büro", "-k x", "a::::b[::]"])
def test_a_test_is_run_by_its_node_id_whatever_the_group_is_called(project: Project, group: str) -> None:
    fleet = [{"name": group, "devices": 4, "sync": {"every": "1d", "phase": "even"}}]
    project.scenario("a.yaml", {**KEPT, "group": group}, BROKEN, fleet=fleet)
    first, second = project.names()
    project.run(first).assert_outcomes(passed=1)
    project.run(second).assert_outcomes(failed=1)


def test_k_chooses_among_guarantees(project: Project) -> None:
    project.scenario("a.yaml", KEPT, BROKEN, {"measure": "reserve_coverage", "at_least": "50%"})
    project.run("-k", "reserve_coverage").assert_outcomes(passed=1, deselected=2)
    project.run("-k", "lost_devices and not reserve").assert_outcomes(passed=1, failed=1, deselected=1)


def test_a_scenario_without_guarantees_is_no_test(project: Project) -> None:
    text = project.scenario("a.yaml", KEPT)
    project.write("a.yaml", text[: text.index("guarantees:")])
    project.write("b.yaml", text[: text.index("guarantees:")] + "guarantees: []\n")
    assert project.run().ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_other_yaml_files_are_left_alone(project: Project) -> None:
    project.write("docker-compose.yaml", COMPOSE)
    project.write(".github/workflows/ci.yml", "on: push\njobs: {test: {runs-on: ubuntu}}\n")
    project.write("broken.yaml", "{{ .Values.fleet }}\nstart: [\n\tduration\n")
    project.write("fleet.yaml", "fleet:\n- name: x\nguarantees: none\n")
    project.write("nested.yaml", "plan:\n  start: 1\n  duration: 2\n  fleet: []\n  guarantees: []\n  x: [\n")
    project.write("many.yaml", "start: 1\n---\nduration: 2\n---\nfleet: [\n")
    (project.path / "binary.yaml").write_bytes(bytes(range(256)) * 100)
    (project.path / "folder.yaml").mkdir()
    (project.path / "dangling.yaml").symlink_to("nowhere")
    project.write("test_own.py", "def test_own(): pass\n")
    result = project.run("-W", "error", "--strict-markers", "--strict-config")
    result.assert_outcomes(passed=1)
    assert result.ret == 0


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("start: 1\nduration: 2\nfleet: []\nguarantees: []\n", True),
        ("'start': 1\n\"duration\" : 2\nfleet:\nguarantees:\n", True),
        ("  start: 1\n  duration: 2\n  fleet: []\n  guarantees: []\n", True),  # all of them indented
        ('{"start": 1, "duration": 2, "fleet": [], "guarantees": []}', True),
        ("{start: 1,\nfleet: [], guarantees: []}", True),
        ("start: 1\nduration: 2\nfleat: []\nguarantees: []\n", True),  # one of the three misspelt
        ("start: 1\nduration: 2\nfleet: []\nguarantee: []\n", True),
        ("start: 1\nduration: 2\nfleet: []\ngaurantees: []\n", True),
        ("start: 1\nduration: 2\nfleet: []\n", False),
        ("start: 1\nduration: 2\nfleet: []\ngroups: []\n", False),
        ("fleet: []\nguarantees: []\n", False),
        ("x:\n  start: 1\n  duration: 2\n  fleet: []\nguarantees: []\n", False),
        ("# start: 1\n# duration: 2\n# fleet: []\nguarantees: []\n", False),
        ("start:1\nduration:2\nfleet:3\nguarantees:4\n", False),  # no blank: not a key
        ("", False),
    ],
)
def test_a_scenario_is_told_by_its_top_level_keys(text: str, is_one: bool) -> None:
    assert looks_like_scenario(text) == is_one


def test_a_file_that_may_not_be_read_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(small(KEPT).to_yaml(), encoding="utf-8")
    assert is_scenario(path)

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "open", refuse)
    assert not is_scenario(path)


@pytest.mark.parametrize("content", [b"", b" \n\n", bytes(range(256))])
def test_an_emptied_or_binary_file_beside_scenarios_fails(project: Project, content: bytes) -> None:
    project.scenario("plans/a.yaml", KEPT)
    (project.path / "plans" / "b.yaml").write_bytes(content)
    project.write("other/c.yaml", "")
    project.run().assert_outcomes(passed=1, failed=1)
    assert project.names("plans/b.yaml") == ["plans/b.yaml::reads"]


def test_comments_mark_a_file_or_one_of_its_guarantees(project: Project) -> None:
    text = project.scenario("a.yaml", BROKEN, {"measure": "lost_devices", "at_most": 2}, BROKEN)
    assert text.count("  - measure: lost_devices\n") == 3
    for mark in ("  # pytest: xfail one phone is away", "", "  # pytest: skip, not now"):
        text = text.replace("- measure: lost_devices\n", f"- measure:  lost_devices{mark}\n", 1)
    project.write("a.yaml", text)
    project.write("b.yaml", "# pytest: skip: the desk is new\n" + text)
    project.write("c.yaml", text.replace("guarantees:\n", "guarantees:\n  # pytest: slow\n"))
    result = project.run("a.yaml", "-rxs")
    result.assert_outcomes(passed=1, xfailed=1, skipped=1)
    result.stdout.fnmatch_lines_random(["*one phone is away*", "*not now*"])
    project.run("b.yaml").assert_outcomes(skipped=3)
    project.run("c.yaml", "-m", "slow").assert_outcomes(xfailed=1, deselected=2)


def test_a_line_says_how_many_files_there_are_and_how_they_are_run(project: Project) -> None:
    project.scenario("a.yaml", KEPT)
    project.scenario("b.yaml", KEPT, KEPT)
    result = project.run("--reissue-seed", "7")
    line = "reissue: 2 scenario files, engine auto, seed 7, replications of each file"
    result.stdout.fnmatch_lines([line])
    project.write("test_own.py", "def test_own(): pass\n")
    project.run("test_own.py").stdout.no_fnmatch_line("reissue: *")


def test_a_scenario_in_utf_16_fails_instead_of_vanishing(project: Project) -> None:
    text = project.scenario("a.yaml", KEPT)
    (project.path / "a.yaml").write_bytes(text.encode("utf-16"))
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["a.yaml:1:1: *save it as UTF-8*"])


def test_a_file_that_cannot_be_read_is_one_test_that_fails_with_its_place(project: Project) -> None:
    text = project.scenario("s/good.yaml", KEPT)
    lines = text.replace("duration: 4d", "duration: 4").replace("name: phones", "nam: phones")
    project.write("s/wrong.yaml", lines)
    result = project.run("s")
    result.assert_outcomes(passed=1, failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    number = 1 + lines.splitlines().index("duration: 4")
    result.stdout.fnmatch_lines([f"s/wrong.yaml:{number}:11: duration: 4 has no unit*"])
    result.stdout.fnmatch_lines(["*nam: unknown key: did you mean name?*"])
    result.stdout.no_fnmatch_line("*Traceback*")
    assert project.names("s/wrong.yaml") == ["s/wrong.yaml::reads"]
    project.run("s/wrong.yaml::reads").assert_outcomes(failed=1)


def test_a_scenario_that_cannot_be_run_fails_each_guarantee_with_the_reason(project: Project) -> None:
    project.scenario("a.yaml", KEPT, BROKEN)
    text = (project.path / "a.yaml").read_text()
    text = text.replace("expires: day 3", "issuer: custom\n    file: certificate.pem")
    project.write("a.yaml", text)
    project.write("certificate.pem", "this is no certificate\n")
    result = project.run()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*a.yaml:*certificate.pem*"])
    result.stdout.no_fnmatch_line("*Traceback*")


# --- how it is run -------------------------------------------------------------------------------------


def test_a_file_is_simulated_once_for_all_its_guarantees(project: Project, simulated: list[str]) -> None:
    project.scenario("a.yaml", KEPT, {"measure": "devices", "at_least": 4}, KEPT, name="a")
    project.scenario("b.yaml", KEPT, name="b")
    project.run().assert_outcomes(passed=4)
    assert simulated == ["a", "b"]


def test_nothing_is_simulated_to_collect(project: Project, simulated: list[str]) -> None:
    project.scenario("a.yaml", KEPT)
    assert len(project.names()) == 1
    assert simulated == []


def test_options_choose_engine_seed_and_replications(project: Project) -> None:
    # Of 40 phones with a random turn, none is lost with a probability of 2^-40.
    fleet = [{"name": "phones", "devices": 40, "sync": {"every": "1d"}}]
    project.scenario("a.yaml", {"measure": "times_lost", "at_least": 1, "probability": "50%"}, fleet=fleet)
    # Kept in 1 of 1: with 95 % confidence in 5 % of all; in 5 of 5: in 0.05^(1/5) = 55 %.
    assert project.run().ret == 1
    options = ("--reissue-replications", "5", "--reissue-seed", "7", "--reissue-engine", "process")
    result = project.run(*options, "--junitxml=out.xml")
    result.assert_outcomes(passed=1)
    told = properties(project.path / "out.xml")
    assert (told["reissue_seed"], told["reissue_replications"], told["reissue_engine"]) == (
        "7",
        "5",
        "process",
    )


@pytest.mark.parametrize("option", ["--reissue-seed=x", "--reissue-replications=1.5", "--reissue-engine=x"])
def test_an_impossible_option_is_a_usage_error(project: Project, option: str) -> None:
    assert project.run(option).ret == pytest.ExitCode.USAGE_ERROR


def test_the_configuration_says_which_files_are_scenarios(project: Project) -> None:
    project.scenario("plans/a.yaml", KEPT)
    project.scenario("other/b.yaml", KEPT)
    project.write("pytest.ini", "[pytest]\nreissue_files = plans/*.yaml\n")
    assert project.names() == ["plans/a.yaml::lost_devices at_most 2"]
    assert project.names("other/b.yaml") == ["other/b.yaml::lost_devices at_most 2"]  # asked for by name


def test_the_plugin_can_be_switched_off(project: Project) -> None:
    project.scenario("a.yaml", BROKEN)
    assert project.run_apart("-p", "no:reissue").ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_xdist_gives_the_same_outcomes(project: Project) -> None:
    project.scenario("a.yaml", KEPT, BROKEN, {"measure": "time_to_reconnect", "at_most": "1h"})
    project.write("b.yaml", "name: b\nstart: 2026-03-01\nduration: 4d\nfleet: 3\nguarantees: []\n")
    project.scenario("c.yaml", {"measure": "time_to_reconnect", "at_most": "1d"}, recovery=None)
    result = project.run_apart("-n", "2", "--junitxml=out.xml", "-W", "error")
    result.assert_outcomes(passed=1, failed=4)
    assert result.ret == 1
    # Nobody is reinstalled in c: the measure is infinite, and crosses from one process to the other.
    assert (
        properties(project.path / "out.xml", name="time_to_reconnect at_most 1d")["reissue_observed"] == "inf"
    )


# --- what a report holds -------------------------------------------------------------------------------


def properties(path: Path, *, name: str | None = None) -> dict[str, str]:
    """The properties of a test in a JUnit file."""
    cases = [case for case in ET.parse(path).iter("testcase") if name in (None, case.get("name"))]
    (case,) = cases
    return {each.get("name", ""): each.get("value", "") for each in case.iter("property")}


def test_junit_holds_what_was_observed(project: Project) -> None:
    project.scenario("s/a.yaml", BROKEN)
    project.run("--junitxml=out.xml", "--reissue-engine", "process")
    told = properties(project.path / "out.xml")
    fingerprint = sim.run(small(BROKEN)).fingerprint
    assert told == {
        "reissue_scenario": "small world",
        "reissue_verdict": "fails",
        "reissue_observed": "2.0",
        "reissue_witness": "phones/2",
        "reissue_seed": "1",
        "reissue_replications": "1",
        "reissue_engine": "process",
        "reissue_fingerprint": fingerprint,
    }
    (failure,) = ET.parse(project.path / "out.xml").iter("failure")
    assert "21 h" not in (failure.text or "")  # one loss is allowed: the phone of 21:00
    assert "15 h 1 s" in (failure.text or "")


def test_what_crosses_to_another_process_is_plain(project: Project) -> None:
    project.scenario("a.yaml", KEPT, {"measure": "reserve_coverage", "at_least": "50%"})
    seen: list[object] = []

    class Recorder:
        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            seen.extend(value for _, value in report.user_properties)

    assert pytest.main(["-q", "-p", "no:cacheprovider", str(project.path)], plugins=[Recorder()]) == 0
    assert {type(value) for value in seen} == {str, int, float}


def test_a_failure_is_shown_at_its_line(project: Project) -> None:
    text = project.scenario("a.yaml", KEPT, BROKEN)
    line = 1 + text.splitlines().index("    at_most: 1")
    result = project.run("-rf", "-v")
    result.stdout.fnmatch_lines(["a.yaml::lost_devices at_most 1 FAILED*", "*(a.yaml:*)"])
    shown = next(each for each in result.outlines if each.startswith("  promised"))
    assert shown.endswith(f"(a.yaml:{line - 1})")  # the guarantee begins with its measure


# --- beside other tests --------------------------------------------------------------------------------


def test_a_project_without_scenarios_loads_no_part_of_the_simulator(project: Project) -> None:
    project.write("compose.yaml", COMPOSE)
    project.write(
        "test_own.py",
        "import sys\n\n\ndef test_own():\n"
        "    heavy = {'numpy', 'pandas', 'pydantic', 'yaml', 'simpy', 'scipy', 'cryptography'}\n"
        "    assert not heavy & set(sys.modules)\n"
        "    loaded = {name for name in sys.modules if name.split('.')[0] == 'sim'}\n"
        "    assert loaded == {'sim', 'sim.testing', 'sim.testing.plugin'}\n",
    )
    result = project.run_apart(
        "-W", "error", "--strict-markers", "--strict-config", "-p", "no:hypothesispytest"
    )
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    "names",
    [
        ("custom_certificate", "helpdesk_after_total_loss", "inventory"),
        pytest.param(
            (), id="all", marks=pytest.mark.slow
        ),  # their guarantees: tests/scenarios/test_shipped.py
    ],
)
def test_the_shipped_scenarios_are_tests_that_pass(names: tuple[str, ...]) -> None:
    paths = [path for path in (ROOT / "scenarios").glob("*.yaml") if not names or path.stem in names]
    command = [
        sys.executable,
        "-m",
        "pytest",
        *(paths if names else ["scenarios"]),
        "-q",
        "-p",
        "no:cacheprovider",
    ]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=1200)
    assert ran.returncode == 0, ran.stdout
    assert f"{sum(len(sim.load(path).guarantees) for path in paths)} passed" in ran.stdout
