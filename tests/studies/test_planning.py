"""The least delay and the latest day: against closed forms (model 9.4), constraints, and what binds."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from icalendar import Calendar
from scipy.stats import binom

import sim
from sim.cli.commands import cli
from sim.report.schedule import calendar_of
from sim.studies.alternatives import scaled
from sim.studies.delays import PlanError
from sim.studies.search import places

D = 86_400


def scenario(**changes: Any) -> sim.Scenario:
    """2,000 phones; a fifth of them away, for four days on average. The certificate expires on day 80."""
    document = {
        "name": "plan",
        "start": "2026-03-01",
        "duration": "90d",
        "server": {"certificate": {"expires": "day 80"}, "automatic_reissue": "off"},
        "fleet": [
            {
                "name": "phones",
                "devices": 2000,
                "sync": {"every": "6h"},
                "presence": {"on": {"exponential": "16d"}, "off": {"exponential": "4d"}},
            }
        ],
        "strategy": [{"at": "day 10", "reissue": {"activate": "after 30d"}}],
        **changes,
    }
    return sim.Scenario.from_document(document)


def steady(every: str, devices: int = 100, **more: Any) -> dict[str, Any]:
    """Phones that are always on."""
    return {"fleet": [{"name": "phones", "devices": devices, "sync": {"every": every, **more}}]}


def plan(written: sim.Scenario, **options: Any) -> sim.Decision:
    return sim.plan(written, **{"vary": False, **options})


@pytest.mark.parametrize("most_lost", [20, 60])
def test_the_day_is_that_of_the_closed_form(most_lost: int) -> None:
    """P(lost after W) = 0.2 exp(-W / 4 d) (model 9.4), and the number lost is binomial.

    The least whole day is the least whose 95 % quantile of the number lost is within the target.
    """
    written = scenario().changed({"strategy.0.reissue.activate": "immediately"})
    found = plan(written, lost_at_most=most_lost, follow_advice=False)
    theory = next(d for d in range(80) if binom.ppf(0.95, 2000, 0.2 * math.exp(-d / 4)) <= most_lost)
    assert found.by == "exact"
    assert found.delay_days == theory
    assert found.binding == "target"
    assert found.specify_by is not None
    assert (found.expires - found.specify_by).days == found.delay_days
    assert found.activated == found.expires
    assert found.lost_share == pytest.approx(0.2 * math.exp(-theory / 4), rel=0.05)
    low, median, high = found.choice.lost
    expected = binom.ppf([0.05, 0.5, 0.95], 2000, found.lost_share)
    assert [low, median, high] == expected.tolist()


def test_a_share_and_a_number_are_the_same_target() -> None:
    by_share, by_number = (plan(scenario(), lost_at_most=most, follow_advice=False) for most in (0.01, 20))
    assert by_share.to_json() == by_number.to_json()
    assert by_share.most_lost == 20


def test_always_on_with_one_phone_every_day_of_the_period_needs_the_period() -> None:
    """40 phones a day apart at noon, one turn in 40 days each: the last has its turn within the 40th day."""
    found = plan(scenario(**steady("40d", 40, phase="even")), lost_at_most=0, follow_advice=False)
    assert found.delay_days == 41  # longer than the synchronization period, which is asked for
    assert found.binding == "sync period"
    assert found.needed_days == 40


def test_the_advice_binds_unless_it_is_set_aside() -> None:
    every_day = scenario(**steady("1d"))
    advised = plan(every_day, lost_at_most=0)
    assert (advised.delay_days, advised.binding) == (30, "30-day advice")
    assert f"{advised.specify_by:%Y-%m-%d %H:%M}" == "2026-04-20 00:00"  # day 80 is 20 May
    free = plan(every_day, lost_at_most=0, follow_advice=False)
    assert (free.delay_days, free.binding) == (2, "sync period")


def test_devices_that_never_synchronize_leave_no_plan() -> None:
    fleet = [*steady("6h")["fleet"], {"name": "drawer", "devices": 3, "presence": "never"}]
    found = plan(scenario(fleet=fleet), lost_at_most=2)
    assert (found.delay_days, found.specify_by, found.binding) == (
        None,
        None,
        "devices that never synchronize",
    )
    assert found.lost == ("drawer/0", "drawer/1", "drawer/2")
    assert (found.shortfall, found.choice.lost) == (1, (3, 3, 3))
    assert found.lost_share == pytest.approx(3 / 103)
    assert plan(scenario(fleet=fleet), lost_at_most=3).delay_days == 30


def test_too_short_a_life_leaves_no_plan() -> None:
    """The last of four phones has its turn 35 days after the start; the certificate ends after 30."""
    server = {"certificate": {"expires": "day 30"}, "automatic_reissue": "off"}
    found = plan(scenario(server=server, **steady("40d", 4, phase="even")), lost_at_most=0)
    assert (found.delay_days, found.binding, found.lost) == (None, "remaining life", ("phones/3",))


def test_the_new_certificate_must_outlive_the_wait() -> None:
    strategy = [{"at": "day 1", "reissue": {"activate": "after 30d", "valid_for": "20d"}}]
    found = plan(scenario(strategy=strategy, **steady("1d")), lost_at_most=0)
    assert (found.delay_days, found.binding) == (19, "validity of the new certificate")


def test_a_scenario_without_a_reissue_gets_one() -> None:
    assert plan(scenario(strategy=[], **steady("1d")), lost_at_most=0).delay_days == 30


def test_the_run_is_taken_as_far_as_the_expiry() -> None:
    assert plan(scenario(duration="20d", **steady("1d")), lost_at_most=0).delay_days == 30


@pytest.mark.parametrize(("n", "share"), [(59, 0.95), (99, 0.95), (1000, 0.5)])
def test_order_statistics_hold_a_quantile_between_them_with_the_stated_confidence(
    n: int, share: float
) -> None:
    """P(the k-th of n is at least the quantile) = P(Bin(n, share) < k), and at most with P(Bin >= k)."""
    low, high = places(n, share)
    assert binom.cdf(high, n, share) >= 0.95 > binom.cdf(high - 1, n, share)
    assert binom.sf(low, n, share) >= 0.95 > binom.sf(low + 1, n, share)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lost_at_most": 0.01, "confidence": 1.0}, "between 0 and 100 %"),
        ({"lost_at_most": -1}, "not a share or a number"),
    ],
)
def test_what_cannot_be_planned_says_why(options: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        sim.plan(scenario(), **options)


def test_a_strategy_in_which_more_happens_is_not_planned() -> None:
    strategy = [{"at": "day 1", "reissue": {"activate": "immediately"}}, *scenario().document["strategy"]]
    with pytest.raises(PlanError, match="strategy of one reissue"):
        plan(scenario(strategy=strategy), lost_at_most=0)


def test_a_reserve_that_is_taken_back_is_not_planned_with() -> None:
    strategy = [*scenario().document["strategy"], {"at": "day 70", "cancel_reserve": {}}]
    with pytest.raises(PlanError, match="strategy of one reissue"):
        plan(scenario(strategy=strategy), lost_at_most=0)


def test_devices_that_refuse_the_certificate_leave_no_plan() -> None:
    """80 iPhones refuse a certificate without the extended key usage that Apple asks for."""
    found = plan(sim.load("scenarios/custom_certificate_strands_ios.yaml"), lost_at_most=79)
    assert (found.delay_days, found.binding) == (None, "devices that refuse the certificate")
    assert found.lost == tuple(f"iphones/{i}" for i in range(80))
    assert found.lost_share == pytest.approx(80 / 200)


def test_longer_absences_ask_for_longer_delays() -> None:
    """Half as long and twice as long: 0.2 exp(-W / 4 d) scales with W."""
    found = plan(scenario(), lost_at_most=60, follow_advice=False, vary=True)
    days = {variant.assumption: variant.delay_days for variant in found.variants}
    assert days["more than another 3 % of the fleet never synchronize"] is None
    now, half, twice = (
        days[a] for a in ("the fleet as it is", "absences half as long", "absences twice as long")
    )
    assert half is not None
    assert now is not None
    assert twice is not None
    assert half < now < twice
    dormant = [days[f"another {share} % of the fleet never synchronize"] for share in ("0.75", "1.5", "2.2")]
    assert [now, *dormant] == sorted([now, *dormant])


@pytest.mark.parametrize(
    ("written", "twice"),
    [
        ("3d", "518400s"),
        ({"exponential": "1h"}, {"exponential": "7200s"}),
        ({"uniform": ["1h", "2h"]}, {"uniform": ["7200s", "14400s"]}),
        ({"lognormal": {"median": "1h", "sigma": 1.5}}, {"lognormal": {"median": "7200s", "sigma": 1.5}}),
        ({"weibull": {"scale": "1h", "shape": 0.5}}, {"weibull": {"scale": "7200s", "shape": 0.5}}),
        ({"empirical": ["1h", "2h"]}, {"empirical": ["7200s", "14400s"]}),
        ({"still_away": {"1h": "50%", "2h": 0}}, {"still_away": {"7200s": "50%", "14400s": 0}}),
    ],
)
def test_a_distribution_twice_as_long(written: Any, twice: Any) -> None:
    assert scaled(written, 2.0) == twice


def test_the_calendar_has_the_dates() -> None:
    """Valid for 397 days from April 20, 2026: the next is due 30 days before May 22, 2027."""
    found = plan(scenario(name="Plan, with; signs", **steady("1d")), lost_at_most=0)
    text = calendar_of(found)
    events = {
        str(event["SUMMARY"]): event.decoded("DTSTART") for event in Calendar.from_ical(text).walk("VEVENT")
    }
    assert sorted(f"{at:%m-%d}" for at in events.values()) == ["04-13", "04-20", "04-22", "05-20"]
    alarms = [
        event.walk("VALARM")[0]["TRIGGER"].to_ical() for event in Calendar.from_ical(text).walk("VEVENT")
    ]
    assert alarms == [b"-P1D"] * 4
    assert text == calendar_of(found)
    assert all(len(line) <= 75 for line in text.split(b"\r\n"))


def test_the_command_prints_the_document_of_the_language_and_its_exit_code_tells(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text(scenario(**steady("1d")).to_yaml(), encoding="utf-8")
    arguments = ["plan", str(file), "--lost-at-most", "0.1%", "--json"]
    ran = CliRunner().invoke(
        cli, [*arguments, "--calendar", str(tmp_path / "dates.ics")], standalone_mode=False
    )
    document = json.loads(ran.stdout)
    assert (document["delay_days"], document["binding"], document["lost_share"]) == (30, "30-day advice", 0)
    assert document["specify_by"] == "2026-04-20T00:00:00Z"
    assert (ran.return_value, (tmp_path / "dates.ics").read_bytes()[:15]) == (0, b"BEGIN:VCALENDAR")
    never = ["--set", "fleet.0.presence=never"]
    file = tmp_path / "none.ics"
    ran = CliRunner().invoke(cli, [*arguments, *never, "--calendar", str(file)], standalone_mode=False)
    assert "none.ics is not written" in ran.stderr
    assert not file.exists()
    assert (json.loads(ran.stdout)["delay_days"], ran.return_value) == (None, 1)


@pytest.mark.parametrize("target", ["-1", "101%", "100%", "many", "nan", "inf", ""])
def test_a_target_that_is_none_is_a_mistake(target: str, tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text(scenario().to_yaml(), encoding="utf-8")
    ran = CliRunner().invoke(cli, ["plan", str(file), "--lost-at-most", target])
    assert ran.exit_code == 2
    assert "Invalid value" in ran.output
