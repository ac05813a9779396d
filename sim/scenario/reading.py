"""From YAML or a dictionary to a checked `Scenario`, with every mistake at once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sim.scenario import files
from sim.scenario.checks import Checks
from sim.scenario.documents import node_of, with_value
from sim.scenario.inventory import Inventory
from sim.scenario.listing import Listing
from sim.scenario.origin import Origin, Source, key_of
from sim.scenario.overrides import apply_overrides
from sim.scenario.problems import Place, Problem, ScenarioError, visible
from sim.scenario.repair import DOUBTFUL, with_stand_ins, wrong_paths
from sim.scenario.scenario import Scenario
from sim.scenario.tree import MOST_PROBLEMS, Node, read_tree
from sim.scenario.values import kind_of
from sim.scenario.wording import Finding, findings_of

__all__ = ["Scenario", "changed", "from_document", "load", "with_validity"]

_ROUNDS = 8
"""How often wrong values are replaced by stand-ins to look for further mistakes behind them."""


def load(path: str | os.PathLike[str], *, overrides: Sequence[tuple[str, str]] = ()) -> Scenario:
    """The scenario in a YAML file.

    Args:
        path: the file; what it names (inventories, certificates) lies in its folder or below.
        overrides: dotted keys and what to write there instead, as YAML: ("fleet.0.devices", "100").

    Raises:
        ScenarioError: the file cannot be read, is not a scenario, or an override does not fit; all mistakes.
    """
    path = Path(path)
    file = str(path)
    try:
        content = files.read_bytes(path, most_bytes=files.MOST_SCENARIO_BYTES)
        text = files.decode(content)
    except files.UnreadableError as error:
        raise ScenarioError([Problem(file, error.line, error.column, "", f"the file {error}")]) from None
    node, problems = read_tree(text, file=file)
    source = Source(path, content, tuple((key, value) for key, value in overrides))
    node, more = apply_overrides(node, source.overrides)
    return _assemble(Origin(node, path.parent, source), [*problems, *more])


def from_document(
    document: Mapping[str, Any], *, folder: Path | None, inventories: Mapping[int, Inventory] | None = None
) -> Scenario:
    """The scenario in a dictionary; see `Scenario.from_document`. Inventories given are not read again."""
    node, problems = node_of(document, place=Place("<document>"))
    folder = Path.cwd() if folder is None else Path(folder)
    return _assemble(Origin(node, folder, inventories=inventories or {}), problems)


def changed(origin: Origin, changes: Mapping[str, Any]) -> Scenario:
    """A scenario of the same origin with other values at dotted keys; see `Scenario.changed`."""
    node, problems = origin.node, []
    for key, value in changes.items():
        place = Place(f"changed({key})")
        new, wrong = node_of(value, place=place, key=key)
        node, mend = with_value(node, key, new, place=place)
        problems += [*wrong, *mend]
    return _assemble(replace(origin, node=node), problems)


def with_validity(origin: Origin, validity_s: tuple[int, int]) -> Scenario:
    """A scenario of the same origin whose first certificate is valid from and until these instants."""
    return _assemble(replace(origin, validity_s=validity_s), [])


def _assemble(origin: Origin, problems: list[Problem]) -> Scenario:
    """The checked scenario of a tree.

    Every wrong value is replaced by a stand-in until the whole validates; the checks across fields then leave
    out what depends on a stand-in, so that one mistake is reported once and hides no other.
    """
    node = origin.node
    if not isinstance(node.value, dict):
        if not node.is_wrong:
            message = (
                f"{kind_of(node.plain())} is not a scenario: write keys and values, such as name: My plan"
            )
            problems.append(Problem.at(node.place, key="", message=message))
        raise ScenarioError(problems)
    document = node.plain()
    wrong = set(wrong_paths(node))
    scenario = None
    for _ in range(_ROUNDS):
        try:
            scenario = Scenario.model_validate(with_stand_ins(document, wrong))
            break
        except ValidationError as error:
            findings = [each for each in findings_of(error) if each.path not in wrong]
            if not findings:
                raise
            doubtful = {path[:-1] for path in wrong if path[-1] == DOUBTFUL}
            problems += _problems(
                node, [each for each in findings if not (each.is_missing and each.path[:-1] in doubtful)]
            )
            wrong.update(each.path for each in findings)
    if scenario is None:
        raise ScenarioError(problems)
    checks = Checks(scenario, node=node, wrong=wrong, folder=origin.folder, validity_s=origin.validity_s)
    listing = Listing(checks, known=origin.inventories)
    problems += _problems(node, [*checks.run(listing.inventories), *listing.findings])
    problems += listing.problems
    if problems:
        raise ScenarioError(problems)
    scenario._origin = replace(origin, inventories=listing.inventories)
    return scenario


def _problems(node: Node, findings: Sequence[Finding]) -> list[Problem]:
    problems = [
        Problem.at(
            node.place_of(each.path, key=each.at_key), key=visible(key_of(each.path)), message=each.message
        )
        for each in findings[:MOST_PROBLEMS]
        if each.message
    ]
    if len(findings) > MOST_PROBLEMS:
        message = f"and {len(findings) - MOST_PROBLEMS:,} more mistakes: mend these first"
        problems.append(Problem(node.place.file, None, None, "", message))
    return problems
