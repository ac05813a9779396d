"""What helps to write a scenario: a JSON Schema for editors (draft 2020-12), and scenarios to start from."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from importlib import resources
from itertools import pairwise
from typing import Any, Final

from sim.scenario.fields import DURATION_SCHEMA, SHARE_SCHEMA, Section
from sim.scenario.fleet import Distribution
from sim.scenario.schema import Contents, Step
from sim.scenario.values import format_share
from sim.text import closest, quoted, span

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """A JSON Schema of the scenario file; every file that `load` accepts is valid by it, not the reverse.

    What depends on several fields, such as jitter below the period, only `load` checks.
    """
    schema = {**Contents.model_json_schema(by_alias=True), "title": "Scenario"}
    sections = schema["$defs"]
    for kind in _kinds_of(Section):
        section = schema if kind is Contents else sections.get(kind.__name__, {})
        for key, text in meanings_of(kind):
            if "properties" in section:
                section["properties"][key]["description"] = text
    for section in [schema, *sections.values()]:
        required = section.get("required", [])
        for key, described in section.get("properties", {}).items():
            _in_the_language(described)
            if key not in required:
                _without_value(described)
    for action in Step.bare_keys:
        sections["Step"]["properties"][action].pop("default", None)
    sections["Step"]["oneOf"] = [{"required": [action]} for action in Step.bare_keys]
    sections["Group"]["anyOf"] = [{"required": ["devices"]}, {"required": ["inventory"]}]
    sections["Guarantee"]["anyOf"] = [{"required": ["at_most"]}, {"required": ["at_least"]}]
    sections["Distribution"]["oneOf"] = [{"required": [kind]} for kind in Distribution.attributes()]
    schema["properties"]["recovery"]["anyOf"].append({"const": "none"})
    return {"$schema": DIALECT, **schema}


def _kinds_of(section: type[Section]) -> Iterator[type[Section]]:
    for kind in section.__subclasses__():
        yield kind
        yield from _kinds_of(kind)


def meanings_of(section: type[Section]) -> Iterator[tuple[str, str]]:
    """Each key with what stands below it in the source; pydantic would read that at every start."""
    for kind in reversed(section.__mro__[: section.__mro__.index(Section)]):
        (parsed,) = ast.parse(inspect.getsource(kind)).body
        assert isinstance(parsed, ast.ClassDef)
        for field, below in pairwise(parsed.body):
            match field, below:
                case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str(text))):
                    if name in section.model_fields:
                        yield section.model_fields[name].alias or name, inspect.cleandoc(text)


def _in_the_language(described: dict[str, Any]) -> None:
    """Defaults as a planner writes them, and no titles, which repeat the keys."""
    described.pop("title", None)
    described.pop("discriminator", None)
    if "oneOf" in described:
        described["anyOf"] = described.pop("oneOf")
    if "description" in described:  # the seconds are those of the Python attribute
        described["description"] = re.sub(r", in seconds| \(seconds\)", "", described["description"])
    default = described.get("default")
    if isinstance(default, dict | list) or default is None:
        described.pop("default", None)
    elif isinstance(default, bool):
        described["default"] = "yes" if default else "no"
    elif described.get("pattern") == DURATION_SCHEMA["pattern"]:
        described["default"] = span(int(default))
    elif described.get("anyOf") == SHARE_SCHEMA["anyOf"]:
        described["default"] = format_share(float(default))


def _without_value(described: dict[str, Any]) -> None:
    """A key that is not required may stand without a value, as where all below it is commented out."""
    if "anyOf" in described:
        if {"type": "null"} not in described["anyOf"]:
            described["anyOf"].append({"type": "null"})
    elif "enum" in described:
        described.pop("type", None)
        described["enum"] = [*described["enum"], None]
    elif "$ref" in described:
        described["anyOf"] = [{"$ref": described.pop("$ref")}, {"type": "null"}]
    else:
        kinds = described["type"]
        described["type"] = [*(kinds if isinstance(kinds, list) else [kinds]), "null"]


# --- scenarios to start from ----------------------------------------------------------------------------


DEFAULT: Final = "delayed"
TEMPLATES: Final = {
    "delayed": "the documented way: a reserve 33 days before expiry, activated after 30",
    "immediate": "the certificate is replaced at once, and the help desk reinstalls the app",
    "inventory": "the devices come from an exported CSV file (devices.csv beside the scenario)",
    "minimal": "the required keys alone",
}
"""The templates and what each shows."""


def template_text(name: str = DEFAULT) -> str:
    """The YAML of a template.

    Raises:
        ValueError: there is none of that name; the message says which there are.
    """
    if name not in TEMPLATES:
        meant = closest(name, TEMPLATES)
        advice = f"did you mean {meant}?" if meant else f"there are {', '.join(TEMPLATES)}"
        raise ValueError(f"no template is called {quoted(name)}: {advice}")
    return _read(f"{name}.yaml")


def template_files(name: str = DEFAULT) -> dict[str, str]:
    """The files that a template's scenario names, by their path beside it, with sample content.

    Raises:
        ValueError: there is no template of that name.
    """
    template_text(name)
    return {"devices.csv": _read("devices.csv")} if name == "inventory" else {}


def _read(file: str) -> str:
    return resources.files("sim.scenario").joinpath("templates", file).read_text(encoding="utf-8")
