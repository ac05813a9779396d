"""The life of a device as compiled code: the same rules as `processes/device.py`, on one row of integers.

Everything here is plain scalar code that numba compiles and Python also runs (`NUMBA_DISABLE_JIT=1`).
A device's state is one int64 row; the constants below name its places. Compiled code is kept in a cache
whose key covers every source it is made of (see `compiled.py`).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.fleet.compiled import compiled
from sim.fleet.epochs import (
    ACCEPTED,
    ACTIVATED,
    ANSWERED,
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
    Bools,
    Floats,
    Ints,
    Tables,
)  # fmt: skip
from sim.world import distributions as world_distributions
from sim.world import draws as world_draws
from sim.world.certificates import NO_CERTIFICATE

Ints8 = NDArray[np.int8]
Ints32 = NDArray[np.int32]
Words = NDArray[np.uint64]
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

# Why `live` came back. Not plain ints: numba would compile `live` anew for each of them.
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
CATCH_UP: Final = int(world_draws.Purpose.CATCH_UP_SUCCESS)
CATCH_UP_AFTER_MASK: Final = int(world_draws.Purpose.CATCH_UP_AFTER_MASK)
PUSH_SUCCESS: Final = int(world_draws.Purpose.PUSH_SUCCESS)
VISIT: Final = int(world_draws.Purpose.VISIT)
_PUSH = np.uint64(int(world_draws.Purpose.PUSH))
_LOW32 = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_11 = np.uint64(11)
_TO_UNIT = 2.0**-53


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
    that. Numbers only: a tuple of arrays costs a reference count at every look, which is dearer than the
    look (measured: six times the whole run)."""

    k0: np.uint64
    k1: np.uint64
    sample_s: int
    samples_per_s: float
    horizon_s: int
    first_reserve: int
    latest_reserve: int
    until_received: bool


philox4x32 = compiled(world_draws.philox4x32)
duration = compiled(
    world_distributions.duration,
    whole_seconds=compiled(world_distributions.whole_seconds),
    finite_exp=compiled(world_distributions.finite_exp),
    standard_normal=compiled(world_distributions.standard_normal),
)


@compiled
def pair(identity: np.uint64, purpose: np.uint64, index: int, world: World) -> tuple[float, float]:
    """Two uniforms on [0, 1): block `index` of a purpose; `Draws.pair` in scalars."""
    w0, w1, w2, w3 = philox4x32(
        np.uint64(index), purpose, identity & _LOW32, identity >> _32, world.k0, world.k1
    )
    left = np.float64(((w0 << _32) | w1) >> _11) * _TO_UNIT
    right = np.float64(((w2 << _32) | w3) >> _11) * _TO_UNIT
    return left, right


@compiled
def single(identity: np.uint64, purpose: np.uint64, index: int, world: World) -> float:
    """Uniform number `index` of a purpose, two to a block."""
    left, right = pair(identity, purpose, index >> 1, world)
    return right if index & 1 else left


@compiled
def spell(
    identity: np.uint64, purpose: np.uint64, index: int, kind: Ints, law: Floats, values: Floats, world: World
) -> int:
    """Length of spell number `index`, in seconds; `kind` and `law` begin at the distribution's columns."""
    if kind[0] == WRITTEN:
        return int(values[kind[1] + index])
    u, v = pair(identity, purpose, index, world)
    return duration(kind[0], law[0], law[1], values[kind[1] : kind[1] + kind[2]], u, v)


@compiled
def sample_after(instant_s: int, totals: Ints, world: World) -> int:
    """The first sample at or after an instant; the waste behind the last, if there is none.

    A division of integers, by way of a multiplication of doubles and a mend of its rounding.
    """
    sample = int(instant_s * world.samples_per_s)
    while sample * world.sample_s < instant_s:
        sample += 1
    while (sample - 1) * world.sample_s >= instant_s:
        sample -= 1
    return min(sample, totals.shape[1] - 1)


