"""The probability that a device does not synchronize before the switch, from two grids (model 13)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from sim.probabilities.grid import Floats, Grid, Habit, Start, Stretch

MOST_WORK: Final = 400_000_000
"""A measure of the work of a grid: about a tenth of a second."""
MOST_AT_ONCE: Final = 4_000_000
"""Numbers that are kept of the habits that are solved together."""
CELLS: Final = (32, 16, 8, 4, 2)
"""Cells in a period; the coarse grid has half as many."""
CELLS_OF_HOURS: Final = (48, 32, 24, 16, 12, 8, 6, 4, 2)
"""The same, if one of them fits hours and holidays better."""


@dataclass(frozen=True, eq=False)
class Chance:
    """Probabilities of no synchronization before the switch, by the phase of the schedule.

    Attributes:
        by_phase: shape (cells,), of the phases whose attempts are due (place + 1/2) / cells of a period
            before the switch.
        error: what one grid and the other differ by, at most.
    """

    by_phase: Floats
    error: float

    @property
    def mean(self) -> float:
        """Over a phase that is uniform in the period."""
        return float(self.by_phase.mean())

    def at(self, share: float) -> float:
        """Of a phase whose attempts are due `share` of a period before the switch, 0 to 1; interpolated."""
        cells = len(self.by_phase)
        place = (share * cells - 0.5) % cells
        below = int(place)
        part = place - below
        return float((1 - part) * self.by_phase[below % cells] + part * self.by_phase[(below + 1) % cells])


def chances(
    habits: Sequence[Habit],
    starts: Sequence[Start],
    usable: Sequence[Stretch],
    masks: Sequence[Stretch] = (),
    *,
    fine: bool = True,
) -> list[list[Chance]]:
    """The probability of each start to be without a synchronization that counts until the switch.

    Args:
        habits: how devices live, with one schedule; solved together.
        starts: what is known, and when.
        usable: stretches (from, to) in seconds before the switch, from > to; a synchronization in one counts.
        masks: stretches in which they are off whatever their spells say, apart (model 12.1, 12.2).
        fine: on the finest grid that a tenth of a second allows; else in a quarter of the time.

    Returns:
        for each habit one chance for each start.

    Raises:
        ValueError: the period is too short against what remains for any grid.
    """
    every_s = habits[0].every_s
    periods = max(start.remaining_s for start in starts) / every_s
    possible = [
        cells for cells in (CELLS_OF_HOURS if masks else CELLS) if cells**3 * periods**2 <= MOST_WORK
    ] or [2]
    if possible[0] ** 3 * periods**2 > 4 * MOST_WORK:
        raise ValueError(
            f"{periods:,.0f} periods until the switch are too many for a probability without simulation"
        )
    possible = possible if fine else [each for each in possible if 2 * each <= possible[0]] or [2]
    cells = next((each for each in possible if _lie_alike(masks, 2 * every_s / each)), possible[0])
    at_once = max(1, int(MOST_AT_ONCE // (periods * cells**2)))
    found = []
    for first in range(0, len(habits), at_once):
        some = habits[first : first + at_once]
        coarse, finest = (_on_grid(some, starts, usable, masks, each) for each in (cells // 2, cells))
        for rough, better in zip(coarse, finest, strict=True):
            found.append([_extrapolated(*pair) for pair in zip(rough, better, strict=True)])
    return found


def _extrapolated(rough: Floats, better: Floats) -> Chance:
    difference = float(better.mean() - rough.mean())
    return Chance(np.clip(better + difference / 3, 0.0, 1.0), abs(difference))


def _lie_alike(masks: Sequence[Stretch], step_s: float) -> bool:
    """Whether all edges lie equally far from the points of a grid."""
    return len({round(edge_s % step_s, 3) for mask in masks for edge_s in mask}) <= 1


def _shifts(masks: Sequence[Stretch], step_s: float) -> list[tuple[float, float]]:
    """By how many seconds masks move to lie on the grid, with the weight of each: one or two."""
    over_s = round(masks[0][0] % step_s, 3) if masks and _lie_alike(masks, step_s) else 0.0
    both = [(-over_s, 1 - over_s / step_s), (step_s - over_s, over_s / step_s)]
    return both if over_s else both[:1]


def _on_grid(
    habits: Sequence[Habit],
    starts: Sequence[Start],
    usable: Sequence[Stretch],
    masks: Sequence[Stretch],
    cells: int,
) -> list[list[Floats]]:
    """`chances` on one grid; for each habit and start an array of shape (cells,)."""
    step_s = habits[0].every_s / cells
    found = [[np.zeros(cells) for _ in starts] for _ in habits]
    for shift_s, weight in _shifts(masks, step_s):
        edges = [tuple(round((edge_s + shift_s) / step_s) for edge_s in mask) for mask in masks]
        for sums, values in zip(found, Grid(habits, starts, usable, edges, cells).solve(), strict=True):
            for total, value in zip(sums, values, strict=True):
                total += weight * value
    return found
