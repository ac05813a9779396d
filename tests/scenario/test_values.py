"""Durations, instants, shares and distributions mean what the language page says (language 1.1)."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.scenario import Scenario, ScenarioError
from sim.scenario.instants import Instant, parse_instant, parse_moment
from sim.scenario.values import LONGEST_S, format_share, parse_duration, parse_share
from sim.text import span
from sim.world.distributions import Distribution

START = datetime(2026, 3, 1, tzinfo=UTC)
MINIMAL = {
    "name": "n",
    "start": "2026-03-01",
    "duration": "120d",
    "fleet": [{"name": "g", "devices": 1}],
}
DAY_S = 86_400


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30d", 30 * DAY_S),
        ("6h", 21_600),
        ("1h30m", 5_400),
        ("45m", 2_700),
        ("90s", 90),
        ("2w", 14 * DAY_S),
        ("P30D", 30 * DAY_S),
        ("PT6H", 21_600),
        ("P1DT12H30M5S", DAY_S + 12 * 3600 + 30 * 60 + 5),
        ("P2W", 14 * DAY_S),
        ("1w2d3h4m5s", 9 * DAY_S + 3 * 3600 + 4 * 60 + 5),
        ("1d 4h", DAY_S + 4 * 3600),
        ("0s", 0),
        ("0d", 0),
        ("007h", 7 * 3600),
        ("36525d", LONGEST_S),
        ("P0D", 0),
    ],
)
def test_a_duration_is_its_seconds(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5M",
        "P1M",
        "P1Y",
        "P1Y2M3DT4H",
        "P1H",
        "P",
        "PT",
        "P1DT",
        "pt6h",
        "PT1.5H",
        "1 day",
        "1 month",
        "2 hours and 5 minutes",
        "6H",
        "1.5h",
        "1,5h",
        "30m1h",
        "1h1h",
        "-6h",
        "−6h",
        "+6h",
        " 6h",
        "6h ",
        "1:30",
        "٣d",
        "6h\n",
        "9" * 400 + "d",
        "soon",
    ],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration: write a duration such as 30d"):
        parse_duration(text)


def test_a_number_alone_is_no_duration() -> None:
    with pytest.raises(ValueError, match="30 has no unit: write 30d"):
        parse_duration("30")


def test_a_duration_of_more_than_a_hundred_years_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 36525d"):
        parse_duration("36526d")


@given(st.integers(0, LONGEST_S))
def test_a_formatted_duration_reads_back(seconds: int) -> None:
    assert parse_duration(span(seconds)) == seconds


@given(st.text(alphabet="0123456789wdhmsPT .:-M", max_size=12))
def test_a_read_duration_keeps_its_meaning_when_formatted(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        told = str(error)
    else:
        told = span(seconds)
        assert 0 <= seconds <= LONGEST_S
        assert parse_duration(told) == seconds
    assert told.isprintable()


def test_a_duration_is_formatted_from_days_down() -> None:
    assert span(0) == "0s"
    assert span(9 * DAY_S + 3 * 3600 + 4 * 60 + 5) == "9d3h4m5s"
    assert span(DAY_S + 4 * 3600) == "1d4h"
    with pytest.raises(ValueError, match="negative"):
        span(-1)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-03-20", 19 * DAY_S),
        ("2026-03-20 09:00", 19 * DAY_S + 9 * 3600),
        ("2026-03-20T09:00", 19 * DAY_S + 9 * 3600),
        ("2026-03-20 09:00:07", 19 * DAY_S + 9 * 3600 + 7),
        ("2026-03-20T09:00:00Z", 19 * DAY_S + 9 * 3600),
        ("2026-03-20t09:00:00.000z", 19 * DAY_S + 9 * 3600),
        ("2026-03-20T09:00:00+02:00", 19 * DAY_S + 7 * 3600),
        ("2026-03-20T09:00-0530", 19 * DAY_S + 14 * 3600 + 1800),
        ("2026-03-20 09:00 +02", 19 * DAY_S + 7 * 3600),
        ("2026-03-01T00:00+14:00", -14 * 3600),
        ("2026-02-28", -DAY_S),
        ("day 0", 0),
        ("day 10", 10 * DAY_S),
        ("day 10 08:00", 10 * DAY_S + 8 * 3600),
        ("day 10 23:59:59", 11 * DAY_S - 1),
        ("start", 0),
        ("start + 10d", 10 * DAY_S),
        ("start+PT6H", 21_600),
        ("start - 1d", -DAY_S),
        ("expiry", 61 * DAY_S),
        ("expiry - 33d", 28 * DAY_S),
        ("expiry + 1d", 62 * DAY_S),
        ("expiry-1h30m", 61 * DAY_S - 5400),
        ("2028-02-29", (datetime(2028, 2, 29, tzinfo=UTC) - START).days * DAY_S),
    ],
)
def test_an_instant_is_its_seconds_from_the_start(text: str, seconds: int) -> None:
    instant = parse_instant(text)
    assert instant.resolve(start=START, expiry_s=61 * DAY_S) == seconds
    assert str(instant) == instant.text == text
    assert instant.depends_on_expiry == text.startswith("expiry")


def test_a_day_is_counted_from_the_start_and_not_from_midnight() -> None:
    late = START + timedelta(hours=9)
    assert parse_instant("day 1 08:00").resolve(start=late, expiry_s=None) == 32 * 3600
    assert parse_instant("2026-03-02 08:00").resolve(start=late, expiry_s=None) == 23 * 3600


def test_an_instant_counted_from_an_unknown_expiry_is_refused() -> None:
    with pytest.raises(ValueError, match="not known"):
        parse_instant("expiry - 1d").resolve(start=START, expiry_s=None)


def test_instants_are_equal_if_they_mean_the_same() -> None:
    assert parse_instant("day 10") == parse_instant("start + 10d") == parse_instant("start+240h")
    assert parse_instant("2026-03-20T02:00+02:00") == parse_instant("2026-03-20T00:00Z")
    assert parse_instant("2026-03-20 00:00") == parse_instant("2026-03-20")
    assert parse_instant("2026-03-20T00:00Z") != parse_instant("2026-03-20"), "that is by local clocks"
    assert parse_instant("start") != parse_instant("expiry")
    assert isinstance(parse_instant("start"), Instant)


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("", "write an instant"),
        ("Day 10", "write an instant"),
        ("day10", "write an instant"),
        ("days 10", "write an instant"),
        ("day 10 8:00", "write an instant"),
        ("day 10.5", "write an instant"),
        ("day -1", "write an instant"),
        ("day 10 24:00", "write an instant"),
        ("day 10 12:60", "write an instant"),
        ("day 9999999999", "write an instant"),
        ("10", "write an instant"),
        ("10d", "write an instant"),
        ("Expiry - 33d", "write an instant"),
        ("expires - 33d", "write an instant"),
        ("expiry − 33d", "write an instant"),
        ("expiry - 33", "write 33d"),
        ("expiry - ", "write a duration"),
        ("2026-02-29", "write an instant"),
        ("2026-00-01", "write an instant"),
        ("2026-03-00", "write an instant"),
        ("0000-01-01", "write an instant"),
        ("2026-3-1", "write an instant"),
        ("2026/03/01", "write an instant"),
        ("20260301", "write an instant"),
        ("2026-03-20 9:00", "write an instant"),
        ("20.3.2026", "write an instant"),
        ("3/20/2026", "write an instant"),
        ("2026-03-20 09:00 CET", "write an instant"),
        ("2026-03-20 09:00:60", "write an instant"),
        ("2026-03-20T09:00+15:00", "write an instant"),
        ("2026-03-20T09:00:00.250Z", "write an instant"),
        ("9999-12-31T23:00-05:00", "write an instant"),
        ("２０２６-03-20", "write an instant"),
        ("x" * 10_000, "write an instant"),
    ],
)
def test_a_wrong_instant_is_mended(text: str, mend: str) -> None:
    with pytest.raises(ValueError, match=re.escape(mend)) as caught:
        parse_instant(text)
    assert len(str(caught.value)) < 300


@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 12, 31)), st.integers(-14 * 60, 14 * 60))
def test_a_moment_with_an_offset_is_the_same_instant_in_utc(naive: datetime, minutes: int) -> None:
    moment = naive.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=minutes)))
    assert parse_moment(moment.isoformat()) == moment
    assert parse_moment(moment.isoformat()).tzinfo is UTC


@given(st.text(max_size=25))
def test_any_text_is_an_instant_or_a_value_error(text: str) -> None:
    try:
        told = str(parse_instant(text))
    except ValueError as error:
        told = str(error)
    assert told.isprintable()


@pytest.mark.parametrize(
    ("written", "share"),
    [
        ("98%", 0.98),
        ("0.98", 0.98),
        ("99.9%", 0.999),
        ("99.99%", 0.9999),
        ("0%", 0.0),
        ("100%", 1.0),
        ("100.0%", 1.0),
        ("5 %", 0.05),
        (0.98, 0.98),
        (1, 1.0),
        (1.0, 1.0),
        (0, 0.0),
        (1e-9, 1e-9),
    ],
)
def test_a_share_is_the_number_nearest_to_what_is_written(written: str | float, share: float) -> None:
    assert parse_share(written) == share


@pytest.mark.parametrize(
    "written", [98, "98", "101%", "-1%", -0.1, 1.0000001, "", "%", "98 %%", "1/2", "nan", math.nan]
)
def test_what_is_no_share_is_refused(written: str | float) -> None:
    with pytest.raises(ValueError, match="write"):
        parse_share(written)


@given(st.floats(0, 1))
def test_a_formatted_share_reads_back_as_the_same_number(share: float) -> None:
    assert parse_share(format_share(share)) == share


def test_a_share_is_formatted_as_one_would_write_it() -> None:
    assert [format_share(each) for each in (1.0, 0.98, 0.999, 0.0)] == ["100%", "98%", "99.9%", "0%"]


@pytest.mark.parametrize(
    ("written", "distribution"),
    [
        ("8h", Distribution.constant(28_800)),
        ({"exponential": "16h"}, Distribution.exponential(57_600)),
        ({"uniform": ["1h", "2h"]}, Distribution.uniform(3_600, 7_200)),
        ({"lognormal": {"median": "8h", "sigma": 1.1}}, Distribution.lognormal(28_800, 1.1)),
        ({"lognormal": {"median": "8h", "sigma": 1}}, Distribution.lognormal(28_800, 1.0)),
        ({"weibull": {"scale": "12h", "shape": 0.8}}, Distribution.weibull(43_200, 0.8)),
        ({"empirical": ["6h", "9h", "2d"]}, Distribution.empirical((21_600, 32_400, 172_800))),
        ({"empirical": ["6h"]}, Distribution.empirical((21_600,))),
    ],
)
def test_a_distribution_has_the_parameters_written(written: object, distribution: Distribution) -> None:
    scenario = Scenario.from_document({**MINIMAL, "recovery": {"takes": written}})
    assert scenario.recovery is not None
    assert scenario.recovery.takes == distribution


@pytest.mark.parametrize(
    ("written", "paths"),
    [
        ({}, [()]),
        ({"exponential": 8}, [("exponential",)]),
        ({"exponential": "8h", "uniform": ["1h", "2h"]}, [()]),
        ({"normal": "8h"}, [("normal",)]),
        ({"uniform": ["2h", "x"]}, [("uniform", 1)]),
        ({"uniform": "2h"}, [("uniform",)]),
        ({"lognormal": {"median": "8", "sigma": "x"}}, [("lognormal", "median"), ("lognormal", "sigma")]),
        ({"lognormal": {"median": "8h"}}, [("lognormal", "sigma")]),
        ({"weibull": {"scale": "8h", "shape": 0}}, [("weibull", "shape")]),
        ({"weibull": {"scale": "8h", "shape": 1, "x": 2}}, [("weibull", "x")]),
        ({"empirical": ["6h", 5, "y"]}, [("empirical", 1), ("empirical", 2)]),
        ({"empirical": []}, [("empirical",)]),
    ],
)
def test_a_wrong_distribution_names_every_wrong_part(
    written: object, paths: list[tuple[object, ...]]
) -> None:
    with pytest.raises(ScenarioError) as caught:
        Scenario.from_document({**MINIMAL, "recovery": {"takes": written}})
    keys = [".".join(map(str, ("recovery", "takes", *path))) for path in paths]
    assert [problem.key for problem in caught.value.problems] == keys
    assert all(": " in problem.message for problem in caught.value.problems)


# --- hostile texts ---------------------------------------------------------------------------------------

HOSTILE: dict[str, Callable[[int], str]] = {
    "blanks within": lambda n: "1w" + " " * n + "x",
    "blanks before": lambda n: " " * n + "1d",
    "blanks after": lambda n: "1d" + " " * n,
    "many parts": lambda n: "1d " * (n // 3),
    "many free parts": lambda n: "1.1d," * (n // 5),
    "digits": lambda n: "9" * n,
    "letters": lambda n: "a" * n,
    "ISO": lambda n: "P" + "1W" * (n // 2),
    "a sum": lambda n: "start +" + " " * n + "x",
    "a day": lambda n: "day " + " " * n + "1x",
    "a date": lambda n: "2026-03-01" + " " * n + "x",
}


def took_s(read: Callable[[str], object], text: str) -> float:
    """Processor time to refuse or read a text; the best of three."""
    times = []
    for _ in range(3):
        began = time.process_time()
        with suppress(ValueError):
            read(text)
        times.append(time.process_time() - began)
    return min(times)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("read", [parse_duration, parse_instant, parse_moment, parse_share])
def test_ten_times_as_many_hostile_characters_take_about_ten_times_as_long(
    read: Callable[[str], object], text: str
) -> None:
    """A quadratic parser would take a hundred times as long, the cubic one of old a thousand times."""
    short, long = (took_s(read, HOSTILE[text](n)) for n in (1_000, 10_000))
    assert long < 40 * short + 0.02
