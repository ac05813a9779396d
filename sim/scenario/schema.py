"""What a scenario file may hold: one frozen class per section, one attribute per key.

A new key is an attribute of the section that it belongs to, with its type from `fields.py`, a default and
what it means; `reissue schema`, docs/reference.md and the messages follow. What ties keys together is checked
in `mistakes.py`; `prepare.py` turns what is written into what the engines read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BeforeValidator, Discriminator, Field, PrivateAttr, Tag, field_validator, model_validator
from pydantic_core import PydanticKnownError
from pydantic_core.core_schema import ValidationInfo

from sim.lists.dates import tzinfo_of
from sim.results.measures import MEASURES, Bound, Key, Selection, measures_with
from sim.scenario import fields
from sim.scenario.fields import (
    IN_OTHER,
    IN_WORD,
    Activate,
    Interval,
    Section,
    WordOr,
    names_twice,
    read_by,
    read_moment,
)
from sim.scenario.fleet import MOST_DEVICES, Calendar, Group, RandomDuration
from sim.scenario.instants import Instant
from sim.scenario.problems import Mistake
from sim.scenario.values import kind_of, parse_duration, parse_share
from sim.text import listed, span
from sim.world.certificates import LONGEST_LIFE_S
from sim.world.distributions import Distribution
from sim.world.order import SECONDS_PER_DAY

# --- the server ----------------------------------------------------------------------------------------

MOST_CERTIFICATES: Final = 10_000
"""That automatic reissue may make in a run, which takes half a second."""


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

    def misfits(self) -> Iterator[Mistake]:
        """Files of a certificate that the server makes itself, and a private key alone."""
        for key in ("file", "key", "password_env"):
            if getattr(self, key) is None:
                continue
            if self.issuer != "custom":
                yield Mistake((key,), f"{key} is for a custom certificate: add issuer: custom", at_key=True)
            elif key == "key" and self.file is None:
                message = "key comes with file: name the certificate's file too"
                yield Mistake((key,), message, at_key=True)


class Certificate(CertificateSource):
    """The main certificate at the start (model 3); its validity comes from `file`, if there is one."""

    example: ClassVar[str] = "{expires: day 61}"

    expires: fields.Instant | None = None
    """When it expires; default: `valid_for` after the start."""
    valid_for: fields.CertificateLife = LONGEST_LIFE_S
    """How long it is valid in all, in seconds; at most 397 days (model 3.2)."""

    def misfits(self) -> Iterator[Mistake]:
        """An expiry that is counted from itself."""
        yield from super().misfits()
        if self.expires is not None and self.expires.depends_on_expiry:
            advice = "write a date, or day 61 counted from the start"
            yield Mistake(("expires",), f"the expiry cannot be counted from itself: {advice}")


class Lead(Section):
    """A reserve by itself, so long before every expiry (model 3.7)."""

    example: ClassVar[str] = "{lead: 90d}"

    lead: fields.Period = 90 * SECONDS_PER_DAY
    """How long before the main certificate expires, in seconds."""


class Outage(Interval):
    """A time in which no device reaches the server (model 4.1)."""

    example: ClassVar[str] = "{from: day 20 08:00, for: 6h}"

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
    automatic_reissue: WordOr[Literal["default", "off", "on"], Lead] = "default"
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
    address: WordOr[Literal["keep"], AddressChange] = "keep"
    """Whether devices keep the connection address or change it: keep, or {change_to: HOST:PORT}."""


class Empty(Section):
    """An action that takes no settings."""

    example: ClassVar[str] = "{}"


class Push(Section):
    """A message asks devices to synchronize now (model 10.2)."""

    example: ClassVar[str] = "{lifetime: 28d}"

    group: fields.Name | None = None
    """Only this group's devices; default: all."""
    platform: fields.Platform | None = None
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
    platform: fields.Platform | None = None
    """Only this platform's devices; default: all."""
    silent_for: fields.Duration = 0
    """On the list are devices whose last synchronization is at least so long ago, in seconds."""
    per_day: int = Field(ge=1, le=86_400, examples=[20])
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

    def misfits(self) -> Iterator[Mistake]:
        """Several actions, or none."""
        taken = [key for key in self.bare_keys if getattr(self, key) is not None]
        if not taken:
            yield Mistake((), f"a step needs an action: write one of {', '.join(self.bare_keys)}")
        elif len(taken) > 1:
            message = f"a step is one action, and this has {listed(taken)}: write a step for each"
            yield Mistake((taken[-1],), message, at_key=True)


# --- the help desk, and what is promised ---------------------------------------------------------------


