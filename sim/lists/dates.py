"""A column of dates, read as the whole column allows (model 11.2, language 4).

Each step works on all distinct texts at once, with regular expressions that take linear time (RE2, by Arrow):
a million dates take about two seconds. `dateutil` takes 24 seconds for as many, and guesses day and month of
each row for itself; `dateparser` is slower still.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sim.lists.devices import KNOWN, NEVER, UNKNOWN, WRONG, Order
from sim.lists.zones import to_utc, zone_named
from sim.text import listed, quoted

Ints = NDArray[np.int64]

HOW: Final = "write a date and time such as 2026-02-27 13:35"
LONGEST: Final = 64
"""Characters of a date; what is longer is none."""

_BLANKS: Final = "[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\\s]+"
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
_FIRST_YEAR: Final = 1980
_LAST_YEAR: Final = 2199
_FIRST_S: Final = (_FIRST_YEAR - 1970) * 31_557_600 - 86_400
_LAST_S: Final = (_LAST_YEAR - 1969) * 31_557_600
_SIGNS: Final = "-/."
_ORDERED: Final = ("day/month/year", "month/day/year", "year/month/day")
_ORDERS: Final = ("", "day first", "month first", "year first")
_OPEN, _DAY_FIRST, _MONTH_FIRST, _YEAR_FIRST, _REFUSED = range(5)
FORMS: Final = (
    "",
    *(form.replace("/", sign) for form in _ORDERED for sign in _SIGNS),
    "month as a word",
    "seconds since 1970",
    "milliseconds since 1970",
    "microseconds since 1970",
    "ticks since 1601",
    "days of a spreadsheet",
)
"""How a date may be written."""

_DAY_NAME: Final = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,? )?"
_NUMBER: Final = r"^(?P<whole>\d{1,18})(?:[.,](?P<part>\d{1,12}))?$"
_COMPACT: Final = (
    (r"^((?:19|20|21)\d{2})(\d{2})(\d{2})$", r"\1-\2-\3"),
    (
        r"^((?:19|20|21)\d{2})(\d{2})(\d{2})[t ]?(\d{2})(\d{2})(\d{2})((?:[^\d].*)?)$",
        r"\1-\2-\3 \4:\5:\6\7",
    ),
    (r"\.\d{6}([+-]\d{3})$", r"\1min"),
)
"""Dates without signs, and as they are with them; DMTF counts its offset in minutes."""
_CLOCK: Final = (
    r"^(?P<before>(?:.*?[ t])?)(?P<h>\d{1,2}):(?P<mi>\d{2})(?::(?P<s>\d{2})(?:[.,:]\d{1,9})?)?"
    r" ?(?P<half>[ap]m)?(?: uhr| h)?(?P<after>(?:[ z+(-].*)?)$"
)
_ZONE: Final = r"(?P<zone>z|[a-z]{2,5}|[a-z]+/[a-z_/]+|(?:utc|gmt)? ?[+-]\d{1,2}(?::?\d{2})?|[+-]\d{3}min)?"
_AFTER: Final = rf"^ ?{_ZONE}(?: ?\([^)]*\))? ?(?P<year>\d{{4}})?$"
_DIGITS: Final = (
    rf"^{_DAY_NAME}(?P<a>\d{{1,4}})(?P<p>[-/.]) ?(?P<b>\d{{1,2}})(?P<q>[-/.]) ?(?P<c>\d{{1,4}})\.?$"
)
_YEAR: Final = r"(?P<y>\d{2}|\d{4})"
_NAMED: Final = (
    rf"^{_DAY_NAME}(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\.?[-/. ]*(?P<m>\pL{{3,12}})\.?[-/. ]*{_YEAR}$",
    rf"^{_DAY_NAME}(?P<m>\pL{{3,12}})\.?[- ]?(?P<d>\d{{1,2}})(?:st|nd|rd|th)?,?[- ]{_YEAR}$",
    r"^(?P<y>\d{4})[- ](?P<m>\pL{3,12})\.?[- ](?P<d>\d{1,2})$",
)
_REFUSALS: Final = (
    (
        r"^(?:\d+|an?|one) ?(?:s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|weeks?|months?|years?)"
        r"(?: |$)| ago$|^vor | назад$|^(?:yesterday|today|just now|now|online|active|connected)(?: |$)",
        "is an age or a state, not an instant: export the date and time of the last contact",
        True,
    ),
    ("^#+$", "is a column too narrow for its dates: widen it and export again", True),
    ("^[0-9.,]+$", f"is a number that is no date: {HOW}", False),
    ("", f"is not a date that can be read: {HOW}", False),
)
"""What else a cell may hold, by pattern; what to say of it; and whether one change mends all such rows."""
_NO_MONTH: Final = f"has no such month: {HOW}, or check list: {{dates: ...}}"
_NO_DAY: Final = f"is not a day of the calendar: {HOW}"
_NO_TIME: Final = "has no such time of day: write a time from 00:00 to 23:59:59"
_NO_YEAR: Final = f"is not in the years {_FIRST_YEAR} to {_LAST_YEAR}: leave blank what is not known"
_NO_WORD: Final = f"has a month in a language that is not known: {HOW}"
_NO_ZONE: Final = (
    "names a time zone that is not clear: write an offset such as +02:00, or the zone of the list, such as "
    "list: {timezone: Europe/Berlin}"
)
_MONTH_NAMES: Final = (
    "january february march april may june july august september october november december",
    "januar februar märz april mai juni juli august september oktober november dezember",
    "январь февраль март апрель май июнь июль август сентябрь октябрь ноябрь декабрь",
    "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
)
_MONTHS: Final = {
    name: month
    for names in _MONTH_NAMES
    for month, full in enumerate(names.split(), 1)
    for name in (full, full[:3], full[:4])
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of mistake: its rows, what to say of the text of each, and whether one change mends all."""

    rows: Ints
    message: str
    has_one_cause: bool


