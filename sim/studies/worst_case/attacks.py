"""The smallest absence, outage or shift of the plan that breaks a guarantee (`reissue check --worst-case`).

One device is searched: its group's period and jitter, attempts that succeed, always on but for the absence,
with every phase that can matter. Why that is enough, and which jitters are tried, stands in docs/why.md. A
guarantee that is proved is left alone.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from sim.guarantees.proofs import Proofs
from sim.guarantees.verdicts import judge
from sim.results.measures import Bound
from sim.scenario.prepare import prepare
from sim.scenario.scenario import Scenario
from sim.scenario.schema import Guarantee
from sim.studies.experiment import Experiment, Progress, Simulator
from sim.studies.worst_case.absences import MOST_TRIED, Candidate, Stretches, shortest, undisturbed
from sim.studies.worst_case.shifts import Shift
from sim.world.draws import Draws, Purpose, identity_of_group
from sim.world.fleet import Fleet, Profile, Roster
from sim.world.order import SECONDS_PER_DAY
from sim.world.plan import Outage, Plan, Recovery
from sim.world.timeline import play

Kind = Literal["absence", "outage", "later", "sooner"]
"""An absence of devices, an outage of the server, a reserve specified later, an activation that is sooner."""

KINDS: Final[tuple[Kind, ...]] = ("absence", "outage", "later", "sooner")

_RUN_ONE_BY_ONE: Final = 20
"""An outage with a help desk is a run of its own: so many times fewer are tried."""

_MANY: Final = 2_000
"""From so many devices on, the array engine runs them, if it can."""

_AT_A_TIME: Final = 16_384

_NOT_FOUND: Final[dict[Kind, str]] = {
    "absence": "no absence breaks it, even if it lasts the whole run",
    "outage": "no outage breaks it, even if it lasts the whole run",
    "later": "no reserve can be specified so late that it breaks",
    "sooner": "no activation can come so soon that it breaks",
}


@dataclass(frozen=True, slots=True)
class Attack:
    """The smallest change of one kind that breaks a guarantee, or that there is none.

    Attributes:
        guarantee: index of the guarantee in the scenario.
        kind: what is changed.
        found: the absence or outage; for a shift how far, and when the reserve is now specified or becomes
            main. Its length is 0 where the guarantee is broken as the plan is. None: there is none.
        profile: the devices, without jitter and absence.
        step: the step of the strategy that is shifted; None: automatic reissue.
        devices: how many devices it takes.
        reason: why there is none.
        is_proved: whether the guarantee is proved, so that nothing was searched.
        searched_s: everything shorter was searched; None: everything was.
    """

    guarantee: int
    kind: Kind
    found: Candidate | None = None
    profile: Profile | None = None
    step: int | None = None
    devices: int = 1
    reason: str = ""
    is_proved: bool = False
    searched_s: int | None = None

    @property
    def length_s(self) -> int | None:
        """Length of the absence or outage, or of the shift; None: there is none."""
        return None if self.found is None else self.found.length_s

    @property
    def shown(self) -> Profile:
        """The devices as a scenario can say them: with their absence, and lateness as absences."""
        assert self.found is not None
        assert self.profile is not None
        return (self.found.absent if self.kind == "absence" else self.found.present)(self.profile)


def worst_cases(
    scenario: Scenario, *, progress: Progress | None = None, most: int = MOST_TRIED
) -> list[Attack]:
    """For every guarantee of a scenario, the smallest change of each kind that breaks it.

    Args:
        scenario: one replication is run, to tell which of its guarantees are proved.
        progress: called with the share that is done.
        most: how many absences are tried for each kind and guarantee; the answer says what is left out.

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
    steps = len(scenario.guarantees) * len(KINDS)
    for number, guarantee in enumerate(scenario.guarantees):
        verdict = judge(guarantee, [tally], lambda _: (), proofs=proofs)
        adversary = _Adversary(experiment, guarantee, most)
        for kind in KINDS:
            if verdict.verdict == "proved":
                reason = f"proved, so nothing was searched: {verdict.proof}"
                attacks.append(Attack(number, kind, reason=reason, is_proved=True))
            else:
                attacks.append(replace(adversary.attack(kind), guarantee=number))
            if progress is not None:
                progress(len(attacks) / steps)
    return attacks


