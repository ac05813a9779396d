"""Worst cases in words, as JSON, and as scenarios that show them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from sim.scenario.durations import format_duration
from sim.scenario.scenario import Scenario
from sim.scenario.strategy import Reissue
from sim.studies.files import OutputError, write_files
from sim.studies.stories.reduced import scenario_files
from sim.studies.stories.sentences import date, plural, spaced
from sim.studies.worst_case.attacks import Attack
from sim.text import iso
from sim.world.fleet import Away

_NAMES: Final = {
    "absence": "absence",
    "outage": "outage",
    "later": "late-reserve",
    "sooner": "early-activation",
}
_LONGEST_NAME: Final = 200


def as_scenario(scenario: Scenario, attack: Attack) -> Scenario:
    """The smallest scenario that shows an attack: the devices it takes, of one group, and the guarantee.

    Args:
        scenario: that was attacked.
        attack: one that was found.
    """
    assert attack.profile is not None
    assert attack.length_s is not None
    profile, shown = attack.profile, attack.shown
    assert shown is not None
    group: dict[str, Any] = {
        "name": profile.group,
        "devices": attack.devices,
        "platform": profile.platform,
        "sync": {
            "every": format_duration(profile.every_s),
            "phase": format_duration(attack.phase_s),
            "catch_up": "yes" if shown.catch_up else "no",
        },
    }
    if isinstance(shown.presence, Away):
        group["presence"] = {"away": [_spell(begin_s, end_s) for begin_s, end_s in shown.presence.spells]}
    document = scenario.document
    document |= {
        "name": f"{scenario.name}: worst case, {_NAMES[attack.kind]}"[:_LONGEST_NAME].strip(),
        "description": sentence(scenario, attack),
        "seed": scenario.seed,
        "fleet": [group],
        "guarantees": [_sure(scenario.document["guarantees"][attack.guarantee])],
        "replications": 1,
    }
    if attack.length_s > 0:
        match attack.kind:
            case "absence":
                pass
            case "outage":
                from_s = attack.from_s or 0
                spell = _spell(from_s, from_s + attack.length_s)
                server = document.get("server") or {}
                document["server"] = {**server, "outages": [*(server.get("outages") or ()), spell]}
            case _:
                _shift(document, scenario, attack)
    return scenario.from_document(document, folder=scenario.folder)


def _spell(from_s: int, to_s: int) -> dict[str, str]:
    return {"from": _instant(from_s), "for": format_duration(to_s - from_s)}


def _sure(guarantee: Mapping[str, Any]) -> dict[str, Any]:
    """The guarantee as one about a single run."""
    return {key: value for key, value in guarantee.items() if key not in ("probability", "confidence")}


def _instant(at_s: int) -> str:
    return "start" if at_s == 0 else f"start + {format_duration(at_s)}"


def _shift(document: dict[str, Any], scenario: Scenario, attack: Attack) -> None:
    assert attack.action is not None
    assert attack.from_s is not None
    assert attack.length_s is not None
    if attack.action < 0:
        expiry_s = scenario.expiry_s
        server = document.get("server") or {}
        document["server"] = {
            **server,
            "automatic_reissue": {"lead": format_duration(expiry_s - attack.from_s)},
        }
        return
    number = _steps_in_order(scenario)[attack.action]
    step = document["strategy"][number]
    written = scenario.strategy[number].reissue
    assert isinstance(written, Reissue)
    reissue = dict(step.get("reissue") or {})
    if attack.kind == "later":
        step["at"] = _instant(attack.from_s)
    if written.activate.after is not None:
        reissue["activate"] = f"after {format_duration(written.activate.after - attack.length_s)}"
    step["reissue"] = reissue


def _steps_in_order(scenario: Scenario) -> list[int]:
    """The steps of the strategy in the order of the plan's actions: by instant, then as written."""
    from sim.scenario.certificates import with_certificates

    known, _ = with_certificates(scenario)
    return sorted(range(len(known.strategy)), key=lambda number: known.instant(known.strategy[number].at))


# --- words ---------------------------------------------------------------------------------------------


