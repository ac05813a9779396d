"""A rehearsal in words and as JSON."""

from __future__ import annotations

import ssl
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from OpenSSL import SSL

from sim.rehearsal.notafter import openssl_counts_not_after_in, python_counts_not_after_in
from sim.rehearsal.play import Played
from sim.rehearsal.study import Rehearsal
from sim.studies.result import iso


@dataclass(frozen=True, slots=True)
class Row:
    """How devices of one kind met the server between two control instants.

    Attributes:
        from_s: the control instant at which this begins.
        events: what the server and the operator did then.
        presented: fingerprints presented since.
        group: of the devices.
        platform: of the devices.
        ends: how often connections ended in each way, (verdict, reason).
    """

    from_s: int
    events: tuple[str, ...]
    presented: tuple[str, ...]
    group: str
    platform: str
    ends: Counter[tuple[str, str | None]]


def rows_of(rehearsal: Rehearsal) -> list[Row]:
    """The connections, counted by control instant and kind of device, in order."""
    starts = sorted({0, *(event.at_s for event in rehearsal.events)})
    ends: dict[tuple[int, str, str], Counter[tuple[str, str | None]]] = {}
    presented: dict[tuple[int, str, str], dict[str, None]] = {}
    for each in rehearsal.played:
        device = each.encounter.device
        number = bisect_right(starts, each.encounter.at_s) - 1
        key = (number, rehearsal.groups[device], rehearsal.platforms[device])
        ends.setdefault(key, Counter())[each.meeting.verdict, each.meeting.reason] += 1
        presented.setdefault(key, {})[each.fingerprint] = None
    return [
        Row(
            from_s=starts[number],
            events=tuple(event.name for event in rehearsal.events if event.at_s == starts[number]),
            presented=tuple(presented[number, group, platform]),
            group=group,
            platform=platform,
            ends=ends[number, group, platform],
        )
        for number, group, platform in sorted(ends)
    ]


def lines_of(rehearsal: Rehearsal, *, most_rows: int) -> Iterator[str]:
    """The rehearsal for reading, without the name of the scenario; at most so many rows of its table."""
    yield (
        f"{len(rehearsal.devices):,} of {rehearsal.fleet_devices:,} devices; {len(rehearsal.played):,} TLS "
        f"connections on 127.0.0.1, which stand for {rehearsal.attempts:,} attempts"
    )
    yield "by " + " and ".join(f"{each['version']} ({name})" for name, each in libraries().items())
    yield from _rows(rehearsal, most_rows)
    yield ""
    by_python = sum(set(each.said) == {"Python's ssl"} for each in rehearsal.played)
    if by_python:
        yield (
            f"in the very second of a notAfter ({by_python:,} connections) Python's ssl was asked alone: it "
            "leaves this second out as the model does (1.4); the other library counts it in"
        )
    if rehearsal.not_judged:
        yield (
            f"{rehearsal.not_judged:,} connections in the very second of a notAfter were not made: every "
            "OpenSSL here counts this second in, and the model (1.4) does not"
        )
    yield from (sentence_of(rehearsal, each) for each in rehearsal.disagreements[:10])
    if len(rehearsal.disagreements) > 10:
        yield f"and {len(rehearsal.disagreements) - 10:,} more disagreements"
    if rehearsal.difference is not None:
        d = rehearsal.difference
        whose = "" if d.device is None else f" of {d.device}"
        yield f"the simulations differ: {d.column}{whose} is {d.process} in one and {d.fleet} in the other"
    if rehearsal.agrees:
        vacuous = "nothing was rehearsed: no device ever connects"
        yield vacuous if rehearsal.is_vacuous else "agreed: every connection went as the simulation says"


