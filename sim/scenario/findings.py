"""The documented rules, held against a plan (language 1.3).

A finding is not an error: the plan can be run, and the run shows what becomes of it. A new rule is a function
of a prepared scenario that yields its findings, in `_RULES`, with its source in `_SOURCES`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter
from typing import Final

from sim.results.measures import MEASURES
from sim.scenario import schema
from sim.scenario.certificates import FIRST, Custom
from sim.scenario.fleet_findings import Found, certain_losses, lists
from sim.scenario.prepare import Prepared, prepare
from sim.scenario.scenario import Scenario
from sim.text import plural, span
from sim.world.certificates import Certificate
from sim.world.order import SECONDS_PER_DAY
from sim.world.plan import Reissue
from sim.world.server import Event

ADVISED_S: Final = 30 * SECONDS_PER_DAY
"""The delay that the documentation advises."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that the plan goes against.

    Attributes:
        rule: its short name.
        key: the part of the scenario it is about.
        message: what it is, and what would put it right.
        source: who says so.
        line: in the scenario file; None where there is no file.
    """

    rule: str
    key: str
    message: str
    source: str
    line: int | None


def findings_of(scenario: Scenario) -> list[Finding]:
    """Every rule the plan goes against, in the order of the file; what repeats itself comes once.

    Raises:
        ScenarioError: as `prepare`.
    """
    prepared = prepare(scenario)
    found: dict[tuple[str, str], list[str]] = {}
    for rule in _RULES:
        for name, key, message in rule(prepared):
            found.setdefault((name, key), []).append(message)
    findings = []
    for (name, key), (message, *more) in found.items():  # automatic reissue does the same at every expiry
        again = f" (and {plural(len(more), 'more time')})" if more else ""
        findings.append(Finding(name, key, message + again, _source_of(name), scenario.line_of(key)))
    return sorted(findings, key=lambda each: (each.line is None, each.line or 0, each.rule))


def _key_of(prepared: Prepared, event: Event) -> str:
    """The part of the file that made the server do it."""
    if event.by != "operator" or event.generation is None:
        return "server.automatic_reissue"
    return f"strategy.{prepared.timeline.makers[event.generation].step}.reissue"


def _main_expiry_s(prepared: Prepared, at_s: int) -> int:
    """When the certificate that is main just before an instant expires."""
    states = prepared.timeline.states
    main = states[max(0, bisect_left(states, at_s, key=attrgetter("from_s")) - 1)].main
    return prepared.timeline.server.certificates[main].not_after_s


# --- what the operator and the server do -----------------------------------------------------------------


def _steps(prepared: Prepared) -> Iterator[Found]:
    """Actions that come too late, lose everybody, or that the documented dialog does not offer."""
    for number, step in enumerate(prepared.scenario.strategy):
        at_s, key, reissue = prepared.instant_of(number), f"strategy.{number}", step.reissue
        custom = prepared.certificates.get(f"{key}.reissue")
        if at_s >= prepared.plan.horizon_s:
            happens = f"this happens on {prepared.date(at_s)}, when the run has ended"
            yield "action-after-the-end", f"{key}.at", f"{happens}: let it last longer"
        elif (
            reissue is not None
            and reissue.activate.kind == "immediately"
            and (custom is None or custom.unfit is None)
            and prepared.size
            and at_s < _main_expiry_s(prepared, at_s)  # later, there is nobody left to lose
        ):
            lose = f"all {prepared.size:,} devices lose the server and need the app reinstalled"
            mend = (
                "activate after a delay instead; if it has happened, only reinstalling helps: with recovery:"
            )
            yield (
                "immediately-with-devices",
                f"{key}.reissue",
                f"{lose}: {mend}, run tells how long that takes",
            )
        if step.restore_previous is not None:
            yield from _restored(prepared, at_s, f"{key}.restore_previous")
        if reissue is None:
            continue
        after_s = reissue.activate.after
        if after_s is not None and after_s % SECONDS_PER_DAY:
            whole = f"the console takes whole days, and this is {span(after_s)}: write a whole number of days"
            yield "activation-not-whole-days", f"{key}.reissue.activate", whole
        if isinstance(reissue.address, schema.AddressChange):
            yield from _moved(prepared, number, reissue, reissue.address)


def _moved(
    prepared: Prepared, step: int, reissue: schema.Reissue, change: schema.AddressChange
) -> Iterator[Found]:
    """A change of address that the dialog does not have, or that leaves a time without any address."""
    key, timeline = f"strategy.{step}.reissue.address", prepared.timeline
    if reissue.issuer == "custom":
        message = (
            "the documented dialog has no change of address for a custom certificate: reissue first, and "
            "change the address with a certificate of Kaspersky Security Center"
        )
        yield "custom-reissue-changes-address", key, message
    opens_s = 0 if change.opens is None else prepared.scenario.instant(change.opens)
    for event in timeline.events:
        is_main = event.name in ("reserve activated", "certificate replaced immediately")
        made = timeline.makers.get(event.generation) if is_main and event.generation is not None else None
        if made is not None and made.step == step and event.at_s < opens_s:
            dial = f"devices dial the new address from {prepared.date(event.at_s)} on, and it opens"
            until = f"{dial} {span(opens_s - event.at_s)} later: until then they are unreachable"
            yield "gap-between-addresses", f"{key}.opens", until


def _restored(prepared: Prepared, at_s: int, key: str) -> Iterator[Found]:
    """A restore of a certificate of Kaspersky Security Center, whether it is assumed to work or fails."""
    certificates = prepared.timeline.server.certificates
    for event in prepared.timeline.events:
        if event.at_s != at_s or event.name not in ("previous restored", "restore failed"):
            continue
        if event.generation is None or certificates[event.generation].issuer == "custom":
            continue
        then = "this relies on previous_certificate: kept" if event.reason is None else "this action fails"
        message = (
            "the documentation says that a certificate of Kaspersky Security Center that was replaced is no "
            f"longer valid, so {then}; where it works, devices reinstalled before it lose the server again, "
            "and reissue run counts them: leave it out, and specify the next reserve with a delay"
        )
        yield "restore-denied", key, message


def _reserves(prepared: Prepared) -> Iterator[Found]:
    """Reserves that are made late, dropped, or that expire together with the main certificate (model 3.6)."""
    certificates = prepared.timeline.server.certificates
    for generation, event in prepared.reserves.items():
        key, ends_s = _key_of(prepared, event), _main_expiry_s(prepared, event.at_s)
        if ends_s - event.at_s < ADVISED_S:
            left_s = ends_s - event.at_s
            when = f"expires {span(left_s)} later" if left_s > 0 else "has expired by then"
            message = f"the main certificate {when}: specify the reserve at least 30 days before it expires"
            yield "reissue-below-30-days-before-expiry", key, message
        reserve = certificates[generation or 0]
        if prepared.plan.valid_from == "issue" and reserve.identity is None and reserve.not_after_s == ends_s:
            message = (
                "valid from its issue, the reserve expires together with the main certificate, and saves "
                "nobody at that expiry: make it later; server.valid_from: activation counts from its "
                "activation, which is not documented"
            )
            yield "reserve-expires-with-main", key, message
    for event, follower in pairwise(prepared.timeline.events):
        if event.name in ("reserve replaced", "reserve discarded"):
            dropped = f"on {prepared.date(event.at_s)} the waiting reserve is dropped before it was activated"
            lost = "devices that hold only that one are lost when another becomes main; activate it first"
            yield "reserve-replaced", _key_of(prepared, follower), f"{dropped}: {lost}"


def _periods(prepared: Prepared) -> Iterator[Found]:
    """How long each reserve waits before it becomes main."""
    present = [profile for profile, (devices, _) in prepared.kinds.items() if devices]
    slowest = max(present, key=lambda profile: profile.every_s + profile.jitter_s, default=None)
    for specified, activated in prepared.activations:
        period_s, key = activated.at_s - specified.at_s, _key_of(prepared, specified)
        waits = f"the reserve becomes main {span(period_s)} after it is specified"
        if slowest is not None and period_s <= slowest.every_s + slowest.jitter_s:
            longest = f"{slowest.group} ({span(slowest.every_s + slowest.jitter_s)})"
            message = (
                f"{waits}, not longer than the synchronization period of {longest}: devices that do not "
                "synchronize in between are lost; choose a longer activation delay"
            )
            yield "activation-within-sync-period", key, message
        elif period_s < ADVISED_S:
            yield "activation-below-30-days", key, f"{waits}; at least 30 days are advised"


def _expiries(prepared: Prepared) -> Iterator[Found]:
    """Changes of the main certificate that lose every device."""
    for before, state in prepared.timeline.switches:
        date = prepared.date(state.from_s)
        if state.change == "expired":
            made, gated = prepared.reserves.get(before.main), _cancelled_by_its_gate(prepared, state.from_s)
            key = f"{FIRST}.file" if FIRST in prepared.certificates else f"{FIRST}.expires"
            lost = f"the main certificate expires on {date} and no reserve takes over: every device loses its"
            mend = "server; specify a reserve at least 30 days before"
            if gated is not None:
                key, lost = f"strategy.{gated}.reissue.activate", f"if the gate stays shut, {lost}"
                mend = "server; write otherwise: activate"
            elif made is not None:
                key = _key_of(prepared, made)
            yield "expiry-without-reserve", key, f"{lost} {mend}"
        if state.change == "activated" and not state.is_valid:
            refused = f"the reserve becomes main on {date}, when it is not valid: every device refuses it"
            key = _key_of(prepared, prepared.reserves[state.main])
            mend = "make it valid for longer, or reissue later"
            yield "reserve-not-valid-at-activation", key, f"{refused}; {mend}"
    if not any(prepared.timeline.switches):
        expires = prepared.date(prepared.plan.first.not_after_s)
        ends = f"the run ends before the main certificate changes or expires (on {expires})"
        yield "nothing-happens", "duration", f"{ends}: run for longer, or reissue within the run"


def _cancelled_by_its_gate(prepared: Prepared, before_s: int) -> int | None:
    """The step whose reserve may have become main before an instant, or was cancelled by its gate."""
    for action in reversed(prepared.plan.actions):
        if isinstance(action, Reissue) and action.at_s < before_s:
            return action.step if action.gate is not None and action.gate.otherwise == "cancel" else None
    return None


def _promises(prepared: Prepared) -> Iterator[Found]:
    """A desk that works at night and on Sundays, which nobody said; and 1 where 1 % was meant."""
    recovery = prepared.scenario.recovery
    if recovery is not None and recovery.hours is None and recovery.technicians != "unlimited":
        hours = (
            "add hours: {days: mon-fri, from: 08:00, to: 16:00}, or {days: mon-sun, from: 00:00, to: 24:00}"
        )
        message = f"without hours the help desk works around the clock: {hours} to say so"
        yield "desk-around-the-clock", "recovery", message
    for number, guarantee in enumerate(prepared.scenario.guarantees):
        if MEASURES[guarantee.measure].unit == "share" and guarantee.at_most == 1.0:
            message = (
                f"1 is 100 %: nothing can break {guarantee.measure} at_most 1; for one per cent write 1%"
            )
            yield "share-of-one", f"guarantees.{number}.at_most", message


# --- certificate files -----------------------------------------------------------------------------------


def _certificates(prepared: Prepared) -> Iterator[Found]:
    """Every requirement that a file's certificate breaks, and what becomes of the plan by it (model 5.6)."""
    certificates = prepared.timeline.server.certificates
    served = {each.identity: each for each in certificates if each.identity is not None}
    for custom in prepared.certificates.values():
        step = None if custom.key == FIRST else prepared.scenario.strategy[int(custom.key.split(".")[1])]
        reissue = None if step is None else step.reissue
        yield from _broken(prepared, custom, served.get(custom.identity), reissue)
        yield from _validity(prepared, custom, reissue or prepared.scenario.server.certificate)
        if custom.identity in served:
            yield from _becoming_main(prepared, custom, served[custom.identity])


