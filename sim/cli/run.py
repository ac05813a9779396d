"""`reissue run`, `compare` and `report`: what writes results, and what becomes of them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sim.cli import DONE, FAILS, UNDECIDED, options
from sim.cli.options import Pairs

if TYPE_CHECKING:
    from sim.studies.run import Result


@options.command(
    "reissue run scenarios/delayed_30d.yaml",
    "reissue run scenarios/changed_address.yaml --set strategy.0.at='day 5'",
)
@options.files
@options.study
@options.path("--out", metavar="DIR", help="Write tables, figures and provenance to a new directory.")
@options.flag("--no-figures", help="Write no figures and no page to --out.")
@options.path("--report", metavar="FILE", help="Also write a page: one HTML file with answer and figures.")
@options.overwrite
def run(
    files: tuple[Path, ...],
    out: Path | None,
    no_figures: bool,
    report: Path | None,
    overwrite: bool,
    as_json: bool,
    overrides: Pairs,
    **choices: Any,
) -> int:
    """Simulate scenarios, and tell how many devices lose their server."""
    from sim.files import write_file
    from sim.studies.output import make_folder, write
    from sim.studies.run import run as study

    if report is not None and len(files) > 1:
        raise click.UsageError("--report makes the page of one scenario: run them one by one")
    scenarios = options.read_all(files, overrides)
    directories = directories_of(files, out, overwrite=overwrite)
    if report is not None or directories:
        from sim.report import page  # which loads what draws
    if report is not None:
        page.check_page(report, overwrite=overwrite)
    documents, code = [], DONE
    for place, scenario in enumerate(scenarios):
        with options.progress(scenario.name) as calls:
            result = study(scenario, **choices, **calls)
            if directories or report is not None:
                beside = page.Page(result, with_figures=not no_figures)
            if directories:
                make_folder(directories[place].parent)
                command = ["reissue", *sys.argv[1:]]
                write(result, directories[place], command=command, overwrite=overwrite, beside=beside)
            if report is not None:
                page.check_page(report, overwrite=overwrite)
                write_file(report, beside.html)
                options.show_written(report)
        if as_json:
            documents.append(result.to_json())
        else:
            click.echo("\n" * (place > 0), nl=False)
            options.show(result, as_json=False)
            for directory in directories[place : place + 1]:
                options.show_written(directory)
        code = max(code, exit_code(result), key=(DONE, UNDECIDED, FAILS).index)
    if as_json:
        options.show_json(documents[0] if len(documents) == 1 else {"runs": documents})
    return code


def exit_code(result: Result) -> int:
    """0: every guarantee holds; 1: one fails; 3: one is undecided or vacuous."""
    verdicts = {verdict.verdict for verdict in result.guarantees if not verdict.passes}
    if "fails" in verdicts:
        return FAILS
    return UNDECIDED if verdicts else DONE


def directories_of(files: Sequence[Path], out: Path | None, *, overwrite: bool) -> list[Path]:
    """Where each file's result goes, found free: DIR itself, or a directory in it for each of several."""
    from sim.studies.output import check_free

    if out is None:
        return []
    directories = [out] if len(files) == 1 else [out / file.stem for file in files]
    if len(set(directories)) < len(files):
        raise click.UsageError("--out needs scenario files of different names: run them one by one")
    for directory in directories if len(files) == 1 or out.is_dir() else [out]:
        check_free(directory, overwrite=overwrite)
    return directories


@options.command(
    "reissue compare scenarios/automatic_reissue_6_0.yaml scenarios/no_automatic_reissue_4_1.yaml"
)
@options.files
@options.path("--out", metavar="DIR", help="Write each run to a directory in DIR.")
@options.overwrite
@click.option("--measure", help="Rank by this measure; default: the first in which they differ.")
@options.study
def compare(
    files: tuple[Path, ...],
    out: Path | None,
    overwrite: bool,
    as_json: bool,
    overrides: Pairs,
    **choices: Any,
) -> int:
    """Different strategies for the same fleet living the same days: paired differences.

    Every file takes the first one's seed and number of replications, unless you say otherwise.
    """
    from sim.studies.compare import compare as study
    from sim.studies.output import make_folder, write

    if len(files) < 2:
        raise click.UsageError("a comparison needs at least two scenario files")
    scenarios = options.read_all(files, overrides)
    directories = directories_of(files, out, overwrite=overwrite)
    with options.progress("comparing") as calls:
        comparison = study(*scenarios, **{**choices, **calls})
    for directory, result in zip(directories, comparison.results, strict=False):
        make_folder(directory.parent)
        write(result, directory, command=["reissue", *sys.argv[1:]], overwrite=overwrite)
    options.show(comparison, as_json=as_json)
    return DONE


@options.command("reissue run scenarios/delayed_30d.yaml --out result", "reissue report result")
@click.argument("directory", metavar="DIR", type=options.PATH)
@options.path("--page", metavar="FILE", help="Copy the page to this file.")
@options.overwrite
def report(directory: Path, page: Path | None, overwrite: bool) -> int:
    """The page of the result in DIR: one HTML file with the answer, figures and tables.

    `reissue run FILE --out DIR` wrote it; here it is checked for changes, and copied where you want it.
    """
    from sim.files import write_file
    from sim.report.page import check_page, page_in
    from sim.studies.output import PAGE

    content = page_in(directory)
    if page is not None:
        check_page(page, overwrite=overwrite)
        write_file(page, content)
    options.show_written(page or directory / PAGE)
    return DONE
