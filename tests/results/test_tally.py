"""Numbers that add up over the parts of a fleet (`sim.results.tally`), and fleets that are run in parts."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import worlds
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import sim
from sim.processes.engine import simulate
from sim.results.measures import Selected, Selection
from sim.results.tally import Tally, total
from sim.scenario.prepare import prepare
from sim.studies.experiment import PART, Experiment
from sim.studies.tables import devices_tables
from sim.world.certificates import Certificate
from sim.world.draws import Draws
from sim.world.fleet import PER_DEVICE, Fleet, Profile, Roster
from sim.world.outcome import BLOCK
from sim.world.plan import Plan


def part_of(fleet: Fleet, first: int, last: int) -> Fleet:
    """Some devices of a fleet, at the same start."""
    of_roster, of_start = (
        {name: getattr(whole, name)[first:last] for name in names}
        for whole, names in ((fleet.roster, PER_DEVICE), (fleet, ("phase_s", "starts_on", "first_spell_s")))
    )
    return replace(fleet, roster=replace(fleet.roster, **of_roster, first=first), **of_start)


@settings(max_examples=60, deadline=None)
@given(plan=worlds.plans(), fleet=worlds.fleets(), data=st.data())
def test_the_tallies_of_any_two_parts_add_up_to_the_fleet_s(plan: Any, fleet: Fleet, data: Any) -> None:
    plan = replace(plan, recovery=None)
    assume(not plan.couples_devices)
    cut = data.draw(st.integers(0, len(fleet)))
    whole = Tally.of(simulate(plan, fleet))
    parts = [Tally.of(simulate(plan, part_of(fleet, *ends))) for ends in ((0, cut), (cut, len(fleet)))]
    assert replace(total(parts), blocks=()).equals(replace(whole, blocks=()))


def test_how_long_they_took_is_counted_by_profile_and_second() -> None:
    """Of the first profile one is back after 10 s, two after 70 s, one never; of the other one after 30 s."""
    profile = Profile("phones", "android", 100, 0, 1.0, True, "always")
    n = 6
    roster = Roster(
        profiles=(profile, replace(profile, group="others")),
        groups=("phones", "others"),
        profile=np.array([0, 0, 0, 0, 1, 1], np.int32),
        group=np.array([0, 0, 0, 0, 1, 1], np.int32),
        identity=np.arange(n, dtype=np.uint64),
        phase_s=np.zeros(n, np.int64),
        silent=np.zeros(n, np.bool_),
        seen=np.zeros(n, np.bool_),
        holds_reserve=np.zeros(n, np.bool_),
        numbered=(4, 2),
        ids=((), ()),
    )
    outcome = simulate(
        Plan(200, Certificate(0, "custom", 0, 1 << 40, "a")), Fleet.start(roster, Draws.of(1, 0))
    )
    devices = replace(
        outcome.devices,
        times_lost=np.array([1, 2, 1, 1, 0, 3], np.int32),
        lost_at_s=np.array([20, 20, 20, 20, -1, 20], np.int64),
        reconnected_at_s=np.array([90, 30, 90, -1, -1, 50], np.int64),
        lost_for_s=np.array([80, 10, 70, 180, 0, 75], np.int64),
    )
    tally = Tally.of(replace(outcome, devices=devices, is_lost=np.array([0, 0, 0, 1, 0, 0], np.bool_)))
    assert tally.back.tolist() == [[0, 10, 1], [0, 70, 2], [1, 30, 1]]
    assert (
        tally.column("devices").tolist(),
        tally.column("lost").tolist(),
        tally.column("still_lost").tolist(),
    ) == (
        [4, 2],
        [4, 1],
        [1, 0],
    )
    assert (tally.column("times_lost").tolist(), tally.column("lost_for_s").tolist()) == ([5, 3], [340, 75])
    assert [Selected(tally, quantile=share).time_to_reconnect_s() for share in (0.2, 0.4, 0.6, 0.8)] == [
        10,
        30,
        70,
        70,
    ]
    assert Selected(tally, quantile=0.81).time_to_reconnect_s() == math.inf  # four of five
    assert Selected(tally, Selection(group="others")).time_to_reconnect_s() == 30
    assert Selected(tally, Selection(group="others")).measure("reconnected_devices") == 1
    assert tally.equals(replace(tally))
    for other in (
        replace(tally, blocks=(*tally.blocks, b"more")),
        replace(tally, blocks=()),
        replace(tally, series={}),
    ):
        assert not tally.equals(other)
        assert not other.equals(tally)
    assert (tally + tally).back.tolist() == [[0, 10, 2], [0, 70, 4], [1, 30, 2]]


def scenario(devices: int, **changes: Any) -> sim.Scenario:
    """The last group's phones have one turn in ten days, which for half of them comes too late."""
    document = {
        "name": "parts",
        "start": "2026-03-01",
        "duration": "12d",
        "server": {"certificate": {"expires": "day 100"}, "automatic_reissue": "off"},
        "fleet": [
            {"name": "a", "devices": devices - 10, "sync": {"every": "1d"}},
            {"name": "b", "devices": 10, "sync": {"every": "10d", "phase": "even"}},
        ],
        "strategy": [{"at": "day 0", "reissue": {"activate": "after 5d"}}],
        "guarantees": [
            {"measure": "lost_devices", "at_most": 0},
            {"measure": "time_to_reconnect", "at_most": "1d"},
        ],
        **changes,
    }
    return sim.Scenario.from_document(document)


