"""Both engines on one scenario, the whole outcome compared; and both with probabilities (model 13)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

import numpy as np

from sim.probabilities.losses import NotExactError, losses
from sim.results.measures import Selected, Selection
from sim.scenario.scenario import Scenario
from sim.studies.experiment import Notice, Progress
from sim.studies.options import checked
from sim.studies.run import Result, run
from sim.summary import Column, Summary, Table, notes
from sim.summary.answer import Answer
from sim.world.outcome import SERIES, Outcome

FALSE_ALARM: Final = 1e-6
"""The probability with which right engines and right probabilities disagree, over all groups."""
_IN_JSON: Final = ("device", "at_s", "column", "process", "fleet", "replication")


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two outcomes part first: a column or what else differs, and its value in each engine.

    `device` and `at_s` are None where it is not about a device, or has no instant.
    """

    column: str
    device: str | None
    at_s: int | None
    process: object
    fleet: object
    replication: int = 0

    @property
    def sentence(self) -> str:
        """What differs, of which device, when, and how."""
        device = "" if self.device is None else f" of {self.device}"
        when = "" if self.at_s is None else f" at second {self.at_s}"
        return (
            f"{self.column}{device}{when} is {self.process} in the process engine and {self.fleet} in the "
            f"array engine (replication {self.replication})"
        )


@dataclass(frozen=True, slots=True)
class Witness:
    """Lost devices of a group, over all replications, beside their mean without simulation.

    `z`: how many standard deviations lie between, 0 where nothing is left to chance; `is_explained`: whether
    a number as far out is likelier than the false-alarm rate.
    """

    group: str
    lost: int
    mean: float
    z: float
    is_explained: bool


@dataclass(frozen=True, slots=True, repr=False)
class Verification(Answer):
    """Whether the engines agree, with each other and with probabilities that take no draw.

    `difference`: the first, None where the outcomes are equal; `witnesses`: one for each group, or else
    `no_witness` says why the probabilities take a simulation.
    """

    fingerprint: str
    difference: Difference | None
    witnesses: tuple[Witness, ...] = ()
    no_witness: str = ""

    @property
    def equal(self) -> bool:
        """Whether every column, event and sample is equal."""
        return self.difference is None

    @property
    def is_explained(self) -> bool:
        """Whether the probabilities, where there are any, explain what was simulated."""
        return all(witness.is_explained for witness in self.witnesses)

    def summary(self) -> Summary:
        """One fingerprint, or the first difference; and the probabilities beside the simulated numbers."""
        if self.difference is not None:
            return Summary("Both engines", f"different: {self.difference.sentence}", tone="bad")
        columns = (
            Column("group"),
            Column("lost", "count"),
            Column("expected", "number"),
            Column("z", "tenths"),
        )
        rows = tuple((each.group, each.lost, each.mean, each.z) for each in self.witnesses)
        judged = "do not explain these numbers: please report it"
        if self.no_witness:
            judged = f"say nothing here: {self.no_witness}"
        elif self.is_explained:
            judged = f"agree (false alarms: 1 in {1 / FALSE_ALARM:,.0f})"
        return Summary(
            "Both engines",
            f"equal: {self.fingerprint}",
            (Table(columns, rows), notes(f"The probabilities without simulation {judged}.")),
            tone="good" if self.is_explained else "bad",
        )

    def to_json(self) -> dict[str, Any]:
        """The document that `reissue verify --json` prints."""
        document: dict[str, Any] = {"equal": self.equal, "fingerprint": self.fingerprint}
        if self.difference is not None:
            document["difference"] = {name: getattr(self.difference, name) for name in _IN_JSON}
        groups = {each.group: {"lost": each.lost, "mean": each.mean, "z": each.z} for each in self.witnesses}
        agrees = {"agrees": self.is_explained, "false_alarm": FALSE_ALARM, "groups": groups}
        return {**document, "exact": {"refused": self.no_witness} if self.no_witness else agrees}


@checked
def verify(
    scenario: Scenario,
    *,
    progress: Progress | bool | None = None,
    notice: Notice | None = None,
) -> Verification:
    """Run the scenario on both engines and compare everything they return.

    Raises:
        EngineUnavailableError: the array engine needs numba.
    """
    fleet = run(scenario, engine="fleet", notice=notice)  # over in no time
    process = run(scenario, engine="process", progress=progress)
    for replication in range(process.replications):
        for left, right in zip(process.outcomes(replication), fleet.outcomes(replication), strict=True):
            difference = first_difference(left, right, replication=process.number_of(replication))
            if difference is not None:
                return Verification(process.fingerprint, difference)
    assert process.fingerprint == fleet.fingerprint
    try:
        return Verification(process.fingerprint, None, tuple(witnesses_of(fleet)))
    except NotExactError as error:
        return Verification(process.fingerprint, None, no_witness=str(error))


def witnesses_of(result: Result) -> Iterator[Witness]:
    """Each group's lost devices beside their law; all replications are independent.

    Raises:
        NotExactError: the probabilities take a simulation.
    """
    prepared = result.experiment.prepared
    found = losses(prepared.plan, prepared.timeline, prepared.roster())
    groups = sorted({kind.profile.group for kind, *_ in found.kinds})
    for group in groups:
        law = found.law(group=group, replications=result.replications)
        lost = sum(Selected(tally, Selection(group=group)).sum("lost") for tally in result.tallies)
        errors = sum(n * error for kind, n, _, error in found.kinds if kind.profile.group == group)
        doubt = int(errors * result.replications)
        tail = min(law.at_most(lost + doubt), 1.0 - law.at_most(lost - doubt - 1))
        z = (lost - law.mean) / law.sd if law.sd else 0.0
        yield Witness(group, lost, law.mean, z, tail > FALSE_ALARM / (2 * len(groups)))


def first_difference(process: Outcome, fleet: Outcome, *, replication: int = 0) -> Difference | None:
    """The first place where two outcomes differ: events, then devices in their order, then samples."""
    return next((Difference(*each, replication) for each in _differences(process, fleet)), None)


def _differences(
    process: Outcome, fleet: Outcome
) -> Iterator[tuple[str, str | None, int | None, object, object]]:
    """The first of each kind: what, of which device, when, in the one and in the other."""
    for left, right in zip_longest(process.events, fleet.events):
        if left != right:
            at_s = min(event.at_s for event in (left, right) if event is not None)
            yield "event", None, at_s, str(left), str(right)
    if process.certificates != fleet.certificates:
        yield "certificates", None, None, process.certificates, fleet.certificates
    columns = [*process.devices.columns(), ("is_lost", process.is_lost)]
    others = [*(each for _, each in fleet.devices.columns()), fleet.is_lost]
    found = [
        (int(where), name, one[where].item(), other[where].item())
        for (name, one), other in zip(columns, others, strict=True)
        for where in np.flatnonzero(one != other)[:1]
    ]
    for device, name, one, other in sorted(found, key=lambda first: first[0]):
        instants = [value for value in (one, other) if name.endswith("_at_s") and value >= 0]
        yield name, process.roster.name(device), min(instants, default=None), one, other
    for name in SERIES:
        one, other = process.series[name], fleet.series[name]
        if one.shape != other.shape:
            yield name, None, None, one.shape, other.shape
        else:
            for at in np.flatnonzero(one != other)[:1]:
                yield name, None, int(process.series["at_s"][at]), int(one[at]), int(other[at])
    if not np.array_equal(process.coverage_held, fleet.coverage_held):
        yield "coverage_held", None, None, process.coverage_held.tolist(), fleet.coverage_held.tolist()
