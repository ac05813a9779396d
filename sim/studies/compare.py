"""Strategies side by side: the same devices living the same days, paired device by device (model 7.1)."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, permutations
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sim.errors import InputError, visible
from sim.executor import resources
from sim.results.measures import MEASURES, NUMBERS
from sim.results.summary import CONFIDENCE
from sim.scenario.prepare import prepare
from sim.scenario.scenario import Scenario, expect_scenario
from sim.studies.experiment import Engine, Experiment, Notice, Progress, with_options
from sim.studies.result import Result
from sim.studies.run import simulate
from sim.summary import Column, Summary, Table, notes
from sim.summary.card import to_html
from sim.text import number, span

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_MOST_NAMES: Final = 10
_COLUMNS: Final = {
    "lost_devices": Column("lost", "count"),
    "lost_share": Column("share", "share"),
    "reconnected_devices": Column("reconnected", "count"),
    "still_lost_devices": Column("still lost", "count"),
    "device_days_lost": Column("days lost", "tenths"),
    "reinstalls": Column("reinstalls", "count"),
}


class CompareError(InputError):
    """The scenarios cannot be compared; the message says why."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A measure under `a` minus the same under `b`.

    Attributes:
        a, b: names of the strategies.
        measure: by its name in `NUMBERS`.
        difference: mean over the replications.
        low, high: its 95 % interval; None where one replication does not give one.
    """

    a: str
    b: str
    measure: str
    difference: float
    low: float | None
    high: float | None

    @property
    def is_shown(self) -> bool:
        """Whether the interval leaves no doubt about the sign."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)

    @property
    def sentence(self) -> str:
        """How many devices one strategy loses more or fewer than the other."""
        interval = ""
        if self.low is not None and self.high is not None:
            interval = f" (95 %: {number(round(self.low, 2))} to {number(round(self.high, 2))})"
        if self.difference == 0:
            return f"{self.a} against {self.b}: no difference shown{interval}"
        if not self.is_shown:
            devices = f"{number(self.difference)} lost devices{interval}"
            return f"{self.a} against {self.b}: {devices}: no difference shown"
        word = "more" if self.difference > 0 else "fewer"
        return f"{self.a} loses {number(abs(self.difference))} devices {word} than {self.b}{interval}"


@dataclass(frozen=True, slots=True)
class Discordance:
    """Devices that one strategy loses and another does not, in the first replication.

    Attributes:
        a, b: names of the strategies.
        only_a: names of the devices lost under `a` alone, in device order.
        only_b: likewise.
    """

    a: str
    b: str
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]

    def sentences(self) -> Iterator[str]:
        """Who is lost under one strategy alone; nothing where nobody is."""
        for name, other, devices in ((self.a, self.b, self.only_a), (self.b, self.a, self.only_b)):
            if devices:
                more = "" if len(devices) <= _MOST_NAMES else ", …"
                names = f"{', '.join(devices[:_MOST_NAMES])}{more}"
                yield f"lost under {name} and not under {other}: {len(devices):,} ({names})"


