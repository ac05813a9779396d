"""Figures show the numbers of the timeline and mark the instants that matter."""

from __future__ import annotations

import numpy as np
import pytest

import sim


@pytest.fixture(scope="module")
def result() -> sim.Result:
    # Ten phones, evenly over 10 h, and an activation 5 h after the reserve: the last five are lost.
    return sim.run(
        sim.Scenario.from_document(
            {
                "name": "Half <b>& $half$",
                "start": "2026-03-01",
                "duration": "2d",
                "server": {"automatic_reissue": "off"},
                "fleet": [{"name": "phones", "devices": 10, "sync": {"every": "10h", "phase": "even"}}],
                "strategy": [{"at": "start", "reissue": {"activate": "after 5h"}}],
            }
        )
    )


def test_delivery_shows_the_coverage_and_the_activation(result: sim.Result) -> None:
    (axes,) = result.plot.delivery().axes
    coverage, activation = axes.lines
    assert coverage.get_ydata()[:6].tolist()[:5] == [0.0, 0.1, 0.2, 0.3, 0.4]  # one more phone every hour
    assert np.isnan(coverage.get_ydata()[5:]).all()  # no reserve waits any more
    hours = (np.asarray(activation.get_xdata()) - coverage.get_xdata()[0]) * 24
    assert hours == pytest.approx([5, 5])
    assert axes.get_ylabel() == "share of devices"
    assert axes.get_xlabel() == "date (UTC)"


def test_devices_shows_the_connected_and_the_lost(result: sim.Result) -> None:
    (axes,) = result.plot.devices().axes
    connected, lost = axes.lines[:2]
    assert connected.get_ydata()[5] == 5
    assert lost.get_ydata()[4] == 0
    assert lost.get_ydata()[5] == lost.get_ydata()[-1] == 5
    assert connected.get_linestyle() != lost.get_linestyle()  # told apart without colours


def test_a_name_is_text_and_not_markup(result: sim.Result) -> None:
    figure = result.plot.delivery()
    figure.canvas.draw()
    assert "$half" in figure.axes[0].get_title(loc="left").replace("\\", "")
    assert "<b>" not in result._repr_html_()
    assert "&lt;b&gt;" in result._repr_html_()
