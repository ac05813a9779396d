"""A list of devices as it was read, and how it is to be read (model 11.1, 11.2; language 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from sim.text import plural, quoted

Ints = NDArray[np.int64]
Order = Literal["day first", "month first", "year first"]

KNOWN: Final = 0
UNKNOWN: Final = 1
NEVER: Final = 2
WRONG: Final = 3
"""What a cell says: an instant, nothing, that there never was a contact; or it cannot be read."""
GONE: Final = 4
"""Silent for longer than `gone_after`, so not connected any more; a kind of contact too."""
COLUMNS: Final = ("id", "platform", "last_sync", "sync_every", "holds_reserve", "group")


@dataclass(frozen=True, slots=True)
class ListOptions:
    """How a list is to be read; what is not given is found out.

    Attributes:
        columns: from names of `COLUMNS` to headers of the file.
        exported_s: when the list was made, in seconds since 1970; default: its newest last contact.
        timezone: of date-times without offset: an IANA name.
        default_timezone: the same, where neither `timezone` nor the header names one.
        dates: order of day, month and year; default: what the whole column allows.
        encoding: of the file; default: by byte order mark, else UTF-8.
        only: rows to take: by header, the texts that its cells may have.
        gone_after_s: devices that are silent for longer are not connected any more.
        suggests: take headers that consoles write for columns that are not named.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    exported_s: int | None = None
    timezone: str | None = None
    default_timezone: str = "UTC"
    dates: Order | None = None
    encoding: str | None = None
    only: Mapping[str, Sequence[str]] = field(default_factory=dict)
    gone_after_s: int | None = None
    suggests: bool = False


@dataclass(frozen=True, slots=True)
class ListProblem:
    """A mistake in the list, at a line of the file, or in an option (`key`, as in a scenario)."""

    line: int | None
    key: str
    message: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Rows that are not devices of the list: why, how many, and what some of them hold."""

    reason: str
    rows: int
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        such = f" ({', '.join(map(quoted, self.examples))})" if self.examples else ""
        return f"{plural(self.rows, 'row')} left out: {self.reason}{such}"


@dataclass(frozen=True, slots=True, eq=False)
class DeviceList:
    """The devices of a list, in the order of the file, and how it was read; None: not in the list.

    Attributes:
        lines: of the file, from 1.
        contact: `KNOWN`, `UNKNOWN`, `NEVER`, `GONE`, or `WRONG` where there is a problem.
        last_sync_s: of each device with a date: seconds since 1970; else 0.
        sync_every_s: its period; 0: not in the list.
        exported_s: when the list was made, seconds since 1970; None: it has no date.
        columns: from names of `COLUMNS` to headers of the file.
        zone: of date-times without offset.
        forms: how dates are written, and in how many rows; `has_times`: some have a time of day.
        is_zone_assumed: there are dates without a zone, which neither an option nor the header gives.
        notes: what a reader of the results should know of the reading.
        problems: what is wrong; a list with problems is not to be used.
    """

    sha256: str
    ids: tuple[str, ...] = field(repr=False)
    lines: Ints = field(repr=False)
    platforms: tuple[str | None, ...] = field(repr=False)
    groups: tuple[str | None, ...] = field(repr=False)
    contact: NDArray[np.int8] = field(repr=False)
    last_sync_s: Ints = field(repr=False)
    sync_every_s: Ints = field(repr=False)
    holds_reserve: NDArray[np.bool_] = field(repr=False)
    exported_s: int | None
    columns: Mapping[str, str]
    zone: str
    encoding: str
    separator: str
    forms: tuple[tuple[str, int], ...]
    has_times: bool
    is_zone_assumed: bool
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]
    problems: tuple[ListProblem, ...]

    def count(self, contact: int) -> int:
        """How many devices have that kind of contact."""
        return int(np.count_nonzero(self.contact == contact))

    @property
    def ages_s(self) -> Ints:
        """How long each device was silent when the list was made; -1 where that is not known."""
        return np.where(self.contact == KNOWN, (self.exported_s or 0) - self.last_sync_s, -1)
