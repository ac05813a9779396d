"""The probability that a device does not synchronize before the switch, from two grids (model 13)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from sim.probabilities.grid import Grid, Habit, Start
from sim.probabilities.stretches import Floats, Stretch

MOST_WORK: Final = 400_000_000
"""A measure of the work of a grid: about a tenth of a second."""
MOST_POINTS: Final = 8_000
"""Points and phases of a grid with more than 32 cells in a period: each takes steps of the interpreter."""
MOST_AT_ONCE: Final = 4_000_000
"""Numbers that are kept of the habits that are solved together."""
CELLS: Final = (128, 96, 64, 48, 32, 24, 16, 12, 8, 6, 4, 2)
"""Cells in a period; the coarse grid has half as many."""


@dataclass(frozen=True, eq=False)
class Chance:
    """Probabilities of no synchronization before the switch, by the phase of the schedule.

    Attributes:
        by_phase: shape (phases,).
        places: of each phase, how long before the switch its attempts are due, as a share of a period.
        mean: over all phases.
        error: what one grid and the other differ by, at most.
    """

    by_phase: Floats
    places: Floats
    mean: float
    error: float

    def at(self, share: float) -> float:
        """Of a phase whose attempts are due `share` of a period before the switch, 0 to 1; interpolated."""
        return float(np.interp(share, self.places, self.by_phase, period=1.0))


def chances(
    habits: Sequence[Habit],
    starts: Sequence[Start],
    usable: Sequence[Stretch],
    masks: Sequence[Stretch] = (),
    phase_s: int | None = None,
    *,
    fine: bool = True,
) -> list[list[Chance]]:
    """The probability of each start to be without a synchronization that counts until the switch.

    Args:
        habits: how devices live, with one schedule; solved together.
        starts: what is known, and when.
        usable: stretches (from, to) in seconds before the switch, from > to; a synchronization in one counts.
        masks: stretches in which they are off whatever their spells say, apart (model 12.1, 12.2).
        phase_s: how long before the switch an attempt is due, if that is known; None: it is drawn.
        fine: on the finest grid that a tenth of a second allows; else in a quarter of the time.

    Returns:
        for each habit one chance for each start.

    Raises:
        ValueError: the period is too short against what remains for any grid.
    """
    periods = max(start.remaining_s for start in starts) / habits[0].every_s

    def work(cells: int) -> float:
        phases = cells if phase_s is None else 1
        is_long = cells > 32 and cells * periods * phases > MOST_POINTS
        return math.inf if is_long else phases * cells**2 * periods**2

    fit = [each for each in CELLS if masks or each.bit_count() == 1]
    possible = [each for each in fit if work(each) <= MOST_WORK] or [2]
    edges = np.array(masks).flatten()
    on_points = (each for each in possible if not (edges % (2 * habits[0].every_s / each)).any())
    cells = next(on_points, possible[0]) if masks else possible[0]
    if work(cells) > 4 * MOST_WORK:
        raise ValueError(
            f"{periods:,.0f} periods until the switch are too many for a probability without simulation"
        )
    cells = cells if fine else max(2, cells // 2)
    at_once = max(1, int(MOST_AT_ONCE // (periods * cells**2)))
    found = []
    for first in range(0, len(habits), at_once):
        some = habits[first : first + at_once]
        coarse, finest = (Grid(some, starts, usable, masks, each, phase_s) for each in (cells // 2, cells))
        places = (finest.phases + finest.middles - finest.beyond) / cells
        for rough, better in zip(coarse.solve(), finest.solve(), strict=True):
            of_starts = []
            for each, values in zip(rough, better, strict=True):
                means = np.average(each, weights=coarse.widths), np.average(values, weights=finest.widths)
                difference = float(means[1] - means[0])
                by_phase = np.clip(values + difference / 3, 0.0, 1.0)
                mean = float(np.average(by_phase, weights=finest.widths))
                of_starts.append(Chance(by_phase, places, mean, abs(difference)))
            found.append(of_starts)
    return found
