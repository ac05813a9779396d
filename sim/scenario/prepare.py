"""A scenario made ready, once: its files read and judged, its plan, the server's life, its devices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError, visible
from sim.lists.devices import GONE, KNOWN, NEVER
from sim.scenario import fields, fleet, schema
from sim.scenario.certificates import FIRST, Custom, read_certificates
from sim.scenario.instants import weekly_windows
from sim.scenario.inventory import Inventory
from sim.scenario.scenario import Scenario
from sim.text import listed
from sim.world import plan as world
from sim.world.certificates import Certificate
from sim.world.draws import identity_of_group, identity_of_id
from sim.world.fleet import PHASE_IS_DRAWN, Away, Presence, Profile, Roster, Spells, Windows
from sim.world.server import Event
from sim.world.timeline import Timeline, play


@dataclass(frozen=True, eq=False)
class Prepared:
    """All that a scenario decides before the first device moves.

    Attributes:
        scenario: which knows the validity of its first certificate, also where that stands in a file.
        certificates: those from files, by the section that names the file (`strategy.0.reissue`).
        plan: what the server and the operator will do; an action's `step` is its index in the strategy.
        size: how many devices there are.
    """

    scenario: Scenario
    certificates: Mapping[str, Custom]
    plan: world.Plan
    size: int
    _whole: list[Roster] = field(default_factory=list, repr=False)

    @cached_property
    def timeline(self) -> Timeline:
        """The server's life under the plan, played when it is first asked for."""
        return play(self.plan)

    @cached_property
    def reserves(self) -> Mapping[int | None, Event]:
        """The specification of each reserve, by its generation."""
        return {e.generation: e for e in self.timeline.events if e.name == "reserve specified"}

    @property
    def activations(self) -> list[tuple[Event, Event]]:
        """The specification and the activation of each reserve that becomes main."""
        activated = [event for event in self.timeline.events if event.name == "reserve activated"]
        return [(self.reserves[e.generation], e) for e in activated if e.generation in self.reserves]

    def date(self, instant_s: int) -> str:
        """An instant as a date and a time of day."""
        return f"{self.scenario.at(instant_s):%Y-%m-%d %H:%M}"

    def instant_of(self, step: int) -> int:
        """When a step of the strategy is done, in seconds from the start."""
        return self.scenario.instant(self.scenario.strategy[step].at)

    def roster(self, within: range | None = None) -> Roster:
        """The devices in device order: by group name, then position, then inventory id.

        Args:
            within: only these devices, counted over the whole fleet; default: all, which are made once. What
                is not in it takes no memory, but for what inventories list.
        """
        if within is not None and len(within) != self.size:
            return _roster(self.scenario, within)
        if not self._whole:
            self._whole.append(_roster(self.scenario, range(self.size)))
        return self._whole[0]

    @cached_property
    def kinds(self) -> Mapping[Profile, tuple[int, int]]:
        """The kinds of devices by group; how many there are, and how many without a reserve at the start."""
        found: dict[Profile, tuple[int, int]] = {}
        for number, group in enumerate(self.scenario.fleet):
            listed = self.scenario.inventories.get(number)
            new = [(self.profile_of(number), group.devices or 0, group.devices or 0)]
            if listed is not None:
                rows = _listed(self.scenario, group, listed)
                new = [(row.profile, 1, int(not row.holds_reserve)) for row in rows]
            for profile, devices, without in new:
                before = found.get(profile, (0, 0))
                found[profile] = before[0] + devices, before[1] + without
        return dict(sorted(found.items(), key=lambda each: each[0].group))

    def refuse_levers_that_couple(self, what: str) -> None:
        """Refuse a study of devices one by one where a gate or a chase makes them depend on each other.

        Raises:
            InputError: there is one; the text says what would help.
        """
        if levers := self.plan.levers_that_couple:
            raise InputError(
                f"{what} looks at devices one by one, and {listed(levers)} couples them: "
                "leave it out of the strategy, or use reissue run"
            )

    def profile_of(self, group: int) -> Profile:
        """What the devices of a group, by its index, share; but for what a list says of each."""
        scenario = self.scenario
        return _profile(scenario, scenario.fleet[group], scenario.inventories.get(group))

    def with_plan(self, plan: world.Plan) -> Prepared:
        """The same scenario, certificates and devices under another plan.

        Which platforms refuse a certificate from a file is judged anew, at the address it comes to serve.
        """
        return replace(self, plan=_with_refusals(plan, self.certificates))

    def until(self, horizon_s: int) -> Prepared:
        """The same, run up to another instant; the plan's actions, and what the hours are until then."""
        scenario = self.scenario.changed({"duration": f"{horizon_s}s"})
        recovery = None if self.plan.recovery is None else _recovery(scenario)
        plan = replace(self.plan, horizon_s=horizon_s, recovery=recovery)
        return replace(self, scenario=scenario, plan=plan, _whole=[])

    def with_fleet(self, scenario: Scenario) -> Prepared:
        """The same certificates and plan for as many devices that live as another scenario says."""
        return replace(self, scenario=scenario, _whole=[])


