"""A scenario at many values of some of its keys: a table of runs, each kept by its content."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from itertools import islice, product
from typing import TYPE_CHECKING, Any, Final, Unpack

from sim.errors import InputError, visible
from sim.executor.local import Here, Processes, cores
from sim.results.measures import ALL, NUMBERS, Selected, Selection
from sim.results.summary import mean_of, summary_of
from sim.results.tally import Tally
from sim.scenario.prepare import prepare
from sim.scenario.problems import ScenarioError
from sim.scenario.scenario import Scenario
from sim.scenario.values import parse_duration
from sim.scenario.yaml_text import read_tree, to_line
from sim.studies.experiment import ATTEMPT_S, Engine, Experiment, attempts_of
from sim.studies.options import Options, checked, computing, shown, with_options
from sim.studies.run import COLUMNS, fingerprint_of, groups_of
from sim.studies.tasks import Tallies, values
from sim.summary import Column, Summary, Table
from sim.summary.answer import Answer
from sim.text import UNITS_S, number, quoted, shortened, span

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from sim.figures.style import Ax, Size

Point = dict[str, Any]
Row = dict[str, Any]

MOST_VALUES: Final = 100_000
"""Values of one key, and points of a grid."""
_QUICK_S: Final = 1.0
"""Processor time up to which no process is started: starting takes as long."""
_MOST_MISTAKES: Final = 50
_SPREAD: Final = ("sd", "low", "high")
_LONGEST: Final = 40
"""Characters of a varied value that are shown."""
_SHOWN: Final = ("lost_share", "still_lost_devices", "reserve_coverage", "device_days_lost")


class VaryError(InputError):
    """What is to be varied makes no sense; one line for each mistake."""


@dataclass(frozen=True, eq=False, repr=False)
class Sweep(Answer):
    """What became of a scenario at each point.

    Attributes:
        scenario: whose keys were varied.
        points: the values of the varied keys.
        rows: a flat row for each point: varied keys, measures (means over replications), the fingerprint.
            Where a point has several replications, each measure also has its standard deviation `_sd` and
            the 95 % Student interval of its mean, `_low` and `_high`.
        group_rows: a row for each point and group: varied keys, `group`, and the measures as in `rows`.
    """

    scenario: Scenario
    points: tuple[Point, ...]
    rows: tuple[Row, ...]
    group_rows: tuple[Row, ...]

    @cached_property
    def table(self) -> pd.DataFrame:
        """`rows` as a table; a section or list that was varied is written as YAML."""
        return _frame(self.rows, keys=self.points[0])

    @cached_property
    def groups(self) -> pd.DataFrame:
        """`group_rows` as a table."""
        return _frame(self.group_rows, keys=self.points[0])

    def plot(self, measure: str = "lost_devices", *, ax: Ax = None, figsize: Size = None) -> Figure:
        """A measure against the first varied key; a line for each setting of the others.

        Raises:
            FigureError: there is no such measure.
        """
        from sim.figures import FigureError, delays

        if measure not in NUMBERS:
            raise FigureError(f"there is no measure {measure!r}: take a column of the table")
        key, *others = self.points[0]
        values = list(dict.fromkeys(to_line(point[key]) for point in self.points))
        lines: dict[str, dict[str, delays.Bounds]] = {}
        for point, row in zip(self.points, self.rows, strict=True):
            found = (row.get(f"{measure}{end}") for end in ("", "_low", "_high"))
            mean, low, high = (math.nan if each is None else float(each) for each in found)
            words = ", ".join(f"{other}={to_line(point[other])}" for other in others)
            lines.setdefault(words, {})[to_line(point[key])] = (mean, low, high)
        nothing = (math.nan,) * 3
        drawn = {words: [row.get(value, nothing) for value in values] for words, row in lines.items()}
        name, words, place = self.scenario.name, measure.replace("_", " "), (ax, figsize)
        return delays.against(name, key, values, drawn, measure=words, place=place)

    def to_json(self) -> dict[str, Any]:
        """The document that `reissue sweep --json` prints."""
        return {"runs": list(self.rows)}

    @property
    def answer(self) -> str:
        """How many points there are and between which numbers their losses lie, in a sentence."""
        lost = sorted(row["lost_devices"] for row in self.rows)
        return f"{len(self.rows):,} points, which lose from {number(lost[0])} to {number(lost[-1])} devices."

    def summary(self) -> Summary:
        """A row for each point: the varied keys, and the measures that a planner asks for first."""
        interval = [Column("95 %", "range")] if "lost_devices_low" in self.rows[0] else []
        columns = (
            *(Column(_title_of(key, self.points[0])) for key in self.points[0]),
            *(COLUMNS[measure] for measure in ("devices", "lost_devices")),
            *interval,
            *(COLUMNS[measure] for measure in _SHOWN),
        )
        rows = tuple(
            (
                *(shortened(to_line(value), _LONGEST) for value in point.values()),
                row["devices"],
                row["lost_devices"],
                *(_interval(row) for _ in interval),
                *(row[measure] for measure in _SHOWN),
            )
            for point, row in zip(self.points, self.rows, strict=True)
        )
        return Summary(self.scenario.name, self.answer, (Table(columns, rows),))


def _title_of(key: str, keys: Collection[str]) -> str:
    """A short name of a dotted key: its last step, and as many before it as tell it from the others."""
    steps = key.split(".")
    for taken in range(1, len(steps)):
        short = ".".join(steps[-taken:])
        is_shared = any(f".{other}".endswith(f".{short}") for other in keys if other != key)
        if not (short.isdigit() or short == "devices" or is_shared):
            return short
    return key


def _interval(row: Row) -> tuple[float, float] | None:
    """The 95 % interval of the mean of lost devices; None where it has none."""
    low, high = row["lost_devices_low"], row["lost_devices_high"]
    return None if low is None else (round(max(low, 0), 1), round(high, 1))


def _frame(rows: Sequence[Row], *, keys: Iterable[str]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(list(rows))
    for key in keys:
        column = [row[key] for row in rows]
        if len({type(value) for value in column}) > 1 or isinstance(column[0], dict | list):
            frame[key] = [to_line(value) for value in column]
    return frame


# --- run -----------------------------------------------------------------------------------------------


@checked
def sweep(scenario: Scenario, vary: Mapping[str, object], **options: Unpack[Options]) -> Sweep:
    """Run a scenario at every point of a grid; every point is validated before the first one runs.

    Args:
        scenario: what to run.
        vary: values by dotted key: a sequence, each item one value, or a text as after `--vary KEY=`.
        options: how to compute (`Options`); default: a process a core, unless the sweep is short, and results
            are kept in the user's cache.

    Raises:
        VaryError: the values make no sense, or do not fit the scenario; all mistakes, with their point.
        InputError: of `computing`.
    """
    points = points_of(vary)
    experiments = _experiments(with_options(scenario, options), points, options.get("engine", "auto"))
    runs = [each.scenario.replications for each in experiments]
    is_repeated = max(runs) > 1
    takes_s = sum(
        n * attempts_of(each.prepared) * ATTEMPT_S[each.engine]
        for n, each in zip(runs, experiments, strict=True)
    )
    is_short = takes_s < _QUICK_S or sum(runs) == 1 or cores() == 1
    rows, group_rows = list[Row](), list[Row]()
    with computing(options, experiments, default=Here() if is_short else Processes()) as resources:
        jobs = [(each, range(n)) for n, each in zip(runs, experiments, strict=True)]
        found = values(jobs, Tallies(), resources, progress=shown(options.get("progress")))
        for point, (experiment, numbers) in zip(points, jobs, strict=True):
            tallies = list(islice(found, len(numbers)))
            fingerprint = fingerprint_of([tally.fingerprint for tally in tallies])
            measured = _measured(tallies, ALL, is_repeated=is_repeated)
            rows.append({**point, **measured, "fingerprint": fingerprint})
            for group in groups_of(experiment):
                measured = _measured(tallies, Selection(group=group), is_repeated=is_repeated)
                group_rows.append({**point, "group": group, **measured})
    return Sweep(scenario, points, tuple(rows), tuple(group_rows))


def _measured(tallies: Sequence[Tally], selection: Selection, *, is_repeated: bool) -> Row:
    runs = [Selected(tally, selection).measures() for tally in tallies]
    summary = summary_of(runs) if is_repeated else {}
    spread = {f"{name}_{each}": summary[name][each] for name in summary for each in _SPREAD}
    return {**mean_of(runs), **spread}


def _experiments(scenario: Scenario, points: Sequence[Point], engine: Engine) -> list[Experiment]:
    """Each point as it is run.

    Raises:
        VaryError: some are no scenarios; every mistake once, with the first point at which it shows.
    """
    made: list[Experiment] = []
    mistakes: dict[str, str] = {}
    for point in points:
        try:
            prepared = prepare(scenario.changed(point))
        except ScenarioError as error:
            where = ", ".join(f"{visible(key)}={shortened(str(value))}" for key, value in point.items())
            for problem in error.problems:
                is_varied = problem.file.startswith("changed(")  # that is the point itself
                told = f"{visible(problem.key)}: {problem.message}" if is_varied else str(problem)
                mistakes.setdefault(told, f"{where}: {told}")
        else:
            runs = len(points) * prepared.scenario.replications
            made.append(Experiment.of(prepared, engine=engine, runs=runs))
    if mistakes:
        more = [f"and {len(mistakes) - _MOST_MISTAKES:,} more mistakes: correct these first"]
        lines = [*mistakes.values()]
        raise VaryError("\n".join(lines[:_MOST_MISTAKES] + more * (len(lines) > _MOST_MISTAKES)))
    return made


# --- the grid ------------------------------------------------------------------------------------------


def points_of(vary: Mapping[str, object]) -> tuple[Point, ...]:
    """Every combination of the values of each dotted key; the first key varies slowest.

    Raises:
        VaryError: it makes no sense; all mistakes, a line each.
    """
    values, mistakes = dict[str, tuple[object, ...]](), list[str]()
    for key, given in vary.items():
        try:
            values[key] = _values_of(given)
        except VaryError as error:
            mistakes.append(f"{visible(key)}: {error}")
    for place, key in enumerate(vary):  # a key below another must come after it, or it would be overwritten
        for above in (visible(each) for each in list(vary)[place + 1 :] if key.startswith(f"{each}.")):
            mistakes.append(f"{visible(key)}: it lies in {above}, which overwrites it: name {above} first")
    many = math.prod(map(len, values.values()))
    if not vary:
        mistakes.append("nothing is varied: name a key and its values, such as fleet.0.sync.every=6h,12h,1d")
    elif many > MOST_VALUES:
        mistakes.append(f"{many:,} points: at most {MOST_VALUES:,} are taken, so take longer steps")
    if mistakes:
        raise VaryError("\n".join(mistakes))
    return tuple(dict(zip(values, chosen, strict=True)) for chosen in product(*values.values()))


def _values_of(given: object) -> tuple[object, ...]:
    """The values of a key: a text as after `--vary KEY=`, or from Python a sequence, each item one value."""
    if not hasattr(given, "__iter__") or isinstance(given, dict):
        raise VaryError(
            f"a {type(given).__name__} holds no values: give a list, or a text such as '6h,12h,1d'"
        )
    found = parse_values(given) if isinstance(given, str) else tuple(given)
    if not found:
        raise VaryError(
            "there is no value: write values such as 6h,12h,1d, or a range such as 1d..60d step 1d"
        )
    if len(found) > MOST_VALUES:
        raise VaryError(f"{len(found):,} values: at most {MOST_VALUES:,} are taken")
    return found


def parse_values(text: str) -> tuple[object, ...]:
    """The values in a text: the items of a YAML list, of which some may be ranges (`after 1d..60d step 1d`).

    Raises:
        VaryError: it is not understood; the message says what to write instead.
    """
    written = f"[{text}\n]"
    try:
        document = read_tree(written, file="--vary")
    except ScenarioError as error:
        raise VaryError(f"{quoted(text)}: {error.problems[0].message}") from None
    found: list[object] = []
    for item, value in enumerate(document.value):
        place = document.place_of((item,))
        is_quoted = written.splitlines()[(place.line or 1) - 1][(place.column or 1) - 1] in "\"'"
        if isinstance(value, str) and not is_quoted and _LIKE_A_RANGE.search(value):
            found += _range(value)
        else:
            found.append(value)
    return tuple(found)


# --- ranges --------------------------------------------------------------------------------------------

_AMOUNT: Final = r"(?:[0-9](?:[0-9A-Za-z%:-]|\.(?!\.))*|P[0-9T][0-9A-Z]*)"
_RANGE: Final = re.compile(
    rf"(?P<prefix>.*?)(?<![\w.%-])(?P<low>{_AMOUNT})\.\.(?P<high>{_AMOUNT})"
    r"(?P<suffix>.*?)\s+step\s+(?P<step>\S+)"
)
_LIKE_A_RANGE: Final = re.compile(r"[0-9][\w%]*\s*(?:\.\.|…)|(?:\.\.|…)\s*[0-9]|[0-9]\S*\s+(?:step|by)")
_NUMBER: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,12})?)(%?)")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DAY_S: Final = UNITS_S["d"]


def _range(text: str) -> Iterator[object]:
    """The values of a range, each by itself or as part of a word."""
    match = _RANGE.fullmatch(text)
    if match is None:
        raise VaryError(f"{quoted(text)} is not a range: write LOW..HIGH step STEP, as in 1d..60d step 1d")
    try:
        (kind, low), (high_kind, high), (step_kind, step) = map(_amount, match.group("low", "high", "step"))
    except ValueError as error:
        raise VaryError(f"{quoted(text)}: {error}") from None
    if (high_kind, step_kind) != (kind, "duration" if kind == "date" else kind):
        raise VaryError(
            f"{quoted(text)} mixes a {kind}, a {high_kind} and a {step_kind}: write three of a kind"
        )
    if step <= 0 or (kind == "date" and step % _DAY_S):
        raise VaryError(f"{quoted(text)}: a step lies above zero, and is whole days between dates")
    count = int(abs(high - low) // step) + 1
    if count > MOST_VALUES:
        raise VaryError(f"{quoted(text)} has {count:,} values, over {MOST_VALUES:,}: take a longer step")
    prefix, suffix = match.group("prefix", "suffix")
    for place in range(count):
        value = _written(kind, low + (step if high >= low else -step) * place)
        yield f"{prefix}{value}{suffix}" if prefix or suffix else value


def _amount(text: str) -> tuple[str, Decimal]:
    """The kind of a quantity, and its amount: a number, percents, or seconds (of a date: since year 1).

    Raises:
        ValueError: it is none; the message says what to write instead.
    """
    if match := _NUMBER.fullmatch(text):
        return "share" if match[2] else "number", Decimal(match[1])
    if _DATE.fullmatch(text):
        return "date", Decimal(date.fromisoformat(text).toordinal() * _DAY_S)
    return "duration", Decimal(parse_duration(text))


def _written(kind: str, amount: Decimal) -> object:
    """A quantity as the language writes it: a number as a number, anything else as text."""
    match kind:
        case "duration":
            return span(int(amount))
        case "date":
            return date.fromordinal(int(amount) // _DAY_S).isoformat()
        case "share":
            return f"{amount}%"
    return int(amount) if amount.as_tuple().exponent == 0 else float(amount)
