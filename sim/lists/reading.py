"""A list of devices, as an administrator exports it from a console (model 11.1, 11.2; language 1.2, 4)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError, UnreadableError
from sim.lists import columns
from sim.lists.dates import Dates, read_dates
from sim.lists.devices import COLUMNS, GONE, KNOWN, DeviceList, LeftOut, ListOptions
from sim.lists.table import ListProblem, Table, open_table
from sim.lists.zones import is_zone, moment_of, zone_in
from sim.text import date, listed, plural, quoted, visible

Ints = NDArray[np.int64]

MOST_REPORTED: Final = 50
_OLDEST_S: Final = 25 * 31_557_600
"""An age beyond it is a mistake, not a silence."""
_FOOTER: Final = re.compile(
    r"(?:total|sum|count|rows?|records?|generated|exported|created|report|page|end of|gesamt|summe|anzahl|"
    r"seite|итого|всего)\b|[0-9]+ (?:devices?|rows?|records?|entries|geräte|устройств)|[-=*_]{3,}$",
    re.IGNORECASE,
)


class ListError(InputError):
    """A list that cannot be read as it is; `problems` holds all that is wrong with it."""

    def __init__(self, file: str, problems: Sequence[ListProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(_line_of(visible(file), each) for each in problems))


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
        where: by name of a column of the language, its place among those of the file.
        cells: by name of a column, the trimmed texts of the devices.
        lines: the line of each device; int64.
    """

    def __init__(self, content: bytes, options: ListOptions, duration_s: Callable[[str], int]) -> None:
        self.options = options
        self.duration_s = duration_s
        self.sha256 = hashlib.sha256(content).hexdigest()
        self.problems: list[ListProblem] = []
        self.notes: list[str] = []
        self.left_out: list[LeftOut] = []
        self.where: dict[str, int] = {}
        self.cells: dict[str, list[str]] = {}
        self.lines: Ints = np.zeros(0, dtype=np.int64)
        self.table = Table([], 1, ",", "", "")
        self.unreported = 0
        self.is_zone_named = False
        for key, zone in (("list.timezone", options.timezone), ("timezone", options.default_timezone)):
            if zone is not None and not is_zone(zone):
                self._say(key, f"{quoted(zone)} is no time zone: write one such as Europe/Berlin or UTC")
        wanted = [options.columns.get(name, name) for name in COLUMNS] + list(options.only)
        if options.suggests:
            wanted += [each for names in columns.HEADERS.values() for each in names]
        try:
            self.table = open_table(content, wanted=map(columns.folded, wanted), encoding=options.encoding)
        except UnreadableError as error:
            key = "list.encoding" if error.line is None else ""
            self.problems.append(ListProblem(error.line, error.column, key, f"the list {error}"))
            return
        only = self._find_columns()
        if not self.problems:
            self._read_rows(only)

    def _find_columns(self) -> dict[str, int]:
        """Fill `where`, and give the places of the headers of `only`."""
        for name in COLUMNS:
            if (at := self._index(name, f"columns.{name}")) is not None:
                self.where[name] = at
        only: dict[str, int] = {}
        for header in self.options.only:
            try:
                only[header] = columns.index_of(self.table.header, header, is_needed=True) or 0
            except columns.HeaderError as error:
                self._say(f"list.only.{header}", str(error))
        if "id" not in self.where and not self.problems:
            shown = ", ".join(quoted(each) for each in self.table.header[:8])
            such = (
                visible((columns.candidates(self.table.header, "id") or self.table.header)[0][:40])
                or "Device"
            )
            message = f"no column is called id (there is {shown}): name it, such as columns: {{id: {such}}}"
            self.problems.append(ListProblem(self.table.header_line, 1, "", message))
        return only

    def _index(self, name: str, key: str) -> int | None:
        """The place of a column; of several that consoles name so, the user must choose."""
        header, is_named = self.table.header, name in self.options.columns
        try:
            at = columns.index_of(header, self.options.columns.get(name, name), is_needed=is_named)
        except columns.HeaderError as error:
            if error.index is None or is_named:
                self._say(key, str(error))
            else:
                place = self.table.place(self.table.header_line, error.index)
                self.problems.append(ListProblem(*place, "", str(error)))
            return None
        found = (
            columns.candidates(header, name) if self.options.suggests and at is None and not is_named else []
        )
        if len(found) == 1:
            self.notes.append(f"the column {quoted(found[0])} is taken as {name}")
            return header.index(found[0])
        if found:
            several = listed([quoted(each) for each in found[:5]], last="or")
            such = f"columns: {{{name}: {visible(found[0])}}}"
            self._say(key, f"{several} may be {name}: say which, such as {such}")
        return at

    # --- rows ----------------------------------------------------------------------------------------

    def _read_rows(self, only: Mapping[str, int]) -> None:
        """Fill `cells` and `lines` with the rows of devices; the others are left out and counted."""
        table = self.table
        table.read([*self.where.values(), *only.values()])
        self.problems += table.problems[:MOST_REPORTED]
        self.unreported += max(0, len(table.problems) - MOST_REPORTED)
        if table.is_requoted:
            self.notes.append("each line was in quotes as a whole, and was read without them")
        if table.ragged:
            self.notes.append(
                f"{plural(table.ragged, 'row')} shorter or longer than the header by empty cells"
            )
        texts = [[cell.strip() for cell in column] for column in zip(*table.rows, strict=True)]
        if '="' in table.text:
            texts = [[re.sub(r'^="(.*)"$', r"\1", cell) for cell in column] for column in texts]
        n = len(table.rows)
        texts = texts or [[] for _ in range(len(self.where) + len(only))]
        by_name = dict(zip(self.where, texts, strict=False))
        keep = np.ones(n, dtype=bool)
        blank = np.array([not any(row) for row in zip(*by_name.values(), strict=True)], dtype=bool)
        self._leave_out("nothing in the columns that are used", keep, blank)
        for header, column in zip(only, texts[len(self.where) :], strict=True):
            taken = {each.strip().lower() for each in self.options.only[header]}
            others = np.array([cell.lower() not in taken for cell in column], dtype=bool)
            self._leave_out(f"by list: {{only: {{{visible(header)}: ...}}}}", keep, others, column)
            if n and not keep.any():
                there = ", ".join(quoted(each) for each in sorted(set(column))[:5])
                self._say(f"list.only.{header}", f"no row has any of these: the column holds {there}")
        self._leave_out("below the table", keep, self._is_footer(by_name, keep), by_name["id"])
        if "platform" in by_name:
            column = by_name["platform"]
            names = {text for text in set(column) if columns.is_other_system(text)}
            others = np.array([text in names for text in column], dtype=bool)
            self._leave_out("another system", keep, others, column)
        at = np.flatnonzero(keep).tolist()
        self.cells = {name: [column[i] for i in at] for name, column in by_name.items()}
        self.lines = np.asarray(table.line, dtype=np.int64)[keep]
        if n and not at and not self.problems:
            self.notes.append("no row is a device")

    def _leave_out(
        self, reason: str, keep: NDArray[np.bool_], which: NDArray[np.bool_], texts: Sequence[str] = ()
    ) -> None:
        """Take rows from `keep`, and count them."""
        rows = np.flatnonzero(keep & which)
        if rows.size:
            such = dict.fromkeys(texts[i] for i in rows.tolist()) if texts else {}
            self.left_out.append(LeftOut(reason, int(rows.size), tuple(such)[:3]))
            keep[rows] = False

    def _is_footer(self, texts: Mapping[str, list[str]], keep: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which of the last rows say `Total: 1 device`, and have nothing else in the columns."""
        footer = np.zeros(len(keep), dtype=bool)
        for i in np.flatnonzero(keep)[:-6:-1].tolist():
            text, others = texts["id"][i], sum(bool(column[i]) for column in texts.values()) - 1
            if others or not _FOOTER.match(text) or (len(texts) == 1 and ":" not in text):
                break
            footer[i] = True
        return footer

    # --- cells ---------------------------------------------------------------------------------------

    def result(self) -> DeviceList:
        """The devices, and all that is wrong."""
        n = len(self.lines)
        zone = self._zone()
        texts = self.cells.get("last_sync", [""] * n)
        is_named = self.options.timezone is not None
        dates = read_dates(texts, zone=zone, order=self.options.dates, has_zone=is_named, lines=self.lines)
        for fault in dates.faults:
            sentence = partial(_sentence, texts, fault.message)
            self._report("last_sync", fault.rows, sentence, has_one_cause=fault.has_one_cause)
        contact, exported_s = self._contact(dates)
        if dates.forms and not dates.has_times:
            self.notes.append("dates have no time of day: 00:00 is taken, so ages are up to a day too long")
        self._check_ids(self.cells.get("id", []))
        every_s = self._values("sync_every", self._period_s, 0)
        held = self._values("holds_reserve", columns.read_yes, False)
        platforms = self._values("platform", columns.read_platform, None)
        groups = self._values("group", columns.read_group, None)
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
            is_zone_assumed=dates.local > 0 and not is_named and not self.is_zone_named,
            left_out=tuple(self.left_out),
            notes=tuple(self.notes),
            problems=self._sorted_problems(),
        )

    def _zone(self) -> str:
        """The zone of dates that name none: that of the options, else of the header, else the default."""
        given = self.options.timezone
        header = self.table.header[self.where["last_sync"]] if "last_sync" in self.where else ""
        named = "UTC" if columns.folded(header) in columns.UTC_HEADERS else zone_in(header)
        self.is_zone_named = named is not None
        if named is not None and given is None and named != self.options.default_timezone:
            self.notes.append(f"the header {quoted(header)} gives the zone of dates without one: {named}")
        elif named is not None and given is not None and named != given:
            self.notes.append(
                f"the header {quoted(header)} names a zone, but list: {{timezone: {given}}} counts"
            )
        zone = given or named or self.options.default_timezone
        return zone if is_zone(zone) else "UTC"

    def _contact(self, dates: Dates) -> tuple[NDArray[np.int8], int | None]:
        """What is known of each contact, and when the list was made (model 11.1, 11.2)."""
        contact = dates.kind.copy()
        known, exported_s = contact == KNOWN, self.options.exported_s
        if not known.any():
            return contact, exported_s
        newest_s = int(dates.seconds[known].max())
        exported_s = newest_s if exported_s is None else exported_s
        ages_s = exported_s - dates.seconds
        zone = self.options.default_timezone if is_zone(self.options.default_timezone) else "UTC"
        made, newest = (date(moment_of(each, zone)) for each in (exported_s, newest_s))
        texts = self.cells["last_sync"]
        self._report(
            "last_sync",
            np.flatnonzero(known & (ages_s < 0)),
            lambda i: (
                f"{quoted(texts[i])} is later than the list, made {made}: write "
                f"list: {{exported: {newest}}}, or list: {{timezone: ...}} if the dates are of another zone"
            ),
            has_one_cause=True,
        )
        self._report(
            "last_sync",
            np.flatnonzero(known & (ages_s > _OLDEST_S)),
            lambda i: (
                f"{quoted(texts[i])} is more than 25 years before the list, made {made}: write never for a "
                "device that never connected, and leave blank what is not known"
            ),
        )
        if self.options.gone_after_s is not None:
            contact[known & (ages_s > self.options.gone_after_s)] = GONE
        return contact, exported_s

    def _check_ids(self, ids: list[str]) -> None:
        """Every device has an id of its own, which no spreadsheet has rounded."""
        errors = columns.wrong_ids(ids)
        rounded = [i for i, text in enumerate(ids) if "+" in text and columns.ROUNDED.fullmatch(text)]
        self._report("id", rounded, lambda i: columns.rounded_message(ids[i]), has_one_cause=True)
        if errors:
            self._report("id", [i for i, text in enumerate(ids) if text in errors], lambda i: errors[ids[i]])
        if len(set(ids)) < len(ids):
            first: dict[str, int] = {}
            known = {ids[i] for i in rounded} | set(errors)
            again = [i for i, text in enumerate(ids) if first.setdefault(text, i) != i and text not in known]
            taken = self.table.header[self.where["id"]]
            others = [each for each in columns.candidates(self.table.header, "id") if each != taken]
            other = f", or take columns: {{id: {visible(others[0])}}}" if others else ""
            self._report(
                "id",
                again,
                lambda i: (
                    f"{quoted(ids[i])} is already at line {self.lines[first[ids[i]]]}: "
                    f"keep one row a device{other}"
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
            self._report(
                name, [i for i, text in enumerate(texts) if text in errors], lambda i: errors[texts[i]]
            )
        return [values[text] for text in texts]

    # --- mistakes ------------------------------------------------------------------------------------

    def _say(self, key: str, message: str) -> None:
        self.problems.append(ListProblem(None, None, key, message))

    def _report(
        self,
        name: str,
        rows: Sequence[int] | Ints,
        message: Callable[[int], str],
        *,
        has_one_cause: bool = False,
    ) -> None:
        """Rows with one kind of mistake: one sentence if one change mends them, or if no row is without."""
        count = len(rows)
        is_one = count > 1 if has_one_cause else count > 2 and count == len(self.lines)
        for i in rows[: 1 if is_one else MOST_REPORTED]:
            line, column = self.table.place(int(self.lines[i]), self.where[name])
            also = f" (and so in {plural(count - 1, 'more row')})" if is_one else ""
            self.problems.append(ListProblem(line, column, "", f"{name}: {message(int(i))}{also}"))
        self.unreported += 0 if is_one else max(0, count - MOST_REPORTED)

    def _sorted_problems(self) -> tuple[ListProblem, ...]:
        """Problems in the order of the file, after those of options, and how many more rows have one."""
        found = sorted(self.problems, key=lambda each: (each.line or 0, each.column or 0))
        self.unreported += max(0, len(found) - MOST_REPORTED)
        if self.unreported:
            message = f"and {plural(self.unreported, 'more wrong row')}: correct these first"
            found[MOST_REPORTED:] = [ListProblem(None, None, "", message)]
        return tuple(found)


def _sentence(texts: Sequence[str], message: str, i: int) -> str:
    return f"{quoted(texts[i])} {message}"


def _line_of(file: str, problem: ListProblem) -> str:
    place = ":".join(str(each) for each in (file, problem.line, problem.column) if each is not None)
    return ": ".join(part for part in (place, visible(problem.key), problem.message) if part)
