"""Many replications in few numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

Row = dict[str, float | int | None]

CONFIDENCE: Final = 0.95
_QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)


def mean_of(rows: Sequence[Row]) -> dict[str, float | None]:
    """The mean of each measure over the replications that have it; None where none has."""
    if len(rows) == 1:
        return dict(rows[0])
    return {name: _mean(_present(rows, name)) for name in rows[0]}


def summary_of(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Per measure: n, mean, sd (n - 1), the 95 % Student interval of the mean, extremes and quantiles."""
    return {name: _summary(_present(rows, name)) for name in rows[0]}


def _summary(values: list[float]) -> dict[str, Any]:
    n = len(values)
    if n == 0:
        nothing = dict.fromkeys(("mean", "sd", "low", "high", "min", "max"))
        return {"n": 0, **nothing, "quantiles": {}}
    mean = math.fsum(values) / n
    sd = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1)) if n > 1 else None
    half = None
    if sd is not None:
        from scipy.special import stdtrit

        half = float(stdtrit(n - 1, 0.5 + CONFIDENCE / 2)) * sd / math.sqrt(n)
    ordered = sorted(values)
    return {
        "n": n,
        "mean": mean,
        "sd": sd,
        "low": None if half is None else mean - half,
        "high": None if half is None else mean + half,
        "min": ordered[0],
        "max": ordered[-1],
        "quantiles": {f"{q:g}": ordered[max(0, math.ceil(q * n) - 1)] for q in _QUANTILES},
    }


def _present(rows: Sequence[Row], name: str) -> list[float]:
    return [float(value) for row in rows if (value := row[name]) is not None]


def _mean(values: list[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None
