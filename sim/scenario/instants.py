"""Instants as a planner writes them: dates, `day 10`, `expiry - 33d`; zones and hours (language 1.1).

What reads a value raises a ValueError whose message says what to write instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache
from typing import Final, Literal
from zoneinfo import available_timezones

from sim.scenario.values import LONGEST_S, Seconds, kind_of, parse_duration
from sim.text import UNITS_S, closest, quoted
from sim.world.fleet import Windows

HOW: Final = (
    "write an instant such as 2026-03-20, 2026-03-20 09:00, day 10, day 10 08:00, start + 10d or expiry - 33d"
)
HOW_DATE: Final = (
    "write a date such as 2026-03-01, or a date and time such as 2026-03-01 09:00 or 2026-03-01T09:00+02:00"
)
PATTERN_DATE: Final = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(([Tt]| +)[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.0+)?)? ?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?)?$"
)
PATTERN: Final = (
    PATTERN_DATE
    + r"|^day +[0-9]+( +[0-9]{2}:[0-9]{2}(:[0-9]{2})?)?$|^(start|expiry)( *[+-] *[0-9A-Za-z ]+)?$"
)

_DATE: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:(?:[Tt]| +)([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.0+)?)?)"
    r"(?: ?([Zz]|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?))?)?"
)
_DAY: Final = re.compile(r"day +([0-9]{1,5})(?: +([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?)?")
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
        """Seconds from `start`, negative before it (model 1.1); `zone` is of dates without an offset.

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


def parse_moment(text: str, *, how: str = HOW_DATE, zone: tzinfo = UTC) -> datetime:
    """A date or a date and time as an aware datetime in UTC; without an offset it is in `zone`."""
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError(f"{quoted(text)} is not {'a date' if how is HOW_DATE else 'an instant'}: {how}")
    day, clock, offset = match.groups(default="")
    try:
        moment = datetime.fromisoformat(f"{day}T{clock or '00:00'}{offset.upper()}")
        return (moment if offset else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{quoted(text)} does not exist ({error}): {how}") from None


def parse_instant(text: str) -> Instant:
    """An instant in any of the forms of the language."""
    if match := _DAY.fullmatch(text):
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        if days > _LAST_DAY:
            raise ValueError(f"{quoted(text)} is more than 100 years away: write at most day {_LAST_DAY}")
        return Instant(text, "start", days * UNITS_S["d"] + hours * 3600 + minutes * 60 + seconds)
    if match := _RELATIVE.fullmatch(text):
        anchor: Literal["start", "expiry"] = "start" if match[1] == "start" else "expiry"
        offset_s = 0 if match[2] is None else parse_duration(match[3])
        return Instant(text, anchor, -offset_s if match[2] == "-" else offset_s)
    moment = parse_moment(text, how=HOW)
    written = _DATE.fullmatch(text)
    return Instant(text, "date", moment=moment, is_local=written is None or written[3] is None)


# --- zones and hours -------------------------------------------------------------------------------------


def read_zone(value: object) -> str:
    """The name of a time zone of the IANA database."""
    names = _zones()
    if isinstance(value, str) and value in names:
        return value
    meant = closest(value, names, likeness=0.75) if isinstance(value, str) else None
    advice = f"did you mean {meant}?" if meant else "write a name of the IANA database, such as Europe/Berlin"
    raise ValueError(f"{kind_of(value)} is no time zone: {advice}")


_zones: Final = cache(available_timezones)


def read_days(value: object) -> tuple[int, ...]:
    """Days of the week, 0 for Monday, in order: `mon-fri`, `mon, wed`, or a list of such texts."""
    texts = value if isinstance(value, tuple) and value else (value,)
    days: set[int] = set()
    for part in (part for text in texts for part in str(text)[:100].lower().split(",")):
        ends = [_DAYS.get(each.strip()) for each in part.split("-")]
        if len(ends) > 2 or None in ends:
            how = "write days such as mon-fri, or mon, wed, sat"
            raise ValueError(f"{quoted(part.strip())} is not a day of the week: {how}")
        first, last = ends[0] or 0, ends[-1] or 0
        days.update((first + step) % 7 for step in range((last - first) % 7 + 1))
    return tuple(sorted(days))


_NAMES: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAYS: Final = {each: day for day, name in enumerate(_NAMES) for each in (name, name[:3], str(day))}
"""By their names, and by the numbers that a scenario holds."""


def read_time(value: object) -> Seconds:
    """A time of day in seconds from midnight, 24:00 included."""
    match = re.fullmatch(r"([0-9]{1,2}):([0-5][0-9])(?::([0-5][0-9]))?", str(value))
    hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (99, 0, 0)
    time_s = hours * 3600 + minutes * 60 + seconds
    if time_s > UNITS_S["d"]:
        raise ValueError(f"{kind_of(value)} is not a time of day: write one such as 07:00, at most 24:00")
    return Seconds(time_s, str(value))


def weekly_windows(
    days: tuple[int, ...], from_s: int, to_s: int, start: datetime, zone: tzinfo, horizon_s: int
) -> Windows:
    """The intervals [from, to) of a run that hours of the week cover, in seconds from its start.

    Both ends are what a clock on the wall shows: a night in which the clocks change is longer or shorter.

    Args:
        days: on which they begin, 0 for Monday.
        from_s: when they begin, in seconds from midnight.
        to_s: when they end; at or before `from_s`, on the next day.
        start, zone, horizon_s: of the run.
    """
    found: list[tuple[int, int]] = []
    day = start.astimezone(zone).date() - timedelta(days=1)
    last = (start + timedelta(seconds=horizon_s)).astimezone(zone).date()
    while day <= last:
        if day.weekday() in days:
            ends = (from_s, to_s if to_s > from_s else to_s + UNITS_S["d"])
            begin_s, end_s = (
                (_on_the_wall(day, each, zone) - start) // timedelta(seconds=1) for each in ends
            )
            begin_s, end_s = max(begin_s, 0), min(end_s, horizon_s)
            if found and begin_s <= found[-1][1]:
                found[-1] = (found[-1][0], max(end_s, found[-1][1]))
            elif begin_s < end_s:
                found.append((begin_s, end_s))
        day += timedelta(days=1)
    return tuple(found)


def _on_the_wall(day: date, seconds: int, zone: tzinfo) -> datetime:
    """When the clocks of a zone show so many seconds after midnight, in UTC."""
    midnight = datetime.combine(day, time(), zone)
    return (midnight + timedelta(seconds=seconds)).astimezone(UTC)
