"""What a scenario file may hold: one frozen class per section, one attribute per key.

A new key is an attribute of the section that it belongs to, with its type from `fields.py`, a default and
what it means; `reissue schema`, docs/reference.md and the messages follow. What ties keys together is checked
in `checks.py`; `prepare.py` turns what is written into what the engines read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, field_validator, model_validator
from pydantic_core import PydanticKnownError
from pydantic_core.core_schema import ValidationInfo

from sim.lists.dates import tzinfo_of
from sim.results.measures import MEASURES, Bound, Selection, measures_with
from sim.scenario import fields
from sim.scenario.distributions import RandomDuration
from sim.scenario.fields import IN_SECTION, IN_WORD, Activate, ReadAs, Section, form_of, read_by
from sim.scenario.fleet import Calendar, Group
from sim.scenario.instants import has_offset, is_date, parse_moment
from sim.scenario.values import kind_of, read_duration, read_share
from sim.text import span
from sim.world.certificates import LONGEST_LIFE_S
from sim.world.distributions import Distribution
from sim.world.order import SECONDS_PER_DAY

Platform = Literal["android", "ios", "aurora"]

# --- the server ----------------------------------------------------------------------------------------


class CertificateSource(Section):
    """Where a certificate comes from."""

    issuer: Literal["ksc", "custom"] = "ksc"
    """Who issues it: Kaspersky Security Center (ksc), or it is the planner's own (custom)."""
    file: fields.FilePath | None = None
    """Issuer custom: the real certificate, PKCS #12, or X.509 with `key`; without, a made-up one."""
    key: fields.FilePath | None = None
    """Issuer custom, X.509 only: the file with the private key."""
    password_env: fields.VariableName | None = None
    """The name of the environment variable that holds the password; never the password."""


class Certificate(CertificateSource):
    """The main certificate at the start (model 3); its validity comes from `file`, if there is one."""

    example: ClassVar[str] = "{expires: day 61}"

    expires: fields.Instant | None = None
    """When it expires; default: `valid_for` after the start."""
    valid_for: fields.CertificateLife = LONGEST_LIFE_S
    """How long it is valid in all, in seconds; at most 397 days (model 3.2)."""


@dataclass(frozen=True, slots=True)
class AutomaticReissue:
    """Whether the server makes a reserve by itself (model 3.7).

    Attributes:
        mode: by behaviour and issuer (`default`), never (`off`), or `lead` before every expiry (`on`).
        lead: how long before the main certificate expires, in seconds.
    """

    mode: Literal["default", "off", "on"] = "default"
    lead: int = 90 * SECONDS_PER_DAY

    @property
    def written(self) -> str | dict[str, str]:
        """As the language writes it."""
        return {"lead": span(self.lead)} if self.mode == "on" else self.mode


class Lead(Section):
    """A reserve by itself, so long before every expiry (model 3.7)."""

    example: ClassVar[str] = "{lead: 90d}"

    lead: fields.Period = AutomaticReissue().lead
    """How long before the main certificate expires, in seconds."""


def _automatic_reissue(written: Literal["default", "off", "on"] | Lead) -> AutomaticReissue:
    return AutomaticReissue("on", written.lead) if isinstance(written, Lead) else AutomaticReissue(written)


class Outage(Section):
    """A time in which no device reaches the server (model 4.1)."""

    example: ClassVar[str] = "{from: day 20 08:00, for: 6h}"

    from_: fields.Instant = Field(alias="from", examples=["day 20 08:00"])
    """When it begins."""
    for_: fields.Period = Field(alias="for", examples=["6h"])
    """How long it lasts, in seconds."""
    server: Literal["off"] | None = None
    """Off: the server itself stands still and makes no reserve meanwhile; default: only the way to it."""


