"""Devices to fetch are those of the list, by their chances, and never the losses of one seed."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import sim
from sim.figures import FigureError
from sim.report.page import Page
from sim.studies.chase import FEWEST_RUNS, Chase
from sim.studies.output import write

START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = (0.1, 0.2, 3.0, 20.0, 45.0, 90.0)


def scenario(folder: Path, **changes: Any) -> sim.Scenario:
    """60 devices for each of `DAYS`: d0-0 to d5-59; twenty years of which one device never saw."""
    rows = [
        f"d{kind}-{i},{START - timedelta(days=days, seconds=i):%Y-%m-%d %H:%M:%S},Stock"
        for kind, days in enumerate(DAYS)
        for i in range(60)
    ]
    rows += ["=never,never,", "nobody knows,,"]
    (folder / "our.csv").write_text("\n".join(["id,last_sync,group", *rows]))
    document = {
        "name": "n",
        "start": "2026-03-01 01:00",
        "timezone": "Europe/Berlin",
        "duration": "40d",
        "server": {"certificate": {"expires": "day 300"}, "automatic_reissue": "off"},
        "fleet": [
            {
                "name": "g",
                "inventory": "our.csv",
                "sync": {"every": "6h"},
                "list": {"exported": "start", "timezone": "UTC"},
                "presence": {"on": {"exponential": "20d"}, "off": {"weibull": {"scale": "5d", "shape": 0.5}}},
            }
        ],
        "strategy": [{"at": "start", "reissue": {"activate": "after 28d"}}],
        **changes,
    }
    return sim.Scenario.from_document(document, folder=folder)


def names(rows: list[Any]) -> list[str]:
    return [row[0].split("-")[0] for row in rows]


def test_another_seed_names_the_same_devices_in_the_same_order(tmp_path: Path) -> None:
    one, other = (Chase.of(sim.run(scenario(tmp_path, seed=seed))) for seed in (1, 2))
    assert one.rows() == other.rows(), "one replication says nothing of a device"
    worst = one.rows()[:60]
    assert all(row.lost is None for row in worst)
    assert names(worst) == ["d5"] * 60
    forecast = sim.forecast(tmp_path / "our.csv", delay="28d", exported="2026-03-01T00:00:00Z")
    assert [row.silent for row in one.rows()] == [chance for _, _, chance in forecast.rows()]
    assert one.rows()[0].last_contact.astimezone(UTC) == START - timedelta(days=90, seconds=59)


def test_many_replications_count_as_much_as_the_forecast(tmp_path: Path) -> None:
    result = sim.run(scenario(tmp_path, replications=FEWEST_RUNS))
    rows = Chase.of(result).rows()
    times = {row.device: 0 for row in rows}
    for name in result.devices.query("times_lost > 0")["device"]:
        if name in times:
            times[name] += 1
    assert {row.device: row.lost for row in rows} == {
        name: pytest.approx(count / FEWEST_RUNS) for name, count in times.items()
    }
    means = [(row.silent + (row.lost or 0)) / 2 for row in rows]
    assert means == sorted(means, reverse=True)
    assert sum(times.values()) > 0


def test_without_a_list_or_an_activation_nobody_is_to_be_fetched(tmp_path: Path) -> None:
    nobody = {"fleet": [{"name": "g", "devices": 9}]}
    for changes in (
        nobody,
        {"strategy": []},
        {"strategy": [{"at": "start", "reissue": {"activate": "immediately"}}]},
    ):
        result = sim.run(scenario(tmp_path, **changes))
        assert Chase.of(result).rows() == []
        assert Chase.of(result).from_list() is None
        with pytest.raises(FigureError, match="no list"):
            result.plot.forecast()
        assert not any(part.title.startswith("To fetch") for part in result.summary().parts)


def test_the_summary_names_the_worst_with_their_last_contact_and_counts_the_others(tmp_path: Path) -> None:
    (part,) = (p for p in sim.run(scenario(tmp_path)).summary().parts if p.title.startswith("To fetch"))
    *worst, more = (note.text for note in part.notes)
    assert names([[text] for text in worst]) == ["d5"] * 5
    assert "last contact 2025-12-01 00:59" in worst[0], "by the clocks of the scenario"
    result = sim.run(scenario(tmp_path))
    assert len(result.plot.forecast().axes) == 2
    rows = Chase.of(result).rows(least=0.01)
    assert f"{len(rows) - 5:,} more" in more


def test_where_list_and_runs_disagree_it_says_which_to_trust(tmp_path: Path) -> None:
    """By the list 120 of 360 stay silent for 28 days; phones that are hardly ever off lose none of them."""
    short = {"on": {"exponential": "20d"}, "off": {"exponential": "1h"}}
    changes: dict[str, Any] = {"replications": 3}
    told = {}
    for name, presence, at in (
        ("short", short, "start"),
        ("list", "from list", "start"),
        ("late", short, "day 1"),
    ):
        written = scenario(tmp_path, **changes).changed({"fleet.0.presence": presence, "strategy.0.at": at})
        told[name] = Chase.of(sim.run(written)).doubt
    assert "trust the list" in told["short"]
    assert "120 missed devices" in told["short"]
    assert "trust the runs" in told["late"]
    assert "which live by the list" in told["list"], "six ages are not what a falling law makes"


def written(folder: Path, *, with_figures: bool) -> sim.Result:
    result = sim.run(scenario(folder))
    page = Page(result, with_figures=with_figures)
    write(result, folder / "out", beside=page)
    return result


def test_a_file_has_all_devices_with_a_contact(tmp_path: Path) -> None:
    result = written(tmp_path, with_figures=False)
    with (tmp_path / "out" / "chase.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["id"] for row in rows] == [row.device for row in Chase.of(result).rows()]
    assert len(rows) == 360, "without those that never connected or have no date"
    assert "forecast" in Page(result).figures
    write(result, tmp_path / "out", overwrite=True)  # it knows its files again


@pytest.mark.slow
def test_the_page_names_them_before_its_examples(tmp_path: Path) -> None:
    written(tmp_path, with_figures=True)
    assert (tmp_path / "out" / "figures" / "forecast.svg").is_file()
    page = (tmp_path / "out" / "page.html").read_text(encoding="utf-8")
    assert (
        page.index('<section id="list"')
        < page.index("d5-59")
        < page.index("d4-59")
        < page.index("Examples, not")
    )


def test_several_lists_are_one_forecast(tmp_path: Path) -> None:
    first = scenario(tmp_path)
    (tmp_path / "b.csv").write_text((tmp_path / "our.csv").read_text().replace("d", "e").replace("=n", "m"))
    group = first.document["fleet"][0]
    second = {**group, "name": "h", "inventory": "b.csv", "columns": {"id": "ie", "last_sync": "last_sync"}}
    text = (tmp_path / "b.csv").read_text().replace("nobody", "none")
    (tmp_path / "b.csv").write_text(text)
    both = sim.Scenario.from_document({**first.document, "fleet": [group, second]}, folder=tmp_path)
    one, two = (Chase.of(sim.run(each)).from_list() for each in (first, both))
    assert one is not None
    assert two is not None
    assert two.weeks == tuple(2 * n for n in one.weeks)
    assert two.reaches[-1].not_reached == 2 * one.reaches[-1].not_reached == 240
    assert two.reaches[-1].sd == pytest.approx(2**0.5 * one.reaches[-1].sd)
