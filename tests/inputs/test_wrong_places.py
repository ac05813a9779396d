"""Files that are missing, unreadable, endless or elsewhere are refused at once, whatever they are."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from sim.scenario import Problem, ScenarioError, load

BASE = "name: n\nstart: 2026-03-01\nduration: 100d\nfleet:\n- name: g\n  devices: 1\n"
WITH_LIST = "name: n\nstart: 2026-03-01\nduration: 100d\nfleet:\n- name: g\n  inventory: {}\n"


def refused(path: Path | str) -> tuple[Problem, ...]:
    begun = time.process_time()
    with pytest.raises(ScenarioError) as caught:
        load(path)
    assert time.process_time() - begun < 5.0
    return caught.value.problems


def only(path: Path | str) -> Problem:
    (problem,) = refused(path)
    return problem


def with_list(folder: Path, written: str) -> Path:
    path = folder / "scenario.yaml"
    path.write_text(WITH_LIST.format(written))
    return path


def test_a_missing_file(tmp_path: Path) -> None:
    problem = only(tmp_path / "scenario.yaml")
    assert problem.message == "the file does not exist: check the path"
    assert str(problem) == f"{tmp_path / 'scenario.yaml'}: {problem.message}"


def test_a_folder(tmp_path: Path) -> None:
    assert only(tmp_path).message == "the file is a folder: name a file in it"


def test_a_file_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(BASE)
    assert "not a directory" in only(tmp_path / "a" / "b.yaml").message


def test_a_pipe_that_nobody_writes_to(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in only(tmp_path / "pipe").message


def test_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        assert only("s").message.startswith("the file ")


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/random"])
def test_a_device(device: str) -> None:
    assert "not a regular file" in only(device).message


@contextmanager
def as_somebody_else() -> Iterator[None]:
    """Root reads everything, so be nobody for a while where the tests are root's."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_file_without_permission() -> None:
    with TemporaryDirectory() as folder:  # pytest's own folder is closed to others
        path = Path(folder) / "a.yaml"
        assert "does not exist" in only(path).message  # whatever is imported late is imported
        Path(folder).chmod(0o755)
        path.write_text(BASE)
        path.chmod(0)
        with as_somebody_else():
            message = only(path).message
    assert "permission" in message


def test_permission_is_named_in_the_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    assert (
        only(tmp_path / "a.yaml").message == "the file may not be read: give yourself permission to read it"
    )


def test_a_file_of_more_than_2_mb(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(BASE.encode() + b"#" * 2_000_000)
    assert "larger than 2,000,000 bytes" in only(path).message


def test_a_file_of_just_2_mb_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(BASE.encode() + b"#" * (2_000_000 - len(BASE)))
    assert load(path).name == "n"


def test_a_sparse_file_of_a_terabyte(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    with path.open("wb") as stream:
        stream.truncate(2**40)
    assert "larger than 2,000,000 bytes" in only(path).message


def test_a_link_to_itself(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to("a.yaml")
    assert "cannot be read" in only(tmp_path / "a.yaml").message


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000])
def test_an_impossible_name(name: str) -> None:
    assert only(name).message.startswith("the file cannot be read")


def test_a_name_that_moves_the_cursor_is_shown_escaped(tmp_path: Path) -> None:
    assert "\x1b" not in str(ScenarioError(refused(tmp_path / "a\x1b[2J.yaml")))


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("gone.csv", "does not exist: check the path"),
        ("../devices.csv", "leads out of the scenario's folder"),
        ("sub/../../devices.csv", "leads out of the scenario's folder"),
        ("/etc/passwd", "is not relative"),
        ("~/devices.csv", "is not relative"),
        (r"C:\devices.csv", "is not relative"),
        (r"\\server\devices.csv", "is not relative"),
        ("sub", "is a folder"),
        (".", "leads out"),
        ("out.csv", "leads out of the scenario's folder"),
        ("away/passwd", "leads out of the scenario's folder"),
        ("round.csv", "cannot be read"),
        ("pipe", "not a regular file"),
        ("devices.csv/x", "not a directory"),
        ("x" * 999, "cannot be read"),
    ],
)
def test_an_inventory_elsewhere_or_unreadable(tmp_path: Path, written: str, words: str) -> None:
    folder = tmp_path / "plan"
    (folder / "sub").mkdir(parents=True)
    (folder / "devices.csv").write_text("id\n1\n")
    (tmp_path / "devices.csv").write_text("id\n1\n")
    (folder / "out.csv").symlink_to(tmp_path / "devices.csv")
    (folder / "away").symlink_to("/etc")
    (folder / "round.csv").symlink_to("round.csv")
    os.mkfifo(folder / "pipe")
    problem = only(with_list(folder, written))
    assert (problem.line, problem.column, problem.key) == (6, 14, "fleet.0.inventory")
    assert words in problem.message


