"""What a page tells, gathered from a run: plain values that a file keeps, to make the page again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from pydantic import TypeAdapter, ValidationError

from sim.errors import InputError
from sim.guarantees.verdicts import observed
from sim.report.chase import Chased, ChaseGatherer, strip_of, told_of
from sim.report.scenes import CertificateLife, Course, Mark, Scene, Strip, course_of, lives_of
from sim.scenario.findings import findings_of
from sim.studies.curve import CurveError
from sim.studies.margins import Margins, MarginsGatherer
from sim.studies.planning import ADVISED_DAYS
from sim.world import SEMANTICS
from sim.world.order import SECONDS_PER_DAY
from sim.world.outcome import Outcome

if TYPE_CHECKING:
    from sim.studies.result import Result

FORMAT: Final = "reissue report 1"
MOST_REPLICATIONS: Final = 100
"""Replications that the curve and the devices to chase are told from."""
_MOST_SAMPLES: Final = 2_000


class RecordError(InputError):
    """A file is no record of a report; the message says what would help."""


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group, a platform, or all, and its measures by name."""

    name: str
    measures: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Promise:
    """A guarantee: its verdict, what it promises, and what was seen; in words."""

    verdict: str
    promise: str
    observed: str


@dataclass(frozen=True, slots=True)
class EventRow:
    """What the server or the operator did, `at_s` seconds from the start."""

    at_s: int
    event: str
    by: str
    detail: str
    certificate: str
    reason: str


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A documented rule that the plan goes against."""

    rule: str
    line: int | None
    message: str
    source: str


@dataclass(frozen=True, slots=True)
class Samples:
    """The time series of the first replication, thinned to some thousand; see `Course`."""

    at_s: tuple[int, ...]
    holding: tuple[int, ...]
    connected: tuple[int, ...]
    lost: tuple[int, ...]
    reconnected: tuple[int, ...]
    queue: tuple[int, ...]
    syncs_per_hour: tuple[float, ...]
    switches: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class NeedRow:
    """What a promise about losses needs; see `Need`."""

    promise: str
    allowed: int
    lost: int
    needed_s: int | None


@dataclass(frozen=True, slots=True)
class Delays:
    """What the run tells of other delays; see `Margins`. `floors`: days by the rule that asks for them."""

    specified_s: int
    own_s: int
    longest_s: int
    expires_s: int
    delays_s: tuple[int, ...]
    lost: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    needs: tuple[NeedRow, ...]
    refused: int
    floors: dict[str, int]


@dataclass(frozen=True, slots=True)
class Record:
    """Everything that a page tells; all instants in seconds from the start."""

    format: str
    name: str
    description: str
    engine: str
    seed: int
    replications: int
    semantics: str
    fingerprint: str
    start: datetime
    end_s: int
    devices: int
    answer: str
    groups: tuple[GroupRow, ...]
    platforms: tuple[GroupRow, ...]
    promises: tuple[Promise, ...]
    events: tuple[EventRow, ...]
    findings: tuple[FindingRow, ...]
    samples: Samples
    outages_s: tuple[tuple[int, int], ...]
    technicians: int | None
    lives: tuple[CertificateLife, ...]
    delays: Delays | None
    no_delays: str
    chased: tuple[Chased, ...]
    chased_in_all: int
    strips: tuple[Strip, ...]
    versions: dict[str, str]
    command: str

    @property
    def scene(self) -> Scene:
        """What its figures have in common."""
        marks = tuple(Mark(event.at_s, event.event) for event in self.events)
        return Scene(self.name, self.start, self.end_s, self.devices, marks)

    @property
    def course(self) -> Course:
        """Its time series as arrays."""
        told = self.samples
        ints = {
            name: np.array(getattr(told, name), dtype=np.int64)
            for name in ("at_s", "holding", "connected", "lost", "reconnected", "queue")
        }
        return Course(**ints, syncs_per_hour=np.array(told.syncs_per_hour), switches=told.switches)

    def to_bytes(self) -> bytes:
        """As JSON."""
        return _adapter().dump_json(self, indent=1) + b"\n"

    @classmethod
    def from_bytes(cls, content: bytes, *, file: str) -> Record:
        """From JSON.

        Raises:
            RecordError: it is something else, or of another version of the program.
        """
        try:
            record = _adapter().validate_json(content)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise RecordError(f"{file} is no record of a run ({place}: {first['msg']})") from None
        if record.format != FORMAT:
            raise RecordError(f"{file} is of another version of reissue: run the scenario again with --out")
        return record


@cache
def _adapter() -> TypeAdapter[Record]:
    return TypeAdapter(Record)


class RecordGatherer:
    """Collects a record while the outcomes of a result pass by, each part once.

    Args:
        result: of a run.
        command: what reproduces it.
        versions: of the program and its libraries.
    """

    def __init__(self, result: Result, *, command: str, versions: dict[str, str]) -> None:
        self._result, self._command, self._versions = result, command, versions
        self._chase = ChaseGatherer(result.experiment.size, result.series()["at_s"])
        self._margins: MarginsGatherer | None = None
        self._no_delays = ""
        try:
            self._margins = MarginsGatherer(result)
        except CurveError as error:
            self._no_delays = str(error)

    def see(self, replication: int, outcome: Outcome) -> None:
        """One part of a replication, counted from 0; parts in device order."""
        if replication < MOST_REPLICATIONS:
            self._chase.add(replication, outcome)
            if self._margins is not None:
                self._margins.add(replication, outcome)

    def see_all(self) -> None:
        """Every outcome of the result that is looked at, simulated again where it was not kept."""
        for replication in range(min(self._result.replications, MOST_REPLICATIONS)):
            for outcome in self._result.outcomes(replication):
                self.see(replication, outcome)

    def record(self) -> Record:
        """What was collected."""
        result = self._result
        scenario, first = result.scenario, result.scenario.first_replication
        chased = self._chase.chased()
        recovery = result.plan.recovery
        return Record(
            format=FORMAT,
            name=scenario.name,
            description=scenario.description,
            engine=result.engine,
            seed=scenario.seed,
            replications=result.replications,
            semantics=SEMANTICS,
            fingerprint=result.fingerprint,
            start=scenario.start,
            end_s=scenario.duration,
            devices=result.tallies[0].size,
            answer=result.answer,
            groups=tuple(GroupRow(name, dict(m)) for name, m in result.groups_and_all()),
            platforms=tuple(GroupRow(name, dict(m)) for name, m in result.platforms.items()),
            promises=tuple(
                Promise(v.verdict, v.guarantee.promise, observed(v, first_replication=first))
                for v in result.guarantees
            ),
            events=tuple(_events(result)),
            findings=tuple(FindingRow(f.rule, f.line, f.message, f.source) for f in findings_of(scenario)),
            samples=_samples(course_of(result, self._chase.reconnected)),
            outages_s=tuple((outage.from_s, outage.to_s) for outage in result.plan.outages),
            technicians=None if recovery is None else recovery.technicians,
            lives=lives_of(result.plan),
            delays=None if self._margins is None else _delays(result, self._margins.margins()),
            no_delays=self._no_delays,
            chased=chased,
            chased_in_all=self._chase.lost,
            strips=tuple(strip_of(result, each) for each in told_of(chased)),
            versions=self._versions,
            command=self._command,
        )


def _events(result: Result) -> list[EventRow]:
    return [
        EventRow(
            at_s=event.at_s,
            event=event.name,
            by=event.by,
            detail=event.detail or "",
            certificate="" if event.generation is None else result.certificates[event.generation],
            reason=event.reason or "",
        )
        for event in result.tallies[0].events
    ]


def _samples(course: Course) -> Samples:
    """At most some thousand: every how-manieth, with the mean load since the one before."""
    step = -(-len(course.at_s) // _MOST_SAMPLES)
    taken = np.arange(0, len(course.at_s), max(step, 1))
    load = course.syncs_per_hour
    if step > 1:
        ends = np.concatenate([[0], np.cumsum(load)])
        low = np.maximum(taken - step + 1, 0)
        load = (ends[taken + 1] - ends[low]) / (taken + 1 - low)
    else:
        load = load[taken]
    told: dict[str, Any] = {
        name: tuple(getattr(course, name)[taken].tolist())
        for name in ("at_s", "holding", "connected", "lost", "reconnected", "queue")
    }
    return Samples(**told, syncs_per_hour=tuple(load.tolist()), switches=course.switches)


def _delays(result: Result, margins: Margins) -> Delays:
    band = margins.band
    every_s = max((group.sync.every for group in result.scenario.fleet), default=0)
    return Delays(
        specified_s=margins.specified_s,
        own_s=margins.own_s,
        longest_s=margins.longest_s,
        expires_s=result.plan.first.not_after_s,
        delays_s=tuple(margins.delays_s.tolist()),
        lost=tuple(margins.mean.tolist()),
        low=() if band is None else tuple(band[0].tolist()),
        high=() if band is None else tuple(band[1].tolist()),
        needs=tuple(NeedRow(n.promise, n.allowed, n.lost, n.needed_s) for n in margins.needs),
        refused=margins.refused,
        floors={"sync period": every_s // SECONDS_PER_DAY + 1, "30-day advice": ADVISED_DAYS},
    )


def record_of(result: Result, *, command: str, versions: dict[str, str]) -> Record:
    """The record of a result."""
    gatherer = RecordGatherer(result, command=command, versions=versions)
    gatherer.see_all()
    return gatherer.record()
