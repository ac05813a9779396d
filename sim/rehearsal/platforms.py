"""What a platform asks of a certificate beyond identity and validity (model 5.6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from cryptography import x509

from sim.pki.reading import Material
from sim.pki.requirements import judge

PlatformRule = Callable[[x509.Certificate, Sequence[x509.Certificate], str], str | None]
"""From a certificate, the chain that came with it and the address dialled: why it is refused, or None."""

_RECEIVED: Final = Path("received")


def apple_objection(
    certificate: x509.Certificate, chain: Sequence[x509.Certificate], address: str
) -> str | None:
    """Why Apple's requirements for trusted certificates are not met (support.apple.com/en-us/103769)."""
    received = Material(certificate=certificate, chain=tuple(chain), key=None, path=_RECEIVED)
    broken = judge(received, address=address).broken("ios")
    return "; ".join(f"{each.rule.name} ({each.found})" for each in broken) or None


def rule_of(platform: str) -> PlatformRule | None:
    """What the platform asks; None: nothing more."""
    return apple_objection if platform == "ios" else None
