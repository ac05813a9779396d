"""The measures a guarantee may bound, and what their bounds are counted in (model 8)."""

from __future__ import annotations

import math
import re
from typing import Final, Literal

from sim.scenario.problems import quoted
from sim.scenario.values import duration_of, kind_of, parse_share

CountedIn = Literal["devices", "share", "number", "duration"]

MEASURES: Final[dict[str, CountedIn]] = {
    "devices": "devices",
    "lost_devices": "devices",
    "lost_share": "share",
    "reconnected_devices": "devices",
    "reconnected_share": "share",
    "still_lost_devices": "devices",
    "reserve_coverage": "share",
    "device_days_lost": "number",
    "reinstalls": "devices",
    "helpdesk_hours": "number",
    "time_to_reconnect": "duration",
    "times_lost": "devices",
}
_AS_SHARE: Final = {"lost_devices": "lost_share", "reconnected_devices": "reconnected_share"}


def parse_threshold(value: object, *, measure: str | None) -> float:
    """The bound of a guarantee: a share in [0, 1], seconds, or a plain number, by its measure.

    Raises:
        ValueError: it does not fit the measure; the message says what to write instead. Where the measure
            itself is wrong (None), any bound is taken.
    """
    match MEASURES.get(measure or ""):
        case None:
            return 0.0
        case "share":
            if isinstance(value, str | int | float):
                return parse_share(value)
            raise ValueError(f"{kind_of(value)} is not a share: write a share such as 99.9% or 0.999")
        case "duration":
            return float(duration_of(value))
        case _:
            return _number(value, measure=measure or "")


def _number(value: object, *, measure: str) -> float:
    unit = {"device_days_lost": "days", "helpdesk_hours": "hours"}.get(measure, "devices or times")
    if isinstance(value, int | float) and not isinstance(value, bool):
        if math.isfinite(value) and value >= 0:
            return float(value)
        raise ValueError(f"{value:g} is not possible: write a number of at least 0")
    if isinstance(value, str):
        if re.fullmatch(r"[0-9.]+ ?%", value.strip()):
            instead = _AS_SHARE.get(measure)
            mend = f"for a share, bound {instead}" if instead else "write a plain number"
            raise ValueError(f"{measure} is counted in {unit}, not in per cent: {mend}")
        if re.fullmatch(r"[0-9]+(\.[0-9]+)?", value.strip()):
            raise ValueError(f"{quoted(value)} is a text: write {value.strip()}, without quotes")
    raise ValueError(
        f"{kind_of(value)} is not a number: {measure} is counted in {unit}, so write a plain number"
    )
