"""The server's life by itself: what it presents and hands over, from one control instant to the next.

Nothing a device does changes what the server does, so this can be told before any device moves.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import count
from typing import Final

from sim.world.certificates import NO_CERTIFICATE
from sim.world.order import Phase
from sim.world.plan import Action, Chase, Plan, Push, Reissue
from sim.world.server import Change, Event, Onlooker, Server

Doing = Callable[[int], Change | None]


@dataclass(frozen=True, slots=True)
class State:
    """What devices meet from one control instant to the next."""

    from_s: int  # instant from which it holds; several may share one, in order
    # what happened to the presented certificate at its beginning; None: something else did
    change: Change | None
    main: int  # generation presented
    is_valid: bool  # whether it is valid as long as this state lasts
    reserve: int  # generation handed over; -1 for none
    is_out: bool  # whether an outage lasts
    open_addresses: frozenset[str]  # addresses that answer when there is no outage


@dataclass(frozen=True)
class Timeline:
    """What the server did over the whole run, in order."""

    server: Server  # as it is just before the horizon
    # one from the start, before anything happens, and one after each thing that did
    states: tuple[State, ...]
    activated: Mapping[int, int]  # by generation, the number of the first state in which it is or was main
    replaced: Mapping[int, int]  # the same of those that were replaced while they were reserve
    specified: Mapping[int, int]  # the same of those that are or were reserve

    @property
    def events(self) -> tuple[Event, ...]:
        """Everything the server and the operator did."""
        return tuple(self.server.events)

    @property
    def switches(self) -> Iterator[tuple[State, State]]:
        """Every change of the presented certificate: the state before it and the one after."""
        pairs = zip(self.states, self.states[1:], strict=False)
        return ((before, after) for before, after in pairs if after.change is not None)

    def handed_out(self, generation: int) -> Iterator[tuple[int, int]]:
        """The stretches [from, to) in which a synchronization brings a certificate as the reserve, joined.

        The server hands it over and answers at the main certificate's address, and that is valid (model 4.2).
        What lasts to the end of the run is left out: a certificate that becomes main is no reserve any more.
        """
        begun_s: int | None = None
        for state in self.states:
            address = self.server.certificates[state.main].address
            answers = not state.is_out and address in state.open_addresses
            if state.reserve == generation and state.is_valid and answers:
                begun_s = state.from_s if begun_s is None else begun_s
                continue
            if begun_s is not None and begun_s < state.from_s:
                yield begun_s, state.from_s
            begun_s = None

    @property
    def first_reserve(self) -> int:
        """The run's first reserve, which an inventory's devices may already hold (model 5.1)."""
        return min(self.server.specified_at_s, default=UNKNOWN_CERTIFICATE)

    @cached_property
    def makers(self) -> dict[int, Reissue]:
        """The operator's reissue that made each certificate, by generation; none for the server's own."""
        fit = (a for a in self.server.plan.actions if isinstance(a, Reissue) and a.unfit is None)
        makes = ("reserve specified", "certificate replaced immediately")
        return {
            event.generation: next(fit)
            for event in self.events
            if event.name in makes and event.by == "operator" and event.generation is not None
        }

    @property
    def latest_reserve(self) -> int:
        """The reserve that was specified last; -1 where there was none."""
        return max(self.server.specified_at_s, default=NO_CERTIFICATE)


UNKNOWN_CERTIFICATE: Final = -2
"""A certificate that the server never presents."""


def play(plan: Plan, onlooker: Onlooker | None = None) -> Timeline:
    """Let the server live through [0, horizon) without any device.

    Without an `onlooker`, who answers for the devices, no gate opens.
    """
    server = Server(plan, onlooker=onlooker)
    states: list[State] = []
    activated, replaced, specified = {server.main.generation: 0}, dict[int, int](), dict[int, int]()
    told = 0
    for number, state in enumerate(_states(server, plan)):
        open_now = states[-1].open_addresses if states else state.open_addresses
        states.append(replace(state, open_addresses=open_now) if state.open_addresses == open_now else state)
        activated.setdefault(state.main, number)
        for event in server.events[told:]:
            of = {"reserve replaced": replaced, "reserve specified": specified}.get(event.name)
            if of is not None and event.generation is not None:
                of.setdefault(event.generation, number)
        told = len(server.events)
    return Timeline(server, tuple(states), activated, replaced, specified)


def _state(server: Server, now_s: int, change: Change | None) -> State:
    return State(
        from_s=now_s,
        change=change,
        main=server.main.generation,
        is_valid=server.main.is_valid_at(now_s),
        reserve=NO_CERTIFICATE if server.reserve is None else server.reserve.generation,
        is_out=server.outages_now > 0,
        open_addresses=frozenset(server.open_addresses),
    )


def _states(server: Server, plan: Plan) -> Iterator[State]:
    sequence = count()
    queue: list[tuple[int, int, int, int, Doing]] = []
    looked_ahead_to: set[int] = set()

    def at(instant_s: int, phase: Phase, doing: Doing, order: int = 0) -> None:
        if instant_s < plan.horizon_s:
            heapq.heappush(queue, (instant_s, phase, order, next(sequence), doing))

    def automatic(now_s: int, tenure: int) -> Change | None:
        return server.reissue_automatically(now_s) if server.tenure == tenure else None

    def look_ahead(now_s: int) -> None:
        upcoming_s = server.next_certificate_instant_s(now_s)
        if upcoming_s is not None and upcoming_s not in looked_ahead_to:
            looked_ahead_to.add(upcoming_s)
            at(upcoming_s, Phase.CERTIFICATE, server.pass_certificate_instant)
        for instant_s, what, address in server.take_agenda():
            turn = server.open_address if what == "open" else server.close_address
            at(instant_s, Phase.SERVER, partial(turn, address=address))

    def look_for_automatic() -> None:
        instant_s = server.automatic_instant_s()
        if instant_s is not None:
            at(instant_s, Phase.OPERATOR, partial(automatic, tenure=server.tenure))

    yield _state(server, 0, None)
    look_for_automatic()
    for outage in plan.outages:
        at(outage.from_s, Phase.SERVER, server.begin_outage)
        at(outage.to_s, Phase.SERVER, server.end_outage)

    def act(now_s: int, action: Action, order: int) -> Change | None:
        change = server.act(action, now_s)
        generation = len(server.certificates) - 1
        if isinstance(action, Reissue) and action.gate is not None and server.waits_for_coverage(generation):
            check(action.gate.checks(now_s), generation, order)
        return change

    def check(checks: Iterator[int], generation: int, order: int) -> None:
        """Arrange the next check of a gate."""
        instant_s = next(checks, None)
        if instant_s is not None:
            doing = partial(pass_gate, checks=checks, generation=generation, order=order)
            at(instant_s, Phase.OPERATOR, doing, order)

    def pass_gate(now_s: int, checks: Iterator[int], generation: int, order: int) -> Change | None:
        change = server.check_gate(now_s, generation)
        if server.waits_for_coverage(generation):
            check(checks, generation, order)
        return change

    def is_quiet(doing: Doing) -> bool:
        """Whether it concerns devices, and the server only if the reserve becomes main or is cancelled."""
        if not isinstance(doing, partial):
            return False
        return doing.func is pass_gate or isinstance(doing.keywords.get("action"), Push | Chase)

    for order, action in enumerate(plan.actions, start=1):  # automatic reissue is number 0 of its second
        at(action.at_s, Phase.OPERATOR, partial(act, action=action, order=order), order)
    at(0, Phase.CERTIFICATE, server.pass_certificate_instant)
    look_ahead(0)
    while queue:
        now_s, _, _, _, doing = heapq.heappop(queue)
        tenure, reserve = server.tenure, server.reserve
        change = doing(now_s)
        if change is not None or server.reserve is not reserve or not is_quiet(doing):
            yield _state(server, now_s, change)
        if server.tenure != tenure:
            look_for_automatic()
        look_ahead(now_s)
