"""One measurement in a process of its own, as one line of JSON; `engines.py` calls it.

    python benchmarks/replay.py replay 1000000      # seconds and memory of one delayed reissue
    python benchmarks/replay.py first-use           # seconds until the first, small run has ended
    python benchmarks/replay.py first-use-with-desk

Seconds are those of processors; two threads are timed by the wall.
Memory is what the process's resident size grew by at its largest, as Linux keeps it in /proc/self. (The
largest size that `getrusage` tells begins, in a new process, at that of the process which started it.)
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from sim.scenario import Scenario
from sim.scenario.prepare import prepare
from sim.world.draws import Draws
from sim.world.fleet import Fleet


def delayed(devices: int, **more: Any) -> Scenario:
    """A reissue of 30 days' delay; phones that are always on and synchronize every 6 hours, for 90 days."""
    return Scenario.from_document(
        {
            "name": "one delayed reissue",
            "start": "2026-03-01",
            "duration": "90d",
            "server": {"certificate": {"expires": "day 91"}, "automatic_reissue": "off"},
            "fleet": [{"name": "phones", "devices": devices, "sync": {"every": "6h"}}],
            "strategy": [{"at": "day 10", "reissue": {"activate": "after 30d"}}],
            **more,
        }
    )


def resident_bytes(which: str) -> int:
    """`VmRSS`: now; `VmHWM`: at its largest since `forget_largest`."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.startswith(f"{which}:"))
    return int(line.split()[1]) * 1024


def forget_largest() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def replay(devices: int) -> dict[str, Any]:
    from sim.fleet.engine import simulate

    def start(scenario: Scenario) -> tuple[Any, Fleet]:
        return prepare(scenario).plan, Fleet.start(prepare(scenario).roster(), Draws.of(1, 0))

    simulate(*start(delayed(100)), threads=2)  # compiled, and all that is imported late is imported
    forget_largest()
    baseline = resident_bytes("VmRSS")
    began_s = process_time()
    plan, fleet = start(delayed(devices))
    started_s = process_time() - began_s
    start_peak = resident_bytes("VmHWM") - baseline
    forget_largest()
    outcome = simulate(plan, fleet, threads=1)
    engine_peak = resident_bytes("VmHWM") - baseline
    assert not outcome.devices.times_lost.any()
    assert (outcome.devices.reserve_received_at_s >= 10 * 86_400).all()
    columns = [column for _, column in outcome.devices.columns()]
    outcome_bytes = sum(array.nbytes for array in (*columns, outcome.is_lost))
    del outcome, columns
    took_s: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(max(3, min(30, 3_000_000 // devices))):
        for threads, rounds in took_s.items():
            clock = process_time if threads == 1 else perf_counter
            began_s = clock()
            simulate(plan, fleet, threads=threads)
            rounds.append(clock() - began_s)
    roster = fleet.roster
    arrays = [roster.profile, roster.group, roster.identity, roster.phase_s, roster.silent, roster.seen]
    arrays += [roster.holds_reserve, fleet.phase_s, fleet.starts_on, fleet.first_spell_s]
    return {
        "devices": devices,
        "start_s": started_s,
        "one_thread_s": min(took_s[1]),
        "two_threads_s": min(took_s[2]),
        "start_peak_bytes": start_peak / devices,
        "engine_peak_bytes": engine_peak / devices,
        "input_bytes": sum(array.nbytes for array in arrays) / devices,
        "outcome_bytes": outcome_bytes / devices,
    }


def first_use(**more: Any) -> dict[str, Any]:
    from sim import run

    run(delayed(10, **more), engine="fleet")
    return {"seconds": process_time()}


if __name__ == "__main__":
    what, *size = sys.argv[1:]
    if what == "replay":
        answer = replay(int(size[0]))
    else:
        lost = {"strategy": [{"at": "day 10", "reissue": {"activate": "immediately"}}]}
        answer = first_use(
            **({"recovery": {"technicians": 1}, **lost} if what == "first-use-with-desk" else {})
        )
    print(json.dumps(answer))
