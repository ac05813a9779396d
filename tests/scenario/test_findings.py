"""The documented rules as findings: each where it is broken, and its near miss, with the line."""

from __future__ import annotations

from pathlib import Path

import pytest

import sim
from sim.scenario.findings import Finding, findings_of

HEADER = "name: Plan\nstart: 2026-03-01\nduration: {duration}\n"
SERVER = "server: {{certificate: {{expires: {expires}}}, automatic_reissue: {automatic}}}\n"
FLEET = "fleet:\n  - {name: phones, devices: 10, sync: {every: 6h}}\n"


def plan(
    *steps: str,
    duration: str = "100d",
    expires: str = "day 90",
    automatic: str = "off",
    fleet: str = FLEET,
    activation: str = "",
) -> str:
    text = HEADER.format(duration=duration) + SERVER.format(expires=expires, automatic=automatic)
    if activation:
        text = text.replace("server: {", f"server: {{activation: {activation}, ")
    return text + fleet + ("strategy:\n" if steps else "") + "".join(f"  - {{{step}}}\n" for step in steps)


def judge_whole(text: str, folder: Path) -> list[Finding]:
    path = folder / "plan.yaml"
    path.write_text(text)
    return findings_of(sim.load(path))


def judge(text: str, folder: Path) -> list[Finding]:
    """Without what is said of delays that are counted to the second, as many here are."""
    found = judge_whole(text, folder)
    return [each for each in found if each.rule != "activation-not-whole-days"]


def rules(text: str, folder: Path) -> list[str]:
    return [finding.rule for finding in judge(text, folder)]


def only(text: str, folder: Path) -> Finding:
    (finding,) = judge(text, folder)
    return finding


def line_of(text: str, part: str) -> int:
    (line,) = [number for number, line in enumerate(text.splitlines(), start=1) if part in line]
    return line


GOOD = plan("at: day 20, reissue: {activate: after 30d}")


def test_the_documented_way_goes_against_no_rule(tmp_path: Path) -> None:
    assert judge(GOOD, tmp_path) == []


# --- how long the reserve waits ------------------------------------------------------------------------

WITH_JITTER = FLEET.replace("every: 6h", "every: 6h, jitter: 10m")
TABLETS = FLEET + "  - {name: tablets, devices: 1, sync: {every: 1d}}\n"
NO_TABLETS = FLEET + "  - {name: tablets, devices: 0, sync: {every: 1d}}\n"


@pytest.mark.parametrize(
    ("fleet", "delay", "too_short"),
    [
        (FLEET, "5h59m59s", True),
        (FLEET, "6h", True),  # it must be greater
        (FLEET, "6h0m1s", False),
        (WITH_JITTER, "6h10m", True),
        (WITH_JITTER, "6h10m1s", False),
        (TABLETS, "1d", True),  # the longest period of all groups
        (TABLETS, "1d0h0m1s", False),
        (NO_TABLETS, "1d", False),  # a group without devices has none
    ],
)
def test_an_activation_within_the_sync_period(
    tmp_path: Path, fleet: str, delay: str, too_short: bool
) -> None:
    text = plan(f"at: day 20, reissue: {{activate: after {delay}}}", fleet=fleet)
    finding = only(text, tmp_path)
    assert finding.rule == ("activation-within-sync-period" if too_short else "activation-below-30-days")
    assert finding.line == line_of(text, "activate:")
    assert "Kaspersky" in finding.source


def test_it_names_the_group_with_the_longest_period(tmp_path: Path) -> None:
    text = plan("at: day 20, reissue: {activate: after 12h}", fleet=TABLETS)
    assert "tablets (1d)" in only(text, tmp_path).message


def test_a_period_in_an_inventory_counts(tmp_path: Path) -> None:
    (tmp_path / "devices.csv").write_text("id,sync_every\na,6h\nb,2d\n")
    fleet = "fleet:\n  - {name: phones, inventory: devices.csv}\n"
    text = plan("at: day 20, reissue: {activate: after 2d}", fleet=fleet)
    assert rules(text, tmp_path) == ["activation-within-sync-period"]


@pytest.mark.parametrize(("delay", "found"), [("29d23h59m59s", ["activation-below-30-days"]), ("30d", [])])
def test_an_activation_below_30_days(tmp_path: Path, delay: str, found: list[str]) -> None:
    assert rules(plan(f"at: day 20, reissue: {{activate: after {delay}}}"), tmp_path) == found


