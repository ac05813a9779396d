"""Probabilities without simulation, for a scenario (model 13)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.guarantees.verdicts import Chance
from sim.probabilities.law import Law
from sim.probabilities.losses import Losses, NotExactError, Solver, losses
from sim.results.measures import Bound
from sim.scenario.prepare import Prepared, prepare
from sim.scenario.scenario import Scenario
from sim.studies.options import checked
from sim.summary import Column, Notes, Summary, Table, notes
from sim.summary.answer import Answer
from sim.text import evenly, number
from sim.world.timeline import play

MOST_DELAYS: Final = 120
FEW_DELAYS: Final = 12
QUANTILES: Final = {"5%": 0.05, "50%": 0.5, "95%": 0.95}


@dataclass(frozen=True, eq=False, repr=False)
class Probabilities(Answer):
    """The law of the number of lost devices.

    Attributes:
        prepared: the scenario.
        losses: every kind of device with its probability.
    """

    prepared: Prepared
    losses: Losses

    @cached_property
    def law(self) -> Law:
        """Of the whole fleet."""
        return self.losses.law()

    @cached_property
    def groups(self) -> dict[str, Law]:
        """Of each group, by name."""
        names = sorted({kind.profile.group for kind, *_ in self.losses.kinds})
        return {name: self.losses.law(group=name) for name in names}

    @cached_property
    def quantiles(self) -> dict[str, int]:
        """Lost devices that are not exceeded with a probability of 5, 50 and 95 %."""
        return {name: self.law.quantile(share) for name, share in QUANTILES.items()}

    def to_json(self) -> dict[str, Any]:
        """The document that `reissue exact --json` prints."""
        return {
            "scenario": self.prepared.scenario.name,
            "lost_devices": {"mean": self.law.mean, "sd": self.law.sd, "quantiles": self.quantiles},
            "groups": {
                name: {"devices": law.size, "probability": law.mean / law.size if law.size else 0.0}
                for name, law in self.groups.items()
            },
            "error": self.losses.error,
        }

    def summary(self) -> Summary:
        """How many devices are lost, and how likely a device of each group is."""
        low, middle, high = self.quantiles.values()
        rows = tuple((name, law.size, law.mean, _chance(law)) for name, law in self.groups.items())
        columns = (
            Column("group"),
            Column("devices", "count"),
            Column("lost", "tenths"),
            Column("chance of a device"),
        )
        table = Table(columns, (*rows, ("all", self.law.size, self.law.mean, None)), has_total=True)
        spread = (
            f"{number(middle)}"
            if low == high
            else f"{number(middle)} (5 to 95 %: {number(low)} to {number(high)})"
        )
        answer = f"Of {number(self.law.size)} devices, {spread} are lost."
        trust: Notes = notes(
            f"Computed, not simulated; the error of each chance is estimated at {self.losses.error:.1g}."
        )
        return Summary(self.prepared.scenario.name, answer, (table, trust))


def _chance(law: Law) -> str:
    """The mean probability of a device; what is far below rounding is said as a bound."""
    chance = law.mean / law.size if law.size else 0.0
    return "below 1e-15" if 0.0 < chance < 1e-15 else f"{chance:.3g}"


@checked
def exact(scenario: Scenario) -> Probabilities:
    """The law of the number of devices that lose the server, without simulating any.

    Args:
        scenario: nothing in it couples devices.

    Raises:
        NotExactError: the scenario takes a simulation; the message says why.
        ScenarioError: it cannot be run.
    """
    prepared = prepare(scenario)
    return Probabilities(prepared, losses(prepared.plan, prepared.timeline, prepared.roster()))


def expected_losses(prepared: Prepared, step: int, delays_s: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """Devices lost on average under each activation delay of a reissue, without simulation; shape (k,).

    Where one pass does not answer for all delays, a few are solved, roughly, and the others lie between.

    Args:
        prepared: the scenario.
        step: index of the reissue in the strategy.
        delays_s: ascending, shape (k,).

    Returns:
        None where that takes a simulation.
    """
    plan, roster = prepared.plan, prepared.roster()
    try:
        solver = Solver(plan, roster)
        is_one_pass = solver.is_one_pass and not plan.outages
        solver = solver if is_one_pass else Solver(plan, roster, fine=False)
        tried = evenly(delays_s.tolist(), MOST_DELAYS if is_one_pass else FEW_DELAYS)
        timelines = [play(plan.with_delay(step, delay_s)) for delay_s in tried]
        solver.look_ahead(timelines)
        means = [solver.losses(timeline).law().mean for timeline in timelines]
    except NotExactError:
        return None
    return np.interp(delays_s, tried, means) if tried else None


def chance_of(prepared: Prepared) -> Chance:
    """Computes the probability that a bound on lost devices is kept; the help desk does not matter to it."""
    plan = replace(prepared.plan, recovery=None)

    @cache
    def found() -> Losses | None:
        try:
            return losses(plan, prepared.timeline, prepared.roster())
        except NotExactError:
            return None

    def chance(bound: Bound) -> tuple[float, float] | None:
        of_devices, selection = bound.entry.of_devices, bound.selection
        solved = found() if bound.measure in ("lost_devices", "lost_share") else None
        if of_devices is None or solved is None:
            return None
        devices = int(np.count_nonzero(selection.devices(prepared.roster())))
        law = solved.law(group=selection.group, platform=selection.platform)
        first, probabilities = law.distribution
        kept = [bound.is_kept(of_devices(first + n, devices)) for n in range(len(probabilities))]
        return float(probabilities[kept].sum()), solved.error * devices

    return chance
