"""A strategy written in Python: asked again and again during a run, it answers with actions.

It is the operator's second pair of hands. The strategy of the file is carried out as written; what a policy
answers comes after it in the same second (model 2, phase 2), and shifts nobody's draws.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from functools import partial

from sim.errors import InputError
from sim.processes.administration import Administration
from sim.processes.clock import Moment
from sim.processes.helpdesk import HelpDesk
from sim.world.certificates import NO_CERTIFICATE, Certificate
from sim.world.order import SECONDS_PER_DAY, Phase
from sim.world.plan import Action, CancelReserve, Chase, Gate, Push, Reissue, RestorePrevious


class PolicyError(InputError):
    """A policy cannot be used so; the message says why."""


@dataclass(frozen=True, slots=True)
class Activate:
    """The waiting reserve becomes main in this second."""


@dataclass(frozen=True, slots=True)
class Postpone:
    """The waiting reserve becomes main at `to_s` instead, or at the expiry if that comes first."""

    to_s: int


@dataclass(frozen=True, slots=True)
class Technicians:
    """So many technicians work at the help desk from now on; a reinstallation that runs is finished."""

    number: int


@dataclass(frozen=True, slots=True)
class Log:
    """An event of the run, about the waiting reserve."""

    name: str
    detail: str | None = None


Answer = Action | Activate | Postpone | Technicians | Log


class Policy:
    """Decides during the run. A subclass writes `decide`; one that answers nothing is an observer.

    Every replication has a copy of its own, made before the run, so that what a policy keeps in its
    attributes belongs to one replication; `Result.policies` has the copies as the runs left them.

    Attributes:
        check_every_s: it is asked at second 0, and once in so many seconds.
    """

    check_every_s: int = SECONDS_PER_DAY

    def decide(self, now: Situation) -> Iterable[Answer] | None:
        """What to do now: actions, made by the methods of `now` and carried out in turn; None: nothing.

        Raises:
            NotImplementedError: the subclass does not say.
        """
        raise NotImplementedError


class Situation:
    """The fleet and the server at a check, as an operator sees them, and the actions that there are.

    All instants and durations are in seconds, instants from the start.
    """

    def __init__(self, administration: Administration, desk: HelpDesk | None) -> None:
        self._administration, self._desk = administration, desk

    # --- what there is to see ----------------------------------------------------------------------

    @property
    def at_s(self) -> int:
        """The present instant."""
        return self._administration.clock.now

    @property
    def main(self) -> Certificate:
        """The certificate that the server presents."""
        return self._administration.server.main

    @property
    def reserve(self) -> Certificate | None:
        """The certificate that waits to become main."""
        return self._administration.server.reserve

    @property
    def activates_at_s(self) -> int | None:
        """When the reserve becomes main by its own date; None: at the expiry, or there is no reserve."""
        return self._administration.server.reserve_date_s

    @property
    def waited_s(self) -> int:
        """How long the reserve has waited; 0 without one."""
        server = self._administration.server
        return 0 if server.reserve is None else self.at_s - server.specified_at_s[server.reserve.generation]

    def coverage(self, *groups: str) -> float:
        """Share of the devices, of all groups or of some, that hold the waiting reserve; 0 without one."""
        held, devices = self.holders(*groups)
        return held / devices if devices else 1.0

    def holders(self, *groups: str) -> tuple[int, int]:
        """How many devices, of all groups or of some, hold the waiting reserve, and how many there are.

        Devices that were never connected, or are gone, do not count (model 10.1).
        """
        counted = Gate(1.0, 1, groups=frozenset(groups) or None)
        generation = NO_CERTIFICATE if self.reserve is None else self.reserve.generation
        held, devices = self._administration.coverage(counted, generation, self.at_s)
        return (0 if self.reserve is None else held), devices

    @property
    def devices(self) -> int:
        """How many devices there are."""
        return len(self._administration.devices)

    @property
    def lost(self) -> int:
        """How many of them are without their server now."""
        return self._administration.tally.lost

    @property
    def queue_length(self) -> int:
        """How many of them wait for a technician."""
        return 0 if self._desk is None else self._desk.queue_length

    @property
    def technicians(self) -> int:
        """How many work at the help desk; 0 without one."""
        return 0 if self._desk is None else self._desk.technicians

    # --- what can be done --------------------------------------------------------------------------

    def reissue(self, *, after_s: int | None = None, immediately: bool = False) -> Reissue:
        """Specify a new certificate of Kaspersky Security Center, to become main at the expiry."""
        if immediately:
            return Reissue(self.at_s, "immediately")
        return Reissue(self.at_s, "at expiry" if after_s is None else "after", after_s)

    def activate(self) -> Activate:
        """Make the waiting reserve main now."""
        return Activate()

    def postpone(self, *, by_s: int) -> Postpone:
        """Let the waiting reserve become main so much later than it would: from its date, or from now."""
        date_s = self.activates_at_s
        return Postpone((self.at_s if date_s is None else date_s) + by_s)

    def cancel(self) -> CancelReserve:
        """Remove the waiting reserve."""
        return CancelReserve(self.at_s)

    def restore_previous(self) -> RestorePrevious:
        """Put the previous certificate back."""
        return RestorePrevious(self.at_s)

    def push(
        self,
        *,
        group: str | None = None,
        platform: str | None = None,
        lifetime_s: int = 28 * SECONDS_PER_DAY,
        success: float = 1.0,
    ) -> Push:
        """Ask devices to synchronize (model 10.2)."""
        return Push(self.at_s, lifetime_s, success, group, platform)

    def chase(
        self,
        *,
        per_day: int,
        silent_for_s: int = 0,
        group: str | None = None,
        platform: str | None = None,
        success: float = 1.0,
    ) -> Chase:
        """Visit the devices that lag (model 10.3)."""
        return Chase(self.at_s, silent_for_s, per_day, success, group, platform)

    def log(self, name: str, detail: str | None = None) -> Log:
        """Put down an event, for `Result.events`."""
        return Log(name, detail)

    def employ(self, technicians: int) -> Technicians:
        """Have so many technicians at the help desk."""
        return Technicians(technicians)


def follow(
    policy: Policy, administration: Administration, desk: HelpDesk | None
) -> Generator[Moment, None, None]:
    """The process that asks a policy, and carries out what it answers.

    Raises:
        PolicyError: it answers what is no action, or cannot be carried out.
    """
    clock, plan, server = administration.clock, administration.plan, administration.server
    last = len(plan.actions) + 1
    for at_s in range(0, plan.horizon_s, policy.check_every_s):
        yield clock.at(at_s, Phase.OPERATOR, last)
        for answer in policy.decide(Situation(administration, desk)) or ():
            match answer:
                case Activate():
                    administration.let(server.activate_now)
                case Postpone(to_s=to_s) if to_s > clock.now:
                    administration.let(partial(server.postpone, to_s=to_s))
                case Technicians(number=number) if desk is not None and number >= 0:
                    desk.employ(number)
                case Log(name=name, detail=detail):
                    server.log(clock.now, name, detail)
                case Reissue() | CancelReserve() | RestorePrevious() | Push() | Chase():
                    administration.let(partial(server.act, answer))
                case _:
                    raise PolicyError(
                        f"{type(policy).__name__} answered {answer!r}, which cannot be carried out: answer "
                        "with what the methods of its argument return, such as now.activate(); a reserve is "
                        "postponed to a later second, and technicians need a help desk (recovery)"
                    )


def check(policy: object) -> Policy:
    """A policy that can be asked.

    Raises:
        PolicyError: it is none, or never asked.
    """
    if not isinstance(policy, Policy):
        raise PolicyError(f"a policy is an instance of a subclass of sim.Policy, not {policy!r}")
    if not isinstance(policy.check_every_s, int) or policy.check_every_s < 1:
        raise PolicyError(f"check_every_s is a whole number of seconds from 1, not {policy.check_every_s!r}")
    return policy
