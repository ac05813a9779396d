"""The help desk: calls, a queue, technicians, reinstallations (model 6)."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections.abc import Generator

from sim.processes.clock import Clock, Moment
from sim.processes.device import Device, Request
from sim.world.draws import Purpose
from sim.world.order import Phase
from sim.world.plan import Recovery
from sim.world.server import Server

Life = Generator[Moment, None, None]


Turn = tuple[int, int, Request]
"""Ready instant, device order, request."""


class HelpDesk:
    """Reinstalls the app on lost devices, first come first served by (ready instant, device).

    Attributes:
        technicians: how many there are.
        free: of them those at rest; below 0 while more work than there are.
        queue: (ready instant, device order, request) of the ready, as a heap.
    """

    def __init__(self, clock: Clock, server: Server, recovery: Recovery, *, horizon_s: int) -> None:
        self.clock = clock
        self.server = server
        self.recovery = recovery
        self.horizon_s = horizon_s
        self.technicians = self.free = recovery.technicians
        self.queue: list[Turn] = []
        self._called: dict[int, int] = {}
        self._begun: dict[int, int] = {}
        self._looks_at_s = -1

    def open(self) -> Life:
        """Look into the queue whenever the hours begin."""
        for from_s, _ in self.recovery.hours or ():
            if from_s > self.clock.now:
                yield self.clock.at(from_s, Phase.QUEUE_JOIN)
                self.look()

    def is_open(self) -> bool:
        """Whether a reinstallation may start now (model 6.3a)."""
        hours = self.recovery.hours
        if hours is None:
            return True
        place = bisect_right(hours, self.clock.now, key=lambda window: window[0]) - 1
        return place >= 0 and self.clock.now < hours[place][1]

    @property
    def queue_length(self) -> int:
        """How many ready devices wait for a technician."""
        return sum(not request.withdrawn for _, _, request in self.queue)

    def call(self, device: Device) -> None:
        """A device was lost: its owner will call, unless nobody holds it or a call is under way."""
        if device.request is None and device.profile.ever_on:
            device.request = Request(device)
            self.clock.process(self._get_ready(device.request))

    def withdraw(self, device: Device) -> None:
        """A device reconnected: it leaves the queue, unless a technician is already at it."""
        if device.request is not None and not device.request.in_work:
            device.request.withdrawn = True
            device.request = None

    def employ(self, technicians: int) -> None:
        """Have so many technicians from now on."""
        self.free += technicians - self.technicians
        self.technicians = technicians
        self.look()

    def look(self) -> None:
        """Something changed: let free technicians start in this second's last but one phase."""
        if self.clock.now > self._looks_at_s:
            self._looks_at_s = self.clock.now
            self.clock.process(self._start())

    def _get_ready(self, request: Request) -> Life:
        device = request.device
        number = self._called[device.index] = self._called.get(device.index, -1) + 1
        u, v = device.draws.pair(device.identity, Purpose.OWNER_RESPONDS, number)
        responds_s = self.recovery.owner_responds.draw(u, v)
        yield self.clock.at(
            self.clock.now + self.recovery.begins_s + responds_s, Phase.QUEUE_JOIN, device.index
        )
        if not request.withdrawn:
            self._join(request)

    def _join(self, request: Request) -> None:
        turn: Turn = (self.clock.now, request.device.index, request)
        heapq.heappush(self.queue, turn)
        self.look()

    def _start(self) -> Life:
        yield self.clock.at(self.clock.now, Phase.REINSTALL_START)
        self._looks_at_s = -1
        put_off = []
        while (
            self.free > 0 and self.queue and self.is_open() and self.server.main.is_valid_at(self.clock.now)
        ):
            turn = heapq.heappop(self.queue)
            request = turn[2]
            if request.withdrawn:
                continue
            if not request.device.accepts(self.server.main):
                put_off.append(turn)
                continue
            self.free -= 1
            request.in_work = True
            self.clock.process(self._reinstall(request))
        for turn in put_off:
            heapq.heappush(self.queue, turn)

    def _reinstall(self, request: Request) -> Life:
        device, began_s = request.device, self.clock.now
        number = self._begun[device.index] = self._begun.get(device.index, -1) + 1
        u, v = device.draws.pair(device.identity, Purpose.REINSTALL_TAKES, number)
        ends_s = began_s + self.recovery.takes.draw(u, v)
        device.helpdesk_s += min(ends_s, self.horizon_s) - began_s
        yield self.clock.at(ends_s, Phase.REINSTALL_END, device.index)
        self.free += 1
        request.in_work = False
        device.request = None
        device.reinstall()
        if not device.able:
            device.request = request
            self._join(request)
        self.look()
