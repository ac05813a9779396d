"""An export of any console is read as it is meant, or refused with what would mend it (language 4)."""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sim
from sim.errors import InputError
from sim.lists.devices import GONE, KNOWN, NEVER, UNKNOWN, DeviceList, ListOptions
from sim.lists.reading import read_list
from sim.scenario.values import parse_duration


def read(content: str | bytes, **options: Any) -> DeviceList:
    data = content.encode() if isinstance(content, str) else content
    return read_list(data, ListOptions(**options), duration_s=parse_duration)


def good(content: str | bytes, **options: Any) -> DeviceList:
    devices = read(content, **options)
    assert devices.problems == ()
    return devices


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def moments(devices: DeviceList) -> list[str]:
    known = devices.contact == KNOWN
    return [
        f"{datetime.fromtimestamp(int(s), UTC):%Y-%m-%d %H:%M:%S}" if k else "-"
        for s, k in zip(devices.last_sync_s, known, strict=True)
    ]


# --- what consoles export: the right reading, or one message with its mend ----------------------

INTUNE = (
    '\ufeff"Device ID","Device name","Enrollment date","Last check-in","OS version","OS"\n'
    '"a-1","PH-1","2023-01-04 10:22:11.0000000","2026-02-27 13:35:59.0000000","14",'
    '"Android (Personally-Owned Work Profile)"\n'
    '"a-2","PH-2","2023-01-04 10:22:11.0000000","2026-02-28 07:16:35.0000000","17.5","iOS/iPadOS"\n'
    '"a-3","PH-3","2023-01-04 10:22:11.0000000","2026-02-28 07:16:35.0000000","15","AndroidForWork"\n'
    '"a-4","PC-4","2023-01-04 10:22:11.0000000","2026-02-28 07:16:35.0000000","10.0","Windows"\n'
)
INTUNE_COLUMNS = {"id": "Device ID", "last_sync": "Last check-in", "platform": "OS"}


def test_rows_of_other_systems_are_left_out_and_counted() -> None:
    devices = good(INTUNE, columns=INTUNE_COLUMNS)
    assert devices.ids == ("a-1", "a-2", "a-3")
    assert devices.platforms == ("android", "ios", "android")
    assert moments(devices) == ["2026-02-27 13:35:59", "2026-02-28 07:16:35", "2026-02-28 07:16:35"]
    (left_out,) = devices.left_out
    assert (left_out.rows, left_out.examples) == (1, ("Windows",))


def test_a_header_that_only_one_column_can_be_is_taken_and_said() -> None:
    devices = good("Device name,Last check-in\np1,2026-02-27 13:35\n", suggests=True)
    assert devices.columns == {"id": "Device name", "last_sync": "Last check-in"}
    assert len(devices.notes) == 2


def test_of_two_headers_that_may_be_meant_neither_is_taken() -> None:
    (problem,) = read(INTUNE, suggests=True).problems
    assert problem.key == "columns.id"
    assert '"Device ID" or "Device name"' in problem.message
    assert "columns: {id: Device ID}" in problem.message


def test_a_header_is_not_guessed_where_a_scenario_does_not_ask_for_it() -> None:
    devices = good("id,Last check-in\np1,2026-02-27 13:35\n")
    assert devices.columns == {"id": "id"}
    assert devices.count(UNKNOWN) == 1


