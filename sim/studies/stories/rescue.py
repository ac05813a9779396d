"""What would have saved a device, or how nearly it was lost: each claim tried by running the device again.

A claim that names a threshold has been tried on both sides of it: one second less does not save the device.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal

from sim.studies.stories.alone import Alone, Life
from sim.studies.stories.altered import in_order, made_by, maker_of, with_action, without_action
from sim.world.plan import Action, Plan, Reissue, RestorePrevious
from sim.world.timeline import State, play

Kind = Literal[
    "delay",
    "no delay",
    "no delay in the run",
    "reserve first",
    "one synchronization",
    "catch-up",
    "success",
    "specified by",
    "specified before the expiry",
    "never synchronized",
    "not replaced",
    "not restored",
    "accepted",
    "earliest",
    "margin",
]

MOST_WINDOWS: Final = 12
"""Times in which a reserve was handed out, latest first, that are tried for one more synchronization."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that would have made the difference, or that nothing of a kind would have.

    Attributes:
        kind: what it is about.
        delay_s: an activation delay: the least that saves, of `margin` the least that still does.
        at_s: an instant: by then, or of `no delay` the instant that ends the wait.
        from_s: of `one synchronization`: from then on; of `margin` when the reserve was received.
    """

    kind: Kind
    delay_s: int | None = None
    at_s: int | None = None
    from_s: int | None = None


class Rescue:
    """The claims about one device.

    Args:
        alone: the device.
        life: as it was under the scenario's plan, without the help desk's reinstallations.
    """

    def __init__(self, alone: Alone, life: Life) -> None:
        self.alone = alone
        self.life = life
        self.plan = alone.plan
        self.timeline = play(self.plan)

    def claims(self) -> Iterator[Claim]:
        """For a lost device what would have saved it; for another its margin, if there was a danger."""
        if self.life.lost_at_s is None:
            yield from self._margin()
            return
        yield from self._delay()
        yield from self._one_synchronization()
        yield from self._other_profile()
        yield from self._specified_by()
        yield from self._without_an_action()
        yield from self._other_rules()

    # --- the loss --------------------------------------------------------------------------------

    @cached_property
    def _switch(self) -> tuple[State, State]:
        """The state before the first loss and the one that began with it."""
        device = self.life.happenings
        loss = next(each for each in device if each.what == "lost")
        for before, after in self.timeline.switches:
            if after.from_s == loss.at_s and after.main == loss.generation:
                return before, after
        raise AssertionError("a device is lost by a switch of the server")

    @cached_property
    def _generation(self) -> int:
        """The certificate that is presented from the loss on."""
        return self._switch[1].main

    @cached_property
    def _action(self) -> int | None:
        """The action of the plan that made that certificate; None: the server by itself, or the start."""
        return maker_of(self.plan, self.timeline).get(self._generation)

    def _is_saved(self, plan: Plan, **changes: object) -> bool:
        return self.alone.live(plan, **changes).lost_at_s is None  # type: ignore[arg-type]

    # --- delay -----------------------------------------------------------------------------------

    def _delay(self) -> Iterator[Claim]:
        action = None if self._action is None else self.plan.actions[self._action]
        if self._action is None or not isinstance(action, Reissue) or action.activate == "at expiry":
            return
        kind: Kind = "reserve first" if action.activate == "immediately" else "delay"
        longest = self._delayed(self.plan.horizon_s)
        life = self.alone.live(longest)
        generation = made_by(longest, self._action)
        received_s = None if generation is None else life.received_s(generation)
        if received_s is not None:
            delay_s = received_s - action.at_s + 1
            if self._saves(delay_s) and not self._saves(delay_s - 1):
                yield Claim(kind, delay_s=delay_s)
            return
        ends = [
            state.from_s
            for state in play(longest).states
            if state.from_s >= action.at_s and state.reserve != generation and generation in state.specified
        ]
        yield Claim("no delay", at_s=min(ends)) if ends else Claim("no delay in the run")

    def _delayed(self, delay_s: int) -> Plan:
        assert self._action is not None
        action = self.plan.actions[self._action]
        assert isinstance(action, Reissue)
        return with_action(self.plan, self._action, replace(action, activate="after", after_s=delay_s))

    def _saves(self, delay_s: int) -> bool:
        """Whether the device is never lost with this delay, though the reserve becomes main in the run."""
        plan = self._delayed(delay_s)
        assert self._action is not None
        generation = made_by(plan, self._action)
        is_tried = any(after.main == generation for _, after in play(plan).switches)
        return is_tried and self._is_saved(plan)

    # --- the device's own attempts ---------------------------------------------------------------

    def _one_synchronization(self) -> Iterator[Claim]:
        lost_at_s = self.life.lost_at_s
        assert lost_at_s is not None
        states = self.timeline.states
        ends_s = [*(state.from_s for state in states[1:]), self.plan.horizon_s]
        windows = [
            (state.from_s, end_s)
            for state, end_s in zip(states, ends_s, strict=True)
            if state.reserve == self._generation and state.from_s < end_s <= lost_at_s
        ]
        for from_s, end_s in list(reversed(windows))[:MOST_WINDOWS]:
            if self._is_saved(self.plan, attempts_s=(end_s - 1,)):
                yield Claim("one synchronization", at_s=end_s, from_s=from_s)
                return

    def _other_profile(self) -> Iterator[Claim]:
        profile = self.alone.profile
        if not profile.catch_up and self._is_saved(self.plan, profile=replace(profile, catch_up=True)):
            yield Claim("catch-up")
        if profile.success < 1.0 and self._is_saved(self.plan, profile=replace(profile, success=1.0)):
            yield Claim("success")

    # --- the reserve earlier ---------------------------------------------------------------------

    def _specified_by(self) -> Iterator[Claim]:
        """The reserve was there at a synchronization before; it becomes main when it did."""
        lost_at_s = self.life.lost_at_s
        assert lost_at_s is not None
        cause = self._switch[1].change
        if cause == "restored" or (self._generation == 0 and cause != "expired"):
            return
        specified_s = self.timeline.server.specified_at_s.get(self._generation)
        if cause == "expired":
            specified_s = lost_at_s
        until_s = lost_at_s if specified_s is None else specified_s
        synced_s = [at_s for at_s in self.life.instants_s("synced") if at_s < until_s]
        if not synced_s:
            if not any(at_s < lost_at_s for at_s in self.life.instants_s("synced")):
                yield Claim("never synchronized", at_s=lost_at_s)
            return
        by_s = synced_s[-1]
        if self._is_saved_from(by_s) and not self._is_saved_from(by_s + 1):
            is_expiry = self._switch[1].change == "expired"
            yield Claim("specified before the expiry" if is_expiry else "specified by", at_s=by_s)

    def _is_saved_from(self, at_s: int) -> bool:
        """Whether the device is never lost if the reserve is specified at an instant."""
        before, after = self._switch
        plan = self.plan
        if after.change == "expired":
            earlier = Reissue(at_s, "at expiry")
            return self._is_saved(replace(plan, actions=in_order([*plan.actions, earlier])))
        if self._action is None:
            main = self.timeline.server.certificates[before.main]
            return self._is_saved(replace(plan, automatic_lead_s=main.not_after_s - at_s))
        action = plan.actions[self._action]
        assert isinstance(action, Reissue)
        if action.activate == "at expiry":
            moved = replace(action, at_s=at_s)
        else:
            moved = replace(action, at_s=at_s, activate="after", after_s=after.from_s - at_s)
        return self._is_saved(with_action(plan, self._action, moved))

    # --- other rules, other actions --------------------------------------------------------------

    def _without_an_action(self) -> Iterator[Claim]:
        """One thing that the operator did not do."""
        after = self._switch[1]
        if after.change == "restored":
            yield from self._had_not_been("not restored", RestorePrevious, after.from_s)
            return
        replaced = [e for e in self.timeline.events if e.name == "reserve replaced" and e.by == "operator"]
        received = {h.generation for h in self.life.happenings if h.what == "received"}
        for event in replaced:
            if event.at_s > after.from_s or event.generation not in received or after.main in received:
                continue
            yield from self._had_not_been("not replaced", Reissue, event.at_s)

    def _had_not_been(self, kind: Kind, sort: type[Action], at_s: int) -> Iterator[Claim]:
        """The first action of a sort at an instant without which the device is saved."""
        for number, action in enumerate(self.plan.actions):
            is_it = isinstance(action, sort) and action.at_s == at_s
            if is_it and self._is_saved(without_action(self.plan, number)):
                yield Claim(kind, at_s=at_s)
                return

    def _other_rules(self) -> Iterator[Claim]:
        if self.plan.activation == "date" and self._is_saved(replace(self.plan, activation="earliest")):
            yield Claim("earliest")
        if self._action is None:
            return
        action = self.plan.actions[self._action]
        if not isinstance(action, Reissue) or self.alone.profile.platform not in action.refused_by:
            return
        if self._is_saved(with_action(self.plan, self._action, replace(action, refused_by=frozenset()))):
            yield Claim("accepted")

    # --- a device that was not lost --------------------------------------------------------------

    def _margin(self) -> Iterator[Claim]:
        """The reserve that came latest before it became main, and the least delay that still would do."""
        makers = maker_of(self.plan, self.timeline)
        nearest: tuple[int, int, int, int | None] | None = None
        for before, after in self.timeline.switches:
            received_s = self.life.received_s(after.main)
            if after.main == before.main or received_s is None or received_s >= after.from_s:
                continue
            found = (after.from_s - received_s, after.from_s, received_s, makers.get(after.main))
            nearest = min(nearest, found, key=lambda each: each[0]) if nearest else found
        if nearest is None:
            return
        _, switch_s, received_s, number = nearest
        delay_s = None
        if number is not None:
            action = self.plan.actions[number]
            if isinstance(action, Reissue) and action.activate == "after":
                delay_s = self._least_delay(number, action, received_s)
        yield Claim("margin", delay_s=delay_s, at_s=switch_s, from_s=received_s)

    def _least_delay(self, number: int, action: Reissue, received_s: int) -> int | None:
        """One second more than the wait, where the device is lost with one second less."""
        delay_s = received_s - action.at_s + 1
        assert action.after_s is not None
        enough, short = (
            with_action(self.plan, number, replace(action, after_s=min(each, action.after_s)))
            for each in (delay_s, delay_s - 1)
        )
        return delay_s if self._is_saved(enough) and not self._is_saved(short) else None
