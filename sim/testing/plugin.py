"""The pytest plugin: scenario files with `guarantees:` are collected, and each guarantee is a test.

It is loaded in every project of an environment in which reissue is installed. So it imports nothing but
pytest until a scenario is found, and finds one without reading YAML: a project has YAML of many kinds, and
pytest must not stumble over it, but a scenario with a slip of the pen has to fail and not to vanish.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from os import path as os_path
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from sim.errors import InputError
    from sim.scenario import Scenario
    from sim.testing.assertions import Runs

UNREADABLE: Final = "reads"
"""The name of the test that a scenario file fails which cannot be read."""
MOST_BYTES: Final = 2_000_000
"""As much as the reader of scenarios reads."""
IN_NAMES: Final = (
    "at_most", "at_least", "within", "quantile", "group", "platform", "probability", "confidence",
)  # fmt: skip
"""Keys that follow the measure in the name of a test, with their value as written."""

_RUNS: Final = pytest.StashKey["Runs"]()
_KEY: Final = re.compile(r"^( *)([\"']?)([A-Za-z_][\w-]*)\2 *:(?=[ \t\r\n]|$)", re.MULTILINE)
_FLOW_KEY: Final = re.compile(r"[{,\s][\"']?([A-Za-z_][\w-]*)[\"']?\s*:")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the command line and of the configuration."""
    group = parser.getgroup("reissue", "scenario files as tests")
    group.addoption(
        "--reissue-engine",
        choices=("auto", "process", "fleet"),
        help="Engine that runs scenarios (default: whichever is done first).",
    )
    for name in ("seed", "replications"):
        instead = f"{name.capitalize()} instead of the scenarios' own."
        group.addoption(f"--reissue-{name}", type=int, metavar="N", help=instead)
    parser.addini(
        "reissue_files",
        type="args",
        default=["*.yaml", "*.yml"],
        help="Patterns of scenario files, such as scenarios/*.yaml (default: every *.yaml and *.yml).",
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A collector for a scenario file with guarantees; None for every other file."""
    if file_path.suffix not in (".yaml", ".yml"):
        return None
    patterns = parent.config.getini("reissue_files")
    if not parent.session.isinitpath(file_path) and not any(map(file_path.match, patterns)):
        return None
    if not is_scenario(file_path) and not is_spoilt(file_path):
        return None
    collector: pytest.Collector = ScenarioFile.from_parent(parent, path=file_path)
    return collector


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """How many scenario files there are, and how they are run; nothing in a project without any."""
    files = {item.path for item in items if isinstance(item, ScenarioTest)}
    if not files:
        return []
    from sim.text import plural

    given = {**_given(config), "engine": config.getoption("reissue_engine") or "auto"}
    words = (f"{name} {'of each file' if value is None else value}" for name, value in given.items())
    return [f"reissue: {plural(len(files), 'scenario file')}, {', '.join(words)}"]


def _given(config: pytest.Config) -> dict[str, Any]:
    return {name: config.getoption(f"reissue_{name}") for name in ("engine", "seed", "replications")}


@pytest.fixture(scope="session")
def reissue_run(pytestconfig: pytest.Config) -> Runs:
    """Runs a scenario or scenario file, equal ones once a session; see `sim.testing.Runs`."""
    return _runs(pytestconfig)


def _runs(config: pytest.Config) -> Runs:
    if _RUNS not in config.stash:
        from sim.testing.assertions import Runs

        config.stash[_RUNS] = Runs(**_given(config))
    return config.stash[_RUNS]


# --- which files are scenarios, and how their tests are called -----------------------------------------


def is_scenario(path: Path) -> bool:
    """Whether a file looks like a scenario with guarantees; False where it cannot be read."""
    content = _content(path)
    is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return looks_like_scenario(content.decode("utf-16" if is_wide else "utf-8-sig", errors="replace"))


def is_spoilt(path: Path) -> bool:
    """Whether a file is empty or binary, and lies beside a scenario with guarantees: it was one, probably."""
    content = _content(path)
    is_text = bool(content.strip(b" \t\r\n")) and b"\0" not in content
    return not is_text and any(map(is_scenario, path.parent.glob("*.y*ml")))


def _content(path: Path) -> bytes:
    with suppress(OSError):
        if path.is_file():
            with path.open("rb") as stream:
                return stream.read(MOST_BYTES)
    return b"?"


def looks_like_scenario(text: str) -> bool:
    """Whether a text has `guarantees:` and two of `start:`, `duration:`, `fleet:` at the top level.

    A word close to `guarantees`, such as `guarantee`, counts as well. The third key may be missing or
    misspelt, which the reader then says.
    """
    if text.lstrip().startswith("{"):
        keys = set(_FLOW_KEY.findall(text))
    else:
        found = _KEY.findall(text)
        keys = {key for indentation, _, key in found if indentation == found[0][0]}
    return len(keys & {"start", "duration", "fleet"}) >= 2 and any(map(_means_guarantees, keys))


def _means_guarantees(key: str) -> bool:
    from difflib import SequenceMatcher

    return SequenceMatcher(None, key[:20].lower(), "guarantees").ratio() >= 0.8


def marks_in(text: str) -> Iterator[tuple[int, str, str]]:
    """Line (0 for the comments before all else), name and reason of each comment `# pytest: NAME REASON`."""
    head = True
    for number, line in enumerate(text.splitlines(), start=1):
        head = head and line.strip()[:1] in ("", "#")
        if found := re.search(r"# *pytest: *(\w+)[,:]? *(.*?) *$", line):
            yield 0 if head else number + (line.lstrip()[0] == "#"), found[1], found[2]


def names_of(guarantees: Iterable[Mapping[str, Any]]) -> list[str]:
    """A name for each guarantee as written, in order; equal ones are numbered from the second on."""
    names: list[str] = []
    for written in guarantees:
        name = plain = name_of(written)
        number = 1
        while name in names:
            number += 1
            name = f"{plain} ({number})"
        names.append(name)
    return names


def name_of(written: Mapping[str, Any]) -> str:
    """Measure, bound, and what else narrows it: `reconnected_share at_least 95% within 14d`.

    A double colon, which separates the parts of a node id, becomes a single one.
    """
    from sim.errors import visible

    words = [str(written["measure"])]
    for key in IN_NAMES:
        value = written.get(key)
        if value is not None:
            words += [key, f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)]
    return re.sub("::+", ":", visible(" ".join(words)))


# --- the tests -----------------------------------------------------------------------------------------


class ScenarioFile(pytest.File):
    """A scenario file; simulated when the first of its guarantees is tested."""

    scenario: Scenario

    def collect(self) -> Iterator[pytest.Item]:
        """A test for each guarantee, or one that fails where the file cannot be read."""
        from sim.errors import InputError
        from sim.scenario import load

        try:
            self.scenario = load(self.path)
        except InputError as error:
            yield ScenarioTest.from_parent(self, name=UNREADABLE, unreadable=self.message(error))
            return
        written = self.scenario.document.get("guarantees") or []
        marks = list(marks_in(self.path.read_text(encoding="utf-8-sig")))
        for index, name in enumerate(names_of(written)):
            line = self.scenario.line_of(f"guarantees.{index}")
            test = ScenarioTest.from_parent(self, name=name, index=index, line=line)
            for mark, reason in ((mark, reason) for at, mark, reason in marks if at in (0, line)):
                test.add_marker(getattr(pytest.mark, mark)(**({"reason": reason} if reason else {})))
            yield test

    def message(self, error: InputError) -> str:
        """The reader's message, with paths as short as the terminal's."""
        from sim.scenario import ScenarioError

        if not isinstance(error, ScenarioError):
            return str(error)
        short = (replace(problem, file=self.shown(Path(problem.file))) for problem in error.problems)
        return "\n".join(map(str, short))

    def shown(self, file: Path) -> str:
        """A path as one would type it where pytest was started."""
        try:
            return (
                os_path.relpath(file, self.config.invocation_params.dir) if file.is_absolute() else str(file)
            )
        except ValueError:  # another drive
            return str(file)


class ScenarioFailure(AssertionError):  # noqa: N818  a failed assertion, named for what it says
    """A guarantee does not pass, or its scenario cannot be read or run; the text says all there is to say."""


class ScenarioTest(pytest.Item):
    """A guarantee of a scenario file, or a file that cannot be read; a failure has no traceback.

    Args:
        index: of the guarantee.
        line: where it is written, from 1.
        unreadable: the reader's message; None where the file could be read.
    """

    parent: ScenarioFile

    def __init__(
        self, *, index: int = 0, line: int | None = 1, unreadable: str | None = None, **rest: Any
    ) -> None:
        super().__init__(**rest)
        self._index, self._line, self._unreadable = index, line, unreadable

    def runtest(self) -> None:
        """Hold the guarantee against the run.

        Raises:
            ScenarioFailure: it fails, is undecided or vacuous, or the scenario cannot be read or run.
        """
        if self._unreadable is not None:
            raise ScenarioFailure(self._unreadable)
        from sim.errors import InputError
        from sim.testing.assertions import failure_text

        try:
            result = _runs(self.config)(self.parent.scenario)
        except InputError as error:
            raise ScenarioFailure(self.parent.message(error)) from None
        verdict = result.guarantees[self._index]
        properties: dict[str, str | int | float | None] = {
            "scenario": result.scenario.name,
            "verdict": str(verdict.verdict),
            "observed": None if verdict.observed is None else float(verdict.observed),
            "witness": verdict.witness,
            "seed": int(result.scenario.seed),
            "replications": int(result.replications),
            "engine": str(result.engine),
            "fingerprint": result.fingerprint,
        }
        told = ((f"reissue_{key}", value) for key, value in properties.items() if value is not None)
        self.user_properties += told
        if not verdict.passes:
            raise ScenarioFailure(failure_text(result, self._index, file=self.parent.shown(self.path)))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The text of a failure of the scenario; a traceback for what is a defect."""
        if isinstance(excinfo.value, ScenarioFailure):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where the guarantee is written; the line counts from 0."""
        return self.path, None if self._line is None else self._line - 1, self.name
