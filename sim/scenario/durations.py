"""Durations as a planner writes them: `30d`, `6h`, `1h30m`, `2w`, `P30D`, `PT6H` (language 1.1)."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Final

from sim.scenario.problems import quoted
from sim.text import UNITS_S as UNITS_S
from sim.text import span

format_duration = span

LONGEST_S: Final = 36_525 * UNITS_S["d"]
"""A hundred years: nothing a planner writes lasts longer."""
PATTERN: Final = (
    r"^([0-9]+w)? *([0-9]+d)? *([0-9]+h)? *([0-9]+m)? *([0-9]+s)?$"
    r"|^P([0-9]+W)?([0-9]+D)?(T([0-9]+H)?([0-9]+M)?([0-9]+S)?)?$"
)
"""The form of a duration, for editors; the parser also refuses what has no part at all."""

_HOW: Final = "write a duration such as 30d, 6h, 1h30m, 45m, 90s or 2w"
_COMPACT: Final = re.compile(
    r"(?! )(?:([0-9]{1,15})w)? *(?:([0-9]{1,15})d)? *(?:([0-9]{1,15})h)? *(?:([0-9]{1,15})m)? *"
    r"(?:([0-9]{1,15})s)?(?<! )"
)
_ISO: Final = re.compile(
    r"P(?:([0-9]{1,15})W)?(?:([0-9]{1,15})D)?"
    r"(?:T(?=[0-9])(?:([0-9]{1,15})H)?(?:([0-9]{1,15})M)?(?:([0-9]{1,15})S)?)?"
)
_WORDS: Final = {
    "w": "w", "week": "w", "weeks": "w", "wk": "w", "wks": "w",
    "d": "d", "day": "d", "days": "d",
    "h": "h", "hour": "h", "hours": "h", "hr": "h", "hrs": "h",
    "m": "m", "min": "m", "mins": "m", "minute": "m", "minutes": "m",
    "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s",
}  # fmt: skip
_CALENDAR: Final = {
    "month": 30,
    "months": 30,
    "mo": 30,
    "mon": 30,
    "year": 365,
    "years": 365,
    "y": 365,
    "yr": 365,
}
_LOOSE_PART: Final = re.compile(r"\s*([0-9]{1,15}(?:[.,][0-9]{1,9})?)\s*([a-z]+)\s*(?:,|and\b)?")


def parse_duration(text: str) -> int:
    """Whole seconds of a duration.

    Raises:
        ValueError: `text` is not a duration of at most 100 years; the message says what to write instead.
    """
    match = _COMPACT.fullmatch(text) or _ISO.fullmatch(text)
    if match is None or not any(match.groups()):
        raise ValueError(_mend(text.strip()))
    total_s = sum(
        int(count) * unit_s for count, unit_s in zip(match.groups(default="0"), UNITS_S.values(), strict=True)
    )
    if total_s > LONGEST_S:
        raise ValueError(
            f"{quoted(text)} is longer than 100 years: write at most {format_duration(LONGEST_S)}"
        )
    return total_s


def without_unit(number: float) -> str:
    """The message for a number where a duration belongs."""
    if isinstance(number, float) and not math.isfinite(number):
        return f"{number} is not a duration: {_HOW}"
    if number < 0:
        return f"a duration cannot be negative: {_HOW}"
    shown = f"{number:g}" if abs(number) < 1e6 else f"{number:.0f}"[:20]
    if shown == "0":
        return "0 has no unit: write 0s"
    if not shown.isdigit():
        return f"{shown} is not a whole number and has no unit: {_HOW}"
    units = f"{shown}d for days, {shown}h for hours, {shown}m for minutes or {shown}s for seconds"
    return f"{shown} has no unit: write {units}"


def _mend(written: str) -> str:
    """The message for a text that is not a duration, recognising the usual slips."""
    shown = quoted(written)
    if not written:
        return f"a duration is missing: {_HOW}"
    if re.fullmatch(r"[0-9]{1,15}", written):
        return without_unit(int(written))
    if re.match(r"[-−–]\s*P?[0-9]", written):
        return f"{shown} is negative, and a duration cannot be: {_HOW}"
    if re.match(r"\+\s*P?[0-9]", written):
        return f"{shown} has a sign: write {quoted(written.lstrip('+ '))[1:-1]}"
    if re.fullmatch(r"[0-9]+M", written):
        minutes = f"write {written[:-1]}m for minutes"
        return f"{shown} is unclear: {minutes}; a month has no fixed length, so write days (30d)"
    if written[0] in "Pp":
        return _mend_iso(written)
    clock = re.fullmatch(r"([0-9]{1,3}):([0-5][0-9])(?::([0-5][0-9]))?", written)
    if clock:
        total_s = sum(
            int(part or 0) * unit_s for part, unit_s in zip(clock.groups(), (3600, 60, 1), strict=True)
        )
        return f"{shown} looks like a time of day: write {format_duration(total_s)}"
    loose = _loose(written.lower())
    if loose is not None:
        return f"{shown} is not how a duration is written: write {loose}"
    return f"{shown} is not a duration: {_HOW}"


def freely_written_s(written: str) -> int | None:
    """The seconds of a duration that is written freely, such as `2y` or `1 day`; None: it is none."""
    loose = _loose(written.strip().lower())
    return None if loose is None else parse_duration(loose)


def _mend_iso(written: str) -> str:
    shown = quoted(written)
    upper = written.upper()
    if upper != written and (match := _ISO.fullmatch(upper)) and any(match.groups()):
        return f"{shown} is ISO 8601 in small letters: write {upper}"
    date = upper.split("T")[0]
    if re.fullmatch(r"P([0-9.,]+Y)?([0-9.,]+M)?([0-9.,]+[WD])?", date) and re.search("[YM]", date):
        return f"{shown} counts months or years, which have no fixed length: write days, such as P30D or 30d"
    hours = re.fullmatch(r"P([0-9]+)([HS])", upper)
    if hours:
        return f"{shown} lacks the T before hours, minutes and seconds: write PT{hours[1]}{hours[2]}"
    loose = _loose(upper[1:].replace("T", "").lower())
    if loose is not None:
        return f"{shown} is not how a duration is written: write {loose}"
    return f"{shown} is not a duration: write ISO 8601 such as P30D, PT6H or P1DT12H, or the short form 6h"


def _loose(written: str) -> str | None:
    """The short form of a duration written freely (`1 day`, `1.5h`, `30m 1h`), or None."""
    total_s = Fraction(0)
    position = 0
    while position < len(written):
        part = _LOOSE_PART.match(written, position)
        if part is None:
            return None
        count = Fraction(part[1].replace(",", "."))
        if part[2] in _WORDS:
            total_s += count * UNITS_S[_WORDS[part[2]]]
        elif part[2] in _CALENDAR:
            total_s += count * _CALENDAR[part[2]] * UNITS_S["d"]
        else:
            return None
        position = part.end()
    if not written or total_s.denominator != 1 or total_s > LONGEST_S:
        return None
    return format_duration(int(total_s))
