"""The documented rules, held against a plan (language 1.3).

A finding is not an error: the plan can be run, and the run shows what becomes of it. A new rule is a function
of a prepared scenario that yields its findings, in `_RULES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sim.lists.devices import GONE, KNOWN, NEVER
from sim.results.measures import MEASURES
from sim.scenario import certain, schema
from sim.scenario.certificates import FIRST, Custom
from sim.scenario.finding import (
    ADVISED_S,
    APPLE,
    ASSUMED,
    LANGUAGE,
    LISTS,
    NO_RESERVE,
    REISSUING,
    Finding,
    date_of,
    key_of,
    main_expiry_s,
    moment_of,
    specifications,
)
from sim.scenario.inventory import Inventory
from sim.scenario.prepare import Prepared, explains_silence, prepare, presence_of
from sim.scenario.scenario import Scenario
from sim.text import plural, span
from sim.world.certificates import Certificate
from sim.world.distributions import LONGEST_S
from sim.world.fleet import Spells
from sim.world.plan import Reissue

_RARE: Final = 0.001


def findings_of(scenario: Scenario) -> list[Finding]:
    """Every rule the plan goes against, in the order of the file; what repeats itself comes once.

    Raises:
        ScenarioError: as `prepare`.
    """
    prepared = prepare(scenario)
    found: dict[tuple[str, str], list[Finding]] = {}
    for rule in _RULES:
        for finding in rule(prepared):
            found.setdefault((finding.rule, finding.key), []).append(finding)
    once = [_once(repeated, scenario.line_of(repeated[0].key)) for repeated in found.values()]
    return sorted(once, key=lambda finding: (finding.line is None, finding.line or 0, finding.rule))


def _once(repeated: list[Finding], line: int | None) -> Finding:
    """The first of findings that one key gives rise to, as automatic reissue does at every expiry."""
    first, more = repeated[0], len(repeated) - 1
    message = f"{first.message} (and {plural(more, 'more time')})" if more else first.message
    return replace(first, message=message, line=line)


# --- what the operator and the server do -----------------------------------------------------------------


def _periods(prepared: Prepared) -> Iterator[Finding]:
    """How long each reserve waits before it becomes main."""
    specified = specifications(prepared)
    present = [profile for profile, (devices, _) in prepared.kinds.items() if devices]
    slowest = max(present, key=lambda profile: profile.every_s + profile.jitter_s, default=None)
    for event in prepared.timeline.events:
        if event.name != "reserve activated" or event.generation not in specified:
            continue
        period_s = event.at_s - specified[event.generation].at_s
        key = key_of(prepared, specified[event.generation])
        waits = f"the reserve becomes main {span(period_s)} after it is specified"
        if slowest is not None and period_s <= slowest.every_s + slowest.jitter_s:
            yield Finding(
                "activation-within-sync-period",
                key,
                f"{waits}, not longer than the synchronization period of {slowest.group} "
                f"({span(slowest.every_s + slowest.jitter_s)}): devices that do not synchronize in between "
                "are lost; choose a longer activation delay",
                REISSUING,
            )
        elif period_s < ADVISED_S:
            message = f"{waits}; at least 30 days are advised"
            yield Finding("activation-below-30-days", key, message, REISSUING)


def _steps(prepared: Prepared) -> Iterator[Finding]:
    """Actions that come too late, or lose everybody."""
    for number, step in enumerate(prepared.scenario.strategy):
        at_s, key = prepared.instant_of(number), f"strategy.{number}"
        custom = prepared.certificates.get(f"{key}.reissue")
        if at_s >= prepared.plan.horizon_s:
            yield Finding(
                "action-after-the-end",
                f"{key}.at",
                f"this happens on {date_of(prepared, at_s)}, when the run has ended: let it last longer",
                ASSUMED,
            )
        elif (
            step.reissue is not None
            and step.reissue.activate.kind == "immediately"
            and (custom is None or custom.unfit is None)
            and prepared.size
            and at_s < main_expiry_s(prepared, at_s)  # later, there is nobody left to lose
        ):
            yield Finding(
                "immediately-with-devices",
                f"{key}.reissue",
                f"all {prepared.size:,} devices lose the server and need the app reinstalled: activate "
                "after a delay instead; if it has happened, only reinstalling helps: with recovery:, run "
                "tells how long that takes",
                REISSUING,
            )
    for event in specifications(prepared).values():
        left_s = main_expiry_s(prepared, event.at_s) - event.at_s
        if left_s < ADVISED_S:
            when = f"expires {span(left_s)} later" if left_s > 0 else "has expired by then"
            yield Finding(
                "reissue-below-30-days-before-expiry",
                key_of(prepared, event),
                f"the main certificate {when}: specify the reserve at least 30 days before it expires",
                REISSUING,
            )


def _replaced(prepared: Prepared) -> Iterator[Finding]:
    """Reserves that are dropped before they were activated."""
    events = prepared.timeline.events
    for event, follower in pairwise(events):
        if event.name in ("reserve replaced", "reserve discarded"):
            yield Finding(
                "reserve-replaced",
                key_of(prepared, follower),
                f"on {date_of(prepared, event.at_s)} the waiting reserve is dropped before it was activated: "
                "devices that hold only that one are lost when another becomes main; activate it first",
                ASSUMED,
            )


def _cancelled_by_its_gate(prepared: Prepared, before_s: int) -> int | None:
    """The step whose reserve may have become main before an instant, or was cancelled by its gate."""
    for action in reversed(prepared.plan.actions):
        if isinstance(action, Reissue) and action.at_s < before_s:
            return action.step if action.gate is not None and action.gate.otherwise == "cancel" else None
    return None


def _expiries(prepared: Prepared) -> Iterator[Finding]:
    """Changes of the main certificate that lose every device."""
    specified = specifications(prepared)
    first = f"{FIRST}.file" if FIRST in prepared.certificates else f"{FIRST}.expires"
    for before, state in prepared.timeline.switches:
        date = date_of(prepared, state.from_s)
        if state.change == "expired":
            made, gated = specified.get(before.main), _cancelled_by_its_gate(prepared, state.from_s)
            key = first if made is None else key_of(prepared, made)
            text = (
                f"the main certificate expires on {date} and no reserve takes over: every device loses its "
            )
            mend = "server; specify a reserve at least 30 days before"
            if gated is not None:
                key, text = f"strategy.{gated}.reissue.activate", f"if the gate stays shut, {text}"
                mend = "server; write otherwise: activate"
            yield Finding("expiry-without-reserve", key, f"{text}{mend}", NO_RESERVE)
        if state.change == "activated" and not state.is_valid:
            yield Finding(
                "reserve-not-valid-at-activation",
                key_of(prepared, specified[state.main]),
                f"the reserve becomes main on {date}, when it is not valid: every device refuses it; make it "
                "valid for longer, or reissue later",
                ASSUMED,
            )


# --- the fleet and the run -------------------------------------------------------------------------------


def _inventories(prepared: Prepared) -> Iterator[Finding]:
    """What was read of lists, and what the rest of the scenario does not explain."""
    for number, inventory in prepared.scenario.inventories.items():
        key, devices = f"fleet.{number}", inventory.devices
        if devices.left_out:
            message = "; ".join(map(str, devices.left_out))
            yield Finding("rows-left-out", key, message, LISTS)
        if devices.notes:
            yield Finding("how-the-list-was-read", key, "; ".join(devices.notes), LISTS)
        unconnected = devices.count(NEVER) + devices.count(GONE)
        if unconnected:
            gone = f", {devices.count(GONE):,} of them gone by gone_after" if devices.count(GONE) else ""
            yield Finding(
                "never-connected",
                key,
                f"{unconnected:,} of {plural(len(inventory), 'device')} never connected{gone}: they are "
                "never on, and neither lost nor saved; take out of the list what is no device any more",
                LISTS,
            )
        if (devices.contact == KNOWN).any():
            yield from _silences(prepared, number, inventory)


def _silences(prepared: Prepared, number: int, inventory: Inventory) -> Iterator[Finding]:
    """Silences, held against the start and the presence of a group with a list."""
    scenario, devices, key = prepared.scenario, inventory.devices, f"fleet.{number}"
    group = scenario.fleet[number]
    presence = presence_of(scenario, group, inventory)
    ages_s = devices.ages_s[devices.contact == KNOWN]
    every_s = np.where(devices.sync_every_s > 0, devices.sync_every_s, group.sync.every)
    is_silent = devices.ages_s >= every_s
    silent = int(np.count_nonzero(is_silent))
    share = f"{silent:,} of {plural(len(inventory), 'device')} ({100 * silent / len(inventory):.3g} %)"
    assert inventory.exported is not None
    older_s = int((scenario.start - inventory.exported).total_seconds())
    taken = f"the fleet is taken to be at the start as the list shows it, with {share} silent"
    if older_s < 0:
        yield Finding(
            "list-after-start",
            key,
            f"the list was made {span(-older_s)} after the start, {date_of(prepared, 0)}: {taken}; let the "
            "plan start when the list was made",
            LISTS,
        )
    elif older_s > int(every_s.min()):
        late = int(np.count_nonzero(ages_s + older_s >= every_s[devices.contact == KNOWN]))
        yield Finding(
            "list-before-start",
            key,
            f"the list was made {span(older_s)} before the start: {taken}, and not {late:,} as if nobody had "
            "been in contact since; say with list: {exported: …} when it was made, or take a list made "
            "shortly before the start, on the same day of the week",
            LISTS,
        )
    first = "" if not silent else f" (the first is {devices.ids[int(np.argmax(is_silent))]})"
    if silent and presence != "never" and not explains_silence(presence):
        yield Finding(
            "silent-devices-stay-off",
            key,
            f"{silent:,} of {len(inventory):,} devices{first} were silent for their synchronization period "
            "or longer, and presence does not say when they return: they stay off; write presence: from "
            "list, {on: …, off: …}, or {away: […]} from the start",
            ASSUMED,
        )
    if isinstance(presence, Spells) and silent:
        yield from _beyond_the_law(key, presence, ages_s, devices.ages_s[is_silent])


def _beyond_the_law(
    key: str, spells: Spells, ages_s: NDArray[np.int64], silent_s: NDArray[np.int64]
) -> Iterator[Finding]:
    """Silences that the law of absences forbids, or makes too rare (model 5.3)."""
    advice = "write presence: from list, a law with longer absences, or list: {gone_after: …}"
    impossible = silent_s[spells.off.survival(silent_s.astype(np.float64)) <= 0.0]
    if impossible.size:
        yield Finding(
            "silent-beyond-the-law",
            key,
            f"{plural(impossible.size, 'device')} were silent for {span(int(impossible.min()))} or longer, "
            f"and presence has no absence of that length: they stay off; {advice}",
            ASSUMED,
        )
    limit_s = _rare_silence_s(spells)
    longer, expected = int(np.count_nonzero(ages_s > limit_s)), ages_s.size * _RARE
    if longer and longer > impossible.size and _poisson_tail(longer, expected) < _RARE:
        yield Finding(
            "more-silent-than-the-law",
            key,
            f"{longer:,} of {plural(ages_s.size, 'device')} were silent for longer than {span(limit_s)}, "
            f"where presence lets expect {100 * _RARE:g} % of them, about {expected:.2g}: {advice}",
            ASSUMED,
        )


def _rare_silence_s(spells: Spells) -> int:
    """What only so small a share of devices is silent for in equilibrium: the law's 99.9 % quantile."""
    t = np.concatenate([[0.0], np.geomspace(1.0, LONGEST_S, 4000)])
    survival = spells.off.survival(t)
    pieces = np.diff(t) * (survival[1:] + survival[:-1]) / 2
    beyond = np.append(np.cumsum(pieces[::-1])[::-1], 0.0) / (spells.on.mean_s + spells.off.mean_s)
    return int(t[int(np.argmax(beyond <= _RARE))])


