"""What pydantic finds wrong, in words for the planner, with the path in the file."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from sim.scenario.distributions import WrongPartError
from sim.scenario.fields import IN_OTHER, IN_SECTION, IN_WORD, ReadAs, Section
from sim.scenario.problems import Mistake, Path
from sim.scenario.schema import Contents
from sim.scenario.values import ReadFloat, kind_of
from sim.text import closest, listed, quoted

_MESSAGES: Final[Mapping[str, str]] = {
    "literal_error": "{found} is not understood here: {word}",
    "string_type": "{found} is not a text: {text}",
    "string_too_short": "{found} is blank: {text}",
    "string_too_long": "{found} has {length} characters: write at most {max_length}",
    "int_type": "{found} is not a whole number: {number}",
    "float_type": "{found} is not a number: {number}",
    "finite_number": "{found} is out of range: {number}",
    "greater_than": "{found} is too small: {number}",
    "greater_than_equal": "{found} is too small: {number}",
    "less_than_equal": "{found} is too large: {number}",
    "tuple_type": "{found} is not a list: {items}",
    "too_short": "{found} is too short: {items}",
    "too_long": "{found} is too long: {items}",
    "model_type": "{found} is not a section: {section}",
}
"""The message of each type of error of pydantic: what is wrong, and what would be right."""


def mistakes_in(error: ValidationError) -> Iterator[Mistake]:
    """Everything that is wrong with the single values of a scenario."""
    found = [(each, _path(each)) for each in error.errors(include_url=False)]
    meant: set[Path] = set()
    for each, path in found:
        if each["type"] == "extra_forbidden":
            message, keys = _unknown(path)
            meant.update((*path[:-1], key) for key in keys)
            yield Mistake(path, message, at_key=True)
    for each, path in found:
        cause = each.get("ctx", {}).get("error")
        match each["type"]:
            case "extra_forbidden":
                pass
            case "too_short" if any(other[: len(path)] == path != other for _, other in found):
                pass  # wrong items are not counted
            case "missing":
                if path not in meant:
                    yield Mistake(path, f"{path[-1]} is required: {_example(path)}")
            case "value_error" if isinstance(cause, WrongPartError):
                yield Mistake((*path, *cause.part.path), cause.part.message)
            case "value_error":
                yield Mistake(path, str(cause))
            case kind:
                yield Mistake(path, _message(kind, each, path))


def _path(each: ErrorDetails) -> Path:
    return tuple(step for step in each["loc"] if step not in (IN_SECTION, IN_OTHER, IN_WORD))


# --- one value -----------------------------------------------------------------------------------------


def _message(kind: str, each: ErrorDetails, path: Path) -> str:
    value, context = each["input"], each.get("ctx", {})
    words = {
        "found": kind_of(value),
        "length": len(value) if isinstance(value, str) else 0,
        "max_length": context.get("max_length"),
        "word": _word(value, str(context.get("expected", "")), path),
        "text": f'put it in quotes, "{getattr(value, "text", value)}"'
        if isinstance(value, int | float)
        else _example(path),
        "number": _number(value, path),
        "items": _items(value, path),
        "section": f"write {_section_example(path)}",
    }
    return _MESSAGES.get(kind, "{found} does not fit here: {text}").format(**words)


def _word(value: object, expected: str, path: Path) -> str:
    known = re.findall("'([^']*)'", expected)
    meant = closest(value, known) if isinstance(value, str) else None
    forms = (form.example for form in _forms_at(path))
    return f"did you mean {meant}?" if meant else f"write {listed([*known, *forms], last='or')}"


def _number(value: object, path: Path) -> str:
    if isinstance(value, str) and re.fullmatch("[0-9]{1,19}", value):
        return f"write {value}, without quotes"
    if isinstance(value, ReadFloat) and value.is_integer() and abs(value) < 2**63:
        return f"write {value:.0f}"
    limits = _limits(path)
    found = field_at(path)
    whole = "" if found and float in (found[1].annotation, *_marks(found[1].annotation)) else "whole "
    ends = [f"from {limits['ge']}"] if "ge" in limits else [f"above {limits['gt']}"] if "gt" in limits else []
    ends += [f"to {limits['le']}"] if "le" in limits else []
    return " ".join([f"write a {whole}number", *ends])


def _items(value: object, path: Path) -> str:
    below = section_at((*path, 0))
    if below is None:
        return _example(path)
    dash = (
        "put a dash (- ) before its first key" if isinstance(value, dict) else "begin each item with a dash"
    )
    return f"{dash}, such as - {below.example}"


def _section_example(path: Path) -> str:
    section = section_at(path)
    return "a section" if section is None else section.example


def _example(path: Path) -> str:
    """What may be written at a key."""
    found = field_at(path)
    examples = None if found is None else _examples(found[1])
    return f"write {found[0]}: {examples[0]}" if found and examples else "write a text"


def _examples(field: FieldInfo) -> list[Any] | None:
    if field.examples:
        return field.examples
    return next((mark.examples for mark in _marks(field.annotation) if getattr(mark, "examples", None)), None)


def _limits(path: Path) -> dict[str, Any]:
    """The bounds of a number: `ge`, `gt`, `le`."""
    found = field_at(path)
    marks = [] if found is None else [*found[1].metadata, *_marks(found[1].annotation)]
    inner = [each for mark in marks for each in (mark, *getattr(mark, "metadata", ()))]
    return {name: getattr(each, name) for each in inner for name in ("ge", "gt", "le") if hasattr(each, name)}


def _marks(annotation: Any) -> Iterator[Any]:
    for each in typing.get_args(annotation):
        yield each
        yield from _marks(each)


# --- which section stands where ------------------------------------------------------------------------


def section_at(path: Path) -> type[Section] | None:
    """The section whose keys stand at `path`; None where none does."""
    section: type[Section] = Contents
    depth = 0
    while depth < len(path):
        forms = forms_of(section, str(path[depth]))
        depth += 1
        if forms and is_list_of_sections(section, str(path[depth - 1])):
            if not (depth < len(path) and isinstance(path[depth], int)):
                return None
            depth += 1
        if not forms:
            return None
        below = path[depth] if depth < len(path) else None
        section = next((form for form in forms if below in form.attributes()), forms[0])
    return section


def field_at(path: Path) -> tuple[str, FieldInfo] | None:
    """The key of a section at the end of `path`, or before the index there, with its field."""
    if path and isinstance(path[-1], int):
        path = path[:-1]
    section = section_at(path[:-1]) if path else None
    name = None if section is None else section.attributes().get(str(path[-1]))
    return None if section is None or name is None else (str(path[-1]), section.model_fields[name])


@cache
def forms_of(section: type[Section], key: str) -> tuple[type[Section], ...]:
    """The sections that a key may hold, of which one is written; none where it holds words and numbers."""
    name = section.attributes().get(key)
    if name is None:
        return ()
    field = section.model_fields[name]
    return tuple(dict.fromkeys(_sections((field.annotation, *field.metadata))))


@cache
def is_list_of_sections(section: type[Section], key: str) -> bool:
    """Whether a key holds a list of sections."""
    name = section.attributes().get(key)
    return name is not None and typing.get_origin(section.model_fields[name].annotation) is tuple


def _sections(annotation: Any) -> Iterator[type[Section]]:
    parts = annotation if isinstance(annotation, tuple) else typing.get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    elif isinstance(annotation, ReadAs):
        parts = (annotation.written,)
    for each in parts:
        yield from _sections(each)


def _forms_at(path: Path) -> tuple[type[Section], ...]:
    section = section_at(path[:-1]) if path else None
    return () if section is None else forms_of(section, str(path[-1]))


# --- unknown keys --------------------------------------------------------------------------------------


def _unknown(path: Path) -> tuple[str, tuple[str, ...]]:
    """The message for a key that a section does not have, and the keys that are not missed because of it."""
    section, key = section_at(path[:-1]), str(path[-1])
    if section is None:
        return f"unknown key {quoted(key)}: leave it out", ()
    forms = tuple(dict.fromkeys((section, *(_forms_at(path[:-1])))))
    keys = tuple(dict.fromkeys(each for form in forms for each in form.attributes()))
    if key in keys:
        examples = ", or ".join(form.example for form in forms)
        return f"{key} does not go with the other keys here: write {examples}", ()
    home = _home(key, [str(step) for step in path[:-1] if not isinstance(step, int)])
    if home is not None:
        return f"unknown key here: {key} belongs {home}", ()
    if (meant := closest(key, keys)) is not None:
        settled = (meant,) if meant in section.attributes() else tuple(section.attributes())
        return f"unknown key: did you mean {meant}?", settled
    if not keys:
        return "unknown key: this takes no keys, write {}", ()
    such = f", such as {section.example}" if len(keys) < 6 else ""
    return f"unknown key: the keys here are {', '.join(keys)}{such}", ()


def _home(key: str, here: list[str]) -> str | None:
    """Where a key belongs: in a section below this one, else in the outermost that has it."""
    homes = [list(path) for path, section in _all_sections() if key in section.attributes()]
    inner = [home for home in homes if home[: len(here)] == here]
    if not homes:
        return None
    home = (inner or homes)[0]
    if not home:
        return "at the top level, without indentation"
    return f"under {'.'.join(home[len(here) :] if inner else home)}"


@cache
def _all_sections() -> tuple[tuple[tuple[str, ...], type[Section]], ...]:
    """Every section with the keys on the way to it, outer ones first."""
    found: list[tuple[tuple[str, ...], type[Section]]] = [((), Contents)]
    for path, section in found:
        found += [((*path, key), form) for key in section.attributes() for form in forms_of(section, key)]
    return tuple(found)
