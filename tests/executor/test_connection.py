"""Who owns a connection, and how it ends: nothing of one that failed is left; other workers are told."""

from __future__ import annotations

import gc
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import enumerate as living_threads
from typing import Any

import psutil
import pytest
import sweeps
from clusters import nodes

from sim.executor.cluster import Cluster, ClusterError

OTHER = 'def program() -> str:\n    return "reissue 99.0, semantics 42"\n'


def open_clients() -> list[Any]:
    """Every client of dask.distributed in this process that was not closed."""
    from distributed import Client

    return [each for each in gc.get_objects() if isinstance(each, Client) and each.status != "closed"]


@contextmanager
def nothing_is_left() -> Iterator[None]:
    """No client, no thread of a loop and no process more than before."""
    from distributed import Client  # noqa: F401 - the threads that it starts for good are there

    threads, children = set(living_threads()), psutil.Process().children()
    yield
    assert not open_clients()
    left = [each.name for each in set(living_threads()) - threads if not each.name.startswith("Dask-Offload")]
    assert left == []
    assert psutil.Process().children() == children


def test_workers_without_this_very_program_are_told(tmp_path: Path) -> None:
    other, none = tmp_path / "other", tmp_path / "none"
    for folder in (other, none):
        (folder / "sim" / "executor").mkdir(parents=True)
        (folder / "sim" / "__init__.py").touch()
    (other / "sim" / "executor" / "__init__.py").touch()
    (other / "sim" / "executor" / "task.py").write_text(OTHER, encoding="utf-8")
    with nodes(tmp_path, workers=0) as started:
        with pytest.raises(ClusterError, match="has no workers: start some with dask worker"):
            Cluster(started.address, timeout_s=5).__enter__()
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


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere://x", ""])
def test_nothing_is_left_of_a_connection_that_failed(address: str) -> None:
    """The collector is off, so what is closed was closed by its owner and not by chance."""
    gc.collect()
    gc.disable()
    try:
        with nothing_is_left():
            for _ in range(3):
                with pytest.raises(ClusterError):
                    Cluster(address, timeout_s=0.2).__enter__()
    finally:
        gc.enable()


def test_whoever_listens_and_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.executor.cluster._MORE_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as deaf, nothing_is_left():
        began_s = time.monotonic()
        with pytest.raises(ClusterError, match="no scheduler answers within"):
            Cluster(f"tcp://127.0.0.1:{deaf.getsockname()[1]}", timeout_s=0.5).__enter__()
        assert time.monotonic() - began_s < 60


def test_nothing_is_left_of_a_cluster_without_workers_or_one_that_is_left_early(tmp_path: Path) -> None:
    with nodes(tmp_path, workers=0) as started:
        with nothing_is_left(), pytest.raises(ClusterError, match="no workers"):
            Cluster(started.address, timeout_s=5).__enter__()
        started.start_worker()
        with nothing_is_left():
            with Cluster(started.address, timeout_s=60) as cluster:
                results = cluster.results(sweeps.tasks(replications=4))
                next(results)
                results.close()
            cluster.close()  # again


def test_a_scheduler_that_stands_still_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is stopped, not dead: its connection stays open, and only a limit ends the wait."""
    monkeypatch.setattr("sim.executor.cluster._MORE_S", 1.0)
    with nodes(tmp_path, workers=1) as started:
        scheduler = psutil.Process(started.processes[0].pid)
        with nothing_is_left(), Cluster(started.address, timeout_s=60) as cluster:
            cluster.timeout_s = 0.5
            results = cluster.results(sweeps.tasks(replications=20))
            next(results)
            scheduler.suspend()
            with pytest.raises(ClusterError, match="has gone"):
                list(results)
