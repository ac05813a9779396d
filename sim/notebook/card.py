"""One form for everything that shows itself in Jupyter: a title, the answer, tables; light and dark themes.

Colours are those of the page around: text inherits, lines are half-transparent grey. Without its style sheet,
which viewers that do not trust a notebook take away, a card is plain headings and tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final, Literal

from sim.errors import visible

Tone = Literal["good", "bad", "plain"]

STYLE: Final = (
    "<style>"
    ".reissue{max-width:62em;border-left:4px solid #8888;padding:.1em 0 .1em 1em;margin:.4em 0;"
    "line-height:1.45}"
    ".reissue.good{border-left-color:#0072b2}.reissue.bad{border-left-color:#d55e00}"
    ".reissue .title{font-weight:600;opacity:.8}"
    ".reissue .answer{font-size:1.2em;margin:.2em 0 .5em}"
    ".reissue .note{opacity:.75;margin:.3em 0}"
    ".reissue .scroll{overflow-x:auto}"
    ".reissue table{border-collapse:collapse;border:0;margin:.3em 0 .6em;color:inherit;font-size:.95em;"
    "font-variant-numeric:tabular-nums}"
    ".reissue table tr,.reissue table tr:nth-child(odd),.reissue table tr:nth-child(even)"
    "{background:transparent}"
    ".reissue .scroll th,.reissue .scroll td{border:0;border-bottom:1px solid #8885;"
    "padding:.25em .8em .25em 0;text-align:right;vertical-align:top;white-space:nowrap}"
    ".reissue th{font-weight:600}"
    ".reissue .scroll th.text,.reissue .scroll td.text{text-align:left;white-space:normal}"
    ".reissue tr.total th,.reissue tr.total td{border-top:2px solid #8888;border-bottom:0;font-weight:600}"
    ".reissue ul{margin:.2em 0 .4em;padding-left:1.4em}"
    "</style>"
)


def shown(text: str) -> str:
    """A planner's text as HTML: markup is escaped, and so are characters that cannot be seen."""
    return escape(visible(text))


def card(title: str, answer: str, *parts: str, tone: Tone = "plain") -> str:
    """A card of HTML.

    Args:
        title: a planner's text.
        answer: a sentence.
        parts: HTML, made by the functions below.
        tone: colour of the edge; what it says stands in the answer too.
    """
    return (
        f'{STYLE}<div class="reissue {tone}"><div class="title">{shown(title)}</div>'
        f'<div class="answer">{shown(answer)}</div>{"".join(parts)}</div>'
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, texts: int = 1, total: bool = False) -> str:
    """A table of texts.

    Args:
        head: titles of the columns.
        rows: as long as the titles; the first cell names the row.
        texts: columns from the left that hold words, not numbers.
        total: whether the last row is the sum of the others.
    """
    rows = list(rows)
    lines = [f"<tr>{_cells(head, texts, 'col')}</tr>"]
    for place, row in enumerate(rows):
        is_total = total and place == len(rows) - 1
        lines.append(f"<tr{' class=total' if is_total else ''}>{_cells(row, texts, 'row')}</tr>")
    return f'<div class="scroll"><table>{"".join(lines)}</table></div>'


def _cells(row: Sequence[str], texts: int, scope: str) -> str:
    told = []
    for place, cell in enumerate(row):
        heads = scope == "col" or place == 0
        opening = f'th scope="{scope}"' if heads else "td"
        words = ' class="text"' if place < texts else ""
        told.append(f"<{opening}{words}>{shown(cell)}</{'th' if heads else 'td'}>")
    return "".join(told)


def points(texts: Iterable[str]) -> str:
    """A list; nothing where there are none."""
    items = "".join(f"<li>{shown(text)}</li>" for text in texts)
    return f"<ul>{items}</ul>" if items else ""


def note(text: str) -> str:
    """A sentence in the margin of attention."""
    return f'<div class="note">{shown(text)}</div>'
