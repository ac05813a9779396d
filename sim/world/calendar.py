"""What many devices have in common: weekly hours, holidays, disturbances (model 12)."""

from __future__ import annotations

from typing import NamedTuple

from sim.world.draws import Draws, Purpose, identity_of_disturbance, identity_of_holiday
from sim.world.fleet import Profile, Windows
from sim.world.plan import Disturbance, Plan


class Mask(NamedTuple):
    """A device is off in [from_s, to_s) if the draw (identity ^ key, purpose, number) is below the share."""

    from_s: int
    to_s: int
    share: float
    key: int
    purpose: int
    number: int


def occurrences(disturbance: Disturbance, draws: Draws, horizon_s: int) -> Windows:
    """When a disturbance occurs in one replication: gaps and lengths drawn in turn, each at least 1 s."""
    identity = identity_of_disturbance(disturbance.name)
    windows: list[tuple[int, int]] = []
    ended_s = 0
    while True:
        number = len(windows)
        begins_s = ended_s + max(
            1, disturbance.every.draw(*draws.pair(identity, Purpose.DISTURBANCE_GAP, number))
        )
        if begins_s >= horizon_s:
            return tuple(windows)
        ended_s = begins_s + max(
            1, disturbance.lasts.draw(*draws.pair(identity, Purpose.DISTURBANCE_LENGTH, number))
        )
        windows.append((begins_s, ended_s))


def masks_of(plan: Plan, profile: Profile, draws: Draws) -> list[Mask]:
    """Everything that may cover devices of a profile within the run, by its first second."""
    masks: list[Mask] = []
    if profile.hours is not None:
        ends_s = 0
        for from_s, to_s in (*profile.hours, (plan.horizon_s, plan.horizon_s)):
            masks.append(Mask(ends_s, from_s, 1.0, 0, 0, 0))
            ends_s = to_s
    for holiday in plan.holidays:
        if holiday.groups is None or profile.group in holiday.groups:
            key = identity_of_holiday(holiday.name)
            masks.append(Mask(holiday.from_s, holiday.to_s, holiday.share, key, Purpose.HOLIDAY, 0))
    for disturbance in plan.disturbances:
        if disturbance.groups is None or profile.group in disturbance.groups:
            key = identity_of_disturbance(disturbance.name)
            for number, (from_s, to_s) in enumerate(occurrences(disturbance, draws, plan.horizon_s)):
                masks.append(Mask(from_s, to_s, disturbance.share, key, Purpose.DISTURBANCE, number))
    within = (mask._replace(from_s=max(mask.from_s, 0)) for mask in masks)
    return sorted(mask for mask in within if mask.from_s < min(mask.to_s, plan.horizon_s))
