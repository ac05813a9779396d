"""Reports as files: what `run --out` writes beside the tables, and the page."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

import pandas as pd

from sim.errors import InputError, OutputError, visible
from sim.figures.style import as_it_comes, svg_bytes
from sim.files import expect_folder_of, write_file
from sim.report.contents import Contents, Extra, looked_at
from sim.report.page import DrawnFigure, figures_of, page_of
from sim.scenario.findings import findings_of
from sim.studies.at_risk import DevicesAtRisk
from sim.studies.chase import Chase
from sim.studies.output import CHASE, PAGE, digest_of, read
from sim.studies.plots import histories_of, lives_of, series_of_result, switches_of
from sim.studies.replications import MOST_REPLICATIONS
from sim.studies.result import Result
from sim.studies.search import PlanError
from sim.studies.tables import devices_part
from sim.text import rounded
from sim.world.fleet import Profile, Spells
from sim.world.outcome import Outcome

MARK: Final = b"<!doctype html>\n<!-- reissue report -->"
"""How a page begins, by which it is known again."""


class Publisher:
    """What `run --out` writes beside the tables of a result, and its page.

    Args:
        result: what a run found.
        command: the command that gives the same numbers again.
        with_figures: also write each figure that applies, as SVG, and the page.
    """

    def __init__(self, result: Result, *, command: str, with_figures: bool = True) -> None:
        self._result, self._command, self._with_figures = result, command, with_figures
        self._at_risk = DevicesAtRisk(result.scenario.start, result.series()["at_s"])
        self._chase = Chase(result)
        self._contents: Contents | None = None
        self._has_seen = False

    def see(self, replication: int, outcome: Outcome, rows: pd.DataFrame) -> None:
        """Look at a part of a replication, counted from 0, and at its rows of the table of devices."""
        self._has_seen = True
        if replication < MOST_REPLICATIONS:
            self._at_risk.add(rows)
            self._chase.add(replication, outcome)

    def files(self) -> dict[str, bytes]:
        """Of lists `chase.csv`, and, where wanted, figures and page, by their paths in the directory."""
        files = {} if self.contents.extra.lists is None else {CHASE: self._chase.to_csv()}
        if self._with_figures:
            files[PAGE] = self.page()
            with as_it_comes():
                for name, figure in self._figures.items():
                    files[f"figures/{name}.svg"] = svg_bytes(figure.drawn, name=name)
        return files

    def page(self) -> bytes:
        """The page."""
        return page_of(self.contents, self._figures)

    @cached_property
    def _figures(self) -> dict[str, DrawnFigure]:
        return figures_of(self.contents)

    @property
    def contents(self) -> Contents:
        """Of the first replications, which are simulated again if nobody showed them."""
        if self._contents is None:
            result = self._result
            if not self._has_seen:
                for replication in range(min(result.replications, MOST_REPLICATIONS)):
                    for outcome in result.outcomes(replication):
                        self.see(replication, outcome, devices_part(result, replication, outcome))
            samples = len(result.series()["at_s"])
            replications = range(looked_at(result.replications, samples))
            self._contents = Contents(
                result=result,
                extra=self._extra(),
                series=series_of_result(
                    result, replications, self._at_risk.reconnected, self._at_risk.received
                ),
                at_risk=self._at_risk,
            )
        return self._contents

    def _extra(self) -> Extra:
        result, decision, no_decision = self._result, None, ""
        recovery = result.plan.recovery
        try:
            decision = result.decision
        except PlanError as error:
            no_decision = str(error)
        return Extra(
            command=self._command,
            summary=result.summary(),
            absences=tuple(dict.fromkeys(filter(None, map(_absences, result.tallies[0].profiles)))),
            platforms=result.platforms_in_words(),
            findings=tuple(findings_of(result.scenario)),
            lives=lives_of(result),
            switches=switches_of(result),
            outages_s=tuple((outage.from_s, outage.to_s) for outage in result.plan.outages),
            technicians=None if recovery is None else recovery.technicians,
            histories=histories_of(result, self._at_risk),
            lists=self._chase.from_list(),
            decision=decision,
            no_decision=no_decision,
        )


def _absences(profile: Profile) -> str:
    """How long devices of a group stay away, as a planner can check it."""
    if not isinstance(profile.presence, Spells) or not profile.presence.off.is_random:
        return ""
    half, tenth = (rounded(math.ceil(profile.presence.off.lasts_s(share))) for share in (0.5, 0.1))
    return f"{profile.group}: when away, half are back in {half}, one in ten is away for {tenth} or longer"


def page_in(directory: Path) -> bytes:
    """The page that `run --out` wrote to a directory.

    Raises:
        InputError: there is no result, it was changed since, or it has no page.
    """
    saved = read(directory)
    path = directory / PAGE
    if not path.is_file():
        raise InputError(f"{directory} has no page: run the scenario again with --out, and figures")
    if saved.document["files"].get(PAGE) != digest_of(path):
        raise InputError(f"{path} was changed since it was written: run the scenario again with --out")
    return path.read_bytes()


def check_page(path: Path, *, overwrite: bool) -> None:
    """Refuse a name that cannot be a page's: what is there already may only be an earlier page.

    Raises:
        OutputError: it may not be written.
    """
    expect_folder_of(path)
    if not path.exists() and not path.is_symlink():
        return
    if not overwrite:
        raise OutputError(f"{path} exists: choose another name, or add --overwrite")
    try:
        is_page = path.is_file() and _begins(path) == MARK
    except OSError as error:
        raise OutputError(f"{path} cannot be read: {error.strerror or error}") from error
    if not is_page:
        raise OutputError(f"{path} is something other than a page of reissue: it is left as it is")


def _begins(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(len(MARK))


def write_page(page: bytes, path: Path, *, overwrite: bool) -> None:
    """Write a page whole or not at all.

    Raises:
        OutputError: it may not, or cannot be written.
    """
    check_page(path, overwrite=overwrite)
    write_file(path, page)


def reproducing(
    file: str,
    *,
    overrides: Sequence[tuple[str, str]] = (),
    seed: int | None = None,
    replications: int | None = None,
) -> str:
    """The command that gives the same numbers again; of the file only its name, since folders are private."""
    words = ["reissue", "run", Path(file).name]
    for key, value in overrides:
        words += ["--set", f"{key}={value}"]
    for option, given in (("--seed", seed), ("--replications", replications)):
        if given is not None:
            words += [option, str(given)]
    return visible(shlex.join(words))
