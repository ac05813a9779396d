"""The cells of an inventory: what each column of a row may hold (language 1.2)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Final, Literal

from sim.scenario.durations import parse_duration
from sim.scenario.instants import parse_moment
from sim.scenario.problems import quoted
from sim.scenario.values import closest, is_one_line

_YES: Final = frozenset({"yes", "true", "1", "y"})
_NO: Final = frozenset({"no", "false", "0", "n", ""})


def _read_id(value: str) -> str:
    if not value:
        raise ValueError("is missing: every row needs one")
    if not is_one_line(value):
        raise ValueError(f"{quoted(value)} has a control character or a line break: write it on one line")
    if len(value) > 200:
        raise ValueError(f"{quoted(value)} has {len(value)} characters: write at most 200")
    return value


@lru_cache(maxsize=4096)
def _read_platform(value: str) -> Literal["android", "ios"] | None:
    if not value:
        return None
    first = re.split(r"[\s\d._-]", value.lower(), maxsplit=1)[0]
    if first in ("android", "ios", "ipados"):
        return "android" if first == "android" else "ios"
    meant = closest(value, ("android", "ios"))
    raise ValueError(
        f"{quoted(value)} is no platform: {f'did you mean {meant}?' if meant else 'write android or ios'}"
    )


@lru_cache(maxsize=4096)
def _read_last_sync(value: str) -> datetime | None:
    if not value:
        return None
    if match := re.fullmatch(
        r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})(?:,? +([0-9]{1,2}):([0-9]{2}(?::[0-9]{2})?))?", value
    ):
        clock = f" {int(match[4]):02}:{match[5]}" if match[4] else ""
        value = f"{match[3]}-{int(match[2]):02}-{int(match[1]):02}{clock}"
    elif match := re.fullmatch(r"([0-9]{4}-[0-9]{2}-[0-9]{2}) ([0-9]:[0-9]{2}(?::[0-9]{2})?)", value):
        value = f"{match[1]} 0{match[2]}"
    return parse_moment(re.sub(r"(?<=:[0-9]{2})\.[0-9]+", "", value))


@lru_cache(maxsize=4096)
def _read_sync_every(value: str) -> int | None:
    if not value:
        return None
    every_s = parse_duration(value)
    if every_s < 1:
        raise ValueError(f"{quoted(value)} is too short: write at least 1s")
    return every_s


def _read_holds_reserve(value: str) -> bool:
    folded = value.lower()
    if folded in ("ja", "nein"):
        raise ValueError(
            f"{quoted(value)} is not how it is written: write {'yes' if folded == 'ja' else 'no'}"
        )
    if folded not in _YES and folded not in _NO:
        raise ValueError(f"{quoted(value)} is neither yes nor no: write yes or no")
    return folded in _YES


def _read_group(value: str) -> str | None:
    if not value:
        return None
    return _read_id(value)


CELLS: Final[dict[str, Callable[[str], object]]] = {
    "id": _read_id,
    "platform": _read_platform,
    "last_sync": _read_last_sync,
    "sync_every": _read_sync_every,
    "holds_reserve": _read_holds_reserve,
    "group": _read_group,
}
"""By column of the language: what turns the trimmed text of a cell into the value."""
