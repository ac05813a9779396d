"""Stand-ins for wrong values, so that the mistakes behind them are found in the same reading."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, Final

from sim.scenario.outline import Path, choice_on, field_at, section_at, sections_of, written_keys
from sim.scenario.tree import Node

DOUBTFUL: Final = "\0doubtful"
"""Stands for the keys of a section that could not be read: something may be there."""


def wrong_paths(node: Node, path: Path = ()) -> Iterator[Path]:
    """The paths of what the reading of the tree has already reported."""
    if isinstance(node.value, dict):
        if node.is_wrong:
            yield (*path, DOUBTFUL)
        for key, inner in node.value.items():
            yield from wrong_paths(inner, (*path, key))
    elif isinstance(node.value, tuple):
        if node.is_wrong:
            yield (*path, DOUBTFUL)
        for index, inner in enumerate(node.value):
            yield from wrong_paths(inner, (*path, index))
    elif node.is_wrong:
        yield path


def with_stand_ins(document: Any, wrong: set[Path]) -> Any:
    """A copy of `document` in which whatever is at a wrong path is absent or replaced by something right."""
    mended = copy.deepcopy(document)
    for path in sorted(wrong, key=len):
        _mend(mended, choice_on(path) or path)
    return mended


def _mend(document: Any, path: Path) -> None:
    holder_section = section_at(path[:-1])
    if holder_section is not None and path[-1] not in written_keys(holder_section):
        holder = _at(document, path[:-1])
        if isinstance(holder, dict):
            holder.pop(path[-1], None)
        return
    found = field_at(path)
    if found is None:
        return
    section, key, depth = found
    holder = _at(document, path[:depth])
    if not isinstance(holder, dict):
        return
    inner, is_list = sections_of(section).get(key, (None, False))
    if inner is not None and is_list and len(path) == depth + 2:
        items, index = holder.get(key), path[-1]
        if isinstance(items, list) and isinstance(index, int) and index < len(items):
            items[index] = copy.deepcopy(dict(inner.stand_in))
    elif key in section.stand_in:
        holder[key] = copy.deepcopy(section.stand_in[key])
    else:
        holder.pop(key, None)


def _at(document: Any, path: Path) -> Any:
    for step in path:
        if isinstance(document, dict):
            document = document.get(str(step))
        elif isinstance(document, list) and isinstance(step, int) and step < len(document):
            document = document[step]
        else:
            return None
    return document
