"""A progress bar with time left, on a terminal only, for what takes longer than two seconds."""

from __future__ import annotations

import sys
from threading import Lock, Timer
from types import TracebackType
from typing import TYPE_CHECKING, Final

from sim.errors import visible

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

PATIENCE_S: Final = 2.0


class Progress:
    """Shows how far something is; silent when short, or when nobody watches.

    The bar opens by the clock, so that it also shows where the first piece of work takes long.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self._share = 0.0
        self._watched = sys.stderr.isatty()
        self._bar: Bar | None = None
        self._turn = Lock()
        self._timer = Timer(PATIENCE_S, self._show_bar)
        self._timer.daemon = True

    def show(self, share: float) -> None:
        """The work is done to this share, 0 to 1."""
        self._share = share
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=share)

    def _show_bar(self) -> None:
        with self._turn:
            if self._watched:
                self._bar = self._open()

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
        task = bar.add_task(visible(self.title), total=1.0)
        bar.update(task, completed=self._share)
        bar.start()
        return bar

    def __enter__(self) -> Progress:
        if self._watched:
            self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._turn:
            self._watched = False
            if self._bar is not None:
                self._bar.stop()