class Server(Section):
    """The server as it is at the start (model 4)."""

    example: ClassVar[str] = "{behaviour: ksmm-6.0, certificate: {expires: day 61}}"

    behaviour: Literal["ksmm-6.0", "ksmm-4.1"] = "ksmm-6.0"
    """The product version whose rules apply (model 3.7)."""
    address: fields.Address = "mdm.example.com:13292"
    """The connection address of the devices, host:port."""
    certificate: Certificate = Certificate()
    """The main certificate at the start."""
    automatic_reissue: Annotated[
        AutomaticReissue,
        ReadAs(
            Annotated[
                Annotated[Literal["default", "off", "on"], Tag(IN_WORD)] | Annotated[Lead, Tag(IN_SECTION)],
                Discriminator(form_of),
            ],
            _automatic_reissue,
        ),
    ] = AutomaticReissue()
    """Whether the server makes a reserve by itself: default (by behaviour and issuer), off or {lead: 90d}."""
    activation: Literal["earliest", "date"] = "earliest"
    """Which wins where a reserve's date lies after the expiry (model 3.5)."""
    valid_from: Literal["issue", "activation"] = "issue"
    """From when a new certificate is valid: when it is issued, or when it becomes main (model 3.6)."""
    previous_certificate: Literal["default", "kept", "invalid"] = "default"
    """Whether the previous certificate can be restored; default: a custom one, not one of ksc (model 3.9)."""
    outages: tuple[Outage, ...] = ()
    """When no device reaches the server."""


# --- the strategy --------------------------------------------------------------------------------------


class AddressChange(Section):
    """The server moves to another address when the certificate is activated (model 4.3)."""

    example: ClassVar[str] = "{change_to: new.example.com:13292}"

    change_to: fields.Address = Field(examples=["new.example.com:13292"])
    """The new address, host:port."""
    opens: fields.Instant | None = None
    """When the new address opens; default: at activation."""
    old_address_stays: fields.Duration = 0
    """How long after activation the old address stays open, in seconds."""


class Reissue(CertificateSource):
    """A new certificate is specified (model 3.4, 3.5)."""

    example: ClassVar[str] = "{activate: after 30d}"

    activate: fields.Activation = Activate("after", 30 * SECONDS_PER_DAY)
    """When it becomes main: immediately, after DURATION, at expiry, or once enough devices hold it."""
    valid_for: fields.CertificateLife | None = None
    """How long it is valid, in seconds; default: as the certificate it succeeds (model 3.6)."""
    address: Annotated[
        Annotated[Literal["keep"], Tag(IN_WORD)] | Annotated[AddressChange, Tag(IN_SECTION)],
        Discriminator(form_of),
    ] = "keep"
    """Whether devices keep the connection address or change it: keep, or {change_to: HOST:PORT}."""


class Empty(Section):
    """An action that takes no settings."""

    example: ClassVar[str] = "{}"


class Push(Section):
    """A message asks devices to synchronize now (model 10.2)."""

    example: ClassVar[str] = "{lifetime: 28d}"

    group: fields.Name | None = None
    """Only this group's devices; default: all."""
    platform: Platform | None = None
    """Only this platform's devices; default: all."""
    lifetime: fields.Duration = 28 * SECONDS_PER_DAY
    """How long the message waits for a device that is off, in seconds."""
    success: fields.Share = 1.0
    """The probability that it reaches a device."""


class Chase(Section):
    """People visit the devices that lag, longest silent first (model 10.3)."""

    example: ClassVar[str] = "{silent_for: 7d, per_day: 20}"

    group: fields.Name | None = None
    """Only this group's devices; default: all."""
    platform: Platform | None = None
    """Only this platform's devices; default: all."""
    silent_for: fields.Duration = 0
    """On the list are devices whose last synchronization is at least so long ago, in seconds."""
    per_day: Annotated[int, Field(ge=1, le=86_400)] = Field(examples=[20])
    """How many visits a day."""
    success: fields.Share = 1.0
    """The probability that a visit finds the device and makes it synchronize."""


class Step(Section):
    """One action of the administrator: `at`, and exactly one of the actions (model 3)."""

    example: ClassVar[str] = "{at: expiry - 33d, reissue: {activate: after 30d}}"
    bare_keys: ClassVar[tuple[str, ...]] = ("reissue", "cancel_reserve", "restore_previous", "push", "chase")

    at: fields.Instant = Field(examples=["expiry - 33d"])
    """When it is done."""
    reissue: Reissue | None = None
    """Specify a new certificate."""
    cancel_reserve: Empty | None = None
    """Remove the waiting reserve from the server, not from the devices (model 3.9)."""
    restore_previous: Empty | None = None
    """Put the previous main certificate back (model 3.9)."""
    push: Push | None = None
    """Ask devices to synchronize now (model 10.2)."""
    chase: Chase | None = None
    """Visit the devices that lag (model 10.3)."""


