"""The life of a device as compiled code: the same rules as `processes/device.py`, on one row of integers.

Everything here is plain scalar code that numba compiles and Python also runs (`NUMBA_DISABLE_JIT=1`).
A device's state is one int64 row; the constants below name its places. Compiled code is kept in a cache
whose key covers every source it is made of (see `compiled.py`).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.fleet.compiled import compiled, inlined
from sim.fleet.epochs import (
    ACCEPTED,
    ACTIVATED,
    ADDRESS,
    ANSWERS,
    CATCHES_UP,
    CHANGE,
    COVERAGE,
    EVERY_S,
    EXPIRED,
    FIRST_MASK,
    FIRST_PUSH,
    FROM_S,
    HANDED_OVER,
    HANDED_UNTIL_S,
    IMMEDIATE,
    JITTER_S,
    LAST_MASK,
    LAST_PUSH,
    MASK_FROM_S,
    MASK_INDEX,
    MASK_KEY,
    MASK_PURPOSE,
    MASK_SHARE,
    MASK_TO_S,
    NEVER_ON,
    OFF_LAW,
    OFF_PARAMETERS,
    ON_LAW,
    ON_PARAMETERS,
    PLATFORM,
    PRESENCE,
    PRESENTED,
    PUSH_AT_S,
    PUSH_LIFETIME_S,
    PUSH_REACHES,
    REPLACED,
    RESTORED,
    SPELLS,
    STRIDE,
    STRIDE_ROW,
    SUCCESS,
    TURNS,
    VALID,
    WRITTEN,
    Floats,
    Ints,
    Tables,
)  # fmt: skip
from sim.world import distributions as world_distributions
from sim.world import draws as world_draws
from sim.world.certificates import NO_CERTIFICATE

Ints8 = NDArray[np.int8]
Ints32 = NDArray[np.int32]
Id = np.uint64
Word = np.uint64
Words = NDArray[Word]
Rows = NDArray[np.int64]

# Places in a device's row. Instants in seconds, -1 for never.
EPOCH: Final = 0
ATTEMPT: Final = 1  # number of the next attempt of the schedule
DUE: Final = 2  # when it is due
IS_ON: Final = 3
SPELL_ENDS: Final = 4
ON_SPELLS: Final = 5  # spells drawn so far
OFF_SPELLS: Final = 6
COMINGS: Final = 7  # times it came on
MISSED: Final = 8
CATCH_UP_AT: Final = 9  # a catch-up that is still to be made, -1 for none
MAIN: Final = 10  # slots
RESERVE: Final = 11
ABLE: Final = 12
RECEIVED: Final = 13
RECEIVED_AT: Final = 14
LOST: Final = 15
LOST_SINCE: Final = 16
HELPED: Final = 17
LOST_AT: Final = 18
CAUSE: Final = 19
NOTICED_AT: Final = 20
RECONNECTED_AT: Final = 21
RECONNECTED_BY: Final = 22
TIMES_LOST: Final = 23
LOST_FOR: Final = 24
SYNCS: Final = 25
LAST_SYNC_AT: Final = 26
REINSTALLS: Final = 27
HELPDESK: Final = 28  # seconds of work on it
CALLS: Final = 29
BEGUN: Final = 30  # reinstallations begun
PROFILE: Final = 31
DEVICE: Final = 32
PHASE_S: Final = 33
UNREACHABLE: Final = 34  # whether an attempt was
UNREACHABLE_SINCE: Final = 35  # first attempt of the row that lasts
UNREACHABLE_FOR: Final = 36
WAKE_AT: Final = 37  # the next second in which a push or a visit comes
PUSHED_UNTIL: Final = 38  # a push waits for it to come on up to then
VISITS_HELPED: Final = 39
ZEROED: Final = 40  # those after it are set before they are looked at
EXTRA_PURPOSE: Final = 40  # draws for the success of what `CATCH_UP_AT` announces
EXTRA_INDEX: Final = 41
ON_ITSELF: Final = 42  # whether it would be on without masks; used where there are some
TURNS_ITSELF: Final = 43  # when that turns
NEXT_MASK: Final = 44  # the first that has not been looked at
MASKED_FROM: Final = 45  # the time that masks cover now or next
MASKED_TO: Final = 46
PLACES: Final = 47

# Why `live` came back, and other arguments. Not plain ints: numba would compile anew for each of them.
_ONE: Final = np.int64(1)
_AT_START: Final = np.int64(0)
_BEFORE: Final = np.int64(-1)
AT_STOP: Final = np.int64(0)
WAS_LOST: Final = np.int64(1)
RECONNECTED: Final = np.int64(2)
HAS_RESERVE: Final = np.int64(3)

FAR_S: Final = 1 << 62
"""Later than any instant."""

_JITTER = np.uint64(int(world_draws.Purpose.JITTER))
_SUCCESS = np.uint64(int(world_draws.Purpose.SUCCESS))
_ON_SPELL = np.uint64(int(world_draws.Purpose.ON_SPELL))
_OFF_SPELL = np.uint64(int(world_draws.Purpose.OFF_SPELL))
CATCH_UP: Final = np.int64(world_draws.Purpose.CATCH_UP_SUCCESS)
CATCH_UP_AFTER_MASK: Final = np.int64(world_draws.Purpose.CATCH_UP_AFTER_MASK)
PUSH_SUCCESS: Final = np.int64(world_draws.Purpose.PUSH_SUCCESS)
VISIT: Final = np.int64(world_draws.Purpose.VISIT)
_PUSH = np.uint64(int(world_draws.Purpose.PUSH))
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

# Rows of a device's stock of draws, one after the other: those of a purpose, `BATCH` blocks at a time, ...
SUCCESSES: Final = np.int64(0)
JITTERS: Final = np.int64(1)
ON_LENGTHS: Final = np.int64(2)
OFF_LENGTHS: Final = np.int64(3)
CATCH_UPS: Final = np.int64(4)
PURPOSES: Final = 5
BATCH: Final = 8
NUMBER: Final = 2 * BATCH  # column of the number of the batch; before it the left uniforms, then the right
OWNER: Final = 2 * BATCH + 1  # of the first row: the device
WIDE: Final = 5  # ... and those of `WORD` attempts: success left, right, jitter left, right
WORD: Final = 64
STOCK: Final = (WIDE + 4, WORD // 2)


# Rows of the totals, (4 + strides, N + 1) int64 over N samples; the last place of each row is waste.
# All but the first are differences from sample to sample, those of the strides a stride apart.
SYNC_COUNT: Final = 0
CONNECTED: Final = 1
LOST_NOW: Final = 2
HOLDING: Final = 3
QUEUE: Final = 4
FIRST_STRIDE: Final = 5


class World(NamedTuple):
    """Key of the draws, sampling, horizon, first and latest reserve; whether a life ends when it receives
    that; `BATCH`, which LLVM must not know: it would unroll the loop, and compute one block at a time."""

    k0: np.uint64
    k1: np.uint64
    sample_s: int
    samples_per_s: float
    horizon_s: int
    first_reserve: int
    latest_reserve: int
    until_received: bool
    batch: int = BATCH


duration = compiled(
    world_distributions.duration,
    whole_seconds=compiled(world_distributions.whole_seconds),
    finite_exp=compiled(world_distributions.finite_exp),
    standard_normal=compiled(world_distributions.standard_normal),
)


@compiled
def blocks(
    identity: Id, purpose: Word, first: int, count: int, left: Floats, right: Floats, world: World
) -> None:
    """Two uniforms on [0, 1) for each of `count` blocks of a purpose: `Draws.pairs`, the same numbers.

    In 32-bit words, and into two arrays: only in this form are several blocks computed at once.
    """
    low, high, what = np.uint32(identity & _LOW32), np.uint32(identity >> _32), np.uint32(purpose)
    for i in range(count):
        c0, c1, c2, c3 = np.uint32(first + i), what, low, high
        k0, k1 = np.uint32(world.k0), np.uint32(world.k1)
        for _ in range(10):
            p0, p1 = _M0 * np.uint64(c0), _M1 * np.uint64(c2)
            c0, c1 = np.uint32(p1 >> _32) ^ c1 ^ k0, np.uint32(p1)
            c2, c3 = np.uint32(p0 >> _32) ^ c3 ^ k1, np.uint32(p0)
            k0, k1 = np.uint32(k0 + _W0), np.uint32(k1 + _W1)
        left[i] = np.float64(((np.uint64(c0) << _32) | np.uint64(c1)) >> _11) * _TO_UNIT
        right[i] = np.float64(((np.uint64(c2) << _32) | np.uint64(c3)) >> _11) * _TO_UNIT


@compiled
def pair(identity: Id, purpose: Word, index: int, stock: Floats, world: World) -> tuple[float, float]:
    """Two uniforms on [0, 1): block `index` of a purpose."""
    blocks(identity, purpose, index, _ONE, stock[WIDE], stock[WIDE + 1], world)
    return stock[WIDE, 0], stock[WIDE + 1, 0]


@compiled
def claim(stock: Floats, device: int) -> None:
    """The stock is this device's, and empty if it was another's."""
    if stock[0, OWNER] != device:
        stock[0, OWNER] = device
        for row in range(PURPOSES):
            stock[row, NUMBER] = -1.0


@inlined
def place_of(stock: Floats, row: int, identity: Id, purpose: Word, block: int, world: World) -> int:
    """The column of a block of a purpose in the stock, which is filled where it is not there."""
    batch = block // BATCH
    if stock[row, NUMBER] != batch:
        blocks(identity, purpose, batch * BATCH, world.batch, stock[row], stock[row, BATCH:], world)
        stock[row, NUMBER] = batch
    return block - batch * BATCH


@inlined
def single(stock: Floats, row: int, identity: Id, purpose: Word, index: int, world: World) -> float:
    """Uniform number `index` of a purpose, two to a block."""
    place = place_of(stock, row, identity, purpose, index >> 1, world)
    return stock[row, place + BATCH * (index & 1)]


@compiled
def draw_lengths(
    stock: Floats, row: int, identity: Id, index: int, kind: Ints, law: Floats, values: Floats, world: World
) -> None:
    """Fill `ON_LENGTHS` or `OFF_LENGTHS` with a batch of spells, that of number `index` included."""
    purpose, at, parameter = _ON_SPELL, ON_LAW, ON_PARAMETERS
    if row == OFF_LENGTHS:
        purpose, at, parameter = _OFF_SPELL, OFF_LAW, OFF_PARAMETERS
    code, a, b = kind[at], law[parameter], law[parameter + 1]
    own, first = values[kind[at + 1] : kind[at + 1] + kind[at + 2]], index - index % BATCH
    place_of(stock, row, identity, purpose, index, world)
    for i in range(world.batch):
        if code != WRITTEN:
            stock[row, i] = duration(code, a, b, own, stock[row, i], stock[row, i + BATCH])
        elif first + i < len(own):
            stock[row, i] = own[first + i]


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


@inlined
def sample_after(instant_s: int, totals: Ints, world: World) -> int:
    """The first sample at or after an instant; the waste behind the last, if there is none.

    By way of doubles, whose error is below the distance to a whole number, so that one mend is enough.
    """
    sample = int(instant_s * world.samples_per_s)
    if sample * world.sample_s < instant_s:
        sample += 1
    return min(sample, totals.shape[1] - 1)


@inlined
def due_at(row: Ints, stock: Floats, identity: Id, attempt: int, kind: Ints, world: World) -> int:
    """When an attempt of the schedule is due (model 5.2)."""
    due_s = row[PHASE_S] + attempt * kind[EVERY_S]
    if kind[JITTER_S] > 0:
        u = single(stock, JITTERS, identity, _JITTER, attempt, world)
        due_s += int(u * (kind[JITTER_S] + 1))
    return due_s


@compiled
def hold_from(row: Ints, instant_s: int, epochs: Ints, totals: Ints, world: World) -> None:
    """The device holds the epoch's reserve from now until that is no longer the reserve."""
    totals[HOLDING, sample_after(instant_s, totals, world)] += 1
    totals[HOLDING, sample_after(epochs[row[EPOCH], HANDED_UNTIL_S], totals, world)] -= 1