def prepare(scenario: Scenario) -> Prepared:
    """Make a scenario ready to be run; its certificate files are read here.

    Raises:
        ScenarioError: a certificate file is not one, cannot be opened, or does not suit the scenario.
    """
    certificates = read_certificates(scenario)
    if FIRST in certificates:
        first = certificates[FIRST].material.certificate
        scenario = scenario.with_validity(
            not_before=first.not_valid_before_utc, not_after=first.not_valid_after_utc
        )
    rows = sum(len(inventory) for inventory in scenario.inventories.values())
    size = rows + sum(group.devices or 0 for group in scenario.fleet if group.inventory is None)
    return Prepared(scenario, certificates, _plan(scenario, certificates), size)


# --- the plan ------------------------------------------------------------------------------------------


def _plan(scenario: Scenario, customs: Mapping[str, Custom]) -> world.Plan:
    """What the server and the operator will do, all instants in seconds from the start."""
    server = scenario.server
    outages = (
        (from_s, from_s + outage.for_, outage.server == "off")
        for outage in server.outages
        for from_s in [scenario.instant(outage.from_)]
    )
    actions = (_action(scenario, number, step, customs) for number, step in enumerate(scenario.strategy))
    plan = world.Plan(
        horizon_s=scenario.duration,
        first=_first_certificate(scenario, customs.get(FIRST)),
        automatic_lead_s=_automatic_lead_s(scenario),
        activation=server.activation,
        actions=tuple(sorted(actions, key=lambda action: action.at_s)),
        outages=tuple(world.Outage(*outage) for outage in outages),
        recovery=_recovery(scenario),
        valid_from=server.valid_from,
        previous_certificate=server.previous_certificate,
        holidays=tuple(_holiday(scenario, each) for each in scenario.calendar.holidays),
        disturbances=tuple(
            world.Disturbance(each.name, each.share, each.every, each.lasts, _names(each.groups))
            for each in scenario.calendar.disturbances
        ),
    )
    return _with_refusals(plan, customs)


def _first_certificate(scenario: Scenario, custom: Custom | None) -> Certificate:
    not_before_s, not_after_s = scenario.validity_s
    server = scenario.server
    first = Certificate(0, server.certificate.issuer, not_before_s, not_after_s, server.address)
    if custom is None:
        return first
    return replace(first, refused_by=custom.refused_by(server.address), identity=custom.identity)


def _with_refusals(plan: world.Plan, customs: Mapping[str, Custom]) -> world.Plan:
    """The plan with the platforms that refuse each file's certificate, at the address it comes to serve.

    Where addresses change, that address depends on what the server did before. Who refuses a certificate
    changes nothing the server does (model 5.4), so its life is played without, which shows each address.
    """
    if not customs:
        return plan
    by_identity = {custom.identity: custom for custom in customs.values()}
    address_of = dict.fromkeys(by_identity, plan.first.address)
    if any(isinstance(action, world.Reissue) and action.address is not None for action in plan.actions):
        address_of = {each.identity: each.address for each in play(plan).server.certificates if each.identity}
    actions = tuple(
        replace(action, refused_by=by_identity[action.identity].refused_by(address_of[action.identity]))
        if isinstance(action, world.Reissue) and action.identity in address_of and action.identity
        else action
        for action in plan.actions
    )
    return replace(plan, actions=actions)


def _automatic_lead_s(scenario: Scenario) -> int | None:
    server, automatic = scenario.server, scenario.server.automatic_reissue
    if isinstance(automatic, schema.Lead):
        return automatic.lead
    is_on = automatic == "on" or (automatic == "default" and server.behaviour == "ksmm-6.0")
    return schema.Lead().lead if is_on else None


def _action(
    scenario: Scenario, number: int, step: schema.Step, customs: Mapping[str, Custom]
) -> world.Action:
    at_s = scenario.instant(step.at)
    if step.cancel_reserve is not None:
        return world.CancelReserve(at_s, step=number)
    if step.restore_previous is not None:
        return world.RestorePrevious(at_s, step=number)
    if step.push is not None:
        push = step.push
        return world.Push(at_s, push.lifetime, push.success, push.group, push.platform, step=number)
    if step.chase is not None:
        chase = step.chase
        lag = (chase.silent_for, chase.per_day, chase.success)
        return world.Chase(at_s, *lag, chase.group, chase.platform, step=number)
    assert step.reissue is not None
    reissue = _reissue(scenario, at_s, step.reissue, customs.get(f"strategy.{number}.reissue"))
    return replace(reissue, step=number)