def _poisson_tail(count: int, mean: float) -> float:
    """The probability of so many or more."""
    from scipy.special import pdtrc

    return float(pdtrc(count - 1, mean))


def _horizon(prepared: Prepared) -> Iterator[Finding]:
    if not any(prepared.timeline.switches):
        expires = date_of(prepared, prepared.plan.first.not_after_s)
        yield Finding(
            "nothing-happens",
            "duration",
            f"the run ends before the main certificate changes or expires (on {expires}): run for longer, or "
            "reissue within the run",
            ASSUMED,
        )


def _guarantees(prepared: Prepared) -> Iterator[Finding]:
    """Bounds that a slip of the pen took all meaning from: 1 where 1 % was meant."""
    for number, guarantee in enumerate(prepared.scenario.guarantees):
        if MEASURES[guarantee.measure].unit == "share" and guarantee.at_most == 1.0:
            yield Finding(
                "share-of-one",
                f"guarantees.{number}.at_most",
                f"1 is 100 %: nothing can break {guarantee.measure} at_most 1; for one per cent write 1%",
                ASSUMED,
            )


# --- certificate files -----------------------------------------------------------------------------------


def _certificates(prepared: Prepared) -> Iterator[Finding]:
    """Every requirement that a file's certificate breaks, and what becomes of the plan by it (model 5.6)."""
    certificates = prepared.timeline.server.certificates
    served = {each.identity: each for each in certificates if each.identity is not None}
    for custom in prepared.certificates.values():
        yield from _broken(prepared, custom, served.get(custom.identity))
        yield from _validity(prepared, custom)
        if custom.identity in served:
            yield from _becoming_main(prepared, custom, served[custom.identity])


