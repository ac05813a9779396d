"""The site has every page, scenario and name; it builds without warnings and needs no network."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from shown import shown

import sim

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LOADED = {"img": "src", "script": "src", "link": "href", "source": "src", "iframe": "src", "object": "data"}
"""Where a page names what a browser fetches by itself."""


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def test_every_page_is_in_the_menu_once() -> None:
    menu = runpy.run_path(str(DOCS / "conf.py"))["menu"]
    listed = [page for pages in menu.values() for page in pages]
    assert sorted(listed) == sorted(page.stem for page in DOCS.glob("*.md") if page.stem != "index")


def test_every_shipped_scenario_is_a_recipe_of_the_cookbook() -> None:
    recipes = re.findall(r"^\[(scenarios/\w+\.yaml)\]\(\.\./\1\)$", read("cookbook.md"), re.MULTILINE)
    assert sorted(recipes) == sorted(f"scenarios/{path.name}" for path in (ROOT / "scenarios").glob("*.yaml"))


def test_every_public_name_has_a_place_in_the_interface_page() -> None:
    named = re.findall(r"^`sim\.(\w+)`$", read("api.md"), re.MULTILINE)
    assert sorted(named) == sorted(sim.__all__)


def test_a_link_alone_in_a_paragraph_becomes_the_file() -> None:
    page = shown(
        "# A\n\n[x](../scenarios/immediate.yaml)\n\nand [y](../scenarios/late_reserve.yaml) stays.\n", DOCS
    )
    content = (ROOT / "scenarios" / "immediate.yaml").read_text(encoding="utf-8").strip()
    assert f"(../scenarios/immediate.yaml)\n\n````yaml\n{content}\n````\n\nand [y]" in page
    assert page.count("````") == 2


def test_what_stands_in_a_fence_is_left_alone() -> None:
    text = "```text\n\n[x](../scenarios/immediate.yaml)\n\n`sim.run`\n\n[c](../CHANGELOG.md)\n```\n"
    assert shown(text, DOCS) == text


def test_an_included_page_keeps_its_links() -> None:
    page = shown(read("contributing.md"), DOCS)
    assert page.startswith("# Contributing\n")
    assert "[docs/model.md](model.md)" in page
    assert "[CHANGELOG.md](changelog.md)" in page
    assert "](docs/" not in page


def test_every_scenario_and_name_is_shown() -> None:
    assert shown(read("cookbook.md"), DOCS).count("````yaml") == len(
        list((ROOT / "scenarios").glob("*.yaml"))
    )
    assert len(re.findall(r"^\.\. auto", shown(read("api.md"), DOCS), re.MULTILINE)) == len(sim.__all__)


class Loaded(HTMLParser):
    """Collects what a browser would fetch for a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs).get(LOADED.get(tag, ""))
        if named:
            self.found.append(named)


@pytest.mark.slow
def test_the_site_builds_without_warnings_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "--keep-going",
        "-q",
        "-b",
        "html",
        str(DOCS),
        str(tmp_path),
    ]
    built = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert built.returncode == 0, built.stderr
    pages = sorted(tmp_path.glob("*.html"))
    assert {page.stem for page in DOCS.glob("*.md")} <= {page.stem for page in pages}
    for page in pages:
        loaded = Loaded()
        loaded.feed(page.read_text(encoding="utf-8"))
        assert loaded.found
        for named in loaded.found:
            assert not re.match(r"(?i)(https?:)?//", named), f"{page.name}: {named}"
            file = (page.parent / named.partition("?")[0].partition("#")[0]).resolve()
            assert file.exists(), f"{page.name}: {named}"
    for style in (tmp_path / "_static").rglob("*.css"):
        assert not re.search(
            r"(?i)(@import|url\()\s*['\"(]?\s*(https?:)?//", style.read_text(encoding="utf-8")
        )


def test_no_public_name_is_that_of_a_room() -> None:
    """A room that is imported takes its name in `sim`, and would hide the function."""
    assert {path.stem for path in (ROOT / "sim").iterdir()}.isdisjoint(sim.__all__)
