"""Strategies side by side: the same devices living the same days, paired device by device (model 7.1)."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import combinations, permutations
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sim.errors import visible
from sim.executor import resources
from sim.results.measures import MEASURES, Selected
from sim.results.summary import CONFIDENCE
from sim.scenario.prepare import prepare
from sim.scenario.scenario import Scenario, expect_scenario
from sim.studies.alike import CompareError as CompareError
from sim.studies.alike import check_alike, distinct, told_apart
from sim.studies.experiment import Engine, Experiment, Notice, Progress, checked, shown, with_options
from sim.studies.result import Result
from sim.studies.run import simulate
from sim.summary import Column, Summary, Table, notes
from sim.summary.answer import Answer
from sim.text import listed, number, percent
from sim.world.order import SECONDS_PER_DAY

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from sim.figures.style import Ax, Size
    from sim.processes.policy import Policy

_MOST_NAMES: Final = 10
_NOUNS: Final = {
    "lost_devices": "devices lost",
    "device_days_lost": "device-days lost",
    "reinstalls": "reinstallations",
    "time_to_reconnect": "days until the last lost device is back",
    "unreachable_device_days": "device-days unreachable",
}
"""What strategies are ranked by: the first of these in which they differ."""
_COLUMNS: Final = {
    "lost_devices": Column("lost", "count"),
    "lost_share": Column("share", "share"),
    "still_lost_devices": Column("still lost", "count"),
    "device_days_lost": Column("days lost", "tenths"),
    "reinstalls": Column("reinstalls", "count"),
    "time_to_reconnect": Column("last back, days", "tenths"),
    "unreachable_device_days": Column("days unreachable", "tenths"),
}
COMPARED: Final = tuple(name for name, measure in MEASURES.items() if measure.worse is not None)
"""The measures of which less or more is better."""


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
        """How much more or less of the measure one strategy has than the other."""
        interval = ""
        if self.low is not None and self.high is not None:
            low, high = (_shown(self.measure, bound) for bound in (self.low, self.high))
            interval = f" (95 %: {low} to {high})"
        what, doubt = _NOUNS.get(self.measure, self.measure), bool(interval) and not self.is_shown
        if self.difference == 0:
            return f"{what}: no difference shown between {self.a} and {self.b}{interval}"
        value, word = _shown(self.measure, abs(self.difference)), "more" if self.difference > 0 else "fewer"
        end = ": no difference shown" if doubt else ""
        return f"{what}: {value} {word} under {self.a} than under {self.b}{interval}{end}"


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
                names = f"{'examples: ' * bool(more)}{', '.join(devices[:_MOST_NAMES])}{more}"
                yield f"lost under {name} and not under {other}: {len(devices):,} ({names})"


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Answer):
    """What several strategies do to one fleet.

    Attributes:
        names: of the strategies, all different.
        results: their runs, in the same order.
        chosen: the measure that they are to be ranked by; None: the first in which they differ.
    """

    names: tuple[str, ...]
    results: tuple[Result, ...]
    chosen: str | None = None

    @cached_property
    def measure(self) -> str:
        """What they are ranked by: what was chosen; else the first that shows a difference, or has one."""
        orders: tuple[Callable[[Difference], bool], ...] = (
            lambda d: d.is_shown,
            lambda d: d.difference != 0,
        )
        found = (
            d.measure
            for tells in orders
            for m in _NOUNS
            for d in self.differences
            if d.measure == m and tells(d)
        )
        return self.chosen or next(found, "lost_devices")

    @property
    def is_same(self) -> bool:
        """Whether everything is alike under all of them, in every replication."""
        return len({result.fingerprint for result in self.results}) == 1

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
        """The strategies by `measure`, the best first; together those that show no difference.

        A strategy joins the ones before it unless it shows a difference from each of them. Where one
        replication gives no interval, the ranking is of that replication.
        """
        sign = -1 if MEASURES[self.measure].worse == "less" else 1
        value = {name: self._mean(i, self.measure) for i, name in enumerate(self.names)}
        doubted = {
            frozenset((d.a, d.b))
            for d in self.differences
            if d.measure == self.measure and not d.is_shown and (d.low is not None or not d.difference)
        }
        places: list[list[str]] = []
        for name in sorted(self.names, key=lambda name: sign * (value[name] or 0)):
            if places and any(frozenset((name, other)) in doubted for other in places[-1]):
                places[-1].append(name)
            else:
                places.append([name])
        return tuple(tuple(place) for place in places)

    def _mean(self, i: int, measure: str) -> float | None:
        """The mean of a measure of a strategy over the replications that have it; inf: not within the run."""
        values = [value for value in self._values[i][measure] if value is not None]
        return math.fsum(values) / len(values) if values else None

    @cached_property
    def _values(self) -> list[dict[str, list[float | None]]]:
        """Of each strategy, every measure in each replication."""
        return [
            {name: [Selected(tally).measure(name) for tally in result.tallies] for name in MEASURES}
            for result in self.results
        ]

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a strategy, one column a measure; means over the replications."""
        import pandas as pd

        return pd.DataFrame([r.measures for r in self.results], index=pd.Index(self.names, name="strategy"))

    def to_json(self) -> dict[str, Any]:
        """The document that `reissue compare --json` prints; `difference` is `a` minus `b`."""
        return {
            "runs": [result.to_json() for result in self.results],
            "differences": [asdict(difference) for difference in self.differences],
            "devices": [
                {"a": d.a, "b": d.b, "lost_only_under_a": list(d.only_a), "lost_only_under_b": list(d.only_b)}
                for d in self.discordances
            ],
            "measure": self.measure,
            "ranking": [list(place) for place in self.ranking],
        }

    def plot(self, measure: str = "lost_devices", *, ax: Ax = None, figsize: Size = None) -> Figure:
        """The paired differences of a measure as a figure, with their intervals.

        Raises:
            FigureError: nothing was measured.
        """
        from sim.figures import FigureError, delays

        pairs = tuple(
            (d.a, d.b, d.difference, d.low, d.high) for d in self.differences if d.measure == measure
        )
        if not pairs:
            raise FigureError(f"there is no difference in {measure!r} to show")
        return delays.differences(pairs, unit=measure.replace("_", " "), place=(ax, figsize))

    def summary(self) -> Summary:
        """The ranking, the strategies in the order given, and how they differ."""
        first = self.results[0]
        runs = "" if first.replications == 1 else f", {first.replications:,} replications; counts are means"
        means = {m: [self._mean(i, m) for i in range(len(self.names))] for m in (*_COLUMNS, self.measure)}
        kept = [m for m in _COLUMNS if m == "lost_devices" or any(_in_days(mean, m) for mean in means[m])]
        rows = tuple((name, *(_in_days(means[m][i], m) for m in kept)) for i, name in enumerate(self.names))
        differences = [d.sentence for d in self.differences if d.measure in ("lost_devices", self.measure)]
        devices = [sentence for pair in self.discordances for sentence in pair.sentences()]
        return Summary(
            f"{len(self.names)} strategies, the same {first.tallies[0].size:,} devices, the same days",
            self.answer,
            (
                Table((Column("strategy"), *(_COLUMNS[m] for m in kept)), rows),
                notes(
                    *([] if self.is_same else differences), *self._without_interval(), *devices, is_list=True
                ),
            ),
            about=f"seed {first.scenario.seed}{runs}",
        )

    @property
    def answer(self) -> str:
        """The ranking with the value of each strategy, in a sentence."""
        if self.is_same:
            all_of_them = "Both" if len(self.names) == 2 else "All"
            return f"{all_of_them} are the same: nothing differs in any replication."
        values = {
            name: _shown(self.measure, self._mean(i, self.measure)) for i, name in enumerate(self.names)
        }
        places = (
            listed([f"{name} ({values[name]})" for name in place])
            + (", which show no difference" if len(place) > 1 else "")
            for place in self.ranking
        )
        most = "Most" if MEASURES[self.measure].worse == "less" else "Fewest"
        run = " in this run" if self._has_no_interval else ""
        return f"{most} {_NOUNS.get(self.measure, self.measure)}{run}: {'; then '.join(places)}."

    @property
    def _has_no_interval(self) -> bool:
        """Whether one replication does not say how sure a difference is of the measure ranked by."""
        return any(d.low is None and d.difference for d in self.differences if d.measure == self.measure)

    def _without_interval(self) -> Iterator[str]:
        """Why one replication does not say how sure a difference is."""
        if self._has_no_interval:
            desk = any(result.plan.recovery for result in self.results)
            why = " with a help desk, for which devices wait in turn," if desk else ""
            what = _NOUNS.get(self.measure, self.measure)
            yield f"one replication{why} gives no interval of {what}: take --replications 20"

    def _differences(self, i: int, j: int, a: str, b: str) -> Iterator[Difference]:
        for measure, ours in self._values[i].items():
            pairs = zip(ours, self._values[j][measure], strict=True)
            values = [x - y for x, y in pairs if x is not None and y is not None and math.inf not in (x, y)]
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
        if n == 0 or any(plan.levers_that_couple or plan.disturbances for plan in plans):
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


