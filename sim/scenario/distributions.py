"""Distributions of durations as a planner writes them (language 1.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from sim.scenario.durations import LONGEST_S, format_duration
from sim.scenario.problems import quoted
from sim.scenario.values import closest, duration_of, kind_of
from sim.world.distributions import Distribution

Path = tuple[str | int, ...]

HOW_DISTRIBUTION: Final = (
    "write a duration such as 8h, {exponential: 16h}, {uniform: [1h, 2h]}, "
    "{lognormal: {median: 8h, sigma: 1.1}}, {weibull: {scale: 12h, shape: 0.8}} or {empirical: [6h, 9h, 2d]}"
)
_LONGEST_SAMPLE: Final = 100_000


@dataclass(frozen=True, slots=True)
class WrongPart:
    """A mistake within a value, at a path from it; `at_key` where a key and not what it holds is wrong."""

    path: Path
    message: str
    at_key: bool = False


class WrongPartsError(ValueError):
    """Several mistakes within one value."""

    def __init__(self, parts: Iterable[WrongPart]) -> None:
        self.parts = tuple(parts)
        super().__init__("; ".join(part.message for part in self.parts))


def parse_distribution(value: object) -> Distribution:
    """A distribution of durations from a duration (constant) or a section with one kind.

    Raises:
        WrongPartsError: it is not one; every mistake with its path within the value.
    """
    if isinstance(value, Distribution):
        return value
    if not isinstance(value, Mapping):
        return Distribution.constant(duration_of(value, how=HOW_DISTRIBUTION))
    if len(value) != 1:
        named = ", ".join(quoted(str(key)) for key in list(value)[:4])
        what = f"has {len(value)} keys ({named})" if value else "is empty"
        raise WrongPartsError(
            [WrongPart((), f"a distribution {what} instead of one kind: {HOW_DISTRIBUTION}")]
        )
    kind, parameters = next(iter(value.items()))
    if kind not in _KINDS:
        meant = closest(str(kind), _KINDS)
        mend = f"did you mean {meant}?" if meant else HOW_DISTRIBUTION
        message = f"{quoted(str(kind))} is no kind of distribution: {mend}"
        raise WrongPartsError([WrongPart((kind,), message, at_key=True)])
    parts: _Parts = []
    made = _KINDS[kind](parameters, parts)
    if parts or made is None:
        raise WrongPartsError(replace(part, path=(kind, *part.path)) for part in parts)
    return made


_Parts = list[WrongPart]


def _duration_part(value: object, path: Path, parts: _Parts, *, least_s: int = 0) -> int | None:
    try:
        duration_s = duration_of(value)
    except ValueError as error:
        parts.append(WrongPart(path, str(error)))
        return None
    if duration_s < least_s:
        parts.append(WrongPart(path, "must be longer than 0s: write a duration such as 8h"))
        return None
    return duration_s


def _number_part(value: object, path: Path, parts: _Parts, *, least: float, above: bool) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        parts.append(WrongPart(path, f"{kind_of(value)} is not a number: write a number such as 1.1"))
        return None
    if not least <= value <= 100 or (above and value == least):
        bound = f"above {least:g}" if above else f"of at least {least:g}"
        parts.append(WrongPart(path, f"{value:g} is out of range: write a number {bound} and at most 100"))
        return None
    return float(value)


def _pair_of(
    kind: str, first: str, second: str, build: Callable[[float, float], Distribution], *, above: bool
) -> Callable[[object, _Parts], Distribution | None]:
    example = f"{{{kind}: {{{first}: 8h, {second}: 1.1}}}}"

    def read(value: object, parts: _Parts) -> Distribution | None:
        if not isinstance(value, Mapping):
            parts.append(
                WrongPart((), f"{kind} takes {first} and {second}, not {kind_of(value)}: write {example}")
            )
            return None
        for key in value:
            if key not in (first, second):
                meant = closest(str(key), (first, second))
                mend = f"did you mean {meant}?" if meant else f"{kind} takes {first} and {second}"
                parts.append(WrongPart((key,), f"unknown key {quoted(str(key))}: {mend}", at_key=True))
        missing = [key for key in (first, second) if value.get(key) is None]
        if missing and not parts:
            parts.append(WrongPart((), f"{kind} lacks {' and '.join(missing)}: write {example}"))
        if missing:
            return None
        duration_s = _duration_part(value[first], (first,), parts, least_s=1)
        number = _number_part(value[second], (second,), parts, least=0, above=above)
        if duration_s is None or number is None or parts:
            return None
        return _made(lambda: build(duration_s, number), parts)

    return read


def _exponential(value: object, parts: _Parts) -> Distribution | None:
    mean_s = _duration_part(value, (), parts, least_s=1)
    return None if mean_s is None else Distribution.exponential(mean_s)


def _uniform(value: object, parts: _Parts) -> Distribution | None:
    if not isinstance(value, list | tuple) or len(value) != 2:
        what = f"a list of {len(value)}" if isinstance(value, list | tuple) else kind_of(value)
        parts.append(
            WrongPart((), f"uniform takes a low and a high end, not {what}: write {{uniform: [1h, 2h]}}")
        )
        return None
    low_s, high_s = (_duration_part(each, (index,), parts) for index, each in enumerate(value))
    if low_s is None or high_s is None:
        return None
    if low_s > high_s:
        swapped = f"{{uniform: [{format_duration(high_s)}, {format_duration(low_s)}]}}"
        parts.append(WrongPart((), f"the low end is above the high end: write {swapped}"))
        return None
    return _made(lambda: Distribution.uniform(low_s, high_s), parts)


def _empirical(value: object, parts: _Parts) -> Distribution | None:
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= _LONGEST_SAMPLE:
        what = f"{len(value):,} values" if isinstance(value, list | tuple) and value else kind_of(value)
        parts.append(
            WrongPart(
                (), f"empirical takes a list of durations, not {what}: write {{empirical: [6h, 9h, 2d]}}"
            )
        )
        return None
    read = [_duration_part(each, (index,), parts) for index, each in enumerate(value)]
    values_s = tuple(each for each in read if each is not None)
    return None if parts else _made(lambda: Distribution.empirical(values_s), parts)


def _made(build: Callable[[], Distribution], parts: _Parts) -> Distribution | None:
    too_long = "its mean is longer than 100 years: write a shorter scale or a milder shape"
    try:
        made = build()
    except (ValueError, OverflowError) as error:
        said = str(error)
        parts.append(WrongPart((), too_long if "mean" in said else f"{said}: write a longer duration"))
        return None
    if made.mean_s > LONGEST_S:
        parts.append(WrongPart((), too_long))
        return None
    return made


_KINDS: Final[dict[str, Callable[[object, _Parts], Distribution | None]]] = {
    "exponential": _exponential,
    "uniform": _uniform,
    "lognormal": _pair_of("lognormal", "median", "sigma", Distribution.lognormal, above=False),
    "weibull": _pair_of("weibull", "scale", "shape", Distribution.weibull, above=True),
    "empirical": _empirical,
}
