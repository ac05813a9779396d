"""The inventories of a fleet: read from the scenario's folder, and checked against it and one another."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from sim.scenario import files
from sim.scenario.checks import Checks
from sim.scenario.durations import format_duration
from sim.scenario.fleet import Group
from sim.scenario.inventory import MOST_REPORTED, HeaderError, Inventory, read_inventory
from sim.scenario.problems import Problem, quoted
from sim.scenario.wording import Finding


class Listing:
    """Reads the inventories that a scenario names; `problems` and `findings` hold what is wrong with them."""

    def __init__(self, checks: Checks, *, known: Mapping[int, Inventory]) -> None:
        self.checks = checks
        self.folder: Path = checks.folder
        self.problems: list[Problem] = []
        self.findings: list[Finding] = []
        self.inventories: dict[int, Inventory] = {}
        self._counted = {
            group.name: range(group.first, group.first + (group.devices or 0))
            for number, group in enumerate(checks.scenario.fleet)
            if group.inventory is None and checks.sound("fleet", number, "name")
        }
        self._known = {_identity(each.path, each.columns): each for each in known.values()}
        for number, group in enumerate(checks.scenario.fleet):
            if group.inventory is not None and checks.sound("fleet", number, "inventory"):
                self._read(number, group, group.inventory)
        self._check_ids()

    def _read(self, number: int, group: Group, written: str) -> None:
        if not self.checks.sound("fleet", number, "columns") or not self.checks.whole(
            "fleet", number, "columns"
        ):
            return
        inventory = self._known.get(_identity(written, group.columns))
        if inventory is None:
            try:
                path = files.inside(self.folder, written)
                content = files.read_bytes(path, most_bytes=files.MOST_INVENTORY_BYTES)
            except files.UnreadableError as error:
                self.findings.append(Finding(("fleet", number, "inventory"), f"{quoted(written)} {error}"))
                return
            try:
                inventory, wrong = read_inventory(
                    content, path=written, file=self._file(written), columns=group.columns
                )
            except HeaderError as error:
                self.findings.append(Finding(("fleet", number, "columns", error.name), str(error)))
                return
            if wrong:
                self.problems += wrong
                return
        self.inventories[number] = inventory
        self._check_periods(number, group, inventory)

    def _file(self, written: str) -> str:
        return str(self.folder / written)

    def _check_periods(self, number: int, group: Group, inventory: Inventory) -> None:
        """Jitter and phase stay below the period of every row, as they do below that of the group."""
        path = ("fleet", number, "sync")
        jitter_s = group.sync.jitter if self.checks.sound(*path, "jitter") else 0
        written = group.sync.phase
        phase_s = written if isinstance(written, int) and self.checks.sound(*path, "phase") else 0
        wrong: list[tuple[int, str]] = []
        for row in inventory.rows:
            if row.sync_every is None:
                continue
            for key, value_s in (("jitter", jitter_s), ("phase", 0 if row.last_sync else phase_s)):
                if value_s >= row.sync_every:
                    every, value = format_duration(row.sync_every), format_duration(value_s)
                    said = f"sync_every: {every} is not longer than the group's {key}, {value}"
                    wrong.append((row.line, f"{said}: write a longer period"))
        self._report(inventory, wrong)

    def _check_ids(self) -> None:
        """A device's identity is its own in the whole fleet (model 7.2)."""
        first: dict[str, tuple[str, int]] = {}
        for number, inventory in self.inventories.items():
            if any(
                other < number and each.path == inventory.path for other, each in self.inventories.items()
            ):
                message = f"{quoted(inventory.path)} already lists another group: name each file once"
                self.findings.append(Finding(("fleet", number, "inventory"), message))
                continue
            wrong = [
                (
                    row.line,
                    f"the id {quoted(row.id)} is also a device of group {quoted(name)}: rename the group",
                )
                for row in inventory.rows
                if (name := self._group_with(row.id)) is not None
            ]
            for row in inventory.rows if len(self.inventories) > 1 else ():
                file, line = first.setdefault(row.id, (inventory.path, row.line))
                if file != inventory.path:
                    said = f"the id {quoted(row.id)} is already in {file}:{line}"
                    wrong.append((row.line, f"{said}: keep one row a device"))
            self._report(inventory, wrong)

    def _group_with(self, identity: str) -> str | None:
        """The group without inventory that has a device of this identity (`office phones/17`), or None."""
        name, slash, position = identity.rpartition("/")
        if (
            slash
            and re.fullmatch("0|[1-9][0-9]{0,8}", position)
            and int(position) in self._counted.get(name, ())
        ):
            return name
        return None

    def _report(self, inventory: Inventory, wrong: list[tuple[int, str]]) -> None:
        file = self._file(inventory.path)
        self.problems += [Problem(file, line, 1, "", message) for line, message in wrong[:MOST_REPORTED]]
        if len(wrong) > MOST_REPORTED:
            message = f"and {len(wrong) - MOST_REPORTED:,} more wrong rows: mend these first"
            self.problems.append(Problem(file, None, None, "", message))


def _identity(path: str, columns: Mapping[str, str]) -> tuple[str, tuple[tuple[str, str], ...]]:
    return path, tuple(sorted(columns.items()))
