"""The times between the instants at which something changes for a device, and the phases that matter."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from sim.scenario.guarantees import Guarantee
from sim.studies.worst_case.breaking import thresholds_s
from sim.world.draws import Draws, Purpose
from sim.world.plan import Plan, Recovery
from sim.world.timeline import play


@dataclass(frozen=True)
class Stretches:
    """The run, cut where something changes: within a stretch the first success does all that any does.

    Attributes:
        edges: ascending, from 0 to the horizon; stretch i is [edges[i], edges[i + 1]).
        is_fruitful: of each stretch, whether an attempt in it can do anything.
    """

    edges: tuple[int, ...]
    is_fruitful: tuple[bool, ...]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.is_fruitful)

    def at(self, instant_s: int) -> int:
        """The stretch of an instant; their number from the horizon on."""
        return bisect_right(self.edges, instant_s) - 1

    @cached_property
    def bits(self) -> tuple[int, ...]:
        """Of each stretch, its mark in a set of them; 0 for those in which an attempt does nothing."""
        return (*(1 << i if fruitful else 0 for i, fruitful in enumerate(self.is_fruitful)), 0)

    def phases(self, *, every_s: int, jitter_s: int) -> list[int]:
        """The phases that put one end of an attempt's range on an edge, or a second before it."""
        early = {0, 1, jitter_s, jitter_s + 1}
        return sorted({(edge - e) % every_s for edge in self.edges for e in early})


def stretches_of(plan: Plan, guarantee: Guarantee, draws: Draws, identity: int) -> Stretches:
    """Cut at all that the server does, at times that the guarantee names, at the help desk's work.

    Args:
        plan: of the server and the operator.
        guarantee: which names times after a loss.
        draws: of the help desk's durations.
        identity: of the device that it works on.
    """
    timeline, horizon_s = play(plan), plan.horizon_s
    instants = {0, horizon_s, *(state.from_s for state in timeline.states)}
    for certificate in timeline.server.certificates:
        instants |= {certificate.not_before_s, certificate.not_after_s}
    losses_s = [after.from_s for _, after in timeline.switches]
    for loss_s in losses_s:
        for threshold_s in thresholds_s(guarantee):
            instants |= {loss_s + threshold_s, loss_s + threshold_s + 1}
    if plan.recovery is not None:
        instants |= set(_helped(plan.recovery, losses_s, draws, identity))
    edges = sorted(instant for instant in instants if 0 <= instant <= horizon_s)
    begins_s = [state.from_s for state in timeline.states]
    states = [timeline.states[bisect_right(begins_s, edge) - 1] for edge in edges[:-1]]
    return Stretches(tuple(edges), tuple(not state.is_out and state.is_valid for state in states))


def _helped(desk: Recovery, losses_s: list[int], draws: Draws, identity: int) -> Iterator[int]:
    """When a reinstallation begins and ends, if it follows a loss without a wait (model 6.1)."""
    for turn, loss_s in enumerate(losses_s):
        for number in range(turn + 1):
            ready_s = desk.owner_responds.draw(*draws.pair(identity, Purpose.OWNER_RESPONDS, number))
            takes_s = desk.takes.draw(*draws.pair(identity, Purpose.REINSTALL_TAKES, number))
            begins_s = loss_s + desk.begins_s + ready_s
            yield from (begins_s + 1, begins_s + takes_s + 1)  # attempts of the same second come first
