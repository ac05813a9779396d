"""What `plan` answers: the least activation delay, the latest day, and how both move."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sim.errors import visible
from sim.scenario.scenario import Scenario
from sim.studies.result import iso


@dataclass(frozen=True, slots=True)
class Variant:
    """How the answer moves with an assumption.

    Attributes:
        assumption: in words.
        delay_days: least delay that keeps the target under it; None where no delay does.
    """

    assumption: str
    delay_days: int | None


@dataclass(frozen=True, eq=False)
class Recommendation:
    """When and how to reissue.

    Attributes:
        scenario: as it was planned for.
        most_lost: devices that may be lost.
        devices: how many there are.
        confidence: with which a fleet like this one keeps that.
        replications: fleets that were simulated.
        delay_days: whole days from specification to activation; None where none is enough.
        needed_s: seconds that the target alone needs; None as above.
        specify_by: latest instant for the reserve, activated at the expiry; None as above.
        expires: when the main certificate expires.
        binding: what the delay is due to: `target`, `30-day advice`, `sync period`; or, without a plan,
            `devices that never synchronize`, `remaining life`, `validity of the new certificate`.
        lost_share: mean share of lost devices under the recommendation; without one, under the best there is.
        lost: who would be lost then, in the first replication.
        variants: how the answer moves.
    """

    scenario: Scenario
    most_lost: int
    devices: int
    confidence: float
    replications: int
    delay_days: int | None
    needed_s: int | None
    specify_by: datetime | None
    expires: datetime
    binding: str
    lost_share: float
    lost: tuple[str, ...]
    variants: tuple[Variant, ...] = ()

    @property
    def activated(self) -> datetime | None:
        """When the reserve becomes main if it is specified at the latest."""
        if self.specify_by is None or self.delay_days is None:
            return None
        return self.specify_by + timedelta(days=self.delay_days)

    def to_json(self) -> dict[str, Any]:
        """The document that `reissue plan --json` prints."""
        return {
            "scenario": self.scenario.name,
            "seed": self.scenario.seed,
            "delay_days": self.delay_days,
            "specify_by": None if self.specify_by is None else iso(self.specify_by),
            "binding": self.binding,
            "lost_share": self.lost_share,
            "lost_at_most": self.most_lost,
            "devices": self.devices,
            "confidence": self.confidence,
            "replications": self.replications,
            "needed_s": self.needed_s,
            "expires": iso(self.expires),
            "lost": list(self.lost),
            "variants": [{"assumption": v.assumption, "delay_days": v.delay_days} for v in self.variants],
        }

    def __repr__(self) -> str:
        from sim.studies.decisions import recommendation_words

        return f"<Recommendation {visible(self.scenario.name)}: {recommendation_words(self)[0]}>"

    def _repr_html_(self) -> str:
        from sim.notebook.cards import recommendation_card

        return recommendation_card(self)
