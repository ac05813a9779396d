"""What a broken guarantee says, and that what it suggests is exactly what would have mended it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from planner import BROKEN, KEPT, SMALL, Project, small

import sim
from sim.testing import mending
from sim.testing.telling import tell

ROOT = Path(__file__).parents[2]
NONE_LOST = {"measure": "lost_devices", "at_most": 0}


def told(scenario: sim.Scenario, **options: Any) -> str:
    """What the first guarantee says, which does not pass."""
    result = sim.run(scenario, **options)
    assert not result.guarantees[0].passes
    return tell(result, 0)


def mends(scenario: sim.Scenario, **options: Any) -> list[str]:
    """The sentences after `mend`."""
    lines = told(scenario, **options).splitlines()
    labels = {line[2:10].strip(): number for number, line in enumerate(lines) if line[2:10].strip()}
    if "mend" not in labels:
        return []
    first = labels["mend"]
    after = [number for number in labels.values() if number > first]
    return [line[12:] for line in lines[first : min(after, default=len(lines))]]


def is_kept(scenario: sim.Scenario, changes: dict[str, Any]) -> bool:
    return sim.run(scenario.changed(changes)).guarantees[0].verdict in ("proved", "holds")


# --- the whole text ------------------------------------------------------------------------------------


def test_a_failure_reads_as_a_planner_would_say_it(project: Project) -> None:
    text = project.scenario("plans/a b.yaml", BROKEN)
    line = 1 + text.splitlines().index("  - measure: lost_devices")
    lines = project.run().outlines
    story = lines[next(n for n, each in enumerate(lines) if each.startswith("broken: 2")) :]
    story = story[: next(n for n, each in enumerate(story) if "short test summary" in each)]
    assert story[1:4] == [
        f"  promised  lost devices at most 1  (plans/a b.yaml:{line})",
        "  happened  2 of 4 devices lost the server; none of them is still without it at the end",
        "  who       phones/2: lost on 2026-03-03 12:00, since it had not received the certificate that "
        "became main; reconnected by a reinstallation on 2026-03-03 14:30, 2 h 30 m later",
    ]
    assert (
        "  mend      an activation delay of at least 15 h 1 s (instead of 12 h) would have been enough"
        in story
    )
    assert story[-2:] == [
        "  replay    reissue run 'plans/a b.yaml' --seed 1",
        "            reissue why 'plans/a b.yaml' phones/2 --seed 1",
    ]


def test_the_rules_that_the_plan_goes_against_are_named(project: Project) -> None:
    text = project.scenario("a.yaml", BROKEN)
    line = 1 + text.splitlines().index("      activate: after 12h")
    result = project.run()
    result.stdout.fnmatch_lines([f"  rule      a.yaml:{line}: activation-within-sync-period: *"])


def test_what_nothing_exercised_says_so_and_how_to_allow_it(project: Project) -> None:
    nobody = {**NONE_LOST, "group": "nothing"}
    project.scenario("a.yaml", nobody, {**nobody, "allow_vacuous": True})
    result = project.run()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["vacuous: *it is about no device*", "*allow_vacuous: yes*"])
    result.stdout.no_fnmatch_line("*happened*")


def test_an_undecided_guarantee_says_how_to_decide_it(project: Project) -> None:
    # Of 40 phones with a random turn, none is lost with a probability of 2^-40; 1 of 1 shows 5 %.
    fleet = [{"name": "phones", "devices": 40, "sync": {"every": "1d"}}]
    project.scenario("a.yaml", {"measure": "lost_devices", "at_least": 1, "probability": "50%"}, fleet=fleet)
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["undecided: *", "*--reissue-replications*"])


def test_the_replication_that_shows_it_is_named() -> None:
    # One phone with a random turn a day, lost in half of the replications; the other half tells of none.
    fleet = [{"name": "phone", "devices": 1, "sync": {"every": "1d"}}]
    result = sim.run(small(NONE_LOST, fleet=fleet, first_replication=5), replications=40)
    number = 5 + [row["lost_devices"] for row in result.runs].index(1)
    text = tell(result, 0, file="a.yaml")
    assert f"1 of 1 devices lost the server in replication {number};" in text
    assert "reissue run a.yaml --seed 1 --replications 40" in text
    assert f"reissue why a.yaml phone/0 --seed 1 --replication {number}" in text


def test_control_characters_of_a_name_reach_no_terminal() -> None:
    fleet = [{"name": "a‮b", "devices": 4, "sync": {"every": "1d", "phase": "even"}}]
    assert "‮" not in told(small(NONE_LOST, fleet=fleet))


# --- a longer delay, an earlier reserve ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("guarantee", "delay", "less", "saved"),
    [  # turns at 15:00 and 21:00 are missed: a sync in the second of activation comes too late
        (NONE_LOST, "21 h 1 s", "21h", "saved all"),
        (BROKEN, "15 h 1 s", "15h", "been enough"),
        ({"measure": "lost_share", "at_most": "25%"}, "15 h 1 s", "15h", "been enough"),
        ({"measure": "lost_share", "at_most": "24%"}, "21 h 1 s", "21h", "saved all"),
        ({"measure": "reserve_coverage", "at_least": "75%"}, "15 h 1 s", "15h", "been enough"),
        ({"measure": "reserve_coverage", "at_least": "76%"}, "21 h 1 s", "21h", "saved all"),
        ({"measure": "device_days_lost", "at_most": 0}, "21 h 1 s", "21h", "saved all"),
        ({**NONE_LOST, "group": "phones", "platform": "android"}, "21 h 1 s", "21h", "saved all"),
    ],
)
def test_the_least_delay_that_keeps_the_promise(
    guarantee: dict[str, Any], delay: str, less: str, saved: str
) -> None:
    scenario = small(guarantee)
    assert mends(scenario) == [
        f"an activation delay of at least {delay} (instead of 12 h) would have {saved}"
    ]
    exact = delay.replace(" ", "")
    assert is_kept(scenario, {"strategy.0.reissue.activate": f"after {exact}"})
    assert not is_kept(scenario, {"strategy.0.reissue.activate": f"after {less}"})


def test_a_delay_that_is_more_than_needed_is_not_called_the_least() -> None:
    # Two phones are lost for 2.5 h and 3 h; 0.12 days allow one of them, and the sentence saves both.
    (sentence,) = mends(small({"measure": "device_days_lost", "at_most": 0.12}))
    assert sentence == "an activation delay of 21 h 1 s (instead of 12 h) would have saved all"


def test_immediately_is_mended_by_the_same_delay() -> None:
    scenario = small(NONE_LOST, strategy=[{"at": "day 2", "reissue": {"activate": "immediately"}}])
    assert mends(scenario) == ["an activation delay of at least 21 h 1 s would have saved all"]


def test_where_the_expiry_comes_too_soon_the_reserve_has_to_be_earlier() -> None:
    # Until 18:00 the phone of 21:00 has no turn; the one before was at 21:00 of the day before.
    server = {"certificate": {"expires": "day 2 18:00"}, "automatic_reissue": "off"}
    scenario = small(NONE_LOST, server=server)
    assert mends(scenario) == [
        "a reserve specified by 2026-03-02 21:00:00 and activated at the expiry would have saved all"
    ]
    at_expiry = {"strategy.0.reissue.activate": "at expiry"}
    assert is_kept(scenario, {**at_expiry, "strategy.0.at": "day 1 21:00:00"})
    assert not is_kept(scenario, {**at_expiry, "strategy.0.at": "day 1 21:00:01"})


def test_an_expiry_without_reserve_is_mended_by_one_in_time() -> None:
    # The last turns are 03:00, 09:00, 15:00 and 21:00: the first decides, or the second if one is spared.
    scenario = small(NONE_LOST, strategy=[])
    assert mends(scenario) == [
        "a reserve specified by 2026-03-03 03:00:00 and activated at the expiry would have saved all"
    ]
    assert mends(small(BROKEN, strategy=[])) == [
        "a reserve specified by 2026-03-03 09:00:00 and activated at the expiry would have been enough"
    ]


def test_no_delay_helps_whoever_never_synchronizes() -> None:
    # The reserve comes at 12:00 of day 2. Until the expiry at 18:00 it reaches the phone of 15:00 alone.
    server = {"certificate": {"expires": "day 2 18:00"}, "automatic_reissue": "off"}
    phones = {"name": "phones", "devices": 4, "sync": {"every": "1d", "phase": "even"}}
    fleet = [phones, {"name": "drawer", "devices": 2, "presence": "never"}]
    strategy = [{"at": "day 2 12:00", "reissue": {"activate": "after 1h"}}]
    longer, earlier = mends(small(BROKEN, server=server, fleet=fleet, strategy=strategy))
    assert longer == (
        "no delay would have been enough: until the expiry on 2026-03-03 18:00 the reserve misses 5 devices"
    )
    assert earlier.startswith("no earlier date either: 2 devices must be switched on or reinstalled")


def test_one_silent_device_may_be_spared() -> None:
    fleet = [{"name": "drawer", "devices": 1, "presence": "never"}, *SMALL["fleet"]]
    assert mends(small(BROKEN, fleet=fleet)) == [
        "an activation delay of at least 21 h 1 s (instead of 12 h) would have been enough"
    ]


def test_a_run_that_ends_too_soon_suggests_no_date() -> None:
    server = {"certificate": {"expires": "day 100"}, "automatic_reissue": "off"}
    assert mends(small(NONE_LOST, server=server, duration="2d18h")) == [
        "no delay within this run would have been enough: the reserve never reached 1 device"
    ]


def test_several_actions_are_not_mended_by_one_delay() -> None:
    twice = [{"at": f"day {day}", "reissue": {"activate": "after 12h"}} for day in (1, 2)]
    (sentence,) = mends(small(NONE_LOST, strategy=twice))
    assert sentence.startswith("several actions decide here")


def test_a_platform_that_refuses_is_not_mended_by_a_delay() -> None:
    scenario = sim.load(ROOT / "scenarios" / "custom_certificate_strands_ios.yaml")
    text = told(scenario.changed({"guarantees": [NONE_LOST]}))
    assert "since its platform refuses the new certificate" in text
    assert "apple-extended-key-usage" in text
    assert "mend" not in text


def test_a_promise_of_losses_is_not_mended() -> None:
    assert mends(small({"measure": "lost_devices", "at_least": 3})) == []


# --- the help desk -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("guarantee", "sentence"),
    [
        ({"measure": "time_to_reconnect", "at_most": "2h30m"}, "2 technicians (instead of 1)"),
        (
            {"measure": "reconnected_share", "within": "2h30m", "at_least": "100%"},
            "2 technicians (instead of 1)",
        ),
        (
            {"measure": "time_to_reconnect", "at_most": "2h29m59s"},
            "more technicians would not have been enough",
        ),
    ],
)
def test_more_technicians_shorten_the_queue_and_nothing_else(
    guarantee: dict[str, Any], sentence: str
) -> None:
    (told_,) = mends(small(guarantee))
    assert told_.startswith(sentence)


def test_the_least_number_of_technicians_is_named() -> None:
    # 20 phones are lost at once, and 3 rounds of half an hour end 3.5 h after the loss: 7 at a time.
    fleet = [{"name": "phones", "devices": 20, "sync": {"every": "1d", "phase": "13h"}}]
    scenario = small({"measure": "time_to_reconnect", "at_most": "3h30m"}, fleet=fleet)
    assert mends(scenario) == ["7 technicians (instead of 1) would have been enough"]
    assert is_kept(scenario, {"recovery.technicians": 7})
    assert not is_kept(scenario, {"recovery.technicians": 6})


def test_of_a_large_fleet_it_is_only_told_that_more_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = small({"measure": "time_to_reconnect", "at_most": "2h30m"})
    monkeypatch.setattr(mending, "MOST_SEARCHED", 4)
    assert mends(scenario) == ["2 technicians (instead of 1) would have been enough"]
    monkeypatch.setattr(mending, "MOST_SEARCHED", 3)
    assert mends(scenario) == ["more technicians would have been enough"]


def test_without_a_help_desk_it_is_named() -> None:
    (sentence,) = mends(small({"measure": "reconnected_share", "at_least": "50%"}, recovery=None))
    assert sentence == "nobody reinstalls the app in this scenario: add recovery:"


def test_what_holds_is_not_told() -> None:
    assert sim.run(small(KEPT)).guarantees[0].passes
