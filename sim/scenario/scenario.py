"""A scenario as the rest of the simulator meets it: frozen, checked, every value resolved (language 1).

It is read in rounds: the text, the single values, what ties them together. Each reports all its mistakes.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import PrivateAttr, ValidationError

from sim.errors import InputError, UnreadableError
from sim.files import decode, read_bytes
from sim.scenario.document import DEEPEST, Document, from_python
from sim.scenario.instants import Instant, parse_instant
from sim.scenario.inventory import Inventories, Inventory
from sim.scenario.mistakes import check_files, check_instants, check_names, mistakes_in
from sim.scenario.problems import Place, Problem, ScenarioError, steps_of
from sim.scenario.schema import Contents
from sim.scenario.values import kind_of, plain
from sim.scenario.yaml_text import read_tree, to_flow, to_line, to_yaml, with_overrides
from sim.summary import Column, Summary, Table, notes
from sim.summary.answer import Answer
from sim.text import plural, shortened, span, visible

MOST_SCENARIO_BYTES = 2_000_000


@dataclass(frozen=True, slots=True)
class Source:
    """The file a scenario was read from, as it was then, and what was set over it."""

    path: Path
    text: bytes
    overrides: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Origin:
    """What a scenario was made of, so that it can be shown, changed and written again.

    Attributes:
        written: the values with their places.
        first: the values before anything was set or changed.
        folder: where the files lie that it names.
        source: the file, if it was read from one.
        inventories: by index of the group.
        tables: inventories that are no files, by the names they get.
        file_validity_s: not-before and not-after of the first certificate's file, once known.
    """

    written: Document
    folder: Path
    source: Source | None = None
    first: Any = None
    inventories: Mapping[int, Inventory] = field(default_factory=dict)
    tables: Mapping[str, bytes] = field(default_factory=dict)
    file_validity_s: tuple[int, int] | None = None


class Scenario(Contents, Answer):
    """A scenario; made by `load`, `changed` or from its keys, always checked as a whole.

    Durations are whole seconds, shares lie in [0, 1], `start` is aware and in UTC. Two scenarios are equal if
    every value and the content of every inventory is.
    """

    _origin: _Origin = PrivateAttr()

    # --- made ------------------------------------------------------------------------------------

    def __init__(self, **keys: Any) -> None:
        """As `from_document`."""
        made = Scenario.from_document(keys)
        for name in ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__"):
            object.__setattr__(self, name, getattr(made, name))

    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @classmethod
    def model_validate(cls, obj: Any, **_: Any) -> Scenario:
        """As `from_document`."""
        return cls.from_document(obj)

    @classmethod
    def from_document(
        cls,
        document: Mapping[str, Any],
        *,
        folder: Path | None = None,
        inventories: Mapping[int, Inventory] | None = None,
    ) -> Scenario:
        """A scenario from a dictionary in the form of the language, as a YAML reader would give it.

        Values may also be what another scenario holds, dates, timedeltas, paths, scalars and columns of numpy
        and pandas; an inventory may be a DataFrame with the columns of a device list.

        Args:
            document: the keys of a scenario file.
            folder: where inventories and certificates lie; default: the current directory.
            inventories: inventories that need not be read again, by index of their group.

        Raises:
            ScenarioError: it is not a scenario; every mistake with its key.
        """
        tables: dict[str, bytes] = {}
        place = Place("<document>")
        written = Document(from_python(document, place=place, tables=tables), {(): place})
        folder = Path.cwd() if folder is None else Path(folder)
        return cls._of(_Origin(written, folder, inventories=inventories or {}, tables=tables))

    @classmethod
    def from_yaml(cls, text: str, *, folder: Path | None = None) -> Scenario:
        """A scenario from the text of a file; `folder` as for `from_document`.

        Raises:
            ScenarioError: it is not a scenario; every mistake with its place in the text.
        """
        if not isinstance(text, str):
            raise _no_text(text, "from_yaml takes the text of a scenario")
        written = read_tree(text, file="<text>")
        return cls._of(_Origin(written, Path.cwd() if folder is None else Path(folder)))

    def changed(self, changes: Mapping[str, Any] | None = None, /, **values: Any) -> Scenario:
        """The same with other values, checked again: `changed({"fleet.phones.devices": 10}, seed=3)`.

        Args:
            changes: values by dotted keys, where a list's items are called by number or name.
            values: by keys of the top level.

        Values are as for `from_document`; None takes a key away.

        Raises:
            ScenarioError: it is no longer a scenario; every mistake with its key.
        """
        if not isinstance(changes, Mapping | None):
            raise InputError(f"changed takes {{key: value}} or key=value, not {kind_of(changes)}")
        origin = self._origin
        written, tables = origin.written, dict(origin.tables)
        for key, value in {**(changes or {}), **values}.items():
            place = Place(f"changed({key})")
            new = from_python(value, place=place, tables=tables, key=str(key))
            written = written.with_value(str(key), new, place=place)
        first = origin.written.value if origin.first is None else origin.first
        return self._of(replace(origin, written=written, first=first, tables=tables))

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Scenario:
        """As `changed`."""
        return self.changed(update)

    def copy(self, **options: Any) -> Scenario:
        """As `changed`."""
        return self.changed(options.get("update"))

    def with_validity(self, *, not_before: datetime, not_after: datetime) -> Scenario:
        """The same scenario, knowing what stands in the first certificate's file (aware datetimes).

        Raises:
            ScenarioError: the certificate is not valid at the start, or an instant counted from its expiry
                lies before the start.
        """
        begins_s, ends_s = (
            (moment - self.start) // timedelta(seconds=1) for moment in (not_before, not_after)
        )
        known = copy.copy(self)
        known._origin = replace(self._origin, file_validity_s=(begins_s, ends_s))
        known._file_validity_s = begins_s, ends_s
        if problems := self._origin.written.placed(check_instants(known)):
            raise ScenarioError(problems)
        return known

    @classmethod
    def _of(cls, origin: _Origin) -> Scenario:
        """The checked scenario of what is written.

        Raises:
            ScenarioError: a section is wrong, or else sections do not fit together.
        """
        written = origin.written
        if not isinstance(written.value, dict):
            found = f"{kind_of(written.value)} is not a scenario"
            message = f"{found}: write keys and values, such as name: My plan"
            raise ScenarioError([Problem.at(written.places[()], key="", message=message)])
        try:
            scenario = super().model_validate(written.value)
        except ValidationError as error:
            raise ScenarioError(written.placed(mistakes_in(error))) from None
        scenario._file_validity_s = origin.file_validity_s
        lists = Inventories(scenario, origin.folder, known=origin.inventories.values(), tables=origin.tables)
        mistakes = [*check_files(scenario, origin.folder), *check_instants(scenario), *lists.mistakes]
        if not lists.mistakes and not lists.problems:
            in_lists = (name for inventory in lists.read.values() for name in inventory.devices.groups)
            mistakes += check_names(scenario, in_lists)
        if problems := [*written.placed(mistakes), *lists.problems]:
            raise ScenarioError(problems)
        scenario._origin = replace(origin, inventories=lists.read)
        return scenario

    # --- what it was made of ---------------------------------------------------------------------

    @property
    def source(self) -> Source | None:
        """The file it was read from, or None."""
        return self._origin.source

    @property
    def document(self) -> dict[str, Any]:
        """The scenario in the form of the language, as written: a dictionary of its own each time."""
        document: dict[str, Any] = plain(self._origin.written.value)
        return document

    @property
    def overrides(self) -> tuple[tuple[str, str], ...]:
        """What was set or changed since it was read or made, in the form that `load` takes."""
        first, now = self._origin.first, self._origin.written.value
        return () if first is None else tuple(_changes("", first, now))

    @property
    def inventories(self) -> Mapping[int, Inventory]:
        """The inventories by index of their group in `fleet`."""
        return self._origin.inventories

    @property
    def folder(self) -> Path:
        """Where the paths in the scenario begin."""
        return self._origin.folder

    def to_yaml(self) -> str:
        """The scenario as YAML without comments; read again beside the same files, it gives an equal one."""
        return to_yaml(self.document)

    def line_of(self, key: str) -> int | None:
        """The line of the value at a dotted key (`strategy.0.reissue`), or of the nearest section around."""
        place = self.place_of(key)
        return None if place is None else place.line

    def place_of(self, key: str) -> Place | None:
        """File, line and column of the value at a dotted key, or of the nearest section around."""
        place = self._origin.written.place_of(steps_of(key))
        return place if place.line is not None else None

    # --- time ------------------------------------------------------------------------------------

    @property
    def validity_s(self) -> tuple[int, int]:
        """Not-before and not-after of the first certificate, in seconds from the start (model 1.4).

        Raises:
            LookupError: they stand in the certificate's file, which has not been read (`with_validity`).
        """
        validity_s = self.known_validity_s
        if validity_s is None:
            raise LookupError(f"the validity of {self.server.certificate.file} has not been read")
        return validity_s

    @property
    def expiry_s(self) -> int:
        """When the certificate that is main at the start expires, in seconds from the start."""
        return self.validity_s[1]

    def instant(self, instant: Instant | str) -> int:
        """Seconds from the start of an instant of this scenario.

        Raises:
            LookupError: it is counted from an expiry that has not been read from its file.
        """
        at_s = self.known_instant(parse_instant(instant) if isinstance(instant, str) else instant)
        return self.validity_s[1] if at_s is None else at_s  # which says what is not known

    # --- shown -----------------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Scenario):
            return NotImplemented
        return self.__dict__ == other.__dict__ and self._lists() == other._lists()

    def __hash__(self) -> int:
        return hash((self.name, self.start, self.duration, self.seed))

    def _lists(self) -> dict[int, str]:
        """What the inventories hold, in short."""
        return {number: inventory.sha256 for number, inventory in self.inventories.items()}

    def _sizes(self) -> list[int]:
        """How many devices each group has."""
        sizes = {number: len(inventory) for number, inventory in self.inventories.items()}
        return [sizes.get(number, group.devices or 0) for number, group in enumerate(self.fleet)]

    @property
    def _dates(self) -> str:
        return f"{self.at(0):%Y-%m-%d} to {self.at(self.duration):%Y-%m-%d}"

    def __repr__(self) -> str:
        parts = [
            plural(sum(self._sizes()), "device"),
            plural(len(self.fleet), "group"),
            self._dates,
            plural(len(self.strategy), "action"),
            plural(len(self.guarantees), "guarantee"),
        ]
        return f"<Scenario {visible(self.name)}: {', '.join(parts)}>"

    __str__ = __repr__

    def summary(self) -> Summary:
        """Who there is, what will be done, what is promised."""
        rows = tuple(
            (
                group.name,
                size,
                group.platform,
                f"every {span(group.sync.every)}, {100 * group.sync.success:.6g} % succeed",
                shortened(to_line(written.get("presence", "always")), 90),
            )
            for group, size, written in zip(self.fleet, self._sizes(), self.document["fleet"], strict=True)
        )
        others = map(Column, ("platform", "synchronizes", "is on"))
        steps = map(_step_in_words, self.document.get("strategy") or ())
        promises = [f"promise: {guarantee.promise}" for guarantee in self.guarantees]
        return Summary(
            self.name,
            f"{self._dates} ({span(self.duration)})",
            (
                Table((Column("group"), Column("devices", "count"), *others), rows),
                notes(*steps, *promises, is_list=True),
            ),
            about=shortened(self.description or "", 400),
        )


def _step_in_words(step: Mapping[str, Any]) -> str:
    """A step of the strategy on one line: `at day 10: reissue {activate: after 30d}`."""
    actions = ", ".join(
        f"{key.replace('_', ' ')} {shortened(to_line(value), 90) if value else ''}".strip()
        for key, value in step.items()
        if key != "at"
    )
    return f"at {step['at']}: {actions}"


def expect_scenario(given: object) -> None:
    """Tell whoever passes a file's name, or anything else, where a scenario belongs.

    Raises:
        InputError: it is not a scenario.
    """
    if isinstance(given, Scenario):
        return
    if isinstance(given, list | tuple) and given and isinstance(given[0], Scenario):
        raise InputError("a list is given where one scenario is expected: write compare(a, b), or {name: a}")
    read = f"sim.load({str(given)!r})" if isinstance(given, str | os.PathLike) else "sim.load(path)"
    raise InputError(f"a scenario is expected here, not {kind_of(given)}: write {read}")


def _changes(key: str, before: object, after: object) -> Iterator[tuple[str, str]]:
    """The dotted keys at which two documents differ, and what the later one has there, as YAML."""
    below: Iterable[str | int] = ()
    if isinstance(before, dict) and isinstance(after, dict) and not any("." in name for name in after):
        below = {**before, **after}
        before, after = ({**dict.fromkeys(below), **each} for each in (before, after))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        below = range(len(after))
    if below and key.count(".") < DEEPEST:
        for step in below:
            yield from _changes(f"{key}.{step}" if key else str(step), before[step], after[step])  # type: ignore[index]
    elif before != after:
        yield key, "" if after is None else to_flow(after)


def _no_text(given: object, expected: str) -> InputError:
    instead = "sim.Scenario.from_document(...)" if isinstance(given, Mapping) else 'sim.load("plan.yaml")'
    return InputError(f"{expected}, not {kind_of(given)}: write {instead}")


# --- read ----------------------------------------------------------------------------------------------


def load(path: str | os.PathLike[str], *, overrides: Sequence[tuple[str, str]] = ()) -> Scenario:
    """The scenario in a YAML file.

    Args:
        path: the file; what it names (inventories, certificates) lies in its folder or below.
        overrides: dotted keys and what to write there instead, as YAML: ("fleet.0.devices", "100").

    Raises:
        ScenarioError: the file cannot be read, is not a scenario, or an override does not fit; all mistakes.
    """
    if not isinstance(path, str | os.PathLike):
        raise _no_text(path, "load takes the path of a scenario file")
    path = Path(path)
    try:
        content = read_bytes(path, most_bytes=MOST_SCENARIO_BYTES)
        text = decode(content)
    except UnreadableError as error:
        raise ScenarioError([Problem(str(path), error.line, error.column, "", f"the file {error}")]) from None
    source = Source(path, content, tuple((key, value) for key, value in overrides))
    first = read_tree(text, file=str(path))
    written = with_overrides(first, source.overrides)
    return Scenario._of(_Origin(written, path.parent, source, first.value))
