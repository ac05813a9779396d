"""The history of a device in sentences: what mattered, in order, and the rest counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Final

from sim.processes.device import masked_by
from sim.processes.recording import Happening
from sim.scenario.values import format_share
from sim.studies.why.device import SingleDevice, Trace
from sim.text import date, plural, spaced
from sim.world.calendar import masks_of
from sim.world.draws import Purpose
from sim.world.fleet import Away, Spells
from sim.world.outcome import PLATFORM_TEXT, cause_text
from sim.world.plan import Holiday, Recovery
from sim.world.server import Event
from sim.world.timeline import Timeline, play

MOST_ABSENCES: Final = 4
"""Absences that have a sentence of their own, the longest first; the others are counted."""

_RANK: Final = {"server": 0, "lost": 1, "help desk": 2, "absence": 3, "received": 4, "attempts": 5, "end": 9}
"""The order of entries in the same second; others are in the middle."""

_EVENTS: Final = {
    "reserve activated": "The reserve became the main certificate.",
    "certificate expired": "The main certificate expired.",
    "certificate replaced immediately": "The operator replaced the main certificate immediately.",
    "reserve replaced": "The waiting reserve was replaced by another.",
    "reserve discarded": "The waiting reserve was discarded.",
    "reserve cancelled": "The operator cancelled the waiting reserve.",
    "previous restored": "The operator put the previous certificate back.",
    "outage began": "An outage of the server began.",
    "outage ended": "The outage ended.",
}

_ENDS: Final = {
    "synced": "synchronized",
    "failed": "failed on the way",
    "unreachable": "found the server unreachable",
    "refused": "was refused",
}
"""How attempts end."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A sentence of a history.

    Attributes:
        at_s: instant.
        what: what it is about, in a word or two.
        text: the sentence.
    """

    at_s: int
    what: str
    text: str


def introduction(device: SingleDevice, at: Callable[[int], datetime]) -> str:
    """Which device it is, in a few words, and how it synchronizes.

    Args:
        device: the device.
        at: the date of an instant.
    """
    profile = device.profile
    platform = PLATFORM_TEXT.get(profile.platform, profile.platform)
    words = f"{device.name} is an {platform} device of '{profile.group}'"
    if profile.presence == "never":
        return f"{words} that is never on."
    if isinstance(profile.presence, Spells):
        words += ", on and off in turn"
    elif isinstance(profile.presence, Away) and profile.presence.spells:
        words += f", on but for {plural(len(profile.presence.spells), 'written absence')}"
    else:
        words += ", always on"
    sync = f"synchronizes every {spaced(profile.every_s)}"
    if profile.jitter_s:
        sync += f", up to {spaced(profile.jitter_s)} late"
    if profile.success < 1:
        sync += f"; {format_share(profile.success)} of its attempts succeed"
    sync += f"; the schedule begins on {date(at(int(device.start.phase_s[0])))}"
    if isinstance(profile.presence, Spells | Away) and not profile.catch_up:
        sync += "; what it missed it does not catch up"
    return f"{words}. It {sync}."


def entries_of(
    device: SingleDevice,
    trace: Trace,
    row: dict[str, int],
    desk: Recovery | None,
    at: Callable[[int], datetime],
) -> tuple[Entry, ...]:
    """The history in order of time; within a second first the server, then the device.

    Args:
        device: the device.
        trace: its run, with the reinstallations of the help desk.
        row: its row of the outcome.
        desk: the help desk.
        at: the date of an instant.
    """
    history = _History(device, trace, row, at)
    entries = [
        *history.server(),
        *history.losses(),
        *(history.desk(desk) if desk is not None else ()),
        *history.absences(),
        *history.common_causes(),
        *history.attempts(),
        history.end(),
    ]
    return tuple(sorted(entries, key=lambda entry: (entry.at_s, _RANK.get(entry.what, 3))))


class _History:
    def __init__(
        self, device: SingleDevice, trace: Trace, row: dict[str, int], at: Callable[[int], datetime]
    ) -> None:
        self.device, self.trace, self.row, self.at = device, trace, row, at
        self.timeline: Timeline = play(trace.plan)
        self.horizon_s = trace.plan.horizon_s

    def on(self, instant_s: int) -> str:
        """An instant for reading."""
        return date(self.at(instant_s))

    # --- the server ------------------------------------------------------------------------------

    def server(self) -> Iterator[Entry]:
        """What the server and the operator did."""
        for event in self.timeline.events:
            text = self._event(event)
            if text is not None:
                yield Entry(event.at_s, "server", text)

    def _event(self, event: Event) -> str | None:
        if event.name in _EVENTS:
            return _EVENTS[event.name]
        if event.name == "reserve specified":
            who = {"operator": "The operator", "automatic": "Automatic reissue"}.get(event.by, "The server")
            return f"{who} specified a reserve{self._becomes_main(event)}."
        if event.name in ("address opened", "address closed"):
            return f"The address {event.detail} {event.name.split()[1]}."
        return f"{event.name[0].upper()}{event.name[1:]}: {event.reason}." if event.reason else None

    def _becomes_main(self, event: Event) -> str:
        """When a reserve becomes main, seen from the end."""
        for before, after in self.timeline.switches:
            if after.main == event.generation != before.main and after.from_s >= event.at_s:
                if after.from_s == event.at_s:
                    return ", which became main at once"
                waited = spaced(after.from_s - event.at_s)
                return f", which became main on {self.on(after.from_s)}, {waited} later"
        return ", which did not become main within the run"

    # --- the device ------------------------------------------------------------------------------

    def losses(self) -> Iterator[Entry]:
        """Reserves received, losses with their cause, refusals, and how it reconnected."""
        noticed = True
        lost_since_s: int | None = None
        for happening in self.trace.happenings:
            at_s = happening.at_s
            match happening.what:
                case "received":
                    yield Entry(at_s, "received", self._received(happening))
                case "lost":
                    noticed = False
                    lost_since_s = at_s if lost_since_s is None else lost_since_s
                    cause = cause_text(happening.detail, self.device.profile.platform)
                    yield Entry(at_s, "lost", f"It lost the server: {cause}.")
                case "refused" if not noticed:
                    noticed = True
                    yield Entry(at_s, "noticed", "It was refused for the first time since the loss.")
                case "reconnected":
                    assert lost_since_s is not None
                    by_itself = happening.detail == "sync"
                    how = "by a synchronization of its own" if by_itself else "after the reinstallation"
                    since = spaced(at_s - lost_since_s)
                    lost_since_s = None
                    yield Entry(at_s, "attempts", f"It reconnected {how}, {since} after the loss.")

    def _received(self, happening: Happening) -> str:
        for before, after in self.timeline.switches:
            if after.main == happening.generation != before.main and after.from_s > happening.at_s:
                left = spaced(after.from_s - happening.at_s)
                return f"It received the reserve, {left} before that became main."
        return "It received the reserve."

    def desk(self, desk: Recovery) -> Iterator[Entry]:
        """The first call, and every reinstallation."""
        lost_s, back_s, drawn_s = self.row["lost_at_s"], self.row["reconnected_at_s"], self.device.drawn_s
        if lost_s < 0:
            return
        if not self.device.profile.ever_on:
            yield Entry(lost_s, "help desk", "Nobody holds it, so nobody asks for help.")
            return
        ready_s = lost_s + desk.begins_s + drawn_s(desk.owner_responds, Purpose.OWNER_RESPONDS, 0)
        if not 0 <= back_s < ready_s:  # else it helped itself before
            is_late = ready_s >= self.horizon_s
            late = "Its owner does not get ready for the help desk within the run."
            ready = "Its owner was ready for the help desk."
            yield Entry(lost_s if is_late else ready_s, "help desk", late if is_late else ready)
        worked_s = 0
        for number, end_s in enumerate(self.trace.instants_s("reinstalled")):
            took_s = drawn_s(desk.takes, Purpose.REINSTALL_TAKES, number)
            worked_s += took_s
            waited, in_queue_s = "", end_s - took_s - ready_s
            if number == 0 and in_queue_s >= 0:
                waited = f", after {spaced(in_queue_s)} in the queue" if in_queue_s else " at once"
            yield Entry(end_s - took_s, "help desk", f"A technician began the reinstallation{waited}.")
            yield Entry(end_s, "help desk", f"The app was reinstalled, in {spaced(took_s)}.")
        rest_s = self.row["helpdesk_s"] - worked_s
        if rest_s > 0:
            begun = "A technician began a reinstallation, which the run's end interrupts."
            yield Entry(self.horizon_s - rest_s, "help desk", begun)

    # --- absences --------------------------------------------------------------------------------

    def absences(self) -> Iterator[Entry]:
        """The longest of those while a reserve waited or in which it was lost; the rest counted."""
        all_s = self._absences_s()
        windows_s = self._windows_s()
        decisive = [(a, b) for a, b in all_s if any(a < to_s and from_s < b for from_s, to_s in windows_s)]
        shown = sorted(decisive, key=lambda each: each[0] - each[1])[:MOST_ABSENCES]
        for from_s, to_s in shown:
            until = f"for {spaced(to_s - from_s)}, until {self.on(to_s)}"
            if to_s >= self.horizon_s:
                until = "from here to the end of the run"
            yield Entry(from_s, "absence", f"It was off {until}.")
        others = len(all_s) - len(shown)
        if others:
            it, times = "Besides, it" if shown else "It", plural(others, "time")
            total = f"{spaced(sum(to_s - from_s for from_s, to_s in all_s))} of {spaced(self.horizon_s)}"
            yield Entry(self.horizon_s, "absences", f"{it} was off {times}; in all {total}.")

    def common_causes(self) -> Iterator[Entry]:
        """Holidays and disturbances that took it."""
        device, identity = self.device, int(self.device.roster.identity[0])
        profile = replace(device.profile, hours=None)
        for cause in device.plan.common_causes:
            if isinstance(cause, Holiday):
                kind, alone = "on holiday", replace(device.plan, holidays=(cause,), disturbances=())
            else:
                kind, alone = "away with others", replace(device.plan, holidays=(), disturbances=(cause,))
            masks = masks_of(alone, profile, device.draws)
            for from_s, to_s in masked_by(masks, device.draws, identity):
                until = f" until {self.on(to_s)}" if to_s < self.horizon_s else ""
                yield Entry(from_s, "absence", f"It was {kind}: '{cause.name}'{until}.")

    def _absences_s(self) -> list[tuple[int, int]]:
        instants = [h.at_s for h in self.trace.happenings if h.what in ("went off", "came on")]
        if not self.device.start.starts_on[0]:
            instants = [0, *instants]
        if len(instants) % 2:
            instants.append(self.horizon_s)
        return list(zip(instants[::2], instants[1::2], strict=True))

    def _windows_s(self) -> list[tuple[int, int]]:
        """While a reserve waited; and the seconds of losses."""
        states = self.timeline.states
        ends_s = [*(state.from_s for state in states[1:]), self.horizon_s]
        waits = [(s.from_s, end_s) for s, end_s in zip(states, ends_s, strict=True) if s.reserve >= 0]
        return waits + [(at_s, at_s + 1) for at_s in self.trace.instants_s("lost")]

    # --- attempts --------------------------------------------------------------------------------

    def attempts(self) -> Iterator[Entry]:
        """Attempts, counted between the instants at which something changed."""
        cuts = {0, self.horizon_s, *self.trace.instants_s("reinstalled")}
        cuts |= {event.at_s for event in self.timeline.events if event.name != "address opened"}
        for from_s, to_s in pairwise(sorted(cuts)):
            ends = [h for h in self.trace.happenings if from_s <= h.at_s < to_s and h.what in _ENDS]
            if ends:
                yield Entry(ends[0].at_s, "attempts", self._counted(ends))

    def _counted(self, ends: Sequence[Happening]) -> str:
        """`It synchronized 120 times, last on …; failed on the way twice.`"""
        counts: Counter[str] = Counter(each.what for each in ends)
        last: dict[str, int] = {each.what: each.at_s for each in ends}
        parts = [
            f"{words} {plural(counts[what], 'time')}"
            + (f", last on {self.on(last[what])}" if counts[what] > 1 else "")
            for what, words in _ENDS.items()
            if counts[what]
        ]
        return f"It {'; '.join(parts)}."

    def end(self) -> Entry:
        """How it ended."""
        if not any(after.main != before.main or after.change for before, after in self.timeline.switches):
            text = "The run ended before anything happened to the main certificate."
        elif self.row["lost_at_s"] < 0:
            text = "The run ended. It was never lost."
        elif self.trace.outcome.is_lost[0]:
            text = "The run ended. It was still without the server."
        else:
            text = "The run ended. It was connected again."
        return Entry(self.horizon_s, "end", text)
