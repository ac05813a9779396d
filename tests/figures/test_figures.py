"""Figures of plain values: labels that hide nothing, bands, steps, colours that a page can change."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from sim.figures import bars, delays, series
from sim.figures.style import NARROW_IN, WIDE_IN, Place, Timespan, plain, svg_element

HOUR, DAY = 3600, 86_400
CHANGES = ((0, "reserve specified"), (2 * HOUR, "reserve activated"), (5 * HOUR, "certificate expired"))
SPAN = Timespan("two days", datetime(2026, 3, 1, tzinfo=UTC), 2 * DAY, CHANGES)


def samples(lost: list[list[float]]) -> series.TimeSeries:
    """Hourly samples of ten devices; of each replication the lost ones, which stay lost."""
    rows = np.array(lost, dtype=np.float64)
    nothing = np.zeros_like(rows)
    at_s = np.arange(rows.shape[1], dtype=np.int64) * HOUR
    coverage = np.where(at_s < 2 * HOUR, 0.5, np.nan) + nothing
    return series.TimeSeries(at_s, coverage, 10 - rows, rows, nothing, rows, 7 + nothing, 10, 3 * HOUR)


RUNS = samples([[0, 0, n, n, n, n] for n in range(21)])
"""21 runs that lose 0 to 20 devices: 1 to 19 from 5 to 95 %, 10 in the middle."""

LIVES = (bars.Row("one", {"valid": ((0, 5 * HOUR),), "is main": ((0, 2 * HOUR),)}, {"expires": (5 * HOUR,)}),)


def boxes(figure: Figure) -> list[tuple[Bbox, Bbox]]:
    """The box of every label, and that of its axes."""
    return [
        (text.get_window_extent(), axes.get_window_extent())
        for axes in figure.axes
        for text in axes.texts
        if text.get_label() in ("label", "change")
    ]


def drawn(width_in: float) -> list[Figure]:
    place: Place = (None, (width_in, None))
    one = samples([[0, 0, 5, 5, 3, 2]])
    days = np.arange(1, 31, dtype=np.int64) * DAY
    lost = np.linspace(200, 14, 30)
    return [
        series.delivery(SPAN, RUNS, ((2 * HOUR, tuple(range(21))),), place=place),
        series.devices(SPAN, RUNS, place=place),
        series.devices(SPAN, one, place=place),
        series.queue(SPAN, one, 2, place=place),
        series.syncs(SPAN, RUNS, ((HOUR, 2 * HOUR),), place=place),
        delays.curve(
            "c",
            days,
            lost,
            band=(lost - 3, lost + 3),
            own_s=30 * DAY,
            needed_s=29 * DAY,
            of="21 runs",
            place=place,
        ),
        bars.draw(SPAN, "Lives", LIVES, "", place=place),
    ]


@pytest.mark.parametrize("width_in", [WIDE_IN, NARROW_IN])
def test_no_label_hides_another_or_leaves_its_figure(width_in: float) -> None:
    for figure in drawn(width_in):
        placed = boxes(figure)
        assert placed
        for one, other in itertools.combinations([box for box, _ in placed], 2):
            assert not one.overlaps(other)
        for box, axes in placed:
            assert box.x0 >= axes.x0 - 3
            assert box.x1 <= axes.x1 + 3


def test_a_group_that_lags_has_a_line_of_its_own_while_the_reserve_waits() -> None:
    groups = {"slow": np.full(6, 0.2), "fast": np.full(6, 0.9)}
    drawn = series.delivery(SPAN, replace(RUNS, groups=groups), ((2 * HOUR, tuple(range(21))),))
    told = {text.get_text() for text in drawn.axes[0].texts}
    assert "slow: 20 %" in told
    assert not any("fast" in text for text in told)  # half of the fleet holds it, and more of these
    assert any(np.array_equal(line.get_ydata(), [0.2, 0.2]) for line in drawn.axes[0].lines)


def test_what_changes_among_the_connected_can_be_seen() -> None:
    """Of ten, at least nine stay connected: the axis does not begin at 0. Of ten, two: it does."""
    nearly, few = (series.devices(SPAN, samples([[0, 0, n, n, n, n]])).axes[0] for n in (1, 8))
    assert 8 <= nearly.get_ylim()[0] < 9
    assert few.get_ylim()[0] == 0


def test_several_runs_are_their_median_in_a_band_that_says_what_it_is() -> None:
    below = series.devices(SPAN, RUNS).axes[1]
    assert below.lines[0].get_ydata().tolist() == [0, 0, 10, 10, 10, 10]
    band = below.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (0, 19)
    assert np.unique(band).tolist() == [0, 1, 19]
    assert "5 to 95 % of 21 runs" in {text.get_text() for text in below.texts}
    assert series.counts_in_words(list(range(21))) == "10 (1 to 19)"
    assert series.counts_in_words([1_234]) == "1,234"


def test_connected_begins_when_every_device_had_two_periods() -> None:
    (connected,) = series.devices(SPAN, RUNS).axes[0].lines[:1]
    assert np.isnan(connected.get_ydata()[:3]).all()
    assert not np.isnan(connected.get_ydata()[3:]).any()


def test_a_curve_steps_where_losses_do() -> None:
    figure = delays.curve("c", np.array([1, 2, 3]) * HOUR, np.array([9.0, 8.0, 8.0]))
    assert figure.axes[0].lines[0].get_drawstyle() == "steps-post"


def test_a_sample_of_a_curve_is_joined_by_lines() -> None:
    """256 devices after 1 day and 79 after 8: after 7 days not still 256."""
    figure = delays.curve("c", np.array([1, 8]) * DAY, np.array([256.0, 79.0]), is_sample=True)
    assert figure.axes[0].lines[0].get_drawstyle() == "default"


def test_the_colours_of_an_element_are_the_pages() -> None:
    for figure in drawn(NARROW_IN):
        element = svg_element(figure, name="f")
        left = set(re.findall(r"#[0-9a-f]{6}\b", element)) - {"#000000"}
        assert left == set()
        assert "var(--d-ink)" in element
        assert element.startswith("<svg")


def test_a_long_name_keeps_the_end_that_tells_devices_apart() -> None:
    assert plain("phones in drawers/17", 14, tail=8) == "phone…awers/17"
    assert plain("a$b", 14) == r"a\$b"
    assert plain("x" * 20, 5) == "xxxx…"
