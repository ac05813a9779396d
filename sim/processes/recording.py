"""A device of the process engine that records what becomes of it, and can be given more attempts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sim.processes.device import Device, Life
from sim.world.order import Phase

What = Literal[
    "synced",
    "failed",
    "unreachable",
    "refused",
    "received",
    "lost",
    "reconnected",
    "reinstalled",
    "probed",
    "went off",
    "came on",
]
"""The first four are how an attempt ends (model 5.4)."""

Slots = tuple[int, int]
"""Generations of the certificates in the main and the reserve slot."""


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened to a device."""

    at_s: int  # instant
    device: int  # index of the device in the fleet
    what: What  # one of `What`
    generation: int  # the certificate presented; for `received`, the one received
    # for `lost` the cause; for `reconnected` the means; for `reinstalled` and `probed` how the server is
    # met (`synced`, `refused`, `unreachable`); for `synced` by a reinstallation `reinstall`
    detail: str
    before: Slots  # the slots before an attempt; else the slots
    after: Slots  # the slots after it


@dataclass(frozen=True, slots=True)
class Recorder:
    """What recorded devices are given, and where they record."""

    record: Callable[[Happening], object]  # called with each happening, in the engine's order of events
    # instants of attempts beside a device's own, which succeed if the server accepts them
    attempts_s: Sequence[int] = ()
    reinstalls_s: Sequence[int] = ()  # instants at which a reinstallation ends
    # instants at which it is recorded whether the server would be accepted; they change nothing
    probes_s: Sequence[int] = ()


class RecordedDevice(Device):
    """A device that records; the engine makes it with `partial(RecordedDevice, recorder)`."""

    def __init__(self, recorder: Recorder, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.recorder = recorder

    def live(self) -> Life:
        """Live as any device, with what the recorder adds."""
        self.clock.process(self._attempt_at(self.recorder.attempts_s))
        self.clock.process(self._reinstall_at(self.recorder.reinstalls_s))
        self.clock.process(self._probe_at(self.recorder.probes_s))
        return super().live()

    def attempt(self, now_s: int, succeeds: bool) -> None:
        """Try to synchronize, and record how it ended after what came of it."""
        before, syncs, is_answered = self._slots, self.syncs, self._is_answered()
        super().attempt(now_s, succeeds)
        if self.syncs > syncs:
            self._record("synced", before=before)
        elif not is_answered:
            self._record("unreachable", before=before)
        else:
            self._record("refused" if succeeds else "failed", before=before)

    def judge(self, cause: str) -> bool:
        """Record a loss."""
        is_lost = super().judge(cause)
        if is_lost:
            self._record("lost", detail=cause)
        return is_lost

    def reinstall(self) -> None:
        """Be reinstalled, and record whether it synchronized at once."""
        syncs = self.syncs
        super().reinstall()
        is_synced = self.syncs > syncs
        self._record("reinstalled", detail=_met(is_synced, self._is_answered()))
        if is_synced:
            self._record("synced", detail="reinstall")

    def _receive_reserve(self, generation: int, now_s: int) -> None:
        is_new = self.received != generation
        super()._receive_reserve(generation, now_s)
        if is_new:
            self._record("received", generation=generation)

    def _reconnect(self, now_s: int) -> None:
        super()._reconnect(now_s)
        self._record("reconnected", detail="reinstall" if self.helped else "sync")

    def _live_in_spells(self, on_spells: Iterator[int], off_spells: Iterator[int]) -> Life:
        return super()._live_in_spells(
            self._recorded("came on", on_spells), self._recorded("went off", off_spells)
        )

    def _recorded(self, what: What, spells: Iterator[int]) -> Iterator[int]:
        """The lengths of spells, each asked for at the second in which it begins."""
        for length_s in spells:
            self._record(what)
            yield length_s

    def _attempt_at(self, instants_s: Sequence[int]) -> Life:
        for at_s in instants_s:
            yield self.clock.at(at_s, Phase.SYNC, self.index)
            self.attempt(at_s, True)

    def _reinstall_at(self, instants_s: Sequence[int]) -> Life:
        for at_s in instants_s:
            yield self.clock.at(at_s, Phase.REINSTALL_END, self.index)
            self.reinstall()

    def _probe_at(self, instants_s: Sequence[int]) -> Life:
        for at_s in instants_s:
            yield self.clock.at(at_s, Phase.OBSERVATION, self.index)
            is_answered = self._is_answered()
            self._record("probed", detail=_met(is_answered and self.is_able(), is_answered))

    @property
    def _slots(self) -> Slots:
        return self.main_slot, self.reserve_slot

    def _is_answered(self) -> bool:
        return self.server.is_reachable_at(self.server.address_dialled_with(*self._slots))

    def _record(
        self, what: What, *, detail: str = "", generation: int | None = None, before: Slots | None = None
    ) -> None:
        presented = self.server.main.generation if generation is None else generation
        slots = self._slots
        self.recorder.record(
            Happening(self.clock.now, self.index, what, presented, detail, before or slots, slots)
        )


def _met(is_synced: bool, is_answered: bool) -> What:
    """How a device meets the server."""
    if is_synced:
        return "synced"
    return "refused" if is_answered else "unreachable"
