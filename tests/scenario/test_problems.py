"""Problems are told in order, in one line each, and never move the cursor."""

from __future__ import annotations

from sim.scenario.problems import Place, Problem, ScenarioError
from sim.text import quoted, visible


def test_a_problem_reads_as_file_line_column_key_and_message() -> None:
    assert str(Problem("a.yaml", 3, 5, "seed", "x: write 1")) == "a.yaml:3:5: seed: x: write 1"
    assert str(Problem("a.yaml", 3, None, "", "x")) == "a.yaml:3: x"
    assert str(Problem("a.yaml", None, None, "seed", "x")) == "a.yaml: seed: x"
    assert Problem("a.yaml", 3, 5, "seed", "x").place == Place("a.yaml", 3, 5)


def test_problems_come_by_file_and_place_and_once() -> None:
    first, second, third = (
        Problem("b", 2, 9, "", "x"),
        Problem("b", 10, 1, "", "y"),
        Problem("a", 1, 1, "", "z"),
    )
    last = Problem("b", None, None, "", "and more")
    error = ScenarioError([last, second, third, first, second])
    assert error.problems == (first, second, last, third)
    assert str(error).splitlines() == ["b:2:9: x", "b:10:1: y", "b: and more", "a:1:1: z"]


def test_what_is_repeated_is_short_and_printable() -> None:
    assert quoted("a\x1b[2J\nb") == '"a\\x1b[2J\\nb"'
    assert len(quoted("x" * 10_000)) == 62
    assert visible("é 漢 \u202e") == "é 漢 \\u202e"
