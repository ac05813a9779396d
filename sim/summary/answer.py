"""What a study returns: it shows itself as a card in Jupyter, and gives its tables to pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.errors import visible
from sim.summary import Summary, Table
from sim.summary.card import to_html

if TYPE_CHECKING:
    import pandas as pd


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
