"""Numbers over a fleet, a group or a platform (model 8)."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.results.tally import Tally
from sim.world.order import SECONDS_PER_DAY, SECONDS_PER_HOUR

MEASURES: Final = (
    "devices",
    "lost_devices",
    "lost_share",
    "reconnected_devices",
    "reconnected_share",
    "still_lost_devices",
    "reserve_coverage",
    "device_days_lost",
    "reinstalls",
    "helpdesk_hours",
    "times_lost",
)
"""Every measure that is one number a run; `time_to_reconnect` is the other."""

QUANTILES: Final = (0.5, 0.9, 0.99, 1.0)


class Selection:
    """Some of the devices of a replication, and their measures.

    Args:
        tally: of the replication.
        group: only devices counted under this name.
        platform: only devices of this platform.
    """

    def __init__(self, tally: Tally, *, group: str | None = None, platform: str | None = None) -> None:
        self._tally = tally
        self._profiles: NDArray[np.bool_] = np.array(
            [group in (None, p.group) and platform in (None, p.platform) for p in tally.profiles],
            dtype=np.bool_,
        )

    def measures(self) -> dict[str, float | int | None]:
        """Every measure of `MEASURES`."""
        return {name: self.measure(name) for name in MEASURES}

    def measure(self, name: str, *, within_s: int | None = None) -> float | int | None:
        """One measure by name; `within_s` limits the two about reconnection.

        None where there is nothing to measure: `reserve_coverage` without a change of the main
        certificate, `reconnected_share` without a loss.

        Raises:
            KeyError: there is no such measure.
        """
        tally = self._tally
        match name:
            case "devices":
                return self._sum(tally.devices)
            case "lost_devices":
                return self._sum(tally.lost)
            case "lost_share":
                devices = self._sum(tally.devices)
                return self._sum(tally.lost) / devices if devices else 0.0
            case "reconnected_devices":
                return self._reconnected(within_s)
            case "reconnected_share":
                lost = self._sum(tally.lost)
                return self._reconnected(within_s) / lost if lost else None
            case "still_lost_devices":
                return self._sum(tally.still_lost)
            case "reserve_coverage":
                return self._coverage()
            case "device_days_lost":
                return self._sum(tally.lost_for_s) / SECONDS_PER_DAY
            case "reinstalls":
                return self._sum(tally.reinstalls)
            case "helpdesk_hours":
                return self._sum(tally.helpdesk_s) / SECONDS_PER_HOUR
            case "times_lost":
                return self._sum(tally.times_lost)
        raise KeyError(name)

    def time_to_reconnect_s(self, quantile: float) -> float | None:
        """The least time in which a share `quantile` of the lost devices ended their first loss.

        Infinity where fewer did within the run; None where none was lost.
        """
        lost = self._sum(self._tally.lost)
        if lost == 0:
            return None
        back = self._back()
        back = back[np.argsort(back[:, 1], kind="stable")]
        place = np.searchsorted(np.cumsum(back[:, 2]), max(1, math.ceil(quantile * lost)))
        return float(back[place, 1]) if place < len(back) else math.inf

    def _reconnected(self, within_s: int | None) -> int:
        back = self._back()
        return int(back[back[:, 1] <= (math.inf if within_s is None else within_s), 2].sum())

    def _back(self) -> NDArray[np.int64]:
        """The rows of `Tally.back` of the selected devices."""
        back = self._tally.back
        return back[self._profiles[back[:, 0]]]

    def _coverage(self) -> float | None:
        devices = self._sum(self._tally.devices)
        held = self._tally.coverage_held[:, self._profiles].sum(axis=1)
        return float(held.min()) / devices if len(held) and devices else None

    def _sum(self, counts: NDArray[np.int64]) -> int:
        return int(counts[self._profiles].sum())
