"""Runs of pytest on a project, as a planner starts them."""

from __future__ import annotations

import importlib.metadata

import pytest
import scipy.special  # noqa: F401
from planner import BROKEN, KEPT, Project, small

import sim.testing.assertions
import sim.testing.plugin
from sim.testing import BrokenGuarantee, assert_guarantees


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An empty project."""
    return Project(pytester, monkeypatch)


@pytest.fixture(autouse=True, scope="session")
def _ready() -> None:
    """The plugin as pytest finds it in a user's environment, and everything that it may import imported.

    A run of pytest inside this process forgets what it imported, and some libraries cannot be imported twice.
    """
    found = importlib.metadata.entry_points(group="pytest11", name="reissue")
    if {each.value for each in found} != {"sim.testing.plugin"}:
        pytest.fail("the plugin is not installed: run pip install -e . again")
    slow = {"measure": "time_to_reconnect", "at_most": "1h"}
    with pytest.raises(BrokenGuarantee):
        assert_guarantees(small(KEPT, {**BROKEN, "probability": "50%"}, slow), replications=2)
    assert sim.testing.assertions.Runs()(small(KEPT)).fingerprint
