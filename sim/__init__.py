"""reissue: what becomes of a fleet of managed phones when its server's certificate is reissued.

import sim
result = sim.run(sim.load("scenarios/delayed_30d.yaml"))
result.measures["lost_devices"]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.notebook.what_if import what_if
    from sim.rehearsal.result import Rehearsal
    from sim.rehearsal.study import rehearse
    from sim.scenario import Scenario, ScenarioError, load
    from sim.studies.compare import Comparison, compare
    from sim.studies.curve import Curve, curve
    from sim.studies.planning import plan
    from sim.studies.recommendation import Recommendation
    from sim.studies.result import Result
    from sim.studies.run import run
    from sim.studies.sweeps.sweep import Sweep, sweep
    from sim.studies.verify import verify
    from sim.studies.why.study import Story, why

__all__ = [
    "Comparison",
    "Curve",
    "Recommendation",
    "Rehearsal",
    "Result",
    "Scenario",
    "ScenarioError",
    "Story",
    "Sweep",
    "compare",
    "curve",
    "load",
    "plan",
    "rehearse",
    "run",
    "sweep",
    "verify",
    "what_if",
    "why",
]

_ROOMS = {
    "Comparison": "sim.studies.compare",
    "Curve": "sim.studies.curve",
    "Recommendation": "sim.studies.recommendation",
    "Rehearsal": "sim.rehearsal.result",
    "Result": "sim.studies.result",
    "Scenario": "sim.scenario",
    "ScenarioError": "sim.scenario",
    "Story": "sim.studies.why.study",
    "Sweep": "sim.studies.sweeps.sweep",
    "compare": "sim.studies.compare",
    "curve": "sim.studies.curve",
    "load": "sim.scenario",
    "plan": "sim.studies.planning",
    "rehearse": "sim.rehearsal.study",
    "run": "sim.studies.run",
    "sweep": "sim.studies.sweeps.sweep",
    "verify": "sim.studies.verify",
    "what_if": "sim.notebook.what_if",
    "why": "sim.studies.why.study",
}


def __getattr__(name: str) -> object:
    """Import a name when it is first asked for: `reissue --help` needs none of them."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_ROOMS[name]), name)


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