def test_a_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "devices.csv").write_text("id\n1\n")
    (tmp_path / "link.csv").symlink_to("devices.csv")
    assert load(with_list(tmp_path, "link.csv")).inventories[0].devices.ids[0] == "1"


def test_a_path_with_a_line_break_in_it(tmp_path: Path) -> None:
    assert "one line" in only(with_list(tmp_path, '"a\\nb.csv"')).message


def test_an_inventory_too_large(tmp_path: Path) -> None:
    with (tmp_path / "devices.csv").open("wb") as stream:
        stream.truncate(2**40)
    from sim.scenario import inventory

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inventory, "MOST_INVENTORY_BYTES", 1_000_000)
        assert "larger than 1,000,000 bytes" in only(with_list(tmp_path, "devices.csv")).message


WRONG_VALUES = """\
nmae: n
start: 2026-02-30
duration: 30
server: {behaviour: KSMM-6.0, outages: [{from: start - 1h, for: 6}]}
fleet:
- {name: a, devices: 1, sync: {every: 1h, jitter: 2h}}
- {name: a, inventory: gone.csv}
- 7
strategy:
- {at: day 1, reissue: {}, cancel_reserve: {}}
- {at: day x, reissue: {}}
guarantees:
- {measure: lost_device, at_most: 1%}
- {measure: lost_share, at_most: 12, within: 3d}
replications: 0
"""


def places(path: Path, text: str) -> list[tuple[int | None, str]]:
    path.write_text(text)
    problems = refused(path)
    assert str(ScenarioError(problems)).count("\n") == len(problems) - 1
    return [(each.line, each.key) for each in problems]


def test_every_wrong_value_of_a_file_comes_in_one_error_in_order(tmp_path: Path) -> None:
    assert places(tmp_path / "scenario.yaml", WRONG_VALUES) == [
        (1, "nmae"),
        (2, "start"),
        (3, "duration"),
        (4, "server.behaviour"),
        (4, "server.outages.0.for"),
        (6, "fleet.0.sync.jitter"),
        (8, "fleet.2"),
        (10, "strategy.0.cancel_reserve"),
        (11, "strategy.1.at"),
        (13, "guarantees.0.measure"),
        (14, "guarantees.1.at_most"),
        (15, "replications"),
    ]


def test_all_that_does_not_fit_together_comes_once_the_values_are_right(tmp_path: Path) -> None:
    text = WRONG_VALUES
    for wrong, right in {
        "nmae": "name",
        "02-30": "03-01",
        "duration: 30": "duration: 30d",
        "KSMM": "ksmm",
        "for: 6}": "for: 6h}",
        "- 7\n": "",
        "day x": "day 3",
        "lost_device,": "lost_share,",
        "at_most: 12,": "at_most: 12%,",
        "replications: 0": "replications: 1",
        "jitter: 2h": "jitter: 30m",
        "name: a, inventory": "name: b, inventory",
        ", cancel_reserve: {}": "",
        ", within: 3d": "",
    }.items():
        assert wrong in text
        text = text.replace(wrong, right)
    assert places(tmp_path / "scenario.yaml", text) == [
        (4, "server.outages.0.from"),
        (7, "fleet.1.inventory"),
    ]


def test_ten_thousand_mistakes_are_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "scenario.yaml"
    path.write_text(BASE + "".join(f"wrong{i}: 1\n" for i in range(10_000)))
    problems = refused(path)
    assert len(problems) <= 201
    assert "more mistakes" in problems[-1].message