def _reissue(prepared: Prepared, custom: Custom) -> schema.Reissue | None:
    """The reissue that brings the certificate; None for the first certificate."""
    if custom.key == FIRST:
        return None
    return prepared.scenario.strategy[int(custom.key.split(".")[1])].reissue


def _broken(prepared: Prepared, custom: Custom, served: Certificate | None) -> Iterator[Finding]:
    reissue = _reissue(prepared, custom)
    address = prepared.scenario.server.address if served is None else served.address
    if served is None and reissue is not None and not isinstance(reissue.address, str):
        address = reissue.address.change_to
    for each in custom.verdict(address).broken():
        if each.rule.asked_by == "ios":
            then = "iOS refuses this certificate"
        elif reissue is None:
            then = "the server would not have taken this certificate, and the run goes on with it"
        else:
            then = "the server does not take this certificate, so that the action fails"
        message = f"{then}: {each.found}; have one issued with what is asked for: {each.rule.asks}"
        yield Finding(each.rule.name, f"{custom.key}.file", message, each.rule.source)


def _validity(prepared: Prepared, custom: Custom) -> Iterator[Finding]:
    """An expiry or a length in the scenario that is not the file's."""
    scenario, ignored = prepared.scenario, "and this is not looked at: leave"
    rule, life_s = "validity-not-of-the-file", custom.not_after_s - custom.not_before_s
    written = _reissue(prepared, custom) or scenario.server.certificate
    if "valid_for" in written.model_fields_set and written.valid_for not in (None, life_s):
        message = f"the file's certificate is valid for {span(life_s)}, {ignored} valid_for out"
        yield Finding(rule, f"{custom.key}.valid_for", message, LANGUAGE)
    expires = written.expires if isinstance(written, schema.Certificate) else None
    if expires is not None and scenario.instant(expires) != custom.not_after_s:
        when = f"{moment_of(prepared, custom.not_after_s):%Y-%m-%d %H:%M:%S}"
        message = f"the file's certificate expires on {when}, {ignored} expires out"
        yield Finding(rule, f"{custom.key}.expires", message, LANGUAGE)


