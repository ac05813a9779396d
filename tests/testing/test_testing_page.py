"""The Python examples of docs/testing.md are tests that pass, with the scenarios that come with reissue."""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path

from planner import Project

ROOT = Path(__file__).parents[2]


def test_the_examples_of_the_page_are_tests_that_pass(project: Project) -> None:
    text = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    examples = re.findall(r"^```python file=(\S+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert [name for name, _ in examples] == ["test_plan.py"]
    for name, example in examples:
        project.write(name, example)
    shutil.copytree(ROOT / "scenarios", project.path / "scenarios")
    project.run("test_plan.py").assert_outcomes(passed=4)


def test_what_is_compiled_has_no_assertion_that_pytest_would_rewrite() -> None:
    sources = [*(ROOT / "sim" / "fleet").glob("*.py"), ROOT / "sim" / "world" / "distributions.py"]
    assert len(sources) > 3
    for source in sources:
        tree = ast.parse(source.read_text(encoding="utf-8"))
        assert not [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)], source.name
