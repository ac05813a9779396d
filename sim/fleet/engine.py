"""The array engine: tables for the kernels, chunks for the threads, and the outcome from their columns."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.fleet.coupled import Columns, timeline_of
from sim.fleet.desk import Desk, work
from sim.fleet.kernels import (
    CONNECTED,
    FIRST_STRIDE,
    HOLDING,
    LOST_NOW,
    MIDDLE_COLUMNS,
    NARROW_COLUMNS,
    QUEUE,
    ROW,
    START,
    SYNC_COUNT,
    WIDE_COLUMNS,
    Settled,
    rows_for,
    run_devices,
    words_of,
)  # fmt: skip
from sim.fleet.stock import BATCH, STOCK, WORLD
from sim.fleet.tables import FAR_S, LAW, Ints, Record, Records, Tables, law_of, tables_of
from sim.world.fleet import Fleet
from sim.world.outcome import Devices, Outcome
from sim.world.plan import Plan, Recovery
from sim.world.timeline import Timeline

CHUNK = 16_384
"""Devices to a task: large against a task's own cost, small against a fleet."""


def simulate(
    plan: Plan,
    fleet: Fleet,
    *,
    progress: Callable[[float], None] | None = None,
    threads: int | None = None,
    chunk: int | None = None,
    until_received: bool = False,
) -> Outcome:
    """Run the plan on the fleet, all devices as rows of integers; equal to `processes.engine.simulate`.

    Args:
        progress: called now and then with the share of the devices that is done.
        threads: how many; default: one a core.
        chunk: devices to a task; default: `CHUNK`, less where that would leave threads idle. Neither
            changes the outcome.
        until_received: end each life when it receives the latest reserve. Of the outcome, when that was is
            then true, and nothing else. For plans without a help desk.

    Raises:
        ValueError: `until_received` with a help desk.
    """
    if plan.recovery is not None and until_received:
        raise ValueError("with a help desk, no life can be ended early: others wait in the same queue")
    threads = threads or os.cpu_count() or 1
    run = _Run(plan, fleet, threads, chunk or max(1, min(CHUNK, -(-len(fleet) // threads))))
    timeline, answers = timeline_of(plan, fleet, lambda *asked: run.live(*asked)[1])
    lives = run.live(
        timeline, answers.visits(), plan.horizon_s, timeline.latest_reserve, until_received, progress
    )
    return _outcome(plan, fleet, timeline, *lives, answers.visits_made(plan.horizon_s))


class _Run(NamedTuple):
    """Lives of a fleet under a plan, on some threads."""

    plan: Plan
    fleet: Fleet
    threads: int
    chunk: int

    def live(
        self,
        timeline: Timeline,
        visits: Ints,
        horizon_s: int,
        latest_reserve: int,
        until_received: bool,
        progress: Callable[[float], None] | None = None,
    ) -> tuple[Tables, Columns, Ints, Ints]:
        """Let all devices live up to an instant: tables, columns, totals and coverage."""
        plan, fleet, roster = self.plan, self.fleet, self.fleet.roster
        recovers = plan.recovery is not None
        tables = tables_of(plan, timeline, roster.profiles, fleet.draws, visits)
        samples = -(-horizon_s // plan.sample_s)
        (world,) = np.array(
            [
                (
                    *(fleet.draws.k0, fleet.draws.k1, BATCH, plan.sample_s, 1.0 / plan.sample_s, samples),
                    *(horizon_s, timeline.first_reserve, latest_reserve, until_received and not recovers),
                )
            ],
            dtype=WORLD,
        )
        settled = Settled(
            np.zeros((len(WIDE_COLUMNS), len(fleet)), dtype=np.int64),
            np.zeros((len(MIDDLE_COLUMNS), len(fleet)), dtype=np.int32),
            np.zeros((len(NARROW_COLUMNS), len(fleet)), dtype=np.int8),
        )
        totals, coverage = _totals(tables, world)
        waiting: list[Records] = []

        def run(first: int) -> tuple[Ints, Ints, Records]:
            last = min(first + self.chunk, len(fleet))
            own, held = _totals(tables, world)
            paused = np.empty(last - first if recovers else 0, dtype=ROW)
            starts = _starts(fleet, slice(first, last))
            rows, stock = rows_for(tables.states[0]), np.full(STOCK, -1.0)
            count = run_devices(
                *(first, starts, roster.identity, tables, own, held, settled, words_of(paused)),
                *(rows, words_of(rows), stock, world),
            )
            return own, held, paused[:count].copy()

        with ThreadPoolExecutor(self.threads) as pool:
            tasks = {pool.submit(run, first): first for first in range(0, len(fleet), self.chunk)}
            try:
                for number, task in enumerate(as_completed(tasks), start=1):
                    own, held, paused = task.result()
                    totals += own
                    coverage += held
                    waiting.append(paused)
                    if progress is not None:
                        progress(number / len(tasks))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        if plan.recovery is not None and sum(map(len, waiting)) > 0:
            rows = np.concatenate([*waiting, np.zeros(1, dtype=ROW)])
            waiting.clear()
            rows[:-1] = rows[np.argsort(rows["number"][:-1])]
            unseen, desk = _totals(tables, world), _desk(plan.recovery)
            work(rows, words_of(rows), desk, tables, totals, coverage, *unseen, settled, world)
        return tables, _columns(settled), totals, coverage


def _desk(recovery: Recovery) -> Desk:
    values: list[float] = []
    both = (recovery.owner_responds, recovery.takes)
    hours = ((0, FAR_S),) if recovery.hours is None else recovery.hours
    return Desk(
        recovery.technicians,
        recovery.begins_s,
        laws=np.array([law_of(law, values) for law in both], dtype=LAW),
        values=np.array(values, dtype=np.float64),
        hours=np.array(hours, dtype=np.int64).reshape(-1, 2),
    )


def _columns(settled: Settled) -> Columns:
    """The rows of what became of the devices, by name."""
    narrow = dict(zip(NARROW_COLUMNS, settled.narrow, strict=True))
    are_bool = {name: narrow[name].view(np.bool_) for name in ("unreachable", "holds", "is_lost")}
    wide = zip(WIDE_COLUMNS + MIDDLE_COLUMNS, (*settled.wide, *settled.middle), strict=True)
    return {**dict(wide), **narrow, **are_bool}


def _starts(fleet: Fleet, devices: slice) -> Records:
    """Where some devices stand at the start."""
    roster = fleet.roster
    starts = np.empty(devices.stop - devices.start, dtype=START)
    for name in ("profile", "silent", "holds_reserve", "never_connected"):
        starts[name] = getattr(roster, name)[devices]
    for name in ("phase_s", "starts_on", "first_spell_s"):
        starts[name] = getattr(fleet, name)[devices]
    return starts


def _totals(tables: Tables, world: Record) -> tuple[Ints, Ints]:
    """Empty totals and coverage; see `kernels.SYNC_COUNT` and `kernels.live`."""
    strides = int(tables.kinds["stride_row"].max(initial=0)) + 1
    changes = int(tables.states["coverage"][:-1].max()) + 1
    return (
        np.zeros((FIRST_STRIDE + strides, world.samples + 1), dtype=np.int64),
        np.zeros((changes, len(tables.kinds)), dtype=np.int64),
    )


def _outcome(
    plan: Plan,
    fleet: Fleet,
    timeline: Timeline,
    tables: Tables,
    columns: Columns,
    totals: Ints,
    coverage: Ints,
    visits: NDArray[np.int32],
) -> Outcome:
    totals = totals[:, :-1]
    syncs = totals[SYNC_COUNT]
    for row, stride in set(
        zip(tables.kinds["stride_row"].tolist(), tables.kinds["stride"].tolist(), strict=True)
    ):
        for offset in range(stride):
            syncs[offset::stride] += np.cumsum(totals[FIRST_STRIDE + row, offset::stride])
    at_s = np.arange(totals.shape[1], dtype=np.int64) * plan.sample_s
    state_at = np.searchsorted(tables.states["from_s"][:-1], at_s, side="right") - 1
    has_reserve = tables.states["handed_over"][state_at] >= 0
    named = dict(columns)
    is_lost = named.pop("is_lost")
    del named["holds"]
    latest = timeline.latest_reserve
    held = fleet.roster.holds_reserve
    if latest != timeline.first_reserve:
        held = np.broadcast_to(np.False_, held.shape)
    return Outcome(
        roster=fleet.roster,
        horizon_s=plan.horizon_s,
        devices=Devices(
            **named,
            visits=visits,
            latest_reserve_at_s=timeline.server.specified_at_s.get(latest, 0),
            held_from_start=held,
        ),
        is_lost=is_lost,
        coverage_held=coverage,
        events=timeline.events,
        certificates=tuple(timeline.server.certificates),
        series={
            "at_s": at_s,
            "holding_reserve": np.where(has_reserve, np.cumsum(totals[HOLDING]), -1),
            "connected": np.cumsum(totals[CONNECTED]),
            "lost": np.cumsum(totals[LOST_NOW]),
            "queue": np.cumsum(totals[QUEUE]),
            "syncs": syncs,
        },
    )
