"""Reports as files: the record and the figures beside a result, and the page."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sim.report.record import Record, RecordError, RecordGatherer
from sim.scenario.files import UnreadableError, read_bytes
from sim.studies.files import OutputError, replace_file
from sim.studies.store import PAGE, REPORT, library_versions
from sim.world.outcome import Outcome

if TYPE_CHECKING:
    from sim.studies.result import Result

MARK: Final = b"<!doctype html>\n<!-- reissue report -->"
"""How a page begins, by which it is known again."""
_MOST_BYTES: Final = 256_000_000


class Publisher:
    """What `run --out` and `--report` make of a result beside its tables.

    Args:
        result: of a run.
        command: what reproduces it.
        with_figures: also write each figure that applies, as SVG.
    """

    def __init__(self, result: Result, *, command: str, with_figures: bool = True) -> None:
        self._gatherer = RecordGatherer(result, command=command, versions=library_versions())
        self._with_figures = with_figures
        self._record: Record | None = None
        self._has_seen = False

    def see(self, replication: int, outcome: Outcome) -> None:
        """Look at a part of a replication, counted from 0."""
        self._has_seen = True
        self._gatherer.see(replication, outcome)

    def files(self) -> dict[str, bytes]:
        """The record and, where wanted, the figures, by their paths in the directory."""
        written = {REPORT: self.record.to_bytes()}
        if self._with_figures:
            from sim.report.drawings import drawings_of
            from sim.report.style import svg_bytes

            for drawing in drawings_of(self.record):
                written[f"figures/{drawing.name}.svg"] = svg_bytes(drawing.figure, name=drawing.name)
        return written

    @property
    def record(self) -> Record:
        """Of all outcomes, which are looked at now if nobody showed them."""
        if self._record is None:
            if not self._has_seen:
                self._gatherer.see_all()
            self._record = self._gatherer.record()
        return self._record

    def page(self) -> bytes:
        """The page."""
        from sim.report.page import page_of

        return page_of(self.record)


def read_record(directory: Path) -> Record:
    """The record in a directory of `run --out`.

    Raises:
        RecordError: there is none, or it cannot be read.
    """
    path = directory / REPORT
    if not directory.is_dir():
        raise RecordError(f"{directory} is not a directory: name one that `reissue run FILE --out DIR` made")
    try:
        content = read_bytes(path, most_bytes=_MOST_BYTES)
    except UnreadableError as error:
        raise RecordError(
            f"{directory} holds no {REPORT} that can be read ({error}): run the scenario again with --out"
        ) from None
    return Record.from_bytes(content, file=str(path))


def check_page(path: Path, *, overwrite: bool) -> None:
    """Refuse a name that cannot be a page's: what is there already may only be an earlier page.

    Raises:
        OutputError: it may not be written.
    """
    if not path.absolute().parent.is_dir():
        raise OutputError(f"{path} cannot be written: the folder {path.parent} does not exist")
    if not path.exists() and not path.is_symlink():
        return
    if not overwrite:
        raise OutputError(f"{path} exists: choose another name, or add --overwrite")
    try:
        is_page = path.is_file() and read_start(path) == MARK
    except OSError as error:
        raise OutputError(f"{path} cannot be read: {error.strerror or error}") from error
    if not is_page:
        raise OutputError(f"{path} is something other than a page of reissue: it is left as it is")


def read_start(path: Path) -> bytes:
    """As many bytes of a file as tell a page."""
    with path.open("rb") as stream:
        return stream.read(len(MARK))


def write_page(page: bytes, path: Path, *, overwrite: bool) -> None:
    """Write a page whole or not at all.

    Raises:
        OutputError: it may not, or cannot be written.
    """
    check_page(path, overwrite=overwrite)
    replace_file(path, page)


def page_in(directory: Path) -> Path:
    """Where the page of a directory goes by itself."""
    return directory / PAGE


def reproducing(
    file: str,
    *,
    overrides: Sequence[tuple[str, str]] = (),
    seed: int | None = None,
    replications: int | None = None,
    until_decided: int | None = None,
) -> str:
    """The command that gives the same numbers again; of the file only its name, since folders are private."""
    words = ["reissue", "run", Path(file).name]
    for key, value in overrides:
        words += ["--set", f"{key}={value}"]
    for option, given in (
        ("--seed", seed),
        ("--replications", replications),
        ("--until-decided", until_decided),
    ):
        if given is not None:
            words += [option, str(given)]
    return shlex.join(words)
