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
from sim.fleet.epochs import NEVER_ON, SPELLS, Bools, Epochs, Ints, Kinds
from sim.world import distributions as world_distributions
from sim.world import draws as world_draws
from sim.world.certificates import NO_CERTIFICATE

Floats = NDArray[np.float64]
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
CONNECTED_UNTIL: Final = 27  # sample up to which it is counted as connected
REINSTALLS: Final = 28
HELPDESK: Final = 29  # seconds of work on it
CALLS: Final = 30
BEGUN: Final = 31  # reinstallations begun
PROFILE: Final = 32
DEVICE: Final = 33
PHASE_S: Final = 34
PLACES: Final = 35

# Why `live` came back.
AT_STOP: Final = 0
WAS_LOST: Final = 1
RECONNECTED: Final = 2

FAR_S: Final = 1 << 62
"""Later than any instant."""

_JITTER = np.uint64(int(world_draws.Purpose.JITTER))
_SUCCESS = np.uint64(int(world_draws.Purpose.SUCCESS))
_CATCH_UP = np.uint64(int(world_draws.Purpose.CATCH_UP_SUCCESS))
_ON_SPELL = np.uint64(int(world_draws.Purpose.ON_SPELL))
_OFF_SPELL = np.uint64(int(world_draws.Purpose.OFF_SPELL))
_OWNER = np.uint64(int(world_draws.Purpose.OWNER_RESPONDS))
_TAKES = np.uint64(int(world_draws.Purpose.REINSTALL_TAKES))
_LOW32 = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_11 = np.uint64(11)
_TO_UNIT = 2.0**-53


class Totals(NamedTuple):
    """Sums over devices, added up chunk by chunk; all int64, N samples, the last place of each is waste.

    Attributes:
        syncs: (N + 1,) synchronizations by the sample that counts them.
        strides: (Q, N + 1) differences, a stride apart, of regular synchronizations.
        connected, lost, holding, queue: (N + 1,) differences from sample to sample.
        held: (changes, profiles) devices that held the certificate about to become main.
    """

    syncs: Ints
    strides: Ints
    connected: Ints
    lost: Ints
    holding: Ints
    queue: Ints
    held: Ints


class World(NamedTuple):
    """What a device's life depends on besides itself: tables, key of the draws, sampling, horizon."""

    epochs: Epochs
    kinds: Kinds
    k0: np.uint64
    k1: np.uint64
    sample_s: int
    horizon_s: int


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
def spell(identity: np.uint64, purpose: np.uint64, index: int, law: Floats, world: World) -> int:
    """Length of spell number `index`, in seconds."""
    u, v = pair(identity, purpose, index, world)
    first = int(law[3])
    values = world.kinds.values[first : first + int(law[4])]
    return duration(int(law[0]), law[1], law[2], values, u, v)


