"""The result of a run: measures, tables, guarantees, and the JSON document (language 3)."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from sim.errors import InputError
from sim.guarantees.verdicts import Verdict, judge, observed
from sim.results.measures import QUANTILES, Selected, Selection
from sim.results.summary import mean_of, summary_of
from sim.studies.replications import Replications
from sim.summary import Column, Note, Notes, Summary, Table, Tone, notes
from sim.summary.answer import Answer
from sim.text import date, iso, listed, number, rounded, span
from sim.world import SEMANTICS
from sim.world.fleet import Profile

if TYPE_CHECKING:
    import pandas as pd

    from sim.processes.policy import Policy
    from sim.studies.choices import Decision
    from sim.studies.plots import Plots


By = Literal["group", "platform", "replication", "measure", "guarantee"]


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
    def runs(self) -> tuple[dict[str, float | None], ...]:
        """The measures of each replication."""
        return tuple(Selected(tally).measures() for tally in self.tallies)

    @property
    def measures(self) -> dict[str, float | None]:
        """The measures of the fleet; over several replications their means."""
        return mean_of(self.runs)

    @cached_property
    def statistics(self) -> dict[str, dict[str, Any]]:
        """Per measure: mean, standard deviation, 95 % interval of the mean, extremes and quantiles."""
        return summary_of(self.runs)

    @cached_property
    def groups(self) -> dict[str, dict[str, float | None]]:
        """The measures of each group, by name."""
        names = sorted({group.name for group in self.scenario.fleet} | {p.group for p in self._profiles})
        return {name: self._mean(Selection(group=name)) for name in names}

    @cached_property
    def platforms(self) -> dict[str, dict[str, float | None]]:
        """The measures of each platform that the fleet has."""
        names = sorted({profile.platform for profile in self._profiles})
        return {name: self._mean(Selection(platform=name)) for name in names}

    def _mean(self, selection: Selection) -> dict[str, float | None]:
        return mean_of([Selected(tally, selection).measures() for tally in self.tallies])

    @cached_property
    def time_to_reconnect_s(self) -> dict[str, float | None]:
        """Quantiles over the lost devices, in seconds, of the worst replication; None: not within the run."""
        answer: dict[str, float | None] = {}
        for q in QUANTILES:
            taken = [Selected(tally, quantile=q).time_to_reconnect_s() for tally in self.tallies]
            worst = max((t for t in taken if t is not None), default=None)
            answer["max" if q == 1.0 else f"p{q * 100:.0f}"] = None if worst == float("inf") else worst
        return answer

    @cached_property
    def guarantees(self) -> tuple[Verdict, ...]:
        """What became of each guarantee of the scenario."""
        if not self.scenario.guarantees:
            return ()
        proofs, chance = self.experiment.proofs(), None
        if self.experiment.policy is None and any(g.probability for g in self.scenario.guarantees):
            from sim.studies.exact import chance_of

            chance = chance_of(self.experiment.prepared)
        return tuple(
            judge(guarantee, self.tallies, self.outcomes, proofs=proofs, chance=chance)
            for guarantee in self.scenario.guarantees
        )

    @property
    def _profiles(self) -> tuple[Profile, ...]:
        return self.tallies[0].profiles

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
        from sim.studies.tables import devices_table

        return devices_table(self)

    @cached_property
    def timeline(self) -> pd.DataFrame:
        """One row a sample and replication; shares in [0, 1], syncs per hour."""
        from sim.studies.tables import timeline_table

        return timeline_table(self)

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

        rows: dict[By, Callable[[], Mapping[Any, Mapping[str, Any]]]] = {
            "group": lambda: self.groups,
            "platform": lambda: self.platforms,
            "replication": lambda: {self.number_of(r): row for r, row in enumerate(self.runs)},
            "measure": lambda: self.statistics,
            "guarantee": lambda: {v.guarantee.promise: self._guarantee(v) for v in self.guarantees},
        }
        if by not in rows:
            raise InputError(f"{by!r} is no row of a result: take one of {', '.join(rows)}")
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
            "guarantees": [self._guarantee(verdict) for verdict in self.guarantees],
            "events": list(self._events()),
            "expires": iso(self.at(self.next_reserve_s[0])),
            "next_reserve_by": iso(self.at(self.next_reserve_s[1])),
        }
        if self.without_common_causes is not None:
            without = self.without_common_causes
            document["without_common_causes"] = {
                "measures": without.measures,
                "lost_devices": without.statistics["lost_devices"],
                "guarantees": [without._guarantee(verdict) for verdict in without.guarantees],
            }
        if self.replications > 1:
            document["summary"] = self.statistics
            document["runs"] = [{"replication": self.number_of(r), **row} for r, row in enumerate(self.runs)]
        return document

    def _guarantee(self, verdict: Verdict) -> dict[str, Any]:
        written = self.scenario.document["guarantees"][self.guarantees.index(verdict)]
        observed = None if verdict.observed == float("inf") else verdict.observed
        number = None if verdict.replication is None else self.number_of(verdict.replication)
        told = {
            "proof": verdict.proof,
            "reason": verdict.reason,
            "witness": verdict.witness,
            "replication": number,
        }
        return {
            **written,
            "observed": observed,
            "verdict": verdict.verdict,
            **{key: value for key, value in told.items() if value is not None},
        }

    def _events(self) -> Iterator[dict[str, Any]]:
        for event in self.tallies[0].events:
            its = event.generation
            told = {
                "certificate": None if its is None else self.certificates[its],
                "not_after": None if its is None else iso(self.at(self.expires_s[its])),
                "by": event.by,
                "detail": event.detail,
                "reason": event.reason,
            }
            yield {
                "at": iso(self.at(event.at_s)),
                "event": event.name,
                **{key: value for key, value in told.items() if value is not None},
            }

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
        if still == lost:
            end = "all of them are still without it at the end"
        elif still:
            end = f"{number(still)} still without it at the end"
        else:
            end = "all are connected again at the end"
        share = f"{100 * (m['lost_share'] or 0):.3g} %"
        if self.replications > 1:
            share += f"; {self._range('lost_devices')}"
        return f"{number(lost)} of {devices:,.0f} devices lose the server ({share}); {end}."

    def _range(self, measure: str) -> str:
        """Where 5 to 95 % of the runs lie."""
        quantiles = self.statistics[measure]["quantiles"]
        return f"5 to 95 % of the runs: {number(quantiles['0.05'])} to {number(quantiles['0.95'])}"

    def _in_short(self) -> Notes:
        """Which devices are lost, when they are back, and how much work that is."""
        m = self.measures
        if not m["lost_devices"]:
            return Notes(())
        reinstalls = self._range("reinstalls") if self.replications > 1 else ""
        work = f"{number(m['reinstalls'])} reinstallations{reinstalls and f' ({reinstalls})'}, "
        work += f"{number(m['helpdesk_hours'])} hours"
        if self.plan.recovery is None:
            work = "nobody reinstalls: write recovery: {technicians: 2} to have a help desk"
        told = [("which", self._which()), ("back", self._back()), ("work", work), ("again", self._again())]
        if self.guarantees and all(v.passes for v in self.guarantees) and self._is_stranded:
            told.append(
                (
                    "but",
                    f"the guarantees hold although {number(m['still_lost_devices'])} devices are without the "
                    "server at the end: promise still_lost_devices, too",
                )
            )
        return Notes(tuple(Note(text, mark) for mark, text in told if text))

    def _again(self) -> str:
        """How many devices a restore takes the server from: those that do not hold what it puts back."""
        changes = [event for event in self.tallies[0].events if event.name in _CHANGES]
        for place, event in enumerate(changes):
            taken = [t.ever_connected - int(t.coverage_held[place].sum()) for t in self.tallies]
            if event.name == "previous restored" and any(taken):
                return (
                    f"the restore on {date(self.at(event.at_s))} takes the server from "
                    f"{number(math.fsum(taken) / len(taken))} devices, reinstalled before it; the "
                    "documentation denies it for certificates of Kaspersky Security Center"
                )
        return ""

    @property
    def _is_stranded(self) -> bool:
        """Whether half of the devices or more have no server at the end, and no guarantee is about that."""
        half = 2 * (self.measures["still_lost_devices"] or 0) >= (self.measures["devices"] or 0)
        return half and all(each.measure != "still_lost_devices" for each in self.scenario.guarantees)

    def _which(self) -> str:
        """Examples of lost devices, the most often lost first; of lists, `_chase_in_words` names them."""
        if not self.kept or any(part.notes for part in self._chase_in_words()):
            return ""
        roster = next(iter(self.kept.values())).roster
        times = np.sum([each.devices.times_lost > 0 for each in self.kept.values()], axis=0)
        if times.min() == len(self.kept):
            return "every device"
        first = np.argsort(-times, kind="stable")[: min(_FEW_NAMES, int((times > 0).sum()))]
        runs = f" ({{}} of {len(self.kept)} runs)" if len(self.kept) > 1 else ""
        names = ", ".join(f"{roster.name(place)}{runs.format(times[place])}" for place in first.tolist())
        is_all = len(first) == (times > 0).sum()
        return names if is_all else f"examples: {names}; all are in devices.csv of --out DIR"

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

    def groups_and_all(self) -> list[tuple[str, dict[str, float | None]]]:
        """The measures of each group by its name, and of all together where there are several."""
        rows = list(self.groups.items())
        if len(rows) != 1:
            rows.append(("all groups" if "all" in self.groups else "all", self.measures))
        return rows

    def summary(self) -> Summary:
        """The answer, the groups, what the server and the operator did, and the guarantees."""
        scenario = self.scenario
        runs = "" if self.replications == 1 else f", {self.replications:,} replications; counts are means"
        times = "" if scenario.timezone == "UTC" else f", times of {scenario.timezone}"
        loses, tones = bool(self.measures["lost_devices"]), {_TONES[v.verdict] for v in self.guarantees}
        return Summary(
            scenario.name,
            self.answer,
            (
                self._in_short(),
                self._groups_in_words(),
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

    def _groups_in_words(self) -> Table:
        rows = tuple((name, *(row[measure] for measure in _COLUMNS)) for name, row in self.groups_and_all())
        return Table((Column("group"), *_COLUMNS.values()), rows, has_total=len(rows) > 1)

    def platforms_in_words(self) -> Table | None:
        """The measures by platform as a table; None where there is one."""
        rows = tuple((name, *(row[measure] for measure in _COLUMNS)) for name, row in self.platforms.items())
        return Table((Column("platform"), *_COLUMNS.values()), rows) if len(rows) > 1 else None

    def _events_in_words(self) -> Iterator[Table | Notes]:
        rows = []
        for event in self.tallies[0].events:
            words = [event.name]
            if event.by != "server":
                words.append(f"by {'the operator' if event.by == 'operator' else 'automatic reissue'}")
            if event.detail:
                words.append(event.detail)
            if event.generation is not None:
                words.append(f"[{self.certificates[event.generation][:19]}]")
                if event.name != "certificate expired":
                    words.append(f"expires {self.at(self.expires_s[event.generation]):%Y-%m-%d}")
            if event.reason:
                words.append(f"- {event.reason}")
            rows.append((f"{self.at(event.at_s):%Y-%m-%d %H:%M:%S}", "  ".join(words)))
        if rows:
            title, hidden = "What the server and the operator did", max(0, len(rows) - _MOST_EVENTS)
            yield Table((Column(""), Column("")), tuple(rows[:_MOST_EVENTS]), title, hidden=hidden)
        expires, due = (f"{self.at(instant_s):%Y-%m-%d}" for instant_s in self.next_reserve_s)
        yield notes(f"The last certificate expires on {expires}: the next reserve is due by {due}.")

    def _chase_in_words(self) -> Iterator[Notes]:
        """The devices of a list that are likeliest not to have the reserve in time."""
        if self.scenario.inventories:
            from sim.studies.chase import Chase

            yield from Chase.of(self).in_words(_FEW_NAMES)

    def _guarantees_in_words(self) -> Iterator[Notes]:
        first = self.scenario.first_replication
        notes = tuple(
            Note(
                f"{v.guarantee.promise}: {observed(v, first_replication=first)}", v.verdict, _TONES[v.verdict]
            )
            for v in self.guarantees
        )
        if notes:
            yield Notes(notes, "Guarantees", is_list=True)

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
        for mine, other in zip(self.guarantees, without.guarantees, strict=True):
            rows.append((mine.guarantee.promise, mine.verdict, other.verdict))
        columns = (Column(""), Column("as planned"), Column("without them"))
        yield Table(columns, tuple(rows), "Holidays and disturbances, with the same draws")
        worse = [
            mine.guarantee.promise
            for mine, other in zip(self.guarantees, without.guarantees, strict=True)
            if other.passes and not mine.passes
        ]
        if worse:
            yield notes(f"Only without holidays and disturbances holds: {'; '.join(worse)}.")

    def to_html(self) -> str:
        """The summary, with the decision where it is computed; fleets are simulated only if asked for."""
        from sim.studies.decision import computed
        from sim.summary.answer import to_html

        summary, decision = self.summary(), computed(self.experiment.prepared)
        if decision is None:
            return to_html(summary)
        return to_html(replace(summary, parts=(notes(decision.answer, title="What to do"), *summary.parts)))


_FEW_NAMES: Final = 5
_CHANGES: Final = ("reserve activated", "certificate replaced immediately", "previous restored")
"""Events before each of which is counted who holds the new main certificate (`Tally.coverage_held`)."""
_MOST_EVENTS: Final = 30
_TONES: Final[Mapping[str, Tone]] = {
    "proved": "good",
    "exact": "good",
    "holds": "good",
    "fails": "bad",
    "undecided": "open",
    "vacuous": "open",
}
_COLUMNS: Final = {
    "devices": Column("devices", "count"),
    "lost_devices": Column("lost", "count"),
    "lost_share": Column("share", "share"),
    "reconnected_devices": Column("reconnected", "count"),
    "still_lost_devices": Column("still lost", "count"),
    "reserve_coverage": Column("held it in time", "share"),
    "device_days_lost": Column("days lost", "tenths"),
    "reinstalls": Column("reinstalls", "count"),
}
"""The measures that a planner asks for first."""


def fingerprint_of(fingerprints: Sequence[str]) -> str:
    """That of some replications: of one its own, of several the SHA-256 of theirs."""
    return (
        fingerprints[0]
        if len(fingerprints) == 1
        else hashlib.sha256("".join(fingerprints).encode()).hexdigest()
    )
