"""Which devices take part in a rehearsal: some of every group, and of every fate within it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sim.world.outcome import NEVER, Outcome


def sample_of(outcome: Outcome, *, devices: int) -> NDArray[np.int64]:
    """Indices of at most `devices` devices, in device order.

    Devices are alike if group, platform, cause of the loss, way back, times lost (0, 1, more), being lost
    at the end and having received the latest reserve agree. Turn by turn every group gives one device of
    its next kind, rare kinds first; within a kind those come first that received the reserve last.
    """
    turns: dict[int, list[list[int]]] = {}
    for kind in sorted(_kinds(outcome), key=len):
        profile = outcome.roster.profiles[outcome.roster.profile[kind[0]]]
        most = devices if profile.ever_on else 1  # who never comes on is worth one place, for the probes
        turns.setdefault(int(outcome.roster.group[kind[0]]), []).append(kind[:most].tolist())
    queues = [_in_turn(kinds)[:devices] for _, kinds in sorted(turns.items())]
    return np.array(sorted(_in_turn(queues)[:devices]), dtype=np.int64)


def _kinds(outcome: Outcome) -> list[NDArray[np.int64]]:
    roster, d = outcome.roster, outcome.devices
    features = np.stack(
        [
            roster.group,
            roster.profile,
            d.lost_cause,
            d.reconnected_by,
            np.minimum(d.times_lost, 2),
            outcome.is_lost,
            d.reserve_received_at_s != NEVER,
        ],
        axis=1,
    ).astype(np.int64)
    if not len(roster):
        return []
    _, kind = np.unique(features, axis=0, return_inverse=True)
    latest_first = np.lexsort((-d.reserve_received_at_s, kind.reshape(-1)))
    starts = np.flatnonzero(np.diff(kind.reshape(-1)[latest_first])) + 1
    return np.split(latest_first, starts)


def _in_turn(queues: list[list[int]]) -> list[int]:
    """The first of each queue, then the second of each, and so on."""
    longest = max(map(len, queues), default=0)
    return [queue[turn] for turn in range(longest) for queue in queues if turn < len(queue)]
