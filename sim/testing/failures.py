"""A guarantee that does not pass, for a planner: promised, happened, who, what would help, how to replay."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from sim.errors import visible
from sim.guarantees.verdicts import Verdict, observed
from sim.results.causes import cause_text
from sim.results.measures import Selected
from sim.scenario.findings import findings_of
from sim.studies.required import required_delay
from sim.studies.result import Result
from sim.text import date, number, plural, spaced
from sim.world.outcome import CAUSES, MEANS, NEVER, Outcome
from sim.world.plan import Reissue

_MOST_RULES = 3
_MOST_LINES = 80
_MOST_REPLICATIONS = 20
_OWN: Final = ("seed", "replications")
"""Keys that have options of their own."""


def failure_text(result: Result, index: int, *, file: str | None = None) -> str:
    """Why a guarantee does not pass, in lines; the first says most.

    Args:
        result: of the run.
        index: of the guarantee, which does not pass.
        file: the scenario file as a user would type it; None where there is none.
    """
    verdict = result.guarantees[index]
    line = None if file is None else result.scenario.line_of(f"guarantees.{index}")
    where = "" if line is None else f"  ({file}:{line})"
    head = "broken" if verdict.verdict == "fails" else verdict.verdict
    lines = [f"{head}: {observed(verdict, first_replication=result.scenario.first_replication)}"]
    for label, sentences in (
        ("promised", [f"{verdict.guarantee.promise}{where}"]),
        ("happened", _happened(result, verdict)),
        ("who", _who(result, verdict)),
        ("remedy", _remedy(result, verdict)),
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
        where = np.flatnonzero(np.asarray(outcome.roster.names(), dtype=object) == verdict.witness)
        if len(where):
            yield f"{verdict.witness}: {_history(result, outcome, int(where[0]))}"
            return


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


def _remedy(result: Result, verdict: Verdict) -> Iterator[str]:
    if verdict.verdict == "vacuous":
        yield "let the run reach a change of certificate that concerns these devices;"
        yield "or, if that is meant, write allow_vacuous: yes"
    elif verdict.verdict == "undecided":
        yield "run more replications: replications: in the file, or --reissue-replications N"
    elif result.experiment.policy is None and (need := required_delay(result, verdict)) is not None:
        if need.needed_s is None:
            missed = plural(need.lost, "device")
            yield f"no activation delay would have been enough: the reserve misses {missed}"
        else:
            own = result.plan.actions[0]
            after_s = own.after_s if isinstance(own, Reissue) else None
            instead = "" if after_s is None else f" (instead of {spaced(after_s)})"
            least = f"an activation delay of at least {spaced(need.needed_s)}{instead}"
            yield f"{least} would have been enough{_in_others(result, verdict, need.needed_s)}"


def _in_others(result: Result, verdict: Verdict, needed_s: int) -> str:
    """In how many of the first replications a delay is enough, and which one is in all of them."""
    looked_at = range(min(result.replications, _MOST_REPLICATIONS))
    if len(looked_at) == 1:
        return ""
    found = [required_delay(result, replace(verdict, replication=number)) for number in looked_at]
    delays_s = [math.inf if need is None or need.needed_s is None else need.needed_s for need in found]
    enough, most_s = sum(delay_s <= needed_s for delay_s in delays_s), max(delays_s)
    here = f" in replication {result.number_of(verdict.replication or 0)}"
    which = "all" if len(looked_at) == result.replications else "the first"
    words = f"{here}, and in {enough} of {which} {len(looked_at)}"
    return words if most_s in (needed_s, math.inf) else f"{words}; {spaced(int(most_s))} in every one of them"


def _rules(result: Result, verdict: Verdict, file: str | None) -> Iterator[str]:
    """The documented rules that the plan goes against."""
    if verdict.verdict != "fails":
        return
    found = findings_of(result.scenario)
    for finding in found[:_MOST_RULES]:
        where = "" if file is None or finding.line is None else f"{file}:{finding.line}: "
        yield f"{where}{finding.rule}: {finding.message}"
    if len(found) > _MOST_RULES:
        yield f"and {len(found) - _MOST_RULES} more: reissue check {file or 'FILE'}"


def _replay(result: Result, verdict: Verdict, file: str | None) -> Iterator[str]:
    if result.experiment.policy is not None:
        yield f"sim.run(…, policy=…, seed={result.scenario.seed}), with the same policy"
        return
    scenario = result.scenario
    if file is None:
        lines = scenario.to_yaml().splitlines()
        yield "this file, by reissue run:" if len(lines) <= _MOST_LINES else "what scenario.to_yaml() prints"
        yield from lines if len(lines) <= _MOST_LINES else ()
        return
    changes = [
        f"--set {shlex.quote(f'{key}={value}')}" for key, value in scenario.overrides if key not in _OWN
    ]
    quoted = " ".join([shlex.quote(file), *changes])
    several = "" if scenario.replications == 1 else f" --replications {scenario.replications}"
    yield f"reissue run {quoted} --seed {scenario.seed}{several}"
    if verdict.witness is not None:
        shown_in = result.number_of(verdict.replication or 0)
        which = f" --replication {shown_in}" if result.replications > 1 else ""
        yield f"reissue why {quoted} {shlex.quote(verdict.witness)} --seed {scenario.seed}{which}"
