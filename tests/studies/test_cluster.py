"""A real scheduler and workers on loopback: equal to one machine, whoever is killed; and clear errors."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from clusters import Nodes, nodes
from sweeps import DELAYS, document, world

from sim.scenario.writing import to_yaml
from sim.studies.archive import Archive
from sim.studies.cluster import Cluster, ClusterError
from sim.studies.crew import Alone
from sim.studies.experiment import Experiment
from sim.studies.scattered import split, tallies
from sim.studies.sweep import prepare, sweep
from sim.world.outcome import BLOCK

OTHER = 'def program() -> str:\n    return "reissue 99.0, semantics 42"\n'


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Nodes]:
    with nodes(tmp_path, workers=2) as started:
        yield started


def wait_for(cluster: Cluster, threads: int) -> None:
    while cluster.threads != threads:
        time.sleep(0.02)


def test_a_cluster_gives_what_one_machine_gives_and_a_killed_worker_changes_nothing(
    pair: Nodes, tmp_path: Path
) -> None:
    prepared = prepare(world(), DELAYS)
    alone = prepared.run(Alone()).to_json()
    fleet = [{"name": "phones", "devices": BLOCK + 5, "sync": {"every": "30d"}, "presence": "never"}]
    parts = split(Experiment.of(world(fleet=fleet), engine="fleet"))
    assert len(parts.parts) == 2
    with Cluster(pair.address, timeout_s=30) as cluster:
        wait_for(cluster, 2)
        assert prepared.run(cluster).to_json() == alone
        (scattered,) = tallies(parts, [0], cluster)
        whole = Experiment.of(world(fleet=fleet), engine="fleet").tally(0)
        assert scattered.fingerprint == whole.fingerprint
        assert scattered.equals(whole)

    killed = []

    def kill_one(share: float) -> None:
        if share > 0.2 and not killed:
            killed.append(pair.processes[1])
            pair.processes[1].kill()

    archive = Archive(tmp_path / "kept")
    with Cluster(pair.address, timeout_s=30) as cluster:
        wait_for(cluster, 2)
        again = prepare(world(seed=2), DELAYS, replications=3)
        found = again.run(cluster, archive=archive, progress=kill_one)
        wait_for(cluster, 1)
    assert killed
    assert found.to_json() == again.run(Alone()).to_json()
    assert len(list((tmp_path / "kept").rglob("*.json"))) == 12


def test_a_killed_driver_goes_on_where_it_was(pair: Nodes, tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(to_yaml(document()), encoding="utf-8")
    store = tmp_path / "kept"
    vary = [f"{key}={values}" for key, values in DELAYS.items()]
    heavier = ["--replications", "4", "--set", "fleet.0.sync.every=6h", "--engine", "process"]
    options = [*heavier, "--json", "--store", str(store)]
    program = [sys.executable, "-c", "from sim.cli import main; main()", "sweep", str(tmp_path / "plan.yaml")]
    command = [*program, "--vary", *vary, *options, "--cluster", pair.address]
    with Cluster(pair.address, timeout_s=30) as cluster:
        wait_for(cluster, 2)
    driver = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while len(list(store.rglob("*.json"))) < 2 and driver.poll() is None:
        time.sleep(0.002)
    driver.kill()
    out, err = driver.communicate()
    assert out == b"", err
    kept = {path: path.stat().st_mtime_ns for path in store.rglob("*.json")}
    assert 2 <= len(kept) < 16
    again = subprocess.run(command, capture_output=True, check=False)
    assert again.returncode == 0, again.stderr
    assert (
        json.loads(again.stdout)
        == sweep(world().changed({"fleet.0.sync.every": "6h"}), DELAYS, replications=4, keep=False).to_json()
    )
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert len(list(store.rglob("*.json"))) == 16


def test_workers_without_this_very_program_are_told(tmp_path: Path) -> None:
    other, none = tmp_path / "other", tmp_path / "none"
    for folder in (other, none):
        (folder / "sim" / "studies").mkdir(parents=True)
        (folder / "sim" / "__init__.py").touch()
    (other / "sim" / "studies" / "__init__.py").touch()
    (other / "sim" / "studies" / "unit.py").write_text(OTHER, encoding="utf-8")
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


@pytest.mark.slow
def test_a_scheduler_that_goes_is_told_and_what_is_done_is_kept(pair: Nodes, tmp_path: Path) -> None:
    def kill_scheduler(share: float) -> None:
        pair.processes[0].kill()

    archive = Archive(tmp_path / "kept")
    prepared = prepare(world(), DELAYS, replications=20)
    with Cluster(pair.address, timeout_s=20) as cluster, pytest.raises(ClusterError, match="has gone"):
        prepared.run(cluster, archive=archive, progress=kill_scheduler)
    assert 1 <= prepared.stored(archive) < 80
