"""The table of a sweep as a file: Parquet or CSV, written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sim.errors import OutputError
from sim.files import write_file

if TYPE_CHECKING:
    import pandas as pd

FORMATS: Final = (".parquet", ".csv")


def check_file(path: Path, *, overwrite: bool) -> None:
    """Refuse a place that cannot be written, before anything runs.

    Raises:
        OutputError: the name has another ending, or something is there.
    """
    if path.suffix.lower() not in FORMATS:
        raise OutputError(f"{path} is neither Parquet nor CSV: name a file that ends in .parquet or .csv")
    if path.is_dir():
        raise OutputError(f"{path} is a folder: name a file in it")
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists: choose another name, or add --overwrite")
    if not path.absolute().parent.is_dir():
        raise OutputError(f"{path} cannot be written: the folder {path.parent} does not exist")


def write_table(table: pd.DataFrame, path: Path, *, overwrite: bool = False) -> None:
    """Write a table; the same bytes for the same table.

    Raises:
        OutputError: it cannot be written.
    """
    check_file(path, overwrite=overwrite)
    if path.suffix.lower() == ".csv":
        content = table.to_csv(index=False, lineterminator="\n").encode("utf-8")
    else:
        content = table.to_parquet(index=False)
    write_file(path, content)
