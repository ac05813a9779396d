"""The page `reference.md`: every key of a scenario with type, default and meaning, from the JSON Schema.

The page is kept in the repository, so that it can be read on a forge. `make reference` writes it anew, and a
test tells when that is due.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from sim.results.measures import MEASURES
from sim.scenario.authoring import json_schema
from sim.scenario.fields import (
    DURATION_SCHEMA,
    INSTANT_SCHEMA,
    MOMENT_SCHEMA,
    SHARE_SCHEMA,
    Activate,
    Section,
)
from sim.scenario.schema import Contents, Empty
from sim.text import span
from sim.world.distributions import Distribution

PAGE = Path(__file__).parents[1] / "reference.md"
HEAD = """\
# Scenario reference

<!-- Made by `make reference` from the docstrings in sim/scenario: change those. -->

Every key of a scenario file. How values are written, what is easily got wrong, and examples are in the
[language](language.md); what the keys make happen is in the [model](model.md). Editors complete and check
the same keys with `reissue schema > reissue.schema.json`.

A dot leads into a section, `[]` to each entry of a list: `fleet[].sync.every` is written

```yaml
fleet:
  - name: phones
    devices: 10
    sync:
      every: 6h
```

and changed on the command line by `--set fleet.0.sync.every=12h`, which counts entries from 0.

