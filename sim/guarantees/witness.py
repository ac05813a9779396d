"""A device that shows why a guarantee failed."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from sim.scenario.guarantees import Guarantee
from sim.world.outcome import Outcome

Bools = NDArray[np.bool_]


def witness_of(guarantee: Guarantee, parts: Iterable[Outcome]) -> str | None:
    """The first device, in device order, that counts where it should not, or does not where it should.

    Args:
        guarantee: which failed.
        parts: the outcomes of the fleet's parts, of the replication in which it failed.

    Returns:
        its name; None where no single device shows it.
    """
    if guarantee.measure == "devices":
        return None
    if guarantee.measure == "time_to_reconnect":
        return _latest(guarantee, parts)
    for outcome in parts:
        where = np.flatnonzero(_shows(guarantee, outcome) & _members(guarantee, outcome))
        if len(where):
            return outcome.roster.name(int(where[0]))
    return None


def _shows(guarantee: Guarantee, outcome: Outcome) -> Bools:
    too_much = guarantee.at_most is not None
    lost: Bools = outcome.devices.lost_at_s >= 0
    match guarantee.measure:
        case "reconnected_devices" | "reconnected_share":
            taken_s = _taken_s(outcome)
            back = taken_s >= 0
            if guarantee.within is not None:
                back &= taken_s <= guarantee.within
            return back if too_much else lost & ~back
        case "still_lost_devices":
            return outcome.is_lost if too_much else ~outcome.is_lost
        case "reserve_coverage":
            return ~lost if too_much else lost
        case "reinstalls" | "helpdesk_hours":
            helped: Bools = outcome.devices.helpdesk_s > 0
            return helped if too_much else ~helped
        case _:
            return lost if too_much else ~lost


def _latest(guarantee: Guarantee, parts: Iterable[Outcome]) -> str | None:
    """The lost device that took longest to reconnect, or least long where it should take longer."""
    too_much = guarantee.at_most is not None
    best: tuple[int, str] | None = None
    for outcome in parts:
        where = np.flatnonzero((outcome.devices.lost_at_s >= 0) & _members(guarantee, outcome))
        if len(where) == 0:
            continue
        taken_s = _taken_s(outcome)[where]
        taken_s[taken_s < 0] = np.iinfo(np.int64).max  # never within the run
        at = int(taken_s.argmax() if too_much else taken_s.argmin())
        here = int(taken_s[at])
        if best is None or (here > best[0] if too_much else here < best[0]):
            best = here, outcome.roster.name(int(where[at]))
    return None if best is None else best[1]


def _taken_s(outcome: Outcome) -> NDArray[np.int64]:
    """Seconds from the first loss to its end; -1 where it did not end."""
    devices = outcome.devices
    return np.where(devices.reconnected_at_s >= 0, devices.reconnected_at_s - devices.lost_at_s, -1)


def _members(guarantee: Guarantee, outcome: Outcome) -> Bools:
    chosen = [
        guarantee.group in (None, p.group) and guarantee.platform in (None, p.platform)
        for p in outcome.roster.profiles
    ]
    return np.array(chosen, dtype=np.bool_)[outcome.roster.profile]
