"""Runs a scenario: the result in measures, guarantees and words, and as a JSON document (language 3)."""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Unpack, get_args

import numpy as np

from sim.errors import InputError
from sim.executor import Resources
from sim.guarantees.verdicts import Verdict, judge, observed
from sim.results.measures import QUANTILES, Selected, Selection
from sim.results.summary import mean_of, summary_of
from sim.scenario.prepare import prepare
from sim.scenario.scenario import Scenario
from sim.studies.experiment import Experiment, Progress, Replications
from sim.studies.options import Options, checked, computing, shown, with_options
from sim.studies.tasks import replicated
from sim.summary import Column, Note, Notes, Summary, Table, Tone, notes
from sim.summary.answer import Answer
from sim.text import date, iso, listed, number, rounded, span
from sim.world import SEMANTICS

if TYPE_CHECKING:
    import pandas as pd

    from sim.processes.policy import Policy
    from sim.studies.choices import Decision
    from sim.studies.plots import Plots

By = Literal["group", "platform", "replication", "measure", "guarantee"]
Measured = dict[str, float | None]

COLUMNS: Final = {
    "devices": Column("devices", "count"),
    "lost_devices": Column("lost", "count"),
    "lost_share": Column("share", "share"),
    "reconnected_devices": Column("reconnected", "count"),
    "still_lost_devices": Column("still lost", "count"),
    "reserve_coverage": Column("held it in time", "share"),
    "device_days_lost": Column("days lost", "tenths"),
    "reinstalls": Column("reinstalls", "count"),
}
"""The measures that a planner asks for first, as columns."""
_FEW_NAMES: Final = 5
_CHANGES: Final = ("reserve activated", "certificate replaced immediately", "previous restored")
"""Events before each of which is counted who holds the new main certificate (`Tally.coverage_held`)."""
_MOST_EVENTS: Final = 30
_TONES: Final[Mapping[str, Tone]] = {
    **dict.fromkeys(("proved", "exact", "holds"), "good"),
    **dict.fromkeys(("undecided", "vacuous"), "open"),
    "fails": "bad",
}


