"""The language as a JSON Schema, for editors (draft 2020-12)."""

from __future__ import annotations

import copy
import re
from typing import Any, Final

from sim.scenario.durations import format_duration
from sim.scenario.kinds import DISTRIBUTION_SCHEMA, DURATION_SCHEMA, SHARE_SCHEMA
from sim.scenario.scenario import Scenario
from sim.scenario.units import format_share

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_LENGTH: Final[dict[str, Any]] = {**DURATION_SCHEMA, "description": "A duration."}
_DISTRIBUTION: Final[dict[str, Any]] = {
    "description": "How long something lasts: a duration (always the same), or a section with one kind.",
    "anyOf": [
        _LENGTH,
        *(
            {"type": "object", "properties": {kind: value}, "required": [kind], "additionalProperties": False}
            for kind, value in {
                "exponential": {**DURATION_SCHEMA, "description": "The mean."},
                "uniform": {
                    "description": "The low and the high end.",
                    "type": "array",
                    "items": DURATION_SCHEMA,
                    "minItems": 2,
                    "maxItems": 2,
                },
                "lognormal": {
                    "type": "object",
                    "properties": {
                        "median": DURATION_SCHEMA,
                        "sigma": {"type": "number", "minimum": 0, "maximum": 100},
                    },
                    "required": ["median", "sigma"],
                    "additionalProperties": False,
                },
                "weibull": {
                    "type": "object",
                    "properties": {
                        "scale": DURATION_SCHEMA,
                        "shape": {"type": "number", "exclusiveMinimum": 0, "maximum": 100},
                    },
                    "required": ["scale", "shape"],
                    "additionalProperties": False,
                },
                "empirical": {
                    "description": "Observed durations, each as likely as the others.",
                    "type": "array",
                    "items": DURATION_SCHEMA,
                    "minItems": 1,
                },
            }.items()
        ),
    ],
}


def json_schema() -> dict[str, Any]:
    """A JSON Schema of the scenario file; every file that `load` accepts is valid by it, not the reverse.

    What depends on several fields, such as jitter below the period, only `load` checks.
    """
    schema = Scenario.model_json_schema(by_alias=True)
    schema["$defs"]["Distribution"] = copy.deepcopy(_DISTRIBUTION)
    for section in [schema, *schema["$defs"].values()]:
        required = section.get("required", [])
        for key, described in section.get("properties", {}).items():
            _in_the_language(described)
            if key not in required:
                _without_value(described)
    step = schema["$defs"]["Step"]
    for action in ("reissue", "cancel_reserve", "restore_previous"):
        step["properties"][action].pop("default", None)
    step["oneOf"] = [{"required": [action]} for action in ("reissue", "cancel_reserve", "restore_previous")]
    group = schema["$defs"]["Group"]
    group["anyOf"] = [{"required": ["devices"]}, {"required": ["inventory"]}]
    guarantee = schema["$defs"]["Guarantee"]
    guarantee["anyOf"] = [{"required": ["at_most"]}, {"required": ["at_least"]}]
    schema["properties"]["recovery"]["anyOf"].append({"const": "none"})
    return {"$schema": DIALECT, **schema}


def _in_the_language(described: dict[str, Any]) -> None:
    """Defaults as a planner writes them, and no titles, which repeat the keys."""
    described.pop("title", None)
    if "description" in described:  # the seconds are those of the Python attribute
        described["description"] = re.sub(r", in seconds| \(seconds\)", "", described["description"])
    if described.get("format") == DISTRIBUTION_SCHEMA["format"]:
        del described["format"]
        described["$ref"] = "#/$defs/Distribution"
    default = described.get("default")
    if isinstance(default, dict | list) or default is None:
        described.pop("default", None)
    elif isinstance(default, bool):
        described["default"] = "yes" if default else "no"
    elif described.get("pattern") == DURATION_SCHEMA["pattern"]:
        described["default"] = format_duration(int(default))
    elif described.get("anyOf") == SHARE_SCHEMA["anyOf"]:
        described["default"] = format_share(float(default))


def _without_value(described: dict[str, Any]) -> None:
    """A key that is not required may stand without a value, as where all below it is commented out."""
    if "anyOf" in described:
        if {"type": "null"} not in described["anyOf"]:
            described["anyOf"].append({"type": "null"})
    elif "enum" in described:
        described["enum"] = [*described["enum"], None]
    elif "$ref" in described or "oneOf" in described:
        chosen = {key: described.pop(key) for key in ("$ref", "oneOf", "discriminator") if key in described}
        chosen.pop("discriminator", None)
        described["anyOf"] = [*chosen.pop("oneOf", []), *([chosen] if chosen else []), {"type": "null"}]
    elif isinstance(described.get("type"), str):
        described["type"] = [described["type"], "null"]
    elif isinstance(described.get("type"), list):
        described["type"] = [*described["type"], "null"]
