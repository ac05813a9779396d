"""What a broken guarantee says, and that the delay it names is the least that would have been enough."""

from __future__ import annotations

import re
import shlex
import textwrap
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from planner import BROKEN, SMALL, Project, small

import sim
from sim.scenario.values import parse_duration
from sim.testing import assert_guarantees
from sim.testing.assertions import failure_text

ROOT = Path(__file__).parents[2]
NONE_LOST = {"measure": "lost_devices", "at_most": 0}


def text_of(scenario: sim.Scenario) -> str:
    """What the first guarantee says, which does not pass."""
    result = sim.run(scenario)
    assert not result.guarantees[0].passes
    return failure_text(result, 0)


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
        "  who       phones/2: lost on 2026-03-03 12:00, the certificate that became main had not reached "
        "it; reconnected by a reinstallation on 2026-03-03 14:30, 2 h 30 m later",
    ]
    place = story.index("  remedy    an activation delay of at least 15 h 1 s would have been enough")
    assert story[place + 1].lstrip().startswith("reissue plan 'plans/a b.yaml' tells the least delay")
    assert story[-2:] == [
        "  replay    reissue run 'plans/a b.yaml' --seed 1",
        "            reissue why 'plans/a b.yaml' phones/2 --seed 1",
    ]


CHANGES: list[dict[str, Any]] = [
    {"fleet.0.sync.every": "2d", "strategy.0.reissue.activate": "after 9h"},
    {"fleet.0.name": "on, [off] 'x' 1.10", "description": "two\nlines: # no comment"},
    {"recovery": None, "name": "007"},
    {
        "strategy": [
            {"at": "day 1", "reissue": {"activate": "after 1h"}},
            {"at": "day 2", "cancel_reserve": {}},
        ]
    },
    {"fleet.0.presence": {"on": {"still_away": {"1d": 0.5, "2d": 0}}, "off": "8h"}},
    {"seed": 4},
]


