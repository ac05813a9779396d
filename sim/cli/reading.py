"""Reading the scenarios that a command names, all their mistakes at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from sim.scenario.problems import Problem
    from sim.scenario.scenario import Scenario

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Command], Command]


class KeyValue(click.ParamType[tuple[str, str]]):
    """`key.path=value`."""

    name = "key=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Split at the first equals sign."""
        if isinstance(value, tuple):
            return value
        key, equals, written = str(value).partition("=")
        if not equals or not key:
            self.fail(
                f"{value!r} is not key=value: write for example --set fleet.0.sync.every=12h", param, ctx
            )
        return key, written


def read_all(paths: Sequence[Path], overrides: Sequence[tuple[str, str]]) -> list[Scenario]:
    """The scenarios in the files.

    Raises:
        ScenarioError: every mistake of every file.
    """
    from sim.scenario import ScenarioError, load

    scenarios: list[Scenario] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            scenarios.append(load(path, overrides=overrides))
        except ScenarioError as error:
            problems += error.problems
    if problems:
        raise ScenarioError(problems)
    return scenarios


def file_argument() -> Decorator[Any]:
    """One or more scenario files."""
    return click.argument(
        "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
    )


def set_option() -> Decorator[Any]:
    """`--set key.path=value`, any number of times."""
    return click.option(
        "--set",
        "overrides",
        metavar="KEY=VALUE",
        type=KeyValue(),
        multiple=True,
        help="Change a value of the scenario, such as fleet.0.sync.every=12h; any number of times.",
    )


def json_option() -> Decorator[Any]:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