class _Adversary:
    """Searches for one guarantee."""

    def __init__(self, experiment: Experiment, guarantee: Guarantee, most: int) -> None:
        self.plan = replace(experiment.plan, sample_s=experiment.plan.horizon_s)
        self.bound, self.most, self.draws = guarantee.bound, most, experiment.draws(0)
        counts: Counter[Profile] = Counter()
        for roster in experiment.rosters():
            for kind, count in enumerate(np.bincount(roster.profile).tolist()):
                counts[roster.profiles[kind]] += count
        concerned = {profile: n for profile, n in counts.items() if n and self.bound.selection.takes(profile)}
        self.size = sum(concerned.values())
        self.needed = needed_devices(self.bound, self.size)
        searched = (
            replace(profile, success=1.0, presence="always")
            for profile, count in concerned.items()
            if profile.ever_on and self.needed is not None and count >= self.needed
        )
        self.profiles = list(dict.fromkeys(searched))

    def attack(self, kind: Kind) -> Attack:
        """The smallest change of a kind."""
        none = Attack(0, kind, reason=self._why_not() or _NOT_FOUND[kind])
        searches = [
            self._spell(none, profile) if kind in ("absence", "outage") else self._shift(none, profile)
            for profile in self.profiles
        ]
        limit_s = min((each.searched_s for each in searches if each.searched_s is not None), default=None)
        best = min(searches, key=_length, default=none)
        if best.found is not None:
            is_sure = limit_s is None or limit_s >= best.found.length_s
            return replace(best, devices=self.needed or 1, searched_s=None if is_sure else limit_s)
        if limit_s is not None:
            return replace(none, reason=f"no {kind} that was tried breaks it", searched_s=limit_s)
        return none

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

    # --- absences and outages --------------------------------------------------------------------

    def _spell(self, none: Attack, profile: Profile) -> Attack:
        """An outage is what an absence without catch-up is, but for a help desk: a reinstallation within an
        outage waits for its end, within an absence it does not."""
        searched = profile if none.kind == "absence" else replace(profile, catch_up=False)
        is_run_as_outage = none.kind == "outage" and self.plan.recovery is not None

        def trial(candidates: Sequence[Candidate]) -> NDArray[np.bool_]:
            if is_run_as_outage:
                return np.concatenate(
                    [self._broken(self._out(c), [c.present(searched)], [c]) for c in candidates]
                )
            return self._broken(self.plan, [each.absent(searched) for each in candidates], candidates)

        most = self.most // _RUN_ONE_BY_ONE if is_run_as_outage else self.most
        stretches = self._stretches(self.plan, profile)
        found, limit_s = shortest(stretches, searched, trial, each_alone=is_run_as_outage, most=most)
        return replace(none, found=found, profile=profile, searched_s=limit_s)

    def _out(self, candidate: Candidate) -> Plan:
        """The plan with the candidate as an outage."""
        outage = Outage(candidate.from_s, candidate.from_s + candidate.length_s)
        return replace(self.plan, outages=(*self.plan.outages, outage)) if candidate.length_s else self.plan

    # --- shifts of the plan ----------------------------------------------------------------------

    def _shift(self, none: Attack, profile: Profile) -> Attack:
        def broken(plan: Plan) -> Candidate | None:
            """A schedule with which a device that is always on breaks the guarantee under a plan."""
            candidates = undisturbed(self._stretches(plan, profile).schedules(profile))
            is_broken = self._broken(plan, [each.present(profile) for each in candidates], candidates)
            return candidates[int(np.argmax(is_broken))] if is_broken.any() else None

        attacks = []
        for shift in Shift.all_of(self.plan, "later" if none.kind == "later" else "sooner"):
            least = shift.least(broken)
            if least is not None:
                length_s, found = least
                moved = replace(found, length_s=length_s, from_s=shift.moves_to(length_s) if length_s else 0)
                attacks.append(replace(none, found=moved, profile=profile, step=shift.step))
        return min(attacks, key=_length, default=none)

    # --- one device ------------------------------------------------------------------------------

    def _stretches(self, plan: Plan, profile: Profile) -> Stretches:
        """The run, cut at all that the server does, at times that the guarantee names, at the desk's work."""
        timeline, horizon_s = play(plan), plan.horizon_s
        instants = {0, horizon_s, *(state.from_s for state in timeline.states)}
        for certificate in timeline.server.certificates:
            instants |= {certificate.not_before_s, certificate.not_after_s}
        losses_s = [after.from_s for _, after in timeline.switches]
        for loss_s in losses_s:
            for threshold_s in _thresholds_s(self.bound):
                instants |= {loss_s + threshold_s, loss_s + threshold_s + 1}
        if plan.recovery is not None:
            identity = identity_of_group(profile.group)
            instants |= set(_reinstallations(plan.recovery, losses_s, self.draws, identity))
        edges = sorted(instant for instant in instants if 0 <= instant <= horizon_s)
        begins_s = [state.from_s for state in timeline.states]
        states = [timeline.states[bisect_right(begins_s, edge) - 1] for edge in edges[:-1]]
        return Stretches(tuple(edges), tuple(not state.is_out and state.is_valid for state in states))

    def _broken(
        self, plan: Plan, profiles: Sequence[Profile], candidates: Sequence[Candidate]
    ) -> NDArray[np.bool_]:
        """Which devices of one group break the guarantee under a plan, each as if it were alone."""
        n = len(candidates)
        if n > _AT_A_TIME:
            first = self._broken(plan, profiles[:_AT_A_TIME], candidates[:_AT_A_TIME])
            return np.append(first, self._broken(plan, profiles[_AT_A_TIME:], candidates[_AT_A_TIME:]))
        if n == 0:
            return np.zeros(0, np.bool_)
        group, no = profiles[0].group, np.zeros(n, dtype=np.bool_)
        roster = Roster(
            profiles=tuple(profiles),  # coverage is counted by profile, so each device has its own
            groups=(group,),
            profile=np.arange(n, dtype=np.int32),
            group=np.zeros(n, dtype=np.int32),
            identity=np.full(n, np.uint64(identity_of_group(group)), dtype=np.uint64),
            phase_s=np.array([each.phase_s for each in candidates], dtype=np.int64),
            silent=no,
            seen=no,
            holds_reserve=no,
            numbered=(n,),
            ids=((),),
        )
        if plan.recovery is not None:  # nobody waits for the others
            technicians = max(n, plan.recovery.technicians)
            plan = replace(plan, recovery=replace(plan.recovery, technicians=technicians))
        return self.bound.breaking(_simulator(n)(plan, Fleet.start(roster, self.draws)))


