"""What became of one device, and what would have saved it (`reissue why`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sim.errors import visible
from sim.scenario.prepare import Prepared, prepare
from sim.scenario.scenario import Scenario
from sim.studies.experiment import Experiment, Progress
from sim.studies.options import checked, shown
from sim.studies.why.counterfactuals import Claim, claims_of
from sim.studies.why.device import SingleDevice, Trace, find, reinstalls_of, row_of
from sim.studies.why.history import Entry, entries_of, introduction
from sim.summary import Column, Notes, Summary, Table, notes
from sim.summary.answer import Answer
from sim.summary.terminal import to_text
from sim.text import iso
from sim.world.fleet import Profile
from sim.world.outcome import CAUSES, MEANS, NEVER

_NOTHING: Final = "No single change that was tried would have kept it connected for the whole run."


@dataclass(frozen=True, eq=False, repr=False)
class Story(Answer):
    """What became of one device, and why.

    Attributes:
        prepared: the scenario made ready, its first replication the one in question.
        device: name of the device.
        index: its index in device order.
        replication: number of the replication.
        profile: what the device has in common with others.
        introduction: which device it is, in a few words.
        trace: every happening, in order.
        row: the device's row of the outcome, by column; instants in seconds, -1 for never.
        entries: the story, in order.
        claims: what would have saved it, or how near the loss was; each was tried.
    """

    prepared: Prepared
    device: str
    index: int
    replication: int
    profile: Profile
    introduction: str
    trace: Trace
    row: dict[str, int]
    entries: tuple[Entry, ...]
    claims: tuple[Claim, ...]

    @property
    def scenario(self) -> Scenario:
        """The scenario, its first replication the one in question."""
        return self.prepared.scenario

    @property
    def is_lost(self) -> bool:
        """Whether it ever lost the server."""
        return self.row["lost_at_s"] != NEVER

    def at(self, instant_s: int) -> datetime:
        """The date of an instant."""
        return self.scenario.at(instant_s)

    def summary(self) -> Summary:
        """The story for reading, with what would have saved the device, or how near it was."""
        rows = tuple((f"{self.at(e.at_s):%Y-%m-%d %H:%M:%S}", e.text) for e in self.entries)
        parts: list[Table | Notes] = [Table((Column(""), Column("")), rows)]
        if self.claims:
            title = "What would have saved it" if self.is_lost else "How near it was"
            texts = (claim.text(self.profile.platform, self.at) for claim in self.claims)
            parts.append(notes(*texts, title=title, is_list=True))
        elif self.is_lost:
            parts.append(notes(_NOTHING))
        return Summary(
            title=f"{self.scenario.name}: {self.device}",
            answer=self.introduction,
            parts=tuple(parts),
            tone="bad" if self.is_lost else "good",
        )

    def __repr__(self) -> str:
        end = "lost" if self.is_lost else "never lost"
        return f"<Story {visible(self.device)}: {end}, {len(self.entries)} entries>"

    def __str__(self) -> str:
        return to_text(self.summary())

    def to_json(self) -> dict[str, Any]:
        """The document that `reissue why --json` prints."""
        return {
            "scenario": self.scenario.name,
            "seed": self.scenario.seed,
            "replication": self.replication,
            "device": self.device,
            "group": self.profile.group,
            "platform": self.profile.platform,
            "outcome": dict(map(self._cell, self.row, self.row.values())),
            "story": [{"at": iso(self.at(e.at_s)), "what": e.what, "text": e.text} for e in self.entries],
            "claims": [self._claim(claim) for claim in self.claims],
        }

    def _cell(self, name: str, value: int) -> tuple[str, str | int | None]:
        if name.endswith("_at_s"):
            return name.removesuffix("_s"), None if value == NEVER else iso(self.at(value))
        if name == "lost_cause":
            return name, CAUSES[value] or None
        if name == "reconnected_by":
            return name, MEANS[value] or None
        return name, None if name == "critical_delay_s" and value == NEVER else value

    def _claim(self, claim: Claim) -> dict[str, Any]:
        document = {
            "kind": claim.kind,
            "text": claim.text(self.profile.platform, self.at),
            "delay_s": claim.delay_s,
            "at": None if claim.at_s is None else iso(self.at(claim.at_s)),
            "from": None if claim.from_s is None else iso(self.at(claim.from_s)),
        }
        return {name: value for name, value in document.items() if value is not None}


@checked
def why(
    scenario: Scenario,
    device: str,
    *,
    replication: int | None = None,
    progress: Progress | bool | None = None,
    notice: Callable[[str], None] | None = None,
) -> Story:
    """What became of one device, and what would have saved it.

    With a help desk the whole fleet is run first, since the queue is made of all of it.

    Args:
        scenario: the scenario of the device.
        device: its name, as in results: `group/position`, or its inventory id.
        replication: its number, as in results; default: the scenario's first.
        progress: called now and then with the share that is done; True: a line shows it.
        notice: called with a sentence before a wait that needs a reason.

    Raises:
        UnknownDeviceError: the scenario has no such device.
        ScenarioError: the scenario cannot be run.
    """
    number = scenario.first_replication if replication is None else replication
    prepared = prepare(scenario.changed({"first_replication": number}))
    prepared.refuse_levers_that_couple("why")
    experiment = Experiment.of(prepared)
    prepared = experiment.prepared
    device = str(device).strip()
    index = find(prepared, device)
    single = SingleDevice.of(prepared, index, number)
    desk = prepared.plan.recovery
    in_fleet: dict[str, int] | None = None
    reinstalls_s: tuple[int, ...] = ()
    if desk is not None:
        experiment.notify(notice)
        outcome = experiment.outcome(0)
        in_fleet = row_of(outcome, index)
        reinstalls_s = reinstalls_of(experiment, outcome, index, number, shown(progress))
    trace = single.run(reinstalls_s=reinstalls_s)
    alone = row_of(trace.outcome, 0)
    row = in_fleet or alone
    assert {**alone, "helpdesk_s": row["helpdesk_s"]} == row, f"{device} fares otherwise alone"
    return Story(
        prepared=prepared,
        device=device,
        index=index,
        replication=number,
        profile=single.profile,
        introduction=introduction(single, prepared.scenario.at),
        trace=trace,
        row=row,
        entries=entries_of(single, trace, row, desk, prepared.scenario.at),
        claims=claims_of(single, single.run() if reinstalls_s else trace),
    )
