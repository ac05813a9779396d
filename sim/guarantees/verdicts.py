"""A guarantee held against what happened: holds, fails, undecided or vacuous."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sim.guarantees.statistics import lower_bound, upper_bound
from sim.results.measures import Selection
from sim.scenario.guarantees import Guarantee
from sim.world.outcome import Outcome

Answer = Literal["holds", "fails", "undecided", "vacuous"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one guarantee.

    Attributes:
        guarantee: as written.
        verdict: `holds`; `fails`; `undecided`: too few replications for the stated confidence;
            `vacuous`: nothing exercised it.
        observed: the measure; over several replications the one furthest from what is guaranteed.
            None where there was nothing to measure.
        reason: why, where the number alone does not say it.
        witness: a device that shows the failure.
        replication: in which it shows.
    """

    guarantee: Guarantee
    verdict: Answer
    observed: float | None
    reason: str | None = None
    witness: str | None = None
    replication: int | None = None

    @property
    def passes(self) -> bool:
        """Whether a test that rests on it may pass."""
        return self.verdict == "holds" or (self.verdict == "vacuous" and self.guarantee.allow_vacuous)


def judge(guarantee: Guarantee, outcomes: Sequence[Outcome]) -> Verdict:
    """Hold a guarantee against every replication.

    Without `probability` it must hold in each; with it, in at least that share of all possible
    replications, which the exact bounds of `statistics` decide.
    """
    selections = [Selection(o, group=guarantee.group, platform=guarantee.platform) for o in outcomes]
    values = [value_of(guarantee, selection) for selection in selections]
    measured = [value for value in values if value is not None]
    reason = _vacuous(guarantee, selections[0], measured)
    if reason is not None and all(is_kept(guarantee, value) for value in measured):
        return Verdict(guarantee, "vacuous", measured[0] if measured else None, reason)
    kept = [value is None or is_kept(guarantee, value) for value in values]
    worst = max(measured) if guarantee.at_most is not None else min(measured)
    answer, reason = _decide(guarantee, kept)
    if answer != "fails":
        return Verdict(guarantee, answer, worst, reason)
    replication = next((number for number, is_good in enumerate(kept) if not is_good), None)
    witness = None if replication is None else _witness(guarantee, selections[replication])
    return Verdict(guarantee, answer, worst, reason, witness, replication)


def value_of(guarantee: Guarantee, selection: Selection) -> float | None:
    """The guaranteed measure in one replication."""
    if guarantee.measure == "time_to_reconnect":
        return selection.time_to_reconnect_s(1.0 if guarantee.quantile is None else guarantee.quantile)
    return selection.measure(guarantee.measure, within_s=guarantee.within)


def is_kept(guarantee: Guarantee, value: float) -> bool:
    """Whether the value lies on the right side of the threshold; on it is right."""
    if guarantee.at_most is not None:
        return value <= guarantee.at_most
    assert guarantee.at_least is not None
    return value >= guarantee.at_least


def _decide(guarantee: Guarantee, kept: Sequence[bool]) -> tuple[Answer, str | None]:
    good, n = sum(kept), len(kept)
    if guarantee.probability is None:
        return (
            ("holds", None)
            if good == n
            else ("fails", None if n == 1 else f"in {n - good} of {n} replications")
        )
    confidence = 0.95 if guarantee.confidence is None else guarantee.confidence
    low, high = lower_bound(good, n, confidence), upper_bound(good, n, confidence)
    seen = f"kept in {good} of {n} replications, so with {confidence:.4g} confidence"
    if low >= guarantee.probability:
        return "holds", f"{seen} in at least {low:.4g} of all"
    if high < guarantee.probability:
        return "fails", f"{seen} in at most {high:.4g} of all"
    return "undecided", f"{seen} in {low:.4g} to {high:.4g} of all: run more replications"


def _vacuous(guarantee: Guarantee, selection: Selection, measured: Sequence[float]) -> str | None:
    """Why nothing exercised the guarantee; None where something did."""
    if selection.measure("devices") == 0:
        return "it is about no device"
    if guarantee.measure != "devices" and not _is_exercised(selection.outcome):
        return "the main certificate neither changed nor expired within the run"
    if not measured:
        nothing_came = guarantee.measure == "reserve_coverage"
        return "no certificate was activated" if nothing_came else "no device was lost"
    return None


def _is_exercised(outcome: Outcome) -> bool:
    return len(outcome.coverage_held) > 0 or any(
        event.name == "certificate expired" for event in outcome.events
    )


def _witness(guarantee: Guarantee, selection: Selection) -> str | None:
    """The first device, in device order, that counts where it should not, or does not where it should."""
    too_much = guarantee.at_most is not None
    lost = selection.column("lost_at_s") >= 0
    match guarantee.measure:
        case "devices":
            return None
        case "reconnected_devices" | "reconnected_share":
            back = selection.reconnected(guarantee.within)
            shows = back if too_much else lost & ~back
        case "time_to_reconnect":
            taken = selection.column("reconnected_at_s") - selection.column("lost_at_s")
            taken_s = np.where(selection.reconnected(), taken, math.inf)
            shows = lost & (taken_s == (taken_s[lost].max() if too_much else taken_s[lost].min()))
        case "still_lost_devices":
            shows = selection.outcome.is_lost[selection.members] == too_much
        case "reserve_coverage":
            shows = lost != too_much
        case "reinstalls" | "helpdesk_hours":
            shows = (selection.column("helpdesk_s") > 0) == too_much
        case _:
            shows = lost == too_much
    where = np.flatnonzero(shows)
    if len(where) == 0:
        return None
    roster = selection.outcome.roster
    return roster.name(int(np.arange(len(roster))[selection.members][where[0]]))
