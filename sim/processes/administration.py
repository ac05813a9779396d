"""The Administration Server, its certificates and the operator, as SimPy processes (model 3, 4)."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from itertools import count
from typing import Final

from sim.processes.clock import Clock, Moment
from sim.processes.device import NOT_YET, Device, Tally
from sim.world.certificates import Certificate
from sim.world.draws import Purpose
from sim.world.order import Phase
from sim.world.plan import Chase, Gate, Outage, Plan, Push, Reissue, concerns
from sim.world.server import Change, Server

Life = Generator[Moment, None, None]

_AUTOMATIC_FIRST: Final = 0
"""Before the actions of its second; where an action calls for it, before the next action."""


class Administration:
    """The server among processes: it lets the rules of `Server` happen at their instants.

    After every switch of the presented certificate it tells the devices, and whoever listens.

    Attributes:
        server: the state that devices meet.
        coverages: per change of the main certificate, for each device whether it held the coming one.
    """

    def __init__(self, clock: Clock, plan: Plan, tally: Tally) -> None:
        self.clock = clock
        self.tally = tally
        self.plan = plan
        self.server = Server(plan, onlooker=self)
        self.devices: list[Device] = []
        self.coverages: list[list[bool]] = []
        self.on_loss: Callable[[Device], None] | None = None
        self.on_switch: Callable[[], None] | None = None
        self._sequence = count(len(plan.outages))

    def open(self) -> None:
        """Start the processes."""
        self.clock.process(self._operator())
        for number, outage in enumerate(self.plan.outages):
            self.clock.process(self._outage(number, outage))
        self._watch_main(after_s=-1)

    # --- the life of a certificate ---------------------------------------------------------------

    def _watch_main(self, *, after_s: int) -> None:
        """Follow the certificate that is main now: its validity, its expiry, its automatic successor."""
        main, tenure = self.server.main, self.server.tenure
        for instant_s in (main.not_before_s, main.not_after_s):
            if instant_s > after_s:
                self.clock.process(self._pass(instant_s, tenure))
        automatic_s = self.server.automatic_instant_s()
        if automatic_s is not None:
            self.clock.process(self._reissue_automatically(automatic_s, tenure))

    def _pass(self, instant_s: int, tenure: int) -> Life:
        yield self.clock.at(instant_s, Phase.CERTIFICATE)
        if self.server.tenure == tenure:
            self.let(self.server.pass_certificate_instant)

    def _reissue_automatically(self, instant_s: int, tenure: int) -> Life:
        yield self.clock.at(instant_s, Phase.OPERATOR, _AUTOMATIC_FIRST)
        if self.server.tenure == tenure:
            self.let(self.server.reissue_automatically)

    def _wait_for_the_date(self, reserve: Certificate, date_s: int) -> Life:
        yield self.clock.at(date_s, Phase.CERTIFICATE)
        if self.server.reserve is reserve:
            self.let(self.server.pass_certificate_instant)

    # --- outages, addresses, the operator --------------------------------------------------------

    def _outage(self, number: int, outage: Outage) -> Life:
        yield self.clock.at(outage.from_s, Phase.SERVER, number)
        self.server.begin_outage(self.clock.now)
        yield self.clock.at(outage.to_s, Phase.SERVER, number)
        self.server.end_outage(self.clock.now)

    def _turn_address(self, instant_s: int, what: str, address: str) -> Life:
        yield self.clock.at(instant_s, Phase.SERVER, next(self._sequence))
        turn = self.server.open_address if what == "open" else self.server.close_address
        turn(self.clock.now, address)

    def _operator(self) -> Life:
        for order, action in enumerate(self.plan.actions, start=_AUTOMATIC_FIRST + 1):
            yield self.clock.at(action.at_s, Phase.OPERATOR, order)
            self.let(partial(self.server.act, action))
            generation = len(self.server.certificates) - 1
            if isinstance(action, Reissue) and action.gate is not None:
                self.clock.process(self._gate(action.gate, generation, order))

    def _gate(self, gate: Gate, generation: int, order: int) -> Life:
        for check_s in gate.checks(self.clock.now):
            if not self.server.waits_for_coverage(generation):
                return
            yield self.clock.at(check_s, Phase.OPERATOR, order)
            self.let(partial(self.server.check_gate, generation=generation))

    # --- what the operator asks of devices (model 10) --------------------------------------------

    def coverage(self, gate: Gate, generation: int, now_s: int) -> tuple[int, int]:
        """How many of the gate's devices hold a certificate now, and how many there are."""
        counted = [
            device
            for device in self.devices
            if device.is_connected and (gate.groups is None or device.profile.group in gate.groups)
        ]
        held = sum(generation in (device.main_slot, device.reserve_slot) for device in counted)
        return held, len(counted)

    def push(self, push: Push) -> None:
        """Send a message: with some probability it reaches a device."""
        now_s = self.clock.now
        for device in self.devices:
            if device.is_connected and concerns(push, device.profile):
                u, _ = device.draws.pair(device.identity, Purpose.PUSH, push.at_s)
                if u < push.success:
                    self.clock.process(device.push(now_s + push.lifetime_s))

    def chase(self, number: int, chase: Chase, generation: int) -> int:
        """Put down whom to visit: longest silent first, then in device order."""
        last_sync_at_s = self.tally.last_sync_at_s
        listed = []
        for device in self.devices:
            last_s = last_sync_at_s[device.index]
            if last_s == NOT_YET:
                last_s = -max(device.silent_for_s, 0)
            if (
                device.is_connected
                and concerns(chase, device.profile)
                and generation not in (device.main_slot, device.reserve_slot)
                and self.clock.now - last_s >= chase.silent_for_s
            ):
                listed.append((last_s, device.index))
        visits = [
            (chase.visit_s(visit), self.devices[index]) for visit, (_, index) in enumerate(sorted(listed))
        ]
        self.clock.process(self._visit(chase, visits))
        return len(visits)

    def _visit(self, chase: Chase, visits: list[tuple[int, Device]]) -> Life:
        found = []
        for visit_s, device in visits:
            u, _ = device.draws.pair(device.identity, Purpose.VISIT, chase.at_s)
            found.append(u < chase.success and device.profile.ever_on)
            if found[-1]:
                device.visits_at_s.add(visit_s)
        for (visit_s, device), is_found in zip(visits, found, strict=True):
            yield self.clock.at(visit_s, Phase.SYNC, device.index)
            device.visits += 1
            if is_found:
                device.take_turn(visit_s, True)

    # --- what a switch sets off ------------------------------------------------------------------

    def let(self, rule: Callable[[int], Change | None]) -> None:
        """Let one thing happen to the server; then tell the devices, and follow what has become new."""
        server = self.server
        tenure, reserve, date_s = server.tenure, server.reserve, server.reserve_date_s
        change = rule(self.clock.now)
        if server.tenure != tenure:
            main = server.main.generation
            self.coverages.append(
                [main in (device.main_slot, device.reserve_slot) for device in self.devices]
            )
        if change is not None:
            self._tell_devices(change)
        if server.tenure != tenure:
            self._watch_main(after_s=self.clock.now)
        is_new = (server.reserve, server.reserve_date_s) != (reserve, date_s)
        if server.reserve is not None and is_new and server.reserve_date_s is not None:
            self.clock.process(self._wait_for_the_date(server.reserve, server.reserve_date_s))
        for instant_s, what, address in server.take_agenda():
            self.clock.process(self._turn_address(instant_s, what, address))

    def _tell_devices(self, change: Change) -> None:
        for device in self.devices:
            if device.judge(self._cause(change, device)) and self.on_loss is not None:
                self.on_loss(device)
        if self.on_switch is not None:
            self.on_switch()

    def _cause(self, change: Change, device: Device) -> str:
        """Why a device that is lost by this change is lost (model 8)."""
        main = self.server.main
        if change == "immediate":
            return "immediate"
        if change == "restored":
            return "restored"
        if change == "expired" or not main.is_valid_at(self.clock.now):
            return "expired"
        if main.generation in (device.main_slot, device.reserve_slot):
            return "platform"
        return "replaced_reserve" if device.reserve_slot in self.server.replaced else "not_delivered"
