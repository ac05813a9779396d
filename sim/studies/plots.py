"""The figures of a result, each under its name (`result.plot.…()`), and of several results in one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from itertools import groupby, zip_longest
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, NoReturn

import numpy as np

from sim.errors import InputError
from sim.figures import FigureError, bars, delays, series
from sim.figures.style import CHANGES, Ax, Place, Size, Timespan
from sim.scenario.scenario import Scenario
from sim.studies.chase import Chase
from sim.studies.choices import Decision
from sim.studies.decision import decide
from sim.studies.experiment import MOST_REPLICATIONS, Replications
from sim.studies.tables import DevicesAtRisk, devices_part
from sim.studies.why.device import SingleDevice, Trace, find, reinstalls_of
from sim.world.order import SECONDS_PER_HOUR
from sim.world.timeline import play

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_SAMPLES: Final = 5_000_000
"""Samples, over all replications, that fit into memory."""
_OWN_WORDS: Final = ("name", "description", "seed", "replications", "guarantees")
"""Keys whose change shows nowhere in a figure, or by itself."""
_CHANGES: Final = ("reserve activated", "certificate replaced immediately", "previous restored")
"""Events before each of which is counted who holds the new main certificate."""
_MOST_PERIODS: Final = 100_000
"""Of a device that has more of them, no history is drawn unless it is named: that takes a gigabyte."""


class NoFigureError(FigureError, AttributeError):
    """There is no figure of that name."""


def plot(results: Mapping[str, Replications]) -> Plots:
    """The figures of several results in one: `sim.plot({"7 d": a, "30 d": b}).delivery()`.

    Raises:
        InputError: it is not a mapping of names to results.
    """
    if (
        not isinstance(results, Mapping)
        or not results
        or not all(isinstance(result, Replications) for result in results.values())
    ):
        raise InputError('plot takes results of sim.run by their names: sim.plot({"7 d": a, "30 d": b})')
    return Plots({str(name): result for name, result in results.items()})


class Plots:
    """The figures of a result: each method returns a `matplotlib.figure.Figure`.

    Each takes `ax`, axes to draw on (two for `devices` and `forecast`), or `figsize`, inches across and high.
    Of several replications they show the median, with a band from 5 to 95 % of them; below the title stands
    what was changed in the scenario, and which replications are shown, if not all. Fleets whose devices were
    not kept are simulated again where a figure asks for devices (`devices`, `curve`, `histories`).
    """

    def __init__(
        self, results: Mapping[str, Replications], seen: tuple[DevicesAtRisk, Chase] | None = None
    ) -> None:
        self._results, self._seen = results, seen

    def delivery(self, *, ax: Ax = None, figsize: Size = None) -> Figure:
        """How the reserve reaches the fleet, against the instants at which certificates change."""
        if len(self._results) > 1:
            return self._together("coverage", (ax, figsize))
        return series.delivery(self._timespan(), self.samples, self.switches, place=(ax, figsize))

    def devices(self, *, ax: Ax = None, figsize: Size = None) -> Figure:
        """Connected devices (synchronized within two periods), those lost now, and those back again."""
        if len(self._results) > 1:
            return self._together("lost", (ax, figsize))
        n = min(len(self.at_risk.reconnected), most_shown(self._result))
        shown = series_of(self._result, n, self.at_risk)
        return series.devices(self._timespan(n), shown, place=(ax, figsize))

    def certificates(self, *, ax: Ax = None, figsize: Size = None) -> Figure:
        """A bar for each certificate: valid, waiting as reserve, main, and main though expired."""
        timespan, rows = self._timespan(), lives_of(self._result)
        changes = "; ".join(f"{event} {timespan.shown(at_s)}" for at_s, event in timespan.changes[:6])
        words = f"A bar for each of {len(rows)} certificates: waiting as reserve, then main. {changes}."
        return bars.draw(timespan, "The life of the certificates", rows, words, place=(ax, figsize))

    def syncs(self, *, ax: Ax = None, figsize: Size = None) -> Figure:
        """Synchronizations per hour, with outages of the server."""
        if len(self._results) > 1:
            return self._together("syncs_per_hour", (ax, figsize))
        outages_s = tuple((outage.from_s, outage.to_s) for outage in self._result.plan.outages)
        return series.syncs(self._timespan(), self.samples, outages_s, place=(ax, figsize))

    def queue(self, *, ax: Ax = None, figsize: Size = None) -> Figure:
        """Devices that wait for a technician, against the number of technicians.

        Raises:
            FigureError: the scenario has no help desk.
        """
        if len(self._results) > 1:
            return self._together("queue", (ax, figsize))
        recovery = self._result.plan.recovery
        if recovery is None:
            raise FigureError("the scenario has no help desk: write recovery: {technicians: 4} to have one")
        return series.queue(self._timespan(), self.samples, recovery.technicians, place=(ax, figsize))

    def curve(self, *, ax: Ax = None, figsize: Size = None) -> Figure:
        """Lost devices against the activation delay up to the expiry: what `result.decision` says.

        Raises:
            PlanError: there is nothing to plan; the message says why.
        """
        return replace(self.decision, scenario=self._timespan().name).plot(ax=ax, figsize=figsize)

    def forecast(self, *, ax: Ax = None, figsize: Size = None) -> Figure:
        """What the scenario's lists of devices forecast for each delay, and the ages of their last contacts.

        Raises:
            FigureError: there is no list, or no activation.
        """
        lists = (Chase.of(self._result) if self._seen is None else self._seen[1]).from_list()
        if lists is None:
            raise FigureError("there is no list of devices, or no activation: write inventory: devices.csv")
        return delays.forecast(self._timespan().name, lists.reaches, lists.weeks, place=(ax, figsize))

    def histories(
        self, devices: str | Iterable[str] | None = None, *, ax: Ax = None, figsize: Size = None
    ) -> Figure:
        """A row for each device: on and off, synchronizations, the reserve, lost and back.

        `devices`: names as in results, or one; None: a few lost ones, and one that was nearly lost.

        Raises:
            UnknownDeviceError: the scenario has no such device.
            FigureError: more than `bars.MOST_ROWS` devices are asked for, or there is none.
        """
        names = [devices] if isinstance(devices, str) or not isinstance(devices, Iterable) else list(devices)
        if devices is None:
            rows = tuple(self._telling())
        elif not names:
            raise FigureError("name at least one device, such as its row in result.devices has it")
        elif len(names) > bars.MOST_ROWS:
            raise FigureError(f"a figure has room for {bars.MOST_ROWS} devices, not {len(names)}")
        else:
            rows = tuple(self._named(str(name)) for name in names)
        if not rows:
            raise FigureError("no device was lost, and none received a reserve: name the devices to show")
        words = f"A row for each of {', '.join(row.name for row in rows)}: on and off, synchronizations, the "
        words += "reserve, lost and back."
        title = "What happened to some devices"
        return bars.draw(self._timespan(1), title, rows, words, place=(ax, figsize))

    def __getattr__(self, name: str) -> NoReturn:
        figures = ", ".join(
            name for name, its in vars(Plots).items() if not name.startswith("_") and callable(its)
        )
        raise NoFigureError(f"there is no figure {name}: the figures are {figures}")

    # --- what they are drawn from ----------------------------------------------------------------

    @property
    def _result(self) -> Replications:
        """The one result.

        Raises:
            FigureError: there are several.
        """
        if len(self._results) > 1:
            raise FigureError("several results have delivery, devices, syncs and queue in one figure")
        return next(iter(self._results.values()))

    @cached_property
    def decision(self) -> Decision:
        """What to do, as `sim.plan` says.

        Raises:
            PlanError: there is nothing to plan; the message says why.
        """
        return decide(self._result.experiment.prepared, vary=True)

    @cached_property
    def at_risk(self) -> DevicesAtRisk:
        """The devices at risk, of the replications whose devices were kept, and of the first."""
        if self._seen is not None:
            return self._seen[0]
        found = DevicesAtRisk(self._result.scenario.start, self._result.series()["at_s"])
        for number in range(most_shown(self._result)):
            if number and number not in self._result.kept:
                break
            for outcome in self._result.outcomes(number):
                found.add(devices_part(self._result, number, outcome))
        return found

    @cached_property
    def samples(self) -> series.TimeSeries:
        """The time series of the first replications."""
        return series_of(self._result, most_shown(self._result), self.at_risk)

    @property
    def switches(self) -> series.Switches:
        """Each activation of a reserve in the first replication, and how many devices held it just before."""
        changes = [event for event in self._result.tallies[0].events if event.name in _CHANGES]
        held = [t.coverage_held.sum(axis=1).tolist() for t in self._result.tallies[:MOST_REPLICATIONS]]
        if any(len(each) != len(changes) for each in held):
            return ()
        return tuple(
            (event.at_s, its)
            for event, its in zip(changes, zip(*held, strict=True), strict=True)
            if event.name == "reserve activated"
        )

    def _timespan(self, shown: int | None = None) -> Timespan:
        """The axis of a figure of so many replications; None: of the first hundred, or the same in all."""
        scenario, runs = self._result.scenario, self._result.replications
        shown = most_shown(self._result) if shown is None else shown
        name = name_of(scenario)
        if shown < min(runs, MOST_REPLICATIONS):
            name = f"{'first' if shown == 1 else shown} of {runs} replications: {name}"
        events = self._result.tallies[0].events
        changes = tuple((event.at_s, event.name) for event in events if event.name in CHANGES)
        return Timespan(name, scenario.at(0), scenario.duration, changes)

    def _together(self, quantity: series.Quantity, place: Place) -> Figure:
        """A line for each result over the dates of all."""
        scenarios = [result.scenario for result in self._results.values()]
        start = min(scenario.at(0) for scenario in scenarios)
        ends = [scenario.at(scenario.duration) for scenario in scenarios]
        end_s = int((max(ends) - start).total_seconds())
        names, drawn = "; ".join(dict.fromkeys(scenario.name for scenario in scenarios)), {}
        for name, result in self._results.items():
            shown = series_of(result, most_shown(result))
            shift_s = int((result.scenario.at(0) - start).total_seconds())
            drawn[name] = replace(shown, at_s=shown.at_s + shift_s)
        return series.together(Timespan(names, start, end_s), quantity, drawn, place=place)

    def _telling(self) -> Iterator[bars.Row]:
        """The histories that tell most, each device played again by itself."""
        for row in self.at_risk.most_telling().to_dict("records"):
            device = SingleDevice.of(
                self._result.experiment.prepared, row["place"], self._result.number_of(0)
            )
            if self._result.plan.horizon_s <= _MOST_PERIODS * device.profile.every_s:
                ends_s: tuple[int, ...] = ()
                if row["reinstalls"]:
                    ends_s = (int((row["reconnected_at"] - self._result.scenario.start).total_seconds()),)
                yield _history(device, device.run(reinstalls_s=ends_s))

    def _named(self, name: str) -> bars.Row:
        """The history of any device; with a help desk reinstallations come from runs of the lost ones."""
        experiment, number = self._result.experiment, self._result.number_of(0)
        index = find(experiment.prepared, name)
        device = SingleDevice.of(experiment.prepared, index, number)
        ends_s: tuple[int, ...] = ()
        if self._result.plan.recovery is not None:
            ends_s = reinstalls_of(experiment, self._result.outcome(), index, number)
        return _history(device, device.run(reinstalls_s=ends_s))


def name_of(scenario: Scenario) -> str:
    """The name of a scenario, and what was changed in it."""
    changed = [f"{key}={value}" for key, value in scenario.overrides if key not in _OWN_WORDS]
    return f"{scenario.name} ({', '.join(changed)})" if changed else scenario.name


def most_shown(result: Replications) -> int:
    """Replications of which time series are shown: a hundred, or as many as fit into memory."""
    samples = max(len(result.series()["at_s"]), 1)
    return min(result.replications, MOST_REPLICATIONS, max(1, _MOST_SAMPLES // samples))


def series_of(result: Replications, most: int, at_risk: DevicesAtRisk | None = None) -> series.TimeSeries:
    """The time series of the first replications: of many samples every how-manieth, and the load between.

    `at_risk`: who came back and who was reached by each sample; None: nobody counted them.
    """
    samples = [result.series(each) for each in range(most)]
    at_s, devices = samples[0]["at_s"], result.tallies[0].size
    step = max(1, -(-len(at_s) // series.MOST_POINTS))
    every = {name: np.array([each[name] for each in samples], dtype=np.float64) for name in samples[0]}
    every["reconnected"] = np.zeros_like(every["lost"])
    if at_risk is not None and len(at_risk.reconnected):
        every["reconnected"][: len(at_risk.reconnected)] = at_risk.reconnected[:most]
    holding, seconds = every["holding_reserve"], step * result.plan.sample_s
    every["coverage"] = np.where(holding < 0, np.nan, holding / max(devices, 1))
    load = np.cumsum(every["syncs"], axis=1)[:, ::step]
    names = ("coverage", "connected", "lost", "reconnected", "queue")
    return series.TimeSeries(
        at_s[::step],
        **{name: every[name][:, ::step] for name in names},
        syncs_per_hour=np.diff(load, axis=1, prepend=0) * SECONDS_PER_HOUR / seconds,
        devices=devices,
        warm_up_s=2 * max((profile.every_s for profile in result.tallies[0].profiles), default=0),
        groups={} if at_risk is None else {name: its[::step] for name, its in at_risk.received.items()},
    )


def lives_of(result: Replications) -> tuple[bars.Row, ...]:
    """The life of each certificate in the first replication.

    Raises:
        PolicyError: a policy decided on it during the run.
    """
    timeline = result.experiment.timeline
    opened = [event.at_s for event in result.tallies[0].events if event.name == "gate opened"]
    if opened:  # when a gate opens depends on the devices
        known: Any = SimpleNamespace(
            coverage=lambda gate, generation, now_s: (1 if now_s in opened else -1, 1),
            chase=lambda number, chase, generation: 0,
            push=lambda push: None,
        )
        timeline = play(result.plan, known)
    ends_s = [state.from_s for state in timeline.states[1:]] + [result.plan.horizon_s]
    spans = list(zip(timeline.states, ends_s, strict=True))
    found: dict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
    for role in ("main", "reserve"):
        for generation, group in groupby(spans, key=lambda each: int(getattr(each[0], role))):
            (first, to_s), *more = group
            found[role, generation].append((first.from_s, more[-1][1] if more else to_s))
    rows = []
    for each in timeline.server.certificates:
        main, end_s = found["main", each.generation], each.not_after_s
        its: dict[str, bars.Spans] = {
            "valid": [(each.not_before_s, end_s)],
            "waits as reserve": found["reserve", each.generation],
            "is main": [(a, min(b, end_s)) for a, b in main if a < end_s],
            "main, but expired": [(max(a, end_s), b) for a, b in main if b > end_s],
        }
        rows.append(bars.Row(f"certificate {each.generation + 1}", its, {"expires": [end_s]}))
    return tuple(rows)


def _history(device: SingleDevice, trace: Trace) -> bars.Row:
    """What happened to one device."""
    at_s, end_s = trace.instants_s, trace.plan.horizon_s
    reinstalled = at_s("reinstalled")
    return bars.Row(
        device.name,
        {
            "on": [(0, end_s)],
            "off": device.absences_s(trace),
            "lost": list(zip_longest(at_s("lost"), at_s("reconnected"), fillvalue=end_s)),
        },
        {
            "synchronized": at_s("synced"),
            "received the reserve": at_s("received"),
            "back": [each for each in at_s("reconnected") if each not in reinstalled],
            "back by reinstallation": reinstalled,
        },
    )
