"""A scenario as YAML that reads back as the same values; a value on one line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from sim.scenario.scalars import resolve_scalar


class _Dumper(yaml.SafeDumper):
    """Writes texts plainly only where both YAML 1.1 and 1.2 read them as texts."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _write_text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    try:
        is_text = isinstance(resolve_scalar(value), str)
    except ValueError:
        is_text = False
    style = None if is_text and not re.search(r"[\n\r\x85\u2028\u2029]", value) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _write_text)


def to_line(value: object) -> str:
    """A value of the language on one line: `{exponential: 16h}`, `[6h, 9h]`, `true`, `null`."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {to_line(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(to_line, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)


def to_yaml(document: Mapping[str, Any]) -> str:
    """`document` (dictionaries, lists and scalars) as block YAML in the order of its keys."""
    return yaml.dump(dict(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
