"""Which values the keys of the scenario take in a sweep, lists and ranges inside a word; and their grid."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import product
from typing import Any, Final, Literal

from sim.errors import InputError, visible
from sim.scenario.problems import ScenarioError
from sim.scenario.values import parse_duration
from sim.scenario.yaml_text import read_tree
from sim.text import UNITS_S, quoted, span

Point = dict[str, Any]

MOST_VALUES: Final = 100_000
"""Values of one key, and points of a grid."""

_AMOUNT: Final = r"(?:[0-9](?:[0-9A-Za-z%:-]|\.(?!\.))*|P[0-9T][0-9A-Z]*)"
_RANGE: Final = re.compile(
    rf"(?P<prefix>.*?)(?<![\w.%-])(?P<low>{_AMOUNT})\.\.(?P<high>{_AMOUNT})"
    rf"(?P<suffix>.*?)(?:\s+step\s+(?P<step>\S+))?"
)
_LIKE_A_RANGE: Final = re.compile(r"[0-9][\w%]*\s*(?:\.\.|…)|(?:\.\.|…)\s*[0-9]|[0-9]\S*\s+(?:step|by)")
_PAIRS: Final = {"[": "]", "{": "}", "(": ")"}
_HOW: Final = "write values such as 6h,12h,1d, or a range such as 1d..60d step 1d"
_RANGE_HOW: Final = "write LOW..HIGH step STEP, as in 1d..60d step 1d"
_NUMBER: Final = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,18})?|\.[0-9]{1,18}")
_SHARE: Final = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,18})?)%")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DAY_S: Final = UNITS_S["d"]
_KINDS: Final = {"number": "a number", "share": "a share", "duration": "a duration", "date": "a date"}


class VaryError(InputError):
    """What is to be varied makes no sense; one line for each mistake."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """An amount of a kind.

    Attributes:
        kind: what it measures.
        amount: a number, percents, or seconds (of a date: since year 1).
        places: decimal places with which it is written.
    """

    kind: Literal["number", "share", "duration", "date"]
    amount: Fraction
    places: int = 0

    def moved(self, by: Fraction) -> object:
        """As the language writes the quantity that lies so much further."""
        return replace(self, amount=self.amount + by).written()

    def written(self) -> object:
        """As the language writes it: a number as a number, anything else as text."""
        match self.kind:
            case "duration":
                return span(int(self.amount))
            case "date":
                return date.fromordinal(int(self.amount) // _DAY_S).isoformat()
        exact = Decimal(self.amount.numerator) / Decimal(self.amount.denominator)
        text = f"{exact:.{self.places}f}"
        if self.kind == "share":
            return f"{text}%"
        return float(text) if self.places else int(text)


# --- the grid --------------------------------------------------------------------------------------------


def points_of(vary: Mapping[str, object]) -> tuple[Point, ...]:
    """Every combination of the values of each dotted key; the first key varies slowest.

    Raises:
        VaryError: it makes no sense; all mistakes, a line each.
    """
    values, mistakes = dict[str, tuple[object, ...]](), list[str]()
    for key, given in vary.items():
        try:
            values[key] = values_of(given)
        except VaryError as error:
            mistakes.append(f"{visible(key)}: {error}")
    mistakes += _overlaps(list(vary))
    many = math.prod(map(len, values.values()))
    if not vary:
        mistakes.append("nothing is varied: name a key and its values, such as fleet.0.sync.every=6h,12h,1d")
    elif many > MOST_VALUES:
        mistakes.append(f"{many:,} points: at most {MOST_VALUES:,} are taken, so take longer steps")
    if mistakes:
        raise VaryError("\n".join(mistakes))
    return tuple(dict(zip(values, chosen, strict=True)) for chosen in product(*values.values()))


def _overlaps(keys: list[str]) -> Iterator[str]:
    """A key below another must come after it, or it would be overwritten."""
    for number, key in enumerate(keys):
        for later in keys[number + 1 :]:
            if key.startswith(f"{later}."):
                above = visible(later)
                yield f"{visible(key)}: it lies in {above}, which overwrites it: name {above} first"


def title_of(key: str, keys: Collection[str]) -> str:
    """A short name of a dotted key: its last step, and as many before it as tell it from the others."""
    steps = key.split(".")
    for taken in range(1, len(steps)):
        short = ".".join(steps[-taken:])
        is_shared = any(f".{other}".endswith(f".{short}") for other in keys if other != key)
        if not (short.isdigit() or short == "devices" or is_shared):
            return short
    return key


# --- values ----------------------------------------------------------------------------------------------


def values_of(given: object) -> tuple[object, ...]:
    """The values of a key: a text as after `--vary KEY=`, or from Python a sequence, each item one value.

    Raises:
        VaryError: it is neither, or the text is not understood; the message says what to write instead.
    """
    if isinstance(given, str):
        return parse_values(given)
    if isinstance(given, Sequence) or (hasattr(given, "__iter__") and not isinstance(given, dict)):
        values = tuple(given)
        if not values:
            raise VaryError("there is no value: give at least one")
        if len(values) > MOST_VALUES:
            raise VaryError(f"{len(values):,} values: at most {MOST_VALUES:,} are taken")
        return values
    raise VaryError(f"a {type(given).__name__} holds no values: give a list, or a text such as '6h,12h,1d'")


def parse_values(text: str) -> tuple[object, ...]:
    """The values in a text.

    Commas outside brackets and quotes separate values; each is read as YAML, or is a range
    (`after 1d..60d step 1d`).

    Raises:
        VaryError: see `values_of`.
    """
    values: list[object] = []
    for item in _split(text):
        values += _expanded(item)
        if len(values) > MOST_VALUES:
            raise VaryError(f"{quoted(text)} has more than {MOST_VALUES:,} values: take a longer step")
    return tuple(values)


def _split(text: str) -> list[str]:
    """The items between commas that stand outside brackets and quotes."""
    items, begin, open_ones, quote = [], 0, list[str](), ""
    for at, character in enumerate(text):
        before = text[begin:at].strip()
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'" and (not before or before[-1] in "[{(,:"):
            quote = character
        elif character in _PAIRS:
            open_ones.append(_PAIRS[character])
        elif character in _PAIRS.values():
            if not open_ones or open_ones.pop() != character:
                raise VaryError(f"{quoted(text)} has a {character} too many: {_HOW}")
        elif character == "," and not open_ones:
            items.append(before)
            begin = at + 1
    if quote or open_ones:
        raise VaryError(f"{quoted(text)} lacks a {quote or open_ones[-1]} at its end: {_HOW}")
    items.append(text[begin:].strip())
    if not all(items):
        what = "there is no value" if len(items) == 1 else f"{quoted(text)} has nothing between two commas"
        raise VaryError(f"{what}: {_HOW}")
    return items


def _range(item: str) -> re.Match[str] | None:
    """A range; None where the item is none and does not look like one."""
    match = _RANGE.fullmatch(item)
    if _LIKE_A_RANGE.search(item if match is None else f"0{match['suffix']}"):
        raise VaryError(f"{quoted(item)} is not a range: {_RANGE_HOW}")
    if match is not None and match["step"] is None:
        raise VaryError(f"{quoted(item)} has no step: {_RANGE_HOW}")
    return match


def _expanded(item: str) -> Iterator[object]:
    """The values of a range with a step, or the one value of anything else."""
    match = None if item[0] in "[{\"'" else _range(item)
    if match is None:
        yield _yaml(item)
        return
    try:
        low, high = same_kind(parse_quantity(match["low"]), parse_quantity(match["high"]))
        low, step = step_of(match["step"], low)
    except ValueError as error:
        raise VaryError(f"{quoted(item)}: {error}") from None
    count = math.floor(abs(high.amount - low.amount) / step) + 1
    if count > MOST_VALUES:
        raise VaryError(f"{quoted(item)} has {count:,} values, over {MOST_VALUES:,}: take a longer step")
    direction = 1 if high.amount >= low.amount else -1
    for number in range(count):
        yield _worded(match["prefix"], low.moved(direction * number * step), match["suffix"])


def _worded(prefix: str, value: object, suffix: str) -> object:
    """A value by itself, or as part of a word."""
    return f"{prefix}{value}{suffix}" if prefix or suffix else value


def _yaml(item: str) -> Any:
    try:
        return read_tree(item, file="--vary").value
    except ScenarioError as error:
        raise VaryError(f"{quoted(item)}: {error.problems[0].message}") from None


# --- quantities ------------------------------------------------------------------------------------------


def parse_quantity(text: str) -> Quantity:
    """A quantity from its text.

    Raises:
        ValueError: it is none; the message says what to write instead.
    """
    if match := _SHARE.fullmatch(text):
        return Quantity("share", Fraction(match[1]), _places(match[1]))
    if _NUMBER.fullmatch(text):
        return Quantity("number", Fraction(text), _places(text))
    if _DATE.fullmatch(text):
        try:
            return Quantity("date", Fraction(date.fromisoformat(text).toordinal() * _DAY_S))
        except ValueError:
            raise ValueError(f"{quoted(text)} does not exist: write year-month-day") from None
    return Quantity("duration", Fraction(parse_duration(text)))


def same_kind(low: Quantity, high: Quantity) -> tuple[Quantity, Quantity]:
    """Both with as many decimal places.

    Raises:
        ValueError: they measure different things.
    """
    if low.kind != high.kind:
        one, other = _KINDS[low.kind], _KINDS[high.kind]
        raise ValueError(f"{low.written()} is {one} and {high.written()} is {other}: write two of a kind")
    places = max(low.places, high.places)
    return replace(low, places=places), replace(high, places=places)


def step_of(text: str, low: Quantity) -> tuple[Quantity, Fraction]:
    """`low` with as many decimal places as the step needs, and the amount of the step.

    Raises:
        ValueError: it does not suit `low`, or is zero.
    """
    step = parse_quantity(text)
    wanted = "duration" if low.kind == "date" else low.kind
    if step.kind != wanted:
        such = f"{_KINDS[wanted]}, such as step {_STEPS[wanted]}"
        raise ValueError(f"the step {quoted(text)} is {_KINDS[step.kind]}: write {such}")
    if step.amount <= 0:
        raise ValueError(f"the step {quoted(text)} leads nowhere: write one above zero")
    if low.kind == "date" and step.amount % _DAY_S:
        raise ValueError(f"the step {quoted(text)} is not a number of days: write one such as 7d")
    return replace(low, places=max(low.places, step.places)), step.amount


_STEPS: Final = {"number": "10", "share": "1%", "duration": "1d"}


def _places(text: str) -> int:
    return len(text.partition(".")[2])
