"""What `plan` answers: the least activation delay, the latest day, and how both move."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sim.errors import visible
from sim.scenario.scenario import Scenario
from sim.summary import Column, Summary, Table, notes
from sim.summary.card import to_html
from sim.text import iso, span

_MOST_NAMES: Final = 20


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

    @property
    def answer(self) -> str:
        """By when to specify the reserve, and for how long it waits; or that no plan is good enough."""
        if self.specify_by is None or self.activated is None:
            return f"No plan keeps this promise: {self._promise}."
        return (
            f"Specify the reserve by {self.specify_by:%Y-%m-%d %H:%M} UTC, to be activated after "
            f"{self.delay_days} days ({self.activated:%Y-%m-%d %H:%M}, when the main certificate expires)."
        )

    @property
    def _promise(self) -> str:
        most = f"at most {self.most_lost:,} of {self.devices:,} devices" if self.most_lost else "no device"
        sure = f"with {100 * self.confidence:.4g} % confidence"
        return f"{most} lost, {sure} ({self.replications:,} fleets simulated)"

    def summary(self) -> Summary:
        """When and how to reissue, what that promises, what it is due to, and how it moves."""
        lost = f"{100 * self.lost_share:.3g} %"
        if self.delay_days is None:
            sentences = [
                "Even a reserve that is specified at the start and activated when the main certificate "
                f"expires ({self.expires:%Y-%m-%d %H:%M} UTC) loses {lost} of the devices on average.",
                f"What binds: {self.binding}.",
            ]
            if self.lost:
                more = len(self.lost) - _MOST_NAMES
                names = ", ".join(self.lost[:_MOST_NAMES]) + (f" and {more:,} more" if more > 0 else "")
                sentences.append(f"Lost then, in the first of the fleets: {names}.")
        else:
            sentences = [
                f"The promise: {self._promise}; on average {lost}.",
                f"What binds: {self.binding}. The target alone needs {span(self.needed_s or 0)}.",
            ]
        rows = tuple(
            (v.assumption, "no delay is enough" if v.delay_days is None else v.delay_days)
            for v in self.variants
        )
        title = "How the answer moves, for a reserve that is specified at the start"
        variants = Table((Column("if"), Column("days that the target needs", "count")), rows, title)
        return Summary(
            self.scenario.name,
            self.answer,
            (notes(*sentences), *([variants] if rows else [])),
            tone="bad" if self.delay_days is None else "good",
        )

    def __repr__(self) -> str:
        return f"<Recommendation {visible(self.scenario.name)}: {self.answer}>"

    def _repr_html_(self) -> str:
        return to_html(self.summary())