def _reissue(scenario: Scenario, at_s: int, written: schema.Reissue, custom: Custom | None) -> world.Reissue:
    reissue = world.Reissue(
        at_s=at_s,
        activate=written.activate.kind,
        after_s=written.activate.after,
        issuer=written.issuer,
        valid_for_s=written.valid_for,
        address=_address_change(scenario, written.address),
        gate=_gate(written.activate.gate),
    )
    if custom is None:
        return reissue
    return replace(
        reissue,
        valid_for_s=custom.not_after_s - custom.not_before_s,
        not_before_s=custom.not_before_s,
        unfit=None if custom.unfit is None else f"{visible(custom.file)}: {custom.unfit}",
        identity=custom.identity,
    )


def _gate(written: fields.Gate | None) -> world.Gate | None:
    if written is None:
        return None
    looks = (written.check_every, written.not_before, written.not_after)
    return world.Gate(written.when_coverage, *looks, written.otherwise, _names(written.of))


def _holiday(scenario: Scenario, written: fleet.Holiday) -> world.Holiday:
    from_s = scenario.instant(written.from_)
    return world.Holiday(written.name, from_s, from_s + written.for_, written.share, _names(written.groups))


def _names(written: tuple[str, ...] | None) -> frozenset[str] | None:
    return None if written is None else frozenset(written)


def _windows(scenario: Scenario, hours: fields.WeeklyHours | None) -> Windows | None:
    if hours is None:
        return None
    run = (scenario.start, scenario.zone, scenario.duration)
    return weekly_windows(hours.days, hours.from_, hours.to, *run)


def _address_change(scenario: Scenario, written: str | schema.AddressChange) -> world.AddressChange | None:
    if isinstance(written, str):
        return None
    opens_s = None if written.opens is None else scenario.instant(written.opens)
    return world.AddressChange(written.change_to, opens_s, written.old_address_stays)


def _recovery(scenario: Scenario) -> world.Recovery | None:
    written = scenario.recovery
    if written is None:
        return None
    technicians = world.UNLIMITED if written.technicians == "unlimited" else written.technicians
    times = (written.begins, written.owner_responds, written.takes)
    return world.Recovery(technicians, *times, _windows(scenario, written.hours))


# --- the devices ---------------------------------------------------------------------------------------


class _Listed(NamedTuple):
    """One device of an inventory; `silent_for_s` is -1 where the list tells nothing."""

    id: str
    profile: Profile
    phase_s: int
    silent: bool
    seen: bool
    holds_reserve: bool
    silent_for_s: int
    never_connected: bool


_COLUMNS: Final = {
    **dict.fromkeys(("phase_s", "silent_for_s"), np.int64),
    **dict.fromkeys(("silent", "seen", "holds_reserve", "never_connected"), np.bool_),
}
"""What a row of an inventory gives a `Roster` as it is."""


def _roster(scenario: Scenario, within: range) -> Roster:
    numbered = {group.name: group for group in scenario.fleet if group.inventory is None}
    listed: dict[str, list[_Listed]] = {group.name: [] for group in scenario.fleet}
    for number, group in enumerate(scenario.fleet):
        if group.inventory is not None:
            for device in _listed(scenario, group, scenario.inventories[number]):
                listed.setdefault(device.profile.group, []).append(device)
    names = sorted(listed)
    kinds: dict[Profile, int] = {}
    parts: list[dict[str, Any]] = []
    first = 0
    for name in names:
        if name in numbered:
            n = numbered[name].devices or 0
            kind = kinds.setdefault(_profile(scenario, numbered[name]), len(kinds))
            parts.append(_columns(numbered[name], kind, _overlap(within, first, n), n))
            first += n
        rows = sorted(listed[name], key=lambda device: device.id)
        listed[name] = rows
        for row in rows:
            kinds.setdefault(row.profile, len(kinds))
        positions = _overlap(within, first, len(rows))
        parts.append(_listed_columns(rows[positions.start : positions.stop], kinds))
        first += len(rows)
    place_of = {name: place for place, name in enumerate(names)}
    of_profile = np.array([place_of[kind.group] for kind in kinds], dtype=np.int32)
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return Roster(
        profiles=tuple(kinds),
        groups=tuple(names),
        group=of_profile[columns["profile"]],
        numbered=tuple((numbered[name].devices or 0) if name in numbered else 0 for name in names),
        ids=tuple(tuple(row.id for row in listed[name]) for name in names),
        first=within.start,
        positions=tuple(numbered[name].first if name in numbered else 0 for name in names),
        **columns,
    )


