"""The smallest absence, outage or shift of the plan that breaks a guarantee (`reissue check --worst-case`).

One device is searched: its group's period and jitter, attempts that succeed, always on but for the absence,
with every phase that can matter. Why that is enough, and which jitters are tried, stands in docs/why.md. A
guarantee that is proved is left alone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.guarantees.proofs import Proofs
from sim.guarantees.verdicts import judge
from sim.scenario.guarantees import Guarantee
from sim.scenario.scenario import Scenario
from sim.studies.experiment import Experiment, Progress, Simulator
from sim.studies.worst_case.absences import (
    MOST_TRIED,
    Candidate,
    Span,
    Stretches,
    shortest,
    undisturbed,
)
from sim.studies.worst_case.breaking import needed_devices, thresholds_s
from sim.studies.worst_case.shifts import Kind, Shift
from sim.world.draws import Draws, Purpose, identity_of_group
from sim.world.fleet import Fleet, Profile, Roster
from sim.world.plan import Outage, Plan, Recovery
from sim.world.timeline import play

KINDS: Final[tuple[Kind, ...]] = ("absence", "outage", "later", "sooner")

_RUN_ONE_BY_ONE: Final = 20
"""An outage with a help desk is a run of its own: so many times fewer are tried."""

_MANY: Final = 2_000
"""From so many devices on, the array engine runs them, if it can."""

_AT_A_TIME: Final = 16_384

_ALL_TRIED: Final[dict[Kind, str]] = {
    "absence": "no absence breaks it, even if it lasts the whole run",
    "outage": "no outage breaks it, even if it lasts the whole run",
    "later": "no reserve can be specified so late that it breaks",
    "sooner": "no activation can come so soon that it breaks",
}
_SOME_TRIED: Final[dict[Kind, str]] = {
    "absence": "no absence that was tried breaks it",
    "outage": "no outage that was tried breaks it",
}


@dataclass(frozen=True, slots=True)
class Attack:
    """The smallest change of one kind that breaks a guarantee, or that there is none.

    Attributes:
        guarantee: index of the guarantee in the scenario.
        kind: an absence of the devices, an outage of the server, a reserve specified later, an activation
            that comes sooner.
        length_s: length of the absence or outage, or of the shift; 0: broken as it is; None: none.
        from_s: when it begins; for a shift, when the reserve is now specified or becomes main.
        action: index of the shifted action in the plan; -1: automatic reissue.
        profile: the devices, as searched.
        shown: the devices, as written in a scenario: with their absence, and lateness as absences.
        phase_s: phase of their schedule.
        late: attempts that jitter puts off, each from when it is due until it is made.
        devices: how many devices it takes.
        reason: why there is none.
        is_proved: whether the guarantee is proved, so that nothing was searched.
        searched_s: everything shorter was searched; None: everything was.
    """

    guarantee: int
    kind: Kind
    length_s: int | None
    from_s: int | None = None
    action: int | None = None
    profile: Profile | None = None
    shown: Profile | None = None
    phase_s: int = 0
    late: tuple[Span, ...] = ()
    devices: int = 1
    reason: str | None = None
    is_proved: bool = False
    searched_s: int | None = None


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
    experiment = Experiment.of(scenario, runs=1)
    proofs = Proofs(experiment.plan, experiment.rosters())
    tally = experiment.tally(0)
    attacks: list[Attack] = []
    steps = len(scenario.guarantees) * len(KINDS)
    for number, guarantee in enumerate(scenario.guarantees):
        verdict = judge(guarantee, [tally], lambda _: (), proofs=proofs)
        adversary = _Adversary(experiment, number, guarantee, most)
        for kind in KINDS:
            if verdict.verdict == "proved":
                reason = f"proved, so nothing was searched: {verdict.proof}"
                attacks.append(Attack(number, kind, None, reason=reason, is_proved=True))
            else:
                attacks.append(adversary.attack(kind))
            if progress is not None:
                progress(len(attacks) / steps)
    return attacks


class _Adversary:
    """Searches for one guarantee."""

    def __init__(self, experiment: Experiment, number: int, guarantee: Guarantee, most: int) -> None:
        self.plan = replace(experiment.plan, sample_s=experiment.plan.horizon_s)
        scenario = experiment.scenario
        self.draws = Draws.of(scenario.seed, scenario.first_replication)
        self.number, self.guarantee, self.most = number, guarantee, most
        concerned = [
            (profile, count)
            for profile, count in _counted(experiment)
            if count > 0 and guarantee.bound.selection.takes(profile)
        ]
        self.size = sum(count for _, count in concerned)
        self.needed = needed_devices(guarantee, self.size)
        found = [
            replace(profile, success=1.0, presence="always")
            for profile, count in concerned
            if profile.ever_on and self.needed is not None and count >= self.needed
        ]
        self.profiles = list(dict.fromkeys(found))

    def attack(self, kind: Kind) -> Attack:
        """The smallest change of a kind."""
        reason = self._why_not()
        if reason is not None:
            return Attack(self.number, kind, None, reason=reason)
        search = self._spell if kind in ("absence", "outage") else self._shift
        searches = [search(kind, profile) for profile in self.profiles]
        limits = [attack.searched_s for attack in searches if attack.searched_s is not None]
        found = [attack for attack in searches if attack.length_s is not None]
        if found:
            best = min(found, key=lambda attack: attack.length_s or 0)
            assert best.length_s is not None
            searched_s = min(limits, default=best.length_s)
            return replace(best, searched_s=None if searched_s >= best.length_s else searched_s)
        if limits:
            return Attack(self.number, kind, None, reason=_SOME_TRIED[kind], searched_s=min(limits))
        return Attack(self.number, kind, None, reason=_ALL_TRIED[kind])

    def _why_not(self) -> str | None:
        if not self.guarantee.bound.forbids_losses:
            return "losing devices does not break it"
        if self.size == 0:
            return "it is about no device"
        if self.needed is None:
            return "not even all its devices together can break it"
        if not self.profiles:
            return f"it takes {self.needed:,} devices of one kind, and no group has so many that are ever on"
        return None

    def _attack(
        self, kind: Kind, profile: Profile, found: Candidate, shown: Profile, action: int | None = None
    ) -> Attack:
        assert self.needed is not None
        return Attack(
            guarantee=self.number,
            kind=kind,
            length_s=found.length_s,
            from_s=found.from_s,
            action=action,
            profile=profile,
            shown=shown,
            phase_s=found.phase_s,
            late=found.late,
            devices=self.needed,
        )

    # --- absences and outages --------------------------------------------------------------------

    def _spell(self, kind: Kind, profile: Profile) -> Attack:
        """An outage is what an absence without catch-up is, but for a help desk: a reinstallation within an
        outage waits for its end, within an absence it does not."""
        searched = profile if kind == "absence" else replace(profile, catch_up=False)
        is_run_as_outage = kind == "outage" and self.plan.recovery is not None

        def trial(candidates: Sequence[Candidate]) -> NDArray[np.bool_]:
            if is_run_as_outage:
                return np.array([self._is_broken_by_outage(searched, each) for each in candidates])
            profiles = [each.absent(searched) for each in candidates]
            return self._broken(self.plan, profiles, [each.phase_s for each in candidates])

        most = self.most // _RUN_ONE_BY_ONE if is_run_as_outage else self.most
        stretches = self._stretches(self.plan, profile)
        found = shortest(stretches, searched, trial, each_alone=is_run_as_outage, most=most)
        best = found.candidate
        if best is None:
            return Attack(self.number, kind, None, searched_s=found.searched_s)
        shown = best.absent(profile) if kind == "absence" else best.present(profile)
        return replace(self._attack(kind, profile, best, shown), searched_s=found.searched_s)

    def _is_broken_by_outage(self, profile: Profile, candidate: Candidate) -> bool:
        plan = self.plan
        if candidate.length_s > 0:
            outage = Outage(candidate.from_s, candidate.from_s + candidate.length_s)
            plan = replace(plan, outages=(*plan.outages, outage))
        return bool(self._broken(plan, [candidate.present(profile)], [candidate.phase_s])[0])

    # --- shifts of the plan ----------------------------------------------------------------------

    def _shift(self, kind: Kind, profile: Profile) -> Attack:
        best: Attack | None = None
        for shift in Shift.all_of(self.plan, kind):
            least = shift.least(lambda plan: self._broken_as_it_is(plan, profile))
            if least is None:
                continue
            length_s, candidate = least
            if best is None or best.length_s is None or length_s < best.length_s:
                to_s = shift.moves_to(length_s) if length_s else 0
                moved = replace(candidate, length_s=length_s, from_s=to_s)
                best = self._attack(kind, profile, moved, moved.present(profile), shift.action)
        return best or Attack(self.number, kind, None)

    def _broken_as_it_is(self, plan: Plan, profile: Profile) -> Candidate | None:
        """A schedule with which a device that is always on breaks the guarantee under a plan."""
        candidates = undisturbed(self._stretches(plan, profile).schedules(profile))
        profiles = [each.present(profile) for each in candidates]
        broken = self._broken(plan, profiles, [each.phase_s for each in candidates])
        return candidates[int(np.argmax(broken))] if broken.any() else None

    # --- one device ------------------------------------------------------------------------------

    def _stretches(self, plan: Plan, profile: Profile) -> Stretches:
        """The run, cut at all that the server does, at times that the guarantee names, at the desk's work."""
        timeline, horizon_s = play(plan), plan.horizon_s
        instants = {0, horizon_s, *(state.from_s for state in timeline.states)}
        for certificate in timeline.server.certificates:
            instants |= {certificate.not_before_s, certificate.not_after_s}
        losses_s = [after.from_s for _, after in timeline.switches]
        for loss_s in losses_s:
            for threshold_s in thresholds_s(self.guarantee):
                instants |= {loss_s + threshold_s, loss_s + threshold_s + 1}
        if plan.recovery is not None:
            identity = identity_of_group(profile.group)
            instants |= set(_reinstallations(plan.recovery, losses_s, self.draws, identity))
        edges = sorted(instant for instant in instants if 0 <= instant <= horizon_s)
        begins_s = [state.from_s for state in timeline.states]
        states = [timeline.states[bisect_right(begins_s, edge) - 1] for edge in edges[:-1]]
        return Stretches(tuple(edges), tuple(not state.is_out and state.is_valid for state in states))

    def _broken(self, plan: Plan, profiles: Sequence[Profile], phases_s: Sequence[int]) -> NDArray[np.bool_]:
        """Which devices of one group break the guarantee under a plan, each as if it were alone."""
        parts = [
            self._broken_at_a_time(
                plan, profiles[first : first + _AT_A_TIME], phases_s[first : first + _AT_A_TIME]
            )
            for first in range(0, len(phases_s), _AT_A_TIME)
        ]
        return np.concatenate([np.zeros(0, np.bool_), *parts])

    def _broken_at_a_time(
        self, plan: Plan, profiles: Sequence[Profile], phases_s: Sequence[int]
    ) -> NDArray[np.bool_]:
        n, group = len(phases_s), profiles[0].group
        roster = Roster(
            profiles=tuple(profiles),  # coverage is counted by profile, so each device has its own
            groups=(group,),
            profile=np.arange(n, dtype=np.int32),
            group=np.zeros(n, dtype=np.int32),
            identity=np.full(n, np.uint64(identity_of_group(group)), dtype=np.uint64),
            phase_s=np.array(phases_s, dtype=np.int64),
            silent=np.zeros(n, dtype=np.bool_),
            seen=np.zeros(n, dtype=np.bool_),
            holds_reserve=np.zeros(n, dtype=np.bool_),
            numbered=(n,),
            ids=((),),
        )
        if plan.recovery is not None:  # nobody waits for the others
            technicians = max(n, plan.recovery.technicians)
            plan = replace(plan, recovery=replace(plan.recovery, technicians=technicians))
        return self.guarantee.bound.breaking(_simulator(n)(plan, Fleet.start(roster, self.draws)))


def _counted(experiment: Experiment) -> list[tuple[Profile, int]]:
    """The profiles of the fleet, and how many devices each has."""
    counts: dict[Profile, int] = {}
    for roster in experiment.rosters():
        of_profile = np.bincount(roster.profile, minlength=len(roster.profiles)).tolist()
        for profile, count in zip(roster.profiles, of_profile, strict=True):
            counts[profile] = counts.get(profile, 0) + count
    return list(counts.items())


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
