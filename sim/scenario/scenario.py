"""A scenario as the rest of the simulator meets it: frozen, checked, every value resolved (language 1)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, PrivateAttr

from sim.scenario.fleet import Group
from sim.scenario.guarantees import Guarantee, Recovery
from sim.scenario.instants import Instant
from sim.scenario.inventory import Inventory
from sim.scenario.kinds import FREE_TEXT, MOMENT, duration, text, whole
from sim.scenario.origin import Origin, Source
from sim.scenario.problems import Place
from sim.scenario.section import Section
from sim.scenario.server import Server
from sim.scenario.strategy import Step
from sim.scenario.writing import to_line
from sim.summary import Column, Summary, Table, notes
from sim.summary.card import to_html
from sim.text import plural, shortened, span, visible

__all__ = ["Scenario", "Source"]

_FROM_ONE_SECOND = duration(least_s=1)


class Scenario(Section):
    """A scenario; made by `load`, `Scenario.from_document` or `changed`, which check it as a whole.

    Durations are whole seconds, shares lie in [0, 1], `start` is aware and in UTC. Two scenarios are equal if
    every value and the content of every inventory is.
    """

    example: ClassVar[str] = "{name: Phones, start: 2026-03-01, duration: 120d, fleet: [...]}"
    stand_in: ClassVar[Mapping[str, object]] = {
        "name": "?",
        "start": "2026-01-01",
        "duration": "1d",
        "fleet": [{"name": "?", "devices": 0}],
    }

    name: Annotated[str, text("a name", "My plan")] = Field(examples=["Delayed activation"])
    """What the scenario is called in results."""
    description: Annotated[str, FREE_TEXT] = ""
    """Free text."""
    start: Annotated[datetime, MOMENT] = Field(examples=["2026-03-01"])
    """When the run begins: a date or a date and time, in UTC unless it names an offset."""
    duration: Annotated[int, _FROM_ONE_SECOND] = Field(examples=["120d"])
    """How long the run lasts, in seconds (model 1.3)."""
    seed: Annotated[int, whole(0, 2**63 - 1)] = 1
    """The seed of every draw (model 7.1)."""
    server: Server = Server()
    """The server at the start."""
    fleet: tuple[Group, ...] = Field(examples=["[{name: phones, devices: 100}]"])
    """The devices, in groups."""
    strategy: tuple[Step, ...] = ()
    """What the administrator does, and when, in this order where instants are equal (model 2)."""
    recovery: Annotated[
        Recovery | None, BeforeValidator(lambda written: None if written == "none" else written)
    ] = None
    """The help desk that reinstalls the app on lost devices; without it nobody does (model 6.4)."""
    guarantees: tuple[Guarantee, ...] = ()
    """What the plan must achieve."""
    replications: Annotated[int, whole(1, 1_000_000)] = 1
    """How many times the run is repeated with other draws."""
    first_replication: Annotated[int, whole(0, 2**31 - 1)] = 0
    """The number of the first of them; replication r draws with (seed, r) (model 7.1)."""

    _origin: Origin | None = PrivateAttr(default=None)

    @classmethod
    def from_document(cls, document: Mapping[str, Any], *, folder: Path | None = None) -> Scenario:
        """A scenario from a dictionary in the form of the language, as a YAML reader would give it.

        Dates, timedeltas, paths and numpy scalars are taken as well.

        Args:
            document: the keys of a scenario file.
            folder: where inventories and certificates lie; default: the current directory.

        Raises:
            ScenarioError: it is not a scenario; every mistake with its key.
        """
        from sim.scenario.reading import from_document

        return from_document(document, folder=folder)

    @property
    def source(self) -> Source | None:
        """The file it was read from, or None."""
        return self._made_of.source

    @property
    def document(self) -> dict[str, Any]:
        """The scenario in the form of the language, as written: a dictionary of its own each time."""
        plain = self._made_of.node.plain()
        assert isinstance(plain, dict)
        return plain

    @property
    def inventories(self) -> Mapping[int, Inventory]:
        """The inventories by index of their group in `fleet`."""
        return self._made_of.inventories

    @property
    def folder(self) -> Path:
        """Where the paths in the scenario begin."""
        return self._made_of.folder

    def changed(self, changes: Mapping[str, Any]) -> Scenario:
        """The same scenario with other values at dotted keys, checked again: `{"fleet.0.devices": 10}`.

        Raises:
            ScenarioError: it is no longer a scenario; every mistake with its key.
        """
        from sim.scenario.reading import changed

        return changed(self._made_of, changes)

    def to_yaml(self) -> str:
        """The scenario as YAML without comments; read again beside the same files, it gives an equal one."""
        from sim.scenario.writing import to_yaml

        return to_yaml(self.document)

    def line_of(self, key: str) -> int | None:
        """The line of the value at a dotted key (`strategy.0.reissue`), or of the nearest section around."""
        place = self.place_of(key)
        return None if place is None else place.line

    def place_of(self, key: str) -> Place | None:
        """File, line and column of the value at a dotted key, or of the nearest section around."""
        return self._made_of.place_of(key)

    @property
    def validity_s(self) -> tuple[int, int]:
        """Not-before and not-after of the first certificate, in seconds from the start (model 1.4).

        Raises:
            LookupError: they stand in the certificate's file, and `with_validity` has not told them.
        """
        certificate = self.server.certificate
        if self._made_of.validity_s is not None:
            return self._made_of.validity_s
        if certificate.file is not None:
            raise LookupError(f"the validity of {certificate.file} has not been read")
        return validity_of(self, certificate.expires, certificate.valid_for)

    @property
    def expiry_s(self) -> int:
        """When the certificate that is main at the start expires, in seconds from the start.

        Raises:
            LookupError: as `validity_s`.
        """
        return self.validity_s[1]

    def with_validity(self, *, not_before: datetime, not_after: datetime) -> Scenario:
        """The same scenario, knowing what stands in the first certificate's file (aware datetimes).

        Raises:
            ScenarioError: the certificate is not valid at the start, or an instant counted from its expiry
                lies before the start.
        """
        from sim.scenario.reading import with_validity

        bounds = (not_before, not_after)
        seconds = tuple((moment - self.start) // timedelta(seconds=1) for moment in bounds)
        return with_validity(self._made_of, (seconds[0], seconds[1]))

    def instant(self, instant: Instant) -> int:
        """Seconds from the start of an instant of this scenario.

        Raises:
            LookupError: it is counted from an expiry that has not been read from its file.
        """
        return instant.resolve(
            start=self.start, expiry_s=self.expiry_s if instant.depends_on_expiry else None
        )

    @property
    def _made_of(self) -> Origin:
        if self._origin is None:
            raise TypeError("a Scenario is made by sim.scenario.load or Scenario.from_document")
        return self._origin

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Scenario):
            return NotImplemented
        return self.__dict__ == other.__dict__ and self._contents() == other._contents()

    def __hash__(self) -> int:
        return hash((self.name, self.start, self.duration, self.seed))

    def __repr__(self) -> str:
        inventories = () if self._origin is None else self._origin.inventories.values()
        listed = sum(len(inventory.rows) for inventory in inventories)
        devices = listed + sum(group.devices or 0 for group in self.fleet if group.inventory is None)
        end = self.start + timedelta(seconds=self.duration)
        parts = [
            plural(devices, "device"),
            plural(len(self.fleet), "group"),
            f"{self.start:%Y-%m-%d} to {end:%Y-%m-%d}",
            plural(len(self.strategy), "action"),
            plural(len(self.guarantees), "guarantee"),
        ]
        return f"<Scenario {visible(self.name)}: {', '.join(parts)}>"

    __str__ = __repr__

    def summary(self) -> Summary:
        """Who there is, what will be done, what is promised."""
        rows = tuple(
            (
                group.name,
                len(self.inventories[number].rows) if group.inventory else group.devices or 0,
                group.platform,
                f"every {span(group.sync.every)}, {100 * group.sync.success:.6g} % succeed",
                shortened(to_line(self.document["fleet"][number].get("presence", "always")), 90),
            )
            for number, group in enumerate(self.fleet)
        )
        others = map(Column, ("platform", "synchronizes", "is on"))
        steps = map(_step_in_words, self.document.get("strategy", ()))
        promises = [f"promise: {guarantee.promise}" for guarantee in self.guarantees]
        end = self.start + timedelta(seconds=self.duration)
        return Summary(
            self.name,
            f"{self.start:%Y-%m-%d} to {end:%Y-%m-%d} ({span(self.duration)})",
            (
                Table((Column("group"), Column("devices", "count"), *others), rows),
                notes(*steps, *promises, is_list=True),
            ),
            about=shortened(self.description or "", 400),
        )

    def _repr_html_(self) -> str:
        return to_html(self.summary())

    def _contents(self) -> dict[int, str]:
        return (
            {} if self._origin is None else {i: each.sha256 for i, each in self._origin.inventories.items()}
        )


def _step_in_words(step: Mapping[str, Any]) -> str:
    """A step of the strategy on one line: `at day 10: reissue {activate: after 30d}`."""
    actions = ", ".join(
        f"{key.replace('_', ' ')} {shortened(to_line(value), 90) if value else ''}".strip()
        for key, value in step.items()
        if key != "at"
    )
    return f"at {step['at']}: {actions}"


def validity_of(scenario: Scenario, expires: Instant | None, valid_for_s: int) -> tuple[int, int]:
    """Not-before and not-after in seconds from the start, of a first certificate without a file."""
    if expires is None:
        return 0, valid_for_s
    expiry_s = expires.resolve(start=scenario.start, expiry_s=None)
    return expiry_s - valid_for_s, expiry_s


def expect_scenario(given: object) -> None:
    """Tell whoever passes a file's name, or anything else, where a scenario belongs.

    Raises:
        TypeError: it is not a scenario.
    """
    if isinstance(given, Scenario):
        return
    read = f"sim.load({str(given)!r})" if isinstance(given, str | PathLike) else "sim.load(path)"
    raise TypeError(f"a scenario is expected here, not {type(given).__name__}: write {read}")
