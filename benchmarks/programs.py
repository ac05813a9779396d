"""The same question put to other programs: how many phones lose the server by this reissue?

Every phone is always on and makes attempt k at phase + k · 6 h + jitter, jitter up to 30 min; 95 % of the
attempts succeed. A certificate is specified on day 10 and becomes main six hours later. Whoever did not
synchronize in between is lost: by theory 6.25 %, see `LOST`.

Each program is written as its users write: no cleverness, no waste. None but the engines of this project
keeps certificates, slots, an outcome per device or time series.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numba
import numpy as np
import salabim
import simpy

from sim.fleet.stock import BATCH, WORLD, blocks
from sim.processes.engine import simulate as process_engine
from sim.scenario import Scenario
from sim.scenario.prepare import prepare
from sim.world.draws import Draws, Purpose
from sim.world.fleet import Fleet
from sim.world.outcome import Outcome
from sim.world.plan import Plan

DAY_S: Final = 86_400
EVERY_S: Final = 6 * 3600
JITTER_S: Final = 30 * 60
SUCCESS: Final = 0.95
SPECIFIED_S: Final = 10 * DAY_S
ACTIVATED_S: Final = SPECIFIED_S + EVERY_S
STEP_S: Final = 15 * 60

# With x the time from the phone's turn to the end of the six hours, over the longest jitter: its own attempt
# falls into them with probability p = min(1, x), the one of the turn before with 1 - p. It is lost if neither
# both falls into them and succeeds: E[(1 - s p)(1 - s (1 - p))] = 1 - s + s² E[p (1 - p)].
LOST: Final = 1 - SUCCESS + SUCCESS**2 * (JITTER_S / EVERY_S) / 6


@dataclass(frozen=True)
class Answer:
    """What a program counted: successful synchronizations, and phones lost at the activation."""

    syncs: int
    lost: int


def scenario(devices: int, days: int) -> Scenario:
    return Scenario.from_document(
        {
            "name": "one reissue",
            "start": "2026-03-01",
            "duration": f"{days}d",
            "server": {"certificate": {"expires": f"day {days + 1}"}, "automatic_reissue": "off"},
            "fleet": [
                {
                    "name": "phones",
                    "devices": devices,
                    "sync": {"every": f"{EVERY_S}s", "jitter": f"{JITTER_S}s", "success": SUCCESS},
                }
            ],
            "strategy": [{"at": "day 10", "reissue": {"activate": "after 6h"}}],
        }
    )


def world(devices: int, days: int) -> tuple[Plan, Fleet]:
    written = scenario(devices, days)
    return prepare(written).plan, Fleet.start(prepare(written).roster(), Draws.of(written.seed, 0))


def answer_of(outcome: Outcome) -> Answer:
    return Answer(int(outcome.devices.syncs.sum()), int((outcome.devices.times_lost > 0).sum()))


def process(devices: int, days: int) -> Callable[[], Answer]:
    plan, fleet = world(devices, days)
    return lambda: answer_of(process_engine(plan, fleet))


def array(threads: int) -> Callable[[int, int], Callable[[], Answer]]:
    from sim.fleet.engine import simulate

    def build(devices: int, days: int) -> Callable[[], Answer]:
        plan, fleet = world(devices, days)
        return lambda: answer_of(simulate(plan, fleet, threads=threads))

    return build


# ---- plain SimPy -------------------------------------------------------------------------------------


class Phone:
    def __init__(self, env: simpy.Environment, rng: random.Random) -> None:
        self.env = env
        self.rng = rng
        self.syncs = 0
        self.has_reserve = self.is_lost = False
        env.process(self.live())

    def live(self) -> simpy.events.ProcessGenerator:
        env, rng = self.env, self.rng
        turn_s = rng.random() * EVERY_S
        while True:
            yield env.timeout(turn_s + rng.random() * JITTER_S - env.now)
            turn_s += EVERY_S
            if rng.random() < SUCCESS and not self.is_lost:
                self.syncs += 1
                if SPECIFIED_S <= env.now < ACTIVATED_S:
                    self.has_reserve = True


def activation(env: simpy.Environment, phones: list[Phone]) -> simpy.events.ProcessGenerator:
    yield env.timeout(ACTIVATED_S)
    for phone in phones:
        phone.is_lost = not phone.has_reserve


def plain_simpy(devices: int, days: int) -> Callable[[], Answer]:
    def run() -> Answer:
        env, rng = simpy.Environment(), random.Random(1)
        phones = [Phone(env, rng) for _ in range(devices)]
        env.process(activation(env, phones))
        env.run(until=days * DAY_S)
        return Answer(sum(phone.syncs for phone in phones), sum(phone.is_lost for phone in phones))

    return run


# ---- salabim -----------------------------------------------------------------------------------------


class SalabimPhone(salabim.Component):  # type: ignore[misc]
    """Holds by `yield`, which costs less than salabim's default, greenlets (measured: 11 µs against 18)."""

    def setup(self, rng: random.Random) -> None:
        self.rng = rng
        self.syncs = 0
        self.has_reserve = self.is_lost = False

    def process(self) -> Iterator[Any]:
        rng = self.rng
        turn_s = rng.random() * EVERY_S
        while True:
            yield self.hold(till=turn_s + rng.random() * JITTER_S)
            turn_s += EVERY_S
            if rng.random() < SUCCESS and not self.is_lost:
                self.syncs += 1
                if SPECIFIED_S <= self.env.now() < ACTIVATED_S:
                    self.has_reserve = True


