"""Lost devices against every activation delay, from one run (model 9.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError, visible
from sim.results.critical import CriticalDelays
from sim.results.measures import Selected
from sim.scenario.prepare import Prepared
from sim.scenario.scenario import Scenario, expect_scenario
from sim.studies.experiment import Engine, Experiment, Progress, share_of
from sim.studies.reception import critical_delays
from sim.summary import Column, Summary, Table
from sim.summary.card import to_html
from sim.text import evenly, number, span
from sim.world.order import SECONDS_PER_DAY
from sim.world.timeline import Timeline, play

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Ints = NDArray[np.int64]

BAND: Final = (0.05, 0.95)
"""Quantiles over the replications that a band lies between."""
_MOST_ROWS: Final = 31


class CurveError(InputError):
    """The scenario has no curve; the message says why and what would help."""


@dataclass(frozen=True, eq=False)
class Curve:
    """Devices ever lost, by activation delay.

    Attributes:
        scenario: which was run.
        step: index in the strategy of the reissue whose delay varies.
        delays_s: shape (k,), int64, ascending: whole days up to the scenario's own delay, or every delay at
            which the number changes.
        lost: shape (replications, k), int64.
        devices: how many there are.
        runs: simulations that it took for each replication; 1 where the delays share one (model 9.1).
    """

    scenario: Scenario
    step: int
    delays_s: Ints
    lost: Ints
    devices: int
    runs: int

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a delay: `delay_s`, `delay_days`, `lost_devices` and `lost_share`, which are means over the
        replications, and with several `low` and `high`, between which nine of ten replications lie.
        """
        import pandas as pd

        mean = self.lost.mean(axis=0)
        columns: dict[str, Any] = {
            "delay_days": self.delays_s / SECONDS_PER_DAY,
            "delay_s": self.delays_s,
            "lost_devices": mean if len(self.lost) > 1 else self.lost[0],
            "lost_share": mean / max(self.devices, 1),
        }
        if len(self.lost) > 1:
            low, high = np.quantile(self.lost, BAND, axis=0, method="inverted_cdf")
            columns.update(low=low, high=high)
        return pd.DataFrame(columns)

    def to_json(self) -> dict[str, Any]:
        """The document that `reissue curve --json` prints."""
        rows = self.table.to_dict(orient="records")
        for row in rows:
            for name, value in row.items():
                if isinstance(value, float) and value.is_integer() and name != "lost_share":
                    row[name] = int(value)
        return {
            "scenario": self.scenario.name,
            "seed": self.scenario.seed,
            "replications": len(self.lost),
            "devices": self.devices,
            "runs": self.runs,
            "curve": rows,
        }

    def plot(self) -> Figure:
        """The curve as a figure, with the scenario's own delay; over several replications with its band.

        Raises:
            FigureError: it has no delay.
        """
        from sim.figures import FigureError
        from sim.figures.delays import curve as draw

        if not len(self.delays_s):
            raise FigureError("the delay is shorter than a day: ask for every delay with exact=True")
        written = self.scenario.strategy[self.step].reissue
        several = len(self.lost) > 1
        return draw(
            self.scenario.name,
            self.delays_s,
            self.table["lost_devices"].to_numpy(dtype=np.float64),
            low=self.table["low"].to_numpy(dtype=np.float64) if several else None,
            high=self.table["high"].to_numpy(dtype=np.float64) if several else None,
            own_s=None if written is None else written.activate.after,
        )

    @property
    def answer(self) -> str:
        """What its two ends lose, in a sentence."""
        if not len(self.delays_s):
            return "No delay was tried."
        lost = self.lost.mean(axis=0)
        first, last = (span(int(self.delays_s[end])) for end in (0, -1))
        return (
            f"Of {self.devices:,} devices, a delay of {first} loses {number(float(lost[0]))}, "
            f"one of {last} {number(float(lost[-1]))}."
        )

    def __repr__(self) -> str:
        return f"<Curve {visible(self.scenario.name)}: {self.answer}>"

    def summary(self) -> Summary:
        """What the ends of the curve lose, and rows between them."""
        runs = f"{len(self.lost):,} replications; counts are means" if len(self.lost) > 1 else "one run"
        if self.runs > 1:
            runs = f"{self.runs:,} runs, since more happens than one activation"
        has_band = "low" in self.table
        rows = evenly(self.table.to_dict(orient="records"), _MOST_ROWS)
        most = max((row["lost_devices"] for row in rows), default=0) or 1
        table = Table(
            (
                Column("delay (days)", "number"),
                Column("lost", "count"),
                Column("share", "share"),
                *([Column("nine of ten lie in", "range")] if has_band else []),
                Column("", "bar"),
            ),
            tuple(
                (
                    row["delay_days"],
                    row["lost_devices"],
                    row["lost_share"],
                    *([(row["low"], row["high"])] if has_band else []),
                    row["lost_devices"] / most,
                )
                for row in rows
            ),
            hidden=len(self.table) - len(rows),
        )
        return Summary(
            self.scenario.name,
            self.answer,
            (table,),
            about=f"{self.devices:,} devices, lost by activation delay; seed {self.scenario.seed}, {runs}",
        )

    def _repr_html_(self) -> str:
        return to_html(self.summary())


