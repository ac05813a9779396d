"""What commands print: a result as a summary or as JSON; on stderr what was written, and progress."""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypedDict

import click

from sim.errors import visible

if TYPE_CHECKING:
    from sim.summary import Summary

PATIENCE_S: Final = 2.0
"""How long something may take before a line shows how far it is."""


class Answer(Protocol):
    """The result of a study."""

    def summary(self) -> Summary:
        """In words."""

    def to_json(self) -> dict[str, Any]:
        """For programs."""


class Calls(TypedDict):
    """Arguments through which a study says how far it is, and why it takes long."""

    progress: Callable[[float], None]
    notice: Callable[[str], None]


def show(answer: Answer, *, as_json: bool) -> None:
    """Print a result."""
    if as_json:
        show_json(answer.to_json())
    else:
        show_summary(answer.summary())


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


# --- progress ------------------------------------------------------------------------------------------


@contextmanager
def progress(title: str) -> Iterator[Calls]:
    """A line with the time left, on a terminal, for a study that takes longer than `PATIENCE_S`."""
    from sim.studies.experiment import Line

    line = Line(visible(title), patience_s=PATIENCE_S if sys.stderr.isatty() else math.inf)

    def notice(sentence: str) -> None:
        line.close()
        click.echo(sentence, err=True)

    try:
        yield {"progress": line, "notice": notice}
    finally:
        line.close()
