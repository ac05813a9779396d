"""The smallest changes that break a guarantee: counted by hand; one second less does not."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

import sim
from sim.errors import OutputError
from sim.fleet.engine import simulate
from sim.processes.engine import simulate as simulate_as_processes
from sim.processes.recording import RecordedDevice, Recorder
from sim.scenario.prepare import prepare
from sim.studies.worst_case.attacks import Attack, needed_devices, worst_cases
from sim.studies.worst_case.result import as_scenario, lines, sentence, write_worst_cases
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
    assert not attack.found.late
    from_s = attack.found.from_s
    assert verdicts(as_scenario(made, attack)) == {"fails"}
    step_s = {"later": -1, "sooner": 1}.get(attack.kind, 0)
    assert "fails" not in verdicts(as_scenario(made, shortened(attack, from_s + step_s)))
    if attack.kind in ("absence", "outage"):
        assert "fails" not in verdicts(as_scenario(made, shortened(attack, from_s + 1)))


# ---- counted by hand ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sync", "absence_s", "outage_s", "shift_s"),
    [
        # The reserve waits for W = 4 d. The worst phase has an attempt in the second before it is specified,
        # and the next T later. Whoever is away from there until it becomes main: W - T + 1.
        ({"every": "6h"}, 4 * DAY - 6 * HOUR + 1, 4 * DAY - 6 * HOUR + 1, 4 * DAY - 6 * HOUR + 1),
        ({"every": "1d"}, 3 * DAY + 1, 3 * DAY + 1, 3 * DAY + 1),
        # Without catch-up the absence, as an outage, ends after the last attempt: (floor(W/T) - 1) T + 1.
        ({"every": "1d", "catch_up": "no"}, 3 * DAY + 1, 3 * DAY + 1, 3 * DAY + 1),
        ({"every": "18h", "catch_up": "no"}, 72 * HOUR + 1, 72 * HOUR + 1, 78 * HOUR + 1),
        ({"every": "18h"}, 78 * HOUR + 1, 72 * HOUR + 1, 78 * HOUR + 1),
        # One attempt exactly while it waits: a second is enough, at the attempt.
        ({"every": "4d", "catch_up": "no"}, 1, 1, 1),
        ({"every": "4d"}, 1, 1, 1),
        ({"every": "60h"}, 36 * HOUR + 1, 1, 36 * HOUR + 1),
        # With jitter J the next attempt may come T + J after the one before: W - T - J + 1. Without catch-up
        # the first is late and the last is not, n = 15 of them: (n - 1) T - J + 1.
        ({"every": "6h", "jitter": "1h"}, 89 * HOUR + 1, 83 * HOUR + 1, 89 * HOUR + 1),
        ({"every": "6h", "jitter": "1h", "catch_up": "no"}, 83 * HOUR + 1, 83 * HOUR + 1, 89 * HOUR + 1),
        # T + J is more than W by a second.
        ({"every": "3d", "jitter": "24h1s"}, 0, 0, 0),
    ],
)
def test_the_smallest_absence_outage_and_shift(
    sync: dict[str, str], absence_s: int, outage_s: int, shift_s: int
) -> None:
    made = scenario(group={"sync": sync})
    attacks = found(made)
    assert {kind: attack.length_s for kind, attack in attacks.items()} == {
        "absence": absence_s,
        "outage": outage_s,
        "later": shift_s,
        "sooner": shift_s,
    }
    for attack in attacks.values():
        if (
            attack.found is None or attack.found.late or not attack.length_s
        ):  # written with lateness: one second less is for the search below
            assert verdicts(as_scenario(made, attack)) == {"fails"}
        else:
            assert_minimal(made, attack)


def test_a_delay_below_the_period_needs_no_absence() -> None:
    made = scenario(group={"sync": {"every": "4d1s"}})
    attacks = found(made)
    assert {attack.length_s for attack in attacks.values()} == {0}
    for attack in attacks.values():
        assert verdicts(as_scenario(made, attack)) == {"fails"}
    assert "enough to break 'lost devices at most 0', as the plan is" in sentence(made, attacks["absence"])


def test_an_expiry_cuts_the_wait() -> None:
    """At expiry on day 20, or after 30 days: it waits 17 days all the same."""
    for activate in ("after 30d", "at expiry"):
        made = scenario(duration="22d", strategy=[{"at": "day 3", "reissue": {"activate": activate}}])
        attacks = found(made)
        assert attacks["absence"].length_s == 17 * DAY - 6 * HOUR + 1
        assert_minimal(made, attacks["absence"])
        # Specified later, it still becomes main with the expiry: the 17 days become less than 6 h.
        assert attacks["later"].length_s == 17 * DAY - 6 * HOUR + 1
        assert_minimal(made, attacks["later"])


def test_the_server_that_reissues_by_itself_can_be_late_too() -> None:
    """10 days before the expiry of day 20: the lead shrinks to a second less than the period."""
    made = scenario(duration="22d", strategy=[], server={"automatic_reissue": {"lead": "10d"}})
    attack = found(made)["later"]
    assert attack.found is not None
    assert (attack.length_s, attack.found.from_s) == (10 * DAY - 6 * HOUR + 1, 20 * DAY - 6 * HOUR + 1)
    assert_minimal(made, attack)
    assert "10 d" not in sentence(made, attack)
    assert "by automatic reissue, on 2026-03-20 18:00:01" in sentence(made, attack)


def test_what_cannot_be_broken_is_said_so() -> None:
    never = scenario(strategy=[])  # nothing ever happens to the certificate
    assert {attack.length_s for attack in found(never).values()} == {None}
    assert "even if it lasts the whole run" in sentence(never, found(never)["absence"])
    assert "no reserve can be specified so late" in sentence(never, found(never)["later"])


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
    assert (attack.length_s, attack.found.from_s) == (4 * DAY - 7 * HOUR + 1, 3 * DAY + 7 * HOUR - 1)
    assert attack.searched_s is None
    assert_minimal(made, attack)


def test_what_was_not_searched_is_told() -> None:
    """So few are tried that none is long enough; and what was tried breaks nothing."""
    made = scenario(**NIGHTS)
    attack = next(each for each in worst_cases(made, most=500) if each.kind == "absence")
    assert attack.length_s is None
    assert attack.searched_s is not None
    assert 0 < attack.searched_s <= 4 * DAY - 7 * HOUR + 1
    assert "no absence that was tried breaks it; only what is shorter than" in sentence(made, attack)


def test_a_proved_guarantee_is_left_alone() -> None:
    """Four days are more than 6 h and 1 h of jitter; with 7 h less a second it is not proved, and falls."""
    sync = {"success": "100%", "jitter": "1h"}
    made = scenario(group={"sync": sync})
    attacks = worst_cases(made)
    assert {(attack.is_proved, attack.length_s) for attack in attacks} == {(True, None)}
    (line,) = set(lines(made, attacks))
    assert line.startswith("'lost devices at most 0': proved, so nothing was searched: every device sync")
    near = scenario(
        group={"sync": sync}, strategy=[{"at": "day 3", "reissue": {"activate": "after 6h59m59s"}}]
    )
    attack = found(near)["absence"]
    assert (attack.is_proved, attack.length_s) == (False, 0)
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
    assert (attack.devices, attack.length_s) == (devices, 4 * DAY - 6 * HOUR + 1)
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
    assert attacks["absence"].length_s == DAY + 1 - (12 * HOUR - 1)
    assert_minimal(made, attacks["absence"])


def test_an_outage_with_a_help_desk_is_tried_as_it_is() -> None:
    """Reinstalled 2 h after the loss, a phone synchronizes with it unless the server is away."""
    recovery = {"technicians": 1, "begins": "1h", "owner_responds": "0s", "takes": "1h"}
    made = scenario(
        {"measure": "time_to_reconnect", "at_most": "3h"},
        strategy=[{"at": "day 3", "reissue": {"activate": "immediately"}}],
        recovery=recovery,
    )
    attacks = found(made)
    assert attacks["absence"].length_s is None  # whoever is away can be reinstalled (model 6.1)
    assert attacks["outage"].length_s is not None
    assert verdicts(as_scenario(made, attacks["outage"])) == {"fails"}


def test_random_devices_are_attacked_as_one_with_the_worst_phase() -> None:
    spells = {"on": {"exponential": "1d"}, "off": {"exponential": "1d"}}
    made = scenario(group={"presence": spells, "sync": {"success": "50%", "jitter": "1h"}})
    attack = found(made)["absence"]
    assert attack.length_s == 4 * DAY - 7 * HOUR + 1
    assert sentence(made, attack) == (
        "One device of 'phones' that is away for 3 d 17 h 1 s from 2026-03-04 06:59:59 on: with attempts "
        "late by jitter, up to 1 h, enough to break 'lost devices at most 0'."
    )


# ---- words and files ----------------------------------------------------------------------------------


def test_a_worst_case_in_a_planners_words() -> None:
    made = scenario()
    attacks = found(made)
    assert [sentence(made, attacks[kind]) for kind in ("absence", "outage", "later", "sooner")] == [
        "One device of 'phones' that is away for 3 d 18 h 1 s from 2026-03-04 05:59:59 on: enough to break "
        "'lost devices at most 0'.",
        "An outage of the server for 3 d 18 h 1 s from 2026-03-04 00:00 on: with one device of 'phones', "
        "enough to break 'lost devices at most 0'.",
        "The reserve specified 3 d 18 h 1 s later by the operator, on 2026-03-07 18:00:01, to become main "
        "when planned: with one device of 'phones', enough to break 'lost devices at most 0'.",
        "The reserve activated 3 d 18 h 1 s sooner, on 2026-03-04 05:59:59: with one device of 'phones', "
        "enough to break 'lost devices at most 0'.",
    ]


def test_every_file_shows_what_it_is_written_for(tmp_path: Path) -> None:
    made = scenario(NO_LOSS, {"measure": "lost_devices", "at_most": 0, "probability": "90%"})
    paths = write_worst_cases(made, worst_cases(made), tmp_path / "out")
    assert sorted(path.name for path in paths.values()) == sorted(
        f"worst-case-{n}-{kind}.yaml"
        for n in (1, 2)
        for kind in ("absence", "outage", "late-reserve", "early-activation")
    )
    for path in paths.values():
        assert verdicts(sim.load(path)) == {"fails"}


def test_files_are_written_all_or_none(tmp_path: Path) -> None:
    made = scenario()
    (tmp_path / "worst-case-outage.yaml").write_text("precious")
    with pytest.raises(OutputError, match="exists: choose another name"):
        write_worst_cases(made, worst_cases(made), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["worst-case-outage.yaml"]
    assert (tmp_path / "worst-case-outage.yaml").read_text() == "precious"


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
    attack = found(made)["absence"]
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
    assert attack.length_s == (min(lengths) if lengths else None)


@pytest.mark.parametrize("kind", ["absence", "outage"])
@pytest.mark.parametrize("catch_up", ["yes", "no"])
@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 30))])
def test_no_shorter_absence_breaks_it_with_the_jitters_that_are_searched(
    seed: int, catch_up: str, kind: str
) -> None:
    """Every phase, every jitter of every attempt, every beginning and length, by the seconds of attempts.

    Of the attempts that are made, only the first after those that are missed is late, or where none is missed
    any one; whatever the jitters, nothing longer than needed is ever said to be enough.
    """
    random = Random(seed)
    every, jitter, last = (*random.choice([(4, 1), (5, 2), (6, 2)]), 18)
    begins = sorted(random.sample(range(12), random.choice([1, 2])))
    steps: list[dict[str, Any]] = [
        {"at": f"start + {at}s", "reissue": {"activate": f"after {random.randrange(3, 14)}s"}}
        for at in begins
    ]
    if random.random() < 0.4:
        steps.append({"at": f"start + {random.randrange(10, 17)}s", "restore_previous": {}})
    made = scenario(
        duration=f"{last}s",
        strategy=steps,
        server={**CUSTOM, "outages": [{"from": f"start + {random.randrange(12)}s", "for": "2s"}]},
        group={"sync": {"every": f"{every}s", "jitter": f"{jitter}s", "catch_up": catch_up}},
    )
    attack = found(made)[kind]
    any_jitters: dict[tuple[int, ...], int] = {}
    searched: dict[tuple[int, ...], int] = {}
    for phase in range(every):
        due = range(phase, last, every)
        for jitters in product(range(jitter + 1), repeat=len(due)):
            made_s = [d + j for d, j in zip(due, jitters, strict=True)]
            for a, b in [(0, 0), *combinations(range(last + 1), 2)]:
                missed = {n for n, at in enumerate(made_s) if a <= at < b}
                attempts = {at for n, at in enumerate(made_s) if n not in missed and at < last}
                catches_up = kind == "absence" and catch_up == "yes" and bool(missed)
                if catches_up:
                    if any(d <= b < d + j for d, j in zip(due, jitters, strict=True)):
                        continue  # due in the absence, and made after the device has caught up
                    attempts |= {b} - {last}
                key = tuple(sorted(attempts))
                any_jitters[key] = min(b - a, any_jitters.get(key, last))
                late = [n for n, j in enumerate(jitters) if j and n not in missed]
                may_be_late = () if catches_up else (max(missed) + 1,) if missed else late[:1]
                if set(late) <= set(may_be_late):
                    searched[key] = min(b - a, searched.get(key, last))
    lives = list(any_jitters)
    plan, roster = prepare(made).plan, prepare(made.changed({"fleet.0.devices": len(lives)})).roster()
    off = replace(roster, profiles=(replace(roster.profiles[0], presence="never"),))

    def kind_of(clock: Any, server: Any, tally: Any, fleet: Any, index: int, **named: Any) -> RecordedDevice:
        return RecordedDevice(Recorder(id, lives[index]), clock, server, tally, fleet, index, **named)

    outcome = simulate_as_processes(plan, Fleet.start(off, Draws.of(1, 0)), kind=kind_of)
    broken = {life for life, at_s in zip(lives, outcome.devices.lost_at_s.tolist(), strict=True) if at_s >= 0}
    assert attack.length_s == min((searched[life] for life in broken & set(searched)), default=None)
    if attack.length_s is not None:
        assert attack.length_s >= min(any_jitters[life] for life in broken)
        assert verdicts(as_scenario(made, attack)) == {"fails"}
