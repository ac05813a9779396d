"""Guarantees that no draw can break, or that no draw can keep.

Two grounds: nothing that the measure depends on is drawn, so that one run is every run; or every device is
surely handed each reserve before it becomes main (`delivery`), or all but a few are. See
docs/guarantees.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.guarantees import delivery
from sim.guarantees.delivery import Delivery
from sim.results.measures import Bound, Extent
from sim.results.tally import Tally
from sim.text import span
from sim.world.fleet import PHASE_IS_DRAWN, Away, Profile, Roster, Spells
from sim.world.order import SECONDS_PER_DAY
from sim.world.plan import Push, concerns
from sim.world.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Proof:
    """What is certain about a guarantee."""

    keeps: bool  # whether every run keeps it; else every run breaks it
    sentence: str  # why, in a planner's words


@dataclass(slots=True)
class _Phases:
    """The phases of the devices of one profile, apart for those that hold the first reserve at the start."""

    drawn: list[int] = field(default_factory=lambda: [0, 0])  # how many are drawn; by whether they hold it
    # the others, in seconds; by whether they hold it
    written: list[list[NDArray[np.int64]]] = field(default_factory=lambda: [[], []])
    stays_off: int = 0  # how many are silent for longer than their absences ever last (model 5.3)


@dataclass(frozen=True, slots=True)
class _Kind:
    """The devices of one profile, and what is certain about them."""

    profile: Profile  # of all of them
    devices: int  # how many there are
    is_certain: bool  # whether no draw changes what becomes of them, the help desk apart
    at_risk: int  # how many of them some draw can lose
    deliveries: tuple[Delivery, ...] | None  # what they must be handed; None where that does not save them


class Proofs:
    """What can be said about a scenario for all its draws, given the parts of its fleet, in device order."""

    def __init__(self, timeline: Timeline, rosters: Iterable[Roster]) -> None:
        self._timeline, self._plan = timeline, timeline.server.plan
        self._profiles: tuple[Profile, ...] = ()
        self._phases: list[_Phases] = []
        for roster in rosters:
            if not self._phases:
                self._profiles = roster.profiles
                self._phases = [_Phases() for _ in roster.profiles]
            self._add(roster)

    def _add(self, roster: Roster) -> None:
        for number in np.flatnonzero(np.bincount(roster.profile)).tolist():
            phases, members = self._phases[number], roster.profile == number
            presence = roster.profiles[number].presence
            if isinstance(presence, Spells):
                ages_s = roster.silent_for_s[members & roster.silent].astype(np.float64)
                phases.stays_off += int((presence.off.survival(np.maximum(ages_s, 0.0)) <= 0.0).sum())
            for holds in (False, True):
                phases_s = roster.phase_s[members & (roster.holds_reserve == holds)]
                phases.drawn[holds] += int((phases_s == PHASE_IS_DRAWN).sum())
                phases.written[holds].append(phases_s[phases_s != PHASE_IS_DRAWN])

    # --- the answer ------------------------------------------------------------------------------

    def settle(self, bound: Bound, tally: Tally) -> Proof | None:
        """What is certain about a bound, given one run; None where it is left to chance."""
        measure, value, lost = bound.entry, bound.value(tally), tally.column("lost")
        if measure.decided_by == "scenario":
            return Proof(bound.is_kept(value), "the scenario says how many devices there are")
        if self._plan.levers_that_couple:
            return None  # what a gate sees and whom a chase visits is drawn, for all devices at once
        kinds = {
            number: kind
            for number, kind in enumerate(self._kinds)
            if kind.devices and bound.selection.takes(kind.profile)
        }
        drawn = [kind for kind in kinds.values() if not kind.is_certain]
        if not drawn and (measure.decided_by == "losses" or self._is_desk_certain):
            return Proof(bound.is_kept(value), "nothing here depends on chance: every run is this run")
        devices = sum(kind.devices for kind in kinds.values())
        surely_lost = sum(self._surely_lost(kind, int(lost[n])) for n, kind in kinds.items())
        wants_more = bound.at_least is not None
        if surely_lost and measure.least and bound.is_kept(measure.least(surely_lost, devices)) == wants_more:
            return Proof(wants_more, EVERYBODY)
        at_risk = {n: int(lost[n]) if kind.is_certain else kind.at_risk for n, kind in kinds.items()}
        if wants_more:
            worst = self._least_coverage(kinds, tally) if measure.decided_by == "reception" else None
        else:
            worst = measure.most(self._extent(devices, sum(at_risk.values())))
        if worst is None or not bound.is_kept(worst):
            return None
        if not any(at_risk.values()):
            return Proof(True, _nobody([(kind.profile, kind.deliveries or ()) for kind in drawn]))
        groups = sorted({kinds[n].profile.group for n, count in at_risk.items() if count})
        return Proof(True, _few(sum(at_risk.values()), devices, groups))

    def _surely_lost(self, kind: _Kind, lost: int) -> int:
        if kind.is_certain:
            return lost
        return kind.devices if delivery.loses_everybody(self._timeline, kind.profile.judged_as) else 0

    def _extent(self, devices: int, lost: int) -> Extent:
        switches = [after.from_s for _, after in self._timeline.switches]
        return Extent(
            devices=devices,
            lost=lost,
            changes=len(switches),
            days=(self._plan.horizon_s - min(switches, default=0)) / SECONDS_PER_DAY,
            is_helped=self._plan.recovery is not None,
        )

    def _least_coverage(self, kinds: dict[int, _Kind], tally: Tally) -> float | None:
        if len(tally.coverage_held) == 0:
            return None
        held = np.zeros(len(tally.coverage_held), dtype=np.int64)
        for number, kind in kinds.items():
            if not kind.is_certain:
                held += kind.devices - kind.at_risk
            elif self._plan.recovery is None or tally.column("lost")[number] == 0:
                held += tally.coverage_held[:, number]
        devices = int(tally.column("ever_connected")[list(kinds)].sum())
        return float(held.min()) / devices if devices else None

    # --- devices ---------------------------------------------------------------------------------

    @cached_property
    def _is_desk_certain(self) -> bool:
        """Whether the help desk's work is the same in every run: it serves one queue for the whole fleet."""
        desk = self._plan.recovery
        if desk is None:
            return True
        is_drawn = desk.owner_responds.is_random or desk.takes.is_random
        return not is_drawn and all(kind.is_certain or kind.at_risk == 0 for kind in self._kinds)

    @cached_property
    def _kinds(self) -> tuple[_Kind, ...]:
        of = {platform: delivery.deliveries_of(self._timeline, platform) for platform in ("android", "ios")}
        return tuple(
            self._kind(profile, phases, of[profile.judged_as])
            for profile, phases in zip(self._profiles, self._phases, strict=True)
        )

    def _kind(self, profile: Profile, phases: _Phases, deliveries: tuple[Delivery, ...] | None) -> _Kind:
        devices = sum(phases.drawn) + sum(len(each) for part in phases.written for each in part)
        is_certain = profile.presence == "never" or profile.success == 0.0
        is_certain |= (
            sum(phases.drawn) == 0
            and profile.jitter_s == 0
            and profile.success == 1.0
            and not isinstance(profile.presence, Spells)
        )
        shared = self._plan.common_causes
        is_disturbed = any(each.groups is None or profile.group in each.groups for each in shared)
        pushes = (action for action in self._plan.actions if isinstance(action, Push))
        is_pushed = any(concerns(push, profile) for push in pushes)
        is_certain &= profile.presence == "never" or not (is_disturbed or is_pushed)
        if deliveries is None or is_disturbed or profile.hours is not None:
            at_risk = devices
        else:
            at_risk = min(devices, self._at_risk(profile, phases, deliveries) + phases.stays_off)
        return _Kind(profile, devices, is_certain, at_risk, deliveries)

    def _at_risk(self, profile: Profile, phases: _Phases, deliveries: tuple[Delivery, ...]) -> int:
        """How many devices some draw can lose."""
        reach_s, count = delivery.reach_s(profile), 0
        for holds in (False, True):
            spans: list[delivery.Span] = []
            for each in deliveries:
                if holds and each.generation == self._timeline.first_reserve:
                    continue
                windows = () if reach_s is None else delivery.windows_of_dues(each.windows, profile)
                spans += delivery.phases_at_risk(windows, every_s=profile.every_s, reach_s=reach_s or 0)
            at_risk = delivery.merged(spans)
            count += phases.drawn[holds] if at_risk else 0
            count += sum(int(delivery.are_within(each, at_risk).sum()) for each in phases.written[holds])
        return count