| type | such as |
|---|---|
| duration | `30d`, `6h`, `1h30m`, `90s`, `2w`, `P30D` |
| date | `2026-03-01`, `2026-03-01 09:00` |
| instant | `2026-03-20 09:00`, `day 10`, `day 10 08:00`, `start + 10d`, `expiry - 33d` |
| share | `98%`, `0.98` |
| distribution | `8h`, `{exponential: 16h}`, `{uniform: [4h, 3d]}`, `{lognormal: {median: 8h, sigma: 1.1}}`, \
`{weibull: {scale: 2d, shape: 1.5}}`, `{empirical: [6h, 9h, 2d]}` |
| yes or no | `yes`, `no` |
"""
BOUNDS = {
    "devices": "a number",
    "times": "a number",
    "share": "a share",
    "days": "a number of days or hours, as the name says",
    "hours": "a number of days or hours, as the name says",
    "duration": "a duration",
}
RULE = re.compile(r"\((model (\d+)[\da., ]*)\)")

Schema = Mapping[str, Any]


def page() -> str:
    """The whole page, as Markdown."""
    schema = json_schema()
    top = {**schema, "description": "The keys without indentation."}
    parts = [HEAD, *_section(top, "", Contents, schema["$defs"]), "\n".join(_measures())]
    return "\n".join(parts).rstrip() + "\n"


def _section(
    section: Schema, path: str, of: type[Section] | None, defs: Schema, *, marked: str = ""
) -> Iterator[str]:
    """A heading and a table for a section, then the same for every section in it.

    Where one of several sections may stand at a path, the heading is marked with the first key.
    """
    required = section.get("required", [])
    yield f"## {f'`{path}`{marked}' if path else 'Top level'}\n"
    if "description" in section:
        yield _sentences(section["description"].split("\n\n")[0]) + "\n"
    yield "| key | type | default | meaning |\n|---|---|---|---|"
    inner: list[tuple[str, list[Schema]]] = []
    for key, described in section.get("properties", {}).items():
        here = f"{path}.{key}" if path else key
        default = "*required*" if key in required else _default(described, key, of)
        meaning = _sentences(described.get("description", ""))
        yield f"| `{key}` | {_kind(described, defs)} | {default} | {meaning} |"
        inner.append((f"{here}[]" if "items" in described else here, list(_forms(described))))
    yield ""
    for here, forms in inner:
        for form in forms:
            name = _name(form)
            if name not in ("Distribution", Empty.__name__):
                below = defs.get(name, form)
                mark = f" with `{next(iter(below['properties']))}`" if len(forms) > 1 else ""
                yield from _section(below, here, _classes().get(name), defs, marked=mark)


def _name(form: Schema) -> str:
    return str(form.get("$ref", "")).rsplit("/", 1)[-1]


def _forms(described: Schema) -> Iterator[Schema]:
    """The sections that may be written at a key."""
    if "items" in described:
        yield from _forms(described["items"])
    elif "$ref" in described or "properties" in described:
        yield described
    for each in described.get("anyOf", []):
        yield from _forms(each)


def _kind(described: Schema, defs: Schema) -> str:
    """What may be written, in the words of the table at the top."""
    names = list(dict.fromkeys(name for name in _kinds(described, defs) if name))
    if "distribution" in names:  # which a duration is, too
        names.remove("duration")
    return ", ".join(names)


def _kinds(described: Schema, defs: Schema) -> Iterator[str]:
    pattern = described.get("pattern")
    words = [word for word in described.get("enum", []) if word is not None]
    if described.get("anyOf", [])[:2] == SHARE_SCHEMA["anyOf"]:
        yield "share"
    elif "anyOf" in described:
        for each in described["anyOf"]:
            yield from _kinds(each, defs)
    elif "items" in described:
        yield f"list of {' or '.join(_kinds(described['items'], defs))}s"
    elif "const" in described:
        yield f"`{described['const']}`"
    elif True in words:
        yield "yes or no"
    elif words == list(MEASURES):
        yield "[measure](#measures)"
    elif words:
        yield from (f"`{word}`" for word in words)
    elif pattern == DURATION_SCHEMA["pattern"]:
        yield "duration"
    elif pattern == INSTANT_SCHEMA["pattern"]:
        yield "instant"
    elif pattern == MOMENT_SCHEMA["pattern"]:
        yield "date"
    elif "$ref" in described:
        yield {"Distribution": "distribution", Empty.__name__: "`{}`"}.get(_name(described), "section")
    elif "properties" in described:
        yield "section"
    elif described.get("examples", [""])[0] == "immediately":
        yield "`immediately`, `after` a duration, `at expiry`"
    elif "minimum" in described:
        most = described["maximum"]
        shown = "2⁶³ − 1" if most == 2**63 - 1 else "2³¹ − 1" if most == 2**31 - 1 else f"{most:,}"
        yield f"{described['minimum']:,} … {shown}"
    elif described.get("type") == ["number", "string"]:
        yield "number, share or duration"
    elif described.get("type") != "null":
        yield "text"


def _default(described: Schema, key: str, of: type[Section] | None) -> str:
    """The value of a key that is left out, as it would be written."""
    if "default" in described:
        return f"`{described['default']}`" if described["default"] != "" else "empty"
    if of is None:
        return "none"
    value = of.model_fields[of.attributes()[key]].get_default(call_default_factory=True)
    match value:
        case Distribution(kind="exponential", a=mean_s):
            return f"`{{exponential: {span(int(mean_s))}}}`"
        case Distribution(kind="lognormal", a=median_s, b=sigma):
            return f"`{{lognormal: {{median: {span(int(median_s))}, sigma: {sigma:g}}}}}`"
        case Activate():
            return f"`{value}`"
        case Section():
            return "its defaults"
        case () | {}:
            return "empty"
        case (0, 1, 2, 3, 4):
            return "`mon-fri`"
        case None:
            return "none"
    raise TypeError(f"{of.__name__}.{key}: no words for the default {value!r}")


def _classes() -> dict[str, type[Section]]:
    """The sections by name."""
    found: dict[str, type[Section]] = {}
    waiting: list[type[Section]] = [Section]
    while waiting:
        for each in waiting.pop().__subclasses__():
            found[each.__name__] = each
            waiting.append(each)
    return found


def _sentences(text: str) -> str:
    """A description on one line, with a link to the rule that it cites; what stands in braces is code."""
    line = " ".join(text.split()).replace("|", r"\|")
    line = re.sub(r"(?<!`)\{[^{}`]*\}(?!`)", lambda found: f"`{found[0]}`", line)
    return RULE.sub(lambda found: f"([{found[1]}](model.md#{_model_sections()[found[2]]}))", line)


@cache
def _model_sections() -> dict[str, str]:
    """The anchor of each numbered section of the model."""
    headings = re.findall(
        r"^## ((\d+)\. .+)$", (PAGE.parent / "model.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    return {
        number: re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading, number in headings
    }


def _measures() -> Iterator[str]:
    yield "## Measures\n\nWhat `guarantees[].measure` may name, and what its bound is.\n"
    yield "| measure | is | bound |\n|---|---|---|"
    for name, measure in MEASURES.items():
        yield f"| `{name}` | {measure.text} | {BOUNDS[measure.unit]} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
