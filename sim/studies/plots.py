"""The figures of a result, each under its name (`result.plot.…()`), and what they are drawn from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from sim.figures import FigureError, bars, delays, series, silence
from sim.figures.style import WIDE_IN, Timespan
from sim.scenario.scenario import Scenario
from sim.studies.at_risk import DevicesAtRisk
from sim.studies.chase import Chase
from sim.studies.choices import Decision
from sim.studies.decision import decide
from sim.studies.replications import MOST_REPLICATIONS, Replications
from sim.studies.tables import devices_part
from sim.studies.why.device import SingleDevice, Trace, find, reinstalls_of
from sim.text import evenly
from sim.world.order import SECONDS_PER_DAY, SECONDS_PER_HOUR

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Switches = tuple[tuple[int, tuple[int, ...]], ...]
"""Each activation of a reserve: its instant, and how many devices held it just before, by replication."""

Received = Mapping[str, NDArray[np.float64]]
_OWN_WORDS: Final = ("name", "description", "seed", "replications", "guarantees")
"""Keys whose change shows nowhere in a figure, or by itself."""
_CHANGES: Final = ("activated", "immediate", "restored")
"""Changes of the main certificate, before each of which is counted who holds the new one."""


class NoFigureError(FigureError, AttributeError):
    """There is no figure of that name."""


class Plots:
    """The figures of a result: each method returns a `matplotlib.figure.Figure`.

    Of several replications they show the median, with a band from 5 to 95 % of them; below the title stands
    what was changed in the scenario, and which replications are shown, if not all. Fleets whose devices were
    not kept are simulated again where a figure asks for devices (`devices`, `curve`, `histories`).
    """

    def __init__(self, result: Replications) -> None:
        self._result = result

    def delivery(self) -> Figure:
        """How the reserve reaches the fleet, against the instants at which certificates change."""
        received = self._at_risk.received
        every = self._every
        shown = self._series(every, None, received)
        return series.delivery(self._timespan(len(every)), shown, switches_of(self._result))

    def devices(self) -> Figure:
        """Connected devices (synchronized within two periods), those lost now, and those back again."""
        kept = self._kept
        return series.devices(self._timespan(len(kept)), self._series(kept, self._at_risk.reconnected))

    def certificates(self) -> Figure:
        """A bar for each certificate: valid, waiting as reserve, main, and main though expired."""
        return bars.certificates(self._timespan(), lives_of(self._result))

    def syncs(self) -> Figure:
        """Synchronizations per hour, with outages of the server."""
        outages_s = tuple((outage.from_s, outage.to_s) for outage in self._result.plan.outages)
        return series.syncs(self._timespan(len(self._every)), self._series(self._every), outages_s)

    def queue(self) -> Figure:
        """Devices that wait for a technician, against the number of technicians.

        Raises:
            FigureError: the scenario has no help desk.
        """
        recovery = self._result.plan.recovery
        if recovery is None:
            raise FigureError("the scenario has no help desk: write recovery: {technicians: 4} to have one")
        shown = self._series(self._every)
        return series.queue(self._timespan(len(self._every)), shown, recovery.technicians)

    def curve(self) -> Figure:
        """Lost devices against the activation delay up to the expiry: what `result.decision` says.

        Raises:
            PlanError: there is nothing to plan; the message says why.
        """
        decision = decide(self._result.experiment.prepared, vary=True)
        return curve_of(self._timespan().name, decision)

    def forecast(self) -> Figure:
        """What the scenario's lists of devices forecast for each delay, and the ages of their last contacts.

        Raises:
            FigureError: there is no list, or no activation.
        """
        lists = Chase.of(self._result).from_list()
        if lists is None:
            raise FigureError("there is no list of devices, or no activation: write inventory: devices.csv")
        return silence.forecast(self._timespan().name, lists.reaches, lists.weeks)

    def histories(self, devices: str | Iterable[str] | None = None) -> Figure:
        """A row for each device: on and off, synchronizations, the reserve, lost and back.

        Args:
            devices: names as in results, or one; default: a few lost ones, and one that was nearly lost.

        Raises:
            UnknownDeviceError: the scenario has no such device.
            FigureError: more than `bars.MOST_HISTORIES` devices are asked for, or there is none.
        """
        names = [devices] if isinstance(devices, str) or not isinstance(devices, Iterable) else list(devices)
        if devices is None:
            drawn = histories_of(self._result, self._at_risk)
        elif not names:
            raise FigureError("name at least one device, such as its row in result.devices has it")
        elif len(names) > bars.MOST_HISTORIES:
            raise FigureError(f"a figure has room for {bars.MOST_HISTORIES} devices, not {len(names)}")
        else:
            drawn = tuple(_history_by_name(self._result, str(name)) for name in names)
        if not drawn:
            raise FigureError("no device was lost, and none received a reserve: name the devices to show")
        return bars.histories(self._timespan(1), drawn)

    def __getattr__(self, name: str) -> NoReturn:
        figures = ", ".join(name for name in vars(Plots) if not name.startswith("_"))
        raise NoFigureError(f"there is no figure {name}: the figures are {figures}")

    # --- what they are drawn from ----------------------------------------------------------------

    def _timespan(self, shown: int | None = None) -> Timespan:
        """The axis of a figure of so many replications, or of one that is the same in all of them."""
        name, runs = name_of(self._result.scenario), self._result.replications
        if shown is not None and shown < runs:
            name = f"{'first' if shown == 1 else shown} of {runs} replications: {name}"
        return timespan_of(self._result, name)

    @property
    def _every(self) -> Sequence[int]:
        return range(min(self._result.replications, MOST_REPLICATIONS))

    @cached_property
    def _kept(self) -> Sequence[int]:
        """Those whose devices can be shown without simulating again, but for the first."""
        return [number for number in self._every if number == 0 or number in self._result.kept]

    def _series(
        self,
        replications: Sequence[int],
        reconnected: NDArray[np.int64] | None = None,
        received: Received | None = None,
    ) -> series.TimeSeries:
        return series_of_result(self._result, replications, reconnected, received)

    @cached_property
    def _at_risk(self) -> DevicesAtRisk:
        found = DevicesAtRisk(self._result.scenario.start, self._result.series()["at_s"])
        for replication in self._kept:
            for outcome in self._result.outcomes(replication):
                found.add(devices_part(self._result, replication, outcome))
        return found


def timespan_of(result: Replications, name: str) -> Timespan:
    """The axis of figures over the dates of a run."""
    scenario, events = result.scenario, result.tallies[0].events
    changes = tuple((event.at_s, event.name) for event in events)
    return Timespan(name, scenario.at(0), scenario.duration, changes)


def name_of(scenario: Scenario) -> str:
    """The name of a scenario, and what was changed in it."""
    changed = [f"{key}={value}" for key, value in scenario.overrides if key not in _OWN_WORDS]
    return f"{scenario.name} ({', '.join(changed)})" if changed else scenario.name


def series_of_result(
    result: Replications,
    replications: Sequence[int],
    reconnected: NDArray[np.int64] | None,
    received: Received | None = None,
) -> series.TimeSeries:
    """The time series of some replications: of many samples every how-manieth, with the mean load between.

    Args:
        result: of a run.
        replications: counted from 0.
        reconnected: devices that came back by each sample; shape (replications or more, samples); None or
            empty: nobody counted them.
        received: by group, the share that the last reserve had reached at each sample; None as before.
    """
    samples, devices = [result.series(each) for each in replications], result.tallies[0].size
    every = {name: np.array([each[name] for each in samples], dtype=np.float64) for name in samples[0]}
    holding, at_s = every["holding_reserve"], samples[0]["at_s"]
    step = max(1, -(-len(at_s) // series.MOST_POINTS))
    taken = np.arange(0, len(at_s), step)
    load = np.cumsum(every["syncs"] * SECONDS_PER_HOUR / result.plan.sample_s, axis=1, dtype=np.float64)
    ends, before = load[:, taken], load[:, np.maximum(taken - step, 0)]
    every["coverage"] = np.where(holding < 0, np.nan, holding / max(devices, 1))
    every["reconnected"] = np.zeros_like(every["lost"])
    if reconnected is not None and len(reconnected):
        every["reconnected"][:] = reconnected[: len(samples)]
    names = ("coverage", "connected", "lost", "reconnected", "queue")
    return series.TimeSeries(
        at_s[taken],
        **{name: every[name][:, taken] for name in names},
        syncs_per_hour=(ends - np.where(taken >= step, before, 0.0)) / np.minimum(step, taken + 1),
        devices=devices,
        warm_up_s=warm_up_of(result),
        groups={name: share[taken] for name, share in (received or {}).items()},
    )


def warm_up_of(result: Replications) -> int:
    """Seconds until every device had two periods to synchronize in, and so counts as connected if it is."""
    return 2 * max((profile.every_s for profile in result.tallies[0].profiles), default=0)


def switches_of(result: Replications) -> Switches:
    """Each activation of a reserve, and how many devices held it just before in the first replications."""
    changes = [state for _, state in result.experiment.timeline.switches if state.change in _CHANGES]
    tallies = result.tallies[:MOST_REPLICATIONS]
    held = np.array([tally.coverage_held.sum(axis=1) for tally in tallies])
    if len(changes) != held.shape[1]:
        return ()
    return tuple(
        (state.from_s, tuple(column.tolist()))
        for state, column in zip(changes, held.T, strict=True)
        if state.change == "activated"
    )


def curve_of(name: str, decision: Decision, *, width_in: float = WIDE_IN) -> Figure:
    """What each delay loses up to the expiry, with the plan as written and the recommended delay."""
    points, days = decision.curve, decision.delay_days
    if not points:
        raise FigureError("less than a day is left before the expiry: no delay can be chosen")
    low, median, high = np.array([point.lost for point in points], dtype=np.float64).T
    written = decision.choices[0]
    own_s = None
    if written.specified is not None and written.activated is not None:
        own_s = int((written.activated - written.specified).total_seconds())
    return delays.curve(
        name,
        np.array([point.days for point in points], dtype=np.int64) * SECONDS_PER_DAY,
        median,
        low=low,
        high=high,
        own_s=own_s,
        needed_s=None if days is None else days * SECONDS_PER_DAY,
        middle="median",
        is_sample=True,
        width_in=width_in,
    )


def lives_of(result: Replications) -> tuple[bars.CertificateLife, ...]:
    """The life of each certificate, from the server's timeline, which no device changes."""
    timeline = result.experiment.timeline
    ends_s = [state.from_s for state in timeline.states[1:]] + [result.plan.horizon_s]
    spans = [(state, state.from_s, to_s) for state, to_s in zip(timeline.states, ends_s, strict=True)]
    return tuple(
        bars.CertificateLife(
            generation=each.generation,
            not_before_s=each.not_before_s,
            not_after_s=each.not_after_s,
            as_reserve=_joined((a, b) for state, a, b in spans if state.reserve == each.generation),
            as_main=_joined((a, b) for state, a, b in spans if state.main == each.generation),
        )
        for each in timeline.server.certificates
    )


