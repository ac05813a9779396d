"""The help desk over the rows of lost devices, as compiled code: model 6, as in `processes/helpdesk.py`.

The desk is the only thing that couples devices. It keeps its own list of events; a device lives by
itself until the desk needs it: at the end of a reinstallation, or when it has reconnected by itself.
"""

from __future__ import annotations

import heapq
from typing import Final, NamedTuple

import numpy as np

from sim.fleet.compiled import compiled
from sim.fleet.epochs import (
    ACCEPTED,
    ANSWERS,
    CHANGE,
    EVERY_S,
    FROM_S,
    HANDED_OVER,
    PLATFORM,
    PRESENTED,
    SPECIFIED,
    VALID,
    Floats,
    Ints,
    Tables,
)  # fmt: skip
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
    OWNER,
    PROFILE,
    QUEUE,
    RECEIVED,
    RECEIVED_AT,
    RECONNECTED,
    REINSTALLS,
    RESERVE,
    STOCK,
    WAS_LOST,
    Id,
    Rows,
    Settled,
    Word,
    Words,
    World,
    copy,
    duration,
    live,
    pair,
    reach,
    receive,
    sample_after,
    settle,
    synchronize,
)  # fmt: skip
from sim.world.certificates import NO_CERTIFICATE
from sim.world.draws import Purpose

_OWNER = np.uint64(int(Purpose.OWNER_RESPONDS))
_TAKES = np.uint64(int(Purpose.REINSTALL_TAKES))

# Rows of the desk's laws; not plain ints, see `kernels.AT_STOP`.
_UNTIL_READY: Final = np.int64(0)
_OF_WORK: Final = np.int64(1)

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


class Desk(NamedTuple):
    """The help desk in numbers; see `Recovery`.

    Attributes:
        technicians, begins_s: as there.
        kinds: (2, 3) kind, first value and number of values of `owner_responds` and `takes`.
        laws: (2, 2) their a and b.
        values: the values of both, see `Distribution`.
        hours: (windows, 2) when a reinstallation may start.
    """

    technicians: int
    begins_s: int
    kinds: Ints
    laws: Floats
    values: Floats
    hours: Ints


@compiled
def may_reconnect(row: Ints, epochs: Ints, platform: int) -> bool:
    """Whether the server presents, now or later, a certificate that the device holds and accepts."""
    for epoch in range(row[EPOCH], len(epochs) - 1):
        main = epochs[epoch, PRESENTED]
        if (main == row[MAIN] or main == row[RESERVE]) and accepts(epochs, epoch, platform):
            return True
    return False


@compiled
def accepts(epochs: Ints, epoch: int, platform: int) -> bool:
    """Whether a device of the platform that holds the main certificate is able to authenticate."""
    return epochs[epoch, VALID] == 1 and epochs[epoch, ACCEPTED + platform] == 1


@compiled
def reinstall(
    row: Ints, instant_s: int, epochs: Ints, held: Ints, kind: Ints, totals: Ints, world: World
) -> None:
    """Both slots hold what the server has, and the device synchronizes if it can (model 6.2)."""
    epoch = row[EPOCH]
    row[REINSTALLS] += 1
    row[HELPED] = 1
    reserve = epochs[epoch, HANDED_OVER]
    held_it = reserve >= 0 and (row[MAIN] == reserve or row[RESERVE] == reserve)
    row[MAIN] = epochs[epoch, PRESENTED]
    row[RESERVE] = reserve if held_it else NO_CERTIFICATE
    if row[RECEIVED] < 0 or held[row[RECEIVED], SPECIFIED] > epoch:  # what it held from the start is gone
        row[RECEIVED] = NO_CERTIFICATE
        row[RECEIVED_AT] = -1
    if reserve >= 0 and not held_it:
        receive(row, instant_s, epochs, totals, world)
    able = accepts(epochs, epoch, kind[PLATFORM])
    row[ABLE] = 1 if able else 0
    if able and epochs[epoch, ANSWERS] == 1:
        reach(row, instant_s)
        synchronize(row, instant_s, epochs, kind[EVERY_S], totals, world)


