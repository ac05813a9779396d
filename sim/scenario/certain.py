"""Findings: what the documentation denies, and what loses devices for certain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from sim.scenario.finding import ASSUMED, REISSUING, Finding, date_of, key_of, main_expiry_s, specifications
from sim.scenario.prepare import Prepared
from sim.text import plural, span
from sim.world.fleet import Away, Profile
from sim.world.order import SECONDS_PER_DAY
from sim.world.plan import Chase, Push

_Windows = list[tuple[int, int]]
OUTAGE: Final = "server.outages"


def documented_dialog(prepared: Prepared) -> Iterator[Finding]:
    """What the console, or the documentation, does not offer."""
    events = prepared.timeline.events
    for number, step in enumerate(prepared.scenario.strategy):
        key, reissue = f"strategy.{number}", step.reissue
        if step.restore_previous is not None:
            yield from _restored(prepared, prepared.instant_of(number), f"{key}.restore_previous")
        if reissue is None:
            continue
        if reissue.issuer == "custom" and not isinstance(reissue.address, str):
            yield Finding(
                "custom-reissue-changes-address",
                f"{key}.reissue.address",
                "the documented dialog has no change of address for a custom certificate: reissue first, and "
                "change the address with a certificate of Kaspersky Security Center",
                REISSUING,
            )
        after_s = reissue.activate.after
        if reissue.activate.kind == "after" and after_s is not None and after_s % SECONDS_PER_DAY:
            yield Finding(
                "activation-not-whole-days",
                f"{key}.reissue.activate",
                f"the console takes whole days, and this is {span(after_s)}: write a whole number of days",
                REISSUING,
            )
        if not isinstance(reissue.address, str) and reissue.address.opens is not None:
            opens_s = prepared.scenario.instant(reissue.address.opens)
            for event in events:
                made = None if event.generation is None else prepared.timeline.makers.get(event.generation)
                is_main = event.name in ("reserve activated", "certificate replaced immediately")
                if is_main and made is not None and made.step == number and event.at_s < opens_s:
                    yield Finding(
                        "gap-between-addresses",
                        f"{key}.reissue.address.opens",
                        f"devices dial the new address from {date_of(prepared, event.at_s)} on, and it opens "
                        f"{span(opens_s - event.at_s)} later: until then they are unreachable",
                        ASSUMED,
                    )


def _restored(prepared: Prepared, at_s: int, key: str) -> Iterator[Finding]:
    """A restore of a certificate of Kaspersky Security Center, whether it is assumed to work or fails."""
    certificates = prepared.timeline.server.certificates
    for event in prepared.timeline.events:
        if event.at_s != at_s or event.name not in ("previous restored", "restore failed"):
            continue
        if event.generation is None or certificates[event.generation].issuer == "custom":
            continue
        then = "this relies on previous_certificate: kept" if event.reason is None else "this action fails"
        yield Finding(
            "restore-denied",
            key,
            "the documentation says that a certificate of Kaspersky Security Center that was replaced is no "
            f"longer valid, so {then}; where it works, devices reinstalled before it lose the server again, "
            "and reissue run counts them: leave it out, and specify the next reserve with a delay",
            REISSUING,
        )


def reserves_that_expire(prepared: Prepared) -> Iterator[Finding]:
    """Reserves that are valid no longer than the certificate that they are to succeed (model 3.6)."""
    certificates = prepared.timeline.server.certificates
    for event in specifications(prepared).values():
        assert event.generation is not None
        reserve = certificates[event.generation]
        ends_s = main_expiry_s(prepared, event.at_s)
        if prepared.plan.valid_from == "issue" and reserve.identity is None and reserve.not_after_s == ends_s:
            yield Finding(
                "reserve-expires-with-main",
                key_of(prepared, event),
                "valid from its issue, the reserve expires together with the main certificate, and saves "
                "nobody at that expiry: make it later; server.valid_from: activation counts from its "
                "activation, which is not documented",
                REISSUING,
            )


def certain_losses(prepared: Prepared) -> Iterator[Finding]:
    """Devices that no synchronization can bring the reserve."""
    specified = specifications(prepared)
    numbers = {group.name: number for number, group in enumerate(prepared.scenario.fleet)}
    for event in prepared.timeline.events:
        if event.name != "reserve activated" or event.generation not in specified:
            continue
        from_s = specified[event.generation].at_s
        if from_s == event.at_s:
            continue
        between = f"from {date_of(prepared, from_s)} to {date_of(prepared, event.at_s)}"
        for profile, (_, count) in prepared.kinds.items():
            found = obstacle(prepared, profile, from_s, event.at_s) if count else None
            if found is None:
                continue
            group = f"fleet.{numbers[profile.group]}" if profile.group in numbers else "fleet"
            key = OUTAGE if found.key == OUTAGE else f"{group}.{found.key}".rstrip(".")
            yield Finding(
                "no-delivery",
                key,
                f"{plural(count, 'device')} of {profile.group} cannot receive the reserve, which waits "
                f"{between}: {found.text}",
                REISSUING,
            )


def desk(prepared: Prepared) -> Iterator[Finding]:
    """A desk that works at night and on Sundays, which nobody said."""
    recovery = prepared.scenario.recovery
    if recovery is not None and recovery.hours is None and recovery.technicians != "unlimited":
        yield Finding(
            "desk-around-the-clock",
            "recovery",
            "without hours the help desk works around the clock: add hours: {days: mon-fri, from: 08:00, to: "
            "16:00}, or {days: mon-sun, from: 00:00, to: 24:00} to say so",
            ASSUMED,
        )


class Obstacle(NamedTuple):
    """Why a profile receives no reserve.

    Attributes:
        key: in its group, or `server.outages`.
        text: what stands in the way, and what would mend it.
    """

    key: str
    text: str


def obstacle(prepared: Prepared, profile: Profile, from_s: int, to_s: int) -> Obstacle | None:
    """What keeps the reserve from all devices of a profile in [from_s, to_s); None: nothing for certain."""
    actions = [action for action in prepared.plan.actions if from_s <= action.at_s < to_s]
    served = _without([(from_s, to_s)], [(outage.from_s, outage.to_s) for outage in prepared.plan.outages])
    if not served:
        return Obstacle(OUTAGE, "no device reaches the server all the while; specify it at another time")
    written = [group.presence for group in prepared.scenario.fleet if group.name == profile.group]
    if profile.presence == "never" and written == ["never"]:  # others are silent rows of a list
        return Obstacle("presence", "they are never on; leave them out, or have them found and switched on")
    if any(isinstance(action, Chase) for action in actions):
        return None  # a visit needs neither presence nor luck
    if profile.success == 0.0:
        return Obstacle("sync.success", "none of their attempts succeeds; write a higher success")
    on = _without(served, [] if profile.hours is None else _without([(from_s, to_s)], list(profile.hours)))
    if not on:
        return Obstacle("hours", "their hours leave no time for it; activate later")
    if isinstance(profile.presence, Away):
        on = _without(on, list(profile.presence.spells))
        if not on:
            return Obstacle("presence", "they are away all the while; activate after they are back")
    holidays = [
        (each.from_s, each.to_s)
        for each in prepared.plan.holidays
        if each.share == 1.0 and (each.groups is None or profile.group in each.groups)
    ]
    if not _without(on, holidays):
        return Obstacle("", "all are on holiday; activate after they are back")
    if any(isinstance(action, Push) for action in actions) or _may_attempt(prepared, profile, on):
        return None
    return Obstacle(
        "hours", "no attempt of theirs falls into their hours; write catch_up: yes, or longer hours"
    )


def _may_attempt(prepared: Prepared, profile: Profile, on: _Windows) -> bool:
    """Whether an attempt may fall into a window; only a fixed schedule that is not made up for cannot."""
    groups = [group for group in prepared.scenario.fleet if group.name == profile.group]
    phase = groups[0].sync.phase if groups else "random"
    if profile.catch_up or profile.jitter_s or not isinstance(phase, int):
        return True
    return any(from_s + (phase - from_s) % profile.every_s < to_s for from_s, to_s in on)


def _without(windows: _Windows, taken: _Windows) -> _Windows:
    """What is left of windows once others are cut out."""
    for from_s, to_s in taken:
        parts = [
            part for begin, end in windows for part in ((begin, min(end, from_s)), (max(begin, to_s), end))
        ]
        windows = [(begin, end) for begin, end in parts if begin < end]
    return windows
