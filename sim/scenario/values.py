"""Values that are one word or number: shares, durations, and what a wrong one meant (language 1.1)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final
from unicodedata import category

from sim.scenario.durations import parse_duration, without_unit
from sim.scenario.problems import quoted
from sim.text import closest as closest

HOW_SHARE: Final = "write a share from 0% to 100%, such as 98% or 0.98"
PATTERN_SHARE: Final = r"^(100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?) ?%$|^[0-9]*\.?[0-9]+([eE]-?[0-9]+)?$"
_PERCENT: Final = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,40})?) ?%")
_FRACTION: Final = re.compile(r"(?:[0-9]{0,20}\.[0-9]{1,40}|[0-9]{1,20}\.?)(?:[eE][-+]?[0-9]{1,3})?")


def parse_share(value: str | float) -> float:
    """A share in [0, 1], from `98%`, `0.98`, 0.98, 0 or 1.

    Raises:
        ValueError: it is not a share; the message says what to write instead.
    """
    if isinstance(value, bool):
        raise ValueError(f"{'yes' if value else 'no'} is not a share: {HOW_SHARE}")
    if isinstance(value, str):
        if match := _PERCENT.fullmatch(value):
            share = float(f"{match[1]}e-2")  # the decimal itself: 99.9 / 100 is 0.9990000000000001
            return _within_one(share, quoted(value))
        if _FRACTION.fullmatch(value):
            return _within_one(float(value), quoted(value), number=float(value))
        raise ValueError(_mend_share(value))
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a share: {HOW_SHARE}")
    return _within_one(float(value), f"{value:g}", number=float(value))


def format_share(share: float) -> str:
    """A share as a percentage where `parse_share` reads that back as exactly the same number, else bare."""
    text = f"{round(share * 100, 10):.10f}".rstrip("0").rstrip(".") + "%"
    return text if parse_share(text) == share else repr(share)


def duration_of(value: object, *, how: str = "write a duration such as 30d, 6h or 1h30m") -> int:
    """Seconds of a value that must be a duration.

    Raises:
        ValueError: it is not one; the message says what to write instead.
    """
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(without_unit(value))
    raise ValueError(f"{kind_of(value)} is not a duration: {how}")


def kind_of(value: object) -> str:
    """What a value read from YAML is, in a planner's words."""
    match value:
        case None:
            return "nothing"
        case bool():
            return f"{'true' if value else 'false'} (a yes or no)"
        case int() | float():
            return f"the number {value:.12g}"
        case str():
            return quoted(value)
        case Mapping():
            return "a section (key: value)" if value else "an empty section"
        case Sequence():
            return "a list" if value else "an empty list"
        case _:
            return f"a {type(value).__name__}"


def is_one_line(text: str) -> bool:
    """Whether a text holds no control character, line end or half of a surrogate pair."""
    return text.isprintable() or not any(category(each) in ("Cc", "Zl", "Zp", "Cs") for each in text)


def _within_one(share: float, shown: str, *, number: float | None = None) -> float:
    if 0.0 <= share <= 1.0:
        return share
    if number is not None and 1.0 < number <= 100.0:
        raise ValueError(f"{shown} is more than 1, the whole: write {number:g}% or {number / 100:g}")
    raise ValueError(f"{shown} is not between 0% and 100%: {HOW_SHARE}")


def _mend_share(written: str) -> str:
    shown = quoted(written)
    comma = written.replace(",", ".")
    if comma != written and (_PERCENT.fullmatch(comma) or _FRACTION.fullmatch(comma)):
        return f"{shown} has a decimal comma: write {comma}"
    if match := re.fullmatch(r"([0-9.]{1,10}) *(?:percent|per cent|pct|prozent)", written, re.IGNORECASE):
        return f"{shown} is not how a share is written: write {match[1]}%"
    return f"{shown} is not a share: {HOW_SHARE}"
