"""The cookbook: every scenario under scenarios/ against the number that counting or theory gives.

Where a number is random, the interval has a false-alarm rate of at most one in a million; seeds are fixed.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import gammaincc

import sim
from sim.cli.run import exit_code
from sim.lists.devices import KNOWN
from sim.scenario.findings import findings_of
from sim.studies.output import write

FOLDER = Path(__file__).parents[2] / "scenarios"
H, D = 3600, 86_400
FALSE_ALARM = 1e-6

FINDINGS: Mapping[str, list[str]] = {
    "automatic_reissue_6_0": [],
    "certificates_47_days": ["activation-below-30-days", "reissue-below-30-days-before-expiry"],
    "changed_address": ["gap-between-addresses"],
    "custom_certificate": ["expiry-without-reserve"],
    "custom_certificate_refused": ["expiry-without-reserve", "kaspersky-key-usage"],
    "custom_certificate_strands_ios": ["apple-extended-key-usage", "ios-refuses-the-certificate"],
    "delay_below_sync_period": ["activation-not-whole-days", "activation-within-sync-period"],
    "delay_equal_to_sync_period": ["activation-not-whole-days", "activation-within-sync-period"],
    "delayed_30d": [],
    "expired_without_reserve": ["expiry-without-reserve"],
    "helpdesk_after_total_loss": ["desk-around-the-clock", "expiry-without-reserve"],
    "immediate": ["immediately-with-devices"],
    "immediate_taken_back": ["immediately-with-devices", "restore-denied"],
    "inventory": [],
    "late_reserve": [
        "activation-within-sync-period",
        "expiry-without-reserve",
        "reissue-below-30-days-before-expiry",
    ],
    "no_automatic_reissue_4_1": ["expiry-without-reserve"],
    "christmas": ["activation-below-30-days"],
    "desk_hours": ["expiry-without-reserve"],
    "gate": ["no-delivery"],
    "office_hours_monday": [
        "activation-below-30-days",
        "activation-not-whole-days",
        "no-delivery",
        "reissue-below-30-days-before-expiry",
    ],
    "push_and_chase": ["activation-within-sync-period", "no-delivery"],
    "reserve_at_installation": [],
    "server_off": [
        "activation-within-sync-period",
        "expiry-without-reserve",
        "reissue-below-30-days-before-expiry",
    ],
    "warehouse_dark": [],
    "reserve_replaced": [
        "activation-not-whole-days",
        "activation-within-sync-period",
        "reissue-below-30-days-before-expiry",
        "reserve-replaced",
    ],
}
every_scenario = pytest.mark.parametrize("name", sorted(FINDINGS))


@cache
def scenario_of(name: str) -> sim.Scenario:
    return sim.load(FOLDER / f"{name}.yaml")


@cache
def result_of(name: str) -> sim.Result:
    return sim.run(scenario_of(name))


def changed(name: str, changes: Mapping[str, Any]) -> sim.Result:
    return sim.run(scenario_of(name).changed(changes))


def lost(result: sim.Result, group: str | None = None) -> Any:
    return (result.measures if group is None else result.groups[group])["lost_devices"]


def seconds(result: sim.Result, column: str) -> pd.Series[float]:
    """An instant of every device in seconds from the start; NaN for never."""
    start = pd.Timestamp(result.scenario.start)
    return (result.devices[column] - start) / pd.Timedelta(seconds=1)


def happened(result: sim.Result, name: str) -> list[float]:
    """The instants of the events of that name, in days."""
    events = result.events
    at = events.loc[events["event"] == name, "at"]
    return ((at - pd.Timestamp(result.scenario.start)) / pd.Timedelta(days=1)).tolist()


def number_of_successes(probabilities: Iterable[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The distribution of the number of successes among independent trials of unequal probability."""
    chances = np.array([1.0])
    for p in probabilities:
        chances = np.convolve(chances, [1 - p, p])
    return chances


