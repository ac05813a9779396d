"""What the YAML parser's complaints mean to a planner."""

from __future__ import annotations

import re
from typing import Final

import yaml

from sim.scenario.problems import Problem, visible

_MENDS: Final = (
    (
        r"'\\t'|tab character|violate indentation",
        "a tab indents this line, and YAML indents with blanks: replace it by blanks",
    ),
    (
        r"mapping values are not allowed",
        "a second colon, or a key at the wrong depth: align the keys, and quote a text that holds a colon",
    ),
    (
        r"could not find expected ':'",
        "a line without a colon: write key: value, and quote a text of several lines",
    ),
    (r"expected ',' or '\]'", "a list opened by [ is not closed here: write ] or a comma"),
    (r"expected ',' or '\}'", "a section opened by { is not closed here: write } or a comma"),
    (r"unexpected end of stream|found end of stream", "a quote that opens here is never closed: close it"),
    (
        r"block mapping|<block end>|block collection|block sequence|block entr",
        "the indentation is off or a dash is misplaced: align this line with its neighbours",
    ),
    (r"cannot start any token", "this character cannot begin a value: put the value in quotes"),
    (r"escape|hexa?decimal", "an escape in double quotes is not one of YAML's: use single quotes"),
    (r"tag", "a tag (!...) is not read: leave it out"),
    (r"anchor|alias", "an & or * begins an anchor or alias: quote the text if it is meant literally"),
    (r"directive|incompatible YAML", "a line that starts with % is a directive: leave it out"),
)
"""What the parser says (as a pattern), and what to do about it; the first that fits counts."""


def syntax_problem(error: yaml.YAMLError, *, text: str, file: str) -> Problem:
    """The problem that the parser met, in words that say what to change."""
    said, line, column = "", 1, 1
    context = ""
    if isinstance(error, yaml.MarkedYAMLError):
        said = error.problem or ""
        context = error.context or ""
        mark = error.problem_mark or error.context_mark
        if mark is not None:
            line, column = mark.line + 1, mark.column + 1
        opened = error.context_mark
        if opened is not None and re.search(r"quoted scalar|flow (sequence|mapping)", context):
            at_end = line > text.count("\n") or "end of stream" in said or "stream end" in said
            if at_end:
                line, column = opened.line + 1, opened.column + 1
    if "\t" in _line(text, line)[: column + 1] and "quoted" not in context:
        said = "'\\t' " + said
    for pattern, mend in _MENDS:
        if re.search(pattern, said) or (said == "" and re.search(pattern, context)):
            return Problem(file, line, column, "", f"this is not YAML: {mend}")
    told = visible(" ".join((said or str(error)).split()))[:200]
    return Problem(
        file, line, column, "", f"this is not YAML ({told}): check the quotes, colons and indentation here"
    )


def _line(text: str, number: int) -> str:
    lines = text.splitlines()
    return lines[number - 1] if 0 < number <= len(lines) else ""
