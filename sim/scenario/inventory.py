"""An inventory: a group's list of devices, in a file of the scenario's folder (language 1.2, model 11)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np

from sim.errors import UnreadableError
from sim.files import inside, read_bytes
from sim.lists.devices import KNOWN, DeviceList, ListOptions
from sim.scenario.fleet import Group
from sim.scenario.problems import KeyPath, Mistake, Problem
from sim.scenario.schema import Contents
from sim.scenario.values import parse_duration
from sim.text import quoted, span
from sim.world.distributions import Distribution
from sim.world.fleet import Spells

MOST_INVENTORY_BYTES: Final = 256_000_000
MOST_REPORTED: Final = 50
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, eq=False)
class Inventory:
    """The devices of one file, and how it was read.

    Attributes:
        path: as the scenario names it.
        text: the file.
        options: how it was asked to be read.
        devices: in the order of the file.
    """

    path: str
    text: bytes = field(repr=False)
    options: ListOptions
    devices: DeviceList = field(repr=False)

    @classmethod
    def of(cls, content: bytes, *, path: str, options: ListOptions) -> Inventory:
        """The devices in the content of a file; what is wrong with it is among `devices.problems`."""
        from sim.lists.reading import read_list  # loads pandas where there is a zone

        return cls(path, content, options, read_list(content, options, duration_s=parse_duration))

    def __len__(self) -> int:
        """How many devices there are."""
        return len(self.devices.ids)

    @property
    def sha256(self) -> str:
        """Of the file."""
        return self.devices.sha256

    @property
    def exported(self) -> datetime | None:
        """When the list was made; None: it has no date."""
        return None if self.devices.exported_s is None else _moment(self.devices.exported_s)

    def presence(self, every_s: int) -> Spells | None:
        """The spells that the list shows (model 11.6); None if no device is away, or all are.

        Args:
            every_s: the period of the devices whose row names none.
        """
        from sim.lists.ages import Ages, presence_of

        law = presence_of(Ages.of(self.devices, every_s=every_s))
        if law is None:
            return None
        return Spells(
            Distribution.exponential(max(1, round(law.on_mean_s))), Distribution.still_away(law.off)
        )

    def written_presence(self, every_s: int) -> dict[str, Any] | None:
        """The same as a scenario writes it."""
        spells = self.presence(every_s)
        if spells is None:
            return None
        points = {f"{seconds:.0f}s": share for seconds, share in zip(*spells.off.points, strict=True)}
        return {"on": {"exponential": f"{spells.on.a:.0f}s"}, "off": {"still_away": points}}


def _moment(seconds: int) -> datetime:
    return _EPOCH + timedelta(seconds=seconds)


def options_of(contents: Contents, group: Group) -> ListOptions:
    """How a group's list is to be read."""
    how = group.list_
    exported_s = None
    if how.exported is not None and not how.exported.depends_on_expiry:
        from_start_s = how.exported.resolve(start=contents.start, expiry_s=None, zone=contents.zone)
        exported_s = (contents.start - _EPOCH) // timedelta(seconds=1) + from_start_s
    return ListOptions(
        columns=group.columns,
        exported_s=exported_s,
        timezone=how.timezone,
        default_timezone=contents.timezone,
        dates=how.dates,
        encoding=how.encoding,
        only=how.only,
        gone_after_s=how.gone_after,
    )


