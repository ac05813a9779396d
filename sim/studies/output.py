"""The output directory of a run: written whole or not at all (language 3)."""

from __future__ import annotations

import json
import os
import platform
import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import cached_property
from hashlib import file_digest, sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final, Protocol

from pydantic import BaseModel, FiniteFloat, ValidationError

from sim.errors import InputError, visible
from sim.errors import OutputError as OutputError
from sim.files import expect_folder_of, is_partial, new_folder, read_bytes, write_file
from sim.scenario.certificates import public_copies
from sim.scenario.scenario import Scenario, load
from sim.scenario.yaml_text import read_tree, to_yaml
from sim.studies.experiment import Replications
from sim.text import no_formula
from sim.world.outcome import Outcome

if TYPE_CHECKING:
    import pandas as pd

LIBRARIES: Final = ("reissue", "simpy", "numba", "numpy", "pandas", "pyarrow", "scipy", "cryptography")
FILES: Final = (
    *("devices.parquet", "devices.csv", "timeline.parquet", "events.parquet"),
    *("run.json", "scenario.yaml"),
)
"""What every result directory holds; beside it, the scenario's inventories and certificates without a key."""
PAGE: Final = "page.html"
CHASE: Final = "chase.csv"
"""What a report adds to it, beside figures."""
MOST_BYTES: Final = 1_000_000_000
"""Of a file that is read back."""


class Beside(Protocol):
    """Whoever writes more files of a result, from one look at its devices."""

    def see(self, replication: int, outcome: Outcome, rows: pd.DataFrame) -> None:
        """Each part of each replication, counted from 0, in order, and its rows of the table of devices."""

    def files(self) -> dict[str, bytes]:
        """What to write, by the path in the directory; among `PAGE`, `CHASE` and the figures."""


def write(
    result: Replications,
    directory: Path,
    *,
    command: Sequence[str] = (),
    overwrite: bool = False,
    beside: Beside | None = None,
) -> None:
    """Write tables, `run.json`, `scenario.yaml`, its lists and certificates: whole or not at all.

    `reissue run DIRECTORY/scenario.yaml` gives the same result again.

    Args:
        result: of a run.
        directory: the name it gets.
        command: what was typed, for the record.
        overwrite: replace a directory that holds an earlier result.
        beside: writes more files, from the same look at the devices.

    Raises:
        OutputError: it exists already, or cannot be written.
    """
    from sim.studies.tables import devices_tables, events_table, timeline_tables

    check_free(directory, overwrite=overwrite)
    with new_folder(directory, replaces=lambda there: overwrite and not _foreign(there)) as partial:
        devices = devices_tables(result, see=None if beside is None else beside.see)
        _write_parts(devices, partial / "devices.parquet", zone=result.scenario.zone)
        _write_parts(timeline_tables(result), partial / "timeline.parquet")
        events_table(result).to_parquet(partial / "events.parquet", index=False)
        (partial / "scenario.yaml").write_bytes(_scenario_bytes(result))
        lists = {_copied_to(each.path): each.text for each in result.scenario.inventories.values()}
        certificates = public_copies(result.experiment.prepared.certificates.values())
        more = {} if beside is None else beside.files()
        for name, content in (lists | certificates | more).items():
            path = PurePosixPath(name)
            if ".." not in path.parts:  # it leads out of the directory, if back into the scenario's
                (partial / path).parent.mkdir(parents=True, exist_ok=True)
                (partial / path).write_bytes(content)
        document = {**result.to_json(), "provenance": provenance(result, command)}
        (partial / "run.json").write_bytes(sealed(document, partial))


