"""The types of fields: how each kind of value is read, and what an editor knows of it (language 1.1).

A type is an `Annotated` with what reads the value, where pydantic does not, and its JSON Schema. To add one,
add an alias here; `mistakes.py` words what pydantic finds wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cache, partial
from typing import Annotated, Any, ClassVar, Final, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetPydanticSchema,
    ModelWrapValidatorHandler,
    Tag,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from sim.pki.names import certified_name
from sim.scenario import instants
from sim.scenario.problems import Mistake
from sim.scenario.values import (
    PATTERN_DURATION,
    PATTERN_SHARE,
    is_one_line,
    kind_of,
    parse_duration,
    parse_share,
    plain,
)
from sim.text import quoted, span
from sim.world.certificates import LONGEST_LIFE_S

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2100

DURATION_SCHEMA: Final[dict[str, Any]] = {
    "type": "string",
    "pattern": PATTERN_DURATION,
    "examples": ["30d", "6h", "1h30m", "45m", "90s", "2w", "P30D", "PT6H"],
}
INSTANT_SCHEMA: Final[dict[str, Any]] = {
    "type": "string",
    "pattern": instants.PATTERN,
    "examples": ["2026-03-20", "2026-03-20 09:00", "day 10", "day 10 08:00", "start + 10d", "expiry - 33d"],
}
MOMENT_SCHEMA: Final[dict[str, Any]] = {
    "type": "string",
    "pattern": instants.PATTERN_DATE,
    "examples": ["2026-03-01", "2026-03-01 09:00"],
}
SHARE_SCHEMA: Final[dict[str, Any]] = {
    "anyOf": [{"type": "string", "pattern": PATTERN_SHARE}, {"type": "number", "minimum": 0, "maximum": 1}],
    "examples": ["98%", 0.98],
}

# --- sections ------------------------------------------------------------------------------------------


class Section(BaseModel):
    """A section of a scenario: frozen, strict, no unknown keys; a key without a value counts as absent."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    example: ClassVar[str] = "{}"
    """What a message shows where this section belongs."""
    bare_keys: ClassVar[tuple[str, ...]] = ()
    """Keys that mean something without a value."""

    @model_validator(mode="wrap")
    @classmethod
    def _read(cls, written: object, read: ModelWrapValidatorHandler[Self]) -> Self:
        """The section; each mistake says in its context to which section it belongs."""
        if not isinstance(written, Mapping):
            raise ValueError(f"{kind_of(written)} is not a section: write {cls.example}")
        known = cls.attributes()
        taken: dict[object, object] = {}
        for key, value in written.items():
            if value is not None or key not in known:
                taken[key] = tuple(value) if isinstance(value, list) else value
            elif key in cls.bare_keys:
                taken[key] = {}
        try:
            section = read(taken)
        except ValidationError as error:
            raise _failure(cls, [(each["loc"], each) for each in error.errors(include_url=False)]) from None
        if misfits := [(each.path, {"type": "misfit", "mistake": each}) for each in section.misfits()]:
            raise _failure(cls, misfits)
        return section

    def misfits(self) -> Iterator[Mistake]:
        """What does not fit together in the section, once its values are right; paths begin here."""
        yield from ()

    @property
    def written(self) -> dict[str, object]:
        """The keys that were written, with their values as read."""
        attributes = self.attributes().items()
        return {key: getattr(self, name) for key, name in attributes if name in self.model_fields_set}

    def model_dump(self, **options: Any) -> dict[str, Any]:
        """The section as the language writes it; with options, as pydantic has it."""
        return super().model_dump(**options) if options else plain(self)

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if name.startswith("__") or not hasattr(Section, name)]

    @classmethod
    @cache
    def attributes(cls) -> dict[str, str]:
        """The keys as written, each with the name of its attribute."""
        return {field.alias or name: name for name, field in cls.model_fields.items()}


def names_twice(named: Sequence[Any], key: str) -> Iterator[Mistake]:
    """The sections of a list whose name an earlier one has."""
    seen: set[str] = set()
    for number, each in enumerate(named):
        if each.name in seen:
            message = f"the name {quoted(each.name)} is already taken: give each its own"
            yield Mistake((key, number, "name"), message)
        seen.add(each.name)


def _failure(section: type[Section], errors: list[tuple[tuple[str | int, ...], Any]]) -> ValidationError:
    """The errors with the section that they are about, which pydantic does not tell."""
    marked = [
        (
            at,
            each["ctx"]
            if each["type"] == "marked"
            else {"section": section, "error": each, "why": each.get("msg") or each["mistake"].message},
        )
        for at, each in errors
    ]
    return ValidationError.from_exception_data(
        section.__name__,
        [
            {"type": PydanticCustomError("marked", "{why}", context), "loc": at, "input": None}
            for at, context in marked
        ],
    )


IN_SECTION: Final = "\0section"
IN_OTHER: Final = "\0other section"
IN_WORD: Final = "\0word"
"""Marks in pydantic's error paths that stand for a choice and not for a key."""


