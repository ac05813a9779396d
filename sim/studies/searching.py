"""The latest instant for the reserve: fleets simulated at one instant after another (model 9.1)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from sim.errors import InputError
from sim.results.critical import CriticalDelays
from sim.scenario.scenario import Scenario
from sim.scenario.strategy import Reissue as WrittenReissue
from sim.studies.curve import CurveError, Waits, step_of
from sim.studies.experiment import Engine, Experiment, Progress, share_of
from sim.studies.reception import critical_delays
from sim.world.certificates import LONGEST_LIFE_S
from sim.world.order import SECONDS_PER_DAY

ROUNDS: Final = 8
_USUAL_ROUNDS: Final = 3
_MOST_ATTEMPTS: Final = 400_000_000
"""Attempts to synchronize, over all replications, that a run of the array engine needs some seconds for."""


class PlanError(InputError):
    """There is nothing to plan; the message says why and what would help."""


@dataclass
class Passes:
    """How far one is, over passes through all fleets; nobody knows beforehand how many it will take.

    Attributes:
        progress: called with the share that is done; None: nobody watches.
        expected: passes in all, as far as one can tell.
        begun: passes so far.
    """

    progress: Progress | None
    expected: int = _USUAL_ROUNDS
    begun: int = 0

    def next(self) -> Progress | None:
        """The progress of the next pass."""
        before = self.begun
        self.begun += 1
        self.expected = max(self.expected, self.begun)
        return share_of(self.progress, before, self.expected)


@dataclass(frozen=True, eq=False)
class Found:
    """What was found for a reserve that is specified at an instant.

    `first` are the critical delays for one that is specified at the start, which has the longest time.
    """

    specified_s: int
    needed_s: int | None
    delays: tuple[CriticalDelays, ...]
    days: int | None
    first: tuple[CriticalDelays, ...]


@dataclass(frozen=True, eq=False)
class Search:
    """A scenario made ready: with one delayed reissue, no help desk, and a run up to the expiry.

    Attributes:
        scenario: as it is searched; the reserve's instant is set in each look.
        step: index of the reissue in the strategy.
        confidence: with which one more fleet keeps the target.
        replications: fleets that are simulated at an instant.
        engine: as for `run`.
        size: devices of a fleet.
    """

    scenario: Scenario
    step: int
    confidence: float
    replications: int
    engine: Engine
    size: int

    @classmethod
    def of(
        cls,
        scenario: Scenario,
        reissue: int | None,
        confidence: float,
        replications: int | None,
        engine: Engine,
    ) -> Search:
        """Make a scenario ready.

        Raises:
            PlanError: there is no reissue that could be meant, or too few replications for the confidence.
        """
        if scenario.recovery is not None:  # it helps those that are lost already
            scenario = scenario.changed({"recovery": "none"})
        if reissue is None and not any(step.reissue is not None for step in scenario.strategy):
            step = {"at": "start", "reissue": {"activate": "at expiry"}}
            scenario = scenario.changed({"strategy": [*scenario.document.get("strategy", ()), step]})
        try:
            number = step_of(scenario, reissue)
        except CurveError as error:
            raise PlanError(str(error)) from None
        experiment = Experiment.of(scenario, engine=engine)
        if experiment.size == 0:
            raise PlanError("the fleet has no devices: there is nothing to plan")
        expiry_s = experiment.plan.first.not_after_s
        scenario = scenario.changed({"duration": f"{expiry_s}s"})  # what happens from then on changes nothing
        least = math.ceil(confidence / (1 - confidence) - 1e-9)
        if replications is None:
            replications = max(scenario.replications, least, _affordable(experiment))
        if replications < least:
            raise PlanError(
                f"{100 * confidence:.4g} % confidence needs at least {least:,} replications, "
                f"not {replications:,}"
            )
        return cls(scenario, number, confidence, replications, engine, experiment.size)

    @property
    def expiry_s(self) -> int:
        """When the main certificate expires, in seconds from the start."""
        return self.experiment(0).plan.first.not_after_s

    def experiment(self, specified_s: int, scenario: Scenario | None = None) -> Experiment:
        """The run in which the reserve is specified at an instant, to be activated at expiry."""
        base = self.scenario if scenario is None else scenario
        key = f"strategy.{self.step}"
        changes = {f"{key}.at": f"start + {specified_s}s", f"{key}.reissue.activate": "at expiry"}
        if self.written.file is None:  # what the new one's own life allows is asked at the end
            changes[f"{key}.reissue.valid_for"] = f"{LONGEST_LIFE_S}s"
        return Experiment.of(base.changed(changes), engine=self.engine, runs=3 * self.replications)

    @property
    def written(self) -> WrittenReissue:
        """The reissue, as the scenario has it."""
        written = self.scenario.strategy[self.step].reissue
        assert written is not None
        return written

    def delays(
        self, specified_s: int, scenario: Scenario | None = None, progress: Progress | None = None
    ) -> tuple[CriticalDelays, ...]:
        """The critical delays of every replication, of a reserve that is specified at an instant.

        Raises:
            PlanError: it would not be activated at the expiry, or not it alone.
        """
        experiment = self.experiment(specified_s, scenario)
        refused_by = self.refused_by(experiment)
        return tuple(
            critical_delays(
                experiment,
                replication,
                specified_s=specified_s,
                refused_by=refused_by,
                progress=share_of(progress, replication, self.replications),
            )
            for replication in range(self.replications)
        )

    def refused_by(self, experiment: Experiment) -> frozenset[str]:
        """The platforms that refuse the reserve of a run.

        Raises:
            PlanError: as for `delays`.
        """
        waits = Waits.of(experiment.prepared, self.step, np.array([], dtype=np.int64))
        timeline = experiment.prepared.timeline
        if waits is None or timeline.states[-1].reserve != timeline.latest_reserve:
            raise PlanError(
                "something else happens to the certificates than the activation of this reserve: "
                "plan with a strategy of one reissue"
            )
        return waits.refused_by

    def needed_s(self, delays: tuple[CriticalDelays, ...], most_lost: int) -> int | None:
        """The delay that one more fleet keeps the target with, at the stated confidence; None: none does."""
        least = sorted(
            math.inf if (delay_s := each.least_delay_s(most_lost)) is None else delay_s for each in delays
        )
        place = math.ceil(self.confidence * (len(least) + 1) - 1e-9) - 1
        return None if least[place] == math.inf else int(least[place])

    def search(self, most_lost: int, at_least_days: int, passes: Passes) -> Found:
        """The latest instant whose delay up to the expiry is enough, in whole days before the expiry.

        What is needed hardly depends on the instant, so a few rounds settle it. The answer is one that was
        simulated at its own instant.
        """
        first = self.delays(0, progress=passes.next())
        needed_s = self.needed_s(first, most_lost)
        best = Found(0, needed_s, first, None, first)
        if needed_s is None:
            return best
        days = max(at_least_days, math.ceil(needed_s / SECONDS_PER_DAY))
        tried: set[int] = set()
        for _ in range(ROUNDS):
            specified_s = self.expiry_s - days * SECONDS_PER_DAY
            if specified_s < 0 or days in tried:
                break
            tried.add(days)
            delays = self.delays(specified_s, progress=passes.next())
            needed_s = self.needed_s(delays, most_lost)
            if needed_s is not None and needed_s <= days * SECONDS_PER_DAY:
                if best.days is None or days < best.days:
                    best = Found(specified_s, needed_s, delays, days, first)
                days = max(at_least_days, math.ceil(needed_s / SECONDS_PER_DAY))
            else:
                days = max(days + 1, math.ceil((needed_s or 0) / SECONDS_PER_DAY))
        return best


def _affordable(experiment: Experiment) -> int:
    """Replications that take some seconds, in numbers whose quantiles fall on a replication."""
    every_s = [group.sync.every for group in experiment.scenario.fleet]
    attempts = experiment.size * experiment.plan.horizon_s / min(every_s)
    return next((n for n in (99, 59, 39) if attempts * n <= _MOST_ATTEMPTS), 19)