def test_an_expiry_that_comes_first_cuts_the_delay(tmp_path: Path) -> None:
    step = "at: day 61, reissue: {activate: after 30d}"  # the expiry is 29 days later
    both = ["activation-below-30-days", "reissue-below-30-days-before-expiry"]
    assert rules(plan(step), tmp_path) == both
    # By date, the server presents an expired certificate for a day: everybody is lost.
    later = ["expiry-without-reserve", "reissue-below-30-days-before-expiry"]
    assert rules(plan(step, activation="date"), tmp_path) == later


# --- when it is specified ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "found"),
    [
        ("expiry - 30d", []),
        ("expiry - 29d23h59m59s", ["activation-below-30-days", "reissue-below-30-days-before-expiry"]),
    ],
)
def test_a_reissue_later_than_30_days_before_expiry(tmp_path: Path, at: str, found: list[str]) -> None:
    text = plan(f"at: {at}, reissue: {{activate: at expiry}}")
    assert rules(text, tmp_path) == found
    assert {finding.line for finding in judge(text, tmp_path)} <= {line_of(text, "at expiry")}


def test_it_is_the_main_certificate_of_that_day_whose_expiry_counts(tmp_path: Path) -> None:
    # The second certificate is main from day 50 on and expires on day 20 + 90.
    steps = ["at: day 20, reissue: {valid_for: 90d}", "at: {at}, reissue: {activate: at expiry}"]
    good = plan(steps[0], steps[1].replace("{at}", "day 80"), duration="120d")
    late = plan(steps[0], steps[1].replace("{at}", "day 81"), duration="120d")
    assert rules(good, tmp_path) == []
    assert rules(late, tmp_path) == ["activation-below-30-days", "reissue-below-30-days-before-expiry"]


# --- at once -------------------------------------------------------------------------------------------

AT_ONCE = "at: day 20, reissue: {activate: immediately}"


def test_immediately_with_managed_devices(tmp_path: Path) -> None:
    text = plan(AT_ONCE)
    finding = only(text, tmp_path)
    assert finding.rule == "immediately-with-devices"
    assert finding.line == line_of(text, "immediately")
    assert "10 devices" in finding.message
    assert "if it has happened" in finding.message


def test_immediately_is_right_where_nobody_can_be_lost(tmp_path: Path) -> None:
    nobody = FLEET.replace("devices: 10", "devices: 0")
    assert rules(plan(AT_ONCE, fleet=nobody), tmp_path) == []
    expired = plan("at: day 95, reissue: {activate: immediately}")
    assert rules(expired, tmp_path) == ["expiry-without-reserve"]
    in_that_second = plan("at: day 90, reissue: {activate: immediately}")
    assert rules(in_that_second, tmp_path) == ["expiry-without-reserve"]
    before = plan("at: day 89 23:59:59, reissue: {activate: immediately}")
    assert rules(before, tmp_path) == ["immediately-with-devices"]


# --- expiry without a reserve --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("duration", "found"), [("90d0h0m1s", ["expiry-without-reserve"]), ("90d", ["nothing-happens"])]
)
def test_an_expiry_without_reserve_inside_the_horizon(
    tmp_path: Path, duration: str, found: list[str]
) -> None:
    text = plan(duration=duration)
    assert rules(text, tmp_path) == found
    assert only(text, tmp_path).line == line_of(text, "expires" if "expiry" in found[0] else "duration")


@pytest.mark.parametrize("automatic", ["default", "{lead: 60d}"])
def test_automatic_reissue_takes_care_of_the_expiry(tmp_path: Path, automatic: str) -> None:
    assert rules(plan(automatic=automatic), tmp_path) == []


def test_a_reserve_that_was_cancelled_is_none(tmp_path: Path) -> None:
    text = plan("at: day 20, reissue: {activate: after 30d}", "at: day 49, cancel_reserve: {}")
    assert rules(text, tmp_path) == ["expiry-without-reserve"]


def test_the_expiry_of_a_later_certificate_is_told_at_the_reissue_that_made_it(tmp_path: Path) -> None:
    text = plan("at: day 20, reissue: {valid_for: 60d}")
    finding = only(text, tmp_path)
    assert finding.rule == "expiry-without-reserve"
    assert finding.line == line_of(text, "valid_for")
    assert "2026-05-20" in finding.message  # day 20 + 60


# --- other ways to lose devices ------------------------------------------------------------------------