class SalabimActivation(salabim.Component):  # type: ignore[misc]
    def setup(self, phones: list[SalabimPhone]) -> None:
        self.phones = phones

    def process(self) -> Iterator[Any]:
        yield self.hold(till=ACTIVATED_S)
        for phone in self.phones:
            phone.is_lost = not phone.has_reserve


def with_salabim(devices: int, days: int) -> Callable[[], Answer]:
    salabim.yieldless(False)

    def run() -> Answer:
        env, rng = salabim.Environment(trace=False), random.Random(1)
        phones = [SalabimPhone(rng=rng) for _ in range(devices)]
        SalabimActivation(phones=phones)
        env.run(till=days * DAY_S)
        return Answer(sum(phone.syncs for phone in phones), sum(phone.is_lost for phone in phones))

    return run


# ---- time steps --------------------------------------------------------------------------------------


def time_steps(devices: int, days: int) -> Callable[[], Answer]:
    """All phones as NumPy arrays, 15 minutes at a time: an attempt happens in the step in which it is due."""

    def run() -> Answer:
        rng = np.random.default_rng(1)
        turn_s = rng.random(devices) * EVERY_S
        due_s = turn_s + rng.random(devices) * JITTER_S
        has_reserve = np.zeros(devices, dtype=np.bool_)
        is_lost = np.zeros(devices, dtype=np.bool_)
        syncs = 0
        for now_s in range(0, days * DAY_S, STEP_S):
            if now_s == ACTIVATED_S:
                is_lost = ~has_reserve
            due = np.flatnonzero(due_s < now_s + STEP_S)
            succeeds = due[(rng.random(len(due)) < SUCCESS) & ~is_lost[due]]
            syncs += len(succeeds)
            if SPECIFIED_S <= now_s < ACTIVATED_S:
                has_reserve[succeeds] = True
            turn_s[due] += EVERY_S
            due_s[due] = turn_s[due] + rng.random(len(due)) * JITTER_S
        return Answer(syncs, int(is_lost.sum()))

    return run


# ---- the floor ---------------------------------------------------------------------------------------

_SUCCESS, _JITTER = int(Purpose.SUCCESS), int(Purpose.JITTER)
_KEPT: Final = np.empty((2, 64))


@numba.njit(_nrt=False)
def _draw(identities: Any, attempts: int, left: Any, right: Any, world: Any) -> float:
    last = 0.0
    for identity in identities:
        for purpose in (_SUCCESS, _JITTER):
            for first in range(0, attempts // 2, 64):
                blocks(identity, purpose, first, min(64, attempts // 2 - first), left, right, world)
                last += left[0]
    return last


def draws_only(devices: int, days: int) -> Callable[[], Answer]:
    """The random numbers that the model prescribes (model 7.1), 64 blocks at a time, and nothing done with
    them; one thread."""
    _, fleet = world(devices, days)
    attempts = days * DAY_S // EVERY_S
    (key,) = np.array([(fleet.draws.k0, fleet.draws.k1, BATCH, 1, 1.0, 1, 1, 0, 0, False)], dtype=WORLD)

    def run() -> Answer:
        _draw(fleet.roster.identity, attempts, *_KEPT, key)
        return Answer(0, 0)

    return run