def _rows(rehearsal: Rehearsal, most: int) -> Iterator[str]:
    rows = rows_of(rehearsal)
    begun = -1
    for row in rows[:most]:
        if row.from_s != begun:
            begun = row.from_s
            what = ", ".join(row.events) or "start"
            presented = ", ".join(each[:19] for each in row.presented)
            yield ""
            yield f"  {rehearsal.at(begun):%Y-%m-%d %H:%M:%S}  {what}  [{presented}]"
        ends = "; ".join(
            f"{n:,} {verdict}" + (f" ({reason})" if reason else "")
            for (verdict, reason), n in row.ends.items()
        )
        yield f"      {row.group}, {row.platform}: {ends}"
    if len(rows) > most:
        yield ""
        yield f"  and {len(rows) - most:,} more rows (all of them with --json)"


def sentence_of(rehearsal: Rehearsal, played: Played) -> str:
    """One disagreement: which device, when, what it was shown, and who says what."""
    encounter = played.encounter
    where = (
        f"{rehearsal.devices[encounter.device]} at {rehearsal.at(encounter.at_s):%Y-%m-%d %H:%M:%S} "
        f"({encounter.kind}), presented {played.fingerprint}: "
    )
    wrong = [
        f"{library} says {meeting.verdict}" + (f" ({meeting.reason})" if meeting.reason else "")
        for library, meeting in played.said.items()
        if meeting.verdict != encounter.verdict
    ]
    if wrong:
        return f"{where}the model says {encounter.verdict}, {', '.join(wrong)}"
    held, expected = (_slots_words(slots) for slots in (played.slots, played.expected_slots))
    return (
        f"{where}{encounter.verdict} as the model says, but afterwards the device holds {held}, and should "
        f"hold {expected}"
    )


def _slots_words(slots: tuple[str | None, str | None]) -> str:
    return " and ".join("nothing" if each is None else each[:19] for each in slots)


def libraries() -> dict[str, dict[str, object]]:
    """The TLS libraries that were asked, and how they read notAfter."""
    return {
        "OpenSSL of cryptography": {
            "version": SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode(),
            "accepts_at_not_after": openssl_counts_not_after_in(),
        },
        "Python's ssl": {
            "version": ssl.OPENSSL_VERSION,
            "accepts_at_not_after": python_counts_not_after_in(),
        },
    }


def to_json(rehearsal: Rehearsal) -> dict[str, Any]:
    """The document that `reissue rehearse --json` prints."""
    difference = rehearsal.difference
    document: dict[str, Any] = {
        "scenario": rehearsal.scenario.name,
        "seed": rehearsal.scenario.seed,
        "agrees": rehearsal.agrees,
        "devices": list(rehearsal.devices),
        "fleet_devices": rehearsal.fleet_devices,
        "connections": len(rehearsal.played) - rehearsal.not_judged,
        "not_judged": rehearsal.not_judged,
        "attempts": rehearsal.attempts,
        "attempts_failed": rehearsal.failed,
        "libraries": libraries(),
        "rows": [
            {
                "from": iso(rehearsal.at(row.from_s)),
                "events": list(row.events),
                "presented": list(row.presented),
                "group": row.group,
                "platform": row.platform,
                "ends": [
                    {"verdict": verdict, "reason": reason, "connections": n}
                    for (verdict, reason), n in row.ends.items()
                ],
            }
            for row in rows_of(rehearsal)
        ],
        "disagreements": [_disagreement(rehearsal, each) for each in rehearsal.disagreements],
    }
    if difference is not None:
        document["difference"] = {
            "column": difference.column,
            "device": difference.device,
            "one": difference.process,
            "other": difference.fleet,
        }
    return document


def _disagreement(rehearsal: Rehearsal, played: Played) -> dict[str, Any]:
    encounter = played.encounter
    return {
        "device": rehearsal.devices[encounter.device],
        "at": iso(rehearsal.at(encounter.at_s)),
        "kind": encounter.kind,
        "certificate": played.fingerprint,
        "model": encounter.verdict,
        "tls": {
            library: {"verdict": meeting.verdict, "reason": meeting.reason}
            for library, meeting in played.said.items()
        },
        "message": sentence_of(rehearsal, played),
    }
