"""`fleet:` groups of devices that live alike (model 5); `calendar:` what they have in common (model 12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Discriminator, Field, Tag

from sim.scenario import fields
from sim.scenario.distributions import RandomDuration, Spell
from sim.scenario.fields import IN_OTHER, IN_SECTION, IN_WORD, ReadAs, Section, form_of
from sim.text import quoted

MOST_DEVICES: Final = 100_000_000


class Spells(Section):
    """A device is on and off in turn, started in equilibrium (model 5.3)."""

    example: ClassVar[str] = "{on: {exponential: 16h}, off: {exponential: 8h}}"

    on: Spell = Field(examples=["{exponential: 16h}"])
    """How long a device stays on."""
    off: Spell = Field(examples=["{exponential: 8h}"])
    """How long a device stays off."""


class Absence(Section):
    """A written time in which a device is off (model 5.3)."""

    example: ClassVar[str] = "{from: day 20, for: 12d}"

    from_: fields.Instant = Field(alias="from", examples=["day 20"])
    """When it begins."""
    for_: fields.Period = Field(alias="for", examples=["12d"])
    """How long it lasts, in seconds."""


class Away(Section):
    """A device is on, except in written spells (model 5.3)."""

    example: ClassVar[str] = "{away: [{from: day 20, for: 12d}]}"

    away: tuple[Absence, ...] = Field(examples=["[{from: day 20, for: 12d}]"])
    """When a device is off, in this order; between two absences it is on."""


def _presence_form(value: object) -> str:
    is_away = isinstance(value, Away) or (isinstance(value, Mapping) and "away" in value)
    return IN_OTHER if is_away else form_of(value)


class Sync(Section):
    """When a device synchronizes (model 5.2)."""

    example: ClassVar[str] = "{every: 6h, success: 95%}"

    every: fields.Period = 6 * 3600
    """The synchronization period, in seconds."""
    phase: fields.Phase = "random"
    """Where in the period a device begins: random, even over the group, or a duration (seconds) for all."""
    jitter: fields.Duration = 0
    """Each attempt is late by up to this, in seconds; shorter than `every`."""
    success: fields.Share = 1.0
    """The probability that an attempt that reaches the server succeeds."""
    catch_up: fields.YesNo = True
    """Whether a device that missed an attempt while off makes one as soon as it comes on."""


class Columns(Section):
    """The headers of an inventory, by what their columns hold."""

    example: ClassVar[str] = "{id: Device name}"

    id: fields.Header = "id"
    """The header of the column that holds the device's identity."""
    platform: fields.Header = "platform"
    """The header of the column that holds the platform: android, ios or aurora, as consoles write them."""
    last_sync: fields.Header = "last_sync"
    """The header of the column that holds the date and time of the last synchronization."""
    sync_every: fields.Header = "sync_every"
    """The header of the column that holds the synchronization period, a duration."""
    holds_reserve: fields.Header = "holds_reserve"
    """The header of the column that holds whether the device holds the reserve, yes or no."""
    group: fields.Header = "group"
    """The header of the column that holds the group under which the device is counted."""

    def headers(self) -> dict[str, str]:
        """The headers that are written, by the names of the language."""
        return {name: getattr(self, name) for name in self.attributes() if name in self.model_fields_set}


def _only(value: object) -> dict[str, tuple[str, ...]]:
    """By header, the texts that cells may have; one text may stand without brackets."""
    how = "write headers with texts, such as {OS: [Android, iOS/iPadOS]}"
    if not isinstance(value, Mapping) or not value:
        raise ValueError(f"this does not say which rows to take: {how}")
    taken: dict[str, tuple[str, ...]] = {}
    for header, texts in value.items():
        several = tuple(texts) if isinstance(texts, list | tuple) else (texts,)
        if not several or not all(isinstance(text, str) for text in several):
            raise ValueError(f"the cells under {quoted(str(header))} are texts: {how}, in quotes if need be")
        taken[str(header)] = several
    return taken


Only = Annotated[
    dict[str, tuple[str, ...]],
    fields.read_by(_only, {"type": "object", "examples": [{"OS": ["Android", "iOS/iPadOS"]}]}),
]