@dataclass(frozen=True, slots=True)
class Dates:
    """A column as it was read.

    Attributes:
        kind: shape (n,), int8: `KNOWN`, `UNKNOWN`, `NEVER` or `WRONG`.
        seconds: shape (n,), int64: seconds since 1970 in UTC where known, else 0.
        forms: how dates are written, and in how many rows.
        faults: what cannot be read.
        has_times: whether some date has a time of day.
        local: how many rows name no zone, so that the zone of the list decides.
    """

    kind: NDArray[np.int8]
    seconds: Ints
    forms: tuple[tuple[str, int], ...]
    faults: tuple[Fault, ...]
    has_times: bool
    local: int


def read_dates(
    cells: Sequence[str] | pa.Array,
    *,
    zone: str,
    order: Order | None = None,
    has_zone: bool = False,
    lines: Sequence[int] | Ints | None = None,
) -> Dates:
    """Read a column of dates.

    Args:
        cells: their texts, trimmed.
        zone: IANA name, or an offset such as `+03:00`, of what names no zone itself.
        order: of day, month and year where they are numbers; None: what the whole column allows.
        has_zone: `zone` was given for this list, so an abbreviation that is not clear stands for it.
        lines: the line of each cell, for messages; default: its number, from 1.
    """
    encoded = pa.array(cells, pa.string()).dictionary_encode()
    inverse = encoded.indices.to_numpy()
    column = _Column(encoded.dictionary, inverse, lines, order)
    column.read()
    column.localize(zone, has_zone=has_zone)
    kind = column.kind[inverse]
    counts = np.bincount(column.form[inverse], minlength=len(FORMS))
    return Dates(
        kind=kind,
        seconds=np.where(kind == KNOWN, column.seconds[inverse], 0),
        forms=tuple(
            (FORMS[i], int(counts[i])) for i in np.argsort(-counts, kind="stable") if i and counts[i]
        ),
        faults=tuple(column.faults),
        has_times=bool((column.has_time & (column.kind == KNOWN)).any()),
        local=int(np.count_nonzero(((column.kind == KNOWN) & column.is_local)[inverse])),
    )


