"""Why a device was lost, and on which platform, in words (model 8)."""

from __future__ import annotations

from typing import Final

PLATFORM_TEXT: Final = {"android": "Android", "ios": "iOS", "aurora": "Aurora"}
"""Platforms as their makers write them."""

_CAUSE_TEXT: Final = {
    "not_delivered": "the certificate that became main had not reached it",
    "replaced_reserve": "its reserve had been replaced, and the one that became main had not reached it",
    "expired": "the main certificate is not valid",
    "immediate": "the main certificate was replaced without having been delivered",
    "restored": "the certificate that was put back is one it no longer holds",
    "platform": "{platform} refuses the certificate that became main",
}


def cause_text(cause: str, platform: str) -> str:
    """One of `sim.world.outcome.CAUSES` as it stands after a colon."""
    return _CAUSE_TEXT[cause].format(platform=PLATFORM_TEXT.get(platform, platform))
