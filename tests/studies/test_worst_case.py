"""The shortest absences and outages that break a guarantee: counted by hand; one second less does not."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from random import Random
from typing import Any

import numpy as np
import pytest

import sim
from sim.fleet.engine import simulate
from sim.scenario.prepare import prepare
from sim.studies.worst_case import Attack, as_scenario, lines, needed_devices, sentence, to_json, worst_cases
from sim.world.draws import Draws
from sim.world.fleet import Away, Fleet

HOUR, DAY = 3600, 86_400
NO_LOSS = {"measure": "lost_devices", "at_most": 0}


LAST = 30
CUSTOM = {"certificate": {"expires": "day 20", "issuer": "custom"}}
"""A first certificate that can be put back (model 3.9)."""


def scenario(*guarantees: dict[str, Any], **rest: Any) -> sim.Scenario:
    """A reserve on day 3 that becomes main after 4 days; phones every 6 h; it expires on day 20.

    An attempt can fail, so nothing is proved.
    """
    group = {"name": "phones", "devices": 10, **rest.pop("group", {})}
    group["sync"] = {"success": "99%", **group.get("sync", {})}
    return sim.Scenario.from_document(
        {
            "name": "x",
            "start": "2026-03-01",
            "duration": rest.pop("duration", "12d"),
            "server": {
                "certificate": {"expires": "day 20"},
                "automatic_reissue": "off",
                **rest.pop("server", {}),
            },
            "fleet": [group],
            "strategy": rest.pop("strategy", [{"at": "day 3", "reissue": {"activate": "after 4d"}}]),
            "guarantees": list(guarantees) or [NO_LOSS],
            **rest,
        }
    )


def found(made: sim.Scenario, guarantee: int = 0) -> dict[str, Attack]:
    return {attack.kind: attack for attack in worst_cases(made) if attack.guarantee == guarantee}


def length_of(attack: Attack) -> int | None:
    return None if attack.found is None else attack.found.length_s


def verdicts(made: sim.Scenario) -> set[str]:
    """Of the guarantees on both engines, which agree."""
    return {sim.run(made, engine=engine).guarantees[0].verdict for engine in ("process", "fleet")}


def shortened(attack: Attack, from_s: int) -> Attack:
    """A second less, from an instant on."""
    assert attack.found is not None
    return replace(attack, found=replace(attack.found, length_s=attack.found.length_s - 1, from_s=from_s))


def assert_minimal(made: sim.Scenario, attack: Attack) -> None:
    """The scenario of the attack breaks the guarantee; those of one second less, from either end, do not."""
    assert attack.found is not None
    assert verdicts(as_scenario(made, attack)) == {"fails"}
    for step_s in (0, 1):
        assert "fails" not in verdicts(as_scenario(made, shortened(attack, attack.found.from_s + step_s)))


# ---- counted by hand ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sync", "absence_s", "outage_s"),
    [
        # The reserve waits for W = 4 d. The worst phase has an attempt in the second before it is specified,
        # and the next T later. Whoever is away from there until it becomes main: W - T + 1.
        ({"every": "6h"}, 4 * DAY - 6 * HOUR + 1, 4 * DAY - 6 * HOUR + 1),
        ({"every": "1d"}, 3 * DAY + 1, 3 * DAY + 1),
        # Without catch-up the absence, as an outage, ends after the last attempt: (floor(W/T) - 1) T + 1.
        ({"every": "1d", "catch_up": "no"}, 3 * DAY + 1, 3 * DAY + 1),
        ({"every": "18h", "catch_up": "no"}, 72 * HOUR + 1, 72 * HOUR + 1),
        ({"every": "18h"}, 78 * HOUR + 1, 72 * HOUR + 1),
        # One attempt exactly while it waits: a second is enough, at the attempt.
        ({"every": "4d", "catch_up": "no"}, 1, 1),
        ({"every": "4d"}, 1, 1),
        ({"every": "60h"}, 36 * HOUR + 1, 1),
        # Attempts are on time: jitter is left out.
        ({"every": "6h", "jitter": "1h"}, 4 * DAY - 6 * HOUR + 1, 4 * DAY - 6 * HOUR + 1),
    ],
)
def test_the_shortest_absence_and_outage(sync: dict[str, str], absence_s: int, outage_s: int) -> None:
    made = scenario(group={"sync": sync})
    attacks = found(made)
    assert {kind: length_of(attack) for kind, attack in attacks.items()} == {
        "absence": absence_s,
        "outage": outage_s,
    }
    for attack in attacks.values():
        assert_minimal(made, attack)


def test_a_delay_below_the_period_needs_no_absence() -> None:
    made = scenario(group={"sync": {"every": "4d1s"}})
    attacks = found(made)
    assert {length_of(attack) for attack in attacks.values()} == {0}
    for attack in attacks.values():
        assert verdicts(as_scenario(made, attack)) == {"fails"}
    assert "enough to break 'lost devices at most 0', as the plan is" in sentence(made, attacks["absence"])


def test_an_expiry_cuts_the_wait() -> None:
    """At expiry on day 20, or after 30 days: it waits 17 days all the same."""
    for activate in ("after 30d", "at expiry"):
        made = scenario(duration="22d", strategy=[{"at": "day 3", "reissue": {"activate": activate}}])
        attack = found(made)["absence"]
        assert length_of(attack) == 17 * DAY - 6 * HOUR + 1
        assert_minimal(made, attack)


def test_what_cannot_be_broken_is_said_so() -> None:
    never = scenario(strategy=[])  # nothing ever happens to the certificate
    assert {length_of(attack) for attack in found(never).values()} == {None}
    assert "even if it lasts the whole run" in sentence(never, found(never)["absence"])


@pytest.mark.parametrize(
    ("guarantee", "group", "said"),
    [
        ({"measure": "lost_devices", "at_most": 10}, {}, "there are no more than 10 devices to lose"),
        ({"measure": "lost_devices", "at_least": 1}, {}, "losing devices does not break it"),
        (NO_LOSS, {"devices": 0}, "it is about no device"),
        (NO_LOSS, {"presence": "never"}, "no group has so many that are ever on"),
    ],
)
def test_guarantees_that_are_not_searched(
    guarantee: dict[str, Any], group: dict[str, Any], said: str
) -> None:
    (reason,) = {attack.reason for attack in found(scenario(guarantee, group=group)).values()}
    assert reason is not None
    assert said in reason


NIGHTS: dict[str, Any] = {
    "duration": "32d",
    "server": {"outages": [{"from": f"day {day}", "for": "1h"} for day in range(1, 31)]},
}
"""An outage of an hour each night: the reserve of day 3 is handed out from 01:00 on."""


def test_a_plan_with_many_instants_is_searched_in_full() -> None:
    """Sixty edges of outages. Attempts at 0, 6, 12 and 18 h past an hour less a second: that of the night
    never counts, so the first after day 3 comes at 06:59:59."""
    made = scenario(**NIGHTS)
    attack = found(made)["absence"]
    assert attack.found is not None
    assert (attack.found.length_s, attack.found.from_s) == (4 * DAY - 7 * HOUR + 1, 3 * DAY + 7 * HOUR - 1)
    assert attack.searched_s is None
    assert_minimal(made, attack)


def test_what_was_not_searched_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few are tried that none is long enough; and what was tried breaks nothing."""
    made = scenario(**NIGHTS)
    monkeypatch.setattr("sim.studies.worst_case.MOST_TRIED", 500)
    attack = found(made)["absence"]
    assert attack.found is None
    assert attack.searched_s is not None
    assert 0 < attack.searched_s <= 4 * DAY - 7 * HOUR + 1
    assert "no absence that was tried breaks it; only what is shorter than" in sentence(made, attack)