def test_a_fleet_in_parts_has_the_fingerprint_and_the_numbers_of_the_whole() -> None:
    """Of the ten phones of group b, those at 5.5 d, 6.5 d, ... are too late."""
    written = scenario(2 * BLOCK + 100)
    whole = Experiment.of(prepare(written), engine="fleet").tally(0)
    in_parts = Experiment.of(prepare(written), engine="fleet", part=BLOCK)
    assert [len(part) for part in in_parts.parts] == [BLOCK, BLOCK, 100]
    assert in_parts.tally(0).equals(whole)
    assert in_parts.tally(0).fingerprint == whole.fingerprint
    assert Selected(whole, Selection(group="b")).measure("lost_devices") == 5


def test_a_result_that_keeps_no_rows_simulates_them_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first device without a turn in five days is b/5, which lies in the third part."""
    written = scenario(2 * BLOCK + 100)
    kept = sim.run(written, engine="fleet")
    monkeypatch.setattr("sim.studies.tasks.KEPT", 0)
    monkeypatch.setattr("sim.studies.experiment.Experiment.of", of_parts(Experiment.of))
    again = sim.run(written, engine="fleet")
    assert (len(kept.kept), len(again.kept)) == (1, 0)
    assert [len(frame) for frame in devices_tables(again)] == [BLOCK, BLOCK, 100]
    pd.testing.assert_frame_equal(again.devices, kept.devices)
    assert [verdict.witness for verdict in again.guarantees] == ["b/5", "b/5"]
    assert again.to_json() == kept.to_json()
    assert np.array_equal(again.outcome().devices.syncs, kept.outcome().devices.syncs)


def of_parts(of: Any) -> Any:
    return lambda prepared, **options: of(prepared, part=BLOCK, **options)


def test_a_help_desk_keeps_the_fleet_together() -> None:
    helped = scenario(2 * BLOCK, recovery={"technicians": 1})
    assert Experiment.of(prepare(helped), part=BLOCK).parts == (range(2 * BLOCK),)


@pytest.mark.parametrize(
    ("devices", "sizes"),
    [(0, [0]), (1, [1]), (BLOCK, [BLOCK]), (BLOCK + 1, [BLOCK, 1]), (2 * BLOCK, [BLOCK, BLOCK])],
)
def test_parts_cover_the_fleet_once(devices: int, sizes: list[int]) -> None:
    group = {"name": "a", "devices": devices, "sync": {"every": "1d"}}
    parts = Experiment.of(prepare(scenario(10, fleet=[group])), part=BLOCK).parts
    assert [len(part) for part in parts] == sizes
    assert [device for part in parts for device in (part.start, part.stop)][:: len(parts) * 2 - 1][
        -1
    ] == devices


@pytest.mark.parametrize("part", [0, 1, BLOCK - 1, BLOCK + 1])
def test_a_part_is_a_number_of_whole_blocks(part: int) -> None:
    with pytest.raises(ValueError, match="multiple of 65536"):
        Experiment.of(prepare(scenario(10)), part=part)
    assert PART % BLOCK == 0


@pytest.mark.parametrize("within", [range(7), range(2, 5), range(3, 3), range(6, 7), range(1)])
def test_a_part_of_a_roster_is_that_part(within: range) -> None:
    """Three phones by phase, none of group c, four listed; 'even' phases are those of the whole group."""
    groups = [
        {"name": "b", "devices": 4, "sync": {"every": "4h", "phase": "even"}},
        {"name": "c", "devices": 0},
        {"name": "a", "devices": 3, "platform": "ios"},
    ]
    written = scenario(10, fleet=groups)
    whole, part = prepare(written).roster(), prepare(written).roster(within)
    assert prepare(written).size == len(whole) == 7
    for name in PER_DEVICE:
        assert np.array_equal(getattr(part, name), getattr(whole, name)[within.start : within.stop])
    names = ["a/0", "a/1", "a/2", "b/0", "b/1", "b/2", "b/3"]
    assert whole.names() == names
    assert part.names() == names[within.start : within.stop]
    assert [part.name(device) for device in range(len(part))] == part.names()
    assert [part.index(name) for name in part.names()] == list(range(len(part)))
    assert all(
        part.index(name) is None for name in {*names, "a/3", "a/01", "b/-1", "x/0", "a"} - {*part.names()}
    )
