"""Lost devices against every activation delay, from one run (model 9.1)."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Unpack

import numpy as np
from numpy.typing import NDArray

from sim.results.measures import Selected
from sim.scenario.prepare import Prepared, prepare
from sim.scenario.scenario import Scenario
from sim.studies.choices import Decision
from sim.studies.decision import computed
from sim.studies.delays import CurveError, Delays, Waits, own_delay_s, step_of
from sim.studies.exact import expected_losses
from sim.studies.experiment import Experiment
from sim.studies.options import Options, checked, computing, shown, with_options
from sim.studies.search import Opening
from sim.studies.tasks import Tallies, values
from sim.summary import Column, Summary, Table, notes
from sim.summary.answer import Answer
from sim.text import evenly, number, span
from sim.world.order import SECONDS_PER_DAY

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from sim.figures.style import Ax, Size

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

BAND: Final = (0.05, 0.95)
"""Quantiles over the replications that a band lies between."""
DAYS: Final = (1, 3, 7, 14, 21, 30, 60, 90)
"""Delays that are shown, beside those at which something happens."""
_MOST_ROWS: Final = 31


@dataclass(frozen=True, eq=False, repr=False)
class Curve(Answer):
    """Devices ever lost, by activation delay.

    Attributes:
        prepared: the scenario that was run, made ready.
        step: index in the strategy of the reissue whose delay varies.
        delays_s: shape (k,), int64, ascending: whole days up to the scenario's own delay, or every delay at
            which the number changes.
        lost: shape (replications, k), int64.
        devices: how many there are.
        runs: simulations that it took for each replication; 1 where the delays share one (model 9.1).
        gate: when the scenario's own gate opens; None: it has none.
    """

    prepared: Prepared
    step: int
    delays_s: Ints
    lost: Ints
    devices: int
    runs: int
    gate: Opening | None = None

    @property
    def scenario(self) -> Scenario:
        """Which was run."""
        return self.prepared.scenario

    @cached_property
    def decision(self) -> Decision | None:
        """What `sim.plan` says, where it is computed at once; else None."""
        return computed(self.prepared, reissue=self.step)

    @cached_property
    def expected(self) -> Floats | None:
        """Devices lost on average under each delay, computed, shape (k,); None where that needs a run."""
        return expected_losses(self.prepared, self.step, self.delays_s)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a delay: `delay_s`, `delay_days`, `lost_devices` and `lost_share`, which are means over the
        replications; `expected_devices` where that is computed; and with several `low` and `high`, between
        which nine of ten replications lie.
        """
        import pandas as pd

        mean = self.lost.mean(axis=0)
        columns: dict[str, Any] = {
            "delay_days": self.delays_s / SECONDS_PER_DAY,
            "delay_s": self.delays_s,
            "lost_devices": mean if len(self.lost) > 1 else self.lost[0],
            "lost_share": mean / max(self.devices, 1),
        }
        if self.expected is not None:
            columns["expected_devices"] = self.expected
        if len(self.lost) > 1:
            low, high = np.quantile(self.lost, BAND, axis=0, method="inverted_cdf")
            columns.update(low=low, high=high)
        return pd.DataFrame(columns)

    def to_json(self) -> dict[str, Any]:
        """The document that `reissue curve --json` prints."""
        rows = self.table.to_dict(orient="records")
        for row in rows:
            for name, value in row.items():
                if (
                    isinstance(value, float)
                    and value.is_integer()
                    and name not in ("lost_share", "expected_devices")
                ):
                    row[name] = int(value)
        return {
            "scenario": self.scenario.name,
            "seed": self.scenario.seed,
            "replications": len(self.lost),
            "devices": self.devices,
            "runs": self.runs,
            "curve": rows,
            "delay_days": None if self.decision is None else self.decision.delay_days,
            "specify_by": None if self.decision is None else self.decision.to_json()["specify_by"],
            **({} if self.gate is None else {"gate": asdict(self.gate)}),
        }

    def plot(self, *, ax: Ax = None, figsize: Size = None) -> Figure:
        """The curve as a figure, with the scenario's own delay; over several replications with its band.

        Raises:
            FigureError: it has no delay.
        """
        from sim.figures import FigureError
        from sim.figures.delays import curve as draw

        if not len(self.delays_s):
            raise FigureError("the delay is shorter than a day: ask for every delay with exact=True")
        written = self.scenario.strategy[self.step].reissue
        runs, columns = len(self.lost), self.table.astype(np.float64)
        return draw(
            self.scenario.name,
            self.delays_s,
            columns["lost_devices"].to_numpy(),
            expected=self.expected,
            band=(columns["low"].to_numpy(), columns["high"].to_numpy()) if runs > 1 else None,
            own_s=None if written is None else written.activate.after,
            of=f"{runs:,} runs" if runs > 1 else "",
            place=(ax, figsize),
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

    def summary(self) -> Summary:
        """What the ends of the curve lose, and rows between them."""
        runs = f"{len(self.lost):,} replications; counts are means" if len(self.lost) > 1 else "one run"
        if self.runs > 1:
            runs = f"{self.runs:,} runs, since more happens than one activation"
        rows = self._shown()
        columns = [Column("delay (days)", "number"), Column("lost", "count"), Column("share", "share")]
        cells = [[row["delay_days"], row["lost_devices"], row["lost_share"]] for row in rows]
        if self.expected is not None:
            columns.append(Column("computed", "tenths"))
            cells = [[*row, each["expected_devices"]] for row, each in zip(cells, rows, strict=True)]
        if "low" in self.table:
            columns.append(Column("nine of ten fleets lose", "range"))
            cells = [[*row, (each["low"], each["high"])] for row, each in zip(cells, rows, strict=True)]
        most = max((row[1] for row in cells), default=0) or 1
        table = Table(
            (*columns, Column("", "bar")),
            tuple((*row, row[1] / most) for row in cells),
            hidden=len(self.table) - len(rows),
        )
        told = [] if self.gate is None else [self.gate.sentence]
        told.append("What to do: " + (self.decision.answer if self.decision else "reissue plan tells."))
        about = f"{self.devices:,} devices, lost by activation delay; seed {self.scenario.seed}, {runs}"
        return Summary(self.scenario.name, self.answer, (table, notes(*told)), about=about)

    def _shown(self) -> list[dict[str, Any]]:
        """The rows for reading: usual delays, and those at which something happens: the last one, the gate's,
        the recommended one, and the first that loses no more than the last."""
        rows: list[dict[str, Any]] = self.table.to_dict(orient="records")  # type: ignore[assignment]
        if not rows or self.delays_s[0] % SECONDS_PER_DAY or len(rows) < int(rows[-1]["delay_days"]):
            return evenly(rows, _MOST_ROWS)  # every delay at which the number changes
        days = {*DAYS, len(rows)}
        days.add(1 + next(n for n, row in enumerate(rows) if row["lost_devices"] <= rows[-1]["lost_devices"]))
        days |= {math.ceil(day) for day in (self.gate.days if self.gate else ()) if day is not None}
        if self.decision is not None and self.decision.delay_days is not None:
            days.add(self.decision.delay_days)
        return [rows[day - 1] for day in sorted(days) if day <= len(rows)]


@checked
def curve(
    scenario: Scenario,
    *,
    reissue: int | None = None,
    exact: bool = False,
    **options: Unpack[Options],
) -> Curve:
    """How many devices every activation delay would lose, up to the scenario's own.

    Whether a device receives the reserve does not depend on a later activation, so one run tells all delays
    (model 9.1). Where more happens to the main certificate than this one activation, each delay gets a run of
    its own; either way the numbers are those of separate runs.

    Args:
        scenario: with a reissue of delayed activation.
        reissue: its index in the strategy; needed where there are several.
        exact: every delay at which the number changes, instead of whole days.
        options: how to compute (`Options`).

    Raises:
        CurveError: there is no such reissue, or `exact` is asked for where one run does not tell all delays.
        ScenarioError: the scenario cannot be run.
        WorkersError: those who compute cannot be reached, or die.
        CacheError: results cannot be kept.
    """
    prepared = prepare(with_options(scenario, options))
    step, plan = step_of(prepared.scenario, reissue), prepared.plan
    own_s = own_delay_s(prepared, step)
    delays_s = np.arange(1, own_s // SECONDS_PER_DAY + 1, dtype=np.int64) * SECONDS_PER_DAY
    waits = Waits.of(prepared, step, delays_s)
    if waits is None and exact:
        raise CurveError(
            "--exact needs a scenario in which nothing else happens to the main certificate: "
            "no second reissue, no other expiry within the run"
        )
    if waits is None:
        plans = [prepared.with_plan(plan.with_delay(step, delay_s)) for delay_s in delays_s.tolist()]
    else:  # the help desk helps those that are lost already; without it, parts can be run apart
        plans = [prepared.with_plan(replace(plan, recovery=None))]
    if plan.reissue(step).gate is not None:  # it chooses the delay by itself
        plans.append(prepared.with_plan(replace(plan, recovery=None)))
    experiments = [Experiment.of(each, engine=options.get("engine", "auto")) for each in plans]
    replications, opening = prepared.scenario.replications, None
    jobs = [(experiment, range(replications)) for experiment in experiments]
    progress = shown(options.get("progress"))
    with computing(options, experiments) as means:
        if waits is None:
            tallies = list(values(jobs, Tallies(), means, progress=progress))
            opening = Opening.of(tallies[len(delays_s) * replications :])
            counts = [Selected(tally).sum("lost") for tally in tallies[: len(delays_s) * replications]]
            lost = np.array(counts, dtype=np.int64).reshape(len(delays_s), replications).T
        else:
            quantity = Delays(plan.reissue(step).at_s, waits.refused_by)
            found = list(values(jobs, quantity, means, progress=progress))
            if exact:
                changes_s = np.unique(np.concatenate([each.delays_s for each in found]))
                delays_s = changes_s[changes_s <= own_s]
                lost = np.array([each.lost(np.minimum(delays_s, waits.longest_s)) for each in found])
            else:
                lost = np.array([waits.lost(each) for each in found])
    lost = lost.reshape(replications, -1)
    runs = len(delays_s) if waits is None else 1
    return Curve(prepared, step, delays_s, lost, prepared.size, runs, opening)
