"""The latest instant for a reserve: fleets simulated at one instant after another (model 9.1)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from sim.errors import InputError
from sim.executor import Resources
from sim.results.critical import CriticalDelays
from sim.scenario.prepare import Prepared, prepare
from sim.scenario.scenario import Scenario
from sim.studies.delays import CurveError, Delays, Waits, step_of
from sim.studies.experiment import Engine, Experiment, Progress, share_of
from sim.studies.tasks import values
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

    Attributes:
        specified_s: the instant, in seconds from the start.
        needed_s: the delay that the target needs; None where none is enough.
        delays: critical delays of each replication.
        days: whole days before the expiry; None where none are enough.
        first: critical delays of a reserve that is specified at the start, which has the longest time.
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
        prepared: as it is searched; the reserve's instant is set in each look.
        step: index of the reissue in the strategy.
        confidence: with which one more fleet keeps the target.
        replications: fleets that are simulated at an instant.
        engine: as for `run`.
    """

    prepared: Prepared
    step: int
    confidence: float
    replications: int
    engine: Engine = "auto"

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
        if reissue is None and not any(step.reissue is not None for step in scenario.strategy):
            step = {"at": "start", "reissue": {"activate": "at expiry"}}
            scenario = scenario.changed({"strategy": [*scenario.document.get("strategy", ()), step]})
        try:
            number = step_of(scenario, reissue)
        except CurveError as error:
            raise PlanError(str(error)) from None
        prepared = prepare(scenario)
        if prepared.size == 0:
            raise PlanError("the fleet has no devices: there is nothing to plan")
        least = math.ceil(confidence / (1 - confidence) - 1e-9)
        if replications is None:
            replications = max(scenario.replications, least, _affordable(prepared))
        if replications < least:
            raise PlanError(
                f"{100 * confidence:.4g} % confidence needs at least {least:,} replications, "
                f"not {replications:,}"
            )
        # The help desk helps those that are lost already; what happens from the expiry on changes nothing.
        prepared = prepared.with_plan(replace(prepared.plan, recovery=None))
        prepared = prepared.until(prepared.plan.first.not_after_s)
        return cls(prepared, number, confidence, replications, engine)

    @property
    def expiry_s(self) -> int:
        """When the main certificate expires, in seconds from the start."""
        return self.prepared.plan.first.not_after_s

    def experiment(self, specified_s: int, fleet: Scenario | None = None) -> Experiment:
        """The run in which the reserve is specified at an instant, to be activated at expiry.

        Args:
            specified_s: when.
            fleet: how the devices live instead.
        """
        prepared = self.prepared if fleet is None else self.prepared.with_fleet(fleet)
        reissue = replace(
            prepared.plan.reissue(self.step), at_s=specified_s, activate="at expiry", after_s=None, gate=None
        )
        if reissue.identity is None:  # what the new one's own life allows is asked at the end
            reissue = replace(reissue, valid_for_s=LONGEST_LIFE_S)
        prepared = prepared.with_plan(prepared.plan.with_action(self.step, reissue))
        return Experiment.of(prepared, engine=self.engine, runs=3 * self.replications)

    def delays(
        self,
        specified_s: int,
        resources: Resources | None,
        *,
        fleet: Scenario | None = None,
        progress: Progress | None = None,
    ) -> tuple[CriticalDelays, ...]:
        """The critical delays of every replication, of a reserve that is specified at an instant.

        Raises:
            PlanError: it would not be activated at the expiry, or not it alone.
        """
        experiment = self.experiment(specified_s, fleet)
        quantity = Delays(specified_s, self.refused_by(experiment))
        return tuple(values([(experiment, range(self.replications))], quantity, resources, progress=progress))

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

    def search(
        self, most_lost: int, at_least_days: int, resources: Resources | None, passes: Passes
    ) -> Found:
        """The latest instant whose delay up to the expiry is enough, in whole days before the expiry.

        What is needed hardly depends on the instant, so a few rounds settle it. The answer is one that was
        simulated at its own instant.
        """
        first = self.delays(0, resources, progress=passes.next())
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
            delays = self.delays(specified_s, resources, progress=passes.next())
            needed_s = self.needed_s(delays, most_lost)
            if needed_s is not None and needed_s <= days * SECONDS_PER_DAY:
                if best.days is None or days < best.days:
                    best = Found(specified_s, needed_s, delays, days, first)
                days = max(at_least_days, math.ceil(needed_s / SECONDS_PER_DAY))
            else:
                days = max(days + 1, math.ceil((needed_s or 0) / SECONDS_PER_DAY))
        return best


def _affordable(prepared: Prepared) -> int:
    """Replications that take some seconds, in numbers whose quantiles fall on a replication."""
    every_s = [group.sync.every for group in prepared.scenario.fleet]
    attempts = prepared.size * prepared.plan.horizon_s / min(every_s)
    return next((n for n in (99, 59, 39) if attempts * n <= _MOST_ATTEMPTS), 19)
