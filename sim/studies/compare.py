"""Strategies side by side: the same devices living the same days, paired device by device (model 7.1)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import chain, combinations, permutations
from typing import TYPE_CHECKING, Any, Final, Unpack

import numpy as np

from sim.errors import InputError, visible
from sim.results.measures import MEASURES, Selected
from sim.results.summary import CONFIDENCE, summary_of
from sim.scenario.prepare import prepare
from sim.scenario.scenario import Scenario, expect_scenario
from sim.studies.experiment import Experiment
from sim.studies.options import Options, checked, computing, shown, with_options
from sim.studies.run import COLUMNS, Result, simulate
from sim.summary import Column, Summary, Table, notes
from sim.summary.answer import Answer
from sim.text import iso, listed, number, percent, span
from sim.world.order import SECONDS_PER_DAY

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from sim.figures.style import Ax, Size
    from sim.processes.policy import Policy

_MOST_SETTINGS: Final = 3
_MOST_NAMES: Final = 10
_NOUNS: Final = {
    "lost_devices": "devices lost",
    "device_days_lost": "device-days lost",
    "reinstalls": "reinstallations",
    "time_to_reconnect": "days until the last lost device is back",
    "unreachable_device_days": "device-days unreachable",
}
"""What strategies are ranked by: the first of these in which they differ."""
_FIRST: Final = ("lost_devices", "lost_share", "still_lost_devices", "device_days_lost", "reinstalls")
_COLUMNS: Final = {
    **{measure: COLUMNS[measure] for measure in _FIRST},
    "time_to_reconnect": Column("last back, days", "tenths"),
    "unreachable_device_days": Column("days unreachable", "tenths"),
}
COMPARED: Final = tuple(name for name, measure in MEASURES.items() if measure.worse is not None)
"""The measures of which less or more is better."""


class CompareError(InputError):
    """The scenarios cannot be compared; the message says why."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A measure under strategy `a` minus the same under `b`: mean over the replications, and 95 % interval.

    `low` and `high` are None where one replication does not give an interval.
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
    """Names of the devices that only one of two strategies loses in the first replication."""

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
        sure = [d.measure for d in self.differences if d.is_shown]
        differing = [d.measure for d in self.differences if d.difference != 0]
        found = (measure for those in (sure, differing) for measure in _NOUNS if measure in those)
        return self.chosen or next(found, "lost_devices")

    @property
    def is_same(self) -> bool:
        """Whether everything is alike under all of them, in every replication."""
        return len({result.fingerprint for result in self.results}) == 1

    @cached_property
    def differences(self) -> tuple[Difference, ...]:
        """Every measure, for every two strategies in the order given: the first minus the second."""
        found = []
        for a, b in combinations(self.names, 2):
            for measure in MEASURES:
                pairs = zip(self._values[a][measure], self._values[b][measure], strict=True)
                known = ((x, y) for x, y in pairs if x is not None and y is not None)
                values = [x - y for x, y in known if math.inf not in (x, y)]
                if values:
                    mean, interval = math.fsum(values) / len(values), self._interval(a, b, measure, values)
                    found.append(Difference(a, b, measure, mean, *interval))
        return tuple(found)

    def _interval(
        self, a: str, b: str, measure: str, values: Sequence[float]
    ) -> tuple[float | None, float | None]:
        """Student's over the replications; of one, that of its devices where they are independent."""
        student, entry = summary_of([{"of": value} for value in values])["of"], MEASURES[measure]
        if student["low"] is not None or entry.decided_by != "losses":
            return student["low"], student["high"]
        results = [result for name, result in zip(self.names, self.results, strict=True) if name in (a, b)]
        n = results[0].tallies[0].size
        if n == 0 or any(result.plan.levers_that_couple or result.plan.disturbances for result in results):
            return None, None
        found = next(each for each in self.discordances if (each.a, each.b) == (a, b))
        low, high = bonett_price(len(found.only_a), len(found.only_b), n)
        scale = 1 if entry.unit == "share" else n
        return low * scale, high * scale

    @cached_property
    def discordances(self) -> tuple[Discordance, ...]:
        """For every two strategies, who is lost under one of them alone, in the first replication."""
        only: dict[tuple[str, str], list[str]] = {pair: [] for pair in permutations(self.names, 2)}
        for parts in zip(*(result.outcomes() for result in self.results), strict=True):
            lost = {n: part.devices.times_lost > 0 for n, part in zip(self.names, parts, strict=True)}
            for (a, b), names in only.items():
                names += map(parts[0].roster.name, np.flatnonzero(lost[a] & ~lost[b]).tolist())
        pairs = combinations(self.names, 2)
        return tuple(Discordance(a, b, tuple(only[a, b]), tuple(only[b, a])) for a, b in pairs)

    @cached_property
    def ranking(self) -> tuple[tuple[str, ...], ...]:
        """The strategies by `measure`, the best first; together those that show no difference.

        A strategy joins the ones before it unless it shows a difference from each of them. Where one
        replication gives no interval, the ranking is of that replication.
        """
        sign = -1 if MEASURES[self.measure].worse == "less" else 1
        doubted = {
            frozenset((d.a, d.b))
            for d in self.differences
            if d.measure == self.measure and not d.is_shown and (d.low is not None or not d.difference)
        }
        places: list[list[str]] = []
        for name in sorted(self.names, key=lambda name: sign * (self._mean(name, self.measure) or 0)):
            if places and any(frozenset((name, other)) in doubted for other in places[-1]):
                places[-1].append(name)
            else:
                places.append([name])
        return tuple(map(tuple, places))

    def _mean(self, name: str, measure: str) -> float | None:
        """The mean of a measure of a strategy over the replications that have it; inf: not within the run."""
        values = [value for value in self._values[name][measure] if value is not None]
        return math.fsum(values) / len(values) if values else None

    @cached_property
    def _values(self) -> dict[str, dict[str, list[float | None]]]:
        """Of each strategy, every measure in each replication."""
        return {
            name: {each: [Selected(tally).measure(each) for tally in result.tallies] for each in MEASURES}
            for name, result in zip(self.names, self.results, strict=True)
        }

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

    # --- in words --------------------------------------------------------------------------------

    @property
    def answer(self) -> str:
        """The ranking with the value of each strategy, in a sentence."""
        if self.is_same:
            all_of_them = "Both" if len(self.names) == 2 else "All"
            return f"{all_of_them} are the same: nothing differs in any replication."
        values = {name: _shown(self.measure, self._mean(name, self.measure)) for name in self.names}
        places = (
            listed([f"{name} ({values[name]})" for name in place])
            + (", which show no difference" if len(place) > 1 else "")
            for place in self.ranking
        )
        most = "Most" if MEASURES[self.measure].worse == "less" else "Fewest"
        run = " in this run" if self._has_no_interval else ""
        return f"{most} {_NOUNS.get(self.measure, self.measure)}{run}: {'; then '.join(places)}."

    def summary(self) -> Summary:
        """The ranking, the strategies in the order given, and how they differ."""
        first, what = self.results[0], _NOUNS.get(self.measure, self.measure)
        runs = "" if first.replications == 1 else f", {first.replications:,} replications; counts are means"
        means = {m: [_in_days(self._mean(name, m), m) for name in self.names] for m in _COLUMNS}
        kept = [m for m in _COLUMNS if m == "lost_devices" or any(means[m])]
        told = [d.sentence for d in self.differences if d.measure in ("lost_devices", self.measure)]
        told = [] if self.is_same else told
        if self._has_no_interval:
            desk = any(result.plan.recovery for result in self.results)
            why = " with a help desk, for which devices wait in turn," if desk else ""
            told.append(f"one replication{why} gives no interval of {what}: take --replications 20")
        told += [sentence for pair in self.discordances for sentence in pair.sentences()]
        rows = tuple(zip(self.names, *(means[m] for m in kept), strict=True))
        table = Table((Column("strategy"), *(_COLUMNS[m] for m in kept)), rows)
        return Summary(
            f"{len(self.names)} strategies, the same {first.tallies[0].size:,} devices, the same days",
            self.answer,
            (table, notes(*told, is_list=True)),
            about=f"seed {first.scenario.seed}{runs}",
        )

    @property
    def _has_no_interval(self) -> bool:
        """Whether one replication does not say how sure a difference is of the measure ranked by."""
        return any(d.low is None and d.difference for d in self.differences if d.measure == self.measure)


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


