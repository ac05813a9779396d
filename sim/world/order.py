"""The order of events: (instant, phase, device, sequence) (model 2)."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

SECONDS_PER_HOUR: Final = 3600
SECONDS_PER_DAY: Final = 86_400


class Phase(IntEnum):
    """What happens first within one second; lower comes earlier (model 2).

    The help desk's three steps are three phases here, since they happen in that order.
    """

    CERTIFICATE = 0
    SERVER = 1
    OPERATOR = 2
    PRESENCE = 3
    SYNC = 4
    REINSTALL_END = 5
    QUEUE_JOIN = 6
    REINSTALL_START = 7
    OBSERVATION = 8
