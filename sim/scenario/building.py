"""From what the planner wrote to what the engines read: Scenario to Plan and Roster."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sim.scenario.fleet import Group
from sim.scenario.inventory import Row
from sim.scenario.problems import Problem, ScenarioError
from sim.scenario.scenario import Scenario
from sim.scenario.strategy import AddressChange as WrittenAddressChange
from sim.scenario.strategy import Reissue as WrittenReissue
from sim.scenario.strategy import Step
from sim.world import plan as world
from sim.world.certificates import Certificate
from sim.world.draws import identity_of_group, identity_of_id
from sim.world.fleet import PHASE_IS_DRAWN, Profile, Roster, Spells


def plan_of(scenario: Scenario) -> world.Plan:
    """The plan that the scenario describes, all instants in seconds from its start.

    Raises:
        ScenarioError: it names a certificate file, which this version does not read.
    """
    _refuse_files(scenario)
    server = scenario.server
    first = server.certificate
    expires_s = scenario.expiry_s
    outages = ((scenario.instant(outage.from_), outage.for_) for outage in server.outages)
    actions = (_action(scenario, step) for step in scenario.strategy)
    return world.Plan(
        horizon_s=scenario.duration,
        first=Certificate(0, first.issuer, expires_s - first.valid_for, expires_s, server.address),
        automatic_lead_s=_automatic_lead_s(scenario),
        activation=server.activation,
        actions=tuple(sorted(actions, key=lambda action: action.at_s)),
        outages=tuple(world.Outage(from_s, from_s + for_s) for from_s, for_s in outages),
        recovery=_recovery(scenario),
    )


def _refuse_files(scenario: Scenario) -> None:
    named = [("server.certificate", scenario.server.certificate.file)]
    named += [
        (f"strategy.{number}.reissue", step.reissue.file)
        for number, step in enumerate(scenario.strategy)
        if step.reissue is not None
    ]
    file = "<scenario>" if scenario.source is None else str(scenario.source.path)
    message = "certificate files are not read yet: leave file out, for a made-up one that meets all rules"
    problems = [
        Problem(file, scenario.line_of(f"{key}.file"), None, f"{key}.file", message)
        for key, path in named
        if path is not None
    ]
    if problems:
        raise ScenarioError(problems)


def _automatic_lead_s(scenario: Scenario) -> int | None:
    automatic = scenario.server.automatic_reissue
    reissues = automatic.mode == "on" or (
        automatic.mode == "default" and scenario.server.behaviour == "ksmm-6.0"
    )
    return automatic.lead if reissues else None


def _action(scenario: Scenario, step: Step) -> world.Action:
    at_s = scenario.instant(step.at)
    if step.cancel_reserve is not None:
        return world.CancelReserve(at_s)
    if step.restore_previous is not None:
        return world.RestorePrevious(at_s)
    assert step.reissue is not None
    return _reissue(scenario, at_s, step.reissue)


def _reissue(scenario: Scenario, at_s: int, written: WrittenReissue) -> world.Reissue:
    return world.Reissue(
        at_s=at_s,
        activate=written.activate.kind,
        after_s=written.activate.after,
        issuer=written.issuer,
        valid_for_s=written.valid_for,
        address=_address_change(scenario, written.address),
    )


def _address_change(scenario: Scenario, written: str | WrittenAddressChange) -> world.AddressChange | None:
    if isinstance(written, str):
        return None
    opens_s = None if written.opens is None else scenario.instant(written.opens)
    return world.AddressChange(written.change_to, opens_s, written.old_address_stays)


def _recovery(scenario: Scenario) -> world.Recovery | None:
    written = scenario.recovery
    if written is None:
        return None
    return world.Recovery(written.technicians, written.begins, written.owner_responds, written.takes)


# --- the fleet -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Listed:
    """One device of an inventory."""

    id: str
    profile: Profile
    phase_s: int
    silent: bool
    seen: bool
    holds_reserve: bool


def roster_of(scenario: Scenario) -> Roster:
    """The devices of the scenario in device order: by group name, then position, then inventory id."""
    numbered = {group.name: group for group in scenario.fleet if group.inventory is None}
    listed: dict[str, list[_Listed]] = {group.name: [] for group in scenario.fleet}
    for number, group in enumerate(scenario.fleet):
        if group.inventory is not None:
            for device in _listed(scenario, group, scenario.inventories[number].rows):
                listed.setdefault(device.profile.group, []).append(device)
    names = sorted(listed)
    kinds: dict[Profile, int] = {}
    profile: list[NDArray[np.int32]] = []
    identity: list[NDArray[np.uint64]] = []
    phase_s: list[NDArray[np.int64]] = []
    silent: list[NDArray[np.bool_]] = []
    seen: list[NDArray[np.bool_]] = []
    holds: list[NDArray[np.bool_]] = []
    for name in names:
        if name in numbered:
            group, n = numbered[name], numbered[name].devices or 0
            kind = kinds.setdefault(_profile(group), len(kinds))
            profile.append(np.full(n, kind, dtype=np.int32))
            identity.append(np.arange(n, dtype=np.uint64) + np.uint64(identity_of_group(name)))
            phase_s.append(_phases(group, n))
            silent.append(np.zeros(n, dtype=np.bool_))
            seen.append(np.zeros(n, dtype=np.bool_))
            holds.append(np.zeros(n, dtype=np.bool_))
        rows = sorted(listed[name], key=lambda device: device.id)
        listed[name] = rows
        profile.append(np.array([kinds.setdefault(row.profile, len(kinds)) for row in rows], dtype=np.int32))
        identity.append(np.array([identity_of_id(row.id) for row in rows], dtype=np.uint64))
        phase_s.append(np.array([row.phase_s for row in rows], dtype=np.int64))
        silent.append(np.array([row.silent for row in rows], dtype=np.bool_))
        seen.append(np.array([row.seen for row in rows], dtype=np.bool_))
        holds.append(np.array([row.holds_reserve for row in rows], dtype=np.bool_))
    profiles = tuple(kinds)
    of_profile = np.array([names.index(kind.group) for kind in profiles], dtype=np.int32)
    profile_column = np.concatenate(profile)
    return Roster(
        profiles=profiles,
        groups=tuple(names),
        profile=profile_column,
        group=of_profile[profile_column],
        identity=np.concatenate(identity),
        phase_s=np.concatenate(phase_s),
        silent=np.concatenate(silent),
        seen=np.concatenate(seen),
        holds_reserve=np.concatenate(holds),
        ids=tuple(tuple(row.id for row in listed[name]) for name in names),
    )


def _profile(group: Group) -> Profile:
    presence = group.presence
    return Profile(
        group=group.name,
        platform=group.platform,
        every_s=group.sync.every,
        jitter_s=group.sync.jitter,
        success=group.sync.success,
        catch_up=group.sync.catch_up,
        presence=presence if isinstance(presence, str) else Spells(presence.on, presence.off),
    )


def _phases(group: Group, n: int) -> NDArray[np.int64]:
    """The phases of a group's n devices; -1 where they are drawn (model 5.2)."""
    match group.sync.phase:
        case "random":
            return np.full(n, PHASE_IS_DRAWN, dtype=np.int64)
        case "even":
            return (2 * np.arange(n, dtype=np.int64) + 1) * group.sync.every // (2 * max(n, 1))
        case int(phase_s):
            return np.full(n, phase_s, dtype=np.int64)


def _listed(scenario: Scenario, group: Group, rows: tuple[Row, ...]) -> list[_Listed]:
    """An inventory's devices; what a row does not say comes from the group (language 1.2)."""
    shared = _profile(group)
    defaults_s = _phases(group, len(rows)).tolist()
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
        if silent and profile.presence == "always":
            profile = replace(profile, presence="never")  # nothing says when it would come back
        seen = row.last_sync is not None and not silent
        devices.append(_Listed(row.id, profile, phase_s, silent, seen, row.holds_reserve))
    return devices
