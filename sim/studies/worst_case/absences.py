"""The shortest absence or outage that breaks a guarantee for one device: what is tried, shortest first.

The run is cut into stretches, within which the first attempt that succeeds does all that any does. What
becomes of a device therefore depends only on the stretches in which it makes an attempt: absences that leave
attempts in the same stretches are the same to it, and the shortest stands for all of them (docs/why.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from sim.world.fleet import Away, Profile

Span = tuple[int, int]

MOST_TRIED: Final = 400_000
"""Pairs of a phase and of stretches that are tried, shortest first; the answer says what is left out."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, order=True)
class Candidate:
    """An absence, an outage or a shift, and the schedule of the device that meets it; the shortest first.

    Attributes:
        length_s: length of the absence, the outage or the shift; 0: none.
        from_s: instant at which it begins.
        phase_s: phase of the schedule. Attempts are on time but for those in `late`.
        late: attempts that jitter puts off, each from when it is due until it is made.
        gone: from when the first attempt is due that the absence takes until the next one is made.
    """

    length_s: int
    from_s: int
    phase_s: int
    late: tuple[Span, ...] = ()
    gone: Span = (0, 0)

    def present(self, profile: Profile) -> Profile:
        """A device that is always on. A late attempt is written as an absence that ends when it is made."""
        if not self.late:
            return replace(profile, jitter_s=0)
        return replace(profile, jitter_s=0, catch_up=True, presence=Away(self.late))

    def absent(self, profile: Profile) -> Profile:
        """A device that is on but for the absence, which includes late attempts beside it."""
        if self.length_s == 0:
            return self.present(profile)
        if self.late:
            return replace(profile, jitter_s=0, catch_up=True, presence=Away((self.gone,)))
        return replace(profile, jitter_s=0, presence=Away(((self.from_s, self.from_s + self.length_s),)))


Trial = Callable[[Sequence[Candidate]], NDArray[np.bool_]]
"""Tells which of some candidates break the guarantee."""


@dataclass(frozen=True)
class Stretches:
    """The run, cut at every instant at which something changes for a device.

    Attributes:
        edges: ascending, from 0 to the horizon; stretch i is [edges[i], edges[i + 1]).
        is_fruitful: for each stretch, whether an attempt in it can do anything.
    """

    edges: tuple[int, ...]
    is_fruitful: tuple[bool, ...]

    @cached_property
    def bits(self) -> tuple[int, ...]:
        """The bit of each stretch in a set of them: 0 where an attempt does nothing, and after the run."""
        return (*(1 << i if fruitful else 0 for i, fruitful in enumerate(self.is_fruitful)), 0)

    def schedules(self, profile: Profile) -> list[Schedule]:
        """A schedule for each phase that can matter.

        These are the phases with an end of an attempt's range, [due, due + jitter], on an edge or a second
        before it.
        """
        ends_s = {0, 1, profile.jitter_s, profile.jitter_s + 1}
        phases_s = {(edge - end_s) % profile.every_s for edge in self.edges for end_s in ends_s}
        return [Schedule(self, phase_s, profile.every_s, profile.jitter_s) for phase_s in sorted(phases_s)]


