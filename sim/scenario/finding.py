"""A finding, who says so, and what rules ask of a prepared scenario."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Final

from sim.scenario.prepare import Prepared
from sim.world.order import SECONDS_PER_DAY
from sim.world.server import Event

REISSUING: Final = 'Kaspersky SMM 6.0, "Reissuing the mobile Administration Server certificate"'
NO_RESERVE: Final = f"{REISSUING}; support.kaspersky.ru/help/KSMM/4.1/en-US/274364.htm"
APPLE: Final = "support.apple.com/en-us/103769"
LANGUAGE: Final = "with a file, the validity comes from the file"
ASSUMED: Final = "an assumption of the model, not documented"
LISTS: Final = "how lists are read (docs/lists.md)"
ADVISED_S: Final = 30 * SECONDS_PER_DAY


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that the plan goes against.

    Attributes:
        rule: its short name.
        key: the part of the scenario it is about.
        message: what it is, and what would put it right.
        source: who says so.
        line: in the scenario file; None where there is no file.
    """

    rule: str
    key: str
    message: str
    source: str
    line: int | None = None


def date_of(prepared: Prepared, instant_s: int) -> str:
    """An instant as a date and a time of day."""
    return f"{moment_of(prepared, instant_s):%Y-%m-%d %H:%M}"


def moment_of(prepared: Prepared, instant_s: int) -> datetime:
    """An instant of the run."""
    return prepared.scenario.at(instant_s)


def specifications(prepared: Prepared) -> dict[int | None, Event]:
    """The specification of each reserve, by its generation."""
    return {e.generation: e for e in prepared.timeline.events if e.name == "reserve specified"}


def key_of(prepared: Prepared, event: Event) -> str:
    """The part of the file that made the server do it."""
    if event.by != "operator":
        return "server.automatic_reissue"
    assert event.generation is not None
    return f"strategy.{prepared.timeline.makers[event.generation].step}.reissue"


def main_expiry_s(prepared: Prepared, at_s: int) -> int:
    """When the certificate that is main just before an instant expires."""
    states = prepared.timeline.states
    main = states[max(0, bisect_left(states, at_s, key=attrgetter("from_s")) - 1)].main
    return prepared.timeline.server.certificates[main].not_after_s