def test_a_reserve_replaced_before_it_was_activated(tmp_path: Path) -> None:
    text = plan("at: day 10, reissue: {activate: after 35d}", "at: day 20, reissue: {activate: after 31d}")
    finding = only(text, tmp_path)
    assert finding.rule == "reserve-replaced"
    assert finding.line == line_of(text, "31d")
    assert "2026-03-21" in finding.message


def test_a_reserve_dropped_by_an_immediate_replacement(tmp_path: Path) -> None:
    text = plan("at: day 10, reissue: {activate: after 35d}", AT_ONCE)
    found = judge(text, tmp_path)
    assert [finding.rule for finding in found] == ["immediately-with-devices", "reserve-replaced"]
    assert {finding.line for finding in found} == {line_of(text, "immediately")}


def test_a_second_reserve_after_the_first_was_activated_replaces_nothing(tmp_path: Path) -> None:
    steps = ("at: day 10, reissue: {activate: after 30d}", "at: day 40, reissue: {activate: after 31d}")
    assert rules(plan(*steps), tmp_path) == []


@pytest.mark.parametrize(
    ("valid_for", "found"),
    [("30d", ["reserve-not-valid-at-activation"]), ("30d0h0m1s", ["expiry-without-reserve"]), ("90d", [])],
)
def test_a_reserve_that_is_no_longer_valid_when_it_becomes_main(
    tmp_path: Path, valid_for: str, found: list[str]
) -> None:
    text = plan(f"at: day 20, reissue: {{valid_for: {valid_for}, activate: after 30d}}")
    assert rules(text, tmp_path) == found


def test_automatic_reissue_with_a_lead_as_long_as_the_life(tmp_path: Path) -> None:
    text = plan(automatic="{lead: 47d}", expires="day 47, valid_for: 47d", duration="50d")
    (finding,) = (each for each in judge(text, tmp_path) if each.rule == "reserve-not-valid-at-activation")
    assert finding.line == line_of(text, "lead")


# --- the run and the devices ---------------------------------------------------------------------------


@pytest.mark.parametrize(("at", "found"), [("day 100", ["action-after-the-end"]), ("day 99 23:59:59", [])])
def test_an_action_after_the_end(tmp_path: Path, at: str, found: list[str]) -> None:
    text = plan("at: day 20, reissue: {activate: after 30d}", f"at: {at}, cancel_reserve: {{}}")
    assert rules(text, tmp_path) == found
    assert {finding.line for finding in judge(text, tmp_path)} <= {line_of(text, at)}


@pytest.mark.parametrize(("duration", "found"), [("50d", ["nothing-happens"]), ("50d0h0m1s", [])])
def test_a_horizon_that_ends_before_the_activation(tmp_path: Path, duration: str, found: list[str]) -> None:
    text = plan("at: day 20, reissue: {activate: after 30d}", duration=duration)
    assert rules(text, tmp_path) == found


@pytest.mark.parametrize(
    ("last_sync", "presence", "found"),
    [
        ("2026-02-28 17:59:59", "", ["silent-devices-stay-off"]),
        ("2026-02-28 18:00:00", "", ["silent-devices-stay-off"]),  # silent for exactly one period
        ("2026-02-28 18:00:01", "", []),
        ("2025-03-01 12:00", ", presence: {on: 1d, off: 1d}", ["silent-beyond-the-law"]),
        ("2025-03-01 12:00", ", presence: {on: 1d, off: {exponential: 400d}}", []),
        ("2025-03-01 12:00", ", presence: never", ["no-delivery"]),
        ("2026-03-01 00:00:00", "", []),  # the start
    ],
)
def test_silent_devices_of_which_nothing_says_when_they_return(
    tmp_path: Path, last_sync: str, presence: str, found: list[str]
) -> None:
    (tmp_path / "devices.csv").write_text(f"id,last_sync\na,{last_sync}\nb,\n")
    list_ = "list: {exported: start}, sync: {every: 6h}"
    fleet = f"fleet:\n  - {{name: phones, inventory: devices.csv, {list_}{presence}}}\n"
    text = plan("at: day 20, reissue: {activate: after 30d}", fleet=fleet)
    assert rules(text, tmp_path) == found
    assert {finding.line for finding in judge(text, tmp_path)} <= {line_of(text, "devices.csv")}


