"""Which section stands where in a scenario, and which keys belong to it."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from functools import cache
from typing import Any

from sim.scenario.scenario import Scenario
from sim.scenario.section import Section
from sim.scenario.server import AutomaticReissue
from sim.scenario.values import closest

Path = tuple[str | int, ...]

_NOT_WRITTEN = {(AutomaticReissue, "mode")}
"""Attributes that no key of a file sets."""


@cache
def _forms(section: type[Section], key: str) -> tuple[type[Section], ...]:
    """The sections that a key may hold, where it may hold one of several."""
    name = section.keys().get(key)
    return () if name is None else tuple(_section_classes(section.model_fields[name].annotation))


def _form(section: type[Section], key: str, below: str | int | None) -> type[Section]:
    """The one of them that has the key `below`; else the first."""
    forms = _forms(section, key)
    return next((form for form in forms if below in written_keys(form)), forms[0])


def choice_on(path: Path) -> Path | None:
    """The path of the value on the way along `path`, or at its end, that may be one of several sections."""
    return next(
        (
            path[: depth + 1]
            for depth, key in enumerate(path)
            if (holder := section_at(path[:depth])) is not None and len(_forms(holder, str(key))) > 1
        ),
        None,
    )


@cache
def other_forms(section: type[Section]) -> tuple[type[Section], ...]:
    """The sections that may be written where this one may."""
    waiting: list[type[Section]] = [Scenario]
    while waiting:
        outer = waiting.pop()
        for key in written_keys(outer):
            forms = _forms(outer, key)
            if section in forms:
                return tuple(form for form in forms if form is not section)
            waiting.extend(forms)
    return ()


@cache
def sections_of(section: type[Section]) -> dict[str, tuple[type[Section], bool]]:
    """By key: the section below it, and whether the key holds a list of such sections."""
    below: dict[str, tuple[type[Section], bool]] = {}
    for key, name in section.keys().items():
        annotation = section.model_fields[name].annotation
        inner = next(_section_classes(annotation), None)
        if inner is not None:
            below[key] = inner, typing.get_origin(annotation) is tuple
    return below


def _section_classes(annotation: Any) -> Iterator[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for each in typing.get_args(annotation):
        yield from _section_classes(each)


def section_at(path: Path) -> type[Section] | None:
    """The section whose keys stand at `path`, or None where none does."""
    section: type[Section] = Scenario
    depth = 0
    while depth < len(path):
        key = str(path[depth])
        inner, is_list = sections_of(section).get(key, (None, False))
        depth += 1
        if inner is None or (is_list and not (depth < len(path) and isinstance(path[depth], int))):
            return None
        depth += is_list
        section = _form(section, key, path[depth] if depth < len(path) else None)
    return section


def field_at(path: Path) -> tuple[type[Section], str, int] | None:
    """The deepest key of a section on the way along `path`: its section, its name, and its depth in `path`.

    An index directly below a key that holds sections belongs to the key: the item is what stands there.
    """
    section: type[Section] = Scenario
    depth = 0
    found: tuple[type[Section], str, int] | None = None
    while depth < len(path):
        key = str(path[depth])
        if key not in written_keys(section):
            return found
        found = section, key, depth
        inner, is_list = sections_of(section).get(key, (None, False))
        if inner is None:
            return found
        depth += 2 if is_list else 1
        section = _form(section, key, path[depth] if depth < len(path) else None)
    return found


@cache
def written_keys(section: type[Section]) -> tuple[str, ...]:
    """The keys that a file may have in a section."""
    return tuple(key for key, name in section.keys().items() if (section, name) not in _NOT_WRITTEN)


@cache
def _homes() -> dict[str, list[tuple[str, type[Section]]]]:
    """For every key, the sections it belongs to, outer ones first, by dotted path (`fleet.sync`)."""
    homes: dict[str, list[tuple[str, type[Section]]]] = {}
    waiting: list[tuple[str, type[Section]]] = [("", Scenario)]
    while waiting:
        path, section = waiting.pop(0)
        for key in written_keys(section):
            homes.setdefault(key, []).append((path, section))
        for key in sections_of(section):
            waiting.extend((f"{path}.{key}" if path else key, form) for form in _forms(section, key))
    return homes


def unknown_key(key: str, *, path: Path, section: type[Section]) -> tuple[str, str | None]:
    """The message for a key that a section does not have, and which of its keys was probably meant."""
    forms = (section, *other_forms(section))
    keys = tuple(each for form in forms for each in written_keys(form))
    if key in keys:
        examples = ", or ".join(form.example for form in forms)
        return f"{key} does not go with the other keys here: write {examples}", None
    meant = closest(key, keys)
    here = ".".join(str(step) for step in path if not isinstance(step, int))
    homes = _homes().get(key, [])
    if homes:
        inside = [home for home in homes if home[0].startswith(f"{here}." if here else "")]
        home, _ = (inside or homes)[0]
        return f"unknown key here: {key} belongs {_below(home, here)}", None
    if meant is not None:
        return f"unknown key: did you mean {meant}?", meant
    if not keys:
        return "unknown key: this takes no keys, write {}", None
    return f"unknown key: the keys here are {', '.join(keys)}", None


def _below(home: str, here: str) -> str:
    if not home:
        return "at the top level, without indentation"
    inner = home[len(here) + 1 :] if here and home.startswith(f"{here}.") else home
    return f"under {inner}"
