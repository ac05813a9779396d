"""The probability that a device does not synchronize before the switch, by a renewal equation (model 13).

Time is counted backwards, by what remains until the switch. A grid has `cells` cells in each period of the
schedule. The phase of the schedule is the middle of a cell, so an attempt falls between two points of it:
of a phase that is drawn, anywhere in the cell; of one that is known, exactly in the middle. Lengths of spells
are rounded to the grid. The error falls with the square of the step, so two grids give a better value and its
error.

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

from sim.probabilities.residuals import residual_survival
from sim.probabilities.stretches import Floats, Places, Stretch, share_within, without
from sim.world.distributions import Distribution
from sim.world.fleet import Spells

Rows = NDArray[np.int64] | slice
NEGLIGIBLE: Final = 1e-18
"""A weight below which what lies behind an attempt is not followed any more."""
SECOND: Final = 0.5
"""What an attempt takes of the second in which it is made, to see in which stretch that lies."""


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
    for a whole chunk of points. Column 0 is the point next to the switch, as if nothing changed up to it; of
    `on`, columns 1 and 2 hold the proportions, from the beginning of the chunk and from two periods before
    its end.

    Args:
        habits, starts, usable, masks: see `chances`.
        cells: in a period.
        phase_s: how long before the switch an attempt is due, if that is known; None: it is drawn.
    """

    def __init__(
        self,
        habits: Sequence[Habit],
        starts: Sequence[Start],
        usable: Sequence[Stretch],
        masks: Sequence[Stretch],
        cells: int,
        phase_s: int | None = None,
    ) -> None:
        self.habits, self.starts, self.cells = habits, starts, cells
        self.step_s = step_s = habits[0].every_s / cells
        self.tick = SECOND / step_s
        self.beyond = 0.0
        """By how many steps the first point lies behind the switch."""
        self.is_known = phase_s is not None
        if phase_s is not None:
            cell = math.ceil(phase_s / step_s - 0.5)
            self.beyond = cell + 0.5 - phase_s / step_s
            bounds = cell % cells + np.array([0.5 - self.tick, 0.5])
        else:
            if len({start.remaining_s for start in starts}) == 1:
                self.beyond = -next(iter(_instants(habits[0], starts[0]))) / step_s % 1.0
            edges_s = [at_s for each in (*usable, *masks) for at_s in each]
            edges_s += [start.remaining_s + start.since_s for start in starts]
            edges = {round(self._place(at_s) % cells, 6) for at_s in edges_s}
            bounds = np.unique([*range(cells + 1), *list(edges)[: 2 * cells]])
        self.phases, self.widths = np.floor(bounds[:-1]).astype(np.int64), np.diff(bounds)
        self.middles = bounds[:-1] + self.widths / 2 - self.phases
        """Each phase is due somewhere about a place in a cell: what widths lie around it."""
        self.found = [[np.zeros(len(self.phases)) for _ in starts] for _ in habits]
        self.wanted: dict[int, list[tuple[int, int, float, float]]] = {}
        """Of each point, the habits and starts that need it, their share in it, and what remains at them."""
        for row, number in np.ndindex(len(habits), len(starts)):
            start = starts[number]
            for remaining_s, chance in _instants(habits[row], start).items():
                if remaining_s <= 0.0:
                    self.found[row][number] += chance
                    continue
                is_back = remaining_s < start.remaining_s
                around = self._around(self._place(remaining_s), is_back and habits[row].catch_up)
                if start.state != "equilibrium" and not is_back:
                    around = {math.ceil(self._place(remaining_s) - self.tick): 1.0}
                for point, share in around.items():
                    self.wanted.setdefault(point, []).append((row, number, share * chance, remaining_s))
        self.points = points = max(self.wanted, default=0)
        self.success = np.array([[habit.success] for habit in habits])
        self.catching = self.success * np.array([[habit.catch_up] for habit in habits])
        self.fails_at_end = np.ones_like(self.catching)
        self._cover(usable, masks)
        self._schedule(habits[0].jitter_s / step_s)
        self.made = int(self.late.shape[1] > 1)
        self.chunk = chunk = chunk_of(cells)
        self.lengths_on = np.stack([_lumps(h.spells.on, points + 2 * chunk, step_s) for h in habits])
        self.lengths_off = np.stack([_lumps(h.spells.off, points + 2 * chunk, step_s) for h in habits])
        # When a spell ends within half a step of the switch, only a return from an absence still matters.
        whole_s = step_s * np.arange(points + 1, dtype=np.float64)
        half_s = np.clip(whole_s - step_s / 2, 0.0, None)
        self.outlasts_on = np.stack([h.spells.on.survival(half_s) for h in habits])
        self.outlasts_off = np.stack([h.spells.off.survival(whole_s) for h in habits])
        self.ends_late = np.stack([h.spells.off.survival(half_s) for h in habits]) - self.outlasts_off
        phases = len(self.phases)
        self.on = np.ones((len(habits), 1 + bool(masks), 1 + self.made, phases, 3 + 2 * chunk))
        self.off = np.ones((len(habits), 2, 1 + self.made, phases, 1 + 2 * chunk))
        self.near = 1  # the first point that is near
        self.far_on = _Far(self.lengths_on, phases, chunk)
        self.far_off = _Far(self.lengths_off, phases, chunk)

    def _place(self, before_s: float) -> float:
        """Where an instant lies, in steps from the first point."""
        return before_s / self.step_s + self.beyond

    def _around(self, place: float, is_after: bool) -> dict[int, float]:
        """The points between which a value at a place lies, with shares: all on one side of an attempt.

        Args:
            is_after: whether an attempt in that very second has been made.
        """
        point, over = math.floor(place), place % 1.0
        if self.is_known and not self.habits[0].jitter_s and (point - self.phases[0]) % self.cells == 0:
            if over > 0.5 + (self.tick if is_after else -self.tick):
                return {point + 1: 2.0 - over, point + 2: over - 1.0}
            return {point: 1.0 + over, point - 1: -over} if point else {0: 1.0}
        return {point: 1.0 - over, point + 1: over} if over else {point: 1.0}

    def _cover(self, usable: Sequence[Stretch], masks: Sequence[Stretch]) -> None:
        """Where a synchronization counts, and what is masked: of each half of a cell."""
        self.open, self.masked = (
            sorted((max(self._place(end), 0.0), self._place(begin)) for begin, end in each if begin > 0)
            for each in (usable, masks)
        )
        self.good = list(without(self.open, self.masked))
        halves = np.arange(2 * self.points + 2) / 2
        self.good_half, self.masked_half = (
            share_within(halves, halves + 0.5, each) for each in (self.good, self.masked)
        )
        self.mask_ends = {math.floor(end): end for end, _ in self.masked if end > 0}

    def _lies_in(self, stretches: Places, place: float) -> bool:
        """Whether the second that begins at a place does."""
        return any(near < place - self.tick < far for near, far in stretches)

    def _schedule(self, jitter: float) -> None:
        """When attempts are made, late by up to so many steps: in the cell in which they are due, or nearer.

        `late` is the probability of each of these cells, shape (phases, cells); `hazard` that of a pending
        attempt to be made in it; `good_at` and `masked_at` what of an interval of each cell is usable and
        masked, shape (intervals, cells), with the `interval` of each phase and lateness.
        """
        begins, ends = ((1.0 - self.middles + side * self.widths / 2)[:, None] for side in (-1, 1))
        late = np.arange(self.cells + 2.0)
        within = self._until(late - begins, jitter) - self._until(late - ends, jitter)
        chances = np.diff(within / self.widths[:, None]) if jitter else np.ones((len(begins), 1))
        self.late = chances[:, : 1 + np.flatnonzero(chances.max(axis=0) > NEGLIGIBLE)[-1]]
        left = np.cumsum(self.late[:, ::-1], axis=1)[:, ::-1]
        self.hazard = np.where(self.late > NEGLIGIBLE, self.late / np.maximum(left, NEGLIGIBLE), 0.0)
        late = late[: self.late.shape[1]]
        intervals = np.stack(
            [1.0 - np.clip(ends + jitter - late, 0.0, 1.0), 1.0 - np.clip(begins - late, 0.0, 1.0)], axis=-1
        )
        unlike, alike = np.unique(intervals.reshape(-1, 2).round(9), axis=0, return_inverse=True)
        self.interval = alike.reshape(self.late.shape)
        near, far = (np.arange(self.points) + unlike[:, side, None] for side in (0, 1))
        self.good_at, self.masked_at = (
            share_within(near, np.maximum(far, near + 1e-6), each) for each in (self.good, self.masked)
        )
        self.due = [list(self._due_in(cell)) for cell in range(self.cells)]

    @staticmethod
    def _until(steps: Floats, jitter: float) -> Floats:
        """The integral of the probability to be late by less, from 0 on."""
        within: Floats = np.clip(steps, 0.0, jitter) ** 2 / (2 * max(jitter, NEGLIGIBLE))
        return within + np.clip(steps - jitter, 0.0, None)

    def _due_in(self, cell: int) -> Iterator[tuple[Rows, NDArray[np.int64], Floats, Rows]]:
        """Phases with an attempt in a cell of each period, intervals, hazards, and who is due there.

        The attempt of a period may be a whole period late: it comes before the next one, in the same cell.
        """
        late = (self.phases - cell) % self.cells
        for cells in (late, late + self.cells):
            (rows,) = np.nonzero(cells < self.late.shape[1])
            rows = rows[self.hazard[rows, cells[rows]] > 0.0]
            if len(rows):
                where: Rows = slice(rows[0], rows[-1] + 1) if len(rows) == rows[-1] + 1 - rows[0] else rows
                which = rows, cells[rows]
                yield where, self.interval[which], self.hazard[which][:, None], rows[cells[rows] == 0]

    def solve(self) -> list[list[Floats]]:
        """For each habit and start an array of shape (phases,)."""
        met = _Stationary(self)
        self.off[:, 1, :, :, 0] = 1.0 - self.catching[:, :, None] * self.good_half[0]
        from_on, from_off = self.far_on.sums(), self.far_off.sums()
        for point in range(self.points + 1):
            if point:
                self._pass_attempts(point)
            if point in self.mask_ends:
                self._enter_mask(point)
            if point:
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
                self._add(point, alpha, beta)
            for row, number, share, remaining_s in self.wanted.get(point, ()):
                start, over = self.starts[number], self._place(remaining_s) - point
                since = start.since_s / self.step_s + self.is_known * (over + self.tick)
                if remaining_s < start.remaining_s:
                    after = (start.remaining_s - remaining_s) / self.step_s
                    value = self._back(row, point, self._place(remaining_s), after)
                elif start.state == "equilibrium":
                    value = met.value(row, point, since, *self._seen(row, point, over))
                else:
                    value = self._listed(row, start, point, over)
                self.found[row][number] += share * value
        return self.found

    def _pass_attempts(self, point: int) -> None:
        """Move from the point before to this one: attempts may be due between them."""
        kept = point - self.near
        on, off = self.on[..., : 3 + kept], self.off[..., : 1 + kept]
        for phases, intervals, due, begun in self.due[(point - 1) % self.cells]:
            good, masked = (each[intervals, point - 1, None] for each in (self.good_at, self.masked_at))
            fails = 1.0 - masked - self.success[..., None, None] * good
            missed = off[:, 1:, self.made, phases]
            made = fails * on[:, :, self.made, phases]
            if self.masked:
                made += masked * on[:, 1:, self.made, phases]
            if self.made:
                missed = due * missed + (1.0 - due) * off[:, :, 0, phases]
                made = due * made + (1.0 - due) * on[:, :, 0, phases]
            off[:, :, 0, phases], on[:, :, 0, phases] = missed, made
            if self.made:
                on[:, :, 1, begun] = on[:, :, 0, begun]
                off[:, :, 1, begun] = off[:, :, 0, begun]

    def _enter_mask(self, point: int) -> None:
        """A mask ends in the next cell: who has missed an attempt in it catches up in that second."""
        self.fails_at_end = 1.0 - self.catching * self._lies_in(self.open, self.mask_ends[point])
        columns = 3 + point - self.near
        self.on[:, 1, ..., :columns] = self.fails_at_end[..., None, None] * self.on[:, 0, ..., :columns]

    def _from_near(self, seen: Floats, lengths: Floats, column: int, point: int) -> Floats:
        """The sum over lengths of a spell that begins at a point and ends at a near one."""
        n = point - self.near
        rows = seen.reshape(len(seen), -1, seen.shape[-1])[:, :, column : column + n]
        total: Floats = (rows @ lengths[:, n:0:-1, None]).reshape(seen.shape[:-1])
        return total

    def _add(self, point: int, alpha: Floats, beta: Floats) -> None:
        """What comes after a spell that ends within half a step of this point."""
        lon0, loff0 = (each[:, 0, None, None, None] for each in (self.lengths_on, self.lengths_off))
        on = (alpha + lon0 * beta[:, : alpha.shape[1]]) / (1.0 - lon0 * loff0)
        off = beta[:, : alpha.shape[1]] + loff0 * on
        good, masked = (
            each[2 * point - 1 : 2 * point + 1].sum() / 2 for each in (self.good_half, self.masked_half)
        )
        returned = (1.0 - masked - self.catching[:, :, None] * good) * on[:, 0]
        if self.masked:
            returned += masked * on[:, 1]
            never_on = beta[:, 1] + loff0[:, 0] * returned
            off[:, 1] = (1.0 - masked) * self.fails_at_end[..., None] * off[:, 0] + masked * never_on
        on_column, off_column = 3 + point - self.near, 1 + point - self.near
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

    def _seen(self, row: int, point: int, over: float) -> tuple[Floats, Floats]:
        """`on` and `off` from a start so far beyond a point; of what ends at it, only what comes counts."""
        kept = point - self.near + 1
        on, off = self.on[row], self.off[row]
        far_on, far_off = (
            far.values[row, :, : self.near - 1][:, ::-1] for far in (self.far_on, self.far_off)
        )
        far_on = on[..., 1, None] * far_on
        far_off = np.broadcast_to(far_off, (*off.shape[:-1], self.near - 1))
        seen_on = np.concatenate([on[..., 2 + kept : 2 : -1], far_on, on[..., :1]], axis=-1)
        seen_off = np.concatenate([off[..., kept:0:-1], far_off, off[..., :1]], axis=-1)
        if point and not self.masked_half[2 * point - 1]:
            near, far = np.array([point - 0.5]), np.array([point + max(over, -0.49)])
            seen_off[1, ..., 0] = 1.0 - self.catching[row] * share_within(near, far, self.good)
            seen_off[1, ..., 0] *= seen_off[0, ..., 0]
        return seen_on, seen_off

    def _listed(self, row: int, start: Start, point: int, over: float) -> Floats:
        """The probability of a start of a list, by phase; shape (phases,)."""
        seen_on, seen_off = self._seen(row, point, over)
        edges_s = self.step_s * np.concatenate([[0.0], np.arange(point) + 0.5 + over, [point + over]])
        law = self.habits[row].spells.on if start.state == "on" else self.habits[row].spells.off
        if start.silent_for_s is None:
            left = residual_survival(law, edges_s)
        else:
            left = law.survival(start.silent_for_s + edges_s)
            left /= left[0]
        if start.state == "on":
            return _followed(left, seen_on[0, -1], seen_on[0, -1, :, -1])
        return _followed(left, seen_off[1, -1], 1.0)

    def _back(self, row: int, point: int, place: float, since: float) -> Floats:
        """Of devices that come back at an instant, after so many steps of attempts; shape (phases,)."""
        column = 1 + point - self.near
        is_masked = self._lies_in(self.masked, place)
        on = self.off[row, int(is_masked), ..., column]
        due = (self.phases - point) % self.cells
        column = np.minimum(due, self.late.shape[1] - 1)
        made = np.cumsum(self.late, axis=1)[np.arange(len(due)), column]
        made = np.where(due + self.middles > since, 1.0, made)
        value: Floats = made * on[-1] + (1.0 - made) * on[0]
        return value if is_masked else (1.0 - self.catching[row] * self._lies_in(self.open, place)) * value


