"""Quantities that can be counted from one to another: durations, shares, numbers, dates; exactly."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Final, Literal

from sim.scenario.durations import UNITS_S, format_duration, parse_duration
from sim.scenario.problems import quoted

_NUMBER: Final = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,18})?|\.[0-9]{1,18}")
_SHARE: Final = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,18})?)%")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DAY_S: Final = UNITS_S["d"]
_KINDS: Final = {"number": "a number", "share": "a share", "duration": "a duration", "date": "a date"}


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

    def towards(self, high: Quantity, share: float) -> object:
        """As the language writes the quantity at a share of the way; whole where durations and counts are."""
        span = high.amount - self.amount
        at = Fraction(share)
        match self.kind:
            case "duration":
                return self.moved(Fraction(round(span * at)))
            case "date":
                return self.moved(Fraction(math.floor((span / _DAY_S + 1) * at) * _DAY_S))
            case "number" if self.places == 0:
                return self.moved(Fraction(math.floor((span + 1) * at)))
        fine = replace(self, places=self.places + 4)  # a ten-thousandth of the last place that was written
        return fine.moved(Fraction(round(span * at * 10**fine.places), 10**fine.places))

    def written(self) -> object:
        """As the language writes it: a number as a number, anything else as text."""
        match self.kind:
            case "duration":
                return format_duration(int(self.amount))
            case "date":
                return date.fromordinal(int(self.amount) // _DAY_S).isoformat()
        exact = Decimal(self.amount.numerator) / Decimal(self.amount.denominator)
        text = f"{exact:.{self.places}f}"
        if self.kind == "share":
            return f"{text}%"
        return float(text) if self.places else int(text)


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
