"""An inventory as an administrator exports it is read as it is meant (language 1.2)."""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from sim.lists.devices import GONE, KNOWN, NEVER
from sim.scenario import Inventory, Scenario, load
from sim.studies.run import run

SCENARIO = "name: n\nstart: 2026-03-01\nduration: 100d\nfleet:\n- name: g\n  inventory: d.csv\n"


class Row(NamedTuple):
    """A device of a list."""

    line: int
    id: str
    platform: str | None = None
    last_sync: datetime | None = None
    sync_every: int | None = None
    holds_reserve: bool = False
    group: str | None = None
    never_connected: bool = False


def rows_of(inventory: Inventory) -> tuple[Row, ...]:
    """The devices one by one."""
    read = inventory.devices
    return tuple(
        Row(
            int(read.lines[n]),
            read.ids[n],
            read.platforms[n],
            datetime.fromtimestamp(read.last_sync_s[n], UTC) if read.contact[n] == KNOWN else None,
            int(read.sync_every_s[n]) or None,
            bool(read.holds_reserve[n]),
            read.groups[n],
            read.contact[n] in (NEVER, GONE),
        )
        for n in range(len(inventory))
    )


def read(folder: Path, content: bytes, more: str = "") -> tuple[Row, ...]:
    (folder / "s.yaml").write_text(SCENARIO + more)
    (folder / "d.csv").write_bytes(content)
    return rows_of(load(folder / "s.yaml").inventories[0])


def test_every_column_of_the_language(tmp_path: Path) -> None:
    rows = read(
        tmp_path,
        b"id,platform,last_sync,sync_every,holds_reserve,group\n"
        b"001,android,2026-02-27 08:15,6h,yes,Sales\n"
        b"NA,ios,2026-02-27T08:15:30+02:00,1d,no,\n"
        b"3,,,,,\n",
    )
    assert rows == (
        Row(2, "001", "android", datetime(2026, 2, 27, 8, 15, tzinfo=UTC), 21_600, True, "Sales"),
        Row(3, "NA", "ios", datetime(2026, 2, 27, 6, 15, 30, tzinfo=UTC), 86_400, False, None),
        Row(4, "3"),
    )


@pytest.mark.parametrize(
    "content",
    [
        b"id,group\n1,a\n2,b\n",
        b"id;group\n1;a\n2;b\n",
        b"id\tgroup\n1\ta\n2\tb\n",
        b"\xef\xbb\xbfid,group\n1,a\n2,b\n",
        b"id,group\r\n1,a\r\n2,b\r\n",
        b"id,group\r1,a\r2,b\r",
        b"id,group\n1,a\n2,b",
        b"sep=;\r\nid;group\r\n1;a\r\n2;b\r\n",
        b'"id","group"\n"1","a"\n"2","b"\n',
        b" ID , Gr_oup \n 1 , a \n2,b\n",
        b"id,group\n1,a\n\n2,b\n,\n\n\n",
        b"\n\nid;group\n1;a\n2;b\n;\n;\n",
        b"Owner;group;I D;x;y\n\xc3\xa9, f;a;1;;\n;b;2;;\n",
        b'note;id;group\n"x;y";1;a\n"p\nq";2;b\n',
    ],
)
def test_an_export_of_any_usual_form(tmp_path: Path, content: bytes) -> None:
    assert [(row.id, row.group) for row in read(tmp_path, content)] == [("1", "a"), ("2", "b")]


def test_the_line_of_a_row_is_where_it_begins(tmp_path: Path) -> None:
    assert [row.line for row in read(tmp_path, b'sep=;\nid;note\n\n1;"a\nb\nc"\n2;x\n')] == [4, 7]


def test_columns_map_other_headers_without_regard_to_case_and_blanks(tmp_path: Path) -> None:
    rows = read(
        tmp_path,
        b"Device name;Last  Visible;OS;id\nx;28.02.2026 23:10;Android 14;9\n",
        "  columns: {id: device name, last_sync: LAST VISIBLE, platform: OS}\n",
    )
    assert rows == (Row(2, "x", "android", datetime(2026, 2, 28, 23, 10, tzinfo=UTC)),)


