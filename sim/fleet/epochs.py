"""The server's timeline and the fleet's profiles as tables of numbers, for the kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.world.calendar import Mask, masks_of
from sim.world.distributions import KINDS, Distribution
from sim.world.draws import Draws
from sim.world.fleet import Away, Profile, Spells
from sim.world.plan import Plan, Push, concerns
from sim.world.timeline import State, Timeline

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

CHANGES: Final = (None, "activated", "expired", "immediate", "restored", "valid")
EXPIRED, IMMEDIATE, RESTORED = 2, 3, 4
PLATFORMS: Final = ("android", "ios")  # those that others are judged as
ALWAYS, NEVER_ON, SPELLS = 0, 1, 2
WRITTEN: Final = len(KINDS)  # a law whose values are the lengths themselves, one after the other


# Columns of `Tables.epochs`, one row for each state of the server.
FROM_S: Final = 0  # instant from which it holds; a last row holds the horizon
CHANGE: Final = 1  # index into `CHANGES`
PRESENTED: Final = 2  # generation of the main certificate
VALID: Final = 3  # whether it is valid
ACCEPTED: Final = 4  # whether platform 0 accepts it; the next column: platform 1
HANDED_OVER: Final = 6  # generation of the reserve, -1 for none
HANDED_UNTIL_S: Final = 7  # instant up to which that stays the reserve
COVERAGE: Final = 8  # which change of the main certificate this is, -1 where it is none
ANSWERS: Final = 9  # whether whoever dials the main certificate's address is answered
FIRST_ADDRESS: Final = 10  # from here on, one a distinct address: whether whoever dials it is answered

# Columns of `Tables.held`, one row a generation that a device may hold: the first state in which ...
ADDRESS: Final = 0  # (not a state: the column of `Tables.epochs` of its address)
ACTIVATED: Final = 1  # it is or was main
REPLACED: Final = 2  # it was replaced while it was reserve
SPECIFIED: Final = 3  # it is or was reserve

# Columns of `Tables.kinds`, one row a profile.
EVERY_S: Final = 0
JITTER_S: Final = 1
CATCHES_UP: Final = 2
PRESENCE: Final = 3  # ALWAYS, NEVER_ON or SPELLS, which is also what is masked
PLATFORM: Final = 4  # index into `PLATFORMS`
STRIDE: Final = 5  # the period in samples, 0 where it is not a whole number
STRIDE_ROW: Final = 6  # its row of the totals
ON_LAW: Final = 7  # kind, first value, number of values; then the same for off
OFF_LAW: Final = 10
FIRST_MASK: Final = 13  # its rows of the masks: from this one
LAST_MASK: Final = 14  # up to but not including this one; the same where it has none
FIRST_PUSH: Final = 16  # its rows of the pushes, in the same way
LAST_PUSH: Final = 17
TURNS: Final = 15  # whether its own presence turns, where it is not `never`

# Columns of `Tables.laws`, one row a profile.
SUCCESS: Final = 0
ON_PARAMETERS: Final = 1  # a, b; then the same for off
OFF_PARAMETERS: Final = 3


# Columns of `Tables.masks`; whole numbers, but for the share. See `Mask`.
MASK_FROM_S: Final = 0
MASK_TO_S: Final = 1
MASK_SHARE: Final = 2
MASK_KEY: Final = 3  # low 32 bits, then the high ones
MASK_PURPOSE: Final = 5
MASK_INDEX: Final = 6

# Columns of `Tables.pushes`. See `Push`.
PUSH_AT_S: Final = 0
PUSH_LIFETIME_S: Final = 1
PUSH_REACHES: Final = 2


class Tables(NamedTuple):
    """The plan and the profiles in numbers; the constants above name the columns.

    Attributes:
        epochs: (states + 1, 10 + addresses) int64.
        held: (generations, 4) int64.
        kinds: (profiles, 18) int64.
        laws: (profiles, 5) float64.
        masks: (all masks of all profiles, 7) float64; see `MASK_FROM_S`.
        pushes: (all pushes to all profiles, 3) float64; see `PUSH_AT_S`.
        values: the values of all distributions that have some, one after the other; float64.
    """

    epochs: Ints
    held: Ints
    kinds: Ints
    laws: Floats
    values: Floats
    masks: Floats
    pushes: Floats


def tables_of(plan: Plan, timeline: Timeline, profiles: Sequence[Profile], draws: Draws) -> Tables:
    """Everything the kernels look up."""
    masks: list[Mask] = []
    pushes: list[Push] = []
    bounds = []
    for profile in profiles:
        first, first_push = len(masks), len(pushes)
        masks.extend(masks_of(plan, profile, draws))
        pushes.extend(a for a in plan.actions if isinstance(a, Push) and concerns(a, profile))
        bounds.append((first, len(masks), first_push, len(pushes)))
    kinds, laws, values = _kinds(profiles, plan.sample_s, bounds)
    return Tables(
        _epochs(plan, timeline), _held(timeline), kinds, laws, values, _masks(masks), _pushes(pushes)
    )


def _pushes(pushes: Sequence[Push]) -> Floats:
    rows = [(push.at_s, push.lifetime_s, push.success) for push in pushes]
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


def _masks(masks: Sequence[Mask]) -> Floats:
    rows = [
        (mask.from_s, mask.to_s, mask.share, mask.key & 0xFFFFFFFF, mask.key >> 32, mask.purpose, mask.number)
        for mask in masks
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, 7)


def _epochs(plan: Plan, timeline: Timeline) -> Ints:
    states, certificates = timeline.states, timeline.server.certificates
    until_s = _until(states, plan.horizon_s)
    addresses = _addresses(timeline)
    rows, changes = [], 0
    for number, state in enumerate(states):
        changed = number > 0 and state.main != states[number - 1].main
        changes += changed
        main = certificates[state.main]
        rows.append(
            [
                state.from_s,
                CHANGES.index(state.change),
                state.main,
                state.is_valid,
                *(platform not in main.refused_by for platform in PLATFORMS),
                state.reserve,
                until_s[number],
                changes - 1 if changed else -1,
                not state.is_out and main.address in state.open_addresses,
                *(not state.is_out and address in state.open_addresses for address in addresses),
            ]
        )
    rows.append([plan.horizon_s] + [0] * (len(rows[0]) - 1))
    return np.array(rows, dtype=np.int64)


def _addresses(timeline: Timeline) -> dict[str, int]:
    """The column of `Tables.epochs` of each address."""
    distinct = dict.fromkeys(certificate.address for certificate in timeline.server.certificates)
    return {address: FIRST_ADDRESS + number for number, address in enumerate(distinct)}


def _held(timeline: Timeline) -> Ints:
    addresses, never = _addresses(timeline), len(timeline.states)
    firsts = (timeline.activated, timeline.replaced, timeline.specified)
    return np.array(
        [
            [addresses[certificate.address], *(first.get(generation, never) for first in firsts)]
            for generation, certificate in enumerate(timeline.server.certificates)
        ],
        dtype=np.int64,
    )


def _until(states: Sequence[State], horizon_s: int) -> list[int]:
    """Up to when each state's reserve stays the reserve."""
    until_s = [horizon_s] * len(states)
    for i in range(len(states) - 2, -1, -1):
        same = states[i].reserve == states[i + 1].reserve
        until_s[i] = until_s[i + 1] if same else states[i + 1].from_s
    return until_s


