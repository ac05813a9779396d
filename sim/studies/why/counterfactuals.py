"""What would have saved a device, or how nearly it was lost: each claim tried by running the device again.

A claim that names a threshold has been tried on both sides of it: one second less does not save the device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Final, Literal

from sim.studies.why.device import SingleDevice, Trace
from sim.text import date, spaced
from sim.world.outcome import PLATFORM_TEXT
from sim.world.plan import Action, Plan, Reissue, RestorePrevious
from sim.world.timeline import State, Timeline, play

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

_TEXTS: Final[dict[Kind, str]] = {
    "delay": "An activation delay of at least {delay}.",
    "no delay": (
        "Not a longer activation delay: the reserve waits until {at} at most, and it did not come by then."
    ),
    "no delay in the run": (
        "Not a longer activation delay within the run: by its end, it did not come for the reserve."
    ),
    "reserve first": (
        "A reserve instead of immediate replacement, with an activation delay of at least {delay}."
    ),
    "one synchronization": "One synchronization before {at}, from {since} on.",
    "catch-up": "catch_up: yes, an attempt as soon as it comes on.",
    "success": "Attempts that never fail (success: 100%).",
    "specified by": "A reserve specified by {at}, to become main when it did.",
    "specified before the expiry": "A reserve specified by {at}, to become main at the expiry.",
    "never synchronized": "Not an earlier reserve: before {at} it never synchronized.",
    "not replaced": "The reserve that it held, had it not been replaced on {at}.",
    "not restored": "No return to the previous certificate on {at}.",
    "accepted": "A certificate that {platform} accepts.",
    "earliest": "activation: earliest, the reserve becoming main at the expiry.",
    "margin": "It received the reserve {left} before that became main on {at}.",
}


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that would have made the difference, or that nothing of a kind would have.

    Attributes:
        kind: what it is about.
        delay_s: an activation delay: the least that saves; for `margin` the least that still does.
        at_s: an instant: by then; for `no delay` the end of the wait.
        from_s: for `one synchronization` the beginning; for `margin` when the reserve was received.
    """

    kind: Kind
    delay_s: int | None = None
    at_s: int | None = None
    from_s: int | None = None

    def text(self, platform: str, at: Callable[[int], datetime]) -> str:
        """The claim in a sentence.

        Args:
            platform: the platform of the device.
            at: the date of an instant.
        """
        template = _TEXTS[self.kind]
        if self.kind == "margin" and self.delay_s is not None:
            template = f"{template[:-1]}; with an activation delay below {{delay}} it would have been lost."
        return template.format(
            delay="" if self.delay_s is None else spaced(self.delay_s),
            at="" if self.at_s is None else date(at(self.at_s)),
            since="" if self.from_s is None else date(at(self.from_s)),
            left="" if self.at_s is None or self.from_s is None else spaced(self.at_s - self.from_s),
            platform=PLATFORM_TEXT.get(platform, platform),
        )


def claims_of(device: SingleDevice, trace: Trace) -> tuple[Claim, ...]:
    """What would have saved a lost device; for another its margin, if there was a danger.

    Args:
        device: the device.
        trace: its run under the scenario's plan, without the help desk's reinstallations.
    """
    timeline = play(device.plan)
    if trace.lost_at_s is None:
        return tuple(_margin(device, trace, timeline))
    loss = _Loss(device, trace, timeline)
    return (
        *loss.delay(),
        *loss.one_synchronization(),
        *loss.other_profile(),
        *loss.specified_by(),
        *loss.without_an_action(),
        *loss.other_rules(),
    )


def _steps(plan: Plan, timeline: Timeline) -> dict[int, int]:
    """The step of the strategy that made each certificate, by generation; the server's own are left out."""
    fit = iter(a.step for a in plan.actions if isinstance(a, Reissue) and a.unfit is None)
    makes = ("reserve specified", "certificate replaced immediately")
    made = [event for event in timeline.events if event.name in makes and event.by == "operator"]
    steps = ((event.generation, next(fit)) for event in made)
    return {made: step for made, step in steps if made is not None and step is not None}


