"""How each kind of value is checked and told to editors: one `Kind` per field (language 1.1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from sim.scenario import durations, instants
from sim.scenario.distributions import parse_distribution
from sim.scenario.instants import Instant, parse_instant, parse_moment
from sim.scenario.problems import quoted
from sim.scenario.values import PATTERN_SHARE, closest, duration_of, is_one_line, kind_of, parse_share
from sim.world.distributions import Distribution

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2100

DURATION_SCHEMA: Final = {
    "type": "string",
    "pattern": durations.PATTERN,
    "examples": ["30d", "6h", "1h30m", "45m", "90s", "2w", "P30D", "PT6H"],
}
INSTANT_SCHEMA: Final = {
    "type": "string",
    "pattern": instants.PATTERN,
    "examples": ["2026-03-20", "2026-03-20 09:00", "day 10", "day 10 08:00", "start + 10d", "expiry - 33d"],
}
SHARE_SCHEMA: Final = {
    "anyOf": [{"type": "string", "pattern": PATTERN_SHARE}, {"type": "number", "minimum": 0, "maximum": 1}],
    "examples": ["98%", 0.98],
}
DISTRIBUTION_SCHEMA: Final = {"format": "distribution"}
"""A mark; the JSON Schema puts the form of a distribution there."""


@dataclass(frozen=True)
class Kind:
    """Marks a field: `read` turns what is written into the value, `json` describes what may be written."""

    read: Callable[[Any], object]
    json: Mapping[str, object]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Reading replaces every other check of the field."""
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """What editors are told."""
        return dict(self.json)

    def __hash__(self) -> int:
        return id(self)


def text(what: str, example: str, *, longest: int = 200) -> Kind:
    """A name or the like: one line, not blank, no control characters."""

    def read(value: object) -> str:
        if isinstance(value, bool | int | float):
            shown = str(value).lower() if isinstance(value, bool) else f"{value:.12g}"
            raise ValueError(f'{shown} is not a text: put it in quotes, "{shown}"')
        if not isinstance(value, str):
            raise ValueError(f"{kind_of(value)} is not a text: write {what}, such as {example}")
        if not value.strip():
            raise ValueError(f"{quoted(value)} is blank: write {what}, such as {example}")
        if len(value) > longest:
            raise ValueError(
                f"{quoted(value)} has {len(value)} characters: write {what} of at most {longest}"
            )
        if not is_one_line(value):
            raise ValueError(
                f"{quoted(value)} has a control character or a line break: write {what} on one line"
            )
        if value != value.strip():
            raise ValueError(f"{quoted(value)} has blanks around it: write {quoted(value.strip())}")
        return value

    return Kind(read, {"type": "string", "minLength": 1, "maxLength": longest})


def _free_text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise ValueError(f"{kind_of(value)} is not a text: put it in quotes")


def whole(least: int, most: int) -> Kind:
    """A whole number from `least` to `most`."""

    def read(value: object) -> int:
        bounds = f"write a whole number from {least} to {most}"
        if isinstance(value, int) and not isinstance(value, bool):
            if least <= value <= most:
                return value
            raise ValueError(f"{str(value)[:25]} is too {'small' if value < least else 'large'}: {bounds}")
        if isinstance(value, float) and value.is_integer() and least <= value <= most:
            plain = f"{value:g} has a decimal point, and is to be a whole number: write {int(value)}"
            thousands = int(value) * 1000
            if value < 1000 and thousands <= most:
                plain += f", or {thousands} if the point separates thousands"
            raise ValueError(plain)
        if isinstance(value, str):
            digits = re.sub(r"[ _.,'](?=[0-9]{3}\b)", "", value.strip())
            digits = re.sub(r"(?<=[0-9])k$", "000", digits, flags=re.IGNORECASE)
            if re.fullmatch("[0-9]{1,19}", digits) and least <= int(digits) <= most:
                raise ValueError(
                    f"{quoted(value)} is a text: write {int(digits)}, without quotes or separators"
                )
        raise ValueError(f"{kind_of(value)} is not a whole number: {bounds}")

    return Kind(read, {"type": "integer", "minimum": least, "maximum": most})


def duration(*, least_s: int = 0, most_s: int = durations.LONGEST_S, why: str = "") -> Kind:
    """A duration in whole seconds from `least_s` to `most_s`; `why` names what limits it."""

    def read(value: object) -> int:
        freely_s = durations.freely_written_s(value) if isinstance(value, str) else None
        duration_s = duration_of(value) if freely_s is None or freely_s <= most_s else freely_s
        if duration_s < least_s:
            least = durations.format_duration(least_s)
            raise ValueError(f"{kind_of(value)} is too short: write at least {least}")
        if duration_s > most_s:
            most = durations.format_duration(most_s)
            raise ValueError(f"{kind_of(value)} is too long{why}: write at most {most}")
        return duration_s

    return Kind(read, DURATION_SCHEMA)


