"""The least activation delay, and the latest day to specify the reserve (language 2, `plan`)."""

from __future__ import annotations

import os

from sim.executor import resources
from sim.scenario.prepare import prepare
from sim.scenario.scenario import Scenario
from sim.scenario.values import read_target
from sim.studies.choices import Decision
from sim.studies.decision import CONFIDENCE, SEED, decide
from sim.studies.experiment import Engine, Notice, Progress, checked, shown
from sim.studies.search import PlanError


@checked
def plan(
    scenario: Scenario,
    *,
    lost_at_most: float | str | None = None,
    confidence: float = CONFIDENCE,
    reissue: int | None = None,
    follow_advice: bool = True,
    vary: bool = True,
    gate: bool = False,
    engine: Engine = "auto",
    seed: int | None = None,
    replications: int | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    store: str | os.PathLike[str] | None = None,
    keep: bool = True,
    progress: Progress | bool | None = None,
    notice: Notice | None = None,
) -> Decision:
    """The least delay and the latest day that keep the promises about losses.

    The numbers of lost devices are computed (model 13); where that cannot be done, fleets are simulated.

    Args:
        scenario: its reissue is moved; one is added where there is none.
        lost_at_most: a share below 1, `2%`, or a number of devices from 1 on; 0 for none. None: what the
            guarantees about losses say; without one, that nobody is lost.
        confidence: of each promise that names no `probability` itself, below 1.
        reissue: index in the strategy of the reissue that is meant, where there are several.
        follow_advice: take no less than the recommended 30 days.
        vary: also answer for other dormant shares and absence tails.
        gate: also say which gate keeps the promise (model 10.1).
        engine, workers, cluster, store, keep: as for `run`, where fleets are simulated.
        seed: of those fleets; the scenario's own does not matter.
        replications: how many of them; default: enough for the confidence, and what takes some seconds.
        progress: called now and then with the share that is done; True: a line shows it.
        notice: called with a sentence before a wait that needs a reason.

    Raises:
        PlanError: there is nothing to plan, or too few replications for the confidence.
        ScenarioError: the scenario cannot be run.
        WorkersError: those who compute cannot be reached, or die.
        CacheError: results cannot be kept.
    """
    prepared = prepare(scenario)
    try:
        target = None if lost_at_most is None else read_target(lost_at_most)
    except ValueError as error:
        raise PlanError(str(error)) from None
    with resources(workers=workers, cluster=cluster, store=store, keep=keep, notice=notice) as means:
        return decide(
            prepared,
            lost_at_most=target,
            confidence=confidence,
            reissue=reissue,
            follow_advice=follow_advice,
            vary=vary,
            gate=gate,
            engine=engine,
            seed=SEED if seed is None else seed,
            replications=replications,
            means=means,
            progress=shown(progress),
        )
