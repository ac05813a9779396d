"""An inventory: one row a device, as an administrator exports it (language 1.2)."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

from sim.errors import UnreadableError
from sim.files import decode, inside, read_bytes
from sim.scenario.fleet import Group
from sim.scenario.instants import parse_moment
from sim.scenario.problems import Mistake, Problem
from sim.scenario.problems import Path as KeyPath
from sim.scenario.schema import Contents
from sim.scenario.values import is_one_line, read_duration
from sim.text import closest, plural, quoted, span, visible

MOST_INVENTORY_BYTES: Final = 256_000_000
MOST_REPORTED: Final = 50
_DELIMITERS: Final = ",;\t"
_YES: Final = ("yes", "true", "1", "y")
_NO: Final = ("no", "false", "0", "n", "")


@dataclass(frozen=True, slots=True)
class Row:
    """One device; what is None comes from the group's settings."""

    line: int
    id: str
    platform: Literal["android", "ios"] | None = None
    last_sync: datetime | None = None
    sync_every: int | None = None
    holds_reserve: bool = False
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Inventory:
    """The rows of one file, its content and its SHA-256; equal if these and the columns are."""

    path: str
    sha256: str
    text: bytes = field(repr=False, compare=False)
    rows: tuple[Row, ...] = field(repr=False)
    columns: Mapping[str, str] = field(default_factory=dict, repr=False)


class HeaderError(ValueError):
    """A column that the scenario names is not in the file; `name` is its key under `columns`."""

    def __init__(self, name: str, message: str) -> None:
        self.name = name
        super().__init__(message)


