"""Measures of hand-counted worlds (model 8), and many replications in few numbers."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
from scipy import stats

import sim
from sim.results.measures import NUMBERS, Selected, Selection
from sim.results.summary import mean_of, summary_of

H, D = 3600, 86_400

# Four phones with their turns at 03:00, 09:00, 15:00 and 21:00; two tablets at noon, on even and on odd days.
WORLD: dict[str, Any] = {
    "name": "small world",
    "start": "2026-03-01",
    "duration": "10d",
    "server": {"certificate": {"expires": "day 100"}, "automatic_reissue": "off"},
    "fleet": [
        {"name": "phones", "devices": 4, "sync": {"every": "1d", "phase": "even"}},
        {"name": "tablets", "devices": 2, "platform": "ios", "sync": {"every": "2d", "phase": "even"}},
    ],
    "strategy": [{"at": "day 2", "reissue": {"activate": "after 12h"}}],
}
# The reserve waits from midnight of day 2 to noon. The phones of 03:00 and 09:00 get it. The tablet whose
# turn is at that noon sees the new certificate already; the other had its turn on day 1.
DESK = {"technicians": 1, "begins": "1h", "owner_responds": "1h", "takes": "30m"}
# All four are ready at 14:00, and are done one after the other: at 14:30, 15:00, 15:30 and 16:00.


def run(**changes: Any) -> sim.Result:
    return sim.run(sim.Scenario.from_document({**WORLD, **changes}))


@pytest.fixture(scope="module")
def lost() -> sim.Result:
    return run()


@pytest.fixture(scope="module")
def helped() -> sim.Result:
    return run(recovery=DESK)


def test_every_device_is_lost_that_had_no_turn_before_the_activation(lost: sim.Result) -> None:
    devices = lost.devices.set_index("device")
    assert list(devices.index[devices["times_lost"] > 0]) == [
        "phones/2",
        "phones/3",
        "tablets/0",
        "tablets/1",
    ]
    assert set(devices["lost_cause"].dropna()) == {"not_delivered"}
    assert devices.loc["phones/0", "critical_delay_s"] == 3 * H + 1
    assert devices.loc["phones/1", "critical_delay_s"] == 9 * H + 1
    assert devices["critical_delay_s"].isna().sum() == 4


def test_the_measures_of_a_fleet_that_nobody_helps(lost: sim.Result) -> None:
    assert lost.measures == {
        "devices": 6,
        "lost_devices": 4,
        "lost_share": 4 / 6,
        "reconnected_devices": 0,
        "reconnected_share": 0.0,
        "still_lost_devices": 4,
        "reserve_coverage": 2 / 6,
        "device_days_lost": 4 * (10 - 2.5),
        "reinstalls": 0,
        "helpdesk_hours": 0,
        "unreachable_devices": 0,
        "unreachable_device_days": 0,
        "visits": 0,
        "times_lost": 4,
    }
    assert lost.time_to_reconnect_s == {"p50": None, "p90": None, "p99": None, "max": None}


def test_the_measures_of_a_fleet_that_is_helped(helped: sim.Result) -> None:
    assert helped.measures == {
        "devices": 6,
        "lost_devices": 4,
        "lost_share": 4 / 6,
        "reconnected_devices": 4,
        "reconnected_share": 1.0,
        "still_lost_devices": 0,
        "reserve_coverage": 2 / 6,
        "device_days_lost": (2.5 + 3 + 3.5 + 4) / 24,
        "reinstalls": 4,
        "helpdesk_hours": 4 * 0.5,
        "unreachable_devices": 0,
        "unreachable_device_days": 0,
        "visits": 0,
        "times_lost": 4,
    }
    assert helped.time_to_reconnect_s == {"p50": 3 * H, "p90": 4 * H, "p99": 4 * H, "max": 4 * H}


def test_groups_and_platforms_have_measures_of_their_own(lost: sim.Result) -> None:
    for of in (lost.groups["phones"], lost.platforms["android"]):
        assert (of["devices"], of["lost_devices"], of["lost_share"]) == (4, 2, 0.5)
        assert of["reserve_coverage"] == 0.5
        assert of["device_days_lost"] == 2 * 7.5
    for of in (lost.groups["tablets"], lost.platforms["ios"]):
        assert (of["devices"], of["lost_devices"], of["lost_share"]) == (2, 2, 1.0)
        assert of["reserve_coverage"] == 0.0


def test_the_groups_add_up_to_the_fleet(helped: sim.Result) -> None:
    for name in (
        "devices",
        "lost_devices",
        "reconnected_devices",
        "device_days_lost",
        "reinstalls",
        "times_lost",
    ):
        assert sum(group[name] or 0 for group in helped.groups.values()) == pytest.approx(
            helped.measures[name]
        )


def test_a_group_and_a_platform_can_be_asked_for_together(lost: sim.Result) -> None:
    (tally,) = lost.tallies
    assert Selected(tally, Selection(group="phones", platform="android")).measure("lost_devices") == 2
    assert Selected(tally, Selection(group="phones", platform="ios")).measure("devices") == 0
    assert Selected(tally, Selection(group="phones", platform="ios")).measure("lost_share") == 0
    assert Selected(tally, Selection(group="phones", platform="ios")).measure("reserve_coverage") is None


@pytest.mark.parametrize(
    ("within_s", "back"),
    [(9000 - 1, 0), (9000, 1), (9000 + 1, 1), (4 * H - 1, 3), (4 * H, 4), (4 * H + 1, 4)],
)
def test_within_counts_its_last_second(helped: sim.Result, within_s: int, back: int) -> None:
    selected = Selected(helped.tallies[0], within_s=within_s)
    assert selected.measure("reconnected_devices") == back
    assert selected.measure("reconnected_share") == back / 4


@pytest.mark.parametrize(
    ("quantile", "hours"), [(0.01, 2.5), (0.25, 2.5), (0.26, 3), (0.5, 3), (0.51, 3.5), (0.75, 3.5), (1.0, 4)]
)
def test_a_quantile_is_the_least_time_for_that_share(
    helped: sim.Result, quantile: float, hours: float
) -> None:
    assert Selected(helped.tallies[0], quantile=quantile).time_to_reconnect_s() == hours * H


def test_the_mean_of_one_replication_is_that_replication() -> None:
    """Whole numbers stay whole."""
    row = {"lost_devices": 4, "lost_share": 0.5, "reserve_coverage": None}
    assert mean_of([row]) == row
    assert type(mean_of([row])["lost_devices"]) is int


def test_a_quantile_is_infinite_where_fewer_came_back() -> None:
    result = run(
        recovery=DESK, duration="2d15h1s"
    )  # the second reinstallation ends at 15:00, the third does not
    tally = result.tallies[0]
    assert Selected(tally).measure("reconnected_devices") == 2
    assert Selected(tally, quantile=0.5).time_to_reconnect_s() == 3 * H
    assert Selected(tally, quantile=0.51).time_to_reconnect_s() == math.inf
    assert result.time_to_reconnect_s == {"p50": 3 * H, "p90": None, "p99": None, "max": None}
    assert result.measures["helpdesk_hours"] == 1 + 1 / 3600  # and one second of the third


def test_what_would_happen_at_the_end_does_not() -> None:
    assert run(duration="2d12h").measures["lost_devices"] == 0
    assert run(duration="2d12h1s").measures["lost_devices"] == 4
    assert run(duration="2d12h1s").measures["device_days_lost"] == pytest.approx(4 / D)
    assert run(recovery=DESK, duration="2d15h").measures["reconnected_devices"] == 1  # the second is at 15:00


def test_nothing_to_measure_is_none() -> None:
    quiet = run(strategy=[])
    assert quiet.measures["reserve_coverage"] is None
    assert quiet.measures["reconnected_share"] is None
    assert quiet.time_to_reconnect_s["max"] is None
    assert quiet.measures["lost_share"] == 0


def test_an_empty_fleet_has_measures() -> None:
    result = run(fleet=[{"name": "none", "devices": 0}])
    assert result.measures["devices"] == result.measures["lost_devices"] == result.measures["lost_share"] == 0
    assert result.measures["reserve_coverage"] is None


def test_the_first_loss_is_recorded_and_the_totals_count_all() -> None:
    # Noon of day 2: phones 2 and 3 and the tablets are lost. At 18:00 the previous certificate is restored:
    # the phones come back at their turns, at 15:00 of day 3 and at 21:00, the tablets at noon, days 4 and 3.
    # On day 5 it is replaced at once, and all six are lost until the end.
    result = run(
        server={"certificate": {"issuer": "custom", "expires": "day 100"}, "automatic_reissue": "off"},
        strategy=[
            {"at": "day 2", "reissue": {"activate": "after 12h"}},
            {"at": "day 2 18:00", "restore_previous": {}},
            {"at": "day 5", "reissue": {"activate": "immediately"}},
        ],
    )
    first_h = {"phones/3": 9, "phones/2": 27, "tablets/1": 24, "tablets/0": 48}
    devices = result.devices.set_index("device")
    back = (devices["reconnected_at"] - devices["lost_at"]) / pd.Timedelta(hours=1)
    assert back.dropna().to_dict() == first_h
    assert sorted(devices["lost_cause"]) == ["immediate"] * 2 + ["not_delivered"] * 4
    measures = result.measures
    assert measures["lost_devices"] == measures["still_lost_devices"] == 6
    assert measures["times_lost"] == 4 + 6
    assert measures["reconnected_devices"] == 4
    assert measures["reconnected_share"] == 4 / 6
    assert measures["device_days_lost"] == pytest.approx(sum(first_h.values()) / 24 + 6 * 5)
    assert measures["reserve_coverage"] == 0  # the least of three changes: 2/6, 6/6 and 0


def test_noticing_is_the_first_refusal_after_the_loss(lost: sim.Result) -> None:
    devices = lost.devices.set_index("device")
    waits = (devices["noticed_at"] - devices["lost_at"]) / pd.Timedelta(hours=1)
    # The tablet whose turn is the second of the switch is refused in that second.
    assert waits.dropna().to_dict() == {"phones/2": 3, "phones/3": 9, "tablets/0": 0, "tablets/1": 24}


def test_a_measure_that_does_not_exist_is_an_error(lost: sim.Result) -> None:
    with pytest.raises(KeyError):
        Selected(lost.tallies[0]).measure("losses")
    assert set(lost.measures) == set(NUMBERS)


# --- replications --------------------------------------------------------------------------------------


def rows(values: list[float | None]) -> list[dict[str, float | int | None]]:
    return [{"lost_devices": value} for value in values]


def test_the_summary_of_four_values() -> None:
    # sd = sqrt(5/3); Student's t with 3 degrees of freedom has its 97.5 % point at 3.182 (any table).
    told = summary_of(rows([4, 1, 3, 2]))["lost_devices"]
    assert (told["n"], told["mean"], told["min"], told["max"]) == (4, 2.5, 1, 4)
    assert told["sd"] == pytest.approx(math.sqrt(5 / 3))
    half = 3.182 * math.sqrt(5 / 3) / 2
    assert (told["low"], told["high"]) == pytest.approx((2.5 - half, 2.5 + half), abs=1e-3)
    assert told["quantiles"] == {"0.05": 1, "0.25": 1, "0.5": 2, "0.75": 3, "0.95": 4}


def test_the_summary_of_one_value_has_no_spread() -> None:
    told = summary_of(rows([7]))["lost_devices"]
    assert (told["mean"], told["sd"], told["low"], told["high"]) == (7, None, None, None)


def test_the_summary_of_equal_values_has_a_point_for_an_interval() -> None:
    told = summary_of(rows([7, 7, 7]))["lost_devices"]
    assert (told["sd"], told["low"], told["high"]) == (0, 7, 7)


def test_replications_without_the_measure_are_left_out() -> None:
    assert summary_of(rows([None, 2, 4]))["lost_devices"]["n"] == 2
    assert mean_of(rows([None, 2, 4])) == {"lost_devices": 3}
    assert mean_of(rows([None, None])) == {"lost_devices": None}
    nothing = summary_of(rows([None, None]))["lost_devices"]
    assert (nothing["n"], nothing["mean"], nothing["min"]) == (0, None, None)


def test_replications_are_summarized_by_students_interval() -> None:
    phones = [{"name": "phones", "devices": 20, "sync": {"every": "1d"}}]
    result = run(fleet=phones, replications=8, duration="3d")
    values = [row["lost_devices"] for row in result.runs]
    assert len(set(values)) > 1
    told = result.statistics["lost_devices"]
    mean, error = sum(values) / 8, stats.sem(values)
    assert told["mean"] == result.measures["lost_devices"] == mean
    assert told["sd"] == pytest.approx(stats.tstd(values))
    assert (told["low"], told["high"]) == pytest.approx(stats.t.interval(0.95, 7, loc=mean, scale=error))
    document = result.to_json()
    assert [row["lost_devices"] for row in document["runs"]] == values
    assert [row["replication"] for row in document["runs"]] == list(range(8))
    assert len(result.devices) == 8 * 20


def test_a_replication_is_the_same_alone_and_among_others() -> None:
    phones = [{"name": "phones", "devices": 20, "sync": {"every": "1d"}}]
    two, three = (run(fleet=phones, replications=n, duration="3d") for n in (2, 3))
    assert three.runs[:2] == two.runs
    assert run(fleet=phones, duration="3d").runs[0] == two.runs[0]
