"""What a guarantee measures in one replication, and on which side of its threshold that lies."""

from __future__ import annotations

from sim.results.measures import Selection
from sim.results.tally import Tally
from sim.scenario.guarantees import Guarantee


def selection_of(guarantee: Guarantee, tally: Tally) -> Selection:
    """The devices of a replication that the guarantee is about."""
    return Selection(tally, group=guarantee.group, platform=guarantee.platform)


def value_of(guarantee: Guarantee, tally: Tally) -> float | None:
    """The guaranteed measure in one replication; None where there is nothing to measure."""
    selection = selection_of(guarantee, tally)
    if guarantee.measure == "time_to_reconnect":
        return selection.time_to_reconnect_s(1.0 if guarantee.quantile is None else guarantee.quantile)
    return selection.measure(guarantee.measure, within_s=guarantee.within)


def is_kept(guarantee: Guarantee, value: float | None) -> bool:
    """Whether the value lies on the right side of the threshold; on it is right, and so is nothing."""
    if value is None:
        return True
    if guarantee.at_most is not None:
        return value <= guarantee.at_most
    assert guarantee.at_least is not None
    return value >= guarantee.at_least


def why_vacuous(guarantee: Guarantee, tally: Tally, *, measured: bool) -> str | None:
    """Why nothing exercised the guarantee; None where something did.

    Args:
        guarantee: as written.
        tally: of any replication; what the server did is the same in all.
        measured: whether there was something to measure in any of them.
    """
    if selection_of(guarantee, tally).measure("devices") == 0:
        return "it is about no device"
    if guarantee.measure != "devices" and not _is_exercised(tally):
        return "the main certificate neither changed nor expired within the run"
    if not measured:
        nothing_came = guarantee.measure == "reserve_coverage"
        return "no certificate was activated" if nothing_came else "no device was lost"
    return None


def _is_exercised(tally: Tally) -> bool:
    return len(tally.coverage_held) > 0 or any(event.name == "certificate expired" for event in tally.events)
