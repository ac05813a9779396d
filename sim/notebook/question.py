"""What a what-if panel may ask: how the groups of a scenario live, and the seed; as a changed scenario."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sim.errors import InputError
from sim.scenario.durations import format_duration
from sim.scenario.fleet import Group, Spells
from sim.scenario.scenario import Scenario
from sim.scenario.values import format_share
from sim.studies.assumptions import scaled


@dataclass(frozen=True, slots=True)
class Habits:
    """How the devices of a group live, as a panel shows it.

    Attributes:
        every: the synchronization period, as the language writes it.
        success: of attempts, as the language writes it.
        catch_up: whether what was missed is caught up.
        away_percent: of the time, rounded to a tenth; None for a group without spells.
        longer: absences are so many times as long as the scenario says; the share of the time stays.
    """

    every: str
    success: str
    catch_up: bool
    away_percent: float | None
    longer: float = 1.0

    @classmethod
    def of(cls, group: Group) -> Habits:
        """As the scenario has them."""
        sync, presence = group.sync, group.presence
        away = None
        if isinstance(presence, Spells):
            off_s, on_s = presence.off.mean_s, presence.on.mean_s
            away = round(100 * off_s / (on_s + off_s), 1)
        return cls(format_duration(sync.every), format_share(sync.success), sync.catch_up, away)


def with_habits(scenario: Scenario, habits: Mapping[int, Habits], seed: int) -> Scenario:
    """The scenario with other habits of groups, by their index; what is as before is left as it is written.

    Raises:
        InputError: a value is impossible; the message says what would be right.
    """
    changes: dict[str, Any] = {} if seed == scenario.seed else {"seed": seed}
    for number, wanted in habits.items():
        before, key = Habits.of(scenario.fleet[number]), f"fleet.{number}"
        if wanted.every != before.every:
            changes[f"{key}.sync.every"] = wanted.every
        if wanted.success != before.success:
            changes[f"{key}.sync.success"] = wanted.success
        if wanted.catch_up != before.catch_up:
            changes[f"{key}.sync.catch_up"] = wanted.catch_up
        if wanted.away_percent != before.away_percent or wanted.longer != before.longer:
            changes[f"{key}.presence"] = _presence(scenario, number, before, wanted)
    return scenario.changed(changes) if changes else scenario


def _presence(scenario: Scenario, number: int, before: Habits, wanted: Habits) -> dict[str, Any]:
    """Spells whose absences are longer, and which are off for the wanted share of the time."""
    presence = scenario.fleet[number].presence
    if not isinstance(presence, Spells) or wanted.away_percent is None:
        raise InputError("a group that is always or never on has no absences to change")
    if not 0 < wanted.away_percent < 100:
        raise InputError("the share of the time away lies between 0 and 100 %, ends not included")
    stretch = wanted.longer
    if wanted.away_percent != before.away_percent:
        share = wanted.away_percent / 100
        stretch = wanted.longer * presence.off.mean_s * (1 - share) / share / presence.on.mean_s
    written = scenario.document["fleet"][number]["presence"]
    return {"on": scaled(written["on"], stretch), "off": scaled(written["off"], wanted.longer)}
