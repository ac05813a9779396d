"""Keyed draws: every random number is a function of seed, replication, device, purpose and index (model 7).

The generator is Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as
1, 2, 3", SC 2011). It holds no state: a counter of four 32-bit words and a key of two give four words.

    key      64 bits of BLAKE2b(seed, replication)
    counter  (index, purpose, device low, device high)

So nobody's draws depend on who else is there, on what was drawn before, or on the engine that draws.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]

# np.uint64 and not int: a compiler that sees an int beside a uint64 takes both for float64.
_M0: Final = np.uint64(0xD2511F53)
_M1: Final = np.uint64(0xCD9E8D57)
_W0: Final = np.uint64(0x9E3779B9)
_W1: Final = np.uint64(0xBB67AE85)
_LOW32: Final = np.uint64(0xFFFFFFFF)
_32: Final = np.uint64(32)
_11: Final = np.uint64(11)
_TO_UNIT: Final = 2.0**-53


class Purpose(IntEnum):
    """What a draw is for; part of the counter, so that purposes never share a number (model 7.1).

    The numbers are part of the semantics: changing one changes every result. New ones come at the end.
    """

    PHASE = 1
    START = 2
    START_PLACE = 3
    ON_SPELL = 4
    OFF_SPELL = 5
    JITTER = 6
    SUCCESS = 7
    CATCH_UP_SUCCESS = 8
    OWNER_RESPONDS = 9
    REINSTALL_TAKES = 10
    HOLIDAY = 11
    DISTURBANCE_GAP = 12
    DISTURBANCE_LENGTH = 13
    DISTURBANCE = 14
    CATCH_UP_AFTER_MASK = 15
    PUSH = 16
    PUSH_SUCCESS = 17
    VISIT = 18


def philox4x32(
    c0: Words, c1: Words, c2: Words, c3: Words, k0: np.uint64, k1: np.uint64
) -> tuple[Words, Words, Words, Words]:
    """Philox4x32-10, elementwise: four counter words and two key words, each below 2**32, to four words.

    Works on uint64 arrays of any one shape; the same lines compile for scalars.
    """
    for _ in range(10):
        p0 = _M0 * c0
        p1 = _M1 * c2
        c0, c1, c2, c3 = (p1 >> _32) ^ c1 ^ k0, p1 & _LOW32, (p0 >> _32) ^ c3 ^ k1, p0 & _LOW32
        k0 = (k0 + _W0) & _LOW32
        k1 = (k1 + _W1) & _LOW32
    return c0, c1, c2, c3


def unit(high: Words, low: Words) -> NDArray[np.float64]:
    """A uniform on [0, 1) with 53 bits from two 32-bit words."""
    return (((high << _32) | low) >> _11).astype(np.float64) * _TO_UNIT


@dataclass(frozen=True, slots=True)
class Draws:
    """The random numbers of one replication."""

    k0: np.uint64  # low word of the key
    k1: np.uint64  # high word of the key

    @classmethod
    def of(cls, seed: int, replication: int) -> Draws:
        """The draws of replication number `replication` (from 0) under `seed` (0 <= seed < 2**63)."""
        digest = hashlib.blake2b(f"reissue draws {seed} {replication}".encode(), digest_size=8).digest()
        return cls(
            np.uint64(int.from_bytes(digest[:4], "little")), np.uint64(int.from_bytes(digest[4:], "little"))
        )

    def pairs(
        self, identity: Words, purpose: Purpose, index: Words | int = 0
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Two independent uniforms on [0, 1) for each device and index.

        Args:
            identity: device identities (see `identity_of_group`), uint64.
            purpose: what they are for.
            index: which draw of that purpose, below 2**32; broadcast against `identity`.

        Returns:
            two float64 arrays of the broadcast shape.
        """
        identity, at = np.broadcast_arrays(
            np.asarray(identity, dtype=np.uint64), np.asarray(index, dtype=np.uint64)
        )
        kind = np.full(identity.shape, int(purpose), dtype=np.uint64)
        words = philox4x32(at, kind, identity & _LOW32, identity >> _32, self.k0, self.k1)
        return unit(words[0], words[1]), unit(words[2], words[3])

    def singles(self, identity: int, purpose: Purpose, first: int, count: int) -> NDArray[np.float64]:
        """Uniforms number `first` (even) to `first + count` of one device, two to a counter block."""
        blocks = np.arange(first // 2, (first + count + 1) // 2, dtype=np.uint64)
        left, right = self.pairs(np.uint64(identity), purpose, blocks)  # type: ignore[arg-type]
        return np.stack([left, right], axis=1).reshape(-1)[:count]

    def pair(self, identity: int, purpose: Purpose, index: int) -> tuple[float, float]:
        """Two independent uniforms on [0, 1) of one device."""
        left, right = self.pairs(np.array([identity], dtype=np.uint64), purpose, index)
        return float(left[0]), float(right[0])


def stream(draws: Draws, identity: int, purpose: Purpose, *, batch: int = 128) -> Iterator[float]:
    """Uniform number 0, 1, 2, … of one device and purpose, drawn a batch at a time."""
    first = 0
    while True:
        yield from draws.singles(identity, purpose, first, batch).tolist()
        first += batch


def stream_of_pairs(
    draws: Draws, identity: int, purpose: Purpose, *, batch: int = 16
) -> Iterator[tuple[float, float]]:
    """Pair number 0, 1, 2, … of one device and purpose, drawn a batch at a time."""
    first = 0
    while True:
        yield from zip(*[iter(draws.singles(identity, purpose, first, 2 * batch).tolist())] * 2, strict=True)
        first += 2 * batch


def _identity(space: str, name: str) -> int:
    digest = hashlib.blake2b(name.encode(), digest_size=8, person=space.encode()).digest()
    return int.from_bytes(digest, "little")


identity_of_group = partial(_identity, "group")
"""The identity of a group's device 0, by its name; device i has this plus i, modulo 2**64 (model 7.2)."""
identity_of_id = partial(_identity, "id")
"""The identity of an inventory's device, by its id (model 7.2)."""
identity_of_holiday = partial(_identity, "holiday")
"""The key of a holiday, by its name, which a device's identity is combined with (model 12.2)."""
identity_of_disturbance = partial(_identity, "disturbance")
"""The key of a disturbance, by its name, and the identity that its own draws have (model 12.3)."""
