"""The table of a sweep as a file: Parquet or CSV, written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sim.studies.files import OutputError

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
    partial: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(suffix=".partial", dir=path.absolute().parent)
        partial = Path(name)
        with os.fdopen(descriptor, "wb") as stream:
            if path.suffix.lower() == ".csv":
                stream.write(table.to_csv(index=False, lineterminator="\n").encode("utf-8"))
            else:
                table.to_parquet(stream, index=False)
        umask = os.umask(0)
        os.umask(umask)
        partial.chmod(0o666 & ~umask)
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        if partial is not None:
            partial.unlink(missing_ok=True)
