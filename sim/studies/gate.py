"""The gate that keeps a promise: from which coverage on, and when it would open (model 10.1)."""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np

from sim.studies.search import Computed, Promise, Simulated
from sim.text import evenly
from sim.world.order import SECONDS_PER_DAY
from sim.world.timeline import Timeline, play

_AT_ONCE = 40


@dataclass(frozen=True, slots=True)
class GateAdvice:
    """A gate on a reserve that is specified today, checked once a day.

    Attributes:
        coverage: the least that keeps the promise, as it is written in a file.
        group: whose devices are counted; None: all.
        most_lost: devices that are lost at most, whenever it opens.
        opens_days: days after which it has opened with 5, 50 and 95 %; None: not before the expiry.
        chance: the probability that it opens before the expiry.
    """

    coverage: str
    group: str | None
    most_lost: int
    opens_days: tuple[int | None, int | None, int | None]
    chance: float

    @property
    def written(self) -> str:
        """The key of the strategy's step."""
        of = f", of: [{json.dumps(self.group, ensure_ascii=False)}]" if self.group else ""
        return f"activate: {{when_coverage: {self.coverage}{of}, check_every: 1d}}"

    @property
    def sentence(self) -> str:
        """What it promises, and when it opens."""
        low, _, high = ("the expiry" if d is None else f"day {d}" for d in self.opens_days)
        return (
            f"Or let a reserve specified today become main once {self.coverage} hold it ({self.written}): "
            f"at most {self.most_lost:,} are lost whenever that happens, most probably between {low} and "
            f"{high}. The chance that it happens before the expiry is {100 * self.chance:.4g} %."
        )

    def to_json(self) -> dict[str, Any]:
        """Its part of the document of `reissue plan --json`."""
        names = ("5%", "50%", "95%")
        return {
            "when_coverage": self.coverage,
            "of": self.group,
            "lost_at_most": self.most_lost,
            "opens_days": dict(zip(names, self.opens_days, strict=True)),
            "chance": self.chance,
        }


def gate_for(outlook: Computed | Simulated, promise: Promise) -> GateAdvice | None:
    """The gate that keeps a promise; None where none can.

    Whenever a gate opens, as few devices lack the reserve as its coverage says: so the promise gives the
    coverage, and only the day is left to chance. A gate counts devices that hold the certificate, of groups:
    it cannot promise anything about a platform, nor where some refuse what they hold.
    """
    question = outlook.question
    roster, reissue = question.prepared.roster(), question.prepared.plan.reissue(question.step)
    counted = promise.selection.devices(roster) & ~roster.never_connected
    devices = int(np.count_nonzero(counted))
    is_counted = promise.selection.platform is None and not reissue.refused_by
    if not is_counted or devices <= promise.allowed or question.most < 2:
        return None
    if isinstance(outlook, Simulated):
        has_opened = _simulated(outlook, promise)
    else:
        has_opened = _computed(outlook, promise)
    days = range(1, question.most)

    def day(share: float) -> int | None:
        place = bisect_left(days, share, key=has_opened)
        return days[place] if place < len(days) else None

    return GateAdvice(
        coverage=_coverage(devices - promise.allowed, devices),
        group=promise.selection.group,
        most_lost=promise.allowed,
        opens_days=(day(0.05), day(0.5), day(0.95)),
        chance=has_opened(days[-1]),
    )


def _computed(outlook: Computed, promise: Promise) -> Callable[[int], float]:
    """The probability that so many days after it is specified few enough devices lack the reserve."""
    question, solver = outlook.question, outlook.solver
    plan = question.plan(question.most)
    reissue = plan.reissue(question.step)

    def timeline(days: int) -> Timeline:
        waits = replace(reissue, activate="after", after_s=days * SECONDS_PER_DAY)
        return play(plan.with_action(question.step, waits))

    if solver.is_one_pass:
        solver.look_ahead([timeline(days) for days in evenly(range(1, question.most), _AT_ONCE)])
    selection = promise.selection

    @cache
    def has_opened(days: int) -> float:
        return solver.losses(timeline(days)).law(group=selection.group).at_most(promise.allowed)

    return has_opened


def _simulated(outlook: Simulated, promise: Promise) -> Callable[[int], float]:
    """The same, as the share of simulated fleets."""
    found = outlook.critical_delays(outlook.question.most, promise)
    needed_s = [each.least_delay_s(promise.allowed) for each in found]
    days = np.array([math.inf if s is None else max(1, math.ceil(s / SECONDS_PER_DAY)) for s in needed_s])
    return lambda day: float(np.mean(days <= day))


def _coverage(needed: int, devices: int) -> str:
    """The share with the fewest decimals, in per cent, by which exactly so many of the devices are needed."""
    for decimals in range(12):
        step = Fraction(1, 10**decimals)
        share = math.floor(Fraction(100 * needed, devices) / step) * step
        if math.ceil(share / 100 * devices) == needed:
            return f"{float(share):.{decimals}f}%"
    raise AssertionError("twelve decimals tell any number of devices from the next")
