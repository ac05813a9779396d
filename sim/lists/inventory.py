"""What was understood of a list: columns, dates, rows, ages, and a `fleet:` block to paste."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Final

import numpy as np

from sim.lists.ages import DAY_S, Ages, contact_hours, presence_of
from sim.lists.devices import KNOWN, DeviceList, ListOptions
from sim.lists.forecast import DELAYS_DAYS, counts, exported_text, limits
from sim.summary import Column, Notes, Summary, Table, notes
from sim.summary.answer import Answer
from sim.text import plural, span

_CLASSES_DAYS: Final = (0, 1, 7, 14, 30, 60, 90, 180, 365)
_SEPARATORS: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
_WORDS: Final = frozenset(("yes", "no", "true", "false", "on", "off", "null", "y", "n"))
"""What YAML may take for something else than a text."""


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
        days = self.ages.ages_s // DAY_S
        bounds = [*_CLASSES_DAYS, None]
        return [
            (low, high, int(np.count_nonzero((days >= low) & ((days < high) if high is not None else True))))
            for low, high in zip(_CLASSES_DAYS, bounds[1:], strict=True)
        ]

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
        columns = {name: header for name, header in devices.columns.items() if _is_other(name, header)}
        keys: dict[str, Any] = {"exported": exported_text(devices), "timezone": options.timezone}
        keys |= {"dates": options.dates, "encoding": options.encoding}
        keys |= {"only": {header: list(values) for header, values in options.only.items()}}
        keys |= {"gone_after": span(options.gone_after_s) if options.gone_after_s else None}
        keys = {key: value for key, value in keys.items() if value}
        lines = ["fleet:", "  - name: devices", f"    inventory: {_scalar(PurePath(self.file).name)}"]
        if columns:
            lines.append(f"    columns: {_flow(columns)}")
        if keys:
            lines.append(f"    list: {_flow(keys)}")
        if devices.sync_every_s.size and not devices.sync_every_s.any():
            lines.append("    sync: {every: 6h}   # how often your devices synchronize")
        if presence_of(self.ages) is not None:
            lines.append("    presence: from list")
        if (found := contact_hours(devices)) is not None:
            hours = f"{{days: {found.days}, from: {found.first:02}:00, to: {found.end:02}:00}}"
            sure = (
                f"{100 * found.share:.3g} % of {found.contacts:,} old contacts, by the clocks of {found.zone}"
            )
            lines.append(f"    # hours: {hours}   # if devices are on then only: {sure}")
        return "\n".join(lines) + "\n"

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


def _is_other(name: str, header: str) -> bool:
    return re.sub(r"[\s_]+", "", header.lower()) != name.replace("_", "")


def _flow(mapping: dict[str, Any]) -> str:
    return f"{{{', '.join(f'{_scalar(key)}: {_value(value)}' for key, value in mapping.items())}}}"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return _flow(value)
    return f"[{', '.join(map(_scalar, value))}]" if isinstance(value, list) else _scalar(str(value))


def _scalar(text: str) -> str:
    """A text in a YAML flow: plain where nothing in it could mean anything else."""
    plain = re.fullmatch(r"[A-Za-z][\w ./+-]*(?<! )", text) and text.lower() not in _WORDS
    return text if plain else json.dumps(text, ensure_ascii=False)
