"""Which changes are made: cosmic-ray's, without those that cannot change what the program does."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cosmic_ray.plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code

ROOT = Path(__file__).parents[1]

ROOMS: dict[str, tuple[Path, ...]] = {
    "guarantees": tuple(sorted((ROOT / "sim/guarantees").glob("[!_]*.py"))),
    "results": tuple(sorted((ROOT / "sim/results").glob("[!_]*.py"))),
    # Without `recording.py`, which records what a device lived through (tried in `tests/studies`).
    "processes": tuple(p for p in sorted((ROOT / "sim/processes").glob("[!_]*.py")) if p.stem != "recording"),
    "fleet": tuple(ROOT / "sim/fleet" / f"{name}.py" for name in ("desk", "engine", "epochs", "kernels")),
}

Place = tuple[int, int]
Span = tuple[Place, Place]


@dataclass(frozen=True)
class Mutant:
    """One change.

    Attributes:
        room: of `ROOMS`.
        file: relative to the repository.
        operator: cosmic-ray's name.
        occurrence: which of the operator's places in the file, and which change there.
        line: where.
        lines: first and last line of the statement that is changed.
        at_import: whether the statement runs when the module is imported.
        source: a hash of the file, so that results of another state of it are not taken for this one's.
    """

    room: str
    file: str
    operator: str
    occurrence: int
    line: int
    lines: tuple[int, int]
    at_import: bool
    source: str

    @property
    def key(self) -> str:
        """A name for it that holds as long as the file is unchanged."""
        return f"{self.file}:{self.source}:{self.operator}:{self.occurrence}"

    @property
    def module(self) -> str:
        """The module's name."""
        return self.file.removesuffix(".py").replace("/", ".")


def mutated(mutant: Mutant) -> str:
    """The source of the changed module.

    Raises:
        ValueError: the file has been changed since.
    """
    text = (ROOT / mutant.file).read_text(encoding="utf-8")
    if _hash(text) != mutant.source:
        raise ValueError(f"{mutant.file} has been changed since")
    changed = mutate_code(text, cosmic_ray.plugins.get_operator(mutant.operator)(), mutant.occurrence)
    assert changed is not None
    return str(changed)


def mutants_of(room: str) -> tuple[list[Mutant], dict[str, int]]:
    """All mutants of a room, and how many were left out for which reason."""
    found: list[Mutant] = []
    left_out: dict[str, int] = {}
    for path in ROOMS[room]:
        text = path.read_text(encoding="utf-8")
        nodes, source = list(ast_nodes(get_ast(text))), _hash(text)
        meaningless = list(_meaningless(ast.parse(text)))
        statements = sorted(_statements(ast.parse(text)), key=lambda s: s[1][1][0] - s[1][0][0])
        for name in cosmic_ray.plugins.operator_names():
            operator_class = cosmic_ray.plugins.get_operator(name)
            if operator_class.arguments():  # names to insert or to replace, which nobody gives
                continue
            operator = operator_class()
            places = [place for node in nodes for place in operator.mutation_positions(node)]
            for occurrence, (begin, end) in enumerate(places):
                reason = next((why for why, span in meaningless if _is_in((begin, end), span)), None)
                if reason is None and "RemoveDecorator" in name:
                    line = text.splitlines()[begin[0] - 1]
                    reason = "decorator of the compiler" if "@compiled" in line else None
                if reason is not None:
                    left_out[reason] = left_out.get(reason, 0) + 1
                    continue
                at_import, lines = next(
                    (
                        (at_import, (span[0][0], span[1][0]))
                        for at_import, span in statements
                        if span[0][0] <= begin[0] <= span[1][0]
                    ),
                    (True, (begin[0], end[0])),
                )
                mutant = Mutant(
                    room, str(path.relative_to(ROOT)), name, occurrence, begin[0], lines, at_import, source
                )
                found.append(mutant)
    return found, left_out


def why_void(mutant: Mutant) -> str | None:
    """Why a change is none: the code is the same, or no Python; None where it is one."""
    try:
        changed = ast.parse(mutated(mutant))
    except SyntaxError:
        return "not Python"
    same = ast.dump(changed) == ast.dump(ast.parse((ROOT / mutant.file).read_text(encoding="utf-8")))
    return "the same code" if same else None


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _span(node: ast.expr | ast.stmt | ast.pattern) -> Span:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)


def _is_in(one: Span, other: Span) -> bool:
    return other[0] <= one[0] and one[1] <= other[1]


def _meaningless(tree: ast.Module) -> Iterator[tuple[str, Span]]:
    """Where a change says nothing about the tests. Annotations are never evaluated in these modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            arguments = node.args
            every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
            every += [extra for extra in (arguments.vararg, arguments.kwarg) if extra is not None]
            for annotation in (*(argument.annotation for argument in every), node.returns):
                if annotation is not None:
                    yield "annotation", _span(annotation)
        elif isinstance(node, ast.AnnAssign):
            yield "annotation", _span(node.annotation)
        elif isinstance(node, ast.Assert) and node.msg is not None:
            yield "message of an assertion", _span(node.msg)
        elif isinstance(node, ast.MatchOr):
            yield "alternatives of a pattern", _span(node)
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and _is_type(statement):
            yield "annotation", _span(statement)


def _is_type(statement: ast.Assign) -> bool:
    """Whether a name is given to a type, as in `Row = dict[str, float | None]`."""
    value = statement.value
    return isinstance(value, ast.Subscript) and isinstance(statement.targets[0], ast.Name)


def _statements(tree: ast.Module) -> Iterator[tuple[bool, Span]]:
    """Whether it runs at import, and the lines, of each simple statement and each head of a compound one."""

    def walk(node: ast.AST, at_import: bool) -> Iterator[tuple[bool, Span]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                (first, _), (last, _) = _span(child)
                inner = [
                    part.lineno
                    for name in ("body", "orelse", "finalbody", "handlers", "cases")
                    for part in getattr(child, name, [])
                    if hasattr(part, "lineno")
                ]
                if isinstance(child, ast.Match):
                    last = child.subject.end_lineno or first
                elif inner:
                    last = max(first, min(inner) - 1)
                yield at_import, ((first, 0), (last, 0))
            inside = isinstance(child, ast.FunctionDef | ast.Lambda)
            yield from walk(child, at_import and not inside)

    return walk(tree, True)
