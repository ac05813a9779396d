"""What a key is varied over: lists, ranges inside a word, draws; and the order of the points."""

from __future__ import annotations

import math
from typing import Any

import pytest

from sim.studies.design import Design, SamplingError, draws_of
from sim.studies.vary import Between, Choice, Listed, VaryError, parse_values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("6h,12h,1d", ["6h", "12h", "1d"]),
        ("6h", ["6h"]),
        (" 6h , 12h ", ["6h", "12h"]),
        ("after 1d..3d step 1d", ["after 1d", "after 2d", "after 3d"]),
        ("1d..60d step 28d", ["1d", "29d", "57d"]),
        ("1h..2h step 30m", ["1h", "1h30m", "2h"]),
        ("PT1H..PT3H step PT1H", ["1h", "2h", "3h"]),
        ("3d..1d step 1d", ["3d", "2d", "1d"]),
        ("5d..5d step 1d", ["5d"]),
        ("100..300 step 100", [100, 200, 300]),
        ("0.5..1 step 0.25", [0.5, 0.75, 1.0]),
        ("90%..92% step 1%", ["90%", "91%", "92%"]),
        ("99%..100% step 0.5%", ["99.0%", "99.5%", "100.0%"]),
        ("99.7%..100% step 0.1%", ["99.7%", "99.8%", "99.9%", "100.0%"]),
        ("expiry - 60d..30d step 15d", ["expiry - 60d", "expiry - 45d", "expiry - 30d"]),
        ("day 10..12 08:00 step 1", ["day 10 08:00", "day 11 08:00", "day 12 08:00"]),
        ("2026-02-27..2026-03-01 step 1d", ["2026-02-27", "2026-02-28", "2026-03-01"]),
        ("1d..2d step 1d,30d", ["1d", "2d", "30d"]),
        ("always,{on: {exponential: 16h}, off: 2h}", ["always", {"on": {"exponential": "16h"}, "off": "2h"}]),
        ("[1, 2],[3]", [[1, 2], [3]]),
        ("'a, b',\"1..2 step 1\"", ["a, b", "1..2 step 1"]),
        ("yes,010,null,1.5", ["yes", 10, None, 1.5]),
        ("it's,so", ["it's", "so"]),
    ],
)
def test_a_text_gives_its_values_in_order(text: str, values: list[Any]) -> None:
    assert parse_values(text) == Listed(tuple(values))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no value"),
        ("6h,,1d", "nothing between two commas"),
        ("[1, 2", "lacks a ]"),
        ("1]", "a ] too many"),
        ("1d...5d step 1d", "is not a range: write LOW..HIGH step STEP"),
        ("1d .. 5d step 1d", "is not a range"),
        ("1d to 5d step 1d", "is not a range"),
        ("1d..5d by 1d", "is not a range"),
        ("1d..5d step", "is not a range"),
        ("1d..", "is not a range"),
        ("1d..5 step 1d", "1d is a duration and 5 is a number: write two of a kind"),
        ("1d..5d step 1", 'the step "1" is a number: write a duration, such as step 1d'),
        ("90%..1 step 1%", "two of a kind"),
        ("1..5 step 1d", "is a duration: write a number, such as step 10"),
        ("1d..5d step 0d", "leads nowhere"),
        ("1..1000000 step 1", "1,000,000 values"),
        ("2026-02-30..2026-03-05 step 1d", "does not exist"),
        ("2026-02-01..2026-03-05 step 1h", "not a number of days"),
        ("uniform(1d)", "has 1 bounds: write uniform(LOW, HIGH)"),
        ("uniform(5d, 1d)", "5d is not below 1d"),
        ("choice()", "nothing to choose from"),
        ("normal(1d, 2d)", "there is no normal()"),
        ("6h,uniform(1d, 2d)", "cannot stand in a list"),
        ("6h,1d..2d", "cannot stand in a list"),
    ],
)
def test_a_near_miss_is_told_with_what_would_be_right(text: str, message: str) -> None:
    with pytest.raises(VaryError) as caught:
        parse_values(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("after uniform(1d, 3d)", "after 1d", "after 3d"),
        ("1d..3d", "1d", "3d"),
        ("uniform(10, 12)", 10, 12),
        ("90%..95%", "90.0000%", "95.0000%"),
        ("2026-03-01..2026-03-03", "2026-03-01", "2026-03-03"),
        ("choice(a, b, 3)", "a", 3),
    ],
)
def test_draws_reach_both_ends_and_nothing_beyond(text: str, least: object, most: object) -> None:
    values = parse_values(text)
    assert isinstance(values, Between | Choice)
    assert values.value(0.0) == least
    assert values.value(math.nextafter(1.0, 0.0)) == most