@pytest.mark.parametrize(
    ("content", "options", "ids", "last"),
    [
        pytest.param(
            '#TYPE Selected.Microsoft.ManagedDevice\n"deviceName","lastSyncDateTime","operatingSystem"\n'
            '"PH-1","2026-02-27T13:35:59Z","Android"\n',
            {"columns": {"id": "deviceName", "last_sync": "lastSyncDateTime", "platform": "operatingSystem"}},
            ["PH-1"],
            ["2026-02-27 13:35:59"],
            id="a type line",
        ),
        pytest.param(
            "Report: All devices\nMade for,Sales\n\nDevice name,Last check-in,\nPH-1,2026-02-27 13:35:59,\n",
            {"columns": {"id": "Device name", "last_sync": "Last check-in"}},
            ["PH-1"],
            ["2026-02-27 13:35:59"],
            id="titles, and separators at the end",
        ),
        pytest.param(
            "sep=;\r\nid;last_sync\r\np1;27.02.2026 13:35\r\n",
            {},
            ["p1"],
            ["2026-02-27 13:35:00"],
            id="a line for a spreadsheet",
        ),
        pytest.param(
            "id|last_sync\np1|2026-02-27 13:35\n", {}, ["p1"], ["2026-02-27 13:35:00"], id="vertical bars"
        ),
        pytest.param(
            "id,last_sync,notes\np1,2026-02-27 13:35\np2\np3,2026-02-26 13:35,,,\n",
            {},
            ["p1", "p2", "p3"],
            ["2026-02-27 13:35:00", "-", "2026-02-26 13:35:00"],
            id="rows shorter and longer by empty cells",
        ),
        pytest.param(
            '"Device,""Managed by"",""OS"",""Last check-in"""\n'
            '"PH-1,""Intune"",""Android"",""2026-02-27 13:35:59.0000000"""\n',
            {"columns": {"id": "Device", "last_sync": "Last check-in", "platform": "OS"}},
            ["PH-1"],
            ["2026-02-27 13:35:59"],
            id="each line in quotes as a whole",
        ),
        pytest.param(
            "Device name\tLast check-in\r\nGerät-1\t2026-02-27 13:35:59\r\n".encode("utf-16"),
            {"columns": {"id": "Device name", "last_sync": "Last check-in"}},
            ["Gerät-1"],
            ["2026-02-27 13:35:59"],
            id="UTF-16 with tabs",
        ),
        pytest.param(
            "Устройство;Последнее подключение\nТелефон-1;04.02.2026 10:22:11\n".encode("cp1251"),
            {"columns": {"id": "Устройство", "last_sync": "Последнее подключение"}, "encoding": "cp1251"},
            ["Телефон-1"],
            ["2026-02-04 10:22:11"],
            id="a named encoding",
        ),
        pytest.param(
            "Display Name,JSS Mobile Device ID,Last Inventory Update,Applications\n"
            "iPad-1,100,2026-02-27 08:00:00,App1\n,,,App2\n,,,App3\niPad-2,101,2026-02-27 08:00:00,App1\n",
            {"columns": {"id": "JSS Mobile Device ID", "last_sync": "Last Inventory Update"}},
            ["100", "101"],
            ["2026-02-27 08:00:00"] * 2,
            id="rows that go on below",
        ),
        pytest.param(
            "Device name,Last check-in\nPH-1,2026-02-27 13:35:59\n\nTotal: 1 device\n",
            {"columns": {"id": "Device name", "last_sync": "Last check-in"}},
            ["PH-1"],
            ["2026-02-27 13:35:59"],
            id="a footer",
        ),
        pytest.param(
            "resourceId,deviceId,lastSync,os\nr1,d1,2026-02-27T13:35:59.123Z,Android\nr2,d2,Never,iOS 17\n",
            {"columns": {"id": "resourceId", "last_sync": "lastSync", "platform": "os"}},
            ["r1", "r2"],
            ["2026-02-27 13:35:59", "-"],
            id="Google",
        ),
        pytest.param(
            'id,last_sync\n="00123",="2026-02-27 13:35"\n',
            {},
            ["00123"],
            ["2026-02-27 13:35:00"],
            id="cells that a spreadsheet must not touch",
        ),
        pytest.param(
            "KLHST_WKS_DN,KLHST_WKS_LAST_NAGENT_CONNECTED\nx,2026-02-27 13:35:59\n",
            {"suggests": True, "default_timezone": "Europe/Berlin"},
            ["x"],
            ["2026-02-27 13:35:59"],
            id="Kaspersky Security Center, which counts in UTC",
        ),
    ],
)
def test_an_export(content: str | bytes, options: dict[str, Any], ids: list[str], last: list[str]) -> None:
    devices = good(content, **options)
    assert list(devices.ids) == ids
    assert moments(devices) == last


