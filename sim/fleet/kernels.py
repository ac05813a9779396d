"""The life of a device as compiled code: the same rules as `processes/device.py`, on one row of numbers.

Everything here is plain scalar code that numba compiles and Python also runs (`NUMBA_DISABLE_JIT=1`).
Compiled code is kept in a cache whose key covers every source it is made of (see `compiled.py`).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.fleet.compiled import compiled, inlined
from sim.fleet.stock import (
    BATCH,
    CATCH_UP,
    JITTER,
    NUMBER,
    OFF_SPELL,
    ON_SPELL,
    SUCCESS,
    WIDE,
    WORD,
    blocks,
    claim,
    draw_lengths,
    is_set,
    lowest,
    ones,
    pair,
    single,
)  # fmt: skip
from sim.fleet.tables import (
    EXPIRED,
    FAR_S,
    IMMEDIATE,
    NEVER_ON,
    RESTORED,
    SPELLS,
    Floats,
    Ints,
    Record,
    Records,
    Tables,
    record,
)  # fmt: skip
from sim.world.certificates import NO_CERTIFICATE
from sim.world.draws import Purpose

ROW: Final = record(
    identity=np.uint64,  # of its draws
    number=np.int64,  # of the device
    profile=np.int64,
    phase_s=np.int64,
    epoch=np.int64,  # the state of the server
    attempt=np.int64,  # number of the next attempt of the schedule
    due_s=np.int64,  # when it is due
    is_on=np.bool_,
    spell_ends_s=np.int64,
    on_spells=np.int64,  # spells drawn so far
    off_spells=np.int64,
    comings=np.int64,  # times it came on
    missed=np.bool_,
    extra_at_s=np.int64,  # an attempt beside the schedule that is still to be made, -1 for none ...
    extra_purpose=np.int64,  # ... and the draw for its success
    extra_index=np.int64,
    main=np.int64,  # slots
    reserve=np.int64,
    able=np.bool_,
    received=np.int64,
    received_at_s=np.int64,
    lost=np.bool_,
    lost_since_s=np.int64,
    helped=np.bool_,
    lost_at_s=np.int64,
    cause=np.int64,
    noticed_at_s=np.int64,
    reconnected_at_s=np.int64,
    reconnected_by=np.int64,
    times_lost=np.int64,
    lost_for_s=np.int64,
    syncs=np.int64,
    last_sync_at_s=np.int64,
    reinstalls=np.int64,
    helpdesk_s=np.int64,  # of work on it
    calls=np.int64,
    begun=np.int64,  # reinstallations begun
    unreachable=np.bool_,  # whether an attempt was
    unreachable_since_s=np.int64,  # first attempt of the row that lasts
    unreachable_for_s=np.int64,
    wake_at_s=np.int64,  # the next second in which a push or a visit comes
    pushed_until_s=np.int64,  # a push waits for it to come on up to then
    visits_helped=np.int64,
    on_itself=np.bool_,  # whether it would be on without masks; used where there are some
    turns_itself_s=np.int64,  # when that turns
    next_mask=np.int64,  # the first that has not been looked at
    masked_from_s=np.int64,  # the time that masks cover now or next
    masked_to_s=np.int64,
)
"""A device. Instants in seconds, -1 for never."""

START: Final = record(
    phase_s=np.int64,
    first_spell_s=np.int64,
    profile=np.int32,
    starts_on=np.bool_,
    silent=np.bool_,
    holds_reserve=np.bool_,
    never_connected=np.bool_,
)
"""Where a device stands at the start; see `Fleet` and `Roster`."""

# Why `live` came back, and other arguments. Not plain ints: numba would compile anew for each of them.
_AT_START: Final = np.int64(0)
_BLANK: Final = np.int64(0)
_LIVES: Final = np.int64(1)
_BEFORE: Final = np.int64(-1)
AT_STOP: Final = np.int64(0)
WAS_LOST: Final = np.int64(1)
RECONNECTED: Final = np.int64(2)
HAS_RESERVE: Final = np.int64(3)

CATCH_UP_AFTER_MASK: Final = np.int64(Purpose.CATCH_UP_AFTER_MASK)
PUSH: Final = np.int64(Purpose.PUSH)
PUSH_SUCCESS: Final = np.int64(Purpose.PUSH_SUCCESS)
VISIT: Final = np.int64(Purpose.VISIT)
_0 = np.uint64(0)
_1 = np.uint64(1)

# Rows of the totals, (5 + strides, N + 1) int64 over N samples; the last place of each row is waste.
# All but the first are differences from sample to sample, those of the strides a stride apart.
SYNC_COUNT: Final = 0
CONNECTED: Final = 1
LOST_NOW: Final = 2
HOLDING: Final = 3
QUEUE: Final = 4
FIRST_STRIDE: Final = 5


@inlined
def sample_after(instant_s: int, world: Record) -> int:
    """The first sample at or after an instant; the waste behind the last, if there is none.

    By way of doubles, whose error is below the distance to a whole number, so that one mend is enough.
    """
    sample = int(instant_s * world.samples_per_s)
    if sample * world.sample_s < instant_s:
        sample += 1
    return min(sample, world.samples)


@inlined
def due_at(row: Record, stock: Floats, attempt: int, kind: Record, world: Record) -> int:
    """When an attempt of the schedule is due (model 5.2)."""
    due_s = row.phase_s + attempt * kind.every_s
    if kind.jitter_s > 0:
        due_s += int(single(row, stock, JITTER, attempt, world) * (kind.jitter_s + 1))
    return due_s


@inlined
def go_on_from(row: Record, stock: Floats, attempt: int, kind: Record, world: Record) -> None:
    """This attempt of the schedule is the next."""
    row.attempt = attempt
    row.due_s = due_at(row, stock, attempt, kind, world)


@inlined
def accepts(state: Record, kind: Record) -> bool:
    """Whether a device that holds the main certificate is able to authenticate."""
    return state.valid and state.accepted & kind.platform != 0


@compiled
def hold_from(instant_s: int, state: Record, totals: Ints, world: Record) -> None:
    """A device holds the state's reserve from now until that is no longer the reserve."""
    totals[HOLDING, sample_after(instant_s, world)] += 1
    totals[HOLDING, sample_after(state.handed_until_s, world)] -= 1