class Recovery(Section):
    """The help desk that reinstalls the app on lost devices (model 6); the defaults are an example desk."""

    example: ClassVar[str] = "{technicians: 4}"

    technicians: Annotated[
        Annotated[int, Field(ge=1, le=1_000_000), Tag(IN_OTHER)]
        | Annotated[Literal["unlimited"], Tag(IN_WORD)],
        Discriminator(lambda written: IN_WORD if written == "unlimited" else IN_OTHER),
    ] = 4
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
    platform: fields.Platform | None = None
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
        """A share, seconds or a number, by the measure; any value where the measure itself is wrong."""
        measure = MEASURES.get(info.data.get("measure", ""))
        if measure is None:
            return 0.0
        if measure.unit == "share":
            return parse_share(value)
        if measure.unit == "duration":
            return parse_duration(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf:
            return float(value)
        unit = measure.unit if measure.unit in ("days", "hours") else "devices or times"
        share = f"; for a share, bound {measure.as_share}" if measure.as_share else ""
        raise ValueError(f"{kind_of(value)} is not possible: write a number of {unit} of at least 0{share}")

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, written: Mapping[str, Any]) -> Mapping[str, Any]:
        defaults = {"confidence": 0.95} if "probability" in written else {}
        if written.get("measure") in measures_with("quantile"):
            defaults["quantile"] = 1.0
        return {**defaults, **written}

    def misfits(self) -> Iterator[Mistake]:
        """Two bounds or none, and what the measure or a missing probability makes meaningless."""
        if self.at_most is not None and self.at_least is not None:
            message = "a guarantee has one bound: write at_most and at_least as two guarantees"
            yield Mistake(("at_least",), message, at_key=True)
        elif self.at_most is None and self.at_least is None:
            yield Mistake((), "a guarantee needs a bound: add at_most or at_least, such as at_most: 0")
        keys: tuple[Key, ...] = ("within", "quantile")
        for key in keys:
            if getattr(self, key) is not None and self.measure not in measures_with(key):
                belongs = f"{key} goes with {listed(measures_with(key))}, not with {self.measure}"
                yield Mistake((key,), f"{belongs}: leave it out", at_key=True)
        if self.confidence is not None and self.probability is None:
            message = "confidence goes with a probability: add one, such as probability: 95%"
            yield Mistake(("confidence",), message, at_key=True)


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
    seed: int = Field(1, ge=0, le=2**63 - 1)
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
    replications: int = Field(1, ge=1, le=1_000_000)
    """How many times the run is repeated with other draws."""
    first_replication: int = Field(0, ge=0, le=2**31 - 1)
    """The number of the first of them; replication r draws with (seed, r) (model 7.1)."""

    _file_validity_s: tuple[int, int] | None = PrivateAttr(default=None)
    """Not-before and not-after of the first certificate's file, once that has been read."""

    @field_validator("start", mode="before")
    @classmethod
    def _start(cls, value: object, info: ValidationInfo) -> datetime:
        return read_moment(value, zone=tzinfo_of(info.data.get("timezone", "UTC")))

    def misfits(self) -> Iterator[Mistake]:
        """No group, two of a name, or too many devices or certificates."""
        if not self.fleet:
            yield Mistake(("fleet",), "a fleet has at least one group: write - {name: phones, devices: 100}")
        yield from names_twice(self.fleet, "fleet")
        total = sum(group.devices or 0 for group in self.fleet)
        if total > MOST_DEVICES:
            most = f"write at most {MOST_DEVICES:,}"
            yield Mistake(("fleet",), f"{total:,} devices in all are too many: {most}")
        lives = self.duration / self.server.certificate.valid_for
        if self.server.automatic_reissue != "off" and lives > MOST_CERTIFICATES:
            words = f"{lives:,.0f} certificates, one after the other, are too many: write a longer life"
            yield Mistake(("server", "certificate", "valid_for"), words)

    @property
    def known_validity_s(self) -> tuple[int, int] | None:
        """Not-before and not-after of the first certificate, in seconds from the start; None: not known."""
        certificate = self.server.certificate
        if certificate.file is not None:
            return self._file_validity_s
        if certificate.expires is None:
            return 0, certificate.valid_for
        expiry_s = certificate.expires.resolve(start=self.start, expiry_s=None, zone=self.zone)
        return expiry_s - certificate.valid_for, expiry_s

    def known_instant(self, instant: Instant) -> int | None:
        """Seconds from the start; None where that depends on an expiry that is not known yet."""
        validity_s = self.known_validity_s if instant.depends_on_expiry else None
        if instant.depends_on_expiry and validity_s is None:
            return None
        return instant.resolve(start=self.start, expiry_s=validity_s and validity_s[1], zone=self.zone)

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
