"""The process engine: builds the SimPy world, lets it run, and reads off the outcome."""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from sim.processes.administration import Administration
from sim.processes.clock import Clock, Moment
from sim.processes.device import Device, Tally, masked_by
from sim.processes.helpdesk import HelpDesk
from sim.processes.policy import Policy, follow
from sim.world.calendar import masks_of
from sim.world.certificates import NO_CERTIFICATE
from sim.world.fleet import Fleet
from sim.world.order import Phase
from sim.world.outcome import CAUSES, MEANS, NEVER, SERIES, Devices, Outcome
from sim.world.plan import Chase, Plan, Push
from sim.world.server import Server
from sim.world.timeline import play


def simulate(
    plan: Plan,
    fleet: Fleet,
    *,
    progress: Callable[[float], None] | None = None,
    kind: Callable[..., Device] = Device,
    policy: Policy | None = None,
) -> Outcome:
    """Run the plan on the fleet, one SimPy process for each thing that exists.

    Args:
        policy: is asked during the run, and changed by it.
        kind: makes a device; a subclass may watch what becomes of it.
    """
    clock = Clock()
    tally = Tally(len(fleet))
    administration = Administration(clock, plan, tally)
    server = administration.server
    first_reserve = play(plan).first_reserve
    devices = [
        kind(clock, server, tally, fleet, index, reserve_slot=first_reserve if holds else NO_CERTIFICATE)
        for index, holds in enumerate(fleet.roster.holds_reserve)
    ]
    administration.devices = devices
    if policy is not None or any(isinstance(action, Push | Chase) for action in plan.actions):
        for device in devices:
            device.is_called_on = True
    masks = [masks_of(plan, profile, fleet.draws) for profile in fleet.roster.profiles]
    for device, number in zip(devices, fleet.roster.profile.tolist(), strict=True):
        if masks[number]:
            device.masked = masked_by(masks[number], fleet.draws, device.identity)

    desk = None
    if plan.recovery is not None:
        desk = HelpDesk(clock, server, plan.recovery, horizon_s=plan.horizon_s)
        administration.on_loss = desk.call
        administration.on_switch = desk.look
        clock.process(desk.open())
        for device in devices:
            device.on_reconnect = desk.withdraw

    roster = fleet.roster
    every_s = np.array([profile.every_s for profile in roster.profiles], dtype=np.int64)[roster.profile]
    observer = Observer(clock, plan, server, tally, desk, every_s=every_s, progress=progress)
    administration.open()
    if policy is not None:
        clock.process(follow(policy, administration, desk))
    for device in devices:
        clock.process(device.live())
    clock.process(observer.watch())
    with _without_collector():
        clock.run(until=plan.horizon_s)

    held = [
        np.bincount(roster.profile[np.array(who, dtype=np.bool_)], minlength=len(roster.profiles))
        for who in administration.coverages
    ]
    return Outcome(
        roster=roster,
        horizon_s=plan.horizon_s,
        devices=_columns(devices, server, tally, fleet, first_reserve, plan.horizon_s),
        is_lost=np.array([device.is_lost for device in devices], dtype=np.bool_),
        coverage_held=np.array(held, dtype=np.int64).reshape(len(held), len(roster.profiles)),
        events=tuple(server.events),
        certificates=tuple(server.certificates),
        series=observer.series(),
    )


class Observer:
    """Looks at the fleet at instants 0, p, 2p, … below the horizon (`Outcome.series`); changes nothing."""

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


@contextmanager
def _without_collector() -> Iterator[None]:
    """Events are freed as they happen; looking for cycles among so many objects costs a tenth of a run."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _columns(
    devices: list[Device], server: Server, tally: Tally, fleet: Fleet, first_reserve: int, horizon_s: int
) -> Devices:
    latest = max(server.specified_at_s, default=NO_CERTIFICATE)

    def instants(values: list[int | None]) -> NDArray[np.int64]:
        return np.array([NEVER if value is None else value for value in values], dtype=np.int64)

    received_at_s = [d.received_at_s if d.received == latest else None for d in devices]
    return Devices(
        reserve_received_at_s=instants(received_at_s),
        lost_at_s=instants([d.lost_at_s for d in devices]),
        lost_cause=np.array([CAUSES.index(d.lost_cause or "") for d in devices], dtype=np.int8),
        noticed_at_s=instants([d.noticed_at_s for d in devices]),
        reconnected_at_s=instants([d.reconnected_at_s for d in devices]),
        reconnected_by=np.array([MEANS.index(d.reconnected_by or "") for d in devices], dtype=np.int8),
        times_lost=np.array([d.times_lost for d in devices], dtype=np.int32),
        lost_for_s=np.array([d.lost_for_s_at(horizon_s) for d in devices], dtype=np.int64),
        syncs=np.array([d.syncs for d in devices], dtype=np.int64),
        last_sync_at_s=np.maximum(np.array(tally.last_sync_at_s, dtype=np.int64), NEVER),
        reinstalls=np.array([d.reinstalls for d in devices], dtype=np.int32),
        helpdesk_s=np.array([d.helpdesk_s for d in devices], dtype=np.int64),
        unreachable=np.array([d.unreachable for d in devices], dtype=np.bool_),
        visits=np.array([d.visits for d in devices], dtype=np.int32),
        visits_helped=np.array([d.visits_helped for d in devices], dtype=np.int32),
        unreachable_for_s=np.array([d.unreachable_for_s_at(horizon_s) for d in devices], dtype=np.int64),
        latest_reserve_at_s=server.specified_at_s.get(latest, 0),
        held_from_start=fleet.roster.holds_reserve & (latest == first_reserve),
    )
