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
Stretch = tuple[int, int]
Stretches = tuple[Stretch, ...]

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


class Grid:
    """One grid, from the switch backwards, for all habits at once.

    `on` and `off` hold what comes after a spell that ends at a point, seen from the point that is reached;
    shape (habits, missed, pending or made, phases, points). `missed` tells whether an attempt was missed
    since the device went off: of an absence, or of a mask that covers it. From farther off than two periods
    all of these are in one proportion: one number a point is kept, and the sums over such points are computed
    for a whole chunk of points. Column 0 is the point of the switch, as if nothing changed up to it; of `on`,
    columns 1 and 2 hold the proportions, from the beginning of the chunk and from two periods before its end.
    """

    def __init__(
        self,
        habits: Sequence[Habit],
        starts: Sequence[Start],
        usable: Sequence[Stretch],
        masks: Sequence[tuple[int, ...]],
        cells: int,
    ) -> None:
        self.habits, self.starts, self.cells = habits, starts, cells
        self.masks = [(begin, end) for begin, end in masks if begin > end]
        self.step_s = step_s = habits[0].every_s / cells
        # A start of devices that have lived before lies between two points; the others begin with a spell.
        self.places = [start.remaining_s / step_s for start in starts]
        self.points = points = max(map(math.floor, self.places)) + 1
        late = round(habits[0].jitter_s / step_s)
        self.hazard, flags = _hazards(late)[:, None], 1 + (late > 0)
        self.made = flags - 1
        success = np.array([[habit.success] for habit in habits])
        self.share = _share_of_cells(usable, points + 1, step_s)
        self.is_masked = np.zeros(points + 1, dtype=np.bool_)
        for begin, end in self.masks:
            self.is_masked[max(end, 0) : max(begin, 0)] = True
        self.fails = 1.0 - success * self.share
        self.catching = success * np.array([[habit.catch_up] for habit in habits])
        self.chunk = chunk = chunk_of(cells)
        self.lengths_on = np.stack([_lumps(h.spells.on, points + 2 * chunk, step_s) for h in habits])
        self.lengths_off = np.stack([_lumps(h.spells.off, points + 2 * chunk, step_s) for h in habits])
        # When a spell ends within half a step of the switch, only a return from an absence still matters.
        whole_s = step_s * np.arange(points + 1, dtype=np.float64)
        half_s = np.clip(whole_s - step_s / 2, 0.0, None)
        self.outlasts_on = np.stack([h.spells.on.survival(half_s) for h in habits])
        self.outlasts_off = np.stack([h.spells.off.survival(whole_s) for h in habits])
        self.ends_late = np.stack([h.spells.off.survival(half_s) for h in habits]) - self.outlasts_off
        self.on = np.ones((len(habits), 1 + bool(self.masks), flags, cells, 3 + 2 * chunk))
        self.off = np.ones((len(habits), 2, flags, cells, 1 + 2 * chunk))
        self.near = 1  # the first point that is near
        self.far_on = _Far(self.lengths_on, cells, chunk)
        self.far_off = _Far(self.lengths_off, cells, chunk)

    def solve(self) -> list[list[Floats]]:
        """For each habit and start an array of shape (cells,)."""
        ends, begins = ({mask[edge] for mask in self.masks} for edge in (1, 0))
        found: list[list[Floats]] = [[np.zeros(self.cells)] * len(self.starts) for _ in self.habits]
        wanted: dict[int, list[int]] = {}
        for number, (start, place) in enumerate(zip(self.starts, self.places, strict=True)):
            for point in range(math.floor(place), math.floor(place) + (2 if start.since_s else 1)):
                wanted.setdefault(point, []).append(number)
        met = _Stationary(self) if any(start.since_s for start in self.starts) else None
        self.off[:, 1, :, :, 0] = 1.0 - (self.catching * self.share[0])[:, :, None]
        if self.is_masked[0]:
            self.off[:, 1, :, :, 0] = 1.0
        from_on, from_off = self.far_on.sums(), self.far_off.sums()
        for point in range(self.points + 1):
            if point:
                self._pass_attempts(point)
                place = (point - 1) % self.chunk
                if place == 0 and point > self.chunk + 1:
                    self._forget()
                    from_on, from_off = self.far_on.sums(), self.far_off.sums()
                if place == self.chunk - 2 * self.cells:
                    self.on[..., 2] = 1.0
                alpha = self._from_near(self.on, self.lengths_on, 3, point)
                alpha += self.on[..., 1] * from_on[:, None, None, :, place]
                alpha += self.on[..., 0] * self.outlasts_on[:, point, None, None, None]
                beta = self._from_near(self.off, self.lengths_off, 1, point)
                beta += from_off[:, None, None, :, place]
                beta += self.off[..., 0] * self.ends_late[:, point, None, None, None]
                beta += self.outlasts_off[:, point, None, None, None]
                self._add(point, alpha, beta, point in ends, point in begins)
            for number in wanted.get(point, ()):
                start = self.starts[number]
                for row, habit in enumerate(self.habits):
                    seen = self._seen(row, point)
                    if met is not None and start.since_s:
                        value = met.value(row, point, start.since_s / self.step_s, *seen)
                        nearness = 1 - abs(self.places[number] - point)
                        found[row][number] = found[row][number] + nearness * value
                    else:
                        found[row][number] = _met(habit, start, point, self.step_s, *seen)
        return found

    def _pass_attempts(self, point: int) -> None:
        """Move from the point before to this one: attempts may be due between them."""
        kept = point - self.near
        on, off = self.on[..., : 3 + kept], self.off[..., : 1 + kept]
        phases = (point - 1 + np.arange(len(self.hazard))) % self.cells
        if len(phases) == 1:
            phases = slice(phases[0], phases[0] + 1)  # type: ignore[assignment]
        due, not_due = self.hazard, 1.0 - self.hazard
        off[:, :, 0, phases] = due * off[:, 1:, self.made, phases] + not_due * off[:, :, 0, phases]
        if self.is_masked[point - 1]:
            on[:, :, 0, phases] = due * on[:, 1:, self.made, phases] + not_due * on[:, :, 0, phases]
        else:
            fails = self.fails[:, point - 1, None, None, None]
            on[:, :, 0, phases] = due * fails * on[:, :, self.made, phases] + not_due * on[:, :, 0, phases]
        if self.made:
            on[:, :, 1, (point - 1) % self.cells] = on[:, :, 0, (point - 1) % self.cells]
            off[:, :, 1, (point - 1) % self.cells] = off[:, :, 0, (point - 1) % self.cells]

    def _from_near(self, seen: Floats, lengths: Floats, column: int, point: int) -> Floats:
        """The sum over lengths of a spell that begins at a point and ends at a near one."""
        n = point - self.near
        rows = seen.reshape(len(seen), -1, seen.shape[-1])[:, :, column : column + n]
        total: Floats = (rows @ lengths[:, n:0:-1, None]).reshape(seen.shape[:-1])
        return total

    def _add(self, point: int, alpha: Floats, beta: Floats, is_end: bool, is_begin: bool) -> None:
        """What comes after a spell that ends at this point; and enter a mask that ends here."""
        lon0, loff0 = (each[:, 0, None, None, None] for each in (self.lengths_on, self.lengths_off))
        on = (alpha + lon0 * beta[:, : alpha.shape[1]]) / (1.0 - lon0 * loff0)
        off = beta[:, : alpha.shape[1]] + loff0 * on
        fails_to_catch_up = 1.0 - self.catching[:, :, None] * (self.share[point - 1] + self.share[point]) / 2
        on_column, off_column = 3 + point - self.near, 1 + point - self.near
        returned = fails_to_catch_up * on[:, 0]
        if is_begin:
            returned = (returned + on[:, 1]) / 2
        elif self.is_masked[point - 1]:
            returned = on[:, 1]
        if is_end:
            never_on = beta[:, 1] + loff0[:, 0] * returned
            off[:, 1] = (fails_to_catch_up * off[:, 0] + never_on) / 2
            self.on[:, 1, ..., :on_column] = fails_to_catch_up[..., None] * self.on[:, 0, ..., :on_column]
        self.on[..., on_column] = off
        self.off[:, 0, ..., off_column], self.off[:, 1, ..., off_column] = on[:, 0], returned

    def _forget(self) -> None:
        """The chunk before the last becomes far."""
        chunk = self.chunk
        self.far_on.add(self.on[:, 0, self.made, :, 3 : 3 + chunk], self.on[:, 0, self.made, :, 1])
        self.far_off.add(self.off[:, 1, self.made, :, 1 : 1 + chunk])
        self.on[..., 3 : 3 + chunk] = self.on[..., 3 + chunk :]
        self.off[..., 1 : 1 + chunk] = self.off[..., 1 + chunk :]
        most = self.on[:, :1, self.made :, :, 2]
        self.on[..., 1] = np.where(most > 0.0, self.on[..., 2] / np.where(most > 0.0, most, 1.0), 1.0)
        self.near += chunk

    def _seen(self, row: int, point: int) -> tuple[Floats, Floats]:
        """`on` and `off` from the point to the switch; of what ends here, only what comes counts."""
        kept = point - self.near + 1
        on, off = self.on[row], self.off[row]
        far_on, far_off = (
            far.values[row, :, : self.near - 1][:, ::-1] for far in (self.far_on, self.far_off)
        )
        far_on = on[..., 1, None] * far_on
        far_off = np.broadcast_to(far_off, (*off.shape[:-1], self.near - 1))
        seen_on = np.concatenate([on[..., 2 + kept : 2 : -1], far_on, on[..., :1]], axis=-1)
        seen_off = np.concatenate([off[..., kept:0:-1], far_off, off[..., :1]], axis=-1)
        if point and not self.is_masked[point - 1]:
            seen_off[1, ..., 0] = (1.0 - self.catching[row] * self.share[point - 1]) * seen_off[0, ..., 0]
        return seen_on, seen_off