@pytest.mark.parametrize("changes", CHANGES)
def test_a_changed_scenario_is_loaded_again_from_its_file_and_its_overrides(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(small(BROKEN).to_yaml())
    changed = sim.load(path, overrides=[("fleet.0.devices", "3")]).changed(changes)
    assert sim.load(path, overrides=changed.overrides) == changed
    assert sim.load(path).overrides == ()
    assert small(BROKEN).overrides == ()


def test_the_replay_of_a_changed_scenario_replays_it(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(small(BROKEN).to_yaml())
    changed = sim.load(path).changed({"fleet.0.devices": 8, "fleet.0.name": "desk phones"}, seed=3)
    with pytest.raises(AssertionError) as caught:
        assert_guarantees(changed)
    (replay,) = [line for line in str(caught.value).splitlines() if "reissue run" in line]
    words = shlex.split(replay)[3:]
    assert words[words.index("--seed") + 1] == "3"
    overrides = [tuple(word.split("=", 1)) for before, word in pairwise(words) if before == "--set"]
    again = sim.load(words[0], overrides=[(key, value) for key, value in overrides])
    assert again.changed(seed=3) == changed


def test_the_replay_of_a_scenario_without_a_file_is_its_yaml() -> None:
    _, _, written = text_of(small(BROKEN)).partition("this file, by reissue run:\n")
    assert sim.Scenario.from_yaml(textwrap.dedent(written)) == small(BROKEN)


def test_the_rules_that_the_plan_goes_against_are_named(project: Project) -> None:
    text = project.scenario("a.yaml", BROKEN)
    line = 1 + text.splitlines().index("      activate: after 12h")
    result = project.run()
    result.stdout.fnmatch_lines([f"*a.yaml:{line}: activation-within-sync-period: *"])


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
    project.scenario("a.yaml", {"measure": "times_lost", "at_least": 1, "probability": "50%"}, fleet=fleet)
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["undecided: *", "*--reissue-replications*"])


def test_the_replication_that_shows_it_is_named() -> None:
    # One phone with a random turn a day, lost in half of the replications; the other half tells of none.
    fleet = [{"name": "phone", "devices": 1, "sync": {"every": "1d"}}]
    result = sim.run(small(NONE_LOST, fleet=fleet, first_replication=5), replications=40)
    number = 5 + [row["lost_devices"] for row in result.runs].index(1)
    text = failure_text(result, 0, file="a.yaml")
    assert f"1 of 1 devices lost the server in replication {number};" in text
    assert "reissue run a.yaml --seed 1 --replications 40" in text
    assert f"reissue why a.yaml phone/0 --seed 1 --replication {number}" in text


def test_control_characters_of_a_name_reach_no_terminal() -> None:
    fleet = [{"name": "a‮b", "devices": 4, "sync": {"every": "1d", "phase": "even"}}]
    assert "‮" not in text_of(small(NONE_LOST, fleet=fleet))


# --- the delay that would have been enough --------------------------------------------------------------


def least_delay(scenario: sim.Scenario) -> str:
    """The delay that the text names; empty where it names none."""
    found = re.search("delay of at least (.*?) would", text_of(scenario))
    return "" if found is None else found[1]


def is_kept(scenario: sim.Scenario, delay: str) -> bool:
    changed = scenario.changed({"strategy.0.reissue.activate": f"after {delay.replace(' ', '')}"})
    return sim.run(changed).guarantees[0].passes


@pytest.mark.parametrize(
    ("guarantee", "delay", "less"),
    [  # turns at 15:00 and 21:00 are missed: a sync in the second of activation comes too late
        (NONE_LOST, "21 h 1 s", "21h"),
        (BROKEN, "15 h 1 s", "15h"),
        ({"measure": "lost_share", "at_most": "25%"}, "15 h 1 s", "15h"),
        ({"measure": "lost_share", "at_most": "24%"}, "21 h 1 s", "21h"),
        ({"measure": "reserve_coverage", "at_least": "75%"}, "15 h 1 s", "15h"),
        ({"measure": "reserve_coverage", "at_least": "76%"}, "21 h 1 s", "21h"),
        ({**NONE_LOST, "group": "phones", "platform": "android"}, "21 h 1 s", "21h"),
    ],
)
def test_the_least_delay_that_keeps_the_promise(guarantee: dict[str, Any], delay: str, less: str) -> None:
    scenario = small(guarantee)
    assert least_delay(scenario) == delay
    assert is_kept(scenario, delay)
    assert not is_kept(scenario, less)


@pytest.mark.parametrize(
    ("guarantee", "changes"),
    [
        (NONE_LOST, {"strategy": []}),
        (NONE_LOST, {"strategy": [{"at": "day 2 20:00", "reissue": {"activate": "at expiry"}}]}),
        (NONE_LOST, {"strategy": [{"at": f"day {d}", "reissue": {"activate": "after 12h"}} for d in (1, 2)]}),
        (NONE_LOST, {"fleet": [{"name": "drawer", "devices": 1, "presence": "never"}, *SMALL["fleet"]]}),
        ({"measure": "lost_devices", "at_least": 3}, {}),
        ({"measure": "time_to_reconnect", "at_most": "2h30m"}, {}),
    ],
)
def test_what_a_longer_delay_does_not_decide_names_none(
    guarantee: dict[str, Any], changes: dict[str, Any]
) -> None:
    """No reissue, one that waits to the end, several; a device that never comes; other promises."""
    assert least_delay(small(guarantee, **changes)) == ""


def test_a_remedy_says_for_which_replications_it_is_one() -> None:
    # One phone with a random turn a day: its phase in a replication, plus a second, is the delay it needs.
    fleet = [{"name": "phone", "devices": 1, "sync": {"every": "1d"}}]
    scenario = small(NONE_LOST, fleet=fleet, replications=7)
    (remedy,) = [line for line in text_of(scenario).splitlines() if "  remedy  " in line]
    enough, delay = re.findall(r"and in (\d) of the 7 looked at; (.*) in every one of them", remedy)[0]
    most_s = parse_duration(delay.replace(" ", ""))
    changed = scenario.changed({"strategy.0.reissue.activate": f"after {most_s}s"})
    assert sim.run(changed).guarantees[0].passes
    assert not is_kept(scenario, f"{most_s - 1}s")
    least = least_delay(scenario).replace(" ", "")
    here = sim.run(scenario.changed({"strategy.0.reissue.activate": f"after {least}"}))
    assert sum(row["lost_devices"] == 0 for row in here.runs) == int(enough)


def test_a_platform_that_refuses_is_not_saved_by_a_delay() -> None:
    scenario = sim.load(ROOT / "scenarios" / "custom_certificate_strands_ios.yaml")
    text = text_of(scenario.changed({"guarantees": [NONE_LOST]}))
    assert "iOS refuses the certificate that became main" in text
    assert "apple-extended-key-usage" in text
    assert "would have been enough" not in text
