"""Which YAML files are scenarios with guarantees, and how their tests are called.

A project has YAML of many kinds, and pytest must not stumble over it. But a scenario with a slip of the
pen has to fail as a test, not to vanish from them. So a file is recognized without being read as YAML.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

MOST_BYTES: Final = 2_000_000
"""As much as the reader of scenarios reads."""

_REQUIRED: Final = frozenset({"start", "duration", "fleet"})
_ENOUGH: Final = 2
"""Of the required keys; the third may be missing or misspelt, which the reader then says."""

_KEY: Final = re.compile(r"^( *)([\"']?)([A-Za-z_][\w-]*)\2 *:(?=[ \t\r\n]|$)", re.MULTILINE)
_FLOW_KEY: Final = re.compile(r"[{,\s][\"']?([A-Za-z_][\w-]*)[\"']?\s*:")

_IN_NAMES: Final = (
    "at_most", "at_least", "within", "quantile", "group", "platform", "probability", "confidence",
)  # fmt: skip
"""Keys that follow the measure in the name of a test, with their value as written."""


def is_scenario(path: Path) -> bool:
    """Whether a file looks like a scenario with guarantees; False where it cannot be read."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES)
    except OSError:
        return False
    is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return looks_like_scenario(content.decode("utf-16" if is_wide else "utf-8-sig", errors="replace"))


def is_spoilt(path: Path) -> bool:
    """Whether a file is empty or binary, and lies beside a scenario with guarantees: it was one, probably."""
    try:
        content = path.read_bytes()[:MOST_BYTES]
    except OSError:
        return False
    if content.strip(b" \t\r\n") and b"\0" not in content:
        return False
    return any(is_scenario(each) for each in path.parent.glob("*.y*ml") if each != path)


def marks_in(text: str) -> Iterator[tuple[int, str, str]]:
    """Line (0 for the comments before all else), name and reason of each comment `# pytest: NAME REASON`."""
    head = True
    for number, line in enumerate(text.splitlines(), start=1):
        head = head and line.strip()[:1] in ("", "#")
        if found := re.search(r"# *pytest: *(\w+)[,:]? *(.*?) *$", line):
            yield 0 if head else number + (line.lstrip()[0] == "#"), found[1], found[2]


def looks_like_scenario(text: str) -> bool:
    """Whether a text has `guarantees:` and two of `start:`, `duration:`, `fleet:` at the top level.

    A word close to `guarantees`, such as `guarantee`, counts as well.
    """
    if text.lstrip().startswith("{"):
        keys = set(_FLOW_KEY.findall(text))
    else:
        found = _KEY.findall(text)
        keys = {key for indentation, _, key in found if indentation == found[0][0]}
    return len(keys & _REQUIRED) >= _ENOUGH and any(map(_means_guarantees, keys))


def _means_guarantees(key: str) -> bool:
    if not key.lower().startswith(("g", "q")):
        return False
    from difflib import SequenceMatcher

    return SequenceMatcher(None, key.lower(), "guarantees").ratio() >= 0.8


def names_of(guarantees: Iterable[Mapping[str, Any]]) -> list[str]:
    """A name for each guarantee as written, in order; equal ones are numbered from the second on."""
    names: list[str] = []
    for written in guarantees:
        name = plain = name_of(written)
        number = 1
        while name in names:
            number += 1
            name = f"{plain} ({number})"
        names.append(name)
    return names


def name_of(written: Mapping[str, Any]) -> str:
    """Measure, bound, and what else narrows it: `reconnected_share at_least 95% within 14d`.

    A double colon, which separates the parts of a node id, becomes a single one.
    """
    from sim.errors import visible

    words = [str(written["measure"])]
    for key in _IN_NAMES:
        value = written.get(key)
        if value is not None:
            words += [key, f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)]
    name = visible(" ".join(words))
    while "::" in name:
        name = name.replace("::", ":")
    return name
