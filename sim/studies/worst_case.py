"""The shortest absence of devices, and outage of the server, that break a guarantee (`check --worst-case`).

One device is searched: its group's period and catch-up, attempts that are on time and succeed, always on but
for the one absence, with every phase that can matter, and no help desk. The run is cut into stretches, within
which the first attempt does all that any does. So absences that leave attempts in the same stretches are the
same to a device, and the shortest stands for all of them (docs/why.md).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, product
from operator import itemgetter
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from sim.guarantees.proofs import Proofs
from sim.guarantees.verdicts import judge
from sim.results.measures import Bound
from sim.scenario.prepare import prepare
from sim.scenario.scenario import Scenario
from sim.scenario.schema import Guarantee
from sim.studies.experiment import Experiment, Progress
from sim.text import date, iso, plural, spaced, span
from sim.world.draws import identity_of_group
from sim.world.fleet import Away, Fleet, Profile, Roster
from sim.world.order import SECONDS_PER_DAY
from sim.world.timeline import play

MOST_TRIED: Final = 400_000
"""Absences that are compared, those that can be shortest first; the answer says what is left out."""

_BATCH: Final = 1024
"""Absences that are run together."""
_LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True, order=True)
class Absence:
    """When a device is away, or the server, and the phase of the device's schedule; the shortest first.

    A length of 0 says that the guarantee is broken as the plan is.
    """

    length_s: int
    from_s: int
    phase_s: int

    @property
    def spells(self) -> tuple[tuple[int, int], ...]:
        """From when to when, if at all."""
        return ((self.from_s, self.from_s + self.length_s),) if self.length_s else ()


@dataclass(frozen=True, slots=True)
class Attack:
    """The shortest absence of devices or outage of the server that breaks a guarantee, if there is one."""

    guarantee: int  # its index in the scenario
    kind: Literal["absence", "outage"]
    found: Absence | None = None
    profile: Profile | None = None  # of the devices, always on
    devices: int | None = None  # how many it takes
    reason: str = ""  # why there is none
    is_proved: bool = False  # so nothing was searched
    searched_s: int | None = None  # everything shorter was searched; None: everything was


def worst_cases(scenario: Scenario, *, progress: Progress | None = None) -> list[Attack]:
    """For every guarantee of a scenario, the shortest absence and the shortest outage that break it.

    One replication is run, to tell which guarantees are proved.

    Raises:
        ScenarioError: the scenario cannot be run.
    """
    if not scenario.guarantees:
        return []
    prepared = prepare(scenario)
    prepared.refuse_levers_that_couple("the worst case")
    experiment = Experiment.of(prepared, runs=1)
    proofs = Proofs(experiment.prepared.timeline, experiment.rosters())
    tally = experiment.tally(0)
    attacks: list[Attack] = []
    for number, guarantee in enumerate(scenario.guarantees):
        verdict = judge(guarantee, [tally], lambda _: (), proofs=proofs)
        if verdict.verdict == "proved":
            reason = f"proved, so nothing was searched: {verdict.proof}"
            proved = Attack(number, "absence", reason=reason, is_proved=True)
            attacks += [proved, replace(proved, kind="outage")]
        else:
            search = _Search(experiment, guarantee)
            attacks += [search.attack(number, "absence"), search.attack(number, "outage")]
        if progress is not None:
            progress((number + 1) / len(scenario.guarantees))
    return attacks


class _Search:
    """For one guarantee."""

    def __init__(self, experiment: Experiment, guarantee: Guarantee) -> None:
        plan = experiment.plan
        self.plan = replace(plan, sample_s=plan.horizon_s, recovery=None, holidays=(), disturbances=())
        self.bound, self.draws, self.simulate = guarantee.bound, experiment.draws(0), experiment.simulate
        concerned: Counter[Profile] = Counter()
        for roster in experiment.rosters():
            for profile, count in zip(roster.profiles, np.bincount(roster.profile).tolist(), strict=False):
                if count and self.bound.selection.takes(profile):
                    concerned[profile] += count
        self.size = sum(concerned.values())
        self.needed = needed_devices(self.bound, self.size)
        searched = (
            replace(profile, success=1.0, jitter_s=0, presence="always", hours=None)
            for profile, count in concerned.items()
            if profile.ever_on and self.needed is not None and count >= self.needed
        )
        self.profiles = list(dict.fromkeys(searched))

    def attack(self, guarantee: int, kind: Literal["absence", "outage"]) -> Attack:
        """The shortest of a kind. An outage is what an absence without catch-up is."""
        searched = [replace(each, catch_up=each.catch_up and kind == "absence") for each in self.profiles]
        results = [self._shortest(profile) for profile in searched]
        hits = [(hit, each) for (hit, _), each in zip(results, self.profiles, strict=True) if hit is not None]
        limit_s = min((left_s for _, left_s in results if left_s is not None), default=None)
        if not hits:
            none = (
                "that was tried breaks it"
                if limit_s is not None
                else "breaks it, even if it lasts the whole run"
            )
            reason = self._why_not() or f"no {kind} {none}"
            return Attack(guarantee, kind, reason=reason, searched_s=limit_s)
        best, profile = min(hits, key=itemgetter(0))
        if limit_s is not None and best.length_s <= limit_s:
            limit_s = None
        return Attack(guarantee, kind, best, profile, self.needed, searched_s=limit_s)

    def _why_not(self) -> str | None:
        if not self.bound.forbids_losses:
            return "losing devices does not break it"
        if self.size == 0:
            return "it is about no device"
        if self.needed is None:
            return "not even all its devices together can break it"
        if not self.profiles:
            return f"it takes {self.needed:,} devices of one kind, and no group has so many that are ever on"
        return None

    def _stretches(self) -> tuple[list[int], list[int]]:
        """The instants at which something changes for a device, and the bit of each stretch between them.

        An attempt in a stretch without a bit (0) does nothing.
        """
        timeline, horizon_s = play(self.plan), self.plan.horizon_s
        instants = {0, horizon_s, *(state.from_s for state in timeline.states)}
        for certificate in timeline.server.certificates:
            instants |= {certificate.not_before_s, certificate.not_after_s}
        limits_s = [] if self.bound.within is None else [self.bound.within]  # judged so long after a loss
        unit_s = {"duration": 1, "days": SECONDS_PER_DAY}.get(self.bound.entry.unit)
        if unit_s is not None and self.bound.at_most is not None:
            limits_s.append(math.floor(self.bound.at_most * unit_s))
        for (_, after), limit_s in product(timeline.switches, limits_s):
            instants |= {after.from_s + limit_s, after.from_s + limit_s + 1}
        edges = sorted(instant for instant in instants if 0 <= instant <= horizon_s)
        begins_s = [state.from_s for state in timeline.states]
        states = (timeline.states[bisect_right(begins_s, edge) - 1] for edge in edges[:-1])
        bits = [0 if state.is_out or not state.is_valid else 1 << i for i, state in enumerate(states)]
        return edges, [*bits, 0]

    def _shortest(self, profile: Profile) -> tuple[Absence | None, int | None]:
        """The shortest absence that breaks the guarantee, and the length up to which all were compared.

        The phases are those with an attempt at an edge, or a second before one. An absence takes all attempts
        of some stretches. A device that catches up comes back with the end of the last of these, where it
        makes an attempt; another one in the second after the last attempt that is taken.
        """
        edges, bits = self._stretches()
        before = [0, *accumulate(bits, lambda one, other: one | other)]
        every_s, catches_up = profile.every_s, profile.catch_up
        phases_s = sorted({(edge - back) % every_s for edge in edges for back in (0, 1)})
        spans = sorted(
            (max(1, edges[j + 1] - edges[i] - (1 if catches_up else 2) * every_s), i, j)
            for i in range(len(edges) - 1)
            for j in range(i, len(edges) - 1)
            if catches_up or (bits[i] and bits[j])
        )
        within = spans[: max(1, MOST_TRIED // len(phases_s))]
        shortest: dict[int, Absence] = {}
        for phase_s in phases_s:
            due_s = np.arange(phase_s, edges[-1], every_s, dtype=np.int64)
            numbers = np.unique(np.searchsorted(edges, due_s, side="right") - 1).tolist()
            reached = sum(bits[number] for number in numbers)
            shortest[reached] = min(Absence(0, 0, phase_s), shortest.get(reached, Absence(0, 0, phase_s)))
            for _, i, j in within:
                first_s = phase_s + max(0, -(-(edges[i] - phase_s) // every_s)) * every_s
                last_s = phase_s + (edges[j + 1] - 1 - phase_s) // every_s * every_s
                if first_s > last_s:
                    continue
                left = reached & ~(before[j + 1] & ~before[i])
                if catches_up:
                    left |= bits[j + 1]
                end_s = edges[j + 1] if catches_up else last_s + 1
                absence = Absence(end_s - first_s, first_s, phase_s)
                shortest[left] = min(absence, shortest.get(left, absence))
        limit_s = None if len(within) == len(spans) else spans[len(within)][0]
        absences = sorted(shortest.values())
        for batch in (absences[first : first + _BATCH] for first in range(0, len(absences), _BATCH)):
            broken = self._broken(profile, batch)
            if broken.any():
                return batch[int(np.argmax(broken))], limit_s
        return None, limit_s

    def _broken(self, profile: Profile, absences: Sequence[Absence]) -> NDArray[np.bool_]:
        """Which absences break the guarantee for a device that is alone with it."""
        n, no = len(absences), np.zeros(len(absences), dtype=np.bool_)
        roster = Roster(
            # Coverage is counted by profile, so each device has its own.
            profiles=tuple(replace(profile, presence=Away(absence.spells)) for absence in absences),
            groups=(profile.group,),
            profile=np.arange(n, dtype=np.int32),
            group=np.zeros(n, dtype=np.int32),
            identity=np.full(n, np.uint64(identity_of_group(profile.group)), dtype=np.uint64),
            phase_s=np.array([absence.phase_s for absence in absences], dtype=np.int64),
            silent=no,
            seen=no,
            holds_reserve=no,
            numbered=(n,),
            ids=((),),
        )
        return self.bound.breaking(self.simulate(self.plan, Fleet.start(roster, self.draws)))


def needed_devices(bound: Bound, size: int) -> int | None:
    """How many of `size` devices, all of which count against a bound, break it; None: not all do."""
    if size == 0 or not bound.forbids_losses or bound.at_least == 0:
        return None
    most = bound.most_lost(size)
    needed = 1 if most is None else most + 1
    return needed if needed <= size else None


# --- words and scenarios -------------------------------------------------------------------------------


def as_scenario(scenario: Scenario, attack: Attack) -> Scenario:
    """The smallest scenario that shows an attack that was found: the devices it takes, and the guarantee."""
    found, profile = attack.found, attack.profile
    assert found is not None
    assert profile is not None
    spells = [{"from": f"start + {span(a)}" if a else "start", "for": span(b - a)} for a, b in found.spells]
    group: dict[str, Any] = {
        "name": profile.group,
        "devices": attack.devices,
        "platform": profile.platform,
        "sync": {
            "every": span(profile.every_s),
            "phase": span(found.phase_s),
            "catch_up": "yes" if profile.catch_up else "no",
        },
        "presence": {"away": spells if attack.kind == "absence" else []},
    }
    document = scenario.document
    guarantee: Mapping[str, Any] = document["guarantees"][attack.guarantee]
    document |= {
        "name": f"{scenario.name}: worst case, {attack.kind}"[:_LONGEST_NAME].strip(),
        "description": sentence(scenario, attack),
        "seed": scenario.seed,
        "fleet": [group],
        "guarantees": [{k: v for k, v in guarantee.items() if k not in ("probability", "confidence")}],
        "replications": 1,
    }
    document = {key: value for key, value in document.items() if key not in ("recovery", "calendar")}
    if spells and attack.kind == "outage":
        server = document.get("server") or {}
        document["server"] = {**server, "outages": [*(server.get("outages") or ()), *spells]}
    return scenario.from_document(document, folder=scenario.folder)


def sentence(scenario: Scenario, attack: Attack) -> str:
    """An attack as a planner says it."""
    promise, found, profile = scenario.guarantees[attack.guarantee].promise, attack.found, attack.profile
    limit = ""
    if attack.searched_s is not None:
        limit = f"; only what is shorter than {spaced(attack.searched_s)} was searched in full"
    if found is None or profile is None:
        return f"'{promise}': {attack.reason}{limit}."
    one = attack.devices == 1
    who = f"{'one device' if one else plural(attack.devices or 0, 'device')} of '{profile.group}'"
    breaks = f"enough to break '{promise}'"
    long = f"{spaced(found.length_s)} from {date(scenario.at(found.from_s))} on"
    if found.length_s == 0:
        who += f" whose synchronizations, every {spaced(profile.every_s)}, begin {spaced(found.phase_s)}"
        text = f"{who} after the start: {breaks}, as the plan is."
    elif attack.kind == "outage":
        text = f"An outage of the server for {long}: with {who}, {breaks}{limit}."
    else:
        text = f"{who} that {'is' if one else 'are'} away for {long}: {breaks}{limit}."
    return f"{text[0].upper()}{text[1:]}"


def lines(scenario: Scenario, attacks: Sequence[Attack]) -> Iterator[str]:
    """The attacks one by one; what is the same of both kinds once."""
    yield from dict.fromkeys(sentence(scenario, attack) for attack in attacks)


def to_json(scenario: Scenario, attack: Attack) -> dict[str, Any]:
    """An attack as `reissue check --worst-case --json` prints it."""
    document: dict[str, Any] = {
        "guarantee": attack.guarantee,
        "kind": attack.kind,
        "found": attack.found is not None,
        "proved": attack.is_proved,
        "message": sentence(scenario, attack),
    }
    if attack.found is not None and attack.profile is not None:
        document |= {
            "length_s": attack.found.length_s,
            "from": iso(scenario.at(attack.found.from_s)) if attack.found.length_s else None,
            "group": attack.profile.group,
            "devices": attack.devices,
            "phase_s": attack.found.phase_s,
            "scenario": as_scenario(scenario, attack).document,
        }
    if attack.searched_s is not None:
        document["searched_s"] = attack.searched_s
    return document