@compiled
def receive(row: Record, instant_s: int, state: Record, totals: Ints, world: Record) -> None:
    """The server's reserve is written to the reserve slot (model 4.2)."""
    row.reserve = state.handed_over
    if row.received != state.handed_over:
        row.received = state.handed_over
        row.received_at_s = instant_s
    hold_from(instant_s, state, totals, world)


@inlined
def connect(row: Record, instant_s: int, kind: Record, totals: Ints, world: Record) -> None:
    """Count the device as connected from this synchronization on, unless it still is from the last."""
    if row.last_sync_at_s < 0 or instant_s - row.last_sync_at_s > 2 * kind.every_s:
        disconnect(row, kind, totals, world)
        totals[CONNECTED, sample_after(instant_s, world)] += 1


@inlined
def disconnect(row: Record, kind: Record, totals: Ints, world: Record) -> None:
    """Count the device as connected up to two periods after its last synchronization, and no longer."""
    if row.last_sync_at_s >= 0:
        totals[CONNECTED, sample_after(row.last_sync_at_s + 2 * kind.every_s + 1, world)] -= 1


@inlined
def count_sync(row: Record, instant_s: int, kind: Record, totals: Ints, world: Record) -> None:
    """One synchronization more."""
    totals[SYNC_COUNT, sample_after(instant_s, world)] += 1
    connect(row, instant_s, kind, totals, world)
    row.syncs += 1
    row.last_sync_at_s = instant_s


@compiled
def synchronize(
    row: Record, instant_s: int, state: Record, kind: Record, totals: Ints, world: Record
) -> bool:
    """The server accepted it now; true if a lost device is reconnected by it (model 5.4 d)."""
    if row.main != state.presented:
        row.main = state.presented
        row.reserve = NO_CERTIFICATE
    if state.handed_over >= 0 and row.reserve != state.handed_over:
        receive(row, instant_s, state, totals, world)
    count_sync(row, instant_s, kind, totals, world)
    if not row.lost:
        return False
    if row.reconnected_at_s < 0:
        row.reconnected_at_s = instant_s
        row.reconnected_by = 2 if row.helped else 1
    row.lost_for_s += instant_s - row.lost_since_s
    row.lost = False
    totals[LOST_NOW, sample_after(instant_s, world)] -= 1
    return True


