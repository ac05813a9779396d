"""Results kept for the length of a test session, so that equal scenarios are simulated once."""

from __future__ import annotations

from collections import OrderedDict
from os import PathLike
from pathlib import Path
from typing import Final

from sim.scenario import Scenario, load
from sim.studies.experiment import Engine
from sim.studies.result import Result
from sim.studies.run import KEPT, run

Key = tuple[Scenario, str, tuple[tuple[str, int, int], ...]]

MOST_RESULTS: Final = 256


class Runs:
    """Runs scenarios and keeps their results; equal scenarios share one.

    Results are kept while their devices, over all replications, together stay within what one result keeps
    (`KEPT`); then the one that was asked for longest ago is let go.

    Args:
        engine, seed, replications: what a call that does not say gets; None: as `sim.run` has it.
    """

    def __init__(
        self, *, engine: Engine | None = None, seed: int | None = None, replications: int | None = None
    ) -> None:
        self._engine: Engine = "auto" if engine is None else engine
        self._seed = seed
        self._replications = replications
        self._results: OrderedDict[Key, Result] = OrderedDict()

    def __call__(
        self,
        scenario: Scenario | str | PathLike[str],
        *,
        engine: Engine | None = None,
        seed: int | None = None,
        replications: int | None = None,
    ) -> Result:
        """The result of a scenario, or of the scenario in a file.

        Raises:
            ScenarioError, ValueError, EngineUnavailableError: as `sim.load` and `sim.run`.
        """
        resolved = scenario if isinstance(scenario, Scenario) else load(scenario)
        wanted = {
            "seed": self._seed if seed is None else seed,
            "replications": self._replications if replications is None else replications,
        }
        changes = {key: value for key, value in wanted.items() if value is not None}
        if changes:
            resolved = resolved.changed(changes)
        chosen = self._engine if engine is None else engine
        key = (resolved, chosen, _files(resolved))
        result = self._results.get(key)
        if result is None:
            result = self._results[key] = run(resolved, engine=chosen)
        self._results.move_to_end(key)
        while len(self._results) > 1 and (self._rows > KEPT or len(self._results) > MOST_RESULTS):
            self._results.popitem(last=False)
        return result

    @property
    def _rows(self) -> int:
        """Devices of all results, over their replications."""
        return sum(result.experiment.size * result.replications for result in self._results.values())


def _files(scenario: Scenario) -> tuple[tuple[str, int, int], ...]:
    """The certificate files of a scenario as they are now; equality of scenarios does not look into them."""
    sources = [scenario.server.certificate, *(step.reissue for step in scenario.strategy if step.reissue)]
    written = [name for each in sources for name in (each.file, each.key) if name is not None]
    found = []
    for name in written:
        path = Path(scenario.folder, name).resolve()
        status = path.stat() if path.exists() else None
        found.append((str(path), status.st_mtime_ns if status else 0, status.st_size if status else 0))
    return tuple(found)