@dataclass(frozen=True, eq=False)
class Comparison:
    """What several strategies do to one fleet.

    Attributes:
        names: of the strategies, all different.
        results: their runs, in the same order.
    """

    names: tuple[str, ...]
    results: tuple[Result, ...]

    @cached_property
    def differences(self) -> tuple[Difference, ...]:
        """Every measure, for every two strategies in the order given: the first minus the second."""
        return tuple(
            difference
            for (i, a), (j, b) in combinations(enumerate(self.names), 2)
            for difference in self._differences(i, j, a, b)
        )

    @cached_property
    def discordances(self) -> tuple[Discordance, ...]:
        """For every two strategies, who is lost under one of them alone, in the first replication."""
        only: dict[tuple[int, int], list[str]] = {
            (i, j): [] for i, j in permutations(range(len(self.names)), 2)
        }
        for parts in zip(*(result.outcomes() for result in self.results), strict=True):
            lost = [part.devices.times_lost > 0 for part in parts]
            for (i, j), names in only.items():
                names += map(parts[0].roster.name, np.flatnonzero(lost[i] & ~lost[j]).tolist())
        return tuple(
            Discordance(self.names[i], self.names[j], tuple(only[i, j]), tuple(only[j, i]))
            for i, j in self._pairs
        )

    @cached_property
    def ranking(self) -> tuple[tuple[str, ...], ...]:
        """The strategies by lost devices, the fewest first; together those that show no difference.

        A strategy joins the ones before it unless it shows a difference from each of them.
        """
        order = sorted(range(len(self.names)), key=lambda i: self.results[i].measures["lost_devices"] or 0)
        shown = {frozenset((d.a, d.b)): d.is_shown for d in self.differences if d.measure == "lost_devices"}
        places: list[list[str]] = []
        for name in (self.names[i] for i in order):
            if places and not all(shown[frozenset((name, other))] for other in places[-1]):
                places[-1].append(name)
            else:
                places.append([name])
        return tuple(tuple(place) for place in places)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a strategy, one column a measure; means over the replications."""
        import pandas as pd

        return pd.DataFrame([r.measures for r in self.results], index=pd.Index(self.names, name="strategy"))

    def to_json(self) -> dict[str, Any]:
        """The document that `reissue compare --json` prints; `difference` is `a` minus `b`."""
        return {
            "runs": [result.to_json() for result in self.results],
            "differences": [
                {
                    "a": d.a,
                    "b": d.b,
                    "measure": d.measure,
                    "difference": d.difference,
                    "low": d.low,
                    "high": d.high,
                }
                for d in self.differences
            ],
            "devices": [
                {"a": d.a, "b": d.b, "lost_only_under_a": list(d.only_a), "lost_only_under_b": list(d.only_b)}
                for d in self.discordances
            ],
            "ranking": [list(place) for place in self.ranking],
        }

    def plot(self, measure: str = "lost_devices") -> Figure:
        """The paired differences of a measure as a figure, with their intervals.

        Raises:
            FigureError: nothing was measured.
        """
        from sim.figures import FigureError, delays

        pairs = tuple(
            delays.Difference(d.a, d.b, d.difference, d.low, d.high)
            for d in self.differences
            if d.measure == measure
        )
        if not pairs:
            raise FigureError(f"there is no difference in {measure!r} to show")
        return delays.differences(pairs, unit=measure.replace("_", " "))

    def __repr__(self) -> str:
        lost = (
            f"{visible(name)} loses {number(result.measures['lost_devices'])}"
            for name, result in zip(self.names, self.results, strict=True)
        )
        return f"<Comparison: {'; '.join(lost)}>"

    def summary(self) -> Summary:
        """The ranking, the strategies in the order given, and how they differ."""
        first = self.results[0]
        runs = "" if first.replications == 1 else f", {first.replications:,} replications; counts are means"
        rows = tuple(
            (name, *(result.measures[measure] for measure in _COLUMNS))
            for name, result in zip(self.names, self.results, strict=True)
        )
        differences = [each.sentence for each in self.differences if each.measure == "lost_devices"]
        devices = [sentence for pair in self.discordances for sentence in pair.sentences()]
        return Summary(
            f"{len(self.names)} strategies, the same {first.tallies[0].size:,} devices, the same days",
            f"Fewest devices lost: {'; then '.join(map(_place, self.ranking))}.",
            (
                Table((Column("strategy"), *_COLUMNS.values()), rows),
                notes(*differences, *devices, is_list=True),
            ),
            about=f"seed {first.scenario.seed}{runs}",
        )

    def _repr_html_(self) -> str:
        return to_html(self.summary())

    def _differences(self, i: int, j: int, a: str, b: str) -> Iterator[Difference]:
        for measure in NUMBERS:
            pairs = [
                (one[measure], other[measure])
                for one, other in zip(self.results[i].runs, self.results[j].runs, strict=True)
            ]
            values = [x - y for x, y in pairs if x is not None and y is not None]
            if not values:
                continue
            low, high = _student(values)
            if low is None and MEASURES[measure].decided_by == "losses":
                low, high = self._by_device(i, j, per_device=MEASURES[measure].unit == "share")
            yield Difference(a, b, measure, math.fsum(values) / len(values), low, high)

    def _by_device(self, i: int, j: int, *, per_device: bool) -> tuple[float | None, float | None]:
        """The interval from the devices of one replication, where they are independent."""
        results = self.results[i], self.results[j]
        n = results[0].tallies[0].size
        plans = [result.plan for result in results]
        if n == 0 or any(plan.couples_devices or plan.disturbances for plan in plans):
            return None, None
        only_a, only_b = self._discordant[i, j]
        low, high = bonett_price(only_a, only_b, n)
        scale = 1 if per_device else n
        return low * scale, high * scale

    @cached_property
    def _discordant(self) -> dict[tuple[int, int], tuple[int, int]]:
        return {
            pair: (len(found.only_a), len(found.only_b))
            for pair, found in zip(self._pairs, self.discordances, strict=True)
        }

    @property
    def _pairs(self) -> list[tuple[int, int]]:
        return list(combinations(range(len(self.names)), 2))


def compare(
    first: Scenario,
    *others: Scenario,
    engine: Engine = "auto",
    seed: int | None = None,
    replications: int | None = None,
    names: Sequence[str] | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    store: str | os.PathLike[str] | None = None,
    keep: bool = True,
    progress: Progress | None = None,
    notice: Notice | None = None,
) -> Comparison:
    """Run several strategies on the same fleet living the same days.

    All take the seed and the number of replications of the first, unless others are given.

    Args:
        first, others: scenarios with the same devices, start and duration.
        engine, seed, replications, workers, cluster, store, keep: as for `run`.
        names: of the strategies; default: the scenarios' names, with numbers where they are alike.
        progress: called now and then with the share that is done.
        notice: called with a sentence before a wait that needs a reason.

    Raises:
        CompareError: there is one alone, or devices, start or duration differ.
        ScenarioError: a scenario cannot be run.
        WorkersError: those who compute cannot be reached, or die.
        CacheError: results cannot be kept.
    """
    for each in (first, *others):
        expect_scenario(each)
    if not others:
        raise CompareError("one scenario alone cannot be compared: give at least two")
    scenarios = (first, *others)
    named = _distinct([s.name for s in scenarios] if names is None else names)
    for other, name in zip(others, named[1:], strict=True):
        _check_alike(first, other, (named[0], name))
    seed = first.seed if seed is None else seed
    replications = first.replications if replications is None else replications
    same = [with_options(each, seed=seed, replications=replications) for each in scenarios]
    experiments = [Experiment.of(prepare(each), engine=engine) for each in same]
    with resources(workers=workers, cluster=cluster, store=store, keep=keep, notice=notice) as means:
        if means is None:
            for experiment in experiments:
                experiment.notify(notice)
        return Comparison(named, tuple(simulate(experiments, means, progress=progress)))


def bonett_price(only_a: int, only_b: int, n: int) -> tuple[float, float]:
    """The 95 % adjusted Wald interval of a difference of paired shares (Bonett and Price 2012).

    Args:
        only_a: pairs in which only the first has it.
        only_b: pairs in which only the second has it.
        n: pairs.
    """
    from scipy.special import ndtri

    p, q = (only_a + 1) / (n + 2), (only_b + 1) / (n + 2)
    half = float(ndtri(0.5 + CONFIDENCE / 2)) * math.sqrt((p + q - (p - q) ** 2) / (n + 2))
    return max(-1.0, p - q - half), min(1.0, p - q + half)


def _student(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Student's 95 % interval of a mean; None from one value."""
    from sim.results.summary import summary_of

    summary = summary_of([{"difference": value} for value in values])["difference"]
    return summary["low"], summary["high"]


