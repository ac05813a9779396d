"""Files and folders are written whole or not at all; nothing of others is lost; nothing is left behind."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sim import files
from sim.errors import OutputError, UnreadableError


def is_result(folder: Path) -> bool:
    return {each.name for each in folder.iterdir()} <= {"result"}


def fill(folder: Path, text: str = "new", *, during: object = None) -> None:
    with files.new_folder(folder, replaces=is_result) as partial:
        (partial / "result").write_text(text)
        if callable(during):
            during()


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_a_folder_takes_its_name_when_it_is_full(tmp_path: Path) -> None:
    fill(tmp_path / "out", during=lambda: pytest.fail("too early") if (tmp_path / "out").exists() else None)
    assert (tmp_path / "out" / "result").read_text() == "new"
    assert names(tmp_path) == ["out"]


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        fill(tmp_path / "out", during=lambda: 1 // 0)
    assert names(tmp_path) == []


def test_an_earlier_result_is_replaced_and_keeps_its_permissions(tmp_path: Path) -> None:
    fill(tmp_path / "out", "old")
    (tmp_path / "out").chmod(0o750)
    fill(tmp_path / "out")
    assert (tmp_path / "out" / "result").read_text() == "new"
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o750
    assert names(tmp_path) == ["out"]


def somebody_makes(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "mine").write_text("precious")


def test_a_folder_that_appears_meanwhile_is_not_lost(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="in the meantime"):
        fill(tmp_path / "out", during=lambda: somebody_makes(tmp_path / "out"))
    assert (tmp_path / "out" / "mine").read_text() == "precious"
    assert names(tmp_path) == ["out"]


def test_a_file_that_appears_meanwhile_is_not_lost(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="in the meantime"):
        fill(tmp_path / "out", during=lambda: (tmp_path / "out").write_text("precious"))
    assert (tmp_path / "out").read_text() == "precious"
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("can_exchange", [True, False])
def test_what_is_put_into_an_earlier_result_meanwhile_is_not_lost(
    tmp_path: Path, can_exchange: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "out", "old")
    if not can_exchange:
        monkeypatch.setattr(files, "_exchange", lambda one, other: False)
    with pytest.raises(OutputError, match="in the meantime"):
        fill(tmp_path / "out", during=lambda: somebody_makes(tmp_path / "out"))
    assert names(tmp_path / "out") == ["mine", "result"]
    assert names(tmp_path) == ["out"]


@pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="the system cannot exchange names")
def test_what_is_put_there_in_the_last_moment_goes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "out", "old")
    exchange = files._exchange

    def late(one: Path, other: Path) -> bool:
        somebody_makes(tmp_path / "out") if (tmp_path / "out" / "result").read_text() == "old" else None
        return exchange(one, other)

    monkeypatch.setattr(files, "_exchange", late)
    with pytest.raises(OutputError, match="in the meantime"):
        fill(tmp_path / "out")
    assert names(tmp_path / "out") == ["mine", "result"]


def test_of_two_that_write_one_new_folder_one_wins(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="in the meantime"):
        fill(tmp_path / "out", "second", during=lambda: fill_as_other(tmp_path / "out", "first"))
    assert (tmp_path / "out" / "result").read_text() == "first"


def fill_as_other(folder: Path, text: str) -> None:
    with files.new_folder(folder) as partial:
        (partial / "other").write_text(text)
        (partial / "result").write_text(text)


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    fill(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert names(tmp_path / "real") == ["result"]


def test_a_name_of_255_characters_can_be_taken(tmp_path: Path) -> None:
    fill(tmp_path / ("a" * 255))
    files.write_file(tmp_path / ("b" * 255), b"x")
    assert names(tmp_path) == ["a" * 255, "b" * 255]


def test_new_files_are_written_all_or_none(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("precious")
    with pytest.raises(OutputError, match="exists"):
        files.write_new_files({tmp_path / "a": b"1", tmp_path / "b": b"2"})
    assert names(tmp_path) == ["b"]
    files.write_new_files({tmp_path / "a": b"1", tmp_path / "c": b"2"})
    assert names(tmp_path) == ["a", "b", "c"]


KILLED = """
import os, signal, sys
from pathlib import Path
from sim import files
where, what = Path(sys.argv[1]), sys.argv[2]
if what == "folder":
    with files.new_folder(where / "out") as partial:
        (partial / "result").write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)
with files._partial(where, Path.touch) as partial:
    partial.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs locks that end with their process")
@pytest.mark.parametrize("what", ["folder", "file"])
def test_what_a_killed_writer_left_goes_with_the_next_call(tmp_path: Path, what: str) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), what], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert len(names(tmp_path)) == 1
    assert all(files.is_partial(each) for each in tmp_path.iterdir())
    fill(tmp_path / "next")
    assert names(tmp_path) == ["next"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs locks that end with their process")
def test_what_a_living_writer_writes_stays(tmp_path: Path) -> None:
    fill(tmp_path / "one", during=lambda: files.remove_leftovers(tmp_path))
    assert names(tmp_path) == ["one"]


def test_a_folder_without_permission_is_refused_in_words(tmp_path: Path) -> None:
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        with pytest.raises(OutputError, match="cannot be written"):
            fill(tmp_path / "missing" / "out")
        return
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot be written"):
        fill(tmp_path / "out")
    tmp_path.chmod(0o700)


def test_a_byte_that_is_not_utf_8_is_found_behind_a_byte_order_mark() -> None:
    with pytest.raises(UnreadableError, match="byte 0xff") as caught:
        files.decode(b"\xef\xbb\xbfid\n\xffabc")
    assert (caught.value.line, caught.value.column) == (2, 1)


@pytest.mark.parametrize("has_links", [True, False])
def test_a_new_file_never_takes_the_place_of_another(
    tmp_path: Path, has_links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    if not has_links:
        monkeypatch.setattr(os, "link", refuse)
    files.write_new_files({tmp_path / "a": b"1"})
    with pytest.raises(OutputError, match="exists"):
        files.write_new_files({tmp_path / "a": b"2"})
    assert (tmp_path / "a").read_bytes() == b"1"
    assert names(tmp_path) == ["a"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs locks")
def test_of_two_that_replace_one_folder_the_second_is_told(tmp_path: Path) -> None:
    fill(tmp_path / "out", "old")
    with pytest.raises(OutputError, match="in the meantime"), files._lock(tmp_path / "out"):
        fill(tmp_path / "out")
    assert (tmp_path / "out" / "result").read_text() == "old"
    assert names(tmp_path) == ["out"]
