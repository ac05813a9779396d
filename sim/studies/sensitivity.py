"""How much of a measure's variance each drawn key explains: Sobol indices with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.results.measures import MEASURES, NUMBERS
from sim.studies.design import Design, SamplingError, titles
from sim.summary import Column, Summary, Table

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

CONFIDENCE: Final = 0.95
_RESAMPLES: Final = 1000


@dataclass(frozen=True, slots=True)
class Index:
    """Of one key; None where the measure never moves.

    Attributes:
        key: dotted.
        first: share of the variance that the key explains by itself; with its 95 % interval.
        total: share that it has a part in, alone or with others; with its 95 % interval.
    """

    key: str
    first: float | None
    first_low: float | None
    first_high: float | None
    total: float | None
    total_low: float | None
    total_high: float | None


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """The indices of a measure, one for each drawn key, in their order."""

    measure: str
    samples: int
    indices: tuple[Index, ...]

    @property
    def table(self) -> pd.DataFrame:
        """One row a key."""
        import pandas as pd

        return pd.DataFrame(self._rows())

    def to_json(self) -> dict[str, Any]:
        """As in the document of `reissue sweep --sensitivity --json`."""
        return {
            "measure": self.measure,
            "samples": self.samples,
            "confidence": CONFIDENCE,
            "indices": self._rows(),
        }

    def summary(self) -> Summary:
        """The share of the variance that each key explains, the most important key in the answer."""
        title = f"Share of the variance of {self.measure} (95 % intervals)"
        if any(index.first is None for index in self.indices):
            return Summary(title, f"{self.measure} is the same at every point: there is nothing to explain.")
        names = titles([index.key for index in self.indices])
        rows = tuple(
            (
                name,
                f"{index.first:.2f}",
                f"{index.first_low:.2f} to {index.first_high:.2f}",
                f"{index.total:.2f}",
                f"{index.total_low:.2f} to {index.total_high:.2f}",
            )
            for name, index in zip(names, self.indices, strict=True)
        )
        heads = ("by itself", "", "with others", "")
        columns = (Column(""), *(Column(head, "number") for head in heads))
        most = max(rows, key=lambda row: float(row[3]))[0]
        return Summary(title, f"{most} matters most to {self.measure}.", (Table(columns, rows),))

    def _rows(self) -> list[dict[str, Any]]:
        return [{name: getattr(index, name) for name in Index.__slots__} for index in self.indices]


def check_measure(measure: str) -> None:
    """Refuse what is no measure, or may have no value.

    Raises:
        SamplingError: see above.
    """
    known = [name for name in NUMBERS if MEASURES[name].nothing is None]
    if measure not in known:
        raise SamplingError(f"there is no measure {measure!r} to explain: choose {', '.join(known)}")


def sensitivity_of(design: Design, rows: Sequence[Mapping[str, Any]], measure: str) -> Sensitivity:
    """The indices of a measure.

    Args:
        design: points that were sampled for it.
        rows: for each point the measures by name.
        measure: what is explained.

    Raises:
        SamplingError: the points were sampled otherwise, or there is no such measure.
    """
    check_measure(measure)
    if design.sampling != "sobol" or design.samples is None:
        raise SamplingError("a sensitivity needs a sweep that was sampled for it: sampling='sobol'")
    values = np.array([row[measure] for row in rows], dtype=np.float64)
    if np.ptp(values) == 0.0:
        nothing = (None,) * 6
        return Sensitivity(measure, design.samples, tuple(Index(key, *nothing) for key in design.drawn))
    first, total = (column.tolist() for column in indices_of(values, design.samples, seed=design.seed))
    return Sensitivity(
        measure,
        design.samples,
        tuple(
            Index(key, one, one - half, one + half, every, every - both, every + both)
            for key, (one, half), (every, both) in zip(design.drawn, first, total, strict=True)
        ),
    )


def indices_of(values: Floats, samples: int, *, seed: int) -> tuple[Floats, Floats]:
    """First-order and total indices with the half widths of their intervals, each of shape (keys, 2).

    The estimators of Saltelli and others 2010 (Table 2 b and f), and normal intervals from a bootstrap.

    Args:
        values: of a measure at the points of `sampling.shares`.
        samples: of these points.
        seed: of the bootstrap.
    """
    from scipy.special import ndtri

    rows = ((values - values.mean()) / values.std()).reshape(samples, -1)
    again = np.random.default_rng(seed % 2**32).integers(samples, size=(samples, _RESAMPLES))
    resampled = [_indices(rows[which]) for which in again.T]
    half = float(ndtri(0.5 + CONFIDENCE / 2)) * np.std(resampled, axis=0, ddof=1)
    first, total = np.stack([_indices(rows), half], axis=-1)
    return first, total


def _indices(rows: Floats) -> Floats:
    """Both kinds of indices, shape (2, keys); 0 where nothing varies."""
    one, mixed, other = rows[:, :1], rows[:, 1:-1], rows[:, -1:]
    variance = float(np.var(np.concatenate([one, other])))
    if variance <= np.finfo(np.float64).eps:
        return np.zeros((2, mixed.shape[1]))
    return (
        np.stack([(other * (mixed - one)).mean(axis=0), (0.5 * (one - mixed) ** 2).mean(axis=0)]) / variance
    )