def _becoming_main(prepared: Prepared, custom: Custom, certificate: Certificate) -> Iterator[Finding]:
    """Devices that lose the server when the certificate becomes main, or cannot use it from the start."""
    timeline = prepared.timeline
    states = [after for _, after in timeline.switches if after.main == certificate.generation]
    if custom.key == FIRST:
        states.insert(0, timeline.states[0])
    if not states:
        return
    first, since = states[0], date_of(prepared, states[0].from_s)
    if first.change == "immediate" and not first.is_valid:
        message = f"it is main from {since} on, when it is not valid: all devices refuse it; use one that is"
        yield Finding("certificate-not-valid-when-main", f"{custom.key}.file", message, ASSUMED)
    if "ios" not in certificate.refused_by:
        return
    for number, group in enumerate(prepared.scenario.fleet):
        listed = prepared.scenario.inventories.get(number)
        devices = group.devices or 0 if group.platform == "ios" else 0
        if listed is not None:
            devices = sum((each or group.platform) == "ios" for each in listed.devices.platforms)
        if devices:
            yield Finding(
                "ios-refuses-the-certificate",
                f"fleet.{number}",
                f"iOS refuses the certificate of {custom.key}.file, which is main from {since} on: "
                f"{devices:,} devices of this group are stranded; use a certificate that meets Apple's "
                "requirements",
                APPLE,
            )


_RULES: Final[tuple[Callable[[Prepared], Iterator[Finding]], ...]] = (
    _periods,
    _steps,
    _replaced,
    _expiries,
    certain.documented_dialog,
    certain.reserves_that_expire,
    certain.certain_losses,
    certain.desk,
    _inventories,
    _horizon,
    _guarantees,
    _certificates,
)
