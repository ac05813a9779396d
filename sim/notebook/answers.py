"""Lost devices for every activation delay, as fast as a slider asks for them (model 9.1)."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.scenario.certificates import with_certificates
from sim.scenario.scenario import Scenario
from sim.studies.curve import CurveError, Waits, step_of
from sim.studies.experiment import Experiment
from sim.world.order import SECONDS_PER_DAY
from sim.world.outcome import NEVER

Ints = NDArray[np.int64]

RUNS: Final = 25
"""A panel asks again and again; by this many runs the engine is chosen."""

FIRST_LOOK_S: Final = 2 * SECONDS_PER_DAY
"""By then most devices have the reserve, and only the others need to be followed further."""


@dataclass(frozen=True, eq=False)
class Answers:
    """What each activation delay loses, of a scenario and one of its reissues.

    Attributes:
        scenario: as it was run: up to the activation of the longest delay, without a help desk.
        groups: names that devices are counted under.
        delays_s: for each group the critical delays of its devices, ascending; int64. Devices that are not
            saved by any delay are at the end, with the largest int64.
        waits: of whole days from 1 on.
        took_s: wall-clock seconds.
    """

    scenario: Scenario
    groups: tuple[str, ...]
    delays_s: tuple[Ints, ...]
    waits: Waits
    took_s: float

    @property
    def days(self) -> int:
        """The longest delay, in whole days."""
        return len(self.waits.waits_s)

    @property
    def devices(self) -> int:
        """How many there are."""
        return sum(map(len, self.delays_s))

    def lost_by_group(self, days: int) -> dict[str, int]:
        """Devices that lose the server at the activation after so many days, from 1 to `days`."""
        return {
            name: int(_lost(delays_s, self.waits.waits_s[days - 1 : days])[0])
            for name, delays_s in zip(self.groups, self.delays_s, strict=True)
        }

    def lost(self) -> Ints:
        """Devices lost for every whole day of delay from 1 on."""
        lost = np.zeros(self.days, dtype=np.int64)
        for delays_s in self.delays_s:
            lost += _lost(delays_s, self.waits.waits_s)
        return lost


def _lost(delays_s: Ints, waits_s: Ints) -> Ints:
    late: Ints = np.asarray(len(delays_s) - np.searchsorted(delays_s, waits_s, side="right"), dtype=np.int64)
    late[waits_s < 0] = 0
    return late


def longest_days(scenario: Scenario, step: int) -> int:
    """Whole days from a reissue to the expiry of the main certificate, after which no delay can last.

    Raises:
        CurveError: there is less than a day.
    """
    known, _ = with_certificates(scenario)
    written = known.strategy[step].reissue
    assert written is not None
    days = (known.expiry_s - known.instant(known.strategy[step].at)) // SECONDS_PER_DAY
    if written.valid_for is not None:
        days = min(days, (written.valid_for - 1) // SECONDS_PER_DAY)
    if days < 1:
        raise CurveError(
            "the reissue comes less than a day before the main certificate expires: nothing is left to choose"
        )
    return int(days)


def prepared(scenario: Scenario, step: int, days: int) -> Experiment:
    """The run that answers for delays of up to so many days."""
    specified_s = with_certificates(scenario)[0].instant(scenario.strategy[step].at)
    changes = {
        f"strategy.{step}.reissue.activate": f"after {days}d",
        "duration": f"{specified_s + days * SECONDS_PER_DAY + 1}s",  # what follows changes nothing
        "replications": 1,
        "recovery": "none",  # it helps those that are lost already
    }
    return Experiment.of(scenario.changed(changes), runs=RUNS)


def answers_of(experiment: Experiment, step: int, days: int) -> Answers:
    """Run once, and know the losses of every delay.

    A device that has the reserve need not be followed further, so all are followed for `FIRST_LOOK_S` after
    its specification, and to the end only those that then do not have it. Draws are keyed (model 7.1): the
    numbers are those of one run.

    Raises:
        CurveError: more happens to the main certificate than this one activation.
    """
    began = perf_counter()
    scenario = experiment.scenario
    waits = Waits.of(
        experiment.plan, scenario, step, np.arange(1, days + 1, dtype=np.int64) * SECONDS_PER_DAY
    )
    if waits is None:
        raise CurveError(
            "something else happens to the main certificate before this reserve becomes main, so that the "
            "delays do not share one run: sim.curve tries each of them"
        )
    horizon_s = experiment.plan.horizon_s
    specified_s = horizon_s - 1 - days * SECONDS_PER_DAY
    first_s = min(horizon_s, specified_s + FIRST_LOOK_S)
    found: dict[str, list[Ints]] = {}
    for roster in experiment.rosters():
        outcome = experiment.outcome_of(roster, 0, until_s=first_s)
        delays_s = outcome.devices.critical_delay_s.copy()
        left = np.flatnonzero(delays_s == NEVER)
        if len(left) and first_s < horizon_s:
            later = experiment.outcome_of(roster.only(left), 0, until_s=horizon_s)
            delays_s[left] = later.devices.critical_delay_s
        refuses = np.array([each.platform in waits.refused_by for each in roster.profiles], dtype=np.bool_)
        delays_s[(delays_s == NEVER) | refuses[roster.profile]] = np.iinfo(np.int64).max
        for number, name in enumerate(roster.groups):
            found.setdefault(name, []).append(delays_s[roster.group == number])
    parts = {name: np.sort(np.concatenate(each)) for name, each in found.items()}
    return Answers(scenario, tuple(parts), tuple(parts.values()), waits, perf_counter() - began)


def step_meant(scenario: Scenario, number: int | None) -> tuple[Scenario, int]:
    """The scenario and the index of the reissue that is meant; one is added where there is none.

    Raises:
        CurveError: there are several, and none is named; or there is no such reissue.
    """
    if number is None and not any(step.reissue is not None for step in scenario.strategy):
        added = {"at": "start", "reissue": {"activate": "at expiry"}}
        scenario = scenario.changed({"strategy": [*scenario.document.get("strategy", ()), added]})
    return scenario, step_of(scenario, number)