def _broken(
    prepared: Prepared, custom: Custom, served: Certificate | None, reissue: schema.Reissue | None
) -> Iterator[Found]:
    address = prepared.scenario.server.address if served is None else served.address
    if served is None and reissue is not None and isinstance(reissue.address, schema.AddressChange):
        address = reissue.address.change_to
    for each in custom.verdict(address).broken():
        then = "the server does not take this certificate, so that the action fails"
        if each.rule.asked_by == "ios":
            then = "iOS refuses this certificate"
        elif reissue is None:
            then = "the server would not have taken this certificate, and the run goes on with it"
        asks = f"have one issued with what is asked for: {each.rule.asks}"
        yield each.rule.name, f"{custom.key}.file", f"{then}: {each.found}; {asks}"


def _validity(
    prepared: Prepared, custom: Custom, written: schema.Certificate | schema.Reissue
) -> Iterator[Found]:
    """An expiry or a length in the scenario that is not the file's."""
    rule, ignored = "validity-not-of-the-file", "and this is not looked at: leave"
    life_s = custom.not_after_s - custom.not_before_s
    if "valid_for" in written.model_fields_set and written.valid_for not in (None, life_s):
        message = f"the file's certificate is valid for {span(life_s)}, {ignored} valid_for out"
        yield rule, f"{custom.key}.valid_for", message
    expires = written.expires if isinstance(written, schema.Certificate) else None
    if expires is not None and prepared.scenario.instant(expires) != custom.not_after_s:
        when = f"{prepared.scenario.at(custom.not_after_s):%Y-%m-%d %H:%M:%S}"
        yield (
            rule,
            f"{custom.key}.expires",
            f"the file's certificate expires on {when}, {ignored} expires out",
        )


