"""The rows of an exported list: encoding, separator, header, and what surrounds the table (language 4)."""

from __future__ import annotations

import codecs
import csv
import io
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from operator import itemgetter
from typing import Any, Final, NamedTuple

from sim.errors import UnreadableError
from sim.files import position
from sim.lists.columns import folded
from sim.text import quoted

MOST_BYTES: Final = 256_000_000
MOST_ROWS: Final = 2_000_000
SEPARATORS: Final = ",;\t|"
_LONGEST_LINE: Final = 1_000_000
_HEAD_ROWS: Final = 50
_HEAD_CHARACTERS: Final = 200_000
"""Where the header is looked for."""

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NO_ENCODINGS: Final = frozenset(("idna", "punycode", "utf-7", "unicode-escape", "raw-unicode-escape"))
"""Encodings that are not those of a file, or take more than linear time."""


@dataclass(frozen=True, slots=True)
class ListProblem:
    """A mistake in the list, at a line and column of the file, or in an option (`key`, as in a scenario)."""

    line: int | None
    column: int | None
    key: str
    message: str


@dataclass(slots=True)
class Table:
    """The rows below a header, as texts.

    Attributes:
        header: the names of all columns, trimmed.
        header_line: their line, from 1.
        rows: of each row the cells of the picked columns.
        line: the first line of each row.
        problems: rows that cannot be taken apart; they are not among `rows`.
        ragged: rows that were shorter or longer than the header, by empty cells.
    """

    header: list[str]
    header_line: int
    separator: str
    encoding: str
    text: str = field(repr=False)
    is_requoted: bool = False
    rows: list[tuple[str, ...]] = field(default_factory=list, repr=False)
    line: array[int] = field(default_factory=lambda: array("q"), repr=False)
    problems: list[ListProblem] = field(default_factory=list)
    ragged: int = 0
    _lines: list[str] = field(default_factory=list, repr=False)

    def read(self, picked: Sequence[int]) -> None:
        """Read the rows, and keep of each the cells at some places of the header."""
        width = len(self.header)
        line = self.header_line - 1
        reader = _reader(self.text, self.separator, skip=line, is_strict=True)
        cells = itemgetter(*picked) if len(picked) > 1 else lambda fields: (fields[picked[0]],)
        is_first = True
        while True:
            try:
                for fields in reader:
                    first, line = line + 1, self.header_line - 1 + reader.line_num
                    if is_first:
                        is_first = False
                        continue
                    if len(fields) != width and not self._fit(fields, first):
                        continue
                    if len(self.rows) == MOST_ROWS:
                        message = f"has more than {MOST_ROWS:,} rows, the most that are read: split the list"
                        self.problems.append(ListProblem(first, 1, "", message))
                        return
                    self.rows.append(cells(fields))
                    self.line.append(first)
                return
            except csv.Error as error:
                first, line = line + 1, self.header_line - 1 + reader.line_num
                is_first = False
                column = self._text_of(first).rfind('"') + 1 or 1
                self.problems.append(ListProblem(first, column, "", _csv_mend(str(error))))

    def _fit(self, fields: list[str], line: int) -> bool:
        """Make a row at least as wide as the header; not if cells with content would be left over."""
        width = len(self.header)
        if any(map(str.strip, fields[width:])):
            message = (
                f"has {len(fields)} fields where the header has {width}: "
                "quote fields that hold the separator, and leave none out"
            )
            self.problems.append(ListProblem(line, 1, "", message))
            return False
        if not any(map(str.strip, fields)):
            return False
        fields.extend([""] * (width - len(fields)))
        self.ragged += 1
        return True

    def place(self, line: int, index: int) -> tuple[int, int]:
        """Line and column, from 1, at which a field of the row that begins at `line` begins."""
        fields, in_quotes = 0, False
        if index == 0:
            return line, 1
        for number in range(line, line + 1000):
            for offset, character in enumerate(self._text_of(number)):
                if character == '"':
                    in_quotes = not in_quotes
                elif character == self.separator and not in_quotes:
                    fields += 1
                    if fields == index:
                        return number, offset + 2
            if not in_quotes:
                break
        return line, 1

    def _text_of(self, line: int) -> str:
        if not self._lines:
            self._lines.extend(re.split("\r\n|\n|\r", self.text))
        return self._lines[line - 1] if line <= len(self._lines) else ""


class _Header(NamedTuple):
    """A row that may be the header: how many wanted names it has, its separator, line and names."""

    hits: int
    separator: str
    line: int
    names: list[str]


def open_table(content: bytes, *, wanted: Iterable[str], encoding: str | None = None) -> Table:
    """Find the header of a list: the row that has most of the wanted names.

    Args:
        content: the file.
        wanted: names of columns, folded.
        encoding: its name; default: by byte order mark, else UTF-8.

    Raises:
        UnreadableError: the bytes are not in the encoding, there is no such encoding, or nothing is in it.
    """
    text, name = decoded(content, encoding)
    names = frozenset(wanted)
    found = _header_of(text[:_HEAD_CHARACTERS], names) or _header_of(text, names)
    if found is None:
        message = "is empty: write a header line with a column id, then one row a device"
        if text.strip():
            message = f"begins with {_csv_mend('line too long')}"
        raise UnreadableError(message, line=1, column=1)
    if not found.hits and (plain := _unquoted(text)) is not None:
        inner = _header_of(plain, names)
        if inner is not None and inner.hits:
            return Table(inner.names, inner.line, inner.separator, name, plain, is_requoted=True)
    return Table(found.names, found.line, found.separator, name, text)


