"""What commands print: a result as a summary or as JSON; on stderr what was written, and progress."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, Timer
from typing import TYPE_CHECKING, Any, Final, Protocol, TypedDict

import click

from sim.errors import visible

if TYPE_CHECKING:
    from rich.progress import Progress

    from sim.summary import Summary

PATIENCE_S: Final = 2.0
"""How long something may take without a progress bar."""


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
    """A progress bar with the time left, on a terminal, for a study that takes longer than `PATIENCE_S`.

    It opens by the clock, so that it also shows where the first piece of work takes long.
    """
    bar: Progress | None = None
    done, is_over, turn = 0.0, False, Lock()

    def open_bar() -> None:
        nonlocal bar
        with turn:
            if not is_over:
                bar = _bar()
                bar.update(bar.add_task(visible(title), total=1.0), completed=done)
                bar.start()

    def show_share(share: float) -> None:
        nonlocal done
        done = share
        if bar is not None:
            bar.update(bar.task_ids[0], completed=share)

    timer = Timer(PATIENCE_S, open_bar)
    timer.daemon = True
    if sys.stderr.isatty():
        timer.start()
    try:
        yield {"progress": show_share, "notice": lambda sentence: click.echo(sentence, err=True)}
    finally:
        timer.cancel()
        with turn:
            is_over = True
            if bar is not None:
                bar.stop()


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("gone,"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=Console(stderr=True),
        transient=True,
    )
