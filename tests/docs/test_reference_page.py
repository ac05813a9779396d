"""The scenario reference tells of every key that a file may have: its type, its default, its meaning."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_origin

import pytest
import scenario_reference

from sim.scenario.authoring import meanings_of
from sim.scenario.fields import Section
from sim.scenario.fleet import Distribution
from sim.scenario.mistakes import forms_of
from sim.scenario.schema import MEASURES, Contents

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "reference.md").read_text(encoding="utf-8")


def keys_of(section: type[Section], path: str = "") -> Iterator[tuple[str, str, type[Section]]]:
    """Heading, key and section of every key, from the classes that read a file."""
    for key in section.attributes():
        yield path, key, section
        here = f"{path}.{key}" if path else key
        for form in forms_of(section, key):
            if form is not Distribution:  # a type of its own, in the table at the top
                field = section.model_fields[section.attributes()[key]]
                is_list = get_origin(field.annotation) is tuple
                yield from keys_of(form, f"{here}[]" if is_list else here)


def rows(text: str) -> dict[tuple[str, str], list[str]]:
    """The cells of every row, by the path in the heading above and the key."""
    found: dict[tuple[str, str], list[str]] = {}
    path = ""
    for line in text.splitlines():
        if line.startswith("## "):
            named = re.match(r"## `([^`]+)`", line)
            path = named[1] if named else ""
        if line.startswith("| `"):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            found[path, cells[0].strip("`")] = cells[1:]
    return found


ROWS = rows(TEXT)
KEYS = list(keys_of(Contents))


@pytest.mark.parametrize("row", [each[:2] for each in KEYS], ids=".".join)
def test_every_key_has_type_default_and_meaning(row: tuple[str, str]) -> None:
    kind, default, meaning = ROWS[row]
    assert kind
    assert default
    assert meaning


def test_there_is_no_row_for_a_key_that_a_file_may_not_have() -> None:
    known = {each[:2] for each in KEYS}
    assert {row for row in ROWS if row not in known} == {
        ("", name) for name in MEASURES if ("", name) not in known
    }


def test_a_key_that_a_file_must_have_says_so() -> None:
    for path, key, section in KEYS:
        required = section.model_fields[section.attributes()[key]].is_required()
        assert (ROWS[path, key][1] == "*required*") is required, f"{path}.{key}"


def test_meanings_are_those_of_the_classes() -> None:
    for path, key, section in KEYS:
        first = re.split(r",? in seconds| \(|[`{]", dict(meanings_of(section))[key])[0].strip(" .;")
        assert first
        assert ROWS[path, key][2].startswith(first), f"{path}.{key}"


@pytest.mark.parametrize(
    ("path", "key", "default"),
    [
        ("fleet[].sync", "every", "`6h`"),
        ("fleet[].columns", "id", "`id`"),
        ("fleet[].sync", "success", "`100%`"),
        ("fleet[].sync", "catch_up", "`yes`"),
        ("server", "automatic_reissue", "`default`"),
        ("server.automatic_reissue", "lead", "`90d`"),
        ("server.certificate", "valid_for", "`397d`"),
        ("strategy[].reissue", "activate", "`after 30d`"),
        ("recovery", "owner_responds", "`{exponential: 2d}`"),
        ("recovery", "takes", "`{lognormal: {median: 20m, sigma: 0.5}}`"),
    ],
)
def test_defaults_are_written_as_in_a_file(path: str, key: str, default: str) -> None:
    assert ROWS[path, key][1] == default


def test_the_page_is_what_the_classes_give() -> None:
    """If not: `make reference`."""
    assert scenario_reference.page() == TEXT, "docs/reference.md is out of date: make reference"
