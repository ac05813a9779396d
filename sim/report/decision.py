"""The recommendation of a page in words: the delay, the date, what binds, what would change the answer."""

from __future__ import annotations

import math
from typing import NamedTuple

from sim.report.contents import Contents
from sim.studies.margins import Margins, Need
from sim.text import number, plural, rounded
from sim.world.order import SECONDS_PER_DAY


class Decision(NamedTuple):
    """What to do, in words; empty where there is nothing to say.

    Attributes:
        delay: the recommended delay.
        binds: which guarantee, or rule, asks for so long a delay.
        date: the latest instant to specify the reserve.
        left: who is lost all the same.
        changes: what would change the answer, a sentence each.
        caution: how far to trust it.
    """

    delay: str
    binds: str
    date: str = ""
    left: str = ""
    changes: tuple[str, ...] = ()
    caution: str = ""


def decide(contents: Contents) -> Decision:
    """What the replications recommend, from their own devices alone."""
    margins, extra = contents.extra.margins, contents.extra
    if margins is None:
        return Decision("This run does not tell of other delays", f"{_capital(extra.no_margins)}.")
    need, n = margins.binding, contents.run.replications
    caution = (
        f"From {'one run' if n == 1 else f'{n:,} runs'} of this scenario: another seed gives other numbers, "
        "and how long devices stay away is the scenario's assumption. reissue plan simulates many fleets for "
        "a stated confidence."
    )
    longest = rounded(margins.longest_s)
    if need.needed_s is None:
        return Decision(
            delay=f"No delay up to {longest} is enough",
            binds=f"What binds: “{need.promise}”. Even {longest} lose {_devices(need.lost)}, and "
            f"{_devices(need.allowed)} may be lost.",
            left=_refused(margins),
            changes=(
                "This run tells nothing of longer delays: reissue plan looks further, and says what is left.",
            ),
            caution=caution,
        )
    days = max(1, math.ceil(need.needed_s / SECONDS_PER_DAY))
    rule, floor = max(extra.floors.items(), key=lambda each: each[1])
    advised = max(days, floor)
    at_s = extra.lives[0].not_after_s - advised * SECONDS_PER_DAY
    alone = f"“{need.promise}” needs {rounded(margins.needed_s or 0)} in this run, the longest of them"
    source = "Kaspersky's advice of 30 days" if rule == "30-day advice" else "the longest sync period"
    late = "" if at_s >= 0 else ", before this scenario starts: there is no time left for it"
    return Decision(
        delay=f"{advised} days",
        binds=f"What binds: {f'{source}. Of the guarantees, {alone}' if floor > days else alone}.",
        date=f"{contents.date(at_s)} UTC{late}",
        left=_left(margins, advised * SECONDS_PER_DAY),
        changes=_changes(margins, need, margins.longest_s - need.needed_s),
        caution=caution,
    )


def _left(margins: Margins, delay_s: int) -> str:
    """How many are lost under a delay, or under the longest of the run, which loses no fewer."""
    if not len(margins.delays_s):
        return _refused(margins)
    place = max((i for i, each_s in enumerate(margins.delays_s) if each_s <= delay_s), default=0)
    lost, longest_s = float(margins.mean[place]), int(margins.delays_s[place])
    if lost == 0:
        return f"A delay of {rounded(longest_s)} loses nobody here."
    under = (
        "under the recommended delay all the same."
        if longest_s == delay_s
        else f"under {rounded(longest_s)}, and no more under a longer delay."
    )
    return f"{_capital(_devices(lost))} would be lost {under} {_refused(margins)}".strip()


def _refused(margins: Margins) -> str:
    if not margins.refused:
        return ""
    return f"No delay saves {_devices(margins.refused)}, whose platform refuses the certificate."


def _changes(margins: Margins, need: Need, spare_s: int) -> tuple[str, str]:
    """How much worse the devices may be than assumed before the binding promise breaks."""
    later = (
        f"Longer absences: if each device received the reserve more than {rounded(spare_s)} later "
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


def _devices(n: float) -> str:
    return "no device" if n == 0 else plural(int(n), "device") if n == int(n) else f"{number(n)} devices"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
