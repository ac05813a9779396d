"""Scenarios as YAML 1.2: text to values with places, bounded while it is read; values to text.

Values are built from PyYAML's events: its own composer recurses, and a deep file ends the process.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import yaml
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from sim.files import lines_of
from sim.scenario.document import DEEPEST, MOST_PROBLEMS, MOST_VALUES, Document
from sim.scenario.problems import KeyPath, Place, Problem, ScenarioError, key_of
from sim.scenario.values import ReadFloat, ReadInt
from sim.text import LONGEST_ECHO, quoted, shortened, visible

_LOADER: Final[type[yaml.SafeLoader]] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAGS: Final = {
    "!": Event,
    "tag:yaml.org,2002:str": ScalarEvent,
    "tag:yaml.org,2002:map": MappingStartEvent,
    "tag:yaml.org,2002:seq": CollectionStartEvent,
}
"""Tags that say what is so anyway."""


# --- read ----------------------------------------------------------------------------------------------


def read_tree(text: str, *, file: str) -> Document:
    """The values of one YAML document, with their places.

    Raises:
        ScenarioError: the text is not YAML, holds what is not read, or no document or several.
    """
    reader = _Reader(text, file)
    try:
        document = reader.document()
    except yaml.YAMLError as error:
        reader.problems.append(_syntax_problem(error, text, file))
    except (ValueError, OverflowError) as error:  # PyYAML's own scanner hands \UFFFFFFFF to chr()
        message = f"this is not YAML ({error}): quote texts that hold special characters"
        reader.problems.append(Problem(file, 1, 1, "", message))
    if reader.problems:
        raise ScenarioError(reader.problems)
    return document


def with_overrides(document: Document, overrides: Sequence[tuple[str, str]]) -> Document:
    """The same with other values at dotted keys, set in order.

    A value is read as YAML, on one line as one would write it in the file; an empty one takes the key away.

    Raises:
        ScenarioError: a value is not YAML, or a key leads nowhere; every such mistake.
    """
    problems: list[Problem] = []
    for key, written in overrides:
        place = Place(f"--set {shortened(f'{key}={written}', 2 * LONGEST_ECHO)}")
        try:
            value = read_tree(written, file=place.file).value if written.strip() else None
        except ScenarioError as error:
            for each in error.problems:
                below = f"{visible(key)}.{each.key}".rstrip(".")
                problems.append(Problem.at(place, key=below, message=each.message))
            continue
        try:
            document = document.with_value(key, value, place=place)
        except ScenarioError as error:
            problems += error.problems
    if problems:
        raise ScenarioError(problems)
    return document


class _Reader:
    """Builds values from PyYAML's events, stopping as soon as a bound is passed."""

    def __init__(self, text: str, file: str) -> None:
        self.text, self.file = text, file
        self.events: Iterator[Event] = iter(yaml.parse(text, Loader=_LOADER))
        self.problems: list[Problem] = []
        self.places: dict[KeyPath, Place] = {}
        self.keys: dict[KeyPath, Place] = {}
        self.anchors: dict[str, tuple[KeyPath, Any]] = {}
        self.values = 0

    def document(self) -> Document:
        next(self.events)  # the start of the stream
        if isinstance(next(self.events), StreamEndEvent):
            raise self._stop(Place(self.file, 1, 1), (), "the file is empty: `reissue new` prints a scenario")
        value = self._value(next(self.events), ())
        next(self.events)  # the end of the document
        after = next(self.events)
        if isinstance(after, DocumentStartEvent):
            message = "a second document starts here: keep one scenario per file"
            raise self._stop(self._place(after), (), message)
        return Document(value, self.places, self.keys)

    def _value(self, event: Event, path: KeyPath) -> Any:
        place = self._place(event)
        if isinstance(event, AliasEvent):
            return self._alias(event, path, place)
        self._count(path, place, is_section=not isinstance(event, ScalarEvent))
        self.places[path] = place
        self._refuse_tag(event, path)
        if isinstance(event, ScalarEvent):
            value = self._scalar(event, path)
        elif isinstance(event, MappingStartEvent):
            value = self._section(path)
        else:
            value = []
            while not isinstance(inner := next(self.events), SequenceEndEvent):
                value.append(self._value(inner, (*path, len(value))))
        if anchor := getattr(event, "anchor", None):
            self.anchors[anchor] = path, value
        return value

    def _alias(self, event: AliasEvent, path: KeyPath, place: Place) -> Any:
        if event.anchor not in self.anchors:
            name = shortened(event.anchor or "")
            message = f'"*{name}" refers to nothing above it: write &{name} before the value meant'
            self._report(place, path, message)
            return None
        meant, value = self.anchors[event.anchor]
        return self._repeated(value, meant, path, place)

    def _repeated(self, value: Any, meant: KeyPath, path: KeyPath, place: Place) -> Any:
        """A value once more, at another path, whose places are those of the first."""
        self._count(path, place, is_section=isinstance(value, dict | list))
        self.places[path] = self.places[meant]
        if isinstance(value, dict):
            self.keys |= {(*path, key): self.keys[*meant, key] for key in value}
            return {
                key: self._repeated(each, (*meant, key), (*path, key), place) for key, each in value.items()
            }
        if isinstance(value, list):
            return [self._repeated(each, (*meant, i), (*path, i), place) for i, each in enumerate(value)]
        return value

    def _scalar(self, event: ScalarEvent, path: KeyPath) -> Any:
        try:
            if _is_cut(event.value):
                raise ValueError("half of a surrogate pair is no character: write the character itself")
            is_plain = event.implicit[0] and event.tag is None and not event.style
            return resolve_scalar(event.value) if is_plain else event.value
        except ValueError as error:
            self._report(self.places[path], path, str(error))
            return None

    def _section(self, path: KeyPath) -> dict[str, Any]:
        section: dict[str, Any] = {}
        while not isinstance(inner := next(self.events), MappingEndEvent):
            name, key_place = self._key(inner, path), self._place(inner)
            below = (*path, name or "?")
            if name in section:
                first = self.keys[below]
                message = f"{quoted(name)} is already given at line {first.line}, column {first.column}"
                self._report(key_place, below, f"{message}: keep one of the two")
            value = self._value(next(self.events), below)
            if value is None and name is not None:
                self._find_slip(name, key_place, path, section)
            if name is not None and name not in section:
                section[name], self.keys[below] = value, key_place
        return section

    def _find_slip(self, name: str, place: Place, path: KeyPath, before: Mapping[str, Any]) -> None:
        """Report a key without value that is half of a number, or a key and its value in one."""
        line, at = lines_of(self.text)[(place.line or 1) - 1], (place.column or 1) - 1
        if line[at - 1 : at] == "," and (half := re.fullmatch(r"[0-9]+ *[%a-z]*", name)) and before:
            key, value = list(before.items())[-1]
            whole = f"{key}: {getattr(value, 'text', value)}.{half[0]}"
            message = f"a comma separates keys inside {{ }}: write a decimal point, {whole}"
            self._report(self.places[*path, key], (*path, key), message)
        elif glued := re.fullmatch(r"([A-Za-z_]+):(\S+)", name):
            message = f"put a blank after the colon: {glued[1]}: {shortened(glued[2])}"
            self._report(place, (*path, glued[1]), message)

    def _key(self, event: Event, path: KeyPath) -> str | None:
        """The text of a key, or None where it cannot be one (which is reported)."""
        place, wrong = self._place(event), ""
        if not isinstance(event, ScalarEvent):
            if not isinstance(event, AliasEvent):
                self._value(event, (*path, "?"))
            wrong = "a key must be a plain word: write key: value"
        elif event.tag is not None or event.anchor is not None:
            wrong = f"the key {quoted(event.value)} has a tag or an anchor: write the key alone"
        elif event.value == "<<" and not event.style:
            wrong = "merge keys (<<) are not read: write the keys out, or use an alias for a whole value"
        elif _is_cut(event.value):
            wrong = "half of a surrogate pair is no character: write the key as a plain word"
        else:
            self._count(path, place)
            return event.value
        self._report(place, path, wrong)
        return None

    def _refuse_tag(self, event: Event, path: KeyPath) -> None:
        tag = getattr(event, "tag", None)
        if tag is not None and not isinstance(event, _TAGS.get(tag, ())):
            shown = quoted(tag.replace("tag:yaml.org,2002:", "!!"))
            message = f"the tag {shown} is not read: leave it out and write the plain value"
            self._report(self.places[path], path, message)

    def _count(self, path: KeyPath, place: Place, *, is_section: bool = False) -> None:
        self.values += 1
        if self.values > MOST_VALUES:
            counted = f"more than {MOST_VALUES:,} values, counting aliases written out"
            raise self._stop(place, path, f"{counted}: list devices in an inventory")
        if len(path) + is_section > DEEPEST:
            raise self._stop(place, path, f"nested more than {DEEPEST} deep: no part of a scenario is")

    def _place(self, event: Event) -> Place:
        mark = event.start_mark
        assert mark is not None
        return Place(self.file, mark.line + 1, mark.column + 1)

    def _report(self, place: Place, path: KeyPath, message: str) -> None:
        self.problems.append(Problem.at(place, key=_shown(path), message=message))
        if len(self.problems) >= MOST_PROBLEMS:
            raise self._stop(place, path, f"reading stops here, after {MOST_PROBLEMS} mistakes")

    def _stop(self, place: Place, path: KeyPath, message: str) -> ScenarioError:
        return ScenarioError([*self.problems, Problem.at(place, key=_shown(path), message=message)])


