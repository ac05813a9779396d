"""Stretches of time, half-open, and what they have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Stretch = tuple[int, int]
Stretches = tuple[Stretch, ...]
Places = Sequence[tuple[float, float]]


def joined(stretches: Iterable[Stretch], until_s: int) -> Stretches:
    """The same seconds, of stretches that begin before one of them, in stretches that do not touch."""
    found: list[Stretch] = []
    for from_s, to_s in sorted(each for each in stretches if each[0] < until_s):
        if found and from_s <= found[-1][1]:
            found[-1] = found[-1][0], max(to_s, found[-1][1])
        elif from_s < to_s:
            found.append((from_s, to_s))
    return tuple(found)


def without(stretches: Places, away: Places) -> Iterator[tuple[float, float]]:
    """What of the stretches is in no absence; both sorted."""
    for begin, end in stretches:
        at = begin
        for from_s, to_s in away:
            if to_s > at and from_s < end:
                if from_s > at:
                    yield at, from_s
                at = max(at, to_s)
        if at < end:
            yield at, end


def share_within(begins: Floats, ends: Floats, stretches: Places) -> Floats:
    """The share of each [begin, end) that lies in the stretches, which do not overlap; the same shape."""
    covered = np.zeros(begins.shape)
    for from_s, to_s in stretches:
        covered += np.clip(np.minimum(ends, to_s) - np.maximum(begins, from_s), 0, None)
    return covered / (ends - begins)