def read_inventory(
    content: bytes, *, path: str, file: str, columns: Mapping[str, str]
) -> tuple[Inventory, list[Problem]]:
    """The devices in an exported CSV file and every row that is wrong.

    Args:
        content: the file's bytes.
        path: the file as the scenario names it.
        file: the file as problems name it.
        columns: from names of the language to the file's own headers.

    Raises:
        HeaderError: `columns` names a header that the file does not have.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        text = decode(content, printable=False)
    except UnreadableError as error:
        nothing = Inventory(path, sha256, content, (), dict(columns))
        return nothing, [Problem(file, error.line, error.column, "", f"the inventory {error}")]
    reader = _Reader(text, file)
    rows = tuple(reader.rows(columns))
    return Inventory(path, sha256, content, rows, dict(columns)), reader.reported()


@dataclass(frozen=True, slots=True)
class _Record:
    """One row of the file as text; `line` is its first line and `last_line` its last."""

    line: int
    last_line: int
    fields: list[str]


class _Reader:
    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.lines = re.split("\r\n|\n|\r", text)
        self.problems: list[Problem] = []
        self.unreported = 0
        self.text, self.skipped, self.delimiter = _delimited(text)

    def rows(self, columns: Mapping[str, str]) -> Iterator[Row]:
        """The good rows; what is wrong with the others is kept."""
        records = self._records()
        header = next(records, None)
        if header is None:
            self._report(
                1, 1, "the inventory is empty: write a header line with a column id, then one row a device"
            )
            return
        where = self._columns(header, columns)
        if "id" not in where:
            return
        lines: dict[str, int] = {}
        for record in records:
            if not any(each.strip() for each in record.fields):
                continue
            if len(record.fields) != len(header.fields):
                self._report_width(record, len(header.fields))
                continue
            row = self._row(record, where)
            if row is None:
                continue
            if (first := lines.setdefault(row.id, row.line)) != row.line:
                self._report_field(
                    record,
                    where["id"],
                    f"the id {quoted(row.id)} is already at line {first}: keep one row a device",
                )
                continue
            yield row

    def reported(self) -> list[Problem]:
        """The first problems, and how many more there are."""
        if not self.unreported:
            return self.problems
        more = f"and {plural(self.unreported, 'more wrong row')}: mend these first"
        return [*self.problems, Problem(self.file, None, None, "", more)]

    def _records(self) -> Iterator[_Record]:
        reader = csv.reader(io.StringIO(self.text, newline=""), delimiter=self.delimiter, strict=True)
        line = self.skipped
        while True:
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                at, line = line + 1, reader.line_num + self.skipped
                self._report(at, self._quote_column(at), _csv_mend(str(error)))
                continue
            first, line = line + 1, reader.line_num + self.skipped
            yield _Record(first, line, fields)

    def _columns(self, header: _Record, columns: Mapping[str, str]) -> dict[str, int]:
        """The index of each column of the language that the file has."""
        found: dict[str, list[int]] = {}
        for index, each in enumerate(header.fields):
            found.setdefault(_folded(each), []).append(index)
        where: dict[str, int] = {}
        for name in CELLS:
            wanted = columns.get(name, name)
            at = found.get(_folded(wanted), [])
            if len(at) > 1:
                exact = [index for index in at if header.fields[index].strip() == wanted.strip()]
                if len(exact) != 1:
                    self._report_field(
                        header, at[1], f"two columns are called {quoted(wanted)}: rename one of them"
                    )
                at = exact or at
            if at:
                where[name] = at[0]
            elif name in columns:
                raise HeaderError(
                    name,
                    f"the inventory has no column {quoted(wanted)}: {_header_mend(wanted, header.fields)}",
                )
        if "id" not in where:
            named = ", ".join(quoted(each) for each in header.fields[:8])
            device = visible(header.fields[0].strip()[:40]) or "Device"
            message = f"no column is called id (there is {named}): name it, such as columns: {{id: {device}}}"
            self._report(header.line, 1, message)
        return where

    def _row(self, record: _Record, where: Mapping[str, int]) -> Row | None:
        before = len(self.problems) + self.unreported
        read: dict[str, object] = {}
        for name, index in where.items():
            try:
                read[name] = CELLS[name](record.fields[index].strip())
            except ValueError as error:
                self._report_field(record, index, f"{name}: {error}")
        if len(self.problems) + self.unreported > before:
            return None
        return Row(line=record.line, **read)  # type: ignore[arg-type]

    def _report_width(self, record: _Record, width: int) -> None:
        fields = f"has {plural(len(record.fields), 'field')} where the header has {width}"
        mend = "quote fields that hold the delimiter, and leave none out"
        self._report(record.line, 1, f"{fields}: {mend}")

    def _report_field(self, record: _Record, index: int, message: str) -> None:
        self._report(*self._position(record, index), message)

    def _report(self, line: int, column: int, message: str) -> None:
        if len(self.problems) < MOST_REPORTED:
            self.problems.append(Problem(self.file, line, column, "", message))
        else:
            self.unreported += 1

    def _position(self, record: _Record, index: int) -> tuple[int, int]:
        """Line and column at which a field of a record begins."""
        fields, line, column, in_quotes = 0, record.line, 1, False
        if fields == index:
            return line, column
        for number in range(record.line, record.last_line + 1):
            for offset, character in enumerate(self.lines[number - 1]):
                if character == '"':
                    in_quotes = not in_quotes
                elif character == self.delimiter and not in_quotes:
                    fields += 1
                    if fields == index:
                        return number, offset + 2
        return line, column

    def _quote_column(self, line: int) -> int:
        text = self.lines[line - 1] if line <= len(self.lines) else ""
        return text.rfind('"') + 1 or 1


def _delimited(text: str) -> tuple[str, int, str]:
    """The text from its header on, how many lines were left out before it, and the delimiter."""
    skipped = 0
    if match := re.match(r'"?sep=(.)"?(\r\n|\n|\r|$)', text, re.IGNORECASE):
        text, skipped = text[match.end() :], 1
        if match[1] in _DELIMITERS:
            return text, skipped, match[1]
    while match := re.match(r"[ \t,;]*(\r\n|\n|\r)", text):
        text, skipped = text[match.end() :], skipped + 1
    header = re.sub(r'"[^"]*"', "", re.split("[\r\n]", text, maxsplit=1)[0])
    return text, skipped, max(_DELIMITERS, key=header.count)


def _folded(header: str) -> str:
    return re.sub(r"[\s_]+", "", header.lower())


def _header_mend(wanted: str, headers: list[str]) -> str:
    meant = closest(wanted, headers)
    if meant:
        return f"did you mean {quoted(meant.strip())}?"
    return f"it has {', '.join(quoted(each.strip()) for each in headers[:8])}"


def _csv_mend(said: str) -> str:
    if "field larger" in said:
        return "a field has more than 131072 characters, which an unclosed quote may cause: close the quote"
    if "unexpected end" in said:
        return "a quote that opens in this row is never closed: close it"
    if "expected after" in said:
        return 'a quoted field goes on after its closing quote: double the quotes inside a field ("")'
    return f"the row cannot be read ({said}): check its quotes"


# --- cells -----------------------------------------------------------------------------------------------


def _read_id(value: str) -> str:
    if not value:
        raise ValueError("is missing: every row needs one")
    if not is_one_line(value):
        raise ValueError(f"{quoted(value)} has a control character or a line break: write it on one line")
    if len(value) > 200:
        raise ValueError(f"{quoted(value)} has {len(value)} characters: write at most 200")
    return value


@lru_cache(maxsize=4096)
def _read_platform(value: str) -> Literal["android", "ios"] | None:
    if not value:
        return None
    first = re.split(r"[\s\d._-]", value.lower(), maxsplit=1)[0]
    if first in ("android", "ios", "ipados"):
        return "android" if first == "android" else "ios"
    meant = closest(value, ("android", "ios"))
    raise ValueError(
        f"{quoted(value)} is no platform: {f'did you mean {meant}?' if meant else 'write android or ios'}"
    )


@lru_cache(maxsize=4096)
def _read_last_sync(value: str) -> datetime | None:
    if not value:
        return None
    if match := re.fullmatch(
        r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})(?:,? +([0-9]{1,2}):([0-9]{2}(?::[0-9]{2})?))?", value
    ):
        clock = f" {int(match[4]):02}:{match[5]}" if match[4] else ""
        value = f"{match[3]}-{int(match[2]):02}-{int(match[1]):02}{clock}"
    elif match := re.fullmatch(r"([0-9]{4}-[0-9]{2}-[0-9]{2}) ([0-9]:[0-9]{2}(?::[0-9]{2})?)", value):
        value = f"{match[1]} 0{match[2]}"
    return parse_moment(re.sub(r"(?<=:[0-9]{2})\.[0-9]+", "", value))


@lru_cache(maxsize=4096)
def _read_sync_every(value: str) -> int | None:
    if not value:
        return None
    return read_duration(value, least_s=1)


def _read_holds_reserve(value: str) -> bool:
    if value.lower() not in (*_YES, *_NO):
        raise ValueError(f"{quoted(value)} is neither yes nor no: write yes or no")
    return value.lower() in _YES


def _read_group(value: str) -> str | None:
    if not value:
        return None
    return _read_id(value)


CELLS: Final[dict[str, Callable[[str], object]]] = {
    "id": _read_id,
    "platform": _read_platform,
    "last_sync": _read_last_sync,
    "sync_every": _read_sync_every,
    "holds_reserve": _read_holds_reserve,
    "group": _read_group,
}
"""By column of the language: what turns the trimmed text of a cell into the value."""


# --- the inventories of a fleet ------------------------------------------------------------------------


class Inventories:
    """The inventories that a scenario names, read from its folder and checked against the fleet.

    Attributes:
        read: by index of the group in `fleet`.
        mistakes: in the scenario.
        problems: in the files.
    """

    def __init__(self, contents: Contents, folder: Path, *, known: Iterable[Inventory] = ()) -> None:
        self.read: dict[int, Inventory] = {}
        self.mistakes: list[Mistake] = []
        self.problems: list[Problem] = []
        self._folder = folder
        self._known = {(each.path, *sorted(each.columns.items())): each for each in known}
        self._numbered = {
            group.name: range(group.first, group.first + (group.devices or 0))
            for group in contents.fleet
            if group.inventory is None
        }
        for number, group in enumerate(contents.fleet):
            if group.inventory is not None and (inventory := self._inventory(number, group)) is not None:
                self.read[number] = inventory
                self._check_periods(group, inventory)
        self._check_ids()

    def _inventory(self, number: int, group: Group) -> Inventory | None:
        written = group.inventory or ""
        known = self._known.get((written, *sorted(group.columns.items())))
        if known is not None:
            return known
        path: KeyPath = ("fleet", number)
        try:
            content = read_bytes(inside(self._folder, written), most_bytes=MOST_INVENTORY_BYTES)
            file = str(self._folder / written)
            inventory, wrong = read_inventory(content, path=written, file=file, columns=group.columns)
        except UnreadableError as error:
            self.mistakes.append(Mistake((*path, "inventory"), f"{quoted(written)} {error}"))
        except HeaderError as error:
            self.mistakes.append(Mistake((*path, "columns", error.name), str(error)))
        else:
            self.problems += wrong
            return None if wrong else inventory
        return None

    def _check_periods(self, group: Group, inventory: Inventory) -> None:
        """Jitter and phase stay below the period of every row, as they do below that of the group."""
        phase_s = group.sync.phase if isinstance(group.sync.phase, int) else 0
        wrong: list[tuple[int, str]] = []
        for row in inventory.rows:
            for key, value_s in (("jitter", group.sync.jitter), ("phase", 0 if row.last_sync else phase_s)):
                if row.sync_every is not None and value_s >= row.sync_every:
                    period = f"sync_every: {span(row.sync_every)} is not longer than the group's {key}"
                    wrong.append((row.line, f"{period}, {span(value_s)}: write a longer period"))
        self._report(inventory, wrong)

    def _check_ids(self) -> None:
        """A device's identity is its own in the whole fleet (model 7.2)."""
        first: dict[str, tuple[str, int]] = {}
        files: set[str] = set()
        for number, inventory in self.read.items():
            if inventory.path in files:
                message = f"{quoted(inventory.path)} already lists another group: name each file once"
                self.mistakes.append(Mistake(("fleet", number, "inventory"), message))
                continue
            files.add(inventory.path)
            wrong: list[tuple[int, str]] = []
            for row in inventory.rows:
                if (name := self._group_with(row.id)) is not None:
                    same = f"the id {quoted(row.id)} is also a device of group {quoted(name)}"
                    wrong.append((row.line, f"{same}: rename the group"))
                if len(self.read) == 1:
                    continue
                file, line = first.setdefault(row.id, (inventory.path, row.line))
                if file != inventory.path:
                    same = f"the id {quoted(row.id)} is already in {file}:{line}"
                    wrong.append((row.line, f"{same}: keep one row a device"))
            self._report(inventory, wrong)

    def _group_with(self, identity: str) -> str | None:
        """The group without inventory that has a device of this identity (`office phones/17`), or None."""
        name, _, position = identity.rpartition("/")
        is_number = re.fullmatch("0|[1-9][0-9]{0,8}", position) is not None
        return name if is_number and int(position) in self._numbered.get(name, ()) else None

    def _report(self, inventory: Inventory, wrong: list[tuple[int, str]]) -> None:
        file = str(self._folder / inventory.path)
        self.problems += [Problem(file, line, 1, "", message) for line, message in wrong[:MOST_REPORTED]]
        if len(wrong) > MOST_REPORTED:
            message = f"and {len(wrong) - MOST_REPORTED:,} more wrong rows: mend these first"
            self.problems.append(Problem(file, None, None, "", message))
