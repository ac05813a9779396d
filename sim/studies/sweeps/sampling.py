"""Draws for the keys of a sweep: at random, by Latin hypercube, or as Sobol indices need them."""

from __future__ import annotations

from importlib.util import find_spec
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
        SamplingError: the number is impossible, or SALib is missing.
    """
    if sampling not in SAMPLINGS:
        raise SamplingError(f"there is no sampling {sampling!r}: choose {', '.join(SAMPLINGS)}")
    if samples < 1:
        raise SamplingError(f"{samples} samples: take at least one")
    if sampling != "sobol":
        return samples
    if samples & (samples - 1) or samples < 2:
        raise SamplingError(f"Sobol indices need a power of two of samples, such as 64, not {samples:,}")
    if find_spec("SALib") is None:
        raise SamplingError("Sobol indices need SALib: install it with pip install 'reissue[sensitivity]'")
    return samples * (keys + 2)


def shares(sampling: Sampling, samples: int, keys: int, *, seed: int) -> NDArray[np.float64]:
    """Points of the unit cube, shape (draws, keys); the same ones for the same arguments.

    Raises:
        SamplingError: see `draws_of`.
    """
    draws = draws_of(sampling, samples, keys)
    if sampling == "random":
        return np.random.Generator(np.random.PCG64(seed)).random((draws, keys))
    if sampling == "latin-hypercube":
        from scipy.stats import qmc

        drawn: NDArray[np.float64] = qmc.LatinHypercube(keys, seed=np.random.default_rng(seed)).random(draws)
        return drawn
    from SALib.sample import sobol

    drawn = sobol.sample(unit_cube(keys), samples, calc_second_order=False, seed=seed % 2**32)
    return np.clip(drawn, 0.0, np.nextafter(1.0, 0.0))


def unit_cube(keys: int) -> dict[str, object]:
    """The problem as SALib takes it."""
    names = [f"key{number}" for number in range(keys)]
    return {"num_vars": keys, "names": names, "bounds": [[0.0, 1.0]] * keys}
