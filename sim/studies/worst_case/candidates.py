"""An absence, outage or shift, the schedule of the device that meets it, and how it is run and written."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sim.world.fleet import Away, Profile

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Candidate:
    """What an adversary tries; all in seconds.

    Attributes:
        length_s: of the absence, the outage or the shift; 0: none.
        from_s: when it begins.
        phase_s: of the schedule, in which attempts are due without jitter.
        late: attempts that jitter puts off, from when they are due until they are made.
        gone: from when the first attempt is due that the absence takes until the next one is made.
    """

    length_s: int
    from_s: int
    phase_s: int
    late: tuple[Span, ...] = ()
    gone: Span | None = None

    @property
    def order(self) -> tuple[int, int, int]:
        """The shortest first."""
        return self.length_s, self.from_s, self.phase_s


def lateness(candidate: Candidate, profile: Profile) -> Profile:
    """The device on, always; an attempt that jitter puts off is missed, and caught up when it is made."""
    if not candidate.late:
        return replace(profile, jitter_s=0)
    return replace(profile, jitter_s=0, catch_up=True, presence=Away(candidate.late))


def absent(candidate: Candidate, profile: Profile) -> Profile:
    """The device on but for the absence; lateness is written as absences, too, with the same attempts."""
    if candidate.length_s == 0:
        return lateness(candidate, profile)
    if not candidate.late:
        spell = (candidate.from_s, candidate.from_s + candidate.length_s)
        return replace(profile, jitter_s=0, presence=Away((spell,)))
    assert candidate.gone is not None
    begin_s, end_s = candidate.gone
    others = [span for span in candidate.late if not begin_s <= span[0] < end_s]
    return replace(
        profile, jitter_s=0, catch_up=True, presence=Away(tuple(sorted([*others, (begin_s, end_s)])))
    )