@pytest.mark.parametrize(
    ("exported", "found"),
    [
        ("2026-03-01 00:00:01", ["list-after-start"]),
        ("2026-03-01", []),
        ("2026-02-28 18:00", []),
        ("2026-02-28 17:59:59", ["list-before-start"]),  # longer ago than a period
    ],
)
def test_a_list_that_was_not_made_at_the_start(tmp_path: Path, exported: str, found: list[str]) -> None:
    (tmp_path / "devices.csv").write_text("id,last_sync\na,2026-02-28 17:30\nb,2026-02-01 09:00\nc,\n")
    list_ = f"list: {{exported: {exported}}}, presence: {{on: 1d, off: {{exponential: 9d}}}}"
    list_ += ", sync: {every: 6h}"
    fleet = f"fleet:\n  - {{name: phones, inventory: devices.csv, {list_}}}\n"
    text = plan("at: day 20, reissue: {activate: after 30d}", fleet=fleet)
    assert rules(text, tmp_path) == found
    for finding in judge(text, tmp_path):
        assert finding.line == line_of(text, "devices.csv")
        silent = 2 if exported == "2026-03-01 00:00:01" else 1
        assert f"{silent} of 3 devices" in finding.message
        if finding.rule == "list-before-start":
            assert "not 2 as if" in finding.message


def test_silences_that_are_more_than_the_law_lets_expect(tmp_path: Path) -> None:
    # On for 16 h, off for 8 h on average: e^-(t / 8 h) / 3 are silent for longer than t; 0.1 % than 46.5 h.
    found = []
    for silent in (0, 1, 40):
        rows = ["2026-01-17 08:02"] * silent + ["2026-02-28 23:00"] * (400 - silent)
        text = "".join(f"p{i},{row}\n" for i, row in enumerate(rows))
        (tmp_path / "devices.csv").write_text(f"id,last_sync\n{text}")
        presence = "list: {exported: start}, presence: {on: {exponential: 16h}, off: {exponential: 8h}}"
        fleet = f"fleet:\n  - {{name: phones, inventory: devices.csv, {presence}}}\n"
        found += [judge(plan("at: day 20, reissue: {activate: after 30d}", fleet=fleet), tmp_path)]
    assert [[each.rule for each in some] for some in found] == [[], [], ["more-silent-than-the-law"]]
    assert "40 of 400 devices were silent for longer than 1d22h" in found[2][0].message


def test_rows_left_out_and_devices_that_never_connected(tmp_path: Path) -> None:
    (tmp_path / "devices.csv").write_text(
        "id,last_sync,platform\na,2026-02-28 23:00,Android 14\nb,never,iOS\nc,0001-01-01T00:00:00Z,iPadOS\n"
        "d,2025-01-01,Aurora OS 5\ne,2026-02-28,Windows\nf,2026-02-28,macOS\n"
    )
    list_ = "list: {exported: start, gone_after: 180d}"
    fleet = f"fleet:\n  - {{name: phones, inventory: devices.csv, {list_}}}\n"
    text = plan("at: day 20, reissue: {activate: after 30d}", fleet=fleet)
    never, left_out = judge(text, tmp_path)
    assert (never.rule, left_out.rule) == ("never-connected", "rows-left-out")
    assert "3 of 4 devices" in never.message
    assert "1 of them gone" in never.message
    assert "2 rows left out" in left_out.message
    assert {never.line, left_out.line} == {line_of(text, "devices.csv")}


# --- how they are told ---------------------------------------------------------------------------------


def test_findings_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = plan(AT_ONCE, "at: day 30, reissue: {activate: after 1d}", "at: day 200, cancel_reserve: {}")
    lines = [finding.line for finding in judge(text, tmp_path)]
    assert lines == [line_of(text, "day 20,"), line_of(text, "day 30"), line_of(text, "day 200")]


def test_what_automatic_reissue_repeats_is_told_once(tmp_path: Path) -> None:
    # Certificates of 60 d, reserves 20 d before: made on days 40, 80 and 120, main on days 60, 100 and 140.
    text = plan(automatic="{lead: 20d}", expires="day 60, valid_for: 60d", duration="150d")
    found = judge(text, tmp_path)
    assert [finding.rule for finding in found] == [
        "activation-below-30-days",
        "reissue-below-30-days-before-expiry",
    ]
    assert {finding.line for finding in found} == {line_of(text, "lead")}
    assert all(finding.message.endswith("(and 2 more times)") for finding in found)


def test_without_a_file_there_is_no_line_but_a_key() -> None:
    document = {
        "name": "Plan",
        "start": "2026-03-01",
        "duration": "40d",
        "fleet": [{"name": "phones", "devices": 1}],
        "strategy": [{"at": "day 1", "reissue": {"activate": "immediately"}}],
    }
    (finding,) = findings_of(sim.Scenario.from_document(document))
    assert (finding.line, finding.key) == (None, "strategy.0.reissue")


