"""Critical delays: for every device the least activation delay that saves it, from one run (model 9.1)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.results.measures import ALL, Selection
from sim.world.fleet import Roster
from sim.world.outcome import NEVER, Outcome

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CriticalDelays:
    """The critical delays of one replication.

    Attributes:
        delays_s: those that occur, ascending; shape (k,), int64. A delay of at least this many seconds
            saves the device.
        devices: how many have each; shape (k,), int64.
        never: devices that did not receive the reserve within the run.
        refused: devices that are lost by any activation, since their platform refuses the certificate; they
            are not counted elsewhere.
    """

    delays_s: Ints
    devices: Ints
    never: int
    refused: int

    @classmethod
    def of(
        cls,
        parts: Iterable[Outcome],
        *,
        refused_by: frozenset[str] = frozenset(),
        selection: Selection = ALL,
    ) -> CriticalDelays:
        """Those of a replication.

        Args:
            parts: the outcomes of the fleet's parts, of a run in which one reserve was specified.
            refused_by: platforms that refuse it.
            selection: which devices are counted.
        """
        return cls.of_delays(
            ((outcome.roster, outcome.devices.critical_delay_s) for outcome in parts),
            refused_by=refused_by,
            selection=selection,
        )

    @classmethod
    def of_delays(
        cls,
        parts: Iterable[tuple[Roster, Ints]],
        *,
        refused_by: frozenset[str] = frozenset(),
        selection: Selection = ALL,
    ) -> CriticalDelays:
        """The same from the critical delay of every device, -1 for none, of each part."""
        found: list[tuple[Ints, Ints]] = []
        never = refused = 0
        for roster, delays_s in parts:
            refuses = np.array([p.platform in refused_by for p in roster.profiles], dtype=np.bool_)
            profile = roster.profile
            if selection != ALL:
                counted = selection.devices(roster)
                delays_s, profile = delays_s[counted], profile[counted]
            if refuses.any():
                accepted = ~refuses[profile]
                refused += int(np.count_nonzero(~accepted))
                delays_s = delays_s[accepted]
            never += int(np.count_nonzero(delays_s == NEVER))
            found.append(_counted(delays_s[delays_s != NEVER]))
        delays_s, devices = found[0] if len(found) == 1 else _together(found)
        return cls(delays_s, devices, never, refused)

    def __add__(self, other: CriticalDelays) -> CriticalDelays:
        """Those of two parts of one fleet."""
        found = _together([(self.delays_s, self.devices), (other.delays_s, other.devices)])
        return CriticalDelays(*found, self.never + other.never, self.refused + other.refused)

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
        if self.never + self.refused > most_lost:
            return None
        lost = self.lost(self.delays_s)
        enough = np.flatnonzero(lost <= most_lost)
        if int(self.devices.sum()) + self.never + self.refused <= most_lost:
            return 0
        return int(self.delays_s[enough[0]])


def _counted(delays_s: Ints) -> tuple[Ints, Ints]:
    values, counts = np.unique(delays_s, return_counts=True)
    return values, counts.astype(np.int64)


def _together(found: list[tuple[Ints, Ints]]) -> tuple[Ints, Ints]:
    values, where = np.unique(np.concatenate([values for values, _ in found]), return_inverse=True)
    counts = np.zeros(len(values), dtype=np.int64)
    np.add.at(counts, where, np.concatenate([counts for _, counts in found]))
    return values, counts
