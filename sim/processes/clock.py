"""SimPy's clock on whole seconds, with the order of events within one second (model 1.1, 2)."""

from __future__ import annotations

from heapq import heappush
from typing import Final

import simpy

from sim.world.order import Phase

_BEFORE_ALL_DEVICES: Final = -1
_PHASE_STEP: Final = 1 << 40


class Moment(simpy.Event):
    """Happens at an instant, within it in the order (phase, device, sequence).

    SimPy orders events by (time, priority, creation). Its own priorities 0 and 1, which start and
    resume processes, come before every phase; so what a moment sets off is finished before the next.
    """

    def __init__(self, clock: Clock, instant_s: int, priority: int) -> None:
        self.env = clock
        self.callbacks = []
        self._ok = True
        self._value = None
        # SimPy's `schedule`, with an instant where that takes a delay.
        heappush(clock._queue, (instant_s, priority, next(clock._eid), self))  # type: ignore[misc]


class Clock(simpy.Environment):
    """An environment whose `now` is an int: seconds from the start."""

    def __init__(self) -> None:
        super().__init__(initial_time=0)

    @property
    def now(self) -> int:
        """The present instant, in whole seconds from the start."""
        return self._now  # type: ignore[return-value]

    def at(self, instant_s: int, phase: Phase, device: int = _BEFORE_ALL_DEVICES) -> Moment:
        """An event at the instant; `device` is the device order, or that among the phase's own events."""
        return Moment(self, instant_s, priority(phase, device))


def priority(phase: Phase, device: int = _BEFORE_ALL_DEVICES) -> int:
    """One integer that sorts as (phase, device), above SimPy's own priorities."""
    return (phase + 1) * _PHASE_STEP + device + 1