def _kinds(
    profiles: Sequence[Profile], sample_s: int, bounds: Sequence[tuple[int, int, int, int]]
) -> tuple[Ints, Floats, Floats]:
    values: list[float] = []
    strides = sorted({p.every_s // sample_s for p in profiles if p.every_s % sample_s == 0})
    kinds, laws = [], []
    for p, (first_mask, last_mask, *pushes) in zip(profiles, bounds, strict=True):
        spells = p.presence if isinstance(p.presence, Spells) else Spells(_UNUSED, _UNUSED)
        stride = p.every_s // sample_s if p.every_s % sample_s == 0 else 0
        if isinstance(p.presence, Away):
            on, off = _written(p.presence.on_s, values), _written(p.presence.off_s, values)
        else:
            on, off = law_of(spells.on, values), law_of(spells.off, values)
        row = strides.index(stride) if stride else 0
        presence, platform, turns = _presence(p), PLATFORMS.index(p.judged_as), p.presence != "always"
        if presence == ALWAYS and first_mask < last_mask:
            presence = SPELLS
        fixed = [p.every_s, p.jitter_s, p.catch_up, presence, platform, stride, row]
        kinds.append([*fixed, *on, *off, first_mask, last_mask, turns, *pushes])
        laws.append([p.success, spells.on.a, spells.on.b, spells.off.a, spells.off.b])
    return (
        np.array(kinds, dtype=np.int64).reshape(len(profiles), 18),
        np.array(laws, dtype=np.float64).reshape(len(profiles), 5),
        np.array(values, dtype=np.float64),
    )


_UNUSED: Final = Distribution.constant(1)


def law_of(distribution: Distribution, values: list[float]) -> list[int]:
    """Kind, first value and number of values of a distribution; its values are added to `values`."""
    first = len(values)
    values.extend(distribution.values)
    return [distribution.code, first, len(distribution.values)]


def _written(lengths_s: Sequence[int], values: list[float]) -> list[int]:
    """As `law_of`, of lengths that are not drawn."""
    first = len(values)
    values.extend(lengths_s)
    return [WRITTEN, first, len(lengths_s)]


def _presence(profile: Profile) -> int:
    if isinstance(profile.presence, Spells | Away):
        return SPELLS
    return ALWAYS if profile.presence == "always" else NEVER_ON
