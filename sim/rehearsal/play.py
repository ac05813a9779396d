"""The script played: one encounter after another over TLS, each held against what the model says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sim.rehearsal.notafter import (
    meet_with_python,
    openssl_counts_not_after_in,
    python_counts_not_after_in,
)
from sim.rehearsal.phone import Held, Meeting, Phone
from sim.rehearsal.script import Encounter, Slots
from sim.rehearsal.server import LoopbackServer
from sim.world.timeline import State

Library = Literal["OpenSSL of cryptography", "Python's ssl"]


@dataclass(frozen=True, slots=True)
class Played:
    """An encounter and what came of it.

    Attributes:
        encounter: what the model says.
        fingerprint: of the certificate presented.
        said: per library that was asked, how the device met the server; empty: nobody here could say.
        slots: fingerprints that the device holds afterwards; None: an empty slot.
        expected_slots: those that the model says.
    """

    encounter: Encounter
    fingerprint: str
    said: Mapping[Library, Meeting]
    slots: tuple[str | None, str | None]
    expected_slots: tuple[str | None, str | None]

    @property
    def is_judged(self) -> bool:
        """Whether any library could be asked."""
        return bool(self.said)

    @property
    def agrees(self) -> bool:
        """Whether everybody who was asked says what the model says, and the slots are as they should be."""
        verdicts = {meeting.verdict for meeting in self.said.values()}
        return verdicts <= {self.encounter.verdict} and self.slots == self.expected_slots

    @property
    def meeting(self) -> Meeting:
        """What was said first; where nobody could, what the model says."""
        return next(iter(self.said.values()), Meeting(self.encounter.verdict))


class Stage:
    """The server, the phones and the clock of one rehearsal.

    Attributes:
        phones: the devices, by their index in the script.
    """

    def __init__(
        self,
        server: LoopbackServer,
        phones: Sequence[Phone],
        states: Sequence[State],
        *,
        start: datetime,
    ) -> None:
        self.server = server
        self.phones = phones
        self.start = start
        self._states = states
        self._reached = 0
        server.become(states[0])

    def play(
        self, script: Sequence[Encounter], *, progress: Callable[[float], None] | None = None
    ) -> Iterator[Played]:
        """Every encounter in its turn."""
        for number, encounter in enumerate(script):
            self._advance(encounter.at_s)
            yield self._meet(encounter)
            if progress is not None:
                progress((number + 1) / len(script))

    def _advance(self, now_s: int) -> None:
        """Let the server do what it does up to this instant: before any device (model 2)."""
        reached = self._reached
        while reached + 1 < len(self._states) and self._states[reached + 1].from_s <= now_s:
            reached += 1
        if reached != self._reached:
            self._reached = reached
            self.server.become(self._states[reached])

    def _meet(self, encounter: Encounter) -> Played:
        phone, server = self.phones[encounter.device], self.server
        if encounter.kind == "reinstall":
            reserve = server.reserve
            phone.reinstall(Held.of(server.main), None if reserve is None else Held.of(reserve))
        said = self._ask(phone, encounter)
        return Played(
            encounter=encounter,
            fingerprint=server.main.fingerprint,
            said=said,
            slots=phone.slots,
            expected_slots=self._fingerprints(encounter.after),
        )

    def _ask(self, phone: Phone, encounter: Encounter) -> dict[Library, Meeting]:
        """Let the phone meet the server, and in a probe Python's `ssl` in its place.

        In the very second of notAfter only a library is asked that leaves this second out, as the model does.
        """
        server, at = self.server, self.start + timedelta(seconds=encounter.at_s)
        address = phone.dials(presented=server.main.fingerprint, ever_presented=self._ever_presented())
        is_open = server.is_open(address)
        is_last_second = is_open and server.main.not_after == at
        said: dict[Library, Meeting] = {}
        if not (is_last_second and openssl_counts_not_after_in()):
            synchronizes = encounter.kind != "probe"
            said["OpenSSL of cryptography"] = phone.meet(server, address, at=at, synchronizes=synchronizes)
        is_asked_twice = is_open and encounter.kind == "probe"
        if (is_asked_twice or not said) and not (is_last_second and python_counts_not_after_in()):
            meeting = meet_with_python(phone, server, address, at=at)
            if meeting is not None:
                said["Python's ssl"] = meeting
        return said

    def _ever_presented(self) -> set[str]:
        state, credentials = self._states[self._reached], self.server.credentials
        return {credentials[generation].fingerprint for generation in state.activated}

    def _fingerprints(self, slots: Slots) -> tuple[str | None, str | None]:
        main, reserve = (self.server.credentials.get(generation) for generation in slots)
        return None if main is None else main.fingerprint, None if reserve is None else reserve.fingerprint
