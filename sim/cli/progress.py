"""A progress bar with time left, on a terminal only, for what takes longer than two seconds."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

PATIENCE_S: Final = 2.0


def notice(sentence: str) -> None:
    """Tell why there is a wait."""
    click.echo(sentence, err=True)


class Progress:
    """Shows how far something is; silent when short, or when nobody watches."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._began = time.monotonic()
        self._watched = sys.stderr.isatty()
        self._bar: Bar | None = None

    def show(self, share: float) -> None:
        """The work is done to this share, 0 to 1."""
        if not self._watched:
            return
        if self._bar is None:
            if time.monotonic() - self._began < PATIENCE_S:
                return
            self._bar = self._open()
        self._bar.update(self._bar.task_ids[0], completed=share)

    def _open(self) -> Bar:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        bar = Progress(
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
        bar.add_task(self.title, total=1.0)
        bar.start()
        return bar

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
