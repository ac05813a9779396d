"""Text for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim import text
from sim.scenario.values import LONGEST_S, parse_duration


def test_a_span_of_time_is_never_rounded_to_nothing() -> None:
    told = [text.rounded(s) for s in (1, 59, 120, 3600, 5399, 86_400, 172_800, 2_094_362)]
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


@given(st.integers(0, LONGEST_S))
def test_a_span_is_what_the_language_reads_with_and_without_blanks(seconds: int) -> None:
    assert parse_duration(text.span(seconds)) == seconds
    assert text.spaced(seconds).replace(" ", "") == text.span(seconds)


def test_a_span_is_told_from_days_down() -> None:
    assert [text.span(s) for s in (0, 100_800, 788_645)] == ["0s", "1d4h", "9d3h4m5s"]
    assert text.spaced(100_800) == "1 d 4 h"
    with pytest.raises(ValueError, match="negative"):
        text.span(-1)


def test_an_instant_has_seconds_only_where_they_are_not_zero() -> None:
    moment = datetime(2026, 5, 12, 8, tzinfo=UTC)
    assert text.date(moment) == "2026-05-12 08:00"
    assert text.date(moment + timedelta(seconds=7)) == "2026-05-12 08:00:07"
    assert text.iso(moment.astimezone(timezone(timedelta(hours=2)))) == "2026-05-12T08:00:00Z"


def test_counts_means_and_shares() -> None:
    assert [text.number(n) for n in (0, 1160, 1160.5, None)] == ["0", "1,160", "1,160.50", "-"]
    assert [text.percent(share) for share in (0.987931, 1, None)] == ["98.79 %", "100.00 %", "-"]
    assert [text.percent(share) for share in (0, 1e-9, 1 - 1e-9)] == ["0.00 %", "under 0.01 %", "over 99.9 %"]


@pytest.mark.parametrize(
    ("count", "one", "words"),
    [
        (0, "device", "0 devices"),
        (1, "device", "1 device"),
        (1160, "device", "1,160 devices"),
        (1, "time", "once"),
        (2, "time", "twice"),
        (3, "time", "3 times"),
    ],
)
def test_a_plural_agrees_with_its_number(count: int, one: str, words: str) -> None:
    assert text.plural(count, one) == words


def test_words_are_listed_with_a_word_before_the_last() -> None:
    lists = [text.listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])]
    assert lists == ["", "a", "a and b", "a, b and c"]
    assert text.listed(["a", "b"], last="or") == "a or b"


@given(st.integers(0, 300), st.integers(2, 50))
def test_some_of_many_are_in_order_with_both_ends(count: int, most: int) -> None:
    items = list(range(count))
    some = text.evenly(items, most)
    assert len(some) == min(count, most)
    assert some == sorted(set(some))
    if items:
        assert (some[0], some[-1]) == (0, count - 1)


def test_what_a_user_wrote_is_repeated_short_printable_and_in_one_line() -> None:
    assert text.quoted("a\x1b[2J\nb") == '"a\\x1b[2J\\nb"'
    assert len(text.quoted("x" * 10_000)) == 62
    assert text.visible("é 漢 \u202e") == "é 漢 \\u202e"


def test_a_likely_meaning_does_not_depend_on_case_blanks_and_dashes() -> None:
    assert text.closest("Automatic-Reissue", ["activation", "automatic_reissue"]) == "automatic_reissue"
    assert text.closest("nothing like it", ["activation"]) is None