class Schedule:
    """The attempts of one phase: on time, or one late by up to the jitter on either side of an absence."""

    def __init__(self, stretches: Stretches, phase_s: int, every_s: int, jitter_s: int) -> None:
        self.stretches, self.phase_s, self.every_s, self.jitter_s = stretches, phase_s, every_s, jitter_s
        edges = np.array(stretches.edges, dtype=np.int64)
        due_s = np.arange(phase_s, edges[-1], every_s, dtype=np.int64)
        self._on_time = np.searchsorted(edges, due_s, side="right") - 1
        self._latest = np.searchsorted(edges, due_s + jitter_s, side="right") - 1
        self._reached = self._set_of(self._on_time)

    def _set_of(self, numbers: NDArray[np.int64]) -> int:
        """The set of some stretches, as bits."""
        return sum(self.stretches.bits[number] for number in np.unique(numbers).tolist())

    def _due_s(self, number: int) -> int:
        return self.phase_s + number * self.every_s

    def undisturbed(self) -> Iterator[tuple[int, Candidate]]:
        """No absence: the set of stretches with an attempt, all on time or one of them late."""
        yield self._reached, Candidate(0, 0, self.phase_s)
        for number in np.flatnonzero(self._latest > self._on_time).tolist():
            others = self._set_of(np.delete(self._on_time, number))
            for stretch in range(int(self._on_time[number]) + 1, int(self._latest[number]) + 1):
                late = (self._due_s(number), self.stretches.edges[stretch])
                yield others | self.stretches.bits[stretch], Candidate(0, 0, self.phase_s, (late,))

    def without(self, first: int, last: int, *, catches_up: bool) -> Iterator[tuple[int, Candidate]]:
        """The shortest absences that take all attempts of stretches `first` to `last`, and what is left.

        The first attempt that is taken is as late as it can be, which shortens the absence. A device that
        catches up comes back with the end of `last`, where it makes an attempt. Another one comes back in the
        second after the last attempt that is taken; the next one is on time, or late enough to be made in a
        stretch after `last`.
        """
        edges, bits = self.stretches.edges, self.stretches.bits
        low_s, high_s = edges[first], edges[last + 1]
        begin = max(0, -(-(low_s - self.phase_s) // self.every_s))  # the first attempt due in the stretches
        final = (high_s - 1 - self.phase_s) // self.every_s  # the last one
        if begin > final:
            return
        due_s = self._due_s(begin)
        kept = self._reached & ~sum(bits[first : last + 1])
        if catches_up:
            begin_s = min(due_s + self.jitter_s, high_s - 1)
            yield kept | bits[last + 1], self._absence((begin_s, high_s), due_s, high_s, ())
            return
        next_s = min(self._due_s(final + 1), edges[-1])
        yield kept, self._absence(self._between(begin, final), due_s, next_s, ())
        if begin < final:
            between = self._between(begin, final - 1)
            for stretch in range(last + 1, int(self._latest[final]) + 1):
                made_s = edges[stretch]
                late = ((self._due_s(final), made_s),)
                yield kept | bits[stretch], self._absence(between, due_s, made_s, late)

    def _between(self, begin: int, final: int) -> Span:
        """From one attempt, late unless it is the only one, to the second after another on time."""
        late_s = self.jitter_s if begin < final else 0
        return self._due_s(begin) + late_s, self._due_s(final) + 1

    def _absence(self, span: Span, due_s: int, next_s: int, late: tuple[Span, ...]) -> Candidate:
        if span[0] > due_s:
            late = ((due_s, span[0]), *late)
        return Candidate(span[1] - span[0], span[0], self.phase_s, late, (due_s, next_s))


def undisturbed(schedules: Sequence[Schedule]) -> list[Candidate]:
    """Devices that are always on: one for each set of stretches that a schedule can reach."""
    found: dict[int, Candidate] = {}
    for schedule in schedules:
        for reached, candidate in schedule.undisturbed():
            found.setdefault(reached, candidate)
    return list(found.values())


def shortest(
    stretches: Stretches, profile: Profile, trial: Trial, *, each_alone: bool = False, most: int = MOST_TRIED
) -> tuple[Candidate | None, int | None]:
    """The shortest absence that breaks a guarantee, of all phases and all pairs of stretches.

    Args:
        stretches: the run.
        profile: period, jitter and catch-up of the device.
        trial: runs candidates.
        each_alone: whether candidates that leave the same stretches can differ: outages, to a help desk.
        most: how many pairs of a phase and of stretches are tried.

    Returns:
        the absence, None where none of those tried breaks it; and the length in seconds below which
        everything was tried, None where everything was, or enough to be sure.
    """
    schedules = stretches.schedules(profile)
    still = undisturbed(schedules)
    broken = trial(still)
    best = still[int(np.argmax(broken))] if broken.any() else None
    spans = _spans(stretches, profile)
    within = spans[: max(1, most // max(1, len(schedules)))]
    answers: dict[object, bool] = {}
    for batch in _batches(within, 32):
        if best is not None and batch[0][0] >= best.length_s:
            break
        least = _least(schedules, batch, catches_up=profile.catch_up, each_alone=each_alone)
        for keys in _batches(sorted(least, key=lambda key: least[key]), 16):
            if best is not None and least[keys[0]] >= best:
                break
            fresh = [key for key in keys if key not in answers]
            answers |= dict(zip(fresh, trial([least[key] for key in fresh]).tolist(), strict=True))
            first = next((least[key] for key in keys if answers[key]), None)
            if first is not None:
                best = first if best is None else min(first, best)
                break
    searched_s = None if len(within) == len(spans) else spans[len(within)][0]
    is_sure = searched_s is None or (best is not None and best.length_s <= searched_s)
    return best, None if is_sure else searched_s


def _spans(stretches: Stretches, profile: Profile) -> list[tuple[int, int, int]]:
    """Pairs of stretches with the least length of an absence that takes their attempts; ascending."""
    edges, fruitful = stretches.edges, stretches.is_fruitful
    # It begins at most a period and its jitter after the first, and ends as much before the last's end.
    spare_s = (1 if profile.catch_up else 2) * (profile.every_s + profile.jitter_s)
    return sorted(
        (max(1, edges[j + 1] - edges[i] - spare_s), i, j)
        for i in range(len(fruitful))
        for j in range(i, len(fruitful))
        if profile.catch_up or (fruitful[i] and fruitful[j])
    )


def _least(
    schedules: Sequence[Schedule],
    spans: Sequence[tuple[int, int, int]],
    *,
    catches_up: bool,
    each_alone: bool,
) -> dict[object, Candidate]:
    """The shortest of the absences that leave the same stretches."""
    found: dict[object, Candidate] = {}
    for _, first, last in spans:
        for schedule in schedules:
            for left, candidate in schedule.without(first, last, catches_up=catches_up):
                key = (left, first, last) if each_alone else left
                found[key] = min(candidate, found.get(key, candidate))
    return found


def _batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """All of them in order: `size` of them, then four times as many, and so on."""
    first = 0
    while first < len(items):
        yield items[first : first + size]
        first, size = first + size, 4 * size