class _Far:
    """Sums over lengths of spells that end at far points, by transforms of chunks (overlap-save).

    Args:
        lengths: the probability of each length in steps, shape (habits, points and two chunks).
    """

    def __init__(self, lengths: Floats, cells: int, chunk: int) -> None:
        self._chunk, self._shape = chunk, (len(lengths), cells, chunk)
        windows = np.lib.stride_tricks.sliding_window_view(lengths, 2 * chunk, axis=1)[:, ::chunk]
        self._kernels = np.fft.rfft(windows)
        chunks = windows.shape[1]
        self._transforms = np.zeros((len(lengths), cells, chunks, chunk + 1), dtype=np.complex128)
        self._highest = np.zeros(chunks)
        self._first = self._last = 0  # chunks that matter
        self.values = np.zeros((len(lengths), cells, chunks * chunk))
        """Of point 1, 2, ..."""

    def add(self, values: Floats, scale: Floats | None = None) -> None:
        """One more chunk is far; all before fall by a factor."""
        first, last = self._first, self._last
        if scale is not None:
            self._transforms[:, :, first:last] *= scale[..., None, None]
            self.values[:, :, first * self._chunk : last * self._chunk] *= scale[..., None]
            self._highest[first:last] *= scale.max()
        self._transforms[:, :, last] = np.fft.rfft(values, 2 * self._chunk)
        self.values[:, :, last * self._chunk : (last + 1) * self._chunk] = values
        self._highest[last] = values.max()
        self._last += 1
        while self._first < self._last and self._highest[self._first] <= NEGLIGIBLE:
            self._first += 1
        self.values[:, :, first * self._chunk : self._first * self._chunk] = 0.0

    def sums(self) -> Floats:
        """For the chunk after the next, the sum at each point; shape (habits, cells, chunk)."""
        first, last = self._first, self._last
        if first == last:
            return np.zeros(self._shape)
        kernels = self._kernels[:, last - first : 0 : -1]
        together = np.einsum("pcbf,pbf->pcf", self._transforms[:, :, first:last], kernels)
        return np.clip(np.fft.irfft(together)[..., self._chunk :], 0.0, None)


