"""Time zones, and weekly hours as windows of seconds (model 12.1, 6.3a); summer time is resolved here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from sim.scenario.values import Seconds
from sim.text import closest, quoted
from sim.world.fleet import Windows

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
