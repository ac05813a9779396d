"""What to do, by when, and what it will cost: the one answer of `plan`, `curve`, the page and `Result`.

Several plans are looked at side by side, each with the law of the number of devices that it loses: computed
where that can be done (model 13), else of simulated fleets. No number comes from the draws of one run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import numpy as np

from sim.executor import Resources
from sim.probabilities.losses import NotExactError
from sim.results.measures import Bound
from sim.scenario.prepare import Prepared
from sim.studies.absences import with_absences
from sim.studies.choices import AS_WRITTEN, TODAY, Choice, Decision, Point, Variant
from sim.studies.delays import CurveError, step_of
from sim.studies.experiment import Engine, Progress
from sim.studies.gate import gate_for
from sim.studies.search import ADVISED_DAYS, Computed, Look, Outlook, PlanError, Promise, Question, Simulated
from sim.text import listed, plural
from sim.world.order import SECONDS_PER_DAY
from sim.world.plan import Reissue

CONFIDENCE: Final = 0.95
DORMANT_PARTS: Final = (0.0, 0.25, 0.5, 0.75)
"""Dormant shares that the answer is given for, as parts of the share that may be lost."""
TAILS: Final = ((0.5, "half"), (2.0, "twice"))
SEED: Final = 1
"""Of the fleets that are simulated, whatever the seed of a run is."""

_Bounded = tuple[Bound, str, float | None]


def decide(
    prepared: Prepared,
    *,
    lost_at_most: float | None = None,
    confidence: float = CONFIDENCE,
    reissue: int | None = None,
    follow_advice: bool = True,
    vary: bool = False,
    gate: bool = False,
    by: Literal["exact", "simulation"] | None = None,
    engine: Engine = "auto",
    seed: int = SEED,
    replications: int | None = None,
    means: Resources | None = None,
    progress: Progress | None = None,
) -> Decision:
    """What to do about the first change of the main certificate.

    Args:
        prepared: the scenario; its reissue is moved, and one is added where there is none.
        lost_at_most: a share below 1, or a number of devices from 1 on; 0 for none. None: what the guarantees
            about losses say; without one, that nobody is lost.
        confidence: of each promise that names no `probability` itself, below 1.
        reissue: index in the strategy of the reissue that is meant, where there are several.
        follow_advice: take no less than the recommended 30 days.
        vary: also answer for other dormant shares, absence tails and delays.
        gate: also say which gate keeps the promise that decides.
        by: `exact` or `simulation` only; None: exact where it can be.
        engine, means, progress: as for `run`.
        seed, replications: of the fleets, where they are simulated.

    Raises:
        PlanError: there is nothing to plan, or too few replications for the confidence.
        NotExactError: `by` is `exact`, and that cannot be.
    """
    if not 0 < confidence < 1:
        raise PlanError(
            f"a confidence lies between 0 and 100 %, not at {100 * confidence:.4g} %: write for example 95%"
        )
    if lost_at_most is not None and lost_at_most < 0:
        raise PlanError("fewer than no devices cannot be lost: write for example 0.1% or 20")
    question = _question(prepared, reissue, lambda p: _promises(p, lost_at_most, confidence))
    question.timeline(question.most)
    if levers := question.plan(question.most).levers_that_couple:
        raise PlanError(f"{listed(levers)} couples devices: plan without it, or use reissue run")
    fleets = {"engine": engine, "replications": replications, "means": means, "progress": progress}

    def simulated() -> Simulated:
        return Simulated(question.with_seed(seed), **fleets)  # type: ignore[arg-type]

    def answer(outlook: Outlook) -> Decision:
        try:
            written = outlook.written()
        except NotExactError:
            written = simulated().written()
        return _decision(
            question, outlook, written, confidence, follow_advice=follow_advice, vary=vary, gate=gate
        )

    if by != "simulation":
        try:
            exact = Computed(question)
            exact.at(question.most)
            return answer(exact)
        except NotExactError:
            if by == "exact":
                raise
    return answer(simulated())


def computed(prepared: Prepared, *, reissue: int | None = None) -> Decision | None:
    """The decision where it is computed at once; None where it takes fleets, or nothing can be planned."""
    try:
        return decide(prepared, reissue=reissue, by="exact")
    except (NotExactError, PlanError):
        return None


def _question(prepared: Prepared, reissue: int | None, promises: Any) -> Question:
    """The scenario made ready.

    Raises:
        PlanError: there is no reissue that could be meant.
    """
    scenario, plan = prepared.scenario, prepared.plan
    if prepared.size == 0:
        raise PlanError("the fleet has no devices: there is nothing to plan")
    if plan.first.not_after_s <= 0:
        raise PlanError("the main certificate has expired before the start: there is nothing to plan")
    reissues = [n for n, step in enumerate(scenario.strategy) if step.reissue is not None]
    prepared = prepared.with_plan(replace(plan, recovery=None)).until(plan.first.not_after_s + 1)
    changes_s = [
        after.from_s for _, after in prepared.timeline.switches
    ]  # what follows the first is not asked
    as_written = prepared.until(changes_s[0] + 1) if changes_s else prepared
    if reissue is None and len(reissues) == 1:
        step = reissues[0]
    elif reissue is None and not reissues:
        step = len(scenario.strategy)
        added = Reissue(0, "at expiry", step=step)
        actions = (added, *prepared.plan.actions)
        prepared = prepared.with_plan(replace(prepared.plan, actions=actions))
    else:
        try:
            step = step_of(scenario, reissue)
        except CurveError as error:
            raise PlanError(str(error)) from None
    return Question(prepared, as_written, step, promises(prepared))


def _promises(prepared: Prepared, lost_at_most: float | None, confidence: float) -> tuple[Promise, ...]:
    """What must be kept: what is asked for, else what the guarantees say, else that nobody is lost."""
    roster = prepared.roster()
    if lost_at_most is not None:
        measure = "lost_share" if 0 < lost_at_most < 1 else "lost_devices"
        bounds: list[_Bounded] = [(Bound(measure=measure, at_most=lost_at_most), "", None)]
    else:
        guarantees = prepared.scenario.guarantees
        bounds = [(g.bound, g.promise, g.probability) for g in guarantees if is_about_losses(g.bound)]
    promises = []
    for bound, words, probability in bounds or [(Bound(measure="lost_devices", at_most=0), "", None)]:
        counted = bound.selection.devices(roster)
        if bound.entry.decided_by == "reception":
            counted &= ~roster.never_connected
        devices = int(np.count_nonzero(counted))
        allowed = bound.most_lost(devices) or 0
        words = words or (f"at most {plural(allowed, 'device')} lost" if allowed else "nobody is lost")
        refusing = bound.entry.decided_by == "losses"
        promises.append(
            Promise(words, allowed, devices, probability or confidence, bound.selection, refusing)
        )
    return tuple(promises)


def is_about_losses(bound: Bound) -> bool:
    """Whether a longer delay can help to keep it, and is all that matters to it."""
    return bound.entry.decided_by in ("losses", "reception") and bound.forbids_losses


def _decision(
    question: Question,
    outlook: Outlook,
    written: Look,
    confidence: float,
    *,
    follow_advice: bool,
    vary: bool,
    gate: bool,
) -> Decision:
    """The answer in dates."""
    prepared, promises, most = question.prepared, question.promises, question.most
    needed = outlook.least()
    days: int | None = None
    binding, place = "", -1
    if needed is not None:
        days, binding = _days(question, outlook, needed, follow_advice=follow_advice)
        if _loses_more(outlook.at(days), written):
            days, binding = _no_worse(outlook, days, written), "plan as written"
    best = most if days is None else days
    names = {most: TODAY}
    if most > ADVISED_DAYS:
        names[ADVISED_DAYS] = f"the advised {ADVISED_DAYS} days"
    names.setdefault(best, f"the least delay, {plural(best, 'day')}")
    looks = [(AS_WRITTEN, written), *((name, outlook.at(each)) for each, name in names.items())]
    place = 1 + list(names).index(best)
    if days is None and _loses_more(outlook.at(most), written):
        place = 0
        own = _choice(question, AS_WRITTEN, written, confidence)
        if written.keeps(promises) and own.specified and own.activated:
            days = (own.activated - own.specified).days
    look = looks[place][1]
    margins = [law.at_most(p.allowed) - p.probability for law, p in zip(look.promised, promises, strict=True)]
    deciding = promises[int(np.argmin(margins))]
    choices = tuple(_choice(question, name, look, deciding.probability) for name, look in looks)
    if days is None:
        binding = _obstacle(question, deciding)
    between = None
    if isinstance(outlook, Simulated) and needed is not None:
        between = min(needed, max(1, math.ceil(outlook.between_s(needed)[0] / SECONDS_PER_DAY))), needed
    return Decision(
        scenario=prepared.scenario.name,
        seed=prepared.scenario.seed,
        start=prepared.scenario.start,
        timezone=prepared.scenario.timezone,
        by=outlook.by,
        error=outlook.error if isinstance(outlook, Computed) else 0.0,
        replications=outlook.replications if isinstance(outlook, Simulated) else None,
        between_days=between,
        promises=tuple(promise.words for promise in promises),
        promise=deciding.words,
        most_lost=deciding.allowed,
        devices=prepared.size,
        confidence=deciding.probability,
        choices=choices,
        recommended=place,
        delay_days=days,
        needed_days=needed,
        expires=prepared.scenario.start + timedelta(seconds=question.expiry_s),
        binding=binding,
        shortfall=max(
            0,
            *(law.surely(p.probability) - p.allowed for law, p in zip(look.promised, promises, strict=True)),
        )
        if days is None
        else 0,
        lost=outlook.likely_lost(best) if place else (),
        variants=tuple(_variants(question, outlook, deciding, needed)) if vary else (),
        gate=gate_for(outlook, deciding) if gate else None,
        curve=tuple(_point(promises, *each) for each in outlook.curve()) if vary else (),
    )


def floors_of(prepared: Prepared, *, follow_advice: bool) -> dict[str, int]:
    """The least number of days by what each rule asks for."""
    every_s = max((group.sync.every for group in prepared.scenario.fleet), default=0)
    floors = {"sync period": every_s // SECONDS_PER_DAY + 1}
    return {**floors, "30-day advice": ADVISED_DAYS} if follow_advice else floors


def _days(question: Question, outlook: Outlook, needed: int, *, follow_advice: bool) -> tuple[int, str]:
    """Whole days of delay by promises and rules, and what asks for them."""
    rule, floor = max(
        floors_of(question.prepared, follow_advice=follow_advice).items(), key=lambda each: each[1]
    )
    days = max(needed, min(floor, question.most))
    while days < question.most and not outlook.at(days).keeps(question.promises):
        days += 1  # of simulated fleets, which differ a little with the instant
    if floor > question.most:
        return days, _limit(question)
    return days, rule if days == floor and floor > needed else "target"


def _loses_more(look: Look, other: Look) -> bool:
    """Whether a plan loses more devices on average, beyond what its mean errs by."""
    return look.fleet.mean - look.fleet.doubt > other.fleet.mean


def _no_worse(outlook: Outlook, days: int, written: Look) -> int | None:
    """The least number of days, from some on that lose more, that lose no more than the plan as written."""
    low, high = days, outlook.question.most
    if _loses_more(outlook.at(high), written):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _loses_more(outlook.at(middle), written) else (low, middle)
    return high


def _choice(question: Question, name: str, look: Look, confidence: float) -> Choice:
    """A plan in dates and numbers."""
    start, server = question.prepared.scenario.start, look.timeline.server

    def at(second: int | None) -> datetime | None:
        return None if second is None else start + timedelta(seconds=second)

    after = next((after for _, after in look.timeline.switches if after.change == "activated"), None)
    margins = [
        law.at_most(p.allowed) - p.probability
        for law, p in zip(look.promised, question.promises, strict=True)
    ]
    place = int(np.argmin(margins))
    return Choice(
        name=name,
        specified=None if after is None else at(server.specified_at_s[after.main]),
        activated=None if after is None else at(after.from_s),
        expires=start + timedelta(seconds=look.timeline.server.main.not_after_s),
        mean=look.fleet.mean,
        lost=(look.fleet.quantile(0.05), look.fleet.quantile(0.5), look.fleet.quantile(0.95)),
        surely=look.fleet.surely(confidence),
        keeps=look.keeps(question.promises),
        chance=look.promised[place].at_most(question.promises[place].allowed),
        binds=question.promises[place].words,
    )


def _point(promises: Sequence[Promise], days: int, look: Look) -> Point:
    """A delay in numbers."""
    fleet = look.fleet
    laws = zip(look.promised, promises, strict=True)
    keeps = tuple(law.surely(promise.probability) <= promise.allowed for law, promise in laws)
    return Point(days, (fleet.quantile(0.05), fleet.quantile(0.5), fleet.quantile(0.95)), keeps)


def _obstacle(question: Question, promise: Promise) -> str:
    """What no delay can help against."""
    roster, plan = question.prepared.roster(), question.prepared.plan
    counted = promise.selection.devices(roster)

    def number_of(profiles: list[bool]) -> int:
        return int(np.count_nonzero(np.array(profiles, dtype=np.bool_)[roster.profile] & counted))

    if number_of([profile.presence == "never" for profile in roster.profiles]) > promise.allowed:
        return "devices that never synchronize"
    refused_by = plan.reissue(question.step).refused_by
    if number_of([profile.judged_as in refused_by for profile in roster.profiles]) > promise.allowed:
        return "devices that refuse the certificate"
    return _limit(question)


def _limit(question: Question) -> str:
    """What ends the longest wait."""
    is_short = question.most < question.expiry_s // SECONDS_PER_DAY
    return "validity of the new certificate" if is_short else "remaining life"


def _variants(
    question: Question, outlook: Outlook, promise: Promise, needed: int | None
) -> Iterator[Variant]:
    """The days that the promises need under other dormant shares and absence tails."""
    allowed = promise.allowed / max(promise.devices, 1)
    rough = outlook.rough if isinstance(outlook, Computed) else outlook
    for share in dict.fromkeys(part * allowed for part in DORMANT_PARTS):
        left = [math.floor((p.allowed - share * p.devices) / (1 - share)) for p in question.promises]
        words = (
            f"another {100 * share:.2g} % of the fleet never synchronize" if share else "the fleet as it is"
        )
        delay = (rough.least(left) if share else needed) if min(left) >= 0 else None
        yield Variant(words if share else "the fleet as it is", delay)
    yield Variant(f"more than another {100 * allowed:.2g} % of the fleet never synchronize", None)
    if isinstance(outlook, Computed):
        for factor, length in TAILS:
            scaled = with_absences(question.prepared.scenario, factor)
            if scaled is not None:
                fleet = replace(question, prepared=question.prepared.with_fleet(scaled))
                yield Variant(f"absences {length} as long", Computed(fleet, fine=False).least())
