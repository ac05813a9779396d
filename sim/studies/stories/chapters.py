"""A device's life as a story: what mattered, in order, and the rest counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Final

from sim.processes.recording import Happening
from sim.studies.experiment import Experiment
from sim.studies.stories.alone import Alone, Life, response_s, work_s
from sim.studies.stories.sentences import CAUSES, PLATFORMS, date, plural, spaced
from sim.world.server import Event
from sim.world.timeline import Timeline, play

MOST_ABSENCES: Final = 4
"""Absences that are told one by one, the longest first; the others are counted."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A sentence of a story.

    Attributes:
        at_s: instant.
        what: what it is about, in a word or two.
        text: the sentence.
    """

    at_s: int
    what: str
    text: str


_RANK: Final = {"server": 0, "lost": 1, "help desk": 2, "absence": 3, "received": 4, "attempts": 5, "end": 9}


def entries_of(experiment: Experiment, alone: Alone, life: Life, row: dict[str, int]) -> list[Entry]:
    """The story in order of time; within a second first the server, then the device.

    Args:
        experiment: of the scenario.
        alone: the device.
        life: with the reinstallations of the help desk.
        row: the device's row of the outcome.
    """
    timeline = play(life.plan)
    writer = _Writer(experiment, alone, life, timeline)
    entries = [
        *writer.server(),
        *writer.losses(),
        *writer.desk(row),
        *writer.absences(),
        *writer.attempts(),
        *writer.end(row),
    ]
    return sorted(entries, key=lambda entry: (entry.at_s, _RANK.get(entry.what, 3)))


class _Writer:
    def __init__(self, experiment: Experiment, alone: Alone, life: Life, timeline: Timeline) -> None:
        self.experiment = experiment
        self.alone = alone
        self.life = life
        self.timeline = timeline
        self.horizon_s = life.plan.horizon_s
        self.start = experiment.scenario.start

    def on(self, instant_s: int) -> str:
        """An instant for reading."""
        return date(self.start + timedelta(seconds=instant_s))

    # --- the server ------------------------------------------------------------------------------

    def server(self) -> Iterator[Entry]:
        """What the server and the operator did."""
        for event in self.timeline.events:
            text = self._event(event)
            if text is not None:
                yield Entry(event.at_s, "server", text)

    def _event(self, event: Event) -> str | None:
        who = {"operator": "The operator", "automatic": "Automatic reissue"}.get(event.by, "The server")
        match event.name:
            case "reserve specified":
                return f"{who} specified a reserve{self._becomes_main(event)}."
            case "reserve activated":
                return "The reserve became the main certificate."
            case "certificate expired":
                return "The main certificate expired."
            case "certificate replaced immediately":
                return "The operator replaced the main certificate immediately."
            case "reserve replaced":
                return "The waiting reserve was replaced by another."
            case "reserve discarded":
                return "The waiting reserve was discarded."
            case "reserve cancelled":
                return "The operator cancelled the waiting reserve."
            case "previous restored":
                return "The operator put the previous certificate back."
            case "outage began":
                return "An outage of the server began."
            case "outage ended":
                return "The outage ended."
            case "address opened" | "address closed":
                return f"The address {event.detail} {event.name.split()[1]}."
            case _:
                return f"{event.name[0].upper()}{event.name[1:]}: {event.reason}." if event.reason else None

    def _becomes_main(self, event: Event) -> str:
        """When a reserve becomes main, seen from the end."""
        for before, after in self.timeline.switches:
            if after.main == event.generation and after.from_s >= event.at_s and after.main != before.main:
                if after.from_s == event.at_s:
                    return ", which became main at once"
                waited = spaced(after.from_s - event.at_s)
                return f", which became main on {self.on(after.from_s)}, {waited} later"
        return ", which did not become main within the run"

    # --- the device ------------------------------------------------------------------------------

    def losses(self) -> Iterator[Entry]:
        """Reserves received, losses with their cause, refusals, and how it reconnected."""
        noticed = True
        for happening in self.life.happenings:
            match happening.what:
                case "received":
                    yield Entry(happening.at_s, "received", self._received(happening))
                case "lost":
                    noticed = False
                    words = CAUSES[happening.detail].format(platform=PLATFORMS[self.alone.profile.platform])
                    yield Entry(happening.at_s, "lost", f"It lost the server: {words}.")
                case "refused" if not noticed:
                    noticed = True
                    yield Entry(
                        happening.at_s, "noticed", "It was refused for the first time since the loss."
                    )
                case "reconnected":
                    how = (
                        "by a synchronization of its own"
                        if happening.detail == "sync"
                        else "after the reinstallation"
                    )
                    lost_s = [at_s for at_s in self.life.instants_s("lost") if at_s <= happening.at_s]
                    since = self._lost_since(happening.at_s, lost_s)
                    yield Entry(
                        happening.at_s, "attempts", f"It reconnected {how}, {spaced(since)} after the loss."
                    )

    def _lost_since(self, at_s: int, lost_s: list[int]) -> int:
        """How long this spell of being lost lasted: it may have been lost anew within it."""
        back_s = [each for each in self.life.instants_s("reconnected") if each < at_s]
        first = next(each for each in lost_s if not back_s or each >= back_s[-1])
        return at_s - first

    def _received(self, happening: Happening) -> str:
        for before, after in self.timeline.switches:
            if after.main == happening.generation != before.main and after.from_s > happening.at_s:
                left = spaced(after.from_s - happening.at_s)
                return f"It received the reserve, {left} before that became main."
        return "It received the reserve."

    def desk(self, row: dict[str, int]) -> Iterator[Entry]:
        """The first call, and every reinstallation."""
        recovery, experiment = self.experiment.plan.recovery, self.experiment
        ends_s = self.life.instants_s("reinstalled")
        if recovery is None or row["lost_at_s"] < 0:
            return
        if not self.alone.profile.ever_on:
            yield Entry(row["lost_at_s"], "help desk", "Nobody holds it, so nobody asks for help.")
            return
        ready_s = row["lost_at_s"] + recovery.begins_s + response_s(experiment, self.alone, 0)
        back_s = row["reconnected_at_s"]
        if 0 <= back_s < ready_s:
            pass  # it helped itself before its owner was ready
        elif ready_s < self.horizon_s:
            yield Entry(ready_s, "help desk", "Its owner was ready for the help desk.")
        else:
            yield Entry(
                row["lost_at_s"],
                "help desk",
                "Its owner does not get ready for the help desk within the run.",
            )
        worked_s = 0
        for number, end_s in enumerate(ends_s):
            took_s = work_s(experiment, self.alone, number)
            worked_s += took_s
            waited = ""
            if number == 0 and end_s - took_s >= ready_s:
                in_queue_s = end_s - took_s - ready_s
                waited = f", after {spaced(in_queue_s)} in the queue" if in_queue_s else " at once"
            yield Entry(end_s - took_s, "help desk", f"A technician began the reinstallation{waited}.")
            yield Entry(end_s, "help desk", f"The app was reinstalled, in {spaced(took_s)}.")
        rest_s = row["helpdesk_s"] - worked_s
        if rest_s > 0:
            yield Entry(
                self.horizon_s - rest_s,
                "help desk",
                "A technician began a reinstallation, which the run's end interrupts.",
            )

    # --- absences --------------------------------------------------------------------------------

    def absences(self) -> Iterator[Entry]:
        """The longest of those while a reserve waited or in which it was lost; the rest counted."""
        all_s = self._absences_s()
        if not all_s:
            return
        decisive = [each for each in all_s if any(_overlap(each, window) for window in self._windows_s())]
        told = sorted(decisive, key=lambda each: each[0] - each[1])[:MOST_ABSENCES]
        for from_s, to_s in told:
            if to_s >= self.horizon_s:
                yield Entry(from_s, "absence", "It was off from here to the end of the run.")
            else:
                yield Entry(
                    from_s, "absence", f"It was off for {spaced(to_s - from_s)}, until {self.on(to_s)}."
                )
        others = len(all_s) - len(told)
        if others:
            total = f"{spaced(sum(to_s - from_s for from_s, to_s in all_s))} of {spaced(self.horizon_s)}"
            yield Entry(
                self.horizon_s,
                "absences",
                f"{'Besides, it' if told else 'It'} was off {plural(others, 'time')}; in all {total}.",
            )

    def _absences_s(self) -> list[tuple[int, int]]:
        turns = [h for h in self.life.happenings if h.what in ("went off", "came on")]
        instants = [h.at_s for h in turns]
        if not self.alone.start.starts_on[0]:
            instants = [0, *instants]
        if len(instants) % 2:
            instants.append(self.horizon_s)
        return list(zip(instants[::2], instants[1::2], strict=True))

    def _windows_s(self) -> list[tuple[int, int]]:
        """While a reserve waited; and the seconds of losses."""
        states = self.timeline.states
        ends_s = [*(state.from_s for state in states[1:]), self.horizon_s]
        waits = [(s.from_s, end_s) for s, end_s in zip(states, ends_s, strict=True) if s.reserve >= 0]
        return waits + [(at_s, at_s + 1) for at_s in self.life.instants_s("lost")]

    # --- attempts --------------------------------------------------------------------------------

    def attempts(self) -> Iterator[Entry]:
        """Attempts, counted between the instants at which something changed."""
        cuts = {0, self.horizon_s}
        cuts |= {event.at_s for event in self.timeline.events if event.name != "address opened"}
        cuts |= set(self.life.instants_s("reinstalled"))
        for from_s, to_s in pairwise(sorted(cuts)):
            ends = [h for h in self.life.happenings if from_s <= h.at_s < to_s and h.what in _ENDS]
            if ends:
                yield Entry(ends[0].at_s, "attempts", _counted(ends, self))

    def end(self, row: dict[str, int]) -> Iterator[Entry]:
        """How it ended."""
        if not any(after.main != before.main or after.change for before, after in self.timeline.switches):
            yield Entry(
                self.horizon_s, "end", "The run ended before anything happened to the main certificate."
            )
        elif row["lost_at_s"] < 0:
            yield Entry(self.horizon_s, "end", "The run ended. It was never lost.")
        elif self.life.outcome.is_lost[0]:
            yield Entry(self.horizon_s, "end", "The run ended. It was still without the server.")
        else:
            yield Entry(self.horizon_s, "end", "The run ended. It was connected again.")


_ENDS: Final = {
    "synced": "synchronized",
    "failed": "failed on the way",
    "unreachable": "found the server unreachable",
    "refused": "was refused",
}


def _counted(ends: Sequence[Happening], writer: _Writer) -> str:
    """`It synchronized 120 times, last on …; failed on the way twice.`"""
    counts = Counter(h.what for h in ends)
    last = {h.what: h.at_s for h in ends}
    parts = [
        f"{words} {plural(counts[what], 'time')}"  # type: ignore[index]
        + (f", last on {writer.on(last[what])}" if counts[what] > 1 else "")  # type: ignore[index]
        for what, words in _ENDS.items()
        if counts[what]  # type: ignore[index]
    ]
    return f"It {'; '.join(parts)}."


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] < other[1] and other[0] < one[1]
