"""What was decided: plans side by side, the recommended one, and why; in words and as a document."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from sim.lists.dates import tzinfo_of
from sim.studies.alternatives import GateAdvice, Variant
from sim.studies.search import Opening
from sim.summary import Cell, Column, Summary, Table, Tone, notes
from sim.summary.answer import Answer
from sim.text import date, iso, percent, plural
from sim.world.order import SECONDS_PER_DAY

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sim.figures.style import Ax, Size

_MOST_NAMES: Final = 20
AS_WRITTEN: Final = "as written"
NOTHING: Final = "do nothing: the server's own reserve"
TODAY: Final = "today and at the expiry"
_RULES: Final = {
    "target": "the promises",
    "30-day advice": "Kaspersky's advice of 30 days",
    "sync period": "the longest time between synchronizations",
    "plan as written": "the plan as written, which loses no more",
}
"""What a delay is due to, in words."""
_IN_JSON: Final = (
    *("scenario", "seed", "devices", "by", "error", "replications", "between_days", "delay_days", "binding"),
    *("promise", "confidence", "shortfall", "lost"),
)
"""What the JSON document has by the same name."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A plan, and what it loses.

    Attributes:
        name: in words.
        specified, activated: when the reserve is specified and when it becomes main; None: it does not.
        expires: when the certificate that is main afterwards expires.
        mean: expected number of lost devices.
        lost: devices that are not exceeded with 5, 50 and 95 %.
        surely: devices that are not exceeded with the confidence, at the safe end.
        keeps: whether every promise is kept as surely as it asks for.
        chance: the probability that the promise that binds is kept.
        binds: that promise: the one that this plan is most likely to break.
        gate: of the plan as written: when it opens, which the dates take the median of.
        fetched: devices that are brought the reserve by hand.
    """

    name: str
    specified: datetime | None
    activated: datetime | None
    expires: datetime
    mean: float
    lost: tuple[int, int, int]
    surely: int
    keeps: bool
    chance: float
    binds: str
    gate: Opening | None = None
    fetched: int = 0

    def to_json(self) -> dict[str, Any]:
        """For programs; instants in UTC."""
        return {
            key: iso(value) if isinstance(value, datetime) else value for key, value in asdict(self).items()
        }


@dataclass(frozen=True, slots=True)
class Point:
    """What a delay loses up to the expiry.

    Attributes:
        days: of the delay.
        lost: devices that are not exceeded with 5, 50 and 95 %.
        keeps: of each promise, whether it is kept as surely as it asks for.
    """

    days: int
    lost: tuple[int, int, int]
    keeps: tuple[bool, ...]


@dataclass(frozen=True, repr=False)
class Decision(Answer):
    """When and how to reissue.

    Attributes:
        scenario, seed, start, timezone: of the scenario: its name, and so on.
        by: `exact`: computed; `simulation`: from simulated fleets.
        error: `exact`: estimated error of the chance of a device.
        replications: `simulation`: fleets; else None.
        between_days: `simulation`: what the least delay lies between, with 95 % confidence at either end; the
            later one is taken. None where no delay is enough.
        promises: in words.
        promise: the one that decides.
        most_lost: devices that it lets be lost.
        devices: how many there are.
        confidence: with which it must be kept.
        choices: the plans side by side; the first is the one as written.
        recommended: the index of one of them.
        delay_days: whole days from specification to activation; None where no plan keeps every promise.
        needed_days: whole days that the promises alone need; None as above.
        expires: when the main certificate expires.
        binding: what the delay is due to: `target`, `30-day advice`, `sync period`, `plan as written`; or,
            without a plan that keeps every promise, `devices that never synchronize`, `devices that refuse
            the certificate`, `remaining life`, `validity of the new certificate`.
        shortfall: devices that must be brought the reserve by hand before a promise is kept; 0 where it is.
        lost: devices that are more likely lost than not under the recommended plan, the likeliest first.
        variants: how the answer moves.
        gate: that keeps the promise which decides; None: none can, or nobody asked.
        curve: what other delays lose; empty where nobody asked.
    """

    scenario: str
    seed: int
    start: datetime
    timezone: str
    by: Literal["exact", "simulation"]
    error: float
    replications: int | None
    between_days: tuple[int, int] | None
    promises: tuple[str, ...]
    promise: str
    most_lost: int
    devices: int
    confidence: float
    choices: tuple[Choice, ...]
    recommended: int
    delay_days: int | None
    needed_days: int | None
    expires: datetime
    binding: str
    shortfall: int
    lost: tuple[str, ...]
    variants: tuple[Variant, ...] = ()
    gate: GateAdvice | None = None
    curve: tuple[Point, ...] = ()

    @property
    def choice(self) -> Choice:
        """The recommended plan."""
        return self.choices[self.recommended]

    @property
    def specify_by(self) -> datetime | None:
        """The latest instant for the reserve; None where no plan keeps every promise."""
        return None if self.delay_days is None else self.choice.specified

    @property
    def activated(self) -> datetime | None:
        """When it becomes main; None as above."""
        return None if self.delay_days is None else self.choice.activated

    @property
    def delay_in_words(self) -> str:
        """The recommended delay; without one, that the earliest is the best."""
        return "as long as there is time" if self.delay_days is None else plural(self.delay_days, "day")

    @property
    def lost_share(self) -> float:
        """The expected share of lost devices of the fleet under the recommended plan."""
        return self.choice.mean / max(self.devices, 1)

    def to_json(self) -> dict[str, Any]:
        """The document that `reissue plan --json` prints."""
        return {
            **{name: getattr(self, name) for name in _IN_JSON},
            "specify_by": None if self.specify_by is None else iso(self.specify_by),
            "lost_share": self.lost_share,
            "lost_at_most": self.most_lost,
            "needed_s": None if self.needed_days is None else self.needed_days * SECONDS_PER_DAY,
            "expires": iso(self.expires),
            "variants": [asdict(variant) for variant in self.variants],
            "recommended": self.answer,
            "plans": [choice.to_json() for choice in self.choices],
            **({} if self.gate is None else {"gate": self.gate.to_json()}),
        }

    def plot(self, *, ax: Ax = None, figsize: Size = None) -> Figure:
        """What each delay loses up to the expiry, with the plan as written and the recommended delay.

        Raises:
            FigureError: no other delays were looked at, or there are none.
        """
        from sim.figures import FigureError, delays

        if not self.curve:
            raise FigureError("no delays to show: plan with vary=True, at least a day before the expiry")
        low, median, high = np.array([point.lost for point in self.curve], dtype=np.float64).T
        written = self.choices[0]
        own_s = None
        if written.specified is not None and written.activated is not None:
            own_s = int((written.activated - written.specified).total_seconds())
        return delays.curve(
            self.scenario,
            np.array([point.days for point in self.curve], dtype=np.int64) * SECONDS_PER_DAY,
            median,
            band=(low, high),
            own_s=own_s,
            needed_s=None if self.delay_days is None else self.delay_days * SECONDS_PER_DAY,
            middle="median",
            of="fleets like this",
            is_sample=True,
            place=(ax, figsize),
        )

    # --- in words --------------------------------------------------------------------------------

    @property
    def answer(self) -> str:
        """What to do, in one sentence."""
        best, fetched = self.choice, [choice for choice in self.choices if choice.fetched]
        sure = f"with {100 * self.confidence:.4g} % certainty"
        lost = f"{_at_most(best.surely)} of {plural(self.devices, 'device')} lost, {sure}"
        if best.name == AS_WRITTEN:
            return f"Keep the plan as written, no other loses fewer: {lost}."
        if best.specified is None or self.delay_days is None:
            less = (
                f"; fetching the {choice.fetched:,} likeliest brings it to {_at_most(choice.surely)}"
                for choice in fetched
            )
            return (
                f"No plan keeps “{self.promise}” {sure}. Specify the reserve today, and let it become main "
                f"when the main certificate expires ({self.shown(self.expires)}): {lost}{''.join(less)}."
            )
        today = next(choice for choice in self.choices if choice.name == TODAY)
        answer = (
            f"Specify the reserve by {self.shown(best.specified)}, to be activated after "
            f"{plural(self.delay_days, 'day')}, when the main certificate expires: {lost}"
        )
        if today.surely < best.surely:
            days = (best.expires - today.expires).days
            sooner = f"the new certificate then expires {plural(days, 'day')} sooner"
            answer += f". If you specify it today, {_at_most(today.surely)} are lost; "
            answer += sooner if days else "it costs nothing"
        return f"{answer}."

    def shown(self, moment: datetime) -> str:
        """An instant for reading, by the clocks of the scenario's time zone."""
        here = moment.astimezone(tzinfo_of(self.timezone))
        return f"{here:%a} {date(here)} {here:%Z}"

    def notes(self) -> Iterator[str]:
        """What the answer is due to, how it was found, and what is left to do."""
        if self.delay_days is None or self.needed_days is None:
            yield f"What stands in the way: {self.binding}."
        else:
            rule, needed = _RULES.get(self.binding, self.binding), plural(self.needed_days, "day")
            first = f"the first to break is “{self.promise}”"
            yield f"What decides the date: {rule}. The promises alone need {needed}; {first}."
        if self.shortfall:
            yield (
                f"To keep “{self.promise}” all the same, the reserve must be brought to at least "
                f"{plural(self.shortfall, 'more device')} by hand before the expiry: visit those first that "
                "have been silent longest (a chase)."
            )
        for choice in self.choices:
            if choice.name == NOTHING and choice.keeps:
                yield (
                    "Doing nothing is enough: the server makes a reserve by itself, which becomes main at "
                    f"the expiry; {_at_most(choice.surely)} are lost."
                )
            if choice.gate is not None:
                yield choice.gate.sentence
        if self.by == "exact":
            yield (
                "Computed, not simulated: neither the seed nor the replications of a run change it "
                f"(error of a chance: {self.error:.1g})."
            )
        elif self.between_days is None:
            yield f"From {self.replications:,} simulated fleets."
        else:
            low, high = self.between_days
            fleets = f"From {self.replications:,} simulated fleets"
            yield f"{fleets}: the least delay lies between {low} and {high} days; the longer is taken."
        if self.gate is not None:
            yield self.gate.sentence
        if self.lost:
            more = len(self.lost) - _MOST_NAMES
            names = ", ".join(self.lost[:_MOST_NAMES]) + (f" and {more:,} more" if more > 0 else "")
            yield f"More likely lost than not, even so: {names}."

    def table(self) -> Table:
        """The plans side by side."""
        columns = (
            Column("plan"),
            Column(f"reserve specified ({self.timezone})"),
            Column("becomes main"),
            Column("lost: median", "count"),
            Column("nine of ten fleets lose", "range"),
            Column("promise kept"),
            Column("what binds"),
        )
        rows: list[tuple[Cell, ...]] = []
        for choice in self.choices:
            name = f"{choice.name} (recommended)" if choice is self.choice else choice.name
            dates = (
                "never" if at is None else date(at.astimezone(tzinfo_of(self.timezone)))
                for at in (choice.specified, choice.activated)
            )
            kept = f"{'yes' if choice.keeps else 'no'} ({percent(choice.chance)})"
            low, middle, high = choice.lost
            rows.append((name, *dates, middle, (low, high), kept, choice.binds))
        return Table(columns, tuple(rows), "The plans side by side")

    def moves(self) -> Table:
        """How the answer moves."""
        rows: tuple[tuple[Cell, ...], ...] = tuple(
            (v.assumption, "no delay is enough" if v.delay_days is None else v.delay_days)
            for v in self.variants
        )
        columns = (Column("if"), Column("days that the promises need", "count"))
        return Table(columns, rows, "How the answer moves")

    def summary(self) -> Summary:
        """What to do, the plans side by side, and how the answer moves."""
        tone: Tone = "bad" if self.delay_days is None else "good"
        moves = [self.moves()] if self.variants else []
        return Summary(self.scenario, self.answer, (self.table(), notes(*self.notes()), *moves), tone=tone)


def _at_most(lost: int) -> str:
    return f"at most {lost:,}" if lost else "none"
