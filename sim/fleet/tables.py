"""The server's timeline and the fleet's profiles as tables of numbers, for the kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.world.calendar import masks_of
from sim.world.distributions import KINDS, Distribution
from sim.world.draws import Draws
from sim.world.fleet import Away, Profile, Spells
from sim.world.plan import Plan, Push, concerns
from sim.world.timeline import State, Timeline

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Record = Any
"""An `np.record`: a row of numbers with names, which compiled code passes on by its address."""
Records = Any
"""An array of these."""

CHANGES: Final = (None, "activated", "expired", "immediate", "restored", "valid")
EXPIRED, IMMEDIATE, RESTORED = 2, 3, 4
PLATFORMS: Final = ("android", "ios")  # those that others are judged as
ALWAYS, NEVER_ON, SPELLS = 0, 1, 2
WRITTEN: Final = len(KINDS)
"""A law whose values are the lengths themselves, one after the other."""
FAR_S: Final = 1 << 62
"""Later than any instant."""


def record(**fields: type) -> np.dtype[np.void]:
    """The type of a row. Its fields are aligned, so that compiled code reads each at once."""
    return np.dtype((np.record, np.dtype([*fields.items()], align=True)))


STATE: Final = record(
    from_s=np.int64,  # instant from which it holds
    change=np.int64,  # index into `CHANGES`
    presented=np.int64,  # generation of the main certificate
    valid=np.bool_,  # whether it is valid
    accepted=np.int64,  # bits of the platforms that accept it
    handed_over=np.int64,  # generation of the reserve, -1 for none
    handed_until_s=np.int64,  # instant up to which that stays the reserve
    coverage=np.int64,  # which change of the main certificate this is, -1 where it is none
    answers=np.bool_,  # whether whoever dials the main certificate's address is answered
)
"""A state of the server; a last row holds the horizon."""

HELD: Final = record(address=np.int64, activated=np.int64, replaced=np.int64, specified=np.int64)
"""A certificate that a device may hold: the column of its address in `Tables.answered`, and the first state
in which it is or was main, was replaced while it was reserve, is or was reserve."""

KIND: Final = record(
    every_s=np.int64,
    jitter_s=np.int64,
    success=np.float64,
    catches_up=np.bool_,
    presence=np.int64,  # ALWAYS, NEVER_ON or SPELLS, which is also what is masked
    is_regular=np.bool_,  # whether it is never late, off, or unlucky, nor pushed
    turns=np.bool_,  # whether its own presence turns, where it is not `never`
    platform=np.int64,  # the bit of its platform
    stride=np.int64,  # the period in samples, 0 where it is not a whole number
    stride_row=np.int64,  # its row of the totals
    first_mask=np.int64,  # its rows of the masks: from this one ...
    last_mask=np.int64,  # ... up to but not including this one; the same where it has none
    first_push=np.int64,  # its rows of the pushes, in the same way
    last_push=np.int64,
)
"""A profile."""

LAW: Final = record(code=np.int64, a=np.float64, b=np.float64, first=np.int64, last=np.int64)
"""A distribution: see `Distribution`; its values are those from `first` up to but not including `last`."""

MASK: Final = record(
    from_s=np.int64, to_s=np.int64, share=np.float64, key=np.uint64, purpose=np.int64, number=np.int64
)
"""See `Mask`."""

PUSH: Final = record(at_s=np.int64, lifetime_s=np.int64, success=np.float64)
"""See `Push`."""


class Tables(NamedTuple):
    """The plan and the profiles in numbers."""

    states: Records  # (states + 1,) `STATE`
    answered: NDArray[np.bool_]  # (states, addresses) whether whoever dials an address is answered
    held: Records  # (generations,) `HELD`
    kinds: Records  # (profiles,) `KIND`
    laws: Records  # (profiles, 2) `LAW`: how long it is on, and off
    values: Floats  # the values of all distributions that have some, one after the other
    masks: Records  # (all masks of all profiles,) `MASK`
    pushes: Records  # (all pushes to all profiles,) `PUSH`
    visits: Ints  # (chases, devices) instants of the visits that find a device, `FAR_S` where there is none


def tables_of(
    plan: Plan, timeline: Timeline, profiles: Sequence[Profile], draws: Draws, visits: Ints
) -> Tables:
    """Everything the kernels look up."""
    values: list[float] = []
    masks: list[tuple[object, ...]] = []
    pushes: list[tuple[object, ...]] = []
    strides = sorted({p.every_s // plan.sample_s for p in profiles if p.every_s % plan.sample_s == 0})
    kinds, laws = [], []
    for p in profiles:
        first_mask, first_push = len(masks), len(pushes)
        masks += [(m.from_s, m.to_s, m.share, m.key, m.purpose, m.number) for m in masks_of(plan, p, draws)]
        pushes += [
            (a.at_s, a.lifetime_s, a.success) for a in plan.actions if isinstance(a, Push) and concerns(a, p)
        ]
        presence = {"always": ALWAYS, "never": NEVER_ON}.get(str(p.presence), SPELLS)
        if presence == ALWAYS and first_mask < len(masks):
            presence = SPELLS
        is_regular = presence == ALWAYS and not p.jitter_s and p.success == 1.0 and first_push == len(pushes)
        stride = p.every_s // plan.sample_s if p.every_s % plan.sample_s == 0 else 0
        kinds.append(
            (
                *(p.every_s, p.jitter_s, p.success, p.catch_up, presence, is_regular, p.presence != "always"),
                *(1 << PLATFORMS.index(p.judged_as), stride, strides.index(stride) if stride else 0),
                *(first_mask, len(masks), first_push, len(pushes)),
            )
        )
        laws.append(_laws(p, values))
    states, certificates = timeline.states, timeline.server.certificates
    addresses = list(dict.fromkeys(certificate.address for certificate in certificates))
    never, firsts = len(states), (timeline.activated, timeline.replaced, timeline.specified)
    return Tables(
        np.array(_states(plan, timeline), dtype=STATE),
        np.array([[not s.is_out and a in s.open_addresses for a in addresses] for s in states], dtype=bool),
        np.array(
            [
                (addresses.index(certificate.address), *(first.get(generation, never) for first in firsts))
                for generation, certificate in enumerate(certificates)
            ],
            dtype=HELD,
        ),
        np.array(kinds, dtype=KIND),
        np.array(laws, dtype=LAW).reshape(-1, 2),
        np.array(values, dtype=np.float64),
        np.array(masks, dtype=MASK),
        np.array(pushes, dtype=PUSH),
        visits,
    )


def _states(plan: Plan, timeline: Timeline) -> list[tuple[object, ...]]:
    states, certificates = timeline.states, timeline.server.certificates
    until_s = _until(states, plan.horizon_s)
    rows: list[tuple[object, ...]] = []
    changes = 0
    for number, state in enumerate(states):
        changed = number > 0 and state.main != states[number - 1].main
        changes += changed
        main = certificates[state.main]
        accepted = sum(1 << bit for bit, name in enumerate(PLATFORMS) if name not in main.refused_by)
        answers = not state.is_out and main.address in state.open_addresses
        rows.append(
            (
                *(state.from_s, CHANGES.index(state.change), state.main, state.is_valid, accepted),
                *(state.reserve, until_s[number], changes - 1 if changed else -1, answers),
            )
        )
    rows.append((plan.horizon_s, *(0,) * (len(rows[0]) - 1)))
    return rows


def _until(states: Sequence[State], horizon_s: int) -> list[int]:
    """Up to when each state's reserve stays the reserve."""
    until_s = [horizon_s] * len(states)
    for i in range(len(states) - 2, -1, -1):
        same = states[i].reserve == states[i + 1].reserve
        until_s[i] = until_s[i + 1] if same else states[i + 1].from_s
    return until_s


def _laws(profile: Profile, values: list[float]) -> list[tuple[object, ...]]:
    """How long a device is on, and off; a second where it does not turn, which nobody looks at."""
    presence = profile.presence
    if isinstance(presence, Away):
        return [_law(WRITTEN, 0.0, 0.0, lengths_s, values) for lengths_s in (presence.on_s, presence.off_s)]
    if isinstance(presence, Spells):
        return [law_of(presence.on, values), law_of(presence.off, values)]
    return [_law(0, 1.0, 0.0, (), values)] * 2


def law_of(distribution: Distribution, values: list[float]) -> tuple[object, ...]:
    """A row of `LAW`; the values of the distribution are added to `values`."""
    return _law(distribution.code, distribution.a, distribution.b, distribution.values, values)


def _law(code: int, a: float, b: float, own: Sequence[float], values: list[float]) -> tuple[object, ...]:
    values.extend(own)
    return (code, a, b, len(values) - len(own), len(values))
