"""The server's life by itself: what it presents and hands over, from one control instant to the next.

Nothing a device does changes what the server does, so this can be told before any device moves.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count

from sim.world.order import Phase
from sim.world.plan import Plan
from sim.world.server import Change, Event, Server

Doing = Callable[[int], Change | None]


@dataclass(frozen=True, slots=True)
class Switch:
    """A change of the certificate that devices meet (model 5.5).

    Attributes:
        at_s: instant.
        change: what happened.
        before: generation presented before.
        after: generation presented from now on.
    """

    at_s: int
    change: Change
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """What the server did over the whole run, in order.

    Attributes:
        server: its state just before the horizon.
        switches: every change of the presented certificate.
    """

    server: Server
    switches: tuple[Switch, ...]

    @property
    def events(self) -> tuple[Event, ...]:
        """Everything the server and the operator did."""
        return tuple(self.server.events)


def play(plan: Plan) -> Timeline:
    """Let the server live through [0, horizon) without any device."""
    server = Server(plan)
    switches = tuple(_switches(server, plan))
    return Timeline(server, switches)


UNKNOWN_CERTIFICATE = -2
"""A certificate that the server never presents."""


def first_reserve_of(plan: Plan) -> int:
    """Generation of the run's first reserve, which an inventory's devices may already hold (model 5.1)."""
    return min(play(plan).server.specified_at_s, default=UNKNOWN_CERTIFICATE)


def _switches(server: Server, plan: Plan) -> Iterator[Switch]:
    sequence = count()
    queue: list[tuple[int, int, int, int, Doing]] = []
    looked_ahead_to: set[int] = set()

    def at(instant_s: int, phase: Phase, doing: Doing, order: int = 0) -> None:
        if instant_s < plan.horizon_s:
            heapq.heappush(queue, (instant_s, phase, order, next(sequence), doing))

    def automatic(now_s: int, since_s: int, generation: int) -> Change | None:
        if (server.main_since_s, server.main.generation) != (since_s, generation):
            return None
        return server.reissue_automatically(now_s)

    def look_ahead(now_s: int) -> None:
        upcoming_s = server.next_certificate_instant_s(now_s)
        if upcoming_s is not None and upcoming_s not in looked_ahead_to:
            looked_ahead_to.add(upcoming_s)
            at(upcoming_s, Phase.CERTIFICATE, server.pass_certificate_instant)
        for instant_s, what, address in server.take_agenda():
            at(instant_s, Phase.SERVER, partial(_turn_address, server, what, address))

    def look_for_automatic() -> None:
        instant_s = server.automatic_instant_s()
        if instant_s is not None:
            doing = partial(automatic, since_s=server.main_since_s, generation=server.main.generation)
            at(instant_s, Phase.OPERATOR, doing)

    look_for_automatic()
    for outage in plan.outages:
        at(outage.from_s, Phase.SERVER, partial(_outage, server, True))
        at(outage.to_s, Phase.SERVER, partial(_outage, server, False))
    for order, action in enumerate(plan.actions, start=1):  # automatic reissue is number 0 of its second
        at(action.at_s, Phase.OPERATOR, partial(server.act, action), order)
    at(0, Phase.CERTIFICATE, server.pass_certificate_instant)
    look_ahead(0)
    while queue:
        now_s, _, _, _, doing = heapq.heappop(queue)
        before = server.main.generation
        change = doing(now_s)
        if change is not None:
            yield Switch(now_s, change, before, server.main.generation)
            if server.main.generation != before:
                look_for_automatic()
        look_ahead(now_s)


def _turn_address(server: Server, what: str, address: str, now_s: int) -> None:
    turn = server.open_address if what == "open" else server.close_address
    turn(now_s, address)


def _outage(server: Server, begins: bool, now_s: int) -> None:
    turn = server.begin_outage if begins else server.end_outage
    turn(now_s)
