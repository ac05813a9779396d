"""Both engines and the reference on one world: the outcome, once all three give the same."""

from __future__ import annotations

from typing import Any

import reference

from sim.fleet.engine import simulate as fleet_engine
from sim.processes.engine import simulate
from sim.world.fleet import Fleet
from sim.world.outcome import Outcome
from sim.world.plan import Plan

Events = list[tuple[int, str, int | None]]


def told(events: Events) -> tuple[Events, Events]:
    """Events as both sides must tell them: those of certificates in their order, those of the server by name.

    Where one outage ends in the second in which another begins, both are told or neither; of a failed
    action, the generation is a matter of wording.
    """
    ends = {instant for instant, name, _ in events if name == "outage ended"}
    begins = {instant for instant, name, _ in events if name == "outage began"}
    return (
        [
            (instant, name, None if name.endswith("failed") else generation)
            for instant, name, generation in events
            if not name.startswith(("outage", "address"))
        ],
        sorted(
            (instant, name, None)
            for instant, name, _ in events
            if name.startswith(("outage", "address"))
            and not (name.startswith("outage") and instant in ends & begins)
        ),
    )


def differences(plan: Plan, fleet: Fleet) -> dict[str, tuple[Any, Any]]:
    """What the engine (left) and the reference (right) say differently."""
    expected = reference.simulate(plan, fleet)
    got = simulate(plan, fleet)
    both: dict[str, tuple[Any, Any]] = {
        name: (column.tolist(), expected.columns[name]) for name, column in got.devices.columns()
    }
    both["is_lost"] = (got.is_lost.tolist(), expected.is_lost)
    both["coverage_held"] = (got.coverage_held.tolist(), expected.coverage_held)
    both["events"] = (
        told([(event.at_s, event.name, event.generation) for event in got.events]),
        told(expected.events),
    )
    for name, series in got.series.items():
        both[name] = (series.tolist(), [sample[name] for sample in expected.samples])
    return {name: (left, right) for name, (left, right) in both.items() if left != right}


def outcome_of(plan: Plan, fleet: Fleet) -> Outcome:
    """What happens, as the process engine, the array engine and the reference tell it."""
    assert differences(plan, fleet) == {}
    process, array = simulate(plan, fleet), fleet_engine(plan, fleet)
    for (name, one), (_, other) in zip(process.devices.columns(), array.devices.columns(), strict=True):
        assert one.tolist() == other.tolist(), name
    assert process.events == array.events
    assert process.fingerprint == array.fingerprint
    return array
