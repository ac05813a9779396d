"""A certificate as the engines see it: a generation number and a half-open life (model 1.4, 3.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from sim.world.order import SECONDS_PER_DAY

Issuer = Literal["ksc", "custom"]

LONGEST_LIFE_S: Final = 397 * SECONDS_PER_DAY
"""No mobile certificate is valid for longer (model 3.2)."""

NO_CERTIFICATE: Final = -1
"""An empty slot."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate of the server."""

    generation: int  # its number in order of issue; 0 is the main certificate at the start
    issuer: Issuer  # `ksc` or `custom`
    not_before_s: int  # first second at which it is valid, from the start (may be negative)
    not_after_s: int  # first second at which it is no longer valid
    address: str  # the connection address that a device holding it dials once it is main
    refused_by: frozenset[str] = frozenset()  # platforms that refuse it (model 5.6)
    # `sha256:…` of the planner's own certificate (model 3.1); None: a made-up one
    identity: str | None = None

    @property
    def life_s(self) -> int:
        """How long it is valid, in seconds."""
        return self.not_after_s - self.not_before_s

    def is_valid_at(self, instant_s: int) -> bool:
        """Whether the instant lies in [not_before, not_after)."""
        return self.not_before_s <= instant_s < self.not_after_s