@pytest.mark.parametrize(
    ("content", "options", "line", "words"),
    [
        ("id,last_sync\np1,2 days ago\np2,3h ago\n", {}, 2, ("an age", "1 more row")),
        ("id,last_sync\np1,2/3/2026\np2,4/5/2026\n", {}, 2, ("dates: day first", '"2/3/2026"', '"4/5/2026"')),
        ("IMEI,x\n3.56789E+14,1\n3.56789E+14,2\n", {"columns": {"id": "IMEI"}}, 2, ("rounded", "text")),
        ("Gerätename\nMüller\n".encode("latin-1"), {}, 1, ("0xe4", "encoding: cp1252", "cp1251")),
        ("id\n\xe9\n", {"encoding": "ascii"}, 2, ("0xc3", "not ascii")),
        ("id\nx\n", {"encoding": "cp9999"}, None, ('"cp9999" is not an encoding',)),
        ("id\nx\n", {"encoding": "punycode"}, None, ("is not an encoding",)),
        ("id\nx\n", {"encoding": "hex"}, None, ("is not an encoding",)),
        ("id\nx\n", {"timezone": "Mars/Base"}, None, ("Mars/Base", "Europe/Berlin")),
        ("OS,id\nAndroid,1\n", {"only": {"os": ["iOS"]}}, None, ("no row has any of these", '"Android"')),
        ("id\n1\n", {"only": {"OS": ["iOS"]}}, None, ('no column "OS"', 'it has "id"')),
        ("Device nam\n1\n", {"columns": {"id": "Device name"}}, None, ('did you mean "Device nam"?',)),
        ("Id,ID\n1,2\n", {}, 1, ("two columns are called",)),
        ("x" * 2_000_000 + "\n", {}, 1, ("131072",)),
        ("id\n" + "x," * 1_000_000 + "\n", {}, 2, ("1000001 fields where the header has 1",)),
    ],
)
def test_what_cannot_be_read_has_one_message_with_its_mend(
    content: str | bytes, options: dict[str, Any], line: int | None, words: tuple[str, ...]
) -> None:
    (problem,) = read(content, **options).problems
    assert problem.line == line
    for each in words:
        assert each in problem.message


def test_a_fault_of_every_row_is_one_sentence() -> None:
    content = "id,last_sync\n" + "".join(f"p{i},2026-02-30\n" for i in range(400))
    (problem,) = read(content).problems
    assert problem.line == 2
    assert "399 more rows" in problem.message


def test_of_many_wrong_rows_fifty_are_shown_and_the_others_counted() -> None:
    rows = "".join(f"p{i},maybe\n" for i in range(99)) + "q,yes\n"
    problems = read("id,holds_reserve\n" + rows).problems
    assert len(problems) == 51
    assert [each.line for each in problems[:50]] == list(range(2, 52))
    assert problems[-1].message == "and 49 more wrong rows: correct these first"


# --- columns and cells --------------------------------------------------------------------------------------


