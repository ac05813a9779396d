"""The smallest absence, outage or shift of the plan that breaks a guarantee (`reissue check --worst-case`).

One device is searched exhaustively: its group's period, attempts that succeed and come without jitter, on but
for the absence, and with every phase that can matter. Why that is enough stands in docs/why.md; in short:

- Between two instants at which the server changes, the first success does all that any success does. So an
  absence takes all attempts of such a stretch or might as well take none, and begins with the first of one.
- Where the phase moves and no attempt crosses such an instant, nothing changes but the length of the absence,
  which is least at an end of the move: there an attempt lies on such an instant or one second before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.scenario.building import plan_of
from sim.scenario.guarantees import Guarantee
from sim.scenario.roster import roster_of
from sim.scenario.scenario import Scenario
from sim.studies.breaking import breaks, can_be_attacked, needed_devices, thresholds_s
from sim.studies.candidates import Candidate, away, batches, spells
from sim.studies.experiment import Progress, Simulator
from sim.studies.shifting import Kind, furthest, shifted, shifted_to
from sim.world.draws import Draws, identity_of_group
from sim.world.fleet import Fleet, Presence, Profile, Roster
from sim.world.plan import Outage, Plan, Reissue
from sim.world.timeline import play

KINDS: Final[tuple[Kind, ...]] = ("absence", "outage", "later", "sooner")

MOST_INSTANTS: Final = 60
"""Instants at which something changes; a plan with more is not searched, since the pairs are too many."""

MANY: Final = 2_000
"""From here on the array engine runs the candidates, if it can."""

_GRID: Final = 32


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
        phase_s: of their schedule.
        devices: how many devices it takes.
        reason: why there is none.
    """

    guarantee: int
    kind: Kind
    length_s: int | None
    from_s: int | None = None
    action: int | None = None
    profile: Profile | None = None
    phase_s: int = 0
    devices: int = 1
    reason: str | None = None


def worst_cases(scenario: Scenario, *, progress: Progress | None = None) -> list[Attack]:
    """For every guarantee of a scenario, the smallest change of each kind that breaks it.

    Args:
        scenario: whose guarantees.
        progress: called with the share that is done.

    Raises:
        ScenarioError: the scenario cannot be run.
    """
    plan, roster = plan_of(scenario), roster_of(scenario)
    draws = Draws.of(scenario.seed, scenario.first_replication)  # of the help desk; nothing else is drawn
    attacks: list[Attack] = []
    steps = len(scenario.guarantees) * len(KINDS)
    for number, guarantee in enumerate(scenario.guarantees):
        adversary = _Adversary(plan, roster, number, guarantee, draws)
        for kind in KINDS:
            attacks.append(adversary.attack(kind))
            if progress is not None:
                progress(len(attacks) / steps)
    return attacks


