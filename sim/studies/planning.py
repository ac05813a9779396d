"""The least activation delay, and the latest day to specify the reserve (language 2, `plan`)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Final

import numpy as np

from sim.results.measures import Bound
from sim.scenario.prepare import prepare
from sim.scenario.scenario import Scenario, expect_scenario
from sim.studies.assumptions import with_absences
from sim.studies.experiment import Engine, Experiment, Progress
from sim.studies.reception import critical_delays_s
from sim.studies.recommendation import Recommendation, Variant
from sim.studies.searching import Found, Passes, PlanError, Search
from sim.world.order import SECONDS_PER_DAY
from sim.world.plan import Reissue

ADVISED_DAYS: Final = 30
"""Kaspersky recommends an activation period of at least 30 days (KSMM 6.0, "Reissuing the mobile
Administration Server certificate")."""

DORMANT_PARTS: Final = (0.0, 0.25, 0.5, 0.75)
"""Dormant shares that the answer is given for, as parts of the share that may be lost."""

TAILS: Final = ((0.5, "half"), (2.0, "twice"))


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
    expect_scenario(scenario)
    if not 0 < confidence < 1:
        raise PlanError(f"a confidence lies between 0 and 100 %, not at {100 * confidence:.4g} %")
    if lost_at_most < 0:
        raise PlanError("fewer than no devices cannot be lost: write for example 0.1% or 20")
    if seed is not None:
        scenario = scenario.changed({"seed": seed})
    search = Search.of(scenario, reissue, confidence, replications, engine)
    if notice is not None:
        for sentence in search.experiment(0).notices():
            notice(sentence)
    measure = "lost_share" if lost_at_most < 1 else "lost_devices"
    most_lost = Bound(measure=measure, at_most=lost_at_most).most_lost(search.size)
    assert most_lost is not None
    floors = floors_of(scenario, follow_advice=follow_advice)
    tails = [
        (length, scaled)
        for factor, length in TAILS
        if vary and (scaled := with_absences(search.scenario, factor)) is not None
    ]
    passes = Passes(progress)
    passes.expected += len(tails)
    found = search.search(most_lost, max(floors.values()), passes)
    variants = _variants(search, found, most_lost, tails, passes) if vary else ()
    return _recommend(search, found, most_lost, floors, variants)


def floors_of(scenario: Scenario, *, follow_advice: bool) -> Mapping[str, int]:
    """The least number of days by what each rule asks for."""
    every_s = max((group.sync.every for group in scenario.fleet), default=0)
    floors = {"sync period": every_s // SECONDS_PER_DAY + 1}
    return {**floors, "30-day advice": ADVISED_DAYS} if follow_advice else floors


def _recommend(
    search: Search, found: Found, most_lost: int, floors: Mapping[str, int], variants: tuple[Variant, ...]
) -> Recommendation:
    """The answer in dates."""
    first = search.experiment(found.specified_s)
    life_s = _life_of_new_s(search, first)
    start = search.scenario.start
    days = found.days
    binding = _binding(search, found, most_lost, floors)
    if days is not None and days * SECONDS_PER_DAY >= life_s:
        days, binding = None, "validity of the new certificate"
    delay_s = search.expiry_s - found.specified_s if days is None else days * SECONDS_PER_DAY
    lost = [each.lost(np.array([delay_s]))[0] / max(each.size, 1) for each in found.delays]
    return Recommendation(
        scenario=search.scenario,
        most_lost=most_lost,
        devices=search.size,
        confidence=search.confidence,
        replications=search.replications,
        delay_days=days,
        needed_s=found.needed_s,
        specify_by=None if days is None else start + timedelta(seconds=found.specified_s),
        expires=start + timedelta(seconds=search.expiry_s),
        binding=binding,
        lost_share=float(np.mean(lost)),
        lost=_late(search, first, found.specified_s, delay_s),
        variants=variants,
    )


def _binding(search: Search, found: Found, most_lost: int, floors: Mapping[str, int]) -> str:
    if found.days is None:
        roster = prepare(search.scenario).roster()
        never_on = np.array([profile.presence == "never" for profile in roster.profiles])
        dormant = int(never_on[roster.profile].sum())
        if dormant > most_lost:
            return "devices that never synchronize"
        is_refused = max(each.refused for each in found.delays) > most_lost
        return "devices that refuse the certificate" if is_refused else "remaining life"
    assert found.needed_s is not None
    needed_days = math.ceil(found.needed_s / SECONDS_PER_DAY)
    name, days = max(floors.items(), key=lambda floor: floor[1])
    return name if days > needed_days else "target"


def _life_of_new_s(search: Search, experiment: Experiment) -> int:
    if search.written.file is None:
        return search.written.valid_for or experiment.plan.first.life_s
    files = (a.valid_for_s for a in experiment.plan.actions if isinstance(a, Reissue) and a.identity)
    return next(life_s for life_s in files if life_s is not None)


def _variants(
    search: Search,
    found: Found,
    most_lost: int,
    tails: Sequence[tuple[str, Scenario]],
    passes: Passes,
) -> tuple[Variant, ...]:
    """The days that the target needs under other dormant shares and absence tails."""
    answers = []
    allowed = most_lost / max(search.size, 1)
    for share in dict.fromkeys(part * allowed for part in DORMANT_PARTS):
        left = math.floor((most_lost - share * search.size) / (1 - share))
        more = f"{100 * share:.2g} % more of it never synchronize"
        words = more if share else "the fleet as it is"
        answers.append(Variant(words, _days(search.needed_s(found.first, left))))
    answers.append(Variant(f"more than {100 * allowed:.2g} % more of it never synchronize", None))
    for length, scaled in tails:
        needed_s = search.needed_s(search.delays(0, scaled, passes.next()), most_lost)
        answers.append(Variant(f"absences {length} as long", _days(needed_s)))
    return tuple(answers)


def _late(search: Search, experiment: Experiment, specified_s: int, delay_s: int) -> tuple[str, ...]:
    """Who would not have the reserve after the delay, or refuses it, in the first replication."""
    names: list[str] = []
    refused_by = search.refused_by(experiment)
    for within in experiment.parts:
        roster = experiment.roster(within)
        critical_s = critical_delays_s(experiment, 0, within, specified_s)
        refuses = np.array([p.platform in refused_by for p in roster.profiles], dtype=np.bool_)
        late = (critical_s < 0) | (critical_s > delay_s) | refuses[roster.profile]
        names += [roster.name(int(device)) for device in np.flatnonzero(late)]
    return tuple(names)


def _days(needed_s: int | None) -> int | None:
    return None if needed_s is None else math.ceil(needed_s / SECONDS_PER_DAY)
