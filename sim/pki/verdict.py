"""What a requirement is, how a certificate fares under it, and who therefore accepts the certificate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sim.pki.subject import Subject

AskedBy = Literal["server", "ios", "devices", "nobody"]
"""Who refuses what breaks a rule: the Administration Server, iOS, every device; or it is only told."""

Result = Literal["passes", "fails", "information"]
Platform = Literal["android", "ios"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One requirement.

    Attributes:
        name: in verdicts and findings.
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
