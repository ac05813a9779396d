"""What commands have in common: arguments and options, each declared once; and how an answer is printed."""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from sim.errors import visible
from sim.text import quoted

if TYPE_CHECKING:
    from sim.scenario.problems import Problem
    from sim.scenario.scenario import Scenario
    from sim.summary import Summary

Command = TypeVar("Command", bound=Callable[..., Any])
Pairs = tuple[tuple[str, str], ...]

PATIENCE_S: Final = 2.0
"""How long something may take before a line shows how far it is."""


def command(*examples: str) -> Callable[[Callable[..., int]], click.Command]:
    """A command whose help ends with examples, as they are typed in the repository."""
    return click.command(epilog=end_of_help(*examples))


def end_of_help(*examples: str) -> str:
    """Each example on a line of its own."""
    title = "Example" if len(examples) == 1 else "Examples"
    return "\n".join(["\b", f"{title}:", *(f"  {example}" for example in examples)])  # \b: do not fill lines


class Read(click.ParamType[Any]):
    """A value that a function reads, named as `module:function` and loaded when it is needed.

    The function says by a `ValueError` what would be right.
    """

    def __init__(self, name: str, function: str) -> None:
        self.name, self._function = name, function

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See `click.ParamType`."""
        try:
            return resolve_name(self._function)(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def pair_of(text: str) -> tuple[str, str]:
    """The two sides of the first equals sign."""
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise ValueError(f"{quoted(text)} is not key=value")
    return key, value


PATH: Final = click.Path(path_type=Path, readable=False)
PAIR: Final = Read("pair", "sim.cli.options:pair_of")
SHARE: Final = Read("share or number", "sim.scenario.values:read_target")
"""`0.1%` or `0.001`, or a number from 1 on."""


def together(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several arguments or options as one decorator."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


flag: Final = partial(click.option, is_flag=True)
path: Final = partial(click.option, type=PATH)
pairs: Final = partial(click.option, type=PAIR, multiple=True)

overwrite: Final = flag("--overwrite", help="Replace an earlier result or page, and nothing else.")
as_json: Final = flag("--json", "as_json", help="Print one JSON document and nothing else.")
_overrides: Final = pairs(
    "--set",
    "overrides",
    metavar="KEY=VALUE",
    help="Change a value of the scenario, such as fleet.0.sync.every=12h; any number of times.",
)
several: Final = click.argument("files", metavar="FILE...", nargs=-1, required=True, type=PATH)
one_file: Final = together(click.argument("file", type=PATH), as_json, _overrides)
files: Final = together(several, as_json, _overrides)
seed: Final = click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Instead of the scenario's.")
reissue: Final = click.option(
    "--reissue", type=click.IntRange(0), help="Which action of the strategy, where several have a delay."
)
study: Final = together(
    click.option(
        "--engine",
        type=click.Choice(["auto", "process", "fleet"]),
        default="auto",
        help="Which engine simulates, with the same results; auto: whichever is done first.",
    ),
    seed,
    click.option("--replications", type=click.IntRange(1, 1_000_000), help="Instead of the scenario's."),
    click.option("--workers", type=click.IntRange(1, 1024), metavar="N", help="Processes on this machine."),
    click.option("--cluster", metavar="ADDRESS", help="A dask.distributed scheduler whose workers compute."),
    path("--store", metavar="DIR", help="Where results are kept and taken from; else the user's cache."),
    flag("--no-store", "keep", flag_value=False, default=True, help="Keep no results, and take none."),
)
"""Engine, seed, replications, who computes, where results are kept; under the names that studies have."""


def read_all(paths: Sequence[Path], overrides: Pairs) -> list[Scenario]:
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


# --- what is printed -----------------------------------------------------------------------------------


def show(answer: Any, *, as_json: bool, fits: bool = False) -> None:
    """Print the result of a study: its `to_json()` or `summary()`."""
    if as_json:
        show_json(answer.to_json())
    else:
        show_summary(answer.summary(), fits=fits)


def show_summary(summary: Summary, *, fits: bool = False) -> None:
    """Print a summary; coloured, and with `fits` no wider than the terminal, only on a terminal."""
    from sim.summary.terminal import to_text

    width = shutil.get_terminal_size().columns if fits and sys.stdout.isatty() else None
    click.echo(to_text(summary, width=width, is_coloured=True))  # click takes codes away off a terminal


def show_json(document: object) -> None:
    """Print a document: two spaces, no NaN, a line feed at the end."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))


def show_written(path: Path) -> None:
    """Say where something was written to."""
    click.echo(f"written to {path}", err=True)


@contextmanager
def progress(title: str) -> Iterator[dict[str, Any]]:
    """Arguments of a study, `progress` and `notice`; on a terminal they show a line with the time left."""
    from sim.studies.options import Line

    line = Line(visible(title), patience_s=PATIENCE_S if sys.stderr.isatty() else math.inf)

    def notice(sentence: str) -> None:
        line.close()
        click.echo(sentence, err=True)

    try:
        yield {"progress": line, "notice": notice}
    finally:
        line.close()
