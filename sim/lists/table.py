"""The rows of an exported list: encoding, separator, header, and what surrounds the table (language 4)."""

from __future__ import annotations

import codecs
import csv
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from operator import itemgetter
from typing import Final

from sim.errors import UnreadableError
from sim.files import position
from sim.lists.devices import ListProblem
from sim.text import closest, quoted, visible

MOST_BYTES: Final = 256_000_000
MOST_ROWS: Final = 2_000_000
_HEAD_LINES: Final = 50
"""Among so many, blank ones not counted, the header is looked for."""
_SLOW_ENCODINGS: Final = ("idna", "punycode")
"""No file is in one; reading takes more than linear time."""

# --- headers -------------------------------------------------------------------------------------------

_HEADERS: Final = {
    "id": """
    device deviceid devicename serialnumber imei udid resourceid jssmobiledeviceid displayname
    klhstwksdn hostname computername devicefriendlyname friendlyname deviceidentifier assettag
    deviceserialnumber gerätename устройство имяустройства
    """,
    "last_sync": """
    lastcheckin lastcheckintime lastcheckindate lastsync lastsyncdatetime lastsynctime lastsynced
    lastsynchronization lastseen lastcontact lastcontacttime lastcontacted lastinventoryupdate
    lastconnected lastconnection lastconnectiontime lastcommunication
    lastconnectedtoadministrationserver lastconnectiontoadministrationserver
    klhstwkslastnagentconnected letztesynchronisierung letztesynchronisation letzterkontakt letzteverbindung
    zuletztgesehen zuletztonline
    последнееподключениексерверуадминистрирования последняясинхронизация
    """,
    "platform": """
    os operatingsystem ostype osplatform deviceos deviceplatform betriebssystem операционнаясистема
    """,
}
HEADERS: Final = {name: frozenset(headers.split()) for name, headers in _HEADERS.items()}
"""What Intune, Jamf, Workspace ONE, Kaspersky Security Center, MobileIron and Google call the columns."""
UTC_HEADERS: Final = frozenset(("klhstwkslastnagentconnected",))
"""Headers that are documented to be in UTC."""


def folded(header: str) -> str:
    """The name of a column without regard to case, blanks and underscores."""
    return re.sub(r"[\s_]+", "", header.lower())


def _bare(header: str) -> str:
    """A header without what stands in brackets at its end."""
    return re.sub(r"\s*[(\[][^()\[\]]*[)\]]$", "", header) or header


@dataclass(frozen=True, slots=True)
class Table:
    """A list as texts.

    Attributes:
        header: the names of all columns, trimmed.
        line: that of the header, from 1.
    """

    header: list[str]
    line: int
    separator: str
    encoding: str
    text: str = field(repr=False)

    def index_of(self, wanted: str, *, is_needed: bool) -> int | None:
        """The place of a column; where it is needed, a zone in brackets behind its name may be left out.

        Raises:
            ValueError: two columns have the name, or none has and it is needed; the text says what to do.
        """
        at = [i for i, name in enumerate(self.header) if folded(name) == folded(wanted)]
        if not at and is_needed:
            at = [i for i, name in enumerate(self.header) if folded(_bare(name)) == folded(wanted)]
        if len(at) > 1:
            raise ValueError(f"two columns are called {quoted(wanted)}: rename one of them")
        if not at and is_needed:
            meant = closest(wanted, self.header[:200])
            mend = f"did you mean {quoted(meant)}?" if meant else f"it has {self.shown}"
            raise ValueError(f"the list has no column {quoted(wanted)}: {mend}")
        return at[0] if at else None

    def candidates(self, name: str) -> list[str]:
        """The headers that consoles give a column of the language."""
        known = HEADERS.get(name, ())
        return [each for each in self.header if re.sub(r"[\W_]+", "", _bare(each).lower()) in known]

    @property
    def shown(self) -> str:
        """The first names of the header, for messages."""
        return ", ".join(map(quoted, self.header[:8]))

    def read(self, picked: Sequence[int]) -> tuple[list[list[str]], array[int], list[ListProblem]]:
        """The cells of some columns, trimmed; the line where each row begins; and what is wrong with rows.

        Rows with nothing in these columns are passed over, as are empty cells too few or too many.
        """
        columns: list[list[str]] = [[] for _ in picked]
        lines: array[int] = array("q")
        problems: list[ListProblem] = []
        width, line, is_header = len(self.header), self.line, True
        reader = csv.reader(
            islice(_lines(self.text), self.line - 1, None), delimiter=self.separator, strict=True
        )
        try:
            for fields in reader:
                first, line = line, self.line + reader.line_num
                if is_header:
                    is_header = False
                elif len(fields) > width and any(map(str.strip, fields[width:])):
                    quote = "quote fields that hold the separator"
                    message = f"has {len(fields)} fields where the header has {width}: {quote}"
                    problems.append(ListProblem(first, "", message))
                elif len(lines) == MOST_ROWS:
                    message = f"follows {MOST_ROWS:,} rows, the most that are read: split the list"
                    problems.append(ListProblem(first, "", message))
                    break
                elif any(cells := [fields[i].strip() if i < len(fields) else "" for i in picked]):
                    lines.append(first)
                    for column, cell in zip(columns, cells, strict=True):
                        column.append(cell)
        except csv.Error as error:
            mend = "close every quote, and double quotes inside a field"
            problems.append(ListProblem(line, "", f"cannot be read ({visible(str(error))}): {mend}"))
        return columns, lines, problems


