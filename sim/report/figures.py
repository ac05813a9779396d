"""The figures of a result, each under its name (`result.plot.…()`)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from sim.errors import InputError
from sim.report import courses, delays, lives, strips
from sim.report.chase import ChaseGatherer, strip_by_name, strip_of, told_of
from sim.report.scenes import (
    Course,
    Scene,
    course_of,
    curve_of_margins,
    curve_of_study,
    lives_of,
    scene_of,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sim.studies.compare import Comparison
    from sim.studies.curve import Curve
    from sim.studies.result import Result


class FigureError(InputError):
    """The result has no such figure; the message says why."""


class Plots:
    """The figures of a result: each method returns a `matplotlib.figure.Figure`.

    They show the first replication; `curve` all of them. Fleets whose devices were not kept are simulated
    again where a figure asks for devices: `devices`, `curve`, `stories`.
    """

    def __init__(self, result: Result) -> None:
        self._result = result

    def delivery(self) -> Figure:
        """How the reserve reaches the fleet, against the instants at which certificates change."""
        return courses.delivery(self._scene, self._course)

    def devices(self) -> Figure:
        """Connected devices (synchronized within two periods), those lost now, and those back again."""
        return courses.devices(self._scene, self._course_with_reconnected)

    def certificates(self) -> Figure:
        """A band for each certificate: valid, waiting as reserve, main, and main though expired."""
        return lives.certificates(self._scene, lives_of(self._result.plan))

    def syncs(self) -> Figure:
        """Synchronizations per hour, with outages of the server."""
        outages_s = tuple((outage.from_s, outage.to_s) for outage in self._result.plan.outages)
        return courses.syncs(self._scene, self._course, outages_s)

    def queue(self) -> Figure:
        """Devices that wait for a technician, against the number of technicians.

        Raises:
            FigureError: the scenario has no help desk.
        """
        recovery = self._result.plan.recovery
        if recovery is None:
            raise FigureError("the scenario has no help desk: write recovery: {technicians: 4} to have one")
        return courses.queue(self._scene, self._course, recovery.technicians)

    def curve(self) -> Figure:
        """Lost devices against the activation delay, from this run, with the scenario's own delay and the one
        that its guarantees need.

        Raises:
            CurveError: one run does not tell of other delays here; the message says why.
        """
        from sim.studies.margins import margins_of

        margins = margins_of(self._result)
        return delays.curve(curve_of_margins(self._scene.name, margins, self._scene.devices))

    def stories(self, devices: str | Sequence[str] | None = None) -> Figure:
        """A strip for each device: on and off, synchronizations, the reserve, lost and back.

        Args:
            devices: names as in results, or one; default: a few lost ones, and one that was nearly lost.

        Raises:
            UnknownDeviceError: the scenario has no such device.
            FigureError: more than `strips.MOST_ROWS` devices are asked for, or there is none.
        """
        names = [devices] if isinstance(devices, str) else devices
        if names is None:
            drawn = [strip_of(self._result, each) for each in told_of(self._gathered.chased())]
        elif not names:
            raise FigureError("name at least one device, such as its row in result.devices has it")
        elif len(names) > strips.MOST_ROWS:
            raise FigureError(f"a figure has room for {strips.MOST_ROWS} devices, not {len(names)}")
        else:
            drawn = [strip_by_name(self._result, str(name)) for name in names]
        if not drawn:
            raise FigureError("no device was lost, and none received a reserve: name the devices to show")
        return strips.stories(self._scene, tuple(drawn))

    # --- what they are drawn from ----------------------------------------------------------------

    @cached_property
    def _scene(self) -> Scene:
        return scene_of(self._result)

    @cached_property
    def _course(self) -> Course:
        return course_of(self._result, np.zeros_like(self._result.series()["at_s"]))

    @cached_property
    def _course_with_reconnected(self) -> Course:
        return course_of(self._result, self._gathered.reconnected)

    @cached_property
    def _gathered(self) -> ChaseGatherer:
        gathered = ChaseGatherer(self._result.tallies[0].size, self._result.series()["at_s"])
        for outcome in self._result.outcomes():
            gathered.add(0, outcome)
        return gathered


def curve_figure(curve: Curve) -> Figure:
    """A curve of the study, with the scenario's own delay marked.

    Raises:
        FigureError: it has no delay.
    """
    if not len(curve.delays_s):
        raise FigureError("the delay is shorter than a day: ask for every delay with exact=True")
    return delays.curve(curve_of_study(curve))


def comparison_figure(comparison: Comparison, measure: str) -> Figure:
    """The differences of a measure between every two strategies, with their intervals.

    Raises:
        FigureError: nothing was measured.
    """
    pairs = tuple(
        delays.Paired(delays.paired_words(d.a, d.b), d.difference, d.low, d.high)
        for d in comparison.differences
        if d.measure == measure
    )
    if not pairs:
        raise FigureError(f"there is no difference in {measure!r} to show")
    return delays.differences(pairs, unit=measure.replace("_", " "))