def _becoming_main(prepared: Prepared, custom: Custom, certificate: Certificate) -> Iterator[Found]:
    """Devices that lose the server when the certificate becomes main, or cannot use it from the start."""
    timeline = prepared.timeline
    states = [after for _, after in timeline.switches if after.main == certificate.generation]
    if custom.key == FIRST:
        states.insert(0, timeline.states[0])
    if not states:
        return
    first, since = states[0], prepared.date(states[0].from_s)
    if first.change == "immediate" and not first.is_valid:
        message = f"it is main from {since} on, when it is not valid: all devices refuse it; use one that is"
        yield "certificate-not-valid-when-main", f"{custom.key}.file", message
    if "ios" not in certificate.refused_by:
        return
    for number, group in enumerate(prepared.scenario.fleet):
        listed = prepared.scenario.inventories.get(number)
        devices = group.devices or 0 if group.platform == "ios" else 0
        if listed is not None:
            devices = sum((each or group.platform) == "ios" for each in listed.devices.platforms)
        if devices:
            refused = f"iOS refuses the certificate of {custom.key}.file, which is main from {since} on"
            stranded = f"{devices:,} devices of this group are stranded"
            mend = "use a certificate that meets Apple's requirements"
            yield "ios-refuses-the-certificate", f"fleet.{number}", f"{refused}: {stranded}; {mend}"


