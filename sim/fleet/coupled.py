"""Where the operator asks about devices: gates and chases, answered by runs up to the question (model 10).

What a device does up to an instant does not depend on answers that come later. So a gate is decided from
the receptions of a run in which it stays closed, and a chase from a run that ends with the second before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.fleet.tables import FAR_S, Ints
from sim.world.draws import Purpose
from sim.world.fleet import Fleet
from sim.world.plan import Chase, Gate, Plan, Push, concerns
from sim.world.timeline import Timeline, play

Columns = dict[str, NDArray[Any]]
"""What became of the devices; see `kernels.Settled`."""

Prefix = Callable[[Timeline, Ints, int, int, bool], Columns]
"""Runs up to an instant: timeline, visits, the instant, the certificate asked about, whether a life may end
when it receives that."""


class Question(NamedTuple):
    """What is asked of the devices: at an instant, about a waiting reserve."""

    at_s: int
    generation: int
    gate: Gate | None
    number: int
    chase: Chase | None


@dataclass
class Answers:
    """What is known of the devices; an `Onlooker` of the server."""

    fleet: Fleet  # the devices
    # how many of a gate's devices hold a certificate at an instant, and how many there are
    checks: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    # the devices to visit, by number of the chase, in the order of the visits
    lists: dict[int, Ints] = field(default_factory=dict)
    chases: dict[int, Chase] = field(default_factory=dict)  # the chase, by its number
    # whom a gate asks about, once it did, and how many these are
    members: dict[Gate, tuple[NDArray[np.bool_], int]] = field(default_factory=dict)
    asked: list[Question] = field(default_factory=list)  # what had no answer when the server last lived

    def coverage(self, gate: Gate, generation: int, now_s: int) -> tuple[int, int]:
        """As in `Onlooker`; too few where it is not known yet."""
        if (generation, now_s) not in self.checks:
            self.asked.append(Question(now_s, generation, gate, 0, None))
            return -1, self.counted(gate)[1]
        return self.checks[generation, now_s]

    def chase(self, number: int, chase: Chase, generation: int) -> int:
        """As in `Onlooker`; nobody where it is not known yet."""
        self.chases[number] = chase
        if number not in self.lists:
            self.asked.append(Question(chase.at_s, generation, None, number, chase))
            return 0
        return len(self.lists[number])

    def push(self, push: Push) -> None:
        """Who is reached is drawn where the devices live."""

    def counted(self, gate: Gate) -> tuple[NDArray[np.bool_], int]:
        """The devices that a gate asks about, and how many there are."""
        if gate not in self.members:
            roster = self.fleet.roster
            of_profile = [gate.groups is None or profile.group in gate.groups for profile in roster.profiles]
            among = np.array(of_profile, dtype=np.bool_)[roster.profile] & ~roster.never_connected
            self.members[gate] = among, int(among.sum())
        return self.members[gate]

    def look(self, plan: Plan, prefix: Prefix) -> None:
        """Answer the first question, and those about the same gate that follow it."""
        question = self.asked[0]
        timeline = play(plan, self)
        if question.chase is not None:
            columns = prefix(timeline, self.visits(), question.at_s, question.generation, False)
            self.lists[question.number] = self._list(question.chase, columns)
            return
        same = list(takewhile(lambda q: q.chase is None and q.generation == question.generation, self.asked))
        columns = prefix(timeline, self.visits(), same[-1].at_s, question.generation, True)
        if question.gate is None:
            raise LookupError("a check without a gate")
        counted, size = self.counted(question.gate)
        received_at_s = columns["reserve_received_at_s"]
        if size < len(received_at_s):
            received_at_s = received_at_s[counted]
        never = np.count_nonzero(received_at_s < 0)
        for check in same:
            held = int(np.count_nonzero(received_at_s < check.at_s) - never)
            self.checks[check.generation, check.at_s] = held, size
            if held >= question.gate.needed(size):
                return

    def _list(self, chase: Chase, columns: Columns) -> Ints:
        """Whom to visit: longest silent first, then in device order."""
        roster = self.fleet.roster
        of_profile = np.array([concerns(chase, profile) for profile in roster.profiles], dtype=np.bool_)
        before_s = -np.maximum(roster.silent_for_s, 0)
        last_s = np.where(columns["last_sync_at_s"] >= 0, columns["last_sync_at_s"], before_s)
        is_listed = of_profile[roster.profile] & ~roster.never_connected & ~columns["holds"]
        listed = np.flatnonzero(is_listed & (chase.at_s - last_s >= chase.silent_for_s))
        return listed[np.argsort(last_s[listed], kind="stable")]

    def visits(self) -> Ints:
        """(chases, devices) instants of the visits that find a device, `FAR_S` where there is none."""
        roster, draws = self.fleet.roster, self.fleet.draws
        ever_on = np.array([profile.ever_on for profile in roster.profiles], dtype=np.bool_)
        instants = np.full((len(self.lists), len(roster)), FAR_S, dtype=np.int64)
        for row, (number, listed) in enumerate(sorted(self.lists.items())):
            chase = self.chases[number]
            u, _ = draws.pairs(roster.identity[listed], Purpose.VISIT, chase.at_s)
            found = (u < chase.success) & ever_on[roster.profile[listed]]
            instants[row, listed[found]] = _visits_s(chase, len(listed))[found]
        return instants

    def visits_made(self, horizon_s: int) -> NDArray[np.int32]:
        """How often each device is visited within the run, found or not."""
        made = np.zeros(len(self.fleet), dtype=np.int32)
        for number, listed in self.lists.items():
            made[listed[_visits_s(self.chases[number], len(listed)) < horizon_s]] += 1
        return made


def _visits_s(chase: Chase, visits: int) -> Ints:
    return np.array([chase.visit_s(number) for number in range(visits)], dtype=np.int64)


def timeline_of(plan: Plan, fleet: Fleet, prefix: Prefix) -> tuple[Timeline, Answers]:
    """The server's life, with every question answered."""
    answers = Answers(fleet)
    while True:
        answers.asked.clear()
        timeline = play(plan, answers)
        if not answers.asked:
            return timeline, answers
        answers.look(plan, prefix)
