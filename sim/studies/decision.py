"""What to do, by when, and what it will cost: the one answer of `plan`, `curve`, the page and `Result`.

Several plans are looked at side by side, each with the law of the number of devices that it loses: computed
where that can be done (model 13), else of simulated fleets. No number comes from the draws of one run.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Final, Literal, Unpack

import numpy as np

from sim.probabilities.losses import NotExactError
from sim.results.measures import Bound
from sim.scenario.prepare import Prepared, prepare
from sim.scenario.scenario import Scenario
from sim.scenario.values import read_target
from sim.studies.alternatives import fetching, gate_for, likely_lost, variants
from sim.studies.choices import AS_WRITTEN, NOTHING, TODAY, Choice, Decision, Point
from sim.studies.delays import PlanError, step_of
from sim.studies.options import Options, checked, computing, shown
from sim.studies.search import (
    ADVISED_DAYS,
    Computed,
    Look,
    Outlook,
    Promise,
    Question,
    Simulated,
    to_first_change,
)
from sim.text import listed, plural
from sim.world.order import SECONDS_PER_DAY
from sim.world.plan import Reissue

CONFIDENCE: Final = 0.95
SEED: Final = 1
"""Of the fleets that are simulated, whatever the seed of a run is."""


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
    **options: Unpack[Options],
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
        vary: also answer for other dormant shares, absence tails and delays.
        gate: also say which gate keeps the promise that decides (model 10.1).
        options: how to compute where fleets are simulated (`Options`); by default with a seed of their own,
            and as many as the confidence needs and some seconds allow.

    Raises:
        PlanError: there is nothing to plan, or too few replications for the confidence.
        ScenarioError: the scenario cannot be run.
        WorkersError: those who compute cannot be reached, or die.
        CacheError: results cannot be kept.
    """
    prepared = prepare(scenario)
    try:
        target = None if lost_at_most is None else read_target(lost_at_most, of=prepared.size)
    except ValueError as error:
        raise PlanError(str(error)) from None
    seed = options.get("seed")
    with computing(options) as means:
        fleets = partial(
            Simulated,
            engine=options.get("engine", "auto"),
            replications=options.get("replications"),
            means=means,
            progress=shown(options.get("progress")),
        )
        return decide(
            prepared,
            lost_at_most=target,
            confidence=confidence,
            reissue=reissue,
            follow_advice=follow_advice,
            vary=vary,
            gate=gate,
            seed=SEED if seed is None else seed,
            fleets=fleets,
        )


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
    seed: int = SEED,
    fleets: Callable[[Question], Simulated] = Simulated,
) -> Decision:
    """See `plan`; by `exact` computation or `simulation` of `fleets` only; None: exact where it can be.

    Raises:
        PlanError: as for `plan`.
        NotExactError: `by` is `exact`, and that cannot be.
    """
    if not 0 < confidence < 1:
        raise PlanError(
            f"a confidence lies between 0 and 100 %, not at {100 * confidence:.4g} %: write for example 95%"
        )
    drawn = prepared.scenario.changed({"seed": seed, "first_replication": 0})
    question = _question(replace(prepared, scenario=drawn), reissue, lost_at_most, confidence)
    question.timeline(question.most)
    if levers := question.plan(question.most).levers_that_couple:
        raise PlanError(f"{listed(levers)} couples devices: plan without it, or use reissue run")

    def answer(outlook: Outlook) -> Decision:
        outlook.at(question.most)
        looks = {}
        for name, each in ((AS_WRITTEN, question.as_written), (NOTHING, question.untouched)):
            if each is not None:
                try:
                    looks[name] = outlook.under(each)
                except NotExactError:
                    looks[name] = fleets(question).under(each)
        found = _decision(outlook, looks, follow_advice=follow_advice, vary=vary, gate=gate)
        return replace(found, seed=prepared.scenario.seed)

    if by != "simulation":
        try:
            return answer(Computed(question))
        except NotExactError:
            if by == "exact":
                raise
    return answer(fleets(question))


def computed(prepared: Prepared, *, reissue: int | None = None) -> Decision | None:
    """The decision where it is computed at once; None where it takes fleets, or nothing can be planned."""
    try:
        return decide(prepared, reissue=reissue, by="exact")
    except (NotExactError, PlanError):
        return None


