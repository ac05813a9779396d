"""What a requirement is, how a certificate fares under it, and who therefore accepts the certificate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal

from cryptography import x509

from sim.pki.certificate import extension
from sim.pki.reading import Material

AskedBy = Literal["server", "ios", "devices", "nobody"]
"""Who refuses what breaks a rule: the Administration Server, iOS, every device; or it is only told."""

Result = Literal["passes", "fails", "information"]
Platform = Literal["android", "ios"]


@dataclass(frozen=True)
class Subject:
    """A certificate under examination.

    Attributes:
        material: the certificate with its chain and key.
        host: the host that devices dial, without port; None: not known.
        at: the instant in question, aware; None: dates are not judged.
    """

    material: Material
    host: str | None
    at: datetime | None

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate itself."""
        return self.material.certificate

    @property
    def not_before(self) -> datetime:
        """The first second at which it is valid."""
        return self.certificate.not_valid_before_utc

    @property
    def not_after(self) -> datetime:
        """The first second at which OpenSSL refuses it; RFC 5280 still counts it as valid (model 1.4)."""
        return self.certificate.not_valid_after_utc

    @property
    def life_s(self) -> int:
        """How long it is valid: notAfter less notBefore, in seconds."""
        return int((self.not_after - self.not_before).total_seconds())

    @cached_property
    def names(self) -> list[x509.GeneralName]:
        """The subject alternative names; none where the extension is missing."""
        return list(extension(self.certificate, x509.SubjectAlternativeName) or ())

    @cached_property
    def extended_usages(self) -> list[x509.ObjectIdentifier] | None:
        """The extended key usages; None where the extension is missing."""
        usages = extension(self.certificate, x509.ExtendedKeyUsage)
        return None if usages is None else list(usages)


@dataclass(frozen=True, slots=True)
class Rule:
    """One requirement.

    Attributes:
        name: its name in verdicts and findings.
        asked_by: who refuses a certificate that breaks it.
        asks: what it asks for.
        source: who says so.
        check: how a certificate fares, and what was found.
    """

    name: str
    asked_by: AskedBy
    asks: str
    source: str
    check: Callable[[Subject], tuple[Result, str]]


@dataclass(frozen=True, slots=True)
class Judgement:
    """How a certificate fares under one rule; `found` is what the certificate has."""

    rule: Rule
    result: Result
    found: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who accepts a certificate; one judgement a rule, in the order of the table."""

    judgements: tuple[Judgement, ...]

    def broken(self, *asked_by: AskedBy) -> tuple[Judgement, ...]:
        """The broken rules of these, or of anybody."""
        broken = (each for each in self.judgements if each.result == "fails")
        return tuple(each for each in broken if not asked_by or each.rule.asked_by in asked_by)

    @property
    def unfit(self) -> str | None:
        """Why the server does not take it, so that it never is a reserve (model 5.6); None if it does."""
        broken = self.broken("server")
        if not broken:
            return None
        told = "; ".join(f"{each.rule.name} ({each.found})" for each in broken)
        return f"it breaks Kaspersky's requirements: {told}"

    @property
    def refused_by(self) -> frozenset[Platform]:
        """The platforms whose devices refuse it where it is presented (model 5.6)."""
        if self.broken("devices"):
            return frozenset({"android", "ios"})
        return frozenset({"ios"}) if self.broken("ios") else frozenset()

    @property
    def stranded(self) -> frozenset[Platform]:
        """The platforms that lose the server when it becomes main; none where it never does."""
        return self.refused_by if self.unfit is None else frozenset()

    @property
    def is_accepted(self) -> bool:
        """Whether the server and every platform take it."""
        return not self.broken()