def form_of(value: object) -> str:
    """Whether something is written as a section or as a word, for values that may be either."""
    return IN_SECTION if isinstance(value, Mapping | Section) else IN_WORD


_Word = TypeVar("_Word")
_Section = TypeVar("_Section")
WordOr = Annotated[
    Annotated[_Word, Tag(IN_WORD)] | Annotated[_Section, Tag(IN_SECTION)], Discriminator(form_of)
]
"""A word (or number), or a section."""


def read_by(read: Callable[[Any], object], json: Mapping[str, Any]) -> GetPydanticSchema:
    """Marks a field whose value a function reads, where a ValueError is a mistake in the file.

    Args:
        read: gives the value; it replaces every other check.
        json: its JSON Schema, for editors.
    """
    return GetPydanticSchema(
        lambda _source, _handler: core_schema.no_info_plain_validator_function(read),
        lambda _schema, _handler: dict(json),
    )


@dataclass(frozen=True, eq=False)
class ReadAs:
    """Marks a field that is written as one type and turned into another.

    Attributes:
        written: the type as written.
        make: gives the value; a ValueError of it is a mistake in the file.
    """

    written: Any
    make: Callable[[Any], object]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """What is written is checked first."""
        return core_schema.no_info_after_validator_function(
            self.make,
            handler.generate_schema(self.written),
            serialization=core_schema.simple_ser_schema("any"),
        )


# --- texts and numbers ---------------------------------------------------------------------------------


def _one_line(value: str) -> str:
    if not is_one_line(value):
        raise ValueError(f"{quoted(value)} has a control character or a line break: write it on one line")
    if value != value.strip() or not value:
        raise ValueError(f"{quoted(value)} is blank, or has blanks around it: write the text alone")
    return value


Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_one_line)]
"""One line of text."""
FilePath = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_one_line)]
"""A relative path, below the scenario's folder."""
Header = Annotated[str, Field(min_length=1, max_length=1000)]
"""The header of a column, as it is in the file."""
Platform = Literal["android", "ios", "aurora"]


