"""The documented rules, held against a plan (language 1.3).

A finding is not an error: the plan can be run, and the run shows what becomes of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import numpy as np

from sim.results.measures import MEASURES
from sim.scenario.certificate_findings import certificate_findings
from sim.scenario.certificates import FIRST
from sim.scenario.durations import format_duration
from sim.scenario.fleet import Away
from sim.scenario.prepare import prepare
from sim.scenario.scenario import Scenario
from sim.world.fleet import Roster
from sim.world.order import SECONDS_PER_DAY
from sim.world.plan import Plan
from sim.world.server import Event
from sim.world.timeline import Timeline

REISSUING: Final = 'Kaspersky SMM 6.0, "Reissuing the mobile Administration Server certificate"'
NO_RESERVE: Final = f"{REISSUING}; support.kaspersky.ru/help/KSMM/4.1/en-US/274364.htm"
ASSUMED: Final = "an assumption of the model, not documented"
ADVISED_S: Final = 30 * SECONDS_PER_DAY


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that the plan goes against.

    Attributes:
        rule: its short name.
        key: the part of the scenario it is about.
        line: in the scenario file; None where there is no file.
        message: what it is and what would mend it.
        source: who says so.
    """

    rule: str
    key: str
    line: int | None
    message: str
    source: str


def findings_of(scenario: Scenario) -> list[Finding]:
    """Every rule the plan goes against, in the order of the file; what repeats itself is told once."""
    found: dict[tuple[str, str], list[Finding]] = {}
    for finding in _Judge(scenario).findings():
        found.setdefault((finding.rule, finding.key), []).append(finding)
    told = [_once(repeated) for repeated in found.values()]
    return sorted(told, key=lambda finding: (finding.line is None, finding.line or 0, finding.rule))


def _once(repeated: list[Finding]) -> Finding:
    """The first of findings that one key gives rise to, as automatic reissue does at every expiry."""
    first, more = repeated[0], len(repeated) - 1
    if not more:
        return first
    return replace(first, message=f"{first.message} (and {more:,} more time{'s' if more > 1 else ''})")


