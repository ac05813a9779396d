"""The least activation delay, and the latest day to specify the reserve (language 2, `plan`)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

from sim.errors import InputError, visible
from sim.results.critical import CriticalDelays
from sim.scenario.roster import roster_of
from sim.scenario.scenario import Scenario
from sim.scenario.strategy import Reissue as WrittenReissue
from sim.studies.assumptions import with_absences
from sim.studies.curve import CurveError, Waits, share_of, step_of
from sim.studies.experiment import Engine, Experiment, Progress
from sim.studies.result import iso
from sim.world.certificates import LONGEST_LIFE_S
from sim.world.order import SECONDS_PER_DAY
from sim.world.plan import Reissue

ADVISED_DAYS: Final = 30
"""Kaspersky recommends an activation period of at least 30 days (KSMM 6.0, "Reissuing the mobile
Administration Server certificate")."""

DORMANT_PARTS: Final = (0.0, 0.25, 0.5, 0.75)
"""Dormant shares that the answer is given for, as parts of the share that may be lost."""

TAILS: Final = ((0.5, "half"), (2.0, "twice"))
_ROUNDS: Final = 8
_MOST_ATTEMPTS: Final = 400_000_000
"""Attempts to synchronize, over all replications: the array engine needs some seconds for them."""


class PlanError(InputError):
    """There is nothing to plan; the message says why and what would help."""


@dataclass(frozen=True, slots=True)
class Variant:
    """How the answer moves with an assumption.

    Attributes:
        assumption: in words.
        delay_days: least delay that keeps the target under it; None where no delay does.
    """

    assumption: str
    delay_days: int | None


@dataclass(frozen=True, eq=False)
class Recommendation:
    """When and how to reissue.

    Attributes:
        scenario: as it was planned for.
        most_lost: devices that may be lost.
        devices: how many there are.
        confidence: with which a fleet like this one keeps that.
        replications: fleets that were simulated.
        delay_days: whole days from specification to activation; None where none is enough.
        needed_s: seconds that the target alone needs; None as above.
        specify_by: latest instant for the reserve, activated at the expiry; None as above.
        expires: when the main certificate expires.
        binding: what the delay is due to: `target`, `30-day advice`, `sync period`; or, without a plan,
            `devices that never synchronize`, `remaining life`, `validity of the new certificate`.
        lost_share: mean share of lost devices under the recommendation; without one, under the best there is.
        lost: who would be lost then, in the first replication.
        variants: how the answer moves.
    """

    scenario: Scenario
    most_lost: int
    devices: int
    confidence: float
    replications: int
    delay_days: int | None
    needed_s: int | None
    specify_by: datetime | None
    expires: datetime
    binding: str
    lost_share: float
    lost: tuple[str, ...]
    variants: tuple[Variant, ...] = ()

    @property
    def activated(self) -> datetime | None:
        """When the reserve becomes main if it is specified at the latest."""
        if self.specify_by is None or self.delay_days is None:
            return None
        return self.specify_by + timedelta(days=self.delay_days)

    def to_json(self) -> dict[str, Any]:
        """The document that `reissue plan --json` prints."""
        return {
            "scenario": self.scenario.name,
            "seed": self.scenario.seed,
            "delay_days": self.delay_days,
            "specify_by": None if self.specify_by is None else iso(self.specify_by),
            "binding": self.binding,
            "lost_share": self.lost_share,
            "lost_at_most": self.most_lost,
            "devices": self.devices,
            "confidence": self.confidence,
            "replications": self.replications,
            "needed_s": self.needed_s,
            "expires": iso(self.expires),
            "lost": list(self.lost),
            "variants": [{"assumption": v.assumption, "delay_days": v.delay_days} for v in self.variants],
        }

    def __repr__(self) -> str:
        from sim.studies.decisions import recommendation_words

        return f"<Recommendation {visible(self.scenario.name)}: {recommendation_words(self)[0]}>"

    def _repr_html_(self) -> str:
        from sim.notebook.cards import recommendation_card

        return recommendation_card(self)


def plan(
    scenario: Scenario,
    *,
    lost_at_most: float,
    confidence: float = 0.95,
    reissue: int | None = None,
    follow_advice: bool = True,
    vary: bool = True,
    engine: Engine = "auto",
    seed: int | None = None,
    replications: int | None = None,
    progress: Progress | None = None,
    notice: Callable[[str], None] | None = None,
) -> Recommendation:
    """The least delay and the latest day that keep losses at or below a target.

    In each of n replications there is a least delay that loses few enough (model 9.1). The k-th smallest of
    them, k = ceil(confidence (n + 1)), is at least that of one more fleet with probability k / (n + 1): no
    assumption about its distribution is made.

    Args:
        scenario: its reissue with delayed activation is moved; one is added where there is none.
        lost_at_most: a share below 1, or a number of devices from 1 on; 0 for none.
        confidence: of the promise, below 1.
        reissue: index in the strategy of the reissue that is meant, where there are several.
        follow_advice: take no less than the recommended 30 days.
        vary: also answer for other dormant shares and absence tails.
        engine, seed: as for `run`.
        replications: fleets to simulate; default: those of the scenario, and enough for the confidence.
        progress: called now and then with the share that is done.
        notice: called with a sentence before a wait that needs a reason.

    Raises:
        PlanError: there is nothing to plan, or too few replications for the confidence.
        ScenarioError: the scenario cannot be run.
    """
    if not 0 < confidence < 1:
        raise PlanError(f"a confidence lies between 0 and 100 %, not at {confidence:.4g}")
    if lost_at_most < 0:
        raise PlanError("fewer than no devices cannot be lost: write for example 0.1% or 20")
    if seed is not None:
        scenario = scenario.changed({"seed": seed})
    planner = _Planner.of(scenario, reissue, confidence, replications, engine)
    if notice is not None:
        for sentence in planner.experiment(0).notices():
            notice(sentence)
    most_lost = (
        math.floor(lost_at_most * planner.size + 1e-9) if lost_at_most < 1 else math.floor(lost_at_most)
    )
    floors = planner.floors(follow_advice=follow_advice)
    found = planner.search(most_lost, max(floors.values()), progress)
    variants = planner.variants(found, most_lost) if vary else ()
    return planner.recommend(found, most_lost, floors, variants)


@dataclass(frozen=True, eq=False)
class _Found:
    """What was found for a reserve that is specified at an instant.

    `first` are the critical delays for one that is specified at the start, which has the longest time.
    """

    specified_s: int
    needed_s: int | None
    delays: tuple[CriticalDelays, ...]
    days: int | None
    first: tuple[CriticalDelays, ...]


@dataclass(frozen=True, eq=False)
class _Planner:
    scenario: Scenario
    step: int
    confidence: float
    replications: int
    engine: Engine
    size: int

    @classmethod
    def of(
        cls,
        scenario: Scenario,
        reissue: int | None,
        confidence: float,
        replications: int | None,
        engine: Engine,
    ) -> _Planner:
        """The scenario made ready: with a delayed reissue, no help desk, and a run up to the expiry."""
        if scenario.recovery is not None:  # it helps those that are lost already
            scenario = scenario.changed({"recovery": "none"})
        if reissue is None and not any(step.reissue is not None for step in scenario.strategy):
            step = {"at": "start", "reissue": {"activate": "at expiry"}}
            scenario = scenario.changed({"strategy": [*scenario.document.get("strategy", ()), step]})
        try:
            number = step_of(scenario, reissue)
        except CurveError as error:
            raise PlanError(str(error)) from None
        experiment = Experiment.of(scenario, engine=engine)
        expiry_s = experiment.plan.first.not_after_s
        scenario = scenario.changed({"duration": f"{expiry_s}s"})  # what happens from then on changes nothing
        least = math.ceil(confidence / (1 - confidence) - 1e-9)
        if replications is None:
            replications = max(scenario.replications, least, _affordable(experiment))
        if replications < least:
            raise PlanError(
                f"{confidence:.4g} confidence needs at least {least} replications, not {replications}"
            )
        return cls(scenario, number, confidence, replications, engine, experiment.size)

    @property
    def expiry_s(self) -> int:
        """When the main certificate expires, in seconds from the start."""
        return self.experiment(0).plan.first.not_after_s

    def experiment(self, specified_s: int, scenario: Scenario | None = None) -> Experiment:
        """The run in which the reserve is specified at an instant, to be activated at expiry."""
        base = self.scenario if scenario is None else scenario
        key = f"strategy.{self.step}"
        changes = {f"{key}.at": f"start + {specified_s}s", f"{key}.reissue.activate": "at expiry"}
        if self._written.file is None:  # what the new one's own life allows is asked at the end
            changes[f"{key}.reissue.valid_for"] = f"{LONGEST_LIFE_S}s"
        return Experiment.of(base.changed(changes), engine=self.engine, runs=3 * self.replications)

    def floors(self, *, follow_advice: bool) -> Mapping[str, int]:
        """The least number of days by what each rule asks for."""
        every_s = max((group.sync.every for group in self.scenario.fleet), default=0)
        floors = {"sync period": every_s // SECONDS_PER_DAY + 1}
        return {**floors, "30-day advice": ADVISED_DAYS} if follow_advice else floors

    def delays(
        self, specified_s: int, scenario: Scenario | None = None, progress: Progress | None = None
    ) -> tuple[CriticalDelays, ...]:
        """The critical delays of every replication."""
        experiment = self.experiment(specified_s, scenario)
        waits = Waits.of(experiment.plan, experiment.scenario, self.step, np.array([], dtype=np.int64))
        if waits is None:
            raise PlanError(
                "something else happens to the main certificate than the activation of this reserve: "
                "plan with a strategy of one reissue"
            )
        return tuple(
            CriticalDelays.of(
                experiment.outcomes(r, progress=share_of(progress, r, self.replications)),
                refused_by=waits.refused_by,
            )
            for r in range(self.replications)
        )

    def needed_s(self, delays: tuple[CriticalDelays, ...], most_lost: int) -> int | None:
        """The delay that one more fleet keeps the target with, at the stated confidence; None: none does."""
        least = sorted(
            math.inf if (delay_s := each.least_delay_s(most_lost)) is None else delay_s for each in delays
        )
        place = math.ceil(self.confidence * (len(least) + 1) - 1e-9) - 1
        return None if least[place] == math.inf else int(least[place])

    def search(self, most_lost: int, at_least_days: int, progress: Progress | None) -> _Found:
        """The latest instant whose delay up to the expiry is enough, in whole days before the expiry.

        What is needed hardly depends on the instant, so a few rounds settle it. The answer is one that was
        simulated at its own instant.
        """
        first = self.delays(0, progress=progress)
        needed_s = self.needed_s(first, most_lost)
        best = _Found(0, needed_s, first, None, first)
        if needed_s is None:
            return best
        days = max(at_least_days, math.ceil(needed_s / SECONDS_PER_DAY))
        tried: set[int] = set()
        for _ in range(_ROUNDS):
            specified_s = self.expiry_s - days * SECONDS_PER_DAY
            if specified_s < 0 or days in tried:
                break
            tried.add(days)
            delays = self.delays(specified_s, progress=progress)
            needed_s = self.needed_s(delays, most_lost)
            if needed_s is not None and needed_s <= days * SECONDS_PER_DAY:
                if best.days is None or days < best.days:
                    best = _Found(specified_s, needed_s, delays, days, first)
                days = max(at_least_days, math.ceil(needed_s / SECONDS_PER_DAY))
            else:
                days = max(days + 1, math.ceil((needed_s or 0) / SECONDS_PER_DAY))
        return best

    def recommend(
        self, found: _Found, most_lost: int, floors: Mapping[str, int], variants: tuple[Variant, ...]
    ) -> Recommendation:
        """The answer in dates."""
        first = self.experiment(found.specified_s)
        life_s = self._life_of_new_s(first)
        start = self.scenario.start
        days = found.days
        binding = self._binding(found, most_lost, floors)
        if days is not None and days * SECONDS_PER_DAY >= life_s:
            days, binding = None, "validity of the new certificate"
        delay_s = self.expiry_s - found.specified_s if days is None else days * SECONDS_PER_DAY
        lost = [each.lost(np.array([delay_s]))[0] / max(each.size, 1) for each in found.delays]
        return Recommendation(
            scenario=self.scenario,
            most_lost=most_lost,
            devices=self.size,
            confidence=self.confidence,
            replications=self.replications,
            delay_days=days,
            needed_s=found.needed_s,
            specify_by=None if days is None else start + timedelta(seconds=found.specified_s),
            expires=start + timedelta(seconds=self.expiry_s),
            binding=binding,
            lost_share=float(np.mean(lost)),
            lost=_late(first, delay_s),
            variants=variants,
        )

    def _binding(self, found: _Found, most_lost: int, floors: Mapping[str, int]) -> str:
        if found.days is None:
            roster = roster_of(self.scenario)
            never_on = np.array([profile.presence == "never" for profile in roster.profiles])
            dormant = int(never_on[roster.profile].sum())
            return "devices that never synchronize" if dormant > most_lost else "remaining life"
        assert found.needed_s is not None
        needed_days = math.ceil(found.needed_s / SECONDS_PER_DAY)
        name, days = max(floors.items(), key=lambda floor: floor[1])
        return name if days > needed_days else "target"

    @property
    def _written(self) -> WrittenReissue:
        written = self.scenario.strategy[self.step].reissue
        assert written is not None
        return written

    def _life_of_new_s(self, experiment: Experiment) -> int:
        if self._written.file is None:
            return self._written.valid_for or experiment.plan.first.life_s
        files = (a.valid_for_s for a in experiment.plan.actions if isinstance(a, Reissue) and a.identity)
        return next(life_s for life_s in files if life_s is not None)

    def variants(self, found: _Found, most_lost: int) -> tuple[Variant, ...]:
        """The days that the target needs under other dormant shares and absence tails."""
        answers = []
        allowed = most_lost / max(self.size, 1)
        for share in dict.fromkeys(part * allowed for part in DORMANT_PARTS):
            needed_s = self.needed_s(found.first, math.floor((most_lost - share * self.size) / (1 - share)))
            more = f"{100 * share:.2g} % more of it never synchronize"
            words = more if share else "the fleet as it is"
            answers.append(Variant(words, _days(needed_s)))
        answers.append(Variant(f"more than {100 * allowed:.2g} % more of it never synchronize", None))
        for factor, length in TAILS:
            scaled = with_absences(self.scenario, factor)
            if scaled is not None:
                needed_s = self.needed_s(self.delays(0, scaled), most_lost)
                answers.append(Variant(f"absences {length} as long", _days(needed_s)))
        return tuple(answers)


def _late(experiment: Experiment, delay_s: int) -> tuple[str, ...]:
    """Who would not have the reserve after the delay, in the first replication."""
    names: list[str] = []
    for outcome in experiment.outcomes(0):
        critical_s = outcome.devices.critical_delay_s
        late = np.flatnonzero((critical_s < 0) | (critical_s > delay_s))
        names += [outcome.roster.name(int(device)) for device in late]
    return tuple(names)


def _days(needed_s: int | None) -> int | None:
    return None if needed_s is None else math.ceil(needed_s / SECONDS_PER_DAY)


def _affordable(experiment: Experiment) -> int:
    """Replications that take some seconds, in numbers whose quantiles fall on a replication."""
    every_s = [group.sync.every for group in experiment.scenario.fleet]
    attempts = experiment.size * experiment.plan.horizon_s / min(every_s)
    return next((n for n in (99, 59, 39) if attempts * n <= _MOST_ATTEMPTS), 19)
