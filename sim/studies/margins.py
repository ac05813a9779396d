"""What one run tells of other delays: the curve, and from when on each guarantee was kept (model 9.1).

Nothing is simulated again. Where one reissue with a delay is all that happens to the main certificate, the
critical delays of a run answer for every delay up to its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import PlainSerializer, PlainValidator

from sim.guarantees.verdicts import Verdict
from sim.results.critical import CriticalDelays
from sim.results.measures import Bound
from sim.results.tally import Tally
from sim.scenario.schema import Guarantee
from sim.studies.curve import BAND
from sim.studies.decision import is_about_losses
from sim.studies.delays import CurveError, Waits, own_delay_s, step_of
from sim.studies.replications import Replications
from sim.world.order import SECONDS_PER_DAY, SECONDS_PER_HOUR
from sim.world.outcome import Outcome
from sim.world.plan import Plan, Reissue


def _array(rows: object) -> NDArray[np.int64]:
    try:
        return np.array(rows, dtype=np.int64)
    except (TypeError, OverflowError) as error:
        raise ValueError(str(error)) from None


Ints = Annotated[NDArray[np.int64], PlainValidator(_array), PlainSerializer(lambda array: array.tolist())]
"""An array; in JSON a list, or a list of lists."""

SEVERAL: Final = (
    "more happens to the main certificate within the run than the activation of one reserve, so one run does "
    "not tell of other delays; `reissue curve` runs each of them"
)


@dataclass(frozen=True, slots=True)
class Need:
    """What a promise about losses needs.

    Attributes:
        promise: in words.
        allowed: how many devices it lets be lost.
        lost: how many were, in the worst of the replications that count.
        needed_s: the least delay of this run that keeps it; None: no delay up to the run's own does.
    """

    promise: str
    allowed: int
    lost: int
    needed_s: int | None


@dataclass(frozen=True, eq=False)
class Margins:
    """What a run tells of other delays.

    Attributes:
        own_s: the delay that the plan has, the longest that is told of.
        longest_s: how long the reserve really waited.
        delays_s: shape (k,): whole days up to the own delay; whole hours where that is below 3 days.
        lost: shape (replications, k).
        needs: of each guarantee about losses.
    """

    own_s: int
    longest_s: int
    delays_s: Ints
    lost: Ints
    needs: tuple[Need, ...]

    @property
    def unit_s(self) -> int:
        """Seconds of the unit that delays are given in: days, or hours where the own delay is short."""
        return unit_of(self.own_s)

    @property
    def mean(self) -> NDArray[np.float64]:
        """Lost devices under each delay, the mean over the replications."""
        return np.asarray(self.lost.mean(axis=0), dtype=np.float64)

    @property
    def band(self) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Between which nine of ten replications lie; None where there is one."""
        if len(self.lost) == 1:
            return None
        low, high = np.quantile(self.lost, BAND, axis=0, method="inverted_cdf")
        return low.astype(np.float64), high.astype(np.float64)