class _Judge:
    def __init__(self, scenario: Scenario) -> None:
        prepared = prepare(scenario)
        self.scenario, self.customs = prepared.scenario, prepared.certificates
        self.plan: Plan = prepared.plan
        self.roster: Roster = prepared.roster()
        self.timeline: Timeline = prepared.timeline
        self.specified = {e.generation: e for e in self.timeline.events if e.name == "reserve specified"}

    def findings(self) -> Iterator[Finding]:
        yield from self._periods()
        yield from self._steps()
        yield from self._replaced()
        yield from self._expiries()
        yield from self._devices()
        yield from self._horizon()
        yield from self._guarantees()
        for told in certificate_findings(self.scenario, self.customs, self.timeline):
            yield self._finding(*told)

    def _finding(self, rule: str, key: str, message: str, source: str = REISSUING) -> Finding:
        return Finding(rule, key, self.scenario.line_of(key), message, source)

    def _date(self, instant_s: int) -> str:
        return f"{self.scenario.start + timedelta(seconds=instant_s):%Y-%m-%d %H:%M}"

    # --- what the operator and the server do -----------------------------------------------------

    def _key_of(self, event: Event) -> str:
        """The part of the file that made the server do it."""
        if event.by != "operator":
            return "server.automatic_reissue"
        assert event.generation is not None
        return f"strategy.{self.timeline.makers[event.generation].step}.reissue"

    def _fails(self, number: int) -> bool:
        """Whether the server does not take the certificate of a step, so that nothing comes of it."""
        custom = self.customs.get(f"strategy.{number}.reissue")
        return custom is not None and custom.unfit is not None

    def _periods(self) -> Iterator[Finding]:
        """How long each reserve waits before it becomes main."""
        present = set(np.unique(self.roster.profile).tolist())
        slowest = max(
            (profile for number, profile in enumerate(self.roster.profiles) if number in present),
            key=lambda profile: profile.every_s + profile.jitter_s,
            default=None,
        )
        for event in self.timeline.events:
            if event.name != "reserve activated" or event.generation not in self.specified:
                continue
            specified = self.specified[event.generation]
            period_s = event.at_s - specified.at_s
            key, written = self._key_of(specified), format_duration(period_s)
            if slowest is not None and period_s <= slowest.every_s + slowest.jitter_s:
                slow = format_duration(slowest.every_s + slowest.jitter_s)
                yield self._finding(
                    "activation-within-sync-period",
                    key,
                    f"the reserve becomes main {written} after it is specified, not longer than the "
                    f"synchronization period of {slowest.group} ({slow}): devices that do not synchronize in "
                    "between are lost; choose a longer activation delay",
                )
            elif period_s < ADVISED_S:
                yield self._finding(
                    "activation-below-30-days",
                    key,
                    f"the reserve becomes main {written} after it is specified; at least 30 days are advised",
                )

    def _steps(self) -> Iterator[Finding]:
        for number, step in enumerate(self.scenario.strategy):
            at_s, key = self.scenario.instant(step.at), f"strategy.{number}"
            if at_s >= self.plan.horizon_s:
                yield self._finding(
                    "action-after-the-end",
                    f"{key}.at",
                    f"this happens on {self._date(at_s)}, when the run has ended: choose a longer duration",
                    ASSUMED,
                )
            elif (
                step.reissue is not None
                and step.reissue.activate.kind == "immediately"
                and not self._fails(number)
                and len(self.roster)
                and at_s < self._main_expiry_s(at_s)  # later, there is nobody left to lose
            ):
                yield self._finding(
                    "immediately-with-devices",
                    f"{key}.reissue",
                    f"all {len(self.roster):,} devices lose the server and need the app reinstalled: "
                    "activate after a delay instead",
                )
        for event in self.specified.values():
            left_s = self._main_expiry_s(event.at_s) - event.at_s
            if left_s < ADVISED_S:
                when = f"expires {format_duration(left_s)} later" if left_s > 0 else "has expired by then"
                yield self._finding(
                    "reissue-below-30-days-before-expiry",
                    self._key_of(event),
                    f"the main certificate {when}: specify the reserve at least 30 days before it expires",
                )

    def _main_expiry_s(self, at_s: int) -> int:
        """When the certificate that is main just before an instant expires."""
        main = self.timeline.states[0].main
        for state in self.timeline.states[1:]:
            if state.from_s < at_s:
                main = state.main
        return self.timeline.server.certificates[main].not_after_s

    def _replaced(self) -> Iterator[Finding]:
        for number, event in enumerate(self.timeline.events):
            if event.name in ("reserve replaced", "reserve discarded"):
                follower = self.timeline.events[number + 1]
                yield self._finding(
                    "reserve-replaced",
                    self._key_of(follower),
                    f"on {self._date(event.at_s)} the waiting reserve is dropped before it was activated: "
                    "devices that hold only that one are lost when another becomes main; activate it first",
                    ASSUMED,
                )

    def _expiries(self) -> Iterator[Finding]:
        for before, state in self.timeline.switches:
            if state.change == "expired":
                made = self.specified.get(before.main)
                yield self._finding(
                    "expiry-without-reserve",
                    self._first_expiry_key() if made is None else self._key_of(made),
                    f"the main certificate expires on {self._date(state.from_s)} and no reserve takes over: "
                    "every device loses the server; specify a reserve at least 30 days before",
                    NO_RESERVE,
                )
            if state.change == "activated" and not state.is_valid:
                yield self._finding(
                    "reserve-not-valid-at-activation",
                    self._key_of(self.specified[state.main]),
                    f"the reserve becomes main on {self._date(state.from_s)}, when it is not valid: every "
                    "device refuses it; make it valid for longer, or reissue later",
                    ASSUMED,
                )

    def _first_expiry_key(self) -> str:
        """What says when the first certificate expires."""
        return f"{FIRST}.file" if FIRST in self.customs else f"{FIRST}.expires"

    # --- the fleet and the run -------------------------------------------------------------------

    def _devices(self) -> Iterator[Finding]:
        for number, group in enumerate(self.scenario.fleet):
            presence = group.presence
            if group.inventory is not None:
                yield from self._synchronized_later(number)
            if group.inventory is None or not (presence == "always" or self._begins_on(presence)):
                continue
            rows = self.scenario.inventories[number].rows
            every_s = group.sync.every
            silent = [
                row
                for row in rows
                if row.last_sync is not None
                and (self.scenario.start - row.last_sync).total_seconds() > (row.sync_every or every_s)
            ]
            if silent:
                yield self._finding(
                    "silent-devices-stay-off",
                    f"fleet.{number}",
                    f"{len(silent):,} of {len(rows):,} devices (the first is {silent[0].id}) were silent for "
                    "longer than their synchronization period, and presence does not say when they return: "
                    "they stay off; write presence: {on: …, off: …}, or {away: […]} from the start",
                    ASSUMED,
                )

    def _synchronized_later(self, number: int) -> Iterator[Finding]:
        """Rows that tell of a time after the start: the export is younger than the plan."""
        rows, start = self.scenario.inventories[number].rows, self.scenario.start
        later = [row for row in rows if row.last_sync is not None and row.last_sync > start]
        if later:
            yield self._finding(
                "last-sync-after-start",
                f"fleet.{number}",
                f"{len(later):,} of {len(rows):,} devices (the first is {later[0].id}) have a last_sync "
                f"after the start, {start:%Y-%m-%d %H:%M}: only their schedule is taken from it; let the "
                "plan start when the list was exported",
                ASSUMED,
            )

    def _begins_on(self, presence: object) -> bool:
        """Whether nobody is away from the start, so that no absence explains a silence."""
        if not isinstance(presence, Away):
            return False
        return all(self.scenario.instant(absence.from_) > 0 for absence in presence.away)

    def _guarantees(self) -> Iterator[Finding]:
        """Bounds that a slip of the pen took all meaning from: 1 where 1 % was meant."""
        for number, guarantee in enumerate(self.scenario.guarantees):
            if MEASURES[guarantee.measure].unit == "share" and guarantee.at_most == 1.0:
                yield self._finding(
                    "share-of-one",
                    f"guarantees.{number}.at_most",
                    f"1 is 100 %: nothing can break {guarantee.measure} at_most 1; for one per cent write 1%",
                    ASSUMED,
                )

    def _horizon(self) -> Iterator[Finding]:
        if not any(self.timeline.switches):
            yield self._finding(
                "nothing-happens",
                "duration",
                "the run ends before the main certificate changes or expires "
                f"(on {self._date(self.plan.first.not_after_s)}): run for longer, or reissue within the run",
                ASSUMED,
            )
