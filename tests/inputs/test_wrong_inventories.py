"""Every wrong row is refused with its line and its mend, all rows of a file at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from sim.scenario import ScenarioError, load

SCENARIO = (
    "name: n\nstart: 2026-03-01\nduration: 100d\nfleet:\n- name: g\n  inventory: d.csv\n  sync: {every: 6h}\n"
)


@dataclass(frozen=True)
class Case:
    name: str
    content: bytes
    line: int
    words: tuple[str, ...]


def case(name: str, text: str, *words: str) -> Case:
    """A list in which a wrong row, or the header, begins at the `|`."""
    line = text.split("|", 1)[0].count("\n") + 1
    return Case(name, text.replace("|", "", 1).encode(), line, words)


CASES = [
    case("an empty file", "|", "empty", "header line"),
    case("blank lines alone", "|\n\n", "empty"),
    case("no id", "|name,os\na,b\n", "no column is called id", '"name", "os"', "columns: {id: name}"),
    case("one column for two", "|id id\n1\n", "no column is called id"),
    case("two columns of a name", "|Id,ID\n1,2\n", "two columns are called"),
    case("a missing id", "id,platform\n|,ios\n", "id: is missing"),
    case("an id twice", "id\n1\n2\n|1\n", "already at line 2"),
    case("an id twice, but for blanks", "id\n1\n| 1 \n", "already at line 2"),
    case("too many fields", "id,platform\n|1,ios,x\n", "3 fields", "quote"),
    case("a comma in a field", "id,group\n|1,Sales, Europe\n", "quote fields"),
    case("a date of either order", "id,last_sync\n|1,02/03/2026\n", "day first", "month first"),
    case("a date that does not exist", "id,last_sync\n|1,2026-02-30 08:15\n", "2026-02-30", "calendar"),
    case("a German date that does not exist", "id;last_sync\n|1;30.02.2026 08:15\n", "calendar"),
    case("a time zone of several places", "id,last_sync\n|1,2026-02-27 08:15 CST\n", "zone"),
    case("a period without unit", "id,sync_every\n|1,6\n", "write 6d for days, 6h"),
    case("a period of nothing", "id,sync_every\n|1,0s\n", "at least 1s"),
    case("a period in words", "id,sync_every\n|1,6 hours\n", "6h"),
    case("perhaps a reserve", "id,holds_reserve\n|1,maybe\n", "write yes or no"),
    case("text after a quote", 'id,group\n|1,"a"b\n', "expected after", "double quotes"),
    case("text after a quote and a tab", 'id\tgroup\n|1\t"a"b\n', "expected after"),
    case("an open quote", 'id,group\n|1,"a\n2,b\n', "unexpected end", "close every quote"),
    case("a line break in an id", 'id\n|"a\nb"\n', "one line"),
    case("a control character in an id", "id\n|a\x1b[2J\n", "control character"),
    case("a NUL in an id", "id\n|a\x00b\n", "control character"),
    case("an endless id", "id\n|" + "x" * 300 + "\n", "300 characters"),
    case("an endless field", "id,group\n|1," + "x" * 200_000 + "\n", "131072"),
    case("a row of two lines", 'id,note,sync_every\n|1,"a\nb",6\n', "write 6d"),
    case("after a row of two lines", 'id,note,sync_every\n1,"a\nb",6h\n|2,,6\n', "write 6d"),
    case("after blank lines", "\n\nid,sync_every\n\n|1,6\n", "write 6d"),
    case("after a sep line", "sep=;\nid;sync_every\n|1;6\n", "write 6d"),
    Case("not UTF-8", "id\ncaf\xe9\n".encode("latin-1"), 2, ("0xe9", "UTF-8")),
    Case("UTF-16 after the mark of UTF-8", b"\xef\xbb\xbfi\x00d\x00\n", 1, ("no column is called id",)),
]


def refused(folder: Path, content: bytes, scenario: str = SCENARIO) -> ScenarioError:
    (folder / "s.yaml").write_text(scenario)
    (folder / "d.csv").write_bytes(content)
    with pytest.raises(ScenarioError) as caught:
        load(folder / "s.yaml")
    return caught.value


@pytest.mark.parametrize("wrong", [pytest.param(each, id=each.name) for each in CASES])
def test_a_wrong_row_is_refused_with_its_place_and_its_mend(wrong: Case, tmp_path: Path) -> None:
    (problem,) = refused(tmp_path, wrong.content).problems
    assert str(problem).startswith(f"{tmp_path / 'd.csv'}:{wrong.line}: "), str(problem)
    assert problem.message.isprintable()
    for word in wrong.words:
        assert word in problem.message, problem.message


def test_all_wrong_rows_come_at_once_with_what_does_not_fit_in_the_scenario(tmp_path: Path) -> None:
    two = SCENARIO + "server: {outages: [{from: 2026-02-01, for: 1h}]}\n"
    error = refused(tmp_path, b"id,sync_every\n,1d\n1,6\n2,1d\n2,1d\n", two)
    assert [(Path(each.file).name, each.line) for each in error.problems] == [
        ("s.yaml", 8),
        ("d.csv", 2),
        ("d.csv", 3),
        ("d.csv", 5),
    ]


def test_a_row_may_have_several_mistakes(tmp_path: Path) -> None:
    error = refused(tmp_path, b"id,holds_reserve,sync_every\n1,maybe,6\n")
    assert [each.line for each in error.problems] == [2, 2]


def test_of_a_thousand_wrong_rows_fifty_are_shown_and_the_others_counted(tmp_path: Path) -> None:
    error = refused(tmp_path, b"id,sync_every\nx,1d\n" + b"".join(b"%d,6\n" % i for i in range(1000)))
    assert len(error.problems) == 51
    assert (
        str(error).splitlines()[-1] == f"{tmp_path / 'd.csv'}: and 950 more wrong rows: correct these first"
    )


def test_a_mapped_column_that_is_not_there_is_a_mistake_of_the_scenario(tmp_path: Path) -> None:
    scenario = SCENARIO + "  columns: {id: Device nam}\n"
    (problem,) = refused(tmp_path, b"Device name,OS\n1,ios\n", scenario).problems
    assert (problem.line, problem.column, problem.key) == (8, 17, "fleet.0.columns.id")
    assert 'did you mean "Device name"?' in problem.message


def test_an_unknown_name_of_a_column(tmp_path: Path) -> None:
    scenario = SCENARIO + "  columns: {last_sink: Seen}\n"
    (problem,) = refused(tmp_path, b"id\n1\n", scenario).problems
    assert (problem.line, problem.column) == (8, 13)
    assert "did you mean last_sync?" in problem.message


def test_a_period_of_a_row_stays_above_jitter_and_phase(tmp_path: Path) -> None:
    scenario = SCENARIO.replace("{every: 6h}", "{every: 6h, jitter: 2h, phase: 3h}")
    error = refused(tmp_path, b"id,sync_every,last_sync\n1,2h,\n2,3h,2026-02-28\n3,3h,\n4,4h,\n", scenario)
    assert [each.line for each in error.problems] == [2, 2, 4]
    assert "group's jitter, 2h" in error.problems[0].message


def test_an_id_is_unique_across_inventories(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("id\n3\n1\n")
    scenario = SCENARIO + "- {name: h, inventory: e.csv}\n"
    (problem,) = refused(tmp_path, b"id\n1\n2\n", scenario).problems
    assert (Path(problem.file).name, problem.line) == ("e.csv", 3)
    assert 'the id "1" is already in d.csv:2' in problem.message


def test_an_inventory_belongs_to_one_group(tmp_path: Path) -> None:
    scenario = SCENARIO + "- {name: h, inventory: d.csv}\n"
    (problem,) = refused(tmp_path, b"id\n1\n2\n", scenario).problems
    assert (problem.line, problem.column) == (8, 24)


def test_an_id_is_not_that_of_a_device_of_a_group(tmp_path: Path) -> None:
    scenario = SCENARIO + "- {name: h, devices: 3}\n"
    error = refused(tmp_path, b"id\nh/2\nh/3\nh/02\ni/1\n", scenario)
    assert [each.line for each in error.problems] == [2]


def test_a_group_of_the_inventory_may_be_named_by_a_guarantee(tmp_path: Path) -> None:
    guarantee = "guarantees: [{measure: lost_devices, at_most: 0, group: sales}]\n"
    (tmp_path / "s.yaml").write_text(SCENARIO + guarantee)
    (tmp_path / "d.csv").write_text("id,group\n1,sales\n")
    assert load(tmp_path / "s.yaml").guarantees[0].group == "sales"
    (problem,) = refused(tmp_path, b"id,group\n1,Sales\n", SCENARIO + guarantee).problems
    assert "did you mean Sales?" in problem.message
