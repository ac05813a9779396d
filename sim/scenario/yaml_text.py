"""Scenarios as YAML 1.2: text to a tree with places, bounded while it is read; values to text.

The tree is built from PyYAML's events: its own composer recurses, and a deep file ends the process.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import yaml
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from sim.files import lines_of
from sim.scenario.document import DEEPEST, MOST_NODES, MOST_PROBLEMS, Node, Scalar, with_value
from sim.scenario.problems import Place, Problem, ScenarioError
from sim.scenario.values import ReadFloat, ReadInt
from sim.text import LONGEST_ECHO, quoted, shortened, visible

_LOADER: Final[type[yaml.SafeLoader]] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAGS: Final = {
    "tag:yaml.org,2002:str": ScalarEvent,
    "tag:yaml.org,2002:map": MappingStartEvent,
    "tag:yaml.org,2002:seq": CollectionStartEvent,
}


# --- read ----------------------------------------------------------------------------------------------


def read_tree(text: str, *, file: str) -> tuple[Node, list[Problem]]:
    """The tree of one YAML document, and what is wrong with it that does not stop the reading.

    Raises:
        ScenarioError: the text is not YAML, is too deep or too large, or holds no document or several.
    """
    return _Builder(text, file).read()


def with_overrides(node: Node, overrides: Sequence[tuple[str, str]]) -> tuple[Node, list[Problem]]:
    """The tree with other values at dotted keys, set in order, and what is wrong with them.

    A value is read as YAML, on one line as one would write it in the file; an empty one takes the key away.
    """
    problems: list[Problem] = []
    for key, written in overrides:
        place = Place(f"--set {shortened(f'{key}={written}', 2 * LONGEST_ECHO)}")
        new, wrong = Node(None, place), list[Problem]()
        try:
            if written.strip():
                new, wrong = read_tree(written, file=place.file)
        except ScenarioError as error:
            wrong = list(error.problems)
        if wrong:
            problems += [_of_override(each, place, key) for each in wrong]
        else:
            node, wrong = with_value(node, key, new.moved_to(place), place=place)
            problems += wrong
    return node, problems


def _of_override(problem: Problem, place: Place, key: str) -> Problem:
    shown = f"{visible(key)}.{problem.key}" if problem.key else visible(key)
    return Problem.at(place, key=shown, message=problem.message)


class _Builder:
    """Builds the tree from PyYAML's events, stopping as soon as a bound is passed."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.events: Iterator[Event] = iter(())
        self.problems: list[Problem] = []
        self.anchors: dict[str, Node] = {}
        self.nodes = 0
        self.steps: list[str | int] = []

    def read(self) -> tuple[Node, list[Problem]]:
        try:
            self.events = iter(yaml.parse(self.text, Loader=_LOADER))
            root = self._document()
        except yaml.YAMLError as error:
            raise ScenarioError([*self.problems, _syntax_problem(error, self.text, self.file)]) from None
        except (ValueError, OverflowError) as error:  # PyYAML's own scanner hands \UFFFFFFFF to chr()
            message = f"this is not YAML ({error}): quote texts that hold special characters"
            raise ScenarioError([*self.problems, Problem(self.file, 1, 1, "", message)]) from None
        return root, self.problems

    def _document(self) -> Node:
        next(self.events)  # the start of the stream
        if isinstance(next(self.events), StreamEndEvent):
            message = "the file is empty: `reissue new` prints a scenario to start from"
            raise self._stop(Place(self.file, 1, 1), message)
        root = self._build(next(self.events))
        next(self.events)  # the end of the document
        after = next(self.events)
        if isinstance(after, DocumentStartEvent):
            message = "a second document starts here: keep one scenario per file"
            raise self._stop(self._place(after), message)
        return root

    def _build(self, event: Event) -> Node:
        place = self._place(event)
        if isinstance(event, AliasEvent):
            return self._alias(event, place)
        self._count(1, place)
        if isinstance(event, ScalarEvent):
            node = self._scalar(event, place)
        elif isinstance(event, MappingStartEvent):
            self._check_depth(1, place)
            node = self._mapping(event, place)
        else:
            self._check_depth(1, place)
            node = self._sequence(event, place)
        if isinstance(event, NodeEvent) and event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def _alias(self, event: AliasEvent, place: Place) -> Node:
        node = self.anchors.get(event.anchor or "")
        if node is None:
            name = shortened(event.anchor or "")
            advice = f"write &{name} before the value meant"
            return self._wrong(place, f'"*{name}" refers to nothing above it: {advice}')
        size, height = _extent(node)
        self._count(size, place)
        self._check_depth(height, place)
        return node

    def _scalar(self, event: ScalarEvent, place: Place) -> Node:
        if self._refuses_tag(event, place):
            return Node(None, place, is_wrong=True)
        if _is_cut(event.value):
            return self._wrong(place, "half of a surrogate pair is no character: write the character itself")
        is_plain = event.implicit[0] and event.tag is None and not event.style
        try:
            return Node(resolve_scalar(event.value) if is_plain else event.value, place)
        except ValueError as error:
            return self._wrong(place, str(error))

    def _sequence(self, event: Event, place: Place) -> Node:
        wrong = self._refuses_tag(event, place)
        items: list[Node] = []
        while not isinstance(inner := next(self.events), SequenceEndEvent):
            items.append(self._below(len(items), inner))
        return Node(tuple(items), place, is_wrong=wrong)

    def _mapping(self, event: Event, place: Place) -> Node:
        wrong = self._refuses_tag(event, place)
        items: dict[str, Node] = {}
        key_places: dict[str, Place] = {}
        while not isinstance(inner := next(self.events), MappingEndEvent):
            name, key_place = self._key(inner), self._place(inner)
            value = self._below(name or "?", next(self.events))
            if name is None:
                wrong = True
            elif value.value is None and (slip := self._slip(name, key_place, list(items.items())[-1:])):
                self._report(*slip)
                items |= {each: replace(items[each], is_wrong=True) for each in slip[2:] if each in items}
                wrong = True
            elif name in items:
                first = key_places[name]
                where = f"line {first.line}, column {first.column}"
                message = f"{quoted(name)} is already given at {where}: keep one of the two"
                self._report(key_place, message, name)
            else:
                items[name], key_places[name] = value, key_place
        return Node(items, place, key_places, is_wrong=wrong)

    def _slip(self, name: str, place: Place, before: list[tuple[str, Node]]) -> tuple[Place, str, str] | None:
        """What is wrong with a key without value: half of a number, or a key and its value in one."""
        line = lines_of(self.text)[(place.line or 1) - 1]
        at = (place.column or 1) - 1
        if line[at - 1 : at] == "," and (half := re.fullmatch(r"[0-9]+ *[%a-z]*", name)) and before:
            ((key, value),) = before
            whole = f"{key}: {getattr(value.value, 'text', value.value)}.{half[0]}"
            return value.place, f"a comma separates keys inside {{ }}: write a decimal point, {whole}", key
        if glued := re.fullmatch(r"([A-Za-z_]+):(\S+)", name):
            return place, f"put a blank after the colon: {glued[1]}: {shortened(glued[2])}", glued[1]
        return None

    def _key(self, event: Event) -> str | None:
        """The text of a key, or None where it cannot be one (which is reported)."""
        place = self._place(event)
        if not isinstance(event, ScalarEvent):
            if not isinstance(event, AliasEvent):
                self._below("?", event)
            self._report(place, "a key must be a plain word: write key: value")
            return None
        self._count(1, place)
        if event.tag is not None or event.anchor is not None:
            self._report(place, f"the key {quoted(event.value)} has a tag or an anchor: write the key alone")
        elif event.value == "<<" and not event.style:
            message = "merge keys (<<) are not read: write the keys out, or use an alias for a whole value"
            self._report(place, message)
        elif _is_cut(event.value):
            self._report(place, "half of a surrogate pair is no character: write the key as a plain word")
        else:
            return event.value
        return None

    def _refuses_tag(self, event: Event, place: Place) -> bool:
        tag = event.tag if isinstance(event, ScalarEvent | CollectionStartEvent) else None
        if tag is None or tag == "!" or isinstance(event, _TAGS.get(tag, ())):
            return False
        shown = quoted(tag.replace("tag:yaml.org,2002:", "!!"))
        self._report(place, f"the tag {shown} is not read: leave it out and write the plain value")
        return True

    def _count(self, nodes: int, place: Place) -> None:
        self.nodes += nodes
        if self.nodes > MOST_NODES:
            advice = "list devices in an inventory"
            raise self._stop(
                place, f"more than {MOST_NODES:,} values, counting aliases written out: {advice}"
            )

    def _check_depth(self, below: int, place: Place) -> None:
        if len(self.steps) + below > DEEPEST:
            raise self._stop(place, f"nested more than {DEEPEST} deep: no part of a scenario is")

    def _place(self, event: Event) -> Place:
        mark = event.start_mark
        assert mark is not None
        return Place(self.file, mark.line + 1, mark.column + 1)

    def _below(self, step: str | int, event: Event) -> Node:
        self.steps.append(step)
        node = self._build(event)
        self.steps.pop()
        return node

    def _wrong(self, place: Place, message: str) -> Node:
        """A value that cannot be read, which is reported."""
        self._report(place, message)
        return Node(None, place, is_wrong=True)

    def _report(self, place: Place, message: str, *below: str) -> None:
        self.problems.append(Problem.at(place, key=self._key_of_here(*below), message=message))
        if len(self.problems) >= MOST_PROBLEMS:
            raise self._stop(
                place, f"reading stops here, after {MOST_PROBLEMS} mistakes: correct those first"
            )

    def _stop(self, place: Place, message: str) -> ScenarioError:
        return ScenarioError([*self.problems, Problem.at(place, key=self._key_of_here(), message=message)])

    def _key_of_here(self, *below: str) -> str:
        return ".".join(shortened(str(step)) for step in (*self.steps, *below))


