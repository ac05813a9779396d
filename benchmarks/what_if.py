"""How long the what-if panel takes to answer for 100,000 phones: the delay slider, and a new run.

    python benchmarks/what_if.py [DEVICES]

The array engine is compiled before. `slider_s` is the mean over all delays, `rerun_s` the shortest of three
changes of the seed by the wall, and `cpu_s` the processor time of the cheapest of them on all threads; on a
computer that is busy otherwise, the wall says little.
"""

from __future__ import annotations

import json
import os
import sys
from time import perf_counter, process_time
from typing import Any, Final

import sim

PRESENCES: Final[dict[str, Any]] = {
    "always on": "always",
    "away for days": {"on": {"exponential": "60d"}, "off": {"weibull": {"scale": "5d", "shape": 0.4}}},
    "off every night": {"on": {"exponential": "16h"}, "off": {"lognormal": {"median": "8h", "sigma": 1.5}}},
}
"""From the cheapest to the dearest: a spell costs more than a synchronization."""


def plan(presence: object, devices: int) -> sim.Scenario:
    """45 days before an expiry on day 61; every 6 hours, of which 98 % succeed."""
    return sim.Scenario.from_document(
        {
            "name": "phones",
            "start": "2026-03-01",
            "duration": "61d",
            "server": {"certificate": {"expires": "day 61"}, "automatic_reissue": "off"},
            "fleet": [
                {
                    "name": "phones",
                    "devices": devices,
                    "sync": {"every": "6h", "success": "98%"},
                    "presence": presence,
                }
            ],
            "strategy": [{"at": "expiry - 45d", "reissue": {"activate": "after 30d"}}],
        }
    )


def measured(name: str, devices: int) -> dict[str, Any]:
    """The answers of one panel."""
    panel = sim.what_if(plan(PRESENCES[name], devices))
    walls, cpus = [], []
    for seed in (11, 12, 13):
        began_s, used_s = perf_counter(), process_time()
        panel.draw.value = seed
        walls.append(perf_counter() - began_s)
        cpus.append(process_time() - used_s)
    began_s = perf_counter()
    for days in range(1, panel.delay.max + 1):
        panel.delay.value = days
    slider_s = (perf_counter() - began_s) / panel.delay.max
    return {
        "phones": devices,
        "presence": name,
        "slider_s": round(slider_s, 4),
        "rerun_s": round(min(walls), 2),
        "cpu_s": round(min(cpus), 2),
        "load": [round(each, 1) for each in os.getloadavg()],
    }


if __name__ == "__main__":
    sim.run(plan("always", 10), engine="fleet")  # compiled
    for kind in PRESENCES:
        print(json.dumps(measured(kind, int(sys.argv[1]) if sys.argv[1:] else 100_000)))
