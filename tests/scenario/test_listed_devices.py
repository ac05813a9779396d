"""Devices of a list in a scenario: silence counts from its making (model 5.3, 11.1, 11.2, 11.6)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sim
from sim.scenario import Scenario, ScenarioError
from sim.scenario.prepare import prepare
from sim.studies.alternatives import with_absences
from sim.world.fleet import PHASE_IS_DRAWN, Roster, Spells

DAY_S = 86_400


def scenario(folder: Path, rows: str, **group: Any) -> Scenario:
    (folder / "d.csv").write_text(f"id,last_sync\n{rows}")
    listed = {"name": "g", "inventory": "d.csv", "sync": {"every": "6h"}, **group}
    document = {
        "name": "n",
        "start": "2026-03-01",
        "duration": "20d",
        "server": {"certificate": {"expires": "day 300"}, "automatic_reissue": "off"},
        "fleet": [listed],
        "strategy": [{"at": "start", "reissue": {"activate": "after 14d"}}],
    }
    return Scenario.from_document(document, folder=folder)


def roster(folder: Path, rows: str, **group: Any) -> Roster:
    return prepare(scenario(folder, rows, **group)).roster()


@pytest.mark.parametrize(
    ("last_sync", "silent", "phase_s"),
    [
        ("2026-02-28 18:00:01", False, 1),  # a second within the period: due again in the second after
        ("2026-02-28 18:00:00", True, 0),
        ("2026-02-28 17:59:59", True, 21_599),
        ("2026-03-01 00:00:00", False, 0),
    ],
)
@pytest.mark.parametrize("start", ["2026-03-01", "2026-03-09 07:07:07"])
def test_silence_is_counted_from_when_the_list_was_made(
    tmp_path: Path, last_sync: str, silent: bool, phase_s: int, start: str
) -> None:
    """As if it had been made at the start, however much later that is."""
    made = scenario(
        tmp_path,
        f"a,{last_sync}\n",
        list={"exported": "2026-03-01"},
        presence={"on": {"exponential": "1d"}, "off": {"exponential": "1d"}},
    ).changed({"start": start})
    devices = prepare(made).roster()
    assert (bool(devices.silent[0]), bool(devices.seen[0])) == (silent, not silent)
    assert devices.phase_s[0] == phase_s
    age = np.datetime64("2026-03-01T00:00:00") - np.datetime64(last_sync.replace(" ", "T"))
    assert devices.silent_for_s[0] == age.astype(int)


@pytest.mark.parametrize(
    ("exported", "silent"), [("06:00:01", True), ("06:00:00", True), ("05:59:59", False)]
)
def test_a_list_made_a_second_earlier_or_later(tmp_path: Path, exported: str, silent: bool) -> None:
    devices = roster(tmp_path, "a,2026-03-01 00:00:00\n", list={"exported": f"2026-03-01 {exported}"})
    assert bool(devices.silent[0]) is silent


def test_by_default_the_list_was_made_at_its_newest_contact(tmp_path: Path) -> None:
    devices = roster(tmp_path, "a,2026-01-10 12:00\nb,2026-01-10 11:00\nc,\n")
    assert devices.silent_for_s.tolist() == [0, 3600, -1]
    assert devices.phase_s.tolist() == [0, 18_000, PHASE_IS_DRAWN]
    assert devices.seen.tolist() == [True, True, False]


def test_who_never_connected_or_is_gone(tmp_path: Path) -> None:
    rows = "a,2026-02-28 23:00\nb,never\nc,2000-01-01\nd,2025-03-01 00:00:00\ne,2026-01-01 08:00\n"
    made = scenario(tmp_path, rows, list={"exported": "start", "gone_after": "100d"})
    devices = prepare(made).roster()
    assert devices.never_connected.tolist() == [False, True, True, True, False]
    assert devices.silent.tolist() == [False, False, False, False, True]
    result = sim.run(made)
    assert result.measures["lost_devices"] == 1, "e stays off; who never connected is not lost"


def test_zones_of_list_and_scenario(tmp_path: Path) -> None:
    """A list in Pacific time, a scenario in Berlin: a is silent for an hour, wherever it is read."""
    made = scenario(
        tmp_path,
        "a,2026-02-28 14:00:00\n",
        list={"exported": "2026-03-01 00:00", "timezone": "America/Los_Angeles"},
    ).changed({"timezone": "Europe/Berlin"})
    assert prepare(made).roster().silent_for_s.tolist() == [3600]


def test_presence_from_the_list(tmp_path: Path) -> None:
    """The spells keep the share of those that are on, and lose about N(W), as many as are silent longer."""
    random = np.random.default_rng(5)
    ages_h = np.where(random.random(2000) < 0.7, random.random(2000) * 6, 6 + random.exponential(240, 2000))
    newest = np.datetime64("2026-03-01T00:00:00")
    moments = newest - (ages_h * 3600).astype("m8[s]")
    rows = "".join(f"p{i},{str(each).replace('T', ' ')}\n" for i, each in enumerate(moments))
    made = scenario(tmp_path, rows, list={"exported": "start"}, presence="from list")
    spells = prepare(made).roster().profiles[0].presence
    assert isinstance(spells, Spells)
    assert spells.on_share == pytest.approx(np.mean(ages_h < 6), abs=1e-3)
    lost = sim.run(made).measures["lost_devices"] or 0
    silent = np.count_nonzero(ages_h > 14 * 24)
    assert abs(lost - silent) < 4 * np.sqrt(2 * silent)


def test_questions_about_longer_absences_reach_the_spells_of_a_list(tmp_path: Path) -> None:
    """Half of the devices are away: twice as long is twice the mean, and the panel shows the half."""
    rows = "".join(
        f"p{i},{(datetime(2026, 3, 1) - timedelta(hours=h)):%Y-%m-%d %H:%M}\n"
        for i, h in enumerate([*range(6)] * 10 + [*range(6, 366, 6)])
    )
    made = scenario(tmp_path, rows, list={"exported": "start"}, presence="from list")
    longer = with_absences(made, 2.0)
    assert longer is not None
    (before,), (after,) = (prepare(each).roster().profiles for each in (made, longer))
    assert isinstance(before.presence, Spells)
    assert isinstance(after.presence, Spells)
    assert after.presence.off.mean_s == pytest.approx(2 * before.presence.off.mean_s, rel=1e-4)
    assert after.presence.on.mean_s == before.presence.on.mean_s
    panel = sim.what_if(made)
    assert panel.away.value == pytest.approx(50.0, abs=0.1)
    assert not panel.away.disabled
    panel.longer.value = 4.0
    assert panel.trouble == ""
    assert panel.scenario.document["fleet"][0]["presence"]["off"] != "from list"


@pytest.mark.parametrize(
    ("group", "key", "words"),
    [
        ({"presence": "from list"}, "fleet.0.presence", "presence: always"),
        ({"list": {"exported": "expiry - 3d"}}, "fleet.0.list.exported", "write a date"),
        ({"list": {"only": {"OS": ["Android"]}}}, "fleet.0.list.only.OS", "no column"),
        ({"list": {"only": ["OS"]}}, "fleet.0.list.only", "OS"),
        ({"list": {"dates": "day last"}}, "fleet.0.list.dates", "day first"),
        ({"list": {"encoding": "klingon"}}, "fleet.0.list.encoding", "encoding"),
        ({"list": {"timezone": "Mars/Olympus"}}, "fleet.0.list.timezone", "Europe/Berlin"),
        ({"inventory": None, "devices": 3, "list": {"gone_after": "9d"}}, "fleet.0.list", "inventory"),
        ({"inventory": None, "devices": 3, "presence": "from list"}, "fleet.0.presence", "inventory"),
    ],
)
def test_what_a_list_cannot_be(tmp_path: Path, group: dict[str, Any], key: str, words: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        scenario(tmp_path, "a,2026-03-01 00:00:00\nb,2026-02-28 23:00:00\n", **group)
    (problem,) = caught.value.problems
    assert problem.key == key
    assert words in problem.message


def test_the_block_of_inventory_runs_as_it_is_pasted(tmp_path: Path) -> None:
    """Phones silent for 1 h to 60 days; the pasted block stands beside the list, wherever that lies."""
    hours = [1, 2, 3, 4, 5, 8, 30, 100, 300, 600, 900, 1440]
    made = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
    rows = [f"p{n};Android 14;{made - timedelta(hours=h):%d.%m.%Y %H:%M}" for n, h in enumerate(hours)]
    rows.append(f"p99;Android 14;{made:%d.%m.%Y %H:%M}")
    (tmp_path / "export.csv").write_text("\n".join(["Device name;OS;Last check-in", *rows]), encoding="utf-8")
    block = sim.inventory(tmp_path / "export.csv").to_yaml()
    (tmp_path / "plan.yaml").write_text(
        "name: pasted\nstart: 2026-11-27 09:00\nduration: 60d\n"
        "strategy: [{at: day 0, reissue: {activate: after 30d}}]\n" + block,
        encoding="utf-8",
    )
    plan = sim.load(tmp_path / "plan.yaml")
    assert sim.run(plan).measures["devices"] == 13
    assert sim.verify(plan).equal
