"""What a reserve loses that is specified some days before the expiry: computed, or of simulated fleets."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from sim.executor import Resources
from sim.guarantees.verdicts import MANY
from sim.probabilities.law import Law
from sim.probabilities.losses import NotExactError, Solver
from sim.results.critical import CriticalDelays
from sim.results.measures import ALL, Selected, Selection
from sim.results.tally import Tally
from sim.scenario.prepare import Prepared
from sim.studies.delays import Delays, PlanError
from sim.studies.experiment import Engine, Experiment, Progress, attempts_of, share_of
from sim.studies.tasks import Tallies, values
from sim.text import evenly, percent
from sim.world.order import SECONDS_PER_DAY
from sim.world.plan import Plan
from sim.world.timeline import Timeline, play

SURE: Final = 0.95
"""Confidence of the end of an order statistic that is taken."""
_POINTS: Final = 120
"""Delays that a curve shows at most; of a list with silent devices, where each takes a pass, `_FEW`."""
_FEW: Final = 12
ADVISED_DAYS: Final = 30
"""Kaspersky recommends an activation period of at least 30 days (KSMM 6.0, "Reissuing the mobile
Administration Server certificate")."""
_USUAL_PASSES: Final = 4
_MOST_ATTEMPTS: Final = 400_000_000
"""Attempts to synchronize, over all replications, that a run of the array engine needs some seconds for."""

Counted = tuple[Selection, bool]
"""Whose losses count, and whether a device that holds the certificate and refuses it is one of them."""
WHOLE: Final[Counted] = (ALL, True)


@dataclass(frozen=True, slots=True)
class Promise:
    """How many devices may be lost, and how surely.

    Attributes:
        words: what is promised.
        allowed: devices that may be lost.
        devices: how many there are.
        probability: with which it must be kept.
        counted: whose losses count.
    """

    words: str
    allowed: int
    devices: int
    probability: float
    counted: Counted = WHOLE


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


@dataclass(frozen=True, slots=True)
class Opening:
    """When a gate opens, in days after its reserve is specified.

    Attributes:
        days: in which it has opened, or was given up, with 5, 50 and 95 %; None: not before the expiry.
        chance: the probability that it opens before the expiry.
    """

    days: tuple[float | None, float | None, float | None]
    chance: float

    @property
    def sentence(self) -> str:
        """When it opens, as a delay."""
        low, middle, high = ("never" if day is None else f"{day:.4g} days" for day in self.days)
        nine = f" (nine of ten fleets: {low} to {high})" if low != high else ""
        often = {0.0: "none", 1.0: "all"}.get(self.chance, percent(self.chance))
        opened = f"It opened before the expiry in {often} of the simulated fleets."
        return f"The delay that the gate of the plan as written chooses: {middle}{nine}. {opened}"

    @classmethod
    def of(cls, tallies: Sequence[Tally]) -> Opening | None:
        """As the operator's gate opened in some runs; None: there is none."""
        waited_d, opened = [], 0
        for tally in tallies:
            checks = [event for event in tally.events if event.name in ("gate opened", "gate closed")]
            opened += any(event.name == "gate opened" for event in checks)
            for check in checks[:1]:
                at_s = {e.name: e.at_s for e in tally.events if e.generation == check.generation}
                ended_s = at_s.get("reserve activated", math.inf)
                waited_d.append((ended_s - at_s["reserve specified"]) / SECONDS_PER_DAY)
        if not waited_d:
            return None
        waited_d += [math.inf] * (len(tallies) - len(waited_d))
        ends = np.quantile(waited_d, (0.05, 0.5, 0.95), method="inverted_cdf").tolist()
        low, middle, high = (None if day == math.inf else day for day in ends)
        return cls((low, middle, high), opened / len(tallies))


@dataclass(frozen=True, eq=False)
class Look:
    """What one plan loses.

    Attributes:
        laws: of the number of lost devices, by whose losses count.
        timeline: the server's life under it.
        opening: of the plan's gate.
    """

    laws: Mapping[Counted, Law | Counts]
    timeline: Timeline
    opening: Opening | None = None

    @property
    def fleet(self) -> Law | Counts:
        """Of all devices."""
        return self.laws[WHOLE]

    @property
    def band(self) -> tuple[int, int, int]:
        """Lost devices that are not exceeded with 5, 50 and 95 %."""
        return self.fleet.quantile(0.05), self.fleet.quantile(0.5), self.fleet.quantile(0.95)

    def excess(self, promise: Promise) -> int:
        """Devices that may be lost beyond those that a promise allows; below 1 where it is kept."""
        return self.laws[promise.counted].surely(promise.probability) - promise.allowed

    def keeps(self, promises: Iterable[Promise]) -> bool:
        """Whether each promise is kept as surely as it asks for."""
        return all(self.excess(promise) <= 0 for promise in promises)

    def chance(self, promise: Promise) -> float:
        """The probability that a promise is kept."""
        return self.laws[promise.counted].at_most(promise.allowed)

    def tightest(self, promises: Sequence[Promise]) -> Promise:
        """The promise that it is most likely to break, beside how likely that may be."""
        return min(promises, key=lambda promise: self.chance(promise) - promise.probability)

    def loses_more(self, other: Look) -> bool:
        """Whether it loses more devices on average, beyond what its mean errs by."""
        return self.fleet.mean - self.fleet.doubt > other.fleet.mean


@dataclass(frozen=True, eq=False)
class Question:
    """A scenario made ready: one reissue that waits for the expiry, no help desk, a run just beyond it.

    Attributes:
        prepared: as written, but for that.
        as_written: the same with the plan as it is written, up to the first change of the main certificate.
        step: of the reissue that is moved; the length of the strategy where it was added.
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

    @property
    def counted(self) -> tuple[Counted, ...]:
        """Whose losses count for some promise, and the whole fleet."""
        return tuple(dict.fromkeys((WHOLE, *(promise.counted for promise in self.promises))))

    @cached_property
    def untouched(self) -> Prepared | None:
        """As written but for the reissue, where a reserve that the server makes by itself becomes main."""
        if self.step == len(self.prepared.scenario.strategy):
            return None  # no reissue is written
        left = to_first_change(self.prepared.with_plan(self.prepared.plan.without_action(self.step)))
        changes = [after.change for _, after in left.timeline.switches]
        return left if changes == ["activated"] else None

    @cached_property
    def most(self) -> int:
        """Whole days that a reserve can wait: up to the expiry, and within its own life."""
        plan = self.prepared.plan
        life_s = plan.reissue(self.step).valid_for_s or plan.first.life_s
        longest_s = min(self.expiry_s, life_s - 1) if plan.valid_from == "issue" else self.expiry_s
        return max(0, longest_s) // SECONDS_PER_DAY

    def specified_s(self, days: int) -> int:
        """When a reserve is specified that waits so many days up to the expiry; 0 for less than a day."""
        return self.expiry_s - days * SECONDS_PER_DAY if days else 0

    def plan(self, days: int, specified_days: int | None = None) -> Plan:
        """The plan in which a reserve waits some days; specified so many before the expiry, or the same."""
        plan = self.prepared.plan
        reissue = replace(
            plan.reissue(self.step),
            at_s=self.specified_s(days if specified_days is None else specified_days),
            activate="at expiry" if specified_days is None else "after",
            after_s=None if specified_days is None else days * SECONDS_PER_DAY,
            gate=None,
        )
        return plan.with_action(self.step, reissue)

    def timeline(self, days: int, specified_days: int | None = None) -> Timeline:
        """The server's life under it.

        Raises:
            PlanError: something else happens to the certificates.
        """
        plan = self.plan(days, specified_days)
        found = play(plan)
        changes = [after.change for _, after in found.switches]
        is_alone = changes == ["activated"] and all(state.is_valid for state in found.states)
        specified_s = found.server.specified_at_s.get(found.server.main.generation)
        is_alone = is_alone and specified_s == plan.reissue(self.step).at_s
        if not is_alone and specified_days is None:
            raise PlanError(
                "something else happens to the certificates than the activation of this reserve: "
                "plan with a strategy of one reissue"
            )
        return found


def to_first_change(prepared: Prepared) -> Prepared:
    """A run up to the first change of the main certificate; what follows is not asked."""
    changes_s = [after.from_s for _, after in prepared.timeline.switches]
    return prepared.until(changes_s[0] + 1) if changes_s else prepared


# --- computed -------------------------------------------------------------------------------------------


class Computed:
    """Probabilities without simulation (model 13).

    Raises:
        NotExactError: it takes a simulation; the message says why.
    """

    by: Literal["exact"] = "exact"
    replications = None

    def __init__(self, question: Question, *, fine: bool = True) -> None:
        self.question, self.error = question, 0.0
        self.solver = Solver(question.plan(question.most), question.prepared.roster(), fine=fine)
        self._every = range(1, question.most + 1)
        self._looks: dict[tuple[int, int | None], Look] = {}
        self._ahead: set[int | None] = set()

    def at(self, days: int, specified_days: int | None = None) -> Look:
        """What a reserve loses that waits some days, specified so many before the expiry, or the same."""
        if self.solver.is_one_pass and specified_days not in self._ahead:
            self._ahead.add(specified_days)
            self.solver.look_ahead([self.question.timeline(day, specified_days) for day in self._every])
        if (days, specified_days) not in self._looks:
            self._looks[days, specified_days] = self._look(self.question.timeline(days, specified_days))
        return self._looks[days, specified_days]

    @cached_property
    def rough(self) -> Computed:
        """For what only tells how the answer moves: on coarser grids, where each delay takes a pass."""
        return self if self.solver.is_one_pass else Computed(self.question, fine=False)

    def under(self, prepared: Prepared) -> Look:
        """What another plan loses.

        Raises:
            NotExactError: it couples devices.
        """
        if prepared.plan.levers_that_couple:
            raise NotExactError("a gate or a chase couples devices: simulate")
        return self._look(prepared.timeline)

    def chances(self, days: int) -> NDArray[np.float64]:
        """The probability of each device to be lost; shape (devices,)."""
        return self.solver.of_each(self.solver.losses(self.question.timeline(days)))

    def _look(self, timeline: Timeline) -> Look:
        if timeline.server.main.refused_by and not all(refusing for _, refusing in self.question.counted):
            raise NotExactError(
                "a certificate that some devices refuse, and a promise of its delivery: simulate"
            )
        found = self.solver.losses(timeline)
        self.error = max(self.error, found.error)
        laws = {
            (who, refusing): found.law(group=who.group, platform=who.platform)
            for who, refusing in self.question.counted
        }
        return Look(laws, timeline)

    def curve(self) -> list[tuple[int, Look]]:
        """What many delays lose, in days; of a list with silent devices a few, and more roughly."""
        shown = evenly(self._every, _POINTS)
        if not self.solver.is_one_pass:
            shown = sorted({*evenly(self._every, _FEW), *({ADVISED_DAYS} & {*self._every})})
        return [(days, self.rough.at(days)) for days in shown]

    def least(self, promises: Sequence[Promise]) -> int | None:
        """The least number of whole days that keeps every promise."""

        def keeps(days: int) -> bool:
            return self.at(days).keeps(promises)

        most = self.question.most
        return min(1, most) + bisect_left(self._every, True, key=keeps) if keeps(most) else None

    def between(self, days: int) -> None:
        """See `Simulated`: there is no doubt."""


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
    error = 0.0

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
        several = 99 if 99 * attempts_of(question.prepared) <= _MOST_ATTEMPTS else 59  # quantiles fall on one
        self.replications = replications or max(least, several)
        if self.replications < least:
            raise PlanError(
                f"{100 * share:.4g} % confidence needs at least {least:,} replications, "
                f"not {self.replications:,}"
            )
        self._passes = 0
        self._found: dict[int, dict[Counted, list[CriticalDelays]]] = {}

    def at(self, days: int, specified_days: int | None = None) -> Look:
        """See `Computed`."""
        found = self._delays(days if specified_days is None else specified_days)
        wait_s = np.array([self.question.expiry_s - self.question.specified_s(days)])
        lost = {key: [int(each.lost(wait_s)[0]) for each in delays] for key, delays in found.items()}
        return Look(_counts(lost), self.question.timeline(days if specified_days is None else specified_days))

    def curve(self) -> list[tuple[int, Look]]:
        """What many delays lose, in days, of a reserve that is specified as early as can be."""
        most = self.question.most
        return [(days, self.at(days, most)) for days in evenly(range(1, most + 1), _POINTS)]

    def under(self, prepared: Prepared) -> Look:
        """See `Computed`."""
        jobs = [(self._experiment(prepared), range(self.replications))]
        tallies = list(values(jobs, Tallies(), self._means, progress=self._next()))
        lost = {
            key: [Selected(tally, key[0]).sum("lost") for tally in tallies] for key in self.question.counted
        }
        return Look(_counts(lost), prepared.timeline, Opening.of(tallies))

    def chances(self, days: int) -> None:
        """See `Computed`: fleets that are drawn tell of no single device."""

    def least(self, promises: Sequence[Promise]) -> int | None:
        """See `Computed`; with other numbers allowed, of a reserve that is specified as early as can be.

        What is needed mostly hardly depends on the instant: what one tells of another is tried first, and a
        bisection is the rest. The answer is one that was simulated at its own instant.
        """
        low, high = 0, self.question.most
        least = self._needed(high, promises)[1]
        if least > high or promises != self.question.promises:
            return None if least > high else int(least)
        while least < high and high - low > 1:
            days = int(least) if least > low else (low + high) // 2
            needed = self._needed(days, promises)[1]
            low, high, least = (low, days, needed) if needed <= days else (days, high, least)
        return high

    def between(self, days: int) -> tuple[int, int]:
        """The whole days that the least delay lies between, with `SURE` confidence at each end."""
        return min(days, int(self._needed(days, self.question.promises)[0])), days

    def _needed(self, days: int, promises: Sequence[Promise]) -> tuple[float, float]:
        """The same, of a reserve that is specified so many days before; infinity where none is enough."""
        ends = []
        for promise in promises:
            need = (each.least_delay_s(promise.allowed) for each in self._delays(days)[promise.counted])
            in_days = sorted(math.inf if s is None else max(1, math.ceil(s / SECONDS_PER_DAY)) for s in need)
            ends.append([in_days[place] for place in places(len(in_days), promise.probability)])
        return max(low for low, _ in ends), max(high for _, high in ends)

    def _delays(self, days: int) -> dict[Counted, list[CriticalDelays]]:
        """The critical delays in each fleet, by whose losses count."""
        if days not in self._found:
            refused_by = self.question.timeline(days).server.main.refused_by
            plan = replace(self.question.plan(days), horizon_s=self.question.expiry_s)
            jobs = [(self._experiment(self.question.prepared.with_plan(plan)), range(self.replications))]
            found = {}
            for who, refusing in self.question.counted:
                quantity = Delays(
                    self.question.specified_s(days), refused_by if refusing else frozenset(), who
                )
                found[who, refusing] = list(values(jobs, quantity, self._means, progress=self._next()))
            self._found[days] = found
        return self._found[days]

    def _experiment(self, prepared: Prepared) -> Experiment:
        return Experiment.of(prepared, engine=self._engine, runs=3 * self.replications)

    def _next(self) -> Progress | None:
        """The progress of the next pass through all fleets; nobody knows beforehand how many it takes."""
        self._passes += 1
        return share_of(self._progress, self._passes - 1, max(self._passes, _USUAL_PASSES))


def _counts(lost: Mapping[Counted, Sequence[int]]) -> dict[Counted, Counts]:
    return {counted: Counts(np.sort(np.array(numbers, dtype=np.int64))) for counted, numbers in lost.items()}


Outlook = Computed | Simulated
"""What plans lose, computed or simulated."""
