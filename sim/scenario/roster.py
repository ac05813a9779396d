"""From a scenario to the roster: every device, in device order (model 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.scenario.certificates import with_certificates
from sim.scenario.fleet import Away as WrittenAway
from sim.scenario.fleet import Group
from sim.scenario.inventory import Row
from sim.scenario.scenario import Scenario
from sim.world.draws import identity_of_group, identity_of_id
from sim.world.fleet import PHASE_IS_DRAWN, Away, Presence, Profile, Roster, Spells


@dataclass(frozen=True, slots=True)
class _Listed:
    """One device of an inventory."""

    id: str
    profile: Profile
    phase_s: int
    silent: bool
    seen: bool
    holds_reserve: bool


def devices_of(scenario: Scenario) -> int:
    """How many devices the scenario has."""
    rows = sum(len(inventory.rows) for inventory in scenario.inventories.values())
    return rows + sum(group.devices or 0 for group in scenario.fleet if group.inventory is None)


def roster_of(scenario: Scenario, *, within: range | None = None) -> Roster:
    """The devices of the scenario in device order: by group name, then position, then inventory id.

    Args:
        scenario: whose.
        within: only these devices, counted over the whole fleet; default: all. What is not in it takes no
            memory, but for what inventories list.
    """
    scenario = _with_expiry(scenario)
    numbered = {group.name: group for group in scenario.fleet if group.inventory is None}
    listed: dict[str, list[_Listed]] = {group.name: [] for group in scenario.fleet}
    for number, group in enumerate(scenario.fleet):
        if group.inventory is not None:
            for device in _listed(scenario, group, scenario.inventories[number].rows):
                listed.setdefault(device.profile.group, []).append(device)
    names = sorted(listed)
    within = range(devices_of(scenario)) if within is None else within
    kinds: dict[Profile, int] = {}
    parts: list[_Columns] = []
    first = 0
    for name in names:
        if name in numbered:
            group = numbered[name]
            n = group.devices or 0
            positions = _overlap(within, first, n)
            kind = kinds.setdefault(_profile(scenario, group), len(kinds))
            parts.append(_Columns.numbered(group, kind, positions, n))
            first += n
        listed[name].sort(key=lambda device: device.id)
        for row in listed[name]:
            kinds.setdefault(row.profile, len(kinds))
        positions = _overlap(within, first, len(listed[name]))
        parts.append(_Columns.listed(listed[name][positions.start : positions.stop], kinds))
        first += len(listed[name])
    profiles = tuple(kinds)
    of_profile = np.array([names.index(kind.group) for kind in profiles], dtype=np.int32)
    columns = _Columns(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    return Roster(
        profiles=profiles,
        groups=tuple(names),
        group=of_profile[columns.profile],
        **columns._asdict(),
        numbered=tuple((numbered[name].devices or 0) if name in numbered else 0 for name in names),
        ids=tuple(tuple(row.id for row in listed[name]) for name in names),
        first=within.start,
        positions=tuple(numbered[name].first if name in numbered else 0 for name in names),
    )


def _with_expiry(scenario: Scenario) -> Scenario:
    """The scenario that knows its first certificate's expiry, where a presence is counted from it."""
    is_needed = scenario.server.certificate.file is not None and any(
        isinstance(group.presence, WrittenAway)
        and any(absence.from_.depends_on_expiry for absence in group.presence.away)
        for group in scenario.fleet
    )
    return with_certificates(scenario)[0] if is_needed else scenario


