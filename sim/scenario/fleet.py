"""`fleet:` groups of devices that live alike (model 5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Discriminator, Field, Tag

from sim.scenario.cells import CELLS
from sim.scenario.distributions import WrongPart, WrongPartsError
from sim.scenario.instants import Instant
from sim.scenario.kinds import (
    DURATION_SCHEMA,
    INSTANT,
    SPELL,
    YES_NO,
    Kind,
    duration,
    share,
    text,
    whole,
    word,
)
from sim.scenario.problems import quoted
from sim.scenario.section import IN_OTHER, IN_SECTION, IN_WORD, Section, form_of
from sim.scenario.units import Distribution
from sim.scenario.values import closest, kind_of

MOST_DEVICES: Final = 100_000_000


class Spells(Section):
    """A device is on and off in turn, started in equilibrium (model 5.3)."""

    example: ClassVar[str] = "{on: {exponential: 16h}, off: {exponential: 8h}}"
    stand_in: ClassVar[Mapping[str, object]] = {"on": "1h", "off": "1h"}

    on: Annotated[Distribution, SPELL] = Field(examples=["{exponential: 16h}"])
    """How long a device stays on."""
    off: Annotated[Distribution, SPELL] = Field(examples=["{exponential: 8h}"])
    """How long a device stays off."""


class Absence(Section):
    """A written time in which a device is off (model 5.3)."""

    example: ClassVar[str] = "{from: day 20, for: 12d}"
    stand_in: ClassVar[Mapping[str, object]] = {"from": "start", "for": "1s"}

    from_: Annotated[Instant, INSTANT] = Field(alias="from", examples=["day 20"])
    """When it begins."""
    for_: Annotated[int, duration(least_s=1)] = Field(alias="for", examples=["12d"])
    """How long it lasts, in seconds."""


class Away(Section):
    """A device is on, except in written spells (model 5.3)."""

    example: ClassVar[str] = "{away: [{from: day 20, for: 12d}]}"
    stand_in: ClassVar[Mapping[str, object]] = {"away": []}

    away: tuple[Absence, ...] = Field(examples=["[{from: day 20, for: 12d}]"])
    """When a device is off, in this order; between two absences it is on."""


def _presence_form(value: object) -> str:
    if isinstance(value, Away) or (isinstance(value, Mapping) and "away" in value):
        return IN_OTHER
    return form_of(value)


def _phase(value: object) -> object:
    if value in ("random", "even"):
        return value
    if isinstance(value, str) and (meant := closest(value, ("random", "even"))) is not None:
        raise ValueError(f"{quoted(value)} is not understood here: did you mean {meant}?")
    return _ANY_DURATION.read(value)


_ANY_DURATION = duration()
_PHASE_SCHEMA = {"anyOf": [{"enum": ["random", "even"]}, DURATION_SCHEMA]}


class Sync(Section):
    """When a device synchronizes (model 5.2)."""

    example: ClassVar[str] = "{every: 6h, success: 95%}"

    every: Annotated[int, duration(least_s=1)] = 6 * 3600
    """The synchronization period, in seconds."""
    phase: Annotated[Literal["random", "even"] | int, Kind(_phase, _PHASE_SCHEMA)] = "random"
    """Where in the period a device begins: random, even over the group, or a duration (seconds) for all."""
    jitter: Annotated[int, duration()] = 0
    """Each attempt is late by up to this, in seconds; shorter than `every`."""
    success: Annotated[float, share()] = 1.0
    """The probability that an attempt that reaches the server succeeds."""
    catch_up: Annotated[bool, YES_NO] = True
    """Whether a device that missed an attempt while off makes one as soon as it comes on."""


def _columns(value: object) -> dict[str, str]:
    known = tuple(CELLS)
    if not isinstance(value, Mapping):
        raise ValueError(f"{kind_of(value)} does not map columns: write {{id: Device name}}")
    parts: list[WrongPart] = []
    for key, header in value.items():
        if key not in known:
            meant = closest(str(key), known)
            mend = f"did you mean {meant}?" if meant else f"write one of {', '.join(known)}"
            message = f"{quoted(str(key))} is not a column of the language: {mend}"
            parts.append(WrongPart((key,), message, at_key=True))
        elif not isinstance(header, str) or not header.strip():
            message = f"{kind_of(header)} is not a header: write the column's header in the file, in quotes"
            parts.append(WrongPart((key,), message))
    if parts:
        raise WrongPartsError(parts)
    return dict(value)


_COLUMNS_SCHEMA = {
    "type": "object",
    "properties": {
        name: {
            "type": "string",
            "default": name,
            "description": f"The header of the column that holds {what}.",
        }
        for name, what in {
            "id": "the device's identity",
            "platform": "android or ios",
            "last_sync": "the date and time of the last synchronization",
            "sync_every": "the synchronization period, a duration",
            "holds_reserve": "whether the device holds the reserve, yes or no",
            "group": "the group under which the device is counted",
        }.items()
    },
    "additionalProperties": False,
}


class Group(Section):
    """Devices that live alike (model 5)."""

    example: ClassVar[str] = "{name: phones, devices: 100}"
    stand_in: ClassVar[Mapping[str, object]] = {"name": "?", "devices": 0}

    name: Annotated[str, text("a name", "office phones")] = Field(examples=["office phones"])
    """The group's name; no two groups share one."""
    devices: Annotated[int, whole(0, MOST_DEVICES)] | None = None
    """How many devices; required, unless `inventory` lists them."""
    first: Annotated[int, whole(0, MOST_DEVICES)] = 0
    """The number of the group's first device, which is part of every device's identity (model 7.2)."""
    inventory: Annotated[str, text("a path", "devices.csv", longest=1000)] | None = None
    """A CSV file with one row a device, in the scenario's folder or below it."""
    columns: Annotated[dict[str, str], Kind(_columns, _COLUMNS_SCHEMA)] = Field(default_factory=dict)
    """Which column of the inventory holds what, where the headers differ: {id: Device name}."""
    platform: Annotated[Literal["android", "ios"], word("android", "ios")] = "android"
    """What the devices run (model 5.6)."""
    sync: Sync = Sync()
    """When they synchronize."""
    presence: Annotated[
        Annotated[Literal["always", "never"], word("always", "never", otherwise=Spells.example), Tag(IN_WORD)]
        | Annotated[Spells, Tag(IN_SECTION)]
        | Annotated[Away, Tag(IN_OTHER)],
        Discriminator(_presence_form),
    ] = "always"
    """When they are on: always, never, spells {on: DIST, off: DIST}, or except when {away: […]}."""
