"""What else there is beside a delay: other assumptions, devices that are fetched, a gate (model 10.1)."""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

import numpy as np

from sim.probabilities.law import Law
from sim.scenario.scenario import Scenario
from sim.scenario.values import parse_duration
from sim.studies.search import Computed, Look, Opening, Outlook, Promise

DORMANT_PARTS: Final = (0.0, 0.25, 0.5, 0.75)
"""Dormant shares that the answer is given for, as parts of the share that may be lost."""
TAILS: Final = ((0.5, "half"), (2.0, "twice"))
FETCHED: Final = 20
MOST_FETCHED: Final = 200
"""Devices that are fetched in a day or two, and in weeks."""


# --- other assumptions ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Variant:
    """How the answer moves with an assumption.

    Attributes:
        assumption: in words.
        delay_days: least delay that keeps every promise under it; None where no delay does.
    """

    assumption: str
    delay_days: int | None


def _percent(share: float) -> str:
    return f"{float(f'{100 * share:.2g}'):g} %"


def variants(outlook: Outlook, promise: Promise, needed: int | None) -> Iterator[Variant]:
    """The days that the promises need under other dormant shares and absence tails."""
    question, allowed = outlook.question, promise.allowed / max(promise.devices, 1)
    rough = outlook.rough if isinstance(outlook, Computed) else outlook
    yield Variant("the fleet as it is", needed)
    for share in dict.fromkeys(part * allowed for part in DORMANT_PARTS if part * allowed):
        left = [math.floor((p.allowed - share * p.devices) / (1 - share)) for p in question.promises]
        fewer = tuple(replace(p, allowed=n) for p, n in zip(question.promises, left, strict=True))
        words = f"another {_percent(share)} of the fleet never synchronize"
        yield Variant(words, rough.least(fewer) if min(left) >= 0 else None)
    more = f"more than another {_percent(allowed)} of the fleet" if allowed else "any more devices"
    yield Variant(f"{more} never synchronize", None)
    if isinstance(outlook, Computed):
        for factor, length in TAILS:
            scaled = with_absences(question.prepared.scenario, factor)
            if scaled is not None:
                fleet = replace(question, prepared=question.prepared.with_fleet(scaled))
                least = Computed(fleet, fine=False).least(question.promises)
                yield Variant(f"absences {length} as long", least)


def with_absences(scenario: Scenario, factor: float) -> Scenario | None:
    """The scenario with the absences of every group so many times as long; None where no group has any."""
    changes = {}
    for number in range(len(scenario.fleet)):
        if written := written_spells(scenario, number):
            off = scaled(written["off"], factor)
            changes[f"fleet.{number}.presence"] = {**written, "off": off}
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
        return f"{max(1, round(parse_duration(written) * factor))}s"
    ((kind, value),) = written.items()
    match kind:
        case "lognormal" | "weibull":
            length = "median" if kind == "lognormal" else "scale"
            return {kind: {**value, length: scaled(value[length], factor)}}
        case "still_away":
            return {kind: {scaled(after, factor): share for after, share in value.items()}}
        case "exponential":
            return {kind: scaled(value, factor)}
        case _:
            return {kind: [scaled(each, factor) for each in value]}


# --- devices that are fetched ---------------------------------------------------------------------------


def likely_lost(outlook: Outlook, days: int) -> tuple[str, ...]:
    """The devices that are more likely lost than not, the likeliest first; none of fleets that are drawn."""
    chances = outlook.chances(days)
    if chances is None:
        return ()
    first = np.argsort(-chances, kind="stable")[: np.count_nonzero(chances > 0.5)]
    return tuple(map(outlook.question.prepared.roster().name, first.tolist()))


