"""The kinds of values of the language: duration, instant, share, distribution (language 1.1)."""

from __future__ import annotations

from sim.scenario.distributions import WrongPartsError, parse_distribution
from sim.scenario.durations import LONGEST_S, UNITS_S, format_duration, parse_duration
from sim.scenario.instants import Instant, parse_instant, parse_moment
from sim.scenario.values import format_share, parse_share
from sim.world.distributions import Distribution

__all__ = [
    "LONGEST_S",
    "UNITS_S",
    "Distribution",
    "Instant",
    "WrongPartsError",
    "format_duration",
    "format_share",
    "parse_distribution",
    "parse_duration",
    "parse_instant",
    "parse_moment",
    "parse_share",
]
