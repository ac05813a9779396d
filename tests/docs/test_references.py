"""What the pages point to exists: files, headings, rules, tests, and names of the code."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
RULES = {1: 4, 2: 0, 3: 9, 4: 3, 5: 6, 6: 4, 7: 2, 8: 0, 9: 4, 10: 4, 11: 6, 12: 3, 13: 0}
"""How many numbered rules each section of the model has."""


def prose(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", prose(page)):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file), target


def test_the_model_has_every_rule_once() -> None:
    text = (ROOT / "docs" / "model.md").read_text(encoding="utf-8")
    numbers = re.findall(r"^\*\*(\d+\.\d)(?: \[D\]| \[A\])?\*\*", text, re.MULTILINE)
    assert numbers == [f"{section}.{rule}" for section, n in RULES.items() for rule in range(1, n + 1)]


def test_every_rule_that_the_code_cites_exists() -> None:
    sources = [*(ROOT / "sim").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    for source in sources:
        text = source.read_text(encoding="utf-8")
        for cited in re.findall(r"\bmodel ((?:\d+(?:\.\d)?(?:, | and )?)+)", text):
            for number in re.findall(r"\d+(?:\.\d)?", cited):
                section, _, rule = number.partition(".")
                assert int(section) in RULES, f"{source.name}: model {number}"
                assert int(rule or 0) <= RULES[int(section)], f"{source.name}: model {number}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_test_that_a_page_cites_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    cited = re.findall(r"`(?:-m slow )?(tests/[\w/]+(?:\.py)?)(?:::(\w+))?`", text)
    assert cited or page.name not in ("model.md", "evidence.md")
    for file, name in cited:
        assert (ROOT / file).exists(), file
        if name:
            code = (ROOT / file).read_text(encoding="utf-8")
            assert re.search(rf"^def {name}\(", code, re.MULTILINE), f"{file}::{name}"


def test_every_place_in_the_code_that_the_model_names_exists() -> None:
    text = (ROOT / "docs" / "model.md").read_text(encoding="utf-8")
    for line in text.splitlines():
        for name, file in re.findall(r"`([\w.]+)`, `(sim/[\w/]+\.py)`", line):
            found: object = import_module(file.removesuffix(".py").replace("/", "."))
            for part in name.split("."):
                found = getattr(found, part)
