"""The attempts of one device with one phase: which stretches they reach, whatever its jitters choose.

What becomes of a device depends only on the stretches in which it makes an attempt (docs/why.md). An attempt
whose range [due, due + jitter] lies within one stretch has no choice; one whose range crosses an edge has.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Final

import numpy as np

from sim.studies.worst_case.candidates import Candidate, Span
from sim.studies.worst_case.stretches import Stretches

Choices = tuple[Span, ...]
"""Attempts that are put off: (number, stretch in which it is made)."""

Masks = dict[int, Choices]
"""Sets of stretches with an attempt, as bits, each with the choices that have it."""

MOST_MASKS: Final = 256
"""Sets that the jitters of one schedule can choose from; what goes beyond is left out, and told."""


class Schedule:
    """The attempts of one phase.

    Args:
        stretches: of the run.
        phase_s, every_s, jitter_s: of the device.

    Attributes:
        is_whole: whether every choice of jitters is among the candidates.
    """

    def __init__(self, stretches: Stretches, *, phase_s: int, every_s: int, jitter_s: int) -> None:
        self.stretches, self.is_whole = stretches, True
        self._phase_s, self._every_s, self._jitter_s = phase_s, every_s, jitter_s
        edges = np.array(stretches.edges, dtype=np.int64)
        due_s = np.arange(phase_s, edges[-1], every_s, dtype=np.int64)
        earliest = np.searchsorted(edges, due_s, side="right") - 1
        latest = np.searchsorted(edges, due_s + jitter_s, side="right") - 1
        self._base = 0  # the stretches that are reached without a choice
        for stretch in np.unique(earliest[earliest == latest]).tolist():
            self._base |= stretches.bits[stretch]
        self._torn: list[int] = np.flatnonzero(earliest != latest).tolist()
        self._reach = [(int(earliest[n]), int(latest[n])) for n in self._torn]
        # What the first 0, 1, … of the torn can choose beside the base, and those from 0, 1, … on.
        self._before: list[Masks] = [{0: ()}]
        for place in range(len(self._torn)):
            self._before.append(self._with(self._before[-1], place))
        self._after: list[Masks] = [{0: ()}]
        for place in reversed(range(len(self._torn))):
            self._after.append(self._with(self._after[-1], place))
        self._after.reverse()

    def _with(self, masks: Masks, place: int, *, below: int | None = None) -> Masks:
        """The sets with one more torn attempt; `below` a stretch, or anywhere. Undisturbed comes first."""
        first, last = self._reach[place]
        found: Masks = {}
        for stretch in range(first, last + 1):
            if below is not None and stretch >= below:
                break
            bit = self.stretches.bits[stretch] & ~self._base
            chosen = () if stretch == first else ((self._torn[place], stretch),)
            for mask, choices in masks.items():
                found.setdefault(mask | bit, (*choices, *chosen))
        if len(found) > MOST_MASKS:
            self.is_whole = False
            found = dict(list(found.items())[:MOST_MASKS])
        return found

    def _due_s(self, number: int) -> int:
        return self._phase_s + number * self._every_s

    def _late(self, choices: Choices) -> list[Span]:
        """The attempts put off, each from when it is due to when it is made."""
        edges = self.stretches.edges
        return [(self._due_s(number), edges[stretch]) for number, stretch in choices]

    def undisturbed(self) -> Iterator[tuple[int, Candidate]]:
        """Every set of stretches that the attempts can reach, with a candidate of length 0."""
        for mask, choices in self._before[-1].items():
            yield self._base | mask, Candidate(0, 0, self._phase_s, tuple(self._late(choices)))

    def without(self, first: int, last: int, *, catches_up: bool) -> Iterator[tuple[int, Candidate]]:
        """Every absence that takes all attempts of stretches `first` to `last`, with the set that is left.

        An attempt that is due within an absence that is caught up is made by its end.
        """
        edges, bits = self.stretches.edges, self.stretches.bits
        low_s, high_s, jitter_s = edges[first], edges[last + 1], self._jitter_s
        begin_n = max(0, -(-(low_s - self._phase_s) // self._every_s))  # the first that is due in them
        end_n = (high_s - 1 - self._phase_s) // self._every_s  # the last
        kept = self._base & ~sum(bits[first : last + 1])
        if catches_up:
            kept |= bits[last + 1]
        left_n = begin_n - 1 if begin_n and self._due_s(begin_n - 1) + jitter_s >= low_s else None
        is_torn_right = end_n >= begin_n and self._due_s(end_n) + jitter_s >= high_s
        before = self._before[bisect_left(self._torn, begin_n if left_n is None else left_n)]
        next_n = max(end_n, begin_n - 1) + 1
        if catches_up and self._due_s(next_n) == high_s:
            next_n += 1
        left_choices: list[tuple[int | None, Masks]] = [(None, before)]
        if left_n is not None:
            place = bisect_left(self._torn, left_n)
            left_choices = [(left_n, before), (None, self._with(before, place, below=first))]
        ends = [end_n] if catches_up or not is_torn_right else [end_n, end_n - 1]
        for left, lefts in left_choices:
            for final in ends:
                begins = begin_n if left is None else left
                stays = max(final, begins) if left is not None else final
                if stays < begins:
                    continue  # it takes no attempt
                after = self._after[bisect_left(self._torn, next_n)]
                if final < end_n:
                    after = self._made_after(after, end_n, last)
                for some, chosen in lefts.items():
                    for others, also in after.items():
                        choices = (*chosen, *also)
                        found = self._absence(begins, stays, choices, (low_s, high_s), catches_up=catches_up)
                        yield kept | some | others, found

    def _made_after(self, after: Masks, number: int, last: int) -> Masks:
        """The sets with a torn attempt that is made after a stretch."""
        place = bisect_left(self._torn, number)
        _, latest = self._reach[place]
        found: Masks = {}
        for stretch in range(last + 1, latest + 1):
            bit = self.stretches.bits[stretch] & ~self._base
            for mask, choices in after.items():
                found.setdefault(mask | bit, ((number, stretch), *choices))
        return found

    def _absence(
        self, first_n: int, last_n: int, choices: Choices, span: Span, *, catches_up: bool
    ) -> Candidate:
        """The shortest absence from an attempt to another; the first is made late, the last is not."""
        low_s, high_s = span
        begin_s = min(self._due_s(first_n) + self._jitter_s, high_s - 1)
        if first_n == last_n and not catches_up:
            begin_s = max(self._due_s(first_n), low_s)
        end_s = high_s if catches_up else max(self._due_s(last_n), low_s, begin_s) + 1
        late = self._late(choices)
        if begin_s > self._due_s(first_n):
            late.append((self._due_s(first_n), begin_s))
        next_s = high_s
        if not catches_up:
            next_s = dict(late).get(self._due_s(last_n + 1), self._due_s(last_n + 1))
        gone = (self._due_s(first_n), min(next_s, self.stretches.edges[-1]))
        return Candidate(end_s - begin_s, begin_s, self._phase_s, tuple(sorted(late)), gone)


def schedules_of(stretches: Stretches, *, every_s: int, jitter_s: int) -> list[Schedule]:
    """Those of every phase that can matter."""
    return [
        Schedule(stretches, phase_s=phase_s, every_s=every_s, jitter_s=jitter_s)
        for phase_s in stretches.phases(every_s=every_s, jitter_s=jitter_s)
    ]
