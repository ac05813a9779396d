"""The model once more, as plainly as it can be written: one heap of events, dictionaries and ifs.

Every event that a device can make (attempts with their jitter, spells, comings-on) is put on the heap
before anything happens; the rest of the heap are wake-ups of the server, the operator and the help desk.
Events are taken in the order of model 2, one by one, and who is able to authenticate is asked of every
device before and after each certificate and operator event. Only the data types of the world and the
random numbers are shared with the engines; no rule is. Slow on purpose.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from decimal import Decimal
from math import erfc, exp, floor, log, sqrt
from typing import Any

from sim.world.distributions import Distribution
from sim.world.draws import Draws, Purpose, identity_of_disturbance, identity_of_holiday
from sim.world.fleet import Away, Fleet, Profile, Spells
from sim.world.plan import CancelReserve, Chase, Gate, Plan, Push, Reissue, RestorePrevious

CERTIFICATE, SERVER, OPERATOR, PRESENCE, SYNC, LATE_SYNC, END, JOIN, START, OBSERVATION = range(10)
CAUSES = ["", "not_delivered", "replaced_reserve", "expired", "immediate", "restored", "platform"]
NEVER_UNTIL_IT_HAPPENS = [
    "reserve_received_at_s",
    "critical_delay_s",
    "lost_at_s",
    "noticed_at_s",
    "reconnected_at_s",
    "last_sync_at_s",
]
COLUMNS = [
    *NEVER_UNTIL_IT_HAPPENS,
    "lost_cause",
    "reconnected_by",
    "times_lost",
    "lost_for_s",
    "syncs",
    "reinstalls",
    "helpdesk_s",
    "unreachable",
    "unreachable_for_s",
    "visits",
    "visits_helped",
]
HELD_FROM_THE_START = -2
NOTHING = -3


def survival(law: Distribution, t: float) -> float:
    """P(X > t), from textbooks (model 5.3)."""
    if law.kind == "exponential":
        return exp(-t / law.a)
    if law.kind == "uniform":
        return min(1.0, max(0.0, (law.b - t) / (law.b - law.a)))
    if law.kind == "weibull":
        return exp(-((t / law.a) ** law.b))
    if law.kind == "lognormal":
        return erfc((log(t) - log(law.a)) / law.b / sqrt(2)) / 2 if t > 0 else 1.0
    if law.kind == "empirical":
        return sum(max(1, value) > t for value in law.values) / len(law.values)
    if law.kind == "still_away":
        half = len(law.values) // 2
        t0, s0 = 0.0, 1.0
        for t1, s1 in zip(law.values[:half], law.values[half:], strict=True):
            if t < t1:
                return s0 + (s1 - s0) * (t - t0) / (t1 - t0)
            t0, s0 = t1, s1
        return 0.0
    return 1.0 if t < law.a else 0.0


def remaining(law: Distribution, lasted: int, u: float) -> int | None:
    """The least whole second w at which S(lasted + w) / S(lasted) <= 1 - u; None: it stays off for good."""
    if survival(law, lasted) == 0.0:
        return None
    share, short, long = (1.0 - u) * survival(law, lasted), 0, 1
    while survival(law, lasted + long) > share:
        short, long = long, 2 * long
    while long - short > 1:
        middle = (short + long) // 2
        if survival(law, lasted + middle) > share:
            short = middle
        else:
            long = middle
    return long


@dataclass
class Answer:
    """What the reference says: the columns by name, and what the server and the operator did."""

    columns: dict[str, list[int]]
    is_lost: list[bool]
    coverage_held: list[list[int]]
    events: list[tuple[int, str, int | None]]
    samples: list[dict[str, int]]


@dataclass
class Phone:
    """One device."""

    number: int
    kind: int
    profile: Profile
    identity: int
    draws: Draws
    on: bool
    main_slot: int
    reserve_slot: int | None
    missed: bool
    silent_for: int
    lost: bool = False
    lost_since: int = -1
    reinstalled_since_loss: bool = False
    call: str = ""  # "", "asking", "queued", "working"
    call_number: int = 0
    calls: int = 0
    works: int = 0
    ready_at: int = -1
    comings_on: int = 0
    attempted_at: int = -1
    unreachable_since: int = -1
    messages: list[int] = field(default_factory=list)  # until when each of them waits
    visited: dict[int, bool] = field(default_factory=dict)  # by second: whether the visit is over
    on_itself: bool = False
    turns: list[tuple[int, bool]] = field(default_factory=list)
    masks: list[tuple[int, int]] = field(default_factory=list)
    row: dict[str, int] = field(default_factory=dict)

    def is_masked(self, t: int) -> bool:
        return any(begin <= t < end for begin, end in self.masks)

    def uniform(self, purpose: Purpose, number: int) -> float:
        return self.draws.pair(self.identity, purpose, number // 2)[number % 2]

    def duration(self, distribution: Distribution, purpose: Purpose, number: int) -> int:
        return distribution.draw(*self.draws.pair(self.identity, purpose, number))


class World:
    """One run."""

    def __init__(self, plan: Plan, fleet: Fleet) -> None:
        self.plan = plan
        self.kinds = len(fleet.roster.profiles)
        self.heap: list[tuple[int, int, int, int, str, Any]] = []
        self.sequence = 0
        self.certificates: list[dict[str, Any]] = []
        self.events: list[tuple[int, str, int | None]] = []
        self.coverage: list[list[int]] = []
        self.main = 0
        self.main_since = 0
        self.looked = False
        self.previous: int | None = None
        self.reserve: int | None = None
        self.reserve_due_date: int | None = None  # None: at expiry alone
        self.latest_reserve: int | None = None
        self.latest_reserve_at = -1
        self.replaced: set[int] = set()
        self.open: set[str] = {plan.first.address}
        self.opening: list[tuple[int, str]] = []
        self.closing: dict[str, int] = {}
        self.actions = list(enumerate(plan.actions))
        self.gates: list[dict[str, Any]] = []
        self.samples: list[dict[str, int]] = []
        self.syncs_sampled = 0
        self.working = 0

        self.certificates.append(
            {
                "issuer": plan.first.issuer,
                "from": plan.first.not_before_s,
                "to": plan.first.not_after_s,
                "address": plan.first.address,
                "refused_by": plan.first.refused_by,
                "old_stays": 0,
                "opens": None,
                "was_main": True,
                "from file": True,
            }
        )
        self.wake_for_certificate(0)
        self.put(self.look_at(), OPERATOR, -1, "operator", None)
        for action in plan.actions:
            self.put(action.at_s, OPERATOR, -1, "operator", None)
        for outage in plan.outages:
            self.put(outage.from_s, SERVER, -1, "server", None)
            self.put(outage.to_s, SERVER, -1, "server", None)

        if plan.recovery is not None and plan.recovery.hours is not None:
            for begin, _ in plan.recovery.hours:
                self.put(begin, START, -1, "start", None)
        for instant in range(0, plan.horizon_s, plan.sample_s):
            self.put(instant, OBSERVATION, -1, "sample", None)

        self.phones: list[Phone] = []
        for i in range(len(fleet)):
            kind = int(fleet.roster.profile[i])
            phone = Phone(
                number=i,
                kind=kind,
                profile=fleet.roster.profiles[kind],
                identity=int(fleet.roster.identity[i]),
                draws=fleet.draws,
                on=bool(fleet.starts_on[i]),
                main_slot=0,
                reserve_slot=HELD_FROM_THE_START if fleet.roster.holds_reserve[i] else None,
                missed=bool(fleet.roster.silent[i]),
                silent_for=int(fleet.roster.silent_for_s[i]),
            )
            if fleet.roster.never_connected[i]:  # listed, and nothing more: it holds nothing and is never on
                phone.row = {name: -1 if name in NEVER_UNTIL_IT_HAPPENS else 0 for name in COLUMNS}
                phone.main_slot, phone.reserve_slot = NOTHING, None
                self.phones.append(phone)
                continue
            phone.row = {name: -1 if name in NEVER_UNTIL_IT_HAPPENS else 0 for name in COLUMNS}
            self.phones.append(phone)
            self.schedule_device(phone, int(fleet.phase_s[i]), int(fleet.first_spell_s[i]))

    # ---- the heap -------------------------------------------------------------------------------

    def put(self, instant: int, phase: int, device: int, what: str, data: Any) -> None:
        if instant < self.plan.horizon_s:
            heapq.heappush(self.heap, (instant, phase, device, self.sequence, what, data))
            self.sequence += 1

    def schedule_device(self, phone: Phone, phase: int, first_spell: int) -> None:
        profile, horizon = phone.profile, self.plan.horizon_s
        k = 0
        while phase + k * profile.every_s < horizon:
            jitter = floor(phone.uniform(Purpose.JITTER, k) * (profile.jitter_s + 1))
            self.put(phase + k * profile.every_s + jitter, SYNC, phone.number, "attempt", k)
            k += 1
        if isinstance(profile.presence, Away):
            phone.on = all(not begin <= 0 < end for begin, end in profile.presence.spells)
            for begin, end in profile.presence.spells:
                if begin > 0:
                    phone.turns.append((begin, False))
                phone.turns.append((end, True))
        if isinstance(profile.presence, Spells):
            instant, on, ons, offs = first_spell, phone.on, 0, 0
            while instant < horizon:
                on = not on
                phone.turns.append((instant, on))
                if on:
                    instant += phone.duration(profile.presence.on, Purpose.ON_SPELL, ons)
                    ons += 1
                else:
                    instant += phone.duration(profile.presence.off, Purpose.OFF_SPELL, offs)
                    offs += 1
        if profile.presence != "never":
            self.mask(phone)
        phone.on_itself = phone.on
        phone.on = phone.on_itself and not phone.is_masked(0)
        for instant in {turn for turn, _ in phone.turns} | {end for mask in phone.masks for end in mask}:
            if instant > 0:
                self.put(instant, PRESENCE, phone.number, "presence", None)

    def mask(self, phone: Phone) -> None:
        """What covers the device: outside its hours, on holidays, where a disturbance takes it (model 12)."""
        if phone.profile.hours is not None:
            opens = sorted(phone.profile.hours)
            closed = [0, *(instant for window in opens for instant in window), self.plan.horizon_s]
            phone.masks += list(zip(closed[::2], closed[1::2], strict=True))
        for holiday in self.plan.holidays:
            if holiday.groups is None or phone.profile.group in holiday.groups:
                who = phone.identity ^ identity_of_holiday(holiday.name)
                if phone.draws.pair(who, Purpose.HOLIDAY, 0)[0] < holiday.share:
                    phone.masks.append((holiday.from_s, holiday.to_s))
        for disturbance in self.plan.disturbances:
            if disturbance.groups is not None and phone.profile.group not in disturbance.groups:
                continue
            it = identity_of_disturbance(disturbance.name)
            now, number = 0, 0
            while now < self.plan.horizon_s:
                gap = phone.draws.pair(it, Purpose.DISTURBANCE_GAP, number)
                length = phone.draws.pair(it, Purpose.DISTURBANCE_LENGTH, number)
                begins = now + max(1, disturbance.every.draw(*gap))
                now = begins + max(1, disturbance.lasts.draw(*length))
                if phone.draws.pair(phone.identity ^ it, Purpose.DISTURBANCE, number)[0] < disturbance.share:
                    phone.masks.append((begins, now))
                number += 1

    def run(self) -> Answer:
        started: set[tuple[int, int]] = set()
        while self.heap:
            t, phase, device, _, what, data = heapq.heappop(self.heap)
            # Whatever happens in a second, the technicians look around after it.
            if (t, START) not in started:
                started.add((t, START))
                self.put(t, START, -1, "start", None)
            if phase == CERTIFICATE:
                if (t, CERTIFICATE) not in started:  # the certificate events of one second are one event
                    started.add((t, CERTIFICATE))
                    self.certificate_event(t)
            elif phase == SERVER:
                self.server_event(t)
            elif phase == OPERATOR:
                self.operator_event(t)
            elif what == "presence":
                self.presence(self.phones[device], t)
            elif what == "message":
                self.message(self.phones[device], data, t)
            elif what == "answer":
                self.answer(self.phones[device], t)
            elif what == "visit":
                self.phones[device].row["visits"] += 1
                if t in self.phones[device].visited:
                    self.in_turn(self.phones[device], t, -1.0)
            elif what == "attempt":
                self.scheduled(self.phones[device], data, t)
            elif what == "catch up":
                self.catch_up(self.phones[device], data, t)
            elif what == "end":
                self.end_reinstallation(self.phones[device], t)
            elif what == "ready":
                phone = self.phones[device]
                if phone.call == "asking" and phone.call_number == data:
                    phone.call, phone.ready_at = "queued", t
            elif what == "start":
                self.start_reinstallations(t)
            elif what == "sample":
                self.sample(t)
        for phone in self.phones:
            if phone.lost:
                phone.row["lost_for_s"] += self.plan.horizon_s - phone.lost_since
            if phone.unreachable_since != -1:
                phone.row["unreachable_for_s"] += self.plan.horizon_s - phone.unreachable_since
        return Answer(
            columns={name: [phone.row[name] for phone in self.phones] for name in COLUMNS},
            is_lost=[phone.lost for phone in self.phones],
            coverage_held=self.coverage,
            events=self.events,
            samples=self.samples,
        )

    def sample(self, t: int) -> None:
        holding, connected, syncs = 0, 0, 0
        for phone in self.phones:
            if self.reserve is not None and self.reserve in (phone.main_slot, phone.reserve_slot):
                holding += 1
            last = phone.row["last_sync_at_s"]
            if last != -1 and t - last <= 2 * phone.profile.every_s:
                connected += 1
            syncs += phone.row["syncs"]
        self.samples.append(
            {
                "at_s": t,
                "holding_reserve": -1 if self.reserve is None else holding,
                "connected": connected,
                "lost": sum(phone.lost for phone in self.phones),
                "queue": sum(phone.call == "queued" for phone in self.phones),
                "syncs": syncs - self.syncs_sampled,
            }
        )
        self.syncs_sampled = syncs

    # ---- what is true now -----------------------------------------------------------------------

    def is_valid(self, generation: int, t: int) -> bool:
        return bool(self.certificates[generation]["from"] <= t < self.certificates[generation]["to"])

    def accepted(self, profile: Profile, t: int) -> bool:
        refused_by: frozenset[str] = self.certificates[self.main]["refused_by"]
        judge = "android" if profile.platform == "aurora" else profile.platform
        return self.is_valid(self.main, t) and judge not in refused_by

    def able(self, phone: Phone, t: int) -> bool:
        return self.main in (phone.main_slot, phone.reserve_slot) and self.accepted(phone.profile, t)

    def in_outage(self, t: int) -> bool:
        return any(outage.from_s <= t < outage.to_s for outage in self.plan.outages)

    def dialled(self, phone: Phone) -> str:
        if self.main in (phone.main_slot, phone.reserve_slot):
            return str(self.certificates[self.main]["address"])
        slot = phone.reserve_slot
        if slot is not None and slot >= 0 and self.certificates[slot]["was_main"]:
            return str(self.certificates[slot]["address"])
        return str(self.certificates[phone.main_slot]["address"])

    def reachable(self, phone: Phone, t: int) -> bool:
        return not self.in_outage(t) and self.dialled(phone) in self.open

    def reserve_is_due(self, t: int) -> bool:
        if self.reserve is None:
            return False
        expired = bool(self.certificates[self.main]["to"] <= t)
        if self.reserve_due_date is None:
            return expired
        if self.plan.activation == "earliest":
            return expired or self.reserve_due_date <= t
        return self.reserve_due_date <= t

    def look_at(self) -> int:
        """When the server looks whether it has to make a reserve by itself."""
        lead = self.plan.automatic_lead_s
        if lead is None or self.looked or self.certificates[self.main]["issuer"] != "ksc":
            return self.plan.horizon_s
        looks = int(max(self.main_since, self.certificates[self.main]["to"] - lead))
        while self.is_off(looks):  # whoever is off looks in the first second in which it is on
            looks += 1
        return looks

    def is_off(self, t: int) -> bool:
        return any(outage.server_is_off and outage.from_s <= t < outage.to_s for outage in self.plan.outages)

    # ---- certificates ---------------------------------------------------------------------------

    def certificate_event(self, t: int) -> None:
        before = [self.able(phone, t - 1) for phone in self.phones]
        rule = "expiry"
        if self.certificates[self.main]["to"] == t and self.main_since < t:
            self.events.append((t, "certificate expired", self.main))
        if self.reserve_is_due(t):
            self.activate_reserve(t)
            rule = "activation"
        self.lose(before, t, rule)

    def activate_reserve(self, t: int) -> None:
        reserve = self.reserve
        assert reserve is not None
        self.reserve = None
        certificate = self.certificates[reserve]
        if self.plan.valid_from == "activation" and not certificate["from file"]:
            certificate["to"] += t - certificate["from"]
            certificate["from"] = t
        self.events.append((t, "reserve activated", reserve))
        self.become_main(reserve, t)

    def become_main(self, generation: int, t: int) -> None:
        held = [0] * self.kinds
        for phone in self.phones:
            if generation in (phone.main_slot, phone.reserve_slot):
                held[phone.kind] += 1
        self.coverage.append(held)
        old, new = self.certificates[self.main], self.certificates[generation]
        self.previous, self.main, self.main_since, self.looked = self.main, generation, t, False
        new["was_main"] = True
        self.closing.pop(new["address"], None)
        if new["address"] != old["address"]:
            opens = t if new["opens"] is None else max(t, new["opens"])
            if opens == t:
                self.open_address(new["address"], t)
            # a later opening is on its way since the certificate was specified
            if new["old_stays"] == 0:
                self.close_address(old["address"], t)
            else:
                self.closing[old["address"]] = t + new["old_stays"]
                self.put(t + new["old_stays"], SERVER, -1, "server", None)
        self.wake_for_certificate(t)
        self.put(self.look_at(), OPERATOR, -1, "operator", None)

    def wake_for_certificate(self, t: int) -> None:
        main = self.certificates[self.main]
        if main["to"] > t:
            self.put(main["to"], CERTIFICATE, -1, "certificate", None)
        if main["from"] > t:  # the technicians may start then
            self.put(main["from"], START, -1, "start", None)

    def lose(self, before: list[bool], t: int, rule: str) -> None:
        for phone, was_able in zip(self.phones, before, strict=True):
            if not was_able or self.able(phone, t):
                continue
            if rule in ("immediate", "restored"):
                cause = rule
            elif rule == "expiry" or not self.is_valid(self.main, t):
                cause = "expired"
            elif self.main in (phone.main_slot, phone.reserve_slot):
                cause = "platform"
            elif phone.reserve_slot in self.replaced:
                cause = "replaced_reserve"
            else:
                cause = "not_delivered"
            phone.row["times_lost"] += 1
            phone.reinstalled_since_loss = False
            if phone.row["lost_at_s"] == -1:
                phone.row["lost_at_s"] = t
                phone.row["lost_cause"] = CAUSES.index(cause)
            if not phone.lost:
                phone.lost, phone.lost_since = True, t
            recovery = self.plan.recovery
            if recovery is not None and phone.call == "" and phone.profile.presence != "never":
                phone.call = "asking"
                phone.call_number = phone.calls
                responds = phone.duration(recovery.owner_responds, Purpose.OWNER_RESPONDS, phone.calls)
                phone.calls += 1
                self.put(t + recovery.begins_s + responds, JOIN, phone.number, "ready", phone.call_number)

    # ---- addresses and outages ------------------------------------------------------------------

    def open_address(self, address: str, t: int) -> None:
        if address not in self.open:
            self.open.add(address)
            self.events.append((t, "address opened", None))

    def close_address(self, address: str, t: int) -> None:
        if address in self.open:
            self.open.remove(address)
            self.events.append((t, "address closed", None))

    def server_event(self, t: int) -> None:
        if self.in_outage(t) and not self.in_outage(t - 1):
            self.say_once(t, "outage began")
        if self.in_outage(t - 1) and not self.in_outage(t):
            self.say_once(t, "outage ended")
        for opens, address in list(self.opening):
            if opens == t:
                self.opening.remove((opens, address))
                self.open_address(address, t)
        for address, closes in list(self.closing.items()):
            if closes == t:
                del self.closing[address]
                if address != self.certificates[self.main]["address"]:
                    self.close_address(address, t)

    def say_once(self, t: int, name: str) -> None:
        if (t, name, None) not in self.events:
            self.events.append((t, name, None))

    # ---- the operator ---------------------------------------------------------------------------

    def operator_event(self, t: int) -> None:
        self.automatic_reissue(t)
        due: list[tuple[int, Any]] = []
        while self.actions and self.actions[0][1].at_s == t:
            due.append(self.actions.pop(0))
        due += [(gate["order"], gate) for gate in self.gates if gate["next"] == t]
        for order, action in sorted(due, key=lambda pair: pair[0]):
            before = [self.able(phone, t) for phone in self.phones]
            rule = ""
            if isinstance(action, dict):
                rule = self.check(action, t)
            elif isinstance(action, Reissue):
                rule = self.reissue(action, t, order)
            elif isinstance(action, CancelReserve):
                self.cancel(t)
            elif isinstance(action, Push):
                self.push(action, t)
            elif isinstance(action, Chase):
                self.chase(action, t)
            else:
                assert isinstance(action, RestorePrevious)
                rule = self.restore(t)
            self.lose(before, t, rule)
            self.automatic_reissue(t)

    # ---- the gate, pushes, chases (10) ----------------------------------------------------------

    def check(self, gate: dict[str, Any], t: int) -> str:
        """Coverage against the threshold, in whole numbers: held / n >= x."""
        self.gates.remove(gate)
        if self.reserve != gate["generation"]:
            return ""
        rule: Gate = gate["rule"]
        counted = [
            phone
            for phone in self.phones
            if phone.main_slot != NOTHING and (rule.groups is None or phone.profile.group in rule.groups)
        ]
        held = sum(self.reserve in (phone.main_slot, phone.reserve_slot) for phone in counted)
        if held >= Decimal(str(rule.coverage)) * len(counted):
            self.events.append((t, "gate opened", self.reserve))
            self.activate_reserve(t)
            return "activation"
        self.events.append((t, "gate closed", self.reserve))
        if rule.not_after_s is not None and t == gate["specified"] + rule.not_after_s:
            if rule.otherwise == "activate":
                self.activate_reserve(t)
                return "activation"
            self.cancel(t)
            return ""
        self.arrange(gate, t)
        return ""

    def arrange(self, gate: dict[str, Any], t: int) -> None:
        """The first check after t: a multiple of the period from `not_before` on, or the last one."""
        rule, specified = gate["rule"], gate["specified"]
        after = t - specified + 1
        while after < rule.not_before_s or after % rule.check_every_s != 0:
            if rule.not_after_s is not None and after >= rule.not_after_s:
                break
            after += 1
        if rule.not_after_s is not None:
            after = min(after, rule.not_after_s)
        gate["next"] = specified + after
        self.gates.append(gate)
        self.put(gate["next"], OPERATOR, -1, "operator", None)

    def concerned(self, phone: Phone, action: Push | Chase) -> bool:
        return (
            phone.main_slot != NOTHING
            and action.group in (None, phone.profile.group)
            and action.platform in (None, phone.profile.platform)
        )

    def push(self, push: Push, t: int) -> None:
        self.events.append((t, "push sent", None))
        for phone in self.phones:
            if self.concerned(phone, push):
                u = phone.draws.pair(phone.identity, Purpose.PUSH, push.at_s)[0]
                if u < push.success:
                    self.put(t, LATE_SYNC, phone.number, "message", t + push.lifetime_s)

    def message(self, phone: Phone, until: int, t: int) -> None:
        """It has arrived, after the device's own attempts of the second."""
        if phone.on:
            self.answer(phone, t)
        else:
            phone.messages.append(until)

    def answer(self, phone: Phone, t: int) -> None:
        u = phone.draws.pair(phone.identity, Purpose.PUSH_SUCCESS, t)[0]
        self.in_turn(phone, t, u)

    def chase(self, chase: Chase, t: int) -> None:
        if self.reserve is None:
            self.events.append((t, "chase failed", None))
            return
        self.events.append((t, "chase began", self.reserve))
        listed = []
        for phone in self.phones:
            last = phone.row["last_sync_at_s"]
            silent = t - last if last != -1 else t + max(0, phone.silent_for)
            holds = self.reserve in (phone.main_slot, phone.reserve_slot)
            if self.concerned(phone, chase) and not holds and silent >= chase.silent_for_s:
                listed.append((-silent, phone.number))
        for k, (_, number) in enumerate(sorted(listed)):
            phone = self.phones[number]
            at = t + floor((k + 1) * 86_400 / chase.per_day)
            u = phone.draws.pair(phone.identity, Purpose.VISIT, chase.at_s)[0]
            if u < chase.success and phone.profile.presence != "never":
                phone.visited[at] = False
            self.put(at, SYNC, number, "visit", None)

    def in_turn(self, phone: Phone, t: int, u: float) -> None:
        """One attempt a second; that of a visit, which cannot fail, takes the place of any other."""
        if phone.attempted_at == t:
            return
        phone.attempted_at = t
        if t not in phone.visited:
            self.attempt(phone, t, u)
            return
        held = phone.reserve_slot
        self.attempt(phone, t, -1.0)
        phone.row["visits_helped"] += self.reserve is not None and held != self.reserve == phone.reserve_slot

    def automatic_reissue(self, t: int) -> None:
        while self.look_at() == t:
            self.looked = True
            if self.reserve is None:
                main = self.certificates[self.main]
                new = dict(main)
                new.update({"from": t, "to": t + main["to"] - main["from"], "was_main": False})
                new["from file"] = False
                new.update({"old_stays": 0, "opens": None, "refused_by": frozenset()})
                before = [self.able(phone, t) for phone in self.phones]
                self.certificates.append(new)
                self.specify(len(self.certificates) - 1, None, t)
                self.lose(before, t, "activation")

    def reissue(self, action: Reissue, t: int, order: int) -> str:
        if action.unfit is not None:
            self.events.append((t, "reissue failed", None))
            return ""
        main = self.certificates[self.main]
        begins = t if action.not_before_s is None else action.not_before_s
        life = main["to"] - main["from"] if action.valid_for_s is None else action.valid_for_s
        new: dict[str, Any] = {
            "issuer": action.issuer,
            "from": begins,
            "to": begins + life,
            "address": main["address"] if action.address is None else action.address.address,
            "refused_by": action.refused_by,
            "old_stays": 0 if action.address is None else action.address.old_stays_s,
            "opens": None if action.address is None else action.address.opens_s,
            "was_main": False,
            "from file": action.not_before_s is not None,
        }
        self.certificates.append(new)
        generation = len(self.certificates) - 1
        if new["opens"] is not None:
            if new["opens"] <= t:
                self.open_address(str(new["address"]), t)
            else:
                self.opening.append((new["opens"], str(new["address"])))
                self.put(new["opens"], SERVER, -1, "server", None)
        if action.activate == "immediately":
            if self.reserve is not None:
                self.events.append((t, "reserve discarded", self.reserve))
                self.reserve = None
            self.events.append((t, "certificate replaced immediately", generation))
            self.become_main(generation, t)
            return "immediate"
        date = None
        if action.activate == "after":
            assert action.after_s is not None
            date = t + action.after_s
        self.specify(generation, date, t)
        if action.gate is not None and self.reserve == generation:
            self.arrange({"order": order, "generation": generation, "rule": action.gate, "specified": t}, t)
        return "activation"

    def specify(self, generation: int, date: int | None, t: int) -> None:
        if self.reserve is not None:
            self.replaced.add(self.reserve)
            self.events.append((t, "reserve replaced", self.reserve))
        self.reserve, self.reserve_due_date = generation, date
        self.events.append((t, "reserve specified", generation))
        first_of_the_run = self.latest_reserve is None
        self.latest_reserve, self.latest_reserve_at = generation, t
        for phone in self.phones:
            phone.row["reserve_received_at_s"] = -1
            phone.row["critical_delay_s"] = -1
            if first_of_the_run and phone.reserve_slot == HELD_FROM_THE_START:
                phone.reserve_slot = generation
                phone.row["reserve_received_at_s"] = 0
                phone.row["critical_delay_s"] = 0
        if date is not None:
            self.put(date, CERTIFICATE, -1, "certificate", None)
        if self.reserve_is_due(t):
            self.activate_reserve(t)

    def cancel(self, t: int) -> None:
        if self.reserve is None:
            self.events.append((t, "cancel failed", None))
        else:
            self.events.append((t, "reserve cancelled", self.reserve))
            self.reserve = None

    def restore(self, t: int) -> str:
        previous = self.previous
        switch = self.plan.previous_certificate
        if switch == "default" and previous is not None:
            switch = "kept" if self.certificates[previous]["issuer"] == "custom" else "invalid"
        if previous is None or switch == "invalid" or not self.is_valid(previous, t):
            self.events.append((t, "restore failed", None))
            return ""
        self.events.append((t, "previous restored", previous))
        self.become_main(previous, t)
        return "restored"

    # ---- devices --------------------------------------------------------------------------------

    def presence(self, phone: Phone, t: int) -> None:
        """It may have come on or gone off, by itself or under the masks."""
        came_by_itself = False
        for instant, on in phone.turns:
            if instant == t:
                phone.on_itself, came_by_itself = on, on
        phone.comings_on += came_by_itself
        was_on, phone.on = phone.on, phone.on_itself and not phone.is_masked(t)
        if phone.on and not was_on:
            if phone.missed and phone.profile.catch_up:
                number = phone.comings_on - 1 if came_by_itself else None
                self.put(t, SYNC, phone.number, "catch up", number)
            phone.missed = False
            if any(t <= until for until in phone.messages):
                self.put(t, LATE_SYNC, phone.number, "answer", None)
            phone.messages = []

    def scheduled(self, phone: Phone, k: int, t: int) -> None:
        if not phone.on:
            phone.missed = True
            return
        self.in_turn(phone, t, phone.uniform(Purpose.SUCCESS, k))

    def catch_up(self, phone: Phone, number: int | None, t: int) -> None:
        if number is None:  # it came on as a mask ended
            u = phone.draws.pair(phone.identity, Purpose.CATCH_UP_AFTER_MASK, t)[0]
        else:
            u = phone.uniform(Purpose.CATCH_UP_SUCCESS, number)
        self.in_turn(phone, t, u)  # the scheduled one of this second came first on the heap

    def attempt(self, phone: Phone, t: int, u: float) -> None:
        if not self.reachable(phone, t):
            phone.row["unreachable"] = 1
            if phone.unreachable_since == -1:
                phone.unreachable_since = t
            return
        self.reached(phone, t)
        if not u < phone.profile.success:
            return
        if not self.able(phone, t):
            if phone.lost and phone.row["noticed_at_s"] == -1 and phone.row["reconnected_at_s"] == -1:
                phone.row["noticed_at_s"] = t
            return
        if phone.main_slot != self.main:
            phone.main_slot, phone.reserve_slot = self.main, None
        self.synced(phone, t)

    def reached(self, phone: Phone, t: int) -> None:
        if phone.unreachable_since != -1:
            phone.row["unreachable_for_s"] += t - phone.unreachable_since
            phone.unreachable_since = -1

    def synced(self, phone: Phone, t: int) -> None:
        if self.reserve is not None:
            phone.reserve_slot = self.reserve
            self.received(phone, t)
        phone.row["syncs"] += 1
        phone.row["last_sync_at_s"] = t
        if phone.lost:
            phone.lost = False
            phone.row["lost_for_s"] += t - phone.lost_since
            if phone.row["reconnected_at_s"] == -1:
                phone.row["reconnected_at_s"] = t
                phone.row["reconnected_by"] = 2 if phone.reinstalled_since_loss else 1
            if phone.call in ("asking", "queued"):
                phone.call = ""

    def received(self, phone: Phone, t: int) -> None:
        if phone.row["reserve_received_at_s"] == -1:
            assert self.reserve == self.latest_reserve
            phone.row["reserve_received_at_s"] = t
            phone.row["critical_delay_s"] = t - self.latest_reserve_at + 1

    # ---- the help desk --------------------------------------------------------------------------

    def start_reinstallations(self, t: int) -> None:
        recovery = self.plan.recovery
        if recovery is None:
            return
        if recovery.hours is not None and not any(begin <= t < end for begin, end in recovery.hours):
            return
        waiting = [phone for phone in self.phones if phone.call == "queued"]
        for phone in sorted(waiting, key=lambda phone: (phone.ready_at, phone.number)):
            if self.working < recovery.technicians and self.accepted(phone.profile, t):
                self.working += 1
                phone.call = "working"
                takes = phone.duration(recovery.takes, Purpose.REINSTALL_TAKES, phone.works)
                phone.works += 1
                phone.row["helpdesk_s"] += min(t + takes, self.plan.horizon_s) - t
                self.put(t + takes, END, phone.number, "end", None)

    def end_reinstallation(self, phone: Phone, t: int) -> None:
        self.working -= 1
        phone.call = ""
        phone.row["reinstalls"] += 1
        phone.reinstalled_since_loss = True
        phone.main_slot, phone.reserve_slot = self.main, self.reserve
        if self.reserve is not None:
            self.received(phone, t)
        if not self.able(phone, t):
            phone.call, phone.ready_at = "queued", t
        elif self.reachable(phone, t):
            self.reached(phone, t)
            self.synced(phone, t)
        self.put(t, START, -1, "start", None)


def simulate(plan: Plan, fleet: Fleet) -> Answer:
    """Run the plan over the fleet, one event at a time."""
    return World(plan, fleet).run()