@compiled
def sample_after(instant_s: int, world: World, last: int) -> int:
    """The first sample at or after an instant, at most `last`."""
    return min((instant_s + world.sample_s - 1) // world.sample_s, last)


@compiled
def due_at(row: Ints, identity: np.uint64, attempt: int, world: World) -> int:
    """When an attempt of the schedule is due (model 5.2)."""
    profile = row[PROFILE]
    due_s = row[PHASE_S] + attempt * world.kinds.every_s[profile]
    jitter_s = world.kinds.jitter_s[profile]
    if jitter_s > 0:
        due_s += int(single(identity, _JITTER, attempt, world) * (jitter_s + 1))
    return due_s


@compiled
def hold_from(row: Ints, instant_s: int, world: World, totals: Totals) -> None:
    """The device holds the epoch's reserve from now until that is no longer the reserve."""
    last = len(totals.holding) - 1
    begin = sample_after(instant_s, world, last)
    end = sample_after(world.epochs.reserve_until_s[row[EPOCH]], world, last)
    totals.holding[begin] += 1
    totals.holding[end] -= 1


@compiled
def receive(row: Ints, instant_s: int, world: World, totals: Totals) -> None:
    """The server's reserve is written to the reserve slot (model 4.2)."""
    reserve = world.epochs.reserve[row[EPOCH]]
    row[RESERVE] = reserve
    if row[RECEIVED] != reserve:
        row[RECEIVED] = reserve
        row[RECEIVED_AT] = instant_s
    hold_from(row, instant_s, world, totals)


@compiled
def synchronize(row: Ints, instant_s: int, world: World, totals: Totals) -> bool:
    """The server accepted it now; true if a lost device is reconnected by it (model 5.4 d)."""
    main = world.epochs.main[row[EPOCH]]
    reserve = world.epochs.reserve[row[EPOCH]]
    if row[MAIN] != main:
        row[MAIN] = main
        row[RESERVE] = NO_CERTIFICATE
    if reserve >= 0 and row[RESERVE] != reserve:
        receive(row, instant_s, world, totals)
    totals.syncs[sample_after(instant_s, world, len(totals.syncs) - 1)] += 1
    count_syncs(row, instant_s, instant_s, 1, world, totals)
    if row[LOST] == 0:
        return False
    if row[RECONNECTED_AT] < 0:
        row[RECONNECTED_AT] = instant_s
        row[RECONNECTED_BY] = 2 if row[HELPED] else 1
    row[LOST_FOR] += instant_s - row[LOST_SINCE]
    row[LOST] = 0
    totals.lost[sample_after(instant_s, world, len(totals.lost) - 1)] -= 1
    return True


@compiled
def count_syncs(row: Ints, first_s: int, last_s: int, syncs: int, world: World, totals: Totals) -> None:
    """`syncs` synchronizations from `first_s` to `last_s`, no further apart than the period and its jitter."""
    row[SYNCS] += syncs
    row[LAST_SYNC_AT] = last_s
    waste = len(totals.connected) - 1
    begin = max(sample_after(first_s, world, waste), row[CONNECTED_UNTIL])
    end = min((last_s + 2 * world.kinds.every_s[row[PROFILE]]) // world.sample_s + 1, waste)
    if end > begin:
        totals.connected[begin] += 1
        totals.connected[end] -= 1
        row[CONNECTED_UNTIL] = end


@compiled
def count_regular(row: Ints, first_s: int, syncs: int, world: World, totals: Totals) -> None:
    """`syncs` synchronizations, one every period from `first_s` on."""
    profile = row[PROFILE]
    every_s = world.kinds.every_s[profile]
    count_syncs(row, first_s, first_s + (syncs - 1) * every_s, syncs, world, totals)
    waste = len(totals.syncs) - 1
    number = world.kinds.stride[profile]
    if number < 0:
        for i in range(syncs):
            totals.syncs[sample_after(first_s + i * every_s, world, waste)] += 1
        return
    begin = sample_after(first_s, world, waste)
    end = begin + syncs * world.kinds.strides[number]
    totals.strides[number, begin] += 1
    if end < waste:
        totals.strides[number, end] -= 1


@compiled
def cross(row: Ints, world: World, totals: Totals) -> bool:
    """The next control instant: true if the device is lost by it (model 5.5)."""
    epochs = world.epochs
    row[EPOCH] += 1
    epoch = row[EPOCH]
    profile = row[PROFILE]
    main = epochs.main[epoch]
    holds = main == row[MAIN] or main == row[RESERVE]
    is_lost = False
    if epochs.coverage[epoch] >= 0 and holds:
        totals.held[epochs.coverage[epoch], profile] += 1
    if epochs.change[epoch] != 0:
        able = holds and epochs.is_valid[epoch] and epochs.accepted[epoch, world.kinds.platform[profile]]
        is_lost = row[ABLE] == 1 and not able
        row[ABLE] = 1 if able else 0
        if is_lost:
            lose(row, holds, world, totals)
    reserve = epochs.reserve[epoch]
    if reserve >= 0 and epochs.reserve[epoch - 1] != reserve and (reserve == row[MAIN] or reserve == row[RESERVE]):
        hold_from(row, epochs.from_s[epoch], world, totals)
    return is_lost


@compiled
def lose(row: Ints, holds: bool, world: World, totals: Totals) -> None:
    """The device stops being able to authenticate."""
    epochs = world.epochs
    epoch = row[EPOCH]
    now_s = epochs.from_s[epoch]
    row[TIMES_LOST] += 1
    row[HELPED] = 0
    if row[LOST] == 0:
        row[LOST] = 1
        row[LOST_SINCE] = now_s
        totals.lost[sample_after(now_s, world, len(totals.lost) - 1)] += 1
    if row[LOST_AT] >= 0:
        return
    row[LOST_AT] = now_s
    change = epochs.change[epoch]
    if change == 3:
        row[CAUSE] = 4
    elif change == 4:
        row[CAUSE] = 5
    elif change == 2 or not epochs.is_valid[epoch]:
        row[CAUSE] = 3
    elif holds:
        row[CAUSE] = 6
    elif row[RESERVE] >= 0 and epochs.replaced[epoch, row[RESERVE]]:
        row[CAUSE] = 2
    else:
        row[CAUSE] = 1


@compiled
def next_attempt(row: Ints, identity: np.uint64, stop_s: int, world: World) -> int:
    """When the device tries next; anything above `stop_s` if not by then. Spells are lived through on the way."""
    profile = row[PROFILE]
    if row[CATCH_UP_AT] >= 0:
        return row[CATCH_UP_AT]
    if world.kinds.presence[profile] != SPELLS:
        return row[DUE] if row[IS_ON] == 1 else FAR_S
    while row[IS_ON] == 0 or row[DUE] >= row[SPELL_ENDS]:
        turned_s = row[SPELL_ENDS]
        if turned_s > stop_s:
            return FAR_S
        if row[IS_ON] == 1:
            row[IS_ON] = 0
            row[MISSED] = 0
            row[SPELL_ENDS] += spell(identity, _OFF_SPELL, row[OFF_SPELLS], world.kinds.off[profile], world)
            row[OFF_SPELLS] += 1
            continue
        row[IS_ON] = 1
        row[SPELL_ENDS] += spell(identity, _ON_SPELL, row[ON_SPELLS], world.kinds.on[profile], world)
        row[ON_SPELLS] += 1
        skip_to(row, identity, turned_s, world)
        row[COMINGS] += 1
        if row[MISSED] == 1 and world.kinds.catch_up[profile] and row[DUE] > turned_s:
            row[CATCH_UP_AT] = turned_s
            return turned_s
    return row[DUE]


@compiled
def skip_to(row: Ints, identity: np.uint64, instant_s: int, world: World) -> None:
    """Attempts due before the instant are missed."""
    if row[DUE] >= instant_s:
        return
    row[MISSED] = 1
    profile = row[PROFILE]
    surely = (instant_s - world.kinds.jitter_s[profile] - row[PHASE_S]) // world.kinds.every_s[profile]
    row[ATTEMPT] = max(row[ATTEMPT] + 1, surely)
    row[DUE] = due_at(row, identity, row[ATTEMPT], world)
    while row[DUE] < instant_s:
        row[ATTEMPT] += 1
        row[DUE] = due_at(row, identity, row[ATTEMPT], world)


@compiled
def live(row: Ints, identity: np.uint64, stop_s: int, stop_on: int, world: World, totals: Totals) -> int:
    """Let the device live up to and including the attempts of `stop_s`.

    Args:
        row: its state.
        identity: of its draws.
        stop_s: last second; below the horizon.
        stop_on: `WAS_LOST` or `RECONNECTED` to come back as soon as that happens, else `AT_STOP`.
        world: what it meets.
        totals: what it adds to.

    Returns:
        why it came back: one of the three.
    """
    epochs = world.epochs
    kinds = world.kinds
    profile = row[PROFILE]
    every_s = kinds.every_s[profile]
    jitter_s = kinds.jitter_s[profile]
    success = kinds.success[profile]
    platform = kinds.platform[profile]
    is_regular = kinds.presence[profile] != SPELLS and jitter_s == 0 and success == 1.0
    success_block, success_left, success_right = -1, 0.0, 0.0
    jitter_block, jitter_left, jitter_right = -1, 0.0, 0.0
    while True:
        at_s = next_attempt(row, identity, stop_s, world)
        limit_s = min(at_s, stop_s)
        while row[EPOCH] + 1 < len(epochs.main) and epochs.from_s[row[EPOCH] + 1] <= limit_s:
            if cross(row, world, totals) and stop_on == WAS_LOST:
                return WAS_LOST
        if at_s > stop_s:
            return AT_STOP
        epoch = row[EPOCH]
        main = epochs.main[epoch]
        holds = main == row[MAIN] or main == row[RESERVE]
        if holds:
            is_answered = epochs.answers[epoch]
        else:
            dials_with = row[MAIN]
            if row[RESERVE] >= 0 and epochs.activated[epoch, row[RESERVE]]:
                dials_with = row[RESERVE]
            is_answered = epochs.answers_held[epoch, dials_with]
        accepts = holds and epochs.is_valid[epoch] and epochs.accepted[epoch, platform]

        attempts = 1
        succeeds = True
        if is_regular:
            if not (row[LOST] == 1 and stop_on == RECONNECTED):
                attempts = (min(epochs.from_s[epoch + 1] - 1, stop_s) - at_s) // every_s + 1
            row[ATTEMPT] += attempts
            row[DUE] += attempts * every_s
        elif row[CATCH_UP_AT] >= 0:
            row[CATCH_UP_AT] = -1
            if success < 1.0 and is_answered:
                succeeds = single(identity, _CATCH_UP, row[COMINGS] - 1, world) < success
        else:
            attempt = row[ATTEMPT]
            if success < 1.0 and is_answered:
                if attempt >> 1 != success_block:
                    success_block = attempt >> 1
                    success_left, success_right = pair(identity, _SUCCESS, success_block, world)
                succeeds = (success_right if attempt & 1 else success_left) < success
            attempt += 1
            due_s = row[PHASE_S] + attempt * every_s
            if jitter_s > 0:
                if attempt >> 1 != jitter_block:
                    jitter_block = attempt >> 1
                    jitter_left, jitter_right = pair(identity, _JITTER, jitter_block, world)
                due_s += int((jitter_right if attempt & 1 else jitter_left) * (jitter_s + 1))
            row[ATTEMPT] = attempt
            row[DUE] = due_s

        if not (is_answered and succeeds):
            continue
        if accepts:
            is_back = synchronize(row, at_s, world, totals)
            if attempts > 1:
                count_regular(row, at_s + every_s, attempts - 1, world, totals)
            if is_back and stop_on == RECONNECTED:
                return RECONNECTED
        elif row[LOST] == 1 and row[RECONNECTED_AT] < 0 and row[NOTICED_AT] < 0:
            row[NOTICED_AT] = at_s


class Starts(NamedTuple):
    """The devices of a fleet at the start, one array a column (see `Fleet` and `Roster`)."""

    profile: Ints32
    identity: Words
    phase_s: Ints
    starts_on: Bools
    first_spell_s: Ints
    silent: Bools
    holds_reserve: Bools


class Columns(NamedTuple):
    """The outcome's columns (see `Devices`), and `is_lost`."""

    reserve_received_at_s: Ints
    critical_delay_s: Ints
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
    is_lost: Bools


class Reserves(NamedTuple):
    """The reserves that the outcome tells of: the run's first, its last, and when that was specified."""

    first: int
    latest: int
    latest_at_s: int


@compiled
def begin(row: Ints, device: int, starts: Starts, first_reserve: int, world: World) -> None:
    """A device's state before anything happens."""
    row[:] = 0
    profile = starts.profile[device]
    row[PROFILE] = profile
    row[DEVICE] = device
    row[PHASE_S] = starts.phase_s[device]
    row[IS_ON] = starts.starts_on[device]
    row[SPELL_ENDS] = starts.first_spell_s[device]
    row[MISSED] = starts.silent[device]
    row[CATCH_UP_AT] = -1
    row[MAIN] = world.epochs.main[0]
    row[RESERVE] = NO_CERTIFICATE
    row[RECEIVED] = NO_CERTIFICATE
    row[RECEIVED_AT] = -1
    if starts.holds_reserve[device]:
        row[RESERVE] = first_reserve
        row[RECEIVED] = first_reserve
        row[RECEIVED_AT] = 0
    row[ABLE] = world.epochs.accepted[0, world.kinds.platform[profile]]
    for place in (LOST_AT, NOTICED_AT, RECONNECTED_AT, LAST_SYNC_AT):
        row[place] = -1
    row[DUE] = due_at(row, starts.identity[device], 0, world)


@compiled
def settle(row: Ints, starts: Starts, reserves: Reserves, world: World, columns: Columns) -> None:
    """Write what became of a device at the end of the run."""
    device = row[DEVICE]
    received = row[RECEIVED] == reserves.latest and row[RECEIVED_AT] >= 0
    if received:
        columns.reserve_received_at_s[device] = row[RECEIVED_AT]
        held = starts.holds_reserve[device] and row[RECEIVED] == reserves.first
        columns.critical_delay_s[device] = 0 if held else row[RECEIVED_AT] - reserves.latest_at_s + 1
    else:
        columns.reserve_received_at_s[device] = -1
        columns.critical_delay_s[device] = -1
    columns.lost_at_s[device] = row[LOST_AT]
    columns.lost_cause[device] = row[CAUSE]
    columns.noticed_at_s[device] = row[NOTICED_AT]
    columns.reconnected_at_s[device] = row[RECONNECTED_AT]
    columns.reconnected_by[device] = row[RECONNECTED_BY]
    columns.times_lost[device] = row[TIMES_LOST]
    open_loss_s = world.horizon_s - row[LOST_SINCE] if row[LOST] == 1 else 0
    columns.lost_for_s[device] = row[LOST_FOR] + open_loss_s
    columns.syncs[device] = row[SYNCS]
    columns.last_sync_at_s[device] = row[LAST_SYNC_AT]
    columns.reinstalls[device] = row[REINSTALLS]
    columns.helpdesk_s[device] = row[HELPDESK]
    columns.is_lost[device] = row[LOST] == 1


@compiled
def run_devices(
    first: int,
    last: int,
    starts: Starts,
    reserves: Reserves,
    world: World,
    totals: Totals,
    columns: Columns,
    paused: Rows,
) -> int:
    """Let devices `first` to `last` live; those that call for help wait at their loss.

    Args:
        paused: (last - first, PLACES) for the rows of those that call; (0, PLACES) without a help desk.

    Returns:
        how many rows of `paused` were filled.
    """
    waiting = 0
    row = np.empty(PLACES, dtype=np.int64)
    for device in range(first, last):
        begin(row, device, starts, reserves.first, world)
        calls = len(paused) > 0 and world.kinds.presence[row[PROFILE]] != NEVER_ON
        why = live(
            row,
            starts.identity[device],
            world.horizon_s - 1,
            WAS_LOST if calls else AT_STOP,
            world,
            totals,
        )
        if why == WAS_LOST:
            paused[waiting] = row
            waiting += 1
        else:
            settle(row, starts, reserves, world, columns)
    return waiting