def bonett_price(only_a: int, only_b: int, n: int) -> tuple[float, float]:
    """The 95 % adjusted Wald interval of a difference of shares in n pairs (Bonett and Price 2012)."""
    from scipy.special import ndtri

    p, q = (only_a + 1) / (n + 2), (only_b + 1) / (n + 2)
    half = float(ndtri(0.5 + CONFIDENCE / 2)) * math.sqrt((p + q - (p - q) ** 2) / (n + 2))
    return max(-1.0, p - q - half), min(1.0, p - q + half)


# --- compare -------------------------------------------------------------------------------------------


@checked
def compare(
    first: Scenario | Mapping[str, Scenario | tuple[Scenario, Policy]],
    *others: Scenario,
    names: Sequence[str] | None = None,
    measure: str | None = None,
    **options: Unpack[Options],
) -> Comparison:
    """Run several strategies on the same fleet living the same days.

    All take the seed and the number of replications of the first, unless others are given.

    Args:
        first, others: scenarios with the same devices, start and duration; or one mapping of names to them,
            or to pairs of a scenario and a policy that is asked while it runs.
        names: of the strategies; default: the scenarios' names, with what differs where they are alike.
        measure: to rank by, one of `COMPARED`; default: the first of lost devices, device-days lost,
            reinstallations, time until the last is back and device-days unreachable in which they differ.
        options: how to compute (`Options`).

    Raises:
        CompareError: there is one alone, devices, start or duration differ, or there is no such measure.
        ScenarioError: a scenario cannot be run.
        InputError: of `computing`.
    """
    if isinstance(first, Mapping):
        given, names = (*first.values(), *others), names or [*first, *(each.name for each in others)]
    else:
        given = (first, *others)
    pairs = [each if isinstance(each, tuple) else (each, None) for each in given]
    scenarios = [scenario for scenario, _ in pairs]
    for each in scenarios:
        expect_scenario(each)
    if len(scenarios) < 2:
        raise CompareError("one scenario alone cannot be compared: give at least two")
    if measure not in (None, *COMPARED):
        raise CompareError(
            f"there is no measure {visible(str(measure))} to rank by: take one of {', '.join(COMPARED)}"
        )
    named = _distinct(_names_of(scenarios) if names is None else names)
    one = scenarios[0]
    for other, name in zip(scenarios[1:], named[1:], strict=True):
        _check_alike(one, other, (named[0], name))
    own = Options(seed=one.seed, replications=one.replications)
    experiments = [
        Experiment.of(
            prepare(with_options(with_options(each, own), options)),
            engine=options.get("engine", "auto"),
            policy=policy,
        )
        for each, policy in pairs
    ]
    with computing(options, experiments) as resources:
        results = simulate(experiments, resources, progress=shown(options.get("progress")))
    return Comparison(named, tuple(results), measure)


