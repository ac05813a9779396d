"""Instants as a planner writes them: dates, `day 10`, `expiry - 33d`; zones and hours (language 1.1)."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from sim.scenario.values import LONGEST_S, Seconds, parse_duration
from sim.text import UNITS_S, closest, quoted, shortened
from sim.world.fleet import Windows

HOW: Final = (
    "write an instant such as 2026-03-20, 2026-03-20 09:00, day 10, day 10 08:00, start + 10d or expiry - 33d"
)
HOW_DATE: Final = "write a date such as 2026-03-01, or a date and time such as 2026-03-01 09:00 (UTC)"
PATTERN_DATE: Final = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(([Tt]| +)[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.0+)?)? ?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?)?$"
)
PATTERN: Final = (
    PATTERN_DATE
    + r"|^day +[0-9]+( +[0-9]{2}:[0-9]{2}(:[0-9]{2})?)?$|^(start|expiry)( *[+-] *[0-9A-Za-z ]+)?$"
)

_DATE: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:(?:[Tt]| +)([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.0+)?)?(?: ?([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?))?)?"
)
_DAY: Final = re.compile(r"day +([0-9]{1,9})(?: +([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?)?")
_RELATIVE: Final = re.compile(r"(start|expiry)(?: *([+-]) *(.+))?")
_LAST_DAY: Final = LONGEST_S // UNITS_S["d"]


@dataclass(frozen=True, slots=True)
class Instant:
    """A point in time as written: absolute, or relative to the start or to the first certificate's expiry.

    Two instants are equal if they mean the same, however they are written. A date without an offset is by the
    clocks of the scenario's time zone: `is_local`, with `moment` as if these showed UTC.
    """

    text: str = field(compare=False)
    anchor: Literal["date", "start", "expiry"]
    offset_s: int = 0
    moment: datetime | None = None
    is_local: bool = False

    @property
    def depends_on_expiry(self) -> bool:
        """Whether it is counted from the expiry of the certificate that is main at the start."""
        return self.anchor == "expiry"

    def resolve(self, *, start: datetime, expiry_s: int | None, zone: tzinfo = UTC) -> int:
        """Seconds from `start`, negative before it (model 1.1).

        Args:
            start: the scenario's start, aware.
            expiry_s: when the first certificate expires, in seconds from the start.
            zone: of dates without an offset.

        Raises:
            ValueError: the instant is counted from the expiry, and `expiry_s` is None.
        """
        if self.moment is not None:
            moment = self.moment.replace(tzinfo=zone) if self.is_local else self.moment
            return int((moment - start) // timedelta(seconds=1))
        if self.anchor == "start":
            return self.offset_s
        if expiry_s is None:
            raise ValueError(f"{quoted(self.text)} is counted from an expiry that is not known")
        return expiry_s + self.offset_s

    @property
    def written(self) -> str:
        """As the language writes it."""
        return self.text

    def __str__(self) -> str:
        return self.text


def is_date(text: str) -> bool:
    """Whether a text has the form of a date, or of a date and a time."""
    return _DATE.fullmatch(text) is not None


def has_offset(text: str) -> bool:
    """Whether a text that `parse_moment` takes says how far its clocks are from UTC."""
    match = _DATE.fullmatch(text)
    return match is not None and match[7] is not None


def parse_moment(text: str, *, how: str = HOW_DATE, zone: tzinfo = UTC) -> datetime:
    """A date or a date and time as an aware datetime in UTC; without an offset it is in `zone`.

    Raises:
        ValueError: `text` is not one, or no such date exists; the message says what to write instead.
    """
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError(_wrong_date(text, how=how))
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    shown = quoted(text)
    if year < 1:
        raise ValueError(f"{shown} has no year: {how}")
    if not 1 <= month <= 12:
        raise ValueError(f"{shown} has no such month: write year-month-day, the month from 01 to 12")
    days = calendar.monthrange(year, month)[1]
    if not 1 <= day <= days:
        raise ValueError(
            f"{shown} does not exist: {year}-{month:02} has {days} days, so write a day from 01 to {days}"
        )
    _check_clock(shown, hour, minute, second)
    try:
        offset = zone if match[7] is None else _zone(shown, match[7])
        moment = datetime(year, month, day, hour, minute, second, tzinfo=offset)
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{shown} falls outside the years 1 to 9999 in UTC: {how}") from error


def parse_instant(text: str) -> Instant:
    """An instant in any of the forms of the language.

    Raises:
        ValueError: `text` is not an instant; the message says what to write instead.
    """
    shown = quoted(text)
    if match := _DAY.fullmatch(text):
        days, hour, minute, second = (int(part or 0) for part in match.groups())
        _check_clock(shown, hour, minute, second)
        if days > _LAST_DAY:
            raise ValueError(f"{shown} is more than 100 years away: write at most day {_LAST_DAY}")
        return Instant(text, "start", days * UNITS_S["d"] + hour * 3600 + minute * 60 + second)
    if match := _RELATIVE.fullmatch(text):
        anchor: Literal["start", "expiry"] = "start" if match[1] == "start" else "expiry"
        if match[2] is None:
            return Instant(text, anchor)
        offset_s = parse_duration(match[3])
        return Instant(text, anchor, -offset_s if match[2] == "-" else offset_s)
    if _DATE.fullmatch(text):
        return Instant(text, "date", moment=parse_moment(text, how=HOW), is_local=not has_offset(text))
    raise ValueError(_wrong_instant(text))


def _check_clock(shown: str, hour: int, minute: int, second: int) -> None:
    if (hour, minute, second) == (24, 0, 0):
        raise ValueError(f"{shown} ends a day: write 00:00 of the next day")
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError(f"{shown} has no such time of day: write a time from 00:00 to 23:59:59")


def _zone(shown: str, offset: str) -> timezone:
    if offset in "Zz":
        return UTC
    digits = offset[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 14 or minutes > 59:
        raise ValueError(f"{shown} has no such offset from UTC: write Z, or an offset from -14:00 to +14:00")
    sign = -1 if offset[0] == "-" else 1
    return timezone(sign * timedelta(hours=hours, minutes=minutes))


def _wrong_instant(written: str) -> str:
    """The message for a text that is no instant, recognising the usual slips."""
    shown, lower = quoted(written), written.strip().lower()
    if lower != written and (_DAY.fullmatch(lower) or re.match(r"(start|expiry)\b", lower)):
        return f"{shown} is not an instant as written: write {shortened(lower)}"
    if match := re.fullmatch(r"(?:days? *)?([0-9]{1,7})(?: +([0-9]{1,2}):([0-9]{2}))?", lower):
        clock = f" {int(match[2]):02}:{match[3]}" if match[2] else ""
        return f"{shown} is not an instant: write day {int(match[1])}{clock}"
    if match := re.match(r"(expires?|expiration|expired|exp|end of life)\b *", lower):
        return f"{shown} is not an instant: write {shortened(f'expiry {lower[match.end() :]}'.strip())}"
    try:
        parse_duration(lower)
    except ValueError:
        return _wrong_date(written, how=HOW)
    return f"{shown} is a duration, not an instant: write start + {shortened(lower)}"


def _wrong_date(written: str, *, how: str) -> str:
    shown = quoted(written)
    if re.search(r":[0-9]{2}[.,][0-9]*[1-9]", written):
        return f"{shown} has parts of a second, and the clock counts whole seconds: leave them out"
    if match := re.fullmatch(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})(.*)", written):
        written = f"{match[3]}-{match[2]}-{match[1]}{match[4][:20]}"
    if match := re.match(r"([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})(?![0-9])", written):
        date = f"{match[1]}-{int(match[2]):02}-{int(match[3]):02}"
        rest = written[match.end() :]
        if clock := re.fullmatch(r"[T ] *([0-9]{1,2}):([0-9]{2})", rest):
            rest = f" {int(clock[1]):02}:{clock[2]}"
        if _is_moment(date + rest):
            return f"{shown} is not how a date is written: write {date}{rest}"
        if re.search(r"[A-Za-z]{2,}", rest):
            return f"{shown} names a time zone: write Z for UTC or an offset such as +02:00"
    if re.match(r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}", written):
        return f"{shown} is not how a date is written: write year-month-day, such as 2026-03-20"
    return f"{shown} is not {'a date' if how is HOW_DATE else 'an instant'}: {how}"


def _is_moment(text: str) -> bool:
    """Whether a text in the form of a date is one of the calendar."""
    try:
        return _DATE.fullmatch(text) is not None and bool(parse_moment(text))
    except ValueError:
        return False


DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOW_DAYS: Final = "write days such as mon-fri, or mon, wed, sat"
HOW_TIME: Final = "write a time of day such as 07:00, at most 24:00"
_DAY_S: Final = 86_400


def read_zone(value: object) -> str:
    """The name of a time zone of the IANA database.

    Raises:
        ValueError: there is none of that name; the message says what to write instead.
    """
    how = "write a name of the IANA database, such as Europe/Berlin or UTC"
    if not isinstance(value, str):
        raise ValueError(f"this is not the name of a time zone: {how}")
    try:
        if re.fullmatch(r"[A-Za-z0-9_+/-]{1,60}", value):
            ZoneInfo(value)
            return value
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    meant = closest(value, available_timezones(), likeness=0.75)
    raise ValueError(f"{quoted(value)} is no time zone: {f'did you mean {meant}?' if meant else how}")


def read_days(value: object) -> tuple[int, ...]:
    """Days of the week, 0 for Monday, in order: `mon-fri`, `mon, wed`, or a list of such texts.

    Raises:
        ValueError: it is something else; the message says what to write instead.
    """
    texts = value if isinstance(value, list | tuple) else [value]
    if texts and all(isinstance(each, int) and not isinstance(each, bool) for each in texts):
        return tuple(texts)  # read already
    days: set[int] = set()
    for text in texts:
        if not isinstance(text, str) or len(text) > 100:
            raise ValueError(f"these are not days of the week: {HOW_DAYS}")
        for part in text.lower().split(","):
            ends = [each.strip()[:3] for each in part.split("-")]
            if len(ends) > 2 or not all(end in DAYS for end in ends):
                raise ValueError(f"{quoted(part.strip())} is not a day of the week: {HOW_DAYS}")
            first, last = DAYS.index(ends[0]), DAYS.index(ends[-1])
            days.update((first + step) % 7 for step in range((last - first) % 7 + 1))
    if not days:
        raise ValueError(f"no day of the week is named: {HOW_DAYS}")
    return tuple(sorted(days))


def read_time(value: object) -> Seconds:
    """A time of day in seconds from midnight, 24:00 included.

    Raises:
        ValueError: it is something else; the message says what to write instead.
    """
    text = value if isinstance(value, str) else ""
    match = re.fullmatch(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?", text)
    if match is None:
        raise ValueError(f"{quoted(str(value))} is not a time of day: {HOW_TIME}")
    hour, minute, second = (int(part or 0) for part in match.groups())
    seconds = hour * 3600 + minute * 60 + second
    if minute > 59 or second > 59 or seconds > _DAY_S:
        raise ValueError(f"{quoted(str(value))} is not a time of day: {HOW_TIME}")
    return Seconds(seconds, text)


@dataclass(frozen=True, slots=True)
class Week:
    """Hours that repeat every week, by the clocks of a time zone.

    Attributes:
        days: of the week on which they begin, 0 for Monday.
        from_s: when they begin, in seconds from midnight.
        to_s: when they end; at or before `from_s`, on the next day.
    """

    days: tuple[int, ...]
    from_s: int
    to_s: int

    def windows(self, *, start: datetime, zone: tzinfo, horizon_s: int) -> Windows:
        """The intervals [from, to) of a run that they cover, in seconds from its start.

        Both ends are what a clock on the wall shows: a night in which the clocks change is longer or shorter.
        """
        found: list[tuple[int, int]] = []
        for day in self._dates(start, zone, horizon_s):
            to_s = self.to_s if self.to_s > self.from_s else self.to_s + _DAY_S
            begins, ends = (_instant(day, seconds, zone) for seconds in (self.from_s, to_s))
            from_s, end_s = (int((each - start) / timedelta(seconds=1)) for each in (begins, ends))
            from_s, end_s = max(from_s, 0), min(end_s, horizon_s)
            if found and from_s <= found[-1][1]:
                found[-1] = (found[-1][0], max(end_s, found[-1][1]))
            elif from_s < end_s:
                found.append((from_s, end_s))
        return tuple(found)

    def _dates(self, start: datetime, zone: tzinfo, horizon_s: int) -> Iterator[date]:
        day = start.astimezone(zone).date() - timedelta(days=1)
        last = (start + timedelta(seconds=horizon_s)).astimezone(zone).date()
        while day <= last:
            if day.weekday() in self.days:
                yield day
            day += timedelta(days=1)


def _instant(day: date, seconds: int, zone: tzinfo) -> datetime:
    """When the clocks of a zone show so many seconds after midnight, in UTC."""
    days, seconds = divmod(seconds, _DAY_S)
    clock = time(seconds // 3600, seconds // 60 % 60, seconds % 60)
    return datetime.combine(day + timedelta(days=days), clock, zone).astimezone(UTC)
