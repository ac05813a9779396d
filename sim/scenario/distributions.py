"""Distributions of durations as a planner writes them: a duration, or a section with one kind (language 1.1).

To add a kind: a key of `Distribution`, and how it is made in `_KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Final

from pydantic import Discriminator, Field, Tag, model_validator

from sim.scenario.fields import IN_SECTION, IN_WORD, Duration, Period, ReadAs, Section, form_of, read_by
from sim.scenario.problems import Mistake
from sim.scenario.values import LONGEST_S, read_duration, read_share
from sim.text import quoted, shortened, span
from sim.world import distributions as world

_SPREAD: Final = Field(ge=0, le=100, allow_inf_nan=False, examples=[1.1])
_MOST_POINTS: Final = 10_000
_SHAPE: Final = Field(gt=0, le=100, allow_inf_nan=False, examples=[0.8])


class Lognormal(Section):
    """The logarithm is normal."""

    example: ClassVar[str] = "{median: 8h, sigma: 1.1}"

    median: Period = Field(examples=["8h"])
    """Half of the durations are shorter."""
    sigma: Annotated[float, _SPREAD]
    """The standard deviation of the logarithm."""


class Weibull(Section):
    """Survival exp(-(t/scale)^shape)."""

    example: ClassVar[str] = "{scale: 12h, shape: 0.8}"

    scale: Period = Field(examples=["12h"])
    """What 37 % of the durations exceed."""
    shape: Annotated[float, _SHAPE]
    """Below 1: a long tail; 1: exponential; above: about one length."""


def _points(value: object) -> tuple[tuple[int, float], ...]:
    """The points of a survival function, in seconds and shares, in the order of time."""
    how = "write durations with shares that fall to 0 %, such as {10d: 50%, 35d: 10%, 120d: 0%}"
    if isinstance(value, tuple | list):
        value = {f"{seconds}s": share for seconds, share in value}
    if not isinstance(value, Mapping) or not 1 <= len(value) <= _MOST_POINTS:
        raise ValueError(f"this does not say what share is still away when: {how}")
    points = sorted((read_duration(key, least_s=1), read_share(share)) for key, share in value.items())
    if len({seconds for seconds, _ in points}) < len(points):
        raise ValueError(f"two points are at the same time: {how}")
    shares = [1.0, *(share for _, share in points)]
    if any(later > earlier for earlier, later in pairwise(shares)):
        raise ValueError(f"the share of those still away rises: {how}")
    if shares[-1] != 0.0:
        raise ValueError(f"{100 * shares[-1]:g} % never come back: add the time after which nobody is away")
    return tuple(points)


StillAway = Annotated[
    tuple[tuple[int, float], ...],
    read_by(_points, {"type": "object", "examples": [{"10d": "50%", "35d": "10%", "120d": "0%"}]}),
]


class Distribution(Section):
    """How long something lasts: a duration (always the same), or a section with one kind."""

    example: ClassVar[str] = "{exponential: 16h}"

    exponential: Period | None = None
    """The mean."""
    uniform: (
        Annotated[tuple[Duration, ...], Field(min_length=2, max_length=2, examples=["[1h, 2h]"])] | None
    ) = None
    """The low and the high end."""
    lognormal: Lognormal | None = None
    """Many short ones, and a long tail."""
    weibull: Weibull | None = None
    """A tail to choose."""
    empirical: (
        Annotated[tuple[Duration, ...], Field(min_length=1, max_length=100_000, examples=["[6h, 9h, 2d]"])]
        | None
    ) = None
    """Observed durations, each as likely as the others."""
    still_away: StillAway | None = None
    """What share still lasts after so long: {10d: 50%, 35d: 10%, 120d: 0%}; straight lines in between."""

    @model_validator(mode="before")
    @classmethod
    def _one_kind(cls, written: object) -> object:
        if isinstance(written, Mapping) and len(written) != 1:
            found = f"{len(written)} keys ({shortened(', '.join(map(str, written)))})"
            kinds = f"write {cls.example}, or one of the kinds {', '.join(_KINDS)}"
            raise ValueError(f"a distribution has {found} instead of one kind: {kinds}")
        return written


class WrongPartError(ValueError):
    """A mistake in a part of a value, at a path from it."""

    def __init__(self, part: Mistake) -> None:
        self.part = part
        super().__init__(part.message)


_KINDS: Final[dict[str, Callable[[Any], world.Distribution]]] = {
    "exponential": world.Distribution.exponential,
    "uniform": lambda ends_s: world.Distribution.uniform(*ends_s),
    "lognormal": lambda law: world.Distribution.lognormal(law.median, law.sigma),
    "weibull": lambda law: world.Distribution.weibull(law.scale, law.shape),
    "empirical": lambda values_s: world.Distribution.empirical(tuple(map(int, values_s))),
    "still_away": world.Distribution.still_away,
}


def _made(written: int | Distribution) -> world.Distribution:
    if isinstance(written, int):
        return world.Distribution.constant(written)
    kind = next((kind for kind in _KINDS if getattr(written, kind) is not None), None)
    if kind is None:
        raise ValueError(f"a kind without a value is no distribution: write {written.example}")
    if written.uniform is not None and written.uniform[0] > written.uniform[1]:
        swapped = f"{{uniform: [{span(written.uniform[1])}, {span(written.uniform[0])}]}}"
        raise WrongPartError(Mistake((kind,), f"the low end is above the high end: write {swapped}"))
    message = "its mean is longer than 100 years: write a shorter scale or a milder shape"
    try:
        made = _KINDS[kind](getattr(written, kind))
    except (ValueError, OverflowError) as error:
        if "mean of the" not in str(error):
            message = f"{error}: write a longer duration"
    else:
        if made.mean_s <= LONGEST_S:
            return made
    raise WrongPartError(Mistake((kind,), message))


def _spell(written: int | Distribution) -> world.Distribution:
    if written == 0:
        raise ValueError(f"{quoted('0s')} is no spell: write at least 1s, or presence: always or never")
    return _made(written)


_WRITTEN: Final = Annotated[
    Annotated[Duration, Tag(IN_WORD)] | Annotated[Distribution, Tag(IN_SECTION)], Discriminator(form_of)
]
RandomDuration = Annotated[world.Distribution, ReadAs(_WRITTEN, _made)]
"""A duration that is drawn, or always the same."""
Spell = Annotated[world.Distribution, ReadAs(_WRITTEN, _spell)]
"""The length of a spell of presence or absence; at least a second."""