# --- what is compared, and its name ------------------------------------------------------------------


def _check_alike(first: Scenario, other: Scenario, names: tuple[str, str]) -> None:
    """Raise unless both have the same devices, start and duration."""
    left, right = _same(first), _same(other)
    for what in {**left, **right}:
        one, two = left.get(what, "none"), right.get(what, "none")
        if one != two:
            raise CompareError(
                f"{visible(names[0])} and {visible(names[1])} differ in {visible(what)} "
                f"({visible(one)}; {visible(two)}): a comparison needs the same devices living the same days"
            )


def _same(scenario: Scenario) -> dict[str, str]:
    """What must be the same: the days, and what names the devices of each group."""
    found = {"start": iso(scenario.start), "duration": span(scenario.duration)}
    for place, group in enumerate(scenario.fleet):
        found[f"the group {group.name!r}"] = (
            f"{group.devices or 0:,} devices"
            if group.inventory is None
            else f"inventory {scenario.inventories[place].sha256[:12]}"
        )
    return found


def _names_of(scenarios: Sequence[Scenario]) -> list[str]:
    """The names; where several have one name, with the settings in which these differ."""
    names = []
    for scenario in scenarios:
        alike = [dict(_settings(other.document)) for other in scenarios if other.name == scenario.name]
        own = dict(_settings(scenario.document))
        keys = [key for key in dict.fromkeys(chain(*alike)) if len({other.get(key) for other in alike}) > 1]
        settings = [f"{key.rpartition('.')[2]} {own[key]}" if key in own else f"no {key}" for key in keys]
        if len(settings) > _MOST_SETTINGS:
            settings[_MOST_SETTINGS:] = ["…"]
        names.append(f"{scenario.name} ({', '.join(settings)})" if settings else scenario.name)
    return names


def _settings(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every value in a document by its dotted key, but what a comparison makes the same."""
    if isinstance(value, Mapping | list):
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for name, inner in items:
            yield from _settings(inner, f"{key}.{name}" if key else str(name))
    elif key not in ("seed", "replications", "description"):
        yield key, str(value)


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """The names, with a number where one occurs again."""
    taken: list[str] = []
    for name in names:
        candidate, number = name, 2
        while candidate in taken:
            candidate, number = f"{name} ({number})", number + 1
        taken.append(candidate)
    return tuple(taken)