def test_every_column_of_the_language() -> None:
    devices = good(
        "id,platform,last_sync,sync_every,holds_reserve,group\n"
        "001,android,2026-02-27 08:15,6h,yes,Sales\n"
        "NA,ios,2026-02-27T08:15:30+02:00,1d,no,\n"
        "3,,,,,\n"
        "4,Aurora 5,never,,,\n"
    )
    assert devices.ids == ("001", "NA", "3", "4")
    assert devices.platforms == ("android", "ios", None, "aurora")
    assert moments(devices) == ["2026-02-27 08:15:00", "2026-02-27 06:15:30", "-", "-"]
    assert devices.contact.tolist() == [KNOWN, KNOWN, UNKNOWN, NEVER]
    assert devices.sync_every_s.tolist() == [21_600, 86_400, 0, 0]
    assert devices.holds_reserve.tolist() == [True, False, False, False]
    assert devices.groups == ("Sales", None, None, None)
    assert devices.lines.tolist() == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("written", "platform"),
    [
        *(
            ("Android", "android"),
            ("AndroidForWork", "android"),
            ("Google Android", "android"),
            ("ANDROID 14", "android"),
        ),
        *(
            ("iOS 17.5", "ios"),
            ("iOS/iPadOS", "ios"),
            ("Apple iOS", "ios"),
            ("iPhone", "ios"),
            ("iPad (9th)", "ios"),
        ),
        *(("Aurora 4", "aurora"), ("ОС Аврора", "aurora"), ("", None), ("-", None), ("Unknown", None)),
    ],
)
def test_a_platform_by_what_the_word_contains(written: str, platform: str | None) -> None:
    assert good(f"id,platform\n1,{written}\n").platforms == (platform,)


@pytest.mark.parametrize(
    "written", ["Windows", "macOS", "tvOS", "Windows Kiosk", "BIOS 7", "Linux", "ChromeOS"]
)
def test_other_systems(written: str) -> None:
    devices = good(f"id,platform\n1,{written}\n2,iOS\n")
    assert devices.ids == ("2",)
    assert devices.left_out[0].rows == 1


def test_only_takes_rows_by_header_and_counts_the_others() -> None:
    content = "id,Owner,State\n1,Sales,active\n2,IT,active\n3,sales,retired\n4,Sales ,Active\n"
    devices = good(content, only={"owner": ["Sales"], "State": ["active"]})
    assert devices.ids == ("1", "4")
    assert [each.rows for each in devices.left_out] == [1, 1]


def test_a_header_alone_is_a_fleet_of_nobody() -> None:
    assert good("id,platform\n").ids == ()


def test_an_id_is_there_once() -> None:
    problems = read("id,x\n1,a\n2,b\n1,c\n 2 ,d\n").problems
    assert [each.line for each in problems] == [4, 5]
    assert "already at line 2" in problems[0].message


def test_a_device_that_is_called_like_a_footer_and_has_a_date_is_a_device() -> None:
    assert good("id,last_sync\np1,2026-02-27\nTotal 5,2026-02-26\n").ids == ("p1", "Total 5")
    assert good("id,last_sync\nReport 1,\np1,2026-02-27\n").ids == ("Report 1", "p1")
    assert good("id\np1\nReport 1\n").ids == ("p1", "Report 1")
    assert good("id\np1\nTotal: 1\n").ids == ("p1",)


def test_the_file_is_remembered_by_its_content() -> None:
    assert good("id\n1\n").sha256 == hashlib.sha256(b"id\n1\n").hexdigest()


# --- when the list was made, and in which zone --------------------------------------------------------------


def test_a_list_is_as_old_as_its_newest_contact() -> None:
    devices = good("id,last_sync\n1,2026-02-27 08:00\n2,2026-02-26 08:00\n3,\n4,never\n")
    assert devices.exported_s == at("2026-02-27 08:00")
    assert devices.ages_s.tolist() == [0, 86_400, -1, -1]


def test_a_contact_after_the_list_was_made_is_a_mistake_with_two_mends() -> None:
    content = "id,last_sync\n1,2026-02-27 08:00\n2,2026-02-27 08:01\n"
    assert good(content, exported_s=at("2026-02-27 08:01")).ages_s.tolist() == [60, 0]
    (problem,) = read(content, exported_s=at("2026-02-27 08:00")).problems
    assert problem.line == 3
    assert "exported: 2026-02-27 08:01" in problem.message
    assert "timezone" in problem.message


def test_devices_silent_for_longer_than_gone_after_are_gone() -> None:
    content = "id,last_sync\n1,2026-02-27\n2,2026-02-20\n3,2026-02-19\n"
    devices = good(content, gone_after_s=7 * 86_400)
    assert devices.contact.tolist() == [KNOWN, KNOWN, GONE]
    assert devices.ages_s.tolist() == [0, 7 * 86_400, -1]


