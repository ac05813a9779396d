"""The devices at risk, found while rows pass by in parts, are those of a sort of the whole table."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from sim.studies import tables as at_risk

START = datetime(2026, 3, 1, tzinfo=UTC)
SAMPLES_S = np.array([0, 10, 50, 99])


def table(rng: np.random.Generator, devices: int, replications: int) -> pd.DataFrame:
    """Rows with few different values, so that many are equal."""
    n = devices * replications
    is_lost, is_back = rng.integers(0, 2, n) > 0, rng.integers(0, 2, n) > 0
    back_s = pd.Series(np.where(is_lost & is_back, rng.integers(0, 100, n), -1))
    rows = pd.DataFrame(dict.fromkeys(at_risk.COLUMNS, ["x"] * n))
    rows["reserve_received_at"] = pd.Series([pd.NaT] * n, dtype="datetime64[s, UTC]")
    return rows.assign(
        replication=np.repeat(np.arange(replications) + 5, devices),
        times_lost=is_lost.astype(int),
        lost_for_s=is_lost * rng.integers(1, 5, n),
        lost_at_end=is_lost & ~is_back,
        critical_delay_s=pd.Series(rng.integers(-1, 6, n)).where(lambda delay_s: delay_s >= 0),
        reconnected_at=(pd.Timestamp(START) + pd.to_timedelta(back_s, unit="s")).where(back_s >= 0),
    )


@pytest.mark.parametrize("seed", range(60))
def test_parts_give_what_the_whole_gives(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(at_risk, "MOST_LISTED", 7)
    monkeypatch.setattr(at_risk, "MOST_NARROW", 3)
    rng = np.random.default_rng(seed)
    devices, replications = int(rng.integers(1, 40)), int(rng.integers(1, 4))
    rows = table(rng, devices, replications)
    found = at_risk.DevicesAtRisk(START, SAMPLES_S)
    for begin, end in pairwise([0, *sorted(rng.integers(0, len(rows) + 1, 3)), len(rows)]):
        found.add(rows.iloc[begin:end])
    first = rows.head(devices).assign(place=range(devices))
    lost = first[first["times_lost"] > 0].sort_values(
        ["lost_at_end", "lost_for_s", "place"], ascending=[False, False, True]
    )
    kept = first[(first["times_lost"] == 0) & (first["critical_delay_s"] > 0)].sort_values(
        ["critical_delay_s", "place"], ascending=[False, True]
    )
    places = [*lost["place"].head(7), *kept["place"].head(3)][:7]
    assert found.rows["place"].tolist() == places
    assert found.lost == len(lost)
    back_s = (rows["reconnected_at"] - START).dt.total_seconds().to_numpy().reshape(replications, devices)
    assert found.reconnected.tolist() == [[(row <= s).sum() for s in SAMPLES_S] for row in back_s]


def test_the_share_that_the_reserve_has_reached_is_counted_by_group_over_all_replications() -> None:
    """Of `slow` one of two devices has it at 10 s in one run, none in the other: 25 % from then on."""
    at = pd.to_timedelta([0, 10, None, 5, None, None], unit="s") + pd.Timestamp(START)
    rows = table(np.random.default_rng(1), 3, 2).assign(
        group=["fast", "slow", "slow"] * 2, reserve_received_at=at
    )
    found = at_risk.DevicesAtRisk(START, SAMPLES_S)
    found.add(rows.head(2))
    found.add(rows.tail(4))
    assert {name: share.tolist() for name, share in found.received.items()} == {
        "slow": [0, 0.25, 0.25, 0.25],
        "fast": [0.5, 1, 1, 1],
    }
    assert list(found.received) == ["slow", "fast"]  # what lags most comes first
