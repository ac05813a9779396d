"""A plan's certificate files against the requirements of Kaspersky and Apple (language 1.3, model 5.6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from sim.scenario.certificates import FIRST, Custom
from sim.scenario.durations import format_duration
from sim.scenario.instants import Instant
from sim.scenario.scenario import Scenario
from sim.scenario.strategy import Reissue
from sim.world.certificates import Certificate
from sim.world.timeline import Timeline

Told = tuple[str, str, str, str]
"""Rule, key, message and source of a finding."""

APPLE: Final = "support.apple.com/en-us/103769"
LANGUAGE: Final = "with a file, the validity comes from the file"
MODEL: Final = "an assumption of the model, not documented"


def certificate_findings(
    scenario: Scenario, customs: Mapping[str, Custom], timeline: Timeline
) -> Iterator[Told]:
    """Every requirement that a file's certificate breaks, and what becomes of the plan by it."""
    served = {c.identity: c for c in timeline.server.certificates if c.identity is not None}
    for custom in customs.values():
        yield from _broken(scenario, custom, served.get(custom.identity))
        yield from _written(scenario, custom)
        if custom.identity in served:
            yield from _becoming_main(scenario, custom, served[custom.identity], timeline)


def _broken(scenario: Scenario, custom: Custom, served: Certificate | None) -> Iterator[Told]:
    address = _address(scenario, custom) if served is None else served.address
    reissue = _reissue(scenario, custom)
    for each in custom.verdict(address).broken():
        if each.rule.asked_by == "ios":
            then = "iOS refuses this certificate"
        elif reissue is None:
            then = "the server would not have taken this certificate, and the run goes on with it"
        else:
            then = "the server does not take this certificate, so that the action fails"
        message = f"{then}: {each.found}; have one issued with what is asked for: {each.rule.asks}"
        yield each.rule.name, f"{custom.key}.file", message, each.rule.source


def _written(scenario: Scenario, custom: Custom) -> Iterator[Told]:
    """An expiry or a length in the scenario that is not the file's."""
    life_s = custom.not_after_s - custom.not_before_s
    reissue = _reissue(scenario, custom)
    written = scenario.server.certificate if reissue is None else reissue
    expires: Instant | None = getattr(written, "expires", None)
    is_length_written = "valid_for" in written.model_fields_set and written.valid_for is not None
    if is_length_written and written.valid_for != life_s:
        yield _ignored(custom, "valid_for", f"the file's certificate is valid for {format_duration(life_s)}")
    if expires is not None and scenario.instant(expires) != custom.not_after_s:
        when = f"{_date(scenario, custom.not_after_s):%Y-%m-%d %H:%M:%S}"
        yield _ignored(custom, "expires", f"the file's certificate expires on {when}")


def _ignored(custom: Custom, name: str, said: str) -> Told:
    key = f"{custom.key}.{name}"
    return "validity-not-of-the-file", key, f"{said}, and this is not looked at: leave {name} out", LANGUAGE


def _becoming_main(
    scenario: Scenario, custom: Custom, certificate: Certificate, timeline: Timeline
) -> Iterator[Told]:
    """Devices that lose the server when the certificate becomes main, or cannot use it from the start."""
    states = [after for _, after in timeline.switches if after.main == certificate.generation]
    if custom.key == FIRST:
        states.insert(0, timeline.states[0])
    if not states:
        return
    first = states[0]
    since = f"{_date(scenario, first.from_s):%Y-%m-%d %H:%M}"
    if first.change == "immediate" and not first.is_valid:
        message = f"it is main from {since} on, when it is not valid: all devices refuse it; use one that is"
        yield "certificate-not-valid-when-main", f"{custom.key}.file", message, MODEL
    for number, devices in _ios_devices(scenario) if "ios" in certificate.refused_by else ():
        message = (
            f"iOS refuses the certificate of {custom.key}.file, which is main from {since} on: {devices:,} "
            "devices of this group are stranded; use a certificate that meets Apple's requirements"
        )
        yield "ios-refuses-the-certificate", f"fleet.{number}", message, APPLE


def _ios_devices(scenario: Scenario) -> Iterator[tuple[int, int]]:
    """The groups that have iOS devices, by number, and how many."""
    for number, group in enumerate(scenario.fleet):
        if group.inventory is None:
            count = (group.devices or 0) if group.platform == "ios" else 0
        else:
            rows = scenario.inventories[number].rows
            count = sum((row.platform or group.platform) == "ios" for row in rows)
        if count:
            yield number, count


def _reissue(scenario: Scenario, custom: Custom) -> Reissue | None:
    """The reissue that brings the certificate; None for the first certificate."""
    return None if custom.key == FIRST else scenario.strategy[int(custom.key.split(".")[1])].reissue


def _address(scenario: Scenario, custom: Custom) -> str:
    """The address of a certificate that never serves: that of its change of address, else the first."""
    reissue = _reissue(scenario, custom)
    if reissue is None or isinstance(reissue.address, str):
        return scenario.server.address
    return reissue.address.change_to


def _date(scenario: Scenario, instant_s: int) -> datetime:
    return scenario.start + timedelta(seconds=instant_s)