def _columns(group: fleet.Group, kind: int, positions: range, n: int) -> dict[str, Any]:
    """The columns of a roster for the devices at some positions of a group of n."""
    identity = np.arange(positions.start, positions.stop, dtype=np.uint64) + np.uint64(group.first)
    return {
        **{name: np.zeros(len(positions), dtype) for name, dtype in _COLUMNS.items()},
        "profile": np.full(len(positions), kind, dtype=np.int32),
        "identity": identity + np.uint64(identity_of_group(group.name)),
        "phase_s": _phases(group, positions, n),
        "silent_for_s": np.full(len(positions), -1, dtype=np.int64),
    }


def _listed_columns(rows: Sequence[_Listed], kinds: Mapping[Profile, int]) -> dict[str, Any]:
    """The same for some rows of inventories."""
    return {
        **{name: np.array([getattr(row, name) for row in rows], dtype) for name, dtype in _COLUMNS.items()},
        "profile": np.array([kinds[row.profile] for row in rows], dtype=np.int32),
        "identity": np.array([identity_of_id(row.id) for row in rows], dtype=np.uint64),
    }


def _overlap(within: range, first: int, n: int) -> range:
    """Which positions of n devices that begin at `first` lie within."""
    begin = min(max(within.start - first, 0), n)
    return range(begin, max(begin, min(within.stop - first, n)))


def _profile(scenario: Scenario, group: fleet.Group, listed: Inventory | None = None) -> Profile:
    return Profile(
        group=group.name,
        platform=group.platform,
        every_s=group.sync.every,
        jitter_s=group.sync.jitter,
        success=group.sync.success,
        catch_up=group.sync.catch_up,
        presence=presence_of(scenario, group, listed),
        hours=_windows(scenario, group.hours),
    )


def presence_of(scenario: Scenario, group: fleet.Group, listed: Inventory | None) -> Presence:
    """When the devices of a group are on; `listed` is its inventory, which `from list` reads (model 11.6)."""
    written = group.presence
    if written == "from list":
        assert listed is not None
        spells = listed.presence(group.sync.every)
        assert spells is not None
        return spells
    if isinstance(written, str):
        return written
    if isinstance(written, fleet.Away):
        begins = ((scenario.instant(absence.from_), absence.for_) for absence in written.away)
        return Away(tuple((from_s, from_s + for_s) for from_s, for_s in begins))
    return Spells(written.on, written.off)


def _phases(group: fleet.Group, positions: range, n: int) -> NDArray[np.int64]:
    """The phases of the devices at some positions of a group of n; -1 where they are drawn (model 5.2)."""
    match group.sync.phase:
        case "random":
            return np.full(len(positions), PHASE_IS_DRAWN, dtype=np.int64)
        case "even":
            at = np.arange(positions.start, positions.stop, dtype=np.int64)
            return (2 * at + 1) * group.sync.every // (2 * max(n, 1))
        case int(phase_s):
            return np.full(len(positions), phase_s, dtype=np.int64)


def _listed(scenario: Scenario, group: fleet.Group, inventory: Inventory) -> Iterator[_Listed]:
    """An inventory's devices, by id; what a row does not say comes from the group (language 1.2).

    The list is taken to show the fleet as it is at the start: silence is counted from when it was made, and
    schedules go on from there (model 11.1).
    """
    devices = inventory.devices
    shared = _profile(scenario, group, inventory)
    returns = explains_silence(shared.presence)
    columns = (devices.platforms, devices.groups, devices.sync_every_s.tolist(), devices.contact.tolist())
    rows = list(zip(*columns, devices.ages_s.tolist(), devices.holds_reserve.tolist(), strict=True))
    order = sorted(range(len(rows)), key=devices.ids.__getitem__)
    defaults_s = _phases(group, range(len(rows)), len(rows)).tolist()
    kinds: dict[tuple[str | None, str | None, int, bool], Profile] = {}
    for index, phase_s in zip(order, defaults_s, strict=True):
        platform, name, written_s, contact, age_s, holds = rows[index]
        every_s = written_s or shared.every_s
        silent, known = age_s >= every_s, contact == KNOWN
        stays_off = silent and not returns  # nothing says when it would come back
        kind = (platform, name, every_s, stays_off)
        if kind not in kinds:
            kinds[kind] = replace(
                shared,
                group=name or shared.group,
                platform=platform or shared.platform,
                every_s=every_s,
                presence="never" if stays_off else shared.presence,
            )
        if known:
            phase_s = -age_s % every_s
        elif phase_s != PHASE_IS_DRAWN:
            phase_s %= every_s
        never, seen = contact in (NEVER, GONE), known and not silent
        yield _Listed(devices.ids[index], kinds[kind], phase_s, silent, seen, holds, age_s, never)


def explains_silence(presence: Presence) -> bool:
    """Whether it says when a device that is silent at the start comes back."""
    return isinstance(presence, Spells) or (isinstance(presence, Away) and not presence.starts_on)
