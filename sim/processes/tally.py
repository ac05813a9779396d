"""Running totals over the fleet, kept where something happens so that looking is cheap."""

from __future__ import annotations

from array import array
from collections import Counter
from itertools import repeat
from typing import Final

NOT_YET: Final = -(1 << 62)
"""The last synchronization of a device that has had none."""


class Tally:
    """What the observer reads instead of asking every device.

    Attributes:
        last_sync_at_s: per device, instant of its last synchronization, or `NOT_YET`; int64.
        syncs: successful synchronizations of all devices.
        holders: devices that hold a certificate in either slot, by generation.
        lost: devices that are lost now.
    """

    def __init__(self, devices: int) -> None:
        self.last_sync_at_s = array("q", repeat(NOT_YET, devices))
        self.syncs = 0
        self.holders: Counter[int] = Counter()
        self.lost = 0
