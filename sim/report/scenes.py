"""What the figures of a result are drawn from: its dates, its time series, its delays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from sim.report.courses import Course
from sim.report.delays import DelayCurve
from sim.report.style import Mark, Scene
from sim.world.order import SECONDS_PER_DAY, SECONDS_PER_HOUR
from sim.world.outcome import Outcome
from sim.world.timeline import play

_CHANGES: Final = ("activated", "immediate", "restored")
"""Changes of the main certificate, before each of which is counted who holds the new one."""

if TYPE_CHECKING:
    from sim.studies.curve import Curve
    from sim.studies.margins import Margins
    from sim.studies.result import Result


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