@compiled
def receive(row: Ints, instant_s: int, epochs: Ints, totals: Ints, world: World) -> None:
    """The server's reserve is written to the reserve slot (model 4.2)."""
    reserve = epochs[row[EPOCH], HANDED_OVER]
    row[RESERVE] = reserve
    if row[RECEIVED] != reserve:
        row[RECEIVED] = reserve
        row[RECEIVED_AT] = instant_s
    hold_from(row, instant_s, epochs, totals, world)


@inlined
def connect(row: Ints, instant_s: int, every_s: int, totals: Ints, world: World) -> None:
    """Count the device as connected from this synchronization on, unless it still is from the last."""
    if row[LAST_SYNC_AT] < 0 or instant_s - row[LAST_SYNC_AT] > 2 * every_s:
        disconnect(row, every_s, totals, world)
        totals[CONNECTED, sample_after(instant_s, totals, world)] += 1


@inlined
def disconnect(row: Ints, every_s: int, totals: Ints, world: World) -> None:
    """Count the device as connected up to two periods after its last synchronization, and no longer."""
    if row[LAST_SYNC_AT] >= 0:
        totals[CONNECTED, sample_after(row[LAST_SYNC_AT] + 2 * every_s + 1, totals, world)] -= 1


@inlined
def count_sync(row: Ints, instant_s: int, every_s: int, totals: Ints, world: World) -> None:
    """One synchronization more."""
    totals[SYNC_COUNT, sample_after(instant_s, totals, world)] += 1
    connect(row, instant_s, every_s, totals, world)
    row[SYNCS] += 1
    row[LAST_SYNC_AT] = instant_s


