"""Whether anything exercised a guarantee."""

from __future__ import annotations

from sim.results.measures import Selected
from sim.results.tally import Tally
from sim.scenario.guarantees import Guarantee


def why_vacuous(guarantee: Guarantee, tally: Tally, *, measured: bool) -> str | None:
    """Why nothing exercised the guarantee; None where something did.

    Args:
        guarantee: as written.
        tally: of any replication; what the server did is the same in all.
        measured: whether there was something to measure in any of them.
    """
    bound, measure = guarantee.bound, guarantee.bound.asks
    if Selected(tally, bound.selection).measure("devices") == 0:
        return "it is about no device"
    if measure.decided_by != "scenario" and not _is_exercised(tally):
        return "the main certificate neither changed nor expired within the run"
    return None if measured else measure.nothing


def _is_exercised(tally: Tally) -> bool:
    return len(tally.coverage_held) > 0 or any(event.name == "certificate expired" for event in tally.events)
