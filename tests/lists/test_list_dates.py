"""Dates are read as the whole column allows, and what stays open is said (model 11.2, language 4)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sim.lists.dates import Dates
from sim.lists.devices import KNOWN, NEVER, UNKNOWN, WRONG, Order


def read(*cells: str, zone: str = "UTC", order: Order | None = None, has_zone: bool = False) -> Dates:
    return Dates(cells, zone=zone, order=order, has_zone=has_zone)


def moments(dates: Dates) -> list[str]:
    return [
        f"{datetime.fromtimestamp(int(s), UTC):%Y-%m-%d %H:%M:%S}" if kind == KNOWN else "-"
        for s, kind in zip(dates.seconds, dates.kind, strict=True)
    ]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-02-27 13:35:59", "2026-02-27 13:35:59"),
        ("2026-02-27T13:35:59Z", "2026-02-27 13:35:59"),
        ("2026-02-27T13:35:59.123Z", "2026-02-27 13:35:59"),
        ("2026-02-27 13:35:59.0000000", "2026-02-27 13:35:59"),
        ("2026-02-27 9:05", "2026-02-27 09:05:00"),
        ("2026-02-27", "2026-02-27 00:00:00"),
        ("2026/02/27 13:35", "2026-02-27 13:35:00"),
        ("2026. 2. 27. 13:35", "2026-02-27 13:35:00"),
        ("2026-02-27T13:35:59+01:00", "2026-02-27 12:35:59"),
        ("2026-02-27T13:35:59-0800", "2026-02-27 21:35:59"),
        ("2026-02-27 13:35:59 UTC", "2026-02-27 13:35:59"),
        ("2026-02-27 13:35:59 GMT+1", "2026-02-27 12:35:59"),
        ("2026-02-27 13:35:59 CET", "2026-02-27 12:35:59"),
        ("2026-02-27 13:35:59 America/New_York", "2026-02-27 18:35:59"),
        ("2026-07-27 13:35:59 America/New_York", "2026-07-27 17:35:59"),
        ("2026-02-27 13:35 (UTC+3)", "2026-02-27 13:35:00"),
        ("2026-02-27 1:35:00 PM", "2026-02-27 13:35:00"),
        ("2026-02-27 01:35 p.m.", "2026-02-27 13:35:00"),
        ("2026-02-27 12:00AM", "2026-02-27 00:00:00"),
        ("2026-02-27 12:30 PM", "2026-02-27 12:30:00"),
        ("27.02.2026 13:35", "2026-02-27 13:35:00"),
        ("4.02.2026 9:05:00", "2026-02-04 09:05:00"),
        ("27.02.2026, 13:35:00", "2026-02-27 13:35:00"),
        ("27.02.2026 1:35:00 PM", "2026-02-27 13:35:00"),
        ("27.02.26 13:35", "2026-02-27 13:35:00"),
        ("02/27/26", "2026-02-27 00:00:00"),
        ("27-02-2026 13:35", "2026-02-27 13:35:00"),
        ("9/19/2025 6:40:38 PM", "2025-09-19 18:40:38"),
        ("13:35 27/02/2026", "2026-02-27 13:35:00"),
        ("18:57:36 Feb  6 2026", "2026-02-06 18:57:36"),
        ("Feb 6, 2026 6:57 PM", "2026-02-06 18:57:00"),
        ("06-Feb-2026", "2026-02-06 00:00:00"),
        ("6. Februar 2026 18:57", "2026-02-06 18:57:00"),
        ("4 февраля 2026 г. 10:22:11", "2026-02-04 10:22:11"),
        ("Fri, 27 Feb 2026 13:35:59 GMT", "2026-02-27 13:35:59"),
        ("Fri Feb 27 13:35:59 UTC 2026", "2026-02-27 13:35:59"),
        ("Fri Feb 27 13:35:59 2026", "2026-02-27 13:35:59"),
        ("February 27th, 2026 at 1:35 PM", "2026-02-27 13:35:00"),
        ("1772199359", "2026-02-27 13:35:59"),
        ("1772199359000", "2026-02-27 13:35:59"),
        ("1772199359.5", "2026-02-27 13:35:59"),
        ("46080.5", "2026-02-27 12:00:00"),
        ("46080,5", "2026-02-27 12:00:00"),
        ("46080", "2026-02-27 00:00:00"),
        ("134166729590000000", "2026-02-27 13:35:59"),
        ("20260227", "2026-02-27 00:00:00"),
        ("20260227133559Z", "2026-02-27 13:35:59"),
        ("20260227133559.000000+060", "2026-02-27 12:35:59"),
        ("2026-02-27\u202f13:35", "2026-02-27 13:35:00"),
    ],
)
def test_a_date_as_consoles_write_it(written: str, meant: str) -> None:
    dates = read(written)
    assert moments(dates) == [meant]
    assert dates.faults == []


@pytest.mark.parametrize(
    "written",
    [
        *("never", "Never", "N/A", "-", "—", "null", "None", "NaT", "никогда"),
        *("0001-01-01T00:00:00Z", "1/1/0001 12:00AM", "01.01.0001 00:00", "1601-01-01", "1/1/1970", "0"),
        *("1970-01-01T00:00:00Z", "1900-01-01", "1899-12-30", "12/31/1969 4:00:00 PM", "2000-01-01"),
        *("2000-01-01T00:00:00Z", "0000-00-00 00:00:00"),
    ],
)
def test_words_and_dates_that_mean_never(written: str) -> None:
    assert read(written).kind.tolist() == [NEVER]


def test_the_beginning_of_2000_means_never_and_a_second_later_is_a_mistake() -> None:
    assert read("2000-01-01 00:00:00", "2000-01-01 00:00:01").kind.tolist() == [NEVER, WRONG]


def test_a_blank_is_unknown_not_never() -> None:
    assert read("", "?", "unknown").kind.tolist() == [UNKNOWN] * 3


# --- the order of day, month and year ----------------------------------------------------------------------


def test_one_row_decides_the_order_of_the_column() -> None:
    assert moments(read("2/3/2026", "2/13/2026")) == ["2026-02-03 00:00:00", "2026-02-13 00:00:00"]
    assert moments(read("2/3/2026", "13/2/2026")) == ["2026-03-02 00:00:00", "2026-02-13 00:00:00"]


def test_without_such_a_row_the_column_is_refused_with_two_examples_and_the_key() -> None:
    dates = read("1/1/2026", "2/3/2026", "4/5/2026", "2026-02-27")
    (fault,) = dates.faults
    assert fault.rows.tolist() == [1, 2]
    assert dates.kind.tolist() == [KNOWN, WRONG, WRONG, KNOWN], "1 January is the same in both orders"
    for words in ('"2/3/2026" and "4/5/2026"', "dates: day first", "dates: month first"):
        assert words in fault.message


@pytest.mark.parametrize(("order", "meant"), [("day first", "2026-03-02"), ("month first", "2026-02-03")])
def test_the_key_decides_the_order(order: Order, meant: str) -> None:
    assert moments(read("2/3/2026", order=order)) == [f"{meant} 00:00:00"]


def test_a_row_that_the_key_makes_impossible_is_a_mistake() -> None:
    dates = read("2/27/2026", order="day first")
    assert dates.kind.tolist() == [WRONG]
    assert "check list: {dates: ...}" in dates.faults[0].message


def test_rows_written_in_two_ways_are_decided_each_for_itself() -> None:
    cells = ("27/02/2026 13:35:59", "2/27/2026 1:35:59 PM", "3/2/2026 08:00:00", "2/3/2026 8:00:00 AM")
    assert moments(read(*cells)) == [
        "2026-02-27 13:35:59",
        "2026-02-27 13:35:59",
        "2026-02-03 08:00:00",
        "2026-02-03 08:00:00",
    ]


def test_rows_with_one_sign_decide_for_each_other() -> None:
    cells = ("13/2/2026 10:00", "2/3/2026 1:35 PM")
    assert moments(read(*cells)) == ["2026-02-13 10:00:00", "2026-03-02 13:35:00"]


@pytest.mark.parametrize("zone", ["America/New_York", "HST"])
def test_a_zone_is_no_half_of_a_day_and_no_hour(zone: str) -> None:
    assert moments(read(f"2026-02-27 01:00 {zone}")) in (["2026-02-27 06:00:00"], ["2026-02-27 11:00:00"])


def test_rows_written_alike_with_both_orders_leave_all_open() -> None:
    dates = read("27/02/2026", "2/27/2026", "2/3/2026")
    assert dates.kind.tolist() == [WRONG] * 3
    assert '"27/02/2026" and "2/27/2026"' in dates.faults[0].message
    assert read("27/02/2026", "2/27/2026", "2/3/2026", order="day first").kind.tolist() == [
        KNOWN,
        WRONG,
        KNOWN,
    ]


def test_dates_with_dots_have_the_day_first_unless_a_row_says_otherwise() -> None:
    assert moments(read("02.03.2026")) == ["2026-03-02 00:00:00"]
    assert moments(read("02.03.2026", "02.27.2026")) == ["2026-02-03 00:00:00", "2026-02-27 00:00:00"]


def test_a_short_year_is_last_unless_the_key_says_first() -> None:
    assert moments(read("26/02/27", "27/02/26")) == ["2027-02-26 00:00:00", "2026-02-27 00:00:00"]
    assert moments(read("26/02/27", order="year first")) == ["2026-02-27 00:00:00"]


def test_two_digits_of_a_year_are_of_1969_to_2068() -> None:
    assert moments(read("30.12.01", "31.12.68")) == ["2001-12-30 00:00:00", "2068-12-31 00:00:00"]
    assert read("1/1/70", "31.12.69").kind.tolist() == [NEVER] * 2


def test_five_forms_in_one_column() -> None:
    cells = ("2026-02-27T13:35:59Z", "2/27/2026, 1:35:59 PM", "27.02.2026 13:35:59", "1772199359", "Never")
    dates = read(*cells)
    assert moments(dates) == ["2026-02-27 13:35:59"] * 4 + ["-"]
    assert sorted(dates.forms) == sorted(
        [("year-month-day", 1), ("month/day/year", 1), ("day.month.year", 1), ("seconds since 1970", 1)]
    )


# --- zones -------------------------------------------------------------------------------------------------


def test_the_zone_of_the_list_holds_for_what_names_none() -> None:
    dates = read("2026-02-27 01:00", "2026-07-27 01:00", "2026-02-27T01:00Z", zone="America/Los_Angeles")
    assert moments(dates) == ["2026-02-27 09:00:00", "2026-07-27 08:00:00", "2026-02-27 01:00:00"]
    assert dates.local == 2


def test_an_hour_that_comes_twice_is_the_later_one_and_one_that_never_comes_is_moved_on() -> None:
    dates = read("2026-10-25 02:30", "2026-03-29 02:30", zone="Europe/Berlin")
    assert moments(dates) == ["2026-10-25 01:30:00", "2026-03-29 01:00:00"]


def test_a_zone_that_is_not_clear_is_a_mistake_unless_the_list_has_one() -> None:
    dates = read("2026-02-27 13:35 IST")
    assert "timezone" in dates.faults[0].message
    assert moments(read("2026-02-27 13:35 IST", zone="Asia/Kolkata", has_zone=True)) == [
        "2026-02-27 08:05:00"
    ]


# --- mistakes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("2026-02-30", "no day of the calendar"),
        ("2025-02-29 08:15", "no day of the calendar"),
        ("30.02.2026 08:15", "no day of the calendar"),
        ("2026-13-01", "no day of the calendar"),
        ("2026-02-27 24:00", "no day of the calendar"),
        ("2026-02-27 13:60", "no day of the calendar"),
        ("2026-02-27 13:35 PM", "no day of the calendar"),
        ("2 days ago", "an age or a state"),
        ("3h ago", "an age or a state"),
        ("5 minutes", "an age or a state"),
        ("yesterday", "an age or a state"),
        ("4 février 2026", "month in a language"),
        ("12345", "no day of the calendar"),
        ("########", "not a date"),
        ("1950-06-01", "no day of the calendar"),
        ("9999-12-31", "no day of the calendar"),
        ("soon", "not a date"),
        ("27/02-2026", "not a date"),
        ("2026-02-27 13:35:59 +99:00", "time zone"),
        ("x" * 100_000, "not a date"),
        ("2026-02-2٧", "not a date"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_mend(written: str, words: str) -> None:
    dates = read(written)
    assert dates.kind.tolist() == [WRONG]
    (fault,) = dates.faults
    assert words in fault.message
    assert len(fault.message) < 300


def test_the_29th_of_february_is_there_in_leap_years() -> None:
    assert read("2024-02-29", "2023-02-28", "2023-02-29").kind.tolist() == [KNOWN, KNOWN, WRONG]


def test_nothing_at_all() -> None:
    assert read().kind.tolist() == []