def _yes_or_no(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("yes", "no"):
        return value == "yes"
    raise ValueError(f"{kind_of(value)} is neither yes nor no: write yes or no")


YesNo = Annotated[bool, read_by(_yes_or_no, {"enum": [True, False, "yes", "no"]})]

Share = Annotated[float, read_by(parse_share, SHARE_SCHEMA)]
PositiveShare = Annotated[float, read_by(partial(parse_share, above_zero=True), SHARE_SCHEMA)]
Confidence = Annotated[float, read_by(partial(parse_share, above_zero=True, below_one=True), SHARE_SCHEMA)]


# --- time ----------------------------------------------------------------------------------------------


def _instant(value: object) -> instants.Instant:
    if isinstance(value, str):
        return instants.parse_instant(value)
    raise ValueError(f"{kind_of(value)} is not an instant: {instants.HOW}")


def read_moment(value: object, *, zone: tzinfo) -> datetime:
    """The date or the date and time at which a run may start; without an offset it is in `zone`."""
    if not isinstance(value, str):
        raise ValueError(f"{kind_of(value)} is not a date: {instants.HOW_DATE}")
    moment = instants.parse_moment(value, zone=zone)
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        years = f"write a year from {FIRST_YEAR} to {LAST_YEAR}"
        raise ValueError(f"the year {moment.year} is out of range: {years}")
    return moment


def _phase(value: object) -> object:
    try:
        return value if value in ("random", "even") else parse_duration(value)
    except ValueError as error:
        raise ValueError(f"{error}; or random, or even") from None


Duration = Annotated[int, read_by(parse_duration, DURATION_SCHEMA)]
"""Whole seconds, 0 included."""
Period = Annotated[int, read_by(partial(parse_duration, least_s=1), DURATION_SCHEMA)]
"""Whole seconds, at least 1."""
CertificateLife = Annotated[
    int, read_by(partial(parse_duration, least_s=1, most_s=LONGEST_LIFE_S), DURATION_SCHEMA)
]
Instant = Annotated[instants.Instant, read_by(_instant, INSTANT_SCHEMA)]
Moment = Annotated[datetime, read_by(lambda value: value, MOMENT_SCHEMA)]
"""Read by `read_moment`, which needs the time zone."""
Phase = Annotated[
    Literal["random", "even"] | int,
    read_by(_phase, {"anyOf": [{"enum": ["random", "even"]}, DURATION_SCHEMA]}),
]
Timezone = Annotated[
    str, read_by(instants.read_zone, {"type": "string", "examples": ["Europe/Berlin", "America/New_York"]})
]
Days = Annotated[
    tuple[int, ...], read_by(instants.read_days, {"type": ["string", "array"], "examples": ["mon-fri"]})
]
TimeOfDay = Annotated[
    int,
    read_by(instants.read_time, {"type": "string", "pattern": "^[0-9]{1,2}:[0-9]{2}", "examples": ["07:00"]}),
]


class Interval(Section):
    """A span of time."""

    example: ClassVar[str] = "{from: day 20, for: 12d}"

    from_: Instant = Field(alias="from", examples=["day 20"])
    """When it begins."""
    for_: Period = Field(alias="for", examples=["12d"])
    """How long it lasts, in seconds."""


class WeeklyHours(Section):
    """Hours of the week, by the clocks of the scenario's time zone (model 12.1)."""

    example: ClassVar[str] = "{days: mon-fri, from: 07:00, to: 18:00}"

    days: Days = (0, 1, 2, 3, 4)
    """The days on which they begin: mon-fri, or a list."""
    from_: TimeOfDay = Field(alias="from", examples=["07:00"])
    """When they begin."""
    to: TimeOfDay = Field(examples=["18:00"])
    """When they end; a time before `from` is on the next day."""


class Gate(Section):
    """The reserve becomes main once enough devices hold it (model 10.1); durations count from its making."""

    example: ClassVar[str] = "{when_coverage: 99%, check_every: 1d, not_after: 60d, otherwise: activate}"

    when_coverage: Share = Field(examples=["99%"])
    """The share of the devices that must hold it."""
    of: tuple[Name, ...] | None = None
    """The groups whose devices are counted; default: all."""
    check_every: Period = 86_400
    """How often coverage is looked at, in seconds."""
    not_before: Duration = 0
    """No look is earlier, in seconds."""
    not_after: Period | None = None
    """The last look, in seconds; default: none, so that the expiry of the main certificate ends the wait."""
    otherwise: Literal["activate", "cancel"] = "activate"
    """What happens at the last look if too few hold it."""

    def misfits(self) -> Iterator[Mistake]:
        """A gate that is never looked at, or counts nobody."""
        if self.not_after is not None and self.not_before > self.not_after:
            none = f"no look is between {span(self.not_before)} and {span(self.not_after)}"
            yield Mistake(("not_after",), f"{none}: lengthen not_after")
        if self.of == ():
            yield Mistake(("of",), "a gate counts the devices of at least one group: name one")


@dataclass(frozen=True, slots=True)
class Activate:
    """When a new certificate becomes main (model 3.4, 3.5, 10.1).

    Attributes:
        kind: which rule.
        after: for `after`, in seconds.
        gate: for `when covered`.
    """

    kind: Literal["immediately", "after", "at expiry", "when covered"]
    after: int | None = None
    gate: Gate | None = None

    @property
    def written(self) -> str | Gate:
        """As the language writes it."""
        return self.gate or str(self)

    def __str__(self) -> str:
        if self.gate is not None:
            return f"when {100 * self.gate.when_coverage:g} % hold it"
        return self.kind if self.after is None else f"after {span(self.after)}"


def _activate(value: object) -> Activate:
    match value:
        case "immediately" | "at expiry":
            return Activate(value)
        case str() if value.startswith("after "):
            return Activate("after", parse_duration(value[6:]))
    how = "write immediately, after 30d or at expiry"
    raise ValueError(f"{kind_of(value)} is not a time of activation: {how}")


def _activation_form(value: object) -> str:
    """A delay is no section, though it looks like one: {after: 30d}."""
    return IN_WORD if isinstance(value, Mapping) and "after" in value else form_of(value)


_ACTIVATION_WORD: Final = read_by(
    _activate,
    {
        "type": "string",
        "pattern": r"^(immediately|at expiry|after +[0-9P].*)$",
        "examples": ["immediately", "after 30d", "at expiry"],
    },
)
Activation = Annotated[
    Activate,
    ReadAs(
        Annotated[
            Annotated[Activate, _ACTIVATION_WORD, Tag(IN_WORD)] | Annotated[Gate, Tag(IN_SECTION)],
            Discriminator(_activation_form),
        ],
        lambda written: Activate("when covered", gate=written) if isinstance(written, Gate) else written,
    ),
]


# --- the server and its certificates -------------------------------------------------------------------


def read_address(value: object, *, needs_port: bool = True) -> str:
    """The address of a server, `host:port`, or also `host`."""
    how = "write host:port, such as mdm.example.com:13292"
    text = value if isinstance(value, str) else ""
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.]{1,45}\]|[^\s:/\[\]@]{1,253})(?::([0-9]{1,9}))?", text)
    if match is None or not text.isprintable() or (needs_port and match[2] is None):
        raise ValueError(f"{kind_of(value)} is not an address: {how}")
    if match[2] is not None and not 1 <= int(match[2]) <= 65_535:
        raise ValueError(f"{quoted(text)} has no such port: write a port from 1 to 65535")
    certified_name(match[1])
    return text


def _variable(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,199}", value):
        return value
    raise ValueError(  # it may be the password, and is not shown
        "this is not the name of an environment variable: write the name, such as MOBILE_P12_PASSWORD, "
        "and never the password itself"
    )


Address = Annotated[
    str,
    read_by(read_address, {"type": "string", "examples": ["mdm.example.com:13292"]}),
]
VariableName = Annotated[
    str,
    read_by(_variable, {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}),
]