def _instants(habit: Habit, start: Start) -> dict[float, float]:
    """What may remain until the switch where a start is followed from, with probabilities.

    That is the start itself; of an absence that lasts as long as one of some values, its end; 0 if it
    outlasts the switch, or the law cannot explain it.
    """
    if start.silent_for_s is None:
        return {start.remaining_s: 1.0}
    law, lasted_s = habit.spells.off, start.silent_for_s
    values = law.values if law.kind == "empirical" else () if law.is_random else (law.a,)
    longer = [each for each in np.maximum(values, 1.0) if each > lasted_s]
    if not longer and (values or not law.survival(np.array([float(lasted_s)]))[0]):
        return {0.0: 1.0}
    found: dict[float, float] = {} if values else {start.remaining_s: 1.0}
    for lasts_s in longer:
        remaining_s = max(0.0, start.remaining_s + lasted_s - lasts_s)
        found[remaining_s] = found.get(remaining_s, 0.0) + 1.0 / len(longer)
    return found


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
        self._grid = grid
        halves_s = grid.step_s / 2 * np.arange(2 * (grid.points + 2 * grid.cells) + 2, dtype=np.float64)
        self._spells = [habit.spells for habit in grid.habits]
        self._left = [[residual_survival(law, halves_s) for law in (s.on, s.off)] for s in self._spells]

    def value(self, row: int, point: int, since: float, seen_on: Floats, seen_off: Floats) -> Floats:
        """The probability of a habit by phase, shape (phases,), after so many steps of attempts."""
        on_share, (left_on, left_off) = self._spells[row].on_share, self._left[row]
        ends = np.concatenate([[0], np.arange(1, 2 * point, 2), [2 * point]])  # in half steps
        begins_on = _followed(left_on[ends], seen_on, seen_on[..., -1])
        fresh = _followed(left_off[ends], seen_off[0], 1.0)
        later = seen_off[1] - seen_off[0]
        values = np.zeros(len(self._grid.phases))
        for phase in range(len(values)):
            for flag, share, ages in self._ages(phase, point, since):
                flag = min(flag, len(fresh) - 1)
                on, off = share * begins_on[0, flag, phase], share * fresh[flag, phase]
                if ages:
                    older = sum(weight * left_off[ends + age] for age, weight in ages)
                    off -= later[flag, phase] @ np.diff(older)
                values[phase] += on_share * on + (1 - on_share) * off
        return values

    def _ages(
        self, phase: int, point: int, since: float
    ) -> Iterator[tuple[int, float, list[tuple[int, float]]]]:
        """Of pending (0) and made (1): the probability, and half steps since the last attempt, weighted."""
        late, middle = self._grid.late[phase], self._grid.middles[phase]
        due = int(self._grid.phases[phase] - point) % self._grid.cells  # whole steps since the last one was
        if due + middle > since:  # there was none yet
            yield 1, 1.0, []
            return
        made = [(2 * (due - n) + 1, float(weight)) for n, weight in enumerate(late[: due + 1])]
        yield 1, float(late[: due + 1].sum()), made
        if pending := float(late[due + 1 :].sum()):
            due += self._grid.cells
            before = [(2 * (due - n) + 1, pending * float(weight)) for n, weight in enumerate(late)]
            yield 0, pending, before if due + middle <= since else []


def _followed(left: Floats, seen: Floats, unchanged: Floats | float) -> Floats:
    """The mean over what remains of a spell: of what comes after, or of what is if it outlasts the switch."""
    total: Floats = seen @ (left[:-1] - left[1:]) + unchanged * left[-1]
    return total


def chunk_of(cells: int) -> int:
    """Points whose sums over what is far are computed together: two periods at least."""
    return max(2 * cells, 32)


def _lumps(law: Distribution, points: int, step_s: float) -> Floats:
    """The probability of each length in steps, 0 to `points`."""
    edges_s = step_s * np.clip(np.arange(points + 2) - 0.5, 0.0, None)
    left = law.survival(edges_s)
    lumps: Floats = left[:-1] - left[1:]
    return lumps
