"""What the figures of a result are drawn from: its dates, time series, delays, certificates, stories.

Plain values without matplotlib, which takes longer to import than most runs take to tell.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from sim.world.order import SECONDS_PER_DAY, SECONDS_PER_HOUR
from sim.world.outcome import Outcome
from sim.world.plan import Plan
from sim.world.timeline import play

if TYPE_CHECKING:
    from sim.studies.curve import Curve
    from sim.studies.margins import Margins
    from sim.studies.result import Result

Ints = NDArray[np.int64]
Spans = tuple[tuple[int, int], ...]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Day 0 of matplotlib's dates."""
_CHANGES: Final = ("activated", "immediate", "restored")
"""Changes of the main certificate, before each of which is counted who holds the new one."""


@dataclass(frozen=True, slots=True)
class Mark:
    """An instant at which the server's certificates change.

    Attributes:
        at_s: seconds from the start.
        event: its name among the events of a run.
    """

    at_s: int
    event: str


@dataclass(frozen=True, slots=True)
class Scene:
    """What all figures of one run have in common.

    Attributes:
        name: of the scenario; anybody's text.
        start: date of second 0, UTC.
        end_s: length of the run, in seconds.
        devices: how many there are.
        marks: instants at which certificates change.
    """

    name: str
    start: datetime
    end_s: int
    devices: int
    marks: tuple[Mark, ...]

    def dates(self, instants_s: Iterable[int] | NDArray[np.int64]) -> NDArray[np.float64]:
        """Instants as matplotlib's dates (days)."""
        first = (self.start - _EPOCH).total_seconds() / SECONDS_PER_DAY
        return first + np.asarray(list(instants_s), dtype=np.float64) / SECONDS_PER_DAY

    def date(self, instant_s: int) -> float:
        """One instant as matplotlib's date."""
        return float(self.dates([instant_s])[0])

    def told(self, instant_s: int) -> str:
        """One instant for reading."""
        return f"{self.start + timedelta(seconds=instant_s):%Y-%m-%d %H:%M}"


@dataclass(frozen=True, eq=False)
class Course:
    """The time series of one replication; each of shape (samples,).

    Attributes:
        at_s: instants of the samples; int64.
        holding: devices that hold the waiting reserve, -1 while none waits; int64.
        connected: devices that synchronized within two periods; int64.
        lost: devices lost now; int64.
        reconnected: devices whose first loss has ended; int64.
        queue: devices that wait for a technician; int64.
        syncs_per_hour: since the sample before; float64.
        switches: each activation of a reserve: its instant, and how many devices held it just before.
    """

    at_s: Ints
    holding: Ints
    connected: Ints
    lost: Ints
    reconnected: Ints
    queue: Ints
    syncs_per_hour: NDArray[np.float64]
    switches: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class CertificateLife:
    """What becomes of a certificate within the run; instants in seconds from the start.

    Attributes:
        generation: its number.
        not_before_s, not_after_s: its validity, half-open; it may begin before the run and end after.
        as_reserve: when it waits as reserve, from and to.
        as_main: when the server presents it.
    """

    generation: int
    not_before_s: int
    not_after_s: int
    as_reserve: Spans
    as_main: Spans


@dataclass(frozen=True, slots=True)
class Strip:
    """One device's story; instants in seconds from the start.

    Attributes:
        device: its name; anybody's text.
        off: when it was off, from and to.
        lost: when it was lost; the last one may end with the run.
        synced, received, reconnected, reinstalled: when that happened.
    """

    device: str
    off: Spans
    lost: Spans
    synced: tuple[int, ...]
    received: tuple[int, ...]
    reconnected: tuple[int, ...]
    reinstalled: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class DelayCurve:
    """Lost devices under each delay.

    Attributes:
        name: of the scenario.
        delays_s: shape (k,), ascending; int64.
        lost: shape (k,): devices, or their mean over the replications; float64.
        low, high: between which nine of ten replications lie; None with one.
        devices: how many there are.
        own_s: the scenario's own delay; None where it is not to be marked.
        advised_s: a delay that is recommended; None where there is none.
    """

    name: str
    delays_s: NDArray[np.int64]
    lost: NDArray[np.float64]
    low: NDArray[np.float64] | None
    high: NDArray[np.float64] | None
    devices: int
    own_s: int | None = None
    advised_s: int | None = None


