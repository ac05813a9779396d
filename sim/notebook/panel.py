"""The what-if panel: controls of ipywidgets around `Answers`."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import ipywidgets as widgets

from sim.errors import InputError
from sim.notebook.answers import Answers, answers_of, experiment_of, longest_days, step_meant
from sim.notebook.chart import curve_svg
from sim.notebook.question import Habits, with_habits
from sim.scenario.problems import ScenarioError
from sim.scenario.scenario import Scenario
from sim.summary.card import escaped, to_html
from sim.text import plural, shortened

_WIDE = {"description_width": "9.5em"}


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
        self._habits = dict(enumerate(map(Habits.of, self._scenario.fleet)))
        self._is_showing = False
        self.answers = self._answers()
        wide = widgets.Layout(width="26em")
        self.delay = widgets.IntSlider(
            value=min(self._own_delay(), self._days),
            min=1,
            max=self._days,
            description="delay (days)",
            style=_WIDE,
            layout=widgets.Layout(width="40em", max_width="100%"),
        )
        names = [(shortened(group.name, 40), number) for number, group in enumerate(scenario.fleet)]
        self.group = widgets.Dropdown(options=names, description="group", style=_WIDE, layout=wide)
        slow: dict[str, Any] = {"continuous_update": False, "style": _WIDE, "layout": wide}
        self.every = widgets.Text(description="sync every", placeholder="6h", **slow)
        self.success = widgets.Text(description="attempts succeed", placeholder="98%", **slow)
        self.away = widgets.FloatSlider(
            min=0.1, max=99.9, step=0.1, description="% of time away", readout_format=".1f", **slow
        )
        self.longer = widgets.FloatLogSlider(
            base=2, min=-3, max=3, step=0.25, value=1, description="absences ×", readout_format=".2f", **slow
        )
        self.catch_up = widgets.Checkbox(description="catches up what it missed", style=_WIDE, layout=wide)
        self.draw = widgets.BoundedIntText(
            min=0, max=2**53 - 1, value=self._scenario.seed, description="seed", style=_WIDE, layout=wide
        )
        self._answer = widgets.HTML()
        self._trouble = widgets.HTML()
        self.trouble = ""
        self._show_habits()
        self._show_answer()
        self.delay.observe(lambda _: self._show_answer(), "value")
        self.group.observe(lambda _: self._show_habits(), "value")
        habits = (self.every, self.success, self.away, self.longer, self.catch_up)
        for control in (*habits, self.draw):
            control.observe(lambda _: self._ask(), "value")
        left = widgets.VBox([self.group, *habits, self.draw, self._trouble])
        below = widgets.HBox([left, self._answer], layout=widgets.Layout(flex_flow="row wrap"))
        super().__init__([self.delay, below])

    @property
    def scenario(self) -> Scenario:
        """The scenario that the controls describe, for `sim.run`."""
        key = f"strategy.{self._step}.reissue.activate"
        scenario = with_habits(self._scenario, self._habits, self._seed)
        return scenario.changed({key: f"after {self.delay.value}d"})

    @property
    def lost(self) -> int:
        """Devices that lose the server at this activation."""
        return sum(self.answers.lost_by_group(self.delay.value).values())

    @property
    def _seed(self) -> int:
        return self.draw.value if hasattr(self, "draw") else self._scenario.seed

    def _own_delay(self) -> int:
        written = self._scenario.strategy[self._step].reissue
        assert written is not None
        after_s = written.activate.after
        return self._days if after_s is None else max(1, after_s // 86_400)

    def _answers(self, seed: int | None = None, habits: dict[int, Habits] | None = None) -> Answers:
        seed = self._scenario.seed if seed is None else seed
        scenario = with_habits(self._scenario, habits or self._habits, seed)
        experiment = experiment_of(scenario, self._step, self._days)
        for sentence in experiment.notices():
            print(sentence, file=sys.stderr, flush=True)
        return answers_of(experiment, self._step, self._days)

    def _show_habits(self) -> None:
        """Put the habits of the chosen group into the controls, which is not a question."""
        if self.group.value is None:
            return
        habits = self._habits[self.group.value]
        self._is_showing = True
        self.every.value, self.success.value = habits.every, habits.success
        self.catch_up.value, self.longer.value = habits.catch_up, habits.longer
        self.away.value = 0.1 if habits.away_percent is None else habits.away_percent
        self.away.disabled = self.longer.disabled = habits.away_percent is None
        self._is_showing = False
        self._complain("")

    def _ask(self) -> None:
        """Run again with what the controls say; where that is wrong, say so and keep the last answer."""
        if self._is_showing or self.group.value is None:
            return
        number = self.group.value
        before = self._habits[number]
        habits = replace(
            before,
            every=self.every.value.strip(),
            success=self.success.value.strip(),
            catch_up=self.catch_up.value,
            away_percent=None if before.away_percent is None else self.away.value,
            longer=self.longer.value,
        )
        wanted = {**self._habits, number: habits}
        try:
            answers = self._answers(self.draw.value, wanted)
        except InputError as error:
            self._complain(_words(error))
            return
        self._habits, self.answers = wanted, answers
        self._complain("")
        self._show_answer()

    def _complain(self, words: str) -> None:
        self.trouble = words
        kept = "The answer is still that of the values before."
        self._trouble.value = (
            f'<div role="alert" style="border-left:4px solid #d55e00;padding-left:.8em;max-width:24em;'
            f'line-height:1.4">{escaped(words)}<br>{kept}</div>'
            if words
            else ""
        )

    def _show_answer(self) -> None:
        self._answer.value = self._card()

    def _card(self) -> str:
        days = self.delay.value
        summary = self.answers.summary(self._scenario.name, days)
        return to_html(summary, drawing=curve_svg(self.answers.curve(), days))

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """The live panel, and the answer as it stands for viewers without a kernel."""
        shows = super()._repr_mimebundle_(**kwargs)
        data, *rest = shows if isinstance(shows, tuple) else (shows,)
        data = {**data, "text/html": self._card(), "text/plain": repr(self)}
        return (data, *rest) if rest else data

    def __repr__(self) -> str:
        days = self.delay.value
        devices = sum(self.answers.devices.values())
        return f"<what if: {self.lost:,} of {devices:,} devices lost after {plural(days, 'day')}>"


def _words(error: InputError) -> str:
    """What is wrong, without the places in a file that the panel's user does not see."""
    if isinstance(error, ScenarioError):
        return "; ".join(problem.message for problem in error.problems)
    return str(error)
