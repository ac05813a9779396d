"""Text for people."""

from __future__ import annotations

from sim.text import rounded


def test_a_span_of_time_is_never_rounded_to_nothing() -> None:
    told = [rounded(s) for s in (1, 59, 120, 3600, 5399, 86_400, 172_800, 2_094_362)]
    assert told == [
        "1 second",
        "59 seconds",
        "2 minutes",
        "1 hour",
        "89.9 minutes",
        "24 hours",
        "2 days",
        "24.2 days",
    ]
