"""The X.509 certificates behind the generations of an outcome."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sim.scenario.scenario import Scenario
from sim.world.certificates import Certificate


def fingerprints_of(scenario: Scenario, certificates: Sequence[Certificate]) -> dict[int, str]:
    """`sha256:…` of each certificate by generation, issued for its dates and its address in the run."""
    from sim.pki.issue import issue

    return {
        certificate.generation: issue(
            generation=certificate.generation,
            host=host_of(certificate.address),
            not_before=scenario.start + timedelta(seconds=certificate.not_before_s),
            not_after=scenario.start + timedelta(seconds=certificate.not_after_s),
            issuer=certificate.issuer,
        ).fingerprint
        for certificate in certificates
    }


def host_of(address: str) -> str:
    """The host of HOST:PORT; an IPv6 literal keeps its brackets."""
    return address.rpartition(":")[0] or address
