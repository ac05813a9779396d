"""What a reserve loses that is specified some days before the expiry: computed, or of simulated fleets."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError
from sim.executor import Resources
from sim.guarantees.verdicts import MANY
from sim.probabilities.law import Law
from sim.probabilities.losses import NotExactError, Solver
from sim.results.critical import CriticalDelays
from sim.results.measures import ALL, Selected, Selection
from sim.scenario.prepare import Prepared
from sim.studies.delays import Delays
from sim.studies.experiment import Engine, Experiment, Progress, share_of
from sim.studies.tasks import Tallies, values
from sim.text import evenly
from sim.world.order import SECONDS_PER_DAY
from sim.world.plan import Plan
from sim.world.timeline import Timeline, play

SURE: Final = 0.95
"""Confidence of the end of an order statistic that is taken."""
_AHEAD: Final = 120
"""Delays that one pass answers for at a time."""
_FEW: Final = 12
ADVISED_DAYS: Final = 30
"""Kaspersky recommends an activation period of at least 30 days (KSMM 6.0, "Reissuing the mobile
Administration Server certificate")."""
_USUAL_PASSES: Final = 4
_MOST_ATTEMPTS: Final = 400_000_000
"""Attempts to synchronize, over all replications, that a run of the array engine needs some seconds for."""


class PlanError(InputError):
    """There is nothing to plan; the message says why and what would help."""


@dataclass(frozen=True, slots=True)
class Promise:
    """How many devices may be lost, and how surely.

    Attributes:
        words: what is promised.
        allowed: devices that may be lost.
        devices: how many there are.
        probability: with which it must be kept.
        selection: whose losses count.
        counts_refusing: whether a device that holds the certificate and refuses it counts as lost.
    """

    words: str
    allowed: int
    devices: int
    probability: float
    selection: Selection = ALL
    counts_refusing: bool = True


@dataclass(frozen=True, eq=False)
class Counts:
    """Lost devices of simulated fleets, shape (n,), ascending; what a `Law` is to computed ones."""

    lost: NDArray[np.int64]

    @property
    def mean(self) -> float:
        """See `Law`."""
        return float(self.lost.mean())

    def quantile(self, share: float) -> int:
        """See `Law`."""
        return int(self.lost[max(0, math.ceil(share * len(self.lost) - 1e-9) - 1)])

    @property
    def doubt(self) -> float:
        """See `Law`: two standard errors."""
        return float(2 * self.lost.std() / math.sqrt(len(self.lost)))

    def surely(self, share: float) -> int:
        """See `Law`: an order statistic that is no less than the quantile, with `SURE` confidence."""
        return int(self.lost[places(len(self.lost), share)[1]])

    def at_most(self, number: int) -> float:
        """See `Law`."""
        return float(np.searchsorted(self.lost, number, side="right") / len(self.lost))


def places(n: int, share: float) -> tuple[int, int]:
    """The order statistics of n values, from 0, below and above a quantile with `SURE` confidence each."""
    from scipy.stats import binom

    low, high = int(binom.ppf(1 - SURE, n, share)), int(binom.ppf(SURE, n, share))
    return max(0, low - 1), min(high, n - 1)


@dataclass(frozen=True, eq=False)
class Look:
    """What one plan loses.

    Attributes:
        fleet: of all devices.
        promised: of those of each promise.
        timeline: the server's life under it.
    """

    fleet: Law | Counts
    promised: tuple[Law | Counts, ...]
    timeline: Timeline

    def keeps(self, promises: Sequence[Promise], allowed: Sequence[int] | None = None) -> bool:
        """Whether each promise is kept as surely as it asks for; with other numbers allowed, or its own."""
        most = [promise.allowed for promise in promises] if allowed is None else allowed
        return all(
            law.surely(promise.probability) <= n
            for law, promise, n in zip(self.promised, promises, most, strict=True)
        )


@dataclass(frozen=True, eq=False)
class Question:
    """A scenario made ready: one reissue that waits for the expiry, no help desk, a run just beyond it.

    Attributes:
        prepared: as written, but for that.
        as_written: the same with the plan as it is written.
        step: of the reissue that is moved.
        promises: at least one.
    """

    prepared: Prepared
    as_written: Prepared
    step: int
    promises: tuple[Promise, ...]

    @property
    def expiry_s(self) -> int:
        """When the main certificate expires, in seconds from the start."""
        return self.prepared.plan.first.not_after_s

    def with_seed(self, seed: int) -> Question:
        """The same, drawing with a seed from the first replication on."""
        scenario = self.prepared.scenario.changed({"seed": seed, "first_replication": 0})
        return replace(
            self,
            prepared=replace(self.prepared, scenario=scenario),
            as_written=replace(self.as_written, scenario=scenario),
        )

    @cached_property
    def most(self) -> int:
        """Whole days that a reserve can wait: up to the expiry, and within its own life."""
        plan = self.prepared.plan
        life_s = plan.reissue(self.step).valid_for_s or plan.first.life_s
        return (
            max(0, min(self.expiry_s, life_s - 1 if plan.valid_from == "issue" else self.expiry_s))
            // SECONDS_PER_DAY
        )

    def specified_s(self, days: int) -> int:
        """When a reserve is specified that waits so many days up to the expiry; 0 for less than a day."""
        return self.expiry_s - days * SECONDS_PER_DAY if days else 0

    def plan(self, days: int) -> Plan:
        """The plan in which it is."""
        plan = self.prepared.plan
        reissue = replace(
            plan.reissue(self.step),
            at_s=self.specified_s(days),
            activate="at expiry",
            after_s=None,
            gate=None,
        )
        return plan.with_action(self.step, reissue)

    def timeline(self, days: int) -> Timeline:
        """The server's life under it.

        Raises:
            PlanError: something else happens to the certificates.
        """
        found = play(self.plan(days))
        changes = [after.change for _, after in found.switches]
        is_alone = changes == ["activated"] and all(state.is_valid for state in found.states)
        specified_s = found.server.specified_at_s.get(found.server.main.generation)
        if not is_alone or specified_s != self.specified_s(days):
            raise PlanError(
                "something else happens to the certificates than the activation of this reserve: "
                "plan with a strategy of one reissue"
            )
        return found


# --- computed -------------------------------------------------------------------------------------------


class Computed:
    """Probabilities without simulation (model 13).

    Raises:
        NotExactError: it takes a simulation; the message says why.
    """

    by: Literal["exact"] = "exact"

    def __init__(self, question: Question, *, fine: bool = True) -> None:
        self.question = question
        self._fine = fine
        self._looks: dict[int, Look] = {}
        self.error = 0.0
        self.solver = Solver(question.plan(question.most), question.prepared.roster(), fine=fine)
        self._first = [question.most]
        if self.solver.is_one_pass and question.most:
            self._first = evenly(range(1, question.most + 1), _AHEAD)
            ahead = [question.timeline(days) for days in self._first]
            try:
                self.solver.look_ahead([*ahead, question.as_written.timeline])
            except NotExactError:  # of the plan as written
                self.solver.look_ahead(ahead)

    def at(self, days: int) -> Look:
        """What a reserve loses that is specified so many days before the expiry, and activated then."""
        if days not in self._looks:
            self._looks[days] = self._look(self.question.timeline(days))
        return self._looks[days]

    @cached_property
    def rough(self) -> Computed:
        """The same on coarser grids, for what only tells how the answer moves."""
        return Computed(self.question, fine=False)

    def written(self) -> Look:
        """What the plan as written loses, up to the first change of the main certificate."""
        if self.question.as_written.plan.levers_that_couple:
            raise NotExactError("a gate or a chase couples devices: simulate")
        return self._look(self.question.as_written.timeline)

    def likely_lost(self, days: int) -> tuple[str, ...]:
        """The devices that are more likely lost than not, the likeliest first."""
        chances = self.solver.of_each(self.solver.losses(self.question.timeline(days)))
        roster = self.question.prepared.roster()
        first = np.argsort(-chances, kind="stable")
        return tuple(roster.name(int(device)) for device in first[: np.count_nonzero(chances > 0.5)])

    def _look(self, timeline: Timeline) -> Look:
        refused_by = timeline.server.main.refused_by
        if refused_by and not all(promise.counts_refusing for promise in self.question.promises):
            raise NotExactError(
                "a certificate that some devices refuse, and a promise of its delivery: simulate"
            )
        found = self.solver.losses(timeline)
        self.error = max(self.error, found.error)
        laws: dict[Selection, Law] = {}
        for each in (ALL, *(promise.selection for promise in self.question.promises)):
            laws.setdefault(each, found.law(group=each.group, platform=each.platform))
        return Look(laws[ALL], tuple(laws[p.selection] for p in self.question.promises), timeline)

    def curve(self) -> list[tuple[int, Look]]:
        """What many delays lose, in days; of a list with silent devices a few, and more roughly."""
        if self.solver.is_one_pass:
            return [(days, self.at(days)) for days in self._first if days]
        every = range(1, self.question.most + 1)
        few = {*evenly(every, _FEW), *({ADVISED_DAYS} & {*every})}
        return [(days, self.rough.at(days)) for days in sorted(few)]

    def least(self, allowed: Sequence[int] | None = None) -> int | None:
        """The least number of whole days that keeps every promise, with its own or other numbers allowed."""
        most, first = self.question.most, self._first

        def keeps(days: int) -> bool:
            return self.at(days).keeps(self.question.promises, allowed)

        if not keeps(most):
            return None
        if self._fine and not self.solver.is_one_pass:
            guess = self.rough.least(allowed) or most
            if keeps(guess) and (guess == 1 or not keeps(guess - 1)):
                return guess
        place = bisect_left(first, True, key=keeps)  # more days lose no more
        between = range(first[place - 1] + 1 if place else min(1, most), first[place] + 1)
        if self.solver.is_one_pass and len(between) > 2:
            self.solver.look_ahead([self.question.timeline(days) for days in between])
        return between[bisect_left(between, True, key=keeps)]


# --- simulated ------------------------------------------------------------------------------------------


class Simulated:
    """Fleets, each with the reserve specified at the instant that is asked about (model 9.1).

    Args:
        question: what is asked.
        engine: as for `run`.
        replications: fleets; None: enough, and as many as some seconds allow.
        means: who computes; None: this process.
        progress: called now and then with the share that is done.

    Raises:
        PlanError: there are too few replications.
    """

    by: Literal["simulation"] = "simulation"

    def __init__(
        self,
        question: Question,
        *,
        engine: Engine = "auto",
        replications: int | None = None,
        means: Resources | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.question, self._engine, self._means, self._progress = question, engine, means, progress
        share = max(promise.probability for promise in question.promises)
        least = math.ceil(math.log(1 - SURE) / math.log(share)) if share < 1 else MANY
        self.replications = (
            max(least, _affordable(question.prepared)) if replications is None else replications
        )
        if self.replications < least:
            raise PlanError(
                f"{100 * share:.4g} % confidence needs at least {least:,} replications, "
                f"not {self.replications:,}"
            )
        self._begun, self._expected = 0, _USUAL_PASSES
        self._found: dict[int, dict[tuple[Selection, bool], list[CriticalDelays]]] = {}

    def at(self, days: int) -> Look:
        """See `Computed`."""
        return self._look(days, days)

    def curve(self) -> list[tuple[int, Look]]:
        """What many delays lose, in days, of a reserve that is specified as early as can be."""
        most = self.question.most
        return [(days, self._look(most, days)) for days in evenly(range(1, most + 1), _AHEAD)]

    def _look(self, specified_days: int, days: int) -> Look:
        """What a reserve loses that waits some days, specified so many before the expiry."""
        wait_s = np.array([self.question.expiry_s - self.question.specified_s(days)])
        found = self._delays(specified_days)

        def law(selection: Selection, counts_refusing: bool) -> Counts:
            lost = [int(each.lost(wait_s)[0]) for each in found[selection, counts_refusing]]
            return Counts(np.sort(np.array(lost, dtype=np.int64)))

        promised = tuple(law(p.selection, p.counts_refusing) for p in self.question.promises)
        return Look(law(ALL, True), promised, self.question.timeline(specified_days))

    def written(self) -> Look:
        """See `Computed`."""
        prepared, promises = self.question.as_written, self.question.promises
        jobs = [(self._experiment(prepared), range(self.replications))]
        tallies = list(values(jobs, Tallies(), self._means, progress=self._next()))

        def law(selection: Selection) -> Counts:
            lost = [Selected(tally, selection).sum("lost") for tally in tallies]
            return Counts(np.sort(np.array(lost, dtype=np.int64)))

        return Look(law(ALL), tuple(law(p.selection) for p in promises), prepared.timeline)

    def between_s(self, days: int, allowed: Sequence[int] | None = None) -> tuple[float, float]:
        """The delays that the least one for every promise lies between, with `SURE` confidence at each end.

        Of a reserve that is specified so many days before the expiry; infinity where none is enough.
        """
        ends = []
        most = [promise.allowed for promise in self.question.promises] if allowed is None else allowed
        for p, n in zip(self.question.promises, most, strict=True):
            found = self._delays(days)[p.selection, p.counts_refusing]
            need = (each.least_delay_s(n) for each in found)
            in_order = sorted(math.inf if each is None else each for each in need)
            ends.append([in_order[place] for place in places(len(in_order), p.probability)])
        return max(low for low, _ in ends), max(high for _, high in ends)

    def critical_delays(self, days: int, promise: Promise) -> list[CriticalDelays]:
        """Those of the devices that a promise is about, in each fleet."""
        return self._delays(days)[promise.selection, promise.counts_refusing]

    def likely_lost(self, days: int) -> tuple[str, ...]:
        """See `Computed`: nobody is named by a fleet that is drawn."""
        return ()

    def least(self, allowed: Sequence[int] | None = None) -> int | None:
        """See `Computed`; with other numbers allowed, of a reserve that is specified as early as can be.

        What is needed mostly hardly depends on the instant: what one tells of another is tried first, and a
        bisection is the rest. The answer is one that was simulated at its own instant.
        """
        low, high = 0, self.question.most

        def needed(days: int) -> float:
            return max(1, self.between_s(days, allowed)[1] / SECONDS_PER_DAY)

        if allowed is not None or needed(high) > high:
            return None if needed(high) > high else math.ceil(needed(high))
        tried = math.ceil(needed(high))
        while high - low > 1 and needed(high) <= high - 1:
            days = tried if low < tried < high else (low + high) // 2
            if needed(days) <= days:
                high = days
            else:
                low = days
            tried = 0 if needed(days) == math.inf else math.ceil(needed(days))
        return high

    def _delays(self, days: int) -> dict[tuple[Selection, bool], list[CriticalDelays]]:
        """The critical delays in each fleet, by who is counted."""
        if days not in self._found:
            refused_by = self.question.timeline(days).server.main.refused_by
            plan = replace(self.question.plan(days), horizon_s=self.question.expiry_s)
            jobs = [(self._experiment(self.question.prepared.with_plan(plan)), range(self.replications))]
            found = {}
            kinds = [(ALL, True), *((p.selection, p.counts_refusing) for p in self.question.promises)]
            for selection, counts_refusing in dict.fromkeys(kinds):
                refuses = refused_by if counts_refusing else frozenset[str]()
                quantity = Delays(self.question.specified_s(days), refuses, selection)
                delays = values(jobs, quantity, self._means, progress=self._next())
                found[selection, counts_refusing] = list(delays)
            self._found[days] = found
        return self._found[days]

    def _experiment(self, prepared: Prepared) -> Experiment:
        return Experiment.of(prepared, engine=self._engine, runs=3 * self.replications)

    def _next(self) -> Progress | None:
        """The progress of the next pass through all fleets; nobody knows beforehand how many it takes."""
        self._begun += 1
        self._expected = max(self._expected, self._begun)
        return share_of(self._progress, self._begun - 1, self._expected)


def _affordable(prepared: Prepared) -> int:
    """Replications that take some seconds, in numbers whose quantiles fall on a replication."""
    every_s = [group.sync.every for group in prepared.scenario.fleet]
    attempts = prepared.size * prepared.plan.horizon_s / min(every_s)
    return 99 if 99 * attempts <= _MOST_ATTEMPTS else 59


Outlook = Computed | Simulated
"""What plans lose, computed or simulated."""