class _Stationary:
    """Devices met in equilibrium that made attempts before, none of which counted, from any point.

    A device that is off has missed an attempt if its absence is older than the last one. P(older than d, and
    not over within r) = R(d + r), R being the equilibrium residual. Nothing masks them.
    """

    def __init__(self, grid: Grid) -> None:
        self._cells = grid.cells
        self._lateness = _lateness(len(grid.hazard) - 1)
        halves_s = grid.step_s / 2 * np.arange(2 * (grid.points + 2 * grid.cells) + 2, dtype=np.float64)
        self._spells = [habit.spells for habit in grid.habits]
        self._left = [[residual_survival(law, halves_s) for law in (s.on, s.off)] for s in self._spells]

    def value(self, row: int, point: int, since: float, seen_on: Floats, seen_off: Floats) -> Floats:
        """The probability of a habit by phase, shape (cells,), after so many steps of attempts."""
        on_share, (left_on, left_off) = self._spells[row].on_share, self._left[row]
        ends = np.concatenate([[0], np.arange(1, 2 * point, 2), [2 * point]])  # in half steps
        begins_on = _followed(left_on[ends], seen_on, seen_on[..., -1])
        fresh = _followed(left_off[ends], seen_off[0], 1.0)
        later = seen_off[1] - seen_off[0]
        values = np.zeros(self._cells)
        for phase in range(self._cells):
            due = (phase - point) % self._cells  # whole steps since the last attempt was due; and half a one
            for flag, share, ages in self._ages(due, since):
                flag = min(flag, len(fresh) - 1)
                on, off = share * begins_on[0, flag, phase], share * fresh[flag, phase]
                if ages:
                    older = sum(weight * left_off[ends + age] for age, weight in ages)
                    off -= later[flag, phase] @ np.diff(older)
                values[phase] += on_share * on + (1 - on_share) * off
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


