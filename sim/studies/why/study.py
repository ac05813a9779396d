"""What became of one device in sentences, and what would have saved it (`reissue why`)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise, zip_longest
from typing import Any, Final

from sim.processes.device import masked_by
from sim.scenario.prepare import prepare
from sim.scenario.scenario import Scenario
from sim.scenario.values import format_share
from sim.studies.experiment import Experiment, Progress
from sim.studies.options import checked, shown
from sim.studies.why.claims import Claim, claims_of
from sim.studies.why.device import SingleDevice, Trace, find, reinstalls_of, row_of
from sim.summary import Column, Notes, Summary, Table, notes
from sim.summary.answer import Answer
from sim.summary.terminal import to_text
from sim.text import date, iso, plural, spaced
from sim.world.calendar import masks_of
from sim.world.draws import Purpose
from sim.world.fleet import Away, Profile, Spells
from sim.world.outcome import CAUSES, MEANS, NEVER, PLATFORM_TEXT, cause_text
from sim.world.plan import Holiday, Recovery
from sim.world.server import Event
from sim.world.timeline import play

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
    "address opened": "The address {detail} opened.",
    "address closed": "The address {detail} closed.",
}

_ACTORS: Final = {"operator": "The operator", "automatic": "Automatic reissue"}

_ENDS: Final = {
    "synced": "synchronized",
    "failed": "failed on the way",
    "unreachable": "found the server unreachable",
    "refused": "was refused",
}
"""How attempts end."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A sentence of a history."""

    at_s: int
    what: str  # what it is about, in a word or two
    text: str


def introduction(device: SingleDevice, at: Callable[[int], datetime]) -> str:
    """Which device it is, in a few words, and how it synchronizes."""
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


