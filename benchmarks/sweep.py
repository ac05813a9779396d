"""Two workers against one, and one curve against the sweep it replaces; each pair measured in turns.

    python benchmarks/sweep.py workers            # local processes: 1 against 2
    python benchmarks/sweep.py cluster            # workers of dask.distributed on loopback: 1 against 2
    python benchmarks/sweep.py curve [DEVICES]    # one curve against runs at some of its delays

Wall-clock ratios mean something on a quiet machine only; so each line also tells the load average, and
`cores`: how much faster two processes with a plain loop were than one after the other. No workers can beat
that. `cpu` is twice the processor time with one worker over that with two: the ratio on two free cores.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter, sleep
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "studies"))

import psutil
from clusters import nodes
from replay import delayed

from sim import curve, run
from sim.studies.cluster import Cluster
from sim.studies.crew import Crew, Local
from sim.studies.sweep import prepare
from sim.studies.unit import Unit

Took = tuple[float, float]

ROUNDS: Final = 3
UNITS: Final = 24
LOOP: Final = "x = 0\nfor i in range(12_000_000): x += i"


def units_of(seed: int) -> tuple[Unit, ...]:
    """Runs of the process engine, about half a second each, that differ by their seed."""
    vary = {"strategy.0.reissue.activate": "after 1d..24d step 1d"}
    return prepare(delayed(400).changed({"seed": seed}), vary, engine="process").units[:UNITS]


def took_s(crew: Crew, units: tuple[Unit, ...], cpu_s: Callable[[], float]) -> Took:
    """Wall clock and processor time."""
    began_s, used_s = perf_counter(), cpu_s()
    assert len(list(crew.results(units))) == len(units)
    return perf_counter() - began_s, cpu_s() - used_s


def of_children_s() -> float:
    """Processor time of all processes that this one has started and seen end."""
    used = os.times()
    return used.children_user + used.children_system


def of_processes_s(pids: list[int]) -> float:
    """Processor time of processes that still run."""
    return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids)


def loops_s(processes: int) -> float:
    began_s = perf_counter()
    started = [subprocess.Popen([sys.executable, "-c", LOOP]) for _ in range(processes)]
    for process in started:
        process.wait()
    return perf_counter() - began_s


def compared(one: list[Took], two: list[Took], cores: list[float]) -> dict[str, Any]:
    """Ratios of the best round of each, which other programs disturbed least."""
    return {
        "one_s": [round(wall_s, 2) for wall_s, _ in one],
        "two_s": [round(wall_s, 2) for wall_s, _ in two],
        "ratio": round(min(one)[0] / min(two)[0], 2),
        "cpu": round(2 * min(used_s for _, used_s in one) / min(used_s for _, used_s in two), 2),
        "cores": round(max(cores), 2),
        "load": [round(each, 1) for each in os.getloadavg()],
    }


def workers() -> dict[str, Any]:
    one, two, cores = list[Took](), list[Took](), list[float]()
    for seed in range(ROUNDS):
        one.append(took_s(Local(1), units_of(seed), of_children_s))
        two.append(took_s(Local(2), units_of(seed), of_children_s))
        cores.append(2 * loops_s(1) / loops_s(2))
    return compared(one, two, cores)


def cluster() -> dict[str, Any]:
    one, two, cores = list[Took](), list[Took](), list[float]()
    for seed in range(ROUNDS):
        for workers, rounds in ((1, one), (2, two)):
            with (
                tempfile.TemporaryDirectory() as folder,
                nodes(Path(folder), workers=workers) as started,
                Cluster(started.address, timeout_s=30) as crew,
            ):
                while crew.threads < workers:
                    sleep(0.1)
                list(
                    crew.results(units_of(seed + 100)[: 2 * workers])
                )  # whatever is imported late is imported
                pids = [each.pid for each in started.processes[1:]]
                rounds.append(took_s(crew, units_of(seed), partial(of_processes_s, pids)))
        cores.append(2 * loops_s(1) / loops_s(2))
    return compared(one, two, cores)


def against_sweep(devices: int, *, delays: int = 6) -> dict[str, Any]:
    """One curve against runs at some of its delays; a sweep takes as long for each of the others."""
    scenario = delayed(devices)
    run(delayed(10), engine="fleet")  # compiled
    began_s = perf_counter()
    found = curve(scenario, engine="fleet")
    curve_s = perf_counter() - began_s
    points = len(found.table)
    began_s = perf_counter()
    for number in range(delays):
        days = 1 + number * (points - 1) // delays
        run(scenario.changed({"strategy.0.reissue.activate": f"after {days}d"}), engine="fleet")
    each_s = (perf_counter() - began_s) / delays
    return {
        "devices": devices,
        "points": points,
        "curve_s": round(curve_s, 2),
        "run_s": round(each_s, 2),
        "sweep_s": round(points * each_s, 1),
        "ratio": round(points * each_s / curve_s, 1),
        "load": [round(each, 1) for each in os.getloadavg()],
    }


if __name__ == "__main__":
    what, *size = sys.argv[1:] or ["workers"]
    if what == "curve":
        answer = against_sweep(int(size[0]) if size else 1_000_000)
    else:
        answer = workers() if what == "workers" else cluster()
    print(json.dumps({"measured": what, **answer}))