def _met(habit: Habit, start: Start, point: int, step_s: float, seen_on: Floats, seen_off: Floats) -> Floats:
    """The probability of a start, by phase; shape (cells,)."""
    # What remains at the start beyond the point is part of the first spell.
    over_s = start.remaining_s - point * step_s
    edges_s = np.concatenate([[0.0], over_s + step_s * (np.arange(point) + 0.5), [start.remaining_s]])
    on, off = habit.spells.on, habit.spells.off
    if start.state == "silent":
        if start.silent_for_s is None:
            left = residual_survival(off, edges_s)
        else:
            left = off.survival(start.silent_for_s + edges_s)
            if left[0] <= 0.0:
                return np.ones(seen_on.shape[-2])
            left = left / left[0]
        return _followed(left, seen_off[1, -1], 1.0)
    begins_on = _followed(residual_survival(on, edges_s), seen_on[0, -1], seen_on[0, -1, :, -1])
    if start.state == "on":
        return begins_on
    share = habit.spells.on_share
    return share * begins_on + (1 - share) * _followed(residual_survival(off, edges_s), seen_off[0, -1], 1.0)


def _followed(left: Floats, seen: Floats, unchanged: Floats | float) -> Floats:
    """The mean over what remains of a spell: of what comes after, or of what is if it outlasts the switch."""
    total: Floats = seen @ (left[:-1] - left[1:]) + unchanged * left[-1]
    return total


def chunk_of(cells: int) -> int:
    """Points whose sums over what is far are computed together: two periods at least."""
    return max(2 * cells, 32)


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


def _share_of_cells(usable: Sequence[Stretch], cells: int, step_s: float) -> Floats:
    """The share of each cell of the grid, nearest to the switch first, that lies in the stretches."""
    edges_s = step_s * np.arange(cells + 1)
    covered = np.zeros(cells)
    for from_s, to_s in usable:
        covered += np.diff(np.clip(edges_s, to_s, from_s))
    return np.clip(covered / step_s, 0.0, 1.0)


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
