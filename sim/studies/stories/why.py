"""One device's story, and what would have saved it (`reissue why`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any, Final

import numpy as np

from sim.errors import InputError, visible
from sim.scenario.problems import quoted
from sim.scenario.roster import roster_of
from sim.scenario.scenario import Scenario, expect_scenario
from sim.studies.experiment import Experiment, Progress
from sim.studies.stories.alone import Alone, Life, reinstalls_of
from sim.studies.stories.chapters import Entry, entries_of
from sim.studies.stories.reduced import reduced
from sim.studies.stories.rescue import Claim, Rescue
from sim.studies.stories.sentences import NOTHING_ALONE, claim_in_words, claims_heading, introduction
from sim.summary import Column, Summary, Table, notes
from sim.summary.card import to_html
from sim.summary.terminal import to_text
from sim.text import iso
from sim.world.fleet import Profile, Roster
from sim.world.outcome import CAUSES, MEANS, NEVER, Devices

__all__ = ["Story", "UnknownDeviceError", "reduced", "why"]

_MOST_NAMES: Final = 100_000


class UnknownDeviceError(InputError):
    """The scenario has no device of that name; the message says which it may have meant."""


@dataclass(frozen=True, eq=False)
class Story:
    """What became of one device, and why.

    Attributes:
        scenario: whose.
        device: its name.
        index: its place in device order.
        replication: its number.
        profile: what it shares with others.
        phase_s: of its schedule.
        life: every happening, in order.
        row: the device's row of the outcome, by column; instants in seconds, -1 for never.
        entries: the story, in order.
        claims: what would have saved it, or how near the loss was; each was tried.
    """

    scenario: Scenario
    device: str
    index: int
    replication: int
    profile: Profile
    phase_s: int
    life: Life
    row: dict[str, int]
    entries: tuple[Entry, ...]
    claims: tuple[Claim, ...]

    @property
    def is_lost(self) -> bool:
        """Whether it ever lost the server."""
        return self.row["lost_at_s"] != NEVER

    def at(self, instant_s: int) -> datetime:
        """The date of an instant."""
        return self.scenario.start + timedelta(seconds=instant_s)

    @property
    def introduction(self) -> str:
        """Who it is, in a sentence."""
        return introduction(self.profile, self.device, self.at(self.phase_s))

    @property
    def lines(self) -> list[str]:
        """The story for reading, a line each."""
        return to_text(self.summary()).splitlines()

    def summary(self) -> Summary:
        """Who it is, what became of it in order, and what would have saved it or how near a loss was."""
        rows = tuple((f"{self.at(entry.at_s):%Y-%m-%d %H:%M:%S}", entry.text) for entry in self.entries)
        claims = [claim_in_words(claim, self.profile, self.at) for claim in self.claims]
        if claims:
            closing = [notes(*claims, title=claims_heading(self.is_lost), is_list=True)]
        else:
            closing = [notes(NOTHING_ALONE)] if self.is_lost else []
        return Summary(
            f"{self.scenario.name}: {self.device}",
            self.introduction,
            (Table((Column(""), Column("")), rows), *closing),
            tone="bad" if self.is_lost else "good",
        )

    def __repr__(self) -> str:
        end = "lost" if self.is_lost else "never lost"
        return f"<Story {visible(self.device)}: {end}, {len(self.entries)} entries>"

    def _repr_html_(self) -> str:
        return to_html(self.summary())

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def to_json(self) -> dict[str, Any]:
        """The document that `reissue why --json` prints."""
        return {
            "scenario": self.scenario.name,
            "seed": self.scenario.seed,
            "replication": self.replication,
            "device": self.device,
            "group": self.profile.group,
            "platform": self.profile.platform,
            "outcome": self._outcome(),
            "story": [{"at": iso(self.at(e.at_s)), "what": e.what, "text": e.text} for e in self.entries],
            "claims": [self._claim(claim) for claim in self.claims],
        }

    def _outcome(self) -> dict[str, Any]:
        told: dict[str, Any] = {}
        for name, value in self.row.items():
            if name.endswith("_at_s"):
                told[name.removesuffix("_s")] = None if value == NEVER else iso(self.at(value))
            elif name == "lost_cause":
                told[name] = CAUSES[value] or None
            elif name == "reconnected_by":
                told[name] = MEANS[value] or None
            else:
                told[name] = None if name == "critical_delay_s" and value == NEVER else value
        return told

    def _claim(self, claim: Claim) -> dict[str, Any]:
        told: dict[str, Any] = {"kind": claim.kind, "text": claim_in_words(claim, self.profile, self.at)}
        if claim.delay_s is not None:
            told["delay_s"] = claim.delay_s
        if claim.at_s is not None:
            told["at"] = iso(self.at(claim.at_s))
        if claim.from_s is not None:
            told["from"] = iso(self.at(claim.from_s))
        return told


def why(
    scenario: Scenario,
    device: str,
    *,
    replication: int | None = None,
    progress: Progress | None = None,
    notice: Callable[[str], None] | None = None,
) -> Story:
    """Tell what became of one device, and what would have saved it.

    With a help desk the whole fleet is run first, since the queue is made of all of it.

    Args:
        scenario: whose.
        device: its name, as in results: `group/position`, or its inventory id.
        replication: its number, as in results; default: the scenario's first.
        progress: called now and then with the share that is done.
        notice: called with a sentence before a wait that needs a reason.

    Raises:
        UnknownDeviceError: the scenario has no such device.
        ScenarioError: the scenario cannot be run.
    """
    expect_scenario(scenario)
    number = scenario.first_replication if replication is None else replication
    experiment = Experiment.of(scenario.changed({"first_replication": number}))
    index = find(scenario, device)
    alone = Alone.of(scenario, experiment.plan, index, number)
    row: dict[str, int] | None = None
    reinstalls_s: tuple[int, ...] = ()
    if experiment.plan.recovery is not None:
        for sentence in experiment.notices() if notice is not None else ():
            notice(sentence)  # type: ignore[misc]
        outcome = experiment.outcome(0)
        row = _row(outcome.devices, index)
        reinstalls_s = reinstalls_of(experiment, outcome, index, number, progress)
    life = alone.live(reinstalls_s=reinstalls_s)
    own = _row(life.outcome.devices, 0)
    if row is not None:
        for name in own:
            assert name == "helpdesk_s" or own[name] == row[name], f"alone, {name} of {device} is another"
    unhelped = alone.live() if reinstalls_s else life
    return Story(
        scenario=experiment.scenario,
        device=device,
        index=index,
        replication=number,
        profile=alone.profile,
        phase_s=int(alone.start.phase_s[0]),
        life=life,
        row=row or own,
        entries=tuple(entries_of(experiment, alone, life, row or own)),
        claims=tuple(Rescue(alone, unhelped).claims()),
    )


def find(scenario: Scenario, device: str) -> int:
    """The place of a device in device order.

    Raises:
        UnknownDeviceError: there is none of that name.
    """
    roster = roster_of(scenario)
    index = roster.index(device)
    if index is None:
        raise UnknownDeviceError(f"{scenario.name} has no device {quoted(device)}: {_near(roster, device)}")
    return index


def _near(roster: Roster, device: str) -> str:
    """Which device may have been meant."""
    group, slash, position = device.rpartition("/")
    numbered = [name for name, n in zip(roster.groups, roster.numbered, strict=True) if n]
    ids = [each for ids in roster.ids for each in ids][:_MOST_NAMES]
    group = group if slash else device
    if group in numbered:
        number = roster.groups.index(group)
        first, n = roster.position_of(number), roster.numbered[number]
        shown = visible(group)
        return f"the devices of {shown} are {shown}/{first} to {shown}/{first + n - 1}"
    meant = get_close_matches(group if slash else device, numbered, n=1, cutoff=0.6)
    if meant:
        first = roster.position_of(roster.groups.index(meant[0]))
        place = position if slash and position.isdigit() else str(first)
        return f"did you mean {visible(meant[0])}/{place}?"
    near = get_close_matches(device, ids, n=1, cutoff=0.6)
    if near:
        return f"did you mean {visible(near[0])}?"
    if not len(roster):
        return "it has no devices"
    return f"names are those in results, such as {visible(roster.name(0))}"


def _row(devices: Devices, index: int) -> dict[str, int]:
    return {name: int(np.asarray(column)[index]) for name, column in devices.columns()}
