"""Which devices somebody has to go after: the lost ones, and those that were nearly lost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from sim.report.scenes import Strip, reconnected_at
from sim.scenario.prepare import prepare
from sim.studies.why.device import SingleDevice, Trace, find, reinstalls_of
from sim.world.outcome import CAUSES, MEANS, NEVER, Outcome

if TYPE_CHECKING:
    from sim.studies.result import Result

Status = Literal["still lost", "back", "just in time"]

MOST_CHASED: Final = 1_000
MOST_NARROW: Final = 20
_LOST_STORIES: Final = 4


@dataclass(frozen=True, slots=True)
class Chased:
    """A device to chase; instants in seconds from the start, None where it never happened.

    Attributes:
        index: its place in device order.
        device, group, platform: its name and what it is counted under.
        status: what became of it, in the first replication.
        lost_in: in how many replications it is lost.
        cause: why it was first lost; empty: it was not.
        lost_at_s, noticed_at_s, back_at_s: of the first loss.
        back_by: `sync`, `reinstall`, or empty.
        times_lost, reinstalls: how often.
        lost_for_s: seconds lost within the run.
        critical_s: least activation delay that gives it the reserve in time.
        last_sync_at_s: its last synchronization.
    """

    index: int
    device: str
    group: str
    platform: str
    status: Status
    lost_in: int
    cause: str
    lost_at_s: int | None
    noticed_at_s: int | None
    back_at_s: int | None
    back_by: str
    times_lost: int
    reinstalls: int
    lost_for_s: int
    critical_s: int | None
    last_sync_at_s: int | None


class ChaseGatherer:
    """Collects the most urgent devices of the first replication, part by part, and when devices came back.

    Still lost comes before back again, longer before shorter; then a few that had the least time to spare.

    Args:
        size: devices in the whole fleet.
        samples_s: instants of the time series.
    """

    def __init__(self, size: int, samples_s: NDArray[np.int64]) -> None:
        self._lost_in = np.zeros(size, dtype=np.int32)
        self._found: list[Chased] = []
        self._narrow: list[Chased] = []
        self._samples_s = samples_s
        self.reconnected = np.zeros(len(samples_s), dtype=np.int64)
        self.lost = 0

    def add(self, replication: int, outcome: Outcome) -> None:
        """One part of a replication, counted from 0."""
        devices, first = outcome.devices, outcome.roster.first
        is_hit = devices.times_lost > 0
        self._lost_in[first : first + len(is_hit)] += is_hit
        if replication > 0:
            return
        self.reconnected += reconnected_at(outcome, self._samples_s)
        self.lost += int(np.count_nonzero(is_hit))
        hit = np.flatnonzero(is_hit)
        order = np.lexsort((hit, -devices.lost_for_s[hit], ~outcome.is_lost[hit]))[:MOST_CHASED]
        self._found = sorted(
            [*self._found, *(_chased(outcome, i) for i in hit[order].tolist())],
            key=lambda each: (each.status != "still lost", -each.lost_for_s, each.index),
        )[:MOST_CHASED]
        critical_s = devices.critical_delay_s
        kept = np.flatnonzero(~is_hit & (critical_s > 0))
        order = np.lexsort((kept, -critical_s[kept]))[:MOST_NARROW]
        self._narrow = sorted(
            [*self._narrow, *(_chased(outcome, i) for i in kept[order].tolist())],
            key=lambda each: (-(each.critical_s or 0), each.index),
        )[:MOST_NARROW]

    def chased(self) -> tuple[Chased, ...]:
        """The most urgent, the first of them first."""
        rows = [*self._found, *self._narrow][:MOST_CHASED]
        return tuple(replace(each, lost_in=int(self._lost_in[each.index])) for each in rows)


def told_of(chased: tuple[Chased, ...]) -> tuple[Chased, ...]:
    """The devices whose stories say most: lost ones of different groups before others, and one that was kept.

    Only devices that were lost and reinstalled at most once, whose stories need no second run of the fleet.
    """
    lost = [c for c in chased if c.status != "just in time" and c.times_lost == 1 and c.reinstalls <= 1]
    lost = [c for c in lost if c.reinstalls == 0 or c.back_by == "reinstall"]
    chosen: list[Chased] = []
    for candidates in ([c for c in lost if c.status == "still lost"], lost):
        for each in candidates:
            alike = [c for c in chosen if (c.group, c.status) == (each.group, each.status)]
            if len(alike) < 2 and each not in chosen and len(chosen) < _LOST_STORIES - 1:
                chosen.append(each)
    narrow = [c for c in chased if c.status == "just in time"]
    return (*chosen, *narrow[: 1 if chosen else 3])


def strip_of(result: Result, each: Chased) -> Strip:
    """The story of a device to chase, lived again by itself."""
    alone = SingleDevice.of(prepare(result.scenario), each.index, result.number_of(0))
    ends_s = (each.back_at_s,) if each.reinstalls == 1 and each.back_at_s is not None else ()
    return _strip(alone, alone.run(reinstalls_s=ends_s))


def strip_by_name(result: Result, device: str) -> Strip:
    """The story of any device; with a help desk its reinstallations come from runs of the lost devices.

    Raises:
        UnknownDeviceError: the scenario has no such device.
    """
    prepared, number = prepare(result.scenario), result.number_of(0)
    index = find(prepared, device)
    alone = SingleDevice.of(prepared, index, number)
    ends_s: tuple[int, ...] = ()
    if result.plan.recovery is not None:
        ends_s = reinstalls_of(result.experiment, result.outcome(), index, number)
    return _strip(alone, alone.run(reinstalls_s=ends_s))


def _strip(alone: SingleDevice, life: Trace) -> Strip:
    end_s = life.plan.horizon_s
    went_off = life.instants_s("went off")
    if not bool(alone.start.starts_on[0]):
        went_off = [0, *went_off]
    return Strip(
        device=alone.name,
        off=_spans(went_off, life.instants_s("came on"), end_s),
        lost=_spans(life.instants_s("lost"), life.instants_s("reconnected"), end_s),
        synced=tuple(life.instants_s("synced")),
        received=tuple(life.instants_s("received")),
        reconnected=tuple(life.instants_s("reconnected")),
        reinstalled=tuple(life.instants_s("reinstalled")),
    )


def _spans(begin_s: list[int], end_s: list[int], horizon_s: int) -> tuple[tuple[int, int], ...]:
    """Each beginning with the end that follows it, or with the end of the run."""
    ends = [*end_s, *[horizon_s] * (len(begin_s) - len(end_s))]
    return tuple(zip(begin_s, ends, strict=False))


def _chased(outcome: Outcome, i: int) -> Chased:
    devices, roster = outcome.devices, outcome.roster
    profile = roster.profiles[int(roster.profile[i])]
    status: Status = "just in time"
    if devices.times_lost[i] > 0:
        status = "still lost" if outcome.is_lost[i] else "back"
    return Chased(
        index=roster.first + i,
        device=roster.name(i),
        group=profile.group,
        platform=profile.platform,
        status=status,
        lost_in=0,
        cause=CAUSES[int(devices.lost_cause[i])],
        lost_at_s=_or_none(devices.lost_at_s[i]),
        noticed_at_s=_or_none(devices.noticed_at_s[i]),
        back_at_s=_or_none(devices.reconnected_at_s[i]),
        back_by=MEANS[int(devices.reconnected_by[i])],
        times_lost=int(devices.times_lost[i]),
        reinstalls=int(devices.reinstalls[i]),
        lost_for_s=int(devices.lost_for_s[i]),
        critical_s=_critical(devices.reserve_received_at_s[i], devices.latest_reserve_at_s, outcome, i),
        last_sync_at_s=_or_none(devices.last_sync_at_s[i]),
    )


def _critical(received_at_s: np.int64, specified_s: int, outcome: Outcome, i: int) -> int | None:
    if received_at_s == NEVER:
        return None
    if outcome.devices.held_from_start[i] and received_at_s == 0:
        return 0
    return int(received_at_s) - specified_s + 1


def _or_none(instant_s: np.int64) -> int | None:
    return None if instant_s == NEVER else int(instant_s)
