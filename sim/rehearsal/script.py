"""What the model says of the devices of a rehearsal, encounter by encounter.

The process engine runs, and its devices write down how each of their attempts ends. Long stretches of equal
attempts are told by their first and last one. Beside the attempts there are probes: at every control instant,
one second before it and one after, one device of every kind is asked whether it would be accepted.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Literal

from sim.processes.device import Device, Life
from sim.processes.engine import simulate
from sim.rehearsal.phone import Verdict
from sim.world.fleet import Fleet
from sim.world.order import Phase
from sim.world.outcome import Outcome
from sim.world.plan import Plan
from sim.world.timeline import Timeline

MOST_PROBED: Final = 100
"""Of more control instants than this, evenly spread ones are probed; switches before others."""

Kind = Literal["attempt", "probe", "reinstall"]
Slots = tuple[int, int]
"""Generations in the main and the reserve slot."""


@dataclass(frozen=True, slots=True)
class Encounter:
    """One attempt of a device, or a probe, as the model tells it.

    Attributes:
        sequence: place in the engine's order of events.
        at_s: instant.
        device: index among the devices of the rehearsal.
        kind: `attempt`, `probe` (changes nothing), or `reinstall` (slots filled, then an attempt).
        verdict: how it ends.
        presented: generation that the server presents.
        before: slots when it begins; of a reinstallation, as it fills them.
        after: slots when it has ended.
    """

    sequence: int
    at_s: int
    device: int
    kind: Kind
    verdict: Verdict
    presented: int
    before: Slots
    after: Slots


@dataclass(slots=True)
class Stretch:
    """Attempts of one device that go alike: under the same state of the server, with the same slots."""

    key: object
    first: Encounter
    last: Encounter


@dataclass(slots=True)
class Trace:
    """What the devices write down.

    Attributes:
        control_s: instants at which the server changes, ascending.
        probed_s: instants of probes, ascending.
        encounters: to be played; complete and in order after `close`.
        attempts: how many attempts there were, failed ones included.
        failed: how many of them failed on the way, so that no certificate was looked at (model 5.4 b).
    """

    control_s: Sequence[int]
    probed_s: Sequence[int]
    encounters: list[Encounter] = field(default_factory=list)
    attempts: int = 0
    failed: int = 0
    _sequence: int = 0
    _stretches: dict[int, Stretch] = field(default_factory=dict)
    _probed: set[tuple[int, str, Slots]] = field(default_factory=set)

    def next_sequence(self) -> int:
        """A number above all before."""
        self._sequence += 1
        return self._sequence

    def attempted(self, encounter: Encounter) -> None:
        """Keep the attempt if a stretch begins with it; the last one follows when the stretch ends."""
        self.attempts += 1
        key = (bisect_right(self.control_s, encounter.at_s), encounter.verdict, encounter.before)
        stretch = self._stretches.get(encounter.device)
        if stretch is not None and stretch.key == key:
            stretch.last = encounter
            return
        self._end_stretch(encounter.device)
        self._stretches[encounter.device] = Stretch(key, encounter, encounter)

    def keep(self, encounter: Encounter) -> None:
        """Keep a probe or a reinstallation."""
        self.encounters.append(encounter)

    def is_new_kind(self, at_s: int, platform: str, slots: Slots) -> bool:
        """Whether no device like this has been probed at this instant."""
        kind = (at_s, platform, slots)
        is_new = kind not in self._probed
        self._probed.add(kind)
        return is_new

    def close(self) -> None:
        """End all stretches and put the encounters in order."""
        for device in list(self._stretches):
            self._end_stretch(device)
        self.encounters.sort(key=lambda encounter: encounter.sequence)

    def _end_stretch(self, device: int) -> None:
        stretch = self._stretches.pop(device, None)
        if stretch is not None:
            self.encounters.append(stretch.first)
            if stretch.last is not stretch.first:
                self.encounters.append(stretch.last)


class TracedDevice(Device):
    """A device of the process engine that writes down what becomes of its attempts."""

    def __init__(self, trace: Trace, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.trace = trace

    def live(self) -> Life:
        """Live as any device; and be probed."""
        self.clock.process(self._probes())
        return super().live()

    def attempt(self, now_s: int, succeeds: bool) -> None:
        """Try to synchronize, and write down how it ended."""
        before, syncs = self._slots, self.syncs
        is_answered = self._is_answered()
        super().attempt(now_s, succeeds)
        if self.syncs == syncs and is_answered and not succeeds:
            self.trace.attempts += 1
            self.trace.failed += 1
            return
        is_synced = self.syncs > syncs
        self.trace.attempted(self._encounter("attempt", before, _verdict(is_synced, is_answered)))

    def reinstall(self) -> None:
        """Be reinstalled, and write down whether the device synchronized at once."""
        syncs = self.syncs
        super().reinstall()
        verdict = _verdict(self.syncs > syncs, self._is_answered())
        self.trace.keep(self._encounter("reinstall", self._slots, verdict))

    def _probes(self) -> Life:
        for at_s in self.trace.probed_s:
            yield self.clock.at(at_s, Phase.OBSERVATION, self.index)
            if self.trace.is_new_kind(at_s, self.profile.platform, self._slots):
                is_answered = self._is_answered()
                verdict = _verdict(is_answered and self.is_able(), is_answered)
                self.trace.keep(self._encounter("probe", self._slots, verdict))

    @property
    def _slots(self) -> Slots:
        return self.main_slot, self.reserve_slot

    def _is_answered(self) -> bool:
        return self.server.is_reachable_at(self.server.address_dialled_with(*self._slots))

    def _encounter(self, kind: Kind, before: Slots, verdict: Verdict) -> Encounter:
        return Encounter(
            sequence=self.trace.next_sequence(),
            at_s=self.clock.now,
            device=self.index,
            kind=kind,
            verdict=verdict,
            presented=self.server.main.generation,
            before=before,
            after=self._slots,
        )


def _verdict(is_accepted: bool, is_answered: bool) -> Verdict:
    if is_accepted:
        return "accepted"
    return "refused" if is_answered else "unreachable"


def script_of(plan: Plan, fleet: Fleet, timeline: Timeline) -> tuple[Trace, Outcome]:
    """Run the process engine on the fleet: what its devices wrote down, and the outcome."""
    control_s = control_instants(timeline, plan.horizon_s)
    trace = Trace(control_s, _around(_probed_of(control_s, timeline), plan.horizon_s))
    outcome = simulate(plan, fleet, kind=partial(TracedDevice, trace))
    trace.close()
    return trace, outcome


def control_instants(timeline: Timeline, horizon_s: int) -> list[int]:
    """When the server changes, or the validity of one of its certificates; ascending, within the run."""
    instants = {state.from_s for state in timeline.states}
    for certificate in timeline.server.certificates:
        instants |= {certificate.not_before_s, certificate.not_after_s}
    return sorted(instant for instant in instants if 0 <= instant < horizon_s)


def _probed_of(control_s: list[int], timeline: Timeline) -> list[int]:
    """The control instants that are probed: switches before others, evenly thinned to `MOST_PROBED`."""
    switches = {after.from_s for _, after in timeline.switches}
    chosen = _thinned(sorted(switches), MOST_PROBED)
    return chosen + _thinned([each for each in control_s if each not in switches], MOST_PROBED - len(chosen))


def _thinned(instants: list[int], most: int) -> list[int]:
    if len(instants) <= most:
        return instants
    return [instants[i * len(instants) // most] for i in range(most)]


def _around(instants: list[int], horizon_s: int) -> list[int]:
    around = {instant + step for instant in instants for step in (-1, 0, 1)}
    return sorted(instant for instant in around if 0 <= instant < horizon_s)