def _check_alike(first: Scenario, other: Scenario, names: tuple[str, str]) -> None:
    for what, one, two in _differing(first, other):
        raise CompareError(
            f"{visible(names[0])} and {visible(names[1])} differ in {visible(what)} "
            f"({visible(one)}; {visible(two)}): a comparison needs the same devices living the same days"
        )


def _differing(first: Scenario, other: Scenario) -> Iterator[tuple[str, str, str]]:
    """What is not the same where it must be, and how it is in each."""
    yield from (
        (what, one, two)
        for what, one, two in (
            ("start", f"{first.start:%Y-%m-%d %H:%M:%S}", f"{other.start:%Y-%m-%d %H:%M:%S}"),
            ("duration", span(first.duration), span(other.duration)),
        )
        if one != two
    )
    left, right = _groups(first), _groups(other)
    for name in sorted(left.keys() | right.keys()):
        one, two = left.get(name, "none"), right.get(name, "none")
        if one != two:
            yield f"the group {name!r}", one, two


def _groups(scenario: Scenario) -> dict[str, str]:
    """What names the devices of each group."""
    return {
        group.name: f"{group.devices or 0:,} devices"
        if group.inventory is None
        else f"inventory {scenario.inventories[number].sha256[:12]}"
        for number, group in enumerate(scenario.fleet)
    }


def _place(names: tuple[str, ...]) -> str:
    """Strategies that share a place of the ranking."""
    return names[0] if len(names) == 1 else f"{' and '.join(names)} (no difference shown)"


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """The names, with a number where one occurs again."""
    taken: list[str] = []
    for name in names:
        candidate, number = name, 2
        while candidate in taken:
            candidate, number = f"{name} ({number})", number + 1
        taken.append(candidate)
    return tuple(taken)
