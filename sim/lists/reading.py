"""A list of devices, as an administrator exports it from a console (model 11.1, 11.2; language 1.2, 4)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Any, Final
from unicodedata import category

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError, UnreadableError
from sim.lists.dates import Dates, is_zone, moment_of, zone_in
from sim.lists.devices import COLUMNS, GONE, KNOWN, DeviceList, LeftOut, ListOptions, ListProblem
from sim.lists.table import HEADERS, UTC_HEADERS, Table, folded, open_table
from sim.text import date, listed, plural, quoted, visible

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

MOST_REPORTED: Final = 50
_LONGEST_WORD: Final = 200
_FOOTER: Final = re.compile(
    r"(?:total|sum|count|rows?|records?|generated|exported|created|report|page|end of|gesamt|summe|anzahl|"
    r"seite|итого|всего)\b|[0-9]+ (?:devices?|rows?|records?|entries|geräte|устройств)|[-=*_]{3,}$",
    re.IGNORECASE,
)
_ROUNDED: Final = re.compile(r"[0-9](?:[.,][0-9]+)?E\+[0-9]{2,3}", re.IGNORECASE)
"""A long number as a spreadsheet shows it."""
_BLANK_WORDS: Final = frozenset(("", "-", "–", "—", "n/a", "na", "none", "null", "unknown"))
_YES: Final = frozenset(("yes", "true", "1", "y"))
_NO: Final = frozenset(("no", "false", "0", "n", ""))
_PLATFORMS: Final = {
    "android": "android",
    "aurora": "aurora",
    "аврора": "aurora",
    "ios": "ios",
    "ipad": "ios",
    "iphone": "ios",
}
"""By a part of a word; `kiosk` and `BIOS` are no iOS."""


class ListError(InputError):
    """A list that cannot be read as it is; `problems` holds all that is wrong with it."""

    def __init__(self, file: str, problems: Sequence[ListProblem]) -> None:
        self.problems = tuple(problems)
        lines = []
        for each in problems:
            place = visible(file) if each.line is None else f"{visible(file)}:{each.line}"
            lines.append(": ".join(filter(None, (place, visible(each.key), each.message))))
        super().__init__("\n".join(lines))


def read_list(
    content: bytes, options: ListOptions | None = None, *, duration_s: Callable[[str], int]
) -> DeviceList:
    """Read a list of devices; what is wrong with it is among its `problems`.

    Args:
        content: the file.
        options: how to read it.
        duration_s: reads a duration such as `6h`; raises ValueError, and says what would be right.
    """
    return _Reading(content, options or ListOptions(), duration_s).result()


class _Reading:
    """One list while it is read.

    Attributes:
        where, only: the places of columns of the language, and of those that choose rows, by name.
        cells, lines: the trimmed texts of the devices by name of a column, and the line of each.
    """

    def __init__(self, content: bytes, options: ListOptions, duration_s: Callable[[str], int]) -> None:
        self.options = options
        self.duration_s = duration_s
        self.sha256 = hashlib.sha256(content).hexdigest()
        self.problems: list[ListProblem] = []
        self.unreported = 0
        self.notes: list[str] = []
        self.left_out: list[LeftOut] = []
        self.where: dict[str, int] = {}
        self.only: dict[str, int] = {}
        self.cells: dict[str, list[str]] = {}
        self.lines: Ints = np.zeros(0, dtype=np.int64)
        self.table = Table([], 1, ",", "", "")
        for key, zone in (("list.timezone", options.timezone), ("timezone", options.default_timezone)):
            if zone is not None and not is_zone(zone):
                self._say(key, f"{quoted(zone)} is no time zone: write one such as Europe/Berlin or UTC")
        wanted = [options.columns.get(name, name) for name in COLUMNS] + list(options.only)
        if options.suggests:
            wanted += [each for names in HEADERS.values() for each in names]
        try:
            self.table = open_table(content, wanted=map(folded, wanted), encoding=options.encoding)
        except UnreadableError as error:
            self._say("list.encoding" if error.line is None else "", f"the list {error}", line=error.line)
            return
        self._find_columns()
        if not self.problems:
            self._read_rows()

    def _find_columns(self) -> None:
        """Fill `where` and `only`; of several headers that may be meant, the user must choose."""
        table, options = self.table, self.options
        wanted = [(self.where, name, f"columns.{name}", options.columns.get(name)) for name in COLUMNS]
        wanted += [(self.only, header, f"list.only.{header}", header) for header in options.only]
        for places, name, key, header in wanted:
            try:
                at = table.index_of(header or name, is_needed=header is not None)
            except ValueError as error:
                self._say(key if header else "", str(error), line=None if header else table.line)
                continue
            found = table.candidates(name) if at is None and options.suggests else []
            if len(found) == 1:
                self.notes.append(f"the column {quoted(found[0])} is taken as {name}")
                at = table.header.index(found[0])
            elif found:
                several = listed([quoted(each) for each in found[:5]], last="or")
                such = f"columns: {{{name}: {visible(found[0])}}}"
                self._say(key, f"{several} may be {name}: say which, such as {such}")
            if at is not None:
                places[name] = at
        needed = {"id": 0, "last_sync": -1} if options.suggests else {"id": 0}
        for name, place in needed.items():
            if name not in self.where and not self.problems:
                such = f"columns: {{{name}: {visible((table.candidates(name) or table.header)[place][:40])}}}"
                message = f"no column is called {name} (there is {table.shown}): name it, such as {such}"
                self._say("", message, line=table.line)

    # --- rows ----------------------------------------------------------------------------------------

    def _read_rows(self) -> None:
        """Fill `cells` and `lines` with the rows of devices; the others are left out and counted."""
        columns, lines, wrong = self.table.read([*self.where.values(), *self.only.values()])
        self.problems += wrong[:MOST_REPORTED]
        self.unreported += max(0, len(wrong) - MOST_REPORTED)
        if '="' in self.table.text:  # as a cell is written that a spreadsheet must not touch
            columns = [[re.sub(r'^="(.*)"$', r"\1", cell) for cell in column] for column in columns]
        cells = dict(zip(self.where, columns, strict=False))
        keep = np.ones(len(lines), dtype=bool)
        for header, column in zip(self.only, columns[len(self.where) :], strict=True):
            taken = {each.strip().lower() for each in self.options.only[header]}
            others = np.array([cell.lower() not in taken for cell in column], dtype=bool)
            self._leave_out(f"by list: {{only: {{{visible(header)}: ...}}}}", keep, others, column)
            if column and not keep.any():
                there = ", ".join(map(quoted, sorted(set(column))[:5]))
                self._say(f"list.only.{header}", f"no row has any of these: the column holds {there}")
        self._leave_out("below the table", keep, _is_footer(cells, keep), cells["id"])
        if "platform" in cells:
            column = cells["platform"]
            names = {text for text in set(column) if text.lower() not in _BLANK_WORDS and not _platform(text)}
            others = np.array([text in names for text in column], dtype=bool)
            self._leave_out("another system", keep, others, column)
        at = np.flatnonzero(keep).tolist()
        self.cells = {name: [column[i] for i in at] for name, column in cells.items()}
        self.lines = np.asarray(lines, dtype=np.int64)[keep]
        if lines and not at and not self.problems:
            self.notes.append("no row is a device")

    def _leave_out(self, reason: str, keep: Mask, which: Mask, texts: Sequence[str]) -> None:
        """Take rows from `keep`, and count them."""
        rows = np.flatnonzero(keep & which).tolist()
        if rows:
            examples = dict.fromkeys(texts[i] for i in rows)
            self.left_out.append(LeftOut(reason, len(rows), tuple(examples)[:3]))
            keep[rows] = False

    # --- cells ---------------------------------------------------------------------------------------

    def result(self) -> DeviceList:
        """The devices, and all that is wrong."""
        zone, is_zone_named = self._zone()
        texts = self.cells.get("last_sync", [""] * len(self.lines))
        is_given = self.options.timezone is not None
        dates = Dates(texts, zone=zone, order=self.options.dates, has_zone=is_given)
        for fault in dates.faults:
            said = _quoting(fault.message)
            self._report("last_sync", fault.rows, said, has_one_cause=fault.has_one_cause)
        contact, exported_s = self._contact(dates)
        if dates.forms and not dates.has_times:
            self.notes.append("dates have no time of day: 00:00 is taken, so ages are up to a day too long")
        self._check_ids()
        every_s = self._values("sync_every", self._period_s, 0)
        held = self._values("holds_reserve", _yes, False)
        platforms = self._values("platform", _platform, None)
        groups = self._values("group", _group, None)
        return DeviceList(
            sha256=self.sha256,
            ids=tuple(self.cells.get("id", ())),
            lines=self.lines,
            platforms=tuple(platforms),
            groups=tuple(groups),
            contact=contact,
            last_sync_s=dates.seconds,
            sync_every_s=np.array(every_s, dtype=np.int64),
            holds_reserve=np.array(held, dtype=bool),
            exported_s=exported_s,
            columns={name: self.table.header[i] for name, i in self.where.items()},
            zone=zone,
            encoding=self.table.encoding,
            separator=self.table.separator,
            forms=dates.forms,
            has_times=dates.has_times,
            is_zone_assumed=dates.local > 0 and not is_given and not is_zone_named,
            left_out=tuple(self.left_out),
            notes=tuple(self.notes),
            problems=self._sorted_problems(),
        )

    def _zone(self) -> tuple[str, bool]:
        """The zone of dates that name none: by option, header or default; whether the header names one."""
        given, default = self.options.timezone, self.options.default_timezone
        header = self.table.header[self.where["last_sync"]] if "last_sync" in self.where else ""
        named = "UTC" if folded(header) in UTC_HEADERS else zone_in(header)
        zone = given or named or default
        if named is not None and named not in (given, default):
            self.notes.append(f"the header {quoted(header)} names the zone {named}; {zone} is taken")
        return zone if is_zone(zone) else "UTC", named is not None

    def _contact(self, dates: Dates) -> tuple[NDArray[np.int8], int | None]:
        """What is known of each contact, and when the list was made (model 11.1, 11.2)."""
        contact, exported_s = dates.kind.copy(), self.options.exported_s
        known = contact == KNOWN
        if not known.any():
            return contact, exported_s
        newest_s = int(dates.seconds[known].max())
        made_s = newest_s if exported_s is None else exported_s
        zone = self.options.default_timezone if is_zone(self.options.default_timezone) else "UTC"
        made, newest = (date(moment_of(each, zone)) for each in (made_s, newest_s))
        mend = (
            f"write list: {{exported: {newest}}}, or list: {{timezone: ...}} if the dates are of another zone"
        )
        self._report(
            "last_sync",
            np.flatnonzero(known & (dates.seconds > made_s)),
            _quoting(f"is later than the list, made {made}: {mend}"),
            has_one_cause=True,
        )
        if self.options.gone_after_s is not None:
            contact[known & (made_s - dates.seconds > self.options.gone_after_s)] = GONE
        return contact, made_s

    def _check_ids(self) -> None:
        """Every device has an id of its own."""
        first: dict[str, int] = {}
        ids = enumerate(self._values("id", _id, None))
        again = [i for i, text in ids if text is not None and first.setdefault(text, i) != i]
        self._report(
            "id",
            again,
            lambda text: (
                f"{quoted(text)} is already at line {self.lines[first[text]]}: keep one row a device"
            ),
        )

    def _period_s(self, text: str) -> int:
        every_s = self.duration_s(text) if text else 0
        if text and every_s < 1:
            raise ValueError(f"{quoted(text)} is too short: write at least 1s")
        return every_s

    def _values(self, name: str, read: Callable[[str], Any], default: Any) -> list[Any]:
        """The values of a column, each distinct text read once."""
        texts = self.cells.get(name, [""] * len(self.lines))
        values: dict[str, Any] = {}
        errors: dict[str, str] = {}
        for text in dict.fromkeys(texts):
            try:
                values[text] = read(text)
            except ValueError as error:
                values[text], errors[text] = default, str(error)
        if errors:
            self._report(name, [i for i, text in enumerate(texts) if text in errors], errors.__getitem__)
        return [values[text] for text in texts]

    # --- mistakes ------------------------------------------------------------------------------------

    def _say(self, key: str, message: str, *, line: int | None = None) -> None:
        self.problems.append(ListProblem(line, key, message))

    def _report(
        self,
        name: str,
        rows: Sequence[int] | Ints,
        message: Callable[[str], str],
        *,
        has_one_cause: bool = False,
    ) -> None:
        """Rows with one kind of mistake, and what to say of the text of each: one sentence if one change
        mends them, or if no row is without."""
        count = len(rows)
        is_one = count > 1 and (has_one_cause or count == len(self.lines))
        also = f" (and so in {plural(count - 1, 'more row')})" if is_one else ""
        for i in rows[: 1 if is_one else MOST_REPORTED]:
            said = f"{name}: {message(self.cells[name][i])}{also}"
            self._say("", said, line=int(self.lines[i]))
        self.unreported += 0 if is_one else max(0, count - MOST_REPORTED)

    def _sorted_problems(self) -> tuple[ListProblem, ...]:
        """Problems in the order of the file, after those of options, and how many more rows have one."""
        found = sorted(self.problems, key=lambda each: each.line or 0)
        self.unreported += max(0, len(found) - MOST_REPORTED)
        if self.unreported:
            message = f"and {plural(self.unreported, 'more wrong row')}: correct these first"
            found[MOST_REPORTED:] = [ListProblem(None, "", message)]
        return tuple(found)


def _is_footer(cells: dict[str, list[str]], keep: Mask) -> Mask:
    """Which of the last rows say `Total: 1 device`, and have nothing else in the columns."""
    footer = np.zeros(len(keep), dtype=bool)
    for i in np.flatnonzero(keep)[:-6:-1].tolist():
        text, filled = cells["id"][i], sum(bool(column[i]) for column in cells.values())
        if filled > 1 or not _FOOTER.match(text) or (len(cells) == 1 and ":" not in text):
            break
        footer[i] = True
    return footer


# --- cells ---------------------------------------------------------------------------------------------


def _quoting(message: str) -> Callable[[str], str]:
    return lambda text: f"{quoted(text)} {message}"


def _platform(text: str) -> str | None:
    lower = re.sub("kiosk|bios", "", text.lower())
    return next((platform for word, platform in _PLATFORMS.items() if word in lower), None)


def _yes(text: str) -> bool:
    if text.lower() not in _YES | _NO:
        raise ValueError(f"{quoted(text)} is neither yes nor no: write yes or no")
    return text.lower() in _YES


def _id(text: str) -> str:
    if not text:
        raise ValueError("is missing: every row needs one")
    if "+" in text and _ROUNDED.fullmatch(text):
        raise ValueError(
            f"{quoted(text)} is a long number that a spreadsheet has rounded, which makes devices one: "
            "export again and do not open the file in a spreadsheet, or import the column as text"
        )
    return _group(text) or ""


def _group(text: str) -> str | None:
    if not text.isprintable() and any(category(each) in ("Cc", "Zl", "Zp", "Cs") for each in text):
        raise ValueError(f"{quoted(text)} has a control character or a line break: write it on one line")
    if len(text) > _LONGEST_WORD:
        raise ValueError(f"{quoted(text)} has {len(text)} characters: write at most {_LONGEST_WORD}")
    return text or None
