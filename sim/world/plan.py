"""The plan: all that is decided before the first device moves. Frozen; both engines read it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import count
from math import ceil
from typing import Final, Literal

from sim.world.certificates import Certificate, Issuer
from sim.world.distributions import Distribution
from sim.world.fleet import Profile, Windows, are_in_order
from sim.world.order import SECONDS_PER_DAY


@dataclass(frozen=True, slots=True)
class AddressChange:
    """The new connection address that comes with a reissue (model 4.3)."""

    address: str  # the new address
    opens_s: int | None  # instant at which it opens; None: at activation
    old_stays_s: int  # how long after activation the old one stays open


@dataclass(frozen=True, slots=True)
class Gate:
    """The reserve becomes main once enough devices hold it (model 10.1).

    Durations count from its specification.
    """

    coverage: float  # least share of the devices
    check_every_s: int  # period of the checks
    not_before_s: int = 0  # no check is earlier
    not_after_s: int | None = None  # the last check; None: there is none
    otherwise: Literal["activate", "cancel"] = "activate"  # what happens at the last check if too few hold it
    groups: frozenset[str] | None = None  # whose devices are counted; None: all

    def __post_init__(self) -> None:
        """The checks move on, and the last is one of them."""
        assert self.check_every_s > 0
        assert self.not_after_s is None or self.not_after_s > 0

    def needed(self, devices: int) -> int:
        """How many of so many devices must hold it: the share is taken as it is written in decimals."""
        return ceil(Fraction(repr(self.coverage)) * devices)

    def checks(self, specified_s: int) -> Iterator[int]:
        """The instants at which coverage is looked at."""
        first = max(1, -(-self.not_before_s // self.check_every_s))
        for number in count(first):
            after_s = number * self.check_every_s
            if self.not_after_s is not None and after_s >= self.not_after_s:
                yield specified_s + self.not_after_s
                return
            yield specified_s + after_s

    def is_last(self, check_s: int, specified_s: int) -> bool:
        """Whether it is the last check."""
        return self.not_after_s is not None and check_s == specified_s + self.not_after_s


@dataclass(frozen=True, slots=True)
class Reissue:
    """A new certificate is specified (model 3.4, 3.5)."""

    at_s: int  # instant
    activate: Literal["immediately", "after", "at expiry", "when covered"]  # when it becomes main
    after_s: int | None = None  # the activation delay N of `after`, in seconds
    issuer: Issuer = "ksc"  # who made it
    valid_for_s: int | None = None  # its life; None: that of the certificate it succeeds
    # from a certificate file: start of its validity; None: the instant of issue
    not_before_s: int | None = None
    address: AddressChange | None = None  # the change of address, if any
    # why it breaks Kaspersky's requirements, so that the action fails (model 5.6); None if fit
    unfit: str | None = None
    refused_by: frozenset[str] = frozenset()  # platforms that refuse it
    identity: str | None = None  # `sha256:…` of a certificate from a file; None: a made-up one
    gate: Gate | None = None  # of `when covered`: from what coverage on it becomes main
    # index in the strategy; None: not from a strategy. It says where the action comes from and not what
    # it does, so that it is no part of equality
    step: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class CancelReserve:
    """The waiting reserve is removed from the server (model 3.9); `step` as in `Reissue`."""

    at_s: int
    step: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class RestorePrevious:
    """The previous main certificate is put back (model 3.9); `step` as in `Reissue`."""

    at_s: int
    step: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Push:
    """A message asks devices to synchronize (model 10.2); `step` as in `Reissue`."""

    at_s: int  # instant
    lifetime_s: int  # how long the message waits for a device that is off
    success: float = 1.0  # probability that it reaches a device
    group: str | None = None  # whom it is sent to; None: all
    platform: str | None = None
    step: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Chase:
    """Somebody visits the devices that lag (model 10.3); `step` as in `Reissue`."""

    at_s: int  # when the list is made
    silent_for_s: int  # on it are devices whose last synchronization is at least so long ago
    per_day: int  # visits a day
    success: float = 1.0  # probability that a visit finds the device
    group: str | None = None  # whose devices; None: all
    platform: str | None = None
    step: int | None = field(default=None, compare=False)

    def visit_s(self, number: int) -> int:
        """When visit 0, 1, … is made."""
        return self.at_s + (number + 1) * SECONDS_PER_DAY // self.per_day


def concerns(action: Push | Chase, profile: Profile) -> bool:
    """Whether a push or a chase is about the devices of a profile."""
    return action.group in (None, profile.group) and action.platform in (None, profile.platform)


Action = Reissue | CancelReserve | RestorePrevious | Push | Chase


@dataclass(frozen=True, slots=True)
class Outage:
    """The server answers nobody in [from_s, to_s)."""

    from_s: int  # in seconds from the start
    to_s: int
    # whether it is off, and makes no reserve by itself until it is on again (model 3.7)
    server_is_off: bool = False


@dataclass(frozen=True, slots=True)
class Holiday:
    """Some devices are away for all of [from_s, to_s) (model 12.2)."""

    name: str  # keys the draws
    from_s: int  # in seconds from the start
    to_s: int
    share: float  # probability that a device is away
    groups: frozenset[str] | None = None  # whose devices; None: all


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Something that now and then takes many devices at once (model 12.3)."""

    name: str  # keys the draws
    share: float  # probability that an occurrence takes a device
    every: Distribution  # from the start, or the end of an occurrence, to the next one
    lasts: Distribution  # length of an occurrence
    groups: frozenset[str] | None = None  # whose devices; None: all


