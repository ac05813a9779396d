"""What commands print: a result as a summary or as JSON; on stderr what was written, and progress."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypedDict

import click

from sim.cli.progress import Progress

if TYPE_CHECKING:
    from sim.summary import Summary


class Answer(Protocol):
    """The result of a study."""

    def summary(self) -> Summary:
        """In words."""

    def to_json(self) -> dict[str, Any]:
        """For programs."""


class Told(TypedDict):
    """Arguments that let a study tell how far it is, and why it takes long."""

    progress: Callable[[float], None]
    notice: Callable[[str], None]


@contextmanager
def progress(title: str) -> Iterator[Told]:
    """A progress bar for a study."""
    with Progress(title) as bar:
        yield {"progress": bar.show, "notice": lambda sentence: click.echo(sentence, err=True)}


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