# --- opening a file ------------------------------------------------------------------------------------


def open_table(content: bytes, *, wanted: Iterable[str], encoding: str | None = None) -> Table:
    """Find the header of a list: the row that has most of the wanted names, else the first of most cells.

    Args:
        content: the file.
        wanted: names of columns, folded.
        encoding: its name; default: by byte order mark, else UTF-8.

    Raises:
        UnreadableError: the bytes are not in the encoding, there is no such encoding, or nothing is in it.
    """
    text, name = _decoded(content, encoding)
    names = frozenset(wanted)
    hits, table = _table_in(text, name, names)
    if not hits and text.lstrip()[:1] == '"':  # perhaps each line as a whole was put in quotes
        with suppress(csv.Error, ValueError):
            lines = [line for (line,) in filter(None, csv.reader(_lines(text), strict=True))]
            hits, table = max((hits, table), _table_in("\n".join(lines), name, names), key=itemgetter(0))
    if table is None:
        mend = "write a header line with a column id, then one row a device"
        raise UnreadableError(f"is empty, or begins with more than 131072 characters: {mend}", line=1)
    return table


def _decoded(content: bytes, encoding: str | None) -> tuple[str, str]:
    """The text of a list, with line feeds at the ends of lines, and the name of its encoding."""
    name = encoding or ("utf-16" if content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8")
    try:
        name = codecs.lookup(name).name.removesuffix("-sig")
        if name in _SLOW_ENCODINGS:
            raise LookupError
        text = content.decode(name).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode(name, errors="replace")
        line, _ = position(before, len(before))
        mend = "write list: {encoding: cp1252} for Western, cp1251 for Cyrillic Windows, or save it as UTF-8"
        message = f"holds byte 0x{content[error.start]:02x}, which is not {name}: {mend}"
        raise UnreadableError(message, line=line) from None
    except (LookupError, ValueError):
        message = f"{quoted(name)} is not an encoding: write one such as utf-8, cp1252, cp1251 or utf-16"
        raise UnreadableError(message) from None
    return text.replace("\r\n", "\n").replace("\r", "\n"), name


def _table_in(text: str, encoding: str, wanted: frozenset[str]) -> tuple[int, Table | None]:
    """How many of the wanted names the best header has, and its table; None where there is no row."""
    head: list[str] = []
    filled = 0
    for line in _lines(text):
        head.append(line)
        filled += not line.isspace()
        if filled == _HEAD_LINES:
            break
    best, found = (-1, 0), None
    for separator in ",;\t|":
        for number, names in _rows(head, separator):
            hits = len(wanted.intersection(map(folded, names)))
            rank = (hits, 0 if hits else sum(map(bool, names)))
            if rank > best:
                best, found = rank, Table(names, number, separator, encoding, text)
    return best[0], found


def _rows(head: Iterable[str], separator: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, trimmed, each with its line; none after one that cannot be taken apart."""
    reader, line = csv.reader(head, delimiter=separator), 1
    with suppress(csv.Error):
        for fields in reader:
            names = [each.strip() for each in fields]
            if any(names):
                yield line, names
            line = reader.line_num + 1


def _lines(text: str) -> Iterator[str]:
    at = 0
    while end := text.find("\n", at) + 1:
        yield text[at:end]
        at = end
    if at < len(text):
        yield text[at:]