def _shown(path: KeyPath) -> str:
    return key_of(tuple(shortened(str(step)) for step in path))


def _is_cut(text: str) -> bool:
    """Whether an escape has left half of a surrogate pair in a text."""
    return not text.isascii() and re.search("[\ud800-\udfff]", text) is not None


# --- scalars -------------------------------------------------------------------------------------------

MOST_DIGITS: Final = 40
_NULL: Final = re.compile(r"null|Null|NULL|~|")
_BOOL: Final = re.compile(r"(true|True|TRUE)|false|False|FALSE")
_INT: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)


def resolve_scalar(text: str) -> bool | int | float | str | None:
    """A plain scalar by the YAML 1.2 core schema: `yes` and `2026-03-01` are text, `010` is ten.

    Raises:
        ValueError: it is a number of unreasonable length.
    """
    if _NULL.fullmatch(text):
        return None
    if match := _BOOL.fullmatch(text):
        return match[1] is not None
    number: ReadInt | ReadFloat
    if _INT.fullmatch(text):
        if len(text) > MOST_DIGITS:
            raise ValueError(f"a number of {len(text)} digits is too large: write a number below 2^63")
        number = ReadInt(text, 0) if text[:2] in ("0o", "0x") else ReadInt(text)
    elif _FLOAT.fullmatch(text):
        number = ReadFloat(re.sub(r"\.(?=[in])", "", text.lower()))  # .inf and .NaN lose their dot
    else:
        return text
    if str(number) == text:
        return number + 0
    number.text = text
    return number


