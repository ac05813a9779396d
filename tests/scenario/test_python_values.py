"""What Python code holds can be written into a scenario: values read from one, and of other libraries."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from sim.errors import InputError
from sim.scenario import Scenario, ScenarioError, load
from sim.studies.run import run
from sim.world.distributions import Distribution

SCENARIOS = sorted((Path(__file__).parents[2] / "scenarios").glob("*.yaml"))
HOUR_S = 3600
DOCUMENT: dict[str, Any] = {
    "name": "n",
    "start": "2026-03-01",
    "duration": "120d",
    "fleet": [
        {"name": "desk phones", "devices": 3, "hours": {"days": "mon-fri", "from": "07:00", "to": "18:00"}},
        {"name": "tablets", "devices": 2, "presence": {"on": {"exponential": "16h"}, "off": "8h"}},
    ],
}


def scenario(**more: object) -> Scenario:
    return Scenario.from_document({**DOCUMENT, **more})


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_what_is_read_from_a_scenario_can_be_written_into_one(path: Path) -> None:
    read = load(path)
    keys = [key for key in read.document if key not in ("name", "description")]
    assert read.changed({key: getattr(read, key) for key in keys}) == read
    assert read.changed({f"fleet.{group.name}": group.model_dump() for group in read.fleet}) == read
    assert Scenario.from_document(read.model_dump(), folder=read.folder) == read


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_reader_of_yaml_1_1_gives_the_same_scenario(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert Scenario.from_document(yaml.safe_load(text), folder=path.parent) == load(path)
    assert Scenario.from_yaml(text, folder=path.parent) == load(path)


def test_words_and_times_of_day_that_yaml_1_1_takes_for_something_else() -> None:
    text = "\n".join(
        [
            "{name: n, start: 2026-03-01, duration: 120d, server: {automatic_reissue: off},",
            " fleet: [{name: g, devices: 1, hours: {from: 9:30, to: 18:00:00},",
            "   presence: {on: 1h, off: 2h}}]}",
        ]
    )
    assert yaml.safe_load(text)["fleet"][0]["hours"] == {"from": 570, "to": 64_800}
    assert Scenario.from_document(yaml.safe_load(text)) == Scenario.from_yaml(text)


@pytest.mark.parametrize(
    ("key", "value", "written"),
    [
        ("fleet.0.sync.every", timedelta(hours=6), "6h"),
        ("fleet.0.sync.every", np.timedelta64(6, "h"), "6h"),
        ("fleet.0.sync.every", np.timedelta64(6 * HOUR_S * 10**9, "ns"), "6h"),
        ("fleet.0.sync.every", pd.Timedelta("6h"), "6h"),
        ("start", datetime(2026, 3, 2, tzinfo=UTC), "2026-03-02T00:00:00+00:00"),
        ("start", np.datetime64("2026-03-02T00:00:00.000000000"), "2026-03-02T00:00:00"),
        ("start", pd.Timestamp("2026-03-02", tz="UTC"), "2026-03-02T00:00:00+00:00"),
        ("fleet.0.devices", np.int64(7), 7),
        ("fleet.0.sync.success", np.float64(0.5), 0.5),
        ("recovery.owner_responds", {"empirical": pd.Series(["6h", "2d"])}, {"empirical": ["6h", "2d"]}),
        (
            "recovery.owner_responds",
            {"empirical": pd.to_timedelta(pd.Series([6, 48]), unit="h")},
            {"empirical": ["6h", "2d"]},
        ),
        (
            "recovery.owner_responds",
            {"empirical": np.array([6, 48], dtype="m8[h]")},
            {"empirical": ["6h", "2d"]},
        ),
        ("recovery.owner_responds", Distribution.weibull(12 * HOUR_S, 0.8), None),
        ("recovery.owner_responds", Distribution.still_away([(10, 0.5), (20, 0.0)]), None),
        ("recovery.takes", Distribution.constant(HOUR_S), "1h"),
    ],
)
def test_values_of_other_libraries_are_written_as_the_language_has_them(
    key: str, value: object, written: object
) -> None:
    changed = scenario().changed({key: value})
    node: Any = changed.document
    for step in key.split("."):
        node = node[int(step) if step.isdigit() else step]
    assert written in (None, node)
    if isinstance(value, Distribution):
        assert getattr(changed.recovery, key.partition(".")[2]) == value
    assert Scenario.from_yaml(changed.to_yaml()) == changed


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("fleet.0.sync.every", timedelta(seconds=1.5), '"1.5s" is not a duration'),
        ("fleet.0.sync.every", np.timedelta64("NaT", "s"), '"NaT" is not a duration'),
        ("fleet.0.sync.every", 6, "6 has no unit"),
        ("start", pd.NaT, '"NaT" is not a date'),
        ("recovery.takes", Distribution.exponential(0.5), '"0.5s" is not a duration'),
        ("fleet.desk phone.devices", 1, "did you mean desk phones"),
        ("fleet.cars.devices", 1, "its items are desk phones, tablets"),
        ("server.certificate.expires", lambda: 1, "a function has no place in a scenario"),
    ],
)
def test_a_wrong_value_is_told_with_its_key(key: str, value: object, said: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        scenario().changed({key: value})
    assert said in str(caught.value)
    assert f"changed({key})" in str(caught.value)


def test_a_group_is_called_by_its_name_and_a_key_of_the_top_by_itself() -> None:
    changed = scenario().changed({"fleet.tablets.devices": 9}, seed=3)
    assert (changed.fleet[1].devices, changed.seed) == (9, 3)


def test_an_inventory_may_be_a_table(tmp_path: Path) -> None:
    contacts = pd.to_datetime(["2026-02-27 09:00", "2026-02-28 21:00"])
    table = pd.DataFrame({"id": ["a", "b"], "last_sync": contacts, "platform": ["ios", "android"]})
    listed = Scenario.from_document({**DOCUMENT, "fleet": [{"name": "g", "inventory": table}]})
    (tmp_path / "list.csv").write_text(table.to_csv(index=False))
    read = Scenario.from_document(
        {**DOCUMENT, "fleet": [{"name": "g", "inventory": "list.csv"}]}, folder=tmp_path
    )
    lists = [each.inventories[0].devices for each in (listed, read)]
    assert len({(each.ids, each.platforms, each.last_sync_s.tobytes()) for each in lists}) == 1
    narrowed = listed.changed({"fleet.0.list": {"only": {"platform": "ios"}}}, seed=2)
    assert narrowed.inventories[0].devices.ids == ("a",)
    assert scenario().changed({"fleet.1": {"name": "g", "inventory": table}}).inventories[1].sha256


def test_a_copy_with_other_values_is_checked_as_a_whole() -> None:
    copied = scenario().model_copy(update={"seed": 3})
    assert run(copied, replications=1).scenario.seed == 3
    assert scenario().copy(update={"seed": 3}) == copied
    assert copy.copy(copied) == copied
    with pytest.raises(ScenarioError, match="seed"):
        scenario().model_copy(update={"seed": "x"})


def test_completion_offers_the_keys_and_methods_of_scenarios_alone() -> None:
    public = {name for name in dir(scenario()) if not name.startswith("_")}
    assert {"changed", "document", "fleet", "from_document", "from_yaml", "seed", "to_yaml"} <= public
    assert not {"copy", "dict", "json", "schema", "attributes"} & public
    assert not any(name.startswith("model_") for name in public)
    group = {name for name in dir(scenario().fleet[0]) if not name.startswith("_")}
    assert group == {
        *("columns", "devices", "first", "hours", "inventory"),
        *("list_", "name", "platform", "presence", "sync"),
    }


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: load(DOCUMENT), "not a section.*from_document"),  # type: ignore[arg-type]
        (lambda: load(3), "load takes the path"),  # type: ignore[arg-type]
        (lambda: Scenario.from_yaml(DOCUMENT), "from_document"),  # type: ignore[arg-type]
        (lambda: scenario().changed([("seed", 3)]), "changed takes"),  # type: ignore[arg-type]
        (lambda: Scenario(**{**DOCUMENT, "sead": 3}), "did you mean seed"),
        (lambda: Scenario(name="n"), "start is required"),
        (lambda: Scenario.model_validate({**DOCUMENT, "seed": "x"}), "not a whole number"),
        (lambda: run(DOCUMENT), "a scenario is expected here"),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_argument_is_one_sentence(call: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        call()


def test_a_scenario_may_be_made_of_keywords() -> None:
    made = Scenario(**DOCUMENT)
    assert made == scenario()
    assert made.changed(seed=3).seed == 3
    assert made.to_yaml() == scenario().to_yaml()


def test_a_mapping_of_any_kind_is_a_document() -> None:
    class Frozen(Mapping[str, Any]):
        def __getitem__(self, key: str) -> Any:
            return DOCUMENT[key]

        def __iter__(self) -> Any:
            return iter(DOCUMENT)

        def __len__(self) -> int:
            return len(DOCUMENT)

    assert Scenario.from_document(Frozen()) == scenario()
