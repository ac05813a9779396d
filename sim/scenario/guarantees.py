"""`recovery:` and `guarantees:` who mends what is lost, and what the plan must achieve (model 6, 8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_core.core_schema import ValidationInfo

from sim.results.measures import MEASURES, Bound, Selection, measures_with
from sim.scenario.kinds import DISTRIBUTION, YES_NO, Kind, duration, share, text, whole, word
from sim.scenario.section import Section
from sim.scenario.thresholds import parse_threshold
from sim.scenario.units import Distribution
from sim.text import span


class Recovery(Section):
    """The help desk that reinstalls the app on lost devices (model 6); the defaults are an example desk."""

    example: ClassVar[str] = "{technicians: 4}"

    technicians: Annotated[int, whole(1, 1_000_000)] = 4
    """How many devices are reinstalled at a time."""
    begins: Annotated[int, duration()] = 4 * 3600
    """How long after its loss a device asks for help, in seconds."""
    owner_responds: Annotated[Distribution, DISTRIBUTION] = Distribution.exponential(2 * 86_400)
    """How long after that its owner is ready."""
    takes: Annotated[Distribution, DISTRIBUTION] = Distribution.lognormal(20 * 60, 0.5)
    """How long a reinstallation takes."""


ANY_MEASURE = "\0any"
"""Stands in for a wrong measure, so that its bounds are not judged."""
_MEASURE = word(*MEASURES)


def _measure(value: object) -> object:
    return value if value == ANY_MEASURE else _MEASURE.read(value)


_THRESHOLD_SCHEMA = {"type": ["number", "string"], "examples": [0, "99.9%", "2d"]}


class Guarantee(Section):
    """What the plan must achieve; as a test, each guarantee is one."""

    example: ClassVar[str] = "{measure: lost_devices, at_most: 0}"
    stand_in: ClassVar[Mapping[str, object]] = {"measure": ANY_MEASURE}

    measure: Annotated[str, Kind(_measure, _MEASURE.json)] = Field(examples=["lost_devices"])
    """What is measured (model 8)."""
    at_most: Annotated[float, Kind(lambda value: value, _THRESHOLD_SCHEMA)] | None = None
    """The largest value that holds: a number, a share, or for time_to_reconnect a duration (seconds)."""
    at_least: Annotated[float, Kind(lambda value: value, _THRESHOLD_SCHEMA)] | None = None
    """The smallest value that holds."""
    group: Annotated[str, text("the name of a group", "office phones")] | None = None
    """Only this group's devices count."""
    platform: Annotated[Literal["android", "ios"], word("android", "ios")] | None = None
    """Only this platform's devices count."""
    within: Annotated[int, duration(least_s=1)] | None = None
    """For reconnected_share and reconnected_devices: how soon after its loss a device counts, in seconds."""
    quantile: Annotated[float, share()] | None = None
    """For time_to_reconnect: which quantile over the devices; default 100%, the slowest."""
    probability: Annotated[float, share(above_zero=True)] | None = None
    """The share of replications in which it must hold; default: in every one that is run."""
    confidence: Annotated[float, share(above_zero=True, below_one=True)] | None = None
    """With `probability`: how sure the verdict must be; default 95%."""
    allow_vacuous: Annotated[bool, YES_NO] = False
    """Whether it passes where nothing exercised it."""

    @property
    def bound(self) -> Bound:
        """What must hold in each replication: the guarantee without its probability."""
        return Bound(
            measure=self.measure,
            at_most=self.at_most,
            at_least=self.at_least,
            selection=Selection(self.group, self.platform),
            within=self.within,
            quantile=self.quantile,
        )

    @property
    def promise(self) -> str:
        """What must be achieved, in words: `lost share at most 1 %, phones`."""
        words = [self.measure.replace("_", " ")]
        if self.quantile is not None:
            words.append(f"({100 * self.quantile:g} % of devices)")
        if self.within is not None:
            words.append(f"within {span(self.within)}")
        side, bound = ("at most", self.at_most) if self.at_most is not None else ("at least", self.at_least)
        words.append(f"{side} {MEASURES[self.measure].in_words(bound)}")
        if self.probability is not None:
            words.append(f"in {100 * self.probability:g} % of cases")
        return ", ".join([" ".join(words), *filter(None, (self.group, self.platform))])

    @field_validator("at_most", "at_least", mode="before")
    @classmethod
    def _threshold(cls, value: object, info: ValidationInfo) -> float:
        return parse_threshold(value, measure=info.data.get("measure"))

    @model_validator(mode="before")
    @classmethod
    def _default(cls, written: Any) -> Any:
        if not isinstance(written, Mapping):
            return written
        filled = dict(written)
        if filled.get("probability") is not None and filled.get("confidence") is None:
            filled["confidence"] = 0.95
        if filled.get("measure") in measures_with("quantile") and filled.get("quantile") is None:
            filled["quantile"] = 1.0
        return filled
