"""The house as docs/design.md draws it: no import runs upwards, and no file is too large to see across."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

import pytest

SIM: Final = Path(__file__).parents[1] / "sim"

FLOORS: Final = (
    "errors",
    "text",
    "files",
    "summary",
    "lists",
    "world",
    "results",
    "pki",
    "scenario",
    "processes fleet",
    "probabilities",
    "guarantees",
    "executor",
    "figures",
    "studies",
    "rehearsal",
    "report",
    "notebook",
    "testing",
    "cli",
    "__init__",
)
"""The rooms, lowest first; two in a row stand side by side and do not know each other."""

FLOOR: Final = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms.split()}
MOST_LINES: Final = 500
KERNELS: Final = frozenset({"fleet/kernels.py"})
FILES: Final = sorted(SIM.rglob("*.py"))


def name_of(file: Path) -> str:
    parts = file.relative_to(SIM.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES: Final = {name_of(file): file for file in FILES}


def imports(file: Path) -> Iterator[str]:
    """Every module of ours that a file names: at its top, in a function, or for types only."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} has a relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if inner in MODULES or node.module in MODULES:
                    yield inner if inner in MODULES else str(node.module)


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def wrong_ways(module: str, imported: Iterator[str]) -> list[str]:
    """The imports that run upwards, or to a room beside."""
    here = room_of(module)
    return [
        other
        for other in imported
        if room_of(other) != here and FLOOR[room_of(other)] >= FLOOR[here] and other != "sim"
    ]


@pytest.mark.parametrize("module", sorted(MODULES))
def test_no_import_runs_upwards(module: str) -> None:
    assert wrong_ways(module, imports(MODULES[module])) == []


def test_an_import_upwards_is_seen() -> None:
    assert wrong_ways("sim.world.plan", iter(["sim.studies.run", "sim.world.draws", "sim.text"])) == [
        "sim.studies.run"
    ]
    assert wrong_ways("sim.fleet.engine", iter(["sim.processes.engine"])) == ["sim.processes.engine"]


def test_no_files_import_each_other_in_a_circle() -> None:
    graph = {module: set(imports(file)) - {module} for module, file in MODULES.items()}
    faces = {module for module, file in MODULES.items() if file.name == "__init__.py"}
    try:
        TopologicalSorter({m: others - faces for m, others in graph.items() if m not in faces}).prepare()
    except CycleError as circle:
        pytest.fail(" -> ".join(circle.args[1]))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SIM)))
def test_a_room_can_be_seen_across(file: Path) -> None:
    lines = len(file.read_text(encoding="utf-8").splitlines())
    assert lines <= MOST_LINES or str(file.relative_to(SIM)) in KERNELS
