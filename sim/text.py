"""Text for people: quoting, likely meanings, numbers, shares, spans of time, dates, plurals."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Final, TypeVar

from sim.errors import visible as visible

LONGEST_ECHO: Final = 60
"""Characters of a user's own text that a message repeats."""

UNITS_S: Final = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
"""Units of time by their letters, in seconds."""

ALMOST: Final = 1 - 1e-9
"""The highest chance that an estimate gives of a single device: `over 99.9 %`."""

_Item = TypeVar("_Item")


# --- what a user wrote ---------------------------------------------------------------------------------


def quoted(text: str) -> str:
    """A user's text as a message may repeat it: in quotes, on one line, printable, shortened."""
    return f'"{shortened(text)}"'


def shortened(text: str, longest: int = LONGEST_ECHO) -> str:
    """At most `longest` characters of a user's text, all of them printable."""
    return visible(text if len(text) <= longest else text[: longest - 1] + "…")


def no_formula(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: what looks like one gets an apostrophe in front."""
    return f"'{text}" if re.match(r"[=+@\t\r]|-(?![0-9.])", text) else text


def closest(word: str, known: Iterable[str], *, likeness: float = 0.65) -> str | None:
    """The known word that `word` probably means, without regard to case, blanks, `-` and `_`; or None."""
    folded = {_fold(each): each for each in known}
    match = get_close_matches(_fold(word[:80]), list(folded), n=1, cutoff=likeness)
    return folded[match[0]] if match else None


def _fold(word: str) -> str:
    return re.sub(r"[\s_-]+", "_", word.strip().lower())


# --- numbers, lists and time ---------------------------------------------------------------------------


def number(value: float | None) -> str:
    """A count, or a mean of counts: `1,160`, `14.25`; `-` for None."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def percent(share: float | None) -> str:
    """A share of [0, 1] with two digits: `98.79 %`; `-` for None; what is nearly none or all says so."""
    if share is not None and 0 < share < 5e-5:
        return "under 0.01 %"
    if share is not None and 1 - 5e-5 < share < 1:
        return "over 99.9 %"
    return "-" if share is None else f"{100 * share:.2f} %"


def plural(count: int, one: str) -> str:
    """`1 device`, `1,160 devices`; of `time` `once`, `twice`, `5 times`."""
    if one == "time" and count in (1, 2):
        return "once" if count == 1 else "twice"
    return f"{count:,} {one}{'' if count == 1 else 's'}"


def listed(words: Sequence[str], *, last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    return f" {last} ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)


def evenly(items: Sequence[_Item], most: int) -> list[_Item]:
    """At most so many of the items (at least 2), evenly spread, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]


def span(seconds: int) -> str:
    """A length of time as the language writes it, exact: `1d4h`, `0s`.

    Raises:
        ValueError: `seconds` is negative.
    """
    if seconds < 0:
        raise ValueError(f"a duration cannot be negative, and {seconds} s is")
    text, rest_s = "", seconds
    for unit in "dhms":
        count, rest_s = divmod(rest_s, UNITS_S[unit])
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def spaced(seconds: int) -> str:
    """A length of time to be read, exact: `1 d 4 h`."""
    return " ".join(re.findall("[0-9]+|[a-z]", span(seconds)))


def rounded(seconds: int) -> str:
    """A length of time to be read, rounded down to a tenth: `2.5 days`, `36 hours`, `1 minute`."""
    for unit_s, word in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * unit_s or (seconds == unit_s and word != "day"):
            tenths = 10 * seconds // unit_s
            shown = f"{tenths // 10}" if tenths % 10 == 0 else f"{tenths / 10:.1f}"
            return f"{shown} {word}{'' if tenths == 10 else 's'}"
    return plural(seconds, "second")


def date(moment: datetime) -> str:
    """An instant to be read, seconds only where they are not 0: `2026-05-12 08:00`."""
    return f"{moment:%Y-%m-%d %H:%M:%S}".removesuffix(":00")


def iso(moment: datetime) -> str:
    """An instant in ISO 8601, in UTC with a Z: `2026-05-12T08:00:00Z`."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
