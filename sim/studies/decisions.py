"""Comparisons and recommendations in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.scenario.durations import format_duration
from sim.studies.words import number
from sim.text import evenly

thinned = evenly

if TYPE_CHECKING:
    from sim.studies.compare import Difference
    from sim.studies.recommendation import Recommendation


def difference_words(difference: Difference) -> str:
    """How many devices one strategy loses more or fewer than another."""
    d = difference
    interval = ""
    if d.low is not None and d.high is not None:
        interval = f" (95 %: {number(round(d.low, 2))} to {number(round(d.high, 2))})"
    if not d.is_shown and d.difference != 0:
        return f"{d.a} against {d.b}: {number(d.difference)} lost devices{interval}: no difference shown"
    if d.difference == 0:
        return f"{d.a} against {d.b}: no difference shown{interval}"
    word = "more" if d.difference > 0 else "fewer"
    return f"{d.a} loses {number(abs(d.difference))} devices {word} than {d.b}{interval}"


def recommendation_words(found: Recommendation) -> list[str]:
    """When and how to reissue, in sentences: the answer first."""
    most = f"at most {found.most_lost:,} of {found.devices:,} devices" if found.most_lost else "no device"
    promise = (
        f"{most} lost, with {100 * found.confidence:.4g} % confidence "
        f"({found.replications:,} fleets simulated)"
    )
    lost = f"{100 * found.lost_share:.3g} %"
    if found.delay_days is None or found.specify_by is None or found.activated is None:
        return [
            f"No plan keeps this promise: {promise}.",
            "Even a reserve that is specified at the start and activated when the main certificate expires "
            f"({found.expires:%Y-%m-%d %H:%M} UTC) loses {lost} of the devices on average.",
            f"What binds: {found.binding}.",
        ]
    return [
        f"Specify the reserve by {found.specify_by:%Y-%m-%d %H:%M} UTC, to be activated after "
        f"{found.delay_days} days ({found.activated:%Y-%m-%d %H:%M}, when the main certificate expires).",
        f"The promise: {promise}; on average {lost}.",
        f"What binds: {found.binding}. The target alone needs {format_duration(found.needed_s or 0)}.",
    ]