# --- what the parser's complaints mean ------------------------------------------------------------------

_INDENTED: Final = "the indentation is off or a dash is misplaced: align this line with its neighbours"
_ADVICE: Final = {
    r"'\\t'|tab character|violate indentation": "a tab indents this line: indent with blanks",
    r"mapping values are not allowed": "a second colon, or a key at the wrong depth: align the keys, and "
    "quote a text that holds a colon",
    r"could not find expected ':'": "a line without a colon: write key: value, and quote a longer text",
    r"expected ',' or '\]'": "a list opened by [ here is not closed: write ] or a comma",
    r"expected ',' or '\}'": "a section opened by { here is not closed: write } or a comma",
    r"expected '-' indicator": "a list goes on here, and this line has no dash: put a dash (- ) "
    "before it, or indent it as the keys above",
    r"node content": "a value is missing here, or a [ or { above is not closed: write it",
    r"unexpected end of stream|found end of stream": "a quote that opens here is never closed: close it",
    r"block mapping|<block end>|block collection|block sequence|block entr": _INDENTED,
    r"cannot start any token": "this character cannot begin a value: put the value in quotes",
    r"escape|hexa?decimal": "an escape in double quotes is not one of YAML's: use single quotes",
    r"tag": "a tag (!...) is not read: leave it out",
    r"anchor|alias": "an & or * begins an anchor or alias: quote the text if it is meant literally",
    r"directive|incompatible YAML": "a line that starts with % is a directive: leave it out",
}
"""What the parser says (as a pattern), and what to do about it; the first that fits counts."""
_LISTS: Final = ("fleet", "strategy", "guarantees", "outages", "holidays", "disturbances", "away")
"""Keys whose items begin with a dash."""