def _write_parts(frames: Iterator[pd.DataFrame], path: Path, *, zone: tzinfo | None = None) -> None:
    """A table that passes by in parts, so that memory holds one; with a zone as CSV for spreadsheets, too."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet as pq

    from sim.studies.tables import for_spreadsheets, in_groups

    with ExitStack() as files:
        writers: list[Any] = []
        for frame in in_groups(frames):
            forms = [frame] if zone is None else [frame, for_spreadsheets(frame, zone)]
            tables = [pa.Table.from_pandas(each, preserve_index=False) for each in forms]
            if not writers:
                writers.append(files.enter_context(pq.ParquetWriter(path, tables[0].schema)))
                for table in tables[1:]:
                    text = files.enter_context(path.with_suffix(".csv").open("wb"))
                    text.write(BOM_UTF8)
                    writers.append(files.enter_context(pyarrow.csv.CSVWriter(text, table.schema)))
            for writer, table in zip(writers, tables, strict=True):
                writer.write_table(table)


# --- what was changed afterwards ---------------------------------------------------------------------------


def sealed(document: dict[str, Any], directory: Path) -> bytes:
    """`run.json`: a document with the SHA-256 of all other files of its directory and, last, its own."""
    files = sorted(path for path in directory.rglob("*") if path.is_file() and path.name != "run.json")
    digests = {path.relative_to(directory).as_posix(): digest_of(path) for path in files}
    whole = {**document, "files": digests, "sha256": ""}
    text = json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    return text.removesuffix(_END) + _END.replace(b'""', b'"%s"' % sha256(text).hexdigest().encode())


def is_sealed(text: bytes) -> bool:
    """Whether a `run.json` is as it was written."""
    match = re.search(rb'"sha256": "([0-9a-f]{64})"\n\}\n\Z', text[-100:])
    if match is None:
        return False
    return sha256(text[: -len(match[0])] + _END).hexdigest().encode() == match[1]


def digest_of(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as stream:
        return file_digest(stream, sha256).hexdigest()


_END: Final = b'"sha256": ""\n}\n'


# --- where it goes -----------------------------------------------------------------------------------------


def check_free(directory: Path, *, overwrite: bool) -> None:
    """Refuse a directory that holds something, unless it is an earlier result to overwrite.

    Raises:
        OutputError: it may not be written.
    """
    expect_folder_of(directory)
    if not directory.exists():
        return
    if not directory.is_dir():
        raise OutputError(f"{directory} is a file: name a directory that does not exist yet")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise OutputError(f"{directory} cannot be written: give yourself permission, or choose another name")
    if directory.samefile(Path.cwd()):
        raise OutputError(f"{directory} is the folder you are in: name one in it, such as result")
    if not any(directory.iterdir()):
        return
    if not overwrite:
        raise OutputError(f"{directory} exists and is not empty: choose another name, or add --overwrite")
    foreign = _foreign(directory)
    if foreign:
        raise OutputError(
            f"{directory} holds something other than a result ({foreign[0]}): it is left as it is"
        )


def make_folder(folder: Path) -> None:
    """Make the folder that holds several results, unless it is there.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {error.strerror or error}") from error


def _foreign(directory: Path) -> list[str]:
    """The files in a directory and below that no result wrote, by their path from there."""
    files = (path for path in directory.rglob("*") if not path.is_dir() or path.is_symlink())
    names = {path.relative_to(directory).as_posix() for path in files if not is_partial(path)}
    return sorted(names - _names_of_result(directory))


