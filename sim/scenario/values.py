"""Values that are one word or number: durations and shares as a planner writes them (language 1.1)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date, timedelta
from fractions import Fraction
from pathlib import PurePath
from typing import Any, Final
from unicodedata import category

import numpy as np

from sim.text import UNITS_S, quoted, span
from sim.world.distributions import Distribution

LONGEST_S: Final = 36_525 * UNITS_S["d"]
"""A hundred years: nothing a planner writes lasts longer."""
HOW_DURATION: Final = "write a duration such as 30d, 6h, 1h30m, 45m, 90s or 2w"
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
_FREE_PART: Final = re.compile(r"\s*([0-9]{1,15}(?:[.,][0-9]{1,9})?)\s*([a-z]+)\s*(?:,|and\b)?")
_FREE_UNITS_S: Final = {
    **dict.fromkeys(("y", "yr", "year"), 365 * UNITS_S["d"]),
    **dict.fromkeys(("mo", "mon", "month"), 30 * UNITS_S["d"]),
    **dict.fromkeys(("w", "wk", "week"), UNITS_S["w"]),
    **dict.fromkeys(("d", "day"), UNITS_S["d"]),
    **dict.fromkeys(("h", "hr", "hour"), UNITS_S["h"]),
    **dict.fromkeys(("m", "min", "minute"), UNITS_S["m"]),
    **dict.fromkeys(("s", "sec", "second"), UNITS_S["s"]),
}
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


# --- durations -----------------------------------------------------------------------------------------


def parse_duration(text: str) -> Seconds:
    """Whole seconds of a duration; `text.span` writes one.

    Raises:
        ValueError: `text` is not a duration of at most 100 years; the message says what to write instead.
    """
    match = _COMPACT.fullmatch(text) or _ISO.fullmatch(text)
    if match is None or not any(match.groups()):
        raise ValueError(_wrong_duration(text.strip()))
    counts = match.groups(default="0")
    total_s = sum(int(count) * unit_s for count, unit_s in zip(counts, UNITS_S.values(), strict=True))
    if total_s > LONGEST_S:
        raise ValueError(f"{quoted(text)} is longer than 100 years: write at most {span(LONGEST_S)}")
    return Seconds(total_s, text)


def read_duration(value: object, *, least_s: int = 0, most_s: int = LONGEST_S, why: str = "") -> Seconds:
    """Seconds of a value that must be a duration.

    Args:
        value: as it was written.
        least_s, most_s: the shortest and the longest that is allowed.
        why: what limits it, for the message.

    Raises:
        ValueError: it is not one; the message says what to write instead.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(_without_unit(value))
    if not isinstance(value, str):
        raise ValueError(f"{kind_of(value)} is not a duration: {HOW_DURATION}")
    duration_s = parse_duration(value)
    if duration_s < least_s:
        raise ValueError(f"{quoted(value)} is too short: write at least {span(least_s)}")
    if duration_s > most_s:
        raise ValueError(f"{quoted(value)} is too long{why}: write at most {span(most_s)}")
    return duration_s


def _without_unit(number: float) -> str:
    if math.isfinite(number) and number >= 0 and float(number).is_integer():
        shown = f"{number:.0f}"[:20]
        return f"{shown} has no unit: write {shown}d for days, {shown}h for hours or {shown}m for minutes"
    return f"{number:g} is not a duration: {HOW_DURATION}"


def _wrong_duration(written: str) -> str:
    """The message for a text that is not a duration."""
    if re.fullmatch(r"[0-9]{1,15}", written):
        return _without_unit(int(written))
    if re.match(r"[Pp]", written):
        return f"{quoted(written)} is not a duration in ISO 8601: write P30D, PT6H or P1DT12H, or 30d or 6h"
    free = _free(written.lower())
    if free is not None:
        return f"{quoted(written)} is not how a duration is written: write {free}"
    return f"{quoted(written)} is not a duration: {HOW_DURATION}"


