"""A small world to sweep over: phones in drawers, of which some miss every reserve."""

from __future__ import annotations

from typing import Any

from sim.executor.task import Task
from sim.scenario import Scenario
from sim.scenario.prepare import prepare
from sim.studies.experiment import Experiment
from sim.studies.sweep import points_of
from sim.studies.tasks import Tallies, World

DELAYS = {"strategy.0.reissue.activate": "after 5d..20d step 5d"}


def document(**changes: Any) -> dict[str, Any]:
    return {
        "name": "drawers",
        "start": "2026-03-01",
        "duration": "60d",
        "server": {"certificate": {"expires": "day 50"}, "automatic_reissue": "off"},
        "fleet": [
            {
                "name": "drawers",
                "devices": 40,
                "sync": {"every": "1d"},
                "presence": {"on": {"exponential": "3d"}, "off": {"exponential": "20d"}},
            },
            {"name": "office", "devices": 4, "sync": {"every": "1d"}},
        ],
        "strategy": [{"at": "day 10", "reissue": {"activate": "after 30d"}}],
        **changes,
    }


def world(**changes: Any) -> Scenario:
    return Scenario.from_document(document(**changes))


def tasks(*, replications: int = 1) -> list[Task]:
    """Every replication at every delay, by the process engine."""
    experiments = [
        Experiment.of(prepare(world().changed(point)), engine="process") for point in points_of(DELAYS)
    ]
    quantity = Tallies()
    return [
        World.of(each).task(quantity, number, range(each.size), quantity.form(each))
        for each in experiments
        for number in range(replications)
    ]
