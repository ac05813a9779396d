"""Draws for the keys of a sweep: at random, by Latin hypercube, or as Sobol indices need them."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError

Sampling = Literal["random", "latin-hypercube", "sobol"]
SAMPLINGS: Final = ("random", "latin-hypercube", "sobol")


class SamplingError(InputError):
    """So many draws cannot be made so; the message says what can."""


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
