"""The smallest absence, outage or shift of the plan that breaks a guarantee (`reissue check --worst-case`).

One device is searched exhaustively: its group's period and jitter, attempts that succeed, on but for the
absence, with every phase and every choice of jitters that can matter. Why that is enough stands in
docs/why.md. A guarantee that is proved is left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.guarantees.proofs import Proofs
from sim.guarantees.verdicts import judge
from sim.scenario.guarantees import Guarantee
from sim.scenario.scenario import Scenario
from sim.studies.experiment import Experiment, Progress
from sim.studies.worst_case.breaking import can_be_attacked, needed_devices
from sim.studies.worst_case.candidates import Candidate, Span, absent, lateness
from sim.studies.worst_case.schedules import Schedule, schedules_of
from sim.studies.worst_case.shifting import Kind, least_shift, shiftable, shifted_to
from sim.studies.worst_case.spells import MOST_TRIED, Found, shortest, undisturbed
from sim.studies.worst_case.stretches import stretches_of
from sim.studies.worst_case.trial import Bench
from sim.world.draws import Draws, identity_of_group
from sim.world.fleet import Profile
from sim.world.plan import Outage, Plan

KINDS: Final[tuple[Kind, ...]] = ("absence", "outage", "later", "sooner")

_RUN_ONE_BY_ONE: Final = 20
"""An outage with a help desk is a run of its own: so many times fewer are tried."""

_ALL_TRIED: Final[dict[Kind, str]] = {
    "absence": "no absence breaks it, even if it lasts the whole run",
    "outage": "no outage breaks it, even if it lasts the whole run",
    "later": "no reserve can be specified so late that it breaks",
    "sooner": "no activation can come so soon that it breaks",
}
_SOME_TRIED: Final[dict[Kind, str]] = {
    "absence": "no absence that was tried breaks it",
    "outage": "no outage that was tried breaks it",
    "later": "no later reserve that was tried breaks it",
    "sooner": "no sooner activation that was tried breaks it",
}


@dataclass(frozen=True, slots=True)
class Attack:
    """The smallest change of one kind that breaks a guarantee, or that there is none.

    Attributes:
        guarantee: its index in the scenario.
        kind: an absence of the devices, an outage of the server, a reserve specified later, an activation
            that comes sooner.
        length_s: of the absence or outage, or how far the plan is shifted; 0: broken as it is; None: none.
        from_s: when it begins; of a shift when the reserve is now specified or becomes main.
        action: which action of the plan is shifted; -1: automatic reissue.
        profile: of the devices, as searched.
        shown: of the devices, as written in a scenario: with their absence, and lateness as absences.
        phase_s: of their schedule.
        late: attempts that jitter puts off, from when they are due until they are made.
        devices: how many devices it takes.
        reason: why there is none.
        is_proved: whether the guarantee is proved, so that nothing was searched.
        searched_s: what is shorter was searched in full; None: everything was.
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
        scenario: whose guarantees. One replication is run, to tell which are proved.
        progress: called with the share that is done.
        most: absences that are tried, of one kind against one guarantee; what is left out is told.

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
        told = judge(guarantee, [tally], lambda _: (), proofs=proofs)
        adversary = _Adversary(experiment, number, guarantee, most)
        for kind in KINDS:
            if told.verdict == "proved":
                reason = f"proved, so nothing was searched: {told.proof}"
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
        self.bench = Bench(guarantee, self.draws)
        self.number, self.guarantee, self.most = number, guarantee, most
        concerned = [
            (profile, count)
            for profile, count in _counted(experiment)
            if count > 0
            and guarantee.group in (None, profile.group)
            and guarantee.platform in (None, profile.platform)
        ]
        self.size = sum(count for _, count in concerned)
        self.needed = needed_devices(guarantee, self.size) if can_be_attacked(guarantee) else None
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
        searches = [
            self._spell(kind, profile) if kind in ("absence", "outage") else self._shift(kind, profile)
            for profile in self.profiles
        ]
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
        if not can_be_attacked(self.guarantee):
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
        stretches = stretches_of(self.plan, self.guarantee, self.draws, identity_of_group(profile.group))

        def trial(candidates: Sequence[Candidate]) -> NDArray[np.bool_]:
            if is_run_as_outage:
                return np.array([self._is_broken_by_outage(searched, each) for each in candidates])
            profiles = [absent(each, searched) for each in candidates]
            return self.bench.broken(self.plan, profiles, [each.phase_s for each in candidates])

        most = self.most // _RUN_ONE_BY_ONE if is_run_as_outage else self.most
        found: Found = shortest(stretches, searched, trial, each_alone=is_run_as_outage, most=most)
        searched_s = None if found.is_sure else found.searched_s
        if found.candidate is None:
            return Attack(self.number, kind, None, searched_s=searched_s)
        write = absent if kind == "absence" else lateness
        shown = write(found.candidate, profile)
        return replace(self._attack(kind, profile, found.candidate, shown), searched_s=searched_s)

    def _is_broken_by_outage(self, profile: Profile, candidate: Candidate) -> bool:
        plan = self.plan
        if candidate.length_s > 0:
            outage = Outage(candidate.from_s, candidate.from_s + candidate.length_s)
            plan = replace(plan, outages=(*plan.outages, outage))
        return bool(self.bench.broken(plan, [lateness(candidate, profile)], [candidate.phase_s])[0])

    # --- shifts of the plan ----------------------------------------------------------------------

    def _shift(self, kind: Kind, profile: Profile) -> Attack:
        best: tuple[Candidate, int] | None = None
        is_whole = True

        def tried(plan: Plan) -> Candidate | None:
            nonlocal is_whole
            schedules = self._schedules(plan, profile)
            is_whole &= all(schedule.is_whole for schedule in schedules)
            return self._broken_as_it_is(plan, profile, schedules)

        for action in shiftable(self.plan, kind):
            least = least_shift(self.plan, kind, action, tried)
            if least is None:
                continue
            shift_s, candidate = least
            to_s = shifted_to(self.plan, kind, action, shift_s) if shift_s else 0
            moved = replace(candidate, length_s=shift_s, from_s=to_s)
            if best is None or shift_s < best[0].length_s:
                best = moved, action
        searched_s = None if is_whole else 0
        if best is None:
            return Attack(self.number, kind, None, searched_s=searched_s)
        found = self._attack(kind, profile, best[0], lateness(best[0], profile), best[1])
        return replace(found, searched_s=searched_s)

    def _schedules(self, plan: Plan, profile: Profile) -> list[Schedule]:
        stretches = stretches_of(plan, self.guarantee, self.draws, identity_of_group(profile.group))
        return schedules_of(stretches, every_s=profile.every_s, jitter_s=profile.jitter_s)

    def _broken_as_it_is(
        self, plan: Plan, profile: Profile, schedules: Sequence[Schedule]
    ) -> Candidate | None:
        """A schedule with which a device that is always on breaks the guarantee under a plan."""
        candidates = list(undisturbed(schedules).values())
        profiles = [lateness(each, profile) for each in candidates]
        broken = self.bench.broken(plan, profiles, [each.phase_s for each in candidates])
        return candidates[int(np.argmax(broken))] if broken.any() else None


def _counted(experiment: Experiment) -> list[tuple[Profile, int]]:
    """The profiles of the fleet, and how many devices each has."""
    counts: dict[Profile, int] = {}
    for roster in experiment.rosters():
        of_profile = np.bincount(roster.profile, minlength=len(roster.profiles)).tolist()
        for profile, count in zip(roster.profiles, of_profile, strict=True):
            counts[profile] = counts.get(profile, 0) + count
    return list(counts.items())
