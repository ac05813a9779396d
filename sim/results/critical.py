"""Critical delays: for every device the least activation delay that saves it, from one run (model 9.1)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from sim.results.measures import ALL, Selection
from sim.world.fleet import Roster
from sim.world.outcome import NEVER

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CriticalDelays:
    """The critical delays of one replication."""

    # those that occur, ascending; shape (k,), int64. A delay of at least this many seconds saves the
    # device
    delays_s: Ints
    devices: Ints  # how many have each; shape (k,), int64
    never: int  # devices that did not receive the reserve within the run
    # devices that are lost by any activation, since their platform refuses the certificate; they are not
    # counted elsewhere
    refused: int

    @classmethod
    def of_delays(
        cls,
        parts: Iterable[tuple[Roster, Ints]],
        *,
        refused_by: frozenset[str] = frozenset(),
        selection: Selection = ALL,
    ) -> CriticalDelays:
        """From the critical delay of every device, -1 for none, of each part of the fleet; at least one.

        No delay loses a device that never connected (model 11.2).
        """
        found = []
        for roster, delays_s in parts:
            counted = selection.devices(roster)
            refuses = np.array(
                [profile.judged_as in refused_by for profile in roster.profiles], dtype=np.bool_
            )
            is_refused = refuses[roster.profile] & counted & ~roster.never_connected
            accepted_s = np.where(roster.never_connected, 0, delays_s)[counted & ~is_refused]
            never = int(np.count_nonzero(accepted_s == NEVER))
            values, counts = np.unique(accepted_s[accepted_s != NEVER], return_counts=True)
            found.append(cls(values, counts.astype(np.int64), never, int(np.count_nonzero(is_refused))))
        return reduce(add, found)

    def __add__(self, other: CriticalDelays) -> CriticalDelays:
        """Those of two parts of one fleet."""
        values, where = np.unique(np.concatenate([self.delays_s, other.delays_s]), return_inverse=True)
        counts = np.zeros(len(values), dtype=np.int64)
        np.add.at(counts, where, np.concatenate([self.devices, other.devices]))
        return CriticalDelays(values, counts, self.never + other.never, self.refused + other.refused)

    @property
    def size(self) -> int:
        """How many devices there are."""
        return int(self.devices.sum()) + self.never + self.refused

    def lost(self, delays_s: NDArray[np.int64]) -> Ints:
        """Devices lost under each activation delay; the same shape."""
        saved = np.concatenate([[0], np.cumsum(self.devices)])
        late = int(self.devices.sum()) - saved[np.searchsorted(self.delays_s, delays_s, side="right")]
        return np.asarray(late + self.never + self.refused, dtype=np.int64)

    def least_delay_s(self, most_lost: int) -> int | None:
        """The least delay that loses at most so many devices; None where no delay of the run does."""
        spared = most_lost - self.never - self.refused
        if spared < 0:
            return None
        needed = int(self.devices.sum()) - spared
        return int(self.delays_s[np.searchsorted(np.cumsum(self.devices), needed)]) if needed > 0 else 0
