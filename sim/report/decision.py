"""The answer of a page in sentences: the delay, the date, what binds, and what would turn it round."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sim.report.record import Delays, NeedRow, Record
from sim.text import number
from sim.text import rounded as span_words
from sim.world.order import SECONDS_PER_DAY, SECONDS_PER_HOUR

ADVICE: Final = "30-day advice"


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, in words; empty where there is nothing to say.

    Attributes:
        delay: the recommended delay.
        date: the latest instant to specify the reserve.
        binds: which guarantee, or rule, asks for so long a delay.
        left: who is lost all the same.
        flips: what would turn the answer round, a sentence each.
        caution: how far to trust it.
    """

    delay: str
    date: str
    binds: str
    left: str
    flips: tuple[str, ...]
    caution: str


def decide(record: Record) -> Decision:
    """What the run of a record recommends, from its own devices alone."""
    told = record.delays
    if told is None:
        why = _capital(record.no_delays) + "."
        return Decision("This run does not tell of other delays", "", why, "", (), "")
    need = _binding(told)
    if need.needed_s is None:
        return Decision(
            delay=f"No delay up to {span_words(told.longest_s)} is enough",
            date="",
            binds=f"What binds: “{need.promise}”. Even {span_words(told.longest_s)} lose "
            f"{_devices(need.lost)}, and {_devices(need.allowed)} may be lost.",
            left=_refused(told),
            flips=(
                "This run tells nothing of longer delays: reissue plan looks further, and says what is left.",
            ),
            caution=_caution(record),
        )
    unit_s = unit_of(told)
    days = max(1, math.ceil(need.needed_s / SECONDS_PER_DAY))
    rule, floor = max(told.floors.items(), key=lambda each: each[1])
    advised = max(days, floor)
    at = told.expires_s - advised * SECONDS_PER_DAY
    date = f"{record.start + timedelta(seconds=at):%Y-%m-%d %H:%M} UTC"
    needed_units = max(unit_s, math.ceil(need.needed_s / unit_s) * unit_s)
    alone = f"“{need.promise}” needs {span_words(needed_units)} in this run, the longest of its promises"
    if floor > days:
        source = (
            "Kaspersky's advice of 30 days" if rule == ADVICE else "the longest period of synchronization"
        )
        binds = f"What binds: {source}. Of the guarantees, {alone}."
    else:
        binds = f"What binds: {alone}."
    return Decision(
        delay=f"{advised} days",
        date=date if at >= 0 else f"{date}, before this scenario starts: there is no time left for it",
        binds=binds,
        left=_left(told, advised * SECONDS_PER_DAY),
        flips=_flips(told, need),
        caution=_caution(record),
    )


def unit_of(told: Delays) -> int:
    """Seconds of the unit in which delays are told: days, or hours where the own delay is short."""
    return SECONDS_PER_DAY if told.own_s >= 3 * SECONDS_PER_DAY else SECONDS_PER_HOUR


def _left(told: Delays, delay_s: int) -> str:
    """How many are lost under a delay, or under the longest of the run, which loses no fewer."""
    if not told.delays_s:
        return _refused(told)
    place = max((i for i, each_s in enumerate(told.delays_s) if each_s <= delay_s), default=0)
    lost = told.lost[place]
    longest = told.delays_s[place]
    if lost == 0:
        return f"A delay of {span_words(longest)} loses nobody here."
    words = "1 device" if lost == 1 else f"{number(lost)} devices"
    under = (
        f"{_capital(words)} would be lost under the recommended delay all the same."
        if longest == delay_s
        else f"{_capital(words)} would be lost under {span_words(longest)}, and no more under a longer delay."
    )
    return f"{under} {_refused(told)}".strip()


def _refused(told: Delays) -> str:
    if not told.refused:
        return ""
    return f"No delay saves {_devices(told.refused)}, whose platform refuses the certificate."


def _binding(told: Delays) -> NeedRow:
    return max(told.needs, key=lambda need: math.inf if need.needed_s is None else need.needed_s)


def _flips(told: Delays, need: NeedRow) -> tuple[str, ...]:
    """How much worse the devices may be than assumed before the binding promise breaks."""
    assert need.needed_s is not None
    spare_s = told.longest_s - need.needed_s
    later = (
        f"Longer absences: if each device received the reserve more than {span_words(spare_s)} later "
        f"than here, “{need.promise}” would break under this scenario's own delay."
        if spare_s
        else "Longer absences: there is not a second to spare under this scenario's own delay."
    )
    more = need.allowed - need.lost
    dormant = (
        f"Dormant devices: “{need.promise}” bears {more:,} more that never synchronize; one more breaks it."
        if more
        else f"Dormant devices: a single one more that never synchronizes breaks “{need.promise}”."
    )
    return later, dormant


def _caution(record: Record) -> str:
    runs = "one run" if record.replications == 1 else f"{record.replications:,} runs"
    return (
        f"From {runs} of this scenario: another seed gives other numbers, and how long devices stay away is "
        "the scenario's assumption. reissue plan simulates many fleets for a stated confidence."
    )


def _devices(n: int) -> str:
    return "no device" if n == 0 else "1 device" if n == 1 else f"{n:,} devices"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
