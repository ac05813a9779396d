"""A scenario of one device of another, with the same draws and so the same history; and its files."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sim.errors import OutputError
from sim.files import write_new_files
from sim.lists.devices import ListOptions
from sim.scenario.inventory import Inventory, Row
from sim.scenario.prepare import Prepared
from sim.scenario.scenario import Scenario
from sim.scenario.yaml_text import to_yaml
from sim.text import quoted, span
from sim.world.fleet import PHASE_IS_DRAWN

_ONE_ROW: Final = "device.csv"
_LONGEST_NAME: Final = 200


def extract(prepared: Prepared, device: str, index: int) -> Scenario:
    """The scenario of one device alone, which has the same history in it, the help desk's queue apart.

    A numbered device is written as a group of one (`first`). The identity of an inventory's device is its id,
    which only an inventory can say: one of a single row is kept. A phase that depends on the other devices
    becomes a duration. Guarantees about other groups or platforms are left out.

    Args:
        prepared: the whole scenario.
        device: the device's name.
        index: its index in device order.
    """
    scenario, roster = prepared.scenario, prepared.roster(range(index, index + 1))
    profile = roster.profiles[roster.profile[0]]
    number, row = _origin(scenario, device)
    group: dict[str, Any] = dict(scenario.document["fleet"][number])
    inventories: dict[int, Inventory] = {}
    for key in ("devices", "first", "inventory", "columns", "list"):
        group.pop(key, None)
    if row is None:
        group |= {"devices": 1, "first": int(device.rpartition("/")[2])}
    else:
        group["inventory"] = _ONE_ROW
        listed = scenario.inventories[number]
        exported_s = listed.devices.exported_s
        options = ListOptions(exported_s=exported_s, default_timezone=scenario.timezone)
        inventories[0] = _inventory(row, options)
        if listed.exported is not None:
            group["list"] = {"exported": _utc(listed.exported)}
        if scenario.fleet[number].presence == "from list":
            group["presence"] = listed.written_presence(scenario.fleet[number].sync.every)
    if scenario.fleet[number].sync.phase == "even":
        phase_s = int(roster.phase_s[0])
        follows = row is not None and row.last_sync is not None
        phase = "random" if phase_s == PHASE_IS_DRAWN or follows else span(phase_s)
        group["sync"] = {**group["sync"], "phase": phase}
    description = f"One device of {quoted(scenario.name)}: {device}, with the same draws."
    if scenario.recovery is not None:
        description += " It is alone in the help desk's queue, so it may be helped sooner than among all."
    written = zip(scenario.document.get("guarantees") or (), scenario.guarantees, strict=True)
    document = {
        **scenario.document,
        "name": f"{scenario.name}: {device}"[:_LONGEST_NAME].strip(),
        "description": description,
        "seed": scenario.seed,
        "fleet": [group],
        "replications": 1,
        "first_replication": scenario.first_replication,
        "guarantees": [each for each, guarantee in written if guarantee.bound.selection.takes(profile)],
    }
    return Scenario.from_document(document, folder=scenario.folder, inventories=inventories)


def _origin(scenario: Scenario, device: str) -> tuple[int, Row | None]:
    """The group of the scenario that a device comes from, and its row where that has an inventory."""
    for number, inventory in scenario.inventories.items():
        for row in inventory.rows:
            if row.id == device:
                return number, row
    name = device.rpartition("/")[0]
    return next(i for i, g in enumerate(scenario.fleet) if g.name == name and g.inventory is None), None


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _inventory(row: Row, options: ListOptions) -> Inventory:
    """An inventory of one row, under the language's own headers."""
    cells = {
        "id": row.id,
        "platform": row.platform,
        "last_sync": None if row.last_sync is None else _utc(row.last_sync),
        "sync_every": None if row.sync_every is None else span(row.sync_every),
        "holds_reserve": "yes" if row.holds_reserve else None,
        "group": row.group,
    }
    if row.never_connected:
        cells["last_sync"] = "never"
    filled = {name: cell for name, cell in cells.items() if cell is not None}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([list(filled), list(filled.values())])
    inventory = Inventory.of(text.getvalue().encode(), path=_ONE_ROW, options=options)
    assert not inventory.devices.problems, inventory.devices.problems
    return inventory


# --- files ---------------------------------------------------------------------------------------------


def write_scenario(scenario: Scenario, path: Path) -> list[Path]:
    """Write a scenario and its inventories to files that do not exist yet; all of them or none.

    An inventory is written beside it, under its name with the ending `.csv`.

    Returns:
        the files.

    Raises:
        OutputError: a file exists, cannot be written, or could not name its certificate files.
    """
    reissues = (step.reissue for step in scenario.strategy if step.reissue is not None)
    named = [source.file for source in (scenario.server.certificate, *reissues) if source.file]
    if named and path.absolute().parent.resolve() != scenario.folder.resolve():
        raise OutputError(
            f"the scenario names certificate files ({named[0]}): write it to their folder, {scenario.folder}"
        )
    contents: dict[Path, bytes] = {}
    document = scenario.document
    for count, (number, inventory) in enumerate(scenario.inventories.items()):
        beside = path.with_name(f"{path.stem}{f'-{count + 1}' if count else ''}.csv")
        contents[beside] = inventory.text
        document["fleet"][number]["inventory"] = beside.name
    contents[path] = to_yaml(document).encode("utf-8")
    write_new_files(contents)
    return list(contents)
