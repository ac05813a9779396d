"""Every absence of one device that can matter, between the instants at which something changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from sim.world.fleet import Away, Presence


@dataclass(frozen=True, slots=True)
class Candidate:
    """An absence, or a shift, and the phase of the device that meets it; all in seconds."""

    length_s: int
    from_s: int
    phase_s: int


def spells(instants: Sequence[int], phase_s: int, every_s: int, *, catches_up: bool) -> Iterator[Candidate]:
    """Every absence that takes all attempts of some stretches between the instants, and the empty one."""
    yield Candidate(0, 0, phase_s)
    stretches = list(pairwise(instants))
    firsts = [from_s + (phase_s - from_s) % every_s for from_s, _ in stretches]
    lasts = [to_s - 1 - (to_s - 1 - phase_s) % every_s for _, to_s in stretches]
    for begin, (_, begin_to_s) in enumerate(stretches):
        if firsts[begin] >= begin_to_s:
            continue  # no attempt falls into it
        for end in range(begin, len(stretches)):
            if firsts[end] >= stretches[end][1] and not catches_up:
                continue  # where it catches up, staying away for longer puts that off
            to_s = stretches[end][1] if catches_up else lasts[end] + 1
            yield Candidate(to_s - firsts[begin], firsts[begin], phase_s)


def away(candidate: Candidate) -> Presence:
    """On but for the absence."""
    if candidate.length_s == 0:
        return "always"
    return Away(((candidate.from_s, candidate.from_s + candidate.length_s),))


def batches(candidates: list[Candidate]) -> Iterator[list[Candidate]]:
    """All of them in order, a few first."""
    rest, size = iter(candidates), 64
    while batch := list(islice(rest, size)):
        yield batch
        size = min(4 * size, 16_384)
