"""Devices that are on but for written absences, hours and holidays: attempts are counted (model 12, 13)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.probabilities.grid import Floats, Stretch, Stretches
from sim.world.fleet import Away, Profile

NEGLIGIBLE: Final = 1e-30
"""A probability below which attempts are not followed any more."""


def by_phase(profile: Profile, switch_s: int, usable: Stretches, masks: Stretches) -> Floats:
    """The probability that no attempt of a device that is on but for written absences and masks succeeds.

    A return from an absence brings an attempt if one was missed in it, and none is due in that second. The
    attempts that may fall into one absence do not fall into another, so what absences add multiplies: for
    each, none was missed, or one is due at its end, or the attempt at its end fails.

    Returns:
        shape (every_s,), by the second of the phase.

    Raises:
        ValueError: an attempt may fall into either of two absences.
    """
    every_s, jitter_s, success = profile.every_s, profile.jitter_s, profile.success
    own = profile.presence.spells if isinstance(profile.presence, Away) else ()
    away = joined((*own, *masks), switch_s)
    if (
        profile.catch_up
        and any(after[0] - before[1] <= jitter_s for before, after in pairwise(away))
        and jitter_s
    ):
        raise ValueError("two absences within one jitter, with catch_up")
    phases = np.arange(every_s, dtype=np.int64)
    good = list(_without(usable, away))

    def fails_at(begins_s: int) -> Floats:
        near = [each for each in good if each[0] <= begins_s + every_s + jitter_s and each[1] > begins_s]
        due = phases + begins_s
        fails: Floats = 1.0 - success * _share_within(due, due + jitter_s + 1, near)
        return fails

    fails = np.ones(every_s)
    if not away and not jitter_s:  # how many attempts are due in the stretches
        made = sum(-((phases - to_s) // every_s) + (phases - from_s) // every_s for from_s, to_s in usable)
        return np.asarray((1.0 - success) ** made, dtype=np.float64)
    for begins_s in range(max(0, usable[0][0] - jitter_s - every_s) // every_s * every_s, switch_s, every_s):
        fails *= fails_at(begins_s)
        if fails.max() < NEGLIGIBLE:
            break
    for from_s, to_s in away:
        brings = profile.catch_up and to_s < switch_s and any(a <= to_s < b for a, b in usable)
        if not brings or fails.max() < NEGLIGIBLE:
            continue
        none_missed, is_due = np.ones(every_s), np.zeros(every_s)
        for begins_s in range(max(0, from_s - jitter_s - every_s) // every_s * every_s, to_s + 1, every_s):
            due = phases + begins_s
            of = fails_at(begins_s)
            of = np.where(of > 0.0, of, 1.0)
            missed = _share_within(due, due + jitter_s + 1, [(from_s, to_s)])
            now = _share_within(due, due + jitter_s + 1, [(to_s, to_s + 1)])
            none_missed *= np.clip((of - missed - (1.0 - success) * now) / of, 0.0, None)
            is_due += (1.0 - success) * now / of
        fails *= 1.0 - success + success * (none_missed + is_due)
    return fails


def _without(stretches: Sequence[Stretch], away: Sequence[Stretch]) -> Iterator[Stretch]:
    """The stretches without the absences; both sorted."""
    for begin, end in stretches:
        at = begin
        for from_s, to_s in away:
            if to_s > at and from_s < end:
                if from_s > at:
                    yield at, from_s
                at = max(at, to_s)
        if at < end:
            yield at, end


def _share_within(begins: NDArray[np.int64], ends: NDArray[np.int64], stretches: Sequence[Stretch]) -> Floats:
    """The share of the seconds [begin, end) that lies in the stretches."""
    covered = np.zeros(len(begins))
    for from_s, to_s in stretches:
        covered += np.clip(np.minimum(ends, to_s) - np.maximum(begins, from_s), 0, None)
    return covered / (ends - begins)


def joined(stretches: Iterable[Stretch], until_s: int) -> Stretches:
    """The same seconds, of stretches that begin before one of them, in stretches that do not touch."""
    found: list[Stretch] = []
    for from_s, to_s in sorted(each for each in stretches if each[0] < until_s):
        if found and from_s <= found[-1][1]:
            found[-1] = found[-1][0], max(to_s, found[-1][1])
        elif from_s < to_s:
            found.append((from_s, to_s))
    return tuple(found)
