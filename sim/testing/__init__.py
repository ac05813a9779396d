"""Scenarios as tests: what a hand-written test asserts; the pytest plugin is `sim.testing.plugin`.

from sim.testing import assert_guarantees
assert_guarantees("scenarios/delayed_30d.yaml")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.testing.assertions import BrokenGuarantee, Runs, assert_guarantee, assert_guarantees

__all__ = ["BrokenGuarantee", "Runs", "assert_guarantee", "assert_guarantees"]


def __getattr__(name: str) -> object:
    """Import a name when it is first asked for: the plugin is loaded in projects that need none."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module("sim.testing.assertions"), name)
