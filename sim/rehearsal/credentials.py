"""What the server can present: certificates with their keys, by generation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding

from sim.pki.issue import issue, server_key
from sim.pki.names import host_of
from sim.scenario.certificates import Custom
from sim.scenario.prepare import Prepared
from sim.scenario.problems import Problem, ScenarioError
from sim.scenario.scenario import Scenario
from sim.text import quoted
from sim.world.certificates import Certificate
from sim.world.timeline import UNKNOWN_CERTIFICATE

_STRAY: Final = 1_000_000
"""The generation that a certificate is issued under which the server never presents."""


@dataclass(frozen=True)
class Credential:
    """A certificate that the server can present.

    Attributes:
        generation: its number in the run.
        address: the connection address that comes with it (model 4.3).
        certificate: the certificate that is presented.
        key: its private key, only ever handed to OpenSSL in memory; None: it is never presented.
        chain: further certificates that the server sends along.
    """

    generation: int
    address: str
    certificate: x509.Certificate
    key: PrivateKeyTypes | None = field(repr=False)
    chain: tuple[x509.Certificate, ...] = ()

    @cached_property
    def der(self) -> bytes:
        """The certificate in DER."""
        return self.certificate.public_bytes(Encoding.DER)

    @cached_property
    def fingerprint(self) -> str:
        """`sha256:…` of the certificate."""
        return fingerprint_of(self.der)

    @property
    def not_after(self) -> datetime:
        """What its notAfter field says, in UTC."""
        return self.certificate.not_valid_after_utc


def fingerprint_of(der: bytes) -> str:
    """The identity of a certificate (model 3.1)."""
    return f"sha256:{sha256(der).hexdigest()}"


def credentials_of(prepared: Prepared) -> Mapping[int, Credential]:
    """The real certificate and key behind every generation of a run, and one that is never presented.

    Raises:
        ScenarioError: a file holds no private key although its certificate is presented.
    """
    scenario, server = prepared.scenario, prepared.timeline.server
    custom = {each.identity: each for each in prepared.certificates.values()}
    stray = replace(server.certificates[0], generation=_STRAY, identity=None)
    credentials = {UNKNOWN_CERTIFICATE: _made_up(scenario, stray)}
    problems = []
    for certificate in server.certificates:
        generation = certificate.generation
        if certificate.identity is None:
            credentials[generation] = _made_up(scenario, certificate)
            continue
        source = custom[certificate.identity]
        material = source.material
        key = material.key or _published_key(material.certificate)
        credentials[generation] = Credential(
            generation, certificate.address, material.certificate, key, material.chain
        )
        if key is None and generation in server.activated:
            problems.append(_without_key(scenario, source))
    if problems:
        raise ScenarioError(problems)
    return credentials


def _published_key(certificate: x509.Certificate) -> PrivateKeyTypes | None:
    """The test key that everyone knows (RFC 9500), if the certificate is made with it."""
    return server_key() if certificate.public_key() == server_key().public_key() else None


def _without_key(scenario: Scenario, source: Custom) -> Problem:
    key = f"{source.key}.file"
    message = (
        f"{quoted(source.file)} holds no private key, and without it no server can present the certificate: "
        "name the key's file with key:, or take the PKCS #12 file"
    )
    place = scenario.place_of(key)
    if place is None:
        return Problem("<scenario>", None, None, key, message)
    return Problem.at(place, key=key, message=message)


def _made_up(scenario: Scenario, certificate: Certificate) -> Credential:
    issued = issue(
        generation=certificate.generation,
        host=host_of(certificate.address),
        not_before=scenario.start + timedelta(seconds=certificate.not_before_s),
        not_after=scenario.start + timedelta(seconds=certificate.not_after_s),
        issuer=certificate.issuer,
    )
    return Credential(certificate.generation, certificate.address, issued.x509, server_key())
