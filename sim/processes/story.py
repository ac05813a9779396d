"""A device of the process engine that writes down what becomes of it, and can be given more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
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
    "went off",
    "came on",
]
"""The first four are how an attempt ends (model 5.4)."""


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened to the device.

    Attributes:
        at_s: instant.
        what: of `What`.
        generation: the certificate presented; of `received`, the one received.
        detail: of `lost` the cause, of `reconnected` the means; else empty.
    """

    at_s: int
    what: What
    generation: int
    detail: str = ""


@dataclass(slots=True)
class Diary:
    """What a watched device writes, and what it is given.

    Attributes:
        attempts_s: instants of attempts beside its own, which succeed if the server accepts them.
        reinstalls_s: instants at which a reinstallation ends.
        happenings: in order, once the run is over.
    """

    attempts_s: Sequence[int] = ()
    reinstalls_s: Sequence[int] = ()
    happenings: list[Happening] = field(default_factory=list)


class WatchedDevice(Device):
    """A device that keeps a diary; the engine makes it with `partial(WatchedDevice, diary)`."""

    def __init__(self, diary: Diary, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.diary = diary

    def live(self) -> Life:
        """Live as any device, with what the diary adds."""
        self.clock.process(self._attempt_at(self.diary.attempts_s))
        self.clock.process(self._reinstall_at(self.diary.reinstalls_s))
        return super().live()

    def attempt(self, now_s: int, succeeds: bool) -> None:
        """Try to synchronize, and note how it ended after what came of it."""
        syncs, server = self.syncs, self.server
        address = server.address_dialled_with(self.main_slot, self.reserve_slot)
        is_answered = server.is_reachable_at(address)
        super().attempt(now_s, succeeds)
        if self.syncs > syncs:
            self._note("synced")
        elif not is_answered:
            self._note("unreachable")
        else:
            self._note("refused" if succeeds else "failed")

    def judge(self, cause: str) -> bool:
        """Note a loss."""
        is_lost = super().judge(cause)
        if is_lost:
            self._note("lost", detail=cause)
        return is_lost

    def reinstall(self) -> None:
        """Be reinstalled, and note it before what comes of it."""
        self._note("reinstalled")
        syncs = self.syncs
        super().reinstall()
        if self.syncs > syncs:
            self._note("synced")

    def _receive_reserve(self, generation: int, now_s: int) -> None:
        is_new = self.received != generation
        super()._receive_reserve(generation, now_s)
        if is_new:
            self.diary.happenings.append(Happening(now_s, "received", generation))

    def _reconnect(self, now_s: int) -> None:
        super()._reconnect(now_s)
        self._note("reconnected", detail="reinstall" if self.helped else "sync")

    def _live_in_spells(self, on_spells: Iterator[int], off_spells: Iterator[int]) -> Life:
        return super()._live_in_spells(
            self._noting("came on", on_spells), self._noting("went off", off_spells)
        )

    def _noting(self, what: What, spells: Iterator[int]) -> Iterator[int]:
        """The lengths of spells, each asked for at the second in which it begins."""
        for length_s in spells:
            self._note(what)
            yield length_s

    def _attempt_at(self, instants_s: Sequence[int]) -> Life:
        for at_s in instants_s:
            yield self.clock.at(at_s, Phase.SYNC, self.index)
            self.attempt(at_s, True)

    def _reinstall_at(self, instants_s: Sequence[int]) -> Life:
        for at_s in instants_s:
            yield self.clock.at(at_s, Phase.REINSTALL_END, self.index)
            self.reinstall()

    def _note(self, what: What, *, detail: str = "") -> None:
        generation = self.server.main.generation
        self.diary.happenings.append(Happening(self.clock.now, what, generation, detail))