@pytest.mark.parametrize(
    ("written", "hour", "minute"),
    [
        ("2026-02-27 08:15", 8, 15),
        ("2026-02-27 8:15", 8, 15),
        ("2026-02-27T08:15:00Z", 8, 15),
        ("2026-02-27T08:15:00.123Z", 8, 15),
        ("2026-02-27T08:15:00+01:00", 7, 15),
        ("27.02.2026 08:15", 8, 15),
        ("27.2.2026 8:15", 8, 15),
        ("27.02.2026, 08:15:00", 8, 15),
        ("2026-02-27", 0, 0),
        ("27.02.2026", 0, 0),
    ],
)
def test_the_last_synchronization_as_exports_write_it(
    tmp_path: Path, written: str, hour: int, minute: int
) -> None:
    (row,) = read(tmp_path, f'id;last_sync\n1;"{written}"\n'.encode())
    assert row.last_sync == datetime(2026, 2, 27, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "held"),
    [("yes", True), ("TRUE", True), ("1", True), ("no", False), ("False", False), ("0", False), ("", False)],
)
def test_whether_a_device_holds_the_reserve(tmp_path: Path, written: str, held: bool) -> None:
    assert read(tmp_path, f"id,holds_reserve\n1,{written}\n".encode())[0].holds_reserve is held


@pytest.mark.parametrize(
    ("written", "platform"),
    [("Android", "android"), ("Android 14", "android"), ("iOS 17.5", "ios"), ("iPadOS", "ios")],
)
def test_a_platform_with_its_version(tmp_path: Path, written: str, platform: str) -> None:
    assert read(tmp_path, f"id,platform\n1,{written}\n".encode())[0].platform == platform


def test_blanks_that_are_not_ascii_are_trimmed_around_an_id_and_kept_within(tmp_path: Path) -> None:
    assert read(tmp_path, "id\n\u00a0a\u00a0b\u3000\n".encode())[0].id == "a\u00a0b"


def test_a_header_alone_is_a_fleet_of_nobody(tmp_path: Path) -> None:
    assert read(tmp_path, b"id,platform\n") == ()


def test_an_inventory_remembers_its_file(tmp_path: Path) -> None:
    read(tmp_path, b"id\n1\n")
    inventory = load(tmp_path / "s.yaml").inventories[0]
    assert (inventory.path, inventory.text) == ("d.csv", b"id\n1\n")
    assert inventory.sha256 == hashlib.sha256(b"id\n1\n").hexdigest()


def test_a_document_finds_its_inventory_in_the_folder_or_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "d.csv").write_text("id\n1\n")
    document = {
        "name": "n",
        "start": "2026-03-01",
        "duration": "1d",
        "fleet": [{"name": "g", "inventory": "d.csv"}],
    }
    assert len(Scenario.from_document(document, folder=tmp_path).inventories[0]) == 1
    monkeypatch.chdir(tmp_path)
    assert len(Scenario.from_document(document).inventories[0]) == 1


def test_a_hundred_thousand_rows_are_read_quickly(tmp_path: Path) -> None:
    content = b"id;platform;last_sync\n" + b"".join(
        b"d%d;Android 14;28.02.2026 10:00\n" % i for i in range(100_000)
    )
    begun = time.process_time()
    assert len(read(tmp_path, content)) == 100_000
    assert time.process_time() - begun < 20


def test_a_list_without_a_row_is_a_fleet_without_a_device(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("id\n")
    (tmp_path / "s.yaml").write_text(
        "name: n\nstart: 2026-03-01\nduration: 3d\nfleet: [{name: g, inventory: d.csv}]\n"
    )
    assert run(load(tmp_path / "s.yaml"), engine="process").measures["devices"] == 0
