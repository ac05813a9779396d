"""Which devices of a fleet are rehearsed, and what the model says of them, encounter by encounter.

The process engine runs, and its devices record how each of their attempts ends. A long stretch of equal
attempts is represented by its first and last one. Beside the attempts there are probes: at every control
instant, one second before it and one after, one device of every kind is asked whether it would be accepted.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from sim.processes.engine import simulate
from sim.processes.recording import Happening, RecordedDevice, Recorder, Slots
from sim.rehearsal.phone import Verdict
from sim.text import evenly
from sim.world.fleet import Fleet
from sim.world.outcome import NEVER, Outcome
from sim.world.plan import Plan
from sim.world.timeline import Timeline

MOST_PROBED: Final = 100
"""Of more control instants than this, evenly spread ones are probed; switches before others."""

Kind = Literal["attempt", "probe", "reinstall"]

_VERDICTS: Final[dict[str, Verdict]] = {
    "synced": "accepted",
    "refused": "refused",
    "unreachable": "unreachable",
}


@dataclass(frozen=True, slots=True)
class Encounter:
    """One attempt of a device, or a probe, as the model says it goes.

    Attributes:
        sequence: place in the engine's order of events.
        at_s: instant.
        device: index among the devices of the rehearsal.
        kind: `attempt`, `probe` (changes nothing), or `reinstall` (slots filled, then an attempt).
        verdict: how it ends.
        before: slots when it begins; for a reinstallation, when it has filled them.
        after: slots when it has ended.
    """

    sequence: int
    at_s: int
    device: int
    kind: Kind
    verdict: Verdict
    before: Slots
    after: Slots


class Script:
    """The encounters to be played, gathered from what devices record.

    Attributes:
        encounters: complete and in order after `close`.
        attempts: how many attempts there were, failed ones included.
        failed: how many of them failed on the way, so that no certificate was looked at (model 5.4 b).
    """

    def __init__(self, fleet: Fleet, control_s: Sequence[int]) -> None:
        self.encounters: list[Encounter] = []
        self.attempts = self.failed = 0
        self._fleet, self._control_s = fleet, control_s
        self._sequence = 0
        self._stretches: dict[int, tuple[object, Encounter, Encounter]] = {}
        self._probed: set[tuple[int, str, Slots]] = set()

    def add(self, happening: Happening) -> None:
        """Keep what TLS can show: reinstallations, new probes, both ends of a stretch of attempts."""
        self._sequence += 1
        what, device = happening.what, happening.device
        if what == "probed":
            roster = self._fleet.roster
            kind = happening.at_s, roster.profiles[roster.profile[device]].platform, happening.after
            if kind not in self._probed:
                self._probed.add(kind)
                self.encounters.append(self._encounter(happening, "probe", happening.detail))
        elif what == "reinstalled":
            self.encounters.append(self._encounter(happening, "reinstall", happening.detail))
        elif what == "failed":
            self.attempts += 1
            self.failed += 1
        elif what in _VERDICTS and happening.detail != "reinstall":
            self.attempts += 1
            encounter = self._encounter(happening, "attempt", what)
            key = bisect_right(self._control_s, happening.at_s), what, happening.before
            stretch = self._stretches.get(device)
            if stretch is not None and stretch[0] == key:
                self._stretches[device] = key, stretch[1], encounter
            else:
                self._end_stretch(device)
                self._stretches[device] = key, encounter, encounter

    def close(self) -> None:
        """End all stretches and put the encounters in order."""
        for device in list(self._stretches):
            self._end_stretch(device)
        self.encounters.sort(key=lambda encounter: encounter.sequence)

    def _encounter(self, happening: Happening, kind: Kind, met: str) -> Encounter:
        return Encounter(
            sequence=self._sequence,
            at_s=happening.at_s,
            device=happening.device,
            kind=kind,
            verdict=_VERDICTS[met],
            before=happening.before,
            after=happening.after,
        )

    def _end_stretch(self, device: int) -> None:
        stretch = self._stretches.pop(device, None)
        if stretch is not None:
            _, first, last = stretch
            self.encounters += [first] if last is first else [first, last]


def script_of(plan: Plan, fleet: Fleet, timeline: Timeline) -> Script:
    """What the process engine says of a fleet."""
    control_s = _control_instants(timeline, plan.horizon_s)
    script = Script(fleet, control_s)
    recorder = Recorder(script.add, probes_s=_probes(control_s, timeline, plan.horizon_s))
    simulate(plan, fleet, kind=partial(RecordedDevice, recorder))
    script.close()
    return script


def _control_instants(timeline: Timeline, horizon_s: int) -> list[int]:
    """When the server changes, or the validity of one of its certificates; ascending, within the run."""
    instants = {state.from_s for state in timeline.states}
    for certificate in timeline.server.certificates:
        instants |= {certificate.not_before_s, certificate.not_after_s}
    return sorted(instant for instant in instants if 0 <= instant < horizon_s)


def _probes(control_s: list[int], timeline: Timeline, horizon_s: int) -> list[int]:
    """The seconds around control instants, of switches before others; ascending, within the run."""
    switches = {after.from_s for _, after in timeline.switches}
    chosen = evenly(sorted(switches), MOST_PROBED)
    if len(chosen) < MOST_PROBED - 1:
        others = [each for each in control_s if each not in switches]
        chosen += evenly(others, MOST_PROBED - len(chosen))
    around = {instant + step for instant in chosen for step in (-1, 0, 1)}
    return sorted(instant for instant in around if 0 <= instant < horizon_s)


# --- the devices ---------------------------------------------------------------------------------------


def sample_of(outcome: Outcome, *, devices: int) -> NDArray[np.int64]:
    """Indices of at most `devices` devices, in device order: some of every group, and of every fate in it.

    Devices are alike if group, platform, cause of the loss, way back, times lost (0, 1, more), being lost
    at the end and having received the latest reserve agree. Turn by turn every group gives one device of
    its next kind, rare kinds first; within a kind those come first that received the reserve last.
    """
    turns: dict[int, list[list[int]]] = {}
    for kind in sorted(_kinds(outcome), key=len):
        profile = outcome.roster.profiles[outcome.roster.profile[kind[0]]]
        most = devices if profile.ever_on else 1  # who never comes on is worth one place, for the probes
        turns.setdefault(int(outcome.roster.group[kind[0]]), []).append(kind[:most].tolist())
    queues = [_in_turn(kinds)[:devices] for _, kinds in sorted(turns.items())]
    return np.array(sorted(_in_turn(queues)[:devices]), dtype=np.int64)


def _kinds(outcome: Outcome) -> list[NDArray[np.int64]]:
    roster, d = outcome.roster, outcome.devices
    has_received = d.reserve_received_at_s != NEVER
    times_lost = np.minimum(d.times_lost, 2)
    features = (roster.group, roster.profile, d.lost_cause, d.reconnected_by, times_lost, outcome.is_lost)
    if not len(roster):
        return []
    columns = np.stack([*features, has_received], axis=1).astype(np.int64)
    _, kind = np.unique(columns, axis=0, return_inverse=True)
    latest_first = np.lexsort((-d.reserve_received_at_s, kind.reshape(-1)))
    starts = np.flatnonzero(np.diff(kind.reshape(-1)[latest_first])) + 1
    return np.split(latest_first, starts)


def _in_turn(queues: list[list[int]]) -> list[int]:
    """The first of each queue, then the second of each, and so on."""
    longest = max(map(len, queues), default=0)
    return [queue[turn] for turn in range(longest) for queue in queues if turn < len(queue)]
