"""Every example of the pages works as it stands there: scenarios read, commands end as said, Python runs.

How a fence is treated is told in CONTRIBUTING.md, section Tests.
"""

from __future__ import annotations

import io
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sim.cli import main
from sim.scenario import load
from sim.studies import sweep as studies_sweep

SCREEN_LINES = 24
"""Lines of a terminal: what a page shows as part of a screen stands in them."""
ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "CONTRIBUTING.md"]
LANGUAGES = {"yaml", "csv", "sh", "bat", "text", "python"}
SMALL_SCENARIO = {
    "name": "name: completed",
    "start": "start: 2026-03-01",
    "duration": "duration: 60d",
    "fleet": "fleet: [{name: phones, devices: 5}]",
}


@dataclass(frozen=True)
class Example:
    """A fenced block: its first line within the page, its info string and its text."""

    line: int
    language: str
    words: frozenset[str]
    file: str | None
    text: str


def examples_of(page: Path) -> Iterator[Example]:
    text = page.read_text(encoding="utf-8")
    for match in re.finditer(r"^( *)```(\S*)([^\n]*)\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL):
        words = match[3].split()
        files = [word.removeprefix("file=") for word in words if word.startswith("file=")]
        line = text.count("\n", 0, match.start()) + 1
        yield Example(line, match[2], frozenset(words), files[0] if files else None, match[4])


@dataclass
class Reader:
    """Someone who tries a page's examples in their order, in a folder of their own."""

    folder: Path
    printed: str = ""
    names: dict[str, object] = field(default_factory=lambda: {"__name__": "__main__"})

    def try_out(self, example: Example) -> None:
        if "norun" in example.words:
            return
        match example.language:
            case "yaml":
                self.read_scenario(example)
            case "csv":
                self.save(example)
            case "sh":
                self.printed = ""
                for command in filter(None, map(str.strip, example.text.splitlines())):
                    self.run(command)
            case "python":
                self.printed = _output_of(lambda: exec(compile(example.text, "example", "exec"), self.names))
            case "text" if "screen" in example.words:
                first = "\n".join(self.printed.splitlines()[:SCREEN_LINES])
                assert [line for line in _lines(example.text) if line not in first] == []
            case "text" if "output" in example.words:
                assert _lines(self.printed) == _lines(example.text)

    def save(self, example: Example) -> None:
        if example.file is not None:
            (self.folder / example.file).write_text(example.text, encoding="utf-8")

    def read_scenario(self, example: Example) -> None:
        self.save(example)
        missing = [
            line
            for key, line in SMALL_SCENARIO.items()
            if not re.search(rf"^{key}:", example.text, re.MULTILINE)
        ]
        path = self.folder / "example.yaml"
        path.write_text("\n".join([*missing, example.text]), encoding="utf-8")
        load(path)

    def run(self, command: str) -> None:
        command, _, said = command.partition("   # exit ")
        words = shlex.split(command)
        assert words[0] == "reissue", f"only reissue is run here: {command}"
        target = None
        if ">" in words:
            words, target = words[: words.index(">")], words[words.index(">") + 1]
        code, printed = _run(words)
        assert code == int(said or 0), f"{command} ended with {code}"
        if target is None:
            self.printed += printed
        else:
            (self.folder / target).write_text(printed, encoding="utf-8")


def _run(words: list[str]) -> tuple[object, str]:
    before, sys.argv = sys.argv, words
    code: object = None

    def call() -> None:
        nonlocal code
        with pytest.raises(SystemExit) as ended, redirect_stderr(io.StringIO()):
            main()
        code = ended.value.code

    try:
        printed = _output_of(call)
    finally:
        sys.argv = before
    return code, printed


def _output_of(call: object) -> str:
    out = io.StringIO()
    with redirect_stdout(out):
        call()  # type: ignore[operator]
    return out.getvalue()


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip("\n").splitlines()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_example_of_a_page_works(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "scenarios", tmp_path / "scenarios")
    monkeypatch.chdir(tmp_path)
    reader = Reader(tmp_path)
    for example in examples_of(page):
        try:
            with monkeypatch.context() as patched:
                patched.setattr(studies_sweep, "cores", lambda: 1)  # no processes need to start
                reader.try_out(example)
        except Exception as error:
            error.add_note(f"the example at {page.name}:{example.line}")
            raise


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_fence_says_what_it_is(page: Path) -> None:
    unknown = {(each.line, each.language) for each in examples_of(page) if each.language not in LANGUAGES}
    assert not unknown
    fences = len(re.findall(r"^ *```", page.read_text(encoding="utf-8"), re.MULTILINE))
    assert fences == 2 * len(list(examples_of(page)))
