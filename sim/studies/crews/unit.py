"""A unit of work: one replication, or one part of it; what it is called by, and what it gives.

A unit is a pure function of small inputs, so that any process on any machine can do it. Its key is a hash of
all that can change its numbers, and of nothing else: the plan in seconds, devices, draws and the version
of the semantics. The scenario's name, description and guarantees are not in it; nor is the engine, since both
give the same.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache, lru_cache
from importlib.metadata import version
from typing import Any, Final, Literal, cast

from sim.errors import InputError
from sim.results.measures import NUMBERS, Selected, Selection
from sim.results.tally import Tally
from sim.scenario.fleet import Away
from sim.scenario.inventory import Inventory
from sim.scenario.prepare import prepare
from sim.scenario.reading import from_document
from sim.scenario.scenario import Scenario
from sim.studies.crews.packing import is_packed, packed
from sim.studies.experiment import PART, Experiment
from sim.world import SEMANTICS
from sim.world.plan import Plan

Value = dict[str, Any]
Engine = Literal["process", "fleet"]


class VersionError(InputError):
    """A worker runs another program than the one that asks."""


@cache
def program() -> str:
    """What must be the same wherever units are computed."""
    return f"reissue {version('reissue')}, semantics {SEMANTICS}"


@dataclass(frozen=True, slots=True)
class Unit:
    """What a worker is asked.

    Attributes:
        key: SHA-256 of all that its value depends on; hexadecimal.
        world: plan and devices, compressed; no private key and no password is in them.
        inventories: those of the fleet, compressed.
        engine: which one computes it; the value does not depend on it.
        replication: its number, as it is drawn with.
        within: devices from and to, for the tally of a part; None: the measures of the whole fleet.
        program: see `program`.
    """

    key: str
    world: bytes
    inventories: bytes
    engine: Engine
    replication: int
    within: tuple[int, int] | None
    program: str


@dataclass(frozen=True, slots=True)
class Source:
    """A scenario from which units are made; its certificate files are read here, and only here.

    Attributes:
        plan: what the server and the operator will do.
        world, inventories: see `Unit`.
        digest: of what its units have in common.
        engine: which one computes them.
    """

    plan: Plan
    world: bytes
    inventories: bytes
    digest: str
    engine: Engine

    @classmethod
    def of(
        cls, scenario: Scenario, *, engine: Engine = "process", shared: dict[object, bytes] | None = None
    ) -> Source:
        """Make a scenario ready.

        Args:
            scenario: what to run.
            engine: which engine computes.
            shared: where inventories that several scenarios have are kept once.

        Raises:
            ScenarioError: it cannot be run.
        """
        prepared = prepare(scenario)
        scenario, plan = prepared.scenario, prepared.plan
        return cls(
            plan=plan,
            world=zlib.compress(pickle.dumps((plan, _document(scenario))), 1),
            inventories=_inventories(scenario, {} if shared is None else shared),
            digest=_sha256(
                {
                    "semantics": SEMANTICS,
                    "seed": scenario.seed,
                    "plan": _plain(plan),
                    "fleet": _fleet(scenario),
                }
            ),
            engine=engine,
        )

    def unit(self, replication: int, within: range | None = None) -> Unit:
        """The unit of a replication by its number (`first_replication` on), or of a part of it."""
        ends = None if within is None else (within.start, within.stop)
        key = _sha256({"world": self.digest, "replication": replication, "within": ends})
        return Unit(key, self.world, self.inventories, self.engine, replication, ends, program())


# --- what is computed -----------------------------------------------------------------------------------


def compute(unit: Unit, *, threads: int | None = 1) -> bytes:
    """The value of a unit: canonical JSON of measures and a fingerprint, or of a packed tally.

    Args:
        unit: what to compute.
        threads: of the array engine; None: one a core.

    Raises:
        VersionError: this is not the program that made the unit.
        EngineUnavailableError: the array engine is asked for, and numba is not installed.
    """
    if unit.program != program():
        raise VersionError(f"this worker runs {program()}, and the sweep {unit.program}: install the same")
    experiment = _experiment(unit.world, unit.inventories, unit.engine, threads)
    relative = unit.replication - experiment.scenario.first_replication
    if unit.within is not None:
        outcome = experiment.outcome_within(relative, range(*unit.within))
        return canonical(packed(Tally.of(outcome)))
    tally = experiment.tally(relative)
    profiles = tally.profiles
    groups = {group.name for group in experiment.scenario.fleet} | {p.group for p in profiles}
    platforms = {profile.platform for profile in profiles}
    return canonical(
        {
            "fingerprint": tally.fingerprint,
            "measures": Selected(tally).measures(),
            "groups": {name: Selected(tally, Selection(group=name)).measures() for name in sorted(groups)},
            "platforms": {
                name: Selected(tally, Selection(platform=name)).measures() for name in sorted(platforms)
            },
        }
    )


def is_value(value: object, *, of_part: bool) -> bool:
    """Whether something read from a file has the form of a unit's value."""
    if not isinstance(value, dict):
        return False
    if of_part:
        return is_packed(value)
    named = (value.get("groups"), value.get("platforms"))
    return (
        value.keys() == {"fingerprint", "measures", "groups", "platforms"}
        and isinstance(value["fingerprint"], str)
        and _are_measures(value["measures"])
        and all(isinstance(each, dict) and all(map(_are_measures, each.values())) for each in named)
    )


