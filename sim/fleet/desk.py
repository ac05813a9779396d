"""The help desk over the rows of lost devices, as compiled code (model 6; the same as `processes/helpdesk.py`).

The desk is the only thing that couples devices. It keeps its own list of events; a device lives by
itself until the desk needs it: at the end of a reinstallation, or when it has reconnected by itself.
"""

from __future__ import annotations

import heapq
from typing import Final, NamedTuple

import numpy as np

from sim.fleet.compiled import compiled
from sim.fleet.epochs import Ints
from sim.fleet.kernels import (
    ABLE,
    AT_STOP,
    BEGUN,
    CALLS,
    DEVICE,
    EPOCH,
    HELPDESK,
    HELPED,
    LAST_SYNC_AT,
    MAIN,
    PROFILE,
    RECEIVED,
    RECEIVED_AT,
    RECONNECTED,
    REINSTALLS,
    RESERVE,
    WAS_LOST,
    Columns,
    Floats,
    Reserves,
    Rows,
    Starts,
    Totals,
    World,
    duration,
    live,
    pair,
    receive,
    sample_after,
    settle,
    synchronize,
)
from sim.world.certificates import NO_CERTIFICATE
from sim.world.draws import Purpose

_OWNER = np.uint64(int(Purpose.OWNER_RESPONDS))
_TAKES = np.uint64(int(Purpose.REINSTALL_TAKES))

# What happens at an instant, in this order: a device has reconnected by itself (its sync, phase 4),
# a reinstallation ends, a ready device joins the queue, free technicians start.
_WITHDRAW: Final = 4
_END: Final = 5
_JOIN: Final = 6
_START: Final = 7

# Where a device's call stands.
_NONE: Final = 0
_CALLED: Final = 1
_QUEUED: Final = 2
_IN_WORK: Final = 3


Turns = list[tuple[int, int, int, int]]
"""The queue, a heap of (ready instant, device, row, version)."""

Events = list[tuple[int, int, int, int, int]]
"""The desk's events, a heap of (instant, what, device, row, version)."""


class Desk(NamedTuple):
    """The help desk in numbers; see `Recovery`. The laws are rows as in `Kinds.on`."""

    technicians: int
    begins_s: int
    owner_responds: Floats
    takes: Floats
    values: Ints


@compiled
def draw(identity: np.uint64, purpose: np.uint64, index: int, law: Floats, desk: Desk, world: World) -> int:
    """A duration in seconds of the desk's."""
    u, v = pair(identity, purpose, index, world)
    first = int(law[3])
    values = desk.values[first : first + int(law[4])]
    return duration(int(law[0]), law[1], law[2], values, u, v)


@compiled
def may_reconnect(row: Ints, world: World) -> bool:
    """Whether the server presents, now or later, a certificate the device holds."""
    epochs = world.epochs
    platform = world.kinds.platform[row[PROFILE]]
    for epoch in range(row[EPOCH], len(epochs.main)):
        main = epochs.main[epoch]
        if (main == row[MAIN] or main == row[RESERVE]) and epochs.is_valid[epoch] and epochs.accepted[epoch, platform]:
            return True
    return False


@compiled
def reinstall(row: Ints, instant_s: int, world: World, totals: Totals) -> None:
    """Both slots hold what the server has, and the device synchronizes if it can (model 6.2)."""
    epochs = world.epochs
    epoch = row[EPOCH]
    row[REINSTALLS] += 1
    row[HELPED] = 1
    reserve = epochs.reserve[epoch]
    held = reserve >= 0 and (row[MAIN] == reserve or row[RESERVE] == reserve)
    row[MAIN] = epochs.main[epoch]
    row[RESERVE] = reserve if held else NO_CERTIFICATE
    if held and row[RECEIVED] != reserve:
        row[RECEIVED] = reserve
        row[RECEIVED_AT] = instant_s
    if reserve >= 0 and not held:
        receive(row, instant_s, world, totals)
    able = epochs.is_valid[epoch] and epochs.accepted[epoch, world.kinds.platform[row[PROFILE]]]
    row[ABLE] = 1 if able else 0
    if able and epochs.answers[epoch]:
        synchronize(row, instant_s, world, totals)


@compiled
def join(
    i: int, now_s: int, device: int, version: int, queue: Turns, events: Events, world: World, totals: Totals
) -> None:
    """A ready device waits for a technician."""
    heapq.heappush(queue, (now_s, device, i, version))
    totals.queue[sample_after(now_s, world, len(totals.queue) - 1)] += 1
    heapq.heappush(events, (now_s, _START, -1, -1, 0))


@compiled
def try_alone(
    rows: Rows,
    i: int,
    version: int,
    identity: np.uint64,
    trial: Ints,
    events: Events,
    world: World,
    unseen: Totals,
) -> None:
    """Look ahead: if the device reconnects before anybody helps it, it will leave the queue then."""
    if not may_reconnect(rows[i], world):
        return
    trial[:] = rows[i]
    if live(trial, identity, world.horizon_s - 1, RECONNECTED, world, unseen) == RECONNECTED:
        heapq.heappush(events, (trial[LAST_SYNC_AT], _WITHDRAW, trial[DEVICE], i, version))


