"""The Administration Server's state and the rules that change it (model 3, 4). No clock of its own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from sim.world.certificates import LONGEST_LIFE_S, Certificate
from sim.world.plan import (
    Action,
    AddressChange,
    CancelReserve,
    Chase,
    Gate,
    Plan,
    Push,
    Reissue,
    RestorePrevious,
)

Change = Literal["activated", "expired", "immediate", "restored", "valid"]
"""What happened to the certificate that the server presents."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something the server or the operator did (language 3, `events`)."""

    at_s: int  # instant
    name: str  # what happened
    generation: int | None = None  # the certificate it concerns
    by: str = "server"  # `operator`, `automatic` or `server`
    detail: str | None = None  # the address, or the certificate that is replaced, in words
    reason: str | None = None  # why an action failed; None where it did not


class Onlooker(Protocol):
    """Who knows the devices, where the operator asks for them (model 10)."""

    def coverage(self, gate: Gate, generation: int, now_s: int) -> tuple[int, int]:
        """How many of a gate's devices hold a certificate after all earlier seconds; how many there are."""

    def chase(self, number: int, chase: Chase, generation: int) -> int:
        """Make the list of a chase for a waiting reserve, the run's chase 0, 1, …: how many are on it."""

    def push(self, push: Push) -> None:
        """Send a message to devices."""


