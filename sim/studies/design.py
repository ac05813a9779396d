"""Where a sweep looks: the points of a grid, with drawn values or without."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError, visible
from sim.studies.vary import MOST_VALUES, Between, Choice, Listed, Values, VaryError, values_of

Point = dict[str, Any]
Sampling = Literal["random", "latin-hypercube", "sobol"]
SAMPLINGS: Final = ("random", "latin-hypercube", "sobol")


class SamplingError(InputError):
    """So many draws cannot be made so; the message says what can."""


@dataclass(frozen=True, eq=False)
class Design:
    """The points of a sweep.

    Attributes:
        values: what each key may be, by dotted key.
        points: values by key, in the order of the grid: the first key slowest, keys drawn together fastest.
        sampling: how keys are drawn; None: none is.
        samples: the number that was asked for; None: none.
        seed: of the drawing.
    """

    values: Mapping[str, Values]
    points: tuple[Point, ...]
    sampling: Sampling | None
    samples: int | None
    seed: int

    @property
    def titles(self) -> tuple[str, ...]:
        """Short names of the keys: the last step, and as many before it as tell them apart."""
        return titles(list(self.values))

    @classmethod
    def of(
        cls,
        vary: Mapping[str, object],
        *,
        samples: int | None = None,
        sampling: Sampling = "random",
        seed: int = 1,
    ) -> Design:
        """The points of what is varied; arguments as those of `sweep`.

        Raises:
            VaryError: it makes no sense; all mistakes, a line each.
        """
        values, mistakes = dict[str, Values](), list[str]()
        for key, given in vary.items():
            try:
                values[key] = values_of(given)
            except VaryError as error:
                mistakes.append(f"{visible(key)}: {error}")
        mistakes += _overlaps(list(vary))
        if not mistakes:
            mistakes += _mistakes_of(values, samples=samples, sampling=sampling)
        if mistakes:
            raise VaryError("\n".join(mistakes))
        drawn = [key for key, each in values.items() if not isinstance(each, Listed)]
        is_drawn = samples is not None and bool(drawn)
        return cls(
            values=values,
            points=tuple(_points(values, samples=samples, sampling=sampling, seed=seed)),
            sampling=sampling if is_drawn else None,
            samples=samples if is_drawn else None,
            seed=seed,
        )

    @property
    def drawn(self) -> tuple[str, ...]:
        """The keys that are drawn at random."""
        return tuple(key for key, each in self.values.items() if not isinstance(each, Listed))


def _points(
    values: Mapping[str, Values], *, samples: int | None, sampling: Sampling, seed: int
) -> Iterator[Point]:
    listed = {key: each.values for key, each in values.items() if isinstance(each, Listed)}
    random = {key: each for key, each in values.items() if isinstance(each, Between | Choice)}
    draws: list[Point] = [{}]
    if random and samples is not None:
        rows = shares(sampling, samples, len(random), seed=seed).tolist()
        draws = [
            {key: each.value(share) for (key, each), share in zip(random.items(), row, strict=True)}
            for row in rows
        ]
    for combination in product(*listed.values()):
        for draw in draws:
            chosen = {**dict(zip(listed, combination, strict=True)), **draw}
            yield {key: chosen[key] for key in values}


def _mistakes_of(values: Mapping[str, Values], *, samples: int | None, sampling: Sampling) -> Iterator[str]:
    if not values:
        yield "nothing is varied: name a key and its values, such as fleet.0.sync.every=6h,12h,1d"
        return
    counts = {key: len(each.values) for key, each in values.items() if isinstance(each, Listed)}
    drawn = [key for key in values if key not in counts]
    many = prod(counts.values())
    if samples is None and drawn:
        yield (
            f"{visible(drawn[0])}: it is drawn at random, so say how many times: --samples N or "
            "--latin-hypercube N (or give a range a step, as in 1d..60d step 1d)"
        )
        return
    if samples is not None:
        if not drawn:
            yield "nothing is drawn: write uniform(LOW, HIGH), a range without step, or choice(A, B)"
            return
        if sampling == "sobol" and many > 1:
            key = next(key for key, count in counts.items() if count > 1)
            yield f"{visible(key)}: a sensitivity draws every key that varies: write uniform(LOW, HIGH)"
            return
        try:
            many *= draws_of(sampling, samples, len(drawn))
        except SamplingError as error:
            yield str(error)
            return
    if many > MOST_VALUES:
        yield f"{many:,} points: at most {MOST_VALUES:,} are taken, so take longer steps or fewer samples"


def _overlaps(keys: list[str]) -> Iterator[str]:
    """A key below another must come after it, or it would be overwritten."""
    for number, key in enumerate(keys):
        for later in keys[number + 1 :]:
            if key.startswith(f"{later}."):
                above = visible(later)
                yield f"{visible(key)}: it lies in {above}, which overwrites it: name {above} first"


def titles(keys: list[str]) -> tuple[str, ...]:
    """Short names of dotted keys: the last step, and as many before it as tell them apart."""
    return tuple(_title(key, keys) for key in keys)


def _title(key: str, keys: list[str]) -> str:
    steps = key.split(".")
    for taken in range(1, len(steps)):
        short = ".".join(steps[-taken:])
        is_shared = any(f".{other}".endswith(f".{short}") for other in keys if other != key)
        if not (short.isdigit() or short == "devices" or is_shared):
            return short
    return key


# --- draws -----------------------------------------------------------------------------------------------


def draws_of(sampling: Sampling, samples: int, keys: int) -> int:
    """How many points so many samples of so many keys are; Sobol indices need (keys + 2) for each.

    Raises:
        SamplingError: the number is impossible.
    """
    if sampling not in SAMPLINGS:
        raise SamplingError(f"there is no sampling {sampling!r}: choose {', '.join(SAMPLINGS)}")
    if samples < 1:
        raise SamplingError(f"{samples} samples: take at least one")
    if sampling != "sobol":
        return samples
    if samples & (samples - 1) or samples < 2:
        raise SamplingError(f"Sobol indices need a power of two of samples, such as 64, not {samples:,}")
    return samples * (keys + 2)


def shares(sampling: Sampling, samples: int, keys: int, *, seed: int) -> NDArray[np.float64]:
    """Points of the unit cube, shape (draws, keys); the same ones for the same arguments.

    Raises:
        SamplingError: see `draws_of`.
    """
    draws = draws_of(sampling, samples, keys)
    if sampling == "random":
        return np.random.Generator(np.random.PCG64(seed)).random((draws, keys))
    from scipy.stats import qmc

    if sampling == "latin-hypercube":
        drawn: NDArray[np.float64] = qmc.LatinHypercube(keys, seed=np.random.default_rng(seed)).random(draws)
        return drawn
    both: NDArray[np.float64] = qmc.Sobol(2 * keys, seed=seed % 2**32).random(samples)
    one, other = both[:, :keys], both[:, keys:]
    rows = np.repeat(one[:, None, :], keys + 2, axis=1)  # one point; with each key of another; the other
    rows[:, np.arange(1, keys + 1), np.arange(keys)] = other
    rows[:, -1] = other
    return np.minimum(rows.reshape(draws, keys), np.nextafter(1.0, 0.0))