@compiled
def synchronize(row: Ints, instant_s: int, epochs: Ints, every_s: int, totals: Ints, world: World) -> bool:
    """The server accepted it now; true if a lost device is reconnected by it (model 5.4 d)."""
    epoch = row[EPOCH]
    if row[MAIN] != epochs[epoch, PRESENTED]:
        row[MAIN] = epochs[epoch, PRESENTED]
        row[RESERVE] = NO_CERTIFICATE
    if epochs[epoch, HANDED_OVER] >= 0 and row[RESERVE] != epochs[epoch, HANDED_OVER]:
        receive(row, instant_s, epochs, totals, world)
    count_sync(row, instant_s, every_s, totals, world)
    if row[LOST] == 0:
        return False
    if row[RECONNECTED_AT] < 0:
        row[RECONNECTED_AT] = instant_s
        row[RECONNECTED_BY] = 2 if row[HELPED] == 1 else 1
    row[LOST_FOR] += instant_s - row[LOST_SINCE]
    row[LOST] = 0
    totals[LOST_NOW, sample_after(instant_s, totals, world)] -= 1
    return True


@compiled
def reach(row: Ints, instant_s: int) -> None:
    """An attempt reaches the server: a row of unreachable ones ends (model 8)."""
    if row[UNREACHABLE_SINCE] >= 0:
        row[UNREACHABLE_FOR] += instant_s - row[UNREACHABLE_SINCE]
        row[UNREACHABLE_SINCE] = -1


@compiled
def count_regular(row: Ints, until_s: int, kind: Ints, totals: Ints, world: World) -> None:
    """All attempts due up to `until_s` are synchronizations, one every period, and nothing else."""
    every_s = kind[EVERY_S]
    first_s = row[DUE]
    syncs = (until_s - first_s) // every_s + 1
    connect(row, first_s, every_s, totals, world)
    row[ATTEMPT] += syncs
    row[DUE] += syncs * every_s
    row[SYNCS] += syncs
    row[LAST_SYNC_AT] = row[DUE] - every_s
    first = sample_after(first_s, totals, world)
    if kind[STRIDE] == 0:
        for i in range(syncs):
            totals[SYNC_COUNT, sample_after(first_s + i * every_s, totals, world)] += 1
        return
    stride_row = FIRST_STRIDE + kind[STRIDE_ROW]
    totals[stride_row, first] += 1
    if first + syncs * kind[STRIDE] < totals.shape[1] - 1:
        totals[stride_row, first + syncs * kind[STRIDE]] -= 1


@inlined
def sync_steadily(
    row: Ints, stock: Floats, identity: Id, until_s: int, kind: Ints, law: Floats, totals: Ints, world: World
) -> None:
    """Attempts due up to `until_s`, one at least, are synchronizations where they succeed, and no more."""
    if kind[JITTER_S] == 0 and law[SUCCESS] == 1.0:
        count_regular(row, until_s, kind, totals, world)
        return
    end = (until_s - row[PHASE_S]) // kind[EVERY_S] + 1
    if kind[JITTER_S] > 0 and due_at(row, stock, identity, end - 1, kind, world) > until_s:
        end -= 1
    if end - row[ATTEMPT] >= WORD // 2:
        sync_many(row, stock, identity, end, kind, law, totals, world)
    else:
        for attempt in range(row[ATTEMPT], end):
            if law[SUCCESS] < 1.0:
                u = single(stock, SUCCESSES, identity, _SUCCESS, attempt, world)
                if u >= law[SUCCESS]:
                    continue
            due_s = due_at(row, stock, identity, attempt, kind, world)
            count_sync(row, due_s, kind[EVERY_S], totals, world)
    row[ATTEMPT] = end
    row[DUE] = due_at(row, stock, identity, end, kind, world)