@dataclass(slots=True)
class Server:
    """Main, reserve, previous; open addresses; outages; and what was done so far.

    `answers_now`: whether whoever dials the main certificate's address is answered.
    `gates`: of reserves that wait for coverage, by generation.
    `onlooker`: who knows the devices; without one, nobody holds a reserve and no gate opens.
    `fixed`: generations whose validity a file fixes.
    `tenure` counts the changes of the main certificate: what was arranged in an earlier one is stale.

    Every method takes the instant and says what changed for devices: a `Change` where the presented
    certificate changed, else None. Who calls, and in which order, is the engine's business (model 2).
    """

    plan: Plan
    main: Certificate = field(init=False)
    reserve: Certificate | None = None
    reserve_date_s: int | None = None
    previous: Certificate | None = None
    main_since_s: int = 0
    tenure: int = 0
    certificates: list[Certificate] = field(default_factory=list)
    address_changes: dict[int, AddressChange] = field(default_factory=dict)
    specified_at_s: dict[int, int] = field(default_factory=dict)
    onlooker: Onlooker | None = None
    chases: int = 0
    gates: dict[int, Gate] = field(default_factory=dict)
    fixed: set[int] = field(default_factory=set)
    replaced: set[int] = field(default_factory=set)
    activated: set[int] = field(default_factory=set)
    open_addresses: set[str] = field(default_factory=set)
    closing_at_s: dict[str, int] = field(default_factory=dict)
    outages_now: int = 0
    answers_now: bool = True
    agenda: list[tuple[int, Literal["open", "close"], str]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start with the first certificate as main and its address open."""
        self.main = self.plan.first
        self.certificates.append(self.main)
        self.activated.add(self.main.generation)
        self.open_addresses.add(self.main.address)

    # --- what it presents, and to whom -----------------------------------------------------------

    def is_reachable_at(self, address: str) -> bool:
        """Whether a device that dials the address now is answered (model 4.1)."""
        return self.outages_now == 0 and address in self.open_addresses

    def address_dialled_with(self, main_slot: int, reserve_slot: int) -> str:
        """The address a device with these slots dials (model 4.3)."""
        if self.main.generation in (main_slot, reserve_slot):
            return self.main.address
        held = reserve_slot if reserve_slot in self.activated else main_slot
        return self.certificates[held].address

    # --- phase 0: the certificate ----------------------------------------------------------------

    def reserve_is_due_at(self, now_s: int) -> bool:
        """Whether the waiting reserve becomes main at this instant, or should have before (model 3.5)."""
        if self.reserve is None:
            return False
        if self.reserve_date_s is not None and self.reserve_date_s <= now_s:
            return True
        waits_for_its_date = self.plan.activation == "date" and self.reserve_date_s is not None
        return not waits_for_its_date and self.main.not_after_s <= now_s

    def next_certificate_instant_s(self, now_s: int) -> int | None:
        """The next instant after `now_s` at which phase 0 has something to do, as things stand."""
        instants = [self.main.not_before_s, self.main.not_after_s]
        if self.reserve is not None and self.reserve_date_s is not None:
            instants.append(self.reserve_date_s)
        return min((instant for instant in instants if instant > now_s), default=None)

    def pass_certificate_instant(self, now_s: int) -> Change | None:
        """The main certificate expires, the reserve becomes main: whatever is due now, as one change."""
        if self.main.not_after_s == now_s:
            self._log(now_s, "certificate expired", self.main)
        if self.reserve_is_due_at(now_s):
            return self._activate_reserve(now_s)
        if self.main.not_after_s == now_s:
            return "expired"
        if self.main.not_before_s == now_s > self.main_since_s:
            return "valid"
        return None

    def _activate_reserve(self, now_s: int, *, by: str = "server") -> Change:
        assert self.reserve is not None
        self._replace_main(now_s, self._as_main(self.reserve, now_s), name="reserve activated", by=by)
        self.reserve = self.reserve_date_s = None
        return "activated"

    def _as_main(self, reserve: Certificate, now_s: int) -> Certificate:
        """The certificate with the validity that it has once it is main (model 3.6)."""
        if self.plan.valid_from == "issue" or reserve.generation in self.fixed:
            return reserve
        certificate = replace(reserve, not_before_s=now_s, not_after_s=now_s + reserve.life_s)
        self.certificates[certificate.generation] = certificate
        return certificate

    def _replace_main(self, now_s: int, certificate: Certificate, *, name: str, by: str) -> None:
        old = self.main
        self.previous, self.main, self.main_since_s = old, certificate, now_s
        self.tenure += 1
        self.activated.add(certificate.generation)
        self._log(now_s, name, certificate, by=by)
        if old.address != certificate.address:
            self._switch_address(now_s, old.address, certificate)
        self._look_whether_it_answers()

    # --- phase 1: outages and addresses ----------------------------------------------------------

    def begin_outage(self, now_s: int) -> None:
        """The server stops answering."""
        self.outages_now += 1
        if self.outages_now == 1:
            self._log(now_s, "outage began")
        self._look_whether_it_answers()

    def end_outage(self, now_s: int) -> None:
        """The server answers again, unless another outage still lasts."""
        self.outages_now -= 1
        if self.outages_now == 0:
            self._log(now_s, "outage ended")
        self._look_whether_it_answers()

    def _switch_address(self, now_s: int, old_address: str, certificate: Certificate) -> None:
        change = self.address_changes.get(certificate.generation)
        if change is None or change.opens_s is None or change.opens_s <= now_s:
            self.open_address(now_s, certificate.address)
        self.closing_at_s.pop(certificate.address, None)
        self.closing_at_s[old_address] = now_s + (0 if change is None else change.old_stays_s)
        if self.closing_at_s[old_address] == now_s:
            self.close_address(now_s, old_address)
        else:
            self.agenda.append((self.closing_at_s[old_address], "close", old_address))

    def take_agenda(self) -> list[tuple[int, Literal["open", "close"], str]]:
        """Addresses that open or close later, (instant, what, address), each told once."""
        agenda, self.agenda = self.agenda, []
        return agenda

    def open_address(self, now_s: int, address: str) -> None:
        """The address answers from now on."""
        if address not in self.open_addresses:
            self.open_addresses.add(address)
            self._log(now_s, "address opened", detail=address)
        self._look_whether_it_answers()

    def close_address(self, now_s: int, address: str) -> None:
        """The address answers no more, unless it has become the main certificate's since that was planned."""
        if self.closing_at_s.get(address) == now_s:
            del self.closing_at_s[address]
            if address in self.open_addresses:
                self.open_addresses.remove(address)
                self._log(now_s, "address closed", detail=address)
        self._look_whether_it_answers()

    def _look_whether_it_answers(self) -> None:
        self.answers_now = self.is_reachable_at(self.main.address)

    # --- phase 2: automatic reissue and the operator ---------------------------------------------

    def automatic_instant_s(self) -> int | None:
        """When automatic reissue looks whether the present main certificate has a reserve (model 3.7).

        A server that is off looks when it is on again.
        """
        lead_s = self.plan.automatic_lead_s
        if lead_s is None or self.main.issuer == "custom":
            return None
        instant_s = max(self.main_since_s, self.main.not_after_s - lead_s)
        for outage in sorted(self.plan.outages, key=lambda outage: outage.from_s):
            if outage.server_is_off and outage.from_s <= instant_s < outage.to_s:
                instant_s = outage.to_s
        return instant_s

    def reissue_automatically(self, now_s: int) -> Change | None:
        """Make a reserve, to be activated at expiry, if there is none."""
        if self.reserve is not None:
            return None
        reissue = Reissue(at_s=now_s, activate="at expiry")
        return self._specify_reserve(now_s, self._issue(now_s, reissue), None, by="automatic")

    def act(self, action: Action, now_s: int) -> Change | None:
        """Carry out one action of the operator."""
        match action:
            case Reissue():
                return self._reissue(now_s, action)
            case CancelReserve():
                self._cancel_reserve(now_s)
                return None
            case RestorePrevious():
                return self._restore_previous(now_s)
            case Push():
                self._log(now_s, "push sent", by="operator")
                if self.onlooker is not None:
                    self.onlooker.push(action)
                return None
            case Chase():
                self._chase(now_s, action)
                return None

    def _chase(self, now_s: int, chase: Chase) -> None:
        number, self.chases = self.chases, self.chases + 1
        if self.reserve is None:
            self._log(now_s, "chase failed", by="operator", reason="there is no reserve to bring")
            return
        listed = 0
        if self.onlooker is not None:
            listed = self.onlooker.chase(number, chase, self.reserve.generation)
        self._log(now_s, "chase began", self.reserve, by="operator", detail=f"{listed} devices to visit")

    def waits_for_coverage(self, generation: int) -> bool:
        """Whether a certificate is the reserve, and a gate keeps it (model 10.1)."""
        return self.reserve is not None and self.reserve.generation == generation and generation in self.gates

    def check_gate(self, now_s: int, generation: int) -> Change | None:
        """Look whether enough devices hold the waiting reserve."""
        if not self.waits_for_coverage(generation):
            return None
        gate, specified_s = self.gates[generation], self.specified_at_s[generation]
        held, devices = 0, 1
        if self.onlooker is not None:
            held, devices = self.onlooker.coverage(gate, generation, now_s)
        opens = held >= gate.needed(devices)
        detail = f"held by {held} of {devices} devices"
        self.log(now_s, "gate opened" if opens else "gate closed", detail)
        is_last = gate.is_last(now_s, specified_s)
        if opens or (is_last and gate.otherwise == "activate"):
            return self._activate_reserve(now_s, by="operator")
        if is_last:
            self._cancel_reserve(now_s)
        return None

    def activate_now(self, now_s: int) -> Change | None:
        """The operator makes the waiting reserve main."""
        if self.reserve is None:
            self._log(now_s, "activation failed", by="operator", reason="there is no reserve to activate")
            return None
        return self._activate_reserve(now_s, by="operator")

    def postpone(self, now_s: int, to_s: int) -> None:
        """The operator moves the date of the waiting reserve."""
        if self.reserve is None:
            self._log(now_s, "postponement failed", by="operator", reason="there is no reserve to postpone")
            return
        self.reserve_date_s = to_s
        self._log(now_s, "reserve postponed", self.reserve, by="operator")

    def log(self, now_s: int, name: str, detail: str | None) -> None:
        """The operator puts down an event, about the waiting reserve if there is one."""
        self._log(now_s, name, self.reserve, by="operator", detail=detail)

    def _reissue(self, now_s: int, action: Reissue) -> Change | None:
        if action.unfit is not None:
            self._log(now_s, "reissue failed", by="operator", reason=action.unfit)
            return None
        certificate = self._issue(now_s, action)
        if action.activate != "immediately":
            date_s = None if action.after_s is None else now_s + action.after_s
            return self._specify_reserve(now_s, certificate, date_s, by="operator")
        if self.reserve is not None:
            self._log(now_s, "reserve discarded", self.reserve, by="operator")
        self.reserve = self.reserve_date_s = None
        self._replace_main(now_s, certificate, name="certificate replaced immediately", by="operator")
        return "immediate"

    def _issue(self, now_s: int, reissue: Reissue) -> Certificate:
        not_before_s = now_s if reissue.not_before_s is None else reissue.not_before_s
        inherited_s = min(self.main.life_s, LONGEST_LIFE_S)  # a planner's own file may be valid for longer
        life_s = inherited_s if reissue.valid_for_s is None else reissue.valid_for_s
        change = reissue.address
        certificate = Certificate(
            generation=len(self.certificates),
            issuer=reissue.issuer,
            not_before_s=not_before_s,
            not_after_s=not_before_s + life_s,
            address=self.main.address if change is None else change.address,
            refused_by=reissue.refused_by,
            identity=reissue.identity,
        )
        self.certificates.append(certificate)
        if reissue.gate is not None:
            self.gates[certificate.generation] = reissue.gate
        if reissue.not_before_s is not None:
            self.fixed.add(certificate.generation)
        if change is not None:
            self.address_changes[certificate.generation] = change
            if change.opens_s is not None and change.opens_s > now_s:
                self.agenda.append((change.opens_s, "open", change.address))
            elif change.opens_s is not None:
                self.open_address(now_s, change.address)
        return certificate

    def _specify_reserve(
        self, now_s: int, certificate: Certificate, date_s: int | None, *, by: str
    ) -> Change | None:
        if self.reserve is not None:
            self.replaced.add(self.reserve.generation)
            self._log(now_s, "reserve replaced", self.reserve, by=by)
        self.reserve = certificate
        self.reserve_date_s = date_s
        self.specified_at_s[certificate.generation] = now_s
        self._log(now_s, "reserve specified", certificate, by=by)
        return self._activate_reserve(now_s) if self.reserve_is_due_at(now_s) else None

    def _cancel_reserve(self, now_s: int) -> None:
        if self.reserve is None:
            self._log(now_s, "cancel failed", by="operator", reason="there is no reserve to cancel")
            return
        self._log(now_s, "reserve cancelled", self.reserve, by="operator")
        self.reserve = self.reserve_date_s = None

    def _restore_previous(self, now_s: int) -> Change | None:
        if self.previous is None:
            reason = "no certificate was main before this one"
        elif not self._is_kept(self.previous):
            reason = "a replaced certificate of Kaspersky Security Center is no longer valid"
        elif not self.previous.is_valid_at(now_s):
            reason = "the previous certificate is no longer valid"
        else:
            self._replace_main(now_s, self.previous, name="previous restored", by="operator")
            return "restored"
        self._log(now_s, "restore failed", self.previous, by="operator", reason=reason)
        return None

    def _is_kept(self, previous: Certificate) -> bool:
        switch = self.plan.previous_certificate
        return switch == "kept" or (switch == "default" and previous.issuer == "custom")

    def _log(
        self,
        now_s: int,
        name: str,
        certificate: Certificate | None = None,
        *,
        by: str = "server",
        detail: str | None = None,
        reason: str | None = None,
    ) -> None:
        generation = None if certificate is None else certificate.generation
        self.events.append(Event(now_s, name, generation, by, detail, reason))
