"""The result of a rehearsal: every connection beside what the model says, in words and as JSON."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from OpenSSL import SSL

from sim.processes.recording import Slots
from sim.rehearsal.phone import COUNTS_NOT_AFTER_IN, Meeting, Verdict
from sim.scenario.scenario import Scenario
from sim.summary import Column, Summary, Table, notes
from sim.summary.answer import Answer
from sim.text import iso
from sim.world.fleet import Profile
from sim.world.server import Event

LIBRARY: Final = "OpenSSL of cryptography"
MOST_ROWS: Final = 40
"""Rows of a summary's table; JSON has all."""
MOST_DISAGREEMENTS: Final = 10
"""Disagreements that a summary names one by one."""

Kind = Literal["attempt", "probe", "reinstall"]


@dataclass(frozen=True, slots=True)
class Encounter:
    """One attempt of a device, or a probe, as the model says it goes.

    Attributes:
        at_s: instant.
        device: index among the devices of the rehearsal.
        kind: `attempt`, `probe` (changes nothing), or `reinstall` (slots filled, then an attempt).
        verdict: how it ends.
        after: slots when it has ended.
    """

    at_s: int
    device: int
    kind: Kind
    verdict: Verdict
    after: Slots


@dataclass(frozen=True, slots=True)
class Played:
    """An encounter and what came of it.

    Attributes:
        encounter: what the model says.
        fingerprint: the certificate presented.
        meeting: how the device met the server; None: no connection was made, in the second of notAfter, which
            this OpenSSL counts in.
        slots: fingerprints that the device holds afterwards: main, reserve; None: an empty slot.
        expected_slots: those that the model says.
    """

    encounter: Encounter
    fingerprint: str
    meeting: Meeting | None
    slots: tuple[str | None, str | None]
    expected_slots: tuple[str | None, str | None]

    @property
    def agrees(self) -> bool:
        """Whether it went as the model says, and the slots are as they should be."""
        if self.meeting is not None and self.meeting.verdict != self.encounter.verdict:
            return False
        return self.slots == self.expected_slots


