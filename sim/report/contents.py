"""What a page is made of: what `run --out` writes. A directory may be anybody's, so all of it is checked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import AliasPath, AwareDatetime, BaseModel, Field, TypeAdapter, ValidationError

from sim.errors import InputError, UnreadableError
from sim.figures.bars import CertificateLife, DeviceHistory, Spans
from sim.figures.series import TimeSeries
from sim.figures.style import Floats, Ints, Timespan
from sim.files import read_bytes
from sim.lists.zones import tzinfo_of
from sim.scenario.fields import Timezone
from sim.scenario.finding import Finding
from sim.scenario.fleet import MOST_DEVICES
from sim.scenario.values import LONGEST_S
from sim.studies.at_risk import COLUMNS, DevicesAtRisk
from sim.studies.chase import FromList
from sim.studies.choices import Decision
from sim.studies.margins import Margins
from sim.studies.output import MOST_BYTES, REPORT, digest_of, is_sealed
from sim.studies.plots import Switches, series_of
from sim.studies.replications import MOST_REPLICATIONS
from sim.summary import Summary, Table
from sim.text import shortened
from sim.world import SEMANTICS

FORMAT: Final = "reissue report 3"
"""Goes up with every change of `report.json`."""
MOST_SAMPLES: Final = 5_000_000
"""Samples, over all replications, that fit into memory."""
_LARGEST: Final = 10**15
_SAMPLES: Final = ("coverage", "connected", "lost", "queue", "syncs_per_hour")
_COUNTS: Final = ("connected", "lost", "queue")
_Model = TypeVar("_Model")


class ReportError(InputError):
    """A directory holds no result that a page can be made of; the message says what would help."""


class Event(BaseModel):
    """An event of `run.json`."""

    at: AwareDatetime
    event: str


class Run(BaseModel):
    """What a page takes from `run.json`."""

    name: str = Field(validation_alias="scenario")
    engine: str
    seed: int
    replications: int = Field(ge=1, le=1_000_000)
    semantics: Literal[SEMANTICS]  # type: ignore[valid-type]
    fingerprint: str
    start: AwareDatetime
    end: AwareDatetime
    events: list[Event]
    devices: int = Field(validation_alias=AliasPath("measures", "devices"), ge=0, le=MOST_DEVICES)
    versions: dict[str, str] = Field(validation_alias=AliasPath("provenance", "versions"))
    description: str = Field(validation_alias=AliasPath("provenance", "resolved", "description"))
    files: dict[str, str] = Field(default_factory=dict)
    timezone: Timezone = Field("UTC", validation_alias=AliasPath("provenance", "resolved", "timezone"))

    @property
    def end_s(self) -> int:
        """Seconds from the start to the end."""
        return self.seconds(self.end)

    def seconds(self, moment: datetime) -> int:
        """Seconds from the start to an instant."""
        return int((moment - self.start).total_seconds())


@dataclass(frozen=True, slots=True)
class Extra:
    """What no other file of a result has: `report.json`.

    Attributes:
        format: the name and the version of this form.
        command: the command that gives the same numbers again.
        summary: the result in words.
        absences: how long the devices of each group stay away, a sentence each.
        platforms: the measures by platform, as a table; None with one platform.
        findings: documented rules that the plan goes against.
        lives: the life of each certificate; the first is main at the start.
        switches: each activation of a reserve, and how many devices held it.
        outages_s: when the server answers nobody.
        technicians: how many the help desk has; None without one.
        warm_up_s: see `TimeSeries`.
        histories: what happened to a few devices.
        lists: what the lists of devices tell; None without one, or without an activation.
        margins: the losses under other delays; None where one run does not show them.
        decision: what to do, by when, and what it will cost; None where there is nothing to plan.
        no_decision: why there is not; else empty.
    """

    format: Literal["reissue report 3"]
    command: str
    summary: Summary
    absences: tuple[str, ...]
    platforms: Table | None
    findings: tuple[Finding, ...]
    lives: tuple[CertificateLife, ...]
    switches: Switches
    outages_s: Spans
    technicians: int | None
    warm_up_s: int
    histories: tuple[DeviceHistory, ...]
    lists: FromList | None
    margins: Margins | None
    decision: Decision | None
    no_decision: str

    def to_bytes(self) -> bytes:
        """As JSON."""
        return _EXTRA.dump_json(self, indent=1) + b"\n"


_EXTRA: Final = TypeAdapter(Extra)
_RUN: Final = TypeAdapter(Run)


@dataclass(frozen=True, eq=False)
class Contents:
    """Everything that a page shows.

    Attributes:
        run: the facts of `run.json`.
        extra: the whole of `report.json`.
        series: the first replications of `timeline.parquet`.
        at_risk: the devices at risk of `devices.parquet`.
    """

    run: Run
    extra: Extra
    series: TimeSeries
    at_risk: DevicesAtRisk

    def date(self, instant_s: int, form: str = "%Y-%m-%d %H:%M") -> str:
        """An instant for reading, by the clocks of the scenario's time zone."""
        try:
            return f"{(self.run.start + timedelta(seconds=instant_s)).astimezone(self.zone):{form}}"
        except OverflowError:
            return "beyond the calendar"

    @property
    def zone(self) -> tzinfo:
        """The time zone of every date that is shown."""
        return tzinfo_of(self.run.timezone)

    @property
    def timespan(self) -> Timespan:
        """The axis of its figures."""
        run = self.run
        changes = tuple((run.seconds(event.at), event.event) for event in run.events)
        return Timespan(run.name, run.start.astimezone(self.zone), run.end_s, changes)