# --- what the documentation denies, and what loses for certain -------------------------------------------


def cut_off(day: int, length: str) -> str:
    outage = f"outages: [{{from: day {day}, for: {length}}}], automatic_reissue"
    return GOOD.replace("automatic_reissue", outage)


NEW = "at: day 20, reissue: {{{}activate: after 30d, address: {{change_to: b.example.com:13292{}}}}}"


@pytest.mark.parametrize(
    ("text", "rule", "part"),
    [
        (plan("at: day 20, reissue: {activate: after 30d1h}"), "activation-not-whole-days", "after 30d1h"),
        (plan(NEW.format("issuer: custom, ", "")), "custom-reissue-changes-address", "address"),
        (plan(NEW.format("", ", opens: day 51")), "gap-between-addresses", "opens"),
        (plan(NEW.format("", ", opens: day 50")), None, ""),
        (cut_off(20, "30d"), "no-delivery", "outages"),
        (cut_off(19, "34d"), "no-delivery", "outages"),
        (cut_off(20, "29d"), None, ""),
        (GOOD.replace("every: 6h", "success: 0%"), "no-delivery", "success"),
        (GOOD.replace("sync: {every: 6h}", "presence: never"), "no-delivery", "never"),
        (
            GOOD.replace("sync: {every: 6h}", "presence: {away: [{from: day 20, for: 30d}]}"),
            "no-delivery",
            "away",
        ),
        (GOOD.replace("sync: {every: 6h}", "presence: {away: [{from: day 20, for: 29d}]}"), None, ""),
        (
            GOOD.replace(
                "every: 6h}", "every: 7d, phase: 0s, catch_up: no}, hours: {from: 07:00, to: 18:00}"
            ),
            "no-delivery",
            "hours",
        ),
        (GOOD + "recovery: {technicians: 2}\n", "desk-around-the-clock", "recovery"),
        (GOOD + "recovery: {technicians: unlimited}\n", None, ""),
        (GOOD + "recovery: {hours: {days: mon-sun, from: 00:00, to: 24:00}}\n", None, ""),
    ],
)
def test_a_certain_loss_or_what_is_not_offered(
    text: str, rule: str | None, part: str, tmp_path: Path
) -> None:
    if rule is None:
        assert judge_whole(text, tmp_path) == []
        return
    (found,) = judge_whole(text, tmp_path)
    assert found.rule == rule
    assert found.line is not None
    assert part in text.splitlines()[found.line - 1]


@pytest.mark.parametrize(("otherwise", "found"), [("cancel", ["expiry-without-reserve"]), ("activate", [])])
def test_an_expiry_after_a_gate_is_told_as_what_it_depends_on(
    otherwise: str, found: list[str], tmp_path: Path
) -> None:
    gate = f"{{when_coverage: 99%, check_every: 1d, not_after: 40d, otherwise: {otherwise}}}"
    text = plan(f"at: day 20, reissue: {{activate: {gate}}}")
    expiries = [each for each in judge(text, tmp_path) if each.rule == "expiry-without-reserve"]
    assert [each.rule for each in expiries] == found
    for each in expiries:
        assert each.line == line_of(text, "when_coverage")
        assert each.message.startswith("if the gate")


@pytest.mark.parametrize("kept", [False, True])
def test_a_restore_that_the_documentation_denies(kept: bool, tmp_path: Path) -> None:
    text = plan("at: day 20, reissue: {activate: immediately}", "at: day 21, restore_previous: {}")
    if kept:
        text = text.replace("server: {", "server: {previous_certificate: kept, ")
    (found,) = [each for each in judge(text, tmp_path) if each.rule == "restore-denied"]
    assert found.line == line_of(text, "restore_previous: {}")
    assert ("fails" in found.message) is not kept
    assert "reinstalled before it lose the server again" in found.message


@pytest.mark.parametrize("valid_from", ["issue", "activation"])
def test_a_reserve_made_at_installation(valid_from: str, tmp_path: Path) -> None:
    server = f"server: {{valid_from: {valid_from}, automatic_reissue: off}}\n"
    step = "strategy:\n  - {at: day 0, reissue: {activate: at expiry}}\n"
    text = HEADER.format(duration="420d") + server + FLEET + step
    assert ("reserve-expires-with-main" in rules(text, tmp_path)) is (valid_from == "issue")
