"""YAML 1.2 with places: what is read, where it says it was, and the bounds."""

from __future__ import annotations

import pytest
import yaml

from sim.scenario import yaml_text
from sim.scenario.problems import Place, ScenarioError
from sim.scenario.yaml_text import read_tree, resolve_scalar


@pytest.fixture(
    params=[yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)], ids=["python", "libyaml"]
)
def _either_parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_text, "_LOADER", request.param)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("NULL", None),
        ("nULL", "nULL"),
        ("true", True),
        ("False", False),
        ("TRUE", True),
        ("yes", "yes"),
        ("NO", "NO"),
        ("on", "on"),
        ("off", "off"),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("-7", -7),
        ("+7", 7),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("2026-03-01", "2026-03-01"),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        (".inf", float("inf")),
        ("-.INF", float("-inf")),
        ("inf", "inf"),
        ("nan", "nan"),
        ("=", "="),
        ("98%", "98%"),
    ],
)
def test_a_plain_scalar_is_what_yaml_1_2_says(text: str, value: object) -> None:
    read = resolve_scalar(text)
    assert read == value
    assert isinstance(read, type(value))
    assert isinstance(read, bool) == isinstance(value, bool)


def test_not_a_number_is_read() -> None:
    read = resolve_scalar(".nan")
    assert isinstance(read, float)
    assert read != read


@pytest.mark.usefixtures("_either_parser")
def test_every_value_and_key_knows_its_place() -> None:
    node = read_tree("a: 1\nb:\n  - x\n  - {c: 'y', d: }\né: &n [1]\nf: *n\n", file="f")
    assert node.value == {"a": 1, "b": ["x", {"c": "y", "d": None}], "é": [1], "f": [1]}
    assert node.place_of(("a",)) == Place("f", 1, 4)
    assert node.place_of(("a",), key=True) == Place("f", 1, 1)
    assert node.place_of(("b", 1, "c")) == Place("f", 4, 9)
    assert node.place_of(("b", 1, "c"), key=True) == Place("f", 4, 6)
    assert node.place_of(("b", 1, "d")) == Place("f", 4, 14), "a key without a value stands for it"
    assert node.place_of(("b", 1, "gone")) == Place("f", 4, 5), "what should hold it"
    assert node.place_of(("b", 7)) == Place("f", 3, 3)
    assert node.place_of(("f", 0)) == Place("f", 5, 8), "an alias points to what is written"


@pytest.mark.usefixtures("_either_parser")
@pytest.mark.parametrize("quoted", ["'5'", '"5"', "|-\n  5", ">-\n  5", "! 5", "!!str 5"])
def test_a_quoted_scalar_is_a_text(quoted: str) -> None:
    assert read_tree(f"a: {quoted}\n", file="f").value == {"a": "5"}


@pytest.mark.usefixtures("_either_parser")
def test_all_that_cannot_be_read_is_told_at_once() -> None:
    with pytest.raises(ScenarioError) as caught:
        read_tree("a: !!python/name:x y\na: 2\n<<: {z: 1}\nb: 3\nc: *gone\n", file="f")
    assert [(each.line, each.column) for each in caught.value.problems] == [(1, 4), (2, 1), (3, 1), (5, 4)]


@pytest.mark.usefixtures("_either_parser")
@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: b: c\n", (1, 5)),
        ("a: b\n  c: d\n", (2, 3)),
        ("a\nb: 1\n", (2, 1)),
        ("a:\n\tb: 1\n", (2, 1)),
        ("a: [1, 2\n", (1, 4)),
        ("a: {b: 1\n", (1, 4)),
        ("a: 'b\n", (1, 4)),
        ("a: 'b' c\n", (1, 8)),
        ("a: @b\n", (1, 4)),
        ("a: 1\n--- \nb: 2\n", (2, 1)),
        ("a: [1, 2\nb: 3\n", (1, 4)),
        ("- a\nb: 1\n", (2, 1)),
    ],
)
def test_both_parsers_place_a_mistake_alike(text: str, place: tuple[int, int]) -> None:
    with pytest.raises(ScenarioError) as caught:
        read_tree(text, file="f")
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == place, problem


def test_thirty_two_levels_are_read_and_no_more() -> None:
    assert read_tree("[" * 32 + "1" + "]" * 32, file="f").value
    with pytest.raises(ScenarioError, match=r"f:1:33: .*nested more than 32 deep"):
        read_tree("[" * 33 + "]" * 33, file="f")


def test_an_alias_counts_as_deep_as_what_it_stands_for() -> None:
    inner = "[" * 20 + "]" * 20
    assert read_tree(f"a: &a {inner}\nb: {'[' * 11}*a{']' * 11}\n", file="f")
    with pytest.raises(ScenarioError, match=r"f:2:16: .*nested more than 32 deep"):
        read_tree(f"a: &a {inner}\nb: {'[' * 12}*a{']' * 12}\n", file="f")


def test_a_hundred_thousand_values_are_read_and_no_more() -> None:
    text = "[" + "1," * 99_999 + "]"
    assert len(read_tree(text, file="f").value) == 99_999
    with pytest.raises(ScenarioError, match="more than 100,000 values"):
        read_tree("[" + "1," * 100_000 + "]", file="f")
