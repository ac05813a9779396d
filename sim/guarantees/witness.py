"""A device that shows why a guarantee failed."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from sim.scenario.guarantees import Guarantee
from sim.world.outcome import Outcome


def witness_of(guarantee: Guarantee, parts: Iterable[Outcome]) -> str | None:
    """The first device, in device order, that counts where it should not, or does not where it should.

    Args:
        guarantee: which failed.
        parts: the outcomes of the fleet's parts, of the replication in which it failed.

    Returns:
        its name; None where no single device shows it.
    """
    if "quantile" in guarantee.bound.asks.keys:
        return _extreme(guarantee, parts)
    for outcome in parts:
        where = np.flatnonzero(guarantee.bound.counting(outcome))
        if len(where):
            return outcome.roster.name(int(where[0]))
    return None


def _extreme(guarantee: Guarantee, parts: Iterable[Outcome]) -> str | None:
    """The device with the greatest value of its own, or the least where it should be greater."""
    measure, too_much = guarantee.bound.asks, guarantee.at_most is not None
    assert measure.alone is not None
    assert measure.counted is not None
    best: tuple[float, str] | None = None
    for outcome in parts:
        members = guarantee.bound.selection.devices(outcome.roster)
        where = np.flatnonzero(members & measure.counted(outcome, None))
        if len(where) == 0:
            continue
        values = measure.alone(outcome)[where]
        at = int(values.argmax() if too_much else values.argmin())
        here = float(values[at])
        if best is None or (here > best[0] if too_much else here < best[0]):
            best = here, outcome.roster.name(int(where[at]))
    return None if best is None else best[1]