class _History:
    """What mattered in a device's run, and the rest counted; `row` is its row of the outcome."""

    def __init__(
        self, device: SingleDevice, trace: Trace, row: dict[str, int], at: Callable[[int], datetime]
    ) -> None:
        self.device, self.trace, self.row, self.at = device, trace, row, at
        self.timeline, self.horizon_s = play(trace.plan), trace.plan.horizon_s

    def entries(self, desk: Recovery | None) -> tuple[Entry, ...]:
        """All in order of time; within a second first the server, then the device."""
        entries = [
            *self.server(),
            *self.losses(),
            *(self.desk(desk) if desk is not None else ()),
            *self.absences(),
            *self.common_causes(),
            *self.attempts(),
            self.end(),
        ]
        return tuple(sorted(entries, key=lambda entry: (entry.at_s, _RANK.get(entry.what, 3))))

    # --- the server ------------------------------------------------------------------------------

    def server(self) -> Iterator[Entry]:
        """What the server and the operator did."""
        for event in self.timeline.events:
            text = _EVENTS.get(event.name, "").format(detail=event.detail)
            if event.name == "reserve specified":
                who = _ACTORS.get(event.by, "The server")
                text = f"{who} specified a reserve{self._becomes_main(event)}."
            elif not text and event.reason:
                text = f"{event.name[0].upper()}{event.name[1:]}: {event.reason}."
            if text:
                yield Entry(event.at_s, "server", text)

    def _becomes_main(self, event: Event) -> str:
        """When a reserve becomes main, seen from the end."""
        main_s = self._main_from_s(event.generation, event.at_s)
        if main_s is None:
            return ", which did not become main within the run"
        if main_s == event.at_s:
            return ", which became main at once"
        return f", which became main on {date(self.at(main_s))}, {spaced(main_s - event.at_s)} later"

    def _main_from_s(self, generation: int | None, since_s: int) -> int | None:
        """When a certificate becomes main, at an instant or later; None: it does not."""
        becomes = (
            after.from_s
            for before, after in self.timeline.switches
            if after.main == generation != before.main and after.from_s >= since_s
        )
        return next(becomes, None)

    # --- the device ------------------------------------------------------------------------------

    def losses(self) -> Iterator[Entry]:
        """Reserves received, losses with their cause, refusals, and how it reconnected."""
        noticed = True
        lost_since_s: int | None = None
        for happening in self.trace.happenings:
            at_s = happening.at_s
            match happening.what:
                case "received":
                    main_s = self._main_from_s(happening.generation, at_s + 1)
                    early = "" if main_s is None else f", {spaced(main_s - at_s)} before that became main"
                    yield Entry(at_s, "received", f"It received the reserve{early}.")
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
        all_s = self.device.absences_s(self.trace)
        windows_s = [(at_s, at_s + 1) for at_s in self.trace.instants_s("lost")]
        for state, after in zip_longest(self.timeline.states, self.timeline.states[1:]):
            if state.reserve >= 0:
                windows_s.append((state.from_s, self.horizon_s if after is None else after.from_s))
        decisive = [(a, b) for a, b in all_s if any(a < to_s and from_s < b for from_s, to_s in windows_s)]
        shown = sorted(decisive, key=lambda each: each[0] - each[1])[:MOST_ABSENCES]
        for from_s, to_s in shown:
            until = f"for {spaced(to_s - from_s)}, until {date(self.at(to_s))}"
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
                until = f" until {date(self.at(to_s))}" if to_s < self.horizon_s else ""
                yield Entry(from_s, "absence", f"It was {kind}: '{cause.name}'{until}.")

    # --- attempts --------------------------------------------------------------------------------

    def attempts(self) -> Iterator[Entry]:
        """Attempts, counted between the instants at which something changed."""
        cuts = {0, self.horizon_s, *self.trace.instants_s("reinstalled")}
        cuts |= {event.at_s for event in self.timeline.events if event.name != "address opened"}
        ends_s = {words: self.trace.instants_s(what) for what, words in _ENDS.items()}
        for from_s, to_s in pairwise(sorted(cuts)):
            within_s = {
                words: at_s[bisect_left(at_s, from_s) : bisect_left(at_s, to_s)]
                for words, at_s in ends_s.items()
            }
            parts = [
                f"{words} {plural(len(at_s), 'time')}"
                + (f", last on {date(self.at(at_s[-1]))}" if len(at_s) > 1 else "")
                for words, at_s in within_s.items()
                if at_s
            ]
            if parts:
                first_s = min(at_s[0] for at_s in within_s.values() if at_s)
                yield Entry(first_s, "attempts", f"It {'; '.join(parts)}.")

    def end(self) -> Entry:
        """How it ended."""
        if next(self.timeline.switches, None) is None:
            text = "The run ended before anything happened to the main certificate."
        elif self.row["lost_at_s"] < 0:
            text = "The run ended. It was never lost."
        elif self.trace.outcome.is_lost[0]:
            text = "The run ended. It was still without the server."
        else:
            text = "The run ended. It was connected again."
        return Entry(self.horizon_s, "end", text)


