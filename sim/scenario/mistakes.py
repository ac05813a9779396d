"""What is wrong with a scenario: within its sections, as pydantic finds it, and across them.

They are placed where the correction belongs. A new check across sections is a function
that yields its mistakes.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from sim.errors import UnreadableError
from sim.files import inside, read_bytes
from sim.scenario.fields import IN_OTHER, IN_SECTION, IN_WORD, Activate, ReadAs, Section
from sim.scenario.fleet import Away
from sim.scenario.instants import Instant
from sim.scenario.problems import KeyPath, Mistake
from sim.scenario.schema import CertificateSource, Contents
from sim.scenario.values import kind_of
from sim.text import closest, listed, quoted, shortened, span, visible


def mistakes_in(error: ValidationError) -> Iterator[Mistake]:
    """Everything that is wrong with the sections of a scenario."""
    found: list[tuple[KeyPath, type[Section], dict[str, Any]]] = [
        (
            tuple(step for step in each["loc"] if step not in (IN_SECTION, IN_OTHER, IN_WORD)),
            each["ctx"]["section"],
            each["ctx"]["error"],
        )
        for each in error.errors(include_url=False)
    ]
    meant: set[KeyPath] = set()
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


# --- across sections ------------------------------------------------------------------------------------


MOST_CERTIFICATE_BYTES = 1_000_000


def _values(section: Section, path: KeyPath = ()) -> Iterator[tuple[KeyPath, object]]:
    """Everything that a section holds, by its path: sections and what is in them."""
    for key, name in section.attributes().items():
        value = getattr(section, name)
        value = value.gate if isinstance(value, Activate) else value
        yield (*path, key), value
        items = enumerate(value) if isinstance(value, tuple) else [(None, value)]
        for number, item in items:
            if isinstance(item, Section):
                below = (*path, key) if number is None else (*path, key, number)
                yield below, item
                yield from _values(item, below)


def check_files(contents: Contents, folder: Path) -> Iterator[Mistake]:
    """The files of certificates can be read."""
    for path, source in _values(contents):
        for key in ("file", "key") if isinstance(source, CertificateSource) else ():
            if written := getattr(source, key):
                try:
                    read_bytes(inside(folder, written), most_bytes=MOST_CERTIFICATE_BYTES)
                except UnreadableError as error:
                    yield Mistake((*path, key), f"{quoted(written)} {error}")


def check_names(contents: Contents, listed: Iterable[str | None]) -> Iterator[Mistake]:
    """The groups that are named are those of the fleet, or of its inventories (`listed`)."""
    names = {group.name for group in contents.fleet} | {name for name in listed if name}
    for path, value in _values(contents):
        used = [(path, value)] if path[-1] == "group" else []
        if path[-1] in ("groups", "of") and isinstance(value, tuple):
            used = [((*path, number), name) for number, name in enumerate(value)]
        for at, name in used:
            if isinstance(name, str) and name not in names:
                meant = closest(name, sorted(names))
                groups = shortened(", ".join(map(quoted, sorted(names))), 200)
                advice = f"did you mean {visible(meant)}?" if meant else f"the groups are {groups}"
                yield Mistake(at, f"no group is called {quoted(name)}: {advice}")


# --- instants ------------------------------------------------------------------------------------------


def check_instants(contents: Contents) -> Iterator[Mistake]:
    """The first certificate is valid at the start, no instant lies before it, and absences come in order."""
    validity_s = contents.known_validity_s
    because = ""
    if validity_s is not None:
        yield from _first_certificate(contents, *validity_s)
        because = f", as the certificate expires {span(max(validity_s[1], 0))} after it"
    for path, value in _values(contents):
        if isinstance(value, Instant) and path[-1] not in ("expires", "exported") and path[0] != "calendar":
            at_s = contents.known_instant(value)
            if at_s is not None and at_s < 0:
                before = f"{quoted(value.text)} is {span(-at_s)} before the start"
                advice = f"write an instant from {_start(contents)} on, such as day 0"
                yield Mistake(path, f"{before}{because if value.depends_on_expiry else ''}: {advice}")
        if isinstance(value, Away):
            yield from _away(contents, value, (*path, "away"))


def _away(contents: Contents, presence: Away, path: KeyPath) -> Iterator[Mistake]:
    """Absences come in order, and the device is on for at least a second between two."""
    ends_s: int | None = None
    for number, absence in enumerate(presence.away):
        from_s = contents.known_instant(absence.from_)
        if from_s is None:
            ends_s = None
            continue
        if ends_s is not None and from_s <= ends_s:
            message = "this absence begins where the one before it ends, or earlier"
            yield Mistake((*path, number, "from"), f"{message}: write them in order, with a time in between")
        ends_s = from_s + absence.for_


def _first_certificate(contents: Contents, begins_s: int, expiry_s: int) -> Iterator[Mistake]:
    if begins_s <= 0 <= expiry_s:
        return
    life = span(expiry_s - begins_s)
    if expiry_s < 0:
        found = f"expires {span(-expiry_s)} before the start"
    else:
        found = f"is valid for {life}, and begins {span(begins_s)} after the start"
    if contents.server.certificate.file is not None:
        advice = "name the one that is main at the start, or begin the run while this one is valid"
        yield Mistake(("server", "certificate", "file"), f"the file's certificate {found}: {advice}")
    else:
        advice = f"write an expiry from {_start(contents)} to start + {life}"
        yield Mistake(("server", "certificate", "expires"), f"the certificate {found}: {advice}")


def _start(contents: Contents) -> str:
    start = contents.start
    is_midnight = start - start.replace(hour=0, minute=0, second=0) < timedelta(seconds=1)
    return f"{start:%Y-%m-%d}" if is_midnight else f"{start:%Y-%m-%d %H:%M:%S}"
