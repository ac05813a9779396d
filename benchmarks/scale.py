"""Time and memory of scenarios that are long: twice as much of one thing should take twice as much, at most.

    python benchmarks/scale.py              # each row about a minute
    python benchmarks/scale.py actions      # one of them

Each size runs in a process of its own, whose peak memory is told.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Document = dict[str, Any]


def plain(**changes: Any) -> Document:
    """Five devices over sixty days."""
    return {
        "name": "scale",
        "start": "2026-03-01",
        "duration": "60d",
        "server": {"certificate": {"expires": "day 40"}, "automatic_reissue": "off"},
        "fleet": [{"name": "g", "devices": 5}],
        **changes,
    }


def actions(n: int) -> Document:
    """A reissue every few seconds; each replaces the reserve before."""
    return plain(
        strategy=[{"at": f"start + {10 * i}s", "reissue": {"activate": "after 30d"}} for i in range(n)]
    )


def certificates(n: int) -> Document:
    """A certificate of one second, reissued by itself, over and over."""
    return plain(duration=f"{n}s", server={"certificate": {"valid_for": "1s"}})


def outages(n: int) -> Document:
    """An outage every few minutes."""
    server = {"certificate": {"expires": "day 40"}, "automatic_reissue": "off"}
    return plain(
        server={**server, "outages": [{"from": f"start + {300 * i}s", "for": "1m"} for i in range(n)]}
    )


def groups(n: int) -> Document:
    """Groups of one device each."""
    return plain(fleet=[{"name": f"g{i}", "devices": 1} for i in range(n)])


def devices(n: int) -> Document:
    """One group; only checked."""
    return plain(fleet=[{"name": "g", "devices": n}])


def replications(n: int) -> Document:
    """The same, over and over."""
    return plain(replications=n)


SIZES: dict[Callable[[int], Document], tuple[str, tuple[int, ...]]] = {
    actions: ("run", (2_500, 5_000, 10_000)),
    certificates: ("run", (2_500, 5_000, 10_000)),
    outages: ("run", (2_500, 5_000, 10_000)),
    groups: ("run", (250, 500, 1_000)),
    devices: ("check", (25_000_000, 50_000_000, 100_000_000)),
    replications: ("run", (25_000, 50_000, 100_000)),
}


def measured(command: str, engine: str, path: str) -> None:
    """Print seconds and megabytes of one scenario, in this process."""
    import sim
    from sim.scenario.findings import findings_of

    began = time.perf_counter()
    scenario = sim.load(path)
    if command == "check":
        findings_of(scenario)
    else:
        sim.run(scenario, engine=engine).summary()  # type: ignore[arg-type]
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps([round(time.perf_counter() - began, 2), peak_kb // 1000]))


def main(wanted: list[str]) -> None:
    print(f"{'what':<14}{'size':>14}{'engine':>10}{'seconds':>10}{'MB':>8}")
    for make, (command, sizes) in SIZES.items():
        if wanted and make.__name__ not in wanted:
            continue
        for engine in ("fleet",) if command == "check" or make is replications else ("process", "fleet"):
            for size in sizes:
                with tempfile.TemporaryDirectory() as folder:
                    path = Path(folder) / "s.json"
                    path.write_text(json.dumps(make(size)), encoding="utf-8")
                    program = [sys.executable, __file__, "--measure", command, engine, str(path)]
                    ran = subprocess.run(program, capture_output=True, text=True, check=False)
                told = ran.stdout.split()[-2:] if ran.returncode == 0 else [ran.stderr.strip()[-200:]]
                seconds, megabytes = json.loads("".join(told)) if ran.returncode == 0 else (told[0], "")
                shown = "check" if command == "check" else engine
                print(f"{make.__name__:<14}{size:>14,}{shown:>10}{seconds:>10}{megabytes:>8}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measured(*sys.argv[2:])
    else:
        main(sys.argv[1:])