def curve(
    scenario: Scenario,
    *,
    reissue: int | None = None,
    exact: bool = False,
    engine: Engine = "auto",
    seed: int | None = None,
    replications: int | None = None,
    progress: Progress | None = None,
    notice: Callable[[str], None] | None = None,
) -> Curve:
    """How many devices every activation delay would lose, up to the scenario's own.

    Whether a device receives the reserve does not depend on a later activation, so one run tells all delays
    (model 9.1). Where more happens to the main certificate than this one activation, each delay gets a run of
    its own; either way the numbers are those of separate runs.

    Args:
        scenario: with a reissue of delayed activation.
        reissue: its index in the strategy; needed where there are several.
        exact: every delay at which the number changes, instead of whole days.
        engine, seed, replications: as for `run`.
        progress: called now and then with the share that is done.
        notice: called with a sentence before a wait that needs a reason.

    Raises:
        CurveError: there is no such reissue, or `exact` is asked for where one run does not tell all delays.
        ScenarioError: the scenario cannot be run.
    """
    expect_scenario(scenario)
    changes = {k: v for k, v in (("seed", seed), ("replications", replications)) if v is not None}
    scenario = scenario.changed(changes) if changes else scenario
    experiment = Experiment.of(scenario, engine=engine)
    scenario = experiment.scenario
    step = step_of(scenario, reissue)
    own_s = own_delay_s(experiment.prepared, step)
    days_s = np.arange(1, own_s // SECONDS_PER_DAY + 1, dtype=np.int64) * SECONDS_PER_DAY
    waits = Waits.of(experiment.prepared, step, days_s)
    if notice is not None:
        for sentence in experiment.notices():
            notice(sentence)
    if waits is None:
        if exact:
            raise CurveError(
                "--exact needs a scenario in which nothing else happens to the main certificate: "
                "no second reissue, no other expiry within the run"
            )
        return _by_separate_runs(scenario, step, days_s, engine=engine, progress=progress)
    if scenario.recovery is not None:  # it helps those that are lost already, and lets parts be run apart
        experiment = Experiment.of(scenario.changed({"recovery": "none"}), engine=engine)
    n = scenario.replications
    found = [
        critical_delays(
            experiment,
            replication,
            specified_s=experiment.plan.action(step).at_s,
            refused_by=waits.refused_by,
            progress=share_of(progress, replication, n),
        )
        for replication in range(n)
    ]
    delays_s = days_s
    if exact:
        changes_s = np.unique(np.concatenate([each.delays_s for each in found]))
        delays_s = changes_s[changes_s <= own_s]
        waits = Waits.of(experiment.prepared, step, np.array([own_s]))
        assert waits is not None
        lost = np.array([each.lost(np.minimum(delays_s, waits.longest_s)) for each in found])
    else:
        lost = np.array([waits.lost(each) for each in found])
    return Curve(scenario, step, delays_s, lost.reshape(len(found), -1), experiment.size, runs=1)


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
    if number is not None:
        if number not in delayed:
            raise CurveError(f"strategy.{number} is not a reissue with delayed activation: {_named(delayed)}")
        return number
    if len(delayed) != 1:
        how_many = f"{len(delayed)} reissues" if delayed else "no reissue"
        raise CurveError(f"the strategy has {how_many} with delayed activation: {_named(delayed)}")
    return delayed[0]


def _named(delayed: Sequence[int]) -> str:
    if not delayed:
        return "write one, such as {at: day 10, reissue: {activate: after 30d}}"
    return "name one with --reissue " + " or ".join(map(str, delayed))


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
        reserve, specified_s = own.latest_reserve, plan.action(step).at_s
        if plan.first.refused_by or own.server.specified_at_s.get(reserve) != specified_s:
            return None
        timelines = [own, *(play(plan.with_delay(step, delay_s)) for delay_s in delays_s.tolist())]
        if not all(_only_activates(timeline, reserve) for timeline in timelines):
            return None
        own_wait_s, *waits_s = (_wait_s(timeline, specified_s) for timeline in timelines)
        return cls(
            np.array(waits_s, dtype=np.int64),
            own.server.certificates[reserve].refused_by,
            plan.horizon_s if own_wait_s < 0 else own_wait_s,
        )

    def lost(self, found: CriticalDelays) -> Ints:
        """Devices lost under each delay, in a replication."""
        return np.where(self.waits_s < 0, 0, found.lost(self.waits_s))


def _only_activates(timeline: Timeline, reserve: int) -> bool:
    """Whether nothing happens to the main certificate, but that this reserve is activated or not."""
    changed_to = [(after.change, after.main) for _, after in timeline.switches]
    return changed_to in ([], [("activated", reserve)]) and all(state.is_valid for state in timeline.states)


def _wait_s(timeline: Timeline, specified_s: int) -> int:
    """From the specification of the reserve to its activation; -1 where that does not happen."""
    return next((after.from_s - specified_s for _, after in timeline.switches), -1)


def own_delay_s(prepared: Prepared, step: int) -> int:
    """The delay that the scenario gives the reissue; for `at expiry`, the remaining life of the main one."""
    reissue = prepared.plan.reissue(step)
    if reissue.after_s is not None:
        return reissue.after_s
    return max(0, prepared.plan.first.not_after_s - reissue.at_s)


def _by_separate_runs(
    scenario: Scenario, step: int, delays_s: Ints, *, engine: Engine, progress: Progress | None
) -> Curve:
    lost = np.zeros((scenario.replications, len(delays_s)), dtype=np.int64)
    size = 0
    for place, delay_s in enumerate(delays_s.tolist()):
        key = f"strategy.{step}.reissue.activate"
        experiment = Experiment.of(scenario.changed({key: f"after {delay_s}s"}), engine=engine)
        size = experiment.size
        for replication in range(scenario.replications):
            tally = experiment.tally(replication)
            measured = Selected(tally).measure("lost_devices")
            assert measured is not None
            lost[replication, place] = int(measured)
        if progress is not None:
            progress((place + 1) / len(delays_s))
    return Curve(scenario, step, delays_s, lost, size, runs=len(delays_s))