@compiled
def reconnects_at(
    row: Ints,
    trial: Ints,
    stock: Floats,
    identity: Id,
    tables: Tables,
    visits: Ints,
    unseen: Ints,
    unseen_coverage: Ints,
    world: World,
) -> int:
    """When a lost device reconnects if nobody helps it; -1 if not within the run."""
    epochs, held, kinds, laws, values, masks, pushes = tables
    kind, law = kinds[row[PROFILE]], laws[row[PROFILE]]
    if not may_reconnect(row, epochs, kind[PLATFORM]):
        return -1
    copy(row, trial)
    why = live(
        trial, stock, identity, world.horizon_s - 1, RECONNECTED,
        epochs, held, kind, law, values, masks, pushes, visits, unseen, unseen_coverage, world,
    )  # fmt: skip
    return trial[LAST_SYNC_AT] if why == RECONNECTED else -1


@compiled
def lasts(
    stock: Floats, identity: Id, purpose: Word, index: int, which: int, desk: Desk, world: World
) -> int:
    """A duration of the desk's, in seconds; `which` is a row of its laws."""
    u, v = pair(identity, purpose, index, stock, world)
    kind, law = desk.kinds[which], desk.laws[which]
    return duration(kind[0], law[0], law[1], desk.values[kind[1] : kind[1] + kind[2]], u, v)


