"""The least activation delay, and the latest day to specify the reserve (language 2, `plan`)."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

from sim.executor import Resources, resources
from sim.results.measures import Bound
from sim.scenario.scenario import Scenario
from sim.scenario.values import parse_duration, read_target
from sim.studies.delays import critical_delays_s
from sim.studies.experiment import Engine, Experiment, Notice, Progress, checked, shown, with_options
from sim.studies.search import Found, Passes, PlanError, Search
from sim.summary import Column, Summary, Table, notes
from sim.summary.answer import Answer
from sim.text import iso, span
from sim.world.order import SECONDS_PER_DAY

ADVISED_DAYS: Final = 30
"""Kaspersky recommends an activation period of at least 30 days (KSMM 6.0, "Reissuing the mobile
Administration Server certificate")."""

DORMANT_PARTS: Final = (0.0, 0.25, 0.5, 0.75)
"""Dormant shares that the answer is given for, as parts of the share that may be lost."""

TAILS: Final = ((0.5, "half"), (2.0, "twice"))


_MOST_NAMES: Final = 20


@dataclass(frozen=True, slots=True)
class Variant:
    """How the answer moves with an assumption.

    Attributes:
        assumption: in words.
        delay_days: least delay that keeps the target under it; None where no delay does.
    """

    assumption: str
    delay_days: int | None


@dataclass(frozen=True, eq=False, repr=False)
class Recommendation(Answer):
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

    @property
    def answer(self) -> str:
        """By when to specify the reserve, and for how long it waits; or that no plan is good enough."""
        if self.specify_by is None or self.activated is None:
            return f"No plan keeps this promise: {self._promise}."
        return (
            f"Specify the reserve by {self.specify_by:%Y-%m-%d %H:%M} UTC, to be activated after "
            f"{self.delay_days} days ({self.activated:%Y-%m-%d %H:%M}, when the main certificate expires)."
        )

    @property
    def _promise(self) -> str:
        most = f"at most {self.most_lost:,} of {self.devices:,} devices" if self.most_lost else "no device"
        sure = f"with {100 * self.confidence:.4g} % confidence"
        return f"{most} lost, {sure} ({self.replications:,} fleets simulated)"

    def summary(self) -> Summary:
        """When and how to reissue, what that promises, what it is due to, and how it moves."""
        lost = f"{100 * self.lost_share:.3g} %"
        if self.delay_days is None:
            sentences = [
                "Even a reserve that is specified at the start and activated when the main certificate "
                f"expires ({self.expires:%Y-%m-%d %H:%M} UTC) loses {lost} of the devices on average.",
                f"What binds: {self.binding}.",
            ]
            if self.lost:
                more = len(self.lost) - _MOST_NAMES
                names = ", ".join(self.lost[:_MOST_NAMES]) + (f" and {more:,} more" if more > 0 else "")
                sentences.append(f"Lost then, in the first of the fleets: {names}.")
        else:
            sentences = [
                f"The promise: {self._promise}; on average {lost}.",
                f"What binds: {self.binding}. The target alone needs {span(self.needed_s or 0)}.",
            ]
        rows = tuple(
            (v.assumption, "no delay is enough" if v.delay_days is None else v.delay_days)
            for v in self.variants
        )
        title = "How the answer moves, for a reserve that is specified at the start"
        variants = Table((Column("if"), Column("days that the target needs", "count")), rows, title)
        return Summary(
            self.scenario.name,
            self.answer,
            (notes(*sentences), *([variants] if rows else [])),
            tone="bad" if self.delay_days is None else "good",
        )


@checked
def plan(
    scenario: Scenario,
    *,
    lost_at_most: float | str,
    confidence: float = 0.95,
    reissue: int | None = None,
    follow_advice: bool = True,
    vary: bool = True,
    engine: Engine = "auto",
    seed: int | None = None,
    replications: int | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    store: str | os.PathLike[str] | None = None,
    keep: bool = True,
    progress: Progress | bool | None = None,
    notice: Notice | None = None,
) -> Recommendation:
    """The least delay and the latest day that keep losses at or below a target.

    In each of n replications there is a least delay that loses few enough (model 9.1). The k-th smallest of
    them, k = ceil(confidence (n + 1)), is at least that of one more fleet with probability k / (n + 1): no
    assumption about its distribution is made.

    Args:
        scenario: its reissue with delayed activation is moved; one is added where there is none.
        lost_at_most: a share below 1, `2%`, or a number of devices from 1 on; 0 for none.
        confidence: of the promise, below 1.
        reissue: index in the strategy of the reissue that is meant, where there are several.
        follow_advice: take no less than the recommended 30 days.
        vary: also answer for other dormant shares and absence tails.
        engine, seed, workers, cluster, store, keep: as for `run`.
        replications: fleets to simulate; default: those of the scenario, and enough for the confidence.
        progress: called now and then with the share that is done; True: a line shows it.
        notice: called with a sentence before a wait that needs a reason.

    Raises:
        PlanError: there is nothing to plan, or too few replications for the confidence.
        ScenarioError: the scenario cannot be run.
        WorkersError: those who compute cannot be reached, or die.
        CacheError: results cannot be kept.
    """
    if not 0 < confidence < 1:
        raise PlanError(f"a confidence lies between 0 and 100 %, not at {100 * confidence:.4g} %")
    try:
        target = read_target(lost_at_most)
    except ValueError as error:
        raise PlanError(str(error)) from None
    scenario = with_options(scenario, seed=seed, replications=None)
    search = Search.of(scenario, reissue, confidence, replications, engine)
    search.experiment(0).notify(notice)
    measure = "lost_share" if target < 1 else "lost_devices"
    most_lost = Bound(measure=measure, at_most=target).most_lost(search.prepared.size)
    assert most_lost is not None
    floors = floors_of(scenario, follow_advice=follow_advice)
    tails = [
        (length, scaled)
        for factor, length in TAILS
        if vary and (scaled := with_absences(search.prepared.scenario, factor)) is not None
    ]
    passes = Passes(shown(progress))
    passes.expected += len(tails)
    with resources(workers=workers, cluster=cluster, store=store, keep=keep, notice=notice) as means:
        found = search.search(most_lost, max(floors.values()), means, passes)
        variants = _variants(search, found, most_lost, tails, means, passes) if vary else ()
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
    life_s = _life_of_new_s(search)
    prepared = search.prepared
    start = prepared.scenario.start
    days = found.days
    binding = _binding(search, found, most_lost, floors)
    if days is not None and days * SECONDS_PER_DAY >= life_s:
        days, binding = None, "validity of the new certificate"
    delay_s = search.expiry_s - found.specified_s if days is None else days * SECONDS_PER_DAY
    lost = [each.lost(np.array([delay_s]))[0] / max(each.size, 1) for each in found.delays]
    return Recommendation(
        scenario=prepared.scenario,
        most_lost=most_lost,
        devices=prepared.size,
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
        roster = search.prepared.roster()
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


def _life_of_new_s(search: Search) -> int:
    """Seconds that the new certificate is valid: as its file or the scenario says, or as the first one is."""
    plan = search.prepared.plan
    return plan.reissue(search.step).valid_for_s or plan.first.life_s


def _variants(
    search: Search,
    found: Found,
    most_lost: int,
    tails: Sequence[tuple[str, Scenario]],
    means: Resources | None,
    passes: Passes,
) -> tuple[Variant, ...]:
    """The days that the target needs under other dormant shares and absence tails."""
    answers = []
    size = search.prepared.size
    allowed = most_lost / max(size, 1)
    for share in dict.fromkeys(part * allowed for part in DORMANT_PARTS):
        left = math.floor((most_lost - share * size) / (1 - share))
        more = f"{100 * share:.2g} % more of it never synchronize"
        words = more if share else "the fleet as it is"
        answers.append(Variant(words, _days(search.needed_s(found.first, left))))
    answers.append(Variant(f"more than {100 * allowed:.2g} % more of it never synchronize", None))
    for length, scaled in tails:
        needed_s = search.needed_s(search.delays(0, means, fleet=scaled, progress=passes.next()), most_lost)
        answers.append(Variant(f"absences {length} as long", _days(needed_s)))
    return tuple(answers)


def _late(search: Search, experiment: Experiment, specified_s: int, delay_s: int) -> tuple[str, ...]:
    """Who would not have the reserve after the delay, or refuses it, in the first replication."""
    names: list[str] = []
    refused_by = search.refused_by(experiment)
    for within in experiment.parts:
        roster = experiment.roster(within)
        critical_s = critical_delays_s(experiment, 0, within, specified_s)
        refuses = np.array([p.judged_as in refused_by for p in roster.profiles], dtype=np.bool_)
        late = (critical_s < 0) | (critical_s > delay_s) | refuses[roster.profile]
        names += [roster.name(int(device)) for device in np.flatnonzero(late)]
    return tuple(names)


def _days(needed_s: int | None) -> int | None:
    return None if needed_s is None else math.ceil(needed_s / SECONDS_PER_DAY)


# --- other assumptions about the devices ---------------------------------------------------------------


def with_absences(scenario: Scenario, factor: float) -> Scenario | None:
    """The scenario with the absences of every group so many times as long; None where no group has any."""
    spells = {number: written_spells(scenario, number) for number in range(len(scenario.fleet))}
    changes = {
        f"fleet.{number}.presence": {**written, "off": scaled(written["off"], factor)}
        for number, written in spells.items()
        if written is not None
    }
    return scenario.changed(changes) if changes else None


def written_spells(scenario: Scenario, number: int) -> dict[str, Any] | None:
    """`on` and `off` of a group, where it says `from list` those that its list shows; None without any."""
    written = scenario.document["fleet"][number].get("presence")
    if written == "from list":
        return scenario.inventories[number].written_presence(scenario.fleet[number].sync.every)
    return written if isinstance(written, dict) and "off" in written else None


def scaled(written: Any, factor: float) -> Any:
    """A distribution of the language (1.1) whose durations are so many times as long."""
    if isinstance(written, str):
        return _times(written, factor)
    ((kind, value),) = written.items()
    match kind:
        case "exponential":
            return {kind: _times(value, factor)}
        case "lognormal":
            return {kind: {**value, "median": _times(value["median"], factor)}}
        case "weibull":
            return {kind: {**value, "scale": _times(value["scale"], factor)}}
        case "still_away":
            return {kind: {_times(after, factor): share for after, share in value.items()}}
        case _:
            return {kind: [_times(each, factor) for each in value]}


def _times(written: str, factor: float) -> str:
    return f"{max(1, round(parse_duration(written) * factor))}s"
