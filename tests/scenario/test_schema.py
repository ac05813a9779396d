"""The defaults and the resolved values of a scenario are those of the language page (language 1)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from sim.scenario import Scenario, ScenarioError, load
from sim.scenario.fields import Activate
from sim.scenario.fleet import Spells
from sim.scenario.prepare import prepare
from sim.scenario.schema import AddressChange, Empty
from sim.world.distributions import Distribution

MINIMAL: dict[str, Any] = {
    "name": "n",
    "start": "2026-03-01",
    "duration": "120d",
    "fleet": [{"name": "g", "devices": 1}],
}
DAY_S = 86_400
HOUR_S = 3_600

ROOT = Path(__file__).parents[2]


def scenario(**more: Any) -> Scenario:
    return Scenario.from_document({**MINIMAL, **more})


def test_the_defaults_are_those_of_the_language() -> None:
    read = scenario()
    assert (read.description, read.seed, read.replications) == ("", 1, 1)
    assert (read.strategy, read.guarantees, read.recovery) == ((), (), None)
    server = read.server
    assert (server.behaviour, server.activation, server.outages) == ("ksmm-6.0", "earliest", ())
    assert (server.certificate.issuer, server.certificate.valid_for) == ("ksc", 397 * DAY_S)
    assert server.automatic_reissue == "default"
    group = read.fleet[0]
    assert (group.platform, group.presence, group.columns) == ("android", "always", {})
    sync = group.sync
    assert (sync.every, sync.phase, sync.jitter, sync.success, sync.catch_up) == (
        6 * HOUR_S,
        "random",
        0,
        1.0,
        True,
    )
    assert read.start == datetime(2026, 3, 1, tzinfo=UTC)
    assert read.duration == 120 * DAY_S


def test_the_first_certificate_is_valid_from_the_start_unless_it_says_otherwise() -> None:
    assert scenario().expiry_s == 397 * DAY_S
    assert scenario(server={"certificate": {"valid_for": "47d"}}).expiry_s == 47 * DAY_S
    assert scenario(server={"certificate": {"expires": "day 61"}}).validity_s == (
        61 * DAY_S - 397 * DAY_S,
        61 * DAY_S,
    )
    assert scenario(server={"certificate": {"expires": "start"}}).expiry_s == 0
    assert scenario(server={"certificate": {"valid_for": "30d", "expires": "day 30"}}).validity_s == (
        0,
        30 * DAY_S,
    )


def test_an_empty_recovery_is_the_desk_of_the_example() -> None:
    desk = scenario(recovery={}).recovery
    assert desk is not None
    assert (desk.technicians, desk.begins) == (4, 4 * HOUR_S)
    assert desk.owner_responds == Distribution.exponential(2 * DAY_S)
    assert desk.takes == Distribution.lognormal(20 * 60, 0.5)


@pytest.mark.parametrize("nobody", [None, "none"])
def test_no_recovery_may_be_said(nobody: object) -> None:
    assert scenario(recovery=nobody).recovery is None


@pytest.mark.parametrize(
    ("written", "lead_s"),
    [
        ("default", 90 * DAY_S),
        ("off", None),
        ("on", 90 * DAY_S),
        ({"lead": "60d"}, 60 * DAY_S),
        ({}, 90 * DAY_S),
        (None, 90 * DAY_S),
    ],
)
def test_automatic_reissue(written: object, lead_s: int | None) -> None:
    assert prepare(scenario(server={"automatic_reissue": written})).plan.automatic_lead_s == lead_s


@pytest.mark.parametrize(
    ("written", "activate"),
    [
        (None, Activate("after", 30 * DAY_S)),
        ("immediately", Activate("immediately")),
        ("after 30d", Activate("after", 30 * DAY_S)),
        ("after P1DT12H", Activate("after", 36 * HOUR_S)),
        ("after 0d", Activate("after", 0)),
        ("at expiry", Activate("at expiry")),
    ],
)
def test_activation(written: object, activate: Activate) -> None:
    step = scenario(strategy=[{"at": "day 1", "reissue": {"activate": written}}]).strategy[0]
    assert step.reissue is not None
    assert step.reissue.activate == activate
    assert step.reissue.valid_for is None
    assert step.reissue.address == "keep"


def test_an_action_without_settings_may_stand_without_a_value() -> None:
    read = scenario(
        strategy=[
            {"at": "day 1", "reissue": None},
            {"at": "day 2", "cancel_reserve": None},
            {"at": "day 3", "restore_previous": {}},
        ]
    )
    assert read.strategy[0].reissue is not None
    assert read.strategy[1].cancel_reserve == Empty()
    assert read.strategy[1].reissue is None
    assert read.strategy[2].restore_previous == Empty()


def test_a_change_of_address() -> None:
    address = {"change_to": "new.example.com:13292", "opens": "day 50", "old_address_stays": "7d"}
    step = scenario(strategy=[{"at": "day 1", "reissue": {"address": address}}]).strategy[0]
    assert step.reissue is not None
    change = step.reissue.address
    assert isinstance(change, AddressChange)
    assert (change.change_to, change.old_address_stays) == ("new.example.com:13292", 7 * DAY_S)
    assert change.opens is not None
    assert change.opens.text == "day 50"


@pytest.mark.parametrize("presence", ["always", "never"])
def test_presence_in_a_word(presence: str) -> None:
    assert scenario(fleet=[{"name": "g", "devices": 0, "presence": presence}]).fleet[0].presence == presence


def test_presence_in_spells() -> None:
    read = scenario(
        fleet=[{"name": "g", "devices": 0, "presence": {"on": "8h", "off": {"uniform": ["1h", "2h"]}}}]
    )
    presence = read.fleet[0].presence
    assert isinstance(presence, Spells)
    assert (presence.on, presence.off) == (
        Distribution.constant(8 * HOUR_S),
        Distribution.uniform(3600, 7200),
    )


@pytest.mark.parametrize(
    ("sync", "field", "value"),
    [
        ({"phase": "3h"}, "phase", 3 * HOUR_S),
        ({"phase": "even"}, "phase", "even"),
        ({"phase": "0s"}, "phase", 0),
        ({"success": 0.98}, "success", 0.98),
        ({"success": 1}, "success", 1.0),
        ({"success": "0%"}, "success", 0.0),
        ({"catch_up": "yes"}, "catch_up", True),
        ({"catch_up": "no"}, "catch_up", False),
        ({"catch_up": False}, "catch_up", False),
        ({"every": "1s"}, "every", 1),
        ({"every": "1h", "jitter": "59m59s"}, "jitter", 3599),
        ({"every": "1h", "phase": "59m59s"}, "phase", 3599),
    ],
)
def test_sync_at_its_bounds(sync: dict[str, object], field: str, value: object) -> None:
    read = getattr(scenario(fleet=[{"name": "g", "devices": 1, "sync": sync}]).fleet[0].sync, field)
    assert read == value
    assert isinstance(read, type(value))
    assert isinstance(read, bool) == isinstance(value, bool)


@pytest.mark.parametrize(
    ("guarantee", "bound"),
    [
        ({"measure": "lost_devices", "at_most": 0}, 0.0),
        ({"measure": "lost_share", "at_most": "0.1%"}, 0.001),
        ({"measure": "lost_share", "at_most": 1}, 1.0),
        ({"measure": "device_days_lost", "at_most": 31.2}, 31.2),
        ({"measure": "helpdesk_hours", "at_most": 3}, 3.0),
        ({"measure": "time_to_reconnect", "at_most": "2d"}, 2.0 * DAY_S),
        ({"measure": "times_lost", "at_most": 3}, 3.0),
    ],
)
def test_a_bound_is_counted_in_what_its_measure_is(guarantee: dict[str, object], bound: float) -> None:
    assert scenario(guarantees=[guarantee]).guarantees[0].at_most == bound


def test_the_defaults_of_a_guarantee() -> None:
    plain, likely, slow, half = scenario(
        guarantees=[
            {"measure": "lost_devices", "at_most": 0},
            {"measure": "lost_devices", "at_most": 0, "probability": "95%"},
            {"measure": "time_to_reconnect", "at_most": "2d"},
            {"measure": "time_to_reconnect", "at_most": "2d", "quantile": "50%", "allow_vacuous": "yes"},
        ]
    ).guarantees
    assert (plain.probability, plain.confidence, plain.quantile, plain.allow_vacuous) == (
        None,
        None,
        None,
        False,
    )
    assert (likely.probability, likely.confidence) == (0.95, 0.95)
    assert (slow.quantile, half.quantile, half.allow_vacuous) == (1.0, 0.5, True)


def test_a_scenario_cannot_be_altered() -> None:
    read = scenario()
    with pytest.raises(ValidationError):
        read.seed = 2
    with pytest.raises(ValidationError):
        read.fleet[0].sync.every = 1


@pytest.mark.parametrize(
    "more",
    [
        {"fleet": [{"name": "g", "devices": 0}]},
        {"fleet": [{"name": "g", "devices": 100_000_000}]},
        {"strategy": []},
        {"guarantees": []},
        {"seed": 0},
        {"seed": 2**63 - 1},
        {"replications": 1_000_000},
        {"duration": "1s"},
        {"duration": "36525d"},
        {"start": "1970-01-01"},
        {"start": "2100-12-31T23:59:59Z"},
        {
            "description": None,
            "server": None,
            "strategy": None,
            "guarantees": None,
            "seed": None,
            "replications": None,
        },
        {"server": {"certificate": None, "outages": None, "activation": "date", "behaviour": "ksmm-4.1"}},
        {"strategy": [{"at": "2030-01-01", "reissue": None}]},
        {"server": {"outages": [{"from": "day 500", "for": "1d"}]}},
        {"strategy": [{"at": "start", "reissue": {"issuer": "custom", "valid_for": "397d"}}]},
        {"server": {"address": "[2001:db8::1]:13292"}},
        {"server": {"address": "10.0.0.1:65535"}},
        {"server": {"certificate": {"issuer": "custom", "expires": "2026-03-01"}}},
        {
            "guarantees": [
                {"measure": "reconnected_devices", "at_least": 1, "within": "14d", "platform": "ios"}
            ]
        },
    ],
)
def test_what_is_possible_is_read(more: dict[str, Any]) -> None:
    assert scenario(**more).name == "n"


def test_a_start_with_an_offset_is_kept_in_utc() -> None:
    assert scenario(start="2026-03-01T02:00:00+02:00").start == datetime(2026, 3, 1, tzinfo=UTC)
    with pytest.raises(ScenarioError, match="2101"):
        scenario(start="2100-12-31T23:59:59-05:00")


def test_ten_thousand_certificates_of_automatic_reissue_are_enough() -> None:
    plan = load(
        ROOT / "scenarios" / "certificates_47_days.yaml"
    )  # 1,095 days: a life of 9,460.8 s gives 10,000
    plan.changed({"server.certificate.valid_for": "9461s"})
    plan.changed({"server.certificate.valid_for": "9460s", "server.automatic_reissue": False})
    with pytest.raises(ScenarioError, match="valid_for"):
        plan.changed({"server.certificate.valid_for": "9460s"})
