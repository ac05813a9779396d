"""What every delay of one reissue would lose, from as little of a run as that takes (model 9.1)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError
from sim.executor.task import Arrays, Form
from sim.results.critical import CriticalDelays
from sim.results.measures import ALL, Selection
from sim.scenario.prepare import Prepared
from sim.scenario.scenario import Scenario
from sim.studies.experiment import Experiment, Progress
from sim.world.plan import Outage
from sim.world.timeline import Timeline, play

Ints = NDArray[np.int64]

_SAMPLES: Final = 10


class PlanError(InputError):
    """There is nothing to plan; the message says why and what would help."""


class CurveError(PlanError):
    """One run does not tell of other delays, or no reissue is meant; the message says what would help."""


def step_of(scenario: Scenario, number: int | None) -> int:
    """The index in the strategy of the reissue that is meant: the only one with a delayed activation.

    Raises:
        CurveError: there is none, or several and none is named.
    """
    delayed = [
        i
        for i, step in enumerate(scenario.strategy)
        if step.reissue is not None and step.reissue.activate.kind != "immediately"
    ]
    if number is None and len(delayed) == 1:
        return delayed[0]
    if number is not None and number in delayed:
        return number
    what_helps = "name one with --reissue " + " or ".join(map(str, delayed))
    if not delayed:
        what_helps = "write one, such as {at: day 10, reissue: {activate: after 30d}}"
    if number is not None:
        raise CurveError(f"strategy.{number} is not a reissue with delayed activation: {what_helps}")
    how_many = f"{len(delayed)} reissues" if delayed else "no reissue"
    raise CurveError(f"the strategy has {how_many} with delayed activation: {what_helps}")


def own_delay_s(prepared: Prepared, step: int) -> int:
    """The delay that a plan gives a reissue; for `at expiry`, the remaining life of the first certificate."""
    plan, reissue = prepared.plan, prepared.plan.reissue(step)
    if reissue.after_s is not None:
        return reissue.after_s
    return max(0, plan.first.not_after_s - reissue.at_s)


@dataclass(frozen=True, eq=False)
class Waits:
    """How long the reserve would really wait under each delay, where one run tells all.

    Attributes:
        waits_s: shape (k,), int64: from its specification to its activation; -1 where that does not happen
            within the run.
        refused_by: platforms that refuse the certificate.
        longest_s: the longest possible wait.
    """

    waits_s: Ints
    refused_by: frozenset[str]
    longest_s: int

    @classmethod
    def of(cls, prepared: Prepared, step: int, delays_s: Ints) -> Waits | None:
        """The waits under each delay; None where more happens to the main certificate than one activation.

        The server's life does not depend on the devices, so it can be played for each delay.
        """
        plan, own = prepared.plan, prepared.timeline
        if replace(plan, recovery=None).couples_devices:
            return None  # when a gate opens, or who is visited, depends on the devices
        reserve, specified_s = own.latest_reserve, plan.reissue(step).at_s
        if plan.first.refused_by or own.server.specified_at_s.get(reserve) != specified_s:
            return None
        waits_s = []
        for delay_s in [None, *delays_s.tolist()]:
            timeline = own if delay_s is None else play(plan.with_delay(step, delay_s))
            if not _only_activates(timeline, reserve):
                return None
            waits_s.append(next((after.from_s - specified_s for _, after in timeline.switches), -1))
        return cls(
            np.array(waits_s[1:], dtype=np.int64),
            own.server.certificates[reserve].refused_by,
            plan.horizon_s if waits_s[0] < 0 else waits_s[0],
        )

    def lost(self, found: CriticalDelays) -> Ints:
        """Devices lost under each delay, in a replication."""
        return np.where(self.waits_s < 0, 0, found.lost(self.waits_s))


def _only_activates(timeline: Timeline, reserve: int) -> bool:
    """Whether nothing happens to the main certificate, but that this reserve is activated or not."""
    changed_to = [(after.change, after.main) for _, after in timeline.switches]
    return changed_to in ([], [("activated", reserve)]) and all(state.is_valid for state in timeline.states)


# --- when devices receive it ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Delays:
    """The critical delays of a replication; equal to those of its whole run.

    For experiments in which the latest reserve is specified at `specified_s` and stays it, the main
    certificate does not change within the run, and nobody reinstalls.

    Attributes:
        specified_s: when, in seconds from the start.
        refused_by: platforms that refuse the reserve.
        selection: which devices are counted.
    """

    specified_s: int
    refused_by: frozenset[str] = frozenset()
    selection: Selection = ALL

    def value(
        self, experiment: Experiment, replication: int, within: range, progress: Progress | None = None
    ) -> CriticalDelays:
        """See `Quantity`."""
        delays_s = critical_delays_s(experiment, replication, within, self.specified_s, progress=progress)
        parts = [(experiment.prepared.roster(within), delays_s)]
        return CriticalDelays.of_delays(parts, refused_by=self.refused_by, selection=self.selection)

    def form(self, experiment: Experiment) -> Form:
        """See `Quantity`."""
        return {"delays_s": ("<i8", (None,)), "devices": ("<i8", (None,)), "others": ("<i8", (2,))}

    def pack(self, value: CriticalDelays) -> Arrays:
        """See `Quantity`."""
        others = np.array([value.never, value.refused], dtype=np.int64)
        return {"delays_s": value.delays_s, "devices": value.devices, "others": others}

    def unpack(self, arrays: Arrays, experiment: Experiment) -> CriticalDelays:
        """See `Quantity`."""
        return CriticalDelays(arrays["delays_s"], arrays["devices"], *arrays["others"].tolist())


def critical_delays_s(
    experiment: Experiment,
    replication: int,
    within: range,
    specified_s: int,
    *,
    progress: Progress | None = None,
) -> Ints:
    """The critical delay of each of some devices; shape (n,), -1 where none within the run is enough."""
    fleet, plan, simulate = experiment.fleet(replication, within), experiment.plan, experiment.simulate
    # No server before the reserve: what a device hears then cannot change when it receives this one, and
    # attempts that nobody answers are passed over; draws are keyed (model 7.1). Few samples: at each the
    # process engine tells how far it is.
    outages = plan.outages if specified_s == 0 else (*plan.outages, Outage(0, specified_s))
    plan = replace(plan, outages=outages, sample_s=max(1, plan.horizon_s // _SAMPLES))
    if experiment.engine == "fleet":  # which ends each life with the reception
        from sim.fleet import engine

        simulate = partial(engine.simulate, threads=experiment.threads, until_received=True)
    return simulate(plan, fleet, progress=progress).devices.critical_delay_s
