"""Which devices count against a guarantee, and how many of them break it."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.scenario.guarantees import Guarantee
from sim.world.order import SECONDS_PER_DAY, SECONDS_PER_HOUR
from sim.world.outcome import Outcome

Bools = NDArray[np.bool_]

_AT_MOST: Final = frozenset(
    {
        "lost_devices",
        "lost_share",
        "still_lost_devices",
        "device_days_lost",
        "times_lost",
        "time_to_reconnect",
        "reinstalls",
        "helpdesk_hours",
    }
)
_AT_LEAST: Final = frozenset({"reserve_coverage", "reconnected_share"})


def can_be_attacked(guarantee: Guarantee) -> bool:
    """Whether it is a promise that losing devices can break."""
    return guarantee.measure in (_AT_MOST if guarantee.at_most is not None else _AT_LEAST)


def thresholds_s(guarantee: Guarantee) -> list[int]:
    """Times after a loss that the guarantee turns on, in seconds."""
    times = []
    if guarantee.within is not None:
        times.append(guarantee.within)
    if guarantee.measure == "time_to_reconnect" and guarantee.at_most is not None:
        times.append(math.floor(guarantee.at_most))
    if guarantee.measure == "device_days_lost" and guarantee.at_most is not None:
        times.append(math.floor(guarantee.at_most * SECONDS_PER_DAY))
    return times


def needed_devices(guarantee: Guarantee, size: int) -> int | None:
    """How many of `size` devices, all of which count against it, break the guarantee; None: not all do."""
    if size == 0:
        return None
    match guarantee.measure:
        case "lost_devices" | "still_lost_devices":
            assert guarantee.at_most is not None
            needed = math.floor(guarantee.at_most) + 1
        case "lost_share":
            assert guarantee.at_most is not None
            needed = next(
                (k for k in _near(guarantee.at_most * size, size) if k / size > guarantee.at_most), size + 1
            )
        case "reserve_coverage":
            assert guarantee.at_least is not None
            least = guarantee.at_least
            needed = next((k for k in _near((1 - least) * size, size) if (size - k) / size < least), size + 1)
        case "reconnected_share":
            needed = 1 if guarantee.at_least else size + 1
        case _:
            needed = 1
    return needed if needed <= size else None


def _near(value: float, size: int) -> range:
    """Whole numbers around a rounded one, from 1."""
    return range(max(1, math.floor(value) - 1), min(size, math.floor(value) + 3) + 1)


def breaks(guarantee: Guarantee, outcome: Outcome) -> Bools:
    """Which devices count against the guarantee, each judged as if it were alone; a profile has one device.

    Args:
        guarantee: one that `can_be_attacked`.
        outcome: of the devices.
    """
    devices = outcome.devices
    lost: Bools = devices.lost_at_s >= 0
    taken_s = np.where(devices.reconnected_at_s >= 0, devices.reconnected_at_s - devices.lost_at_s, -1)
    limit = guarantee.at_most if guarantee.at_most is not None else 0.0
    match guarantee.measure:
        case "lost_devices" | "lost_share":
            return lost
        case "still_lost_devices":
            return outcome.is_lost
        case "reserve_coverage":
            if len(outcome.coverage_held) == 0:
                return np.zeros(len(lost), dtype=np.bool_)
            least: Bools = outcome.coverage_held[:, outcome.roster.profile].min(axis=0) == 0
            return least
        case "reconnected_share":
            in_time = taken_s >= 0
            if guarantee.within is not None:
                in_time &= taken_s <= guarantee.within
            return lost & ~in_time
        case "time_to_reconnect":
            return lost & ((taken_s < 0) | (taken_s > limit))
        case "device_days_lost":
            days: Bools = devices.lost_for_s / SECONDS_PER_DAY > limit
            return days
        case "times_lost":
            times: Bools = devices.times_lost > limit
            return times
        case "reinstalls":
            reinstalls: Bools = devices.reinstalls > limit
            return reinstalls
        case "helpdesk_hours":
            hours: Bools = devices.helpdesk_s / SECONDS_PER_HOUR > limit
            return hours
    raise KeyError(guarantee.measure)