@inlined
def due_within(first_s: int, i: int, every_s: int, jitter_s: int, jitters: Floats) -> int:
    """When attempt `i` of a word is due; the uniforms of its jitter are left and right in turn."""
    due_s = first_s + i * every_s
    if jitter_s > 0:
        due_s += int(jitters[i & 1, i >> 1] * (jitter_s + 1))
    return due_s


@compiled
def sync_many(
    row: Ints, stock: Floats, identity: Id, end: int, kind: Ints, law: Floats, totals: Ints, world: World
) -> None:
    """Attempts up to number `end`, a word of bits at a time: which of them succeed.

    Only where several in a row failed can the device have counted as not connected.
    """
    every_s, jitter_s, stride = kind[EVERY_S], kind[JITTER_S], kind[STRIDE]
    left, right, jitters = stock[WIDE], stock[WIDE + 1], stock[WIDE + 2 :]
    first = row[ATTEMPT] - (row[ATTEMPT] & 1)
    tried = ~_0 - np.uint64(row[ATTEMPT] & 1)
    while first < end:
        count = min(end - first, WORD)
        half = (count + 1) // 2
        first_s = row[PHASE_S] + first * every_s
        if count < WORD:
            tried &= (_1 << np.uint64(count)) - _1
        word = tried
        if law[SUCCESS] < 1.0:
            blocks(identity, _SUCCESS, first // 2, half, left, right, world)
            lefts, rights = _0, _0
            for i in range(half):
                lefts |= np.uint64(left[i] < law[SUCCESS]) << np.uint64(2 * i)
                rights |= np.uint64(right[i] < law[SUCCESS]) << np.uint64(2 * i)
            word &= lefts | (rights << _1)
        if jitter_s > 0:
            blocks(identity, _JITTER, first // 2, half, jitters[0], jitters[1], world)
        if jitter_s == 0 and stride > 0:
            sample = sample_after(first_s, totals, world)
            begin, past = sample + lowest(tried) * stride, sample + count * stride
            totals[FIRST_STRIDE + kind[STRIDE_ROW], begin] += 1
            if past < totals.shape[1] - 1:
                totals[FIRST_STRIDE + kind[STRIDE_ROW], past] -= 1
            failed = tried & ~word
            while failed != _0:
                totals[SYNC_COUNT, sample + lowest(failed) * stride] -= 1
                failed &= failed - _1
        else:
            for i in range(count):
                due_s = due_within(first_s, i, every_s, jitter_s, jitters)
                totals[SYNC_COUNT, sample_after(due_s, totals, world)] += is_set(word, i)
        row[SYNCS] += ones(word)
        back = word & ~(word << _1)
        if jitter_s == 0:
            back &= ~(word << np.uint64(2))
        while True:
            i = lowest(back) if back != _0 else count
            last = i - 1
            while last >= 0 and not is_set(word, last):
                last -= 1
            if last >= 0:
                row[LAST_SYNC_AT] = due_within(first_s, last, every_s, jitter_s, jitters)
            if back == _0:
                break
            connect(row, due_within(first_s, i, every_s, jitter_s, jitters), every_s, totals, world)
            back &= back - _1
        tried = ~_0
        first += WORD


@inlined
def pass_over(row: Ints, stock: Floats, identity: Id, until_s: int, kind: Ints, world: World) -> None:
    """Attempts due up to `until_s` change nothing; the next is the first after it."""
    surely = (until_s + 1 - kind[JITTER_S] - row[PHASE_S]) // kind[EVERY_S]
    row[ATTEMPT] = max(row[ATTEMPT], surely)
    row[DUE] = due_at(row, stock, identity, row[ATTEMPT], kind, world)
    while row[DUE] <= until_s:
        row[ATTEMPT] += 1
        row[DUE] = due_at(row, stock, identity, row[ATTEMPT], kind, world)


@compiled
def cross(
    row: Ints, epochs: Ints, held: Ints, platform: int, totals: Ints, coverage: Ints, world: World
) -> bool:
    """The next control instant: true if the device is lost by it (model 5.5)."""
    row[EPOCH] += 1
    epoch = row[EPOCH]
    main = epochs[epoch, PRESENTED]
    holds = main == row[MAIN] or main == row[RESERVE]
    is_lost = False
    if epochs[epoch, COVERAGE] >= 0 and holds:
        coverage[epochs[epoch, COVERAGE], row[PROFILE]] += 1
    if epochs[epoch, CHANGE] != 0:
        able = holds and epochs[epoch, VALID] == 1 and epochs[epoch, ACCEPTED + platform] == 1
        is_lost = row[ABLE] == 1 and not able
        row[ABLE] = 1 if able else 0
        if is_lost:
            lose(row, holds, epochs, held, totals, world)
    reserve = epochs[epoch, HANDED_OVER]
    is_new = reserve >= 0 and epochs[epoch - 1, HANDED_OVER] != reserve
    if is_new and (reserve == row[MAIN] or reserve == row[RESERVE]):
        hold_from(row, epochs[epoch, FROM_S], epochs, totals, world)
    return is_lost


@compiled
def lose(row: Ints, holds: bool, epochs: Ints, held: Ints, totals: Ints, world: World) -> None:
    """The device stops being able to authenticate."""
    epoch = row[EPOCH]
    now_s = epochs[epoch, FROM_S]
    row[TIMES_LOST] += 1
    row[HELPED] = 0
    if row[LOST] == 0:
        row[LOST] = 1
        row[LOST_SINCE] = now_s
        totals[LOST_NOW, sample_after(now_s, totals, world)] += 1
    if row[LOST_AT] >= 0:
        return
    row[LOST_AT] = now_s
    if epochs[epoch, CHANGE] == IMMEDIATE:
        row[CAUSE] = 4
    elif epochs[epoch, CHANGE] == RESTORED:
        row[CAUSE] = 5
    elif epochs[epoch, CHANGE] == EXPIRED or epochs[epoch, VALID] == 0:
        row[CAUSE] = 3
    elif holds:
        row[CAUSE] = 6
    elif row[RESERVE] >= 0 and held[row[RESERVE], REPLACED] <= epoch:
        row[CAUSE] = 2
    else:
        row[CAUSE] = 1


@compiled
def is_hit(stock: Floats, identity: Id, mask: Floats, world: World) -> bool:
    """Whether a mask takes the device (model 12)."""
    if mask[MASK_SHARE] >= 1.0:
        return True
    key = np.uint64(mask[MASK_KEY]) | (np.uint64(mask[MASK_KEY + 1]) << _32)
    u, _ = pair(identity ^ key, np.uint64(mask[MASK_PURPOSE]), int(mask[MASK_INDEX]), stock, world)
    return u < mask[MASK_SHARE]


@compiled
def next_mask(row: Ints, stock: Floats, identity: Id, kind: Ints, masks: Floats, world: World) -> None:
    """The next unbroken time that masks cover, into `MASKED_FROM` and `MASKED_TO`."""
    row[MASKED_FROM] = FAR_S
    row[MASKED_TO] = FAR_S
    while row[NEXT_MASK] < kind[LAST_MASK]:
        mask = masks[row[NEXT_MASK]]
        from_s, to_s = int(mask[MASK_FROM_S]), int(mask[MASK_TO_S])
        if row[MASKED_FROM] < FAR_S and from_s > row[MASKED_TO]:
            break
        row[NEXT_MASK] += 1
        if not is_hit(stock, identity, mask, world):
            continue
        if row[MASKED_FROM] == FAR_S:
            row[MASKED_FROM] = from_s
            row[MASKED_TO] = to_s
        else:
            row[MASKED_TO] = max(row[MASKED_TO], to_s)


@compiled
def begin_masked(row: Ints, stock: Floats, identity: Id, kind: Ints, masks: Floats, world: World) -> None:
    """Where a device stands at second 0 that masks may cover."""
    row[ON_ITSELF] = row[IS_ON]
    row[TURNS_ITSELF] = row[SPELL_ENDS] if kind[TURNS] == 1 else FAR_S
    row[NEXT_MASK] = kind[FIRST_MASK]
    next_mask(row, stock, identity, kind, masks, world)
    look_through(row, _AT_START)


@compiled
def look_through(row: Ints, instant_s: int) -> None:
    """Whether it is on now, under the masks, and up to when at least."""
    is_masked = row[MASKED_FROM] <= instant_s
    row[IS_ON] = 1 if row[ON_ITSELF] == 1 and not is_masked else 0
    row[SPELL_ENDS] = min(row[TURNS_ITSELF], row[MASKED_TO] if is_masked else row[MASKED_FROM])


@inlined
def own_spell(
    row: Ints, stock: Floats, identity: Id, is_on: bool, kind: Ints, law: Floats, values: Floats, world: World
) -> int:
    """The length of the spell that begins now, of being on or off but for masks."""
    which = ON_LENGTHS if is_on else OFF_LENGTHS
    index = row[ON_SPELLS] if is_on else row[OFF_SPELLS]
    if is_on:
        row[ON_SPELLS] += 1
        row[COMINGS] += 1
    else:
        row[OFF_SPELLS] += 1
    if stock[which, NUMBER] != index // BATCH:
        draw_lengths(stock, which, identity, index, kind, law, values, world)
    return int(stock[which, index % BATCH])


@inlined
def turn(
    row: Ints,
    stock: Floats,
    identity: Id,
    kind: Ints,
    law: Floats,
    values: Floats,
    masks: Floats,
    world: World,
) -> bool:
    """A spell ends, or a mask begins or ends: whether it comes on by it, by itself."""
    turned_s = row[SPELL_ENDS]
    if kind[FIRST_MASK] == kind[LAST_MASK]:
        row[IS_ON] = 1 - row[IS_ON]
        row[SPELL_ENDS] += own_spell(row, stock, identity, row[IS_ON] == 1, kind, law, values, world)
        return row[IS_ON] == 1
    comes_on_itself = False
    if row[TURNS_ITSELF] == turned_s:
        row[ON_ITSELF] = 1 - row[ON_ITSELF]
        row[TURNS_ITSELF] += own_spell(row, stock, identity, row[ON_ITSELF] == 1, kind, law, values, world)
        comes_on_itself = row[ON_ITSELF] == 1
    if row[MASKED_TO] == turned_s:
        next_mask(row, stock, identity, kind, masks, world)
    look_through(row, turned_s)
    return comes_on_itself


@inlined
def next_attempt(
    row: Ints, stock: Floats, identity: Id, until_s: int, kind: Ints, law: Floats, values: Floats,
    masks: Floats, world: World,
) -> int:  # fmt: skip
    """When it tries next, later than `until_s` if not by then; spells are lived through on the way.

    An attempt beside the schedule is announced in `CATCH_UP_AT`.
    """
    while row[IS_ON] == 0 or row[DUE] >= row[SPELL_ENDS]:
        turned_s, was_on = row[SPELL_ENDS], row[IS_ON]
        if turned_s > until_s:
            return FAR_S
        comes_on_itself = turn(row, stock, identity, kind, law, values, masks, world)
        if row[IS_ON] == was_on:
            continue
        if was_on == 1:
            row[MISSED] = 0
            continue
        skip_to(row, stock, identity, turned_s, kind, world)
        purpose = CATCH_UP if comes_on_itself else CATCH_UP_AFTER_MASK
        index = row[COMINGS] - 1 if comes_on_itself else 2 * turned_s
        if come_on(row, turned_s, kind, purpose, index):
            return turned_s
    return row[DUE]


@compiled
def go_quietly(
    row: Ints, stock: Floats, identity: Id, until_s: int, kind: Ints, law: Floats, values: Floats,
    masks: Floats, world: World,
) -> None:  # fmt: skip
    """Spells and attempts up to `until_s`, of which nothing comes."""
    past_s = until_s if row[IS_ON] == 1 else -1
    while row[SPELL_ENDS] <= until_s:
        turned_s, was_on = row[SPELL_ENDS], row[IS_ON]
        turn(row, stock, identity, kind, law, values, masks, world)
        if row[IS_ON] != was_on:
            past_s = turned_s - 1 if was_on == 1 else until_s
            row[MISSED] = 0
            row[PUSHED_UNTIL] = -1
    pass_over(row, stock, identity, past_s, kind, world)


@compiled
def go_steadily(
    row: Ints, stock: Floats, identity: Id, until_s: int, kind: Ints, law: Floats, values: Floats,
    masks: Floats, totals: Ints, world: World,
) -> None:  # fmt: skip
    """Spells and attempts up to `until_s`, which are synchronizations where they succeed, and no more."""
    while True:
        at_s = next_attempt(row, stock, identity, until_s, kind, law, values, masks, world)
        if at_s > until_s:
            return
        if row[CATCH_UP_AT] < 0:
            sync_steadily(row, stock, identity, min(row[SPELL_ENDS] - 1, until_s), kind, law, totals, world)
            continue
        row[CATCH_UP_AT] = -1
        if succeeds_beside(row, stock, identity, law, world):
            count_sync(row, at_s, kind[EVERY_S], totals, world)


@compiled
def succeeds_beside(row: Ints, stock: Floats, identity: Id, law: Floats, world: World) -> bool:
    """Whether an attempt beside the schedule succeeds."""
    if law[SUCCESS] == 1.0 or row[EXTRA_PURPOSE] == VISIT:
        return True
    purpose = np.uint64(row[EXTRA_PURPOSE])
    if row[EXTRA_PURPOSE] == CATCH_UP:
        return single(stock, CATCH_UPS, identity, purpose, row[EXTRA_INDEX], world) < law[SUCCESS]
    left, right = pair(identity, purpose, row[EXTRA_INDEX] >> 1, stock, world)
    return (right if row[EXTRA_INDEX] & 1 else left) < law[SUCCESS]


@inlined
def skip_to(row: Ints, stock: Floats, identity: Id, instant_s: int, kind: Ints, world: World) -> None:
    """Attempts due before the instant are missed."""
    if row[DUE] >= instant_s:
        return
    row[MISSED] = 1
    pass_over(row, stock, identity, instant_s - 1, kind, world)


@compiled
def set_wake(row: Ints, after_s: int, kind: Ints, pushes: Floats, visits: Ints) -> None:
    """The next second in which a push or a visit comes, into `WAKE_AT`."""
    wake_s = FAR_S
    for place in range(kind[FIRST_PUSH], kind[LAST_PUSH]):
        push_s = int(pushes[place, PUSH_AT_S])
        if push_s > after_s:
            wake_s = min(wake_s, push_s)
    for chase in range(len(visits)):
        visit_s = visits[chase, row[DEVICE]]
        if visit_s > after_s:
            wake_s = min(wake_s, visit_s)
    row[WAKE_AT] = wake_s


@compiled
def wake(
    row: Ints, stock: Floats, identity: Id, at_s: int, kind: Ints, pushes: Floats, visits: Ints, world: World
) -> None:
    """Pushes and visits of a second (model 10); its own next attempt is then, or later, at `at_s`."""
    now_s = row[WAKE_AT]
    is_asked, is_visited = False, False
    for place in range(kind[FIRST_PUSH], kind[LAST_PUSH]):
        push = pushes[place]
        if int(push[PUSH_AT_S]) != now_s:
            continue
        u, _ = pair(identity, _PUSH, now_s, stock, world)
        if u >= push[PUSH_REACHES]:
            continue
        if row[IS_ON] == 1:
            is_asked = True
        else:
            row[PUSHED_UNTIL] = max(row[PUSHED_UNTIL], now_s + int(push[PUSH_LIFETIME_S]))
    for chase in range(len(visits)):
        if visits[chase, row[DEVICE]] == now_s:
            is_visited = True
    set_wake(row, now_s, kind, pushes, visits)
    if is_visited:  # in the place of its own attempt
        if row[CATCH_UP_AT] < 0 and row[IS_ON] == 1 and row[DUE] == now_s:
            row[ATTEMPT] += 1
            row[DUE] = due_at(row, stock, identity, row[ATTEMPT], kind, world)
        row[CATCH_UP_AT] = now_s
        row[EXTRA_PURPOSE] = VISIT
    elif is_asked and at_s > now_s:
        row[CATCH_UP_AT] = now_s
        row[EXTRA_PURPOSE] = PUSH_SUCCESS
        row[EXTRA_INDEX] = 2 * now_s


@inlined
def come_on(row: Ints, turned_s: int, kind: Ints, purpose: int, index: int) -> bool:
    """Coming on now: true if it makes an attempt beside its schedule, to catch up or since it was pushed."""
    is_pushed = row[PUSHED_UNTIL] >= turned_s
    row[PUSHED_UNTIL] = -1
    if row[DUE] == turned_s:
        return False
    if row[MISSED] == 1 and kind[CATCHES_UP] == 1:
        row[EXTRA_PURPOSE] = purpose
        row[EXTRA_INDEX] = index
    elif is_pushed:
        row[EXTRA_PURPOSE] = PUSH_SUCCESS
        row[EXTRA_INDEX] = 2 * turned_s
    else:
        return False
    row[CATCH_UP_AT] = turned_s
    return True


@compiled
def live(
    row: Ints,
    stock: Floats,
    identity: Id,
    stop_s: int,
    stop_on: int,
    epochs: Ints,
    held: Ints,
    kind: Ints,
    law: Floats,
    values: Floats,
    masks: Floats,
    pushes: Floats,
    visits: Ints,
    totals: Ints,
    coverage: Ints,
    world: World,
) -> int:
    """Let the device live up to and including the attempts of `stop_s`.

    Args:
        row: its state.
        stock: `STOCK` of draws that were made ahead.
        identity: of its draws.
        stop_s: last second; below the horizon.
        stop_on: `WAS_LOST`, `RECONNECTED` or `HAS_RESERVE` (the latest one) to come back as soon as that
            happens, else `AT_STOP`.
        epochs, held, values, masks, pushes: of the `Tables`.
        visits: (chases, devices) instants of the visits that find a device, `FAR_S` where there is none.
        kind, law: the device's rows of the `Tables`.
        totals: what it adds to.
        coverage: (changes, profiles) devices that held the certificate about to become main.
        world: key, sampling, horizon.

    Returns:
        why it came back: one of the four.
    """
    platform, every_s = kind[PLATFORM], kind[EVERY_S]
    has_spells = kind[PRESENCE] == SPELLS
    last_epoch = len(epochs) - 2
    claim(stock, row[DEVICE])
    while True:
        wake_s = row[WAKE_AT]
        at_s = row[CATCH_UP_AT]
        if at_s < 0 and has_spells:
            last_s = min(stop_s, wake_s)
            at_s = next_attempt(row, stock, identity, last_s, kind, law, values, masks, world)
        elif at_s < 0:
            at_s = row[DUE] if row[IS_ON] == 1 else FAR_S
        if at_s >= wake_s and wake_s <= stop_s:
            wake(row, stock, identity, at_s, kind, pushes, visits, world)
            continue
        limit_s = min(at_s, stop_s)
        while row[EPOCH] < last_epoch and epochs[row[EPOCH] + 1, FROM_S] <= limit_s:
            if cross(row, epochs, held, platform, totals, coverage, world) and stop_on == WAS_LOST:
                return WAS_LOST
        if at_s > stop_s:
            return AT_STOP
        epoch = row[EPOCH]
        main, reserve = epochs[epoch, PRESENTED], epochs[epoch, HANDED_OVER]
        holds = main == row[MAIN] or main == row[RESERVE]
        if holds:
            is_answered = epochs[epoch, ANSWERS] == 1
        elif row[RESERVE] >= 0 and held[row[RESERVE], ACTIVATED] <= epoch:
            is_answered = epochs[epoch, held[row[RESERVE], ADDRESS]] == 1
        else:
            is_answered = epochs[epoch, held[row[MAIN], ADDRESS]] == 1
        if is_answered:
            reach(row, at_s)
        else:
            row[UNREACHABLE] = 1
            if row[UNREACHABLE_SINCE] < 0:
                row[UNREACHABLE_SINCE] = at_s
        accepts = holds and epochs[epoch, VALID] == 1 and epochs[epoch, ACCEPTED + platform] == 1
        notices = row[LOST] == 1 and row[RECONNECTED_AT] < 0 and row[NOTICED_AT] < 0
        is_steady = row[MAIN] == main and (reserve < 0 or row[RESERVE] == reserve) and row[LOST] == 0

        is_idle = not is_answered or not (accepts or notices)
        if row[CATCH_UP_AT] < 0:  # what no longer changes anything is done at a stroke
            if is_idle or (accepts and is_steady):
                until_s = min(epochs[epoch + 1, FROM_S] - 1, min(stop_s, wake_s - 1))
                if not has_spells and is_idle:
                    pass_over(row, stock, identity, until_s, kind, world)
                elif not has_spells:
                    sync_steadily(row, stock, identity, until_s, kind, law, totals, world)
                elif is_idle:
                    go_quietly(row, stock, identity, until_s, kind, law, values, masks, world)
                else:
                    go_steadily(row, stock, identity, until_s, kind, law, values, masks, totals, world)
                continue
            succeeds = law[SUCCESS] == 1.0
            if not succeeds:
                u = single(stock, SUCCESSES, identity, _SUCCESS, row[ATTEMPT], world)
                succeeds = u < law[SUCCESS]
            row[ATTEMPT] += 1
            row[DUE] = due_at(row, stock, identity, row[ATTEMPT], kind, world)
        else:
            row[CATCH_UP_AT] = -1
            succeeds = succeeds_beside(row, stock, identity, law, world)
            is_visit = row[EXTRA_PURPOSE] == VISIT
            if is_visit and is_answered and accepts and reserve >= 0 and row[RESERVE] != reserve:
                row[VISITS_HELPED] += 1

        if not (is_answered and succeeds):
            continue
        if accepts:
            is_back = synchronize(row, at_s, epochs, every_s, totals, world)
            if is_back and stop_on == RECONNECTED:
                return RECONNECTED
            if stop_on == HAS_RESERVE and row[RECEIVED] == world.latest_reserve:
                return HAS_RESERVE
        elif notices:
            row[NOTICED_AT] = at_s


# Columns of the rows with which devices start; see `Fleet` and `Roster`.
START_PROFILE: Final = 0
START_PHASE_S: Final = 1
STARTS_ON: Final = 2
START_SPELL_S: Final = 3
STARTS_SILENT: Final = 4
STARTS_HOLDING: Final = 5
NEVER_CONNECTED: Final = 6
START_COLUMNS: Final = 7


WIDE_COLUMNS: Final = (
    *("reserve_received_at_s", "lost_at_s", "noticed_at_s", "reconnected_at_s", "lost_for_s"),
    *("syncs", "last_sync_at_s", "helpdesk_s", "unreachable_for_s"),
)
MIDDLE_COLUMNS: Final = ("times_lost", "reinstalls", "visits_helped")
NARROW_COLUMNS: Final = ("lost_cause", "reconnected_by", "unreachable", "holds", "is_lost")


class Settled(NamedTuple):
    """What became of the devices: a row for each column of `Devices`, and `is_lost`, and whether a device
    `holds` the latest reserve. The names of the rows stand above."""

    wide: Ints
    middle: Ints32
    narrow: Ints8


@compiled
def copy(row: Ints, into: Ints) -> None:
    """A state into another row; not an assignment of arrays, which takes seconds to compile."""
    for place in range(PLACES):
        into[place] = row[place]


@compiled
def begin(
    row: Ints,
    stock: Floats,
    device: int,
    identity: Id,
    start: Ints,
    epochs: Ints,
    kind: Ints,
    masks: Floats,
    pushes: Floats,
    visits: Ints,
    world: World,
) -> None:
    """A device's state before anything happens."""
    for place in range(ZEROED):
        row[place] = 0
    row[PROFILE] = start[START_PROFILE]
    row[DEVICE] = device
    claim(stock, device)
    row[PHASE_S] = start[START_PHASE_S]
    row[IS_ON] = start[STARTS_ON]
    row[SPELL_ENDS] = start[START_SPELL_S]
    row[MISSED] = start[STARTS_SILENT]
    row[CATCH_UP_AT] = -1
    row[MAIN] = epochs[0, PRESENTED]
    row[RESERVE] = NO_CERTIFICATE
    row[RECEIVED] = NO_CERTIFICATE
    row[RECEIVED_AT] = -1
    if start[STARTS_HOLDING] == 1:
        row[RESERVE] = world.first_reserve
        row[RECEIVED] = world.first_reserve
        row[RECEIVED_AT] = 0
    row[ABLE] = epochs[0, ACCEPTED + kind[PLATFORM]]
    row[LOST_AT] = -1
    row[NOTICED_AT] = -1
    row[RECONNECTED_AT] = -1
    row[LAST_SYNC_AT] = -1
    row[UNREACHABLE_SINCE] = -1
    row[PUSHED_UNTIL] = -1
    row[WAKE_AT] = FAR_S
    if kind[FIRST_PUSH] < kind[LAST_PUSH] or len(visits) > 0:
        set_wake(row, _BEFORE, kind, pushes, visits)
    row[DUE] = due_at(row, stock, identity, row[ATTEMPT], kind, world)
    if kind[PRESENCE] == SPELLS and kind[FIRST_MASK] < kind[LAST_MASK]:
        begin_masked(row, stock, identity, kind, masks, world)
    if start[NEVER_CONNECTED] == 1:
        row[MAIN] = NO_CERTIFICATE
        row[RESERVE] = NO_CERTIFICATE
        row[RECEIVED] = NO_CERTIFICATE
        row[RECEIVED_AT] = -1
        row[ABLE] = 0


@compiled
def settle(row: Ints, every_s: int, into: Settled, totals: Ints, world: World) -> None:
    """Write what became of a device at the end of the run; where its life ends early, only when that was."""
    wide, middle, narrow, place = into.wide, into.middle, into.narrow, row[DEVICE]
    received = row[RECEIVED] == world.latest_reserve and row[RECEIVED_AT] >= 0
    wide[0, place] = row[RECEIVED_AT] if received else -1
    if world.until_received:
        return
    disconnect(row, every_s, totals, world)
    wide[1, place] = row[LOST_AT]
    wide[2, place] = row[NOTICED_AT]
    wide[3, place] = row[RECONNECTED_AT]
    wide[4, place] = row[LOST_FOR] + (world.horizon_s - row[LOST_SINCE] if row[LOST] == 1 else 0)
    wide[5, place] = row[SYNCS]
    wide[6, place] = row[LAST_SYNC_AT]
    wide[7, place] = row[HELPDESK]
    since_s = row[UNREACHABLE_SINCE] if row[UNREACHABLE_SINCE] >= 0 else world.horizon_s
    wide[8, place] = row[UNREACHABLE_FOR] + world.horizon_s - since_s
    middle[0, place] = row[TIMES_LOST]
    middle[1, place] = row[REINSTALLS]
    middle[2, place] = row[VISITS_HELPED]
    narrow[0, place] = row[CAUSE]
    narrow[1, place] = row[RECONNECTED_BY]
    narrow[2, place] = row[UNREACHABLE]
    holds = row[MAIN] == world.latest_reserve or row[RESERVE] == world.latest_reserve
    narrow[3, place] = 1 if holds else 0
    narrow[4, place] = row[LOST]


def run_devices(
    first: int,
    last: int,
    starts: Rows,
    identities: Words,
    tables: Tables,
    visits: Ints,
    totals: Ints,
    coverage: Ints,
    settled: Settled,
    paused: Rows,
    row: Ints,
    stock: Floats,
    world: World,
) -> int:
    """Let devices `first` to `last` live; those that call for help wait at their loss.

    Args:
        starts: (last - first, `START_COLUMNS`) where they stand at the start.
        identities: of all devices.
        visits: as for `live`.
        settled: for what became of those that do not call.
        paused: (last - first, PLACES) for the rows of those that call; (0, PLACES) without a help desk.
        row: (PLACES,) to work with.
        stock: `STOCK` to work with.

    Returns:
        how many rows of `paused` were filled.
    """
    epochs, held, kinds, laws, values, masks, pushes = tables
    waiting = 0
    for device in range(first, last):
        start = starts[device - first]
        kind, law = kinds[start[START_PROFILE]], laws[start[START_PROFILE]]
        begin(row, stock, device, identities[device], start, epochs, kind, masks, pushes, visits, world)
        if start[NEVER_CONNECTED] == 1:
            settle(row, kind[EVERY_S], settled, totals, world)
            continue
        stop_on = WAS_LOST if len(paused) > 0 and kind[PRESENCE] != NEVER_ON else AT_STOP
        if world.until_received:
            stop_on = HAS_RESERVE
        why = live(
            row, stock, identities[device], world.horizon_s - 1, stop_on,
            epochs, held, kind, law, values, masks, pushes, visits, totals, coverage, world,
        )  # fmt: skip
        if why == WAS_LOST:
            copy(row, paused[waiting])
            waiting += 1
        else:
            settle(row, kind[EVERY_S], settled, totals, world)
    return waiting


run_devices = compiled(run_devices, is_entry=True)