def _are_measures(value: object) -> bool:
    return (
        isinstance(value, dict)
        and tuple(sorted(value)) == _SORTED
        and all(each is None or type(each) in (int, float) for each in value.values())
    )


_SORTED: Final = tuple(sorted(NUMBERS))


@lru_cache(maxsize=4)
def _experiment(world: bytes, inventories: bytes, engine: Engine, threads: int | None) -> Experiment:
    """What a unit's world describes, kept for the next replication."""
    plan, document = cast(tuple[Plan, dict[str, Any]], _unpickled(world))
    listed = cast(Mapping[int, Inventory], _unpickled(inventories))
    scenario = from_document(document, folder=None, inventories=listed)
    prepared = prepare(scenario).with_plan(plan)
    part = PART if plan.recovery is None else max(prepared.size, 1)
    return Experiment(prepared, engine, part, threads)


def _unpickled(content: bytes) -> object:
    """What the process that asks has sent; never what a file holds."""
    return pickle.loads(zlib.decompress(content))  # noqa: S301


def _inventories(scenario: Scenario, shared: dict[object, bytes]) -> bytes:
    listed = dict(scenario.inventories)
    name = tuple((number, each.sha256, *sorted(each.columns.items())) for number, each in listed.items())
    if name not in shared:
        shared[name] = zlib.compress(pickle.dumps(listed), 1)
    return shared[name]


def _document(scenario: Scenario) -> dict[str, Any]:
    """A scenario with the same devices, which needs no certificate file to be read."""
    written = scenario.document["fleet"]
    for group, below in zip(scenario.fleet, written, strict=True):
        if isinstance(group.presence, Away):
            for absence, spell in zip(group.presence.away, below["presence"]["away"], strict=True):
                spell["from"] = _from_start(scenario.instant(absence.from_))
    return {
        "name": "unit",
        "start": scenario.start.isoformat(),
        "duration": f"{scenario.duration}s",
        "seed": scenario.seed,
        "fleet": written,
    }


def _from_start(instant_s: int) -> str:
    return f"start {'-' if instant_s < 0 else '+'} {abs(instant_s)}s"


# --- what it is called by -------------------------------------------------------------------------------


def _fleet(scenario: Scenario) -> dict[str, Any]:
    """All of the devices that can change a number; groups in the order of devices, by name."""
    groups = []
    for number, group in enumerate(scenario.fleet):
        told = group.model_dump(mode="json", exclude={"inventory", "presence"})
        if isinstance(group.presence, Away):
            told["presence"] = [[scenario.instant(a.from_), a.for_] for a in group.presence.away]
        else:
            spells = group.presence
            told["presence"] = spells if isinstance(spells, str) else spells.model_dump(mode="json")
        if number in scenario.inventories:
            told["inventory"] = scenario.inventories[number].sha256
        groups.append(told)
    dated = {"start": scenario.start.isoformat()} if scenario.inventories else {}
    return {"groups": sorted(groups, key=lambda told: str(told["name"])), **dated}


def _plain(value: object) -> object:
    """A frozen value as JSON takes it: what it is, and its fields."""
    if is_dataclass(value) and not isinstance(value, type):
        told = {each.name: _plain(getattr(value, each.name)) for each in fields(value) if each.compare}
        return {"is": type(value).__name__, **told}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, frozenset):
        return sorted(_plain(each) for each in value)  # type: ignore[type-var]
    return value


def canonical(document: object) -> bytes:
    """JSON in one form only: sorted keys, no blanks, ASCII."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def _sha256(document: object) -> str:
    return hashlib.sha256(canonical(document)).hexdigest()