def decoded(content: bytes, encoding: str | None) -> tuple[str, str]:
    """The text of a list, and the name of its encoding.

    Raises:
        UnreadableError: as `open_table`.
    """
    marked = next((name for mark, name in _MARKS if content.startswith(mark)), None)
    name = encoding or marked or "utf-8"
    try:
        codec = codecs.lookup(name)
        if codec.name.replace("_", "-") in _NO_ENCODINGS or not codec._is_text_encoding:
            raise LookupError
    except (LookupError, UnicodeError, ValueError):
        message = f"{quoted(name)} is not an encoding: write one such as utf-8, cp1252, cp1251 or utf-16"
        raise UnreadableError(message) from None
    if codec.name in ("utf-8", "utf-8-sig"):
        content, name = content.removeprefix(codecs.BOM_UTF8), "utf-8"
    if encoding is None and marked is None and content[:200].count(0) * 3 > len(content[:200]):
        little = content[1:2] == b"\0"
        mend = f"list: {{encoding: utf-16-{'le' if little else 'be'}}}"
        raise UnreadableError(f"looks like UTF-16 without its mark: write {mend}", line=1, column=1)
    try:
        return content.decode(name), codec.name
    except UnicodeDecodeError as error:
        before = content[: error.start].decode(name, errors="replace")
        line, column = position(before, len(before))
        shown = (
            f"byte 0x{content[error.start]:02x}, which is not {'UTF-8' if encoding is None else codec.name}"
        )
        mend = "write list: {encoding: cp1252} for Western, cp1251 for Cyrillic Windows, or save it as UTF-8"
        raise UnreadableError(f"holds {shown}: {mend}", line=line, column=column) from None
    except UnicodeError as error:
        raise UnreadableError(f"is not {codec.name} ({error})", line=1, column=1) from None


def _header_of(text: str, wanted: frozenset[str]) -> _Header | None:
    """The row with most of the wanted names; without any, the first row of several cells; None: no row."""
    separators = _announced(text) or SEPARATORS
    heads = {separator: list(_head(text, separator)) for separator in separators}
    best: _Header | None = None
    for separator, rows in heads.items():
        for line, names in rows:
            hits = len(wanted.intersection(map(folded, names)))
            if best is None or hits > best.hits:
                best = _Header(hits, separator, line, names)
    if best is None or best.hits:
        return best
    separator = max(separators, key=lambda each: sum(len(names) for _, names in heads[each]))
    rows = heads[separator] or [(best.line, best.names)]
    several = (row for row in rows if sum(map(bool, row[1])) > 1)
    line, names = next(several, rows[0])
    return _Header(0, separator, line, names)


def _head(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """The first rows that are not blank and no type line or `sep=`, with the line where each begins."""
    reader = _reader(text, separator)
    line = 0

    def rows() -> Iterator[tuple[int, list[str]]]:
        nonlocal line
        while True:
            try:
                fields = next(reader)
            except (StopIteration, csv.Error):
                return
            first, line = line + 1, reader.line_num
            names = [each.strip() for each in fields]
            if any(names) and not _is_preamble(names):
                yield first, names

    return islice(rows(), _HEAD_ROWS)


def _is_preamble(fields: list[str]) -> bool:
    first = fields[0].lower()
    return first.startswith("#type") or (first.startswith("sep=") and len(fields) <= 2)


def _announced(text: str) -> str | None:
    """The separator of a first line `sep=;`, if it is one of ours."""
    match = re.match(r'"?sep=(.)', text[:10], re.IGNORECASE)
    return match[1] if match and match[1] in SEPARATORS else None


def _reader(text: str, separator: str, *, skip: int = 0, is_strict: bool = False) -> Any:
    lines = _lines(io.StringIO(text, newline=""))
    for _ in islice(lines, skip):
        pass
    return csv.reader(lines, delimiter=separator, strict=is_strict)


def _lines(stream: io.StringIO) -> Iterator[str]:
    for line in stream:
        if len(line) > _LONGEST_LINE:
            raise csv.Error("line too long")
        yield line


def _unquoted(text: str) -> str | None:
    """The text of a file in which each line as a whole was put in quotes; None if it is not one."""
    head = list(islice(_head(text, ","), 2))
    if not head or any(len(fields) != 1 or not re.search("[,;|\t]", fields[0]) for _, fields in head):
        return None
    try:
        return "\n".join(fields[0] if fields else "" for fields in _reader(text, ","))
    except csv.Error:
        return None


def _csv_mend(said: str) -> str:
    if "field larger" in said:
        return "a field has more than 131072 characters, which an unclosed quote may cause: close the quote"
    if "line too long" in said:
        return f"a line of more than {_LONGEST_LINE:,} characters: write one row a device, each on its line"
    if "unexpected end" in said:
        return "a quote that opens in this row is never closed: close it"
    if "expected after" in said:
        return 'a quoted field goes on after its closing quote: double the quotes inside a field ("")'
    return f"the row cannot be read ({said}): check its quotes"
