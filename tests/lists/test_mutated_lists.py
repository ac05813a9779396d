"""Whatever is done to a list, it is read, or refused in words: never an exception but the project's own."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from sim.errors import InputError
from sim.studies.device_lists import forecast, inventory

LISTS = (
    "Device ID,Device name,Last check-in,OS\na-1,PH-1,2026-02-27 13:35:59.0000000,Android 14\n"
    "a-2,PH-2,2026-02-28 07:16:35.0000000,iOS/iPadOS\na-4,PC-4,2026-02-28 07:16:35.0000000,Windows\n",
    "sep=;\r\nid;last_sync;platform;sync_every;holds_reserve;group\r\n"
    "p1;27.02.2026 13:35;android;6h;yes;a b\r\n"
    'p2;;iPad;;no;"x;y"\r\np3;never;Aurora;1d;;\r\n\r\nTotal: 3\r\n',
    '#TYPE Managed.Device\n"deviceName","lastSyncDateTime"\n"A","2/3/2026 1:35 PM"\n"B","13/2/2026 1:35"\n',
    "id|last_sync (UTC+3)\np1|1772199359\np2|1772199359000\np3|46080.5666\np4|20260207000000.000000+000\n",
    "IMEI\tlast_sync\n3.56789E+14\t18:57:36 Feb  6 2026\n3\t06-Feb-2026\n1\t4 февраля 2026 г. 10:22:11\n",
    '"Device,""OS"",""Last check-in"""\n"PH-1,""Android"",""2026-02-27 13:35:59"""\n',
    "Title\n\nid,last_sync\np1,2026-02-27T13:35:59+01:00\np2,2 days ago\np1,0001-01-01\n,,\n",
)
SCRAPS = (
    *(
        '"',
        '""',
        ",",
        ";",
        "\t",
        "|",
        "\n",
        "\r",
        "\0",
        "\ufeff",
        " ",
        "\u00a0",
        "=",
        "+",
        "-",
        "/",
        ".",
        ":",
    ),
    *("0", "9", "99999999999999999999", "1e999", "NaN", "never", "AM", "PM", "Z", "UTC", "+14:00", "CET"),
    *(
        "Europe/Berlin",
        "Android",
        "ios",
        "févr.",
        "31/31/31",
        "0/0/0",
        "29.02.2025",
        "24:00",
        "ago",
        "\u0660",
    ),
    *("\ud7ff", "\U0001f4f1", "\u202e", "\x1b[2J", "id", "sep=", "#TYPE", "total", "0001", "x" * 300, "\x85"),
)
OPTIONS: tuple[dict[str, object], ...] = (
    {},
    {"dates": "day first", "timezone": "America/Los_Angeles"},
    {"dates": "year first", "gone_after": "30d", "exported": "2026-03-01"},
    {"encoding": "cp1251", "only": {"OS": ["Android 14"]}},
    {"encoding": "utf-16", "columns": {"id": "Device name", "last_sync": "Last check-in"}},
    {"columns": {"id": "id", "platform": "last_sync", "last_sync": "platform"}},
)


def mutated(chance: random.Random) -> bytes:
    text = chance.choice(LISTS)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(text) + 1)
        to = min(len(text), at + int(chance.expovariate(0.1)))
        match chance.randrange(5):
            case 0:
                text = text[:at] + chance.choice(SCRAPS) + text[at:]
            case 1:
                text = text[:at] + text[to:]
            case 2:
                text = text[:at] + chance.choice(SCRAPS) + text[to:]
            case 3:
                text = text[:at] + text[at:to] * chance.randint(2, 4) + text[to:]
            case _:
                other = chance.choice(LISTS)
                text = text[:at] + other[chance.randrange(len(other)) :]
    content = text.encode(chance.choice(("utf-8", "utf-8", "utf-8", "utf-16", "utf-8-sig")))
    if chance.random() < 0.1:
        content = bytes(byte if chance.random() > 0.02 else chance.randrange(256) for byte in content)
    return content


def check(seed: int, path: Path) -> None:
    chance = random.Random(seed)
    path.write_bytes(mutated(chance))
    options = chance.choice(OPTIONS)
    try:
        understood = inventory(path, **options)  # type: ignore[arg-type]
        understood.summary()
        assert len(set(understood.devices.ids)) == len(understood.devices.ids)
        found = forecast(path, delay="14d", lost_at_most=2, **options)  # type: ignore[arg-type]
        found.summary()
        found.to_csv()
        assert found.at.size + sum(
            found.to_json()[key] for key in ("unknown", "never_connected", "gone")
        ) >= len(understood.devices.ids) - int(understood.devices.holds_reserve.sum())
    except InputError as error:
        sentences = str(error)
    else:
        return
    assert sentences.replace("\n", "").isprintable(), seed
    assert 0 < len(sentences) < 20_000, seed


@pytest.mark.parametrize("part", range(3))
def test_a_mutated_list_raises_nothing_but_what_is_wrong_with_it(part: int, tmp_path: Path) -> None:
    for seed in range(part * 100, part * 100 + 100):
        check(seed, tmp_path / "devices.csv")


@pytest.mark.slow
@pytest.mark.parametrize("part", range(20))
def test_twenty_thousand_mutated_lists(part: int, tmp_path: Path) -> None:
    for seed in range(1_000 + part * 1_000, 2_000 + part * 1_000):
        check(seed, tmp_path / "devices.csv")
