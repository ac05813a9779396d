"""Values that are one word or number: durations and shares as a planner writes them (language 1.1).

What reads a value raises a ValueError whose message says what to write instead.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date, timedelta
from pathlib import PurePath
from typing import Any, Final
from unicodedata import category

import numpy as np

from sim.text import UNITS_S, quoted, span
from sim.world.distributions import Distribution

LONGEST_S: Final = 36_525 * UNITS_S["d"]
"""A hundred years: nothing a planner writes lasts longer."""
HOW_DURATION: Final = "write a duration such as 30d, 6h, 1h30m, 45m, 90s, 2w, P30D or PT6H"
HOW_SHARE: Final = "write a share from 0% to 100%, such as 98% or 0.98"

PATTERN_DURATION: Final = (
    r"^([0-9]+w)? *([0-9]+d)? *([0-9]+h)? *([0-9]+m)? *([0-9]+s)?$"
    r"|^P([0-9]+W)?([0-9]+D)?(T([0-9]+H)?([0-9]+M)?([0-9]+S)?)?$"
)
"""The form of a duration, for editors; the parser also refuses what has no part at all."""
PATTERN_SHARE: Final = r"^(100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?) ?%$|^[0-9]*\.?[0-9]+([eE]-?[0-9]+)?$"

_COMPACT: Final = re.compile(
    r"(?:([0-9]{1,15})w *)?(?:([0-9]{1,15})d *)?(?:([0-9]{1,15})h *)?(?:([0-9]{1,15})m *)?"
    r"(?:([0-9]{1,15})s)?(?<! )"
)
_ISO: Final = re.compile(
    r"P(?:([0-9]{1,15})W)?(?:([0-9]{1,15})D)?"
    r"(?:T(?=[0-9])(?:([0-9]{1,15})H)?(?:([0-9]{1,15})M)?(?:([0-9]{1,15})S)?)?"
)
_PERCENT: Final = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,40})?) ?%")
_FRACTION: Final = re.compile(r"(?:[0-9]{0,20}\.[0-9]{1,40}|[0-9]{1,20}\.?)(?:[eE][-+]?[0-9]{1,3})?")


# --- values that know how they are written -------------------------------------------------------------


class Seconds(int):
    """A duration or a time of day as it is read: a whole number of seconds.

    Attributes:
        written: how the language writes it, so that what is read from a scenario can be written into another.
    """

    written: str = ""

    def __new__(cls, seconds: int, written: str | None = None) -> Seconds:
        """`written`: default: the shortest form of the duration."""
        new = super().__new__(cls, seconds)
        new.written = span(seconds) if written is None else written
        return new


class ReadInt(int):
    """A whole number of a file that `str` would write otherwise: `007`; `text` is what stands there."""

    text: str


class ReadFloat(float):
    """A number of a file that `str` would write otherwise: `1.10`; `text` is what stands there."""

    text: str


def written(value: object) -> object:
    """How the language writes a value: of what has parts, its sections and lists; else the value itself.

    Sections, durations, instants and distributions as a scenario holds them, dates, timedeltas, paths, and
    scalars and columns of numpy and pandas.
    """
    if hasattr(type(value), "written"):
        return written(value.written)  # type: ignore[attr-defined]
    if isinstance(value, Distribution):
        return _LAWS[value.kind](value)
    if isinstance(value, np.datetime64 | np.timedelta64):
        value = str(value) if np.isnat(value) else value.astype(f"{type(value).__name__}[us]").item()
    if isinstance(value, timedelta):
        whole, rest = divmod(value, timedelta(seconds=1))
        return span(whole) if whole >= 0 and not rest else f"{value.total_seconds()}s"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, PurePath):
        return value.as_posix()
    shape, item = getattr(value, "shape", None), getattr(value, "item", None)
    if shape == () and callable(item):
        return item()
    return list(value) if isinstance(shape, tuple) and len(shape) == 1 else value  # type: ignore[call-overload]


def plain(value: object) -> Any:
    """How the language writes a value and all its parts: dictionaries, lists and scalars."""
    form = written(value)
    if isinstance(form, Mapping):
        return {key: plain(each) for key, each in form.items()}
    return [plain(each) for each in form] if isinstance(form, list | tuple) else form


def _span(seconds: float) -> str:
    return span(int(seconds)) if float(seconds).is_integer() else f"{seconds:g}s"


_LAWS: Final[Mapping[str, Callable[[Distribution], object]]] = {
    "constant": lambda law: _span(law.a),
    "exponential": lambda law: {"exponential": _span(law.a)},
    "uniform": lambda law: {"uniform": [_span(law.a), _span(law.b)]},
    "lognormal": lambda law: {"lognormal": {"median": _span(law.a), "sigma": law.b}},
    "weibull": lambda law: {"weibull": {"scale": _span(law.a), "shape": law.b}},
    "empirical": lambda law: {"empirical": list(map(_span, law.values))},
    "still_away": lambda law: {
        "still_away": dict(zip(map(_span, law.points[0]), law.points[1], strict=True))
    },
}
"""How the language writes a distribution, by its kind."""


# --- durations and shares ------------------------------------------------------------------------------


def parse_duration(value: object, *, least_s: int = 0, most_s: int = LONGEST_S) -> Seconds:
    """Whole seconds of a duration; `text.span` writes one.

    Args:
        value: as it was written.
        least_s, most_s: the shortest and the longest that is allowed.
    """
    text = value if isinstance(value, str) else ""
    match = _COMPACT.fullmatch(text) or _ISO.fullmatch(text)
    if re.fullmatch("[0-9]{1,15}", str(value)):
        how = f"write {value}d for days, {value}h for hours or {value}m for minutes"
        raise ValueError(f"{value} has no unit: {how}")
    if match is None or not any(match.groups()):
        raise ValueError(f"{kind_of(value)} is not a duration: {HOW_DURATION}")
    counts = match.groups(default="0")
    total_s = sum(int(count) * unit_s for count, unit_s in zip(counts, UNITS_S.values(), strict=True))
    if total_s < least_s:
        raise ValueError(f"{quoted(text)} is too short: write at least {span(least_s)}")
    if total_s > most_s:
        raise ValueError(f"{quoted(text)} is too long: write at most {span(most_s)}")
    return Seconds(total_s, text)


def parse_share(value: object, *, above_zero: bool = False, below_one: bool = False) -> float:
    """A share of [0, 1], or with an end left out, from `98%`, `0.98`, 0.98, 0 or 1."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    text = value if isinstance(value, str) else str(value) if is_number else ""
    if percent := _PERCENT.fullmatch(text):
        share = float(f"{percent[1]}e-2")  # 99.9 / 100 is 0.9990000000000001
    elif _FRACTION.fullmatch(text):
        share = float(text)
    else:
        raise ValueError(f"{kind_of(value)} is not a share: {HOW_SHARE}")
    if 1.0 < share <= 100.0 and not percent:
        raise ValueError(f"{text} is more than 1, the whole: write {share:g}% or {share / 100:g}")
    if share > 1.0 or (above_zero and share == 0.0) or (below_one and share == 1.0):
        low = "more than 0%" if above_zero else "0%"
        high = "less than 100%" if below_one else "at most 100%"
        raise ValueError(f"{kind_of(value)} is out of range: write {low} to {high}, such as 95%")
    return share


