"""A planner's project: scenario files in a folder, and pytest run on them."""

from __future__ import annotations

from typing import Any

import pytest

import sim

# Turns at 03:00, 09:00, 15:00 and 21:00. The reserve waits from midnight to noon of day 2, so phones 2 and
# 3 are lost at noon; both are ready at 14:00, and one technician is done at 14:30 and at 15:00.
SMALL: dict[str, Any] = {
    "name": "small world",
    "start": "2026-03-01",
    "duration": "4d",
    "server": {"certificate": {"expires": "day 3"}, "automatic_reissue": "off"},
    "fleet": [
        {"name": "phones", "devices": 4, "sync": {"every": "1d", "phase": "even"}},
        {"name": "nothing", "devices": 0},
    ],
    "strategy": [{"at": "day 2", "reissue": {"activate": "after 12h"}}],
    "recovery": {"technicians": 1, "begins": "1h", "owner_responds": "1h", "takes": "30m"},
}
KEPT = {"measure": "lost_devices", "at_most": 2}
BROKEN = {"measure": "lost_devices", "at_most": 1}


def small(*guarantees: dict[str, Any], **changes: Any) -> sim.Scenario:
    """The small world with other guarantees; a change to None takes a key away."""
    document = {**SMALL, **changes, "guarantees": list(guarantees)}
    return sim.Scenario.from_document({key: value for key, value in document.items() if value is not None})


class Project:
    """A folder in which pytest is run."""

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        self._pytester = pytester
        self._monkeypatch = monkeypatch
        self.path = pytester.path

    def scenario(self, file: str, *guarantees: dict[str, Any], **changes: Any) -> str:
        """Write the small world as a scenario file; its text."""
        text = small(*guarantees, **changes).to_yaml()
        self.write(file, text)
        return text

    def write(self, file: str, text: str) -> None:
        """Write any file."""
        path = self.path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def run(self, *arguments: str) -> pytest.RunResult:
        """Run pytest in this process, with no other plugin."""
        with self._monkeypatch.context() as patch:
            patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
            return self._pytester.runpytest_inprocess("-p", "reissue", "-p", "no:cacheprovider", *arguments)

    def run_apart(self, *arguments: str) -> pytest.RunResult:
        """Run pytest in a process of its own, with every plugin that is installed."""
        return self._pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments)

    def names(self, *arguments: str) -> list[str]:
        """The node ids that pytest would run."""
        return [line for line in self.run("--collect-only", "-q", *arguments).outlines if "::" in line]
