"""When a guarantee breaks: how many devices it takes, and how long after a loss."""

from __future__ import annotations

import math

from sim.results.measures import MEASURES
from sim.scenario.guarantees import Guarantee
from sim.world.order import SECONDS_PER_DAY


def thresholds_s(guarantee: Guarantee) -> list[int]:
    """Times after a loss that the guarantee turns on, in seconds."""
    times = [] if guarantee.within is None else [guarantee.within]
    unit_s = {"duration": 1, "days": SECONDS_PER_DAY}.get(MEASURES[guarantee.measure].unit)
    if unit_s is not None and guarantee.at_most is not None:
        times.append(math.floor(guarantee.at_most * unit_s))
    return times


def needed_devices(guarantee: Guarantee, size: int) -> int | None:
    """How many of `size` devices, all of which count against it, break the guarantee; None: not all do."""
    if size == 0 or not guarantee.bound.forbids_losses or guarantee.at_least == 0:
        return None
    most = guarantee.bound.most_lost(size)
    needed = 1 if most is None else most + 1
    return needed if needed <= size else None