def _names_of_result(directory: Path) -> set[str]:
    """The files that a result in the directory has; none where it holds no result."""
    try:
        return {"run.json", *json.loads((directory / "run.json").read_text(encoding="utf-8"))["files"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return set()


def _copied_to(path: str) -> str:
    """Where a directory has the copy of a list: under its own name, unless a file of the result has that."""
    taken = path.casefold() in {*FILES, PAGE, CHASE} or path.casefold().startswith("figures/")
    return f"lists/{path}" if taken else path


def provenance(result: Replications, command: Sequence[str]) -> dict[str, Any]:
    """Where a result came from: enough to run it again."""
    scenario = result.scenario
    return {
        "command": [visible(word) for word in command],
        "took_s": round(result.took_s, 3),
        "versions": library_versions(),
        "document": json.loads(json.dumps(scenario.document, default=str)),
        "resolved": scenario.model_dump(mode="json", by_alias=True),
        "inventories": {inventory.path: inventory.sha256 for inventory in scenario.inventories.values()},
        "certificate_files": sorted(public_copies(result.experiment.prepared.certificates.values())),
        "certificates": {str(generation): name for generation, name in result.certificates.items()},
    }


def library_versions() -> dict[str, str]:
    """Versions of Python, this program and its libraries."""
    installed = (name for name in LIBRARIES if name == "reissue" or find_spec(name) is not None)
    return {"python": platform.python_version(), **{name: version(name) for name in installed}}


def _scenario_bytes(result: Replications) -> bytes:
    """The scenario file as read; where something was set over it or a list moves, what gives the same."""
    source, document = result.scenario.source, deepcopy(result.scenario.document)
    for group in document["fleet"]:
        if group.get("inventory") is not None:
            group["inventory"] = _copied_to(group["inventory"])
    if source is not None:
        as_read = read_tree(source.text.decode("utf-8-sig"), file=str(source.path))
        if as_read.value == document:
            return source.text
    return to_yaml(document).encode("utf-8")


# --- read again --------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Saved:
    """A result that was saved to a directory by `Result.save` or `run --out`, and what its `run.json` holds.

    Digests tell accidents and edits; whoever computes them anew is told by running `scenario` again, whose
    fingerprint is the document's.
    """

    directory: Path
    document: dict[str, Any] = field(repr=False)

    @cached_property
    def scenario(self) -> Scenario:
        """The scenario, which gives the same result again."""
        return load(self.directory / "scenario.yaml")

    @property
    def measures(self) -> dict[str, Any]:
        """The measures of the fleet; over several replications their means."""
        return dict(self.document["measures"])

    def __getattr__(self, name: str) -> pd.DataFrame:
        """`devices`, `timeline`, `events`: the tables, as those of a result."""
        if f"{name}.parquet" not in FILES:
            raise AttributeError(f"a saved result has no {name}: its tables are devices, timeline and events")
        from pandas import read_parquet

        path = self.directory / f"{name}.parquet"
        if not path.is_file() or digest_of(path) != self.document["files"].get(path.name):
            raise InputError(f"{path} was changed since it was written: save the result again")
        table = read_parquet(path)
        moments = table.select_dtypes("datetimetz")  # Parquet has milliseconds
        return table.assign(**{str(name): moments[name].dt.as_unit("s") for name in moments})

    def to_frame(self) -> pd.DataFrame:
        """The measures of each group."""
        from pandas import DataFrame

        return DataFrame.from_dict(self.document["groups"], orient="index").rename_axis("group")


class _Document(BaseModel, strict=True):
    """What is used of a `run.json`, which may be anybody's."""

    fingerprint: str
    files: dict[str, str]
    measures: dict[str, FiniteFloat | dict[str, FiniteFloat | None] | None]
    groups: dict[str, dict[str, FiniteFloat | None]]


def read(directory: str | os.PathLike[str]) -> Saved:
    """A result that was saved.

    Raises:
        InputError: there is none, or it was changed since, or its numbers are none.
    """
    path = Path(directory) / "run.json"
    try:
        content = read_bytes(path, most_bytes=MOST_BYTES)
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read: name a folder of Result.save or run --out") from error
    if not is_sealed(content):
        raise InputError(f"{path} was changed since it was written: save the result again")
    try:
        _Document.model_validate(document)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise InputError(f"{path} is no result, because of {visible(where)}: save the result again") from None
    return Saved(path.parent, document)


# --- the table of a sweep --------------------------------------------------------------------------------


def check_table_file(path: Path, *, overwrite: bool) -> None:
    """Refuse a place that cannot be written, before anything runs.

    Raises:
        OutputError: the name has another ending, or something is there.
    """
    if path.suffix.lower() not in (".parquet", ".csv"):
        raise OutputError(f"{path} is neither Parquet nor CSV: name a file that ends in .parquet or .csv")
    if path.is_dir():
        raise OutputError(f"{path} is a folder: name a file in it")
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists: choose another name, or add --overwrite")
    expect_folder_of(path)


def write_table(table: pd.DataFrame, path: Path, *, overwrite: bool = False) -> None:
    """Write a table; the same bytes for the same table.

    Raises:
        OutputError: it cannot be written.
    """
    check_table_file(path, overwrite=overwrite)
    if path.suffix.lower() == ".csv":
        shown = table.map(lambda cell: no_formula(cell) if isinstance(cell, str) else cell)
        shown = shown.rename(columns=no_formula)
        content = shown.to_csv(index=False, lineterminator="\n").encode("utf-8")
    else:
        content = table.to_parquet(index=False)
    write_file(path, content)