@inlined
def reach(row: Record, instant_s: int) -> None:
    """An attempt reaches the server: a row of unreachable ones ends (model 8)."""
    if row.unreachable_since_s >= 0:
        row.unreachable_for_s += instant_s - row.unreachable_since_s
        row.unreachable_since_s = -1


@compiled
def count_regular(row: Record, until_s: int, kind: Record, totals: Ints, world: Record) -> None:
    """All attempts due up to `until_s` are synchronizations, one every period, and nothing else."""
    every_s, first_s = kind.every_s, row.due_s
    syncs = (until_s - first_s) // every_s + 1
    connect(row, first_s, kind, totals, world)
    row.attempt += syncs
    row.due_s += syncs * every_s
    row.syncs += syncs
    row.last_sync_at_s = row.due_s - every_s
    if kind.stride == 0:
        for i in range(syncs):
            totals[SYNC_COUNT, sample_after(first_s + i * every_s, world)] += 1
    else:
        count_stride(sample_after(first_s, world), syncs, kind, totals, world)


@inlined
def count_stride(first: int, syncs: int, kind: Record, totals: Ints, world: Record) -> None:
    """Synchronizations in the sample `first` and, a stride apart, in those that follow."""
    past = first + syncs * kind.stride
    totals[FIRST_STRIDE + kind.stride_row, first] += 1
    if past < world.samples:
        totals[FIRST_STRIDE + kind.stride_row, past] -= 1


@inlined
def sync_steadily(
    row: Record, stock: Floats, until_s: int, kind: Record, totals: Ints, world: Record
) -> None:
    """Attempts due up to `until_s`, one at least, are synchronizations where they succeed, and no more."""
    if kind.jitter_s == 0 and kind.success == 1.0:
        count_regular(row, until_s, kind, totals, world)
        return
    end = (until_s - row.phase_s) // kind.every_s + 1
    if kind.jitter_s > 0 and due_at(row, stock, end - 1, kind, world) > until_s:
        end -= 1
    if end - row.attempt >= WORD // 2:
        sync_many(row, stock, end, kind, totals, world)
    else:
        for attempt in range(row.attempt, end):
            if kind.success < 1.0 and single(row, stock, SUCCESS, attempt, world) >= kind.success:
                continue
            count_sync(row, due_at(row, stock, attempt, kind, world), kind, totals, world)
    go_on_from(row, stock, end, kind, world)


@inlined
def due_within(first_s: int, i: int, every_s: int, jitter_s: int, jitters: Floats) -> int:
    """When attempt `i` of a word is due; the uniforms of its jitter are left and right in turn."""
    due_s = first_s + i * every_s
    if jitter_s > 0:
        due_s += int(jitters[i & 1, i >> 1] * (jitter_s + 1))
    return due_s


