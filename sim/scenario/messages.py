"""What pydantic finds wrong, in words for the planner, with the path in the file."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator
from functools import cache
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from sim.scenario.fields import IN_OTHER, IN_SECTION, IN_WORD, ReadAs, Section
from sim.scenario.problems import Mistake, Path
from sim.scenario.schema import Contents
from sim.scenario.values import kind_of
from sim.text import closest, listed


def mistakes_in(error: ValidationError) -> Iterator[Mistake]:
    """Everything that is wrong with the sections of a scenario."""
    found: list[tuple[Path, type[Section], dict[str, Any]]] = [
        (
            tuple(step for step in each["loc"] if step not in (IN_SECTION, IN_OTHER, IN_WORD)),
            each["ctx"]["section"],
            each["ctx"]["error"],
        )
        for each in error.errors(include_url=False)
    ]
    meant: set[Path] = set()
    for path, section, each in found:
        if each["type"] == "extra_forbidden":
            message, key = _unknown(section, str(path[-1]))
            meant.add((*path[:-1], key))
            yield Mistake(path, message, at_key=True)
    for path, section, each in found:
        match each["type"]:
            case "extra_forbidden":
                pass
            case "misfit":
                yield Mistake(path, each["mistake"].message, each["mistake"].at_key)
            case "value_error":
                yield Mistake(path, str(each["ctx"]["error"]))
            case "missing":
                if path not in meant:
                    yield Mistake(path, f"{path[-1]} is required: {_example(section, str(path[-1]))}")
            case "too_short" if any(other[: len(path)] == path != other for other, _, _ in found):
                pass  # wrong items are not counted
            case kind:
                key = str(next(step for step in reversed(path) if isinstance(step, str)))
                yield Mistake(path, _message(kind, each["input"], each.get("ctx", {}), section, key))


def _message(kind: str, value: Any, context: dict[str, Any], section: type[Section], key: str) -> str:
    """What is wrong with one value of a section, and what would be right."""
    found, example = kind_of(value), _example(section, key)
    match kind:
        case "literal_error":
            known = re.findall("'([^']*)'", context["expected"])
            meant = closest(value, known) if isinstance(value, str) else None
            words = [*known, *(form.example for form in forms_of(section, key))]
            advice = f"did you mean {meant}?" if meant else f"write {listed(words, last='or')}"
            return f"{found} is not understood here: {advice}"
        case "string_type" if isinstance(value, int | float):
            return f'{found} is not a text: put it in quotes, "{getattr(value, "text", value)}"'
        case "string_too_long":
            return f"{found} has {len(value)} characters: write at most {context['max_length']}"
        case "int_type" if isinstance(value, str) and re.fullmatch("[0-9]{1,19}", value):
            return f"{found} is not a whole number: write {value}, without quotes"
        case "tuple_type" if forms := forms_of(section, key):
            return f"{found} is not a list: begin each item with a dash, such as - {forms[0].example}"
        case "greater_than":
            return f"{found} is too small: write a number above {context['gt']}"
        case "greater_than_equal":
            return f"{found} is too small: write a number from {context['ge']} on"
        case "less_than_equal":
            return f"{found} is too large: write a number up to {context['le']}"
    return f"{found} is {_IS.get(kind, 'not possible here')}: {example}"


_IS = {
    "string_type": "not a text",
    "string_too_short": "blank",
    "int_type": "not a whole number",
    "float_type": "not a number",
    "finite_number": "out of range",
    "tuple_type": "not a list",
    "too_short": "too short",
    "too_long": "too long",
}
"""What is wrong with a value, by the type of error of pydantic."""


def _example(section: type[Section], key: str) -> str:
    """What may be written at a key."""
    field = _field(section, key)
    if field is not None and field.examples:
        return f"write {key}: {field.examples[0]}"
    if field is not None and isinstance(field.default, int | float):
        return f"write {key}: {field.default}"
    return "write a text"


def _field(section: type[Section], key: str) -> FieldInfo | None:
    name = section.attributes().get(key)
    return None if name is None else section.model_fields[name]


# --- which section stands where ------------------------------------------------------------------------


@cache
def forms_of(section: type[Section], key: str) -> tuple[type[Section], ...]:
    """The sections that a key may hold, of which one is written; none where it holds words and numbers."""
    field = _field(section, key)
    return () if field is None else tuple(dict.fromkeys(_sections((field.annotation, *field.metadata))))


def _sections(annotation: Any) -> Iterator[type[Section]]:
    parts = annotation if isinstance(annotation, tuple) else typing.get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    elif isinstance(annotation, ReadAs):
        parts = (annotation.written,)
    for each in parts:
        yield from _sections(each)


def _unknown(section: type[Section], key: str) -> tuple[str, str]:
    """The message for a key that a section does not have, and the key that is not missed because of it."""
    keys = section.attributes()
    homes = ((path, below) for root in (section, Contents) for path, below in _below(root))
    home = next((path for path, below in homes if key in below.attributes()), None)
    if home in [path for path, below in _below(Contents) if below is section]:
        return f"{key} does not go with the other keys here: write {section.example}", ""
    if home is not None:
        where = f"under {'.'.join(home)}" if home else "at the top level, without indentation"
        return f"unknown key here: {key} belongs {where}", ""
    if (meant := closest(key, keys)) is not None:
        return f"unknown key: did you mean {meant}?", meant
    if not keys:
        return "unknown key: this takes no keys, write {}", ""
    return f"unknown key: the keys here are {', '.join(keys)}", ""


@cache
def _below(root: type[Section]) -> tuple[tuple[tuple[str, ...], type[Section]], ...]:
    """A section and every one in it, with the keys on the way, outer ones first."""
    found: list[tuple[tuple[str, ...], type[Section]]] = [((), root)]
    for path, section in found:
        found += [((*path, key), form) for key in section.attributes() for form in forms_of(section, key)]
    return tuple(found)
