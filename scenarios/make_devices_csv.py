"""Writes devices.csv: a device list as an administrator's spreadsheet exports it, made up, always the same.

The ages of the last connections are those of a fleet in equilibrium whose devices are on and off as
inventory.yaml says (exponential, mean 60 d; Weibull, scale 5 d, shape 0.4): the share of devices silent for
t or longer is (1 - A) Q(1/k, (t/s)^k), the tail of the backward recurrence time (Cox, Renewal Theory, 1962,
section 5.2). One device in eight has been silent for 30 days or more, as published counts of dormant
devices have it.
"""

from __future__ import annotations

import csv
import io
import math
from datetime import datetime, timedelta
from pathlib import Path

from scipy.special import gammainccinv

DEVICES = 2000
EXPORTED = datetime(2026, 3, 2, 7, 55)
PERIOD_H = 6.0
ON_MEAN_H = 60 * 24.0
OFF_SCALE_H, OFF_SHAPE = 5 * 24.0, 0.4
OFF_MEAN_H = OFF_SCALE_H * math.gamma(1 + 1 / OFF_SHAPE)
OFF_SHARE = OFF_MEAN_H / (ON_MEAN_H + OFF_MEAN_H)
LONGEST_H = 720 * 24.0
"""The oldest device was enrolled two years ago."""

NEVER_CONNECTED_EVERY = 160
MODELS = (
    ("Galaxy A54", "Android 14"),
    ("Galaxy XCover6 Pro", "Android 13"),
    ("Pixel 8", "Android 15"),
    ("iPhone 14", "iOS 18.3"),
    ('iPad 10.9"', "iPadOS 18.3"),
    ("Galaxy A54", "Android 14"),
    ("Redmi Note 12; dual SIM", "Android 13"),
    ("Galaxy XCover6 Pro", "Android 14"),
)
DEPARTMENTS = ("Field service", "Sales", "Field service", "Warehouse", "Office", "Field service", "Sales")


def text() -> bytes:
    """The file: semicolons, quotes, CRLF, and the byte order mark that spreadsheets begin with."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(
        ("KLHST_WKS_DN", "Operating system", "Department", "KLHST_WKS_LAST_NAGENT_CONNECTED", "Owner")
    )
    for number in range(DEVICES):
        model, system = MODELS[number * 5 % len(MODELS)]
        writer.writerow(
            (
                f"{model} #{number + 1:04}",
                system,
                DEPARTMENTS[number * 3 % len(DEPARTMENTS)],
                _last_connection(number),
                f"E{10_000 + 7 * number % 9_000}",
            )
        )
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _last_connection(number: int) -> str:
    """The date as a spreadsheet writes it; a few devices are enrolled and have never connected."""
    if number % NEVER_CONNECTED_EVERY == NEVER_CONNECTED_EVERY - 1:
        return ""
    rank = (number * 1213 % DEVICES + 0.5) / DEVICES  # 1213 shares no factor with 2000: every rank once
    return f"{EXPORTED - timedelta(minutes=round(60 * _age_h(rank))):%d.%m.%Y %H:%M}"


def _age_h(rank: float) -> float:
    """Age of the last connection of the device at this quantile: first those that are on, then those off."""
    if rank < 1 - OFF_SHARE:
        return PERIOD_H * rank / (1 - OFF_SHARE)
    tail = (1 - rank) / OFF_SHARE
    age_h = OFF_SCALE_H * float(gammainccinv(1 / OFF_SHAPE, tail)) ** (1 / OFF_SHAPE)
    return min(PERIOD_H + age_h, LONGEST_H)


if __name__ == "__main__":
    Path(__file__).with_name("devices.csv").write_bytes(text())
