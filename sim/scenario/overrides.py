"""`--set key.path=value`: values from the command line, written over those of the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sim.scenario.documents import with_value
from sim.scenario.problems import LONGEST_ECHO, Place, Problem, ScenarioError, visible
from sim.scenario.tree import Node, read_tree


def apply_overrides(node: Node, overrides: Sequence[tuple[str, str]]) -> tuple[Node, list[Problem]]:
    """The tree with every override set, in order, and what is wrong with the overrides.

    The value is read as YAML, on one line as one would write it in the file; an empty one takes the key away.
    """
    problems: list[Problem] = []
    for key, written in overrides:
        setting = f"{key}={written}"
        shown = setting if len(setting) <= 2 * LONGEST_ECHO else setting[: 2 * LONGEST_ECHO] + "…"
        place = Place(f"--set {visible(shown)}")
        try:
            new, wrong = _value(written, place)
        except ScenarioError as error:
            problems += [replace(each, key=_under(key, each.key)) for each in error.problems]
            continue
        problems += [replace(each, key=_under(key, each.key)) for each in wrong]
        node, mend = with_value(node, key, new, place=place)
        problems += mend
    return node, problems


def _value(written: str, place: Place) -> tuple[Node, list[Problem]]:
    if not written.strip():
        return Node(None, place), []
    try:
        node, problems = read_tree(written, file=place.file)
    except ScenarioError as error:
        raise ScenarioError([_unplaced(each) for each in error.problems]) from None
    return _placed(node, place), [_unplaced(each) for each in problems]


def _unplaced(problem: Problem) -> Problem:
    return replace(problem, line=None, column=None)


def _placed(node: Node, place: Place) -> Node:
    """The tree as if all of it were written at `place`."""
    if isinstance(node.value, dict):
        value = {key: _placed(inner, place) for key, inner in node.value.items()}
        return replace(node, value=value, place=place, key_places=dict.fromkeys(value, place))
    if isinstance(node.value, tuple):
        return replace(node, value=tuple(_placed(inner, place) for inner in node.value), place=place)
    return replace(node, place=place)


def _under(key: str, inner: str) -> str:
    return f"{visible(key)}.{inner}" if inner else visible(key)
