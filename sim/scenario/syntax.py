"""What the YAML parser's complaints mean to a planner."""

from __future__ import annotations

import re
from typing import Final

import yaml

from sim.scenario.files import lines_of
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
    (
        r"node content",
        "a value is missing here, or a [ or { above is not closed: write the value or the bracket",
    ),
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
    said, context, mark, opened = "", "", None, None
    if isinstance(error, yaml.MarkedYAMLError):
        said, context = error.problem or "", error.context or ""
        mark, opened = error.problem_mark, error.context_mark
    if opened is not None and (re.search("simple key", context) or _is_at_end(mark, text, said)):
        mark = opened  # where it begins says more than where the parser gave up
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    lines = lines_of(text)
    if line > len(lines):  # libyaml gives up beyond a last line that does not end
        line, column = len(lines), len(lines[-1]) + 1
    written = lines[line - 1]
    if "mapping values" in said and ": " not in written[: column - 1]:
        column = len(written) - len(written.lstrip(" ")) + 1
    if "\t" in written[:column] and "quoted" not in context:
        said = f"'\\t' {said}"
    for pattern, mend in _MENDS:
        if re.search(pattern, said):
            return Problem(file, line, column, "", f"this is not YAML: {mend}")
    told = visible(" ".join((said or str(error)).split()))[:100]
    mend = "check the quotes, colons and indentation here"
    return Problem(file, line, column, "", f"this is not YAML ({told}): {mend}")


def _is_at_end(mark: yaml.Mark | None, text: str, said: str) -> bool:
    """Whether the parser only noticed at the end of the text."""
    return "end of stream" in said or (mark is not None and not "".join(lines_of(text)[mark.line :]).strip())
