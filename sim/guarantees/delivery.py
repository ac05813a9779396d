"""What no draw prevents: reserves that a device receives in time wherever its schedule stands (model 9.3).

    window      seconds in which an attempt delivers the coming certificate: the server hands it over and
                answers, and the device accepts the certificate that the server presents
    reach       how long after its place on the grid an attempt may be made: jitter, and the longest absence

Attempt k of a device with phase p is made in [p + k every, p + k every + reach]. If for some k that lies
within a window, the device surely receives the certificate. If it does so for no k, and reach is jitter
alone, some draw of the jitters puts every attempt outside: for devices that are always on the condition is
necessary, too. So it is with written absences: an attempt due in one is made at its end, or never, which
only changes what a window is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.world.fleet import Away, Platform, Profile, Spells
from sim.world.timeline import Timeline

Span = tuple[int, int]
"""A half-open interval of whole seconds."""

_CERTAIN: Final = frozenset({"constant", "uniform", "empirical"})
"""Distributions whose longest draw is exact in whole seconds, the remainder of a first spell included."""

_LONGEST_ABSENCE_S: Final = 1 << 26
"""Above two years, squares of seconds are no longer exact where the first spell is drawn."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One change of the main certificate that a device survives if it was handed the coming one before."""

    generation: int  # the coming certificate
    specified_s: int  # when it became the reserve
    at_s: int  # when it becomes main
    windows: tuple[Span, ...]  # when an attempt delivers it; sorted, disjoint, not touching

    @property
    def longest_window_s(self) -> int:
        """The longest time on end in which it is handed out."""
        return max((to_s - from_s for from_s, to_s in self.windows), default=0)


def deliveries_of(timeline: Timeline, platform: Platform) -> tuple[Delivery, ...] | None:
    """What a device of a platform must be handed in the run, in order of time.

    A device that has received each so far holds the main certificate in one of its slots, so it dials the
    main certificate's address. The reserve that is activated was the reserve ever since it was specified
    (model 3.3), so nothing takes its place in the slot.

    Returns:
        None where a change cannot be survived by having synchronized, or the platform refuses a certificate:
        nothing is sure then.
    """
    accepts = partial(_accepts, timeline, platform)
    if not accepts(timeline.states[0].main):
        return None
    found = []
    for before, after in timeline.switches:
        if after.change == "valid":
            continue
        if after.change != "activated" or not after.is_valid or not accepts(after.main):
            return None
        specified_s = timeline.server.specified_at_s[after.main]
        windows = merged(timeline.handed_out(after.main))
        assert before.main != after.main
        found.append(Delivery(after.main, specified_s, after.from_s, windows))
    return tuple(found)


def loses_everybody(timeline: Timeline, platform: Platform) -> bool:
    """Whether the server comes to present what no device of a platform can accept, whatever it was handed.

    A device that accepts the first certificate is able at the start (model 5.5), so that it is lost then,
    or was before: where the certificate is replaced immediately, is not valid, or is refused by the
    platform.
    """
    accepts = partial(_accepts, timeline, platform)
    return accepts(timeline.states[0].main) and any(
        after.change == "immediate" or not after.is_valid or not accepts(after.main)
        for _, after in timeline.switches
    )


def _accepts(timeline: Timeline, platform: Platform, generation: int) -> bool:
    return platform not in timeline.server.certificates[generation].refused_by


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same seconds as sorted, disjoint spans that do not touch; empty ones vanish."""
    found: list[Span] = []
    for from_s, to_s in sorted(span for span in spans if span[0] < span[1]):
        if found and from_s <= found[-1][1]:
            found[-1] = found[-1][0], max(to_s, found[-1][1])
        else:
            found.append((from_s, to_s))
    return tuple(found)


def reach_s(profile: Profile) -> int | None:
    """How long after its place on the grid an attempt is made at the latest, in seconds; None: no bound.

    An attempt that is due while the device is off is made in the second in which it comes back, which is at
    most the longest absence later (model 5.3).
    """
    if profile.success < 1.0:
        return None
    if profile.presence == "always" or isinstance(profile.presence, Away):
        return profile.jitter_s
    if not isinstance(profile.presence, Spells) or not profile.catch_up:
        return None
    off = profile.presence.off
    longest_s = max(off.longest_s, float(math.ceil(off.b))) if off.kind == "uniform" else off.longest_s
    if off.kind not in _CERTAIN or longest_s > _LONGEST_ABSENCE_S:
        return None
    return profile.jitter_s + math.ceil(longest_s)


def windows_of_dues(windows: Sequence[Span], profile: Profile) -> tuple[Span, ...]:
    """When an attempt of the profile must be due to be made in one of the windows (model 5.3).

    Different from the windows for written absences only. An attempt that is due in one is made in the
    second in which the device comes back, with `catch_up`, and else not at all.
    """
    if not isinstance(profile.presence, Away):
        return tuple(windows)
    absences = profile.presence.spells
    edges = [0, *(edge for absence in absences for edge in absence), windows[-1][1] if windows else 0]
    present = list(zip(edges[::2], edges[1::2], strict=True))
    found = [(max(a, c), min(b, d)) for a, b in windows for c, d in present]
    if profile.catch_up:
        found += [absence for absence in absences if any(a <= absence[1] < b for a, b in windows)]
    return merged(found)


def phases_at_risk(windows: Sequence[Span], *, every_s: int, reach_s: int) -> tuple[Span, ...]:
    """The phases, within [0, every_s), none of whose attempts lies in a window wherever reach puts it.

    A window [a, b) holds [x, x + reach] for x in [a, b - reach): these grid instants, modulo the period, are
    the phases that it saves.
    """
    saved: list[Span] = []
    for from_s, to_s in windows:
        places = min(to_s - from_s - reach_s, every_s)
        if places <= 0:
            continue
        first = from_s % every_s
        saved.append((first, min(first + places, every_s)))
        saved.append((0, first + places - every_s))
    edges = [0, *(edge for span in merged(saved) for edge in span), every_s]
    return merged(zip(edges[::2], edges[1::2], strict=True))


def are_within(phases_s: NDArray[np.int64], spans: Sequence[Span]) -> NDArray[np.bool_]:
    """Which phases lie in one of the spans; same shape as `phases_s`."""
    begins = np.array([from_s for from_s, _ in spans], dtype=np.int64)
    ends = np.array([to_s for _, to_s in spans], dtype=np.int64)
    return np.searchsorted(begins, phases_s, side="right") > np.searchsorted(ends, phases_s, side="right")
