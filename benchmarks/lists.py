"""How long it takes to read a list of devices and to forecast from it, and how much memory.

    python benchmarks/lists.py [DEVICES ...]

One process for each size (default: 100,000 and 1,000,000), so that memory is that of one list. Times are by
the wall and as processor time, with what Python needs to load the libraries.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

NOW_S = 1_772_182_477


def write(path: Path, devices: int) -> None:
    """A list as a console exports it: heavy-tailed ages, five columns, every date another one."""
    ages_s = np.clip(np.random.default_rng(1).pareto(1.2, devices) * 86_400, 0, 3e7).astype(np.int64)
    texts = np.datetime_as_string((NOW_S - ages_s).astype("M8[s]")).tolist()
    rows = (
        f"Device {i};{text.replace('T', ' ')};Android {i % 5 + 10};Sales {i % 7};SM-A546B\n"
        for i, text in enumerate(texts)
    )
    path.write_text("Device name;Last check-in;OS;Group;Model\n" + "".join(rows))


def measure(path: Path) -> dict[str, float]:
    """Read one list and forecast from it."""
    import resource

    began_s, used_s = perf_counter(), process_time()
    import sim

    forecast = sim.forecast(path, delay="28d")
    return {
        "devices": len(forecast.devices.ids),
        "mb": round(path.stat().st_size / 1e6, 1),
        "wall_s": round(perf_counter() - began_s, 2),
        "cpu_s": round(process_time() - used_s, 2),
        "memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "load": round(os.getloadavg()[0], 1),
    }


def main() -> None:
    """Measure each size in a process of its own."""
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(Path(sys.argv[2]))))
        return
    with tempfile.TemporaryDirectory() as folder:
        for devices in map(int, sys.argv[1:] or ("100000", "1000000")):
            path = Path(folder) / f"{devices}.csv"
            write(path, devices)
            command = [sys.executable, __file__, "--one", str(path)]
            print(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())


if __name__ == "__main__":
    main()
