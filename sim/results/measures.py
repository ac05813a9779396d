"""Numbers over a fleet, a group or a platform, from the columns of an outcome (model 8)."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.world.order import SECONDS_PER_DAY, SECONDS_PER_HOUR
from sim.world.outcome import Outcome

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
    """Some of an outcome's devices, and their measures.

    Args:
        outcome: of one replication.
        group: only devices counted under this name.
        platform: only devices of this platform.
    """

    def __init__(self, outcome: Outcome, *, group: str | None = None, platform: str | None = None) -> None:
        self.outcome = outcome
        profiles = outcome.roster.profiles
        self.profiles: NDArray[np.bool_] = np.array(
            [group in (None, p.group) and platform in (None, p.platform) for p in profiles], dtype=np.bool_
        )
        whole = bool(self.profiles.all())
        self.members: NDArray[np.bool_] | slice = (
            slice(None) if whole else self.profiles[outcome.roster.profile]
        )

    def column(self, name: str) -> NDArray[np.int64]:
        """A column of the outcome, of the selected devices."""
        column: NDArray[np.int64] = getattr(self.outcome.devices, name)
        return column[self.members]

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
        match name:
            case "devices":
                return len(self.column("times_lost"))
            case "lost_devices":
                return self._count(self.column("times_lost") > 0)
            case "lost_share":
                return self._share("lost_devices")
            case "reconnected_devices":
                return self._count(self.reconnected(within_s))
            case "reconnected_share":
                lost = self._count(self.column("times_lost") > 0)
                return self._count(self.reconnected(within_s)) / lost if lost else None
            case "still_lost_devices":
                return self._count(self.outcome.is_lost[self.members])
            case "reserve_coverage":
                return self._coverage()
            case "device_days_lost":
                return int(self.column("lost_for_s").sum()) / SECONDS_PER_DAY
            case "reinstalls":
                return int(self.column("reinstalls").sum())
            case "helpdesk_hours":
                return int(self.column("helpdesk_s").sum()) / SECONDS_PER_HOUR
            case "times_lost":
                return int(self.column("times_lost").sum())
        raise KeyError(name)

    def reconnected(self, within_s: int | None = None) -> NDArray[np.bool_]:
        """Which selected devices ended their first loss, at most `within_s` after it."""
        return self._seconds_to_reconnect() <= (math.inf if within_s is None else within_s)

    def time_to_reconnect_s(self, quantile: float) -> float | None:
        """The least time in which a share `quantile` of the lost devices ended their first loss.

        Infinity where fewer did within the run; None where none was lost.
        """
        lost = self.column("lost_at_s") >= 0
        if not lost.any():
            return None
        taken = np.sort(np.where(self.reconnected(), self._seconds_to_reconnect(), math.inf)[lost])
        return float(taken[max(0, math.ceil(quantile * len(taken)) - 1)])

    def _seconds_to_reconnect(self) -> NDArray[np.float64]:
        lost_at_s, back_at_s = self.column("lost_at_s"), self.column("reconnected_at_s")
        return np.where(back_at_s >= 0, (back_at_s - lost_at_s).astype(np.float64), np.nan)

    def _coverage(self) -> float | None:
        devices = len(self.column("times_lost"))
        held = self.outcome.coverage_held[:, self.profiles].sum(axis=1)
        return float(held.min()) / devices if len(held) and devices else None

    def _share(self, name: str) -> float:
        devices = self.measure("devices")
        count = self.measure(name)
        assert devices is not None
        assert count is not None
        return count / devices if devices else 0.0

    @staticmethod
    def _count(which: NDArray[np.bool_]) -> int:
        return int(np.count_nonzero(which))
