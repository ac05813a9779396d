"""What was understood of a list: columns, dates, rows, ages, and a `fleet:` block to paste."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Final

import numpy as np
import yaml

from sim.lists.ages import DAY_S, Ages, contact_hours, presence_of
from sim.lists.devices import KNOWN, DeviceList, ListOptions
from sim.lists.forecast import DELAYS_DAYS, counts, exported_text, limits
from sim.lists.table import folded
from sim.summary import Column, Notes, Summary, Table, notes
from sim.summary.answer import Answer
from sim.text import plural, span

_CLASSES_DAYS: Final = (0, 1, 7, 14, 30, 60, 90, 180, 365)
_SEPARATORS: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Inventory(Answer):
    """A list without problems, the file it is in, and how it was asked to be read."""

    devices: DeviceList = field(repr=False)
    ages: Ages = field(repr=False)
    file: str
    options: ListOptions

    @classmethod
    def of(cls, devices: DeviceList, *, file: str, options: ListOptions) -> Inventory:
        """What a list tells."""
        return cls(devices, Ages.of(devices), file, options)

    def classes(self) -> list[tuple[int, int | None, int]]:
        """Days from, days to (None: no end) and devices of each class of ages."""
        devices, _ = np.histogram(self.ages.ages_s // DAY_S, [*_CLASSES_DAYS, np.inf])
        return list(zip(_CLASSES_DAYS, [*_CLASSES_DAYS[1:], None], devices.tolist(), strict=True))

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        devices = self.devices
        return {
            "exported": exported_text(devices),
            "devices": len(devices.ids),
            **counts(devices),
            "columns": dict(devices.columns),
            "encoding": devices.encoding,
            "separator": devices.separator,
            "dates": [{"form": form, "rows": rows} for form, rows in devices.forms],
            "timezone": devices.zone,
            "left_out": [
                {"reason": each.reason, "rows": each.rows, "examples": list(each.examples)}
                for each in devices.left_out
            ],
            "notes": list(devices.notes),
            "ages": [
                {"from_days": low, "to_days": high, "devices": count} for low, high, count in self.classes()
            ],
            "silent": [
                {"days": days, "devices": self.ages.longer_than(days * DAY_S)} for days in DELAYS_DAYS
            ],
            "fleet": self.to_yaml(),
        }

    def to_yaml(self) -> str:
        """A `fleet:` block that reads the list as it was read here."""
        devices, options = self.devices, self.options
        reading = {
            "exported": exported_text(devices),
            "timezone": options.timezone,
            "dates": options.dates,
            "encoding": options.encoding,
            "only": {header: list(values) for header, values in options.only.items()},
            "gone_after": span(options.gone_after_s) if options.gone_after_s else None,
        }
        others = {name: each for name, each in devices.columns.items() if folded(each) != folded(name)}
        is_periodic = devices.sync_every_s.any() or not devices.ids
        group = {
            "name": "devices",
            "inventory": PurePath(self.file).name,
            "columns": others,
            "list": {key: value for key, value in reading.items() if value},
            "sync": None if is_periodic else {"every": "6h"},
            "presence": None if presence_of(self.ages) is None else "from list",
        }
        block = {"fleet": [{key: value for key, value in group.items() if value}]}
        text: str = yaml.safe_dump(
            block, sort_keys=False, default_flow_style=None, allow_unicode=True, width=math.inf
        )
        text = text.replace("sync: {every: 6h}", "sync: {every: 6h}   # how often your devices synchronize")
        if (found := contact_hours(devices)) is not None:
            hours = f"{{days: {found.days}, from: {found.first:02}:00, to: {found.end:02}:00}}"
            sure = (
                f"{100 * found.share:.3g} % of {found.contacts:,} old contacts, by the clocks of {found.zone}"
            )
            text += f"  # hours: {hours}   # if devices are on then only: {sure}\n"
        return text

    def summary(self) -> Summary:
        """In words."""
        devices = self.devices
        counted = counts(devices)
        known = int(np.count_nonzero(devices.contact == KNOWN))
        answer = f"{plural(len(devices.ids), 'device')}, {known:,} of them with a last contact."
        understood = Table(
            (Column(""), Column("")),
            (
                *((name, header) for name, header in devices.columns.items()),
                ("list made", exported_text(devices) or "not known"),
                ("dates", ", ".join(f"{form} ({rows:,})" for form, rows in devices.forms) or "none"),
                ("time zone", devices.zone),
                ("file", f"{_SEPARATORS.get(devices.separator, devices.separator)}, {devices.encoding}"),
                *((key.replace("_", " "), f"{count:,}") for key, count in counted.items() if count),
            ),
            title="What was understood",
        )
        ages = Table(
            (Column("silent for"), Column("devices", "count"), Column("", "bar")),
            tuple((_class(low, high), count, count / max(known, 1)) for low, high, count in self.classes()),
            title="Ages of the last contact",
        )
        silent = Table(
            (Column("silent for longer than"), Column("devices", "count"), Column("share", "share")),
            tuple(
                (plural(days, "day"), n, n / max(known, 1))
                for days in DELAYS_DAYS
                for n in [self.ages.longer_than(days * DAY_S)]
            ),
            title="So many will not have the reserve after such a delay",
        )
        said = [*map(_sentence, map(str, devices.left_out)), *map(_sentence, devices.notes)]
        parts: list[Table | Notes] = [understood, ages, silent]
        parts.append(notes(*said, *limits(devices, self.ages), title="To know", is_list=True))
        parts.append(notes(*self.to_yaml().splitlines(), title="To paste into a scenario"))
        return Summary(f"The list {self.file}", answer, tuple(parts))


def _class(low: int, high: int | None) -> str:
    return f"{low} to {high} days" if high is not None else f"{low} days and more"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."
