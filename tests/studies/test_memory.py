"""What is long takes memory in proportion, and what does not fit is refused before it runs."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

import sim
from sim.errors import InputError
from sim.results.measures import Selection
from sim.scenario.findings import findings_of
from sim.scenario.prepare import prepare
from sim.studies import experiment, tasks
from sim.world.fleet import Profile
from sim.world.timeline import play


def scenario(**changes: Any) -> sim.Scenario:
    document = {
        "name": "n",
        "start": "2026-03-01",
        "duration": "60d",
        "server": {"certificate": {"expires": "day 40"}, "automatic_reissue": "off"},
        "fleet": [{"name": "g", "devices": 5}],
        **changes,
    }
    return sim.Scenario.from_document(document)


def peak_bytes(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_twice_as_many_reissues_take_twice_the_memory() -> None:
    def reissues(n: int) -> int:
        steps = [{"at": f"start + {i}s", "reissue": {"activate": "after 30d"}} for i in range(n)]
        plan = prepare(scenario(strategy=steps)).plan
        return peak_bytes(lambda: play(plan))

    assert reissues(400) < 2.5 * reissues(200)


def test_a_hundred_million_devices_are_checked_without_a_row_each() -> None:
    steps = [{"at": "day 1", "reissue": {"activate": "after 6h"}}]
    many = scenario(fleet=[{"name": "g", "devices": 100_000_000}], strategy=steps)
    assert peak_bytes(lambda: findings_of(many)) < 20_000_000


def test_what_is_not_kept_of_replications_is_simulated_again(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [{"at": "day 5", "reissue": {"activate": "after 7h"}}]
    several = scenario(strategy=steps, replications=4, duration="20d")
    kept = sim.run(several)
    for name, value in (("KEPT", 0), ("_SERIES_KEPT", 0), ("MOST_REPLICATIONS", 1)):
        monkeypatch.setattr(tasks, name, value)
    again = sim.run(several)
    assert [bool(tally.series) for tally in kept.tallies] == [True] * 4
    assert [bool(tally.series) for tally in again.tallies] == [True, False, False, False]
    assert (len(kept.kept), len(again.kept)) == (4, 0)
    assert again.to_json() == kept.to_json()
    assert again.timeline.equals(kept.timeline)
    assert again.devices.equals(kept.devices)


def test_devices_that_do_not_fit_into_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment, "memory_gb", lambda: 0.003)
    assert sim.run(scenario(fleet=[{"name": "g", "devices": 500}], duration="1h"), engine="process")
    with pytest.raises(InputError, match="1,000 devices together need about 0 GB of memory"):
        sim.run(scenario(fleet=[{"name": "g", "devices": 1_000}], duration="1h"), engine="process")


def test_the_measures_of_many_groups_look_at_each_kind_of_devices_a_few_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked, takes = 0, Selection.takes

    def counted(self: Selection, profile: Profile) -> bool:
        nonlocal looked
        looked += 1
        return takes(self, profile)

    monkeypatch.setattr(Selection, "takes", counted)
    fleet = [{"name": f"g{number}", "devices": 1} for number in range(100)]
    result = sim.run(scenario(fleet=fleet, duration="1d"), engine="process")
    assert len(result.groups) == 100
    assert looked <= 10 * 100