def needed_devices(bound: Bound, size: int) -> int | None:
    """How many of `size` devices, all of which count against a bound, break it; None: not all do."""
    if size == 0 or not bound.forbids_losses or bound.at_least == 0:
        return None
    most = bound.most_lost(size)
    needed = 1 if most is None else most + 1
    return needed if needed <= size else None


def _length(attack: Attack) -> float:
    return math.inf if attack.length_s is None else attack.length_s


def _thresholds_s(bound: Bound) -> list[int]:
    """Times after a loss on which a bound depends, in seconds."""
    times_s = [] if bound.within is None else [bound.within]
    unit_s = {"duration": 1, "days": SECONDS_PER_DAY}.get(bound.entry.unit)
    if unit_s is not None and bound.at_most is not None:
        times_s.append(math.floor(bound.at_most * unit_s))
    return times_s


def _reinstallations(desk: Recovery, losses_s: list[int], draws: Draws, identity: int) -> Iterator[int]:
    """When a reinstallation begins and ends, if it follows a loss without a wait (model 6.1)."""
    for turn, loss_s in enumerate(losses_s):
        for number in range(turn + 1):
            ready_s = desk.owner_responds.draw(*draws.pair(identity, Purpose.OWNER_RESPONDS, number))
            takes_s = desk.takes.draw(*draws.pair(identity, Purpose.REINSTALL_TAKES, number))
            begins_s = loss_s + desk.begins_s + ready_s
            yield from (begins_s + 1, begins_s + takes_s + 1)  # attempts of the same second come first


def _simulator(devices: int) -> Simulator:
    if devices >= _MANY and find_spec("numba") is not None:
        from sim.fleet.engine import simulate as fleet

        return fleet
    from sim.processes.engine import simulate as process

    return process