@compiled
def due_at(row: Ints, identity: np.uint64, attempt: int, kind: Ints, world: World) -> int:
    """When an attempt of the schedule is due (model 5.2)."""
    due_s = row[PHASE_S] + attempt * kind[EVERY_S]
    if kind[JITTER_S] > 0:
        u = single(identity, _JITTER, attempt, world)
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


@compiled
def connect(row: Ints, instant_s: int, every_s: int, totals: Ints, world: World) -> None:
    """Count the device as connected from this synchronization on, unless it still is from the last."""
    if row[LAST_SYNC_AT] < 0 or instant_s - row[LAST_SYNC_AT] > 2 * every_s:
        disconnect(row, every_s, totals, world)
        totals[CONNECTED, sample_after(instant_s, totals, world)] += 1


@compiled
def disconnect(row: Ints, every_s: int, totals: Ints, world: World) -> None:
    """Count the device as connected up to two periods after its last synchronization, and no longer."""
    if row[LAST_SYNC_AT] >= 0:
        totals[CONNECTED, sample_after(row[LAST_SYNC_AT] + 2 * every_s + 1, totals, world)] -= 1


@compiled
def synchronize(row: Ints, instant_s: int, epochs: Ints, every_s: int, totals: Ints, world: World) -> bool:
    """The server accepted it now; true if a lost device is reconnected by it (model 5.4 d)."""
    epoch = row[EPOCH]
    if row[MAIN] != epochs[epoch, PRESENTED]:
        row[MAIN] = epochs[epoch, PRESENTED]
        row[RESERVE] = NO_CERTIFICATE
    if epochs[epoch, HANDED_OVER] >= 0 and row[RESERVE] != epochs[epoch, HANDED_OVER]:
        receive(row, instant_s, epochs, totals, world)
    totals[SYNC_COUNT, sample_after(instant_s, totals, world)] += 1
    connect(row, instant_s, every_s, totals, world)
    row[SYNCS] += 1
    row[LAST_SYNC_AT] = instant_s
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


@compiled
def sync_steadily(
    row: Ints, identity: np.uint64, until_s: int, kind: Ints, law: Floats, totals: Ints, world: World
) -> None:
    """Attempts due up to `until_s` that are synchronizations, where they succeed, and nothing else."""
    every_s, jitter_s, success = kind[EVERY_S], kind[JITTER_S], law[SUCCESS]
    attempt, due_s = row[ATTEMPT], row[DUE]
    grid_s = row[PHASE_S] + attempt * every_s
    last_s, syncs = row[LAST_SYNC_AT], 0
    success_left, success_right, jitter_left, jitter_right = 0.0, 0.0, 0.0, 0.0
    if success < 1.0:
        success_left, success_right = pair(identity, _SUCCESS, attempt >> 1, world)
    if jitter_s > 0:
        jitter_left, jitter_right = pair(identity, _JITTER, attempt >> 1, world)
    while due_s <= until_s:
        if (success_right if attempt & 1 else success_left) < success:
            if last_s < 0 or due_s - last_s > 2 * every_s:
                row[LAST_SYNC_AT] = last_s
                connect(row, due_s, every_s, totals, world)
            totals[SYNC_COUNT, sample_after(due_s, totals, world)] += 1
            last_s = due_s
            syncs += 1
        attempt += 1
        grid_s += every_s
        if attempt & 1 == 0:
            if success < 1.0:
                success_left, success_right = pair(identity, _SUCCESS, attempt >> 1, world)
            if jitter_s > 0:
                jitter_left, jitter_right = pair(identity, _JITTER, attempt >> 1, world)
        due_s = grid_s + int((jitter_right if attempt & 1 else jitter_left) * (jitter_s + 1))
    row[ATTEMPT], row[DUE] = attempt, due_s
    row[LAST_SYNC_AT] = last_s
    row[SYNCS] += syncs


@compiled
def pass_over(row: Ints, identity: np.uint64, until_s: int, kind: Ints, world: World) -> None:
    """Attempts due up to `until_s` change nothing; the next is the first after it."""
    surely = (until_s + 1 - kind[JITTER_S] - row[PHASE_S]) // kind[EVERY_S]
    row[ATTEMPT] = max(row[ATTEMPT], surely)
    row[DUE] = due_at(row, identity, row[ATTEMPT], kind, world)
    while row[DUE] <= until_s:
        row[ATTEMPT] += 1
        row[DUE] = due_at(row, identity, row[ATTEMPT], kind, world)