def _joined(spans: Iterable[tuple[int, int]]) -> bars.Spans:
    """Spans that touch as one, and none that is empty."""
    joined: list[tuple[int, int]] = []
    for from_s, to_s in spans:
        if joined and joined[-1][1] == from_s:
            joined[-1] = (joined[-1][0], to_s)
        elif to_s > from_s:
            joined.append((from_s, to_s))
    return tuple(joined)


# --- one device -------------------------------------------------------------------------------------------


_MOST_PERIODS: Final = 100_000
"""Of a device that has more of them, no history is drawn unless it is named: that takes a gigabyte."""
_MOST_SYNCED: Final = 2_000
"""Synchronizations in a row of a drawing, which has fewer pixels."""


def histories_of(result: Replications, at_risk: DevicesAtRisk) -> tuple[bars.DeviceHistory, ...]:
    """The histories that tell most, each device played again by itself."""
    histories, prepared = [], result.experiment.prepared
    for row in at_risk.most_telling().to_dict("records"):
        device = SingleDevice.of(prepared, row["place"], result.number_of(0))
        if prepared.plan.horizon_s > _MOST_PERIODS * device.profile.every_s:
            continue
        ends_s: tuple[int, ...] = ()
        if row["reinstalls"]:
            ends_s = (int((row["reconnected_at"] - result.scenario.start).total_seconds()),)
        histories.append(_history(device, device.run(reinstalls_s=ends_s)))
    return tuple(histories)


