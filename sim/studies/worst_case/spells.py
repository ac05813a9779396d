"""The shortest absence, or outage, that breaks a guarantee: every stretch to every other, shortest first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.studies.worst_case.candidates import Candidate
from sim.studies.worst_case.schedules import Schedule, schedules_of
from sim.studies.worst_case.stretches import Stretches
from sim.world.fleet import Profile

Trial = Callable[[Sequence[Candidate]], NDArray[np.bool_]]
"""Which of some candidates break the guarantee."""

MOST_TRIED: Final = 400_000
"""Pairs of a phase and of stretches that are tried, shortest first; what is left out is told."""

_FIRST: Final = 32
"""Pairs of stretches that are tried together at first; then four times as many, and so on."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came to.

    Attributes:
        candidate: the shortest that breaks the guarantee; None: none of those tried.
        searched_s: below this length everything was tried; None: everything of any length was.
    """

    candidate: Candidate | None
    searched_s: int | None = None

    @property
    def is_sure(self) -> bool:
        """Whether nothing shorter exists, or nothing at all."""
        if self.searched_s is None:
            return True
        return self.candidate is not None and self.candidate.length_s <= self.searched_s


def shortest(
    stretches: Stretches, profile: Profile, trial: Trial, *, each_alone: bool = False, most: int = MOST_TRIED
) -> Found:
    """Search all phases and all absences that take neighbouring stretches.

    Args:
        stretches: of the run.
        profile: with its period, jitter and catch-up.
        trial: runs candidates.
        each_alone: whether candidates that leave the same stretches can differ: outages, to a help desk.
        most: pairs of a phase and of stretches that are tried.
    """
    every_s, jitter_s = profile.every_s, profile.jitter_s
    schedules = schedules_of(stretches, every_s=every_s, jitter_s=jitter_s)
    best = _undisturbed(schedules, trial)
    edges, n = stretches.edges, len(stretches)
    # An absence begins at most a period and its jitter after the stretch, and ends as much before its end.
    spare_s = (1 if profile.catch_up else 2) * (every_s + jitter_s)
    spans = sorted(
        (max(1, edges[j + 1] - edges[i] - spare_s), i, j)
        for i in range(n)
        for j in range(i, n)
        if profile.catch_up or (stretches.is_fruitful[i] and stretches.is_fruitful[j])
    )
    within = spans[: max(1, most // max(1, len(schedules)))]
    answers: dict[object, bool] = {}
    size, place = _FIRST, 0
    while place < len(within) and (best is None or within[place][0] < best.length_s):
        batch = within[place : place + size]
        best = _of(_least(schedules, batch, profile, each_alone=each_alone), trial, answers, best)
        place, size = place + size, 4 * size
    is_whole = all(schedule.is_whole for schedule in schedules)
    if not is_whole:
        return Found(best, 0)
    return Found(best, None if len(within) == len(spans) else spans[len(within)][0])


def undisturbed(schedules: Sequence[Schedule]) -> dict[int, Candidate]:
    """Each set of stretches that a device can reach that is always on, with the schedule that does."""
    found: dict[int, Candidate] = {}
    for schedule in schedules:
        for mask, candidate in schedule.undisturbed():
            found.setdefault(mask, candidate)
    return found


def _undisturbed(schedules: Sequence[Schedule], trial: Trial) -> Candidate | None:
    candidates = list(undisturbed(schedules).values())
    broken = trial(candidates)
    return candidates[int(np.argmax(broken))] if broken.any() else None


def _least(
    schedules: Sequence[Schedule],
    spans: Sequence[tuple[int, int, int]],
    profile: Profile,
    *,
    each_alone: bool,
) -> dict[object, Candidate]:
    """Of the absences that leave the same stretches, the shortest."""
    found: dict[object, Candidate] = {}
    for _, first, last in spans:
        for schedule in schedules:
            for mask, candidate in schedule.without(first, last, catches_up=profile.catch_up):
                key = (mask, first, last) if each_alone else mask
                if key not in found or candidate.order < found[key].order:
                    found[key] = candidate
    return found


def _of(
    found: dict[object, Candidate], trial: Trial, answers: dict[object, bool], best: Candidate | None
) -> Candidate | None:
    """The shortest that breaks it, of some and the best so far."""
    known = [candidate for key, candidate in found.items() if answers.get(key)]
    best = min([*known, *([] if best is None else [best])], key=lambda each: each.order, default=None)
    fresh = sorted((key for key in found if key not in answers), key=lambda key: found[key].order)
    for keys in _batches(fresh):
        if best is not None and found[keys[0]].length_s >= best.length_s:
            break
        answers |= dict(zip(keys, trial([found[key] for key in keys]).tolist(), strict=True))
        broken = next((found[key] for key in keys if answers[key]), None)
        if broken is not None:
            return broken if best is None or broken.order < best.order else best
    return best


def _batches(keys: list[object]) -> Iterator[list[object]]:
    """All of them in order, a few first."""
    first, size = 0, 16
    while first < len(keys):
        yield keys[first : first + size]
        first, size = first + size, 4 * size