def assert_plausible(count: int, low: Sequence[float], high: Sequence[float] | None = None) -> None:
    """`count` is likely as the number of successes, with probabilities between `low` and `high`."""
    not_fewer = number_of_successes(low)[: count + 1].sum()
    not_more = number_of_successes(low if high is None else high)[count:].sum()
    assert not_fewer > FALSE_ALARM / 2, f"{count} is too few"
    assert not_more > FALSE_ALARM / 2, f"{count} is too many"


# --- each scenario -------------------------------------------------------------------------------------


def test_automatic_reissue_6_0_loses_nobody_who_returns_within_the_lead() -> None:
    # Bound (model 9.3): longest absence 80 d + period 6 h is below the 90 d from reserve to expiry.
    result = result_of("automatic_reissue_6_0")
    assert lost(result) == 0
    assert result.measures["reserve_coverage"] == 1
    assert happened(result, "reserve specified") == [100 - 90]
    assert happened(result, "reserve activated") == happened(result, "certificate expired") == [100]
    assert set(result.events.loc[result.events["event"] == "reserve specified", "by"]) == {"automatic"}


def test_no_automatic_reissue_4_1_loses_the_same_fleet_at_the_expiry() -> None:
    result = result_of("no_automatic_reissue_4_1")
    assert lost(result) == 100 + 50
    assert set(seconds(result, "lost_at")) == {100 * D}
    assert result.measures["device_days_lost"] == 150 * (120 - 100)
    assert result.measures["reserve_coverage"] is None
    told = {
        key: scenario_of("automatic_reissue_6_0").document[key]
        for key in ("name", "description", "guarantees")
    }
    other = scenario_of("no_automatic_reissue_4_1").changed({**told, "server.behaviour": "ksmm-6.0"})
    assert other == scenario_of("automatic_reissue_6_0")


def test_certificates_47_days_change_44_times_without_a_loss() -> None:
    # The first runs for 47 d. Each reserve is made 23 d before the expiry, so 47 - 23 = 24 d of its life are
    # left to be main: changes on day 47 + 24 k. Absent for 20 d + a period of 1 d stays within the 23 d.
    changes = [47 + 24 * k for k in range(1095) if 47 + 24 * k < 1095]
    assert len(changes) == 44
    result = result_of("certificates_47_days")
    assert happened(result, "reserve activated") == changes
    assert happened(result, "certificate expired") == changes
    assert lost(result) == 0
    assert result.measures["reserve_coverage"] == 1


def test_certificates_47_days_with_the_default_lead_all_expire_with_their_reserve() -> None:
    # 90 d before the end of 47 d has passed: the reserve is made at once, and is valid until day 47 as well.
    result = changed("certificates_47_days", {"server.automatic_reissue": "default", "duration": "50d"})
    assert lost(result) == 100
    assert set(seconds(result, "lost_at")) == {47 * D}
    assert set(result.devices["lost_cause"]) == {"expired"}


def test_gate_waits_for_the_day_after_the_outage() -> None:
    result = result_of("gate")  # 10 days and 30 min from day 10 on; 20 phones synchronize before
    assert happened(result, "reserve activated") == [21]
    assert result.measures["lost_devices"] == 1
    assert lost(changed("gate", {"strategy.0.reissue.activate": "after 10d"})) == 221


def test_push_and_chase_reach_all_but_the_phone_in_a_drawer() -> None:
    result = result_of("push_and_chase")
    assert lost(result) == 1
    assert result.measures["visits"] == 20 + 1
    # Two a day: the 20th and 21st visit are on day 40 and after.
    assert lost(changed("push_and_chase", {"strategy.2.chase.per_day": 2})) == 3


def test_desk_hours_end_on_a_thursday() -> None:
    # 6 on Friday from 13:00 on, then 16 a day: the last of 60 begins on Thursday at 10:00.
    result = result_of("desk_hours")
    assert max(seconds(result, "reconnected_at")) == 10 * D + 11 * H