def read_target(value: object, *, of: float = math.inf) -> float:
    """How much may be lost: a share, `2%` or 0.02, or a number of devices, from 1 to all of them."""
    text, number = str(value).strip(), -1.0
    with suppress(ValueError):
        number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    if number == 1 and text.endswith("%"):
        raise ValueError("100 % may be lost: then nothing needs a plan")
    if not 0 <= number < (1 if text.endswith("%") else math.inf):
        how = "write for example 0.1% or 20"
        raise ValueError(f"{quoted(text)} is not a share or a number of devices: {how}")
    if number > max(of, 1):
        raise ValueError(f"{number:g} of {of:,} devices may be lost: write {number:g}% if a share is meant")
    return number


def format_share(share: float) -> str:
    """A share as a percentage where `parse_share` reads that back as exactly the same number, else bare."""
    text = f"{round(share * 100, 10):.10f}".rstrip("0").rstrip(".") + "%"
    return text if parse_share(text) == share else repr(share)


# --- any value -----------------------------------------------------------------------------------------


def kind_of(value: object) -> str:
    """What a value read from YAML is, in a planner's words."""
    match value:
        case None:
            return "nothing"
        case bool():
            return f"{'true' if value else 'false'} (a yes or no)"
        case int() if abs(value) >= 10**25:
            return "a number of more than 25 digits"
        case int() | float():
            return f"the number {getattr(value, 'text', value)}"[:60]
        case str():
            return quoted(value)
        case Mapping():
            return "a section (key: value)"
        case Sequence():
            return "a list"
    return f"a {type(value).__name__}"


def is_one_line(text: str) -> bool:
    """Whether a text holds no control character, line end or half of a surrogate pair."""
    return text.isprintable() or not any(category(each) in ("Cc", "Zl", "Zp", "Cs") for each in text)
