"""The words in which stories and worst cases are told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from sim.scenario.values import format_share
from sim.studies.stories.rescue import Claim
from sim.text import date as date
from sim.text import plural as plural
from sim.text import spaced as spaced
from sim.world.fleet import Away, Profile, Spells

CAUSES: Final = {
    "not_delivered": "the certificate that became main had not reached it",
    "replaced_reserve": "its reserve had been replaced, and the one that became main had not reached it",
    "expired": "the main certificate is not valid",
    "immediate": "the main certificate was replaced without having been delivered",
    "restored": "the certificate that was put back is one it no longer holds",
    "platform": "{platform} refuses the certificate that became main",
}
"""Why a device was lost (model 8), after a colon."""


NOTHING_ALONE: Final = "No single change that was tried would have kept it connected for the whole run."

PLATFORMS: Final = {"android": "Android", "ios": "iOS"}


def introduction(profile: Profile, device: str, phase: datetime) -> str:
    """Who a device is."""
    words = [f"{device} is an {PLATFORMS[profile.platform]} device of '{profile.group}'"]
    if profile.presence == "never":
        return f"{words[0]} that is never on."
    if isinstance(profile.presence, Spells):
        words.append("on and off in turn")
    elif isinstance(profile.presence, Away) and profile.presence.spells:
        words.append(f"on but for {plural(len(profile.presence.spells), 'written absence')}")
    else:
        words.append("always on")
    sync = f"synchronizes every {spaced(profile.every_s)}"
    if profile.jitter_s:
        sync += f", up to {spaced(profile.jitter_s)} late"
    if profile.success < 1:
        sync += f"; {format_share(profile.success)} of its attempts succeed"
    sync += f"; the schedule begins on {date(phase)}"
    if isinstance(profile.presence, Spells | Away) and not profile.catch_up:
        sync += "; what it missed it does not catch up"
    return f"{', '.join(words)}. It {sync}."


def claims_heading(is_lost: bool) -> str:
    """What stands above the claims."""
    return "What would have saved it" if is_lost else "How near it was"


def claim_in_words(claim: Claim, profile: Profile, at: Callable[[int], datetime]) -> str:
    """A claim in a sentence."""
    delay = "" if claim.delay_s is None else spaced(claim.delay_s)
    when = "" if claim.at_s is None else date(at(claim.at_s))
    since = "" if claim.from_s is None else date(at(claim.from_s))
    match claim.kind:
        case "delay":
            return f"An activation delay of at least {delay}."
        case "reserve first":
            return (
                f"A reserve instead of immediate replacement, with an activation delay of at least {delay}."
            )
        case "no delay":
            return (
                f"No activation delay: the reserve waits until {when} at most, and it did not come by then."
            )
        case "no delay in the run":
            return "No activation delay within the run: by its end, it did not come for the reserve."
        case "one synchronization":
            return f"One synchronization before {when}, from {since} on."
        case "catch-up":
            return "catch_up: yes, an attempt as soon as it comes on."
        case "success":
            return "Attempts that never fail (success: 100%)."
        case "specified by":
            return f"A reserve specified by {when}, to become main when it did."
        case "specified before the expiry":
            return f"A reserve specified by {when}, to become main at the expiry."
        case "never synchronized":
            return f"No reserve: before {when} it never synchronized."
        case "not replaced":
            return f"The reserve that it held, had it not been replaced on {when}."
        case "not restored":
            return f"No return to the previous certificate on {when}."
        case "accepted":
            return f"A certificate that {PLATFORMS[profile.platform]} accepts."
        case "earliest":
            return "activation: earliest, the reserve becoming main at the expiry."
        case "margin":
            assert claim.at_s is not None
            assert claim.from_s is not None
            left = spaced(claim.at_s - claim.from_s)
            words = f"It received the reserve {left} before that became main on {when}"
            return (
                f"{words}; with an activation delay below {delay} it would have been lost."
                if delay
                else f"{words}."
            )
