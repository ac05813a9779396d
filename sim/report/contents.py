"""What a page is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sim.figures.bars import CertificateLife, DeviceHistory, Spans
from sim.figures.series import TimeSeries
from sim.scenario.finding import Finding
from sim.studies.at_risk import DevicesAtRisk
from sim.studies.chase import FromList
from sim.studies.choices import Decision
from sim.studies.plots import Switches
from sim.studies.replications import MOST_REPLICATIONS
from sim.studies.result import Result
from sim.summary import Summary, Table

MOST_SAMPLES: Final = 5_000_000
"""Samples, over all replications, that fit into memory."""


@dataclass(frozen=True, slots=True)
class Extra:
    """What a page shows beside the run and its series.

    Attributes:
        command: the command that gives the same numbers again.
        summary: the result in words.
        absences: how long the devices of each group stay away, a sentence each.
        platforms: the measures by platform, as a table; None with one platform.
        findings: documented rules that the plan goes against.
        lives: the life of each certificate; the first is main at the start.
        switches: each activation of a reserve, and how many devices held it.
        outages_s: when the server answers nobody.
        technicians: how many the help desk has; None without one.
        histories: what happened to a few devices.
        lists: what the lists of devices tell; None without one, or without an activation.
        decision: what to do, by when, and what it will cost; None where there is nothing to plan.
        no_decision: why there is not; else empty.
    """

    command: str
    summary: Summary
    absences: tuple[str, ...]
    platforms: Table | None
    findings: tuple[Finding, ...]
    lives: tuple[CertificateLife, ...]
    switches: Switches
    outages_s: Spans
    technicians: int | None
    histories: tuple[DeviceHistory, ...]
    lists: FromList | None
    decision: Decision | None
    no_decision: str


@dataclass(frozen=True, eq=False)
class Contents:
    """Everything that a page shows.

    Attributes:
        result: of the run.
        extra: what was found.
        series: of the first replications.
        at_risk: the devices at risk.
    """

    result: Result
    extra: Extra
    series: TimeSeries
    at_risk: DevicesAtRisk

    def date(self, instant_s: int, form: str = "%Y-%m-%d %H:%M") -> str:
        """An instant for reading, by the clocks of the scenario's time zone."""
        try:
            return f"{self.result.at(instant_s):{form}}"
        except OverflowError:
            return "beyond the calendar"


def looked_at(replications: int, samples: int) -> int:
    """Replications of which the time series are looked at: a hundred, or as many as fit into memory."""
    return min(replications, MOST_REPLICATIONS, max(1, MOST_SAMPLES // max(samples, 1)))
