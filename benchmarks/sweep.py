"""Two workers against one; one curve against the sweep it replaces; a plan. Each pair is measured in turns.

    python benchmarks/sweep.py workers            # local processes: 1 against 2
    python benchmarks/sweep.py cluster            # workers of dask.distributed on loopback: 1 against 2
    python benchmarks/sweep.py curve [DEVICES]    # one curve against runs at some of its delays
    python benchmarks/sweep.py plan [DEVICES]     # receptions of a reserve against whole runs

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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter, sleep
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "executor"))

import psutil
from clusters import nodes
from replay import delayed

from sim import curve, run
from sim.executor import Executor
from sim.executor.cluster import Cluster
from sim.executor.local import Processes
from sim.executor.task import Task
from sim.results.critical import CriticalDelays
from sim.scenario import Scenario
from sim.scenario.prepare import prepare
from sim.studies.delays import Delays
from sim.studies.experiment import Experiment
from sim.studies.sweep import points_of
from sim.studies.tasks import Tallies, World, values

Took = tuple[float, float]

ROUNDS: Final = 3
TASKS: Final = 24
LOOP: Final = "x = 0\nfor i in range(12_000_000): x += i"


def tasks_of(seed: int) -> tuple[Task, ...]:
    """Runs of the process engine, about half a second each, that differ by their seed."""
    points = points_of({"strategy.0.reissue.activate": f"after 1d..{TASKS}d step 1d"})
    runs = (
        Experiment.of(prepare(delayed(400).changed({"seed": seed, **point})), engine="process")
        for point in points
    )
    return tuple(World.of(run).task(Tallies(), 0, run.parts[0], Tallies().form(run)) for run in runs)


def took_s(executor: Executor, tasks: tuple[Task, ...], cpu_s: Callable[[], float]) -> Took:
    """Wall clock and processor time."""
    began_s, used_s = perf_counter(), cpu_s()
    assert len(list(executor.results(tasks))) == len(tasks)
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
        one.append(took_s(Processes(1), tasks_of(seed), of_children_s))
        two.append(took_s(Processes(2), tasks_of(seed), of_children_s))
        cores.append(2 * loops_s(1) / loops_s(2))
    return compared(one, two, cores)


def cluster() -> dict[str, Any]:
    one, two, cores = list[Took](), list[Took](), list[float]()
    for seed in range(ROUNDS):
        for workers, rounds in ((1, one), (2, two)):
            with (
                tempfile.TemporaryDirectory() as folder,
                nodes(Path(folder), workers=workers) as started,
                Cluster(started.address, timeout_s=30) as executor,
            ):
                while executor.slots < workers:
                    sleep(0.1)
                list(
                    executor.results(tasks_of(seed + 100)[: 2 * workers])
                )  # whatever is imported late is imported
                pids = [each.pid for each in started.processes[1:]]
                rounds.append(took_s(executor, tasks_of(seed), partial(of_processes_s, pids)))
        cores.append(2 * loops_s(1) / loops_s(2))
    return compared(one, two, cores)


@dataclass(frozen=True)
class Case:
    """A curve, and the sweep that it replaces.

    `exact_every_s` stands for `--exact`: a sweep of that step is what one would have to run instead.
    """

    name: str
    scenario: Callable[[int], Scenario]
    delays: int
    exact_every_s: int | None = None


def long_planned(devices: int) -> Scenario:
    """A reissue 180 days ahead of the expiry of a certificate of 397 days; a run of 397 days."""
    return delayed(
        devices,
        duration="397d",
        server={"certificate": {"valid_for": "397d"}, "automatic_reissue": "off"},
        strategy=[{"at": "expiry - 181d", "reissue": {"activate": "after 180d"}}],
    )


CASES: Final = (
    Case("30 days ahead, every day", delayed, 30),
    Case("30 days ahead, every hour (--exact)", delayed, 720, exact_every_s=3600),
    Case("180 days ahead, every day", long_planned, 180),
)


def curve_s(case: Case, scenario: Scenario) -> float:
    began_s = perf_counter()
    found = curve(scenario, engine="fleet", exact=case.exact_every_s is not None)
    assert len(found.table) >= case.delays
    return perf_counter() - began_s


def run_s(scenario: Scenario, delay_s: int) -> float:
    began_s = perf_counter()
    run(scenario.changed({"strategy.0.reissue.activate": f"after {delay_s}s"}), engine="fleet")
    return perf_counter() - began_s


def against_sweep(devices: int) -> Iterator[dict[str, Any]]:
    """One curve and, in turn, runs at delays of its sweep, all of which take about as long; best of each."""
    for case in CASES:
        scenario = case.scenario(devices)
        curve_s(case, case.scenario(10_000))  # compiled
        step_s = case.exact_every_s or 86_400
        curves, runs = list[float](), list[float]()
        for number in range(ROUNDS):
            curves.append(curve_s(case, scenario))
            runs.append(run_s(scenario, step_s * (1 + number * (case.delays - 1) // (ROUNDS - 1))))
        yield {
            "case": case.name,
            "devices": devices,
            "delays": case.delays,
            "curve_s": round(min(curves), 2),
            "run_s": round(min(runs), 2),
            "sweep_s": round(case.delays * min(runs), 1),
            "ratio": round(case.delays * min(runs) / min(curves)),
            "load": [round(each, 1) for each in os.getloadavg()],
        }


def plans(devices: int) -> Iterator[dict[str, Any]]:
    """When a reserve is received that is specified on day 60: from whole runs, and from what that takes."""
    away = {"on": {"exponential": "16h"}, "off": {"lognormal": {"median": "8h", "sigma": 1.5}}}
    for name, group in (
        ("always on, every hour, 98 % succeed", {"sync": {"every": "1h", "success": "98%"}}),
        (
            "on and off, every hour, 98 % succeed",
            {"sync": {"every": "1h", "success": "98%"}, "presence": away},
        ),
    ):
        fleet = [{"name": "phones", "devices": devices, **group}]
        strategy = [{"at": "day 60", "reissue": {"activate": "at expiry"}}]
        prepared = prepare(delayed(devices, fleet=fleet, strategy=strategy))
        experiment = Experiment.of(prepared, engine="fleet")
        wholes, enough = list[float](), list[float]()
        for replication in range(ROUNDS + 1):  # the first compiles
            began_s = perf_counter()
            whole = CriticalDelays.of(experiment.outcomes(replication))
            middle_s = perf_counter()
            (found,) = values([(experiment, [replication])], Delays(60 * 86_400), None)
            assert found.least_delay_s(0) == whole.least_delay_s(0)
            wholes.append(middle_s - began_s)
            enough.append(perf_counter() - middle_s)
        yield {
            "case": name,
            "devices": devices,
            "whole_s": round(min(wholes[1:]), 3),
            "enough_s": round(min(enough[1:]), 3),
            "ratio": round(min(wholes[1:]) / min(enough[1:]), 1),
            "load": [round(each, 1) for each in os.getloadavg()],
        }


if __name__ == "__main__":
    what, *size = sys.argv[1:] or ["workers"]
    match what:
        case "curve":
            answers = against_sweep(int(size[0]) if size else 1_000_000)
        case "plan":
            answers = plans(int(size[0]) if size else 10_000)
        case _:
            answers = iter([workers() if what == "workers" else cluster()])
    for answer in answers:
        print(json.dumps({"measured": what, **answer}), flush=True)