def sentence(scenario: Scenario, attack: Attack) -> str:
    """An attack as a planner says it."""
    promise = scenario.guarantees[attack.guarantee].promise
    if attack.length_s is None or attack.profile is None:
        return f"'{promise}': {attack.reason}{_unsearched(attack)}."
    devices = "One device" if attack.devices == 1 else plural(attack.devices, "device")
    who = f"{devices} of '{attack.profile.group}'"
    every, breaks = spaced(attack.profile.every_s), f"enough to break '{promise}'"
    if attack.late:
        breaks = f"with attempts late by jitter, up to {spaced(attack.profile.jitter_s)}, {breaks}"
    if attack.length_s == 0:
        phase = f"whose synchronizations, every {every}, begin {spaced(attack.phase_s)} after the start"
        return f"{who} {phase}: {breaks}, as the plan is."
    when, length = date(_at(scenario, attack.from_s or 0)), spaced(attack.length_s)
    match attack.kind:
        case "absence":
            are = "is" if attack.devices == 1 else "are"
            said = f"{who} that {are} away for {length} from {when} on: {breaks}"
        case "outage":
            said = f"An outage of the server for {length} from {when} on: with {_small(who)}, {breaks}"
        case "later":
            by = "automatic reissue" if attack.action == -1 else "the operator"
            moved = f"The reserve specified {length} later by {by}, on {when}, to become main when planned"
            said = f"{moved}: with {_small(who)}, {breaks}"
        case "sooner":
            said = f"The reserve activated {length} sooner, on {when}: with {_small(who)}, {breaks}"
    return f"{said}{_unsearched(attack)}."


def _unsearched(attack: Attack) -> str:
    """What was not searched; nothing where all was."""
    if attack.searched_s is None:
        return ""
    if attack.length_s is None:
        return f"; only what is shorter than {spaced(attack.searched_s)} was searched"
    return f"; nothing shorter than {spaced(attack.searched_s)} is, from there on not all was searched"


def _small(who: str) -> str:
    return f"{who[0].lower()}{who[1:]}"


def _at(scenario: Scenario, instant_s: int) -> datetime:
    return scenario.start + timedelta(seconds=instant_s)


def lines(
    scenario: Scenario, attacks: Sequence[Attack], paths: Mapping[Attack, Path] | None = None
) -> Iterator[str]:
    """The attacks one by one, with their files; a guarantee of which all kinds say the same in one line."""
    paths = paths or {}
    for _, of_one in groupby(attacks, key=lambda attack: attack.guarantee):
        mine = list(of_one)
        said = dict.fromkeys(sentence(scenario, attack) for attack in mine)
        if len(said) == 1:
            yield next(iter(said))
            continue
        for attack in mine:
            example = f"\n    [example: {paths[attack]}]" if attack in paths else ""
            yield f"{attack.kind}: {sentence(scenario, attack)}{example}"


def to_json(scenario: Scenario, attack: Attack, path: Path | None) -> dict[str, Any]:
    """An attack as `reissue check --worst-case --json` prints it."""
    told: dict[str, Any] = {
        "guarantee": attack.guarantee,
        "kind": attack.kind,
        "found": attack.length_s is not None,
        "proved": attack.is_proved,
        "message": sentence(scenario, attack),
    }
    if attack.length_s is not None and attack.profile is not None:
        told |= {
            "length_s": attack.length_s,
            "from": None
            if attack.from_s is None or attack.length_s == 0
            else iso(_at(scenario, attack.from_s)),
            "group": attack.profile.group,
            "devices": attack.devices,
            "phase_s": attack.phase_s,
            "scenario": as_scenario(scenario, attack).document,
        }
    if attack.searched_s is not None:
        told["searched_s"] = attack.searched_s
    if path is not None:
        told["example"] = str(path)
    return told


# --- files ---------------------------------------------------------------------------------------------


def write_worst_cases(scenario: Scenario, attacks: Sequence[Attack], directory: Path) -> dict[Attack, Path]:
    """Write a scenario for each attack that was found to new files in a directory; all of them or none.

    Returns:
        the file of each.

    Raises:
        OutputError: a file exists already, or cannot be written.
    """
    paths = dict(_paths(scenario, attacks, directory))
    contents: dict[Path, bytes] = {}
    for attack, path in paths.items():
        contents |= scenario_files(as_scenario(scenario, attack), path)
    is_new = not directory.exists()
    try:
        directory.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{directory} cannot be written: {error.strerror or error}") from error
    try:
        write_files(contents)
    except BaseException:
        if is_new:
            directory.rmdir()
        raise
    return paths


def _paths(scenario: Scenario, attacks: Sequence[Attack], directory: Path) -> Iterator[tuple[Attack, Path]]:
    for attack in attacks:
        if attack.length_s is not None:
            number = f"-{attack.guarantee + 1}" if len(scenario.guarantees) > 1 else ""
            yield attack, directory / f"worst-case{number}-{_NAMES[attack.kind]}.yaml"