def test_what_is_found_below_what_was_searched_is_the_shortest(monkeypatch: pytest.MonkeyPatch) -> None:
    made = scenario(**NIGHTS)
    shortest = length_of(found(made)["absence"])
    monkeypatch.setattr("sim.studies.worst_case.MOST_TRIED", 2_000)
    attack = found(made)["absence"]
    assert (length_of(attack), attack.searched_s) == (shortest, None)


def test_a_proved_guarantee_is_left_alone() -> None:
    """Four days are more than 6 h; with 6 h less a second it is not proved, and falls."""
    sync = {"success": "100%"}
    made = scenario(group={"sync": sync})
    attacks = worst_cases(made)
    assert {(attack.is_proved, attack.found) for attack in attacks} == {(True, None)}
    (line,) = set(lines(made, attacks))
    assert line.startswith("'lost devices at most 0': proved, so nothing was searched: every device sync")
    near = scenario(
        group={"sync": sync}, strategy=[{"at": "day 3", "reissue": {"activate": "after 5h59m59s"}}]
    )
    attack = found(near)["absence"]
    assert (attack.is_proved, length_of(attack)) == (False, 0)
    assert verdicts(as_scenario(near, attack)) == {"fails"}


@pytest.mark.parametrize(
    ("guarantee", "devices"),
    [
        ({"measure": "lost_devices", "at_most": 3}, 4),
        ({"measure": "lost_share", "at_most": "30%"}, 4),
        ({"measure": "lost_share", "at_most": "29.9%"}, 3),
        ({"measure": "reserve_coverage", "at_least": "70%"}, 4),
        ({"measure": "reserve_coverage", "at_least": "70.1%"}, 3),
        ({"measure": "still_lost_devices", "at_most": 0}, 1),
    ],
)
def test_as_many_devices_as_it_takes(guarantee: dict[str, Any], devices: int) -> None:
    """Of ten; the absence is the same for each, and the scenario has that many and breaks the guarantee."""
    made = scenario(guarantee)
    attack = found(made)["absence"]
    assert (attack.devices, length_of(attack)) == (devices, 4 * DAY - 6 * HOUR + 1)
    assert_minimal(made, attack)
    assert needed_devices(made.guarantees[0].bound, 10) == devices


