"""What the panel asks, and what it is answered: how groups live; what every delay loses (model 9.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError
from sim.results.critical import CriticalDelays
from sim.results.measures import Selection
from sim.scenario.prepare import prepare, presence_of
from sim.scenario.scenario import Scenario
from sim.scenario.values import format_share
from sim.studies.absences import scaled, written_spells
from sim.studies.delays import CurveError, Waits, critical_delays_s, step_of
from sim.studies.experiment import Experiment
from sim.summary import Column, Summary, Table, notes
from sim.text import evenly, percent, plural, span
from sim.world.fleet import Spells
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
    prepared = prepare(scenario)
    plan = prepared.plan.with_delay(step, days * SECONDS_PER_DAY)
    end_s = plan.reissue(step).at_s + days * SECONDS_PER_DAY + 1  # what follows changes nothing
    plan = replace(plan, recovery=None)  # the help desk helps those that are lost already
    return Experiment.of(prepared.with_plan(plan).until(end_s), runs=RUNS)


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
    specified_s = experiment.plan.reissue(step).at_s
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


# --- questions ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Habits:
    """How the devices of a group live, as a panel shows it.

    Attributes:
        every: the synchronization period, as the language writes it.
        success: of attempts, as the language writes it.
        catch_up: whether what was missed is caught up.
        away_percent: of the time, rounded to a tenth; None for a group without spells.
        longer: absences are so many times as long as the scenario says; the share of the time stays.
    """

    every: str
    success: str
    catch_up: bool
    away_percent: float | None
    longer: float = 1.0

    @classmethod
    def of(cls, scenario: Scenario, number: int) -> Habits:
        """As the scenario has them for a group."""
        sync, presence = scenario.fleet[number].sync, _spells(scenario, number)
        away = None if presence is None else round(100 * (1 - presence.on_share), 1)
        return cls(span(sync.every), format_share(sync.success), sync.catch_up, away)


def with_habits(scenario: Scenario, habits: Mapping[int, Habits], seed: int) -> Scenario:
    """The scenario with other habits of groups, by their index; what is as before is left as it is written.

    Raises:
        InputError: a value is impossible; the message says what would be right.
    """
    changes: dict[str, Any] = {} if seed == scenario.seed else {"seed": seed}
    for number, wanted in habits.items():
        before, key = Habits.of(scenario, number), f"fleet.{number}"
        if wanted.every != before.every:
            changes[f"{key}.sync.every"] = wanted.every
        if wanted.success != before.success:
            changes[f"{key}.sync.success"] = wanted.success
        if wanted.catch_up != before.catch_up:
            changes[f"{key}.sync.catch_up"] = wanted.catch_up
        if wanted.away_percent != before.away_percent or wanted.longer != before.longer:
            changes[f"{key}.presence"] = _presence(scenario, number, before, wanted)
    return scenario.changed(changes) if changes else scenario


def _presence(scenario: Scenario, number: int, before: Habits, wanted: Habits) -> dict[str, Any]:
    """Spells whose absences are longer, and which are off for the wanted share of the time."""
    presence, written = _spells(scenario, number), written_spells(scenario, number)
    if presence is None or written is None or wanted.away_percent is None:
        raise InputError("a group that is always or never on has no absences to change")
    if not 0 < wanted.away_percent < 100:
        raise InputError("the share of the time away lies between 0 and 100 %, ends not included")
    stretch = wanted.longer
    if wanted.away_percent != before.away_percent:
        share = wanted.away_percent / 100
        stretch = wanted.longer * presence.off.mean_s * (1 - share) / share / presence.on.mean_s
    return {"on": scaled(written["on"], stretch), "off": scaled(written["off"], wanted.longer)}


def _spells(scenario: Scenario, number: int) -> Spells | None:
    """The spells of a group, which its list may show; None without any."""
    presence = presence_of(scenario, scenario.fleet[number], scenario.inventories.get(number))
    return presence if isinstance(presence, Spells) else None