class ListForm(Section):
    """How an inventory is to be read, where that is not found out (model 11.1)."""

    example: ClassVar[str] = "{exported: 2026-11-27 09:00}"

    exported: fields.Instant | None = None
    """When the list was made: silence is counted from there. By default, its newest last_sync."""
    timezone: fields.Timezone | None = None
    """The IANA time zone of dates in the file without an offset; by default that of the scenario."""
    dates: Literal["day first", "month first", "year first"] | None = None
    """The order of day, month and year; by default what the whole column allows, if that is one."""
    encoding: Annotated[str, Field(min_length=1, max_length=40, examples=["cp1252"])] | None = None
    """The file's encoding; by default by its byte order mark, else UTF-8."""
    only: Only = Field(default_factory=dict)
    """The rows to take, by header: {OS: [Android, iOS/iPadOS]}."""
    gone_after: fields.Period | None = None
    """Devices that are silent for longer, in seconds, count as never connected (model 11.2)."""


class Group(Section):
    """Devices that live alike (model 5)."""

    example: ClassVar[str] = "{name: phones, devices: 100}"

    name: fields.Name = Field(examples=["office phones"])
    """The group's name; no two groups share one."""
    devices: Annotated[int, Field(ge=0, le=MOST_DEVICES)] | None = None
    """How many devices; required, unless `inventory` lists them."""
    first: Annotated[int, Field(ge=0, le=MOST_DEVICES)] = 0
    """The number of the group's first device, which is part of every device's identity (model 7.2)."""
    inventory: fields.FilePath | None = None
    """A CSV file with one row a device, in the scenario's folder or below it."""
    columns: Annotated[dict[str, str], ReadAs(Columns, Columns.headers)] = Field(default_factory=dict)
    """Which column of the inventory holds what, where the headers differ: {id: Device name}."""
    list_: ListForm = Field(default=ListForm(), alias="list")
    """How the inventory is to be read: {exported: 2026-11-27 09:00}."""
    platform: Literal["android", "ios", "aurora"] = "android"
    """What the devices run (model 5.6)."""
    sync: Sync = Sync()
    """When they synchronize."""
    presence: Annotated[
        Annotated[Literal["always", "never", "from list"], Tag(IN_WORD)]
        | Annotated[Spells, Tag(IN_SECTION)]
        | Annotated[Away, Tag(IN_OTHER)],
        Discriminator(_presence_form),
    ] = "always"
    """When they are on: always, never, spells {on: DIST, off: DIST}, or except when {away: […]}."""
    hours: fields.WeeklyHours | None = None
    """Outside of these hours of the week they are off, whatever `presence` says (model 12.1)."""


# --- what many devices have in common --------------------------------------------------------------------


class Holiday(Section):
    """A time in which a share of the devices is away (model 12.2)."""

    example: ClassVar[str] = "{name: Christmas, from: 2026-12-24, for: 14d, share: 50%}"

    name: fields.Name = Field(examples=["Christmas"])
    """What it is called; no two share a name, by which it is drawn who is away."""
    from_: fields.Instant = Field(alias="from", examples=["2026-12-24"])
    """When it begins."""
    for_: fields.Period = Field(alias="for", examples=["14d"])
    """How long it lasts, in seconds."""
    share: fields.Share = 1.0
    """The probability that a device is away for all of it."""
    groups: tuple[fields.Name, ...] | None = None
    """Whose devices; default: all."""


class Disturbance(Section):
    """Something that takes many devices at once, now and then (model 12.3)."""

    example: ClassVar[str] = "{name: site dark, share: 30%, every: {exponential: 120d}, lasts: 3d}"

    name: fields.Name = Field(examples=["site dark"])
    """What it is called; no two share a name, by which it is drawn."""
    groups: tuple[fields.Name, ...] | None = None
    """Whose devices; default: all."""
    share: fields.Share = 1.0
    """The probability that an occurrence takes a device."""
    every: RandomDuration = Field(examples=["{exponential: 120d}"])
    """How long until the next one, from the start or from the end of the one before."""
    lasts: RandomDuration = Field(examples=["{lognormal: {median: 3d, sigma: 1}}"])
    """How long an occurrence lasts."""


class Calendar(Section):
    """What many devices have in common (model 12)."""

    example: ClassVar[str] = "{holidays: [{name: Christmas, from: 2026-12-24, for: 14d, share: 50%}]}"

    holidays: tuple[Holiday, ...] = ()
    """Times in which shares of the devices are away."""
    disturbances: tuple[Disturbance, ...] = ()
    """What takes many devices at once, drawn in each replication."""
