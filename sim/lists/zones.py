"""Time zones by the names and offsets that lists write."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

_OFFSETS_H: Final = {
    "z": 0, "utc": 0, "ut": 0, "gmt": 0, "wet": 0, "west": 1, "cet": 1, "cest": 2, "mez": 1, "mesz": 2,
    "eet": 2, "eest": 3, "msk": 3, "est": -5, "edt": -4, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8,
    "pdt": -7, "hst": -10, "jst": 9, "kst": 9, "aest": 10, "aedt": 11, "nzst": 12, "nzdt": 13,
}  # fmt: skip
"""Abbreviations with one meaning; `cst`, `ist` and `bst` have several."""


def zone_named(name: str) -> str | None:
    """The zone that a text in small letters names, as an IANA name or an offset such as `+03:00`; or None.

    `utc+3`, `+0300`, `z`, `gmt`, `cet`, `europe/berlin`, and minutes as DMTF has them, `+060min`.
    """
    if match := re.fullmatch(r"(?:utc|gmt)? ?([+-])(\d{1,2}):?(\d{2})?", name):
        hours, minutes = int(match[2]), int(match[3] or 0)
        return f"{match[1]}{hours:02}:{minutes:02}" if hours <= 14 and minutes <= 59 else None
    if match := re.fullmatch(r"([+-])(\d{3})min", name):
        return f"{match[1]}{int(match[2]) // 60:02}:{int(match[2]) % 60:02}"
    if name in _OFFSETS_H:
        return f"{_OFFSETS_H[name]:+03}:00"
    return _zones().get(name) if "/" in name else None


def zone_in(header: str) -> str | None:
    """The zone that stands in brackets at the end of a header: `Last check-in (UTC+3)`."""
    match = re.search(r"[(\[]([^()\[\]]{1,40})[)\]]\s*$", header)
    return zone_named(re.sub(r"\s+", " ", match[1].strip().lower())) if match else None


def is_zone(name: str) -> bool:
    """Whether a text is the IANA name of a zone, or an offset such as `+03:00`."""
    return bool(re.fullmatch(r"[+-]\d{2}:\d{2}", name)) or name in _zones().values()


@cache
def _zones() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones()}


def tzinfo_of(zone: str) -> tzinfo:
    """The zone, as `datetime` takes it."""
    if zone in ("UTC", "+00:00", "-00:00"):
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
