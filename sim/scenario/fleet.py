"""`fleet:` groups of devices that live alike (model 5); `calendar:` what they have in common (model 12).

To add a kind of distribution: a key of `Distribution`, and how it is made in `_KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Discriminator, Field, Tag, field_validator

from sim.scenario import fields
from sim.scenario.fields import IN_OTHER, IN_SECTION, IN_WORD, Interval, ReadAs, Section, WordOr, form_of
from sim.scenario.problems import Mistake
from sim.scenario.values import LONGEST_S, parse_duration, parse_share
from sim.text import listed, quoted, span
from sim.world import distributions as world

MOST_DEVICES: Final = 100_000_000

# --- how long something lasts ----------------------------------------------------------------------------


class Lognormal(Section):
    """The logarithm is normal."""

    example: ClassVar[str] = "{median: 8h, sigma: 1.1}"

    median: fields.Period = Field(examples=["8h"])
    """Half of the durations are shorter."""
    sigma: float = Field(ge=0, le=100, allow_inf_nan=False, examples=[1.1])
    """The standard deviation of the logarithm."""


class Weibull(Section):
    """Survival exp(-(t/scale)^shape)."""

    example: ClassVar[str] = "{scale: 12h, shape: 0.8}"

    scale: fields.Period = Field(examples=["12h"])
    """What 37 % of the durations exceed."""
    shape: float = Field(gt=0, le=100, allow_inf_nan=False, examples=[0.8])
    """Below 1: a long tail; 1: exponential; above: about one length."""


def _points(value: object) -> tuple[tuple[int, float], ...]:
    """The points of a survival function, in seconds and shares, in the order of time."""
    how = "write durations with shares that fall to 0 %, such as {10d: 50%, 35d: 10%, 120d: 0%}"
    if not isinstance(value, Mapping) or not 1 <= len(value) <= 10_000:
        raise ValueError(f"this does not say what share is still away when: {how}")
    points = sorted((parse_duration(key, least_s=1), parse_share(share)) for key, share in value.items())
    if len({seconds for seconds, _ in points}) < len(points):
        raise ValueError(f"two points are at the same time: {how}")
    shares = [1.0, *(share for _, share in points)]
    if any(later > earlier for earlier, later in pairwise(shares)):
        raise ValueError(f"the share of those still away rises: {how}")
    if shares[-1] != 0.0:
        raise ValueError(f"{100 * shares[-1]:g} % never come back: add the time after which nobody is away")
    return tuple(points)


_Durations = tuple[fields.Duration, ...]
_StillAway = Annotated[
    tuple[tuple[int, float], ...],
    fields.read_by(_points, {"type": "object", "examples": [{"10d": "50%", "35d": "10%", "120d": "0%"}]}),
]


class Distribution(Section):
    """How long something lasts: a duration (always the same), or a section with one kind."""

    example: ClassVar[str] = "{exponential: 16h}"

    exponential: fields.Period | None = None
    """The mean."""
    uniform: _Durations | None = Field(None, min_length=2, max_length=2, examples=["[1h, 2h]"])
    """The low and the high end."""
    lognormal: Lognormal | None = None
    """Many short ones, and a long tail."""
    weibull: Weibull | None = None
    """A tail to choose."""
    empirical: _Durations | None = Field(None, min_length=1, max_length=100_000, examples=["[6h, 9h, 2d]"])
    """Observed durations, each as likely as the others."""
    still_away: _StillAway | None = None
    """What share still lasts after so long: {10d: 50%, 35d: 10%, 120d: 0%}; straight lines in between."""

    @field_validator("uniform")
    @classmethod
    def _ends(cls, ends_s: tuple[int, int]) -> tuple[int, int]:
        if ends_s[0] > ends_s[1]:
            swapped = f"{{uniform: [{span(ends_s[1])}, {span(ends_s[0])}]}}"
            raise ValueError(f"the low end is above the high end: write {swapped}")
        return ends_s

    def misfits(self) -> Iterator[Mistake]:
        """Several kinds or none, or one that is out of range."""
        kinds = [kind for kind in _KINDS if getattr(self, kind) is not None]
        if len(kinds) != 1:
            found = f"has {listed(kinds)}" if kinds else "has none"
            yield Mistake((), f"a distribution is of one kind, and this {found}: write {self.example}")
            return
        try:
            if self.law.mean_s > LONGEST_S:
                shorter = "write a shorter scale or a milder shape"
                yield Mistake((kinds[0],), f"its mean is longer than 100 years: {shorter}")
        except (ValueError, OverflowError) as error:
            yield Mistake((kinds[0],), f"{error}: write a longer duration, or a milder shape")

    @property
    def law(self) -> world.Distribution:
        """The distribution of seconds."""
        kind = next(kind for kind in _KINDS if getattr(self, kind) is not None)
        return _KINDS[kind](getattr(self, kind))


_KINDS: Final[dict[str, Callable[[Any], world.Distribution]]] = {
    "exponential": world.Distribution.exponential,
    "uniform": lambda ends_s: world.Distribution.uniform(*ends_s),
    "lognormal": lambda law: world.Distribution.lognormal(law.median, law.sigma),
    "weibull": lambda law: world.Distribution.weibull(law.scale, law.shape),
    "empirical": lambda values_s: world.Distribution.empirical(tuple(map(int, values_s))),
    "still_away": world.Distribution.still_away,
}


def _law(written: int | Distribution) -> world.Distribution:
    return world.Distribution.constant(written) if isinstance(written, int) else written.law


RandomDuration = Annotated[world.Distribution, ReadAs(WordOr[fields.Duration, Distribution], _law)]
"""A duration that is drawn, or always the same."""
Spell = Annotated[world.Distribution, ReadAs(WordOr[fields.Period, Distribution], _law)]
"""The length of a spell of presence or absence; at least a second."""


# --- groups of devices -----------------------------------------------------------------------------------


class Spells(Section):
    """A device is on and off in turn, started in equilibrium (model 5.3)."""

    example: ClassVar[str] = "{on: {exponential: 16h}, off: {exponential: 8h}}"

    on: Spell = Field(examples=["{exponential: 16h}"])
    """How long a device stays on."""
    off: Spell = Field(examples=["{exponential: 8h}"])
    """How long a device stays off."""


class Absence(Interval):
    """A written time in which a device is off (model 5.3)."""


class Away(Section):
    """A device is on, except in written spells (model 5.3)."""

    example: ClassVar[str] = "{away: [{from: day 20, for: 12d}]}"

    away: tuple[Absence, ...] = Field(examples=["[{from: day 20, for: 12d}]"])
    """When a device is off, in this order; between two absences it is on."""


def _presence_form(value: object) -> str:
    if isinstance(value, Mapping):
        return IN_SECTION if {"on", "off"} & set(value) and "away" not in value else IN_OTHER
    return IN_OTHER if isinstance(value, Away) else form_of(value)


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

    def misfits(self) -> Iterator[Mistake]:
        """A jitter or a phase that is not shorter than the period."""
        for key, value in (("jitter", self.jitter), ("phase", self.phase)):
            if isinstance(value, int) and value >= self.every:
                longer = f"{span(value)} is not shorter than the period of {span(self.every)}"
                yield Mistake((key,), f"{longer}: write a shorter {key}, or lengthen every")


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
    encoding: str | None = Field(None, min_length=1, max_length=40, examples=["cp1252"])
    """The file's encoding; by default by its byte order mark, else UTF-8."""
    only: Only = Field(default_factory=dict)
    """The rows to take, by header: {OS: [Android, iOS/iPadOS]}."""
    gone_after: fields.Period | None = None
    """Devices that are silent for longer, in seconds, count as never connected (model 11.2)."""

    def misfits(self) -> Iterator[Mistake]:
        """A list that was made at a time that depends on the certificate."""
        if self.exported is not None and self.exported.depends_on_expiry:
            message = "a list is not made at a time counted from an expiry: write a date, or start - 3d"
            yield Mistake(("exported",), message)


