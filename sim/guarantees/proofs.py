"""Guarantees that no draw can break, or that no draw can keep.

Two grounds: nothing that the measure depends on is drawn, so that one run is every run; or every device is
surely handed each reserve before it becomes main (`delivery`), or all but a few are. See
docs/guarantees.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sim.guarantees.delivery import (
    Delivery,
    Span,
    are_within,
    deliveries_of,
    loses_everybody,
    merged,
    phases_at_risk,
    reach_s,
    windows_of_dues,
)
from sim.guarantees.grounds import certain, chanceless, everybody_is_lost, few_at_risk
from sim.results.measures import Extent
from sim.results.tally import Tally
from sim.scenario.guarantees import Guarantee
from sim.world.fleet import PHASE_IS_DRAWN, Profile, Roster, Spells
from sim.world.order import SECONDS_PER_DAY
from sim.world.plan import Plan
from sim.world.timeline import Timeline, play

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Proof:
    """What is certain about a guarantee.

    Attributes:
        keeps: whether every run keeps it; else every run breaks it.
        sentence: why, in a planner's words.
    """

    keeps: bool
    sentence: str


@dataclass(slots=True)
class _Crowd:
    """The devices of one profile; those whose phase is written by (phase, holds the first reserve)."""

    devices: int = 0
    drawn: list[int] = field(default_factory=lambda: [0, 0])
    written: list[list[NDArray[np.int64]]] = field(default_factory=lambda: [[], []])

    def holding(self, holds: bool) -> tuple[int, NDArray[np.int64]]:
        """Of devices that hold the first reserve at the start, or do not: how many drawn, written phases."""
        return self.drawn[holds], np.concatenate([np.zeros(0, np.int64), *self.written[holds]])


class Proofs:
    """What can be said about a scenario for all its draws.

    Args:
        plan: what the server and the operator will do.
        rosters: the parts of the fleet, in device order; all with the same profiles.
    """

    def __init__(self, plan: Plan, rosters: Iterable[Roster]) -> None:
        self._plan = plan
        self._profiles: tuple[Profile, ...] = ()
        self._crowds: list[_Crowd] = []
        for roster in rosters:
            self._add(roster)

    def _add(self, roster: Roster) -> None:
        if not self._crowds:
            self._profiles = roster.profiles
            self._crowds = [_Crowd() for _ in roster.profiles]
        for number in np.unique(roster.profile).tolist():
            crowd, members = self._crowds[number], roster.profile == number
            crowd.devices += int(members.sum())
            for holds in (False, True):
                phases_s = roster.phase_s[members & (roster.holds_reserve == holds)]
                crowd.drawn[holds] += int((phases_s == PHASE_IS_DRAWN).sum())
                crowd.written[holds].append(phases_s[phases_s != PHASE_IS_DRAWN])

    # --- the answer ------------------------------------------------------------------------------

    def settle(self, guarantee: Guarantee, tally: Tally) -> Proof | None:
        """What is certain about the guarantee, given one run; None where it is left to chance.

        Args:
            guarantee: which something exercised.
            tally: of any replication.
        """
        bound = guarantee.bound
        chosen = [
            number
            for number, (profile, crowd) in enumerate(zip(self._profiles, self._crowds, strict=True))
            if bound.selection.takes(profile) and crowd.devices > 0
        ]
        value, decided_by = bound.value(tally), bound.asks.decided_by
        if decided_by == "scenario":
            return Proof(guarantee.bound.is_kept(value), "the scenario says how many devices there are")
        all_chanceless = all(self._is_chanceless[number] for number in chosen)
        if all_chanceless and (decided_by == "losses" or self._desk_is_chanceless):
            return Proof(guarantee.bound.is_kept(value), chanceless())
        least = self._least_lost(guarantee, chosen, tally)
        if least and guarantee.bound.is_kept(least) == (guarantee.at_least is not None):
            return Proof(guarantee.at_least is not None, everybody_is_lost())
        worst = self._worst(guarantee, chosen, tally)
        if worst is None or not guarantee.bound.is_kept(worst):
            return None
        at_risk = self._lost_at_most(chosen, tally)
        drawn = [number for number in chosen if not self._is_chanceless[number]]
        if at_risk == 0:
            return Proof(True, certain([(self._profiles[n], self._deliveries[n] or ()) for n in drawn]))
        devices = sum(self._crowds[number].devices for number in chosen)
        groups = sorted({self._profiles[n].group for n in chosen if self._lost_at_most([n], tally)})
        return Proof(True, few_at_risk(at_risk, devices, groups))

    def _worst(self, guarantee: Guarantee, chosen: list[int], tally: Tally) -> float | None:
        """The value of the measure that no run exceeds, or with `at_least` falls below; None: not known."""
        measure = guarantee.bound.asks
        if guarantee.at_least is not None:
            return self._least_coverage(chosen, tally) if measure.decided_by == "reception" else None
        switches = [after.from_s for _, after in self._timeline.switches]
        extent = Extent(
            devices=sum(self._crowds[number].devices for number in chosen),
            lost=self._lost_at_most(chosen, tally),
            changes=len(switches),
            days=(self._plan.horizon_s - min(switches, default=0)) / SECONDS_PER_DAY,
            is_helped=self._plan.recovery is not None,
        )
        return measure.most(extent)

    def _least_lost(self, guarantee: Guarantee, chosen: list[int], tally: Tally) -> float | None:
        """What no run goes below, of a measure that counts losses; None for others."""
        lost = devices = 0
        for number in chosen:
            devices += self._crowds[number].devices
            if self._is_chanceless[number]:
                lost += int(tally.lost[number])
            elif loses_everybody(self._timeline, self._profiles[number].platform):
                lost += self._crowds[number].devices
        least = guarantee.bound.asks.least
        return None if least is None else least(lost, devices)

    def _least_coverage(self, chosen: list[int], tally: Tally) -> float | None:
        devices = sum(self._crowds[number].devices for number in chosen)
        if len(tally.coverage_held) == 0:
            return None
        held = np.zeros(len(tally.coverage_held), dtype=np.int64)
        for number in chosen:
            if not self._is_chanceless[number]:
                held += self._crowds[number].devices - self._at_risk[number]
            elif self._plan.recovery is None or tally.lost[number] == 0:
                held += tally.coverage_held[:, number]
        return float(held.min()) / devices

    # --- devices ---------------------------------------------------------------------------------

    def _lost_at_most(self, chosen: list[int], tally: Tally) -> int:
        """How many of the chosen devices can be lost at most."""
        return sum(
            int(tally.lost[number]) if self._is_chanceless[number] else self._at_risk[number]
            for number in chosen
        )

    @cached_property
    def _is_chanceless(self) -> list[bool]:
        """Of each profile, whether no draw changes what becomes of its devices, the help desk apart."""
        return [
            profile.presence == "never"
            or profile.success == 0.0
            or (
                sum(crowd.drawn) == 0
                and profile.jitter_s == 0
                and profile.success == 1.0
                and not isinstance(profile.presence, Spells)
            )
            for profile, crowd in zip(self._profiles, self._crowds, strict=True)
        ]

    @cached_property
    def _desk_is_chanceless(self) -> bool:
        """Whether the help desk's work is the same in every run: it serves one queue for the whole fleet."""
        desk = self._plan.recovery
        if desk is None:
            return True
        fleet = zip(self._is_chanceless, self._at_risk, strict=True)
        return (
            not desk.owner_responds.is_random
            and not desk.takes.is_random
            and all(is_chanceless or at_risk == 0 for is_chanceless, at_risk in fleet)
        )

    @cached_property
    def _timeline(self) -> Timeline:
        return play(self._plan)

    @cached_property
    def _deliveries(self) -> list[tuple[Delivery, ...] | None]:
        """Of each profile, what its devices must be handed."""
        of = {platform: deliveries_of(self._timeline, platform) for platform in ("android", "ios")}
        return [of[profile.platform] for profile in self._profiles]

    @cached_property
    def _at_risk(self) -> list[int]:
        """Of each profile, how many devices some draw can lose."""
        return [
            self._count(crowd, profile, deliveries)
            for profile, crowd, deliveries in zip(self._profiles, self._crowds, self._deliveries, strict=True)
        ]

    def _count(self, crowd: _Crowd, profile: Profile, deliveries: tuple[Delivery, ...] | None) -> int:
        if deliveries is None:
            return crowd.devices
        reach, count = reach_s(profile), 0
        for holds in (False, True):
            drawn, phases_s = crowd.holding(holds)
            spans: list[Span] = []
            for delivery in deliveries:
                if holds and delivery.generation == self._timeline.first_reserve:
                    continue
                windows = () if reach is None else windows_of_dues(delivery.windows, profile)
                spans += phases_at_risk(windows, every_s=profile.every_s, reach_s=reach or 0)
            at_risk = merged(spans)
            count += int(are_within(phases_s, at_risk).sum()) + (drawn if at_risk else 0)
        return count
