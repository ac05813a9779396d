"""A real scheduler and workers on loopback: equal to one machine, whoever is killed; and clear errors."""

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
from sim.scenario.writing import to_yaml
from sim.studies.crews.archive import Archive
from sim.studies.crews.cluster import Cluster, ClusterError
from sim.studies.crews.crew import Alone
from sim.studies.crews.scattered import NotSplitError, split
from sim.studies.experiment import Experiment
from sim.studies.run import run
from sim.studies.sweeps.sweep import prepare
from sim.world.outcome import BLOCK

OTHER = 'def program() -> str:\n    return "reissue 99.0, semantics 42"\n'


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with nodes(tmp_path_factory.mktemp("nodes"), workers=2) as those:
        yield those


@pytest.fixture
def pair(started: Nodes, monkeypatch: pytest.MonkeyPatch) -> Nodes:
    """A scheduler and two workers; one that was killed by the test before has a successor."""
    monkeypatch.setattr("sim.studies.crews.cluster.TIMEOUT_S", 60.0)  # on a busy computer
    for number in range(len(started.workers()), 2):
        started.start_worker(f"successor-{len(started.processes)}-{number}")
    with Cluster(started.address, timeout_s=30) as cluster:
        wait_for(cluster, 2)
    return started


def wait_for(cluster: Cluster, threads: int) -> None:
    while cluster.threads != threads:
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

    archive = Archive(tmp_path / "kept")
    prepared = prepare(world(seed=2), DELAYS, replications=3)
    with Cluster(pair.address, timeout_s=30) as cluster:
        found = prepared.run(cluster, archive=archive, progress=kill_one)
        wait_for(cluster, 1)
    assert killed
    assert found.to_json() == prepared.run(Alone()).to_json()
    assert len(list((tmp_path / "kept").rglob("*.json"))) == 12


def test_one_huge_fleet_split_over_workers_has_the_fingerprint_of_one_machine(
    pair: Nodes, tmp_path: Path
) -> None:
    """Three blocks of devices are three parts; a worker is killed after the first of them."""
    fleet = [{"name": "phones", "devices": 2 * BLOCK + 5, "sync": {"every": "30d"}, "presence": "never"}]
    big = world(fleet=fleet)
    assert len(split(Experiment.of(big)).parts) == 3
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
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")}
    assert len(kept) == 3
    assert run(big, engine="fleet", cluster=pair.address, store=tmp_path).fingerprint == here.fingerprint
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.json")} == kept


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


def test_replications_until_it_is_decided_stop_on_a_cluster_where_they_do_here(
    pair: Nodes, tmp_path: Path
) -> None:
    file = file_of(tmp_path, guarantees=[{"measure": "lost_devices", "at_most": 20, "probability": "50%"}])
    option = ["--until-decided", "60"]
    here = command("run", file, "--json", *option)
    there = command("run", file, "--json", *option, "--cluster", pair.address, "--store", tmp_path / "kept")
    assert there.stdout == here.stdout
    assert json.loads(here.stdout)["replications"] > 5


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
    while len(list(store.rglob("*.json"))) < 2 and driver.poll() is None:
        time.sleep(0.002)
    driver.kill()
    out, err = driver.communicate()
    assert out == b"", err
    kept = {path: path.stat().st_mtime_ns for path in store.rglob("*.json")}
    assert 2 <= len(kept) < 16
    again = command(*arguments)
    assert again.return_value == 0, again.stderr
    assert json.loads(again.stdout) == prepare(world(), DELAYS, replications=4).run(Alone()).to_json()
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert len(list(store.rglob("*.json"))) == 16


def test_workers_without_this_very_program_are_told(tmp_path: Path) -> None:
    other, none = tmp_path / "other", tmp_path / "none"
    for folder in (other, none):
        (folder / "sim" / "studies" / "crews").mkdir(parents=True)
        (folder / "sim" / "__init__.py").touch()
    (other / "sim" / "studies" / "__init__.py").touch()
    (other / "sim" / "studies" / "crews" / "__init__.py").touch()
    (other / "sim" / "studies" / "crews" / "unit.py").write_text(OTHER, encoding="utf-8")
    with nodes(tmp_path, workers=0) as started:
        with pytest.raises(ClusterError, match="has no workers: start some with dask worker"):
            Cluster(started.address, timeout_s=1).__enter__()
        first = started.start_worker(PYTHONPATH=str(other))
        with pytest.raises(ClusterError, match=r"runs reissue 99\.0, semantics 42, and this is reissue"):
            Cluster(started.address, timeout_s=60).__enter__()
        first.kill()
        first.wait()
        started.start_worker("second", PYTHONPATH=str(none))
        time.sleep(0.5)
        with pytest.raises(ClusterError, match=r"cannot import this program .* install reissue"):
            Cluster(started.address, timeout_s=60).__enter__()


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("127.0.0.1:1", "no scheduler answers within"),
        ("nowhere://x", "unknown address scheme"),
        ("", "missing port"),
    ],
)
def test_a_cluster_that_cannot_be_reached_is_told(address: str, why: str) -> None:
    with pytest.raises(ClusterError, match=why):
        Cluster(address, timeout_s=0.5).__enter__()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--cluster", "tcp://127.0.0.1:1"], "no scheduler answers within"),
        (["--cluster", "nowhere"], "cannot be reached"),
        (["--cluster", "tcp://127.0.0.1:1", "--set", "recovery.technicians=2"], "leave --cluster out"),
        (["--no-store"], "--store and --no-store go with --cluster"),
    ],
)
def test_a_run_on_a_cluster_that_cannot_be_is_a_wrong_input(
    arguments: list[str], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["reissue", "run", str(file_of(tmp_path)), *arguments])
    monkeypatch.setattr("sim.studies.crews.cluster.TIMEOUT_S", 0.5)
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

        archive = Archive(tmp_path / "kept")
        prepared = prepare(world(), DELAYS, replications=20)
        with Cluster(those.address, timeout_s=20) as cluster, pytest.raises(ClusterError, match="has gone"):
            prepared.run(cluster, archive=archive, progress=kill_scheduler)
    assert 1 <= prepared.stored(archive) < 80
