"""Arguments and options that several commands have, each declared once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from sim.scenario.problems import Problem
    from sim.scenario.scenario import Scenario

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Command], Command]


def examples(*commands: str) -> str:
    """The end of a command's help: each example on a line of its own, as it is typed in the repository."""
    title = "Example" if len(commands) == 1 else "Examples"
    return "\n".join(["\b", f"{title}:", *(f"  {command}" for command in commands)])  # \b: do not fill lines


class KeyValue(click.ParamType[tuple[str, str]]):
    """`key.path=value`.

    Args:
        name: what stands on both sides of the equals sign.
        example: an option that would be right.
    """

    def __init__(self, name: str, example: str) -> None:
        self.name = name
        self.example = example

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Split at the first equals sign."""
        if isinstance(value, tuple):
            return value
        key, equals, written = str(value).partition("=")
        if not equals or not key:
            from sim.text import quoted

            self.fail(
                f"{quoted(str(value))} is not {self.name}: write for example {self.example}", param, ctx
            )
        return key, written


class Share(click.ParamType[float]):
    """A share, `0.1%` or `0.001`, or a number of devices from 1 on."""

    name = "share or number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Per cent or plain."""
        from sim.scenario.values import read_target

        try:
            return read_target(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


# --- one by one ----------------------------------------------------------------------------------------

PATH: Final = click.Path(path_type=Path)
SHARE: Final = Share()
one_file: Final = click.argument("file", type=PATH)
files: Final = click.argument("files", metavar="FILE...", nargs=-1, required=True, type=PATH)
as_json: Final = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document and nothing else."
)
overrides: Final = click.option(
    "--set",
    "overrides",
    metavar="KEY=VALUE",
    type=KeyValue("key=value", "--set fleet.0.sync.every=12h"),
    multiple=True,
    help="Change a value of the scenario, such as fleet.0.sync.every=12h; any number of times.",
)
seed: Final = click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), help="Instead of the scenario's seed."
)
reissue: Final = click.option(
    "--reissue", type=click.IntRange(0), help="Which action of the strategy, where several have a delay."
)


def out(metavar: str, does: str) -> Decorator[Any]:
    """`--out`, of a file or of a directory."""
    return click.option("--out", type=PATH, metavar=metavar, help=does)


def overwrite(does: str) -> Decorator[Any]:
    """`--overwrite`."""
    return click.option("--overwrite", is_flag=True, help=does)


# --- together ------------------------------------------------------------------------------------------


def study(command: Command) -> Command:
    """Engine, seed, replications, who computes, where results are kept; under the names that studies have."""

    @wraps(command)
    def checked(*arguments: Any, no_store: bool, **options: Any) -> Any:
        if no_store and options["store"] is not None:
            raise click.UsageError("--store and --no-store exclude each other: give one of them")
        if options["cluster"] is not None and options["workers"] is not None:
            raise click.UsageError("--workers is for this machine, --cluster for others: give one of them")
        return command(*arguments, **options, keep=not no_store)

    decorated: Any = checked
    for option in (
        click.option("--no-store", is_flag=True, help="Keep no results, and take none."),
        click.option(
            "--store",
            type=PATH,
            metavar="DIR",
            help="Where results are kept and taken from; with --workers or --cluster: the user's cache.",
        ),
        click.option(
            "--cluster",
            metavar="ADDRESS",
            help="A dask.distributed scheduler whose workers run replications, or parts of a large fleet.",
        ),
        click.option(
            "--workers",
            type=click.IntRange(1, 1024),
            metavar="N",
            help="Processes on this machine.",
        ),
        click.option(
            "--replications", type=click.IntRange(1, 1_000_000), help="Instead of the scenario's number."
        ),
        seed,
        click.option(
            "--engine",
            type=click.Choice(["auto", "process", "fleet"]),
            default="auto",
            help="Which engine simulates, with the same results; auto: whichever is done first.",
        ),
    ):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]


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