def scene_of(result: Result) -> Scene:
    """What all figures of a result have in common."""
    return Scene(
        name=result.scenario.name,
        start=result.scenario.start,
        end_s=result.scenario.duration,
        devices=result.tallies[0].size,
        marks=tuple(Mark(event.at_s, event.name) for event in result.tallies[0].events),
    )


def course_of(result: Result, reconnected: NDArray[np.int64]) -> Course:
    """The time series of the first replication; `reconnected` counts those back at each sample."""
    series = result.series()
    return Course(
        at_s=series["at_s"],
        holding=series["holding_reserve"],
        connected=series["connected"],
        lost=series["lost"],
        reconnected=reconnected,
        queue=series["queue"],
        syncs_per_hour=series["syncs"] * SECONDS_PER_HOUR / result.plan.sample_s,
        switches=_switches(result),
    )


def _switches(result: Result) -> tuple[tuple[int, int], ...]:
    """Each activation of a reserve, and how many devices held it just before."""
    tally = result.tallies[0]
    changes = [state for _, state in play(result.plan).switches if state.change in _CHANGES]
    if len(changes) != len(tally.coverage_held):
        return ()
    held = tally.coverage_held.sum(axis=1).tolist()
    return tuple(
        (state.from_s, n) for state, n in zip(changes, held, strict=True) if state.change == "activated"
    )


def reconnected_at(outcome: Outcome, samples_s: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many devices have ended their first loss by each sample; shape of the samples, int64."""
    ended_s = outcome.devices.reconnected_at_s
    return np.searchsorted(np.sort(ended_s[ended_s >= 0]), samples_s, side="right").astype(np.int64)


def curve_of_margins(name: str, margins: Margins, devices: int) -> DelayCurve:
    """The curve of one run, with its own delay and the one that its promises need."""
    band = margins.band
    needed_s = margins.binding.needed_s
    unit_s = SECONDS_PER_DAY if margins.own_s >= 3 * SECONDS_PER_DAY else SECONDS_PER_HOUR
    return DelayCurve(
        name=name,
        delays_s=margins.delays_s,
        lost=margins.mean,
        low=None if band is None else band[0],
        high=None if band is None else band[1],
        devices=devices,
        own_s=margins.own_s,
        advised_s=None if needed_s is None else max(unit_s, -(-needed_s // unit_s) * unit_s),
    )


def curve_of_study(curve: Curve) -> DelayCurve:
    """A curve of the study, with the scenario's own delay where it is written as one."""
    table = curve.table
    written = curve.scenario.strategy[curve.step].reissue
    has_band = "low" in table
    return DelayCurve(
        name=curve.scenario.name,
        delays_s=curve.delays_s,
        lost=table["lost_devices"].to_numpy(dtype=np.float64),
        low=table["low"].to_numpy(dtype=np.float64) if has_band else None,
        high=table["high"].to_numpy(dtype=np.float64) if has_band else None,
        devices=curve.devices,
        own_s=None if written is None else written.activate.after,
    )


def lives_of(plan: Plan) -> tuple[CertificateLife, ...]:
    """The life of each certificate, from the server's timeline, which no device changes."""
    timeline = play(plan)
    ends_s = [state.from_s for state in timeline.states[1:]] + [plan.horizon_s]
    spans = [(state, state.from_s, to_s) for state, to_s in zip(timeline.states, ends_s, strict=True)]
    return tuple(
        CertificateLife(
            generation=each.generation,
            not_before_s=each.not_before_s,
            not_after_s=each.not_after_s,
            as_reserve=_joined([(a, b) for state, a, b in spans if state.reserve == each.generation]),
            as_main=_joined([(a, b) for state, a, b in spans if state.main == each.generation]),
        )
        for each in timeline.server.certificates
    )


def _joined(spans: list[tuple[int, int]]) -> Spans:
    """Spans that touch as one, and none that is empty."""
    joined: list[tuple[int, int]] = []
    for from_s, to_s in spans:
        if joined and joined[-1][1] == from_s:
            joined[-1] = (joined[-1][0], to_s)
        elif to_s > from_s:
            joined.append((from_s, to_s))
    return tuple((a, b) for a, b in joined if b > a)
