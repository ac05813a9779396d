"""What a study returns: it shows itself as a card of HTML in Jupyter, and gives its tables to pandas.

A card is readable on light and on dark ground: text has the colour of the page around. Without its style
sheet, which viewers that do not trust a notebook take away, it is plain headings and tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Final

from sim.errors import visible
from sim.summary import Note, Notes, Summary, Table, is_empty

if TYPE_CHECKING:
    import pandas as pd

STYLE: Final = (
    "<style>"
    ".reissue{max-width:62em;border-left:4px solid #8888;padding:.1em 0 .1em 1em;margin:.4em 0;"
    "line-height:1.45}"
    ".reissue.good{border-left-color:#0072b2}.reissue.bad{border-left-color:#d55e00}"
    ".reissue .title{font-weight:600;opacity:.8}"
    ".reissue .answer{font-size:1.2em;margin:.2em 0 .5em}"
    ".reissue .note{opacity:.75;margin:.3em 0}"
    ".reissue .scroll{overflow:auto;max-height:34em}"
    ".reissue table{border-collapse:collapse;border:0;margin:.3em 0 .6em;color:inherit;font-size:.95em;"
    "font-variant-numeric:tabular-nums}"
    ".reissue table tr,.reissue table tr:nth-child(odd),.reissue table tr:nth-child(even)"
    "{background:transparent}"
    ".reissue .scroll th,.reissue .scroll td{border:0;border-bottom:1px solid #8885;"
    "padding:.25em .8em .25em 0;text-align:right;vertical-align:top;white-space:nowrap}"
    ".reissue th{font-weight:600}"
    ".reissue .scroll th.text,.reissue .scroll td.text{text-align:left;white-space:normal}"
    ".reissue .bar{border-top:.8em solid #8888;margin-top:.3em}"
    ".reissue tr.total th,.reissue tr.total td{border-top:2px solid #8888;border-bottom:0;font-weight:600}"
    ".reissue ul{margin:.2em 0 .4em;padding-left:1.4em}"
    "</style>"
)
_SIGNS: Final = {"good": "✓ ", "bad": "✗ ", "open": "? "}


class Answer:
    """What a study found."""

    def summary(self) -> Summary:
        """It in words and tables."""
        raise NotImplementedError

    def to_frame(self) -> pd.DataFrame:
        """Its table: the one it has, or the first of the summary, with numbers as they are."""
        import pandas as pd

        table = getattr(self, "table", None)
        if isinstance(table, pd.DataFrame):
            return table
        first = next((part for part in self.summary().parts if isinstance(part, Table)), Table((), ()))
        rows = first.rows[:-1] if first.has_total else first.rows
        return pd.DataFrame(list(rows), columns=list(first.head))

    def to_html(self) -> str:
        """The summary as a card of HTML."""
        return to_html(self.summary())

    def __repr__(self) -> str:
        summary = self.summary()
        return f"<{type(self).__name__} {visible(summary.title)}: {visible(summary.answer)}>"

    def _repr_html_(self) -> str:
        return self.to_html()


def to_html(summary: Summary) -> str:
    """The summary as a card; every text in it is escaped."""
    about = f'<div class="note">{escaped(summary.about)}</div>' if summary.about else ""
    parts = "".join(
        _table(part) if isinstance(part, Table) else _notes(part)
        for part in summary.parts
        if not is_empty(part)
    )
    return (
        f'{STYLE}<div class="reissue {summary.tone}"><div class="title">{escaped(summary.title)}</div>'
        f'<div class="answer">{escaped(summary.answer)}</div>{about}{parts}</div>'
    )


def escaped(text: str) -> str:
    """A text as HTML: markup is escaped, and so are characters that cannot be seen."""
    return escape(visible(text))


def _title(title: str) -> str:
    return f'<div class="title">{escaped(title)}</div>' if title else ""


def _table(table: Table) -> str:
    rows = table.texts()
    last = len(rows) - 1 if table.has_total else None
    lines = [f"<tr>{''.join(_cells(table, table.head, 'col'))}</tr>"] if any(table.head) else []
    lines += [
        f"<tr{' class=total' if place == last else ''}>{''.join(_cells(table, row, 'row'))}</tr>"
        for place, row in enumerate(rows)
    ]
    rest = f'<div class="note">{table.unseen:,} rows are not shown</div>' if table.unseen else ""
    return f'{_title(table.title)}<div class="scroll"><table>{"".join(lines)}</table></div>{rest}'


def _cells(table: Table, row: list[str] | tuple[str, ...], scope: str) -> Iterator[str]:
    for place, (column, text) in enumerate(zip(table.columns, row, strict=True)):
        tag = "th" if scope == "col" or place == 0 else "td"
        opening = f'th scope="{scope}"' if tag == "th" else "td"
        is_text = ' class="text"' if column.kind in ("text", "bar") else ""
        content = escaped(text)
        if column.kind == "bar" and text.isdigit():
            content = f'<div class="bar" style="width:{int(text) / 8:g}em"></div>'
        yield f"<{opening}{is_text}>{content}</{tag}>"


def _notes(part: Notes) -> str:
    opening, closing = ("<li>", "</li>") if part.is_list else ('<div class="note">', "</div>")
    items = "".join(f"{opening}{escaped(_sentence(note))}{closing}" for note in part.notes)
    return _title(part.title) + (f"<ul>{items}</ul>" if part.is_list else items)


def _sentence(note: Note) -> str:
    return f"{_SIGNS.get(note.tone, '')}{note.mark}: {note.text}" if note.mark else note.text