def _is_cut(text: str) -> bool:
    """Whether an escape has left half of a surrogate pair in a text."""
    return not text.isascii() and re.search("[\ud800-\udfff]", text) is not None


def _extent(node: Node) -> tuple[int, int]:
    """How many values a tree has, aliases written out, and how deep its sections and lists go."""
    if not isinstance(node.value, dict | tuple):
        return 1, 0
    inner = node.value.values() if isinstance(node.value, dict) else node.value
    extents = [_extent(each) for each in inner]
    return 1 + sum(size for size, _ in extents), 1 + max((height for _, height in extents), default=0)


# --- scalars -------------------------------------------------------------------------------------------

MOST_DIGITS: Final = 40
_NULL: Final = re.compile(r"null|Null|NULL|~|")
_BOOL: Final = re.compile(r"(true|True|TRUE)|false|False|FALSE")
_INT: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)


def resolve_scalar(text: str) -> Scalar:
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
    complaint, context, mark, opened = "", "", None, None
    if isinstance(error, yaml.MarkedYAMLError):
        complaint, context = error.problem or "", error.context or ""
        mark, opened = error.problem_mark, error.context_mark
    is_open = re.search(r"simple key|flow", context) or _is_at_end(mark, text, complaint)
    if opened is not None and is_open:
        mark = opened  # where it begins says more than where the parser gave up
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    lines = lines_of(text)
    if line > len(lines):  # libyaml gives up beyond a last line that does not end
        line, column = len(lines), len(lines[-1]) + 1
    if cause := _cause_above(lines[:line], complaint):
        return Problem(file, *cause[:2], "", f"this is not YAML: {cause[2]}")
    written = lines[line - 1]
    if "mapping values" in complaint and ": " not in written[: column - 1]:
        column = len(written) - len(written.lstrip(" ")) + 1
    if "\t" in written[:column] and "quoted" not in context:
        complaint = f"'\\t' {complaint}"
    for pattern, advice in _ADVICE.items():
        if re.search(pattern, complaint):
            return Problem(file, line, column, "", f"this is not YAML: {advice}")
    shown = visible(" ".join((complaint or str(error)).split()))[:100]
    advice = "check the quotes, colons and indentation here"
    return Problem(file, line, column, "", f"this is not YAML ({shown}): {advice}")


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


def _is_at_end(mark: yaml.Mark | None, text: str, complaint: str) -> bool:
    """Whether the parser only noticed at the end of the text."""
    return "end of stream" in complaint or (
        mark is not None and not "".join(lines_of(text)[mark.line :]).strip()
    )


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
    """A value of the language on one line: `{exponential: 16h}`, `[6h, 9h]`, `true`, `null`."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {to_line(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(to_line, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)


def to_flow(value: object) -> str:
    """A value as YAML on one line, as `--set` reads it."""
    text = yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=math.inf, default_flow_style=True
    )
    return text.removesuffix("...\n").rstrip("\n")


def to_yaml(document: Mapping[str, Any]) -> str:
    """`document` (dictionaries, lists and scalars) as block YAML in the order of its keys."""
    return yaml.dump(dict(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