# --- why, in a planner's words -------------------------------------------------------------------------

EVERYBODY: Final = (
    "the server comes to present a certificate that no device can have been handed, or that none accepts"
)


def _nobody(reasons: Sequence[tuple[Profile, Sequence[Delivery]]]) -> str:
    """Why no draw loses a device.

    Args:
        reasons: profiles whose phase, jitter or absences are drawn, and what their devices must be handed.
    """
    if not reasons:
        return "nothing here depends on chance, and no device is lost"
    deliveries = [each for _, needed in reasons for each in needed]
    if not deliveries:
        return "no change of certificate takes the server away from these devices"
    reserves = len({each.generation for each in deliveries})
    each_reserve = "the reserve" if reserves == 1 else f"each of {reserves:,} reserves"
    gap_s = max(profile.every_s + (delivery.reach_s(profile) or 0) for profile, _ in reasons)
    window_s = min(each.longest_window_s for each in deliveries)
    if gap_s > window_s or any(isinstance(profile.presence, Away) for profile, _ in reasons):
        return (
            "wherever its schedule stands and however late it is, every device makes an attempt in the time "
            f"in which {each_reserve} is handed out"
        )
    returns = any(isinstance(profile.presence, Spells) for profile, _ in reasons)
    every = "every device, absences included," if returns else "every device"
    waits_s = min(each.at_s - each.specified_s for each in deliveries)
    if waits_s == window_s:
        waits = f"{each_reserve} waits {'at least ' if reserves > 1 else ''}{span(waits_s)}"
    else:
        waits = f"{each_reserve} is handed out for {span(window_s)} on end"
    return f"{every} synchronizes at least once in any {span(gap_s)}; {waits}"


def _few(at_risk: int, devices: int, groups: Sequence[str]) -> str:
    """Why at most some devices, of some groups, can be lost."""
    if at_risk == devices:
        return f"there are no more than {devices:,} devices to lose"
    of = f" ({', '.join(groups)})" if groups else ""
    return f"whatever is drawn, no more than {at_risk:,} of {devices:,} devices{of} can be lost"
