"""A broken guarantee as a planner tells it: promised, happened, who, what would mend it, how to replay."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from sim.errors import visible
from sim.guarantees.verdicts import Verdict, observed
from sim.results.measures import Selected
from sim.scenario.findings import findings_of
from sim.studies.result import Result
from sim.testing.mending import mend, spaced
from sim.text import number
from sim.world.outcome import CAUSES, MEANS, NEVER, Outcome

_CAUSES: Final[Mapping[str, str]] = {
    "not_delivered": "it had not received the certificate that became main",
    "replaced_reserve": "it held a reserve that had been replaced by another",
    "expired": "the certificate expired",
    "immediate": "the certificate was replaced immediately",
    "restored": "the previous certificate was put back, which it no longer held",
    "platform": "its platform refuses the new certificate",
}
_MEANS: Final[Mapping[str, str]] = {"sync": "by itself", "reinstall": "by a reinstallation"}
_HEADS: Final[Mapping[str, str]] = {
    "fails": "broken",
    "undecided": "undecided",
    "vacuous": "vacuous",
}
_MOST_RULES: Final = 3


def tell(result: Result, index: int, *, file: str | None = None) -> str:
    """Why a guarantee does not pass, in lines; the first says most.

    Args:
        result: of the run.
        index: of the guarantee, which does not pass.
        file: the scenario file as a user would type it; None where there is none.
    """
    verdict = result.guarantees[index]
    line = None if file is None else result.scenario.line_of(f"guarantees.{index}")
    where = "" if line is None else f"  ({file}:{line})"
    lines = [f"{_HEADS.get(verdict.verdict, verdict.verdict)}: {_seen(result, verdict)}"]
    for label, sentences in (
        ("promised", [f"{verdict.guarantee.promise}{where}"]),
        ("happened", _happened(result, verdict)),
        ("who", _who(result, verdict)),
        ("mend", _mend(result, verdict)),
        ("rule", _rules(result, verdict, file)),
        ("replay", _replay(result, verdict, file)),
    ):
        lines += [f"  {'' if n else label:8}  {sentence}" for n, sentence in enumerate(sentences)]
    return "\n".join(visible(each) for each in lines)


def _seen(result: Result, verdict: Verdict) -> str:
    return observed(verdict, first_replication=result.scenario.first_replication)


# --- what happened -------------------------------------------------------------------------------------


def _happened(result: Result, verdict: Verdict) -> Iterator[str]:
    """The losses of the devices that the guarantee is about, in the replication that shows them."""
    if verdict.verdict == "vacuous":
        return
    replication = verdict.replication or 0
    selected = Selected(result.tallies[replication], verdict.guarantee.bound.selection)
    devices, lost = selected.measure("devices") or 0, selected.measure("lost_devices") or 0
    where = "" if result.replications == 1 else f" in replication {result.number_of(replication)}"
    if lost == 0:
        yield f"none of {number(devices)} devices lost the server{where}"
        return
    still = selected.measure("still_lost_devices") or 0
    end = "none of them is" if still == 0 else "all of them are" if still == lost else f"{number(still)} are"
    told = f"{number(lost)} of {number(devices)} devices lost the server{where}"
    yield f"{told}; {end} still without it at the end"


# --- who -----------------------------------------------------------------------------------------------


def _who(result: Result, verdict: Verdict) -> Iterator[str]:
    if verdict.witness is None or verdict.replication is None:
        return
    for outcome in result.outcomes(verdict.replication):
        index = _index(outcome, verdict.witness)
        if index is not None:
            yield f"{verdict.witness}: {_story(result, outcome, index)}"
            return


def _index(outcome: Outcome, name: str) -> int | None:
    """The row of a device, or None."""
    names = outcome.roster.names()
    where = np.flatnonzero(np.asarray(names, dtype=object) == name)
    return int(where[0]) if len(where) else None


def _story(result: Result, outcome: Outcome, index: int) -> str:
    devices = outcome.devices
    lost_at_s = int(devices.lost_at_s[index])
    if lost_at_s == NEVER:
        return "never lost"
    cause = CAUSES[int(devices.lost_cause[index])]
    words = [f"lost on {_date(result, lost_at_s)}, since {_CAUSES.get(cause, cause)}"]
    reconnected_at_s = int(devices.reconnected_at_s[index])
    if reconnected_at_s == NEVER:
        words.append("not reconnected within the run")
    else:
        means = MEANS[int(devices.reconnected_by[index])]
        words.append(
            f"reconnected {_MEANS.get(means, means)} on {_date(result, reconnected_at_s)}, "
            f"{spaced(reconnected_at_s - lost_at_s)} later"
        )
    return "; ".join(words)


def _date(result: Result, instant_s: int) -> str:
    return f"{result.at(instant_s):%Y-%m-%d %H:%M:%S}".removesuffix(":00")


# --- what to do ----------------------------------------------------------------------------------------


def _mend(result: Result, verdict: Verdict) -> Iterator[str]:
    match verdict.verdict:
        case "vacuous":
            yield "let the run reach a change of certificate that concerns these devices;"
            yield "or, if that is meant, write allow_vacuous: yes"
        case "undecided":
            yield "run more replications: replications: in the file, or --reissue-replications N"
        case _:
            yield from mend(result, verdict)


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
    if file is None:
        return
    scenario = result.scenario
    quoted = shlex.quote(file)
    several = "" if scenario.replications == 1 else f" --replications {scenario.replications}"
    yield f"reissue run {quoted} --seed {scenario.seed}{several}"
    if verdict.witness is not None:
        told_as = result.number_of(verdict.replication or 0)
        which = f" --replication {told_as}" if result.replications > 1 else ""
        yield f"reissue why {quoted} {shlex.quote(verdict.witness)} --seed {scenario.seed}{which}"