@compiled
def cross(
    row: Ints, epochs: Ints, held: Bools, platform: int, totals: Ints, coverage: Ints, world: World
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
def lose(row: Ints, holds: bool, epochs: Ints, held: Bools, totals: Ints, world: World) -> None:
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
    elif row[RESERVE] >= 0 and held[epoch, row[RESERVE], REPLACED]:
        row[CAUSE] = 2
    else:
        row[CAUSE] = 1


@compiled
def is_hit(identity: np.uint64, mask: Floats, world: World) -> bool:
    """Whether a mask takes the device (model 12)."""
    if mask[MASK_SHARE] >= 1.0:
        return True
    key = np.uint64(mask[MASK_KEY]) | (np.uint64(mask[MASK_KEY + 1]) << _32)
    u, _ = pair(identity ^ key, np.uint64(mask[MASK_PURPOSE]), int(mask[MASK_INDEX]), world)
    return u < mask[MASK_SHARE]


@compiled
def next_mask(row: Ints, identity: np.uint64, kind: Ints, masks: Floats, world: World) -> None:
    """The next unbroken time that masks cover, into `MASKED_FROM` and `MASKED_TO`."""
    row[MASKED_FROM] = FAR_S
    row[MASKED_TO] = FAR_S
    while row[NEXT_MASK] < kind[LAST_MASK]:
        mask = masks[row[NEXT_MASK]]
        from_s, to_s = int(mask[MASK_FROM_S]), int(mask[MASK_TO_S])
        if row[MASKED_FROM] < FAR_S and from_s > row[MASKED_TO]:
            break
        row[NEXT_MASK] += 1
        if not is_hit(identity, mask, world):
            continue
        if row[MASKED_FROM] == FAR_S:
            row[MASKED_FROM] = from_s
            row[MASKED_TO] = to_s
        else:
            row[MASKED_TO] = max(row[MASKED_TO], to_s)


@compiled
def begin_masked(row: Ints, identity: np.uint64, kind: Ints, masks: Floats, world: World) -> None:
    """Where a device stands at second 0 that masks may cover."""
    row[ON_ITSELF] = row[IS_ON]
    row[TURNS_ITSELF] = row[SPELL_ENDS] if kind[TURNS] == 1 else FAR_S
    row[NEXT_MASK] = kind[FIRST_MASK]
    next_mask(row, identity, kind, masks, world)
    look_through(row, 0)


@compiled
def look_through(row: Ints, instant_s: int) -> None:
    """Whether it is on now, under the masks, and up to when at least."""
    is_masked = row[MASKED_FROM] <= instant_s
    row[IS_ON] = 1 if row[ON_ITSELF] == 1 and not is_masked else 0
    row[SPELL_ENDS] = min(row[TURNS_ITSELF], row[MASKED_TO] if is_masked else row[MASKED_FROM])


@compiled
def turn_masked(
    row: Ints,
    identity: np.uint64,
    turned_s: int,
    kind: Ints,
    law: Floats,
    values: Floats,
    masks: Floats,
    world: World,
) -> bool:
    """Own presence turns now, or a mask begins or ends: true if it comes on by it, by itself."""
    comes_on_itself = False
    if row[TURNS_ITSELF] == turned_s:
        if row[ON_ITSELF] == 1:
            row[ON_ITSELF] = 0
            row[TURNS_ITSELF] += spell(
                identity, _OFF_SPELL, row[OFF_SPELLS], kind[OFF_LAW:], law[OFF_PARAMETERS:], values, world
            )
            row[OFF_SPELLS] += 1
        else:
            row[ON_ITSELF] = 1
            row[TURNS_ITSELF] += spell(
                identity, _ON_SPELL, row[ON_SPELLS], kind[ON_LAW:], law[ON_PARAMETERS:], values, world
            )
            row[ON_SPELLS] += 1
            row[COMINGS] += 1
            comes_on_itself = True
    if row[MASKED_TO] == turned_s:
        next_mask(row, identity, kind, masks, world)
    look_through(row, turned_s)
    return comes_on_itself


@compiled
def next_masked_attempt(
    row: Ints,
    identity: np.uint64,
    stop_s: int,
    kind: Ints,
    law: Floats,
    values: Floats,
    masks: Floats,
    world: World,
) -> int:
    """As `next_attempt`, of a device that masks may cover."""
    if row[CATCH_UP_AT] >= 0:
        return row[CATCH_UP_AT]
    while row[IS_ON] == 0 or row[DUE] >= row[SPELL_ENDS]:
        turned_s, was_on = row[SPELL_ENDS], row[IS_ON]
        if turned_s > stop_s:
            return FAR_S
        comes_on_itself = turn_masked(row, identity, turned_s, kind, law, values, masks, world)
        if row[IS_ON] == was_on:
            continue
        if was_on == 1:
            row[MISSED] = 0
            continue
        skip_to(row, identity, turned_s, kind, world)
        if comes_on_itself:
            is_extra = come_on(row, turned_s, kind, CATCH_UP, row[COMINGS] - 1)
        else:
            is_extra = come_on(row, turned_s, kind, CATCH_UP_AFTER_MASK, 2 * turned_s)
        if is_extra:
            return turned_s
    return row[DUE]


@compiled
def next_attempt(
    row: Ints,
    identity: np.uint64,
    stop_s: int,
    kind: Ints,
    law: Floats,
    values: Floats,
    world: World,
) -> int:
    """When the device tries next; later than `stop_s` if not by then. Spells are lived through on the way."""
    if row[CATCH_UP_AT] >= 0:
        return row[CATCH_UP_AT]
    if kind[PRESENCE] != SPELLS:
        return row[DUE] if row[IS_ON] == 1 else FAR_S
    while row[IS_ON] == 0 or row[DUE] >= row[SPELL_ENDS]:
        turned_s = row[SPELL_ENDS]
        if turned_s > stop_s:
            return FAR_S
        if row[IS_ON] == 1:
            row[IS_ON] = 0
            row[MISSED] = 0
            row[SPELL_ENDS] += spell(
                identity, _OFF_SPELL, row[OFF_SPELLS], kind[OFF_LAW:], law[OFF_PARAMETERS:], values, world
            )
            row[OFF_SPELLS] += 1
            continue
        row[IS_ON] = 1
        row[SPELL_ENDS] += spell(
            identity, _ON_SPELL, row[ON_SPELLS], kind[ON_LAW:], law[ON_PARAMETERS:], values, world
        )
        row[ON_SPELLS] += 1
        row[COMINGS] += 1
        skip_to(row, identity, turned_s, kind, world)
        if come_on(row, turned_s, kind, CATCH_UP, row[COMINGS] - 1):
            return turned_s
    return row[DUE]


@compiled
def skip_to(row: Ints, identity: np.uint64, instant_s: int, kind: Ints, world: World) -> None:
    """Attempts due before the instant are missed."""
    if row[DUE] >= instant_s:
        return
    row[MISSED] = 1
    pass_over(row, identity, instant_s - 1, kind, world)


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
    row: Ints, identity: np.uint64, at_s: int, kind: Ints, pushes: Floats, visits: Ints, world: World
) -> None:
    """Pushes and visits of a second (model 10); its own next attempt is then, or later, at `at_s`."""
    now_s = row[WAKE_AT]
    is_asked, is_visited = False, False
    for place in range(kind[FIRST_PUSH], kind[LAST_PUSH]):
        push = pushes[place]
        if int(push[PUSH_AT_S]) != now_s:
            continue
        u, _ = pair(identity, _PUSH, now_s, world)
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
            row[DUE] = due_at(row, identity, row[ATTEMPT], kind, world)
        row[CATCH_UP_AT] = now_s
        row[EXTRA_PURPOSE] = VISIT
    elif is_asked and at_s > now_s:
        row[CATCH_UP_AT] = now_s
        row[EXTRA_PURPOSE] = PUSH_SUCCESS
        row[EXTRA_INDEX] = 2 * now_s


