"""The array engine: tables for the kernels, chunks for the threads, and the outcome from their columns."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed

import numpy as np
from numpy.typing import NDArray

from sim.fleet.desk import Desk, work
from sim.fleet.epochs import epochs_of, kinds_of
from sim.fleet.kernels import DEVICE, PLACES, Columns, Reserves, Starts, Totals, World, run_devices
from sim.world.certificates import NO_CERTIFICATE
from sim.world.distributions import Distribution
from sim.world.fleet import Fleet
from sim.world.outcome import Devices, Outcome
from sim.world.plan import Plan, Recovery
from sim.world.timeline import Timeline, play

CHUNK = 16_384
"""Devices to a task: large against a task's own cost, small against a fleet."""


def simulate(
    plan: Plan,
    fleet: Fleet,
    *,
    progress: Callable[[float], None] | None = None,
    threads: int | None = None,
    chunk: int = CHUNK,
) -> Outcome:
    """Run the plan on the fleet, all devices as rows of integers; equal to `processes.engine.simulate`.

    Args:
        plan: what the server and the operator will do.
        fleet: the devices, with their start drawn.
        progress: called now and then with the share of the devices that is done.
        threads: how many; default: one a core.
        chunk: devices to a task. Neither changes the outcome.
    """
    timeline = play(plan)
    roster = fleet.roster
    world = World(
        epochs=epochs_of(plan, timeline),
        kinds=kinds_of(roster.profiles, plan.sample_s),
        k0=fleet.draws.k0,
        k1=fleet.draws.k1,
        sample_s=plan.sample_s,
        horizon_s=plan.horizon_s,
    )
    starts = Starts(
        roster.profile,
        roster.identity,
        fleet.phase_s,
        fleet.starts_on,
        fleet.first_spell_s,
        roster.silent,
        roster.holds_reserve,
    )
    reserves = _reserves(timeline)
    columns = _columns(len(fleet))
    totals = _totals(world, len(roster.profiles))
    recovers = plan.recovery is not None
    waiting: list[NDArray[np.int64]] = []

    def run(first: int) -> tuple[Totals, NDArray[np.int64]]:
        last = min(first + chunk, len(fleet))
        own = _totals(world, len(roster.profiles))
        paused = np.empty((last - first if recovers else 0, PLACES), dtype=np.int64)
        count = run_devices(first, last, starts, reserves, world, own, columns, paused)
        return own, paused[:count].copy()

    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        tasks = {pool.submit(run, first): first for first in range(0, len(fleet), chunk)}
        try:
            for number, task in enumerate(as_completed(tasks), start=1):
                own, paused = task.result()
                _add(totals, own)
                waiting.append(paused)
                if progress is not None:
                    progress(number / len(tasks))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    if plan.recovery is not None and waiting:
        rows = np.concatenate(waiting)
        rows = rows[np.argsort(rows[:, DEVICE])]
        unseen = _totals(world, len(roster.profiles))
        work(rows, _desk(plan.recovery), starts, reserves, world, totals, unseen, columns)
    return _outcome(plan, fleet, timeline, columns, totals, world)


def _reserves(timeline: Timeline) -> Reserves:
    specified_at_s = timeline.server.specified_at_s
    latest = max(specified_at_s, default=NO_CERTIFICATE)
    return Reserves(timeline.first_reserve, latest, specified_at_s.get(latest, 0))


def _desk(recovery: Recovery) -> Desk:
    values: list[int] = []

    def row(law: Distribution) -> NDArray[np.float64]:
        first = len(values)
        values.extend(law.values)
        return np.array([law.code, law.a, law.b, first, len(law.values)], dtype=np.float64)

    responds, takes = row(recovery.owner_responds), row(recovery.takes)
    return Desk(recovery.technicians, recovery.begins_s, responds, takes, np.array(values or [0], dtype=np.int64))


def _columns(n: int) -> Columns:
    kinds: dict[str, type[np.generic]] = {
        "lost_cause": np.int8,
        "reconnected_by": np.int8,
        "times_lost": np.int32,
        "reinstalls": np.int32,
        "is_lost": np.bool_,
    }
    return Columns(*(np.empty(n, dtype=kinds.get(name, np.int64)) for name in Columns._fields))


def _totals(world: World, profiles: int) -> Totals:
    samples = -(-world.horizon_s // world.sample_s)
    changes = int(world.epochs.coverage.max()) + 1

    def zeros(*shape: int) -> NDArray[np.int64]:
        return np.zeros(shape, dtype=np.int64)

    n = samples + 1
    return Totals(
        zeros(n), zeros(len(world.kinds.strides), n), zeros(n), zeros(n), zeros(n), zeros(n), zeros(changes, profiles)
    )


def _add(totals: Totals, more: Totals) -> None:
    for total, part in zip(totals, more, strict=True):
        total += part


def _outcome(
    plan: Plan, fleet: Fleet, timeline: Timeline, columns: Columns, totals: Totals, world: World
) -> Outcome:
    samples = len(totals.syncs) - 1
    syncs = totals.syncs.copy()
    for stride, differences in zip(world.kinds.strides.tolist(), totals.strides, strict=True):
        for offset in range(min(stride, samples)):
            syncs[offset:samples:stride] += np.cumsum(differences[offset:samples:stride])
    at_s = np.arange(samples, dtype=np.int64) * plan.sample_s
    epoch_at = np.searchsorted(world.epochs.from_s[:-1], at_s, side="right") - 1
    has_reserve = world.epochs.reserve[epoch_at] >= 0
    named = columns._asdict()
    is_lost = named.pop("is_lost")
    return Outcome(
        roster=fleet.roster,
        horizon_s=plan.horizon_s,
        devices=Devices(**named),
        is_lost=is_lost,
        coverage_held=totals.held,
        events=timeline.events,
        certificates=tuple(timeline.server.certificates),
        series={
            "at_s": at_s,
            "holding_reserve": np.where(has_reserve, np.cumsum(totals.holding[:-1]), -1),
            "connected": np.cumsum(totals.connected[:-1]),
            "lost": np.cumsum(totals.lost[:-1]),
            "queue": np.cumsum(totals.queue[:-1]),
            "syncs": syncs[:-1],
        },
    )
