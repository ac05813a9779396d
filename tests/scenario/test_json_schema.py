"""The JSON Schema accepts what the reader accepts, and refuses the plain mistakes (draft 2020-12)."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from sim.scenario import Scenario, ScenarioError
from sim.scenario.authoring import TEMPLATES, json_schema, template_text
from sim.scenario.yaml_text import read_tree

SCHEMA = json_schema()
KEYWORDS = {
    *("$schema", "$defs", "title", "description", "default", "examples", "$ref", "anyOf", "oneOf", "const"),
    *("enum", "type", "pattern", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum"),
    *("properties", "required", "additionalProperties", "items", "minItems", "maxItems"),
}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def has_type(name: str, value: object) -> bool:
    if name in ("integer", "number"):
        return isinstance(value, int if name == "integer" else int | float) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def is_valid(value: Any, schema: dict[str, Any]) -> bool:
    """As much of JSON Schema as ours uses; an unknown keyword is an error of the test."""
    assert set(schema) <= KEYWORDS, set(schema) - KEYWORDS
    if "$ref" in schema and not is_valid(value, SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]]):
        return False
    if "anyOf" in schema and not any(is_valid(value, each) for each in schema["anyOf"]):
        return False
    if "oneOf" in schema and sum(is_valid(value, each) for each in schema["oneOf"]) != 1:
        return False
    if "const" in schema and value != schema["const"]:
        return False
    if "enum" in schema and not any(value == each and type(value) is type(each) for each in schema["enum"]):
        return False
    types = schema.get("type", [])
    if types and not any(has_type(each, value) for each in ([types] if isinstance(types, str) else types)):
        return False
    if isinstance(value, str):
        fits = schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 10**9)
        return fits and re.search(schema.get("pattern", ""), value) is not None
    if isinstance(value, int | float) and not isinstance(value, bool):
        least, most = schema.get("minimum", -(10**99)), schema.get("maximum", 10**99)
        return bool(least <= value <= most and value > schema.get("exclusiveMinimum", -(10**99)))
    if isinstance(value, list):
        fits = schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", 10**9)
        return fits and all(is_valid(each, schema.get("items", {})) for each in value)
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        if any(key not in value for key in schema.get("required", [])):
            return False
        if schema.get("additionalProperties") is False and not set(value) <= set(properties):
            return False
        return all(is_valid(each, properties.get(key, {})) for key, each in value.items())
    return True


def document(name: str) -> dict[str, Any]:
    plain = read_tree(template_text(name), file=name).value
    assert isinstance(plain, dict)
    return plain


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_is_valid(name: str) -> None:
    assert is_valid(document(name), SCHEMA)


def set_at(whole: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    changed: Any = copy.deepcopy(whole)
    at: Any = changed
    *steps, last = path.split(".")
    for step in steps:
        at = at[int(step)] if step.isdigit() else at.setdefault(step, {})
    if value is KeyError:
        del at[last]
    else:
        at[last] = value
    assert isinstance(changed, dict)
    return changed


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("server", None),
        ("server.certificate", None),
        ("server.automatic_reissue", {"lead": "60d"}),
        ("server.automatic_reissue", "default"),
        ("server.outages", [{"from": "day 20 08:00", "for": "6h"}]),
        ("strategy", None),
        ("strategy", []),
        ("strategy.0.at", "2026-03-20T09:00:00+02:00"),
        ("strategy.0.at", "expiry"),
        ("strategy.0.reissue", None),
        ("strategy.0.reissue.activate", "at expiry"),
        ("strategy.0.reissue.address", "keep"),
        ("strategy.0.reissue.address", {"change_to": "b:1", "opens": "day 50", "old_address_stays": "7d"}),
        ("recovery", "none"),
        ("recovery", {}),
        ("recovery.takes", "20m"),
        ("fleet.0.devices", 0),
        ("fleet.0.presence", "never"),
        ("fleet.0.presence", {"on": "8h", "off": {"empirical": ["6h", "9h", "2d"]}}),
        (
            "fleet.0.presence",
            {"on": {"uniform": ["1h", "2h"]}, "off": {"weibull": {"scale": "12h", "shape": 0.8}}},
        ),
        ("fleet.0.sync.phase", "3h"),
        ("fleet.0.sync.every", "PT6H"),
        ("fleet.0.sync.every", "1h30m"),
        ("fleet.0.sync.success", 0.98),
        ("fleet.0.sync.success", 1),
        ("fleet.0.sync.catch_up", True),
        ("fleet.0.sync.catch_up", "no"),
        ("guarantees.0.at_least", "99.95%"),
        ("start", "2026-03-01 09:00"),
    ],
)
def test_what_the_reader_accepts_is_valid(path: str, value: object) -> None:
    changed = set_at(document("delayed"), path, value)
    Scenario.from_document(changed)
    assert is_valid(changed, SCHEMA)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", KeyError),
        ("nmae", "x"),
        ("name", 42),
        ("start", "01.03.2026"),
        ("duration", 120),
        ("duration", "120"),
        ("seed", -1),
        ("server.behaviour", "KSMM-6.0"),
        ("server.certificate.expires", "tomorrow"),
        ("server.automatic_reissue", {"laed": "60d"}),
        ("fleet", {}),
        ("fleet.0.devices", KeyError),
        ("fleet.0.devices", "8000"),
        ("fleet.0.every", "6h"),
        ("fleet.0.sync.every", "6 hours"),
        ("fleet.0.sync.every", "P1M"),
        ("fleet.0.sync.success", 98),
        ("fleet.0.sync.catch_up", "maybe"),
        ("fleet.0.presence", "sometimes"),
        ("fleet.1.presence.off", {"lognormal": {"median": "8h"}}),
        ("fleet.1.presence.off", {"exponential": "8h", "weibull": {"scale": "1h", "shape": 1}}),
        ("strategy.0.reissue", KeyError),
        ("strategy.0.cancel_reserve", {}),
        ("strategy.0.reissue.activate", "30d"),
        ("recovery.technicians", 0),
        ("guarantees.0.measure", "lost_device"),
    ],
)
def test_a_plain_mistake_is_invalid_in_both(path: str, value: object) -> None:
    changed = set_at(document("delayed"), path, value)
    with pytest.raises(ScenarioError):
        Scenario.from_document(changed)
    assert not is_valid(changed, SCHEMA)


def test_the_schema_is_plain_json_of_its_dialect() -> None:
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
    assert yaml.safe_load(yaml.safe_dump(SCHEMA)) == SCHEMA


def sections(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {"Scenario": schema, **schema["$defs"]}


def test_every_key_is_described_and_no_default_is_in_seconds() -> None:
    for name, section in sections(SCHEMA).items():
        for key, described in section.get("properties", {}).items():
            assert described.get("description", "").endswith("."), f"{name}.{key}"
            assert "in seconds" not in described["description"], f"{name}.{key}"
            if "pattern" in described and "default" in described:
                assert is_valid(described["default"], {**described, "examples": []}), f"{name}.{key}"


def test_every_example_of_a_key_is_valid() -> None:
    checked = 0
    for section in sections(SCHEMA).values():
        for described in section.get("properties", {}).values():
            for example in described.get("examples", []):
                plain = read_tree(str(example), file="example").value if isinstance(example, str) else example
                assert is_valid(plain, described), (example, described)
                checked += 1
    assert checked > 20


def test_the_patterns_are_those_of_the_parsers() -> None:
    from sim.scenario import instants, values
    from sim.scenario.instants import parse_instant
    from sim.scenario.values import parse_duration

    for text in ("30d", "1d 4h", "P30D", "PT6H", "2w"):
        assert re.search(values.PATTERN_DURATION, text)
        assert parse_duration(text)
    for text in ("2026-03-20", "2026-03-20 09:00 Z", "day 10  08:00", "start+10d", "expiry - P1DT2H"):
        assert re.search(instants.PATTERN, text)
        assert parse_instant(text)


def test_the_schema_of_a_file_is_written_the_same_each_time(tmp_path: Path) -> None:
    assert json.dumps(json_schema()) == json.dumps(SCHEMA)