# --- the question ---------------------------------------------------------------------------------------


def _question(
    prepared: Prepared, reissue: int | None, lost_at_most: float | None, confidence: float
) -> Question:
    """The scenario made ready.

    Raises:
        PlanError: there is no reissue that could be meant.
    """
    strategy, plan = prepared.scenario.strategy, prepared.plan
    if prepared.size == 0:
        raise PlanError("the fleet has no devices: there is nothing to plan")
    if plan.first.not_after_s <= 0:
        raise PlanError("the main certificate has expired before the start: there is nothing to plan")
    prepared = prepared.with_plan(replace(plan, recovery=None)).until(plan.first.not_after_s + 1)
    as_written = to_first_change(prepared)
    reissues = [number for number, step in enumerate(strategy) if step.reissue is not None]
    if reissue is None and not reissues:
        step = len(strategy)
        actions = (Reissue(0, "at expiry", step=step), *prepared.plan.actions)
        prepared = prepared.with_plan(replace(prepared.plan, actions=actions))
    else:
        step = reissues[0] if reissue is None and len(reissues) == 1 else step_of(prepared.scenario, reissue)
    return Question(prepared, as_written, step, tuple(_promises(prepared, lost_at_most, confidence)))


def _promises(prepared: Prepared, lost_at_most: float | None, confidence: float) -> Iterator[Promise]:
    """What must be kept: what is asked for, else what the guarantees say, else that nobody is lost."""
    given = [
        (g.bound, g.promise, g.probability) for g in prepared.scenario.guarantees if is_about_losses(g.bound)
    ]
    if lost_at_most is not None or not given:
        measure = "lost_share" if 0 < (lost_at_most or 0) < 1 else "lost_devices"
        given = [(Bound(measure=measure, at_most=lost_at_most or 0), "", None)]
    roster = prepared.roster()
    for bound, words, probability in given:
        counted, is_lost = bound.selection.devices(roster), bound.entry.decided_by == "losses"
        devices = int(np.count_nonzero(counted if is_lost else counted & ~roster.never_connected))
        allowed = bound.most_lost(devices) or 0
        words = words or (f"at most {plural(allowed, 'device')} lost" if allowed else "nobody is lost")
        yield Promise(words, allowed, devices, probability or confidence, (bound.selection, is_lost))


def is_about_losses(bound: Bound) -> bool:
    """Whether a longer delay can help to keep it, and is all that matters to it."""
    return bound.entry.decided_by in ("losses", "reception") and bound.forbids_losses


# --- the answer -----------------------------------------------------------------------------------------


def _decision(
    outlook: Outlook, looks: dict[str, Look], *, follow_advice: bool, vary: bool, gate: bool
) -> Decision:
    """The answer in dates, from what the plan as written loses, and what doing nothing does."""
    question, most = outlook.question, outlook.question.most
    prepared, promises = question.prepared, question.promises
    scenario, written = prepared.scenario, looks[AS_WRITTEN]
    needed = outlook.least(promises)
    days, binding = None, ""
    if needed is not None:
        days, binding = _days(outlook, needed, follow_advice=follow_advice)
        if outlook.at(days).loses_more(written):
            later = range(days, most + 1)
            place = bisect_left(later, True, key=lambda day: not outlook.at(day).loses_more(written))
            days, binding = later[place] if place < len(later) else None, "plan as written"
    best = most if days is None else days
    names = {most: TODAY}
    if most > ADVISED_DAYS:
        names[ADVISED_DAYS] = f"the advised {ADVISED_DAYS} days"
    names.setdefault(best, f"the least delay, {plural(best, 'day')}")
    looks |= {name: outlook.at(day) for day, name in names.items()}
    recommended = AS_WRITTEN if days is None and outlook.at(most).loses_more(written) else names[best]
    look, place = looks[recommended], list(looks).index(recommended)
    short = look if needed is None or needed < 2 else outlook.at(needed - 1)
    deciding = short.tightest(promises)
    choices = [_choice(question, name, each, deciding) for name, each in looks.items()]
    own = choices[0]
    if place == 0 and written.keeps(promises) and own.specified and own.activated:
        days = (own.activated - own.specified).days
    if place and choices[place].surely:
        for number, each in fetching(outlook, best, deciding):
            name = f"{recommended}, and the {number:,} likeliest fetched"
            choices.append(replace(_choice(question, name, each, deciding), fetched=number))
    return Decision(
        scenario=scenario.name,
        seed=scenario.seed,
        start=scenario.start,
        timezone=scenario.timezone,
        by=outlook.by,
        error=outlook.error,
        replications=outlook.replications,
        between_days=None if needed is None else outlook.between(needed),
        promises=tuple(promise.words for promise in promises),
        promise=deciding.words,
        most_lost=deciding.allowed,
        devices=prepared.size,
        confidence=deciding.probability,
        choices=tuple(choices),
        recommended=place,
        delay_days=days,
        needed_days=needed,
        expires=scenario.start + timedelta(seconds=question.expiry_s),
        binding=_obstacle(question, deciding) if days is None else binding,
        shortfall=max(0, *map(look.excess, promises)) if days is None else 0,
        lost=likely_lost(outlook, best) if place else (),
        variants=tuple(variants(outlook, deciding, needed)) if vary else (),
        gate=gate_for(outlook, deciding) if gate else None,
        curve=tuple(
            Point(day, each.band, tuple(each.excess(promise) <= 0 for promise in promises))
            for day, each in (outlook.curve() if vary else ())
        ),
    )