# --- the help desk, and what is promised ---------------------------------------------------------------


def _technicians(value: object) -> int | Literal["unlimited"]:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_TECHNICIANS:
        return value
    if value == "unlimited":
        return "unlimited"
    shown = (
        f"the number {value}" if isinstance(value, int) and not isinstance(value, bool) else kind_of(value)
    )
    how = f"write a whole number from 1 to {MOST_TECHNICIANS:,}, or unlimited"
    raise ValueError(f"{shown} does not say how many technicians there are: {how}")


MOST_TECHNICIANS: Final = 1_000_000
Technicians = Annotated[
    int | Literal["unlimited"],
    read_by(
        _technicians,
        {"anyOf": [{"type": "integer", "minimum": 1, "maximum": MOST_TECHNICIANS}, {"const": "unlimited"}]},
    ),
]


class Recovery(Section):
    """The help desk that reinstalls the app on lost devices (model 6); the defaults are an example desk."""

    example: ClassVar[str] = "{technicians: 4}"

    technicians: Technicians = 4
    """How many devices are reinstalled at a time; unlimited: owners do it themselves, and nobody waits."""
    begins: fields.Duration = 4 * 3600
    """How long after its loss a device asks for help, in seconds."""
    owner_responds: RandomDuration = Distribution.exponential(2 * SECONDS_PER_DAY)
    """How long after that its owner is ready."""
    takes: RandomDuration = Distribution.lognormal(20 * 60, 0.5)
    """How long a reinstallation takes."""
    hours: fields.WeeklyHours | None = None
    """When a reinstallation may start; default: at any time (model 6.3a)."""


def _measure(value: object) -> str:
    if isinstance(value, str) and value in MEASURES:
        return value
    raise PydanticKnownError("literal_error", {"expected": ", ".join(f"'{name}'" for name in MEASURES)})


MeasureName = Annotated[str, read_by(_measure, {"enum": list(MEASURES)})]
Threshold = Annotated[
    float, read_by(lambda value: value, {"type": ["number", "string"], "examples": [0, "99.9%", "2d"]})
]


def read_threshold(value: object, *, measure: str | None) -> float:
    """The bound of a guarantee: a share in [0, 1], seconds, or a plain number, by its measure.

    Raises:
        ValueError: it does not fit the measure; the message says what to write instead. Where the measure
            itself is wrong (None), any bound is taken.
    """
    asked = MEASURES.get(measure or "")
    if asked is None:
        return 0.0
    if asked.unit == "share":
        return read_share(value)
    if asked.unit == "duration":
        return read_duration(value)
    unit = asked.unit if asked.unit in ("days", "hours") else "devices or times"
    if isinstance(value, int | float) and not isinstance(value, bool):
        if math.isfinite(value) and value >= 0:
            return float(value)
        raise ValueError(f"{value:g} is not possible: write a number of at least 0")
    advice = "write a plain number"
    if isinstance(value, str) and value.endswith("%") and asked.as_share:
        advice = f"for a share, bound {asked.as_share}"
    raise ValueError(f"{kind_of(value)} is not a number: {measure} is counted in {unit}, so {advice}")


