"""Keyed draws as compiled code: a device's, in blocks made ahead; the same numbers as `Draws.pairs`."""

from __future__ import annotations

from typing import Final

import numpy as np

from sim.fleet.compiled import compiled, inlined
from sim.fleet.tables import WRITTEN, Floats, Record, record
from sim.world import distributions
from sim.world.draws import Purpose

Word = np.uint64

# Not plain ints as arguments: numba would compile anew for each of them.
ONE: Final = np.int64(1)
ON_SPELL: Final = np.int64(Purpose.ON_SPELL)
OFF_SPELL: Final = np.int64(Purpose.OFF_SPELL)
JITTER: Final = np.int64(Purpose.JITTER)
SUCCESS: Final = np.int64(Purpose.SUCCESS)
CATCH_UP: Final = np.int64(Purpose.CATCH_UP_SUCCESS)

_M0 = np.uint64(0xD2511F53)
_M1 = np.uint64(0xCD9E8D57)
_W0 = np.uint32(0x9E3779B9)
_W1 = np.uint32(0xBB67AE85)
_LOW32 = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_11 = np.uint64(11)
_0 = np.uint64(0)
_1 = np.uint64(1)
_TO_UNIT = 2.0**-53

# Rows of a device's stock: those of a purpose from `ON_SPELL` to `CATCH_UP`, `BATCH` blocks at a time, ...
PURPOSES: Final = 5
BATCH: Final = 8
NUMBER: Final = 2 * BATCH  # column of the number of the batch; before it the left uniforms, then the right
OWNER: Final = 2 * BATCH + 1  # of the first row: the device
WIDE: Final = 5  # ... and those of `WORD` attempts: success left, right, jitter left, right
WORD: Final = 64
STOCK: Final = (WIDE + 4, WORD // 2)

WORLD: Final = record(
    k0=np.uint32,  # the key of the draws
    k1=np.uint32,
    batch=np.int64,  # `BATCH`, which LLVM must not know: it would compute one block at a time
    sample_s=np.int64,
    samples_per_s=np.float64,
    samples=np.int64,
    horizon_s=np.int64,
    first_reserve=np.int64,
    latest_reserve=np.int64,
    until_received=np.bool_,  # whether a life ends when it receives the latest reserve
)
"""What holds for all devices of a run."""

duration = compiled(
    distributions.duration,
    whole_seconds=compiled(distributions.whole_seconds),
    finite_exp=compiled(distributions.finite_exp),
    standard_normal=compiled(distributions.standard_normal),
)


@compiled
def blocks(
    identity: Word, purpose: int, first: int, count: int, left: Floats, right: Floats, world: Record
) -> None:
    """Two uniforms on [0, 1) for each of `count` blocks of a purpose: `Draws.pairs`, the same numbers.

    In 32-bit words, and into two arrays: only in this form are several blocks computed at once.
    """
    low, high, what = np.uint32(identity & _LOW32), np.uint32(identity >> _32), np.uint32(purpose)
    key0, key1 = world.k0, world.k1
    for i in range(count):
        c0, c1, c2, c3 = np.uint32(first + i), what, low, high
        k0, k1 = key0, key1
        for _ in range(10):
            p0, p1 = _M0 * np.uint64(c0), _M1 * np.uint64(c2)
            c0, c1 = np.uint32(p1 >> _32) ^ c1 ^ k0, np.uint32(p1)
            c2, c3 = np.uint32(p0 >> _32) ^ c3 ^ k1, np.uint32(p0)
            k0, k1 = np.uint32(k0 + _W0), np.uint32(k1 + _W1)
        left[i] = np.float64(((np.uint64(c0) << _32) | np.uint64(c1)) >> _11) * _TO_UNIT
        right[i] = np.float64(((np.uint64(c2) << _32) | np.uint64(c3)) >> _11) * _TO_UNIT


@compiled
def pair(identity: Word, purpose: int, index: int, stock: Floats, world: Record) -> tuple[float, float]:
    """Two uniforms on [0, 1): block `index` of a purpose."""
    blocks(identity, purpose, index, ONE, stock[WIDE], stock[WIDE + 1], world)
    return stock[WIDE, 0], stock[WIDE + 1, 0]


@compiled
def claim(stock: Floats, device: int) -> None:
    """The stock is this device's, and empty if it was another's."""
    if stock[0, OWNER] != device:
        stock[0, OWNER] = device
        for row in range(PURPOSES):
            stock[row, NUMBER] = -1.0


@inlined
def place_of(row: Record, stock: Floats, purpose: int, block: int, world: Record) -> int:
    """The column of a block of a purpose in the stock, which is filled where it is not there."""
    batch, of = block // BATCH, purpose - ON_SPELL
    if stock[of, NUMBER] != batch:
        blocks(row.identity, purpose, batch * BATCH, world.batch, stock[of], stock[of, BATCH:], world)
        stock[of, NUMBER] = batch
    return block - batch * BATCH


@inlined
def single(row: Record, stock: Floats, purpose: int, index: int, world: Record) -> float:
    """Uniform number `index` of a purpose, two to a block."""
    place = place_of(row, stock, purpose, index >> 1, world)
    return stock[purpose - ON_SPELL, place + BATCH * (index & 1)]


@compiled
def draw_lengths(
    row: Record, stock: Floats, purpose: int, index: int, law: Record, values: Floats, world: Record
) -> None:
    """Fill the stock with a batch of lengths of spells, that of number `index` included."""
    own, first, lengths = values[law.first : law.last], index - index % BATCH, stock[purpose - ON_SPELL]
    place_of(row, stock, purpose, index, world)
    for i in range(world.batch):
        if law.code != WRITTEN:
            lengths[i] = duration(law.code, law.a, law.b, own, lengths[i], lengths[i + BATCH])
        elif first + i < len(own):
            lengths[i] = own[first + i]


@inlined
def ones(word: Word) -> int:
    """How many bits are set (Warren, Hacker's Delight, 2nd edition, section 5-1)."""
    word -= (word >> _1) & np.uint64(0x5555555555555555)
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@inlined
def lowest(word: Word) -> int:
    """The number of the lowest bit that is set."""
    return ones((word & (_0 - word)) - _1)


@inlined
def is_set(word: Word, bit: int) -> bool:
    """Whether a bit is set."""
    return (word >> np.uint64(bit)) & _1 == _1
