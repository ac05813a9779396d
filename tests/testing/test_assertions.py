"""`sim.testing` in hand-written tests: assertions and the fixture."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from planner import BROKEN, KEPT, Project, small

import sim
from sim.testing import BrokenGuarantee, Runs, assert_guarantee, assert_guarantees, assertions


def test_all_guarantees_that_hold_give_the_result() -> None:
    result = assert_guarantees(small(KEPT, {"measure": "devices", "at_least": 4}))
    assert result.measures["lost_devices"] == 2


def test_every_guarantee_that_does_not_pass_is_told() -> None:
    scenario = small(BROKEN, KEPT, {"measure": "time_to_reconnect", "at_most": "1h"})
    with pytest.raises(BrokenGuarantee) as broken:
        assert_guarantees(scenario)
    text = str(broken.value)
    assert "lost devices at most 1" in text
    assert "time to reconnect" in text
    assert "lost devices at most 2" not in text
    assert isinstance(broken.value, AssertionError)
    assert str(pickle.loads(pickle.dumps(broken.value))) == text


def test_a_path_is_read_and_named(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(small(BROKEN).to_yaml(), encoding="utf-8")
    with pytest.raises(BrokenGuarantee, match=r"reissue run \S*a\.yaml --seed 9"):
        assert_guarantees(path, seed=9)
    with pytest.raises(sim.ScenarioError, match="does not exist"):
        assert_guarantees(str(tmp_path / "none.yaml"))


def test_a_scenario_without_guarantees_asserts_nothing_and_says_so() -> None:
    with pytest.raises(ValueError, match="states no guarantees"):
        assert_guarantees(small())


def test_options_reach_the_run() -> None:
    result = assert_guarantees(small(KEPT), engine="process", seed=5, replications=3)
    assert (result.scenario.seed, result.replications, result.engine) == (5, 3, "process")


def test_one_guarantee_of_a_result_on_its_threshold_and_one_step_below() -> None:
    result = sim.run(small())
    verdict = assert_guarantee(result, measure="lost_devices", at_most=2, group="phones")
    assert (verdict.passes, verdict.observed) == (True, 2)
    with pytest.raises(BrokenGuarantee, match="lost devices at most 1, phones"):
        assert_guarantee(result, measure="lost_devices", at_most=1, group="phones")
    assert_guarantee(result, measure="reconnected_share", at_least="50%", within="2h30m", platform="android")
    with pytest.raises(BrokenGuarantee):
        assert_guarantee(result, measure="reconnected_share", at_least="51%", within="2h30m")
    assert_guarantee(result, measure="time_to_reconnect", quantile="50%", at_most="2h30m")
    with pytest.raises(BrokenGuarantee):
        assert_guarantee(result, measure="time_to_reconnect", quantile=0.51, at_most="2h30m")


def test_one_guarantee_is_simulated_no_second_time(monkeypatch: pytest.MonkeyPatch) -> None:
    result = sim.run(small())
    monkeypatch.setattr("sim.studies.experiment.Experiment.outcomes", None)
    assert_guarantee(result, measure="lost_devices", at_most=2)


def test_what_nothing_exercised_passes_only_where_that_is_allowed() -> None:
    result = sim.run(small())
    with pytest.raises(BrokenGuarantee, match="it is about no device"):
        assert_guarantee(result, measure="lost_devices", at_most=0, group="nothing")
    assert_guarantee(result, measure="lost_devices", at_most=0, group="nothing", allow_vacuous=True)


def test_a_guarantee_that_is_none_is_refused_with_what_would_be_right() -> None:
    result = sim.run(small())
    with pytest.raises(sim.ScenarioError, match="did you mean phones"):
        assert_guarantee(result, measure="lost_devices", at_most=0, group="phone")
    with pytest.raises(sim.ScenarioError, match="did you mean lost_devices"):
        assert_guarantee(result, measure="lost_device", at_most=0)
    with pytest.raises(sim.ScenarioError, match="at_most"):
        assert_guarantee(result, measure="lost_devices")


# --- results that are kept -----------------------------------------------------------------------------


def test_equal_scenarios_share_a_result_and_others_do_not(tmp_path: Path) -> None:
    keep = Runs()
    path = tmp_path / "a.yaml"
    path.write_text(small(KEPT).to_yaml(), encoding="utf-8")
    first = keep(small(KEPT))
    assert keep(small(KEPT)) is first
    assert keep(small(KEPT), seed=1) is first  # the scenario's own
    assert keep(small(KEPT), seed=2) is not first
    assert keep(small(KEPT), replications=2) is not first
    assert keep(small(KEPT), engine="process") is not first
    assert keep(small(BROKEN)) is not first
    assert keep(path) is keep(str(path))


def test_a_certificate_file_that_changed_is_read_again(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[2] / "scenarios"
    (tmp_path / "certs").mkdir()
    plan = tmp_path / "custom_certificate_strands_ios.yaml"
    plan.write_bytes((shipped / plan.name).read_bytes())
    for name in ("mobile.pem", "without_server_auth.pem"):
        (tmp_path / "certs" / name).write_bytes((shipped / "certs" / name).read_bytes())
    keep = Runs()
    first = keep(plan)
    assert keep(plan) is first
    other = (shipped / "certs" / "without_crl_signing.pem").read_bytes()
    (tmp_path / "certs" / "without_server_auth.pem").write_bytes(other)
    assert keep(plan) is not first


def test_results_are_let_go_before_they_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assertions, "KEPT", 10)  # two runs of four devices fit, a third does not
    keep = Runs()
    one, two = keep(small(seed=1)), keep(small(seed=2))
    assert keep(small(seed=1)) is one  # now the one asked for last
    keep(small(seed=3))
    assert keep(small(seed=1)) is one
    assert keep(small(seed=2)) is not two


def test_the_fixture_runs_equal_scenarios_once_a_session(project: Project) -> None:
    project.scenario("plan.yaml", KEPT)
    project.write(
        "test_plan.py",
        "import pytest\n"
        "import sim\n"
        "from sim.testing import assert_guarantee\n\n"
        "SEEN = []\n\n\n"
        "@pytest.mark.parametrize('number', [1, 2])\n"
        "def test_plan(reissue_run, number):\n"
        "    result = reissue_run('plan.yaml')\n"
        "    assert_guarantee(result, measure='lost_devices', at_most=2)\n"
        "    SEEN.append(result)\n"
        "    assert all(each is result for each in SEEN)\n"
        "    assert result.scenario.seed == 7\n"
        "    assert reissue_run(sim.load('plan.yaml')) is result\n"
        "    assert reissue_run('plan.yaml', seed=8).scenario.seed == 8\n",
    )
    project.run("test_plan.py", "--reissue-seed", "7").assert_outcomes(passed=2)


def test_a_broken_guarantee_shows_the_test_and_not_the_library(project: Project) -> None:
    project.scenario("plan.yaml", BROKEN)
    project.write(
        "test_plan.py",
        "from sim.testing import assert_guarantees\n\n\n"
        "def test_plan():\n    assert_guarantees('plan.yaml')\n",
    )
    result = project.run("test_plan.py")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*BrokenGuarantee: broken: 2*", "*remedy*15 h 1 s*", "test_plan.py:5: BrokenGuarantee"]
    )
    result.stdout.no_fnmatch_line("*assertions.py*")
