"""Looks at the fleet at regular instants, and changes nothing (model 8, time series)."""

from __future__ import annotations

from collections.abc import Callable, Generator

import numpy as np
from numpy.typing import NDArray

from sim.processes.clock import Clock, Moment
from sim.processes.helpdesk import HelpDesk
from sim.processes.tally import Tally
from sim.world.order import Phase
from sim.world.outcome import SERIES
from sim.world.plan import Plan
from sim.world.server import Server


class Observer:
    """Samples what `Outcome.series` holds at instants 0, p, 2p, … below the horizon."""

    def __init__(
        self,
        clock: Clock,
        plan: Plan,
        server: Server,
        tally: Tally,
        desk: HelpDesk | None,
        *,
        every_s: NDArray[np.int64],
        progress: Callable[[float], None] | None,
    ) -> None:
        self.clock, self.plan, self.server = clock, plan, server
        self.tally, self.desk, self.progress = tally, desk, progress
        self.connected_for_s = 2 * every_s
        self.rows: list[tuple[int, ...]] = []
        self._syncs_before = 0

    def watch(self) -> Generator[Moment, None, None]:
        """Sample until the end."""
        for at_s in range(0, self.plan.horizon_s, self.plan.sample_s):
            yield self.clock.at(at_s, Phase.OBSERVATION)
            self.rows.append(self._sample())
            if self.progress is not None:
                self.progress(at_s / self.plan.horizon_s)

    def _sample(self) -> tuple[int, ...]:
        now_s, reserve, tally = self.clock.now, self.server.reserve, self.tally
        last_sync_at_s = np.frombuffer(tally.last_sync_at_s, dtype=np.int64)
        since, self._syncs_before = tally.syncs - self._syncs_before, tally.syncs
        return (
            now_s,
            -1 if reserve is None else tally.holders[reserve.generation],
            int(np.count_nonzero(last_sync_at_s >= now_s - self.connected_for_s)),
            tally.lost,
            0 if self.desk is None else self.desk.queue_length,
            since,
        )

    def series(self) -> dict[str, NDArray[np.int64]]:
        """The samples, one array a column."""
        table = np.array(self.rows, dtype=np.int64).reshape(-1, len(SERIES))
        return dict(zip(SERIES, table.T, strict=True))
