"""What would have kept a broken promise: a longer delay, an earlier reserve, more technicians.

Each answer comes from the same phones on the same days (common draws, model 7.1) and has been run: what is
suggested keeps the guarantee in the replication in which it failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.guarantees.verdicts import Verdict
from sim.results.measures import measures_with
from sim.results.tally import Tally
from sim.scenario.guarantees import Guarantee
from sim.studies.experiment import Experiment
from sim.studies.result import Result
from sim.text import spaced as spaced
from sim.text import span
from sim.world.outcome import NEVER, Outcome
from sim.world.plan import Reissue

MOST_SEARCHED: Final = 100_000
"""Devices up to which the number of technicians is searched for: each try is a run."""


def mend(result: Result, verdict: Verdict) -> Iterator[str]:
    """Sentences that say what would have kept a guarantee that fails; none where that is not known.

    Args:
        result: of the run in which it failed.
        verdict: on one of its guarantees.
    """
    if verdict.verdict != "fails" or verdict.replication is None or len(result.experiment.parts) > 1:
        return
    guarantee = verdict.guarantee
    case = _Case(result, guarantee, verdict.replication)
    returns = (*measures_with("within"), *measures_with("quantile"), "still_lost_devices")
    if guarantee.bound.forbids_losses and guarantee.measure not in returns[:-1]:
        yield from _earlier_or_longer(case)
    if guarantee.measure in returns:
        yield from _more_help(case)


@dataclass(frozen=True, slots=True)
class _Case:
    """A guarantee that failed in a replication of a result."""

    result: Result
    guarantee: Guarantee
    replication: int

    def outcome(self, changes: Mapping[str, Any], *, until_s: int | None = None) -> Outcome:
        """What would have become of the same devices; on request only until an instant."""
        scenario = self.result.scenario.changed(changes)
        experiment = Experiment.of(scenario, engine=self.result.experiment.engine)
        if until_s is not None:
            experiment = replace(experiment, plan=replace(experiment.plan, horizon_s=until_s))
        return experiment.outcome(self.replication)

    def is_kept_with(self, changes: Mapping[str, Any]) -> bool:
        """Whether the guarantee would have been kept."""
        return self.guarantee.bound.is_kept(self.guarantee.bound.value(Tally.of(self.outcome(changes))))

    @property
    def counts_devices(self) -> bool:
        """Whether it depends on nothing but how many devices receive the reserve in time."""
        guarantee = self.guarantee
        return guarantee.bound.asks.decided_by in ("losses", "reception") or (
            guarantee.measure in ("times_lost", "device_days_lost") and guarantee.at_most == 0
        )

    def members(self, outcome: Outcome) -> NDArray[np.bool_]:
        """Which devices the guarantee is about."""
        return self.guarantee.bound.selection.devices(outcome.roster)

    def spared(self, devices: int) -> int:
        """How many devices may go without the reserve; 0 where the guarantee does not count devices."""
        return self.guarantee.bound.most_lost(devices) or 0


# --- the reserve ---------------------------------------------------------------------------------------


def _earlier_or_longer(case: _Case) -> Iterator[str]:
    """How long the reserve would have had to wait, or when to specify it at the latest (model 9.1).

    One run up to the expiry tells when each device would have received the reserve, and when it synchronized
    for the last time.
    """
    reissue = _only_reissue(case.result)
    if reissue is None:
        yield "several actions decide here, not one delay: specify each reserve earlier, or let it wait more"
        return
    end_s = min(case.result.tallies[0].certificates[0].not_after_s, case.result.plan.horizon_s)
    until_end = case.outcome(reissue.changes("at expiry"), until_s=end_s)
    if any(event.name == "reissue failed" for event in until_end.events):
        return  # the documented rules tell why
    devices, mine = until_end.devices, case.members(until_end)
    received_at_s, synced_at_s = devices.reserve_received_at_s[mine], devices.last_sync_at_s[mine]
    received = received_at_s != NEVER
    spared = case.spared(len(received))
    needed, possible = len(received) - spared, int(received.sum())
    assert needed > 0
    if possible >= needed and reissue.can_wait:
        wait_s = max(int(np.sort(received_at_s[received])[needed - 1]) - devices.latest_reserve_at_s + 1, 1)
        if case.is_kept_with(reissue.changes(f"after {span(wait_s)}")):
            at_least = "at least " if case.counts_devices else ""
            instead = f" (instead of {spaced(reissue.waits_s)})" if reissue.waits_s is not None else ""
            saved = "saved all" if spared == 0 else "been enough"
            yield f"an activation delay of {at_least}{spaced(wait_s)}{instead} would have {saved}"
        return
    if end_s == case.result.plan.horizon_s and needed > possible:
        missed = _devices(len(received) - possible)
        yield f"no delay within this run would have been enough: the reserve never reached {missed}"
        return
    by_s = int(np.sort(synced_at_s)[::-1][needed - 1])  # NEVER sorts before every instant
    if by_s == NEVER:
        end = f"{case.result.at(end_s):%Y-%m-%d %H:%M}"
        if reissue.is_written:
            missed = _devices(len(received) - possible)
            yield f"no delay would have been enough: until the expiry on {end} the reserve misses {missed}"
        silent = _devices(int((synced_at_s == NEVER).sum()))
        yield f"no earlier date either: {silent} must be switched on or reinstalled, silent until {end}"
    elif case.is_kept_with(reissue.changes("at expiry", at=f"start + {by_s}s")):
        saved = "saved all" if spared == 0 else "been enough"
        yield (
            f"a reserve specified by {case.result.at(by_s):%Y-%m-%d %H:%M:%S} and activated at the expiry "
            f"would have {saved}"
        )


def _devices(count: int) -> str:
    return "1 device" if count == 1 else f"{count:,} devices"


@dataclass(frozen=True, slots=True)
class _OnlyReissue:
    """The one reissue of a plan, or the one it lacks.

    Attributes:
        is_written: whether the strategy has it.
        can_wait: whether it becomes main before the expiry, so that a longer delay is possible.
        waits_s: its activation delay; None for `immediately` and `at expiry`.
    """

    is_written: bool
    can_wait: bool
    waits_s: int | None

    def changes(self, activate: str, *, at: str | None = None) -> dict[str, Any]:
        """What to change for another activation, and another instant at which it is specified."""
        if not self.is_written:
            return {"strategy": [{"at": at or "start", "reissue": {"activate": activate}}]}
        changed: dict[str, Any] = {"strategy.0.reissue.activate": activate}
        return changed if at is None else {**changed, "strategy.0.at": at}


def _only_reissue(result: Result) -> _OnlyReissue | None:
    """The only action there is, if it is a reissue; None where there are others."""
    actions = result.plan.actions
    if not result.scenario.strategy:
        return _OnlyReissue(is_written=False, can_wait=False, waits_s=None)
    if len(actions) != 1 or not isinstance(actions[0], Reissue):
        return None
    action = actions[0]
    can_wait = action.activate in ("after", "immediately")
    return _OnlyReissue(
        is_written=True, can_wait=can_wait, waits_s=action.after_s if action.activate == "after" else None
    )


# --- the help desk -------------------------------------------------------------------------------------


def _more_help(case: _Case) -> Iterator[str]:
    """Whether more technicians would have been quick enough."""
    guarantee = case.guarantee
    wants_more = guarantee.at_least is not None and guarantee.measure.startswith("reconnected")
    wants_less = guarantee.at_most is not None and not guarantee.measure.startswith("reconnected")
    if not wants_more and not wants_less:
        return
    recovery = case.result.plan.recovery
    if recovery is None:
        yield "nobody reinstalls the app in this scenario: add recovery:"
        return
    lost = int(case.result.tallies[case.replication].column("lost").sum())
    if not case.is_kept_with({"recovery.technicians": max(lost, 1)}):
        yield (
            "more technicians would not have been enough: nobody waits for one too long, "
            "but devices call for help too late, or their owners take too long"
        )
        return
    if case.result.experiment.size > MOST_SEARCHED:
        yield "more technicians would have been enough"
        return
    too_few, enough = recovery.technicians, max(lost, 1)
    while enough - too_few > 1:
        between = (too_few + enough) // 2
        if case.is_kept_with({"recovery.technicians": between}):
            enough = between
        else:
            too_few = between
    yield f"{enough} technicians (instead of {recovery.technicians}) would have been enough"