@dataclass(frozen=True, eq=False, repr=False)
class Rehearsal(Answer):
    """What came of playing a plan with real TLS.

    Attributes:
        scenario: the scenario as it was played.
        devices: names of those that took part.
        profiles: the profile of each.
        fleet_devices: how many the scenario has.
        played: every encounter, in order.
        attempts: attempts of these devices in the simulation, of which the encounters are an extract.
        failed: how many of these failed on the way (model 5.4 b): no TLS in them.
        events: what the server and the operator did.
    """

    scenario: Scenario
    devices: tuple[str, ...]
    profiles: tuple[Profile, ...]
    fleet_devices: int
    played: tuple[Played, ...]
    attempts: int
    failed: int
    events: tuple[Event, ...]

    @property
    def disagreements(self) -> tuple[Played, ...]:
        """Connections that went otherwise than the model says."""
        return tuple(each for each in self.played if not each.agrees)

    @property
    def agrees(self) -> bool:
        """Whether every connection went as the model says."""
        return not self.disagreements

    @property
    def connections(self) -> int:
        """How many were made; 0: nothing is shown either way."""
        return sum(each.meeting is not None for each in self.played)

    @property
    def not_judged(self) -> int:
        """Encounters in the second of notAfter, which this OpenSSL counts in and the model does not."""
        return len(self.played) - self.connections

    def rows(self) -> list[dict[str, Any]]:
        """The connections, counted by control instant and kind of device, in order; as they stand in JSON."""
        starts = sorted({0, *(event.at_s for event in self.events)})
        met: dict[tuple[int, str, str], list[tuple[str, Meeting]]] = defaultdict(list)
        for each in self.played:
            profile = self.profiles[each.encounter.device]
            from_s = starts[bisect_right(starts, each.encounter.at_s) - 1]
            if each.meeting is not None:
                met[from_s, profile.group, profile.platform].append((each.fingerprint, each.meeting))
        return [
            {
                "from": iso(self.scenario.at(from_s)),
                "events": [event.name for event in self.events if event.at_s == from_s],
                "presented": list(dict.fromkeys(fingerprint for fingerprint, _ in meetings)),
                "group": group,
                "platform": platform,
                "ends": [
                    {**asdict(meeting), "connections": connections}
                    for meeting, connections in Counter(meeting for _, meeting in meetings).items()
                ],
            }
            for (from_s, group, platform), meetings in sorted(met.items())
        ]

    def summary(self) -> Summary:
        """The rehearsal for reading; of a long table the first rows, of many disagreements the first ones."""
        wrong = self.disagreements
        if wrong:
            answer = f"{len(wrong):,} connections went otherwise than the simulation says."
        elif self.connections:
            answer = "Agreed: every connection went as the simulation says."
        else:
            answer = "Nothing was rehearsed: no device ever connects."
        left_out = (
            f"{self.not_judged:,} connections in the very second of a notAfter were not made: this OpenSSL "
            "counts that second in, and the model (1.4) does not"
        )
        sentences = (self._sentence(each) for each in wrong[:MOST_DISAGREEMENTS])
        return Summary(
            title=self.scenario.name,
            answer=answer,
            parts=(
                self._table(),
                notes(*([left_out] if self.not_judged else [])),
                *([notes(*sentences, title="Disagreements", is_list=True)] if wrong else []),
            ),
            about=(
                f"{len(self.devices):,} of {self.fleet_devices:,} devices; {self.connections:,} TLS "
                f"connections on 127.0.0.1, which stand for {self.attempts:,} attempts; by {_version()}"
            ),
            tone="bad" if wrong else "good" if self.connections else "open",
        )

    def _table(self) -> Table:
        titles = ("From", "What happened", "Certificate", "Group", "Platform", "Connections")
        rows = self.rows()
        cells = tuple(
            (
                row["from"].replace("T", " ").removesuffix("Z").removesuffix(":00"),
                ", ".join(row["events"]) or "start",
                ", ".join(map(_short, row["presented"])),
                row["group"],
                row["platform"],
                "; ".join(map(_counted, row["ends"])),
            )
            for row in rows[:MOST_ROWS]
        )
        return Table(tuple(map(Column, titles)), cells, hidden=max(0, len(rows) - MOST_ROWS))

    def _sentence(self, played: Played) -> str:
        """A disagreement: which device, when, what it was shown, and who says what."""
        encounter, meeting = played.encounter, played.meeting
        where = (
            f"{self.devices[encounter.device]} at {self.scenario.at(encounter.at_s):%Y-%m-%d %H:%M:%S} "
            f"({encounter.kind}), presented {played.fingerprint}: "
        )
        if meeting is not None and meeting.verdict != encounter.verdict:
            return f"{where}the model says {encounter.verdict}, {LIBRARY} says {meeting}"
        held, expected = (
            " and ".join("nothing" if each is None else _short(each) for each in slots)
            for slots in (played.slots, played.expected_slots)
        )
        return (
            f"{where}{encounter.verdict} as the model says, but afterwards the device holds {held}, and "
            f"should hold {expected}"
        )

    def to_json(self) -> dict[str, Any]:
        """The document that `reissue rehearse --json` prints."""
        return {
            "scenario": self.scenario.name,
            "seed": self.scenario.seed,
            "agrees": self.agrees,
            "devices": list(self.devices),
            "fleet_devices": self.fleet_devices,
            "connections": self.connections,
            "not_judged": self.not_judged,
            "attempts": self.attempts,
            "attempts_failed": self.failed,
            "libraries": {LIBRARY: {"version": _version(), "accepts_at_not_after": COUNTS_NOT_AFTER_IN}},
            "rows": self.rows(),
            "disagreements": [
                {
                    "device": self.devices[each.encounter.device],
                    "at": iso(self.scenario.at(each.encounter.at_s)),
                    "kind": each.encounter.kind,
                    "certificate": each.fingerprint,
                    "model": each.encounter.verdict,
                    "tls": {} if each.meeting is None else {LIBRARY: asdict(each.meeting)},
                    "message": self._sentence(each),
                }
                for each in self.disagreements
            ],
        }


def _version() -> str:
    return SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode()


def _counted(end: dict[str, Any]) -> str:
    return f"{end['connections']:,} {Meeting(end['verdict'], end['reason'])}"


def _short(fingerprint: str) -> str:
    return fingerprint[:19]