def work(
    rows: Rows,
    desk: Desk,
    identities: Words,
    tables: Tables,
    visits: Ints,
    totals: Ints,
    coverage: Ints,
    unseen: Ints,
    unseen_coverage: Ints,
    settled: Settled,
    world: World,
) -> None:
    """Let the desk work through the calls of the lost devices until the end of the run.

    Args:
        rows: (n, PLACES), each at its first loss.
        desk: technicians and laws.
        identities, tables, visits, totals, coverage, world: as for `run_devices`.
        settled: for what became of them.
        unseen, unseen_coverage: totals of lives that are only tried out; thrown away.
    """
    epochs, held, kinds, laws, values, masks, pushes = tables
    last_s, n = world.horizon_s - 1, len(rows)
    trial, stock = np.empty(rows.shape[1], dtype=np.int64), np.zeros(STOCK)
    stock[0, OWNER] = -1.0
    status = np.zeros(n, dtype=np.int64)
    version = np.zeros(n, dtype=np.int64)  # of a row's events; those of an older version are overtaken
    events = [(0, 0, 0, 0, 0)]  # (instant, what, device, row, version), a heap
    turns = [(0, 0, 0, 0, 0)]  # the queue, of the events that joined it: one type of heap to compile
    put_off = [(0, 0, 0, 0, 0)]
    calls = [0]  # rows that were lost and call now
    events.clear()
    turns.clear()
    calls.clear()
    for epoch in range(1, len(epochs) - 1):
        if epochs[epoch, CHANGE] != 0:
            heapq.heappush(events, (epochs[epoch, FROM_S], _START, -1, -1, 0))
    for window in range(len(desk.hours)):
        if desk.hours[window, 0] <= last_s:
            heapq.heappush(events, (desk.hours[window, 0], _START, -1, -1, 0))
    for i in range(n):
        calls.append(i)
    epoch_now, window, free = 0, 0, desk.technicians

    while len(calls) > 0 or len(events) > 0:
        if len(calls) > 0:
            i = calls.pop()
            row = rows[i]
            identity = identities[row[DEVICE]]
            status[i] = _CALLED
            version[i] += 1
            ready_s = epochs[row[EPOCH], FROM_S] + desk.begins_s
            ready_s += lasts(stock, identity, _OWNER, row[CALLS], _UNTIL_READY, desk, world)
            row[CALLS] += 1
            if ready_s <= last_s:
                heapq.heappush(events, (ready_s, _JOIN, row[DEVICE], i, version[i]))
            alone_s = reconnects_at(
                row, trial, stock, identity, tables, visits, unseen, unseen_coverage, world
            )
            if alone_s >= 0:
                heapq.heappush(events, (alone_s, _WITHDRAW, row[DEVICE], i, version[i]))
            continue

        now_s, what, device, i, of_version = heapq.heappop(events)
        sample = sample_after(now_s, totals, world)
        while epoch_now < len(epochs) - 2 and epochs[epoch_now + 1, FROM_S] <= now_s:
            epoch_now += 1
        if what == _START:
            put_off.clear()
            while window < len(desk.hours) and desk.hours[window, 1] <= now_s:
                window += 1
            if window == len(desk.hours) or desk.hours[window, 0] > now_s:
                continue
            while free > 0 and len(turns) > 0 and epochs[epoch_now, VALID] == 1:
                turn = heapq.heappop(turns)
                i = turn[3]
                row = rows[i]
                if version[i] != turn[4]:
                    continue
                if not accepts(epochs, epoch_now, kinds[row[PROFILE], PLATFORM]):
                    put_off.append(turn)
                    continue
                free -= 1
                status[i] = _IN_WORK
                ends_s = now_s + lasts(
                    stock, identities[row[DEVICE]], _TAKES, row[BEGUN], _OF_WORK, desk, world
                )
                row[BEGUN] += 1
                row[HELPDESK] += min(ends_s, world.horizon_s) - now_s
                totals[QUEUE, sample] -= 1
                if ends_s <= last_s:
                    heapq.heappush(events, (ends_s, _END, row[DEVICE], i, version[i]))
            for turn in put_off:
                heapq.heappush(turns, turn)
            continue
        if version[i] != of_version:
            continue
        row = rows[i]
        identity = identities[device]
        kind, law = kinds[row[PROFILE]], laws[row[PROFILE]]
        joins = what == _JOIN
        if what == _WITHDRAW:
            if status[i] == _IN_WORK:
                continue
            if status[i] == _QUEUED:
                totals[QUEUE, sample] -= 1
            live(
                row, stock, identity, last_s, RECONNECTED,
                epochs, held, kind, law, values, masks, pushes, visits, totals, coverage, world,
            )  # fmt: skip
        elif what == _END:
            live(
                row, stock, identity, now_s, AT_STOP,
                epochs, held, kind, law, values, masks, pushes, visits, totals, coverage, world,
            )  # fmt: skip
            reinstall(row, now_s, epochs, held, kind, totals, world)
            free += 1
            heapq.heappush(events, (now_s, _START, -1, -1, 0))
            joins = row[ABLE] == 0
        if what != _JOIN:
            version[i] += 1
        if joins:
            status[i] = _QUEUED
            heapq.heappush(turns, (now_s, _JOIN, device, i, version[i]))
            totals[QUEUE, sample] += 1
            heapq.heappush(events, (now_s, _START, -1, -1, 0))
            if what == _END:
                alone_s = reconnects_at(
                    row, trial, stock, identity, tables, visits, unseen, unseen_coverage, world
                )
                if alone_s >= 0:
                    heapq.heappush(events, (alone_s, _WITHDRAW, device, i, version[i]))
            continue
        status[i] = _NONE
        why = live(
            row, stock, identity, last_s, WAS_LOST,
                epochs, held, kind, law, values, masks, pushes, visits, totals, coverage, world,
        )  # fmt: skip
        if why == WAS_LOST:
            calls.append(i)

    for i in range(n):
        row = rows[i]
        kind, law = kinds[row[PROFILE]], laws[row[PROFILE]]
        identity = identities[row[DEVICE]]
        live(
            row, stock, identity, last_s, AT_STOP,
                epochs, held, kind, law, values, masks, pushes, visits, totals, coverage, world,
        )  # fmt: skip
        settle(row, kind[EVERY_S], settled, totals, world)


work = compiled(work, is_entry=True, allocates=True)