def _days(outlook: Outlook, needed: int, *, follow_advice: bool) -> tuple[int, str]:
    """Whole days of delay by promises and rules, and what asks for them."""
    question = outlook.question
    every_s = max(group.sync.every for group in question.prepared.scenario.fleet)
    floors = {"sync period": every_s // SECONDS_PER_DAY + 1, "30-day advice": ADVISED_DAYS * follow_advice}
    rule, floor = max(floors.items(), key=lambda each: each[1])
    days = max(needed, min(floor, question.most))
    while days < question.most and not outlook.at(days).keeps(question.promises):
        days += 1  # of simulated fleets, which differ a little with the instant
    if floor > question.most:
        return days, _limit(question)
    return days, rule if days == floor and floor > needed else "target"


def _choice(question: Question, name: str, look: Look, deciding: Promise) -> Choice:
    """A plan in dates and numbers, as sure as the promise that decides."""
    start, server = question.prepared.scenario.start, look.timeline.server
    after = next((after for _, after in look.timeline.switches if after.change == "activated"), None)
    specified = activated = None
    if after is not None:
        specified = start + timedelta(seconds=server.specified_at_s[after.main])
        activated = start + timedelta(seconds=after.from_s)
    if look.opening is not None and look.opening.days[1] is not None:
        specified = start + timedelta(seconds=question.as_written.plan.reissue(question.step).at_s)
        activated = specified + timedelta(days=look.opening.days[1])
    binds = look.tightest(question.promises)
    return Choice(
        name=name,
        specified=specified,
        activated=activated,
        expires=start + timedelta(seconds=server.main.not_after_s),
        mean=look.fleet.mean,
        lost=look.band,
        surely=look.fleet.surely(deciding.probability),
        keeps=look.keeps(question.promises),
        chance=look.chance(binds),
        binds=binds.words,
        gate=look.opening,
    )


def _obstacle(question: Question, promise: Promise) -> str:
    """What no delay can help against."""
    roster, plan = question.prepared.roster(), question.prepared.plan
    refused_by = plan.reissue(question.step).refused_by
    numbers = np.bincount(roster.profile[promise.counted[0].devices(roster)], minlength=len(roster.profiles))
    kinds = list(zip(roster.profiles, numbers.tolist(), strict=True))
    if sum(n for profile, n in kinds if profile.presence == "never") > promise.allowed:
        return "devices that never synchronize"
    if sum(n for profile, n in kinds if profile.judged_as in refused_by) > promise.allowed:
        return "devices that refuse the certificate"
    return _limit(question)


def _limit(question: Question) -> str:
    """What ends the longest wait."""
    is_short = question.most < question.expiry_s // SECONDS_PER_DAY
    return "validity of the new certificate" if is_short else "remaining life"