class _Column:
    """The distinct texts of a column, and what is known of each; arrays of one length."""

    def __init__(
        self, texts: pa.Array, inverse: Ints, lines: Sequence[int] | Ints | None, order: Order | None
    ) -> None:
        n = len(texts)
        self.inverse = inverse
        self.lines = lines
        self.order = order
        self.written = texts
        self.texts = _normalized(pc.if_else(pc.less_equal(pc.utf8_length(texts), LONGEST), texts, "too long"))
        self.kind = np.full(n, WRONG, dtype=np.int8)
        self.seconds = np.zeros(n, dtype=np.int64)  # of local time, until `localize`
        self.has_time = np.zeros(n, dtype=bool)
        self.form = np.zeros(n, dtype=np.int64)  # index into FORMS
        self.zone = np.zeros(n, dtype=np.int64)  # index into zones
        self.zones = ["", "z"]
        self.faults: list[Fault] = []
        self.open = np.ones(n, dtype=bool)

    # --- the forms ---------------------------------------------------------------------------------

    def read(self) -> None:
        """Try every form on what no form before it has read; what remains is a fault."""
        for kind, words in ((NEVER, _NEVER_WORDS), (UNKNOWN, _UNKNOWN_WORDS)):
            self._settle(np.flatnonzero(_numpy(pc.is_in(self.texts, pa.array(sorted(words))))), kind)
        self._read_numbers()
        self._read_dates()
        for pattern, message, has_one_cause in _REFUSALS:
            is_such = _numpy(pc.match_substring_regex(self.texts, pattern))
            self._refuse(np.flatnonzero(self.open & is_such), message, has_one_cause=has_one_cause)

    def _read_numbers(self) -> None:
        """Seconds or parts of them since 1970, days of a spreadsheet, ticks since 1601."""
        at, found = self._extract(_NUMBER, self.texts)
        value, digits = _integers(found["whole"]), _lengths(found["whole"])
        part = _numpy(pc.binary_join_element_wise("0.", found["part"], "0", "").cast(pa.float64()))
        self._settle(at[value == 0], NEVER)
        instants = (
            ("seconds since 1970", (digits == 9) | (digits == 10), value),
            ("milliseconds since 1970", (digits == 12) | (digits == 13), value // 1000),
            ("microseconds since 1970", (digits == 15) | (digits == 16), value // 1_000_000),
            ("ticks since 1601", digits == 18, value // 10_000_000 - 11_644_473_600),
        )
        for form, is_form, seconds in instants:
            self._know(at[is_form], seconds[is_form], form, zone=1)
            self.has_time[at[is_form]] = True
        is_day = (value >= 20_000) & (value < 80_000) & (digits == 5)
        seconds = (value - 25_569) * 86_400 + np.floor(part * 86_400 + 0.5).astype(np.int64)
        self._know(at[is_day], seconds[is_day], "days of a spreadsheet")
        self.has_time[at[is_day]] = part[is_day] > 0

    def _read_dates(self) -> None:
        """Dates with or without a time of day, before or after it."""
        clocked, found = self._extract(_CLOCK, self.texts)
        hour, minute, second = (_integers(found[name]) for name in ("h", "mi", "s"))
        half = _numpy(pc.not_equal(found["half"], ""))
        hour = np.where(half, np.where((hour >= 1) & (hour <= 12), hour % 12, 99), hour)
        hour += 12 * _numpy(pc.equal(found["half"], "pm"))
        before = pc.replace_substring_regex(found["before"], r"(?:(\d)t| )$", r"\1")
        behind = pc.equal(before, "")  # 18:57:36 Feb 6 2026
        rest = pc.extract_regex(found["after"], _AFTER)
        fits = pc.or_(behind, rest.is_valid())
        zones, years = (pc.fill_null(rest.field(name), "") for name in ("zone", "year"))
        dates = pc.utf8_trim_whitespace(pc.binary_join_element_wise(before, years, " "))
        dates = pc.if_else(behind, pc.utf8_trim_whitespace(found["after"]), dates)
        n = len(self.open)
        clock = np.zeros((3, n), dtype=np.int64)
        clock[:, clocked] = hour, minute, second
        is_half = np.zeros(n, dtype=bool)
        is_half[clocked] = half
        self.has_time[clocked] = True
        named = pc.if_else(behind, "", zones).dictionary_encode()
        self.zone[clocked] = _numpy(named.indices) + len(self.zones)
        self.zones += named.dictionary.to_pylist()
        is_clocked = np.zeros(n, dtype=bool)
        is_clocked[clocked] = True
        texts = pc.replace_with_mask(self.texts, pa.array(is_clocked), pc.if_else(fits, dates, "?"))
        self._read_digits(texts, clock, is_half)
        for pattern in _NAMED:
            at, named = self._extract(pattern, texts)
            month = np.array([_MONTHS.get(each, 0) for each in named["m"].to_pylist()], dtype=np.int64)
            self._refuse(at[month == 0], _NO_WORD, has_one_cause=True)
            known = month > 0
            year, day = _year(_integers(named["y"]), _lengths(named["y"])), _integers(named["d"])
            parts = (year[known], month[known], day[known])
            self._set_dates(at[known], *parts, "month as a word", clock[:, at[known]])

    def _read_digits(self, texts: pa.Array, clock: Ints, is_half: NDArray[np.bool_]) -> None:
        """Dates of three numbers; rows written alike (sign, AM or PM, digits of the year) have one order."""
        at, found = self._extract(_DIGITS, texts)
        same = _numpy(pc.equal(found["p"], found["q"]))
        a, b, c = (_integers(found[name])[same] for name in "abc")
        long_a, long_c = (_lengths(found[name])[same] for name in "ac")
        signs = np.array([_numpy(pc.equal(found["p"], sign))[same] for sign in _SIGNS])
        at = at[same]
        order = np.where((long_a == 4) & (long_c <= 2), _YEAR_FIRST, _OPEN)
        order[((long_a > 2) & (order == _OPEN)) | (long_c == 3)] = _REFUSED
        written = self.has_time[at] + 2 * is_half[at] + 4 * (long_c <= 2)
        for sign, mine in zip(_SIGNS, signs, strict=True):
            for value in np.unique(written[mine]):
                alike = np.flatnonzero((order == _OPEN) & mine & (written == value))
                order[alike] = _order_of(
                    a[alike], b[alike], given=self.order, is_dotted=sign == ".", is_short=bool(value & 4)
                )
            self._decide(at, a, b, order, mine)
        day = np.where(order == _MONTH_FIRST, b, np.where(order == _YEAR_FIRST, c, a))
        month = np.where(order == _MONTH_FIRST, a, b)
        year = _year(*np.where(order == _YEAR_FIRST, (a, long_a), (c, long_c)))
        for number, form in zip((_DAY_FIRST, _MONTH_FIRST, _YEAR_FIRST), _ORDERED, strict=True):
            for sign, mine in zip(_SIGNS, signs, strict=True):
                to = np.flatnonzero((order == number) & mine)
                parts = (year[to], month[to], day[to])
                self._set_dates(at[to], *parts, form.replace("/", sign), clock[:, at[to]])

    def _decide(self, at: Ints, a: Ints, b: Ints, order: Ints, mine: NDArray[np.bool_]) -> None:
        """Rows that their like leave open: what others with the same sign say, or else a fault."""
        is_open, differs = mine & (order == _OPEN), a != b
        settled = np.unique(order[mine & differs & ((order == _DAY_FIRST) | (order == _MONTH_FIRST))])
        if len(settled) == 1:
            order[is_open] = settled[0]
            return
        order[is_open & ~differs] = _DAY_FIRST
        doubtful = np.flatnonzero(is_open & differs)
        if doubtful.size:
            sure = [np.flatnonzero(mine & differs & (order == number))[:1] for number in settled]
            self._refuse_open(at[doubtful], at[np.concatenate(sure) if sure else doubtful[:2]], bool(sure))
            order[doubtful] = _REFUSED

    @property
    def is_local(self) -> NDArray[np.bool_]:
        """Which texts name no zone."""
        return np.array([not name for name in self.zones])[self.zone]

    # --- what is known -----------------------------------------------------------------------------

    def _extract(self, pattern: str, texts: pa.Array) -> tuple[Ints, dict[str, pa.Array]]:
        """The open texts that match, and their groups; a group that takes no part is empty."""
        at = np.flatnonzero(self.open)
        found = pc.extract_regex(texts if len(at) == len(texts) else texts.take(pa.array(at)), pattern)
        is_match = found.is_valid()
        if not pc.all(is_match).as_py():
            at, found = at[_numpy(is_match)], found.filter(is_match)
        return at, {field.name: found.field(field.name) for field in found.type}

    def _settle(self, at: Ints, kind: int) -> None:
        self.kind[at], self.open[at] = kind, False

    def _know(self, at: Ints, seconds: Ints, form: str, *, zone: int | None = None) -> None:
        self._settle(at, KNOWN)
        self.seconds[at], self.form[at] = seconds, FORMS.index(form)
        if zone is not None:
            self.zone[at] = zone
        is_far = (seconds < _FIRST_S) | (seconds > _LAST_S)
        self._refuse(at[is_far], _NO_YEAR)

    def _set_dates(
        self, at: Ints, year: Ints, month: Ints, day: Ints, form: str, clock: Ints | None = None
    ) -> None:
        """Dates of the calendar, if they are in it and are not those that mean never."""
        if not at.size:
            return
        hour, minute, second = np.zeros((3, at.size), dtype=np.int64) if clock is None else clock
        of_day = hour * 3600 + minute * 60 + second
        never = (day == 0) & (month == 0) | _is_never(year, month, day, of_day)
        is_month = (month >= 1) & (month <= 12) & (year >= 1) | never
        months = (np.clip(year, 1, 9999) - 1970) * 12 + np.clip(month, 1, 12) - 1
        first = months.astype("M8[M]").astype("M8[D]").astype(np.int64)
        last = (months + 1).astype("M8[M]").astype("M8[D]").astype(np.int64) - first
        is_day = (day >= 1) & (day <= last) | never
        is_time = (hour <= 23) & (minute <= 59) & (second <= 59) | never
        self._settle(at[never], NEVER)
        self._refuse(at[~is_month], _NO_MONTH)
        self._refuse(at[is_month & ~is_day], _NO_DAY)
        self._refuse(at[is_month & is_day & ~is_time], _NO_TIME)
        good = is_month & is_day & is_time & ~never
        self._know(at[good], ((first + day - 1) * 86_400 + of_day)[good], form)

    def localize(self, zone: str, *, has_zone: bool) -> None:
        """From local time to UTC, by the zone that a text names, else by that of the list."""
        meant = [
            (zone_named(name) or (has_zone and name.isalpha() and zone) or "") if name else zone
            for name in self.zones
        ]
        targets, place = np.unique(meant, return_inverse=True)
        for number, target in enumerate(targets.tolist()):
            mine = np.flatnonzero((self.kind == KNOWN) & (place[self.zone] == number))
            if target:
                self.seconds[mine] = to_utc(self.seconds[mine], target)
            else:
                self._refuse(mine, _NO_ZONE, has_one_cause=True)

    def _refuse(self, at: Ints, message: str, *, has_one_cause: bool = False) -> None:
        if at.size:
            self._settle(at, WRONG)
            self.form[at] = 0
            mine = np.zeros(len(self.open), dtype=bool)
            mine[at] = True
            self.faults.append(Fault(np.flatnonzero(mine[self.inverse]), message, has_one_cause))

    def _refuse_open(self, at: Ints, examples: Ints, is_mixed: bool) -> None:
        """Rows whose order is open, with two examples: rows of different orders, or two of these."""
        rows = sorted(int(np.flatnonzero(self.inverse == i)[0]) for i in examples)
        lines = range(1, len(self.inverse) + 1) if self.lines is None else self.lines
        texts = [quoted(self.written[int(self.inverse[row])].as_py()) for row in rows]
        shown = listed([f"{text} (line {lines[row]})" for text, row in zip(texts, rows, strict=True)])
        why = f"{shown} have different orders" if is_mixed else f"no row decides it: {shown}"
        mend = "write list: {dates: day first} or list: {dates: month first}"
        self._refuse(at, f"may be day first or month first, and {why}; {mend}", has_one_cause=True)


def _normalized(texts: pa.Array) -> pa.Array:
    """Small letters, single blanks, and none of the words that say nothing."""
    texts = pc.utf8_lower(texts)
    texts = pc.replace_substring_regex(texts, _BLANKS, " ")
    if pc.any(pc.match_substring_regex(texts, r"[apг]\.|[ap] m|, | at | um |год")).as_py():
        texts = pc.replace_substring_regex(texts, r"([ap])\. ?m\.?", r"\1m")
        texts = pc.replace_substring_regex(texts, r", | at |,? um ", " ")
        texts = pc.replace_substring_regex(texts, r" (?:г\.|года?)(?:,? |$)", " ")
    texts = pc.utf8_trim_whitespace(texts)
    if pc.any(pc.match_substring_regex(texts, r"^\d{8}")).as_py():
        for pattern, signed in _COMPACT:
            texts = pc.replace_substring_regex(texts, pattern, signed)
    return texts


def _numpy(array: pa.Array) -> NDArray[Any]:
    return np.asarray(array.to_numpy(zero_copy_only=False))


def _lengths(texts: pa.Array) -> Ints:
    return _numpy(pc.utf8_length(texts)).astype(np.int64)


def _integers(texts: pa.Array) -> Ints:
    """Groups of digits as numbers; an empty group is 0."""
    return _numpy(pc.if_else(pc.equal(texts, ""), "0", texts).cast(pa.int64()))


def _year(year: Ints, digits: Ints) -> Ints:
    """Years of four digits; two digits are of 1969 to 2068."""
    return np.where(digits <= 2, year + np.where(year < 69, 2000, 1900), year)


def _is_never(year: Ints, month: Ints, day: Ints, of_day: Ints) -> NDArray[np.bool_]:
    date = (year * 100 + month) * 100 + day
    return np.asarray(np.isin(date, _NEVER_DATES) | ((date == _NEVER_AT_MIDNIGHT) & (of_day == 0)))


def _order_of(a: Ints, b: Ints, *, given: Order | None, is_dotted: bool, is_short: bool) -> Ints:
    """The order of rows written alike, from all of them; dots are of countries that write the day first."""
    if given is not None and (is_short or given != "year first"):
        return np.full(a.shape, _ORDERS.index(given))
    sure = np.where((a > 12) & (b <= 12), _DAY_FIRST, np.where((b > 12) & (a <= 12), _MONTH_FIRST, _OPEN))
    kinds = np.unique(sure[sure != _OPEN])
    if is_short and not kinds.size and (a > 31).any():
        return np.full(a.shape, _YEAR_FIRST)
    if kinds.size == 1 or (is_dotted and not kinds.size):
        return np.full(a.shape, kinds[0] if kinds.size else _DAY_FIRST)
    sure[(sure == _OPEN) & ((a > 12) | (b > 12))] = _DAY_FIRST  # neither fits: a fault of the row
    return sure
