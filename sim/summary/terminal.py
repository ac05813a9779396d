"""A summary as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sim.errors import visible
from sim.summary import Notes, Summary, Table, is_empty

_CODES: Final = {"bold": 1, "good": 32, "bad": 31, "open": 33}
_BAR: Final = 40
"""Characters of the longest bar."""
_MARK: Final = 9
"""Characters that a mark takes."""
_NARROWEST: Final = 60
_FEWEST_COLUMNS: Final = 3


def to_text(summary: Summary, *, width: int | None = None, is_coloured: bool = False) -> str:
    """The summary as lines.

    Args:
        summary: what to render.
        width: characters of a line, into which tables must fit; None: as wide as they are.
        is_coloured: with ANSI codes for bold and colours.
    """

    def styled(text: str, style: str) -> str:
        if not is_coloured or style not in _CODES:
            return visible(text)
        return f"\x1b[{_CODES[style]}m{visible(text)}\x1b[0m"

    def lines() -> Iterator[str]:
        yield styled(summary.title, "bold")
        if summary.about:
            yield visible(summary.about)
        yield ""
        yield f"  {styled(summary.answer, 'bold')}"
        for part in summary.parts:
            if is_empty(part):
                continue
            yield ""
            if part.title:
                yield visible(part.title)
            yield from _table(part, width) if isinstance(part, Table) else noted(part)

    def noted(part: Notes) -> Iterator[str]:
        width = max((len(note.mark) for note in part.notes), default=0)
        for note in part.notes:
            if width:
                yield f"  {styled(note.mark.ljust(max(width, _MARK)), note.tone)}  {visible(note.text)}"
            else:
                yield f"  {'- ' if part.is_list else ''}{styled(note.text, note.tone)}"

    return "\n".join(lines())


def _table(table: Table, width: int | None) -> Iterator[str]:
    """Aligned columns, words to the left and numbers to the right; as many as there is room for."""
    kinds = [column.kind for column in table.columns]
    rows = [[_cell(kind, text) for kind, text in zip(kinds, row, strict=True)] for row in table.texts()]
    head = [visible(title) for title in table.head]
    rows = [head, *rows] if any(head) else rows
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(len(kinds))]
    taken = len(kinds)
    room = None if width is None else max(_NARROWEST, width)
    while room is not None and taken > _FEWEST_COLUMNS and sum(widths[:taken]) + 2 * taken > room:
        taken -= 1
    for place, row in enumerate(rows):
        if table.has_total and place == len(rows) - 1:
            yield f"  {'-' * (sum(widths[:taken]) + 2 * (taken - 1))}"
        cells = [
            cell.ljust(width) if kind in ("text", "bar") else cell.rjust(width)
            for cell, width, kind in zip(row[:taken], widths, kinds, strict=False)
        ]
        yield f"  {'  '.join(cells)}".rstrip()
    if taken < len(kinds):
        yield f"  (no room for {', '.join(filter(None, head[taken:]))}: see --json)"
    if table.unseen:
        yield f"  ({table.unseen:,} rows are not shown: see --json)"


def _cell(kind: str, text: str) -> str:
    if kind == "bar" and text.isdigit():
        return "#" * round(_BAR * int(text) / 100)
    return visible(text)
