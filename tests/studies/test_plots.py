"""Figures show the numbers of the run, say what they mean without colours, and treat names as text."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import sim
from sim.errors import InputError
from sim.figures import FigureError, bars
from sim.figures.style import svg_bytes
from sim.studies import plots

HALF = {
    "name": "Half <b>& $half$",
    "start": "2026-03-01",
    "duration": "2d",
    "server": {"automatic_reissue": "off"},
    "fleet": [{"name": "phones", "devices": 10, "sync": {"every": "10h", "phase": "even"}}],
    "strategy": [{"at": "start", "reissue": {"activate": "after 5h"}}],
    "recovery": {"technicians": 1, "begins": "1h", "owner_responds": "1h", "takes": "2h"},
}
"""Ten phones, evenly over 10 h, and an activation 5 h after the reserve: the last five are lost. They call
one hour later, are ready after another, and are mended one after the other, 2 h each: back at 9, 11, 13, 15,
and 17 h."""


@pytest.fixture(scope="module")
def result() -> sim.Result:
    return sim.run(sim.Scenario.from_document(HALF))


def hours(axes: Axes, dates: object) -> list[float]:
    """Dates of a figure of `HALF` as hours from the start."""
    start = np.datetime64("2026-03-01") - np.datetime64("1970-01-01")
    return [round(float(x), 4) for x in (np.asarray(dates) - start.astype(float)) * 24]


def words(figure: Figure) -> list[str]:
    """Every text beside the curves."""
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_delivery_shows_the_coverage_and_the_activation(result: sim.Result) -> None:
    figure = result.plot.delivery()
    (axes,) = figure.axes
    coverage = axes.lines[0]
    assert coverage.get_ydata()[:5].tolist() == [0.0, 0.1, 0.2, 0.3, 0.4]  # one more phone every hour
    assert np.isnan(coverage.get_ydata()[5:]).all()  # no reserve waits any more
    switches = {hours(axes, line.get_xdata())[0] for line in axes.lines if len(set(line.get_xdata())) == 1}
    assert {0.0, 5.0} <= switches
    assert {"becomes main", "50 % hold it, 5 do not"} <= set(words(figure))
    assert axes.get_ylabel() == "devices that hold it"
    assert axes.get_xlabel() == "date (UTC)"


def test_devices_shows_the_connected_the_lost_and_those_back_again(result: sim.Result) -> None:
    figure = result.plot.devices()
    above, below = figure.axes
    connected = above.lines[0].get_ydata()
    assert connected[20] == 10  # two periods of 10 h have passed, and all five are back
    assert np.isnan(connected[:20]).all()  # before that, a device may be connected and not yet have shown it
    lost, back = below.lines[:2]
    assert [lost.get_ydata()[h] for h in (4, 5, 8, 9, 11, 13, 15, 17)] == [0, 5, 5, 4, 3, 2, 1, 0]
    assert [back.get_ydata()[h] for h in (4, 5, 8, 9, 11, 13, 15, 17)] == [0, 0, 0, 1, 2, 3, 4, 5]
    assert lost.get_linestyle() != back.get_linestyle()  # told apart without colours
    assert {"lost now", "back again"} <= set(words(figure))


def test_the_queue_stands_against_the_technicians(result: sim.Result) -> None:
    figure = result.plot.queue()
    (axes,) = figure.axes
    waiting = next(line for line in axes.lines if len(line.get_ydata()) == 48).get_ydata()
    assert [waiting[h] for h in (6, 7, 9, 11, 13, 15)] == [0, 4, 3, 2, 1, 0]
    assert any(set(line.get_ydata()) == {1} for line in axes.lines)
    assert {"1 technician", "at most 4, Sun 07:00"} <= set(words(figure))


def test_syncs_shows_the_load_of_each_hour(result: sim.Result) -> None:
    (axes,) = result.plot.syncs().axes
    assert axes.lines[0].get_ydata()[:4].tolist() == [1, 1, 1, 1]  # ten phones in ten hours
    assert axes.get_ylabel() == "per hour"


def test_the_curve_has_the_numbers_of_the_decision_and_both_delays(result: sim.Result) -> None:
    figure = result.plot.curve()
    (axes,) = figure.axes
    points = result.decision.curve
    assert axes.lines[0].get_xdata().tolist() == [point.days for point in points]
    assert axes.lines[0].get_ydata().tolist() == [point.lost[1] for point in points]
    assert axes.get_ylabel() == "lost devices (median)"
    assert any("this scenario" in text for text in words(figure))
    assert any("recommended, 30 days" in text for text in words(figure))


def test_certificates_are_bands_of_reserve_and_main(result: sim.Result) -> None:
    figure = result.plot.certificates()
    (axes,) = figure.axes
    bands = [
        (row, collection.get_hatch(), hours(axes, path.vertices[:, 0]))
        for collection in axes.collections
        for path in collection.get_paths()
        for row in [round(float(path.vertices[:, 1].mean()))]
    ]
    assert any(row == 1 and hatch and (min(x), max(x)) == (0, 5) for row, hatch, x in bands)  # waits 5 h
    assert any(row == 0 and (min(x), max(x)) == (0, 5) for row, _, x in bands)  # was main
    assert any(row == 1 and (min(x), max(x)) == (5, 48) for row, _, x in bands)  # is main
    labels = {text.get_text() for text in axes.get_legend().get_texts()}
    assert {"waits as reserve", "is main", "valid", "expires"} <= labels


def test_a_certificate_that_stays_main_after_its_expiry_is_marked() -> None:
    late = sim.Scenario.from_document(
        {**HALF, "server": {"certificate": {"expires": "day 1"}, "automatic_reissue": "off"}, "strategy": []}
    )
    (axes,) = sim.run(late).plot.certificates().axes
    assert "main, but expired" in {text.get_text() for text in axes.get_legend().get_texts()}


def test_histories_show_lost_and_kept_devices_as_strips(result: sim.Result) -> None:
    figure = result.plot.histories()
    (axes,) = figure.axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names[0] == "phones/9"  # lost the longest: first come, first served
    assert names[-1] == "phones/4"  # kept, with the least time to spare
    lost = [c for c in axes.collections if c.get_hatch()]
    assert {tuple(sorted(set(hours(axes, path.vertices[:, 0])))) for c in lost for path in c.get_paths()} == {
        (5.0, 17.0),
        (5.0, 15.0),
    }
    named = result.plot.histories(["phones/5"]).axes[0]
    assert [label.get_text() for label in named.get_yticklabels()] == ["phones/5"]
    marks = [line for line in named.lines if line.get_marker() == "P"]
    assert hours(named, marks[0].get_xdata()) == [9.0]  # its reinstallation


def test_a_figure_that_cannot_be_says_why(result: sim.Result) -> None:
    alone = sim.run(sim.Scenario.from_document({**HALF, "recovery": "none", "strategy": []}))
    with pytest.raises(InputError, match="no help desk"):
        alone.plot.queue()
    with pytest.raises(InputError, match="has no device"):
        result.plot.histories(["phones/10"])
    with pytest.raises(InputError, match="room for 24"):
        result.plot.histories([f"phones/{n}" for n in range(25)])


def test_a_curve_plots_its_means_and_its_band() -> None:
    days = {
        **HALF,
        "name": "days",
        "duration": "8d",
        "fleet": [{"name": "p", "devices": 20, "sync": {"every": "4d"}}],
        "strategy": [{"at": "start", "reissue": {"activate": "after 4d"}}],
        "recovery": "none",
        "replications": 3,
    }
    found = sim.curve(sim.Scenario.from_document(days))
    (axes,) = found.plot().axes
    assert axes.lines[0].get_xdata().tolist() == [1, 2, 3, 4]
    assert axes.lines[0].get_ydata().tolist() == found.table["lost_devices"].tolist()
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert band.max() == found.table["high"].max()
    assert axes.get_ylabel() == "lost devices (mean)"
    assert "5 to 95 % of 3 runs" in words(found.plot())


def test_a_comparison_shows_each_difference_with_its_interval() -> None:
    base = {**HALF, "recovery": "none"}
    a, b = (
        sim.Scenario.from_document({**base, "name": name, "strategy": [{"at": "start", "reissue": reissue}]})
        for name, reissue in (("a $", {"activate": "after 5h"}), ("b", {"activate": "after 10h1s"}))
    )
    compared = sim.compare(a, b)
    (axes,) = compared.plot().axes
    (lost,) = [d for d in compared.differences if d.measure == "lost_devices"]
    assert lost.difference == 5  # a loses five, b nobody
    interval, point = axes.lines[:2]
    assert list(interval.get_xdata()) == [lost.low, lost.high]
    assert list(point.get_xdata()) == [5]
    assert axes.get_yticklabels()[0].get_text() == "a \\$\n\N{MINUS SIGN} b"
    with pytest.raises(InputError, match="no difference"):
        compared.plot("nonsense")


def test_a_name_is_text_and_not_markup(result: sim.Result) -> None:
    svg = svg_bytes(result.plot.delivery(), name="delivery").decode()
    assert "Half &lt;b&gt;&amp; $half$" in svg
    assert "<b>" not in svg
    assert "<b>" not in result._repr_html_()
    assert "&lt;b&gt;" in result._repr_html_()


def test_the_same_figure_gives_the_same_bytes_with_ids_of_its_own(result: sim.Result) -> None:
    one, two = (svg_bytes(result.plot.certificates(), name="certificates") for _ in range(2))
    assert one == two
    ids = re.findall(rb'\bid="([^"]+)"', one)
    assert all(each.startswith(b"certificates-") for each in ids)
    for used in re.findall(rb"url\(#([^)]+)\)", one):
        assert used in ids


@pytest.mark.parametrize(("duration", "beside"), [("75d", "2026"), ("20d", "2026-Mar")])
def test_the_axis_names_the_year_where_ticks_name_the_months(duration: str, beside: str) -> None:
    figure = sim.run(sim.Scenario.from_document({**HALF, "duration": duration})).plot.delivery()
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert axes.xaxis.get_major_formatter().get_offset() == beside


def test_histories_take_one_name_and_refuse_none_and_unknown_ones(result: sim.Result) -> None:
    one, listed = result.plot.histories("phones/7"), result.plot.histories(["phones/7"])
    rows = [[label.get_text() for label in figure.axes[0].get_yticklabels()] for figure in (one, listed)]
    assert rows == [["phones/7"], ["phones/7"]]
    with pytest.raises(InputError, match="name at least one device"):
        result.plot.histories([])
    with pytest.raises(InputError, match='no device "3"'):
        result.plot.histories([3])  # type: ignore[list-item]
    with pytest.raises(InputError, match="the devices of phones are phones/0 to phones/9"):
        result.plot.histories("phones")


def test_a_fleet_without_devices_has_no_curve_and_no_recommendation() -> None:
    fleet = [{"name": "phones", "devices": 0}]
    empty = sim.run(sim.Scenario.from_document({**HALF, "fleet": fleet, "recovery": "none"}))
    with pytest.raises(InputError, match="the fleet has no devices"):
        empty.plot.curve()
    with pytest.raises(InputError, match="the fleet has no devices"):
        sim.plan(empty.scenario, lost_at_most=0)


def test_a_sweep_shows_a_line_for_each_setting_of_the_other_keys() -> None:
    plan = sim.Scenario.from_document(HALF)
    vary: dict[str, list[object]] = {
        "strategy.0.reissue.activate": ["after 5h", "after 10h"],
        "fleet.0.devices": [10, 20],
    }
    figure = sim.sweep(plan, vary, keep=False).plot()
    (axes,) = figure.axes
    assert [list(line.get_ydata()) for line in axes.lines] == [[5, 0], [10, 0]]
    assert [line.get_label() for line in axes.lines] == ["fleet.0.devices=10", "fleet.0.devices=20"]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["after 5h", "after 10h"]
    several = sim.sweep(plan, {"seed": [1, 2]}, replications=3, keep=False).plot("reinstalls")
    assert len(several.axes[0].collections) == 1
    with pytest.raises(FigureError, match="no measure 'x'"):
        sim.sweep(plan, {"seed": [1]}, keep=False).plot("x")


def test_the_title_says_what_was_changed_and_which_replications_are_shown() -> None:
    plan = sim.Scenario.from_document({**HALF, "name": "half"})
    plan = plan.changed({"fleet.0.devices": 4}, replications=3)
    result = sim.run(plan)
    assert f"{plan.name} (fleet.0.devices=4)" in words(result.plot.delivery())
    assert f"first of 3 replications: {plan.name} (fleet.0.devices=4)" in words(result.plot.histories())
    assert f"{plan.name} (fleet.0.devices=4)" in words(result.plot.devices())
    kept = {0: result.kept[0]}
    unkept = replace(result, experiment=replace(result.experiment, kept=kept))
    (first, *_) = words(unkept.plot.devices())
    assert first.startswith("first of 3 replications: ")
    assert not any("of 3 replications" in word for word in words(unkept.plot.syncs()))


def test_a_figure_shows_itself(result: sim.Result) -> None:
    figure: Any = result.plot.certificates()
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_a_history_has_no_more_marks_than_a_drawing_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    result = sim.run(sim.Scenario.from_document(HALF))
    monkeypatch.setattr(bars, "_MOST_MARKS", 2)
    (axes,) = result.plot.histories().axes
    assert max(len(line.get_xdata()) for line in axes.lines) == 2
    monkeypatch.setattr(plots, "_MOST_PERIODS", 0)
    with pytest.raises(FigureError, match="name the devices to show"):
        result.plot.histories()


def test_several_results_are_lines_of_one_figure_over_the_dates_of_all() -> None:
    """The last five of ten are lost at 5 h; under the plan of a day later two, at 24 + 8 h."""
    plan = sim.Scenario.from_document({**HALF, "recovery": "none"})
    later = plan.changed({"start": "2026-03-02", "strategy.0.reissue.activate": "after 8h"}, replications=3)
    several = sim.plot({"5 h": sim.run(plan), "8 h $": sim.run(later)})
    (axes,) = several.devices().axes
    first, second = axes.lines
    assert [first.get_label(), second.get_label()] == ["5 h", r"8 h \$"]
    assert first.get_linestyle() != second.get_linestyle()
    lost = [dict(zip(hours(axes, line.get_xdata()), line.get_ydata(), strict=True)) for line in axes.lines]
    assert [lost[0][hour] for hour in (4, 5)] == [0, 5]
    assert [lost[1][hour] for hour in (31, 32)] == [0, 2]
    assert hours(axes, axes.get_xlim()) == [0, 72]
    assert "the same in 3 runs" in words(several.devices())
    coverage = several.delivery().axes[0].lines
    assert [np.nanmax(line.get_ydata()) for line in coverage] == [0.4, 0.7]  # at the last full hour
    with pytest.raises(FigureError, match="delivery, devices, syncs and queue"):
        several.certificates()
    for wrong in ({}, sim.run(plan), {"a": plan}):
        with pytest.raises(InputError, match="plot takes"):
            sim.plot(wrong)  # type: ignore[arg-type]


def test_every_figure_is_drawn_on_given_axes_or_in_a_given_size(result: sim.Result) -> None:
    curve = sim.curve(result.scenario, exact=True)
    vary: dict[str, list[object]] = {"fleet.0.devices": [10, 20]}
    other = result.scenario.changed({"strategy.0.reissue.activate": "after 8h"})
    compared = sim.compare({"a": result.scenario, "b": other})
    sweep = sim.sweep(result.scenario, vary, keep=False)
    decision = result.decision
    single = [getattr(result.plot, name) for name in ("delivery", "certificates", "syncs", "queue", "curve")]
    for plot in (*single, result.plot.histories, curve.plot, compared.plot, sweep.plot, decision.plot):
        given = Figure()
        axes = given.subplots()
        assert plot(ax=axes) is given
        assert given.axes == [axes]
        assert axes.get_title(loc="left")
        assert plot(figsize=(5, 4)).get_size_inches().tolist() == [5, 4]
    pair = Figure().subplots(2)
    assert result.plot.devices(ax=pair).axes == list(pair)
    with pytest.raises(FigureError, match="on 2 axes, not on 1"):
        result.plot.devices(ax=pair[0])


def test_a_decision_plots_what_it_says(result: sim.Result) -> None:
    (axes,) = result.decision.plot().axes
    assert axes.lines[0].get_ydata().tolist() == [point.lost[1] for point in result.decision.curve]
    assert "5 to 95 % of fleets like this" in words(result.decision.plot())
    with pytest.raises(FigureError, match="vary=True"):
        sim.plan(result.scenario, vary=False).plot()


def test_a_gate_opens_in_the_figures_when_it_opened_in_the_run() -> None:
    """Ten phones over 10 h, one an hour: after eight hours 80 % hold it, which the next check sees."""
    gate = {"when_coverage": "80%", "check_every": "1h", "not_after": "30h", "otherwise": "activate"}
    steps = [{"at": "start", "reissue": {"activate": gate}}]
    result = sim.run(sim.Scenario.from_document({**HALF, "recovery": "none", "strategy": steps}))
    (opened,) = [event.at_s for event in result.tallies[0].events if event.name == "gate opened"]
    assert [at_s for at_s, _ in result.plot.switches] == [opened]
    old, new = plots.lives_of(result)
    assert old.bars["is main"] == [(0, opened)]
    assert (new.bars["waits as reserve"], new.bars["is main"]) == ([(0, opened)], [(opened, 2 * 86_400)])
