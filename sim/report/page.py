"""The page of a result, one HTML file that needs nothing else, and what else `run --out` writes."""

from __future__ import annotations

import base64
import hashlib
import math
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from sim.errors import InputError, OutputError, visible
from sim.figures import FigureError
from sim.figures.style import NARROW_IN, WIDE_IN, Drawing, as_it_comes, svg_bytes, svg_element
from sim.files import expect_folder_of
from sim.scenario.findings import findings_of
from sim.studies.chase import Chase
from sim.studies.choices import Decision
from sim.studies.delays import PlanError
from sim.studies.experiment import MOST_REPLICATIONS
from sim.studies.output import CHASE, PAGE, digest_of, library_versions, read
from sim.studies.plots import Plots
from sim.studies.run import Result
from sim.studies.tables import MOST_LISTED, DevicesAtRisk, devices_part
from sim.summary import Column, Notes, Table
from sim.text import number, percent, plural, rounded
from sim.world import SEMANTICS
from sim.world.fleet import Profile, Spells
from sim.world.order import SECONDS_PER_DAY, SECONDS_PER_HOUR
from sim.world.outcome import Outcome
from sim.world.plan import Chase as Visits

MARK: Final = b"<!doctype html>\n<!-- reissue report -->"
"""How a page begins, by which it is known again."""
MOST_SHOWN: Final = 1_000
"""Devices at risk in the table; those after them are saved with it."""
_FIGURES: Final = ("curve", "forecast", "delivery", "devices", "certificates", "queue", "syncs", "histories")
_MOVES: Final = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Control characters and direction marks, which a reader must see."""
_DATE: Final = re.compile(r"(\d{4}-\d\d-\d\d)")


class DrawnFigure(NamedTuple):
    """A figure for a desk, and its SVG for wide and for narrow screens."""

    drawn: Drawing
    wide: str
    narrow: str


class Page:
    """The page of a result, and what `run --out` writes beside its tables.

    Args:
        result: what a run found.
        with_figures: also write each figure that applies, as SVG, and the page.
    """

    def __init__(self, result: Result, *, with_figures: bool = True) -> None:
        self.result, self._with_figures = result, with_figures
        self.at_risk = DevicesAtRisk(result.scenario.start, result.series()["at_s"])
        self._chase = Chase(result)

    def see(self, replication: int, outcome: Outcome, rows: pd.DataFrame) -> None:
        """Look at a part of a replication, counted from 0, and at its rows of the table of devices."""
        if replication < MOST_REPLICATIONS:
            self.at_risk.add(rows)
            self._chase.add(replication, outcome)

    def files(self) -> dict[str, bytes]:
        """Of lists `chase.csv`, and, where wanted, figures and page, by their paths in the directory."""
        files = {} if self._chase.delay_s is None else {CHASE: self._chase.to_csv()}
        if self._with_figures:
            files[PAGE] = self.html
            with as_it_comes():
                for name, figure in self.figures.items():
                    files[f"figures/{name}.svg"] = svg_bytes(figure.drawn, name=name)
        return files

    @cached_property
    def plots(self) -> Plots:
        """The figures, of the first replications, which are simulated again if nobody showed them."""
        if not len(self.at_risk.reconnected):
            for replication in range(min(self.result.replications, MOST_REPLICATIONS)):
                for outcome in self.result.outcomes(replication):
                    self.see(replication, outcome, devices_part(self.result, replication, outcome))
        return Plots({self.result.scenario.name: self.result}, (self.at_risk, self._chase))

    @cached_property
    def figures(self) -> dict[str, DrawnFigure]:
        """The figures that apply, by name, in the order in which the page shows them."""
        figures = {}
        with as_it_comes():
            for name in _FIGURES:
                try:
                    wide, narrow = (
                        getattr(self.plots, name)(figsize=(width, None)) for width in (WIDE_IN, NARROW_IN)
                    )
                except (FigureError, PlanError):
                    continue
                if wide.words:
                    elements = svg_element(wide, name=name), svg_element(narrow, name=f"{name}-narrow")
                    figures[name] = DrawnFigure(wide, *elements)
        return figures

    @cached_property
    def decision(self) -> Decision | str:
        """What to do, by when, and what it will cost; or why there is nothing to plan."""
        try:
            return self.plots.decision
        except PlanError as error:
            return str(error)

    @cached_property
    def html(self) -> bytes:
        """The page, UTF-8; the same result gives the same bytes.

        Every text of the planner's is escaped where it stands: as HTML, in figures, in data. A content
        security policy in the page forbids requests, and scripts other than its own.
        """
        plots, result, script = self.plots, self.result, _text("page.js")
        at_risk, summary = self._at_risk(), result.summary()
        lists = [part for part in summary.parts if isinstance(part, Notes)]
        promises = [note for part in lists if part.title == "Guarantees" for note in part.notes]
        environment = Environment(
            loader=FunctionLoader(_text),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters["dates"] = _unbroken
        page = environment.get_template("page.html.jinja").render(
            run=result,
            command=_command(result),
            lost=self.at_risk.lost,
            scenario=result.scenario,
            semantics=SEMANTICS,
            versions=library_versions(),
            summary=summary,
            decision=self.decision,
            figures=self.figures,
            delays=self._slider(),
            lists=self._chase.from_list(),
            visits=list(visits_of(result)),
            findings=findings_of(result.scenario),
            platforms=result.platforms_in_words(),
            absences=list(dict.fromkeys(filter(None, map(_absences, result.tallies[0].profiles)))),
            devices=plots.samples.devices,
            promises=promises,
            answers=[note for part in lists if not part.title for note in part.notes],
            verdicts=[_counted(*each) for each in Counter(note.mark for note in promises).items()],
            tables=[part for part in summary.parts if isinstance(part, Table)],
            at_risk=replace(at_risk, rows=at_risk.rows[:MOST_SHOWN]),
            more=at_risk.rows[MOST_SHOWN:],
            looked_at=min(result.replications, MOST_REPLICATIONS),
            style=_text("page.css"),
            script=script,
            digest=base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii"),
        )
        return _MOVES.sub(lambda character: visible(character[0]), page).encode("utf-8")

    def _slider(self) -> dict[str, Any] | None:
        """What the slider shows at each delay."""
        decision = self.decision
        if isinstance(decision, str) or not decision.curve:
            return None
        days = decision.delay_days or decision.curve[-1].days
        rows = [
            {
                "delay": plural(point.days, "day"),
                "lost": number(median),
                "share": percent(median / max(decision.devices, 1)),
                "band": f"{number(low)} to {number(high)}",
                "by": decision.shown(decision.expires - timedelta(days=point.days)),
                "kept": point.keeps,
            }
            for point in decision.curve
            for low, median, high in [point.lost]
        ]
        own = max((n for n, point in enumerate(decision.curve) if point.days <= days), default=0)
        return {"rows": rows, "own": own, "needs": decision.promises}

    def _at_risk(self) -> Table:
        """The devices at risk, the most urgent first, without columns in which nothing stands."""
        rows, zone = self.at_risk.rows, self.result.scenario.timezone

        def dates(name: str) -> pd.Series[str]:
            shown = pd.to_datetime(rows[name], utc=True).dt.tz_convert(self.result.scenario.zone)
            return shown.dt.strftime("%Y-%m-%d %H:%M:%S")

        needed_s = rows["critical_delay_s"].astype("Float64")
        shown = pd.DataFrame(
            {
                "Device": rows["device"],
                "Group": rows["group"],
                "Platform": rows["platform"],
                "Status": rows["status"],
                "Cause": rows["lost_cause"].astype("string").str.replace("_", " "),
                f"Lost at ({zone})": dates("lost_at"),
                f"Back at ({zone})": dates("reconnected_at"),
                "Back by": rows["reconnected_by"],
                "Lost for (h)": (rows["lost_for_s"] / SECONDS_PER_HOUR).map("{:.1f}".format),
                "Needed delay (d)": (needed_s / SECONDS_PER_DAY).map("{:.2f}".format, na_action="ignore"),
                f"Last sync ({zone})": dates("last_sync_at"),
            }
        )
        shown = shown.astype(object).where(shown.notna(), "")
        shown = shown.loc[:, (shown != "").any()]
        names = map(str, shown.columns)
        columns = [Column(name, "number" if name.endswith(("(h)", "(d)")) else "text") for name in names]
        cells = tuple(shown.itertuples(index=False, name=None))
        return Table(tuple(columns), cells, hidden=max(0, self.at_risk.lost - MOST_LISTED))


def visits_of(result: Result) -> Iterator[Table]:
    """Who is visited when in the first replication, a table for each chase (model 10.3).

    Its list has the devices that it adds to those of the chases before, longest silent first.
    """
    experiment, plan = result.experiment, result.plan
    chases = sorted((a for a in plan.actions if isinstance(a, Visits)), key=lambda chase: chase.at_s)
    if experiment.policy is not None or not chases:
        return
    before = np.zeros(experiment.size, dtype=np.int32)
    for place, chase in enumerate(chases, start=1):
        actions = tuple(action for action in plan.actions if action not in chases[place:])
        after, began = (
            experiment.with_plan(replace(plan, actions=actions, horizon_s=until_s)).outcome(0)
            for until_s in (plan.horizon_s, chase.at_s)
        )
        listed, before = np.flatnonzero(after.devices.visits > before), after.devices.visits
        last_s, roster = began.devices.last_sync_at_s, began.roster
        last_s = np.where(last_s >= 0, last_s, -np.maximum(roster.silent_for_s, 0))
        order = listed[np.argsort(last_s[listed], kind="stable")].tolist()
        rows = tuple(
            (
                f"{result.at(chase.visit_s(number)):%a %Y-%m-%d %H:%M}",
                roster.name(device),
                roster.profiles[roster.profile[device]].group,
                rounded(int(chase.at_s - last_s[device])),
            )
            for number, device in enumerate(order)
        )
        columns = (Column("visit"), Column("device"), Column("group"), Column("silent before the list"))
        yield Table(columns, rows, f"To visit, by the list of {result.at(chase.at_s):%a %Y-%m-%d %H:%M}")


def _unbroken(text: str) -> Markup:
    """A text whose dates are not broken at their hyphens."""
    date = Markup('<span class="date">{}</span>')
    return Markup("").join(date.format(part) if n % 2 else part for n, part in enumerate(_DATE.split(text)))


def _counted(verdict: str, n: int) -> str:
    """`1 holds`, `2 hold`, `2 proved`."""
    return f"{n} {verdict.removesuffix('s') if n > 1 and verdict in ('holds', 'fails') else verdict}"


def _text(name: str) -> str:
    return (files("sim.report") / name).read_text(encoding="utf-8")


def _absences(profile: Profile) -> str:
    """How long devices of a group stay away, as a planner can check it."""
    if not isinstance(profile.presence, Spells) or not profile.presence.off.is_random:
        return ""
    half, tenth = (rounded(math.ceil(profile.presence.off.lasts_s(share))) for share in (0.5, 0.1))
    return f"{profile.group}: when away, half are back in {half}, one in ten is away for {tenth} or longer"


# --- files ------------------------------------------------------------------------------------------------


def page_in(directory: Path) -> bytes:
    """The page that `run --out` wrote to a directory.

    Raises:
        InputError: there is no result, it was changed since, or it has no page.
    """
    saved, path = read(directory), directory / PAGE
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
    is_page = False
    try:
        if path.is_file():
            with path.open("rb") as stream:
                is_page = stream.read(len(MARK)) == MARK
    except OSError as error:
        raise OutputError(f"{path} cannot be read: {error.strerror or error}") from error
    if not is_page:
        raise OutputError(f"{path} is something other than a page of reissue: it is left as it is")


def _command(result: Result) -> str:
    """What gives the same numbers again; of the file only its name, since folders are private."""
    source = result.scenario.source
    words = ["reissue", "run", "scenario.yaml" if source is None else source.path.name]
    for key, value in result.scenario.overrides:
        words += ["--set", f"{key}={value}"]
    return visible(shlex.join(words))