def word(*words: str, otherwise: str = "") -> Kind:
    """One of some words; `otherwise` names what else may be written there."""
    choices = ", ".join(words[:-1]) + (f" or {words[-1]}" if len(words) > 1 else words[-1])
    mend = f"write {', '.join(words)} or {otherwise}" if otherwise else f"write {choices}"

    def read(value: object) -> str:
        if isinstance(value, str) and value in words:
            return value
        raise ValueError(wrong_word(value, words, mend))

    return Kind(read, {"enum": list(words)})


def wrong_word(value: object, words: tuple[str, ...], mend: str) -> str:
    """The message for something that is not one of `words`."""
    if isinstance(value, bool):
        spelled = ("on", "yes") if value else ("off", "no")
        for each in spelled:
            if each in words:
                return f"{'true' if value else 'false'} is not read here: write {each}"
    if not isinstance(value, str):
        return f"{kind_of(value)} is not understood here: {mend}"
    meant = closest(value, words)
    return f"{quoted(value)} is not understood here: {f'did you mean {meant}?' if meant else mend}"


def _yes_or_no(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("yes", "no"):
        return value == "yes"
    if isinstance(value, str) and value.lower() in ("yes", "on", "y", "true", "1", "ja"):
        raise ValueError(f"{quoted(value)} is not how it is written: write yes")
    if isinstance(value, str) and value.lower() in ("no", "off", "n", "false", "0", "nein"):
        raise ValueError(f"{quoted(value)} is not how it is written: write no")
    raise ValueError(f"{kind_of(value)} is neither yes nor no: write yes or no")


def _instant(value: object) -> Instant:
    if isinstance(value, Instant):
        return value
    if isinstance(value, str):
        return parse_instant(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10_000_000:
        raise ValueError(f"{value} alone is not an instant: write day {value}")
    raise ValueError(f"{kind_of(value)} is not an instant: {instants.HOW}")


def _moment(value: object) -> datetime:
    if isinstance(value, str):
        moment = parse_moment(value)
    elif isinstance(value, datetime):
        moment = (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
    elif isinstance(value, date):
        moment = datetime(value.year, value.month, value.day, tzinfo=UTC)
    elif isinstance(value, int) and FIRST_YEAR <= value <= LAST_YEAR:
        raise ValueError(f"{value} is only a year: write the day too, such as {value}-03-01")
    else:
        raise ValueError(f"{kind_of(value)} is not a date: {instants.HOW_DATE}")
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(
            f"the year {moment.year} is out of range: write a year from {FIRST_YEAR} to {LAST_YEAR}"
        )
    return moment


def _share(value: object) -> float:
    if isinstance(value, str | int | float):
        return parse_share(value)
    raise ValueError(f"{kind_of(value)} is not a share: write a share such as 98% or 0.98")


def share(*, above_zero: bool = False, below_one: bool = False) -> Kind:
    """A share of [0, 1], or with an end left out."""

    def read(value: object) -> float:
        part = _share(value)
        if (above_zero and part == 0) or (below_one and part == 1):
            low, high = (
                "more than 0%" if above_zero else "0%",
                "less than 100%" if below_one else "at most 100%",
            )
            raise ValueError(f"{part:.0%} is out of range: write {low} and {high}, such as 95%")
        return part

    return Kind(read, SHARE_SCHEMA)


def _spell(value: object) -> Distribution:
    spell = parse_distribution(value)
    if spell.kind == "constant" and spell.a < 1:
        raise ValueError("0s is no spell: write at least 1s, or presence: always or never")
    return spell


YES_NO: Final = Kind(_yes_or_no, {"enum": [True, False, "yes", "no"]})
INSTANT: Final = Kind(_instant, INSTANT_SCHEMA)
MOMENT: Final = Kind(
    _moment,
    {"type": "string", "pattern": instants.PATTERN_DATE, "examples": ["2026-03-01", "2026-03-01 09:00"]},
)
DISTRIBUTION: Final = Kind(parse_distribution, DISTRIBUTION_SCHEMA)
SPELL: Final = Kind(_spell, DISTRIBUTION_SCHEMA)
FREE_TEXT: Final = Kind(_free_text, {"type": "string"})