UNLIMITED: Final = 1 << 40
"""Technicians where nobody ever waits for one (model 6.3a)."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """The help desk (model 6)."""

    technicians: int  # how many reinstallations run at once; `UNLIMITED` for self-service
    begins_s: int  # from the loss to the call for help
    owner_responds: Distribution  # from the call until the device's owner is ready
    takes: Distribution  # length of a reinstallation
    hours: Windows | None = None  # when a reinstallation may start; None: at any time (model 6.3a)

    def __post_init__(self) -> None:
        """The hours are in order."""
        assert self.hours is None or are_in_order(self.hours)


@dataclass(frozen=True, slots=True)
class Plan:
    """What the server and the operator will do."""

    horizon_s: int  # the run covers [0, horizon_s)
    first: Certificate  # the main certificate at the start
    # how long before expiry the server makes a reserve by itself; None: never
    automatic_lead_s: int | None = None
    activation: Literal["earliest", "date"] = "earliest"  # which wins, the date or the expiry (model 3.5)
    actions: tuple[Action, ...] = ()  # the operator's, in the order of (instant, as written)
    outages: tuple[Outage, ...] = ()  # of the server
    recovery: Recovery | None = None  # the help desk; None: nobody reinstalls
    sample_s: int = 3600  # period of the time series
    # the instant from which a new certificate is valid (model 3.6)
    valid_from: Literal["issue", "activation"] = "issue"
    # whether the previous one can be restored: `kept`, `invalid`, or as its issuer says, where those of
    # Kaspersky Security Center cannot and custom ones can (model 3.9)
    previous_certificate: Literal["default", "kept", "invalid"] = "default"
    holidays: tuple[Holiday, ...] = ()  # when shares of the devices are away (model 12.2); every name once
    # what takes many devices at once (model 12.3); every name once
    disturbances: tuple[Disturbance, ...] = ()

    def __post_init__(self) -> None:
        """Hold the order that the operator follows."""
        assert self.horizon_s > 0
        assert all(a.at_s <= b.at_s for a, b in zip(self.actions, self.actions[1:], strict=False))
        assert all(a.at_s >= 0 for a in self.actions)
        for named in (self.holidays, self.disturbances):
            assert len({one.name for one in named}) == len(named)

    @property
    def couples_devices(self) -> bool:
        """Whether what becomes of a device may depend on others: a help desk, a gate, a chase."""
        return self.recovery is not None or bool(self.levers_that_couple)

    @property
    def levers_that_couple(self) -> tuple[str, ...]:
        """The names of its levers by which devices depend on each other, but for the help desk."""
        has_gate = any(isinstance(action, Reissue) and action.gate is not None for action in self.actions)
        has_chase = any(isinstance(action, Chase) for action in self.actions)
        return ("a gate",) * has_gate + ("a chase",) * has_chase

    @property
    def common_causes(self) -> tuple[Holiday | Disturbance, ...]:
        """What takes many devices at once, by chance."""
        return (*self.holidays, *self.disturbances)

    def action(self, step: int) -> Action:
        """The action of a step of the strategy.

        Raises:
            LookupError: no step has this index.
        """
        for action in self.actions:
            if action.step == step:
                return action
        raise LookupError(f"the plan has no step {step}")

    def reissue(self, step: int) -> Reissue:
        """The action of a step that is a reissue.

        Raises:
            LookupError: no step has this index, or it is another action.
        """
        action = self.action(step)
        if not isinstance(action, Reissue):
            raise LookupError(f"step {step} of the plan is not a reissue")
        return action

    def with_action(self, step: int | None, action: Action) -> Plan:
        """The plan in which a step of the strategy is another action; None: with one action more."""
        rest = self if step is None else self.without_action(step)
        actions = (*rest.actions, replace(action, step=step))
        return replace(self, actions=tuple(sorted(actions, key=_order)))

    def with_delay(self, step: int, delay_s: int) -> Plan:
        """The plan in which a reissue activates its certificate so many seconds after it is specified."""
        return self.with_action(
            step, replace(self.reissue(step), activate="after", after_s=delay_s, gate=None)
        )

    def without_action(self, step: int) -> Plan:
        """The plan without a step of the strategy."""
        left_out = self.action(step)
        return replace(self, actions=tuple(action for action in self.actions if action is not left_out))


def _order(action: Action) -> tuple[int, bool, int]:
    """By instant, then as written, then those of no step."""
    return action.at_s, action.step is None, action.step or 0
