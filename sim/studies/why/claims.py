"""What would have saved a device, or how nearly it was lost: each claim tried by running the device again.

A claim that names a threshold has been tried on both sides of it: one second less does not save the device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Final

from sim.studies.why.device import SingleDevice, Trace
from sim.text import date, spaced
from sim.world.outcome import PLATFORM_TEXT
from sim.world.plan import Action, Plan, Reissue, RestorePrevious
from sim.world.timeline import Timeline, play

MOST_WINDOWS: Final = 12
"""Times in which a reserve was handed out, latest first, that are tried for one more synchronization."""

_TEXTS: Final = {
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
"""The sentence of each kind of claim."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that would have made the difference, or that nothing of a kind would have."""

    kind: str  # a key of `_TEXTS`
    delay_s: int | None = None  # the least activation delay that saves; for `margin` that still does
    at_s: int | None = None  # by then; for `no delay` the end of the wait
    # for `one synchronization` the beginning; for `margin` when the reserve was received
    from_s: int | None = None

    def text(self, platform: str, at: Callable[[int], datetime]) -> str:
        """The claim in a sentence, about a device of a platform, with the dates of instants."""
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

    `trace` is its run under the scenario's plan, without the help desk's reinstallations.
    """
    if trace.lost_at_s is None:
        return tuple(_margin(device, trace))
    loss = _Loss(device, trace, trace.lost_at_s)
    return (
        *loss.delay(),
        *loss.own_attempts(),
        *loss.specified_by(),
        *loss.without_an_action(),
        *loss.other_rules(),
    )


def _is_saved(device: SingleDevice, plan: Plan) -> bool:
    return device.run(plan).lost_at_s is None


def _made_by(step: int, timeline: Timeline) -> int:
    """The generation of the certificate that a step of the strategy makes."""
    return next(made for made, reissue in timeline.makers.items() if reissue.step == step)


def _least_delay(device: SingleDevice, step: int, received_s: int) -> int | None:
    """One second more than the reserve took to reach the device, if that saves it and a second less does not.

    The reserve must become main within the run.
    """

    def saves(delay_s: int) -> bool:
        plan = device.plan.with_delay(step, delay_s)
        timeline = play(plan)
        is_tried = _made_by(step, timeline) in timeline.activated
        return is_tried and _is_saved(device, plan)

    delay_s = received_s - device.plan.reissue(step).at_s + 1
    return delay_s if saves(delay_s) and not saves(delay_s - 1) else None


def _margin(device: SingleDevice, trace: Trace) -> Iterator[Claim]:
    """The reserve that came latest before it became main, and the least delay that still would do."""
    timeline = play(device.plan)
    found = [
        (after.from_s - received_s, received_s, after.main)
        for before, after in timeline.switches
        if after.main != before.main and (received_s := trace.received_s(after.main)) is not None
        if received_s < after.from_s
    ]
    if not found:
        return
    left_s, received_s, main = min(found)
    reissue, delay_s = timeline.makers.get(main), None
    if reissue is not None and reissue.step is not None and reissue.activate == "after":
        delay_s = _least_delay(device, reissue.step, received_s)
    yield Claim("margin", delay_s, received_s + left_s, received_s)


class _Loss:
    """The first loss of a device, and what would have prevented it."""

    def __init__(self, device: SingleDevice, trace: Trace, at_s: int) -> None:
        self.device, self.plan, self.trace, self.at_s = device, device.plan, trace, at_s
        self.timeline = play(device.plan)
        presented = next(each.generation for each in trace.happenings if each.what == "lost")
        self.before, self.after = next(
            (before, after)
            for before, after in self.timeline.switches
            if after.from_s == at_s and after.main == presented
        )
        # The step that made the certificate which is presented from the loss on; None: no step did.
        reissue = self.timeline.makers.get(presented)
        self.step = None if reissue is None else reissue.step

    def delay(self) -> Iterator[Claim]:
        """The least activation delay, or that none is long enough."""
        step = self.step
        if step is None or self.plan.reissue(step).activate == "at expiry":
            return
        longest = self.plan.with_delay(step, self.plan.horizon_s)
        timeline = play(longest)
        generation = _made_by(step, timeline)
        received_s = self.device.run(longest).received_s(generation)
        if received_s is None:
            since = timeline.states[timeline.specified[generation] :]
            end_s = next((state.from_s for state in since if state.reserve != generation), None)
            yield Claim("no delay in the run" if end_s is None else "no delay", at_s=end_s)
            return
        delay_s = _least_delay(self.device, step, received_s)
        if delay_s is not None:
            is_immediate = self.plan.reissue(step).activate == "immediately"
            yield Claim("reserve first" if is_immediate else "delay", delay_s)

    def own_attempts(self) -> Iterator[Claim]:
        """One attempt more, in the last second in which the reserve was handed out; or other settings."""
        profile, run = self.device.profile, self.device.run
        windows = [
            (state.from_s, after.from_s)
            for state, after in pairwise(self.timeline.states)
            if state.reserve == self.after.main and state.from_s < after.from_s <= self.at_s
        ]
        for from_s, end_s in reversed(windows[-MOST_WINDOWS:]):
            if run(attempts_s=(end_s - 1,)).lost_at_s is None:
                yield Claim("one synchronization", at_s=end_s, from_s=from_s)
                break
        if not profile.catch_up and run(profile=replace(profile, catch_up=True)).lost_at_s is None:
            yield Claim("catch-up")
        if profile.success < 1.0 and run(profile=replace(profile, success=1.0)).lost_at_s is None:
            yield Claim("success")

    def specified_by(self) -> Iterator[Claim]:
        """The reserve was there at a synchronization before; it becomes main when it did."""
        is_expiry = self.after.change == "expired"
        if self.after.change == "restored" or (self.after.main == 0 and not is_expiry):
            return
        specified_s = None if is_expiry else self.timeline.server.specified_at_s.get(self.after.main)
        until_s = self.at_s if specified_s is None else specified_s
        synced_s = [at_s for at_s in self.trace.instants_s("synced") if at_s < self.at_s]
        if not synced_s:
            yield Claim("never synchronized", at_s=self.at_s)
            return
        by_s = max((at_s for at_s in synced_s if at_s < until_s), default=None)
        if by_s is not None and self._is_saved_from(by_s) and not self._is_saved_from(by_s + 1):
            yield Claim("specified before the expiry" if is_expiry else "specified by", at_s=by_s)

    def _is_saved_from(self, at_s: int) -> bool:
        """Whether the device is never lost if the reserve is specified at an instant."""
        plan = self.plan
        if self.after.change == "expired":
            plan = plan.with_action(None, Reissue(at_s, "at expiry"))
        elif self.step is None:
            main = self.timeline.server.certificates[self.before.main]
            plan = replace(plan, automatic_lead_s=main.not_after_s - at_s)
        else:
            moved = replace(plan.reissue(self.step), at_s=at_s)
            if moved.activate != "at expiry":
                moved = replace(moved, activate="after", after_s=self.after.from_s - at_s)
            plan = plan.with_action(self.step, moved)
        return _is_saved(self.device, plan)

    def without_an_action(self) -> Iterator[Claim]:
        """One thing that the operator did not do."""
        received = {h.generation for h in self.trace.happenings if h.what == "received"}
        undone: list[tuple[str, type[Action], int]] = []
        if self.after.change == "restored":
            undone = [("not restored", RestorePrevious, self.at_s)]
        elif self.after.main not in received:
            undone = [
                ("not replaced", Reissue, event.at_s)
                for event in self.timeline.events
                if event.name == "reserve replaced" and event.by == "operator"
                if event.at_s <= self.at_s and event.generation in received
            ]
        for kind, sort, at_s in undone:
            steps = (a.step for a in self.plan.actions if isinstance(a, sort) and a.at_s == at_s)
            plans = (self.plan.without_action(step) for step in steps if step is not None)
            if any(_is_saved(self.device, plan) for plan in plans):
                yield Claim(kind, at_s=at_s)

    def other_rules(self) -> Iterator[Claim]:
        """The earlier activation, and a certificate that the platform does not refuse."""
        plan, step = self.plan, self.step
        if plan.activation == "date" and _is_saved(self.device, replace(plan, activation="earliest")):
            yield Claim("earliest")
        if step is not None and self.device.profile.judged_as in plan.reissue(step).refused_by:
            accepted = replace(plan.reissue(step), refused_by=frozenset())
            if _is_saved(self.device, plan.with_action(step, accepted)):
                yield Claim("accepted")
