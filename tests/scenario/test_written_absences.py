"""The keys `presence: {away: …}`, `first` and `first_replication`: what they make, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

import sim
from sim.scenario.findings import findings_of
from sim.scenario.prepare import prepare
from sim.world.fleet import Away

HOUR = 3600


def scenario(presence: object = "always", **rest: Any) -> sim.Scenario:
    group = {"name": "g", "devices": 3, "presence": presence, **rest.pop("group", {})}
    return sim.Scenario.from_document(
        {
            "name": "x",
            "start": "2026-03-01",
            "duration": "60d",
            "server": {"certificate": {"expires": "day 40"}, "automatic_reissue": "off"},
            "fleet": [group],
            **rest,
        }
    )


def problem(presence: object) -> list[tuple[str, str]]:
    with pytest.raises(sim.ScenarioError) as raised:
        scenario(presence)
    return [(each.key, each.message) for each in raised.value.problems]


def test_instants_and_durations_become_half_open_spells() -> None:
    made = scenario(
        {"away": [{"from": "2026-03-02 06:00", "for": "2h"}, {"from": "expiry - 1d", "for": "3d"}]}
    )
    (profile,) = prepare(made).roster().profiles
    assert profile.presence == Away(((30 * HOUR, 32 * HOUR), (39 * 24 * HOUR, 42 * 24 * HOUR)))


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ("day 11", None),  # one second later would be the least, and a day is more
        ("day 10", "write them in order"),
        ("day 9", "write them in order"),
        ("day 1", "write them in order"),
    ],
)
def test_absences_are_in_order_and_do_not_touch(second: str, said: str | None) -> None:
    presence = {"away": [{"from": "day 8", "for": "2d"}, {"from": second, "for": "1d"}]}
    if said is None:
        assert scenario(presence).fleet[0].presence is not None
        return
    ((key, message),) = problem(presence)
    assert key == "fleet.0.presence.away.1.from"
    assert said in message


@pytest.mark.parametrize(
    ("presence", "key", "said"),
    [
        ({"away": [{"from": "day 1"}]}, "fleet.0.presence.away.0.for", "for is required: write for: 12d"),
        ({"away": [{"from": "day 1", "for": "0s"}]}, "fleet.0.presence.away.0.for", "write at least 1s"),
        ({"away": [{"frm": "day 1", "for": "1d"}]}, "fleet.0.presence.away.0.frm", "did you mean from?"),
        ({"away": "12d"}, "fleet.0.presence.away", "is not a list"),
        ({"away": [], "on": "8h"}, "fleet.0.presence.on", "on does not go with the other keys here"),
        ({"awy": []}, "fleet.0.presence.awy", "did you mean away?"),
        (
            {"away": [{"from": "expiry - 41d", "for": "1d"}]},
            "fleet.0.presence.away.0.from",
            "before the start",
        ),
    ],
)
def test_one_mistake_is_told_once_and_names_its_mend(presence: object, key: str, said: str) -> None:
    ((found, message),) = problem(presence)
    assert found == key
    assert said in message


def test_away_at_the_top_of_a_group_belongs_under_presence() -> None:
    with pytest.raises(sim.ScenarioError, match="away belongs under presence"):
        scenario(group={"away": []})


def test_the_first_device_has_the_number_and_the_draws_it_has_in_the_whole_group() -> None:
    whole, part = (
        prepare(scenario(group={"devices": 9})).roster(),
        prepare(scenario(group={"devices": 2, "first": 5})).roster(),
    )
    assert part.names() == ["g/5", "g/6"]
    assert part.identity.tolist() == whole.identity.tolist()[5:7]
    assert (part.index("g/5"), part.index("g/6")) == (0, 1)
    assert (part.index("g/4"), part.index("g/7"), part.index("g/0")) == (None, None, None)


def test_an_even_phase_spreads_the_devices_that_are_written() -> None:
    """Two devices in 6 h: at a quarter and three quarters, whatever their numbers."""
    part = prepare(scenario(group={"devices": 2, "first": 5, "sync": {"phase": "even"}})).roster()
    assert part.phase_s.tolist() == [90 * 60, 270 * 60]


def test_first_is_not_for_an_inventory() -> None:
    with pytest.raises(sim.ScenarioError, match="first or an inventory"):
        scenario(group={"devices": None, "inventory": "devices.csv", "first": 3})


def test_replications_are_numbered_from_the_first() -> None:
    """The second of two from 3 on is the one of 4, in draws and in name."""
    spells = {"on": {"exponential": "5d"}, "off": {"exponential": "5d"}}
    both = sim.run(scenario(spells, replications=2, first_replication=3))
    alone = sim.run(scenario(spells, first_replication=4))
    assert both.tallies[1].fingerprint == alone.fingerprint
    assert both.tallies[0].fingerprint != alone.fingerprint
    assert both.devices["replication"].unique().tolist() == [3, 4]
    assert both.timeline["replication"].unique().tolist() == [3, 4]
    assert [row["replication"] for row in both.to_json()["runs"]] == [3, 4]


def test_an_absence_from_the_start_explains_a_silence(tmp_path: Any) -> None:
    """Silent since January: stays off for good, unless an absence from the start says when it returns."""
    (tmp_path / "devices.csv").write_text("id,last_sync\na,2026-01-01 00:00\n")
    rules = []
    for begins in ("start", "day 1"):
        written = {
            **scenario().document,
            "fleet": [{"name": "g", "inventory": "devices.csv", "list": {"exported": "start"}}],
        }
        written["fleet"][0]["presence"] = {"away": [{"from": begins, "for": "10d"}]}
        made = sim.Scenario.from_document(written, folder=tmp_path)
        rules.append([f.rule for f in findings_of(made) if f.rule == "silent-devices-stay-off"])
        syncs = int(sim.run(made).devices["syncs"][0])
        # Expires on day 40, so from day 10 to day 40 there are 120 attempts, every 6 h from midnight on.
        assert syncs == (120 if begins == "start" else 0)
    assert rules == [[], ["silent-devices-stay-off"]]