@compiled
def sync_many(row: Record, stock: Floats, end: int, kind: Record, totals: Ints, world: Record) -> None:
    """Attempts up to number `end`, a word of bits at a time: which of them succeed.

    Only where several in a row failed can the device have counted as not connected.
    """
    every_s, jitter_s, stride = kind.every_s, kind.jitter_s, kind.stride
    left, right, jitters = stock[WIDE], stock[WIDE + 1], stock[WIDE + 2 :]
    first = row.attempt - (row.attempt & 1)
    tried = ~_0 - np.uint64(row.attempt & 1)
    while first < end:
        count = min(end - first, WORD)
        half = (count + 1) // 2
        first_s = row.phase_s + first * every_s
        if count < WORD:
            tried &= (_1 << np.uint64(count)) - _1
        word = tried
        if kind.success < 1.0:
            blocks(row.identity, SUCCESS, first // 2, half, left, right, world)
            lefts, rights = _0, _0
            for i in range(half):
                lefts |= np.uint64(left[i] < kind.success) << np.uint64(2 * i)
                rights |= np.uint64(right[i] < kind.success) << np.uint64(2 * i)
            word &= lefts | (rights << _1)
        if jitter_s > 0:
            blocks(row.identity, JITTER, first // 2, half, jitters[0], jitters[1], world)
        if jitter_s == 0 and stride > 0:
            sample, begin = sample_after(first_s, world), lowest(tried)
            count_stride(sample + begin * stride, count - begin, kind, totals, world)
            failed = tried & ~word
            while failed != _0:
                totals[SYNC_COUNT, sample + lowest(failed) * stride] -= 1
                failed &= failed - _1
        else:
            for i in range(count):
                due_s = due_within(first_s, i, every_s, jitter_s, jitters)
                totals[SYNC_COUNT, sample_after(due_s, world)] += is_set(word, i)
        row.syncs += ones(word)
        back = word & ~(word << _1)
        if jitter_s == 0:
            back &= ~(word << np.uint64(2))
        while True:
            i = lowest(back) if back != _0 else count
            last = i - 1
            while last >= 0 and not is_set(word, last):
                last -= 1
            if last >= 0:
                row.last_sync_at_s = due_within(first_s, last, every_s, jitter_s, jitters)
            if back == _0:
                break
            connect(row, due_within(first_s, i, every_s, jitter_s, jitters), kind, totals, world)
            back &= back - _1
        tried = ~_0
        first += WORD


@inlined
def pass_over(row: Record, stock: Floats, until_s: int, kind: Record, world: Record) -> None:
    """Attempts due up to `until_s` change nothing; the next is the first after it."""
    surely = (until_s + 1 - kind.jitter_s - row.phase_s) // kind.every_s
    go_on_from(row, stock, max(row.attempt, surely), kind, world)
    while row.due_s <= until_s:
        go_on_from(row, stock, row.attempt + 1, kind, world)


@compiled
def cross(
    row: Record, states: Records, held: Records, kind: Record, totals: Ints, coverage: Ints, world: Record
) -> bool:
    """The next control instant: true if the device is lost by it (model 5.5)."""
    before = states[row.epoch]
    row.epoch += 1
    state = states[row.epoch]
    holds = state.presented == row.main or state.presented == row.reserve
    is_lost = False
    if state.coverage >= 0 and holds:
        coverage[state.coverage, row.profile] += 1
    if state.change != 0:
        able = holds and accepts(state, kind)
        is_lost = row.able and not able
        row.able = able
        if is_lost:
            lose(row, holds, state, held, totals, world)
    is_new = state.handed_over >= 0 and before.handed_over != state.handed_over
    if is_new and (state.handed_over == row.main or state.handed_over == row.reserve):
        hold_from(state.from_s, state, totals, world)
    return is_lost


@compiled
def lose(row: Record, holds: bool, state: Record, held: Records, totals: Ints, world: Record) -> None:
    """The device stops being able to authenticate."""
    row.times_lost += 1
    row.helped = False
    if not row.lost:
        row.lost = True
        row.lost_since_s = state.from_s
        totals[LOST_NOW, sample_after(state.from_s, world)] += 1
    if row.lost_at_s >= 0:
        return
    row.lost_at_s = state.from_s
    if state.change == IMMEDIATE:
        row.cause = 4
    elif state.change == RESTORED:
        row.cause = 5
    elif state.change == EXPIRED or not state.valid:
        row.cause = 3
    elif holds:
        row.cause = 6
    elif row.reserve >= 0 and held[row.reserve].replaced <= row.epoch:
        row.cause = 2
    else:
        row.cause = 1


@compiled
def next_mask(row: Record, stock: Floats, kind: Record, masks: Records, world: Record) -> None:
    """The next unbroken time that masks cover, from `masked_from_s` to `masked_to_s`."""
    row.masked_from_s = FAR_S
    row.masked_to_s = FAR_S
    while row.next_mask < kind.last_mask:
        mask = masks[row.next_mask]
        if row.masked_from_s < FAR_S and mask.from_s > row.masked_to_s:
            break
        row.next_mask += 1
        if mask.share < 1.0:
            u, _ = pair(row.identity ^ mask.key, mask.purpose, mask.number, stock, world)
            if u >= mask.share:
                continue
        if row.masked_from_s == FAR_S:
            row.masked_from_s = mask.from_s
            row.masked_to_s = mask.to_s
        else:
            row.masked_to_s = max(row.masked_to_s, mask.to_s)


@compiled
def look_through(row: Record, instant_s: int) -> None:
    """Whether it is on now, under the masks, and up to when at least."""
    is_masked = row.masked_from_s <= instant_s
    row.is_on = row.on_itself and not is_masked
    row.spell_ends_s = min(row.turns_itself_s, row.masked_to_s if is_masked else row.masked_from_s)


@inlined
def own_spell(row: Record, stock: Floats, is_on: bool, tables: Tables, world: Record) -> int:
    """The length of the spell that begins now, of being on or off but for masks."""
    purpose = ON_SPELL if is_on else OFF_SPELL
    index = row.on_spells if is_on else row.off_spells
    if is_on:
        row.on_spells += 1
        row.comings += 1
    else:
        row.off_spells += 1
    of = purpose - ON_SPELL
    if stock[of, NUMBER] != index // BATCH:
        draw_lengths(row, stock, purpose, index, tables.laws[row.profile, of], tables.values, world)
    return int(stock[of, index % BATCH])


@inlined
def turn(row: Record, stock: Floats, kind: Record, tables: Tables, world: Record) -> bool:
    """A spell ends, or a mask begins or ends: whether it comes on by it, by itself."""
    turned_s = row.spell_ends_s
    if kind.first_mask == kind.last_mask:
        row.is_on = not row.is_on
        row.spell_ends_s += own_spell(row, stock, row.is_on, tables, world)
        return row.is_on
    comes_on_itself = False
    if row.turns_itself_s == turned_s:
        row.on_itself = not row.on_itself
        row.turns_itself_s += own_spell(row, stock, row.on_itself, tables, world)
        comes_on_itself = row.on_itself
    if row.masked_to_s == turned_s:
        next_mask(row, stock, kind, tables.masks, world)
    look_through(row, turned_s)
    return comes_on_itself


@inlined
def next_attempt(
    row: Record, stock: Floats, until_s: int, kind: Record, tables: Tables, world: Record
) -> int:
    """When it tries next, later than `until_s` if not by then; spells are lived through on the way.

    An attempt beside the schedule is announced in `extra_at_s`.
    """
    while not row.is_on or row.due_s >= row.spell_ends_s:
        turned_s, was_on = row.spell_ends_s, row.is_on
        if turned_s > until_s:
            return FAR_S
        comes_on_itself = turn(row, stock, kind, tables, world)
        if row.is_on == was_on:
            continue
        if was_on:
            row.missed = False
            continue
        if row.due_s < turned_s:
            row.missed = True
            pass_over(row, stock, turned_s - 1, kind, world)
        purpose = CATCH_UP if comes_on_itself else CATCH_UP_AFTER_MASK
        index = row.comings - 1 if comes_on_itself else 2 * turned_s
        if come_on(row, turned_s, kind, purpose, index):
            return turned_s
    return row.due_s


@compiled
def go_quietly(row: Record, stock: Floats, until_s: int, kind: Record, tables: Tables, world: Record) -> None:
    """Spells and attempts up to `until_s`, of which nothing comes."""
    past_s = until_s if row.is_on else -1
    while row.spell_ends_s <= until_s:
        turned_s, was_on = row.spell_ends_s, row.is_on
        turn(row, stock, kind, tables, world)
        if row.is_on != was_on:
            past_s = turned_s - 1 if was_on else until_s
            row.missed = False
            row.pushed_until_s = -1
    pass_over(row, stock, past_s, kind, world)


@compiled
def go_steadily(
    row: Record, stock: Floats, until_s: int, kind: Record, tables: Tables, totals: Ints, world: Record
) -> None:
    """Spells and attempts up to `until_s`, which are synchronizations where they succeed, and no more."""
    while True:
        at_s = next_attempt(row, stock, until_s, kind, tables, world)
        if at_s > until_s:
            return
        if row.extra_at_s < 0:
            sync_steadily(row, stock, min(row.spell_ends_s - 1, until_s), kind, totals, world)
            continue
        row.extra_at_s = -1
        if succeeds_beside(row, stock, kind, world):
            count_sync(row, at_s, kind, totals, world)


@compiled
def succeeds_beside(row: Record, stock: Floats, kind: Record, world: Record) -> bool:
    """Whether an attempt beside the schedule succeeds."""
    if kind.success == 1.0 or row.extra_purpose == VISIT:
        return True
    if row.extra_purpose == CATCH_UP:
        return single(row, stock, CATCH_UP, row.extra_index, world) < kind.success
    left, right = pair(row.identity, row.extra_purpose, row.extra_index >> 1, stock, world)
    return (right if row.extra_index & 1 else left) < kind.success


@compiled
def set_wake(row: Record, after_s: int, kind: Record, tables: Tables) -> None:
    """The next second in which a push or a visit comes, into `wake_at_s`."""
    row.wake_at_s = FAR_S
    for place in range(kind.first_push, kind.last_push):
        push_s = tables.pushes[place].at_s
        if push_s > after_s:
            row.wake_at_s = min(row.wake_at_s, push_s)
    for chase in range(len(tables.visits)):
        visit_s = tables.visits[chase, row.number]
        if visit_s > after_s:
            row.wake_at_s = min(row.wake_at_s, visit_s)


@compiled
def wake(row: Record, stock: Floats, at_s: int, kind: Record, tables: Tables, world: Record) -> None:
    """Pushes and visits of a second (model 10); its own next attempt is then, or later, at `at_s`."""
    now_s = row.wake_at_s
    is_asked, is_visited = False, False
    for place in range(kind.first_push, kind.last_push):
        push = tables.pushes[place]
        if push.at_s != now_s:
            continue
        u, _ = pair(row.identity, PUSH, now_s, stock, world)
        if u >= push.success:
            continue
        if row.is_on:
            is_asked = True
        else:
            row.pushed_until_s = max(row.pushed_until_s, now_s + push.lifetime_s)
    for chase in range(len(tables.visits)):
        if tables.visits[chase, row.number] == now_s:
            is_visited = True
    set_wake(row, now_s, kind, tables)
    if is_visited:  # in the place of its own attempt
        if row.extra_at_s < 0 and row.is_on and row.due_s == now_s:
            go_on_from(row, stock, row.attempt + 1, kind, world)
        announce(row, now_s, VISIT, _AT_START)
    elif is_asked and at_s > now_s:
        announce(row, now_s, PUSH_SUCCESS, 2 * now_s)


@compiled
def announce(row: Record, at_s: int, purpose: int, index: int) -> None:
    """An attempt beside the schedule is still to be made."""
    row.extra_at_s = at_s
    row.extra_purpose = purpose
    row.extra_index = index


@compiled
def come_on(row: Record, turned_s: int, kind: Record, purpose: int, index: int) -> bool:
    """Coming on now: true if it makes an attempt beside its schedule, to catch up or since it was pushed."""
    is_pushed = row.pushed_until_s >= turned_s
    row.pushed_until_s = -1
    if row.due_s == turned_s:
        return False
    if row.missed and kind.catches_up:
        announce(row, turned_s, purpose, index)
    elif is_pushed:
        announce(row, turned_s, PUSH_SUCCESS, 2 * turned_s)
    else:
        return False
    return True


@inlined
def live(
    row: Record,
    stock: Floats,
    stop_s: int,
    stop_on: int,
    tables: Tables,
    totals: Ints,
    coverage: Ints,
    world: Record,
) -> int:
    """Let the device live up to and including the attempts of `stop_s`.

    Args:
        stop_on: `WAS_LOST`, `RECONNECTED` or `HAS_RESERVE` (the latest one) to come back as soon as that
            happens, else `AT_STOP`.
        totals: what it adds to; see `SYNC_COUNT`.
        coverage: (changes, profiles) devices that held the certificate about to become main.

    Returns:
        why it came back: one of the four.
    """
    states, held, kind = tables.states, tables.held, tables.kinds[row.profile]
    has_spells = kind.presence == SPELLS
    last_epoch = len(states) - 2
    claim(stock, row.number)
    while True:
        wake_s = row.wake_at_s
        at_s = row.extra_at_s
        if at_s < 0 and has_spells:
            at_s = next_attempt(row, stock, min(stop_s, wake_s), kind, tables, world)
        elif at_s < 0:
            at_s = row.due_s if row.is_on else FAR_S
        if at_s >= wake_s and wake_s <= stop_s:
            wake(row, stock, at_s, kind, tables, world)
            continue
        limit_s = min(at_s, stop_s)
        while row.epoch < last_epoch and states[row.epoch + 1].from_s <= limit_s:
            if cross(row, states, held, kind, totals, coverage, world) and stop_on == WAS_LOST:
                return WAS_LOST
        if at_s > stop_s:
            return AT_STOP
        state = states[row.epoch]
        holds = state.presented == row.main or state.presented == row.reserve
        if holds:
            is_answered = state.answers
        else:
            has_been_main = row.reserve >= 0 and held[row.reserve].activated <= row.epoch
            dialled = row.reserve if has_been_main else row.main
            is_answered = tables.answered[row.epoch, held[dialled].address]
        if is_answered:
            reach(row, at_s)
        else:
            row.unreachable = True
            if row.unreachable_since_s < 0:
                row.unreachable_since_s = at_s
        is_accepted = holds and accepts(state, kind)
        notices = row.lost and row.reconnected_at_s < 0 and row.noticed_at_s < 0
        has_all = row.main == state.presented and (state.handed_over < 0 or row.reserve == state.handed_over)

        is_idle = not is_answered or not (is_accepted or notices)
        if row.extra_at_s < 0:  # what no longer changes anything is done at a stroke
            if is_idle or (is_accepted and has_all and not row.lost):
                until_s = min(states[row.epoch + 1].from_s - 1, min(stop_s, wake_s - 1))
                is_quiet = is_idle or stop_on == HAS_RESERVE  # then nobody counts
                if is_quiet and has_spells:
                    go_quietly(row, stock, until_s, kind, tables, world)
                elif is_quiet:
                    pass_over(row, stock, until_s, kind, world)
                elif has_spells:
                    go_steadily(row, stock, until_s, kind, tables, totals, world)
                else:
                    sync_steadily(row, stock, until_s, kind, totals, world)
                continue
            succeeds = kind.success == 1.0
            if not succeeds:
                succeeds = single(row, stock, SUCCESS, row.attempt, world) < kind.success
            go_on_from(row, stock, row.attempt + 1, kind, world)
        else:
            row.extra_at_s = -1
            succeeds = succeeds_beside(row, stock, kind, world)
            if row.extra_purpose == VISIT and is_answered and is_accepted:
                row.visits_helped += state.handed_over >= 0 and row.reserve != state.handed_over

        if not (is_answered and succeeds):
            continue
        if is_accepted:
            is_back = synchronize(row, at_s, state, kind, totals, world)
            if is_back and stop_on == RECONNECTED:
                return RECONNECTED
            if stop_on == HAS_RESERVE and row.received == world.latest_reserve:
                return HAS_RESERVE
        elif notices:
            row.noticed_at_s = at_s


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
    middle: NDArray[np.int32]
    narrow: NDArray[np.int8]


@compiled
def copy(words: Ints, of: int, into: Ints, to: int) -> None:
    """A row into another, as words: numba would copy a record byte by byte."""
    for place in range(words.shape[1]):
        into[to, place] = words[of, place]


def words_of(rows: Records) -> Ints:
    """The same memory as words of 64 bits, (n, words)."""
    return rows.view(np.int64).reshape(len(rows), ROW.itemsize // 8)


def rows_for(state: Record) -> Records:
    """Two rows to work with: that of a device before anything happens, in the server's first state, and room
    for one that lives."""
    rows = np.zeros(2, dtype=ROW)
    for name in _NEVER:
        rows[name] = -1
    rows["main"] = state.presented
    rows["wake_at_s"] = FAR_S
    return rows


_NEVER: Final = (
    *("extra_at_s", "reserve", "received", "received_at_s", "lost_at_s", "noticed_at_s", "reconnected_at_s"),
    *("last_sync_at_s", "unreachable_since_s", "pushed_until_s"),
)


@inlined
def begin(row: Record, stock: Floats, start: Record, kind: Record, tables: Tables, world: Record) -> None:
    """What a device starts with, beside what all do; its number and identity are there."""
    claim(stock, row.number)
    row.profile = start.profile
    row.phase_s = start.phase_s
    row.is_on = start.starts_on
    row.spell_ends_s = start.first_spell_s
    row.missed = start.silent
    if start.never_connected:
        row.main = NO_CERTIFICATE
        return
    if start.holds_reserve:
        row.reserve = world.first_reserve
        row.received = world.first_reserve
        row.received_at_s = 0
    row.able = tables.states[0].accepted & kind.platform != 0
    if kind.first_push < kind.last_push or len(tables.visits) > 0:
        set_wake(row, _BEFORE, kind, tables)
    go_on_from(row, stock, row.attempt, kind, world)
    if kind.presence == SPELLS and kind.first_mask < kind.last_mask:
        row.on_itself = row.is_on
        row.turns_itself_s = row.spell_ends_s if kind.turns else FAR_S
        row.next_mask = kind.first_mask
        next_mask(row, stock, kind, tables.masks, world)
        look_through(row, _AT_START)


@inlined
def settle(row: Record, kind: Record, into: Settled, totals: Ints, world: Record) -> None:
    """Write what became of a device at the end of the run; where its life ends early, only when that was."""
    wide, middle, narrow, place = into.wide, into.middle, into.narrow, row.number
    received = row.received == world.latest_reserve and row.received_at_s >= 0
    wide[0, place] = row.received_at_s if received else -1
    if world.until_received:
        return
    disconnect(row, kind, totals, world)
    wide[1, place] = row.lost_at_s
    wide[2, place] = row.noticed_at_s
    wide[3, place] = row.reconnected_at_s
    wide[4, place] = row.lost_for_s + (world.horizon_s - row.lost_since_s if row.lost else 0)
    wide[5, place] = row.syncs
    wide[6, place] = row.last_sync_at_s
    wide[7, place] = row.helpdesk_s
    since_s = row.unreachable_since_s if row.unreachable_since_s >= 0 else world.horizon_s
    wide[8, place] = row.unreachable_for_s + world.horizon_s - since_s
    middle[0, place] = row.times_lost
    middle[1, place] = row.reinstalls
    middle[2, place] = row.visits_helped
    narrow[0, place] = row.cause
    narrow[1, place] = row.reconnected_by
    narrow[2, place] = row.unreachable
    narrow[3, place] = row.main == world.latest_reserve or row.reserve == world.latest_reserve
    narrow[4, place] = row.lost


@compiled
def first_received_at(start: Record, kind: Record, states: Records, world: Record) -> int:
    """When a device that `is_regular` receives the latest reserve; -1 for never."""
    main, reserve, every_s = states[0].presented, NO_CERTIFICATE, kind.every_s
    for epoch in range(len(states) - 1):
        state = states[epoch]
        due_s = start.phase_s
        if due_s < state.from_s:
            due_s += (state.from_s - due_s + every_s - 1) // every_s * every_s
        if due_s >= world.horizon_s:
            break
        holds = state.presented == main or state.presented == reserve
        if due_s >= states[epoch + 1].from_s or not (holds and state.answers and accepts(state, kind)):
            continue
        if state.handed_over >= 0 and state.handed_over == world.latest_reserve:
            return due_s
        if state.handed_over >= 0 or state.presented != main:
            reserve = state.handed_over
        main = state.presented
    return -1


def run_devices(
    first: int,
    starts: Records,
    identities: NDArray[np.uint64],
    tables: Tables,
    totals: Ints,
    coverage: Ints,
    settled: Settled,
    paused: Ints,
    rows: Records,
    words: Ints,
    stock: Floats,
    world: Record,
) -> int:
    """Let the devices from number `first` on live; those that call for help wait at their loss.

    Args:
        starts: (devices,) `START`.
        paused: `words_of` one row for each device, for those that call; of none without a help desk.
        rows: see `rows_for`.

    Returns:
        how many rows of `paused` were filled.
    """
    waiting = 0
    row = rows[_LIVES]
    for number in range(len(starts)):
        start = starts[number]
        kind = tables.kinds[start.profile]
        is_plain = kind.is_regular and start.starts_on and not start.holds_reserve
        if world.until_received and is_plain and not start.never_connected and len(tables.visits) == 0:
            settled.wide[0, first + number] = first_received_at(start, kind, tables.states, world)
            continue
        copy(words, _BLANK, words, _LIVES)
        row.number = first + number
        row.identity = identities[first + number]
        begin(row, stock, start, kind, tables, world)
        stop_on = WAS_LOST if len(paused) > 0 and kind.presence != NEVER_ON else AT_STOP
        if world.until_received:
            stop_on = HAS_RESERVE
        last_s = -1 if start.never_connected else world.horizon_s - 1  # -1: it does nothing
        why = live(row, stock, last_s, stop_on, tables, totals, coverage, world)
        if why == WAS_LOST:
            copy(words, _LIVES, paused, waiting)
            waiting += 1
        else:
            settle(row, kind, settled, totals, world)
    return waiting


run_devices = compiled(run_devices, is_entry=True)
