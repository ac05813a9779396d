"""What a hand-written test asserts: guarantees of a scenario, or one guarantee of a result."""

from __future__ import annotations

from dataclasses import replace
from os import PathLike

from sim.guarantees.verdicts import Verdict
from sim.scenario import Scenario, load
from sim.studies.experiment import Engine
from sim.studies.result import Result
from sim.studies.run import run
from sim.testing.telling import tell


class BrokenGuarantee(AssertionError):  # noqa: N818  a failed assertion, named for what it says
    """A guarantee does not pass; the text says what was promised, what happened, and what would mend it."""


def assert_guarantees(
    scenario: Scenario | str | PathLike[str],
    *,
    engine: Engine = "auto",
    seed: int | None = None,
    replications: int | None = None,
) -> Result:
    """Run a scenario, and assert every guarantee that it states.

    Args:
        scenario: or the path of its file.
        engine, seed, replications: as for `sim.run`.

    Returns:
        the result.

    Raises:
        BrokenGuarantee: some fail, are undecided or vacuous; tells all of them.
        ValueError: the scenario states none.
        ScenarioError, EngineUnavailableError: as `sim.load` and `sim.run`.
    """
    __tracebackhide__ = True
    resolved = scenario if isinstance(scenario, Scenario) else load(scenario)
    if not resolved.guarantees:
        raise ValueError(f"{resolved.name!r} states no guarantees: write them, or use assert_guarantee")
    result = run(resolved, engine=engine, seed=seed, replications=replications)
    file = _file_of(result)
    broken = [
        tell(result, index, file=file)
        for index, verdict in enumerate(result.guarantees)
        if not verdict.passes
    ]
    if broken:
        raise BrokenGuarantee("\n\n".join(broken))
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
    told = {
        "measure": measure,
        "at_most": at_most,
        "at_least": at_least,
        "group": group,
        "platform": platform,
        "within": within,
        "quantile": quantile,
        "probability": probability,
        "confidence": confidence,
    }
    written = {key: value for key, value in told.items() if value is not None}
    scenario = result.scenario.changed({"guarantees": [{**written, "allow_vacuous": allow_vacuous}]})
    asked = replace(result, experiment=replace(result.experiment, scenario=scenario))
    (verdict,) = asked.guarantees
    if not verdict.passes:
        raise BrokenGuarantee(tell(asked, 0, file=_file_of(result)))
    return verdict


def _file_of(result: Result) -> str | None:
    """The file of a scenario that was read from one and not changed since."""
    source = result.scenario.source
    return None if source is None else str(source.path)
