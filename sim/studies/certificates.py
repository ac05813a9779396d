"""The X.509 certificates behind the generations of an outcome."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sim.pki.names import host_of as host_of
from sim.scenario.scenario import Scenario
from sim.world.certificates import Certificate


def fingerprints_of(scenario: Scenario, certificates: Sequence[Certificate]) -> dict[int, str]:
    """`sha256:…` of each certificate by generation (model 3.1).

    A file's certificate has its own; any other is issued for its dates and its address in the run.
    """
    return {
        certificate.generation: certificate.identity or _issued(scenario, certificate)
        for certificate in certificates
    }


def _issued(scenario: Scenario, certificate: Certificate) -> str:
    from sim.pki.issue import issue

    return issue(
        generation=certificate.generation,
        host=host_of(certificate.address),
        not_before=scenario.start + timedelta(seconds=certificate.not_before_s),
        not_after=scenario.start + timedelta(seconds=certificate.not_after_s),
        issuer=certificate.issuer,
    ).fingerprint