class _Adversary:
    """Searches for one guarantee."""

    def __init__(self, plan: Plan, roster: Roster, number: int, guarantee: Guarantee, draws: Draws) -> None:
        self.plan = replace(plan, sample_s=plan.horizon_s)
        self.draws = draws
        self.number = number
        self.guarantee = guarantee
        of_profile = np.bincount(roster.profile, minlength=len(roster.profiles)).tolist()
        concerned = [
            (profile, count)
            for profile, count in zip(roster.profiles, of_profile, strict=True)
            if count > 0
            and guarantee.group in (None, profile.group)
            and guarantee.platform in (None, profile.platform)
        ]
        self.size = sum(count for _, count in concerned)
        self.needed = needed_devices(guarantee, self.size) if can_be_attacked(guarantee) else None
        found = [
            replace(profile, jitter_s=0, success=1.0, presence="always")
            for profile, count in concerned
            if profile.ever_on and self.needed is not None and count >= self.needed
        ]
        self.profiles = list(dict.fromkeys(found))

    def attack(self, kind: Kind) -> Attack:
        """The smallest change of a kind."""
        reason = self._why_not(kind)
        if reason is not None:
            return Attack(self.number, kind, None, reason=reason)
        searches = (self._search(kind, profile) for profile in self.profiles)
        found = [attack for attack in searches if attack.length_s is not None]
        if found:
            return min(found, key=lambda attack: attack.length_s or 0)
        nothing = {
            "absence": "no absence breaks it, even if it lasts the whole run",
            "outage": "no outage breaks it, even if it lasts the whole run",
            "later": "no reserve can be specified so late that it breaks",
            "sooner": "no activation can come so soon that it breaks",
        }
        return Attack(self.number, kind, None, reason=nothing[kind])

    def _why_not(self, kind: Kind) -> str | None:
        if not can_be_attacked(self.guarantee):
            return "losing devices does not break it"
        if self.size == 0:
            return "it is about no device"
        if self.needed is None:
            return "not even all its devices together can break it"
        if not self.profiles:
            return f"it takes {self.needed:,} devices of one kind, and no group has so many that are ever on"
        instants = len(self._instants(self.plan))
        if instants > MOST_INSTANTS:
            return f"not searched: {instants:,} instants at which something changes are too many"
        return None

    def _search(self, kind: Kind, profile: Profile) -> Attack:
        if kind in ("absence", "outage"):
            return self._spell(kind, profile)
        return self._shift(kind, profile)

    def _found(
        self, kind: Kind, profile: Profile, found: Candidate | None, action: int | None = None
    ) -> Attack:
        assert self.needed is not None
        if found is None:
            return Attack(self.number, kind, None)
        return Attack(
            guarantee=self.number,
            kind=kind,
            length_s=found.length_s,
            from_s=found.from_s,
            action=action,
            profile=profile,
            phase_s=found.phase_s,
            devices=self.needed,
        )

    # --- what matters ----------------------------------------------------------------------------

    def _instants(self, plan: Plan) -> list[int]:
        """When something changes, and when a time that the guarantee names has passed since; ascending."""
        timeline = play(plan)
        instants = {0, plan.horizon_s, *(state.from_s for state in timeline.states)}
        for certificate in timeline.server.certificates:
            instants |= {certificate.not_before_s, certificate.not_after_s}
        for _, after in timeline.switches:
            for threshold_s in thresholds_s(self.guarantee):
                instants |= {after.from_s + threshold_s, after.from_s + threshold_s + 1}
        return sorted(instant for instant in instants if 0 <= instant <= plan.horizon_s)

    def _phases(self, instants: Sequence[int], every_s: int) -> list[int]:
        """The phases that put an attempt on one of the instants or one second before."""
        return sorted({(instant - early) % every_s for instant in instants for early in (0, 1)})

    # --- absences and outages --------------------------------------------------------------------

    def _spell(self, kind: Kind, profile: Profile) -> Attack:
        instants = self._instants(self.plan)
        catches_up = profile.catch_up and kind == "absence"
        searched = replace(profile, catch_up=catches_up)
        candidates = sorted(
            {
                candidate
                for phase_s in self._phases(instants, profile.every_s)
                for candidate in spells(instants, phase_s, profile.every_s, catches_up=catches_up)
            },
            key=lambda each: (each.length_s, each.from_s, each.phase_s),
        )
        is_exact = kind == "absence" or self.plan.recovery is None
        for batch in batches(candidates):
            if is_exact:
                presences: list[Presence] = [away(each) for each in batch]
                broken = self._broken(self.plan, searched, presences, [each.phase_s for each in batch])
            else:  # a reinstallation within an outage waits for its end, within an absence it does not
                broken = np.array([self._is_broken_by_outage(searched, each) for each in batch])
            if broken.any():
                return self._found(kind, profile, batch[int(np.argmax(broken))])
        return self._found(kind, profile, None)

    def _is_broken_by_outage(self, profile: Profile, candidate: Candidate) -> bool:
        outage = Outage(candidate.from_s, candidate.from_s + candidate.length_s)
        plan = (
            self.plan if candidate.length_s == 0 else replace(self.plan, outages=(*self.plan.outages, outage))
        )
        return bool(self._broken(plan, profile, ["always"], [candidate.phase_s])[0])

    # --- shifts of the plan ----------------------------------------------------------------------

    def _shift(self, kind: Kind, profile: Profile) -> Attack:
        found: list[tuple[Candidate, int]] = []
        for action in self._shiftable(kind):
            best = self._least_shift(kind, profile, action)
            if best is not None:
                found.append((best, action))
        if not found:
            return self._found(kind, profile, None)
        candidate, action = min(found, key=lambda each: each[0].length_s)
        return self._found(kind, profile, candidate, action)

    def _shiftable(self, kind: Kind) -> Iterator[int]:
        for number, action in enumerate(self.plan.actions):
            if not isinstance(action, Reissue) or action.unfit or action.at_s >= self.plan.horizon_s:
                continue
            if action.activate == "after" or (action.activate == "at expiry" and kind == "later"):
                yield number
        is_automatic = any(event.by == "automatic" for event in play(self.plan).events)
        if kind == "later" and is_automatic:
            yield -1

    def _least_shift(self, kind: Kind, profile: Profile, action: int) -> Candidate | None:
        """By halving between a shift that does not break it and one that does; see docs/why.md."""

        def tried(shift_s: int) -> Candidate | None:
            plan = shifted(self.plan, kind, action, shift_s)
            phases = self._phases(self._instants(plan), profile.every_s)
            broken = self._broken(plan, profile, ["always"] * len(phases), phases)
            if not broken.any():
                return None
            to_s = shifted_to(self.plan, kind, action, shift_s)
            return Candidate(shift_s, to_s, phases[int(np.argmax(broken))])

        best = tried(0)
        if best is not None:
            return best
        low_s, high_s = 0, furthest(self.plan, kind, action)
        for shift_s in sorted({high_s * step // _GRID for step in range(1, _GRID + 1)}):
            best = tried(shift_s)
            if best is not None:
                high_s = shift_s
                break
            low_s = shift_s
        while best is not None and high_s - low_s > 1:
            middle_s = (low_s + high_s) // 2
            nearer = tried(middle_s)
            if nearer is None:
                low_s = middle_s
            else:
                best, high_s = nearer, middle_s
        return best

    # --- running ---------------------------------------------------------------------------------

    def _broken(
        self, plan: Plan, profile: Profile, presences: Sequence[Presence], phases_s: Sequence[int]
    ) -> NDArray[np.bool_]:
        """Which of some devices break the guarantee, each as if it were alone."""
        n = len(phases_s)
        kinds: dict[Profile, int] = {}
        for presence in presences:
            kinds.setdefault(replace(profile, presence=presence), len(kinds))
        of = [kinds[replace(profile, presence=presence)] for presence in presences]
        if len(kinds) < n:  # coverage is counted by profile, so each has its own
            of = list(range(n))
            profiles = tuple(replace(profile, presence=presence) for presence in presences)
        else:
            profiles = tuple(kinds)
        identity = np.uint64(identity_of_group(profile.group))
        roster = Roster(
            profiles=profiles,
            groups=(profile.group,),
            profile=np.array(of, dtype=np.int32),
            group=np.zeros(n, dtype=np.int32),
            identity=np.full(n, identity, dtype=np.uint64),
            phase_s=np.array(phases_s, dtype=np.int64),
            silent=np.zeros(n, dtype=np.bool_),
            seen=np.zeros(n, dtype=np.bool_),
            holds_reserve=np.zeros(n, dtype=np.bool_),
            numbered=(n,),
            ids=((),),
        )
        if plan.recovery is not None:  # nobody waits for the others
            plan = replace(
                plan, recovery=replace(plan.recovery, technicians=max(n, plan.recovery.technicians))
            )
        outcome = self._simulate(n)(plan, Fleet.start(roster, self.draws))
        return breaks(self.guarantee, outcome)

    def _simulate(self, devices: int) -> Simulator:
        if devices >= MANY and find_spec("numba") is not None:
            from sim.fleet.engine import simulate as fleet

            return fleet
        from sim.processes.engine import simulate as process

        return process
