"""Lost devices for every activation delay, as fast as a slider asks for them (model 9.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.results.critical import CriticalDelays
from sim.results.measures import Selection
from sim.scenario.prepare import prepare
from sim.scenario.scenario import Scenario
from sim.studies.curve import CurveError, Waits, step_of
from sim.studies.experiment import Experiment
from sim.studies.reception import critical_delays_s
from sim.summary import Column, Summary, Table, notes
from sim.text import evenly, percent, plural
from sim.world.order import SECONDS_PER_DAY

RUNS: Final = 25
"""A panel asks again and again; by this many runs the engine is chosen."""


@dataclass(frozen=True, eq=False)
class Answers:
    """What each activation delay loses, of a scenario and one of its reissues.

    Attributes:
        devices: how many each group has, by its name.
        lost: how many of them lose the server at the activation after 1, 2, … days; int64, shape (days,).
    """

    devices: Mapping[str, int]
    lost: Mapping[str, NDArray[np.int64]]

    def lost_by_group(self, days: int) -> dict[str, int]:
        """Devices that lose the server at the activation after so many days, from 1 on."""
        return {name: int(lost[days - 1]) for name, lost in self.lost.items()}

    def curve(self) -> list[int]:
        """Lost devices of all groups, by whole days of delay from 1 on."""
        return [int(lost) for lost in np.sum(list(self.lost.values()), axis=0)]

    def summary(self, title: str, days: int) -> Summary:
        """What a delay of so many days loses, and what some others do."""
        curve, devices = self.curve(), sum(self.devices.values())
        rows = [(name, self.devices[name], lost) for name, lost in self.lost_by_group(days).items()]
        if len(rows) > 1:
            rows.append(("all", devices, curve[days - 1]))
        counts = Column("devices", "count"), Column("lost", "count")
        shares = tuple((*row, row[2] / row[1] if row[1] else None) for row in rows)
        some = evenly(list(enumerate(curve, start=1)), 7)
        delays = (Column("delay (days)"), *(Column(f"{day}", "count") for day, _ in some))
        return Summary(
            title,
            f"After {plural(days, 'day')}, {curve[days - 1]:,} of {devices:,} devices lose the server "
            f"({percent(shares[-1][3])}).",
            (
                Table((Column("group"), *counts, Column("share", "share")), shares, has_total=len(rows) > 1),
                Table(delays, (("lost", *(lost for _, lost in some)),)),
                notes("Losses at this activation; a help desk comes after them."),
            ),
            tone="bad" if curve[days - 1] else "good",
        )


def longest_days(scenario: Scenario, step: int) -> int:
    """Whole days from a reissue to the expiry of the main certificate, after which no delay can last.

    Raises:
        CurveError: there is less than a day.
    """
    prepared = prepare(scenario)
    written = prepared.scenario.strategy[step].reissue
    assert written is not None
    days = (prepared.scenario.expiry_s - prepared.instant_of(step)) // SECONDS_PER_DAY
    if written.valid_for is not None:
        days = min(days, (written.valid_for - 1) // SECONDS_PER_DAY)
    if days < 1:
        raise CurveError(
            "the reissue comes less than a day before the main certificate expires: nothing is left to choose"
        )
    return int(days)


def experiment_of(scenario: Scenario, step: int, days: int) -> Experiment:
    """The run that answers for delays of up to so many days."""
    specified_s = prepare(scenario).instant_of(step)
    changes = {
        f"strategy.{step}.reissue.activate": f"after {days}d",
        "duration": f"{specified_s + days * SECONDS_PER_DAY + 1}s",  # what follows changes nothing
        "replications": 1,
        "recovery": "none",  # it helps those that are lost already
    }
    return Experiment.of(scenario.changed(changes), runs=RUNS)


def answers_of(experiment: Experiment, step: int, days: int) -> Answers:
    """Run once, and know the losses of every delay of an `experiment_of` these days.

    Raises:
        CurveError: more happens to the main certificate than this one activation.
    """
    delays_s = np.arange(1, days + 1, dtype=np.int64) * SECONDS_PER_DAY
    waits = Waits.of(experiment.prepared, step, delays_s)
    if waits is None:
        raise CurveError(
            "something else happens to the main certificate before this reserve becomes main, so that the "
            "delays do not share one run: sim.curve tries each of them"
        )
    specified_s = experiment.plan.horizon_s - 1 - days * SECONDS_PER_DAY
    parts = [
        (experiment.roster(within), critical_delays_s(experiment, 0, within, specified_s))
        for within in experiment.parts
    ]
    found = {
        name: CriticalDelays.of_delays(parts, refused_by=waits.refused_by, selection=Selection(group=name))
        for name in parts[0][0].groups
    }
    return Answers(
        {name: delays.size for name, delays in found.items()},
        {name: waits.lost(delays) for name, delays in found.items()},
    )


def step_meant(scenario: Scenario, number: int | None) -> tuple[Scenario, int]:
    """The scenario and the index of the reissue that is meant; one is added where there is none.

    Raises:
        CurveError: there are several, and none is named; or there is no such reissue.
    """
    if number is None and not any(step.reissue is not None for step in scenario.strategy):
        added = {"at": "start", "reissue": {"activate": "at expiry"}}
        scenario = scenario.changed({"strategy": [*scenario.document.get("strategy", ()), added]})
    return scenario, step_of(scenario, number)
