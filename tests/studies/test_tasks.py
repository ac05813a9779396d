"""Replications handed out as tasks: their keys, what travels, parts that add up, and every study the same."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import random_scenarios
from openssl_command import Openssl
from sweeps import document, world

import sim
from sim.executor import Cache, Resources
from sim.executor.cluster import ClusterError
from sim.executor.local import Here, Processes
from sim.executor.task import Results, Task
from sim.results.tally import Tally
from sim.scenario import Scenario
from sim.scenario.prepare import prepare
from sim.studies.delays import Delays
from sim.studies.experiment import Experiment
from sim.studies.options import NotSplitError, computing
from sim.studies.tasks import Tallies, World, split, values
from sim.world.outcome import BLOCK


def task_of(scenario: Scenario, replication: int = 0, within: range | None = None) -> Task:
    experiment = Experiment.of(prepare(scenario))
    within = range(experiment.size) if within is None else within
    return World.of(experiment).task(Tallies(), replication, within, Tallies().form(experiment))


def key_of(**changes: object) -> str:
    return task_of(world(**changes)).key


def test_the_key_of_a_task_is_made_of_what_can_change_it() -> None:
    fleet = document()["fleet"]
    same: list[dict[str, object]] = [
        {"name": "another", "description": "words"},
        {"guarantees": [{"measure": "lost_devices", "at_most": 0}]},
        {"replications": 7, "start": "2027-01-01", "duration": "1440h"},
        {"fleet": fleet[::-1]},
        {"strategy": [{"at": "expiry - 40d", "reissue": {"activate": "after 720h"}}]},
    ]
    assert {key_of(**changes) for changes in same} == {key_of()}
    other: list[dict[str, object]] = [
        {"seed": 2},
        {"duration": "61d"},
        {"fleet": [{**fleet[0], "devices": 41}, fleet[1]]},
        {"fleet": [{**fleet[0], "name": "boxes"}, fleet[1]]},
        {"fleet": [{**fleet[0], "first": 1}, fleet[1]]},
        {"fleet": [{**fleet[0], "presence": {"away": [{"from": "day 3", "for": "2d"}]}}, fleet[1]]},
        {"fleet": [{**fleet[0], "presence": {"away": [{"from": "day 4", "for": "2d"}]}}, fleet[1]]},
        {"strategy": [{"at": "day 11", "reissue": {"activate": "after 30d"}}]},
        {"strategy": [{"at": "day 10", "cancel_reserve": {}}]},
        {"strategy": [{"at": "day 10", "restore_previous": {}}]},
        {"recovery": {"technicians": 1}},
        {"server": {"automatic_reissue": "off"}},
    ]
    keys = [key_of(**changes) for changes in other]
    assert len({*keys, key_of()}) == len(other) + 1
    others = [task_of(world(), 1), task_of(world(), 0, range(20)), task_of(world(), 0, range(20, 44))]
    experiment = Experiment.of(prepare(world()))
    delays = Delays(10 * 86_400), Delays(11 * 86_400), Delays(11 * 86_400, frozenset({"ios"}))
    others += [World.of(experiment).task(each, 0, range(44), each.form(experiment)) for each in delays]
    assert len({key_of(), *(task.key for task in others)}) == 7


def test_the_content_of_an_inventory_is_part_of_the_key_and_its_name_is_not(tmp_path: Path) -> None:
    def key(name: str, rows: str) -> str:
        (tmp_path / name).write_text(f"id,last_sync\n{rows}", encoding="utf-8")
        scenario = Scenario.from_document(
            document(fleet=[{"name": "listed", "inventory": name}]), folder=tmp_path
        )
        return task_of(scenario).key

    rows = "a,2026-02-28 20:00\nb,2026-02-28 21:00\n"
    assert key("one.csv", rows) == key("two.csv", rows) != key("three.csv", rows.replace("21", "22"))


def test_an_inventory_and_written_absences_travel_to_other_processes(tmp_path: Path) -> None:
    rows = "id,last_sync\na,2026-02-28 20:00\nb,2026-01-01\n"
    (tmp_path / "devices.csv").write_text(rows, encoding="utf-8")
    away = {"away": [{"from": "expiry - 45d", "for": "44d"}]}
    fleet = [{"name": "listed", "inventory": "devices.csv"}, {"name": "gone", "devices": 3, "presence": away}]
    scenario = Scenario.from_document(document(fleet=fleet), folder=tmp_path)
    experiment = Experiment.of(prepare(scenario))
    (by_task,) = values([(experiment, [0])], Tallies(), Resources(Processes(1)))
    assert by_task.equals(experiment.tally(0))


HOURS = {"days": "mon-fri", "from": "07:00", "to": "18:00"}
COMMON = {
    "timezone": "Europe/Berlin",
    "calendar": {
        "holidays": [{"name": "Easter", "from": "expiry - 20d", "for": "9d", "share": "60%"}],
        "disturbances": [
            {
                "name": "dark",
                "share": "40%",
                "every": {"exponential": "20d"},
                "lasts": {"uniform": ["1d", "4d"]},
            }
        ],
    },
    "recovery": {"technicians": 2, "hours": HOURS},
}
GATE = {"when_coverage": "80%", "check_every": "1d", "not_after": "25d", "otherwise": "activate"}
CAMPAIGN = [
    {"at": "day 10", "reissue": {"activate": GATE}},
    {"at": "day 14", "push": {"group": "office", "success": "70%"}},
    {"at": "day 16", "chase": {"silent_for": "3d", "per_day": 4, "success": "90%"}},
]


def with_hours(**more: Any) -> Scenario:
    fleet = document()["fleet"]
    return world(fleet=[{**fleet[0], "hours": HOURS}, fleet[1]], **more)


def sent(scenario: Scenario) -> tuple[Tally, Tally]:
    """The second replication by a task, and here."""
    experiment = Experiment.of(prepare(scenario), engine="process")
    (by_task,) = values([(experiment, [1])], Tallies(), Resources(Here()))
    return by_task, experiment.tally(1)


@pytest.mark.parametrize(
    "scenario",
    [
        world(),
        world(**COMMON),
        with_hours(**COMMON),
        with_hours(**COMMON, strategy=CAMPAIGN),
        world(strategy=CAMPAIGN, first_replication=7),
        world(start="2026-03-04 13:00", timezone="Asia/Vladivostok", fleet=with_hours().document["fleet"]),
    ],
)
def test_whatever_a_scenario_has_travels(scenario: Scenario) -> None:
    by_task, here = sent(scenario)
    assert by_task.equals(here)
    assert by_task.fingerprint == here.fingerprint
    assert by_task.events == here.events


@pytest.mark.parametrize("seed", range(12))
def test_whatever_a_planner_could_have_written_travels(seed: int, tmp_path: Path) -> None:
    scenario = Scenario.from_document(random_scenarios.document(seed, tmp_path), folder=tmp_path)
    by_task, here = sent(scenario)
    assert by_task.equals(here)
    assert by_task.fingerprint == here.fingerprint


def test_a_certificate_file_stays_here_and_its_expiry_travels(openssl: Openssl, tmp_path: Path) -> None:
    shutil.copy(openssl.certificate(end=datetime(2026, 4, 20, tzinfo=UTC)), tmp_path / "first.pem")
    server = {"certificate": {"issuer": "custom", "file": "first.pem"}, "automatic_reissue": "off"}
    away = {"away": [{"from": "expiry - 12d", "for": "9d"}]}
    fleet = [{**document()["fleet"][0], "presence": away}]
    written = document(server=server, fleet=fleet, strategy=[{"at": "expiry - 10d", "reissue": {}}])
    experiment = Experiment.of(prepare(Scenario.from_document(written, folder=tmp_path)))
    (tmp_path / "first.pem").unlink()
    (by_task,) = values([(experiment, [0])], Tallies(), Resources(Processes(1)))
    assert by_task.equals(experiment.tally(0))
    assert by_task.certificates[0].identity is not None


def test_hours_of_the_week_tie_a_key_to_the_date_and_the_time_zone() -> None:
    keys = {
        task_of(with_hours(**more)).key
        for more in ({}, {"start": "2026-03-02"}, {"timezone": "Europe/Berlin"}, {"start": "2026-03-08"})
    }
    assert len(keys) == 3  # a week later the hours are the same


def on_a_cluster(experiment: Experiment) -> Any:
    return computing({"cluster": "nowhere"}, [experiment])


@pytest.mark.parametrize("what", [CAMPAIGN[:1], [*document()["strategy"], CAMPAIGN[2]]])
def test_what_couples_devices_is_not_split(what: list[dict[str, Any]]) -> None:
    big = {"name": "phones", "devices": 2 * BLOCK, "sync": {"every": "20d"}}
    experiment = Experiment.of(prepare(world(fleet=[big], strategy=what)), part=BLOCK)
    assert experiment.parts == split(experiment).parts == (range(2 * BLOCK),)
    with pytest.raises(NotSplitError, match="a gate or a chase"), on_a_cluster(experiment):
        pass


@pytest.mark.parametrize("reissue", [GATE, "after 20d"])
def test_a_curve_under_a_campaign_is_that_of_separate_runs(reissue: Any) -> None:
    strategy = [{"at": "day 10", "reissue": {"activate": reissue}}, *CAMPAIGN[1:]]
    scenario = world(strategy=strategy)
    curve = sim.curve(scenario)
    assert curve.runs == len(curve.delays_s)
    for day in (1, 5, 9, 20):
        separate = sim.run(scenario.changed({"strategy.0.reissue.activate": f"after {day}d"}))
        assert curve.lost[0][day - 1] == separate.measures["lost_devices"], day


# --- parts ------------------------------------------------------------------------------------------------


def test_parts_add_up_to_the_whole_and_are_kept(tmp_path: Path) -> None:
    fleet = [{"name": "phones", "devices": 2 * BLOCK + 5, "sync": {"every": "20d"}, "presence": "always"}]
    experiment = split(Experiment.of(prepare(world(fleet=fleet)), engine="fleet"))
    assert len(experiment.parts) == 3
    cache = Cache(tmp_path)
    (scattered,) = values([(experiment, [1])], Tallies(), Resources(Here(), cache))
    whole = Experiment.of(prepare(world(fleet=fleet)), engine="fleet").tally(1)
    assert scattered.equals(whole)
    assert scattered.fingerprint == whole.fingerprint
    assert len(list(tmp_path.rglob("*.result"))) == 3
    (again,) = values([(experiment, [1])], Tallies(), Resources(Nobody(), cache))
    assert again.equals(whole)


class Nobody:
    """Fails whoever asks it."""

    slots = 1

    def results(self, tasks: object) -> Results:
        raise AssertionError("everything was kept")


def test_replications_come_in_the_order_asked_for() -> None:
    experiment = Experiment.of(prepare(world(recovery={"technicians": 1})))
    found = list(values([(experiment, [2, 0])], Tallies(), Resources(Processes(1))))
    assert [tally.fingerprint for tally in found] == [experiment.tally(r).fingerprint for r in (2, 0)]


def test_one_run_with_a_help_desk_is_not_split() -> None:
    experiment = Experiment.of(prepare(world(recovery={"technicians": 1})))
    with pytest.raises(NotSplitError, match="share its queue"), on_a_cluster(experiment):
        pass
    for more in ({"recovery": {"technicians": 1}, "replications": 2}, {}):
        with pytest.raises(ClusterError), on_a_cluster(Experiment.of(prepare(world(**more)))):
            pass


# --- every study ------------------------------------------------------------------------------------------


def test_every_study_gives_the_same_here_by_processes_and_from_what_is_kept(tmp_path: Path) -> None:
    """Nobody computes the second time: what `--store` has is enough, down to the document that is printed."""
    desk = {"technicians": 1, "begins": "4h", "owner_responds": "1d", "takes": "1h"}
    promise = {"measure": "lost_devices", "at_most": 20, "probability": "50%"}
    one, other = world(recovery=desk, guarantees=[promise]), world(strategy=[])
    late = {"at": "day 45", "reissue": {"activate": "immediately"}}
    dark = {"name": "dark", "share": "50%", "every": {"exponential": "40d"}, "lasts": "2d"}
    away = world(calendar={"disturbances": [dark]})
    soon = {"at": "day 10", "reissue": {"activate": "after 6d"}}
    several = world(strategy=[soon, late])
    studies = {
        "run": lambda **more: sim.run(one, replications=3, **more),
        "compare": lambda **more: sim.compare(one, other, replications=2, **more),
        "curve": lambda **more: sim.curve(one, replications=2, **more),
        "curve of separate runs": lambda **more: sim.curve(several, reissue=0, **more),
        "plan": lambda **more: sim.plan(away, lost_at_most=40, replications=59, **more),
    }
    for name, study in studies.items():
        store = tmp_path / name
        here = study().to_json()
        assert study(workers=2, store=store).to_json() == here, name
        kept = {path: path.stat().st_mtime_ns for path in store.rglob("*.result")}
        assert kept, name
        assert study(store=store).to_json() == here, name
        assert {path: path.stat().st_mtime_ns for path in store.rglob("*.result")} == kept, name