class Inventories:
    """The inventories that a scenario names, read from its folder and checked against the fleet.

    Attributes:
        read: by index of the group in `fleet`.
        mistakes: in the scenario.
        problems: in the files.
    """

    def __init__(
        self, contents: Contents, folder: Path, *, known: Iterable[Inventory], tables: Mapping[str, bytes]
    ) -> None:
        self.read: dict[int, Inventory] = {}
        self.mistakes: list[Mistake] = []
        self.problems: list[Problem] = []
        self._folder = folder
        kept = {each.path: each for each in known}
        for number, group in enumerate(contents.fleet):
            if group.inventory is None:
                continue
            options, before = options_of(contents, group), kept.get(group.inventory)
            if before is None or before.options != options:
                before = self._inventory(number, group.inventory, options, tables)
            if before is not None:
                self.read[number] = before
                self._check_periods(group, before)
                if group.presence == "from list" and before.presence(group.sync.every) is None:
                    message = (
                        "the list does not show how devices come and go, as it has devices in contact within "
                        "their period alone, or none of them: write presence: always, or {on: …, off: …}"
                    )
                    self.mistakes.append(Mistake(("fleet", number, "presence"), message))
        self._check_ids(contents)

    def _inventory(
        self, number: int, written: str, options: ListOptions, tables: Mapping[str, bytes]
    ) -> Inventory | None:
        path: KeyPath = ("fleet", number)
        try:
            content = tables.get(written)
            if content is None:
                content = read_bytes(inside(self._folder, written), most_bytes=MOST_INVENTORY_BYTES)
        except UnreadableError as error:
            self.mistakes.append(Mistake((*path, "inventory"), f"{quoted(written)} {error}"))
            return None
        inventory = Inventory.of(content, path=written, options=options)
        for each in inventory.devices.problems:
            if each.key:  # such as columns.id, or list.only.OS
                key = each.key.split(".", 2 if each.key.startswith("list.only.") else 1)
                self.mistakes.append(Mistake((*path, *key), each.message))
            else:
                file = str(self._folder / written)
                self.problems.append(Problem(file, each.line, None, "", each.message))
        return None if inventory.devices.problems else inventory

    def _check_periods(self, group: Group, inventory: Inventory) -> None:
        """Jitter and phase stay below the period of every row, as they do below that of the group."""
        devices, phase = inventory.devices, group.sync.phase
        phases_s = np.where(devices.contact == KNOWN, 0, phase if isinstance(phase, int) else 0)
        every_s = devices.sync_every_s
        wrong: list[tuple[int, str]] = []
        for key, values_s in (("jitter", np.full(len(inventory), group.sync.jitter)), ("phase", phases_s)):
            for i in np.flatnonzero((every_s > 0) & (values_s >= every_s)).tolist():
                period = f"sync_every: {span(int(every_s[i]))} is not longer than the group's {key}"
                message = f"{period}, {span(int(values_s[i]))}: write a longer period"
                wrong.append((int(devices.lines[i]), message))
        self._report(inventory, sorted(wrong))

    def _check_ids(self, contents: Contents) -> None:
        """A device's identity is its own in the whole fleet (model 7.2)."""
        numbered = {
            group.name: range(group.first, group.first + (group.devices or 0))
            for group in contents.fleet
            if group.inventory is None
        }
        first: dict[str, tuple[str, int]] = {}
        files: set[str] = set()
        for number, inventory in self.read.items():
            if inventory.path in files:
                message = f"{quoted(inventory.path)} already lists another group: name each file once"
                self.mistakes.append(Mistake(("fleet", number, "inventory"), message))
                continue
            files.add(inventory.path)
            wrong: list[tuple[int, str]] = []
            for identity, line in zip(inventory.devices.ids, inventory.devices.lines.tolist(), strict=True):
                name, _, position = identity.rpartition("/")  # such as office phones/17
                is_number = name in numbered and re.fullmatch("0|[1-9][0-9]{0,8}", position) is not None
                if is_number and int(position) in numbered[name]:
                    same = f"the id {quoted(identity)} is also a device of group {quoted(name)}"
                    wrong.append((line, f"{same}: rename the group"))
                if len(self.read) == 1:
                    continue
                file, there = first.setdefault(identity, (inventory.path, line))
                if file != inventory.path:
                    same = f"the id {quoted(identity)} is already in {file}:{there}"
                    wrong.append((line, f"{same}: keep one row a device"))
            self._report(inventory, wrong)

    def _report(self, inventory: Inventory, wrong: list[tuple[int, str]]) -> None:
        file = str(self._folder / inventory.path)
        self.problems += [Problem(file, line, 1, "", message) for line, message in wrong[:MOST_REPORTED]]
        if len(wrong) > MOST_REPORTED:
            message = f"and {len(wrong) - MOST_REPORTED:,} more wrong rows: correct these first"
            self.problems.append(Problem(file, None, None, "", message))