def _syntax_problem(error: yaml.YAMLError, text: str, file: str) -> Problem:
    """The problem that the parser met, in words that say what to change."""
    complaint = getattr(error, "problem", None) or str(error)
    context, mark = getattr(error, "context", None) or "", getattr(error, "problem_mark", None)
    lines = lines_of(text)
    is_at_end = mark is not None and not "".join(lines[mark.line :]).strip()
    if is_at_end or re.search(r"simple key|flow|end of stream", f"{context} {complaint}"):
        mark = getattr(error, "context_mark", None) or mark  # where it begins says more than where it ends
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    if line > len(lines):  # libyaml gives up beyond a last line that does not end
        line, column = len(lines), len(lines[-1]) + 1
    if cause := _cause_above(lines[:line], complaint):
        return Problem(file, *cause[:2], "", f"this is not YAML: {cause[2]}")
    written = lines[line - 1]
    if "mapping values" in complaint and ": " not in written[: column - 1]:
        column = len(written) - len(written.lstrip(" ")) + 1
    if "\t" in written[:column] and "quoted" not in context:
        complaint = f"'\\t' {complaint}"
    known = (advice for pattern, advice in _ADVICE.items() if re.search(pattern, complaint))
    shown = visible(" ".join(complaint.split()))[:100]
    advice = next(known, f"check the quotes, colons and indentation here ({shown})")
    return Problem(file, line, column, "", f"this is not YAML: {advice}")


def _cause_above(lines: Sequence[str], complaint: str) -> tuple[int, int, str] | None:
    """Line, column and what would be right where the last of the lines or the one above is the cause."""
    if not re.search(r"mapping values|expected ':'", complaint):
        return None
    *_, holder, above, here = ("", "", *lines)
    for line, text in ((len(lines), here), (len(lines) - 1, above)):
        if glued := re.fullmatch(r"( *(?:- +)?)([A-Za-z_]+):([^\s/].*)", text):
            advice = f"put a blank after the colon: {glued[2]}: {shortened(glued[3])}"
            return line, len(glued[1]) + 1, advice
    name = holder.partition("#")[0].strip().removesuffix(":")
    if name in _LISTS and (pair := re.match(r" *(?=[a-z_]+: +\S)", above)):
        advice = f"{name} is a list: put a dash before its first key, - {shortened(above.strip())}"
        return len(lines) - 1, pair.end() + 1, advice
    return None


# --- written -------------------------------------------------------------------------------------------


class _Dumper(yaml.SafeDumper):
    """Writes texts plainly only where both YAML 1.1 and 1.2 read them as texts."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _write_text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    try:
        is_text = isinstance(resolve_scalar(value), str)
    except ValueError:
        is_text = False
    style = None if is_text and not re.search(r"[\n\r\x85\u2028\u2029]", value) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _write_text)
_Dumper.add_representer(ReadInt, yaml.SafeDumper.represent_int)
_Dumper.add_representer(ReadFloat, yaml.SafeDumper.represent_float)


def to_line(value: object) -> str:
    """A value of the language on one line, to be read: `{exponential: 16h}`, `[6h, 9h]`, `true`, `null`."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {to_line(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(to_line, value)) + "]"
    return to_flow(value) if value is None or isinstance(value, bool) else str(value)


def to_flow(value: object) -> str:
    """A value as YAML on one line, as `--set` reads it."""
    text = yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=math.inf, default_flow_style=True
    )
    return text.removesuffix("...\n").rstrip("\n")


def to_yaml(document: Mapping[str, Any]) -> str:
    """`document` (dictionaries, lists and scalars) as block YAML in the order of its keys."""
    return yaml.dump(dict(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
