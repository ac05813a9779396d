"""Keyed draws: the published generator, and that each number depends on its key alone (model 7)."""

from __future__ import annotations

import subprocess
import sys
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sim.world.draws import (
    Draws,
    Purpose,
    identity_of_group,
    identity_of_id,
    philox4x32,
    stream,
    stream_of_pairs,
    unit,
)

# Random123 1.14, tests/kat_vectors, the lines "philox4x32 10": counter, key, expected.
KNOWN_ANSWERS = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]
FALSE_ALARM = 1e-6
"""Of each statistical test here; seeds are fixed, so a pass is a pass for ever."""

words32 = st.integers(0, 2**32 - 1)
identities = st.integers(0, 2**64 - 1)


def words(text: str) -> list[int]:
    return [int(word, 16) for word in text.split()]


def philox_by_definition(counter: list[int], key: list[int]) -> list[int]:
    """Philox4x32-10 as Salmon et al. (2011) define it, in plain integers."""
    c, k = list(counter), list(key)
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * c[0], 2**32)
        high1, low1 = divmod(0xCD9E8D57 * c[2], 2**32)
        c = [high1 ^ c[1] ^ k[0], low1, high0 ^ c[3] ^ k[1], low0]
        k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
    return c


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN_ANSWERS)
def test_the_generator_gives_the_published_known_answers(counter: str, key: str, expected: str) -> None:
    c = [np.array([word], dtype=np.uint64) for word in words(counter)]
    k = [np.uint64(word) for word in words(key)]
    assert [int(word[0]) for word in philox4x32(*c, *k)] == words(expected)
    assert philox_by_definition(words(counter), words(key)) == words(expected)


@given(st.lists(words32, min_size=4, max_size=4), st.lists(words32, min_size=2, max_size=2))
def test_the_generator_is_philox_for_every_counter_and_key(counter: list[int], key: list[int]) -> None:
    c = [np.array([word], dtype=np.uint64) for word in counter]
    drawn = philox4x32(*c, *(np.uint64(word) for word in key))
    assert [int(word[0]) for word in drawn] == philox_by_definition(counter, key)


@given(identities, st.sampled_from(list(Purpose)), st.integers(0, 2**31))
def test_a_draw_is_a_function_of_its_key_alone(identity: int, purpose: Purpose, index: int) -> None:
    draws = Draws.of(7, 3)
    counter = [index, int(purpose), identity % 2**32, identity // 2**32]
    w = philox_by_definition(counter, [int(draws.k0), int(draws.k1)])
    expected = tuple(((high << 32 | low) >> 11) / 2**53 for high, low in ((w[0], w[1]), (w[2], w[3])))
    assert draws.pair(identity, purpose, index) == expected
    assert tuple(draws.singles(identity, purpose, 2 * index, 2)) == expected


@given(identities, st.integers(1, 40))
def test_a_stream_gives_the_same_numbers_in_any_batch(identity: int, half: int) -> None:
    draws = Draws.of(1, 0)
    whole = draws.singles(identity, Purpose.SUCCESS, 0, 200).tolist()
    assert list(islice(stream(draws, identity, Purpose.SUCCESS, batch=2 * half), 200)) == whole
    pairs = list(islice(stream_of_pairs(draws, identity, Purpose.SUCCESS, batch=half), 100))
    assert [u for pair in pairs for u in pair] == whole


def test_the_largest_and_smallest_words_stay_within_zero_and_one() -> None:
    ones, zeros = np.array([2**32 - 1], dtype=np.uint64), np.array([0], dtype=np.uint64)
    assert unit(ones, ones)[0] == 1 - 2**-53
    assert unit(zeros, zeros)[0] == 0.0


def test_seeds_replications_purposes_devices_and_indices_never_share_a_number() -> None:
    numbers = {
        Draws.of(seed, replication).pair(identity, purpose, index)
        for seed in (0, 1, 2**63 - 1)
        for replication in (0, 1, 10)
        for identity in (0, 1, 2**32, 2**64 - 1)
        for purpose in Purpose
        for index in (0, 1, 1000)
    }
    assert len(numbers) == 3 * 3 * 4 * len(Purpose) * 3


def test_draws_are_uniform_and_neighbours_are_independent() -> None:
    identity = np.arange(200_000, dtype=np.uint64) + np.uint64(identity_of_group("phones"))
    u, v = Draws.of(1, 0).pairs(identity, Purpose.PHASE)
    for sample in (u, v):
        assert stats.kstest(sample, "uniform").pvalue > FALSE_ALARM
    for a, b in ((u, v), (u[:-1], u[1:]), (u[:-1], v[1:])):
        grid, _, _ = np.histogram2d(a, b, bins=16)
        assert stats.chisquare(grid.ravel()).pvalue > FALSE_ALARM


def test_identities_do_not_depend_on_the_hash_seed() -> None:
    names = "identity_of_group('phones'), identity_of_id('phones'), Draws.of(1, 0)"
    code = f"from sim.world.draws import *; print({names})"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, check=True, capture_output=True
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(outputs) == 1
    assert identity_of_group("phones") != identity_of_id("phones")
