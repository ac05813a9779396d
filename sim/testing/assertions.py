"""What a hand-written test asserts, the results that a session keeps, and what a failure says."""

from __future__ import annotations

import math
import shlex
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any, Final

from sim.errors import visible
from sim.guarantees.verdicts import Verdict, observed
from sim.results.critical import CriticalDelays
from sim.results.measures import Selected
from sim.scenario import Scenario, load
from sim.scenario.certificates import read_certificates
from sim.scenario.findings import findings_of
from sim.studies.decision import is_about_losses
from sim.studies.experiment import Engine
from sim.studies.options import Options, with_options
from sim.studies.run import Result, run
from sim.studies.tasks import KEPT
from sim.text import date, number, spaced
from sim.world.outcome import CAUSES, MEANS, NEVER, Outcome, cause_text
from sim.world.plan import Reissue

if TYPE_CHECKING:
    from sim.processes.policy import Policy

_MOST_RULES: Final = 3
_MOST_REPLICATIONS: Final = 20


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
    """Run a scenario or the scenario in a file, assert every guarantee that it states; the result.

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
    broken = [index for index, verdict in enumerate(result.guarantees) if not verdict.passes]
    if broken:
        raise BrokenGuarantee("\n\n".join(failure_text(result, index) for index in broken))
    return result


def assert_guarantee(result: Result, *, measure: str, **bound: Any) -> Verdict:
    """Assert one guarantee of a result, whether or not its scenario states it; the verdict, which passes.

    Args:
        result: of `sim.run`, `assert_guarantees` or the fixture `reissue_run`.
        measure, bound: as in the language: `at_most`, `at_least`, `group`, `platform`, `within`, `quantile`,
            `probability`, `confidence`, `allow_vacuous`; shares as "99.9%" or 0.999, durations as "14d".

    Raises:
        BrokenGuarantee: it fails, is undecided or vacuous.
        ScenarioError: it is not a guarantee of this scenario, such as a group that it does not have.
    """
    __tracebackhide__ = True
    written = {key: value for key, value in bound.items() if value is not None}
    scenario = result.scenario.changed({"guarantees": [{"measure": measure, **written}]})
    prepared = replace(result.experiment.prepared, scenario=scenario)
    asked = replace(result, experiment=replace(result.experiment, prepared=prepared))
    (verdict,) = asked.guarantees
    if not verdict.passes:
        raise BrokenGuarantee(failure_text(asked, 0))
    return verdict


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
        self._seed, self._replications = seed, replications
        self._results: OrderedDict[Hashable, Result] = OrderedDict()

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
        chosen = Options(
            seed=self._seed if seed is None else seed,
            replications=self._replications if replications is None else replications,
        )
        resolved = with_options(resolved, chosen)
        if policy is not None:  # two of them cannot be told to be equal
            return run(resolved, policy=policy)
        engine = engine or self._engine
        certificates = read_certificates(resolved).values()  # files may change during a session
        key = (resolved, engine, tuple(certificate.identity for certificate in certificates))
        if key not in self._results:
            self._results[key] = run(resolved, engine=engine)
        self._results.move_to_end(key)
        while len(self._results) > 1 and self._rows > KEPT:
            self._results.popitem(last=False)
        return self._results[key]

    @property
    def _rows(self) -> int:
        """Devices of all results, over their replications."""
        return sum(result.experiment.size * result.replications for result in self._results.values())


# --- what a failure says -------------------------------------------------------------------------------


def failure_text(result: Result, index: int, *, file: str | None = None) -> str:
    """Why a guarantee does not pass, in lines for a planner; the first says most.

    Args:
        result: of the run.
        index: of the guarantee, which does not pass.
        file: the scenario file as a user would type it; None: that of the scenario, if it has one.
    """
    source = result.scenario.source
    file = str(source.path) if file is None and source is not None else file
    verdict = result.guarantees[index]
    line = result.scenario.line_of(f"guarantees.{index}")
    where = "" if line is None else f"  ({file}:{line})"
    head = "broken" if verdict.verdict == "fails" else verdict.verdict
    lines = [f"{head}: {observed(verdict, first_replication=result.scenario.first_replication)}"]
    for label, sentences in (
        ("promised", [f"{verdict.guarantee.promise}{where}"]),
        ("happened", _happened(result, verdict)),
        ("who", _who(result, verdict)),
        ("remedy", _remedy(result, verdict, file)),
        ("rule", _rules(result, verdict, file)),
        ("replay", _replay(result, verdict, file)),
    ):
        lines += [f"  {'' if n else label:8}  {sentence}" for n, sentence in enumerate(sentences)]
    return "\n".join(visible(each) for each in lines)


def _happened(result: Result, verdict: Verdict) -> Iterator[str]:
    """The losses of the devices that the guarantee is about, in the replication that shows them."""
    if verdict.verdict == "vacuous":
        return
    replication = verdict.replication or 0
    selected = Selected(result.tallies[replication], verdict.guarantee.bound.selection)
    devices, lost, still = (selected.sum(column) for column in ("devices", "lost", "still_lost"))
    where = "" if result.replications == 1 else f" in replication {result.number_of(replication)}"
    if lost == 0:
        yield f"none of {number(devices)} devices lost the server{where}"
        return
    end = "none of them is" if still == 0 else "all of them are" if still == lost else f"{number(still)} are"
    happened = f"{number(lost)} of {number(devices)} devices lost the server{where}"
    yield f"{happened}; {end} still without it at the end"


def _who(result: Result, verdict: Verdict) -> Iterator[str]:
    """What became of the device that shows the failure."""
    if verdict.witness is None or verdict.replication is None:
        return
    for outcome in result.outcomes(verdict.replication):
        device = outcome.roster.index(verdict.witness)
        if device is not None:
            yield f"{verdict.witness}: {_history(result, outcome, device)}"


def _history(result: Result, outcome: Outcome, index: int) -> str:
    devices = outcome.devices
    lost_at_s, back_at_s = int(devices.lost_at_s[index]), int(devices.reconnected_at_s[index])
    if lost_at_s == NEVER:
        return "never lost"
    platform = outcome.roster.profiles[outcome.roster.profile[index]].platform
    cause = cause_text(CAUSES[int(devices.lost_cause[index])], platform)
    lost = f"lost on {date(result.at(lost_at_s))}, {cause}"
    if back_at_s == NEVER:
        return f"{lost}; not reconnected within the run"
    by_itself = MEANS[int(devices.reconnected_by[index])] == "sync"
    how = "by itself" if by_itself else "by a reinstallation"
    return f"{lost}; reconnected {how} on {date(result.at(back_at_s))}, {spaced(back_at_s - lost_at_s)} later"


def _remedy(result: Result, verdict: Verdict, file: str | None) -> Iterator[str]:
    if verdict.verdict == "vacuous":
        yield "let the run reach a change of certificate that concerns these devices;"
        yield "or, if that is meant, write allow_vacuous: yes"
    elif verdict.verdict == "undecided":
        yield "run more replications: replications: in the file, or --reissue-replications N"
    elif is_about_losses(verdict.guarantee.bound) and result.experiment.policy is None:
        needed_s = _needed_s(result, verdict)
        here_s, most_s = needed_s.get(verdict.replication or 0, math.inf), max(needed_s.values(), default=0)
        if here_s < math.inf:
            least = f"an activation delay of at least {spaced(int(here_s))} would have been enough"
            if len(needed_s) > 1:
                enough = sum(each_s <= here_s for each_s in needed_s.values())
                least += f" in replication {result.number_of(verdict.replication or 0)}"
                least += f", and in {enough} of the {len(needed_s)} looked at"
            if here_s < most_s < math.inf:
                least += f"; {spaced(int(most_s))} in every one of them"
            yield least
        name = shlex.quote(file) if file else "FILE"
        yield f"reissue plan {name} tells the least delay that keeps it, and by when"


def _needed_s(result: Result, verdict: Verdict) -> dict[int, float]:
    """The least delay that would have kept a promise about losses, in each of the first replications.

    Infinite where no delay up to the expiry would; none at all where more is done than one reissue that could
    wait, or the fleet is too large to be run at once.
    """
    plan, bound = result.plan, verdict.guarantee.bound
    reissue = plan.actions[0] if len(plan.actions) == 1 and len(result.experiment.parts) == 1 else None
    if not isinstance(reissue, Reissue) or reissue.step is None or reissue.activate == "at expiry":
        return {}
    waiting = plan.with_action(reissue.step, replace(reissue, activate="at expiry", after_s=None))
    until_s = min(plan.first.not_after_s, plan.horizon_s)
    experiment = result.experiment.with_plan(replace(waiting, horizon_s=until_s))
    # A device whose platform refuses a certificate holds it all the same.
    refused_by = reissue.refused_by if bound.entry.decided_by == "losses" else frozenset[str]()
    needed_s: dict[int, float] = {}
    for replication in {verdict.replication or 0, *range(min(result.replications, _MOST_REPLICATIONS))}:
        outcome = experiment.outcome(replication)
        parts = [(outcome.roster, outcome.devices.critical_delay_s)]
        found = CriticalDelays.of_delays(parts, refused_by=refused_by, selection=bound.selection)
        least_s = found.least_delay_s(bound.most_lost(found.size) or 0)
        needed_s[replication] = math.inf if least_s is None else max(least_s, 1)
    return needed_s


def _rules(result: Result, verdict: Verdict, file: str | None) -> Iterator[str]:
    """The documented rules that the plan goes against."""
    for finding in findings_of(result.scenario)[:_MOST_RULES] if verdict.verdict == "fails" else ():
        where = "" if file is None or finding.line is None else f"{file}:{finding.line}: "
        yield f"{where}{finding.rule}: {finding.message}"


def _replay(result: Result, verdict: Verdict, file: str | None) -> Iterator[str]:
    scenario = result.scenario
    if result.experiment.policy is not None:
        yield f"sim.run(…, policy=…, seed={scenario.seed}), with the same policy"
    elif file is None:
        yield "this file, by reissue run:"
        yield from scenario.to_yaml().splitlines()
    else:
        own = ("seed", "replications")  # they have options
        changes = [
            f"--set {shlex.quote(f'{key}={value}')}" for key, value in scenario.overrides if key not in own
        ]
        quoted = " ".join([shlex.quote(file), *changes])
        several = "" if scenario.replications == 1 else f" --replications {scenario.replications}"
        yield f"reissue run {quoted} --seed {scenario.seed}{several}"
        if verdict.witness is not None:
            shown_in = result.number_of(verdict.replication or 0)
            which = f" --replication {shown_in}" if result.replications > 1 else ""
            yield f"reissue why {quoted} {shlex.quote(verdict.witness)} --seed {scenario.seed}{which}"
