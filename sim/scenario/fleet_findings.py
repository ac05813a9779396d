"""Findings about devices: what certainly loses them, and what their lists tell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.lists.devices import GONE, KNOWN, NEVER
from sim.scenario.inventory import Inventory
from sim.scenario.prepare import Prepared, explains_silence
from sim.text import plural, span
from sim.world.distributions import LONGEST_S
from sim.world.fleet import Away, Profile, Spells
from sim.world.plan import Chase, Push

Found = tuple[str, str, str]
"""The rule that is broken, the key of the part of the scenario, and what would put it right."""
_Windows = list[tuple[int, int]]
_OUTAGE: Final = "server.outages"
_RARE: Final = 0.001


# --- devices that cannot receive the reserve -------------------------------------------------------------


def certain_losses(prepared: Prepared) -> Iterator[Found]:
    """Devices that no synchronization can bring the reserve."""
    numbers = {group.name: number for number, group in enumerate(prepared.scenario.fleet)}
    for specified, activated in prepared.activations:
        from_s, to_s = specified.at_s, activated.at_s
        if from_s == to_s:
            continue
        between = f"from {prepared.date(from_s)} to {prepared.date(to_s)}"
        for profile, (_, count) in prepared.kinds.items():
            found = _obstacle(prepared, profile, from_s, to_s) if count else None
            if found is None:
                continue
            key, why = found
            group = f"fleet.{numbers[profile.group]}" if profile.group in numbers else "fleet"
            cannot = f"{plural(count, 'device')} of {profile.group} cannot receive the reserve"
            at = key if key == _OUTAGE else f"{group}.{key}".rstrip(".")
            yield "no-delivery", at, f"{cannot}, which waits {between}: {why}"


def _obstacle(prepared: Prepared, profile: Profile, from_s: int, to_s: int) -> tuple[str, str] | None:
    """What keeps the reserve from all devices of a profile in [from_s, to_s), None if nothing is certain to.

    Returns:
        the key, in its group or `server.outages`; what stands in the way, and what would mend it.
    """
    groups = [group for group in prepared.scenario.fleet if group.name == profile.group]
    actions = [action for action in prepared.plan.actions if from_s <= action.at_s < to_s]
    served = _without([(from_s, to_s)], [(outage.from_s, outage.to_s) for outage in prepared.plan.outages])
    if not served:
        return _OUTAGE, "no device reaches the server all the while; specify it at another time"
    if profile.presence == "never" and [each.presence for each in groups] == ["never"]:  # not silent rows
        return "presence", "they are never on; leave them out, or have them found and switched on"
    if any(isinstance(action, Chase) for action in actions):
        return None  # a visit needs neither presence nor luck
    if profile.success == 0.0:
        return "sync.success", "none of their attempts succeeds; write a higher success"
    on = _without(served, [] if profile.hours is None else _without([(from_s, to_s)], list(profile.hours)))
    if not on:
        return "hours", "their hours leave no time for it; activate later"
    if isinstance(profile.presence, Away):
        on = _without(on, list(profile.presence.spells))
        if not on:
            return "presence", "they are away all the while; activate after they are back"
    holidays = [
        (each.from_s, each.to_s)
        for each in prepared.plan.holidays
        if each.share == 1.0 and (each.groups is None or profile.group in each.groups)
    ]
    if not _without(on, holidays):
        return "", "all are on holiday; activate after they are back"
    phase = groups[0].sync.phase if groups else "random"
    is_fixed = isinstance(phase, int) and not profile.catch_up and not profile.jitter_s
    if not is_fixed or not isinstance(phase, int) or any(isinstance(action, Push) for action in actions):
        return None
    if any(begin + (phase - begin) % profile.every_s < end for begin, end in on):
        return None
    return "hours", "no attempt of theirs falls into their hours; write catch_up: yes, or longer hours"


def _without(windows: _Windows, taken: _Windows) -> _Windows:
    """What is left of windows once others are cut out."""
    for from_s, to_s in taken:
        parts = [
            part for begin, end in windows for part in ((begin, min(end, from_s)), (max(begin, to_s), end))
        ]
        windows = [(begin, end) for begin, end in parts if begin < end]
    return windows


# --- lists -----------------------------------------------------------------------------------------------


def lists(prepared: Prepared) -> Iterator[Found]:
    """What was read of lists, and what the rest of the scenario does not explain."""
    for number, inventory in prepared.scenario.inventories.items():
        key, devices = f"fleet.{number}", inventory.devices
        if devices.left_out:
            yield "rows-left-out", key, "; ".join(map(str, devices.left_out))
        if devices.notes:
            yield "how-the-list-was-read", key, "; ".join(devices.notes)
        gone = devices.count(GONE)
        if unconnected := devices.count(NEVER) + gone:
            of_them = f", {gone:,} of them gone by gone_after" if gone else ""
            message = (
                f"{unconnected:,} of {plural(len(inventory), 'device')} never connected{of_them}: they are "
                "never on, and neither lost nor saved; take out of the list what is no device any more"
            )
            yield "never-connected", key, message
        if (devices.contact == KNOWN).any():
            yield from _silences(prepared, number, inventory)


def _silences(prepared: Prepared, number: int, inventory: Inventory) -> Iterator[Found]:
    """Silences, held against the start and the presence of a group with a list."""
    scenario, devices, key = prepared.scenario, inventory.devices, f"fleet.{number}"
    profile, known = prepared.profile_of(number), inventory.devices.contact == KNOWN
    ages_s = devices.ages_s[known]
    every_s = np.where(devices.sync_every_s > 0, devices.sync_every_s, profile.every_s)
    is_silent = devices.ages_s >= every_s
    silent = int(np.count_nonzero(is_silent))
    share = f"{silent:,} of {plural(len(inventory), 'device')} ({100 * silent / len(inventory):.3g} %)"
    assert inventory.exported is not None
    older_s = int((scenario.start - inventory.exported).total_seconds())
    taken = f"the fleet is taken to be at the start as the list shows it, with {share} silent"
    if older_s < 0:
        late = f"the list was made {span(-older_s)} after the start, {prepared.date(0)}"
        yield "list-after-start", key, f"{late}: {taken}; let the plan start when the list was made"
    elif older_s > int(every_s.min()):
        late_now = int(np.count_nonzero(ages_s + older_s >= every_s[known]))
        message = (
            f"the list was made {span(older_s)} before the start: {taken}, and not {late_now:,} as if nobody "
            "had been in contact since; say with list: {exported: …} when it was made, or take a list made "
            "shortly before the start, on the same day of the week"
        )
        yield "list-before-start", key, message
    if silent and profile.presence != "never" and not explains_silence(profile.presence):
        first = devices.ids[int(np.argmax(is_silent))]
        message = (
            f"{silent:,} of {len(inventory):,} devices (the first is {first}) were silent for their "
            "synchronization period or longer, and presence does not say when they return: they stay off; "
            "write presence: from list, {on: …, off: …}, or {away: […]} from the start"
        )
        yield "silent-devices-stay-off", key, message
    if isinstance(profile.presence, Spells) and silent:
        yield from _beyond_the_law(key, profile.presence, ages_s, devices.ages_s[is_silent])


def _beyond_the_law(
    key: str, spells: Spells, ages_s: NDArray[np.int64], silent_s: NDArray[np.int64]
) -> Iterator[Found]:
    """Silences that the law of absences forbids, or makes too rare (model 5.3)."""
    from scipy.special import pdtrc

    advice = "write presence: from list, a law with longer absences, or list: {gone_after: …}"
    impossible = silent_s[spells.off.survival(silent_s.astype(np.float64)) <= 0.0]
    if impossible.size:
        silent = (
            f"{plural(impossible.size, 'device')} were silent for {span(int(impossible.min()))} or longer"
        )
        why = "and presence has no absence of that length: they stay off"
        yield "silent-beyond-the-law", key, f"{silent}, {why}; {advice}"
    limit_s = _rare_silence_s(spells)
    longer, expected = int(np.count_nonzero(ages_s > limit_s)), ages_s.size * _RARE
    if longer > impossible.size and pdtrc(longer - 1, expected) < _RARE:  # so many or more, by Poisson
        message = (
            f"{longer:,} of {plural(ages_s.size, 'device')} were silent for longer than {span(limit_s)}, "
            f"where presence lets expect {100 * _RARE:g} % of them, about {expected:.2g}: {advice}"
        )
        yield "more-silent-than-the-law", key, message


def _rare_silence_s(spells: Spells) -> int:
    """What only so small a share of devices is silent for in equilibrium: the law's 99.9 % quantile."""
    t = np.concatenate([[0.0], np.geomspace(1.0, LONGEST_S, 4000)])
    survival = spells.off.survival(t)
    pieces = np.diff(t) * (survival[1:] + survival[:-1]) / 2
    beyond = np.append(np.cumsum(pieces[::-1])[::-1], 0.0) / (spells.on.mean_s + spells.off.mean_s)
    return int(t[int(np.argmax(beyond <= _RARE))])
