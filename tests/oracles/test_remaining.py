"""What remains of a silence: inversion in closed form against bisection of the survival function."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.world.distributions import LONGEST_S, Distribution

LAWS = [
    Distribution.constant(5000),
    Distribution.exponential(7000),
    Distribution.uniform(1000, 9000),
    Distribution.weibull(4000, 0.6),
    Distribution.weibull(40_000, 2.5),
    Distribution.lognormal(3000, 1.1),
    Distribution.empirical((100, 100, 2500, 80_000)),
    Distribution.still_away(((1000, 0.5), (2000, 0.5), (5000, 0.125), (60_000, 0.0))),
    Distribution.still_away(((1000, 1.0), (2000, 0.25), (4000, 0.0), (9000, 0.0))),
]


@pytest.mark.parametrize("law", LAWS, ids=str)
@settings(max_examples=200, deadline=None)
@given(lasted=st.integers(0, 100_000), u=st.integers(0, 2**52 - 1).map(lambda n: (2 * n + 1) * 2.0**-53))
def test_inversion_and_bisection_agree(law: Distribution, lasted: int, u: float) -> None:
    """To the second, unless its end falls into the last bits. No u is a share at which a law jumps."""
    got = int(law.remaining(np.array([lasted]), np.array([u]))[0])
    expected = reference.remaining(law, lasted, u)
    if expected is None:
        assert got == LONGEST_S
        return
    assert abs(got - expected) <= max(1e-9 * (expected + lasted), 0 if u < 0.999999 else 1)


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_the_survival_is_that_of_the_textbooks(law: Distribution) -> None:
    instants = np.array([0.0, 1.0, 99.0, 100.0, 999.0, 1000.0, 2000.0, 4000.0, 5000.0, 9000.0, 60_000.0, 1e5])
    expected = [reference.survival(law, float(t)) for t in instants]
    assert law.survival(instants) == pytest.approx(expected, rel=1e-9, abs=1e-300)
