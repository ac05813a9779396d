"""Why a guarantee is proved, in a planner's words."""

from __future__ import annotations

from collections.abc import Sequence

from sim.guarantees.delivery import Delivery, reach_s
from sim.scenario.durations import format_duration
from sim.world.fleet import Away, Profile, Spells


def chanceless() -> str:
    """Nothing is drawn."""
    return "nothing here depends on chance: every run is this run"


def certain(reasons: Sequence[tuple[Profile, Sequence[Delivery]]]) -> str:
    """No draw loses a device.

    Args:
        reasons: profiles whose phase, jitter or absences are drawn, and what their devices must be handed.
    """
    if not reasons:
        return "nothing here depends on chance, and no device is lost"
    deliveries = [delivery for _, needed in reasons for delivery in needed]
    if not deliveries:
        return "no change of certificate takes the server away from these devices"
    gap_s = max(profile.every_s + (reach_s(profile) or 0) for profile, _ in reasons)
    window_s = min(delivery.longest_window_s for delivery in deliveries)
    if gap_s > window_s or any(isinstance(profile.presence, Away) for profile, _ in reasons):
        return (
            "wherever its schedule stands and however late it is, every device makes an attempt in the time "
            f"in which {_each(deliveries)} is handed out"
        )
    returns = any(isinstance(profile.presence, Spells) for profile, _ in reasons)
    every = "every device, absences included," if returns else "every device"
    waits_s = min(delivery.at_s - delivery.specified_s for delivery in deliveries)
    waits = (
        f"{_each(deliveries)} waits {'at least ' * (len(_of(deliveries)) > 1)}{format_duration(waits_s)}"
        if waits_s == window_s
        else f"{_each(deliveries)} is handed out for {format_duration(window_s)} on end"
    )
    return f"{every} synchronizes at least once in any {format_duration(gap_s)}; {waits}"


def few_at_risk(at_risk: int, devices: int, groups: Sequence[str]) -> str:
    """At most some devices can be lost.

    Args:
        at_risk: how many.
        devices: of how many.
        groups: theirs.
    """
    if at_risk == devices:
        return f"there are no more than {devices:,} devices to lose"
    of = f" ({', '.join(groups)})" if groups else ""
    return f"whatever is drawn, no more than {at_risk:,} of {devices:,} devices{of} can be lost"


def everybody_is_lost() -> str:
    """No draw saves a device."""
    return (
        "the server comes to present a certificate that no device can have been handed, or that none accepts"
    )


def _of(deliveries: Sequence[Delivery]) -> set[int]:
    return {delivery.generation for delivery in deliveries}


def _each(deliveries: Sequence[Delivery]) -> str:
    n = len(_of(deliveries))
    return "the reserve" if n == 1 else f"each of {n:,} reserves"
