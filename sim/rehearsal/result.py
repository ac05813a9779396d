"""The result of a rehearsal: every connection beside what the model says, in words and as JSON."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from OpenSSL import SSL

from sim.rehearsal.phone import Meeting, counts_not_after_in
from sim.rehearsal.script import Encounter
from sim.scenario.scenario import Scenario
from sim.summary import Column, Notes, Summary, Table, notes
from sim.summary.answer import Answer
from sim.text import iso
from sim.world.server import Event

LIBRARY: Final = "OpenSSL of cryptography"
MOST_ROWS: Final = 40
"""Rows of a summary's table; JSON has all."""
MOST_DISAGREEMENTS: Final = 10
"""Disagreements that a summary names one by one."""


@dataclass(frozen=True, slots=True)
class Played:
    """An encounter and what came of it.

    Attributes:
        encounter: what the model says.
        fingerprint: the certificate presented.
        meeting: how the device met the server; None: in the second of notAfter, which this OpenSSL counts in.
        slots: fingerprints that the device holds afterwards: main, reserve; None: an empty slot.
        expected_slots: those that the model says.
    """

    encounter: Encounter
    fingerprint: str
    meeting: Meeting | None
    slots: tuple[str | None, str | None]
    expected_slots: tuple[str | None, str | None]

    @property
    def is_judged(self) -> bool:
        """Whether a connection was made."""
        return self.meeting is not None

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
        groups: the group of each.
        platforms: the platform of each.
        fleet_devices: how many the scenario has.
        played: every encounter, in order.
        attempts: attempts of these devices in the simulation, of which the script is an extract.
        failed: how many of these failed on the way (model 5.4 b): no TLS in them.
        events: what the server and the operator did.
        certificates: fingerprints by generation.
    """

    scenario: Scenario
    devices: tuple[str, ...]
    groups: tuple[str, ...]
    platforms: tuple[str, ...]
    fleet_devices: int
    played: tuple[Played, ...]
    attempts: int
    failed: int
    events: tuple[Event, ...]
    certificates: dict[int, str]

    @property
    def disagreements(self) -> tuple[Played, ...]:
        """Connections that went otherwise than the model says."""
        return tuple(each for each in self.played if not each.agrees)

    @property
    def agrees(self) -> bool:
        """Whether every connection went as the model says."""
        return not self.disagreements

    @property
    def is_vacuous(self) -> bool:
        """Whether no connection was made at all."""
        return not any(each.is_judged for each in self.played)

    @property
    def not_judged(self) -> int:
        """Encounters in the second of notAfter, which this OpenSSL counts in and the model does not."""
        return sum(not each.is_judged for each in self.played)

    def at(self, instant_s: int) -> datetime:
        """The date of an instant."""
        return self.scenario.at(instant_s)

    def rows(self) -> list[dict[str, Any]]:
        """The connections, counted by control instant and kind of device, in order; as they stand in JSON."""
        starts = sorted({0, *(event.at_s for event in self.events)})
        ends: dict[tuple[int, str, str], Counter[Meeting]] = {}
        presented: dict[tuple[int, str, str], dict[str, None]] = {}
        for each in self.played:
            device = each.encounter.device
            from_s = starts[bisect_right(starts, each.encounter.at_s) - 1]
            key = (from_s, self.groups[device], self.platforms[device])
            if each.meeting is not None:
                ends.setdefault(key, Counter())[each.meeting] += 1
                presented.setdefault(key, {})[each.fingerprint] = None
        return [
            {
                "from": iso(self.at(key[0])),
                "events": [event.name for event in self.events if event.at_s == key[0]],
                "presented": list(presented[key]),
                "group": key[1],
                "platform": key[2],
                "ends": [{**asdict(meeting), "connections": n} for meeting, n in ends[key].items()],
            }
            for key in sorted(ends)
        ]

    # --- words -----------------------------------------------------------------------------------

    def summary(self) -> Summary:
        """The rehearsal for reading; of a long table the first rows, of many disagreements the first ones."""
        connections = len(self.played) - self.not_judged
        about = (
            f"{len(self.devices):,} of {self.fleet_devices:,} devices; {connections:,} TLS connections on "
            f"127.0.0.1, which stand for {self.attempts:,} attempts; by {_version()}"
        )
        parts: list[Table | Notes] = []
        if self.not_judged:
            parts.append(
                notes(
                    f"{self.not_judged:,} connections in the very second of a notAfter were not made: this "
                    "OpenSSL counts that second in, and the model (1.4) does not"
                )
            )
        wrong = [self._sentence(each) for each in self.disagreements[:MOST_DISAGREEMENTS]]
        if len(self.disagreements) > len(wrong):
            wrong.append(f"and {len(self.disagreements) - len(wrong):,} more")
        if wrong:
            parts.append(notes(*wrong, title="Disagreements", is_list=True))
        return Summary(
            title=self.scenario.name,
            answer=self._answer(),
            parts=(self._table(), *parts),
            about=about,
            tone="bad" if not self.agrees else "open" if self.is_vacuous else "good",
        )

    def _answer(self) -> str:
        if self.agrees:
            if self.is_vacuous:
                return "Nothing was rehearsed: no device ever connects."
            return "Agreed: every connection went as the simulation says."
        return f"{len(self.disagreements):,} connections went otherwise than the simulation says."

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
            f"{self.devices[encounter.device]} at {self.at(encounter.at_s):%Y-%m-%d %H:%M:%S} "
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

    # --- JSON ------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """The document that `reissue rehearse --json` prints."""
        return {
            "scenario": self.scenario.name,
            "seed": self.scenario.seed,
            "agrees": self.agrees,
            "devices": list(self.devices),
            "fleet_devices": self.fleet_devices,
            "connections": len(self.played) - self.not_judged,
            "not_judged": self.not_judged,
            "attempts": self.attempts,
            "attempts_failed": self.failed,
            "libraries": {LIBRARY: {"version": _version(), "accepts_at_not_after": counts_not_after_in()}},
            "rows": self.rows(),
            "disagreements": [
                {
                    "device": self.devices[each.encounter.device],
                    "at": iso(self.at(each.encounter.at_s)),
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
