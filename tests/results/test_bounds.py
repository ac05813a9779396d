"""A bound says how many devices may be lost, and one more breaks it (model 8)."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from sim.results.measures import MEASURES, Bound, Selected, Selection
from sim.results.tally import COLUMNS, Tally
from sim.world.fleet import Profile

PHONES = Profile("phones", "android", 86_400, 0, 1.0, True, "always")
TABLETS = Profile("tablets", "ios", 86_400, 0, 1.0, True, "always")
COUNTED = [name for name, measure in MEASURES.items() if measure.of_devices is not None]


def tally_of(devices: int, lost: int) -> Tally:
    """So many phones, the lost ones still lost at the end and without the reserve; and ten lost tablets."""
    columns = {
        "devices": [devices, 10],
        "ever_connected": [devices, 10],
        "lost": [lost, 10],
        "still_lost": [lost, 10],
        "times_lost": [lost, 10],
    }
    return Tally(
        profiles=(PHONES, TABLETS),
        counts=np.array([columns.get(name, [0, 0]) for name in COLUMNS], dtype=np.int64),
        back=np.zeros((0, 3), dtype=np.int64),
        coverage_held=np.array([[devices - lost, 0]], dtype=np.int64),
        series={},
        events=(),
        certificates=(),
        blocks=(),
    )


def thresholds(random: Random, size: int) -> list[float]:
    """Shares as people write them, as a division gives them, and their neighbours."""
    share = random.randint(0, size) / size
    near = [float(np.nextafter(share, 0)), float(np.nextafter(share, 1))]
    return [share, *near, 1 - share, round(random.random(), random.randint(1, 6)), random.random()]


@pytest.mark.parametrize("measure", COUNTED)
def test_a_promise_is_kept_with_as_many_lost_as_it_allows_and_broken_with_one_more(measure: str) -> None:
    """Against the verdict's own judgement of a replication, in 6,000 random cases each."""
    random = Random(9)
    bad_side = "at_most" if MEASURES[measure].worse == "more" else "at_least"
    for _ in range(1_000):
        size = random.choice((1, 2, 3, 7, 10, 99, 100, 1_000, random.randint(1, 30_000)))
        for threshold in thresholds(random, size):
            if MEASURES[measure].unit == "devices":
                threshold = random.choice((threshold * size, round(threshold * size)))
            bound = Bound(measure=measure, selection=Selection(group="phones"), **{bad_side: threshold})  # type: ignore[arg-type]
            most = bound.most_lost(size)
            assert most is not None
            assert 0 <= most <= size
            assert bound.is_kept(bound.value(tally_of(size, most)))
            if most < size:
                assert not bound.is_kept(bound.value(tally_of(size, most + 1)))


def test_which_bounds_the_number_of_lost_devices_decides() -> None:
    assert COUNTED == ["lost_devices", "lost_share", "still_lost_devices", "reserve_coverage"]
    assert Bound(measure="lost_devices", at_least=3).most_lost(10) is None
    assert Bound(measure="reserve_coverage", at_most=0.5).most_lost(10) is None
    assert Bound(measure="reinstalls", at_most=3).most_lost(10) is None
    assert Bound(measure="lost_share", at_most=0.0).most_lost(0) == 0


def test_a_third_written_as_a_number_allows_one_of_three() -> None:
    assert Bound(measure="lost_share", at_most=1 / 3).most_lost(3) == 1
    assert Bound(measure="reserve_coverage", at_least=2 / 3).most_lost(3) == 1


@pytest.mark.parametrize(
    ("selection", "lost"),
    [
        (Selection(), 14),
        (Selection("phones"), 4),
        (Selection(platform="ios"), 10),
        (Selection("phones", "ios"), 0),
    ],
)
def test_a_selection_takes_a_group_a_platform_or_both(selection: Selection, lost: int) -> None:
    assert Selected(tally_of(20, 4), selection).measure("lost_devices") == lost
