"""A column of dates, read as the whole column allows (model 11.2, language 4).

Cells are grouped by their shape, in which every digit is a 9: what a shape means is found out once, and the
numbers of all its cells are then computed with together. `dateutil` takes ten times as long, and guesses day
and month of each row for itself.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import cache
from math import floor
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
from numpy.typing import NDArray

from sim.lists.devices import KNOWN, NEVER, UNKNOWN, WRONG, Order
from sim.text import listed, quoted

Ints = NDArray[np.int64]
_Rows = tuple[Ints, Ints]
"""Rows, and their years, months, days, hours, minutes and seconds; shapes (n,) and (6, n)."""

# --- what a cell may hold ------------------------------------------------------------------------------

LONGEST: Final = 64
"""Characters of a date; what is longer is none."""
_SHAPE: Final = str.maketrans("012345678", "9" * 9)
_NEVER_WORDS: Final = frozenset(
    (
        *("never", "none", "null", "nil", "nan", "nat", "no", "n/a", "na", "#n/a", "n.a."),
        *("-", "--", "---", "–", "—", "not available", "not connected", "never connected", "no contact"),
        *("never contacted", "never synced", "never seen", "not synced", "nie", "niemals", "никогда", "нет"),
    )
)
_UNKNOWN_WORDS: Final = frozenset(("", "?", "unknown", "unbekannt", "неизвестно", "blank", "(blank)"))
_NEVER_DATES: Final = (1_01_01, 1601_01_01, 1900_01_01, 1970_01_01, 1899_12_30, 1969_12_31)
"""Dates that systems write for never; the last is the beginning of 1970 where clocks are behind UTC."""
_NEVER_AT_MIDNIGHT: Final = 2000_01_01

_NUMBERS: Final = {
    5: ("days of a spreadsheet", Decimal(86_400), Decimal("-2209161599.5")),  # rounded
    **dict.fromkeys((9, 10), ("seconds since 1970", Decimal(1), Decimal(0))),
    **dict.fromkeys((12, 13), ("milliseconds since 1970", Decimal("1e-3"), Decimal(0))),
    **dict.fromkeys((15, 16), ("microseconds since 1970", Decimal("1e-6"), Decimal(0))),
    18: ("ticks since 1601", Decimal("1e-7"), Decimal(-11_644_473_600)),
}
"""What a number of so many digits counts, how many seconds one is, and when 0 was, in seconds since 1970."""

_MONTHS: Final = {
    name: month
    for names in (
        "january february march april may june july august september october november december",
        "januar februar märz april mai juni juli august september oktober november dezember",
        "январь февраль март апрель май июнь июль август сентябрь октябрь ноябрь декабрь",
        "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
    )
    for month, full in enumerate(names.split(), 1)
    for name in (full, full[:3], full[:4])
}

HOW: Final = "write a date and time such as 2026-02-27 13:35"
_FIRST_S: Final = int(datetime(2001, 1, 1, tzinfo=UTC).timestamp())
_END_S: Final = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp())
_NO_DAY: Final = (
    "is no day of the calendar from 2001 to 2199, or no time from 00:00 to 23:59:59: "
    f"{HOW}, leave blank what is not known, or check list: {{dates: ...}}"
)
_NO_DATE: Final = f"is not a date that can be read: {HOW}"
_NO_WORD: Final = f"has a month in a language that is not known: {HOW}"
_NO_INSTANT: Final = "is an age or a state, not an instant: export the date and time of the last contact"
_NO_ZONE: Final = (
    "names a time zone that is not clear: write an offset such as +02:00, or the zone of the list, such as "
    "list: {timezone: Europe/Berlin}"
)
_AGE: Final = (
    r"(?:9+|an?|one) ?(?:s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|weeks?|months?|years?)\b.*"
    r"|.* ago|vor .*|.* назад|(?:yesterday|today|just now|now|online|active|connected)\b.*"
)


@cache
def _layouts(order: Order | None) -> list[re.Pattern[str]]:
    """The shapes of dates with the places of their parts; day and month before a year may be exchanged."""
    first = "9{4}|99" if order == "year first" else "9{4}"
    sign = r"(?P<sign>[-/.])\s?"
    again = r"(?P=sign)\s?"
    word = r"(?P<word>[^\W\d_]{3,12})\.?"
    day = r"(?P<day>9{1,2})(?:st|nd|rd|th)?"
    year = r"(?P<year>9{4}|99)"
    dates = (
        rf"(?P<year>{first}){sign}(?P<month>9{{1,2}}){again}(?P<day>9{{1,2}})\.?",
        rf"(?P<day>9{{1,2}}){sign}(?P<month>9{{1,2}}){again}(?P<year>9{{4}}|9{{1,2}})\.?",
        rf"{day}\.?[-/.\s]*{word}[-/.\s]*{year}(?:\s(?:г\.|года?))?",
        rf"{word}[-\s]*{day}(?:,\s*|[-\s]+){year}",
        rf"(?P<year>9{{4}})[-\s]{word}[-\s](?P<day>9{{1,2}})",
        r"(?P<year>9{4})(?P<month>99)(?P<day>99)",
    )
    clock = (
        r"(?P<hour>9{1,2}):(?P<minute>99)(?::(?P<second>99)(?:[.,:]9{1,9})?)?"
        r"\s?(?P<half>[ap]\.?\s?m\b\.?)?(?:\s?(?:uhr|h)\b)?"
    )
    zone = (
        r"\s?(?P<zone>z|[a-z]{2,5}|[a-z]+/[a-z_/]+|(?:utc|gmt)?\s?[+-]9{1,2}(?::?99)?)?"
        r"(?:\s?\([^)]*\))?"
    )
    between = r"(?:\s*,\s*|,?\s+(?:at\s+|um\s+)?|t)"
    weekday = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+)?"
    forms = (
        *(rf"{weekday}{date}(?:{between}{clock}{zone})?" for date in dates),
        *(rf"{clock}\s+{weekday}{date}" for date in dates),
        rf"{weekday}{word}\s+{day}\s+{clock}{zone}\s+(?P<year>9{{4}})",
        rf"{dates[-1]}[t\s]?(?P<hour>99)(?P<minute>99)(?P<second>99)(?:[.,]9{{1,9}})?{zone}",
    )
    return [re.compile(form, re.IGNORECASE) for form in forms]


# --- a column ------------------------------------------------------------------------------------------


class Fault(NamedTuple):
    """One kind of mistake: its rows, what to say of the text of each, and whether one change mends all."""

    rows: Ints
    message: str
    has_one_cause: bool


class Dates:
    """The cells of a column, trimmed, and what is known of each; arrays of shape (n,).

    Attributes:
        kind: `KNOWN`, `UNKNOWN`, `NEVER` or `WRONG`; int8.
        seconds: since 1970 in UTC where known, else 0; int64.
    """

    def __init__(
        self, cells: Sequence[str], *, zone: str, order: Order | None = None, has_zone: bool = False
    ) -> None:
        """Read a column.

        Args:
            cells: their texts.
            zone: IANA name, or an offset such as `+03:00`, of what names no zone itself.
            order: of day, month and year where they are numbers; None: what the whole column allows.
            has_zone: `zone` was given for this list, so an abbreviation that is not clear stands for it.
        """
        n = len(cells)
        self.cells = cells
        self.order = order
        self.kind = np.full(n, WRONG, dtype=np.int8)
        self.seconds = np.zeros(n, dtype=np.int64)  # of local time, until `_localize`
        self._has_time = np.zeros(n, dtype=bool)
        self._form = np.zeros(n, dtype=np.int64)
        self._forms: dict[str, int] = {}  # their numbers, as those of zones
        self._zone = np.zeros(n, dtype=np.int64)
        self._zones = {"": 0, "z": 1}
        self._open: dict[tuple[str, bool], list[_Rows]] = defaultdict(list)  # by sign, and with AM or PM
        self._refused: dict[str, list[Ints]] = defaultdict(list)  # rows by message
        shapes: dict[str, list[int]] = defaultdict(list)
        for i, cell in enumerate(cells):
            shapes[cell.translate(_SHAPE)].append(i)
        for shape, rows in shapes.items():
            self._read(shape, np.array(rows, dtype=np.int64))
        self._decide_orders()
        self._localize(zone, has_zone=has_zone)
        self.seconds[self.kind != KNOWN] = 0

    @property
    def forms(self) -> tuple[tuple[str, int], ...]:
        """How dates are written, and in how many rows."""
        forms, counts = list(self._forms), Counter(self._form[self.kind == KNOWN].tolist())
        return tuple((forms[i], count) for i, count in counts.most_common())

    @property
    def faults(self) -> list[Fault]:
        """What cannot be read."""
        return [
            Fault(np.sort(np.concatenate(rows)), message, message not in (_NO_DAY, _NO_DATE))
            for message, rows in self._refused.items()
        ]

    @property
    def has_times(self) -> bool:
        """Whether some date has a time of day."""
        return bool(self._has_time[self.kind == KNOWN].any())

    @property
    def local(self) -> int:
        """How many rows name no zone, so that the zone of the list decides."""
        return int(np.count_nonzero(self._zone[self.kind == KNOWN] == 0))

    def _read(self, shape: str, rows: Ints) -> None:
        word = " ".join(shape.lower().split())
        layouts = _layouts(self.order) if len(shape) <= LONGEST else ()
        dates = next(filter(None, (each.fullmatch(shape) for each in layouts)), None)
        number = re.fullmatch("(9{1,18})(?:[.,]9{1,12})?", shape)
        if word in _NEVER_WORDS or word in _UNKNOWN_WORDS:
            self.kind[rows] = NEVER if word in _NEVER_WORDS else UNKNOWN
        elif dates is not None:
            self._read_dates(dates, rows)
        elif number is not None:
            self._read_numbers(len(number[1]), rows)
        else:
            self._refuse(rows, _NO_INSTANT if re.fullmatch(_AGE, word) else _NO_DATE)

    def _read_numbers(self, digits: int, rows: Ints) -> None:
        form, unit_s, begin_s = _NUMBERS.get(digits, ("", Decimal(0), Decimal(0)))
        values = [Decimal(self.cells[i].replace(",", ".")) for i in rows.tolist()]
        seconds = np.array([floor(value * unit_s + begin_s) for value in values], dtype=np.int64)
        self._has_time[rows] = seconds % 86_400 > 0
        self._zone[rows] = int(form != "days of a spreadsheet")
        self._know(rows, seconds, form, np.array([value == 0 for value in values]))

    def _read_dates(self, match: re.Match[str], rows: Ints) -> None:
        """Dates of one layout; those of numbers that may be day or month wait for the others."""
        texts = [self.cells[i] for i in rows.tolist()]
        groups = {name: text for name, text in match.groupdict().items() if text}
        parts = np.zeros((6, rows.size), dtype=np.int64)
        for part, name in zip(parts, ("year", "month", "day", "hour", "minute", "second"), strict=True):
            if name in groups:
                part[:] = [int(text[match.start(name) : match.end(name)]) for text in texts]
        if len(groups["year"]) <= 2:  # of 1969 to 2068
            parts[0] += np.where(parts[0] < 69, 2000, 1900)
        if "half" in groups:
            is_hour = (parts[3] >= 1) & (parts[3] <= 12)
            parts[3] = np.where(is_hour, parts[3] % 12 + 12 * (groups["half"][0] in "pP"), 24)
        self._has_time[rows] = "hour" in groups
        if "zone" in groups:
            named = ("".join(text[match.start("zone") : match.end("zone")].lower().split()) for text in texts)
            self._zone[rows] = [self._zones.setdefault(name, len(self._zones)) for name in named]
        if "word" in groups:
            parts[1] = _MONTHS.get(groups["word"].lower(), 0)
            if parts[1, 0]:
                self._set(rows, parts, "month as a word")
            else:
                self._refuse(rows, _NO_WORD)
        elif match.start("year") < match.start("day"):
            self._set(rows, parts, "year-month-day".replace("-", groups.get("sign", "-")))
        else:
            self._open[groups["sign"], "half" in groups].append((rows, parts))

    def _decide_orders(self) -> None:
        """Give dates the order of day and month that all with their sign allow, else all written alike."""
        for sign in {sign for sign, _ in self._open}:
            alike = [_joined(dates) for (each, _), dates in self._open.items() if each == sign]
            together = _joined(alike)
            for rows, parts in [together] if self._orders(together[1]) else alike:
                self._decide(rows, parts, sign)

    def _decide(self, rows: Ints, parts: Ints, sign: str) -> None:
        orders, differs = self._orders(parts), parts[1] != parts[2]
        if len(orders) == 2 and sign == ".":  # who writes dots writes the day first
            orders = ["day first"]
        if len(orders) != 1:
            examples = rows[differs][:2] if orders else [rows[each > 12][0] for each in parts[1:3]]
            texts = listed([quoted(self.cells[i]) for i in sorted(set(examples))])
            mend = "write list: {dates: day first} or list: {dates: month first}"
            self._refuse(rows[differs], f"may be day first or month first, which {texts} leave open: {mend}")
            rows, parts = rows[~differs], parts[:, ~differs]
        if orders == ["month first"]:
            self._set(rows, parts[[0, 2, 1, 3, 4, 5]], f"month{sign}day{sign}year")
        else:
            self._set(rows, parts, f"day{sign}month{sign}year")

    def _orders(self, parts: Ints) -> list[Order]:
        """The orders that dates allow, of which the month is written second."""
        orders: tuple[Order, ...] = ("day first", "month first")
        allowed = [order for order, month in zip(orders, parts[1:3], strict=True) if (month <= 12).all()]
        return [self.order] if self.order in orders else allowed

    def _set(self, rows: Ints, parts: Ints, form: str) -> None:
        """Dates of the calendar, or those that mean never."""
        year, month, day, hour, minute, second = parts
        first = (year - 1970) * 12 + month - 1
        days = first.astype("M8[M]").astype("M8[D]") + (day - 1)
        seconds = days.astype(np.int64) * 86_400 + hour * 3600 + minute * 60 + second
        date = (year * 100 + month) * 100 + day
        is_never = np.isin(date, _NEVER_DATES) | ((date == _NEVER_AT_MIDNIGHT) & (seconds % 86_400 == 0))
        is_never |= (month == 0) & (day == 0)
        is_date = (days.astype("M8[M]").astype(np.int64) == first) & (month >= 1) & (month <= 12)
        is_time = (hour <= 23) & (minute <= 59) & (second <= 59)
        self._know(rows, np.where(is_date & is_time, seconds, 0), form, is_never)

    def _know(self, rows: Ints, seconds: Ints, form: str, is_never: NDArray[np.bool_]) -> None:
        self.seconds[rows], self._form[rows] = seconds, self._forms.setdefault(form, len(self._forms))
        self.kind[rows] = np.where(is_never, NEVER, KNOWN)
        self._refuse(rows[~is_never & ((seconds < _FIRST_S) | (seconds >= _END_S))], _NO_DAY)

    def _localize(self, zone: str, *, has_zone: bool) -> None:
        """From local time to UTC, by the zone that a text names, else by that of the list."""
        for name, number in self._zones.items():
            rows = np.flatnonzero((self.kind == KNOWN) & (self._zone == number))
            meant = zone_named(name) or (zone if not name or (has_zone and name.isalpha()) else None)
            if meant is None:
                self._refuse(rows, _NO_ZONE)
            else:
                self.seconds[rows] = to_utc(self.seconds[rows], meant)

    def _refuse(self, rows: Ints, message: str) -> None:
        if rows.size:
            self.kind[rows] = WRONG
            self._refused[message].append(rows)


def _joined(dates: list[_Rows]) -> _Rows:
    rows, parts = (np.concatenate(each, axis=-1) for each in zip(*dates, strict=True))
    return rows, parts


# --- zones ---------------------------------------------------------------------------------------------

_OFFSETS_H: Final = {
    "z": 0, "utc": 0, "ut": 0, "gmt": 0, "wet": 0, "west": 1, "cet": 1, "cest": 2, "mez": 1, "mesz": 2,
    "eet": 2, "eest": 3, "msk": 3, "est": -5, "edt": -4, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8,
    "pdt": -7, "hst": -10, "jst": 9, "kst": 9, "aest": 10, "aedt": 11, "nzst": 12, "nzdt": 13,
}  # fmt: skip
"""Abbreviations with one meaning; `cst`, `ist` and `bst` have several."""


def zone_named(name: str) -> str | None:
    """The zone that a text in small letters without blanks names, as an IANA name or an offset; or None.

    `utc+3`, `+0300`, `z`, `gmt`, `cet`, `europe/berlin`, and minutes as DMTF has them, `+060`.
    """
    if match := re.fullmatch(r"([+-])(\d{3})", name):
        return f"{match[1]}{int(match[2]) // 60:02}:{int(match[2]) % 60:02}"
    if match := re.fullmatch(r"(?:utc|gmt)?([+-])(\d{1,2}):?(\d{2})?", name):
        hours, minutes = int(match[2]), int(match[3] or 0)
        return f"{match[1]}{hours:02}:{minutes:02}" if hours <= 14 and minutes <= 59 else None
    if name in _OFFSETS_H:
        return f"{_OFFSETS_H[name]:+03}:00"
    return _zones().get(name) if "/" in name else None


def zone_in(header: str) -> str | None:
    """The zone that stands in brackets at the end of a header: `Last check-in (UTC+3)`."""
    match = re.search(r"[(\[]([^()\[\]]{1,40})[)\]]$", header)
    return zone_named("".join(match[1].lower().split())) if match else None


def is_zone(name: str) -> bool:
    """Whether a text is the IANA name of a zone, or an offset such as `+03:00`."""
    return bool(re.fullmatch(r"[+-]\d{2}:\d{2}", name)) or name in _zones().values()


@cache
def _zones() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones()}


def tzinfo_of(zone: str) -> tzinfo:
    """The zone, as `datetime` takes it."""
    if zone == "UTC":
        return UTC
    if zone[0] in "+-":
        return timezone(timedelta(hours=int(zone[:3]), minutes=int(zone[0] + zone[4:6])))
    return ZoneInfo(zone)


def to_utc(seconds: Ints, zone: str) -> Ints:
    """From seconds of local time to seconds in UTC; of an hour that comes twice, the later one."""
    where = tzinfo_of(zone)
    if not isinstance(where, ZoneInfo):
        return seconds - _offset_s(where)
    import pandas as pd

    local = pd.DatetimeIndex(seconds.astype("M8[s]"))
    once = np.zeros(len(local), dtype=bool)
    aware = local.tz_localize(where, ambiguous=once, nonexistent="shift_forward")
    return aware.tz_convert("UTC").tz_localize(None).to_numpy().astype("M8[s]").astype(np.int64)


def to_local(seconds: Ints, zone: str) -> Ints:
    """From seconds in UTC to seconds of local time."""
    where = tzinfo_of(zone)
    if not isinstance(where, ZoneInfo):
        return seconds + _offset_s(where)
    import pandas as pd

    aware = pd.DatetimeIndex(seconds.astype("M8[s]"), tz="UTC").tz_convert(where)
    return aware.tz_localize(None).to_numpy().astype("M8[s]").astype(np.int64)


def _offset_s(where: tzinfo) -> int:
    return int((where.utcoffset(None) or timedelta()).total_seconds())


def moment_of(seconds: int, zone: str) -> datetime:
    """An instant, as it is told in a zone."""
    return datetime.fromtimestamp(seconds, tzinfo_of(zone))
