"""The help desk over the rows of lost devices, as compiled code: model 6, as in `processes/helpdesk.py`.

The desk is the only thing that couples devices. It keeps its own list of events; a device lives by
itself until the desk needs it: at the end of a reinstallation, or when it has reconnected by itself.
"""

from __future__ import annotations

import heapq
from typing import Final, NamedTuple

import numpy as np

from sim.fleet.compiled import compiled
from sim.fleet.kernels import (
    AT_STOP,
    QUEUE,
    RECONNECTED,
    WAS_LOST,
    Settled,
    accepts,
    copy,
    live,
    reach,
    receive,
    sample_after,
    settle,
    synchronize,
)  # fmt: skip
from sim.fleet.stock import OWNER, STOCK, duration, pair
from sim.fleet.tables import Floats, Ints, Record, Records, Tables
from sim.world.certificates import NO_CERTIFICATE
from sim.world.draws import Purpose

# Not plain ints, see `kernels.AT_STOP`.
_OWNER_RESPONDS: Final = np.int64(Purpose.OWNER_RESPONDS)
_TAKES: Final = np.int64(Purpose.REINSTALL_TAKES)

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
    """The help desk in numbers; see `Recovery`."""

    technicians: int  # as there
    begins_s: int
    laws: Records  # (2,) `LAW` of `owner_responds` and `takes`
    values: Floats  # the values of both
    hours: Ints  # (windows, 2) when a reinstallation may start


@compiled
def reinstall(row: Record, instant_s: int, tables: Tables, totals: Ints, world: Record) -> None:
    """Both slots hold what the server has, and the device synchronizes if it can (model 6.2)."""
    state, kind = tables.states[row.epoch], tables.kinds[row.profile]
    reserve = state.handed_over
    row.reinstalls += 1
    row.helped = True
    held_it = reserve >= 0 and (row.main == reserve or row.reserve == reserve)
    row.main = state.presented
    row.reserve = reserve if held_it else NO_CERTIFICATE
    if (
        row.received < 0 or tables.held[row.received].specified > row.epoch
    ):  # what it held at the start is gone
        row.received = NO_CERTIFICATE
        row.received_at_s = -1
    if reserve >= 0 and not held_it:
        receive(row, instant_s, state, totals, world)
    row.able = accepts(state, kind)
    if row.able and state.answers:
        reach(row, instant_s)
        synchronize(row, instant_s, state, kind, totals, world)


@compiled
def reconnects_at(
    i: int,
    rows: Records,
    words: Ints,
    stock: Floats,
    tables: Tables,
    unseen: Ints,
    unseen_coverage: Ints,
    world: Record,
) -> int:
    """When lost device `i` reconnects if nobody helps it; -1 if not within the run.

    It does not where the server never again presents a certificate that it holds and accepts.
    """
    row, trial = rows[i], rows[-1]
    kind = tables.kinds[row.profile]
    for epoch in range(row.epoch, len(tables.states) - 1):
        state = tables.states[epoch]
        if (state.presented == row.main or state.presented == row.reserve) and accepts(state, kind):
            break
    else:
        return -1
    copy(words, i, words, len(rows) - 1)
    why = live(trial, stock, world.horizon_s - 1, RECONNECTED, tables, unseen, unseen_coverage, world)
    return trial.last_sync_at_s if why == RECONNECTED else -1


@compiled
def lasts(row: Record, stock: Floats, purpose: int, index: int, desk: Desk, world: Record) -> int:
    """A duration of the desk's, in seconds."""
    u, v = pair(row.identity, purpose, index, stock, world)
    law = desk.laws[purpose - _OWNER_RESPONDS]
    return duration(law.code, law.a, law.b, desk.values[law.first : law.last], u, v)


