"""Hours, holidays, disturbances, gates, pushes, visits and desk hours, written in YAML and counted by hand.

Each scenario is read from a file and lived by both engines and the reference. It starts on a Monday.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from agreement import outcome_of
from scipy.stats import binom

import sim
from sim.scenario.prepare import prepare
from sim.world.draws import Draws
from sim.world.fleet import Fleet
from sim.world.outcome import Outcome

H, D = 3600, 86_400
FALSE_ALARM = 1e-6
HEAD = "name: x\nstart: 2026-03-02\nduration: 20d\n"
SERVER = "server: {certificate: {expires: day 60}, automatic_reissue: off}\n"


def load(folder: Path, *parts: str) -> sim.Scenario:
    path = folder / "plan.yaml"
    path.write_text("".join(parts), encoding="utf-8")
    return sim.load(path)


def live(folder: Path, *parts: str) -> Outcome:
    scenario = load(folder, *parts)
    prepared = prepare(scenario)
    fleet = Fleet.start(prepared.roster(), Draws.of(scenario.seed, 0))
    return outcome_of(prepared.plan, fleet)


def group(sync: str, *, name: str = "phones", devices: int = 1, rest: str = "") -> str:
    return f"  - {{name: {name}, devices: {devices}, sync: {{{sync}}}{rest}}}\n"


def named(outcome: Outcome, *names: str) -> list[tuple[int, str]]:
    return [(event.at_s, event.name) for event in outcome.events if event.name in names]


def syncs(outcome: Outcome) -> tuple[int, int]:
    return int(outcome.devices.syncs[0]), int(outcome.devices.last_sync_at_s[0])


# --- hours ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phase", "synced"), [("6h59m59s", 0), ("7h", 1), ("17h59m59s", 1), ("18h", 0), ("5d12h", 0)]
)
def test_an_attempt_at_the_first_and_the_last_second_of_hours(
    tmp_path: Path, phase: str, synced: int
) -> None:
    hours = ", hours: {days: mon-fri, from: 07:00, to: 18:00}"
    fleet = group(f"every: 7d, phase: {phase}, catch_up: no", rest=hours)
    assert syncs(live(tmp_path, HEAD.replace("20d", "7d"), "fleet:\n", fleet))[0] == synced


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        # From Friday on, an attempt a day. On Sunday 02:00 becomes 03:00, so Monday 07:00 is 78 h after the
        # start, and 18:00 is 89 h.
        ("5h59m59s", (0, -1)),
        ("6h", (1, 78 * H)),
        ("16h59m59s", (2, 89 * H - 1)),
        ("17h", (1, 17 * H)),
    ],
)
def test_hours_over_the_change_to_summer_time(tmp_path: Path, phase: str, expected: tuple[int, int]) -> None:
    head = "name: x\ntimezone: Europe/Berlin\nstart: 2026-03-27\nduration: 4d\n"
    hours = ", hours: {days: mon-fri, from: 07:00, to: 18:00}"
    fleet = group(f"every: 1d, phase: {phase}, catch_up: no", rest=hours)
    assert syncs(live(tmp_path, head, "fleet:\n", fleet)) == expected


@pytest.mark.parametrize(
    ("start", "day", "zone", "phase", "synced"),
    [
        ("2026-03-02", "mon", "UTC", "21h59m59s", 0),
        ("2026-03-02", "mon", "UTC", "22h", 1),
        ("2026-03-02", "mon", "UTC", "29h59m59s", 1),
        ("2026-03-02", "mon", "UTC", "30h", 0),
        ("2026-03-28", "sat", "Europe/Berlin", "28h59m59s", 1),  # this night is an hour shorter
        ("2026-03-28", "sat", "Europe/Berlin", "29h", 0),
        ("2026-10-24", "sat", "Europe/Berlin", "30h59m59s", 1),  # and this one an hour longer
        ("2026-10-24", "sat", "Europe/Berlin", "31h", 0),
    ],
)
def test_hours_over_midnight(
    tmp_path: Path, start: str, day: str, zone: str, phase: str, synced: int
) -> None:
    head = f"name: x\ntimezone: {zone}\nstart: {start}\nduration: 3d\n"
    hours = f", hours: {{days: {day}, from: 22:00, to: 06:00}}"
    fleet = group(f"every: 3d, phase: {phase}, catch_up: no", rest=hours)
    assert syncs(live(tmp_path, head, "fleet:\n", fleet))[0] == synced


def test_a_missed_attempt_is_caught_up_as_the_hours_begin(tmp_path: Path) -> None:
    hours = ", hours: {days: tue, from: 09:00, to: 10:00}"
    outcome = live(tmp_path, HEAD, "fleet:\n", group("every: 30d, phase: 0s", rest=hours))
    assert syncs(outcome) == (1, D + 9 * H)


# --- holidays and disturbances -------------------------------------------------------------------------

DELIVERY = "strategy:\n  - {at: day 2, reissue: {activate: after 10d}}\n"


def holiday(length: str, share: str, groups: str = "") -> str:
    return f"calendar:\n  holidays: [{{name: leave, from: day 2, for: {length}, share: {share}{groups}}}]\n"


@pytest.mark.parametrize(
    ("length", "lost"),
    [
        ("10d", 8),  # back in the second of the switch
        ("10d1s", 8),
        ("9d23h59m59s", 0),  # back one second before, and the missed attempt is made up for
    ],
)
def test_a_holiday_over_the_whole_delivery_loses_all(tmp_path: Path, length: str, lost: int) -> None:
    fleet = "fleet:\n" + group("every: 1d, phase: even", devices=8)
    outcome = live(tmp_path, HEAD, SERVER, fleet, DELIVERY, holiday(length, "100%"))
    assert int(outcome.is_lost.sum()) == lost
    assert set(outcome.devices.lost_at_s.tolist()) == ({12 * D} if lost else {-1})


def test_a_holiday_concerns_its_groups(tmp_path: Path) -> None:
    fleet = "fleet:\n" + group("every: 1d", name="a", devices=3) + group("every: 1d", name="b", devices=5)
    outcome = live(tmp_path, HEAD, SERVER, fleet, DELIVERY, holiday("10d", "100%", ", groups: [b]"))
    assert outcome.is_lost.tolist() == [False] * 3 + [True] * 5


@pytest.mark.parametrize("share", [0.05, 0.9])
def test_a_holiday_of_a_share_loses_as_many_as_independent_devices(tmp_path: Path, share: float) -> None:
    """Binomial(n, share); a false alarm once in a million."""
    n = 200
    fleet = "fleet:\n" + group("every: 1d", devices=n)
    outcome = live(tmp_path, HEAD, SERVER, fleet, DELIVERY, holiday("10d", str(share)))
    low, high = binom.ppf([FALSE_ALARM / 2, 1 - FALSE_ALARM / 2], n, share)
    assert low <= int(outcome.is_lost.sum()) <= high


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        ("100%", (5 + 5 + 5, 18 * D)),  # the site is dark on days 5 and 6, 12 and 13, 19 and 20
        ("0%", (20, 19 * D)),
    ],
)
def test_a_disturbance_of_fixed_gap_and_length(tmp_path: Path, share: str, expected: tuple[int, int]) -> None:
    calendar = f"calendar:\n  disturbances: [{{name: dark, share: {share}, every: 5d, lasts: 2d}}]\n"
    fleet = "fleet:\n" + group("every: 1d, phase: 0s, catch_up: no")
    assert syncs(live(tmp_path, HEAD, fleet, calendar)) == expected


# --- the gate ------------------------------------------------------------------------------------------

PHONES = "fleet:\n" + group("every: 1d, phase: even", devices=4)  # at 3, 9, 15 and 21 o'clock
WITH_A_DEAD_ONE = PHONES + group("every: 1d", name="scrap", devices=1, rest=", presence: never")


def gate(rest: str) -> str:
    return f"strategy:\n  - at: day 1\n    reissue: {{activate: {{{rest}}}}}\n"


@pytest.mark.parametrize(
    ("rest", "opens_h", "lost"),
    [
        ("when_coverage: 25%, check_every: 6h", 6, [False, True, True, True]),
        ("when_coverage: 50%, check_every: 6h", 12, [False, False, True, True]),
        ("when_coverage: 51%, check_every: 6h", 18, [False, False, False, True]),
        ("when_coverage: 100%, check_every: 6h", 24, [False] * 4),
        ("when_coverage: 25%, check_every: 6h, not_before: 12h", 12, [False, False, True, True]),
        ("when_coverage: 25%, check_every: 6h, not_before: 12h1s", 18, [False, False, False, True]),
        ("when_coverage: 25%, check_every: 3h", 6, [False, True, True, True]),  # 3:00 is after the check
    ],
)
def test_a_gate_over_even_phases(tmp_path: Path, rest: str, opens_h: int, lost: list[bool]) -> None:
    outcome = live(tmp_path, HEAD, SERVER, PHONES, gate(rest))
    at_s = D + opens_h * H
    assert named(outcome, "gate opened", "reserve activated") == [
        (at_s, "gate opened"),
        (at_s, "reserve activated"),
    ]
    assert outcome.is_lost.tolist() == lost


@pytest.mark.parametrize(
    ("otherwise", "event", "lost"), [("activate", "reserve activated", 1), ("cancel", "reserve cancelled", 0)]
)
def test_a_gate_that_never_opens(tmp_path: Path, otherwise: str, event: str, lost: int) -> None:
    rest = f"when_coverage: 100%, check_every: 1d, not_after: 3d, otherwise: {otherwise}"
    outcome = live(tmp_path, HEAD, SERVER, WITH_A_DEAD_ONE, gate(rest))
    assert named(outcome, "gate closed") == [(day * D, "gate closed") for day in (2, 3, 4)]
    assert named(outcome, "reserve activated", "reserve cancelled") == [(4 * D, event)]
    assert int(outcome.is_lost.sum()) == lost


def test_a_gate_counts_the_groups_it_names(tmp_path: Path) -> None:
    rest = "when_coverage: 100%, of: [phones], check_every: 1d, not_after: 10d"
    outcome = live(tmp_path, HEAD, SERVER, WITH_A_DEAD_ONE, gate(rest))
    assert named(outcome, "gate opened") == [(2 * D, "gate opened")]


def test_the_expiry_comes_before_the_gate(tmp_path: Path) -> None:
    rest = "when_coverage: 100%, check_every: 1d, not_after: 10d, otherwise: cancel"
    outcome = live(tmp_path, HEAD, SERVER.replace("day 60", "day 3"), WITH_A_DEAD_ONE, gate(rest))
    assert named(outcome, "reserve activated", "reserve cancelled") == [(3 * D, "reserve activated")]
    assert named(outcome, "gate closed") == [(2 * D, "gate closed")]


# --- push and visits -----------------------------------------------------------------------------------

RARELY = "every: 30d, phase: 29d"


def push(rest: str) -> str:
    wait = "strategy:\n  - {at: day 1, reissue: {activate: after 15d}}\n"
    return f"{wait}  - {{at: day 2, push: {{{rest}}}}}\n"


@pytest.mark.parametrize(
    ("presence", "rest", "received_s"),
    [
        ("always", "", 2 * D),
        ("always", "success: 0%", -1),
        ("always", "group: others", -1),
        ("always", "platform: ios", -1),
        ("{away: [{from: day 1, for: 3d}]}", "lifetime: 2d", 4 * D),  # back in the last second
        ("{away: [{from: day 1, for: 3d}]}", "lifetime: 1d23h59m59s", -1),
        ("{away: [{from: day 1, for: 3d}]}", "lifetime: 0s", -1),
        ("never", "", -1),
    ],
)
def test_a_push(tmp_path: Path, presence: str, rest: str, received_s: int) -> None:
    fleet = (
        "fleet:\n" + group(RARELY, rest=f", presence: {presence}") + group(RARELY, name="others", devices=0)
    )
    outcome = live(tmp_path, HEAD, SERVER, fleet, push(rest))
    assert int(outcome.devices.reserve_received_at_s[0]) == received_s
    assert bool(outcome.is_lost[0]) is (received_s == -1)


THREE = (
    "fleet:\n"
    + group("every: 18d, phase: 12h", name="a")
    + group("every: 18d, phase: 0h", name="b")
    + group("every: 18d, phase: 6h", name="c")
)


def chase(rest: str, *, activate: str = "after 15d") -> str:
    wait = f"strategy:\n  - {{at: day 1, reissue: {{activate: {activate}}}}}\n"
    return f"{wait}  - {{at: day 2, chase: {{{rest}}}}}\n"


@pytest.mark.parametrize(
    ("silent_for", "received_h"),
    [
        ("0s", [18, 6, 12]),  # b is silent for longest, a for the shortest time
        ("1d12h", [18, 6, 12]),
        ("1d12h1s", [None, 6, 12]),
        ("2d", [None, 6, None]),
        ("2d1s", [None, None, None]),
    ],
)
def test_visits_in_order(tmp_path: Path, silent_for: str, received_h: list[int | None]) -> None:
    outcome = live(tmp_path, HEAD, SERVER, THREE, chase(f"silent_for: {silent_for}, per_day: 4"))
    expected = [-1 if hours is None else 2 * D + hours * H for hours in received_h]
    assert outcome.devices.reserve_received_at_s.tolist() == expected


@pytest.mark.parametrize(("activate", "lost"), [("after 1d6h", True), ("after 1d6h1s", False)])
def test_a_visit_in_the_second_of_the_switch_is_too_late(tmp_path: Path, activate: str, lost: bool) -> None:
    outcome = live(tmp_path, HEAD, SERVER, THREE, chase("per_day: 4", activate=activate))
    assert outcome.is_lost.tolist() == [True, lost, True]


# --- the desk ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recovery", "back"),
    [
        # All are lost on Friday at 14:00; a reinstallation takes an hour.
        ("technicians: 1", [4 * D + 15 * H, 4 * D + 16 * H, 4 * D + 17 * H]),
        (
            "technicians: 1, hours: {days: mon-fri, from: 08:00, to: 16:00}",
            [4 * D + 15 * H, 4 * D + 16 * H, 7 * D + 9 * H],
        ),
        (
            "technicians: 1, hours: {days: mon-fri, from: 08:00, to: 14:00}",
            [7 * D + 9 * H, 7 * D + 10 * H, 7 * D + 11 * H],
        ),
        (
            "technicians: 1, hours: {days: mon-fri, from: 08:00, to: 15:01}",  # what begins may end later
            [4 * D + 15 * H, 4 * D + 16 * H, 7 * D + 9 * H],
        ),
        ("technicians: unlimited", [4 * D + 15 * H] * 3),
        ("technicians: unlimited, hours: {days: mon, from: 08:00, to: 16:00}", [7 * D + 9 * H] * 3),
    ],
)
def test_a_desk_over_a_weekend(tmp_path: Path, recovery: str, back: list[int]) -> None:
    desk = f"recovery: {{begins: 0s, owner_responds: 0s, takes: 1h, {recovery}}}\n"
    strategy = "strategy:\n  - {at: day 4 14:00, reissue: {activate: immediately}}\n"
    fleet = "fleet:\n" + group("every: 6h, phase: even", devices=3)
    outcome = live(tmp_path, HEAD, SERVER, fleet, strategy, desk)
    assert outcome.devices.lost_at_s.tolist() == [4 * D + 14 * H] * 3
    assert outcome.devices.reconnected_at_s.tolist() == back


# --- the time zone -------------------------------------------------------------------------------------


def test_dates_without_offset_are_those_of_the_time_zone(tmp_path: Path) -> None:
    head = "name: x\ntimezone: Europe/Berlin\nstart: 2026-03-02\nduration: 60d\n"
    fleet = "fleet:\n" + group("every: 6h")
    steps = "".join(
        f"  - {{at: {at}, cancel_reserve: {{}}}}\n"
        for at in ("2026-03-29", "2026-03-29 02:00+02:00", "2026-03-30", "2026-03-30T00:00:00Z", "day 30")
    )
    scenario = load(tmp_path, head, fleet, "strategy:\n", steps)
    assert f"{scenario.start:%Y-%m-%d %H:%M}" == "2026-03-01 23:00"
    found = [prepare(scenario).instant_of(step) for step in range(5)]
    # From Sunday, 29 March on the clocks are an hour ahead.
    assert found == [27 * D, 27 * D + H, 28 * D - H, 28 * D + H, 30 * D]


# --- what is wrong -------------------------------------------------------------------------------------

FLEET = "fleet: [{name: phones, devices: 1}]\n"


def action(text: str) -> str:
    return f"strategy: [{{at: day 1, {text}}}]\n"


def hours(text: str) -> str:
    return f"fleet: [{{name: phones, devices: 1, hours: {text}}}]\n"


@pytest.mark.parametrize(
    ("text", "key", "mend"),
    [
        (FLEET + "timezone: Europe/Berln\n", "timezone", "Europe/Berlin"),
        (FLEET + "timezone: 2\n", "timezone", "Europe/Berlin"),
        (hours("{days: mon-fry, from: 07:00, to: 18:00}"), "fleet.0.hours.days", "mon-fri"),
        (hours("{from: 7, to: 18:00}"), "fleet.0.hours.from", "07:00"),
        (hours("{from: 07:00, to: 25:00}"), "fleet.0.hours.to", "24:00"),
        (hours("{from: 07:00}"), "fleet.0.hours.to", "to"),
        (FLEET + "server: {valid_from: issued}\n", "server.valid_from", "issue"),
        (FLEET + "server: {previous_certificate: keep}\n", "server.previous_certificate", "kept"),
        (
            FLEET + "server: {outages: [{from: day 1, for: 1d, server: on}]}\n",
            "server.outages.0.server",
            "off",
        ),
        (FLEET + action("push: {lifetime: 28}"), "strategy.0.push.lifetime", "28d"),
        (FLEET + action("push: {success: 98}"), "strategy.0.push.success", "98%"),
        (FLEET + action("push: {group: fones}"), "strategy.0.push.group", "phones"),
        (FLEET + action("push: {platform: windows}"), "strategy.0.push.platform", "android"),
        (FLEET + action("chase: {per_day: 0}"), "strategy.0.chase.per_day", "1"),
        (FLEET + action("chase: {}"), "strategy.0.chase.per_day", "per_day"),
        (FLEET + action("chase: {per_day: 2, group: fones}"), "strategy.0.chase.group", "phones"),
        (
            FLEET + action("reissue: {activate: {when_coverage: 99}}"),
            "strategy.0.reissue.activate.when_coverage",
            "99%",
        ),
        (
            FLEET + action("reissue: {activate: {when_coverage: 99%, of: [fones]}}"),
            "strategy.0.reissue.activate.of.0",
            "phones",
        ),
        (
            FLEET + action("reissue: {activate: {when_coverage: 99%, check_every: 0s}}"),
            "strategy.0.reissue.activate.check_every",
            "1",
        ),
        (
            FLEET + action("reissue: {activate: {when_coverage: 99%, not_before: 9d, not_after: 8d}}"),
            "strategy.0.reissue.activate.not_after",
            "not_after",
        ),
        (
            FLEET + action("reissue: {activate: {when_coverage: 99%, otherwise: wait}}"),
            "strategy.0.reissue.activate.otherwise",
            "cancel",
        ),
        (
            FLEET + "calendar: {holidays: [{name: a, from: day 1, for: 2d, share: 50}]}\n",
            "calendar.holidays.0.share",
            "50%",
        ),
        (
            FLEET + "calendar: {holidays: [{name: a, from: day 1, for: 2d, groups: [fones]}]}\n",
            "calendar.holidays.0.groups.0",
            "phones",
        ),
        (
            FLEET + "calendar: {disturbances: [{name: a, every: 2, lasts: 1d}]}\n",
            "calendar.disturbances.0.every",
            "2d",
        ),
        (
            FLEET + "calendar: {disturbances: [{name: a, every: 2d}]}\n",
            "calendar.disturbances.0.lasts",
            "lasts",
        ),
        (FLEET + "recovery: {technicians: many}\n", "recovery.technicians", "whole number"),
        (FLEET + "recovery: {hours: {from: 8:00}}\n", "recovery.hours.to", "to"),
    ],
)
def test_a_mistake_is_told_at_its_place_with_what_would_be_right(
    tmp_path: Path, text: str, key: str, mend: str
) -> None:
    with pytest.raises(sim.ScenarioError) as raised:
        load(tmp_path, HEAD, text)
    (problem,) = raised.value.problems
    assert problem.key == key
    assert mend in problem.message
    assert problem.line is not None
    assert problem.line > 3
