"""The bound of a guarantee as written, by the unit of its measure (model 8)."""

from __future__ import annotations

import math
import re
from typing import Final

from sim.results.measures import MEASURES, Measure
from sim.scenario.problems import quoted
from sim.scenario.values import duration_of, kind_of, parse_share

_COUNTED_IN: Final = {"days": "days", "hours": "hours"}


def parse_threshold(value: object, *, measure: str | None) -> float:
    """The bound of a guarantee: a share in [0, 1], seconds, or a plain number, by its measure.

    Raises:
        ValueError: it does not fit the measure; the message says what to write instead. Where the measure
            itself is wrong (None), any bound is taken.
    """
    known = MEASURES.get(measure or "")
    if known is None:
        return 0.0
    match known.unit:
        case "share":
            if isinstance(value, str | int | float):
                return parse_share(value)
            raise ValueError(f"{kind_of(value)} is not a share: write a share such as 99.9% or 0.999")
        case "duration":
            return float(duration_of(value))
        case _:
            return _number(value, measure or "", known)


def _number(value: object, name: str, measure: Measure) -> float:
    unit = _COUNTED_IN.get(measure.unit, "devices or times")
    if isinstance(value, int | float) and not isinstance(value, bool):
        if math.isfinite(value) and value >= 0:
            return float(value)
        raise ValueError(f"{value:g} is not possible: write a number of at least 0")
    if isinstance(value, str):
        if re.fullmatch(r"[0-9.]+ ?%", value.strip()):
            instead = measure.as_share
            mend = f"for a share, bound {instead}" if instead else "write a plain number"
            raise ValueError(f"{name} is counted in {unit}, not in per cent: {mend}")
        if re.fullmatch(r"[0-9]+(\.[0-9]+)?", value.strip()):
            raise ValueError(f"{quoted(value)} is a text: write {value.strip()}, without quotes")
    raise ValueError(
        f"{kind_of(value)} is not a number: {name} is counted in {unit}, so write a plain number"
    )
