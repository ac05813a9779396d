"""From what the planner wrote to what the server and the operator will do: Scenario to Plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sim.errors import visible
from sim.scenario.certificates import FIRST, Custom, with_certificates
from sim.scenario.scenario import Scenario
from sim.scenario.strategy import AddressChange as WrittenAddressChange
from sim.scenario.strategy import Reissue as WrittenReissue
from sim.scenario.strategy import Step
from sim.world import plan as world
from sim.world.certificates import Certificate
from sim.world.timeline import play


def plan_of(scenario: Scenario) -> world.Plan:
    """The plan that the scenario describes, all instants in seconds from its start.

    Raises:
        ScenarioError: a certificate file is not one, cannot be opened, or does not suit the scenario.
    """
    return plan_with(*with_certificates(scenario))


def plan_with(scenario: Scenario, customs: Mapping[str, Custom]) -> world.Plan:
    """The plan of a scenario whose certificate files have been read (`with_certificates`)."""
    server = scenario.server
    outages = ((scenario.instant(outage.from_), outage.for_) for outage in server.outages)
    actions = (_action(scenario, number, step, customs) for number, step in enumerate(scenario.strategy))
    plan = world.Plan(
        horizon_s=scenario.duration,
        first=_first_certificate(scenario, customs.get(FIRST)),
        automatic_lead_s=_automatic_lead_s(scenario),
        activation=server.activation,
        actions=tuple(sorted(actions, key=lambda action: action.at_s)),
        outages=tuple(world.Outage(from_s, from_s + for_s) for from_s, for_s in outages),
        recovery=_recovery(scenario),
    )
    return _with_refusals(plan, customs) if customs else plan


def _first_certificate(scenario: Scenario, custom: Custom | None) -> Certificate:
    not_before_s, not_after_s = scenario.validity_s
    server = scenario.server
    first = Certificate(0, server.certificate.issuer, not_before_s, not_after_s, server.address)
    if custom is None:
        return first
    return replace(first, refused_by=custom.refused_by(server.address), identity=custom.identity)


def _with_refusals(plan: world.Plan, customs: Mapping[str, Custom]) -> world.Plan:
    """The plan with the platforms that refuse each file's certificate, at the address it comes to serve.

    That address depends on what the server did before. Who refuses a certificate changes nothing the server
    does (model 5.4), so its life is played without, and tells the address of each.
    """
    by_identity = {custom.identity: custom for custom in customs.values()}
    address_of = {c.identity: c.address for c in play(plan).server.certificates if c.identity is not None}
    actions = tuple(
        replace(action, refused_by=by_identity[action.identity].refused_by(address_of[action.identity]))
        if isinstance(action, world.Reissue) and action.identity in address_of and action.identity
        else action
        for action in plan.actions
    )
    return replace(plan, actions=actions)


def _automatic_lead_s(scenario: Scenario) -> int | None:
    automatic = scenario.server.automatic_reissue
    reissues = automatic.mode == "on" or (
        automatic.mode == "default" and scenario.server.behaviour == "ksmm-6.0"
    )
    return automatic.lead if reissues else None


def _action(scenario: Scenario, number: int, step: Step, customs: Mapping[str, Custom]) -> world.Action:
    at_s = scenario.instant(step.at)
    if step.cancel_reserve is not None:
        return world.CancelReserve(at_s)
    if step.restore_previous is not None:
        return world.RestorePrevious(at_s)
    assert step.reissue is not None
    return _reissue(scenario, at_s, step.reissue, customs.get(f"strategy.{number}.reissue"))


def _reissue(scenario: Scenario, at_s: int, written: WrittenReissue, custom: Custom | None) -> world.Reissue:
    reissue = world.Reissue(
        at_s=at_s,
        activate=written.activate.kind,
        after_s=written.activate.after,
        issuer=written.issuer,
        valid_for_s=written.valid_for,
        address=_address_change(scenario, written.address),
    )
    if custom is None:
        return reissue
    return replace(
        reissue,
        valid_for_s=custom.not_after_s - custom.not_before_s,
        not_before_s=custom.not_before_s,
        unfit=None if custom.unfit is None else f"{visible(custom.file)}: {custom.unfit}",
        identity=custom.identity,
    )


def _address_change(scenario: Scenario, written: str | WrittenAddressChange) -> world.AddressChange | None:
    if isinstance(written, str):
        return None
    opens_s = None if written.opens is None else scenario.instant(written.opens)
    return world.AddressChange(written.change_to, opens_s, written.old_address_stays)


def _recovery(scenario: Scenario) -> world.Recovery | None:
    written = scenario.recovery
    if written is None:
        return None
    return world.Recovery(written.technicians, written.begins, written.owner_responds, written.takes)
