"""Strategies side by side: paired differences, who is lost under one alone, and a ranking."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import sim
from sim.cli.commands import cli
from sim.studies.compare import CompareError, bonett_price


def scenario(activate: str = "after 2d", name: str = "", **changes: Any) -> sim.Scenario:
    """Four phones with a turn every four days, at noon of days 0, 1, 2 and 3; the reserve comes on day 4."""
    document = {
        "name": name or activate,
        "start": "2026-03-01",
        "duration": "40d",
        "server": {"certificate": {"expires": "day 100"}, "automatic_reissue": "off"},
        "fleet": [{"name": "phones", "devices": 4, "sync": {"every": "4d", "phase": "even"}}],
        "strategy": [{"at": "day 4", "reissue": {"activate": activate}}],
        **changes,
    }
    return sim.Scenario.from_document(document)


RANDOM = {
    "fleet": [
        {
            "name": "phones",
            "devices": 400,
            "sync": {"every": "6h"},
            "presence": {"on": {"exponential": "4d"}, "off": {"exponential": "4d"}},
        }
    ]
}


def of(comparison: sim.Comparison, measure: str) -> dict[tuple[str, str], float]:
    return {(d.a, d.b): d.difference for d in comparison.differences if d.measure == measure}


def test_a_comparison_counted_by_hand() -> None:
    """A delay of one day saves phone 0, of two days phones 0 and 1; immediately loses all four."""
    found = sim.compare(scenario("after 1d"), scenario("after 2d"), scenario("immediately"))
    assert found.names == ("after 1d", "after 2d", "immediately")
    assert found.table["lost_devices"].tolist() == [3, 2, 4]
    assert of(found, "lost_devices") == {
        ("after 1d", "after 2d"): 1,
        ("after 1d", "immediately"): -1,
        ("after 2d", "immediately"): -2,
    }
    assert of(found, "lost_share")["after 2d", "immediately"] == -0.5
    assert [(d.only_a, d.only_b) for d in found.discordances] == [
        (("phones/1",), ()),
        ((), ("phones/0",)),
        ((), ("phones/0", "phones/1")),
    ]


def test_one_and_the_same_strategy_differs_in_nothing() -> None:
    found = sim.compare(scenario(**RANDOM), scenario(**RANDOM), replications=3, engine="fleet")
    assert found.names == ("after 2d", "after 2d (2)")
    assert {d.difference for d in found.differences} == {0}
    assert not any(d.is_shown for d in found.differences)
    assert found.ranking == (("after 2d", "after 2d (2)"),)
    assert [(d.only_a, d.only_b) for d in found.discordances] == [((), ())]
    assert found.is_same
    assert "the same" in found.answer


def test_the_first_file_s_seed_and_replications_are_everybody_s() -> None:
    found = sim.compare(
        scenario(seed=5, replications=2, **RANDOM),
        scenario(seed=9, replications=7, **RANDOM),
        engine="fleet",
    )
    assert [(r.scenario.seed, r.replications) for r in found.results] == [(5, 2), (5, 2)]
    assert found.results[0].fingerprint == found.results[1].fingerprint


def test_a_longer_delay_ranks_first_where_the_difference_is_shown() -> None:
    """Half of 400 phones are away for four days on average: 0.5 exp(-W/4 d) of them are lost."""
    delays = ("after 1d", "after 4d", "after 4d6h", "after 12d")
    found = sim.compare(*(scenario(delay, **RANDOM) for delay in delays), engine="fleet")
    assert found.ranking[0] == ("after 12d",)
    assert found.ranking[-1] == ("after 1d",)


def test_common_random_numbers_cut_the_variance_of_a_difference_to_less_than_a_tenth() -> None:
    """Unpaired, each strategy meets another fleet: the variance is the sum of both.

    Of the 0.5 exp(-1) n phones lost after four days, 1 - exp(-1/16) come back within six hours more: paired,
    the variance is theirs alone, about 6 % of one strategy's, and 3 % of the sum.
    """
    n = 60
    one, other = (
        np.array(
            [
                run["lost_devices"]
                for run in sim.run(scenario(d, **RANDOM), engine="fleet", replications=2 * n).runs
            ]
        )
        for d in ("after 4d", "after 4d6h")
    )
    paired = np.var(one[:n] - other[:n], ddof=1)
    unpaired = np.var(one[:n] - other[n:], ddof=1)
    assert paired < unpaired / 10


def test_the_interval_over_replications_is_student_s() -> None:
    """Differences 1 and 3: mean 2, standard error 1, t(0.975; 1) = 12.706."""
    found = sim.compare(scenario(**RANDOM), scenario("after 3d", **RANDOM), replications=2, engine="fleet")
    values = [
        a["lost_devices"] - b["lost_devices"] for a, b in zip(*(r.runs for r in found.results), strict=True)
    ]
    (difference,) = (d for d in found.differences if d.measure == "lost_devices")
    half = 12.706204736 * abs(values[0] - values[1]) / 2
    assert difference.difference == sum(values) / 2
    assert difference.low == pytest.approx(sum(values) / 2 - half)
    assert difference.high == pytest.approx(sum(values) / 2 + half)


def test_the_interval_of_paired_shares_is_bonett_and_price_s() -> None:
    """No discordant pair among 98: p = q = 1/100; one side only: p = 11/100, q = 1/100."""
    assert bonett_price(0, 0, 98) == pytest.approx(
        (-1.959964 * math.sqrt(0.0002), 1.959964 * math.sqrt(0.0002))
    )
    half = 1.959964 * math.sqrt((0.12 - 0.01) / 100)
    assert bonett_price(10, 0, 98) == pytest.approx((0.10 - half, 0.10 + half))


def test_with_a_help_desk_one_replication_gives_an_interval_of_the_losses_alone() -> None:
    """The desk helps devices that are lost already, so who is lost does not depend on it; how long does."""
    desk = {"recovery": {"technicians": 1}}
    found = sim.compare(scenario(**desk), scenario("immediately", **desk))
    known = {d.measure for d in found.differences if d.low is not None}
    assert known == {"lost_devices", "lost_share"}
    assert found.ranking == (("after 2d", "immediately"),)  # 2 and 4 of 4 devices: too few to tell
    assert "help desk" not in str(found.summary().parts[1])
    longest = sim.compare(scenario(**desk), scenario("immediately", **desk), measure="device_days_lost")
    assert longest.ranking == (("after 2d",), ("immediately",))
    assert "in this run" in longest.answer
    assert "help desk" in str(longest.summary().parts[1])


def test_the_answer_agrees_with_the_table() -> None:
    """Both strategies have one name, one loses 2 and the other 4 devices: each has its own number."""
    found = sim.compare(scenario(name="plan"), scenario("immediately", name="plan"))
    assert found.names == ("plan (activate after 2d)", "plan (activate immediately)")
    assert "plan (activate after 2d) (2)" in found.answer
    assert "plan (activate immediately) (4)" in found.answer


def test_strategies_that_lose_the_same_are_ranked_by_what_differs() -> None:
    """Immediately loses all four; a day later they are lost a day less. With a desk the losses end."""
    early, late = (
        scenario("immediately", day, strategy=[{"at": day, "reissue": {"activate": "immediately"}}])
        for day in ("day 4", "day 5")
    )
    found = sim.compare(early, late)
    assert (found.measure, found.ranking) == ("device_days_lost", (("day 5",), ("day 4",)))
    assert of(found, "device_days_lost") == {("day 4", "day 5"): 4}
    desk = {"recovery": {"technicians": 4, "begins": "1d", "takes": "1h"}}
    quick, slow = (
        each.changed({"recovery": desk["recovery"] | {"begins": b}})
        for each, b in ((early, "1d"), (early, "3d"))
    )
    assert of(sim.compare(quick, slow), "time_to_reconnect") == {
        ("day 4 (begins 1d)", "day 4 (begins 3d)"): -2 * 86_400
    }


def test_a_measure_can_be_chosen() -> None:
    found = sim.compare(scenario("after 1d"), scenario("after 2d"), measure="reserve_coverage")
    assert found.to_json()["measure"] == "reserve_coverage"
    assert found.answer.startswith(
        "Most reserve_coverage in this run: after 2d (50.00 %); then after 1d (25.00 %)"
    )
    with pytest.raises(CompareError, match="no measure devices"):
        sim.compare(scenario(), scenario(), measure="devices")


def test_a_mapping_names_the_strategies() -> None:
    found = sim.compare({"1 d": scenario("after 1d"), "2 d": scenario("after 2d")})
    assert found.names == ("1 d", "2 d")
    with pytest.raises(CompareError, match="give at least two"):
        sim.compare({"1 d": scenario()})


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"start": "2026-03-02"}, "start"),
        ({"duration": "41d"}, "duration"),
        ({"fleet": [{"name": "phones", "devices": 5}]}, r"the group 'phones' \(4 devices; 5 devices\)"),
        ({"fleet": [{"name": "tablets", "devices": 4}]}, r"the group 'phones' \(4 devices; none\)"),
    ],
)
def test_other_devices_or_days_are_not_compared(changes: dict[str, Any], what: str) -> None:
    with pytest.raises(CompareError, match=f"differ in {what}.*same devices living the same days"):
        sim.compare(scenario(), scenario(**changes))


def test_settings_of_the_devices_may_differ() -> None:
    fleet = [{"name": "phones", "devices": 4, "sync": {"every": "1d", "phase": "even"}}]
    assert of(sim.compare(scenario(), scenario(fleet=fleet, name="daily")), "lost_devices") == {
        ("after 2d", "daily"): 2
    }


def test_the_command_prints_the_document_of_the_language(tmp_path: Path) -> None:
    files = []
    for number, activate in enumerate(("after 1d", "immediately")):
        files.append(tmp_path / f"{number}.yaml")
        files[-1].write_text(scenario(activate).to_yaml(), encoding="utf-8")
    ran = CliRunner().invoke(cli, ["compare", *map(str, files), "--json"], standalone_mode=False)
    document = json.loads(ran.output)
    assert [run["measures"]["lost_devices"] for run in document["runs"]] == [3, 4]
    (difference,) = (d for d in document["differences"] if d["measure"] == "lost_devices")
    assert list(difference) == ["a", "b", "measure", "difference", "low", "high"]
    assert (difference["a"], difference["b"], difference["difference"]) == ("after 1d", "immediately", -1)
    assert difference["low"] <= -1 <= difference["high"]
    text = CliRunner().invoke(cli, ["compare", *map(str, files)], standalone_mode=False).output
    assert "lost under immediately and not under after 1d: 1 (phones/0)" in text
    assert CliRunner().invoke(cli, ["compare", str(files[0])], standalone_mode=False).exception is not None


def test_strategies_of_one_name_are_told_apart_by_what_differs(tmp_path: Path) -> None:
    files = [tmp_path / "now.yaml", tmp_path / "later.yaml"]
    for file, activate in zip(files, ("after 1d", "after 2d"), strict=True):
        file.write_text(scenario(activate, name="plan").to_yaml(), encoding="utf-8")
    ran = CliRunner().invoke(cli, ["compare", *map(str, files), "--json"], standalone_mode=False)
    assert json.loads(ran.output)["ranking"][0] == [
        "plan (activate after 2d)",
        "plan (activate after 1d)",
    ]


def test_one_scenario_alone_cannot_be_compared() -> None:
    with pytest.raises(CompareError, match="give at least two"):
        sim.compare(scenario())
