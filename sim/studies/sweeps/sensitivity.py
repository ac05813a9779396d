"""How much of a measure's variance each drawn key explains: Sobol indices with intervals, by SALib."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sim.results.measures import MEASURES, NUMBERS
from sim.studies.sweeps.sampling import SamplingError, unit_cube

if TYPE_CHECKING:
    import pandas as pd

    from sim.studies.sweeps.sweep import Sweep

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


def sensitivity_of(sweep: Sweep, measure: str) -> Sensitivity:
    """The indices of a measure; see `Sweep.sensitivity`."""
    check_measure(measure)
    design = sweep.design
    if design.sampling != "sobol" or design.samples is None:
        raise SamplingError("a sensitivity needs a sweep that was sampled for it: sampling='sobol'")
    values = np.array([row[measure] for row in sweep.rows], dtype=np.float64)
    if np.ptp(values) == 0.0:
        nothing = (None,) * 6
        return Sensitivity(measure, design.samples, tuple(Index(key, *nothing) for key in design.drawn))
    from SALib.analyze import sobol

    found = sobol.analyze(
        unit_cube(len(design.drawn)),
        values,
        calc_second_order=False,
        num_resamples=_RESAMPLES,
        conf_level=CONFIDENCE,
        seed=design.seed % 2**32,
    )
    columns = (found["S1"], found["S1_conf"], found["ST"], found["ST_conf"])
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return Sensitivity(
        measure,
        design.samples,
        tuple(
            Index(key, first, first - half, first + half, total, total - both, total + both)
            for key, (first, half, total, both) in zip(design.drawn, rows, strict=True)
        ),
    )
