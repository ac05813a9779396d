"""Worst cases in words, as JSON, and as scenarios that show them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from sim.errors import OutputError
from sim.files import write_new_files
from sim.scenario.prepare import prepare
from sim.scenario.scenario import Scenario
from sim.scenario.schema import Reissue
from sim.studies.why.extract import scenario_files
from sim.studies.worst_case.attacks import Attack
from sim.text import date, iso, plural, spaced, span
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
        scenario: the scenario that was attacked.
        attack: one that was found.
    """
    assert attack.found is not None
    found, shown = attack.found, attack.shown
    group: dict[str, Any] = {
        "name": shown.group,
        "devices": attack.devices,
        "platform": shown.platform,
        "sync": {
            "every": span(shown.every_s),
            "phase": span(found.phase_s),
            "catch_up": "yes" if shown.catch_up else "no",
        },
    }
    if isinstance(shown.presence, Away):
        group["presence"] = {"away": [_spell(from_s, to_s) for from_s, to_s in shown.presence.spells]}
    document = scenario.document
    guarantee: Mapping[str, Any] = document["guarantees"][attack.guarantee]
    of_one_run = {key: value for key, value in guarantee.items() if key not in ("probability", "confidence")}
    document |= {
        "name": f"{scenario.name}: worst case, {_NAMES[attack.kind]}"[:_LONGEST_NAME].strip(),
        "description": sentence(scenario, attack),
        "seed": scenario.seed,
        "fleet": [group],
        "guarantees": [of_one_run],
        "replications": 1,
    }
    if found.length_s > 0 and attack.kind != "absence":
        server = document.get("server") or {}
        if attack.kind == "outage":
            spell = _spell(found.from_s, found.from_s + found.length_s)
            document["server"] = {**server, "outages": [*(server.get("outages") or ()), spell]}
        elif attack.step is None:
            lead_s = prepare(scenario).plan.first.not_after_s - found.from_s
            document["server"] = {**server, "automatic_reissue": {"lead": span(lead_s)}}
        else:
            _shift(document["strategy"][attack.step], scenario.strategy[attack.step].reissue, attack)
    return scenario.from_document(document, folder=scenario.folder)


def _spell(from_s: int, to_s: int) -> dict[str, str]:
    return {"from": _instant(from_s), "for": span(to_s - from_s)}


def _instant(at_s: int) -> str:
    return "start" if at_s == 0 else f"start + {span(at_s)}"


def _shift(step: dict[str, Any], reissue: Reissue | None, attack: Attack) -> None:
    """Change a step of the document as the attack does."""
    assert attack.found is not None
    assert reissue is not None
    if attack.kind == "later":
        step["at"] = _instant(attack.found.from_s)
    activate = {}
    if reissue.activate.after is not None:
        activate = {"activate": f"after {span(reissue.activate.after - attack.found.length_s)}"}
    step["reissue"] = {**(step.get("reissue") or {}), **activate}


# --- words ---------------------------------------------------------------------------------------------


def sentence(scenario: Scenario, attack: Attack) -> str:
    """An attack as a planner says it."""
    promise, found = scenario.guarantees[attack.guarantee].promise, attack.found
    limit_s = attack.searched_s
    if found is None or attack.profile is None:
        limit = "" if limit_s is None else f"; only what is shorter than {spaced(limit_s)} was searched"
        return f"'{promise}': {attack.reason}{limit}."
    one = attack.devices == 1
    who = f"{'one device' if one else plural(attack.devices, 'device')} of '{attack.profile.group}'"
    breaks = f"enough to break '{promise}'"
    if found.late:
        breaks = f"with attempts late by jitter, up to {spaced(attack.profile.jitter_s)}, {breaks}"
    if found.length_s == 0:
        every, phase = spaced(attack.profile.every_s), spaced(found.phase_s)
        schedule = f"whose synchronizations, every {every}, begin {phase} after the start"
        return f"{_capital(who)} {schedule}: {breaks}, as the plan is."
    when, length = date(_at(scenario, found.from_s)), spaced(found.length_s)
    are = "is" if one else "are"
    by = "automatic reissue" if attack.step is None else "the operator"
    change = {
        "absence": f"{_capital(who)} that {are} away for {length} from {when} on: {breaks}",
        "outage": f"An outage of the server for {length} from {when} on: with {who}, {breaks}",
        "later": f"The reserve specified {length} later by {by}, on {when}, to become main when planned: "
        f"with {who}, {breaks}",
        "sooner": f"The reserve activated {length} sooner, on {when}: with {who}, {breaks}",
    }[attack.kind]
    limit = ""
    if limit_s is not None:
        limit = f"; nothing shorter than {spaced(limit_s)} is, from there on not all was searched"
    return f"{change}{limit}."


def _capital(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"


def _at(scenario: Scenario, instant_s: int) -> datetime:
    return scenario.start + timedelta(seconds=instant_s)


def lines(
    scenario: Scenario, attacks: Sequence[Attack], paths: Mapping[Attack, Path] | None = None
) -> Iterator[str]:
    """The attacks one by one, with their files; a guarantee of which all kinds say the same in one line."""
    paths = paths or {}
    for _, of_one in groupby(attacks, key=lambda attack: attack.guarantee):
        sentences = {attack: sentence(scenario, attack) for attack in of_one}
        if len(set(sentences.values())) == 1:
            yield next(iter(sentences.values()))
            continue
        for attack, text in sentences.items():
            example = f"\n    [example: {paths[attack]}]" if attack in paths else ""
            yield f"{attack.kind}: {text}{example}"


def to_json(scenario: Scenario, attack: Attack, path: Path | None) -> dict[str, Any]:
    """An attack as `reissue check --worst-case --json` prints it."""
    document: dict[str, Any] = {
        "guarantee": attack.guarantee,
        "kind": attack.kind,
        "found": attack.found is not None,
        "proved": attack.is_proved,
        "message": sentence(scenario, attack),
    }
    if attack.found is not None:
        document |= {
            "length_s": attack.found.length_s,
            "from": iso(_at(scenario, attack.found.from_s)) if attack.found.length_s else None,
            "group": attack.shown.group,
            "devices": attack.devices,
            "phase_s": attack.found.phase_s,
            "scenario": as_scenario(scenario, attack).document,
        }
    if attack.searched_s is not None:
        document["searched_s"] = attack.searched_s
    if path is not None:
        document["example"] = str(path)
    return document


# --- files ---------------------------------------------------------------------------------------------


def write_worst_cases(scenario: Scenario, attacks: Sequence[Attack], directory: Path) -> dict[Attack, Path]:
    """Write a scenario for each attack that was found to new files in a directory; all of them or none.

    Returns:
        the file of each.

    Raises:
        OutputError: a file exists already, or cannot be written.
    """
    paths: dict[Attack, Path] = {}
    contents: dict[Path, bytes] = {}
    for attack in attacks:
        if attack.found is not None:
            number = f"-{attack.guarantee + 1}" if len(scenario.guarantees) > 1 else ""
            paths[attack] = directory / f"worst-case{number}-{_NAMES[attack.kind]}.yaml"
            contents |= scenario_files(as_scenario(scenario, attack), paths[attack])
    is_new = not directory.exists()
    try:
        directory.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{directory} cannot be written: {error.strerror or error}") from error
    try:
        write_new_files(contents)
    except BaseException:
        if is_new:
            directory.rmdir()
        raise
    return paths
