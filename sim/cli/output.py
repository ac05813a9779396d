"""What a command prints: a summary, or one JSON document; and on stderr what was written where."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sim.summary import Summary


def show(summary: Summary, *, fits: bool = False) -> None:
    """Print a summary; coloured, and with `fits` as wide as the terminal, only on a terminal."""
    from sim.summary.terminal import to_text

    width = shutil.get_terminal_size().columns if fits and sys.stdout.isatty() else None
    click.echo(to_text(summary, width=width, is_coloured=True))  # click takes codes away off a terminal


def show_json(document: object) -> None:
    """Print a document: two spaces, no NaN, a line feed at the end."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))


def tell_written(path: Path) -> None:
    """Say on stderr where something was written to."""
    click.echo(f"written to {path}", err=True)
