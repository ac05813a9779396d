"""Which YAML files are scenarios with guarantees, told without reading them as YAML.

A project has YAML of many kinds, and pytest must not stumble over it. But a scenario with a slip of the
pen has to fail as a test, not to vanish from them.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import Final

MOST_BYTES: Final = 2_000_000
"""As much as the reader of scenarios reads."""

_REQUIRED: Final = frozenset({"start", "duration", "fleet"})
_ENOUGH: Final = 2
"""Of the required keys; the third may be missing or misspelt, which the reader then says."""

_KEY: Final = re.compile(r"^( *)([\"']?)([A-Za-z_][\w-]*)\2 *:(?=[ \t\r\n]|$)", re.MULTILINE)
_FLOW_KEY: Final = re.compile(r"[{,\s][\"']?([A-Za-z_][\w-]*)[\"']?\s*:")


def is_scenario(path: Path) -> bool:
    """Whether a file looks like a scenario with guarantees; False where it cannot be read."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES)
    except OSError:
        return False
    return looks_like_scenario(_decoded(content))


def looks_like_scenario(text: str) -> bool:
    """Whether a text has `guarantees:` and two of `start:`, `duration:`, `fleet:` at the top level.

    A word close to `guarantees`, such as `guarantee`, counts as well.
    """
    keys = _top_level_keys(text)
    return len(keys & _REQUIRED) >= _ENOUGH and any(map(_means_guarantees, keys))


def _top_level_keys(text: str) -> set[str]:
    if text.lstrip().startswith("{"):
        return set(_FLOW_KEY.findall(text))
    found = _KEY.findall(text)
    return {key for indentation, _, key in found if indentation == found[0][0]}


def _means_guarantees(key: str) -> bool:
    if key == "guarantees":
        return True
    if not key.lower().startswith(("g", "q")):
        return False
    from difflib import SequenceMatcher

    return SequenceMatcher(None, key.lower(), "guarantees").ratio() >= 0.8


def _decoded(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace")
    return content.decode("utf-8-sig", errors="replace")
