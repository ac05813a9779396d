"""The server's timeline and the fleet's profiles as tables of numbers, for the kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.world.certificates import Certificate
from sim.world.distributions import Distribution
from sim.world.fleet import Profile, Spells
from sim.world.plan import Plan
from sim.world.timeline import State, Timeline

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

CHANGES: Final = (None, "activated", "expired", "immediate", "restored", "valid")
PLATFORMS: Final = ("android", "ios")
ALWAYS, NEVER_ON, SPELLS = 0, 1, 2


class Epochs(NamedTuple):
    """One row for each state of the server; E states, G generations.

    Attributes:
        from_s: (E + 1,) instants, the horizon last.
        change: (E,) index into `CHANGES`.
        main: (E,) generation presented.
        is_valid: (E,) whether it is valid.
        accepted: (E, platforms) whether the platform accepts it.
        reserve: (E,) generation handed over, -1 for none.
        reserve_until_s: (E,) instant up to which that stays the reserve.
        coverage: (E,) which change of the main certificate this is, -1 where it is none.
        answers: (E,) whether whoever dials the main certificate's address is answered.
        answers_held: (E, G) whether whoever dials that generation's address is answered.
        activated: (E, G) whether the generation is or was main.
        replaced: (E, G) whether the generation was replaced while it was reserve.
    """

    from_s: Ints
    change: Ints
    main: Ints
    is_valid: Bools
    accepted: Bools
    reserve: Ints
    reserve_until_s: Ints
    coverage: Ints
    answers: Bools
    answers_held: Bools
    activated: Bools
    replaced: Bools


class Kinds(NamedTuple):
    """One row for each profile; durations in seconds.

    Attributes:
        every_s, jitter_s, success, catch_up: as in `Profile`.
        presence: `ALWAYS`, `NEVER_ON` or `SPELLS`.
        platform: index into `PLATFORMS`.
        stride: (P,) index of the period among those that are whole samples; -1 for others.
        on, off: (P, 5) kind, a, b, first value, number of values of the spells' distributions.
        values: the observed durations of all empirical distributions, one after the other.
        strides: the different periods in samples.
    """

    every_s: Ints
    jitter_s: Ints
    success: NDArray[np.float64]
    catch_up: Bools
    presence: Ints
    platform: Ints
    stride: Ints
    on: NDArray[np.float64]
    off: NDArray[np.float64]
    values: Ints
    strides: Ints


def epochs_of(plan: Plan, timeline: Timeline) -> Epochs:
    """The timeline as tables."""
    states, certificates = timeline.states, timeline.server.certificates
    mains = [state.main for state in states]
    switched = [False, *(a != b for a, b in zip(mains, mains[1:], strict=False))]
    addresses = [certificate.address for certificate in certificates]
    generations = range(len(certificates))
    return Epochs(
        from_s=np.array([*(state.from_s for state in states), plan.horizon_s], dtype=np.int64),
        change=np.array([CHANGES.index(state.change) for state in states], dtype=np.int64),
        main=np.array(mains, dtype=np.int64),
        is_valid=np.array([state.is_valid for state in states], dtype=np.bool_),
        accepted=np.array([_accepted(certificates[main]) for main in mains], dtype=np.bool_),
        reserve=np.array([state.reserve for state in states], dtype=np.int64),
        reserve_until_s=_until(states, plan.horizon_s),
        coverage=np.where(switched, np.cumsum(switched) - 1, -1).astype(np.int64),
        answers=np.array([not s.is_out and addresses[s.main] in s.open_addresses for s in states], dtype=np.bool_),
        answers_held=np.array(
            [[not s.is_out and address in s.open_addresses for address in addresses] for s in states],
            dtype=np.bool_,
        ),
        activated=np.array([[g in s.activated for g in generations] for s in states], dtype=np.bool_),
        replaced=np.array([[g in s.replaced for g in generations] for s in states], dtype=np.bool_),
    )


def _accepted(certificate: Certificate) -> list[bool]:
    return [platform not in certificate.refused_by for platform in PLATFORMS]


def _until(states: Sequence[State], horizon_s: int) -> Ints:
    """Up to when each state's reserve stays the reserve."""
    until_s = [horizon_s] * len(states)
    for i in range(len(states) - 2, -1, -1):
        same = states[i].reserve == states[i + 1].reserve
        until_s[i] = until_s[i + 1] if same else states[i + 1].from_s
    return np.array(until_s, dtype=np.int64)


def kinds_of(profiles: Sequence[Profile], sample_s: int) -> Kinds:
    """The profiles as tables."""
    values: list[int] = []
    spells = [p.presence if isinstance(p.presence, Spells) else None for p in profiles]

    def row(distribution: Distribution | None) -> list[float]:
        if distribution is None:
            return [0.0, 1.0, 0.0, 0.0, 0.0]
        first = len(values)
        values.extend(distribution.values)
        return [distribution.code, distribution.a, distribution.b, first, len(distribution.values)]

    on = [row(None if spell is None else spell.on) for spell in spells]
    off = [row(None if spell is None else spell.off) for spell in spells]
    strides = sorted({p.every_s // sample_s for p in profiles if p.every_s % sample_s == 0})
    return Kinds(
        every_s=np.array([p.every_s for p in profiles], dtype=np.int64),
        jitter_s=np.array([p.jitter_s for p in profiles], dtype=np.int64),
        success=np.array([p.success for p in profiles], dtype=np.float64),
        catch_up=np.array([p.catch_up for p in profiles], dtype=np.bool_),
        presence=np.array([_presence(p) for p in profiles], dtype=np.int64),
        platform=np.array([PLATFORMS.index(p.platform) for p in profiles], dtype=np.int64),
        stride=np.array(
            [strides.index(p.every_s // sample_s) if p.every_s % sample_s == 0 else -1 for p in profiles],
            dtype=np.int64,
        ),
        on=np.array(on, dtype=np.float64).reshape(-1, 5),
        off=np.array(off, dtype=np.float64).reshape(-1, 5),
        values=np.array(values or [0], dtype=np.int64),
        strides=np.array(strides or [1], dtype=np.int64),
    )


def _presence(profile: Profile) -> int:
    if isinstance(profile.presence, Spells):
        return SPELLS
    return ALWAYS if profile.presence == "always" else NEVER_ON