class Guarantee(Section):
    """What the plan must achieve; as a test, each guarantee is one."""

    example: ClassVar[str] = "{measure: lost_devices, at_most: 0}"

    measure: MeasureName = Field(examples=["lost_devices"])
    """What is measured (model 8)."""
    at_most: Threshold | None = None
    """The largest value that holds: a number, a share, or for time_to_reconnect a duration (seconds)."""
    at_least: Threshold | None = None
    """The smallest value that holds."""
    group: fields.Name | None = None
    """Only this group's devices count."""
    platform: Platform | None = None
    """Only this platform's devices count."""
    within: fields.Period | None = None
    """For reconnected_share and reconnected_devices: how soon after its loss a device counts, in seconds."""
    quantile: fields.Share | None = None
    """For time_to_reconnect: which quantile over the devices; default 100%, the slowest."""
    probability: fields.PositiveShare | None = None
    """The share of replications in which it must hold; default: in every one that is run."""
    confidence: fields.Confidence | None = None
    """With `probability`: how sure the verdict must be; default 95%."""
    allow_vacuous: fields.YesNo = False
    """Whether it passes where nothing exercised it."""

    @property
    def bound(self) -> Bound:
        """What must hold in each replication: the guarantee without its probability."""
        return Bound(
            measure=self.measure,
            at_most=self.at_most,
            at_least=self.at_least,
            selection=Selection(self.group, self.platform),
            within=self.within,
            quantile=self.quantile,
        )

    @property
    def promise(self) -> str:
        """What must be achieved, in words: `lost share at most 1 %, phones`."""
        words = [self.measure.replace("_", " ")]
        if self.quantile is not None:
            words.append(f"({100 * self.quantile:g} % of devices)")
        if self.within is not None:
            words.append(f"within {span(self.within)}")
        side, bound = ("at most", self.at_most) if self.at_most is not None else ("at least", self.at_least)
        words.append(f"{side} {MEASURES[self.measure].in_words(bound)}")
        if self.probability is not None:
            words.append(f"in {100 * self.probability:g} % of cases")
        return ", ".join([" ".join(words), *filter(None, (self.group, self.platform))])

    @field_validator("at_most", "at_least", mode="before")
    @classmethod
    def _threshold(cls, value: object, info: ValidationInfo) -> float:
        return read_threshold(value, measure=info.data.get("measure"))

    @model_validator(mode="before")
    @classmethod
    def _default(cls, written: Any) -> Any:
        if not isinstance(written, Mapping):
            return written
        filled = dict(written)
        if filled.get("probability") is not None and filled.get("confidence") is None:
            filled["confidence"] = 0.95
        if filled.get("measure") in measures_with("quantile") and filled.get("quantile") is None:
            filled["quantile"] = 1.0
        return filled


# --- the whole -----------------------------------------------------------------------------------------


class Contents(Section):
    """The keys of a scenario file.

    Durations are whole seconds, shares lie in [0, 1], `start` is aware and in UTC.
    """

    example: ClassVar[str] = "{name: Phones, start: 2026-03-01, duration: 120d, fleet: [...]}"

    name: fields.Name = Field(examples=["Delayed activation"])
    """What the scenario is called in results."""
    description: str = ""
    """Free text."""
    timezone: fields.Timezone = "UTC"
    """The time zone (IANA) of dates and times without an offset, of hours, and of what is shown."""
    start: fields.Moment = Field(examples=["2026-03-01"])
    """When the run begins: a date or a date and time, in `timezone` unless it names an offset."""
    duration: fields.Period = Field(examples=["120d"])
    """How long the run lasts, in seconds (model 1.3)."""
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 1
    """The seed of every draw (model 7.1)."""
    server: Server = Server()
    """The server at the start."""
    fleet: tuple[Group, ...] = Field(examples=["[{name: phones, devices: 100}]"])
    """The devices, in groups."""
    strategy: tuple[Step, ...] = ()
    """What the administrator does, and when, in this order where instants are equal (model 2)."""
    calendar: Calendar = Calendar()
    """What many devices have in common: holidays, disturbances."""
    recovery: Annotated[
        Recovery | None, BeforeValidator(lambda written: None if written == "none" else written)
    ] = None
    """The help desk that reinstalls the app on lost devices; without it nobody does (model 6.4)."""
    guarantees: tuple[Guarantee, ...] = ()
    """What the plan must achieve."""
    replications: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """How many times the run is repeated with other draws."""
    first_replication: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    """The number of the first of them; replication r draws with (seed, r) (model 7.1)."""

    @field_validator("start", mode="before")
    @classmethod
    def _start(cls, value: object, info: ValidationInfo) -> object:
        """By the clocks of the time zone, if it names no offset."""
        zone = tzinfo_of(info.data.get("timezone", "UTC"))
        if isinstance(value, str) and zone is not UTC and is_date(value) and not has_offset(value):
            return parse_moment(value, zone=zone)
        return value

    @property
    def zone(self) -> tzinfo:
        """The time zone."""
        return tzinfo_of(self.timezone)

    def at(self, instant_s: int) -> datetime:
        """The date of an instant of the run, by the clocks of the time zone."""
        moment = self.start + timedelta(seconds=instant_s)
        try:
            return moment.astimezone(self.zone)
        except OverflowError:  # a certificate valid to the end of the year 9999
            return moment
