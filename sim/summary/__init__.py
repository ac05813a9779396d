"""A result in words: a plain structure, which `terminal` renders as text and `card` as HTML."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from sim.text import number, percent

MOST_ROWS: Final = 200
"""Rows of a table that a rendering shows; of a longer table, the first and the last."""

Tone = Literal["good", "bad", "open", "plain"]
"""What a colour says besides the words: `open` is a question without an answer yet."""

Kind = Literal["text", "count", "tenths", "number", "share", "range", "bar"]
"""What the cells of a column are: `text`: a str; `count`: a number or a mean of counts; `tenths`: a float,
shown with one decimal; `number`: a float, shown with up to six digits; `share`: a float in [0, 1], shown as a
percentage; `range`: a pair of numbers; `bar`: a float in [0, 1], drawn. None: there is nothing to show.
"""

Cell = str | float | tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Column:
    """The title of a column and the kind of its cells."""

    title: str
    kind: Kind = "text"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells, each as long as `columns`.

    Attributes:
        columns: their titles and kinds; a table whose titles are all empty has no head.
        rows: cells; the first cell of a row names it.
        title: stands above; may be empty.
        has_total: whether the last row sums up the others.
        hidden: how many further rows were left out.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    title: str = ""
    has_total: bool = False
    hidden: int = 0

    @property
    def head(self) -> tuple[str, ...]:
        """The titles of the columns."""
        return tuple(column.title for column in self.columns)

    def texts(self) -> list[list[str]]:
        """The rows as texts: at most `MOST_ROWS`, and in the place of those between them a row of dots."""
        rows = self.rows
        half = MOST_ROWS // 2
        parts = (rows,) if len(rows) <= MOST_ROWS else (rows[:half], rows[-half:])
        first, *rest = [[list(map(_text, self.columns, row)) for row in part] for part in parts]
        return [*first, *([["…"] * len(self.columns), *rest[0]] if rest else [])]

    @property
    def unseen(self) -> int:
        """How many rows are not among `texts`."""
        return self.hidden + max(0, len(self.rows) - MOST_ROWS)


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence; `mark` is a word before it, such as the verdict on a promise."""

    text: str
    mark: str = ""
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Notes:
    """Sentences under a title, which may be empty; as a list, or one below the other."""

    notes: tuple[Note, ...]
    title: str = ""
    is_list: bool = False


@dataclass(frozen=True, slots=True)
class Summary:
    """What a study found, for a reader.

    Attributes:
        title: what was studied.
        answer: one sentence.
        parts: tables and notes, in the order in which they are read.
        about: how it was studied: dates, seed, replications.
        tone: whether the answer is good news.
    """

    title: str
    answer: str
    parts: tuple[Table | Notes, ...] = ()
    about: str = ""
    tone: Tone = "plain"


def notes(*sentences: str, title: str = "", is_list: bool = False) -> Notes:
    """Plain sentences as notes."""
    return Notes(tuple(map(Note, sentences)), title, is_list)


def is_empty(part: Table | Notes) -> bool:
    """Whether it has nothing to show."""
    return not (part.rows if isinstance(part, Table) else part.notes)


def _text(column: Column, cell: Cell) -> str:
    """A cell for reading; a bar as its length in per cent."""
    if cell is None:
        return "-"
    if isinstance(cell, str):
        return cell
    if isinstance(cell, tuple):
        return " to ".join(map(number, cell))
    return _FORMATS.get(column.kind, number)(cell)


_FORMATS: Final[dict[Kind, Callable[[float], str]]] = {
    "tenths": "{:,.1f}".format,
    "number": "{:.6g}".format,
    "share": percent,
    "bar": lambda share: f"{100 * share:.0f}",
}