def read_contents(directory: Path) -> Contents:
    """The contents of a directory that `run --out` made.

    Raises:
        ReportError: there is none, it cannot be read, or it was made by another version or edited.
    """
    if not directory.is_dir():
        raise ReportError(f"{directory} is not a directory: name one that `reissue run FILE --out DIR` made")
    run = _document(directory / "run.json", _RUN)
    extra = _document(directory / REPORT, _EXTRA)
    _check(run, extra, directory)
    for name in (REPORT, "timeline.parquet", "devices.parquet"):
        path = directory / name
        if not path.is_file() or run.files.get(name) != digest_of(path):
            raise _edited(path, "its digest is not that in run.json")
    at_s, columns = _read_samples(directory / "timeline.parquet", run)
    at_risk = DevicesAtRisk(run.start, at_s)
    for rows in _devices(directory / "devices.parquet", run):
        at_risk.add(rows)
    devices = run.devices
    counted = at_risk.reconnected, at_risk.received
    series = series_of(at_s, columns, *counted, devices=devices, warm_up_s=extra.warm_up_s)
    return Contents(run, extra, series, at_risk)


def looked_at(replications: int, samples: int, most: int = MOST_SAMPLES) -> int:
    """Replications of which the time series are looked at: a hundred, or as many as fit into memory."""
    return min(replications, MOST_REPLICATIONS, max(1, most // max(samples, 1)))


def run_of(document: dict[str, Any]) -> Run:
    """What a page takes from the document that becomes `run.json`."""
    return Run.model_validate_json(json.dumps({**document, "runs": []}))


def _document(path: Path, model: TypeAdapter[_Model]) -> _Model:
    try:
        content = read_bytes(path, most_bytes=MOST_BYTES)
        document = model.validate_json(content)
    except UnreadableError as error:
        raise ReportError(
            f"{path} {error}; a page is made of a directory that `reissue run FILE --out DIR` wrote"
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        if place in ("format", "semantics"):
            raise ReportError(
                f"{path} is of another version of reissue: run the scenario again with --out"
            ) from None
        raise _edited(path, f"{place}: {first['msg']}") from None
    if path.name == "run.json" and not is_sealed(content):
        raise _edited(path, "its digest is not its own")
    return document


def _edited(path: Path, what: str) -> ReportError:
    return ReportError(f"{path} is not what `reissue run` wrote ({what}): run the scenario again with --out")


def _check(run: Run, extra: Extra, directory: Path) -> None:
    """Refuse numbers that no run has, and with which nothing can be drawn."""
    if not 0 < run.end_s <= LONGEST_S or any(not 0 <= run.seconds(e.at) <= run.end_s for e in run.events):
        raise _edited(directory / "run.json", "an instant outside the run")
    is_whole = bool(extra.lives and all(held for _, held in extra.switches))
    if extra.margins is not None and is_whole:
        delays_s, lost = extra.margins.delays_s, extra.margins.lost
        is_whole = delays_s.ndim == 1 and lost.shape[1:] == delays_s.shape and len(lost) > 0
    if not is_whole or _is_beyond(asdict(extra)):
        raise _edited(directory / REPORT, "a number that no run has")


def _is_beyond(value: object) -> bool:
    """Whether a number in a value is too large to be counted or drawn."""
    if isinstance(value, dict):
        return any(map(_is_beyond, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_is_beyond, value))
    if isinstance(value, np.ndarray):
        return bool((np.abs(value) > _LARGEST).any())
    return isinstance(value, int | float) and not abs(value) <= _LARGEST


# --- tables -----------------------------------------------------------------------------------------------

_INSTANT: Final = pa.timestamp("s", tz="UTC")
_TIMELINE: Final = pa.schema(
    [("at", _INSTANT), ("replication", pa.int64()), *((name, pa.float64()) for name in _SAMPLES)]
)
_TEXTS: Final = ("device", "group", "platform", "lost_cause", "reconnected_by")
_DEVICES: Final = pa.schema(
    [
        (name, _INSTANT if name.endswith("_at") else pa.string() if name in _TEXTS else pa.int64())
        for name in COLUMNS
    ]
)


def _read_samples(path: Path, run: Run) -> tuple[Ints, dict[str, Floats]]:
    """The instants of the samples, and their columns by replication, of those that are looked at."""
    rows = pd.concat(_rows(path, _TIMELINE, run, most=MOST_SAMPLES))
    size = int(rows["replication"].eq(rows["replication"].iloc[0]).sum())
    if len(rows) % size:
        raise _edited(path, "the number of samples")
    at_s = _seconds(rows["at"], run).to_numpy(dtype=np.int64).reshape(-1, size)
    columns = {name: rows[name].to_numpy(dtype=np.float64).reshape(-1, size) for name in _SAMPLES}
    counts, load = np.array([columns[name] for name in _COUNTS]), columns["syncs_per_hour"]
    is_sound = (
        bool((at_s == at_s[0]).all() and (np.diff(at_s[0]) > 0).all())
        and bool(((counts >= 0) & (counts <= run.devices)).all())
        and not ((columns["coverage"] < 0) | (columns["coverage"] > 1)).any()
        and bool(((load >= 0) & (load <= _LARGEST)).all())
    )
    if not is_sound:
        raise _edited(path, "a sample that no run has")
    return at_s[0], columns


def _devices(path: Path, run: Run) -> Iterator[pd.DataFrame]:
    """The rows of the replications that are looked at, in parts that fit into memory."""
    for rows in _rows(path, _DEVICES, run, size=run.devices):
        counts = rows[["times_lost", "lost_for_s", "reinstalls", "critical_delay_s"]]
        if (counts < 0).any(axis=None) or (counts > _LARGEST).any(axis=None):
            raise _edited(path, "a count that no run has")
        yield rows


def _rows(
    path: Path, schema: pa.Schema, run: Run, *, size: int | None = None, most: int | None = None
) -> Iterator[pd.DataFrame]:
    """Rows of the first replications in parts, with the columns and types of a schema.

    Args:
        path: a Parquet file.
        schema: the columns that are read.
        run: says how many replications there are.
        size: how many rows each has to have; None: as many as the others.
        most: rows in all; at least one replication is read.

    Raises:
        ReportError: the file cannot be read, or has other columns, types or instants.
    """
    try:
        with pq.ParquetFile(path) as file:
            each, rest = divmod(file.metadata.num_rows, run.replications)
            if rest or size not in (None, each) or (size is None and each == 0):
                raise _edited(path, "the number of rows")
            left = each * looked_at(run.replications, each, most or run.replications * each)
            for batch in file.iter_batches(columns=schema.names):
                rows = pa.Table.from_batches([batch]).select(schema.names).cast(schema).to_pandas()
                for name in (name for name in schema.names if name.endswith("at")):
                    if not _seconds(rows[name], run).dropna().between(0, run.end_s).all():
                        raise _edited(path, "an instant outside the run")
                yield rows.head(left)
                left -= len(rows)
                if left <= 0:
                    return
    except (pa.ArrowException, OSError, KeyError, UnicodeError) as error:
        raise _edited(path, shortened(" ".join(str(error).split()), 200)) from None


def _seconds(moments: pd.Series[Any], run: Run) -> pd.Series[Any]:
    """Instants as seconds from the start of the run."""
    return (moments - pd.Timestamp(run.start)) // pd.Timedelta("1s")