# --- the study -----------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, repr=False)
class Story(Answer):
    """What became of one device, and why."""

    scenario: Scenario  # its first replication is the one in question
    device: str
    replication: int
    profile: Profile  # what the device has in common with others
    introduction: str  # which device it is, in a few words
    trace: Trace
    row: dict[str, int]  # the device's row of the outcome, by column; instants in seconds, -1 for never
    entries: tuple[Entry, ...]  # the story, in order
    claims: tuple[Claim, ...]  # what would have saved it, or how near the loss was; each was tried

    @property
    def is_lost(self) -> bool:
        """Whether it ever lost the server."""
        return self.row["lost_at_s"] != NEVER

    def at(self, instant_s: int) -> datetime:
        """The date of an instant."""
        return self.scenario.at(instant_s)

    def summary(self) -> Summary:
        """The story for reading, with what would have saved the device, or how near it was."""
        rows = tuple((f"{self.at(e.at_s):%Y-%m-%d %H:%M:%S}", e.text) for e in self.entries)
        parts: list[Table | Notes] = [Table((Column(""), Column("")), rows)]
        if self.claims:
            title = "What would have saved it" if self.is_lost else "How near it was"
            texts = (claim.text(self.profile.platform, self.at) for claim in self.claims)
            parts.append(notes(*texts, title=title, is_list=True))
        elif self.is_lost:
            nothing = "No single change that was tried would have kept it connected for the whole run."
            parts.append(notes(nothing))
        return Summary(
            title=f"{self.scenario.name}: {self.device}",
            answer=self.introduction,
            parts=tuple(parts),
            tone="bad" if self.is_lost else "good",
        )

    def __str__(self) -> str:
        return to_text(self.summary())

    def to_json(self) -> dict[str, Any]:
        """The document that `reissue why --json` prints."""
        return {
            "scenario": self.scenario.name,
            "seed": self.scenario.seed,
            "replication": self.replication,
            "device": self.device,
            "group": self.profile.group,
            "platform": self.profile.platform,
            "outcome": dict(map(self._cell, self.row, self.row.values())),
            "story": [{"at": iso(self.at(e.at_s)), "what": e.what, "text": e.text} for e in self.entries],
            "claims": [self._claim(claim) for claim in self.claims],
        }

    def _cell(self, name: str, value: int) -> tuple[str, str | int | None]:
        if name.endswith("_at_s"):
            return name.removesuffix("_s"), self._date(value)
        texts = {"lost_cause": CAUSES, "reconnected_by": MEANS}.get(name)
        if texts is not None:
            return name, texts[value] or None
        return name, None if name == "critical_delay_s" and value == NEVER else value

    def _claim(self, claim: Claim) -> dict[str, Any]:
        document = {
            "kind": claim.kind,
            "text": claim.text(self.profile.platform, self.at),
            "delay_s": claim.delay_s,
            "at": self._date(claim.at_s),
            "from": self._date(claim.from_s),
        }
        return {name: value for name, value in document.items() if value is not None}

    def _date(self, instant_s: int | None) -> str | None:
        return None if instant_s is None or instant_s == NEVER else iso(self.at(instant_s))


@checked
def why(
    scenario: Scenario,
    device: str,
    *,
    replication: int | None = None,
    progress: Progress | bool | None = None,
    notice: Callable[[str], None] | None = None,
) -> Story:
    """What became of one device, and what would have saved it.

    `device` is named as in results, `group/position` or its inventory id; `replication` has its number there
    (default: the scenario's first). With a help desk the whole fleet is run first, since the queue is made of
    all of it: `progress` is called with the share that is done, and `notice` with a reason to wait.

    Raises:
        UnknownDeviceError: the scenario has no such device.
        ScenarioError: the scenario cannot be run.
    """
    number = scenario.first_replication if replication is None else replication
    prepared = prepare(scenario.changed({"first_replication": number}))
    prepared.refuse_levers_that_couple("why")
    experiment = Experiment.of(prepared)
    prepared = experiment.prepared
    device = str(device).strip()
    index = find(prepared, device)
    single = SingleDevice.of(prepared, index, number)
    desk = prepared.plan.recovery
    trace = unaided = single.run()
    row = row_of(trace.outcome, 0)
    if desk is not None:
        experiment.notify(notice)
        outcome = experiment.outcome(0)
        row = row_of(outcome, index)
        trace = single.run(reinstalls_s=reinstalls_of(experiment, outcome, index, number, shown(progress)))
        alone = row_of(trace.outcome, 0) | {"helpdesk_s": row["helpdesk_s"]}
        assert alone == row, f"{device} fares otherwise alone"
    return Story(
        scenario=prepared.scenario,
        device=device,
        replication=number,
        profile=single.profile,
        introduction=introduction(single, prepared.scenario.at),
        trace=trace,
        row=row,
        entries=_History(single, trace, row, prepared.scenario.at).entries(desk),
        claims=claims_of(single, unaided),
    )
