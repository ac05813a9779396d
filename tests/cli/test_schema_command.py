"""`reissue schema`: a JSON Schema of draft 2020-12 that takes what the reader takes."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sim
from sim import cli
from sim.scenario.authoring import TEMPLATES, template_text
from sim.scenario.yaml_text import read_tree

SHIPPED = sorted((Path(__file__).parents[2] / "scenarios").glob("*.yaml"))

KINDS = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


@pytest.fixture
def schema(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    monkeypatch.setattr(sys, "argv", ["reissue", "schema"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert not left.value.code
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def errors(value: Any, schema: Any, root: dict[str, Any], path: str = "") -> Iterator[str]:
    """Where a value does not fit, by the keywords of draft 2020-12 that the schema uses, and no others."""
    for keyword, wanted in schema.items():
        match keyword:
            case "$schema" | "$defs" | "title" | "description" | "examples" | "default":
                continue
            case "$ref":
                yield from errors(value, root["$defs"][wanted.removeprefix("#/$defs/")], root, path)
            case "type":
                kinds = [wanted] if isinstance(wanted, str) else wanted
                if not any(
                    isinstance(value, KINDS[kind]) and not (isinstance(value, bool) and kind != "boolean")
                    for kind in kinds
                ):
                    yield f"{path}: {value!r} is no {wanted}"
            case "enum" | "const":
                if value not in (wanted if keyword == "enum" else [wanted]):
                    yield f"{path}: {value!r} is not in {wanted}"
            case "anyOf" | "oneOf":
                fits = sum(not list(errors(value, branch, root, path)) for branch in wanted)
                if fits == 0 or (keyword == "oneOf" and fits > 1):
                    yield f"{path}: {value!r} fits {fits} of {keyword}"
            case _:
                yield from _part(value, keyword, wanted, schema, root, path)


def _part(
    value: Any, keyword: str, wanted: Any, schema: Any, root: dict[str, Any], path: str
) -> Iterator[str]:
    fits = True
    match keyword:
        case "properties":
            for name, sub in wanted.items():
                if isinstance(value, dict) and name in value:
                    yield from errors(value[name], sub, root, f"{path}.{name}")
        case "required":
            fits = not isinstance(value, dict) or set(wanted) <= set(value)
        case "additionalProperties":
            fits = wanted or not isinstance(value, dict) or set(value) <= set(schema["properties"])
        case "items":
            for number, item in enumerate(value if isinstance(value, list) else []):
                yield from errors(item, wanted, root, f"{path}.{number}")
        case "minItems" | "maxItems":
            size = len(value) if isinstance(value, list) else wanted
            fits = size >= wanted if keyword == "minItems" else size <= wanted
        case "minLength" | "maxLength":
            size = len(value) if isinstance(value, str) else wanted
            fits = size >= wanted if keyword == "minLength" else size <= wanted
        case "pattern":
            fits = not isinstance(value, str) or re.search(wanted, value) is not None
        case "minimum" | "maximum" | "exclusiveMinimum":
            number = value if isinstance(value, int | float) else None
            fits = number is None or (
                number >= wanted
                if keyword == "minimum"
                else number <= wanted
                if keyword == "maximum"
                else number > wanted
            )
        case _:
            raise AssertionError(f"{keyword} is not known here")
    if not fits:
        yield f"{path}: {value!r} breaks {keyword} {wanted!r}"


def walk(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from walk(value)


def test_it_is_of_draft_2020_12_and_hangs_together(schema: dict[str, Any]) -> None:
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    for node in walk(schema):
        if isinstance(node.get("$ref"), str):
            assert node["$ref"].removeprefix("#/$defs/") in schema["$defs"]
        if isinstance(node.get("pattern"), str):
            re.compile(node["pattern"])


def test_it_is_valid_by_the_metaschema(schema: dict[str, Any]) -> None:
    import jsonschema

    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for path in SHIPPED:
        assert list(validator.iter_errors(sim.load(path).document)) == []


def test_every_key_is_described(schema: dict[str, Any]) -> None:
    for section in (schema, *schema["$defs"].values()):
        for key, value in section.get("properties", {}).items():
            assert value.get("description"), f"{section.get('title')}.{key}"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_it_takes_every_shipped_scenario(schema: dict[str, Any], path: Path) -> None:
    assert list(errors(sim.load(path).document, schema, schema)) == []


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_it_takes_every_template(schema: dict[str, Any], template: str) -> None:
    document = read_tree(template_text(template), file="template").value
    assert list(errors(document, schema, schema)) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("duration", "40"),
        ("start", "yesterday"),
        ("seed", -1),
        ("surprise", 1),
        ("fleet", [{"name": "phones"}]),
        ("fleet", [{"name": "phones", "devices": 1, "platform": "symbian"}]),
        ("strategy", [{"at": "expiry - 33d", "reissue": {"activate": "soon"}}]),
        ("guarantees", [{"measure": "losses", "at_most": 0}]),
    ],
)
def test_it_refuses_what_the_reader_refuses(schema: dict[str, Any], key: str, value: object) -> None:
    document = {"name": "n", "start": "2026-03-01", "duration": "9d", "fleet": [{"name": "g", "devices": 1}]}
    assert list(errors(document, schema, schema)) == []
    document = {**document, key: value}
    with pytest.raises(sim.ScenarioError):
        sim.Scenario.from_document(document)
    assert list(errors(document, schema, schema)) != []
