"""Scenarios as tests: what a hand-written test asserts; the pytest plugin is `sim.testing.plugin`.

from sim.testing import assert_guarantees
assert_guarantees("scenarios/delayed_30d.yaml")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.testing.asserting import BrokenGuarantee, assert_guarantee, assert_guarantees
    from sim.testing.runs import Runs

__all__ = ["BrokenGuarantee", "Runs", "assert_guarantee", "assert_guarantees"]

_ROOMS = {
    "BrokenGuarantee": "sim.testing.asserting",
    "Runs": "sim.testing.runs",
    "assert_guarantee": "sim.testing.asserting",
    "assert_guarantees": "sim.testing.asserting",
}


def __getattr__(name: str) -> object:
    """Import a name when it is first asked for: the plugin is loaded in projects that need none."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_ROOMS[name]), name)


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
