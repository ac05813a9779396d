"""A wrong argument of the Python interface is one sentence, an `InputError`, with what would be right."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

import sim as typed
from sim.errors import InputError

sim: Any = typed  # what a checker of types would refuse is what is tried here
PLAN = sim.Scenario.from_document(
    {
        "name": "n",
        "start": "2026-03-01",
        "duration": "70d",
        "server": {"certificate": {"expires": "day 61"}, "automatic_reissue": "off"},
        "fleet": [
            {"name": "desk phones", "devices": 3, "presence": {"on": "1d", "off": {"uniform": ["1h", "9d"]}}}
        ],
        "strategy": [{"at": "day 3", "reissue": {"activate": "after 30d"}}],
    }
)
RESULT = sim.run(PLAN)
LIST = pd.DataFrame({"id": ["a", "b"], "last_sync": ["2026-02-01", "2026-03-01"]})


class Idle(typed.Policy):
    """Does nothing."""

    def decide(self, now: Any) -> None:
        pass


COMPUTE = {"engine", "seed", "replications", "workers", "cluster", "store", "keep", "progress", "notice"}
STUDIES = ("compare", "curve", "exact", "plan", "rehearse", "run", "sweep", "verify", "what_if", "why")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: sim.plan(PLAN, lost_at_most="many"), '"many" is not a share or a number'),
        (lambda: sim.plan(PLAN, lost_at_most="200%"), "not a share or a number"),
        (lambda: sim.why(PLAN), "missing a required argument: 'device'"),
        (lambda: sim.load({}), "from_document"),
        (lambda: sim.why(PLAN, 3), 'no device "3"'),
        (lambda: sim.compare([PLAN, PLAN]), "write compare\\(a, b\\)"),
        (lambda: sim.compare(PLAN, 3), "the number 3"),
        (lambda: RESULT.plot.losses(), "there is no figure losses: .*delivery"),
        (lambda: RESULT.plot.histories(3), 'no device "3"'),
        (lambda: sim.run(PLAN, engine="gpu"), "choose auto, process or fleet"),
        (lambda: sim.run(PLAN, workers="many"), 'workers is a whole number, not "many"'),
        (lambda: sim.run(PLAN, seeds=3), "'seeds': it takes scenario"),
        (lambda: sim.curve(PLAN, 0), "too many positional arguments"),
        (lambda: sim.sweep(PLAN, vary=3), "vary is a dictionary"),
        (lambda: sim.inventory({}), "a file or a DataFrame"),
        (lambda: sim.inventory(LIST, nonsense=1), "nonsense"),
        (lambda: sim.run(PLAN, workers=2, cluster="tcp://127.0.0.1:1"), "give one of them"),
        (lambda: sim.run(PLAN, policy=Idle(), workers=2), "asked in this process"),
        (lambda: sim.compare({"a": PLAN, "b": (PLAN, Idle())}, workers=2), "asked in this process"),
        (lambda: sim.forecast(LIST, delay=28), "28 has no unit"),
        (lambda: sim.forecast(LIST, lost_at_most="x"), "not a share or a number"),
        (lambda: sim.rehearse(PLAN, devices=0), "at least one device"),
        (lambda: sim.what_if(PLAN, up_to_days="x"), "up_to_days is a whole number"),
    ],
)
def test_a_wrong_argument_is_one_sentence(call: Callable[[], object], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_checks_its_arguments_and_shows_its_own(name: str) -> None:
    study = getattr(sim, name)
    required: dict[str, dict[str, Any]] = {
        "plan": {"lost_at_most": 1},
        "sweep": {"vary": {}},
        "why": {"device": "x"},
    }
    given = required.get(name, {})
    with pytest.raises(InputError, match="'nonsense': it takes"):
        study(PLAN, nonsense=1, **given)
    with pytest.raises(InputError, match="a scenario is expected here"):
        study("plan.yaml", **given)
    shown = inspect.signature(study).parameters
    assert next(iter(shown)) in ("scenario", "first")
    assert shown.keys() >= COMPUTE or name in ("exact", "rehearse", "verify", "what_if", "why")


def test_a_figure_that_is_not_there_is_none_for_those_who_ask_politely() -> None:
    assert getattr(RESULT.plot, "_repr_html_", None) is None
    assert not hasattr(RESULT.plot, "losses")


def test_what_may_be_lost_and_a_delay_are_taken_as_people_write_them() -> None:
    assert sim.plan(PLAN, lost_at_most="40%", vary=False, replications=19).delay_days == (
        sim.plan(PLAN, lost_at_most=0.4, vary=False, replications=19).delay_days
    )
    with pytest.raises(InputError, match="not a share"):
        sim.plan(PLAN, lost_at_most="-1")
    by_text, by_span = (sim.forecast(LIST, delay=each).to_json() for each in ("28d", timedelta(days=28)))
    assert by_text == by_span


def test_progress_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    sim.run(PLAN, progress=True)
    shown = capsys.readouterr().err
    assert shown.rstrip().endswith("100 %")
    assert shown.count("\n") == 1
    assert " left" in shown