def _history_by_name(result: Replications, name: str) -> bars.DeviceHistory:
    """The history of any device; with a help desk its reinstallations come from runs of the lost devices."""
    prepared, number = result.experiment.prepared, result.number_of(0)
    index = find(prepared, name)
    device = SingleDevice.of(prepared, index, number)
    ends_s: tuple[int, ...] = ()
    if result.plan.recovery is not None:
        ends_s = reinstalls_of(result.experiment, result.outcome(), index, number)
    return _history(device, device.run(reinstalls_s=ends_s))


def _history(device: SingleDevice, trace: Trace) -> bars.DeviceHistory:
    went_off = trace.instants_s("went off")
    if not bool(device.start.starts_on[0]):
        went_off = [0, *went_off]
    end_s = trace.plan.horizon_s
    return bars.DeviceHistory(
        device=device.name,
        off=_spans(went_off, trace.instants_s("came on"), end_s),
        lost=_spans(trace.instants_s("lost"), trace.instants_s("reconnected"), end_s),
        synced=tuple(evenly(trace.instants_s("synced"), _MOST_SYNCED)),
        received=tuple(trace.instants_s("received")),
        reconnected=tuple(trace.instants_s("reconnected")),
        reinstalled=tuple(trace.instants_s("reinstalled")),
    )


def _spans(begin_s: list[int], end_s: list[int], horizon_s: int) -> bars.Spans:
    """Each beginning with the end that follows it, or with the end of the run."""
    ends = [*end_s, *[horizon_s] * (len(begin_s) - len(end_s))]
    return tuple(zip(begin_s, ends, strict=False))
