"""The pytest plugin: scenario files with `guarantees:` are collected, and each guarantee is a test.

It is loaded in every project of an environment in which reissue is installed. So it imports nothing but
pytest until a scenario is found.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from os import path as os_path
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from sim.errors import InputError
    from sim.scenario import Scenario
    from sim.testing.assertions import Runs

_RUNS: Final = pytest.StashKey["Runs"]()
_SUFFIXES: Final = (".yaml", ".yml")
UNREADABLE: Final = "reads"
"""The name of the test that a scenario file fails which cannot be read."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the command line and of the configuration."""
    group = parser.getgroup("reissue", "scenario files as tests")
    group.addoption(
        "--reissue-engine",
        choices=("auto", "process", "fleet"),
        default=None,
        help="Engine that runs scenarios (default: whichever is done first).",
    )
    group.addoption(
        "--reissue-seed", type=int, default=None, metavar="N", help="Seed instead of the scenarios' own."
    )
    group.addoption(
        "--reissue-replications",
        type=int,
        default=None,
        metavar="N",
        help="Replications instead of the scenarios' own.",
    )
    parser.addini(
        "reissue_files",
        type="args",
        default=["*.yaml", "*.yml"],
        help="Patterns of scenario files, such as scenarios/*.yaml (default: every *.yaml and *.yml).",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse impossible options before anything is collected.

    Raises:
        pytest.UsageError: a number is out of range.
    """
    for option, least, most in (("seed", 0, 2**63 - 1), ("replications", 1, 1_000_000)):
        value = config.getoption(f"reissue_{option}")
        if value is not None and not least <= value <= most:
            raise pytest.UsageError(f"--reissue-{option} {value}: write a number from {least} to {most}")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A collector for a scenario file with guarantees; None for every other file."""
    if file_path.suffix not in _SUFFIXES:
        return None
    patterns = parent.config.getini("reissue_files")
    if not parent.session.isinitpath(file_path) and not any(map(file_path.match, patterns)):
        return None
    from sim.testing.collection import is_scenario, is_spoilt

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

    engine = config.getoption("reissue_engine") or "auto"
    given = {name: config.getoption(f"reissue_{name}") for name in ("seed", "replications")}
    words = [f"{name} {'of each file' if value is None else value}" for name, value in given.items()]
    return [f"reissue: {plural(len(files), 'scenario file')}, engine {engine}, {', '.join(words)}"]


@pytest.fixture(scope="session")
def reissue_run(pytestconfig: pytest.Config) -> Runs:
    """Runs a scenario or scenario file, equal ones once a session; see `sim.testing.Runs`."""
    return _runs(pytestconfig)


def _runs(config: pytest.Config) -> Runs:
    if _RUNS not in config.stash:
        from sim.testing.assertions import Runs

        config.stash[_RUNS] = Runs(
            engine=config.getoption("reissue_engine"),
            seed=config.getoption("reissue_seed"),
            replications=config.getoption("reissue_replications"),
        )
    return config.stash[_RUNS]


class ScenarioFile(pytest.File):
    """A scenario file; simulated when the first of its guarantees is tested."""

    scenario: Scenario

    def collect(self) -> Iterator[pytest.Item]:
        """A test for each guarantee, or one that fails where the file cannot be read."""
        from sim.errors import InputError
        from sim.scenario import load
        from sim.testing.collection import marks_in, names_of

        try:
            self.scenario = load(self.path)
        except InputError as error:
            yield ScenarioTest.from_parent(self, name=UNREADABLE, unreadable=self.message(error))
            return
        written = self.scenario.document.get("guarantees") or []
        marks = list(marks_in(self.path.read_text(encoding="utf-8-sig")))
        for index, name in enumerate(names_of(written)):
            test = ScenarioTest.from_parent(self, name=name, index=index)
            lines = (0, self.scenario.line_of(f"guarantees.{index}"))
            for mark, reason in ((mark, reason) for line, mark, reason in marks if line in lines):
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
        start = self.config.invocation_params.dir
        try:
            return os_path.relpath(file, start) if file.is_absolute() else str(file)
        except ValueError:  # another drive
            return str(file)


class ScenarioNotRunError(Exception):
    """A scenario cannot be read or run; the text says what would be right."""


class BrokenPromise(AssertionError):  # noqa: N818  a failed assertion, named for what it says
    """A guarantee does not pass."""


class ScenarioTest(pytest.Item):
    """A guarantee of a scenario file, or a file that cannot be read; a failure has no traceback.

    Args:
        index: of the guarantee.
        unreadable: the reader's message; None where the file could be read.
    """

    parent: ScenarioFile

    def __init__(self, *, index: int = 0, unreadable: str | None = None, **rest: Any) -> None:
        super().__init__(**rest)
        self._index, self._unreadable = index, unreadable

    def runtest(self) -> None:
        """Hold the guarantee against the run.

        Raises:
            BrokenPromise: it fails, is undecided or vacuous.
            ScenarioNotRunError: the scenario cannot be read or run.
        """
        if self._unreadable is not None:
            raise ScenarioNotRunError(self._unreadable)
        from sim.errors import InputError
        from sim.testing.failures import failure_text

        try:
            result = _runs(self.config)(self.parent.scenario)
        except InputError as error:
            raise ScenarioNotRunError(self.parent.message(error)) from None
        verdict = result.guarantees[self._index]
        properties: dict[str, str | int | float | None] = {
            "reissue_scenario": result.scenario.name,
            "reissue_verdict": str(verdict.verdict),
            "reissue_observed": None if verdict.observed is None else float(verdict.observed),
            "reissue_witness": verdict.witness,
            "reissue_seed": int(result.scenario.seed),
            "reissue_replications": int(result.replications),
            "reissue_engine": str(result.engine),
            "reissue_fingerprint": result.fingerprint,
        }
        self.user_properties += [(key, value) for key, value in properties.items() if value is not None]
        if not verdict.passes:
            raise BrokenPromise(failure_text(result, self._index, file=self.parent.shown(self.path)))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The text of a broken guarantee or of a reader's message; a traceback for what is a defect."""
        if isinstance(excinfo.value, BrokenPromise | ScenarioNotRunError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where the guarantee is written; the line counts from 0."""
        if self._unreadable is not None:
            return self.path, 0, self.name
        line = self.parent.scenario.line_of(f"guarantees.{self._index}")
        return self.path, None if line is None else line - 1, self.name