def test_christmas_loses_nobody_a_week_later_or_a_period_earlier() -> None:
    assert lost(changed("christmas", {"strategy.0.reissue.activate": "after 21d", "replications": 1})) == 0
    assert lost(changed("christmas", {"strategy.0.at": "2026-12-22 18:00", "replications": 1})) == 0


def test_office_hours_monday_lose_all_or_nobody_by_one_second() -> None:
    assert lost(result_of("office_hours_monday")) == 200
    assert lost(changed("office_hours_monday", {"strategy.0.reissue.activate": "after 2d12h1s"})) == 0


def test_warehouse_dark_never_concerns_the_office() -> None:
    short = {"strategy.0.reissue.activate": "after 1d"}
    result = changed("warehouse_dark", short)
    assert result.groups["office"]["lost_devices"] == 0
    assert result.groups["warehouse"]["lost_devices"] > 0


def test_server_off_makes_its_reserve_when_it_is_on_again() -> None:
    result = result_of("server_off")
    assert happened(result, "reserve specified") == [390]
    assert lost(result) == 50
    assert lost(changed("server_off", {"server.automatic_reissue": {"lead": "120d"}})) == 0


def test_reserve_at_installation_is_worth_what_valid_from_says() -> None:
    assert lost(result_of("reserve_at_installation")) == 0
    assert lost(changed("reserve_at_installation", {"server.valid_from": "issue"})) == 20


def test_changed_address_leaves_devices_unreachable_for_two_days_and_loses_none() -> None:
    result = result_of("changed_address")
    assert lost(result) == 0
    assert happened(result, "reserve activated") == [40]
    assert happened(result, "address opened") == [42]
    assert happened(result, "address closed") == [40 + 7]
    # Four turns a day, on each day but the 40th and the 41st.
    assert set(result.devices["syncs"]) == {4 * (60 - 2)}
    assert set(
        changed("changed_address", {"strategy.0.reissue.address.opens": "day 40"}).devices["syncs"]
    ) == {240}


@pytest.mark.parametrize(("turn_days", "notices"), [(43, True), (46, True), (47, False)])
def test_changed_address_lets_a_lost_device_notice_while_the_old_one_stays(
    turn_days: int, notices: bool
) -> None:
    # Its only turn is after the change: it has not the reserve, and dials the old address, open until day 47.
    kiosk = {"name": "kiosk", "devices": 1, "sync": {"every": "60d", "phase": f"{turn_days}d"}}
    result = changed("changed_address", {"fleet": [kiosk]})
    assert seconds(result, "lost_at").tolist() == [40 * D]
    assert seconds(result, "noticed_at").dropna().tolist() == ([turn_days * D] if notices else [])


def test_custom_certificate_refused_is_no_reserve_and_all_are_lost_at_the_expiry() -> None:
    # certs/mobile.pem ends on 2026-05-10, which is day 70.
    result = result_of("custom_certificate_refused")
    assert lost(result) == 200
    assert set(seconds(result, "lost_at")) == {70 * D}
    assert happened(result, "reissue failed") == [35]
    assert happened(result, "reserve specified") == []
    (reason,) = result.events["reason"].dropna()
    assert "kaspersky-key-usage" in reason


def test_custom_certificate_strands_ios_at_the_activation_and_no_android() -> None:
    result = result_of("custom_certificate_strands_ios")
    assert (lost(result, "android phones"), lost(result, "iphones")) == (0, 80)
    assert set(seconds(result, "lost_at").dropna()) == {(70 - 35 + 30) * D}
    assert set(result.devices["lost_cause"].dropna()) == {"platform"}


