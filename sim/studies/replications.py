"""The replications of a scenario: what became of each, kept or simulated again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.results.tally import Tally
from sim.scenario.findings import ADVISED_S
from sim.scenario.scenario import Scenario
from sim.studies.experiment import Experiment
from sim.world.certificates import Certificate
from sim.world.outcome import Outcome
from sim.world.plan import Plan

MOST_REPLICATIONS: Final = 100
"""Replications that figures and the page look at."""


@dataclass(frozen=True, eq=False, repr=False)
class Replications:
    """What became of a scenario, as columns and counts.

    Attributes:
        experiment: what was run.
        tallies: one a replication.
        kept: outcomes that need not be simulated again, by replication.
        took_s: wall-clock seconds.
    """

    experiment: Experiment
    tallies: tuple[Tally, ...]
    kept: Mapping[int, Outcome]
    took_s: float

    @property
    def scenario(self) -> Scenario:
        """As it was run, seed and replications included."""
        return self.experiment.scenario

    @property
    def engine(self) -> str:
        """Which engine ran it."""
        return self.experiment.engine

    @property
    def plan(self) -> Plan:
        """What the server and the operator were to do."""
        return self.experiment.plan

    @property
    def replications(self) -> int:
        """How many runs there were."""
        return len(self.tallies)

    def to_json(self) -> dict[str, Any]:
        """The result as a document."""
        raise NotImplementedError

    def number_of(self, replication: int) -> int:
        """The number that a replication, counted from 0, has in results: the scenario's first and so on."""
        return self.scenario.first_replication + replication

    def at(self, instant_s: int) -> datetime:
        """The date of an instant."""
        return self.scenario.at(instant_s)

    def outcome(self, replication: int = 0) -> Outcome:
        """What became of each device of a replication; simulated again where it was not kept."""
        return self.kept.get(replication) or self.experiment.outcome(replication)

    def outcomes(self, replication: int = 0) -> Iterator[Outcome]:
        """The same in parts that fit into memory."""
        if replication in self.kept:
            yield self.kept[replication]
        else:
            yield from self.experiment.outcomes(replication)

    def series(self, replication: int = 0) -> dict[str, NDArray[np.int64]]:
        """The time series of a replication (`Tally.series`)."""
        return self.tallies[replication].series or self.experiment.tally(replication).series

    @cached_property
    def certificates(self) -> Mapping[int, str]:
        """The SHA-256 fingerprint of each certificate, by generation (model 3.1)."""
        return {each.generation: each.identity or self._issued(each) for each in self.tallies[0].certificates}

    @cached_property
    def expires_s(self) -> Mapping[int, int]:
        """When each certificate expires, by generation; the documentation calls it *Expires*."""
        return {each.generation: each.not_after_s for each in self.tallies[0].certificates}

    @property
    def next_reserve_s(self) -> tuple[int, int]:
        """When the last certificate expires, and 30 days before, when the next reserve is due."""
        last = self.experiment.timeline.states[-1]
        expires_s = self.expires_s[last.reserve if last.reserve >= 0 else last.main]
        return expires_s, expires_s - ADVISED_S

    def _issued(self, certificate: Certificate) -> str:
        """The fingerprint of a certificate without a file: one is issued for its dates and its address."""
        from sim.pki.issue import issue
        from sim.pki.names import host_of

        return issue(
            generation=certificate.generation,
            host=host_of(certificate.address),
            not_before=self.at(certificate.not_before_s),
            not_after=self.at(certificate.not_after_s),
            issuer=certificate.issuer,
        ).fingerprint
