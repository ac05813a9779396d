"""The what-if panel gives the numbers of `sim.run`, and says in words what is wrong."""

from __future__ import annotations

import builtins
import importlib.util
from typing import Any

import pytest

import sim
from sim.errors import InputError
from sim.studies.delays import CurveError


def scenario(**changes: Any) -> sim.Scenario:
    return sim.Scenario.from_document(
        {
            "name": "Two <b>groups</b>",
            "start": "2026-03-01",
            "duration": "40d",
            "server": {"certificate": {"expires": "day 30"}, "automatic_reissue": "off"},
            "fleet": [
                {
                    "name": "<script>away</script>",
                    "devices": 20,
                    "sync": {"every": "12h", "success": "80%"},
                    "presence": {"on": {"exponential": "4d"}, "off": {"exponential": "4d"}},
                },
                {"name": "even", "devices": 10, "sync": {"every": "10d", "phase": "even"}},
            ],
            "strategy": [{"at": "day 10", "reissue": {"activate": "after 7d"}}],
            **changes,
        }
    )


def lost(of: sim.Scenario) -> float | None:
    return sim.run(of, engine="process").measures["lost_devices"]


def test_the_panel_begins_as_the_scenario_is_written() -> None:
    panel = sim.what_if(scenario())
    assert (panel.delay.value, panel.delay.max) == (7, 20)  # 20 days from the reissue to the expiry
    assert panel.every.value == "12h"
    assert panel.success.value == "80%"
    assert panel.away.value == 50.0  # 4 days of 8
    assert panel.scenario == scenario()


def test_every_delay_has_the_number_of_a_run() -> None:
    panel = sim.what_if(scenario())
    for days in (1, 2, 7, 13, 20):
        panel.delay.value = days
        assert panel.lost == lost(panel.scenario)
        assert f"After {days} day" in panel.children[1].children[1].value
        assert panel.answers.expected is not None
        computed = sim.exact(panel.scenario).law.mean
        assert panel.answers.expected[days - 1] == pytest.approx(computed, rel=1e-3, abs=1e-6)


def test_even_devices_are_lost_as_counted_by_hand() -> None:
    # Ten devices, due half a day after day 10, one and a half, …: three have the reserve within three days.
    panel = sim.what_if(scenario())
    assert panel.answers.lost["even"][2] == 7
    assert panel.answers.lost["even"][9] == 0


def test_the_second_of_the_switch_is_too_late_and_the_one_before_is_not() -> None:
    # Every 2 days from 00:00: on day 11 at 00:00 a day has passed since the reserve (model 2).
    fleet = [
        {"name": "before", "devices": 1, "sync": {"every": "2d", "phase": "23h59m59s"}},
        {"name": "at", "devices": 1, "sync": {"every": "2d", "phase": "1d"}},
    ]
    panel = sim.what_if(scenario(fleet=fleet))
    assert {name: lost[0] for name, lost in panel.answers.lost.items()} == {"before": 0, "at": 1}


@pytest.mark.parametrize(
    ("control", "value"),
    [
        ("every", "3d"),
        ("success", "30%"),
        ("away", 75.0),
        ("longer", 2.0),
        ("catch_up", False),
        ("draw", 12),
    ],
)
def test_each_control_runs_again_and_gives_the_number_of_a_run(control: str, value: object) -> None:
    panel = sim.what_if(scenario())
    before = panel.answers
    getattr(panel, control).value = value
    assert panel.answers is not before
    assert panel.scenario != scenario()
    assert panel.lost == lost(panel.scenario)


def test_longer_absences_keep_their_share_of_the_time() -> None:
    panel = sim.what_if(scenario())
    panel.longer.value = 2.0
    presence = panel.scenario.fleet[0].presence
    assert not isinstance(presence, str)
    assert presence.off.mean_s == presence.on.mean_s == 8 * 86_400
    panel.away.value = 80.0
    presence = panel.scenario.fleet[0].presence
    assert presence.off.mean_s == 8 * 86_400
    assert presence.on.mean_s == 2 * 86_400


def test_each_group_keeps_its_own_habits() -> None:
    panel = sim.what_if(scenario())
    panel.every.value = "1d"
    panel.group.value = 1
    assert panel.every.value == "10d"
    assert panel.away.disabled
    panel.every.value = "5d"
    assert [group.sync.every for group in panel.scenario.fleet] == [86_400, 5 * 86_400]
    panel.group.value = 0
    assert panel.every.value == "1d"


def test_a_wrong_value_is_told_in_words_and_the_last_answer_stays() -> None:
    panel = sim.what_if(scenario())
    before, trouble = panel.answers, panel.children[1].children[0].children[-1]
    panel.every.value = "<i>soon"
    assert panel.answers is before
    assert "is not a duration: write a duration such as" in panel.trouble
    assert "&lt;i&gt;soon" in trouble.value
    assert "<i>" not in trouble.value
    assert panel.scenario == scenario()
    panel.every.value = "6h"
    assert panel.trouble == trouble.value == ""
    panel.success.value = "180%"
    assert panel.trouble
    panel.success.value = "90%"
    assert panel.trouble == ""
    assert panel.lost == lost(panel.scenario)


def test_the_panel_shows_itself_without_a_kernel_and_escapes_names() -> None:
    panel = sim.what_if(scenario())
    shows = panel._repr_mimebundle_()
    data = shows[0] if isinstance(shows, tuple) else shows
    assert "application/vnd.jupyter.widget-view+json" in data
    html = data["text/html"]
    assert f"{panel.lost} of 30 devices" in html
    assert "7 (here)" in html
    assert "&lt;script&gt;away" in html
    assert "<script" not in html
    assert "<b>" not in html


def test_what_has_no_one_curve_is_refused_in_words() -> None:
    two = [{"at": f"day {day}", "reissue": {"activate": "after 12d"}} for day in (1, 20)]
    with pytest.raises(CurveError, match="2 reissues"):
        sim.what_if(scenario(strategy=two))
    with pytest.raises(CurveError, match="something else happens to the main certificate"):
        sim.what_if(scenario(strategy=two), reissue=1)
    with pytest.raises(InputError, match="up_to_days"):
        sim.what_if(scenario(), up_to_days=0)


def test_without_ipywidgets_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "sim.notebook.what_if.find_spec", lambda name: None if name == "ipywidgets" else found(name)
    )
    with pytest.raises(InputError, match=r"\[notebook\]"):
        sim.what_if(scenario())


def test_results_do_not_need_ipywidgets(monkeypatch: pytest.MonkeyPatch) -> None:
    load = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        assert not name.startswith("ipywidgets")
        return load(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    assert "<table" in sim.run(scenario())._repr_html_()