def _made_by(plan: Plan, step: int) -> int | None:
    """The certificate that a step makes under a plan."""
    return next((made for made, of in _steps(plan, play(plan)).items() if of == step), None)


def _is_saved(device: SingleDevice, plan: Plan) -> bool:
    return device.run(plan).lost_at_s is None


class _Loss:
    """The first loss of a device, and what would have prevented it."""

    def __init__(self, device: SingleDevice, trace: Trace, timeline: Timeline) -> None:
        assert trace.lost_at_s is not None
        self.device, self.trace, self.timeline = device, trace, timeline
        self.plan, self.at_s = device.plan, trace.lost_at_s

    @cached_property
    def switch(self) -> tuple[State, State]:
        """The state before the loss and the one that began with it."""
        loss = next(each for each in self.trace.happenings if each.what == "lost")
        for before, after in self.timeline.switches:
            if after.from_s == loss.at_s and after.main == loss.generation:
                return before, after
        raise AssertionError("a device is lost by a switch of the server")

    @cached_property
    def step(self) -> int | None:
        """The step that made the certificate which is presented from the loss on; None: no step did."""
        return _steps(self.plan, self.timeline).get(self.switch[1].main)

    # --- delay -----------------------------------------------------------------------------------

    def delay(self) -> Iterator[Claim]:
        """The least activation delay, or that none is long enough."""
        if self.step is None or self.plan.reissue(self.step).activate == "at expiry":
            return
        reissue = self.plan.reissue(self.step)
        longest = self.plan.with_delay(self.step, self.plan.horizon_s)
        generation = _made_by(longest, self.step)
        received_s = None if generation is None else self.device.run(longest).received_s(generation)
        if received_s is not None:
            delay_s = received_s - reissue.at_s + 1
            if self._saves(delay_s) and not self._saves(delay_s - 1):
                yield Claim("reserve first" if reissue.activate == "immediately" else "delay", delay_s)
            return
        played = play(longest)
        known = played.specified.get(-1 if generation is None else generation, len(played.states))
        ends = [
            state.from_s
            for state in played.states[known:]
            if state.from_s >= reissue.at_s and state.reserve != generation
        ]
        yield Claim("no delay", at_s=min(ends)) if ends else Claim("no delay in the run")

    def _saves(self, delay_s: int) -> bool:
        """Whether the device is never lost with this delay, though the reserve becomes main in the run."""
        assert self.step is not None
        plan = self.plan.with_delay(self.step, delay_s)
        generation = _made_by(plan, self.step)
        is_tried = any(after.main == generation for _, after in play(plan).switches)
        return is_tried and _is_saved(self.device, plan)

    # --- the device's own attempts ---------------------------------------------------------------

    def one_synchronization(self) -> Iterator[Claim]:
        """One attempt more, in the last second of a time in which the reserve was handed out."""
        states = self.timeline.states
        ends_s = [*(state.from_s for state in states[1:]), self.plan.horizon_s]
        windows = [
            (state.from_s, end_s)
            for state, end_s in zip(states, ends_s, strict=True)
            if state.reserve == self.switch[1].main and state.from_s < end_s <= self.at_s
        ]
        for from_s, end_s in list(reversed(windows))[:MOST_WINDOWS]:
            if self.device.run(attempts_s=(end_s - 1,)).lost_at_s is None:
                yield Claim("one synchronization", at_s=end_s, from_s=from_s)
                return

    def other_profile(self) -> Iterator[Claim]:
        """The same device with catch-up, or with attempts that never fail."""
        profile, run = self.device.profile, self.device.run
        if not profile.catch_up and run(profile=replace(profile, catch_up=True)).lost_at_s is None:
            yield Claim("catch-up")
        if profile.success < 1.0 and run(profile=replace(profile, success=1.0)).lost_at_s is None:
            yield Claim("success")

    # --- the reserve earlier ---------------------------------------------------------------------

    def specified_by(self) -> Iterator[Claim]:
        """The reserve was there at a synchronization before; it becomes main when it did."""
        after = self.switch[1]
        if after.change == "restored" or (after.main == 0 and after.change != "expired"):
            return
        until_s = self.timeline.server.specified_at_s.get(after.main, self.at_s)
        if after.change == "expired":
            until_s = self.at_s
        synced_s = [at_s for at_s in self.trace.instants_s("synced") if at_s < self.at_s]
        if not synced_s:
            yield Claim("never synchronized", at_s=self.at_s)
            return
        by_s = max((at_s for at_s in synced_s if at_s < until_s), default=None)
        if by_s is not None and self._is_saved_from(by_s) and not self._is_saved_from(by_s + 1):
            is_expiry = after.change == "expired"
            yield Claim("specified before the expiry" if is_expiry else "specified by", at_s=by_s)

    def _is_saved_from(self, at_s: int) -> bool:
        """Whether the device is never lost if the reserve is specified at an instant."""
        (before, after), plan = self.switch, self.plan
        if after.change == "expired":
            plan = plan.with_action(None, Reissue(at_s, "at expiry"))
        elif self.step is None:
            main = self.timeline.server.certificates[before.main]
            plan = replace(plan, automatic_lead_s=main.not_after_s - at_s)
        else:
            moved = replace(plan.reissue(self.step), at_s=at_s)
            if moved.activate != "at expiry":
                moved = replace(moved, activate="after", after_s=after.from_s - at_s)
            plan = plan.with_action(self.step, moved)
        return _is_saved(self.device, plan)

    # --- other rules, other actions --------------------------------------------------------------

    def without_an_action(self) -> Iterator[Claim]:
        """One thing that the operator did not do."""
        after = self.switch[1]
        if after.change == "restored":
            yield from self._had_not_been("not restored", RestorePrevious, after.from_s)
            return
        received = {h.generation for h in self.trace.happenings if h.what == "received"}
        if after.main in received:
            return
        for event in self.timeline.events:
            is_it = event.name == "reserve replaced" and event.by == "operator"
            if is_it and event.at_s <= after.from_s and event.generation in received:
                yield from self._had_not_been("not replaced", Reissue, event.at_s)

    def _had_not_been(self, kind: Kind, sort: type[Action], at_s: int) -> Iterator[Claim]:
        """The first action of a sort at an instant without which the device is saved."""
        for action in self.plan.actions:
            if not isinstance(action, sort) or action.at_s != at_s or action.step is None:
                continue
            if _is_saved(self.device, self.plan.without_action(action.step)):
                yield Claim(kind, at_s=at_s)
                return

    def other_rules(self) -> Iterator[Claim]:
        """The earlier activation, and a certificate that the platform does not refuse."""
        plan = self.plan
        if plan.activation == "date" and _is_saved(self.device, replace(plan, activation="earliest")):
            yield Claim("earliest")
        if self.step is None or self.device.profile.judged_as not in plan.reissue(self.step).refused_by:
            return
        accepted = replace(plan.reissue(self.step), refused_by=frozenset())
        if _is_saved(self.device, plan.with_action(self.step, accepted)):
            yield Claim("accepted")


def _margin(device: SingleDevice, trace: Trace, timeline: Timeline) -> Iterator[Claim]:
    """The reserve that came latest before it became main, and the least delay that still would do."""
    found = [
        (after.from_s - received_s, after.from_s, received_s, after.main)
        for before, after in timeline.switches
        if after.main != before.main and (received_s := trace.received_s(after.main)) is not None
    ]
    nearest = min((each for each in found if each[0] > 0), key=lambda each: each[0], default=None)
    if nearest is None:
        return
    _, switch_s, received_s, generation = nearest
    step = _steps(device.plan, timeline).get(generation)
    delay_s = None
    if step is not None and device.plan.reissue(step).activate == "after":
        delay_s = _least_delay(device, step, received_s)
    yield Claim("margin", delay_s, switch_s, received_s)


def _least_delay(device: SingleDevice, step: int, received_s: int) -> int | None:
    """One second more than the wait, where the device is lost with one second less."""
    reissue = device.plan.reissue(step)
    assert reissue.after_s is not None
    delay_s = received_s - reissue.at_s + 1
    enough, short = (
        _is_saved(device, device.plan.with_delay(step, min(each, reissue.after_s)))
        for each in (delay_s, delay_s - 1)
    )
    return delay_s if enough and not short else None