def test_custom_certificate_files_are_what_their_script_writes() -> None:
    script = FOLDER / "make_certificates.py"
    spec = importlib.util.spec_from_file_location(script.stem, script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = {path.stem: path.read_bytes() for path in (FOLDER / "certs").iterdir()}
    assert written == {name: module.certificate(name) for name in module.CERTIFICATES}


def test_custom_certificate_is_never_reissued_automatically() -> None:
    result = result_of("custom_certificate")
    assert happened(result, "reserve activated") == [40 - 35 + 30]
    assert "automatic" not in set(result.events["by"])
    # The second, issued on day 5 for 75 d, expires on day 80; nobody was lost on day 35.
    assert lost(result) == 200
    assert set(seconds(result, "lost_at")) == {(5 + 75) * D}
    assert result.measures["device_days_lost"] == 200 * (100 - 80)
    assert set(result.devices["times_lost"]) == {1}


def test_delay_below_sync_period_loses_those_whose_turn_comes_too_late() -> None:
    # P(lost) = 1 - W/T = 1 - 18/24 (model 9.4); evenly spread over the day, that is a quarter exactly:
    # device i has its turn (i + 1/2) 86.4 s after midnight, which is before 18 h for i < 750.
    result = result_of("delay_below_sync_period")
    assert lost(result, "phones") == 0
    assert lost(result, "tablets") == 1000 * (24 - 18) // 24
    devices = result.devices
    assert list(devices.loc[devices["times_lost"] > 0, "device"]) == [
        f"tablets/{i}" for i in range(750, 1000)
    ]
    assert set(seconds(result, "lost_at").dropna()) == {10 * D + 18 * H}


def test_delay_equal_to_sync_period_loses_none_that_is_punctual() -> None:
    # Bound (model 9.3): with no jitter, a delay of one period is enough.
    assert lost(result_of("delay_equal_to_sync_period"), "punctual phones") == 0


def test_delay_equal_to_sync_period_loses_those_late_only_the_second_time() -> None:
    # With jitter uniform on {0..J}, a phone whose grid point lies d seconds before the specification is lost
    # if that turn came before it (j < d) and the next after the activation (j' >= d): d (J+1-d) / (J+1)^2.
    late = 1 * H
    gaps = [(-phase) % (6 * H) for phase in ((2 * i + 1) * 6 * H // (2 * 720) for i in range(720))]
    p = [d * (late + 1 - d) / (late + 1) ** 2 if d <= late else 0.0 for d in gaps]
    assert sum(p) == pytest.approx(720 * late / (6 * 6 * H), rel=0.001)  # 20 of 720
    assert_plausible(lost(result_of("delay_equal_to_sync_period"), "phones in battery saver"), p)


def test_delay_equal_to_sync_period_and_the_lateness_loses_nobody() -> None:
    # Bound (model 9.3): delay >= every + jitter.
    longer = changed(
        "delay_equal_to_sync_period", {"strategy.0.reissue.activate": "after 7h", "duration": "11d"}
    )
    assert lost(longer) == 0


def test_delayed_30d_keeps_whoever_synchronizes() -> None:
    # Office phones: 120 attempts, all failing with 0.02^120. Tablets: attempts at most 1 d + 30 min + 3 d
    # apart, so at least 7 within 30 d, all failing with 0.05^7; for 300 tablets below 3e-7.
    attempts = math.floor(30 / (1 + 30 / 1440 + 3))
    assert 800 * 0.02**120 + 300 * 0.05**attempts < FALSE_ALARM / 2
    result = result_of("delayed_30d")
    assert lost(result, "office phones") == 0
    assert lost(result, "field tablets") == 0


def test_delayed_30d_loses_the_drawer_as_the_closed_form_says() -> None:
    # Off at the specification and for 30 d more: (1 - A) exp(-W/b) (model 9.4). On top come, at most, those
    # that go off before their first turn (T/a beginnings are expected in a period T) for W - T or longer.
    a, b, period, delay = 3.0, 20.0, 0.25, 30.0
    low = b / (a + b) * math.exp(-delay / b)
    high = low + period / a * math.exp(-(delay - period) / b)
    result = result_of("delayed_30d")
    assert_plausible(lost(result, "phones in drawers"), [low] * 60, [high] * 60)
    assert result.measures["reserve_coverage"] == (1160 - lost(result)) / 1160
    assert set(seconds(result, "lost_at").dropna()) == {(61 - 33 + 30) * D}


def test_expired_without_reserve_loses_every_device_even_those_switched_off() -> None:
    result = result_of("expired_without_reserve")
    assert lost(result) == result.measures["still_lost_devices"] == 320
    assert result.groups["phones in drawers"]["lost_devices"] == 20
    assert set(seconds(result, "lost_at")) == {30 * D}
    assert set(result.devices["lost_cause"]) == {"expired"}
    assert result.measures["device_days_lost"] == 320 * (60 - 30)


def test_helpdesk_after_total_loss_works_off_the_queue_four_at_a_time() -> None:
    # All are ready at 11:00; the new certificate comes at noon; then 240 / 4 = 60 rounds of half an hour.
    result = result_of("helpdesk_after_total_loss")
    noon_s, lost_s = 10 * D + 12 * H, 10 * D + 8 * H
    back_s = [noon_s + 1800 * (i // 4 + 1) for i in range(240)]
    assert seconds(result, "reconnected_at").tolist() == back_s
    assert set(seconds(result, "lost_at")) == {lost_s}
    assert set(result.devices["reconnected_by"]) == {"reinstall"}
    measures = result.measures
    assert measures["device_days_lost"] == sum(at_s - lost_s for at_s in back_s) / D == 192.5
    assert measures["helpdesk_hours"] == 240 / 2
    assert measures["reinstalls"] == measures["reconnected_devices"] == 240
    assert result.time_to_reconnect_s["max"] == 34 * H
    assert result.time_to_reconnect_s["p50"] == (4 + 60 / 4) * H


def test_immediate_loses_everybody_in_that_second() -> None:
    result = result_of("immediate")
    assert lost(result) == result.measures["still_lost_devices"] == 400 + 50
    assert set(seconds(result, "lost_at")) == {10 * D + 8 * H}
    assert set(result.devices["lost_cause"]) == {"immediate"}
    assert result.measures["device_days_lost"] == 450 * (30 * 24 - (10 * 24 + 8)) / 24
    assert result.measures["reserve_coverage"] == 0
    # Whoever is switched on notices at its next turn: within one period.
    assert seconds(result, "noticed_at").count() == 400
    assert (seconds(result, "noticed_at") - seconds(result, "lost_at")).max() < 6 * H


def test_immediate_taken_back_reconnects_everybody_at_the_next_turn() -> None:
    # Lost for 6 h until 14:00, then until the next turn: 30 s, 90 s, … 21,570 s, since turns lie evenly:
    # 3 h on average.
    result = result_of("immediate_taken_back")
    assert lost(result) == result.measures["reconnected_devices"] == 360
    waits_s = seconds(result, "reconnected_at") - (10 * D + 14 * H)
    assert sorted(waits_s) == [30 + 60 * i for i in range(360)]
    assert result.measures["device_days_lost"] == 360 * (6 + 3) / 24
    assert set(result.devices["reconnected_by"]) == {"sync"}
    assert result.measures["reinstalls"] == 0
    assert set(result.devices["times_lost"]) == {1}


def test_inventory_has_the_devices_of_its_file() -> None:
    listed = scenario_of("inventory").inventories[0].devices
    result = result_of("inventory")
    assert result.measures["devices"] == len(listed.ids) == 2000
    assert result.platforms["ios"]["devices"] == 2000 * 2 / 8  # two of the eight models
    assert sorted(result.devices["device"]) == sorted(listed.ids)
    silent_s = scenario_of("inventory").start.timestamp() - listed.last_sync_s
    dormant = np.count_nonzero((listed.contact == KNOWN) & (silent_s >= 30 * D))
    assert 0.10 <= dormant / 2000 <= 0.15


def test_inventory_loses_those_that_stay_silent_for_30_days_more() -> None:
    # A device silent at the start is off, and for W longer with Q(1/k, (W/s)^k) (model 9.4); one seen within
    # its period is on, and one of which nothing is known is off with 1 - A (model 5.3). On top come, at most,
    # those that go off before their first turn, for W - T or longer.
    on, scale, shape, period, delay = 60.0, 5.0, 0.4, 0.25, 30.0
    off = scale * math.gamma(1 + 1 / shape)
    stays = float(gammaincc(1 / shape, (delay / scale) ** shape))
    late = period / on * math.exp(-(((delay - period) / scale) ** shape))
    scenario = scenario_of("inventory")
    low, high = [], []
    listed = scenario.inventories[0].devices
    silent_s = scenario.start.timestamp() - listed.last_sync_s
    for contact, days in zip(listed.contact, silent_s / D, strict=True):
        if contact != KNOWN:
            low.append(off / (on + off) * stays)
        else:
            low.append(stays if days > period else 0.0)
        high.append(low[-1] if low[-1] == stays else low[-1] + late)
    assert_plausible(lost(result_of("inventory")), low, high)


def test_inventory_is_what_its_script_writes() -> None:
    script = FOLDER / "make_devices_csv.py"
    spec = importlib.util.spec_from_file_location(script.stem, script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (FOLDER / "devices.csv").read_bytes() == module.text()


def test_late_reserve_at_the_expiry_saves_nobody() -> None:
    result = result_of("late_reserve")
    assert lost(result) == 250
    assert set(seconds(result, "lost_at")) == {30 * D}
    assert result.measures["reserve_coverage"] == 0
    assert happened(result, "reserve activated") == [30]


@pytest.mark.parametrize(
    ("at", "lost_phones", "lost_in_the_last_second"),
    [
        ("expiry - 1s", 240, 0),  # only whoever has its turn in that second
        ("expiry - 3h", 120, 0),  # half a period: half of the phones, whose turns lie evenly
        ("expiry - 6h", 0, 0),  # a whole period
    ],
)
def test_late_reserve_earlier_saves_those_whose_turn_comes_in_between(
    at: str, lost_phones: int, lost_in_the_last_second: int
) -> None:
    result = changed("late_reserve", {"strategy.0.at": at, "duration": "31d"})
    assert lost(result, "phones") == lost_phones
    assert lost(result, "phones in the last second") == lost_in_the_last_second
    assert result.measures["reserve_coverage"] == (250 - lost_phones - lost_in_the_last_second) / 250


def test_reserve_replaced_loses_those_left_with_the_first() -> None:
    # 12 of 24 h pass between the second reserve and its activation: half of the evenly spread turns.
    result = result_of("reserve_replaced")
    assert lost(result) == 100 * 12 // 24
    assert set(seconds(result, "lost_at").dropna()) == {35 * D + 12 * H}
    assert set(result.devices["lost_cause"].dropna()) == {"replaced_reserve"}


def test_reserve_replaced_without_the_second_loses_nobody() -> None:
    first = scenario_of("reserve_replaced").document["strategy"][:1]
    assert lost(changed("reserve_replaced", {"strategy": first})) == 0


# --- all of them ---------------------------------------------------------------------------------------


def test_every_file_under_scenarios_is_covered() -> None:
    shipped = {path.name for path in FOLDER.iterdir() if path.is_file()}
    assert shipped == {f"{name}.yaml" for name in FINDINGS} | {
        "devices.csv",
        "make_certificates.py",
        "make_devices_csv.py",
    }
    tests = [name for name in globals() if name.startswith("test_")]
    for name in FINDINGS:
        assert any(test.startswith(f"test_{name}") for test in tests), f"{name} has no number to hold against"


@every_scenario
def test_a_shipped_scenario_says_what_it_shows_and_guarantees_it(name: str) -> None:
    document = scenario_of(name).document
    assert document["description"].endswith(")")  # the source of its rule
    assert document["guarantees"]
    assert max(map(len, (FOLDER / f"{name}.yaml").read_text().splitlines())) <= 120


@every_scenario
def test_a_shipped_scenario_goes_against_the_rules_it_is_meant_to(name: str) -> None:
    findings = findings_of(scenario_of(name))
    assert sorted(finding.rule for finding in findings) == sorted(FINDINGS[name])
    assert all(finding.line is not None for finding in findings)


@every_scenario
def test_every_guarantee_of_a_shipped_scenario_holds(name: str) -> None:
    result = result_of(name)
    assert all(verdict.verdict in ("proved", "holds") for verdict in result.guarantees)
    assert exit_code(result) == 0


# --- the same again ------------------------------------------------------------------------------------


def small(name: str, folder: Path, *, reverse: bool = False) -> Path:
    """A copy with few devices and runs, and every rule; on request the groups in another order."""
    folder.mkdir(exist_ok=True)
    listed = (FOLDER / "devices.csv").read_bytes().splitlines(keepends=True)
    (folder / "devices.csv").write_bytes(b"".join(listed[:60]))
    shutil.copytree(FOLDER / "certs", folder / "certs", dirs_exist_ok=True)
    document = scenario_of(name).document
    for group in document["fleet"]:
        if "devices" in group:
            group["devices"] = min(group["devices"], 12)
    if name == "inventory":
        document["fleet"].insert(0, {"name": "without a list", "devices": 5})
    if reverse:
        document["fleet"].reverse()
    document["replications"] = min(document.get("replications", 1), 2)
    path = folder / f"{name}.yaml"
    path.write_text(sim.Scenario.from_document(document, folder=folder).to_yaml())
    return path


def run_json(paths: list[Path], hash_seed: int) -> bytes:
    command = [sys.executable, "-c", "from sim.cli import main; main()", "run", "--json", *map(str, paths)]
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, timeout=300).stdout


def test_the_same_bytes_again_with_other_hashes_and_with_the_groups_in_another_order(tmp_path: Path) -> None:
    paths = [small(name, tmp_path / "as shipped") for name in FINDINGS]
    reversed_paths = [small(name, tmp_path / "reversed", reverse=True) for name in FINDINGS]
    printed = run_json(paths, hash_seed=1)
    assert len(json.loads(printed)["runs"]) == len(FINDINGS)
    assert run_json(reversed_paths, hash_seed=2) == printed


@every_scenario
def test_two_runs_write_the_same_tables(name: str, tmp_path: Path) -> None:
    path = small(name, tmp_path / "small")
    for copy in ("one", "two"):
        write(sim.run(sim.load(path)), tmp_path / copy)
    for table in ("devices.parquet", "timeline.parquet", "events.parquet", "scenario.yaml"):
        assert (tmp_path / "one" / table).read_bytes() == (tmp_path / "two" / table).read_bytes(), table


@every_scenario
def test_the_scenario_in_a_result_gives_that_result_again(name: str, tmp_path: Path) -> None:
    result = sim.run(sim.load(small(name, tmp_path / "small")))
    write(result, tmp_path / "result")
    again = sim.run(sim.load(tmp_path / "result" / "scenario.yaml"))
    assert again.fingerprint == result.fingerprint
    assert json.loads((tmp_path / "result" / "run.json").read_text())["fingerprint"] == result.fingerprint


@every_scenario
def test_a_result_holds_the_scenario_as_it_was_read(name: str, tmp_path: Path) -> None:
    write(sim.run(sim.load(small(name, tmp_path / "small"))), tmp_path / "result")
    written, read = tmp_path / "result" / "scenario.yaml", tmp_path / "small" / f"{name}.yaml"
    if name == "inventory":  # whose list has the name of a file of the result, and gets another
        document = sim.load(read).document
        document["fleet"][1]["inventory"] = "lists/devices.csv"
        assert sim.load(written).document == document
    else:
        assert written.read_bytes() == read.read_bytes()
        assert sim.load(written) == sim.load(read)
