"""One structure, two renderings: what stands where, and nothing of a planner's text obeyed."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from pydantic import TypeAdapter

from sim.summary import MOST_ROWS, Column, Note, Notes, Summary, Table, notes
from sim.summary.answer import to_html
from sim.summary.terminal import to_text

HOSTILE = "<script>\x1b[31m&\"'\u202e"
SUMMARY = Summary(
    title="A plan",
    answer="3 of 10 devices lose the server.",
    about="seed 1",
    parts=(
        Table(
            (Column("group"), Column("lost", "count"), Column("share", "share"), Column("days", "tenths")),
            (("phones", 1_200, 0.5, 2.0), ("all", 2.5, None, 0.25)),
            has_total=True,
        ),
        Notes(
            (Note("lost devices at most 0: 3", "fails", "bad"), Note("10 devices", "holds", "good")),
            "Guarantees",
            is_list=True,
        ),
        notes("First.", "Second.", title="What would help", is_list=True),
    ),
    tone="bad",
)


def test_text_has_the_title_the_answer_and_aligned_tables() -> None:
    assert to_text(SUMMARY).splitlines() == [
        "A plan",
        "seed 1",
        "",
        "  3 of 10 devices lose the server.",
        "",
        "  group    lost    share  days",
        "  phones  1,200  50.00 %   2.0",
        "  ----------------------------",
        "  all      2.50        -   0.2",
        "",
        "Guarantees",
        "  fails      lost devices at most 0: 3",
        "  holds      10 devices",
        "",
        "What would help",
        "  - First.",
        "  - Second.",
    ]


def test_colours_are_codes_around_the_same_words() -> None:
    coloured = to_text(SUMMARY, is_coloured=True)
    assert "\x1b[1mA plan\x1b[0m" in coloured
    assert "\x1b[31mfails    \x1b[0m" in coloured
    assert "\x1b" not in to_text(SUMMARY)


def test_columns_without_room_are_left_out_and_named() -> None:
    wide = Table(tuple(Column(f"column number {n}", "count") for n in range(9)), (tuple(range(9)),))
    lines = to_text(Summary("A", "B.", (wide,)), width=80).splitlines()
    assert max(map(len, lines[4:6])) <= 80
    assert lines[6].startswith("  (no room for column number 4, ")
    assert "column number 8" in to_text(Summary("A", "B.", (wide,))).splitlines()[4]


@pytest.mark.parametrize(
    ("rows", "shown"), [(MOST_ROWS, MOST_ROWS), (MOST_ROWS + 1, MOST_ROWS + 1), (999, 201)]
)
def test_of_a_long_table_the_first_and_the_last_rows_are_shown(rows: int, shown: int) -> None:
    table = Table((Column("", "count"),), tuple((n,) for n in range(rows)))
    texts = table.texts()
    assert len(texts) == shown
    assert (texts[0], texts[-1]) == (["0"], [f"{rows - 1}"])
    assert table.unseen == max(0, rows - MOST_ROWS)
    assert replace(table, hidden=5).unseen == table.unseen + 5


def test_bars_are_drawn_to_the_longest() -> None:
    table = Table((Column("days", "number"), Column("", "bar")), ((0.5, 1.0), (12.25, 0.5), (13.0, 0.0)))
    assert to_text(Summary("A", "B.", (table,))).splitlines()[4:] == [
        "   days",
        f"    0.5  {'#' * 40}",
        f"  12.25  {'#' * 20}",
        "     13",
    ]
    assert to_html(Summary("A", "B.", (table,))).count('class="bar"') == 3


class Reader(HTMLParser):
    """The tags and the text of a card whose tags are all closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text.append(data)


def test_a_card_has_the_same_words_as_the_text() -> None:
    card = Reader(to_html(SUMMARY))
    words = " ".join(card.text)
    for each in ("A plan", "3 of 10 devices lose the server.", "seed 1", "1,200", "50.00 %", "fails: lost"):
        assert each in words
    assert card.tags.count("table") == 1
    assert card.tags.count("li") == 4
    assert 'class="reissue bad"' in to_html(SUMMARY)


def test_no_text_is_obeyed_in_either_rendering() -> None:
    table = Table((Column(HOSTILE),), ((HOSTILE,),), title=HOSTILE)
    hostile = Summary(HOSTILE, HOSTILE, (table, notes(HOSTILE, title=HOSTILE), notes(HOSTILE, is_list=True)))
    text, html = to_text(replace(hostile, about=HOSTILE)), to_html(replace(hostile, about=HOSTILE))
    assert not {"\x1b", "\u202e"} & set(text + html)
    assert "script" not in Reader(html).tags


def test_a_summary_can_be_written_and_read_again() -> None:
    adapter = TypeAdapter(Summary)
    assert adapter.validate_json(adapter.dump_json(SUMMARY)) == SUMMARY