class MarginsGatherer:
    """Collects what outcomes tell, part by part, so that no fleet has to be in memory.

    Args:
        result: of a run.

    Raises:
        CurveError: the scenario has no curve of one run; the message says why.
    """

    def __init__(self, result: Replications) -> None:
        if result.experiment.size == 0:
            raise CurveError("the fleet has no devices: no delay can lose one")
        prepared = result.experiment.prepared
        step = step_of(prepared.scenario, None)
        self._own_s = own_delay_s(prepared, step)
        unit_s = unit_of(self._own_s)
        self._delays_s: Ints = np.arange(1, self._own_s // unit_s + 1, dtype=np.int64) * unit_s
        waits = Waits.of(prepared, step, self._delays_s)
        if waits is None:
            raise CurveError(SEVERAL)
        self._waits = waits
        self._guarantees = [g for g in prepared.scenario.guarantees if is_about_losses(g.bound)]
        self._found: dict[int, list[CriticalDelays]] = {}

    def add(self, replication: int, outcome: Outcome) -> None:
        """One part of a replication, counted from 0."""
        refused_by = self._waits.refused_by
        found = [CriticalDelays.of([outcome], refused_by=refused_by)]
        found += [_critical(g.bound, outcome, refused_by) for g in self._guarantees]
        before = self._found.get(replication)
        together = found if before is None else [a + b for a, b in zip(before, found, strict=True)]
        self._found[replication] = together

    def margins(self) -> Margins:
        """What was collected; at least one replication."""
        rows = [self._found[replication] for replication in sorted(self._found)]
        fleet = [row[0] for row in rows]
        needs = (self._need(g, [row[n] for row in rows]) for n, g in enumerate(self._guarantees, start=1))
        lost = np.array([self._waits.lost(each) for each in fleet], dtype=np.int64)
        return Margins(
            own_s=self._own_s,
            longest_s=self._waits.longest_s,
            delays_s=self._delays_s,
            lost=lost.reshape(len(rows), -1),
            needs=tuple(needs),
        )

    def _need(self, g: Guarantee, found: list[CriticalDelays]) -> Need:
        """The least delay that is enough in as many replications as are promised."""
        longest_s = self._waits.longest_s
        allowed = g.bound.most_lost(found[0].size) or 0
        needed = [each.least_delay_s(allowed) for each in found]
        within = sorted(math.inf if s is None or s > longest_s else s for s in needed)
        lost = sorted(int(each.lost(np.array([longest_s], dtype=np.int64))[0]) for each in found)
        place = len(found) if g.probability is None else math.ceil(g.probability * len(found))
        needed_s = None if within[place - 1] == math.inf else int(within[place - 1])
        return Need(g.promise, allowed, lost[place - 1], needed_s)


def unit_of(own_s: int) -> int:
    """Seconds of the unit that the delays of a curve are given in, by the scenario's own delay."""
    return SECONDS_PER_DAY if own_s >= 3 * SECONDS_PER_DAY else SECONDS_PER_HOUR


def margins_of(result: Replications) -> Margins:
    """What a run tells of other delays, from the devices that it kept, or simulates again.

    Raises:
        CurveError: the scenario has no curve of one run; the message says why.
    """
    gatherer = MarginsGatherer(result)
    for replication in range(result.replications):
        for outcome in result.outcomes(replication):
            gatherer.add(replication, outcome)
    return gatherer.margins()


def required_delay(result: Replications, verdict: Verdict) -> Need | None:
    """What a promise about losses would have needed, up to the expiry or the end of the run.

    It is tried: one run of the same devices finds the delay, another shows that it keeps the promise. `lost`
    is how many devices the reserve never reaches.

    Returns:
        None where the promise is another or was not broken, more is done than one reissue that could wait, a
        longer delay does not help, or the fleet is too large to be run at once.
    """
    guarantee, plan = verdict.guarantee, result.plan
    bound, reissue = guarantee.bound, plan.actions[0] if len(plan.actions) == 1 else None
    if verdict.replication is None or not is_about_losses(bound) or len(result.experiment.parts) > 1:
        return None
    if not isinstance(reissue, Reissue) or reissue.step is None or reissue.activate == "at expiry":
        return None

    def outcome_of(plan: Plan) -> Outcome:
        return result.experiment.with_plan(plan).outcome(verdict.replication or 0)

    waiting = plan.with_action(reissue.step, replace(reissue, activate="at expiry", after_s=None))
    until_s = min(plan.first.not_after_s, plan.horizon_s)
    found = _critical(bound, outcome_of(replace(waiting, horizon_s=until_s)), reissue.refused_by)
    most = bound.most_lost(found.size) or 0
    needed_s = found.least_delay_s(most)
    if needed_s is None:
        helps = reissue.unfit is None and found.refused <= most
    else:
        needed_s = max(needed_s, 1)
        helps = bound.is_kept(bound.value(Tally.of(outcome_of(plan.with_delay(reissue.step, needed_s)))))
    return Need(guarantee.promise, most, found.never, needed_s) if helps else None


def _critical(bound: Bound, outcome: Outcome, refused_by: frozenset[str]) -> CriticalDelays:
    """The critical delays of the devices that a bound is about."""
    # A device whose platform refuses a certificate holds it all the same.
    refuses = refused_by if bound.entry.decided_by == "losses" else frozenset[str]()
    return CriticalDelays.of([outcome], refused_by=refuses, selection=bound.selection)
