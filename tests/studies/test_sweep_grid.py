"""What a key is varied over: lists, and ranges inside a word; and the order of the points."""

from __future__ import annotations

from typing import Any

import pytest

from sim.studies.sweep import VaryError, parse_values, points_of


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
        ("../lists/a.csv", ["../lists/a.csv"]),
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
    assert parse_values(text) == tuple(values)


@pytest.mark.parametrize(
    "text",
    [
        "6h,,1d",
        "[1, 2",
        "1]",
        "1] #",
        "1d...5d step 1d",
        "1d .. 5d step 1d",
        "1d to 5d step 1d",
        "1d..5d by 1d",
        "1d..5d step",
        "1d..",
        "1d..5 step 1d",
        "1d..5d step 1",
        "90%..1 step 1%",
        "1..5 step 1d",
        "1d..5d step 0d",
        "1..1000000 step 1",
        "2026-02-30..2026-03-05 step 1d",
        "2026-02-01..2026-03-05 step 1h",
        "6h,1d..2d",
    ],
)
def test_a_near_miss_is_no_value(text: str) -> None:
    with pytest.raises(VaryError):
        parse_values(text)


def test_the_first_key_varies_slowest() -> None:
    assert points_of({"b": "1,2", "a": ["x", "y"]}) == (
        {"b": 1, "a": "x"},
        {"b": 1, "a": "y"},
        {"b": 2, "a": "x"},
        {"b": 2, "a": "y"},
    )


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        ({}, "nothing is varied"),
        ({"a.b": "1,2", "a": "3"}, "it lies in a, which overwrites it"),
        ({"a": "1..1000 step 1", "b": "1..1000 step 1"}, "1,000,000 points"),
        ({"a": []}, "there is no value"),
        ({"a": ""}, "there is no value"),
        ({"a": 5}, "a int holds no values"),
    ],
)
def test_a_grid_that_makes_no_sense_is_refused(vary: dict[str, object], message: str) -> None:
    with pytest.raises(VaryError) as caught:
        points_of(vary)
    assert message in str(caught.value)


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(VaryError) as caught:
        points_of({"a": "1d..", "b": "x,,y", "c": "1"})
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == ["a", "b"]
