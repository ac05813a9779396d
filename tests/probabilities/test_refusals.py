"""What a grid would blur is refused, a second beside it is not: devices with spells (model 13)."""

from __future__ import annotations

from typing import Any

import pytest

import sim
from sim.probabilities.losses import NotExactError

SPELLS = {"on": {"exponential": "1d"}, "off": {"exponential": "1d"}}
OFFICE = {"days": "mon-fri", "from": "07:00", "to": "18:00"}


def scenario(
    sync: dict[str, Any], *, at: str = "day 9", after: str = "2d", presence: Any = SPELLS, **rest: Any
) -> sim.Scenario:
    """1 June 2026 is a Monday; the run ends on day 40."""
    group = {"name": "g", "devices": 40, "sync": sync, "presence": presence, **rest.pop("group", {})}
    return sim.Scenario.from_document(
        {
            "name": "x",
            "start": "2026-06-01",
            "duration": "40d",
            "server": {"automatic_reissue": "off", **rest.pop("server", {})},
            "fleet": [group],
            "strategy": [{"at": at, "reissue": {"activate": f"after {after}"}}],
            **rest,
        }
    )


def outage(begins: str) -> dict[str, Any]:
    return {"server": {"outages": [{"from": begins, "for": "1d"}]}}


@pytest.mark.parametrize(
    ("refused", "solved"),
    [
        (scenario({"every": "6h"}, **outage("day 9")), scenario({"every": "6h"}, **outage("day 9 00:00:01"))),
        (
            scenario({"every": "1d", "phase": "3h", "catch_up": False}, at="day 9 03:00", after="20h"),
            scenario({"every": "1d", "phase": "15h", "catch_up": False}, at="day 9 03:00", after="20h"),
        ),
        (
            scenario({"every": "1d"}, at="day 8 07:00", group={"hours": OFFICE}),
            scenario({"every": "1d"}, at="day 8 12:00", group={"hours": OFFICE}),
        ),
        (
            scenario({"every": "1d", "jitter": "86399s"}),
            scenario({"every": "1d", "jitter": "20h"}),
        ),
        (
            scenario({"every": "1d", "jitter": "1h"}, at="day 0 03:00", after="20h"),
            scenario({"every": "1d", "jitter": "1h"}, at="day 1", after="20h"),
        ),
        (
            scenario({"every": "6h", "catch_up": False}, presence={"on": "21400s", "off": "2h"}),
            scenario({"every": "6h"}, after="5h", presence={"on": "21400s", "off": "2h"}),
        ),
        (
            scenario(
                {"every": "6h", "catch_up": False}, presence={"on": "90s", "off": {"exponential": "1h"}}
            ),
            scenario({"every": "6h"}, after="5h", presence={"on": "90s", "off": {"exponential": "1h"}}),
        ),
        (
            scenario({"every": "6h", "phase": "1s", "jitter": "1s"}, **outage("day 10 00:00:02")),
            scenario({"every": "6h", "phase": "2h", "jitter": "1s"}, **outage("day 10 00:00:02")),
        ),
    ],
    ids=["outage", "attempt", "opening", "jitter", "first period", "exact", "short", "late attempt"],
)
def test_what_a_grid_cannot_tell_apart_takes_a_simulation(
    refused: sim.Scenario, solved: sim.Scenario
) -> None:
    with pytest.raises(NotExactError, match="simulate"):
        sim.exact(refused)
    assert 0 < sim.exact(solved).law.mean < 40


def test_a_plan_that_is_refused_on_the_way_is_simulated() -> None:
    """The certificate expires on day 39: a reserve of day 9, 30 days before, would fall into the outage."""
    certificate = {"certificate": {"expires": "day 39"}}
    cut_off = scenario({"every": "6h"}, server={**certificate, **outage("day 8 12:00")["server"]})
    found = sim.plan(cut_off, lost_at_most=2, vary=False)
    assert (found.by, found.delay_days is None) == ("simulation", False)