_RULES: Final[tuple[Callable[[Prepared], Iterator[Found]], ...]] = (
    _steps,
    _reserves,
    _periods,
    _expiries,
    _promises,
    _certificates,
    certain_losses,
    lists,
)

_REISSUING: Final = 'Kaspersky SMM 6.0, "Reissuing the mobile Administration Server certificate"'
_ASSUMED: Final = "an assumption of the model, not documented"
_LISTS: Final = "how lists are read (docs/lists.md)"
_SOURCES: Final = {
    "activation-within-sync-period": _REISSUING,
    "activation-below-30-days": _REISSUING,
    "activation-not-whole-days": _REISSUING,
    "immediately-with-devices": _REISSUING,
    "reissue-below-30-days-before-expiry": _REISSUING,
    "reserve-expires-with-main": _REISSUING,
    "custom-reissue-changes-address": _REISSUING,
    "restore-denied": _REISSUING,
    "no-delivery": _REISSUING,
    "expiry-without-reserve": f"{_REISSUING}; support.kaspersky.ru/help/KSMM/4.1/en-US/274364.htm",
    "ios-refuses-the-certificate": "support.apple.com/en-us/103769",
    "validity-not-of-the-file": "with a file, the validity comes from the file",
    "rows-left-out": _LISTS,
    "how-the-list-was-read": _LISTS,
    "never-connected": _LISTS,
    "list-after-start": _LISTS,
    "list-before-start": _LISTS,
}
"""Who says so; the other rules are assumptions of the model, or requirements for certificates."""


def _source_of(rule: str) -> str:
    from sim.pki.requirements import RULES

    asked = {each.name: each.source for each in RULES}
    return _SOURCES.get(rule) or asked.get(rule, _ASSUMED)
