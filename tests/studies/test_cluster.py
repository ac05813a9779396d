"""Studies on a real scheduler and workers on loopback: equal to one machine, whoever is killed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from clusters import Nodes, nodes
from sweeps import DELAYS, document, world

from sim.cli import main
from sim.cli.commands import cli
from sim.executor.cluster import Cluster, ClusterError
from sim.scenario.prepare import prepare
from sim.scenario.yaml_text import to_yaml
from sim.studies.experiment import Experiment
from sim.studies.options import NotSplitError, Options
from sim.studies.run import run
from sim.studies.sweep import sweep
from sim.studies.tasks import split
from sim.world.outcome import BLOCK


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with nodes(tmp_path_factory.mktemp("nodes"), workers=2) as those:
        yield those


@pytest.fixture
def pair(started: Nodes, monkeypatch: pytest.MonkeyPatch) -> Nodes:
    """A scheduler and two workers; one that was killed by the test before has a successor."""
    monkeypatch.setattr("sim.executor.cluster.TIMEOUT_S", 60.0)  # on a busy computer
    for number in range(len(started.workers()), 2):
        started.start_worker(f"successor-{len(started.processes)}-{number}")
    with Cluster(started.address, timeout_s=30) as cluster:
        wait_for(cluster, 2)
    return started


def wait_for(cluster: Cluster, threads: int) -> None:
    while cluster.slots != threads:
        time.sleep(0.02)


def command(*arguments: object) -> Any:
    return CliRunner().invoke(cli, list(map(str, arguments)), standalone_mode=False)


def file_of(folder: Path, **changes: Any) -> Path:
    file = folder / "plan.yaml"
    file.write_text(to_yaml(document(**changes)), encoding="utf-8")
    return file


def test_a_sweep_on_a_cluster_with_a_killed_worker_is_that_of_one_machine(
    pair: Nodes, tmp_path: Path
) -> None:
    killed = []

    def kill_one(share: float) -> None:
        if share > 0.2 and not killed:
            killed.append(pair.workers()[0])
            killed[0].kill()

    options: Options = {"replications": 3, "store": tmp_path, "progress": kill_one}
    found = sweep(world(seed=2), DELAYS, cluster=pair.address, **options)
    assert killed
    assert found.to_json() == sweep(world(seed=2), DELAYS, replications=3, keep=False).to_json()
    assert len(list(tmp_path.rglob("*.result"))) == 12


def test_one_huge_fleet_split_over_workers_has_the_fingerprint_of_one_machine(
    pair: Nodes, tmp_path: Path
) -> None:
    """Three blocks of devices are three parts; a worker is killed after the first of them."""
    fleet = [{"name": "phones", "devices": 2 * BLOCK + 5, "sync": {"every": "30d"}, "presence": "never"}]
    big = world(fleet=fleet)
    assert len(split(Experiment.of(prepare(big))).parts) == 3
    killed = []

    def kill_one(share: float) -> None:
        if not killed:
            killed.append(pair.workers()[0])
            killed[0].kill()

    here = run(big, engine="fleet")
    there = run(big, engine="fleet", cluster=pair.address, store=tmp_path, progress=kill_one)
    assert killed
    assert there.fingerprint == here.fingerprint
    assert there.to_json() == here.to_json()
    assert there.tallies[0].equals(here.tallies[0])
    assert there.devices.equals(here.devices)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.result")}
    assert len(kept) == 3
    assert run(big, engine="fleet", cluster=pair.address, store=tmp_path).fingerprint == here.fingerprint
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.result")} == kept


DARK = "calendar.disturbances=[{name: dark, share: 10%, every: 50d, lasts: 1d}]"
"""With it the answer of `plan` is simulated."""
DESK = {"technicians": 1, "begins": "4h", "owner_responds": "1d", "takes": "1h"}


def test_replications_on_a_cluster_are_those_of_one_machine(pair: Nodes, tmp_path: Path) -> None:
    file = file_of(
        tmp_path, recovery=DESK, replications=5, guarantees=[{"measure": "lost_devices", "at_most": 0}]
    )
    here = command("run", file, "--json")
    there = command("run", file, "--json", "--cluster", pair.address, "--no-store", "--out", tmp_path / "out")
    assert there.stdout == here.stdout
    assert there.return_value == here.return_value == 1
    assert (tmp_path / "out" / "devices.parquet").exists()


@pytest.mark.parametrize(
    "study",
    [
        ["compare", "plan.yaml", "other.yaml", "--replications", "2"],
        ["curve", "plan.yaml", "--replications", "2"],
        ["curve", "other.yaml", "--reissue", "0"],
        ["plan", "plan.yaml", "--lost-at-most", "35", "--no-variants", "--set", DARK],
    ],
    ids=["compare", "curve", "curve of separate runs", "plan"],
)
def test_every_study_prints_on_a_cluster_what_it_prints_here(
    study: list[str], pair: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    late = {"at": "day 45", "reissue": {"activate": "immediately"}}
    other = document(strategy=[*document()["strategy"], late])
    (tmp_path / "other.yaml").write_text(to_yaml(other), encoding="utf-8")
    file_of(tmp_path)
    here = command(*study, "--json")
    there = command(*study, "--json", "--cluster", pair.address, "--store", "kept")
    assert here.return_value == 0, here.exception
    assert there.stdout == here.stdout
    kept = {path: path.stat().st_mtime_ns for path in Path("kept").rglob("*.result")}
    assert kept
    assert command(*study, "--json", "--store", "kept").stdout == here.stdout
    assert {path: path.stat().st_mtime_ns for path in Path("kept").rglob("*.result")} == kept


def test_one_run_with_a_help_desk_is_not_split() -> None:
    with pytest.raises(NotSplitError, match="all devices share its queue: leave --cluster out"):
        run(world(recovery=DESK), cluster="tcp://127.0.0.1:1")


def test_a_killed_driver_goes_on_where_it_was(pair: Nodes, tmp_path: Path) -> None:
    store = tmp_path / "kept"
    vary = [f"{key}={values}" for key, values in DELAYS.items()]
    arguments = ["sweep", file_of(tmp_path), "--vary", *vary, "--replications", 4, "--engine", "process"]
    arguments += ["--json", "--store", store, "--cluster", pair.address]
    program = [sys.executable, "-c", "from sim.cli import main; main()", *map(str, arguments)]
    driver = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while len(list(store.rglob("*.result"))) < 2 and driver.poll() is None:
        time.sleep(0.002)
    driver.kill()
    out, err = driver.communicate()
    assert out == b"", err
    kept = {path: path.stat().st_mtime_ns for path in store.rglob("*.result")}
    assert 2 <= len(kept) < 16
    again = command(*arguments)
    assert again.return_value == 0, again.stderr
    assert json.loads(again.stdout) == sweep(world(), DELAYS, replications=4, keep=False).to_json()
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert len(list(store.rglob("*.result"))) == 16


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--cluster", "tcp://127.0.0.1:1"], "no scheduler answers within"),
        (["--cluster", "nowhere"], "cannot be reached"),
        (["--cluster", "tcp://127.0.0.1:1", "--set", "recovery.technicians=2"], "leave --cluster out"),
        (["--workers", "2", "--cluster", "x:1"], "give one of them"),
    ],
)
def test_a_run_on_a_cluster_that_cannot_be_is_a_wrong_input(
    arguments: list[str], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["reissue", "run", str(file_of(tmp_path)), *arguments])
    monkeypatch.setattr("sim.executor.cluster.TIMEOUT_S", 0.5)
    told = StringIO()
    with redirect_stderr(told), pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2, told.getvalue()
    assert why in told.getvalue()


@pytest.mark.slow
def test_a_scheduler_that_goes_is_told_and_what_is_done_is_kept(tmp_path: Path) -> None:
    with nodes(tmp_path, workers=2) as those:

        def kill_scheduler(share: float) -> None:
            those.processes[0].kill()

        options: Options = {"replications": 20, "store": tmp_path / "kept", "progress": kill_scheduler}
        with pytest.raises(ClusterError, match="has gone"):
            sweep(world(), DELAYS, cluster=those.address, **options)
    assert 1 <= len(list((tmp_path / "kept").rglob("*.result"))) < 80
