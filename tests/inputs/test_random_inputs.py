"""Whatever bytes a file holds, reading it gives a scenario or a ScenarioError with places in the file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from anew import write_anew
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.scenario import ScenarioError, load

RELAXED = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
WORDS = [
    *(
        "name: x",
        "start: 2026-03-01",
        "duration: 9d",
        "fleet:",
        "- name: g",
        "  devices: 1",
        "server: {",
        "}",
    ),
    *(
        "[",
        "]",
        ": ",
        "- ",
        "  ",
        "\n",
        "\n",
        "\n",
        "\t",
        "&a ",
        "*a",
        "<<: ",
        "!!str ",
        "!x ",
        "'",
        '"',
        "\\",
    ),
    *("#", "%", "@", "`", "---\n", "...\n", "? ", "|\n", ">\n", ",", "\u2028", "\x85", "\ufeff", "é", "\r\n"),
    *(".nan", "1e999", "0x", "null", "day 3", "{at: day 1}", "strategy:", "reissue:", "expiry - 3d", "98%"),
]


def refusal(path: Path, overrides: Sequence[tuple[str, str]] = ()) -> ScenarioError | None:
    try:
        load(path, overrides=overrides)
    except ScenarioError as error:
        return error
    return None


def check(path: Path, content: bytes) -> None:
    write_anew(path, content)
    error = refusal(path)
    if error is None:
        return
    lines = re.split("\r\n|[\r\n\x85\u2028\u2029]", content.decode("utf-8", errors="replace"))
    assert error.problems
    for problem in error.problems:
        assert problem.file == str(path)
        assert problem.message.isprintable()
        assert ": " in problem.message
        assert problem.line is not None
        assert problem.column is not None
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= max(len(line) for line in lines) + 2


@given(content=st.binary(max_size=300))
@RELAXED
def test_random_bytes_raise_nothing_but_scenario_error(tmp_path: Path, content: bytes) -> None:
    check(tmp_path / "s.yaml", content)


@given(content=st.lists(st.sampled_from(WORDS), max_size=40).map("".join))
@RELAXED
def test_random_pieces_of_yaml_raise_nothing_but_scenario_error(tmp_path: Path, content: str) -> None:
    check(tmp_path / "s.yaml", content.encode())


@given(content=st.binary(max_size=200))
@RELAXED
def test_random_bytes_as_an_inventory_raise_nothing_but_scenario_error(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "s.yaml"
    write_anew(path, b"name: n\nstart: 2026-03-01\nduration: 1d\nfleet: [{name: g, inventory: d.csv}]\n")
    write_anew(tmp_path / "d.csv", b"id,platform,last_sync\n" + content)
    error = refusal(path)
    if error is not None:
        assert {each.file for each in error.problems} == {str(tmp_path / "d.csv")}
        assert all(each.line is not None and each.message.isprintable() for each in error.problems)


@given(key=st.text(max_size=30), value=st.text(max_size=30))
@RELAXED
def test_random_overrides_raise_nothing_but_scenario_error(tmp_path: Path, key: str, value: str) -> None:
    path = tmp_path / "s.yaml"
    write_anew(path, b"name: n\nstart: 2026-03-01\nduration: 1d\nfleet: [{name: g, devices: 1}]\n")
    error = refusal(path, overrides=[(key, value)])
    if error is not None:
        assert all(each.file.startswith("--set ") for each in error.problems)
        assert all(line.isprintable() for line in str(error).split("\n"))
