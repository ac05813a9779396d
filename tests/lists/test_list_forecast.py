"""The forecast from ages alone: unbiased, with honest bands, calibrated by device (model 11.3 to 11.6)."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import yaml
from fleets import DAY_S, LAWS, PERIOD_S, fleet

import sim
from sim.errors import InputError
from sim.lists.ages import Ages, contact_hours, presence_of
from sim.lists.devices import DeviceList, ListOptions
from sim.lists.forecast import forecast_of
from sim.lists.history import History, Past, backtest, read_history
from sim.lists.reading import ListError, read_list
from sim.scenario.values import parse_duration
from sim.text import no_formula

NOW_S = int(datetime(2026, 11, 27, 9, tzinfo=UTC).timestamp())
DAY = int(DAY_S)


def listed(
    ages_days: list[float], *, held: frozenset[int] = frozenset(), more: str = "", made_s: int = NOW_S
) -> DeviceList:
    """A list with devices d0, d1, … of these ages."""
    rows = [
        f"d{i},{made_s - round(age * DAY)},{'yes' if i in held else 'no'}" for i, age in enumerate(ages_days)
    ]
    content = "id,last_sync,holds_reserve\n" + "\n".join(rows) + "\n" + more
    devices = read_list(content.encode(), ListOptions(exported_s=made_s), duration_s=parse_duration)
    assert devices.problems == ()
    return devices


def ages(values_s: np.ndarray) -> Ages:
    return Ages.from_ages(values_s, period_s=PERIOD_S)


# --- the number ----------------------------------------------------------------------------------------


def test_as_many_devices_are_not_reached_as_are_silent_for_longer_now() -> None:
    forecast = forecast_of(listed([0, 1, 7, 7 + 1 / DAY, 30, 40, 80]))
    assert {r.delay_s // DAY: r.not_reached for r in forecast.reaches} == {7: 4, 14: 3, 30: 2, 60: 1, 90: 0}


def test_the_band_is_that_of_the_model() -> None:
    (reach,) = forecast_of(listed([0] * 900 + [20] * 30 + [50] * 50 + [80] * 20), delay_s=30 * DAY).reaches
    assert reach.not_reached == 70
    margin = 1.959963985 * math.sqrt(2 * (70 - 20))
    assert (reach.low, reach.high) == (pytest.approx(70 - margin), pytest.approx(70 + margin))


def test_the_json_is_that_of_the_language() -> None:
    document = forecast_of(listed([0, 40, 20]), delay_s=30 * DAY).to_json()
    assert document["exported"] == "2026-11-27T09:00:00Z"
    assert document["devices"] == 3
    assert document["forecast"] == [
        {"delay_days": 30, "not_reached": 1, "low": 0, "high": pytest.approx(3, abs=1)}
    ]
    assert [each["device"] for each in document["chances"]] == ["d1", "d2", "d0"]
    assert document["chances"][0]["silent_days"] == 40
    assert sum(each["chance"] for each in document["chances"]) == pytest.approx(1, abs=1e-5)


def test_devices_that_never_connected_or_have_no_date_are_counted_apart() -> None:
    forecast = forecast_of(listed([0, 40], more="n,never,no\nu,,no\n"), delay_s=30 * DAY)
    document = forecast.to_json()
    assert (document["devices"], document["never_connected"], document["unknown"]) == (4, 1, 1)
    assert document["forecast"][0]["not_reached"] == 1
    assert len(document["chances"]) == 2


def test_a_list_without_any_contact_forecasts_nothing_and_says_so() -> None:
    forecast = forecast_of(read_list(b"id\n1\n", duration_s=parse_duration))
    assert [reach.not_reached for reach in forecast.reaches] == [0] * 5
    assert "nothing to forecast" in forecast.summary().answer


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize(
    "n", [300, pytest.param(2000, marks=pytest.mark.slow), pytest.param(10_000, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("days", [7, 14, 28])
def test_the_number_is_unbiased_and_its_band_covers_95_percent(law: str, n: int, days: int) -> None:
    """400 fleets: the mean error is within 4 standard errors (false alarm below 1e-4 a case), and from 91 to
    97 % of the bands hold the truth, with 3 standard deviations (1.1 % each) of room for these 400."""
    rng = np.random.default_rng([7, n, days])
    errors, inside = [], 0
    for _ in range(400):
        world = fleet(law, n, rng)
        law_of = ages(world.ages_s)
        count, twice = law_of.longer_than(days * DAY), law_of.longer_than(2 * days * DAY)
        error = count - np.count_nonzero(world.silence_s > days * DAY)
        errors.append(error)
        inside += abs(error) <= 1.96 * math.sqrt(2 * (count - twice))
    assert abs(np.mean(errors)) < 4 * np.std(errors) / 20
    assert 0.91 - 0.033 <= inside / 400 <= 0.97 + 0.026


# --- device by device ----------------------------------------------------------------------------------


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("days", [7, 28])
def test_chances_are_calibrated_by_class_of_age(law: str, days: int) -> None:
    """Where a class has enough cases, what was predicted is what happened, within a sixth and 1.5 points."""
    rng = np.random.default_rng([11, days])
    predicted, happened = np.zeros(6), np.zeros(6)
    bounds = np.array([0, 0.25, 1, 3, 7, 14, 28]) * DAY_S
    cases = np.zeros(6)
    for _ in range(20):
        world = fleet(law, 5000, rng)
        chances = ages(world.ages_s).chances(world.ages_s, days * DAY)
        kind = np.digitize(world.ages_s, bounds) - 1
        for array, values in (
            (predicted, chances),
            (happened, world.silence_s > days * DAY),
            (cases, chances >= 0),
        ):
            array += np.bincount(kind[kind < 6], values[kind < 6], minlength=6)
    difference = np.abs(predicted - happened) / cases
    assert (difference < 0.015 + happened / cases / 6).all(), (predicted / cases, happened / cases)


@pytest.mark.parametrize("n", [1, 2, 10, 300, 5000])
@pytest.mark.parametrize("days", [0.5, 7, 60, 400])
def test_chances_of_all_devices_add_up_to_the_number(n: int, days: float) -> None:
    world = fleet("lognormal", n, np.random.default_rng(n))
    law = ages(world.ages_s)
    chances = law.chances(world.ages_s, round(days * DAY))
    assert chances.sum() == pytest.approx(law.longer_than(days * DAY_S), abs=1e-3)
    assert ((chances >= 0) & (chances <= 1)).all()


def test_who_is_silent_for_longer_is_less_likely_to_return_under_a_heavy_tail() -> None:
    world = fleet("lognormal", 5000, np.random.default_rng(1))
    chances = ages(world.ages_s).chances(np.array([1, 10, 40, 100]) * DAY, 30 * DAY)
    assert (np.diff(chances) > 0).all()


def test_the_oldest_device_is_taken_as_never_returning() -> None:
    law = ages(np.array([0] * 90 + [2 * DAY] * 5 + [20 * DAY] * 4 + [100 * DAY]))
    assert law.chances(np.array([100 * DAY]), 30 * DAY) == pytest.approx([1.0])


# --- tracking: the list of a later day -----------------------------------------------------------------


def test_devices_with_the_reserve_are_safe() -> None:
    silent = [0.1] * 90 + [15] * 4 + [20] * 3 + [50] * 3
    forecast = forecast_of(listed(silent, held=frozenset(range(90))), delay_s=18 * DAY)
    assert len(forecast.chances) == 10
    assert forecast.reaches[0].not_reached == pytest.approx(forecast.chances.sum())
    assert forecast.to_json()["holds_reserve"] == 90


def test_tracking_is_unbiased() -> None:
    """After 12 of 30 days, those without the reserve are those silent for 12 days; 300 fleets, 4 standard
    errors    and 3 % for the estimate of the law."""
    rng = np.random.default_rng(3)
    errors, total = [], 0.0
    for _ in range(300):
        world = fleet("lognormal", 2000, rng)
        open_ = world.ages_s > 12 * DAY
        expected = ages(world.ages_s).chances(world.ages_s[open_], 18 * DAY).sum()
        errors.append(expected - np.count_nonzero(open_ & (world.silence_s > 18 * DAY)))
        total += expected / 300
    assert abs(np.mean(errors)) < 4 * np.std(errors) / math.sqrt(300) + 0.03 * total


def test_a_promise_that_has_become_unlikely_is_said_with_what_would_keep_it() -> None:
    silent = [0.1] * 900 + [20 + i / 2 for i in range(100)]
    forecast = forecast_of(listed(silent), delay_s=28 * DAY, most=20)
    assert forecast.kept is not None
    assert forecast.kept < 0.01
    days = forecast.delay_for(20, probability=0.95)
    assert days is not None
    assert forecast.reach(days * DAY).keeps(20) >= 0.95 > forecast.reach((days - 1) * DAY).keeps(20)
    assert forecast.summary().tone == "bad"


def test_a_promise_may_be_a_share() -> None:
    assert forecast_of(listed([0.1] * 900 + [40] * 100), delay_s=28 * DAY, most=0.2).kept == pytest.approx(1)


# --- what breaks it ------------------------------------------------------------------------------------


def test_a_holiday_to_come_makes_it_wrong_as_documented() -> None:
    """Half of the fleet goes away for 14 days after the list was made: of the devices that a delay of 14 days
    would have reached, about half are not. No list can know (docs/lists.md)."""
    rng = np.random.default_rng(5)
    world = fleet("exponential", 10_000, rng)
    count = ages(world.ages_s).longer_than(14 * DAY)
    on_holiday = rng.random(10_000) < 0.5
    actual = np.count_nonzero((world.silence_s > 14 * DAY) | (on_holiday & (world.silence_s > 6 * 3600)))
    assert actual > 2 * count


# --- presence from a list ------------------------------------------------------------------------------


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("days", [7, 28])
def test_spells_from_a_list_keep_the_share_on_and_lose_as_many_as_the_forecast(law: str, days: int) -> None:
    world = fleet(law, 5000, np.random.default_rng([13, days]))
    law_of = ages(world.ages_s)
    presence = presence_of(law_of)
    assert presence is not None
    t, share = np.array([(0, 1.0), *presence.off]).T
    assert (np.diff(t) > 0).all()
    assert (np.diff(share) <= 0).all()
    assert share[-1] == 0
    mean = np.sum(np.diff(t) * (share[1:] + share[:-1]) / 2)
    is_on = world.ages_s < PERIOD_S
    assert presence.on_mean_s / (presence.on_mean_s + mean) == pytest.approx(is_on.mean())
    silent = world.ages_s[~is_on]
    lost = (np.interp(silent + days * DAY, t, share) / np.interp(silent, t, share)).sum()
    lost += is_on.sum() / presence.on_mean_s * PERIOD_S / 2 * np.interp(days * DAY, t, share)
    count, twice = law_of.longer_than(days * DAY), law_of.longer_than(2 * days * DAY)
    assert abs(lost - count) < 1.96 * math.sqrt(2 * (count - twice))


def test_without_absences_or_without_presence_there_are_no_spells() -> None:
    assert presence_of(ages(np.arange(1000))) is None
    assert presence_of(ages(np.arange(1000) + 30 * DAY)) is None
    assert presence_of(ages(np.zeros(0, dtype=np.int64))) is None


# --- hints ---------------------------------------------------------------------------------------------


def test_contacts_at_working_hours_are_noticed_in_the_zone_of_the_list() -> None:
    """On ten workdays phones were last seen at 8:30, 9:30, … 16:30 in Berlin: nine hours hold them all."""
    made_s = int(datetime(2026, 11, 27, 22, tzinfo=UTC).timestamp())  # a Friday
    seen = [
        datetime(2026, 11, day, hour - 1, 30, tzinfo=UTC) for day in range(9, 21) for hour in range(8, 17)
    ]
    at_work = [each for each in seen if each.weekday() < 5]
    found = contact_hours(last_seen(at_work, made_s))
    assert found == ("mon-fri", 8, 17, 1.0, 90, "Europe/Berlin")
    found = contact_hours(last_seen(seen, made_s))
    assert found is not None
    assert found[:3] == ("mon-sun", 8, 17)
    assert contact_hours(listed([2 + d + h / 24 for d in range(10) for h in range(24)])) is None
    assert contact_hours(last_seen(at_work[:49], made_s)) is None, "too few to tell"
    assert contact_hours(last_seen([each.replace(hour=8) for each in at_work], made_s)) is None, "a daily job"


def last_seen(moments: list[datetime], made_s: int) -> DeviceList:
    content = "id,last_sync\n" + "".join(f"d{i},{each:%Y-%m-%dT%H:%MZ}\n" for i, each in enumerate(moments))
    options = ListOptions(exported_s=made_s, timezone="Europe/Berlin")
    return read_list(content.encode(), options, duration_s=parse_duration)


# --- earlier lists -------------------------------------------------------------------------------------


def test_a_forecast_is_compared_with_what_became_of_the_devices() -> None:
    """Of six devices: d0, d1 are reached in 7 days; d2, d3 are not; d4 was silent and is missing later; d5 is
    replaced."""
    first = listed([0.1, 8, 0.2, 20, 30, 0.3])
    later = NOW_S + 7 * DAY
    rows = f"d0,{later - 3600}\nd1,{NOW_S + DAY}\nd2,{NOW_S - DAY // 5}\nd3,{NOW_S - 20 * DAY}\n"
    content = f"id,last_sync\n{rows}".encode()
    second = read_list(content, ListOptions(exported_s=later), duration_s=parse_duration)
    (past,) = backtest([second, first], delay_s=7 * DAY).past
    assert (past.forecast, past.not_reached, past.devices) == (3, 3, 6)
    assert past.sd == pytest.approx(math.sqrt(2 * (3 - 2)))


def test_phi_is_the_root_mean_square_of_the_errors_and_at_least_one() -> None:
    def day(number: int, silent: int) -> DeviceList:
        """100 devices, of which the last ones have not been in contact since day 0."""
        return listed([0.1] * (100 - silent) + [number + 40] * silent, made_s=NOW_S + number * DAY)

    history = backtest([day(0, 30), day(7, 10), day(14, 10)], delay_s=7 * DAY)
    assert [(each.forecast, each.not_reached) for each in history.past] == [(30, 10), (10, 10)]
    assert history.phi == pytest.approx(math.sqrt((20**2 + 0) / 2)), "the sd of neither exceeds one device"
    assert backtest([day(0, 10), day(7, 10)], delay_s=7 * DAY).phi == 1.0
    assert backtest([day(0, 10)], delay_s=7 * DAY).phi == 1.0


def test_phi_of_independent_devices_is_about_one_and_of_common_causes_more() -> None:
    """60 fleets each; the root mean square of 60 standard normal errors exceeds 1.4 once in 10,000 times."""
    rng = np.random.default_rng(17)
    past = []
    for _ in range(60):
        world = fleet("weibull", 2000, rng)
        law = ages(world.ages_s)
        count, twice = law.longer_than(7 * DAY), law.longer_than(14 * DAY)
        actual = int(np.count_nonzero(world.silence_s > 7 * DAY))
        past.append(Past(0, 7 * DAY, count, math.sqrt(2 * (count - twice)), actual, 2000))
    assert 1.0 <= History(tuple(past), 7 * DAY, 61).phi < 1.4


SILENT = [0.1 + 0.001 * i for i in range(460)] + [10.0 + i for i in range(40)]


def test_a_disturbance_is_proposed_that_errs_as_the_forecasts_did() -> None:
    """Two of ten starts missed 100 devices more than forecast, 20 sd: phi = sqrt(2 · 20² / 10). 21 devices
    are silent for longer than 28 days, none for 56: the excess of the variance is 2 · 21 · (phi² - 1). It is
    that of s · 479 devices with probability 1 in 5, for which 1 in 5 gaps is one of 1 s."""
    now = listed(SILENT)
    assert forecast_of(now, delay_s=28 * DAY, history=history(0)).disturbance is None, "independent"
    assert forecast_of(now, delay_s=28 * DAY).disturbance is None, "nobody knows"
    forecast = forecast_of(now, delay_s=28 * DAY, history=history(100))
    assert forecast.disturbance is not None
    (written,) = yaml.safe_load(forecast.disturbance)["calendar"]["disturbances"]
    assert sorted(written["every"]["empirical"]) == ["1s"] + ["400d"] * 4
    assert written["lasts"] == "29d"
    share = math.sqrt(2 * 21 * (80 - 1) / (0.2 * 0.8)) / 479
    assert float(written["share"].removesuffix("%")) / 100 == pytest.approx(share, rel=1e-2)


@pytest.mark.slow
def test_a_run_with_the_proposed_disturbance_varies_as_the_band_says(tmp_path: Path) -> None:
    """Of 300 replications; the number of occurrences among them has a relative sd of 12 %, the sd of the
    losses one of 6 %: four of them."""
    forecast = forecast_of(listed(SILENT), delay_s=28 * DAY, history=history(100))
    rows = "\n".join(f"d{i},{NOW_S - round(age * DAY)}" for i, age in enumerate(SILENT))
    (tmp_path / "d.csv").write_text(f"id,last_sync\n{rows}\n")
    group = {"name": "g", "inventory": "d.csv", "list": {"exported": "start"}, "presence": "from list"}
    document = {
        "name": "n",
        "start": "2026-11-27 09:00",
        "duration": "29d",
        "replications": 300,
        "server": {"certificate": {"expires": "day 300"}, "automatic_reissue": "off"},
        "fleet": [group | {"sync": {"every": "6h"}}],
        "strategy": [{"at": "start", "reissue": {"activate": "after 28d"}}],
        **yaml.safe_load(forecast.disturbance or ""),
    }
    result = sim.run(sim.Scenario.from_document(document, folder=tmp_path))
    assert result.statistics["lost_devices"]["sd"] == pytest.approx(forecast.reaches[0].sd, rel=0.25)


def history(more: int) -> History:
    """Ten start days, of which two missed so many more than forecast."""
    past = [Past(7 * i * DAY, 28 * DAY, 30, 5.0, 30 + (more if i % 5 == 0 else 0), 500) for i in range(10)]
    return History(tuple(past), 28 * DAY, 11)


def test_lists_of_a_folder_are_dated_by_name_or_newest_contact(tmp_path: Path) -> None:
    (tmp_path / "devices-2026-03-02.csv").write_text("id,last_sync\n1,2026-03-01 08:00\n")
    (tmp_path / "20260309_0715.csv").write_text("id,last_sync\n1,2026-03-01 08:00\n")
    (tmp_path / "export-2026-03-16.csv").write_text("id,last_sync\n1,2026-03-16 06:30\n")
    (tmp_path / "last.csv").write_text("id,last_sync\n1,2026-03-20 06:30\n")
    (tmp_path / "notes.md").write_text("nothing")
    lists = read_history(tmp_path, ListOptions(), duration_s=parse_duration)
    made = sorted(datetime.fromtimestamp(each.exported_s or 0, UTC).isoformat()[:16] for each in lists)
    assert made == ["2026-03-02T00:00", "2026-03-09T07:15", "2026-03-16T06:30", "2026-03-20T06:30"]


def test_a_folder_without_lists_or_with_a_wrong_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="0 lists"):
        read_history(tmp_path, ListOptions(), duration_s=parse_duration)
    with pytest.raises(InputError, match="cannot be listed"):
        read_history(tmp_path / "none", ListOptions(), duration_s=parse_duration)
    (tmp_path / "a.csv").write_text("id,last_sync\n1,2 days ago\n")
    with pytest.raises(ListError, match=r"a\.csv:2: "):
        read_history(tmp_path, ListOptions(), duration_s=parse_duration)


# --- outputs -------------------------------------------------------------------------------------------


def test_the_table_of_devices_has_the_worst_first_and_no_formula() -> None:
    content = b'id,last_sync,group\n=1+1,1795770000,"@x"\n-SUM(A1),1795683600,-3\np,1795680000,\n'
    rows = forecast_of(read_list(content, duration_s=parse_duration), delay_s=DAY).to_csv().splitlines()
    assert rows[0] == "id,platform,group,last_sync,silent_days,chance"
    assert [row.split(",")[0] for row in rows[1:]] == ["p", "'-SUM(A1)", "'=1+1"]
    assert rows[2].split(",")[2] == "-3"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=x", "'=x"),
        ("+x", "'+x"),
        ("@x", "'@x"),
        ("-x", "'-x"),
        ("-1", "-1"),
        ("x", "x"),
        ("", ""),
        ("\tx", "'\tx"),
    ],
)
def test_a_cell_is_no_formula(text: str, cell: str) -> None:
    assert no_formula(text) == cell
