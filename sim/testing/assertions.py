"""What a hand-written test asserts, and the results that a test session keeps."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sim.guarantees.verdicts import Verdict
from sim.scenario import Scenario, load
from sim.studies.experiment import Engine
from sim.studies.result import Result
from sim.studies.run import KEPT, run
from sim.testing.failures import failure_text

if TYPE_CHECKING:
    from sim.processes.policy import Policy

Key = tuple[Scenario, str, tuple[tuple[str, int, int], ...]]

MOST_RESULTS: Final = 256


class BrokenGuarantee(AssertionError):  # noqa: N818  a failed assertion, named for what it says
    """A guarantee does not pass; the text says what was promised, what happened, and what would help."""


def assert_guarantees(
    scenario: Scenario | str | PathLike[str],
    *,
    policy: Policy | None = None,
    engine: Engine = "auto",
    seed: int | None = None,
    replications: int | None = None,
) -> Result:
    """Run a scenario, and assert every guarantee that it states.

    Args:
        scenario: or the path of its file.
        policy, engine, seed, replications: as for `sim.run`.

    Returns:
        the result.

    Raises:
        BrokenGuarantee: some fail, are undecided or vacuous; the text has all of them.
        ValueError: the scenario states none.
        ScenarioError, EngineUnavailableError: as `sim.load` and `sim.run`.
    """
    __tracebackhide__ = True
    resolved = scenario if isinstance(scenario, Scenario) else load(scenario)
    if not resolved.guarantees:
        raise ValueError(f"{resolved.name!r} states no guarantees: write them, or use assert_guarantee")
    result = run(resolved, policy=policy, engine=engine, seed=seed, replications=replications)
    broken = [number for number, verdict in enumerate(result.guarantees) if not verdict.passes]
    if broken:
        raise BrokenGuarantee("\n\n".join(failure_text(result, n, file=_file_of(result)) for n in broken))
    return result


def assert_guarantee(
    result: Result,
    *,
    measure: str,
    at_most: float | str | None = None,
    at_least: float | str | None = None,
    group: str | None = None,
    platform: str | None = None,
    within: str | None = None,
    quantile: float | str | None = None,
    probability: float | str | None = None,
    confidence: float | str | None = None,
    allow_vacuous: bool = False,
) -> Verdict:
    """Assert one guarantee of a result, whether or not its scenario states it.

    Args:
        result: of `sim.run`, `assert_guarantees` or the fixture `reissue_run`.
        measure, at_most, at_least, group, platform, within, quantile, probability, confidence, allow_vacuous:
            as in the language: shares as "99.9%" or 0.999, durations as "14d".

    Returns:
        the verdict, which passes.

    Raises:
        BrokenGuarantee: it fails, is undecided or vacuous.
        ScenarioError: it is not a guarantee of this scenario, such as a group that it does not have.
    """
    __tracebackhide__ = True
    keys: Mapping[str, Any] = {
        "measure": measure,
        "at_most": at_most,
        "at_least": at_least,
        "group": group,
        "platform": platform,
        "within": within,
        "quantile": quantile,
        "probability": probability,
        "confidence": confidence,
        "allow_vacuous": allow_vacuous,
    }
    written = {key: value for key, value in keys.items() if value is not None}
    scenario = result.scenario.changed({"guarantees": [written]})
    prepared = replace(result.experiment.prepared, scenario=scenario)
    asked = replace(result, experiment=replace(result.experiment, prepared=prepared))
    (verdict,) = asked.guarantees
    if not verdict.passes:
        raise BrokenGuarantee(failure_text(asked, 0, file=_file_of(result)))
    return verdict


def _file_of(result: Result) -> str | None:
    """The file of a scenario that was read from one and not changed since."""
    source = result.scenario.source
    return None if source is None else str(source.path)


class Runs:
    """Runs scenarios and keeps their results; equal scenarios share one.

    Results are kept while their devices, over all replications, together stay within what one result keeps
    (`KEPT`); then the one that was asked for longest ago is let go.

    Args:
        engine, seed, replications: for a call that does not say; None: as `sim.run` has it.
    """

    def __init__(
        self, *, engine: Engine | None = None, seed: int | None = None, replications: int | None = None
    ) -> None:
        self._engine: Engine = engine or "auto"
        self._changes = {"seed": seed, "replications": replications}
        self._results: OrderedDict[Key, Result] = OrderedDict()

    def __call__(
        self,
        scenario: Scenario | str | PathLike[str],
        *,
        policy: Policy | None = None,
        engine: Engine | None = None,
        seed: int | None = None,
        replications: int | None = None,
    ) -> Result:
        """The result of a scenario, or of the scenario in a file.

        Raises:
            ScenarioError, ValueError, EngineUnavailableError: as `sim.load` and `sim.run`.
        """
        resolved = scenario if isinstance(scenario, Scenario) else load(scenario)
        asked = {"seed": seed, "replications": replications}
        changes = {key: self._changes[key] if value is None else value for key, value in asked.items()}
        changes = {key: value for key, value in changes.items() if value is not None}
        if changes:
            resolved = resolved.changed(changes)
        engine = engine or self._engine
        if policy is not None:  # two of them cannot be told to be equal
            return run(resolved, policy=policy)
        key = (resolved, engine, _files(resolved))
        result = self._results.get(key)
        if result is None:
            result = self._results[key] = run(resolved, engine=engine)
        self._results.move_to_end(key)
        while len(self._results) > 1 and (self._rows > KEPT or len(self._results) > MOST_RESULTS):
            self._results.popitem(last=False)
        return result

    @property
    def _rows(self) -> int:
        """Devices of all results, over their replications."""
        return sum(result.experiment.size * result.replications for result in self._results.values())


def _files(scenario: Scenario) -> tuple[tuple[str, int, int], ...]:
    """Name, time of change and size of the certificate files, which equal scenarios need not have alike."""
    sources = [scenario.server.certificate, *(step.reissue for step in scenario.strategy if step.reissue)]
    names = [name for each in sources for name in (each.file, each.key) if name is not None]
    paths = [Path(scenario.folder, name).resolve() for name in names]
    states = [path.stat() if path.exists() else None for path in paths]
    return tuple(
        (str(path), state.st_mtime_ns if state else 0, state.st_size if state else 0)
        for path, state in zip(paths, states, strict=True)
    )