class _Columns(NamedTuple):
    """The columns of a `Roster`, but for `group`."""

    profile: NDArray[np.int32]
    identity: NDArray[np.uint64]
    phase_s: NDArray[np.int64]
    silent: NDArray[np.bool_]
    seen: NDArray[np.bool_]
    holds_reserve: NDArray[np.bool_]

    @classmethod
    def numbered(cls, group: Group, kind: int, positions: range, n: int) -> _Columns:
        """The devices at some positions of a group of n."""
        count = len(positions)
        return cls(
            profile=np.full(count, kind, dtype=np.int32),
            identity=np.arange(positions.start, positions.stop, dtype=np.uint64)
            + np.uint64(identity_of_group(group.name))
            + np.uint64(group.first),
            phase_s=_phases(group, positions, n),
            silent=np.zeros(count, dtype=np.bool_),
            seen=np.zeros(count, dtype=np.bool_),
            holds_reserve=np.zeros(count, dtype=np.bool_),
        )

    @classmethod
    def listed(cls, rows: Sequence[_Listed], kinds: Mapping[Profile, int]) -> _Columns:
        """The devices of some rows of inventories."""
        return cls(
            profile=np.array([kinds[row.profile] for row in rows], dtype=np.int32),
            identity=np.array([identity_of_id(row.id) for row in rows], dtype=np.uint64),
            phase_s=np.array([row.phase_s for row in rows], dtype=np.int64),
            silent=np.array([row.silent for row in rows], dtype=np.bool_),
            seen=np.array([row.seen for row in rows], dtype=np.bool_),
            holds_reserve=np.array([row.holds_reserve for row in rows], dtype=np.bool_),
        )


def _overlap(within: range, first: int, n: int) -> range:
    """Which positions of n devices that begin at `first` lie within."""
    begin = min(max(within.start - first, 0), n)
    return range(begin, max(begin, min(within.stop - first, n)))


def _profile(scenario: Scenario, group: Group) -> Profile:
    return Profile(
        group=group.name,
        platform=group.platform,
        every_s=group.sync.every,
        jitter_s=group.sync.jitter,
        success=group.sync.success,
        catch_up=group.sync.catch_up,
        presence=_presence(scenario, group),
    )


def _presence(scenario: Scenario, group: Group) -> Presence:
    written = group.presence
    if isinstance(written, str):
        return written
    if isinstance(written, WrittenAway):
        begins = ((scenario.instant(absence.from_), absence.for_) for absence in written.away)
        return Away(tuple((from_s, from_s + for_s) for from_s, for_s in begins))
    return Spells(written.on, written.off)


def _phases(group: Group, positions: range, n: int) -> NDArray[np.int64]:
    """The phases of the devices at some positions of a group of n; -1 where they are drawn (model 5.2)."""
    match group.sync.phase:
        case "random":
            return np.full(len(positions), PHASE_IS_DRAWN, dtype=np.int64)
        case "even":
            at = np.arange(positions.start, positions.stop, dtype=np.int64)
            return (2 * at + 1) * group.sync.every // (2 * max(n, 1))
        case int(phase_s):
            return np.full(len(positions), phase_s, dtype=np.int64)


def _listed(scenario: Scenario, group: Group, rows: tuple[Row, ...]) -> list[_Listed]:
    """An inventory's devices; what a row does not say comes from the group (language 1.2)."""
    shared = _profile(scenario, group)
    defaults_s = _phases(group, range(len(rows)), len(rows)).tolist()
    devices = []
    for row, default_s in zip(sorted(rows, key=lambda row: row.id), defaults_s, strict=True):
        profile = replace(
            shared,
            group=row.group or shared.group,
            platform=row.platform or shared.platform,
            every_s=row.sync_every or shared.every_s,
        )
        phase_s, silent = default_s, False
        if row.last_sync is not None:
            last_s = int((row.last_sync - scenario.start).total_seconds())
            phase_s, silent = last_s % profile.every_s, -last_s > profile.every_s
        elif default_s != PHASE_IS_DRAWN:
            phase_s = default_s % profile.every_s
        is_explained = isinstance(profile.presence, Spells) or (
            isinstance(profile.presence, Away) and not profile.presence.starts_on
        )
        if silent and not is_explained:
            profile = replace(profile, presence="never")  # nothing says when it would come back
        seen = row.last_sync is not None and not silent
        devices.append(_Listed(row.id, profile, phase_s, silent, seen, row.holds_reserve))
    return devices