def work(
    rows: Records,
    words: Ints,
    desk: Desk,
    tables: Tables,
    totals: Ints,
    coverage: Ints,
    unseen: Ints,
    unseen_coverage: Ints,
    settled: Settled,
    world: Record,
) -> None:
    """Let the desk work through the calls of the lost devices until the end of the run.

    Args:
        rows: (n + 1,) `ROW`, each at its first loss; the last is room for a life that is only tried out.
        words: `words_of` these.
        unseen, unseen_coverage: totals of lives that are only tried out; thrown away.
    """
    states, last_s, n = tables.states, world.horizon_s - 1, len(rows) - 1
    stock = np.zeros(STOCK)
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
    for epoch in range(1, len(states) - 1):
        if states[epoch].change != 0:
            heapq.heappush(events, (states[epoch].from_s, _START, -1, -1, 0))
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
            status[i] = _CALLED
            version[i] += 1
            ready_s = states[row.epoch].from_s + desk.begins_s
            ready_s += lasts(row, stock, _OWNER_RESPONDS, row.calls, desk, world)
            row.calls += 1
            if ready_s <= last_s:
                heapq.heappush(events, (ready_s, _JOIN, row.number, i, version[i]))
            alone_s = reconnects_at(i, rows, words, stock, tables, unseen, unseen_coverage, world)
            if alone_s >= 0:
                heapq.heappush(events, (alone_s, _WITHDRAW, row.number, i, version[i]))
            continue

        now_s, what, device, i, of_version = heapq.heappop(events)
        sample = sample_after(now_s, world)
        while epoch_now < len(states) - 2 and states[epoch_now + 1].from_s <= now_s:
            epoch_now += 1
        if what == _START:
            put_off.clear()
            while window < len(desk.hours) and desk.hours[window, 1] <= now_s:
                window += 1
            if window == len(desk.hours) or desk.hours[window, 0] > now_s:
                continue
            while free > 0 and len(turns) > 0 and states[epoch_now].valid:
                turn = heapq.heappop(turns)
                i = turn[3]
                row = rows[i]
                if version[i] != turn[4]:
                    continue
                if not accepts(states[epoch_now], tables.kinds[row.profile]):
                    put_off.append(turn)
                    continue
                free -= 1
                status[i] = _IN_WORK
                ends_s = now_s + lasts(row, stock, _TAKES, row.begun, desk, world)
                row.begun += 1
                row.helpdesk_s += min(ends_s, world.horizon_s) - now_s
                totals[QUEUE, sample] -= 1
                if ends_s <= last_s:
                    heapq.heappush(events, (ends_s, _END, row.number, i, version[i]))
            for turn in put_off:
                heapq.heappush(turns, turn)
            continue
        if version[i] != of_version:
            continue
        row = rows[i]
        joins = what == _JOIN
        if what == _WITHDRAW:
            if status[i] == _IN_WORK:
                continue
            if status[i] == _QUEUED:
                totals[QUEUE, sample] -= 1
            live(row, stock, last_s, RECONNECTED, tables, totals, coverage, world)
        elif what == _END:
            live(row, stock, now_s, AT_STOP, tables, totals, coverage, world)
            reinstall(row, now_s, tables, totals, world)
            free += 1
            heapq.heappush(events, (now_s, _START, -1, -1, 0))
            joins = not row.able
        if what != _JOIN:
            version[i] += 1
        if joins:
            status[i] = _QUEUED
            heapq.heappush(turns, (now_s, _JOIN, device, i, version[i]))
            totals[QUEUE, sample] += 1
            heapq.heappush(events, (now_s, _START, -1, -1, 0))
            if what == _END:
                alone_s = reconnects_at(i, rows, words, stock, tables, unseen, unseen_coverage, world)
                if alone_s >= 0:
                    heapq.heappush(events, (alone_s, _WITHDRAW, device, i, version[i]))
            continue
        status[i] = _NONE
        why = live(row, stock, last_s, WAS_LOST, tables, totals, coverage, world)
        if why == WAS_LOST:
            calls.append(i)

    for i in range(n):
        row = rows[i]
        live(row, stock, last_s, AT_STOP, tables, totals, coverage, world)
        settle(row, tables.kinds[row.profile], settled, totals, world)


work = compiled(work, is_entry=True, allocates=True)