@compiled
def work(
    rows: Rows,
    desk: Desk,
    starts: Starts,
    reserves: Reserves,
    world: World,
    totals: Totals,
    unseen: Totals,
    columns: Columns,
) -> None:
    """Let the desk work through the calls of the lost devices until the end of the run.

    Args:
        rows: (n, PLACES), each at its first loss.
        desk: technicians and laws.
        unseen: totals of a life that is only tried out; thrown away.
    """
    epochs = world.epochs
    horizon_s = world.horizon_s
    end_of_run_s = horizon_s - 1
    n = len(rows)
    last = len(totals.queue) - 1
    trial = np.empty(rows.shape[1], dtype=np.int64)
    status = np.zeros(n, dtype=np.int64)
    version = np.zeros(n, dtype=np.int64)  # tells an event that still counts from one overtaken
    events = [(0, 0, 0, 0, 0)]
    queue = [(0, 0, 0, 0)]
    events.clear()
    queue.clear()
    for epoch in range(1, len(epochs.main)):
        if epochs.change[epoch] != 0:
            heapq.heappush(events, (epochs.from_s[epoch], _START, -1, -1, 0))

    fresh = [0]  # rows that were lost and call now
    fresh.clear()
    for i in range(n):
        fresh.append(i)
    epoch_now = 0
    free = desk.technicians
    while True:
        while len(fresh) > 0:
            i = fresh.pop()
            row = rows[i]
            identity = starts.identity[row[DEVICE]]
            status[i] = _CALLED
            version[i] += 1
            responds_s = draw(identity, _OWNER, row[CALLS], desk.owner_responds, desk, world)
            row[CALLS] += 1
            ready_s = epochs.from_s[row[EPOCH]] + desk.begins_s + responds_s
            if ready_s < horizon_s:
                heapq.heappush(events, (ready_s, _JOIN, row[DEVICE], i, version[i]))
            try_alone(rows, i, version[i], identity, trial, events, world, unseen)
        if len(events) == 0:
            break
        now_s, what, device, i, of_version = heapq.heappop(events)
        while epoch_now + 1 < len(epochs.main) and epochs.from_s[epoch_now + 1] <= now_s:
            epoch_now += 1
        if what == _START:
            if not epochs.is_valid[epoch_now]:
                continue
            put_off = [(0, 0, 0, 0)]
            put_off.clear()
            while free > 0 and len(queue) > 0:
                turn = heapq.heappop(queue)
                i = turn[2]
                if version[i] != turn[3]:
                    continue
                row = rows[i]
                if not epochs.accepted[epoch_now, world.kinds.platform[row[PROFILE]]]:
                    put_off.append(turn)
                    continue
                free -= 1
                status[i] = _IN_WORK
                identity = starts.identity[row[DEVICE]]
                ends_s = now_s + draw(identity, _TAKES, row[BEGUN], desk.takes, desk, world)
                row[BEGUN] += 1
                row[HELPDESK] += min(ends_s, horizon_s) - now_s
                totals.queue[sample_after(now_s, world, last)] -= 1
                if ends_s < horizon_s:
                    heapq.heappush(events, (ends_s, _END, row[DEVICE], i, version[i]))
            for turn in put_off:
                heapq.heappush(queue, turn)
            continue
        row = rows[i]
        identity = starts.identity[row[DEVICE]]
        if what == _JOIN:
            if version[i] == of_version and status[i] == _CALLED:
                status[i] = _QUEUED
                join(i, now_s, device, version[i], queue, events, world, totals)
        elif what == _WITHDRAW:
            if version[i] == of_version and status[i] != _IN_WORK:
                if status[i] == _QUEUED:
                    totals.queue[sample_after(now_s, world, last)] -= 1
                status[i] = _NONE
                version[i] += 1
                live(row, identity, end_of_run_s, RECONNECTED, world, totals)
                if live(row, identity, end_of_run_s, WAS_LOST, world, totals) == WAS_LOST:
                    fresh.append(i)
        else:
            live(row, identity, now_s, AT_STOP, world, totals)
            reinstall(row, now_s, world, totals)
            free += 1
            version[i] += 1
            heapq.heappush(events, (now_s, _START, -1, -1, 0))
            if row[ABLE] == 0:
                status[i] = _QUEUED
                join(i, now_s, device, version[i], queue, events, world, totals)
                try_alone(rows, i, version[i], identity, trial, events, world, unseen)
            else:
                status[i] = _NONE
                if live(row, identity, end_of_run_s, WAS_LOST, world, totals) == WAS_LOST:
                    fresh.append(i)
    for i in range(n):
        live(rows[i], starts.identity[rows[i, DEVICE]], end_of_run_s, AT_STOP, world, totals)
        settle(rows[i], starts, reserves, world, columns)