def _free(written: str) -> str | None:
    """The short form of a duration written freely (`1 day`, `1.5h`, `30m 1h`), or None."""
    total_s = Fraction(0)
    position = 0
    while position < len(written):
        part = _FREE_PART.match(written, position)
        unit = "" if part is None else part[2]
        unit_s = _FREE_UNITS_S.get(unit) or _FREE_UNITS_S.get(unit.removesuffix("s"))
        if part is None or unit_s is None:
            return None
        total_s += Fraction(part[1].replace(",", ".")) * unit_s
        position = part.end()
    if not written or total_s.denominator != 1 or total_s > LONGEST_S:
        return None
    return span(int(total_s))


# --- shares --------------------------------------------------------------------------------------------


def parse_share(value: str | float) -> float:
    """A share in [0, 1], from `98%`, `0.98`, 0.98, 0 or 1.

    Raises:
        ValueError: it is not a share; the message says what to write instead.
    """
    if isinstance(value, str):
        if match := _PERCENT.fullmatch(value):
            return _within_one(float(f"{match[1]}e-2"), quoted(value))  # 99.9 / 100 is 0.9990000000000001
        if _FRACTION.fullmatch(value):
            return _within_one(float(value), quoted(value), number=float(value))
        comma = value.replace(",", ".")
        if comma != value and (_PERCENT.fullmatch(comma) or _FRACTION.fullmatch(comma)):
            raise ValueError(f"{quoted(value)} has a decimal comma: write {comma}")
        raise ValueError(f"{quoted(value)} is not a share: {HOW_SHARE}")
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a share: {HOW_SHARE}")
    return _within_one(float(value), f"{value:g}", number=float(value))


def read_share(value: object, *, above_zero: bool = False, below_one: bool = False) -> float:
    """A share of [0, 1], or with an end left out.

    Raises:
        ValueError: it is not one; the message says what to write instead.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{kind_of(value)} is not a share: {HOW_SHARE}")
    share = parse_share(value)
    if (above_zero and share == 0) or (below_one and share == 1):
        low = "more than 0%" if above_zero else "0%"
        high = "less than 100%" if below_one else "at most 100%"
        raise ValueError(f"{share:.0%} is out of range: write {low} and {high}, such as 95%")
    return share


def read_target(value: object) -> float:
    """How much may be lost: a share, `2%` or 0.02, or a number of devices from 1 on.

    Raises:
        ValueError: it is neither; the message says what to write instead.
    """
    text, number = str(value).strip(), -1.0
    with suppress(ValueError):
        number = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    if number == 1 and text.endswith("%"):
        raise ValueError("100 % may be lost: then nothing needs a plan")
    if not 0 <= number < (1 if text.endswith("%") else math.inf):
        how = "write for example 0.1% or 20"
        raise ValueError(f"{quoted(text)} is not a share or a number of devices: {how}")
    return number


def format_share(share: float) -> str:
    """A share as a percentage where `parse_share` reads that back as exactly the same number, else bare."""
    text = f"{round(share * 100, 10):.10f}".rstrip("0").rstrip(".") + "%"
    return text if parse_share(text) == share else repr(share)


def _within_one(share: float, shown: str, *, number: float | None = None) -> float:
    if 0.0 <= share <= 1.0:
        return share
    if number is not None and 1.0 < number <= 100.0:
        raise ValueError(f"{shown} is more than 1, the whole: write {number:g}% or {number / 100:g}")
    raise ValueError(f"{shown} is not between 0% and 100%: {HOW_SHARE}")


# --- any value -----------------------------------------------------------------------------------------


def kind_of(value: object) -> str:
    """What a value read from YAML is, in a planner's words."""
    match value:
        case None:
            return "nothing"
        case bool():
            return f"{'true' if value else 'false'} (a yes or no)"
        case ReadInt() | ReadFloat():
            return f"the number {value.text[:40]}"
        case int():
            return f"the number {value}" if abs(value) < 10**25 else "a number of more than 25 digits"
        case float():
            return f"the number {value:.12g}" if not value.is_integer() else f"the number {value:.1f}"[:40]
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