def test_a_lost_device_must_be_back_in_time() -> None:
    """Replaced on day 3, put back 6 h later; who is not back within 1 d was away until the second after.

    Back at the last second within, day 4, the device catches up in time; so it comes one second later. The
    first attempt that would succeed is T - 1 s after the certificate is back, at the latest: 11:59:59.
    """
    strategy = [
        {"at": "day 3", "reissue": {"activate": "immediately"}},
        {"at": "day 3 06:00", "restore_previous": {}},
    ]
    made = scenario(
        {"measure": "time_to_reconnect", "at_most": "1d"},
        strategy=strategy,
        group={"sync": {"every": "6h"}},
        server=CUSTOM,
    )
    attacks = found(made)
    assert length_of(attacks["absence"]) == DAY + 1 - (12 * HOUR - 1)
    assert_minimal(made, attacks["absence"])


def test_a_help_desk_is_left_out() -> None:
    recovery = {"technicians": 1, "begins": "1h", "owner_responds": "0s", "takes": "1h"}
    made = scenario(recovery=recovery)
    attack = found(made)["absence"]
    assert length_of(attack) == 4 * DAY - 6 * HOUR + 1
    assert as_scenario(made, attack).recovery is None


def test_random_devices_are_attacked_as_one_with_the_worst_phase() -> None:
    spells = {"on": {"exponential": "1d"}, "off": {"exponential": "1d"}}
    made = scenario(group={"presence": spells, "sync": {"success": "50%", "jitter": "1h"}})
    assert length_of(found(made)["absence"]) == 4 * DAY - 6 * HOUR + 1


def test_every_attack_is_told_with_a_scenario_that_shows_it() -> None:
    made = scenario(NO_LOSS, {"measure": "lost_devices", "at_most": 0, "probability": "90%"})
    told = [to_json(made, attack) for attack in worst_cases(made)]
    assert [(each["guarantee"], each["kind"]) for each in told] == [
        (0, "absence"), (0, "outage"), (1, "absence"), (1, "outage"),
    ]  # fmt: skip
    for each in told:
        assert verdicts(sim.Scenario.from_document(each["scenario"])) == {"fails"}


# ---- nothing smaller ----------------------------------------------------------------------------------


@pytest.mark.parametrize("catch_up", ["yes", "no"])
@pytest.mark.parametrize(
    "guarantee",
    [
        NO_LOSS,
        {"measure": "time_to_reconnect", "at_most": "6s"},
        {"measure": "still_lost_devices", "at_most": 0},
    ],
    ids=lambda guarantee: guarantee["measure"],
)
@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 20))])
def test_no_shorter_absence_at_all_breaks_it(seed: int, guarantee: dict[str, Any], catch_up: str) -> None:
    """A small plan in minutes, every phase, every beginning and every length tried one by one."""
    random = Random(seed)
    every = random.choice([4, 5, 7])
    steps = [
        {"at": f"start + {at}s", "reissue": {"activate": f"after {random.randrange(3, 20)}s"}}
        for at in sorted(random.sample(range(20), random.choice([1, 2])))
    ]
    if random.random() < 0.5:
        steps.append({"at": f"start + {random.randrange(15, 28)}s", "restore_previous": {}})
    made = scenario(
        guarantee,
        duration=f"{LAST}s",
        strategy=steps,
        server={**CUSTOM, "outages": [{"from": f"start + {random.randrange(20)}s", "for": "3s"}]},
        group={"sync": {"every": f"{every}s", "catch_up": catch_up}},
    )
    attacks = found(made)
    roster, plan = prepare(made.changed({"fleet.0.devices": 1})).roster(), prepare(made).plan
    cases = [(p, a, b) for p, a in product(range(every), range(LAST)) for b in range(a + 1, LAST + 1)]
    still = [(p, 0, 0) for p in range(every)]
    (profile,) = roster.profiles
    profiles = tuple(
        replace(profile, presence=Away(((a, b),)) if b else "always") for _, a, b in still + cases
    )
    n = len(profiles)
    many = replace(
        roster,
        profiles=profiles,
        profile=np.arange(n, dtype=np.int32),
        group=np.zeros(n, np.int32),
        identity=np.repeat(roster.identity, n),
        phase_s=np.array([p for p, _, _ in still + cases], dtype=np.int64),
        silent=np.zeros(n, np.bool_),
        seen=np.zeros(n, np.bool_),
        holds_reserve=np.zeros(n, np.bool_),
        numbered=(n,),
        silent_for_s=np.full(n, -1, np.int64),
        never_connected=np.zeros(n, np.bool_),
    )
    broken = made.guarantees[0].bound.breaking(simulate(plan, Fleet.start(many, Draws.of(1, 0))))
    lengths = [
        b - a for (_, a, b), is_broken in zip(still + cases, broken.tolist(), strict=True) if is_broken
    ]
    assert length_of(attacks["absence"]) == (min(lengths) if lengths else None)
    if catch_up == "no":  # then an absence of all devices is what an outage is
        assert length_of(attacks["outage"]) == length_of(attacks["absence"])
