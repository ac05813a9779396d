"""What pydantic finds wrong, in words for the planner, with the path in the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sim.scenario.distributions import WrongPartsError
from sim.scenario.outline import Path, field_at, section_at, unknown_key, written_keys
from sim.scenario.problems import quoted
from sim.scenario.section import IN_OTHER, IN_SECTION, IN_WORD
from sim.scenario.values import kind_of


@dataclass(frozen=True, slots=True)
class Finding:
    """A mistake at a path of the document; `at_key` where the key and not the value is wrong."""

    path: Path
    message: str
    at_key: bool = False
    is_missing: bool = False


def findings_of(error: ValidationError) -> Iterator[Finding]:
    """Everything that is wrong with the single values of a document."""
    details = error.errors(include_url=False)
    meant: set[Path] = set()
    missing: list[Path] = []
    for each in details:
        path = _path(each)
        if each["type"] == "extra_forbidden":
            message, likely = _unknown(path)
            if likely is not None:
                meant.update((*path[:-1], key) for key in _settled_by(likely, path[:-1]))
            yield Finding(path, message, at_key=True)
        elif each["type"] == "missing":
            missing.append(path)
        else:
            yield from _wrong(each, path)
    for path in missing:
        yield Finding(path, "" if path in meant else _missing(path), is_missing=True)


def _path(each: ErrorDetails) -> Path:
    return tuple(step for step in each["loc"] if step not in (IN_SECTION, IN_OTHER, IN_WORD))


def _wrong(each: ErrorDetails, path: Path) -> Iterator[Finding]:
    cause = each.get("ctx", {}).get("error")
    if isinstance(cause, WrongPartsError):
        for part in cause.parts:
            yield Finding((*path, *part.path), part.message, at_key=part.at_key)
    elif isinstance(cause, ValueError):
        yield Finding(path, str(cause))
    else:
        yield Finding(path, _wrong_form(each, path))


def _wrong_form(each: ErrorDetails, path: Path) -> str:
    """The message where a section or a list belongs and something else is written."""
    found = kind_of(each["input"])
    section = section_at(path)
    if section is not None:
        return f"{found} is not a section: write {section.example}"
    below = section_at((*path, 0))
    if below is not None:
        dash = (
            "put a dash (- ) before its first key"
            if isinstance(each["input"], dict)
            else "begin each item with a dash"
        )
        return f"{found} is not a list: {dash}, such as - {below.example}"
    return f"{found} does not fit here: {each['msg'].lower()}"


def _unknown(path: Path) -> tuple[str, str | None]:
    section = section_at(path[:-1])
    key = str(path[-1])
    if section is None:
        return f"unknown key {quoted(key)}: leave it out", None
    return unknown_key(key, path=path[:-1], section=section)


def _settled_by(likely: str, path: Path) -> tuple[str, ...]:
    """The keys that are not missed where `likely` was meant: itself, or all of a form that was not meant."""
    section = section_at(path)
    if section is None or likely in written_keys(section):
        return (likely,)
    return written_keys(section)


def _missing(path: Path) -> str:
    """The message for a required key that is absent or has no value."""
    key = str(path[-1])
    found = field_at(path)
    examples = found[0].model_fields[found[0].keys()[key]].examples if found else None
    return f"{key} is required: write {key}: {examples[0]}" if examples else f"{key} is required"
