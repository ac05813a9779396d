"""When devices receive a reserve, without the rest of the run: equal to the whole run, to the second."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest

from sim.results.critical import CriticalDelays
from sim.scenario import Scenario
from sim.scenario.prepare import prepare
from sim.studies.delays import Delays, critical_delays_s
from sim.studies.experiment import Experiment
from sim.studies.tasks import values

D = 86_400
DAY = 20


def fleet() -> list[dict[str, Any]]:
    """Phones of every kind of life."""
    away = {"on": {"exponential": "16h"}, "off": {"lognormal": {"median": "8h", "sigma": 2}}}
    drawers = {"on": {"exponential": "1d"}, "off": {"exponential": "9d"}}
    return [
        {"name": "punctual", "devices": 20, "sync": {"every": "12h"}},
        {"name": "late", "devices": 20, "sync": {"every": "6h", "jitter": "2h", "success": "20%"}},
        {"name": "on and off", "devices": 30, "sync": {"every": "1d", "success": "60%"}, "presence": away},
        {"name": "drawers", "devices": 30, "sync": {"every": "7h"}, "presence": drawers, "platform": "ios"},
        {"name": "no catch-up", "devices": 20, "sync": {"catch_up": "no"}, "presence": drawers},
        {"name": "lost for ever", "devices": 2, "presence": "never"},
        {
            "name": "written",
            "devices": 3,
            "presence": {"away": [{"from": "day 15", "for": "9d"}, {"from": "day 30", "for": "1d"}]},
        },
    ]


def written(**changes: Any) -> Scenario:
    return Scenario.from_document(
        {
            "name": "receptions",
            "start": "2026-03-01",
            "duration": "40d",
            "seed": 3,
            "server": {"certificate": {"expires": "day 40"}, "automatic_reissue": "off"},
            "fleet": fleet(),
            "strategy": [{"at": f"day {DAY}", "reissue": {"activate": "at expiry"}}],
            **changes,
        }
    )


OUTAGES = {
    "certificate": {"expires": "day 40"},
    "automatic_reissue": "off",
    "outages": [
        {"from": "day 18", "for": "50h"},
        {"from": "day 3", "for": "1d"},
        {"from": "day 25", "for": "9d"},
    ],
}
REPLACED = [
    {"at": "day 2", "reissue": {"activate": "after 30d"}},
    {"at": f"day {DAY}", "reissue": {"activate": "at expiry", "address": {"change_to": "new.example.com:1"}}},
]


@pytest.mark.parametrize("engine", ["process", "fleet"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"server": OUTAGES},
        {"strategy": REPLACED},
        {"server": {"certificate": {"expires": "day 40"}}},  # with automatic reissue
        {"strategy": [{"at": "start", "reissue": {"activate": "at expiry"}}]},
    ],
)
def test_receptions_are_those_of_the_whole_run(
    engine: Literal["process", "fleet"], changes: dict[str, Any]
) -> None:
    experiment = Experiment.of(prepare(written(**changes)), engine=engine)
    specified_s = 0 if "strategy" in changes and len(changes["strategy"]) == 1 else DAY * D
    for replication in range(2 if engine == "fleet" else 1):
        (whole,) = experiment.outcomes(replication)
        expected_s = whole.devices.critical_delay_s
        found_s = critical_delays_s(experiment, replication, range(experiment.size), specified_s)
        assert found_s.tolist() == expected_s.tolist()
        assert (expected_s > D).sum() > 5  # something is late
        assert (expected_s < 0).sum() >= 2
        refused = CriticalDelays.of_delays([(whole.roster, expected_s)], refused_by=frozenset({"ios"}))
        quantity = Delays(specified_s, frozenset({"ios"}))
        (found,) = values([(experiment, [replication])], quantity, None)
        assert np.array_equal(found.delays_s, refused.delays_s)
        assert np.array_equal(found.devices, refused.devices)
        assert (found.never, found.refused) == (refused.never, 30)
