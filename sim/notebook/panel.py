"""The what-if panel: what it asks, what every delay loses (model 9.1), and its controls of ipywidgets."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import ipywidgets as widgets
import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError
from sim.results.critical import CriticalDelays
from sim.results.measures import Selection
from sim.scenario.prepare import prepare, presence_of
from sim.scenario.problems import ScenarioError
from sim.scenario.scenario import Scenario
from sim.scenario.values import format_share
from sim.studies.alternatives import scaled, written_spells
from sim.studies.delays import CurveError, Waits, critical_delays_s, step_of
from sim.studies.exact import expected_losses
from sim.studies.experiment import Experiment
from sim.summary import Column, Summary, Table, notes
from sim.summary.answer import to_html
from sim.text import evenly, percent, plural, shortened, span
from sim.world.fleet import Spells
from sim.world.order import SECONDS_PER_DAY

_RUNS: Final = 25
"""A panel asks again and again; by this many runs the engine is chosen."""
_SYNC: Final = ("every", "success", "catch_up")
Habits = dict[str, Any]


class Panel(widgets.VBox):  # type: ignore[misc]
    """A scenario with controls; the answer follows them.

    Attributes:
        delay: days from the reissue to the activation; answered from what is known already.
        group: whose habits the controls below show.
        every, success, away, longer, catch_up: habits of that group; each change runs again.
        draw: the seed.
        answers: the losses of every delay under the habits shown.
        trouble: what is wrong with the last value, in words; empty where nothing is.
    """

    def __init__(self, scenario: Scenario, *, reissue: int | None = None, up_to_days: int = 60) -> None:
        self._scenario, self._step = step_meant(scenario, reissue)
        self._days = min(up_to_days, longest_days(self._scenario, self._step))
        self._habits = {number: habits_of(self._scenario, number) for number in range(len(scenario.fleet))}
        self.answers = self._answers(self._scenario.seed, self._habits)
        written = self._scenario.strategy[self._step].reissue
        own_s = (written.activate.after if written is not None else None) or self._days * SECONDS_PER_DAY
        style, wide = {"description_width": "9.5em"}, widgets.Layout(width="26em")
        slow: dict[str, Any] = {"continuous_update": False, "style": style, "layout": wide}
        self.delay = widgets.IntSlider(
            value=min(max(1, own_s // SECONDS_PER_DAY), self._days),
            min=1,
            max=self._days,
            description="delay (days)",
            style=style,
            layout=widgets.Layout(width="40em", max_width="100%"),
        )
        names = [(shortened(group.name, 40), number) for number, group in enumerate(scenario.fleet)]
        self.group = widgets.Dropdown(options=names, description="group", style=style, layout=wide)
        self.every = widgets.Text(description="sync every", placeholder="6h", **slow)
        self.success = widgets.Text(description="attempts succeed", placeholder="98%", **slow)
        self.away = widgets.FloatSlider(
            min=0.1, max=99.9, step=0.1, description="% of time away", readout_format=".1f", **slow
        )
        self.longer = widgets.FloatLogSlider(
            base=2, min=-3, max=3, step=0.25, description="absences ×", readout_format=".2f", **slow
        )
        self.catch_up = widgets.Checkbox(description="catches up what it missed", style=style, layout=wide)
        self.draw = widgets.BoundedIntText(
            min=0, max=2**53 - 1, value=self._scenario.seed, description="seed", style=style, layout=wide
        )
        self._controls = {
            "every": self.every,
            "success": self.success,
            "away": self.away,
            "longer": self.longer,
            "catch_up": self.catch_up,
        }
        self._answer, self._trouble = widgets.HTML(), widgets.HTML()
        self._show_habits()
        self._show_answer()
        self.delay.observe(lambda _: self._show_answer(), "value")
        self.group.observe(lambda _: self._show_habits(), "value")
        for control in (*self._controls.values(), self.draw):
            control.observe(lambda _: self._ask(), "value")
        left = widgets.VBox([self.group, *self._controls.values(), self.draw, self._trouble])
        below = widgets.HBox([left, self._answer], layout=widgets.Layout(flex_flow="row wrap"))
        super().__init__([self.delay, below])

    @property
    def scenario(self) -> Scenario:
        """The scenario that the controls describe, for `sim.run`."""
        key = f"strategy.{self._step}.reissue.activate"
        scenario = with_habits(self._scenario, self._habits, self.draw.value)
        return scenario.changed({key: f"after {self.delay.value}d"})

    @property
    def lost(self) -> int:
        """Devices that lose the server at this activation."""
        return sum(int(lost[self.delay.value - 1]) for lost in self.answers.lost.values())

    def _answers(self, seed: int, habits: dict[int, Habits]) -> Answers:
        return answers_of(with_habits(self._scenario, habits, seed), self._step, self._days)

    def _show_habits(self) -> None:
        """Put the habits of the chosen group into the controls, which is not a question."""
        habits, self._is_showing = self._habits[self.group.value], True
        for name, control in self._controls.items():
            control.value = 0.1 if habits[name] is None else habits[name]
        self.away.disabled = self.longer.disabled = habits["away"] is None
        self._is_showing = False
        self._complain("")

    def _ask(self) -> None:
        """Run again with what the controls say; where that is wrong, say so and keep the last answer."""
        if self._is_showing:
            return
        number = self.group.value
        values = {name: control.value for name, control in self._controls.items()}
        habits: Habits = {**values, "every": values["every"].strip(), "success": values["success"].strip()}
        if self._habits[number]["away"] is None:
            habits["away"] = None
        wanted = {**self._habits, number: habits}
        try:
            answers = self._answers(self.draw.value, wanted)
        except InputError as error:
            problems = error.problems if isinstance(error, ScenarioError) else ()  # without their places
            self._complain("; ".join(problem.message for problem in problems) or str(error))
            return
        self._habits, self.answers = wanted, answers
        self._complain("")
        self._show_answer()

    def _complain(self, words: str) -> None:
        kept = notes("The answer is still that of the values before.")
        card = to_html(Summary("This cannot be", words, (kept,), tone="bad"))
        self.trouble, self._trouble.value = words, f'<div role="alert">{card}</div>' if words else ""

    def _show_answer(self) -> None:
        self._answer.value = to_html(self.answers.summary(self._scenario.name, self.delay.value))

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """The live panel, and the answer as it stands for viewers without a kernel."""
        shows = super()._repr_mimebundle_(**kwargs)
        data, *rest = shows if isinstance(shows, tuple) else (shows,)
        data = {**data, "text/html": self._answer.value, "text/plain": repr(self)}
        return (data, *rest) if rest else data

    def __repr__(self) -> str:
        devices, delay = sum(self.answers.devices.values()), plural(self.delay.value, "day")
        return f"<what if: {self.lost:,} of {devices:,} devices lost after {delay}>"


@dataclass(frozen=True, eq=False)
class Answers:
    """What each activation delay loses, of a scenario and one of its reissues.

    Attributes:
        devices: how many each group has, by its name.
        lost: how many of them lose the server at the activation after 1, 2, … days; int64, shape (days,).
        expected: the same of all on average, computed; None where that takes a simulation.
    """

    devices: Mapping[str, int]
    lost: Mapping[str, NDArray[np.int64]]
    expected: NDArray[np.float64] | None

    def summary(self, title: str, days: int) -> Summary:
        """What a delay of so many days loses, and what some others do."""
        curve, devices = np.sum(list(self.lost.values()), axis=0).tolist(), sum(self.devices.values())
        rows = [(name, self.devices[name], int(lost[days - 1])) for name, lost in self.lost.items()]
        if len(rows) > 1:
            rows.append(("all", devices, curve[days - 1]))
        counts = Column("devices", "count"), Column("lost", "count")
        shares = tuple((*row, row[2] / row[1] if row[1] else None) for row in rows)
        some = sorted({*evenly(range(1, len(curve) + 1), 9), days})
        delays: tuple[tuple[Any, ...], ...] = tuple(
            (f"{day} (here)" if day == days else f"{day}", curve[day - 1], curve[day - 1] / max(*curve, 1))
            for day in some
        )
        columns = [Column("delay (days)"), Column("lost", "count"), Column("", "bar")]
        if self.expected is not None:
            columns.insert(2, Column("computed", "tenths"))
            means = (float(self.expected[day - 1]) for day in some)
            delays = tuple((*row[:2], mean, row[2]) for row, mean in zip(delays, means, strict=True))
        return Summary(
            title,
            f"After {plural(days, 'day')}, {curve[days - 1]:,} of {devices:,} devices lose the server "
            f"({percent(shares[-1][3])}).",
            (
                Table((Column("group"), *counts, Column("share", "share")), shares, has_total=len(rows) > 1),
                Table(tuple(columns), delays),
                notes("Losses at this activation; a help desk comes after them."),
            ),
            tone="bad" if curve[days - 1] else "good",
        )


def longest_days(scenario: Scenario, step: int) -> int:
    """Whole days from a reissue to the expiry of the main certificate, after which no delay can last.

    Raises:
        CurveError: there is less than a day.
    """
    prepared = prepare(scenario)
    written = prepared.scenario.strategy[step].reissue
    assert written is not None
    left_s = prepared.scenario.expiry_s - prepared.instant_of(step)
    days = left_s // SECONDS_PER_DAY
    if written.valid_for is not None:
        days = min(days, (written.valid_for - 1) // SECONDS_PER_DAY)
    if days < 1:
        raise CurveError(
            "the reissue comes less than a day before the main certificate expires: nothing is left to choose"
        )
    return int(days)


def answers_of(scenario: Scenario, step: int, days: int) -> Answers:
    """Run once, and know the losses of every delay of up to so many days.

    Raises:
        CurveError: more happens to the main certificate than this one activation.
    """
    prepared = prepare(scenario)
    plan = prepared.plan.with_delay(step, days * SECONDS_PER_DAY)
    specified_s = plan.reissue(step).at_s
    plan = replace(plan, recovery=None)  # the help desk helps those that are lost already
    end_s = specified_s + days * SECONDS_PER_DAY + 1  # what follows changes nothing
    experiment = Experiment.of(prepared.with_plan(plan).until(end_s), runs=_RUNS)
    experiment.notify(lambda sentence: print(sentence, file=sys.stderr, flush=True))
    delays_s = np.arange(1, days + 1, dtype=np.int64) * SECONDS_PER_DAY
    waits = Waits.of(experiment.prepared, step, delays_s)
    if waits is None:
        raise CurveError(
            "something else happens to the main certificate before this reserve becomes main, so that the "
            "delays do not share one run: sim.curve tries each of them"
        )
    parts = [
        (experiment.prepared.roster(within), critical_delays_s(experiment, 0, within, specified_s))
        for within in experiment.parts
    ]
    found = {
        name: CriticalDelays.of_delays(parts, refused_by=waits.refused_by, selection=Selection(group=name))
        for name in parts[0][0].groups
    }
    lost = {name: waits.lost(delays) for name, delays in found.items()}
    expected = expected_losses(experiment.prepared, step, delays_s)
    return Answers({name: delays.size for name, delays in found.items()}, lost, expected)


def step_meant(scenario: Scenario, number: int | None) -> tuple[Scenario, int]:
    """The scenario and the index of the reissue that is meant; one is added where there is none.

    Raises:
        CurveError: there are several, and none is named; or there is no such reissue.
    """
    if number is None and not any(step.reissue is not None for step in scenario.strategy):
        added = {"at": "start", "reissue": {"activate": "at expiry"}}
        scenario = scenario.changed({"strategy": [*scenario.document.get("strategy", ()), added]})
    return scenario, step_of(scenario, number)


def habits_of(scenario: Scenario, number: int) -> Habits:
    """How the devices of a group live: `every`, `success` and `catch_up` of its synchronizations, as the
    language writes them; `away`: per cent of the time, to a tenth, None without spells; `longer`: how many
    times as long as the scenario says its absences are, for the same share of the time.
    """
    sync, presence = scenario.fleet[number].sync, _spells(scenario, number)
    return {
        "every": span(sync.every),
        "success": format_share(sync.success),
        "catch_up": sync.catch_up,
        "away": None if presence is None else round(100 * (1 - presence.on_share), 1),
        "longer": 1.0,
    }


def with_habits(scenario: Scenario, habits: Mapping[int, Habits], seed: int) -> Scenario:
    """The scenario with other habits of groups, by their index; what is as before is left as it is written.

    Raises:
        InputError: a value is impossible; the message says what would be right.
    """
    changes: dict[str, Any] = {} if seed == scenario.seed else {"seed": seed}
    for number, wanted in habits.items():
        before, key = habits_of(scenario, number), f"fleet.{number}"
        changed = {name for name in wanted if wanted[name] != before[name]}
        changes |= {f"{key}.sync.{name}": wanted[name] for name in _SYNC if name in changed}
        if changed & {"away", "longer"}:
            changes[f"{key}.presence"] = _presence(scenario, number, wanted, is_share="away" in changed)
    return scenario.changed(changes) if changes else scenario


def _presence(scenario: Scenario, number: int, wanted: Habits, *, is_share: bool) -> dict[str, Any]:
    """Spells whose absences are longer and, with `is_share`, off for the wanted share of the time."""
    presence, written, longer = _spells(scenario, number), written_spells(scenario, number), wanted["longer"]
    if presence is None or written is None:
        raise InputError("a group that is always or never on has no absences to change")
    stretch = longer
    if is_share:
        share = wanted["away"] / 100
        stretch = longer * presence.off.mean_s * (1 - share) / share / presence.on.mean_s
    return {"on": scaled(written["on"], stretch), "off": scaled(written["off"], longer)}


def _spells(scenario: Scenario, number: int) -> Spells | None:
    """The spells of a group, which its list may show; None without any."""
    presence = presence_of(scenario, scenario.fleet[number], scenario.inventories.get(number))
    return presence if isinstance(presence, Spells) else None
