"""The what-if panel: controls of ipywidgets around `Answers`."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import ipywidgets as widgets

from sim.errors import InputError
from sim.notebook import answers
from sim.notebook.answers import Answers, Habits, with_habits
from sim.scenario.problems import ScenarioError
from sim.scenario.scenario import Scenario
from sim.summary.card import escaped, to_html
from sim.text import plural, shortened

_WIDTH: Final = 560
_HEIGHT: Final = 210
_LEFT: Final = 62
_RIGHT: Final = 14
_TOP: Final = 12
_BOTTOM: Final = 38
_ORANGE: Final = "#d55e00"
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
        self._scenario, self._step = answers.step_meant(scenario, reissue)
        self._days = min(up_to_days, answers.longest_days(self._scenario, self._step))
        self._habits = {number: Habits.of(self._scenario, number) for number in range(len(scenario.fleet))}
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
        experiment = answers.experiment_of(scenario, self._step, self._days)
        experiment.notify(lambda sentence: print(sentence, file=sys.stderr, flush=True))
        return answers.answers_of(experiment, self._step, self._days)

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


def curve_svg(lost: Sequence[int], chosen: int) -> str:
    """Lost devices over the delay in whole days from 1 on, with the chosen day marked.

    Args:
        lost: one number for each day.
        chosen: a day from 1 on.
    """
    top = _round_up(max(lost))
    across = max(len(lost) - 1, 1)

    def x(day: float) -> float:
        return _LEFT + (day - 1) / across * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - value / top * (_HEIGHT - _TOP - _BOTTOM)

    line = " ".join(f"{x(day):.1f},{y(value):.1f}" for day, value in enumerate(lost, start=1))
    here = lost[chosen - 1]
    parts = [
        *(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" '
            f'stroke="currentColor" stroke-opacity=".2"/>'
            f'<text x="{_LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:,.0f}</text>'
            for value in (0, top / 2, top)
        ),
        *(
            f'<text x="{x(day):.1f}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">{day}</text>'
            for day in _ticks(len(lost))
        ),
        f'<text x="{(_LEFT + _WIDTH) / 2:.0f}" y="{_HEIGHT - 4}" text-anchor="middle">'
        "activation delay (days)</text>",
        f'<polyline points="{line}" fill="none" stroke="currentColor" stroke-width="2"/>',
        f'<line x1="{x(chosen):.1f}" x2="{x(chosen):.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}" '
        f'stroke="{_ORANGE}" stroke-dasharray="4 3"/>',
        f'<circle cx="{x(chosen):.1f}" cy="{y(here):.1f}" r="5" fill="{_ORANGE}"/>',
    ]
    label = f"Lost devices by activation delay: {here:,} after {chosen} days"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" style="max-width:100%;height:auto" '
        f'role="img" aria-label="{label}" font-size="12" fill="currentColor" font-family="sans-serif">'
        f"<title>{label}</title>{''.join(parts)}</svg>"
    )


def _round_up(most: int) -> float:
    """A round number of at least 2 and at least the most."""
    if most <= 2:
        return 2
    power = 10 ** math.floor(math.log10(most))
    return float(next(step * power for step in (1, 2, 4, 6, 8, 10) if step * power >= most))


def _ticks(days: int) -> list[int]:
    step = next(step for step in (1, 5, 10, 20, 50, 100) if days / step <= 10)
    return [day for day in range(1, days + 1) if day == 1 or (day % step == 0)]
