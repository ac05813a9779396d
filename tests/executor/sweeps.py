"""A small world to sweep over: phones in drawers, of which some miss every reserve."""

from __future__ import annotations

from typing import Any

from sim.scenario import Scenario

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