def test_whole_numbers_are_drawn_alike() -> None:
    values = parse_values("uniform(1, 4)")
    assert isinstance(values, Between)
    drawn = [values.value(share) for share in (0.0, 0.24, 0.25, 0.49, 0.5, 0.74, 0.75)]
    assert drawn == [1, 1, 2, 2, 3, 3, 4]


def test_the_first_key_varies_slowest() -> None:
    design = Design.of({"b": "1,2", "a": ["x", "y"]})
    assert design.points == (
        {"b": 1, "a": "x"},
        {"b": 1, "a": "y"},
        {"b": 2, "a": "x"},
        {"b": 2, "a": "y"},
    )


def test_drawn_keys_vary_fastest_and_alike_at_every_point_of_the_grid() -> None:
    design = Design.of({"a": "uniform(0, 1000)", "b": "1,2"}, samples=3, seed=5)
    assert [point["b"] for point in design.points] == [1, 1, 1, 2, 2, 2]
    draws = [point["a"] for point in design.points]
    assert draws[:3] == draws[3:]
    assert len(set(draws[:3])) == 3
    assert list(design.points[0]) == ["a", "b"]


def test_equal_seeds_draw_equal_points_and_others_other_ones() -> None:
    vary = {"a": "uniform(0d, 1000d)"}
    for sampling in ("random", "latin-hypercube", "sobol"):
        first, again, other = (
            Design.of(vary, samples=4, sampling=sampling, seed=seed).points  # type: ignore[arg-type]
            for seed in (7, 7, 8)
        )
        assert first == again != other


def test_a_latin_hypercube_has_one_draw_in_each_part() -> None:
    vary = {"a": "uniform(0, 799)", "b": "uniform(0, 799)"}
    design = Design.of(vary, samples=8, sampling="latin-hypercube")
    for key in "ab":
        assert sorted(point[key] // 100 for point in design.points) == list(range(8))


@pytest.mark.parametrize(
    ("vary", "options", "message"),
    [
        ({}, {}, "nothing is varied"),
        ({"a": "1d..9d"}, {}, "say how many times"),
        ({"a": "1,2"}, {"samples": 3}, "nothing is drawn"),
        ({"a.b": "1,2", "a": "3"}, {}, "it lies in a, which overwrites it"),
        ({"a": "1..1000 step 1", "b": "1..1000 step 1"}, {}, "1,000,000 points"),
        ({"a": "1..9", "b": "1,2"}, {"samples": 4, "sampling": "sobol"}, "draws every key that varies"),
        ({"a": "1..9"}, {"samples": 3, "sampling": "sobol"}, "power of two"),
        ({"a": "1..9"}, {"samples": 3, "sampling": "lhs"}, "there is no sampling 'lhs'"),
        ({"a": []}, {}, "there is no value"),
        ({"a": 5}, {}, "a int holds no values"),
        ({"a": "1d..", "b": "x,,y"}, {}, "nothing between two commas"),
    ],
)
def test_a_design_that_makes_no_sense_is_refused(
    vary: dict[str, object], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(VaryError) as caught:
        Design.of(vary, **options)
    assert message in str(caught.value)


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(VaryError) as caught:
        Design.of({"a": "1d..", "b": "x,,y", "c": "1"})
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == ["a", "b"]


def test_sobol_takes_a_point_more_than_keys_and_another_for_each_sample() -> None:
    assert draws_of("sobol", 64, 3) == 320
    with pytest.raises(SamplingError, match="at least one"):
        draws_of("random", 0, 1)
