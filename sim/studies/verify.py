"""Both engines on one scenario, the whole outcome compared; and both with probabilities (model 13)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from sim.probabilities.losses import NotExactError, losses
from sim.scenario.prepare import prepare
from sim.scenario.scenario import Scenario
from sim.studies.experiment import Notice, Progress, checked
from sim.studies.result import Result
from sim.studies.run import run
from sim.summary import Column, Summary, Table, notes
from sim.summary.answer import Answer
from sim.world.outcome import SERIES, Outcome

_IN_JSON: Final = ("device", "at_s", "column", "process", "fleet", "replication")


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two outcomes part first.

    Attributes:
        column: of the device, the time series, or what else differs.
        device: its name; None where it is not about a device.
        at_s: instant, where there is one.
        process: value of the process engine.
        fleet: value of the array engine.
        replication: in which.
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


FALSE_ALARM: Final = 1e-6
"""The probability with which right engines and right probabilities disagree, over all groups."""


@dataclass(frozen=True, slots=True)
class Witness:
    """Lost devices of a group, over all replications, beside their law.

    Attributes:
        group: its name.
        lost: simulated.
        mean: expected, without simulation.
        z: how many standard deviations lie between; 0 where nothing is left to chance.
        tail: the probability of a number at least as far out, on its side, but for the error of the mean.
        is_explained: whether that is more than the false-alarm rate allows.
    """

    group: str
    lost: int
    mean: float
    z: float
    tail: float
    is_explained: bool


@dataclass(frozen=True, slots=True, repr=False)
class Verification(Answer):
    """Whether the engines agree, with each other and with probabilities that take no draw.

    Attributes:
        fingerprint: of the process engine's outcome.
        difference: the first; None where the outcomes are equal.
        witnesses: one for each group; none where the probabilities take a simulation.
        no_witness: why there is none.
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
        if self.no_witness:
            judged = f"The probabilities without simulation say nothing here: {self.no_witness}."
        elif self.is_explained:
            judged = (
                f"The probabilities without simulation agree (false alarms: 1 in {1 / FALSE_ALARM:,.0f})."
            )
        else:
            judged = "The probabilities without simulation do not explain these numbers: please report it."
        return Summary(
            "Both engines",
            f"equal: {self.fingerprint}",
            (Table(columns, rows), notes(judged)),
            tone="good" if self.is_explained else "bad",
        )

    def to_json(self) -> dict[str, Any]:
        """The document that `reissue verify --json` prints."""
        document: dict[str, Any] = {"equal": self.equal, "fingerprint": self.fingerprint}
        if self.difference is not None:
            document["difference"] = {name: getattr(self.difference, name) for name in _IN_JSON}
        if self.no_witness:
            document["exact"] = {"refused": self.no_witness}
        else:
            document["exact"] = {
                "agrees": self.is_explained,
                "false_alarm": FALSE_ALARM,
                "groups": {
                    each.group: {"lost": each.lost, "mean": each.mean, "z": each.z} for each in self.witnesses
                },
            }
        return document


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
        witnesses = tuple(witnesses_of(scenario, fleet))
    except NotExactError as error:
        return Verification(process.fingerprint, None, no_witness=str(error))
    return Verification(process.fingerprint, None, witnesses)


def witnesses_of(scenario: Scenario, result: Result) -> Iterator[Witness]:
    """Each group's lost devices beside their law; all replications are independent.

    Raises:
        NotExactError: the probabilities take a simulation.
    """
    prepared = prepare(scenario)
    found = losses(prepared.plan, prepared.timeline, prepared.roster())
    groups = sorted({kind.profile.group for kind, *_ in found.kinds})
    for group in groups:
        law = found.law(group=group, replications=result.replications)
        lost = sum(
            int(tally.column("lost")[[p.group == group for p in tally.profiles]].sum())
            for tally in result.tallies
        )
        errors = sum(n * error for kind, n, _, error in found.kinds if kind.profile.group == group)
        doubt = int(errors * result.replications)
        tail = min(law.at_most(lost + doubt), 1.0 - law.at_most(lost - doubt - 1))
        allowed = FALSE_ALARM / (2 * len(groups))
        z = (lost - law.mean) / law.sd if law.sd else 0.0
        yield Witness(group, lost, law.mean, z, tail, tail > allowed)


def first_difference(process: Outcome, fleet: Outcome, *, replication: int = 0) -> Difference | None:
    """The first place where two outcomes differ: events, then devices in their order, then samples."""
    return next(_differences(process, fleet, replication), None)


def _differences(process: Outcome, fleet: Outcome, replication: int) -> Iterator[Difference]:
    for left, right in zip(process.events, fleet.events, strict=False):
        if left != right:
            yield Difference("event", None, min(left.at_s, right.at_s), str(left), str(right), replication)
    if len(process.events) != len(fleet.events):
        yield Difference("events", None, None, len(process.events), len(fleet.events), replication)
    if process.certificates != fleet.certificates:
        yield Difference("certificates", None, None, process.certificates, fleet.certificates, replication)
    yield from _device_differences(process, fleet, replication)
    for name in SERIES:
        one, other = process.series[name], fleet.series[name]
        if len(one) != len(other):
            yield Difference(name, None, None, len(one), len(other), replication)
        elif (where := np.flatnonzero(one != other)).size:
            at = int(where[0])
            at_s = int(process.series["at_s"][at])
            yield Difference(name, None, at_s, int(one[at]), int(other[at]), replication)
    if not np.array_equal(process.coverage_held, fleet.coverage_held):
        held = process.coverage_held.tolist(), fleet.coverage_held.tolist()
        yield Difference("coverage_held", None, None, *held, replication)


def _device_differences(process: Outcome, fleet: Outcome, replication: int) -> Iterator[Difference]:
    columns = [(name, one, getattr(fleet.devices, name)) for name, one in process.devices.columns()]
    columns.append(("is_lost", process.is_lost, fleet.is_lost))
    firsts = []
    for name, one, other in columns:
        where = np.flatnonzero(one != other)
        if where.size:
            firsts.append((int(where[0]), name, one[where[0]].item(), other[where[0]].item()))
    if firsts:
        device, name, one, other = min(firsts, key=lambda first: first[0])
        instants = [value for value in (one, other) if name.endswith("_at_s") and value >= 0]
        yield Difference(
            name, process.roster.name(device), min(instants, default=None), one, other, replication
        )
