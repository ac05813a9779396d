"""When devices receive a reserve, from as little of a run as that takes (model 9.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.results.critical import CriticalDelays
from sim.studies.experiment import Experiment, Progress, Simulator, share_of
from sim.world.fleet import Fleet, Roster
from sim.world.plan import Outage, Plan

Ints = NDArray[np.int64]

_SAMPLES: Final = 10


def critical_delays(
    experiment: Experiment,
    replication: int,
    *,
    specified_s: int,
    refused_by: frozenset[str] = frozenset(),
    progress: Progress | None = None,
) -> CriticalDelays:
    """Those of a replication; equal to those of its whole run.

    Args:
        experiment: in which the latest reserve is specified at `specified_s` and stays it, the main
            certificate does not change within the run, and nobody reinstalls.
        replication: counted from 0.
        specified_s: when.
        refused_by: platforms that refuse the reserve.
        progress: called now and then with the share that is done.
    """

    def parts() -> Iterator[tuple[Roster, Ints]]:
        for number, within in enumerate(experiment.parts):
            tell = share_of(progress, number, len(experiment.parts))
            delays_s = critical_delays_s(experiment, replication, within, specified_s, progress=tell)
            yield experiment.roster(within), delays_s

    return CriticalDelays.of_delays(parts(), refused_by=refused_by)


def critical_delays_s(
    experiment: Experiment,
    replication: int,
    within: range,
    specified_s: int,
    *,
    progress: Progress | None = None,
) -> Ints:
    """The critical delay of each of some devices; shape (n,), -1 where none within the run is enough."""
    fleet = Fleet.start(experiment.roster(within), experiment.draws(replication))
    plan = _without_the_rest(experiment.plan, specified_s)
    return _simulator(experiment)(plan, fleet, progress=progress).devices.critical_delay_s


def _without_the_rest(plan: Plan, specified_s: int) -> Plan:
    """The plan with no server before the reserve, and with a few samples: at each the process engine tells
    how far it is.

    What a device hears before cannot change when it receives this reserve, and attempts that nobody answers
    are passed over: their draws are keyed (model 7.1), so the ones that matter stay what they are.
    """
    outages = plan.outages if specified_s == 0 else (*plan.outages, Outage(0, specified_s))
    return replace(plan, outages=outages, sample_s=max(1, plan.horizon_s // _SAMPLES))


def _simulator(experiment: Experiment) -> Simulator:
    """The engine; the array engine ends each life with the reception."""
    if experiment.engine == "process":
        return experiment.simulate
    from sim.fleet.engine import simulate

    return partial(simulate, threads=experiment.threads, until_received=True)