@checked
def compare(
    first: Scenario | Mapping[str, Scenario | tuple[Scenario, Policy]],
    *others: Scenario,
    engine: Engine = "auto",
    seed: int | None = None,
    replications: int | None = None,
    names: Sequence[str] | None = None,
    measure: str | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    store: str | os.PathLike[str] | None = None,
    keep: bool = True,
    progress: Progress | bool | None = None,
    notice: Notice | None = None,
) -> Comparison:
    """Run several strategies on the same fleet living the same days.

    All take the seed and the number of replications of the first, unless others are given.

    Args:
        first, others: scenarios with the same devices, start and duration; or one mapping of names to them,
            or to pairs of a scenario and a policy that is asked while it runs.
        engine, seed, replications, workers, cluster, store, keep: as for `run`.
        names: of the strategies; default: the scenarios' names, with what differs where they are alike.
        measure: to rank by, one of `COMPARED`; default: the first of lost devices, device-days lost,
            reinstallations, time until the last is back and device-days unreachable in which they differ.
        progress: called now and then with the share that is done; True: a line shows it.
        notice: called with a sentence before a wait that needs a reason.

    Raises:
        CompareError: there is one alone, devices, start or duration differ, or there is no such measure.
        ScenarioError: a scenario cannot be run.
        WorkersError: those who compute cannot be reached, or die.
        CacheError: results cannot be kept.
    """
    if isinstance(first, Mapping):
        given, names = (*first.values(), *others), names or [*first, *(each.name for each in others)]
    else:
        given = (first, *others)
    pairs = [each if isinstance(each, tuple) else (each, None) for each in given]
    scenarios, policies = [scenario for scenario, _ in pairs], [policy for _, policy in pairs]
    if any(policies) and (workers, cluster, store) != (None, None, None):
        raise CompareError("a policy is asked in this process: leave workers, cluster and store out")
    for each in scenarios:
        expect_scenario(each)
    if len(scenarios) < 2:
        raise CompareError("one scenario alone cannot be compared: give at least two")
    if measure not in (None, *COMPARED):
        raise CompareError(
            f"there is no measure {visible(str(measure))} to rank by: take one of {', '.join(COMPARED)}"
        )
    named = distinct(told_apart(scenarios) if names is None else names)
    one = scenarios[0]
    for other, name in zip(scenarios[1:], named[1:], strict=True):
        check_alike(one, other, (named[0], name))
    seed = one.seed if seed is None else seed
    replications = one.replications if replications is None else replications
    same = [with_options(each, seed=seed, replications=replications) for each in scenarios]
    experiments = [
        Experiment.of(prepare(each), engine=engine, policy=policy)
        for each, policy in zip(same, policies, strict=True)
    ]
    with resources(workers=workers, cluster=cluster, store=store, keep=keep, notice=notice) as means:
        if means is None:
            for experiment in experiments:
                experiment.notify(notice)
        return Comparison(named, tuple(simulate(experiments, means, progress=shown(progress))), measure)


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


def _in_days(value: float | None, measure: str) -> float | None:
    """A value as the table shows it: durations in days, None where it does not end within the run."""
    if value is None or MEASURES[measure].unit != "duration":
        return value
    return None if value == math.inf else value / SECONDS_PER_DAY


def _shown(measure: str, value: float | None) -> str:
    """A value in a sentence: shares in per cent, durations in days."""
    if value == math.inf:
        return "not within the run"
    return percent(value) if MEASURES[measure].unit == "share" else number(_in_days(value, measure))