def test_a_list_in_pacific_time_is_eight_hours_later_than_it_reads() -> None:
    content = "id;last_sync\nd0;2026-11-26 21:19\nd6;2026-11-27 00:49\n"
    assert moments(good(content))[1] == "2026-11-27 00:49:00"
    assert good(content).is_zone_assumed
    devices = good(content, timezone="America/Los_Angeles", exported_s=at("2026-11-27 09:00"))
    assert moments(devices) == ["2026-11-27 05:19:00", "2026-11-27 08:49:00"]
    assert not devices.is_zone_assumed


def test_a_zone_in_the_header_holds_and_is_said_and_a_key_overrules_it() -> None:
    content = "id,Last check-in (UTC+3)\nPH-1,2026-02-27 13:35:59\n"
    columns = {"last_sync": "Last check-in"}
    devices = good(content, columns=columns)
    assert moments(devices) == ["2026-02-27 10:35:59"]
    assert "+03:00" in devices.notes[0]
    devices = good(content, columns=columns, timezone="UTC")
    assert moments(devices) == ["2026-02-27 13:35:59"]
    assert "UTC is taken" in devices.notes[0]


# --- bounds -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"\n" * 2_000_000 + b"id\n1\n",
        b"id\n1\n" + b"\n" * 2_000_000,
        b"id" + b"," * 100_000 + b"\n1\n",
        b'id\n"' + b"a\n" * 500_000,
        b"id\n" + b'"' * 900_000,
        b"id,a" + b" " * 500_000 + b"b\n1,2\n",
        b"id,last_sync\n1," + b"2" * 120_000 + b"\n",
        b"id,last_sync\n" + b"".join(b"%d,x%d\n" % (i, i) for i in range(100_000)),
        b"id,sync_every\n" + b"".join(b"%d,x%d\n" % (i, i) for i in range(100_000)),
        b"id,platform\n" + b"".join(b"%d,x%d\n" % (i, i) for i in range(100_000)),
        b"id\n" + b"1\n" * 200_000,
    ],
    ids=range(11),
)
def test_time_is_linear_in_the_size(content: bytes) -> None:
    begun = time.process_time()
    read(content)
    assert time.process_time() - begun < 10


def test_a_hundred_thousand_rows_are_read_within_two_seconds_of_a_quiet_computer() -> None:
    seconds = 1_772_199_359 - np.random.default_rng(1).integers(0, 10**7, 100_000)
    texts = np.datetime_as_string(seconds.astype("M8[s]")).tolist()
    content = "id;OS;last_sync\n" + "".join(f"d{i};Android;{text}\n" for i, text in enumerate(texts))
    begun = time.process_time()
    devices = good(content, columns={"platform": "OS"})
    assert time.process_time() - begun < 8, "a busy computer is slower"
    assert devices.last_sync_s.tolist() == seconds.tolist()


def test_a_byte_that_is_not_utf_8_is_found_behind_a_byte_order_mark() -> None:
    (problem,) = read(b"\xef\xbb\xbfid\n\xffabc").problems
    assert problem.line == 2
    assert "byte 0xff" in problem.message


def test_a_list_without_a_last_contact_forecasts_nothing(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text("Device name;OS;Letzter Abgleich\na;Android;2026-11-01\nb;iOS;2026-11-02\n")
    for ask in (sim.inventory, sim.forecast):
        with pytest.raises(InputError, match="last_sync: Letzter Abgleich"):
            ask(path)
        with pytest.raises(InputError, match="lastsync"):
            ask(path, columns={"lastsync": "Letzter Abgleich"})
        ask(path, columns={"last_sync": "Letzter Abgleich"})
    with pytest.raises(InputError, match="98%"):
        sim.forecast(path, columns={"last_sync": "Letzter Abgleich"}, lost_at_most=98)
