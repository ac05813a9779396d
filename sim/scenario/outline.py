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
    steps = iter(path)
    for step in steps:
        inner, is_list = sections_of(section).get(str(step), (None, False))
        if inner is None or (is_list and not isinstance(next(steps, None), int)):
            return None
        section = inner
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
        section = inner
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
        for key, (inner, _) in sections_of(section).items():
            waiting.append((f"{path}.{key}" if path else key, inner))
    return homes


def unknown_key(key: str, *, path: Path, section: type[Section]) -> tuple[str, str | None]:
    """The message for a key that a section does not have, and which of its keys was probably meant."""
    keys = written_keys(section)
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
