"""The probability that a device does not synchronize before the switch, by a renewal equation (model 13).

Time is counted backwards, by what remains until the switch. A grid has `cells` cells in each period of the
schedule. The phase of the schedule is the middle of a cell, so an attempt falls between two points of it.
Lengths of spells are rounded to the grid. The error falls with the square of the step, so two grids give a
better value and its error.

The schedule is *pending* if the attempt of a period, late by up to the jitter, is not yet made, and *made*
otherwise. Outside the stretch in which the jitter may place an attempt, both are the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from sim.world.distributions import Distribution
from sim.world.fleet import Spells

Floats = NDArray[np.float64]


def residual_survival(law: Distribution, at_s: Floats) -> Floats:
    """P(what remains of a spell met in equilibrium > t), at every t of `at_s` in seconds; the same shape.

    It is the integral of the survival function from t on, divided by the mean.
    """
    match law.kind:
        case "constant":
            return np.clip(1.0 - at_s / max(law.a, 1.0), 0.0, 1.0)
        case "exponential":
            return np.exp(-at_s / law.a)
        case "uniform":
            low, high = law.a, law.b
            below = np.clip(low - at_s, 0.0, None)
            if low == high:
                return below / law.mean_s
            within = np.clip(high - np.maximum(at_s, low), 0.0, None) ** 2 / (2.0 * (high - low))
            return (below + within) / law.mean_s
        case "lognormal":
            z = _standardized(law, at_s)
            if law.b == 0.0:
                return np.clip(1.0 - at_s / law.a, 0.0, 1.0)
            return np.clip(_normal_above(z - law.b) - at_s / law.mean_s * _normal_above(z), 0.0, 1.0)
        case "weibull":
            from scipy.special import gammaincc

            remaining: Floats = gammaincc(1.0 / law.b, (at_s / law.a) ** law.b)
            return remaining
        case "empirical":
            values = np.sort(np.maximum(np.array(law.values, dtype=np.float64), 1.0))
            above = np.concatenate([np.cumsum(values[::-1])[::-1], [0.0]])
            first = np.searchsorted(values, at_s, side="right")
            left: Floats = (above[first] - at_s * (len(values) - first)) / values.sum()
            return left
        case "still_away":
            instants, shares = law.points
            t, share = np.array([0.0, *instants]), np.array([1.0, *shares])
            pieces = np.diff(t) * (share[:-1] + share[1:]) / 2
            after = np.concatenate([np.cumsum(pieces[::-1])[::-1], [0.0]])
            piece = np.clip(np.searchsorted(t, at_s, side="right") - 1, 0, len(pieces) - 1)
            here = np.interp(at_s, t, share)
            ends = np.minimum(at_s, t[-1])
            over: Floats = (t[piece + 1] - ends) * (here + share[piece + 1]) / 2 + after[piece + 1]
            return over / law.mean_s
    raise ValueError(f"no survival function of {law.kind} is known here")


def _standardized(law: Distribution, at_s: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        deviations: Floats = np.log(at_s) - math.log(law.a)
        return deviations / law.b if law.b else np.where(deviations < 0, -np.inf, np.inf)


def _normal_above(z: Floats) -> Floats:
    from scipy.special import ndtr

    above: Floats = ndtr(-z)
    return above


MOST_WORK: Final = 400_000_000
"""Multiplications that a grid may take: about half a second."""
FINEST: Final = 32
"""Cells in a period at most."""
NEGLIGIBLE: Final = 1e-18
"""A weight below which what lies behind an attempt is not followed any more."""


@dataclass(frozen=True, slots=True)
class Habit:
    """How devices of one kind live: the schedule, and on and off in turn; durations in seconds."""

    every_s: int
    jitter_s: int
    success: float
    catch_up: bool
    spells: Spells


@dataclass(frozen=True, slots=True)
class Start:
    """What is known of a device `remaining_s` before the switch.

    Attributes:
        remaining_s: seconds until the switch.
        state: `equilibrium`; `on`, for as long as is usual in equilibrium; `silent`: off, an attempt missed.
        silent_for_s: of `silent`, how long its absence has lasted; None: met in equilibrium.
        since_s: of `equilibrium`, for how long before it has lived and made attempts, none of which counts.
    """

    remaining_s: int
    state: Literal["equilibrium", "on", "silent"] = "equilibrium"
    silent_for_s: int | None = None
    since_s: int = 0


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
    habit: Habit, starts: Sequence[Start], usable: Sequence[tuple[int, int]], *, fine: bool = True
) -> list[Chance]:
    """The probability of each start to be without a synchronization that counts until the switch.

    Args:
        habit: how the devices live.
        starts: what is known, and when.
        usable: stretches (from, to) in seconds before the switch, from > to; a synchronization in one counts.
        fine: on the finest grid that half a second allows; else in an eighth of the time.

    Raises:
        ValueError: the period is too short against what remains for any grid.
    """
    longest_s = max(start.remaining_s for start in starts)
    periods = longest_s / habit.every_s
    cells = FINEST
    while cells > 2 and cells**3 * periods**2 > MOST_WORK:
        cells //= 2
    if cells**3 * periods**2 > 4 * MOST_WORK:
        raise ValueError(
            f"{periods:,.0f} periods until the switch are too many for a probability without simulation"
        )
    cells = cells if fine else max(2, cells // 2)
    coarse, finest = (_on_grid(habit, starts, usable, each) for each in (cells // 2, cells))
    found = []
    for rough, better in zip(coarse, finest, strict=True):
        difference = float(better.mean() - rough.mean())
        by_phase = np.clip(better + difference / 3, 0.0, 1.0)
        found.append(Chance(by_phase, abs(difference)))
    return found


def _on_grid(
    habit: Habit, starts: Sequence[Start], usable: Sequence[tuple[int, int]], cells: int
) -> list[Floats]:
    """`chances` on one grid; for each start an array of shape (cells,)."""
    step_s = habit.every_s / cells
    # A start of devices that have lived before lies between two points; the others begin with a spell.
    places = [start.remaining_s / step_s for start in starts]
    last = [math.floor(place) for place in places]
    points = max(last) + 1
    wanted: dict[int, list[int]] = {}
    for n, start in enumerate(starts):
        for point in range(last[n], last[n] + (2 if start.since_s else 1)):
            wanted.setdefault(point, []).append(n)
    share = _share_of_cells(usable, points + 1, step_s)
    fails = 1.0 - habit.success * share
    on_point = np.concatenate([share[:1], (share[1:] + share[:-1]) / 2])
    catches = habit.success * on_point if habit.catch_up else np.zeros(points + 1)
    hazard = _hazards(round(habit.jitter_s / step_s))
    lengths_on, lengths_off = (_lumps(law, points, step_s) for law in (habit.spells.on, habit.spells.off))
    # When a spell ends within half a step of the switch, all that still matters is a return from an absence.
    middles_s = step_s * np.clip(np.arange(points + 1) - 0.5, 0.0, None)
    outlasts_on = habit.spells.on.survival(middles_s)
    outlasts_off = habit.spells.off.survival(step_s * np.arange(points + 1, dtype=np.float64))
    ends_late = habit.spells.off.survival(middles_s) - outlasts_off
    # What comes after a spell that ends at a point, seen from the point that is reached: by pending and made.
    after_on, after_off, after_missed = (np.ones((2, cells, points + 1)) for _ in range(3))
    stays = np.ones((2, cells))
    met = _Stationary(habit, cells, points, step_s) if any(start.since_s for start in starts) else None
    found: list[Floats] = [np.ones(cells)] * len(starts)
    first = 0
    after_missed[:, :, 0] = 1.0 - catches[0]
    both = 1.0 - lengths_on[0] * lengths_off[0]
    for point in range(points + 1):
        if point:
            _pass_attempts(
                point, cells, hazard, fails[point - 1], (after_on, after_off, after_missed), stays, first
            )
            while first < point - 1 and after_on[:, :, first].max() < NEGLIGIBLE:
                first += 1
            alpha = _follow(lengths_on, after_on, point, first) + outlasts_on[point] * stays
            beta = _follow(lengths_off, after_off, point, 0) + outlasts_off[point]
            beta += ends_late[point] * after_off[:, :, 0]
            on = (alpha + lengths_on[0] * beta) / both
            off = beta + lengths_off[0] * on
            after_on[:, :, point], after_off[:, :, point] = off, on
            after_missed[:, :, point] = (1.0 - catches[point]) * on
        if point not in wanted:
            continue
        catches_now = habit.catch_up * habit.success * share[max(point - 1, 0)]  # only what comes counts
        after_missed[:, :, point] = (1.0 - catches_now) * after_off[:, :, point]
        after = (after_on, after_off, after_missed)
        for n in wanted[point]:
            start = starts[n]
            if start.since_s:
                assert met is not None
                if weight := 1 - abs(places[n] - point):
                    before = 0.0 if last[n] == point else found[n]
                    found[n] = before + weight * met.value(point, start.since_s / step_s, after, stays)
            elif last[n] == point:
                found[n] = _met(habit, start, point, step_s, after, stays)
        after_missed[:, :, point] = (1.0 - catches[point]) * after_off[:, :, point]
    return found


class _Stationary:
    """Devices met in equilibrium that made attempts before, none of which counted, from any point.

    A device that is off has missed an attempt if its absence is older than the last one. P(older than d, and
    not over within r) = R(d + r), R being the equilibrium residual.

    Args:
        habit: how they live.
        cells, points, step_s: the grid.
    """

    def __init__(self, habit: Habit, cells: int, points: int, step_s: float) -> None:
        self._cells, self._on_share = cells, habit.spells.on_share
        self._lateness = _lateness(round(habit.jitter_s / step_s))
        halves_s = step_s / 2 * np.arange(2 * (points + 2 * cells) + 2, dtype=np.float64)
        self._on, self._off = (
            residual_survival(law, halves_s) for law in (habit.spells.on, habit.spells.off)
        )

    def value(self, point: int, since: float, after: tuple[Floats, ...], stays: Floats) -> Floats:
        """The probability by phase, shape (cells,), after so many steps of attempts."""
        after_on, after_off, after_missed = (each[:, :, point::-1] for each in after)
        ends = np.concatenate([[0], np.arange(1, 2 * point, 2), [2 * point]])  # in half steps
        begins_on = -(after_on @ np.diff(self._on[ends])) + self._on[2 * point] * stays
        fresh = -(after_off @ np.diff(self._off[ends])) + self._off[2 * point]
        values = np.zeros(self._cells)
        for phase in range(self._cells):
            due = (phase - point) % self._cells  # whole steps since the last attempt was due; and half a one
            for flag, share, ages in self._ages(due, since):
                off = share * fresh[flag, phase]
                if ages:
                    older = sum(weight * self._off[ends + age] for age, weight in ages)
                    off -= (after_missed[flag, phase] - after_off[flag, phase]) @ np.diff(older)
                values[phase] += self._on_share * share * begins_on[flag, phase] + (1 - self._on_share) * off
        return values

    def _ages(self, due: int, since: float) -> Iterator[tuple[int, float, list[tuple[int, float]]]]:
        """Of pending (0) and made (1): the probability, and half steps since the last attempt, weighted."""
        late = self._lateness
        if due + 0.5 > since:  # there was none yet
            yield 1, 1.0, []
            return
        made = [(2 * (due - n) + 1, float(weight)) for n, weight in enumerate(late[: due + 1])]
        yield 1, float(late[: due + 1].sum()), made
        if pending := float(late[due + 1 :].sum()):
            due += self._cells
            before = [(2 * (due - n) + 1, pending * float(weight)) for n, weight in enumerate(late)]
            yield 0, pending, before if due + 0.5 <= since else []


def _pass_attempts(
    point: int,
    cells: int,
    hazard: Floats,
    fails: float,
    after: tuple[NDArray[np.float64], ...],
    stays: Floats,
    first: int,
) -> None:
    """Move from the point before to this one: attempts may be due between them."""
    after_on, after_off, after_missed = after
    for late, chance in enumerate(hazard):
        phase = (point - 1 + late) % cells
        seen = after_on[:, phase, first:point]
        seen[0] = chance * fails * seen[1] + (1 - chance) * seen[0]
        stays[0, phase] = chance * fails * stays[1, phase] + (1 - chance) * stays[0, phase]
        missed = after_missed[:, phase, :point]
        fresh = after_off[:, phase, :point]
        fresh[0] = chance * missed[1] + (1 - chance) * fresh[0]
        missed[0] = chance * missed[1] + (1 - chance) * missed[0]
        if late == 0:
            for each in (seen, fresh, missed):
                each[1] = each[0]
            stays[1, phase] = stays[0, phase]


def _follow(lengths: Floats, after: Floats, point: int, first: int) -> Floats:
    """The sum over lengths of a spell that begins at a point and ends at a later one; shape (2, cells)."""
    begin = max(first, 1)
    if begin >= point:
        return np.zeros(after.shape[:2])
    followed: Floats = after[:, :, begin:point] @ lengths[point - begin : 0 : -1]
    return followed


def _met(
    habit: Habit,
    start: Start,
    point: int,
    step_s: float,
    after: tuple[NDArray[np.float64], ...],
    stays: Floats,
) -> Floats:
    """The probability of a start, by phase; shape (cells,)."""
    after_on, after_off, after_missed = after
    # What remains at the start beyond the point is part of the first spell.
    over_s = start.remaining_s - point * step_s
    edges_s = np.concatenate([[0.0], over_s + step_s * (np.arange(point) + 0.5), [start.remaining_s]])

    def followed(left: Floats, seen: Floats, unchanged: Floats | float) -> Floats:
        weights = left[:-1] - left[1:]
        total: Floats = seen[1, :, point::-1] @ weights + unchanged * left[-1]
        return total

    on, off = habit.spells.on, habit.spells.off
    if start.state == "silent":
        if start.silent_for_s is None:
            left = residual_survival(off, edges_s)
        else:
            left = off.survival(start.silent_for_s + edges_s)
            if left[0] <= 0.0:
                return np.ones(after_on.shape[1])
            left = left / left[0]
        return followed(left, after_missed, 1.0)
    begins_on = followed(residual_survival(on, edges_s), after_on, stays[1])
    if start.state == "on":
        return begins_on
    share = habit.spells.on_share
    return share * begins_on + (1 - share) * followed(residual_survival(off, edges_s), after_off, 1.0)


def _hazards(late: int) -> Floats:
    """The probability that a pending attempt is made in each cell of the jitter, the earliest first."""
    weights = _lateness(late)
    hazards: Floats = weights / np.cumsum(weights[::-1])[::-1]
    return hazards


def _lateness(late: int) -> Floats:
    """The probability of each cell of the jitter, the earliest first."""
    weights = np.full(late + 1, 1.0 / max(late, 1))
    if late:
        weights[[0, -1]] /= 2
    return weights


def _lumps(law: Distribution, points: int, step_s: float) -> Floats:
    """The probability of each length in steps, 0 to `points`."""
    edges_s = step_s * np.clip(np.arange(points + 2) - 0.5, 0.0, None)
    left = law.survival(edges_s)
    lumps: Floats = left[:-1] - left[1:]
    return lumps


def _share_of_cells(usable: Sequence[tuple[int, int]], cells: int, step_s: float) -> Floats:
    """The share of each cell of the grid, nearest to the switch first, that lies in the stretches."""
    edges_s = step_s * np.arange(cells + 1)
    covered = np.zeros(cells)
    for from_s, to_s in usable:
        covered += np.diff(np.clip(edges_s, to_s, from_s))
    return np.clip(covered / step_s, 0.0, 1.0)