@dataclass(frozen=True, eq=False, repr=False)
class Result(Replications, Answer):
    """What became of a scenario.

    Attributes:
        without_common_causes: the same without holidays and disturbances, from the same draws; None where
            there are none, or nobody asked.
    """

    without_common_causes: Result | None = None

    @property
    def policies(self) -> Mapping[int, Policy]:
        """The policy as each replication left it, with what it kept in its attributes; none without one."""
        return self.experiment.policies

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the whole outcome: equal where and only where two runs are."""
        return fingerprint_of([tally.fingerprint for tally in self.tallies])

    # --- numbers ---------------------------------------------------------------------------------

    @cached_property
    def runs(self) -> tuple[Measured, ...]:
        """The measures of each replication."""
        return tuple(Selected(tally).measures() for tally in self.tallies)

    @property
    def measures(self) -> Measured:
        """The measures of the fleet; over several replications their means."""
        return mean_of(self.runs)

    @cached_property
    def statistics(self) -> dict[str, dict[str, Any]]:
        """Per measure: mean, standard deviation, 95 % interval of the mean, extremes and quantiles."""
        return summary_of(self.runs)

    @cached_property
    def groups(self) -> dict[str, Measured]:
        """The measures of each group, by name."""
        return {name: self._mean(Selection(group=name)) for name in groups_of(self.experiment)}

    @cached_property
    def platforms(self) -> dict[str, Measured]:
        """The measures of each platform that the fleet has."""
        names = sorted({profile.platform for profile in self.tallies[0].profiles})
        return {name: self._mean(Selection(platform=name)) for name in names}

    def _mean(self, selection: Selection) -> Measured:
        return mean_of([Selected(tally, selection).measures() for tally in self.tallies])

    @cached_property
    def time_to_reconnect_s(self) -> Measured:
        """Quantiles over the lost devices, in seconds, of the worst replication; None: not within the run."""
        answer: Measured = {}
        for q in QUANTILES:
            taken = [Selected(tally, quantile=q).time_to_reconnect_s() for tally in self.tallies]
            worst = max((t for t in taken if t is not None), default=None)
            answer["max" if q == 1.0 else f"p{q * 100:.0f}"] = None if worst == math.inf else worst
        return answer

    @cached_property
    def guarantees(self) -> tuple[Verdict, ...]:
        """What became of each guarantee of the scenario."""
        promised = self.scenario.guarantees
        if not promised:
            return ()
        chance = None
        if self.experiment.policy is None and any(each.probability for each in promised):
            from sim.studies.exact import chance_of

            chance = chance_of(self.experiment.prepared)
        judged = partial(judge, proofs=self.experiment.proofs(), chance=chance)
        return tuple(judged(each, self.tallies, self.outcomes) for each in promised)

    @cached_property
    def decision(self) -> Decision:
        """What to do, by when, and what it will cost: as `sim.plan` says, whatever this run drew.

        Raises:
            PlanError: there is nothing to plan; the message says why.
        """
        from sim.studies.decision import decide

        return decide(self.experiment.prepared, vary=True)

    # --- tables ----------------------------------------------------------------------------------

    @cached_property
    def devices(self) -> pd.DataFrame:
        """One row a device and replication; instants as UTC timestamps, durations in seconds."""
        from sim.studies.tables import devices_tables, in_one

        return in_one(devices_tables(self))

    @cached_property
    def timeline(self) -> pd.DataFrame:
        """One row a sample and replication; shares in [0, 1], syncs per hour."""
        from sim.studies.tables import in_one, timeline_tables

        return in_one(timeline_tables(self))

    @cached_property
    def events(self) -> pd.DataFrame:
        """What the server and the operator did, one row an event."""
        from sim.studies.tables import events_table

        return events_table(self)

    def save(self, directory: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write tables, documents and the scenario to a new directory, which `sim.read` reads.

        Raises:
            OutputError: it exists already, or cannot be written.
        """
        from sim.studies.output import write

        write(self, Path(directory), overwrite=overwrite)

    def to_frame(self, by: By = "group") -> pd.DataFrame:
        """The measures as a table of pandas: a row for each group, platform, replication or measure.

        Args:
            by: what a row is. `measure`: mean, spread and quantiles over the replications; `guarantee`: what
                was promised, and what became of it.
        """
        import pandas as pd

        if by not in get_args(By):
            raise InputError(f"{by!r} is no row of a result: take one of {', '.join(get_args(By))}")
        promises = [verdict.guarantee.promise for verdict in self.guarantees]
        rows: dict[By, Callable[[], Mapping[Any, Mapping[str, Any]]]] = {
            "group": lambda: self.groups,
            "platform": lambda: self.platforms,
            "replication": lambda: {self.number_of(r): row for r, row in enumerate(self.runs)},
            "measure": lambda: self.statistics,
            "guarantee": lambda: dict(zip(promises, self._verdicts(), strict=True)),
        }
        found = rows[by]()
        return pd.DataFrame(list(found.values()), index=pd.Index(list(found), name=by))

    @cached_property
    def plot(self) -> Plots:
        """The figures: `plot.delivery()`, `plot.devices()`, …; see `Plots`."""
        from sim.studies.plots import Plots

        return Plots({self.scenario.name: self})

    # --- JSON ------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """The document that `reissue run --json` prints; the same for the same scenario and seed."""
        document: dict[str, Any] = {
            "scenario": self.scenario.name,
            "engine": self.engine,
            "seed": self.scenario.seed,
            "replications": self.replications,
            "semantics": SEMANTICS,
            "fingerprint": self.fingerprint,
            "start": iso(self.at(0)),
            "end": iso(self.at(self.scenario.duration)),
            "measures": {**self.measures, "time_to_reconnect_s": self.time_to_reconnect_s},
            "groups": self.groups,
            "platforms": self.platforms,
            "guarantees": self._verdicts(),
            "events": [_known(row) for row in self.happenings()],
            "expires": iso(self.at(self.next_reserve_s[0])),
            "next_reserve_by": iso(self.at(self.next_reserve_s[1])),
        }
        if self.without_common_causes is not None:
            without = self.without_common_causes
            document["without_common_causes"] = {
                "measures": without.measures,
                "lost_devices": without.statistics["lost_devices"],
                "guarantees": without._verdicts(),
            }
        if self.replications > 1:
            document["summary"] = self.statistics
            document["runs"] = [{"replication": self.number_of(r), **row} for r, row in enumerate(self.runs)]
        return document

    def _verdicts(self) -> list[dict[str, Any]]:
        """Each guarantee as written, and what became of it."""
        told = []
        for written, verdict in zip(
            self.scenario.document.get("guarantees") or (), self.guarantees, strict=True
        ):
            number = None if verdict.replication is None else self.number_of(verdict.replication)
            known = {name: getattr(verdict, name) for name in ("proof", "reason", "witness")}
            observed = None if verdict.observed == math.inf else verdict.observed
            became = {"observed": observed, "verdict": verdict.verdict}
            told.append({**written, **became, **_known(known | {"replication": number})})
        return told

    # --- in words --------------------------------------------------------------------------------

    @property
    def answer(self) -> str:
        """How many devices lose the server, in a sentence."""
        m = self.measures
        devices, lost, still = m["devices"] or 0, m["lost_devices"] or 0, m["still_lost_devices"] or 0
        if devices == 0:
            return "The fleet has no devices."
        if lost == 0:
            return f"None of {devices:,.0f} devices loses the server."
        end = "all are connected again at the end"
        if still:
            end = f"{'all of them are' if still == lost else number(still)} still without it at the end"
        share = f"{100 * (m['lost_share'] or 0):.3g} %"
        if self.replications > 1:
            share += f"; {self._range('lost_devices')}"
        return f"{number(lost)} of {devices:,.0f} devices lose the server ({share}); {end}."

    def _range(self, measure: str) -> str:
        quantiles = self.statistics[measure]["quantiles"]
        return f"5 to 95 % of the runs: {number(quantiles['0.05'])} to {number(quantiles['0.95'])}"

    def summary(self) -> Summary:
        """The answer, the groups, what the server and the operator did, and the guarantees."""
        scenario = self.scenario
        runs = "" if self.replications == 1 else f", {self.replications:,} replications; counts are means"
        times = "" if scenario.timezone == "UTC" else f", times of {scenario.timezone}"
        loses, tones = bool(self.measures["lost_devices"]), {_TONES[v.verdict] for v in self.guarantees}
        groups = [(name, its) for name, its in self.groups.items() if its["devices"]]
        if len(groups) != 1:
            groups.append(("all groups" if "all" in self.groups else "all", self.measures))
        return Summary(
            scenario.name,
            self.answer,
            (
                self._in_short(),
                _table("group", groups, has_total=len(groups) > 1),
                *self._chase_in_words(),
                *self._events_in_words(),
                *self._guarantees_in_words(),
                *self._common_causes_in_words(),
            ),
            about=(
                f"{self.at(0):%Y-%m-%d} to {self.at(scenario.duration):%Y-%m-%d} "
                f"({span(scenario.duration)}){times}, seed {scenario.seed}{runs}"
            ),
            tone="bad" if "bad" in tones or (loses and not tones) else "good",
        )

    def platforms_in_words(self) -> Table | None:
        """The measures by platform as a table; None where there is one."""
        return _table("platform", list(self.platforms.items())) if len(self.platforms) > 1 else None

    def _in_short(self) -> Notes:
        """Which devices are lost, when they are back, and how much work that is."""
        m = self.measures
        if not m["lost_devices"]:
            return Notes(())
        reinstalls = f" ({self._range('reinstalls')})" if self.replications > 1 else ""
        work = f"{number(m['reinstalls'])} reinstallations{reinstalls}, {number(m['helpdesk_hours'])} hours"
        if self.plan.recovery is None:
            work = "nobody reinstalls: write recovery: {technicians: 2} to have a help desk"
        but, still = "", m["still_lost_devices"] or 0
        is_seen = any(each.measure == "still_lost_devices" for each in self.scenario.guarantees)
        if self.guarantees and not is_seen and 2 * still >= (m["devices"] or 0):
            but = f"the guarantees hold although {number(still)} devices are without the server at the end: "
            but += "promise still_lost_devices, too"
        told = {"which": self._which(), "back": self._back(), "work": work, "again": self._again()}
        told["but"] = but if all(v.passes for v in self.guarantees) else ""
        return Notes(tuple(Note(text, mark) for mark, text in told.items() if text))

    def _which(self) -> str:
        """Examples of lost devices, the most often lost first; of lists, `_chase_in_words` names them."""
        if not self.kept or any(part.notes for part in self._chase_in_words()):
            return ""
        roster = next(iter(self.kept.values())).roster
        times = np.sum([each.devices.times_lost > 0 for each in self.kept.values()], axis=0)
        if times.min() == len(self.kept):
            return "every device"
        ever = int((times > 0).sum())
        first = np.argsort(-times, kind="stable")[: min(_FEW_NAMES, ever)].tolist()
        runs = f" ({{}} of {len(self.kept)} runs)" if len(self.kept) > 1 else ""
        names = ", ".join(f"{roster.name(place)}{runs.format(times[place])}" for place in first)
        return names if len(first) == ever else f"examples: {names}; all are in devices.csv of --out DIR"

    def _back(self) -> str:
        """In what time half, 95 % and the last of the lost devices are back, over all runs."""
        lost = sum(Selected(tally).sum("lost") for tally in self.tallies)
        took_s, devices = np.vstack([tally.back[:, 1:] for tally in self.tallies]).T
        order = np.argsort(took_s, kind="stable")
        reached = np.cumsum(devices[order])
        told = []
        for share, words in ((0.5, "half"), (0.95, "95 %"), (1.0, "the last")):
            place = int(np.searchsorted(reached, math.ceil(share * lost)))
            is_back = place < len(order)
            when = f"after {rounded(int(took_s[order[place]]))}" if is_back else "not within the run"
            told.append(f"{words} {when}")
        return listed(told) if len(order) else "nobody within the run"

    def _again(self) -> str:
        """How many devices a restore takes the server from: those that do not hold what it puts back."""
        changes = [event for event in self.tallies[0].events if event.name in _CHANGES]
        for place, event in enumerate(changes):
            taken = [t.ever_connected - int(t.coverage_held[place].sum()) for t in self.tallies]
            if event.name == "previous restored" and any(taken):
                when, many = date(self.at(event.at_s)), number(math.fsum(taken) / len(taken))
                return (
                    f"the restore on {when} takes the server from {many} devices, reinstalled before it; the "
                    "documentation denies it for certificates of Kaspersky Security Center"
                )
        return ""

    def _chase_in_words(self) -> Iterator[Notes]:
        """The devices of a list that are likeliest not to have the reserve in time."""
        if self.scenario.inventories:
            from sim.studies.chase import Chase

            yield from Chase.of(self).in_words(_FEW_NAMES)

    def _events_in_words(self) -> Iterator[Table | Notes]:
        rows = list[tuple[str, str]]()
        for row in self.happenings():
            words = [row["event"]]
            if row["by"] != "server":
                words.append(f"by {'the operator' if row['by'] == 'operator' else 'automatic reissue'}")
            if row["detail"]:
                words.append(row["detail"])
            if row["certificate"] is not None:
                words.append(f"[{row['certificate'][:19]}]")
                if row["event"] != "certificate expired":
                    words.append(f"expires {row['not_after']:%Y-%m-%d}")
            if row["reason"]:
                words.append(f"- {row['reason']}")
            rows.append((f"{row['at']:%Y-%m-%d %H:%M:%S}", "  ".join(words)))
        if rows:
            title, hidden = "What the server and the operator did", max(0, len(rows) - _MOST_EVENTS)
            yield Table((Column(""), Column("")), tuple(rows[:_MOST_EVENTS]), title, hidden=hidden)
        expires, due = (f"{self.at(instant_s):%Y-%m-%d}" for instant_s in self.next_reserve_s)
        yield notes(f"The last certificate expires on {expires}: the next reserve is due by {due}.")

    def _guarantees_in_words(self) -> Iterator[Notes]:
        first = self.scenario.first_replication
        told = []
        for v in self.guarantees:
            words = f"{v.guarantee.promise}: {observed(v, first_replication=first)}"
            told.append(Note(words, v.verdict, _TONES[v.verdict]))
        if told:
            yield Notes(tuple(told), "Guarantees", is_list=True)

    def _common_causes_in_words(self) -> Iterator[Table | Notes]:
        """What holidays and disturbances add: losses and verdicts with and without them."""
        without = self.without_common_causes
        if without is None:
            return
        both = [result.statistics["lost_devices"] for result in (self, without)]
        ranges = [[number(each["quantiles"][q]) for q in ("0.05", "0.95")] for each in both]
        rows = [
            ("lost devices, mean", *(number(each["mean"]) for each in both)),
            ("5 to 95 % of the runs", *(f"{low} to {high}" for low, high in ranges)),
        ]
        verdicts = list(zip(self.guarantees, without.guarantees, strict=True))
        rows += [(mine.guarantee.promise, mine.verdict, other.verdict) for mine, other in verdicts]
        columns = (Column(""), Column("as planned"), Column("without them"))
        yield Table(columns, tuple(rows), "Holidays and disturbances, with the same draws")
        worse = [mine.guarantee.promise for mine, other in verdicts if other.passes and not mine.passes]
        if worse:
            yield notes(f"Only without holidays and disturbances holds: {'; '.join(worse)}.")

    def to_html(self) -> str:
        """The summary, with the decision where it is computed; fleets are simulated only if asked for."""
        from sim.studies.decision import computed
        from sim.summary.answer import to_html

        summary, decision = self.summary(), computed(self.experiment.prepared)
        told = () if decision is None else (notes(decision.answer, title="What to do"),)
        return to_html(replace(summary, parts=(*told, *summary.parts)))


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those that are not None, instants as JSON has them."""
    known = {name: value for name, value in values.items() if value is not None}
    return {name: iso(value) if isinstance(value, datetime) else value for name, value in known.items()}


def _table(of: str, measured: Sequence[tuple[str, Measured]], *, has_total: bool = False) -> Table:
    rows = tuple((name, *(row[measure] for measure in COLUMNS)) for name, row in measured)
    return Table((Column(of), *COLUMNS.values()), rows, has_total=has_total)


def groups_of(experiment: Experiment) -> list[str]:
    """The names of the groups that devices are counted under, in order."""
    groups = {group.name for group in experiment.scenario.fleet}
    return sorted(groups | {profile.group for profile in experiment.profiles})


def fingerprint_of(fingerprints: Sequence[str]) -> str:
    """That of some replications: of one its own, of several the SHA-256 of theirs."""
    together = hashlib.sha256("".join(fingerprints).encode()).hexdigest()
    return fingerprints[0] if len(fingerprints) == 1 else together


# --- run -----------------------------------------------------------------------------------------------


@checked
def run(scenario: Scenario, *, policy: Policy | None = None, **options: Unpack[Options]) -> Result:
    """Simulate a scenario; where it has holidays or disturbances, without them as well, from the same draws.

    Args:
        scenario: what to run.
        policy: is asked during each run, and answers with actions (docs/extend.md); with it there are no
            proofs, no array engine and no workers.
        options: how to compute (`Options`).

    Raises:
        ScenarioError: the scenario cannot be run.
        InputError: an argument is impossible; or of `computing`.
        EngineUnavailableError: the array engine is asked for, and numba is not installed.
        PolicyError: the policy is none, or answers what cannot be done.
    """
    prepared = prepare(with_options(scenario, options))
    experiment = Experiment.of(prepared, engine=options.get("engine", "auto"), policy=policy)
    experiments = [experiment]
    if experiment.plan.common_causes and policy is None:
        plan = replace(experiment.plan, holidays=(), disturbances=())
        experiments.append(experiment.with_plan(plan))
    with computing(options, experiments) as resources:
        first, *without = simulate(experiments, resources, progress=shown(options.get("progress")))
    return replace(first, without_common_causes=without[0] if without else None)


def simulate(
    experiments: Sequence[Experiment], resources: Resources | None, *, progress: Progress | None = None
) -> list[Result]:
    """The result of each experiment; see `replicated`."""
    began = time.perf_counter()
    found = replicated(experiments, resources, progress=progress)
    took_s = time.perf_counter() - began
    return [Result(experiment, tallies, took_s) for experiment, tallies in found]