class Group(Section):
    """Devices that live alike (model 5)."""

    example: ClassVar[str] = "{name: phones, devices: 100}"

    name: fields.Name = Field(examples=["office phones"])
    """The group's name; no two groups share one."""
    devices: int | None = Field(None, ge=0, le=MOST_DEVICES, examples=[100])
    """How many devices; required, unless `inventory` lists them."""
    first: int = Field(0, ge=0, le=MOST_DEVICES)
    """The number of the group's first device, which is part of every device's identity (model 7.2)."""
    inventory: fields.FilePath | None = None
    """A CSV file with one row a device, in the scenario's folder or below it."""
    columns: Annotated[dict[str, str], ReadAs(Columns, Columns.headers)] = Field(default_factory=dict)
    """Which column of the inventory holds what, where the headers differ: {id: Device name}."""
    list_: ListForm = Field(default=ListForm(), alias="list")
    """How the inventory is to be read: {exported: 2026-11-27 09:00}."""
    platform: fields.Platform = "android"
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

    def misfits(self) -> Iterator[Mistake]:
        """Devices that are counted twice or not at all, and what belongs to an inventory without one."""
        if self.inventory is None:
            if self.devices is None:
                message = "devices is required: write devices: 100, or inventory: devices.csv"
                yield Mistake((), message)
            for key, name in (("columns", "columns"), ("list", "list_")):
                if name in self.model_fields_set:
                    yield Mistake((key,), f"{key} belongs to an inventory: name it, or leave {key} out", True)
            if self.presence == "from list":
                message = "without an inventory there is no list: name it, or write presence: {on: …, off: …}"
                yield Mistake(("presence",), message)
            return
        for key, counts in (("devices", "counts"), ("first", "numbers")):
            if key in self.model_fields_set:
                message = f"a group has {key} or an inventory, which {counts} them, not both: leave {key} out"
                yield Mistake((key,), message, at_key=True)


# --- what many devices have in common --------------------------------------------------------------------


class Holiday(Interval):
    """A time in which a share of the devices is away (model 12.2)."""

    example: ClassVar[str] = "{name: Christmas, from: 2026-12-24, for: 14d, share: 50%}"

    name: fields.Name = Field(examples=["Christmas"])
    """What it is called; no two share a name, by which it is drawn who is away."""
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

    def misfits(self) -> Iterator[Mistake]:
        """Two of a name."""
        for key in ("holidays", "disturbances"):
            yield from fields.names_twice(getattr(self, key), key)
