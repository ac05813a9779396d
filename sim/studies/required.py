"""The delay that would have kept a promise in a run (model 9.1)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sim.guarantees.verdicts import Verdict
from sim.results.critical import CriticalDelays
from sim.results.measures import Bound
from sim.results.tally import Tally
from sim.studies.decision import is_about_losses
from sim.studies.replications import Replications
from sim.world.outcome import Outcome
from sim.world.plan import Plan, Reissue


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