def fetching(outlook: Outlook, days: int, promise: Promise) -> Iterator[tuple[int, Look]]:
    """What is lost besides where the likeliest of a promise's devices are brought the reserve by hand: a few,
    and as many as keep the promise where that takes more.

    Who is fetched is surely saved, and devices are independent: the law is that of the others.
    """
    chances = outlook.chances(days)
    if chances is None:
        return
    whole, roster = outlook.at(days), outlook.question.prepared.roster()
    members = {counted: counted[0].devices(roster) for counted in whole.laws}
    first = np.argsort(-chances, kind="stable")
    first = first[members[promise.counted][first] & (chances[first] > 0)][:MOST_FETCHED]

    def look(number: int) -> Look:
        laws = {}
        for counted, law in whole.laws.items():
            assert isinstance(law, Law)
            fetched = first[:number][members[counted][first[:number]]]
            laws[counted] = Law(law.devices - Counter(chances[fetched].tolist()))
        return replace(whole, laws=laws)

    wanted = {min(FETCHED, len(first))} - {0}
    if (excess := whole.excess(promise)) > 0:
        numbers = range(excess, len(first) + 1)  # one fetched device is one lost less at most
        enough = bisect_left(numbers, True, key=lambda number: look(number).excess(promise) <= 0)
        wanted |= {*numbers[enough : enough + 1]}
    for number in sorted(wanted):
        yield number, look(number)


# --- a gate ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GateAdvice:
    """A gate on a reserve that is specified today, checked once a day.

    Attributes:
        coverage: the least that keeps the promise, as it is written in a file.
        group: whose devices are counted; None: all.
        most_lost: devices that are lost at most, whenever it opens.
        opens: when that is.
    """

    coverage: str
    group: str | None
    most_lost: int
    opens: Opening

    @property
    def sentence(self) -> str:
        """What it promises, and when it opens."""
        of = f", of: [{json.dumps(self.group, ensure_ascii=False)}]" if self.group else ""
        low, _, high = ("the expiry" if day is None else f"day {day}" for day in self.opens.days)
        return (
            f"Or let a reserve specified today become main once {self.coverage} hold it "
            f"(activate: {{when_coverage: {self.coverage}{of}, check_every: 1d}}): "
            f"at most {self.most_lost:,} are lost whenever that happens, most probably between {low} and "
            f"{high}. The chance that it happens before the expiry is {100 * self.opens.chance:.4g} %."
        )

    def to_json(self) -> dict[str, Any]:
        """Its part of the document of `reissue plan --json`."""
        return {
            "when_coverage": self.coverage,
            "of": self.group,
            "lost_at_most": self.most_lost,
            "opens_days": dict(zip(("5%", "50%", "95%"), self.opens.days, strict=True)),
            "chance": self.opens.chance,
        }


def gate_for(outlook: Outlook, promise: Promise) -> GateAdvice | None:
    """The gate that keeps a promise; None where none can.

    Whenever a gate opens, as few devices lack the reserve as its coverage says: so the promise gives the
    coverage, and only the day is left to chance. A gate counts devices that hold the certificate, of groups:
    it cannot promise anything about a platform, nor where some refuse what they hold.
    """
    question, (who, _) = outlook.question, promise.counted
    roster, most = question.prepared.roster(), question.most
    devices = int(np.count_nonzero(who.devices(roster) & ~roster.never_connected))
    is_counted = who.platform is None and not question.prepared.plan.reissue(question.step).refused_by
    if not is_counted or devices <= promise.allowed or most < 2:
        return None
    days = range(1, most)

    def has_opened(day: int) -> float:
        return outlook.at(day, most).chance(promise)

    places = [bisect_left(days, share, key=has_opened) for share in (0.05, 0.5, 0.95)]
    low, middle, high = (days[place] if place < len(days) else None for place in places)
    opens = Opening((low, middle, high), has_opened(days[-1]))
    return GateAdvice(_coverage(devices - promise.allowed, devices), who.group, promise.allowed, opens)


def _coverage(needed: int, devices: int) -> str:
    """The share with the fewest decimals, in per cent, by which exactly so many of the devices are needed."""
    for decimals in range(12):
        step = Fraction(1, 10**decimals)
        share = math.floor(Fraction(100 * needed, devices) / step) * step
        if math.ceil(share / 100 * devices) == needed:
            return f"{float(share):.{decimals}f}%"
    raise AssertionError("twelve decimals tell any number of devices from the next")
