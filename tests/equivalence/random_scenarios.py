"""Scenarios as a planner could have written them, at random from a seed: a few hundred devices, all keys."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

START: Final = datetime(2026, 3, 1)
DAYS: Final = 30
ADDRESSES: Final = ("mdm.example.com:13292", "new.example.com:13292", "192.0.2.1:443")

Document = dict[str, Any]


def document(seed: int, folder: Path) -> Document:
    """A scenario in the language's own form; its inventory is written to `folder`."""
    random = Random(seed)
    (folder / "devices.csv").write_text(inventory(random, rows=random.randrange(40, 120)), encoding="utf-8")
    groups = [group(random, number) for number in range(random.randrange(2, 5))]
    listed = group(random, len(groups))
    listed["inventory"] = "devices.csv"
    del listed["devices"]
    listed["sync"]["jitter"] = "10m"  # below every `sync_every` of the file
    written: Document = {
        "name": f"random {seed}",
        "start": START.date().isoformat(),
        "duration": f"{DAYS}d",
        "seed": seed,
        "server": server(random),
        "fleet": random.sample([*groups, listed], len(groups) + 1),
        "strategy": [step(random) for _ in range(random.randrange(2, 7))],
    }
    if random.random() < 0.75:
        written["recovery"] = {
            "technicians": random.randrange(1, 5),
            "begins": random.choice(["0s", "1h", "4h"]),
            "owner_responds": duration(random),
            "takes": random.choice(["20m", {"lognormal": {"median": "40m", "sigma": 0.5}}, "0s"]),
        }
    return written


def server(random: Random) -> Document:
    return {
        "behaviour": random.choice(["ksmm-6.0", "ksmm-4.1"]),
        "address": ADDRESSES[0],
        "certificate": {
            "issuer": random.choice(["ksc", "ksc", "custom"]),
            "expires": f"day {random.randrange(8, 45)}",
            "valid_for": random.choice(["50d", "200d", "397d"]),
        },
        "automatic_reissue": random.choice(["default", "off", {"lead": "10d"}]),
        "activation": random.choice(["earliest", "date"]),
        "outages": [
            {"from": instant(random), "for": random.choice(["1s", "6h", "2d"])}
            for _ in range(random.randrange(3))
        ],
    }


def step(random: Random) -> Document:
    kind = random.randrange(8)
    if kind == 0:
        return {"at": instant(random), "cancel_reserve": {}}
    if kind == 1:
        return {"at": instant(random), "restore_previous": {}}
    reissue: Document = {
        "activate": random.choice(
            ["immediately", "after 0s", "after 1d", "after 3d", "after 8d", "at expiry"]
        ),
        "issuer": random.choice(["ksc", "ksc", "ksc", "custom"]),
    }
    if random.random() < 0.5:
        reissue["valid_for"] = random.choice(["5d", "20d", "397d"])
    if random.random() < 0.3:
        reissue["address"] = {
            "change_to": random.choice(ADDRESSES),
            "old_address_stays": random.choice(["0s", "1d", "10d"]),
        }
    return {"at": instant(random), "reissue": reissue}


def group(random: Random, number: int) -> Document:
    every_h = random.choice([3, 6, 12, 24])
    return {
        "name": f"group {number}",
        "devices": random.randrange(1, 120),
        "platform": random.choice(["android", "ios"]),
        "sync": {
            "every": f"{every_h}h",
            "phase": random.choice(["random", "even", "90m"]),
            "jitter": random.choice(["0s", "10m", f"{every_h * 3600 - 1}s"]),
            "success": random.choice(["100%", "95%", "40%"]),
            "catch_up": random.choice([True, False]),
        },
        "presence": presence(random),
    }


def presence(random: Random) -> Any:
    if random.random() < 0.25:
        return random.choice(["always", "always", "never"])
    return {"on": duration(random), "off": duration(random)}


def duration(random: Random) -> Any:
    hours = random.choice([2, 8, 30, 100])
    return random.choice(
        [
            f"{hours}h",
            {"exponential": f"{hours}h"},
            {"uniform": ["30m", f"{2 * hours}h"]},
            {"lognormal": {"median": f"{hours}h", "sigma": 1.1}},
            {"weibull": {"scale": f"{hours}h", "shape": random.choice([0.7, 1.5])}},
            {"empirical": ["90s", "6h", f"{hours}h"]},
        ]
    )


def instant(random: Random) -> str:
    """On the hour, so that some meet an expiry, an activation or one another."""
    if random.random() < 0.2:
        return random.choice(["start", "expiry", "start + 5d"])
    return f"day {random.randrange(DAYS)} {random.randrange(24):02}:00"


def inventory(random: Random, *, rows: int) -> str:
    lines = ["id,platform,last_sync,sync_every,holds_reserve,group"]
    for number in range(rows):
        silent_h = random.choice([0.5, 2, 5, 11, 30, 400])
        last_sync = f"{START - timedelta(hours=silent_h):%Y-%m-%d %H:%M}"
        lines.append(
            ",".join(
                (
                    f"phone-{number}",
                    random.choice(["", "android", "ios"]),
                    random.choice(["", last_sync, last_sync]),
                    random.choice(["", "", "4h", "1d"]),
                    random.choice(["", "no", "yes"]),
                    random.choice(["", "", "warehouse"]),
                )
            )
        )
    return "\n".join(lines) + "\n"