@compiled
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
    identity: np.uint64,
    stop_s: int,
    stop_on: int,
    epochs: Ints,
    held: Bools,
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
    is_masked = has_spells and kind[FIRST_MASK] < kind[LAST_MASK]
    always_succeeds = law[SUCCESS] == 1.0
    is_regular = not has_spells and kind[JITTER_S] == 0 and always_succeeds
    last_epoch = len(epochs) - 2
    while True:
        wake_s = row[WAKE_AT]
        if is_masked:
            at_s = next_masked_attempt(row, identity, min(stop_s, wake_s), kind, law, values, masks, world)
        else:
            at_s = next_attempt(row, identity, min(stop_s, wake_s), kind, law, values, world)
        if at_s >= wake_s and wake_s <= stop_s:
            wake(row, identity, at_s, kind, pushes, visits, world)
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
        elif row[RESERVE] >= 0 and held[epoch, row[RESERVE], ACTIVATED]:
            is_answered = held[epoch, row[RESERVE], ANSWERED]
        else:
            is_answered = held[epoch, row[MAIN], ANSWERED]
        if is_answered:
            reach(row, at_s)
        else:
            row[UNREACHABLE] = 1
            if row[UNREACHABLE_SINCE] < 0:
                row[UNREACHABLE_SINCE] = at_s
        accepts = holds and epochs[epoch, VALID] == 1 and epochs[epoch, ACCEPTED + platform] == 1
        notices = row[LOST] == 1 and row[RECONNECTED_AT] < 0 and row[NOTICED_AT] < 0
        is_steady = row[MAIN] == main and (reserve < 0 or row[RESERVE] == reserve) and row[LOST] == 0

        if row[CATCH_UP_AT] < 0:  # what no longer changes anything is done at a stroke
            until_s = min(epochs[epoch + 1, FROM_S] - 1, min(stop_s, wake_s - 1))
            if has_spells:
                until_s = min(until_s, row[SPELL_ENDS] - 1)
            if not is_answered or not (accepts or notices):
                pass_over(row, identity, until_s, kind, world)
                continue
            if accepts and is_steady:
                if is_regular:
                    count_regular(row, until_s, kind, totals, world)
                else:
                    sync_steadily(row, identity, until_s, kind, law, totals, world)
                continue
            succeeds = always_succeeds or single(identity, _SUCCESS, row[ATTEMPT], world) < law[SUCCESS]
            row[ATTEMPT] += 1
            row[DUE] = due_at(row, identity, row[ATTEMPT], kind, world)
        else:
            row[CATCH_UP_AT] = -1
            is_visit = row[EXTRA_PURPOSE] == VISIT
            purpose = np.uint64(row[EXTRA_PURPOSE])
            succeeds = is_visit or always_succeeds
            if not succeeds:
                succeeds = single(identity, purpose, row[EXTRA_INDEX], world) < law[SUCCESS]
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


class Columns(NamedTuple):
    """The outcome's columns (see `Devices`), `is_lost`, and whether a device holds the latest reserve."""

    reserve_received_at_s: Ints
    lost_at_s: Ints
    lost_cause: Ints8
    noticed_at_s: Ints
    reconnected_at_s: Ints
    reconnected_by: Ints8
    times_lost: Ints32
    lost_for_s: Ints
    syncs: Ints
    last_sync_at_s: Ints
    reinstalls: Ints32
    helpdesk_s: Ints
    unreachable: Bools
    unreachable_for_s: Ints
    visits_helped: Ints32
    holds: Bools
    is_lost: Bools


@compiled
def copy(row: Ints, into: Ints) -> None:
    """A state into another row; not an assignment of arrays, which takes seconds to compile."""
    for place in range(PLACES):
        into[place] = row[place]


@compiled
def begin(
    row: Ints,
    device: int,
    identity: np.uint64,
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
        set_wake(row, -1, kind, pushes, visits)
    row[DUE] = due_at(row, identity, row[ATTEMPT], kind, world)
    if kind[PRESENCE] == SPELLS and kind[FIRST_MASK] < kind[LAST_MASK]:
        begin_masked(row, identity, kind, masks, world)
    if start[NEVER_CONNECTED] == 1:
        row[MAIN] = NO_CERTIFICATE
        row[RESERVE] = NO_CERTIFICATE
        row[RECEIVED] = NO_CERTIFICATE
        row[RECEIVED_AT] = -1
        row[ABLE] = 0


@compiled
def settle(row: Ints, every_s: int, into: Rows, place: int, totals: Ints, world: World) -> None:
    """Write what became of a device at the end of the run: one row a column, in the order of `Columns`.

    Not into the columns: a look into a tuple of arrays costs a reference count for each of them.
    """
    disconnect(row, every_s, totals, world)
    received = row[RECEIVED] == world.latest_reserve and row[RECEIVED_AT] >= 0
    into[0, place] = row[RECEIVED_AT] if received else -1
    into[1, place] = row[LOST_AT]
    into[2, place] = row[CAUSE]
    into[3, place] = row[NOTICED_AT]
    into[4, place] = row[RECONNECTED_AT]
    into[5, place] = row[RECONNECTED_BY]
    into[6, place] = row[TIMES_LOST]
    into[7, place] = row[LOST_FOR]
    if row[LOST] == 1:
        into[7, place] += world.horizon_s - row[LOST_SINCE]
    into[8, place] = row[SYNCS]
    into[9, place] = row[LAST_SYNC_AT]
    into[10, place] = row[REINSTALLS]
    into[11, place] = row[HELPDESK]
    into[12, place] = row[UNREACHABLE]
    into[13, place] = row[UNREACHABLE_FOR]
    if row[UNREACHABLE_SINCE] >= 0:
        into[13, place] += world.horizon_s - row[UNREACHABLE_SINCE]
    into[14, place] = row[VISITS_HELPED]
    into[15, place] = 1 if row[MAIN] == world.latest_reserve or row[RESERVE] == world.latest_reserve else 0
    into[16, place] = row[LOST]


def run_devices(
    first: int,
    last: int,
    starts: Rows,
    identities: Words,
    tables: Tables,
    visits: Ints,
    totals: Ints,
    coverage: Ints,
    settled: Rows,
    paused: Rows,
    world: World,
) -> int:
    """Let devices `first` to `last` live; those that call for help wait at their loss.

    Args:
        starts: (last - first, `START_COLUMNS`) where they stand at the start.
        identities: of all devices.
        visits: as for `live`.
        settled: (columns, last - first) for what became of those that do not call, in the order of `Columns`.
        paused: (last - first, PLACES) for the rows of those that call; (0, PLACES) without a help desk.

    Returns:
        how many rows of `paused` were filled.
    """
    epochs, held, kinds, laws, values, masks, pushes = tables
    waiting = 0
    row = np.empty(PLACES, dtype=np.int64)
    for device in range(first, last):
        start = starts[device - first]
        kind, law = kinds[start[START_PROFILE]], laws[start[START_PROFILE]]
        begin(row, device, identities[device], start, epochs, kind, masks, pushes, visits, world)
        if start[NEVER_CONNECTED] == 1:
            settle(row, kind[EVERY_S], settled, device - first, totals, world)
            continue
        stop_on = WAS_LOST if len(paused) > 0 and kind[PRESENCE] != NEVER_ON else AT_STOP
        if world.until_received:
            stop_on = HAS_RESERVE
        why = live(
            row, identities[device], world.horizon_s - 1, stop_on,
            epochs, held, kind, law, values, masks, pushes, visits, totals, coverage, world,
        )  # fmt: skip
        if why == WAS_LOST:
            copy(row, paused[waiting])
            waiting += 1
        else:
            settle(row, kind[EVERY_S], settled, device - first, totals, world)
    return waiting


run_devices = compiled(run_devices, is_entry=True)
